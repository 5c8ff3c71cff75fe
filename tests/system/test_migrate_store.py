"""Moving an installation between SQLite and PostgreSQL: all rows, numbers and secrets arrive, and whatever goes wrong says so."""
import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import database
from conftest import LECTERN, Daemon, add_vendor, check_end, run_lectern, wait_until

SERVER = os.environ.get("LECTERN_TEST_POSTGRES", "").rstrip("/")
pytestmark = pytest.mark.skipif(not SERVER, reason="no PostgreSQL server: LECTERN_TEST_POSTGRES is not set")

HOSTILE = ["", "\0", "a\0b\0", "\ufdd0", "\ufdd00\ufdd01\0", "\uffff\ufffe", "\U0010ffff", "👩\u200d👩\u200d👧 e\u0301", "'; DROP TABLE site; --", "\\x00\\", "\r\n\t\x01\x7f",
           "$1 {blob} {serial}", "NaN", "-0", "1e400", "ß" * 70000, "x" * (1 << 20)]
PERIOD = time.strftime("since=%Y-%m-%d&until=%Y-%m-%dT23:59:59Z", time.gmtime())
ROUTES = ["/v1/actions", "/v1/policy/texts", "/v1/reports/policy", "/v1/provider-plugins", "/v1/providers", "/v1/content-sources", "/v1/mcp-servers", "/v1/placements",
          "/v1/switches", "/v1/emergency-stop", "/v1/event-destinations", "/v1/events/dead", "/v1/limits", "/v1/limits/notices", "/v1/prices", "/v1/gradings", "/v1/roles",
          "/v1/courses", "/v1/keys", "/v1/permissions", "/v1/site", "/v1/profiles", "/v1/prompts", "/v1/scopes", "/v1/sessions", "/v1/tasks", "/v1/register?content=true",
          f"/v1/reports/usage?by=day,action,provider&{PERIOD}", f"/v1/reports/cost?{PERIOD}",
          f"/v1/reports/latency?{PERIOD}", f"/v1/reports/feedback?{PERIOD}", "/v1/reports/guards", "/v1/templates"]


@pytest.fixture()
def empty():
    """URL of a new, empty database on the server; gone afterwards."""
    name = f"move{os.getpid()}_{random.getrandbits(48):x}"
    with database_server() as server, server.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    yield f"{SERVER}/{name}"
    with database_server() as server, server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def database_server():
    import psycopg2

    server = psycopg2.connect(SERVER + "/postgres")
    server.autocommit = True
    with contextlib.closing(server):
        yield server


def sqlite(data):
    return f"sqlite:{data}/lectern.db"


def serve(data, url, **options):
    return Daemon(data, "--database", url, **options)


def move(source, target, *options, check=True):
    done = run_lectern("migrate", "--from", source, "--to", target, *options, check=False, timeout=300)
    assert not check or done.returncode == 0, done
    return done


def rows_of(url, table):
    """All rows as sqlite3 gives them, in one order."""
    if url.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:"))) as db:
            columns = sorted(row[1] for row in db.execute(f"PRAGMA table_info({table})"))
            found = db.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
    else:
        with contextlib.closing(database.Postgres(url, None)) as db:
            columns = sorted(row[0] for row in db.execute("SELECT column_name FROM information_schema.columns WHERE table_name = ? AND is_generated = 'NEVER'", (table,)))
            found = [tuple(clear(v) for v in row) for row in db.execute(f"SELECT {', '.join(columns)} FROM {table}")]
    return columns, sorted(found, key=repr)


def clear(value):
    """A text as it was before PostgreSQL got it: src/store/postgres_value.c."""
    return re.sub("\ufdd0([01])", lambda m: "\0" if m[1] == "0" else "\ufdd0", value) if isinstance(value, str) else value


def tables_of(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                                             " AND name <> 'schema_migration' ORDER BY name")]


def use(daemon, upstream, dice):
    """A random run over what keeps rows: calls, ratings, sessions, tasks, limits, roles, switches, destinations, policies, keys."""
    admin, learner = daemon.admin_key, daemon.learner

    def expect(answer, *codes):
        assert answer.status in codes, answer
        return answer

    add_vendor(daemon, upstream, first=False)
    expect(daemon.request("POST", "/v1/limits", admin, {"name": "calls", "what": "calls", "max": 100000, "period": "day"}), 201, 400, 422)
    expect(daemon.request("POST", "/v1/event-destinations", admin, {"name": "lrs", "kind": "xapi", "url": "http://127.0.0.1:9/x", "enabled": False, "config": {}}), 201, 400, 422)
    calls = []
    for i in range(25):
        text = dice.choice([t for t in HOSTILE if t.strip() and len(t) < 5000 and "\0" not in t])
        answer = daemon.request("POST", "/v1/actions/generate_text", dice.choice([learner, daemon.teacher]),
                                {"input": {"prompt": f"{i} {text}"}, "context": {"course_id": f"c{dice.randrange(4)}", "location_id": text[:200]}},
                                headers={"Idempotency-Key": f"k{i}"})
        if answer.status == 200:
            calls.append(answer.json.get("call_id") or answer.json.get("id"))
    for call in filter(None, calls[:5]):
        daemon.request("PUT", f"/v1/actions/calls/{call}/feedback", learner, {"rating": dice.choice(["up", "down"]), "comment": dice.choice(HOSTILE[5:10])})
    assert len(calls) >= 5


def get(daemon, path):
    answer = daemon.request("GET", path, daemon.admin_key)
    return answer.status, answer.body


def sealed(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        wait_until(lambda: db.execute("SELECT COUNT(*) FROM register_pending").fetchone()[0] == 0, what="the sealer's end")


def test_the_daemon_answers_on_postgresql_as_it_did_on_sqlite_and_again_when_moved_back(tmp_path, upstream, empty):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    data = tmp_path / "data"
    daemon = serve(data, sqlite(data))
    for key in (daemon.learner, daemon.teacher):
        daemon.accept_policy(key)
    use(daemon, upstream, random.Random(seed))
    sealed(data / "lectern.db")
    before = {path: get(daemon, path) for path in ROUTES}
    assert all(status == 200 for status, _ in before.values()), {p: s for p, (s, _) in before.items() if s != 200}
    check_end(daemon)

    done = move(sqlite(data), empty)
    assert "master.key" in done.stdout and str(data) in done.stdout
    assert all(line.split()[-1] == "yes" for line in done.stdout.splitlines()[1:] if line.split()[-1] in ("yes", "no"))
    daemon = serve(data, empty)
    now = {path: get(daemon, path) for path in ROUTES}
    for path in ROUTES:
        assert now[path] == before[path], path
    answer = daemon.request("POST", "/v1/providers/vendor/test", daemon.admin_key, {})  # the sealed key is read
    assert answer.status == 200, answer
    assert any(r["headers"].get("authorization") == "Bearer test-key-123" for r in upstream.requests())
    added = daemon.request("POST", "/v1/actions/generate_text", daemon.teacher, {"input": {"prompt": "and on"}, "context": {"course_id": "c1"}})
    assert added.status == 200, added
    wait_until(lambda: rows_of(empty, "register_pending")[1] == [], what="the sealer's end")
    after = {path: get(daemon, path) for path in ROUTES}
    check_end(daemon)
    assert "The register is whole" in run_lectern("register", "verify", "--data", data, "--database", empty)

    back = tmp_path / "back"
    back.mkdir()
    move(empty, sqlite(back), "--data", data)
    for name in ("master.key", "register.head", "demo.json"):
        shutil.copy2(data / name, back / name)
    daemon = serve(back, sqlite(back))
    assert {path: get(daemon, path) for path in ROUTES} == after
    check_end(daemon)


# ---- rows of every table ----

def made_up(dice, kind, name, n, indexed):
    if "INT" in kind:
        return dice.choice([n, n + 7, (1 << 63) - 1, -(1 << 63), 0]) if name not in ("n", "seq", "number", "position", "revision", "version") else n
    if kind == "BLOB":
        return bytes([n % 256, n // 256]) + dice.randbytes(14)
    if "DOUBLE" in kind:
        return dice.choice([0.1, 1e300, -5e-324, 3.0, 1 / 3])
    return f"{dice.choice([t for t in HOSTILE if len(t) < 300 or not indexed])}{n}" if name not in ("uuid", "slug") else f"{name}{n}"


def fill(path, dice, rows):
    """Rows in every table, of everything a column can hold; what refers to others refers to the first there is."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        left = tables_of(path)
        while left:
            for table in list(left):
                parents = {row[3]: (row[2], row[4]) for row in db.execute(f"PRAGMA foreign_key_list({table})")}
                if any(parent in left for parent, _ in parents.values()):
                    continue
                left.remove(table)
                columns = db.execute(f"PRAGMA table_info({table})").fetchall()
                indexes = [row[1] for row in db.execute(f"PRAGMA index_list({table})")]
                indexed = {row[2] for index in indexes for row in db.execute(f"PRAGMA index_info({index})")} | {c[1] for c in columns if c[5]}
                for n in range(1, rows + 1):
                    values = []
                    for _, name, kind, not_null, _, key in columns:
                        if name in parents:
                            values.append(db.execute(f"SELECT {parents[name][1] or 'id'} FROM {parents[name][0]} ORDER BY 1 LIMIT 1 OFFSET ?", (n % rows,)).fetchone()[0])
                        elif key and "INT" in kind:
                            values.append(1000 + n)
                        elif not not_null and not key and dice.random() < 0.3:
                            values.append(None)
                        else:
                            values.append(made_up(dice, kind, name, n, name in indexed))
                    db.execute(f"INSERT OR IGNORE INTO {table} ({', '.join(c[1] for c in columns)}) VALUES ({', '.join('?' * len(columns))})", values)
        db.commit()


@pytest.fixture()
def full(tmp_path):
    """A data directory whose tables all have rows, and its path."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    data = tmp_path / "full"
    check_end(serve(data, sqlite(data)))
    fill(data / "lectern.db", random.Random(seed), 5)
    return data


def test_every_table_arrives_to_the_byte_and_numbers_go_on_behind_those_that_were_given(full, empty):
    with contextlib.closing(sqlite3.connect(full / "lectern.db")) as db:
        db.execute("UPDATE sqlite_sequence SET seq = 77777 WHERE name = 'site_key'")
        db.commit()
    move(sqlite(full), empty, check=False)  # the register is made up, so its chain is not whole; the rows are compared here
    for table in tables_of(full / "lectern.db"):
        if table.startswith("course_fulltext"):
            continue
        here = rows_of(sqlite(full), table)
        assert here[1], f"the test has left {table} empty"
        assert rows_of(empty, table) == here, table
    with contextlib.closing(database.Postgres(empty, None)) as db:
        assert db.execute("INSERT INTO site_key (site_id, hash, prefix, role, name, created_at) SELECT MIN(id), 'x', 'x', 'x', 'x', 1 FROM site RETURNING id").fetchone()[0] == 77778
        newest = db.execute("SELECT MAX(id) FROM workflow_task").fetchone()[0]
        assert db.execute("SELECT last_value FROM pg_sequences WHERE sequencename = 'workflow_task_id_seq'").fetchone()[0] >= newest


def test_a_changed_register_is_told_and_the_exit_code_is_1(full, empty):
    done = move(sqlite(full), empty, check=False)
    assert done.returncode == 1
    assert re.search(r"register: \d+ entries of \d+ calls checked, [1-9]\d* findings", done.stdout), done.stdout


# ---- broken off ----

def make_long(path, rows):
    """So many calls that a move can be killed in the middle."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executemany("INSERT INTO register_summary (site_id, day, action, provider, model, course_id, state, calls, prompt_tokens, completion_tokens, total_tokens, cost, unpriced)"
                       " VALUES (1, ?, '', '', '', '', '', 1, 1, 1, 1, 1, 1)", ((str(i),) for i in range(rows)))
        db.commit()


@pytest.mark.parametrize("way", ["to postgresql", "to sqlite"])
def test_a_killed_move_leaves_a_target_that_nobody_opens_until_it_is_moved_again(tmp_path, empty, way):
    data, other = tmp_path / "data", tmp_path / "other"
    check_end(serve(data, sqlite(data)))
    make_long(data / "lectern.db", 30000)
    source, target = sqlite(data), empty
    if way == "to sqlite":
        move(source, target)
        other.mkdir()
        source, target = empty, sqlite(other)
    options = ["--data", str(data)] if way == "to sqlite" else []
    process = subprocess.Popen([LECTERN, "migrate", "--from", source, "--to", target, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("copy meta"):  # tables go by their names: register_summary is behind it
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL, "it ended before it was killed"
    process.stderr.close()
    half = run_lectern("site", "list", "--data", data, "--database", target, check=False)
    assert half.returncode == 1 and "half moved" in half.stderr, half
    refused = move(source, target, *options, check=False)
    assert refused.returncode == 1 and "half moved" in refused.stderr and "--again" in refused.stderr, refused
    move(source, target, "--again", *options)
    assert "demo" in run_lectern("site", "list", "--data", data, "--database", target)
    assert rows_of(target, "register_summary") == rows_of(source, "register_summary")


# ---- refusals ----

def test_a_target_with_rows_is_refused_and_stays_as_it_is_also_with_again(tmp_path, empty):
    data, other = tmp_path / "data", tmp_path / "other"
    for folder in (data, other):
        check_end(serve(folder, sqlite(folder)))
    for options in ([], ["--again"]):
        done = move(sqlite(data), sqlite(other), *options, check=False)
        assert done.returncode == 1 and "is not empty" in done.stderr, done
    move(sqlite(data), empty)
    before = rows_of(empty, "site_key")
    done = move(sqlite(data), empty, "--again", check=False)
    assert done.returncode == 1 and "is not empty" in done.stderr, done
    assert rows_of(empty, "site_key") == before


def test_a_source_whose_daemon_runs_is_refused(tmp_path, empty):
    data = tmp_path / "data"
    daemon = serve(data, sqlite(data))
    done = move(sqlite(data), empty, check=False)
    assert done.returncode == 1 and "in use by another daemon" in done.stderr, done
    check_end(daemon)
    move(sqlite(data), empty)
    daemon = serve(data, empty)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy2(data / "master.key", other / "master.key")
    done = move(empty, sqlite(other), "--data", other, check=False)  # its data directory is elsewhere: the server knows
    assert done.returncode == 1 and "stop every daemon" in done.stderr, done
    check_end(daemon)


@pytest.mark.parametrize("number, sentence", [(999, "newer than this program"), (-1, "older than this program")])
def test_a_source_of_another_schema_is_refused(tmp_path, empty, number, sentence):
    data = tmp_path / "data"
    data.mkdir()
    run_lectern("migrate", "--data", data, "--database", sqlite(data))
    with contextlib.closing(sqlite3.connect(data / "lectern.db")) as db:
        if number > 0:
            db.execute("INSERT INTO schema_migration (number, name, applied_at) VALUES (?, 'x', 1)", (number,))
        else:
            db.execute("DELETE FROM schema_migration WHERE number = (SELECT MAX(number) FROM schema_migration)")
        db.commit()
    done = move(sqlite(data), empty, check=False)
    assert done.returncode == 1 and sentence in done.stderr, done


@pytest.mark.parametrize("options, code, sentence", [
    (["--from", "sqlite:/nowhere/lectern.db", "--to", "sqlite:/nowhere/b.db"], 1, "there is no database"),
    (["--from", "sqlite:/nowhere/lectern.db"], 2, "belong together"),
    (["--to", "sqlite:/nowhere/lectern.db"], 2, "belong together"),
    (["--again"], 2, "belong together"),
    (["--from", "mysql://x", "--to", "sqlite:/b"], 2, "--from is"),
    (["--from", "sqlite:/b", "--to", "/b"], 2, "--to is"),
    (["--from", "sqlite:/b", "--to", "sqlite:/b"], 2, "the same database"),
])
def test_what_cannot_be_moved_is_refused_in_words(options, code, sentence):
    done = run_lectern("migrate", *options, check=False)
    assert done.returncode == code and sentence in done.stderr, done


def test_columns_that_this_program_does_not_know_are_refused(tmp_path, empty):
    data = tmp_path / "data"
    check_end(serve(data, sqlite(data)))
    with contextlib.closing(sqlite3.connect(data / "lectern.db")) as db:
        db.execute("ALTER TABLE site_key ADD COLUMN later TEXT")
        db.commit()
    done = move(sqlite(data), empty, check=False)
    assert done.returncode == 1 and "site_key has other columns" in done.stderr, done


def test_memory_stays_the_same_whatever_the_size(tmp_path, empty):
    data = tmp_path / "data"
    check_end(serve(data, sqlite(data)))

    def peak(rows):
        with contextlib.closing(sqlite3.connect(data / "lectern.db")) as db:
            db.executemany("INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) VALUES (?, 1, ?, 1)", ((os.urandom(16), "x" * (1 << 20)) for _ in range(rows)))
            db.commit()
        lean = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}  # else what was freed counts
        process = subprocess.Popen([LECTERN, "migrate", "--from", sqlite(data), "--to", empty], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=lean)
        said = process.stderr.read()
        _, code, used = os.wait4(process.pid, 0)
        process.stderr.close()
        with contextlib.closing(database.Postgres(empty, None)) as db:
            assert db.execute("SELECT COUNT(*) FROM ai_call_checkpoint").fetchone()[0] == db_count(data), said
            db.execute("DROP SCHEMA public CASCADE")
            db.execute("CREATE SCHEMA public")
        return used.ru_maxrss

    small = peak(10)
    large = peak(100)
    assert large < small + 60 * 1024, f"{small} KiB for 10 MiB, {large} KiB for 110 MiB"


def db_count(data):
    with contextlib.closing(sqlite3.connect(data / "lectern.db")) as db:
        return db.execute("SELECT COUNT(*) FROM ai_call_checkpoint").fetchone()[0]

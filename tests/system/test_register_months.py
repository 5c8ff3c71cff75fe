"""The register's months on PostgreSQL: each call lies in the partition of its month, and what is asked often looks only there, by an index."""
import contextlib
import datetime
import re
import sqlite3
import subprocess

import pytest

import database
from conftest import LECTERN, run_lectern
from test_migrate_store import SERVER, empty  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(not SERVER, reason="no PostgreSQL server: LECTERN_TEST_POSTGRES is not set")


def month(offset):
    """The month so many behind this one: its name, its first ms."""
    now = datetime.datetime.now(datetime.timezone.utc)
    number = now.year * 12 + now.month - 1 + offset
    first = datetime.datetime(number // 12, number % 12 + 1, 1, tzinfo=datetime.timezone.utc)
    return first.strftime("%Y_%m"), int(first.timestamp() * 1000)


def call_id(ms, n=0):
    return ms.to_bytes(6, "big") + b"\x70\x00\x80" + n.to_bytes(7, "big")


def add_calls(db, ms, n, site=1, user="u"):
    for i in range(n):
        db.execute("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at) VALUES (?, ?, ?, 'generate_text', 'c', 'l', '', ?)",
                   (call_id(ms + 1000 * i, i), site, user, ms + 1000 * i))
        db.execute("INSERT INTO ai_call_end (call_id, state, code, detail, completed_at) VALUES (?, 'completed', '', '', ?)", (call_id(ms + 1000 * i, i), ms))


def partitions(db, table="ai_call"):
    return [row[0] for row in db.execute("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(?) ORDER BY 1", (table,))]


def count(db, name):
    return db.execute(f"SELECT COUNT(*) FROM public_months.{name}").fetchone()[0]


def migrate(data, url):
    run_lectern("migrate", "--data", data, "--database", url, timeout=120)


@pytest.fixture()
def db(tmp_path, empty):  # noqa: F811
    """A database with tables and partitions; `migrate()` has a process look after them again."""
    tmp_path.joinpath("data").mkdir()
    migrate(tmp_path / "data", empty)
    with contextlib.closing(database.Postgres(empty, None)) as connection:
        connection.url, connection.data = empty, tmp_path / "data"
        yield connection


def test_this_month_and_the_next_two_have_partitions_of_every_table_that_grows_with_calls(db):
    for table in ("ai_call", "ai_call_attempt", "ai_call_checkpoint", "ai_call_end", "tool_call", "ai_call_feedback", "guard_verdict", "answer_cache_hit",
                  "ai_action_generate_text"):
        assert partitions(db, table) == [f"{table}_{month(i)[0]}" for i in range(3)] + [f"{table}_rest"], table
    assert {row[0] for row in db.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'ai_call'")} >= {"ai_call_pkey", "ai_call_user"}


@pytest.mark.parametrize("at, where", [(lambda: month(0)[1], 0), (lambda: month(1)[1] - 1, 0), (lambda: month(1)[1], 1), (lambda: month(3)[1] - 1, 2), (lambda: month(3)[1], None)],
                         ids=["its first ms", "its last ms", "the next month's first", "the last that is made", "behind all"])
def test_a_call_lies_in_the_month_of_its_id_to_the_millisecond(db, at, where):
    add_calls(db, at(), 1)
    name = db.execute("SELECT tableoid::regclass::text FROM ai_call").fetchone()[0]
    assert name == "public_months.ai_call_" + ("rest" if where is None else month(where)[0])


def test_rows_of_a_database_without_partitions_move_to_their_months(db):
    """As one of an older program: the tables are as they were, with rows of five months and of an impossible time."""
    for table in ("ai_call", "ai_call_end"):
        for name in partitions(db, table)[:-1]:
            db.execute(f"DROP TABLE public_months.{name}")
        db.execute(f"ALTER TABLE {table} DETACH PARTITION public_months.{table}_rest")
        db.execute(f"DROP TABLE {table}")
        db.execute(f"ALTER TABLE public_months.{table}_rest SET SCHEMA public")
        db.execute(f"ALTER TABLE {table}_rest RENAME TO {table}")
    for i in range(-4, 1):
        add_calls(db, month(i)[1] + 5, 10)
    add_calls(db, 1000, 2)
    before = sorted(db.execute("SELECT * FROM ai_call"))
    migrate(db.data, db.url)
    assert sorted(db.execute("SELECT * FROM ai_call")) == before
    for table in ("ai_call", "ai_call_end"):
        assert {name: count(db, name) for name in partitions(db, table)} == {
            **{f"{table}_{month(i)[0]}": 10 for i in range(-4, 1)}, f"{table}_{month(1)[0]}": 0, f"{table}_{month(2)[0]}": 0, f"{table}_rest": 2}
    migrate(db.data, db.url)  # and once more nothing changes
    assert sorted(db.execute("SELECT * FROM ai_call")) == before


def test_a_moved_register_lies_in_its_months(db, tmp_path, empty):  # noqa: F811
    db.execute("DROP SCHEMA public CASCADE")
    db.execute("CREATE SCHEMA public")
    source = tmp_path / "data" / "lectern.db"
    run_lectern("migrate", "--data", db.data, "--database", f"sqlite:{source}")
    with contextlib.closing(sqlite3.connect(source)) as old:
        for i in (-14, -3, 0):
            add_calls(old, month(i)[1], 5)
        old.commit()
    run_lectern("migrate", "--from", f"sqlite:{source}", "--to", empty, check=False, timeout=120)  # they are in no chain
    for table in ("ai_call", "ai_call_end"):
        assert {name: count(db, name) for name in partitions(db, table) if count(db, name) > 0} == {f"{table}_{month(i)[0]}": 5 for i in (-14, -3, 0)}


def test_a_month_that_is_over_goes_when_its_last_row_goes_and_not_before(db):
    add_calls(db, month(-2)[1], 3)
    migrate(db.data, db.url)
    old = f"ai_call_{month(-2)[0]}"
    assert count(db, old) == 3
    db.execute("DELETE FROM ai_call WHERE id < ?", (call_id(month(-2)[1] + 2000),))
    migrate(db.data, db.url)
    assert count(db, old) == 1
    db.execute("DELETE FROM ai_call")
    db.execute("DELETE FROM ai_call_end")
    migrate(db.data, db.url)
    assert old not in partitions(db)
    assert f"ai_call_{month(0)[0]}" in partitions(db)
    add_calls(db, month(-2)[1], 1)  # who comes late is not turned away
    assert count(db, "ai_call_rest") == 1


def test_several_processes_that_start_together_make_each_partition_once(db):
    for table in ("ai_call", "ai_call_end"):
        for name in partitions(db, table)[:-1]:
            db.execute(f"DROP TABLE public_months.{name}")
    many = [subprocess.Popen([LECTERN, "migrate", "--data", db.data, "--database", db.url], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in many:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert partitions(db) == [f"ai_call_{month(i)[0]}" for i in range(3)] + ["ai_call_rest"]


# ---- what is asked often ----

NEWEST = b"\xff" * 16
HOT = {  # what, and whether it knows the month
    "one call": ("SELECT * FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id WHERE b.id = $1", (lambda: call_id(month(-1)[1]),), "bytea", True),
    "a user's calls": ("SELECT b.id FROM ai_call b WHERE b.site_id = 1 AND b.user_id = 'u7' AND b.id < $1 ORDER BY b.id DESC LIMIT 50", (lambda: NEWEST,), "bytea", False),
    "calls of a time": ("SELECT b.id FROM ai_call b WHERE b.id < $1 AND b.id > $2 AND b.site_id = 1 ORDER BY b.id DESC LIMIT 50",
                        (lambda: call_id(month(0)[1] - 1), lambda: call_id(month(-1)[1])), "bytea, bytea", True),
    "the end of a call": ("UPDATE ai_call_end SET detail = '' WHERE call_id = $1", (lambda: call_id(month(-1)[1]),), "bytea", True),
    "a thread": ("SELECT * FROM workflow_submission WHERE session_id = $1 AND thread = 1 ORDER BY position", (lambda: 5,), "bigint", False),
    "tasks to do": ("SELECT id FROM workflow_task WHERE state = $1 ORDER BY site_id, user_id LIMIT 10", (lambda: "queued",), "text", False),
}


@pytest.mark.parametrize("what", HOT)
def test_what_is_asked_often_uses_an_index_and_only_the_months_it_is_about(db, what):
    for i in range(-6, 1):
        db.execute(f"INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at) SELECT decode(lpad(to_hex({month(i)[1]} + n), 12, '0')"
                   " || '70008000000000000000', 'hex'), 1, 'u' || n % 100, 'generate_text', 'c', 'l', '', 1 FROM generate_series(1, 2000) n")
    db.execute("INSERT INTO ai_call_end (call_id, state, code, detail, completed_at) SELECT id, 'completed', '', '', 1 FROM ai_call")
    migrate(db.data, db.url)
    db.execute("ANALYZE")
    sql, values, types, in_month = HOT[what]
    db.execute("SET enable_seqscan = off")  # small tables are read whole whatever there is; a plan that must do so still says it
    db.execute(f"PREPARE hot ({types}) AS {sql}")
    db.execute("SET plan_cache_mode = force_generic_plan")  # as the daemon's, which are prepared
    given = ", ".join("'\\x" + v().hex() + "'" if isinstance(v(), bytes) else repr(v()) for v in values)
    analyze = "ANALYZE, " if not sql.startswith("UPDATE") else ""
    plan = "\n".join(row[0] for row in db.execute(f"EXPLAIN ({analyze}COSTS off) EXECUTE hot ({given})"))
    assert "Seq Scan" not in plan, plan
    if analyze and in_month:  # what the value rules out is never touched
        touched = set(re.findall(r"on (ai_call(?:_end)?_(?:\d{4}_\d\d|rest)) [^\n]*\(actual", plan))
        assert touched <= {f"{t}_{month(-1)[0]}" for t in ("ai_call", "ai_call_end")} | {"ai_call_rest", "ai_call_end_rest"}, plan


# ---- replicas ----

@pytest.mark.parametrize("command", [("report", "usage"), ("report", "cost"), ("report", "latency"), ("report", "feedback"), ("report", "guards"), ("register", "list"),
                                     ("register", "verify")], ids=" ".join)
def test_what_only_reads_runs_on_a_database_that_cannot_be_written(db, command):
    run_lectern("site", "add", "s", "--data", db.data, "--database", db.url)
    add_calls(db, month(0)[1], 3)
    replica = db.url + "?options=-c%20default_transaction_read_only%3Don"
    refused = run_lectern("site", "add", "t", "--data", db.data, "--database", replica, check=False)
    assert refused.returncode == 1, "it can be written after all"
    done = run_lectern(*command, "--data", db.data, "--database", replica, check=False)
    assert done.returncode == (1 if command[1] == "verify" else 0), done  # the calls were put in by hand, and are in no chain
    assert "read-only" not in done.stderr, done

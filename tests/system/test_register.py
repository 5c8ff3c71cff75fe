"""The register's chain in a real daemon: it is whole whatever happened to the process, and each tampering with what lies on the disk is found."""
import contextlib
import csv
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from conftest import BUILD, ROOT, Daemon, add_vendor, check_end, run_lectern, wait_until
from database import columns, connect, copytree, primary_key, tables

sys.path.insert(0, str(ROOT / "tests" / "support"))
from register_verify import Register  # noqa: E402

TEXT = "Plants take in light with their leaves. They use it to make sugar from water and air. Animals eat the plants."
DAY = 24 * 3600 * 1000


def ask(daemon, key, action="generate_text", course="c1", **more):
    given = {"text": TEXT} if action in ("summarise_text", "explain_text") else {"prompt": "Why does it rain?"}
    return daemon.request("POST", f"/v1/actions/{action}", key, {"input": given, "context": {"course_id": course}, **more})


def verify(data, *options):
    """The verdict; `findings` are pairs (what, call)."""
    done = run_lectern("register", "verify", "--json", "--data", data, *options, check=False)
    verdict = json.loads(done.stdout)
    assert done.returncode == (0 if verdict["ok"] else 1), done
    assert verdict["ok"] == (verdict["findings_n"] == 0), verdict
    return verdict


def whole(data):
    verdict = verify(data)
    assert verdict["ok"], verdict["findings"]
    assert Register(data).check() == []
    return verdict


def sealed(daemon):
    """Returns when nothing waits to be chained."""
    with contextlib.closing(connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as db:
        wait_until(lambda: db.execute("SELECT (SELECT COUNT(*) FROM register_pending) + (SELECT COUNT(*) FROM register_erasure WHERE sealed = 0)").fetchone()[0] == 0,
                   what="the sealer's end")


def erase(db, call):
    """As privacy erases: one transaction for texts, user and salts, which tells the chain."""
    for table in tables(db, "ai_action_"):
        db.execute(f"DELETE FROM {table} WHERE call_id = ?", (call,))
    db.execute("UPDATE ai_call SET user_id = 'erased-12345678' WHERE id = ?", (call,))
    db.execute("UPDATE ai_call_end SET detail = '', partial = '' WHERE call_id = ?", (call,))
    db.execute("UPDATE ai_call_attempt SET detail = '' WHERE call_id = ?", (call,))
    db.execute("DELETE FROM ai_call_checkpoint WHERE call_id = ?", (call,))
    db.execute("UPDATE register_seal SET salt = NULL WHERE call_id = ?", (call,))
    db.execute("INSERT INTO register_erasure (site_id, call_id, erased_at) VALUES (1, ?, 5)", (call,))


@pytest.fixture(scope="module")
def school(tmp_path_factory, service):
    """A data directory with calls of all sorts, two of them erased, one with tools; the daemon has ended."""
    daemon = Daemon(tmp_path_factory.mktemp("school") / "data")
    daemon.accept_policy(daemon.learner)
    daemon.accept_policy(daemon.teacher)
    add_vendor(daemon, service)
    for i in range(12):
        assert ask(daemon, daemon.learner if i % 3 != 1 else daemon.teacher, ["summarise_text", "generate_text", "explain_text"][i % 3], f"c{i % 4}").status == 200
    service.default = "500"
    daemon.request("POST", "/v1/actions/nothing", daemon.learner, {"input": {}})
    daemon.request("POST", "/v1/actions/generate_text", None, {"input": {"prompt": "x"}})
    for _ in range(3):
        assert ask(daemon, daemon.teacher).status == 502
    service.default = "ok"
    with contextlib.closing(connect(daemon.data / "lectern.db", timeout=60)) as db:
        calls = [row[0] for row in db.execute("SELECT id FROM ai_call ORDER BY id")]
        db.execute("INSERT INTO tool_call VALUES (?, 1, 'roll_dice', '{\"sides\":6}', 'done', '', 3, 9)", (calls[3],))
        db.execute("INSERT INTO register_pending (call_id, kind) VALUES (?, 3)", (calls[3],))
        db.execute("INSERT INTO ai_call_checkpoint VALUES (?, 1, 'piece', 7)", (calls[4],))
        db.execute("DELETE FROM register_pending WHERE call_id = ? AND kind = 2", (calls[4],))
        db.commit()
        sealed(daemon)
    assert daemon.stop() == 0
    with contextlib.closing(connect(daemon.data / "lectern.db", timeout=60)) as db:
        # the checkpoint above came behind its call's end, as none does; the chain is made anew with it
        for table in ("register_seal", "register_head", "register_pending"):
            db.execute(f"DELETE FROM {table}")
        db.execute("INSERT INTO register_pending SELECT id, 1 FROM ai_call UNION ALL SELECT call_id, 2 FROM ai_call_end UNION ALL SELECT call_id, 3 FROM tool_call")
        db.commit()
        (daemon.data / "register.head").unlink()
    again = Daemon(daemon.data)
    sealed(again)
    with contextlib.closing(connect(again.data / "lectern.db", timeout=60)) as db:
        for call in calls[1], calls[7]:
            erase(db, call)
        db.commit()
    sealed(again)
    check_end(again)
    return again.data


@pytest.fixture()
def copy(school, tmp_path):
    return copytree(school, tmp_path / "data")


def change(data, *statements):
    with contextlib.closing(connect(data / "lectern.db", timeout=60)) as db:
        for sql in statements:
            db.execute(sql) if isinstance(sql, str) else db.execute(*sql)
        db.commit()


def read(data, sql, *values):
    with contextlib.closing(connect(f"file:{data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as db:
        return db.execute(sql, values).fetchall()


def test_what_nobody_has_touched_is_whole_and_all_of_it_was_looked_at(copy):
    verdict = whole(copy)
    assert verdict["calls"] == read(copy, "SELECT COUNT(*) FROM ai_call")[0][0] >= 15
    assert verdict["entries"] == read(copy, "SELECT COUNT(*) FROM register_seal")[0][0]
    assert verdict["erased"] == 4 and verdict["unsealed"] == 0


# ---- tampering ----

RECORDS = ["ai_call", "ai_call_end", "ai_call_attempt", "ai_call_checkpoint", "tool_call", "ai_action_generate_text", "ai_action_summarise_text"]
UNTOLD = {("register_head", "version"), ("register_erasure", "site_id"), ("register_erasure", "sealed"), ("register_seal", "salt of an erased call"),
          ("ai_call", "process")}  # which process runs a call: gone with it


def keys_of(db, table):
    return primary_key(db, table) or ["call_id"]


def columns_of(data):
    with contextlib.closing(connect(data / "lectern.db")) as db:
        return [(table, c) for table in RECORDS + ["register_seal", "register_head", "register_erasure"] for c in columns(db, table) if (table, c) not in UNTOLD]


def other(value, rng):
    if value is None:
        return rng.choice([0, 5])
    if isinstance(value, int):
        return value + 1000 * rng.choice([-1, 1])
    if isinstance(value, str):
        return rng.choice([value + "x", value[:-1]]) if value else "x"
    at = rng.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1:]


def test_a_change_of_any_column_of_any_row_is_found(school, tmp_path):
    seed = int(os.environ.get("LECTERN_SEED", time.time_ns() % 10**9))
    print("seed", seed)
    rng = random.Random(seed)
    data = copytree(school, tmp_path / "data")
    for table, column in columns_of(data):
        with contextlib.closing(connect(data / "lectern.db", timeout=60)) as db:
            where = " AND ".join(f"{k} = ?" for k in keys_of(db, table))
            keys = rng.choice(db.execute(f"SELECT {', '.join(keys_of(db, table))} FROM {table}").fetchall())
            before = db.execute(f"SELECT {column} FROM {table} WHERE {where}", keys).fetchone()[0]
            after = other(before, rng)
            if table == "register_seal" and column == "salt" and before is None:
                continue  # of an erased call, whose entry of the erasure stands for it
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (after, *keys))
            db.commit()
            rowid = [after if k == column else v for k, v in zip(keys_of(db, table), keys)]
            assert not verify(data)["ok"], (table, column, keys, before, after)
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (before, *rowid))
            db.commit()
    whole(data)


@pytest.mark.parametrize("table", RECORDS + ["register_seal", "register_head"])
def test_a_deleted_record_is_found(copy, table):
    with contextlib.closing(connect(copy / "lectern.db")) as db:
        keys = keys_of(db, table)
        row = random.choice(db.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall())
        if table.startswith("ai_action"):  # one that is blank would say nothing
            row = db.execute(f"SELECT call_id FROM {table} WHERE prompt <> '' LIMIT 1").fetchone()
        assert db.execute(f"DELETE FROM {table} WHERE " + " AND ".join(f"{k} = ?" for k in keys), row).rowcount == 1
        db.commit()
    found = {f["what"] for f in verify(copy)["findings"]}
    assert found & {"record_deleted", "record_changed", "gap", "truncated", "head_missing"}, found
    assert Register(copy).check()


def test_a_call_deleted_with_its_entries_is_a_gap(copy):
    call = read(copy, "SELECT id FROM ai_call ORDER BY id LIMIT 1 OFFSET 5")[0][0]
    change(copy, *((f"DELETE FROM {t} WHERE {k} = ?", (call,)) for t, k in
                   [("ai_call", "id"), ("ai_call_end", "call_id"), ("ai_call_attempt", "call_id"), ("register_seal", "call_id")]))
    assert "gap" in {f["what"] for f in verify(copy)["findings"]}


def test_a_swapped_pair_is_found_and_named(copy):
    change(copy, "UPDATE register_seal SET seq = -1 WHERE seq = 8", "UPDATE register_seal SET seq = 8 WHERE seq = 9",
           "UPDATE register_seal SET seq = 9 WHERE seq = -1")
    assert "swapped" in {f["what"] for f in verify(copy)["findings"]}
    assert Register(copy).check()


def test_swapped_answers_are_found_at_both_calls(copy):
    calls = [row[0] for row in read(copy, "SELECT call_id FROM ai_action_generate_text WHERE prompt <> '' ORDER BY call_id LIMIT 2")]
    change(copy, ("UPDATE ai_action_generate_text SET call_id = ? WHERE call_id = ?", (b"\0", calls[0])),
           ("UPDATE ai_action_generate_text SET call_id = ?, fingerprint = 'x' WHERE call_id = ?", (calls[0], calls[1])),
           ("UPDATE ai_action_generate_text SET call_id = ? WHERE call_id = ?", (calls[1], b"\0")))
    assert any(f["what"] == "record_changed" for f in verify(copy)["findings"])


def test_a_truncated_tail_is_found_also_when_the_head_is_put_back(copy):
    last = read(copy, "SELECT seq FROM register_head")[0][0]
    change(copy, f"DELETE FROM register_seal WHERE seq > {last - 3}")
    assert "truncated" in {f["what"] for f in verify(copy)["findings"]}
    change(copy, f"UPDATE register_head SET seq = {last - 3}, hash = (SELECT hash FROM register_seal WHERE seq = {last - 3})")
    assert {"truncated", "head_wrong"} <= {f["what"] for f in verify(copy)["findings"]}


def test_an_inserted_call_is_found(copy):
    change(copy, ("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) SELECT ?, site_id, 'somebody', action, course_id, location_id, placement, content_stored, created_at"
                 " FROM ai_call LIMIT 1", (os.urandom(16),)))
    assert [f["what"] for f in verify(copy)["findings"]] == ["record_unknown"]
    assert Register(copy).check()


def test_a_salt_without_an_erasure_is_found_and_a_forged_erasure_too(copy):
    call = read(copy, "SELECT call_id FROM register_seal WHERE kind = 2 AND salt IS NOT NULL LIMIT 1")[0][0]
    change(copy, ("UPDATE register_seal SET salt = NULL WHERE call_id = ?", (call,)))
    assert {f["what"] for f in verify(copy)["findings"]} == {"salt_missing"}
    change(copy, ("INSERT INTO register_erasure (site_id, call_id, erased_at, sealed) VALUES (1, ?, 5, 1)", (call,)))
    assert {f["what"] for f in verify(copy)["findings"]} == {"salt_missing"}


def test_the_head_file_must_be_there_right_and_not_before_the_database(copy):
    head = copy / "register.head"
    text = head.read_text()
    rng = random.Random(7)
    for _ in range(12):
        at = rng.randrange(len(text))
        head.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1:])
        assert verify(copy)["findings"][0]["what"] == "head_file_wrong", (at, head.read_text())
    head.unlink()
    assert {f["what"] for f in verify(copy)["findings"]} == {"head_file_missing"}
    head.write_text(text)
    whole(copy)


def test_an_older_database_is_found_by_the_file_and_an_older_file_is_no_alarm(copy, tmp_path):
    """Both put back together cannot be seen from this machine: that is what the document says."""
    older = copytree(copy, tmp_path / "older")
    daemon = Daemon(copy)
    assert ask(daemon, daemon.learner, "summarise_text").status == 200
    sealed(daemon)
    check_end(daemon)
    whole(copy)
    newer = (copy / "register.head").read_text()
    shutil.copy(older / "register.head", copy / "register.head")
    whole(copy)
    (older / "register.head").write_text(newer)
    assert {f["what"] for f in verify(older)["findings"]} == {"truncated"}
    # a daemon that is started on it says so, and the chain keeps it
    daemon = Daemon(older)
    wait_until(lambda: "register.break" in daemon.log(), what="the log of the break")
    check_end(daemon)
    assert "break" in {f["what"] for f in verify(older)["findings"]}


def test_a_head_file_that_was_removed_is_kept_in_the_chain(copy):
    check_end(Daemon(copy))  # several machines may share a PostgreSQL: there a file is missed only where one was
    (copy / "register.head").unlink()
    daemon = Daemon(copy)
    wait_until(lambda: (copy / "register.head").exists(), what="the new file")
    check_end(daemon)
    assert [f["what"] for f in verify(copy)["findings"]] == ["break"]


def test_the_file_is_private(copy):
    daemon = Daemon(copy)
    ask(daemon, daemon.learner, "summarise_text")
    sealed(daemon)
    check_end(daemon)
    assert (copy / "register.head").stat().st_mode & 0o777 == 0o600


def test_a_forgotten_master_key_takes_no_signature_with_it(copy):
    key = (copy / "master.key").read_text()
    run_lectern("master-key", "rotate", "--data", copy)
    whole(copy)
    run_lectern("master-key", "forget", "--data", copy)
    assert (copy / "master.key").read_text() != key
    whole(copy)
    (copy / "master.key").write_text("00" * 32 + "\n")
    assert {"head_wrong", "head_file_wrong"} <= {f["what"] for f in verify(copy)["findings"]}


# ---- a daemon's life ----


def test_verifying_beside_a_daemon_under_load_gives_no_false_alarm(tmp_path):
    daemon = Daemon(tmp_path / "data")
    daemon.accept_policy(daemon.learner)
    stop = threading.Event()

    def load():
        while not stop.is_set():
            ask(daemon, daemon.learner, "summarise_text")

    def erasing():
        with contextlib.closing(connect(daemon.data / "lectern.db", timeout=60)) as db:
            while not stop.is_set():
                call = db.execute("SELECT b.id FROM ai_call b JOIN register_seal s ON s.call_id = b.id AND s.kind = 2 WHERE NOT EXISTS"
                                  " (SELECT 1 FROM register_erasure e WHERE e.call_id = b.id) ORDER BY b.id DESC LIMIT 1").fetchone()
                if call:
                    db.execute("BEGIN IMMEDIATE")
                    erase(db, call[0])
                    db.commit()
                stop.wait(0.05)

    threads = [threading.Thread(target=f) for f in (load, load, erasing)]
    for t in threads:
        t.start()
    try:
        for _ in range(8):
            verdict = verify(daemon.data)
            assert verdict["ok"], verdict["findings"]
    finally:
        stop.set()
        for t in threads:
            t.join()
    sealed(daemon)
    check_end(daemon)
    verdict = whole(daemon.data)
    assert verdict["calls"] > 10 and verdict["erased"] > 0


def test_the_chain_is_whole_after_each_kill_under_load(tmp_path):
    data = tmp_path / "data"
    rng = random.Random(11)
    for _ in range(4):
        daemon = Daemon(data)
        if daemon.request("GET", "/v1/policy", daemon.learner).json.get("accepted") is not True:
            daemon.accept_policy(daemon.learner)
        stop = threading.Event()

        def load():
            while not stop.is_set():
                try:
                    ask(daemon, daemon.learner, "summarise_text")
                except OSError:
                    return

        threads = [threading.Thread(target=load) for _ in range(3)]
        for t in threads:
            t.start()
        time.sleep(rng.uniform(0.2, 1.5))  # whenever: any moment is as good
        daemon.process.kill()
        daemon.process.wait(60)
        stop.set()
        for t in threads:
            t.join()
        daemon.process.stdout.close()
        daemon.errors.close()
        verdict = verify(data)
        assert verdict["ok"], verdict["findings"]
    daemon = Daemon(data)
    sealed(daemon)
    check_end(daemon)
    assert whole(data)["unsealed"] == 0


def test_a_database_of_before_the_chain_is_chained_when_the_daemon_comes(copy):
    change(copy, "DELETE FROM register_seal", "DELETE FROM register_head", "DELETE FROM register_erasure",
           "INSERT INTO register_pending SELECT id, 1 FROM ai_call UNION ALL SELECT call_id, 2 FROM ai_call_end UNION ALL SELECT call_id, 3 FROM tool_call")
    (copy / "register.head").unlink()
    daemon = Daemon(copy)
    sealed(daemon)
    check_end(daemon)
    assert whole(copy)["calls"] == read(copy, "SELECT COUNT(*) FROM ai_call")[0][0]


def test_a_sealer_that_does_not_come_is_told(copy):
    """A daemon holds the lock and seals nothing: here it is another process that holds it."""
    change(copy, "INSERT INTO register_pending SELECT id, 9 FROM ai_call LIMIT 1")
    holder = subprocess.Popen([sys.executable, "-c", "import fcntl,sys; f=open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()",
                               copy / "lectern.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()
    assert [f["what"] for f in verify(copy)["findings"]] == ["not_sealing"]
    holder.communicate("")
    verdict = verify(copy)
    assert verdict["ok"] and verdict["unsealed"] == 1


# ---- retention ----


def make_older(data, days, calls):
    """The calls are so many days older: ids, times, everything; the chain is made anew."""
    with contextlib.closing(connect(data / "lectern.db", timeout=60)) as db:
        records = [("ai_call", "id"), ("ai_call_end", "call_id"), ("ai_call_attempt", "call_id"), ("ai_call_checkpoint", "call_id"), ("tool_call", "call_id"), ("ai_call_feedback", "call_id")]
        records += [(table, "call_id") for table in tables(db, "ai_action_")]
        for call in calls:
            older = (int.from_bytes(call[:6], "big") - days * DAY).to_bytes(6, "big") + call[6:]
            for table, key in records:
                db.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (older, call))
            db.execute("UPDATE ai_call SET created_at = created_at - ? WHERE id = ?", (days * DAY, older))
        for table in ("register_seal", "register_head", "register_pending", "register_erasure"):
            db.execute(f"DELETE FROM {table}")
        db.execute("INSERT INTO register_pending SELECT id, 1 FROM ai_call UNION ALL SELECT call_id, 2 FROM ai_call_end UNION ALL SELECT call_id, 3 FROM tool_call")
        db.commit()
    (data / "register.head").unlink()
    daemon = Daemon(data)
    sealed(daemon)
    check_end(daemon)


def test_texts_that_fill_more_than_a_page_of_the_reader_are_chained_and_verified(copy):
    """16 MiB are read at once at most, unless one call alone has more."""
    calls = [row[0] for row in read(copy, "SELECT call_id FROM ai_action_generate_text ORDER BY call_id")]
    assert len(calls) >= 4
    for i, call in enumerate(calls):
        change(copy, ("UPDATE ai_action_generate_text SET prompt = ? WHERE call_id = ?", (random.Random(i).choice("abc") * (20 if i == 1 else 6) * 2**20, call)))
    make_older(copy, 0, [])
    whole(copy)
    change(copy, ("UPDATE ai_action_generate_text SET prompt = prompt || 'x' WHERE call_id = ?", (calls[1],)))
    assert [f["what"] for f in verify(copy)["findings"]] == ["record_changed"]


def test_a_new_register_has_nothing_to_retain_and_needs_no_master_key(tmp_path):
    assert json.loads(run_lectern("register", "retain", "--json", "--data", tmp_path / "data")) == {"removed_calls": 0, "removed_contents": 0}
    assert not (tmp_path / "data/master.key").exists()


def test_calls_go_with_their_age_leave_sums_and_an_anchor_and_the_chain_goes_on(copy):
    calls = [row[0] for row in read(copy, "SELECT id FROM ai_call ORDER BY id")]
    old, kept = calls[:9], calls[9:]
    sums = read(copy, "SELECT COUNT(*), SUM(e.total_tokens) FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id WHERE b.id <= ?", old[-1])[0]
    make_older(copy, 40, old)
    run_lectern("site", "set", "demo", "register_keep_days=30", "--data", copy)
    assert json.loads(run_lectern("register", "retain", "--json", "--data", copy)) == {"removed_calls": 9, "removed_contents": 0}
    assert [row[0] for row in read(copy, "SELECT id FROM ai_call ORDER BY id")] == kept
    for table in ("ai_call_end", "ai_call_attempt", "ai_call_checkpoint", "tool_call", "ai_action_generate_text", "ai_action_summarise_text"):
        assert not [row for row in read(copy, f"SELECT call_id FROM {table}") if row[0] not in kept], table
    assert read(copy, "SELECT SUM(calls), SUM(total_tokens) FROM register_summary")[0] == (sums[0], sums[1] or 0)
    assert not [row for row in read(copy, "SELECT * FROM register_summary") if "demo-learner" in row]
    verdict = whole(copy)
    assert verdict["removed_calls"] == 9 and verdict["calls"] == len(kept)
    daemon = Daemon(copy)
    assert ask(daemon, daemon.learner, "summarise_text").status == 200
    sealed(daemon)
    check_end(daemon)
    assert whole(copy)["calls"] == len(kept) + 1
    for sql in ("UPDATE register_anchor SET seq = seq + 2", "UPDATE register_anchor SET calls = 1", "DELETE FROM register_anchor"):
        before = read(copy, "SELECT * FROM register_anchor")[0]
        change(copy, sql)
        assert not verify(copy)["ok"], sql
        change(copy, "DELETE FROM register_anchor", ("INSERT INTO register_anchor VALUES (?, ?, ?, ?, ?, ?, ?)", before))
    whole(copy)


def test_what_was_tampered_with_is_not_made_to_vanish_by_its_age(copy):
    make_older(copy, 40, [row[0] for row in read(copy, "SELECT id FROM ai_call ORDER BY id LIMIT 9")])
    run_lectern("site", "set", "demo", "register_keep_days=30", "--data", copy)
    change(copy, ("UPDATE register_seal SET content_hash = ? WHERE seq = 3", (os.urandom(32),)))
    done = run_lectern("register", "retain", "--data", copy, check=False)
    assert done.returncode == 1 and "entry 3" in done.stderr
    assert read(copy, "SELECT COUNT(*) FROM register_seal WHERE seq <= 3") == [(3,)]


def test_contents_go_with_their_age_and_calls_stay(copy):
    calls = [row[0] for row in read(copy, "SELECT id FROM ai_call ORDER BY id")]
    make_older(copy, 40, calls[:9])
    run_lectern("site", "set", "demo", "content_keep_days=30", "--data", copy)
    done = json.loads(run_lectern("register", "retain", "--json", "--data", copy))
    assert done["removed_calls"] == 0 and done["removed_contents"] >= 9
    assert read(copy, "SELECT COUNT(*) FROM ai_call")[0][0] == len(calls)
    old = read(copy, "SELECT id FROM ai_call ORDER BY id LIMIT 9")[-1][0]
    for table in ("ai_action_generate_text", "ai_action_summarise_text", "ai_call_checkpoint"):
        assert read(copy, f"SELECT COUNT(*) FROM {table} WHERE call_id <= ?", old) == [(0,)]
    assert read(copy, "SELECT COUNT(*) FROM tool_call WHERE arguments <> ''") == [(0,)]
    verdict = whole(copy)
    assert verdict["aged"] == done["removed_contents"] and verdict["calls"] == len(calls)
    assert json.loads(run_lectern("register", "retain", "--json", "--data", copy)) == {"removed_calls": 0, "removed_contents": 0}
    # content that comes back is found, and a salt that is gone behind what was removed by age
    change(copy, ("INSERT INTO ai_action_generate_text (call_id, prompt) SELECT call_id, 'put in' FROM ai_call_end JOIN ai_call ON id = call_id"
                  " WHERE action = 'generate_text' ORDER BY call_id LIMIT 1",))
    assert [f["what"] for f in verify(copy)["findings"]] == ["salt_missing"]


def test_a_daemon_removes_what_is_too_old_by_itself(copy):
    make_older(copy, 40, [row[0] for row in read(copy, "SELECT id FROM ai_call ORDER BY id LIMIT 9")])
    run_lectern("site", "set", "demo", "register_keep_days=30", "--data", copy)
    daemon = Daemon(copy)
    wait_until(lambda: read(copy, "SELECT SUM(calls) FROM register_anchor")[0][0] == 9, what="the anchor")
    check_end(daemon)
    whole(copy)


# ---- filters and export ----

CELLS = ["id", "created_at", "completed_at", "user_id", "action", "course_id", "location_id", "placement", "state", "code", "detail", "provider", "plugin", "model",
         "prompt_tokens", "completion_tokens", "total_tokens", "cost", "content_stored"]


@pytest.fixture(scope="module")
def served(school, tmp_path_factory):
    daemon = Daemon(copytree(school, tmp_path_factory.mktemp("served") / "data"))
    yield daemon
    check_end(daemon)


def listed(daemon, **filters):
    answer = daemon.request("GET", "/v1/register?" + urllib.parse.urlencode({"limit": 1000, **filters}), daemon.admin_key)
    assert answer.status == 200, answer
    return answer.json["calls"]


def exported(daemon, **query):
    answer = daemon.request("GET", "/v1/register/export?" + urllib.parse.urlencode(query), daemon.admin_key)
    assert answer.status == 200, answer
    text = answer.body.decode()
    return list(csv.DictReader(io.StringIO(text))) if query.get("format") == "csv" else [json.loads(line) for line in text.splitlines()]


def test_a_list_is_narrowed_by_each_filter_in_http_and_in_the_shell(served):
    everything = listed(served)
    times = sorted(c["created_at"] for c in everything)
    middle = times[len(times) // 2]
    cases = {"user": ("user_id", "demo-teacher"), "action": ("action", "explain_text"), "state": ("state", "failed"), "course_id": ("course_id", "c2"),
             "code": ("code", "upstream_unavailable"), "model": ("model", everything[-1]["model"]), "placement": ("placement", "")}
    for name, (member, value) in cases.items():
        if value == "":
            continue
        if not [c for c in everything if c[member] == value]:
            value = next(c[member] for c in everything if c[member])
        expected = [c for c in everything if c[member] == value]
        assert 0 < len(expected) < len(everything) or name == "model", name
        assert listed(served, **{name: value}) == expected, name
        shell = json.loads(served.cli("register", "list", "--" + name.removesuffix("_id"), value, "--limit", "1000", "--json"))["calls"]
        assert [c["id"] for c in shell] == [c["id"] for c in expected], name
        assert sorted(c["id"] for c in exported(served, **{name: value})) == sorted(c["id"] for c in expected), name
    assert [c["id"] for c in listed(served, since=middle)] == [c["id"] for c in everything if c["created_at"] >= middle]
    assert [c["id"] for c in listed(served, until=middle)] == [c["id"] for c in everything if c["created_at"] < middle]
    asked = listed(served, provider="vendor")
    assert len(asked) > len([c for c in everything if c["provider"] == "vendor"]) > 0  # those that it failed, too
    for wrong in ({"since": "yesterday"}, {"until": "2026-13-01T00:00:00Z"}, {"state": "odd"}):
        answer = served.request("GET", "/v1/register?" + urllib.parse.urlencode(wrong), served.admin_key)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/" + next(iter(wrong)))
        assert served.request("GET", "/v1/register/export?" + urllib.parse.urlencode(wrong), served.admin_key).status == 400


def test_an_export_has_every_call_once_oldest_first_in_both_formats(served):
    ids = [row[0].hex() for row in read(served.data, "SELECT id FROM ai_call WHERE site_id = 1 ORDER BY id")]
    lines, rows = exported(served, content="true"), exported(served, format="csv")
    assert [c["id"].replace("-", "") for c in lines] == ids == [c["id"].replace("-", "") for c in rows]
    assert [*rows[0]] == CELLS and [*lines[0]] == CELLS + ["partial", "tools", "content"]
    for line, row in zip(lines, rows):
        assert all(str(line[c] if line[c] is not None else "") == row[c] for c in CELLS), (line, row)
    assert any(c["content"].get("prompt") for c in lines) and any(c["tools"] for c in lines)
    shell = served.cli("register", "export", "--format", "csv")
    assert list(csv.DictReader(io.StringIO(shell))) == rows
    assert served.request("GET", "/v1/register/export?format=xlsx", served.admin_key).status == 400
    for key in served.learner, None:
        assert served.request("GET", "/v1/register/export", key).status in (401, 403)


def test_no_cell_of_an_export_is_a_formula_and_commas_and_lines_stay_in_theirs(copy):
    wild = ["=1+1", "+SUM(A1)", "-2", "@cmd", "\t=1", "a,b", 'say "so"', "two\nlines", "＝1"]
    calls = [row[0] for row in read(copy, "SELECT id FROM ai_call ORDER BY id LIMIT ?", len(wild))]
    change(copy, *(("UPDATE ai_call SET course_id = ? WHERE id = ?", (text, call)) for text, call in zip(wild, calls)))
    rows = list(csv.DictReader(io.StringIO(run_lectern("register", "export", "--format", "csv", "--data", copy), newline="")))
    assert [row["course_id"] for row in rows[:len(wild)]] == ["'=1+1", "'+SUM(A1)", "'-2", "'@cmd", "'\t=1", "a,b", 'say "so"', "two\nlines", "'＝1"]
    lines = [json.loads(line) for line in run_lectern("register", "export", "--data", copy).splitlines()]
    assert [line["course_id"] for line in lines[:len(wild)]] == wild


def test_an_export_of_many_calls_takes_no_more_memory_than_one_of_few(copy):
    with contextlib.closing(connect(copy / "lectern.db", timeout=60)) as db:
        db.executemany("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) VALUES (?, 1, ?, 'generate_text', ?, 'l', 'p', 1, ?)",
                       ((bytes.fromhex(f"01a0{i:012x}8000000000000000"), f"u{i}", "few" if i < 5000 else "rest", 1795000000000 + i) for i in range(30000)))
        db.commit()
    daemon = Daemon(copy)
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status")
    rss = lambda: int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmRSS")))  # noqa: E731
    assert len(exported(daemon, course_id="few")) == 5000
    before = rss()
    assert len(exported(daemon)) > 30000
    program = (BUILD / "src/daemon/lectern").read_bytes()
    if b"__asan_init" not in program:  # which keeps what was freed
        times = 5 if b"__tsan_init" in program else 1  # it keeps four bytes about each one
        assert rss() - before < times * 8 * 1024  # KiB; the answer has some 12 MiB
    check_end(daemon)

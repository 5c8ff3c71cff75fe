"""A killed process may leave very many calls open, among many more that have ended: the next start ends them all, and only them."""
import contextlib
import sqlite3

import pytest
from conftest import Daemon, check_end, sqlite_only

pytestmark = sqlite_only("the calls are written into SQLite's file")
CALLS = 30000  # six portions
NOW_MS = 1_790_000_000_000


def call_id(n):
    return (NOW_MS + n // 3).to_bytes(6, "big") + b"\x70\x00\x80\x00" + n.to_bytes(6, "big")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A register with calls of a process that is gone: of three calls one is open, and each tenth open one has two checkpoints."""
    data = tmp_path_factory.mktemp("recover") / "data"
    daemon = Daemon(data)
    check_end(daemon)
    with contextlib.closing(sqlite3.connect(data / "lectern.db")) as db, db:
        site = db.execute("SELECT id FROM site").fetchone()[0]
        db.execute("DELETE FROM meta WHERE name = 'register_mark'")
        db.executemany("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at, process)"
                       " VALUES (?, ?, 'u', 'generate_text', '', '', '', ?, 4242)", ((call_id(n), site, NOW_MS) for n in range(CALLS)))
        db.executemany("INSERT INTO ai_call_end (call_id, state, code, detail, instance_id, model, partial, completed_at)"
                       " VALUES (?, 'completed', '', '', 1, '', '', ?)", ((call_id(n), NOW_MS) for n in range(CALLS) if n % 3))
        db.executemany("INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) VALUES (?, ?, ?, ?)",
                       ((call_id(n), i, f"part {i} of {n}." + " " * (i == 1), NOW_MS) for n in range(0, CALLS, 30) for i in (1, 2)))
    return data


def test_all_that_was_left_open_is_interrupted_and_nothing_else(data):
    daemon = Daemon(data)
    assert f'"event":"register.recovered","interrupted":{CALLS // 3}' in daemon.log()
    check_end(daemon)
    with contextlib.closing(sqlite3.connect(data / "lectern.db")) as db:
        assert db.execute("SELECT state, count(*) FROM ai_call_end GROUP BY state ORDER BY state").fetchall() == [("completed", CALLS // 3 * 2), ("interrupted", CALLS // 3)]
        ends = dict(db.execute("SELECT call_id, partial FROM ai_call_end WHERE state = 'interrupted'"))
    assert set(ends) == {call_id(n) for n in range(0, CALLS, 3)}
    for n in range(0, CALLS, 3):
        assert ends[call_id(n)] == ("" if n % 30 else f"part 1 of {n}. part 2 of {n}.")


def test_a_second_start_finds_nothing_left(data):
    before = (data.parent / "data.log").read_text().count("register.recovered")
    daemon = Daemon(data)
    check_end(daemon)
    assert (data.parent / "data.log").read_text().count("register.recovered") == before == 1

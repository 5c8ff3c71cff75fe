"""A version and the next one on one database: what the next one adds, this one works beside (src/store/README.md)."""
import contextlib
import json
import os
import pathlib
import subprocess

import conftest
import database
import pytest
from conftest import BUILD, Daemon, check_end, run_lectern
from test_handover import Load, end_well, know_each_other, prepare

NEXT = BUILD / "tests/support/lectern-next"
pytestmark = pytest.mark.skipif(not NEXT.exists(), reason="the program with one migration more is not built")


@contextlib.contextmanager
def next_version(monkeypatch):
    """What is started meanwhile is the next version."""
    with monkeypatch.context() as changed:
        changed.setattr(conftest, "LECTERN", conftest.LECTERN if database.SERVER else NEXT)
        changed.setenv("LECTERN_TEST_BINARY", str(NEXT.resolve()))
        yield


def newest(data):
    with contextlib.closing(database.connect(pathlib.Path(data) / "lectern.db")) as db:
        return db.execute("SELECT max(number) FROM schema_migration").fetchone()[0]


def rows(data, sql):
    with contextlib.closing(database.connect(pathlib.Path(data) / "lectern.db")) as db:
        return db.execute(sql).fetchall()


def ours():
    return json.loads(run_lectern("version", "--json"))["schema"]


def test_forth_and_back(tmp_path, upstream, monkeypatch):
    """The next version has changed the database; this one goes on with it, and the next one after that."""
    daemon = Daemon(tmp_path / "data")
    prepare(daemon, upstream)
    assert daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "1"}}).status == 200
    assert daemon.stop() == 0 and newest(daemon.data) == ours()
    with next_version(monkeypatch):
        daemon = Daemon(tmp_path / "data")
    assert daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "2"}}).status == 200
    assert daemon.stop() == 0 and newest(daemon.data) == ours() + 1
    daemon = Daemon(tmp_path / "data")
    assert daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "3"}}).status == 200
    daemon.cli("register", "verify", "--site", "demo")
    assert rows(daemon.data, "SELECT next_count, count(*) FROM ai_call_end GROUP BY next_count") == [(7, 3)]
    check_end(daemon)
    with next_version(monkeypatch):
        daemon = Daemon(tmp_path / "data")
    assert len(daemon.request("GET", "/v1/register", daemon.admin_key).json["calls"]) == 3
    check_end(daemon)


@pytest.mark.skipif(not database.SERVER, reason="two processes work together on PostgreSQL alone")
def test_both_under_load(tmp_path, upstream, monkeypatch):
    """The next version starts, and changes the tables, while this one answers; then both answer."""
    old = Daemon(tmp_path / "data")
    prepare(old, upstream)
    if not know_each_other(old.data):
        end_well(old)
        pytest.skip("processes do not know each other yet")
    with Load(old.port, old.admin_key) as before:
        before.more()
        monkeypatch.setenv("LECTERN_DATABASE", database.url_of(old.data))
        with next_version(monkeypatch):
            new = Daemon(tmp_path / "other", "--master-key-file", str(old.data / "master.key"), demo=False)
        assert newest(old.data) == ours() + 1
        with Load(new.port, old.admin_key) as after:
            after.more()
            before.more()
    assert not before.failed and not after.failed, (before.failed, after.failed)
    calls = sum(before.figures.values()) + sum(after.figures.values())
    assert rows(old.data, "SELECT state, next_count, count(*) FROM ai_call_end GROUP BY state, next_count") == [("completed", 7, calls)]
    run_lectern("register", "verify", "--site", "demo", "--data", old.data)
    end_well(new)
    end_well(old)


def test_what_took_something_away_is_refused_by_those_who_need_it(tmp_path):
    data = tmp_path / "data"
    daemon = Daemon(data)
    check_end(daemon)
    with database.connect(data / "lectern.db") as db:
        db.execute("INSERT INTO schema_migration (number, name, applied_at) VALUES (?, 'next', 0)", [ours() + 1])
        db.execute("INSERT INTO meta (name, value) VALUES ('compatible_from', ?)", [ours()])
        db.commit()
    check_end(Daemon(data))  # it can do without what is gone
    with database.connect(data / "lectern.db") as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'compatible_from'", [ours() + 1])
        db.commit()
    for command in ("serve", "site"):
        done = subprocess.run([conftest.LECTERN, *([command] if command == "serve" else [command, "list"]), "--data", str(data)], capture_output=True, text=True,
                              timeout=60, env=os.environ)
        assert done.returncode == 1 and f"it needs a program of schema {ours() + 1} or newer" in done.stderr, done

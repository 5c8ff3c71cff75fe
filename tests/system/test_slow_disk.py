"""A disk that does not keep up: calls are refused at once instead of waiting without end, and taken again as soon as it does."""
import json
import sqlite3
import threading
import time
from contextlib import closing

from conftest import wait_until

TEXT = " ".join(f"Sentence number {i} says that water moves from the sea to the air and back." for i in range(12))


def ask(daemon):
    return daemon.request("POST", "/v1/actions/summarise_text", daemon.admin_key,
                          {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"text": TEXT}, "provider": "extract"})


def calls(daemon):
    return {c["id"]: c["state"] for c in json.loads(daemon.cli("--json", "register", "list", "--site", "demo"))["calls"]}


def test_calls_are_refused_while_the_store_is_behind_and_taken_again_at_once(daemon):
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    wait_until(lambda: ask(daemon).status == 200, what="the first answer")
    waiting = []
    with closing(sqlite3.connect(daemon.data / "lectern.db", isolation_level=None)) as disk:
        disk.execute("BEGIN IMMEDIATE")  # nobody else can write now
        first = threading.Thread(target=lambda: waiting.append(ask(daemon)))
        first.start()
        time.sleep(2.5)
        begun = time.time()
        refused = [ask(daemon) for _ in range(5)]
        took = time.time() - begun
        disk.execute("COMMIT")
    first.join(30)
    assert [a.status for a in refused] == [503] * 5, refused
    assert all(int(a.headers["Retry-After"]) >= 1 and a.json["code"] == "overloaded" for a in refused), refused
    assert took < 1.5
    assert waiting[0].status == 200, waiting
    wait_until(lambda: ask(daemon).status == 200, timeout=5, what="an answer after the store has caught up")
    assert not any(a.json["id"] in calls(daemon) for a in refused)  # a record of them would have added to what waited

"""A disk that does not keep up: calls are refused at once instead of waiting without end, and taken again as soon as it does."""
import json
import threading
import time
from contextlib import closing

from conftest import add_vendor, wait_until
from database import connect
from double.upstream import Upstream

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
    with closing(connect(daemon.data / "lectern.db", isolation_level=None)) as disk:
        disk.execute("BEGIN IMMEDIATE")  # nobody else can write now
        first = threading.Thread(target=lambda: waiting.append(ask(daemon)))
        first.start()
        wait_until(lambda: daemon.figure("lectern_store_queued_bytes") > 0, what="what waits for the store")
        time.sleep(2.5)  # it must have waited for more than 2 s
        refused = []

        def refusal():
            begun = time.monotonic()
            refused.append(ask(daemon))
            return time.monotonic() - begun
        took = [refusal() for _ in range(5)]
        disk.execute("COMMIT")
    first.join(60)
    assert [a.status for a in refused] == [503] * 5, refused
    assert all(int(a.headers["Retry-After"]) >= 1 and a.json["code"] == "overloaded" for a in refused), refused
    assert min(took) < 0.3, took  # each is told at once; a busy machine may hold up some
    assert waiting[0].status == 200, waiting
    wait_until(lambda: ask(daemon).status == 200, what="an answer after the store has caught up")
    assert not any(a.json["id"] in calls(daemon) for a in refused)  # a record of them would have added to what waited


def test_a_call_that_ended_while_nothing_could_be_written_ends_late(daemon):
    """Its client is told so at once; the register has its end as soon as it can, without a new start, and its key of idempotency is free again."""
    with Upstream() as double:
        add_vendor(daemon, double)
        daemon.cli("site", "set", "demo", "policy_by_lms=true")
        daemon.wait_for_config()
        double.default = "chunks?n=20&delay_ms=100"
        answers = []
        request = ("POST", "/v1/actions/generate_text", daemon.admin_key, {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": "Well?"}, "provider": "vendor"})
        key = {"Idempotency-Key": "once"}
        asker = threading.Thread(target=lambda: answers.append(daemon.request(*request, headers=key)))
        asker.start()
        running = wait_until(lambda: [id for id, state in calls(daemon).items() if state == "running"], what="the call")
        with closing(connect(daemon.data / "lectern.db", isolation_level=None)) as disk:
            disk.execute("BEGIN IMMEDIATE")
            asker.join(60)
            time.sleep(12)  # the second try to end it has failed too: it waits for 5 s, perhaps behind something else that does
            disk.execute("COMMIT")
        assert (answers[0].status, answers[0].json["code"]) == (503, "store_unavailable"), answers
        wait_until(lambda: calls(daemon)[running[0]] == "interrupted", what="its end")
        assert "register.ended_late" in daemon.log()
        again = wait_until(lambda: (told := daemon.request(*request, headers=key)).status != 409 and told, what="the key")
        assert again.status == 200 and again.json["id"] != running[0] and "idempotency.kept_late" in daemon.log(), again

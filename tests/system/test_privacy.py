"""Export and erasure of what is kept of a user: over HTTP and on the command line, and then in the raw files of the data directory."""
import base64
import contextlib
import json
import signal
import subprocess
import threading
import uuid

import pytest
from conftest import LECTERN, Daemon, add_vendor, check_end, contents, wait_until
from database import SERVER, SPENT, columns, connect, is_sound, tables
from test_grading import TEXT, request_of, verdict
from test_tools import Model

COURSE = "course-v1:Org+Course+Run"
UNIT = "block-v1:Org+Course+Run+type@vertical+block@u1"
RUN = "/v1/workflows/run"
LONG = 3000  # words that make a text of more than 64 KiB, and of many pages


# Of what live() does, that which must be in a file afterwards.
LEFT = {"id", "policy", "plain", "comment", "long", "again", "key", "failed", "vendor error", "stalled", "partial", "broken", "broken partial", "thread", "second turn",
        "local thread", "tool arguments", "task", "graded", "submission", "response"}


class Person:
    """A user whose id and whose every text can be told from all others."""

    def __init__(self):
        self.marks = {}
        self.id = "user-" + self.mark("id")

    def mark(self, what, plain=False):
        return self.marks.setdefault(what, f"mk{'' if plain else 'ß'}{uuid.uuid4().hex}")

    def text(self, what, long=False):
        word = f"Grüße {self.mark(what)} 😀 "
        return TEXT + " " + word * (LONG if long else 1)

    def body(self, **members):
        return {"user": {"id": self.id, "roles": ["teacher"]}, **members}


def forms(mark):
    """How a text may lie in a file."""
    raw = mark.encode()
    found = {"utf-8": raw, "utf-16le": mark.encode("utf-16le"), "utf-16be": mark.encode("utf-16be"), "json": json.dumps(mark)[1:-1].encode(),
             "hex": raw.hex().encode(), "the end alone": raw[-16:]}
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        found[f"base64 {shift}"] = whole[4 if shift else 0:len(whole) - 4]
    return found


def traces(daemon, person):
    """(mark, form, file) of whatever of the person is in a file of the data directory."""
    found = []
    for path, content in contents(daemon.data):
        for what, mark in person.marks.items():
            found += [(what, form, path.name) for form, raw in forms(mark).items() if raw in content]
    return found


def script(body):
    """What the model says: a verdict where it grades, a tool where it is told to, else what it was told."""
    last = [m["content"] for m in body["messages"] if m["role"] == "user"][-1]
    last = last if isinstance(last, str) else json.dumps(last, ensure_ascii=False)
    if "submission" in json.dumps(body.get("response_format", "")) or "c0" in json.dumps(body.get("response_format", "")):
        return verdict()
    if "roll the dice" in last and body["messages"][-1]["role"] != "tool":
        return [("roll_dice", {"note": last})]
    return last


def usual(service):
    """Says what it was told, and deletes what it is asked to."""
    service.choose, service.default_get = lambda request: "echo", "ok"


@pytest.fixture(scope="module")
def model():
    server = Model()
    server.script = script
    yield server
    server.shutdown()


def make_site(directory, model, service, *options):
    d = Daemon(directory / "data", *options)
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"resume_grace_ms": 200}))
    add_vendor(d, service, "keeper", first=False, api="responses")
    add_vendor(d, service, "double", first=False)
    add_vendor(d, model, "model")
    for slug, base, patch in (("chat", "base/blank.json5", {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.", "provider": "keeper"}}}),
                              ("local", "base/blank.json5", {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief."}}}),
                              ("tools", "base/blank.json5", {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.", "enabled_tools": ["roll_dice"]}}}),
                              ("ask", "base/blank.json5", {"processor_config": {"LLMProcessor": {"prompt": "Be brief."}}}),
                              ("scoring", "base/grading.json5", {"processor_config": {"GradingProcessor": {"mode": "scoring"}}})):
        made = d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": base, "content_patch": patch})
        assert made.status == 201, made
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    limit = {"subject": "user", "unit": "requests", "amount": 100000, "window": "month", "when_spent": "refuse"}
    assert d.request("POST", "/v1/limits", d.admin_key, limit).status == 201
    d.wait_for_config()
    return d


@pytest.fixture()
def site(tmp_path, model, service):
    service.clear()
    usual(service)
    d = make_site(tmp_path, model, service)
    yield d
    check_end(d)


def ask(d, person, what, provider=None, status=200, long=False, headers=None, **members):
    body = person.body(input={"prompt": person.text(what, long)}, context={"course_id": COURSE, "location_id": UNIT}, **members)
    if provider:
        body["provider"] = provider
    answer = d.request("POST", "/v1/actions/generate_text", d.admin_key, body, headers)
    assert answer.status == status, answer
    return answer.json


def run(d, person, what, slot, status=200, text=None, **members):
    body = person.body(context={"course_id": COURSE, "location_id": UNIT, "ui_slot_selector_id": slot, "content": person.text(what + " content")},
                       user_input=text or person.text(what), **members)
    answer = d.request("POST", RUN, d.service_key, body)
    assert answer.status == status, answer
    return answer.json


def task_end(d, number):
    return d.request("GET", f"/v1/tasks/{number}", d.admin_key).json["state"] not in ("queued", "running")


def cut_stream(d, service, person, what, scenario):
    """A stream that does not come to its end; its call has ended when this returns."""
    service.choose = lambda request: scenario
    connection, response = d.open("POST", "/v1/actions/generate_text", d.admin_key, person.body(input={"prompt": person.text(what)}, stream=True, provider="double"))
    number = None
    for line in response:
        number = number or (json.loads(line[5:])["id"] if line.startswith(b"data:") else None)
        if b"delta" in line and scenario.startswith("stall"):
            break
    connection.close()
    d.request("DELETE", f"/v1/actions/calls/{number}", d.admin_key)
    wait_until(lambda: d.request("GET", f"/v1/actions/calls/{number}", d.admin_key).json["state"] != "running", what="the end of the call")
    usual(service)


def live(d, service, person):
    """Everything that leaves something of a person."""
    ask(d, person, "refused", status=403)
    version = d.request("GET", "/v1/policy", d.learner).json["version"]
    accepted = d.request("PUT", "/v1/policy", d.admin_key, person.body(accepted=True, version=version, context={"course_id": COURSE, "location_id": person.mark("policy")}))
    assert accepted.status == 200, accepted
    number = ask(d, person, "plain")["id"]
    rated = d.request("PUT", f"/v1/actions/calls/{number}/feedback", d.admin_key, person.body(rating="down", comment=person.text("comment")[:2000]))
    assert rated.status == 200, rated
    ask(d, person, "long", long=True)
    ask(d, person, "again", headers={"Idempotency-Key": person.mark("key", plain=True)})
    service.choose = lambda request: "status?code=400&message=" + person.mark("vendor error", plain=True)
    failed = d.request("POST", "/v1/actions/generate_text", d.admin_key, person.body(input={"prompt": person.text("failed")}, provider="double"))
    assert failed.status >= 400, failed
    cut_stream(d, service, person, "stalled", "stall_mid?n=3&text=" + "%20".join([person.mark("partial", plain=True)] * 9))
    cut_stream(d, service, person, "broken", "close_mid?n=3&text=" + "%20".join([person.mark("broken partial", plain=True)] * 9))
    run(d, person, "thread", "chat")
    run(d, person, "second turn", "chat")
    run(d, person, "local thread", "local")
    run(d, person, "tool", "tools", text="Please roll the dice. " + person.text("tool arguments"))
    task = run(d, person, "task", "ask", status=202, **{"async": True})["task_id"]
    wait_until(lambda: task_end(d, task), what="the end of the task")
    graded = d.request("POST", RUN, d.service_key, person.body(profile="scoring", context={"ui_slot_selector_id": "scoring"}, user_input={
        "submission_id": person.mark("submission"), **request_of(text=person.text("graded"))}))
    assert graded.status == 200, graded
    response = d.request("POST", "/openai/v1/responses", d.service_key, {"model": "action:generate_text", "input": person.text("response"), "user": person.id})
    assert response.status == 200, response
    given = d.request("PUT", "/v1/roles", d.admin_key, {"user_id": person.id, "course_id": COURSE, "role": "teacher"})
    assert given.status == 200, given


def erase(d, person, status=200, **options):
    answer = d.request("POST", "/v1/privacy/erase", d.service_key, {"user_id": person.id}, **options)
    assert answer.status in (status, 202), answer
    job = answer.json
    wait_until(lambda: d.request("GET", f"/v1/privacy/jobs/{job['id']}", d.admin_key).json["state"] == "done", what="the end of the erasure")
    return d.request("GET", f"/v1/privacy/jobs/{job['id']}", d.admin_key).json


def query(d, sql, *values):
    with contextlib.closing(connect(f"file:{d.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
        return database.execute(sql, values).fetchall()


def sound(d):
    with contextlib.closing(connect(d.data / "lectern.db", timeout=60)) as database:
        return is_sound(database)


def export(d, person, key=None):
    answer = d.request("POST", "/v1/privacy/export", key or d.service_key, {"user_id": person.id})
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.body.decode().splitlines()]


# ---- erasure ----


def test_after_an_erasure_no_file_has_anything_of_the_user_and_everything_of_others(site, service):
    gone, stays = Person(), Person()
    for person in (gone, stays):
        live(site, service, person)
    there = {what for what, _, _ in traces(site, gone)}
    assert there >= LEFT, LEFT - there  # else the test would look for what never was there
    calls = query(site, "SELECT count(*) FROM ai_call WHERE user_id = ?", gone.id)[0][0]
    stop, refused = threading.Event(), []

    def others():
        while not stop.is_set():
            answer = site.request("POST", "/v1/actions/generate_text", site.admin_key, stays.body(input={"prompt": stays.text("meanwhile")}))
            refused.extend([] if answer.status == 200 else [answer])

    thread = threading.Thread(target=others)
    thread.start()
    job = erase(site, gone)
    stop.set()
    thread.join()
    assert not refused
    assert traces(site, gone) == []
    assert {what for what, _, _ in traces(site, stays)} >= LEFT
    assert job["calls"] == calls and job["records"] > 5
    pseudonym = job["pseudonym"]
    assert query(site, "SELECT count(*) FROM ai_call WHERE user_id = ?", pseudonym)[0][0] == calls
    kept = query(site, "SELECT sum(prompt_tokens) FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id WHERE b.user_id = ?", pseudonym)[0][0]
    assert kept > 0
    assert sound(site)
    assert gone.marks["id"] not in site.log()


def test_an_erasure_is_told_to_the_chain_of_the_register(site, service):
    person = Person()
    live(site, service, person)
    ids = {row[0] for row in query(site, "SELECT id FROM ai_call WHERE user_id = ?", person.id)}
    wait_until(lambda: query(site, "SELECT count(*) FROM register_pending") == [(0,)], what="the sealer")  # what comes later is chained as it is then
    erase(site, person)
    assert {row[0] for row in query(site, "SELECT call_id FROM register_erasure")} == ids
    assert query(site, "SELECT count(*) FROM register_seal s JOIN register_erasure e ON e.call_id = s.call_id WHERE s.salt IS NOT NULL AND s.kind < 4") == [(0,)]


def test_the_chain_of_the_register_still_verifies_and_finds_what_is_put_in_afterwards(site, service):
    gone, stays = Person(), Person()
    for person in (gone, stays):
        live(site, service, person)

    def verify():
        done = site.cli("register", "verify", "--json", check=False)
        return done.returncode, done.stdout + done.stderr

    wait_until(lambda: query(site, "SELECT count(*) FROM register_pending") == [(0,)], what="the sealer")
    assert verify()[0] == 0, verify()
    job = erase(site, gone)
    wait_until(lambda: query(site, "SELECT count(*) FROM register_pending") == [(0,)], what="the sealer")
    wait_until(lambda: query(site, "SELECT count(*) FROM register_erasure WHERE sealed = 0") == [(0,)], what="the sealer")
    assert verify()[0] == 0, verify()
    again = Person()
    again.marks["id"] = again.id = job["pseudonym"]
    assert erase(site, again)["calls"] == 0
    assert verify()[0] == 0, verify()
    with contextlib.closing(connect(site.data / "lectern.db", timeout=60)) as database, database:
        database.execute("UPDATE ai_call_end SET partial = 'put in' WHERE call_id = (SELECT call_id FROM register_erasure LIMIT 1)")
    assert verify()[0] == 1, verify()


def test_a_call_that_runs_is_cancelled_and_erased_and_one_that_begins_later_is_whole(site, service):
    person = Person()
    version = site.request("GET", "/v1/policy", site.learner).json["version"]
    assert site.request("PUT", "/v1/policy", site.admin_key, person.body(accepted=True, version=version)).status == 200
    service.choose = lambda request: "stall_mid?n=2&text=" + "%20".join([person.mark("running", plain=True)] * 5)
    connection, response = site.open("POST", "/v1/actions/generate_text", site.admin_key,
                                     person.body(input={"prompt": person.text("asked")}, stream=True, provider="double"))
    first = next(line for line in response if b"delta" in line or line.startswith(b"data:"))
    assert first
    erase(site, person)
    connection.close()
    usual(service)
    assert traces(site, person) == []
    later = Person()
    later.id = person.id
    assert site.request("PUT", "/v1/policy", site.admin_key, later.body(accepted=True, version=version)).status == 200
    call = ask(site, later, "later")
    assert query(site, "SELECT user_id FROM ai_call WHERE id = ?", uuid.UUID(call["id"]).bytes) == [(person.id,)]
    assert any(later.mark("later") in json.dumps(line, ensure_ascii=False) for line in export(site, later))


def test_a_stream_that_is_kept_in_memory_is_forgotten_too(site, service):
    person = Person()
    version = site.request("GET", "/v1/policy", site.learner).json["version"]
    assert site.request("PUT", "/v1/policy", site.admin_key, person.body(accepted=True, version=version)).status == 200
    events = site.stream("POST", "/v1/actions/generate_text", site.admin_key, person.body(input={"prompt": person.text("streamed")}, stream=True))
    path = f"/v1/actions/calls/{events[0].data['id']}/stream"
    assert person.mark("streamed") in str([e.data for e in site.stream("GET", path, site.admin_key)])
    erase(site, person)
    after = site.request("GET", path, site.admin_key)
    assert person.mark("streamed") not in after.body.decode()


def test_an_erasure_again_finds_nothing_and_is_recorded_too(site, service):
    person = Person()
    live(site, service, person)
    first, second = erase(site, person), erase(site, person)
    assert first["calls"] > 0 and (second["calls"], second["records"]) == (0, 0)
    assert first["pseudonym"] != second["pseudonym"] and first["user_hash"] == second["user_hash"]
    rows = query(site, "SELECT kind, user_id, user_hash, state, asked_by FROM privacy_job ORDER BY id")
    assert [(r[0], r[1], r[3]) for r in rows] == [("erase", "", "done")] * 2
    assert person.marks["id"] not in str(rows)


def test_an_erasure_that_a_kill_breaks_off_is_ended_by_the_next_daemon(tmp_path, model, service):
    service.clear()
    usual(service)
    d, person = make_site(tmp_path, model, service), Person()
    live(d, service, person)
    for _ in range(60):
        ask(d, person, "many")
    database = connect(d.data / "lectern.db", timeout=60, isolation_level=None)  # holds the file's log, or the table, so that the erasure cannot end
    database.execute("BEGIN")
    database.execute("LOCK TABLE ai_call IN EXCLUSIVE MODE" if SERVER else "SELECT count(*) FROM ai_call")
    answer = d.request("POST", "/v1/privacy/erase", d.admin_key, {"user_id": person.id})
    assert answer.status == 202 and answer.json["state"] in ("running", "scrubbing"), answer
    d.stop(signal.SIGKILL)
    database.close()
    d = Daemon(d.data)
    job = wait_until(lambda: (lambda j: j if j["state"] == "done" else None)(d.request("GET", f"/v1/privacy/jobs/{answer.json['id']}", d.admin_key).json))
    assert job["calls"] > 60
    assert traces(d, person) == []
    check_end(d)


def test_the_command_line_exports_and_erases_beside_a_daemon_and_without_one(tmp_path, model, service):
    usual(service)
    d, first, second, other = make_site(tmp_path, model, service), Person(), Person(), Person()
    for person in (first, second, other):
        live(d, service, person)
    lines = [json.loads(line) for line in d.cli("privacy", "export", first.id).splitlines()]
    assert [x["kind"] for x in (lines[0], lines[-1])] == ["export", "end"] and first.mark("plain") in json.dumps(lines, ensure_ascii=False)
    beside = json.loads(d.cli("privacy", "erase", first.id, "--json"))
    assert beside["state"] == "done" and beside["calls"] == lines[-1]["calls"] and traces(d, first) == []
    check_end(d)
    alone = json.loads(d.cli("privacy", "erase", second.id, "--json"))
    assert alone["state"] == "done" and traces(d, second) == []
    assert json.loads(d.cli("privacy", "show", alone["id"], "--json"))["asked_by"] == "cli"
    assert {what for what, _, _ in traces(d, other)} >= LEFT
    assert query(d, "SELECT count(*) FROM privacy_vendor_deletion WHERE state = 'waiting'")[0][0] > 0  # the next daemon's


def test_usage_of_limits_outlives_an_erasure_under_another_name(site, service):
    person = Person()
    live(site, service, person)
    used = query(site, f"SELECT SUM({SPENT}) FROM usage_counter c")[0][0]
    erase(site, person)
    rows = query(site, "SELECT counter_key, used FROM usage_counter")
    assert sum(row[1] for row in rows) == used and used > 5
    assert all(row[0].startswith("\n\x01") and len(row[0]) == 34 for row in rows)


def test_who_comes_again_after_an_erasure_has_no_more_of_a_limit_than_before(tmp_path, model, service):
    usual(service)
    d, person = make_site(tmp_path, model, service), Person()
    limit = {"subject": "user", "unit": "requests", "amount": 3, "window": "day", "when_spent": "refuse", "action": "generate_text"}
    number = d.request("POST", "/v1/limits", d.admin_key, limit).json["id"]
    version = d.request("GET", "/v1/policy", d.learner).json["version"]

    def left():
        path = f"/v1/quota?action=generate_text&user_id={person.id}&role=teacher".replace("ß", "%C3%9F")
        return next(q["left"] for q in d.request("GET", path, d.admin_key).json["limits"] if q["limit"] == number)

    def come():
        assert d.request("PUT", "/v1/policy", d.admin_key, person.body(accepted=True, version=version)).status == 200

    come()
    ask(d, person, "one")
    ask(d, person, "two")
    assert left() == 1
    erase(d, person)
    assert left() == 1
    check_end(d)
    d = Daemon(d.data)
    assert left() == 1
    come()
    ask(d, person, "three")
    assert left() == 0
    ask(d, person, "four", status=429)
    erase(d, person)
    assert left() == 0 and traces(d, person) == []
    check_end(d)


# ---- what vendors keep ----


def test_what_a_vendor_keeps_of_a_user_is_deleted_there_too(site, service):
    service.memory.clear()
    mine, other = Person(), Person()
    for person in (mine, other):
        live(site, service, person)
    assert len(service.memory) == 4  # two turns each
    job = erase(site, mine)
    assert job["vendors"]["failed"] == 0 and sum(job["vendors"].values()) > 0
    left = wait_until(lambda: (lambda j: j if j["waiting"] == 0 else None)(site.request("GET", f"/v1/privacy/jobs/{job['id']}", site.admin_key).json["vendors"]))
    assert left == {"waiting": 0, "deleted": 2, "failed": 0}
    assert len(service.memory) == 2 and mine.mark("thread") not in str(service.memory) and other.mark("thread") in str(service.memory)


def test_a_vendor_that_fails_is_asked_again_and_the_answer_says_so(site, service):
    service.memory.clear()
    person = Person()
    live(site, service, person)
    service.default_get = "status?code=503"
    job = erase(site, person)
    tried = wait_until(lambda: query(site, "SELECT tries, code, state FROM privacy_vendor_deletion WHERE tries > 0"))
    assert tried[0][1:] == ("upstream_unavailable", "waiting")
    assert site.request("GET", f"/v1/privacy/jobs/{job['id']}", site.admin_key).json["vendors"]["waiting"] > 0 and service.memory
    usual(service)
    wait_until(lambda: not service.memory, what="the vendor's deletion")


def test_what_a_vendor_keeps_of_a_conversation_that_is_cleared_or_removed_is_deleted_there_too(site, service):
    service.memory.clear()
    person = Person()
    live(site, service, person)
    ids = {s["id"]: s for s in site.request("GET", f"/v1/sessions?user={person.id}".replace("ß", "%C3%9F"), site.admin_key).json["sessions"]}
    assert len(ids) == 3 and len(service.memory) == 2
    for number in ids:
        assert site.request("POST", f"/v1/sessions/{number}/clear", site.admin_key, {}).status == 200
    wait_until(lambda: not service.memory, what="the vendor's deletion")
    run(site, person, "after", "chat")
    assert len(service.memory) == 1
    for number in ids:
        assert site.request("DELETE", f"/v1/sessions/{number}", site.admin_key).status == 204
    wait_until(lambda: not service.memory, what="the vendor's deletion")


# ---- who may ----


def test_who_may_ask_for_what(shared):
    for path in ("export", "erase"):
        body = {"user_id": "somebody"}
        assert shared.request("POST", f"/v1/privacy/{path}", None, body).status == 401
        for key in (shared.learner, shared.teacher):
            assert shared.request("POST", f"/v1/privacy/{path}", key, body).json["code"] == "permission_denied"
        for key in (shared.admin_key, shared.service_key):
            assert shared.request("POST", f"/v1/privacy/{path}", key, body).status in (200, 202)
        assert shared.request("POST", f"/v1/privacy/{path}", shared.admin_key, {"user_id": ""}).json["code"] == "invalid_input"
        assert shared.request("POST", f"/v1/privacy/{path}", shared.admin_key, {"user_id": "a\u0001"}).json["code"] == "invalid_input"


def test_a_user_may_export_their_own_and_erase_it_where_the_site_says_so(daemon):
    daemon.accept_policy(daemon.learner)
    run_one = daemon.request("POST", "/v1/actions/summarise_text", daemon.learner, {"input": {"text": TEXT}})
    assert run_one.status == 200, run_one
    name = query(daemon, "SELECT user_id FROM ai_call")[0][0]
    mine = daemon.request("POST", "/v1/privacy/export", daemon.learner, {"user_id": name})
    assert mine.status == 200 and run_one.json["id"] in mine.body.decode()
    assert daemon.request("POST", "/v1/privacy/erase", daemon.learner, {"user_id": name}).status == 403
    daemon.cli("site", "set", "demo", "users_may_erase=true")
    daemon.wait_for_config()
    job = daemon.request("POST", "/v1/privacy/erase", daemon.learner, {"user_id": name})
    assert job.status in (200, 202) and job.json["asked_by"] == "self", job
    wait_until(lambda: daemon.request("GET", f"/v1/privacy/jobs/{job.json['id']}", daemon.learner).json["state"] == "done")
    assert daemon.request("GET", f"/v1/privacy/jobs/{job.json['id']}", daemon.teacher).status == 404
    assert daemon.request("GET", "/v1/policy", daemon.learner).json["accepted"] is False


# ---- export ----


def test_an_export_has_everything_of_the_user_and_nothing_of_others(site, service):
    mine, other = Person(), Person()
    for person in (mine, other):
        live(site, service, person)
    lines = export(site, mine)
    assert lines[0]["kind"] == "export" and lines[-1]["kind"] == "end" and lines[-1]["records"] == len([x for x in lines if "row" in x])
    text = json.dumps(lines, ensure_ascii=False)
    assert [what for what in LEFT if mine.marks[what] not in text] == []
    assert [what for what, mark in other.marks.items() if mark in text] == []
    calls = [x for x in lines if x["kind"] == "call"]
    assert len(calls) == lines[-1]["calls"] == query(site, "SELECT count(*) FROM ai_call WHERE user_id = ?", mine.id)[0][0]
    recorded = query(site, "SELECT kind, user_id, state, calls FROM privacy_job")
    assert recorded == [("export", "", "done", len(calls))]


# ---- the inventory ----


def test_every_table_and_every_column_is_in_the_inventory(site, service):
    live(site, service, Person())
    entries = json.loads(subprocess.run([LECTERN, "privacy", "metadata", "--json"], capture_output=True, text=True, check=True).stdout)
    assert entries == site.request("GET", "/v1/privacy/metadata", site.admin_key).json["tables"]
    with contextlib.closing(connect(site.data / "lectern.db", timeout=60)) as db:
        held = {table: set(columns(db, table)) for table in tables(db)}
    named = {}
    for entry in entries:
        for table in held:
            if table == entry["table"] or (entry["table"].endswith("*") and table.startswith(entry["table"][:-1])):
                named.setdefault(table, []).append(entry)
    assert [t for t in held if t not in named] == [], "tables that no export and no erasure knows"
    for table, of in named.items():
        if not any(e["personal"] for e in of):
            assert not held[table] & {"user_id", "staff_user", "changed_by", "created_by", "stopped_by", "caller", "messages", "detail"}, table
        if all(e["erasure"] == "blanked" for e in of):
            told = {c for e in of for c in e["blanked"] + e["stays"]}
            assert held[table] == told, f"{table}: what becomes of these columns?"

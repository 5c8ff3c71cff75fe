"""Background tasks against the real daemon: the queue, its limits, what survives a crash, and how they are asked for, followed and cancelled."""
import json
import signal
import threading
import time
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, read_events, wait_until
from database import connect

pytestmark = pytest.mark.usefixtures("as_before")
COURSE = "course-v1:Org+Course+Run"
OTHER = "course-v1:Org+Other+Run"
UNIT = "block-v1:Org+Course+Run+type@vertical+block@u1"
RUN = "/v1/workflows/run"
U1, U2 = {"id": "u1", "roles": ["student"]}, {"id": "u2", "roles": ["student"]}
ENDED = ("completed", "failed", "timeout", "cancelled")


def set_site(daemon, **settings):
    daemon.cli("site", "set", "demo", "--json-patch", json.dumps(settings))


def figure(daemon, name):
    text = daemon.request("GET", "/metrics", daemon.admin_key).body.decode()
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))


def prepare(daemon, service, **settings):
    set_site(daemon, policy_by_lms=True, **settings)
    add_vendor(daemon, service)
    for slug, patch in {"ask": {}, "chat": {"orchestrator_class": "ThreadedLLMResponse"}}.items():
        body = {"slug": slug, "base_filepath": "base/blank.json5",
                "content_patch": {"processor_config": {"LLMProcessor": {"prompt": "Be brief.", "stream": slug == "chat"}}, **patch}}
        assert daemon.request("POST", "/v1/profiles", daemon.admin_key, body).status == 201
        assert daemon.request("POST", "/v1/scopes", daemon.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    daemon.wait_for_config()
    return daemon


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    service.default = "ok"
    d = prepare(Daemon(tmp_path_factory.mktemp("tasks") / "data"), service)
    yield d
    check_end(d)


def again(daemon, *options):
    """The next daemon on the same data."""
    return Daemon(daemon.data, *options)


def ask(daemon, text="Why?", user=U1, slot="ask", status=202, key=None, headers=None, course=COURSE, location=UNIT, **members):
    body = {"context": {"course_id": course, "location_id": location, "ui_slot_selector_id": slot}, "user_input": text, "async": True, **members}
    if key is None:
        body["user"] = user
    answer = daemon.request("POST", RUN, key or daemon.service_key, body, headers)
    assert answer.status == status, answer
    return answer.json["task_id"] if status == 202 else answer.json


def look(daemon, task, key=None, status=200, user=None):
    answer = daemon.request("GET", f"/v1/tasks/{task}" + (f"?user_id={user}&role=student" if user else ""), key or daemon.admin_key)
    assert answer.status == status, answer
    return answer.json


def end_of(daemon, task, timeout=60):
    return wait_until(lambda: (t := look(daemon, task))["state"] in ENDED and t, timeout, "the end of the task")


def wait_running(daemon, task):
    return wait_until(lambda: (t := look(daemon, task))["state"] == "running" and t, what="the task's beginning")


def rows(daemon, sql, *values):
    with connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True, timeout=60) as db:
        return db.execute(sql, values).fetchall()


def cancel(daemon, task, key=None, status=200, user=None):
    answer = daemon.request("DELETE", f"/v1/tasks/{task}" + (f"?user_id={user}&role=student" if user else ""), key or daemon.admin_key)
    assert answer.status == status, answer
    return answer.json


# ---- asking and looking ----

def test_a_task_is_accepted_at_once_and_has_the_answer_of_a_run_in_the_end(site, service):
    service.default = "ok?text=Because."
    answer = site.request("POST", RUN, site.service_key, {"context": {"ui_slot_selector_id": "ask"}, "user_input": "Why?", "user": U1, "async": True})
    assert answer.status == 202 and answer.headers["Location"] == f"/v1/tasks/{answer.json['task_id']}"
    task = end_of(site, answer.json["task_id"])
    assert (task["state"], task["profile"], task["action"], task["user_id"], task["attempt"]) == ("completed", "ask", "run", "u1", 1)
    assert task["progress"] == {"message": "Done.", "fraction": 1} and "error" not in task
    assert task["created_at"] <= task["started_at"] <= task["completed_at"]
    now = site.request("POST", RUN, site.service_key, {"context": {"ui_slot_selector_id": "ask"}, "user_input": "Why?", "user": U1}).json
    assert task["result"].keys() == now.keys() and task["result"]["response"] == now["response"] == {"response": "Because.", "status": "completed"}
    stored = site.request("GET", f"/v1/register/{task['result']['id']}", site.admin_key).json
    assert (stored["user_id"], stored["state"], stored["action"]) == ("u1", "completed", "continue_conversation")


def test_what_cannot_run_is_refused_before_it_is_queued(site):
    assert ask(site, status=404, action="fly")["code"] == "unknown_action"
    assert ask(site, status=404, slot="nothing")["code"] == "no_config"
    assert ask(site, status=400, stream=True)["field"] == "/async"
    too_much = ask(site, "x" * (2 << 20), status=413)
    assert (too_much["code"], too_much["field"]) == ("body_too_large", "/user_input")


def test_a_run_that_fails_ends_the_task_with_its_error(site, service):
    service.default = "status?code=400"
    task = end_of(site, ask(site))
    assert (task["state"], task["error"]["code"], task["attempt"]) == ("failed", "upstream_bad_request", 1) and "result" not in task
    learner = look(site, task["id"], site.service_key, user="u1")
    assert learner["error"]["code"] == "upstream_bad_request"


def test_the_input_goes_with_the_end_of_the_task(site):
    task = end_of(site, ask(site, "a text that is found again"))
    assert rows(site, "SELECT COUNT(*) FROM workflow_task_input WHERE task_id = ?", task["number"]) == [(0,)]
    assert rows(site, "SELECT COUNT(*) FROM workflow_task_result WHERE task_id = ?", task["number"]) == [(1,)]


def test_a_user_sees_and_cancels_only_their_own(site):
    task = ask(site, user=U1)
    end_of(site, task)
    look(site, task, site.service_key, 404, "u2")
    cancel(site, task, site.service_key, 404, "u2")
    assert site.request("GET", f"/v1/tasks/{task}/events?user_id=u2", site.service_key).status == 404
    look(site, task, site.learner, 404)
    assert look(site, task, site.service_key, user="u1")["id"] == look(site, task, site.service_key)["id"] == look(site, task)["id"] == task
    look(site, str(uuid.uuid4()), status=404)
    look(site, "nonsense", status=404)


def test_lists_show_ones_own_or_all_of_the_site_page_by_page(site):
    users = [{"id": f"list-{uuid.uuid4().hex}", "roles": ["student"]} for _ in range(2)]
    made = [ask(site, user=users[i % 2]) for i in range(6)]
    for task in made:
        end_of(site, task)
    own = site.request("GET", f"/v1/tasks?user_id={users[0]['id']}&role=student", site.service_key).json
    assert [t["id"] for t in own["tasks"]] == made[4::-2] and own["next"] is None and "result" not in own["tasks"][0]
    assert [t["id"] for t in site.request("GET", f"/v1/tasks?user={users[1]['id']}", site.admin_key).json["tasks"]] == made[5::-2]
    seen, before = [], ""
    while len(seen) < 6:
        page = site.request("GET", f"/v1/tasks?limit=2{before}", site.admin_key).json
        seen += [t["id"] for t in page["tasks"]]
        before = f"&before={page['next']}"
    assert seen[:6] == made[::-1]
    assert site.request("GET", "/v1/tasks?state=queued", site.admin_key).json["tasks"] == []
    assert site.request("GET", "/v1/tasks?state=asleep", site.admin_key).status == 400


# ---- idempotency ----

def test_the_same_key_and_body_is_the_same_task_and_another_body_a_conflict(site, service):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    task = ask(site, "once", headers=key)
    assert ask(site, "once", headers=key) == task
    end_of(site, task)
    assert ask(site, "once", headers=key) == task
    assert ask(site, "twice", headers=key, status=409)["code"] == "idempotency_key_reused"
    assert len(service.requests()) == 1
    others = [ask(site, "once", headers=key, user=U2), ask(site, "once")]
    assert len({task, *others}) == 3
    [end_of(site, other) for other in others]


def test_how_the_body_is_written_means_nothing(site):
    body = {"context": {"course_id": COURSE, "location_id": UNIT, "ui_slot_selector_id": "ask"}, "user_input": "once", "async": True, "user": U1}
    other = json.dumps({name: dict(reversed(v.items())) if isinstance(v, dict) else v for name, v in reversed(body.items())}, indent=2)
    headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
    first, again = (site.request("POST", RUN, site.service_key, text, headers) for text in (json.dumps(body), other))
    assert (first.status, again.status, again.json["task_id"]) == (202, 202, first.json["task_id"]), again
    end_of(site, first.json["task_id"])


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "caf\u00e9"])
def test_an_unfit_key_is_refused(site, key):
    assert ask(site, headers={"Idempotency-Key": key.encode("latin-1")}, status=400)["code"] == "invalid_input"


def test_ten_at_once_with_one_key_are_one_task(site, service):
    key, made = {"Idempotency-Key": uuid.uuid4().hex}, []
    threads = [threading.Thread(target=lambda: made.append(ask(site, "once", headers=key))) for _ in range(10)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(made) == 10 and len(set(made)) == 1
    end_of(site, made[0])
    assert len(service.requests()) == 1


# ---- following ----

def states(events):
    return [e.data["state"] for e in events if e.kind == "status"]


def test_events_tell_the_states_how_far_it_is_then_the_end(site, service):
    service.default = "ok?text=Because.&gate=1"
    task = ask(site)
    connection, response = site.open("GET", f"/v1/tasks/{task}/events", site.admin_key)
    stream = read_events(response)
    events = [next(stream) for _ in range(3)]
    service.let = 100
    events += stream
    connection.close()
    assert [e.kind for e in events] == ["status"] * 3 + ["done"] and [e.id for e in events] == [1, 2, 3, 4]
    assert [e.data for e in events[:3]] == [{"state": "queued", "message": ""}, {"state": "running", "message": ""},
                                            {"state": "running", "message": "Asking the model.", "fraction": 0.3}]
    assert events[-1].data == look(site, task)


def test_whoever_comes_back_goes_on_behind_the_last_event(site, service):
    service.default = "stall"
    task = ask(site)
    events_of = f"/v1/tasks/{task}/events"
    connection, response = site.open("GET", events_of, site.admin_key)
    stream = read_events(response)
    seen = [next(stream) for _ in range(2)]
    connection.close()
    connection, response = site.open("GET", events_of, site.admin_key, headers={"Last-Event-ID": "2"})
    seen.append(next(read_events(response)))
    connection.close()
    cancel(site, task)
    end_of(site, task)
    seen += site.stream("GET", events_of, site.admin_key, headers={"Last-Event-ID": "3"})
    assert [(e.kind, e.id) for e in seen] == [("status", 1), ("status", 2), ("status", 3), ("error", 4)]
    assert seen[-1].data["code"] == "cancelled" and seen[-1].data["id"] == task
    all_of_it = [(e.kind, e.id, e.data) for e in site.stream("GET", events_of, site.admin_key)]
    assert [e[:2] for e in all_of_it] == [(e.kind, e.id) for e in seen]
    for after in range(1, 4):
        rest = site.stream("GET", events_of, site.admin_key, headers={"Last-Event-ID": str(after)})
        assert [(e.kind, e.id) for e in rest] == [e[:2] for e in all_of_it[after:]]
    assert site.request("GET", events_of, site.admin_key, headers={"Last-Event-ID": "4"}).status == 204, "browsers then stop coming back"
    for wrong in ("x", "-1", "5", "99999999999999999999"):
        assert site.request("GET", events_of, site.admin_key, headers={"Last-Event-ID": wrong}).status == 400


def test_all_who_follow_see_the_same_events(site, service):
    service.default = "ok?gate=1"
    task, seen, begun = ask(site), [], threading.Barrier(9)

    def follow():
        connection, response = site.open("GET", f"/v1/tasks/{task}/events", site.admin_key)
        begun.wait(60)
        seen.append([(e.kind, e.id) for e in read_events(response)])
        connection.close()
    threads = [threading.Thread(target=follow) for _ in range(8)]
    [t.start() for t in threads]
    begun.wait(60)
    service.let = 100
    [t.join() for t in threads]
    assert len(seen) == 8 and all(s == [("status", 1), ("status", 2), ("status", 3), ("done", 4)] for s in seen)


def test_events_go_on_after_a_crash_in_the_next_process(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service)
    service.default = "stall"
    task = ask(d)
    connection, response = d.open("GET", f"/v1/tasks/{task}/events", d.admin_key)
    stream = read_events(response)
    seen = [next(stream) for _ in range(3)]
    d.stop(signal.SIGKILL)
    connection.close()
    service.default = "ok"
    d = again(d)
    seen += d.stream("GET", f"/v1/tasks/{task}/events", d.admin_key, headers={"Last-Event-ID": "3"})
    assert [(e.kind, e.id) for e in seen] == [("status", i) for i in range(1, 7)] + [("done", 7)]
    assert states(seen) == ["queued", "running", "running", "queued", "running", "running"]
    assert d.stop() == 0
    d = again(d, "--task-workers", "0")
    told = d.stream("GET", f"/v1/tasks/{task}/events", d.admin_key)
    assert [(e.kind, e.id, e.data) for e in told] == [(e.kind, e.id, e.data) for e in seen]
    check_end(d)


def test_a_retry_is_told(site, service):
    service.queue = ["status?code=503"]
    events = site.stream("GET", f"/v1/tasks/{ask(site)}/events", site.admin_key)
    assert states(events) == ["queued", "running", "running"] * 2 and events[-1].kind == "done"


def test_a_silent_task_is_kept_open_by_comments(site, service):
    service.default = "stall"
    task = ask(site)
    wait_running(site, task)
    connection, response = site.open("GET", f"/v1/tasks/{task}/events", site.admin_key, timeout=60)
    lines = []
    while b":\n" not in lines:
        lines.append(response.readline())
    assert lines[0] == b"event: status\n"
    connection.close()
    cancel(site, task)
    end_of(site, task)


# ---- cancelling ----

def test_a_running_task_is_broken_off_at_once_also_upstream(site, service):
    service.default = "stall"
    task = ask(site)
    wait_running(site, task)
    service.wait_for(lambda r: r["at"])
    assert cancel(site, task, site.service_key, user="u1") == {"id": task, "cancelled": True, "state": "cancelling"}
    ended = end_of(site, task)
    assert (ended["state"], ended["error"]["code"]) == ("cancelled", "cancelled")
    service.wait_for(lambda r: r["closed_at"])
    assert cancel(site, task) == {"id": task, "cancelled": False, "state": "cancelled"}


def test_the_command_line_lists_shows_and_cancels(site, service):
    service.default = "stall"
    task = ask(site, user={"id": "cli-user", "roles": ["student"]})
    wait_running(site, task)
    listed = json.loads(site.cli("task", "list", "--user", "cli-user", "--state", "running", "--json"))
    assert [t["id"] for t in listed["tasks"]] == [task]
    assert task in site.cli("task", "list")
    assert json.loads(site.cli("task", "cancel", task, "--json"))["state"] == "cancelling"
    assert end_of(site, task)["state"] == "cancelled"
    shown = json.loads(site.cli("task", "show", task, "--json"))
    assert (shown["state"], shown["error"]["code"]) == ("cancelled", "cancelled")
    assert json.loads(site.cli("task", "cancel", task, "--json"))["state"] == "cancelled"
    assert site.cli("task", "show", str(uuid.uuid4()), check=False).returncode == 1
    assert site.cli("task", "list", "--state", "asleep", check=False).returncode == 2
    assert "task show" in site.cli("task", "show", "--help")


# ---- the Open edX door's two actions ----

def session_action(daemon, action, location, text=None, status=200):
    body = {"context": {"course_id": COURSE, "location_id": location, "ui_slot_selector_id": "chat"}, "action": action, "user": U1}
    answer = daemon.request("POST", RUN, daemon.service_key, {**body, **({"user_input": text} if text else {})})
    assert answer.status == status, answer
    return answer.json["response"]


def test_run_async_processes_and_get_run_status_gives_the_result_itself(site, service):
    place = f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"
    assert session_action(site, "get_run_status", place) == {"status": "idle"}
    service.default = "ok?text=Because.&gate=1"
    begun = session_action(site, "run_async", place, "Why?")
    assert begun["status"] == "processing" and begun["message"] and look(site, begun["task_id"])["action"] == "run"
    assert session_action(site, "get_run_status", place)["status"] == "processing"
    service.let = 100
    end_of(site, begun["task_id"])
    assert session_action(site, "get_run_status", place) == {"response": "Because.", "status": "completed"}
    history = json.loads(session_action(site, "run", place)["response"])
    assert [m["content"] for m in history["messages"]] == ["Why?", "Because."]
    service.default = "status?code=400"
    end_of(site, session_action(site, "run_async", place, "And now?")["task_id"])
    failed = session_action(site, "get_run_status", place)
    assert failed["status"] == "error" and failed["error"]
    session_action(site, "clear_session", place)
    assert session_action(site, "get_run_status", place) == {"status": "idle"}


def test_the_door_polls_the_same_two_actions(site, service):
    service.default = "ok?text=Because."
    where = "/openedx-ai-extensions/v1/workflows/?context=" + json.dumps(
        {"courseId": COURSE, "locationId": UNIT, "uiSlotSelectorId": "chat"}).replace(" ", "").replace('"', "%22").replace("+", "%2B")
    call = lambda action: site.request("POST", where, site.learner, {"action": action, "user_input": "Why?"})
    begun = call("run_async")
    assert begun.status == 200 and begun.json["status"] == "processing", begun
    done = wait_until(lambda: (a := call("get_run_status").json)["status"] != "processing" and a, what="the answer")
    assert (done["response"], done["status"]) == ("Because.", "completed")


def door(daemon, action, **context):
    where = json.dumps({"courseId": COURSE, "locationId": UNIT, "uiSlotSelectorId": "chat", **context}).replace(" ", "").replace('"', "%22").replace("+", "%2B")
    answer = daemon.request("POST", "/openedx-ai-extensions/v1/workflows/?context=" + where, daemon.learner, {"action": action, "user_input": "Why?"})
    assert answer.status == 200, answer
    return answer.json


def test_the_door_says_how_far_it_is_and_polls_on_over_a_crash(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service)
    service.default = "stall"
    begun = door(d, "run_async")
    said = wait_until(lambda: (a := door(d, "get_run_status"))["message"] == "Asking the model." and a, what="the message")
    assert (said["status"], said["task_id"]) == ("processing", begun["task_id"])
    d.stop(signal.SIGKILL)
    service.default = "ok?text=Because."
    d = again(d)
    done = wait_until(lambda: (a := door(d, "get_run_status"))["status"] != "processing" and a, what="the answer")
    assert (done["response"], done["status"]) == ("Because.", "completed")
    assert rows(d, "SELECT COUNT(*), MAX(attempt) FROM workflow_task") == [(1, 2)] and rows(d, "SELECT COUNT(*) FROM workflow_task_result") == [(1,)]
    check_end(d)


def test_at_the_door_a_second_run_takes_the_place_of_the_first(site, service):
    place = {"locationId": f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"}
    service.default = "ok?text=Because."
    first, second = door(site, "run_async", **place), door(site, "run_async", **place)
    assert first["task_id"] != second["task_id"]
    assert {end_of(site, t["task_id"])["state"] for t in (first, second)} == {"completed"}
    service.default = "status?code=400"
    third = door(site, "run_async", **place)
    end_of(site, third["task_id"])
    failed = door(site, "get_run_status", **place)
    assert failed["status"] == "error" and failed["error"] and "upstream" not in failed["error"]
    assert door(site, "clear_session", **place)["status"] == "session_cleared"
    assert door(site, "get_run_status", **place)["status"] == "idle"


# ---- limits of time, retries ----

def test_at_the_soft_limit_the_run_ends_and_what_was_received_is_stored(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service, task_soft_limit_ms=5000, task_hard_limit_ms=60000)
    service.default = "stall_mid?n=3&text=one two three four five six"
    task = end_of(d, ask(d, slot="chat"))
    assert (task["state"], task["error"]["code"], task["attempt"]) == ("timeout", "timeout", 1)
    service.wait_for(lambda r: r["closed_at"])
    session = d.request("GET", "/v1/sessions?user=u1", d.admin_key).json["sessions"][0]
    thread = d.request("GET", f"/v1/sessions/{session['id']}/thread", d.admin_key).json["thread"]
    assert [m["role"] for m in thread] == ["user", "assistant"] and thread[1]["content"].startswith("one") and thread[1]["interrupted"]
    check_end(d)


def test_a_task_is_told_to_end_after_270_s_and_is_over_after_300_unless_the_site_says_otherwise(site):
    shown = json.loads(site.cli("--json", "site", "show", "demo"))
    assert (shown["task_soft_limit_ms"], shown["task_hard_limit_ms"]) == (270000, 300000)


def test_get_run_status_says_that_a_run_took_too_long(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service, task_soft_limit_ms=1000, task_hard_limit_ms=20000)
    place = f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"
    service.default = "stall"
    end_of(d, session_action(d, "run_async", place, "Why?")["task_id"])
    status = session_action(d, "get_run_status", place)
    assert status["status"] == "timeout" and status["error"] and set(status) == {"status", "error"}
    check_end(d)


def test_limits_of_time_are_the_sites_and_270_and_300_seconds_if_it_says_nothing(site):
    limits = lambda: {k: json.loads(site.cli("site", "show", "demo", "--json"))[k] for k in ("task_soft_limit_ms", "task_hard_limit_ms")}
    assert limits() == {"task_soft_limit_ms": 270000, "task_hard_limit_ms": 300000}
    set_site(site, task_soft_limit_ms=5000, task_hard_limit_ms=6000)
    assert limits() == {"task_soft_limit_ms": 5000, "task_hard_limit_ms": 6000}
    set_site(site, task_hard_limit_ms=4000)
    assert limits()["task_hard_limit_ms"] == 5000, "not below the soft one"
    set_site(site, task_soft_limit_ms=270000, task_hard_limit_ms=300000)
    assert limits() == {"task_soft_limit_ms": 270000, "task_hard_limit_ms": 300000}


def test_a_fault_that_does_not_pass_is_tried_three_times_with_growing_pauses(site, service):
    service.default = "status?code=503"
    task = end_of(site, ask(site), 40)
    assert (task["state"], task["error"]["code"], task["attempt"]) == ("failed", "upstream_unavailable", 3)
    first, second, third = [r["at"] for r in service.requests()]
    assert second - first >= 2 and third - second >= 8, "never early"


def test_a_fault_that_may_pass_is_tried_again(site, service):
    service.queue = ["status?code=503"]
    task = end_of(site, ask(site))
    assert (task["state"], task["attempt"]) == ("completed", 2)
    assert len(service.requests()) == 2


def test_what_has_stored_something_is_not_repeated(site, service):
    place = f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"
    service.default = "reset_mid?n=3&text=one two three four five six"
    task = end_of(site, ask(site, slot="chat", location=place))
    assert (task["state"], task["attempt"]) == ("failed", 1) and len(service.requests()) == 1


# ---- limits of number ----

def test_as_many_may_wait_as_the_site_says(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--task-workers", "0"), service, tasks_queued_per_user=3, tasks_queued_per_site=5)
    made = [ask(d, user=U1) for _ in range(3)]
    refused = ask(d, user=U1, status=429)
    assert refused["code"] == "rate_limited" and refused["retry_after"] > 0
    made += [ask(d, user=U2) for _ in range(2)]
    assert ask(d, user=U2, status=429)["code"] == "site_busy"
    assert wait_until(lambda: figure(d, "lectern_tasks_queued") == 5, what="the figure") and d.request("GET", "/readyz").status == 200
    assert cancel(d, made[0]) == {"id": made[0], "cancelled": True, "state": "cancelled"}
    assert rows(d, "SELECT COUNT(*) FROM workflow_task_input") == [(4,)]
    ask(d, user=U1)
    check_end(d)


def test_only_so_many_run_at_once_and_all_have_their_turn(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--task-workers", "3"), service)
    service.default = "ok?first_ms=150&gate=1"
    made = [ask(d, user=u) for u in (U1, U2) for _ in range(6)]
    wait_until(lambda: figure(d, "lectern_tasks_running") >= 1, what="the first")
    service.let = 100
    most = 1
    while any(look(d, t)["state"] not in ENDED for t in made):
        most = max(most, figure(d, "lectern_tasks_running"))
    assert 1 <= most <= 3 and {look(d, t)["state"] for t in made} == {"completed"}
    wait_until(lambda: figure(d, 'lectern_tasks_ended_total{state="completed"}') == 12, what="the figure")
    check_end(d)


# ---- what survives ----

def test_what_waits_survives_a_restart_and_runs_with_the_configuration_of_then(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--task-workers", "0"), service)
    kept, gone, unscoped = ask(d), ask(d, slot="chat"), ask(d, slot="ask", user=U2)
    assert d.request("DELETE", "/v1/profiles/chat", d.admin_key).status == 204
    assert d.stop() == 0
    d = again(d)
    assert end_of(d, kept)["state"] == "completed"
    assert (lambda t: (t["state"], t["error"]["code"]))(end_of(d, gone)) == ("failed", "no_config")
    assert end_of(d, unscoped)["state"] == "completed"
    check_end(d)


def test_a_scope_that_is_switched_off_meanwhile_runs_nothing(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--task-workers", "0"), service)
    task = ask(d)
    scope = next(s for s in d.request("GET", "/v1/scopes", d.admin_key).json["scopes"] if s["ui_slot_selector_id"] == "ask")
    assert d.request("PATCH", f"/v1/scopes/{scope['id']}", d.admin_key, {"enabled": False}).status == 200
    assert d.stop() == 0
    d = again(d)
    assert (lambda t: (t["state"], t["error"]["code"]))(end_of(d, task)) == ("failed", "no_config")
    assert service.requests() == []
    check_end(d)


def test_100_running_tasks_that_are_killed_each_end_once_with_one_answer(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--task-workers", "128"), service, tasks_queued_per_user=1000)
    service.default = "stall"
    made = [ask(d, f"Question {i}", user={"id": f"u{i % 20}", "roles": ["student"]}) for i in range(100)]
    wait_until(lambda: len(service.requests()) == 100, 60, "100 calls")
    assert {look(d, t)["state"] for t in made} == {"running"}
    assert d.stop(signal.SIGKILL) == -signal.SIGKILL
    service.default = "echo"
    d = again(d, "--task-workers", "128")
    ends = [end_of(d, t, 90) for t in made]
    assert {(t["state"], t["attempt"]) for t in ends} == {("completed", 2)}
    assert [t["result"]["response"]["response"] for t in ends] == [f"Question {i}" for i in range(100)]
    assert rows(d, "SELECT COUNT(*), COUNT(DISTINCT task_id) FROM workflow_task_result") == [(100, 100)]
    assert rows(d, "SELECT state, COUNT(*) FROM workflow_task GROUP BY state") == [("completed", 100)]
    assert rows(d, "SELECT COUNT(*) FROM workflow_task_input") == [(0,)]
    assert rows(d, "SELECT state, COUNT(*) FROM ai_call_end GROUP BY state ORDER BY state") == [("completed", 100), ("interrupted", 100)]
    check_end(d)


def test_a_task_that_ends_the_process_time_and_again_is_given_up(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service)
    service.default = "stall"
    task = ask(d)
    for _ in range(3):
        wait_running(d, task)
        d.stop(signal.SIGKILL)
        d = again(d)
    ended = end_of(d, task)
    assert (ended["state"], ended["error"]["code"], ended["attempt"]) == ("failed", "interrupted", 3)
    check_end(d)


def test_a_cancel_that_nobody_noticed_holds_after_the_crash(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service)
    service.default = "stall"
    task = ask(d)
    wait_running(d, task)
    wait_until(lambda: len(service.requests()) == 1, what="the call upstream")
    d.stop(signal.SIGKILL)
    assert json.loads(d.cli("task", "cancel", task, "--json"))["state"] == "cancelling"
    d = again(d)
    assert end_of(d, task)["state"] == "cancelled" and len(service.requests()) == 1
    check_end(d)


def test_a_stop_lets_tasks_end_in_the_time_that_it_has(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service)
    service.default = "ok?first_ms=1500"
    task = ask(d)
    wait_running(d, task)
    assert d.stop() == 0
    d = again(d, "--task-workers", "0")
    ended = look(d, task)
    assert (ended["state"], ended["attempt"]) == ("completed", 1) and len(service.requests()) == 1
    check_end(d)


def test_a_stop_that_cannot_wait_puts_tasks_back(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--drain-limit", "1"), service)
    service.default = "stall"
    made = [ask(d) for _ in range(5)]
    [wait_running(d, t) for t in made]
    assert d.stop() == 0
    d = again(d, "--task-workers", "0")
    assert {(t["state"], t["attempt"]) for t in map(lambda t: look(d, t), made)} == {("queued", 1)}
    assert rows(d, "SELECT DISTINCT tries FROM workflow_task") == [(0,)]
    assert d.stop() == 0
    service.default = "ok"
    d = again(d)
    assert {(t["state"], t["attempt"]) for t in map(lambda t: end_of(d, t), made)} == {("completed", 2)}
    check_end(d)


def test_what_a_stop_breaks_off_in_mid_answer_is_stored_once_by_the_next_attempt(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data", "--drain-limit", "1"), service)
    service.default = "stall_mid?n=3&text=one two three four five six"
    task = ask(d, slot="chat")
    wait_until(lambda: rows(d, "SELECT COUNT(*) FROM ai_call_checkpoint") > [(0,)], what="a part of the answer")
    assert d.stop() == 0
    assert rows(d, "SELECT state FROM workflow_task") == [("queued",)] and rows(d, "SELECT COUNT(*) FROM workflow_submission") == [(0,)]
    service.default = "ok?text=whole"
    d = again(d)
    assert (lambda t: (t["state"], t["attempt"]))(end_of(d, task)) == ("completed", 2)
    session = d.request("GET", "/v1/sessions?user=u1", d.admin_key).json["sessions"][0]
    thread = d.request("GET", f"/v1/sessions/{session['id']}/thread", d.admin_key).json["thread"]
    assert [(m["content"], m.get("interrupted")) for m in thread] == [("Why?", None), ("whole", None)]
    check_end(d)


def test_ended_tasks_go_when_their_time_is_over(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service, task_kept_s=1)
    task = end_of(d, ask(d))
    assert d.stop() == 0
    time.sleep(1.1)
    d = again(d, "--task-workers", "0")
    wait_until(lambda: d.request("GET", f"/v1/tasks/{task['id']}", d.admin_key).status == 404, what="the sweep")
    left = "SELECT (SELECT COUNT(*) FROM workflow_task), (SELECT COUNT(*) FROM workflow_task_result), (SELECT COUNT(*) FROM workflow_task_event)"
    assert rows(d, left) == [(0, 0, 0)]
    check_end(d)


def test_a_site_that_stores_no_content_keeps_neither_input_nor_error_detail(tmp_path, service):
    d = prepare(Daemon(tmp_path / "data"), service, store_content=False)
    service.default = "ok?text=Because."
    task = end_of(d, ask(d, "an input of nobody else"))
    assert task["result"]["response"]["response"] == "Because."
    service.default = "status?code=400&message=quoted"
    failed = end_of(d, ask(d))
    assert failed["state"] == "failed" and "quoted" not in json.dumps(failed)
    assert rows(d, "SELECT COUNT(*) FROM workflow_task_input") == [(0,)]
    assert rows(d, "SELECT DISTINCT detail FROM workflow_task") == [("",)]
    check_end(d)

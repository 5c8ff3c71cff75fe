"""Emergency stops: within a second nothing of the site asks a model any more, what runs is ended and recorded, and everything else goes on."""
import concurrent.futures
import json
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import LECTERN, Daemon, add_vendor, best_of, check_end, read_events, wait_until
from database import connect

STOP = "/v1/emergency-stop"
COURSE, UNIT = "course-v1:Org+Course+Run", "block-v1:Org+Course+Run+type@vertical+block@u1"
CALM = "AI is stopped for the moment. Try again later."
WHY = "Wrong answers are looked into."
ENDLESS = "endless?delay_ms=50"
LEARNER = {"id": "u1", "roles": ["student"]}
TALK = {"messages": [{"role": "user", "content": "Why does it rain?"}]}
LIMIT_S = 1.0


def prepare(folder, upstream, *options):
    d = Daemon(folder / "data", *options)
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    add_vendor(d, upstream)
    for slug in ("ask", "chat"):
        body = {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": {
            "orchestrator_class": "ThreadedLLMResponse" if slug == "chat" else "DirectLLMResponse",
            "processor_config": {"LLMProcessor": {"function": "chat_with_context", "prompt": "Be brief.", "stream": slug == "chat"}}}}
        assert d.request("POST", "/v1/profiles", d.admin_key, body).status == 201
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    d.wait_for_config()
    return d


@pytest.fixture()
def site(tmp_path, upstream):
    d = prepare(tmp_path, upstream, "--threads", "2")
    yield d
    check_end(d)


def put(d, reason=None, method="PUT", status=200, key=None):
    body = {"reason": reason} if reason else {} if method == "PUT" else None
    answer = d.request(method, STOP, key or d.admin_key, body)
    assert answer.status == status, answer
    return answer.json


def ask(d, user="u1", key=None, action="continue_conversation", input=None, **more):
    body = {"input": input or TALK, **more}
    if not key:
        body["user"] = {"id": user, "roles": ["student"]}
    return d.request("POST", f"/v1/actions/{action}", key or d.service_key, body, timeout=120)


def running(upstream, least=1):
    """Requests that the service is answering now, of which it has sent so many bytes."""
    return [r for r in upstream.requests() if r["bytes"] >= least and r["closed_at"] is None]


def record(d, call):
    return d.request("GET", f"/v1/register/{call}", d.admin_key).json


# ---- what a stop is ----


def test_a_stop_refuses_and_is_lifted_and_everything_else_goes_on(site):
    assert put(site, method="GET") == {"stopped": False, "site": None, "all_sites": None}
    now = put(site, WHY)
    assert now["stopped"] and now["site"]["reason"] == WHY and now["site"]["by"] and now["site"]["since"] and now["all_sites"] is None
    assert put(site, WHY) == now  # the same again changes nothing
    refused = ask(site)
    assert (refused.status, refused.json["code"], refused.json["title"]) == (503, "emergency_stopped", CALM)
    assert refused.json["detail"] == f"{CALM} {WHY}"
    wait_until(lambda: record(site, refused.json["id"]).get("state") == "refused", what="the record, which nobody waits for")
    for path in ("/v1/register", "/v1/providers", "/v1/sessions", "/v1/limits", "/v1/actions", "/v1/placements"):
        assert site.request("GET", path, site.admin_key).status == 200, path
    assert site.request("GET", "/v1/policy", site.learner).status == 200 and site.request("GET", "/readyz").status == 200
    reasons = {a["reason"] for a in site.request("GET", "/v1/actions", site.admin_key).json["actions"] if not a["available"]}
    assert "emergency_stopped" in reasons
    assert put(site, method="DELETE")["stopped"] is False == put(site, method="DELETE")["stopped"]
    assert ask(site).status == 200


def test_without_a_reason_people_read_calm_words(site):
    put(site)
    assert ask(site).json["detail"] == CALM == ask(site, key=site.learner).json["detail"]


def test_it_is_durable_and_on_record(site, tmp_path):
    put(site, "first")
    put(site, "second")
    assert site.request("PUT", STOP, site.admin_key, {"reason": "x" * 301}).json["field"] == "/reason"
    check_end(site)
    again = Daemon(site.data)
    try:
        assert ask(again).json["detail"].endswith("second")
        put(again, method="DELETE")
        shown = json.loads(again.cli("emergency-stop", "show", "--site", "demo", "--json"))
        assert [(s["reason"], s["in_force"]) for s in shown] == [("second", False), ("first", False)]
        assert all(s["by"] and s["since"] and s["lifted_at"] and s["lifted_by"] and s["of"] == "site demo" for s in shown)
        assert json.loads(again.cli("emergency-stop", "show", "--json")) == shown  # of each site
        assert ask(again).status == 200
    finally:
        check_end(again)


def test_a_stop_of_all_sites_is_the_operator_s(site):
    site.cli("site", "add", "other")
    site.cli("emergency-stop", "set", "--reason", WHY)
    wait_until(lambda: ask(site).json.get("code") == "emergency_stopped", what="the stop")
    now = put(site, method="DELETE")  # only the site's own could be lifted
    assert now["stopped"] and now["site"] is None and (now["all_sites"]["reason"], now["all_sites"]["by"]) == (WHY, "cli")
    site.cli("emergency-stop", "lift", "--site", "demo")
    assert ask(site).json["code"] == "emergency_stopped"
    site.cli("emergency-stop", "lift")
    wait_until(lambda: ask(site).status == 200, what="the end of the stop")


def test_the_stop_of_one_site_is_nothing_to_another(site):
    site.cli("site", "add", "other")
    site.cli("emergency-stop", "set", "--site", "other")
    wait_until(lambda: "emergency.stopped" in site.log(), what="the stop")
    assert ask(site).status == 200 and put(site, method="GET")["stopped"] is False


@pytest.mark.parametrize("role, status", [("student", 403), ("teacher", 403), ("editingteacher", 403), ("manager", 200), ("admin", 200)])
def test_who_may_stop(site, role, status):
    for method in ("GET", "PUT", "DELETE"):
        path = STOP + (f"?user_id=u9&role={role}" if method != "PUT" else "")
        body = {"user": {"id": "u9", "roles": [role]}} if method == "PUT" else None
        assert site.request(method, path, site.service_key, body).status == status, method


# ---- what runs ----


def start(d, upstream, how, index):
    """Begins something that goes on for ever; a function that waits for its end and says how that was: status or last event, and the code."""
    user = {"id": f"{how}-{index}", "roles": ["student"]}
    said = {"input": TALK, "user": user}
    if how == "json":
        return lambda: (lambda a: (a.status, a.json["code"]))(d.request("POST", "/v1/actions/continue_conversation", d.service_key, said, timeout=120))
    if how == "stream":
        def native():
            events = d.stream("POST", "/v1/actions/continue_conversation", d.service_key, {**said, "stream": True}, timeout=120)
            assert events[-1].kind == "error" and any(e.kind == "delta" for e in events), events[-3:]
            return events[-1].data["status"], events[-1].data["code"]
        return native
    if how == "workflow":
        body = {"context": {"course_id": COURSE, "location_id": UNIT, "ui_slot_selector_id": "ask"}, "user_input": "Why?", "user": user}
        return lambda: (lambda a: (a.status, a.json["code"]))(d.request("POST", "/v1/workflows/run", d.service_key, body, timeout=120))
    if how == "task":
        def task():
            body = {"context": {"ui_slot_selector_id": "ask"}, "user_input": "Why?", "user": user, "async": True}
            number = d.request("POST", "/v1/workflows/run", d.service_key, body).json["task_id"]
            ended = wait_until(lambda: (t := d.request("GET", f"/v1/tasks/{number}", d.admin_key).json)["state"] not in ("queued", "running") and t, 120)
            return 503 if ended["state"] == "cancelled" else ended["state"], ended["error"]["code"]
        return task
    if how in ("openai", "openai stream"):
        body = {"model": "action:continue_conversation", "messages": TALK["messages"], "user": user["id"], "stream": how != "openai"}

        def openai():
            answer = d.request("POST", "/openai/v1/chat/completions", d.service_key, body, timeout=120)
            last = answer.body.decode().strip().split("\n\n")
            error = json.loads(next(l for l in reversed(last) if "error" in l).removeprefix("data: "))["error"]
            return 503 if how != "openai" else answer.status, error["code"]
        return openai
    if how in ("ollama", "ollama stream"):
        body = {"model": "action:continue_conversation", "messages": TALK["messages"], "stream": how != "ollama"}

        def ollama():
            answer = d.request("POST", "/ollama/api/chat", d.service_key, body, {"X-Lectern-User": user["id"]}, timeout=120)
            last = json.loads(answer.body.decode().strip().split("\n")[-1])
            assert last["error"].startswith(CALM), last
            return 503 if how != "ollama" else answer.status, "emergency_stopped"
        return ollama
    if how in ("openedx", "openedx stream"):
        slot = {"courseId": COURSE, "locationId": UNIT, "uiSlotSelectorId": "ask" if how == "openedx" else "chat"}
        path = "/openedx-ai-extensions/v1/workflows/?context=" + urllib.parse.quote(json.dumps(slot))

        def openedx():
            answer = d.request("POST", path, d.learner, {"action": "run", "user_input": "Why?"}, timeout=120)
            if how == "openedx":
                assert answer.json["error"]["message"] == f"{CALM} {WHY}", answer
            return answer.status if how == "openedx" else 503, "emergency_stopped"
        return openedx
    raise AssertionError(how)


WAYS = ["json", "stream", "workflow", "task", "openai", "openai stream", "ollama", "ollama stream", "openedx", "openedx stream"]


@pytest.mark.parametrize("how", WAYS)
def test_what_runs_is_ended_and_recorded(site, upstream, how):
    upstream.default = ENDLESS
    n = 4
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        ends = [pool.submit(start(site, upstream, how, i)) for i in range(n)]
        wait_until(lambda: len(running(upstream, 3000)) == n, what="all of them")
        put(site, WHY)
        assert {e.result() for e in ends} == {(503, "emergency_stopped")}
    wait_until(lambda: not running(upstream), what="the end upstream")
    calls = site.request("GET", "/v1/register?state=cancelled", site.admin_key).json["calls"]
    assert len(calls) == n and {c["code"] for c in calls} == {"emergency_stopped"}
    if "stream" in how:
        assert all(record(site, c["id"])["partial"] for c in calls)


def test_a_task_that_waits_is_not_begun(site, upstream):
    put(site)
    body = {"context": {"ui_slot_selector_id": "ask"}, "user_input": "Why?", "user": LEARNER, "async": True}
    task = site.request("POST", "/v1/workflows/run", site.service_key, body).json["task_id"]
    ended = wait_until(lambda: (t := site.request("GET", f"/v1/tasks/{task}", site.admin_key).json)["state"] not in ("queued", "running") and t)
    assert (ended["state"], ended["error"]["code"]) == ("cancelled", "emergency_stopped")
    assert upstream.requests() == []


def test_what_was_said_is_in_the_session_and_can_be_read_while_it_is_stopped(site, upstream):
    body = {"context": {"ui_slot_selector_id": "chat"}, "user_input": "Why?", "user": LEARNER}
    assert site.request("POST", "/v1/workflows/run", site.service_key, body).status == 200
    put(site)
    assert site.request("POST", "/v1/workflows/run", site.service_key, body).json["code"] == "emergency_stopped"
    sessions = site.request("GET", "/v1/sessions", site.admin_key).json["sessions"]
    messages = site.request("GET", f"/v1/sessions/{sessions[0]['id']}/messages", site.admin_key)
    assert messages.status == 200 and messages.json["messages"]


def test_ask_of_the_shell_is_stopped_as_well(site, upstream):
    upstream.default = ENDLESS
    text = ["ask", "continue_conversation", "--input", json.dumps(TALK), "--data", str(site.data), "--json", "--outbound-allow", "127.0.0.1"]
    with subprocess.Popen([LECTERN, *text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shell:
        wait_until(lambda: len(running(upstream)) == 1 or shell.poll() is not None, what="the call")
        put(site, WHY)
        out, err = shell.communicate(timeout=120)
    assert shell.returncode != 0 and "emergency_stopped" in out + err and WHY in out + err, (out, err)
    before = len(upstream.requests())
    done = site.cli(*text[:-2], check=False)
    assert done.returncode != 0 and "emergency_stopped" in done.stdout + done.stderr and len(upstream.requests()) == before


def test_no_provider_is_tried_out_meanwhile(site, upstream):
    put(site)
    tried = site.request("POST", "/v1/providers/vendor/test", site.admin_key, {})
    assert (tried.status, tried.json["code"]) == (503, "emergency_stopped")
    assert upstream.requests() == []


# ---- how fast ----


def time_of(site, upstream, stop, lift):
    """Seconds from the command to the end of 20 streams, upstream and at the clients."""
    upstream.default = ENDLESS
    before = {r["id"] for r in upstream.requests()}
    fresh = lambda: [r for r in upstream.requests() if r["id"] not in before]
    ends = []

    def client(i):
        body = {"input": TALK, "user": {"id": f"u{i}", "roles": ["student"]}, "stream": True}
        events = site.stream("POST", "/v1/actions/continue_conversation", site.service_key, body, timeout=120)
        ends.append((time.time(), events[-1].data["code"]))

    threads = [threading.Thread(target=client, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    wait_until(lambda: len([r for r in fresh() if r["bytes"] > 0]) == 20, what="20 streams")
    began = stop()
    for t in threads:
        t.join()
    closed = wait_until(lambda: (c := [r["closed_at"] for r in fresh()]) and all(c) and c, what="the end upstream")
    assert {code for _, code in ends} == {"emergency_stopped"}
    lift()
    wait_until(lambda: put(site, method="GET")["stopped"] is False)
    upstream.default = "ok"
    wait_until(lambda: all(ask(site).status == 200 for _ in range(4)), what="the end of the stop")
    return max([t for t, _ in ends] + closed) - began


def test_twenty_streams_end_within_a_second_by_http(site, upstream):
    def stop():
        began = time.time()
        put(site, WHY)
        return began
    best_of(lambda: time_of(site, upstream, stop, lambda: put(site, method="DELETE")), LIMIT_S)


def test_twenty_streams_end_within_a_second_of_what_another_process_wrote(site, upstream):
    """As `lectern emergency-stop set` does, without the time that a program takes to start."""
    def write(sql, *values):
        with connect(site.data / "lectern.db", timeout=60) as db:
            db.execute(sql, values)
        db.close()
        return time.time()
    best_of(lambda: time_of(
        site, upstream,
        lambda: write("INSERT INTO emergency_stop (site_id, reason, stopped_by, stopped_at) VALUES (0, '', 'test', 1)"),
        lambda: write("UPDATE emergency_stop SET lifted_at = 2 WHERE lifted_at = 0")), LIMIT_S)

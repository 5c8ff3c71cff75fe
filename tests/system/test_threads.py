"""Conversations that the AI service keeps: ThreadedLLMResponse over the Responses API of the double, against the real daemon."""
import json
import threading
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until

pytestmark = pytest.mark.usefixtures("as_before")
COURSE = "course-v1:Org+Course+Run"
RUN = "/v1/workflows/run"
TOOLS = {"enabled_tools": ["roll_dice"]}


def add_profile(daemon, slug, llm=None):
    patch = {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.", **(llm or {})},
                                                                               "SubmissionProcessor": {"max_context_messages": 8}}}
    answer = daemon.request("POST", "/v1/profiles", daemon.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch})
    assert answer.status == 201, answer
    answer = daemon.request("POST", "/v1/scopes", daemon.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug})
    assert answer.status == 201, answer


def start(directory, service, settings=None, **config):
    """`keeper` keeps threads, `other` does not and is asked behind it."""
    d = Daemon(directory / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 200, **(settings or {})}))
    d.keeper = add_vendor(d, service, "keeper", first=False, api="responses", **config)
    d.other = add_vendor(d, service, "other", first=False)
    ordered = d.request("PUT", "/v1/providers/order", d.admin_key, {"ids": [d.keeper, d.other]})
    assert ordered.status == 200, ordered
    for slug, llm in {"chat": {}, "stream": {"stream": True}, "tools": TOOLS, "tools-stream": {**TOOLS, "stream": True},
                      "private": {"options": {"STORE": False}}, "only": {"provider": "keeper"}, "elsewhere": {"provider": "other"}}.items():
        add_profile(d, slug, llm)
    return d


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = start(tmp_path_factory.mktemp("threads"), service)
    yield d
    check_end(d)


@pytest.fixture()
def place():
    return f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"


def run(daemon, place, text=None, slot="chat", status=200, **members):
    body = {"context": {"course_id": COURSE, "location_id": place, "ui_slot_selector_id": slot}, "user": {"id": "u1", "roles": ["student"]}, **members}
    if text is not None:
        body["user_input"] = text
    answer = daemon.request("POST", RUN, daemon.service_key, body)
    assert answer.status == status, answer
    return answer.json


def say(daemon, service, place, text, answer, **more):
    service.default = f"ok?text={answer}"
    ran = run(daemon, place, text, **more)
    assert ran["response"] == {"response": answer, "status": "completed"}
    return ran


def posts(service):
    """What was asked for; what Lectern has deleted there may come at any time."""
    return [r for r in service.requests() if r["method"] == "POST"]


def sent(service, at=-1):
    """(end of the path, id gone on from, whether it is to be kept, contents) of a request."""
    request = posts(service)[at]
    body, path = request["body"], request["path"].rsplit("/", 1)[-1]
    messages = body["input"] if path == "responses" else body["messages"][1:]
    return path, body.get("previous_response_id"), body.get("store"), [m.get("content", m.get("output", m.get("name"))) for m in messages]


def session(daemon, ran):
    answer = daemon.request("GET", f"/v1/sessions/{ran['session_id']}", daemon.admin_key)
    assert answer.status == 200, answer
    return answer.json


def remote(daemon, ran):
    shown = session(daemon, ran)
    return shown["remote_response_id"], shown["remote_instance_id"]


def local(daemon, ran):
    thread = daemon.request("GET", f"/v1/sessions/{ran['session_id']}/thread", daemon.admin_key).json["thread"]
    return [m["content"] for m in thread]


def attempts(daemon, ran, call=-1):
    stored = daemon.request("GET", f"/v1/register/{ran['calls'][call]}", daemon.admin_key).json
    return [(a["provider"], a["success"], a["code"] or None) for a in stored["attempts"]]


def set_instance(daemon, instance, **members):
    answer = daemon.request("PATCH", f"/v1/providers/{instance}", daemon.admin_key, members)
    assert answer.status == 200, answer


# ---- a thread that is kept ----

@pytest.mark.parametrize("slot", ["chat", "stream"])
def test_only_the_new_message_and_the_id_of_the_answer_before_are_sent(site, service, place, slot):
    first = say(site, service, place, "One?", "first", slot=slot)
    assert sent(service) == ("responses", None, True, ["One?"])
    one, instance = remote(site, first)
    assert one in service.memory and instance == site.keeper
    second = say(site, service, place, "Two?", "second", slot=slot)
    assert sent(service) == ("responses", one, True, ["Two?"])
    assert posts(service)[-1]["body"]["instructions"] == "Be brief."
    two, _ = remote(site, second)
    assert two != one and service.memory[two]["response"]["previous_response_id"] == one
    third = say(site, service, place, "Three?", "third", slot=slot)
    assert sent(service) == ("responses", two, True, ["Three?"])
    assert local(site, third) == ["One?", "first", "Two?", "second", "Three?", "third"]
    combined = site.request("GET", f"/v1/sessions/{third['session_id']}/thread?view=combined", site.admin_key).json["thread"]
    assert [(m["content"], m["source"]) for m in combined] == [(c, "both") for c in local(site, third)]


def test_a_thread_goes_on_where_it_is_kept_whatever_the_order_is_now(site, service, place):
    one, _ = remote(site, say(site, service, place, "One?", "first"))
    assert site.request("PUT", "/v1/providers/order", site.admin_key, {"ids": [site.other, site.keeper]}).status == 200
    try:
        say(site, service, place, "Two?", "second")
        assert sent(service) == ("responses", one, True, ["Two?"])
        say(site, service, place + "x", "New?", "new")
        assert sent(service)[0] == "completions"
    finally:
        assert site.request("PUT", "/v1/providers/order", site.admin_key, {"ids": [site.keeper, site.other]}).status == 200


def test_clear_session_drops_the_id(site, service, place):
    first = say(site, service, place, "One?", "first")
    run(site, place, action="clear_session")
    assert remote(site, first) == (None, None)
    say(site, service, place, "Two?", "second")
    assert sent(service) == ("responses", None, True, ["Two?"])


def test_other_vendors_get_the_history_and_are_not_asked_to_keep_anything(site, service, place):
    for i, text in enumerate(("One?", "Two?")):
        ran = say(site, service, place, text, f"a{i}", slot="elsewhere")
    assert sent(service) == ("completions", None, None, ["One?", "a0", "Two?"])
    assert remote(site, ran) == (None, None)


def test_a_profile_or_an_instance_that_sets_store_to_false_has_nothing_kept(site, service, place):
    for i, text in enumerate(("One?", "Two?")):
        ran = say(site, service, place, text, f"a{i}", slot="private")
    assert sent(service) == ("responses", None, False, ["One?", "a0", "Two?"]) and remote(site, ran) == (None, None)
    set_instance(site, site.keeper, config={"body": {"store": False}})
    say(site, service, place, "One?", "first")
    assert sent(service) == ("responses", None, False, ["One?"])
    set_instance(site, site.keeper, config={"body": None})
    say(site, service, place, "Two?", "second")
    assert sent(service) == ("responses", None, True, ["One?", "first", "Two?"])


def test_a_site_that_stores_no_content_has_nothing_kept_at_the_vendor_either(tmp_path, service, place):
    d = start(tmp_path, service, {"store_content": False})
    for i, text in enumerate(("One?", "Two?")):
        ran = say(d, service, place, text, f"a{i}")
        assert sent(service) == ("responses", None, False, [text])
    assert remote(d, ran) == (None, None) and service.memory == {}
    check_end(d)


# ---- a thread that is lost ----

@pytest.mark.parametrize("slot", ["chat", "stream"])
def test_a_thread_that_the_vendor_lost_is_sent_again_in_full_and_nobody_notices(site, service, place, slot):
    one, _ = remote(site, say(site, service, place, "One?", "first", slot=slot))
    service.memory.clear()
    service.clear()
    second = say(site, service, place, "Two?", "second", slot=slot)
    assert [sent(service, i)[1:] for i in range(2)] == [(one, True, ["Two?"]), (None, True, ["One?", "first", "Two?"])]
    assert len(posts(service)) == 2 and len(second["calls"]) == 1
    assert attempts(site, second) == [("keeper", False, "not_found"), ("keeper", True, None)]
    two, _ = remote(site, second)
    assert two in service.memory and local(site, second) == ["One?", "first", "Two?", "second"]
    say(site, service, place, "Three?", "third", slot=slot)
    assert sent(service) == ("responses", two, True, ["Three?"])


def test_a_streaming_client_sees_one_answer_although_the_thread_was_lost(site, service, place):
    say(site, service, place, "One?", "first")
    service.memory.clear()
    service.default = "ok?text=second"
    events = site.stream("POST", RUN, site.service_key, {"context": {"course_id": COURSE, "location_id": place, "ui_slot_selector_id": "chat"},
                                                         "user": {"id": "u1", "roles": ["student"]}, "user_input": "Two?", "stream": True})
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == "second"
    assert [e.kind for e in events if e.kind in ("done", "error")] == ["done"]


@pytest.mark.parametrize("how", ["off", "failing", "removed"])
def test_without_the_instance_that_keeps_it_another_gets_the_whole_history_and_the_id_is_dropped(tmp_path, service, place, how):
    d = start(tmp_path, service)
    say(d, service, place, "One?", "first")
    assert d.request("DELETE", "/v1/profiles/only", d.admin_key).status == 204  # it would hold the instance
    if how == "off":
        set_instance(d, d.keeper, enabled=False)
    elif how == "removed":
        assert d.request("DELETE", f"/v1/providers/{d.keeper}", d.admin_key).status == 204
    else:
        service.queue = ["status?code=500"]
    second = say(d, service, place, "Two?", "second")
    assert sent(service) == ("completions", None, None, ["One?", "first", "Two?"])
    assert remote(d, second) == (None, None) and local(d, second) == ["One?", "first", "Two?", "second"]
    if how != "removed":
        if how == "off":
            set_instance(d, d.keeper, enabled=True)
        third = say(d, service, place, "Three?", "third")
        assert sent(service) == ("responses", None, True, ["One?", "first", "Two?", "second", "Three?"])
        assert remote(d, third)[1] == d.keeper
    check_end(d)


def test_while_its_circuit_is_open_another_gets_the_whole_history(tmp_path, service, place):
    d = start(tmp_path, service, breaker_faults=1, breaker_open_ms=300000)
    say(d, service, place, "One?", "first")
    service.queue = ["status?code=500"]
    say(d, service, place + "x", "Trouble?", "other")
    service.clear()
    second = say(d, service, place, "Two?", "second")
    assert [sent(service, i) for i in range(len(posts(service)))] == [("completions", None, None, ["One?", "first", "Two?"])]
    assert remote(d, second) == (None, None)
    check_end(d)


def test_a_profile_that_asks_another_instance_now_gets_the_whole_history(site, service, place):
    first = say(site, service, place, "One?", "first", slot="only")
    assert remote(site, first)[1] == site.keeper
    add = {"processor_config": {"LLMProcessor": {"prompt": "Be brief.", "provider": "other"}, "SubmissionProcessor": {"max_context_messages": 8}},
           "orchestrator_class": "ThreadedLLMResponse"}
    before = site.request("GET", "/v1/profiles/only", site.admin_key).json["content_patch"]
    assert site.request("PATCH", "/v1/profiles/only", site.admin_key, {"content_patch": add}).status == 200
    second = say(site, service, place, "Two?", "second", slot="only")
    assert sent(service) == ("completions", None, None, ["One?", "first", "Two?"]) and remote(site, second) == (None, None)
    assert site.request("PATCH", "/v1/profiles/only", site.admin_key, {"content_patch": before}).status == 200


def test_an_answer_that_broke_off_is_not_gone_on_from(site, service, place):
    first = say(site, service, place, "One?", "first", slot="stream")
    service.default = "reset_mid?n=2&text=half an answer of many words"
    events = site.stream("POST", RUN, site.service_key, {"context": {"course_id": COURSE, "location_id": place, "ui_slot_selector_id": "stream"},
                                                         "user": {"id": "u1", "roles": ["student"]}, "user_input": "Two?", "stream": True})
    assert events[-1].kind == "error"
    assert remote(site, first) == (None, None)
    say(site, service, place, "Three?", "third", slot="stream")
    _, previous, store, contents = sent(service)
    assert (previous, store, contents[:3], contents[-1]) == (None, True, ["One?", "first", "Two?"], "Three?") and len(contents) == 5


def test_two_turns_at_once_leave_no_id_since_neither_answer_knows_of_the_other(site, service, place):
    first = say(site, service, place, "One?", "first")
    service.default, service.let, known = "ok?text=both&gate=1", 0, len(posts(service))
    threads = [threading.Thread(target=run, args=(site, place, text)) for text in ("Two?", "Three?")]
    [t.start() for t in threads]
    wait_until(lambda: len(posts(service)) == known + 2, what="both at once")
    service.let = 100
    [t.join() for t in threads]
    assert remote(site, first) == (None, None)
    last = say(site, service, place, "Four?", "fourth")
    _, previous, _, contents = sent(service)
    assert previous is None and sorted(contents[2::2]) == ["Four?", "Three?", "Two?"] and remote(site, last)[0]


# ---- tools ----

def script(request):
    """Asks for tools whenever the user has spoken last."""
    body = request.body
    items = body["input"] if "input" in body else body["messages"]
    return "tool_calls" if items[-1].get("role") == "user" else "ok?text=Done."


@pytest.mark.parametrize("slot", ["tools", "tools-stream"])
def test_each_round_of_tools_sends_the_results_and_goes_on_from_the_answer_before(site, service, place, slot):
    service.choose = script
    first = run(site, place, "Go.", slot=slot)
    assert first["response"]["response"] == "Done."
    asked, answered = posts(service)
    one = next(k for k, v in service.memory.items() if v["response"]["output"][0]["type"] == "function_call")
    assert (asked["body"].get("previous_response_id"), answered["body"]["previous_response_id"]) == (None, one)
    assert [i["type"] for i in answered["body"]["input"]] == ["function_call_output"] * 2
    assert [i["call_id"] for i in answered["body"]["input"]] == ["call_1", "call_2"]
    assert answered["body"]["instructions"] == "Be brief." and answered["body"]["tools"] == asked["body"]["tools"]
    two, instance = remote(site, first)
    assert instance == site.keeper and service.memory[two]["response"]["previous_response_id"] == one
    service.clear()
    run(site, place, "Again.", slot=slot)
    assert [sent(service, i)[1:3] for i in range(2)][0] == (two, True)
    assert sent(service, 0)[3] == ["Again."] and len(sent(service, 1)[3]) == 2


def test_a_thread_that_is_lost_between_two_rounds_is_sent_with_calls_and_results(site, service, place):
    def forgetful(request):
        if request.body["input"][-1].get("type") == "function_call_output":
            request.server.memory.clear()
        return script(request)

    service.choose = forgetful
    ran = run(site, place, "Go.", slot="tools")
    assert ran["response"]["response"] == "Done."
    last = posts(service)[-1]["body"]
    assert "previous_response_id" not in last
    assert [i.get("type", i.get("role")) for i in last["input"]] == ["user", "function_call", "function_call", "function_call_output", "function_call_output"]
    assert attempts(site, ran) == [("keeper", False, "not_found"), ("keeper", True, None)]


def test_an_instance_that_takes_over_between_two_rounds_gets_calls_and_results(site, service, place):
    def failing(request):
        if "input" in request.body and request.body["input"][-1].get("type") == "function_call_output":
            return "status?code=500"
        return script(request)

    service.choose = failing
    ran = run(site, place, "Go.", slot="tools")
    assert ran["response"]["response"] == "Done." and remote(site, ran) == (None, None)
    assert [m["role"] for m in posts(service)[-1]["body"]["messages"]] == ["system", "user", "assistant", "tool", "tool"]

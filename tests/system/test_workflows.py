"""Running workflows: POST /v1/workflows/run against the real daemon, with the double behind the model step."""
import http.client
import json
import re
import time

import pytest
from conftest import Daemon, add_vendor, check_end, read_events, wait_until
from database import connect

pytestmark = pytest.mark.usefixtures("as_before")
COURSE = "course-v1:Org+Course+Run"
UNIT = "block-v1:Org+Course+Run+type@vertical+block@u1"
RUN = "/v1/workflows/run"


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("workflows") / "data")
    d.accept_policy(d.learner)
    d.accept_policy(d.teacher)
    add_vendor(d, service)
    d.profiles = {}
    for slug, base, patch in [
        ("mock", "mock/mock.json5", {}),
        ("mock-stream", "mock/mock_streaming.json5", {}),
        ("ask", "base/blank.json5", {}),
        ("ask-stream", "base/blank.json5", {"processor_config": {"LLMProcessor": {"stream": True}}}),
        ("summary", "base/summary.json5", {}),
        ("hidden", "mock/mock.json5", {}),
    ]:
        add_profile(d, slug, base, patch)
    for slug in ("mock", "mock-stream", "ask", "ask-stream", "summary"):
        answer = d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "course_id": COURSE, "ui_slot_selector_id": slug})
        assert answer.status == 201, answer
    yield d
    check_end(d)


def add_profile(daemon, slug, base, patch):
    answer = daemon.request("POST", "/v1/profiles", daemon.admin_key, {"slug": slug, "base_filepath": base, "content_patch": patch})
    assert answer.status == 201, answer
    return answer.json


@pytest.fixture()
def profile(site):
    """profile(llm = members of LLMProcessor, content = members of OpenEdXProcessor): the slug of a profile of the test's own."""
    made = []

    def make(llm=None, content=None, orchestrator=None, slug=None):
        patch = {"processor_config": {"LLMProcessor": llm or {}, "OpenEdXProcessor": content or {}}}
        if orchestrator:
            patch["orchestrator_class"] = orchestrator
        made.append(slug or f"own-{len(made)}")
        add_profile(site, made[-1], "base/blank.json5", patch)
        return made[-1]

    yield make
    for slug in made:
        assert site.request("DELETE", f"/v1/profiles/{slug}", site.admin_key).status == 204


def run(daemon, profile=None, key=None, status=200, slot=None, context=None, **members):
    body = dict(members)
    if profile:
        body["profile"] = profile
    body["context"] = {"course_id": COURSE, "location_id": UNIT, **({"ui_slot_selector_id": slot} if slot else {}), **(context or {})}
    answer = daemon.request("POST", RUN, key or daemon.admin_key, body)
    assert answer.status == status, answer
    return answer.json


def messages(service):
    """The messages of the last request that reached the service."""
    return service.requests()[-1]["body"]["messages"]


def marked(content):
    """What a message marks off as somebody else's text."""
    return re.fullmatch(r"(?s).*\n\n<text-([0-9a-f]{16})>\n(.*)\n</text-\1>", content).group(2)


# ---- which workflow ----

def test_a_context_leads_to_the_profile_of_its_scope(site):
    answer = run(site, slot="mock", key=site.learner)
    assert (answer["profile"], answer["action"], answer["success"], answer["session_id"], answer["calls"]) == ("mock", "run", True, None, [])
    usage = site.request("GET", "/v1/profiles/mock/usage", site.admin_key).json
    assert [answer["scope_id"]] == [s["id"] for s in usage["scopes"]]


@pytest.mark.parametrize("context", [
    {"courseId": COURSE, "locationId": UNIT, "uiSlotSelectorId": "mock", "serviceVariant": "lms"},
    {"course_id": COURSE, "location_id": UNIT, "ui_slot_selector_id": "mock", "service_variant": "lms"}])
def test_both_spellings_of_the_context_are_read(site, context):
    answer = site.request("POST", RUN, site.learner, {"context": context})
    assert (answer.status, answer.json["profile"]) == (200, "mock")


@pytest.mark.parametrize("context", [{}, {"course_id": COURSE}, {"course_id": COURSE, "ui_slot_selector_id": "other"},
                                     {"course_id": "course-v1:Org+Other+Run", "ui_slot_selector_id": "mock"},
                                     {"course_id": COURSE, "ui_slot_selector_id": "mock", "service_variant": "cms"}])
def test_a_context_without_a_profile_is_no_config(site, context):
    answer = site.request("POST", RUN, site.learner, {"context": context})
    assert (answer.status, answer.json["code"]) == (404, "no_config")


def test_a_learner_runs_a_named_profile_only_where_a_scope_leads_to_it(site):
    assert run(site, "mock", site.learner)["profile"] == "mock"
    assert run(site, "hidden", site.learner, status=403)["code"] == "permission_denied"
    assert run(site, "mock", site.learner, status=403, context={"course_id": "course-v1:Org+Other+Run", "location_id": None})["code"] == "permission_denied"
    assert run(site, "hidden", site.admin_key)["profile"] == "hidden"


def test_a_profile_that_does_not_exist_is_not_found(site):
    assert run(site, "nothing", status=404)["code"] == "not_found"


def test_an_action_that_the_orchestrator_does_not_declare_is_unknown(site):
    for action in ("execute", "__init__", "Run", "run_async", "x" * 64):
        assert run(site, "mock", status=404, action=action)["code"] == "unknown_action"


def test_a_profile_that_has_become_unreadable_is_refused_with_what_is_wrong(site, profile):
    slug = profile()
    with connect(site.data / "lectern.db", timeout=60) as db:
        db.execute("UPDATE workflow_profile SET base_filepath = 'gone.json5' WHERE slug = ?", (slug,))
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
    db.close()
    answer = wait_until(lambda: (a := site.request("POST", RUN, site.admin_key, {"profile": slug})).status != 200 and a, what="the daemon's new look")
    assert (answer.status, answer.json["code"]) == (500, "profile_invalid")


def test_an_orchestrator_that_is_not_there_is_refused_by_name(site, profile):
    slug = profile(orchestrator="some.plugin.Orchestrator")
    answer = run(site, slug, status=500)
    assert answer["code"] == "profile_invalid" and "some.plugin.Orchestrator" in answer["detail"]


def test_a_disabled_site_runs_nothing(tmp_path):
    d = Daemon(tmp_path / "data")
    add_profile(d, "mock", "mock/mock.json5", {})
    d.cli("site", "set", "demo", "enabled=false")
    answer = wait_until(lambda: (a := d.request("POST", RUN, d.admin_key, {"profile": "mock"})).status != 200 and a, what="the switch")
    assert (answer.status, answer.json["code"]) == (403, "site_disabled")
    check_end(d)


# ---- MockResponse, MockStreamResponse ----

def test_the_mock_answers_at_once_with_action_and_time(site):
    response = run(site, "mock")["response"]
    assert response["status"] == "completed"
    words = response["response"].split()
    assert words[:5] == ["Mock", "response", "for", "run", "at"] and time.strptime(words[5], "%Y-%m-%dT%H:%M:%S.%fZ")


def test_the_streaming_mock_sends_pieces_of_15_bytes(site):
    events = site.stream("POST", RUN, site.learner, {"context": {"course_id": COURSE, "ui_slot_selector_id": "mock-stream"}, "stream": True})
    pieces = [e.data["text"] for e in events if e.kind == "delta"]
    assert [e.kind for e in events] == ["start", *["delta"] * len(pieces), "done"]
    assert len(pieces) > 10 and {len(p.encode()) for p in pieces[:-1]} == {15} and 0 < len(pieces[-1]) <= 15
    assert events[-1].data["response"] == {"response": "".join(pieces), "status": "completed"}
    assert events[0].data["id"] == events[-1].data["id"]


def test_the_streaming_mock_without_a_stream_gives_the_whole_text(site):
    assert len(run(site, "mock-stream")["response"]["response"]) > 150


# ---- DirectLLMResponse ----

def test_prompt_then_content_then_the_users_text(site, service, profile):
    slug = profile({"prompt": "Be brief."}, {"function": "get_location_content"})
    answer = run(site, slug, user_input="Why?", context={"content": "Water rises and falls."})
    sent = messages(service)
    assert [m["role"] for m in sent] == ["system", "system", "user"]
    assert (sent[0]["content"], marked(sent[1]["content"]), sent[2]["content"]) == ("Be brief.", "Water rises and falls.", "Why?")
    assert answer["response"]["status"] == "completed" and answer["response"]["response"]
    assert len(answer["calls"]) == 1 and answer["calls"][0] == answer["id"]
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"] > 0


def test_each_call_of_a_run_stands_in_the_register(site):
    answer = run(site, slot="ask", key=site.learner, user_input="Why?")
    stored = site.request("GET", f"/v1/register/{answer['id']}", site.admin_key).json
    assert (stored["action"], stored["state"], stored["course_id"], stored["location_id"]) == ("continue_conversation", "completed", COURSE, UNIT)


def test_a_workflow_that_needs_content_says_so_without_it(site, service):
    answer = run(site, "summary", status=400)
    assert (answer["code"], answer["field"]) == ("invalid_input", "/context/content")
    assert service.requests() == []


def test_char_limit_counts_characters(site, service, profile):
    slug = profile({}, {"function": "get_location_content", "char_limit": 3})
    run(site, slug, user_input="?", context={"content": "äöüß"})
    assert marked(messages(service)[1]["content"]) == "äöü"


def test_the_named_prompt_goes_before_the_text_and_the_text_before_the_functions_own(site, service, profile):
    assert site.request("POST", "/v1/prompts", site.admin_key, {"slug": "named", "body": "From the template."}).status == 201
    for llm, expected in [({"function": "summarize_content", "prompt": "From the profile.", "prompt_template": "named"}, "From the template."),
                          ({"function": "summarize_content", "prompt": "From the profile."}, "From the profile.")]:
        slug = profile(llm)
        run(site, slug, user_input="?")
        assert messages(service)[0] == {"role": "system", "content": expected}
    own = [f for f in ("chat_with_context", "summarize_content", "explain_like_five", "greet_from_llm", "answer_question")]
    seen = set()
    for function in own:
        slug = profile({"function": function, "prompt": None})
        run(site, slug, user_input="?")
        assert messages(service)[0]["role"] == "system"
        seen.add(messages(service)[0]["content"])
    assert len(seen) == len(own)


def test_call_with_custom_prompt_needs_a_prompt(site, service, profile):
    slug = profile({"function": "call_with_custom_prompt", "prompt": None})
    answer = run(site, slug, status=500, user_input="?")
    assert answer["code"] == "profile_invalid" and "prompt" in answer["detail"]
    assert service.requests() == []


def test_placeholders_are_filled_from_the_input_in_one_pass(site, service, profile):
    slug = profile({"prompt": "Write for {{AUDIENCE}}, {{ COUNT }} lines, {{OTHER}} {{"})
    run(site, slug, user_input={"audience": "children {{COUNT}}", "count": 3})
    assert messages(service)[0]["content"] == "Write for children {{COUNT}}, 3 lines, {{OTHER}} {{"


@pytest.mark.parametrize("given,sent", [("  Why? ", "Why?"), ({"question": "Why?"}, "Why?"), ({"user_query": "Why?", "n": 1}, "Why?"),
                                        ({"strange": 1}, '{"strange":1}'), (["a"], '["a"]')])
def test_nothing_that_the_user_sent_is_lost(site, service, given, sent):
    run(site, "ask", user_input=given)
    assert messages(service)[-1] == {"role": "user", "content": sent}


@pytest.mark.parametrize("given", [None, "", {}, []])
def test_without_a_users_text_the_conversation_still_ends_with_a_user(site, service, given):
    run(site, "ask", user_input=given)
    assert messages(service)[-1]["role"] == "user" and messages(service)[-1]["content"]


def test_options_override_the_instances_settings_whatever_the_case_of_their_keys(site, service, profile):
    slug = profile({"options": {"MODEL": "openai/other-model", "Temperature": 0.25, "MAX_TOKENS": 7, "top_p": 0.5, "API_KEY": "stolen", "timeout": 3}})
    run(site, slug, user_input="?")
    body = service.requests()[-1]["body"]
    assert (body["model"], body["temperature"], body["top_p"]) == ("other-model", 0.25, 0.5)
    assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert "stolen" not in json.dumps(service.requests()[-1]) and "timeout" not in body


def test_a_model_must_be_vendor_slash_model(site, profile):
    for bad in ("gpt", "/gpt", "openai/", 5):
        slug = profile({"options": {"MODEL": bad}})
        assert run(site, slug, status=500)["code"] == "profile_invalid"


def test_the_profile_chooses_the_provider_for_a_learner_who_may_not(site, service, profile):
    add_vendor(site, service, name="second", first=False, model="second-model")
    try:
        for llm, model in [({"provider": "second"}, "second-model"), ({"provider": "default"}, "m"), ({"options": {"MODEL": "second/x"}}, "x")]:
            slug = profile(llm)
            assert site.request("POST", "/v1/scopes", site.admin_key, {"profile_id": slug, "course_id": COURSE}).status == 201
            run(site, slug, site.learner, user_input="?")
            assert service.requests()[-1]["body"]["model"] == model
        slug = profile({"options": {"MODEL": "nobody/x"}})
        assert run(site, slug, status=503)["code"] == "no_provider"
    finally:
        for slug in ("own-0", "own-1", "own-2", "own-3"):
            site.request("PATCH", f"/v1/profiles/{slug}", site.admin_key, {"content_patch": ""})
        assert site.request("DELETE", "/v1/providers/second", site.admin_key).status == 204


def test_the_gates_of_the_manager_stand_before_the_model_step(site, service):
    site.request("DELETE", "/v1/policy", site.learner)
    try:
        answer = run(site, slot="ask", key=site.learner, status=403, user_input="?")
        assert answer["code"] == "policy_not_accepted"
    finally:
        site.accept_policy(site.learner)
    assert service.requests() == []
    assert site.request("PUT", "/v1/switches", site.admin_key, {"course_id": COURSE, "enabled": False}).status == 200
    try:
        assert run(site, slot="ask", key=site.learner, status=403, user_input="?")["code"] == "course_disabled"
    finally:
        site.request("PUT", "/v1/switches", site.admin_key, {"course_id": COURSE, "enabled": None})
    assert service.requests() == []


def test_a_vendors_fault_is_the_runs(site, service):
    service.default = "status?code=500"
    answer = run(site, "ask", status=502, user_input="?")
    assert answer["code"] == "upstream_unavailable"


# ---- streams ----

def test_a_streamed_run_ends_with_what_the_json_answer_says(site, service):
    service.default = "chunks?n=20"
    events = site.stream("POST", RUN, site.learner, {"context": {"course_id": COURSE, "ui_slot_selector_id": "ask-stream"}, "user_input": "?", "stream": True})
    text = "".join(e.data["text"] for e in events if e.kind == "delta")
    assert events[0].kind == "start" and events[-1].kind == "done" and text.startswith("word1 word2")
    assert events[-1].data["response"] == {"response": text, "status": "completed"}
    assert events[-1].data["calls"] == [events[0].data["id"]]
    assert sum(e.kind == "delta" for e in events) > 5


def test_a_refused_run_is_a_problem_with_its_status_although_a_stream_was_asked_for(site):
    answer = site.request("POST", RUN, site.learner, {"context": {}, "stream": True})
    assert (answer.status, answer.json["code"]) == (404, "no_config")


def test_an_upstream_that_breaks_in_mid_sentence_ends_the_stream_with_an_error_and_what_came_is_recorded(site, service):
    service.default = "reset_mid?n=3"
    events = site.stream("POST", RUN, site.admin_key, {"profile": "ask", "user_input": "?", "stream": True})
    assert events[-1].kind == "error" and events[-1].data["code"] == "upstream_invalid"
    shown = "".join(e.data["text"] for e in events if e.kind == "delta")
    stored = site.request("GET", f"/v1/actions/calls/{events[0].data['id']}", site.admin_key).json
    assert shown and stored["state"] == "failed" and stored["partial"] == shown


def test_a_stream_that_was_left_is_resumed_where_it_stopped(site, service):
    service.default = "chunks?n=20&gate=1"
    service.let = 5
    connection, response = site.open("POST", RUN, site.admin_key, {"profile": "ask", "user_input": "?", "stream": True})
    before = []
    for event in read_events(response):
        before.append(event)
        if event.kind == "delta":
            break
    connection.close()
    service.let = 20
    after = site.stream("GET", f"/v1/actions/calls/{before[0].data['id']}/stream", site.admin_key, headers={"Last-Event-ID": str(before[-1].id)})
    assert [e.id for e in before + after] == list(range(1, len(before) + len(after) + 1))
    text = "".join(e.data["text"] for e in before + after if e.kind == "delta")
    assert after[-1].kind == "done" and after[-1].data["response"]["response"] == text


def test_a_run_is_cancelled_by_its_id(site, service):
    service.default = "endless"
    connection, response = site.open("POST", RUN, site.admin_key, {"profile": "ask", "user_input": "?", "stream": True})
    events = read_events(response)
    start = next(events)
    wait_until(service.requests, what="the call upstream")
    assert site.request("DELETE", f"/v1/actions/calls/{start.data['id']}", site.admin_key).status == 200
    last = list(events)[-1]
    connection.close()
    assert last.kind == "error" and last.data["code"] == "cancelled"
    wait_until(lambda: service.requests()[-1]["closed_at"], what="the end of the call upstream")


def test_a_client_that_leaves_a_json_run_cancels_the_call_upstream(site, service):
    service.default = "stall"
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    connection.request("POST", RUN, json.dumps({"profile": "ask", "user_input": "?"}),
                       {"Authorization": f"Bearer {site.admin_key}", "Content-Type": "application/json"})
    wait_until(service.requests, what="the call upstream")
    connection.close()
    wait_until(lambda: service.requests()[-1]["closed_at"], what="the end of the call upstream")


# ---- input ----

@pytest.mark.parametrize("body,field", [
    ({"profile": "mock", "what": 1}, "/what"),
    ({"profile": "mock", "action": ""}, "/action"),
    ({"profile": "mock", "context": {"course": 1}}, "/context/course"),
    ({"profile": "mock", "context": {"course_id": "course-v1:broken"}}, None),
    ({"profile": "mock", "context": {"course_id": COURSE, "courseId": "course-v1:Org+Other+Run"}}, None),
    ({"profile": "mock", "context": {"service_variant": "mars"}}, "/context/service_variant"),
    ({"profile": True}, "/profile"),
])
def test_bad_input_names_the_field(site, body, field):
    answer = site.request("POST", RUN, site.admin_key, body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_input")
    if field:
        assert answer.json["field"] == field

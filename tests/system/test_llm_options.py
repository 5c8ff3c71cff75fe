"""What a profile says of the step that asks a model, in the form of Open edX's profiles: what reaches the vendor, and what never does."""
import json
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end
from database import stored

pytestmark = pytest.mark.usefixtures("as_before")
COURSE = "course-v1:Org+Course+Run"
RUN = "/v1/workflows/run"
MARK = {"type": "ephemeral"}
VENDORS = ("openai", "responses", "anthropic", "gemini", "ollama")


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("options") / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    d.ids = {}
    for name, plugin, more in [("openai", "openai", {}), ("responses", "openai", {"api": "responses"}), ("anthropic", "anthropic", {"endpoint": service.root}),
                               ("gemini", "gemini", {"endpoint": service.root + "/v1beta"}), ("ollama", "ollama", {"endpoint": service.root, "api_key": None})]:
        config = {"endpoint": service.url, "model": "m", "api_key": "test-key-123", "retries": 0, "breaker_faults": 0, **more}
        answer = d.request("POST", "/v1/providers", d.admin_key, {"name": name, "plugin": plugin,
                                                                  "config": {k: v for k, v in config.items() if v is not None}})
        assert answer.status == 201, answer
        d.ids[name] = answer.json["id"]
    order(d, *d.ids)
    yield d
    check_end(d)


def order(daemon, *names):
    answer = daemon.request("PUT", "/v1/providers/order", daemon.admin_key, {"ids": [daemon.ids[n] for n in names]})
    assert answer.status == 200, answer


def add_profile(daemon, llm, orchestrator="DirectLLMResponse", **processors):
    slug = f"own-{uuid.uuid4().hex}"
    patch = {"orchestrator_class": orchestrator, "processor_config": {"LLMProcessor": {"prompt": "Be brief.", **llm}, **processors}}
    answer = daemon.request("POST", "/v1/profiles", daemon.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch})
    assert answer.status == 201, answer
    return slug


def run(daemon, profile, text="Why?", status=200, **members):
    body = {"profile": profile, "context": {"course_id": COURSE, **members.pop("context", {})}, "user": {"id": "u1", "roles": ["student"]}, **members}
    if text is not None:
        body["user_input"] = text
    answer = daemon.request("POST", RUN, daemon.admin_key, body)
    assert answer.status == status, answer
    return answer.json


def stream(daemon, profile, text="Why?", **context):
    """The text of a streamed run."""
    events = daemon.stream("POST", RUN, daemon.admin_key, {"profile": profile, "context": {"course_id": COURSE, **context}, "user_input": text,
                                                           "user": {"id": "u1", "roles": ["student"]}, "stream": True})
    assert events[-1].kind == "done", events
    return "".join(e.data["text"] for e in events if e.kind == "delta")


def last(service):
    return service.requests()[-1]["body"]


def marks(body):
    """Where the body has marks for the prompt cache."""
    found = [f"system[{i}]" for i, b in enumerate(body.get("system", [])) if b.get("cache_control") == MARK]
    for i, message in enumerate(body["messages"]):
        found += [f"messages[{i}][{k}]" for k, b in enumerate(message["content"]) if isinstance(b, dict) and b.get("cache_control") == MARK]
    assert json.dumps(body).count("cache_control") == len(found)
    return found


# ---- cache ----

@pytest.mark.parametrize("llm", [{"cache": True}, {"options": {"CACHE": True}}])
def test_cache_marks_the_last_system_block_and_the_last_user_message_for_anthropic(site, service, llm):
    slug = add_profile(site, {"provider": "anthropic", **llm}, "ThreadedLLMResponse")
    for text in ("One?", "Two?"):
        run(site, slug, text, context={"location_id": slug})
    assert [m["role"] for m in last(service)["messages"]] == ["user", "assistant", "user"]
    assert marks(last(service)) == ["system[0]", "messages[2][0]"]


def test_cache_marks_are_set_by_instance_or_profile_and_the_profile_goes_first(site, service):
    plain, off, on = (add_profile(site, {"provider": "anthropic", **llm}) for llm in ({}, {"cache": False}, {"cache": True}))
    seen = []
    for setting in (None, False):
        changed = site.request("PATCH", f"/v1/providers/{site.ids['anthropic']}", site.admin_key, {"config": {"prompt_cache": setting}})
        assert changed.status == 200, changed
        for slug in (plain, off, on):
            run(site, slug)
            seen.append(len(marks(last(service))))
    site.request("PATCH", f"/v1/providers/{site.ids['anthropic']}", site.admin_key, {"config": {"prompt_cache": None}})
    assert seen == [2, 0, 2, 0, 0, 2]


@pytest.mark.parametrize("vendor", [v for v in VENDORS if v != "anthropic"])
def test_other_vendors_are_sent_no_cache_marks(site, service, vendor):
    run(site, add_profile(site, {"provider": vendor, "cache": True}))
    assert "cache" not in json.dumps(last(service)).replace("prompt_cache", "")


def test_cache_marks_are_never_stored(site, service):
    slug = add_profile(site, {"provider": "anthropic", "cache": True}, "ThreadedLLMResponse")
    ran = run(site, slug, "One?", context={"location_id": slug})
    assert len(marks(last(service))) == 2
    shown = [site.request("GET", path, site.admin_key).body for path in (
        f"/v1/register/{ran['id']}", f"/v1/sessions/{ran['session_id']}", f"/v1/sessions/{ran['session_id']}/thread?view=combined")]
    assert all(b"cache_control" not in body and b"ephemeral" not in body for body in shown)
    assert b"cache_control" not in stored(site.data)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_is_sent_a_users_message_also_when_the_user_said_nothing(site, service, vendor):
    run(site, add_profile(site, {"provider": vendor}), None)
    body = last(service)
    messages = body.get("messages") or body.get("input") or body.get("contents")
    assert messages[-1]["role"] == "user" and len(json.dumps(messages[-1])) > 40


# ---- which provider, which model ----

def test_provider_default_is_the_first_of_the_order(site, service):
    slug = add_profile(site, {"provider": "default"})
    for name in ("anthropic", "openai"):
        order(site, name, *(n for n in site.ids if n != name))
        run(site, slug)
        assert service.requests()[-1]["path"].endswith("/messages" if name == "anthropic" else "/chat/completions")


def test_a_provider_that_is_not_there_is_refused_when_the_profile_is_saved(site):
    answer = site.request("POST", "/v1/profiles", site.admin_key, {"slug": "no-such", "base_filepath": "base/blank.json5", "content_patch": {
        "processor_config": {"LLMProcessor": {"prompt": "Be brief.", "provider": "no_such"}}}})
    assert answer.status == 400 and b"no_such" in answer.body


@pytest.mark.parametrize("llm", [{"function": ""}, {"function": None}, {"function": "call_with_custom_prompt"}, {}])
def test_without_a_function_the_prompt_of_the_profile_is_what_is_asked(site, service, llm):
    run(site, add_profile(site, llm, OpenEdXProcessor={"function": ""}))
    assert [m["content"] for m in last(service)["messages"]] == ["Be brief.", "Why?"]


def test_a_function_that_there_is_not_is_an_invalid_profile(site, service):
    answer = run(site, add_profile(site, {"function": "no_such_function"}), status=500)
    assert answer["code"] == "profile_invalid" and "no_such_function" in answer["detail"] and service.requests() == []


# ---- streaming ----

@pytest.mark.parametrize("vendor,path", [("openai", "/chat/completions"), ("responses", "/responses"), ("anthropic", "/messages"),
                                         ("gemini", ":streamGenerateContent"), ("ollama", "/api/chat")])
def test_a_streamed_conversation_goes_to_each_vendor_in_its_own_form(site, service, vendor, path):
    """Whoever keeps no threads gets a streamed conversation with the whole history, as chat completions or what the vendor has in their place."""
    slug = add_profile(site, {"provider": vendor, "stream": True}, "ThreadedLLMResponse")
    service.default = "chunks?n=5&text=one two three four five"
    for text in ("One?", "Two?"):
        assert stream(site, slug, text, location_id=slug) == "one two three four five"
        assert last(service).get("stream", vendor == "gemini")
    assert service.requests()[-1]["path"].split("?")[0].endswith(path)
    assert ("previous_response_id" in last(service)) == (vendor == "responses")
    assert ("One?" in json.dumps(last(service))) == (vendor != "responses")


def deltas(request):
    """Two calls whose pieces come in turns; then an answer."""
    return "ok?text=Done." if any(m["role"] == "tool" for m in request.body["messages"]) else "tool_calls+one_byte"


def test_pieces_of_tool_calls_in_a_stream_are_put_together_by_their_index(site, service):
    service.choose = deltas
    slug = add_profile(site, {"provider": "openai", "stream": True, "enabled_tools": "__all__"})
    assert stream(site, slug) == "Done." and all(r["body"]["stream"] for r in service.requests())
    calls = next(m for m in last(service)["messages"] if m["role"] == "assistant")["tool_calls"]
    assert len({c["id"] for c in calls}) == len(calls) == 2 and all(json.loads(c["function"]["arguments"]) is not None for c in calls)


def test_the_usage_of_all_calls_of_a_run_adds_up_in_a_stream_too(site, service):
    service.choose = deltas
    slug = add_profile(site, {"provider": "openai", "stream": True, "enabled_tools": "__all__"})
    ran = site.stream("POST", RUN, site.admin_key, {"profile": slug, "context": {"course_id": COURSE}, "user_input": "Go.", "stream": True})[-1].data
    each = [site.request("GET", f"/v1/register/{c}", site.admin_key).json for c in ran["calls"]]
    assert len(each) == 2
    for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert ran["usage"][key] == sum(c["usage"][key] if "usage" in c else c[key] for c in each) > 0


# ---- MCP servers; the rest of them is in test_mcp_client.py ----

def test_an_mcp_server_that_the_site_has_not_is_named_and_a_step_without_tools_takes_none(site, service):
    slug = add_profile(site, {"mcp_configs": ["sample_server"]})
    answer = run(site, slug, status=500)
    assert answer["code"] == "profile_invalid" and "mcp_configs" in answer["detail"] and "sample_server" in answer["detail"] and service.requests() == []
    run(site, add_profile(site, {"mcp_configs": []}))
    cards = add_profile(site, {"function": "generate_flashcards", "mcp_configs": ["sample_server"]}, "FlashCardsOrchestrator",
                        OpenEdXProcessor={"function": "get_location_content"})
    assert "mcp_configs" in run(site, cards, {"num_cards": 1}, status=500, context={"content": "Water rises."})["detail"]

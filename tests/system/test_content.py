"""Course content: connectors behind the content step and the tools, with the demo course, and the demo's own workflows."""
import json
import re

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until

pytestmark = pytest.mark.usefixtures("as_before")
DEMO = "course-v1:Lectern+Demo+2026"
RUN = "/v1/workflows/run"
UNIT_KEYS = {"unit_id", "display_name", "category", "blocks"}


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("content") / "data")
    d.accept_policy(d.learner)
    add_vendor(d, service)
    yield d
    check_end(d)


@pytest.fixture()
def profile(site):
    """profile(content = members of OpenEdXProcessor, llm = members of LLMProcessor): the slug of a profile of the test's own."""
    made = []

    def make(content, llm=None):
        slug = f"own-{len(made)}"
        answer = site.request("POST", "/v1/profiles", site.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": {
            "processor_config": {"OpenEdXProcessor": content, "LLMProcessor": llm or {}}}})
        assert answer.status == 201, answer
        made.append(slug)
        return slug

    yield make
    for slug in made:
        assert site.request("DELETE", f"/v1/profiles/{slug}", site.admin_key).status == 204


def run(site, profile, status=200, location="membrane", course=DEMO, key=None, user_input="Why?", **context):
    answer = site.request("POST", RUN, key or site.admin_key, {"profile": profile, "user_input": user_input, "context": {
        "course_id": course, **({"location_id": location} if location else {}), **context}})
    assert answer.status == status, answer
    return answer.json


def material(service):
    """What the last request to the service holds as course material."""
    content = [m["content"] for m in service.requests()[-1]["body"]["messages"] if m["role"] == "system"][1]
    return re.fullmatch(r"(?s).*\n\n<text-([0-9a-f]{16})>\n(.*)\n</text-\1>", content).group(2)


# ---- the content step ----

def test_no_context_sends_no_content(site, service, profile):
    run(site, profile({"function": "no_context"}))
    assert [m["role"] for m in service.requests()[-1]["body"]["messages"]] == ["system", "user"]


def test_get_location_content_gives_the_unit_of_the_location(site, service, profile):
    run(site, profile({"function": "get_location_content"}))
    unit = json.loads(material(service))
    assert set(unit) == UNIT_KEYS and (unit["unit_id"], unit["category"]) == ("membrane", "vertical")
    (block,) = unit["blocks"]
    assert set(block) == {"block_id", "display_name", "category", "text"} and "membrane" in block["text"] and "<p>" not in block["text"]


def test_embedded_objects_of_a_unit_are_described(site, service, profile):
    run(site, profile({"function": "get_location_content"}), location="plants")
    assert '[Embedded image: alt="Diagram of a chloroplast' in json.loads(material(service))["blocks"][0]["text"]


@pytest.mark.parametrize("mode,units", [("up_to_current_unit", ["plants", "membrane"]), ("sequence", ["plants", "membrane", "respiracion", "selection"])])
def test_retrieval_modes_give_a_sequence_with_its_units(site, service, profile, mode, units):
    run(site, profile({"function": "get_location_content", "retrieval_mode": mode}))
    sequence = json.loads(material(service))
    assert set(sequence) == {"sequence_id", "display_name", "retrieval_mode", "units"}
    assert (sequence["sequence_id"], sequence["display_name"], sequence["retrieval_mode"]) == ("living-things", "Living things", mode)
    assert [u["unit_id"] for u in sequence["units"]] == units and all(set(u) == UNIT_KEYS for u in sequence["units"])


def test_char_limit_splits_evenly_over_the_blocks(site, service, profile):
    run(site, profile({"function": "get_location_content", "retrieval_mode": "sequence", "char_limit": 401}))
    blocks = [b for u in json.loads(material(service))["units"] for b in u["blocks"]]
    assert [len(b["text"]) for b in blocks] == [100] * 4 and all(b["cut"] for b in blocks)


def test_what_does_not_fit_the_token_limit_is_left_out_by_whole_blocks_and_said(site, service, profile):
    """The place's own unit first, then those before it, the nearest first, then those behind it; in JSON, in the answer and while it runs."""
    run(site, profile({"function": "get_location_content", "retrieval_mode": "sequence"}))
    whole = json.loads(material(service))
    cost = {u["unit_id"]: sum(-(-len((b["display_name"] + b["text"]).encode()) // 4) for b in u["blocks"]) for u in whole["units"]}
    order = ["membrane", "plants", "respiracion", "selection"]
    for kept in (1, 2, 3, 4):
        limit = sum(cost[u] for u in order[:kept])
        slug = profile({"function": "get_location_content", "retrieval_mode": "sequence", "token_limit": limit})
        answer = run(site, slug)
        found = json.loads(material(service))
        left = [u for u in order if u not in order[:kept] and cost[u] > 0]
        assert [u["unit_id"] for u in found["units"] if u["blocks"]] == [u for u in ["plants", "membrane", "respiracion", "selection"] if u in order[:kept]]
        assert all(u["blocks"] in ([], v["blocks"]) for u, v in zip(found["units"], whole["units"]))
        assert found.get("left_out", {"count": 0, "block_ids": []}) == {"count": len(left), "block_ids": left}
        assert answer.get("content", {"left_out": 0})["left_out"] == len(left)
    events = site.stream("POST", RUN, site.admin_key, {"profile": profile({"function": "get_location_content", "token_limit": 1}), "user_input": "?", "stream": True,
                                                       "context": {"course_id": DEMO, "location_id": "membrane"}})
    assert any("1 parts of the course text are left out" in str(e.data) for e in events), events
    assert json.loads(material(service))["blocks"] == []


@pytest.mark.parametrize("content,declared,expected", [
    ("<p>One <b>two</b>.</p><img src='/a.png' alt='A'>", None, 'One\ntwo\n.\n\n[Embedded image: alt="A", src="/a.png"]'),
    ("<!DOCTYPE html><title>T</title><p>x", None, "T\nx"), ("  <DIV class=a>x</div>", None, "x"), ("<p>x", "text/html", "x"), ("a & b <c", "text/html", "a & b"),
    ("<p> begins a paragraph.", None, "<p> begins a paragraph."), ("<p>x</p>", "text/plain", "<p>x</p>"), ("1 < 2 and <b>", None, "1 < 2 and <b>"),
    ("<question>x</question>", None, "<question>x</question>"), ("<script>alert(1)</script>y", "text/html", "y")])
def test_inline_html_becomes_text_where_it_is_declared_or_seen(site, service, profile, content, declared, expected):
    run(site, profile({"function": "get_location_content"}), content=content, **({"content_type": declared} if declared else {}))
    assert material(service) == expected


def test_inline_text_is_cut_at_a_line(site, service, profile):
    answer = run(site, profile({"function": "get_location_content", "token_limit": 4}), content="0123456789\n012345678\nthe rest")
    assert material(service) == "0123456789" and answer["content"]["bytes_cut"] == 19


def test_inline_content_goes_before_any_connector(site, service, profile):
    run(site, profile({"function": "get_location_content", "retrieval_mode": "sequence"}), content="What the page shows.")
    assert material(service) == "What the page shows."


def test_get_course_info_gives_all_but_the_outline_and_the_outline_on_demand(site, service, profile):
    run(site, profile({"function": "get_course_info"}), location=None)
    info = json.loads(material(service))
    assert set(info) == {"title", "subtitle", "short_description", "description", "overview", "syllabus", "duration"}
    assert info["title"] == "Living Things and Honest Numbers" and all(info.values())
    run(site, profile({"function": "get_course_info", "fields": ["title", "outline"]}), location=None)
    info = json.loads(material(service))
    assert set(info) == {"title", "outline"} and [s["id"] for s in info["outline"]] == ["living-things", "honest-numbers"]
    assert [u["id"] for u in info["outline"][1]["children"]] == ["centre", "sampling", "correlation", "p-values"]


def test_get_context_and_get_location_link_name_the_place(site, service, profile):
    run(site, profile({"function": "get_context"}))
    assert json.loads(material(service)) == {"course_id": DEMO, "location_id": "membrane", "ui_slot_selector_id": ""}
    run(site, profile({"function": "get_location_link"}))
    assert material(service) == "/demo/units/membrane"
    assert site.request("GET", material(service)).status == 200


@pytest.mark.parametrize("content,place,code", [
    ({"function": "get_location_content"}, {"location": "nowhere"}, "invalid_input"),
    ({"function": "get_location_content"}, {"course": "course-v1:Org+Other+Run"}, "invalid_input"),
    ({"function": "get_location_content", "retrieval_mode": "all"}, {}, "profile_invalid"),
    ({"function": "get_location_content", "char_limit": -1}, {}, "profile_invalid"),
    ({"function": "get_location_content", "char_limit": "many"}, {}, "profile_invalid"),
    ({"function": "get_location_content", "token_limit": -1}, {}, "profile_invalid"),
    ({"function": "get_course_info"}, {"course": "course-v1:Org+Other+Run"}, "not_found"),
    ({"function": "get_course_info", "fields": ["price"]}, {}, "profile_invalid"),
    ({"function": "get_location_link"}, {"location": "nowhere"}, "not_found"),
    ({"function": "get_everything"}, {}, "profile_invalid"),
])
def test_a_content_error_ends_the_run_with_its_error(site, service, profile, content, place, code):
    status = {"invalid_input": 400, "not_found": 404, "profile_invalid": 500}[code]
    assert run(site, profile(content), status=status, **place)["code"] == code
    assert service.requests() == []


def test_another_sites_users_do_not_get_the_demo_course(site, service):
    site.cli("site", "add", "other")
    key = json.loads(site.cli("--json", "key", "add", "--site", "other", "--role", "site_admin"))["key"]
    wait_until(lambda: site.request("GET", "/v1/profiles", key).status != 401, what="the new key")
    assert site.request("POST", "/v1/profiles", key, {"slug": "p", "base_filepath": "base/summary.json5"}).status == 201
    assert run(site, "p", status=400, key=key)["code"] == "invalid_input"
    assert service.requests() == []


# ---- a summary without a prompt of its own ----

def summaries(site):
    return site.request("GET", "/v1/register?action=summarise_text", site.admin_key).json["calls"]


def test_a_summary_without_a_prompt_is_the_action_summarise_text(site, service, profile):
    before = len(summaries(site))
    slug = profile({"function": "get_location_content"}, {"function": "summarize_content", "prompt": None})
    answer = run(site, slug, user_input="Only the proteins.")
    system, user = service.requests()[-1]["body"]["messages"]
    assert "main points" in system["content"] and "Only the proteins." in user["content"] and "membrane" in user["content"]
    assert '"unit_id"' not in user["content"]  # a text, not JSON
    assert len(summaries(site)) == before + 1 and answer["response"]["status"] == "completed"


@pytest.mark.parametrize("llm", [{"function": "summarize_content", "prompt": "Be brief."}, {"function": "summarize_content", "prompt": None, "enabled_tools": ["roll_dice"]},
                                 {"function": "explain_like_five", "prompt": None}])
def test_a_function_with_a_prompt_or_tools_sends_prompt_then_content_then_the_users_text(site, service, profile, llm):
    before = len(summaries(site))
    run(site, profile({"function": "get_location_content"}, llm))
    assert [m["role"] for m in service.requests()[-1]["body"]["messages"]] == ["system", "system", "user"]
    assert json.loads(material(service))["unit_id"] == "membrane" and len(summaries(site)) == before


def test_a_conversation_stays_one_with_any_function(site, service):
    before = len(summaries(site))
    answer = site.request("POST", "/v1/profiles", site.admin_key, {"slug": "talk", "base_filepath": "base/chat.json5", "content_patch": {
        "processor_config": {"LLMProcessor": {"function": "summarize_content", "stream": False}}}})
    assert answer.status == 201, answer
    answer = site.request("POST", RUN, site.admin_key, {"profile": "talk", "user_input": "Hello.", "user": {"id": "demo-learner", "roles": ["student"]},
                                                        "context": {"course_id": DEMO, "location_id": "membrane"}})
    assert answer.status == 200, answer
    assert len(summaries(site)) == before and len(service.requests()) == 1


def test_the_switch_of_the_action_holds_for_a_summary_and_for_nothing_else(site, service, profile):
    summary = profile({"function": "get_location_content"}, {"function": "summarize_content", "prompt": None, "provider": "vendor"})
    other = profile({"function": "get_location_content"}, {"function": "explain_like_five", "prompt": None, "provider": "vendor"})
    answer = site.request("PATCH", "/v1/providers/vendor", site.admin_key, {"actions": {"summarise_text": {"enabled": False}}})
    assert answer.status == 200, answer
    try:
        assert run(site, summary, status=503)["code"] == "no_provider"
        assert service.requests() == []
        run(site, other)
    finally:
        assert site.request("PATCH", "/v1/providers/vendor", site.admin_key, {"actions": {"summarise_text": {"enabled": True}}}).status == 200
    run(site, summary)
    assert len(service.requests()) == 2


# ---- the demo's own workflows: the first command, without a key of any vendor ----

def test_the_demo_runs_a_mock_stream_at_once(daemon):
    events = daemon.stream("POST", RUN, daemon.learner, {"stream": True, "context": {"course_id": DEMO, "location_id": "plants", "ui_slot_selector_id": "mock-stream"}})
    assert events[0].kind == "start" and events[-1].kind == "done" and len(events) > 10


def test_the_demo_summarises_each_unit_with_what_it_brings(daemon):
    daemon.accept_policy(daemon.learner)
    for unit in ("plants", "membrane", "respiracion", "selection", "centre", "sampling", "correlation", "p-values"):
        answer = daemon.request("POST", RUN, daemon.learner, {"context": {"course_id": DEMO, "location_id": unit, "ui_slot_selector_id": "summary"}})
        assert answer.status == 200, answer
        assert (answer.json["profile"], answer.json["response"]["status"]) == ("demo-summary", "completed")
        assert len(answer.json["response"]["response"]) > 100


def test_what_was_removed_from_the_demo_stays_away(tmp_path):
    d = Daemon(tmp_path / "data")
    assert d.request("DELETE", "/v1/profiles/demo-summary", d.admin_key).status == 204
    check_end(d)
    d = Daemon(tmp_path / "data")
    listed = d.request("GET", "/v1/profiles", d.admin_key).json["profiles"]
    assert [p["slug"] for p in listed] == ["demo-cards", "demo-chat", "demo-grading", "demo-mock-stream", "demo-questions"]
    check_end(d)

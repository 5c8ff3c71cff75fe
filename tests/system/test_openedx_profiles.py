"""Every profile that Open edX's AI Extensions ship runs here as its file is, byte for byte.

Their files are not ours to copy. LECTERN_OPENEDX_EXTENSIONS names the folder openedx_ai_extensions of a checkout of that project
(backend/openedx_ai_extensions); without it nothing is tested here, and pytest says so. What their form is is tested in test_quiz.py,
test_fixtures.py and test_llm_options.py with files of our own.
"""
import json
import os
import pathlib
import re
import urllib.parse
import uuid

import pytest
from conftest import Daemon, check_end, wait_until
from test_openedx_door import DOOR, SECRET, door_path, jwt

THEIRS = os.environ.get("LECTERN_OPENEDX_EXTENSIONS")
if not THEIRS:
    pytest.skip("LECTERN_OPENEDX_EXTENSIONS names no checkout of openedx-ai-extensions", allow_module_level=True)
THEIRS = pathlib.Path(THEIRS)
PROFILES = THEIRS / "workflows" / "profiles"
FILES = sorted(str(f.relative_to(PROFILES)) for f in PROFILES.rglob("*.json"))
OURS = pathlib.Path(__file__).resolve().parents[2] / "share" / "templates"
COURSE = "course-v1:Lectern+Demo+2026"
UNIT = "block-v1:Lectern+Demo+2026+type@vertical+block@membrane"
PLUGINS = {"anthropic": {"plugin": "anthropic", "path": ""}, "ollama": {"plugin": "ollama", "path": ""}, "openai": {"plugin": "openai", "path": "/v1"}}
CARDS = {"cards": [{"id": "a", "question": "Why?", "answer": "So."}]}
QUESTIONS = {"collection_name": "Cells", "problems": [{
    "display_name": "A wall", "question_html": "<p>What is it?</p>", "problem_type": "multiplechoiceresponse", "answer_value": "", "tolerance": "",
    "choices": [{"text": "A wall", "is_correct": True, "feedback": ""}, {"text": "A door", "is_correct": False, "feedback": ""}],
    "explanation": "So.", "demand_hints": []}]}


def named(member):
    """The values that this member has anywhere in their files."""
    return set().union(*(re.findall(rf'"{member}"\s*:\s*"([^"]+)"', (PROFILES / f).read_text()) for f in FILES))


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    """Their folder stands before ours, so that paths mean their files; each provider that they name is an instance of that name."""
    folder = tmp_path_factory.mktemp("theirs")
    d = Daemon(folder / "data", "--template-dirs", f"{PROFILES}:{OURS}")
    (folder / "secret").write_text(SECRET)
    d.cli("issuer", "set", "lms", "openedx", "--site", "demo", "--secret-file", folder / "secret")
    d.cli("site", "set", "demo", "--json-patch", '{"policy_by_lms": true}')
    ids = []
    for name in ["openai", *sorted(named("provider") - {"default", "openai"})]:
        how = PLUGINS.get(name, {"plugin": "openai_compatible", "path": "/v1"})
        config = {"endpoint": service.root + how["path"], "model": "m", **({} if how["plugin"] == "ollama" else {"api_key": "test-key-123"})}
        answer = d.request("POST", "/v1/providers", d.admin_key, {"name": name, "plugin": how["plugin"], "config": config})
        assert answer.status == 201, answer
        ids.append(answer.json["id"])
    assert d.request("PUT", "/v1/providers/order", d.admin_key, {"ids": ids}).status == 200
    d.cli("role", "add", "author", "editingteacher", "--site", "demo", "--course", COURSE)
    d.jwt = jwt("author")
    wait_until(lambda: d.request("GET", DOOR + "profile/", None, None, {"Authorization": f"JWT {d.jwt}"}).status == 200, what="the issuer")
    yield d
    check_end(d)


@pytest.fixture(params=FILES)
def profile(request, site):
    """A profile with one of their files and nothing else, and a scope of its own that leads to it."""
    slug = re.sub(r"[^a-zA-Z0-9]", "-", request.param)
    made = site.request("POST", "/v1/profiles", site.admin_key, {"slug": slug, "base_filepath": request.param})
    assert made.status == 201, made
    answer = site.request("POST", "/v1/scopes", site.admin_key, {"profile_id": slug, "course_id": COURSE, "ui_slot_selector_id": slug})
    assert answer.status == 201, answer
    yield slug, site.request("GET", f"/v1/profiles/{slug}", site.admin_key).json
    assert site.request("DELETE", f"/v1/profiles/{slug}", site.admin_key).status == 204


def ask(site, slot, action="run", user_input=None):
    body = {"action": action, "request_id": uuid.uuid4().hex, **({} if user_input is None else {"user_input": user_input})}
    context = {"courseId": COURSE, "locationId": UNIT, "uiSlotSelectorId": slot}
    return site.request("POST", door_path("workflows/", context), None, body, {"Authorization": f"JWT {site.jwt}"})


def said(answer):
    """The text of an answer, streamed or not."""
    assert answer.status == 200, answer
    if answer.headers["Content-Type"].startswith("text/plain"):
        assert "error_in_stream" not in answer.body.decode()
        return answer.body.decode()
    assert answer.json["status"] == "completed", answer
    return answer.json["response"]


def check(site, service, slot, kind):
    if kind == "EducatorAssistantOrchestrator":
        service.default = "ok?text=" + urllib.parse.quote(json.dumps(QUESTIONS))
        slots = said(ask(site, slot, user_input={"num_questions": 1}))["question_slots"]
        assert [len(s["versions"]) for s in slots] == [1] and "<problem" in slots[0]["versions"][0]["olx"]["data"]
        assert said(ask(site, slot, "save", {"library_id": "lib:O:l", "questions": [slots[0]["versions"][0]]}))
    elif kind == "FlashCardsOrchestrator":
        service.default = "ok?text=" + urllib.parse.quote(json.dumps(CARDS))
        assert [c["question"] for c in said(ask(site, slot, user_input={"num_cards": 1}))] == ["Why?"]
    elif kind.startswith("Mock"):
        assert len(said(ask(site, slot))) > 20
    else:
        assert said(ask(site, slot, user_input="Why?")) == "Because."
        assert service.requests()


def test_their_file_is_valid_and_runs(site, service, profile):
    slot, shown = profile
    service.clear()
    service.default = "ok?text=Because."
    assert shown["valid"] and shown["errors"] == [], shown
    kind = shown["effective_config"]["orchestrator_class"].rsplit(".", 1)[-1]
    if kind == "here":  # a form to be filled in, which names no orchestrator: it does not run there either
        assert ask(site, slot).json["error"]["code"] == "llm_config_error"
        return
    components = site.request("GET", door_path("profile/", {"courseId": COURSE, "locationId": UNIT, "uiSlotSelectorId": slot}), None, None,
                              {"Authorization": f"JWT {site.jwt}"})
    assert components.json["ui_components"] == shown["effective_config"]["actuator_config"]["UIComponents"]
    check(site, service, slot, kind)
    if kind == "ThreadedLLMResponse":
        assert said(ask(site, slot, user_input="And then?")) == "Because."
        history = json.loads(said(ask(site, slot)))
        assert [m["content"] for m in history["messages"]] == ["Why?", "Because.", "And then?", "Because."]
    assert not any(key in json.dumps([shown, service.requests()]) for key in named("API_KEY"))  # a key in a profile is neither shown nor used


def test_their_demo_fixture_is_taken_over_with_their_templates(tmp_path):
    fixture = THEIRS / "fixtures" / "demo_profiles.json"
    if not fixture.exists():
        pytest.skip("this checkout has no fixtures/demo_profiles.json")
    d = Daemon(tmp_path / "data", "--template-dirs", f"{PROFILES}:{OURS}")
    for name in ("openai", "anthropic"):
        d.cli("provider", "add", name, "--plugin", name, "--site", "demo", "api_key=x")
    report = json.loads(d.cli("--json", "workflow", "import", fixture, "--site", "demo", "--allow-missing", "--template-dirs", f"{PROFILES}:{OURS}"))
    objects = json.loads(fixture.read_text())
    count = lambda model: sum(o["model"].endswith(model) for o in objects)
    assert report["written"] and report["refused"] == []
    assert report["profiles"]["added"] == count("aiworkflowprofile") and report["scopes"]["added"] == count("aiworkflowscope")
    listed = {p["slug"]: p for p in json.loads(d.cli("--json", "profile", "list", "--site", "demo", "--template-dirs", f"{PROFILES}:{OURS}"))}
    bases = {o["fields"]["slug"]: o["fields"]["base_filepath"] for o in objects if o["model"].endswith("aiworkflowprofile")}
    assert {s: listed[s]["valid"] for s in bases} == {s: (PROFILES / base).exists() for s, base in bases.items()}
    check_end(d)

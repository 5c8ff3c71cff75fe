"""translate_text, improve_text, describe_image, moderate_text through the daemon: what the model is sent, what comes back, who may, what is kept."""
import contextlib
import json
import re
import urllib.parse

import pytest
from conftest import Daemon, add_vendor, check_end
from database import connect

pytestmark = pytest.mark.usefixtures("as_before")

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MARKUP = '<p class="x">Hello <b>{name}</b>, see [[1]] and $x^2$.</p>\n\n* **one**\n* %s'
CATEGORIES = ["harassment", "hate", "self_harm", "sexual", "sexual_minors", "violence", "illicit"]
INPUTS = {"translate_text": {"text": MARKUP, "target_language": "pt_br"},
          "improve_text": {"text": MARKUP, "instruction": "Shorter", "language": "en-GB"},
          "moderate_text": {"text": MARKUP}, "describe_image": {"image": "data:image/png;base64," + PNG, "language": "es"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("text_actions") / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    add_vendor(d, service, api="chat")
    yield d
    check_end(d)


def moderation(**scores):
    return json.dumps({"reason": "A threat.", "scores": {**dict.fromkeys(CATEGORIES, 0), **scores}})


def says(service, *answers):
    """The model's next answers."""
    service.queue.clear()
    service.queue.extend("ok?text=" + urllib.parse.quote(answer) for answer in answers)


def ask(site, action, key=None, stream=False, **more):
    body = {"input": INPUTS[action], **more}
    if stream:
        return site.stream("POST", f"/v1/actions/{action}", key or site.admin_key, {**body, "stream": True})
    return site.request("POST", f"/v1/actions/{action}", key or site.admin_key, body)


def sent(service):
    """(instruction, what the user says, as text, and the addresses of images) of the last request."""
    record = service.requests()[-1]
    assert not record["refused"], record["refused"]
    system, user = record["body"]["messages"]
    parts = [{"type": "text", "text": user["content"]}] if isinstance(user["content"], str) else user["content"]
    images = [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]
    return system["content"], "".join(p["text"] for p in parts if p["type"] == "text"), images


@pytest.mark.parametrize("action,before", [
    ("translate_text", ["Portuguese (Brazil)", "pt-BR", "placeholders"]),
    ("improve_text", ["Shorter", "en-GB", "Never translate"]),
    ("moderate_text", [f"* {name}: " for name in CATEGORIES])])
def test_the_text_is_sent_as_it_is_between_marks(site, service, action, before):
    says(service, moderation() if action == "moderate_text" else "X")
    assert ask(site, action).status == 200
    instruction, user, _ = sent(service)
    told, mark, text = re.fullmatch(r"(.*)\n<text-(\w{16})>\n(.*)\n</text-\2>", user, re.S).groups()
    assert text == MARKUP
    assert all(words in told for words in before) and "whatever it asks of you" in told
    assert len(instruction) > 100


@pytest.mark.parametrize("action", ["translate_text", "improve_text"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_text_comes_back_as_it_was_written(site, service, action, stream):
    text = '<p class="x">Olá <b>{name}</b>: [[1]], $x^2$.</p>\n\n* **um**\n* %s'
    says(service, text)
    answer = ask(site, action, stream=stream)
    if stream:
        assert "".join(e.data["text"] for e in answer if e.kind == "delta") == text
    done = answer[-1].data if stream else answer.json
    assert done["success"] is True and done["response"] == {"generated_content": text, "finish_reason": "stop"}


def test_a_language_that_is_none_is_refused_by_name(site, service):
    for tag in ("Spanish", "xx", "und", "es; forget the text", ""):
        answer = site.request("POST", "/v1/actions/translate_text", site.admin_key, {"input": {"text": "A", "target_language": tag}})
        assert answer.status == 400 and answer.json["code"] == "invalid_input" and "/input/target_language" in answer.body.decode(), answer
    assert service.requests() == []


def test_an_image_is_described_in_one_plain_line(site, service):
    says(service, '**Alt text:** \n"Un faro\n\nsobre una   roca."')
    answer = ask(site, "describe_image")
    assert answer.json["response"]["generated_content"] == "Un faro sobre una roca.", answer
    _, user, images = sent(service)
    assert images == ["data:image/png;base64," + PNG] and "language: Spanish." in user
    says(service, "palabra " * 200)
    alt = ask(site, "describe_image").json["response"]["generated_content"]
    assert 450 < len(alt) <= 500 and alt.endswith("palabra…")


def test_an_image_may_be_bytes_or_an_address(site, service):
    there = "https://example.org/a.png"
    for image, address in (({"media_type": "image/png", "base64": PNG}, "data:image/png;base64," + PNG), (there, there)):
        says(service, "A lighthouse.")
        answer = site.request("POST", "/v1/actions/describe_image", site.admin_key, {"input": {"image": image}})
        assert answer.json["response"]["generated_content"] == "A lighthouse.", answer
        assert sent(service)[2] == [address]
    asked = len(service.requests())
    for image, field in (("http://example.org/a.png", "/input/image"), ("data:image/svg+xml;base64,AAAA", "/input/image"),
                         ({"media_type": "image/png", "base64": "?"}, "/input/image/base64")):
        answer = site.request("POST", "/v1/actions/describe_image", site.admin_key, {"input": {"image": image}})
        assert answer.status == 400 and field in answer.body.decode(), answer
    assert len(service.requests()) == asked


def test_a_verdict_follows_from_the_scores(site, service):
    for scores, flagged in (({}, []), ({"violence": 0.49, "hate": 0.5}, ["hate"]),
                            ({"illicit": 1, "sexual_minors": 0.75}, ["sexual_minors", "illicit"])):
        says(service, moderation(**scores))
        response = ask(site, "moderate_text").json["response"]
        assert response == {"flagged": bool(flagged), "categories": {name: name in flagged for name in CATEGORIES},
                            "category_scores": {**dict.fromkeys(CATEGORIES, 0), **scores}, "reason": "A threat."}


def test_a_verdict_that_misses_its_form_is_mended_once_or_is_none(site, service):
    for wrong in (moderation(violence=2), '{"reason": "", "scores": {"hate": 0}}', "It is fine."):
        says(service, wrong, moderation(hate=0.9))
        answer = ask(site, "moderate_text")
        assert answer.json["response"]["categories"]["hate"] is True, answer
        service.clear()
        says(service, wrong, wrong)
        answer = ask(site, "moderate_text")
        assert answer.status == 502 and answer.json["code"] == "upstream_invalid", answer
        assert len(service.requests()) == 2


def test_nothing_of_a_verdict_is_shown_before_it_was_checked(site, service):
    says(service, moderation(violence=2), moderation(hate=0.9))
    events = ask(site, "moderate_text", stream=True)
    assert moderation(violence=2) not in "".join(e.data["text"] for e in events if e.kind == "delta")
    assert events[-1].kind == "done" and events[-1].data["response"]["flagged"] is True


def test_who_may(site, service):
    """Learners have texts translated and images described; improving and moderating are for those who teach, and the LMS moderates for anybody."""
    for action, learner, lms in (("translate_text", 200, 200), ("describe_image", 200, 200), ("improve_text", 403, 403), ("moderate_text", 403, 200)):
        says(service, *[moderation() if action == "moderate_text" else "X"] * 3)
        assert ask(site, action, site.learner).status == learner, action
        assert ask(site, action, site.service_key, user={"id": "u", "roles": ["student"]}).status == lms, action
        assert ask(site, action, site.teacher).status == 200, action


def test_where_they_are_offered(site, service):
    offered = {"translate_text": {"course_assist", "editor", "author", "openedx_widget"}, "improve_text": {"editor", "author", "openedx_widget"},
               "describe_image": {"editor", "author", "openedx_widget"}, "moderate_text": set()}
    found = {action: set() for action in offered}
    for placement in ("course_assist", "editor", "chat", "grading", "author", "openedx_widget"):
        for action in site.request("GET", f"/v1/actions?placement={placement}", site.admin_key).json["actions"]:
            if action["name"] in found and action["available"]:
                found[action["name"]].add(placement)
    assert found == offered
    here = {a["name"] for a in site.request("GET", "/v1/actions", site.teacher).json["actions"] if a["available"]}
    assert set(offered) <= here


def test_each_call_is_kept_in_a_table_of_its_action_and_no_image_in_any(site, service):
    says(service, "Um", "Better", moderation(hate=1), "Un faro")
    ids = {action: ask(site, action).json["id"] for action in ("translate_text", "improve_text", "moderate_text", "describe_image")}
    with contextlib.closing(connect(f"file:{site.data / 'lectern.db'}?mode=ro", uri=True)) as database:
        rows = {}
        for action, number in ids.items():
            cursor = database.execute(f"SELECT * FROM ai_action_{action} WHERE call_id = ?", (bytes.fromhex(number.replace("-", "")),))
            names = [column[0] for column in cursor.description]
            rows[action] = dict(zip(names, cursor.fetchone()))
    assert [rows["translate_text"][name] for name in ("prompt", "generatedcontent", "targetlanguage")] == [MARKUP, "Um", "pt_br"]
    assert (rows["improve_text"]["prompt"], rows["improve_text"]["generatedcontent"]) == ("Shorter\n\n" + MARKUP, "Better")
    assert rows["moderate_text"]["prompt"] == MARKUP and json.loads(rows["moderate_text"]["generatedcontent"])["scores"]["hate"] == 1
    assert re.fullmatch(r"data:image/png;… \(\d+ bytes\)", rows["describe_image"]["prompt"])
    assert rows["describe_image"]["generatedcontent"] == "Un faro"


def test_they_can_be_asked_for_in_the_shell(site, service):
    says(service, "Olá", "A lighthouse.")
    common = ("--site", "demo", "--accept-policy", "--provider", "vendor")
    assert site.cli("ask", "translate_text", *common, "--input", json.dumps({"text": "Hello", "target_language": "pt-BR"})).strip() == "Olá"
    assert site.cli("ask", "describe_image", *common, "--input", "https://example.org/a.png").strip() == "A lighthouse."
    assert sent(service)[2] == ["https://example.org/a.png"]


def test_at_the_door_of_openai_those_that_need_a_text_alone_can_be_asked(site, service):
    def chat(action):
        body = {"model": f"action:{action}", "messages": [{"role": "system", "content": "Shorter"}, {"role": "user", "content": MARKUP}]}
        body["messages"] = body["messages"] if action == "improve_text" else body["messages"][1:]
        return site.request("POST", "/openai/v1/chat/completions", site.service_key, body)

    says(service, "Better", moderation(hate=1))
    assert chat("improve_text").json["choices"][0]["message"]["content"] == "Better"
    assert "in particular: Shorter\n" in sent(service)[1]
    assert json.loads(chat("moderate_text").json["choices"][0]["message"]["content"])["categories"]["hate"] is True
    for action in ("translate_text", "describe_image"):
        assert chat(action).status == 400, action

"""The Ollama door /ollama/ against the real daemon: what Ollama's clients send, and what they must get back. See docs/ollama-door.md."""
import base64
import concurrent.futures
import datetime
import json
import os
import re
import socket
import subprocess
import sys
import venv

import pytest
from conftest import HERE, ROOT, Daemon, add_vendor, check_end, wait_until
from double.upstream import TEXT, Upstream

DOOR = "/ollama/api/"
MODEL = "action:generate_text"
CHAT = "action:continue_conversation"
ASK = {"model": MODEL, "prompt": "Why does it rain?", "user": "u-17"}
TALK = {"model": CHAT, "messages": [{"role": "user", "content": "Why does it rain?"}], "user": "u-17"}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
DONE = {"model", "created_at", "done", "done_reason", "total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count",
        "eval_duration"}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": {
    "type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}}}


@pytest.fixture(scope="module")
def model():
    with Upstream() as double:
        double.forbidden = ["u-17"]
        yield double


@pytest.fixture(scope="module")
def site(tmp_path_factory, model):
    d = Daemon(tmp_path_factory.mktemp("ollama") / "data")
    add_vendor(d, model)
    yield d
    check_end(d)


@pytest.fixture(autouse=True)
def as_usual(model):
    model.default = "ok"
    model.clear()
    yield
    assert [r["refused"] for r in model.requests() if r["refused"]] == []


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def post(site, call, body, key=None, **options):
    return site.request("POST", DOOR + call, site.service_key if key is None else key, body, **options)


def lines(answer):
    """The objects of a streamed answer."""
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    text = answer.body.decode()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def whole(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json


def refused(answer, status):
    """The error body that Ollama's clients know; its text."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert len(answer.headers["X-Request-Id"]) == 36
    assert set(answer.json) == {"error"} and isinstance(answer.json["error"], str) and answer.json["error"]
    return answer.json["error"]


def text_of(piece):
    return piece["message"]["content"] if "message" in piece else piece["response"]


# ---- answers ----


def check_time(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", text), text
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(text[:26] + "+00:00")
    assert abs(age.total_seconds()) < 300


def check_done(end, model):
    check_time(end["created_at"])
    assert end["model"] == model and end["done"] is True and end["done_reason"] == "stop"
    assert end["total_duration"] >= end["prompt_eval_duration"] + end["eval_duration"] - 1000 and end["total_duration"] > 0
    assert all(isinstance(end[k], int) and end[k] >= 0 for k in DONE if k.endswith(("count", "duration")))
    assert end["prompt_eval_count"] > 0 and end["eval_count"] > 0


@pytest.mark.parametrize("call, body", [("generate", ASK), ("chat", TALK)])
def test_an_answer_comes_line_by_line_unless_told_otherwise(site, call, body):
    for asked in (body, {**body, "stream": True}, {**body, "stream": None}):
        pieces = lines(post(site, call, asked))
        *shown, end = pieces
        assert len(shown) > 1 and all(p["done"] is False and p["model"] == body["model"] for p in shown)
        assert "".join(map(text_of, shown)) == TEXT and text_of(end) == ""
        assert set(end) == DONE | ({"message"} if call == "chat" else {"response"})
        assert all(set(p) == {"model", "created_at", "done", *(set(end) - DONE)} for p in shown)
        check_done(end, body["model"])


@pytest.mark.parametrize("call, body", [("generate", ASK), ("chat", TALK)])
def test_or_whole(site, call, body):
    answer = whole(post(site, call, {**body, "stream": False}))
    assert text_of(answer) == TEXT
    assert set(answer) == DONE | ({"message"} if call == "chat" else {"response"})
    if call == "chat":
        assert answer["message"] == {"role": "assistant", "content": TEXT}
    check_done(answer, body["model"])


def test_counts_that_nobody_knows_are_null_and_there(site, model):
    model.default = "no_usage"
    answer = whole(post(site, "generate", {**ASK, "stream": False}))
    assert answer["prompt_eval_count"] is None and answer["eval_count"] is None


def test_the_reason_is_told_where_an_answer_is_cut(site, model):
    model.default = "length"
    assert lines(post(site, "chat", TALK))[-1]["done_reason"] == "length"
    assert whole(post(site, "generate", {**ASK, "stream": False}))["done_reason"] == "length"


def test_what_a_model_thinks_is_not_shown(site, model):
    model.default = "think"
    for think in (True, False, "high"):
        answer = post(site, "chat", {**TALK, "think": think})
        assert b"think" not in answer.body and lines(answer)[-1]["done"]


# ---- requests ----


def asked(model):
    """What the service was sent, the one time that it was asked."""
    (record,) = model.requests()
    return record["body"]


def test_a_conversation_reaches_the_service_with_its_settings(site, model):
    options = {"temperature": 0.5, "top_p": 0.25, "seed": 7, "num_predict": 30, "stop": ["END"], "mirostat": 2, "top_k": 40,
               "no_such_option": {"x": 1}}
    post(site, "chat", {"model": CHAT, "user": "u-17", "options": options, "keep_alive": "5m", "stream": False, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Why?"}]})
    body = asked(model)
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"].endswith("Be brief.") and body["messages"][-1]["content"] == "Why?"
    assert body["temperature"] == 0.5 and body["top_p"] == 0.25 and body["seed"] == 7 and body["stop"] == ["END"]
    assert 30 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert not {"mirostat", "top_k", "no_such_option", "options", "keep_alive"} & set(body)


def test_images_reach_the_service(site, model):
    model.default = "image"
    post(site, "generate", {"model": CHAT, "user": "u-17", "prompt": "What is it?", "images": [PNG], "stream": False})
    (part,) = [p for p in asked(model)["messages"][-1]["content"] if p["type"] == "image_url"]
    assert part["image_url"]["url"] == "data:image/png;base64," + PNG


def test_an_answer_has_the_form_that_was_asked(site, model):
    model.default = "schema"
    schema = {"type": "object"}
    answer = whole(post(site, "chat", {**TALK, "format": schema, "stream": False}))
    assert isinstance(json.loads(text_of(answer)), dict)
    assert asked(model)["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_calls_tools_and_is_told_what_they_say(site, model, stream):
    model.default = "tool_calls"
    body = {**TALK, "stream": stream, "tools": [WEATHER]}
    answer = post(site, "chat", body)
    said = [p["message"] for p in (lines(answer) if stream else [whole(answer)]) if "tool_calls" in p["message"]]
    assert len(said) == 1
    call = said[0]["tool_calls"][0]
    assert isinstance(call["function"]["arguments"], dict) and call["function"]["name"]
    end = lines(answer)[-1] if stream else whole(answer)
    assert end["done"] and end["done_reason"] == "stop"
    results = [{"role": "tool", "tool_name": c["function"]["name"], "content": "Sunny."} for c in said[0]["tool_calls"]]
    without_ids = [{"function": c["function"]} for c in said[0]["tool_calls"]]
    turns = [*TALK["messages"], {"role": "assistant", "content": "", "tool_calls": without_ids}, *results]
    again = post(site, "chat", {**body, "messages": turns})
    assert text_of(lines(again)[0] if stream else whole(again)) != ""
    sent = model.requests()[-1]["body"]["messages"]
    calls = [c["id"] for m in sent for c in m.get("tool_calls", [])]
    assert calls and [m["tool_call_id"] for m in sent if m["role"] == "tool"] == calls


@pytest.mark.parametrize("call, body, reason", [
    ("generate", {"model": MODEL}, "load"), ("generate", {"model": MODEL, "prompt": "", "stream": False}, "load"),
    ("generate", {"model": MODEL, "keep_alive": 0}, "unload"), ("chat", {"model": CHAT, "messages": []}, "load"),
    ("chat", {"model": CHAT, "messages": [], "keep_alive": "0s", "stream": False}, "unload")])
def test_without_a_question_a_model_is_loaded_and_no_service_is_asked(site, model, call, body, reason):
    answer = post(site, call, body)
    (end,) = [whole(answer)] if body.get("stream") is False else lines(answer)
    assert end["done"] is True and end["done_reason"] == reason and text_of(end) == "" and end["model"] == body["model"]
    assert model.requests() == []


def test_the_type_of_the_body_does_not_matter(site):
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
        assert post(site, "generate", json.dumps({**ASK, "stream": False}), headers={"Content-Type": kind}).status == 200


# ---- who calls ----


def ways(key):
    """Every place in which a key may come: address and headers."""
    return {"bearer": ("/ollama/api/", {"Authorization": f"Bearer {key}"}), "basic": ("/ollama/api/", basic("moodle", key)),
            "basic without a name": ("/ollama/api/", basic("", key)), "address": (f"/ollama/{key}/api/", {}),
            "address, encoded": (f"/ollama/{key.replace('_', '%5F')}/api/", {}),
            "address before a proxy's own": (f"/ollama/{key}/api/", basic("proxy", "secret"))}


@pytest.mark.parametrize("way", ways(""))
def test_a_key_may_come_in_each_of_its_places(site, way):
    prefix, headers = ways(site.service_key)[way]
    for method, call, body in [("POST", "generate", ASK), ("POST", "chat", TALK), ("GET", "tags", None), ("POST", "show", {"model": MODEL})]:
        assert site.request(method, prefix + call, None, body, headers).status == 200, (method, call)


@pytest.mark.parametrize("way", ways(""))
def test_a_wrong_key_is_refused_in_each_and_not_told(site, way):
    wrong = "lk_" + "f" * 40
    prefix, headers = ways(wrong)[way]
    answer = site.request("POST", prefix + "generate", None, ASK, headers)
    text = refused(answer, 401)
    assert wrong not in text and wrong not in str(answer.headers) and answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("field", [None, basic("moodle", "")["Authorization"], "Basic", "Basic ???", "Basic bW9vZGxl", "Digest x"])
def test_without_a_key_it_is_refused(site, field):
    refused(site.request("POST", DOOR + "generate", None, ASK, {"Authorization": field} if field else {}), 401)


def test_these_places_are_for_this_door_only(site):
    key = site.service_key
    assert site.request("GET", "/v1/actions", None, headers=basic("moodle", key)).status == 401
    for path in (f"/v1/{key}/actions", f"/openai/{key}/v1/models", f"/{key}/ollama/api/tags", f"/OLLAMA/{key}/api/tags", f"/ollama/api/{key}/tags"):
        answer = site.request("GET", path)
        assert answer.status in (401, 404) and key not in answer.body.decode() + str(answer.headers), path


def test_the_user_of_the_body_is_the_user_of_the_call(site):
    hashed = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
    for user in (hashed, {"id": "u-18", "roles": ["student"]}):
        before = {c["id"] for c in site.request("GET", "/v1/register", site.admin_key).json["calls"]}
        whole(post(site, "generate", {**ASK, "user": user, "stream": False}))
        (call,) = [c for c in site.request("GET", "/v1/register", site.admin_key).json["calls"] if c["id"] not in before]
        assert call["user_id"] == (user if isinstance(user, str) else user["id"]) and call["action"] == "generate_text"


def test_texts_become_vectors(site, model):
    name = "action:embed_text"
    one = whole(post(site, "embed", {"model": name, "input": "Rain.", "user": "u-17", "truncate": True}))
    two = whole(post(site, "embed", {"model": name, "input": ["Rain.", "Snow."], "user": "u-17"}))
    assert set(one) == {"model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"} and one["model"] == name
    assert (len(one["embeddings"]), len(two["embeddings"])) == (1, 2) and all(isinstance(x, (int, float)) for v in two["embeddings"] for x in v)
    assert one["total_duration"] > 0 and one["prompt_eval_count"] > 0
    old = whole(post(site, "embeddings", {"model": name, "prompt": "Rain.", "user": "u-17"}))
    assert old == {"embedding": one["embeddings"][0]}
    assert whole(post(site, "embed", {"model": name, "input": []}))["embeddings"] == []
    assert "vectors" not in refused(post(site, "embed", {"model": MODEL, "input": "x"}), 400)
    assert "input" in refused(post(site, "embed", {"model": name, "input": ["a", ""]}), 400)
    assert len(model.requests()) == 3


# ---- what goes wrong ----


@pytest.mark.parametrize("call, body, status, word", [
    ("generate", {"prompt": "x"}, 400, "model"), ("generate", {"model": 7, "prompt": "x"}, 400, "model"), ("generate", "{", 400, "line 1"),
    ("generate", "[]", 400, ""), ("generate", {**ASK, "raw": True}, 400, "raw"), ("generate", {**ASK, "format": "xml"}, 400, "format"),
    ("generate", {**ASK, "context": [1]}, 400, "context"), ("generate", {**ASK, "options": []}, 400, "options"),
    ("generate", {**ASK, "options": {"temperature": "hot"}}, 400, "options/temperature"), ("generate", {**ASK, "images": ["AAAA"]}, 400, "images/0"),
    ("generate", {**ASK, "model": "action:no_such"}, 404, "no_such"), ("generate", {**ASK, "model": "profile:no-such"}, 404, "no-such"),
    ("generate", {"model": "action:no_such"}, 404, "no_such"), ("generate", {**ASK, "model": "action:embed_text"}, 400, "vectors"),
    ("generate", {**ASK, "model": "vendor/m"}, 403, "choose_provider"), ("generate", {**ASK, "prompt": " "}, 400, "prompt"),
    ("chat", {**TALK, "messages": [{"role": "wizard", "content": "x"}]}, 400, "messages/0/role"),
    ("chat", {**TALK, "messages": [{"role": "tool", "content": "x"}]}, 400, "messages/0"), ("chat", {**TALK, "messages": "x"}, 400, "messages"),
    ("show", {"model": "action:no_such"}, 404, "no_such"), ("show", {}, 400, "model"), ("pull", {"model": "m"}, 404, ""), ("", {}, 404, "")])
def test_what_is_wrong_is_said_in_ollamas_form(site, model, call, body, status, word):
    assert word in refused(post(site, call, body), status)
    assert model.requests() == []


def test_a_body_that_is_too_large(site):
    refused(post(site, "generate", b"", headers={"Content-Length": str(9 << 20)}), 413)


def test_a_method_that_an_address_does_not_take(site):
    answer = site.request("GET", DOOR + "generate", site.service_key)
    refused(answer, 405)
    assert answer.headers["Allow"] == "POST"


def calm_texts():
    return set(re.findall(r'X\(E\w+, "\w+", \d+, [01], "([^"]+)"\)', (ROOT / "src/base/error.h").read_text()))


@pytest.mark.parametrize("scenario, status", [("401", 502), ("429", 429), ("500", 502), ("reset", 502), ("context_window", 400),
                                              ("content_filter", 400)])
def test_faults_of_the_service_are_told_calmly_to_users_and_with_their_cause_to_keys(site, model, scenario, status):
    model.default = scenario
    answer = post(site, "generate", ASK)
    assert refused(answer, status) in calm_texts() and answer.headers["X-Lectern-Call"]
    if status == 429:
        assert int(answer.headers["Retry-After"]) > 0
    nobody = {k: v for k, v in ASK.items() if k != "user"}
    assert refused(post(site, "generate", nobody), status) not in calm_texts()


def test_a_stream_that_breaks_ends_with_the_error(site, model):
    model.default = "close_mid?n=4&delay_ms=20"
    *shown, end = lines(post(site, "chat", TALK))
    assert shown and all(p["done"] is False for p in shown) and set(end) == {"error"}


@pytest.mark.parametrize("stream", [True, False])
def test_whoever_leaves_ends_the_call(site, model, stream):
    model.default = "endless?delay_ms=20" if stream else "stall"
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        body = json.dumps({**ASK, "stream": stream})
        client.sendall(f"POST {DOOR}generate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.service_key}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        model.wait_for(lambda r: r["method"] == "POST")
        if stream:
            seen = b""
            while b'"done":false' not in seen:
                seen += client.recv(4096)
    model.wait_for(lambda r: r["closed_at"] and r["closed_early"])


# ---- models ----


def test_the_models_of_a_key_are_listed_and_can_be_shown(site):
    models = whole(site.request("GET", DOOR + "tags", site.service_key))["models"]
    names = [m["name"] for m in models]
    assert {MODEL, CHAT, "action:summarise_text", "action:explain_text"} <= set(names) and len(set(names)) == len(names)
    for m in models:
        assert set(m) == {"name", "model", "modified_at", "size", "digest", "details"} and m["model"] == m["name"]
        assert re.fullmatch("[0-9a-f]{64}", m["digest"]) and m["size"] == 0
        assert set(m["details"]) == {"parent_model", "format", "family", "families", "parameter_size", "quantization_level"}
        datetime.datetime.fromisoformat(m["modified_at"].replace("Z", "+00:00"))
        shown = whole(post(site, "show", {"model": m["name"]}))
        assert shown["details"] == m["details"] and shown["capabilities"][0] == ("embedding" if "embed" in m["name"] else "completion")
    assert whole(post(site, "show", {"name": CHAT}))["capabilities"] == ["completion", "tools", "vision"]


def test_the_small_addresses(site):
    assert re.fullmatch(r"\d+\.\d+\.\d+", whole(site.request("GET", DOOR + "version", site.service_key))["version"])
    assert whole(site.request("GET", DOOR + "ps", site.service_key)) == {"models": []}
    answer = site.request("GET", "/ollama")
    assert answer.status == 200 and answer.body == b"Ollama is running"


def test_openapi_lists_the_door(site):
    api = site.request("GET", "/v1/openapi.json").json
    for call in ("generate", "chat"):
        operation = api["paths"][DOOR + call]["post"]
        assert set(operation["responses"]["200"]["content"]) == {"application/json", "application/x-ndjson"}
        assert operation["responses"]["404"] == {"$ref": "#/components/responses/OllamaError"}
    assert "OllamaError" in api["components"]["responses"]


def test_a_key_that_may_choose_sees_and_asks_vendors_models(site, model):
    key = json.loads(site.cli("key", "add", "--role", "service", "--choose-provider", "--json"))["key"]
    wait_until(lambda: site.request("GET", DOOR + "tags", key).status == 200, what="the key")
    details = {m["name"]: m["details"]["family"] for m in site.request("GET", DOOR + "tags", key).json["models"]}
    assert details["vendor/m"] == "openai" and details[MODEL] == "lectern"
    for name in ("vendor/m", "m", "vendor/another:7b"):
        model.clear()
        answer = whole(post(site, "chat", {**TALK, "model": name, "stream": False}, key))
        assert answer["model"] == name and asked(model)["model"] == name.rpartition("/")[2] and asked(model)["messages"] == TALK["messages"]
    assert "no-such-model" in refused(post(site, "chat", {**TALK, "model": "no-such-model"}, key), 404)
    assert "no-such-model" in refused(post(site, "show", {"model": "no-such-model"}, key), 404)


def test_a_profile_is_a_model_where_a_scope_leads_to_it(site, model):
    made = site.request("POST", "/v1/profiles", site.admin_key, {"slug": "tutor", "base_filepath": "base/blank.json5", "content_patch": {}})
    assert made.status == 201, made
    refused(post(site, "generate", {**ASK, "model": "profile:tutor"}), 403)
    assert site.request("POST", "/v1/scopes", site.admin_key, {"profile_id": "tutor"}).status == 201
    answer = whole(post(site, "generate", {**ASK, "model": "profile:tutor", "stream": False}))
    assert answer["response"] == TEXT and answer["model"] == "profile:tutor"
    assert ASK["prompt"] in json.dumps(asked(model)["messages"])
    assert "".join(map(text_of, lines(post(site, "chat", {**TALK, "model": "profile:tutor"})))) == TEXT
    assert "profile:tutor" in [m["name"] for m in site.request("GET", DOOR + "tags", site.service_key).json["models"]]


def test_one_lectern_takes_another_for_an_ollama(site, model, tmp_path):
    """Its provider `ollama` is a client too, and a strict one."""
    other = Daemon(tmp_path / "data")
    try:
        other.accept_policy(other.learner)
        made = other.request("POST", "/v1/providers", other.admin_key, {"name": "below", "plugin": "ollama", "config": {
            "endpoint": site.base_url + "/ollama", "model": CHAT, "embedding_model": "action:embed_text", "api_key": site.service_key}})
        assert made.status == 201, made
        other.request("PUT", "/v1/providers/order", other.admin_key, {"ids": [made.json["id"]]})
        listed = other.request("GET", "/v1/providers/below/models", other.admin_key)
        assert CHAT in listed.json["models"]
        talk = {"input": {"messages": TALK["messages"]}}
        whole_answer = other.request("POST", "/v1/actions/continue_conversation", other.learner, talk)
        assert whole_answer.json["response"]["generated_content"] == TEXT
        events = other.stream("POST", "/v1/actions/continue_conversation", other.learner, {**talk, "stream": True})
        assert "".join(e.data["text"] for e in events if e.kind == "delta") == TEXT and events[-1].kind == "done"
        model.default = "tool_calls"
        tools = other.request("POST", "/v1/actions/continue_conversation", other.learner, {"input": {**talk["input"], "tools": [WEATHER]}})
        assert tools.json["response"]["finish_reason"] == "tool_calls" and tools.json["response"]["tool_calls"][0]["id"]
        vectors = other.request("POST", "/v1/actions/embed_text", other.service_key, {"input": {"texts": ["Rain."]}})
        assert len(vectors.json["response"]["embeddings"]) == 1, vectors
    finally:
        check_end(other)


# ---- keys in addresses ----


def test_a_key_in_the_address_is_in_nothing_that_the_daemon_writes_or_says(tmp_path, model):
    """Under load, with the most talkative log, whatever comes of the requests: nothing holds the key, or the wrong key that somebody tried."""
    d = Daemon(tmp_path / "data", env={"LECTERN_LOG_LEVEL": "debug"})
    add_vendor(d, model)
    key = json.loads(d.cli("key", "add", "--role", "service", "--name", "Moodle", "--json"))["key"]
    wrong, other = "lk_" + "0123456789abcdef" * 3, "the-secret-of-something-else-81723"
    wait_until(lambda: d.request("GET", f"/ollama/{key}/api/tags").status == 200, what="the key")
    said = []

    def one(i):
        k = {3: other, 4: wrong}.get(i % 5, key)
        model.choose = lambda r: "500" if r.number % 7 == 0 else "ok"
        calls = [("POST", f"/ollama/{k}/api/generate", ASK), ("POST", f"/ollama/{k}/api/chat", {**TALK, "stream": False}),
                 ("POST", f"/ollama/{k}/api/generate", "{"), ("GET", f"/ollama/{k}/api/generate", None), ("GET", f"/ollama/{k}/nowhere", None),
                 ("GET", f"/ollama/{k}/api/%ff", None), ("POST", f"/ollama/{k}/api/chat?x=%zz", TALK), ("OPTIONS", f"/ollama/{k}/api/chat", None),
                 ("PUT", f"/ollama/{k}", {}), ("GET", f"/ollama/{k}/api/tags", None), ("POST", f"/ollama/{k}/api/chat", {**TALK, "model": "x"}),
                 ("POST", "/ollama/api/generate", ASK), ("GET", f"/elsewhere/{k}", None),
                 ("GET", f"/ollama/{k.replace('_', '%5F')}/api/tags", None)]
        method, path, body = calls[i % len(calls)]
        answer = d.request(method, path, None, body, basic("moodle", k) if i % 13 == 11 else None)
        said.append(answer.body.decode("utf-8", "replace") + str(answer.headers))
        return answer.status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(one, range(400)))
    assert {200, 400, 401, 404, 405} <= set(statuses)
    said.append(d.request("GET", "/metrics", d.admin_key).body.decode())
    said.append(d.request("GET", "/v1/register?limit=100", d.admin_key).body.decode())
    said += [d.request("GET", f"/v1/register/{c['id']}", d.admin_key).body.decode() for c in json.loads(said[-1])["calls"]]
    said += [json.dumps(r, default=str) for r in model.requests()]
    check_end(d)
    said.append(d.log())
    files = [p for p in (tmp_path / "data").rglob("*") if p.is_file()]
    assert files and d.log()
    said += [p.read_bytes().decode("latin-1") for p in files]
    assert len(said) > 400
    for secret in (key, wrong, other, key.replace("_", "%5F")):
        assert not [s[:300] for s in said if secret in s]


# ---- Ollama's own client ----


@pytest.fixture(scope="module")
def client_python(tmp_path_factory):
    """A Python that has the package `ollama`; a skip where the registry cannot be reached."""
    if subprocess.run([sys.executable, "-c", "import ollama"], capture_output=True).returncode == 0:
        return sys.executable
    folder = tmp_path_factory.mktemp("client")
    try:
        venv.create(folder, with_pip=True)
    except (subprocess.CalledProcessError, SystemExit) as why:
        pytest.skip(f"no virtual environment can be made: {why}")
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "ollama"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(f"the package ollama cannot be had: {done.stderr.strip()[-300:]}")
    return python


CASES = re.findall(r"^def (case_\w+)", (HERE / "ollama_client.py").read_text(), re.M)


@pytest.fixture(scope="module")
def client_results(client_python, site, model):
    model.choose = lambda r: next((name for text, name in [("call a tool", "tool_calls"), ("as JSON", "schema")] if text in json.dumps(r.body)), "ok")
    env = {**os.environ, "OLLAMA_API_KEY": "", "OLLAMA_HOST": ""}
    command = [client_python, HERE / "ollama_client.py", site.base_url, site.service_key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    model.choose = None
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES)
def test_ollamas_own_python_client(client_results, case):
    assert client_results[case] == "ok"


def test_every_case_of_the_client_ran(client_results):
    assert list(client_results) == CASES and len(CASES) >= 10

"""The door /openai/v1/ on the wire: what its answers look like to the byte, who may ask what, whose call it is and where. OpenAI's own clients are in
test_openai_door_clients.py, docs/openai-door.md says what each member does."""
import json
import re
import socket
import time

import pytest

from conftest import Daemon, add_vendor, check_end, wait_until
from double.upstream import TEXT, Upstream
from tokens import claims, token

CHAT, EMBEDDINGS, MODELS = "/openai/v1/chat/completions", "/openai/v1/embeddings", "/openai/v1/models"
USER = [{"role": "user", "content": "Why does it rain?"}]
COURSE = "course-v1:Lectern+Demo+2026"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Upstream() as double:
        daemon = Daemon(tmp_path_factory.mktemp("door") / "data")
        daemon.double = double
        add_vendor(daemon, double, embedding_model="e")
        daemon.accept_policy(daemon.learner)
        yield daemon
        check_end(daemon)


def chat(site, key=None, path=CHAT, headers=None, **body):
    return site.request("POST", path, key or site.admin_key, {"model": "action:continue_conversation", "messages": USER, **body}, headers=headers)


def error(answer, status, code=None, param=None):
    """The answer is OpenAI's error object with these members; the object."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), answer
    assert list(answer.json) == ["error"] and list(answer.json["error"]) == ["message", "type", "param", "code"], answer
    found = answer.json["error"]
    assert found["message"] and (found["code"], found["param"]) == (code, param), found
    assert answer.headers["X-Request-Id"] and re.fullmatch(r"\d+", answer.headers["openai-processing-ms"])
    return found


def row(site, answer):
    """The register's row of a call."""
    id_ = answer if isinstance(answer, str) else answer.headers["X-Lectern-Call"]
    return site.request("GET", f"/v1/register/{id_}", site.admin_key).json


def events(raw):
    assert raw.endswith(b"\n\n")
    return [part.removeprefix(b"data: ") for part in raw[:-2].split(b"\n\n")]


# ---- what goes over the wire ----

def test_a_stream_to_the_byte(site):
    answer = chat(site, stream=True, stream_options={"include_usage": True})
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (200, "text/event-stream; charset=utf-8", "no-store")
    assert answer.headers["X-Accel-Buffering"] == "no" and answer.headers["X-Lectern-Call"]
    *parts, done = events(answer.body)
    assert done == b"[DONE]" and all(b"\n" not in part for part in parts)
    chunks = [json.loads(part) for part in parts]
    head = ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]
    assert all(list(chunk) == head for chunk in chunks)
    assert all(list(chunk["choices"][0]) == ["index", "delta", "logprobs", "finish_reason"] for chunk in chunks[:-1])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None} and deltas[-1] == {}
    assert all(list(delta) == ["content"] for delta in deltas[1:-1]) and "".join(delta["content"] for delta in deltas[1:-1]) == TEXT
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 568
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-" + answer.headers["X-Lectern-Call"]}


def test_calls_of_tools_come_name_first_and_then_their_arguments(site):
    answer = chat(site, model="vendor/double:tool_calls", stream=True,
                  tools=[{"type": "function", "function": {"name": "find_unit"}}, {"type": "function", "function": {"name": "now"}}])
    chunks = [json.loads(part)["choices"][0] for part in events(answer.body)[:-1]]
    calls = [piece for chunk in chunks for piece in chunk["delta"].get("tool_calls", [])]
    assert [(call["index"], call.get("id"), call["function"].get("name"), call["function"]["arguments"]) for call in calls] == [
        (0, "call_1", "find_unit", ""), (0, None, None, '{"topic": "water"}'), (1, "call_2", "now", ""), (1, None, None, "{}")]
    assert chunks[-1]["finish_reason"] == "tool_calls"


def test_an_error_in_the_middle_is_the_last_event(site):
    answer = chat(site, model="vendor/double:error_mid", stream=True)
    *_, text, last = events(answer.body)
    assert answer.status == 200 and json.loads(text)["choices"][0]["delta"]["content"]
    assert list(json.loads(last)) == ["error"] and list(json.loads(last)["error"]) == ["message", "type", "param", "code"]
    assert row(site, answer)["state"] == "failed"


def test_an_error_before_the_first_piece_has_its_status(site):
    error(chat(site, model="vendor/double:status?code=429", stream=True), 429, "rate_limit_exceeded")


def test_a_completion_is_the_register_s_call(site):
    answer = chat(site)
    assert answer.json["id"] == "chatcmpl-" + answer.headers["X-Lectern-Call"]
    found = row(site, answer)
    kept = site.request("GET", "/v1/actions/calls/" + answer.headers["X-Lectern-Call"], site.admin_key).json
    assert (found["state"], found["action"], kept["response"]["generated_content"]) == ("completed", "continue_conversation", TEXT)


@pytest.mark.parametrize("change", [{"path": CHAT + "/"}, {"headers": {"Content-Type": "application/json; charset=utf-8"}},
                                    {"headers": {"OpenAI-Organization": ""}}, {"headers": {"OpenAI-Organization": "org-1", "OpenAI-Project": "p"}},
                                    {"headers": {"OpenAI-Beta": "assistants=v2", "User-Agent": "MoodleBot/1.0"}}], ids=str)
def test_what_clients_add_is_taken(site, change):
    headers = {"Content-Type": "application/json", **change.get("headers", {})}
    body = json.dumps({"model": "action:continue_conversation", "messages": USER, "user": ""})
    answer = site.request("POST", change.get("path", CHAT), site.admin_key, body, headers=headers)
    assert (answer.status, answer.json["choices"][0]["message"]["content"]) == (200, TEXT)


# ---- errors ----

def raw(site, method, path, body=None, key="admin", **headers):
    credentials = {"Authorization": f"Bearer {getattr(site, key + '_key', key)}"} if key else {}
    return site.request(method, path, None, body, headers={**credentials, **headers})


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("method, path, body, key, headers, status, code, param", [
    ("POST", CHAT, "{", "admin", JSON, 400, None, None),
    ("POST", CHAT, "[]", "admin", JSON, 400, "invalid_value", None),
    ("POST", CHAT, '{"messages":[{"role":"user","content":"x"}]}', "admin", JSON, 400, "invalid_value", "model"),
    ("POST", CHAT, '{"model":7,"messages":[]}', "admin", JSON, 400, "invalid_value", "model"),
    ("POST", CHAT, '{"model":"x","messages":"x"}', "admin", JSON, 400, "invalid_value", "messages"),
    ("POST", CHAT, '{"model":"x","messages":[{"role":"user","content":7}]}', "admin", JSON, 400, "invalid_value", "messages[0].content"),
    ("POST", CHAT, '{"model":"' + "x" * 513 + '","messages":[{"role":"user","content":"x"}]}', "admin", JSON, 400, "invalid_value", "model"),
    ("POST", CHAT, '{"model":"x","messages":[{"role":"user","content":"x"}]}', "admin", JSON, 404, "model_not_found", "model"),
    ("POST", CHAT, '{"model":"action:continue_conversation","messages":[{"role":"user","content":"x"}],"n":1e30}', "admin", JSON, 400, "invalid_value", "n"),
    ("POST", CHAT, "{}", "admin", {"Content-Type": "text/plain"}, 415, "unsupported_media_type", None),
    ("POST", CHAT, "{}", None, JSON, 401, "invalid_api_key", None),
    ("POST", CHAT, "{}", "lk_nothing", JSON, 401, "invalid_api_key", None),
    ("POST", CHAT, "{}", "a.b.c", JSON, 401, "invalid_api_key", None),
    ("GET", CHAT, None, "admin", {}, 405, "method_not_supported", None),
    ("DELETE", MODELS, None, "admin", {}, 405, "method_not_supported", None),
    ("GET", "/openai/v1/", None, "admin", {}, 404, "not_found", None),
    ("GET", "/openai/v1", None, None, {}, 404, "not_found", None),
    ("GET", MODELS + "/nobody%2Fx%3A1", None, "admin", {}, 404, "model_not_found", "model"),
    ("GET", MODELS, None, None, {}, 401, "invalid_api_key", None),
])
def test_every_error_is_an_object_of_openai_s(site, method, path, body, key, headers, status, code, param):
    answer = raw(site, method, path, body, key, **headers)
    error(answer, status, code, param)
    assert bool(answer.headers["WWW-Authenticate"]) == (status == 401) and bool(answer.headers["Allow"]) == (status == 405)


def wire(site, head, body=b""):
    """What the door answers to bytes of our own."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as client:
        client.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n"
                       b"Content-Type: application/json\r\n%s\r\n\r\n%s" % (CHAT.encode(), site.admin_key.encode(), head, body))
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_body_that_is_too_large_is_refused_by_its_length(site):
    answer = wire(site, b"Content-Length: 8388609")
    assert answer.startswith(b"HTTP/1.1 413 ") and b'"code":"request_too_large"' in answer


def test_beside_the_door_errors_are_problems(site):
    for path in ("/openai/v2/models", "/openai", "/openai/v1x"):
        assert raw(site, "GET", path).headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("scenario, status, code, again", [
    ("401", 500, "upstream_unauthorized", "false"), ("status?code=400", 400, "upstream_bad_request", None), ("404", 404, "model_not_found", None),
    ("429", 429, "rate_limit_exceeded", None), ("500", 503, "upstream_unavailable", None), ("html", 503, "upstream_unavailable", None),
    ("close", 503, "upstream_unavailable", None), ("wrong_json", 500, "upstream_invalid", None),
    ("context_window", 400, "context_length_exceeded", None),
    ("content_filter", 400, "content_filter", None)])
def test_what_the_service_does_has_a_status_and_says_whether_to_try_again(site, scenario, status, code, again):
    answer = chat(site, model="vendor/double:" + scenario)
    error(answer, status, code, "model" if code == "model_not_found" else None)
    assert answer.headers["x-should-retry"] == again and row(site, answer)["state"] == "failed"


def test_a_user_reads_calm_words_and_a_key_the_service_s(site):
    site.double.queue = ["status?code=500&message=secret-cause"] * 2
    assert "secret-cause" not in error(chat(site, site.learner), 503, "upstream_unavailable")["message"]
    assert "secret-cause" in error(chat(site), 503, "upstream_unavailable")["message"]


# ---- whose call it is ----

def test_a_service_key_speaks_for_the_user_that_the_body_names_with_its_own_roles(site):
    hashed = "5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99"
    answer = chat(site, site.service_key, model="action:generate_text", user=hashed)
    assert answer.status == 200 and row(site, answer)["user_id"] == hashed


@pytest.mark.parametrize("body, header, user", [
    ({}, None, ""), ({"user": None}, None, ""), ({"user": "u-1"}, None, "u-1"), ({"user": "u-1"}, "u-2", "u-2"), ({}, "u-2", "u-2"),
    ({"safety_identifier": "u-3"}, None, "u-3"), ({"user": "u-1", "safety_identifier": "u-3"}, None, "u-1")])
def test_the_header_goes_before_the_body(site, body, header, user):
    answer = chat(site, site.service_key, headers={"X-Lectern-User": header} if header else None, **body)
    assert answer.status == 200 and (row(site, answer)["user_id"] or "") == user


def test_a_token_speaks_for_its_own_user(site):
    answer = chat(site, site.learner, user="somebody else")
    assert answer.status == 200 and row(site, answer)["user_id"] not in ("", "somebody else")
    error(chat(site, site.learner, headers={"X-Lectern-User": "somebody else"}), 403, "permission_denied", "X-Lectern-User")
    assert chat(site, site.learner, headers={"X-Lectern-User": row(site, answer)["user_id"]}).status == 200


def test_a_token_for_one_course_sees_no_other(site):
    secret = "a shared secret of the test"
    site.cli("issuer", "set", "https://lms.example/oauth2", "door-courses", "--site", "demo", "--secret-file", "-", stdin=secret)
    bound = token(secret, "HS256", claims(aud="door-courses", roles=["manager"], course_id=COURSE))
    wait_until(lambda: site.request("GET", MODELS, bound).status == 200, what="the issuer")
    assert site.request("GET", MODELS, bound, headers={"X-Lectern-Course": COURSE}).status == 200
    there = {"X-Lectern-Course": "course-v1:Other+Course+Run"}
    for answer in (site.request("GET", MODELS, bound, headers=there), chat(site, bound, headers=there)):
        error(answer, 403, "permission_denied", "X-Lectern-Course")
    assert site.request("GET", "/ollama/api/tags", bound, headers=there).status == 403


@pytest.mark.parametrize("user", ["x" * 256, "a\u0001b"])
def test_a_user_s_name_is_checked(site, user):
    error(chat(site, site.service_key, user=user), 400, "invalid_value", "user")


def test_a_user_sees_neither_provider_nor_model(site):
    name = "action:continue_conversation"
    assert [chat(site).json[key] for key in ("model", "system_fingerprint")] == ["m", "fp_double"]
    shown = chat(site, site.learner)
    assert shown.json["model"] == name and shown.json["system_fingerprint"].startswith("fp_lectern_") and b"vendor" not in shown.body
    chunks = [json.loads(part) for part in events(chat(site, site.learner, stream=True).body)[:-1]]
    assert {chunk["model"] for chunk in chunks} == {name}
    assert not any(m["id"].startswith("vendor/") for m in site.request("GET", MODELS, site.learner).json["data"])


# ---- where ----

def test_the_place_comes_in_fields_of_the_head(site):
    answer = chat(site, headers={"X-Lectern-Course": COURSE, "X-Lectern-Location": "unit-1", "X-Lectern-Placement": "chat"})
    found = row(site, answer)
    assert [found[key] for key in ("course_id", "location_id", "placement")] == [COURSE, "unit-1", "chat"]


@pytest.mark.parametrize("name, value", [("X-Lectern-Course", "c" * 256), ("X-Lectern-Location", "l" * 256), ("X-Lectern-Placement", "nowhere"),
                                         ("X-Lectern-Placement", "p" * 65), ("X-Lectern-Course", b"\xff".decode("latin-1"))])
def test_a_place_that_cannot_be_is_refused(site, name, value):
    error(chat(site, headers={name: value}), 400, "invalid_value", name)


def test_a_place_that_is_told_twice_is_refused(site):
    body = json.dumps({"model": "action:continue_conversation", "messages": USER}).encode()
    answer = wire(site, b"X-Lectern-Course: a\r\nX-Lectern-Course: b\r\nContent-Length: %d" % len(body), body)
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"param":"X-Lectern-Course"' in answer


def test_a_course_that_is_switched_off_is_off_here_too(site):
    assert site.request("PUT", "/v1/switches", site.admin_key, {"course_id": "off", "enabled": False}).status == 200
    error(chat(site, headers={"X-Lectern-Course": "off"}), 403, "course_disabled", "X-Lectern-Course")
    assert chat(site, headers={"X-Lectern-Course": "on"}).status == 200


def test_permissions_and_placements_are_those_of_everything_else(site):
    error(chat(site, site.learner, model="action:generate_text"), 403, "permission_denied")
    error(chat(site, model="action:summarise_text", headers={"X-Lectern-Placement": "chat"}), 403, "placement_disabled")


# ---- what a model's name means ----

def sent(site):
    return site.double.requests()[-1]["body"]


def test_an_action_keeps_its_own_instruction_and_takes_the_client_s_beside_it(site):
    messages = [{"role": "system", "content": "Write for children."}, {"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."},
                {"role": "user", "content": "Rain falls from clouds."}]
    chat(site, model="action:generate_text", messages=messages, temperature=0.25, max_tokens=77)
    body = sent(site)
    assert [m["role"] for m in body["messages"]] == ["system", "user"] and body["messages"][1]["content"] == "Rain falls from clouds."
    assert len(body["messages"][0]["content"]) > 100 and body["messages"][0]["content"].endswith("\n\nWrite for children.")
    assert (body["temperature"], body["max_tokens"]) == (0.25, 77)
    chat(site, model="action:summarise_text", messages=messages)
    assert "Write for children." in sent(site)["messages"][1]["content"] and "One." not in json.dumps(sent(site))


IMAGE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}


@pytest.mark.parametrize("more, param", [({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
                                         ({"response_format": {"type": "json_object"}}, "response_format"),
                                         ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
                                         ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages")])
@pytest.mark.parametrize("model", ["action:summarise_text", "profile:demo-mock-stream"])
def test_what_has_a_form_of_its_own_takes_no_other(site, model, more, param):
    error(chat(site, model=model, **more), 400, "invalid_value", param)


@pytest.mark.parametrize("param, value", [("temperature", 2.5), ("temperature", -1), ("top_p", 1.5), ("max_tokens", 0), ("max_tokens", 1000001)])
@pytest.mark.parametrize("model", ["action:summarise_text", "action:continue_conversation", "vendor/m"])
def test_wishes_have_the_same_bounds_everywhere(site, model, param, value):
    error(chat(site, model=model, **{param: value}), 400, "invalid_value", param)


def test_a_vendor_s_model_gets_the_conversation_and_nothing_else(site):
    chat(site, model="vendor/some/model:7b", messages=[{"role": "system", "content": "S"}, *USER])
    assert (sent(site)["model"], sent(site)["messages"]) == ("some/model:7b", [{"role": "system", "content": "S"}, *USER])


def test_a_vendor_s_model_without_its_instance_is_found_where_it_is_set(site):
    add_vendor(site, site.double, name="second", first=False, model="gpt:4 (big)")
    answer = chat(site, model="gpt:4 (big)")
    assert answer.status == 200 and row(site, answer)["attempts"][0]["provider"] == "second"
    assert site.request("GET", MODELS + "/gpt%3A4%20(big)", site.admin_key).json["owned_by"] == "openai"
    assert "second/gpt:4 (big)" in [m["id"] for m in site.request("GET", MODELS, site.admin_key).json["data"]]


def test_a_key_may_be_allowed_to_choose(site):
    error(chat(site, site.service_key, model="m"), 403, "permission_denied", "model")
    key = json.loads(site.cli("key", "add", "--site", "demo", "--role", "service", "--choose-provider", "--json"))["key"]
    wait_until(lambda: chat(site, key, model="m").status == 200)


def test_a_profile_needs_a_scope_that_leads_to_it(site):
    made = site.request("POST", "/v1/profiles", site.admin_key, {"slug": "hidden", "base_filepath": "base/summary.json5"})
    assert made.status == 201, made
    error(chat(site, site.learner, model="profile:hidden"), 403, "permission_denied", "model")
    assert chat(site, model="profile:hidden").status == 200
    assert site.request("POST", "/v1/scopes", site.admin_key, {"profile_id": "hidden", "course_id": COURSE}).status == 201
    assert chat(site, site.learner, model="profile:hidden", headers={"X-Lectern-Course": COURSE}).status == 200
    error(chat(site, site.learner, model="profile:hidden", headers={"X-Lectern-Course": "another"}), 403, "permission_denied", "model")


# ---- policy ----

def test_a_key_s_users_were_asked_by_the_lms_unless_the_site_says_otherwise(tmp_path, upstream):
    site = Daemon(tmp_path / "data")
    add_vendor(site, upstream)
    policy = site.request("GET", "/v1/policy", site.learner).json
    assert policy["accepted"] is False
    assert chat(site, site.service_key, user="moodle-user").status == 200
    assert policy["text"] in error(chat(site, site.learner), 403, "policy_not_accepted")["message"], "a token vouches for nothing"
    site.accept_policy(site.learner)
    assert chat(site, site.learner).status == 200
    site.cli("site", "set", "demo", "door_policy=lectern")
    wait_until(lambda: chat(site, site.service_key, user="moodle-user").status == 403)
    error(chat(site, site.service_key, user="moodle-user"), 403, "policy_not_accepted")
    assert chat(site, site.service_key).status == 200, "an LMS that acts for nobody"
    assert chat(site, site.learner).status == 200
    check_end(site)


# ---- leaving ----

@pytest.mark.parametrize("scenario, stream", [("endless", True), ("stall_mid", True), ("stall", True), ("stall", False)])
def test_who_leaves_ends_the_call_at_once(site, scenario, stream):
    began = time.time()
    body = json.dumps({"model": "vendor/double:" + scenario, "messages": USER, "stream": stream}).encode()
    client = socket.create_connection(("127.0.0.1", site.port), timeout=60)
    client.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                   % (CHAT.encode(), site.admin_key.encode(), len(body), body))
    if scenario in ("endless", "stall_mid"):
        seen = b""
        while b'"delta":{"content":' not in seen:
            seen += client.recv(65536)
    else:
        wait_until(lambda: any(r["at"] >= began and r["scenario"] == scenario for r in site.double.requests()))
    client.close()
    record = site.double.wait_for(lambda r: r["at"] >= began and r["closed_at"])
    assert record["closed_early"]

    def newest():
        return site.request("GET", "/v1/register?limit=1", site.admin_key).json["calls"][0]["state"]

    wait_until(lambda: newest() != "running")
    assert newest() == "cancelled"

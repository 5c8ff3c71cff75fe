"""Every route with good and bad input, against a real daemon: statuses, problems, headers, who may do what."""
import base64
import hashlib
import hmac
import http.client
import json
import re
import time
import uuid

import pytest
from conftest import add_vendor, read_events, wait_until
from database import connect

TEXT = ("Plants make sugar from light. They take water from the soil. They take carbon dioxide from the air. Light drives the whole "
        "reaction in the leaves. Oxygen is left over and leaves the plant. The sugar feeds the roots and the fruit. Animals eat the plants "
        "and use the sugar. In the end all of it returns to the air and to the soil.")
COURSE = "course-v1:Lectern+Demo+2026"
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def problem(answer, status, code, field=None):
    """The answer is a problem with this status and code; its body."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer
    body = answer.json
    assert body["code"] == code and body["status"] == status, body
    assert body["type"] == f"urn:lectern:problem:{code}" and body["title"] and body["detail"], body
    assert body["request_id"] == answer.headers["X-Request-Id"]
    if field is not None:
        assert body.get("field") == field, body
    return body


def summarise(daemon, key, body=None, **options):
    return daemon.request("POST", "/v1/actions/summarise_text", key, {"input": {"text": TEXT}, **(body or {})}, **options)


# ---- what every answer has ----


@pytest.mark.parametrize("path, status", [("/healthz", 200), ("/v1/actions", 401), ("/nothing", 404), ("/demo/", 200)])
def test_every_answer_has_an_id_and_the_security_headers(shared, path, status):
    answer = shared.request("GET", path)
    assert answer.status == status
    uuid.UUID(answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_two_requests_have_two_ids(shared):
    assert shared.request("GET", "/healthz").headers["X-Request-Id"] != shared.request("GET", "/healthz").headers["X-Request-Id"]


def test_health_says_ok_to_anybody(shared):
    assert shared.request("GET", "/healthz").json == {"status": "ok"}
    assert shared.request("GET", "/readyz").json == {"status": "ready"}


def test_head_answers_as_get_without_a_body(shared):
    answer = shared.request("HEAD", "/healthz")
    assert (answer.status, answer.body) == (200, b"")


def test_openapi_lists_every_route_with_its_schemas(shared):
    api = shared.request("GET", "/v1/openapi.json").json
    assert api["openapi"].startswith("3.1")
    for path, methods in {"/v1/actions/{name}": {"post"}, "/v1/policy": {"get", "put", "delete"}, "/v1/providers/{id}": {"get", "patch", "delete"},
                          "/v1/actions/calls/{id}": {"get", "delete"}, "/v1/switches": {"get", "put"}}.items():
        assert set(api["paths"][path]) == methods
    assert "input" in api["paths"]["/v1/actions/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"]


# ---- finding the route ----


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/actionsx", "/v1/actions/a/b", "/v1/actions/calls", "/v1/actions/calls/x/stream/y", "/v2/actions",
                                  "/lti/launch", "/v1/providers/1/x"])
def test_an_unknown_address_is_404(shared, path):
    method = "GET" if path != "/v1/actions/calls" else "PUT"
    answer = shared.request(method, path, shared.admin_key)
    assert answer.status in (404, 405)
    if answer.status == 404:
        problem(answer, 404, "not_found")


@pytest.mark.parametrize("method, path, allow", [
    ("POST", "/healthz", {"GET"}), ("GET", "/v1/actions/summarise_text", {"POST"}), ("DELETE", "/v1/actions", {"GET"}),
    ("POST", "/v1/policy", {"GET", "PUT", "DELETE"}), ("PUT", "/v1/providers", {"GET", "POST"}), ("PUT", "/v1/providers/1", {"GET", "PATCH", "DELETE"}),
    ("GET", "/v1/providers/order", {"PUT"}), ("DELETE", "/v1/placements/chat", {"GET", "PUT"}), ("BREW", "/v1/register", {"GET"})])
def test_another_method_is_405_with_the_allowed_ones(shared, method, path, allow):
    answer = shared.request(method, path, shared.admin_key)
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allow


# ---- who calls ----


def token(secret, claims, header=None):
    def part(v):
        return base64.urlsafe_b64encode(json.dumps(v).encode()).rstrip(b"=").decode()
    signed = part(header or {"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
    mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return signed + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def claims(**changes):
    now = int(time.time())
    c = {"iss": "lms", "aud": "lectern", "sub": "u1", "roles": ["student"], "iat": now, "exp": now + 86400}
    c.update(changes)
    return {k: v for k, v in c.items() if v is not None}


SECRET = "a shared secret of the test"


@pytest.fixture(scope="module")
def issuer(shared, tmp_path_factory):
    path = tmp_path_factory.mktemp("issuer") / "secret"
    path.write_text(SECRET + "\n")
    shared.cli("issuer", "set", "lms", "lectern", "--site", "demo", "--secret-file", path)
    wait_until(lambda: shared.request("GET", "/v1/actions", token(SECRET, claims())).status == 200, what="the new issuer")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer lk_wrong", "Bearer lk_" + "A" * 43, "Bearer x", "Bearer a.b.c",
                                           "JWT a.b.c", "Token x", "Bearer " + "x" * 9000])
def test_without_good_credentials_it_is_401(shared, authorization):
    answer = shared.request("GET", "/v1/actions", headers={"Authorization": authorization} if authorization is not None else {})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_refused_key_is_not_repeated(shared):
    answer = shared.request("GET", "/v1/actions", "lk_secretsecretsecret")
    assert b"secretsecret" not in answer.body and "secretsecret" not in shared.log()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "JWT"])
def test_a_good_token_is_taken_in_both_spellings(shared, issuer, scheme):
    assert shared.request("GET", "/v1/actions", headers={"Authorization": f"{scheme} {token(SECRET, claims())}"}).status == 200


def test_aud_may_be_a_list(shared, issuer):
    assert shared.request("GET", "/v1/actions", token(SECRET, claims(aud=["other", "lectern"]))).status == 200


@pytest.mark.parametrize("bad", [
    {"iss": "another"}, {"aud": "another"}, {"iss": None}, {"aud": None}, {"exp": 1}, {"exp": None}, {"sub": None}, {"sub": ""}, {"sub": "x" * 300},
    {"nbf": 4102444800}, {"exp": "tomorrow"}], ids=str)
def test_a_token_with_wrong_claims_is_401(shared, issuer, bad):
    problem(shared.request("GET", "/v1/actions", token(SECRET, claims(**bad))), 401, "unauthenticated")


def test_a_token_signed_otherwise_is_401(shared, issuer):
    problem(shared.request("GET", "/v1/actions", token("another secret of the test", claims())), 401, "unauthenticated")
    problem(shared.request("GET", "/v1/actions", token(SECRET, claims(), {"alg": "none"})), 401, "unauthenticated")


def test_no_token_can_claim_the_role_of_a_key(shared, issuer):
    problem(shared.request("GET", "/v1/policy", token(SECRET, claims(roles=["service"]))), 403, "permission_denied")


def test_a_token_for_one_course_works_in_that_course_alone(shared, issuer):
    key = token(SECRET, claims(course_id="c1"))
    shared.accept_policy(key)
    assert summarise(shared, key).status == 200
    assert summarise(shared, key, {"context": {"course_id": "c1"}}).status == 200
    problem(summarise(shared, key, {"context": {"course_id": "c2"}}), 403, "permission_denied", "/context/course_id")


def test_a_revoked_and_an_expired_key_are_401(shared):
    made = json.loads(shared.cli("--json", "key", "add", "--site", "demo", "--role", "service", "--name", "short"))["key"]
    wait_until(lambda: shared.request("GET", "/v1/actions", made).status == 200, what="the new key")
    shared.cli("key", "revoke", made[:9], "--site", "demo")
    wait_until(lambda: shared.request("GET", "/v1/actions", made).status == 401, what="the end of the key")
    made = json.loads(shared.cli("--json", "key", "add", "--site", "demo", "--role", "service", "--days", "1"))["key"]
    connection = connect(shared.data / "lectern.db", timeout=60)
    with connection:
        connection.execute("UPDATE site_key SET expires_at = 1 WHERE prefix = ?", (made[:9],))
        connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
    connection.close()
    shared.wait_for_config()
    problem(shared.request("GET", "/v1/actions", made), 401, "unauthenticated")


def test_a_metrics_key_reads_metrics_and_nothing_else(shared):
    key = json.loads(shared.cli("--json", "key", "add", "--site", "demo", "--role", "metrics"))["key"]
    wait_until(lambda: shared.request("GET", "/metrics", key).status == 200, what="the new key")
    problem(shared.request("GET", "/v1/actions", key), 403, "permission_denied")
    problem(summarise(shared, key), 403, "permission_denied")


def test_metrics_are_figures_and_need_permission(shared):
    problem(shared.request("GET", "/metrics"), 401, "unauthenticated")
    problem(shared.request("GET", "/metrics", shared.learner), 403, "permission_denied")
    lines = shared.request("GET", "/metrics", shared.admin_key).body.decode().splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    wait_until(lambda: shared.figure("lectern_calls_running") == 0, what="the end of the calls before")
    assert int(figures["lectern_store_commits_total"]) > 0
    assert int(figures['lectern_http_answers_total{class="2xx"}']) > 0


# ---- a service key speaks for a user ----


def test_a_service_key_names_the_user_in_the_body(shared):
    user = {"id": "anna", "roles": ["student"], "locale": "en"}
    problem(summarise(shared, shared.service_key, {"user": user}), 403, "policy_not_accepted")
    accepted = shared.request("PUT", "/v1/policy", shared.service_key, {"accepted": True, "version": "1", "user": user})
    assert accepted.json["accepted"] is True
    answer = summarise(shared, shared.service_key, {"user": user})
    assert answer.status == 200
    stored = shared.request("GET", f"/v1/register/{answer.json['id']}", shared.admin_key).json
    assert stored["user_id"] == "anna"


def test_and_in_the_query_of_get_and_delete(shared):
    path = "/v1/policy?user_id=bert%20b&role=student&role=teacher"
    assert shared.request("GET", path, shared.service_key).json["accepted"] is False
    shared.request("PUT", "/v1/policy", shared.service_key, {"accepted": True, "version": "1", "user": {"id": "bert b", "roles": ["student"]}})
    assert shared.request("GET", path, shared.service_key).json["accepted"] is True
    assert shared.request("DELETE", path, shared.service_key).json["accepted"] is False
    assert shared.request("GET", path, shared.service_key).json["accepted"] is False


def test_the_named_user_has_the_named_roles_and_no_more(shared):
    prompt = {"input": {"prompt": "x"}}
    for roles, status in ((["student"], 403), ([], 403), (["nobody"], 403)):
        answer = shared.request("POST", "/v1/actions/generate_text", shared.service_key, {**prompt, "user": {"id": "u", "roles": roles}})
        problem(answer, status, "permission_denied")


def test_a_users_token_names_nobody_else(shared):
    problem(summarise(shared, shared.learner, {"user": {"id": "other"}}), 403, "permission_denied", "/user")
    problem(shared.request("GET", "/v1/policy?user_id=other", shared.learner), 403, "permission_denied", "/user_id")


def test_a_key_that_names_nobody_cannot_accept_a_policy(shared):
    problem(shared.request("GET", "/v1/policy", shared.service_key), 400, "invalid_input", "/user_id")
    problem(shared.request("PUT", "/v1/policy", shared.service_key, {"accepted": True, "version": "1"}), 400, "invalid_input", "/user")
    problem(shared.request("DELETE", "/v1/policy", shared.service_key), 400, "invalid_input", "/user_id")


# ---- bodies ----


@pytest.mark.parametrize("body, code, field", [
    (b"", "invalid_json", None), (b"{", "invalid_json", None), (b"{}x", "invalid_json", None), (b'{"input":{},"input":{}}', "invalid_json", None),
    (b'{"input":{"text":"\xff"}}', "invalid_json", None), (b"[" * 5000, "invalid_json", None), (b"[]", "invalid_input", ""), (b"{}", "invalid_input", None),
    (b'{"input":1}', "invalid_input", "/input"), (b'{"input":{},"x":1}', "invalid_input", "/x"), (b'{"input":{}}', "invalid_input", None),
    (b'{"input":{"text":1}}', "invalid_input", "/input/text"), (b'{"input":{"text":""}}', "invalid_input", "/input/text"),
    (b'{"input":{"text":"t","more":1}}', "invalid_input", "/input/more"), (b'{"input":{"text":"t"},"stream":"yes"}', "invalid_input", "/stream"),
    (b'{"input":{"text":"t"},"context":{"placement":"nowhere"}}', "invalid_input", "/context/placement"),
    (b'{"input":{"text":"t"},"context":{"course":"c"}}', "invalid_input", "/context/course"),
    (b'{"input":{"text":"t"},"context":[]}', "invalid_input", "/context"), (b'{"input":{"text":"t"},"provider":""}', "invalid_input", "/provider"),
    (b'{"input":{"text":"t"},"user":{}}', "invalid_input", "/user"), (b'{"input":{"text":"t"},"user":{"id":""}}', "invalid_input", "/user/id")],
    ids=lambda v: repr(v)[:50])
def test_a_bad_body_is_400_and_says_where(shared, body, code, field):
    answer = shared.request("POST", "/v1/actions/summarise_text", shared.admin_key, body, {"Content-Type": "application/json"})
    got = problem(answer, 400, code)
    if field:
        assert got["field"].startswith(field), got


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json; charset=latin-1", None])
def test_another_content_type_is_415(shared, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = shared.request("POST", "/v1/actions/summarise_text", shared.learner, json.dumps({"input": {"text": TEXT}}).encode(), headers)
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", 'application/json;charset="UTF-8"'])
def test_json_in_utf8_is_taken_however_it_is_spelt(shared, content_type):
    body = json.dumps({"input": {"text": TEXT}}).encode()
    assert shared.request("POST", "/v1/actions/summarise_text", shared.learner, body, {"Content-Type": content_type}).status == 200


def test_a_body_above_the_limit_is_413_before_it_is_sent(shared):
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=60)
    connection.putrequest("POST", "/v1/actions/summarise_text")
    for name, value in (("Content-Type", "application/json"), ("Content-Length", str(8 * 1024 * 1024 + 1)), ("Authorization", f"Bearer {shared.learner}")):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "body_too_large")
    connection.close()


def test_small_routes_have_a_small_limit(shared):
    body = json.dumps({"accepted": True, "version": "1", "context": {"course_id": "x" * 300000}}).encode()
    problem(shared.request("PUT", "/v1/policy", shared.learner, body, {"Content-Type": "application/json"}), 413, "body_too_large")


# ---- actions ----


def test_actions_are_listed_with_schemas_and_why_not(shared):
    actions = {a["name"]: a for a in shared.request("GET", "/v1/actions?placement=course_assist", shared.learner).json["actions"]}
    assert {"generate_text", "summarise_text", "explain_text", "continue_conversation"} <= set(actions)
    assert actions["summarise_text"]["available"] is True and "reason" not in actions["summarise_text"]
    assert actions["summarise_text"]["input_schema"]["required"] == ["text"]
    assert actions["summarise_text"]["title"] and actions["summarise_text"]["description"] and actions["summarise_text"]["response_schema"]
    assert (actions["explain_text"]["available"], actions["explain_text"]["reason"]) == (False, "no_provider")
    assert actions["generate_text"]["reason"] == "permission_denied"
    assert actions["continue_conversation"]["reason"] == "placement_disabled"


def test_actions_of_an_unknown_placement_are_400(shared):
    problem(shared.request("GET", "/v1/actions?placement=nowhere", shared.learner), 400, "invalid_input", "/placement")


def test_a_learner_gets_an_answer_without_the_provider(shared):
    answer = summarise(shared, shared.learner, {"context": {"course_id": COURSE, "location_id": "plants", "placement": "course_assist"}})
    assert answer.status == 200
    body = answer.json
    assert body["action"] == "summarise_text" and body["success"] is True
    assert body["response"]["finish_reason"] == "stop" and body["response"]["generated_content"]
    assert set(body["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert RFC3339.match(body["created_at"]) and RFC3339.match(body["completed_at"])
    assert not {"provider", "model", "attempts", "cost"} & set(body)
    uuid.UUID(body["id"])


def test_a_key_gets_it_with_the_provider(shared):
    body = summarise(shared, shared.admin_key).json
    assert body["provider"] == {"id": body["provider"]["id"], "name": "extract", "plugin": "extract"}
    assert body["attempts"][0]["provider"] == "extract" and body["attempts"][0]["success"] is True
    assert body["attempts"][0]["duration_ms"] >= 0 and body["attempts"][0]["code"] == "ok"


def test_an_unknown_action_is_404(shared):
    answer = shared.request("POST", "/v1/actions/write_poem", shared.learner, {"input": {}})
    assert problem(answer, 404, "unknown_action")["id"]


def test_choosing_a_provider_needs_permission(shared):
    problem(summarise(shared, shared.learner, {"provider": "extract"}), 403, "permission_denied", "/provider")
    assert summarise(shared, shared.admin_key, {"provider": "extract"}).json["provider"]["name"] == "extract"
    problem(summarise(shared, shared.admin_key, {"provider": "nobody"}), 503, "no_provider")


def test_an_action_that_no_provider_serves_is_503_and_calm_to_learners(shared):
    answer = shared.request("POST", "/v1/actions/explain_text", shared.learner, {"input": {"text": TEXT}})
    body = problem(answer, 503, "no_provider")
    assert body["detail"] == body["title"] and body["id"]


# ---- the policy ----


def test_without_the_policy_nothing_works_and_with_it_everything(daemon):
    refused = problem(summarise(daemon, daemon.learner), 403, "policy_not_accepted")
    wait_until(lambda: daemon.request("GET", f"/v1/register/{refused['id']}", daemon.admin_key).json.get("state") == "refused", what="the record")
    policy = daemon.request("GET", "/v1/policy", daemon.learner).json
    assert policy["accepted"] is False and policy["version"] == "1" and len(policy["text"]) > 200 and "accepted_at" not in policy
    problem(daemon.request("PUT", "/v1/policy", daemon.learner, {"accepted": True, "version": "0"}), 409, "conflict", "/version")
    problem(daemon.request("PUT", "/v1/policy", daemon.learner, {"accepted": False, "version": "1"}), 400, "invalid_input", "/accepted")
    problem(daemon.request("PUT", "/v1/policy", daemon.learner, {"accepted": True}), 400, "invalid_input")
    for _ in range(2):  # idempotent
        accepted = daemon.request("PUT", "/v1/policy", daemon.learner, {"accepted": True, "version": "1", "context": {"course_id": COURSE}})
        assert accepted.status == 200 and accepted.json["accepted"] is True and RFC3339.match(accepted.json["accepted_at"])
    assert summarise(daemon, daemon.learner).status == 200
    assert daemon.request("DELETE", "/v1/policy", daemon.learner).json["accepted"] is False
    problem(summarise(daemon, daemon.learner), 403, "policy_not_accepted")


# ---- streams and calls ----


def test_a_stream_starts_shows_text_and_is_done(shared):
    events = shared.stream("POST", "/v1/actions/summarise_text", shared.learner, {"input": {"text": TEXT}, "stream": True})
    kinds = [e.kind for e in events]
    assert kinds[0] == "start" and kinds[-1] == "done" and set(kinds[1:-1]) == {"delta"}
    assert [e.id for e in events] == list(range(1, len(events) + 1))
    assert events[-1].data["id"] == events[0].data["id"]
    assert "".join(e.data["text"] for e in events[1:-1]) == events[-1].data["response"]["generated_content"]
    assert "provider" not in events[-1].data


def test_accept_asks_for_a_stream_too_and_the_body_decides(shared):
    headers = {"Accept": "text/event-stream"}
    assert shared.stream("POST", "/v1/actions/summarise_text", shared.learner, {"input": {"text": TEXT}}, headers)[-1].kind == "done"
    assert summarise(shared, shared.learner, {"stream": False}, headers=headers).headers["Content-Type"] == "application/json"


def test_a_refusal_before_the_stream_has_its_status(shared):
    answer = shared.request("POST", "/v1/actions/explain_text", shared.learner, {"input": {"text": 1}, "stream": True})
    problem(answer, 400, "invalid_input", "/input/text")


def test_a_call_can_be_read_later_by_its_user_and_by_admins_alone(shared):
    call = summarise(shared, shared.learner).json
    path = f"/v1/actions/calls/{call['id']}"
    stored = shared.request("GET", path, shared.learner).json
    assert stored["state"] == "completed" and stored["success"] is True
    for member in ("id", "action", "response", "usage", "created_at", "completed_at"):
        assert stored[member] == call[member]
    assert "provider" not in stored and "attempts" not in stored
    assert shared.request("GET", path, shared.admin_key).json["provider"]["name"] == "extract"
    assert shared.request("GET", path, shared.service_key).status == 200
    problem(shared.request("GET", path, shared.teacher), 404, "not_found")
    problem(shared.request("GET", path + "?user_id=other&role=student", shared.service_key), 404, "not_found")


@pytest.mark.parametrize("call", ["1", "nonsense", "d076ff06-6f0a-4667-8f9e-b5a544a84c9b"])
@pytest.mark.parametrize("method, tail", [("GET", ""), ("DELETE", ""), ("GET", "/stream")])
def test_a_call_that_is_not_there_is_404(shared, call, method, tail):
    problem(shared.request(method, f"/v1/actions/calls/{call}{tail}", shared.learner), 404, "not_found")


def test_cancelling_what_has_ended_changes_nothing(shared):
    call = summarise(shared, shared.learner).json["id"]
    answer = shared.request("DELETE", f"/v1/actions/calls/{call}", shared.learner)
    assert answer.json == {"id": call, "cancelled": False, "state": "completed"}


def test_a_stream_can_be_read_again_after_its_end(shared):
    events = shared.stream("POST", "/v1/actions/summarise_text", shared.learner, {"input": {"text": TEXT}, "stream": True})
    path = f"/v1/actions/calls/{events[0].data['id']}/stream"
    again = shared.stream("GET", path, shared.learner)
    assert [(e.id, e.kind, e.data) for e in again] == [(e.id, e.kind, e.data) for e in events]
    rest = shared.stream("GET", path, shared.learner, headers={"Last-Event-ID": "2"})
    assert [e.id for e in rest] == [e.id for e in events[2:]]
    problem(shared.request("GET", path, shared.teacher), 404, "not_found")
    problem(shared.request("GET", path, shared.learner, headers={"Last-Event-ID": "two"}), 400, "invalid_input")


def test_the_stream_of_a_json_call_comes_from_the_register(shared):
    call = summarise(shared, shared.learner).json
    events = shared.stream("GET", f"/v1/actions/calls/{call['id']}/stream", shared.learner)
    assert [e.kind for e in events] == ["start", "done"]
    assert events[1].data["response"] == call["response"]
    later = shared.stream("GET", f"/v1/actions/calls/{call['id']}/stream", shared.learner, headers={"Last-Event-ID": "7"})
    assert [(e.id, e.kind) for e in later] == [(8, "done")]


def start_stream(daemon, key, action="generate_text", body=None):
    """A streamed call that runs: its connection, its events as they come, its id."""
    connection, response = daemon.open("POST", f"/v1/actions/{action}", key, {"input": {"prompt": "hello"}, "stream": True, **(body or {})})
    assert response.status == 200, response.read()
    events = read_events(response)
    return connection, events, next(events).data["id"]


def test_a_running_stream_is_followed_from_another_connection(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "chunks?n=20&delay_ms=60"
    connection, events, call = start_stream(daemon, daemon.admin_key)
    first = [next(events) for _ in range(3)]
    followers = [daemon.stream("GET", f"/v1/actions/calls/{call}/stream", daemon.admin_key, headers={"Last-Event-ID": str(n)}) for n in (0, 3)]
    whole = [1, *(e.id for e in first), *(e.id for e in events)]
    assert [e.id for e in followers[0]] == whole and followers[0][-1].kind == "done"
    assert [e.id for e in followers[1]] == whole[3:]
    connection.close()


def test_a_client_that_left_can_come_back_and_loses_nothing(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "chunks?n=20&delay_ms=60"
    connection, events, call = start_stream(daemon, daemon.admin_key)
    seen = [next(events) for _ in range(4)]
    connection.sock.close() if connection.sock else None
    connection.close()
    time.sleep(0.3)
    rest = daemon.stream("GET", f"/v1/actions/calls/{call}/stream", daemon.admin_key, headers={"Last-Event-ID": str(seen[-1].id)})
    assert rest[0].id == seen[-1].id + 1 and rest[-1].kind == "done"
    text = "".join(e.data["text"] for e in seen + rest[:-1])
    assert text == rest[-1].data["response"]["generated_content"]


def test_delete_cancels_a_stream_and_its_upstream(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "endless?delay_ms=30"
    connection, events, call = start_stream(daemon, daemon.admin_key)
    next(events)
    problem(daemon.request("DELETE", f"/v1/actions/calls/{call}", daemon.learner), 404, "not_found")
    answer = daemon.request("DELETE", f"/v1/actions/calls/{call}", daemon.admin_key)
    assert answer.json == {"id": call, "cancelled": True, "state": "cancelling"}
    last = list(events)[-1]
    assert (last.kind, last.data["code"], last.data["id"]) == ("error", "cancelled", call)
    assert upstream.wait_for(lambda r: r["closed_at"])
    stored = daemon.request("GET", f"/v1/actions/calls/{call}", daemon.admin_key).json
    assert stored["state"] == "cancelled" and stored["partial"] and stored["error"]["code"] == "cancelled"
    connection.close()


# ---- vendors that fail ----


@pytest.mark.parametrize("scenario, status, code", [
    ("status?code=500", 502, "upstream_unavailable"), ("401", 502, "upstream_unauthorized"), ("404", 502, "upstream_not_found"),
    ("429", 429, "upstream_rate_limited"), ("html", 502, "upstream_unavailable"), ("wrong_json", 502, "upstream_invalid"),
    ("close", 502, "upstream_unavailable"), ("context_window", 400, "context_window_exceeded")])
def test_a_vendors_failure_has_its_status_and_the_calls_id(daemon, upstream, scenario, status, code):
    add_vendor(daemon, upstream)
    upstream.default = scenario
    answer = daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "hello"}})
    body = problem(answer, status, code)
    stored = daemon.request("GET", f"/v1/register/{body['id']}", daemon.admin_key).json
    assert stored["state"] == "failed" and stored["code"] == code and stored["attempts"][0]["provider"] == "vendor"
    assert b"test-key-123" not in answer.body
    if code == "upstream_rate_limited":
        assert answer.headers["Retry-After"] == "7" and body["retry_after"] == 7


def test_learners_are_not_told_the_vendors_words(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "status?code=500&message=internal+vendor+words"
    daemon.accept_policy(daemon.learner)
    asked = {"input": {"text": TEXT}}
    calm = problem(daemon.request("POST", "/v1/actions/explain_text", daemon.learner, asked), 502, "upstream_unavailable")
    assert "vendor words" not in json.dumps(calm) and calm["detail"] == calm["title"]
    real = problem(daemon.request("POST", "/v1/actions/explain_text", daemon.admin_key, asked), 502, "upstream_unavailable")
    assert "internal vendor words" in real["detail"]


def test_the_next_instance_answers_when_the_first_fails(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "503"
    body = summarise(daemon, daemon.admin_key).json
    assert body["success"] is True and body["provider"]["name"] == "extract"
    assert [(a["provider"], a["success"]) for a in body["attempts"]] == [("vendor", False), ("extract", True)]


def test_a_failure_in_a_stream_is_an_error_event(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "error_mid?n=2"
    events = daemon.stream("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "hello"}, "stream": True})
    assert events[0].kind == "start" and events[-1].kind == "error"
    assert events[-1].data["id"] == events[0].data["id"] and events[-1].data["code"].startswith("upstream_")


def test_reasoning_is_not_shown(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "think"
    events = daemon.stream("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "hello"}, "stream": True})
    shown = "".join(e.data["text"] for e in events if e.kind == "delta")
    assert events[-1].kind == "done" and shown == events[-1].data["response"]["generated_content"] and "think" not in shown


# ---- providers ----

PROVIDER_PATHS = [("GET", "/v1/provider-plugins", None), ("GET", "/v1/providers", None), ("POST", "/v1/providers", {"name": "n", "plugin": "extract"}),
                  ("GET", "/v1/providers/extract", None), ("PATCH", "/v1/providers/extract", {"enabled": True}), ("DELETE", "/v1/providers/extract", None),
                  ("PUT", "/v1/providers/order", {"ids": []}), ("PUT", "/v1/placements/chat", {"enabled": True}), ("GET", "/v1/register", None),
                  ("GET", "/v1/switches", None), ("PUT", "/v1/switches", {"course_id": "c", "enabled": False}),
                  ("GET", "/v1/register/d076ff06-6f0a-4667-8f9e-b5a544a84c9b", None)]


@pytest.mark.parametrize("method, path, body", PROVIDER_PATHS)
def test_learners_and_back_ends_administer_nothing(shared, method, path, body):
    problem(shared.request(method, path, shared.learner, body), 403, "permission_denied")
    problem(shared.request(method, path, shared.service_key, body), 403, "permission_denied")
    problem(shared.request(method, path, None, body), 401, "unauthenticated")


def test_plugins_say_what_they_need_and_serve(shared):
    plugins = {p["name"]: p for p in shared.request("GET", "/v1/provider-plugins", shared.admin_key).json["plugins"]}
    assert plugins["openai"]["settings_schema"]["properties"]["api_key"]["writeOnly"] is True
    assert plugins["extract"]["serves"] == ["summarise_text"]
    assert "generate_text" in plugins["openai"]["serves"]


def test_an_instance_is_made_changed_ordered_and_removed(daemon):
    key, secret = daemon.admin_key, "sk-very-secret-0001"
    made = daemon.request("POST", "/v1/providers", key, {
        "name": "writer", "plugin": "openai", "config": {"endpoint": "http://127.0.0.1:9/v1", "api_key": secret, "model": "m"}})
    assert made.status == 201 and made.json["name"] == "writer" and made.json["configured"] is True and made.json["enabled"] is True
    assert secret.encode() not in made.body and "api_key" not in made.json["config"]
    identity = made.json["id"]
    changed = daemon.request("PATCH", f"/v1/providers/{identity}", key, {
        "enabled": False, "config": {"model": "m2"}, "actions": {"generate_text": {"settings": {"temperature": 0.5}}}})
    assert changed.status == 200 and changed.json["enabled"] is False and changed.json["config"]["model"] == "m2"
    assert changed.json["actions"]["generate_text"]["settings"]["temperature"] == 0.5
    connection = connect(daemon.data / "lectern.db")
    stored = connection.execute("SELECT config FROM provider_instance WHERE name = 'writer'").fetchone()[0]
    assert "sealed:1:" in json.loads(stored)["api_key"] and secret not in stored, "a secret that was not sent is gone, or lies in clear"
    connection.close()
    assert [p["name"] for p in daemon.request("PUT", "/v1/providers/order", key, {"ids": [identity]}).json["providers"]] == ["writer", "extract"]
    assert [p["name"] for p in daemon.request("GET", "/v1/providers", key).json["providers"]] == ["writer", "extract"]
    assert daemon.request("GET", "/v1/providers/writer", key).json["id"] == identity
    assert daemon.request("DELETE", "/v1/providers/writer", key).status == 204
    problem(daemon.request("GET", f"/v1/providers/{identity}", key), 404, "not_found")
    assert secret not in daemon.log()


@pytest.mark.parametrize("method, path, body, status, code", [
    ("POST", "/v1/providers", {}, 400, "invalid_input"), ("POST", "/v1/providers", {"name": "a", "plugin": "none"}, 400, "invalid_input"),
    ("POST", "/v1/providers", {"name": "extract", "plugin": "extract"}, 409, "conflict"),
    ("POST", "/v1/providers", {"name": "a", "plugin": "extract", "config": {"nope": 1}}, 400, "invalid_input"),
    ("POST", "/v1/providers", {"name": "a", "plugin": "openai", "config": {"endpoint": 7}}, 400, "invalid_input"),
    ("POST", "/v1/providers", {"name": "a", "plugin": "extract", "x": 1}, 400, "invalid_input"),
    ("PATCH", "/v1/providers/extract", {}, 400, "invalid_input"), ("PATCH", "/v1/providers/extract", {"plugin": "openai"}, 400, "invalid_input"),
    ("PATCH", "/v1/providers/nobody", {"enabled": True}, 404, "not_found"), ("DELETE", "/v1/providers/nobody", None, 404, "not_found"),
    ("PUT", "/v1/providers/order", {"ids": ["nobody"]}, 404, "not_found"), ("PUT", "/v1/providers/order", {"ids": [1, 1]}, 400, "invalid_input"),
    ("PUT", "/v1/providers/order", {"ids": 1}, 400, "invalid_input"), ("GET", "/v1/providers?action=nothing", None, 404, "unknown_action")],
    ids=lambda v: str(v)[:40])
def test_bad_input_to_providers_saves_nothing(shared, method, path, body, status, code):
    before = shared.request("GET", "/v1/providers", shared.admin_key).body
    answer = shared.request(method, path, shared.admin_key, body)
    assert answer.status in (status, 400) and answer.json["code"] in (code, "invalid_input"), answer
    assert shared.request("GET", "/v1/providers", shared.admin_key).body == before


def test_candidates_come_in_order_with_reasons(daemon, upstream):
    add_vendor(daemon, upstream)
    daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "off", "plugin": "openai", "enabled": False})
    found = daemon.request("GET", "/v1/providers?action=generate_text", daemon.admin_key).json["providers"]
    assert [(p["name"], p["eligible"]) for p in found] == [("vendor", True), ("extract", False), ("off", False)]
    assert found[0]["excluded_because"] is None and "does not serve" in found[1]["excluded_because"] and "disabled" in found[2]["excluded_because"]
    only = daemon.request("GET", "/v1/providers?action=generate_text&enabled=true", daemon.admin_key).json["providers"]
    assert [p["name"] for p in only] == ["vendor"]


# ---- placements and switches ----


def test_placements_are_listed_and_switched(daemon):
    daemon.accept_policy(daemon.learner)
    placements = {p["name"]: p for p in daemon.request("GET", "/v1/placements", daemon.learner).json["placements"]}
    assert set(placements) == {"course_assist", "editor", "chat", "grading", "author", "openedx_widget"}
    assert placements["course_assist"]["enabled"] is True and {"name": "summarise_text", "enabled": True} in placements["course_assist"]["actions"]
    here = {"context": {"placement": "course_assist"}}
    path = "/v1/placements/course_assist"
    changed = daemon.request("PUT", path, daemon.admin_key, {"actions": {"summarise_text": False}})
    assert {"name": "summarise_text", "enabled": False} in changed.json["actions"] and changed.json["enabled"] is True
    problem(summarise(daemon, daemon.learner, here), 403, "placement_disabled")
    assert summarise(daemon, daemon.learner).status == 200, "only this placement is meant"
    daemon.request("PUT", path, daemon.admin_key, {"actions": {"summarise_text": True}, "enabled": False})
    problem(summarise(daemon, daemon.learner, here), 403, "placement_disabled")
    assert daemon.request("PUT", path, daemon.admin_key, {"enabled": True}).json == daemon.request("GET", path, daemon.admin_key).json
    assert summarise(daemon, daemon.learner, here).status == 200


@pytest.mark.parametrize("path, body, status, code", [
    ("/v1/placements/nowhere", {"enabled": True}, 404, "not_found"), ("/v1/placements/chat", {}, 400, "invalid_input"),
    ("/v1/placements/chat", {"enabled": "no"}, 400, "invalid_input"), ("/v1/placements/chat", {"enabled": False, "actions": {"summarise_text": False}}, 400, "invalid_input"),
    ("/v1/placements/chat", {"actions": {"continue_conversation": 1}}, 400, "invalid_input")], ids=lambda v: str(v)[:40])
def test_bad_input_to_placements_saves_nothing(shared, path, body, status, code):
    before = shared.request("GET", "/v1/placements", shared.admin_key).body
    problem(shared.request("PUT", path, shared.admin_key, body), status, code)
    assert shared.request("GET", "/v1/placements", shared.admin_key).body == before


def test_a_teacher_switches_a_course_and_a_place_in_it(daemon):
    daemon.accept_policy(daemon.learner)

    def ask(course, location=None):
        return summarise(daemon, daemon.learner, {"context": {"course_id": course, **({"location_id": location} if location else {})}})

    def switch(**body):
        answer = daemon.request("PUT", "/v1/switches", daemon.teacher, body)
        assert answer.status == 200, answer
        return answer.json["switches"]

    rows = [{k: v for k, v in row.items() if k != "id"} for row in switch(course_id="c1", enabled=False)]
    assert rows == [{"course_id": "c1", "location_id": "", "action": "", "enabled": False, "until": None, "expired": False}]
    problem(ask("c1"), 403, "course_disabled", "/context/course_id")
    assert ask("c2").status == 200
    switch(course_id="c1", enabled=True)
    switch(course_id="c1", location_id="l1", action="summarise_text", enabled=False)
    problem(ask("c1", "l1"), 403, "course_disabled", "/context/location_id")
    assert ask("c1", "l2").status == 200
    switch(course_id="c1", location_id="l1", action="summarise_text", enabled=None)
    assert ask("c1", "l1").status == 200
    assert [s["enabled"] for s in daemon.request("GET", "/v1/switches?course_id=c1", daemon.teacher).json["switches"]] == [True]
    assert daemon.request("GET", "/v1/switches?course_id=c9", daemon.teacher).json["switches"] == []


@pytest.mark.parametrize("body", [{}, {"course_id": "c"}, {"course_id": "", "enabled": True}, {"course_id": "c", "enabled": 1},
                                  {"course_id": "c", "enabled": True, "action": "nothing"}, {"course_id": "c", "enabled": True, "x": 1}], ids=str)
def test_bad_input_to_switches_saves_nothing(shared, body):
    problem(shared.request("PUT", "/v1/switches", shared.admin_key, body), 400, "invalid_input")
    assert shared.request("GET", "/v1/switches", shared.admin_key).json["switches"] == []


# ---- the register ----


def test_the_register_is_read_in_pages_newest_first(daemon):
    daemon.accept_policy(daemon.learner)
    made = [summarise(daemon, daemon.learner, {"context": {"course_id": f"c{i % 2}"}}).json["id"] for i in range(5)]
    first = daemon.request("GET", "/v1/register?limit=3", daemon.admin_key).json
    second = daemon.request("GET", f"/v1/register?limit=3&before={first['next']}", daemon.admin_key).json
    assert [c["id"] for c in first["calls"] + second["calls"]] == made[::-1] and second["next"] is None
    assert len(daemon.request("GET", "/v1/register?course_id=c0", daemon.admin_key).json["calls"]) == 3
    assert len(daemon.request("GET", "/v1/register?user=demo-learner&state=completed&action=summarise_text", daemon.admin_key).json["calls"]) == 5
    assert daemon.request("GET", "/v1/register?user=nobody", daemon.admin_key).json["calls"] == []
    whole = daemon.request("GET", f"/v1/register/{made[0]}", daemon.admin_key).json
    assert whole["content"]["generatedcontent"] and TEXT[:40] in whole["content"]["prompt"] and whole["attempts"][0]["success"] is True


@pytest.mark.parametrize("query, field", [("limit=0", "/limit"), ("limit=1001", "/limit"), ("limit=x", "/limit"), ("before=x", "/before"), ("state=x", "/state")])
def test_bad_filters_of_the_register_are_400(shared, query, field):
    problem(shared.request("GET", f"/v1/register?{query}", shared.admin_key), 400, "invalid_input", field)


# ---- the demo course ----


def test_the_demo_course_has_its_pages_and_a_token_in_them(shared):
    index = shared.request("GET", "/demo/").body.decode()
    units = re.findall(r'href="(/demo/units/[^"]+)"', index)
    assert len(units) >= 8 and "{{" not in index
    for path in units:
        page = shared.request("GET", path)
        assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8" and page.headers["Cache-Control"] == "no-store"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"] and "{{" not in page.body.decode()
    found = re.search(r'name="lectern-token" content="([^"]+)"', page.body.decode()).group(1)
    body = json.loads(base64.urlsafe_b64decode(found.split(".")[1] + "=="))
    assert 3500 <= body["exp"] - time.time() <= 3600 and (body["sub"], body["roles"]) == ("demo-learner", ["student"])
    assert shared.request("GET", "/v1/policy", found).json["accepted"] is True


@pytest.mark.parametrize("role, user, of_lms, tags", [("", "demo-learner", "student", ["chat", "flashcards", "slot"]),
                                                      ("learner", "demo-learner", "student", ["chat", "flashcards", "slot"]),
                                                      ("teacher", "demo-teacher", "teacher", ["grading"]),
                                                      ("author", "demo-author", "editingteacher", ["editor-tools", "questions"])])
def test_the_demo_shows_each_role_its_own_tools_and_keeps_the_role_in_its_links(shared, role, user, of_lms, tags):
    page = shared.request("GET", f"/demo/units/plants?role={role}").body.decode()
    token = re.search(r'name="lectern-token" content="([^"]+)"', page).group(1)
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["sub"], claims["roles"]) == (user, [of_lms])
    assert shared.request("GET", "/v1/roles/mine", token).json["roles"] == [of_lms]
    assert set(re.findall(r"<lectern-([\w-]+)", page)) == {"assist", *tags} and "{{" not in page
    assert re.findall(r'href="\?role=(\w+)"( aria-current="true")?', page) == [
        (each, ' aria-current="true"' if each == (role or "learner") else "") for each in ("learner", "teacher", "author")]
    query = f"?role={role}" if role in ("teacher", "author") else ""
    for text in (page, shared.request("GET", f"/demo/?role={role}").body.decode()):
        links = re.findall(r'href="/demo/((?:units/[\w-]+)?)(\?[^"]*)?"', text)
        assert len(links) >= 9 and {rest for _, rest in links} == {query}


@pytest.mark.parametrize("role", ["admin", "manager", "Learner", "author%20", "%22%3E%3Cscript%3E", "x" * 2000])
def test_the_demo_has_no_other_roles(shared, role):
    for path in ("/demo/", "/demo/units/plants"):
        answer = shared.request("GET", f"{path}?role={role}")
        problem(answer, 400, "invalid_input", "/role")
        assert b"script" not in answer.body


@pytest.mark.parametrize("path", ["/demo/units/none", "/demo/static/none.css", "/demo/static/../course.json", "/demo/static/..%2f..%2fREADME.md", "/demo/static/%2e%2e/README.md",
                                  "/demo/static/.git", "/demo/static//etc/passwd", "/demo/static/%2fetc%2fpasswd", "/demo/static/images", "/demo/static/a%00b",
                                  "/widgets/../../README.md", "/widgets/none.js", "/demo/static/"])
def test_files_outside_are_not_served(shared, path):
    problem(shared.request("GET", path), 404, "not_found")


def test_static_files_are_revalidated_by_their_tag(shared):
    answer = shared.request("GET", "/demo/static/style.css")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/css") and answer.headers["Cache-Control"] == "no-cache"
    again = shared.request("GET", "/demo/static/style.css", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_the_demo_answers_to_loopback_names_alone(shared):
    assert shared.request("GET", "/demo/units/plants", headers={"Host": f"localhost:{shared.port}"}).status == 200
    for path in ("/demo/units/plants", "/demo/units/plants?role=author", "/demo/?role=author"):
        problem(shared.request("GET", path, headers={"Host": "attacker.example"}), 403, "permission_denied")
        assert "Access-Control-Allow-Origin" not in shared.request("GET", path, headers={"Origin": "https://attacker.example"}).headers

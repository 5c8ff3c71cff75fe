"""The Open edX door /openedx-ai-extensions/v1/ against the real daemon: one test for each statement about its REST API."""
import base64
import datetime
import hashlib
import hmac
import json
import socket
import time
import urllib.parse
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect

pytestmark = pytest.mark.usefixtures("as_before")
DOOR = "/openedx-ai-extensions/v1/"
COURSE = "course-v1:Org+Course+Run"
OTHER_COURSE = "course-v1:Org+Other+Run"
UNIT = "block-v1:Org+Course+Run+type@vertical+block@u1"
SECRET = "a shared secret of the door's test"
MARK = '||{"error_in_stream":'
ADMIN = {"administrator": True}


# ---- who calls ----

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(user="learner", **claims):
    now = int(time.time())
    body = {"iss": "lms", "aud": "openedx", "sub": user, "iat": now, "exp": now + 86400, **claims}
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + b64(json.dumps(body).encode())
    return head + "." + b64(hmac.new(SECRET.encode(), head.encode(), hashlib.sha256).digest())


def door_path(path, context=None):
    if context is None:
        return DOOR + path
    return DOOR + path + "?" + urllib.parse.urlencode({"context": context if isinstance(context, str) else json.dumps(context)})


def call(site, method, path, context=None, body=None, token=None, headers=None):
    """One request as the UI sends it; token "" sends none."""
    signed = {} if token == "" else {"Authorization": f"JWT {token or site.jwt}"}
    answer = site.request(method, door_path(path, context), None, body, {**signed, **(headers or {})})
    assert len(answer.headers["X-Request-Id"]) == 36
    return answer


def slot(name, course=COURSE, unit=UNIT):
    return {"courseId": course, "locationId": unit, "uiSlotSelectorId": name}


def run(site, name, user_input="Why?", token=None, **more):
    """POST workflows/ in the slot of that name."""
    return call(site, "POST", "workflows/", slot(name), {"action": "run", "user_input": user_input, **more}, token)


def is_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None


def refused(answer, status, code):
    """The error body, whatever went wrong; its message."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert set(body) == {"error", "status", "timestamp"} | ({"detail"} if status in (401, 403) else set())
    assert set(body["error"]) == {"code", "message"} and body["error"]["code"] == code, body
    assert body["status"] == "error" and is_time(body["timestamp"])
    message = body["error"]["message"]
    if code == "validation_error":
        assert isinstance(message, list) and message and all(isinstance(m, str) and m for m in message)
    else:
        assert isinstance(message, str) and message
    if "detail" in body:
        assert body["detail"] == (message[0] if isinstance(message, list) else message)
    return message


# ---- the site ----

def add_profile(daemon, slug, base="base/blank.json5", patch=None, scope=True, key=None, **scope_members):
    key = key or daemon.admin_key
    made = daemon.request("POST", "/v1/profiles", key, {"slug": slug, "base_filepath": base, "content_patch": patch or {}})
    assert made.status == 201, made
    if scope:
        body = {"profile_id": slug, "course_id": COURSE, "ui_slot_selector_id": slug, **scope_members}
        assert daemon.request("POST", "/v1/scopes", key, body).status == 201


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    folder = tmp_path_factory.mktemp("door")
    d = Daemon(folder / "data")
    (folder / "secret").write_text(SECRET)
    d.cli("issuer", "set", "lms", "openedx", "--site", "demo", "--secret-file", folder / "secret")
    d.cli("site", "set", "demo", "--json-patch", '{"cms_hosts": ["studio.example.org"]}')
    d.cli("role", "add", "course-teacher", "teacher", "--site", "demo", "--course", COURSE)
    d.cli("role", "add", "site-manager", "manager", "--site", "demo")
    add_vendor(d, service)
    streamed = {"processor_config": {"LLMProcessor": {"stream": True}}}
    add_profile(d, "mock", "mock/mock.json5")
    add_profile(d, "mock-stream", "mock/mock_streaming.json5")
    add_profile(d, "ask")
    add_profile(d, "ask-stream", patch=streamed)
    add_profile(d, "studio", "mock/mock.json5", service_variant="cms")
    add_profile(d, "everywhere", "mock/mock.json5", course_id=None)
    add_profile(d, "this-unit", "mock/mock.json5", location_regex="block@u1$")
    d.jwt = jwt()
    wait_until(lambda: d.request("GET", DOOR + "profile/", None, None, {"Authorization": f"JWT {d.jwt}"}).status == 200, what="the issuer")
    yield d
    check_end(d)


@pytest.fixture()
def setting(site):
    """setting("key=value", back="key=old"): a setting of the site for one test; seen by the daemon when it returns."""
    undo = []

    def set_it(change, back, seen):
        undo.append(back)
        site.cli("site", "set", "demo", change)
        wait_until(seen, what=f"the setting {change}")

    yield set_it
    for back in undo:
        site.cli("site", "set", "demo", back)


# ---- context ----

@pytest.mark.parametrize("course", ["courseId", "course_id"])
@pytest.mark.parametrize("location", ["locationId", "location_id"])
@pytest.mark.parametrize("selector", ["uiSlotSelectorId", "ui_slot_selector_id"])
def test_context_travels_as_json_in_the_query_in_both_spellings_of_each_key(site, course, location, selector):
    answer = call(site, "GET", "profile/", {course: COURSE, location: UNIT, selector: "this-unit"})
    assert (answer.status, answer.json["course_id"]) == (200, COURSE)
    wrong = {course: COURSE, location: UNIT.replace("u1", "u2"), selector: "this-unit"}
    assert call(site, "GET", "profile/", wrong).json["status"] == "no_config"


@pytest.mark.parametrize("key", ["serviceVariant", "service_variant"])
def test_the_service_variant_of_the_context_counts_on_profiles(site, key):
    def slugs(**more):
        return {p["slug"] for p in call(site, "GET", "profiles/", {"courseId": COURSE, **more}, token=jwt("boss", **ADMIN)).json["profiles"]}
    assert "studio" in slugs() and "mock" in slugs()
    assert "studio" in slugs(**{key: "cms"}) and "mock" not in slugs(**{key: "cms"})
    assert "studio" not in slugs(**{key: "lms"}) and "mock" in slugs(**{key: "lms"})


def test_elsewhere_the_service_variant_is_that_of_the_host_that_was_asked(site):
    def shown(name, host, variant):
        return "ui_components" in call(site, "GET", "profile/", {**slot(name), "serviceVariant": variant}, headers={"Host": host}).json
    assert shown("studio", "studio.example.org", "lms") and not shown("studio", "lms.example.org", "cms")
    assert shown("mock", "lms.example.org", "cms") and not shown("mock", "studio.example.org", "lms")


@pytest.mark.parametrize("context", [
    {"courseId": "course-v1:Org+Course"}, {"course_id": "Course"}, {"courseId": "course-v1:O/x+C+R"}, {"courseId": UNIT}, {"courseId": 5},
    {"locationId": "block-v1:Org+Course+Run+type@vertical"}, {"location_id": "u1"}, {"locationId": COURSE}, {"courseId": "x" * 300},
    {"courseId": COURSE, "course_id": OTHER_COURSE}, [], "text", "{", '{"courseId":', '{"a":1,"a":2}'])
@pytest.mark.parametrize("method,path", [("POST", "workflows/"), ("GET", "profile/"), ("GET", "profiles/"), ("GET", "prompts/x/")])
def test_keys_are_validated_as_opaque_keys(site, method, path, context):
    body = {"action": "run"} if method == "POST" else None
    message = refused(call(site, method, path, context, body, jwt("boss", **ADMIN)), 400, "validation_error")
    assert message[0].startswith("context")


@pytest.mark.parametrize("course", [COURSE, "Org/Course/Run", "course-v1:Org+Cours-é.~+R_1", "library-v1:Org+Lib"])
def test_every_kind_of_course_key_is_taken(site, course):
    assert call(site, "GET", "profile/", {"courseId": course, "uiSlotSelectorId": "everywhere"}).json["course_id"] == course


@pytest.mark.parametrize("location,course", [
    (UNIT, COURSE), ("block-v1:Org+Course+Run+branch@draft-branch+type@html+block@h", COURSE),
    ("lb:Org:Lib:problem:p1", "lib:Org:Lib"), ("lib-block-v1:Org+Lib+type@problem+block@p1", "library-v1:Org+Lib"),
    ("i4x://Org/Course/html/h", None)])
def test_a_location_without_a_course_means_that_of_its_key(site, location, course):
    answer = call(site, "GET", "profile/", {"locationId": location, "uiSlotSelectorId": "everywhere"})
    assert (answer.status, answer.json["course_id"]) == (200, course)


def test_a_token_for_one_course_means_that_course_and_no_other(site):
    bound = jwt("bound", course_id=COURSE, roles=["teacher"])
    assert call(site, "GET", "profile/", {"uiSlotSelectorId": "mock"}, token=bound).json["course_id"] == COURSE
    elsewhere = {"courseId": OTHER_COURSE, "uiSlotSelectorId": "everywhere"}
    refused(call(site, "POST", "workflows/", elsewhere, {"action": "run"}, bound), 403, "permission_denied")
    assert call(site, "GET", "profile/", elsewhere, token=bound).json["status"] == "no_config"
    assert call(site, "GET", "profiles/", {"courseId": COURSE}, token=bound).status == 200
    refused(call(site, "GET", "profiles/", {"courseId": OTHER_COURSE}, token=bound), 403, "permission_denied")


def test_null_and_empty_members_and_others_are_as_absent(site):
    for context in ({"courseId": None, "uiSlotSelectorId": "everywhere"}, {"course_id": "", "uiSlotSelectorId": "everywhere", "unitId": 7}):
        assert call(site, "GET", "profile/", context).json["course_id"] is None
    assert call(site, "GET", "profile/").json["status"] == "no_config"
    assert call(site, "GET", "profile/", "").json["status"] == "no_config"


@pytest.mark.parametrize("method,path,body", [("POST", "workflows", {"action": "run"}), ("GET", "profile", None), ("GET", "profiles", None),
                                              ("GET", "prompts/own", None)])
def test_with_and_without_the_last_slash_it_is_the_same(site, prompt, method, path, body):
    boss = jwt("boss", **ADMIN)
    answers = [call(site, method, p, slot("mock"), body, boss) for p in (path, path + "/")]
    assert [a.status for a in answers] == [200, 200]
    assert answers[0].json.keys() == answers[1].json.keys()


# ---- who may ----

ALL = [("POST", "workflows/", {"action": "run"}), ("GET", "profile/", None), ("GET", "profiles/", None), ("GET", "prompts/own/", None),
       ("PATCH", "prompts/own/", {"body": "x"})]


@pytest.mark.parametrize("method,path,body", ALL)
def test_who_has_not_signed_in_is_401(site, method, path, body):
    expired = jwt(exp=int(time.time()) - 3600)
    for token in ("", "not.a.token", expired, site.jwt + "x"):
        answer = call(site, method, path, slot("mock"), body, token)
        refused(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("JWT ")


@pytest.mark.parametrize("method,path,body", ALL[2:])
@pytest.mark.parametrize("user,course,allowed", [
    ("learner", COURSE, False), ("learner", None, False), ("course-teacher", COURSE, True), ("course-teacher", OTHER_COURSE, False),
    ("course-teacher", None, False), ("site-manager", COURSE, True), ("site-manager", OTHER_COURSE, True), ("site-manager", None, True)])
def test_profiles_and_prompts_are_for_staff_of_the_course_or_of_the_site(site, prompt, method, path, body, user, course, allowed):
    answer = call(site, method, path, {"courseId": course}, body, jwt(user))
    if allowed:
        assert answer.status == 200, answer
    else:
        refused(answer, 403, "permission_denied")


@pytest.mark.parametrize("claim", ["administrator", "superuser"])
def test_an_administrator_of_the_platform_is_global_staff(site, claim):
    assert call(site, "GET", "profiles/", token=jwt("boss", **{claim: True})).status == 200
    refused(call(site, "GET", "profiles/", token=jwt("boss", **{claim: False})), 403, "permission_denied")


def test_site_keys_are_taken_too_and_a_back_end_names_its_user(site):
    for key, query, status in [(site.admin_key, "", 200), (site.service_key, "", 403), (site.service_key, "?user_id=u&role=teacher", 200),
                               (site.service_key, "?user_id=u&role=student", 403)]:
        assert site.request("GET", DOOR + "profiles/" + query, key).status == status


def cookies(token):
    head, payload, signature = token.split(".")
    return f"edx-jwt-cookie-header-payload={head}.{payload}; edx-jwt-cookie-signature={signature}; csrftoken={'c' * 32}"


def test_a_page_of_the_platform_signs_in_by_its_cookies(site):
    page = {"Cookie": cookies(jwt()), "USE-JWT-COOKIE": "true"}
    assert "ui_components" in call(site, "GET", "profile/", slot("mock"), token="", headers=page).json
    posted = {**page, "Origin": site.base_url, "X-CSRFToken": "c" * 32}
    assert call(site, "POST", "workflows/", slot("mock"), {"action": "run"}, "", posted).json["status"] == "completed"
    for forged in ({**posted, "Origin": "https://evil.example.org"}, {**page, "Origin": site.base_url}):
        refused(call(site, "POST", "workflows/", slot("mock"), {"action": "run"}, "", forged), 403, "permission_denied")


def test_who_is_signed_in_by_cookies_can_accept_the_policy(site):
    page = {"Cookie": cookies(jwt("by-cookie")), "USE-JWT-COOKIE": "true"}
    policy = site.request("GET", "/v1/policy", headers=page).json
    assert policy["accepted"] is False
    accept = {"accepted": True, "version": policy["version"]}
    assert site.request("PUT", "/v1/policy", body=accept, headers=page).status == 403
    posted = {**page, "Origin": site.base_url, "X-CSRFToken": "c" * 32}
    assert site.request("PUT", "/v1/policy", body=accept, headers=posted).json["accepted"] is True
    assert site.request("GET", "/v1/policy", headers=page).json["accepted"] is True
    assert site.request("DELETE", "/v1/policy", headers=posted).json["accepted"] is False


def test_a_token_without_roles_is_a_learners_and_a_course_gives_more(site):
    site.cli("permission", "set", "student", "action:continue_conversation", "off", "--site", "demo")
    try:
        wait_until(lambda: run(site, "ask").status != 200, what="the permission")
        refused(run(site, "ask"), 403, "permission_denied")
        assert call(site, "GET", "profile/", slot("ask")).json["status"] == "no_config"
        assert run(site, "ask", token=jwt("course-teacher")).status == 200
        assert "ui_components" in call(site, "GET", "profile/", slot("ask"), token=jwt("course-teacher")).json
    finally:
        site.cli("permission", "set", "student", "action:continue_conversation", "default", "--site", "demo")
        wait_until(lambda: run(site, "ask").status == 200, what="the permission's default")


# ---- POST workflows/ ----

def test_a_run_gives_the_orchestrators_object_as_json(site):
    answer = run(site, "mock")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json["response"].startswith("Mock response for run at ") and answer.json["status"] == "completed"
    assert set(answer.json) == {"response", "status", "timestamp"} and is_time(answer.json["timestamp"])


def test_a_model_answers_through_the_manager_and_stands_in_the_register(site, service):
    answer = run(site, "ask", "Why does it rain?")
    assert answer.json["status"] == "completed" and answer.json["response"]
    assert service.requests()[-1]["body"]["messages"][-1] == {"role": "user", "content": "Why does it rain?"}
    stored = site.request("GET", "/v1/register?limit=1", site.admin_key).json["calls"][0]
    assert (stored["user_id"], stored["course_id"], stored["location_id"], stored["placement"], stored["state"]) == (
        "learner", COURSE, UNIT, "openedx_widget", "completed")


@pytest.mark.parametrize("given,sent", [("Why?", "Why?"), ({"question": "Why?"}, "Why?"), ({"num_cards": 5}, '{"num_cards":5}'),
                                        (["a", 1], '["a",1]')])
def test_user_input_may_be_any_json(site, service, given, sent):
    assert run(site, "ask", given).status == 200
    assert service.requests()[-1]["body"]["messages"][-1]["content"] == sent


@pytest.mark.parametrize("given", [None, True, 5, 1.5, "", {}, [], {"deep": [{"a": None}]}])
def test_user_input_of_no_use_is_no_error(site, given):
    assert run(site, "ask", given).status == 200


def test_user_input_may_be_absent_and_unknown_members_are_ignored(site):
    body = {"action": "run", "timestamp": "2026-01-01T00:00:00Z", "request_id": "ai-request-1", "workflow_type": "x", "user": {"id": "somebody else"},
            "options": {}}
    assert call(site, "POST", "workflows/", slot("ask"), body).status == 200
    stored = site.request("GET", "/v1/register?limit=1", site.admin_key).json["calls"][0]
    assert stored["user_id"] == "learner"


@pytest.mark.parametrize("body", [{}, {"action": ""}, {"action": "  "}, {"action": None}, {"action": 5}, {"user_input": "x"}, [], "run", None])
def test_an_action_that_is_missing_or_blank_is_a_validation_error_with_a_list(site, body):
    refused(call(site, "POST", "workflows/", slot("mock"), json.dumps(body), headers={"Content-Type": "application/json"}), 400, "validation_error")


@pytest.mark.parametrize("body", ["", "{", "{'action': 'run'}", '{"action": "run",}', b'{"action": "\xff"}', "action=run"])
def test_a_body_that_is_not_json_is_a_parse_error(site, body):
    refused(call(site, "POST", "workflows/", slot("mock"), body, headers={"Content-Type": "application/json"}), 400, "parse_error")


def test_what_is_wrong_before_a_handler_runs_has_the_same_form(site):
    refused(call(site, "GET", "nothing/"), 404, "not_found")
    refused(call(site, "GET", ""), 404, "not_found")
    wrong_method = call(site, "GET", "workflows/")
    refused(wrong_method, 405, "method_not_allowed")
    assert wrong_method.headers["Allow"] == "POST"
    refused(call(site, "POST", "workflows/", slot("mock"), "action=run", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415,
            "unsupported_media_type")
    refused(call(site, "PATCH", "prompts/own/", None, {"body": "x" * 300_000}, jwt("boss", **ADMIN)), 413, "body_too_large")
    refused(site.request("GET", DOOR + "profile/?context=%ff", None, None, {"Authorization": f"JWT {site.jwt}"}), 400, "validation_error")


@pytest.mark.parametrize("action", ["execute", "__init__", "run_async", "Run"])
def test_an_action_that_the_orchestrator_does_not_declare_is_unknown(site, action):
    for name in ("mock", "mock-stream", "ask-stream"):
        refused(call(site, "POST", "workflows/", slot(name), {"action": action}), 404, "unknown_action")


@pytest.mark.parametrize("context", [None, {}, slot("other"), slot("mock", OTHER_COURSE, None), slot("studio"), {"courseId": COURSE}])
def test_a_run_without_a_profile_is_no_config_and_never_a_500(site, context):
    refused(call(site, "POST", "workflows/", context, {"action": "run"}), 404, "no_config")


# ---- text ----

def text_of(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    return answer.body.decode()


def shown_by_the_client(text):
    """What the React UI shows of a text: everything before the mark; and the mark's object, or None."""
    shown, mark, rest = text.partition(MARK)
    if not mark:
        return shown, None
    assert rest.endswith("||")
    return shown, json.loads(MARK[2:] + rest[:-2])


def test_a_text_answer_is_text_plain_in_chunks(site):
    answer = run(site, "mock-stream")
    assert text_of(answer).startswith("A drop of rain") and answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-store"


def test_the_text_is_the_models(site, service):
    service.default = "chunks?n=20"
    assert text_of(run(site, "ask-stream")) == " ".join(f"word{i + 1}" for i in range(20))


def test_pieces_come_while_the_model_still_writes(site, service):
    service.default = "stall_mid"
    connection, response = site.open("POST", door_path("workflows/", slot("ask-stream")), None, {"action": "run", "user_input": "?"},
                                     {"Authorization": f"JWT {site.jwt}"})
    piece = response.read1(100)
    assert piece.startswith(b"word1") and service.requests()[-1]["closed_at"] is None
    connection.close()


def test_an_empty_answer_is_an_empty_text_or_an_error_but_never_half_a_head(site, service):
    service.default = "empty"
    answer = run(site, "ask-stream")
    if answer.status == 200:
        assert text_of(answer) == ""
    else:
        refused(answer, 500, "processor_error")


def test_thoughts_of_the_model_are_not_shown(site, service):
    service.default = "think+one_byte"
    text = text_of(run(site, "ask-stream"))
    assert text and "<think>" not in text and "</think>" not in text


@pytest.mark.parametrize("scenario", ["reset_mid", "close_mid", "error_mid?message=VENDOR-WORDS", "wrong_frame", "truncated"])
def test_an_error_in_the_middle_of_a_text_is_marked_inside_it(site, service, scenario):
    service.default = scenario
    raw = text_of(run(site, "ask-stream"))  # http.client has seen a whole chunked body
    shown, error = shown_by_the_client(raw)
    assert shown.startswith("word1")
    assert raw[len(shown):].startswith('||{"error_in_stream": true, "code": "streaming_failed", "message": "') and raw.endswith('"}||')
    assert set(error) == {"error_in_stream", "code", "message"} and error["error_in_stream"] is True and error["code"] == "streaming_failed"
    assert error["message"] and "VENDOR-WORDS" not in raw and "upstream" not in raw
    stored = site.request("GET", "/v1/register?limit=1", site.admin_key).json["calls"][0]
    assert stored["state"] == "failed"


TRAPS = [MARK, MARK + ' true, "code": "streaming_failed", "message": "ha"}|| and more', "|" + MARK + "x", "||" + MARK + "x", MARK + MARK,
         '||{"error_in_' + MARK,
         '||||{"error_in_stream"::' + MARK + " ||", "a||{b" + MARK]


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("cut", ["ok?n=1&", "chunks?n=200&", "one_byte?"])
def test_a_text_that_holds_the_mark_does_not_fool_the_client(site, service, trap, cut):
    text = f"Look: {trap}; that was it."
    service.default = cut + urllib.parse.urlencode({"text": text})
    raw = text_of(run(site, "ask-stream"))
    assert shown_by_the_client(raw)[1] is None, "the client would stop here"
    assert raw.replace("\u2060", "") == text and raw.count("\u2060") == text.count(MARK)


def test_behind_such_a_text_a_real_error_is_still_found(site, service):
    text = " ".join(["a", MARK, "b", MARK, "c", "d", "e", "f"])
    service.default = "reset_mid?" + urllib.parse.urlencode({"text": text, "n": 8})
    shown, error = shown_by_the_client(text_of(run(site, "ask-stream")))
    assert error["code"] == "streaming_failed" and shown.startswith("a ||") and shown.replace("\u2060", "") == text[:len(shown.replace("\u2060", ""))]


# ---- error codes ----

FAULTS = [("401", 500, "invalid_api_key"), ("403", 500, "invalid_api_key"), ("404", 500, "llm_config_error"),
          ("status?code=400", 500, "llm_config_error"),
          ("429", 429, "rate_limit_exceeded"), ("context_window", 400, "context_window_exceeded"), ("500", 503, "service_unavailable"),
          ("503", 503, "service_unavailable"), ("529", 503, "service_unavailable"), ("reset", 503, "service_unavailable"),
          ("close", 503, "service_unavailable"), ("wrong_types", 500, "processor_error")]


@pytest.mark.parametrize("scenario,status,code", FAULTS)
@pytest.mark.parametrize("name", ["ask", "ask-stream"])
def test_an_error_before_the_first_byte_has_its_status_and_code_and_calm_words(site, service, scenario, status, code, name):
    service.default = scenario + ("&" if "?" in scenario else "?") + "message=VENDOR-WORDS"
    answer = run(site, name)
    refused(answer, status, code)
    assert b"VENDOR-WORDS" not in answer.body and b"127.0.0.1" not in answer.body


def test_json_that_is_cut_is_a_processor_error(site, service):
    service.default = "wrong_json"
    refused(run(site, "ask"), 500, "processor_error")


def test_a_limit_says_when_to_come_again(site, service):
    service.default = "status?code=429&retry_after=9"
    answer = run(site, "ask")
    refused(answer, 429, "rate_limit_exceeded")
    assert answer.headers["Retry-After"] == "9"
    service.default = "status?code=429"
    assert int(run(site, "ask").headers["Retry-After"]) > 0


def test_a_vendor_that_does_not_answer_in_time_is_service_unavailable(site, service):
    add_vendor(site, service, name="impatient", first=False, total_ms=1000)
    try:
        add_profile(site, "impatient", patch={"processor_config": {"LLMProcessor": {"provider": "impatient"}}})
        service.default = "stall"
        refused(run(site, "impatient"), 503, "service_unavailable")
    finally:
        site.request("DELETE", "/v1/profiles/impatient", site.admin_key)
        site.request("DELETE", "/v1/providers/impatient", site.admin_key)


def test_a_site_with_too_many_calls_is_a_rate_limit(site, service, setting):
    service.default = "stall"
    setting("max_running_calls=1", "max_running_calls=0", lambda: json.loads(site.cli("--json", "site", "show", "demo"))["max_running_calls"] == 1)
    site.wait_for_config()
    first = leave_later(site, "ask")
    service.wait_for(lambda r: r["method"] == "POST")
    answer = run(site, "ask")
    first.close()
    refused(answer, 429, "rate_limit_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


def break_profile(site, slug, **columns):
    with connect(site.data / "lectern.db", timeout=60) as db:
        for column, value in columns.items():
            db.execute(f"UPDATE workflow_profile SET {column} = ?, version = version + 1 WHERE slug = ?", (value, slug))
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
    db.close()


@pytest.mark.parametrize("columns", [{"base_filepath": "gone.json5"}, {"content_patch": "{"}, {"content_patch": '{"processor_config": 5}'}])
def test_a_profile_that_has_become_invalid_is_a_configuration_error_and_its_widget_hides(site, columns):
    add_profile(site, "broken", "mock/mock.json5")
    try:
        assert "ui_components" in call(site, "GET", "profile/", slot("broken")).json
        break_profile(site, "broken", **columns)
        wait_until(lambda: run(site, "broken").status != 200, what="the daemon's new look")
        answer = run(site, "broken")
        refused(answer, 500, "llm_config_error")
        assert b"gone.json5" not in answer.body
        assert call(site, "GET", "profile/", slot("broken")).json["status"] == "no_config"
    finally:
        assert site.request("DELETE", "/v1/profiles/broken", site.admin_key).status == 204


def test_an_orchestrator_that_is_not_there_is_a_configuration_error_and_its_widget_hides(site):
    add_profile(site, "plugin", patch={"orchestrator_class": "some.plugin.Orchestrator"})
    try:
        refused(run(site, "plugin"), 500, "llm_config_error")
        assert call(site, "GET", "profile/", slot("plugin")).json["status"] == "no_config"
    finally:
        site.request("DELETE", "/v1/profiles/plugin", site.admin_key)


def test_without_a_provider_it_is_a_configuration_error(site):
    add_profile(site, "nobody", patch={"processor_config": {"LLMProcessor": {"options": {"MODEL": "nobody/x"}}}})
    try:
        refused(run(site, "nobody"), 500, "llm_config_error")
    finally:
        site.request("DELETE", "/v1/profiles/nobody", site.admin_key)


# ---- who leaves ----

def leave_later(site, name):
    """A request whose answer nobody reads; close() leaves."""
    body = json.dumps({"action": "run", "user_input": "?"})
    s = socket.create_connection(("127.0.0.1", site.port), timeout=60)
    s.sendall(f"POST {door_path('workflows/', slot(name))} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: JWT {site.jwt}\r\n"
              f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return s


@pytest.mark.parametrize("name,scenario", [("ask", "stall"), ("ask-stream", "stall"), ("ask-stream", "endless?delay_ms=20"),
                                           ("ask-stream", "stall_head")])
def test_a_client_that_leaves_cancels_the_call_upstream_at_once(site, service, name, scenario):
    service.default = scenario
    s = leave_later(site, name)
    record = service.wait_for(lambda r: r["method"] == "POST")
    if scenario.startswith("endless"):
        assert b"text/plain" in s.recv(4096)
    assert record["closed_at"] is None
    s.close()
    service.wait_for(lambda r: r["closed_at"])
    wait_until(lambda: site.request("GET", "/v1/register?limit=1", site.admin_key).json["calls"][0]["state"] == "cancelled", what="the end record")


def test_a_call_that_an_administrator_cancels_ends_the_text_with_the_mark(site, service):
    service.default = "endless?delay_ms=20"
    connection, response = site.open("POST", door_path("workflows/", slot("ask-stream")), None, {"action": "run", "user_input": "?"},
                                     {"Authorization": f"JWT {site.jwt}"})
    first = response.read1(100)
    call_id = site.request("GET", "/v1/register?limit=1", site.admin_key).json["calls"][0]["id"]
    assert site.request("DELETE", f"/v1/actions/calls/{call_id}", site.admin_key).status == 200
    raw = (first + response.read()).decode()
    connection.close()
    assert shown_by_the_client(raw)[1]["code"] == "streaming_failed"


# ---- policy, switches ----

def policy_is_asked(site):
    return run(site, "ask", token=jwt("newcomer", roles=["student"])).status == 403


def test_by_default_the_lms_has_asked(site):
    newcomer = jwt("newcomer", roles=["student"])
    assert site.request("GET", "/v1/policy", newcomer).json["accepted"] is False
    assert run(site, "ask", token=newcomer).status == 200


def test_where_lectern_asks_it_is_a_validation_error_with_the_policys_text_until_the_user_accepts(site, service, setting):
    setting("openedx_policy=lectern", "openedx_policy=lms", lambda: policy_is_asked(site))
    user = jwt("careful", roles=["student"])
    policy = site.request("GET", "/v1/policy", user).json
    for name in ("ask", "ask-stream"):
        assert refused(run(site, name, token=user), 403, "validation_error") == [policy["text"]]
    assert "ui_components" in call(site, "GET", "profile/", slot("ask"), token=user).json, "a policy that is still to be accepted hides nothing"
    site.accept_policy(user)
    assert run(site, "ask", token=user).status == 200


def test_the_placement_switch_turns_the_door_off_and_hides_its_widgets(site):
    path = "/v1/placements/openedx_widget"
    assert site.request("PUT", path, site.admin_key, {"enabled": False}).status == 200
    try:
        refused(run(site, "ask"), 403, "placement_disabled")
        refused(run(site, "ask-stream"), 403, "placement_disabled")
        assert call(site, "GET", "profile/", slot("ask")).json["status"] == "no_config"
    finally:
        site.request("PUT", path, site.admin_key, {"enabled": True})
    assert run(site, "ask").status == 200


def test_a_course_that_is_switched_off_hides_its_widgets(site):
    assert site.request("PUT", "/v1/switches", site.admin_key, {"course_id": COURSE, "enabled": False}).status == 200
    try:
        refused(run(site, "ask"), 403, "course_disabled")
        assert call(site, "GET", "profile/", slot("ask")).json["status"] == "no_config"
    finally:
        site.request("PUT", "/v1/switches", site.admin_key, {"course_id": COURSE, "enabled": None})


# ---- GET profile/ ----

def test_profile_says_course_components_and_time(site):
    answer = call(site, "GET", "profile/", slot("mock"))
    assert answer.status == 200 and set(answer.json) == {"course_id", "ui_components", "timestamp"}
    components = answer.json["ui_components"]
    assert answer.json["course_id"] == COURSE and is_time(answer.json["timestamp"])
    assert components["request"]["component"] == "AIRequestComponent" and components["request"]["config"]["buttonText"] == "Try me"
    assert components["response"]["component"] == "AIResponseComponent"


@pytest.mark.parametrize("context", [None, slot("other"), {"courseId": COURSE}, slot("mock", OTHER_COURSE, None)])
def test_where_nothing_is_configured_profile_is_200_no_config(site, context):
    answer = call(site, "GET", "profile/", context)
    assert (answer.status, set(answer.json), answer.json["status"]) == (200, {"status", "timestamp"}, "no_config")


# ---- GET profiles/ ----

def profiles(site, context=None, token=None):
    answer = call(site, "GET", "profiles/", context, token=token or jwt("boss", **ADMIN))
    assert answer.status == 200, answer
    assert set(answer.json) == {"profiles", "count", "timestamp"} and answer.json["count"] == len(answer.json["profiles"])
    return {p["slug"]: p for p in answer.json["profiles"]}


def test_profiles_lists_what_a_context_leads_to_with_the_scopes_that_did(site):
    found = profiles(site, {"courseId": COURSE, "locationId": UNIT})
    assert {"mock", "studio", "everywhere", "this-unit"} <= set(found)
    p = found["this-unit"]
    assert set(p) == {"id", "slug", "description", "effective_config", "scopes", "usage"}
    assert str(uuid.UUID(p["id"])) == p["id"] and p["description"] is None and p["usage"] == {"scope_count": 1}
    assert p["effective_config"]["orchestrator_class"] == "MockResponse"
    [scope] = p["scopes"]
    assert str(uuid.UUID(scope.pop("id")))
    assert scope == {"course_id": COURSE, "service_variant": "lms", "enabled": True, "ui_slot_selector_id": "this-unit",
                     "location_regex": "block@u1$", "specificity_index": 7}
    [wide] = found["everywhere"]["scopes"]
    assert (wide["course_id"], wide["location_regex"], wide["specificity_index"]) == (None, None, 1)


def test_each_part_of_the_context_filters_profiles(site):
    assert "this-unit" not in profiles(site, {"courseId": COURSE, "locationId": UNIT.replace("u1", "u2")})
    assert set(profiles(site, {"courseId": OTHER_COURSE})) == {"everywhere"}
    assert set(profiles(site, {"courseId": COURSE, "uiSlotSelectorId": "mock"})) == {"mock"}


def test_a_course_teacher_sees_the_same_as_global_staff_there(site):
    assert set(profiles(site, {"courseId": COURSE}, jwt("course-teacher"))) == set(profiles(site, {"courseId": COURSE}))


def test_secrets_are_redacted_at_any_depth_and_in_any_case(site):
    secrets = {"api_key": "S1", "APIKEY": "S2", "Secret": {"in": "S3"}, "deep": [{"PassWord": "S4"}, [{"token": ["S5"]}]], "Api_Key": 6,
               "name": "seen"}
    add_profile(site, "secretive", "mock/mock.json5", {"processor_config": {"MockProcessor": secrets},
                                                       "actuator_config": {"UIComponents": {"request": {"config": {"token": "S7"}}}}})
    try:
        answer = call(site, "GET", "profiles/", slot("secretive"), token=jwt("boss", **ADMIN))
        shown = answer.json["profiles"][0]["effective_config"]["processor_config"]["MockProcessor"]
        gone = "[REDACTED]"
        assert shown == {"api_key": gone, "APIKEY": gone, "Secret": gone, "deep": [{"PassWord": gone}, [{"token": gone}]],
                         "Api_Key": gone, "name": "seen"}
        bodies = answer.body + call(site, "GET", "profile/", slot("secretive")).body
        assert not any(f'"S{i}"'.encode() in bodies for i in range(1, 8))
    finally:
        site.request("DELETE", "/v1/profiles/secretive", site.admin_key)


# ---- prompts/ID/ ----

@pytest.fixture()
def prompt(site):
    made = site.request("POST", "/v1/prompts", site.admin_key, {"slug": "own", "body": "First."})
    assert made.status == 201, made
    yield made.json
    assert site.request("DELETE", "/v1/prompts/own", site.admin_key).status == 204


BOSS = dict(user="boss", **ADMIN)


def test_a_prompt_is_found_by_slug_and_by_id_however_it_is_written(site, prompt):
    plain = prompt["id"].replace("-", "")
    for name in ("own", prompt["id"], prompt["id"].upper(), plain, plain.upper()):
        answer = call(site, "GET", f"prompts/{name}/", token=jwt(**BOSS))
        assert answer.status == 200, answer
        assert {k: v for k, v in answer.json.items() if not k.endswith("_at")} == {
            "id": prompt["id"], "slug": "own", "body": "First.", "usage": {"profile_count": 0}}
        assert is_time(answer.json["created_at"]) and is_time(answer.json["updated_at"])


def test_a_prompt_says_how_many_profiles_use_it(site, prompt):
    add_profile(site, "user-of-it", patch={"processor_config": {"LLMProcessor": {"prompt_template": "own"}}})
    try:
        assert call(site, "GET", "prompts/own/", token=jwt(**BOSS)).json["usage"] == {"profile_count": 1}
    finally:
        assert site.request("DELETE", "/v1/profiles/user-of-it", site.admin_key).status == 204


@pytest.mark.parametrize("method,body", [("GET", None), ("PATCH", {"body": "x"})])
@pytest.mark.parametrize("name", ["nothing", "d076ff06-6f0a-4667-8f9e-b5a544a84c9b"])
def test_a_prompt_that_is_not_there_is_404_not_found(site, method, body, name):
    answer = call(site, method, f"prompts/{name}/", None, body, jwt(**BOSS))
    assert answer.status == 404 and answer.json["status"] == "not_found"
    assert isinstance(answer.json["error"], str) and is_time(answer.json["timestamp"])


def test_patch_changes_the_text_and_the_history_says_who_and_when(site, prompt):
    answer = call(site, "PATCH", "prompts/own/", {"courseId": COURSE}, {"body": "Second: ä\n"}, jwt("course-teacher"))
    assert (answer.status, answer.json["body"], answer.json["id"]) == (200, "Second: ä\n", prompt["id"])
    assert call(site, "GET", "prompts/own/", token=jwt(**BOSS)).json == answer.json
    newest = site.request("GET", "/v1/prompts/own/history", site.admin_key).json["versions"][0]
    assert (newest["body"], newest["changed_by"]) == ("Second: ä\n", "course-teacher") and is_time(newest["changed_at"])


@pytest.mark.parametrize("field", ["slug", "id", "created_at", "usage", "user", "x"])
def test_any_other_field_cannot_be_changed(site, prompt, field):
    for more in ({}, {"body": "Second."}):
        answer = call(site, "PATCH", "prompts/own/", None, {field: "x", **more}, jwt(**BOSS))
        assert (answer.status, answer.json) == (400, {field: "This field cannot be changed."})
    assert call(site, "GET", "prompts/own/", token=jwt(**BOSS)).json["body"] == "First."


@pytest.mark.parametrize("body", ["", " \n\t", None, 5, ["x"], {}, "x" * 100_001, "a\0b"])
def test_a_blank_or_unfit_body_is_400(site, prompt, body):
    answer = call(site, "PATCH", "prompts/own/", None, {"body": body}, jwt(**BOSS))
    assert answer.status == 400 and set(answer.json) == {"body"} and isinstance(answer.json["body"], str)
    assert call(site, "GET", "prompts/own/", token=jwt(**BOSS)).json["body"] == "First."


def test_a_patch_of_nothing_is_400(site, prompt):
    answer = call(site, "PATCH", "prompts/own/", None, {}, jwt(**BOSS))
    assert answer.status == 400 and set(answer.json) == {"body"}


# ---- sites ----

def test_a_second_site_sees_and_changes_nothing(site, prompt):
    site.cli("site", "add", "other", "--name", "Other")
    made = json.loads(site.cli("--json", "key", "add", "--site", "other", "--role", "site_admin", "--name", "k"))
    key = made["key"]
    wait_until(lambda: site.request("GET", DOOR + "profile/", key).status == 200, what="the second site")
    assert site.request("GET", door_path("profile/", slot("mock")), key).json["status"] == "no_config"
    assert site.request("GET", door_path("profiles/", {"courseId": COURSE}), key).json["profiles"] == []
    refused(site.request("POST", door_path("workflows/", slot("mock")), key, {"action": "run"}), 404, "no_config")
    for method, body in (("GET", None), ("PATCH", {"body": "stolen"})):
        for name in ("own", prompt["id"]):
            assert site.request(method, DOOR + f"prompts/{name}/", key, body).json["status"] == "not_found"
    assert call(site, "GET", "prompts/own/", token=jwt(**BOSS)).json["body"] == "First."


# ---- the description ----

def test_openapi_lists_the_door(site):
    api = site.request("GET", "/v1/openapi.json").json
    paths = api["paths"]
    mine = {p: set(m) for p, m in paths.items() if p.startswith(DOOR)}
    assert mine == {DOOR + "workflows": {"post"}, DOOR + "profile": {"get"}, DOOR + "profiles": {"get"}, DOOR + "prompts/{id}": {"get", "patch"}}
    for methods in (paths[p] for p in mine):
        for operation in methods.values():
            by_us = {status: answer for status, answer in operation["responses"].items() if status[0] in "45" and status not in ("408", "414", "431")}
            assert "401" in by_us and all(answer == {"$ref": "#/components/responses/OpenEdxError"} for answer in by_us.values())
    assert "OpenEdxError" in api["components"]["responses"]
    assert set(paths[DOOR + "workflows"]["post"]["responses"]["200"]["content"]) == {"application/json", "text/plain"}

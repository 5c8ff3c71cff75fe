"""Looking at how calls are made: `trace` (what was compiled, masked, with times) and `as_named` (asking with a user's rights alone)."""
import base64
import contextlib
import json
import urllib.parse

import pytest
from conftest import Daemon, check_end, read_events, wait_until
from database import connect, tables
from tokens import claims, token

SECRET = "a shared secret of the test"
KEYS = {"openai": "sk-of-the-double\"7F3A\\x", "openai_compatible": "key+of/the=double&7F3B", "anthropic": "sk-ant-7F3C", "gemini": "AIza7F3D", "ollama": "key-7F3E!", "ollama basic": "pass word 7F3F!",
        "azureai": "azure-7F3G", "awsbedrock": "token+of/the=double&7F40"}
AWS_SECRET = "secret+of/the=double&7F41"
SETTINGS = {"ollama basic": "password", "awsbedrock": "session_token"}  # where the secret is that is sent, unless api_key
ROLES = ["student", "teacher", "editingteacher", "manager", "admin"]
TEXT = "Rain falls on the hills. Streams carry the water to the river. The river carries it to the sea. The sun lifts it up again."
COURSE = "course-v1:Org+Course+Run"
pytestmark = pytest.mark.usefixtures("as_before")

VENDORS = {  # name → plugin, path of the double, more settings
    "openai chat": ("openai", "/v1", {"api": "chat"}),
    "openai responses": ("openai", "/v1", {"api": "responses"}),
    "openai_compatible": ("openai_compatible", "/compatible/v1", {}),
    "azureai": ("azureai", "/azure", {"api_version": "2024-10-21"}),
    "own header": ("openai_compatible", "/compatible/v1", {"api_key_header": "api-key"}),
    "anthropic": ("anthropic", "/v1", {}),
    "gemini": ("gemini", "/v1beta", {}),
    "awsbedrock": ("awsbedrock", "", {"region": "eu-central-1", "access_key_id": "AKIDOFTHEDOUBLE", "secret_access_key": AWS_SECRET}),
    "ollama": ("ollama", "", {}),
    "ollama basic": ("ollama", "", {"username": "school"}),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("trace") / "data")
    d.cli("issuer", "set", "https://lms.example/oauth2", "p", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    d.cli("site", "set", "demo", "policy_by_lms=true")
    d.wait_for_config()
    d.users = {role: token(SECRET, "HS256", claims(aud="p", sub=f"user-{role}", roles=[role])) for role in ROLES}
    for name, (plugin, path, more) in VENDORS.items():
        config = {"endpoint": service.root + path, "model": "m", SETTINGS.get(name, "api_key"): KEYS.get(name, KEYS[plugin]), "retries": 0, "breaker_faults": 0, **more}
        if name == "own header":
            config["headers"] = {"X-Extra": "shown", "X-Auth-Extra": "not shown"}
        answer = d.request("POST", "/v1/providers", d.admin_key, {"name": name, "plugin": plugin, "config": config})
        assert answer.status == 201, answer
    for slug, base, patch in [("ask", "base/blank.json5", {"processor_config": {"LLMProcessor": {"provider": "openai chat", "prompt": "Be brief."}}}),
                              ("other", "base/blank.json5", {})]:
        assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": base, "content_patch": patch}).status == 201
    assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": "ask", "course_id": COURSE}).status == 201
    yield d
    check_end(d)


def ask(daemon, action="continue_conversation", key=None, status=200, **members):
    body = {"trace": True, **members}
    body.setdefault("input", {"messages": [{"role": "user", "content": "Why does it rain?"}]})
    answer = daemon.request("POST", f"/v1/actions/{action}", key or daemon.admin_key, body)
    assert answer.status == status, answer
    return answer


def only(items):
    assert len(items) == 1, items
    return items[0]


def forms(secret):
    """How a text may stand in JSON that is in JSON, in an address, and as it is."""
    once = json.dumps(secret)[1:-1]
    return {secret, once, json.dumps(once)[1:-1], urllib.parse.quote(secret, safe=""), base64.b64encode(secret.encode()).decode(),
            base64.b64encode(b"school:" + secret.encode()).decode()}


# ---- what was compiled ----

@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_each_vendors_request_is_shown_and_no_key(site, service, name, streamed):
    plugin = VENDORS[name][0]
    secret = KEYS.get(name, KEYS[plugin])
    other = KEYS["anthropic" if plugin == "gemini" else "gemini"]
    prompt = f"My key is {other} and it rains"
    body = {"trace": True, "provider": name, "stream": streamed, "input": {"messages": [{"role": "user", "content": prompt}]}}
    answer = site.request("POST", "/v1/actions/continue_conversation", site.admin_key, body)
    assert answer.status == 200, answer
    raw = answer.body.decode()
    sent = service.requests()[-1]
    given = " ".join(sent["headers"].values())
    assert secret in given or base64.b64encode(f"school:{secret}".encode()).decode() in given
    assert AWS_SECRET not in given
    for form in forms(secret) | forms(other) | forms(AWS_SECRET):
        assert form not in raw, f"{form!r} is in the answer"
    done = json.loads(raw) if not streamed else next(e for e in read_events(raw.encode().splitlines(True)) if e.kind == "done").data
    call = only(done["trace"]["calls"])
    attempt = only(call["attempts"])
    request = only(attempt["requests"])
    assert call["id"] == done["id"] and call["action"] == "continue_conversation"
    assert attempt["provider"]["name"] == name and attempt["success"] and attempt["code"] == "ok"
    assert attempt["neutral"]["messages"][-1] == {"role": "user", "content": "My key is *** and it rains"}
    assert request["method"] == "POST" and request["status"] == 200 and request["url"].startswith(service.root)
    assert request["url"].split("?")[0].endswith(sent["path"].split("?")[0])
    shown, real = json.loads(request["body"]), sent["body"]
    assert list(shown) == list(real) and shown.get("model") == real.get("model")
    assert not request["body_cut"] and "***" in request["body"]
    fields = {f["name"].lower(): f["value"] for f in request["fields"]}
    assert fields["content-type"] == "application/json"
    masked = [value for value in fields.values() if "***" in value]
    assert masked and set(masked) <= {"***", "Bearer ***", "Basic ***"}
    if name == "awsbedrock":
        assert fields["authorization"] == fields["x-amz-security-token"] == "***" and len(fields["x-amz-date"]) == 16
    if name == "own header":
        assert fields["api-key"] == "***" and fields["x-extra"] == "shown" and fields["x-auth-extra"] == "***"


def test_times_are_in_order(site):
    for streamed in (False, True):
        answer = ask(site, provider="openai chat", stream=streamed)
        done = json.loads(answer.body) if not streamed else list(read_events(answer.body.splitlines(True)))[-1].data
        call = only(done["trace"]["calls"])
        times, request = call["timings"], only(only(call["attempts"])["requests"])["timings"]
        order = [0, times["gates_ms"], times["begin_queued_ms"], only(call["attempts"])["began_ms"], request["began_ms"], request["connected_ms"],
                 request["sent_ms"], request["first_byte_ms"], times["first_text_ms"], request["last_byte_ms"], times["asked_ms"], times["recorded_ms"]]
        assert order == sorted(order)
        assert isinstance(request["connection_reused"], bool)
        assert (times["begin_awaited_ms"] is not None) == streamed, "what is not shown as it comes does not wait for the begin record"


def test_every_attempt_is_there_with_what_it_came_to(site, service):
    ids = [p["id"] for p in site.request("GET", "/v1/providers", site.admin_key).json["providers"] if p["name"] in ("openai chat", "anthropic")]
    ordered = site.request("PUT", "/v1/providers/order", site.admin_key, {"ids": ids})
    assert ordered.status == 200, ordered
    service.choose = lambda r: "503?message=down" if "/chat/completions" in r.path else "ok"
    done = ask(site).json
    attempts = only(done["trace"]["calls"])["attempts"]
    assert [(a["provider"]["name"], a["success"], a["code"]) for a in attempts] == [("openai chat", False, "upstream_unavailable"), ("anthropic", True, "ok")]
    assert attempts[0]["requests"][0]["status"] == 503 and attempts[0]["vendor_status"] == 503 and "down" in attempts[0]["detail"]
    assert attempts[1]["usage"]["total_tokens"] == done["usage"]["total_tokens"]
    assert attempts[0]["began_ms"] <= attempts[1]["began_ms"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_call_that_fails_is_shown_too(site, service, streamed):
    service.default = "error_mid?n=2" if streamed else "400?message=no"
    answer = ask(site, provider="openai chat", stream=streamed, status=200 if streamed else 502)
    problem = list(read_events(answer.body.splitlines(True)))[-1].data if streamed else answer.json
    service.default = "ok"
    assert problem["status"] >= 500 and problem["id"]
    attempt = only(only(problem["trace"]["calls"])["attempts"])
    assert not attempt["success"] and attempt["neutral"] and only(attempt["requests"])["body"]


def test_what_a_model_is_asked_to_mend_is_shown(site):
    problem = ask(site, "generate_flashcard", provider="openai chat", input={"text": TEXT, "count": 1}, status=502).json
    first, second = only(problem["trace"]["calls"])["attempts"]
    assert len(second["neutral"]["messages"]) == len(first["neutral"]["messages"]) + 2
    assert "Give the whole answer again" in second["neutral"]["messages"][-1]["content"]
    assert first["neutral"]["response_format"]["type"] == "json_schema"


def test_a_call_that_was_refused_before_it_was_compiled_has_none(site):
    assert "trace" not in ask(site, "summarise_text", input={"text": 5}, status=400).json
    assert "trace" not in ask(site, provider="nobody", status=503).json


def test_the_embedded_summariser_has_no_request(site):
    attempt = only(only(ask(site, "summarise_text", provider="extract", input={"text": TEXT}).json["trace"]["calls"])["attempts"])
    assert attempt["native"] == {"action": "summarise_text", "input": {"text": TEXT}}
    assert attempt["requests"] == [] and "neutral" not in attempt


def test_vectors_are_asked_for_in_the_open(site):
    attempt = only(only(ask(site, "embed_text", provider="openai chat", input={"texts": ["one", "two"]}).json["trace"]["calls"])["attempts"])
    assert attempt["neutral"] == {"kind": "embedding", "texts": ["one", "two"]}
    assert only(attempt["requests"])["url"].endswith("/embeddings")


def test_long_texts_are_cut_and_say_so(site):
    text = "é" * 400_000
    attempt = only(only(ask(site, provider="openai chat", input={"messages": [{"role": "user", "content": text}]}).json["trace"]["calls"])["attempts"])
    content = attempt["neutral"]["messages"][-1]["content"]
    assert content.endswith("… (cut: 800000 bytes in all)") and len(content.encode()) < 256 * 1024 + 100
    request = only(attempt["requests"])
    assert request["body_cut"] and request["body_bytes"] > 800_000 and 255 * 1024 < len(request["body"].encode()) <= 256 * 1024


def test_a_key_across_the_cut_is_masked_as_a_whole(site):
    key = KEYS["anthropic"]

    def shown(text):
        answer = ask(site, provider="gemini", input={"messages": [{"role": "user", "content": text}]})
        attempt = only(only(answer.json["trace"]["calls"])["attempts"])
        return attempt["neutral"]["messages"][-1]["content"], only(attempt["requests"])["body"]

    places = [text.count("x") for text in shown("x" * 300_000)]
    assert all(200_000 < place < 262_144 for place in places), "both are cut, the instructions before them count"
    for place in places:
        for less in range(len(key) + 4):
            for text in shown("x" * (place - less) + key + "y" * 60_000):
                assert "xs" not in text, f"the key begins {less} bytes before the cut"


# ---- workflows ----

@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_workflow_shows_its_profile_and_its_calls(site, service, streamed):
    body = {"profile": "ask", "context": {"course_id": COURSE}, "user_input": "Why?", "trace": True, "stream": streamed}
    answer = site.request("POST", "/v1/workflows/run", site.admin_key, body)
    assert answer.status == 200, answer
    done = list(read_events(answer.body.splitlines(True)))[-1].data if streamed else answer.json
    assert done["success"]
    trace = done["trace"]
    assert [call["id"] for call in trace["calls"]] == done["calls"]
    assert trace["profile"]["slug"] == "ask"
    llm = trace["profile"]["effective_config"]["processor_config"]["LLMProcessor"]
    assert llm["provider"] == "openai chat" and llm["prompt"] == "Be brief."
    first = only(only(trace["calls"])["attempts"])
    assert first["neutral"]["messages"][0]["role"] == "system" and "Be brief." in first["neutral"]["messages"][0]["content"]
    assert KEYS["openai"] not in answer.body.decode()


def test_a_workflow_that_fails_shows_its_calls(site, service):
    service.default = "503"
    answer = site.request("POST", "/v1/workflows/run", site.admin_key, {"profile": "ask", "user_input": "Why?", "trace": True})
    service.default = "ok"
    assert answer.status == 502 and only(answer.json["trace"]["calls"])["attempts"] and answer.json["trace"]["profile"]["slug"] == "ask"


def test_what_runs_in_the_background_has_no_trace(site):
    answer = site.request("POST", "/v1/workflows/run", site.admin_key, {"profile": "ask", "user_input": "Why?", "trace": True, "async": True})
    assert answer.status == 400 and answer.json["field"] == "/trace"


# ---- who may ----

@pytest.mark.parametrize("path,body", [("/v1/actions/summarise_text", {"input": {"text": TEXT}}), ("/v1/workflows/run", {"profile": "ask", "user_input": "Why?"})],
                         ids=["action", "workflow"])
def test_only_keys_that_may_see_it(site, service, path, body):
    before = len(service.requests())
    for who in [*site.users.values(), site.service_key]:
        answer = site.request("POST", path, who, {**body, "trace": True})
        assert answer.status == 403 and answer.json["field"] == "/trace", answer
    assert len(service.requests()) == before, "nobody was asked"


def test_a_key_can_be_given_the_permission(site):
    permission = {"role": "service", "permission": "view_trace", "allowed": True}
    assert site.request("PUT", "/v1/permissions", site.admin_key, permission).status == 200
    try:
        assert "trace" in ask(site, "summarise_text", key=site.service_key, input={"text": TEXT}).json
    finally:
        assert site.request("PUT", "/v1/permissions", site.admin_key, {**permission, "allowed": None}).status == 200


def test_without_it_nothing_is_shown(site):
    for members in ({}, {"trace": False}):
        answer = site.request("POST", "/v1/actions/summarise_text", site.admin_key, {"input": {"text": TEXT}, **members})
        assert answer.status == 200 and "trace" not in answer.json


# ---- it is kept nowhere ----

def test_nothing_of_it_is_stored(site):
    marker = "system-instruction-of-this-test"
    setting = {"actions": {"continue_conversation": {"enabled": True, "settings": {"instruction": marker}}}}
    path = "/v1/providers/" + next(str(p["id"]) for p in site.request("GET", "/v1/providers", site.admin_key).json["providers"] if p["name"] == "anthropic")
    assert site.request("PATCH", path, site.admin_key, setting).status == 200
    body = {"trace": True, "provider": "anthropic", "input": {"messages": [{"role": "user", "content": "Why?"}]}}
    for stream in (False, True):
        headers = {"Idempotency-Key": f"the-key-{stream}"}
        first = site.request("POST", "/v1/actions/continue_conversation", site.admin_key, {**body, "stream": stream}, headers)
        assert first.status == 200 and b'"trace":{' in first.body
        again = site.request("POST", "/v1/actions/continue_conversation", site.admin_key, {**body, "stream": stream}, headers)
        assert again.status >= 400 and again.json["code"] == "answer_not_kept", again
        call = again.json["id"] if "id" in again.json else json.loads(first.body)["id"]
        shown = site.request("GET", f"/v1/actions/calls/{call}", site.admin_key)
        assert shown.status == 200 and b"trace" not in shown.body
        replayed = site.request("GET", f"/v1/actions/calls/{call}/stream", site.admin_key)
        assert replayed.status == 200 and b"trace" not in replayed.body
    with contextlib.closing(connect(f"file:{site.data / 'lectern.db'}?mode=ro", uri=True)) as database:
        for table in tables(database):
            text = "\n".join(str(row) for row in database.execute(f'SELECT * FROM "{table}"'))
            assert "begin_queued_ms" not in text and "connection_reused" not in text, table


def test_a_traced_stream_is_followed_by_nobody_else(site, service):
    """The named user, or a manager, would read in its last event how the call was made."""
    service.default = "chunks?n=3&gate=1"
    service.let = 1
    body = {"trace": True, "stream": True, "provider": "openai chat", "user": {"id": "user-student", "roles": ["student"]},
            "input": {"messages": [{"role": "user", "content": "Why?"}]}}
    connection, response = site.open("POST", "/v1/actions/continue_conversation", site.admin_key, body)
    try:
        events = read_events(response)
        call = next(events).data["id"]
        assert next(events).kind == "delta"
        for who in (site.users["student"], site.users["manager"], site.admin_key):
            answer = site.request("GET", f"/v1/actions/calls/{call}/stream", who)
            assert answer.status == 409, answer
        service.let = 100
        last = list(events)[-1]
        assert last.kind == "done" and last.data["trace"]["calls"]
    finally:
        service.let, service.default = 0, "ok"
        connection.close()


def test_who_leaves_a_traced_stream_ends_it(site, service):
    service.default = "endless"
    body = {"trace": True, "stream": True, "provider": "openai chat", "input": {"messages": [{"role": "user", "content": "Why?"}]}}
    connection, response = site.open("POST", "/v1/actions/continue_conversation", site.admin_key, body)
    call = next(read_events(response)).data["id"]
    response.close()
    connection.close()
    service.default = "ok"
    wait_until(lambda: site.request("GET", f"/v1/actions/calls/{call}", site.admin_key).json.get("state") == "cancelled", what="the end of the call")


# ---- asking as somebody ----

def as_user(role, **more):
    return {"user": {"id": f"user-{role}", "roles": [role]}, "as_named": True, **more}


@pytest.mark.parametrize("role", ROLES)
def test_who_is_asked_as_may_what_their_own_token_may(site, role):
    for where in ("", "&placement=chat", "&placement=course_assist"):
        own = site.request("GET", f"/v1/actions?course_id={COURSE.replace('+', '%2B')}{where}", site.users[role])
        named = site.request("GET", f"/v1/actions?user_id=user-{role}&role={role}&as_named=true&course_id={COURSE.replace('+', '%2B')}{where}", site.admin_key)
        assert own.status == named.status == 200 and named.json == own.json
        plain = site.request("GET", f"/v1/actions?user_id=user-{role}&role={role}&course_id={COURSE.replace('+', '%2B')}{where}", site.admin_key).json
        may = {a["name"] for a in named.json["actions"] if a.get("reason") != "permission_denied"}
        assert may <= {a["name"] for a in plain["actions"] if a.get("reason") != "permission_denied"}, "it only lowers what the key may"


@pytest.mark.parametrize("role", ROLES)
def test_every_route_lets_in_whom_the_users_own_token_would(site, role):
    """Every GET of the table, by status: a site key that asks as somebody gets no further than they."""
    routes = site.request("GET", "/v1/openapi.json").json["paths"]
    for path, methods in routes.items():
        if "get" not in methods or "{" in path or not path.startswith("/v1/") or path == "/v1/openapi.json":
            continue
        own = site.request("GET", path, site.users[role])
        named = site.request("GET", f"{path}?user_id=user-{role}&role={role}&as_named=true", site.admin_key)
        assert named.status == own.status, f"{path}: {named.status}, {own.status} with their own token"


def test_nothing_of_the_key_is_left(site, service):
    assert ask(site, "generate_text", status=403, input={"prompt": "Hi"}, **as_user("student")).json["code"] == "permission_denied"
    assert ask(site, "generate_text", input={"prompt": "Hi"}, user={"id": "user-student", "roles": ["student"]}).json["success"]
    refused = ask(site, status=403, provider="anthropic", **as_user("student")).json
    assert refused["field"] == "/provider", "students choose no provider, whoever asks as one"
    assert ask(site, provider="anthropic", **as_user("manager")).json["success"]
    hidden = {"profile": "other", "context": {"course_id": COURSE}, "user_input": "Why?", **as_user("student")}
    assert site.request("POST", "/v1/workflows/run", site.admin_key, hidden).status == 403, "no scope leads to it"
    assert site.request("POST", "/v1/workflows/run", site.admin_key, {**hidden, "profile": "ask"}).status == 200
    prompt = {**hidden, "profile": "ask", "prompt": "Say no."}
    assert site.request("POST", "/v1/workflows/run", site.admin_key, prompt).status == 403


def test_a_key_that_may_choose_providers_does_not_choose_for_students(site):
    made = site.request("POST", "/v1/keys", site.admin_key, {"role": "service", "name": "chooser", "choose_provider": True})
    assert made.status == 201, made
    permission = {"role": "service", "permission": "view_trace", "allowed": True}
    assert site.request("PUT", "/v1/permissions", site.admin_key, permission).status == 200
    try:
        assert ask(site, status=403, key=made.json["key"], provider="anthropic", **as_user("student")).json["field"] == "/provider"
    finally:
        assert site.request("PUT", "/v1/permissions", site.admin_key, {**permission, "allowed": None}).status == 200


def test_the_users_limits_count(site):
    limit = site.request("POST", "/v1/limits", site.admin_key, {"subject": "role", "subject_id": "student", "per_user": True, "unit": "requests", "amount": 1, "window": "day"})
    assert limit.status == 201, limit
    try:
        who = {"user": {"id": "user-of-the-limit", "roles": ["student"]}, "as_named": True}
        assert ask(site, "summarise_text", input={"text": TEXT}, **who).json["success"]
        assert ask(site, "summarise_text", input={"text": TEXT}, status=429, **who).json["code"] == "rate_limited"
        assert ask(site, "summarise_text", input={"text": TEXT}, user={"id": "teacher-1", "roles": ["teacher"]}, as_named=True).json["success"]
    finally:
        assert site.request("DELETE", f"/v1/limits/{limit.json['id']}", site.admin_key).status == 204


def test_the_users_policy_counts(site):
    site.cli("site", "set", "demo", "policy_by_lms=false")
    site.wait_for_config()
    try:
        who = {"user": {"id": "never-asked", "roles": ["admin"]}, "as_named": True}
        assert ask(site, "summarise_text", input={"text": TEXT}, status=403, **who).json["code"] == "policy_not_accepted"
        assert ask(site, "summarise_text", input={"text": TEXT}).json["success"], "a key that names nobody is not asked"
    finally:
        site.cli("site", "set", "demo", "policy_by_lms=true")
        site.wait_for_config()


def test_the_answer_is_what_the_user_would_get_and_the_trace_tells_the_rest(site, service):
    answer = ask(site, **as_user("student")).json
    assert not {"provider", "model", "attempts"} & set(answer)
    assert only(answer["trace"]["calls"])["attempts"][0]["provider"]["name"]
    service.default = "503?message=words-of-the-vendor"
    failed = ask(site, status=502, **as_user("student")).json
    service.default = "ok"
    assert "words-of-the-vendor" not in failed["detail"]
    assert "words-of-the-vendor" in json.dumps(failed["trace"])


def test_the_call_is_the_users_in_the_register(site):
    call = ask(site, "summarise_text", input={"text": TEXT}, **as_user("teacher")).json["id"]
    row = site.request("GET", f"/v1/register/{call}", site.admin_key).json
    assert row["user_id"] == "user-teacher"


@pytest.mark.parametrize("role", ROLES)
def test_users_ask_as_nobody(site, role):
    body = {"input": {"text": TEXT}, "as_named": True}
    answer = site.request("POST", "/v1/actions/summarise_text", site.users[role], body)
    assert answer.status == 400 and answer.json["field"] == "/as_named"
    answer = site.request("GET", f"/v1/actions?user_id=user-{role}&as_named=true", site.users[role])
    assert answer.status == 400 and answer.json["field"] == "/as_named"


def test_it_needs_the_permission_and_a_user(site):
    body = {"input": {"text": TEXT}}
    assert site.request("POST", "/v1/actions/summarise_text", site.service_key, {**body, **as_user("student")}).json["field"] == "/as_named"
    assert site.request("GET", "/v1/actions?user_id=u&role=student&as_named=true", site.service_key).json["field"] == "/as_named"
    for answer in (site.request("POST", "/v1/actions/summarise_text", site.admin_key, {**body, "as_named": True}),
                   site.request("GET", "/v1/actions?as_named=true", site.admin_key),
                   site.request("GET", "/v1/actions?user_id=u&as_named=1", site.admin_key)):
        assert answer.status == 400 and answer.json["field"] == "/as_named", answer

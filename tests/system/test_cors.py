"""Pages of other origins, as a browser asks for them: the rules of the Fetch Standard that decide what a page gets to see are played here."""
import http.client
import json

import pytest
from conftest import Daemon, check_end, read_events, wait_until
from tokens import claims, token

SECRET = "a shared secret of the test"
DOOR = "/openedx-ai-extensions/v1"
COURSE = "course-v1:Org+Course+Run"
CONTEXT = "?context=" + '{"courseId":"course-v1:Org%2BCourse%2BRun"}'
PAGE, OTHER, NOBODY = "https://apps.lms.example", "https://apps.other.example", "https://evil.example"
SAFELISTED = {"accept", "accept-language", "content-language"}
FIELDS = {"content-type", "authorization", "use-jwt-cookie", "x-csrftoken", "x-requested-with", "last-event-id", "idempotency-key", "if-match",
          "if-none-match", "accept", "accept-language", "x-lectern-user", "x-lectern-course", "x-lectern-location", "x-lectern-placement",
          "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name",
          "openai-organization", "openai-project", *("x-stainless-" + name for name in ("arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version",
                                                                 "timeout", "helper-method", "poll-helper"))}


class Blocked(Exception):
    """The browser keeps the answer, or the request, from the page."""


class Page:
    """What `fetch()` of a page does (Fetch Standard §4.8 and §4.9)."""

    def __init__(self, daemon, origin, cookies=None):
        self.daemon, self.origin, self.cookies, self.preflights = daemon, origin, cookies, 0

    def check(self, headers, credentials):
        allowed = headers.get_all("Access-Control-Allow-Origin") or []
        if allowed != [self.origin] or (credentials and headers.get("Access-Control-Allow-Credentials") != "true"):
            raise Blocked(f"{allowed} {headers.get('Access-Control-Allow-Credentials')}")

    def preflight(self, method, path, names, credentials):
        self.preflights += 1
        asked = {"Origin": self.origin, "Access-Control-Request-Method": method}
        if names:
            asked["Access-Control-Request-Headers"] = ",".join(sorted(names))
        answer = self.daemon.request("OPTIONS", path, headers=asked)
        self.check(answer.headers, credentials)
        if not 200 <= answer.status < 300:
            raise Blocked(f"preflight: {answer}")
        methods = [m.strip() for m in answer.headers.get("Access-Control-Allow-Methods", "").split(",")]
        listed = {f.strip().lower() for f in answer.headers.get("Access-Control-Allow-Headers", "").split(",")}
        if (method not in methods and method not in ("GET", "HEAD", "POST")) or not names <= listed:
            raise Blocked(f"{methods} {listed}")

    def open(self, method, path, headers=None, body=None, credentials=False):
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        names = {name.lower() for name in headers} - SAFELISTED
        if method not in ("GET", "HEAD", "POST") or names:
            self.preflight(method, path, names, credentials)
        if credentials and self.cookies:
            headers["Cookie"] = self.cookies
        connection, response = self.daemon.open(method, path, headers={**headers, "Origin": self.origin}, body=body)
        try:
            self.check(response.headers, credentials)
        except Blocked:
            connection.close()
            raise
        return connection, response

    def fetch(self, *args, **options):
        connection, response = self.open(*args, **options)
        try:
            response.body = response.read()
            return response
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("cors") / "data")
    d.accept_policy(d.learner)
    d.cli("issuer", "set", "https://lms.example/oauth2", "openedx", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    d.cli("site", "set", "demo", json_list("cors_origins", PAGE, "http://localhost:2000"))
    d.cli("site", "add", "other")
    d.cli("site", "set", "other", json_list("cors_origins", OTHER))
    d.jwt = token(SECRET, "HS256", claims())
    d.bearer = {"Authorization": f"Bearer {d.learner}"}
    for slug, base in (("mock", "mock/mock.json5"), ("mock-stream", "mock/mock_streaming.json5")):
        made = d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": base, "content_patch": {}})
        assert made.status == 201, made
        made = d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "course_id": COURSE, "ui_slot_selector_id": slug})
        assert made.status == 201, made
    wait_until(lambda: d.request("GET", "/v1/actions", d.jwt).status == 200, what="the issuer")
    yield d
    check_end(d)


def json_list(name, *values):
    return f"{name}={json.dumps(values)}"


@pytest.fixture()
def page(site):
    return Page(site, PAGE)


def cors_fields(headers):
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith("access-control-")}


# ---- a listed origin ----


@pytest.mark.parametrize("method, path, body, status", [
    ("GET", "/v1/actions", None, 200),
    ("GET", "/v1/policy", None, 200),
    ("POST", "/v1/actions/summarise_text", {"input": {"text": "One. Two. Three."}}, 200),
    ("PUT", "/v1/policy", {"accepted": True, "version": "1"}, 200),
    ("GET", "/v1/providers", None, 403),
    ("GET", "/v1/nothing", None, 404),
    ("GET", "/v1/actions/calls/00000000-0000-7000-8000-000000000000", None, 404),
    ("POST", "/v1/actions/summarise_text", {"input": {}}, 400),
    ("POST", "/v1/actions/nothing", {"input": {}}, 404),
    ("GET", "/healthz", None, 200),
    ("GET", "/v1/openapi.json", None, 200),
])
def test_a_page_of_a_listed_origin_sees_every_answer(site, page, method, path, body, status):
    if path == "/v1/nothing":
        with pytest.raises(Blocked):  # what does not exist has no preflight either
            page.fetch(method, path, site.bearer, body)
        return
    answer = page.fetch(method, path, site.bearer, body)
    assert answer.status == status, answer.body
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
    assert ("Access-Control-Allow-Credentials" in answer.headers) == (path == "/v1/policy")  # which takes the platform's cookies
    assert page.preflights == 1


def test_a_refusal_before_the_caller_is_known_can_be_read(site, page):
    for headers in ({}, {"Authorization": "Bearer lk_wrong"}, {"Authorization": "Bearer " + token("x" * 20, "HS256", claims())}):
        assert page.fetch("GET", "/v1/actions", headers).status == 401
    assert page.fetch("GET", "/nothing").status == 404


def test_a_stream_of_events_can_be_read_and_resumed(site, page):
    connection, response = page.open("POST", "/v1/actions/summarise_text", site.bearer, {"input": {"text": "One. Two. Three."}, "stream": True})
    events = list(read_events(response))
    connection.close()
    assert response.headers["Content-Type"].startswith("text/event-stream") and events[-1].kind == "done"
    assert response.headers["Access-Control-Expose-Headers"] == \
        "X-Request-Id, ETag, Retry-After, Idempotent-Replayed, Content-Disposition, Mcp-Session-Id"
    call = f"/v1/actions/calls/{events[0].data['id']}"
    connection, response = page.open("GET", call + "/stream", {**site.bearer, "Last-Event-ID": str(events[0].id)})
    assert [e.id for e in read_events(response)] == [e.id for e in events[1:]]
    connection.close()
    assert page.fetch("GET", call, site.bearer).status == 200
    assert page.fetch("DELETE", call, site.bearer).status == 200


def test_the_preflight_says_what_the_path_takes(site):
    answer = site.request("OPTIONS", "/v1/providers/7", headers={"Origin": PAGE, "Access-Control-Request-Method": "PATCH",
                                                                 "Access-Control-Request-Headers": "authorization,content-type"})
    assert answer.status == 204 and answer.body == b""
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "PATCH", "DELETE"}
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) == FIELDS
    assert 0 < int(answer.headers["Access-Control-Max-Age"]) <= 86400
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE and answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in answer.headers and "Content-Length" not in answer.headers


def test_a_preflight_is_no_way_in(site):
    """Whatever it asks for, nothing is done, and a path or method that is not there stays so."""
    for path in ("/v1/nothing", "/", "/v1/actions/a/b/c"):
        answer = site.request("OPTIONS", path, headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"})
        assert answer.status == 404 and "Access-Control-Allow-Methods" not in answer.headers
    answer = site.request("OPTIONS", "/v1/policy", headers={"Origin": PAGE, "Access-Control-Request-Method": "BREW"})
    assert "BREW" not in answer.headers["Access-Control-Allow-Methods"]
    assert site.request("OPTIONS", "/v1/policy", headers={"Origin": PAGE}).status == 405  # an OPTIONS that is no preflight


def test_origins_are_compared_whole(site):
    for origin in (NOBODY, "http://apps.lms.example", PAGE + ":8443", PAGE + ".evil.example", "https://xapps.lms.example", "null", "*", PAGE + "/"):
        with pytest.raises(Blocked):
            Page(site, origin).fetch("GET", "/v1/actions", site.bearer)
    assert Page(site, "http://localhost:2000").fetch("GET", "/v1/actions", site.bearer).status == 200


# ---- others ----


@pytest.mark.parametrize("origin", [NOBODY, "null", None])
def test_an_origin_that_nobody_lists_gets_the_same_answers_without_these_fields(site, origin):
    headers = {"Origin": origin} if origin else {}
    for path, status in (("/v1/actions", 200), ("/v1/providers", 403), ("/v1/nothing", 404), (f"{DOOR}/profile/{CONTEXT}", 200)):
        answer = site.request("GET", path, site.learner, headers=headers)
        assert answer.status == status and cors_fields(answer.headers) == {}, answer
        assert answer.headers["Vary"] == "Origin"  # caches keep answers for different origins apart
    answer = site.request("GET", "/v1/actions", headers=headers)
    assert answer.status == 401 and cors_fields(answer.headers) == {}
    answer = site.request("OPTIONS", "/v1/actions", headers={**headers, "Access-Control-Request-Method": "GET"})
    assert answer.status == 405 and cors_fields(answer.headers) == {}


def test_one_sites_pages_see_nothing_of_another_sites_users(site):
    other = Page(site, OTHER)
    assert other.fetch("GET", "/v1/actions").status == 401  # who calls is not known
    answer = site.request("GET", "/v1/actions", site.learner, headers={"Origin": OTHER})
    assert answer.status == 200 and cors_fields(answer.headers) == {}
    for path in ("/v1/actions", "/v1/policy", "/v1/providers"):
        with pytest.raises(Blocked):
            other.fetch("GET", path, site.bearer)
    with pytest.raises(Blocked):
        other.fetch("POST", "/v1/actions/summarise_text", site.bearer, {"input": {"text": "One. Two."}, "stream": True})
    with pytest.raises(Blocked):
        other.fetch("GET", f"{DOOR}/profile/{CONTEXT}", {"Authorization": f"JWT {site.jwt}"})


def test_two_origin_fields_are_none(site):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.putrequest("GET", "/v1/actions")
    connection.putheader("Authorization", f"Bearer {site.learner}")
    connection.putheader("Origin", PAGE)
    connection.putheader("Origin", NOBODY)
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 200 and cors_fields(response.headers) == {}
    connection.close()


def test_without_a_list_there_is_nothing_of_this(tmp_path):
    d = Daemon(tmp_path / "data")
    for path, key in (("/v1/actions", d.learner), ("/v1/actions", None), ("/healthz", None)):
        answer = d.request("GET", path, key, headers={"Origin": PAGE})
        assert cors_fields(answer.headers) == {} and "Vary" not in answer.headers
    check_end(d)


def test_the_list_of_a_disabled_site_opens_nothing(tmp_path):
    d = Daemon(tmp_path / "data")
    d.cli("site", "add", "other")
    d.cli("site", "set", "other", json_list("cors_origins", OTHER))
    wait_until(lambda: cors_fields(d.request("GET", "/healthz", headers={"Origin": OTHER}).headers), what="the list")
    d.cli("site", "set", "other", "enabled=false")
    wait_until(lambda: not cors_fields(d.request("GET", "/healthz", headers={"Origin": OTHER}).headers), what="its end")
    assert d.request("OPTIONS", "/v1/actions", headers={"Origin": OTHER, "Access-Control-Request-Method": "GET"}).status == 405
    check_end(d)


# ---- the Open edX door, whose pages send cookies and fields of their own ----


@pytest.fixture()
def mfe(site):
    head, payload, signature = site.jwt.split(".")
    return Page(site, PAGE, f"edx-jwt-cookie-header-payload={head}.{payload}; edx-jwt-cookie-signature={signature}; sessionid=1")


EDX = {"USE-JWT-COOKIE": "true", "X-CSRFToken": "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"}


def slot(name):
    return "?context=" + '{"courseId":"course-v1:Org%2BCourse%2BRun","uiSlotSelectorId":"' + name + '"}'


def test_a_page_with_credentials_reads_its_profile(site, mfe):
    answer = mfe.fetch("GET", f"{DOOR}/profile/{slot('mock')}", EDX, credentials=True)
    assert answer.status == 200 and json.loads(answer.body).get("status") != "no_config", answer.body
    assert mfe.preflights == 1


def test_a_page_with_credentials_runs_a_workflow(site, mfe):
    answer = mfe.fetch("POST", f"{DOOR}/workflows/{slot('mock')}", EDX, {"action": "run", "user_input": {}}, credentials=True)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json", answer.body


def test_a_page_with_credentials_streams_text(site, mfe):
    answer = mfe.fetch("POST", f"{DOOR}/workflows/{slot('mock-stream')}", EDX, {"action": "run", "user_input": {}}, credentials=True)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain") and len(answer.body) > 0
    assert answer.headers["Access-Control-Allow-Credentials"] == "true" and answer.headers["Vary"] == "Origin"


def test_the_doors_refusals_can_be_read_too(site, mfe):
    bare = Page(site, PAGE)
    assert bare.fetch("GET", f"{DOOR}/profile/{slot('mock')}", EDX, credentials=True).status == 401
    assert mfe.fetch("POST", f"{DOOR}/workflows/{slot('mock')}", {"USE-JWT-COOKIE": "true"}, {"action": "run"}, credentials=True).status == 403
    assert mfe.fetch("POST", f"{DOOR}/workflows/{slot('mock')}", EDX, {"action": 7}, credentials=True).status == 400


def test_credentials_are_for_the_door_and_the_policy_alone(site, mfe):
    for path in ("/v1/actions", "/v1/providers", "/healthz"):
        with pytest.raises(Blocked):
            mfe.fetch("GET", path, EDX, credentials=True)
    assert mfe.fetch("GET", "/v1/policy", EDX, credentials=True).status == 200


def test_another_sites_page_gets_nothing_by_the_users_cookies(site, mfe):
    other = Page(site, OTHER, mfe.cookies)
    for method, path, body in (("GET", f"profile/{slot('mock')}", None), ("POST", f"workflows/{slot('mock')}", {"action": "run"})):
        with pytest.raises(Blocked):
            other.fetch(method, f"{DOOR}/{path}", EDX, body, credentials=True)
    evil = Page(site, NOBODY, mfe.cookies)
    with pytest.raises(Blocked):
        evil.fetch("POST", f"{DOOR}/workflows/{slot('mock')}", EDX, {"action": "run"}, credentials=True)
    assert evil.preflights == 1

"""Signing in to the console: a key once, then a cookie that does what the key does, for the console's own pages alone."""
import concurrent.futures
import contextlib
import gzip
import http.cookies
import json
import re
import time

import pytest
from conftest import ROOT, Daemon, check_end, contents, wait_until
from database import break_down, connect

SESSION = "/v1/console/session"
HOURS = 12
PAGE = '<!DOCTYPE html><title>Console</title><script type="application/json" id="session"><!--session--></script><main>built</main>'
NAME = "School <!-- <script> & Co\u2028\u2029"  # what a site's name must not do to the page


class Site:
    """A daemon whose console is built, and a second site in it."""

    def __init__(self, folder, *options):
        share = folder / "share"
        (share / "widgets" / "admin").mkdir(parents=True)
        for name in ("demo", "plugin", "templates"):
            (share / name).symlink_to(ROOT / "share" / name)
        self.files = share / "widgets" / "admin"
        (self.files / "index.html").write_text(PAGE)
        self.daemon = Daemon(folder / "data", "--share", str(share), *options)
        self.origin = f"http://127.0.0.1:{self.daemon.port}"
        self.daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"name": NAME, "cors_origins": ["https://lms.example"], "policy_by_lms": True}))
        self.daemon.cli("site", "add", "b")
        self.b = self.add_key("b", "site_admin")
        wait_until(lambda: self.daemon.request("GET", "/v1/keys", self.b).status == 200, what="the key of b")

    def add_key(self, site, role, *more):
        return json.loads(self.daemon.cli("--json", "key", "add", "--site", site, "--role", role, *more))["key"]

    def make_key(self, role="site_admin", **more):
        answer = self.daemon.request("POST", "/v1/keys", self.daemon.admin_key, {"role": role, "name": "of a test", **more})
        assert answer.status == 201, answer
        return answer.json

    def sign_in(self, key=None, **headers):
        return self.daemon.request("POST", SESSION, None, {"key": key or self.daemon.admin_key}, headers={"Origin": self.origin, **headers})

    def signed_in(self, key=None):
        answer = self.sign_in(key)
        assert answer.status == 200, answer
        return Browser(self, answer)

    def rows(self, sql, *values):
        with contextlib.closing(connect(self.daemon.data / "lectern.db", timeout=60)) as database, database:
            return database.execute(sql, values).fetchall()


class Browser:
    """What a page of the console has: its cookie, and the token of the answer."""

    def __init__(self, site, answer):
        self.site, self.session = site, answer.json
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]

    def ask(self, method, path, body=None, csrf=True, **headers):
        headers = {"Cookie": self.cookie, **headers}
        if csrf:
            headers["X-CSRF-Token"] = self.session["csrf_token"] if csrf is True else csrf
        return self.site.daemon.request(method, path, None, body, headers=headers)

    @property
    def alive(self):
        return self.ask("GET", SESSION).status == 200


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("console"), "--sign-in-pause", "3600", "--threads", "2")
    yield s
    check_end(s.daemon)


def refused(answer, status, words):
    assert answer.status == status and words in answer.json["detail"], answer
    assert "Set-Cookie" not in answer.headers
    return True


# ---- signing in and out ----


def test_a_key_signs_in_and_the_cookie_is_its_key(site):
    answer = site.sign_in()
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    s, key = answer.json, next(k for k in site.daemon.request("GET", "/v1/keys", site.daemon.admin_key).json["keys"] if k["role"] == "site_admin")
    assert s["site"] == {"slug": "demo", "name": NAME}
    assert s["key"] == {name: key[name] for name in ("id", "prefix", "name", "role")} and site.daemon.admin_key.startswith(s["key"]["prefix"])
    assert s["demo"] is True and re.fullmatch(r"\d+\.\d+\.\d+.*", s["version"])
    assert {"manage_keys", "manage_permissions", "view_register", "action:summarise_text"} <= set(s["permissions"])
    assert set(s) == {"site", "key", "permissions", "csrf_token", "expires_at", "demo", "version", "emergency_stop"}
    browser = Browser(site, answer)
    assert browser.ask("GET", SESSION).json == s
    assert browser.ask("GET", "/v1/keys").json == site.daemon.request("GET", "/v1/keys", site.daemon.admin_key).json
    made = browser.ask("POST", "/v1/prompts", {"slug": "by-the-console", "body": "Be brief."})
    assert made.status == 201, made
    assert browser.ask("DELETE", "/v1/prompts/by-the-console").status == 204
    assert browser.ask("HEAD", "/v1/keys", csrf=False).status == 200


def test_the_session_says_whether_all_ai_is_stopped(site):
    browser = site.signed_in()
    assert browser.session["emergency_stop"] == {"stopped": False, "site": None, "all_sites": None}
    stop = browser.ask("PUT", "/v1/emergency-stop", {"reason": "look"})
    assert stop.status == 200 and stop.json["site"]["reason"] == "look"
    assert browser.ask("GET", SESSION).json["emergency_stop"] == site.sign_in().json["emergency_stop"] == stop.json
    assert browser.ask("DELETE", "/v1/emergency-stop").status == 200
    assert browser.ask("GET", SESSION).json["emergency_stop"]["stopped"] is False


def test_permissions_are_those_of_the_key(site):
    browser = site.signed_in()
    cells = site.daemon.request("GET", "/v1/permissions", site.daemon.admin_key).json["permissions"]
    allowed = {p["permission"] for p in cells if any(c["role"] == "admin" and c["allowed"] for c in p["roles"])}
    assert set(browser.session["permissions"]) == allowed and len(allowed) > 20


def test_signing_out_ends_it_for_good(site):
    browser, other = site.signed_in(), site.signed_in()
    answer = browser.ask("DELETE", SESSION)
    cookie = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])["lectern_console"]
    assert answer.status == 204 and cookie.value == "" and cookie["max-age"] == "0" and cookie["path"] == "/"
    refused(browser.ask("GET", SESSION), 401, "has ended: sign in again")
    refused(browser.ask("GET", "/v1/keys"), 401, "has ended")
    refused(browser.ask("DELETE", SESSION), 401, "has ended")
    assert other.alive


def test_without_a_cookie_there_is_no_session(site):
    for key in (None, site.daemon.admin_key):
        assert site.daemon.request("GET", SESSION, key).status == 401
        assert site.daemon.request("DELETE", SESSION, key).status == 401


def test_a_pasted_key_may_have_blanks_around_it(site):
    assert site.sign_in(f"  {site.daemon.admin_key}\n").status == 200


@pytest.mark.parametrize("role", ["service", "metrics"])
def test_other_keys_may_not_sign_in(site, role):
    answer = site.sign_in(site.make_key(role)["key"])
    refused(answer, 403, f"this is a {role} key")
    assert answer.json["field"] == "/key"


@pytest.mark.parametrize("body, status", [({}, 400), ({"key": 1}, 400), ({"key": ""}, 400), ({"key": "x" * 129}, 400), ({"key": "x", "more": 1}, 400),
                                          ({"key": "lk_wrong"}, 401), ({"key": "learner"}, 401)])
def test_what_is_no_key_is_refused(site, body, status):
    if body.get("key") == "learner":
        body = {"key": site.daemon.learner[:128]}
    answer = site.daemon.request("POST", SESSION, None, body)
    assert answer.status == status and "Set-Cookie" not in answer.headers, answer


def test_a_form_of_a_page_cannot_sign_in(site):
    """Only JSON is taken, which no page of others can send unasked."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = site.daemon.request("POST", SESSION, None, json.dumps({"key": site.daemon.admin_key}), headers={"Content-Type": kind})
        assert answer.status == 415, answer


# ---- the cookie ----


def attributes(answer):
    return [part.strip() for part in answer.headers["Set-Cookie"].split(";")][1:]


def test_the_cookie_over_http(site):
    answer = site.sign_in()
    assert attributes(answer) == ["Path=/", f"Max-Age={HOURS * 3600}", "HttpOnly", "SameSite=Strict"]
    assert re.fullmatch(r"lectern_console=[A-Za-z0-9_-]{43}", answer.headers["Set-Cookie"].split(";")[0])


def test_the_cookie_behind_a_proxy_that_speaks_https(site):
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lectern.example", "Origin": "https://lectern.example"}
    answer = site.sign_in(**proxy)
    assert attributes(answer) == ["Path=/", f"Max-Age={HOURS * 3600}", "HttpOnly", "SameSite=Strict", "Secure"]
    browser = Browser(site, answer)
    assert browser.ask("GET", SESSION, **proxy).status == 200
    refused(browser.ask("GET", SESSION, **{**proxy, "Origin": "http://lectern.example"}), 403, "Origin is not this host")
    assert attributes(browser.ask("DELETE", SESSION, **proxy))[-1] == "Secure"


def test_proxies_that_are_not_trusted_say_nothing(tmp_path):
    s = Site(tmp_path, "--trusted-proxies", "none")
    assert "Secure" not in attributes(s.sign_in(**{"X-Forwarded-Proto": "https"}))
    check_end(s.daemon)


# ---- what is refused: the table ----

FORGED = "for its own pages"
REFUSALS = [  # of a request by a good cookie: method, what else it says, status, words
    ("GET", {"Origin": "https://evil.example"}, 403, FORGED),
    ("GET", {"Origin": "https://lms.example"}, 403, FORGED),  # one that the site lists for its widgets
    ("GET", {"Origin": "null"}, 403, FORGED),
    ("GET", {"Origin": ""}, 403, FORGED),
    ("GET", {"Sec-Fetch-Site": "same-site"}, 403, "Sec-Fetch-Site"),
    ("GET", {"Sec-Fetch-Site": "cross-site"}, 403, "Sec-Fetch-Site"),
    ("POST", {"Origin": "https://evil.example"}, 403, FORGED),
    ("POST", {"csrf": False}, 403, "exactly one X-CSRF-Token"),
    ("POST", {"csrf": "A" * 43}, 403, "not that of this session"),
    ("POST", {"csrf": "A"}, 403, "not that of this session"),
    ("PUT", {"csrf": False}, 403, "exactly one X-CSRF-Token"),
    ("PATCH", {"csrf": False}, 403, "exactly one X-CSRF-Token"),
    ("DELETE", {"csrf": False}, 403, "exactly one X-CSRF-Token"),
]
ROUTES = {"GET": ("/v1/keys", None), "POST": ("/v1/prompts", {"slug": "never", "body": "x"}),
          "PUT": ("/v1/permissions", {"role": "teacher", "permission": "view_register", "allowed": True}),
          "PATCH": ("/v1/providers/1", {"enabled": False}), "DELETE": ("/v1/prompts/never", None)}


@pytest.mark.parametrize("method, said, status, words", REFUSALS)
def test_a_request_that_may_be_forged_is_refused(site, method, said, status, words):
    browser, (path, body) = site.signed_in(), ROUTES[method]
    answer = browser.ask(method, path, body, **said)
    refused(answer, status, words)
    assert answer.json["code"] == "permission_denied" and "Access-Control-Allow-Credentials" not in answer.headers
    assert browser.alive and site.daemon.request("GET", "/v1/prompts/never", site.daemon.admin_key).status == 404


@pytest.mark.parametrize("said", [{}, {"Origin": "own"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_a_request_of_the_own_page_is_not(site, said):
    said = {name: site.origin if value == "own" else value for name, value in said.items()}
    assert site.signed_in().ask("GET", "/v1/keys", **said).status == 200


@pytest.mark.parametrize("cookie, words", [
    ("lectern_console=" + "A" * 43, "has ended"), ("lectern_console=", "has ended"), ("lectern_console=x", "has ended"),
    ("lectern_console=" + "A" * 4000, "has ended"), ("lectern_console=a b", "no cookie may hold"), ("lectern_console", "has ended"),
    ("lectern_console=" + "A" * 43 + "; lectern_console=" + "B" * 43, "more than one cookie"), ("other=1; lectern_console=../..", "has ended")])
def test_a_cookie_that_is_nobodys_is_refused(site, cookie, words):
    for method in ("GET", "DELETE"):
        answer = site.daemon.request(method, SESSION, headers={"Cookie": cookie})
        refused(answer, 401, words)


def test_other_cookies_are_no_sign_in(site):
    answer = site.daemon.request("GET", "/v1/keys", headers={"Cookie": "a=1; session=\"x y\""})
    refused(answer, 401, "no Authorization field")


def test_the_token_of_another_session_does_not_fit(site):
    one, two = site.signed_in(), site.signed_in()
    assert one.session["csrf_token"] != two.session["csrf_token"]
    refused(one.ask("POST", "/v1/prompts", {"slug": "never", "body": "x"}, csrf=two.session["csrf_token"]), 403, "not that of this session")


def test_a_foreign_origin_signs_nobody_in(site):
    for origin in ("https://evil.example", "https://lms.example", "null"):
        refused(site.sign_in(Origin=origin), 403, FORGED)


def test_preflights_of_listed_origins_do_not_allow_the_token(site):
    answer = site.daemon.request("OPTIONS", "/v1/keys", headers={"Origin": "https://lms.example", "Access-Control-Request-Method": "POST",
                                                                 "Access-Control-Request-Headers": "x-csrf-token"})
    assert answer.status == 204 and "x-csrf-token" not in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_an_authorization_field_goes_first(site):
    browser = site.signed_in(site.b)
    answer = browser.ask("GET", "/v1/keys", Authorization=f"Bearer {site.daemon.admin_key}")
    assert answer.json == site.daemon.request("GET", "/v1/keys", site.daemon.admin_key).json
    assert browser.ask("GET", "/v1/keys", Authorization="Bearer lk_wrong").status == 401
    assert browser.ask("GET", SESSION, Authorization=f"Bearer {site.daemon.admin_key}").status == 401  # that is no session


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/openai/v1/models", None), ("POST", "/openai/v1/chat/completions", {"model": "action:summarise_text", "messages": [{"role": "user", "content": "x"}]}),
    ("GET", "/ollama/api/tags", None), ("POST", "/ollama/api/chat", {"model": "action:summarise_text", "messages": []}),
    ("GET", "/openedx-ai-extensions/v1/profiles", None), ("POST", "/openedx-ai-extensions/v1/workflows", {"action": "run"}), ("GET", "/metrics", None)])
def test_the_doors_do_not_take_it(site, method, path, body):
    browser = site.signed_in()
    for more in ({}, {"USE-JWT-COOKIE": "true"}):
        assert browser.ask(method, path, body, **more).status == 401


# ---- what ends it ----


def test_revoking_the_key_ends_it_at_once(site):
    key = site.make_key()
    browsers = [site.signed_in(key["key"]) for _ in range(2)]
    assert browsers[0].ask("DELETE", f"/v1/keys/{key['id']}").status == 204  # it ends itself
    for browser in browsers:
        refused(browser.ask("GET", "/v1/keys"), 401, "has ended")
    assert site.rows("SELECT * FROM console_session WHERE key_id = ?", key["id"]) == []
    refused(site.sign_in(key["key"]), 401, "this key is not known")


def test_the_command_line_ends_it_too(site):
    key = site.make_key()
    browser = site.signed_in(key["key"])
    site.daemon.cli("key", "revoke", key["prefix"], "--site", "demo")
    refused(browser.ask("GET", "/v1/keys"), 401, "has ended")


def test_a_rotated_key_keeps_its_sessions_for_the_overlap(site):
    key = site.make_key()
    browser = site.signed_in(key["key"])
    assert browser.ask("POST", f"/v1/keys/{key['id']}/rotate", {"overlap_s": 3600}).status == 201
    assert browser.alive
    other = site.make_key()
    browser = site.signed_in(other["key"])
    assert browser.ask("POST", f"/v1/keys/{other['id']}/rotate", {"overlap_s": 0}).status == 201
    assert not browser.alive


def test_it_ends_with_the_key(site):
    end = int(time.time()) + 3600
    key = site.make_key(expires_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)))
    answer = site.sign_in(key["key"])
    assert answer.json["expires_at"] == key["expires_at"] and 0 < int(attributes(answer)[1].removeprefix("Max-Age=")) <= 3600
    browser = Browser(site, answer)
    site.rows("UPDATE site_key SET expires_at = ? WHERE id = ?", int(time.time() * 1000) - 1, key["id"])
    site.rows("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
    site.daemon.wait_for_config()
    refused(browser.ask("GET", "/v1/keys"), 401, "this key has expired")
    refused(site.sign_in(key["key"]), 401, "this key has expired")


def test_it_ends_after_twelve_hours(site):
    browser = site.signed_in()
    row, created, expires = site.rows("SELECT id, created_at, expires_at FROM console_session ORDER BY id DESC LIMIT 1")[0]
    assert abs(expires - created - HOURS * 3600000) < 60000
    site.rows("UPDATE console_session SET expires_at = ? WHERE id = ?", int(time.time() * 1000) - 1, row)
    refused(browser.ask("GET", SESSION), 401, "has ended")
    refused(browser.ask("POST", "/v1/prompts", {"slug": "never", "body": "x"}), 401, "has ended")
    site.signed_in()
    assert site.rows("SELECT * FROM console_session WHERE id = ?", row) == []  # swept at the next sign-in


def test_a_key_has_so_many_sessions_and_the_oldest_go(site):
    key = site.make_key()
    browsers = [site.signed_in(key["key"]) for _ in range(22)]
    assert [b.alive for b in browsers] == [False] * 2 + [True] * 20
    assert site.rows("SELECT count(*) FROM console_session WHERE key_id = ?", key["id"]) == [(20,)]


def test_at_once_there_are_no_more_either(site):
    key = site.make_key()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {a.status for a in pool.map(lambda _: site.sign_in(key["key"]), range(30))} == {200}
    assert site.rows("SELECT count(*) FROM console_session WHERE key_id = ?", key["id"]) == [(20,)]


def test_it_outlives_a_restart(tmp_path):
    s = Site(tmp_path)
    browser = s.signed_in()
    check_end(s.daemon)
    s.daemon = Daemon(tmp_path / "data", "--share", str(tmp_path / "share"))
    assert browser.alive
    check_end(s.daemon)


# ---- two sites ----


def test_each_site_sees_its_own(site):
    a, b = site.signed_in(), site.signed_in(site.b)
    assert b.session["site"]["slug"] == "b" and a.session["site"]["slug"] == "demo"
    assert a.ask("PUT", "/v1/permissions", {"role": "teacher", "permission": "view_register", "allowed": True}).status == 200
    ids = {name: {k["id"] for k in browser.ask("GET", "/v1/keys").json["keys"]} for name, browser in (("a", a), ("b", b))}
    assert not ids["a"] & ids["b"] and b.session["key"]["id"] in ids["b"]
    assert b.ask("DELETE", f"/v1/keys/{a.session['key']['id']}").status == 404
    assert a.alive


def test_a_site_is_removed_with_its_sessions(site):
    site.daemon.cli("site", "add", "c")
    key = site.add_key("c", "site_admin")
    browser = wait_until(lambda: (a := site.sign_in(key)).status == 200 and Browser(site, a), what="the key of c")
    site.daemon.cli("site", "remove", "c")
    refused(browser.ask("GET", SESSION), 401, "has ended")


# ---- wrong keys ----


def test_wrong_keys_are_failed_sign_ins_of_the_address(site):
    here = {"X-Forwarded-For": "198.18.7.1"}
    found = [site.sign_in(f"lk_wrong{i}", **here) for i in range(21)]
    assert [a.status for a in found] == [401] * 20 + [429]
    assert found[-1].json["code"] == "rate_limited" and int(found[-1].headers["Retry-After"]) > 0
    assert site.daemon.request("GET", "/v1/actions", "lk_other", headers=here).status == 429  # they are counted together
    assert site.sign_in("lk_wrong", **{"X-Forwarded-For": "198.18.7.2"}).status == 401
    assert site.sign_in(**here).status == 200  # a key that is one gets in


# ---- what is kept and logged ----


def test_sign_in_and_sign_out_are_logged_without_secrets(site):
    key = site.make_key()
    answer = site.sign_in(key["key"], **{"X-Forwarded-For": "198.18.8.1"})
    browser = Browser(site, answer)
    browser.ask("DELETE", SESSION, **{"X-Forwarded-For": "198.18.8.1"})
    lines = [json.loads(line) for line in site.daemon.log().splitlines() if "198.18.8.1" in line]
    assert [line["event"] for line in lines] == ["console.sign_in", "console.sign_out"]
    assert all(line["key"] == key["prefix"] and line["site"] == "demo" for line in lines), lines


def test_neither_token_is_in_any_file_or_log(site):
    browser = site.signed_in()
    token, csrf = browser.cookie.split("=")[1], browser.session["csrf_token"]
    browser.ask("POST", "/v1/prompts", {"slug": "x", "body": 1})
    browser.ask("GET", "/v1/keys", Origin="https://evil.example")
    for text in (token, csrf, site.daemon.admin_key):
        assert text not in site.daemon.log()
        assert [path.name for path, content in contents(site.daemon.data) if text.encode() in content] == ([] if text != site.daemon.admin_key else ["demo.json"])


def test_a_database_that_is_down_signs_nobody_out(tmp_path):
    s = Site(tmp_path)
    browser = s.signed_in()
    break_down(s.daemon.data)
    # What SQLite still holds of the pages may answer for a moment.
    for ask in (lambda: browser.ask("GET", SESSION), s.sign_in):
        seen = []
        wait_until(lambda: seen.append(ask().status) or seen[-1] == 503, what="503")
        assert set(seen) <= {200, 503}
    s.daemon.process.kill()
    s.daemon.stop()


# ---- the pages ----


def page_session(answer):
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8", answer
    text = answer.body.decode()
    found = re.search(r'<script type="application/json" id="session">(.*?)</script>(<main>built</main>)$', text, re.S)
    assert found, text
    assert not set("<\u2028\u2029") & set(found[1])
    return json.loads(found[1])


def test_the_page_has_the_session_in_it(site):
    browser = site.signed_in()
    for path in ("/admin", "/admin/", "/admin/keys", "/admin/no/such/page", "/admin/keys?q=x"):
        answer = browser.ask("GET", path, csrf=False)
        assert page_session(answer) == browser.session and browser.session["site"]["name"] == NAME
        assert answer.headers["Cache-Control"] == "no-store"
        assert page_session(site.daemon.request("GET", path)) is None


@pytest.mark.parametrize("said", [{"Origin": "https://lms.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
def test_pages_of_others_do_not_get_it(site, said):
    answer = site.signed_in().ask("GET", "/admin", csrf=False, **said)
    assert page_session(answer) is None and "Access-Control-Allow-Credentials" not in answer.headers


def test_a_cookie_that_has_ended_gives_a_page_to_sign_in(site):
    browser = site.signed_in()
    browser.ask("DELETE", SESSION)
    assert page_session(browser.ask("GET", "/admin", csrf=False)) is None
    assert page_session(site.daemon.request("GET", "/admin", headers={"Cookie": "lectern_console=x"})) is None


def test_what_the_page_may_load(site):
    policy = dict(part.strip().split(" ", 1) for part in site.daemon.request("GET", "/admin").headers["Content-Security-Policy"].split(";"))
    assert policy == {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self'",
                      "font-src": "'self'", "base-uri": "'none'", "form-action": "'self'", "frame-ancestors": "'none'",
                      "require-trusted-types-for": "'script'", "trusted-types": "lit-html lectern"}
    assert site.daemon.request("GET", "/admin").headers["X-Content-Type-Options"] == "nosniff"


def test_files_with_a_hash_are_kept_for_a_year(site):
    for name, kind, cache in (("app-ABCDEF23.js", "text/javascript", "public, max-age=31536000, immutable"),
                              ("app-ABCDEF23.css", "text/css", "public, max-age=31536000, immutable"),
                              ("app.js", "text/javascript", "no-cache"), ("app-abcdef23.css", "text/css", "no-cache"), ("icon.svg", "image/svg+xml", "no-cache")):
        (site.files / name).write_text(f"/* {name} */")
        (site.files / f"{name}.gz").write_bytes(gzip.compress(f"/* {name} */".encode()))
        answer = site.daemon.request("GET", f"/admin/static/{name}", headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.headers["Content-Type"].startswith(kind) and answer.headers["Cache-Control"] == cache, answer.headers
        assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(answer.body).decode() == f"/* {name} */"
        assert site.daemon.request("GET", f"/admin/static/{name}").body.decode() == f"/* {name} */"
        again = site.daemon.request("GET", f"/admin/static/{name}", headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]})
        assert again.status == 304 and again.body == b""


@pytest.mark.parametrize("path", ["nothing.js", "../manifest.json", "%2e%2e/manifest.json", ".hidden", "a//b"])
def test_files_that_are_not_there(site, path):
    assert site.daemon.request("GET", f"/admin/static/{path}").status == 404


def test_a_console_that_is_not_built_says_how_to_build_it(tmp_path):
    s = Site(tmp_path)
    (s.files / "index.html").unlink()
    answer = s.daemon.request("GET", "/admin", headers={"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
    assert answer.status == 404 and answer.headers["Content-Type"].startswith("text/html")
    assert b"npm run build" in answer.body and b"share/lectern/widgets/admin" in answer.body
    answer = s.daemon.request("GET", "/admin/keys")
    assert answer.status == 404 and "not built" in answer.json["detail"]
    (s.files / "index.html").write_text("<!DOCTYPE html><title>no marker</title>")
    assert s.daemon.request("GET", "/admin").status == 500
    check_end(s.daemon)

"""Who calls: tokens of each algorithm, where an issuer's keys come from, Open edX's claims and cookies, and every known way to cheat."""
import concurrent.futures
import hashlib
import hmac
import json
import time

import pytest
from conftest import Daemon, check_end, run_lectern, wait_until
from tokens import Key, KeyServer, b64, claims, key_set, token

ISS, AUD = "https://lms.example/oauth2", "openedx"
SECRET = "a shared secret of the test"
DOOR = "/openedx-ai-extensions/v1"
CONTEXT = "?context=" + '{"courseId":"course-v1:Org%2BCourse%2BRun"}'
RUN = f"{DOOR}/workflows/{CONTEXT}"


@pytest.fixture(scope="module")
def keys():
    return {"r1": Key("RSA", "r1"), "r2": Key("RSA", "r2"), "e1": Key("EC", "e1"), "e2": Key("EC", "e2")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("identity") / "data")
    yield d
    check_end(d)


@pytest.fixture()
def audience(request):
    """Each test has an issuer of its own, for caches are by address and configuration is read within a second."""
    return f"{AUD}-{request.node.name}"[:200]


def set_issuer(site, aud, *options, stdin=None):
    site.cli("issuer", "set", ISS, aud, "--site", "demo", *options, stdin=stdin)


def who(site, jwt, path="/v1/actions"):
    return site.request("GET", path, jwt)


def in_force(site, jwt):
    wait_until(lambda: who(site, jwt).status == 200, what="the issuer")


def unknown(site, jwt, status=401, code="unauthenticated"):
    answer = who(site, jwt)
    assert (answer.status, answer.json["code"]) == (status, code), answer
    return answer


# ---- algorithms and where keys come from ----


@pytest.mark.parametrize("source", ["jwks-file", "public-key-file", "jwks-url"])
@pytest.mark.parametrize("alg, kid", [("RS256", "r1"), ("RS512", "r1"), ("ES256", "e1")])
def test_a_token_is_taken_by_each_algorithm_and_source_of_keys(site, keys, audience, tmp_path, alg, kid, source):
    key = keys[kid]
    with KeyServer(*keys.values()) as server:
        if source == "jwks-url":
            set_issuer(site, audience, "--alg", alg, "--jwks-url", server.url)
        else:
            file = tmp_path / "keys"
            file.write_text(key.public if source == "public-key-file" else json.dumps(key_set(*keys.values())))
            set_issuer(site, audience, "--alg", alg, f"--{source}", file)
        good = token(key, alg, claims(aud=audience))
        in_force(site, good)
        assert site.request("GET", "/v1/actions", headers={"Authorization": "JWT " + good}).status == 200
        assert who(site, token(key, alg, claims(aud=audience), kid=None)).status == 200
        other = keys["r2" if kid == "r1" else "e2"]
        unknown(site, token(other, alg, claims(aud=audience), kid=kid))
        if source == "public-key-file":
            unknown(site, token(other, alg, claims(aud=audience)))
        else:
            assert who(site, token(other, alg, claims(aud=audience))).status == 200


def test_no_other_algorithm_than_the_issuers_is_taken(site, keys, audience, tmp_path):
    file = tmp_path / "keys"
    file.write_text(json.dumps(key_set(*keys.values())))
    set_issuer(site, audience, "--alg", "RS256", "--jwks-file", file)
    c = claims(aud=audience)
    good = token(keys["r1"], "RS256", c)
    in_force(site, good)
    unknown(site, token(keys["r1"], "RS512", c))
    unknown(site, token(keys["e1"], "ES256", c))
    for secret in (keys["r1"].public, keys["r1"].public.strip(), json.dumps(keys["r1"].jwk), json.dumps(key_set(*keys.values())), ""):
        for header in ({}, {"kid": "r1"}):
            unknown(site, token(secret, "HS256", c, **header))
        signed = b64({"alg": "RS256", "kid": "r1"}) + "." + b64(c)
        unknown(site, signed + "." + b64(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()))
    for alg in ("none", "None", "NONE", "nOnE", "", None, ["RS256"], "rs256"):
        head = {"typ": "JWT", "alg": alg}
        for signature in ("", b64(b"x"), good.split(".")[2]):
            unknown(site, b64(head) + "." + b64(c) + "." + signature)


def test_attacks_on_a_good_token(site, keys, audience, tmp_path):
    file = tmp_path / "keys"
    file.write_text(json.dumps(key_set(keys["r1"])))
    set_issuer(site, audience, "--alg", "RS256", "--jwks-file", file)
    key, now, c = keys["r1"], int(time.time()), claims(aud=audience)
    good = token(key, "RS256", c)
    in_force(site, good)

    def raw(header, payload):
        signed = b64(header) + "." + b64(payload)
        return signed + "." + b64(key.sign("RS256", signed.encode()))

    twice = json.dumps(c)[:-1].encode() + b', "sub": "root"}'
    for name, bad in {
        "another kid": token(key, "RS256", c, kid="r9"),
        "kid as a path": token(key, "RS256", c, kid="../../../dev/null"),
        "kid that is no string": token(key, "RS256", c, kid=1),
        "crit": token(key, "RS256", c, crit=["exp"]),
        "unencoded payload": token(key, "RS256", c, crit=["b64"], b64=False),
        "two algs": raw(b'{"alg":"none","alg":"RS256"}', c),
        "two subs": raw({"alg": "RS256"}, twice),
        "a key of its own": token(keys["r2"], "RS256", c, kid="r1", jwk=keys["r2"].jwk),
        "an address of its own": token(keys["r2"], "RS256", c, jku="https://evil.example/jwks"),
        "expired": token(key, "RS256", {**c, "exp": now - 60}),
        "not yet valid": token(key, "RS256", {**c, "nbf": now + 3600}),
        "issued tomorrow": token(key, "RS256", {**c, "iat": now + 86400}),
        "no end": token(key, "RS256", {k: v for k, v in c.items() if k != "exp"}),
        "another audience": token(key, "RS256", {**c, "aud": "else"}),
        "another issuer": token(key, "RS256", {**c, "iss": "https://evil.example"}),
        "huge": token(key, "RS256", {**c, "x": "x" * 8192}),
        "changed claims": ".".join([good.split(".")[0], b64({**c, "sub": "root"}), good.split(".")[2]]),
        "no signature": good.rsplit(".", 1)[0] + ".",
        "cut signature": good[:-4],
        "four parts": good + ".x",
    }.items():
        answer = who(site, bad)
        assert answer.status == 401, (name, answer)
    assert who(site, token(key, "RS256", {**c, "exp": int(time.time()) - 10})).status == 200  # 30 s of leeway
    assert who(site, good).status == 200


# ---- claims ----


def test_the_claim_that_names_the_user_is_the_issuers(site, audience):
    payload = claims(aud=audience, preferred_username="anna", user_id=4711)
    for claim, user in (("preferred_username", "anna"), ("user_id", "4711"), ("sub", "u1")):
        set_issuer(site, audience, "--secret-file", "-", "--user-claim", claim, stdin=SECRET)
        jwt = token(SECRET, "HS256", payload)
        wait_until(lambda: who(site, jwt, f"/v1/policy?user_id={user}").status == 200, what=f"{user} of {claim}")
        assert who(site, jwt, "/v1/policy?user_id=another").status == 403
    unknown(site, token(SECRET, "HS256", claims(aud=audience, sub=None)))
    unknown(site, token(SECRET, "HS256", claims(aud=audience, sub=["u1"])))
    unknown(site, token(SECRET, "HS256", claims(aud=audience, sub=1.5)))


@pytest.mark.parametrize("extra, admin", [
    ({}, False), ({"administrator": True}, True), ({"superuser": True}, True), ({"administrator": False, "superuser": False}, False),
    ({"administrator": "true"}, False), ({"superuser": 1}, False), ({"is_staff": True}, False), ({"roles": ["admin"]}, True)], ids=str)
def test_open_edx_administrators_are_admins(site, extra, admin):
    set_issuer(site, "openedx-admins", "--secret-file", "-", stdin=SECRET)
    in_force(site, token(SECRET, "HS256", claims(aud="openedx-admins")))
    assert who(site, token(SECRET, "HS256", claims(aud="openedx-admins", **extra)), "/v1/providers").status == (200 if admin else 403)


@pytest.mark.parametrize("course, status", [("42", 403), (42, 403), (None, 200), ([], 401), (["42"], 401), ({"id": 42}, 401), (4.5, 401),
                                            (True, 401)], ids=str)
def test_a_course_that_is_no_text_does_not_open_all_courses(site, course, status):
    set_issuer(site, "openedx-courses", "--secret-file", "-", stdin=SECRET)
    in_force(site, token(SECRET, "HS256", claims(aud="openedx-courses")))
    bound = token(SECRET, "HS256", claims(aud="openedx-courses", roles=["admin"], course_id=course))
    assert who(site, bound, "/v1/providers").status == status  # those are the whole site's
    if status == 403:
        assert who(site, bound, "/v1/switches?course_id=42").status == 200
        assert who(site, bound, "/v1/switches?course_id=43").status == 403


# ---- keys that are read from an address ----


def test_a_key_server_is_asked_once_however_many_come(site, keys, audience):
    with KeyServer(keys["r1"]) as server:
        set_issuer(site, audience, "--alg", "RS256", "--jwks-url", server.url)
        good = token(keys["r1"], "RS256", claims(aud=audience))
        wait_until(lambda: any(i["aud"] == audience for i in json.loads(site.cli("--json", "issuer", "list", "--site", "demo"))), what="the issuer")
        site.wait_for_config()
        server.gate.clear()
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            asked = [pool.submit(who, site, good) for _ in range(24)]
            wait_until(lambda: server.asked > 0, what="the question")
            time.sleep(0.3)
            server.gate.set()
            assert [a.result().status for a in asked] == [200] * 24
        assert server.asked == 1
        assert who(site, good).status == 200 and server.asked == 1


def test_an_issuer_changes_its_keys(site, keys, audience):
    with KeyServer(keys["r1"]) as server:
        set_issuer(site, audience, "--alg", "RS256", "--jwks-url", server.url)
        in_force(site, token(keys["r1"], "RS256", claims(aud=audience)))
        asked = server.asked
        server.keys = [keys["r1"], keys["r2"]]
        assert who(site, token(keys["r2"], "RS256", claims(aud=audience))).status == 200
        assert server.asked == asked + 1
        begin = time.monotonic()
        for _ in range(10):  # a name that nobody knows costs one question in ten seconds, not one each time
            unknown(site, token(keys["r1"], "RS256", claims(aud=audience), kid="forged"))
        assert asked + 2 <= server.asked <= asked + 2 + (time.monotonic() - begin) // 10


def test_an_issuer_whose_keys_have_no_names_changes_them(site, audience):
    old, new, evil = Key("EC"), Key("EC"), Key("EC")
    with KeyServer(old) as server:
        set_issuer(site, audience, "--alg", "ES256", "--jwks-url", server.url)
        in_force(site, token(old, "ES256", claims(aud=audience)))
        server.keys = [new]
        wait_until(lambda: who(site, token(new, "ES256", claims(aud=audience))).status == 200, what="the new key")
        asked, begin = server.asked, time.monotonic()
        unknown(site, token(old, "ES256", claims(aud=audience)))  # taken back
        for _ in range(20):
            unknown(site, token(evil, "ES256", claims(aud=audience)))
        assert server.asked <= asked + 1 + (time.monotonic() - begin) // 5  # forged ones cost one question in a while


def test_a_key_server_that_is_down_is_503_and_never_401(site, keys, audience):
    with KeyServer(keys["r1"]) as server:
        server.status = 500
        set_issuer(site, audience, "--alg", "RS256", "--jwks-url", server.url)
        good, other = token(keys["r1"], "RS256", claims(aud=audience)), token(keys["r2"], "RS256", claims(aud=audience))
        wait_until(lambda: who(site, good).status == 503, what="the issuer")
        for _ in range(5):
            answer = unknown(site, good, 503, "overloaded")
            assert int(answer.headers["Retry-After"]) >= 1
            assert "127.0.0.1" not in answer.json["detail"]
        assert server.asked <= 5  # it is not asked for each of them
        unknown(site, token(keys["r1"], "RS256", claims(aud=audience, exp=1)))  # what needs no key is said without one
        server.status = 200
        wait_until(lambda: who(site, good).status == 200, what="its return")
        server.status = 500
        assert who(site, good).status == 200  # what was read is still good
        unknown(site, other, 503, "overloaded")  # whether there is such a key now, nobody can say
    log = site.log()
    assert "jwks.failed" in log and server.url not in log


def test_a_key_server_that_cannot_be_connected_to(site, keys, audience):
    with KeyServer() as server:
        url = server.url
    set_issuer(site, audience, "--alg", "RS256", "--jwks-url", url)
    wait_until(lambda: who(site, token(keys["r1"], "RS256", claims(aud=audience))).status == 503, what="the issuer")


def test_keys_are_not_read_from_where_nobody_may_ask(site, keys, audience):
    set_issuer(site, audience, "--alg", "RS256", "--jwks-url", "http://169.254.169.254/latest")
    wait_until(lambda: who(site, token(keys["r1"], "RS256", claims(aud=audience))).status == 503, what="the issuer")


# ---- the command ----


def test_issuers_are_listed_with_where_their_keys_are(site, keys, tmp_path, audience):
    file = tmp_path / "keys"
    file.write_text(json.dumps(key_set(keys["r1"], keys["r2"])))
    set_issuer(site, audience, "--alg", "RS512", "--jwks-file", file, "--user-claim", "preferred_username")
    listed = {i["aud"]: i for i in json.loads(site.cli("--json", "issuer", "list", "--site", "demo"))}
    assert listed[audience] == {"iss": ISS, "aud": audience, "alg": "RS512", "keys": "r1 r2", "user_claim": "preferred_username"}
    set_issuer(site, audience, "--alg", "RS256", "--jwks-url", "https://lms.example/jwks")
    listed = {i["aud"]: i for i in json.loads(site.cli("--json", "issuer", "list", "--site", "demo"))}
    assert listed[audience] == {"iss": ISS, "aud": audience, "alg": "RS256", "keys": "https://lms.example/jwks", "user_claim": "sub"}
    assert "lectern-demo" in site.cli("issuer", "list", "--site", "demo")
    assert site.keys["admin_key"] not in site.cli("issuer", "list", "--site", "demo")


def test_what_is_no_key_is_refused_and_nothing_is_saved(site, keys, tmp_path):
    private, weak, empty = tmp_path / "private", tmp_path / "weak", tmp_path / "empty"
    private.write_bytes(keys["r1"].private)
    weak.write_text(json.dumps({"keys": [{"kty": "RSA", "n": b64(b"\x81" * 128), "e": "AQAB"}]}))
    empty.write_text('{"keys": []}')
    (tmp_path / "jwk").write_text(json.dumps({"keys": [{**keys["r1"].jwk, "d": "AQAB"}]}))
    (tmp_path / "pem").write_text(keys["e1"].public)
    for options, says in [
        (["--alg", "RS256", "--public-key-file", private], "private key"), (["--alg", "RS256", "--jwks-file", tmp_path / "jwk"], "private key"),
        (["--alg", "RS256", "--jwks-file", weak], "2048"), (["--alg", "RS256", "--jwks-file", empty], "2048"),
        (["--alg", "RS256", "--public-key-file", tmp_path / "pem"], "no key for RS256"),
        (["--alg", "none", "--public-key-file", tmp_path / "pem"], "/alg"),
        (["--public-key-file", tmp_path / "pem"], "/secret"), (["--alg", "ES256", "--jwks-url", "ldap://lms.example"], "/jwks_url"),
        (["--alg", "ES256", "--jwks-url", "https://lms.example", "--public-key-file", tmp_path / "pem"], "/jwks"),
        (["--alg", "ES256", "--public-key-file", tmp_path / "nothing"], "nothing")]:
        done = run_lectern("issuer", "set", ISS, "refused", "--site", "demo", *options, "--data", site.data, check=False)
        assert done.returncode == 1 and says in done.stderr, (options, done.stderr)
        assert "AQAB" not in done.stderr
    assert '"refused"' not in site.cli("--json", "issuer", "list", "--site", "demo")


def test_public_keys_need_no_master_key(tmp_path, keys):
    data = tmp_path / "data"
    run_lectern("site", "add", "s", "--data", data)
    pem = tmp_path / "pem"
    pem.write_text(keys["e1"].public)
    run_lectern("issuer", "set", ISS, AUD, "--alg", "ES256", "--public-key-file", pem, "--data", data)
    d = Daemon(data, demo=False)
    assert who(d, token(keys["e1"], "ES256")).status == 200
    shown = json.loads(d.cli("--json", "master-key", "show"))
    assert "secret_lost" not in d.log() and '"lost": 1' not in json.dumps(shown)
    check_end(d)


# ---- Open edX's cookies ----

CSRF = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
MASKED = "b" * 32 + "BCDEFGHIJKLMNOPQRSTUVWXYZ0123456"


@pytest.fixture(scope="module")
def edx(site):
    """A token in the cookies of the platform's pages."""
    set_issuer(site, "cookies", "--secret-file", "-", "--user-claim", "preferred_username", stdin=SECRET)
    jwt = token(SECRET, "HS256", claims(aud="cookies", preferred_username="anna"))
    in_force(site, jwt)
    site.cli("site", "set", "demo", 'cors_origins=["https://apps.lms.example"]')
    site.wait_for_config()
    return jwt


def cookies(jwt, *more):
    head, payload, signature = jwt.split(".")
    return "; ".join(["sessionid=1|x", f"edx-jwt-cookie-header-payload={head}.{payload}", 'edx-user-info="{\\"version\\": 1\\054 \\"a\\": \\"b\\"}"',
                      f"edx-jwt-cookie-signature={signature}", *more])


def profile(site, **headers):
    return site.request("GET", f"{DOOR}/profile/{CONTEXT}", headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("wish", ["true", "True", "1", "yes"])
def test_the_token_may_come_in_two_cookies(site, edx, wish):
    assert profile(site, USE_JWT_COOKIE=wish, Cookie=cookies(edx)).status == 200


def test_cookies_count_only_when_they_are_asked_to_and_all_there(site, edx):
    good = cookies(edx)
    for headers in [
        {"Cookie": good}, {"Cookie": good, "USE_JWT_COOKIE": "false"}, {"Cookie": good, "USE_JWT_COOKIE": "0"},
        {"Cookie": good, "USE_JWT_COOKIE": ""},
        {"USE_JWT_COOKIE": "true"}, {"USE_JWT_COOKIE": "true", "Cookie": "sessionid=1"},
        {"USE_JWT_COOKIE": "true", "Cookie": good.split("; edx-jwt-cookie-signature")[0]},
        {"USE_JWT_COOKIE": "true", "Cookie": good.replace("edx-jwt-cookie-header-payload", "edx-jwt-cookie")},
        {"USE_JWT_COOKIE": "true", "Cookie": good + "; edx-jwt-cookie-signature=x"}, {"USE_JWT_COOKIE": "true", "Cookie": good + "x"},
        {"USE_JWT_COOKIE": "true", "Cookie": cookies(token("another secret of the test", "HS256", claims(aud="cookies")))},
        {"USE_JWT_COOKIE": "true", "Cookie": cookies(token(SECRET, "HS256", claims(aud="cookies", preferred_username="anna", exp=1)))},
        {"USE_JWT_COOKIE": "true", "Cookie": good, "Authorization": "Bearer lk_wrong"}]:
        assert profile(site, **headers).status == 401, headers


def test_only_the_open_edx_door_and_the_policy_take_cookies(site, edx):
    headers = {"USE-JWT-COOKIE": "true", "Cookie": cookies(edx), "Origin": "https://apps.lms.example", "X-CSRFToken": "x",
               "Content-Type": "application/json"}
    for method, path in (("GET", "/v1/actions"), ("POST", "/v1/actions/summarise_text"), ("GET", "/v1/providers"), ("GET", "/metrics")):
        answer = site.request(method, path, headers=headers, body="{}" if method == "POST" else None)
        assert answer.status == 401, (method, path, answer)
    assert site.request("GET", "/v1/policy", headers=headers).status == 200


OWN = {"X-Forwarded-Host": "lms.example", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("says, headers", [
    # served under the platform's own host, or by a listed origin's page
    (None, {**OWN, "Origin": "https://lms.example", "X-CSRFToken": "x"}),
    (None, {**OWN, "Origin": "https://lms.example", "X-CSRFToken": CSRF, "csrftoken": CSRF}),
    (None, {**OWN, "Origin": "https://lms.example", "X-CSRFToken": MASKED, "csrftoken": CSRF}),
    (None, {**OWN, "Origin": "https://lms.example:443", "X-CSRFToken": CSRF, "csrftoken": MASKED}),
    (None, {"Origin": "https://apps.lms.example", "X-CSRFToken": MASKED, "csrftoken": MASKED}),
    (None, {"Origin": "own", "X-CSRFToken": "x"}),
    # from elsewhere
    ("Origin", {**OWN, "X-CSRFToken": CSRF}),
    ("Origin", {**OWN, "Origin": "null", "X-CSRFToken": CSRF}),
    ("Origin", {**OWN, "Origin": "https://evil.example", "X-CSRFToken": CSRF}),
    ("Origin", {**OWN, "Origin": "http://lms.example", "X-CSRFToken": CSRF}),
    ("Origin", {**OWN, "Origin": "https://lms.example.evil.example", "X-CSRFToken": CSRF}),
    ("Origin", {"Origin": "https://lms.example", "X-CSRFToken": CSRF}),
    ("Origin", {**OWN, "X-Forwarded-Host": "evil.example, lms.example", "Origin": "https://evil.example", "X-CSRFToken": CSRF}),
    # without what only the platform's pages know
    ("X-CSRFToken", {**OWN, "Origin": "https://lms.example"}),
    ("X-CSRFToken", {**OWN, "Origin": "https://lms.example", "X-CSRFToken": ""}),
    ("X-CSRFToken", {**OWN, "Origin": "https://lms.example", "X-CSRFToken": CSRF[::-1], "csrftoken": CSRF}),
    ("X-CSRFToken", {**OWN, "Origin": "https://lms.example", "X-CSRFToken": CSRF, "csrftoken": MASKED[::-1]}),
    ("X-CSRFToken", {**OWN, "Origin": "https://lms.example", "X-CSRFToken": "x", "csrftoken": "x"}),
    ("csrftoken", {**OWN, "Origin": "https://lms.example", "X-CSRFToken": CSRF, "csrftoken": CSRF + "; csrftoken=" + CSRF}),
])
def test_what_changes_something_by_cookies_must_come_from_the_platforms_pages(site, edx, says, headers):
    headers = {"USE-JWT-COOKIE": "true", "Content-Type": "application/json", **headers}
    csrf = headers.pop("csrftoken", None)
    headers["Cookie"] = cookies(edx, *([f"csrftoken={csrf}"] if csrf is not None else []))
    if headers.get("Origin") == "own":
        headers["Origin"] = site.base_url
    answer = site.request("POST", RUN, headers=headers, body='{"action":"run"}')
    if says is None:
        assert answer.status not in (401, 403), answer
    else:
        assert answer.status == 403 and says in answer.body.decode(), answer
        assert CSRF not in answer.body.decode()


def test_a_token_in_the_authorization_field_needs_no_origin(site, edx):
    answer = site.request("POST", RUN, headers={"Authorization": "JWT " + edx}, body={"action": "run"})
    assert answer.status not in (401, 403), answer


# ---- settings ----


def test_trusted_proxies_are_checked(tmp_path):
    for bad in ("somewhere", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1,,::1"):
        done = run_lectern("check-config", "--trusted-proxies", bad, "--data", tmp_path, check=False)
        assert done.returncode == 1 and "trusted_proxies" in done.stderr, (bad, done.stderr)
    for good in ("127.0.0.1", "10.0.0.0/8, 2001:db8::/32", "none"):
        run_lectern("check-config", "--trusted-proxies", good, "--data", tmp_path)
    config = tmp_path / "lectern.json5"
    config.write_text('{trusted_proxies: "nobody"}')
    done = run_lectern("check-config", "--config", config, "--data", tmp_path, check=False)
    assert done.returncode == 1 and "trusted_proxies" in done.stderr
    assert json.loads(run_lectern("check-config", "--json", "--data", tmp_path))["trusted_proxies"] == "127.0.0.1,::1"


def test_nobody_is_trusted_when_told_so(tmp_path):
    d = Daemon(tmp_path / "data", "--trusted-proxies", "none")
    set_issuer(d, "cookies", "--secret-file", "-", stdin=SECRET)
    jwt = token(SECRET, "HS256", claims(aud="cookies"))
    in_force(d, jwt)
    answer = d.request("POST", f"{DOOR}/workflows/", headers={**OWN, "USE-JWT-COOKIE": "true", "Origin": "https://lms.example", "X-CSRFToken": "x",
                                                               "Cookie": cookies(jwt), "Content-Type": "application/json"}, body='{"action":"run"}')
    assert answer.status == 403, answer
    check_end(d)


def test_hosts_origins_and_the_policy_at_the_door_are_settings_of_a_site(site):
    before = json.loads(site.cli("--json", "site", "show", "demo"))
    assert (before["openedx_policy"], before["lms_hosts"], before["cms_hosts"]) == ("lms", [], [])
    site.cli("site", "set", "demo", 'lms_hosts=["lms.example"]', 'cms_hosts=["studio.lms.example:8443"]', "openedx_policy=lectern")
    shown = json.loads(site.cli("--json", "site", "show", "demo"))
    assert (shown["openedx_policy"], shown["lms_hosts"], shown["cms_hosts"]) == ("lectern", ["lms.example"], ["studio.lms.example:8443"])
    site.cli("site", "set", "demo", "lms_hosts=[]", "cms_hosts=[]", "openedx_policy=lms")
    assert json.loads(site.cli("--json", "site", "show", "demo")) == before

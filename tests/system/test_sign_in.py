"""Failed attempts to sign in are limited by the client's address: 20 at once, then one every 3 s; who is known there is let in all the same."""
import concurrent.futures
import itertools
import json
import time

import pytest
from conftest import Daemon, check_end, run_lectern, wait_until
from database import break_down
from tokens import Key, KeyServer, b64, claims, key_set, token

SECRET = "a shared secret of the test"
DOOR = "/openedx-ai-extensions/v1"
FAILURES = 20
ADDRESSES = itertools.count(1)


@pytest.fixture(scope="module")
def keys():
    return Key("RSA", "r1"), Key("RSA", "r1")


@pytest.fixture(scope="module")
def site(tmp_path_factory, keys):
    """A pause of an hour: nothing is forgotten while a test runs. Each test has an address of its own."""
    d = Daemon(tmp_path_factory.mktemp("sign-in") / "data", "--sign-in-pause", "3600", "--threads", "2")
    d.cli("issuer", "set", "https://lms.example/oauth2", "hs", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    file = d.data / "keys.json"
    file.write_text(json.dumps(key_set(keys[0])))
    d.cli("issuer", "set", "https://lms.example/oauth2", "rs", "--site", "demo", "--alg", "RS256", "--jwks-file", file)
    wait_until(lambda: d.request("GET", "/v1/actions", good()).status == 200, what="the issuer")
    wait_until(lambda: d.request("GET", "/v1/actions", token(keys[0], "RS256", claims(aud="rs"))).status == 200, what="the other issuer")
    yield d
    check_end(d)


@pytest.fixture()
def address():
    return f"198.18.0.{next(ADDRESSES)}"


def good(user="u1", **more):
    return token(SECRET, "HS256", claims(aud="hs", sub=user, **more))


def forged(user="u1"):
    return token("another secret of the test", "HS256", claims(aud="hs", sub=user))


def ask(site, key, address, path="/v1/actions", **headers):
    return site.request("GET", path, key, headers={**({"X-Forwarded-For": address} if address else {}), **headers})


def exhaust(site, address, key=None):
    for i in range(FAILURES):
        answer = ask(site, key or f"lk_wrong{i}", address)
        assert answer.status == 401, (i, answer)


def refused(answer):
    assert (answer.status, answer.json["code"]) == (429, "rate_limited"), answer
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600 and "WWW-Authenticate" not in answer.headers
    assert "address" in answer.json["detail"]
    return True


BAD = {"a key": lambda keys: "lk_" + "A" * 43, "no token": lambda keys: "x", "a wrong secret": lambda keys: forged(),
       "a wrong key": lambda keys: token(keys[1], "RS256", claims(aud="rs")),
       "alg none": lambda keys: b64({"alg": "none"}) + "." + b64(claims(aud="hs")) + ".",
       "another issuer": lambda keys: token(SECRET, "HS256", claims(aud="nobody's"))}


@pytest.mark.parametrize("kind", BAD)
def test_the_twenty_first_failure_is_429(site, keys, address, kind):
    exhaust(site, address, BAD[kind](keys))
    for other in BAD.values():
        refused(ask(site, other(keys), address))
    for elsewhere in ("203.0.113.99", None):
        assert ask(site, good(), elsewhere).status == 200


def test_what_has_ended_or_is_missing_is_no_failure(site, keys, address):
    """An LMS page that was left open sends its old token: that guesses nothing."""
    for _ in range(FAILURES + 5):
        assert ask(site, good(exp=1), address).status == 401
        assert ask(site, forged().replace(b64(claims(aud="hs")), b64(claims(aud="hs", exp=1))), address).status == 401
        assert ask(site, None, address).status == 401
        assert ask(site, None, address, Authorization="Basic dTpw").status == 401
    assert ask(site, good("new"), address).status == 200


def test_keys_and_those_who_are_known_there_are_let_in_all_the_same(site, keys, address):
    """One device of a school does not shut out the others behind the same address."""
    for user in ("anna", "ben"):
        assert ask(site, good(user), address).status == 200
    assert ask(site, token(keys[0], "RS256", claims(aud="rs", sub="carla")), address).status == 200
    exhaust(site, address)
    for _ in range(3):
        for key in (site.service_key, site.admin_key, good("anna"), good("ben", locale="de"), token(keys[0], "RS256", claims(aud="rs", sub="carla"))):
            assert ask(site, key, address).status == 200
        refused(ask(site, "lk_wrong", address))
    refused(ask(site, good("newcomer"), address))  # whether that is a good one is not looked at
    assert ask(site, good("newcomer"), "203.0.113.98").status == 200  # elsewhere it is


def test_a_guess_in_the_name_of_somebody_known_is_one_guess(site, address):
    assert ask(site, good("anna"), address).status == 200
    exhaust(site, address)
    assert ask(site, good("anna"), address).status == 200
    refused(ask(site, forged("anna"), address))
    refused(ask(site, good("anna"), address))


def test_the_address_is_what_trusted_proxies_say(site, address):
    """X-Forwarded-For from the right: the last one that is no proxy of ours. What stands before it may be anybody's words."""
    exhaust(site, address)
    for field in (address, f"9.9.9.9, {address}", f"{address}, 127.0.0.1", f"9.9.9.9,{address} , ::1,127.0.0.1", f"{address}:4711",
                  f"::ffff:{address}"):
        refused(ask(site, "lk_wrong", field))
    for field in (f"{address}, 203.0.113.5", "203.0.113.6"):
        assert ask(site, "lk_wrong", field).status == 401, field
    for field in (None, "", "unknown", f"{address}, unknown", "127.0.0.1", f"{address}, _hidden", "[::1]:80"):  # nobody is told: not limited
        for _ in range(3):
            assert ask(site, "lk_wrong", field).status == 401, field


def test_a_network_of_ipv6_is_one_address(site):
    exhaust(site, "2001:db8:5:6::1")
    for field in ("2001:db8:5:6::2", "2001:db8:5:6:ffff:ffff:ffff:ffff", "[2001:db8:5:6::3]:4711"):
        refused(ask(site, "lk_wrong", field))
    assert ask(site, "lk_wrong", "2001:db8:5:7::1").status == 401


def test_it_holds_at_the_doors_and_by_cookies_too(site, address):
    exhaust(site, address)
    answer = ask(site, forged(), address, f"{DOOR}/profile")
    assert answer.status == 429 and answer.json["error"]["code"] == "rate_limit_exceeded" and int(answer.headers["Retry-After"]) >= 1
    head, payload, signature = forged().split(".")
    cookie = f"edx-jwt-cookie-header-payload={head}.{payload}; edx-jwt-cookie-signature={signature}"
    assert ask(site, None, address, f"{DOOR}/profile", Cookie=cookie, **{"USE-JWT-COOKIE": "true"}).status == 429
    assert ask(site, None, address, "/healthz").status == 200


def test_many_at_once_on_several_loops_are_counted_together(site, address):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = [a.status for a in pool.map(lambda i: ask(site, f"lk_{i}", address), range(100))]
    assert set(found) == {401, 429} and FAILURES <= found.count(401) <= FAILURES + 16  # those that were under way at the last one


def test_figures_and_log_say_so_once_without_credentials(site, address):
    def figure(name):
        text = site.request("GET", "/metrics", site.admin_key).body.decode()
        return next(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))
    failed, held = figure("lectern_sign_in_failed_total"), figure("lectern_sign_in_refused_total")
    exhaust(site, address, "lk_wrong_one_of_this_test")
    for _ in range(5):
        refused(ask(site, "lk_wrong_one_of_this_test", address))
    assert (figure("lectern_sign_in_failed_total"), figure("lectern_sign_in_refused_total")) == (failed + FAILURES, held + 5)
    lines = [line for line in site.log().splitlines() if address in line]
    assert len(lines) == 1 and json.loads(lines[0])["event"] == "sign_in.many_failed" and "wrong_one" not in site.log()


def test_it_is_over_after_the_pause(tmp_path):
    d = Daemon(tmp_path / "data", "--sign-in-failures", "2", "--sign-in-pause", "1")
    addresses = (f"203.0.113.{i}" for i in range(1, 255))

    def held_up():
        """An address whose third attempt came within the second; a busy machine may take longer."""
        address = next(addresses)
        return [ask(d, "lk_wrong", address).status for _ in range(3)] == [401, 401, 429] and address
    address = wait_until(held_up, what="a refusal")
    wait_until(lambda: ask(d, "lk_wrong", address).status == 401, what="the end of the pause")
    check_end(d)


def test_the_limit_can_be_taken_away_and_proxies_be_distrusted(tmp_path):
    d = Daemon(tmp_path / "data", "--sign-in-failures", "0")
    assert {ask(d, "lk_wrong", "203.0.113.7").status for _ in range(100)} == {401}
    check_end(d)
    d = Daemon(tmp_path / "other", "--trusted-proxies", "none")
    assert {ask(d, "lk_wrong", "203.0.113.7").status for _ in range(100)} == {401}  # it is this machine that asks
    check_end(d)
    for name, value in (("sign-in-failures", "-1"), ("sign-in-failures", "100001"), ("sign-in-pause", "0"), ("sign-in-pause", "3601")):
        done = run_lectern("check-config", f"--{name}={value}", "--data", tmp_path, check=False)
        assert done.returncode == 1 and name.replace("-", "_") in done.stderr, (name, value, done.stderr)


def test_a_held_up_address_makes_no_questions_to_a_key_server(tmp_path, keys):
    d = Daemon(tmp_path / "data", "--sign-in-pause", "3600")
    with KeyServer(keys[0]) as server:
        exhaust(d, "203.0.113.7")
        d.cli("issuer", "set", "https://lms.example/oauth2", "url", "--site", "demo", "--alg", "RS256", "--jwks-url", server.url)
        jwt = token(keys[1], "RS256", claims(aud="url"))
        d.wait_for_config()
        refused(ask(d, jwt, "203.0.113.7"))
        assert server.asked == 0
        wait_until(lambda: ask(d, jwt, "203.0.113.8").status == 401 and server.asked == 1, what="the question")
    check_end(d)


# ---- a database that is down is no wrong key ----


def test_a_database_that_is_down_is_503_and_never_401(tmp_path):
    """Who signs in is known from memory; what then needs the store says 503."""
    d = Daemon(tmp_path / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    wait_until(lambda: d.request("GET", "/v1/policy", d.learner).json["accepted"], what="the setting")
    break_down(d.data)
    for _ in range(3):
        for key in (d.learner, d.teacher, d.service_key, d.admin_key):
            for path in ("actions", "roles/mine?course_id=c", "register", "keys", "sessions", "tasks", "policy", "providers"):
                answer = d.request("GET", f"/v1/{path}", key)
                assert answer.status in (200, 400, 403, 503), (path, answer)
            answer = d.request("POST", "/v1/actions/summarise_text", key, {"input": {"text": "Plants make sugar from light."}})
            assert answer.status == 503, answer
        assert d.request("GET", "/v1/keys", d.admin_key).status == 503
        assert d.request("GET", "/v1/roles/mine?course_id=c", d.learner).status == 503
        assert d.request("GET", "/v1/actions", "lk_wrong").status == 401
    time.sleep(1.2)  # the configuration was looked at: what there was stays in force
    assert d.request("GET", "/v1/actions", d.learner).status == 200
    d.process.kill()
    d.stop()

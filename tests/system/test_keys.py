"""Site keys by the API: made, listed, rotated with an overlap, revoked at once; nobody gives more than they have."""
import datetime
import json
import time

import pytest
from conftest import Daemon, check_end, run_lectern, wait_until
from database import stored, url_of
from tokens import claims, token

SECRET = "a shared secret of the test"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("keys") / "data", "--threads", "2")
    d.cli("issuer", "set", "https://lms.example/oauth2", "keys", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    d.manager = token(SECRET, "HS256", claims(aud="keys", roles=["manager"]))
    wait_until(lambda: d.request("GET", "/v1/actions", d.manager).status == 200, what="the issuer")
    yield d
    check_end(d)


def make(site, key=None, status=201, **body):
    answer = site.request("POST", "/v1/keys", key or site.admin_key, {"role": "service", "name": "of the test", **body})
    assert answer.status == status, answer
    return answer.json


def listed(site):
    return {k["id"]: k for k in site.request("GET", "/v1/keys", site.admin_key).json["keys"]}


def works(site, key, times=8):
    """Asked on several connections, so that every loop has its say."""
    found = {site.request("GET", "/v1/actions", key).status for _ in range(times)}
    assert len(found) == 1, found
    return found == {200}


def ended(site, key):
    return all(site.request("GET", "/v1/actions", key).status == 401 for _ in range(16))


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_key_is_shown_once_and_works_at_once(site):
    made = make(site, choose_provider=True)
    key = made.pop("key")
    assert key.startswith(made["prefix"]) and len(key) == 46 and works(site, key)
    assert made == {"id": made["id"], "prefix": key[:9], "role": "service", "name": "of the test", "choose_provider": True,
                    "created_at": made["created_at"], "expires_at": None, "last_used_at": None}
    shown = site.request("GET", "/v1/keys", site.admin_key).body.decode()
    assert {**listed(site)[made["id"]], "last_used_at": None} == made
    assert key not in shown and key[9:] not in shown and key[9:] not in site.log() and key[9:].encode() not in stored(site.data)


def test_the_time_of_its_use_is_kept_to_the_hour_by_one_write(site):
    def used():
        return listed(site)[made["id"]]["last_used_at"]
    made = make(site)
    assert used() is None
    assert works(site, made["key"], 32)
    wait_until(used, what="the note")
    first = used()
    assert abs(when(first) - time.time()) < 60
    time.sleep(0.1)
    assert works(site, made["key"], 32) and used() == first
    assert {k["prefix"]: k for k in json.loads(site.cli("--json", "key", "list", "--site", "demo"))}[made["prefix"]]["last_used_at"] == first


def test_a_key_ends_when_it_was_to(site):
    for life in (2, 8, 32):  # seconds; a busy machine may need longer to see it work
        end = time.time() + life
        made = make(site, expires_at=datetime.datetime.fromtimestamp(end, datetime.timezone.utc).isoformat())
        before = [site.request("GET", "/v1/actions", made["key"]).status for _ in range(8)]
        if time.time() < end:
            break
    assert before == [200] * 8
    wait_until(lambda: site.request("GET", "/v1/actions", made["key"]).status == 401, what="its end")
    assert "expired" in site.request("GET", "/v1/actions", made["key"]).json["detail"]
    assert made["id"] in listed(site)


@pytest.mark.parametrize("which", ["id", "prefix"])
def test_a_rotated_key_goes_on_for_the_overlap(site, which):
    old = make(site, choose_provider=True, name="lms")
    answer = site.request("POST", f"/v1/keys/{old[which]}/rotate", site.admin_key, {"overlap_s": 2})
    assert answer.status == 201, answer
    new = answer.json
    assert new["key"] != old["key"] and new["id"] != old["id"]
    same = ("role", "name", "choose_provider", "expires_at")
    assert [new[member] for member in same] == [old[member] for member in same]
    assert new["rotated"]["id"] == old["id"] and when(new["rotated"]["expires_at"]) < time.time() + 3
    assert works(site, new["key"])
    wait_until(lambda: site.request("GET", "/v1/actions", old["key"]).status == 401, what="the end of the old one")
    assert works(site, new["key"])


def test_without_overlap_the_old_one_ends_at_once(site):
    old = make(site)
    new = site.request("POST", f"/v1/keys/{old['id']}/rotate", site.admin_key, {"overlap_s": 0}).json
    assert works(site, new["key"]) and "rotated" not in new
    wait_until(lambda: ended(site, old["key"]), what="the end of the old one")


def test_the_overlap_is_a_day_unless_it_is_said_and_never_lengthens_a_life(site):
    soon = datetime.datetime.fromtimestamp(time.time() + 3600, datetime.timezone.utc).isoformat()
    for end, left in ((None, 86400), (soon, 3600)):
        old = make(site, expires_at=end)
        new = site.request("POST", f"/v1/keys/{old['id']}/rotate", site.admin_key, {}).json
        assert abs(when(new["rotated"]["expires_at"]) - time.time() - left) < 60
        assert new["expires_at"] is None if end is None else abs(when(new["expires_at"]) - time.time() - 3600) < 60


def test_a_revoked_key_ends_at_once_in_every_loop(site):
    made = make(site)
    assert works(site, made["key"], 16)
    assert site.request("DELETE", f"/v1/keys/{made['prefix']}", site.admin_key).status == 204
    wait_until(lambda: ended(site, made["key"]), what="its end")
    assert made["id"] not in listed(site)
    for method, path in (("DELETE", ""), ("POST", "/rotate")):
        assert site.request(method, f"/v1/keys/{made['id']}{path}", site.admin_key, {} if path else None).status == 404


def test_what_the_command_line_changes_holds_within_moments(site):
    made = make(site)
    site.cli("key", "revoke", made["key"][:9], "--site", "demo")
    wait_until(lambda: ended(site, made["key"]), what="its end")


def test_what_one_process_changes_holds_in_another_on_the_same_database(site, tmp_path):
    other = Daemon(tmp_path / "other", "--database", url_of(site.data), "--master-key-file", site.data / "master.key", demo=False)
    made = make(site)
    wait_until(lambda: works(other, made["key"], 1), what="the key in the other process")
    assert site.request("DELETE", f"/v1/keys/{made['id']}", site.admin_key).status == 204
    wait_until(lambda: ended(other, made["key"]), what="its end there")
    check_end(other)


@pytest.mark.parametrize("body, field", [
    ({"role": "king", "name": "x"}, "/role"), ({"name": "x"}, "/role"), ({"role": "service"}, "/name"),
    ({"role": "service", "name": ""}, "/name"),
    ({"role": "service", "name": "x" * 256}, "/name"), ({"role": "service", "name": "x", "expires_at": "tomorrow"}, "/expires_at"),
    ({"role": "service", "name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
    ({"role": "service", "name": "x", "key": "lk_mine"}, "/key")])
def test_bad_input_makes_no_key(site, body, field):
    before = listed(site)
    answer = site.request("POST", "/v1/keys", site.admin_key, body)
    assert (answer.status, answer.json["field"]) == (400, field), answer
    assert listed(site) == before
    for overlap in (-1, 7776001, "1d", 1.5, None):
        key = next(iter(before))
        assert site.request("POST", f"/v1/keys/{key}/rotate", site.admin_key, {"overlap_s": overlap}).status == 400
    assert listed(site) == before


def test_nobody_makes_a_key_that_may_do_more_than_they(site):
    """A manager who was given manage_keys is still no admin; view_metrics is what a metrics key has."""
    admins = next(k for k in listed(site).values() if k["role"] == "site_admin")
    assert site.request("GET", "/v1/keys", site.manager).status == 403
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "manager", "permission": "manage_keys", "allowed": True})
    try:
        assert site.request("GET", "/v1/keys", site.manager).status == 200
        for role in ("site_admin", "service", "metrics"):
            assert make(site, site.manager, 403, role=role)["field"] == "/role"
        for method, path in (("DELETE", ""), ("POST", "/rotate")):
            assert site.request(method, f"/v1/keys/{admins['id']}{path}", site.manager, {} if path else None).status == 403
        site.request("PUT", "/v1/permissions", site.admin_key, {"role": "manager", "permission": "view_metrics", "allowed": True})
        made = make(site, site.manager, role="metrics")
        assert site.request("GET", "/metrics", made["key"]).status == 200
        assert make(site, site.manager, role="metrics", choose_provider=True)["key"]
        site.request("PUT", "/v1/permissions", site.admin_key, {"role": "manager", "permission": "choose_provider", "allowed": False})
        assert make(site, site.manager, 403, role="metrics", choose_provider=True)["field"] == "/choose_provider"
    finally:
        for permission in ("manage_keys", "view_metrics", "choose_provider"):
            site.request("PUT", "/v1/permissions", site.admin_key, {"role": "manager", "permission": permission, "allowed": None})
    assert site.request("GET", "/v1/keys", site.manager).status == 403


def test_a_key_of_one_site_opens_no_other(tmp_path):
    data = tmp_path / "data"
    for slug in ("a", "b"):
        run_lectern("site", "add", slug, "--data", data)
    keys = {slug: json.loads(run_lectern("--json", "key", "add", "--site", slug, "--role", "site_admin", "--data", data))["key"]
            for slug in ("a", "b")}
    d = Daemon(data, demo=False)
    for slug, key in keys.items():
        shown = d.request("GET", "/v1/keys", key).json["keys"]
        assert [k["prefix"] for k in shown] == [key[:9]], slug
    check_end(d)

"""/v1/policy/texts: versions in their languages, and what a new one brings, told before it is done."""
import json

import pytest
from conftest import Daemon, check_end, wait_until


@pytest.fixture()
def site(tmp_path):
    """Version 1 in English, which ten users have accepted; one of them has taken it back."""
    d = Daemon(tmp_path / "data")
    for n in range(10):
        user = {"id": f"u{n}", "roles": ["student"]}
        assert d.request("PUT", "/v1/policy", d.service_key, {"accepted": True, "version": "1", "user": user}).status == 200
    assert d.request("DELETE", "/v1/policy?user_id=u9&role=student", d.service_key).status == 200
    yield d
    check_end(d)


def read(site, query=""):
    answer = site.request("GET", f"/v1/policy/texts{query}", site.admin_key)
    assert answer.status == 200, answer
    return answer.json


def put(site, status=200, **body):
    answer = site.request("PUT", "/v1/policy/texts", site.admin_key, body)
    assert answer.status == status, answer
    return answer.json


def accepted(site, user):
    return site.request("GET", f"/v1/policy?user_id={user}&role=student", site.service_key).json["accepted"]


def test_the_text_in_force_and_who_has_accepted_it(site):
    answer = read(site)
    assert (answer["version"], answer["holders"], answer["counts"]) == ("1", 9, {"1": {"in_force": True, "accepted": 9, "withdrawn": 1}})
    [text] = answer["texts"]
    assert (text["version"], text["major"], text["language"], text["in_force"]) == ("1", "1", "en", True) and text["text"]
    assert answer["next"] is None


def test_what_a_version_brings_is_said_before_and_nothing_is_done(site):
    before = read(site)
    told = put(site, version="2.0", text="# New\n\n<script>x</script> *rules*", dry_run=True)
    assert (told["dry_run"], told["asks_again"], told["users_asked_again"], told["language"]) == (True, True, 9, "en")
    assert "<h1>New</h1>" in told["html"] and "<script" not in told["html"]
    assert put(site, version="1.1", text="Small", dry_run=True)["asks_again"] is False
    assert read(site) == before


def test_a_new_major_version_asks_everybody_again(site):
    told = put(site, version="2", text="New rules.")
    assert (told["dry_run"], told["asks_again"], told["users_asked_again"]) == (False, True, 9)
    answer = read(site)
    assert (answer["version"], answer["holders"]) == ("2", 0)
    assert [(t["version"], t["in_force"]) for t in answer["texts"]] == [("2", True), ("1", False)]
    assert answer["texts"][0]["by"].startswith("key ") or answer["texts"][0]["by"]
    assert not accepted(site, "u1")
    assert put(site, version="1")["users_asked_again"] == 0  # as it was: nobody had accepted the second one
    assert accepted(site, "u1") and read(site)["holders"] == 9


def test_a_minor_version_and_another_language_leave_acceptances_alone(site):
    assert put(site, version="1.1", text="Clearer words.")["users_asked_again"] == 0
    assert put(site, version="1.1", language="DE-at", text="Klarere Worte.")["language"] == "de-AT"
    assert accepted(site, "u1")
    assert {(t["version"], t["language"]) for t in read(site)["texts"]} == {("1", "en"), ("1.1", "en"), ("1.1", "de-AT")}
    german = site.request("GET", "/v1/policy?user_id=u1&role=student&lang=de", site.service_key).json
    assert german["text"] == "Klarere Worte."


def test_no_policy_any_more(site):
    assert put(site, version="")["asks_again"] is False
    assert read(site)["version"] == "" and not any(t["in_force"] for t in read(site)["texts"])


@pytest.mark.parametrize("body, status, field", [
    ({"version": "3"}, 400, "/text"),
    ({"version": "3", "text": "x", "language": "nowhere_"}, 400, "/language"),
    ({"version": "v" * 65, "text": "x"}, 400, "/version"),
    ({"version": "1", "text": "Other words"}, 409, "/text"),
    ({"version": "3", "text": "x" * 100001}, 400, "/text"),
    ({"text": "x"}, 400, "/version"),
    ({"version": "3", "text": "x", "force": True}, 400, "/force"),
])
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_set_is_refused_by_field_also_when_only_tried(site, body, status, field, dry_run):
    before = read(site)
    answer = site.request("PUT", "/v1/policy/texts", site.admin_key, {**body, "dry_run": dry_run})
    assert answer.status == status and answer.json["field"] == field, answer
    assert read(site) == before


def test_two_who_write_at_once_are_told(site):
    etag = site.request("GET", "/v1/policy/texts", site.admin_key).headers["ETag"]
    user = {"id": "late", "roles": ["student"]}
    assert site.request("PUT", "/v1/policy", site.service_key, {"accepted": True, "version": "1", "user": user}).status == 200
    assert site.request("PUT", "/v1/policy/texts", site.admin_key, {"version": "1.1", "text": "A"}, {"If-Match": etag}).status == 200  # acceptances are no change
    assert site.request("PUT", "/v1/policy/texts", site.admin_key, {"version": "1.2", "text": "B"}, {"If-Match": etag}).status == 412
    assert read(site)["version"] == "1.1"


def test_the_command_line_and_the_api_have_one_history(site):
    site.cli("policy", "set", "1.5", "--file", "-", "--site", "demo", stdin="From the shell.")
    wait_until(lambda: read(site)["version"] == "1.5", what="the policy")
    assert read(site)["texts"][0]["text"] == "From the shell."
    put(site, version="1.6", text="From the API.")
    assert json.loads(site.cli("--json", "policy", "versions", "--site", "demo"))[0]["text"] == "From the API."


def test_another_site_has_its_own(site):
    site.cli("site", "add", "b")
    key = json.loads(site.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    wait_until(lambda: site.request("GET", "/v1/policy/texts", key).status == 200, what="the key of b")
    before = read(site)
    assert site.request("GET", "/v1/policy/texts", key).json["texts"] == []
    assert site.request("PUT", "/v1/policy/texts", key, {"version": "9", "text": "Of b."}).status == 200
    assert read(site) == before

"""/v1/site: what is in force, what is default, changing it as a form does, and errors that name the field."""
import json

import pytest
from conftest import Daemon, check_end, wait_until


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("site") / "data")
    yield d
    check_end(d)


@pytest.fixture
def fresh(site):
    """Nothing is set."""
    patch(site, {key: None for key in read(site)["set"]})
    assert read(site)["set"] == []
    return site


def read(site):
    answer = site.request("GET", "/v1/site", site.admin_key)
    assert answer.status == 200, answer
    return answer.json


def patch(site, settings, status=200, **members):
    body = {**members, **({"settings": settings} if settings else {})}
    if not body:
        return None
    answer = site.request("PATCH", "/v1/site", site.admin_key, body)
    assert answer.status == status, answer
    return answer.json


def test_every_setting_has_what_a_form_needs(site):
    schema = read(site)["settings_schema"]
    for name, setting in schema["properties"].items():
        assert setting["title"] and setting["description"].endswith(".") and setting["x-group"] and "default" in setting, name
        assert {"type", "enum"} & set(setting), name


def test_without_a_word_the_defaults_are_in_force(fresh):
    answer = read(fresh)
    assert answer["settings"] == {name: setting["default"] for name, setting in answer["settings_schema"]["properties"].items()}


def test_a_default_that_is_set_changes_nothing_of_what_the_program_does(fresh):
    """What the schema calls the default is what is taken when nothing is set: the two stand in two files."""
    unset = json.loads(fresh.cli("--json", "site", "show", "demo"))
    defaults = {name: setting["default"] for name, setting in read(fresh)["settings_schema"]["properties"].items()}
    patch(fresh, defaults)
    assert json.loads(fresh.cli("--json", "site", "show", "demo")) == unset


def test_what_is_set_is_in_force_and_null_takes_it_back(fresh):
    answer = patch(fresh, {"time_zone": "Europe/Berlin", "call_timeout_ms": 5000, "lms_hosts": ["lms.example:8000"]})
    assert answer["set"] == ["time_zone", "call_timeout_ms", "lms_hosts"]
    assert (answer["settings"]["time_zone"], answer["settings"]["call_timeout_ms"]) == ("Europe/Berlin", 5000)
    assert answer == read(fresh)
    assert json.loads(fresh.cli("--json", "site", "show", "demo"))["call_timeout_ms"] == 5000
    again = patch(fresh, {"time_zone": None, "lms_hosts": None})
    assert again["set"] == ["call_timeout_ms"] and again["settings"]["time_zone"] == "UTC" and again["settings"]["lms_hosts"] == []


def test_the_name_alone_can_be_changed(site):
    before = read(site)
    assert patch(site, None, name="A campus") == {**before, "name": "A campus"}


@pytest.mark.parametrize("body, field", [
    ({"settings": {"time_zone": "Mars/Crater"}}, "/settings/time_zone"),
    ({"settings": {"call_timeout_ms": 1}}, "/settings/call_timeout_ms"),
    ({"settings": {"call_timeout_ms": "soon"}}, "/settings/call_timeout_ms"),
    ({"settings": {"lms_hosts": ["fine.example", "not a host"]}}, "/settings/lms_hosts/1"),
    ({"settings": {"lms_roles_url": "ftp://lms.example"}}, "/settings/lms_roles_url"),
    ({"settings": {"services": {"ai": ["any", "acme"]}}}, "/settings/services"),
    ({"settings": {"nowhere": 1}}, "/settings/nowhere"),
    ({"settings": {"nowhere": None}}, "/settings/nowhere"),
    ({"settings": {"name": "x"}}, "/settings"),
    ({"settings": 1}, "/settings"),
    ({"name": ""}, "/name"),
    ({"name": "x" * 256}, "/name"),
    ({"slug": "other"}, "/slug"),
    ({"enabled": False}, "/enabled"),
    ({}, ""),
])
def test_what_is_wrong_is_named_and_changes_nothing(site, body, field):
    before = read(site)
    answer = site.request("PATCH", "/v1/site", site.admin_key, body)
    assert answer.status == 400 and answer.json.get("field", "") == field, answer
    assert read(site) == before


def test_one_wrong_setting_leaves_the_others_alone(fresh):
    patch(fresh, {"call_timeout_ms": 5000, "time_zone": "Mars/Crater"}, status=400)
    assert read(fresh)["set"] == []


def test_who_has_an_older_state_is_told_so(fresh):
    etag = fresh.request("GET", "/v1/site", fresh.admin_key).headers["ETag"]
    fresh.cli("site", "set", "demo", "currency=EUR")
    late = fresh.request("PATCH", "/v1/site", fresh.admin_key, {"settings": {"currency": "CHF"}}, {"If-Match": etag})
    assert late.status == 412 and late.json["code"] == "precondition_failed"
    now = fresh.request("GET", "/v1/site", fresh.admin_key)
    assert now.json["settings"]["currency"] == "EUR"
    assert fresh.request("PATCH", "/v1/site", fresh.admin_key, {"settings": {"currency": "CHF"}}, {"If-Match": now.headers["ETag"]}).status == 200


def test_another_site_is_another(site):
    site.cli("site", "add", "b", "--name", "Other")
    key = json.loads(site.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    wait_until(lambda: site.request("GET", "/v1/site", key).status == 200, what="the key of b")
    before = read(site)
    assert site.request("PATCH", "/v1/site", key, {"name": "B", "settings": {"currency": "SEK"}}).status == 200
    assert site.request("GET", "/v1/site", key).json["slug"] == "b"
    assert read(site) == before


def test_the_command_line_lists_the_same_settings(site):
    listed = {row["setting"]: (row["default"], row["title"]) for row in json.loads(site.cli("--json", "site", "settings"))}
    assert listed == {name: (s["default"], s["title"]) for name, s in read(site)["settings_schema"]["properties"].items()}

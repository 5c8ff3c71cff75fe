"""Discovery of services: who may use what, in which version, and what a client that asks again is told."""
import json

import pytest
from conftest import Daemon, check_end, wait_until
from tokens import claims, token

SECRET = "a shared secret of the test"
ORA = {"component": "ora", "extends": ["block"], "wants": ["ai.grading", {"service": "ai.workflows", "min": "1.0"}, {"service": "ai", "min": "2.0"}]}


@pytest.fixture(scope="module")
def daemon_of_all(tmp_path_factory):
    data = tmp_path_factory.mktemp("services") / "data"
    folder = data / "components"
    folder.mkdir(parents=True)
    data.chmod(0o700)
    (folder / "1-ora.json").write_text(json.dumps(ORA))  # before what it extends
    (folder / "2-block.json").write_text('{"component": "block", "needs": ["ai"]}')
    (folder / "3-broken.json").write_text('{"component": "Broken"')
    d = Daemon(data)
    d.cli("issuer", "set", "https://lms.example/oauth2", "p", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    d.student = token(SECRET, "HS256", claims(aud="p", roles=["student"]))
    wait_until(lambda: d.request("GET", "/v1/actions", d.student).status == 200, what="the issuer")
    yield d
    check_end(d)


@pytest.fixture()
def site(daemon_of_all):
    """As by default, before and after."""
    yield daemon_of_all
    daemon_of_all.cli("site", "set", "demo", 'services={}')
    wait_until(lambda: ask(daemon_of_all, "ai")["status"] == "ok", what="the defaults")


def ask(site, name, query="", key=None):
    answer = site.request("GET", f"/v1/services/{name}{query}", key or site.admin_key)
    assert answer.status == 200, answer
    return answer.json


def listed(site, query=""):
    answer = site.request("GET", f"/v1/services{query}", site.admin_key)
    assert answer.status == 200, answer
    return {s["service"]: s["status"] for s in answer.json["services"]}, answer.json["generation"]


@pytest.mark.parametrize("name, query, status, declared, version", [
    ("ai", "", "ok", "none", "1.0"),
    ("ai.grading", "", "absent", "none", None),
    ("ai", "?component=block", "ok", "need", "1.0"),
    ("ai", "?component=ora", "version", "want", None),  # the more derived declaration
    ("ai.workflows", "?component=ora", "ok", "want", "1.0"),
    ("ai.grading", "?component=ora", "absent", "want", None),
    ("ai.workflows", "?component=block", "undeclared", "none", None),
    ("ai", "?component=nobody", "undeclared", "none", None),
])
def test_what_a_component_may_use(site, name, query, status, declared, version):
    answer = ask(site, name, query)
    assert (answer["status"], answer["declared"], answer["version"]) == (status, declared, version), answer
    assert (answer["granted"] or {}).get("version") == version


def test_names_that_are_none_are_refused(site):
    for path, field in (("/v1/services/AI", "/name"), ("/v1/services/ai?component=Ora", "/component"), ("/v1/services?since=x", "/since")):
        answer = site.request("GET", path, site.admin_key)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", field), answer


def test_learners_are_not_told_of_plugins(site):
    answer = ask(site, "ai", key=site.student)
    assert answer["status"] == "ok" and "candidates" not in answer and "plugin" not in answer["granted"]
    assert ask(site, "ai")["candidates"][0]["plugin"] == "builtin"


def test_a_site_chooses(site):
    site.cli("site", "set", "demo", 'services={"ai":["acme"],"ai.workflows":["none"]}')
    wait_until(lambda: ask(site, "ai")["status"] == "absent", what="the pin")
    assert ask(site, "ai")["reason"] == "pinned to acme, which does not provide it"
    assert ask(site, "ai.workflows")["status"] == "disabled"
    site.cli("site", "set", "demo", 'services={"ai":["acme","any"]}')
    wait_until(lambda: ask(site, "ai")["status"] == "ok", what="any")


@pytest.mark.parametrize("services", ['{"ai":["any","acme"]}', '{"ai":["none","acme"]}', '{"AI":["acme"]}', '{"ai":[]}', '{"ai":"acme"}'])
def test_choices_that_are_none_are_refused(site, services):
    assert site.cli("site", "set", "demo", f"services={services}", check=False).returncode == 1


def test_switched_off_in_a_course(site):
    for action, others in ((None, "disabled"), ("service:ai", "ok")):
        body = {"course_id": "c1", "enabled": False} | ({"action": action} if action else {})
        assert site.request("PUT", "/v1/switches", site.admin_key, body).status == 200
        assert ask(site, "ai", "?course_id=c1")["status"] == "disabled"
        assert ask(site, "ai.workflows", "?course_id=c1")["status"] == others
        assert ask(site, "ai", "?course_id=c2")["status"] == "ok"
        assert site.request("PUT", "/v1/switches", site.admin_key, body | {"enabled": None}).status == 200
    assert site.request("PUT", "/v1/switches", site.admin_key, {"course_id": "c1", "action": "service:AI", "enabled": False}).status == 400


def test_who_asks_again_is_told_what_changed(site):
    statuses, generation = listed(site, "?component=ora")
    assert statuses == {"ai": "version", "ai.workflows": "ok", "ai.grading": "absent"}
    assert listed(site, f"?component=ora&since={generation}") == ({}, generation)
    site.cli("site", "set", "demo", 'services={"ai":["none"]}')
    wait_until(lambda: listed(site, f"?since={generation}")[0].get("ai") == "disabled", what="the change")
    answer = site.request("GET", "/v1/services", site.admin_key)
    again = site.request("GET", "/v1/services", site.admin_key, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


def test_the_command_line_says_the_same(site):
    rows = json.loads(site.cli("service", "list", "--site", "demo", "--component", "ora", "--json"))
    assert {r["service"]: r["status"] for r in rows} == {"ai": "version", "ai.workflows": "ok", "ai.grading": "absent"}
    rows = json.loads(site.cli("service", "explain", "ai", "--site", "demo", "--component", "ora", "--json"))
    assert [(r["candidate"], r["status"]) for r in rows] == [("builtin", "version"), ("=>", "version")]
    refused = site.cli("service", "list", "--site", "demo", "--component", "nobody", check=False)
    assert refused.returncode == 1 and "nobody" in refused.stderr

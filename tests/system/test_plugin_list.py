"""/v1/plugins: what is loaded and how it stands, who asks for which service and what they get; to look at, without a path of the machine."""
import json

import pytest
from conftest import Daemon, check_end, wait_until
from test_plugins import make, plugins  # noqa: F401: a fixture


@pytest.fixture(scope="module")
def site(tmp_path_factory, plugins):  # noqa: F811
    """Both examples, one that ends itself when it starts, one whose manifest is wrong, and components of the folder."""
    tmp = tmp_path_factory.mktemp("list")
    (tmp / "bad").mkdir()
    make(tmp / "bad", ACTIVATE="abort()")
    (tmp / "bad" / "wrong.json").write_text('{"manifest": 1, "id": "No id"}')
    folder = tmp / "data" / "components"
    folder.mkdir(parents=True)
    (tmp / "data").chmod(0o700)
    (folder / "ora.json").write_text(json.dumps({"component": "ora", "needs": ["ai.grading"], "wants": [{"service": "ai", "min": "1.0"}]}))
    (folder / "block.json").write_text(json.dumps({"component": "block", "needs": ["ai"], "wants": [{"service": "ai.workflows", "min": "9.0"}]}))
    d = Daemon(tmp / "data", "--plugin-dirs", f"{plugins}:{tmp / 'bad'}")
    d.tmp = tmp
    yield d
    check_end(d)


def read(site, key=None):
    answer = site.request("GET", "/v1/plugins", key or site.admin_key)
    assert answer.status == 200, answer
    return answer.json


def test_each_plugin_says_how_it_stands(site):
    by_id = {p["id"]: p for p in read(site)["plugins"]}
    assert set(by_id) == {"example", "example-python", "p", "wrong.json"}
    assert (by_id["example"]["state"], by_id["example"]["runs_in"], by_id["example"]["reason"], by_id["example"]["faults"]) == ("up", "process", "", 0)
    assert "tool/count_words" in by_id["example"]["provides"] and by_id["example"]["version"]
    fallen = by_id["p"]
    assert fallen["faults"] >= 1 and "signal 6" in fallen["reason"] and fallen["since"] < fallen["until"]
    assert fallen["state"] in ("quarantined", "starting", "idle")  # it is tried again
    assert by_id["wrong.json"]["state"] == "wrong" and "required" in by_id["wrong.json"]["reason"] and by_id["wrong.json"]["provides"] == []


def test_no_path_of_the_machine_is_in_it(site, plugins):  # noqa: F811
    text = json.dumps(read(site))
    assert str(site.tmp) not in text and str(plugins) not in text and "/tmp" not in text


def test_per_service_who_asks_for_it_and_what_they_get(site):
    services = {s["service"]: s for s in read(site)["services"]}
    assert services["ai"]["status"] == "ok" and services["ai"]["plugin"] == "builtin" and services["ai"]["candidates"][0]["status"] == "ok"
    assert services["ai.grading"]["status"] == "absent" and services["ai.grading"]["candidates"] == []
    asks = {(service, c["component"]): c for service, s in services.items() for c in s["components"]}
    told = {key: (c["declared"], c["status"], c["active"]) for key, c in asks.items() if key[1] in ("ora", "block")}
    assert told == {("ai", "ora"): ("want", "ok", False), ("ai.grading", "ora"): ("need", "absent", False),
                    ("ai", "block"): ("need", "ok", True), ("ai.workflows", "block"): ("want", "version", True)}
    assert "ai.grading" in asks["ai.grading", "ora"]["inactive_because"] and asks["ai", "block"]["inactive_because"] == ""


def test_what_the_site_decides_is_told_for_the_site(site):
    site.cli("site", "set", "demo", 'services={"ai":["none"]}')
    wait_until(lambda: {s["service"]: s["status"] for s in read(site)["services"]}["ai"] != "ok", what="the setting")
    site.cli("site", "add", "b")
    key = json.loads(site.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    wait_until(lambda: site.request("GET", "/v1/plugins", key).status == 200, what="the key of b")
    assert {s["service"]: s["status"] for s in read(site, key)["services"]}["ai"] == "ok"
    site.cli("site", "set", "demo", "services={}")


def test_who_is_switched_off_is_told_so(site):
    site.cli("plugin", "disable", "example-python", "--plugin-dirs", f"{site.tmp / 'bad'}", check=False)
    done = site.cli("plugin", "disable", "p", "--plugin-dirs", f"{site.tmp / 'bad'}", check=False)
    assert done.returncode == 0, done
    wait_until(lambda: {p["id"]: p["state"] for p in read(site)["plugins"]}["p"] == "disabled", what="the switch")

"""The guide for Open edX operators (integrations/openedx/README.md): its commands exist and do what it says, in its order."""
import json
import os
import re
import shlex
import subprocess

import pytest
from conftest import LECTERN, ROOT

GUIDE = (ROOT / "integrations/openedx/README.md").read_text()
COURSE = "course-v1:Org+Course+Run"
UUID = "11111111-1111-4111-8111-1111111111"


def blocks(kind=""):
    """The contents of its fenced blocks of a kind, "" for commands."""
    return [body for found, body in re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.M | re.S) if found == kind]


def commands():
    """Its lectern commands as lists of words, in order; and where standard output goes."""
    for line in "".join(blocks()).splitlines():
        if line.startswith("lectern "):
            command, _, output = line.partition(" > ")
            yield shlex.split(command)[1:], output.strip() or None


def fixture():
    """What dumpdata writes of a small site, in its form."""
    def one(model, pk, **fields):
        return {"model": f"openedx_ai_extensions.{model}", "pk": pk, "fields": fields}

    patch = "{\n  // a comment\n  processor_config: {LLMProcessor: {provider: 'openai', prompt_template: 'short'}},\n}"
    return [
        one("prompttemplate", UUID + "01", slug="short", body="Answer shortly.", created_at="2026-01-01T00:00:00Z",
            updated_at="2026-01-01T00:00:00Z"),
        one("aiworkflowprofile", UUID + "02", slug="unit-summary", description=None, base_filepath="base/summary.json", content_patch=patch),
        one("aiworkflowscope", UUID + "03", location_regex=None, course_id=COURSE, service_variant="lms", profile=UUID + "02", enabled=True,
            ui_slot_selector_id="ai-assist-button", specificity_index=3)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with the files that the guide's commands read."""
    folder = tmp_path_factory.mktemp("guide")
    number = {"kty": "RSA", "kid": "openedx", "e": "AQAB", "n": "u" + "A" * 340 + "Q"}
    for name, text in {"openai.key": "sk-not-a-key", "lms-keys.json": json.dumps({"keys": [number]}), "policy.txt": "Answers are made by software.",
                       "roles.csv": f"user_id,course_id,role\nbob,{COURSE},teacher\ncarol,,manager\n",
                       "ai-extensions.json": json.dumps(fixture())}.items():
        (folder / name).write_text(text)
    return folder


def run(place, words):
    env = {**os.environ, "LECTERN_DATA": str(place / "var")}
    return subprocess.run([LECTERN, *words], cwd=place, env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def done(place):
    """Every command of the guide has run, one after the other, serve as check-config; what each printed, by its words."""
    printed = {}
    for words, output in commands():
        words = ["check-config", *words[1:]] if words[0] == "serve" else words
        result = run(place, words)
        assert result.returncode == 0, f"lectern {shlex.join(words)}: exit {result.returncode}: {result.stdout}{result.stderr}"
        if output:
            (place / output).write_text(result.stdout)
        printed[tuple(words[:2])] = result.stdout
    return printed


def show(place, *words):
    result = run(place, [*words, "--json"])
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_guide_has_commands_of_every_step():
    assert {"site", "provider", "issuer", "role", "policy", "workflow", "serve", "scope", "register"} <= {words[0] for words, _ in commands()}


def test_its_commands_leave_the_site_that_it_describes(place, done):
    site = show(place, "site", "show", "campus")
    assert (site["lms_hosts"], site["cms_hosts"], site["cors_origins"]) == (["lms.example.org"], ["studio.example.org"], ["https://apps.example.org"])
    assert (site["lms_roles_url"], site["openedx_policy"]) == ("https://lms.example.org/api/enrollment/v1/roles/", "lectern")
    assert [(i["iss"], i["aud"], i["alg"], i["keys"], i["user_claim"]) for i in show(place, "issuer", "list")] == [
        ("https://lms.example.org/oauth2", "openedx", "RS512", "openedx", "preferred_username")]


def test_the_roles_are_those_of_the_command_and_the_file(place, done):
    rows = {(r["user_id"], r["course_id"], r["role"]) for r in show(place, "role", "list")["roles"]}
    assert rows == {("prof.ada", COURSE, "editingteacher"), ("bob", COURSE, "teacher"), ("carol", "", "manager")}


def test_the_import_brings_a_profile_that_can_run_and_the_check_finds_its_scope(place, done):
    assert show(place, "profile", "validate", "unit-summary")["valid"] is True
    assert "unit-summary" in done["scope", "resolve"]


def test_what_is_exported_is_what_came_but_for_the_mapped_template(place, done):
    back = {o["pk"]: o["fields"] for o in json.loads((place / "ai-extensions-back.json").read_text())}
    for o in fixture():
        expected = {k: v for k, v in o["fields"].items() if k not in ("updated_at", "base_filepath")}
        assert {k: back[o["pk"]][k] for k in expected} == expected
    assert back[UUID + "02"]["base_filepath"] == "base/summary.json5"

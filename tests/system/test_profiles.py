"""Templates, profiles and prompt templates: over the API, from the shell, and with files that change under a running daemon."""
import json
import time
import urllib.parse

import pytest
from conftest import Daemon, run_lectern

WHOLE = """// mine
{schema_version: "1.0", orchestrator_class: "%s", processor_config: {P: {}},
 actuator_config: {UIComponents: {request: {}, response: {}}}}"""


@pytest.fixture()
def daemon(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "mine.json").write_text(WHOLE % "MockResponse")
    d = Daemon(tmp_path / "data", "--template-dirs", tmp_path / "templates")
    yield d
    d.stop()


def admin(d, method, path, body=None):
    return d.request(method, path, d.admin_key, body)


def test_a_profile_is_made_changed_shown_redacted_and_removed(daemon):
    made = admin(daemon, "POST", "/v1/profiles", {"slug": "p", "base_filepath": "mine.json", "content_patch": "/* why */ {x: {api_key: 'k'}}"})
    assert made.status == 201, made
    assert made.json["effective_config"]["x"] == {"api_key": "[REDACTED]"} and made.json["valid"] and made.json["usage"] == {"scope_count": 0}
    assert "'k'" not in made.json["content_patch"] and "/* why */" in made.json["content_patch"]
    changed = admin(daemon, "PATCH", "/v1/profiles/p", {"content_patch": {"orchestrator_class": "Other"}})
    assert changed.status == 200 and changed.json["orchestrator_class"] == "Other" and changed.json["version"] == 2
    assert [v["version"] for v in admin(daemon, "GET", "/v1/profiles/p/history").json["versions"]] == [2, 1]
    paths = [c["path"] for c in admin(daemon, "GET", "/v1/profiles/p/diff").json["changes"]]
    assert paths == ["/content_patch/x", "/content_patch/orchestrator_class"]
    assert admin(daemon, "GET", "/v1/profiles/p/usage").json == {"scope_count": 0, "session_count": 0, "scopes": []}
    assert admin(daemon, "GET", "/v1/profiles").json["count"] == 1
    assert admin(daemon, "DELETE", "/v1/profiles/p").status == 204
    assert admin(daemon, "GET", "/v1/profiles/p").json["code"] == "not_found"


def test_a_refused_save_lists_everything_that_is_wrong(daemon):
    refused = admin(daemon, "POST", "/v1/profiles", {"slug": "a b", "base_filepath": "/etc/passwd", "content_patch": "{"})
    assert refused.status == 400 and refused.json["field"] == "/slug" and len(refused.json["errors"]) == 3, refused
    check = admin(daemon, "POST", "/v1/profiles/validate", {"base_filepath": "mine.json", "content_patch": "{processor_config: null}"})
    assert check.status == 200 and check.json["valid"] is False and check.json["errors"] == ["root: 'processor_config' is required"]
    assert admin(daemon, "GET", "/v1/profiles").json["count"] == 0


def test_a_template_that_changes_on_disk_changes_the_profile_without_a_restart(daemon, tmp_path):
    assert admin(daemon, "POST", "/v1/profiles", {"slug": "p", "base_filepath": "mine.json"}).status == 201
    (tmp_path / "templates" / "mine.json").write_text(WHOLE % "Changed")
    until = time.monotonic() + 60
    while admin(daemon, "GET", "/v1/profiles/p").json["orchestrator_class"] != "Changed":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert admin(daemon, "GET", "/v1/templates/mine.json").json["config"]["orchestrator_class"] == "Changed"


def test_the_profiles_of_a_context_come_with_the_scopes_that_lead_to_them_the_most_specific_first(daemon):
    course, unit = "course-v1:A+B+C", "block-v1:A+B+C+type@vertical+block@u1"
    for slug in ("a", "b", "c"):
        assert admin(daemon, "POST", "/v1/profiles", {"slug": slug, "base_filepath": "mine.json"}).status == 201
    rows = [("a", {}), ("b", {"course_id": course, "location_regex": "u1$"}), ("a", {"course_id": course, "ui_slot_selector_id": "w"}),
            ("c", {"course_id": course, "service_variant": "cms"}), ("b", {"course_id": "course-v1:A+B+D"}), ("c", {"enabled": False})]
    scopes = [admin(daemon, "POST", "/v1/scopes", {"profile_id": slug, **members}).json["id"] for slug, members in rows]

    def listed(**context):
        answer = admin(daemon, "GET", "/v1/profiles?" + urllib.parse.urlencode(context))
        assert answer.status == 200 and answer.json["count"] == len(answer.json["profiles"]), answer
        return [(p["slug"], [scopes.index(s["id"]) for s in p["matched_scopes"]]) for p in answer.json["profiles"]]

    assert listed(course_id=course, location_id=unit) == [("b", [1]), ("a", [2, 0]), ("c", [3])]
    assert listed(course_id=course) == [("a", [2, 0]), ("c", [3])]
    assert listed(course_id=course, location_id=unit, service_variant="lms") == [("b", [1]), ("a", [2, 0])]
    assert listed(service_variant="cms", course_id=course) == [("c", [3])]
    assert listed(course_id=course, location_id=unit, ui_slot_selector_id="x") == [("b", [1]), ("c", [3]), ("a", [0])]
    assert listed(ui_slot_selector_id="w") == [("a", [0])]
    assert listed(course_id="course-v1:X+Y+Z") == [("a", [0])]
    everything = admin(daemon, "GET", "/v1/profiles").json["profiles"]
    assert [p["slug"] for p in everything] == ["a", "b", "c"] and "matched_scopes" not in everything[0]
    assert admin(daemon, "GET", "/v1/profiles?service_variant=preview").json["field"] == "/service_variant"
    assert daemon.request("GET", "/v1/profiles?course_id=x", daemon.learner).status == 403


def test_a_template_is_described_by_the_comment_at_its_beginning(daemon, tmp_path):
    (tmp_path / "templates" / "mine.json").write_text("// What it is.\n//  For whom.\n\n// no more\n" + WHOLE % "MockResponse")
    (tmp_path / "templates" / "bare.json").write_text((WHOLE % "MockResponse").removeprefix("// mine\n"))
    wanted, until, described = {"mine.json": "What it is.\nFor whom.", "bare.json": ""}, time.monotonic() + 60, {}
    while not wanted.items() <= described.items():
        assert time.monotonic() < until, described
        time.sleep(0.1)
        described = {t["path"]: t["description"] for t in admin(daemon, "GET", "/v1/templates").json["templates"]}


@pytest.mark.parametrize("path, status", [("mine.json", 200), ("none.json", 404), ("%2Fetc%2Fpasswd", 400), ("..%2Fdata%2Fdemo.json", 400)])
def test_a_template_is_shown_only_from_its_directories(daemon, path, status):
    assert admin(daemon, "GET", "/v1/templates/" + path).status == status


def test_prompts_over_the_api(daemon):
    made = admin(daemon, "POST", "/v1/prompts", {"slug": "calm", "body": "Be calm."})
    assert made.status == 201, made
    by_id = admin(daemon, "GET", "/v1/prompts/" + made.json["id"].replace("-", "").upper())
    assert by_id.json == made.json and by_id.json["usage"] == {"profile_count": 0, "profiles": []}
    assert admin(daemon, "PATCH", "/v1/prompts/calm", {"body": "  "}).json["field"] == "/body"
    assert admin(daemon, "PATCH", "/v1/prompts/calm", {"body": "Be very calm."}).json["version"] == 2
    assert len(admin(daemon, "GET", "/v1/prompts/calm/history").json["versions"]) == 2
    assert admin(daemon, "DELETE", "/v1/prompts/calm").status == 204


def test_learners_may_not_see_profiles(daemon):
    for path in ("/v1/templates", "/v1/profiles", "/v1/prompts"):
        assert daemon.request("GET", path, daemon.learner).status == 403


def test_the_shell_does_the_same(tmp_path):
    data = ["--data", tmp_path / "data"]
    run_lectern("migrate", *data)
    run_lectern("site", "add", "one", *data)
    listed = json.loads(run_lectern("template", "list", "--json", *data))
    assert {"base/summary.json5", "base/blank.json5", "mock/mock.json5"} <= {t["path"] for t in listed}
    assert all(json.loads(run_lectern("template", "validate", t["path"], "--json", *data))["valid"] for t in listed[:2])
    assert all(t["valid"] for t in json.loads(run_lectern("template", "validate", "--json", *data)))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "broken.json5").write_text("{\n a: }")
    (tmp_path / "own" / "empty.json").write_text("{}")
    own = [*data, "--template-dirs", tmp_path / "own", "--json"]
    for path, word in (("broken.json5", "line 2, column 5"), ("empty.json", "'schema_version' is required")):
        wrong = run_lectern("template", "validate", path, *own, check=False)
        assert wrong.returncode == 1 and not json.loads(wrong.stdout)["valid"] and word in json.loads(wrong.stdout)["errors"][0]
    both = run_lectern("template", "validate", *own, check=False)
    assert both.returncode == 1 and [t["path"] for t in json.loads(both.stdout) if not t["valid"]] == ["broken.json5", "empty.json"]
    missing = run_lectern("template", "validate", "none.json", *own, check=False)
    assert missing.returncode == 1 and json.loads(missing.stdout)["error"]["code"] == "not_found"
    run_lectern("prompt", "add", "calm", "body=Be calm.", *data)
    (tmp_path / "patch").write_text("// mine\n{processor_config: {LLMProcessor: {prompt_template: 'calm'}}}")
    run_lectern("profile", "add", "p", "base_filepath=base/summary.json5", "--file", tmp_path / "patch", *data)
    run_lectern("profile", "set", "p", "description=later", *data)
    shown = json.loads(run_lectern("profile", "show", "p", "--json", *data))
    assert shown["valid"] and shown["content_patch"].startswith("// mine") and shown["description"] == "later"
    assert [c["path"] for c in json.loads(run_lectern("profile", "diff", "p", "--json", *data))["changes"]] == ["/description"]
    assert [v["changed_by"] for v in json.loads(run_lectern("profile", "history", "p", "--json", *data))] == ["cli", "cli"]
    refused = run_lectern("prompt", "remove", "calm", *data, check=False)
    assert refused.returncode == 1 and "1 profile uses" in refused.stderr
    run_lectern("profile", "remove", "p", *data)
    run_lectern("prompt", "remove", "calm", *data)
    run_lectern("site", "remove", "one", *data)

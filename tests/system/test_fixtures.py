"""Moving from the Django plugin and back: fixtures in the shape that its dumpdata writes. Reference: openedx-ai-extensions.md §§1, 2."""
import json
import uuid

import pytest
from conftest import Daemon, run_lectern

APP = "openedx_ai_extensions."
UNIT = "block-v1:Org+C1+R1+type@vertical+block@0123456789abcdef"
COURSE = "course-v1:Org+C1+R1"
# As the plugin ships them: JSON with comments and commas at the end, below <plugin>/workflows/profiles
THEIR_TEMPLATE = """/* told by a comment */
{
  "orchestrator_class": "MockResponse",
  "processor_config": {"OpenEdXProcessor": {"function": "no_context",}, "LLMProcessor": {"function": "summarize_content", "provider": "default"}}, // so
  "actuator_config": {"UIComponents": {"request": {"component": "AIRequestComponent", "config": {"buttonText": "Go"}}, "response": {"component": "AIResponseComponent"}}},
  "schema_version": "1.0",
}
"""


def pk(kind, n):
    return f"{kind}1000001-0001-4000-{kind}001-{n:012d}"


def prompt(n, slug, body):
    return {"model": APP + "prompttemplate", "pk": pk("c", n),
            "fields": {"slug": slug, "body": body, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-03T04:05:06.789Z"}}


def profile(n, slug, base="base/summary.json", patch=""):
    return {"model": APP + "aiworkflowprofile", "pk": pk("a", n),
            "fields": {"slug": slug, "description": None, "base_filepath": base, "content_patch": patch}}


def scope(n, of, **fields):
    return {"model": APP + "aiworkflowscope", "pk": pk("b", n),
            "fields": {"location_regex": None, "course_id": None, "service_variant": "lms", "profile": pk("a", of), "enabled": True,
                       "ui_slot_selector_id": "", "specificity_index": 0, **fields}}


MOVE = [
    {"model": "auth.user", "pk": 1, "fields": {"username": "ann"}},
    {"model": APP + "aiworkflowsession", "pk": pk("d", 1), "fields": {"user": 1}},
    scope(1, 2, course_id=COURSE, location_regex=".*cdef$", ui_slot_selector_id="ai-assist-button", specificity_index=99),
    scope(2, 1),
    profile(1, "summary"),
    profile(2, "bullets", patch='{\n  // mine\n  "processor_config": {"LLMProcessor": {"prompt_template": "short-bullets"}},\n}'),
    prompt(1, "short-bullets", "Use at most five bullets.\nBe kind."),
]


@pytest.fixture()
def shell(tmp_path):
    """lectern with one site "lms", and a folder of the plugin's templates that may be named."""
    theirs = tmp_path / "profiles" / "base"
    theirs.mkdir(parents=True)
    (theirs / "summary.json").write_text(THEIR_TEMPLATE)

    class Shell:
        data = ["--data", tmp_path / "data"]
        theirs = ["--template-dirs", f"{tmp_path / 'profiles'}"]

        def run(self, *words, **how):
            return run_lectern(*words, *self.data, **how)

        def load(self, objects, *words, group="workflow", check=True):
            (tmp_path / "fixture.json").write_text(json.dumps(objects, indent=2))
            answer = self.run(group, "import", tmp_path / "fixture.json", "--json", *words, check=check)
            return json.loads(answer if check else answer.stdout)

    s = Shell()
    s.run("migrate")
    s.run("site", "add", "lms")
    return s


def test_a_dump_of_the_plugin_is_imported_whole_and_decides_in_a_running_daemon(shell, tmp_path):
    report = shell.load(MOVE, *shell.theirs)
    assert report["written"] and report["slot_matching_set"] and report["refused"] == []
    assert [report[k]["added"] for k in ("prompts", "profiles", "scopes")] == [1, 2, 2]
    assert {i["name"]: i["count"] for i in report["ignored"]} == {"auth.user": 1, APP + "aiworkflowsession": 1}
    key = json.loads(run_lectern("--json", "key", "add", "--role", "site_admin", *shell.data))["key"]
    daemon = Daemon(tmp_path / "data", *shell.theirs, demo=False)
    try:
        at = f"course_id={COURSE}&location_id={UNIT}&service_variant=lms&ui_slot_selector_id=".replace("+", "%2B").replace("@", "%40")
        special = daemon.request("GET", "/v1/scopes/resolve?" + at + "ai-assist-button", key).json
        assert special["profile"]["slug"] == "bullets" and special["scope"]["uuid"] == pk("b", 1) and special["scope"]["specificity_index"] == 7
        assert daemon.request("GET", "/v1/scopes/resolve?" + at + "another-widget", key).json["profile"]["slug"] == "summary"  # as there: a wildcard
        assert daemon.request("GET", "/v1/profiles/" + pk("a", 2), key).json["valid"]
        assert daemon.request("GET", "/v1/prompts/" + pk("c", 1), key).json["updated_at"] == "2026-02-03T04:05:06.789Z"
    finally:
        daemon.stop()


def test_what_is_not_here_is_refused_all_at_once_with_a_way_out_and_nothing_is_imported(shell):
    objects = MOVE + [profile(3, "vendor", "vendors/openai_chat.json5"), profile(4, "own", "ours/special.json"), profile(5, "summary")]
    refused = shell.load(objects, check=False)
    reasons = {(r["pk"], r["field"]): r["reason"] for r in refused["refused"]}
    assert not refused["written"] and refused["refused_total"] == 6
    assert "--map-templates takes base/summary.json5" in reasons[pk("a", 1), "base_filepath"]
    assert "template_dirs" in reasons[pk("a", 4), "base_filepath"]
    assert "no provider instance 'openai'" in reasons[pk("a", 3), "content_patch"]
    assert "object 5 of the file has the same" in reasons[pk("a", 5), "slug"]
    assert {r["model"] for r in refused["refused"]} == {APP + "aiworkflowprofile"}
    for group in ("profile", "prompt", "scope"):
        assert json.loads(shell.run(group, "list", "--json")) == []
    people = shell.run("workflow", "import", "-", stdin=json.dumps(objects), check=False)
    assert people.returncode == 1 and "nothing is imported" in people.stderr
    assert f"object 8, {APP}aiworkflowprofile {pk('a', 3)}: content_patch: processor_config.LLMProcessor.provider:" in people.stdout


def test_the_ways_out_work(shell):
    objects = [profile(3, "vendor", "vendors/openai_chat.json5"), profile(4, "own", "ours/special.json"), profile(1, "summary")]
    shell.run("provider", "add", "openai", "--plugin", "openai", "api_key=x")
    assert shell.load(objects, "--dry-run", "--map-templates", "--allow-missing")["written"] is False
    report = shell.load(objects, "--map-templates", "--allow-missing")
    assert report["written"] and any("ours/special.json" in n for n in report["notes"]) and any("takes the place" in n for n in report["notes"])
    listed = {p["slug"]: p for p in json.loads(shell.run("profile", "list", "--json"))}
    assert {s: p["valid"] for s, p in listed.items()} == {"vendor": True, "own": False, "summary": True}
    assert listed["summary"]["base_filepath"] == "base/summary.json5"
    vetoed = shell.run("provider", "remove", "openai", check=False)
    assert vetoed.returncode == 1 and "profile 'vendor'" in vetoed.stderr


def test_every_standard_template_of_the_plugin_has_one_of_ours_that_is_whole(shell):
    theirs = [f"base/{n}" for n in ("blank", "summary", "custom_prompt", "library_questions_creator", "library_questions_assistant",
                                    "mocked_llm_completion", "mocked_llm_streaming")]
    theirs += [f"examples/{v}/{n}" for v in ("openai", "anthropic") for n in ("chat", "chat_functions")] + ["experimental/flashcards"]
    for vendor in ("openai", "anthropic"):
        shell.run("provider", "add", vendor, "--plugin", vendor, "api_key=x")
    report = shell.load([profile(i, f"p{i}", path + ".json") for i, path in enumerate(theirs, 1)], "--map-templates")
    assert report["profiles"]["added"] == report["notes_total"] == len(theirs)
    assert all(p["valid"] and p["base_filepath"].endswith(".json5") for p in json.loads(shell.run("profile", "list", "--json")))


def test_the_same_file_twice_changes_nothing_and_a_changed_one_only_what_differs(shell):
    shell.load(MOVE, *shell.theirs)
    again = shell.load(MOVE, *shell.theirs)
    assert not again["written"] and [again[k]["unchanged"] for k in ("prompts", "profiles", "scopes")] == [1, 2, 2]
    changed = [o if o["model"] != APP + "prompttemplate" else prompt(1, "short-bullets", "Three will do.") for o in MOVE]
    report = shell.load(changed, *shell.theirs)
    assert report["prompts"] == {"added": 0, "changed": 1, "unchanged": 0} and report["profiles"]["unchanged"] == 2
    assert [v["changed_by"] for v in json.loads(shell.run("prompt", "history", "short-bullets", "--json"))] == ["cli", "cli"]
    clash = shell.load([profile(9, "summary")], *shell.theirs, check=False)
    assert clash["refused"][0]["field"] == "slug" and pk("a", 1) in clash["refused"][0]["reason"]


def test_an_export_is_a_fixture_that_makes_an_equal_site(shell, tmp_path):
    shell.load(MOVE, *shell.theirs)
    shell.run("scope", "add", "--profile", "summary", "course_id=" + COURSE, "enabled=false", "service_variant=cms")
    first = shell.run("workflow", "export")
    objects = json.loads(first)
    assert [o["model"].split(".")[1] for o in objects] == ["prompttemplate"] + 2 * ["aiworkflowprofile"] + 3 * ["aiworkflowscope"]
    assert all(o["model"].startswith(APP) and str(uuid.UUID(o["pk"])) == o["pk"] for o in objects)
    wanted = {o["pk"]: o["fields"] for o in MOVE if o["model"].startswith(APP) and o["model"] != APP + "aiworkflowsession"}
    for o in objects[:-1]:  # what came in goes out, but for the computed index
        assert {**o["fields"], "specificity_index": 0} == {**wanted[o["pk"]], "specificity_index": 0}
    assert [o["fields"]["specificity_index"] for o in objects[3:]] == [7, 0, 2]
    shell.run("site", "add", "second")
    report = shell.load(objects, "--site", "second", *shell.theirs)
    assert report["scopes"]["added"] == 3
    assert shell.run("workflow", "export", "--site", "second") == shell.run("workflow", "export", "--site", "lms") == first
    for group in ("prompt", "profile", "scope"):
        alone = json.loads(shell.run(group, "export", "--site", "lms"))
        assert alone == [o for o in objects if group in o["model"].split(".")[1]]


def test_kinds_may_be_moved_one_by_one(shell):
    assert shell.load(MOVE, group="scope", check=False)["refused"][0]["field"] == "profile"
    assert shell.load(MOVE, group="prompt")["prompts"]["added"] == 1
    assert shell.load(MOVE, *shell.theirs, group="profile")["profiles"]["added"] == 2
    last = shell.load(MOVE, group="scope")
    assert last["scopes"]["added"] == 2 and last["slot_matching_set"]


@pytest.mark.parametrize("text, word", [("{", "invalid_json"), ("{}", "a fixture is a list"), ("", "invalid_json")])
def test_what_is_no_fixture_is_refused(shell, text, word):
    answer = shell.run("workflow", "import", "-", stdin=text, check=False)
    assert answer.returncode == 1 and word in answer.stderr
    assert shell.run("workflow", "import", check=False).returncode == 2
    assert shell.run("workflow", "import", "none.json", check=False).returncode == 1


def test_a_terminal_is_not_steered_by_a_fixture(shell):
    bad = profile(1, "a\x1b[31m b", "x\x1b]0;y\x07")
    bad["pk"] = "\x1b[2J"
    answer = shell.run("workflow", "import", "-", stdin=json.dumps([bad, {"model": "\x1b[1m", "pk": 1}]), check=False)
    assert answer.returncode == 1 and "\x1b" not in answer.stdout + answer.stderr and "\x07" not in answer.stdout

"""
The package for Open edX (integrations/openedx/lectern-openedx): its own unit tests, with the standard library alone and with the real libraries, and
the package against the real daemon.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from urllib.parse import urlencode

import pytest
from conftest import ROOT, Daemon, add_vendor, check_end, wait_until
from double.upstream import Upstream
from openai_packages import install_python

PACKAGE = ROOT / "integrations/openedx/lectern-openedx"
DRIVER = ROOT / "tests/system/openedx_package"
LIBRARIES = ("XBlock==6.1.0", "openedx-filters==3.16.0", "tutor==22.0.3")
COURSE, OTHER = "course-v1:Org+Course+Run", "course-v1:Org+Other+Run"
UNIT = "block-v1:Org+Course+Run+type@essay+block@u1"

sys.path.insert(0, str(PACKAGE))
from lectern_openedx import AIExtensionsService, Scope, using_engine
from lectern_openedx.lectern import LecternEngine
from lectern_openedx.settings import Settings


def unit_tests():
    """The ids of the package's tests, as its files have them."""
    for file in sorted((PACKAGE / "tests").glob("test_*.py")):
        for found in ast.parse(file.read_text()).body:
            if isinstance(found, ast.ClassDef):
                yield from (
                    f"tests.{file.stem}.{found.name}.{f.name}" for f in found.body if isinstance(f, ast.FunctionDef) and f.name.startswith("test_")
                )


UNIT_TESTS = list(unit_tests())


def run_unit_tests(python, folder, **environment):
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run([python, DRIVER / "run.py", folder / "tests", folder], cwd=folder, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


# ---- with the standard library alone ----


@pytest.fixture(scope="module")
def alone():
    """-I and -S: nothing that happens to be installed here is seen."""
    words, runner = [str(PACKAGE / "tests"), str(PACKAGE)], str(DRIVER / "run.py")
    code = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); sys.argv[1:] = {words!r}; exec(open({runner!r}).read())"
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_the_standard_library_is_enough(alone):
    assert set(alone) == set(UNIT_TESTS)
    assert {name: text for name, text in alone.items() if text and not text.startswith("skipped: ")} == {}
    skipped = {text for text in alone.values() if text}
    assert len(skipped) <= 4 and all("not installed" in text for text in skipped)
    assert sum(not text for text in alone.values()) >= 70


# ---- with the libraries of Open edX ----


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The interpreter of an environment with the libraries and the package."""
    place = tmp_path_factory.mktemp("openedx")
    shutil.copytree(PACKAGE, place / "source", ignore=shutil.ignore_patterns("__pycache__"))
    return install_python(place / "venv", *LIBRARIES, str(place / "source"))


@pytest.fixture(scope="module")
def real(installed):
    return run_unit_tests(installed, PACKAGE)


@pytest.mark.parametrize("name", UNIT_TESTS)
def test_with_the_real_libraries(real, name):
    assert real[name] == ""


# ---- the real daemon ----


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A daemon with a profile for the course's blocks and one that no scope leads to."""
    with Upstream() as double:
        daemon = Daemon(tmp_path_factory.mktemp("package") / "data")
        daemon.cli("site", "set", "demo", "--json-patch", '{"policy_by_lms": true}')
        add_vendor(daemon, double)
        for slug in ("ask", "ask-stream", "hidden"):
            body = {
                "slug": slug,
                "base_filepath": "base/blank.json5",
                "description": f"About {slug}",
                "content_patch": {"processor_config": {"LLMProcessor": {"stream": slug == "ask-stream"}}},
            }
            assert daemon.request("POST", "/v1/profiles", daemon.admin_key, body).status == 201
        body = {"slug": "own", "base_filepath": "base/blank.json5", "content_patch": {"allow_prompt": True, **body["content_patch"]}}
        assert daemon.request("POST", "/v1/profiles", daemon.admin_key, body).status == 201
        made = daemon.request("POST", "/v1/prompts", daemon.admin_key, {"slug": "kind-words", "body": "Say something kind."})
        daemon.prompt = made.json["id"]
        for slug in ("ask", "ask-stream", "own"):
            body = {"profile_id": slug, "course_id": COURSE, "ui_slot_selector_id": f"essay-{slug}"}
            assert daemon.request("POST", "/v1/scopes", daemon.admin_key, body).status == 201
        daemon.double = double
        yield daemon
        check_end(daemon)


@pytest.fixture(autouse=True)
def as_before(request):
    if "site" in request.fixturenames:
        double = request.getfixturevalue("site").double
        double.default = "ok"
        double.clear()


def service(site, user="7", course=COURSE, key=None, **settings):
    """A service as a block of the course has it, with an engine of its own, so that no test sees what another has cached."""
    with using_engine(LecternEngine(Settings(site.base_url, key or site.service_key, check_s=5, **settings))):
        return AIExtensionsService.for_scope(Scope(course, UNIT if course == COURSE else "", user, ("student",) if user else (), "en"))


def calls(site, user):
    return site.request("GET", f"/v1/register?user={user}", site.admin_key).json["calls"]


def test_run_and_what_the_register_says_of_it(site):
    result = service(site, "21").run("ask", user_input="What is a cell?")
    assert (result.status, bool(result.text), result.metadata["profile"]) == ("ok", True, "ask")
    (call,) = calls(site, "21")
    assert (call["course_id"], call["location_id"]) == (COURSE, UNIT)


def test_a_scope_decides_when_no_profile_is_named(site):
    assert service(site).run(context={"ui_slot_selector_id": "essay-ask"}, user_input="x").metadata["profile"] == "ask"
    assert service(site).run(context={"ui_slot_selector_id": "nothing"}, user_input="x").status == "absent"


def test_stream(site):
    *pieces, last = list(service(site).stream("ask-stream", user_input="x"))
    assert last.kind == "done" and last.result.ok
    assert "".join(e.text for e in pieces if e.kind == "delta") == last.result.text != ""


def test_run_async_and_task(site):
    asked = service(site, "22")
    started = asked.run_async("ask", user_input="x")
    assert started.status == "pending"
    task = started.metadata["task_id"]
    wait_until(lambda: asked.task(task).status != "pending", what="the task's end")
    assert asked.task(task).text
    assert service(site, "23").task(task).status == "absent", "somebody else's"


def test_profiles_are_those_that_scopes_lead_to(site):
    found = {p.slug: p.description for p in service(site).profiles()}
    assert found["ask"] == "About ask" and "hidden" not in found
    assert "ask" not in {p.slug for p in service(site, course=OTHER).profiles()}


@pytest.mark.parametrize(
    "call, expected",
    [
        (lambda s: service(s).run("hidden", user_input="x"), "denied"),
        (lambda s: service(s, course=OTHER).run("ask", user_input="x"), "denied"),
        (lambda s: service(s).run("gone", user_input="x"), "absent"),
        (lambda s: service(s).run("ask", user_input="x", action="execute"), "absent"),
        (lambda s: service(s).run("ask", {"course_id": "course-v1:x"}, user_input="x"), "invalid"),
        (lambda s: service(s, user="x" * 300).run("ask", user_input="x"), "invalid"),
        (lambda s: service(s, key="lk_wrong").run("ask", user_input="x"), "denied"),
        (lambda s: service(s, key="lk_wrong").availability(), "denied"),
        (lambda s: service(s).task("../policy"), "absent"),
        (lambda s: service(s).run("ask", prompt="An author's own text, which the profile does not allow.", user_input="x"), "denied"),
        (lambda s: service(s).run_async("ask", prompt="An author's own text.", user_input="x"), "denied"),
        (lambda s: list(service(s).stream("ask-stream", prompt="An author's own text.", user_input="x"))[-1].result, "denied"),
        (lambda s: service(s).run("own", prompt="unkind-words", user_input="x"), "absent"),
        (lambda s: service(s).run("own", prompt=" ", user_input="x"), "invalid"),
    ],
)
def test_refusals_have_their_status(site, call, expected):
    result = call(site)
    assert result.status == expected, result
    assert result.message and "lk_" not in str(result)


def system_message(site):
    return next(m["content"] for m in site.double.requests()[-1]["body"]["messages"] if m["role"] == "system")


def test_prompts_of_authors(site):
    for prompt, said in (("kind-words", "Say something kind."), (site.prompt, "Say something kind."), ("Speak of cells only.", "Speak of cells only.")):
        assert service(site).run("own", prompt=prompt, user_input="x").ok
        assert system_message(site) == said
    assert service(site).run("ask", prompt="kind-words", user_input="x").ok, "a template needs no leave"
    assert list(service(site).stream("own", prompt="Speak of leaves.", user_input="x"))[-1].result.ok
    assert system_message(site) == "Speak of leaves."
    asked = service(site, "25")
    task = asked.run_async("own", prompt="Speak of roots.", user_input="x").metadata["task_id"]
    wait_until(lambda: asked.task(task).status != "pending", what="the task's end")
    assert asked.task(task).ok and system_message(site) == "Speak of roots."


def test_without_block_and_user_it_is_the_platforms_own_call(site):
    result = service(site, user="", course="").run("ask", {"course_id": COURSE}, user_input="x")
    assert result.ok, result


def test_a_service_that_fails_is_a_status(site):
    site.double.default = "500"
    assert service(site).run("ask", user_input="x").status in ("unavailable", "failed")


def test_a_course_that_is_switched_off(site):
    assert service(site).available()
    assert site.request("PUT", "/v1/switches", site.admin_key, {"course_id": COURSE, "enabled": False}).status == 200
    try:
        assert service(site).availability().status == "disabled"
        assert service(site).run("ask", user_input="x").status == "disabled"
        assert list(service(site).stream("ask-stream", user_input="x"))[-1].result.status == "disabled"
        assert service(site, course=OTHER).available()
    finally:
        site.request("PUT", "/v1/switches", site.admin_key, {"course_id": COURSE, "enabled": None})
    assert service(site).available()


def test_available_changes_nothing(site):
    before = len(calls(site, "24"))
    assert service(site, "24").available()
    assert len(calls(site, "24")) == before == 0 and site.double.requests() == []


def test_a_daemon_that_has_gone(tmp_path):
    daemon = Daemon(tmp_path / "data")
    asked = service(daemon)
    daemon.stop()
    assert {r.status for r in (asked.run("ask"), asked.availability(), asked.run_async("ask"), list(asked.stream("ask"))[-1].result)} == {
        "unavailable"
    }
    assert asked.profiles() == []


RUBRIC = {
    "prompts": [{"description": "What is a cell?"}],
    "criteria": [{"name": "ideas", "feedback": "optional", "options": [{"name": "poor", "points": 0}, {"name": "good", "points": 2}]}],
}
VERDICT = {
    "criteria": {"c0": {"evidence": ["the smallest living thing"], "rationale": "It says so.", "option": "o1", "feedback": "Well put."}},
    "overall_feedback": "Good.",
    "abstain": {"needed": False, "reason": "none"},
}


@pytest.fixture(scope="module")
def grading(site):
    """A profile that scores and one that only gives feedback."""
    for mode in ("scoring", "feedback_only"):
        patch = {"processor_config": {"GradingProcessor": {"mode": mode}}}
        body = {"slug": mode, "base_filepath": "base/grading.json5", "content_patch": patch}
        assert site.request("POST", "/v1/profiles", site.admin_key, body).status == 201
        body = {"profile_id": mode, "course_id": COURSE, "ui_slot_selector_id": f"ora-{mode}"}
        assert site.request("POST", "/v1/scopes", site.admin_key, body).status == 201
    return site


def says(site, verdict):
    site.double.default = "ok?" + urlencode({"text": json.dumps(verdict)})


@pytest.mark.parametrize("profile, points", [("scoring", 2), ("feedback_only", None), (None, 2)])
def test_grade(grading, profile, points):
    says(grading, VERDICT)
    result = service(grading).grade(RUBRIC, "A cell is the smallest living thing.", profile=profile)
    assert result.ok, result
    assert (result.payload["points_earned"], result.payload["points_possible"]) == (points, 2)
    assert result.payload["criteria"][0]["feedback"] == "Well put."


def test_grade_with_an_authors_prompt(grading):
    says(grading, VERDICT)
    for profile, prompt, status in (
        ("scoring", "kind-words", "ok"),
        ("scoring", "Look at the terms.", "denied"),
        (None, "kind-words", "invalid"),
        (None, "Look at the terms.", "ok"),
    ):
        result = service(grading).grade(RUBRIC, "A cell is the smallest living thing.", profile=profile, prompt=prompt)
        assert result.status == status, (profile, prompt, result)
    assert "Look at the terms." in grading.double.requests()[-1]["body"]["messages"][-1]["content"]


def test_a_learner_is_lent_no_role_to_be_graded(grading):
    says(grading, VERDICT)
    assert service(grading, "41").grade(RUBRIC, "A cell is the smallest living thing.", profile="scoring").ok
    (call,) = calls(grading, "41")
    assert call["action"] == "grade_response"
    body = {"input": {"text": "x", "count": 1}, "user": {"id": "41", "roles": ["student"]}}
    assert grading.request("POST", "/v1/actions/generate_question", grading.service_key, body).status == 403


def test_a_verdict_of_no_use_is_no_grade(grading):
    says(grading, {"criteria": {}})
    result = service(grading).grade(RUBRIC, "A cell is not that.", profile="scoring")
    assert result.status == "failed" and result.payload.get("points_earned") is None


def test_an_empty_submission_abstains(grading):
    assert service(grading).grade(RUBRIC, " ", profile="scoring").status == "abstained"


def test_the_step_of_ora_against_the_daemon(grading):
    from lectern_openedx import ora

    says(grading, VERDICT)
    with using_engine(LecternEngine(Settings(grading.base_url, grading.service_key, check_s=5))):
        ora.on_init(
            "sub-1",
            rubric=RUBRIC,
            submission="A cell is the smallest living thing.",
            mode="scoring",
            profile="scoring",
            user_id="31",
            course_id=COURSE,
            location_id=UNIT,
        )
        wait_until(lambda: ora.assessment_is_finished("sub-1", None, {}), what="the grading")
        assert ora.get_score("sub-1", None, {}) == {"points_earned": 2, "points_possible": 2, "contributing_assessments": [], "staff_id": None}
        assert ora.get_latest_assessment("sub-1")["parts"][0]["option"] == {"name": "good", "points": 2}


@pytest.fixture(scope="module")
def block(site, installed):
    """What the real block came to, in a process of its own."""
    done = subprocess.run(
        [installed, "-B", DRIVER / "block.py", site.base_url, site.service_key],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_a_real_block_in_a_real_runtime(block):
    assert "<button>" in block["view"]
    assert '<option value="ask">About ask</option>' in block["studio"]
    assert block["answer"]["status"] == "ok" and block["answer"]["hint"]
    assert block["elsewhere"]["status"] == "denied"


def test_two_users_at_once_are_recorded_each_as_themselves(site, block):
    """ISO-1, as the register sees it."""
    for user in ("11", "12"):
        assert [a["status"] for a in block["both"][user]] == ["ok"] * 5
        found = calls(site, user)
        assert len(found) == 5
        for call in found:
            text = json.dumps(site.request("GET", f"/v1/register/{call['id']}", site.admin_key).json)
            assert f"essay of {user}" in text and f"essay of {'12' if user == '11' else '11'}" not in text

"""Grading by a rubric: the rules G1 to G13 of reference/xblock.md §3.5 over HTTP, with a model that each test scripts. What is pure stands in tests/unit/test_grading.c."""
import concurrent.futures
import copy
import json
import re
import threading
import uuid
from urllib.parse import quote

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect
from test_tools import Model

TEXT = "Plants need light. In my experiment the bean in the dark cupboard turned pale after nine days, while the one on the sill grew green leaves."
RUBRIC = {"criteria": [
    {"id": "claim", "name": "Claim", "prompt": "Is there a claim?", "feedback": "optional", "options": [
        {"id": "none", "name": "None", "points": 0, "explanation": "No claim."}, {"id": "some", "name": "Some", "points": 2, "explanation": "A vague claim."},
        {"id": "clear", "name": "Clear", "points": 4, "explanation": "A clear claim."}]},
    {"id": "proof", "name": "Evidence", "prompt": "Is it backed?", "feedback": "disabled", "options": [
        {"id": "no", "name": "No", "points": 0, "explanation": "Nothing."}, {"id": "yes", "name": "Yes", "points": 3, "explanation": "An observation."}]},
    {"id": "words", "name": "Remarks", "feedback": "required", "options": []}]}
# The model knows them as c0, c1, c2: in the order of their names.

def verdict(claim="o1", proof="o0", claim_quotes=("Plants need light.",), proof_quotes=("turned pale after nine days",), abstain="none", **more):
    return json.dumps({"criteria": {"c0": {"evidence": list(claim_quotes), "rationale": "r", "option": claim, "feedback": "Say why."},
                                    "c1": {"evidence": list(proof_quotes), "rationale": "r", "option": proof},
                                    "c2": {"evidence": [], "rationale": "r", "feedback": "Go on."}},
                       "overall_feedback": "A good start.", "abstain": {"needed": abstain != "none", "reason": abstain}, **more})


@pytest.fixture(scope="module")
def model():
    server = Model()
    yield server
    server.shutdown()


@pytest.fixture(autouse=True)
def forget(model):
    model.bodies.clear()
    model.script = lambda body: verdict()


@pytest.fixture(scope="module")
def site(tmp_path_factory, model):
    d = Daemon(tmp_path_factory.mktemp("grading") / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    add_vendor(d, model)
    for mode in ("feedback_only", "advisory", "scoring"):
        patch = {"processor_config": {"GradingProcessor": {"mode": mode}}}
        made = d.request("POST", "/v1/profiles", d.admin_key, {"slug": mode, "base_filepath": "base/grading.json5", "content_patch": patch})
        assert made.status == 201, made
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": mode, "ui_slot_selector_id": mode}).status == 201
    yield d
    check_end(d)


def request_of(text=TEXT, rubric=RUBRIC, attachments=(), **more):
    return {"kind": "rubric_grading/1", "task": {"prompts": [{"id": "p0", "text": "What do plants need?", "format": "text"}], "language": "en"}, "rubric": rubric,
            "submission": {"parts": [{"prompt": "p0", "text": text}], "attachments": list(attachments)}, **more}


def grade(site, request=None, mode="scoring", key=None, status=200):
    body = {"profile": mode, "context": {"ui_slot_selector_id": mode}, "user_input": {"submission_id": uuid.uuid4().hex, **(request or request_of())}}
    answer = site.request("POST", "/v1/workflows/run", key or site.service_key, body)
    assert answer.status == status, answer
    return answer.json["response"] if status == 200 else answer.json


def chosen(answer):
    return {c["id"]: c["option_id"] for c in answer["criteria"]}


def test_G1_points_are_reckoned_from_the_rubric_never_taken_from_the_model(site, model):
    answer = grade(site)
    assert (answer["status"], answer["points_earned"], answer["points_possible"], answer["source"]) == ("ok", 2, 7, "model")
    assert chosen(answer) == {"claim": "some", "proof": "no", "words": None}
    assert answer["model"] == "m" and answer["usage"]["total_tokens"] == 15 and answer["audit_id"] and len(answer["schema_hash"]) == 64
    model.script = lambda body: verdict(points_earned=7)
    assert grade(site)["status"] == "failed"  # what no form allows is no verdict


@pytest.mark.parametrize("broken", ["no JSON at all", "{}", verdict(claim="o3"), verdict().replace('"c1"', '"c9"'), verdict().replace('"o0"', '"no"')])
def test_G2_a_broken_answer_may_be_mended_once_and_then_fails_whole(site, model, broken):
    said = [broken, verdict()]
    model.script = lambda body: said.pop(0)
    assert grade(site)["points_earned"] == 2 and len(model.bodies) == 2
    model.bodies.clear()
    model.script = lambda body: broken
    answer = grade(site)
    assert (answer["status"], answer["reason"], answer["points_earned"], answer["criteria"]) == ("failed", "upstream_invalid", None, [])
    assert len(model.bodies) == 2


def queue(site):
    return {g["id"]: g for g in site.request("GET", "/v1/gradings?state=queue&limit=1000", site.admin_key).json["gradings"]}


@pytest.mark.parametrize("reason", ["off_topic", "wrong_language", "needs_attachment", "unsafe", "other"])
def test_G3_who_abstains_gives_no_points_and_a_person_is_asked(site, model, reason):
    model.script = lambda body: verdict(abstain=reason)
    answer = grade(site)
    assert (answer["status"], answer["reason"], answer["points_earned"], answer["criteria"]) == ("abstained", reason, None, [])
    assert queue(site)[answer["id"]]["reason"] == reason


def test_G4_quotations_become_places_in_the_submission_and_others_are_dropped(site, model):
    model.script = lambda body: verdict(claim_quotes=["Plants  need\nlight.", "Plants need water."], proof="o1")
    answer = grade(site)
    claim, proof = answer["criteria"][0]["evidence"], answer["criteria"][1]["evidence"]
    assert [TEXT[e["start"]:e["end"]] for e in claim] == ["Plants need light."]
    assert [TEXT[e["start"]:e["end"]] for e in proof] == ["turned pale after nine days"]


def test_a_verdict_that_nothing_proves_is_looked_at_again_and_then_given_to_people(site, model):
    said = [verdict(claim="o2", claim_quotes=["never said"]), verdict(claim="o1")]
    model.script = lambda body: said.pop(0)
    assert grade(site)["points_earned"] == 2
    assert "c0. Grade anew" in model.bodies[1]["messages"][-1]["content"] and len(model.bodies) == 2
    model.script = lambda body: verdict(claim="o2", claim_quotes=["never said"])
    answer = grade(site)
    assert (answer["status"], answer["reason"], answer["points_earned"]) == ("abstained", "no_evidence", None)
    assert len(model.bodies) == 4 and answer["id"] in queue(site)


def test_G6_the_same_key_is_the_same_result_of_one_call(site, model):
    request = request_of(submission_id="G6", idempotency_key="G6")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: grade(site, request), range(8)))
    assert len(model.bodies) == 1 and {a["status"] for a in answers} <= {"ok", "pending"}
    final = [grade(site, request) for _ in range(3)]
    assert len(model.bodies) == 1 and final[0] == final[1] == final[2] and final[0]["points_earned"] == 2
    changed = copy.deepcopy(RUBRIC)
    changed["criteria"][0]["options"][1]["points"] = 3
    assert grade(site, {**request, "rubric": changed})["points_earned"] == 3 and len(model.bodies) == 2  # another rubric, another grading
    assert grade(site, {**request, "submission": {"parts": [{"text": "Other."}]}}, status=409)["code"] == "idempotency_key_reused"
    assert grade(site, request, mode="advisory")["id"] != final[0]["id"]  # another profile
    site.request("PATCH", "/v1/profiles/scoring", site.admin_key, {"description": "New."})
    assert grade(site, request)["id"] != final[0]["id"]  # another version of it


def test_G7_feedback_has_a_limit_and_no_markup(site, model):
    said = json.loads(verdict())
    said["overall_feedback"] = "é<script>alert(1)</script>" * 40000
    model.script = lambda body: json.dumps(said)
    short = grade(site, request_of(limits={"max_feedback_chars": 100}))["overall_feedback"]
    long = grade(site, request_of(limits={"max_feedback_chars": 102400}))["overall_feedback"]
    assert len(short) <= 100 and 102390 < len(long) <= 102400
    assert not re.search(r"<[A-Za-z/!?]", short + long)
    assert grade(site, request_of(limits={"max_feedback_chars": 102401}), status=400)["field"] == "/user_input/limits/max_feedback_chars"


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060", "\u3000"])
def test_G8_an_empty_submission_abstains_without_a_call(site, model, text):
    answer = grade(site, request_of(text))
    assert (answer["status"], answer["reason"], answer["audit_id"]) == ("abstained", "empty", None)
    assert model.bodies == [] and answer["id"] in queue(site)


def permuted(rubric, turn):
    changed = copy.deepcopy(rubric)
    changed["criteria"] = changed["criteria"][turn:] + changed["criteria"][:turn]
    for c in changed["criteria"]:
        c["options"] = c["options"][::-1] if turn % 2 else c["options"]
    return changed


@pytest.mark.parametrize("option", ["o0", "o1"])
def test_G9_the_order_of_criteria_and_options_decides_nothing(site, model, option):
    """The model always takes the option of one position, as biased ones do."""
    model.script = lambda body: verdict(claim=option, proof=option)
    answers = [grade(site, request_of(rubric=permuted(RUBRIC, turn))) for turn in range(3)]
    assert chosen(answers[0]) == chosen(answers[1]) == chosen(answers[2])
    assert len({a["points_earned"] for a in answers}) == 1 and len({b["messages"][-1]["content"] for b in model.bodies}) == 1


def test_G10_past_its_deadline_a_grading_is_unavailable_and_can_be_asked_for_again(site, model):
    go = threading.Event()

    def slow(body):
        go.wait(60)
        return verdict()

    model.script = slow
    request = request_of(submission_id="G10", limits={"deadline_ms": 300})
    answer = grade(site, request)
    assert (answer["status"], answer["reason"]) == ("unavailable", "deadline")
    go.set()
    model.script = lambda body: verdict()
    assert grade(site, {**request, "limits": {}})["points_earned"] == 2
    assert len([g for g in site.request("GET", "/v1/gradings?limit=1000", site.admin_key).json["gradings"] if g["submission_id"] == "G10"]) == 1


def test_G10_in_the_background_the_result_is_kept_once(site, model):
    body = {"profile": "scoring", "context": {"ui_slot_selector_id": "scoring"}, "async": True, "user_input": request_of(submission_id="G10b")}
    tasks = [site.request("POST", "/v1/workflows/run", site.service_key, body).json["task_id"] for _ in range(2)]
    wait_until(lambda: all(site.request("GET", f"/v1/tasks/{t}", site.admin_key).json["state"] in ("completed", "failed") for t in tasks), what="the end of both")
    assert grade(site, request_of(submission_id="G10b"))["points_earned"] == 2
    assert len([g for g in site.request("GET", "/v1/gradings?limit=1000", site.admin_key).json["gradings"] if g["submission_id"] == "G10b"]) == 1


def test_G11_feedback_only_never_makes_a_score(site, model):
    model.script = lambda body: verdict(claim="o2", proof="o1")
    answer = grade(site, mode="feedback_only")
    assert answer["status"] == "ok" and answer["points_earned"] is None and set(chosen(answer).values()) == {None}
    assert [c["feedback"] for c in answer["criteria"]] == ["Say why.", "", "Go on."] and answer["overall_feedback"] == "A good start."
    kept = site.request("GET", f"/v1/gradings/{answer['id']}", site.admin_key).json
    assert kept["model_result"]["points_earned"] is None and {c["option_id"] for c in kept["model_result"]["criteria"]} == {None}


def test_modes_that_give_points_are_not_for_learners(site, model):
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "student", "permission": "action:grade_response", "allowed": True})
    assert grade(site, mode="feedback_only", key=site.learner)["status"] == "ok"
    for mode in ("advisory", "scoring"):
        assert grade(site, mode=mode, key=site.learner, status=403)["code"] == "permission_denied"
        assert grade(site, mode=mode, key=site.teacher)["points_earned"] == 2
    assert site.request("GET", "/v1/gradings", site.learner).status == 403


def test_a_learner_takes_no_name_that_the_lms_will_use(site, model):
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "student", "permission": "action:grade_response", "allowed": True})
    theirs = grade(site, request_of("My own text.", submission_id="claimed"), mode="feedback_only", key=site.learner)
    ours = grade(site, request_of(submission_id="claimed"), mode="feedback_only")
    assert theirs["id"] != ours["id"] and site.request("GET", "/v1/gradings/claimed", site.admin_key).json["id"] == ours["id"]
    assert site.request("GET", f"/v1/gradings/{theirs['id']}", site.admin_key).json["submission_id"].endswith("/claimed")


def test_the_lms_has_a_learners_work_graded_without_lending_a_role(site, model):
    learner = {"id": "learner-9", "roles": ["student"]}
    body = {"profile": "scoring", "context": {"ui_slot_selector_id": "scoring"}, "user": learner, "user_input": {"submission_id": "on-behalf", **request_of()}}
    answer = site.request("POST", "/v1/workflows/run", site.service_key, body)
    assert answer.json["response"]["points_earned"] == 2, answer
    action = {"input": {k: request_of()[k] for k in ("rubric", "submission")}, "user": learner}
    assert site.request("POST", "/v1/actions/grade_response", site.service_key, action).json["response"]["points_earned"] == 2
    assert {c["action"] for c in site.request("GET", "/v1/register?user=learner-9", site.admin_key).json["calls"]} == {"grade_response"}
    question = {"input": {"text": "Plants need light.", "count": 1}, "user": learner}
    assert site.request("POST", "/v1/actions/generate_question", site.service_key, question).status == 403, "other actions go by the user's roles"
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "student", "permission": "action:grade_response", "allowed": False})
    assert site.request("POST", "/v1/actions/grade_response", site.learner, {"input": action["input"]}).status == 403
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "service", "permission": "action:grade_response", "allowed": False})
    try:
        assert site.request("POST", "/v1/actions/grade_response", site.service_key, action).status == 403
    finally:
        site.request("PUT", "/v1/permissions", site.admin_key, {"role": "service", "permission": "action:grade_response", "allowed": True})


def test_course_staff_review_what_is_of_their_course(site, model):
    theirs, other = "course-v1:O+Theirs+R", "course-v1:O+Other+R"
    run = {"profile": "scoring", "user_input": {"submission_id": "of-a-course", **request_of()}}
    made = {c: site.request("POST", "/v1/workflows/run", site.admin_key, {**run, "context": {"course_id": c}, "user_input": {**run["user_input"], "submission_id": c}}).json["response"]
            for c in (theirs, other)}
    tutor = "?user_id=tutor-1&role=student"
    for path in (f"/v1/gradings{tutor}", f"/v1/gradings{tutor}&course_id={quote(theirs)}", f"/v1/gradings/{made[theirs]['id']}{tutor}", f"/v1/gradings/none{tutor}"):
        assert site.request("GET", path, site.service_key).status == 403, path
    assert site.request("PUT", "/v1/roles", site.admin_key, {"user_id": "tutor-1", "course_id": theirs, "role": "teacher"}).status == 200
    listed = site.request("GET", f"/v1/gradings{tutor}&course_id={quote(theirs)}", site.service_key)
    assert [g["id"] for g in listed.json["gradings"]] == [made[theirs]["id"]], listed
    assert site.request("GET", f"/v1/gradings/{made[theirs]['id']}{tutor}", site.service_key).json["points_earned"] == 2
    for path in (f"/v1/gradings{tutor}", f"/v1/gradings{tutor}&course_id={quote(other)}", f"/v1/gradings/{made[other]['id']}{tutor}", f"/v1/gradings/none{tutor}"):
        assert site.request("GET", path, site.service_key).status == 403, path
    for course, status in ((theirs, 200), (other, 403)):
        body = {"decision": DECISION, "user": {"id": "tutor-1", "roles": ["student"]}}
        assert site.request("PUT", f"/v1/gradings/{made[course]['id']}/decision", site.service_key, body).status == status, course


def test_gradings_are_kept_for_so_many_days(tmp_path):
    d = Daemon(tmp_path / "data")
    d.cli("profile", "add", "scoring", "--site", "demo", "base_filepath=base/grading.json5")
    run = {"profile": "scoring", "user_input": request_of("")}
    wait_until(lambda: d.request("POST", "/v1/workflows/run", d.admin_key, {**run, "user_input": {**run["user_input"], "submission_id": "old"}}).status == 200)
    assert d.request("POST", "/v1/workflows/run", d.admin_key, {**run, "user_input": {**run["user_input"], "submission_id": "young"}}).status == 200
    d.cli("site", "set", "demo", "grading_keep_days=10")
    assert d.stop() == 0
    database = connect(tmp_path / "data/lectern.db")
    for name, days in (("old", 10.1), ("young", 9.9)):
        assert database.execute("UPDATE grading SET created_at = created_at - ? WHERE submission_id = ?", (int(days * 86400e3), name)).rowcount == 1
    database.commit()
    database.close()
    d = Daemon(tmp_path / "data")
    wait_until(lambda: [g["submission_id"] for g in d.request("GET", "/v1/gradings", d.admin_key).json["gradings"]] == ["young"], what="the sweep")
    check_end(d)


DECISION = {"selected": {"claim": "clear", "proof": "yes"}, "feedback": {"words": "Well observed."}}


def test_G13_what_staff_decide_wins_before_and_after_the_model(site, model):
    request = request_of(submission_id="G13a")
    path = f"/v1/gradings/{grade(site, request)['id']}/decision"
    assert site.request("PUT", path, site.teacher, {"decision": DECISION}).json["points_earned"] == 7
    after = grade(site, request)
    assert (after["source"], after["points_earned"], after["criteria"][2]["feedback"]) == ("staff", 7, "Well observed.")
    go, asked = threading.Event(), threading.Event()

    def slow(body):
        asked.set()
        go.wait(60)
        return verdict()

    model.script = slow
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(grade, site, request_of(submission_id="G13b"))
        assert asked.wait(60)
        pending = grade(site, request_of(submission_id="G13b"))
        assert pending["status"] == "pending"
        assert site.request("PUT", "/v1/gradings/G13b/decision", site.admin_key, {"decision": DECISION}).status == 200
        go.set()
        assert running.result()["points_earned"] == 7
    kept = site.request("GET", "/v1/gradings/G13b", site.admin_key).json
    assert (kept["source"], kept["points_earned"], kept["model_result"]["points_earned"]) == ("staff", 7, 2)


@pytest.mark.parametrize("decision,field", [
    ({}, "/selected"), ({"selected": {"claim": "clear"}}, "/selected"), ({"selected": {"claim": "clear", "proof": "maybe"}}, "/selected"),
    ({"selected": {"claim": "clear", "proof": "yes", "x": "y"}}, "/selected"), ({"selected": {"claim": "clear", "proof": "yes"}, "feedback": {"x": "y"}}, "/feedback")])
def test_a_decision_is_whole_and_of_the_rubric(site, decision, field):
    path = f"/v1/gradings/{grade(site)['id']}/decision"
    answer = site.request("PUT", path, site.admin_key, {"decision": decision})
    assert answer.status == 400 and answer.json["field"] == field, answer
    assert site.request("GET", path.replace("/decision", ""), site.admin_key).json["source"] == "model"


def test_the_queue_is_emptied_by_deciding_also_from_the_shell(site, model):
    model.script = lambda body: verdict(abstain="other")
    first, second = grade(site), grade(site)
    assert site.request("PUT", f"/v1/gradings/{first['id']}/decision", site.admin_key, {"decision": DECISION}).json["status"] == "ok"
    assert first["id"] not in queue(site) and second["id"] in queue(site)
    assert second["id"] in site.cli("grading", "queue", "--site", "demo", "--limit", "1000")
    site.cli("grading", "override", second["id"], "-", "--site", "demo", stdin=json.dumps(DECISION))
    assert second["id"] not in queue(site)
    assert json.loads(site.cli("grading", "show", second["id"], "--site", "demo", "--json"))["staff_user"] == "cli"


def test_a_name_that_is_two_gradings_decides_neither(site, model):
    number = grade(site)["number"]
    named = grade(site, request_of(submission_id=str(number)))
    answer = site.request("PUT", f"/v1/gradings/{number}/decision", site.admin_key, {"decision": DECISION})
    assert (answer.status, answer.json["code"]) == (409, "multiple_found"), answer
    assert site.request("PUT", f"/v1/gradings/{named['id']}/decision", site.admin_key, {"decision": DECISION}).json["number"] == named["number"]
    newest = [grade(site, request_of(submission_id="again", rubric=permuted(RUBRIC, turn)))["id"] for turn in range(2)][-1]
    assert site.request("GET", "/v1/gradings/again", site.admin_key).json["id"] == newest


def test_a_rubric_of_ora2_is_taken_as_it_is_and_printed_with_its_hashes(site, model, tmp_path):
    ora2 = {"prompts": [{"description": "Create a plan to deliver ora2!"}], "criteria": [
        {"order_num": 0, "name": "realistic", "prompt": "Is the deadline realistic?", "options": [
            {"order_num": 0, "points": 0, "name": "No", "explanation": "We need more time!"}, {"order_num": 1, "points": 2, "name": "Yes", "explanation": "We got this."}]}]}
    (tmp_path / "rubric.json").write_text(json.dumps(ora2))
    rubric = json.loads(site.cli("grading", "import-rubric", tmp_path / "rubric.json"))
    assert rubric["content_hash"] == "45b6fc4e37f6eb90b5f4fd5e891e557af3d7795c" and rubric["structure_hash"] == "29ecd7e39f12e352a2081250dc0db599f224a901"
    model.script = lambda body: json.dumps({"criteria": {"c0": {"evidence": ["Plants need light."], "rationale": "", "option": "o1"}}, "overall_feedback": "",
                                            "abstain": {"needed": False, "reason": "none"}})
    for form in (rubric, ora2):
        assert chosen(grade(site, request_of(rubric=form))) == {"c0": "o1"}


def test_a_site_that_stores_no_content_keeps_no_words_of_a_grading(site, model):
    site.cli("site", "set", "demo", "--json-patch", json.dumps({"store_content": False}))
    try:
        wait_until(lambda: site.request("GET", "/v1/site", site.admin_key).status in (200, 404))
        request = request_of(submission_id="quiet")
        wait_until(lambda: grade(site, {**request, "submission_id": uuid.uuid4().hex})["overall_feedback"] == "", what="the new setting")
        kept = grade(site, request)
        assert kept["points_earned"] == 2 and {c["feedback"] for c in kept["criteria"]} == {""}
    finally:
        site.cli("site", "set", "demo", "--json-patch", json.dumps({"store_content": True}))

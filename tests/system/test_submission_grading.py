"""GET /v1/submissions/{id}/grading: what staff read of a submission, what its learner may see of it, and nobody else; decisions of two at once."""
import uuid
from urllib.parse import quote

import pytest
from conftest import wait_until
from test_grading import DECISION, forget, grade, model, request_of, site, verdict  # noqa: F401
from tokens import claims, token

COURSE, OTHER = "course-v1:O+Essays+R", "course-v1:O+Elsewhere+R"
SECRET = "a shared secret of the essays"


@pytest.fixture(scope="module")
def users(site):  # noqa: F811
    """token of (name, roles, course)"""
    site.cli("issuer", "set", "https://essays.example/oauth2", "essays", "--site", "demo", "--secret-file", "-", stdin=SECRET)

    def of(name, *roles, **more):
        return token(SECRET, "HS256", claims(aud="essays", iss="https://essays.example/oauth2", sub=name, roles=list(roles or ["student"]), **more))

    wait_until(lambda: site.request("GET", "/v1/actions", of("anna")).status == 200, what="the issuer")
    site.request("PUT", "/v1/roles", site.admin_key, {"user_id": "tina", "course_id": COURSE, "role": "teacher"})
    site.request("PUT", "/v1/roles", site.admin_key, {"user_id": "otto", "course_id": OTHER, "role": "teacher"})
    return of


def made(site, name, mode="scoring", learner="anna", key=None, course=COURSE, **more):  # noqa: F811
    """By the LMS's key, in the learner's name."""
    body = {"profile": mode, "context": {"ui_slot_selector_id": mode, "course_id": course}, "user_input": {**request_of(), "submission_id": name, **more}}
    if key is None:
        body["user"] = {"id": learner, "roles": ["student"]}
    answer = site.request("POST", "/v1/workflows/run", key or site.service_key, body)
    assert answer.status == 200, answer
    return answer.json["response"]


def read(site, name, key, query=""):  # noqa: F811
    return site.request("GET", f"/v1/submissions/{quote(name, safe='')}/grading{query}", key)


def test_a_learner_sees_their_own_and_staff_of_the_course_see_all_of_it(site, model, users):  # noqa: F811
    grading = made(site, "essay-1")
    own = read(site, "essay-1", users("anna"))
    assert own.status == 200 and own.json["id"] == grading["id"] and own.json["points_earned"] == 2, own
    assert [(c["id"], c["name"]) for c in own.json["rubric"]["criteria"]] == [("claim", "Claim"), ("proof", "Evidence"), ("words", "Remarks")]
    assert own.json["rubric"]["criteria"][0]["options"][2] == {"id": "clear", "name": "Clear", "points": 4}
    for member in ("model_result", "user_id", "staff_user", "model", "usage", "audit_id", "schema_hash"):
        assert member not in own.json, member
    for staff in (users("tina"), site.teacher, site.admin_key):
        full = read(site, "essay-1", staff, f"?course_id={quote(COURSE)}").json
        assert (full["user_id"], full["staff_at"], full["model_result"]["points_earned"]) == ("anna", 0, 2)


def test_to_others_it_is_as_one_that_is_not_there(site, model, users):  # noqa: F811
    made(site, "essay-2")
    for who in (users("bert"), users("otto"), users("anna", course_id=OTHER)):
        there, nothing = read(site, "essay-2", who), read(site, "no-essay", who)
        assert (there.status, nothing.status) == (404, 404) and there.json["detail"] == nothing.json["detail"], there
    assert read(site, "essay-2", None).status == 401
    assert read(site, "essay-2", users("anna"), f"?course_id={quote(OTHER)}").status == 404
    named = "?user_id=bert&role=student"
    assert read(site, "essay-2", site.service_key, named).status == 404
    assert read(site, "essay-2", users("bert"), "?learner_id=anna").status == 404


@pytest.mark.parametrize("mode,points,options", [("feedback_only", None, None), ("advisory", None, None), ("scoring", 2, 3)])
def test_a_learner_sees_points_only_where_the_mode_or_staff_give_them(site, model, users, mode, points, options):  # noqa: F811
    name = f"essay-{mode}"
    grading = made(site, name, mode)
    own = read(site, name, users("anna")).json
    assert own["points_earned"] == points and own["criteria"][0]["feedback"] == "Say why." and own["criteria"][0]["evidence"]
    assert len(own["rubric"]["criteria"][0]["options"] or []) == (options or 0)
    assert read(site, name, users("tina")).json["points_earned"] == (2 if mode != "feedback_only" else None)
    assert site.request("PUT", f"/v1/gradings/{grading['id']}/decision", users("tina"), {"decision": DECISION}).status == 200
    own = read(site, name, users("anna")).json
    assert (own["source"], own["points_earned"], len(own["rubric"]["criteria"][0]["options"])) == ("staff", 7, 3)


def test_what_a_submission_is_searched_for_is_not_told_to_its_learner(site, model, users):  # noqa: F811
    for reason, told in (("off_topic", "off_topic"), ("unsafe", "other")):
        model.script = lambda body, reason=reason: verdict(abstain=reason)
        made(site, f"essay-{reason}")
        assert read(site, f"essay-{reason}", users("anna")).json["reason"] == told
        assert read(site, f"essay-{reason}", users("tina")).json["reason"] == reason


def test_a_name_that_is_the_number_of_another_grading_is_not_that_one(site, model, users):  # noqa: F811
    number = made(site, "essay-3")["number"]
    for name in (str(number), made(site, "essay-3")["id"]):
        assert read(site, name, users("anna")).status == read(site, name, site.admin_key).status == 404


def test_staff_grade_for_a_learner_who_then_sees_it(site, model, users):  # noqa: F811
    grading = made(site, "essay-4", key=site.teacher, learner_id="anna")
    assert read(site, "essay-4", users("anna")).json["id"] == grading["id"]
    assert made(site, "essay-4")["id"] == grading["id"], "it is the same as the LMS's"
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "student", "permission": "action:grade_response", "allowed": True})
    body = {"profile": "feedback_only", "user_input": {**request_of(), "submission_id": "essay-5", "learner_id": "anna"}}
    refused = site.request("POST", "/v1/workflows/run", users("bert"), body)
    assert (refused.status, refused.json["field"]) == (403, "/user_input/learner_id"), refused
    assert read(site, "essay-5", users("anna")).status == 404


def test_what_a_learner_has_graded_is_found_by_the_name_they_gave(site, model, users):  # noqa: F811
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "student", "permission": "action:grade_response", "allowed": True})
    grading = made(site, "essay-6", "feedback_only", key=users("anna"))
    assert read(site, "essay-6", users("anna")).json["id"] == grading["id"]
    assert read(site, "essay-6", users("tina")).status == 404
    assert read(site, "essay-6", users("tina"), "?learner_id=anna").json["id"] == grading["id"]
    assert read(site, "anna/essay-6", users("bert")).status == 404


def test_places_and_lengths_count_code_points(site, model, users):  # noqa: F811
    text = "😀 e\u0301a 👩‍🏫 Plants need light. שלום"
    parts = [{"text": text}, {"text": "𝒳" * 3}]
    made(site, "essay-7", submission={"parts": parts})
    own = read(site, "essay-7", users("anna")).json
    assert own["parts"] == [len(text), 3]
    (place,) = own["criteria"][0]["evidence"]
    assert text[place["start"]:place["end"]] == "Plants need light." and place["part"] == 0


def test_what_staff_leave_as_it_was_keeps_its_places(site, model, users):  # noqa: F811
    grading = made(site, "essay-8", "advisory")
    path, places = f"/v1/gradings/{grading['id']}/decision", [c["evidence"] for c in grading["criteria"]]
    assert places[0] and places[1]

    def decide(claim, feedback):
        body = {"decision": {"selected": {"claim": claim, "proof": "no"}, "feedback": {"claim": feedback, "words": "Go on."}}}
        assert site.request("PUT", path, users("tina"), body).status == 200
        return [c["evidence"] for c in read(site, "essay-8", users("anna")).json["criteria"]]

    assert decide("some", "Say why.") == places
    assert decide("clear", "Say why.") == [[], *places[1:]]
    assert decide("some", "Say more.") == [[], *places[1:]]


def test_who_decides_upon_what_has_changed_is_told(site, model, users):  # noqa: F811
    grading = made(site, f"essay-{uuid.uuid4().hex}")
    path = f"/v1/gradings/{grading['id']}/decision"

    def decide(seen):
        return site.request("PUT", path, users("tina"), {"decision": DECISION, **({} if seen is None else {"staff_at": seen})})

    first = decide(0)
    assert first.status == 200 and first.json["staff_at"] > 0
    late = decide(0)
    assert (late.status, late.json["code"]) == (409, "conflict"), late
    second = decide(first.json["staff_at"])
    assert second.status == 200 and second.json["staff_at"] > first.json["staff_at"]
    assert decide(None).status == 200

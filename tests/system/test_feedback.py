"""What users think of answers: over the API, in the register, in reports, and how it goes with the call."""
import json
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, run_lectern, wait_until
from test_register import make_older, read
from test_sessions import add_chat, say

pytestmark = pytest.mark.usefixtures("as_before")
COURSE = "course-v1:Org+Course+Run"
NOTHING = {"rating": None, "reason": None, "comment": "", "created_at": None, "changed_at": None}
ANN, BOB = ({"id": name, "roles": ["teacher"]} for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("feedback") / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    add_vendor(d, service)
    add_chat(d, "chat", max_context_messages=4)
    yield d
    check_end(d)


def ask(daemon, user=ANN, status=200, key=None, **more):
    body = {"input": {"prompt": "Why?"}, "context": {"course_id": COURSE}, "user": user, **more}
    answer = daemon.request("POST", "/v1/actions/generate_text", key or daemon.service_key, body)
    assert answer.status == status, answer
    return answer.json.get("id") or answer.json["call_id"]


def path(call):
    return f"/v1/actions/calls/{call}/feedback"


def rate(daemon, call, rating, user=ANN, status=200, **more):
    answer = daemon.request("PUT", path(call), daemon.service_key, {"rating": rating, "user": user, **more})
    assert answer.status == status, answer
    return answer.json


def rated(daemon, call, user=ANN, status=200, method="GET"):
    answer = daemon.request(method, f"{path(call)}?user_id={user['id']}&role=student", daemon.service_key)
    assert answer.status == status, answer
    return answer.json


# ---- one's own call ----

def test_a_rating_is_given_changed_and_taken_back(site):
    call = ask(site)
    assert rated(site, call) == {"id": call, "comments": True, **NOTHING}
    first = rate(site, call, "down", reason="wrong", comment="  The year is 1912.\nNot 1812. 😀 ")
    assert first["rating"] == "down" and first["reason"] == "wrong" and first["comment"] == "The year is 1912.\nNot 1812. 😀"
    assert first["created_at"] == first["changed_at"]
    assert rated(site, call) == first
    second = rate(site, call, "up")
    assert (second["rating"], second["reason"], second["comment"]) == ("up", None, "")  # in place of all that was said
    assert second["created_at"] == first["created_at"] and second["changed_at"] >= first["changed_at"]
    for _ in range(2):
        assert rated(site, call, method="DELETE") == {"id": call, "comments": True, **NOTHING}
    assert rated(site, call)["rating"] is None


def test_a_user_s_own_token_rates_and_nobody_else_s_finds_the_call(site):
    site.accept_policy(site.learner)
    answer = site.request("POST", "/v1/actions/summarise_text", site.learner, {"input": {"text": "Plants make sugar from light. They take water."}})
    assert answer.status == 200, answer
    call = answer.json["id"]
    given = site.request("PUT", path(call), site.learner, {"rating": "up"})
    assert given.status == 200 and given.json["rating"] == "up", given
    for key in (site.teacher,):
        for method, body in (("GET", None), ("PUT", {"rating": "down"}), ("DELETE", None)):
            answer = site.request(method, path(call), key, body)
            assert answer.status == 404 and answer.json["code"] == "not_found", answer
    assert site.request("GET", path(call), site.learner).json["rating"] == "up"


def test_another_user_changes_nothing_and_learns_nothing(site):
    call = ask(site)
    rate(site, call, "down", comment="mine")
    nothing, others = rated(site, str(uuid.uuid4()), BOB, status=404), rated(site, call, BOB, status=404)
    assert {**others, "request_id": ""} == {**nothing, "request_id": ""}
    rate(site, call, "up", BOB, status=404)
    rated(site, call, BOB, status=404, method="DELETE")
    assert rated(site, call)["comment"] == "mine"
    unnamed = site.request("GET", path(call), site.admin_key)
    assert unnamed.status == 400 and unnamed.json["field"] == "/user", unnamed


@pytest.mark.parametrize("body, field", [
    ({}, "rating"), ({"rating": "sideways"}, "rating"), ({"rating": None}, "rating"), ({"rating": "down", "reason": "because"}, "reason"),
    ({"rating": "up", "reason": "wrong"}, "reason"), ({"rating": "down", "comment": "x" * 2001}, "comment"), ({"rating": "down", "comment": 1}, "comment"),
    ({"rating": "down", "stars": 5}, "stars"),
])
def test_what_is_no_rating_is_refused_by_name(site, body, field):
    call = ask(site)
    answer = site.request("PUT", path(call), site.service_key, {"user": ANN, **body})
    assert answer.status == 400 and field in answer.json["field"] + answer.json["detail"], answer
    assert rated(site, call)["rating"] is None


def test_the_longest_comment_counts_characters_and_not_bytes(site):
    call = ask(site)
    assert rate(site, call, "down", comment="😀" * 2000)["comment"] == "😀" * 2000


def test_what_has_no_answer_has_no_rating(site, service):
    service.choose = lambda request: "status?code=400"
    failed = ask(site, status=502)
    assert rate(site, failed, "down", status=409)["code"] == "conflict"
    service.choose = lambda request: "stall_mid?n=3"
    connection, response = site.open("POST", "/v1/actions/generate_text", site.service_key, {"input": {"prompt": "Why?"}, "user": ANN, "stream": True})
    running = None
    for line in response:
        running = running or (json.loads(line[5:])["id"] if line.startswith(b"data:") else None)
        if b"delta" in line:
            break
    assert rate(site, running, "up", status=409)["code"] == "conflict"
    site.request("DELETE", f"/v1/actions/calls/{running}", site.admin_key)
    wait_until(lambda: site.request("GET", f"/v1/actions/calls/{running}", site.admin_key).json["state"] == "cancelled", what="the end of the call")
    connection.close()
    assert rate(site, running, "down")["rating"] == "down"  # something was shown


def test_a_site_that_keeps_no_content_keeps_no_comment(site):
    site.cli("site", "set", "demo", "store_content=false")
    site.wait_for_config()
    try:
        call = ask(site)
    finally:
        site.cli("site", "set", "demo", "store_content=true")
        site.wait_for_config()
    assert rated(site, call)["comments"] is False
    assert rate(site, call, "down", status=400, comment="text")["field"] == "/comment"
    assert rate(site, call, "down", reason="unclear")["reason"] == "unclear"


# ---- for those who look after the site ----

def test_the_register_shows_it(site):
    call = ask(site)
    assert site.request("GET", f"/v1/register/{call}", site.admin_key).json["feedback"] is None
    given = rate(site, call, "down", reason="too_long", comment="half of it")
    shown = site.request("GET", f"/v1/register/{call}", site.admin_key).json["feedback"]
    assert shown == {key: given[key] for key in NOTHING}
    assert json.loads(site.cli("--json", "register", "show", call))["feedback"] == shown


def test_the_report_counts_ratings(site):
    course = f"course-v1:Org+{uuid.uuid4().hex}+Run"
    calls = [ask(site, user, context={"course_id": course}) for user in (ANN, ANN, BOB, BOB)]
    rate(site, calls[0], "up")
    rate(site, calls[1], "down", comment="no")
    rate(site, calls[2], "down", BOB)
    answer = site.request("GET", f"/v1/reports/feedback?course_id={course.replace('+', '%2B')}&group_by=provider,model,action,course", site.admin_key).json
    assert answer["report"] == "feedback"
    assert answer["rows"] == [{"provider": "vendor", "model": "m", "action": "generate_text", "course": course, "rated": 3, "up": 1, "down": 2, "comments": 1}]
    assert answer["total"] == {"rated": 3, "up": 1, "down": 2, "comments": 1}
    lines = site.cli("report", "feedback", "--course", course, "--by", "user", "--format", "csv").splitlines()
    assert sorted(lines) == ["ann,2,1,1,1", "bob,1,0,1,0", "user,rated,up,down,comments"]
    own = site.request("GET", "/v1/reports/feedback?view=own", site.learner)
    assert own.status == 403, own


def test_the_chain_of_the_register_does_not_know_of_it(site):
    call = ask(site)
    rate(site, call, "up")
    wait_until(lambda: read(site.data, "SELECT COUNT(*) FROM register_pending") == [(0,)], what="the sealer")
    rate(site, call, "down", comment="changed")
    assert run_lectern("register", "verify", "--data", site.data)


# ---- conversations ----

def test_a_conversation_comes_with_its_calls_and_ratings(site, service):
    place = f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"
    calls = [say(site, service, place, f"q{i}", f"a{i}", user=ANN)["id"] for i in range(3)]
    rate(site, calls[1], "down")
    rate(site, calls[2], "up")
    context = {"course_id": COURSE, "location_id": place, "ui_slot_selector_id": "chat"}

    def page(shown):
        body = {"context": context, "action": "lazy_load_chat_history", "user_input": {"shown": shown}, "user": ANN}
        answer = site.request("POST", "/v1/workflows/run", site.service_key, body)
        assert answer.status == 200, answer
        messages = json.loads(answer.json["response"]["response"])["messages"]
        return [(m["content"], m.get("call_id"), m.get("rating")) for m in messages]

    assert page(0) == [("q1", None, None), ("a1", calls[1], "down"), ("q2", None, None), ("a2", calls[2], "up")]
    assert page(4) == [("q0", None, None), ("a0", calls[0], None)]
    rated(site, calls[1], method="DELETE")
    assert page(0)[1] == ("a1", calls[1], None)


def test_a_long_conversation_has_the_rating_of_each_answer(site, service):
    """More answers than one query asks for."""
    add_chat(site, "long", max_context_messages=100)
    place = f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"
    calls = [say(site, service, place, f"q{i}", f"a{i}", user=ANN, slot="long")["id"] for i in range(20)]
    for i, call in enumerate(calls):
        if i % 3:
            rate(site, call, "up" if i % 3 == 1 else "down")
    body = {"context": {"course_id": COURSE, "location_id": place, "ui_slot_selector_id": "long"}, "action": "lazy_load_chat_history", "user": ANN}
    answer = site.request("POST", "/v1/workflows/run", site.service_key, body).json
    ratings = [m.get("rating") for m in json.loads(answer["response"]["response"])["messages"] if m["role"] == "assistant"]
    assert ratings == [None if i % 3 == 0 else "up" if i % 3 == 1 else "down" for i in range(20)]


# ---- ages ----

def test_comments_go_with_contents_and_ratings_with_their_calls(tmp_path, service):
    d = Daemon(tmp_path / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    add_vendor(d, service)
    d.wait_for_config()
    calls = [ask(d) for _ in range(3)]
    for call in calls:
        rate(d, call, "down", reason="wrong", comment=f"of {call}")
    wait_until(lambda: read(d.data, "SELECT COUNT(*) FROM register_pending") == [(0,)], what="the sealer")
    check_end(d)
    make_older(d.data, 40, [row[0] for row in read(d.data, "SELECT id FROM ai_call ORDER BY id LIMIT 2")])
    run_lectern("site", "set", "demo", "content_keep_days=30", "--data", d.data)
    run_lectern("register", "retain", "--data", d.data)
    rows = read(d.data, "SELECT rating, reason, comment FROM ai_call_feedback ORDER BY call_id")
    assert rows == [("down", "wrong", "")] * 2 + [("down", "wrong", f"of {calls[2]}")]
    run_lectern("site", "set", "demo", "register_keep_days=30", "--data", d.data)
    run_lectern("register", "retain", "--data", d.data)
    assert read(d.data, "SELECT comment FROM ai_call_feedback") == [(f"of {calls[2]}",)]
    assert run_lectern("register", "verify", "--data", d.data)

"""Tools that wait for the user's word: over streams, with a model that the test scripts."""
import contextlib
import json
import signal
import threading
import uuid
from urllib.parse import quote

import pytest
from conftest import Daemon, add_vendor, check_end, read_events, wait_until
from database import connect
from test_tools import RUN, Model, results, stored_tools

COURSE = "course-v1:Org+Course+Run"
ANN, BOB = ({"id": name, "roles": ["student"]} for name in ("ann", "bob"))
PROFILES = {"always": "always", "never": "never", "dice": ["roll_dice"], "place": ["get_context"], "absent": None}
DICE, PLACE = ("roll_dice", {"n_dice": 2}), ("get_context", {})


@pytest.fixture(scope="module")
def model():
    server = Model()
    yield server
    server.shutdown()


@pytest.fixture(autouse=True)
def forget(model):
    model.bodies.clear()
    model.script = once([DICE])


def once(calls, then="Done."):
    return lambda body: then if results(body) else calls


def add_profile(d, slug, rule, status=201, **more):
    llm = {"enabled_tools": ["roll_dice", "get_context"], "stream": True, **({} if rule is None else {"tool_approval": rule}), **more}
    answer = d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": "base/blank.json5",
                                                          "content_patch": {"processor_config": {"LLMProcessor": llm}}})
    assert answer.status == status, answer
    return answer.json


def prepare(directory, model, *options, **settings):
    d = Daemon(directory / "data", *options)
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 60000, **settings}))
    add_vendor(d, model)
    for slug, rule in PROFILES.items():
        add_profile(d, slug, rule)
    d.wait_for_config()
    return d


@pytest.fixture(scope="module")
def site(tmp_path_factory, model):
    d = prepare(tmp_path_factory.mktemp("approval"), model, "--threads", "2", tool_approval_ms=600000)  # longer than any test waits for an answer
    yield d
    check_end(d)


class Talk:
    """A streamed run, read event by event."""

    def __init__(self, d, profile="always", user=ANN, **more):
        self.d, self.user = d, user
        body = {"profile": profile, "user_input": "Go.", "context": {"course_id": COURSE}, "stream": True, "user": user, **more}
        self.connection, response = d.open("POST", RUN, d.admin_key, body, timeout=120)
        assert response.status == 200, response.read()
        self.events = read_events(response)
        self.seen = []

    def until(self, kind, state=None):
        for event in self.events:
            self.seen.append(event)
            if event.kind == kind and (state is None or event.data["state"] == state):
                return event
        raise AssertionError(f"no {kind} {state}: {self.seen}")

    @property
    def id(self):
        return self.seen[0].data["id"]

    def pending(self):
        return self.until("approval", "pending")

    def say(self, approval, approve, status=200, user=None, run=None):
        answer = self.d.request("POST", f"/v1/actions/calls/{run or self.id}/approvals/{approval}", self.d.service_key,
                                {"approve": approve, "user": user or self.user})
        assert answer.status == status, answer
        return answer.json

    def end(self):
        rest = list(self.events)
        self.seen += rest
        self.connection.close()
        return self.seen[-1]

    def told(self):
        """What was said of tools, in order."""
        return [(e.kind, e.data["state"]) for e in self.seen if e.kind in ("approval", "tool")]


def rows(d, run):
    with contextlib.closing(connect(f"file:{d.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as db:
        return db.execute("SELECT tool, arguments, state, user_id, decided_at > 0 FROM tool_approval WHERE run_id = ? ORDER BY id",
                          (uuid.UUID(run).bytes,)).fetchall()


# ---- allowed and refused ----

def test_the_tool_runs_when_the_user_allows_it(site, model):
    talk = Talk(site)
    asked = talk.pending().data
    assert set(asked) == {"id", "tool", "arguments", "state", "expires_at"} and asked["tool"] == "roll_dice" and json.loads(asked["arguments"]) == DICE[1]
    assert rows(site, talk.id) == [("roll_dice", json.dumps(DICE[1]), "pending", "ann", 0)], "durable before it was shown"
    assert len(model.bodies) == 1, "the model waits, too"
    said = talk.say(asked["id"], True)
    assert (said["id"], said["tool"], said["state"]) == (asked["id"], "roll_dice", "approved") and said["decided_at"]
    assert talk.end().data["response"]["response"] == "Done."
    assert talk.told() == [("approval", "pending"), ("approval", "approved"), ("tool", "running"), ("tool", "done")]
    assert "<text-" in results(model.bodies[1])[0]
    assert rows(site, talk.id) == [("roll_dice", json.dumps(DICE[1]), "approved", "ann", 1)]


def test_the_model_is_told_when_the_user_refuses_and_the_tool_does_not_run(site, model):
    talk = Talk(site)
    talk.say(talk.pending().data["id"], False)
    assert talk.end().data["response"]["response"] == "Done."
    assert talk.told() == [("approval", "pending"), ("approval", "refused"), ("tool", "refused")]
    assert results(model.bodies[1]) == ["Error executing tool: the user has refused this call of 'roll_dice'"]
    tools = stored_tools(site, talk.id)
    assert [(t["name"], t["state"], t["code"], t["duration_ms"], t["result_bytes"]) for t in tools] == [("roll_dice", "refused", "permission_denied", 0, 0)]
    shown = site.request("GET", f"/v1/register/{talk.id}", site.admin_key).json["approvals"]
    assert [(a["tool"], a["state"]) for a in shown] == [("roll_dice", "refused")] and shown[0]["asked_at"] <= shown[0]["decided_at"]
    assert json.loads(site.cli("--json", "register", "show", talk.id))["approvals"] == shown
    wait_until(lambda: site.cli("register", "verify", check=False).returncode == 0, what="a whole chain")


def test_each_call_is_asked_for_by_itself_in_the_order_of_the_model(site, model):
    model.script = once([DICE, PLACE, DICE])
    talk = Talk(site)
    for tool, word in (("roll_dice", False), ("get_context", True), ("roll_dice", True)):
        asked = talk.pending().data
        assert asked["tool"] == tool
        talk.say(asked["id"], word)
    talk.end()
    told = results(model.bodies[1])
    assert [t.startswith("Error executing tool: the user has refused") for t in told] == [True, False, False]


@pytest.mark.parametrize("profile, asks", [("never", []), ("absent", []), ("dice", ["roll_dice"]), ("place", ["get_context"]), ("always", ["roll_dice", "get_context"])])
def test_the_profile_says_which_tools_wait(site, model, profile, asks):
    model.script = once([DICE, PLACE])
    talk = Talk(site, profile)
    for tool in asks:
        asked = talk.pending().data
        assert asked["tool"] == tool
        talk.say(asked["id"], True)
    assert talk.end().kind == "done"
    assert [s for k, s in talk.told() if k == "tool"] == ["running", "done"] * 2
    assert len([e for e in talk.seen if e.kind == "approval"]) == 2 * len(asks)


@pytest.mark.parametrize("call, told", [(("roll_dice", {"n_dice": 1000}), "Error executing tool: /n_dice"), (("roll_dice", "{broken"), "Error: Invalid JSON"),
                                        (("no_such_tool", {}), "Error: Tool not found."), (("roll_dice", '{"n_dice": 1' + " " * 16400 + "}"), "Error executing tool: 'roll_dice' needs")])
def test_nobody_is_asked_for_what_cannot_run_or_be_shown(site, model, call, told):
    model.script = once([call])
    talk = Talk(site)
    assert talk.end().kind == "done"
    assert not [e for e in talk.seen if e.kind == "approval"] and results(model.bodies[1])[0].startswith(told)


# ---- whose word it is ----

def test_only_the_user_of_the_call_decides(site, model):
    talk = Talk(site)
    asked = talk.pending().data["id"]
    assert talk.say(asked, True, 404, user=BOB)["code"] == "not_found"
    assert talk.say(str(uuid.uuid4()), True, 404)["code"] == "not_found"
    assert talk.say(asked, True, 404, run=str(uuid.uuid4()))["code"] == "not_found"
    assert talk.say("x", True, 404)["code"] == "not_found"
    site.accept_policy(site.learner)
    assert site.request("POST", f"/v1/actions/calls/{talk.id}/approvals/{asked}", site.learner, {"approve": True}).status == 404
    unnamed = site.request("POST", f"/v1/actions/calls/{talk.id}/approvals/{asked}", site.admin_key, {"approve": True})
    assert (unnamed.status, unnamed.json["field"]) == (400, "/user")
    for body in ({}, {"approve": "yes"}, {"approve": None}, {"approve": True, "always": True}):
        assert site.request("POST", f"/v1/actions/calls/{talk.id}/approvals/{asked}", site.service_key, {"user": ANN, **body}).status == 400, body
    assert rows(site, talk.id)[0][2] == "pending"
    talk.say(asked, True)
    talk.end()


def test_the_first_word_counts_and_is_the_same_when_it_is_said_again(site):
    talk = Talk(site)
    asked = talk.pending().data["id"]
    first = talk.say(asked, False)
    assert talk.say(asked, False) == first
    assert talk.say(asked, True, 409)["code"] == "conflict"
    talk.end()
    assert talk.say(asked, True, 409)["code"] == "conflict" and talk.say(asked, False) == first


def test_of_two_words_at_once_one_counts_and_it_is_the_one_that_is_done(site, model):
    for _ in range(10):
        model.bodies.clear()
        talk = Talk(site)
        asked, answers = talk.pending().data["id"], {}

        def word(approve):
            answers[approve] = site.request("POST", f"/v1/actions/calls/{talk.id}/approvals/{asked}", site.service_key, {"approve": approve, "user": ANN}).status

        threads = [threading.Thread(target=word, args=(approve,)) for approve in (True, False)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sorted(answers.values()) == [200, 409]
        talk.end()
        assert ("tool", "done" if answers[True] == 200 else "refused") in talk.told()
        assert [r[2] for r in rows(site, talk.id)] == ["approved" if answers[True] == 200 else "refused"]


def test_many_runs_wait_at_once_on_all_threads_and_each_gets_its_own_word(site):
    """On two loops, decided from either."""
    talks = [Talk(site, user={"id": f"user-{n}", "roles": ["student"]}) for n in range(24)]
    asked = [talk.pending().data["id"] for talk in talks]
    threads = [threading.Thread(target=talk.say, args=(id, n % 3 != 0)) for n, (talk, id) in enumerate(zip(talks, asked))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for n, talk in enumerate(talks):
        assert talk.end().kind == "done"
        assert talk.told()[-1] == ("tool", "done" if n % 3 else "refused")


# ---- where nobody can be asked ----

def refused_by_itself(d, model, answer):
    assert answer.status == 200, answer
    assert results(model.bodies[1]) == ["Error executing tool: 'roll_dice' needs the user's consent, and the user cannot be asked here"]
    model.bodies.clear()


def test_an_answer_in_one_piece_cannot_ask(site, model):
    body = {"profile": "always", "user_input": "Go.", "context": {"course_id": COURSE}, "user": ANN}
    answer = site.request("POST", RUN, site.admin_key, body)
    refused_by_itself(site, model, answer)
    assert [(t["state"], t["code"]) for t in stored_tools(site, answer.json["id"])] == [("refused", "not_supported")]


def test_a_task_cannot_ask(site, model):
    body = {"profile": "always", "user_input": "Go.", "context": {"course_id": COURSE}, "user": ANN, "async": True}
    task = site.request("POST", RUN, site.admin_key, body).json["task_id"]
    wait_until(lambda: site.request("GET", f"/v1/tasks/{task}", site.admin_key).json["state"] == "completed", what="the task")
    refused_by_itself(site, model, site.request("GET", f"/v1/tasks/{task}", site.admin_key))


def test_who_names_no_user_cannot_be_asked(site, model):
    answer = site.stream("POST", RUN, site.admin_key, {"profile": "always", "user_input": "Go.", "context": {"course_id": COURSE}, "stream": True})
    assert answer[-1].kind == "done" and not [e for e in answer if e.kind == "approval"]
    assert results(model.bodies[1])[0].endswith("cannot be asked here")


def test_the_openedx_door_cannot_ask(site, model):
    assert site.request("POST", "/v1/scopes", site.admin_key, {"profile_id": "always", "course_id": COURSE, "ui_slot_selector_id": "door"}).status == 201
    context = json.dumps({"courseId": COURSE, "uiSlotSelectorId": "door"})
    site.accept_policy(site.learner)
    answer = site.request("POST", f"/openedx-ai-extensions/v1/workflows/?context={quote(context)}", site.learner, {"action": "run", "user_input": "Go."})
    refused_by_itself(site, model, answer)


# ---- rules that are wrong ----

@pytest.mark.parametrize("rule", ["sometimes", True, 1, {"roll_dice": True}, ["roll_dice", 1], [["roll_dice"]]])
def test_a_rule_that_is_none_is_refused_when_it_is_saved(site, rule):
    answer = add_profile(site, f"wrong-{uuid.uuid4().hex[:8]}", rule, status=400)
    assert "processor_config.LLMProcessor.tool_approval" in json.dumps(answer), answer


def test_a_rule_for_a_tool_that_is_not_there_does_not_run(site, model):
    slug = f"missing-{uuid.uuid4().hex[:8]}"
    add_profile(site, slug, ["no_such_tool"])
    site.wait_for_config()
    answer = site.request("POST", RUN, site.admin_key, {"profile": slug, "user_input": "Go.", "context": {"course_id": COURSE}, "user": ANN})
    assert answer.status == 500 and answer.json["code"] == "profile_invalid" and "no_such_tool" in answer.json["detail"] and model.bodies == []


# ---- time, leaving, stopping ----

def test_silence_is_a_refusal(tmp_path, model):
    d = prepare(tmp_path, model, tool_approval_ms=300)
    talk = Talk(d)
    asked = talk.pending().data["id"]
    assert talk.end().data["response"]["response"] == "Done."
    assert talk.told() == [("approval", "pending"), ("approval", "expired"), ("tool", "refused")]
    assert results(model.bodies[1]) == ["Error executing tool: the user has not allowed this call of 'roll_dice' in time"]
    assert talk.say(asked, True, 409)["code"] == "conflict"
    assert stored_tools(d, talk.id)[0]["code"] == "timeout"
    check_end(d)


def test_who_comes_back_is_told_again_what_waits(site):
    talk = Talk(site)
    asked = talk.pending()
    talk.connection.close()
    connection, response = site.open("GET", f"/v1/actions/calls/{talk.id}/stream?user_id=ann&role=student", site.service_key,
                                     headers={"Last-Event-ID": str(asked.id - 1)})
    assert response.status == 200, response.read()
    talk.connection, talk.events = connection, read_events(response)
    again = talk.pending()
    assert (again.id, again.data) == (asked.id, asked.data)
    talk.say(again.data["id"], True)
    assert talk.end().kind == "done"


def state_of(d, talk):
    return rows(d, talk.id)[0][2]


def test_a_run_that_is_cancelled_waits_no_more(site, model):
    talk = Talk(site)
    asked = talk.pending().data["id"]
    answer = site.request("DELETE", f"/v1/actions/calls/{talk.id}?user_id=ann&role=student", site.service_key)
    assert answer.status == 200 and answer.json["cancelled"], answer
    last = talk.end()
    assert (last.kind, last.data["code"]) == ("error", "cancelled")
    assert state_of(site, talk) == "cancelled" and len(model.bodies) == 1
    assert talk.say(asked, True, 409)["code"] == "conflict"


def test_who_leaves_for_good_takes_the_question_along(tmp_path, model):
    d = prepare(tmp_path, model, resume_grace_ms=0)
    talk = Talk(d)
    talk.pending()
    talk.connection.close()
    wait_until(lambda: state_of(d, talk) == "cancelled", what="the cancelled approval")
    assert len(model.bodies) == 1
    check_end(d)


def test_an_emergency_stop_ends_the_wait(tmp_path, model):
    d = prepare(tmp_path, model)
    talk = Talk(d)
    asked = talk.pending().data["id"]
    assert d.request("PUT", "/v1/emergency-stop", d.admin_key, {"reason": "Looked into."}).status == 200
    last = talk.end()
    assert (last.kind, last.data["code"]) == ("error", "emergency_stopped")
    assert state_of(d, talk) == "cancelled" and len(model.bodies) == 1
    assert talk.say(asked, True, 409)["code"] == "conflict"
    check_end(d)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_ends_in_mid_wait_leaves_nothing_waiting(tmp_path, model, how):
    d = prepare(tmp_path, model)
    talk = Talk(d)
    asked = talk.pending().data["id"]
    d.stop(how)
    d = Daemon(d.data)
    talk.d = d
    assert state_of(d, talk) == ("interrupted" if how == signal.SIGKILL else "cancelled")
    assert talk.say(asked, True, 409)["code"] == "conflict"
    assert rows(d, talk.id)[0][2] != "approved" and len(model.bodies) == 1
    check_end(d)


def test_an_erasure_takes_arguments_and_name_and_leaves_what_was_said(tmp_path, model):
    d = prepare(tmp_path, model)
    talk = Talk(d)
    talk.say(talk.pending().data["id"], True)
    talk.end()
    lines = [json.loads(line) for line in d.request("POST", "/v1/privacy/export", d.service_key, {"user_id": "ann"}).body.decode().splitlines()]
    assert [a["state"] for x in lines if x["kind"] == "call" for a in x.get("approvals", [])] == ["approved"]
    job = d.request("POST", "/v1/privacy/erase", d.service_key, {"user_id": "ann"}).json
    wait_until(lambda: d.request("GET", f"/v1/privacy/jobs/{job['id']}", d.admin_key).json["state"] == "done", what="the erasure")
    (tool, arguments, state, user, decided), = rows(d, talk.id)
    assert (tool, arguments, state, decided) == ("roll_dice", "", "approved", 1) and user.startswith("erased-")
    check_end(d)


def test_a_site_that_keeps_no_content_keeps_no_arguments(tmp_path, model):
    d = prepare(tmp_path, model, store_content=False)
    talk = Talk(d)
    asked = talk.pending().data
    assert json.loads(asked["arguments"]) == DICE[1], "who decides sees them"
    talk.say(asked["id"], True)
    talk.end()
    assert rows(d, talk.id)[0][:3] == ("roll_dice", "", "approved")
    check_end(d)

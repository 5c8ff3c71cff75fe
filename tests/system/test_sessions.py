"""Sessions against the real daemon: ThreadedLLMResponse, /v1/sessions and `lectern session`, with the double behind the model step."""
import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.request
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, contents, read_events, run_lectern, wait_until
from database import connect

pytestmark = pytest.mark.usefixtures("as_before")
COURSE = "course-v1:Org+Course+Run"
OTHER = "course-v1:Org+Other+Run"
UNIT = "block-v1:Org+Course+Run+type@vertical+block@u1"
RUN = "/v1/workflows/run"
LEARNER = {"id": "u1", "roles": ["student"]}


def add_chat(daemon, slug, **submission):
    patch = {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.", "stream": True}}}
    if submission:
        patch["processor_config"]["SubmissionProcessor"] = submission
    answer = daemon.request("POST", "/v1/profiles", daemon.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch})
    assert answer.status == 201, answer
    scope = daemon.request("POST", "/v1/scopes", daemon.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug})
    assert scope.status == 201, scope
    return answer.json["id"], scope.json["id"]


def start(directory, service):
    d = Daemon(directory / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 200}))
    add_vendor(d, service)
    d.profile, d.scope = add_chat(d, "chat", max_context_messages=4)
    d.plain, _ = add_chat(d, "plain")
    return d


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = start(tmp_path_factory.mktemp("sessions"), service)
    yield d
    check_end(d)


@pytest.fixture()
def place(site):
    """A location of the test's own, so that its sessions are its own."""
    return f"block-v1:Org+Course+Run+type@vertical+block@{uuid.uuid4().hex}"


def run(daemon, location, text=None, user=LEARNER, status=200, slot="chat", course=COURSE, key=None, **members):
    """By the back end in the name of the user, or by the key."""
    body = {"context": {"course_id": course, "location_id": location, "ui_slot_selector_id": slot}, **members}
    if key is None:
        body["user"] = user
    if text is not None:
        body["user_input"] = text
    answer = daemon.request("POST", RUN, key or daemon.service_key, body)
    assert answer.status == status, answer
    return answer.json


def say(daemon, service, location, text, answer, **more):
    service.default = f"ok?text={answer}"
    return run(daemon, location, text, **more)


def history(answer):
    """(contents, metadata) of a run that shows messages."""
    assert answer["response"]["status"] == "completed"
    shown = json.loads(answer["response"]["response"])
    return [m["content"] for m in shown["messages"]], shown["metadata"]


def sent(service):
    return [(m["role"], m["content"]) for m in service.requests()[-1]["body"]["messages"]]


def get(daemon, path, key=None, status=200):
    answer = daemon.request("GET", path, key or daemon.admin_key)
    assert answer.status == status, answer
    return answer.json


def thread(daemon, session, view="local", key=None, status=200):
    return get(daemon, f"/v1/sessions/{session}/thread?view={view}", key, status)


# ---- ThreadedLLMResponse ----

def test_the_turn_is_stored_and_the_history_goes_along_next_time(site, service, place):
    first = say(site, service, place, "One?", "first")
    assert first["response"] == {"response": "first", "status": "completed"}
    assert sent(service) == [("system", "Be brief."), ("user", "One?")]
    second = say(site, service, place, "Two?", "second")
    assert second["session_id"] == first["session_id"]
    assert sent(service) == [("system", "Be brief."), ("user", "One?"), ("assistant", "first"), ("user", "Two?")]
    stored = thread(site, first["session_id"])
    assert [(m["role"], m["content"]) for m in stored["thread"]] == [("user", "One?"), ("assistant", "first"), ("user", "Two?"), ("assistant", "second")]
    assert stored["view"] == "local" and stored["complete"]
    ids = [m["submission_id"] for m in stored["thread"]]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert [m["timestamp"] for m in stored["thread"]] == sorted(m["timestamp"] for m in stored["thread"])


def test_only_the_last_max_context_messages_go_along(site, service, place):
    for i in range(4):
        say(site, service, place, f"q{i}", f"a{i}")
    assert [c for _, c in sent(service)] == ["Be brief.", "q1", "a1", "q2", "a2", "q3"]


def test_no_input_and_an_existing_thread_returns_its_history(site, service, place):
    for i in range(3):
        say(site, service, place, f"q{i}", f"a{i}")
    service.clear()
    answer = run(site, place)
    assert history(answer) == (["q1", "a1", "q2", "a2"], {"has_more": True, "current_count": 4})
    assert service.requests() == [] and answer["calls"] == []


def test_no_input_and_no_thread_asks_the_model(site, service, place):
    answer = say(site, service, place, None, "Welcome")
    assert answer["response"]["response"] == "Welcome"
    assert [(m["role"], m["content"]) for m in thread(site, answer["session_id"])["thread"]] == [("assistant", "Welcome")]


@pytest.mark.parametrize("given", [4, "4", {"current_messages": 4}, {"currentMessages": "4"}])
def test_lazy_load_gives_the_next_n_before_those_shown_with_has_more_and_new_count(site, service, place, given):
    for i in range(5):
        say(site, service, place, f"q{i}", f"a{i}")
    assert history(run(site, place, given, action="lazy_load_chat_history")) == (["q1", "a1", "q2", "a2"], {"has_more": True, "new_count": 4})
    assert history(run(site, place, 8, action="lazy_load_chat_history")) == (["q0", "a0"], {"has_more": False, "new_count": 2})
    assert history(run(site, place, 10, action="lazy_load_chat_history")) == ([], {"has_more": False, "new_count": 0})


def test_lazy_load_without_a_session_is_empty_and_makes_none(site, place):
    answer = run(site, place, 3, action="lazy_load_chat_history")
    assert history(answer) == ([], {"has_more": False, "new_count": 0}) and answer["session_id"] is None


def test_clear_session_begins_anew_and_keeps_the_turns_in_the_store(site, service, place):
    before = say(site, service, place, "One?", "first")
    assert run(site, place, action="clear_session")["response"]["status"] == "session_cleared"
    after = say(site, service, place, "Two?", "second")
    assert sent(service) == [("system", "Be brief."), ("user", "Two?")]
    assert after["session_id"] == before["session_id"]
    shown = get(site, f"/v1/sessions/{after['session_id']}")
    assert (shown["turns"], shown["turns_cleared"]) == (1, 1)
    assert run(site, place + "x", action="clear_session")["response"]["status"] == "session_cleared"


def test_only_the_declared_actions_can_be_asked_for(site, place):
    assert run(site, place, action="talk", status=404)["code"] == "unknown_action"


def test_each_user_course_and_location_has_a_session_of_its_own(site, service, place):
    ids = {say(site, service, place, "q", "a")["session_id"],
           say(site, service, place, "q", "a", user={"id": "u2", "roles": ["student"]})["session_id"],
           say(site, service, place, "q", "a", course=OTHER)["session_id"],
           say(site, service, place + "x", "q", "a")["session_id"],
           say(site, service, place, "q", "a", slot="plain")["session_id"]}
    assert len(ids) == 5


def test_a_key_that_names_nobody_has_no_conversation(site, place):
    answer = run(site, place, "q", key=site.admin_key, status=400)
    assert (answer["code"], answer["field"]) == ("invalid_input", "/user")


def test_many_first_messages_at_once_end_in_one_session(site, service, place):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(run(site, place, "q"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(answers) == 8 and len({a["session_id"] for a in answers}) == 1
    assert get(site, f"/v1/sessions/{answers[0]['session_id']}")["turns"] == 8


def test_a_call_that_is_refused_leaves_neither_turn_nor_session(site, service, place):
    service.default = "status?code=500"
    run(site, place, "q", status=502)
    assert place not in [s["location_id"] for s in get(site, "/v1/sessions?profile_id=chat&user=u1&limit=1000")["sessions"]]
    session = say(site, service, place, "q", "a")["session_id"]
    service.default = "status?code=500"
    run(site, place, "again", status=502)
    assert get(site, f"/v1/sessions/{session}")["turns"] == 1


def test_a_text_that_is_too_long_for_a_conversation_is_refused_before_the_call(site, service, place):
    assert run(site, place, "x" * (256 * 1024 + 1), status=400)["field"] == "/user_input"
    assert service.requests() == []


# ---- streams ----

def stream_body(place, text):
    return {"context": {"course_id": COURSE, "location_id": place, "ui_slot_selector_id": "chat"}, "user": LEARNER, "user_input": text, "stream": True}


def test_the_turn_is_durable_when_the_streams_end_is_sent(site, service, place):
    service.default = "chunks?n=10"
    connection, response = site.open("POST", RUN, site.service_key, stream_body(place, "q"))
    text = ""
    for event in read_events(response):
        text += event.data["text"] if event.kind == "delta" else ""
        if event.kind == "done":
            break
    with connect(f"file:{site.data}/lectern.db?mode=ro", uri=True, timeout=60) as db:
        rows = db.execute("SELECT messages, state FROM workflow_submission t JOIN workflow_session s ON s.id = t.session_id WHERE s.uuid = ?",
                          (event.data["session_id"],)).fetchall()
    db.close()
    connection.close()
    assert [(json.loads(m)[1]["content"], s) for m, s in rows] == [(text, "completed")] and text.startswith("word1")


def test_of_a_learner_who_left_what_was_received_is_stored_marked_interrupted(site, service, place):
    service.default = "endless?delay_ms=20"
    connection, response = site.open("POST", RUN, site.service_key, stream_body(place, "q"))
    text = ""
    for event in read_events(response):
        text += event.data["text"] if event.kind == "delta" else ""
        if len(text) > 40:
            break
    response.close()
    connection.close()

    def turns():
        found = [s for s in get(site, "/v1/sessions?profile_id=chat&user=u1")["sessions"] if s["location_id"] == place]
        return found and found[0]["turns"] and found[0]
    session = wait_until(turns, what="the interrupted turn")
    user, assistant = thread(site, session["id"])["thread"]
    assert (user["content"], user["interrupted"], assistant["interrupted"]) == ("q", True, True)
    assert assistant["content"].startswith(text)
    call = json.loads(site.cli("--json", "register", "list", "--site", "demo", "--limit", "1"))["calls"][0]
    assert call["state"] == "cancelled"
    service.default = "ok?text=on"
    run(site, place, "again")
    assert sent(service)[1:] == [("user", "q"), ("assistant", assistant["content"]), ("user", "again")]


def test_an_answer_that_breaks_in_mid_sentence_is_stored_marked_interrupted(site, service, place):
    service.default = "reset_mid?n=3"
    events = site.stream("POST", RUN, site.service_key, stream_body(place, "q"))
    text = "".join(e.data["text"] for e in events if e.kind == "delta")
    assert events[-1].kind == "error" and text
    session = [s for s in get(site, "/v1/sessions?profile_id=chat&user=u1")["sessions"] if s["location_id"] == place][0]
    assert [(m["content"], m["interrupted"]) for m in thread(site, session["id"])["thread"]] == [("q", True), (text, True)]


# ---- a site that stores no content ----

def test_a_site_without_content_keeps_no_turns(tmp_path, service):
    d = start(tmp_path, service)
    d.cli("site", "set", "demo", "store_content=false")
    d.wait_for_config()
    answer = say(d, service, UNIT, "canaryquestion", "canaryanswer")
    assert answer["response"]["response"] == "canaryanswer"
    session = get(d, f"/v1/sessions/{answer['session_id']}")
    assert (session["turns"], session["turns_cleared"]) == (0, 0)
    assert thread(d, session["id"])["thread"] is None
    say(d, service, UNIT, "next", "b")
    assert sent(service) == [("system", "Be brief."), ("user", "next")]
    for path, content in contents(d.data):
        assert b"canary" not in content, path
    check_end(d)


# ---- who sees what ----

def token(**changes):
    now = int(time.time())
    claims = {"iss": "lms", "aud": "lectern", "roles": ["student"], "iat": now, "exp": now + 86400, **changes}
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    mac = hmac.new(b"a shared secret of the test", signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


@pytest.fixture()
def mine(site, service, place):
    """A session of the demo's learner."""
    return say(site, service, place, "q", "a", key=site.learner)["session_id"]


def test_users_see_only_their_own_sessions_and_others_are_not_found(site, mine):
    assert get(site, f"/v1/sessions/{mine}", site.learner)["id"] == mine
    assert mine in [s["id"] for s in get(site, "/v1/sessions", site.learner)["sessions"]]
    assert mine not in [s["id"] for s in get(site, "/v1/sessions", site.teacher)["sessions"]]
    number = get(site, f"/v1/sessions/{mine}")["number"]
    for name in (mine, number, str(uuid.uuid4()), "x"):
        for method, path, body in [("GET", "", None), ("GET", "/thread", None), ("GET", "/messages", None), ("POST", "/clear", {}), ("DELETE", "", None)]:
            answer = site.request(method, f"/v1/sessions/{name}{path}", site.teacher, body)
            assert (answer.status, answer.json["code"]) == (404, "not_found"), (method, path)
    assert get(site, f"/v1/sessions/{mine}")["turns"] == 1


def test_a_users_token_cannot_ask_for_another_user(site, mine):
    user = get(site, f"/v1/sessions/{mine}")["user_id"]
    assert get(site, f"/v1/sessions?user={user}", site.teacher)["sessions"] == get(site, "/v1/sessions", site.teacher)["sessions"]
    assert site.request("GET", f"/v1/sessions?user_id={user}", site.teacher).status == 403


def test_a_back_end_sees_the_sessions_of_the_user_it_names(site, service, place):
    session = say(site, service, place, "q", "a", user={"id": "named", "roles": ["student"]})["session_id"]
    assert [s["id"] for s in get(site, "/v1/sessions?user_id=named", site.service_key)["sessions"]] == [session]
    assert get(site, "/v1/sessions?user_id=somebody", site.service_key)["sessions"] == []
    assert get(site, f"/v1/sessions/{session}?user_id=somebody", site.service_key, status=404)
    assert get(site, f"/v1/sessions/{session}?user_id=named", site.service_key)["id"] == session
    assert get(site, f"/v1/sessions/{session}", site.service_key)["id"] == session


def test_the_admins_of_another_site_see_nothing(site, mine):
    site.cli("site", "add", "two", "--name", "Two")
    key = json.loads(site.cli("--json", "key", "add", "--site", "two", "--role", "site_admin", "--name", "k"))["key"]
    wait_until(lambda: site.request("GET", "/v1/sessions", key).status == 200, what="the new key")
    assert get(site, "/v1/sessions", key)["sessions"] == []
    for name in (mine, get(site, f"/v1/sessions/{mine}")["number"]):
        assert site.request("GET", f"/v1/sessions/{name}", key).status == 404
        assert site.request("DELETE", f"/v1/sessions/{name}", key).status == 404
    assert get(site, f"/v1/sessions/{mine}")["turns"] == 1


def test_a_token_for_one_course_sees_the_sessions_of_that_course_alone(site, service, place, tmp_path):
    (tmp_path / "secret").write_text("a shared secret of the test")
    site.cli("issuer", "set", "lms", "lectern", "--site", "demo", "--secret-file", tmp_path / "secret")
    whole, bound, manager = (token(sub="u9"), token(sub="u9", course_id=OTHER), token(sub="m", roles=["admin"], course_id=OTHER))
    wait_until(lambda: site.request("GET", "/v1/sessions", whole).status == 200, what="the new issuer")
    here, there = [say(site, service, place, "q", "a", course=course, user={"id": "u9", "roles": ["student"]})["session_id"] for course in (COURSE, OTHER)]
    assert [s["id"] for s in get(site, "/v1/sessions", whole)["sessions"]] == [there, here]
    assert [s["id"] for s in get(site, "/v1/sessions", bound)["sessions"]] == [there]
    for key in (bound, manager):
        assert get(site, f"/v1/sessions/{there}", key)["id"] == there
        assert get(site, f"/v1/sessions/{here}", key, status=404)
    assert {s["course_id"] for s in get(site, "/v1/sessions", manager)["sessions"]} == {OTHER}


def test_learners_get_the_filtered_thread_and_the_debug_thread_has_everything(site, mine):
    messages = [{"role": "system", "content": "rules"}, {"role": "user", "content": [{"type": "x"}]}, {"role": "user", "content": "seen"}]
    with connect(site.data / "lectern.db", timeout=60) as db:
        db.execute("INSERT INTO workflow_submission (uuid, session_id, thread, position, state, messages, created_at)"
                   " SELECT ?, id, thread, 2, 'completed', ?, 1 FROM workflow_session WHERE uuid = ?", (str(uuid.uuid4()), json.dumps(messages), mine))
    db.close()
    assert [m["content"] for m in thread(site, mine, key=site.learner)["thread"]] == ["q", "a", "seen"]
    assert [m["content"] for m in thread(site, mine)["thread"]] == ["q", "a", "rules", [{"type": "x"}], "seen"]
    assert [m["content"] for m in get(site, f"/v1/sessions/{mine}/messages?limit=9")["messages"]] == ["q", "a", "seen"]


def test_remote_views_metadata_and_remote_ids_are_for_those_who_manage_workflows(site, mine):
    for view in ("remote", "combined"):
        assert thread(site, mine, view, site.learner, status=403)["code"] == "permission_denied"
        assert thread(site, mine, view, site.service_key, status=403)["code"] == "permission_denied"
    assert "metadata" not in get(site, f"/v1/sessions/{mine}", site.learner)
    assert get(site, f"/v1/sessions/{mine}")["metadata"] == {}
    assert thread(site, mine, "other", status=400)["field"] == "/view"


# ---- the API ----

def test_messages_are_paged_from_the_newest(site, service, place):
    for i in range(3):
        session = say(site, service, place, f"q{i}", f"a{i}", key=site.learner)["session_id"]
    seen, path = [], f"/v1/sessions/{session}/messages"
    first = get(site, path, site.learner)
    assert ([m["content"] for m in first["messages"]], first["metadata"]) == (["q1", "a1", "q2", "a2"], {"has_more": True, "current_count": 4})
    second = get(site, path + "?shown=4", site.learner)
    assert ([m["content"] for m in second["messages"]], second["metadata"]) == (["q0", "a0"], {"has_more": False, "new_count": 2})
    assert len(get(site, path + "?limit=1", site.learner)["messages"]) == 1
    for bad in ("shown=x", "shown=-1", "limit=0", "limit=101"):
        assert site.request("GET", f"{path}?{bad}", site.learner).status == 400


def test_without_the_profiles_word_the_sites_decides_how_many_messages(site, service, place):
    for i in range(3):
        session = say(site, service, place, f"q{i}", f"a{i}", slot="plain")["session_id"]
    assert len(get(site, f"/v1/sessions/{session}/messages")["messages"]) == 3
    site.cli("site", "set", "demo", "max_context_messages=5")
    wait_until(lambda: len(get(site, f"/v1/sessions/{session}/messages")["messages"]) == 5, what="the site's setting")
    assert run_lectern("site", "set", "demo", "max_context_messages=101", "--data", site.data, check=False).returncode == 1
    site.cli("site", "set", "demo", "max_context_messages=0")


def test_sessions_are_listed_by_profile_scope_and_user_with_a_cursor(site, service):
    user = {"id": uuid.uuid4().hex, "roles": ["student"]}
    made = [say(site, service, f"{UNIT}{i}", "q", "a", user=user, slot=("chat", "plain")[i % 2])["session_id"] for i in range(5)][::-1]

    def listed(query):
        return [s["id"] for s in get(site, f"/v1/sessions?user={user['id']}&{query}")["sessions"]]
    assert listed("") == made
    assert listed("profile_id=chat") == listed(f"profile_id={site.profile}") == listed(f"scope_id={site.scope}") == made[::2]
    assert listed("profile_id=plain") == made[1::2]
    assert listed("profile_id=nothing") == []
    page = get(site, f"/v1/sessions?user={user['id']}&limit=2")
    assert [s["id"] for s in page["sessions"]] == made[:2]
    assert listed(f"limit=3&before={page['next']}") == made[2:]
    assert get(site, f"/v1/sessions?user={user['id']}&limit=9")["next"] is None
    assert site.request("GET", "/v1/sessions?before=x", site.admin_key).status == 400


def test_clear_and_delete_by_their_owner(site, mine):
    answer = site.request("POST", f"/v1/sessions/{mine}/clear", site.learner, {})
    assert (answer.status, answer.json["turns"], answer.json["turns_cleared"]) == (200, 0, 1)
    assert thread(site, mine, key=site.learner)["thread"] is None
    assert site.request("DELETE", f"/v1/sessions/{mine}", site.learner).status == 204
    assert site.request("GET", f"/v1/sessions/{mine}", site.learner).status == 404
    with connect(f"file:{site.data}/lectern.db?mode=ro", uri=True, timeout=60) as db:
        left = db.execute("SELECT COUNT(*) FROM workflow_submission t LEFT JOIN workflow_session s ON s.id = t.session_id WHERE s.id IS NULL").fetchone()
    db.close()
    assert left == (0,)


def test_sessions_go_with_their_scope_and_their_profile(site, service, place):
    for which in ("scope", "profile"):
        slug = f"own-{uuid.uuid4().hex}"
        profile, scope = add_chat(site, slug)
        session = say(site, service, place, "q", "a", slot=slug)["session_id"]
        path = f"/v1/scopes/{scope}" if which == "scope" else f"/v1/profiles/{profile}"
        assert site.request("DELETE", path, site.admin_key).status == 204
        assert site.request("GET", f"/v1/sessions/{session}", site.admin_key).status == 404


# ---- remote and combined ----

def keep(service, text, answer, before=None):
    """A response that the double keeps; its id."""
    body = {"model": f"double:ok?text={answer}", "input": text, "instructions": "Be brief.", "store": True, "previous_response_id": before}
    if before is None:
        del body["previous_response_id"]
    request = urllib.request.Request(service.url + "/responses", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "Authorization": "Bearer test-key-123"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["id"]


def set_remote(daemon, session, response_id, instance="vendor"):
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        db.execute("UPDATE workflow_session SET remote_response_id = ?, remote_instance_id ="
                   " COALESCE((SELECT id FROM provider_instance WHERE name = ?), 999) WHERE uuid = ?", (response_id, instance, session))
    db.close()


@pytest.fixture()
def kept(site, service, place):
    """A session with two turns here, of which the double keeps two, too."""
    for text, answer in (("One?", "first"), ("Two?", "second")):
        session = say(site, service, place, text, answer)["session_id"]
    first = keep(service, "One?", "first")
    second = keep(service, "Two?", "second", first)
    set_remote(site, session, second)
    service.clear()
    return session, first, second


def test_the_remote_thread_is_walked_at_the_provider_and_shown_oldest_first(site, service, kept):
    session, first, second = kept
    answer = thread(site, session, "remote")
    assert [(r["id"], r["previous_response_id"]) for r in answer["thread"]] == [(first, None), (second, first)]
    for r, text, said in zip(answer["thread"], ("One?", "Two?"), ("first", "second")):
        assert [(i["role"], i["content"]) for i in r["input"]][-1] == ("user", text)
        assert r["output"] == [{"type": "message", "role": "assistant", "content": said}]
        assert r["tokens"] > 0 and r["model"] and r["created_at"].endswith("Z")
    assert [r["method"] for r in service.requests()] == ["GET"] * 4
    assert all(r["headers"]["authorization"] == "Bearer test-key-123" for r in service.requests())


def test_the_remote_thread_is_null_without_a_remote_id(site, mine):
    assert thread(site, mine, "remote")["thread"] is None
    assert [m["content"] for m in thread(site, mine, "combined")["thread"]] == ["q", "a"]


def test_an_answer_that_is_gone_and_an_instance_that_was_removed_are_told_in_the_thread(site, service, kept):
    session, first, second = kept
    request = urllib.request.Request(f"{service.url}/responses/{first}", method="DELETE", headers={"Authorization": "Bearer test-key-123"})
    urllib.request.urlopen(request, timeout=60).close()
    answer = thread(site, session, "remote")["thread"]
    assert answer[0]["id"] == first and "not_found" in answer[0]["error"] and set(answer[0]) == {"id", "error"}
    assert answer[1]["id"] == second
    combined = thread(site, session, "combined")["thread"]
    assert combined[-1]["source"] == "both"
    assert [(m["role"], m["type"], m["response_id"]) for m in combined if m["role"] == "error"] == [("error", "error", first)]
    set_remote(site, session, second, "nothing")
    assert "removed" in thread(site, session, "remote")["thread"][0]["error"]


def test_the_combined_thread_puts_both_together(site, service, kept, place):
    session, first, second = kept
    set_remote(site, session, "")  # else the turn, which the service does not keep, would let it delete what it kept of the thread
    say(site, service, place, "Only here?", "third")
    set_remote(site, session, second)
    answer = [m for m in thread(site, session, "combined")["thread"] if m["role"] != "system"]
    assert [(m["role"], m.get("content"), m.get("source")) for m in answer] == [
        ("user", "One?", "both"), ("assistant", "first", "both"), ("user", "Two?", "both"), ("assistant", "second", "both"),
        ("user", "Only here?", "local"), ("assistant", "third", "local")], answer
    assert [m.get("response_id") for m in answer] == [first, first, second, second, None, None]
    assert all(m["submission_id"] and m["timestamp"] for m in answer)
    assert [("tokens" in m) for m in answer] == [False, True, False, True, False, False]


# ---- the command line ----

def test_the_command_line_lists_shows_clears_and_removes(site, mine):
    shown = json.loads(site.cli("--json", "session", "show", mine, "--site", "demo"))
    assert shown == get(site, f"/v1/sessions/{mine}")
    listed = json.loads(site.cli("--json", "session", "list", "--site", "demo", "--user", shown["user_id"], "--profile", "chat", "--limit", "1000"))
    assert mine in [s["id"] for s in listed["sessions"]]
    assert mine in site.cli("session", "list", "--site", "demo", "--user", shown["user_id"], "--scope", str(site.scope), "--limit", "1000")
    assert json.loads(site.cli("--json", "session", "list", "--site", "demo", "--user", "nobody"))["sessions"] == []
    site.cli("session", "clear", mine, "--site", "demo")
    assert get(site, f"/v1/sessions/{mine}")["turns_cleared"] == 1
    site.cli("session", "remove", mine, "--site", "demo")
    failed = run_lectern("--json", "session", "show", mine, "--site", "demo", "--data", site.data, check=False)
    assert (failed.returncode, json.loads(failed.stdout)["error"]["code"]) == (1, "not_found")


def test_the_command_line_shows_threads(site, kept):
    session, first, second = kept
    for view in ("local", "remote", "combined"):
        printed = json.loads(site.cli("--json", "session", "thread", session, "--site", "demo", "--view", view))
        assert printed == thread(site, session, view)
    assert [line.split()[-1] for line in site.cli("session", "thread", session, "--site", "demo").splitlines()] == [
        "content", "One?", "first", "Two?", "second"]
    assert second in site.cli("session", "thread", session, "--site", "demo", "--view", "remote")
    wrong = run_lectern("session", "thread", session, "--site", "demo", "--view", "other", "--data", site.data, check=False)
    assert wrong.returncode == 2 and "--view" in wrong.stderr
    for verb in ("list", "show", "thread", "clear", "remove"):
        assert f"lectern session {verb}" in run_lectern("session", verb, "--help")

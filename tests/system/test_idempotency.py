"""Idempotency-Key: a call that costs money is made once, whatever happens to the client, the daemon or the network; at every door."""
import concurrent.futures
import contextlib
import http.client
import itertools
import json
import signal
import time

import pytest
from conftest import Daemon, add_vendor, check_end, read_events, wait_until
from database import connect
from double.upstream import Upstream
from tokens import claims, token

ACTION = "/v1/actions/summarise_text"
DOOR = "/openedx-ai-extensions/v1/workflows/"
numbers = itertools.count(1)


def new_key():
    return f"key-{next(numbers)}"


@pytest.fixture(scope="module")
def double():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def as_before(double):
    double.default = "ok"
    double.clear()


def prepare(daemon, double):
    daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    vendor = add_vendor(daemon, double)
    for other in daemon.request("GET", "/v1/providers", daemon.admin_key).json["providers"]:
        if other["id"] != vendor:  # whatever the double does, nobody steps in for it
            assert daemon.request("DELETE", f"/v1/providers/{other['id']}", daemon.admin_key).status == 204
    for slug, base in (("mock", "mock/mock.json5"), ("mock-stream", "mock/mock_streaming.json5")):
        assert daemon.request("POST", "/v1/profiles", daemon.admin_key, {"slug": slug, "base_filepath": base}).status == 201
        assert daemon.request("POST", "/v1/scopes", daemon.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    wait_until(lambda: ask(daemon, new_key()).status == 200, what="the site's settings")
    double.clear()
    return daemon


@pytest.fixture(scope="module")
def site(tmp_path_factory, double):
    d = prepare(Daemon(tmp_path_factory.mktemp("idempotency") / "data"), double)
    yield d
    check_end(d)


def body_of(prompt="Say hello.", **more):
    return {"input": {"text": prompt}, **more}


def ask(daemon, key, body=None, path=ACTION, caller=None, headers=None):
    return daemon.request("POST", path, caller or daemon.learner, body or body_of(), {"Idempotency-Key": key, **(headers or {})})


def replayed(answer):
    return answer.headers["Idempotent-Replayed"] == "true"


def refusal(answer, status, code):
    assert (answer.status, answer.json["code"]) == (status, code), answer
    return answer


# ---- the same again ----


def test_the_same_key_and_request_is_the_same_answer_and_one_call(site, double):
    key = new_key()
    first = ask(site, key)
    assert first.status == 200 and not replayed(first)
    for _ in range(3):
        again = ask(site, key)
        assert (again.status, again.body, again.headers["Content-Type"]) == (200, first.body, "application/json")
        assert replayed(again)
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert len(double.requests()) == 1


def test_another_key_is_another_call_and_so_is_none(site, double):
    ids = {ask(site, new_key()).json["id"], ask(site, new_key()).json["id"]}
    ids |= {site.request("POST", ACTION, site.learner, body_of()).json["id"] for _ in range(2)}
    assert len(ids) == 4 and len(double.requests()) == 4


@pytest.mark.parametrize("one, other", [
    ('{"input":{"text":"a"},"context":{"course_id":"c","location_id":"l"}}',
     '{ "context": {"location_id":"l", "course_id":"c"},\n "input": {"text":"a"}}'),
    ('{"input":{"text":"\\u00e9"}}', '{"input":{"text":"é"}}')])
def test_how_the_body_is_written_means_nothing(site, one, other):
    key, kind = new_key(), {"Content-Type": "application/json"}
    first = site.request("POST", ACTION, site.learner, one.encode(), {"Idempotency-Key": key, **kind})
    again = site.request("POST", ACTION, site.learner, other.encode(), {"Idempotency-Key": key, **kind})
    assert first.status == 200 and again.body == first.body and replayed(again)


@pytest.mark.parametrize("body, path", [(body_of("Say something else."), ACTION), (body_of(stream=True), ACTION), (body_of(), ACTION + "?x=1"),
                                        (body_of(context={"course_id": "c"}), ACTION), (body_of(), "/v1/actions/explain_text")])
def test_with_another_request_it_is_refused(site, double, body, path):
    key = new_key()
    assert ask(site, key).status == 200
    refusal(ask(site, key, body, path), 409, "idempotency_key_reused")
    assert len(double.requests()) == 1


def test_a_key_belongs_to_its_caller(site, double):
    key = new_key()
    callers = [dict(caller=site.learner), dict(caller=site.teacher), dict(caller=site.service_key), dict(caller=site.admin_key),
               dict(caller=site.service_key, body=body_of(user={"id": "u1", "roles": ["student"]})),
               dict(caller=site.service_key, body=body_of(user={"id": "u2", "roles": ["student"]}))]
    answers = [ask(site, key, **c) for c in callers]
    assert {a.status for a in answers} == {200} and not any(replayed(a) for a in answers)
    assert len({a.json["id"] for a in answers}) == len(callers)
    assert [ask(site, key, **c).body for c in callers] == [a.body for a in answers]


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "x" * 256, "k\u00e9y"])
def test_a_bad_key_is_refused(site, double, key):
    refusal(ask(site, key.encode("latin-1").decode("latin-1")), 400, "invalid_input")
    assert double.requests() == []


def test_a_key_may_have_255_characters_but_stands_once(site):
    assert ask(site, "x" * 255).status == 200
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    connection.putrequest("POST", ACTION)
    data = json.dumps(body_of()).encode()
    for name, value in (("Authorization", f"Bearer {site.learner}"), ("Content-Type", "application/json"), ("Content-Length", str(len(data))),
                        ("Idempotency-Key", "a"), ("Idempotency-Key", "a")):
        connection.putheader(name, value)
    connection.endheaders(data)
    assert connection.getresponse().status == 400


# ---- outcomes ----


@pytest.mark.parametrize("scenario, status", [("status?code=500", 502), ("status?code=401", 502), ("context_window", 400), ("refusal", None)])
def test_a_call_that_failed_is_not_made_again(site, double, scenario, status):
    key = new_key()
    double.default = scenario
    first = ask(site, key)
    assert status is None or first.status == status, first
    made = len(double.requests())
    double.default = "ok"
    again = ask(site, key)
    assert (again.status, again.body) == (first.status, first.body) and replayed(again)
    assert len(double.requests()) == made


@pytest.mark.parametrize("first_body, path, status", [
    ({"input": {}}, ACTION, 400), (body_of(), "/v1/actions/nothing", 404), (body_of(provider="vendor"), ACTION, 403),
    ({"input": {"text": 1}}, ACTION, 400)])
def test_a_refusal_before_the_call_gives_the_key_back(site, double, first_body, path, status):
    key = new_key()
    assert ask(site, key, first_body, path).status == status
    after = ask(site, key)
    assert after.status == 200 and not replayed(after)
    assert len(double.requests()) == 1


def test_a_vendor_at_its_limit_may_be_asked_again(site, double):
    key = new_key()
    double.default = "status?code=429"
    assert ask(site, key).status == 429
    double.default = "ok"
    assert ask(site, key).status == 200


# ---- at the same time ----


def test_while_the_first_is_under_way_the_second_waits_its_turn(site, double):
    key = new_key()
    double.default = "chunks?n=20&gate=1"
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        first = other.submit(ask, site, key)
        double.wait_for(lambda r: True)
        second = refusal(ask(site, key), 409, "idempotency_key_in_use")
        double.let = 20
        assert int(second.headers["Retry-After"]) >= 1 and not replayed(second)
        assert first.result().status == 200
    assert ask(site, key).body == first.result().body
    assert len(double.requests()) == 1


def test_of_many_at_once_one_call_is_made(site, double):
    key = new_key()
    with concurrent.futures.ThreadPoolExecutor(30) as clients:
        answers = list(clients.map(lambda _: ask(site, key), range(30)))
    assert {a.status for a in answers} <= {200, 409} and {a.json["code"] for a in answers if a.status == 409} <= {"idempotency_key_in_use"}
    assert len({a.body for a in answers if a.status == 200}) == 1
    assert len(double.requests()) == 1


def test_the_client_may_leave_and_ask_again(site, double):
    key = new_key()
    double.default = "chunks?n=10&delay_ms=50"
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    connection.request("POST", ACTION, json.dumps(body_of()), {"Authorization": f"Bearer {site.learner}", "Content-Type": "application/json",
                                                               "Idempotency-Key": key})
    double.wait_for(lambda r: True)
    connection.close()
    answer = wait_until(lambda: (a := ask(site, key)).status != 409 and a, what="the answer")
    assert answer.status == 200 and replayed(answer) and "word10" in answer.json["response"]["generated_content"], answer
    assert len(double.requests()) == 1


def test_the_client_may_leave_while_its_key_is_being_kept(site, double):
    key = new_key()
    with contextlib.closing(connect(site.data / "lectern.db", isolation_level=None)) as disk:
        wait_until(lambda: site.figure("lectern_store_queued_bytes") == 0, what="the end of what is written")
        disk.execute("BEGIN IMMEDIATE")  # nobody else can write now
        connection = http.client.HTTPConnection("127.0.0.1", site.port)
        connection.request("POST", ACTION, json.dumps(body_of()), {"Authorization": f"Bearer {site.learner}", "Content-Type": "application/json",
                                                                   "Idempotency-Key": key})
        wait_until(lambda: site.figure("lectern_store_queued_bytes") > 0, what="the request, which waits for the store")
        connection.close()
        time.sleep(0.1)
        disk.execute("COMMIT")
    double.wait_for(lambda r: True)
    answer = wait_until(lambda: (a := ask(site, key)).status != 409 and a, what="the answer")
    assert answer.status == 200 and replayed(answer), answer
    assert len(double.requests()) == 1


# ---- streams ----


def events(daemon, key, body=None, path=ACTION):
    connection, response = daemon.open("POST", path, daemon.learner, body or body_of(stream=True), {"Idempotency-Key": key})
    try:
        assert response.status == 200, response.read()
        return response.headers["Idempotent-Replayed"], [(e.kind, e.data) for e in read_events(response)]
    finally:
        connection.close()


@pytest.mark.parametrize("body, path", [(body_of(stream=True), ACTION), ({"profile": "mock-stream", "context": {"ui_slot_selector_id": "mock-stream"},
                                                                         "stream": True}, "/v1/workflows/run")])
def test_a_stream_comes_again_with_the_same_id_and_end(site, double, body, path):
    key = new_key()
    marked, first = events(site, key, body, path)
    assert marked is None and first[0][0] == "start" and first[-1][0] == "done"
    made = len(double.requests())
    marked, again = events(site, key, body, path)
    assert marked == "true"
    assert again[0] == first[0] and again[-1] == first[-1]
    assert len(double.requests()) == made


def test_who_asks_while_it_streams_follows_the_same_stream(site, double):
    key = new_key()
    double.default = "chunks?n=20&delay_ms=50"
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        first = other.submit(events, site, key)
        double.wait_for(lambda r: True)
        wait_until(lambda: site.request("POST", ACTION, site.learner, body_of(stream=True), {"Idempotency-Key": key}).status == 200)
        assert events(site, key)[1] == first.result()[1]
    assert len(double.requests()) == 1


def test_a_stream_that_broke_off_ends_the_same_way_again(site, double):
    key = new_key()
    double.default = "reset_mid"
    first = events(site, key)[1]
    double.default = "ok"
    again = events(site, key)[1]
    assert again[-1] == first[-1]
    assert len(double.requests()) == 1


def door(daemon, key, slug):
    context = json.dumps({"uiSlotSelectorId": slug}).replace(" ", "")
    return daemon.request("POST", f"{DOOR}?context={context}", daemon.learner, {"action": "run"}, {"Idempotency-Key": key})


@pytest.mark.parametrize("slug, kind", [("mock", "application/json"), ("mock-stream", "text/plain")])
def test_the_open_edx_door_keeps_to_it(site, slug, kind):
    key = new_key()
    first = door(site, key, slug)
    assert first.status == 200 and first.headers["Content-Type"].startswith(kind), first
    again = door(site, key, slug)
    assert (again.status, again.body) == (200, first.body) and replayed(again)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    other = site.request("POST", f"{DOOR}?context={{}}", site.learner, {"action": "run"}, {"Idempotency-Key": key})
    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_key_reused"), other


CHAT = {"model": "action:continue_conversation", "messages": [{"role": "user", "content": "Say hello."}], "stream": False}
DOORS = [("/openai/v1/chat/completions", {"model": "action:continue_conversation", "messages": [{"role": "user", "content": "Hello."}]}),
         ("/openai/v1/embeddings", {"model": "action:embed_text", "input": "Hello."}),
         ("/openai/v1/responses", {"model": "action:continue_conversation", "input": "Hello."}),
         ("/ollama/api/chat", {"model": "action:continue_conversation", "stream": False, "messages": [{"role": "user", "content": "Hello."}]}),
         ("/ollama/api/generate", {"model": "action:continue_conversation", "stream": False, "prompt": "Hello."})]


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/ollama/api/chat"])
@pytest.mark.parametrize("headers, body", [({"X-Lectern-User": "%s"}, {}), ({}, {"user": "%s"})], ids=["field", "body"])
def test_a_key_belongs_to_the_user_whom_a_door_is_told(site, double, path, headers, body):
    key = new_key()

    def of(user):
        return ask(site, key, {**CHAT, **{k: v % user for k, v in body.items()}}, path, site.service_key, {k: v % user for k, v in headers.items()})

    first, other = of("anna"), of("berta")
    assert (first.status, other.status) == (200, 200) and not replayed(first) and not replayed(other), other
    assert replayed(of("anna")) and replayed(of("berta")) and len(double.requests()) == 2


@pytest.mark.parametrize("field, value", [("X-Lectern-Course", "c2"), ("X-Lectern-Location", "l2"), ("X-Lectern-Placement", "page")])
def test_another_place_at_a_door_is_another_request(site, field, value):
    key, path = new_key(), "/openai/v1/chat/completions"
    assert ask(site, key, CHAT, path, site.service_key).status == 200
    other = ask(site, key, CHAT, path, site.service_key, {field: value})
    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_key_reused"), other


def test_the_same_user_with_a_token_for_another_course_is_another_request(site):
    secret = "a shared secret of the test"
    site.cli("issuer", "set", "https://lms.example/oauth2", "openedx", "--site", "demo", "--secret-file", "-", stdin=secret)
    one, other = (token(secret, "HS256", claims(course_id=course)) for course in ("c1", "c2"))
    path = "/openai/v1/chat/completions"
    wait_until(lambda: site.request("GET", "/v1/policy", one).status == 200, what="the issuer")
    site.accept_policy(one)
    key = new_key()
    assert ask(site, key, CHAT, path, one).status == 200 and replayed(ask(site, key, CHAT, path, one))
    assert ask(site, key, CHAT, path, other).status == 409


ENDS = {"/openai/v1/chat/completions": "data: [DONE]\n\n", "/openai/v1/responses": '"type":"response.completed"', "/ollama/api/chat": '"done":true'}


@pytest.mark.parametrize("path, body", [(path, body) for path, body in DOORS if path in ENDS])
def test_a_stream_is_whole_though_its_client_left(site, double, path, body):
    key, body = new_key(), {**body, "stream": True}
    double.default = "chunks?n=10&delay_ms=50"
    connection, response = site.open("POST", path, site.service_key, body, {"Idempotency-Key": key})
    assert response.status == 200 and response.readline()
    response.close()
    connection.close()
    answer = wait_until(lambda: (a := ask(site, key, body, path, site.service_key)).status != 409 and a, what="the answer")
    assert replayed(answer) and b"word10" in answer.body and ENDS[path] in answer.body.decode(), answer.body[-600:]


# ---- what is kept ----


def test_it_holds_after_a_restart_and_a_call_that_a_crash_cut_off_is_not_made_again(tmp_path, double):
    daemon = prepare(Daemon(tmp_path / "data"), double)
    kept, cut, streamed, half = (new_key() for _ in range(4))
    first, first_events = ask(daemon, kept), events(daemon, streamed)[1]
    double.default = "stall"
    with concurrent.futures.ThreadPoolExecutor(2) as other:
        asked = [other.submit(ask, daemon, cut), other.submit(events, daemon, half)]
        double.wait_for(lambda r: len(double.requests()) >= 4)
        daemon.stop(signal.SIGKILL)
        assert asked[0].exception() and (asked[1].exception() or asked[1].result()[1][-1][0] != "done")
    made = len(double.requests())
    double.default = "ok"
    daemon = Daemon(tmp_path / "data")
    again = ask(daemon, kept)
    assert (again.body, replayed(again)) == (first.body, True)
    after = events(daemon, streamed)
    assert after[0] == "true" and [after[1][0], after[1][-1]] == [first_events[0], first_events[-1]]
    for _ in range(2):
        assert replayed(refusal(ask(daemon, cut), 500, "interrupted"))
        refusal(ask(daemon, half, body_of(stream=True)), 500, "interrupted")
    refusal(ask(daemon, cut, body_of("Another.")), 409, "idempotency_key_reused")
    assert len(double.requests()) == made
    check_end(daemon)


def rows(daemon, sql, *values):
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        return db.execute(sql, values).fetchall()


def test_a_key_is_free_again_when_its_time_is_over(site, double):
    key = new_key()
    first = ask(site, key)
    left = rows(site, "SELECT (expires_at - created_at) / 1000 FROM idempotency_key WHERE name = ?", key)
    assert left == [(24 * 3600,)]
    rows(site, "UPDATE idempotency_key SET expires_at = 1 WHERE name = ?", key)
    again = ask(site, key)
    assert again.status == 200 and not replayed(again) and again.json["id"] != first.json["id"]


def test_keys_whose_time_is_over_go_faster_than_they_come(site):
    with connect(site.data / "lectern.db", timeout=60) as db:
        db.executemany("INSERT INTO idempotency_key (site_id, caller, name, request_hash, state, created_at, expires_at)"
                       " VALUES (1, 'user old', ?, ?, 'done', 1, 2)", [(f"old-{i}", b"\0") for i in range(1500)])
    wait_until(lambda: rows(site, "SELECT COUNT(*) FROM idempotency_key WHERE caller = 'user old'") == [(0,)], what="the sweep")


def test_a_caller_has_so_many_keys_and_no_more(site, double):
    known = new_key()  # by which the learner's rows are told from those of other users
    assert ask(site, known).status == 200
    [(caller,)] = rows(site, "SELECT caller FROM idempotency_key WHERE name = ?", known)
    with connect(site.data / "lectern.db", timeout=60) as db:
        db.executemany("INSERT INTO idempotency_key (site_id, caller, name, request_hash, state, created_at, expires_at)"
                       " VALUES (1, ?, ?, ?, 'done', 1, ?)",
                       [(caller, f"full-{i}", b"\0", 1 << 50) for i in range(10000)])
    try:
        full = refusal(ask(site, new_key()), 429, "rate_limited")
        assert int(full.headers["Retry-After"]) > 0
        assert site.request("POST", ACTION, site.learner, body_of()).status == 200
    finally:
        rows(site, "DELETE FROM idempotency_key WHERE name LIKE 'full-%'")


def test_a_site_that_keeps_no_content_keeps_no_answer(tmp_path, double):
    daemon = prepare(Daemon(tmp_path / "data"), double)
    daemon.cli("site", "set", "demo", "store_content=false")
    key = wait_until(lambda: (k := new_key()) and ask(daemon, k).status == 200 and
                     rows(daemon, "SELECT body IS NULL FROM idempotency_key WHERE name = ?", k) == [(1,)] and k, what="the setting")
    made = len(double.requests())
    refusal(ask(daemon, key), 409, "answer_not_kept")
    assert len(double.requests()) == made
    check_end(daemon)


def test_without_the_field_nothing_is_written(site):
    before = rows(site, "SELECT COUNT(*) FROM idempotency_key")
    assert site.request("POST", ACTION, site.learner, body_of()).status == 200
    assert site.request("GET", "/v1/actions", site.learner, headers={"Idempotency-Key": "k"}).status == 200
    assert rows(site, "SELECT COUNT(*) FROM idempotency_key") == before

"""Events: what other systems are told, in the unit of the record it tells of, at least once, in order, and by nobody's waiting."""
import contextlib
import json
import random
import threading
import time
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect, url_of
from openai_packages import install_python
from receiver import Receiver
from test_grading import DECISION, TEXT as TEXT_OF_SUBMISSION, request_of, verdict
from test_tools import Model

USER = {"id": "learner-7", "roles": ["student"]}
TEXT = {"input": {"text": "Plants make sugar from light. Leaves are green. Roots drink water."}}
PACE = "100"  # pauses between attempts are a hundredth of what they are


class Rig:
    """A daemon that asks nobody for consent, and receivers that end with the test."""

    def __init__(self, folder, pace=PACE, *options):
        self.folder, self.pace, self.options, self.receivers = folder, pace, options, []
        self.daemon = Daemon(folder / "data", "--events-pace", pace, *options)
        self.daemon.cli("site", "set", "demo", "policy_by_lms=true")
        self.daemon.wait_for_config()

    def receiver(self, *args, **options):
        self.receivers.append(Receiver(*args, **options))
        return self.receivers[-1]

    def tell(self, url, kind="webhook", name=None, **rest):
        answer = self.daemon.request("POST", "/v1/event-destinations", self.daemon.admin_key, {"name": name or f"{kind}-{uuid.uuid4().hex[:6]}", "kind": kind, "url": url, **rest})
        assert answer.status == 201, answer
        return answer.json

    def state(self, destination):
        return self.daemon.request("GET", f"/v1/event-destinations/{destination['id']}", self.daemon.admin_key).json

    def summarise(self, user=USER):
        answer = self.daemon.request("POST", "/v1/actions/summarise_text", self.daemon.service_key, {**TEXT, "user": user, "context": {"course_id": "course-v1:Org+C+R"}})
        assert answer.status == 200, answer
        return answer.json["id"]

    def rows(self, sql, *values):
        with contextlib.closing(connect(f"file:{self.folder / 'data/lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
            return database.execute(sql, values).fetchall()

    def dead(self, query=""):
        return self.daemon.request("GET", f"/v1/events/dead{query}", self.daemon.admin_key).json["events"]

    def again(self):
        """The daemon is started anew on what the one before has left."""
        self.daemon = Daemon(self.folder / "data", "--events-pace", self.pace, *self.options)

    def end(self):
        check_end(self.daemon)
        for receiver in self.receivers:
            receiver.stop()


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.end()


def until_empty(rig, *destinations):
    for destination in destinations:
        wait_until(lambda d=destination: rig.state(d)["waiting"] == 0, what="an empty outbox")


# ---- webhooks ----

@pytest.fixture(scope="module")
def webhooks_python(tmp_path_factory):
    return install_python(tmp_path_factory.mktemp("venv") / "venv", "standardwebhooks")


CHECK = """
import json, sys
from standardwebhooks import Webhook
for line in sys.stdin:
    case = json.loads(line)
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
        print("yes")
    except Exception as e:
        print("no", type(e).__name__)
"""


def official(python, cases):
    import subprocess
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    return subprocess.run([python, "-c", CHECK], input=lines, capture_output=True, text=True, check=True, timeout=60).stdout.split("\n")[:-1]


def test_webhook_is_signed_as_the_official_library_wants_it_also_while_secrets_change(rig, webhooks_python):
    receiver = rig.receiver()
    made = rig.tell(receiver.url, events=["call.completed"])
    first = made["secret"]
    rig.summarise()
    wait_until(lambda: len(receiver.all()) == 1)
    second = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk="
    changed = rig.daemon.request("PATCH", f"/v1/event-destinations/{made['id']}", rig.daemon.admin_key, {"config": {"secret": second}})
    assert changed.json["config"] == {"secret": "***", "old_secret": "***"}
    rig.summarise()
    wait_until(lambda: len(receiver.all()) == 2)
    one, two = receiver.all()
    case = lambda secret, post, body=None: {"secret": secret, "body": body or post.body.decode(), "headers": {k.lower(): v for k, v in post.headers.items()}}
    said = official(webhooks_python, [case(first, one), case(second, one), case(first, two), case(second, two), case(first, one, one.body.decode().replace("summarise", "summarize"))])
    assert said == ["yes", "no WebhookVerificationError", "yes", "yes", "no WebhookVerificationError"]
    assert len(two.headers["webhook-signature"].split()) == 2
    assert first not in rig.daemon.log() and second not in rig.daemon.log()
    assert all(secret not in row[0] for secret in (first, second) for row in rig.rows("SELECT config FROM event_destination"))


def test_webhook_tells_ids_and_figures_and_content_only_where_that_is_asked_for(rig):
    plain, full = rig.receiver(), rig.receiver()
    rig.tell(plain.url, events=["call.completed"])
    rig.tell(full.url, events=["call.completed"], config={"include_content": True, "include_user": True})
    call = rig.summarise()
    wait_until(lambda: plain.all() and full.all())
    body = plain.all()[0].json
    assert body["type"] == "call.completed" and body["data"]["id"] == call and body["data"]["action"] == "summarise_text"
    assert body["data"]["course_id"] == "course-v1:Org+C+R" and body["data"]["state"] == "completed" and body["data"]["site"] == "demo"
    assert USER["id"] not in plain.all()[0].body.decode() and "Plants" not in plain.all()[0].body.decode()
    assert full.all()[0].json["data"]["user_id"] == USER["id"] and "Plants" in json.dumps(full.all()[0].json["data"]["content"])
    assert full.all()[0].json["data"]["actor"] == body["data"]["actor"]
    rig.daemon.cli("site", "set", "demo", "store_content=false")
    rig.daemon.wait_for_config()
    rig.summarise()
    wait_until(lambda: len(full.all()) == 2)
    assert "content" not in full.all()[1].json["data"]


def test_what_nobody_wants_is_not_written(rig):
    rig.summarise()
    receiver = rig.receiver()
    rig.tell(receiver.url, events=["policy.accepted"])
    rig.tell(receiver.url, events=["call.completed"], enabled=False)
    rig.summarise()
    assert rig.rows("SELECT COUNT(*) FROM event_outbox") == [(0,)] and rig.rows("SELECT COUNT(*) FROM event_actor") == [(0,)]


def test_policy_and_refused_settings(rig):
    receiver = rig.receiver()
    rig.tell(receiver.url)
    version = rig.daemon.request("GET", "/v1/policy?user_id=learner-7&role=student", rig.daemon.service_key).json["version"]
    for _ in range(2):  # the second says nothing new
        rig.daemon.request("PUT", "/v1/policy", rig.daemon.service_key, {"accepted": True, "version": version, "user": USER})
    rig.daemon.request("DELETE", "/v1/policy?user_id=learner-7&role=student", rig.daemon.service_key)
    wait_until(lambda: len(receiver.all()) == 2)
    assert [post.json["type"] for post in receiver.all()] == ["policy.accepted", "policy.withdrawn"]
    for body, field in ((dict(name="a", kind="webhook", url="http://10.0.0.1/"), "/url"), (dict(name="a", kind="xapi", url="ftp://x/"), "/url"),
                        (dict(name="a", kind="redis", url="https://x/"), "/url"), (dict(name="7", kind="webhook", url="https://x.example/"), "/name"),
                        (dict(name="a", kind="xapi", url="https://x.example/", events=["policy.accepted"]), "/events"),
                        (dict(name="a", kind="webhook", url="https://x.example/", config={"secret": "plain"}), "/webhook/secret")):
        answer = rig.daemon.request("POST", "/v1/event-destinations", rig.daemon.admin_key, body)
        assert answer.status in (400, 502) and (field in json.dumps(answer.json)), (body, answer)


# ---- xAPI ----

def statements(receiver):
    return [statement for post in receiver.all() for statement in post.json]


def statement_id(statement):
    """As Open edX makes it: over the verb, the actor and the time, as its own JSON writes them."""
    verb = json.dumps({"id": statement["verb"]["id"], "display": statement["verb"]["display"]})
    actor = json.dumps({"objectType": "Agent", "account": {"name": statement["actor"]["account"]["name"], "homePage": statement["actor"]["account"]["homePage"]}})
    space = uuid.uuid5(uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), verb)
    return str(uuid.uuid5(space, f"{actor}-{statement['timestamp']}"))


def test_lrs_gets_statements_of_runs_and_of_direct_calls(rig, upstream):
    add_vendor(rig.daemon, upstream)
    lrs = rig.receiver(lambda post: 200)
    rig.tell(lrs.url + "/xAPI/", "xapi", config={"username": "lrs", "password": "very secret", "home_page": "http://localhost:18000/"})
    patch = {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Help.", "stream": False}}}
    rig.daemon.request("POST", "/v1/profiles", rig.daemon.admin_key, {"slug": "talk", "base_filepath": "base/blank.json5", "content_patch": patch})
    rig.daemon.request("POST", "/v1/profiles", rig.daemon.admin_key, {"slug": "mock", "base_filepath": "base/blank.json5", "content_patch": {"orchestrator_class": "MockResponse"}})
    run = {"context": {"course_id": "course-v1:edX+DemoX+Demo_Course", "location_id": "block-v1:edX+DemoX+Demo_Course+type@html+block@a"}, "action": "run", "user_input": "Why is grass green?", "user": {"id": "learner-7", "roles": ["admin"]}}
    for profile in ("talk", "talk", "mock"):
        answer = rig.daemon.request("POST", "/v1/workflows/run", rig.daemon.admin_key, {**run, "profile": profile})
        assert answer.status == 200, answer
    rig.summarise()
    wait_until(lambda: len(statements(lrs)) == 4)
    said = statements(lrs)
    assert [s["verb"]["display"]["en"] for s in said] == ["initialized", "interacted", "completed", "completed"]
    assert [s["object"]["id"] for s in said] == ["http://localhost:18000/ai_workflow/" + name for name in ("talk__run", "talk__run", "mock__run", "ai_action__summarise_text")]
    for s in said:
        assert s["id"] == statement_id(s) and s["version"] == "1.0.3" and s["object"]["definition"]["type"] == "https://w3id.org/xapi/openedx/activity/ai-workflow"
        assert s["object"]["definition"]["description"] == {"en": "AI-powered educational workflow"}
    assert said[0]["context"]["contextActivities"]["parent"][0]["id"] == "http://localhost:18000/course/course-v1:edX+DemoX+Demo_Course"
    extensions = [s["object"]["definition"]["extensions"] for s in said]
    prefix = "https://w3id.org/xapi/openedx/extension/"
    assert extensions[0][prefix + "ai-workflow-action"] == "run" and extensions[0][prefix + "location-id"] == run["context"]["location_id"]
    assert prefix + "ai-usage" not in extensions[2], "a run without figures says nothing of them"
    assert len({s["actor"]["account"]["name"] for s in said}) == 1 and "learner-7" not in json.dumps(said)
    post = lrs.all()[0]
    assert post.path == "/xAPI/statements" and post.headers["X-Experience-API-Version"] == "1.0.3"
    import base64
    assert post.headers["Authorization"] == "Basic " + base64.b64encode(b"lrs:very secret").decode()
    assert "very secret" not in rig.daemon.log() and "very secret" not in json.dumps(rig.rows("SELECT config FROM event_destination"))


def test_no_two_statements_of_a_user_have_one_time(rig):
    lrs = rig.receiver(lambda post: 200)
    made = rig.tell(lrs.url, "xapi")
    threads = [threading.Thread(target=lambda: [rig.summarise() for _ in range(10)]) for _ in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    until_empty(rig, made)
    said = statements(lrs)
    assert len(said) == 80 == len({s["timestamp"] for s in said}) == len({s["id"] for s in said})


def test_lrs_that_has_a_statement_already_has_it(rig):
    """A batch whose answer was lost is sent again: 409, then each by itself, and 409 there means delivered."""
    seen, lost = set(), []

    def answer(post):
        ids = {s["id"] for s in post.json}
        if ids & seen:
            return 409
        seen.update(ids)
        if len(lost) < 1:
            lost.append(post)
            return None  # taken, and the answer is lost
        return 200

    lrs = rig.receiver(answer)
    made = rig.tell(lrs.url, "xapi", enabled=False)
    rig.daemon.request("PATCH", f"/v1/event-destinations/{made['id']}", rig.daemon.admin_key, {"enabled": True})
    calls = [rig.summarise() for _ in range(5)]
    until_empty(rig, made)
    assert len(seen) == len(calls) and rig.dead() == [] and rig.state(made)["delivered"] == len(calls)


# ---- receivers in trouble ----

def test_receiver_that_is_down_gets_everything_in_order_when_it_is_up(rig):
    """Ten minutes at this pace: pauses between attempts reach their longest, and other receivers are told meanwhile."""
    up = rig.receiver()
    down = Receiver()
    port = down.port
    down.stop()
    waits, told = rig.tell(f"http://127.0.0.1:{port}"), rig.tell(up.url)
    calls = [rig.summarise() for _ in range(10)]
    until_empty(rig, told)
    wait_until(lambda: rig.state(waits)["failures"] >= 8, what="some attempts")  # 1 + 2 + 4 + … s of pauses: two to four minutes, or that part of them
    wait_until(lambda: rig.state(waits)["failures"] >= 10, what="attempts at their longest pause")
    assert rig.state(waits)["waiting"] == 10
    back = Receiver(port=port)
    rig.receivers.append(back)
    until_empty(rig, waits)
    assert [post.json["data"]["id"] for post in back.all()] == calls == [post.json["data"]["id"] for post in up.all()]
    assert rig.dead() == [] and rig.daemon.figure("lectern_events_failed_total") >= 10


def test_flapping_receiver_gets_each_at_least_once_and_in_order(rig):
    n = iter(range(10**6))
    receiver = rig.receiver(lambda post: (204, 503, None, 500, 204)[next(n) % 5])
    made = rig.tell(receiver.url)
    calls = [rig.summarise() for _ in range(15)]
    until_empty(rig, made)
    taken = [post.json["data"]["id"] for post in receiver.all()]
    assert list(dict.fromkeys(taken)) == calls and rig.dead() == []
    assert {post.headers["webhook-id"] for post in receiver.all("posts")} == {post.headers["webhook-id"] for post in receiver.all()}


USERS = [{"id": f"u{i}", "roles": ["student"]} for i in range(12)]


def told_in_order(posts, made):
    """Whoever is told of each user's calls, by the time they came first, is told in the order in which they were made."""
    told = [(post.json["data"]["user_id"], post.json["data"]["id"]) for post in posts]
    return {user: list(dict.fromkeys(id for name, id in told if name == user)) for user in made} == made


def test_receiver_that_fails_now_and_then_is_told_of_each_users_calls_in_order(rig):
    seed = random.randrange(10**9)
    print("seed", seed)
    chance, lock = random.Random(seed), threading.Lock()

    def answer(post):
        with lock:
            return chance.choice((204, 204, 204, 503, 500, None))

    receiver, made = rig.receiver(lambda post: 503), {user["id"]: [] for user in USERS}
    to = rig.tell(receiver.url, config={"include_user": True})
    for user in chance.choices(USERS, k=60):
        made[user["id"]].append(rig.summarise(user))
    receiver.answer = answer
    until_empty(rig, to)
    assert told_in_order(receiver.all(), made) and rig.dead() == [] and rig.state(to)["delivered"] == 60


def test_far_receiver_gets_several_at_once_and_each_users_in_order(rig):
    """Each request takes a fifth of a second: one at a time, 61 would take twelve."""
    lock, flying, most = threading.Lock(), [0], [0]
    open_, far = threading.Event(), 0.2

    def answer(post):
        if not open_.is_set():
            return 503
        with lock:
            flying[0] += 1
            most[0] = max(most[0], flying[0])
        time.sleep(far)
        with lock:
            flying[0] -= 1
        return 204

    receiver, made = rig.receiver(answer), {user["id"]: [] for user in USERS}
    to = rig.tell(receiver.url, config={"include_user": True})
    for i in range(61):
        user = USERS[i % len(USERS)]
        made[user["id"]].append(rig.summarise(user))
    open_.set()
    until_empty(rig, to)
    posts = receiver.all()
    print(f"61 events, {far} s each: {posts[-1].at - posts[0].at + far:.1f} s, at most {most[0]} at once")
    assert told_in_order(posts, made) and len(posts) == 61 and 2 <= most[0] <= 8
    most[0] = 0
    of_one = [rig.summarise(USERS[0]) for _ in range(6)]
    until_empty(rig, to)
    assert [post.json["data"]["id"] for post in receiver.all()[61:]] == of_one and most[0] == 1


def test_grading_is_told_when_a_model_proposes_and_when_staff_decide(rig):
    model, receiver = Model(), rig.receiver()
    model.script = lambda body: verdict()
    add_vendor(rig.daemon, model)
    patch = {"processor_config": {"GradingProcessor": {"mode": "scoring"}}}
    for path, body in (("profiles", {"slug": "g", "base_filepath": "base/grading.json5", "content_patch": patch}), ("scopes", {"profile_id": "g", "ui_slot_selector_id": "g"})):
        assert rig.daemon.request("POST", f"/v1/{path}", rig.daemon.admin_key, body).status == 201
    to = rig.tell(receiver.url, events=["grading.proposed", "grading.decided"], config={"include_user": True})
    asked = {"profile": "g", "context": {"ui_slot_selector_id": "g", "course_id": "course-v1:Org+C+R", "location_id": "block-v1:Org+C+R+type@openassessment+block@a"}, "user": USER}
    for name, words in (("one", TEXT_OF_SUBMISSION), ("two", "")):
        done = rig.daemon.request("POST", "/v1/workflows/run", rig.daemon.service_key, {**asked, "user_input": {**request_of(text=words), "submission_id": name}})
        assert done.status == 200, done
    found = rig.daemon.request("GET", "/v1/gradings/one", rig.daemon.admin_key).json
    decision = rig.daemon.request("PUT", "/v1/gradings/one/decision", rig.daemon.admin_key, {"decision": DECISION})
    assert decision.status == 200, decision
    assert rig.daemon.request("PUT", "/v1/gradings/one/decision", rig.daemon.admin_key, {"decision": {}}).status == 400  # no decision: nothing is told
    until_empty(rig, to)
    told = [post.json for post in receiver.all()]
    assert sorted((t["type"], t["data"]["state"]) for t in told) == [("grading.decided", "ok"), ("grading.proposed", "abstained"), ("grading.proposed", "ok")], told
    of_one = [t for t in told if t["data"]["id"] == found["id"]]
    assert [t["type"] for t in of_one] == ["grading.proposed", "grading.decided"]
    for t in of_one:
        assert t["data"] | {"user_id": USER["id"], "course_id": "course-v1:Org+C+R", "location_id": asked["context"]["location_id"]} == t["data"]
        assert not {"usage", "content", "profile", "points_earned"} & set(t["data"])
    assert all(TEXT_OF_SUBMISSION[:20] not in post.body.decode() for post in receiver.all())
    model.shutdown()


def test_slow_receiver_keeps_neither_callers_nor_others_waiting(rig):
    gate = threading.Event()
    slow = rig.receiver(lambda post: gate.wait(60) and 204 or 204)
    fast = rig.receiver()
    waits, told = rig.tell(slow.url), rig.tell(fast.url)
    calls = [rig.summarise() for _ in range(5)]
    until_empty(rig, told)
    assert len(fast.all()) == 5 and rig.state(waits)["waiting"] == 5
    gate.set()
    until_empty(rig, waits)
    assert list(dict.fromkeys(post.json["data"]["id"] for post in slow.all())) == calls


def test_what_is_refused_for_good_is_given_up_and_the_rest_goes_on(rig):
    refused = []
    receiver = rig.receiver(lambda post: 422 if post.json["data"]["id"] in refused else 204)
    made = rig.tell(receiver.url, enabled=False)
    rig.daemon.request("PATCH", f"/v1/event-destinations/{made['id']}", rig.daemon.admin_key, {"url": "http://127.0.0.1:9/", "enabled": True})
    calls = [rig.summarise() for _ in range(4)]
    refused.append(calls[1])
    rig.daemon.request("PATCH", f"/v1/event-destinations/{made['id']}", rig.daemon.admin_key, {"url": receiver.url})
    until_empty(rig, made)
    assert [post.json["data"]["id"] for post in receiver.all()] == [calls[0], calls[2], calls[3]]
    dead = rig.dead("?destination=" + made["name"])
    assert [(d["data"]["id"], d["reason"], d["attempts"]) for d in dead] == [(calls[1], "the receiver answered 422", 1)]
    refused.clear()
    assert json.loads(rig.daemon.cli("--json", "events", "retry", str(dead[0]["id"])))["events"] == "1"
    wait_until(lambda: len(receiver.all()) == 4, what="the one that was tried again")
    assert receiver.all()[3].headers["webhook-id"] == dead[0]["event_id"] and rig.dead() == []


def test_receiver_that_wants_to_be_left_alone_is(tmp_path):
    """Retry-After counts, at this pace a tenth of it."""
    rig, first = Rig(tmp_path, pace="10"), []
    receiver = rig.receiver(lambda post: 204 if first else first.append(post) or (429, {"Retry-After": "30"}))
    made = rig.tell(receiver.url)
    rig.summarise()
    until_empty(rig, made)
    one, two = receiver.all("posts")
    assert two.at - one.at > 2.5 and one.headers["webhook-id"] == two.headers["webhook-id"] and rig.dead() == []
    rig.end()


def test_answers_that_blame_nobody_end_after_many_attempts(rig):
    receiver = rig.receiver(lambda post: 404)
    made = rig.tell(receiver.url)
    rig.summarise()
    wait_until(lambda: len(rig.dead()) == 1, timeout=120, what="the end of patience")
    assert len(receiver.all("posts")) == 25 and rig.state(made)["waiting"] == 0


def test_too_old_is_given_up(tmp_path):
    rig = Rig(tmp_path, pace="100000")  # three days are two and a half seconds
    made = rig.tell("http://127.0.0.1:9/")
    rig.summarise()
    wait_until(lambda: [d["reason"] for d in rig.dead()] == ["it was too old"], what="the end of its time")
    assert rig.state(made)["waiting"] == 0
    rig.end()


# ---- crashes ----

def test_killed_daemon_tells_each_call_at_least_once_in_order_and_nothing_else(rig):
    """Under load, several times: what the register has ended is told, and what is told is in the register."""
    import signal
    receiver = rig.receiver()
    made = rig.tell(receiver.url, events=["call.completed", "call.failed"])
    for _ in range(4):
        stop = threading.Event()

        def load():
            while not stop.is_set():
                with contextlib.suppress(Exception):
                    rig.daemon.request("POST", "/v1/actions/summarise_text", rig.daemon.service_key, {**TEXT, "user": {"id": f"u{threading.get_ident() % 5}", "roles": ["student"]}}, timeout=5)

        threads = [threading.Thread(target=load) for _ in range(4)]
        [t.start() for t in threads]
        seen = len(receiver.all())
        wait_until(lambda: len(receiver.all()) > seen + 20, what="deliveries under way")
        rig.daemon.stop(signal.SIGKILL)
        stop.set(), [t.join() for t in threads]
        rig.again()
    until_empty(rig, made)
    ended = {str(uuid.UUID(bytes=row[0])): row[1] for row in rig.rows("SELECT call_id, state FROM ai_call_end WHERE state <> 'refused'")}
    first = {}
    for post in receiver.all():
        first.setdefault(post.json["data"]["id"], post.json["data"]["state"])
    assert first == ended and rig.dead() == []
    print(f"{len(ended)} calls, {len(receiver.all()) - len(first)} told again, {sum(s == 'interrupted' for s in ended.values())} interrupted")


def test_two_daemons_over_one_database_do_not_deliver_the_same_at_once(rig, tmp_path):
    receiver = rig.receiver(lambda post: time.sleep(0.02) or 204)
    made = rig.tell(receiver.url)
    (tmp_path / "second").mkdir()
    second = Daemon(tmp_path / "second", "--database", url_of(rig.folder / "data"), "--master-key-file", rig.folder / "data/master.key", "--events-pace", PACE, demo=False)
    calls = [rig.summarise() for _ in range(60)]
    until_empty(rig, made)
    assert second.stop() == 0
    assert [post.json["data"]["id"] for post in receiver.all()] == calls


# ---- sites and users ----

def test_sites_are_told_of_their_own_alone(rig):
    rig.daemon.cli("site", "add", "b")
    rig.daemon.cli("site", "set", "b", "policy_by_lms=true")
    key = json.loads(rig.daemon.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    rig.daemon.cli("provider", "add", "extract", "--site", "b", "--plugin", "extract")
    of_a, of_b = rig.receiver(), rig.receiver()
    rig.tell(of_a.url)
    rig.daemon.cli("event-destination", "add", "mine", "webhook", of_b.url, "events=call.completed,policy.accepted", "--site", "b")
    rig.daemon.wait_for_config()
    a = rig.summarise()
    answer = rig.daemon.request("POST", "/v1/actions/summarise_text", key, {**TEXT, "user": USER})
    assert answer.status == 200, answer
    wait_until(lambda: of_a.all() and of_b.all())
    assert [post.json["data"]["id"] for post in of_a.all()] == [a] and [post.json["data"]["id"] for post in of_b.all()] == [answer.json["id"]]
    assert of_a.all()[0].json["data"]["actor"] != of_b.all()[0].json["data"]["actor"], "one id at two sites is two people"
    assert rig.daemon.request("GET", "/v1/event-destinations", key).json["destinations"][0]["name"] == "mine"


def test_erased_user_is_not_told_of_any_more(rig):
    made = rig.tell("http://127.0.0.1:9/")
    rig.summarise(), rig.summarise({"id": "other", "roles": ["student"]})
    assert rig.rows("SELECT COUNT(*) FROM event_outbox") == [(2,)]
    export = rig.daemon.request("POST", "/v1/privacy/export", rig.daemon.admin_key, {"user_id": USER["id"]}).body.decode()
    assert "event_outbox" in export and "event_actor" in export
    job = rig.daemon.request("POST", "/v1/privacy/erase", rig.daemon.admin_key, {"user_id": USER["id"]}).json["id"]
    wait_until(lambda: rig.daemon.request("GET", f"/v1/privacy/jobs/{job}", rig.daemon.admin_key).json["state"] == "done", what="the erasure")
    assert rig.rows("SELECT user_id FROM event_outbox") == [("other",)] == rig.rows("SELECT user_id FROM event_actor")
    assert rig.state(made)["waiting"] == 1

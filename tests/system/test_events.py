"""Events: what other systems are told, in the unit of the record it tells of, at least once, in order, and by nobody's waiting."""
import contextlib
import json
import sqlite3
import threading
import time
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from openai_packages import install_python
from receiver import Receiver

USER = {"id": "learner-7", "roles": ["student"]}
TEXT = {"input": {"text": "Plants make sugar from light. Leaves are green. Roots drink water."}}
PACE = "100"  # pauses between attempts are a hundredth of what they are


class Rig:
    """A daemon that asks nobody for consent, and receivers that end with the test."""

    def __init__(self, folder, pace=PACE):
        self.folder, self.pace, self.receivers = folder, pace, []
        self.daemon = Daemon(folder / "data", "--events-pace", pace)
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
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / 'data/lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
            return database.execute(sql, values).fetchall()

    def dead(self, query=""):
        return self.daemon.request("GET", f"/v1/events/dead{query}", self.daemon.admin_key).json["events"]

    def again(self):
        """The daemon is started anew on what the one before has left."""
        self.daemon = Daemon(self.folder / "data", "--events-pace", self.pace)

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

"""Redis Streams: requests as Open edX's own producer writes them, and events that its own consumer reads. Against Debian's redis-server."""
import json
import pathlib
import shutil
import socket
import subprocess
import time
import uuid

import pytest
from conftest import wait_until
from openai_packages import install_python
from test_events import Rig
from test_tls_upstream import authority, certificate  # noqa: F401

HERE = pathlib.Path(__file__).resolve().parent / "openedx_bus"
COURSE, SLOT = "course-v1:Org+Bus+R", "org.openedx.frontend.slot.v1"
TOPIC, GROUP, PASSWORD = "stage-ai-orchestration-requests", "ai-extensions-orchestrator", "a password of the bus"


class Redis:
    """`tls`: certificate, key and authority; then it speaks nothing else."""

    def __init__(self, folder, tls=None):
        self.folder, self.tls = folder, tls
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        cert, key, authority = self.tls or (None, None, None)
        ports = ["--port", "0", "--tls-port", str(self.port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority, "--tls-auth-clients", "no"]
        self.process = subprocess.Popen(["redis-server", *(ports if self.tls else ["--port", str(self.port)]), "--bind", "127.0.0.1", "--dir", self.folder, "--requirepass", PASSWORD, "--appendonly", "yes",
                                         "--appendfsync", "always", "--save", ""], stdout=subprocess.DEVNULL)
        wait_until(lambda: self.ask("PING") == "PONG", what="redis-server")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def ask(self, *words):
        tls = ["--tls", "--cacert", self.tls[2]] if self.tls else []
        done = subprocess.run(["redis-cli", "-p", str(self.port), *tls, "-a", PASSWORD, "--no-auth-warning", *words], capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def pending(self):
        return int(self.ask("XPENDING", TOPIC, GROUP).splitlines()[0] or 0)


@pytest.fixture(scope="module")
def openedx(tmp_path_factory):
    return install_python(tmp_path_factory.mktemp("venv") / "venv", "edx-event-bus-redis", "openedx-events", "fastavro", "django<6")


@pytest.fixture
def rig(tmp_path):
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    (tmp_path / "redis").mkdir()
    rig = Rig(tmp_path)
    rig.redis = Redis(tmp_path / "redis")
    yield rig
    rig.end()
    rig.redis.stop()


def url(rig):
    return f"redis://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{rig.redis.port}/0"


def produce(rig, python, *cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([python, "-B", "produce.py", url(rig), "stage"], cwd=HERE, input=lines, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split(), done.stderr


def set_up(rig, **config):
    for slug in ("bus",):
        rig.daemon.request("POST", "/v1/profiles", rig.daemon.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": {"orchestrator_class": "MockResponse"}})
    answer = rig.daemon.request("POST", "/v1/scopes", rig.daemon.admin_key, {"profile_id": "bus", "course_id": COURSE, "ui_slot_selector_id": SLOT})
    assert answer.status == 201, answer
    made = rig.tell(f"redis://127.0.0.1:{rig.redis.port}", "redis", config={"password": PASSWORD, "topic_prefix": "stage", "consume": True, **config})
    wait_until(lambda: GROUP in rig.redis.ask("XINFO", "GROUPS", TOPIC), what="the consumer's group")
    return made


def request(**more):
    return {"user_id": 42, "course_id": COURSE, "location_id": "block-v1:Org+Bus+R+type@html+block@a", "ui_slot_selector_id": SLOT, "user_input": {"text": "Why – is it so?"}, **more}


def tasks(rig):
    return rig.daemon.request("GET", "/v1/tasks?limit=1000", rig.daemon.admin_key).json["tasks"]


def test_request_of_the_real_producer_runs_once_and_its_consumer_is_told(rig, openedx):
    made = set_up(rig)
    one = str(uuid.uuid4())
    ids, said = produce(rig, openedx, {"form": "map", "id": one, "data": request()}, {"form": "text", "data": request(user_input=json.dumps({"n": [1, 2]}), user_id=-7)},
                        {"form": "map", "id": one, "data": request()})
    wait_until(lambda: len(tasks(rig)) == 2 and all(t["state"] == "completed" for t in tasks(rig)), what="two tasks")
    wait_until(lambda: rig.redis.pending() == 0, what="all to be acknowledged")
    assert {(t["user_id"], t["action"], t["course_id"], t["profile"]) for t in tasks(rig)} == {("42", "run", COURSE, "bus"), ("-7", "run", COURSE, "bus")}
    wait_until(lambda: rig.state(made)["waiting"] == 0 and rig.state(made)["delivered"] == 2, what="what is told of them")
    done = subprocess.run([openedx, "-B", "consume.py", url(rig), "stage", "2"], cwd=HERE, capture_output=True, text=True, timeout=120)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 2, done.stderr[-3000:]
    assert {t["type"] for t in told} == {"org.lectern.workflow.completed.v1"} and {t["user_id"] for t in told} == {"42", "-7"}
    assert all(t["course_id"] == COURSE and t["profile"] == "bus" and t["state"] == "completed" and t["site"] == "demo" and t["cost"] is None and (t["duration_ms"] or 0) >= 0 for t in told)
    assert PASSWORD not in rig.daemon.log()


def test_wrong_password_is_told_without_it(rig):
    made = rig.tell(f"redis://127.0.0.1:{rig.redis.port}", "redis", config={"password": "not the one"})
    answer = rig.daemon.request("POST", f"/v1/event-destinations/{made['id']}/test", rig.daemon.admin_key)
    assert answer.json == {"success": False, "detail": f"destination {made['name']}: Redis does not take the user name and password"}
    assert "not the one" not in rig.daemon.log()


def test_over_tls_only_a_redis_of_a_known_authority_is_spoken_with(tmp_path, authority):  # noqa: F811
    (tmp_path / "redis").mkdir()
    redis = Redis(tmp_path / "redis", (*certificate(authority, "redis", "IP:127.0.0.1"), authority / "ca.pem"))
    rig = Rig(tmp_path, "100", "--tls-ca", str(authority / "ca.pem"))
    rig.redis = redis
    made = rig.tell(f"rediss://127.0.0.1:{redis.port}", "redis", config={"password": PASSWORD, "topic_prefix": "stage", "consume": True}, events=["call.completed"])
    assert rig.daemon.request("POST", f"/v1/event-destinations/{made['id']}/test", rig.daemon.admin_key).json["success"]
    wait_until(lambda: GROUP in redis.ask("XINFO", "GROUPS", TOPIC), what="the consumer's group")
    call = rig.summarise()
    wait_until(lambda: rig.state(made)["delivered"] == 1, what="the event")
    assert redis.ask("XLEN", "stage-lectern-events") == "2" and call in redis.ask("XREVRANGE", "stage-lectern-events", "+", "-", "COUNT", "1")
    plain = rig.tell(f"redis://127.0.0.1:{redis.port}", "redis", config={"password": PASSWORD}, events=["call.failed"])
    assert not rig.daemon.request("POST", f"/v1/event-destinations/{plain['id']}/test", rig.daemon.admin_key).json["success"]
    redis.stop()
    wrong = certificate(authority, "elsewhere", "DNS:other.example")
    redis.tls = (*wrong, authority / "ca.pem")
    redis.process = subprocess.Popen(["redis-server", "--port", "0", "--tls-port", str(redis.port), "--bind", "127.0.0.1", "--dir", redis.folder, "--tls-cert-file", wrong[0],
                                      "--tls-key-file", wrong[1], "--tls-ca-cert-file", authority / "ca.pem", "--tls-auth-clients", "no", "--save", ""], stdout=subprocess.DEVNULL)
    told = wait_until(lambda: (lambda a: a if "certificate" in a["detail"] or "mismatch" in a["detail"] else None)(
        rig.daemon.request("POST", f"/v1/event-destinations/{made['id']}/test", rig.daemon.admin_key).json), what="a word of the certificate")
    assert not told["success"] and PASSWORD not in rig.daemon.log()
    rig.end()
    redis.stop()


def test_the_plugins_own_class_cannot_be_sent(rig, openedx):
    """Why docs/events.md tells producers to annotate user_input: openedx-events has no schema for a bare dict."""
    set_up(rig)
    produce_again = produce(rig, openedx, {"form": "bare", "data": request()})
    assert "without annotation types" in produce_again[1] and rig.redis.ask("XLEN", TOPIC) == "0"


def test_what_cannot_run_is_given_up_with_its_reason_and_may_be_put_back(rig, openedx):
    set_up(rig)
    produce(rig, openedx, {"form": "map", "data": request(ui_slot_selector_id="nowhere")}, {"form": "map", "data": request(action="no_such")}, {"form": "text", "data": request(user_input="[1]")})
    rig.redis.ask("XADD", TOPIC, "*", "type", "org.openedx.ai_extensions.orchestration.requested.v1", "id", "no-uuid", "event_data", "x")
    rig.redis.ask("XADD", TOPIC, "*", "type", "org.openedx.ai_extensions.orchestration.requested.v1", "id", str(uuid.uuid4()), "event_data", "xyz")
    rig.redis.ask("XADD", TOPIC, "*", "type", "org.openedx.some.other.event.v1", "id", "1", "event_data", "x")
    wait_until(lambda: len(rig.dead()) == 5, what="what was given up")
    wait_until(lambda: rig.redis.pending() == 0, what="all to be acknowledged")
    reasons = [event["reason"] for event in reversed(rig.dead())]
    for reason, part in zip(reasons, ("no scope", "no action 'no_such'", "user_input", "id: must be a UUID", "user_id|course_id|the union|event_data")):
        assert any(word in reason for word in part.split("|")), reasons
    assert tasks(rig) == []
    rig.daemon.request("POST", "/v1/scopes", rig.daemon.admin_key, {"profile_id": "bus", "course_id": COURSE, "ui_slot_selector_id": "nowhere"})
    first = rig.dead()[-1]
    assert rig.daemon.request("POST", f"/v1/events/dead/{first['id']}/retry", rig.daemon.admin_key).json == {"events": 1}
    wait_until(lambda: [t["state"] for t in tasks(rig)] == ["completed"], what="the request that was put back")
    assert json.loads(rig.daemon.cli("--json", "events", "drop", "all"))["events"] == "4" and rig.dead() == []


def test_redis_that_goes_and_comes_loses_nothing(rig, openedx):
    set_up(rig)
    rig.redis.stop()
    wait_until(lambda: "events.consume" in rig.daemon.log(), what="the break to be noticed")
    call = rig.daemon.request("POST", "/v1/workflows/run", rig.daemon.admin_key, {"profile": "bus", "action": "run", "user_input": "x"})
    assert call.status == 200
    rig.redis.start()
    ids, _ = produce(rig, openedx, *({"form": "map", "data": request(user_id=n)} for n in range(20)))
    wait_until(lambda: len(tasks(rig)) == 20 and all(t["state"] == "completed" for t in tasks(rig)), what="twenty tasks")
    wait_until(lambda: rig.redis.ask("XLEN", "stage-lectern-events") == "21", what="all to be told")


def test_killed_consumer_runs_each_request_once(rig, openedx):
    import signal
    set_up(rig)
    ids, _ = produce(rig, openedx, *({"form": "map", "data": request(user_id=n)} for n in range(60)))
    for _ in range(3):
        seen = len(tasks(rig))
        rig.daemon.stop(signal.SIGKILL)
        rig.again()
        wait_until(lambda: len(tasks(rig)) >= min(60, seen + 5), what="some more")
    wait_until(lambda: len(tasks(rig)) == 60 and all(t["state"] == "completed" for t in tasks(rig)), timeout=120, what="sixty tasks")
    assert sorted(int(t["user_id"]) for t in tasks(rig)) == list(range(60))

"""Several processes on one PostgreSQL database: who is gone, who takes over what it left, and what one process does for a call of another."""
import contextlib
import http.client
import json
import signal
import subprocess
import threading
import time
import uuid

import pytest

import database
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect

pytestmark = pytest.mark.skipif(not database.SERVER, reason="several processes share a PostgreSQL database: LECTERN_TEST_POSTGRES is not set")

DEAD_S = 15  # a process that was not seen for so long is dead (docs/scale-out.md)


ADVERTISE = ["--advertise", "http://127.0.0.1:0"]


class Cluster:
    """Daemons with data directories of their own on the database and the master key of the first."""

    def __init__(self, folder, n=2, *options):
        self.folder, self.options = folder, options
        self.all = [Daemon(folder / "p0", *ADVERTISE, *options)]
        self.keys = self.all[0].keys
        self.all += [self.start(i) for i in range(1, n)]

    def start(self, i, *options):
        d = Daemon(self.folder / f"p{i}", "--database", database.url_of(self.folder / "p0"), "--master-key-file", self.folder / "p0" / "master.key",
                   *(options or ADVERTISE), *self.options, demo=False)
        d.keys = self.keys
        return d

    def rows(self, sql, *values):
        with contextlib.closing(connect(self.folder / "p0" / "lectern.db")) as db:
            return db.execute(sql, values).fetchall()

    def settled(self):
        """All have read the newest configuration."""
        newest = self.rows("SELECT value FROM meta WHERE name = 'generation'")[0][0]
        for d in self.all:
            wait_until(lambda: d.figure("lectern_config_generation") >= newest, what="the new configuration")

    def processes(self):
        return json.loads(self.all[-1].cli("--json", "process", "list", "--database", database.url_of(self.folder / "p0")))["processes"]


@pytest.fixture()
def pair(tmp_path, upstream):
    cluster = Cluster(tmp_path)
    cluster.all[0].cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 60000, "tasks_queued_per_user": 20000}))
    add_vendor(cluster.all[0], upstream)
    cluster.settled()
    yield cluster
    for d in cluster.all:
        if d.process.poll() is None:
            d.process.send_signal(signal.SIGCONT)
        check_end(d)


class Asking(threading.Thread):
    """A streamed call and what its client is shown."""

    def __init__(self, daemon, user="u1"):
        super().__init__(daemon=True)
        self.daemon_, self.events, self.broken = daemon, [], False
        body = {"user": {"id": user, "roles": ["teacher"]}, "input": {"prompt": "hello"}, "stream": True}
        self.connection, self.response = daemon.open("POST", "/v1/actions/generate_text", daemon.service_key, body)
        assert self.response.status == 200, self.response.read()
        self.start()
        wait_until(lambda: self.text(), what="the first words")
        self.id = self.events[0][1]["id"]

    def run(self):
        kind = None
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    self.events.append((kind, json.loads(line[6:])))
        except (OSError, http.client.HTTPException, ValueError):
            self.broken = True

    def text(self):
        return "".join(data["text"] for kind, data in self.events if kind == "delta")

    def ended(self):
        return [data for kind, data in self.events if kind in ("done", "error")]


def call(daemon, call_id):
    answer = daemon.request("GET", f"/v1/actions/calls/{call_id}", daemon.admin_key)
    return answer.json


def verified(cluster):
    """All is chained, and the chain finds nothing."""
    wait_until(lambda: cluster.rows("SELECT COUNT(*) FROM register_pending") == [(0,)], what="the sealer")
    for d in cluster.all:
        if (d.data / "register.head").exists():
            told = d.cli("register", "verify", "--database", database.url_of(cluster.folder / "p0"), "--master-key-file", cluster.folder / "p0" / "master.key", check=False)
            assert told.returncode == 0, told.stdout + told.stderr


def ends(cluster, call_id):
    return cluster.rows("SELECT state FROM ai_call_end WHERE call_id = ?", bytes.fromhex(call_id.replace("-", "")))


def test_each_process_is_listed_and_leaves_the_list_when_it_ends(pair):
    a, b = pair.all
    assert sorted(p["pid"] for p in pair.processes() if p["state"] == "alive") == sorted([a.process.pid, b.process.pid])
    assert b.figure("lectern_processes") == 2
    assert a.stop() == 0
    assert [p["pid"] for p in pair.processes()] == [b.process.pid]


def test_a_process_that_starts_leaves_alone_what_others_run(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    running = Asking(a)
    c = pair.start(2)
    pair.all.append(c)
    before = len(running.text())
    wait_until(lambda: len(running.text()) > before, what="more text")
    assert call(c, running.id)["state"] == "running" and ends(pair, running.id) == []
    assert a.request("DELETE", f"/v1/actions/calls/{running.id}", a.admin_key).json["cancelled"]
    wait_until(lambda: ends(pair, running.id) == [("cancelled",)], what="the end")


def test_what_a_killed_process_ran_is_recovered_by_another_and_nothing_else(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    lost, kept = Asking(a, "lost"), Asking(b, "kept")
    shown = wait_until(lambda: len(lost.text()) > 200 and lost.text(), what="some text")
    wait_until(lambda: pair.rows("SELECT 1 FROM ai_call_checkpoint WHERE call_id = ?", bytes.fromhex(lost.id.replace("-", ""))), what="a checkpoint")
    a.stop(signal.SIGKILL)
    assert ends(pair, lost.id) == []
    wait_until(lambda: ends(pair, lost.id) == [("interrupted",)], timeout=6 * DEAD_S, what="the recovery")
    told = call(b, lost.id)
    assert told["state"] == "interrupted" and shown.startswith(told["partial"][:100]) and len(told["partial"]) > 0, told
    assert call(b, kept.id)["state"] == "running" and not kept.ended()
    dead = [p for p in pair.processes() if p["pid"] == a.process.pid]
    assert [p["state"] for p in dead] == ["dead"]
    b.request("DELETE", f"/v1/actions/calls/{kept.id}", b.admin_key)


def test_a_process_that_starts_again_recovers_its_own_at_once(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    lost, kept = Asking(a, "lost"), Asking(b, "kept")
    a.stop(signal.SIGKILL)
    pair.all[0] = pair.start(0)
    assert ends(pair, lost.id) == [("interrupted",)]  # before it listened
    assert ends(pair, kept.id) == []
    b.request("DELETE", f"/v1/actions/calls/{kept.id}", b.admin_key)


def test_a_paused_process_that_was_declared_dead_ends_nothing_twice_and_joins_anew(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    lost = Asking(a, "lost")
    old = next(p["id"] for p in pair.processes() if p["pid"] == a.process.pid)
    a.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: ends(pair, lost.id) == [("interrupted",)], timeout=6 * DEAD_S, what="the recovery")
    a.process.send_signal(signal.SIGCONT)
    lost.join(60)
    assert not lost.is_alive() and [e["code"] for e in lost.ended()] == ["interrupted"], lost.events[-1]
    assert ends(pair, lost.id) == [("interrupted",)]
    verified(pair)  # what it wrote when it woke did not change what others had ended and sealed
    now = wait_until(lambda: [p for p in pair.processes() if p["pid"] == a.process.pid and p["state"] == "alive"], what="the new row")
    assert [p["id"] for p in now] != [old] and "process.declared_dead" in a.log()
    upstream.default = "echo"
    again = a.request("POST", "/v1/actions/generate_text", a.service_key, {"user": {"id": "u", "roles": ["teacher"]}, "input": {"prompt": "hello"}})
    assert again.status == 200 and again.json["success"], again


@pytest.mark.parametrize("comes_back", [True, False], ids=["starts again", "stays away"])
def test_what_was_begun_under_a_number_that_was_dead_ends_with_the_process(pair, upstream, comes_back):
    """Between its death and its noticing a process may begin a call. Killed soon after it noticed, it can end that no more."""
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    old = next(p["id"] for p in pair.processes() if p["pid"] == a.process.pid)
    a.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: [p for p in pair.processes() if p["id"] == old and p["state"] == "dead"], timeout=6 * DEAD_S, what="its death")
    wait_until(lambda: pair.rows("SELECT 1 FROM process WHERE id = ? AND recovered_at > 0", old), what="the recovery")
    a.process.send_signal(signal.SIGCONT)
    wait_until(lambda: [p for p in pair.processes() if p["pid"] == a.process.pid and p["state"] == "alive"], what="the new row")
    late, kept = Asking(a, "late"), Asking(b, "kept")
    with contextlib.closing(connect(pair.folder / "p0" / "lectern.db")) as db:
        db.execute("UPDATE ai_call SET process = ? WHERE id = ?", (old, bytes.fromhex(late.id.replace("-", ""))))
        db.commit()
    a.stop(signal.SIGKILL)
    if comes_back:
        pair.all[0] = pair.start(0)
        assert ends(pair, late.id) == [("interrupted",)]  # before it listened
    else:
        wait_until(lambda: ends(pair, late.id) == [("interrupted",)], timeout=6 * DEAD_S, what="the recovery")
    assert ends(pair, kept.id) == []
    assert old not in [p["id"] for p in pair.processes()]
    b.request("DELETE", f"/v1/actions/calls/{kept.id}", b.admin_key)


def test_a_call_is_cancelled_at_another_process(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    running = Asking(a)
    answer = b.request("DELETE", f"/v1/actions/calls/{running.id}", b.admin_key)
    assert answer.json == {"id": running.id, "cancelled": True, "state": "cancelling"}
    wait_until(lambda: ends(pair, running.id) == [("cancelled",)], what="the end")
    stranger = b.request("DELETE", f"/v1/actions/calls/{running.id}?user_id=somebody", b.service_key)
    assert stranger.status == 404


def test_a_start_with_another_master_key_is_refused(pair, tmp_path):
    (tmp_path / "other.key").write_text("ab" * 32 + "\n")
    (tmp_path / "other.key").chmod(0o600)
    from conftest import LECTERN

    done = subprocess.run([LECTERN, "serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "p9", "--database", database.url_of(tmp_path / "p0"),
                           "--master-key-file", tmp_path / "other.key"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "master key" in done.stderr and "ab" * 8 not in done.stderr, done


# ---- streams ----

def again(daemon, call_id, key, after=0):
    """Comes back to a stream: (id, kind, data) of each event."""
    events = daemon.stream("GET", f"/v1/actions/calls/{call_id}/stream?user_id=u1", key, headers={"Last-Event-ID": str(after)})
    return [(e.id, e.kind, e.data) for e in events]


def test_a_stream_goes_on_at_another_process_with_the_same_ids_and_words(pair, upstream):
    upstream.default = "chunks?n=60&delay_ms=50"
    a, b = pair.all
    running = Asking(a)
    elsewhere = again(b, running.id, b.service_key)
    running.join(60)
    here = again(a, running.id, a.service_key)
    assert elsewhere == here and [kind for _, kind, _ in here][-1] == "done"
    assert "".join(data["text"] for _, kind, data in elsewhere if kind == "delta") == running.text()
    assert [number for number, _, _ in elsewhere] == list(range(1, len(elsewhere) + 1))
    rest = again(b, running.id, b.service_key, after=len(here) - 1)
    assert [number for number, _, _ in rest] == [len(here)]


def test_who_comes_back_elsewhere_when_the_owner_was_killed_gets_what_was_checkpointed(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    lost = Asking(a)
    found = []
    follower = threading.Thread(target=lambda: found.extend(again(b, lost.id, b.service_key)), daemon=True)
    follower.start()
    wait_until(lambda: pair.rows("SELECT 1 FROM ai_call_checkpoint WHERE call_id = ?", bytes.fromhex(lost.id.replace("-", ""))), what="a checkpoint")
    a.stop(signal.SIGKILL)
    fresh = again(b, lost.id, b.service_key)
    follower.join(120)
    partial = call(b, lost.id)["partial"]
    assert [kind for _, kind, _ in fresh] == ["start", "delta", "error"] and fresh[1][2]["text"] == partial and fresh[2][2]["code"] == "interrupted"
    numbers = [number for number, _, _ in found]
    assert numbers == list(range(1, len(found) + 1)) and found[-1][1] == "error" and found[-1][2]["code"] == "interrupted"
    text = "".join(data["text"] for _, kind, data in found if kind == "delta")
    assert len(text) > 0 and (lost.text().startswith(text) or text.startswith(lost.text()))


def test_an_owner_without_an_address_is_waited_for(pair, upstream):
    upstream.default = "chunks?n=40&delay_ms=50"
    a, b = pair.all
    silent = pair.start(2, "--advertise", "http://127.0.0.1:1")
    pair.all.append(silent)
    running = Asking(silent)
    events = again(b, running.id, b.service_key)
    running.join(60)
    assert [kind for _, kind, _ in events] == ["start", "done"] and events[-1][2]["response"] == running.ended()[0]["response"]


def test_the_request_between_processes_opens_one_stream_and_no_other(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    running = Asking(a)
    for token in ("", "x", "00000000 1 1 - " + "0" * 64, f"00000000 {10 ** 13} 1 7531 {'0' * 64}"):
        for path in (f"/v1/actions/calls/{running.id}/stream", "/v1/register"):
            answer = a.request("GET", path, a.admin_key, headers={"Lectern-Peer": token})
            assert answer.status == 401, (token, path, answer)
    assert b.request("GET", f"/v1/actions/calls/{running.id}/stream?user_id=other", b.service_key).status == 404
    b.request("DELETE", f"/v1/actions/calls/{running.id}", b.admin_key)


# ---- what one process does at a time ----

def test_an_erasure_is_done_once_and_ends_what_runs_at_other_processes(pair, upstream):
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    running, here, other = Asking(a, "ann"), Asking(b, "ann"), Asking(a, "bob")
    asked = b.request("POST", "/v1/privacy/erase", b.service_key, {"user_id": "ann"})
    assert asked.status in (200, 202), asked
    wait_until(lambda: a.request("GET", f"/v1/privacy/jobs/{asked.json['id']}", a.admin_key).json["state"] == "done", what="the erasure")
    for call_id in (running.id, here.id):
        assert ends(pair, call_id) == [("cancelled",)]
    assert pair.rows("SELECT COUNT(*) FROM ai_call WHERE user_id = 'ann'") == [(0,)]
    assert ends(pair, other.id) == [] and not other.ended()
    assert [d.log().count("privacy.erased") for d in pair.all].count(1) == 1 and sum(d.log().count("privacy.erased") for d in pair.all) == 1
    assert pair.rows("SELECT COUNT(*) FROM lease WHERE name = 'erasures'") == [(1,)]
    a.request("DELETE", f"/v1/actions/calls/{other.id}", a.admin_key)
    verified(pair)


def test_a_process_that_starts_leaves_exports_of_others_alone(pair):
    with contextlib.closing(connect(pair.folder / "p0" / "lectern.db")) as db:
        for kind, age in (("now", 0), ("long ago", 25 * 3600)):
            db.execute("INSERT INTO privacy_job (uuid, site_id, kind, user_id, user_hash, pseudonym, asked_by, state, created_at)"
                       " VALUES (?, 1, 'export', '', ?, '', '', 'running', ?)", (str(uuid.uuid4()), kind, int((time.time() - age) * 1000)))
        db.commit()
    pair.all.append(pair.start(2))
    states = wait_until(lambda: (rows := dict(pair.rows("SELECT user_hash, state FROM privacy_job"))).get("long ago") == "failed" and rows, what="the end of what is old")
    assert states == {"now": "running", "long ago": "failed"}


# ---- keys of idempotency, sessions ----

def test_one_key_at_two_processes_at_the_same_time_is_one_call_with_one_answer(pair, upstream):
    upstream.default = "chunks?n=10&delay_ms=50"
    body = {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": "hello"}}
    for n in range(5):
        told, refused = [], []

        def ask(daemon, key={"Idempotency-Key": f"key-{n}"}):
            for _ in range(600):
                answer = daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, body, headers=key)
                if answer.status != 409:
                    told.append(answer)
                    return
                refused.append((answer.json["code"], "Retry-After" in answer.headers))

        threads = [threading.Thread(target=ask, args=(daemon,)) for daemon in pair.all for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        assert [a.status for a in told] == [200] * 4 and len({json.dumps(a.json, sort_keys=True) for a in told}) == 1, told
        assert [a.headers.get("Idempotent-Replayed") for a in told].count(None) == 1 and set(refused) <= {("idempotency_key_in_use", True)}, refused
    assert len(upstream.requests()) == 5
    assert pair.rows("SELECT COUNT(*) FROM ai_call") == [(5,)]
    other = pair.all[1].request("POST", "/v1/actions/generate_text", pair.all[1].service_key, {**body, "input": {"prompt": "else"}}, headers={"Idempotency-Key": "key-0"})
    assert (other.status, other.json["code"]) == (409, "idempotency_key_reused")


def test_a_session_that_began_at_one_process_goes_on_at_the_other(pair, upstream):
    pair.all[0].cli("site", "set", "demo", "max_context_messages=40")
    profile(pair, {"orchestrator_class": "ThreadedLLMResponse"})
    upstream.default = "echo"

    def turn(daemon, text):
        body = {"context": {"course_id": "course-v1:Org+Course+Run", "ui_slot_selector_id": "t"}, "action": "run", "user": {"id": "u1", "roles": ["student"]}, "user_input": text}
        answer = daemon.request("POST", "/v1/workflows/run", daemon.service_key, body)
        assert answer.status == 200, answer

    for i in range(6):
        turn(pair.all[i % 2], f"turn {i}")
    sent = [m["content"] for m in upstream.requests()[-1]["body"]["messages"] if m["role"] == "user"]
    assert sent == [f"turn {i}" for i in range(6)]
    assert pair.rows("SELECT COUNT(*) FROM workflow_session") == [(1,)]


# ---- tasks ----

def profile(cluster, more=None):
    d = cluster.all[0]
    patch = {"processor_config": {"LLMProcessor": {"prompt": "Be brief.", "stream": True}}, **(more or {})}
    assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": "t", "base_filepath": "base/blank.json5", "content_patch": patch}).status == 201
    assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": "t", "ui_slot_selector_id": "t"}).status == 201
    cluster.settled()


def task(daemon, user="u1"):
    body = {"context": {"course_id": "course-v1:Org+Course+Run", "ui_slot_selector_id": "t"}, "user": {"id": user, "roles": ["student"]}, "user_input": "Why?", "async": True}
    answer = daemon.request("POST", "/v1/workflows/run", daemon.service_key, body)
    assert answer.status == 202, answer
    return answer.json["task_id"]


def test_tasks_of_a_killed_process_are_taken_over_and_end_once(pair, upstream):
    profile(pair)
    upstream.default = "chunks?n=80&delay_ms=50"
    a, b = pair.all
    for i in range(24):  # more than the 16 that one process runs at once
        task(a, f"u{i}")
    wait_until(lambda: len(pair.rows("SELECT DISTINCT process FROM workflow_task WHERE state = 'running'")) == 2, what="work for both")
    a.stop(signal.SIGKILL)
    wait_until(lambda: pair.rows("SELECT COUNT(*) FROM workflow_task WHERE state = 'completed'") == [(24,)], timeout=120, what="all tasks")
    assert pair.rows("SELECT COUNT(*), COUNT(DISTINCT task_id) FROM workflow_task_result") == [(24, 24)]
    assert [p["state"] for p in pair.processes() if p["pid"] == a.process.pid] == ["dead"]


def test_a_task_is_cancelled_at_another_process(pair, upstream):
    profile(pair)
    upstream.default = "endless?delay_ms=50"
    a, b = pair.all
    made = task(a)
    owner = wait_until(lambda: pair.rows("SELECT p.pid FROM workflow_task t JOIN process p ON p.id = t.process WHERE t.state = 'running'"), what="the claim")[0][0]
    other = b if owner == a.process.pid else a
    seen = other.request("GET", f"/v1/tasks/{made}?user_id=u1", other.service_key)
    assert seen.status == 200 and seen.json["state"] == "running", seen
    other.request("DELETE", f"/v1/tasks/{made}?user_id=u1", other.service_key)
    wait_until(lambda: pair.rows("SELECT state FROM workflow_task") == [("cancelled",)], what="the end")


def test_a_site_with_ten_thousand_tasks_holds_up_none_with_three(pair, upstream):
    profile(pair)
    upstream.default = "chunks?n=2&delay_ms=20"
    task(pair.all[0])
    wait_until(lambda: pair.rows("SELECT state FROM workflow_task") == [("completed",)], what="the pattern")
    columns = ("user_id, roles, locale, only_course, is_user, key_id, policy_by_lms, profile_id, profile_slug, scope_id, course_id, location_id,"
               " ui_slot_selector_id, placement, action, request_hash, no_store, not_before, created_at")
    with contextlib.closing(connect(pair.folder / "p0" / "lectern.db")) as db:
        other = db.execute("INSERT INTO site (slug, name, secret, created_at) SELECT 'small', 'Small', secret, created_at FROM site RETURNING id").fetchone()[0]
        for site, n in (("site_id", 10000), (str(other), 3)):
            db.execute(f"INSERT INTO workflow_task (uuid, site_id, idempotency_key, state, {columns}) SELECT gen_random_uuid(), {site}, '', 'queued', {columns}"
                       f" FROM workflow_task, generate_series(1, {n}) WHERE state = 'completed'")
        db.commit()
    wait_until(lambda: pair.rows("SELECT COUNT(*) FROM workflow_task WHERE site_id = ? AND state NOT IN ('queued', 'running')", other) == [(3,)], what="the small site")
    waiting = pair.rows("SELECT COUNT(*) FROM workflow_task WHERE state = 'queued'")[0][0]
    assert waiting > 9000, "the large site was through before"

"""The machine fails the daemon: its disk, its clock, its memory, its name servers. Each fault ends in a clear error or a clean stop, and nothing that was shown is lost."""
import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import threading
import time

import pytest

import faults
from conftest import Daemon, add_vendor, check_end, read_events, run_lectern, sqlite_only, wait_until
from database import connect
from faults import ALLOCATE, DISKS, Faults

pytestmark = sqlite_only("the disk and the memory of the machine that the daemon runs on")
SEED = int(os.environ.get("LECTERN_SEED", time.time_ns() % 2**32))
HOUR = 3600
ALLOCATOR = faults.LIBRARY.exists() and b"__libc_memalign" in faults.LIBRARY.read_bytes()


class School:
    """A daemon over a machine that fails when it is told to, and every answer that somebody was shown."""

    def __init__(self, folder, upstream, vendor=None, **environment):
        self.folder, self.faults, self.environment, self.shown = folder, Faults(folder), environment, set()
        self.start()
        self.daemon.cli("site", "set", "demo", "policy_by_lms=true")
        add_vendor(self.daemon, upstream, **(vendor or {}))
        self.daemon.wait_for_config()

    def start(self):
        self.daemon = Daemon(self.folder / "data", env={**self.faults.environment, **self.environment})

    def ask(self, stream=False, provider=None):
        """An answer; one that says 200 was shown. None: the connection broke."""
        body = {"user": {"id": "pupil", "roles": ["student"]}, "input": {"prompt": "Why is the sky blue?"}, "stream": stream, **({"provider": provider} if provider else {})}
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self.daemon.request("POST", "/v1/actions/generate_text", self.daemon.admin_key, body)
            if answer.status != 200:
                return answer
            if not stream:
                self.shown.add(answer.json["id"])
                return answer
            events = list(read_events(answer.body.splitlines(keepends=True)))
            if events and events[-1].kind == "done":
                self.shown.add(events[-1].data["id"])
            return events
        return None

    def well(self):
        """It answers again, without a new start."""
        wait_until(lambda: getattr(self.ask(), "status", 0) == 200, what="an answer after the fault")

    def ended(self, answers):
        """Has the daemon stopped? Who stops breaks connections a moment before."""
        if None in answers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.daemon.process.wait(2)
        return self.daemon.process.poll() is not None

    def rows(self, sql):
        with contextlib.closing(connect(self.daemon.data / "lectern.db")) as db:
            return db.execute(sql).fetchall()

    def check(self):
        """Everything that was shown is in the register, which is whole, and no call is left open."""
        wait_until(lambda: self.rows("SELECT COUNT(*) FROM ai_call WHERE id NOT IN (SELECT call_id FROM ai_call_end)") == [(0,)], what="the end of every call")
        check_end(self.daemon)
        done = {row[0].hex() for row in self.rows("SELECT call_id FROM ai_call_end WHERE state = 'completed'")}
        assert {i.replace("-", "") for i in self.shown} <= done
        run_lectern("register", "verify", "--data", self.daemon.data)


@pytest.fixture
def school(tmp_path, upstream):
    made = School(tmp_path, upstream)
    yield made
    made.faults.end()


def is_clear(answer):
    """A refusal that says what and why, in the form of all errors."""
    return answer.status == 503 and answer.json["code"] and answer.json["detail"]


@pytest.mark.parametrize("kind", [k for k in DISKS if "reading" not in k])
def test_a_disk_that_cannot_be_written_refuses_calls_and_they_come_back_with_it(school, kind):
    assert school.ask().status == 200
    school.faults.disk(kind)
    refused = [school.ask() for _ in range(4)]
    streams = [school.ask(stream=True) for _ in range(2)]
    given = school.faults.end()
    assert given > 0, "nothing failed"
    assert all(is_clear(a) for a in refused), refused
    assert not any(isinstance(s, list) and s and s[-1].kind == "done" for s in streams), streams
    assert school.daemon.request("GET", "/healthz").status == 200
    school.well()
    school.check()


@pytest.mark.parametrize("kind", DISKS)
def test_faults_that_come_and_go_lose_nothing_that_was_shown(school, kind):
    print(f"seed {SEED}")
    dice = random.Random(f"{SEED}/{kind}")
    answers = []
    for _ in range(8):
        school.faults.disk(kind, every=dice.randint(2, 12))
        threads = [threading.Thread(target=lambda: answers.append(school.ask(stream=dice.random() < 0.5))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    school.faults.end()
    assert all(a is None or isinstance(a, list) or a.status in (200, 503) for a in answers), answers
    school.well()
    school.check()


def test_a_disk_that_cannot_be_read_is_told_and_passes(school):
    assert school.ask().status == 200
    school.faults.disk("broken for reading")
    answer = school.daemon.request("GET", "/v1/register?limit=100", school.daemon.admin_key)
    school.faults.end()
    assert answer.status in (200, 503), answer  # pages in memory need no disk
    assert school.daemon.request("GET", "/v1/register?limit=100", school.daemon.admin_key).status == 200
    school.well()
    school.check()


@pytest.mark.parametrize("hours", [3, -3, 24 * 400, -24 * 400])
def test_calls_go_on_when_the_clock_jumps(school, hours):
    assert school.ask().status == 200
    school.faults.clock(hours * HOUR)
    assert [school.ask().status for _ in range(3)] == [200] * 3
    assert school.ask(stream=True)[-1].kind == "done"
    school.faults.clock(0)
    assert school.ask().status == 200
    school.check()


def test_a_corrupt_page_is_told_and_nothing_crashes(tmp_path, upstream):
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    school = School(tmp_path, upstream)
    for _ in range(20):
        school.ask()
    check_end(school.daemon)
    path = school.daemon.data / "lectern.db"
    whole = path.read_bytes()
    ends = set()
    for _ in range(6):
        page = dice.randrange(1, len(whole) // 4096)
        spoilt = bytearray(whole)
        spoilt[page * 4096:(page + 1) * 4096] = dice.randbytes(4096)
        path.write_bytes(spoilt)
        try:
            school.start()
        except AssertionError:
            log = (tmp_path / "data.log").read_text().splitlines()[-1]
            assert "malformed" in log or "corrupt" in log or "not a database" in log, log
            ends.add("refused to start")
            continue
        answers = [school.ask(), school.daemon.request("GET", "/v1/register?limit=100", school.daemon.admin_key)]
        assert all(a.status == 200 or is_clear(a) or a.status == 500 for a in answers), answers
        ends.add("answered")
        assert school.daemon.process.poll() is None
        check_end(school.daemon)
    print(f"with corrupt pages it {ends}")


def test_name_servers_that_never_answer_end_the_attempt_and_the_next_provider_is_asked(tmp_path, upstream):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        (tmp_path / "resolv.conf").write_text(f"nameserver 127.0.0.1:{silent.getsockname()[1]}\n")
        school = School(tmp_path, upstream, LECTERN_FAULTS_RESOLV=str(tmp_path / "resolv.conf"))
        school.daemon.cli("provider", "add", "far", "--plugin", "openai", "--site", "demo", "--config",
                          json.dumps({"endpoint": "https://vendor.example/v1", "model": "m", "api_key": "k-123", "first_byte_ms": 1000, "total_ms": 5000, "retries": 0}))
        school.daemon.wait_for_config()
        far = next(p for p in school.daemon.request("GET", "/v1/providers", school.daemon.admin_key).json["providers"] if p["name"] == "far")
        rest = [p["id"] for p in school.daemon.request("GET", "/v1/providers", school.daemon.admin_key).json["providers"] if p["name"] != "far"]
        assert school.daemon.request("PUT", "/v1/providers/order", school.daemon.admin_key, {"ids": [far["id"], *rest]}).status == 200
        answer = school.ask()
        assert answer.status == 200, answer
        silent.settimeout(60)
        assert b"vendor" in silent.recv(512)  # it was asked, and did not answer
        shown = school.daemon.request("GET", f"/v1/register/{answer.json['id']}", school.daemon.admin_key).json
        assert [(a["provider"], a["code"]) for a in shown["attempts"]][0] == ("far", "upstream_timeout"), shown["attempts"]
        school.check()


@pytest.mark.skipif(not ALLOCATOR, reason="a sanitizer has its own allocator")
def test_memory_that_is_not_there_is_a_clear_error_or_a_stop_that_says_so(tmp_path, upstream):
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    school = School(tmp_path, upstream)
    stops = failures = 0
    for _ in range(12):
        school.faults.begin(ALLOCATE, every=int(10 ** dice.uniform(0, 3.3)))
        answers = [school.ask(stream=dice.random() < 0.4) for _ in range(12)]
        if not school.ended(answers):
            failures += school.faults.end()
            assert all(a is None or isinstance(a, list) or a.status in (200, 500, 503) for a in answers), answers
            school.well()
        else:
            failures += school.faults.end()
            stops += 1
            log = (tmp_path / "data.log").read_text()[-2000:]
            assert "out of memory" in log, f"exit {school.daemon.process.returncode}: {log}"
            school.start()
    assert failures > 0
    print(f"{failures} allocations failed; {stops} stops, each with its reason")
    school.check()

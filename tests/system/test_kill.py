"""Nothing that a client saw is lost: the daemon is killed at random moments under load, on a file system that forgets what was not synced."""
import http.client
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import sqlite_only
from double.upstream import Upstream

BUILD = pathlib.Path(os.environ.get("LECTERN_BUILD", "build/release"))
LECTERN = BUILD / "src/daemon/lectern"
VFS = BUILD / "tests/support/crash_vfs.so"
MOMENTS = 20
pytestmark = sqlite_only("a file system that forgets is put under SQLite's file")
TEXT = " ".join(f"Sentence number {i} says that water moves from the sea to the air and back." for i in range(12))


def lectern(*args):
    done = subprocess.run([LECTERN, *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as double:
        double.default = "chunks?n=30&delay_ms=15"
        yield double


def prepare(data, upstream):
    """A data directory with a site, a key and two providers; written without the forgetful file system."""
    lectern("migrate", "--data", data)
    lectern("site", "add", "s", "--name", "Site", "--data", data)
    key = lectern("--json", "key", "add", "--site", "s", "--role", "service", "--name", "load", "--choose-provider", "--data", data)
    lectern("provider", "add", "vendor", "--plugin", "openai", "--site", "s", "--data", data, "--config",
            json.dumps({"endpoint": upstream.url, "model": "m", "api_key": "test-key-123"}))
    lectern("provider", "add", "own", "--plugin", "extract", "--site", "s", "--data", data)
    return re.search(r"lk_[A-Za-z0-9_-]+", key).group(0)


class Forgetful:
    def __init__(self, data, synchronous):
        env = dict(os.environ, LD_PRELOAD=str(VFS.resolve()), LECTERN_SQLITE_SYNCHRONOUS=synchronous)
        self.process = subprocess.Popen([LECTERN, "serve", "--data", data, "--listen", "127.0.0.1:0"], env=env,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://"), f"the daemon did not start: {line!r}"
        self.port = int(line.strip().rsplit(":", 1)[1].strip("/"))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)


class Client(threading.Thread):
    """Asks again and again, streaming or not, and notes what it was shown."""

    def __init__(self, port, key, stream, provider, seen):
        super().__init__(daemon=True)
        self.port, self.key, self.stream, self.provider, self.seen = port, key, stream, provider, seen
        self.going = True

    def run(self):
        while self.going:
            try:
                self.ask()
            except (OSError, http.client.HTTPException, ValueError):
                if not self.going:
                    return
                time.sleep(0.01)

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = {"user": {"id": f"u{self.ident}", "roles": ["teacher"]}, "input": {"text": TEXT}, "provider": self.provider, "stream": self.stream}
        connection.request("POST", "/v1/actions/summarise_text", json.dumps(body),
                           {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        if not self.stream:
            call = json.loads(answer.read())
            assert answer.status == 200, call
            self.seen["shown"].add(call["id"])
            self.seen["done"].add(call["id"])
            return
        event, call_id = None, None
        for raw in answer:
            line = raw.decode().rstrip("\r\n")
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:"):
                data = json.loads(line[5:])
                if event == "start":
                    call_id = data["id"]
                elif event == "delta":
                    self.seen["shown"].add(call_id)
                elif event == "done":
                    assert data["id"] == call_id
                    self.seen["done"].add(call_id)


def rows(data, sql):
    connection = sqlite3.connect(pathlib.Path(data) / "lectern.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def ids(data, sql):
    result = set()
    for (blob,) in rows(data, sql):
        h = blob.hex()
        result.add(f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}")
    return result


def broken_promises(data, seen):
    """What a client was shown without a durable record of it."""
    return (seen["shown"] - ids(data, "SELECT id FROM ai_call")) | (
        seen["done"] - ids(data, "SELECT call_id FROM ai_call_end WHERE state = 'completed'"))


def kill_under_load(data, key, synchronous, after):
    """One daemon, eight clients, SIGKILL after so many seconds; what the clients saw."""
    daemon = Forgetful(data, synchronous)
    seen = {"shown": set(), "done": set()}
    clients = [Client(daemon.port, key, stream, provider, seen) for stream in (True, False) for provider in ("vendor", "own") for _ in (1, 2)]
    for client in clients:
        client.start()
    time.sleep(after)
    daemon.kill()
    for client in clients:
        client.going = False
    for client in clients:
        client.join(60)
        assert not client.is_alive()
    return seen


def test_what_was_shown_is_recorded_after_a_kill_at_any_moment(tmp_path, upstream):
    seed = int(os.environ.get("LECTERN_SEED", time.time_ns() % 2**32))
    print(f"seed {seed}")
    moments = random.Random(seed)
    data = str(tmp_path)
    key = prepare(data, upstream)
    shown = done = 0
    for i in range(5 * MOMENTS):
        if i >= MOMENTS and shown > 100 and done > 20:
            break  # a busy machine takes more moments for as many answers
        seen = kill_under_load(data, key, "FULL", moments.uniform(0.15, 1.5))
        assert broken_promises(data, seen) == set()
        shown, done = shown + len(seen["shown"]), done + len(seen["done"])
    assert shown > 100 and done > 20, "the load was too small to show anything"
    # After a restart nothing is running; what was cut is interrupted.
    daemon = Forgetful(data, "FULL")
    try:
        assert rows(data, "SELECT COUNT(*) FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE e.call_id IS NULL") == [(0,)]
        assert rows(data, "SELECT COUNT(*) FROM ai_call_end WHERE state = 'interrupted'")[0][0] > 0
    finally:
        daemon.kill()
    print(f"{i} kills; {shown} answers were shown, {done} to their end; none without its record")


def test_without_syncing_the_same_test_fails(tmp_path, upstream):
    """The proof that the test above can fail."""
    data = str(tmp_path)
    key = prepare(data, upstream)
    lost = set()
    for after in (1, 1, 1, 2, 4, 8):  # longer on a machine that is busy with other things
        lost |= broken_promises(data, kill_under_load(data, key, "OFF", after))
        if lost:
            break
    assert lost, "nothing was lost with synchronous=OFF: the file system of this test forgets nothing"

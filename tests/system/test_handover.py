"""A new daemon takes over from an old one on a socket that both were given (sd_listen_fds(3)): nobody who asks notices."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import database
import pytest
from conftest import LECTERN, Daemon, add_vendor, read_events, wait_until

TEXT = "".join(f"word{i} " for i in range(12))
HAND_OVER = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2], LISTEN_FDNAMES="lectern.socket")
os.execv(sys.argv[3], sys.argv[3:])"""


class Given(Daemon):
    """A daemon that is given a socket by its parent; its start is not waited for."""

    def __init__(self, data, listening, *options, count=1, env=None):
        self.data, self.port, self.keys = pathlib.Path(data), listening.getsockname()[1], {}
        self.errors = open(self.data.parent / f"given-{time.monotonic_ns()}.log", "ab")
        command = [sys.executable, "-c", HAND_OVER, listening.fileno(), count, LECTERN, "serve", "--listen", "127.0.0.1:1", "--data", self.data, *options]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=self.errors, text=True, pass_fds=[listening.fileno()],
                                        env={**os.environ, **(env or {})})
        self.base_url = None

    def waits(self):
        wait_until(lambda: "daemon.wait" in self.log(), what="that it waits for the data directory")

    def started(self):
        self.base_url = self.process.stdout.readline().split()[-1]
        return self


@pytest.fixture()
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield server


@pytest.fixture()
def told(tmp_path):
    """What is said to NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(60)
        yield server


class Load:
    """Clients that ask all the time: each answer must be whole. Some take a new connection each time, some keep theirs as long as the daemon does."""

    def __init__(self, port, key):
        self.port, self.key, self.end, self.failed = port, key, threading.Event(), []
        self.figures = {"json": 0, "stream": 0, "kept": 0}
        self.threads = [threading.Thread(target=self.run, args=(kind,)) for kind in self.figures for _ in range(3)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join(120)

    def ask(self, connection, stream):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/actions/generate_text", '{"input":{"prompt":"x"}%s}' % (',"stream":true' if stream else ""), headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        if not stream:
            assert TEXT.strip() in response.read().decode(), "an answer that is not whole"
            return response
        events = list(read_events(response))
        assert events and events[-1].kind == "done" and events[-1].data["response"]["generated_content"].strip() == TEXT.strip(), events[-2:]
        return response

    def run(self, kind):
        connection = None
        while not self.end.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
                if self.ask(connection, kind == "stream").will_close or kind != "kept":
                    connection.close()
                    connection = None
                self.figures[kind] += 1
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.failed.append((kind, repr(error)))
                return

    def more(self, n=3):
        """Until each kind of client has had so many more answers, or one has failed."""
        before = dict(self.figures)
        wait_until(lambda: self.failed or all(self.figures[kind] >= before[kind] + n for kind in before), 180, "more answers")


def prepare(daemon, upstream):
    upstream.default = f"chunks?n=12&delay_ms=25&text={TEXT.replace(' ', '%20')}"
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    add_vendor(daemon, upstream)
    daemon.wait_for_config()


def begin(tmp_path, upstream, listening, *options, **more):
    """A data directory, and a daemon on it that has the socket."""
    first = Daemon(tmp_path / "data")
    keys = first.keys
    prepare(first, upstream)
    assert first.stop() == 0
    old = Given(tmp_path / "data", listening, *options, **more).started()
    old.keys = keys
    return old


def know_each_other(data):
    """Are processes on one database told apart? Else one that starts takes the calls of the others for its own broken ones."""
    with contextlib.closing(database.connect(data / "lectern.db")) as db:
        return db.execute("SELECT count(*) FROM information_schema.tables WHERE table_name = 'process'").fetchone()[0] > 0


def end_well(daemon):
    assert daemon.stop(timeout=120) == 0, daemon.log()[-4000:]
    log = pathlib.Path(daemon.errors.name).read_text()
    assert "Sanitizer" not in log and "runtime error" not in log, log[-4000:]


def test_one_data_directory_after_the_other(tmp_path, upstream, listening):
    options = ["--drain-delay", "2", "--drain-limit", "60", "--start-wait", "120", "--threads", "2"]
    old = begin(tmp_path, upstream, listening, *options)
    assert old.base_url == f"http://127.0.0.1:{listening.getsockname()[1]}"
    with Load(old.port, old.admin_key) as load:
        load.more()
        new = Given(tmp_path / "data", listening, *options)
        new.waits()
        load.more()
        end_well(old)
        new.started()
        load.more()
    assert not load.failed, load.failed
    end_well(new)


@pytest.mark.skipif(not database.SERVER, reason="two processes work together on PostgreSQL alone")
def test_both_together(tmp_path, upstream, listening):
    options = ["--drain-delay", "2", "--drain-limit", "60", "--master-key-file", tmp_path / "data" / "master.key"]
    old = begin(tmp_path, upstream, listening, *options)
    if not know_each_other(old.data):
        end_well(old)
        pytest.skip("processes do not know each other yet")
    with Load(old.port, old.admin_key) as load:
        load.more()
        new = Given(tmp_path / "other", listening, *options, "--database", database.url_of(old.data)).started()
        load.more()
        end_well(old)
        load.more()
    assert not load.failed, load.failed
    end_well(new)


def test_its_parent_hears_what_it_does(tmp_path, upstream, listening, told):
    daemon = begin(tmp_path, upstream, listening, env={"NOTIFY_SOCKET": told.getsockname()})
    assert told.recv(4096) == b"READY=1"
    daemon.process.send_signal(signal.SIGHUP)
    first, since = told.recv(4096).decode().split("\n")
    assert first == "RELOADING=1" and 0 < int(since.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert told.recv(4096) == b"READY=1"
    end_well(daemon)
    assert told.recv(4096) == b"STOPPING=1"


def test_who_waits_for_the_data_directory_can_be_ended(daemon, listening):
    new = Given(daemon.data, listening, "--start-wait", "600")
    new.waits()
    assert new.stop() == 1
    assert "ended while it waited" in pathlib.Path(new.errors.name).read_text()


@pytest.mark.parametrize("what", ["two", "not listening", "not TCP"])
def test_what_cannot_be_served_is_named(tmp_path, listening, what):
    with socket.socket() as silent, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "local"))
        local.listen()
        silent.bind(("127.0.0.1", 0))
        given = {"two": listening, "not listening": silent, "not TCP": local}[what]
        command = [sys.executable, "-c", HAND_OVER, given.fileno(), 2 if what == "two" else 1, LECTERN, "serve", "--data", tmp_path / "data"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, pass_fds=[given.fileno()])
    assert done.returncode == 1 and "LISTEN_FDS" in done.stderr and ("2 sockets" if what == "two" else "not a listening TCP socket") in done.stderr, done


def test_descriptors_of_another_process_are_left_alone(tmp_path):
    daemon = Daemon(tmp_path / "data", env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert daemon.request("GET", "/healthz").status == 200
    assert daemon.stop() == 0

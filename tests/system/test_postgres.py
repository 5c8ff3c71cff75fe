"""
PostgreSQL that fails in every way an operator will see: nothing that a client was told is missing from the register, nothing is there twice, and the daemon recovers
by itself. On a server of this file's own.
"""
import contextlib
import json
import os
import subprocess
import threading
import time
import uuid

import conftest
import postgres_server
import pytest
from conftest import Daemon, check_end, wait_until

pytestmark = pytest.mark.skipif(postgres_server.missing() is not None, reason=str(postgres_server.missing()))
LECTERN = conftest.BUILD / "src" / "daemon" / "lectern"
TEXT = " ".join(f"Sentence number {i} says that water moves from the sea to the air and back." for i in range(12))
PASSWORD = "s3cret/p@ss:w0rd"


@pytest.fixture(scope="module")
def server():
    with postgres_server.Server() as s:
        yield s


def lectern(url, folder, *args, **env):
    """A command on a database, to its end."""
    return subprocess.run([LECTERN, *map(str, args), "--data", folder], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "LECTERN_DATABASE": url, **env})


class Load:
    """Clients that ask without end; what they were told."""

    def __init__(self, site, clients=4):
        self.site, self.told, self.refused, self.going = site, [], [], True
        self.threads = [threading.Thread(target=self.ask) for _ in range(clients)]

    def ask(self):
        while self.going:
            try:
                answer = self.site.ask()
            except OSError as error:
                self.refused.append(repr(error))
                continue
            if answer.status == 200:
                self.told.append(answer.json["id"])
            else:
                self.refused.append(answer.json["code"])
                time.sleep(0.02)

    def wait_for(self, more=20):
        """Until so many more have been answered."""
        n = len(self.told) + more
        wait_until(lambda: len(self.told) >= n, what=f"{more} more answers; refused: {self.refused[-3:]}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join(120)


class Site:
    """A daemon on a database of the server, and what its register says."""

    def __init__(self, server, folder, name, url=None, env=None):
        self.server, self.name, self.folder = server, name, folder
        server.create(name)
        self.direct = server.url(name)
        self.daemon = Daemon(folder / name, env={"LECTERN_DATABASE": url or self.direct, **(env or {})})
        done = lectern(self.direct, folder / name, "site", "set", "demo", "policy_by_lms=true")
        assert done.returncode == 0, done.stderr
        wait_until(lambda: self.ask().status == 200, what="an answer")

    def ask(self):
        return self.daemon.request("POST", "/v1/actions/summarise_text", self.daemon.admin_key,
                                   {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"text": TEXT}, "provider": "extract"})

    def daemon_ready(self):
        wait_until(lambda: self.daemon.request("GET", "/readyz").status == 200, what="the daemon's being ready")

    def check(self, load):
        """All that was told is in the register, once, with its end; the chain fits; the daemon works."""
        assert len(load.told) == len(set(load.told))
        rows = self.server.sql("SELECT c.id, COUNT(e.call_id), MAX(e.state) FROM ai_call c LEFT JOIN ai_call_end e ON e.call_id = c.id GROUP BY c.id",
                               database=self.name)
        ended = {str(uuid.UUID(bytes=bytes(row[0]))): (row[1], row[2]) for row in rows}
        lost = [call for call in load.told if ended.get(call) != (1, "completed")]
        assert not lost, f"{len(lost)} of {len(load.told)} answers: {[(c, ended.get(c)) for c in lost[:5]]}"
        assert max(n for n, _ in ended.values()) == 1
        verified = lectern(self.direct, self.daemon.data, "--json", "register", "verify", "--site", "demo")
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def logged(self, event):
        return [json.loads(line) for line in self.daemon.log().splitlines() if f'"{event}"' in line]


@pytest.fixture()
def site(server, tmp_path):
    s = Site(server, tmp_path, "d" + uuid.uuid4().hex)
    yield s
    check_end(s.daemon)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_loses_nothing(site, server, mode):
    with Load(site) as load:
        for _ in range(2):
            server.restart(mode)
            load.wait_for()
    site.daemon_ready()
    site.check(load)
    failed, recovered = site.logged("store.failed"), site.logged("store.recovered")
    assert len(failed) == len(recovered) <= 2, (failed, recovered)


def test_connections_that_are_terminated_are_made_anew_and_nobody_notices(site, server):
    with Load(site) as load:
        for _ in range(25):
            server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [site.name])
            load.wait_for(5)
    site.check(load)
    assert not load.refused, load.refused[:5]
    assert not site.logged("store.failed")


def test_an_outage_is_told_by_readyz_and_once_by_the_log(site, server):
    with Load(site) as load:
        server.stop()
        wait_until(lambda: site.daemon.request("GET", "/readyz").status == 503, what="/readyz to fail")
        assert site.daemon.request("GET", "/readyz").json == {"status": "no_database"}
        assert site.daemon.request("GET", "/healthz").status == 200
        wait_until(lambda: "store_unavailable" in load.refused, what="a refusal")
        time.sleep(7)  # longer than anybody waits for it
        begun = time.monotonic()
        assert site.daemon.request("GET", "/readyz").status == 503
        assert time.monotonic() - begun < 5
        server.start()
        load.wait_for()
    site.daemon_ready()
    site.check(load)
    assert [len(site.logged(event)) for event in ("store.failed", "store.recovered", "config.watch")] == [1, 1, 0], site.daemon.log()[-3000:]


def test_a_daemon_without_requests_sees_an_outage_and_its_end(site, server):
    server.stop()
    wait_until(lambda: site.daemon.request("GET", "/readyz").status == 503, what="/readyz to fail")
    server.start()
    site.daemon_ready()


@pytest.mark.parametrize("seconds", [3, 9])
def test_a_server_that_stands_still_is_waited_for_or_given_up(site, server, seconds):
    with Load(site) as load:
        with server.paused():
            time.sleep(seconds)
        load.wait_for()
    site.daemon_ready()
    site.check(load)
    assert len(site.logged("store.failed")) == len(site.logged("store.recovered")) <= 1

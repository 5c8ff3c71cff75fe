"""Too much at once: who is refused, how soon and with which words, and that everything is as before once the load is gone. And the end:
what load balancers see, how long running calls have."""
import concurrent.futures
import json
import pathlib
import resource
import signal
import socket
import threading
import time

import pytest
from conftest import Daemon, add_vendor, check_end, run_lectern, wait_until
from database import connect

SOON = 25  # seconds; what is refused must not have waited for the load to go, which lasts far longer
ASK = {"input": {"prompt": "hello"}}


def ask(daemon, key=None, **body):
    return daemon.request("POST", "/v1/actions/generate_text", key or daemon.admin_key, {**ASK, **body})


def figure(daemon, name):
    text = daemon.request("GET", "/metrics", daemon.admin_key).body.decode()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


class Load:
    """Calls that run until it is over: the double does not answer them."""

    def __init__(self, daemon, upstream, n, stream=False, key=None):
        upstream.default = "stall"
        self.daemon, self.upstream = daemon, upstream
        known = len(upstream.requests())
        self.sockets = [self.begin(stream, key or daemon.admin_key) for _ in range(n)]
        wait_until(lambda: len(upstream.requests()) == known + n, what="the load")
        upstream.default = "ok"

    def begin(self, stream, key):
        body = json.dumps({**ASK, "stream": stream}).encode()
        s = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60)
        s.sendall(b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body))
        return s

    def leave(self):
        for s in self.sockets:
            s.close()


def all_at_once(daemon, n, function):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda _: function(daemon), range(n)))


def started(tmp_path, *options):
    """A daemon whose site asks for no policy."""
    daemon = Daemon(tmp_path / "data", *options)
    daemon.cli("site", "set", "demo", "policy_by_lms=true", "resume_grace_ms=0")
    return daemon


# ---- calls ----


@pytest.mark.parametrize("stream", [False, True])
def test_surplus_calls_are_refused_at_once_and_the_room_is_free_again(tmp_path, upstream, stream):
    daemon = started(tmp_path, "--max-running-calls", "20", "--threads", "2")
    add_vendor(daemon, upstream)
    for _ in range(3):
        load = Load(daemon, upstream, 20, stream)
        begin = time.monotonic()
        for answer in all_at_once(daemon, 10, lambda d: ask(d, stream=stream)):
            assert answer.status == 503 and answer.json["code"] == "overloaded", answer
            assert answer.headers["Retry-After"] == "1" and answer.json["retry_after"] == 1
        assert time.monotonic() - begin < SOON
        assert daemon.request("GET", "/readyz").status == 200  # other requests are served
        assert figure(daemon, "lectern_calls_running") == 20
        load.leave()
        wait_until(lambda: figure(daemon, "lectern_calls_running") == 0)
        assert [a.status for a in all_at_once(daemon, 15, ask)] == [200] * 15
    assert figure(daemon, "lectern_calls_shed_total") == 30
    register = daemon.request("GET", "/v1/register?limit=200", daemon.admin_key).json["calls"]
    assert len(register) == 3 * (20 + 15)  # what was shed made no record
    check_end(daemon)


def cancel_all(daemon):
    """False while there are some that the register does not show yet, or that have not ended."""
    for call in daemon.request("GET", "/v1/register?limit=50&state=running", daemon.admin_key).json["calls"]:
        assert daemon.request("DELETE", f"/v1/actions/calls/{call['id']}", daemon.admin_key).status in (200, 404, 409)
    return figure(daemon, "lectern_calls_running") == 0


@pytest.mark.parametrize("how", ["the client leaves", "its stream is left", "the call is cancelled", "the vendor refuses", "the input is wrong"])
def test_whatever_ends_a_call_gives_its_room_back(tmp_path, upstream, how):
    daemon = started(tmp_path, "--max-running-calls", "6", "--threads", "3")
    daemon.cli("site", "set", "demo", "max_running_calls=4")
    daemon.wait_for_config()
    add_vendor(daemon, upstream)
    for _ in range(2):
        if how == "the vendor refuses":
            upstream.default = "400"
            assert {a.status for a in all_at_once(daemon, 3, ask)} == {502}
        elif how == "the input is wrong":
            assert {a.status for a in all_at_once(daemon, 3, lambda d: ask(d, input={"wrong": 1}))} == {400}
        else:
            load = Load(daemon, upstream, 4, stream=how == "its stream is left")
            assert ask(daemon).status == 429
            if how == "the call is cancelled":
                wait_until(lambda: cancel_all(daemon))
            load.leave()
        wait_until(lambda: figure(daemon, "lectern_calls_running") == 0)
        upstream.default = "ok"
        load = Load(daemon, upstream, 4)  # the whole room of the site is there
        assert ask(daemon).json["code"] == "site_busy"
        load.leave()
        wait_until(lambda: figure(daemon, "lectern_calls_running") == 0)
        assert ask(daemon).status == 200
    check_end(daemon)


def test_one_site_does_not_take_the_room_of_another(tmp_path, upstream):
    daemon = started(tmp_path, "--threads", "3")
    add_vendor(daemon, upstream)
    daemon.cli("site", "set", "demo", "max_running_calls=3")
    daemon.cli("site", "add", "other")
    daemon.cli("provider", "add", "extract", "--site", "other", "--plugin", "extract")
    other = json.loads(daemon.cli("--json", "key", "add", "--site", "other", "--role", "site_admin"))["key"]
    wait_until(lambda: daemon.request("GET", "/v1/actions", other).status == 200)
    load = Load(daemon, upstream, 3)
    answer = ask(daemon)
    assert answer.status == 429 and answer.json["code"] == "site_busy" and answer.headers["Retry-After"] == "2", answer
    summary = {"input": {"text": "Water rises as vapour. It falls as rain."}}
    learner = daemon.request("POST", "/v1/actions/summarise_text", daemon.learner, summary)
    assert learner.status == 429 and learner.json["title"].startswith("Too many people"), learner
    assert daemon.request("POST", "/v1/actions/summarise_text", other, summary).status == 200
    refused = lambda: daemon.request("GET", "/v1/register?state=refused", daemon.admin_key).json["calls"]
    wait_until(lambda: len(refused()) == 2, what="their records, for which nobody waited")
    assert {c["code"] for c in refused()} == {"site_busy"}
    load.leave()
    wait_until(lambda: ask(daemon).status == 200)
    assert json.loads(daemon.cli("--json", "site", "show", "demo"))["max_running_calls"] == 3
    check_end(daemon)


# ---- connections ----


class Clients:
    """Connections that stay open, from an address of one's own."""

    def __init__(self, daemon):
        self.daemon, self.sockets = daemon, []

    def open(self, source="127.0.0.1"):
        """The status of a request on a new connection, None when it was closed without one; and the fields of the answer."""
        s = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60, source_address=(source, 0))
        raw = b""
        try:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            while b"\r\n\r\n" not in raw and (data := s.recv(4096)):
                raw += data
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.sockets.append(s)
        return (int(raw.split()[1]) if raw else None), raw.lower()

    def close(self):
        for s in self.sockets:
            s.close()
        self.sockets = []


def test_surplus_connections_are_told_so(tmp_path):
    daemon = Daemon(tmp_path / "data", "--max-connections", "5", "--threads", "3")
    clients, begin = Clients(daemon), time.monotonic()
    for _ in range(3):
        for _ in range(5):  # the connection that asked for the figure may still be counted
            wait_until(lambda: clients.open()[0] == 200, what="room")
        for _ in range(4):
            status, raw = clients.open()
            assert status == 503 and b"retry-after: 1" in raw and b"connection: close" in raw and b"too many connections" in raw, raw
        clients.close()
        wait_until(lambda: clients.open()[0] == 200)
        clients.close()
        wait_until(lambda: figure(daemon, "lectern_http_connections") == 1)  # the one that asks
    assert figure(daemon, "lectern_http_connections_refused_total") >= 12
    lines = [json.loads(line) for line in daemon.log().splitlines() if "http.refused" in line]
    assert 1 <= len(lines) <= 3 * (int(time.monotonic() - begin) + 2)  # once a second and loop at most
    check_end(daemon)


def test_one_address_does_not_take_all_connections(tmp_path):
    daemon = Daemon(tmp_path / "data", "--max-connections-per-address", "3", "--trusted-proxies", "127.0.0.5, 127.0.0.8/29", "--threads", "3")
    clients = Clients(daemon)
    for _ in range(3):
        assert [clients.open("127.0.0.2")[0] for _ in range(3)] == [200] * 3
        status, raw = clients.open("127.0.0.2")
        assert status == 503 and b"too many connections from this address" in raw, raw
        assert [clients.open("127.0.0.3")[0] for _ in range(3)] == [200] * 3
        for proxy in ("127.0.0.1", "127.0.0.5", "127.0.0.8", "127.0.0.15"):
            assert [clients.open(proxy)[0] for _ in range(6)] == [200] * 6
        assert clients.open("127.0.0.3")[0] == 503
        clients.close()
        wait_until(lambda: figure(daemon, "lectern_http_connections") == 1)
    check_end(daemon)


def test_without_descriptors_it_refuses_and_recovers(tmp_path, upstream):
    daemon = started(tmp_path, "--threads", "1")
    add_vendor(daemon, upstream)
    assert ask(daemon).status == 200
    keeps, response = daemon.open("GET", "/healthz")
    response.read()
    wait_until(lambda: figure(daemon, "lectern_http_connections") == 2)
    used = len(list((pathlib.Path("/proc") / str(daemon.process.pid) / "fd").iterdir()))
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (used + 10, before[1]))
    load = Load(daemon, upstream, 3)  # takes the kept connection to the vendor and more, so that the next call needs a new one
    clients = Clients(daemon)
    statuses = [clients.open()[0] for _ in range(30)]
    assert statuses[0] == 200 and None in statuses and set(statuses) <= {200, None}, statuses
    body = json.dumps(ASK)
    keeps.request("POST", "/v1/actions/generate_text", body, {"Authorization": f"Bearer {daemon.admin_key}", "Content-Type": "application/json"})
    answer = keeps.getresponse()
    assert answer.status == 503 and json.loads(answer.read())["code"] == "overloaded"
    keeps.request("GET", "/healthz")
    response = keeps.getresponse()
    assert response.status == 200 and response.read()
    clients.close()
    load.leave()

    def over():
        try:
            return figure(daemon, "lectern_calls_running") == 0 and figure(daemon, "lectern_http_connections") == 2  # the kept one, the one that asks
        except OSError:
            return False  # it has no descriptor for the question yet
    wait_until(over)
    assert [a.status for a in all_at_once(daemon, 2, ask)] == [200] * 2
    assert "Too many open files" in daemon.log()
    keeps.close()
    check_end(daemon)


# ---- the end ----


def states(daemon):
    connection = connect(daemon.data / "lectern.db")
    try:
        return [s for (s,) in connection.execute("SELECT state FROM ai_call_end ORDER BY call_id")]
    finally:
        connection.close()


def test_a_load_balancer_sees_the_end_before_requests_fail(tmp_path, upstream):
    daemon = started(tmp_path, "--drain-delay", "600")
    add_vendor(daemon, upstream)
    keeps, response = daemon.open("GET", "/readyz")
    assert response.status == 200 and response.read()
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(lambda: daemon.request("GET", "/readyz").status == 503)
    keeps.request("GET", "/readyz")
    response = keeps.getresponse()
    assert response.status == 503 and json.loads(response.read())["status"] == "draining"
    assert daemon.request("GET", "/healthz").status == 200
    assert ask(daemon).status == 200  # what still comes is served
    assert daemon.stop(signal.SIGTERM) == 0  # asked twice
    assert states(daemon) == ["completed"]
    keeps.close()


def test_the_delay_before_the_end_is_as_long_as_was_said(tmp_path):
    daemon = started(tmp_path, "--drain-delay", "4")
    begin = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(lambda: daemon.request("GET", "/readyz").status == 503)
    assert daemon.stop(signal.SIGCONT) == 0
    assert 4 <= time.monotonic() - begin


def test_a_second_signal_ends_the_delay_and_what_runs(tmp_path, upstream):
    daemon = started(tmp_path, "--drain-delay", "600", "--drain-limit", "600")
    add_vendor(daemon, upstream)
    load = Load(daemon, upstream, 2, stream=True)
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(lambda: daemon.request("GET", "/readyz").status == 503)
    assert daemon.stop(signal.SIGTERM) == 0
    assert states(daemon) == ["cancelled"] * 2
    load.leave()


@pytest.mark.parametrize("limit", [0, 1])
def test_what_runs_longer_than_the_limit_is_cancelled_and_recorded(tmp_path, upstream, limit):
    daemon = started(tmp_path, "--drain-limit", str(limit), "--threads", "2")
    add_vendor(daemon, upstream)
    load, stream = Load(daemon, upstream, 2), Load(daemon, upstream, 2, stream=True)
    begin = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begin >= limit
    assert states(daemon) == ["cancelled"] * 4
    load.leave()
    for s in stream.sockets:
        raw = b""
        while data := s.recv(65536):
            raw += data
        assert b"event: error" in raw and b'"cancelled"' in raw, raw
    stream.leave()


def test_a_stream_that_ends_within_the_limit_is_whole(tmp_path, upstream):
    daemon = started(tmp_path, "--drain-limit", "600")
    add_vendor(daemon, upstream)
    upstream.default = "chunks?n=20&delay_ms=100"
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(daemon, stream=True)))
    thread.start()
    wait_until(lambda: len(upstream.requests()) == 1)
    assert daemon.stop() == 0
    thread.join()
    assert answers[0].body.count(b"event: delta") >= 1 and b"event: done" in answers[0].body
    assert states(daemon) == ["completed"]


# ---- settings ----


@pytest.mark.parametrize("option,value,why", [
    ("--max-connections", "-1", "must be a whole number"),
    ("--max-connections", "1000001", "must be 0 to 1000000, is 1000001"),
    ("--max-connections", "many", "must be a whole number"),
    ("--max-connections-per-address", "1000001", "must be 0 to 1000000"),
    ("--max-running-calls", "30001", "must be 0 to 30000"),
    ("--drain-delay", "3601", "must be 0 to 3600"),
    ("--drain-limit", "3601", "must be 0 to 3600"),
    ("--trusted-proxies", "proxy.example", "'proxy.example' is neither an IP address nor a network"),
    ("--trusted-proxies", "10.0.0.0/33", "'10.0.0.0/33' is neither"),
    ("--trusted-proxies", "10.0.0.1/8", "'10.0.0.1/8' is neither"),
    ("--trusted-proxies", "10.0.0.1,,10.0.0.2", "'' is neither"),
])
def test_a_limit_that_makes_no_sense_is_named(tmp_path, option, value, why):
    done = run_lectern("check-config", f"{option}={value}", "--data", tmp_path, check=False)
    assert done.returncode == 1 and why in done.stderr and option[2:].replace("-", "_") in done.stderr.replace("-", "_"), done


def test_limits_may_stand_in_the_file_and_the_environment(tmp_path):
    (tmp_path / "lectern.json").write_text('{max_connections: 7, trusted_proxies: "10.0.0.0/8, ::1", drain_delay: 2}')
    shown = json.loads(run_lectern("check-config", "--json", "--config", tmp_path / "lectern.json", "--data", tmp_path, "--drain-limit", "3"))
    assert (shown["max_connections"], shown["trusted_proxies"], shown["drain_delay"], shown["drain_limit"]) == (7, "10.0.0.0/8, ::1", 2, 3)
    assert (shown["max_connections_per_address"], shown["max_running_calls"]) == (1000, 0)

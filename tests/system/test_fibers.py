"""SIGUSR1 writes to the log what each live fiber is at: whose work, where, what it waits for, how long, until when."""
import json
import signal
import socket

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect
from test_tasks import ask, prepare


def fibers(daemon):
    """What one signal brings: the lines of all loops."""

    def seen():
        return [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{") and line.endswith("}") and '"fiber' in line]

    before = len(seen())
    daemon.process.send_signal(signal.SIGUSR1)
    done = wait_until(lambda: (new := seen()[before:]) and sum(x["event"] == "fibers" for x in new) == 2 and new, what="the lines of both loops")
    ends = {x["loop"]: x for x in done if x["event"] == "fibers"}
    assert set(ends) == {0, 1}
    lines = [x for x in done if x["event"] == "fiber"]
    assert all(sum(x["loop"] == n for x in lines) == end["shown"] and end["left_out"] == 0 for n, end in ends.items())
    return lines


def find(daemon, **wanted):
    return wait_until(lambda: next((x for x in fibers(daemon) if all(x[k] == v for k, v in wanted.items())), None), what=f"a fiber {wanted}")


@pytest.fixture()
def d(tmp_path):
    daemon = Daemon(tmp_path / "data", "--threads", "2")
    daemon.accept_policy(daemon.teacher)
    yield daemon
    check_end(daemon)


def test_background_work_is_named(d):
    lines = fibers(d)
    names = {x["name"] for x in lines}
    assert {"configuration watcher", "task dispatcher", "emergency stops", "erasures"} <= names
    assert all(x["at"] == "" and x["cancelled"] == 0 and x["age_ms"] >= x["waiting_ms"] for x in lines)
    find(d, name="task dispatcher", waits_for="tasks")  # now and then it looks into the store
    assert next(x for x in lines if x["name"] == "configuration watcher")["waits_for"] in ("time to pass", "a worker")


@pytest.mark.parametrize("scenario, stream, doing", [("stall", False, "asks another server"), ("stall_head", False, "reads another server's answer"),
                                                     ("stall_mid", True, "reads another server's answer")])
def test_a_call_whose_service_hangs(d, upstream, scenario, stream, doing):
    add_vendor(d, upstream, first_byte_ms=600000, idle_ms=600000)
    upstream.default = scenario
    connection = d.open("POST", "/v1/actions/generate_text", d.teacher, {"input": {"prompt": "SECRETX"}, "stream": True})[0] if stream else None
    if not connection:
        body = json.dumps({"input": {"prompt": "SECRETX"}}).encode()
        connection = socket.create_connection(("127.0.0.1", d.port))
        connection.sendall(b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + d.teacher.encode() +
                           b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    line = find(d, name="http.handler", at="POST /v1/actions/{name}", doing=doing, waits_for="bytes to read")
    assert 0 < line["deadline_in_ms"] <= 600000 and line["waiting_ms"] <= line["age_ms"]
    connection.close()
    wait_until(lambda: not [x for x in fibers(d) if x["name"] == "http.handler"], what="the end of the call")
    assert "SECRETX" not in d.log() and d.teacher not in d.log()


def test_a_client_that_sends_slowly_and_one_that_does_not_read(d):
    with socket.create_connection(("127.0.0.1", d.port)) as slow:
        slow.sendall(b"GET /healthz HT")
        assert find(d, name="http.head", at="", waits_for="bytes to read")["deadline_in_ms"] <= 10000
    with socket.create_connection(("127.0.0.1", d.port)) as slow:
        slow.sendall(b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + d.teacher.encode() +
                     b"\r\nContent-Length: 100\r\n\r\n{")
        find(d, name="http.handler", at="POST /v1/actions/{name}", doing="reads the request", waits_for="bytes to read")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", d.port))
        for _ in range(400):  # pipelined; its answers fill the way back
            deaf.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        find(d, name="http.handler", doing="answers the client", waits_for="room to write")


def test_a_commit_that_does_not_come(d):
    """The database is held by somebody else: whoever writes waits for the commit."""
    body = {"input": {"text": "Water moves. It rains. It flows."}}
    holder = connect(d.data / "lectern.db", timeout=60, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        connection = socket.create_connection(("127.0.0.1", d.port))
        text = json.dumps(body).encode()
        connection.sendall(b"POST /v1/actions/summarise_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + d.teacher.encode() +
                           b"\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        assert find(d, name="http.handler", at="POST /v1/actions/{name}", waits_for="a commit")["deadline_in_ms"] == -1
    finally:
        holder.rollback()
        holder.close()
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.close()


def test_a_task_of_which_the_service_hangs(d, upstream):
    prepare(d, upstream)
    upstream.default = "stall"
    ask(d)
    assert find(d, name="task", at="task", doing="asks another server", waits_for="bytes to read")["cancelled"] == 0

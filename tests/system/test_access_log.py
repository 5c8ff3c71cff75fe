"""The access log: a line for each request, with the template of its route and nothing secret, in both formats, reopened at SIGHUP, never in the way."""
import http.client
import json
import os
import re
import signal
import socket
import threading

import pytest
from conftest import Daemon, check_end, wait_until

MEMBERS = {"time", "request_id", "method", "route", "status", "bytes", "duration_ms", "site", "user", "code", "closed"}
COMBINED = re.compile(r'^- - (\S+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(\S+) (\S+) HTTP/1\.[01]" (\d+) (\d+) "-" "-"$')


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def start(tmp_path, *options):
    path = tmp_path / "access.log"
    return Daemon(tmp_path / "data", "--access-log", path, *options), path


def raw(daemon, data):
    with socket.create_connection(("127.0.0.1", daemon.port)) as s:
        s.sendall(data)
        got = b""
        while piece := s.recv(65536):
            got += piece
    return got


@pytest.mark.parametrize("method, target, body, route, status", [
    ("GET", "/healthz", None, "/healthz", 200),
    ("GET", "/v1/actions?course_id=course-v1%3ASECRETX", None, "/v1/actions", 200),
    ("GET", "/v1/actions/calls/01234567-89ab-7def-8123-456789abcdef?course_id=SECRETX", None, "/v1/actions/calls/{id}", 404),
    ("GET", "/SECRETX/nothing?key=SECRETX", None, "-", 404),
    ("DELETE", "/v1/actions", None, "/v1/actions", 405),
    ("POST", "/v1/actions/summarise_text", {"input": {"text": "SECRETX moves. It rains. It flows."}}, "/v1/actions/{name}", 200),
    ("POST", "/v1/actions/SECRETX", {"input": {}}, "/v1/actions/{name}", 404),
    ("OPTIONS", "/v1/actions", None, None, None), ("SECRETX", "/healthz", None, "/healthz", 405), ("HEAD", "/healthz", None, "/healthz", 200)])
def test_each_request_has_a_line_with_its_template_and_nothing_of_what_was_sent(tmp_path, method, target, body, route, status):
    d, path = start(tmp_path)
    d.accept_policy(d.learner)
    answer = d.request(method, target, d.learner, body, headers={"Referer": "http://SECRETX/", "User-Agent": "SECRETX"})
    line = wait_until(lambda: next((x for x in lines(path) if x["request_id"] == answer.headers["X-Request-Id"]), None), what="the line")
    assert set(line) <= MEMBERS and "user" not in line
    assert line["status"] == answer.status and (status is None or line["status"] == status) and (route is None or line["route"] == route)
    assert line["method"] == (method if method != "SECRETX" else "OTHER") and line["duration_ms"] >= 0
    assert line["bytes"] > len(answer.body)
    assert ("code" in line) == (answer.status >= 400)
    check_end(d)
    text = path.read_text()
    assert "SECRETX" not in text and d.learner not in text and d.learner.split(".")[1] not in text and "demo-learner" not in text


def test_bytes_are_those_that_were_sent_and_a_stream_has_one_line(tmp_path):
    d, path = start(tmp_path)
    d.accept_policy(d.learner)
    for request in (b"GET /v1/actions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET /healthz HTTP/1.0\r\n\r\n"):
        got = raw(d, request)
        line = wait_until(lambda: next((x for x in lines(path) if x["request_id"].encode() in got), None), what="the line")
        assert line["bytes"] == len(got) and line["closed"] in ("answered", "bad_request"), (request, line)
    events = d.stream("POST", "/v1/actions/summarise_text", d.learner, {"input": {"text": "Water moves. It rains. It flows."}, "stream": True})
    assert events
    line = wait_until(lambda: [x for x in lines(path) if x["method"] == "POST"], what="the line of the stream")
    assert len(line) == 1 and line[0]["status"] == 200 and line[0]["site"] == "demo" and line[0]["bytes"] > 200
    check_end(d)


def test_a_user_is_a_keyed_hash_where_that_is_wanted(tmp_path):
    d, path = start(tmp_path, "--access-log-users")
    for key in (d.learner, d.learner, d.teacher, d.admin_key):
        d.request("GET", "/v1/policy", key)
    found = wait_until(lambda: (got := lines(path)) and len(got) == 4 and got, what="four lines")
    users = [x.get("user") for x in found]
    assert users[0] == users[1] != users[2] and re.fullmatch("[0-9a-f]{16}", users[0]) and users[3] is None
    check_end(d)


def test_the_combined_format(tmp_path):
    d, path = start(tmp_path, "--access-log-format", "combined")
    found = []
    for n, ask in enumerate((("GET", "/v1/actions?course_id=x", d.learner), ("GET", "/nothing/here")), 1):  # each is written by its own thread
        d.request(*ask)
        found = wait_until(lambda: (got := path.read_text().splitlines()) and len(got) == n and got, what=f"{n} lines")
    groups = [COMBINED.match(line).groups() for line in found]
    assert [g[:4] for g in groups] == [("-", "GET", "/v1/actions", "200"), ("-", "GET", "-", "404")]
    check_end(d)


def test_sighup_opens_the_file_anew_and_no_line_is_lost(tmp_path):
    d, path = start(tmp_path)
    stop, sent = threading.Event(), []

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", d.port)
        while not stop.is_set():
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            sent.append(answer.headers["X-Request-Id"])
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    olds = []
    try:
        for i in range(3):
            wait_until(lambda: path.exists() and path.stat().st_size > 2000, what="lines in the new file")
            olds.append(tmp_path / f"access.log.{i}")
            path.rename(olds[-1])
            d.process.send_signal(signal.SIGHUP)
            wait_until(path.exists, what="the new file")
    finally:
        stop.set()
        thread.join()
    check_end(d)
    written = [x["request_id"] for p in (*olds, path) for x in lines(p)]
    assert len(written) == len(set(written)) and set(sent) <= set(written)


def test_a_file_that_is_not_taken_costs_lines_and_never_a_request(tmp_path):
    """A pipe that nobody reads: what does not fit is dropped and counted."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR)
    d = Daemon(tmp_path / "data", "--access-log", fifo)
    connection = http.client.HTTPConnection("127.0.0.1", d.port)
    for _ in range(9000):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    assert d.figure("lectern_access_log_dropped_total") > 0
    connection.close()
    reader = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(keep, 65536), b"")], daemon=True)
    reader.start()
    check_end(d)


def test_without_the_setting_there_is_none_and_wrong_ones_are_named(tmp_path):
    d = Daemon(tmp_path / "data")
    d.request("GET", "/healthz")
    assert not list(tmp_path.glob("*access*"))
    for options, words in ((["--access-log", tmp_path / "no" / "where"], "access_log"), (["--access-log", tmp_path / "a", "--access-log-format", "xml"], "access_log_format: must be json or combined, is 'xml'")):
        with pytest.raises(AssertionError, match="did not start") as said:
            Daemon(tmp_path / "other", *options)
        assert words in str(said.value)
    check_end(d)

"""Every cancelled call and every closed connection says why: in the figures, and at debug level in the log. One row a reason."""
import contextlib
import json
import re
import signal
import socket
import subprocess

import pytest
from conftest import ROOT, Daemon, add_vendor, check_end, wait_until
from double.upstream import Upstream

PROMPT = "What is rain?"
USER = {"id": "u1", "roles": ["teacher"]}
CHAT = [{"role": "user", "content": PROMPT}]
INITIALIZED = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
# Where else a reason is brought about.
ELSEWHERE = {"slow_client": "takes half a minute: tests/unit/test_http_closed.c, which shortens it",
             "process_lost": "tests/system/test_processes.py ends such calls; the reason is a constant of lt_calls_lost()",
             "other": "programs that embed Lectern alone"}


def reasons_of(metric):
    """Those that docs/metrics.md lists."""
    text = (ROOT / "docs/metrics.md").read_text()
    table = {"lectern_calls_cancelled_total": "the call was cancelled because", "lectern_http_connections_closed_total": "the connection ended because",
             "lectern_upstream_connections_closed_total": "the connection to the service ended because"}[metric]
    return re.findall(r"^\| `(\w+)` \|", text[text.index(table):].split("\n\n")[0], re.M)


def counted(daemon, metric):
    text = daemon.request("GET", "/metrics", daemon.admin_key).body.decode()
    found = re.findall(rf'^{metric}{{.*?reason="(\w+)"}} (\d+)$', text, re.M)
    return {reason: int(n) for reason, n in found if int(n)}


def logged(daemon, event):
    """Lines of the event."""
    return [entry for line in daemon.log().splitlines() if f'"{event}"' in line for entry in [json.loads(line)] if entry["event"] == event]


# ---- calls ----

def send(daemon, path, body, headers=()):
    """A request on a bare socket, so that leaving is ours to do."""
    text = json.dumps(body)
    fields = {"Host": "x", "Content-Type": "application/json", "Authorization": f"Bearer {daemon.admin_key}", "Content-Length": len(text), **dict(headers)}
    s = socket.create_connection(("127.0.0.1", daemon.port), timeout=60)
    s.sendall((f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n" + text).encode())
    return s


def native(stream):
    return "/v1/actions/generate_text", {"input": {"prompt": PROMPT}, "user": USER, "stream": stream}


def openai(stream):
    return "/openai/v1/chat/completions", {"model": "action:continue_conversation", "messages": CHAT, "user": "u1", "stream": stream}


def responses(stream):
    return "/openai/v1/responses", {"model": "action:continue_conversation", "input": PROMPT, "user": "u1", "stream": stream}


def ollama(stream):
    return "/ollama/api/chat", {"model": "action:continue_conversation", "messages": CHAT, "stream": stream}, {"X-Lectern-User": "u1"}


def mcp(*_):
    return "/mcp", {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "generate_text", "arguments": {"prompt": PROMPT}, "_meta": {"progressToken": "p"}}}, INITIALIZED


def workflow(stream):
    return "/v1/workflows/run", {"profile": "rain", "action": "run", "user_input": PROMPT, "user": USER, "stream": stream}


DOORS = {"native": native, "openai": openai, "responses": responses, "ollama": ollama, "mcp": mcp, "workflow": workflow}


def leave(door, stream):
    def bring_about(d, upstream):
        with begun(d, upstream, *DOORS[door](stream)) as s:
            s.close()
    return bring_about


@contextlib.contextmanager
def begun(d, upstream, path, body, headers=()):
    """A call whose question has reached the service, which does not answer."""
    before = max((r["id"] for r in upstream.requests()), default=0)
    s = send(d, path, body, headers)
    upstream.wait_for(lambda r: r["id"] > before)
    yield s
    s.close()


def delete(d, upstream):
    with begun(d, upstream, *native(True)) as s:
        text = b""
        while b"event: start" not in text or b"\n\n" not in text[text.index(b"event: start"):]:
            text += s.recv(65536)
        call = re.search(rb'"id":"([0-9a-f-]{36})"', text)[1].decode()
        assert d.request("DELETE", f"/v1/actions/calls/{call}", d.admin_key).status in (200, 202, 204)
        wait_until(lambda: logged(d, "call.cancelled"), what="the end")


def stop(d, upstream):
    with begun(d, upstream, *native(False)) as s:
        assert d.request("PUT", "/v1/emergency-stop", d.admin_key, {"reason": "Look."}).status == 200
        assert b"emergency_stopped" in s.recv(65536)
    assert d.request("DELETE", "/v1/emergency-stop", d.admin_key).status == 200


def erase(d, upstream):
    with begun(d, upstream, *native(False)) as s:
        assert d.request("POST", "/v1/privacy/erase", d.service_key, {"user_id": "u1"}).status == 200
        s.recv(65536)


def task(d):
    path, body = workflow(False)
    answer = d.request("POST", path, d.admin_key, {**body, "stream": False, "async": True})
    assert answer.status == 202, answer
    return answer.json["task_id"]


def cancel_task(d, upstream):
    before = max((r["id"] for r in upstream.requests()), default=0)
    id = task(d)
    upstream.wait_for(lambda r: r["id"] > before)
    assert d.request("DELETE", f"/v1/tasks/{id}", d.admin_key).status in (200, 202, 204)


def too_long(d, upstream):
    limits = {"task_soft_limit_ms": 1000, "task_hard_limit_ms": 60000}
    assert d.request("PATCH", "/v1/site", d.admin_key, {"settings": limits}).status == 200
    d.wait_for_config()
    task(d)


def end(d, upstream):
    with begun(d, upstream, *native(False)):
        d.process.send_signal(signal.SIGTERM)
        d.process.wait(60)


CANCELLED = {
    **{f"client_left: {door}, {how}": leave(door, how == "stream") for door in DOORS for how in ("stream", "whole") if (door, how) != ("mcp", "whole")},
    "asked: DELETE": delete, "asked: a task": cancel_task, "emergency_stop": stop, "user_erased": erase, "time_limit": too_long, "shutdown": end,
}


def test_the_rows_are_all_reasons():
    assert {row.split(":")[0] for row in CANCELLED} | set(ELSEWHERE) == set(reasons_of("lectern_calls_cancelled_total"))


@pytest.fixture()
def site(tmp_path):
    with Upstream() as upstream:
        d = Daemon(tmp_path / "data", "--log-level", "debug", "--drain-limit", "0")
        d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 0}))
        add_vendor(d, upstream)
        patch = {"processor_config": {"LLMProcessor": {"function": "call_with_custom_prompt", "prompt": PROMPT, "stream": True}}}
        made = d.request("POST", "/v1/profiles", d.admin_key, {"slug": "rain", "base_filepath": "base/blank.json5", "content_patch": patch})
        assert made.status == 201, made
        d.wait_for_config()
        upstream.default = "stall"
        yield d, upstream
        check_end(d)


@pytest.mark.parametrize("row", CANCELLED)
def test_a_cancelled_call_says_why(site, row):
    d, upstream = site
    reason = row.split(":")[0]
    assert not logged(d, "call.cancelled")
    CANCELLED[row](d, upstream)
    lines = wait_until(lambda: logged(d, "call.cancelled"), what="the line of the log")
    assert [(line["level"], line["reason"], line["site"]) for line in lines] == [("debug", reason, "demo")], lines
    if reason == "shutdown":
        return  # nobody can ask for the figures any more
    assert counted(d, "lectern_calls_cancelled_total") == {reason: 1}
    assert d.request("GET", f"/v1/register/{lines[0]['id']}", d.admin_key).status == 200
    assert PROMPT not in d.log()


# ---- connections: all reasons are in tests/unit/test_http_closed.c; here that a daemon counts and logs them, and TLS ----

def test_a_closed_connection_says_why(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
                   check=True, capture_output=True)
    d = Daemon(tmp_path / "data", "--log-level", "debug", "--tls-cert", cert, "--tls-key", key)
    with socket.create_connection(("127.0.0.1", d.port)) as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while s.recv(4096):
                pass
    wait_until(lambda: [line["reason"] for line in logged(d, "http.closed")] == ["tls_failed"], what="the line of the log")
    check_end(d)


@pytest.mark.parametrize("metric", ["lectern_http_connections_closed_total", "lectern_upstream_connections_closed_total"])
def test_the_figures_know_the_reasons_that_are_documented(shared, metric):
    text = shared.request("GET", "/metrics", shared.admin_key).body.decode()
    told = re.findall(rf'^{metric}{{reason="(\w+)"}}', text, re.M)
    assert set(told) == set(reasons_of(metric)) and len(told) == len(set(told))


def test_a_connection_to_a_service_says_why_it_ended(tmp_path):  # all reasons: tests/unit/test_http_client.c
    d = Daemon(tmp_path / "data", "--log-level", "debug")
    with Upstream() as upstream:
        add_vendor(d, upstream)
        d.cli("site", "set", "demo", "policy_by_lms=true")
        d.wait_for_config()
        path, body = native(False)
        assert d.request("POST", path, d.admin_key, body).status == 200
    wait_until(lambda: counted(d, "lectern_upstream_connections_closed_total") == {"service_closed": 1}, what="the count")
    assert [(line["reason"], line["service"], line["level"]) for line in logged(d, "upstream.closed")] == [("service_closed", upstream.root, "debug")]
    check_end(d)


def test_connections_are_logged_as_they_are_counted(tmp_path):
    d = Daemon(tmp_path / "data", "--log-level", "debug")
    for text in (b"NONSENSE\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", d.port)) as s:
            s.sendall(text)
            s.recv(4096)
    wait_until(lambda: {line["reason"] for line in logged(d, "http.closed")} >= {"bad_request", "answered", "client_closed"}, what="three reasons")
    for line in logged(d, "http.closed"):
        assert line["level"] == "debug" and line["sent"] > 0, line
    check_end(d)

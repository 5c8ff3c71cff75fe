"""Who leaves is noticed: the upstream connection of a call nobody waits for is closed, in every phase."""
import json
import socket
import time

import pytest

from double.upstream import Upstream

JSON_CALL, STREAM = "a JSON call", "a native stream"
GRACE = 1.0  # resume_grace of the test's site, seconds

# phase → what upstream does
PHASES = {
    "before the first byte": "stall",
    "after the head of the answer": "stall_head",
    "in the middle of the stream": "endless?delay_ms=50",
}


@pytest.fixture()
def upstream():
    with Upstream() as double:
        yield double


def send(daemon, stream, provider="vendor"):
    """A request on a bare socket, so that leaving is ours to do."""
    body = json.dumps({"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": "hello"}, "provider": provider, "stream": stream}).encode()
    s = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
    s.sendall(b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "
              + daemon.admin_key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return s


def configure(daemon, upstream, scenario):
    upstream.default = scenario
    daemon.cli("provider", "add", "vendor", "--plugin", "openai", "--site", "demo", "--config",
               json.dumps({"endpoint": upstream.url, "model": "m", "api_key": "test-key-123"}))
    daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"resume_grace_ms": int(GRACE * 1000), "policy_by_lms": True}))
    time.sleep(1.2)  # the daemon looks for changes twice a second


def last_state(daemon):
    return json.loads(daemon.cli("--json", "register", "list", "--site", "demo", "--limit", "1"))["calls"][0]["state"]


@pytest.mark.parametrize("phase", PHASES)
def test_a_json_call_is_cancelled_within_a_second(daemon, upstream, phase):
    configure(daemon, upstream, PHASES[phase])
    s = send(daemon, stream=False)
    record = upstream.wait_for(lambda r: r["path"].endswith("/chat/completions"), timeout=5)
    time.sleep(0.3)
    assert record["closed_at"] is None
    left = time.time()
    s.close()
    record = upstream.wait_for(lambda r: r["closed_at"], timeout=5)
    assert record["closed_at"] - left < 1.0
    time.sleep(0.3)
    assert last_state(daemon) == "cancelled"


@pytest.mark.parametrize("phase", PHASES)
def test_a_native_stream_goes_on_for_the_grace_and_is_then_cancelled(daemon, upstream, phase):
    configure(daemon, upstream, PHASES[phase])
    s = send(daemon, stream=True)
    upstream.wait_for(lambda r: r["path"].endswith("/chat/completions"), timeout=5)
    time.sleep(0.3)
    left = time.time()
    s.close()
    record = upstream.wait_for(lambda r: r["closed_at"], timeout=5)
    assert GRACE - 0.1 <= record["closed_at"] - left < GRACE + 1.0
    time.sleep(0.3)
    assert last_state(daemon) == "cancelled"


@pytest.mark.parametrize("kind", [JSON_CALL, STREAM])
def test_a_call_that_still_connects_is_cancelled(daemon, upstream, kind):
    """Upstream takes no connection: the call must end by the client's leaving, long before the connect deadline."""
    configure(daemon, upstream, "ok")
    daemon.cli("provider", "set", "vendor", "--site", "demo", "--json-patch",
               json.dumps({"config": {"endpoint": f"http://127.0.0.1:{upstream.dead_port}/v1"}}))
    time.sleep(1.2)
    s = send(daemon, stream=kind == STREAM)
    time.sleep(0.5)
    assert last_state(daemon) == "running"
    left = time.time()
    s.close()
    while last_state(daemon) == "running":
        assert time.time() - left < (GRACE if kind == STREAM else 0) + 1.5
        time.sleep(0.1)
    assert last_state(daemon) == "cancelled"

"""Who leaves is noticed: the upstream connection of a call nobody waits for is closed, in every phase."""
import json
import socket
import time

import pytest

from conftest import best_of, wait_until
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
    s = socket.create_connection(("127.0.0.1", daemon.port), timeout=60)
    s.sendall(b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "
              + daemon.admin_key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return s


def configure(daemon, upstream, scenario):
    upstream.default = scenario
    daemon.cli("provider", "add", "vendor", "--plugin", "openai", "--site", "demo", "--config",
               json.dumps({"endpoint": upstream.url, "model": "m", "api_key": "test-key-123"}))
    daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"resume_grace_ms": int(GRACE * 1000), "policy_by_lms": True}))
    daemon.wait_for_config()


def states(daemon):
    """Of the calls, newest first."""
    return [call["state"] for call in daemon.request("GET", "/v1/register", daemon.admin_key).json["calls"]]


def leave(daemon, upstream, stream):
    """A client leaves when its call has got as far as it will; seconds until the connection upstream ends. The call is cancelled then."""
    before = max((r["id"] for r in upstream.requests()), default=0)
    s = send(daemon, stream)
    record = upstream.wait_for(lambda r: r["id"] > before and (r["bytes"] > 0 or upstream.default == "stall"))
    assert record["closed_at"] is None
    left = time.time()
    s.close()
    record = upstream.wait_for(lambda r: r["id"] > before and r["closed_at"])
    wait_until(lambda: set(states(daemon)) == {"cancelled"}, what="the end of the call")
    return record["closed_at"] - left


@pytest.mark.parametrize("phase", PHASES)
def test_a_json_call_is_cancelled_within_a_second(daemon, upstream, phase):
    configure(daemon, upstream, PHASES[phase])
    best_of(lambda: leave(daemon, upstream, stream=False), 1.0)


@pytest.mark.parametrize("phase", PHASES)
def test_a_native_stream_goes_on_for_the_grace_and_is_then_cancelled(daemon, upstream, phase):
    configure(daemon, upstream, PHASES[phase])

    def took():
        seconds = leave(daemon, upstream, stream=True)
        assert GRACE - 0.1 <= seconds
        return seconds
    best_of(took, GRACE + 1.0)


@pytest.mark.parametrize("kind", [JSON_CALL, STREAM])
def test_a_call_that_still_connects_is_cancelled(daemon, upstream, kind):
    """Upstream takes no connection: the call must end by the client's leaving, long before the connect deadline."""
    configure(daemon, upstream, "ok")
    daemon.cli("provider", "set", "vendor", "--site", "demo", "--json-patch",
               json.dumps({"config": {"endpoint": f"http://127.0.0.1:{upstream.dead_port}/v1", "connect_ms": 60000}}))
    daemon.wait_for_config()

    def took():
        known = len(states(daemon))
        s = send(daemon, stream=kind == STREAM)
        wait_until(lambda: len(states(daemon)) == known + 1 and states(daemon)[0] == "running", what="the call")
        left = time.monotonic()
        s.close()
        wait_until(lambda: states(daemon)[0] != "running", what="its end")
        seconds = time.monotonic() - left
        assert states(daemon)[0] == "cancelled"
        return seconds
    best_of(took, (GRACE if kind == STREAM else 0) + 1.5)

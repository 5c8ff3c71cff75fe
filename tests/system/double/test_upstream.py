"""The double does what its description promises, so that a failing system test speaks of Lectern."""
import http.client
import json
import socket
import time

import pytest

from upstream import TEXT, Upstream

JSON = {"Content-Type": "application/json"}
HELLO = [{"role": "user", "content": "hé"}]


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as double:
        yield double


def ask(upstream, scenario, stream=False, timeout=60.0):
    """(status, headers, body) of one request."""
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=timeout)
    body = {"model": "double:" + scenario, "messages": HELLO, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), JSON)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def streamed(body):
    """The text of an event stream and whether it ended with [DONE]."""
    data = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    chunks = [json.loads(d) for d in data if d != "[DONE]"]
    text = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk.get("choices", []))
    return text, data[-1] == "[DONE]"


@pytest.mark.parametrize("scenario,text", [("ok", TEXT), ("echo", "hé"), ("chunks?n=3", "word1 word2 word3"), ("one_byte", TEXT),
                                           ("no_usage", TEXT), ("ok?text=A%20b", "A b"), ("odd_type", TEXT)])
def test_the_same_text_as_json_and_as_events(upstream, scenario, text):
    status, _, body = ask(upstream, scenario)
    assert status == 200
    assert json.loads(body)["choices"][0]["message"]["content"] == text
    assert streamed(ask(upstream, scenario, stream=True)[2]) == (text, True)


@pytest.mark.parametrize("scenario,status", [("401", 401), ("404", 404), ("429", 429), ("500", 500), ("529", 529), ("status?code=503", 503),
                                             ("context_window", 400), ("html", 502), ("redirect", 302)])
def test_error_answers(upstream, scenario, status):
    assert ask(upstream, scenario)[0] == status
    assert ask(upstream, scenario, stream=True)[0] == status


def test_retry_after(upstream):
    assert ask(upstream, "429")[1]["Retry-After"] == "7"
    assert ask(upstream, "status?code=503&retry_after=2")[1]["Retry-After"] == "2"


def test_streams_that_do_not_end_well(upstream):
    assert not streamed(ask(upstream, "truncated", stream=True)[2])[1]
    assert b'"error"' in ask(upstream, "error_mid", stream=True)[2]
    for scenario in ("reset", "reset_mid", "close", "close_mid"):
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            ask(upstream, scenario, stream=True)


@pytest.mark.parametrize("scenario", ["stall", "stall_head", "stall_mid", "endless"])
def test_waiting_ends_when_the_client_leaves(upstream, scenario):
    body = json.dumps({"model": "double:" + scenario, "messages": HELLO, "stream": True}).encode()
    client = socket.create_connection((upstream.host, upstream.port))
    client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    upstream.wait_for(lambda r: r["scenario"] == scenario)
    left = time.time()
    client.close()
    record = upstream.wait_for(lambda r: r["scenario"] == scenario and r["closed_at"])
    assert record["closed_early"] and record["answered_at"] is None
    assert record["closed_at"] >= left - 0.001


def test_a_gate_lets_pieces_through_one_by_one(upstream):
    connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": "double:chunks?n=3&gate=1", "messages": HELLO, "stream": True}), JSON)
    answer = connection.getresponse()
    for n in range(1, 4):
        assert upstream.requests()[-1]["answered_at"] is None
        upstream.let = n
        while f"word{n}" not in (line := answer.readline().decode()):
            assert "word" not in line and line
    assert upstream.wait_for(lambda r: r["scenario"].endswith("gate=1") and r["answered_at"])
    connection.close()
    upstream.clear()


def test_a_scenario_by_header_queue_model_and_default(upstream):
    def control(value):
        connection = http.client.HTTPConnection(upstream.host, upstream.port)
        connection.request("POST", "/control", json.dumps(value))
        assert connection.getresponse().status == 200

    control({"default": "404", "queue": ["429", "503"]})
    statuses = []
    for model, header in (("m", "ok"), ("double:401", None), ("m", None), ("double:401", None), ("m", None)):
        connection = http.client.HTTPConnection(upstream.host, upstream.port)
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": model, "messages": HELLO}),
                           {**JSON, **({"X-Double-Scenario": header} if header else {})})
        statuses.append(connection.getresponse().status)
    assert statuses == [200, 429, 503, 401, 404]
    control({"clear": True})
    assert upstream.requests() == []


def test_the_dead_port_takes_no_connection(upstream):
    with pytest.raises(TimeoutError):
        socket.create_connection((upstream.host, upstream.dead_port), timeout=0.3)

"""OpenTelemetry traces: the tree of spans for fallback, tools, streams, cancelled calls; W3C's fields in and out; a collector that is down, slow, huge or
refuses; JSON as OTLP's own protobuf definitions read it."""
import http.server
import json
import re
import subprocess
import threading
import time

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from openai_packages import install_python
from test_tools import Model, once, run


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector:
    """A double of an OTLP/HTTP collector. `answer(n)` gives status, headers, body of the nth request; None hangs until the end."""

    def __init__(self, answer=lambda n: (200, {}, b"{}")):
        self.requests, self.released, self.answer = [], threading.Event(), answer
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append((self.path, dict(self.headers), body))
                given = collector.answer(len(collector.requests))
                if given is None:
                    collector.released.wait(120)
                    return
                status, headers, text = given
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(text)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def spans(self):
        return [s for _, _, body in list(self.requests) for r in json.loads(body)["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]]

    def tree(self, root):
        """The spans of the trace of the span named `root`, once its server span is there."""

        def whole():
            spans = self.spans()
            tops = [s for s in spans if re.fullmatch(root, s["name"])]
            return tops and [s for s in spans if s["traceId"] == tops[-1]["traceId"]]

        return wait_until(whole, what=f"the span {root}")


@pytest.fixture()
def collector():
    c = Collector()
    yield c
    c.close()


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def shape(spans):
    """Names as a tree, in the order of their beginning."""
    ids = {s["spanId"] for s in spans}
    children = {}
    for s in sorted(spans, key=lambda s: int(s["startTimeUnixNano"])):
        children.setdefault(s.get("parentSpanId") if s.get("parentSpanId") in ids else None, []).append(s)

    def under(parent):
        return [(s["name"], *([under(s["spanId"])] if s["spanId"] in children else [])) for s in children.get(parent, [])]

    return under(None)


def start(tmp_path, collector, *options, env=None):
    d = Daemon(tmp_path / "data", "--otlp-endpoint", collector.url, *options, env=env)
    d.accept_policy(d.teacher)
    return d


GENERATE = "/v1/actions/generate_text"
SERVER = "POST /v1/actions/{name}"
BODY = {"input": {"prompt": "SECRETX is in the prompt"}}


def test_a_call_with_fallback_is_a_tree_that_holds_nothing_secret(tmp_path, collector, upstream):
    d = start(tmp_path, collector)
    add_vendor(d, upstream, "second")
    add_vendor(d, upstream, "first")
    upstream.choose = lambda request: "500" if len(upstream.requests()) <= 1 else "ok"
    answer = d.request("POST", GENERATE, d.teacher, BODY, headers={"traceparent": PARENT, "tracestate": "vendor=1,other@x=2"})
    assert answer.status == 200
    spans = collector.tree(re.escape(SERVER))
    assert shape(spans) == [(SERVER, [("process_action generate_text", [("chat m",), ("chat m",), ("record end",)])])]
    by = {s["name"]: s for s in spans}
    server, call = by[SERVER], by["process_action generate_text"]
    assert server["traceId"] == PARENT[3:35] and server["parentSpanId"] == PARENT[36:52] and server["traceState"] == "vendor=1,other@x=2" and server["kind"] == 2
    assert attributes(server) | {"http.request.method": "POST", "http.route": "/v1/actions/{name}", "url.scheme": "http", "http.response.status_code": "200",
                                 "lectern.request.id": answer.headers["X-Request-Id"], "lectern.site": "demo"} == attributes(server)
    assert attributes(call)["lectern.call.id"] == answer.json["id"] and attributes(call)["lectern.attempts"] == "2"
    failed, good = [attributes(s) for s in sorted(spans, key=lambda s: int(s["startTimeUnixNano"])) if s["name"] == "chat m"]
    assert failed["error.type"] == "upstream_unavailable" and failed["lectern.provider"] == "first" and failed["http.response.status_code"] == "500"
    assert good["gen_ai.operation.name"] == "chat" and good["gen_ai.provider.name"] == good["gen_ai.system"] == "openai" and good["gen_ai.request.model"] == "m"
    assert good["lectern.provider"] == "second" and good["gen_ai.response.finish_reasons"] == {"values": [{"stringValue": "stop"}]} and "error.type" not in good
    assert int(good["gen_ai.usage.input_tokens"]) > 0 and int(good["gen_ai.usage.output_tokens"]) > 0 and good["gen_ai.response.model"]
    assert {s["kind"] for s in spans if s["name"] == "chat m"} == {3} and [s["status"]["code"] for s in spans if "status" in s] == [2]
    for s in spans:
        assert re.fullmatch("[0-9a-f]{32}", s["traceId"]) and re.fullmatch("[0-9a-f]{16}", s["spanId"]) and s["flags"] == 1
        assert abs(int(s["startTimeUnixNano"]) / 1e9 - time.time()) < 600 and int(s["endTimeUnixNano"]) >= int(s["startTimeUnixNano"])
    path, headers, _ = collector.requests[0]
    assert path == "/v1/traces" and headers["Content-Type"] == "application/json"
    check_end(d)
    text = b"".join(body for _, _, body in collector.requests)
    for secret in (b"SECRETX", d.teacher.encode(), b"demo-teacher", b"test-key-123", b"water cycle"):
        assert secret not in text


def test_a_stream_and_one_whose_client_leaves(tmp_path, collector, upstream):
    d = start(tmp_path, collector)
    d.request("PATCH", "/v1/site", d.admin_key, {"settings": {"resume_grace_ms": 0}})
    add_vendor(d, upstream)
    upstream.default = "chunks"
    d.stream("POST", GENERATE, d.teacher, {**BODY, "stream": True})
    spans = collector.tree(re.escape(SERVER))
    call = attributes(next(s for s in spans if s["name"].startswith("process_action")))
    assert call["lectern.stream"] is True and int(call["lectern.first_text_ms"]) >= 0
    collector.requests.clear()
    upstream.default = "stall_mid"
    connection, response = d.open("POST", GENERATE, d.teacher, {**BODY, "stream": True})
    response.readline()
    response.close()
    connection.close()
    spans = collector.tree(re.escape(SERVER))
    call = next(s for s in spans if s["name"].startswith("process_action"))
    assert attributes(call)["lectern.cancelled_because"] == "client_left" and attributes(call)["error.type"] == "cancelled" and call["status"]["code"] == 2
    check_end(d)


def test_a_refused_call_has_no_attempt_and_names_its_gate(tmp_path, collector):
    d = start(tmp_path, collector)
    assert d.request("POST", GENERATE, d.learner, BODY).status == 403
    assert d.request("POST", "/v1/actions/SECRETX", d.teacher, {"input": {}}).status == 404
    wait_until(lambda: sum(s["name"] == SERVER for s in collector.spans()) == 2, what="both")
    calls = [attributes(s) for s in collector.spans() if s["name"].startswith("process_action")]
    assert sorted((c["lectern.gate"], c["lectern.action"]) for c in calls) == [("action", "other"), ("permission", "generate_text")]
    assert not [s for s in collector.spans() if s["kind"] == 3]
    check_end(d)
    assert b"SECRETX" not in b"".join(body for _, _, body in collector.requests)


def test_a_workflow_with_tools_is_a_tree(tmp_path, collector):
    model = Model()
    d = start(tmp_path, collector)
    add_vendor(d, model)
    made = d.request("POST", "/v1/profiles", d.admin_key, {"slug": "dice", "base_filepath": "base/blank.json5",
                                                         "content_patch": {"processor_config": {"LLMProcessor": {"enabled_tools": ["roll_dice"]}}}})
    assert made.status == 201, made
    model.script = once([("roll_dice", {"n_dice": 3}), ("roll_dice", {"sides": "SECRETX"})])
    run(d, "dice")
    spans = collector.tree("POST /v1/workflows/run")
    asked = ("process_action continue_conversation", [("chat m",), ("record end",)])
    assert shape(spans) == [("POST /v1/workflows/run", [("workflow dice", [asked, ("execute_tool roll_dice",), ("execute_tool roll_dice",), asked])])]
    good, bad = [attributes(s) for s in sorted(spans, key=lambda s: int(s["startTimeUnixNano"])) if s["name"].startswith("execute_tool")]
    assert good == {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "roll_dice", "gen_ai.tool.type": "function"}
    assert bad["error.type"] == "invalid_input"
    workflow = attributes(next(s for s in spans if s["name"] == "workflow dice"))
    assert workflow["lectern.profile"] == "dice" and workflow["lectern.calls"] == "2" and workflow["lectern.orchestrator"]
    check_end(d)
    assert b"SECRETX" not in b"".join(body for _, _, body in collector.requests)
    model.shutdown()


# ---- W3C ----

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("parent, goes_on, sampled", [
    (f"00-{TRACE}-{SPAN}-01", True, True), (f"00-{TRACE}-{SPAN}-03", True, True), (f"00-{TRACE}-{SPAN}-ff", True, True), (f"00-{TRACE}-{SPAN}-00", True, False),
    (f"01-{TRACE}-{SPAN}-01", True, True), (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True, True), (f"cc-{TRACE}-{SPAN}-01-", True, True),
    (f"00-{TRACE}-{SPAN}-01-what", False, True), (f"00-{TRACE}-{SPAN}-01-", False, True), (f"cc-{TRACE}-{SPAN}-01.what", False, True), (f"ff-{TRACE}-{SPAN}-01", False, True),
    (f"00-{'0' * 32}-{SPAN}-01", False, True), (f"00-{TRACE}-{'0' * 16}-01", False, True), (f"00-{TRACE.upper()}-{SPAN}-01", False, True),
    (f"00-{TRACE}-{SPAN}-0", False, True), (f"00-{TRACE}-{SPAN}-0x", False, True), (f"0-{TRACE}-{SPAN}-01", False, True), (f"00-{TRACE[:-1]}-{SPAN}-01", False, True),
    (f"00-{TRACE}{SPAN}-01", False, True), (f"00_{TRACE}_{SPAN}_01", False, True), ("", False, True), ("00", False, True), (f"00-{TRACE}-{SPAN[:-1]}g-01", False, True),
    (f".0-{TRACE}-{SPAN}-01", False, True), (f"00-{TRACE}-{SPAN}-01 ,00-{TRACE}-{SPAN}-01", False, True)])
def test_traceparent_as_the_recommendation_has_it(traced, parent, goes_on, sampled):
    d, collector, upstream = traced
    upstream.clear()
    before = len(collector.spans())
    answer = d.request("POST", GENERATE, d.teacher, BODY, headers={"traceparent": parent, "tracestate": "a=1"})
    assert answer.status == 200
    sent = upstream.requests()[-1]["headers"]
    version, trace, span, flags = sent["traceparent"].split("-")
    assert version == "00" and flags == ("01" if sampled else "00") and (trace == TRACE) == goes_on and span != SPAN
    assert sent.get("tracestate") == ("a=1" if goes_on else None)
    if sampled:
        spans = wait_until(lambda: [s for s in collector.spans()[before:] if s["name"] == SERVER], what="the span")
        assert spans[-1]["traceId"] == trace and spans[-1].get("parentSpanId") == (SPAN if goes_on else None)
        assert span in {s["spanId"] for s in collector.spans() if s["kind"] == 3}, "the vendor's parent is the attempt"
    else:
        assert d.request("POST", GENERATE, d.teacher, BODY).status == 200
        wait_until(lambda: len(collector.spans()) > before, what="the next trace")
        assert TRACE not in {s["traceId"] for s in collector.spans()[before:]}


@pytest.mark.parametrize("state, passed", [
    ("a=1", True), ("a=1,b=2", True), ("a=1 , b=2", True), ("0tenant@sys=v", True), ("a*/_-b=v v", True), (",a=1,,", True), (",".join(f"k{i}=v" for i in range(32)), True),
    (",".join(f"k{i}=v" for i in range(33)), False), ("a=1,a=2", False), ("A=1", False), ("1a=1", False), ("a", False), ("=1", False), ("a=", False), ("a=b=c", False),
    ("a=" + "v" * 256, True), ("a=" + "v" * 257, False), ("a" * 257 + "=1", False), ("t@=1", False), ("@s=1", False), ("t@" + "s" * 15 + "=1", False), ("a=é", False),
    (",".join(f"k{i}=" + "v" * 100 for i in range(6)), False), ("", False)])
def test_tracestate_is_passed_on_or_dropped_as_a_whole(traced, state, passed):
    d, _, upstream = traced
    upstream.clear()
    d.request("POST", GENERATE, d.teacher, BODY, headers={"traceparent": PARENT, "tracestate": state.encode()})
    assert upstream.requests()[-1]["headers"].get("tracestate") == (state.strip() if passed else None)


@pytest.fixture(scope="module")
def traced(tmp_path_factory, service):
    c = Collector()
    service.default = "ok"
    service.choose = None
    d = start(tmp_path_factory.mktemp("traced"), c)
    add_vendor(d, service, trace_context=True)
    yield d, c, service
    check_end(d)
    c.close()


def test_a_vendor_is_told_nothing_unless_its_instance_says_so(tmp_path, collector, upstream):
    d = start(tmp_path, collector)
    add_vendor(d, upstream)
    d.request("POST", GENERATE, d.teacher, BODY, headers={"traceparent": PARENT, "tracestate": "a=1"})
    assert not {"traceparent", "tracestate"} & set(upstream.requests()[-1]["headers"])
    check_end(d)


# ---- the collector ----

def figure(d, name):
    return d.figure(f"lectern_spans_{name}")


def calls(d, n):
    for _ in range(n):
        assert d.request("GET", "/v1/policy", d.teacher).status == 200


@pytest.mark.parametrize("what, answer", [("hangs", lambda n: None), ("is full", lambda n: (503, {"Retry-After": "1"}, b"")), ("sends much", lambda n: (200, {}, b"x" * 5_000_000)),
                                          ("refuses", lambda n: (400, {}, b"no")), ("takes a part", lambda n: (200, {}, b'{"partialSuccess":{"rejectedSpans":"2"}}'))])
def test_a_collector_that_is_at_fault_costs_spans_and_no_call(tmp_path, what, answer):
    c = Collector(answer)
    d = start(tmp_path, c)
    calls(d, 5)
    wait_until(lambda: c.requests, what="a batch")
    calls(d, 2500 if what == "hangs" else 600)
    assert figure(d, "queued") <= 2048
    if what in ("hangs", "is full"):
        assert figure(d, "exported_total") == 0
        wait_until(lambda: figure(d, "dropped_total") > 0 if what == "hangs" else '"otlp.export"' in d.log(), what="the first that is dropped, or a word of it")
    else:
        wait_until(lambda: figure(d, "exported_total") + figure(d, "dropped_total") > 600, what="word of all: a batch on its way is not in the queue any more")
        good, lost = figure(d, "exported_total"), figure(d, "dropped_total")
        assert {"sends much": good > 600 and lost == 0, "refuses": good == 0 and lost > 600, "takes a part": lost == 2 * len(c.requests)}[what], (good, lost)
    check_end(d)
    c.close()


def test_a_collector_that_comes_back_gets_what_waits(tmp_path):
    c = Collector(lambda n: (503, {}, b"") if n < 3 else (200, {}, b"{}"))
    d = start(tmp_path, c)
    calls(d, 20)
    wait_until(lambda: figure(d, "exported_total") >= 20, what="the spans")
    assert figure(d, "dropped_total") == 0 and c.requests[0][2] == c.requests[1][2] == c.requests[2][2]
    check_end(d)
    c.close()


def test_what_waits_at_the_end_is_sent(tmp_path, collector):
    d = start(tmp_path, collector)
    calls(d, 30)
    check_end(d)
    assert sum(s["name"] == "GET /v1/policy" for s in collector.spans()) == 31  # one by accept_policy


def test_nobody_listens(tmp_path):
    c = Collector()
    c.close()
    d = start(tmp_path, c)
    calls(d, 10)
    wait_until(lambda: '"otlp.export"' in d.log(), what="the word in the log")
    check_end(d)


# ---- settings ----

def test_headers_are_sent_and_never_told(tmp_path, collector):
    file = tmp_path / "headers"
    file.write_text("Authorization=Basic%20c2VjcmV0LXRva2Vu\nx-scope=one,x-more=t%3Dwo\n")
    d = start(tmp_path, collector, "--otlp-headers-file", file)
    calls(d, 1)
    wait_until(lambda: collector.requests, what="a batch")
    headers = {k.lower(): v for k, v in collector.requests[0][1].items()}
    assert headers["authorization"] == "Basic c2VjcmV0LXRva2Vu" and headers["x-scope"] == "one" and headers["x-more"] == "t=wo"
    check_end(d)
    assert "c2VjcmV0" not in d.log()


def test_opentelemetry_s_own_variables_are_heeded_and_ours_win(tmp_path, collector):
    other = Collector()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url + "/", "OTEL_SERVICE_NAME": "school", "OTEL_EXPORTER_OTLP_HEADERS": "x-a=1"}
    d = Daemon(tmp_path / "a", env=env)
    calls(d, 1)
    wait_until(lambda: collector.requests, what="a batch")
    resource = attributes(json.loads(collector.requests[0][2])["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "school" and resource["service.version"] and resource["service.instance.id"] and collector.requests[0][1]["x-a"] == "1"
    check_end(d)
    n = len(collector.requests)
    d = Daemon(tmp_path / "b", "--otlp-endpoint", other.url, env=env)
    calls(d, 1)
    wait_until(lambda: other.requests, what="a batch at the other")
    check_end(d)
    for i, more in enumerate(({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_TRACES_SAMPLER": "always_off"})):
        d = Daemon(tmp_path / f"c{i}", env={**env, **more})
        calls(d, 2)
        check_end(d)
    assert len(collector.requests) == n
    d = Daemon(tmp_path / "d", env={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": other.url + "/own/path"})
    calls(d, 1)
    wait_until(lambda: [r for r in other.requests if r[0] == "/own/path"], what="the whole address")
    check_end(d)
    other.close()


def test_the_share_is_kept_and_whole_traces_are_taken(tmp_path, collector):
    d = start(tmp_path, collector, "--otlp-sample-ratio", "0.25")
    calls(d, 400)
    check_end(d)
    assert 40 < sum(s["name"] == "GET /v1/policy" for s in collector.spans()) < 170  # 100 on average, sd 8.7


@pytest.mark.parametrize("options, words", [(["--otlp-endpoint", "http://collector.example:4318"], "traces"), (["--otlp-endpoint", "nonsense"], "traces"),
                                            (["--otlp-endpoint", "http://127.0.0.1:1", "--otlp-sample-ratio", "1.5"], "must be a number from 0 to 1, is '1.5'"),
                                            (["--otlp-endpoint", "http://127.0.0.1:1", "--otlp-headers-file", "/nonexistent"], "otlp_headers_file")])
def test_wrong_settings_are_named_at_the_start(tmp_path, options, words):
    with pytest.raises(AssertionError, match="did not start") as said:
        Daemon(tmp_path / "data", *options)
    assert words in str(said.value)


PROTO = """
import sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
import base64, json
n = 0
for line in open(sys.argv[1]):
    tree = json.loads(line)
    def ids(v):  # OTLP's JSON has ids in hex where protobuf's mapping has base64
        if isinstance(v, dict):
            return {k: base64.b64encode(bytes.fromhex(x)).decode() if k in ("traceId", "spanId", "parentSpanId") else ids(x) for k, x in v.items()}
        return [ids(x) for x in v] if isinstance(v, list) else v
    message = json_format.ParseDict(ids(tree), ExportTraceServiceRequest(), ignore_unknown_fields=False)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8 and span.end_time_unix_nano >= span.start_time_unix_nano > 1 << 60 and span.name
                n += 1
print(n)
"""


def test_opentelemetry_s_own_definitions_read_what_is_sent(tmp_path, collector, upstream):
    python = install_python(tmp_path / "venv", "opentelemetry-proto==1.30.0")
    d = start(tmp_path, collector)
    add_vendor(d, upstream)
    scenarios = iter(["ok", "500", "chunks", "context_window", "no_usage", "refusal", "length"] * 2)
    upstream.choose = lambda request: next(scenarios)
    for stream in [False] * 7 + [True] * 7:
        d.request("POST", GENERATE, d.teacher, {**BODY, "stream": stream})
    check_end(d)
    file = tmp_path / "batches"
    file.write_bytes(b"\n".join(body for _, _, body in collector.requests) + b"\n")
    done = subprocess.run([python, "-c", PROTO, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == len(collector.spans()) > 50

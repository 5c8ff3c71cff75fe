#!/usr/bin/env python3
"""A double of an OpenAI-compatible AI service, for system tests. Standard library only.

    python3 upstream.py --port 0 [--host 127.0.0.1] [--cert FILE --key FILE]

prints the port on its first line and, on the second, the "dead" port: one that listens but takes no connection, so that connecting to it
hangs. As a class:

    with Upstream() as upstream:
        upstream.url                     # http://127.0.0.1:PORT/v1
        upstream.default = "stall"       # see below
        upstream.requests()              # what came so far
        upstream.wait_for(lambda r: r["closed_at"])   # the first record for which that holds

It speaks POST /v1/chat/completions (JSON, and events when the body has "stream": true) and GET /v1/models; any prefix before
/chat/completions will do.

What it does is a scenario: a name, and parameters as in a query: "chunks?n=20&delay_ms=50". It is taken from, in this order:
    1. the request header X-Double-Scenario
    2. POST /control {"queue": ["status?code=503", "ok"]}: one for each request to come
    3. the model name "double:SCENARIO"
    4. POST /control {"default": "SCENARIO"} (or attribute `default`); at first "ok"

Scenarios that answer well (all as JSON or as events, as asked; parameters: text=…, n= pieces of the text, delay_ms= between pieces and
before the first, first_ms= before the head; text may be given everywhere):
    ok            a fixed text
    echo          the last message of the user
    chunks        n pieces (default 10), "word1 word2 …" unless text is given
    think         a text with <think>…</think> before it, cut inside the tags
    tool_calls    two tool calls, arguments in pieces
    no_usage      no usage anywhere
    length        finish_reason length          content_filter   no text, finish_reason content_filter
    refusal       the member `refusal`          empty            content ""
    json_anyway   JSON although asked to stream sse_anyway       events although not asked
    odd_type      right body, Content-Type text/plain
    one_byte      every byte of the body in a write of its own
    no_done       events without [DONE] but with finish_reason
Scenarios that wait (until the client leaves, or ms=):
    stall         after the request, nothing    stall_head       after the head of the answer
    stall_mid     after n pieces (default 3)    endless          pieces for ever, delay_ms between them (default 10)
Scenarios that break:
    reset         RST before the first byte     reset_mid        RST after n pieces
    close         closes without an answer      close_mid        closes inside the body after n pieces
    truncated     events end in order, without finish_reason and [DONE]
    error_mid     an error object after n pieces (default 2), parameters code, type, message
    status        code= (default 500), retry_after=, message=, type=, error_code=, body= (raw): an error answer
    401 403 404 408 429 500 503 504 529         the same with that code; 429 says Retry-After: 7
    context_window   400 with code context_length_exceeded
    html          502 with an HTML page         redirect         302, location=
    wrong_json    JSON cut in the middle        wrong_types      members of other types than promised
    not_utf8      bad bytes in the text         huge             mb= (default 20) of text

Control: GET /control/requests → {"now", "requests": […]}, DELETE /control/requests, GET /control/connections → {"open", "accepted"},
POST /control {"default"?, "queue"?, "clear"?: true}.

A record: {id, connection, method, path, headers{lower case}, body (parsed, or text), scenario, at, answered_at (the whole answer is
written), closed_at (the connection ended, or None), closed_early (it ended before the answer was whole), bytes}. Times are time.time().
"""
import argparse
import asyncio
import json
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

HEAD_MAX = 64 * 1024
BODY_MAX = 64 * 1024 * 1024
REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
           411: "Length Required", 413: "Content Too Large", 422: "Unprocessable Content", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 529: "Site Overloaded"}
FAULTS = {401: ("invalid_api_key", "invalid_request_error", "Invalid Authentication"),
          403: ("unsupported_country", "request_forbidden", "Country, region, or territory not supported"),
          404: ("model_not_found", "invalid_request_error", "The model does not exist or you do not have access to it."),
          429: ("rate_limit_exceeded", "requests", "Rate limit reached for requests")}
TEXT = "The water cycle moves water between sea, air and land."
USAGE = {"prompt_tokens": 11, "completion_tokens": 568, "total_tokens": 579}


class Reset(Exception):
    """The connection is to be reset."""


class Close(Exception):
    """The connection is to be closed as it is."""


def parse_scenario(spec):
    name, _, query = spec.partition("?")
    return name, {k: v[-1] for k, v in urllib.parse.parse_qs(query, keep_blank_values=True).items()}


def cut(text, n):
    """The text in n pieces of nearly the same length."""
    n = max(1, min(n, len(text) or 1))
    return [text[i * len(text) // n:(i + 1) * len(text) // n] for i in range(n)]


class Exchange:
    """One request and the writing of its answer."""

    def __init__(self, connection, record, spec, stream):
        self.connection, self.record, self.stream = connection, record, stream
        self.name, self.args = parse_scenario(spec)
        self.model = (record["body"] or {}).get("model", "double") if isinstance(record["body"], dict) else "double"
        self.chunked = False
        self.one_byte = self.name == "one_byte"
        self.delay = float(self.args.get("delay_ms", 0)) / 1000
        self.made = 0

    def number(self, key, default):
        return int(self.args.get(key, default))

    async def write(self, data):
        await self.connection.write(data)
        self.record["bytes"] += len(data)

    async def head(self, status, kind, length=None, more=()):
        self.chunked = length is None
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Content-Type: {kind}",
                 "Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {length}", *more]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def body(self, data):
        for piece in ([data[i:i + 1] for i in range(len(data))] if self.one_byte else [data]):
            await self.write(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)
            if self.one_byte:
                await asyncio.sleep(0)

    async def end(self):
        if self.chunked:
            await self.write(b"0\r\n\r\n")

    async def whole(self, status, value, kind="application/json", more=()):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        if self.one_byte:
            await self.head(status, kind, len(data), more)
            return await self.body(data)
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *more]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)

    async def hang(self):
        await asyncio.sleep(self.number("ms", 3_600_000) / 1000)

    # ---- the answer's parts ----
    def text(self):
        if "text" in self.args:
            return self.args["text"]
        if self.name == "echo":
            users = [m for m in self.record["body"].get("messages", []) if m.get("role") == "user"]
            return users[-1]["content"] if users else ""
        if self.name in ("chunks", "stall_mid", "reset_mid", "close_mid", "error_mid", "truncated"):
            return " ".join(f"word{i + 1}" for i in range(self.number("n", 10)))
        if self.name == "think":
            return "<think>\nFirst I consider the question.\n</think>\n\n" + TEXT
        if self.name == "huge":
            return "x" * (self.number("mb", 20) * 1024 * 1024)
        if self.name in ("content_filter", "refusal", "empty", "tool_calls"):
            return ""
        return TEXT

    def pieces(self):
        defaults = {"chunks": 10, "think": 12, "stall_mid": 3, "reset_mid": 3, "close_mid": 3, "error_mid": 2, "huge": 64}
        text = self.text()
        return cut(text, self.number("n", defaults.get(self.name, 4))) if text else []

    def tools(self):
        return [{"id": "call_1", "type": "function", "function": {"name": "find_unit", "arguments": '{"topic": "water"}'}},
                {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": "{}"}}]

    def finish_reason(self):
        return {"length": "length", "content_filter": "content_filter", "tool_calls": "tool_calls"}.get(self.name, "stop")

    def fault(self, code=None):
        code = code or self.number("code", 500)
        error_code, kind, message = FAULTS.get(code, (None, "server_error", "The server had an error"))
        return {"error": {"message": self.args.get("message", message), "type": self.args.get("type", kind), "param": None,
                          "code": self.args.get("error_code", error_code)}}

    def completion(self):
        message = {"role": "assistant", "content": self.text() or None}
        if self.name == "empty":
            message["content"] = ""
        if self.name == "tool_calls":
            message["tool_calls"] = self.tools()
        if self.name == "refusal":
            message["refusal"] = "I cannot help with that."
        answer = {"id": f"chatcmpl-{self.record['id']}", "object": "chat.completion", "created": int(time.time()), "model": self.model,
                  "system_fingerprint": "fp_double", "choices": [{"index": 0, "message": message, "logprobs": None,
                                                                  "finish_reason": self.finish_reason()}]}
        if self.name != "no_usage":
            answer["usage"] = USAGE
        return answer

    async def event(self, value):
        data = value if isinstance(value, str) else json.dumps(value)
        await self.body(f"data: {data}\n\n".encode())

    async def chunk(self, delta, finish=None):
        if self.made:
            await asyncio.sleep(self.delay)
        self.made += 1
        await self.event({"id": f"chatcmpl-{self.record['id']}", "object": "chat.completion.chunk", "created": int(time.time()),
                          "model": self.model, "system_fingerprint": "fp_double", "usage": None,
                          "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    async def events(self):
        kind = "text/plain" if self.name == "odd_type" else "text/event-stream; charset=utf-8"
        await self.head(200, kind)
        if self.name == "stall_head":
            return await self.hang()
        await asyncio.sleep(self.delay)
        await self.chunk({"role": "assistant", "content": ""})
        while self.name == "endless":
            await asyncio.sleep(0 if "delay_ms" in self.args else 0.01)
            await self.chunk({"content": "more "})
        for piece in self.pieces():
            await self.chunk({"content": piece})
        if self.name == "stall_mid":
            return await self.hang()
        if self.name == "reset_mid":
            await asyncio.sleep(0.05)  # so that what was written arrives before the reset
            raise Reset
        if self.name == "close_mid":
            raise Close
        if self.name == "error_mid":
            await self.event(self.fault())
            return await self.end()
        if self.name == "truncated":
            return await self.end()
        if self.name == "refusal":
            await self.chunk({"refusal": "I cannot help with that."})
        if self.name == "tool_calls":
            await self.tool_chunks()
        await self.chunk({}, self.finish_reason())
        options = self.record["body"].get("stream_options") or {}
        if options.get("include_usage") and self.name != "no_usage":
            await self.event({"id": f"chatcmpl-{self.record['id']}", "object": "chat.completion.chunk", "model": self.model, "choices": [],
                              "usage": USAGE})
        if self.name != "no_done":
            await self.event("[DONE]")
        await self.end()

    async def tool_chunks(self):
        for i, tool in enumerate(self.tools()):
            await self.chunk({"tool_calls": [{"index": i, "id": tool["id"], "type": "function",
                                              "function": {"name": tool["function"]["name"], "arguments": ""}}]})
            for piece in cut(tool["function"]["arguments"], 3):
                await self.chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})

    async def error_answer(self, code):
        more = []
        retry = self.args.get("retry_after", "7" if code == 429 and self.name == "429" else None)
        if retry is not None:
            more.append(f"Retry-After: {retry}")
        await self.whole(code, self.args["body"].encode() if "body" in self.args else self.fault(code), more=more)

    async def run(self):
        await asyncio.sleep(self.number("first_ms", 0) / 1000)
        name = self.name
        if name == "stall":
            return await self.hang()
        if name == "reset":
            raise Reset
        if name == "close":
            raise Close
        if name == "status":
            return await self.error_answer(self.number("code", 500))
        if name.isdigit():
            return await self.error_answer(int(name))
        if name == "context_window":
            return await self.whole(400, {"error": {"message": "This model's maximum context length is 8192 tokens.", "param": "messages",
                                                    "type": "invalid_request_error", "code": "context_length_exceeded"}})
        if name == "html":
            return await self.whole(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
        if name == "redirect":
            return await self.whole(302, b"", "text/plain", [f"Location: {self.args.get('location', 'http://127.0.0.1:1/')}"])
        if name == "wrong_json":
            return await self.whole(200, json.dumps(self.completion()).encode()[:-20])
        if name == "wrong_types":
            return await self.whole(200, {"id": 7, "choices": {"0": "no"}, "usage": "much"})
        if name == "not_utf8":
            return await self.whole(200, json.dumps(self.completion()).encode().replace(b"water", b"w\xff\xfeter"))
        if name == "stall_head" and not self.stream:
            await self.head(200, "application/json")
            return await self.hang()
        if (self.stream or name in ("sse_anyway", "endless")) and name != "json_anyway":
            return await self.events()
        return await self.json_answer()

    async def json_answer(self):
        """JSON, with the parts of a scenario that make sense for it."""
        data = json.dumps(self.completion()).encode()
        if self.name in ("stall_mid", "reset_mid", "close_mid"):
            await self.head(200, "application/json", len(data))
            await self.body(data[:len(data) // 2])
            if self.name == "stall_mid":
                return await self.hang()
            await asyncio.sleep(0.05)
            raise Reset if self.name == "reset_mid" else Close
        if self.name == "error_mid":
            return await self.whole(200, self.fault())
        await asyncio.sleep(self.delay * max(1, len(self.pieces())))
        await self.whole(200, data, "text/plain" if self.name == "odd_type" else "application/json")


class Connection(asyncio.Protocol):
    """One client connection: requests one after the other, the closing noticed at any time."""

    def __init__(self, server):
        self.server, self.buffer, self.task, self.current = server, b"", None, None
        self.records = []

    def connection_made(self, transport):
        self.transport = transport
        self.writable = asyncio.Event()
        self.writable.set()
        self.server.accepted += 1
        self.number = self.server.accepted
        self.server.open.add(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def connection_lost(self, exc):
        self.server.open.discard(self)
        self.writable.set()
        now = time.time()
        for record in self.records:
            if record["closed_at"] is None:
                record["closed_at"] = now
                record["closed_early"] = record["answered_at"] is None
        if self.task:
            self.task.cancel()

    async def write(self, data):
        await self.writable.wait()
        if self.transport.is_closing():
            raise Close
        self.transport.write(data)

    def data_received(self, data):
        self.buffer += data
        self.next_request()

    def next_request(self):
        if self.task or self.transport.is_closing():
            return
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > HEAD_MAX:
                self.transport.close()
            return
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        method, path, _ = (lines[0].split(" ") + ["", ""])[:3]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if length > BODY_MAX or "transfer-encoding" in headers:
            self.transport.close()
            return
        if len(self.buffer) < end + 4 + length:
            return
        body = self.buffer[end + 4:end + 4 + length]
        self.buffer = self.buffer[end + 4 + length:]
        self.task = asyncio.get_running_loop().create_task(self.serve(method, path, headers, body))

    async def serve(self, method, path, headers, body):
        try:
            await self.server.handle(self, method, path, headers, body)
        except Reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        except Close:
            self.transport.close()
        except asyncio.CancelledError:
            return
        finally:
            self.task = None
        if headers.get("connection", "").lower() == "close":
            self.transport.close()
        self.next_request()


class Upstream:
    """The server; runs in a thread of its own between start() and stop()."""

    def __init__(self, host="127.0.0.1", port=0, cert=None, key=None):
        self.host, self.port, self.default, self.queue = host, port, "ok", []
        self.records, self.open, self.accepted = [], set(), 0
        self.made = 0
        self.tls = None
        if cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert, key)

    # ---- for tests ----
    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}/v1"

    @property
    def dead_url(self):
        return f"http://{self.host}:{self.dead_port}/v1"

    def start(self):
        ready = threading.Event()
        self.failed = None

        def main():
            try:
                asyncio.run(self.serve(ready.set))
            except OSError as error:
                self.failed = error
                ready.set()

        self.thread = threading.Thread(target=main, name="upstream", daemon=True)
        self.thread.start()
        ready.wait(10)
        if self.failed:
            raise self.failed
        return self

    def stop(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.stopping.set)
            self.thread.join(10)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def requests(self):
        """Copies of the records, oldest first."""
        return [dict(r) for r in list(self.records)]

    def clear(self):
        self.records.clear()
        self.queue.clear()
        self.default = "ok"

    def wait_for(self, holds, timeout=5.0):
        """The first record for which holds(record); AssertionError after `timeout` seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for record in self.requests():
                if holds(record):
                    return record
            time.sleep(0.005)
        raise AssertionError(f"no such request within {timeout} s; there are: {self.requests()}")

    # ---- the server ----
    def make_dead_port(self):
        """A full accept queue: the kernel drops further SYNs, so that connecting hangs."""
        self.dead = [socket.create_server((self.host, 0), backlog=0)]
        self.dead_port = self.dead[0].getsockname()[1]
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.dead_port))
            self.dead.append(filler)

    async def serve(self, when_ready=lambda: None):
        self.loop, self.stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await self.loop.create_server(lambda: Connection(self), self.host, self.port, backlog=1024, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self.make_dead_port()
        when_ready()
        await self.stopping.wait()
        server.close()
        for connection in list(self.open):
            connection.transport.abort()
        for sock in self.dead:
            sock.close()

    def scenario(self, headers, body):
        if "x-double-scenario" in headers:
            return headers["x-double-scenario"]
        if self.queue:
            return self.queue.pop(0)
        model = body.get("model") if isinstance(body, dict) else None
        if isinstance(model, str) and model.startswith("double:"):
            return model[len("double:"):]
        return self.default

    async def handle(self, connection, method, path, headers, raw):
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode("utf-8", "replace")
        if path.startswith("/control"):
            return await self.control(connection, method, path, body)
        self.made += 1
        record = {"id": self.made, "connection": connection.number, "method": method, "path": path, "headers": headers, "body": body,
                  "scenario": None, "at": time.time(), "answered_at": None, "closed_at": None, "closed_early": False, "bytes": 0}
        self.records.append(record)
        connection.records = [r for r in connection.records if r["closed_at"] is None] + [record]
        route = path.partition("?")[0]
        known = method == "POST" and route.endswith("/chat/completions") and isinstance(body, dict)
        record["scenario"] = self.scenario(headers, body) if known else "none"
        exchange = Exchange(connection, record, record["scenario"], known and body.get("stream") is True)
        if known:
            await exchange.run()
        elif method == "GET" and route.endswith("/models"):
            await exchange.whole(200, {"object": "list", "data": [{"id": "double", "object": "model", "owned_by": "double"}]})
        else:
            await exchange.whole(404, {"error": {"message": f"Invalid URL ({method} {path})", "type": "invalid_request_error", "code": None}})
        record["answered_at"] = time.time()

    async def control(self, connection, method, path, body):
        exchange = Exchange(connection, {"id": 0, "body": None, "bytes": 0}, "ok", False)
        if path == "/control/requests" and method == "GET":
            return await exchange.whole(200, {"now": time.time(), "requests": self.records})
        if path == "/control/requests" and method == "DELETE":
            self.records.clear()
            return await exchange.whole(200, {})
        if path == "/control/connections":
            return await exchange.whole(200, {"open": len(self.open), "accepted": self.accepted})
        if path == "/control" and method == "POST" and isinstance(body, dict):
            if body.get("clear"):
                self.clear()
            self.default = body.get("default", self.default)
            self.queue.extend(body.get("queue", []))
            return await exchange.whole(200, {"default": self.default, "queue": self.queue})
        return await exchange.whole(404, {"error": "no such control"})


def main():
    parser = argparse.ArgumentParser(description="A double of an OpenAI-compatible service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--default", default="ok", help="scenario of requests that name none")
    args = parser.parse_args()
    upstream = Upstream(args.host, args.port, args.cert, args.key)
    upstream.default = args.default

    def say():
        print(upstream.port, upstream.dead_port, sep="\n", flush=True)

    try:
        asyncio.run(upstream.serve(say))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()

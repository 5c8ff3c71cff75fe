#!/usr/bin/env python3
"""A double of the AI services, for system tests. Standard library only. One process speaks, by the address that is asked,

    OpenAI          …/chat/completions · …/responses (create, GET one, GET its input_items, DELETE) · …/embeddings · GET …/models
                    …/images/generations (and GET /made/N.png, where such an image is)
    its kin         Azure's …/openai/deployments/NAME/…, and below /deepseek, /huggingface, /llamacpp, /mistral and /vllm what these have of it
    Anthropic       …/messages · GET …/models with the header anthropic-version
    Gemini          …/models/X:generateContent, :streamGenerateContent, :batchEmbedContents, :predict · GET …/v1beta/models
    Bedrock         …/model/X/converse, /converse-stream, /invoke · GET …/foundation-models, …/inference-profiles; signatures are verified
    Ollama          …/api/chat · …/api/generate · …/api/embed · GET …/api/tags

    python3 upstream.py --port 0 [--host 127.0.0.1] [--cert FILE --key FILE]

prints the port on its first line and, on the second, the "dead" port: one that listens but takes no connection, so that connecting to it
hangs. As a class:

    with Upstream() as upstream:
        upstream.url                     # http://127.0.0.1:PORT/v1     upstream.root without the /v1
        upstream.default = "stall"       # see below
        upstream.api_key = "…"           # from now on this key is wanted, in the vendor's own header and nowhere else
        upstream.forbidden = ["u-17"]    # what must appear in no request (ids of users)
        upstream.more_members = ["x"]    # members of OpenAI bodies that a compatible server takes beyond OpenAI's
        upstream.choose = function       # request → scenario, before all of the below but the header; on the double's thread
        upstream.requests()              # what came so far
        upstream.wait_for(lambda r: r["closed_at"])   # the first record for which that holds

A request that the vendor would refuse (a member missing or unknown, roles out of order, a tool result for no call, a wrong header) gets the
vendor's 400 and a reason in the record's `refused`. vendors/*.py hold the checks, scenarios/VENDOR/*.json what is answered (answers.py).

What it does is a scenario: names joined by "+", and parameters as in a query: "tool_calls+one_byte", "chunks?n=20&delay_ms=50". At most one
name is a file of the vendor's ("ok" when there is none), the others are ways of answering. It is taken from, in this order:
    1. the request header X-Double-Scenario
    2. POST /control {"queue": ["status?code=503", "ok"]}: one for each request to come
    3. the model name "double:SCENARIO"
    4. POST /control {"default": "SCENARIO"} (or attribute `default`); at first "ok"
GET and DELETE requests (lists, kept answers) follow the header or attribute `default_get` alone.

Files that most vendors have: ok, tool_calls, schema, image, refusal, think, length, content_filter, empty, no_usage, context_window,
wrong_types; of images that are made: ok, refusal, moderation, empty, wrong_types. Parameters: text=…, n= pieces of the text, delay_ms= between pieces and before the first, first_ms= before the head,
gate=1: only as many pieces as attribute `let` (POST /control {"let": 3}) says, the next when it says more; JSON with the last.
Ways that are well:
    echo          the last text of the user          chunks        n pieces (default 10), "word1 word2 …" unless text is given
    json_anyway   JSON although asked to stream      sse_anyway    events although not asked
    odd_type      Content-Type text/plain            slow          300 ms before the head, 50 ms between pieces
    one_byte      every byte in a write of its own   drip          bytes= (7) in a write, byte_ms= (2) apart
    together      all events in one write            crlf, comments  line ends; comments (or empty lines) between events
Ways that wait (until the client leaves, or ms=):
    stall         after the request, nothing    stall_head       after the head of the answer
    stall_mid     after n pieces (default 3)    endless          pieces for ever, delay_ms between them (default 10)
Ways that break:
    reset         RST before the first byte     reset_mid        RST after n pieces
    close         closes without an answer      close_mid        closes inside the body after n pieces
    truncated     events end in order, without the vendor's end mark
    error_mid     the vendor's error event after n pieces (default 2), parameters type, message, error_code
    wrong_frame   JSON cut in an event          wrong_json       JSON cut in the middle
    status        code= (default 500), retry_after=, message=, type=, error_code=, body= (raw): an error answer
    401 403 404 408 429 500 503 504 529         the same with that code; 429 says Retry-After: 7
    html          502 with an HTML page         redirect         302, location=
    not_utf8      bad bytes in the text         huge             mb= (default 20) of text

Control: GET /control/requests → {"now", "requests": […]}, DELETE /control/requests, GET /control/connections → {"open", "accepted"},
POST /control {"default"?, "default_get"?, "queue"?, "api_key"?, "forbidden"?, "let"?, "clear"?: true}.

A record: {id, connection, method, path, headers{lower case}, body (parsed, or text), vendor, operation, scenario, refused, at, answered_at
(the whole answer is written), closed_at (the connection ended, or None), closed_early (it ended before the answer was whole), bytes}. Times
are time.time().
"""
import argparse
import asyncio
import base64
import json
import pathlib
import re
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from check import Refuse  # noqa: E402
from exchange import Close, Exchange, Request, Reset  # noqa: E402
from unread import unread  # noqa: E402
from vendors import VENDORS  # noqa: E402
from vendors.openai_more import PNG  # noqa: E402

HEAD_MAX = 64 * 1024
BODY_MAX = 64 * 1024 * 1024
TEXT = "The water cycle moves water between sea, air and land."


def parse(raw):
    """The body as JSON, or as text when it is none; None when there is no body. A member that stands twice makes it no JSON."""

    def once(pairs):
        if len({k for k, _ in pairs}) < len(pairs):
            raise ValueError("a member stands twice")
        return dict(pairs)

    try:
        return json.loads(raw, object_pairs_hook=once) if raw else None
    except ValueError:
        return raw.decode("utf-8", "replace")


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

    async def until_read(self, seconds=60):
        """Until the client has taken what was written."""
        server, client = (self.transport.get_extra_info(name) for name in ("sockname", "peername"))
        end = time.monotonic() + seconds
        while (self.transport.get_write_buffer_size() or unread(server, client)) and time.monotonic() < end:
            await asyncio.sleep(0.005)

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
        head = self.buffer[:end].decode("latin-1")
        lines = head.split("\r\n")
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
        self.task = asyncio.get_running_loop().create_task(self.serve(method, path, headers, body, head))

    async def serve(self, method, path, headers, body, head):
        try:
            await self.server.handle(self, method, path, headers, body, head)
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
        self.host, self.port, self.default, self.default_get, self.queue = host, port, "ok", "ok", []
        self.records, self.open, self.accepted = [], set(), 0
        self.made = self.let = 0
        self.api_key, self.forbidden, self.more_members = None, [], []
        self.choose = None
        self.memory = {}  # of the Responses API: id → {response, input}
        self.tls = None
        if cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert, key)

    # ---- for tests ----
    @property
    def root(self):
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def url(self):
        return self.root + "/v1"

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
        assert ready.wait(60), "the double did not start"
        if self.failed:
            raise self.failed
        return self

    def stop(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.stopping.set)
            self.thread.join(60)

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
        self.default = self.default_get = "ok"
        self.let = 0

    def wait_for(self, holds, timeout=60.0):
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

    def scenario(self, request):
        if "x-double-scenario" in request.headers:
            return request.headers["x-double-scenario"]
        if request.method != "POST":
            return self.default_get
        if self.choose:
            return self.choose(request)
        if self.queue:
            return self.queue.pop(0)
        model = request.body.get("model") if isinstance(request.body, dict) else None
        found = re.search(r"/models/([^/:]+(?::[^/:]+)*):\w+(?:\?|$)", request.path)  # Gemini names it in the path
        model = urllib.parse.unquote(found[1]) if found else model
        if isinstance(model, str) and model.startswith("double:"):
            return model[len("double:"):]
        return self.default

    def find(self, number, method, path, headers, body):
        for vendor in VENDORS:
            operation = vendor.route(method, path.partition("?")[0], headers)
            if operation:
                return Request(self, number, method, path, headers, body, vendor, operation)
        return None

    def check(self, request, head, raw):
        """What any vendor asks, then what this one asks. Raises Refuse."""
        vendor, headers = request.vendor, request.headers
        if request.method == "POST":
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise Refuse(f"Unsupported content type: '{headers.get('content-type')}'. This API accepts only 'application/json'.")
            if not isinstance(request.body, dict):
                raise Refuse("We could not parse the JSON body of your request.")
        self.check_key(request, head, raw)
        for word in self.forbidden:
            if word.encode() in raw or word in head:
                raise Refuse("The request names a user.")
        vendor.check_request(request)

    def check_key(self, request, head, raw):
        """In the vendor's own header, and nowhere else."""
        vendor, headers = request.vendor, request.headers
        if hasattr(vendor, "check_key"):
            return vendor.check_key(request, head.split(" ")[1], self.api_key, head, raw)
        key = vendor.key(headers)
        optional = getattr(vendor, "KEY_OPTIONAL", False) or vendor.NAME.startswith("openai")
        if not key and (self.api_key or not optional):
            raise vendor.no_key()
        if self.api_key and key != self.api_key:
            raise vendor.wrong_key()
        if sum(name in headers for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key")) > (1 if key else 0):
            raise Refuse("There is a second key.")
        if key and len(key) >= 8 and (key.encode() in raw or head.count(key) > 1):
            raise Refuse("The key stands elsewhere too.")

    async def handle(self, connection, method, path, headers, raw, head):
        body = parse(raw)
        if path.startswith("/control"):
            return await self.control(connection, method, path, body)
        self.made += 1
        record = {"id": self.made, "connection": connection.number, "method": method, "path": path, "headers": headers, "body": body, "vendor": None,
                  "operation": None, "scenario": "none", "refused": None, "at": time.time(), "answered_at": None, "closed_at": None,
                  "closed_early": False, "bytes": 0}
        self.records.append(record)
        connection.records = [r for r in connection.records if r["closed_at"] is None] + [record]
        request = self.find(record["id"], method, path, headers, body)
        if method == "GET" and path.startswith("/made/"):
            await Exchange(connection, record, "ok").whole(200, base64.b64decode(PNG), "image/png")
        elif request is None:
            await Exchange(connection, record, "ok").whole(404, {"error": {"message": f"Invalid URL ({method} {path})",
                                                                           "type": "invalid_request_error",
                                                                          "code": None}})
        else:
            await self.answer(connection, record, request, head, raw)
        record["answered_at"] = time.time()

    async def answer(self, connection, record, request, head, raw):
        record["vendor"], record["operation"] = request.vendor.NAME, request.operation
        record["scenario"] = self.scenario(request)
        exchange = Exchange(connection, record, record["scenario"], request)
        try:
            self.check(request, head, raw)
            await exchange.run()
        except Refuse as refuse:
            await exchange.refuse(refuse)

    async def control(self, connection, method, path, body):
        exchange = Exchange(connection, {"id": 0, "body": None, "bytes": 0}, "ok")
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
            for name in ("default", "default_get", "api_key", "forbidden", "let"):
                setattr(self, name, body.get(name, getattr(self, name)))
            self.queue.extend(body.get("queue", []))
            return await exchange.whole(200, {"default": self.default, "queue": self.queue})
        return await exchange.whole(404, {"error": "no such control"})


def main():
    parser = argparse.ArgumentParser(description="A double of the AI services.")
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

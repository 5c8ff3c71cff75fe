"""One request and the writing of its answer, well or badly."""
import asyncio
import json
import time
import urllib.parse

from answers import cut, fill, fill_list, load
from check import Refuse

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
           411: "Length Required", 413: "Content Too Large", 422: "Unprocessable Content", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 529: "Site Overloaded"}
# How an answer is given. Everything else in a scenario's name is what is answered: a file of the vendor's.
WAYS = """slow one_byte together crlf comments drip odd_type json_anyway sse_anyway stall stall_head stall_mid endless reset reset_mid close
close_mid truncated error_mid wrong_frame wrong_json not_utf8 huge html redirect status echo chunks""".split()
WORDS = ("chunks", "stall_mid", "reset_mid", "close_mid", "error_mid", "truncated", "wrong_frame", "drip",
         "slow")  # text of n words unless text= is given
PIECES = {"chunks": 10, "stall_mid": 3, "reset_mid": 3, "close_mid": 3, "error_mid": 2, "wrong_frame": 3, "huge": 64}


class Reset(Exception):
    """The connection is to be reset."""


class Close(Exception):
    """The connection is to be closed as it is."""


def parse_scenario(spec):
    name, _, query = spec.partition("?")
    return name, {k: v[-1] for k, v in urllib.parse.parse_qs(query, keep_blank_values=True).items()}


class Request:
    """What came, as a vendor's check wants it."""

    def __init__(self, server, number, method, path, headers, body, vendor, operation):
        self.server, self.number, self.method, self.headers, self.body = server, number, method, headers, body
        self.path, _, query = path.partition("?")
        self.query = {k: v[-1] for k, v in urllib.parse.parse_qs(query).items()}
        self.vendor, self.operation = vendor, operation
        self.more_members = server.more_members


class Exchange:
    """Writes one answer. `request` is None for addresses that no vendor has."""

    def __init__(self, connection, record, spec, request=None):
        self.connection, self.record, self.request = connection, record, request
        self.vendor = request.vendor if request else None
        name, self.args = parse_scenario(spec)
        names = name.split("+")
        self.ways = {n for n in names if n in WAYS or n.isdigit()}
        self.file = next((n for n in names if n not in self.ways), self.args.get("answer", "ok"))
        self.chunked = False
        self.delay = float(self.args.get("delay_ms", 50 if "slow" in self.ways else 0)) / 1000
        self.variables = {}

    def number(self, key, default):
        return int(self.args.get(key, default))

    def way(self, *names):
        return any(n in self.ways for n in names)

    # ---- bytes ----
    async def write(self, data):
        await self.connection.write(data)
        self.record["bytes"] += len(data)

    async def head(self, status, kind, length=None, more=()):
        self.chunked = length is None
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Content-Type: {kind}",
                 "Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {length}", *more]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def body(self, data):
        step = 1 if self.way("one_byte") else self.number("bytes", 7) if self.way("drip") else max(1, len(data))
        for i in range(0, len(data), step):
            piece = data[i:i + step]
            await self.write(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)
            if step < len(data):
                await asyncio.sleep(self.number("byte_ms", 2) / 1000 if self.way("drip") else 0)

    async def end(self):
        if self.chunked:
            await self.write(b"0\r\n\r\n")

    async def whole(self, status, value, kind="application/json", more=()):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        if self.way("one_byte", "drip"):
            await self.head(status, kind, len(data), more)
            return await self.body(data)
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *more]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)

    async def gate(self, pieces):
        while "gate" in self.args and pieces > self.request.server.let:
            await asyncio.sleep(0.005)

    async def hang(self):
        await asyncio.sleep(self.number("ms", 3_600_000) / 1000)

    # ---- what is answered ----
    def load(self, name):
        """The vendor's own file, or that of a vendor whose format it speaks."""
        return next(filter(None, (load(folder, name) for folder in (self.vendor.NAME, *getattr(self.vendor, "LIKE", ())))), None)

    def scenario(self):
        """The file for the operation: lists and embeddings have their own, and tools that were answered lead to a plain answer."""
        operation, name = self.request.operation, self.file
        if operation in ("models", "tags"):
            return self.load("models")
        if operation == "profiles":
            return self.load("profiles")
        if operation == "make_image":
            return self.load("images" if name == "ok" else f"images_{name}") or self.load("images")
        if operation in ("embeddings", "embed"):
            return self.load("embeddings" if name == "ok" else f"embeddings_{name}") or self.load("embeddings")
        if operation == "images":
            name = "images" if name == "ok" else f"images_{name}"
        if operation in ("predict", "draw"):
            return self.load(f"{operation}_{name}") or self.load(operation)
        if operation in ("retrieve", "input_items", "delete"):
            return self.load("kept")
        if operation == "generate" and self.vendor.NAME == "ollama":
            return load("ollama", "generate")
        if name == "tool_calls" and self.variables.get("answered"):
            name = "ok"
        if name == "image" and not self.variables["images"]:
            raise Refuse("There is no image in this request.")
        found = self.load(name)
        if found is None:
            raise Refuse(f"The double has no scenario '{name}' of {self.vendor.NAME}.", status=501)
        return found

    def fill_in(self):
        """The whole answer and the (event, is a piece of text) of its stream."""
        v = {"now": int(time.time()), "without": [], **self.vendor.variables(self.request)}
        self.variables = v
        scenario = self.scenario()
        v.update({k: x for k, x in scenario["let"].items() if k != "text"})
        v["text"] = self.text(scenario["let"].get("text", ""))
        v["pieces"] = cut(v["text"], self.number("n", PIECES.get(next((w for w in self.ways if w in PIECES), ""), 12 if self.file == "think" else 4)))
        for k, x in scenario["let"].items():
            if isinstance(x, (dict, list)):
                v[k] = fill(x, v)
        without = scenario["without"] + (v["without"] if self.streamed else [])
        v["whole"] = whole = fill(scenario["json"], v, without)
        v["begun"] = {**whole, "status": "in_progress", "output": [], "usage": None} if isinstance(whole, dict) else whole
        events = fill_list(scenario.get("stream", []), v, without)
        if v.get("done") is False:
            events = [e for e in events if e[0] != "[DONE]"]
        for i, (event, _) in enumerate(events):
            if isinstance(event, dict) and "sequence_number" in event:
                event["sequence_number"] = i
        return scenario.get("status", 200), whole, events

    def text(self, default):
        if "text" in self.args:
            return self.args["text"]
        if self.way("echo"):
            return self.variables["echo"]
        if self.way("huge"):
            return "x" * (self.number("mb", 20) * 1024 * 1024)
        if self.way(*WORDS) and self.file == "ok":
            return " ".join(f"word{i + 1}" for i in range(self.number("n", 10)))
        return default

    def fault(self, code, mid=False):
        """The vendor's error object, or the events of a fault inside a stream."""
        table = self.load("errors")
        own, base = table.get("mid" if mid else str(code), {}), table["default"]
        v = {"code": code, **base["let"], **own.get("let", {}), **{k: self.args[k] for k in ("message", "type", "error_code") if k in self.args}}
        return fill(own["stream"] if mid else own.get("json", base["json"]), v)

    # ---- a stream ----
    @property
    def streamed(self):
        return (self.vendor.streamed(self.request) or self.way("sse_anyway", "endless")) and not self.way("json_anyway")

    def bytes_of(self, event):
        data = self.vendor.frame(event)
        if getattr(self.vendor, "BINARY", False):
            return data
        if self.way("crlf"):
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if self.way("comments"):
            data = (b"\n" if self.vendor.NAME == "ollama" else b": keep-alive\n\n") + data
        return data

    async def events(self, status, events):
        kind = getattr(self.vendor, "STREAM_TYPE", "text/event-stream; charset=utf-8")
        await self.head(status, "text/plain" if self.way("odd_type") else kind)
        if self.way("stall_head"):
            return await self.hang()
        await asyncio.sleep(self.delay)
        middle = max((i for i, (_, piece) in enumerate(events) if piece), default=len(events) // 2) + 1
        if self.way("together"):
            await self.body(b"".join(self.bytes_of(e) for e, _ in events))
            return await self.end()
        broken = self.way("stall_mid", "reset_mid", "close_mid", "error_mid", "truncated", "wrong_frame", "endless")
        written = 0
        for i, (event, piece) in enumerate(events[:middle] if broken else events):
            if i > 0:
                await asyncio.sleep(self.delay)
            written += 1 if piece else 0
            await self.gate(written)
            while piece and self.way("endless"):
                await asyncio.sleep(0 if "delay_ms" in self.args else 0.01)
                await self.body(self.bytes_of(event))
                await asyncio.sleep(self.delay)
            await self.body(self.bytes_of(event))
        if broken:
            await self.break_off()
        await self.end()

    async def break_off(self):
        if self.way("stall_mid"):
            await self.hang()
        if self.way("reset_mid"):
            await self.connection.until_read()
            raise Reset
        if self.way("close_mid"):
            raise Close
        for event in self.fault(500, mid=True) if self.way("error_mid") else []:
            await self.body(self.bytes_of(event))
        if self.way("wrong_frame") and getattr(self.vendor, "BINARY", False):
            await self.body(self.vendor.broken_frame())
        elif self.way("wrong_frame"):
            await self.body(self.bytes_of({"type": "message_stop", "cut": 1}).replace(b'"cut": 1}', b'"cut": '))

    # ---- a whole ----
    async def json_answer(self, status, whole):
        data = json.dumps(whole).encode()
        if self.request.operation == "stream":  # Gemini without alt=sse: the events as one array
            data = json.dumps([whole]).encode()
        if self.way("stall_head"):
            await self.head(status, "application/json")
            return await self.hang()
        if self.way("stall_mid", "reset_mid", "close_mid", "truncated"):
            await self.head(status, "application/json", None if self.way("truncated") else len(data))
            await self.body(data[:len(data) // 2])
            if not self.way("truncated"):
                return await self.break_off()
            return await self.end()
        if self.way("error_mid"):
            return await self.whole(200, self.fault(500))
        if self.way("wrong_frame"):
            data = data[:-20]
        await asyncio.sleep(self.delay * max(1, len(self.variables["pieces"])))
        await self.gate(len(self.variables["pieces"]))
        await self.whole(status, data, "text/plain" if self.way("odd_type") else "application/json")

    async def error_answer(self, code):
        more = self.fault_headers(code)
        retry = self.args.get("retry_after", "7" if self.way("429") else None)
        if retry is not None:
            more.append(f"Retry-After: {retry}")
        await self.whole(code, self.args["body"].encode() if "body" in self.args else self.fault(code), more=more)

    def fault_headers(self, status):
        return list(self.vendor.fault_headers(status)) if hasattr(self.vendor, "fault_headers") else []

    async def refuse(self, refuse):
        self.record["refused"] = refuse.message
        await self.whole(refuse.status, self.vendor.problem(refuse), more=self.fault_headers(refuse.status))

    async def run(self):
        await asyncio.sleep(self.number("first_ms", 300 if self.way("slow") else 0) / 1000)
        if self.way("stall"):
            return await self.hang()
        if self.way("reset"):
            raise Reset
        if self.way("close"):
            raise Close
        code = next((int(n) for n in self.ways if n.isdigit()), self.number("code", 500) if self.way("status") else None)
        if code:
            return await self.error_answer(code)
        if self.way("html"):
            return await self.whole(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
        if self.way("redirect"):
            return await self.whole(302, b"", "text/plain", [f"Location: {self.args.get('location', 'http://127.0.0.1:1/')}"])
        status, whole, events = self.fill_in()
        if self.way("wrong_json"):
            return await self.whole(200, json.dumps(whole).encode()[:-20])
        if self.way("not_utf8"):
            return await self.whole(200, json.dumps(whole).encode().replace(b"water", b"w\xff\xfeter"))
        if hasattr(self.vendor, "remember"):
            self.vendor.remember(self.request, whole)
        if status == 200 and self.streamed and events:
            return await self.events(status, events)
        await self.json_answer(status, whole)

"""The protocol matrix: what the daemon makes of every odd request, slow client and misbehaving AI service, over real sockets.

Each row says what is sent, which answers must come, and whether the connection is closed after them. A row that must be closed is
followed by a smuggled request that would add a provider: no answer to it may come, and the provider must not be there afterwards. Rows
below 1,500 bytes are sent twice, in one write and byte by byte. The slow rows use the real deadlines and run beside all others.

    python3 tests/system/test_protocol_matrix.py     prints the matrix
"""

import concurrent.futures
import json
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from conftest import Daemon, check_end, read_events, wait_until
from double.unread import unread

KEY, TOKEN = b"lk_THE_ADMIN_KEY", b"THE_LEARNER_TOKEN"  # replaced by the real ones
AUTH = b"Authorization: Bearer " + KEY + b"\r\n"
HOST = b"Host: x\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
GOOD = GET + b"\r\n"
BODY = b'{"accepted":true,"version":"1"}'
PUT_AUTH = b"Authorization: Bearer " + TOKEN + b"\r\n"
PUT = b"PUT /v1/policy HTTP/1.1\r\n" + HOST + PUT_AUTH + b"Content-Type: application/json\r\n"
SMUGGLED_BODY = b'{"name":"smuggled","plugin":"extract"}'
SMUGGLED = (
    b"POST /v1/providers HTTP/1.1\r\n"
    + HOST
    + AUTH
    + b"Content-Type: application/json\r\nContent-Length: "
    + str(len(SMUGGLED_BODY)).encode()
    + b"\r\n\r\n"
    + SMUGGLED_BODY
)
INNER = SMUGGLED.replace(AUTH, b"")  # as a body: its length must not depend on the key
HEAD_MAX, URI_MAX, BODY_MAX, FIELDS_MAX, DEPTH_MAX = 16384, 8192, 256 * 1024, 64, 128
CHECKS = []  # (group, name, what is expected, slow, function of the bench)


def check(group, name, expected, slow=False):
    def note(function):
        CHECKS.append((group, name, expected, slow, function))
        return function

    return note


# ---- sockets ----


def answers_in(raw, bodiless=False):
    """The answers in raw bytes as (status, fields, body), and what is left over; bodiless: they are answers to HEAD."""
    found = []
    while (end := raw.find(b"\r\n\r\n")) >= 0:
        lines = raw[:end].decode("latin-1").split("\r\n")
        status = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z ]+", lines[0])
        assert status, lines[0]
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        rest = raw[end + 4 :]
        length = 0 if bodiless or status[1][0] == "1" else int(fields.get("content-length", 0))
        if len(rest) < length:
            break
        found.append((int(status[1]), fields, rest[:length]))
        raw = rest[length:]
    return found, raw


class Wire:
    """A raw connection to the daemon."""

    def __init__(self, bench, receive_buffer=None, source=None, port=None):
        self.bench, self.raw = bench, b""
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(60)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port or bench.daemon.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, step=0):
        """False when the daemon no longer takes it."""
        data = self.bench.fill_in(data)
        try:
            for i in range(0, len(data), step or len(data) or 1):
                self.socket.sendall(data[i : i + step] if step else data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def read(self):
        """What comes next; empty at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.raw += data
        return data

    def read_answers(self, n, bodiless=False):
        while len(answers_in(self.raw, bodiless)[0]) < n and self.read():
            pass
        return answers_in(self.raw, bodiless)[0]

    def read_to_end(self, bodiless=False):
        while self.read():
            pass
        found, rest = answers_in(self.raw, bodiless)
        assert rest == b"", f"half an answer: {rest[:200]}"
        return found


def talk(bench, parts, expect, is_open, step=0):
    """Sends the parts, waiting for an answer between them; the answers until the end of the connection."""
    bodiless = parts[0].startswith(b"HEAD ")
    with Wire(bench) as wire:
        for i, part in enumerate(parts):
            wire.send(part, step)
            if i + 1 < len(parts):
                wire.read_answers(i + 1)
        if is_open:
            wire.read_answers(len(expect), bodiless)
            wire.send((GET.replace(b"GET", b"HEAD") if bodiless else GET) + b"Connection: close\r\n\r\n")
            expect = (*expect, 200)
        found = wire.read_to_end(bodiless)
    assert tuple(status for status, _, _ in found) == expect, found
    if not is_open and expect:
        assert found[-1][1].get("connection") == "close", found[-1]
    return found


def row(group, name, send, expect, is_open=False, code=None):
    """One row of requests. expect: the statuses in order; is_open: the connection can be used afterwards."""
    parts = send if isinstance(send, tuple) else (send,)
    expect = (expect,) if isinstance(expect, int) else tuple(expect)
    if not is_open:
        parts = (*parts[:-1], parts[-1] + SMUGGLED)

    @check(group, name, f"{' '.join(map(str, expect)) or 'no answer'}{' ' + code if code else ''}, {'open' if is_open else 'closed'}")
    def run(bench):
        for step in (0, 1) if sum(map(len, parts)) < 1500 + len(SMUGGLED) else (0,):
            found = talk(bench, parts, expect, is_open, step)
            if code:
                assert json.loads(found[len(expect) - 1][2])["code"] == code, found
        bench.check_nothing_smuggled()


@check("length", "the smuggled request would work", "201")
def tripwire(bench):
    with Wire(bench) as wire:
        wire.send(SMUGGLED)
        assert wire.read_answers(1)[0][0] == 201
    assert bench.daemon.request("DELETE", "/v1/providers/smuggled", bench.daemon.admin_key).status == 204


def put(fields, body=b"", start=PUT):
    return start + fields + b"\r\n" + body


def sized(body):
    return b"Content-Length: %d\r\n" % len(body)


def chunks(*pieces, end=b"0\r\n\r\n"):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end


# ---- the length of a body ----

LENGTH, CHUNKED = sized(BODY), b"Transfer-Encoding: chunked\r\n"
row("length", "Content-Length", put(LENGTH, BODY), 200, True)
row("length", "chunked", put(CHUNKED, chunks(BODY)), 200, True)
row("length", "Content-Length, then Transfer-Encoding", put(LENGTH + CHUNKED, chunks(BODY)), 400)
row("length", "Transfer-Encoding, then Content-Length", put(CHUNKED + LENGTH, chunks(BODY)), 400)
row("length", "Content-Length 0 and chunked", put(b"Content-Length: 0\r\n" + CHUNKED, chunks(BODY)), 400)
row("length", "Content-Length twice, the same", put(LENGTH + LENGTH, BODY), 400)
row("length", "Content-Length twice, different", put(LENGTH + b"Content-Length: 0\r\n", BODY), 400)
row("length", "Content-Length twice, other case", put(LENGTH + LENGTH.lower(), BODY), 400)
row("length", "Content-Length and 'Content-Length :'", put(LENGTH + b"Content-Length : 0\r\n", BODY), 400)
for value in (
    b"+2",
    b"-1",
    b"-0",
    b"0x2",
    b"2,2",
    b"2, 2",
    b"2;",
    b"2 2",
    b"2.0",
    b"2e0",
    b"",
    b" ",
    b'"2"',
    b"two",
    b"\xb2",
    b"\xd9\xa2",
    b"1_0",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"18446744073709551618",
    b"4294967298" * 4,
    b"0" * 19 + b"2",
):
    row("length", f"Content-Length: {value.decode('latin-1')!r}", put(b"Content-Length: " + value + b"\r\n", b"{}"), 400)
row("length", "Content-Length with zeros before it", put(b"Content-Length: 0000%d\r\n" % len(BODY), BODY), 200, True)
row("length", "Content-Length with tabs around", put(b"Content-Length:\t%d\t \r\n" % len(BODY), BODY), 200, True)
row("length", "Content-Length of 18 digits", put(b"Content-Length: 999999999999999999\r\n", BODY), 413)
row("length", "Content_Length is another field", put(LENGTH + b"Content_Length: 3\r\n", BODY), 200, True)
row("length", "a request as a body", put(sized(INNER), INNER), 400, True, "invalid_json")
row("length", "a body nobody reads", put(sized(INNER), INNER, GET), 200, True)
row("length", "a chunked body nobody reads", put(CHUNKED, chunks(INNER), GET), 200)
row("length", "a large body nobody reads", put(b"Content-Length: 70000\r\n", b"x" * 70000, GET), 200)
row("length", "a body of DELETE", put(sized(INNER), INNER, b"DELETE /v1/nothing HTTP/1.1\r\n" + HOST), 404, True)
row("length", "a body of HEAD", put(sized(INNER), INNER, b"HEAD /healthz HTTP/1.1\r\n" + HOST), 200, True)
row("length", "a body without any length", put(b"", b"not a request"), (400, 400))

for field in (
    b"Transfer-Encoding: Chunked",
    b"transfer-encoding: CHUNKED",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: \t chunked \t",
):
    row("transfer coding", repr(field.decode()), put(field + b"\r\n", chunks(BODY)), 200, True)
for field in (
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: , chunked",
    b"Transfer-Encoding: chunked;q=1",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunke",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: chunked x",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x0c",
    b"Transfer-Encoding: chunked\0",
    b"Transfer-Encoding: \xa0chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"\nTransfer-Encoding: chunked",
    b"Transfer\xadEncoding: chunked",
    b"Transfer-Encoding\0: chunked",
):
    row("transfer coding", repr(field.decode("latin-1")), put(field + b"\r\n", chunks(BODY)), 400)
    row("transfer coding", repr(field.decode("latin-1")) + " with Content-Length", put(LENGTH + field + b"\r\n", BODY), 400)
row("transfer coding", "in HTTP/1.0", put(CHUNKED, chunks(BODY), PUT.replace(b"/1.1", b"/1.0")), 400)
row("transfer coding", "Transfer_Encoding is another field", put(LENGTH + b"Transfer_Encoding: chunked\r\n", BODY), 200, True)
row("transfer coding", "TE is another field", put(LENGTH + b"TE: chunked, trailers\r\n", BODY), 200, True)

# ---- chunks ----

for name, body in (
    ("one byte each", chunks(*[bytes([b]) for b in BODY])),
    ("upper-case digits", b"1F\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("zeros before the size", b"00001f\r\n" + BODY + b"\r\n000\r\n\r\n"),
    ("zeros before the size, 17 digits", b"0" * 15 + b"1f\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension", b"1f;a=b\r\n" + BODY + b"\r\n0;c\r\n\r\n"),
    ("extension with quotes", b'1f;a="b;c"\r\n' + BODY + b"\r\n0\r\n\r\n"),
    ("white space before an extension", b"1f \t;a\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension of 252 bytes", b"1f;" + b"a" * 251 + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("trailers", chunks(BODY, end=b"0\r\nA: b\r\nContent-Length: 5\r\nC:\r\n\r\n")),
    ("trailers of 16,000 bytes", chunks(BODY, end=b"0\r\nA: " + b"b" * 16000 + b"\r\n\r\n")),
):
    row("chunks", name, put(CHUNKED, body), 200, True)
for name, body in (
    ("empty size", b"\r\n" + BODY),
    ("size +1f", b"+1f\r\n" + BODY),
    ("size -1", b"-1\r\n" + BODY),
    ("size 0x1f", b"0x1f\r\n" + BODY),
    ("space before the size", b" 1f\r\n" + BODY),
    ("tab before the size", b"\t1f\r\n" + BODY),
    ("space behind the size", b"1f \r\n" + BODY),
    ("space within the size", b"1 f\r\n" + BODY),
    ("size of 16 f", b"f" * 16 + b"\r\n" + BODY),
    ("17 digits", b"10000000000000000\r\n" + BODY),
    ("17 digits that wrap to 1f", b"1000000000000001f\r\n" + BODY),
    ("size of 33 digits", b"1" + b"0" * 30 + b"1f\r\n" + BODY),
    ("size 1g", b"1g\r\n" + BODY),
    ("size with NUL", b"1f\0\r\n" + BODY),
    ("size of 1,000 zeros", b"0" * 1000 + b"1f\r\n" + BODY),
    ("extension too long", b"1f;" + b"a" * 300 + b"\r\n" + BODY),
    ("extension with NUL", b"1f;a\0\r\n" + BODY),
    ("extension with bare LF", b"1f;a\n" + BODY),
    ("extension with bare CR", b"1f;a\rb\r\n" + BODY),
    ("bare LF behind the size", b"1f\n" + BODY + b"\r\n0\r\n\r\n"),
    ("bare CR behind the size", b"1f\r" + BODY + b"\r\n0\r\n\r\n"),
    ("CR CR LF behind the size", b"1f\r\r\n" + BODY),
    ("comma in the size", b"1f,\r\n" + BODY),
    ("nothing behind the bytes", b"1f\r\n" + BODY + b"0\r\n\r\n"),
    ("bare LF behind the bytes", b"1f\r\n" + BODY + b"\n0\r\n\r\n"),
    ("bare CR behind the bytes", b"1f\r\n" + BODY + b"\r0\r\n\r\n"),
    ("size too small", b"1e\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size too large", b"20\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("bare LF behind the last size", chunks(BODY, end=b"0\n\r\n")),
    ("bare LF at the end", chunks(BODY, end=b"0\r\n\n")),
    ("trailer with bare LF", chunks(BODY, end=b"0\r\nA: b\n\r\n")),
    ("trailer with space before its colon", chunks(BODY, end=b"0\r\nA : b\r\n\r\n")),
    ("trailer without colon", chunks(BODY, end=b"0\r\nA\r\n\r\n")),
    ("trailer without name", chunks(BODY, end=b"0\r\n: b\r\n\r\n")),
    ("trailer continued", chunks(BODY, end=b"0\r\nA: b\r\n c\r\n\r\n")),
    ("trailer with NUL", chunks(BODY, end=b"0\r\nA: \0\r\n\r\n")),
    ("a request in place of trailers", chunks(BODY, end=b"0\r\n" + GOOD)),
    ("trailers too large", chunks(BODY, end=b"0\r\n" + (b"A: " + b"b" * 1000 + b"\r\n") * 17 + b"\r\n")),
):
    row("chunks", name, put(CHUNKED, body), 400, code="bad_http")
row("chunks", "size of 15 f", put(CHUNKED, b"f" * 15 + b"\r\n" + BODY), 413)
row("chunks", "size above the limit", put(CHUNKED, b"40001\r\n" + BODY), 413)

# ---- lines ----

for name, data in (
    ("bare LF behind the request line", b"GET /healthz HTTP/1.1\nHost: x\r\n\r\n"),
    ("bare LF behind a field", b"GET /healthz HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    ("bare LF behind the last field", b"GET /healthz HTTP/1.1\r\nHost: x\n\r\n"),
    ("bare LF at the end", GET + b"\n"),
    ("bare LF everywhere", b"GET /healthz HTTP/1.1\nHost: x\n\n"),
    ("LF LF behind a field", b"GET /healthz HTTP/1.1\r\nHost: x\n\n"),
    ("LF before the request", b"\n" + GOOD),
    ("bare CR before the request", b"\r" + GOOD),
    ("three empty lines before the request", b"\r\n\r\n\r\n" + GOOD),
    ("bare CR in the request line", b"GET /healthz\rHTTP/1.1\r\n" + HOST + b"\r\n"),
    ("bare CR behind the request line", b"GET /healthz HTTP/1.1\rHost: x\r\n\r\n"),
    ("bare CR behind a field", b"GET /healthz HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"),
    ("bare CR in a value", GET + b"A: b\rc\r\n\r\n"),
    ("CR CR LF behind a field", GET + b"A: b\r\r\n\r\n"),
    ("CR CR LF at the end", GET + b"\r\r\n"),
    ("CR CR LF behind the request line", b"GET /healthz HTTP/1.1\r\r\n" + HOST + b"\r\n"),
    ("line continued with a space", GET + b"A: b\r\n c\r\n\r\n"),
    ("line continued with a tab", GET + b"A: b\r\n\tc\r\n\r\n"),
    ("empty line continued", GET + b"A:\r\n \r\n\r\n"),
    ("Host continued", b"GET /healthz HTTP/1.1\r\nHost:\r\n x\r\n\r\n"),
    ("space before the first field", b"GET /healthz HTTP/1.1\r\n " + HOST + b"\r\n"),
    ("tab before the first field", b"GET /healthz HTTP/1.1\r\n\t" + HOST + b"\r\n"),
    ("space before the end", GET + b" \r\n\r\n"),
):
    row("lines", name, data, 400, code="bad_http")
row("lines", "two empty lines before the request", b"\r\n\r\n" + GOOD, 200, True)

# ---- the request line ----

for name, data in (
    ("HTTP/0.9", b"GET /healthz\r\n"),
    ("HTTP/0.9 with a body", b"POST /v1/providers\r\n\r\n" + SMUGGLED_BODY),
    ("HTTP/0.9 with fields", b"GET /healthz\r\n" + HOST + b"\r\n"),
    ("HTTP/0.9 with a space", b"GET /healthz \r\n\r\n"),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS", bytes.fromhex("16030100c8010000c40303") + b"\r\n"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("PROXY protocol", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + GOOD),
    ("two spaces before the target", b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("two spaces before the version", b"GET /healthz  HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("tabs for spaces", b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n"),
    ("tab before the version", b"GET /healthz \tHTTP/1.1\r\n" + HOST + b"\r\n"),
    ("space before the method", b" " + GOOD),
    ("space behind the version", b"GET /healthz HTTP/1.1 \r\n" + HOST + b"\r\n"),
    ("no method", b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("no target", b"GET HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("method with a bracket", b"G(T /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("method of 33 bytes", b"A" * 33 + b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("method above ASCII", b"G\xc9T /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    ("only spaces", b"   \r\n\r\n"),
    ("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
):
    row("request line", name, data, 400, code="bad_http")
for version in (
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.10",
    b"HTTP/1.01",
    b"HTTP/01.1",
    b"http/1.1",
    b"HTTP/11",
    b"HTTP/1",
    b"HTTP/1.",
    b"HTTP /1.1",
    b"HTTP/1,1",
    b"HTTP/-1.1",
    b"HTTPS/1.1",
    b"HTCPCP/1.0",
    b"X",
    b"HTTP/\xb9.1",
    b"HTTP/1.1;x",
    b"HTTP/1.1\0",
):
    row("request line", f"version {version.decode('latin-1')!r}", b"GET /healthz " + version + b"\r\n" + HOST + b"\r\n", 400, code="bad_http")
row("request line", "HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n", 200)
row("request line", "HTTP/1.0 with keep-alive", b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, True)
for method, status in (
    (b"get", 405),
    (b"OPTIONS", 405),
    (b"TRACE", 405),
    (b"CONNECT", 405),
    (b"PRI", 405),
    (b"A" * 32, 405),
    (b"!#$%&'*+-.^_`|~", 405),
):
    row("request line", f"method {method.decode()}", method + b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n", status, True)
row("request line", "OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400)
row("request line", "CONNECT host:port", b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 400)
row("request line", "HEAD", b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 200)


@check("request line", "TRACE shows nothing of the request", "405")
def trace_shows_nothing(bench):
    found = talk(bench, (b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"X: secret-of-the-row\r\nConnection: close\r\n\r\n",), (405,), False)
    assert b"secret-of-the-row" not in found[0][2]


def target(data, host=HOST):
    return b"GET " + data + b" HTTP/1.1\r\n" + host + b"\r\n"


for data, status in (
    (b"http://x/healthz", 200),
    (b"HTTP://X/healthz", 200),
    (b"https://x/healthz?a", 200),
    (b"//healthz", 404),
    (b"//x/healthz", 404),
    (b"/./healthz", 404),
    (b"/a/../healthz", 404),
    (b"/healthz/", 200),
    (b"/healthz;a", 404),
    (b"/healthz\\", 404),
    (b"/health%7a", 404),
    (b"/%", 404),
    (b"/%z", 404),
    (b"/%zz", 404),
    (b"/%00", 404),
    (b"/%ff", 404),
    (b"/%0d%0aX-Injected:%20y", 404),
    (b"/%2e%2e/%2e%2e/etc/passwd", 404),
    (b"/demo/static/..%2f..%2fsite.json", 404),
    (b"/demo/static/%2e%2e/%2e%2e/site.json", 404),
    (b"/demo/static/%c0%ae%c0%ae/x", 404),
    (b"/widgets/%00", 404),
    (b"/healthz?a=%0d%0aX-Injected:%20y", 200),
    (b"/healthz?", 200),
    (b"/healthz?a=b=c&&&", 200),
    (b"/healthz?%", 400),
    (b"/healthz?a=%0", 400),
    (b"/healthz?a=%zz", 400),
    (b"/healthz?a=%00", 400),
    (b"/healthz?a=%ff", 400),
    (b"/healthz?a=%c0%80", 400),
    (b"/healthz?a=%ed%a0%80", 400),
):
    row("target", data.decode(), target(data), status, True)
row("target", "a path parameter with CR LF", b"GET /v1/providers/a%0d%0aX-Injected:%20y HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", 404, True)
for data in (
    b"http://y/healthz",
    b"http://x:81/healthz",
    b"http://a@x/healthz",
    b"http:///healthz",
    b"http://x",
    b"http://x?a",
    b"http:/x/healthz",
    b"ftp://x/healthz",
    b"file:///etc/passwd",
    b"x/healthz",
    b"healthz",
    b"*",
    b"?a",
    b"/healthz#a",
    b"#",
    b"/healthz?a#b",
    b"/h\xc3\xa9",
    b"/healthz?a=\xff",
    b"javascript:alert(1)",
):
    row("target", data.decode("latin-1"), target(data), 400, code="bad_http")

# ---- fields ----

for name, fields in (
    ("no Host", b""),
    ("Host twice, the same", HOST + HOST),
    ("Host twice, different", HOST + b"Host: y\r\n"),
    ("Host twice, other case", HOST + b"hOST: x\r\n"),
    ("empty Host", b"Host:\r\n"),
    ("Host of spaces", b"Host:  \r\n"),
):
    row("Host", name, b"GET /healthz HTTP/1.1\r\n" + fields + b"\r\n", 400, code="bad_http")
for value in (b"a b", b"a@b", b"http://x", b"a/b", b"a\\b", b"a?b", b"a#b", b'"a"', b"<a>", b"a|b", b"a^b", b"{a}", b"h\xc3\xa9", b"a\tb", b"a\0b"):
    row("Host", f"Host: {value.decode('latin-1')!r}", target(b"/healthz", b"Host: " + value + b"\r\n"), 400, code="bad_http")
for value in (b"x:8080", b"[::1]:80", b"EXAMPLE.org", b"a_b", b"127.0.0.1"):
    row("Host", f"Host: {value.decode()}", target(b"/healthz", b"Host: " + value + b"\r\n"), 200, True)
row("Host", "twice in HTTP/1.0", b"GET /healthz HTTP/1.0\r\n" + HOST + HOST + b"\r\n", 400)

for name, field in (
    ("space before the colon", b"A : b"),
    ("tab before the colon", b"A\t: b"),
    ("space before the colon of Host", b"Host : x"),
    ("no name", b": b"),
    ("no colon", b"A"),
    ("name with a space", b"A B: c"),
    ("name with brackets", b"A(B): c"),
    ("name with @", b"A@: c"),
    ("name with =", b"A=: c"),
    ("name with a quote", b'"A": c'),
    ("name above ASCII", b"\xc3\x84: c"),
    ("name with a slash", b"A/B: c"),
):
    row("fields", name, GET + field + b"\r\n\r\n", 400, code="bad_http")
for name, field in (
    ("empty value", b"A:"),
    ("value of spaces", b"A:  \t "),
    ("value above ASCII", b"A: " + bytes(range(0x80, 0x100))),
    ("tab in a value", b"A: b\tc"),
    ("all of a token", b"!#$%&'*+-.^_`|~09azAZ: b"),
    ("Upgrade: websocket", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"),
    ("Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
    ("Expect without a body", b"Expect: 100-continue"),
    ("Connection: upgrade, x", b"Connection: upgrade, x"),
):
    row("fields", name, GET + field + b"\r\n\r\n", 200, True)
for value in (b"close", b"CLOSE", b"keep-alive, close", b"x ,\tclose ,", b"close\r\nConnection: keep-alive"):
    row("fields", f"Connection: {value.decode()!r}", GET + b"Connection: " + value + b"\r\n\r\n", 200)
for byte in (*range(0x20), 0x7F):
    c = bytes([byte])
    if c not in b"\t\r\n":
        row("control bytes", f"0x{byte:02x} in a value", GET + b"A: b" + c + b"c\r\n\r\n", 400, code="bad_http")
        row("control bytes", f"0x{byte:02x} before a value", GET + b"A:" + c + b"c\r\n\r\n", 400, code="bad_http")
    row("control bytes", f"0x{byte:02x} in a name", GET + b"A" + c + b"B: c\r\n\r\n", 400, code="bad_http")
    row("control bytes", f"0x{byte:02x} in the target", target(b"/health" + c + b"z"), 400, code="bad_http")
    row("control bytes", f"0x{byte:02x} in the method", b"G" + c + b"ET /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, code="bad_http")

# ---- limits ----


def head_of(size):
    return GET + b"A: " + b"b" * (size - len(GET) - 7) + b"\r\n\r\n"


def body_of(size):
    return BODY + b" " * (size - len(BODY))


def nested(depth):
    return b'{"name":"deep","plugin":"extract","config":' + b'{"a":' + b"[" * (depth - 2) + b"]" * (depth - 2) + b"}}"


def adding(body):
    return b"POST /v1/providers HTTP/1.1\r\n" + HOST + AUTH + b"Content-Type: application/json\r\n" + sized(body) + b"\r\n" + body


for size in (HEAD_MAX - 1, HEAD_MAX):
    row("limits", f"head of {size} bytes", head_of(size), 200, True)
for size in (HEAD_MAX + 1, 2 * HEAD_MAX, 1 << 20):
    row("limits", f"head of {size} bytes", head_of(size), 431)
row("limits", f"{FIELDS_MAX} fields", GET + b"A: b\r\n" * (FIELDS_MAX - 1) + b"\r\n", 200, True)
row("limits", f"{FIELDS_MAX + 1} fields", GET + b"A: b\r\n" * FIELDS_MAX + b"\r\n", 431)
row("limits", "a field name of 17,000 bytes", GET + b"A" * 17000 + b": b\r\n\r\n", 431)
for size in (URI_MAX - 1, URI_MAX):
    row("limits", f"target of {size} bytes", target(b"/healthz?".ljust(size, b"a")), 200, True)
for size in (URI_MAX + 1, HEAD_MAX, 1 << 20):
    row("limits", f"target of {size} bytes", target(b"/healthz?".ljust(size, b"a")), 414)
for size in (BODY_MAX - 1, BODY_MAX):
    row("limits", f"body of {size} bytes", put(sized(body_of(size)), body_of(size)), 200, True)
    row("limits", f"body of {size} bytes in chunks", put(CHUNKED, chunks(*(body_of(size)[i : i + 5000] for i in range(0, size, 5000)))), 200, True)
row("limits", f"body of {BODY_MAX + 1} bytes", put(sized(body_of(BODY_MAX + 1)), body_of(BODY_MAX + 1)), 413)
row("limits", f"body of {BODY_MAX + 1} bytes, not sent", put(b"Content-Length: %d\r\n" % (BODY_MAX + 1)), 413)
row("limits", f"body of {BODY_MAX + 1} bytes in chunks", put(CHUNKED, chunks(body_of(BODY_MAX), b" ")), 413)
row("limits", f"JSON {DEPTH_MAX} deep", adding(nested(DEPTH_MAX)), 400, True, "invalid_input")
row("limits", f"JSON {DEPTH_MAX + 1} deep", adding(nested(DEPTH_MAX + 1)), 400, True, "invalid_json")
row("limits", "JSON 100,000 deep", adding(nested(100000)), 400, True, "invalid_json")

# ---- more than one request ----

row("pipeline", "three good ones", GOOD * 3, (200,) * 3, True)
row("pipeline", "two hundred good ones", GOOD * 200, (200,) * 200, True)
row("pipeline", "bodies between", put(LENGTH, BODY) + GOOD + put(CHUNKED, chunks(BODY)) + GOOD, (200,) * 4, True)
row("pipeline", "unread bodies between", put(sized(INNER), INNER, GET) * 3, (200,) * 3, True)
row("pipeline", "junk after a good one", GOOD + b"\x16\x03\x01junk\r\n\r\n", (200, 400))
row("pipeline", "HTTP/0.9 after a good one", GOOD + b"GET /healthz\r\n", (200, 400))
row("pipeline", "bare LF after a good one", GOOD + b"\n", (200, 400))
row("pipeline", "one byte too many in a body", put(LENGTH, BODY + b"}"), (200, 400))
row("pipeline", "Connection: close in the first", GET + b"Connection: close\r\n\r\n" + GOOD, 200)
row("pipeline", "HTTP/1.0 first", b"GET /healthz HTTP/1.0\r\n\r\n" + GOOD, 200)
row(
    "pipeline",
    "404, 405 and 400 between good ones",
    GOOD + target(b"/x") + b"PUT" + GOOD[3:] + put(sized(b"{"), b"{") + GOOD,
    (200, 404, 405, 400, 200),
    True,
)

CONTINUE = b"Expect: 100-continue\r\n"
row("Expect", "100-continue, then the body", (put(LENGTH + CONTINUE), BODY), (100, 200), True)
row("Expect", "100-Continue in other case, chunked", (put(CHUNKED + b"EXPECT: 100-Continue\r\n"), chunks(BODY)), (100, 200), True)
row("Expect", "refused before the body", put(b"Content-Length: %d\r\n" % (BODY_MAX + 1) + CONTINUE), 413)
row("Expect", "refused without a key", put(LENGTH + CONTINUE, b"", PUT.replace(PUT_AUTH, b"")), 401)
row("Expect", "not needed", put(LENGTH + CONTINUE, b"", GET), 200)
row("Expect", "in HTTP/1.0", put(LENGTH + CONTINUE, BODY, PUT.replace(b"/1.1", b"/1.0")), 200)
row("Expect", "something else", put(LENGTH + b"Expect: 200-ok\r\n", BODY), 200, True)

# ---- slow clients: the real deadlines ----


def drip(wire, data, seconds_a_byte, until=120):
    """Sends byte by byte until the daemon has answered or closed. The answers, and how long it took."""
    start = time.monotonic()
    wire.socket.settimeout(seconds_a_byte)
    data = wire.bench.fill_in(data)
    for i in range(until * 10000):
        if i < len(data):
            wire.send(data[i : i + 1])
        try:
            if not wire.read():
                break
        except TimeoutError:
            assert time.monotonic() - start < until, "the daemon neither answered nor closed"
    return [status for status, _, _ in answers_in(wire.raw)[0]], time.monotonic() - start


def slow_row(name, expect, between, start, slowly, seconds_a_byte=0.25):
    low, high = between

    @check("slow", name, f"{expect or 'no answer'}, closed after {low} to {high} s", slow=True)
    def run(bench):
        with Wire(bench) as wire:
            wire.send(start)
            statuses, took = drip(wire, slowly, seconds_a_byte)
        assert statuses == list(expect) and low - 0.2 <= took <= high, (statuses, took)


slow_row("head, byte by byte", (408,), (10, 40), b"", GET + b"A: " + b"b" * 2000)
slow_row("head, a field at a time", (408,), (10, 40), b"", b"".join(b"A%d: b\r\n" % i for i in range(10)).join((GET, b"")), 0.15)
slow_row("head without its last byte", (408,), (10, 40), GOOD[:-1], b"")
slow_row("head after a good request", (200, 408), (10, 40), GOOD + b"GET /", b"healthz")
slow_row("empty line before a request", (408,), (10, 40), b"\r\n", b"")
slow_row("body below 1 KiB/s", (408,), (10, 40), put(b"Content-Length: 200000\r\n"), b" " * 2000, 0.02)
slow_row("chunked body below 1 KiB/s", (408,), (10, 40), put(CHUNKED), b"1\r\n \r\n" * 500, 0.02)
slow_row("chunk extension, byte by byte", (408,), (10, 40), put(CHUNKED) + b"1;", b"a" * 200)
slow_row("trailers, byte by byte", (408,), (10, 40), put(CHUNKED) + b"1f\r\n" + BODY + b"\r\n0\r\n", b"A: " + b"b" * 2000)
slow_row("body never sent after 100 Continue", (100, 408), (10, 40), put(LENGTH + CONTINUE), b"")
slow_row("body that nobody reads", (200,), (10, 40), put(b"Content-Length: 60000\r\n", b"", GET), b" " * 2000, 0.02)
slow_row("more bytes after a refusal", (400,), (0, 30), b"\0\r\n", b"x" * 2000, 0.05)
slow_row("connection that sends nothing", (), (60, 90), b"", b"")
slow_row("connection that sends nothing more", (200,), (60, 90), GOOD, b"")


class Tls:
    """A TLS client that hands its bytes on when it is told to."""

    def __init__(self, daemon):
        self.daemon, self.incoming, self.outgoing = daemon, ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), timeout=120)

    def step(self, function, *args):
        """What the function gives, or None when it needs more from the daemon."""
        try:
            return function(*args)
        except ssl.SSLWantReadError:
            return None

    def hello(self):
        """The first bytes of a handshake."""
        self.step(self.tls.do_handshake)
        return self.outgoing.read()

    def handshake(self):
        self.socket.sendall(self.hello())
        while True:
            self.incoming.write(self.socket.recv(65536))
            try:
                self.tls.do_handshake()
                return self.socket.sendall(self.outgoing.read())
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())

    def record(self, data):
        self.tls.write(data)
        return self.outgoing.read()

    def read_to_end(self):
        """What came in clear until the daemon closed."""
        clear = b""
        try:
            while data := self.socket.recv(65536):
                self.incoming.write(data)
                while more := self.step(self.tls.read, 65536):
                    clear += more
        except (ConnectionResetError, ssl.SSLError):
            pass
        return clear


def tls_row(name, expect, between, begin):
    """begin(client) sends what there is; then the client waits for the end."""
    low, high = between

    @check("slow", f"TLS: {name}", f"{expect or 'no answer'}, closed after {low} to {high} s", slow=True)
    def run(bench):
        client = Tls(bench.tls_daemon)
        try:
            start = time.monotonic()
            begin(client)
            clear = client.read_to_end()
            took = time.monotonic() - start
        finally:
            client.socket.close()
        statuses = [status for status, _, _ in answers_in(clear)[0]]
        assert statuses == list(expect) and low - 0.2 <= took <= high, (statuses, took, clear[:200])


def drip_hello(client):
    hello = client.hello()
    for byte in hello[:30]:  # then nothing; the daemon is done with it after 40
        client.socket.sendall(bytes([byte]))
        time.sleep(0.25)
    try:
        for byte in hello[30:60]:
            client.socket.sendall(bytes([byte]))
            time.sleep(0.25)
    except OSError:
        pass


def half_hello(client):
    hello = client.hello()
    client.socket.sendall(hello[: len(hello) // 2])


def half_record(*whole):
    def begin(client):
        client.handshake()
        for data in whole:
            client.socket.sendall(client.record(data.replace(TOKEN, client.daemon.learner.encode())))
        record = client.record(b"A: " + b"b" * 200)
        client.socket.sendall(record[: len(record) // 2])

    return begin


tls_row("handshake that never ends", (), (10, 40), half_hello)
tls_row("handshake, byte by byte", (), (10, 40), drip_hello)
tls_row("no handshake", (), (60, 90), lambda client: None)
tls_row("no request after the handshake", (408,), (10, 40), lambda client: client.handshake())
tls_row("half a record for a request", (408,), (10, 40), half_record())
tls_row("half a record within a head", (408,), (10, 40), half_record(GET))
tls_row("half a record within a body", (408,), (10, 40), half_record(put(b"Content-Length: 5000\r\n")))
tls_row("half a record after a good request", (200,), (60, 90), half_record(GOOD))


@check("slow", "body of 4 KiB/s for 12 s", "200, open", slow=True)
def patient(bench):
    body = body_of(48 * 1024)
    with Wire(bench) as wire:
        wire.send(put(sized(body)))
        for i in range(0, len(body), 1024):
            assert wire.send(body[i : i + 1024])
            time.sleep(0.25)
        assert wire.read_answers(1)[0][0] == 200


# ---- too many connections ----


def told(bench, opened, source):
    """The status on one more connection. That of the one before, which has just been closed, may still be counted."""
    wire = Wire(bench, source=source, port=bench.capped_daemon.port)
    wire.send(GOOD)
    status, fields, _ = wire.read_answers(1)[0]
    assert status in (200, 503), (source, status)
    if status == 200:
        opened.append(wire)
    else:
        wire.socket.close()
        assert fields["retry-after"] == "1" and fields["connection"] == "close", fields
    return status


def cap_row(name, expected, sources):
    """sources: (address, statuses of one connection after the other) …; all stay open, then all close and it works again."""

    @check("caps", name, expected)
    def run(bench):
        for _ in range(2):
            opened = []
            try:
                for source, statuses in sources:
                    for status in statuses:
                        if status == 200:
                            wait_until(lambda: told(bench, opened, source) == 200, what=f"room for {source}")
                        else:
                            assert told(bench, opened, source) == status, source
            finally:
                for wire in opened:
                    wire.socket.close()
            wait_until(bench.capped_is_empty, what="the end of the connections")


cap_row("4 connections from an address that may have 3", "200 × 3, then 503 with Retry-After", (("127.0.0.2", (200, 200, 200, 503)),))
cap_row("two addresses", "each has its 3", (("127.0.0.2", (200, 200, 200, 503)), ("127.0.0.3", (200, 200, 200, 503))))
cap_row("this machine and a trusted proxy", "not counted apart", (("127.0.0.1", (200,) * 4), ("127.0.0.9", (200,) * 4)))
cap_row("13 connections to a process that takes 12", "503 with Retry-After", (("127.0.0.1", (200,) * 12 + (503,)), ("127.0.0.2", (503,))))

# ---- the daemon as a client: an AI service that misbehaves ----


def completion(text):
    return json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    ).encode()


def event(text, finish=None):
    return (
        b"data: "
        + json.dumps(
            {
                "id": "x",
                "object": "chat.completion.chunk",
                "model": "m",
                "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
            }
        ).encode()
        + b"\n\n"
    )


def reply(body, *fields, line=b"HTTP/1.1 200 OK", length=True):
    return b"\r\n".join([line, b"Content-Type: application/json", *([b"Content-Length: %d" % len(body)] if length else []), *fields, b"", body])


DATA, CLOSE, RESET, STALL = completion("answer of the row"), "close", "reset", "stall"
TAKEN = "taken"  # waits until the daemon has read all of it
POISON = reply(completion("POISON"))


class Service:
    """A raw socket server. A script is what it does with one request: bytes to send, seconds to sleep, a function, CLOSE, RESET, STALL,
    TAKEN."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.lock, self.scripts, self.connections, self.requests, self.accepted = threading.Lock(), [], set(), [], 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.connections.add(connection)
                number = self.accepted
            threading.Thread(target=self.serve, args=(connection, number), daemon=True).start()

    def serve(self, connection, number):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        try:
            while head := self.read_head(stream):
                body = stream.read(int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1]))
                with self.lock:
                    self.requests.append((number, head, json.loads(body)))
                    script = self.scripts.pop(0) if self.scripts else (reply(completion("plain answer")),)
                for step in script:
                    self.act(connection, stream, step)
        except (OSError, ValueError):
            pass
        with self.lock:
            self.connections.discard(connection)
        stream.close()
        connection.close()

    @staticmethod
    def read_head(stream):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return None
            head += line
        return head

    @staticmethod
    def act(connection, stream, step):
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, (int, float)):
            time.sleep(step)
        elif callable(step):
            step()
        elif step == STALL:
            stream.read(1)
        elif step == TAKEN:
            wait_until(lambda: unread(connection.getsockname(), connection.getpeername()) == 0, what="a daemon that reads")
        else:
            if step == RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise OSError

    def begin(self, *scripts):
        """Forgets what was, ends all connections, so that the next request opens one."""
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.scripts, self.requests = list(scripts), []
        wait_until(lambda: not self.connections, what="the end of the connections")
        time.sleep(0.02)


def upstream_row(name, script, expect, reused=None, sent=1):
    """expect: "ok" with the text of the row, or the code of the failure. reused: is the connection used for the next request?
    sent: how often the first request comes."""
    script = script if isinstance(script, tuple) else (script,)

    @check("AI service", name, f"{expect}{'' if reused is None else ', kept' if reused else ', not used again'}")
    def run(bench):
        for stream in (False, True) if isinstance(script[0], bytes) and b"text/event-stream" in script[0] else (False,):
            service = bench.service
            service.begin(script)
            body = bench.ask(stream)
            assert body.get("code", "ok") == expect, body
            if expect == "ok":
                assert body["response"]["generated_content"] == "answer of the row", body
            assert len(service.requests) == sent, [number for number, _, _ in service.requests]
            if reused is False:
                wait_until(lambda: not service.connections, what="the end of the connection")
            second = bench.ask()
            assert second["response"]["generated_content"] == "plain answer", second
            numbers = [number for number, _, _ in service.requests]
            if reused is not None:
                assert (numbers[-1] == numbers[0]) == reused, numbers


CH = b"Transfer-Encoding: chunked"
EVENTS = event("answer of ") + event("the row", "stop") + b"data: [DONE]\n\n"


def stream_reply(body, *fields):
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", *fields, b"", body])


INVALID, GONE, LATE = "upstream_invalid", "upstream_unavailable", "upstream_timeout"
upstream_row("Content-Length", reply(DATA), "ok", True)
upstream_row("chunked", reply(chunks(DATA), CH, length=False), "ok", True)
upstream_row("chunked with trailers and extensions", reply(b"%x;a=b\r\n%s\r\n0;x\r\nA: b\r\n\r\n" % (len(DATA), DATA), CH, length=False), "ok", True)
upstream_row("until it closes", (reply(DATA, length=False), CLOSE), "ok", False)
upstream_row("HTTP/1.0", (reply(DATA, line=b"HTTP/1.0 200 OK"), CLOSE), "ok", False)
upstream_row("Connection: close", reply(DATA, b"Connection: close"), "ok", False)
upstream_row("byte by byte", tuple(bytes([b]) for b in reply(DATA)), "ok", True)
upstream_row("events", stream_reply(chunks(EVENTS), CH), "ok", True)
upstream_row("no reason", reply(DATA, line=b"HTTP/1.1 200"), "ok", True)
upstream_row("a whole answer behind the answer", reply(DATA) + POISON, "ok", False)
upstream_row("a whole answer behind chunks", reply(chunks(DATA) + POISON, CH, length=False), "ok", False)
upstream_row("a whole answer behind events", stream_reply(chunks(EVENTS) + POISON, CH), "ok", False)
upstream_row("one byte behind the answer", reply(DATA) + b"\n", "ok", False)
upstream_row("a whole answer a moment later", (reply(DATA), 0.03, POISON), "ok", False)
upstream_row("408 on an idle connection", (reply(DATA), 0.03, b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", CLOSE), "ok", False)
upstream_row(
    "two heads in one buffer", b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 16348 + b"\r\n\r\n" + reply(DATA, b"A: " + b"b" * 16000), "ok", True
)
upstream_row("a whole answer behind 204", b"HTTP/1.1 204 No Content\r\n\r\n" + POISON, INVALID, False)
upstream_row("a body of 204", b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA, INVALID, False)
upstream_row("closes without an answer", (CLOSE,), GONE)
upstream_row("resets without an answer", (RESET,), GONE)
upstream_row("closes within the status line", (b"HTTP/1.1 20", CLOSE), INVALID)
upstream_row("closes within the head", (reply(DATA)[:40], CLOSE), INVALID)
upstream_row("closes before the body", (reply(DATA)[: -len(DATA)], CLOSE), INVALID)
upstream_row("closes within the body", (reply(DATA)[:-1], CLOSE), INVALID)
upstream_row("resets within the body", (reply(DATA)[:-1], TAKEN, RESET), INVALID)
upstream_row("closes within a chunk", (reply(chunks(DATA)[:40], CH, length=False), CLOSE), INVALID)
upstream_row("closes before the last chunk", (reply(chunks(DATA, end=b""), CH, length=False), CLOSE), INVALID)
upstream_row("closes within the last chunk", (reply(chunks(DATA, end=b"0\r\n"), CH, length=False), CLOSE), INVALID)
upstream_row("Content-Length too long", (reply(DATA + b" " * 9)[:-9], CLOSE), INVALID)
upstream_row("Content-Length too long, and waits", (reply(DATA + b" " * 9)[:-9], STALL), LATE)
upstream_row("Content-Length too short", reply(DATA, b"Content-Length: %d" % (len(DATA) - 1), length=False), INVALID, False)
for value in (b"+5", b"-1", b"0x5", b"5,5", b"", b"9" * 19, b"9" * 30, b"5 5"):
    upstream_row(f"Content-Length: {value.decode()!r}", reply(DATA, b"Content-Length: " + value, length=False), INVALID, False)
upstream_row("Content-Length of 999 GB", reply(DATA, b"Content-Length: 999999999999", length=False), INVALID, False)
upstream_row("Content-Length twice, the same", reply(DATA, b"Content-Length: %d" % len(DATA)), INVALID, False)
upstream_row("Content-Length twice, different", reply(DATA, b"Content-Length: 5"), INVALID, False)
upstream_row("Content-Length and chunked", reply(chunks(DATA), CH), INVALID, False)
for value in (b"gzip, chunked", b"xchunked", b"identity", b"chunked, chunked", b"", b"chunked\x0b", b"chunked\r\nTransfer-Encoding: chunked"):
    upstream_row(f"Transfer-Encoding: {value.decode()!r}", reply(chunks(DATA), b"Transfer-Encoding: " + value, length=False), INVALID, False)
upstream_row("chunked in HTTP/1.0", reply(chunks(DATA), CH, line=b"HTTP/1.0 200 OK", length=False), INVALID, False)
for name, body in (
    ("junk for a size", b"zz\r\n"),
    ("an empty size", b"\r\n"),
    ("size +5", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size of 17 digits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("bare LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    ("nothing behind the bytes", b"5\r\nhello0\r\n\r\n"),
    ("endless extension", b"5;" + b"a" * 5000),
    ("bad trailer", chunks(DATA, end=b"0\r\nA b\r\n\r\n")),
    ("endless trailers", chunks(DATA, end=b"0\r\n" + b"A: b\r\n" * 5000)),
):
    upstream_row(f"chunks: {name}", reply(body, CH, length=False), INVALID, False)
for name, head in (
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(DATA) + DATA),
    ("bare CR in a value", reply(DATA, b"A: b\rContent-Length: 5")),
    ("line continued", reply(DATA, b"A: b\r\n c")),
    ("NUL in a value", reply(DATA, b"A: \0")),
    ("space before a colon", reply(DATA, b"A : b")),
    ("no name", reply(DATA, b": b")),
    ("65 fields", reply(DATA, *[b"A: b"] * 65)),
    ("HTTP/2", reply(DATA, line=b"HTTP/2 200 OK")),
    ("ICY", reply(DATA, line=b"ICY 200 OK")),
    ("no head", DATA),
    ("status 99", reply(DATA, line=b"HTTP/1.1 099 X")),
    ("status 600", reply(DATA, line=b"HTTP/1.1 600 X")),
    ("status 2000", reply(DATA, line=b"HTTP/1.1 2000 X")),
    ("status 20", reply(DATA, line=b"HTTP/1.1 20 X")),
    ("control byte in the reason", reply(DATA, line=b"HTTP/1.1 200 O\x01K")),
    ("head of 20,000 bytes", reply(DATA, b"A: " + b"b" * 20000)),
    ("endless head", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000),
    ("a line end first", b"\r\n" + reply(DATA)),
    ("a request", GOOD),
):
    upstream_row(f"head: {name}", head, INVALID, False)
upstream_row(
    "head: as large as allowed",
    reply(DATA, b"A: " + b"b" * (HEAD_MAX - len(reply(b"", b"A: ", b"Content-Length: %d" % len(DATA), length=False)))),
    "ok",
    True,
)
upstream_row("head, byte by byte without end", tuple(step for byte in b"HTTP/1.1 200 OK\r\nA: " + b"b" * 30 for step in (bytes([byte]), 0.1)), LATE)
upstream_row("waits before the head", (STALL,), LATE)
upstream_row("waits within the head", (reply(DATA)[:30], STALL), LATE)
CONTINUED, HINTS = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
upstream_row("100 first", CONTINUED + reply(DATA), "ok", True)
upstream_row("100, then 103, in pieces", (CONTINUED, 0.05, HINTS, 0.05, reply(DATA)), "ok", True)
upstream_row("eight of 102", b"HTTP/1.1 102 Processing\r\n\r\n" * 8 + reply(DATA), "ok", True)
upstream_row("nine of 102", b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + reply(DATA), INVALID, False)
upstream_row("three large 103", (b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 12000 + b"\r\n\r\n") * 3 + reply(DATA), "ok", True)
upstream_row("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + reply(DATA), INVALID, False)
upstream_row("100, then closes", (CONTINUED, CLOSE), INVALID)
upstream_row("100, then waits", (CONTINUED, STALL), LATE)


@check("AI service", "a kept connection is closed without an answer", "sent again on a new one")
def stale(bench):
    bench.service.begin((reply(completion("one")),), (CLOSE,))
    assert bench.ask()["response"]["generated_content"] == "one"
    assert bench.ask()["response"]["generated_content"] == "plain answer"
    first, second, third = [number for number, _, _ in bench.service.requests]
    assert first == second != third


def stray_row(name, *stray):
    @check("AI service", f"a kept connection, idle: {name}", "not taken for the next answer, a new connection")
    def run(bench):
        for pause in (0, 0.05):
            sent = threading.Event()
            bench.service.begin((reply(completion("one")), pause, *stray[:-1], sent.set, *stray[-1:]))
            assert bench.ask()["response"]["generated_content"] == "one"
            assert sent.wait(60)
            assert bench.ask()["response"]["generated_content"] == "plain answer"
            assert len({number for number, _, _ in bench.service.requests}) == 2


stray_row("a whole second answer", reply(completion("evil")), 0)
stray_row("one byte", b"H", 0)
stray_row("an error answer", reply(b"{}", line=b"HTTP/1.1 500 X"), 0)
stray_row("408 and the end", reply(b"", line=b"HTTP/1.1 408 Request Timeout"), CLOSE)


@check("AI service", "a kept connection breaks within the answer", f"{INVALID}, not sent again")
def stale_half(bench):
    bench.service.begin((reply(completion("one")),), (reply(DATA)[:-1], CLOSE))
    assert bench.ask()["response"]["generated_content"] == "one"
    assert bench.ask()["code"] == INVALID and len(bench.service.requests) == 2


@check("AI service", "line ends in an error, Retry-After, model and text", "nothing of it in our head")
def splitting(bench):
    evil = "x\r\nX-Injected: y\r\n\r\nHTTP/1.1 200 OK\r\n"
    fault = json.dumps({"error": {"message": evil, "type": evil, "code": evil}}).encode()
    data = json.loads(completion(evil))
    data["model"] = data["id"] = evil
    for script in (
        (reply(fault, b"Retry-After: 5, X-Injected: y", line=b"HTTP/1.1 429 Too Many"),),
        (reply(fault, line=b"HTTP/1.1 400 \xff\xfe"),),
        (reply(json.dumps(data).encode(), b"Set-Cookie: X-Injected=y"),),
    ):
        for stream in (False, True):
            bench.service.begin(script)
            body = json.dumps({"input": {"prompt": "x"}, "provider": "row", "stream": stream}).encode()
            with Wire(bench) as wire:
                wire.send(
                    b"POST /v1/actions/generate_text HTTP/1.1\r\n"
                    + HOST
                    + AUTH
                    + b"Content-Type: application/json\r\nConnection: close\r\n"
                    + sized(body)
                    + b"\r\n"
                    + body
                )
                while wire.read():
                    pass
            head = wire.raw.partition(b"\r\n\r\n")[0].lower()
            assert b"injected" not in head and b"cookie" not in head and b"\nX-Injected" not in wire.raw and b"\nHTTP" not in wire.raw, wire.raw


def injection_row(name, config):
    @check("AI service", f"injection by {name}", "refused, or never sent")
    def run(bench):
        bench.service.begin()
        made = bench.daemon.request(
            "POST",
            "/v1/providers",
            bench.daemon.admin_key,
            {"name": "injected", "plugin": "openai", "config": {"endpoint": bench.endpoint, "model": "m", **config}},
        )
        changed = bench.daemon.request("PATCH", "/v1/providers/row", bench.daemon.admin_key, {"config": config})
        try:
            assert made.status in (201, 400) and changed.status in (200, 400), (made, changed)
            for provider in ("injected", "row"):
                bench.ask(provider=provider)
        finally:
            bench.daemon.request("DELETE", "/v1/providers/injected", bench.daemon.admin_key)
            bench.set_up()
        for _, head, _ in bench.service.requests:
            assert b"x-injected" not in head.lower().replace(b"a x-injected", b""), head
            assert head.count(b"\r\n\r\n") == 1 and re.search(rb"[^\r]\n|\r[^\n]|\0", head) is None, head
        assert bench.ask()["response"]["generated_content"] == "plain answer"


for end in ("\r\n", "\n", "\r", "\0", "\u2028\r\n"):
    for member in ("api_key", "organization", "model", "endpoint", "api_key_header"):
        value = f"http://127.0.0.1:1/v1{end}X-Injected: y" if member == "endpoint" else f"k{end}X-Injected: y"
        injection_row(f"{member} with {end!r}", {member: value})
    injection_row(f"a header's value with {end!r}", {"headers": {"X-A": f"a{end}X-Injected: y"}})
    injection_row(f"a header's name with {end!r}", {"headers": {f"X-A: a{end}X-Injected": "y"}})
injection_row("line ends around a value", {"api_key": "k\r\n", "organization": "\r\nX-Injected: y"})
injection_row("Content-Length", {"headers": {"Content-Length": "0"}})
injection_row("Transfer-Encoding", {"headers": {"transfer-encoding": "chunked"}})
injection_row("Host", {"headers": {"Host": "x-injected"}})

# ---- slow readers ----

PIECES = 2000


def long_stream():
    return stream_reply(chunks(*[event(f"{i:05d}" + "x" * 500) for i in range(PIECES)], event("", "stop"), b"data: [DONE]\n\n"), CH)


def begin_long(bench, wire):
    body = json.dumps({"input": {"prompt": "long"}, "provider": "long", "stream": True}).encode()
    wire.send(b"POST /v1/actions/generate_text HTTP/1.1\r\n" + HOST + AUTH + b"Content-Type: application/json\r\n" + sized(body) + b"\r\n" + body)
    while b"event: start" not in wire.raw or b"}" not in wire.raw.partition(b"event: start")[2]:
        assert wire.read(), wire.raw
    return re.search(rb'"id":"([0-9a-f-]{36})"', wire.raw)[1].decode()


@check("slow", "reads a long streamed answer slowly", "every word once", slow=True)
def slow_reader(bench):
    with Wire(bench, 8192) as wire:
        begin_long(bench, wire)
        while not wire.raw.endswith(b"\r\n0\r\n\r\n"):
            data = wire.socket.recv(8192)
            assert data, wire.raw[-300:]
            wire.raw += data
            time.sleep(0.02)
    stream, rest = b"", wire.raw.partition(b"\r\n\r\n")[2]
    while size := int(rest.partition(b"\r\n")[0], 16):
        begin = rest.index(b"\r\n") + 2
        stream, rest = stream + rest[begin : begin + size], rest[begin + size + 2 :]
    text = "".join(e.data["text"] for e in read_events(stream.splitlines(True)) if e.kind == "delta")
    assert text == "".join(f"{i:05d}" + "x" * 500 for i in range(PIECES))


@check("slow", "does not read a long streamed answer", "cut after 30 s without progress, what came is kept", slow=True)
def no_reader(bench):
    with Wire(bench, 4096) as wire:
        call = begin_long(bench, wire)
        time.sleep(45)
        while wire.read():
            pass
        assert not wire.raw.endswith(b"\r\n0\r\n\r\n") and len(wire.raw) < PIECES * 500
    asked = lambda: bench.daemon.request("GET", f"/v1/actions/calls/{call}", bench.daemon.admin_key).json
    state = wait_until(lambda: (now := asked())["state"] != "running" and now, what="the end of the call")
    kept, whole = state["response"].get("generated_content") or state["partial"], "".join(f"{i:05d}" + "x" * 500 for i in range(PIECES))
    assert len(kept) > 100_000 and whole.startswith(kept) and state["success"] == (kept == whole), (len(kept), state["state"])


# ---- running them ----


class Bench:
    """A daemon with one loop and an AI service under our control."""

    def __init__(self, directory):
        self.daemon = Daemon(pathlib.Path(directory) / "data", "--threads", "1")
        self.capped_daemon = Daemon(
            pathlib.Path(directory) / "capped", "--max-connections", "12", "--max-connections-per-address", "3", "--trusted-proxies", "127.0.0.9"
        )
        self.tls_daemon = Daemon(pathlib.Path(directory) / "tls", "--threads", "1", *self.certificate(pathlib.Path(directory)))
        self.service, self.long = Service(), Service()
        self.long.scripts = [(long_stream(),) for _ in range(8)]
        self.endpoint = f"http://127.0.0.1:{self.service.port}/v1"
        for name, service in (("row", self.service), ("long", self.long)):
            made = self.daemon.request(
                "POST",
                "/v1/providers",
                self.daemon.admin_key,
                {
                    "name": name,
                    "plugin": "openai",
                    "config": {
                        "endpoint": f"http://127.0.0.1:{service.port}/v1",
                        "model": "m",
                        "api_key": "k",
                        "first_byte_ms": 3000,
                        "idle_ms": 3000,
                        "retries": 0,
                        "breaker_faults": 0,
                    },
                },
            )
            assert made.status == 201, made
        self.pool = concurrent.futures.ThreadPoolExecutor(64)
        self.slow = {}

    @staticmethod
    def certificate(directory):
        """Options for serving TLS with a fresh certificate."""
        cert, key = directory / "cert.pem", directory / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"]
        subprocess.run(command, check=True, capture_output=True)
        return "--tls-cert", str(cert), "--tls-key", str(key)

    def capped_is_empty(self):
        """Has no connection but the one that asks."""
        answer = self.capped_daemon.request("GET", "/metrics", self.capped_daemon.admin_key)
        return answer.status == 200 and b"\nlectern_http_connections 1\n" in answer.body

    def fill_in(self, data):
        return data.replace(KEY, self.daemon.admin_key.encode()).replace(TOKEN, self.daemon.learner.encode())

    def set_up(self):
        """The provider as it was at first."""
        done = self.daemon.request(
            "PATCH",
            "/v1/providers/row",
            self.daemon.admin_key,
            {
                "config": {
                    "endpoint": self.endpoint,
                    "model": "m",
                    "api_key": "k",
                    "first_byte_ms": 3000,
                    "idle_ms": 3000,
                    "retries": 0,
                    "breaker_faults": 0,
                    "organization": None,
                    "headers": None,
                    "api_key_header": None,
                }
            },
        )
        assert done.status == 200, done

    def start_slow(self):
        for group, name, _, slow, function in CHECKS:
            if slow:
                self.slow[group, name] = self.pool.submit(function, self)

    def run(self, item):
        group, name, _, slow, function = item
        if slow:
            self.slow[group, name].result(300)
        else:
            function(self)

    def ask(self, stream=False, provider="row"):
        """The object that ends a call."""
        answer = self.daemon.request(
            "POST", "/v1/actions/generate_text", self.daemon.admin_key, {"input": {"prompt": "x"}, "provider": provider, "stream": stream}
        )
        if answer.headers["Content-Type"].startswith("text/event-stream"):
            return list(read_events(answer.body.splitlines(True)))[-1].data
        return answer.json

    def check_nothing_smuggled(self):
        assert self.daemon.request("GET", "/v1/providers/smuggled", self.daemon.admin_key).status == 404

    def close(self):
        self.pool.shutdown()
        for service in (self.service, self.long):
            service.listener.close()
        for daemon in (self.daemon, self.capped_daemon, self.tls_daemon):
            check_end(daemon)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, request):
    made = Bench(tmp_path_factory.mktemp("matrix"))
    if any("-slow-" in item.nodeid or "[slow" in item.nodeid for item in request.session.items):
        made.start_slow()
    yield made
    made.close()


@pytest.mark.parametrize("item", sorted(CHECKS, key=lambda c: c[3]), ids=lambda c: re.sub(r"[^ -~]|[\[\]:/]", "_", f"{c[0]}, {c[1]}"))
def test_row(bench, item):
    bench.run(item)


def main():
    with tempfile.TemporaryDirectory(prefix="matrix-") as directory:
        return print_matrix(Bench(directory))


def print_matrix(bench):
    red = 0
    bench.start_slow()
    for item in sorted(CHECKS, key=lambda c: c[3]):
        try:
            bench.run(item)
            verdict = "\033[32mgreen\033[0m"
        except Exception as error:  # whatever a row says is its verdict
            red, verdict = red + 1, f"\033[31mred\033[0m   {type(error).__name__}: {str(error)[:300]}"
        print(f"{item[0]:16} {item[1][:70]:70} {item[2]:44} {verdict}", flush=True)
    print(f"{len(CHECKS)} rows, {len(CHECKS) - red} green, {red} red")
    bench.close()
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What a call costs. All on loopback and in one run: nginx as the upstream (a fixed body), nginx as a plain reverse proxy to it, Lectern
with its whole pipeline on (key, gates, JSON both ways, durable register). Rounds are interleaved; medians are printed.

CPU per call is the figure to compare: on small shared machines calls per second say more about the load generator.
"""
import argparse
import atexit
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ANSWER = json.dumps({
    "id": "chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo", "object": "chat.completion", "created": 1721203199, "model": "gpt-4o-2024-05-13",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Water moves between sea, air and land. " * 10},
                 "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 230, "completion_tokens": 100, "total_tokens": 330}, "system_fingerprint": "fp_c4e5b6fa31"})
PROMPT = "Explain to a class of twelve-year-olds why the sea is salty and rivers are not, in a few plain sentences. " * 10


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pids):
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / ticks


def memory_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))


def start(command, **options):
    """A process that is ended with this program, whatever happens."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    atexit.register(process.terminate)
    return process


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Nginx:
    def __init__(self, folder, name, server):
        self.port = free_port()
        base = folder / name
        base.mkdir()
        (base / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {base}/pid; error_log {base}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_buffer_size 1m; client_body_temp_path {base}/b; proxy_temp_path {base}/p;
  fastcgi_temp_path {base}/f; uwsgi_temp_path {base}/u; scgi_temp_path {base}/s; keepalive_requests 1000000; {server.format(port=self.port)} }}
""")
        self.process = start(["nginx", "-c", str(base / "nginx.conf"), "-p", str(base)], stdout=subprocess.DEVNULL)
        wait_port(self.port)
        self.pids = children(self.process.pid)

    def stop(self):
        self.process.terminate()  # the master ends its worker; kill would leave it
        self.process.wait()


def wait_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


class Lectern:
    def __init__(self, binary, folder, upstream_url, extra=()):
        self.binary, self.data = str(binary), str(folder)
        self.cli("migrate")
        self.cli("site", "add", "bench", "--name", "Bench")
        self.key = re.search(r"lk_[A-Za-z0-9_-]+", self.cli("--json", "key", "add", "--site", "bench", "--role", "service", "--name", "bench")).group(0)
        self.cli("provider", "add", "upstream", "--plugin", "openai", "--site", "bench", "--config",
                 json.dumps({"endpoint": upstream_url, "model": "gpt-4o", "api_key": "bench-key"}))
        self.process = start([self.binary, "serve", "--data", self.data, "--listen", "127.0.0.1:0", *extra], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().strip().rsplit(":", 1)[1].strip("/"))
        self.pids = [self.process.pid]

    def cli(self, *args):
        done = subprocess.run([self.binary, *args, "--data", self.data], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"lectern {' '.join(args)}: {done.stderr}")
        return done.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wrk(port, path, body, headers, seconds, connections, folder):
    script = folder / f"post-{port}.lua"
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"] + [f'wrk.headers["{k}"] = "{v}"' for k, v in headers.items()]
    script.write_text("\n".join(lines))
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}{path}"],
                         capture_output=True, text=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad or "Socket errors" in out:
        sys.exit(f"port {port}: not all answers were good:\n{out}")
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    latency = {p: float(v) * units[u] for p, v, u in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)\b", out)}
    return requests, latency


def commit_times(folder, n=200):
    """What one small write and fsync costs on this disk, in microseconds."""
    times = []
    with open(folder / "fsync", "wb", buffering=0) as f:
        for _ in range(n):
            f.write(b"x" * 4096)
            begin = time.perf_counter()
            os.fdatasync(f.fileno())
            times.append((time.perf_counter() - begin) * 1e6)
    times.sort()
    return times[n // 2], times[n * 99 // 100]


def calls(args, folder):
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]})
    upstream = Nginx(folder, "upstream", "server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type application/json; return 200 '"
                     + ANSWER.replace("{", "{{").replace("}", "}}") + "'; }} }}")
    proxy = Nginx(folder, "proxy", f"upstream u {{{{ server 127.0.0.1:{upstream.port}; keepalive 256; }}}} "
                  "server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://u; proxy_http_version 1.1; "
                  'proxy_set_header Connection ""; }} }}')
    lectern = Lectern(args.lectern, folder / "data", f"http://127.0.0.1:{upstream.port}/v1", ("--threads", str(args.threads)))
    action = json.dumps({"user": {"id": "42", "roles": ["teacher"]}, "context": {"course_id": "course-v1:Lectern+Bench+2026"},
                         "input": {"prompt": PROMPT}})
    plain = {"Content-Type": "application/json"}
    targets = {
        "nginx reverse proxy": (proxy, "/v1/chat/completions", body, plain),
        "lectern generate_text": (lectern, "/v1/actions/generate_text", action, dict(plain, Authorization=f"Bearer {lectern.key}")),
    }
    figures = {name: [] for name in targets}
    for name, (server, path, text, headers) in targets.items():
        wrk(server.port, path, text, headers, 1, args.connections, folder)
    for _ in range(args.rounds):
        for name, (server, path, text, headers) in targets.items():
            before, begin = cpu_seconds(server.pids), time.time()
            n, latency = wrk(server.port, path, text, headers, args.seconds, args.connections, folder)
            time.sleep(0.3)  # what is still being written belongs to the calls
            figures[name].append({"us_per_call": (cpu_seconds(server.pids) - before) / n * 1e6, "per_second": n / args.seconds,
                                  "p50_us": latency["50"], "p99_us": latency["99"]})
    rows = {name: {k: statistics.median(r[k] for r in rounds) for k in rounds[0]} for name, rounds in figures.items()}
    fsync = commit_times(folder)
    base, ours = rows["nginx reverse proxy"], rows["lectern generate_text"]
    print(f"\nPOST, {len(PROMPT)} B in, {len(ANSWER)} B upstream answer, {args.connections} connections, {args.rounds} rounds of {args.seconds} s, medians")
    print(f"{'':24}{'CPU µs/call':>12}{'calls/s':>10}{'p50 µs':>9}{'p99 µs':>9}")
    for name, r in rows.items():
        print(f"{name:24}{r['us_per_call']:12.1f}{r['per_second']:10.0f}{r['p50_us']:9.0f}{r['p99_us']:9.0f}")
    print(f"lectern / nginx CPU per call: {ours['us_per_call'] / base['us_per_call']:.2f}   "
          f"(disk: 4 KiB write + fdatasync p50 {fsync[0]:.0f} µs, p99 {fsync[1]:.0f} µs)")
    registered = int(json.loads(lectern.cli("--json", "register", "count", "--site", "bench"))["calls"]) if args.parity else None
    result = {"rows": rows, "rounds": figures, "ratio": ours["us_per_call"] / base["us_per_call"], "fdatasync_us": fsync, "registered": registered}
    for server in (lectern, proxy, upstream):
        server.stop()
    return result


class StreamUpstream(threading.Thread):
    """Streams one event every `gap` seconds to every connection, from one thread: cheap enough for a thousand streams."""

    def __init__(self, gap, events):
        super().__init__(daemon=True)
        self.gap, self.events = gap, events
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]

    @staticmethod
    def chunk(data):
        return b"%x\r\n%s\r\n" % (len(data), data)

    def run(self):
        selector = selectors.DefaultSelector()
        self.listener.setblocking(False)
        selector.register(self.listener, selectors.EVENT_READ)
        live = {}
        event = self.chunk(b'data: ' + json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [
            {"index": 0, "delta": {"content": "some words of it "}, "finish_reason": None}]}).encode() + b"\n\n")
        last = self.chunk(b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n') + b"0\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        due = time.time() + self.gap
        while True:
            for key, _ in selector.select(max(0, due - time.time())):
                if key.fileobj is self.listener:
                    s, _ = self.listener.accept()
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    s.setblocking(False)
                    selector.register(s, selectors.EVENT_READ)
                    continue
                s = key.fileobj
                try:
                    data = s.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    selector.unregister(s)
                    live.pop(s, None)
                    s.close()
                elif s not in live and b"\r\n\r\n" in data:
                    s.sendall(head)
                    live[s] = 0
            if time.time() < due:
                continue
            due += self.gap
            for s in list(live):
                live[s] += 1
                try:
                    s.sendall(event if live[s] <= self.events else last)
                except OSError:
                    pass
                if live[s] > self.events:
                    del live[s]
                    selector.unregister(s)
                    s.close()


def streams(args, folder):
    gap, events = 0.5, 16
    upstream = StreamUpstream(gap, events)
    upstream.start()
    lectern = Lectern(args.lectern, folder / "stream-data", f"http://127.0.0.1:{upstream.port}/v1", ("--threads", str(args.threads)))
    idle = memory_kib(lectern.process.pid)
    body = json.dumps({"user": {"id": "42", "roles": ["teacher"]}, "input": {"prompt": "tell me"}, "stream": True}).encode()
    request = (b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "
               + lectern.key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    selector = selectors.DefaultSelector()
    seen = {}
    for _ in range(args.streams):
        s = socket.create_connection(("127.0.0.1", lectern.port))
        s.sendall(request)
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
        seen[s] = b""
    begin, before, middle = time.time(), cpu_seconds(lectern.pids), None
    deltas = done = 0
    live = set(seen)
    while live and time.time() - begin < 60:
        for key, _ in selector.select(0.2):
            s = key.fileobj
            try:
                data = s.recv(262144)
            except BlockingIOError:
                continue
            tail = seen[s][-16:]
            deltas += (tail + data).count(b"event: delta") - tail.count(b"event: delta")
            finished = b"event: done" in tail + data
            done += finished
            seen[s] = data
            if finished or not data:
                selector.unregister(s)
                s.close()
                live.discard(s)
        if middle is None and time.time() - begin > gap * events / 2:
            middle = memory_kib(lectern.process.pid)
    wall, cpu = time.time() - begin, cpu_seconds(lectern.pids) - before
    missing = args.streams * events - deltas
    result = {"streams": args.streams, "events": args.streams * events, "joined_or_missing_events": missing, "finished": done,
              "idle_kib": idle, "live_kib": middle, "kib_per_stream": (middle - idle) / args.streams if middle else None,
              "cpu_percent_of_one_core": 100 * cpu / wall, "us_per_event": cpu / (args.streams * events) * 1e6}
    print(f"\n{args.streams} live streams, an event each {gap * 1000:.0f} ms: {done} finished, {deltas} of {args.streams * events} events seen; "
          f"memory {idle / 1024:.1f} MiB idle, {(middle or 0) / 1024:.1f} MiB live ({result['kib_per_stream'] or 0:.1f} KiB per stream); "
          f"CPU {result['cpu_percent_of_one_core']:.0f} % of one core, {result['us_per_event']:.1f} µs per event")
    lectern.stop()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lectern", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--parity", action="store_true", help="also count the register's calls")
    args = parser.parse_args()
    args.out, args.lectern = args.out.resolve(), args.lectern.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lectern-bench-", dir=args.out))
    try:
        results = {"calls": calls(args, folder), "streams": streams(args, folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (args.out / "bench.json").write_text(json.dumps(results, indent=1))


main()

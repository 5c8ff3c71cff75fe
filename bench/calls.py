"""What a call costs beside nginx as a plain reverse proxy to the same upstream. Rounds are interleaved; medians are printed."""
import json
import os
import re
import statistics
import subprocess
import sys
import time

from servers import Lectern, Nginx, cpu_seconds, writer_figures, writer_text

ANSWER = json.dumps({
    "id": "chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo", "object": "chat.completion", "created": 1721203199, "model": "gpt-4o-2024-05-13",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Water moves between sea, air and land. " * 10},
                 "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 230, "completion_tokens": 100, "total_tokens": 330}, "system_fingerprint": "fp_c4e5b6fa31"})
PROMPT = "Explain to a class of twelve-year-olds why the sea is salty and rivers are not, in a few plain sentences. " * 10
ACTION = json.dumps({"user": {"id": "42", "roles": ["teacher"]}, "context": {"course_id": "course-v1:Lectern+Bench+2026"},
                     "input": {"prompt": PROMPT}})
PATH = "/v1/actions/generate_text"
PLAIN = {"Content-Type": "application/json"}


def upstream_double(folder):
    """nginx with a fixed answer."""
    return Nginx(folder, "upstream", "server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type application/json; return 200 '"
                 + ANSWER.replace("{", "{{").replace("}", "}}") + "'; }} }}")


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


def auth(key):
    return dict(PLAIN, Authorization=f"Bearer {key}")


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


def lean_key(lectern):
    """The key of a second site whose register keeps no content; None when this version cannot do that."""
    key = lectern.add_site("lean")
    return key if lectern.try_cli("site", "set", "lean", "store_content=false").returncode == 0 else None


def one_round(target, args, folder):
    server, path, text, headers = target
    metrics = server.metrics() if isinstance(server, Lectern) else None
    before = cpu_seconds(server.pids)
    n, latency = wrk(server.port, path, text, headers, args.seconds, args.connections, folder)
    time.sleep(0.3)  # what is still being written belongs to the calls
    figures = {"us_per_call": (cpu_seconds(server.pids) - before) / n * 1e6, "per_second": n / args.seconds,
               "p50_us": latency["50"], "p99_us": latency["99"]}
    return figures, writer_figures(metrics, server.metrics(), args.seconds) if metrics else None


def run(args, folder):
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]})
    upstream = upstream_double(folder)
    proxy = Nginx(folder, "proxy", f"upstream u {{{{ server 127.0.0.1:{upstream.port}; keepalive 256; }}}} "
                  "server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://u; proxy_http_version 1.1; "
                  'proxy_set_header Connection ""; }} }}')
    lectern = Lectern(args.lectern, folder / "data", f"http://127.0.0.1:{upstream.port}/v1", ("--threads", str(args.threads)))
    targets = {
        "nginx reverse proxy": (proxy, "/v1/chat/completions", body, PLAIN),
        "lectern generate_text": (lectern, PATH, ACTION, auth(lectern.key)),
    }
    lean = lean_key(lectern)
    if lean:
        time.sleep(1.5)  # the daemon looks for changes of the configuration each second
        targets["lectern, no content kept"] = (lectern, PATH, ACTION, auth(lean))
    figures, writer = {name: [] for name in targets}, {}
    for server, path, text, headers in targets.values():
        wrk(server.port, path, text, headers, 1, args.connections, folder)
    for _ in range(args.rounds):
        for name, target in targets.items():
            figure, wrote = one_round(target, args, folder)
            figures[name].append(figure)
            if wrote:
                writer.setdefault(name, []).append(wrote)
    rows = {name: {k: statistics.median(r[k] for r in rounds) for k in rounds[0]} for name, rounds in figures.items()}
    best = {name: min(r["us_per_call"] for r in rounds) for name, rounds in figures.items()}
    fsync = commit_times(folder)
    print(f"\nPOST, {len(PROMPT)} B in, {len(ANSWER)} B upstream answer, {args.connections} connections, "
          f"{args.rounds} rounds of {args.seconds} s, medians")
    print(f"{'':26}{'CPU µs/call':>12}{'(best)':>9}{'calls/s':>10}{'p50 µs':>9}{'p99 µs':>9}{'× nginx CPU':>13}")
    base = rows["nginx reverse proxy"]["us_per_call"]
    for name, r in rows.items():
        print(f"{name:26}{r['us_per_call']:12.1f}{best[name]:9.1f}{r['per_second']:10.0f}{r['p50_us']:9.0f}{r['p99_us']:9.0f}"
              f"{r['us_per_call'] / base:13.2f}")
    if not lean:
        print("(a site that keeps no content cannot be set up with this version)")
    for name, rounds in writer.items():
        print(f"{name}: register writer {writer_text(rounds[-1])} (last round)")
    print(f"disk: 4 KiB write + fdatasync p50 {fsync[0]:.0f} µs, p99 {fsync[1]:.0f} µs")
    registered = lectern.registered() if args.parity else None
    for server in (lectern, proxy, upstream):
        server.stop()
    return {"rows": rows, "rounds": figures, "ratio": rows["lectern generate_text"]["us_per_call"] / base,
            "ratio_no_content": rows["lectern, no content kept"]["us_per_call"] / base if lean else None,
            "writer": writer, "fdatasync_us": fsync, "registered": registered}

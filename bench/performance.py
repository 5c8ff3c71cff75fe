#!/usr/bin/python3
"""
Everything that docs/performance.md says, measured in one run: Lectern beside nginx as a reverse proxy and every gateway that can be installed here, in
interleaved rounds; the gateways have one core and the load with its AI service the other. Then how Lectern's cost grows (growth.py). --write fills the page.
"""
import argparse
import http.client
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import growth
import peers
import performance_page
import streams
from calls import PROMPT, commit_times
from servers import cpu_seconds, free_port, memory_kib, start, wait_port

CONNECTIONS, ABORTS, RECOVER_S = 32, 20, 10
KIB = {1: 1024, 16: 16 * 1024, 100: 100 * 1024}
EVENTS_PER_S = {16: 800, 256: 2560}
LOADED = 256


class Double:
    """The AI service, at a port that stays the same for all gateways."""

    def __init__(self, args, port, *options):
        self.port, self.process = port, start([str(args.build / "upstream"), "--port", str(port), *map(str, options)])
        wait_port(port)

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=5) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def load(args, folder, port, request, rate, seconds, connections):
    """One run of open_load: its figures."""
    path = folder / "request"
    path.write_bytes(request)
    done = subprocess.run([str(args.build / "open_load"), "--port", str(port), "--request", str(path), "--rate", str(rate), "--seconds", str(seconds),
                           "--connections", str(connections)], capture_output=True, text=True, timeout=seconds + 60)
    return json.loads(done.stdout) if done.returncode == 0 else {"answered": 0, "failed": 0, "why": done.stderr.strip()[:100]}


def closed(args, folder, gateway, request, seconds, connections=CONNECTIONS):
    before = cpu_seconds(gateway.pids)
    r = load(args, folder, gateway.port, request, 0, seconds, connections)
    time.sleep(0.3)  # what is still being written belongs to the calls
    r["us_per_call"] = (cpu_seconds(gateway.pids) - before) / r["answered"] * 1e6 if r["answered"] else None
    return r


def label(gateway):
    return f"{gateway.name}, {'log ' if gateway.name != 'lectern' else 'content ' if gateway.logging == 'on' else ''}{gateway.logging}"


def medians(rounds):
    out = {}
    for key in rounds[0]:
        values = [r[key] for r in rounds if isinstance(r.get(key), (int, float))]
        out[key] = statistics.median(values) if values else None
    return out


def calls(args, folder, gateways, results):
    """CPU per call and calls a second; every gateway takes its turn in each round."""
    rounds = {label(g): [] for g in gateways}
    for g in gateways:
        closed(args, folder, g, g.request(PROMPT), 1)
    for _ in range(args.rounds):
        for g in gateways:
            rounds[label(g)].append(closed(args, folder, g, g.request(PROMPT), args.seconds))
    results["calls"] = {name: medians(r) for name, r in rounds.items()}
    for name, r in results["calls"].items():
        print(f"  {name:26}" + (f"{r['us_per_call']:9.1f} µs of CPU a call{r['per_second']:10.0f} calls/s, p50 {r['p50_us']:.0f} µs, p99 {r['p99_us']:.0f} µs, "
                                f"{r['failed']:.0f} failed" if r["us_per_call"] else "  no answers"), flush=True)


def open_loop(args, folder, gateways, port, results):
    """Latency at fixed rates, and that of the AI service alone in the same rounds. Who cannot do a rate by far is not asked for it."""
    plain = next(g for g in gateways if g.name == "nginx").request(PROMPT)
    results["open"] = {}
    for rate in args.rates:
        able = [g for g in gateways if (results["calls"][label(g)]["per_second"] or 0) > rate]
        rounds = {label(g): [] for g in able} | {"direct": []}
        for _ in range(args.rounds):
            rounds["direct"].append(load(args, folder, port, plain, rate, args.seconds, 64))
            for g in able:
                rounds[label(g)].append(load(args, folder, g.port, g.request(PROMPT), rate, args.seconds, 64))
        results["open"][rate] = {name: medians(r) for name, r in rounds.items()}
        base = results["open"][rate]["direct"]
        for name, r in results["open"][rate].items():
            if r.get("p50_us") is not None:
                r["added_us"] = {p: r[p] - base[p] for p in ("p50_us", "p99_us", "p999_us")}
                print(f"  {rate:6}/s {name:26} p50 {r['p50_us']:.0f}, p99 {r['p99_us']:.0f}, p99.9 {r['p999_us']:.0f} µs; added "
                      + ", ".join(f"{v:.0f}" for v in r["added_us"].values()) + f"; {r['failed']:.0f} failed, {r['unsent']:.0f} not sent", flush=True)


def prompts(args, folder, gateways, results):
    results["prompts"] = {}
    for g in gateways:
        row = {}
        for kib, size in KIB.items():
            rounds = [closed(args, folder, g, g.request("a plain word or two. " * (size // 21)), args.seconds, 16) for _ in range(max(args.rounds - 1, 1))]
            row[kib] = medians(rounds)["us_per_call"]
        if all(row.values()):
            row["per_kib_1_16"], row["per_kib_16_100"] = (row[16] - row[1]) / 15, (row[100] - row[16]) / 84
            print(f"  {label(g):26} {row[1]:.0f}, {row[16]:.0f}, {row[100]:.0f} µs; {row['per_kib_1_16']:.2f} and {row['per_kib_16_100']:.2f} µs per KiB", flush=True)
        results["prompts"][label(g)] = row


def parity(args, folder, gateways, results):
    """Register records = answers: counted before and after calls in an open loop."""
    g = gateways[0]
    time.sleep(1)
    before = g.lectern.registered()
    r = load(args, folder, g.port, g.request(PROMPT), 1000, args.seconds, 64)
    time.sleep(1.5)
    results["parity"] = {"answers": r["answered"], "records": g.lectern.registered() - before}
    print(f"  {results['parity']['answers']} answers, {results['parity']['records']} records", flush=True)


def leave_early(gateway):
    """A client that reads the first event of a stream and is gone. True when there was one."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        connection.request("POST", gateway.chat, gateway.body("stream-000000", True), gateway.headers)
        answer = connection.getresponse()
        good = answer.status == 200 and answer.read(1) != b""
        connection.close()
        answer.close()
        return good
    except (OSError, http.client.HTTPException):
        return False


def aborts(double, gateways, results):
    """Of clients that left in the middle, how many did the AI service see leaving? Lectern's own streams may be resumed for some seconds first."""
    results["aborts"] = {}
    for g in gateways:
        before = double.stats()["left"]
        left = sum(leave_early(g) for _ in range(ABORTS))
        time.sleep(6.5 if g.name == "lectern" else 1.5)
        results["aborts"][label(g)] = {"left": left, "seen": double.stats()["left"] - before}
        print(f"  {label(g):26} {results['aborts'][label(g)]['seen']} of {left}", flush=True)


def one_stream_load(args, g, port, n, results):
    if g.name == "lectern":
        g.lectern.begin_anew("GET", "/readyz")  # streams have a fresh daemon: what it needs for them is not what came before
        time.sleep(1)
    r = streams.measure(args, g, g.port, port, n, args.stream_seconds, *g.stream_options())
    results["streams"].setdefault(label(g), {})[n] = r
    streams.print_row(f"{g.name[:7]} {g.logging[:1]}", r)
    if n == LOADED:
        time.sleep(RECOVER_S)
        results["memory"][label(g)].update(loaded=max((r["server"][k]["kib"] for k in ("live", "ran") if k in r["server"]), default=None), recovered=memory_kib(g.pids))


def live_streams(args, gateways, port, results):
    results["streams"] = {"direct": {}}
    print(streams.HEAD)
    for n, rate in EVENTS_PER_S.items():
        args.rate, args.ramp = rate, 500
        results["streams"]["direct"][n] = streams.measure(args, None, port, port, n, args.stream_seconds)
        streams.print_row("direct", results["streams"]["direct"][n])
        for g in gateways:
            try:
                one_stream_load(args, g, port, n, results)
            except (OSError, SystemExit, ValueError) as why:
                print(f"  {label(g)}, {n} streams: {why}")


def part(results, name, work, *more):
    """One part; what goes wrong in it is told, and the others go on."""
    print(f"\n{name}", flush=True)
    try:
        work(*more, results)
    except (Exception, SystemExit) as why:  # a part that fails must not take the others with it
        results["failed"][name] = f"{type(why).__name__}: {why}"[:200]
        print(f"  FAILED: {results['failed'][name]}", flush=True)


def measure(args, folder):
    results = {"failed": {}, "memory": {}, "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the start"}
    port = free_port()
    print("Gateways", flush=True)
    double = Double(args, port)
    gateways, results["missing"] = peers.start_all(args, folder, port)
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {0})
        os.sched_setaffinity(double.process.pid, {0})
    time.sleep(2)
    results["versions"] = {g.name: g.version for g in gateways}
    results["start_s"] = {label(g): g.start_s for g in gateways}
    results["memory"] = {label(g): {"idle": memory_kib(g.pids)} for g in gateways}
    results["commit_us"] = commit_times(folder)
    part(results, "Calls", lambda r: calls(args, folder, gateways, r))
    part(results, "Open loop", lambda r: open_loop(args, folder, gateways, port, r))
    part(results, "Prompts of 1, 16 and 100 KiB", lambda r: prompts(args, folder, gateways, r))
    part(results, "Register records = answers", lambda r: parity(args, folder, gateways, r))
    double.stop()
    double = Double(args, port, "--events", 500, "--interval-us", 20000)
    part(results, "Clients that left, seen by the AI service", lambda r: aborts(double, gateways, r))
    double.stop()
    part(results, "Streams", lambda r: live_streams(args, gateways, port, r))
    for g in gateways:
        if g is not gateways[1]:
            g.stop()
    if not args.no_growth:
        part(results, "Growth", lambda r: growth.run(args, folder, r))
    return results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lectern", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--build", required=True, type=lambda p: pathlib.Path(p).resolve(), help="where upstream, open_load and stream_load are")
    parser.add_argument("--out", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--peer-folder", type=lambda p: pathlib.Path(p).resolve(), help="where peers are installed (default: OUT/peers)")
    parser.add_argument("--peers", default="all", help="names with commas between, all, or none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--stream-seconds", type=int, default=4)
    parser.add_argument("--rates", type=lambda t: [int(n) for n in t.split(",")], default=[1000, 3000])
    parser.add_argument("--records", type=lambda t: [int(n) for n in t.split(",")], default=[10000, 100000, 1000000], help="register records of the growth")
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--write", action="store_true", help="fill docs/performance.md")
    args = parser.parse_args()
    args.peer_folder = args.peer_folder or args.out / "peers"
    return args


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    args.peer_folder.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=args.out))
    try:
        results = measure(args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results["took_s"], results["options"] = time.monotonic() - begin, {k: str(v) for k, v in vars(args).items() if k in ("rounds", "seconds", "stream_seconds", "rates")}
    (args.out / "performance.json").write_text(json.dumps(results, indent=1))
    performance_page.print_targets(results)
    if args.write:
        performance_page.write(results, pathlib.Path(__file__).parent.parent / "docs")
    print(f"{results['took_s'] / 60:.1f} minutes" + (f"; failed: {', '.join(results['failed'])}" if results["failed"] else ""))
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())

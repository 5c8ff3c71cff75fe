#!/usr/bin/env python3
"""What Lectern costs. All on loopback and in one run, beside nginx doing the part of the work that nginx can do: calls (calls.py), what a
call asks of the machine (per_call.py), the gates (gates.py), scopes (resolve.py), JSON and what is made of it (text.py), live streams (streams.py), processes
on one PostgreSQL (scale_out.py).

CPU per call is the figure to compare: on small shared machines calls per second say more about the load generator.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile

import calls
import gates
import per_call
import resolve
import scale_out
import streams
import text

QUICK = {"rounds": 2, "seconds": 2, "profile_seconds": 3, "streams": [1000], "stream_seconds": 4, "stream_rounds": 1, "turns": 3}
FULL = {"rounds": 5, "seconds": 4, "profile_seconds": 5, "streams": [256, 1000, 8000], "stream_seconds": 10, "stream_rounds": 1,
        "turns": 9}


def verdicts(results):
    """(what, figure, limit, text of the unit)"""
    out = []
    if "calls" in results:
        out.append(("CPU per call, content kept", results["calls"]["ratio"], 2.5, "× nginx"))
        out.append(("CPU per call, no content kept", results["calls"]["ratio_no_content"], 2.0, "× nginx"))
    lectern = results.get("streams", {}).get("lectern", {})
    for n, r in lectern.items():
        if not r["events"]:
            out.append((f"{n} streams", None, 0, ""))
            continue
        out += [(f"{n} streams: delay p50", r["delay_ms"]["p50"], 0.5, "ms"), (f"{n} streams: delay p99", r["delay_ms"]["p99"], 5, "ms"),
                (f"{n} streams: starved", r["starved"], 0, "streams"), (f"{n} streams: lost, doubled or out of order",
                                                                       r["missing"] + r["doubled"] + r["disordered"] + r["foreign"], 0, "events")]
        if n == max(lectern):  # with fewer streams each has had more events, whose text it keeps
            out.append((f"{n} streams: memory of a running one", r["kib_per_stream"], 24, "KiB"))
            out.append((f"{n} streams: memory of one that ended, to be resumed", r.get("kib_kept"), 8, "KiB"))
    if "gates" in results:
        out.append(("gates at 10,000 limits, 1,000 courses of switches", results["gates"]["with_us"], 5, "µs"))
    if "resolve" in results:
        r = results["resolve"]
        out += [("resolve at 100,000 scopes, cached", r["cached_us"], 0.5, "µs"), ("resolve at 100,000 scopes, uncached", r["uncached_us"], 50, "µs"),
                ("their index read and built again", r["rebuild_ms"], 1000, "ms")]
    if "streams" in results:
        out.append(("memory of one without client, call goes on", results["streams"]["parked"]["kib_parked"], 8, "KiB"))
    if results.get("scale"):
        out.append(("round trips of a call to PostgreSQL", results["scale"]["round_trips"], 3, "trips"))
    return out


def print_verdicts(results):
    print("\nTargets" if verdicts(results) else "")
    for what, figure, limit, unit in verdicts(results):
        if figure is None:
            print(f"  {what:52} not measured")
        else:
            print(f"  {what:52}{figure:10.2f}  ≤ {limit:<5g}{unit:9}{'met' if figure <= limit else 'MISSED'}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lectern", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, help="where stream_load, count_calls.so and switch_cost are (default: beside lectern)")
    parser.add_argument("--only", default="calls,profile,gates,resolve,text,streams,scale", help="which parts")
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of a round of calls")
    parser.add_argument("--profile-seconds", type=int)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")], help="numbers of streams, with commas between")
    parser.add_argument("--nginx-streams", type=int, default=1000)
    parser.add_argument("--stream-seconds", type=int)
    parser.add_argument("--turns", type=int, help="of each line of text, 1 to 51")
    parser.add_argument("--stream-rounds", type=int)
    parser.add_argument("--rate", type=int, default=10000, help="events per second, all streams together")
    parser.add_argument("--ramp", type=int, default=2000, help="streams opened and ended per second")
    parser.add_argument("--alone", action="store_true", help="real-time priority for everything here (root): keeps other programs of a shared "
                        "machine out of the figures, and stops them meanwhile")
    parser.add_argument("--parity", action="store_true", help="also count the register's calls")
    args = parser.parse_args()
    for name, value in (QUICK if args.quick else FULL).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.out, args.lectern = args.out.resolve(), args.lectern.resolve()
    args.build = (args.build or args.lectern.parent.parent.parent / "bench").resolve()
    return args


def main():
    args = arguments()
    parts = {"calls": calls.run, "profile": per_call.run, "gates": gates.run, "resolve": resolve.run, "text": text.run, "streams": streams.run, "scale": scale_out.run}
    wanted = [name for name in parts if name in args.only.split(",")]
    if not (args.build / "stream_load").exists() and wanted != ["calls"]:
        print(f"only calls are measured: the C parts are not in {args.build} (ninja -C BUILD bench)", file=sys.stderr)
        wanted = ["calls"]
    if args.alone:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}"
          + (", real-time priority" if args.alone else ""))
    results = {}
    args.out.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"lectern-bench-{name}-", dir=args.out))
        try:
            results[name] = parts[name](args, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print_verdicts(results)
    (args.out / "bench.json").write_text(json.dumps(results, indent=1))


main()

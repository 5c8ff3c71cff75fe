#!/usr/bin/python3
"""
compare.py OLD NEW: what a call costs with two programs, in one run: rounds take turns, and medians of the processor's time per call (user and system of the
daemon) are set beside each other. For "does what is switched off cost anything": OLD is the program before it.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile

from calls import ACTION, PATH, auth, cpu_seconds, upstream_double, wrk
from servers import Lectern


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("old", type=pathlib.Path)
    options.add_argument("new", type=pathlib.Path)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--connections", type=int, default=16)
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        upstream = upstream_double(folder)
        servers = {which: Lectern(binary, folder / which, f"http://127.0.0.1:{upstream.port}/v1", ("--threads", "1"))
                   for which, binary in (("old", args.old), ("new", args.new))}
        figures = {which: [] for which in servers}
        for turn in range(args.rounds + 1):
            for which in list(servers)[::1 if turn % 2 else -1]:
                server = servers[which]
                before = cpu_seconds(server.pids)
                calls, _ = wrk(server.port, PATH, ACTION, auth(server.key), args.seconds, args.connections, folder)
                if turn:  # the first warms up
                    figures[which].append((cpu_seconds(server.pids) - before) / calls * 1e6)
        for server in (*servers.values(), upstream):
            server.stop()
    medians = {which: statistics.median(rounds) for which, rounds in figures.items()}
    ratios = [new / old for old, new in zip(figures["old"], figures["new"])]
    for which, rounds in figures.items():
        print(f"{which}: {medians[which]:.1f} µs of processor per call (best {min(rounds):.1f}, worst {max(rounds):.1f})")
    print(f"new / old: {medians['new'] / medians['old']:.3f} of the medians, {statistics.median(ratios):.3f} median of the pairs, "
          f"{min(figures['new']) / min(figures['old']):.3f} of the best; {args.rounds} rounds of {args.seconds} s")


if __name__ == "__main__":
    sys.exit(main())

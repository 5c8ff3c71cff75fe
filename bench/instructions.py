#!/usr/bin/python3
"""
How many instructions a call takes on five hot paths, counted by callgrind in the daemon as it is. Times are noise on a machine that others use; these counts
are not: compared are those of the loop's thread, where a client waits. The writer's and the sealer's are printed beside them and not compared, since how many
calls they take at once depends on the time. Each path is asked N times and then 3 N times by one client over one connection, after a warm-up, and
(second count - first) / (2 N) is compared with bench/instructions.json. Fails when one is above by more than the tolerance, or below: then it is time for --write.
"""
import argparse
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from calls import ACTION, PATH, PROMPT
from servers import Lectern, free_port, start, wait_port

KEPT = pathlib.Path(__file__).with_name("instructions.json")
TOLERANCE = 0.06
KINDS = ("loop", "store-writer", "sealer")  # names of threads
WARM_UP = 20
EVENTS = 32
CHAT = json.dumps({"model": "action:generate_text", "messages": [{"role": "user", "content": PROMPT}]})
STREAM = json.dumps(dict(json.loads(ACTION), stream=True))


def paths(key):
    """name: (N, method, path, headers, body, status, what the answer must hold)"""
    good = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    user = dict(good, **{"X-Lectern-User": "42", "X-Lectern-Roles": "teacher"})
    # As long as a key, and nobody's.
    bad = dict(good, Authorization="Bearer lk_" + "A" * (len(key) - 3))
    return {
        "call": (60, "POST", PATH, good, ACTION, 200, b"Water moves"),
        "stream": (40, "POST", PATH, good, STREAM, 200, b"event: done"),
        "openai_door": (60, "POST", "/openai/v1/chat/completions", user, CHAT, 200, b"Water moves"),
        "quota": (200, "GET", "/v1/quota", user, None, 200, b"limits"),
        "refused_key": (200, "POST", PATH, bad, ACTION, 401, b"unauthenticated"),
    }


class Counted(Lectern):
    """The daemon under callgrind, started once for all paths."""

    def __init__(self, binary, folder, upstream_port):
        self.dumps = folder / "callgrind"
        super().__init__(binary, folder / "data", f"http://127.0.0.1:{upstream_port}/v1", ("--threads", "1"),
                         under=["valgrind", "--tool=callgrind", "--fair-sched=yes", "--separate-threads=yes", f"--callgrind-out-file={self.dumps}"])
        self.n = 0

    def prepare(self):
        """Limits that count for each call and are never used up."""
        for unit in ("requests", "tokens"):
            self.cli("limit", "set", "--site", "bench", "subject=site", f"unit={unit}", "window=day", "amount=1000000000")

    def names(self):
        """The names of the threads in the order of their making, which is how callgrind numbers them."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        return [(tasks / tid / "comm").read_text().strip() for tid in sorted((t.name for t in tasks.iterdir()), key=int)]

    def count(self):
        """Instructions of each kind of thread since the last count."""
        subprocess.run(["callgrind_control", "--dump=count", str(self.process.pid)], check=True, capture_output=True)
        self.n += 1
        out = dict.fromkeys((*KINDS, "others"), 0)
        for i, name in enumerate(self.names(), 1):
            text = pathlib.Path(f"{self.dumps}.{self.n}-{i:02}").read_text()
            out[name if name in KINDS else "others"] += int(re.search(r"^(?:totals|summary): (\d+)", text, re.M).group(1))
        return out


def ask(port, path, times):
    _, method, url, headers, body, status, words = path
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(times):
        connection.request(method, url, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != status or words not in text:
            sys.exit(f"{method} {url}: {answer.status} {text[:300]}")
    connection.close()


def settle(seconds=1.0):
    """What is still being written belongs to the calls before."""
    time.sleep(seconds)


def measure(lectern):
    out = {}
    for name, path in paths(lectern.key).items():
        n, counts = path[0], []
        ask(lectern.port, path, WARM_UP)
        settle()
        lectern.count()
        for times in (n, 3 * n):
            ask(lectern.port, path, times)
            settle()
            counts.append(lectern.count())
        out[name] = {kind: (counts[1][kind] - counts[0][kind]) / (2 * n) for kind in counts[0]}
    return out


def run(binary, upstream):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lectern-instructions-"))
    port = free_port()
    double = start([str(upstream), "--port", str(port), "--events", str(EVENTS)])
    wait_port(port)
    try:
        lectern = Counted(binary, folder, port)
        try:
            return measure(lectern)
        finally:
            lectern.stop()
    finally:
        double.terminate()
        double.wait()
        shutil.rmtree(folder, ignore_errors=True)


def print_counts(counts):
    print(f"{'path':14}" + "".join(f"{kind:>14}" for kind in (*KINDS, "others")))
    for name, row in counts.items():
        print(f"{name:14}" + "".join(f"{n:14.0f}" for n in row.values()))


def compare(counts, kept):
    """Prints a table; the names of those that are off."""
    off = []
    print(f"{'path':14}{'instructions':>14}{'kept':>12}{'difference':>12}")
    for name, n in counts.items():
        was = kept.get(name)
        more = n / was - 1 if was else None
        if more is None or abs(more) > TOLERANCE:
            off.append(name)
        print(f"{name:14}{n:14.0f}" + (f"{'none':>12}" if more is None else f"{was:12}{more:+12.1%}") + ("  OFF" if name in off else ""))
    return off


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lectern", required=True, type=pathlib.Path)
    parser.add_argument("--upstream", required=True, type=pathlib.Path)
    parser.add_argument("--write", action="store_true", help="keep these counts in bench/instructions.json")
    parser.add_argument("--times", type=int, default=1, help="count so many times and tell the spread")
    args = parser.parse_args()
    runs = [run(args.lectern.resolve(), args.upstream.resolve()) for _ in range(args.times)]
    print_counts(runs[-1])
    counts = {}
    for name in runs[0]:
        of = sorted(r[name]["loop"] for r in runs)
        counts[name] = of[len(of) // 2]
        if args.times > 1:
            print(f"{name:14}{of[0]:12.0f} to {of[-1]:.0f}: {of[-1] / of[0] - 1:.2%} in {args.times} runs")
    if args.write:
        KEPT.write_text(json.dumps({name: round(n) for name, n in counts.items()}, indent=1) + "\n")
        print(f"kept in {KEPT.name}")
        return 0
    off = compare(counts, json.loads(KEPT.read_text()))
    if off:
        print(f"failed: {', '.join(off)}: more than {TOLERANCE:.0%} away. If that is meant: script/instructions --write, and say in the commit why.")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())

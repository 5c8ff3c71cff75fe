#!/usr/bin/env python3
"""What the import of a large course costs: seconds from the first byte sent to the answer, and how far the daemon's memory rises above what it has idle.

    python3 bench/course_import.py --lectern BUILD/src/daemon/lectern [--pages 2000] [--words 400] [--out DIR]

For each format twice, the second time into the course that is there. Targets: 30 s and 200 MiB."""
import argparse
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/support"))
from course_packages import WRITERS  # noqa: E402

TARGET_S, TARGET_MIB = 30, 200


def memory(pid, name):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(name + ":"))


def send(port, key, package):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    began = time.monotonic()
    connection.request("POST", "/v1/courses", package, {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 201, body
    return time.monotonic() - began, json.loads(body)


def measure(lectern, kind, package):
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        daemon = subprocess.Popen([lectern, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(daemon.stdout.readline().split()[-1].rsplit(":", 1)[1])
            key = json.loads((data / "demo.json").read_text())["admin_key"]
            idle = memory(daemon.pid, "VmRSS")
            rows = []
            for _ in range(2):
                pathlib.Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")
                seconds, answer = send(port, key, package)
                rows.append({"format": kind, "package_mib": round(len(package) / 2**20, 1), "blocks": answer["blocks"], "changes": answer["changes"],
                             "seconds": round(seconds, 2), "peak_above_idle_mib": round(memory(daemon.pid, "VmHWM") - idle, 1), "idle_mib": round(idle, 1)})
            return rows
        finally:
            daemon.terminate()
            daemon.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lectern", required=True)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--words", type=int, default=400)
    parser.add_argument("--out")
    args = parser.parse_args()
    rows = [row for kind, write in WRITERS.items() for row in measure(args.lectern, kind, write(args.pages, words=args.words))]
    print(f"{'format':18} {'MiB':>6} {'rows':>6} {'unchanged':>9} {'s':>7} {'MiB above idle':>14}")
    for r in rows:
        print(f"{r['format']:18} {r['package_mib']:6} {r['blocks']:6} {r['changes']['unchanged']:9} {r['seconds']:7} {r['peak_above_idle_mib']:14}")
    missed = [r for r in rows if r["seconds"] > TARGET_S or r["peak_above_idle_mib"] > TARGET_MIB]
    print(f"targets: {TARGET_S} s and {TARGET_MIB} MiB: {'missed' if missed else 'met'}")
    if args.out:
        path = pathlib.Path(args.out)
        path.mkdir(parents=True, exist_ok=True)
        (path / "course_import.json").write_text(json.dumps(rows, indent=1))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

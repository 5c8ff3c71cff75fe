"""What a call asks of the machine: allocations, copies, locks and system calls per call, counted after warm-up, idle time taken off."""
import bisect
import json
import pathlib
import struct
import subprocess
import time

from calls import ACTION, ANSWER, PATH, auth, upstream_double, wrk
from servers import Lectern, writer_figures, writer_text

ROWS, DEPTH, PLACES_SHOWN = 64, 3, 30  # the first two as in count_calls.c
ALLOCATIONS = ("malloc", "calloc", "realloc", "free", "allocated_bytes")
OTHERS = ("tid", "copies", "copied_bytes", "locks", "contended")
SYSTEM_CALLS = ("epoll_wait", "epoll_ctl", "poll", "lseek", "read", "write", "readv", "writev", "recvfrom", "recvmsg", "sendto", "sendmsg",
                "pread64", "pwrite64", "fdatasync", "fsync", "fcntl", "futex", "close", "accept4", "connect", "setsockopt",
                "getsockopt", "getrandom", "mmap", "munmap", "mprotect", "madvise", "ftruncate", "clock_nanosleep", "sched_yield",
                "gettid")


def read_counts(path, pid):
    """The counters of count_calls.c, summed by kind of thread: {"loops": {...}, "writer": {...}, "others": {...}}."""
    data = path.read_bytes()
    names = data[:4096].split(b"\0")[0].decode().split()
    kinds = {kind: dict.fromkeys(names, 0) for kind in ("loops", "writer", "others")}
    for at in range(4096, 4096 + ROWS * 8 * len(names), 8 * len(names)):
        row = dict(zip(names, struct.unpack_from(f"{len(names)}Q", data, at)))
        if not row["tid"]:
            continue
        try:
            name = pathlib.Path(f"/proc/{pid}/task/{row['tid']}/comm").read_text().strip()
        except OSError:
            name = ""
        kind = "writer" if name == "store-writer" else "loops" if row["epoll_wait"] else "others"
        for k, v in row.items():
            kinds[kind][k] += v
    return kinds


def read_places(path):
    """How often and how many bytes were allocated (0) and copied (1) from where: {(0 or 1, address, caller's, its caller's): (n, bytes)}."""
    data = path.read_bytes()
    names = data[:4096].split(b"\0")[0].decode().split()
    rows = struct.iter_unpack(f"{4 + DEPTH}Q", data[4096 + ROWS * 8 * len(names):])
    return {tuple(row[3:]): row[1:3] for row in rows if row[0]}


class Symbols:
    """Names for the addresses of a running process: functions of the program, file names for its libraries."""

    def __init__(self, binary, pid):
        self.binary, self.maps = str(binary), []
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[5].startswith("/"):
                begin, end = (int(x, 16) for x in fields[0].split("-"))
                self.maps.append((begin, end, fields[5]))
        listing = subprocess.run(["nm", "-n", "--defined-only", self.binary], capture_output=True, text=True).stdout
        rows = [line.split() for line in listing.splitlines()]
        self.functions = [(int(r[0], 16), r[2].split(".")[0]) for r in rows if len(r) == 3 and r[1] in "tT"]

    def name(self, address):
        for begin, end, path in self.maps:
            if begin <= address < end:
                if path != self.binary or not self.functions:
                    return path.rsplit("/", 1)[1].split(".so")[0]
                base = min(b for b, _, p in self.maps if p == path)
                i = bisect.bisect_right(self.functions, (address - base, "~"))
                return self.functions[i - 1][1]
        return "?"


def named_places(before, after, binary, pid, n):
    """[what][place by name] = [times, bytes] per call; the most frequent first."""
    symbols, out = Symbols(binary, pid), {"allocations": {}, "copies": {}}
    for place, counts in after.items():
        name = " ← ".join(symbols.name(address) for address in place[1:] if address)
        row = out["copies" if place[0] else "allocations"].setdefault(name, [0, 0])
        for i, was in enumerate(before.get(place, (0, 0))):
            row[i] += (counts[i] - was) / n
    return {what: dict(sorted(((k, v) for k, v in rows.items() if v[0] >= 0.05), key=lambda kv: -kv[1][0])) for what, rows in out.items()}


def difference(after, before):
    return {kind: {k: v - before[kind][k] for k, v in row.items()} for kind, row in after.items()}


def per_call(busy, idle, share, n):
    return {kind: {k: (v - idle[kind][k] * share) / n for k, v in row.items()} for kind, row in busy.items()}


def perf_start(pid, seconds):
    """perf counts what the kernel sees, futexes included; None where it cannot."""
    events = ["raw_syscalls:sys_enter"] + [f"syscalls:sys_enter_{name}" for name in SYSTEM_CALLS]
    command = ["perf", "stat", "-x", ";", "-e", ",".join(events)]
    try:
        if subprocess.run([*command, "true"], capture_output=True).returncode:
            return None
    except OSError:
        return None
    return subprocess.Popen([*command, "-p", str(pid), "--", "sleep", str(seconds)], stderr=subprocess.PIPE, text=True)


def perf_result(process, n):
    counts = {}
    for line in process.communicate()[1].splitlines():
        fields = line.split(";")
        if len(fields) > 2 and fields[0].isdigit():
            counts[fields[2].split(":", 1)[1].removeprefix("sys_enter_")] = int(fields[0]) / n
    counts["all"] = counts.pop("sys_enter", counts.pop("", 0))
    return counts


def print_rows(title, row, skip):
    shown = {k: v for k, v in row.items() if k not in skip and abs(v) >= 0.005}
    if shown:
        print(f"  {title}: " + ", ".join(f"{k} {v:.2f}" for k, v in sorted(shown.items(), key=lambda kv: -kv[1])))


def print_profile(result):
    print(f"\nPer call ({result['calls']} calls, {len(ACTION)} B in, {len(ANSWER)} B upstream answer; copies of 256 B and more)")
    for kind, row in result["per_call"].items():
        allocations = sum(row[k] for k in ("malloc", "calloc", "realloc"))
        print(f"  {kind:7} allocations {allocations:6.2f} ({row['allocated_bytes']:7.0f} B), frees {row['free']:6.2f}, copies {row['copies']:5.2f} "
              f"({row['copied_bytes']:6.0f} B = {row['copied_bytes'] / result['body_bytes']:.2f} × both bodies), locks {row['locks']:6.2f}, "
              f"contended {row['contended']:.3f}")
    for kind, row in result["per_call"].items():
        print_rows(f"libc wrappers, {kind}", row, ALLOCATIONS + OTHERS)
    if result["system_calls"]:
        print(f"  system calls, all threads (perf): {result['system_calls']['all']:.2f}")
        print_rows("of these", result["system_calls"], ("all",))
    else:
        print("  (perf cannot count system calls here: futexes are not seen)")
    for what, rows in result["places"].items():
        print(f"  {what} by place, all threads ({sum(v[0] for v in rows.values()):.1f}; the function that asks ← its callers)")
        for name, (times, size) in list(rows.items())[:PLACES_SHOWN]:
            print(f"    {times:6.2f} {size:8.0f} B  {name}")
    print(f"  register writer: {writer_text(result['writer'])}")


def switch_cost(build):
    r = json.loads(subprocess.run([build / "switch_cost"], capture_output=True, text=True, check=True).stdout)
    aside = "; the aarch64 code is not tested by this" if r["platform"] == "x86-64" else ""
    print(f"\nFibers ({r['platform']}{aside}): one change of stacks {r['change_ns']:.0f} ns, swapcontext {r['swapcontext_ns']:.0f} ns; "
          f"a yield with its loop turn {r['yield_alone_ns']:.0f} ns, one of 1,000 in a turn {r['yield_of_1000_ns']:.0f} ns")
    return r


def metrics_cost(build):
    r = json.loads(subprocess.run([build / "metrics_cost"], capture_output=True, text=True, check=True).stdout)
    print(f"Figures of a call and its attempt: {r['call_ns']:.0f} ns")
    return r


def run(args, folder):
    upstream = upstream_double(folder)
    counters = folder / "counters"
    lectern = Lectern(args.lectern, folder / "profile-data", f"http://127.0.0.1:{upstream.port}/v1", ("--threads", str(args.threads)),
                      {"LD_PRELOAD": str(args.build / "count_calls.so"), "COUNT_FILE": str(counters)})
    pid, seconds = lectern.process.pid, args.profile_seconds
    wrk(lectern.port, PATH, ACTION, auth(lectern.key), 2, args.connections, folder)
    time.sleep(0.5)
    before = read_counts(counters, pid)
    time.sleep(seconds / 2)
    idle = difference(read_counts(counters, pid), before)
    metrics = lectern.metrics()
    before, places = read_counts(counters, pid), read_places(counters)
    perf = perf_start(pid, seconds + 0.8)
    if perf:
        time.sleep(0.3)
    n, _ = wrk(lectern.port, PATH, ACTION, auth(lectern.key), seconds, args.connections, folder)
    time.sleep(0.3)
    busy = difference(read_counts(counters, pid), before)
    result = {"calls": n, "body_bytes": len(ACTION) + len(ANSWER), "per_call": per_call(busy, idle, 2.0, n),
              "places": named_places(places, read_places(counters), args.lectern, pid, n),
              "system_calls": perf_result(perf, n) if perf else None, "writer": writer_figures(metrics, lectern.metrics(), seconds)}
    print_profile(result)
    lectern.stop()
    upstream.stop()
    result["switch"] = switch_cost(args.build)
    result["metrics"] = metrics_cost(args.build)
    return result

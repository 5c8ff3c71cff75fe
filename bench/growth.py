"""How the cost of a call grows with what there is: one daemon for each size, CPU per call, and the exponent of the best power law (0: flat, 1: linear)."""
import contextlib
import json
import math
import shutil
import sqlite3
import subprocess
import time
import uuid

import peers
import streams
from calls import PLAIN, PROMPT, auth
from servers import cpu_seconds, free_port, start, wait_port

CONNECTIONS, SECONDS, TURNS = 16, 1, 3
PIECE = 200000  # records in one transaction
COURSE = "course-v1:Lectern+Bench+2026"


def copies(db, table, n, change):
    """Copies the newest row of a table n times; change(row, i) makes each one itself. It gets a key of its own."""
    db.row_factory = sqlite3.Row
    row = dict(db.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1").fetchone())
    del row["id"]
    names = ", ".join(f'"{name}"' for name in row)
    db.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", (tuple(change(dict(row), i).values()) for i in range(n)))


def course(i):
    return f"course-v1:Org+Course{i}+2026"


def add_sites(db, n):
    copies(db, "site", n, lambda row, i: dict(row, slug=f"more-{i}"))


def add_profiles(db, n):
    copies(db, "workflow_profile", n, lambda row, i: dict(row, slug=f"more-{i}", uuid=str(uuid.uuid4())))


def add_scopes(db, n):
    copies(db, "workflow_scope", n, lambda row, i: dict(row, course_id=course(i), uuid=str(uuid.uuid4())))


def add_limits(db, n):
    copies(db, "usage_limit", n, lambda row, i: dict(row, subject="course", subject_id=course(i)))


def add_records(db, n):
    """Calls of the last weeks that have ended; recovery at the start is told that it need not look at them."""
    site, now = db.execute("SELECT id FROM site ORDER BY id LIMIT 1").fetchone()[0], int(time.time() * 1000)
    begin = now - 3_000_000_000
    at = lambda i: begin + i * 2_900_000_000 // n
    key = lambda i: at(i).to_bytes(6, "big") + b"\x70\x00\x80\x00" + i.to_bytes(6, "big")
    for first in range(0, n, PIECE):
        piece = range(first, min(first + PIECE, n))
        db.executemany("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at, process) VALUES (?, ?, ?, 'generate_text', ?, '', '', ?, 1)",
                       ((key(i), site, f"user-{i % 5000}", course(i % 200), at(i)) for i in piece))
        db.executemany("INSERT INTO ai_call_end (call_id, state, code, detail, instance_id, model, partial, completed_at) VALUES (?, 'completed', '', '', 1, 'gpt-4o', '', ?)",
                       ((key(i), at(i) + 900) for i in piece))
        db.executemany("INSERT INTO ai_action_generate_text (call_id, prompt) VALUES (?, ?)", ((key(i), PROMPT[:200]) for i in piece))
        db.commit()
    db.execute("INSERT INTO meta (name, value) VALUES ('register_mark', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (now - 50_000_000,))


class Subject(peers.PinnedLectern):
    """A daemon with n of something in its database."""

    def __init__(self, args, folder, port, fill=None, n=0):
        self.fill = lambda db: fill(db, n) if fill else None
        super().__init__(args.lectern, folder, f"http://127.0.0.1:{port}/v1")

    def prepare(self):
        self.cli("limit", "set", "--site", "bench", "subject=site", "unit=requests", "window=day", "amount=1000000000")
        self.cli("profile", "add", "study", "--site", "bench", "base_filepath=base/custom_prompt.json5",
                 'content_patch={"processor_config": {"LLMProcessor": {"custom_prompt": "Explain it."}}}')
        self.cli("scope", "add", "--site", "bench", "--profile", "study", f"course_id={COURSE}", "ui_slot_selector_id=unit")
        with contextlib.closing(sqlite3.connect(f"{self.data}/lectern.db")) as db, db:
            self.fill(db)


def request(path, key, body, headers=None):
    text = json.dumps(body).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in dict(PLAIN, **auth(key), **(headers or {})).items())
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


def action(key, prompt=PROMPT):
    return request("/v1/actions/generate_text", key, {"user": {"id": "42", "roles": ["teacher"]}, "context": {"course_id": COURSE}, "input": {"prompt": prompt}})


def workflow(key, _=0):
    return request("/v1/workflows/run", key, {"user": {"id": "42", "roles": ["teacher"]}, "user_input": PROMPT[:200],
                                              "context": {"course_id": COURSE, "ui_slot_selector_id": "unit", "content": PROMPT, "content_type": "text/plain"}})


def conversation(key, n):
    messages = [{"role": "assistant" if i % 2 else "user", "content": "Why is the sea salty and rivers are not?"} for i in range(n - 1 + n % 2)]
    return request("/openai/v1/chat/completions", key, {"model": "action:generate_text", "messages": messages}, {"X-Lectern-User": "42"})


def cost(args, folder, lectern, text):
    """The lowest CPU per call of some turns, in µs."""
    path, best = folder / "growth-request", None
    path.write_bytes(text)
    for turn in range(TURNS + 1):
        before = cpu_seconds(lectern.pids)
        done = subprocess.run([str(args.build / "open_load"), "--port", str(lectern.port), "--request", str(path), "--rate", "0", "--seconds", str(SECONDS),
                               "--connections", str(CONNECTIONS)], capture_output=True, text=True, check=True)
        r = json.loads(done.stdout)
        if r["failed"] or not r["answered"]:
            raise RuntimeError(f"{r['failed']} of {r['answered'] + r['failed']} calls failed")
        time.sleep(0.2)
        us = (cpu_seconds(lectern.pids) - before) / r["answered"] * 1e6
        if turn:  # the first warms up
            best = us if best is None else min(best, us)
    return best


def exponent(points):
    """Of the power law through these points, least squares in logarithms."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def stocked(args, folder, port, fill, sizes, make):
    points = []
    for n in sizes:
        place = folder / f"growth-{n}"
        lectern = Subject(args, place, port, fill, n)
        try:
            points.append((n, cost(args, folder, lectern, make(lectern.key))))
        finally:
            lectern.stop()
            shutil.rmtree(place, ignore_errors=True)
    return points


def sized(args, folder, port, sizes, make):
    lectern = Subject(args, folder / "growth-sized", port)
    try:
        return [(n, cost(args, folder, lectern, make(lectern.key, n))) for n in sizes]
    finally:
        lectern.stop()
        shutil.rmtree(folder / "growth-sized", ignore_errors=True)


def of_streams(args, folder, port, sizes):
    """µs per event, at the same number of events a second; the load is the AI service then."""
    points = []
    args.rate, args.ramp = 2000, 1000
    for n in sizes:
        double = begin_double(args, port)
        lectern = Subject(args, folder / f"growth-streams-{n}", port)
        end(double)
        r = streams.measure(args, lectern, lectern.port, port, n, args.stream_seconds, "--key", lectern.key)
        lectern.stop()
        if not r["events"]:
            raise RuntimeError(r["why"])
        points.append((n, r["us_per_event"]))
    return points


def begin_double(args, port):
    double = start([str(args.build / "upstream"), "--port", str(port)])
    wait_port(port)
    return double


def end(process):
    process.terminate()
    process.wait()


def run(args, folder, results):
    port, out = free_port(), results.setdefault("growth", {})
    double = begin_double(args, port)
    parts = {
        "prompt size, bytes": lambda: sized(args, folder, port, [1024, 4096, 16384, 65536, 262144], lambda key, n: action(key, "a plain word or two. " * (n // 21))),
        "messages of a conversation": lambda: sized(args, folder, port, [1, 9, 49, 199], conversation),
        "limits": lambda: stocked(args, folder, port, add_limits, [10, 100, 1000, 10000], action),
        "sites": lambda: stocked(args, folder, port, add_sites, [10, 100, 1000], action),
        "profiles": lambda: stocked(args, folder, port, add_profiles, [10, 100, 1000], workflow),
        "scopes": lambda: stocked(args, folder, port, add_scopes, [10, 100, 1000, 10000], workflow),
        "register records": lambda: stocked(args, folder, port, add_records, args.records, action),
        "streams": lambda: (end(double), of_streams(args, folder, port, [16, 64, 256, 1024]))[-1],
    }
    for name, work in parts.items():
        try:
            points = work()
            out[name] = {"points": points, "exponent": exponent(points)}
            print(f"  {name:28} exponent {out[name]['exponent']:+.3f}: " + ", ".join(f"{n}: {us:.1f}" for n, us in points), flush=True)
        except (RuntimeError, SystemExit, OSError, sqlite3.Error, subprocess.SubprocessError) as why:
            results["failed"][f"growth over {name}"] = str(why)[:200]
            print(f"  {name}: FAILED: {str(why)[:200]}", flush=True)
    end(double)

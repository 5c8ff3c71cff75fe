#!/usr/bin/env python3
"""What an erasure costs others: the time it takes and the slowest call meanwhile, in a database of so many MiB.

    python3 bench/erase.py --lectern BUILD/src/daemon/lectern --dir DIR [--mib 1024] [--users 100]

Fills DIR with calls of --users users, starts the daemon, lets four clients ask the embedded provider one after the other, and erases one user."""
import argparse
import http.client
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import threading
import time


def uuid7(ms):
    return ms.to_bytes(6, "big") + bytes([0x70 | os.urandom(1)[0] & 15]) + os.urandom(1) + bytes([0x80 | os.urandom(1)[0] & 63]) + os.urandom(7)


class Daemon:
    def __init__(self, lectern, data):
        self.process = subprocess.Popen([lectern, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[-1].rsplit(":", 1)[1])
        self.key = json.loads((data / "demo.json").read_text())["admin_key"]

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def stop(self):
        self.process.terminate()
        self.process.wait(120)


def fill(data, mib, users):
    """Calls of 4 KiB each, as the register has them."""
    database = sqlite3.connect(data / "lectern.db")
    site = database.execute("SELECT id FROM site").fetchone()[0]
    calls, start = mib * 1024 * 1024 // 4600, int(time.time() * 1000) - 86400000 * 30
    for first in range(0, calls, 5000):
        rows = [(uuid7(start + (first + i) * 5), f"user-{(first + i) % users}") for i in range(min(5000, calls - first))]
        with database:
            database.executemany("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) VALUES (?, ?, ?, 'generate_text', 'c', '', '', 1, ?)", [(i, site, u, start) for i, u in rows])
            database.executemany("INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail, prompt_tokens,"
                                 " completion_tokens, duration_ms) VALUES (?, 1, 1, 'v', 'openai', 'm', 1, '', 200, '', 10, 10, 5)", [(i,) for i, _ in rows])
            database.executemany("INSERT INTO ai_call_end (call_id, state, code, detail, completed_at) VALUES (?, 'completed', '', '', ?)", [(i, start) for i, _ in rows])
            database.executemany("INSERT INTO ai_action_generate_text (call_id, prompt, generatedcontent) VALUES (?, ?, ?)",
                                 [(i, os.urandom(750).hex(), os.urandom(1250).hex()) for i, _ in rows])
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return calls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lectern", required=True)
    parser.add_argument("--dir", required=True, type=pathlib.Path)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--users", type=int, default=100)
    options = parser.parse_args()
    data = options.dir / "data"
    Daemon(options.lectern, data).stop()
    calls = fill(data, options.mib, options.users)
    daemon, stop, took = Daemon(options.lectern, data), threading.Event(), []

    def client():
        body = {"input": {"text": "Plants take in light. They make sugar. Animals eat them."}, "user": {"id": "other", "roles": ["student"]}}
        while not stop.is_set():
            began = time.monotonic()
            status, _ = daemon.ask("POST", "/v1/actions/summarise_text", body)
            took.append((began, time.monotonic() - began, status))

    version = daemon.ask("GET", "/v1/policy?user_id=other&role=student")[1]["version"]
    daemon.ask("PUT", "/v1/policy", {"accepted": True, "version": version, "user": {"id": "other", "roles": ["student"]}})
    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(10)
    began = time.monotonic()
    status, job = daemon.ask("POST", "/v1/privacy/erase", {"user_id": "user-7"})
    answered = time.monotonic() - began
    while job["state"] != "done":
        time.sleep(0.05)
        job = daemon.ask("GET", f"/v1/privacy/jobs/{job['id']}")[1]
    ended = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join()
    daemon.stop()
    size = (data / "lectern.db").stat().st_size >> 20
    print(f"{size} MiB, {calls} calls, {job['calls']} of them erased in {ended - began:.1f} s; answered {status} after {answered:.1f} s")
    for what, of in (("before", [x for x in took if x[0] + x[1] < began]), ("meanwhile", [x for x in took if x[0] + x[1] >= began and x[0] <= ended])):
        ms = sorted(1000 * x[1] for x in of)
        bad = sum(x[2] != 200 for x in of)
        print(f"  {what}: {len(ms)} calls, {bad} refused, median {statistics.median(ms):.1f} ms, 99 % {ms[len(ms) * 99 // 100]:.1f} ms, slowest {ms[-1]:.1f} ms")


if __name__ == "__main__":
    main()

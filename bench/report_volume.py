#!/usr/bin/python3 -B
"""
What reports cost: bench/report_volume.py LECTERN [--postgres URL] [--days 30] [--a-day 20000] [--sites 1,10]

Writes the same calls (one or two attempts, an end) for so many days into an empty SQLite and, with --postgres, into an empty database of its own on that server,
once all of one site and once dealt out to several. Then runs `lectern report …` of one site over all the days, three times each, and prints the fastest. What a
start of the program takes (a report about a moment without calls) is taken off. The answers of both stores must be the same. The chain is not written.
"""
import argparse
import hashlib
import io
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

DAY_MS = 86400000
REPORTS = [("usage, by provider, model, action", ["usage"]), ("usage, by day and course", ["usage", "--by", "day,course"]), ("cost, by provider, model", ["cost"]),
           ("errors, of calls and attempts", ["errors"]), ("latency, by provider, model, action", ["latency"]), ("usage of one user", ["usage", "--user", "user-0"])]
TABLES = {
    "ai_call": "id site_id user_id action course_id location_id placement content_stored created_at",
    "ai_call_attempt": "call_id n instance_id instance plugin model success code vendor_status detail prompt_tokens completion_tokens duration_ms cost",
    "ai_call_end": "call_id state code detail instance_id model prompt_tokens completion_tokens total_tokens completed_at cost",
}


def calls(first, days, a_day, sites):
    """(table, row) in the order of time; the same for the same arguments."""
    chance = random.Random(16)
    for n in range(days * a_day):
        at = first + n * DAY_MS // a_day
        key = at.to_bytes(6, "big") + bytes([0x70, 0, 0x80]) + hashlib.md5(str(n).encode()).digest()[:7]
        vendor, action, took = chance.choice(("vendor-a", "vendor-b")), chance.choice(("generate_text", "summarise_text")), chance.randint(200, 9000)
        luck, prompt, answer = chance.random(), chance.randint(50, 400), chance.randint(50, 800)
        yield "ai_call", (key, 1 + n % sites, f"user-{n * 7919 % 5000}", action, f"course-{n % 200}", f"page-{n % 5000}", "course_assist", 1, at)
        if luck < 0.1:  # the first one failed
            yield "ai_call_attempt", (key, 1, 3, "vendor-c", "openai", "large-model", 0, "vendor_unavailable", 503, "", None, None, took // 2, None)
        if luck < 0.02:
            yield "ai_call_end", (key, "failed", "vendor_unavailable", "", 0, "", None, None, None, at + took, None)
            continue
        yield "ai_call_attempt", (key, 2 if luck < 0.1 else 1, 1, vendor, "openai", "small-model", 1, "", 200, "", prompt, answer, took, prompt + answer)
        yield "ai_call_end", (key, "completed", "", "", 1, "small-model", prompt, answer, prompt + answer, at + took, prompt + answer)


def in_batches(rows, size=20000):
    batch = {table: [] for table in TABLES}
    for n, (table, row) in enumerate(rows):
        batch[table].append(row)
        if n % size == size - 1:
            yield batch
            batch = {table: [] for table in TABLES}
    yield batch


class Sqlite:
    name = "SQLite"

    def __init__(self, lectern, folder):
        self.lectern, self.folder, self.words = lectern, folder, ["--data", str(folder)]
        self.run("migrate")

    def run(self, *words):
        done = subprocess.run([self.lectern, *words, *self.words], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"lectern {' '.join(words)}: {done.stderr}")
        return done.stdout

    def fill(self, rows):
        db = sqlite3.connect(self.folder / "lectern.db")
        for batch in in_batches(rows):
            for table, columns in TABLES.items():
                columns = columns.split()
                db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", batch[table])
        db.commit()
        db.close()

    def close(self):
        pass


class Postgres(Sqlite):
    name = "PostgreSQL"

    def __init__(self, lectern, folder, server):
        import psycopg2
        self.server, self.database = server.rstrip("/"), f"reports{os.getpid()}"
        self.admin = psycopg2.connect(self.server + "/postgres")
        self.admin.autocommit = True
        self.admin.cursor().execute(f"CREATE DATABASE {self.database} TEMPLATE template0 ENCODING 'UTF8'")
        super().__init__(lectern, folder)

    def run(self, *words):
        return super().run(*words, "--database", f"{self.server}/{self.database}")

    def fill(self, rows):
        import psycopg2
        db = psycopg2.connect(f"{self.server}/{self.database}")
        cursor = db.cursor()
        for batch in in_batches(rows):
            for table, columns in TABLES.items():
                text = "\n".join("\t".join("\\N" if v is None else "\\\\x" + v.hex() if isinstance(v, bytes) else str(v) for v in row) for row in batch[table])
                cursor.copy_expert(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN", io.StringIO(text + "\n" if text else ""))
        db.commit()
        self.run("migrate")  # rows of months that had no partition yet move there
        db.autocommit = True
        cursor.execute("VACUUM ANALYZE")
        db.close()

    def close(self):
        self.admin.cursor().execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


def fastest(store, words, times=3):
    best, text = None, ""
    for _ in range(times):
        begun = time.perf_counter()
        text = store.run("report", *words, "--site", "volume0", "--format", "csv")
        took = (time.perf_counter() - begun) * 1000
        best = took if best is None else min(best, took)
    return best, text


def measure(args, sites, place):
    stores = [Sqlite(args.lectern, place / "sqlite")] + ([Postgres(args.lectern, place / "postgres", args.postgres)] if args.postgres else [])
    now = int(time.time() * 1000)
    first = now // DAY_MS * DAY_MS - args.days * DAY_MS
    span = ["--since", time.strftime("%Y-%m-%d", time.gmtime(first / 1000)), "--until", time.strftime("%Y-%m-%d", time.gmtime(now / 1000 - 86400))]
    try:
        for store in stores:
            for site in range(sites):
                store.run("site", "add", f"volume{site}", "--name", "Volume")
            store.fill(calls(first, args.days, args.a_day, sites))
        total = args.days * args.a_day
        print(f"\n{args.days} days of {args.a_day} calls, {sites} site{'s' if sites > 1 else ''}: a report of one site, {total // sites} calls of it among {total}; load {os.getloadavg()[0]:.1f}")
        print(f"{'ms':38}" + "".join(f"{store.name:>12}" for store in stores))
        starts = [fastest(store, ["usage", "--since", "2001-01-01T00:00:00Z", "--until", "2001-01-01T00:00:01Z"])[0] for store in stores]
        for name, words in REPORTS:
            found = [fastest(store, [*words, *span]) for store in stores]
            if any(text != found[0][1] for _, text in found) or found[0][1].count("\n") < 2:
                sys.exit(f"{name}: the stores' answers differ, or there is nothing in them")
            print(f"{name:38}" + "".join(f"{took - start:12.0f}" for (took, _), start in zip(found, starts)))
        print(f"{'(a start of the program)':38}" + "".join(f"{start:12.0f}" for start in starts))
    finally:
        for store in stores:
            store.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("lectern")
    parser.add_argument("--postgres", help="a server: postgresql://user@host:port")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--a-day", type=int, default=20000)
    parser.add_argument("--sites", type=lambda text: [int(n) for n in text.split(",")], default=[1, 10], help="numbers of sites, with commas between")
    args = parser.parse_args()
    for sites in args.sites:
        place = pathlib.Path(tempfile.mkdtemp(prefix="lectern-reports-"))
        try:
            measure(args, sites, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)


main()

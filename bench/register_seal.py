#!/usr/bin/python3 -B
"""
How fast the register is chained and verified: [LECTERN_TEST_POSTGRES=URL] bench/register_seal.py [--calls N] [--sites N] LECTERN…

For each program and each kind of database: N calls (10000; two entries each, prompts of 600 and answers of 1,200 bytes, in turn of as many sites) are put
into a new database, a daemon chains them, and `lectern register verify` looks at them three times (the best is shown). CPU is that of the program, without
the server's; the database of PostgreSQL is dropped at the end.
"""
import argparse
import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

SERVER = os.environ.get("LECTERN_TEST_POSTGRES", "").rstrip("/")
WORDS = " ".join(f"word{i * 7919 % 997}" for i in range(300))
WAIT_S = 3600


def admin(sql):
    import psycopg2

    with contextlib.closing(psycopg2.connect(SERVER + "/postgres")) as server:
        server.autocommit = True
        server.cursor().execute(sql)


def rows(calls, sites, begin):
    for n in range(calls):
        key = (begin + n).to_bytes(6, "big") + b"\x70\x00\x80" + n.to_bytes(7, "big")
        yield key, 1 + n % sites, f"user-{n % 500}", begin + n


def fill(database, calls, sites):
    """As the daemon leaves it when it has written calls and chained none of them."""
    marks, begin = "?", int(time.time() * 1000) - calls
    if database.startswith("sqlite:"):
        db = sqlite3.connect(database.removeprefix("sqlite:"))
        many = db.executemany
    else:
        import psycopg2
        from psycopg2.extras import execute_batch

        db = psycopg2.connect(database)
        marks = "%s"

        def many(sql, values):
            execute_batch(db.cursor(), sql, list(values), 500)
    for sql, columns in [
        ("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) VALUES (?, ?, ?, 'generate_text', 'c', 'l', 'p', 1, ?)",
         lambda key, site, user, at: (key, site, user, at)),
        ("INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail, duration_ms) VALUES"
         " (?, 1, 1, 'vendor', 'openai', 'm', 1, '', 200, '', 1)", lambda key, site, user, at: (key,)),
        ("INSERT INTO ai_call_end (call_id, state, code, detail, completed_at) VALUES (?, 'completed', '', '', ?)", lambda key, site, user, at: (key, at)),
        ("INSERT INTO ai_action_generate_text (call_id, prompt, generatedcontent) VALUES (?, ?, ?)", lambda key, site, user, at: (key, WORDS[:600], WORDS[:1200])),
        ("INSERT INTO register_pending (call_id, kind) VALUES (?, 1)", lambda key, site, user, at: (key,)),
        ("INSERT INTO register_pending (call_id, kind) VALUES (?, 2)", lambda key, site, user, at: (key,)),
    ]:
        many(sql.replace("?", marks), (columns(*row) for row in rows(calls, sites, begin)))
    db.commit()
    return db


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seal(program, data, database, db):
    """(seconds, CPU seconds) until nothing waits any more."""
    log = open(data / "log", "wb")
    daemon = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--database", database], stdout=subprocess.PIPE, stderr=log)
    try:
        begun = time.perf_counter()
        daemon.stdout.readline()
        cursor = db.cursor()
        while time.perf_counter() - begun < WAIT_S:
            cursor.execute("SELECT 1 FROM register_pending LIMIT 1")
            waits = cursor.fetchone()
            db.rollback()
            if not waits:
                return time.perf_counter() - begun, cpu_of(daemon.pid)
            time.sleep(0.02)
        raise SystemExit("the sealer does not come to an end")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


def verify(program, data, database):
    """(seconds, CPU seconds, MiB at most)"""
    begun = time.perf_counter()
    process = subprocess.Popen([program, "register", "verify", "--data", data, "--database", database], stdout=subprocess.PIPE)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said.decode()
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(program, kind, calls, sites):
    name = f"seal{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        database = f"sqlite:{data / 'lectern.db'}"
        if kind == "PostgreSQL":
            admin(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
            database = f"{SERVER}/{name}"
        try:
            subprocess.run([program, "migrate", "--data", data, "--database", database], check=True, capture_output=True)
            with contextlib.closing(fill(database, calls, sites)) as db:
                wall, cpu = seal(program, data, database, db)
            best = min(verify(program, data, database) for _ in range(3))
            print(f"{kind:12}{pathlib.Path(program).name:20}{wall:10.2f}{cpu:10.2f}{best[0]:12.2f}{best[1]:10.2f}{best[2]:10.0f}", flush=True)
        finally:
            if kind == "PostgreSQL":
                admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=10000)
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("programs", nargs="+", metavar="LECTERN")
    options = parser.parse_args()
    print(f"{options.calls} calls, {2 * options.calls} entries, {options.sites} sites\n{'':32}{'chained s':>10}{'CPU s':>10}{'verified s':>12}{'CPU s':>10}{'MiB':>10}")
    for kind in ["SQLite"] + ["PostgreSQL"] * bool(SERVER):
        for program in options.programs:
            measure(os.path.abspath(program), kind, options.calls, options.sites)


if __name__ == "__main__":
    main()

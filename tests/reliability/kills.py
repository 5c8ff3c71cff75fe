"""SIGKILL at random moments under load, on a file system that forgets what was not synced: nothing that was shown is lost, and the register stays whole.

The daemon, its eight clients and the file system are those of tests/system/test_kill.py.
"""
import contextlib
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import uuid

import test_kill
from double.upstream import Upstream

VERIFY_EACH = 100  # kills
CHECKER = pathlib.Path(__file__).resolve().parents[1] / "support/register_verify.py"


def lost(data, seen):
    """What a client was shown without a durable record of it. Only these are looked up: the register becomes large."""
    with contextlib.closing(sqlite3.connect(f"{data}/lectern.db", timeout=60)) as db:
        def without(ids, sql):
            return {i for i in ids if not db.execute(sql, (uuid.UUID(i).bytes,)).fetchone()}
        return without(seen["shown"], "SELECT 1 FROM ai_call WHERE id = ?") | without(
            seen["done"], "SELECT 1 FROM ai_call_end WHERE call_id = ? AND state = 'completed'")


def whole(data):
    """Does the register verify, by the command and by the checker that shares no code with it?"""
    commands = [[test_kill.LECTERN, "register", "verify", "--data", data], [sys.executable, "-B", CHECKER, data]]
    said = [subprocess.run(command, capture_output=True, text=True, timeout=3600) for command in commands]
    for done in said:
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return all(done.returncode == 0 for done in said)


def left_open(data):
    """Calls without an end, after a last start and a stop in peace."""
    daemon = test_kill.Forgetful(data, "FULL")
    daemon.process.terminate()
    daemon.process.wait(60)
    return test_kill.rows(data, "SELECT COUNT(*) FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE e.call_id IS NULL")[0][0]


def run(options):
    moments = random.Random(options.seed)
    if not test_kill.VFS.exists():
        raise RuntimeError(f"{test_kill.VFS} is not built: without it nothing is forgotten")
    shown = done = missing = broken = 0
    with tempfile.TemporaryDirectory(prefix="lectern-kills-") as data, Upstream() as upstream:
        upstream.default = "chunks?n=30&delay_ms=15"
        key = test_kill.prepare(data, upstream)
        for i in range(1, options.times + 1):
            seen = test_kill.kill_under_load(data, key, "FULL", moments.uniform(0.05, 1.2))
            upstream.clear()
            gone = lost(data, seen)
            if gone:
                print(f"kill {i}, seed {options.seed}: lost {sorted(gone)}", file=sys.stderr)
            shown, done, missing = shown + len(seen["shown"]), done + len(seen["done"]), missing + len(gone)
            if i % VERIFY_EACH == 0 or i == options.times:
                broken += not whole(data)
                print(f"{i} kills, {shown} answers shown, {missing} lost", file=sys.stderr, flush=True)
        running = left_open(data)
        broken += not whole(data)
    figures = f"{options.times:,} kills, {shown:,} answers shown, {done:,} of them to their end, {missing} lost, {running} left open, register {'whole' if not broken else 'BROKEN'}"
    return figures, done > 0 and not missing and not running and not broken

"""The power cut: what tests/support/crash_vfs.c takes away when a program is killed, and what the store saves from it.

A helper writes units through the store, many in flight, and prints the number of each that was acknowledged. Programs are taken
from $LECTERN_BUILD (default: build/); a build with a sanitizer works as well.
"""
import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from conftest import sqlite_only

BUILD = Path(os.environ.get("LECTERN_BUILD", Path(__file__).parents[2] / "build"))
WRITER = BUILD / "tests/support/crash_writer"
VFS = BUILD / "tests/support/crash_vfs.so"

pytestmark = [pytest.mark.skipif(not (WRITER.exists() and VFS.exists()), reason=f"not built in {BUILD}"),
              sqlite_only("a file system that forgets is put under SQLite's file")]


def environment(vfs: bool) -> dict:
    env = dict(os.environ)
    # The preloaded module stands before the sanitizer's library, which is fine as it replaces none of its functions.
    env["ASAN_OPTIONS"] = ":".join(filter(None, [env.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    if vfs:
        env["LD_PRELOAD"] = str(VFS)
    return env


def write_until_killed(data: Path, synchronous: str, acknowledged: int, vfs: bool = True) -> list[int]:
    """Kills the writer some moments after so many acknowledgements; returns all the numbers it gave."""
    process = subprocess.Popen([WRITER, data, synchronous], stdout=subprocess.PIPE, env=environment(vfs))
    lines = []
    deadline = time.monotonic() + 60
    while len(lines) < acknowledged and time.monotonic() < deadline:
        line = process.stdout.readline()
        assert line.endswith(b"\n"), "the writer ended by itself"
        lines.append(line)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    assert process.wait(timeout=60) == -signal.SIGKILL
    return [int(line) for line in lines if line.endswith(b"\n")]


def stored(data: Path) -> list[int]:
    """What a new process finds."""
    with closing(sqlite3.connect(data / "lectern.db", timeout=60)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'note'").fetchall():
            return []
        return [row[0] for row in db.execute("SELECT id FROM note ORDER BY id")]


def test_acknowledged_units_survive_every_power_cut(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    data = tmp_path / "data"
    acknowledged = 0
    for least in [1, 20, 6000, 300, 1, 3000, 20, 300]:  # one database, cut again and again; the long rounds meet checkpoints
        gone = write_until_killed(data, "FULL", least + rng.randrange(least))
        assert gone == list(range(gone[0], gone[0] + len(gone)))
        found = stored(data)
        assert found == list(range(1, len(found) + 1)), "a hole or a half-written batch"
        assert found[-1] >= gone[-1], "an acknowledged unit is gone"
        acknowledged += len(gone)
    assert acknowledged >= 8


def test_without_syncs_acknowledged_units_are_lost(tmp_path):
    """The test of the test: with synchronous=OFF the same promise is broken."""
    data = tmp_path / "data"
    gone = write_until_killed(data, "OFF", 300)
    assert set(gone) - set(stored(data)), "nothing was lost: the VFS keeps nothing back"


def test_what_was_durable_before_stays_when_later_writes_are_lost(tmp_path):
    data = tmp_path / "data"
    kept = write_until_killed(data, "FULL", 300)
    before = stored(data)
    lost = write_until_killed(data, "OFF", 300)
    assert set(kept) <= set(before)
    assert set(before) <= set(stored(data))
    assert set(lost) - set(stored(data))


def test_the_kernel_alone_loses_nothing(tmp_path):
    """Without the VFS a kill loses nothing even with synchronous=OFF: so it is the VFS that does."""
    data = tmp_path / "data"
    gone = write_until_killed(data, "OFF", 300, vfs=False)
    assert set(gone) <= set(stored(data))


def test_an_ordinary_exit_is_no_power_cut(tmp_path):
    data = tmp_path / "data"
    done = subprocess.run([WRITER, data, "OFF", "500"], env=environment(True), stdout=subprocess.PIPE, timeout=60, check=True)
    assert len(done.stdout.split()) == 500
    assert stored(data) == list(range(1, 501))

"""share/gdb/lectern.py: gdb shows the fibers of a running daemon, and what an arena holds."""
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT, add_vendor, wait_until
from test_overload import Load

PROGRAM = BUILD / "src/daemon/lectern"
sanitizer = re.search(rb"__(?:asan|tsan)_init", PROGRAM.read_bytes()) if PROGRAM.exists() else None
debug = b".debug_info" in PROGRAM.read_bytes() if PROGRAM.exists() else False
pytestmark = [pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed"),
              pytest.mark.skipif(not debug, reason="this build has no names for gdb"),
              pytest.mark.skipif(bool(sanitizer and b"__tsan_init" in sanitizer[0]), reason="gdb does not follow TSan's stacks")]


def gdb(daemon, *commands):
    words = [word for command in (f"source {ROOT}/share/gdb/lectern.py", *commands) for word in ("-ex", command)]
    done = subprocess.run(["gdb", "-q", "-batch", "-p", str(daemon.process.pid), *words], capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr


def test_fibers_that_wait_are_shown_with_their_frames(daemon, upstream):
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    add_vendor(daemon, upstream)
    load = Load(daemon, upstream, 2)
    told = gdb(daemon, "lectern-fibers", "lectern-fibers http")
    load.leave()
    if "ptrace: Operation not permitted" in told or "Could not attach" in told:
        pytest.skip("this machine lets no process look into another one")
    waiting = re.findall(r"^loop \d+  fiber 0x[0-9a-f]+  waiting .*$", told, re.M)
    assert len(waiting) >= 2, told[-3000:]
    assert re.search(r"^\d+ fibers$", told, re.M)
    framed = re.findall(r"^    #\d+  (\w+) at .*\.c:\d+$", told, re.M)
    assert {"lt_wire_call", "lt_post_action", "fiber_entry"} <= set(framed), told[-3000:]
    assert any(name.startswith("lt_fiber_wait") for name in framed), told[-3000:]  # one of them lies in the other where it was optimised
    wait_until(lambda: daemon.request("GET", "/healthz").status == 200, what="the daemon after gdb")


def test_the_blocks_of_an_arena_are_shown():
    words = [word for command in (f"source {ROOT}/share/gdb/lectern.py", "break lt_arena_free", "run", "lectern-arena a") for word in ("-ex", command)]
    done = subprocess.run(["gdb", "-q", "-batch", *words, BUILD / "tests/unit/test_base"], capture_output=True, text=True, timeout=300)
    assert re.search(r"^block 0x[0-9a-f]+  \d+ bytes$", done.stdout, re.M), done.stdout[-2000:] + done.stderr[-1000:]
    assert re.search(r"^[1-9]\d* blocks, [1-9]\d* bytes held, \d+ free in the newest$", done.stdout, re.M), done.stdout[-2000:]

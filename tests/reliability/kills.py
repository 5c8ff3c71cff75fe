"""tests/system/test_kill.py at length: SIGKILL at random moments under load, on a file system that forgets what was not synced."""
import random
import subprocess
import tempfile

import test_kill
from double.upstream import Upstream


def run(options):
    moments, shown, done, lost = random.Random(options.seed), 0, 0, set()
    with Upstream() as upstream, tempfile.TemporaryDirectory() as data:
        upstream.default = "chunks?n=30&delay_ms=15"
        key = test_kill.prepare(data, upstream)
        for n in range(options.times):
            seen = test_kill.kill_under_load(data, key, "FULL", moments.uniform(0.15, 1.5))
            lost |= test_kill.broken_promises(data, seen)
            shown, done = shown + len(seen["shown"]), done + len(seen["done"])
            upstream.clear()
            if n % 50 == 49:
                print(f"   {n + 1} kills, {shown} answers shown, {len(lost)} lost", flush=True)
        test_kill.Forgetful(data, "FULL").kill()  # it recovers first
        left = test_kill.rows(data, "SELECT COUNT(*) FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE e.call_id IS NULL")[0][0]
        verified = subprocess.run([test_kill.LECTERN, "register", "verify", "--data", data], capture_output=True, text=True, timeout=600)
    figures = (f"{options.times} kills, {shown:,} answers shown ({done:,} to their end), {len(lost)} lost, {left} calls left open, "
               f"register verify: {'whole' if verified.returncode == 0 else verified.stdout.strip()[:200]}")
    return figures, not lost and left == 0 and verified.returncode == 0 and shown > 0

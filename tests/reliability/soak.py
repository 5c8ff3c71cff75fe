"""Random faults all the while: of the disk, the clock, the AI service, the clients, beside changes of the configuration. Afterwards nothing is lost, open or grown."""
import pathlib
import random
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import test_machine_faults
from conftest import wait_until
from double.upstream import Upstream
from faults import DISKS

CLIENTS, SAMPLE_S, MEMORY_MIB, DESCRIPTORS = 6, 5, 2.0, 3
GOOD, BAD = ["ok", "chunks?n=10&delay_ms=5", "one_byte", "think"], ["500", "429?retry_after=0", "reset", "close_mid", "truncated", "wrong_json", "stall_mid", "error_mid"]

VENDOR = {"first_byte_ms": 500, "idle_ms": 500, "total_ms": 3000}  # so that one that stalls holds nobody for long


class Soak:
    def __init__(self, folder, upstream, options):
        self.school = test_machine_faults.School(folder, upstream, VENDOR, LECTERN_LOG_LEVEL="error")
        self.upstream, self.seed, self.ends, self.going = upstream, options.seed, time.monotonic() + options.seconds, True
        self.warm = time.monotonic() + options.seconds / 3
        self.pid, self.samples, self.faults, self.left = self.school.daemon.process.pid, [], 0, 0
        dice = random.Random(options.seed)
        upstream.choose = lambda request: dice.choice(GOOD) if dice.random() < 0.85 else dice.choice(BAD)

    def client(self, number):
        dice = random.Random(f"{self.seed}/{number}")
        while self.going:
            if dice.random() < 0.1:
                self.leave(dice.uniform(0, 0.05))
            else:
                self.school.ask(stream=dice.random() < 0.5)

    def leave(self, after):
        """Asks, and goes before the answer is there."""
        body = b'{"user":{"id":"pupil","roles":["student"]},"input":{"prompt":"Well?"},"stream":true}'
        try:
            with socket.create_connection(("127.0.0.1", self.school.daemon.port), 5) as s:
                s.sendall(b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                          % (self.school.daemon.admin_key.encode(), len(body), body))
                time.sleep(after)
        except OSError:
            pass
        self.left += 1

    def trouble(self):
        dice = random.Random(f"{self.seed}/trouble")
        kinds = [*DISKS, "clock", "configuration"]
        while self.going:
            time.sleep(dice.uniform(0.2, 1.5))
            kind = dice.choice(kinds)
            if kind == "clock":
                self.school.faults.clock(dice.randint(-7200, 7200))
            elif kind == "configuration":
                self.rename(dice.randint(1, 9))
            else:
                self.school.faults.disk(kind, every=dice.randint(1, 10))
                time.sleep(dice.uniform(0.02, 0.4))
                self.faults += self.school.faults.end()

    def rename(self, n):
        try:
            self.school.daemon.request("PATCH", "/v1/site", self.school.daemon.admin_key, {"name": f"School {n}"})
        except OSError:
            pass

    def watch(self):
        while self.going:
            time.sleep(SAMPLE_S)
            kib = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1])
            self.samples.append((time.monotonic(), kib / 1024, len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))))
            self.upstream.clear()
            if len(self.samples) % 12 == 0:
                print(f"   {len(self.samples) * SAMPLE_S} s, {len(self.school.shown):,} whole answers, {self.faults:,} faults of the disk, {kib / 1024:.1f} MiB, {self.samples[-1][2]} descriptors", flush=True)

    def run(self):
        threads = [threading.Thread(target=self.client, args=(n,)) for n in range(CLIENTS)] + [threading.Thread(target=f) for f in (self.trouble, self.watch)]
        for thread in threads:
            thread.start()
        while time.monotonic() < self.ends and self.school.daemon.process.poll() is None:
            time.sleep(1)
        self.going = False
        for thread in threads:
            thread.join()
        self.school.faults.end()
        self.school.faults.clock(0)

    def grown(self):
        """(MiB, descriptors) from the end of the warming up to the end: medians of the first and the last quarter of the time between."""
        after = [s for s in self.samples if s[0] >= self.warm]
        quarter = max(1, len(after) // 4)
        return tuple(statistics.median(s[i] for s in after[-quarter:]) - statistics.median(s[i] for s in after[:quarter]) for i in (1, 2))


def run(options):
    with Upstream() as upstream, tempfile.TemporaryDirectory() as folder:
        soak = Soak(pathlib.Path(folder), upstream, options)
        soak.run()
        school, problems = soak.school, []
        if school.daemon.process.poll() is not None:
            return f"the daemon ended with {school.daemon.process.returncode}: {school.daemon.log()[-500:]}", False
        mib, descriptors = soak.grown()
        rss = soak.samples[-1][1]
        upstream.choose = lambda request: "ok"
        open_calls = "SELECT COUNT(*) FROM ai_call WHERE id NOT IN (SELECT call_id FROM ai_call_end)"
        try:
            school.well()
            wait_until(lambda: school.rows(open_calls) == [(0,)], what="the end of every call")
        except AssertionError as error:
            problems.append(str(error))
        left = school.rows(open_calls)[0][0]
        school.daemon.stop()
        done = {row[0].hex() for row in school.rows("SELECT call_id FROM ai_call_end WHERE state = 'completed'")}
        lost = {i.replace("-", "") for i in school.shown} - done
        verified = subprocess.run([test_machine_faults.faults.BUILD / "src/daemon/lectern", "register", "verify", "--data", school.daemon.data], capture_output=True, text=True)
        if verified.returncode:
            problems.append(f"register verify: {verified.stdout.strip()[-300:]}")
    figures = (f"{options.seconds} s, {len(school.shown):,} whole answers, {soak.left:,} clients that left, {soak.faults:,} faults of the disk; {len(lost)} lost, {left} calls left open; "
               f"memory {rss:.1f} MiB ({mib:+.1f}), descriptors {descriptors:+.0f}" + "".join(f"; {p}" for p in problems))
    return figures, not lost and not problems and left == 0 and abs(mib) <= MEMORY_MIB and abs(descriptors) <= DESCRIPTORS and soak.faults > 0

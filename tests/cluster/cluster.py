#!/usr/bin/env python3
"""
Several Lectern processes on one PostgreSQL, under load and under faults: what was acknowledged must be there at the end, whatever happened.

    script/test-cluster [--seconds N] [--seed N] [--proxies] [--processes N] [--no-faults]

README.md says what is done and what is checked. Ends with 0 only when every check holds.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import checks  # noqa: E402
import load  # noqa: E402
from place import Namespaces, Proxies, namespaces_work  # noqa: E402
from postgres import Postgres  # noqa: E402

ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("LECTERN_BUILD", ROOT / "build/release")).resolve()
LECTERN = BUILD / "src/daemon/lectern"
PAUSE_LONG = 20  # seconds: others take over from a process that is silent for 15
COME_BACK = 3    # seconds
SETTLE = 120     # seconds that tasks have to end once all is well again


class Process:
    """One `lectern serve`, again and again."""

    def __init__(self, world, i):
        self.world, self.i, self.port = world, i, 8080 + (i if world.place.kind == "TCP proxies" else 0)
        self.address = (world.place.address(i), self.port)
        self.process, self.starts, self.paused, self.ready = None, 0, False, False

    def start(self):
        host, port = self.world.place.database_for(self.i, self.world.postgres.port)
        command = [*self.world.place.command(self.i), str(LECTERN), "serve", "--listen", f"{self.address[0]}:{self.port}", "--data", str(self.world.folder / f"data{self.i}"),
                   "--database", self.world.postgres.url(host, port), "--master-key-file", str(self.world.folder / "master.key"), "--threads", "1", "--drain-limit", "15",
                   "--trusted-proxies", "none", "--max-connections-per-address", "0", *self.more()]
        self.log = open(self.world.folder / f"process{self.i}.log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.starts += 1

    def more(self):
        """Where others reach it, if this program knows that setting."""
        return ["--advertise", f"http://{self.address[0]}:{self.port}"] if self.world.advertise else []

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address[0]}:{self.port}/readyz", timeout=3) as answer:
                return answer.status == 200
        except (OSError, ValueError):
            return False

    def wait(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.is_ready():
                return True
            if self.process.poll() is not None:
                self.start()  # as systemd would: the database was not there
                time.sleep(1)
            time.sleep(0.1)
        return False

    def signal(self, what):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(what)

    def figures(self):
        """Open descriptors, resident MiB."""
        try:
            fds = len(os.listdir(f"/proc/{self.process.pid}/fd"))
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            return fds, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024
        except (OSError, TypeError):
            return None


class World:
    def __init__(self, options):
        self.options, self.told = options, load.Told()
        self.ending, self.pause = threading.Event(), options.pause
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lectern-cluster-", dir=options.folder))
        os.chmod(self.folder, 0o755)
        self.random = random.Random(options.seed)
        self.troubled, self.lock = [], threading.Lock()
        self.done, self.upstream = [], None
        self.advertise = "--advertise " in subprocess.run([str(LECTERN), "serve", "--help"], capture_output=True, text=True).stdout
        self.place = Proxies(options.processes) if options.proxies else Namespaces(options.processes)
        os.environ["LECTERN_OUTBOUND_ALLOW"] = f"{self.place.outside}/32"

    # ---- start ----

    def cli(self, *words):
        command = [str(LECTERN), *map(str, words), "--data", str(self.folder / "data0"), "--database", self.postgres.url(), "--master-key-file", str(self.folder / "master.key")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise SystemExit(f"cluster: lectern {' '.join(map(str, words))}: {done.stderr}{done.stdout}")
        return done.stdout

    def start(self):
        port = 20000 + os.getpid() % 10000  # none that clients are given
        self.postgres = Postgres(self.folder / "postgres", self.place.database_host, port)
        (self.folder / "master.key").write_text(os.urandom(32).hex() + "\n")
        os.chmod(self.folder / "master.key", 0o600)
        self.upstream = subprocess.Popen([sys.executable, "-B", str(ROOT / "tests/system/double/upstream.py"), "--host", self.place.outside, "--port", "0"],
                                         stdout=subprocess.PIPE, text=True)
        self.upstream_url = f"http://{self.place.outside}:{int(self.upstream.stdout.readline())}"
        self.control({"default": "echo+chunks?n=8&delay_ms=30"})
        (self.folder / "data0").mkdir(mode=0o700)
        self.cli("migrate")
        self.cli("site", "add", "s", "--name", "Site")
        self.cli("site", "set", "s", "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 20000, "tasks_queued_per_user": 1000}))
        keys = [re.search(r"lk_[A-Za-z0-9_-]+", self.cli("--json", "key", "add", "--role", role)).group(0) for role in ("service", "site_admin", "metrics")]
        self.key, self.admin_key, self.metrics_key = keys
        self.cli("provider", "add", "vendor", "--plugin", "openai", "--config",
                 json.dumps({"endpoint": self.upstream_url + "/v1", "model": "m", "api_key": "test-key-123", "retries": 0, "breaker_faults": 0}))
        self.processes = [Process(self, i) for i in range(self.options.processes)]
        self.addresses = [process.address for process in self.processes]
        for process in self.processes:
            process.start()
        for process in self.processes:
            if not process.wait():
                raise SystemExit(f"cluster: process {process.i} did not start: {(self.folder / f'process{process.i}.log').read_text()[-2000:]}")
        self.configure()

    def configure(self):
        chat = {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.", "stream": True}}}
        wanted = [("/v1/profiles", {"slug": slug, "base_filepath": base, "content_patch": patch}) for slug, base, patch in
                  (("summary", "base/summary.json5", {}), ("chat", "base/blank.json5", chat))]
        wanted += [("/v1/scopes", {"profile_id": slug, "ui_slot_selector_id": slug}) for slug in ("summary", "chat")]
        wanted += [("/v1/limits", {"subject": "user", "subject_id": f"limited-{i}", "unit": "requests", "amount": checks.LIMIT, "window": "fixed", "window_s": 36000}) for i in range(200)]
        for path, form in wanted:
            status, _, told = load.exchange(self.addresses[0], "POST", path, self.admin_key, form)
            if status not in (200, 201):
                raise SystemExit(f"cluster: {path} {form}: {status} {told}")
        time.sleep(2)

    def control(self, form):
        request = urllib.request.Request(self.upstream_url + "/control", json.dumps(form).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).read()

    # ---- what others ask ----

    @contextlib.contextmanager
    def in_trouble(self, *which):
        """These processes are excused from changes within a second until they have had a few seconds to come back."""
        mine = [[i, float("inf")] for i in which]
        with self.lock:
            self.troubled += mine
        try:
            yield
        finally:
            for one in mine:
                one[1] = time.monotonic() + COME_BACK

    def was_in_trouble(self, i, since):
        with self.lock:
            return any(who == i and until > since for who, until in self.troubled)

    def newest_generation(self):
        with contextlib.suppress(Exception):
            db = self.postgres.connect()
            try:
                return checks.rows(db, "SELECT value FROM meta WHERE name = 'generation'")[0][0]
            finally:
                db.close()
        return None

    # ---- faults ----

    def say(self, text):
        print(f"  {time.monotonic() - self.begun:6.1f} s  {text}", flush=True)
        self.done.append(text)

    def kill(self, i, after):
        with self.in_trouble(i):
            self.say(f"process {i} is killed, and starts again after {after:.1f} s")
            self.processes[i].signal(signal.SIGKILL)
            self.processes[i].process.wait()
            time.sleep(after)
            self.processes[i].start()
            self.ready(i)

    def end(self, i):
        with self.in_trouble(i):
            self.say(f"process {i} is ended (SIGTERM) and starts again")
            self.processes[i].signal(signal.SIGTERM)
            try:
                code = self.processes[i].process.wait(60)
                if code:
                    self.told.wrong.append(f"process {i} ended with {code}")
            except subprocess.TimeoutExpired:
                self.told.wrong.append(f"process {i} did not end in 60 s")
                self.processes[i].signal(signal.SIGKILL)
                self.processes[i].process.wait()
            self.processes[i].start()
            self.ready(i)

    def ready(self, i):
        if not self.processes[i].wait():
            self.told.wrong.append(f"process {i} did not come back")

    def pause_process(self, i, seconds):
        with self.in_trouble(i):
            self.say(f"process {i} is paused for {seconds:.1f} s")
            self.processes[i].signal(signal.SIGSTOP)
            time.sleep(seconds)
            self.processes[i].signal(signal.SIGCONT)
            self.ready(i)

    def cut(self, i, seconds):
        with self.in_trouble(i):
            self.say(f"process {i} is cut off from the database for {seconds:.1f} s")
            self.place.cut(i)
            time.sleep(seconds)
            self.place.mend(i)
            self.ready(i)

    def restart_database(self, mode):
        with self.in_trouble(*range(len(self.processes))):
            self.say(f"the database is restarted ({mode})")
            self.postgres.restart(mode)

    def pause_database(self, seconds):
        with self.in_trouble(*range(len(self.processes))):
            self.say(f"the database is paused for {seconds:.1f} s")
            self.postgres.pause(seconds)

    def scripted(self):
        """Each kind once."""
        n, r = len(self.processes), self.random
        yield lambda: self.kill(r.randrange(n), 1)
        yield lambda: self.cut(r.randrange(n), 4)
        yield lambda: self.restart_database("fast")
        yield lambda: self.pause_database(r.uniform(1, 4))
        yield lambda: self.end(r.randrange(n))
        yield lambda: self.restart_database("immediate")
        yield lambda: self.pause_process(r.randrange(n), PAUSE_LONG)

    def by_chance(self):
        n, r = len(self.processes), self.random
        while True:
            yield r.choice([lambda: self.kill(r.randrange(n), r.uniform(0, 6)), lambda: self.kill(r.randrange(n), r.uniform(16, 20)), lambda: self.cut(r.randrange(n), r.uniform(0.5, 20)),
                            lambda: self.restart_database(r.choice(["fast", "immediate"])), lambda: self.pause_database(r.uniform(1, 10)),
                            lambda: self.pause_process(r.randrange(n), r.choice([2, PAUSE_LONG])), lambda: self.end(r.randrange(n))])

    def faults(self, until):
        for fault in self.scripted():
            if time.monotonic() > until:
                self.say("no time is left for the other faults")
                return
            fault()
            time.sleep(self.random.uniform(1, 2))
        for fault in self.by_chance():
            if time.monotonic() > until:
                return
            fault()
            time.sleep(self.random.uniform(0.5, 4))

    # ---- the run ----

    def run(self):
        self.begun = time.monotonic()
        until = self.begun + self.options.seconds
        before = [process.figures() for process in self.processes]
        clients = [kind(self, number, self.options.seed) for kind, n in load.KINDS.values() for number in range(n * self.options.clients)]
        clients.append(load.Changes(self))
        for client in clients:
            client.start()
        if self.options.no_faults:
            time.sleep(self.options.seconds)
        else:
            self.faults(until)
            time.sleep(max(0, until - time.monotonic()))
        self.ending.set()
        for client in clients:
            client.join(load.PATIENCE * 3)
        self.elapsed = time.monotonic() - self.begun
        for process in self.processes:
            self.ready(process.i)
        self.settle()
        self.asked = [checks.texts_of(record) for record in json.loads(urllib.request.urlopen(self.upstream_url + "/control/requests", timeout=120).read())["requests"]]
        return self.report(before, [process.figures() for process in self.processes])

    def settle(self):
        """Until every task and every call has ended, or the time for it is over."""
        end = time.monotonic() + SETTLE
        db = self.postgres.connect()
        try:
            db.autocommit = True
            while time.monotonic() < end:
                open_tasks = checks.rows(db, "SELECT count(*) FROM workflow_task WHERE state IN ('queued', 'running')")[0][0]
                open_calls = checks.rows(db, "SELECT count(*) FROM ai_call c WHERE NOT EXISTS (SELECT 1 FROM ai_call_end e WHERE e.call_id = c.id)")[0][0]
                if not open_tasks and not open_calls:
                    break
                time.sleep(0.5)
            self.settled = (time.monotonic() - end + SETTLE, open_tasks, open_calls)
        finally:
            db.close()

    def verify(self):
        """As each machine sees it that has sealed: there the file lies that has the ends of chains outside of the database."""
        places = sorted(path.parent for path in self.folder.glob("data*/register.head"))
        wrong = [] if places else ["no process has sealed the register"]
        for place in places:
            command = [str(LECTERN), "register", "verify", "--data", str(place), "--database", self.postgres.url(), "--master-key-file", str(self.folder / "master.key")]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                wrong.append(f"register verify in {place.name}: {(done.stdout + done.stderr).strip()[:1500]}")
        return wrong

    def report(self, before, after):
        told, results = self.told, {}
        db = self.postgres.connect()
        for check in checks.CHECKS:
            results[check.__name__] = check(db, self)
        results["register_verifies"] = self.verify()
        results["nobody_was_told_anything_wrong"] = list(told.wrong)
        measured = sorted(seconds for seconds, _, exempt, _ in told.changes if not exempt)
        results["changes_reach_all_within_1_s"] = [f"{seconds:.2f} s at process {i}, changed at {when:.1f} s" for seconds, i, exempt, when in told.changes
                                                  if seconds > 1 and not exempt]
        results["no_descriptor_is_lost"] = [f"process {i}: {a[0]} descriptors, {b[0]} when it began" for i, (b, a) in enumerate(zip(before, after)) if a and b and a[0] > b[0] + 40]
        if told.answers and told.tasks and told.turns:
            results["the_checks_see_what_is_wrong"] = checks.prove(db, self)
        else:
            results["the_checks_see_what_is_wrong"] = ["too little was answered to prove it"]
        results["the_chain_sees_what_is_wrong"] = self.prove_chain(db)
        ended, effects = checks.effects(db, self)
        codes = checks.rows(db, "SELECT state || ' ' || code || ': ' || detail, count(*) FROM workflow_task WHERE state <> 'completed' GROUP BY 1 ORDER BY 2 DESC LIMIT 8")
        db.close()
        print(f"\n{self.options.processes} processes in {self.place.kind}, {self.elapsed:.0f} s, {len(self.done)} faults, seed {self.options.seed}")
        for (kind, how), n in sorted(told.outcomes.items()):
            print(f"  {kind:8} {how:40} {n:6}")
        print(f"  answers acknowledged {len(told.answers)}, turns {len(told.turns)}, tasks accepted {len(told.tasks)}; tasks by state {ended}; times the service was asked for a task: {effects}")
        for code, n in codes:
            print(f"    {n} tasks {code[:150]}")
        if told.times:
            times = sorted(told.times)
            print(f"  answers took {statistics.median(times):.2f} s (median), {times[int(len(times) * 0.99)]:.2f} s (99 %), {times[-1]:.2f} s at most, with retries")
        if measured:
            print(f"  changes seen after {statistics.median(measured):.3f} s (median), {measured[int(len(measured) * 0.99)]:.3f} s (99 %), {measured[-1]:.3f} s at most; "
                  f"{len(measured)} measured, {len(told.changes) - len(measured)} more at processes in trouble (killed, paused, cut off, or without database) are not counted")
        print(f"  all had ended {self.settled[0]:.1f} s after the load: {self.settled[1]} tasks and {self.settled[2]} calls left open")
        print("  descriptors and MiB: " + "; ".join(f"{b} at first, {a} at the end" for b, a in zip(before, after)))
        failed = 0
        for name, wrong in results.items():
            print(f"  {'ok    ' if not wrong else 'FAILED'} {name.replace('_', ' ')}{f' ({len(wrong)})' if wrong else ''}")
            for line in wrong[:8]:
                print(f"           {line}")
            failed += bool(wrong)
        if self.options.report:
            pathlib.Path(self.options.report).write_text(json.dumps({"seed": self.options.seed, "faults": self.done, "wrong": results,
                                                                     "outcomes": [[*key, n] for key, n in sorted(told.outcomes.items())], "changes": measured}, indent=1))
        return failed

    def prove_chain(self, db):
        """A row of the register is changed by hand, and put back: verify must see it."""
        pick = "SELECT call_id FROM ai_call_end WHERE state = 'completed' ORDER BY call_id LIMIT 1"
        with db.cursor() as cursor:
            cursor.execute(pick)
            found = cursor.fetchone()
            if not found:
                return ["no call was completed"]
            cursor.execute("UPDATE ai_call_end SET model = model || '?' WHERE call_id = %s", found)
            db.commit()
            seen = self.verify()
            cursor.execute("UPDATE ai_call_end SET model = substr(model, 1, length(model) - 1) WHERE call_id = %s", found)
            db.commit()
        return [] if seen else ["register verify does not see a changed row"]

    def close(self):
        for process in getattr(self, "processes", []):
            if process.process:
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGTERM)
        for process in getattr(self, "processes", []):
            if process.process:
                try:
                    process.process.wait(40)
                except subprocess.TimeoutExpired:
                    process.signal(signal.SIGKILL)
                    process.process.wait()
        if self.upstream:
            self.upstream.kill()
            self.upstream.wait()
        if hasattr(self, "postgres"):
            self.postgres.stop()
        self.place.close()
        if self.options.keep:
            print(f"  kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def end(*_):
    """By way of close(), which a second signal does not interrupt."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit("cluster: ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    parser.add_argument("--seconds", type=int, default=90, help="of load (90)")
    parser.add_argument("--seed", type=int, default=None, help="of what happens by chance; printed")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--clients", type=int, default=1, help="so many times the usual number of clients (1)")
    parser.add_argument("--pause", type=float, default=0.4, help="longest pause of a client between two asks, in seconds (0.4)")
    parser.add_argument("--proxies", action="store_true", help="TCP proxies in place of network namespaces: needs no root")
    parser.add_argument("--no-faults", action="store_true", help="load alone")
    parser.add_argument("--keep", action="store_true", help="keep logs and database")
    parser.add_argument("--folder", default=None, help="where both are made (the system's folder for what is temporary)")
    parser.add_argument("--report", default=None, help="a JSON file with what was found")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    why = None if options.proxies else namespaces_work()
    if why:
        print(f"cluster: skipped: {why} (--proxies does without)")
        return 0
    if not LECTERN.exists():
        print(f"cluster: {LECTERN} is not built", file=sys.stderr)
        return 2
    print(f"cluster: seed {options.seed}, {options.seconds} s", flush=True)
    signal.signal(signal.SIGTERM, end)
    world = World(options)
    try:
        world.start()
        return 1 if world.run() else 0
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())

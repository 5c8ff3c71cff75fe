#!/usr/bin/env python3
"""
Processes on one PostgreSQL: calls a second with 1, 2 and 3 of them on this machine, what a call costs them and the database, and SQLite beside them in the same run.

    bench/scale_out.py --lectern DIR/src/daemon/lectern [--seconds N] [--rounds N] [--connections N]

The database is a server of its own with fsync on, once in memory (/dev/shm) and once on the disk that the system's folder for what is temporary is on. Processor time is read from /proc, apart for the daemons and the
database's processes. Database time is pg_stat_database.active_time: how long statements ran. Round trips are counted by a proxy between one process and the
database, in a short run of their own: a request that answers were waited for.
"""
import argparse
import json
import os
import pathlib
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from calls import ACTION, PATH, auth, commit_times, upstream_double, wrk
from servers import cpu_seconds, free_port, start

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/cluster"))
from postgres import Postgres  # noqa: E402


class Counter:
    """Passes bytes on and counts how often an answer follows a request."""

    def __init__(self, port):
        self.to, self.trips = port, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.server.accept()
            far = socket.create_connection(("127.0.0.1", self.to))
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.carry, args=(near, far), daemon=True).start()

    def carry(self, near, far):
        asked = False
        while True:
            for sock in select.select([near, far], [], [])[0]:
                data = sock.recv(1 << 20)
                if not data:
                    near.close()
                    far.close()
                    return
                if sock is near:
                    asked = True
                elif asked:
                    self.trips, asked = self.trips + 1, False
                (far if sock is near else near).sendall(data)


class Cluster:
    """n daemons on a database; url None: one on SQLite."""

    def __init__(self, binary, folder, upstream, n, url, via=None):
        self.binary, self.folder, self.url = str(binary), folder, url
        folder.mkdir()
        self.options = ["--master-key-file", str(folder / "master.key")]
        (folder / "master.key").write_text(os.urandom(32).hex() + "\n")
        os.chmod(folder / "master.key", 0o600)
        (folder / "data0").mkdir(mode=0o700)
        self.cli("migrate")
        slug = f"s{folder.name.replace('-', '')}"
        self.cli("site", "add", slug, "--name", "Bench")
        self.cli("provider", "add", "upstream", "--plugin", "openai", "--site", slug, "--config",
                 json.dumps({"endpoint": f"http://127.0.0.1:{upstream.port}/v1", "model": "gpt-4o", "api_key": "bench-key"}))
        self.key = re.search(r"lk_[A-Za-z0-9_-]+", self.cli("--json", "key", "add", "--site", slug, "--role", "service", "--name", "load")).group(0)
        self.processes, self.ports = [], []
        for i in range(n):
            command = [self.binary, "serve", "--data", str(folder / f"data{i}"), "--listen", f"127.0.0.1:{free_port()}", "--log-level", "warn", "--threads", "1", *self.options,
                       *(["--database", via or url] if url else [])]
            process = start(command, stdout=subprocess.PIPE, stderr=open(folder / f"log{i}", "wb"), text=True)
            line = process.stdout.readline()
            if not line:
                sys.exit(f"a daemon did not start: {(folder / f'log{i}').read_text()}")
            self.ports.append(int(line.strip().rsplit(":", 1)[1]))
            self.processes.append(process)

    def cli(self, *args):
        done = subprocess.run([self.binary, *args, "--data", str(self.folder / "data0"), *self.options, *(["--database", self.url] if self.url else [])],
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"lectern {' '.join(args)}: {done.stderr}")
        return done.stdout

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()

    def load(self, seconds, connections):
        """Calls of all daemons together, asked at once; medians of latency are the worst daemon's."""
        results = [None] * len(self.ports)

        def one(i):
            results[i] = wrk(self.ports[i], PATH, ACTION, auth(self.key), seconds, max(1, connections // len(self.ports)), self.folder)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(self.ports))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if None in results:
            sys.exit("not all answers were good")
        return sum(n for n, _ in results), max(latency["50"] for _, latency in results), max(latency["99"] for _, latency in results)


def database_ms(postgres):
    db = postgres.connect()
    db.autocommit = True
    with db.cursor() as cursor:
        cursor.execute("SELECT active_time, xact_commit FROM pg_stat_database WHERE datname = 'lectern'")
        row = cursor.fetchone()
    db.close()
    return row


def database_cpu(postgres, gone):
    """Of the server and all its processes; `gone` keeps what those that have ended had used."""
    now = {}
    for pid in postgres.pids():
        try:
            now[pid] = cpu_seconds([pid])
        except OSError:
            pass
    gone.update(now)
    return sum(gone.values())


def measure(cluster, postgres, args):
    seen = {}
    if postgres:
        cpu, ms = database_cpu(postgres, seen), database_ms(postgres)
    before = cpu_seconds([p.pid for p in cluster.processes])
    n, p50, p99 = cluster.load(args.seconds, args.connections)
    time.sleep(1.5)  # what is still being written belongs to the calls; PostgreSQL tells its figures about once a second
    row = {"per_second": n / args.seconds, "us_daemons": (cpu_seconds([p.pid for p in cluster.processes]) - before) / n * 1e6, "p50_us": p50, "p99_us": p99,
           "us_database": 0, "database_ms": 0, "commits": 0}
    if postgres:
        ms_now = database_ms(postgres)
        row |= {"us_database": (database_cpu(postgres, seen) - cpu) / n * 1e6, "database_ms": (ms_now[0] - ms[0]) / n, "commits": (ms_now[1] - ms[1]) / n}
    return row


def round_trips(binary, folder, upstream, postgres, args):
    """Round trips of a call, alone (one client) and in company."""
    counter = Counter(postgres.port)
    cluster = Cluster(binary, folder / "trips", upstream, 1, postgres.url(), postgres.url(port=counter.port))
    out = {}
    for connections in (1, args.connections):
        cluster.load(1, connections)
        time.sleep(3)  # until what follows a load is over
        idle, begin = counter.trips, time.monotonic()
        time.sleep(3)
        rate = (counter.trips - idle) / (time.monotonic() - begin)  # what is asked without any call
        before, begin = counter.trips, time.monotonic()
        n, _, _ = cluster.load(args.seconds, connections)
        time.sleep(0.5)
        out[connections] = (counter.trips - before - rate * (time.monotonic() - begin)) / n
    cluster.stop()
    return out


def run(args, _):
    """The part of bench.py: prints its table and gives its figures; None where no PostgreSQL server is installed."""
    if not list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        print("\nProcesses on one database: not measured, there is no PostgreSQL server (Debian's package postgresql)")
        return None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lectern-scale-"))  # where the user postgres may look, too
    memory = pathlib.Path(tempfile.mkdtemp(prefix="lectern-scale-", dir="/dev/shm"))
    for place in (folder, memory):
        os.chmod(place, 0o755)
    servers, rows = [], {}
    try:
        upstream = upstream_double(folder)
        targets = {"SQLite, 1 process, in memory": (Cluster(args.lectern, memory / "sqlite", upstream, 1, None), None),
                   "SQLite, 1 process, on disk": (Cluster(args.lectern, folder / "sqlite", upstream, 1, None), None)}
        for name, place in (("in memory", memory), ("on disk", folder)):
            for n in (1, 2, 3):  # a server each, so that each has its own tables
                postgres = Postgres(place / f"pg{n}", "127.0.0.1", free_port())
                servers.append(postgres)
                targets[f"PostgreSQL, {n} process{'es' if n > 1 else ''}, {name}"] = (Cluster(args.lectern, place / f"c{n}", upstream, n, postgres.url()), postgres)
        for cluster, _ in targets.values():
            cluster.load(1, args.connections)
        for _ in range(args.rounds):
            for name, (cluster, postgres) in targets.items():
                rows.setdefault(name, []).append(measure(cluster, postgres, args))
        for cluster, _ in targets.values():
            cluster.stop()
        servers.append(Postgres(memory / "pgtrips", "127.0.0.1", free_port()))  # a master key of its own seals what is in it
        trips = round_trips(args.lectern, memory, upstream, servers[-1], args)
        disk = commit_times(folder)
        upstream.stop()
    finally:
        for postgres in servers:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(memory, ignore_errors=True)
    table = {name: {k: statistics.median(r[k] for r in rounds) for k in rounds[0]} for name, rounds in rows.items()}
    show(table, trips, disk, args)
    return {"rows": table, "round_trips": max(trips.values()), "round_trips_alone": trips[1], "rounds": rows, "fdatasync_us": disk}


def show(table, trips, disk, args):
    print(f"\nProcesses on one database: {args.connections} connections, 1 loop each, {args.rounds} rounds of {args.seconds} s, medians; {os.cpu_count()} cores for clients, "
          f"service, processes and database together; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"{'':34}{'calls/s':>9}{'× 1 process':>12}{'daemons µs':>12}{'database µs':>12}{'together':>10}{'statements ms':>14}{'commits':>9}{'p50 ms':>8}{'p99 ms':>8}")
    for name, r in table.items():
        one = table[re.sub(r"\d process(es)?", "1 process", name)]
        print(f"{name:34}{r['per_second']:9.0f}{r['per_second'] / one['per_second']:12.2f}{r['us_daemons']:12.0f}{r['us_database']:12.0f}{r['us_daemons'] + r['us_database']:10.0f}"
              f"{r['database_ms']:14.2f}{r['commits']:9.2f}{r['p50_us'] / 1000:8.1f}{r['p99_us'] / 1000:8.1f}")
    print("µs: processor time of a call; statements: how long the database ran them; commits: transactions of the database; all of a call")
    print(f"round trips of a call: {trips[1]:.2f} alone, {trips[args.connections]:.2f} with {args.connections} connections")
    print(f"disk: 4 KiB write + fdatasync p50 {disk[0]:.0f} µs, p99 {disk[1]:.0f} µs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--lectern", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=4, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32, help="of all processes together")
    run(parser.parse_args(), None)

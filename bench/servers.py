"""The servers that are measured, and what /proc says of them."""
import atexit
import contextlib
import json
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def start(command, **options):
    """A process that is ended with this program, whatever happens."""
    process = subprocess.Popen(command, **options)
    atexit.register(process.terminate)
    return process


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pids):
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / ticks


def memory_kib(pids):
    return sum(int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) for pid in pids)


def memory_parts_kib(pid):
    """Pss split: stacks of fibers (small anonymous mappings behind a guard page), other anonymous memory, files."""
    parts, kind, guard_end = {"stacks": 0, "heap": 0, "files": 0}, "files", None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line.startswith("Pss:"):
            parts[kind] += int(line.split()[1])
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \S+\s*(.*)", line)
        if not head:
            continue
        begin, end, rights, name = int(head[1], 16), int(head[2], 16), head[3], head[4]
        if name and name != "[heap]":
            kind = "files"
        else:
            kind = "stacks" if begin == guard_end and end - begin <= 512 * 1024 else "heap"
        guard_end = end if rights == "---p" else None
    return parts


class Nginx:
    def __init__(self, folder, name, server):
        self.port = free_port()
        base = folder / name
        base.mkdir()
        (base / "nginx.conf").write_text(f"""
worker_processes 1; worker_rlimit_nofile 20000; daemon off; pid {base}/pid; error_log {base}/error.log;
events {{ worker_connections 16384; }}
http {{ access_log off; client_body_buffer_size 1m; client_body_temp_path {base}/b; proxy_temp_path {base}/p;
  fastcgi_temp_path {base}/f; uwsgi_temp_path {base}/u; scgi_temp_path {base}/s; keepalive_requests 1000000; {server.format(port=self.port)} }}
""")
        self.process = start(["nginx", "-c", str(base / "nginx.conf"), "-p", str(base)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.port)
        self.pids = children(self.process.pid)

    def stop(self):
        self.process.terminate()  # the master ends its worker; kill would leave it
        self.process.wait()


class Lectern:
    def __init__(self, binary, folder, upstream_url, extra=(), env=None, under=()):
        """under: the words of a command that runs the daemon."""
        self.binary, self.data, self.upstream_url = str(binary), str(folder), upstream_url
        self.cli("migrate")
        self.key = self.add_site("bench")
        self.metrics_key = self.add_key("bench", "metrics")
        self.prepare()
        self.process = start([*under, self.binary, "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--log-level", "warn", *extra],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ, **(env or {})))
        self.port = int(self.process.stdout.readline().strip().rsplit(":", 1)[1].strip("/"))
        self.pids = [self.process.pid]

    def prepare(self):
        """What is set up before the daemon starts, beside the site."""

    def add_key(self, site, role):
        return re.search(r"lk_[A-Za-z0-9_-]+", self.cli("--json", "key", "add", "--site", site, "--role", role, "--name", role)).group(0)

    def add_site(self, slug):
        self.cli("site", "add", slug, "--name", slug.title())
        self.cli("provider", "add", "upstream", "--plugin", "openai", "--site", slug, "--config",
                 json.dumps({"endpoint": self.upstream_url, "model": "gpt-4o", "api_key": "bench-key"}))
        return self.add_key(slug, "service")

    def try_cli(self, *args):
        return subprocess.run([self.binary, *args, "--data", self.data], capture_output=True, text=True)

    def cli(self, *args):
        done = self.try_cli(*args)
        if done.returncode:
            sys.exit(f"lectern {' '.join(args)}: {done.stderr}")
        return done.stdout

    def registered(self):
        """Calls that the register has begun and ended."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/lectern.db?mode=ro", uri=True, timeout=30)) as db:
            return db.execute("SELECT count(*) FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id").fetchone()[0]

    def metrics(self):
        """Every figure without labels of /metrics."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics", headers={"Authorization": f"Bearer {self.metrics_key}"})
        text = urllib.request.urlopen(request, timeout=10).read().decode()
        return {name: float(value) for name, value in re.findall(r"^(lectern_\w+) (\d+)$", text, re.M)}

    def stop(self):
        self.process.terminate()
        self.process.wait()


def writer_figures(before, after, seconds):
    """What the register's writer did between two readings of /metrics."""
    units = after["lectern_store_units_total"] - before["lectern_store_units_total"]
    commits = after["lectern_store_commits_total"] - before["lectern_store_commits_total"]
    return {"units": units, "commits": commits, "units_per_commit": units / commits if commits else 0, "commits_per_second": commits / seconds,
            "largest_batch": after["lectern_store_largest_batch"]}


def writer_text(w):
    return (f"{w['units']:.0f} units in {w['commits']:.0f} commits: {w['units_per_commit']:.1f} a commit, {w['commits_per_second']:.0f} commits/s, "
            f"largest batch {w['largest_batch']:.0f}")

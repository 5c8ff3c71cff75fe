"""A PostgreSQL server of the test's own, to stop, pause and restart."""
import os
import pathlib
import pwd
import signal
import subprocess
import time

import psycopg2


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise SystemExit("cluster: no PostgreSQL server is installed (Debian's package postgresql)")
    return found[-1]


class Postgres:
    """In `folder`, which is made; as the user postgres when we are root, which initdb refuses."""

    def __init__(self, folder, host, port, durable=True):
        self.folder, self.host, self.port, self.bin = pathlib.Path(folder), host, port, programs()
        self.folder.mkdir(parents=True)
        self.user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self.run("initdb", "-D", self.folder / "data", "-U", "lectern", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale", "C")
        with open(self.folder / "data" / "pg_hba.conf", "a", encoding="ascii") as file:
            file.write("host all lectern 0.0.0.0/0 trust\n")
        with open(self.folder / "data" / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"listen_addresses = '{host},127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 200\nfsync = {'on' if durable else 'off'}\n"
                       "log_min_messages = warning\nlog_line_prefix = '%m [%p] '\ntcp_keepalives_idle = 5\ntcp_keepalives_interval = 2\ntcp_keepalives_count = 3\n"
                       "tcp_user_timeout = 15000\nshared_buffers = 128MB\n")
        self.start()
        db = self.connect("postgres")
        db.autocommit = True
        db.cursor().execute("CREATE DATABASE lectern")
        db.close()

    def run(self, program, *words, check=True):
        done = subprocess.run([str(self.bin / program), *map(str, words)], capture_output=True, text=True, cwd="/", timeout=120, **self.user)
        if check and done.returncode:
            raise OSError(f"{program}: {done.stdout}{done.stderr}")
        return done

    def url(self, host=None, port=None):
        return f"postgresql://lectern@{host or '127.0.0.1'}:{port or self.port}/lectern"

    def connect(self, name="lectern"):
        end = time.monotonic() + 60
        while True:
            try:
                return psycopg2.connect(host="127.0.0.1", port=self.port, user="lectern", dbname=name, connect_timeout=10)
            except psycopg2.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def pids(self):
        main = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        return [main, *map(int, pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split())]

    def start(self):
        subprocess.run([str(self.bin / "pg_ctl"), "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", "-t", "120", "start"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self.user)

    def restart(self, mode):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-t", "120", "-m", mode, "stop")
        self.start()

    def pause(self, seconds):
        pids = self.pids()
        self.signal(pids, signal.SIGSTOP)
        time.sleep(seconds)
        self.signal(pids, signal.SIGCONT)

    @staticmethod
    def signal(pids, what):
        for pid in pids:
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                pass

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop", check=False)

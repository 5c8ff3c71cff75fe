"""
A PostgreSQL server of one's own: made in a new directory, on a free port, run by a user without rights; gone at the end.

    with Server() as server:
        server.url("name")      # of a database, made when it is missing

As a program it prints the server's URL and runs until its standard input ends.
"""
import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

USERS = ("postgres", "nobody")  # the first that there is runs the server, when we are root: PostgreSQL refuses to be


def programs():
    """The directory of initdb, or None."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    path = os.environ.get("LECTERN_POSTGRES_BIN") or (found and str(pathlib.Path(found[-1]).parent)) or os.path.dirname(shutil.which("initdb") or "")
    return pathlib.Path(path) if path and (pathlib.Path(path) / "initdb").exists() else None


def missing():
    """Why no server can be run here, or None."""
    return None if programs() else "the programs of a PostgreSQL server are not installed (initdb, pg_ctl)"


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def runner():
    """The user that runs servers: None is ourselves."""
    if os.geteuid() != 0:
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError(f"a PostgreSQL server cannot be run as root, and none of the users {USERS} is there")


def as_runner():
    """Options of subprocess for its programs."""
    user = runner()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Server:
    """`settings` go into postgresql.conf. The superuser is "lectern" and needs no password, unless hba (lines of pg_hba.conf) says otherwise."""

    def __init__(self, hba=None, encoding="UTF8", **settings):
        self.bin, self.port = programs(), free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lectern-postgres-"))
        self.data = self.folder / "data"
        user = runner()
        if user:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "lectern", "-A", "trust", "-E", encoding, "--locale", "C.UTF-8" if encoding == "UTF8" else "C", "--no-sync")
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": str(self.folder), "fsync": "off",
                    "shared_buffers": "32MB", "max_connections": 60, "logging_collector": "off", **settings}
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        if hba:
            (self.data / "pg_hba.conf").write_text(hba + "\n")
        self.start()

    def run(self, program, *args, check=True):
        done = subprocess.run([self.bin / program, *map(str, args)], capture_output=True, text=True, timeout=120, cwd=self.folder, **as_runner())
        if check and done.returncode:
            raise RuntimeError(f"{program}: {done.stdout} {done.stderr} {self.log()}")
        return done

    def start(self):
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "60", "start")

    def stop(self, mode="fast", check=True):
        """fast: clients are cut off, what is open is rolled back; immediate: as when power fails."""
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-m", mode, "stop", check=check)

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def whole_log(self):
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def log(self):
        """Its end, for messages."""
        return self.whole_log()[-4000:]

    def pids(self):
        """The postmaster and its processes."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    @contextlib.contextmanager
    def paused(self):
        """Nothing of it runs, and nobody is told."""
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def connect(self, name="postgres"):
        """psycopg2, each statement by itself."""
        import psycopg2

        connection = psycopg2.connect(f"postgresql://lectern@127.0.0.1:{self.port}/{name}", connect_timeout=10)
        connection.autocommit = True
        return contextlib.closing(connection)

    def sql(self, statement, values=(), database="postgres"):
        """The rows of one statement."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def create(self, name):
        if not self.sql("SELECT 1 FROM pg_database WHERE datname = %s", [name]):
            self.sql(f'CREATE DATABASE "{name}" TEMPLATE template0')

    def url(self, name=None, user="lectern", password=None, port=None, query=""):
        """Of the server, or of a database of it."""
        if name and user == "lectern":
            self.create(name)
        secret = ":" + urllib.parse.quote(password, safe="") if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{port or self.port}" + (f"/{name}" if name else "") + query

    def end(self):
        self.stop("immediate", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Bouncer:
    """A PgBouncer in transaction mode before a server; its URL has one of its databases."""

    def __init__(self, server, connections=3, mode="transaction"):
        self.server, self.port = server, free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lectern-pgbouncer-"))
        (self.folder / "users").write_text('"lectern" ""\n')
        (self.folder / "ini").write_text(f"""[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {self.folder}/users
pool_mode = {mode}
default_pool_size = {connections}
max_client_conn = 200
""")
        user = runner()
        if user:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([self.program(), self.folder / "ini"], stdout=log, stderr=log, **as_runner())
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"pgbouncer did not start: {(self.folder / 'log').read_text()}")

    @staticmethod
    def program():
        return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")

    def url(self, name, query=""):
        return self.server.url(name, port=self.port, query=query)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    if missing():
        sys.exit(missing())
    with Server(max_connections=200) as own:
        print(own.url(), flush=True)
        sys.stdin.read()

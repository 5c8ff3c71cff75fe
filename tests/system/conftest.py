"""What the system tests share: a real daemon on a free port, a small HTTP client, the double of an AI service."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socketserver
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEMO_COURSE = "course-v1:Lectern+Demo+2026"
BUILD = pathlib.Path(os.environ.get("LECTERN_BUILD", ROOT / "build/release")).resolve()
LECTERN = BUILD / "src" / "daemon" / "lectern"
sys.path.insert(0, str(HERE))
sys.path.insert(1, str(ROOT / "tests/support"))

import database  # noqa: E402

if database.SERVER:
    os.environ["LECTERN_TEST_BINARY"] = str(LECTERN.resolve())
    database.MADE = os.environ["LECTERN_TEST_DATABASES"] = tempfile.mktemp(prefix="lectern-databases-")
    LECTERN = ROOT / "tests" / "support" / "lectern-on-postgres"


def sqlite_only(reason):
    """Marks a test that is about SQLite's own file."""
    return pytest.mark.skipif(bool(database.SERVER), reason=f"SQLite only: {reason}")


def tell_surprises(server, request, client_address, tell=socketserver.BaseServer.handle_error):
    """A client that goes in mid-answer is no news to a double (daemons are killed here all the time); everything else is."""
    if not isinstance(sys.exc_info()[1], ConnectionError):
        tell(server, request, client_address)


socketserver.BaseServer.handle_error = tell_surprises

# Files whose tests take minutes: begun first, so that no process is left alone with one at the end.
LONG = ["test_plugins.py", "test_embedding.py", "test_api_fuzz.py", "test_cli.py"]


def pytest_collection_modifyitems(items):
    """A test is named alike in every process that collects it, or the processes that share the tests out refuse to begin: no name may hold the time."""
    timed = [item.nodeid for item in items if any(abs(int(n) - time.time()) < 400 * 86400 for n in re.findall(r"\d{10}", item.nodeid))]
    if timed:
        raise pytest.UsageError(f"the names of these tests change with the clock: {', '.join(timed)}")
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Nothing of a test outlives it, nothing of a file outlives that: daemons that a failure left behind, databases."""
    folder = item.funcargs.get("tmp_path")
    yield
    if nextitem is None or nextitem.path != item.path:
        Daemon.kill_all()
        database.drop()
    elif folder:
        database.drop(folder)


def pytest_sessionfinish():
    Daemon.kill_all()
    database.drop()
    if database.MADE:
        pathlib.Path(database.MADE).unlink(missing_ok=True)


def run_lectern(*args, stdin=None, check=True, timeout=60):
    """One command to its end; its standard output, or the whole result when check is false."""
    done = subprocess.run([LECTERN, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=timeout)
    if not check:
        return done
    assert done.returncode == 0, f"lectern {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr}"
    return done.stdout


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Event:
    def __init__(self, kind, number, data):
        self.kind, self.id, self.data = kind, number, data

    def __repr__(self):
        return f"<{self.id} {self.kind} {self.data!r}>"


def read_events(stream):
    """The events of a text/event-stream, one by one, as they come."""
    kind, number, data = "message", None, []
    for raw in stream:
        line = raw.decode().rstrip("\n").rstrip("\r")
        if line == "":
            if data:
                yield Event(kind, number, json.loads("\n".join(data)))
            kind, data = "message", []
        elif line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].strip())
        elif line.startswith("id:"):
            number = int(line[3:])


class Daemon:
    """lectern serve on a free port. `keys` is what demo.json holds, empty without the demo."""

    started = []  # of the file that runs

    @classmethod
    def kill_all(cls):
        for daemon in cls.started:
            if daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()
        cls.started.clear()

    def __init__(self, data, *options, demo=True, env=None):
        self.data = pathlib.Path(data)
        self.errors = open(self.data.parent / (self.data.name + ".log"), "ab")
        command = [LECTERN, "serve", "--listen", "127.0.0.1:0", "--data", self.data, *(["--demo"] if demo else []), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, env={**os.environ, **(env or {})})
        self.started.append(self)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.wait(60)
            raise AssertionError(f"the daemon did not start: {line!r} {self.log()}")
        self.base_url = line.split()[-1]
        self.port = int(self.base_url.rsplit(":", 1)[1])
        self.keys = json.loads((self.data / "demo.json").read_text()) if demo else {}

    @property
    def admin_key(self):
        return self.keys["admin_key"]

    @property
    def service_key(self):
        return self.keys["service_key"]

    @property
    def learner(self):
        return self.keys["learner_token"]

    @property
    def teacher(self):
        return self.keys["teacher_token"]

    def log(self):
        return pathlib.Path(self.errors.name).read_text()

    def cli(self, *args, **options):
        return run_lectern(*args, "--data", self.data, **options)

    def open(self, method, path, key=None, body=None, headers=None, timeout=60):
        """Sends a request; the connection and the answer, whose body is still to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = dict(headers or {})
        if key:
            headers.setdefault("Authorization", f"Bearer {key}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers=headers)
        return connection, connection.getresponse()

    def request(self, method, path, key=None, body=None, headers=None, timeout=60):
        connection, response = self.open(method, path, key, body, headers, timeout)
        try:
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def stream(self, method, path, key=None, body=None, headers=None, timeout=60):
        """All events of a streamed answer."""
        connection, response = self.open(method, path, key, body, headers, timeout)
        try:
            assert response.status == 200, response.read()
            assert response.headers["Content-Type"].startswith("text/event-stream")
            return list(read_events(response))
        finally:
            connection.close()

    def accept_policy(self, key):
        version = self.request("GET", "/v1/policy", key).json["version"]
        answer = self.request("PUT", "/v1/policy", key, {"accepted": True, "version": version})
        assert answer.status == 200, answer

    def wait_for_config(self):
        """Returns when the daemon has read what the command line, or a test in the database, changed."""
        with contextlib.closing(database.connect(f"file:{self.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as db:
            newest = db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0]
        wait_until(lambda: self.figure("lectern_config_generation") >= newest, what="the new configuration")

    def wait_for_demo_course(self, part="state"):
        """Returns when the demo course can be searched (part "vectors": by its vectors), which is made ready behind the start."""
        index = f"/v1/courses/{quote(DEMO_COURSE, safe='')}/index"
        wait_until(lambda: self.request("GET", index, self.admin_key).json.get(part) == "ready", what=f"{part} of the demo course's index")

    def figure(self, name):
        """One of the metrics without labels."""
        text = self.request("GET", "/metrics", self.admin_key).body.decode()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))

    def ending(self):
        """It has noticed that it is to end: says so, or takes no connection any more."""
        try:
            return self.request("GET", "/readyz").status == 503
        except OSError:
            return True

    def stop(self, how=signal.SIGTERM, timeout=60):
        """Ends the daemon; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.errors.close()
        return code


def wait_until(condition, timeout=60, what="the condition"):
    """Asks until it is true; its value."""
    end = time.time() + timeout
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not become true in {timeout} s")


def contents(folder):
    """(path, bytes) of each file below a folder in which a daemon may be at work: one that is renamed meanwhile is read by its other name."""
    found, names = {}, None
    while names != (names := sorted(path for path in folder.rglob("*") if path.is_file())):
        for path in names:
            with contextlib.suppress(FileNotFoundError):
                found[path] = path.read_bytes()
    if database.SERVER:  # what lies in lectern.db otherwise
        found |= {f / "lectern.db": database.stored(f) for f in {path.parent for path in names} if database.there(f)}
    return sorted(found.items())


def best_of(measure, limit, attempts=5):
    """Asserts that what takes less than `limit` seconds does so at least once: a busy machine may hold up one attempt, or two."""
    took = []
    while not took or (took[-1] >= limit and len(took) < attempts):
        took.append(measure())
    assert min(took) < limit, f"{took} s, not below {limit} s"


def check_end(daemon):
    """A daemon that a test leaves running must end well when asked, and no sanitizer may have complained."""
    if daemon.process.poll() is not None:
        return
    code = daemon.stop()
    log = pathlib.Path(daemon.errors.name).read_text()
    assert code == 0, f"exit {code}: {log[-4000:]}"
    assert "Sanitizer" not in log and "runtime error" not in log, log[-4000:]


@pytest.fixture()
def daemon(tmp_path):
    """A demo daemon of the test's own."""
    d = Daemon(tmp_path / "data")
    yield d
    check_end(d)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A demo daemon for all tests of a file that leave it as they found it."""
    d = Daemon(tmp_path_factory.mktemp("shared") / "data")
    d.accept_policy(d.learner)
    d.accept_policy(d.teacher)
    yield d
    check_end(d)


@pytest.fixture()
def upstream():
    """The double of an OpenAI-compatible service."""
    from double.upstream import Upstream

    with Upstream() as double:
        yield double


@pytest.fixture(scope="module")
def service():
    """The same for all tests of a file."""
    from double.upstream import Upstream

    with Upstream() as double:
        yield double


@pytest.fixture()
def as_before(service):
    """Makes `service` answer each test as it did the first. For a file: pytestmark = pytest.mark.usefixtures("as_before")."""
    service.choose = None
    service.memory.clear()
    service.clear()


def add_vendor(daemon, upstream, name="vendor", first=True, **config):
    """Configures the double as a provider instance of the demo site, by the API; its id."""
    answer = daemon.request("POST", "/v1/providers", daemon.admin_key, {
        "name": name, "plugin": "openai", "config": {"endpoint": upstream.url, "model": "m", "api_key": "test-key-123", "retries": 0, "breaker_faults": 0, **config}})
    assert answer.status == 201, answer
    if first:
        ordered = daemon.request("PUT", "/v1/providers/order", daemon.admin_key, {"ids": [answer.json["id"]]})
        assert ordered.status == 200, ordered
    if "embedding_model" in config:
        # The course of the demo site is sent for its vectors, whenever the daemon comes to it: not between a test's own requests.
        daemon.wait_for_demo_course("vectors")
        upstream.records.clear()
    return answer.json["id"]

"""The guide for Moodle (integrations/moodle/README.md): its commands exist and do what it says, in its order; so do its requests and its proxy."""
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import LECTERN, ROOT, Daemon, check_end, contents, wait_until
from double.upstream import Upstream

GUIDE = (ROOT / "integrations/moodle/README.md").read_text()
HOST = "https://lectern.example.org"


def blocks(kind=""):
    """The contents of its fenced blocks of a kind, "" for commands."""
    return [body for found, body in re.findall(r"^```([\w-]*)\n(.*?)^```$", GUIDE, re.M | re.S) if found == kind]


LINES = [line for line in "".join(blocks()).splitlines() if line]
CALLS = [line for line in LINES if line.startswith("curl ")]


def test_every_line_of_its_commands_is_one_that_is_run_here():
    assert [line for line in LINES if not line.startswith(("lectern ", "curl "))] == []
    assert {"site", "provider", "key", "profile", "policy", "register"} <= {shlex.split(line)[1] for line in LINES if line.startswith("lectern ")}
    assert len(CALLS) >= 4


@pytest.fixture(scope="module")
def model():
    with Upstream() as double:
        yield double


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    (folder / "openai.key").write_text("sk-not-a-key")
    (folder / "policy.txt").write_text("Answers are made by software.")
    return folder


def lectern(place, words):
    env = {**os.environ, "LECTERN_DATA": str(place / "var")}
    done = subprocess.run([LECTERN, *words], cwd=place, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"lectern {shlex.join(words)}: exit {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def done(place):
    """Every lectern command of the guide has run, one after the other."""
    for line in LINES:
        if line.startswith("lectern "):
            command, _, output = line.partition(" > ")
            printed = lectern(place, shlex.split(command)[1:])
            if output:
                (place / output.strip()).write_text(printed)
    return place


@pytest.fixture(scope="module")
def daemon(done, model):
    """A daemon over what the commands made, whose service is the double."""
    lectern(done, ["provider", "set", "openai", f"config.endpoint={model.url}"])
    d = Daemon(done / "var", demo=False)
    d.key = re.search(r"lk_[\w-]+", (done / "moodle.key").read_text())[0]
    yield d
    check_end(d)


def test_its_commands_leave_the_site_that_it_describes(done):
    site = json.loads(lectern(done, ["site", "show", "campus", "--json"]))
    assert (site["call_timeout_ms"], site["max_running_calls"], site["door_policy"]) == (55000, 50, "lms")
    assert [p["name"] for p in json.loads(lectern(done, ["provider", "list", "--json"]))] == ["openai", "fallback"]
    (key,) = json.loads(lectern(done, ["key", "list", "--json"]))
    assert (key["name"], key["role"]) == ("Moodle", "service")
    assert json.loads(lectern(done, ["profile", "validate", "tutor", "--json"]))["valid"] is True


@pytest.mark.parametrize("line", CALLS, ids=lambda line: shlex.split(line)[2][len(HOST):].replace("$KEY", "KEY"))
def test_its_requests_are_answered(daemon, line):
    words = [w.replace("$KEY", daemon.key).replace(HOST, daemon.base_url) for w in shlex.split(line)]
    path = words[2][len(daemon.base_url):]
    if path not in daemon.request("GET", "/v1/openapi.json").json["paths"] and path.startswith("/openai/"):
        pytest.skip("this build has no OpenAI door")
    answer = subprocess.run(words, capture_output=True, text=True, timeout=60)
    body = json.loads(answer.stdout)
    assert answer.returncode == 0 and "error" not in body, body
    assert body.get("models") or body.get("response") or body["choices"][0]["message"]["content"]


def test_its_models_are_there(daemon):
    names = {m["name"] for m in daemon.request("GET", "/ollama/api/tags", daemon.key).json["models"]}
    told = set(re.findall(r"^\| [^|]+ \| `(action:\w+)`", GUIDE, re.M)) | {"profile:tutor"}
    assert len(told) == 4 and told <= names


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def test_its_proxy_writes_no_key_into_its_logs(daemon, tmp_path):
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not nginx:
        pytest.skip("nginx is not installed")
    (rules,), (location,) = blocks("nginx"), blocks("nginx-location")
    location = location.replace("127.0.0.1:8080", f"127.0.0.1:{daemon.port}").replace("/var/log/nginx", str(tmp_path))
    for _ in range(5):  # a port that was free may be taken by somebody else before nginx listens
        port = free_port()
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\nhttp {{\n{rules}\n"
            f"access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; fastcgi_temp_path {tmp_path}/f;\n"
            f"uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\nserver {{ listen 127.0.0.1:{port};\n{location} }} }}\n")
        proxy = subprocess.Popen([nginx, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"])
        wait_until(lambda: proxy.poll() is not None or socket.socket().connect_ex(("127.0.0.1", port)) == 0, what="nginx")
        if proxy.poll() is None:
            break
    try:
        assert proxy.poll() is None, "nginx does not start"
        for path in (f"/ollama/{daemon.key}/api/tags", f"/ollama/{daemon.key}/api/tags?x=1", "/ollama/api/version", f"/ollama/{daemon.key}"):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60).read()
            except urllib.error.HTTPError as answer:
                assert answer.code == 401 and path == "/ollama/api/version"
        log = wait_until(lambda: (lambda t: t if t.count("\n") >= 4 else None)((tmp_path / "lectern.log").read_text()), what="its log")
        assert '"GET /ollama/-/api/tags" 200' in log and '"GET /ollama/api/version" 401' in log and daemon.key not in log
    finally:
        proxy.terminate()
        proxy.wait(60)
    for file, content in contents(tmp_path):
        assert file.name == "nginx.conf" or daemon.key.encode() not in content, file

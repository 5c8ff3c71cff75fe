"""The official clients of the Model Context Protocol against /mcp: that of npm (revisions with `initialize`) and that of PyPI (those and the
stateless one). mcp_client/client.mjs and client.py hold the cases. The wire itself: test_mcp_server.py."""
import json
import pathlib
import re
import subprocess

import pytest

from conftest import Daemon, add_vendor, check_end, wait_until
from double.upstream import Upstream
from openai_packages import install_npm, install_python
from tokens import claims, token

FOLDER = pathlib.Path(__file__).resolve().parent / "mcp_client"
NPM_CASES = re.findall(r"^  async '(.+)'\(\)", (FOLDER / "client.mjs").read_text(), re.M)
MODES, PYTHON = ["legacy", "2026-07-28", "auto"], ["connects", "lists_and_calls", "progress", "cancels", "errors", "strangers"]
PYTHON_CASES = [f"{mode}: {case}" for mode in MODES for case in PYTHON]
PACKAGE = "mcp==2.3.0"
COURSE = "course-v1:Lectern+Demo+2026"
SECRET = "a shared secret of the test"


WAYS = {"slow": "slow", "endless": "endless?delay_ms=20", "chunks": "chunks?n=40&delay_ms=50"}


def scenario(request):
    """A prompt that begins with the word is answered so."""
    return next((way for word, way in WAYS.items() if f'"{word}' in json.dumps(request.body)), "ok")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Upstream() as double:
        daemon = Daemon(tmp_path_factory.mktemp("mcp") / "data")
        daemon.double = double
        double.choose = scenario
        add_vendor(daemon, double)
        daemon.cli("issuer", "set", "https://lms.example/oauth2", "mcp", "--site", "demo", "--secret-file", "-", stdin=SECRET)
        daemon.cli("site", "add", "other")
        daemon.other = json.loads(daemon.cli("--json", "key", "add", "--site", "other", "--role", "site_admin"))["key"]
        daemon.wait_for_config()
        daemon.wait_for_demo_course()
        yield daemon
        check_end(daemon)


def calls_cancelled(site):
    return [c for c in site.request("GET", "/v1/register?limit=200", site.admin_key).json["calls"] if c["state"] == "cancelled"]


@pytest.fixture(scope="module")
def npm(site):
    install_npm(FOLDER)
    student = token(SECRET, "HS256", claims(aud="mcp", sub="mcp-student", roles=["student"]))
    keys = {"admin": site.admin_key, "student": student, "other": site.other, "course": COURSE}
    before = len(calls_cancelled(site))
    done = subprocess.run(["node", "client.mjs", site.base_url + "/mcp", json.dumps(keys)], cwd=FOLDER, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    wait_until(lambda: len(calls_cancelled(site)) == before + 1, what="the call that was cancelled")
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NPM_CASES)
def test_the_official_client(npm, name):
    assert npm[name] == ""


def test_every_case_ran(npm):
    assert list(npm) == NPM_CASES and len(NPM_CASES) == 11


@pytest.fixture(scope="module")
def python(site, tmp_path_factory):
    interpreter = install_python(tmp_path_factory.mktemp("python"), PACKAGE)
    before = len(calls_cancelled(site))
    done = subprocess.run([interpreter, FOLDER / "client.py", site.base_url + "/mcp", site.admin_key], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    wait_until(lambda: len(calls_cancelled(site)) == before + len(MODES), what="the calls that were cancelled")
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PYTHON_CASES)
def test_the_official_python_client(python, name):
    assert python[name] == ""

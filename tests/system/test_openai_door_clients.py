"""OpenAI's own clients, of npm and of PyPI, through the door /openai/v1/ against the double. What is asked stands in openai_door/."""
import json
import pathlib
import re
import subprocess

import pytest

from conftest import Daemon, add_vendor, check_end
from double.upstream import Upstream
from openai_packages import install_npm, install_python
from pictures import add_painter, b64, png

FOLDER = pathlib.Path(__file__).resolve().parent / "openai_door"
CASES = {file.name: re.findall(r"^  async '(.+)'\(\)", file.read_text(), re.M) for file in sorted(FOLDER.glob("*.cases.mjs"))}
PYTHON_CASES = re.findall(r"^def (case_\w+)\(", (FOLDER / "cases.py").read_text(), re.M)
CALLS_LEAST = 40


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A demo site whose first service is the double, and the keys that the clients may use."""
    with Upstream() as double:
        daemon = Daemon(tmp_path_factory.mktemp("door") / "data")
        daemon.accept_policy(daemon.learner)
        add_vendor(daemon, double, embedding_model="e")
        add_painter(daemon, {"base64": b64(png(30, 20)), "revised_prompt": "A white cloud"}, {"base64": b64(png(30, 20)), "revised_prompt": ""})
        daemon.double = double
        yield daemon
        check_end(daemon)


def ask(site, command, folder=FOLDER):
    keys = {"service": site.service_key, "admin": site.admin_key, "learner": site.learner}
    done = subprocess.run([*command, f"{site.base_url}/openai/v1", site.double.root], cwd=folder, input=json.dumps(keys), capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def npm(site):
    install_npm()
    return ask(site, ["node", "run.mjs"])


@pytest.mark.parametrize("file, name", [(file, name) for file, names in CASES.items() for name in names])
def test_the_client_of_npm(npm, file, name):
    assert npm["results"][file][name] == ""


def test_every_case_ran(npm):
    assert {file: list(results) for file, results in npm["results"].items()} == CASES
    assert npm["calls"] >= CALLS_LEAST


@pytest.fixture(scope="module")
def pypi(site, tmp_path_factory):
    return ask(site, [install_python(tmp_path_factory.mktemp("venv") / "venv"), "-B", "cases.py"])


@pytest.mark.parametrize("name", PYTHON_CASES)
def test_the_client_of_pypi(pypi, name):
    assert pypi["results"][name] == ""


def test_the_client_of_pypi_made_calls(pypi):
    assert list(pypi["results"]) == PYTHON_CASES and pypi["calls"] >= CALLS_LEAST

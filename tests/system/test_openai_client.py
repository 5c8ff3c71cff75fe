"""The official OpenAI client reads the double without error, so that the double is right about the format. See openai_client/client.mjs."""
import filecmp
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from double.upstream import Upstream

FOLDER = pathlib.Path(__file__).resolve().parent / "openai_client"
CASES = re.findall(r"^  async '(.+)'\(\)", (FOLDER / "client.mjs").read_text(), re.M)
KEY = "key-of-the-double-7F3A"


def install():
    """The packages of the lock file; a skip where npm or its registry is out of reach, a failure where they cannot be installed."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("npm is not installed")
    stamp = FOLDER / "node_modules" / ".lectern-lock"
    if stamp.exists() and filecmp.cmp(stamp, FOLDER / "package-lock.json", shallow=False):
        return
    done = subprocess.run([npm, "ci", "--loglevel=error"], cwd=FOLDER, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        if subprocess.run([npm, "ping", "--loglevel=silent"], cwd=FOLDER, capture_output=True, timeout=60).returncode != 0:
            pytest.skip("the npm registry cannot be reached")
        pytest.fail(f"the client cannot be installed: {done.stderr[-2000:]}")
    shutil.copy(FOLDER / "package-lock.json", stamp)


@pytest.fixture(scope="module")
def results():
    install()
    with Upstream() as double:
        double.api_key = KEY
        done = subprocess.run(["node", "client.mjs", double.url, KEY], cwd=FOLDER, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_the_official_client_reads(results, name):
    assert results[name] == ""


def test_every_case_ran(results):
    assert list(results) == CASES and len(CASES) >= 20

"""The official OpenAI client reads the double without error, so that the double is right about the format. See openai_client/client.mjs."""
import json
import re
import subprocess

import pytest

from double.upstream import Upstream
from openai_packages import NPM_FOLDER as FOLDER, install_npm

CASES = re.findall(r"^  async '(.+)'\(\)", (FOLDER / "client.mjs").read_text(), re.M)
KEY = "key-of-the-double-7F3A"


@pytest.fixture(scope="module")
def results():
    install_npm()
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

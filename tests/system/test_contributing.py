"""The change that CONTRIBUTING.md walks through: its files are taken out of the page, built and asked."""
import re
import subprocess

import pytest
from conftest import ROOT, Daemon, check_end, run_lectern

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
WALK = PAGE.split("## One change, walked through", 1)[1]


def block(kind):
    [text] = re.findall(rf"^```{kind}\n(.*?)^```$", WALK, re.M | re.S)
    return text


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loud")
    (folder / "loud.json").write_text(block("json"))
    (folder / "loud.c").write_text(block("c"))
    subprocess.run(["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-shared", "-fPIC", "-I", ROOT / "include",
                    "-o", folder / "loud.so", folder / "loud.c"], check=True)
    return folder


def test_the_provider_of_the_page_has_no_more_lines_than_it_says():
    assert len([line for line in block("c").splitlines() if line.strip()]) <= 80


def test_the_provider_of_the_page_is_a_plugin(loud):
    run_lectern("plugin", "check", loud / "loud.so")


def test_the_provider_of_the_page_answers_in_pieces_and_its_use_is_counted(loud, tmp_path):
    said = "how do you do, größte Stadt? " * 8
    daemon = Daemon(tmp_path / "data", "--plugin-dirs", loud)
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    answer = daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "shouting", "plugin": "loud", "config": {"mark": "!"}})
    assert answer.status == 201, answer
    body = {"input": {"prompt": said}, "provider": "shouting"}
    events = daemon.stream("POST", "/v1/actions/generate_text", daemon.admin_key, {**body, "stream": True})
    pieces = [e.data["text"] for e in events if e.kind == "delta"]
    wanted = re.sub("[a-z]", lambda m: m[0].upper(), said.strip()) + "!"
    assert events[-1].kind == "done" and len(pieces) > 1
    assert re.sub(r"\s+!$", "!", "".join(pieces)) == wanted
    usage = events[-1].data["usage"]
    assert usage["prompt_tokens"] == usage["completion_tokens"] > len(said) - 5, usage
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "none", "plugin": "loud", "config": {"mark": "much"}}).status in (400, 422)
    check_end(daemon)

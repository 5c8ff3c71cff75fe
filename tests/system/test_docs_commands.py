"""Every block ```sh of the documentation does what its page says, or says why it is not run."""
import importlib.machinery
import importlib.util
import re
import subprocess

import pytest
from conftest import LECTERN, ROOT, sqlite_only

loader = importlib.machinery.SourceFileLoader("docs_commands", str(ROOT / "script/docs-commands"))
docs = importlib.util.module_from_spec(importlib.util.spec_from_loader("docs_commands", loader))
loader.exec_module(docs)

PAGES = [page for page in docs.PAGES if docs.blocks(page)]


def test_no_block_is_overlooked():
    assert set(docs.PAGES) >= set((ROOT / "docs").rglob("*.md"))
    for page in docs.PAGES:
        text = page.read_text()
        assert len(re.findall(r"^ *```+ *sh\b", text, re.M)) == len(docs.blocks(page)), page
        assert re.findall(r"^ *```+ *(?:bash|shell|console|zsh)\b", text, re.M) == [], f"{page}: commands are marked sh"


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda page: page.name)
def test_commands_stand_in_blocks_that_are_run_or_say_why_not(page):
    assert docs.not_sh(page) == []


@pytest.mark.parametrize("text", ["```\nlectern site list\n```\n", "```text\nPGPASSWORD=x psql -l\n```\n", "So:\n\n    # first\n    sudo apt install x\n", "- so:\n\n        lectern serve\n"])
def test_a_command_in_another_block_is_found(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(f"```sh\ntrue\n```\n\n{text}")
    assert len(docs.not_sh(page)) == 1


def test_who_is_not_run_says_why():
    reasons = [why for page in PAGES for _, why in docs.blocks(page) if why is not None]
    assert all(len(why) > 10 for why in reasons)
    marks = sum(page.read_text().count("<!-- not run:") for page in PAGES)
    assert marks == len(reasons), "a mark that stands before no block"


@sqlite_only("the pages begin with the data directory of a newcomer")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(page):
    assert docs.run(page, LECTERN) is None


@sqlite_only("the pages begin with the data directory of a newcomer")
def test_a_command_that_fails_is_found(tmp_path):
    page = tmp_path / "wrong.md"
    page.write_text("```sh\nlectern site add one\nlectern site show two\necho never\n```\n")
    told = docs.run(page, LECTERN)
    assert "there is no site 'two'" in told and "\nnever" not in told


def test_every_step_is_all_of_the_page_for_a_machine_of_its_own():
    page = ROOT / "docs/tutorial.md"
    script = docs.every_step(page, "/srv/lectern.git")
    assert "git clone /srv/lectern.git lectern" in script and "ADDRESS" not in script
    assert all(text.replace("ADDRESS-OF-THIS-REPOSITORY", "/srv/lectern.git").rstrip() in script for text, _ in docs.blocks(page))
    assert "script/run &\nuntil curl -sf http://127.0.0.1:8080/demo/ > /dev/null; do kill -0 %1; sleep 1; done\nkill -INT %1\nwait %1\n" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)

"""The documentation hangs together: each link leads somewhere, each page can be found, each command is run or says why it is not."""
import functools
import re
import subprocess

import pytest
from conftest import ROOT

PARTS = ["Tutorial", "How-to", "Reference", "Explanation"]


def pages():
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True)
    found = names.stdout.split("\n") if names.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.md") if not {"build", "node_modules"} & set(p.parts)]
    return sorted(name for name in found if name and (ROOT / name).is_file())


def without_code(text):
    """The prose: no fenced or indented blocks, no code within a line."""
    text = re.sub(r"^ *(```+|~~~+).*?^ *\1`*[ \t]*$", "", text, flags=re.M | re.S)
    text = re.sub(r"(?<=\n\n)(?: {4}.*\n)+", "", text)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


@functools.cache
def anchors(path):
    """What forges make of headings: lower case, words joined by '-', a number behind a repeated one."""
    found = {}
    text = re.sub(r"^ *(```+).*?^ *\1[ \t]*$", "", path.read_text(), flags=re.M | re.S)
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found[name] = found.get(name, 0) + 1
    named = set(re.findall(r'(?:id|name)="([^"]+)"', text))
    return named | set(found) | {f"{name}-{i}" for name, n in found.items() for i in range(1, n)}


def links(path):
    return re.findall(r"\]\(<?([^)\s>]+)>?(?: +\"[^\"]*\")?\)", without_code(path.read_text()))


def broken(path, link):
    """Why the link leads nowhere, or None."""
    if re.match(r"[a-z]+:", link):
        return None
    target, _, anchor = link.partition("#")
    file = (path.parent / target).resolve() if target else path
    if not file.exists():
        return "there is no such file"
    if not file.is_relative_to(ROOT):
        return "it leads out of the tree"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return "there is no such heading"
    return None


@pytest.mark.parametrize("page", pages())
def test_each_link_leads_somewhere(page):
    wrong = [(link, why) for link in links(ROOT / page) if (why := broken(ROOT / page, link))]
    assert wrong == []


@pytest.mark.parametrize("link, why", [("no-such-file.md", "there is no such file"), ("README.md#no-such-heading", "there is no such heading"), ("../../x", "there is no such file")])
def test_a_link_that_leads_nowhere_is_found(link, why):
    assert broken(ROOT / "docs/README.md", link) == why


def test_links_are_seen():
    assert sum(len(links(ROOT / page)) for page in pages()) > 100


def test_the_index_has_four_parts():
    assert re.findall(r"^## (.*)$", (ROOT / "docs/README.md").read_text(), re.M) == PARTS


def test_the_index_lists_every_page_once():
    listed = re.findall(r"\[([^\]]+\.(?:md|scd))\]\(\1\)", (ROOT / "docs/README.md").read_text())
    there = [str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*") if p.suffix in (".md", ".scd") and p.name != "README.md"]
    assert sorted(name for name in listed if not name.startswith("..")) == sorted(there)

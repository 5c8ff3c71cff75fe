"""/docs/: the documentation as pages that need nothing from elsewhere."""
import html.parser
import re
import subprocess

import pytest
from conftest import ROOT

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Page(html.parser.HTMLParser):
    """What a page loads, where it leads, which ids it has, which elements."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.ids, self.elements, self.inline = [], [], set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.elements.add(tag)
        self.ids.add(about.get("id"))
        self.inline += [name for name in about if name == "style" or name.startswith("on")]
        if tag == "a":
            self.links.append(about["href"])
        elif "src" in about or tag == "link":
            self.loads.append(about.get("src") or about["href"])


@pytest.fixture(scope="module")
def pages(shared):
    """address → page, for all that /docs/ leads to."""
    found, waiting = {}, ["/docs/index.html"]
    while waiting:
        path = waiting.pop()
        answer = shared.request("GET", path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), path
        assert answer.headers.get_all("Content-Security-Policy") == [POLICY], path
        found[path] = Page(answer.body.decode())
        waiting += {link.split("#")[0] for link in found[path].links if link.startswith("/")} - set(found) - set(waiting)
    return found


def test_the_front_page_is_the_index(shared, pages):
    for path in ("/docs", "/docs/"):
        assert shared.request("GET", path).body == shared.request("GET", "/docs/index.html").body


def test_every_page_of_the_index_is_there(pages):
    listed = set(re.findall(r"\]\((\w[\w-]*)\.md\)", (ROOT / "docs/README.md").read_text()))
    assert len(listed) > 40 and {f"/docs/{name}.html" for name in listed} <= set(pages)


def test_links_within_pages_lead_to_a_heading(pages):
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if not re.match(r"[a-z]+:", link) and anchor:
                assert anchor in pages[target or path].ids, (path, link)


def test_a_page_loads_only_what_this_daemon_has(shared, pages):
    for path in {load for page in pages.values() for load in page.loads}:
        assert path.startswith("/docs/") and shared.request("GET", path).status == 200, path


def test_nothing_that_the_policy_would_stop(pages):
    for path, page in pages.items():
        assert not page.elements & {"script", "style", "iframe", "form"} and page.inline == [], path


def test_pages_are_made_for_small_screens(shared, pages):
    assert all("width=device-width" in shared.request("GET", path).body.decode() for path in pages)
    assert "@media (max-width" in shared.request("GET", "/docs/style.css").body.decode()


def test_tables_are_tables(shared):
    assert "<td>" in shared.request("GET", "/docs/compatibility.html").body.decode()


@pytest.mark.parametrize("path", ["/docs/nothing.html", "/docs/../README.md", "/docs/.hidden"])
def test_what_is_not_there_is_not_found(shared, path):
    assert shared.request("GET", path).status in (400, 404)


@pytest.mark.parametrize("arguments, said", [([], "usage: "), (["--help"], "usage: "), (["a", "b"], "usage: "), (["."], "something else than an earlier site")])
def test_a_folder_of_other_things_is_not_emptied(tmp_path, arguments, said):
    (tmp_path / "thesis.txt").write_text("three years")
    refused = subprocess.run([ROOT / "script" / "docs-site", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 1 and said in refused.stderr, refused
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_site_is_made_anew_in_its_folder(tmp_path):
    for _ in range(2):
        subprocess.run([ROOT / "script" / "docs-site", tmp_path / "site"], check=True)
        assert (tmp_path / "site" / "index.html").exists()
        (tmp_path / "site" / "of-a-page-that-is-gone.html").touch()
    subprocess.run([ROOT / "script" / "docs-site", tmp_path / "site"], check=True)
    assert not (tmp_path / "site" / "of-a-page-that-is-gone.html").exists()

"""docs/compatibility.md says the truth: each row names what is there."""
import importlib.machinery
import importlib.util
import json
import re

import pytest
from conftest import ROOT, run_lectern

loader = importlib.machinery.SourceFileLoader("compatibility", str(ROOT / "script/compatibility"))
compatibility = importlib.util.module_from_spec(importlib.util.spec_from_loader("compatibility", loader))
loader.exec_module(compatibility)

ROWS = json.loads(compatibility.SOURCE.read_text())


def holds(file, word):
    """Does the file have it as a word of its own?"""
    return re.search(r"(?<!\w)" + re.escape(word) + (r"" if word.endswith("_") else r"(?!\w)"), (ROOT / file).read_text())


@pytest.fixture(scope="module")
def addresses():
    """METHOD /path of each route, as openapi.json writes it (test_openapi.py holds the document to the same table)."""
    table = re.findall(r'^    \{"([A-Z]+)", "([^"]+)",', (ROOT / "src/api/routes.c").read_text(), re.M)
    return {f"{method} {path.replace('*', '')}" for method, path in table}


def test_the_page_is_what_the_data_make():
    assert compatibility.PAGE.read_text() == compatibility.page(ROWS)


def test_no_cell_is_empty_and_none_is_unknown():
    for row in ROWS:
        assert tuple(row) == compatibility.CELLS, row
        assert all(text.strip() for text in row.values()), row
        assert row["seed"] in compatibility.SEEDS, row


def test_no_row_is_there_twice():
    names = [(row["seed"], row["name"]) for row in ROWS]
    assert sorted(names) == sorted(set(names))


def test_each_file_has_its_symbol():
    assert [row for row in ROWS if not (ROOT / row["file"]).is_file() or not holds(row["file"], row["symbol"])] == []


def test_each_test_is_there():
    assert [row for row in ROWS if not (ROOT / row["test"]).is_file() or not holds(row["test"], row["case"])] == []


def test_each_address_is_one_of_the_api(addresses):
    assert [row for row in ROWS if not row["by"].startswith("lectern ") and row["by"] not in addresses] == []


def test_the_document_has_these_addresses(shared):
    paths = shared.request("GET", "/v1/openapi.json").json["paths"]
    for row in ROWS:
        method, _, path = row["by"].partition(" ")
        assert method == "lectern" or method.lower() in paths[path], row


def test_each_command_is_there():
    for by in {row["by"] for row in ROWS if row["by"].startswith("lectern ")}:
        assert by.split(" ", 1)[1].split()[-1] in run_lectern(*by.split()[1:], "--help"), by

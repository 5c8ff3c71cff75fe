"""docs/errors.md and docs/configuration.md are what the program has."""
import re
import subprocess

import pytest
from conftest import BUILD, ROOT, run_lectern


def rows(page):
    return re.findall(r"^\| `([\w.]+)` \|", (ROOT / "docs" / page).read_text(), re.M)


def test_the_pages_are_what_the_tables_say():
    done = subprocess.run([ROOT / "script/reference", BUILD / "src/daemon/lectern", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_error_and_every_setting_has_a_row():
    errors = re.findall(r'^\s+X\(\w+, "(\w+)"', (ROOT / "src/base/error.h").read_text(), re.M)
    assert len(errors) > 50 and ["ok", *rows("errors.md")] == errors
    table = (ROOT / "src/cli/settings.c").read_text().split("lt_setting_table[] = {", 1)[1].split("\n};", 1)[0]
    settings = re.findall(r'^    \{"(\w+)"', table, re.M)
    assert len(settings) > 30 and rows("configuration.md")[:len(settings)] == settings


@pytest.mark.parametrize("name,ways", [("drain_limit", (11, 12, 13))])
def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path, monkeypatch, name, ways):
    """As the page says."""
    line, environment, file = ways
    path = tmp_path / "lectern.json"
    path.write_text(f'{{"{name}": {file}}}')

    def value(*options):
        shown = run_lectern("check-config", "--config", path, "--data", tmp_path / "data", *options)
        return int(re.search(rf"{name}\D+(\d+)", shown)[1])
    assert value() == file
    monkeypatch.setenv(f"LECTERN_{name.upper()}", str(environment))
    assert value() == environment
    assert value(f"--{name.replace('_', '-')}", str(line)) == line


def test_every_address_has_a_heading():
    table = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.[ch]")))
    routes = set(re.findall(r'\{\s*"(GET|POST|PUT|PATCH|DELETE)",\s*"(/[^"]*)"', table.replace("*}", "}")))
    told = re.findall(r"^### `(\w+) ([^`]+)`$", (ROOT / "docs/http-api.md").read_text(), re.M)
    assert len(routes) > 150 and len(told) == len(set(told)) and routes == set(told)


def test_every_name_of_the_plugin_header_is_on_its_page():
    header, page = (ROOT / "include/lectern/plugin.h").read_text(), (ROOT / "docs/plugin-abi.md").read_text()
    names = set(re.findall(r"^(?:struct|typedef \w+ \(\*)\s*(\w+)", header, re.M)) | set(re.findall(r"\(\*(\w+)\)\(", header)) | set(re.findall(r"\bLECTERN_[A-Z_]+(?= =)", header))
    assert len(names) > 50 and [name for name in sorted(names) if not re.search(rf"\b{name}\b", page)] == []


def commands():
    """(command, word or "") as `lectern --help` lists them."""
    listed = re.findall(r"^  ([a-z-]+)(?: ([a-z-]+))?  +\S", run_lectern("--help"), re.M)
    assert len(listed) > 100
    return listed


def manual():
    """{command: words} of the headings below COMMANDS; a heading may have several commands, and a command several headings."""
    text = (ROOT / "docs/man/lectern.1.scd").read_text().split("# COMMANDS", 1)[1].split("\n# ", 1)[0]
    found = {}
    for heading in re.findall(r"^\*.*$", text, re.M):
        for one in heading.split(", "):
            command, *words = re.findall(r"\*([a-z-]+)\*", one)
            found.setdefault(command, set()).update(words)
    return found


def test_the_manual_has_every_command_and_no_other():
    hidden = {("plugin", "host"), ("mcp", "host")}  # what the daemon starts; the manual says so in their text
    there = {(command, word) for command, words in manual().items() for word in words or {""}}
    assert there - hidden == set(commands()) - hidden

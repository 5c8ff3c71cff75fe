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

"""docs/reliability.md names tests that exist, for every class of failure; and script/reliability says honestly what held and what did not."""
import importlib.util
import re
import subprocess
import sys
import types

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text()
CLASSES = {"memory growth", "records: lost or slow", "database down", "streaming", "the 40 ms", "cancellation", "usage in streams", "races of limits and budgets",
           "configuration drift", "sizes of bodies", "secrets in logs", "requests to the inside (SSRF)", "signing in", "supply", "a cache across tenants",
           "retries and fallback", "stopping, and what balancers see"}


def load(name):
    spec = importlib.util.spec_from_file_location(f"reliability_{name}", ROOT / f"tests/reliability/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


runner, fuzz = load("run"), load("fuzz")


def table(heading):
    """The rows of the first table below a heading, as lists of cells."""
    lines = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ") and not line.startswith("| class")]


FAILURES = {cells[0]: re.findall(r"`([\w/]+\.(?:py|c)(?:::\w+)?)`", cells[-1]) for cells in table("What gateways fail at, and where it is tested")}


def test_every_class_of_failure_has_a_row():
    assert set(FAILURES) == CLASSES


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_what_is_named_exists(name):
    assert FAILURES[name], "no test"
    for named in FAILURES[name]:
        file, _, function = named.partition("::")
        path = ROOT / (file if "/" in file else f"tests/system/{file}")
        assert path.is_file(), named
        assert re.search(rf"\b{function}\(" if function else r"\btest_|\bdef ", path.read_text()), named


def test_every_row_is_described_and_none_that_is_not_there():
    described = re.findall(r"^\| `(\w+)` \| .* \| `.*script/reliability \w+.*` \|$", PAGE, re.M)
    assert described == runner.ROWS


def rows(monkeypatch, **results):
    """Rows that come to these (figures, held), or raise them."""
    for name, result in results.items():
        def run(options, result=result):
            if isinstance(result, Exception):
                raise result
            return result
        monkeypatch.setitem(sys.modules, f"reliability.{name}", types.SimpleNamespace(run=run))


@pytest.fixture()
def alone(monkeypatch):
    """run.py changes where modules are found."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("LECTERN_BUILD", str(ROOT))


def test_a_line_for_each_row_and_0_when_all_held(monkeypatch, alone, capsys):
    rows(monkeypatch, kills=("3 kills, 0 lost", True), fuzz=("2 targets", True))
    assert runner.main(["fuzz", "kills"]) == 0
    assert capsys.readouterr().out == "fuzz       2 targets  ok\nkills      3 kills, 0 lost  ok\n"


@pytest.mark.parametrize("bad", [("3 kills, 1 lost", False), RuntimeError("no daemon"), OSError()])
def test_one_that_did_not_hold_or_broke_is_failed_and_the_others_are_still_made(monkeypatch, alone, capsys, bad):
    rows(monkeypatch, kills=bad, fuzz=("2 targets", True))
    assert runner.main(["kills", "fuzz"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("kills ") and first.endswith("  FAILED") and second.endswith("  ok")


def test_without_names_all_rows_are_made_in_their_order(monkeypatch, alone, capsys):
    rows(monkeypatch, **{name: ("", True) for name in runner.ROWS})
    assert runner.main([]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == runner.ROWS


def test_the_page_gets_new_lines_and_keeps_those_of_other_rows(monkeypatch, alone, capsys, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{runner.BEGIN}\n{runner.END}\nafter\n")
    for results in ({"restart": ("5 calls | 1 ms", True), "kills": ("1 kill", True)}, {"kills": ("2 kills", False)}):
        rows(monkeypatch, **results)
        runner.main([*results, "--write", str(page)])
    lines = page.read_text().splitlines()
    assert lines[:2] == ["before", runner.BEGIN] and lines[-2:] == [runner.END, "after"]
    made = [line.split(" | ")[:3] for line in lines if line.startswith("| `")]
    assert made == [["| `kills`", "2 kills", "**FAILED**"], ["| `restart`", "5 calls / 1 ms", "ok"]]


def test_the_marks_stand_in_the_page():
    assert PAGE.count(runner.BEGIN) == PAGE.count(runner.END) == 1
    assert "| `kills` | none |" in runner.written(PAGE, {"kills": ("none", True)}, "now")


@pytest.mark.parametrize("arguments", [["nothing"], ["kills", "--times", "0"], ["--seconds", "-1"], ["--seed", "x"]])
def test_what_makes_no_sense_is_refused_before_anything_runs(arguments):
    done = subprocess.run([sys.executable, "-B", ROOT / "tests/reliability/run.py", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and not done.stdout and "error:" in done.stderr


WHOLE = "#1\tDONE\nDone 1200 runs in 601 second(s)\nstat::number_of_executed_units: 1200\n"


@pytest.mark.parametrize("what,logs,extra,held", [
    ("all well", {"a": WHOLE, "b": WHOLE}, [], True),
    ("one did not run", {"a": WHOLE}, [], False),
    ("one broke off", {"a": WHOLE, "b": "#1\tREDUCE\n"}, [], False),
    ("one has an error", {"a": WHOLE, "b": "==1==ERROR: AddressSanitizer: x\n" + WHOLE}, [], False),
    ("a finding lies there", {"a": WHOLE, "b": WHOLE}, ["b-crash-0123"], False),
    ("one was too short", {"a": WHOLE, "b": WHOLE.replace("601", "20")}, [], False),
])
def test_fuzzing_holds_when_every_target_ran_long_enough_and_found_nothing(tmp_path, what, logs, extra, held):
    for name, log in logs.items():
        (tmp_path / f"{name}.log").write_text(log)
    for name in extra:
        (tmp_path / name).write_text("x")
    figures, was = fuzz.look(tmp_path, ["a", "b"], 600)
    assert was is held, what
    assert figures.endswith(f"{len(extra)} findings")


def test_fuzzing_looks_at_every_target():
    built = re.findall(r"'fuzz_(\w+)'|'(\w+)'", (ROOT / "tests/fuzz/meson.build").read_text())
    assert set(fuzz.targets()) <= {a or b for a, b in built} and len(fuzz.targets()) > 40

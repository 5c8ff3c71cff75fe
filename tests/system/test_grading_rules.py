"""The rules of grading, G1 to G13 (docs/grading.md), and where each is tested: a test's name begins with the rule's id.

    python3 tests/system/test_grading_rules.py      runs them and prints rule → test → result; exit 1 when one failed or a rule has none
"""
import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "integrations/openedx/lectern-openedx"
RULES = {
    "G1": "points and totals come from the rubric, never from the model",
    "G2": "what is not whole is mended once and then fails, never in part, never as 0",
    "G3": "who abstains gives no points, and a person is asked",
    "G4": "quotations stand in the submission or are dropped; they become places",
    "G5": "no order in a submission raises its score",
    "G6": "the same key is the same result, of one call",
    "G7": "feedback is cut between characters and holds no markup",
    "G8": "an empty submission abstains without a call",
    "G9": "the order of criteria and options decides nothing",
    "G10": "past the deadline nobody waits; a late result counts once",
    "G11": "feedback_only never makes a score",
    "G12": "a deterministic fake engine ships with the package",
    "G13": "what staff decide wins, before and after the model",
}
NAMED = r"(?:test_)?(G\d+)_"


def of_python(file):
    """(test, class) of a file, in its order."""
    for found in ast.parse(file.read_text()).body:
        inside = found.body if isinstance(found, ast.ClassDef) else [found]
        yield from ((f.name, getattr(found, "name", "")) for f in inside if isinstance(f, ast.FunctionDef) and f.name.startswith("test_"))


def of_c(file):
    text = file.read_text()
    for name in re.findall(r"^static void (G\d+_\w+)\(void \*\*state\)", text, re.M):
        assert re.search(rf"\b{name}[,)]", text.partition("main(")[2]), f"{name} is not run"
        yield name, ""


def table():
    """[(rule, file, class, test)], by the rule's number."""
    files = [ROOT / "tests/unit/test_grading.c", *sorted((ROOT / "tests/system").glob("test_grading*.py")), *sorted((PACKAGE / "tests").glob("test_*.py"))]
    rows = [(re.match(NAMED, test)[1], file, group, test) for file in files for test, group in (of_c if file.suffix == ".c" else of_python)(file) if re.match(NAMED, test)]
    return sorted(rows, key=lambda row: int(row[0][1:]))


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_has_a_test(rule):
    assert [row for row in table() if row[0] == rule], f"{rule}: {RULES[rule]}: no test is named after it"


def test_no_test_is_named_after_a_rule_that_is_none():
    assert {row[0] for row in table()} <= set(RULES)


# ---- running them ----


def passed_in_c(build, file):
    environment = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP", "LECTERN_TEMPLATES": str(ROOT / "share/templates")}
    out = subprocess.run([build / "tests/unit" / file.stem], env=environment, capture_output=True, text=True).stdout
    return {m[2]: m[1] == "ok" for m in re.finditer(r"^(ok|not ok) \d+ - (\w+)", out, re.M)}


def passed_in_python(file):
    """By the test's name without parameters: true when all of them passed."""
    found = {}
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "test_G", f"--junitxml={report.name}", str(file)]
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr)
        for case in ElementTree.parse(report.name).iter("testcase"):
            name = case.get("name").partition("[")[0]
            found[name] = found.get(name, True) and len([e for e in case if e.tag in ("failure", "error", "skipped")]) == 0
    return found


def passed_in_package(rows):
    found = {}
    for _, file, group, test in rows:
        command = [sys.executable, "-B", "-m", "unittest", f"tests.{file.stem}.{group}.{test}"]
        found[test] = subprocess.run(command, cwd=PACKAGE, capture_output=True).returncode == 0
    return found


def main():
    build, rows, failed = Path(os.environ.get("LECTERN_BUILD", ROOT / "build")), table(), 0
    results = {}
    for file in {row[1] for row in rows}:
        of_file = [row for row in rows if row[1] == file]
        results[file] = passed_in_package(of_file) if PACKAGE in file.parents else passed_in_c(build, file) if file.suffix == ".c" else passed_in_python(file)
    for rule, words in RULES.items():
        print(f"{rule:<4} {words}")
        mine = [row for row in rows if row[0] == rule]
        for _, file, _, test in mine:
            ok = results[file].get(test, False)
            failed += not ok
            print(f"     {'passed' if ok else 'FAILED'}  {test}  ({file.relative_to(ROOT)})")
        if not mine:
            failed += 1
            print("     FAILED  no test")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

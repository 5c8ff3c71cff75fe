#!/usr/bin/env python3
"""Every test that tests/conformance/openedx_statements.txt names is there."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
wrong, seen, tests = [], 0, {}


def names_of(file):
    """The tests of a file; None when there is no such file."""
    if file not in tests:
        path = root / "tests" / ("unit" if file.endswith(".c") else "system") / file
        tests[file] = set(re.findall(r"^(?:static void|def) (\w+)\(", path.read_text(), re.M)) if path.exists() else None
    return tests[file]


for number, line in enumerate((root / "tests/conformance/openedx_statements.txt").read_text().splitlines(), 1):
    if not line or line.startswith("#"):
        continue
    parts = [part.strip() for part in line.split("|")]
    if len(parts) != 3 or not all(parts):
        wrong.append(f"line {number}: not \"section | statement | tests\"")
        continue
    for test in parts[2].split():
        seen += 1
        file, _, name = test.partition(":")
        if not name and not (root / file).exists():
            wrong.append(f"line {number}: there is no {file}")
        elif name and name not in (names_of(file) or ()):
            wrong.append(f"line {number}: {file} has no test {name}")
assert seen > 70, "the check sees no tests"
print("\n".join(wrong) or f"{seen} tests, all there")
sys.exit(1 if wrong else 0)

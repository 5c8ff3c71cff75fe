"""Rows that are files of tests: they run once more, on the release build, and what they print is told."""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

# What a row runs; further words are pytest's.
FILES = {
    "faults": ["tests/system/test_machine_faults.py", "tests/system/test_overload.py::test_without_descriptors_it_refuses_and_recovers", "tests/system/test_slow_disk.py",
               "tests/system/test_faults.py"],
    "secrets": ["tests/system/test_secrets.py", "tests/system/test_keys.py"],
    "isolation": ["tests/system/test_isolation.py", "tests/system/test_route_roles.py"],
}


def run(row, options):
    report = os.path.join(os.environ["LECTERN_BUILD"], f"{row}.xml")
    command = [sys.executable, "-m", "pytest", "-q", "-rP", "-p", "no:cacheprovider", "--junitxml", report, *FILES[row]]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LECTERN_SEED": str(options.seed), "LECTERN_FAULTS_SEED": str(options.seed)})
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    bad = [c.get("name") for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = [c.get("name") for c in cases if c.find("skipped") is not None]
    told = [line for line in done.stdout.splitlines() if re.match(r"\d[\d,]* (allocations|secrets|ids|requests|answers|routes)", line)]
    figures = "; ".join([f"{len(cases) - len(bad) - len(skipped)} of {len(cases)} cases hold", *told, *(f"failed: {name}" for name in bad), *(f"skipped: {name}" for name in skipped)])
    return figures, not bad and len(cases) > len(skipped)


def faults(options):
    return run("faults", options)


def secrets(options):
    return run("secrets", options)


def isolation(options):
    return run("isolation", options)

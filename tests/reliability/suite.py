"""A row that is a part of the suite: its figures are how many tests passed."""
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def counted(report):
    """(passed, failed, skipped) of a JUnit report."""
    cases = list(xml.parse(report).getroot().iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return len(cases) - failed - skipped, failed, skipped


def run(pattern, options, *more):
    files = sorted((ROOT / "tests/system").glob(pattern)) + [ROOT / "tests/system" / name for name in more]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", f"--junitxml={report}", *files],
                              stdout=sys.stderr, env={**os.environ, "LECTERN_BUILD": str(options.build), "LECTERN_SEED": str(options.seed)})
        passed, failed, skipped = counted(report)
    names = ", ".join(f"tests/system/{file.name}" for file in files)
    return f"{passed} tests passed, {failed} failed, {skipped} skipped ({names})", done.returncode == 0 and passed > 0

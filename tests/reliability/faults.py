"""The machine and the AI services fail under a running daemon: files of the suite on a release build, where memory fails, too (a sanitizer has its own allocator)."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from reliability import suite

FILES = ["test_machine_faults.py", "test_overload.py::test_without_descriptors_it_refuses_and_recovers", "test_slow_disk.py", "test_faults.py"]


def run(options):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-rP", "-p", "no:cacheprovider", f"--junitxml={report}", *(suite.ROOT / "tests/system" / f for f in FILES)],
                              capture_output=True, text=True,
                              env={**os.environ, "LECTERN_BUILD": str(options.build), "LECTERN_SEED": str(options.seed), "LECTERN_FAULTS_SEED": str(options.seed)})
        passed, failed, skipped = suite.counted(report)
    if failed:
        print(done.stdout, file=sys.stderr)
    told = re.findall(r"^\d+ allocations failed; .*$", done.stdout, re.M)
    return f"{passed} tests passed, {failed} failed, {skipped} skipped; {'; '.join(told)}", done.returncode == 0 and passed > 0 and skipped == 0 and len(told) == 1

"""script/fuzz all: what each target came to."""
import os
import pathlib
import re
import subprocess


def run(options):
    done = subprocess.run(["script/fuzz", "all", str(options.fuzz_seconds)], capture_output=True, text=True, env={**os.environ, "CC": "clang-14"})
    runs = {}
    for name, rest in re.findall(r"^== fuzzed (\w+) for \d+ s\n((?:(?!== ).*\n?)*)", done.stdout, re.M):
        found = re.search(r"number_of_executed_units:\s*(\d+)", rest)
        runs[name] = int(found[1]) if found else 0
    targets = {path.stem.removeprefix("fuzz_") for path in pathlib.Path("tests/fuzz").glob("fuzz_*.c")}
    least = min(runs, key=runs.get, default="none")
    figures = f"{len(runs)} targets, {options.fuzz_seconds} s each, {sum(runs.values()):,} runs (fewest: {least}, {runs.get(least, 0):,}), {'no finding' if done.returncode == 0 else 'FINDINGS, see build/fuzz'}"
    return figures, done.returncode == 0 and set(runs) == targets

#!/usr/bin/python3 -B
"""
The rows of docs/reliability.md: run.py [ROW…] [options] prints a line for each, "name  figures  ok" or "… FAILED", and exits with 1 when one failed.

A row is the module of its name in this folder. Its function run(options) returns its figures and whether what it promises held; what else there is to say
of a failure goes to standard error. The build that is measured is $LECTERN_BUILD.
"""
import argparse
import importlib
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROWS = ["faults", "soak", "fairness", "kills", "restart", "secrets", "isolation", "fuzz"]
BEGIN, END = "<!-- figures: script/reliability --write -->", "<!-- end of figures -->"


def paths():
    """Rows are modules of the package `reliability`: by themselves some would hide a module of Python's (`secrets`)."""
    sys.path[:] = [p for p in sys.path if pathlib.Path(p or ".").resolve() != HERE]
    for folder in ("tests", "tests/support", "tests/system", "bench"):
        if str(ROOT / folder) not in sys.path:
            sys.path.append(str(ROOT / folder))


def measure(name, options):
    """(figures, held) of a row; one that cannot be measured has failed."""
    try:
        return importlib.import_module(f"reliability.{name}").run(options)
    except Exception as e:
        traceback.print_exc()
        return f"not measured: {type(e).__name__}: {str(e).splitlines()[0][:200] if str(e) else ''}", False


def version():
    """Commit and day of a figure."""
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=9", "HEAD"], capture_output=True, text=True)
    return f"{done.stdout.strip() or 'no commit'}, {time.strftime('%Y-%m-%d', time.gmtime())}"


def written(text, results, when):
    """The page with the lines of these rows new, those of others as they were, in the order of ROWS."""
    head, found, rest = text.partition(BEGIN + "\n")
    block, end, tail = rest.partition(END)
    if not found or not end:
        raise ValueError(f"there is no line {BEGIN!r} with {END!r} after it")
    lines = {line.split("|")[1].strip(" `"): line for line in block.splitlines() if line.startswith("| `")}
    for name, (figures, held) in results.items():
        lines[name] = f"| `{name}` | {figures.replace('|', '/')} | {'ok' if held else '**FAILED**'} | {when} |"
    table = ["", "| row | figures | | commit, day |", "|---|---|---|---|", *(lines[name] for name in ROWS if name in lines), "", ""]
    return head + BEGIN + "\n" + "\n".join(table) + END + tail


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="script/reliability", description="Prints figures of reliability; see docs/reliability.md.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; none: all")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="of everything that is drawn by lot")
    parser.add_argument("--seconds", type=int, default=1800, help="soak: how long (1800)")
    parser.add_argument("--times", type=int, default=1000, help="kills: how many (1000)")
    parser.add_argument("--records", type=int, default=1000000, help="restart: calls in the register (1000000)")
    parser.add_argument("--rounds", type=int, default=5, help="fairness: how many times calm, then flooded, for 10 s each (5)")
    parser.add_argument("--fuzz-seconds", type=int, default=600, help="fuzz: how long each target must have run (600)")
    parser.add_argument("--write", type=pathlib.Path, metavar="PAGE", help="puts the figures into the table of this page, too")
    options = parser.parse_args(arguments)
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    for name in ("seconds", "times", "records", "rounds", "fuzz_seconds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: must be 1 or more")
    return options


def main(arguments):
    options = options_of(arguments)
    options.build = pathlib.Path(os.environ.setdefault("LECTERN_BUILD", str(ROOT / "build/reliability"))).resolve()
    paths()
    print(f"seed {options.seed}", file=sys.stderr, flush=True)
    results = {}
    for name in options.rows or ROWS:
        results[name] = figures, held = measure(name, options)
        print(f"{name:10} {figures}  {'ok' if held else 'FAILED'}", flush=True)
        if options.write:
            options.write.write_text(written(options.write.read_text(), {name: results[name]}, version()))
    return 0 if all(held for _, held in results.values()) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that rows remove what they made
    sys.exit(main(sys.argv[1:]))

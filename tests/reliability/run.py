"""The rows of docs/reliability.md: see script/reliability. A row is a function that takes the options and tells its figures, and whether it held."""
import argparse
import os
import pathlib
import platform
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for folder in ("tests/system", "tests/support", "bench"):
    sys.path.append(str(ROOT / folder))
os.chdir(ROOT)

import fairness  # noqa: E402
import fuzzing  # noqa: E402
import kills  # noqa: E402
import restart  # noqa: E402
import soak  # noqa: E402
import suites  # noqa: E402

ROWS = {
    "faults": (suites.faults, "each fault of the machine ends in a clear error or a clean stop"),
    "soak": (soak.run, "random faults for half an hour"),
    "fairness": (fairness.run, "a site that floods at ten times its limit, and what another one feels"),
    "secrets": (suites.secrets, "planted secrets are looked for wherever something is written"),
    "isolation": (suites.isolation, "each id of a site is tried by another one at each route"),
    "fuzz": (fuzzing.run, "each reader of outside bytes"),
    "kills": (kills.run, "SIGKILL under load on a file system that forgets what was not synced"),
    "restart": (restart.run, "a start with many records"),
}
BEGIN, END = "<!-- figures: script/reliability --write -->", "<!-- end of figures -->"


def write(lines):
    """Into docs/reliability.md, each row in place of what stood there of it."""
    page = ROOT / "docs/reliability.md"
    before, rest = page.read_text().split(BEGIN)
    old, after = rest.split(END)
    kept = {line.split("|")[1].strip(" `"): line for line in old.splitlines() if line.startswith("| `")}
    kept |= lines
    table = "\n".join(["| row | figures | |", "|---|---|---|", *(kept[name] for name in ROWS if name in kept)])
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(prog="script/reliability")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--seconds", type=int, default=1800, help="of the soak")
    parser.add_argument("--times", type=int, default=1000, help="kills")
    parser.add_argument("--records", type=int, default=1000000, help="of the register before the restart")
    parser.add_argument("--fuzz-seconds", type=int, default=600, help="for each target")
    parser.add_argument("--write", action="store_true", help="the figures into docs/reliability.md")
    options = parser.parse_args()
    if unknown := [row for row in options.rows if row not in ROWS]:
        parser.error(f"there is no row {unknown[0]}: {', '.join(ROWS)}")
    print(f"seed {options.seed}, {os.cpu_count()} processors, Linux {platform.release()}", flush=True)
    held, lines = True, {}
    for name in options.rows or ROWS:
        figures, ok = ROWS[name][0](options)
        print(f"{name:10} {figures}  {'ok' if ok else 'FAILED'}", flush=True)
        lines[name] = f"| `{name}` | {figures} | {'ok' if ok else '**failed**'} |"
        held &= ok
        if options.write:
            write(lines)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

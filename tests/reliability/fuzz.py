"""What script/fuzz came to: the logs of its last run, build/fuzz/TARGET.log, and the findings beside them. Each target must have run, and long enough."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/fuzz"
KINDS = ("crash", "timeout", "oom", "leak")


def targets():
    return sorted(source.stem.removeprefix("fuzz_") for source in (ROOT / "tests/fuzz").glob("fuzz_*.c"))


def ended(log):
    """(inputs, seconds) of a log of libFuzzer that came to its end, else None."""
    found = re.search(r"^Done (\d+) runs in (\d+) second", log, re.M) if "ERROR:" not in log else None
    return (int(found[1]), int(found[2])) if found else None


def look(folder, names, least_seconds):
    """(figures, held) of these targets' logs in a folder."""
    runs = {name: ended(log.read_text(errors="replace")) if (log := folder / f"{name}.log").is_file() else None for name in names}
    findings = sorted(path.name for name in names for kind in KINDS for path in folder.glob(f"{name}-{kind}-*"))
    whole = {name: run for name, run in runs.items() if run}
    missing = sorted(set(runs) - set(whole))
    shortest = min((seconds for _, seconds in whole.values()), default=0)
    for what, which in (("no whole run", missing), ("finding", findings)):
        if which:
            print(f"{what}: {', '.join(which)}", file=sys.stderr)
    figures = f"{len(whole)} of {len(names)} targets, {sum(inputs for inputs, _ in whole.values()):,} inputs, the shortest for {shortest} s, {len(findings)} findings"
    return figures, not missing and not findings and shortest >= least_seconds


def run(options):
    return look(LOGS, targets(), options.fuzz_seconds)

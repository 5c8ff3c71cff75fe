"""Reading and writing JSON and JSON5, schemas, patches (text.c) and effective configurations (effective.c), and their figures as tables.

Python's json is the floor; it also reads what Lectern has read and written, and must find the same.
"""
import json
import pathlib
import statistics
import subprocess
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

TEMPLATES = pathlib.Path(__file__).resolve().parent.parent / "share" / "templates"
TURN_SECONDS = 0.02
OTHERS = ("jansson", "cJSON", "python")


def median_us(work, turns):
    """CPU time of this thread, as in race.h."""
    times, all_turns = 1, []
    while len(all_turns) < turns:
        began = time.thread_time()
        for _ in range(times):
            work()
        took = time.thread_time() - began
        if took < TURN_SECONDS:
            times *= 2
        else:
            all_turns.append(took / times * 1e6)
    return statistics.median(all_turns)


def add_python(r, folder, turns):
    for name in [line["name"] for line in r["parse"]]:
        text, written = (folder / f"{name}.json").read_bytes(), (folder / f"{name}.written.json").read_bytes()
        tree = json.loads(text)
        if json.loads(written) != tree:
            raise SystemExit(f"{name}: Lectern has written something else than Python reads")
        for part, work in (("parse", lambda: json.loads(text)),
                           ("write", lambda: json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode())):
            next(line for line in r[part] if line["name"] == name)["us"]["python"] = median_us(work, turns)
    if jsonschema:
        value, schema = (json.loads((folder / name).read_text()) for name in ("request.json", "request.schema.json"))
        validator = jsonschema.Draft202012Validator(schema)
        validator.validate(value)
        r["schema"][0]["us"]["python"] = median_us(lambda: validator.validate(value), turns)


def print_part(title, lines, others=OTHERS):
    """Time, MB/s, and how many times as long the others take."""
    print(f"  {title:36}{'µs':>11}{'MB/s':>8}" + "".join(f"{'× ' + name:>11}" for name in others))
    for line in lines:
        us = line["us"]["lectern"]
        rate = f"{line['bytes'] / us:8.0f}" if line["bytes"] else " " * 8
        ratios = "".join(f"{line['us'][name] / us:11.1f}" if name in line["us"] else f"{'–':>11}" for name in others)
        print(f"    {line['title']:34}{us:11.2f}{rate}{ratios}")


def run(args, folder):
    r = json.loads(subprocess.run([args.build / "text", folder, TEMPLATES, str(args.turns)], check=True, capture_output=True, text=True).stdout)
    add_python(r, folder, max(1, args.turns // 3))
    e = json.loads(subprocess.run([args.build / "effective", folder / "data", TEMPLATES, str(args.turns)], check=True, capture_output=True,
                                  text=True).stdout)
    print(f"\nText: CPU time of one thread, medians of {r['turns']} turns of at least {r['turn_ms']} ms; ×: how many times as long others take")
    print_part("JSON, read", r["parse"])
    print_part("JSON, written", r["write"])
    print_part("JSON5, read", r["json5"], ("as JSON",))
    print_part("JSON Schema", r["schema"], ("python",))
    print_part("JSON Merge Patch", r["merge"], ())
    missing = r["missing"].split() + ([] if jsonschema else ["python3-jsonschema"])
    if missing:
        print(f"  (not compared with what is not installed: {', '.join(missing)})")
    print(f"Effective configurations\n"
          f"  made of template and patch, checked   {e['make_us']:10.2f} µs (mean of {e['templates']} templates)\n"
          f"  class, processors, UI read where kept {e['cached_ns'] / 1000:10.3f} µs\n"
          f"  a profile found by number             {e['find_us']:10.3f} µs (of {e['profiles']})\n"
          f"  all of them read and made             {e['load_ms']:10.1f} ms (on a worker, at the start)\n"
          f"  the same after a change of one        {e['load_changed_ms']:10.1f} ms")
    return {"text": r, "effective": e}

"""Scenario files: what a vendor answers when all goes well, and how it words its faults.

scenarios/VENDOR/NAME.json:
    like      another file of the vendor that this one changes, or VENDOR/NAME
    let       variables and their values: the text, the finish reason, …
    without   names of members that are taken out wherever they stand
    status    200 unless said
    json      the whole answer
    stream    the events of the answer, in order
A string "$name" stands for the variable's value (of any type), "${name}" inside a longer string for its text. In lists {"$each": X}
stands for one X per piece of the text, with the variable `piece`, and {"$if": "name", "then": X} for X when that variable is true.
errors.json: status (or "default", "mid" for a fault inside a stream) → {let, json} or {let, stream}.
"""
import functools
import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent / "scenarios"


@functools.lru_cache(maxsize=None)
def load(vendor, name):
    """The file with what it is like merged in; None when there is no such scenario."""
    path = FOLDER / vendor / f"{name}.json"
    if not re.fullmatch(r"[a-z0-9_]+", name) or not path.is_file():
        return None
    own = json.loads(path.read_text())
    folder, _, like = own.get("like", "").rpartition("/")
    base = load(folder or vendor, like) if like else {}
    return {**base, **own, "let": {**base.get("let", {}), **own.get("let", {})}, "without": base.get("without", []) + own.get("without", [])}


def cut(text, n):
    """The text in n pieces of nearly the same length."""
    n = max(1, min(n, len(text) or 1))
    return [text[i * len(text) // n:(i + 1) * len(text) // n] for i in range(n)] if text else []


def fill(value, variables, without=()):
    """The value with variables put in and members taken out."""
    if isinstance(value, str):
        if value.startswith("$") and value[1:] in variables:
            return variables[value[1:]]
        return re.sub(r"\$\{(\w+)\}", lambda m: str(variables[m[1]]), value)
    if isinstance(value, dict):
        return {k: fill(v, variables, without) for k, v in value.items() if k not in without}
    if isinstance(value, list):
        return [item for item, _ in fill_list(value, variables, without)]
    return value


def fill_list(items, variables, without=()):
    """(item, whether it stands for a piece of the text) for each item of a list after expansion."""
    out = []
    for item in items:
        if isinstance(item, dict) and "$each" in item:
            out += [(fill(item["$each"], {**variables, "piece": piece}, without), True) for piece in variables["pieces"]]
        elif isinstance(item, dict) and "$if" in item:
            out += [(fill(item["then"], variables, without), False)] if variables.get(item["$if"]) else []
        else:
            out.append((fill(item, variables, without), False))
    return out

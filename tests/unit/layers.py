#!/usr/bin/env python3
"""Who may include whom (ARCHITECTURE.md): every #include of ours in src/ must stand in this table."""
import pathlib
import re
import sys

ALLOWED = {
    "base": [],
    "text": ["base"],
    "picture": ["base"],
    "io": ["base", "text"],
    "store": ["base", "text", "io"],
    "core": ["base", "text", "picture", "io", "store"],
    "plugin": ["base", "text", "io", "store", "core"],
    "content": ["base", "text", "io", "store", "core"],
    "events": ["base", "text", "io", "store", "core"],
    "guard": ["base", "text", "io", "store", "core"],
    "tools": ["base", "text", "io", "store", "core", "guard"],
    "workflows": ["base", "text", "io", "store", "core", "plugin", "content", "guard", "tools"],
    "privacy": ["base", "text", "io", "store", "core", "content", "events", "workflows"],
    "actions": ["base", "text", "io", "store", "core", "guard"],
    "providers": ["base", "text", "io", "store", "core"],
    "api": ["base", "text", "io", "store", "core", "plugin", "content", "events", "guard", "tools", "workflows", "privacy"],
    "cli": ["base", "text", "io", "store", "core", "plugin", "content", "events", "guard", "tools", "workflows", "privacy", "actions", "providers", "api"],
    "embed": ["base", "text", "io", "store", "core", "plugin", "actions", "providers", "cli"],
    "daemon": ["base", "text", "io", "store", "core", "plugin", "content", "events", "guard", "tools", "workflows", "privacy", "actions", "providers", "api", "cli"],
}

root = pathlib.Path(sys.argv[1]) / "src"
wrong, seen = [], 0
for path in sorted(root.rglob("*.[ch]")):
    folder = path.relative_to(root).parts[0]
    if folder not in ALLOWED:
        wrong.append(f"{path.relative_to(root)}: the folder is not in the table")
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        seen += 1
        target = match.group(1).split("/")[0]
        if "/" not in match.group(1) or not (root / match.group(1)).exists():
            if not match.group(1).endswith(".inc"):
                wrong.append(f"{path.relative_to(root)}:{number}: \"{match.group(1)}\" is not a path below src/")
        elif target != folder and target not in ALLOWED[folder]:
            wrong.append(f"{path.relative_to(root)}:{number}: {folder}/ may not include {target}/")
assert seen > 50, "the check sees no includes"
print("\n".join(wrong) or f"{seen} includes, all allowed")
sys.exit(1 if wrong else 0)

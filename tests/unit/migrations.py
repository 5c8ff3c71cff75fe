#!/usr/bin/env python3
"""script/check-migrations: what it refuses and what it lets pass, and then the migrations that are not released."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(sys.argv[1]) / "script" / "check-migrations"
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("check_migrations", str(SCRIPT))
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_migrations", loader))
loader.exec_module(module)
RAISE = "INSERT INTO meta (name, value) VALUES ('compatible_from', 40) ON CONFLICT (name) DO UPDATE SET value = excluded.value;"

CASES = [  # sql, number of problems (the newest released migration is 41)
    ("CREATE TABLE a (id {serial}, name TEXT NOT NULL, UNIQUE (name));", 0),
    ("ALTER TABLE a ADD COLUMN b TEXT;", 0),
    ("ALTER TABLE a ADD COLUMN b BIGINT NOT NULL DEFAULT 0;", 0),
    ("ALTER TABLE a ADD b BIGINT DEFAULT 0 NOT NULL;", 0),
    ("CREATE INDEX c ON a (b); INSERT INTO a (b) VALUES ('; DROP TABLE a;'); -- DROP TABLE a;", 0),
    ("CREATE TABLE a (b TEXT); CREATE UNIQUE INDEX c ON a (b);", 0),
    ("CREATE TABLE a_new (b TEXT); ALTER TABLE a_new RENAME TO a2;", 0),
    ("DROP TABLE a;", 1),
    ("drop\n table if exists a; DROP INDEX c;", 2),
    ("ALTER TABLE a DROP COLUMN b;", 1),
    ("ALTER TABLE a RENAME COLUMN b TO c;", 1),
    ("CREATE TABLE b (c TEXT); ALTER TABLE a RENAME TO d;", 1),
    ("ALTER TABLE a ADD COLUMN b BIGINT NOT NULL;", 1),
    ("ALTER TABLE a /* why */ ADD COLUMN b BIGINT NOT NULL;", 1),
    ("ALTER TABLE a ALTER COLUMN b TYPE TEXT;", 1),
    ("ALTER TABLE a ALTER b SET NOT NULL;", 1),
    ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0);", 1),
    ("CREATE UNIQUE INDEX c ON a (b);", 1),
    (RAISE, 1),
    (f"-- contract: 40\nDROP TABLE a;\n{RAISE}", 0),
    ("-- contract: 40\nDROP TABLE a;", 1),
    (f"-- contract: 41\nDROP TABLE a;\n{RAISE}", 1),
    (f"-- contract: 42\nDROP TABLE a;\n{RAISE}", 1),
]

wrong = [(sql, n, found) for sql, n in CASES if len(found := module.check(sql, 41)) != n]
for sql, n, found in wrong:
    print(f"{sql!r}: {n} problems expected, found {found}")
sys.exit(1 if wrong else subprocess.run([sys.executable, "-B", SCRIPT]).returncode)

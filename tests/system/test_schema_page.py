"""docs/schema.md is the database that a daemon makes."""
import re
import sqlite3
import subprocess

from conftest import ROOT, run_lectern, sqlite_only

PAGE = (ROOT / "docs/schema.md").read_text()


def columns_of_the_page():
    return {name: re.findall(r"^\| `(\w+)` \|", text, re.M) for name, text in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)}


def test_the_page_is_what_the_migrations_make():
    done = subprocess.run([ROOT / "script/schema", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@sqlite_only("its file is opened")
def test_a_new_database_has_these_tables_and_columns(tmp_path):
    run_lectern("site", "add", "school", "--data", tmp_path)
    db = sqlite3.connect(tmp_path / "lectern.db")
    names = [name for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'ai_action_%'")]
    there = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in names}
    page = columns_of_the_page()
    assert len(page) > 40
    assert there.pop("schema_migration")  # which migrations were made: the program's own
    assert there == page

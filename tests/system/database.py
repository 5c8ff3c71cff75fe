"""
The daemon's database, to look into and to prepare. Mostly SQLite's file; with LECTERN_TEST_POSTGRES (the URL of a server on which databases may be made) each
data directory stands for a database of its own there, and the same tests run on it. What a run makes, it drops: a test's own databases at its end, those of a
file at the end of the file, the rest when pytest ends (conftest.py).
"""
import contextlib
import decimal
import hashlib
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

SERVER = os.environ.get("LECTERN_TEST_POSTGRES", "")
MADE = os.environ.get("LECTERN_TEST_DATABASES", "")  # the file that names the databases that were made

# What calls have used of usage_counter c. On PostgreSQL its row holds what processes took as well; how much of that is unused stands beside it.
SPENT = ("c.used - COALESCE((SELECT SUM(l.taken - l.spent) FROM usage_lease l WHERE l.limit_id = c.limit_id AND l.counter_key = c.counter_key"
         " AND l.slot = c.slot), 0)")


def name_of(data):
    """The database of a data directory."""
    return "t" + hashlib.sha256(str(pathlib.Path(data).resolve()).encode()).hexdigest()[:24]


def url_of(data):
    """What --database takes to share the database of this data directory."""
    return f"{SERVER.rstrip('/')}/{name_of(data)}" if SERVER else f"sqlite:{pathlib.Path(data) / 'lectern.db'}"


def admin():
    import psycopg2

    server = psycopg2.connect(SERVER.rstrip("/") + "/postgres")
    server.autocommit = True
    return contextlib.closing(server)


def template(cursor, binary):
    """A database with this program's tables, made once: copying it is cheaper than making them anew."""
    name = "m" + hashlib.sha256(f"{binary} {os.stat(binary).st_mtime_ns}".encode()).hexdigest()[:24]
    cursor.execute("SELECT pg_advisory_lock(1)")
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if not cursor.fetchone():
        cursor.execute(f"CREATE DATABASE {name}_new TEMPLATE template0 ENCODING 'UTF8'")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([binary, "migrate", "--data", folder, "--database", f"{SERVER.rstrip('/')}/{name}_new"], check=True, capture_output=True)
        cursor.execute(f"ALTER DATABASE {name}_new RENAME TO {name}")
    cursor.execute("SELECT pg_advisory_unlock(1)")
    return name


def note(data):
    if MADE:
        with open(MADE, "a") as file:
            file.write(f"{pathlib.Path(data).resolve()}\n")


def make(data, binary):
    """A database for a data directory, once."""
    with admin() as server, server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name_of(data)])
        if not cursor.fetchone():
            note(data)
            cursor.execute(f"CREATE DATABASE {name_of(data)} TEMPLATE {template(cursor, binary)}")


def there(data):
    """Is there a database on the server for this folder?"""
    with admin() as server, server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name_of(data)])
        return cursor.fetchone() is not None


def drop(below=None):
    """Drops what this process's tests have made: all of it, or what belongs to data directories below a folder."""
    if not MADE or not os.path.exists(MADE):
        return
    made = pathlib.Path(MADE).read_text().splitlines()
    ended = [data for data in made if below is None or pathlib.Path(below).resolve() in pathlib.Path(data).parents]
    if ended:
        with admin() as server, server.cursor() as cursor:
            for data in ended:
                cursor.execute(f"DROP DATABASE IF EXISTS {name_of(data)} WITH (FORCE)")
        pathlib.Path(MADE).write_text("".join(data + "\n" for data in made if data not in ended))


def copytree(source, target):
    """A data directory whose daemon has ended, with its database; the copy."""
    shutil.copytree(source, target)
    if SERVER:
        with admin() as server, server.cursor() as cursor:
            note(target)
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(source)}'")
            cursor.execute(f"CREATE DATABASE {name_of(target)} TEMPLATE {name_of(source)}")
    return pathlib.Path(target)


def plain(value):
    """As sqlite3 gives it."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bool):
        return int(value)
    return value


class Rows:
    def __init__(self, cursor):
        self.rowcount, self.description = cursor.rowcount, cursor.description
        self.rows = iter([tuple(map(plain, row)) for row in cursor.fetchall()] if cursor.description else [])

    def __iter__(self):
        return self.rows

    def fetchone(self):
        return next(self.rows, None)

    def fetchall(self):
        return list(self.rows)


class Postgres:
    """As much of a sqlite3.Connection as the tests use: what only reads is in no transaction, the first change begins one."""

    def __init__(self, url, isolation_level):
        import psycopg2

        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.begins = isolation_level is not None

    def execute(self, sql, values=()):
        cursor = self.connection.cursor()
        if sql == "BEGIN IMMEDIATE":  # nobody else writes now: each batch begins with its writer's row
            sql = "BEGIN; LOCK TABLE store_writer IN EXCLUSIVE MODE"
        if self.begins and not self.in_transaction and re.match(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", sql, re.I):
            cursor.execute("BEGIN")
        cursor.execute(re.sub(r"\?\d*", "%s", sql.replace("%", "%%")), tuple(values))
        return Rows(cursor)

    @property
    def in_transaction(self):
        return self.connection.info.transaction_status != 0

    def executemany(self, sql, many):
        from psycopg2.extras import execute_batch

        if self.begins and not self.in_transaction:
            self.connection.cursor().execute("BEGIN")
        execute_batch(self.connection.cursor(), re.sub(r"\?\d*", "%s", sql.replace("%", "%%")), [tuple(values) for values in many])

    def executescript(self, sql):
        self.commit()
        self.connection.cursor().execute(sql)

    def commit(self):
        if self.in_transaction:
            self.connection.cursor().execute("COMMIT")

    def rollback(self):
        if self.in_transaction:
            self.connection.cursor().execute("ROLLBACK")

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.rollback() if kind else self.commit()


def connect(path, isolation_level="", **options):
    """sqlite3.connect() of a daemon's lectern.db, or what stands for it."""
    path = str(path)
    file = re.sub(r"\?.*", "", path.removeprefix("file:"))
    if not SERVER or not file.endswith("lectern.db"):
        return sqlite3.connect(path, isolation_level=isolation_level, **options)
    return Postgres(url_of(pathlib.Path(file).parent), isolation_level)


def tables(db, prefix=""):
    """The names of the tables that begin so."""
    if isinstance(db, Postgres):
        names = db.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'")
    else:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return sorted(name for name, in names if name.startswith(prefix))


def columns(db, table):
    """The names of a table's columns, in order; none when there is no such table."""
    if isinstance(db, Postgres):
        return [row[0] for row in db.execute("SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?"
                                             " ORDER BY ordinal_position", (table,))]
    return [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]


def primary_key(db, table):
    """The columns of a table's primary key."""
    if isinstance(db, Postgres):
        return [row[0] for row in db.execute("SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
                                             " WHERE i.indisprimary AND i.indrelid = CAST(? AS regclass) ORDER BY a.attnum", (table,))]
    return [row[1] for row in db.execute(f'PRAGMA table_info("{table}")') if row[5]]


def refuse(db, table):
    """From now on no row can be put into the table; allow() ends that."""
    if isinstance(db, Postgres):
        db.execute("CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = 'fault'; END $$")
        db.execute(f"CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fault()")
    else:
        db.execute(f"CREATE TRIGGER fault BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'fault'); END")


def allow(db, table):
    db.execute("DROP FUNCTION fault CASCADE" if isinstance(db, Postgres) else "DROP TRIGGER fault")


def break_down(data):
    """Takes the database from under a running daemon, for good."""
    if SERVER:
        with admin() as server, server.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name_of(data)} ALLOW_CONNECTIONS false")
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(data)}'")
        return
    for name in ("lectern.db", "lectern.db-wal", "lectern.db-shm"):
        file = pathlib.Path(data) / name
        file.write_bytes(b"\xff" * file.stat().st_size)


def is_sound(db):
    """Does the store itself find nothing wrong with its file? PostgreSQL keeps that to itself."""
    return isinstance(db, Postgres) or db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def stored(data):
    """
    All bytes that the database keeps. Of SQLite its file and log, so what was deleted as well, if it is still there. Of PostgreSQL what queries can return: its
    files lie with the server, compressed, and hold what was deleted until vacuum and the end of the log's retention (docs/operations.md).
    """
    data = pathlib.Path(data)
    if not SERVER:
        return b"".join(path.read_bytes() for path in sorted(data.glob("lectern.db*")))
    out = bytearray()
    with contextlib.closing(connect(data / "lectern.db")) as db:
        for table in tables(db):
            for row in db.execute(f'SELECT * FROM "{table}"'):
                out += b"".join(b"\0" + (v if isinstance(v, bytes) else str(v).encode()) for v in row)
    return bytes(out)

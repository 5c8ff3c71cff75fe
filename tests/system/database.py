"""
The daemon's database, to look into and to prepare. Mostly SQLite's file; with LECTERN_TEST_POSTGRES (the URL of a server on which databases may be made) each
data directory stands for a database of its own there, and the same tests run on it.
"""
import contextlib
import decimal
import hashlib
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile

SERVER = os.environ.get("LECTERN_TEST_POSTGRES", "")


def name_of(data):
    """The database of a data directory."""
    return "t" + hashlib.sha256(str(pathlib.Path(data).resolve()).encode()).hexdigest()[:24]


def url_of(data):
    return f"{SERVER.rstrip('/')}/{name_of(data)}"


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


def make(data, binary):
    """A database for a data directory, once."""
    with admin() as server, server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name_of(data)])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {name_of(data)} TEMPLATE {template(cursor, binary)}")


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
    """As much of a sqlite3.Connection as the tests use."""

    def __init__(self, url, autocommit):
        import psycopg2

        self.connection = psycopg2.connect(url)
        self.connection.autocommit = autocommit

    def execute(self, sql, values=()):
        cursor = self.connection.cursor()
        cursor.execute(re.sub(r"\?\d*", "%s", sql.replace("%", "%%")), tuple(values))
        return Rows(cursor)

    def executemany(self, sql, many):
        for values in many:
            self.execute(sql, values)

    def executescript(self, sql):
        self.execute(sql)
        self.connection.commit()

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()

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
    return Postgres(url_of(pathlib.Path(file).parent), autocommit=isolation_level is None)

#!/usr/bin/python3 -B
"""
How the register grows on PostgreSQL: LECTERN_TEST_POSTGRES=URL bench/register_volume.py LECTERN [CALLS] [MONTHS]

Fills an empty database of its own, which LECTERN has made the tables of, with CALLS calls (100000) over MONTHS months (12) by generate_series: each with one
attempt, its end, prompt and answer, and two entries of the chain. Then prints bytes a call for each table and its indexes, and how long these take: writing calls
as the daemon does (one transaction of 100 calls), a page of the register, a user's calls, a month's report, removing a month by DELETE and by DROP. The chain is
made up, so it is not verified here.
"""
import os
import subprocess
import sys
import tempfile
import time

import psycopg2

SERVER = os.environ["LECTERN_TEST_POSTGRES"].rstrip("/")
LECTERN, CALLS, MONTHS = sys.argv[1], int((sys.argv[2:] or ["100000"])[0]), int((sys.argv[3:] or ["12"])[0])
NAME = f"volume{os.getpid()}"
SITES, USERS, PROMPT, ANSWER = 20, 5000, 600, 1200
SPAN_MS = MONTHS * 30 * 86400 * 1000

# The n-th call's id: a UUIDv7 whose time is spread evenly, and whose rest is the MD5 of n.
ID = """decode(lpad(to_hex({begin} + (n::bigint * {span} / {calls})), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15), 'hex')"""
# One of a thousand texts of as many bytes.
TEXT = "(SELECT left(t, {bytes}) FROM pool WHERE id = n % 1000)"
TABLES = ["ai_call", "ai_call_attempt", "ai_call_end", "ai_action_generate_text", "register_seal"]


def admin(sql):
    server = psycopg2.connect(SERVER + "/postgres")
    server.autocommit = True
    server.cursor().execute(sql)
    server.close()


def timed(cursor, sql, values=(), times=5):
    best = None
    for _ in range(times):
        begun = time.perf_counter()
        cursor.execute(sql, values)
        if cursor.description:
            cursor.fetchall()
        took = (time.perf_counter() - begun) * 1000
        best = took if best is None else min(best, took)
    return best


def fill(cursor, begin, calls):
    id_ = ID.format(begin=begin, span=SPAN_MS, calls=calls)
    ms = f"({begin} + (n::bigint * {SPAN_MS} / {calls}))"
    series = f"FROM generate_series(0, {calls - 1}) n"
    cursor.execute(f"INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) SELECT {id_}, 1 + n % {SITES}, 'user-' || (n::bigint * 7919 % {USERS}), 'generate_text', 'course-v1:Uni+C' || (n % 200) || '+2026',"
                   f" 'block-v1:Uni+C' || (n % 200) || '+type@vertical+block@' || (n % 5000), 'course_assist', 1, {ms} {series}")
    cursor.execute("INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail, prompt_tokens, completion_tokens, duration_ms, cost)"
                   f" SELECT {id_}, 1, 1, 'vendor', 'openai', 'small-model', 1, '', 200, '', 150, 300, 1200, 500 {series}")
    cursor.execute("INSERT INTO ai_call_end (call_id, state, code, detail, instance_id, model, prompt_tokens, completion_tokens, total_tokens, completed_at, cost)"
                   f" SELECT {id_}, 'completed', '', '', 1, 'small-model', 150, 300, 450, {ms} + 1200, 500 {series}")
    columns = [row[0] for row in query(cursor, "SELECT column_name FROM information_schema.columns WHERE table_name = 'ai_action_generate_text' AND table_schema = 'public'"
                                               " AND column_name <> 'call_id' ORDER BY ordinal_position")]
    texts = {columns[0]: TEXT.format(bytes=PROMPT), columns[-1]: TEXT.format(bytes=ANSWER)}
    cursor.execute(f"INSERT INTO ai_action_generate_text (call_id, {', '.join(texts)}) SELECT {id_}, {', '.join(texts.values())} {series}")
    for kind in (1, 2):
        cursor.execute("INSERT INTO register_seal (site_id, seq, kind, call_id, meta_hash, content_hash, salt, hash)"
                       f" SELECT 1 + n % {SITES}, 2 * n + {kind}, {kind}, {id_}, sha256(n::text::bytea), sha256(n::text::bytea), sha256(n::text::bytea),"
                       f" sha256((n + {kind})::text::bytea) {series}")


def query(cursor, sql, values=()):
    cursor.execute(sql, values)
    return cursor.fetchall()


def sizes(cursor):
    print(f"\n{'table':28}{'bytes a call':>14}{'of indexes':>14}")
    whole = 0
    for table in TABLES:
        heap, indexes = map(int, query(cursor, "SELECT sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c WHERE c.oid = %s::regclass OR c.oid IN"
                                      " (SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass)", (table, table))[0])
        whole += heap + indexes
        print(f"{table:28}{heap / CALLS:14.0f}{indexes / CALLS:14.0f}")
    print(f"{'all':28}{whole / CALLS:14.0f}   = {whole / CALLS / 1e3:.2f} GB a million calls")


def write_like_the_daemon(connection, cursor):
    """Units of a call (begin; attempt, end, content), 100 of them in a transaction."""
    connection.autocommit = False
    begun = time.perf_counter()
    for n in range(100):
        key = (int(time.time() * 1000)).to_bytes(6, "big") + b"\x70\x00\x80" + os.urandom(7)
        cursor.execute("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) VALUES (%s, 1, 'u', 'generate_text', 'c', 'l', 'p', 1, 1)", (key,))
        cursor.execute("INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail, duration_ms) VALUES"
                       " (%s, 1, 1, 'vendor', 'openai', 'm', 1, '', 200, '', 1)", (key,))
        cursor.execute("INSERT INTO ai_call_end (call_id, state, code, detail, completed_at) VALUES (%s, 'completed', '', '', 1)", (key,))
        cursor.execute("INSERT INTO ai_action_generate_text (call_id) VALUES (%s)", (key,))
    connection.commit()
    connection.autocommit = True
    return (time.perf_counter() - begun) * 10


def main():
    admin(f"CREATE DATABASE {NAME} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        with tempfile.TemporaryDirectory() as data:
            subprocess.run([LECTERN, "migrate", "--data", data, "--database", f"{SERVER}/{NAME}"], check=True, capture_output=True)
        connection = psycopg2.connect(f"{SERVER}/{NAME}")
        connection.autocommit = True
        cursor = connection.cursor()
        now = int(time.time() * 1000)
        cursor.execute("CREATE TABLE pool AS SELECT id, (SELECT string_agg(substr(md5((id * 331 + w)::text), 1, 2 + w % 7), ' ') FROM generate_series(1, 300) w) AS t"
                       " FROM generate_series(0, 999) id")
        cursor.execute("CREATE UNIQUE INDEX pool_id ON pool (id)")
        # A process of Lectern gives the months of a few calls their partitions.
        fill(cursor, now - SPAN_MS, 4 * MONTHS)
        with tempfile.TemporaryDirectory() as data:
            subprocess.run([LECTERN, "migrate", "--data", data, "--database", f"{SERVER}/{NAME}"], check=True, capture_output=True)
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}")
        begun = time.perf_counter()
        fill(cursor, now - SPAN_MS, CALLS)
        print(f"{CALLS} calls over {MONTHS} months filled in {time.perf_counter() - begun:.0f} s")
        cursor.execute("VACUUM ANALYZE")
        rest = query(cursor, "SELECT count(*) FROM public_months.ai_call_rest")[0][0]
        parts = query(cursor, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ai_call'::regclass")[0][0]
        print(f"ai_call has {parts} partitions; {rest} calls are outside of all months")
        sizes(cursor)
        month = int.to_bytes(now - 45 * 86400000, 6, "big"), int.to_bytes(now - 15 * 86400000, 6, "big")
        print(f"\n{'ms':>10}")
        for what, sql, values in [
            ("the newest 50 calls of a site", "SELECT b.id FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE b.id < %s AND b.site_id = 3 ORDER BY b.id DESC LIMIT 50",
             (b"\xff" * 16,)),
            ("a user's newest 50 calls", "SELECT b.id FROM ai_call b WHERE b.site_id = 3 AND b.user_id = 'user-2' AND b.id < %s ORDER BY b.id DESC LIMIT 50", (b"\xff" * 16,)),
            ("one call by its id", "SELECT b.id FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id WHERE b.id = (SELECT id FROM ai_call WHERE id > %s LIMIT 1)", (month[0],)),
            ("a site's use in 30 days, from the calls", "SELECT b.action, COUNT(*), SUM(e.total_tokens) FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id"
             " WHERE b.id >= %s AND b.id < %s AND b.site_id + 0 = 3 GROUP BY 1", month),
        ]:
            print(f"{timed(cursor, sql, values):10.2f}  {what}")
        print(f"{min(write_like_the_daemon(connection, cursor) for _ in range(5)):10.2f}  to write one call, statement by statement, 100 in a transaction")
        names = [row[0] for row in query(cursor, "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'ai_call'::regclass"
                                                 " AND c.relname ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1")]
        suffix = [name.removeprefix("ai_call") for name in names if query(cursor, f"SELECT 1 FROM public_months.{name} LIMIT 1")]
        for way, which in (("DELETE", suffix[1]), ("DROP", suffix[2])):
            rows = query(cursor, f"SELECT count(*) FROM public_months.ai_call{which}")[0][0]
            begun = time.perf_counter()
            for table in TABLES[:4]:
                part = f"public_months.{table}{which}"
                cursor.execute(f"DELETE FROM {part}" if way == "DELETE" else f"DROP TABLE {part}")
            took = (time.perf_counter() - begun) * 1000
            if way == "DELETE":
                begun = time.perf_counter()
                for table in TABLES[:4]:
                    cursor.execute(f"VACUUM public_months.{table}{which}")
                print(f"{took:10.0f}  to DELETE a month of {rows} calls, and {(time.perf_counter() - begun) * 1000:.0f} to VACUUM behind it")
            else:
                print(f"{took:10.0f}  to DROP a month of {rows} calls")
        connection.close()
    finally:
        admin(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


main()

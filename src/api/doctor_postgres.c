/* PostgreSQL, as the doctor sees it: is what is recorded kept, is there room for our connections, do the clocks agree? */
#include "api/doctor_private.h"
#include "base/clock.h"

enum { SKEW_MS = 2000, ROOM_PERCENT = 90 };

static bool is_off(const struct lt_rows *rows, size_t column)
{
    return lt_str_is(lt_rows_str(rows, 0, column), "off");
}

void lt_check_postgres(struct lt_check_run *r)
{
    static const char sql[] =
        "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'), current_setting('server_version'),"
        " current_setting('max_connections'), (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT), current_setting('server_encoding'),"
        " CAST(has_schema_privilege(current_schema(), 'CREATE') AS INT)";
    struct lt_rows rows;
    struct lt_error err;
    int64_t before = lt_now_ms();
    if (lt_store_query(r->d->store, r->arena, sql, NULL, 0, 1, &rows, &err) || rows.rows == 0) {
        lt_check_say(r, LT_FINDING_ERROR, "Look at the server, the network and the address of the database; the daemon's log has the reason.",
                     "The database server does not answer: %s", err.detail);
        return;
    }
    int64_t after = lt_now_ms(), there = lt_rows_int(&rows, 0, 6), max = 0, used = lt_rows_int(&rows, 0, 5);
    int64_t skew = there > after ? there - after : there < before ? there - before : 0;
    if (is_off(&rows, 0))
        lt_check_say(r, LT_FINDING_WARNING, "Set fsync = on in postgresql.conf.", "The server does not wait for its disk (fsync is off): when power fails, the database may be lost.");
    if (is_off(&rows, 1))
        lt_check_say(r, LT_FINDING_WARNING, "Set full_page_writes = on in postgresql.conf.", "Pages that were half written when power failed cannot be restored (full_page_writes is off).");
    if (is_off(&rows, 2))
        lt_check_say(r, LT_FINDING_WARNING, "Set synchronous_commit = on for the server, the database or the role.",
                     "synchronous_commit is off: Lectern turns it on for what it writes, other programs on the database lose what they wrote last.");
    if (skew > SKEW_MS || skew < -SKEW_MS)
        lt_check_say(r, LT_FINDING_ERROR, "Set both machines' clocks (NTP): limits, leases and keys go by them.", "The clock of the database server is %lld ms %s ours.",
                     (long long)(skew > 0 ? skew : -skew), skew > 0 ? "ahead of" : "behind");
    if (lt_str_to_int64(lt_rows_str(&rows, 0, 4), &max) && max > 0 && used * 100 >= max * ROOM_PERCENT)
        lt_check_say(r, LT_FINDING_WARNING, "Raise max_connections, or put PgBouncer between (docs/postgresql.md).", "%lld of the server's %lld connections are in use.",
                     (long long)used, (long long)max);
    if (lt_rows_int(&rows, 0, 8) == 0)
        lt_check_say(r, LT_FINDING_ERROR, "Make the role the owner of its schema (docs/postgresql.md).", "The role may not make tables: the next version cannot be installed.");
    lt_check_say(r, LT_FINDING_OK, "", "PostgreSQL %.*s, %.*s, %lld of %lld connections in use.", LT_FMT(lt_rows_str(&rows, 0, 3)), LT_FMT(lt_rows_str(&rows, 0, 7)),
                 (long long)used, (long long)max);
}

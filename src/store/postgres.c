/*
 * PostgreSQL behind the store.
 *
 * A connection that is lost in the middle of a commit leaves open whether it was made. So each writer has a row of its own, store_writer,
 * whose number every batch raises by one, from the very number it knows. After connecting anew that row tells. When it says no, the number
 * is raised by two before the batch is written again: whatever of the lost batch still is on its way, or waits in a process that stands
 * still, then meets a number that does not fit, and fails.
 */
#include "store/postgres.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "store/postgres_pipe.h"

/* Milliseconds, as the server takes them. */
#define STATEMENT_MS "5000"
#define SLOW_MS "3600000"
#define LOCK_MS "5000"
#define IDLE_MS "10000" /* it hears nothing of a transaction that is open */

enum { WRITER_KEPT_MS = 7 * 86400000 }; /* rows of writers that ended badly */

static struct lt_pg *of(struct lt_db *db)
{
    return (struct lt_pg *)db;
}

/* ---- transactions ---- */

/*
 * Within the transaction, since a pooler gives the next one another session. Whoever has switched synchronous_commit off would lose what we
 * say is recorded.
 */
static enum lt_code set_deadlines(struct lt_pg *pg, const char *statement_ms, struct lt_error *err)
{
    static const char sql[] =
        "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),"
        " set_config('idle_in_transaction_session_timeout', $3, true), set_config('synchronous_commit',"
        " CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)";
    const struct lt_value values[] = {LT_TEXTZ(statement_ms), LT_TEXTZ(LOCK_MS), LT_TEXTZ(IDLE_MS)};
    return lt_pg_queue_values(pg, LT_PG_CHANGED, sql, values, LT_COUNT(values), err);
}

static enum lt_code begin_writing(struct lt_pg *pg, const char *statement_ms, struct lt_error *err)
{
    enum lt_code code = lt_pg_say(pg, "BEGIN", err);
    if (code == LT_OK)
        code = set_deadlines(pg, statement_ms, err);
    pg->open = code == LT_OK;
    return code;
}

/* A null number is refused: the row does not hold the number that we know. */
static enum lt_code raise_number(struct lt_pg *pg, struct lt_error *err)
{
    static const char sql[] = "INSERT INTO store_writer (id, batch) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET batch ="
                              " CASE WHEN store_writer.batch = $3 THEN excluded.batch END";
    const struct lt_value values[] = {LT_TEXTZ(pg->id), LT_INT(pg->batch + 1), LT_INT(pg->batch)};
    return lt_pg_queue_values(pg, LT_PG_CHANGED, sql, values, LT_COUNT(values), err);
}

static enum lt_code db_begin(struct lt_db *base, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    pg->db.again = pg->hint = false;
    enum lt_code code = lt_pg_connected(pg, err);
    if (code == LT_OK)
        code = begin_writing(pg, pg->db.slow ? SLOW_MS : STATEMENT_MS, err);
    if (code == LT_OK && pg->batch > 0)
        code = raise_number(pg, err);
    return code;
}

static void db_rollback(struct lt_db *base)
{
    struct lt_pg *pg = of(base);
    pg->apart = false;
    if (!pg->conn || !pg->open)
        return;
    pg->open = false;
    if (lt_pg_say(pg, "ROLLBACK", NULL) == LT_OK)
        lt_pg_settle(pg, NULL);
}

static enum lt_code commit_now(struct lt_pg *pg, struct lt_error *err)
{
    enum lt_code code = lt_pg_queue(pg, LT_PG_COMMITTED, "COMMIT", &(struct lt_pg_values){0}, -1, err);
    if (code == LT_OK)
        code = lt_pg_settle(pg, err);
    if (code == LT_OK)
        pg->open = false;
    return code;
}

/* The number in our row, which is locked: as long as the server has not noticed that the connection is gone, the lost batch holds it. 0: no row. */
static enum lt_code read_number(struct lt_pg *pg, int64_t *ret, struct lt_error *err)
{
    static const char sql[] = "SELECT batch FROM store_writer WHERE id = $1 FOR UPDATE";
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows = {0};
    pg->rows = &(struct lt_pg_rows){.arena = arena, .ret = &rows, .max_rows = 1};
    enum lt_code code = lt_pg_queue_values(pg, LT_PG_ROWS, sql, (const struct lt_value[]){LT_TEXTZ(pg->id)}, 1, err);
    if (code == LT_OK)
        code = lt_pg_settle(pg, err);
    pg->rows = NULL;
    *ret = code == LT_OK && rows.rows > 0 ? lt_rows_int(&rows, 0, 0) : 0;
    lt_arena_free(arena);
    return code;
}

/* Was the lost batch written? LT_OK: we know, and if it was not, it never will be. */
static enum lt_code find_out(struct lt_pg *pg, bool *ret_written, struct lt_error *err)
{
    int64_t number = 0;
    enum lt_code code = lt_pg_connected(pg, err);
    if (code == LT_OK)
        code = begin_writing(pg, STATEMENT_MS, err);
    if (code == LT_OK)
        code = read_number(pg, &number, err);
    if (code == LT_OK && number == pg->batch)
        code = lt_pg_queue_values(pg, LT_PG_CHANGED, "UPDATE store_writer SET batch = $1 WHERE id = $2",
                                  (const struct lt_value[]){LT_INT(pg->batch + 2), LT_TEXTZ(pg->id)}, 2, err);
    else if (code == LT_OK && (number < pg->batch || number > pg->batch + 2))
        code = lt_fail(err, LT_EINTERNAL, "the row of this writer is not its own any more");
    if (code == LT_OK)
        code = commit_now(pg, err);
    if (code != LT_OK) {
        db_rollback(&pg->db);
        return code;
    }
    *ret_written = number == pg->batch + 1;
    pg->batch = *ret_written ? number : pg->batch + 2;
    return LT_OK;
}

/* Another row: what became of the last batch is not known and cannot be waited for any longer. */
static void take_new_row(struct lt_pg *pg)
{
    lt_uuid_format(lt_uuid_new(), pg->id);
    pg->batch = 1;
}

/* The connection was lost while a commit was on its way. */
static enum lt_code look_up(struct lt_pg *pg, struct lt_error *err)
{
    struct lt_error why;
    bool written = false;
    enum lt_code code;
    uint64_t until = lt_mono_ms() + LT_DB_PATIENCE_MS;
    while ((code = find_out(pg, &written, &why)) == LT_ESTORE && !pg->conn && lt_mono_ms() < until && !lt_pg_server_is_away(pg->server))
        ;
    pg->db.again = code == LT_OK;
    if (code == LT_OK)
        return written ? LT_OK : LT_ESTORE;
    take_new_row(pg);
    return lt_fail(err, LT_ESTORE, "whether the last batch was written is not known: %.300s", why.detail);
}

static enum lt_code db_commit(struct lt_db *base, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    bool expects = false;
    for (size_t i = 0; i < pg->pending_n; i++)
        expects |= pg->pending[i].expect >= 0;
    enum lt_code code = expects ? lt_pg_settle(pg, err) : LT_OK; /* a count that is wrong is known before the commit */
    if (code != LT_OK)
        return code;
    code = pg->hint ? lt_pg_say(pg, "NOTIFY lectern", err) : LT_OK;
    if (code == LT_OK)
        code = commit_now(pg, err);
    if (code == LT_OK && pg->batch > 0)
        pg->batch++;
    else if (code != LT_OK && !pg->conn && pg->batch > 0)
        code = look_up(pg, err);
    return code;
}

static enum lt_code db_mark(struct lt_db *base, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    pg->apart = true;
    enum lt_code code = lt_pg_say(pg, "SAVEPOINT unit", err);
    return code == LT_OK ? lt_pg_settle(pg, err) : code;
}

static enum lt_code db_unmark(struct lt_db *base, bool keep, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    enum lt_code code = keep ? LT_OK : lt_pg_say(pg, "ROLLBACK TO unit", err);
    if (code == LT_OK)
        code = lt_pg_say(pg, "RELEASE unit", err);
    return code == LT_OK ? lt_pg_settle(pg, err) : code;
}

static bool db_dangling(struct lt_db *base)
{
    struct lt_pg *pg = of(base);
    struct lt_error err;
    return lt_pg_say(pg, "SET CONSTRAINTS ALL IMMEDIATE", &err) || lt_pg_say(pg, "SET CONSTRAINTS ALL DEFERRED", &err) || lt_pg_settle(pg, &err);
}

static enum lt_code apply_statement(struct lt_pg *pg, struct lt_arena *arena, const struct lt_statement *s, struct lt_error *err)
{
    struct lt_pg_values v = {.arena = arena};
    const char *at = s->values;
    for (size_t i = 0; i < s->n; i++) {
        struct lt_value value;
        at = lt_tx_value(at, &value);
        lt_pg_value_add(&v, &value);
    }
    return lt_pg_queue(pg, LT_PG_CHANGED, s->sql, &v, s->expect, err);
}

static enum lt_code db_apply(struct lt_db *base, const struct lt_tx *tx, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    struct lt_arena *arena = lt_arena_new();
    size_t at = 0;
    struct lt_statement s;
    enum lt_code code = LT_OK;
    while (code == LT_OK && lt_tx_next(tx, &at, &s))
        code = apply_statement(pg, arena, &s, err);
    lt_arena_free(arena);
    pg->hint |= tx->hint;
    if (code == LT_OK && pg->apart)
        code = lt_pg_settle(pg, err);
    return code;
}

static enum lt_code db_run(struct lt_db *base, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    enum lt_code code = lt_pg_connected(pg, err);
    if (code == LT_OK)
        code = lt_pg_queue_values(pg, LT_PG_CHANGED, sql, values, n, err);
    return code == LT_OK ? lt_pg_settle(pg, err) : code;
}

/* The end of the statement that begins at p: its ';', or the end of the text. Our migrations have no ';' in literals, but in comments. */
static const char *statement_end(const char *p)
{
    for (; *p && *p != ';'; p++) {
        if (p[0] == '-' && p[1] == '-')
            p += strcspn(p, "\n") - 1;
        else if (*p == '\'' && strchr(p + 1, '\''))
            p = strchr(p + 1, '\'');
    }
    return p;
}

static bool is_blank(struct lt_str s)
{
    while ((s = lt_str_trim(s)).n >= 2 && s.p[0] == '-' && s.p[1] == '-')
        lt_str_cut(&s, '\n');
    return s.n == 0;
}

static enum lt_code db_exec(struct lt_db *base, const char *sql, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    enum lt_code code = lt_pg_connected(pg, err);
    while (code == LT_OK && *sql) {
        const char *end = statement_end(sql);
        char *one = lt_pg_must(strndup(sql, (size_t)(end - sql)));
        if (!is_blank(lt_str(one)))
            code = lt_pg_say(pg, one, err);
        if (code == LT_OK)
            code = lt_pg_settle(pg, err); /* `one` is the key of nothing that stays */
        free(one);
        sql = *end ? end + 1 : end;
    }
    return code;
}

/* ---- queries ---- */

static enum lt_code query_once(struct lt_pg *pg, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err)
{
    enum lt_code code = lt_pg_connected(pg, err);
    bool own = code == LT_OK && !pg->open; /* within the transaction of a migration there is one already */
    char limit[12];
    snprintf(limit, sizeof(limit), "%d", lt_db_read_ms(&pg->db));
    if (own)
        code = lt_pg_say(pg, "BEGIN READ ONLY", err);
    if (code == LT_OK && own)
        code = lt_pg_queue_values(pg, LT_PG_CHANGED, "SELECT set_config('statement_timeout', $1, true), set_config('extra_float_digits', '1', true)",
                                  (const struct lt_value[]){LT_TEXTZ(limit)}, 1, err);
    if (code == LT_OK)
        code = lt_pg_queue_values(pg, LT_PG_ROWS, sql, values, n, err);
    if (code == LT_OK && own)
        code = lt_pg_say(pg, "COMMIT", err);
    if (code == LT_OK)
        code = lt_pg_settle(pg, err);
    if (code != LT_OK && own && pg->conn && lt_pg_say(pg, "ROLLBACK", NULL) == LT_OK)
        lt_pg_settle(pg, NULL);
    return code;
}

/* A connection that lay in the pool may have died there: then once more with a new one. */
static enum lt_code db_query(struct lt_db *base, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n, size_t max_rows,
                             struct lt_rows *ret, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    struct lt_pg_rows rows = {.arena = arena, .ret = ret, .max_rows = max_rows};
    *ret = (struct lt_rows){0};
    pg->rows = &rows;
    bool fresh = !pg->conn, open = pg->open;
    enum lt_code code = query_once(pg, sql, values, n, err);
    if (code == LT_ESTORE && !pg->conn && !fresh && !open) {
        *ret = (struct lt_rows){0};
        code = query_once(pg, sql, values, n, err);
    }
    pg->rows = NULL;
    return code;
}

static bool db_away(struct lt_db *base)
{
    return lt_pg_server_is_away(of(base)->server);
}

static void db_close(struct lt_db *base)
{
    struct lt_pg *pg = of(base);
    if (pg->writer && pg->batch > 0 && pg->conn)
        db_run(base, "DELETE FROM store_writer WHERE id = $1", (const struct lt_value[]){LT_TEXTZ(pg->id)}, 1, NULL);
    lt_pg_disconnect(pg);
    free(pg->pending);
    free(pg);
}

static const struct lt_db_ops ops = {
    .begin = db_begin,
    .commit = db_commit,
    .rollback = db_rollback,
    .mark = db_mark,
    .unmark = db_unmark,
    .dangling = db_dangling,
    .exec = db_exec,
    .run = db_run,
    .apply = db_apply,
    .query = db_query,
    .away = db_away,
    .close = db_close,
    .tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1",
    .columns = "SELECT table_name, column_name, ordinal_position FROM information_schema.columns WHERE table_schema = current_schema()"
               " AND substr(table_name, 1, length($1)) = $1 ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\"",
};

/* ---- opening ---- */

static struct lt_pg *new_connection(struct lt_pg_server *server, bool writer)
{
    struct lt_pg *pg = lt_pg_must(calloc(1, sizeof(*pg)));
    pg->db.ops = &ops;
    pg->server = server;
    pg->writer = writer;
    return pg;
}

static enum lt_code open_connection(struct lt_pg_server *server, bool writer, uint64_t wait_ms, struct lt_pg **ret, struct lt_error *err)
{
    struct lt_pg *pg = new_connection(server, writer);
    enum lt_code code = lt_pg_open(pg, wait_ms, err);
    if (code != LT_OK) {
        db_close(&pg->db);
        return code;
    }
    *ret = pg;
    return LT_OK;
}

/* The table, a row of our own, and no rows of those that are long gone; one that is not takes a row again when it needs it. */
static enum lt_code join_writers(struct lt_pg *pg, struct lt_error *err)
{
    int64_t there;
    char old[37];
    lt_uuid_format(lt_uuid_first_at(lt_now_ms() - WRITER_KEPT_MS), old);
    enum lt_code code = lt_db_int(&pg->db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1",
                                  (const struct lt_value[]){LT_TEXTZ("store_writer")}, 1, &there, err);
    if (code == LT_OK && there == 0)
        code = db_exec(&pg->db, "CREATE TABLE IF NOT EXISTS store_writer (id TEXT PRIMARY KEY, batch BIGINT NOT NULL)", err);
    if (code == LT_OK)
        code = db_run(&pg->db, "DELETE FROM store_writer WHERE id < $1", (const struct lt_value[]){LT_TEXTZ(old)}, 1, err);
    lt_uuid_format(lt_uuid_new(), pg->id);
    if (code == LT_OK)
        code = db_run(&pg->db, "INSERT INTO store_writer (id, batch) VALUES ($1, $2)", (const struct lt_value[]){LT_TEXTZ(pg->id), LT_INT(1)}, 2, err);
    if (code == LT_OK)
        pg->batch = 1;
    return code;
}

enum lt_code lt_postgres_open_writer(struct lt_pg_server *server, uint64_t wait_ms, struct lt_db **ret, struct lt_error *err)
{
    struct lt_pg *pg = NULL;
    enum lt_code code = open_connection(server, true, wait_ms, &pg, err);
    if (code != LT_OK)
        return code;
    code = join_writers(pg, err);
    if (code != LT_OK) {
        lt_db_close(&pg->db);
        return code;
    }
    *ret = &pg->db;
    return LT_OK;
}

enum lt_code lt_postgres_open_reader(struct lt_pg_server *server, uint64_t wait_ms, struct lt_db **ret, struct lt_error *err)
{
    struct lt_pg *pg = NULL;
    enum lt_code code = open_connection(server, false, wait_ms, &pg, err);
    if (code == LT_OK)
        *ret = &pg->db;
    return code;
}

struct lt_db *lt_postgres_new_reader(struct lt_pg_server *server)
{
    return &new_connection(server, false)->db;
}

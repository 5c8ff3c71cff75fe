/*
 * PostgreSQL behind the store.
 *
 * A connection that is lost in the middle of a commit leaves open whether it was made. So each writer has a row of its own, into which every batch writes
 * its number: after connecting anew, that row tells (store_writer).
 */
#include "store/postgres.h"

#include <stdlib.h>

#include "base/uuid.h"
#include "store/postgres_pipe.h"

static struct lt_pg *of(struct lt_db *db)
{
    return (struct lt_pg *)db;
}

/* ---- transactions ---- */

static enum lt_code db_begin(struct lt_db *base, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    pg->db.again = false;
    enum lt_code code = lt_pg_connected(pg, err);
    if (code == LT_OK)
        code = lt_pg_say(pg, "BEGIN", err);
    if (code == LT_OK)
        code = lt_pg_queue_values(pg, LT_PG_CHANGED, "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)",
                           (const struct lt_value[]){LT_TEXTZ("5000")}, 1, err);
    pg->open = code == LT_OK;
    if (code == LT_OK && pg->batch > 0)
        code = lt_pg_queue_values(pg, LT_PG_CHANGED, "UPDATE store_writer SET batch = $1 WHERE id = $2",
                           (const struct lt_value[]){LT_INT(++pg->batch), LT_TEXTZ(pg->id)}, 2, err);
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

/* Was the last batch written? The row is waited for: as long as the server has not noticed that we are gone, it is locked. */
static enum lt_code was_written(struct lt_pg *pg, bool *ret, struct lt_error *err)
{
    int64_t written = 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows = {0};
    pg->rows = &(struct lt_pg_rows){.arena = arena, .ret = &rows, .max_rows = 1};
    enum lt_code code = lt_pg_connected(pg, err);
    if (code == LT_OK)
        code = lt_pg_queue_values(pg, LT_PG_ROWS, "SELECT batch FROM store_writer WHERE id = $1 FOR UPDATE", (const struct lt_value[]){LT_TEXTZ(pg->id)}, 1, err);
    if (code == LT_OK)
        code = lt_pg_settle(pg, err);
    pg->rows = NULL;
    if (code == LT_OK && rows.rows > 0)
        written = lt_rows_int(&rows, 0, 0);
    lt_arena_free(arena);
    *ret = written == pg->batch;
    return code;
}

static enum lt_code db_commit(struct lt_db *base, struct lt_error *err)
{
    struct lt_pg *pg = of(base);
    bool expects = false, written = false;
    for (size_t i = 0; i < pg->pending_n; i++)
        expects |= pg->pending[i].expect >= 0;
    enum lt_code code = expects ? lt_pg_settle(pg, err) : LT_OK; /* a count that is wrong is known before the commit */
    if (code != LT_OK)
        return code;
    code = lt_pg_say(pg, "COMMIT", err);
    if (code == LT_OK)
        code = lt_pg_settle(pg, err);
    if (code == LT_OK) {
        pg->open = false;
    } else if (!pg->conn && pg->batch > 0) { /* lost in the middle of it */
        struct lt_error why;
        if (was_written(pg, &written, &why) == LT_OK && written)
            return LT_OK;
        pg->db.again = true;
    }
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
    if (own)
        code = lt_pg_say(pg, "BEGIN READ ONLY", err);
    if (code == LT_OK && own)
        code = lt_pg_queue_values(pg, LT_PG_CHANGED, "SELECT set_config('statement_timeout', $1, true)", (const struct lt_value[]){LT_TEXTZ("1000")}, 1, err);
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

static void db_close(struct lt_db *base)
{
    struct lt_pg *pg = of(base);
    if (pg->writer && pg->batch > 0 && pg->conn)
        db_run(base, "DELETE FROM store_writer WHERE id = $1", (const struct lt_value[]){LT_TEXTZ(pg->id)}, 1, NULL);
    lt_pg_disconnect(pg);
    free(pg->pending);
    free(pg->url);
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
    .close = db_close,
    .tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1",
    .columns = "SELECT table_name, column_name, ordinal_position FROM information_schema.columns WHERE table_schema = current_schema()"
               " AND substr(table_name, 1, length($1)) = $1 ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\"",
};

/* ---- opening ---- */

bool lt_postgres_is_url(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

/* Takes "prepare=no" out of the query: libpq does not know it. */
static bool takes_prepare(char *url)
{
    char *at = strstr(url, "prepare=no");
    if (!at || at == url || (at[-1] != '?' && at[-1] != '&') || (at[10] != '\0' && at[10] != '&'))
        return true;
    char *rest = at + 10 + (at[10] == '&'), *to = *rest ? at : at - 1;
    memmove(to, rest, strlen(rest) + 1);
    return false;
}

static enum lt_code open_connection(const char *url, bool writer, struct lt_pg **ret, struct lt_error *err)
{
    struct lt_pg *pg = lt_pg_must(calloc(1, sizeof(*pg)));
    pg->db.ops = &ops;
    pg->url = lt_pg_must(strdup(url));
    pg->prepare = takes_prepare(pg->url);
    pg->writer = writer;
    char *why = NULL;
    PQconninfoOption *parsed = PQconninfoParse(pg->url, &why);
    enum lt_code code = parsed ? LT_OK : lt_fail(err, LT_ECONFIG, "the database URL: %.*s", LT_FMT(lt_pg_line(why ? why : "out of memory")));
    PQconninfoFree(parsed);
    PQfreemem(why);
    if (code == LT_OK)
        code = lt_pg_connect(pg, err);
    if (code == LT_OK && PQserverVersion(pg->conn) < 150000)
        code = lt_fail(err, LT_ECONFIG, "PostgreSQL 15 or newer is needed, this is %d", PQserverVersion(pg->conn) / 10000);
    if (code != LT_OK) {
        db_close(&pg->db);
        return code;
    }
    *ret = pg;
    return LT_OK;
}

enum lt_code lt_postgres_open_writer(const char *url, struct lt_db **ret, struct lt_error *err)
{
    struct lt_pg *pg = NULL;
    enum lt_code code = open_connection(url, true, &pg, err);
    if (code != LT_OK)
        return code;
    lt_uuid_format(lt_uuid_new(), pg->id);
    code = db_exec(&pg->db, "CREATE TABLE IF NOT EXISTS store_writer (id TEXT PRIMARY KEY, batch BIGINT NOT NULL)", err);
    if (code == LT_OK)
        code = db_run(&pg->db, "INSERT INTO store_writer (id, batch) VALUES ($1, $2)", (const struct lt_value[]){LT_TEXTZ(pg->id), LT_INT(1)}, 2, err);
    if (code != LT_OK) {
        lt_db_close(&pg->db);
        return code;
    }
    pg->batch = 1;
    *ret = &pg->db;
    return LT_OK;
}

enum lt_code lt_postgres_open_reader(const char *url, struct lt_db **ret, struct lt_error *err)
{
    struct lt_pg *pg = NULL;
    enum lt_code code = open_connection(url, false, &pg, err);
    if (code == LT_OK)
        *ret = &pg->db;
    return code;
}

/*
 * Moving: pages of rows in the order of the primary key, each read behind the last key of the one before. How many rows a page has is found out first by
 * asking for their sizes, so that no page is much more than PAGE_BYTES.
 */
#include "store/move.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"
#include "store/catalog.h"
#include "store/migrate.h"
#include "store/postgres.h"
#include "store/sqlite.h"

enum {
    PAGE_ROWS = 2000,
    FIRST_ROWS = 16,
    PAGE_BYTES = 4 << 20,
    COLUMNS_MAX = 200,
    ROW_MAX = 128 << 20,     /* bytes of what is hashed of a row */
    LOG_PAGES = 2000,        /* of SQLite's log, which is moved into the database then */
    LOG_PATIENCE_MS = 1000,
    LEAVING_MS = 5000,       /* that a server may need to notice that a process has gone */
    POLL_MS = 100,
    TOLD_MS = 500,
};

#define MARK_NAME "a move into this database did not end"

struct side {
    struct lt_pg_server *server; /* NULL: SQLite */
    struct lt_db *db;
    bool postgres;
    struct lt_catalog catalog;
};

struct mover {
    const struct lt_move *move;
    struct lt_arena *arena;
    struct side from, to;
    uint64_t told_ms;
    struct lt_error *err;
};

/* ---- the databases ---- */

static enum lt_code open_side(const char *url, bool writer, struct side *ret, struct lt_error *err)
{
    *ret = (struct side){.postgres = lt_postgres_is_url(url)};
    if (!ret->postgres && (strncmp(url, "sqlite:", 7) != 0 || !url[7]))
        return lt_fail(err, LT_ECONFIG, "a database is \"sqlite:PATH\" or \"postgresql://…\"");
    if (ret->postgres) {
        if (lt_pg_server_new(url, &ret->server, err))
            return err->code;
        enum lt_code rc = writer ? lt_postgres_open_writer(ret->server, 0, &ret->db, err) : lt_postgres_open_reader(ret->server, 0, &ret->db, err);
        if (rc == LT_OK)
            ret->db->slow = writer; /* who makes indexes and counts what is in them */
        return rc;
    }
    return writer ? lt_sqlite_open_writer(url + 7, "FULL", &ret->db, err) : lt_sqlite_open_reader(url + 7, &ret->db, err);
}

static void close_side(struct side *side)
{
    lt_db_close(side->db);
    lt_pg_server_free(side->server);
    side->db = NULL;
    side->server = NULL;
}

/* PostgreSQL knows who else is there. SQLite's file is locked by the daemon's data directory, which is the caller's affair. */
static enum lt_code check_alone(const struct side *side, const char *what, struct lt_error *err)
{
    int64_t others = 0;
    uint64_t until = lt_mono_ms() + LEAVING_MS;
    if (!side->postgres)
        return LT_OK;
    for (;;) {
        if (lt_db_int(side->db, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lectern'"
                                " AND pid <> pg_backend_pid()", NULL, 0, &others, err))
            return err->code;
        if (others == 0)
            return LT_OK;
        if (lt_mono_ms() >= until)
            return lt_fail(err, LT_ECONFLICT, "%lld other connections of lectern are open to the database to move %s: stop every daemon first",
                           (long long)others, what);
        usleep(POLL_MS * 1000);
    }
}

static enum lt_code find_mark(struct side *side, bool *ret, struct lt_error *err)
{
    int64_t marks = 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = lt_db_query(side->db, arena, side->db->ops->tables, (const struct lt_value[]){LT_TEXTZ("schema_migration")}, 1, 1, &r, err);
    if (!rc && r.rows > 0)
        rc = lt_db_int(side->db, "SELECT COUNT(*) FROM schema_migration WHERE number = $1", (const struct lt_value[]){LT_INT(LT_MIGRATE_MOVING)}, 1, &marks, err);
    lt_arena_free(arena);
    *ret = marks > 0;
    return rc;
}

enum lt_code lt_move_look(const char *to, enum lt_move_target *ret, struct lt_error *err)
{
    struct side side;
    bool marked = false;
    *ret = LT_MOVE_NEW;
    if (!lt_postgres_is_url(to) && strncmp(to, "sqlite:", 7) == 0 && access(to + 7, F_OK) != 0)
        return LT_OK;
    enum lt_code rc = open_side(to, false, &side, err);
    if (rc == LT_OK)
        rc = find_mark(&side, &marked, err);
    close_side(&side);
    if (marked)
        *ret = LT_MOVE_HALF;
    return rc;
}

/* One statement in a transaction of its own. */
static enum lt_code write_one(struct lt_db *db, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err)
{
    enum lt_code rc = lt_db_begin(db, err);
    if (!rc)
        rc = lt_db_run(db, sql, values, n, err);
    if (!rc)
        rc = lt_db_commit(db, err);
    if (rc)
        lt_db_rollback(db);
    return rc;
}

static enum lt_code set_mark(struct mover *m)
{
    return write_one(m->to.db, "INSERT INTO schema_migration (number, name, applied_at) VALUES ($1, $2, $3)",
                     (const struct lt_value[]){LT_INT(LT_MIGRATE_MOVING), LT_TEXTZ(MARK_NAME), LT_INT(lt_now_ms())}, 3, m->err);
}

static enum lt_code remove_mark(struct mover *m)
{
    return write_one(m->to.db, "DELETE FROM schema_migration WHERE number = $1", (const struct lt_value[]){LT_INT(LT_MIGRATE_MOVING)}, 1, m->err);
}

/* ---- pages ---- */

struct cursor {
    const struct side *side;
    const struct lt_catalog_table *table;
    const char *sizes, *sizes_next, *rows, *rows_next; /* SQL of the first page and of those behind a key */
    size_t keys[COLUMNS_MAX], keys_n;                  /* indexes of the key's columns, in its order */
    struct lt_value last[COLUMNS_MAX + 1];             /* that key; in `kept` */
    struct lt_arena *kept;
    int64_t ask;                                       /* rows whose sizes are asked for next */
    bool begun;
};

static struct lt_str list_of(struct lt_arena *arena, const struct cursor *c, bool key, const char *open, const char *close, const char *between)
{
    struct lt_str list = LT_STR("");
    size_t n = key ? c->keys_n : c->table->columns_n;
    for (size_t i = 0; i < n; i++) {
        const struct lt_catalog_column *column = &c->table->columns[key ? c->keys[i] : i];
        list = lt_printf(arena, "%.*s%s%s\"%.*s\"%s", LT_FMT(list), i ? between : "", open, LT_FMT(column->name), close);
    }
    return list;
}

static const char *page_sql(struct lt_arena *arena, const struct cursor *c, struct lt_str what, bool next)
{
    struct lt_str keys = list_of(arena, c, true, "", "", ", "), behind = LT_STR("");
    for (size_t i = 0; i < c->keys_n; i++)
        behind = lt_printf(arena, "%.*s%s$%zu", LT_FMT(behind), i ? ", " : "", i + 1);
    struct lt_str where = next ? lt_printf(arena, " WHERE (%.*s) > (%.*s)", LT_FMT(keys), LT_FMT(behind)) : LT_STR("");
    return lt_printf(arena, "SELECT %.*s FROM \"%s\"%.*s ORDER BY %.*s LIMIT $%zu", LT_FMT(what), c->table->name, LT_FMT(where), LT_FMT(keys),
                     next ? c->keys_n + 1 : 1).p;
}

static enum lt_code open_cursor(struct mover *m, const struct side *side, const struct lt_catalog_table *table, struct cursor *c)
{
    *c = (struct cursor){.side = side, .table = table, .kept = lt_arena_new(), .ask = FIRST_ROWS};
    for (int64_t place = 1; place <= (int64_t)table->columns_n; place++)
        for (size_t i = 0; i < table->columns_n && i < COLUMNS_MAX; i++)
            if (table->columns[i].key == place)
                c->keys[c->keys_n++] = i;
    if (c->keys_n == 0 || table->columns_n > COLUMNS_MAX)
        return lt_fail(m->err, LT_EINTERNAL, "table %s has no primary key or more than %d columns", table->name, COLUMNS_MAX);
    struct lt_str rows = list_of(m->arena, c, false, "", "", ", ");
    struct lt_str size = side->postgres ? list_of(m->arena, c, false, "COALESCE(octet_length(CAST(", " AS TEXT)), 0)", " + ")
                                        : list_of(m->arena, c, false, "COALESCE(length(CAST(", " AS BLOB)), 0)", " + ");
    c->sizes = page_sql(m->arena, c, size, false);
    c->sizes_next = page_sql(m->arena, c, size, true);
    c->rows = page_sql(m->arena, c, rows, false);
    c->rows_next = page_sql(m->arena, c, rows, true);
    return LT_OK;
}

static enum lt_code ask(struct mover *m, struct cursor *c, struct lt_arena *arena, bool sizes, int64_t n, struct lt_rows *ret)
{
    const char *sql = c->begun ? (sizes ? c->sizes_next : c->rows_next) : (sizes ? c->sizes : c->rows);
    size_t values_n = c->begun ? c->keys_n : 0;
    c->last[values_n] = LT_INT(n);
    return lt_db_query(c->side->db, arena, sql, c->last, values_n + 1, (size_t)n, ret, m->err);
}

static void keep_key(struct cursor *c, const struct lt_rows *page)
{
    struct lt_arena *kept = lt_arena_new();
    for (size_t i = 0; i < c->keys_n; i++) {
        c->last[i] = *lt_rows_at(page, page->rows - 1, c->keys[i]);
        if (c->last[i].type == LT_V_TEXT || c->last[i].type == LT_V_BLOB)
            c->last[i].s = lt_str_copy(kept, c->last[i].s);
    }
    lt_arena_free(c->kept);
    c->kept = kept;
    c->begun = true;
}

/*
 * How many rows the next page has. To know sizes the database may have to read the rows, and a query has a second: so about twice as many are asked for
 * as fitted last, and half as many when that was too much.
 */
static enum lt_code measure(struct mover *m, struct cursor *c, struct lt_arena *arena, int64_t *ret)
{
    struct lt_rows sizes;
    int64_t n = 0, bytes = 0;
    while (ask(m, c, arena, true, c->ask, &sizes)) {
        if (m->err->code != LT_ESTORE || c->ask == 1)
            return m->err->code;
        c->ask /= 2;
    }
    while (n < (int64_t)sizes.rows && (n == 0 || bytes + lt_rows_int(&sizes, (size_t)n, 0) <= PAGE_BYTES))
        bytes += lt_rows_int(&sizes, (size_t)n++, 0);
    if (n > 0)
        c->ask = 2 * n < PAGE_ROWS ? 2 * n : PAGE_ROWS;
    *ret = n;
    return LT_OK;
}

/* No rows: that was all. */
static enum lt_code next_page(struct mover *m, struct cursor *c, struct lt_arena *arena, struct lt_rows *ret)
{
    int64_t n = 0;
    if (measure(m, c, arena, &n))
        return m->err->code;
    *ret = (struct lt_rows){0};
    if (n == 0)
        return LT_OK;
    if (ask(m, c, arena, false, n, ret))
        return m->err->code;
    if (ret->rows > 0)
        keep_key(c, ret);
    return LT_OK;
}

static void tell(struct mover *m, const char *what, const char *table, int64_t rows, bool end)
{
    uint64_t now = lt_mono_ms();
    if (!m->move->progress || rows == 0 || (!end && now < m->told_ms + TOLD_MS))
        return;
    m->told_ms = now;
    m->move->progress(m->move->ctx, what, table, rows);
}

/* Every page of a table, in an arena of its own. */
static enum lt_code each_page(struct mover *m, const struct side *side, const struct lt_catalog_table *table, const char *what,
                              enum lt_code (*visit)(struct mover *m, const struct lt_catalog_table *table, const struct lt_rows *page, void *arg),
                              void *arg)
{
    struct cursor c;
    int64_t rows = 0;
    enum lt_code rc = open_cursor(m, side, table, &c);
    for (bool more = !rc; more && !rc;) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows page = {0};
        rc = next_page(m, &c, arena, &page);
        more = page.rows > 0;
        if (!rc && more)
            rc = visit(m, table, &page, arg);
        lt_arena_free(arena);
        rows += (int64_t)page.rows;
        tell(m, what, table->name, rows, !rc && !more);
    }
    lt_arena_free(c.kept);
    return rc ? lt_error_wrap(m->err, "table %s, behind row %lld", table->name, (long long)rows) : LT_OK;
}

/* ---- copying ---- */

/* SQLite keeps what it is given, so a column may hold another type than it says. */
static struct lt_value fit(enum lt_column_kind kind, struct lt_value v)
{
    if (v.type == LT_V_TEXT && kind == LT_COLUMN_BLOB)
        v.type = LT_V_BLOB;
    else if (v.type == LT_V_BLOB && kind == LT_COLUMN_TEXT)
        v.type = LT_V_TEXT;
    else if (v.type == LT_V_INT && kind == LT_COLUMN_DOUBLE)
        v = LT_DOUBLE((double)v.i);
    return v;
}

static enum lt_code write_page(struct mover *m, const struct lt_catalog_table *table, const struct lt_rows *page, void *arg)
{
    const char *sql = arg;
    struct lt_value values[COLUMNS_MAX];
    struct lt_tx *tx = lt_tx_new();
    for (size_t row = 0; row < page->rows; row++) {
        for (size_t i = 0; i < table->columns_n; i++)
            values[i] = fit(table->columns[i].kind, *lt_rows_at(page, row, i));
        lt_tx_add(tx, sql, values, table->columns_n);
    }
    enum lt_code rc = tx->too_large ? lt_fail(m->err, LT_ETOO_LARGE, "a row is larger than %d MiB", LT_TX_MAX >> 20) : lt_db_begin(m->to.db, m->err);
    if (!rc)
        rc = lt_db_apply(m->to.db, tx, m->err);
    if (!rc)
        rc = lt_db_commit(m->to.db, m->err);
    if (rc)
        lt_db_rollback(m->to.db);
    if (m->to.db->wal_pages > LOG_PAGES)
        lt_db_checkpoint(m->to.db, LT_DB_TRUNCATE, LOG_PATIENCE_MS);
    lt_tx_discard(tx);
    return rc;
}

static enum lt_code copy_table(struct mover *m, const struct lt_catalog_table *table)
{
    struct cursor columns = {.table = table};
    struct lt_str names = list_of(m->arena, &columns, false, "", "", ", "), places = LT_STR("");
    for (size_t i = 0; i < table->columns_n; i++)
        places = lt_printf(m->arena, "%.*s%s$%zu", LT_FMT(places), i ? ", " : "", i + 1);
    const char *sql = lt_printf(m->arena, "INSERT INTO \"%s\" (%.*s) VALUES (%.*s)", table->name, LT_FMT(names), LT_FMT(places)).p;
    return each_page(m, &m->from, table, "copy", write_page, (void *)sql);
}

/* Numbers that were given out are not given again, even where their rows are gone: sealed secrets are bound to them. */
static enum lt_code copy_serial(struct mover *m, const struct lt_catalog_table *table)
{
    int64_t last = 0;
    if (table->serial < 0)
        return LT_OK;
    const char *sql = lt_printf(m->arena, "SELECT COALESCE(MAX(id), 0) FROM \"%s\"", table->name).p;
    if (lt_db_int(m->from.db, sql, NULL, 0, &last, m->err))
        return m->err->code;
    if (table->serial > last)
        last = table->serial;
    return last > 0 ? lt_catalog_set_serial(m->to.db, m->to.postgres, table->name, last, m->err) : LT_OK;
}

/* PostgreSQL makes its index of full text itself; SQLite's is made anew of the rows. */
static enum lt_code make_fulltext(struct mover *m)
{
    int64_t there = 0;
    if (m->to.postgres)
        return LT_OK;
    if (lt_db_int(m->to.db, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'course_fulltext'", NULL, 0, &there, m->err))
        return m->err->code;
    return there > 0 ? lt_db_run(m->to.db, "INSERT INTO course_fulltext(course_fulltext) VALUES ('rebuild')", NULL, 0, m->err) : LT_OK;
}

/* ---- the target ---- */

static bool same_columns(const struct lt_catalog_table *a, const struct lt_catalog_table *b)
{
    if (a->columns_n != b->columns_n)
        return false;
    for (size_t i = 0; i < a->columns_n; i++)
        if (lt_str_compare(a->columns[i].name, b->columns[i].name) != 0 || a->columns[i].kind != b->columns[i].kind)
            return false;
    return true;
}

static enum lt_code check_tables(struct mover *m)
{
    for (size_t i = 0; i < m->from.catalog.n; i++) {
        const struct lt_catalog_table *table = &m->from.catalog.tables[i], *other = lt_catalog_find(&m->to.catalog, table->name);
        if (!other)
            return lt_fail(m->err, LT_ECONFLICT, "the table %s is not known to this program", table->name);
        if (!same_columns(table, other))
            return lt_fail(m->err, LT_ECONFLICT, "the table %s has other columns in the database to move to", table->name);
    }
    return LT_OK;
}

/* What the migrations themselves put in (table meta) does not count. */
static enum lt_code check_empty(struct mover *m)
{
    for (size_t i = 0; i < m->to.catalog.n; i++) {
        const char *name = m->to.catalog.tables[i].name;
        int64_t any = 0;
        if (strcmp(name, "meta") != 0 && lt_db_int(m->to.db, lt_printf(m->arena, "SELECT 1 FROM \"%s\" LIMIT 1", name).p, NULL, 0, &any, m->err))
            return m->err->code;
        if (any)
            return lt_fail(m->err, LT_ECONFLICT, "the database to move to is not empty: the table %s has rows", name);
    }
    return LT_OK;
}

static enum lt_code empty_all(struct mover *m)
{
    for (size_t i = m->to.catalog.n; i-- > 0;) {
        const char *name = m->to.catalog.tables[i].name;
        const char *sql = lt_printf(m->arena, m->to.postgres ? "TRUNCATE \"%s\" CASCADE" : "DELETE FROM \"%s\"", name).p;
        if (write_one(m->to.db, sql, NULL, 0, m->err))
            return lt_error_wrap(m->err, "empty the table %s", name);
        if (m->to.db->wal_pages > LOG_PAGES)
            lt_db_checkpoint(m->to.db, LT_DB_TRUNCATE, LOG_PATIENCE_MS);
    }
    return LT_OK;
}

static enum lt_code prepare(struct mover *m, bool again)
{
    bool marked;
    if (find_mark(&m->to, &marked, m->err))
        return m->err->code;
    if (marked && !again)
        return lt_fail(m->err, LT_ECONFLICT, "the database to move to is half moved: an earlier move did not end. --again empties it and begins anew");
    if (check_tables(m) || (!marked && (check_empty(m) || set_mark(m))))
        return m->err->code;
    return empty_all(m);
}

/* ---- comparing ---- */

struct digest {
    int64_t rows;
    uint64_t sum[4]; /* of the rows' SHA-256, as four numbers that wrap round: the order does not matter */
};

/* The same bytes for the same value, whichever database it lies in: a whole number is one, and a text and its bytes are the same. */
static void put_value(struct lt_buf *out, const struct lt_value *v)
{
    int64_t number = v->i;
    bool whole = v->type == LT_V_INT || (v->type == LT_V_DOUBLE && v->d >= -9e15 && v->d <= 9e15 && v->d == (double)(int64_t)v->d);
    if (v->type == LT_V_DOUBLE && whole)
        number = (int64_t)v->d;
    if (v->type == LT_V_NULL) {
        lt_buf_putc(out, 'n');
    } else if (whole) {
        lt_buf_putc(out, 'i');
        lt_buf_put(out, &number, sizeof(number));
    } else if (v->type == LT_V_DOUBLE) {
        lt_buf_putc(out, 'd');
        lt_buf_put(out, &v->d, sizeof(v->d));
    } else {
        uint64_t n = v->s.n;
        lt_buf_putc(out, 't');
        lt_buf_put(out, &n, sizeof(n));
        lt_buf_put_str(out, v->s);
    }
}

static enum lt_code add_page(struct mover *m, const struct lt_catalog_table *table, const struct lt_rows *page, void *arg)
{
    struct digest *digest = arg;
    uint64_t hash[4];
    struct lt_buf row;
    lt_buf_init(&row, ROW_MAX);
    bool failed = false;
    for (size_t r = 0; r < page->rows; r++) {
        lt_buf_reset(&row);
        for (size_t i = 0; i < table->columns_n; i++)
            put_value(&row, lt_rows_at(page, r, i));
        failed |= row.failed;
        lt_sha256(lt_buf_str(&row).p, lt_buf_str(&row).n, (uint8_t *)hash);
        for (size_t i = 0; i < LT_COUNT(hash); i++)
            digest->sum[i] += hash[i];
    }
    digest->rows += (int64_t)page->rows;
    lt_buf_free(&row);
    return failed ? lt_fail(m->err, LT_ETOO_LARGE, "a row is larger than %d MiB", ROW_MAX >> 20) : LT_OK;
}

static enum lt_code digest_of(struct mover *m, const struct side *side, const char *name, int64_t *ret_rows, char ret_hex[65])
{
    struct digest digest = {0};
    if (each_page(m, side, lt_catalog_find(&side->catalog, name), "check", add_page, &digest))
        return m->err->code;
    *ret_rows = digest.rows;
    lt_hex(digest.sum, sizeof(digest.sum), ret_hex);
    return LT_OK;
}

static enum lt_code compare(struct mover *m, struct lt_move_table **ret, size_t *ret_n, bool *ret_same)
{
    *ret = LT_NEW_ARRAY(m->arena, struct lt_move_table, m->from.catalog.n + 1);
    *ret_same = true;
    for (*ret_n = 0; *ret_n < m->from.catalog.n; ++*ret_n) {
        struct lt_move_table *t = &(*ret)[*ret_n];
        t->name = m->from.catalog.tables[*ret_n].name;
        if (digest_of(m, &m->from, t->name, &t->from_rows, t->from_digest) || digest_of(m, &m->to, t->name, &t->to_rows, t->to_digest))
            return m->err->code;
        *ret_same &= t->from_rows == t->to_rows && strcmp(t->from_digest, t->to_digest) == 0;
    }
    return LT_OK;
}

/* ---- all of it ---- */

static enum lt_code copy_all(struct mover *m)
{
    for (size_t i = 0; i < m->from.catalog.n; i++)
        if (copy_table(m, &m->from.catalog.tables[i]))
            return m->err->code;
    for (size_t i = 0; i < m->from.catalog.n; i++)
        if (copy_serial(m, &m->from.catalog.tables[i]))
            return m->err->code;
    return make_fulltext(m);
}

static enum lt_code open_both(struct mover *m)
{
    if (open_side(m->move->from, false, &m->from, m->err) || check_alone(&m->from, "from", m->err))
        return m->err->code;
    if (open_side(m->move->to, false, &m->to, m->err) || check_alone(&m->to, "to", m->err))
        return m->err->code;
    close_side(&m->to);
    if (open_side(m->move->to, true, &m->to, m->err) || lt_catalog_read(m->from.db, m->from.postgres, m->arena, &m->from.catalog, m->err))
        return m->err->code;
    return lt_catalog_read(m->to.db, m->to.postgres, m->arena, &m->to.catalog, m->err);
}

enum lt_code lt_move_run(const struct lt_move *move, bool again, struct lt_arena *arena, struct lt_move_table **ret, size_t *ret_n, bool *ret_same,
                         struct lt_error *err)
{
    struct mover m = {.move = move, .arena = arena, .err = err};
    *ret_same = false;
    *ret_n = 0;
    enum lt_code rc = open_both(&m);
    if (!rc)
        rc = prepare(&m, again);
    if (!rc)
        rc = copy_all(&m);
    if (!rc)
        rc = compare(&m, ret, ret_n, ret_same);
    if (!rc)
        rc = check_alone(&m.from, "from", err);
    if (!rc && *ret_same)
        rc = remove_mark(&m);
    if (m.to.db)
        lt_db_checkpoint(m.to.db, LT_DB_TRUNCATE, LOG_PATIENCE_MS);
    close_side(&m.from);
    close_side(&m.to);
    return rc;
}

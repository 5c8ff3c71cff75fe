/*
 * Partitions. Their SQL is PostgreSQL's own (its manual, chapters 5.11 and 43.2): a DO block looks and changes in one statement, which the store makes
 * wait for its lock on changes of tables, so of several processes one makes a partition and the others find it.
 */
#include "core/register_months.h"

#include <time.h>

#include "base/uuid.h"

enum {
    AHEAD = 2,                 /* months behind this one */
    FIRST_YEAR = 2020,         /* ids of earlier times stay in the rest: no call is so old */
    NAME_MAX_BYTES = 63 - 8,   /* a name of PostgreSQL with its "_YYYY_MM" */
    TABLES_MAX = 1000,
};

struct parted {
    const char *name, *key;
};
/* Beside ai_action_*. What belongs to a call and is not here (approvals, erasures, pictures, the chain) is small, or has no call's id in its key. */
static const struct parted fixed[] = {
    {"ai_call", "id"},          {"ai_call_attempt", "call_id"},  {"ai_call_checkpoint", "call_id"}, {"ai_call_end", "call_id"},
    {"tool_call", "call_id"},   {"ai_call_feedback", "call_id"}, {"guard_verdict", "call_id"},      {"answer_cache_hit", "call_id"},
};

struct months {
    struct lt_store *store;
    struct lt_arena *arena;
    struct lt_str schema; /* of the partitions */
    int64_t since, now;
    struct parted *tables;
    size_t tables_n;
    struct lt_rows there; /* names in the schema, when it was looked at */
    struct lt_register_months *done;
    struct lt_error *err;
};

/* ---- months ---- */

/* A month as a number: 12 × year + 0 … 11. */
static int64_t month_at(int64_t ms)
{
    struct tm t;
    time_t at = ms / 1000;
    gmtime_r(&at, &t);
    return 12 * ((int64_t)t.tm_year + 1900) + t.tm_mon;
}

static int64_t ms_of(int64_t month)
{
    struct tm t = {.tm_year = (int)(month / 12 - 1900), .tm_mon = (int)(month % 12), .tm_mday = 1};
    return (int64_t)timegm(&t) * 1000;
}

static struct lt_uuid first_of(int64_t month)
{
    return lt_uuid_first_at(ms_of(month));
}

/* The month's first 48 bits as PostgreSQL writes bytes: every id of the month is at or behind it. */
static struct lt_str bound_of(struct lt_arena *arena, int64_t month)
{
    struct lt_uuid first = first_of(month);
    return lt_printf(arena, "\\x%02x%02x%02x%02x%02x%02x", first.b[0], first.b[1], first.b[2], first.b[3], first.b[4], first.b[5]);
}

static int64_t month_of_id(struct lt_str id)
{
    int64_t ms = 0;
    for (size_t i = 0; i < 6 && i < id.n; i++)
        ms = ms << 8 | (unsigned char)id.p[i];
    return month_at(ms);
}

/* ---- tables ---- */

static enum lt_code find_tables(struct months *m)
{
    struct lt_rows r;
    if (LT_QUERY(m->store, m->arena, &r, m->err, "SELECT quote_ident(current_schema() || '_months')"))
        return m->err->code;
    m->schema = lt_rows_str(&r, 0, 0);
    if (LT_QUERY(m->store, m->arena, &m->there, m->err, "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'",
                 LT_TEXT(m->schema)))
        return m->err->code;
    if (lt_store_columns(m->store, m->arena, LT_STR("ai_action_"), &r, m->err))
        return m->err->code;
    m->tables = LT_NEW_ARRAY(m->arena, struct parted, TABLES_MAX);
    for (size_t i = 0; i < LT_COUNT(fixed); i++)
        m->tables[m->tables_n++] = fixed[i];
    for (size_t i = 0; i < r.rows && m->tables_n < TABLES_MAX; i++)
        if (lt_str_is(lt_rows_str(&r, i, 1), "call_id") && lt_rows_str(&r, i, 0).n <= NAME_MAX_BYTES)
            m->tables[m->tables_n++] = (struct parted){lt_strz(m->arena, lt_rows_str(&r, i, 0)), "call_id"};
    return LT_OK;
}

static bool is_there(const struct months *m, struct lt_str name)
{
    for (size_t i = 0; i < m->there.rows; i++)
        if (lt_str_compare(lt_rows_str(&m->there, i, 0), name) == 0)
            return true;
    return false;
}

static enum lt_code change(struct months *m, struct lt_str sql)
{
    struct lt_tx *tx = lt_tx_new();
    lt_tx_add(tx, sql.p, NULL, 0);
    return lt_store_write(m->store, tx, m->err);
}

/*
 * The table as it is becomes the rest of a new one, which is like it. Its indexes keep their names, for the sake of migrations to come: those of the new
 * one were named by PostgreSQL.
 */
static enum lt_code part(struct months *m, const struct parted *t)
{
    struct lt_str s = m->schema;
    if (is_there(m, lt_printf(m->arena, "%s_rest", t->name)))
        return LT_OK;
    return change(m, lt_printf(m->arena,
        "DO $do$ DECLARE x record; BEGIN"
        " IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('%s')) = 'r' THEN"
        " CREATE SCHEMA IF NOT EXISTS %.*s;"
        " ALTER TABLE %s RENAME TO %s_rest;"
        " ALTER TABLE %s_rest SET SCHEMA %.*s;"
        " CREATE TABLE %s (LIKE %.*s.%s_rest INCLUDING ALL) PARTITION BY RANGE (%s);"
        " ALTER TABLE %s ATTACH PARTITION %.*s.%s_rest DEFAULT;"
        " FOR x IN SELECT p.relname AS made, c.relname AS wanted FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent"
        " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_index n ON n.indexrelid = c.oid"
        " WHERE n.indrelid = '%.*s.%s_rest'::regclass AND p.relname <> c.relname"
        " LOOP EXECUTE format('ALTER INDEX %%I RENAME TO %%I', x.made, x.wanted); END LOOP;"
        " END IF; END $do$",
        t->name, LT_FMT(s), t->name, t->name, t->name, LT_FMT(s), t->name, LT_FMT(s), t->name, t->key, t->name, LT_FMT(s), t->name, LT_FMT(s), t->name));
}

static struct lt_str name_of(struct months *m, const struct parted *t, int64_t month)
{
    return lt_printf(m->arena, "%s_%04lld_%02lld", t->name, (long long)month / 12, (long long)month % 12 + 1);
}

/* Rows of the month that lie in the rest move along; nobody writes there meanwhile. */
static enum lt_code make_month(struct months *m, const struct parted *t, int64_t month)
{
    struct lt_str from = bound_of(m->arena, month), to = bound_of(m->arena, month + 1);
    struct lt_str rest = lt_printf(m->arena, "%.*s.%s_rest", LT_FMT(m->schema), t->name);
    struct lt_str bare = name_of(m, t, month), name = lt_printf(m->arena, "%.*s.%.*s", LT_FMT(m->schema), LT_FMT(bare));
    if (is_there(m, bare))
        return LT_OK;
    m->done->made++;
    return change(m, lt_printf(m->arena,
        "DO $do$ BEGIN IF to_regclass('%.*s') IS NULL THEN"
        " CREATE TABLE %.*s (LIKE %s INCLUDING ALL);"
        " LOCK TABLE %.*s IN ACCESS EXCLUSIVE MODE;"
        " WITH moved AS (DELETE FROM %.*s WHERE %s >= '%.*s' AND %s < '%.*s' RETURNING *) INSERT INTO %.*s SELECT * FROM moved;"
        " ALTER TABLE %s ATTACH PARTITION %.*s FOR VALUES FROM ('%.*s') TO ('%.*s');"
        " END IF; END $do$",
        LT_FMT(name), LT_FMT(name), t->name, LT_FMT(rest), LT_FMT(rest), t->key, LT_FMT(from), t->key, LT_FMT(to), LT_FMT(name), t->name, LT_FMT(name),
        LT_FMT(from), LT_FMT(to)));
}

/* Months of which the rest has rows, one by one; those of impossible times stay there. */
static enum lt_code empty_rest(struct months *m, const struct parted *t)
{
    struct lt_rows r;
    int64_t last = month_at(m->now) + AHEAD;
    const char *sql = lt_printf(m->arena, "SELECT %s FROM %.*s.%s_rest WHERE %s >= $1 ORDER BY %s LIMIT 1", t->key, LT_FMT(m->schema), t->name, t->key, t->key).p;
    for (int64_t month = 12 * FIRST_YEAR; month <= last; month++) {
        struct lt_uuid first = first_of(month);
        if (LT_QUERY(m->store, m->arena, &r, m->err, sql, LT_BLOB(first.b, 6)))
            return m->err->code;
        if (r.rows == 0)
            return LT_OK;
        month = month_of_id(lt_rows_str(&r, 0, 0));
        if (month <= last && make_month(m, t, month))
            return m->err->code;
    }
    return LT_OK;
}

/* Of months before. Whoever is about to write there waits, and finds the rest in its place. */
static enum lt_code drop_empty(struct months *m, const struct parted *t)
{
    struct lt_rows r;
    struct lt_str since = name_of(m, t, month_at(m->since));
    if (LT_QUERY(m->store, m->arena, &r, m->err,
                 "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)"
                 " AND c.relname < $2 COLLATE \"C\" AND c.relname LIKE '%\\_____\\___' ORDER BY 1", LT_TEXTZ(t->name), LT_TEXT(since)))
        return m->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_str name = lt_printf(m->arena, "%.*s.%.*s", LT_FMT(m->schema), LT_FMT(lt_rows_str(&r, i, 0)));
        struct lt_rows any;
        if (lt_store_query(m->store, m->arena, lt_printf(m->arena, "SELECT 1 FROM %.*s LIMIT 1", LT_FMT(name)).p, NULL, 0, 1, &any, m->err))
            return m->err->code;
        if (any.rows > 0)
            continue;
        if (change(m, lt_printf(m->arena,
                "DO $do$ BEGIN IF to_regclass('%.*s') IS NOT NULL THEN LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;"
                " IF NOT EXISTS (SELECT 1 FROM %.*s) THEN DROP TABLE %.*s; END IF; END IF; END $do$",
                LT_FMT(name), t->name, LT_FMT(name), LT_FMT(name))))
            return m->err->code;
        m->done->dropped++;
    }
    return LT_OK;
}

static enum lt_code care_for(struct months *m, const struct parted *t)
{
    enum lt_code rc = part(m, t);
    for (int64_t month = month_at(m->since); !rc && month <= month_at(m->now) + AHEAD; month++)
        rc = make_month(m, t, month);
    if (!rc)
        rc = empty_rest(m, t);
    if (!rc)
        rc = drop_empty(m, t);
    return rc ? lt_error_wrap(m->err, "partitions of %s", t->name) : LT_OK;
}

/* ---- all of them ---- */

static enum lt_code count_rest(struct months *m, int64_t *ret)
{
    *ret = -1;
    for (size_t i = 0; i < m->tables_n; i++) {
        struct lt_rows r;
        struct lt_str bare = lt_printf(m->arena, "%s_rest", m->tables[i].name), rest = lt_printf(m->arena, "%.*s.%.*s", LT_FMT(m->schema), LT_FMT(bare));
        if (!is_there(m, bare))
            continue;
        if (lt_store_query(m->store, m->arena, lt_printf(m->arena, "SELECT 1 FROM %.*s LIMIT 1", LT_FMT(rest)).p, NULL, 0, 1, &r, m->err))
            return m->err->code;
        *ret = (*ret < 0 ? 0 : *ret) + (r.rows > 0);
    }
    return LT_OK;
}

enum lt_code lt_register_months_rest(struct lt_store *store, int64_t *ret, struct lt_error *err)
{
    struct months m = {.store = store, .arena = lt_arena_new(), .err = err};
    *ret = -1;
    enum lt_code rc = lt_store_is_postgres(store) ? find_tables(&m) : LT_OK;
    if (!rc)
        rc = count_rest(&m, ret);
    lt_arena_free(m.arena);
    return rc;
}

int64_t lt_register_months_oldest(struct lt_store *store, int64_t otherwise)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    struct lt_error err;
    struct lt_uuid first = first_of(12 * FIRST_YEAR);
    int64_t month = month_at(otherwise);
    if (LT_QUERY(store, arena, &r, &err, "SELECT id FROM ai_call WHERE id >= $1 ORDER BY id LIMIT 1", LT_BLOB(first.b, 16)) == LT_OK && r.rows > 0 &&
        month_of_id(lt_rows_str(&r, 0, 0)) < month)
        month = month_of_id(lt_rows_str(&r, 0, 0));
    lt_arena_free(arena);
    return ms_of(month);
}

enum lt_code lt_register_months(struct lt_store *store, int64_t since, int64_t now, struct lt_register_months *ret, struct lt_error *err)
{
    *ret = (struct lt_register_months){0};
    if (!lt_store_is_postgres(store))
        return LT_OK;
    struct months m = {.store = store, .arena = lt_arena_new(), .since = since, .now = now, .done = ret, .err = err};
    enum lt_code rc = find_tables(&m);
    for (size_t i = 0; !rc && i < m.tables_n; i++)
        rc = care_for(&m, &m.tables[i]);
    lt_arena_free(m.arena);
    return rc;
}

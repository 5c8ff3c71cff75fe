/* The other way round: is every record in the chain, or named as one that is not yet? One statement sees both, so nothing that comes meanwhile is
   missed. */
#include "core/register_verify_private.h"

enum { PAGE = 2000 };

/* kind: of the entry that must be there. */
struct source {
    const char *table, *sql;
    int64_t kind;
};
#define CHAINED(kind) \
    "EXISTS (SELECT 1 FROM register_seal s WHERE s.call_id = t.call_id AND s.kind = " kind ")" \
    " OR EXISTS (SELECT 1 FROM register_pending p WHERE p.call_id = t.call_id AND p.kind = " kind ")"
#define SITE "(SELECT b.site_id FROM ai_call b WHERE b.id = t.call_id)"
/* No DISTINCT: PostgreSQL would go through all rows for each page. A call's rows stand together. */
#define EACH(table, kind) \
    "SELECT t.call_id, " SITE ", " CHAINED(kind) " FROM (SELECT call_id FROM " table " WHERE call_id > $1 ORDER BY call_id LIMIT 2000) t ORDER BY t.call_id"

static const struct source sources[] = {
    {"ai_call", "SELECT t.call_id, t.site_id, " CHAINED("1") " FROM (SELECT id AS call_id, site_id FROM ai_call WHERE id > $1 ORDER BY id LIMIT"
     " 2000) t",
     LT_REGISTER_BEGIN},
    {"ai_call_end", EACH("ai_call_end", "2"), LT_REGISTER_END},
    {"ai_call_attempt", EACH("ai_call_attempt", "2"), LT_REGISTER_END},
    {"ai_call_checkpoint", EACH("ai_call_checkpoint", "1"), LT_REGISTER_BEGIN},
    {"tool_call", EACH("tool_call", "3"), LT_REGISTER_TOOLS},
};

static void check_row(struct lt_verify *v, const struct source *source, const struct lt_rows *r, size_t i)
{
    struct lt_str id = lt_rows_str(r, i, 0);
    struct lt_uuid call = {{0}};
    int64_t site = lt_rows_int_or(r, i, 1, 0);
    if (lt_rows_int(r, i, 2) || (v->check->site_id >= 0 && v->check->site_id != site))
        return;
    memcpy(call.b, id.p, id.n < 16 ? id.n : 16);
    v->site_id = site;
    lt_verify_found(v, "record_unknown", -1, &call, "there is a row in %s and no entry '%s' of its call", source->table,
                    lt_register_kind_name(source->kind));
}

static enum lt_code walk(struct lt_verify *v, const struct source *source)
{
    uint8_t last[16] = {0};
    for (bool more = true; more;) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows r;
        enum lt_code rc = lt_store_query(v->check->store, arena, source->sql, (const struct lt_value[]){LT_BLOB(last, 16)}, 1, PAGE, &r, v->err);
        for (size_t i = 0; !rc && i < r.rows; i++) {
            struct lt_str id = lt_rows_str(&r, i, 0);
            if (id.n == 16 && memcmp(id.p, last, 16) > 0) /* in whatever order they come */
                memcpy(last, id.p, 16);
            if (i == 0 || !lt_str_eq(id, lt_rows_str(&r, i - 1, 0)))
                check_row(v, source, &r, i);
        }
        more = !rc && r.rows == PAGE;
        lt_arena_free(arena);
        if (rc)
            return lt_error_wrap(v->err, "%s", source->table);
    }
    return LT_OK;
}

/* An action's row must be of a call of that action, too. */
static enum lt_code walk_action(struct lt_verify *v, const struct lt_register_table *t)
{
    struct lt_arena *arena = lt_arena_new();
    const char *sql = lt_printf(arena,
                                "SELECT t.call_id, " SITE ", (" CHAINED("2") ") AND EXISTS (SELECT 1 FROM ai_call b WHERE b.id = t.call_id"
                                " AND b.action = '%s') FROM (SELECT call_id FROM \"%s\" WHERE call_id > $1 ORDER BY call_id LIMIT 2000) t",
                                t->action, t->name).p;
    enum lt_code rc = walk(v, &(struct source){t->name, sql, LT_REGISTER_END});
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_verify_unknown(struct lt_verify *v)
{
    size_t n;
    const struct lt_register_table *tables = lt_register_tables(v->reader, &n);
    for (size_t i = 0; i < LT_COUNT(sources); i++)
        if (walk(v, &sources[i]))
            return v->err->code;
    for (size_t i = 0; i < n; i++)
        if (!strchr(tables[i].name, '\'') && !strchr(tables[i].name, '"') && walk_action(v, &tables[i]))
            return v->err->code;
    return LT_OK;
}

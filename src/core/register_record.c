/* The tables of actions, and entries as they are read. */
#include "core/register_record.h"

#include "base/error.h"

#define TABLE_PREFIX "ai_action_"

struct lt_register_reader {
    struct lt_store *store;
    struct lt_arena *arena;
    struct lt_register_table *tables;
    size_t tables_n;
};

/* ---- the tables of actions ---- */

static void add_table(struct lt_register_reader *reader, const struct lt_rows *r, size_t first, size_t end)
{
    struct lt_register_table *t = &reader->tables[reader->tables_n++];
    struct lt_str name = lt_rows_str(r, first, 0), list = LT_STR("call_id");
    const char **columns = LT_NEW_ARRAY(reader->arena, const char *, end - first);
    for (size_t i = first; i < end; i++) {
        const char *column = lt_strz(reader->arena, lt_rows_str(r, i, 1));
        if (strcmp(column, "call_id") == 0)
            continue;
        columns[t->columns_n++] = column;
        list = lt_printf(reader->arena, "%.*s, \"%s\"", LT_FMT(list), column);
    }
    t->name = lt_strz(reader->arena, name);
    t->action = t->name + sizeof(TABLE_PREFIX) - 1;
    t->columns = columns;
    t->one = lt_printf(reader->arena, "SELECT %.*s FROM \"%s\" WHERE call_id = $1", LT_FMT(list), t->name).p;
    t->many = lt_printf(reader->arena, "SELECT %.*s FROM \"%s\" WHERE call_id IN (" LT_REGISTER_IDS ") ORDER BY call_id", LT_FMT(list), t->name).p;
    t->remove = lt_printf(reader->arena, "DELETE FROM \"%s\" WHERE call_id = $1", t->name).p;
}

static enum lt_code find_tables(struct lt_register_reader *reader, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_columns(reader->store, reader->arena, LT_STR(TABLE_PREFIX), &r, err))
        return err->code;
    reader->tables = LT_NEW_ARRAY(reader->arena, struct lt_register_table, r.rows);
    for (size_t i = 0, end; i < r.rows; i = end) {
        for (end = i + 1; end < r.rows && lt_str_eq(lt_rows_str(&r, i, 0), lt_rows_str(&r, end, 0)); end++)
            ;
        add_table(reader, &r, i, end);
    }
    return LT_OK;
}

enum lt_code lt_register_reader_new(struct lt_store *store, struct lt_register_reader **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_register_reader *reader = LT_NEW(arena, struct lt_register_reader);
    reader->store = store;
    reader->arena = arena;
    if (find_tables(reader, err)) {
        lt_register_reader_free(reader);
        return lt_error_wrap(err, "register");
    }
    *ret = reader;
    return LT_OK;
}

void lt_register_reader_free(struct lt_register_reader *reader)
{
    if (reader)
        lt_arena_free(reader->arena);
}

struct lt_store *lt_register_reader_store(const struct lt_register_reader *reader)
{
    return reader->store;
}

const struct lt_register_table *lt_register_tables(const struct lt_register_reader *reader, size_t *ret_n)
{
    *ret_n = reader->tables_n;
    return reader->tables;
}

/* ---- entries ---- */

static bool take(uint8_t out[LT_REGISTER_HASH], struct lt_str blob)
{
    if (blob.n == LT_REGISTER_HASH)
        memcpy(out, blob.p, LT_REGISTER_HASH);
    return blob.n == LT_REGISTER_HASH;
}

/* What has not the form of an entry is one with a wrong hash. */
void lt_register_read_entry(const struct lt_rows *r, size_t i, struct lt_register_entry *e)
{
    struct lt_str id = lt_rows_str(r, i, 3);
    *e = (struct lt_register_entry){.site_id = lt_rows_int(r, i, 0), .seq = lt_rows_int(r, i, 1), .kind = lt_rows_int(r, i, 2),
                                    .through = lt_rows_int_or(r, i, 4, -1)};
    e->has_call = id.n == sizeof(e->call_id.b);
    if (e->has_call)
        memcpy(e->call_id.b, id.p, id.n);
    e->salted = take(e->salt, lt_rows_str(r, i, 7));
    if (!take(e->meta_hash, lt_rows_str(r, i, 5)) || !take(e->content_hash, lt_rows_str(r, i, 6)) || !take(e->hash, lt_rows_str(r, i, 8)))
        memset(e->hash, 0, LT_REGISTER_HASH);
}

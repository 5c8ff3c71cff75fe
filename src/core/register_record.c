/* Which tables and columns make up a record, and which of them are content. */
#include "core/register_record.h"

#include "base/error.h"

#define TABLE_PREFIX "ai_action_"

/* Rows of one table: the first `meta` columns are metadata, those behind them content. */
struct part {
    int64_t kind;
    const char *table, *sql;
    const char *names[16];
    size_t meta;
};
static const struct part parts[] = {
    {LT_REGISTER_BEGIN, "ai_call",
     "SELECT site_id, action, course_id, location_id, placement, content_stored, created_at, user_id FROM ai_call WHERE id = $1",
     {"site_id", "action", "course_id", "location_id", "placement", "content_stored", "created_at", "user_id"}, 7},
    {LT_REGISTER_END, "ai_call_end",
     "SELECT state, code, instance_id, model, prompt_tokens, completion_tokens, total_tokens, completed_at, cost, detail, partial"
     " FROM ai_call_end WHERE call_id = $1",
     {"state", "code", "instance_id", "model", "prompt_tokens", "completion_tokens", "total_tokens", "completed_at", "cost", "detail", "partial"}, 9},
    {LT_REGISTER_END, "ai_call_attempt",
     "SELECT n, instance_id, instance, plugin, model, success, code, vendor_status, prompt_tokens, completion_tokens, duration_ms, cost, detail"
     " FROM ai_call_attempt WHERE call_id = $1 ORDER BY n",
     {"n", "instance_id", "instance", "plugin", "model", "success", "code", "vendor_status", "prompt_tokens", "completion_tokens", "duration_ms",
      "cost", "detail"}, 12},
    {LT_REGISTER_END, "ai_call_checkpoint", "SELECT n, created_at, text FROM ai_call_checkpoint WHERE call_id = $1 ORDER BY n",
     {"n", "created_at", "text"}, 0},
    {LT_REGISTER_TOOLS, "tool_call",
     "SELECT position, state, code, duration_ms, result_bytes, name, arguments FROM tool_call WHERE call_id = $1 ORDER BY position",
     {"position", "state", "code", "duration_ms", "result_bytes", "name", "arguments"}, 5},
    {LT_REGISTER_ERASED, "register_erasure", "SELECT erased_at FROM register_erasure WHERE call_id = $1", {"erased_at"}, 1},
};

struct lt_register_reader {
    struct lt_store *store;
    struct lt_arena *arena;
    struct lt_register_table *tables;
    size_t tables_n;
    struct lt_buf meta, content;
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
    t->select = lt_printf(reader->arena, "SELECT %.*s FROM \"%s\" WHERE call_id = $1", LT_FMT(list), t->name).p;
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
    lt_buf_init(&reader->meta, SIZE_MAX);
    lt_buf_init(&reader->content, SIZE_MAX);
    if (find_tables(reader, err)) {
        lt_register_reader_free(reader);
        return lt_error_wrap(err, "register");
    }
    *ret = reader;
    return LT_OK;
}

void lt_register_reader_free(struct lt_register_reader *reader)
{
    if (!reader)
        return;
    lt_buf_free(&reader->meta);
    lt_buf_free(&reader->content);
    lt_arena_free(reader->arena);
}

const struct lt_register_table *lt_register_tables(const struct lt_register_reader *reader, size_t *ret_n)
{
    *ret_n = reader->tables_n;
    return reader->tables;
}

/* ---- one record ---- */

static bool is_blank(const struct lt_value *v)
{
    return v->type == LT_V_NULL || (v->type == LT_V_TEXT && v->s.n == 0);
}

static enum lt_code read_part(struct lt_register_reader *reader, struct lt_arena *arena, const struct part *p, struct lt_uuid id,
                              struct lt_register_record *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(reader->store, arena, &r, err, p->sql, LT_BLOB(id.b, 16)))
        return err->code;
    for (size_t i = 0; i < r.rows; i++) {
        const struct lt_value *values = lt_rows_at(&r, i, 0);
        if (p->meta > 0)
            lt_canon_row(&reader->meta, p->table, p->names, values, p->meta);
        if (r.columns > p->meta)
            lt_canon_row(&reader->content, p->table, p->names + p->meta, values + p->meta, r.columns - p->meta);
        if (p->kind != LT_REGISTER_BEGIN && r.columns > p->meta) /* texts stand last; a tool's name stays when its arguments go */
            ret->blank = ret->blank && is_blank(&values[r.columns - 1]) && (p->kind != LT_REGISTER_END || p->meta == 0 || is_blank(&values[p->meta]));
    }
    if (p->meta > 0 && r.rows > 0 && strcmp(p->table, "ai_call_attempt") != 0)
        ret->there = true;
    return LT_OK;
}

/* Columns that are empty are left out: those that a newer program adds change nothing, nor does a row in which all are. */
static enum lt_code read_action(struct lt_register_reader *reader, struct lt_arena *arena, struct lt_str action, struct lt_uuid id,
                                struct lt_register_record *ret, struct lt_error *err)
{
    for (size_t i = 0; i < reader->tables_n; i++) {
        const struct lt_register_table *t = &reader->tables[i];
        struct lt_rows r;
        if (!lt_str_is(action, t->action))
            continue;
        if (lt_store_query(reader->store, arena, t->select, (const struct lt_value[]){LT_BLOB(id.b, 16)}, 1, 1, &r, err))
            return err->code;
        for (size_t c = 0; r.rows > 0 && c < t->columns_n; c++)
            if (!is_blank(lt_rows_at(&r, 0, c + 1))) {
                lt_canon_row(&reader->content, t->name, &t->columns[c], lt_rows_at(&r, 0, c + 1), 1);
                ret->blank = false;
            }
    }
    return LT_OK;
}

static enum lt_code read_kind(struct lt_register_reader *reader, struct lt_arena *arena, int64_t kind, struct lt_uuid id, struct lt_str action,
                              struct lt_register_record *ret, struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (parts[i].kind == kind && read_part(reader, arena, &parts[i], id, ret, err))
            return err->code;
    return kind == LT_REGISTER_END ? read_action(reader, arena, action, id, ret, err) : LT_OK;
}

/* What is left of an erased call's content; its metadata stands under the entries of its own. */
static enum lt_code read_rest(struct lt_register_reader *reader, struct lt_arena *arena, int64_t through, struct lt_uuid id, struct lt_str action,
                              struct lt_register_record *ret, struct lt_error *err)
{
    bool there = ret->there;
    size_t meta = reader->meta.n;
    for (int64_t kind = LT_REGISTER_BEGIN; kind <= LT_REGISTER_TOOLS; kind++)
        if (through > 0 && (through >> kind & 1) && read_kind(reader, arena, kind, id, action, ret, err))
            return err->code;
    ret->there = there;
    reader->meta.n = meta;
    return LT_OK;
}

enum lt_code lt_register_read(struct lt_register_reader *reader, int64_t kind, struct lt_uuid id, int64_t through, struct lt_register_record *ret,
                              struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows call;
    *ret = (struct lt_register_record){.blank = true};
    lt_buf_reset(&reader->meta);
    lt_buf_reset(&reader->content);
    enum lt_code rc = LT_QUERY(reader->store, arena, &call, err, "SELECT site_id, action FROM ai_call WHERE id = $1", LT_BLOB(id.b, 16));
    if (!rc) {
        struct lt_str action = call.rows > 0 ? lt_rows_str(&call, 0, 1) : LT_STR("");
        ret->site_id = call.rows > 0 ? lt_rows_int(&call, 0, 0) : 0;
        rc = read_kind(reader, arena, kind, id, action, ret, err);
        if (!rc && kind == LT_REGISTER_ERASED)
            rc = read_rest(reader, arena, through, id, action, ret, err);
    }
    ret->meta = lt_buf_str(&reader->meta);
    ret->content = lt_buf_str(&reader->content);
    lt_arena_free(arena);
    return rc ? lt_error_wrap(err, "register") : LT_OK;
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

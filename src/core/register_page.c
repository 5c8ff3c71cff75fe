/* Which tables and columns make up a record, which of them are content, and how they are read for many calls at once. */
#include "core/register_page.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

/* Rows of one table, for one call and for many: the first column is the call, the next `meta` columns are metadata, those behind them content. */
struct part {
    int64_t kind;
    const char *table, *one, *many;
    const char *names[16];
    size_t meta;
};
#define SELECT_PART(table, key, columns, order)                                                                              \
    table, "SELECT " key ", " columns " FROM " table " WHERE " key " = $1" order,                                            \
        "SELECT " key ", " columns " FROM " table " WHERE " key " IN (" LT_REGISTER_IDS ")" order
static const struct part parts[] = {
    {LT_REGISTER_BEGIN,
     SELECT_PART("ai_call", "id", "site_id, action, course_id, location_id, placement, content_stored, created_at, user_id", " ORDER BY id"),
     {"site_id", "action", "course_id", "location_id", "placement", "content_stored", "created_at", "user_id"}, 7},
    {LT_REGISTER_END,
     SELECT_PART("ai_call_end", "call_id",
                 "state, code, instance_id, model, prompt_tokens, completion_tokens, total_tokens, completed_at, cost, detail, partial",
                 " ORDER BY call_id"),
     {"state", "code", "instance_id", "model", "prompt_tokens", "completion_tokens", "total_tokens", "completed_at", "cost", "detail", "partial"}, 9},
    {LT_REGISTER_END,
     SELECT_PART("ai_call_attempt", "call_id",
                 "n, instance_id, instance, plugin, model, success, code, vendor_status, prompt_tokens, completion_tokens, duration_ms, cost, detail",
                 " ORDER BY call_id, n"),
     {"n", "instance_id", "instance", "plugin", "model", "success", "code", "vendor_status", "prompt_tokens", "completion_tokens", "duration_ms",
      "cost", "detail"}, 12},
    {LT_REGISTER_END, SELECT_PART("ai_call_checkpoint", "call_id", "n, created_at, text", " ORDER BY call_id, n"), {"n", "created_at", "text"}, 0},
    {LT_REGISTER_TOOLS,
     SELECT_PART("tool_call", "call_id", "position, state, code, duration_ms, result_bytes, name, arguments", " ORDER BY call_id, position"),
     {"position", "state", "code", "duration_ms", "result_bytes", "name", "arguments"}, 5},
    {LT_REGISTER_ERASED, SELECT_PART("register_erasure", "call_id", "erased_at", " ORDER BY call_id"), {"erased_at"}, 1},
};
/* What the chain itself says of calls. Erasures: whether they are chained, and which kinds they have taken the salts of. */
#define ERASURES                                                                                                             \
    "SELECT x.call_id, x.sealed, y.through FROM register_erasure x LEFT JOIN register_seal y ON y.call_id = x.call_id AND y.kind = 4" \
    " WHERE x.call_id "
#define SALTS "SELECT call_id, kind, salt FROM register_seal WHERE call_id "

enum { BEGIN_PART = 0, NEEDS_ERASURE = 1 << LT_REGISTER_KINDS, NEEDS_SALTS = NEEDS_ERASURE << 1 };
static const int rest_kinds = 1 << LT_REGISTER_BEGIN | 1 << LT_REGISTER_END | 1 << LT_REGISTER_TOOLS;

struct lt_register_page {
    struct lt_register_reader *reader;
    struct lt_arena *arena; /* of the rows */
    size_t ask;             /* calls of the next page */
    size_t calls_n;
    struct call {
        struct lt_uuid id;
        int needs;          /* a bit for each kind, and the two above */
        int64_t site_id;
        struct lt_str action;
    } calls[LT_REGISTER_PAGE_CALLS]; /* in the order of ids */
    struct lt_rows parts[LT_COUNT(parts)], erasures, salts;
    struct lt_rows *actions; /* in the order of the reader's tables */
    struct lt_buf meta, content;
};

struct lt_register_page *lt_register_page_new(struct lt_register_reader *reader)
{
    struct lt_register_page *page = calloc(1, sizeof(*page));
    if (!page)
        lt_out_of_memory(0);
    page->reader = reader;
    page->ask = LT_REGISTER_PAGE_CALLS;
    page->arena = lt_arena_new();
    lt_buf_init(&page->meta, SIZE_MAX);
    lt_buf_init(&page->content, SIZE_MAX);
    return page;
}

void lt_register_page_free(struct lt_register_page *page)
{
    if (!page)
        return;
    lt_buf_free(&page->meta);
    lt_buf_free(&page->content);
    lt_arena_free(page->arena);
    free(page);
}

/* ---- which calls ---- */

/* Where the call stands, or belongs. */
static size_t place_of(const struct lt_register_page *page, struct lt_uuid id)
{
    size_t from = 0, to = page->calls_n;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (memcmp(page->calls[middle].id.b, id.b, sizeof(id.b)) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int needs_of(const struct lt_register_entry *e)
{
    int needs = e->salted ? 0 : NEEDS_ERASURE;
    if (e->kind >= LT_REGISTER_BEGIN && e->kind <= LT_REGISTER_ERASED)
        needs |= 1 << e->kind;
    if (e->kind == LT_REGISTER_ERASED)
        needs |= e->through < 0 ? rest_kinds | NEEDS_SALTS : (int)(e->through & rest_kinds);
    return needs;
}

/* False: the page has `max` calls already. */
static bool add_call(struct lt_register_page *page, const struct lt_register_entry *e, size_t max)
{
    if (!e->has_call)
        return true;
    size_t i = place_of(page, e->call_id);
    struct call *c = &page->calls[i];
    if (i == page->calls_n || memcmp(c->id.b, e->call_id.b, sizeof(c->id.b)) != 0) {
        if (page->calls_n == max)
            return false;
        memmove(c + 1, c, (page->calls_n++ - i) * sizeof(*c));
        *c = (struct call){.id = e->call_id};
    }
    c->needs |= needs_of(e);
    return true;
}

static size_t add_calls(struct lt_register_page *page, const struct lt_register_entry *entries, size_t n, size_t max)
{
    size_t i = 0;
    page->calls_n = 0;
    while (i < n && add_call(page, &entries[i], max))
        i++;
    return i;
}

/* ---- their rows ---- */

static struct lt_str id_of(const struct lt_rows *r, size_t row)
{
    return lt_rows_str(r, row, 0);
}

/* Rows come in the order of calls. The first one of the call, or behind where it would be. */
static size_t first_row(const struct lt_rows *r, struct lt_uuid id)
{
    struct lt_str wanted = {(const char *)id.b, sizeof(id.b)};
    size_t from = 0, to = r->rows;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (lt_str_compare(id_of(r, middle), wanted) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_of(const struct lt_rows *r, size_t row, struct lt_uuid id)
{
    return row < r->rows && lt_str_eq(id_of(r, row), (struct lt_str){(const char *)id.b, sizeof(id.b)});
}

/* The rows of calls that need this; with `action`, of those of that action. The last id fills up what is left of the statement's values. */
static enum lt_code read_rows(struct lt_register_page *page, const char *one, const char *many, int need, const char *action, struct lt_rows *ret,
                              struct lt_error *err)
{
    struct lt_value ids[LT_REGISTER_PAGE_CALLS];
    size_t n = 0;
    *ret = (struct lt_rows){0};
    for (size_t i = 0; i < page->calls_n; i++)
        if ((page->calls[i].needs & need) && (!action || lt_str_is(page->calls[i].action, action)))
            ids[n++] = LT_BLOB(page->calls[i].id.b, 16);
    if (n == 0)
        return LT_OK;
    for (size_t i = n; i < LT_COUNT(ids); i++)
        ids[i] = ids[n - 1];
    if (lt_store_query(lt_register_reader_store(page->reader), page->arena, n == 1 ? one : many, ids, n == 1 ? 1 : LT_COUNT(ids), 0, ret, err))
        return err->code;
    if (page->calls_n > 1 && lt_arena_used(page->arena) > LT_REGISTER_PAGE_MAX)
        return lt_fail(err, LT_ESTORE, "a page of the register has more than %d MiB", LT_REGISTER_PAGE_MAX >> 20);
    return LT_OK;
}

static void take_calls(struct lt_register_page *page)
{
    const struct lt_rows *r = &page->parts[BEGIN_PART];
    for (size_t i = 0; i < page->calls_n; i++) {
        struct call *c = &page->calls[i];
        size_t row = first_row(r, c->id);
        if (!is_of(r, row, c->id))
            continue;
        c->site_id = lt_rows_int(r, row, 1);
        c->action = lt_rows_str(r, row, 2);
    }
}

static enum lt_code read_all(struct lt_register_page *page, struct lt_error *err)
{
    size_t tables_n;
    const struct lt_register_table *tables = lt_register_tables(page->reader, &tables_n);
    lt_arena_free(page->arena);
    page->arena = lt_arena_new();
    page->actions = LT_NEW_ARRAY(page->arena, struct lt_rows, tables_n);
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        int need = i == BEGIN_PART ? -1 : 1 << parts[i].kind; /* a call's action and site say the rest */
        if (read_rows(page, parts[i].one, parts[i].many, need, NULL, &page->parts[i], err))
            return err->code;
        if (i == BEGIN_PART)
            take_calls(page);
    }
    for (size_t i = 0; i < tables_n; i++)
        if (read_rows(page, tables[i].one, tables[i].many, 1 << LT_REGISTER_END, tables[i].action, &page->actions[i], err))
            return err->code;
    if (read_rows(page, ERASURES "= $1", ERASURES "IN (" LT_REGISTER_IDS ") ORDER BY x.call_id", NEEDS_ERASURE, NULL, &page->erasures, err))
        return err->code;
    return read_rows(page, SALTS "= $1", SALTS "IN (" LT_REGISTER_IDS ") ORDER BY call_id", NEEDS_SALTS, NULL, &page->salts, err);
}

enum lt_code lt_register_page_read(struct lt_register_page *page, const struct lt_register_entry *entries, size_t n, size_t *ret_n, struct lt_error *err)
{
    struct lt_store *store = lt_register_reader_store(page->reader);
    *ret_n = add_calls(page, entries, n, page->ask);
    while (read_all(page, err)) {
        if (err->code != LT_ESTORE || page->calls_n <= 1 || !lt_store_is_ready(store))
            return lt_error_wrap(err, "register");
        page->ask = page->calls_n / 2;
        *ret_n = add_calls(page, entries, n, page->ask);
    }
    if (lt_arena_used(page->arena) > LT_REGISTER_PAGE_BYTES)
        page->ask = page->ask > 1 ? page->ask / 2 : 1;
    else if (lt_arena_used(page->arena) < LT_REGISTER_PAGE_BYTES / 2 && page->ask < LT_REGISTER_PAGE_CALLS)
        page->ask = 2 * page->ask < LT_REGISTER_PAGE_CALLS ? 2 * page->ask : LT_REGISTER_PAGE_CALLS;
    return LT_OK;
}

/* ---- one record ---- */

static bool is_blank(const struct lt_value *v)
{
    return v->type == LT_V_NULL || (v->type == LT_V_TEXT && v->s.n == 0);
}

static void put_part(struct lt_register_page *page, size_t part, struct lt_uuid id, struct lt_register_record *ret)
{
    const struct part *p = &parts[part];
    const struct lt_rows *r = &page->parts[part];
    for (size_t i = first_row(r, id); is_of(r, i, id); i++) {
        const struct lt_value *values = lt_rows_at(r, i, 1);
        size_t columns = r->columns - 1;
        if (p->meta > 0)
            lt_canon_row(&page->meta, p->table, p->names, values, p->meta);
        if (columns > p->meta)
            lt_canon_row(&page->content, p->table, p->names + p->meta, values + p->meta, columns - p->meta);
        if (p->kind != LT_REGISTER_BEGIN && columns > p->meta) /* texts stand last; a tool's name stays when its arguments go */
            ret->blank = ret->blank && is_blank(&values[columns - 1]) && (p->kind != LT_REGISTER_END || p->meta == 0 || is_blank(&values[p->meta]));
        if (p->meta > 0 && strcmp(p->table, "ai_call_attempt") != 0)
            ret->there = true;
    }
}

/* Columns that are empty are left out: those that a newer program adds change nothing, nor does a row in which all are. */
static void put_action(struct lt_register_page *page, const struct call *call, struct lt_register_record *ret)
{
    size_t tables_n;
    const struct lt_register_table *tables = lt_register_tables(page->reader, &tables_n);
    for (size_t i = 0; i < tables_n; i++) {
        const struct lt_register_table *t = &tables[i];
        const struct lt_rows *r = &page->actions[i];
        size_t row = first_row(r, call->id);
        if (!lt_str_is(call->action, t->action) || !is_of(r, row, call->id))
            continue;
        for (size_t c = 0; c < t->columns_n; c++)
            if (!is_blank(lt_rows_at(r, row, c + 1))) {
                lt_canon_row(&page->content, t->name, &t->columns[c], lt_rows_at(r, row, c + 1), 1);
                ret->blank = false;
            }
    }
}

static void put_kind(struct lt_register_page *page, int64_t kind, const struct call *call, struct lt_register_record *ret)
{
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (parts[i].kind == kind)
            put_part(page, i, call->id, ret);
    if (kind == LT_REGISTER_END)
        put_action(page, call, ret);
}

/* What is left of an erased call's content; its metadata stands under the entries of its own. */
static void put_rest(struct lt_register_page *page, int64_t through, const struct call *call, struct lt_register_record *ret)
{
    bool there = ret->there;
    size_t meta = page->meta.n;
    for (int64_t kind = LT_REGISTER_BEGIN; kind <= LT_REGISTER_TOOLS; kind++)
        if (through > 0 && (through >> kind & 1))
            put_kind(page, kind, call, ret);
    ret->there = there;
    page->meta.n = meta;
}

void lt_register_page_record(struct lt_register_page *page, const struct lt_register_entry *e, struct lt_register_record *ret)
{
    const struct call *call = &page->calls[place_of(page, e->call_id)];
    *ret = (struct lt_register_record){.blank = true, .site_id = call->site_id};
    lt_buf_reset(&page->meta);
    lt_buf_reset(&page->content);
    put_kind(page, e->kind, call, ret);
    if (e->kind == LT_REGISTER_ERASED)
        put_rest(page, e->through, call, ret);
    ret->meta = lt_buf_str(&page->meta);
    ret->content = lt_buf_str(&page->content);
}

/* ---- what the chain says ---- */

bool lt_register_page_erased(const struct lt_register_page *page, struct lt_uuid call_id, int64_t kind)
{
    const struct lt_rows *r = &page->erasures;
    size_t row = first_row(r, call_id);
    return is_of(r, row, call_id) && (lt_rows_int(r, row, 1) == 0 || (lt_rows_int(r, row, 2) >> kind & 1));
}

struct lt_register_salts lt_register_page_salts(const struct lt_register_page *page, struct lt_uuid call_id)
{
    const struct lt_rows *r = &page->salts;
    struct lt_register_salts ret = {0};
    for (size_t i = first_row(r, call_id); is_of(r, i, call_id); i++) {
        int64_t kind = lt_rows_int(r, i, 1);
        ret.begun = ret.begun || kind == LT_REGISTER_BEGIN;
        ret.erased = ret.erased || kind == LT_REGISTER_ERASED;
        if (kind >= LT_REGISTER_BEGIN && kind <= LT_REGISTER_TOOLS && lt_rows_at(r, i, 2)->type == LT_V_NULL)
            ret.lost |= INT64_C(1) << kind;
    }
    return ret;
}

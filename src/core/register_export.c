/* Writing the register as JSON lines or CSV. */
#include "core/register_export.h"

#include "base/clock.h"
#include "core/register_read.h"
#include "text/csv.h"
#include "text/json.h"

enum { WINDOW = 1000, WINDOW_CONTENT = 20 /* calls looked at in one query */, PIECE = 64 * 1024, LINE_MAX_ = 256 << 20 };

struct export {
    const struct lt_register_export *x;
    struct lt_arena *arena; /* of a window */
    struct lt_buf out;
    struct lt_error *err;
};

static enum lt_code give(struct export *e, bool all)
{
    enum lt_code rc = e->out.failed ? lt_fail(e->err, LT_ETOO_LARGE, "a call is larger than %d MiB", LINE_MAX_ >> 20) : LT_OK;
    if (!rc && e->out.n > 0 && (all || e->out.n >= PIECE)) {
        rc = e->x->write(e->x->ctx, lt_buf_str(&e->out), e->err);
        lt_buf_reset(&e->out);
    }
    return rc;
}

/* ---- a call's cells, in one order for both formats ---- */

struct cells {
    struct lt_jw *w; /* JSON, else: */
    struct lt_csv_row *row;
    bool head;       /* names instead of values */
};

static void text_cell(struct cells *c, const char *name, struct lt_str text)
{
    if (c->w)
        lt_jw_kstr(c->w, name, text.p ? text : LT_STR(""));
    else
        lt_csv_text(c->row, c->head ? lt_str(name) : text);
}

static void int_cell(struct cells *c, const char *name, int64_t v)
{
    if (c->head) {
        lt_csv_text(c->row, lt_str(name));
    } else if (!c->w) {
        lt_csv_known_int(c->row, v);
    } else {
        lt_jw_key(c->w, name);
        if (v < 0)
            lt_jw_null(c->w);
        else
            lt_jw_int(c->w, v);
    }
}

static void time_cell(struct cells *c, const char *name, int64_t ms)
{
    char text[25] = "";
    if (ms > 0)
        lt_time_format(ms, text);
    if (c->w && ms <= 0) {
        lt_jw_key(c->w, name);
        lt_jw_null(c->w);
    } else {
        text_cell(c, name, lt_str(text));
    }
}

static void json_cell(struct cells *c, const char *name, struct lt_str json)
{
    if (!c->w) {
        text_cell(c, name, json);
        return;
    }
    lt_jw_key(c->w, name);
    lt_jw_raw(c->w, json);
}

static void put_cells(struct export *e, struct cells *c, const struct lt_register_call *call, struct lt_str tools, struct lt_str content)
{
    text_cell(c, "id", lt_str(call->id));
    time_cell(c, "created_at", call->created_at);
    time_cell(c, "completed_at", call->completed_at);
    text_cell(c, "user_id", call->user_id);
    text_cell(c, "action", call->action);
    text_cell(c, "course_id", call->course_id);
    text_cell(c, "location_id", call->location_id);
    text_cell(c, "placement", call->placement);
    text_cell(c, "state", call->state);
    text_cell(c, "code", call->code);
    text_cell(c, "detail", call->detail);
    text_cell(c, "provider", call->instance);
    text_cell(c, "plugin", call->plugin);
    text_cell(c, "model", call->model);
    int_cell(c, "prompt_tokens", call->usage.prompt_tokens);
    int_cell(c, "completion_tokens", call->usage.completion_tokens);
    int_cell(c, "total_tokens", call->usage.total_tokens);
    if (e->x->cost)
        int_cell(c, "cost", call->cost);
    int_cell(c, "content_stored", call->content_stored);
    if (e->x->content) {
        text_cell(c, "partial", call->partial);
        json_cell(c, "tools", tools);
        json_cell(c, "content", content);
    }
}

static void put_header(struct export *e)
{
    static const struct lt_register_call none;
    struct lt_csv_row row = lt_csv_row(&e->out);
    put_cells(e, &(struct cells){.row = &row, .head = true}, &none, LT_STR(""), LT_STR(""));
    lt_csv_row_end(&row);
}

static enum lt_code put_call(struct export *e, const struct lt_register_call *call)
{
    struct lt_str tools = LT_STR("[]"), content = LT_STR("{}");
    struct lt_uuid id;
    if (e->x->content && lt_uuid_parse(lt_str(call->id), &id) &&
        (lt_register_tools_json(e->x->store, e->arena, id, &tools, e->err) ||
         lt_register_content_json(e->x->store, e->arena, call->action, id, &content, e->err)))
        return e->err->code;
    if (e->x->csv) {
        struct lt_csv_row row = lt_csv_row(&e->out);
        put_cells(e, &(struct cells){.row = &row}, call, tools, content);
        lt_csv_row_end(&row);
    } else {
        struct lt_jw w;
        lt_jw_init(&w, &e->out);
        lt_jw_obj(&w);
        put_cells(e, &(struct cells){.w = &w}, call, tools, content);
        lt_jw_end(&w);
        lt_buf_putc(&e->out, '\n');
    }
    return give(e, false);
}

/* ---- windows ---- */

static enum lt_code put_window(struct export *e, struct lt_uuid *at, bool *ret_more)
{
    struct lt_register_call *calls;
    size_t n;
    if (lt_register_window(e->x->store, e->arena, &e->x->filter, e->x->content ? WINDOW_CONTENT : WINDOW, e->x->content, at, &calls, &n, ret_more,
                           e->err))
        return e->err->code;
    for (size_t i = 0; i < n; i++)
        if (put_call(e, &calls[i]))
            return e->err->code;
    return LT_OK;
}

enum lt_code lt_register_export(const struct lt_register_export *x, struct lt_error *err)
{
    struct export e = {.x = x, .err = err};
    struct lt_uuid at = lt_register_first_id(&x->filter);
    enum lt_code rc = LT_OK;
    lt_buf_init(&e.out, LINE_MAX_);
    if (x->csv)
        put_header(&e);
    for (bool more = true; !rc && more;) {
        e.arena = lt_arena_new();
        rc = put_window(&e, &at, &more);
        lt_arena_free(e.arena);
    }
    if (!rc)
        rc = give(&e, true);
    lt_buf_free(&e.out);
    return rc;
}

/* Reading the register: lists and one call whole. */
#include "core/register.h"

#define COLUMNS                                                                                                              \
    "b.id, b.user_id, b.action, b.course_id, b.location_id, b.placement, b.created_at, e.state, e.code, e.detail, e.model,"  \
    " e.prompt_tokens, e.completion_tokens, e.total_tokens, e.partial, e.completed_at, a.instance, a.plugin, s.slug, b.content_stored"         \
    " FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id"                                                            \
    " LEFT JOIN ai_call_attempt a ON a.call_id = b.id AND a.success = 1 LEFT JOIN site s ON s.id = b.site_id"

static int64_t tokens(const struct lt_rows *r, size_t row, size_t column)
{
    const struct lt_value *v = lt_rows_at(r, row, column);
    return v->type == LT_V_INT ? v->i : -1;
}

static void id_text(struct lt_str blob, char out[37])
{
    struct lt_uuid id = {{0}};
    if (blob.n == 16)
        memcpy(id.b, blob.p, 16);
    lt_uuid_format(id, out);
}

static void fill(struct lt_register_call *c, const struct lt_rows *r, size_t i)
{
    id_text(lt_rows_str(r, i, 0), c->id);
    c->user_id = lt_rows_str(r, i, 1);
    c->action = lt_rows_str(r, i, 2);
    c->course_id = lt_rows_str(r, i, 3);
    c->location_id = lt_rows_str(r, i, 4);
    c->placement = lt_rows_str(r, i, 5);
    c->created_at = lt_rows_int(r, i, 6);
    c->state = lt_rows_at(r, i, 7)->type == LT_V_NULL ? LT_STR("running") : lt_rows_str(r, i, 7);
    c->code = lt_rows_str(r, i, 8);
    c->detail = lt_rows_str(r, i, 9);
    c->model = lt_rows_str(r, i, 10);
    c->usage = (struct lt_usage){tokens(r, i, 11), tokens(r, i, 12), tokens(r, i, 13)};
    c->partial = lt_rows_str(r, i, 14);
    c->completed_at = lt_rows_int(r, i, 15);
    c->instance = lt_rows_str(r, i, 16);
    c->plugin = lt_rows_str(r, i, 17);
    c->site = lt_rows_str(r, i, 18);
    c->content_stored = lt_rows_int(r, i, 19) != 0;
}

static struct lt_value filter_text(struct lt_str s)
{
    return s.n > 0 ? LT_TEXT(s) : LT_NULL;
}

static bool state_known(struct lt_str state)
{
    static const char *const states[] = {"running", "completed", "failed", "refused", "cancelled", "interrupted"};
    for (size_t i = 0; i < LT_COUNT(states); i++)
        if (lt_str_is(state, states[i]))
            return true;
    return state.n == 0;
}

enum lt_code lt_register_list(struct lt_store *store, struct lt_arena *arena, const struct lt_register_filter *f,
                              struct lt_register_call **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_uuid before;
    memset(before.b, 0xFF, sizeof(before.b));
    if (f->before_id.n > 0 && !lt_uuid_parse(f->before_id, &before))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/before", "is not a call's id");
    if (!state_known(f->state))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/state", "must be running, completed, failed, refused, cancelled or interrupted");
    int limit = f->limit < 1 ? 50 : f->limit > 1000 ? 1000 : f->limit;
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT " COLUMNS " WHERE b.id < $1 AND ($2 = 0 OR b.site_id = $2) AND ($3 IS NULL OR b.user_id = $3)"
                 " AND ($4 IS NULL OR b.action = $4) AND ($5 IS NULL OR b.course_id = $5)"
                 " AND ($6 IS NULL OR COALESCE(e.state, 'running') = $6) ORDER BY b.id DESC LIMIT $7",
                 LT_BLOB(before.b, 16), LT_INT(f->site_id), filter_text(f->user_id), filter_text(f->action), filter_text(f->course_id),
                 filter_text(f->state), LT_INT(limit)))
        return lt_error_wrap(err, "register");
    *ret = LT_NEW_ARRAY(arena, struct lt_register_call, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        fill(&(*ret)[i], &r, i);
    return LT_OK;
}

static enum lt_code attempts_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT instance_id, instance, plugin, model, success, code, vendor_status, detail, prompt_tokens, completion_tokens,"
                 " duration_ms FROM ai_call_attempt WHERE call_id = $1 ORDER BY n",
                 LT_BLOB(id.b, 16)))
        return err->code;
    struct lt_buf out;
    lt_buf_init(&out, 1 << 20);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < r.rows; i++) {
        lt_jw_obj(&w);
        lt_jw_kint(&w, "provider_id", lt_rows_int(&r, i, 0));
        lt_jw_kstr(&w, "provider", lt_rows_str(&r, i, 1));
        lt_jw_kstr(&w, "plugin", lt_rows_str(&r, i, 2));
        lt_jw_kstr(&w, "model", lt_rows_str(&r, i, 3));
        lt_jw_kbool(&w, "success", lt_rows_int(&r, i, 4) != 0);
        lt_jw_kstr(&w, "code", lt_rows_str(&r, i, 5));
        lt_jw_kint(&w, "vendor_status", lt_rows_int(&r, i, 6));
        lt_jw_kstr(&w, "detail", lt_rows_str(&r, i, 7));
        if (tokens(&r, i, 8) >= 0)
            lt_jw_kint(&w, "prompt_tokens", tokens(&r, i, 8));
        if (tokens(&r, i, 9) >= 0)
            lt_jw_kint(&w, "completion_tokens", tokens(&r, i, 9));
        lt_jw_kint(&w, "duration_ms", lt_rows_int(&r, i, 10));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    *ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

static enum lt_code tools_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT name, arguments, state, code, duration_ms, result_bytes FROM tool_call WHERE call_id = $1 ORDER BY position",
                 LT_BLOB(id.b, 16)))
        return err->code;
    struct lt_buf out;
    lt_buf_init(&out, 16 << 20);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < r.rows; i++) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "name", lt_rows_str(&r, i, 0));
        lt_jw_kstr(&w, "arguments", lt_rows_str(&r, i, 1));
        lt_jw_kstr(&w, "state", lt_rows_str(&r, i, 2));
        lt_jw_kstr(&w, "code", lt_rows_str(&r, i, 3));
        lt_jw_kint(&w, "duration_ms", lt_rows_int(&r, i, 4));
        lt_jw_kint(&w, "result_bytes", lt_rows_int(&r, i, 5));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    *ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

/* The columns of the action's own table; of an action that is not registered any more nothing can be said. */
static enum lt_code content_json(struct lt_store *store, struct lt_arena *arena, struct lt_str action_name, struct lt_uuid id,
                                 struct lt_str *ret, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, action_name);
    *ret = LT_STR("{}");
    if (!entry)
        return LT_OK;
    const struct lt_action *action = entry->impl;
    struct lt_str names = LT_STR("call_id");
    for (const char *const *c = action->columns; *c; c++)
        names = lt_printf(arena, "%.*s, %s", LT_FMT(names), *c);
    const char *sql = lt_printf(arena, "SELECT %.*s FROM ai_action_%s WHERE call_id = $1", LT_FMT(names), action->name).p;
    struct lt_rows r;
    if (lt_store_query(store, arena, sql, (const struct lt_value[]){LT_BLOB(id.b, 16)}, 1, 1, &r, err))
        return err->code;
    if (r.rows == 0)
        return LT_OK;
    struct lt_buf out;
    lt_buf_init(&out, 64 << 20);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    for (size_t i = 0; action->columns[i]; i++)
        lt_jw_kstr(&w, action->columns[i], lt_rows_str(&r, 0, i + 1));
    lt_jw_end(&w);
    *ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

/* The response object of a completed call, from the columns that text actions have. */
static struct lt_str response_of(struct lt_arena *arena, const struct lt_register_call *call, struct lt_str content)
{
    const struct lt_json *v = NULL;
    if (!lt_str_is(call->state, "completed") || !call->content_stored || lt_json_parse(arena, content, LT_JSON_STRICT, &v, NULL))
        return LT_STR("");
    struct lt_buf out;
    lt_buf_init(&out, 64 << 20);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "generated_content", lt_json_str(lt_json_get(v, "generatedcontent")));
    lt_jw_kstr(&w, "finish_reason", lt_json_str(lt_json_get(v, "finishreason")));
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

enum lt_code lt_register_show(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_uuid id,
                              struct lt_register_call *ret, struct lt_str *ret_attempts, struct lt_str *ret_content, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT " COLUMNS " WHERE b.id = $1 AND ($2 = 0 OR b.site_id = $2)", LT_BLOB(id.b, 16), LT_INT(site_id)))
        return lt_error_wrap(err, "register");
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such call");
    *ret = (struct lt_register_call){0};
    fill(ret, &r, 0);
    if (tools_json(store, arena, id, &ret->tools, err) || attempts_json(store, arena, id, ret_attempts, err) ||
        content_json(store, arena, ret->action, id, ret_content, err))
        return lt_error_wrap(err, "register");
    ret->response = response_of(arena, ret, *ret_content);
    return LT_OK;
}

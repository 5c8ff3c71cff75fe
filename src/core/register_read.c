/* Reading the register: lists and one call whole. */
#include "core/register_read.h"

#include "core/feedback.h"
#include "core/guard_report.h"
#include "core/register_hash.h"

#define COLUMNS_WITH(partial) \
    "b.id, b.user_id, b.action, b.course_id, b.location_id, b.placement, b.created_at, e.state, e.code, e.detail, e.model," \
    " e.prompt_tokens, e.completion_tokens, e.total_tokens, " partial ", e.completed_at, a.instance, a.plugin, s.slug, b.content_stored, e.cost" \
    " FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id" \
    " LEFT JOIN ai_call_attempt a ON a.call_id = b.id AND a.success = 1 LEFT JOIN site s ON s.id = b.site_id"
#define COLUMNS COLUMNS_WITH("e.partial")

/* $3 to $13: filter_values(). An instance is one that was asked, whether or not it answered. */
#define ANY_IF(n) "CAST($" #n " AS TEXT) IS NULL" /* nothing is asked for; PostgreSQL wants to be told the type */
#define FILTER                                                                                                                            \
    "($3 = 0 OR b.site_id = $3) AND (" ANY_IF(4) " OR b.user_id = $4) AND (" ANY_IF(5) " OR b.action = $5) AND (" ANY_IF(6)                      \
    " OR b.course_id = $6) AND (" ANY_IF(7) " OR COALESCE(e.state, 'running') = $7) AND (" ANY_IF(8) " OR EXISTS (SELECT 1 FROM ai_call_attempt" \
    " t WHERE t.call_id = b.id AND t.instance = $8)) AND (" ANY_IF(9) " OR e.model = $9) AND (" ANY_IF(10) " OR b.placement = $10)"            \
    " AND (" ANY_IF(11) " OR e.code = $11) AND b.created_at >= $12 AND b.created_at < $13"
enum { FILTER_VALUES = 11 };
static const int64_t id_older_ms = INT64_C(31) * 24 * 3600 * 1000;

static int64_t tokens(const struct lt_rows *r, size_t row, size_t column)
{
    return lt_rows_int_or(r, row, column, -1);
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
    c->usage = (struct lt_usage){tokens(r, i, 11), tokens(r, i, 12), tokens(r, i, 13), -1, -1};
    c->partial = lt_rows_str(r, i, 14);
    c->completed_at = lt_rows_int(r, i, 15);
    c->instance = lt_rows_str(r, i, 16);
    c->plugin = lt_rows_str(r, i, 17);
    c->site = lt_rows_str(r, i, 18);
    c->content_stored = lt_rows_int(r, i, 19) != 0;
    c->cost = lt_rows_int_or(r, i, 20, -1);
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

static enum lt_code filter_values(const struct lt_register_filter *f, struct lt_value values[FILTER_VALUES], struct lt_error *err)
{
    if (!state_known(f->state))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/state", "must be running, completed, failed, refused, cancelled or interrupted");
    const struct lt_value all[FILTER_VALUES] = {LT_INT(f->site_id), filter_text(f->user_id), filter_text(f->action), filter_text(f->course_id),
                                                filter_text(f->state), filter_text(f->provider), filter_text(f->model), filter_text(f->placement),
                                                filter_text(f->code), LT_INT(f->since), LT_INT(f->until > 0 ? f->until : INT64_MAX)};
    memcpy(values, all, sizeof(all));
    return LT_OK;
}

struct lt_uuid lt_register_first_id(const struct lt_register_filter *f)
{
    return lt_uuid_first_at(f->since > id_older_ms ? f->since - id_older_ms : 0);
}

static void fill_all(struct lt_arena *arena, const struct lt_rows *r, struct lt_register_call **ret, size_t *ret_n)
{
    *ret = LT_NEW_ARRAY(arena, struct lt_register_call, r->rows);
    *ret_n = r->rows;
    for (size_t i = 0; i < r->rows; i++)
        fill(&(*ret)[i], r, i);
}

/* Between which ids, both outside, the list goes on. */
static enum lt_code read_range(const struct lt_register_filter *f, struct lt_uuid *ret_low, struct lt_uuid *ret_high, struct lt_error *err)
{
    struct lt_uuid last = lt_uuid_first_at(f->until);
    *ret_low = lt_register_first_id(f);
    memset(ret_high->b, 0xFF, sizeof(ret_high->b));
    if (f->before_id.n > 0 && !lt_uuid_parse(f->before_id, f->up ? ret_low : ret_high))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/before", "is not a call's id");
    if (f->until > 0 && memcmp(last.b, ret_high->b, 16) < 0)
        *ret_high = last; /* a call begins after its id was made */
    return LT_OK;
}

#define LIST(order) "SELECT " COLUMNS " WHERE b.id < $1 AND b.id > $2 AND " FILTER " ORDER BY b.id " order " LIMIT $14"

enum lt_code lt_register_list(struct lt_store *store, struct lt_arena *arena, const struct lt_register_filter *f,
                              struct lt_register_call **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_uuid low, high;
    int limit = f->limit < 1 ? 50 : f->limit > 1000 ? 1000 : f->limit;
    struct lt_value values[2 + FILTER_VALUES + 1];
    struct lt_rows r;
    if (read_range(f, &low, &high, err) || filter_values(f, values + 2, err))
        return err->code;
    values[0] = LT_BLOB(high.b, 16);
    values[1] = LT_BLOB(low.b, 16);
    values[2 + FILTER_VALUES] = LT_INT(limit);
    if (lt_store_query(store, arena, f->up ? LIST("ASC") : LIST("DESC"), values, LT_COUNT(values), 0, &r, err))
        return lt_error_wrap(err, "register");
    fill_all(arena, &r, ret, ret_n);
    return LT_OK;
}

enum lt_code lt_register_window(struct lt_store *store, struct lt_arena *arena, const struct lt_register_filter *f, int size, bool with_content,
                                struct lt_uuid *at, struct lt_register_call **ret, size_t *ret_n, bool *ret_more, struct lt_error *err)
{
    struct lt_rows ids, r;
    struct lt_uuid end;
    *ret_n = 0;
    *ret_more = false;
    if (LT_QUERY(store, arena, &ids, err, "SELECT id, COUNT(*) OVER () FROM (SELECT id FROM ai_call WHERE id > $1 ORDER BY id LIMIT $2) w"
                 " ORDER BY id DESC LIMIT 1", LT_BLOB(at->b, 16), LT_INT(size)))
        return lt_error_wrap(err, "register");
    if (ids.rows == 0)
        return LT_OK;
    memcpy(end.b, lt_rows_str(&ids, 0, 0).p, sizeof(end.b));
    struct lt_value values[2 + FILTER_VALUES] = {LT_BLOB(at->b, 16), LT_BLOB(end.b, 16)};
    if (filter_values(f, values + 2, err))
        return err->code;
    const char *sql = with_content ? "SELECT " COLUMNS " WHERE b.id > $1 AND b.id <= $2 AND " FILTER " ORDER BY b.id"
                                   : "SELECT " COLUMNS_WITH("''") " WHERE b.id > $1 AND b.id <= $2 AND " FILTER " ORDER BY b.id";
    if (lt_store_query(store, arena, sql, values, LT_COUNT(values), 0, &r, err))
        return lt_error_wrap(err, "register");
    fill_all(arena, &r, ret, ret_n);
    *ret_more = lt_rows_int(&ids, 0, 1) == size && (f->until == 0 || lt_register_time(end) < f->until);
    *at = end;
    return LT_OK;
}

/* A list of what `put` makes of each row, in at most `max` bytes. */
static struct lt_str list_of(struct lt_arena *arena, const struct lt_rows *r, size_t max, void (*put)(struct lt_jw *, const struct lt_rows *, size_t))
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, max);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < r->rows; i++)
        put(&w, r, i);
    lt_jw_end(&w);
    struct lt_str list = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return list;
}

static void put_attempt(struct lt_jw *w, const struct lt_rows *r, size_t i)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "provider_id", lt_rows_int(r, i, 0));
    lt_jw_kstr(w, "provider", lt_rows_str(r, i, 1));
    lt_jw_kstr(w, "plugin", lt_rows_str(r, i, 2));
    lt_jw_kstr(w, "model", lt_rows_str(r, i, 3));
    lt_jw_kbool(w, "success", lt_rows_int(r, i, 4) != 0);
    lt_jw_kstr(w, "code", lt_rows_str(r, i, 5));
    lt_jw_kint(w, "vendor_status", lt_rows_int(r, i, 6));
    lt_jw_kstr(w, "detail", lt_rows_str(r, i, 7));
    if (tokens(r, i, 8) >= 0)
        lt_jw_kint(w, "prompt_tokens", tokens(r, i, 8));
    if (tokens(r, i, 9) >= 0)
        lt_jw_kint(w, "completion_tokens", tokens(r, i, 9));
    lt_jw_kint(w, "duration_ms", lt_rows_int(r, i, 10));
    if (lt_rows_int_or(r, i, 11, -1) >= 0)
        lt_jw_kint(w, "cost", lt_rows_int(r, i, 11));
    lt_jw_end(w);
}

static enum lt_code attempts_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT instance_id, instance, plugin, model, success, code, vendor_status, detail, prompt_tokens, completion_tokens,"
                 " duration_ms, cost FROM ai_call_attempt WHERE call_id = $1 ORDER BY n",
                 LT_BLOB(id.b, 16)))
        return err->code;
    *ret = list_of(arena, &r, 1 << 20, put_attempt);
    return LT_OK;
}

static void put_tool(struct lt_jw *w, const struct lt_rows *r, size_t i)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "name", lt_rows_str(r, i, 0));
    lt_jw_kstr(w, "arguments", lt_rows_str(r, i, 1));
    lt_jw_kstr(w, "state", lt_rows_str(r, i, 2));
    lt_jw_kstr(w, "code", lt_rows_str(r, i, 3));
    lt_jw_kint(w, "duration_ms", lt_rows_int(r, i, 4));
    lt_jw_kint(w, "result_bytes", lt_rows_int(r, i, 5));
    lt_jw_end(w);
}

enum lt_code lt_register_tools_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT name, arguments, state, code, duration_ms, result_bytes FROM tool_call WHERE call_id = $1 ORDER BY position",
                 LT_BLOB(id.b, 16)))
        return err->code;
    *ret = list_of(arena, &r, 16 << 20, put_tool);
    return LT_OK;
}

static void put_approval(struct lt_jw *w, const struct lt_rows *r, size_t i)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "tool", lt_rows_str(r, i, 0));
    lt_jw_kstr(w, "arguments", lt_rows_str(r, i, 1));
    lt_jw_kstr(w, "state", lt_rows_str(r, i, 2));
    lt_jw_ktime(w, "asked_at", lt_rows_int(r, i, 3));
    lt_jw_ktime(w, "decided_at", lt_rows_int(r, i, 4));
    lt_jw_end(w);
}

static enum lt_code approvals_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT tool, arguments, state, asked_at, decided_at FROM tool_approval WHERE call_id = $1 ORDER BY id",
                 LT_BLOB(id.b, 16)))
        return err->code;
    *ret = list_of(arena, &r, 16 << 20, put_approval);
    return LT_OK;
}

/* The columns of the action's own table; of an action that is not registered any more nothing can be said. */
enum lt_code lt_register_content_json(struct lt_store *store, struct lt_arena *arena, struct lt_str action_name, struct lt_uuid id,
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
    if (lt_register_tools_json(store, arena, id, &ret->tools, err) || lt_feedback_json(store, arena, id, &ret->feedback, err) ||
        approvals_json(store, arena, id, &ret->approvals, err) || lt_guard_verdicts_json(store, arena, id, &ret->guards, err) ||
        attempts_json(store, arena, id, ret_attempts, err) || lt_register_content_json(store, arena, ret->action, id, ret_content, err))
        return lt_error_wrap(err, "register");
    ret->response = response_of(arena, ret, *ret_content);
    return LT_OK;
}

/* /v1/register: the durable record, for who may read it. */
#include "core/answer_cache.h"
#include "core/register_export.h"

#include "api/request.h"
#include "base/log.h"

static void put_members(struct lt_request *r, struct lt_jw *w, const struct lt_register_call *c)
{
    lt_jw_kstrz(w, "id", c->id);
    lt_jw_kstr(w, "user_id", c->user_id);
    lt_jw_kstr(w, "action", c->action);
    lt_jw_kstr(w, "course_id", c->course_id);
    lt_jw_kstr(w, "location_id", c->location_id);
    lt_jw_kstr(w, "placement", c->placement);
    lt_jw_kstr(w, "state", c->state);
    lt_jw_kstr(w, "code", c->code);
    lt_jw_kstr(w, "detail", c->detail);
    lt_jw_kstr(w, "provider", c->instance);
    lt_jw_kstr(w, "plugin", c->plugin);
    lt_jw_kstr(w, "model", c->model);
    lt_jw_kcount(w, "prompt_tokens", c->usage.prompt_tokens);
    lt_jw_kcount(w, "completion_tokens", c->usage.completion_tokens);
    lt_jw_kcount(w, "total_tokens", c->usage.total_tokens);
    if (c->cost >= 0 && lt_permitted(&r->caller, "view_cost", LT_STR_NULL))
        lt_jw_kint(w, "cost", c->cost);
    lt_jw_kbool(w, "content_stored", c->content_stored);
    lt_jw_ktime(w, "created_at", c->created_at);
    lt_jw_ktime(w, "completed_at", c->completed_at);
}

static enum lt_code read_filter(struct lt_request *r, struct lt_register_filter *ret, struct lt_error *err)
{
    *ret = (struct lt_register_filter){.site_id = r->caller.site->id,
                                       .user_id = lt_query(r, "user"), /* `user_id` says who asks */
                                       .action = lt_query(r, "action"),
                                       .state = lt_query(r, "state"),
                                       .course_id = lt_query(r, "course_id"),
                                       .provider = lt_query(r, "provider"),
                                       .model = lt_query(r, "model"),
                                       .placement = lt_query(r, "placement"),
                                       .code = lt_query(r, "code"),
                                       .before_id = lt_query(r, "before"),
                                       .up = lt_str_is(lt_query(r, "sort"), "created_at")};
    return lt_query_time(r, "since", &ret->since, err) ? err->code : lt_query_time(r, "until", &ret->until, err);
}

static enum lt_code read_page(struct lt_request *r, struct lt_register_filter *ret, struct lt_error *err)
{
    struct lt_uuid ignored;
    if (read_filter(r, ret, err))
        return err->code;
    if (ret->before_id.n > 0 && !lt_uuid_parse(ret->before_id, &ignored))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/before", "must be the id of a call (`next` of the answer before)");
    return lt_query_limit(r, 50, 1000, &ret->limit, err);
}

void lt_get_register(struct lt_request *r)
{
    struct lt_error err;
    struct lt_register_filter filter;
    struct lt_register_call *calls;
    size_t n;
    if (read_page(r, &filter, &err) || lt_register_list(r->api->options.store, r->arena, &filter, &calls, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "calls");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        put_members(r, w, &calls[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_key(w, "next"); /* the cursor for ?before= */
    if (n == (size_t)filter.limit)
        lt_jw_strz(w, calls[n - 1].id);
    else
        lt_jw_null(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* Where its answer came from, when no provider was asked. */
static void put_cached(struct lt_request *r, struct lt_jw *w, struct lt_uuid id)
{
    struct lt_uuid source;
    int64_t saved;
    char text[37];
    if (!lt_answer_cache_hit_of(r->api->options.store, r->arena, id, &source, &saved))
        return;
    lt_uuid_format(source, text);
    lt_jw_key(w, "cached");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "call", text);
    if (lt_permitted(&r->caller, "view_cost", LT_STR_NULL))
        lt_jw_kcount(w, "saved_cost", saved);
    lt_jw_end(w);
}

void lt_get_register_call(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_register_call call;
    struct lt_str attempts, content;
    if (lt_param_uuid(r, &id, &err) ||
        lt_register_show(r->api->options.store, r->arena, r->caller.site->id, id, &call, &attempts, &content, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    put_members(r, w, &call);
    lt_jw_kstr(w, "partial", call.partial);
    lt_jw_key(w, "attempts");
    lt_jw_raw(w, attempts.n ? attempts : LT_STR("[]"));
    lt_jw_key(w, "tools");
    lt_jw_raw(w, call.tools);
    lt_jw_key(w, "approvals");
    lt_jw_raw(w, call.approvals);
    put_cached(r, w, id);
    lt_jw_key(w, "guards");
    lt_jw_raw(w, call.guards);
    lt_jw_key(w, "feedback");
    lt_jw_raw(w, call.feedback);
    lt_jw_key(w, "content");
    lt_jw_raw(w, content.n ? content : LT_STR("{}"));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- as a file ---- */

struct download {
    struct lt_request *r;
    bool csv, begun;
};

/* The head goes out with the first piece: until then an error can be told. */
static enum lt_code write_piece(void *ctx, struct lt_str text, struct lt_error *err)
{
    struct download *d = ctx;
    const struct lt_http_field name = {LT_STR("Content-Disposition"),
                                       d->csv ? LT_STR("attachment; filename=\"register.csv\"") : LT_STR("attachment; filename=\"register.jsonl\"")};
    enum lt_code rc = d->begun ? LT_OK : lt_reply_stream(d->r, d->csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson", &name, 1);
    d->begun = true;
    if (!rc && text.n > 0)
        rc = lt_http_stream_write(d->r->http, text.p, text.n);
    return rc ? lt_fail(err, rc, "the client does not take the export") : LT_OK;
}

void lt_get_register_export(struct lt_request *r)
{
    struct lt_error err;
    struct download d = {.r = r, .csv = lt_str_is(lt_query(r, "format"), "csv")};
    struct lt_register_export x = {.store = r->api->options.store,
                                   .csv = d.csv,
                                   .content = lt_str_is(lt_query(r, "content"), "true"),
                                   .cost = lt_permitted(&r->caller, "view_cost", LT_STR_NULL),
                                   .write = write_piece,
                                   .ctx = &d};
    struct lt_str format = lt_query(r, "format");
    enum lt_code rc = LT_OK;
    if (format.n > 0 && !d.csv && !lt_str_is(format, "jsonl"))
        rc = lt_fail_field(&err, LT_EINVALID_INPUT, "/format", "must be jsonl or csv");
    if (!rc)
        rc = read_filter(r, &x.filter, &err);
    if (!rc)
        rc = lt_register_export(&x, &err);
    if (!rc && !d.begun)
        rc = write_piece(&d, LT_STR(""), &err);
    if (rc && !d.begun)
        lt_reply_problem(r, &err, NULL);
    else if (!rc)
        lt_http_stream_end(r->http);
    else if (rc != LT_ECANCELLED) /* cut off, so that it does not look like a whole one */
        lt_log_error("register.export", &err);
}

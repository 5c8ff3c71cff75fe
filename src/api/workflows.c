/* POST /v1/workflows/run: a named profile, or the one that a context leads to. */
#include "api/event_stream.h"
#include "api/tasks.h"
#include "core/connector.h"
#include "core/trace.h"
#include "workflows/opaque_key.h"
#include "workflows/run.h"

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

/* ---- which workflow ---- */

/* Only where a scope leads to it, unless the caller may set up scopes: a learner cannot run what was made for somebody else. */
static enum lt_code check_reachable(struct lt_request *r, struct lt_scope_set *scopes, const struct lt_scope_context *context,
                                    const struct lt_profile *profile, const struct lt_scope **ret, struct lt_error *err)
{
    struct lt_scope_profile *list;
    size_t n;
    lt_scope_list_profiles(scopes, r->arena, context, &list, &n);
    for (size_t i = 0; i < n; i++)
        if (list[i].profile_id == profile->id) {
            *ret = list[i].matched_scopes[0];
            return LT_OK;
        }
    if (lt_permitted(&r->caller, "manage_workflows", LT_STR_NULL))
        return LT_OK;
    return lt_fail_field(err, LT_EPERMISSION, "/profile", "no scope leads to this profile in this context");
}

enum lt_code lt_request_profile(struct lt_request *r, const struct lt_scope_context *context, struct lt_str name, const struct lt_profile **ret,
                                const struct lt_scope **ret_scope, struct lt_error *err)
{
    struct lt_scope_set *scopes;
    *ret_scope = NULL;
    if (lt_request_scopes(r, false, &scopes, err) || lt_profile_find(lt_workflows(r->config), context->site_id, name, ret, err))
        return err->code;
    return check_reachable(r, scopes, context, *ret, ret_scope, err);
}

static enum lt_code find_profile(struct lt_request *r, struct lt_workflow_request *q, struct lt_scope_context *context, struct lt_error *err)
{
    const struct lt_json *named = lt_json_get(r->body, "profile");
    struct lt_scope_set *scopes;
    if (named)
        return lt_request_profile(r, context, lt_json_is(named, LT_JSON_STRING) ? lt_json_str(named) : lt_json_number_text(named), &q->profile,
                                  &q->scope, err);
    if (lt_request_scopes(r, false, &scopes, err))
        return err->code;
    if (context->service_variant < 0)
        context->service_variant = LT_SERVICE_LMS;
    return lt_workflow_resolve(lt_workflows(r->config), scopes, context, &q->scope, &q->profile, err);
}

/* {"slug", "version", "effective_config"}, redacted, in the trace. */
static void trace_profile(struct lt_request *r, struct lt_workflow_request *q)
{
    struct lt_json_reply j;
    const struct lt_json *shown = NULL;
    q->trace = r->trace;
    if (!r->trace)
        return;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "slug", q->profile->slug);
    lt_jw_kint(w, "version", q->profile->version);
    lt_jw_key(w, "effective_config");
    lt_redact_write(w, q->profile->effective->config);
    lt_jw_end(w);
    lt_json_parse(r->arena, lt_str_copy(r->arena, lt_buf_str(&j.buf)), LT_JSON_STRICT, &shown, NULL);
    lt_buf_free(&j.buf);
    lt_trace_profile(r->trace, shown);
}

static enum lt_code read_request(struct lt_request *r, struct lt_workflow_request *q, struct lt_error *err)
{
    const struct lt_json *where = lt_json_get(r->body, "context");
    struct lt_opaque_context place;
    if (lt_opaque_context_read(where, false, &place, err))
        return lt_error_under(err, "/context");
    struct lt_scope_context context = {.site_id = r->caller.site->id,
                                       .service_variant = place.service_variant,
                                       .course_id = place.course_id.n > 0 ? place.course_id : r->caller.only_course,
                                       .location_id = place.location_id,
                                       .ui_slot_selector_id = place.ui_slot_selector_id};
    *q = (struct lt_workflow_request){.arena = r->arena,
                                      .store = r->api->options.store,
                                      .manager = r->api->options.manager,
                                      .tasks = r->api->options.tasks,
                                      .config = r->config,
                                      .caller = &r->caller,
                                      .course_id = context.course_id,
                                      .location_id = context.location_id,
                                      .ui_slot_selector_id = context.ui_slot_selector_id,
                                      .placement = member(where, "placement"),
                                      .content = member(where, "content"),
                                      .action = lt_json_str_or(lt_json_get(r->body, "action"), LT_STR("run")),
                                      .user_input = lt_json_get(r->body, "user_input"),
                                      .prompt = lt_str_trim(member(r->body, "prompt")),
                                      .no_store = lt_request_no_store(r)};
    if (lt_json_get(r->body, "prompt") && q->prompt.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/prompt", "must not be blank; without a prompt of its own the profile's counts");
    if (lt_content_inline(r->arena, q->content, member(where, "content_type"), &q->content, err))
        return lt_error_under(err, "/context/content");
    bool async = lt_json_bool_or(lt_json_get(r->body, "async"), false);
    if (async && lt_json_bool_or(lt_json_get(r->body, "stream"), false))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/async", "what runs in the background has no stream; follow /v1/tasks/{id}/events");
    if (lt_request_trace(r, err) || find_profile(r, q, &context, err))
        return err->code;
    trace_profile(r, q);
    return LT_OK;
}

/* ---- the answer ---- */

struct answer {
    const struct lt_workflow_request *request;
    const struct lt_workflow_result *result;
};

static void write_answer(struct lt_request *r, struct lt_jw *w, const void *ctx)
{
    const struct answer *a = ctx;
    (void)r;
    lt_workflow_write_result(w, a->request, a->result);
}

static void run_streamed(struct lt_request *r, struct lt_workflow_request *q, struct lt_workflow_result *result)
{
    struct lt_event_stream *stream = lt_event_stream_new(r);
    q->stream = true;
    q->on_start = lt_event_stream_start;
    q->on_text = lt_event_stream_text;
    q->on_progress = lt_event_stream_progress;
    q->on_tool = lt_event_stream_tool;
    q->on_approval = lt_event_stream_approval;
    q->ctx = stream;
    lt_event_stream_may_begin_early(stream, &result->id);
    lt_workflow_execute(q, result);
    lt_event_stream_finish(stream, &result->error, result->id_text, write_answer, &(struct answer){q, result});
}

void lt_post_workflow_run(struct lt_request *r)
{
    struct lt_error err;
    struct lt_workflow_request *q = LT_NEW(r->arena, struct lt_workflow_request);
    struct lt_workflow_result *result = LT_NEW(r->arena, struct lt_workflow_result);
    if (read_request(r, q, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (lt_json_bool_or(lt_json_get(r->body, "async"), false)) {
        lt_reply_task(r, q);
        return;
    }
    if (lt_event_stream_wanted(r)) {
        run_streamed(r, q, result);
        return;
    }
    if (lt_workflow_execute(q, result)) {
        lt_reply_problem(r, &result->error, result->calls_n > 0 ? result->id_text : NULL);
        return;
    }
    struct lt_json_reply j;
    write_answer(r, lt_json_begin(&j), &(struct answer){q, result});
    lt_json_end(r, 200, &j);
}

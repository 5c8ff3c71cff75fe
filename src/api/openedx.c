/* POST /openedx-ai-extensions/v1/workflows/: runs what the context leads to. The answer is JSON or, where the profile streams, text. */
#include "api/openedx.h"

static enum lt_code read_request(struct lt_request *r, struct lt_workflow_request *q, struct lt_error *err)
{
    struct lt_scope_context context;
    struct lt_str action = lt_str_trim(lt_json_str_or(lt_json_get(r->body, "action"), LT_STR("")));
    if (action.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/action", "must name what to do");
    if (lt_openedx_context(r, &context, err))
        return err->code;
    *q = (struct lt_workflow_request){.arena = r->arena,
                                      .store = r->api->options.store,
                                      .manager = r->api->options.manager,
                                      .tasks = r->api->options.tasks,
                                      .config = r->config,
                                      .caller = &r->caller,
                                      .course_id = context.course_id,
                                      .location_id = context.location_id,
                                      .ui_slot_selector_id = context.ui_slot_selector_id,
                                      .placement = LT_STR(LT_OPENEDX_PLACEMENT),
                                      .content = LT_STR(""),
                                      .action = action,
                                      .user_input = lt_json_get(r->body, "user_input"),
                                      .sources_as_text = true,
                                      .policy_by_lms = !r->caller.site->openedx_policy_by_lectern,
                                      .no_store = lt_request_no_store(r)};
    return lt_openedx_resolve(r, &context, &q->scope, &q->profile, err);
}

/* What the orchestrator answers, and when, unless it says so itself. */
static void reply_object(struct lt_request *r, const struct lt_workflow_result *result)
{
    struct lt_error err;
    const struct lt_json *response;
    if (lt_json_parse(r->arena, result->response, LT_JSON_STRICT, &response, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(response); i++) {
        lt_jw_key_str(w, lt_json_key_at(response, i));
        lt_jw_json(w, lt_json_at(response, i));
    }
    if (!lt_json_get(response, "timestamp"))
        lt_openedx_timestamp(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static void run_as_text(struct lt_request *r, struct lt_workflow_request *q, struct lt_workflow_result *result)
{
    struct lt_openedx_text *text = LT_NEW(r->arena, struct lt_openedx_text);
    lt_openedx_text_init(text, r);
    q->stream = true;
    q->on_text = lt_openedx_text_piece;
    q->ctx = text;
    lt_workflow_execute(q, result);
    if (text->begun) {
        lt_openedx_text_end(text, &result->error);
        return;
    }
    lt_buf_free(&text->buf);
    if (result->error.code)
        lt_reply_problem(r, &result->error, result->calls_n > 0 ? result->id_text : NULL);
    else if (result->text) /* there was not one character of it */
        lt_reply(r, 200, "text/plain; charset=utf-8", NULL, NULL, 0, LT_STR(""));
    else
        reply_object(r, result);
}

void lt_openedx_post_workflow(struct lt_request *r)
{
    struct lt_error err;
    struct lt_workflow_request *q = LT_NEW(r->arena, struct lt_workflow_request);
    struct lt_workflow_result *result = LT_NEW(r->arena, struct lt_workflow_result);
    if (read_request(r, q, &err))
        lt_reply_problem(r, &err, NULL);
    else if (lt_workflow_streams(q->profile, q->action))
        run_as_text(r, q, result);
    else if (lt_workflow_execute(q, result))
        lt_reply_problem(r, &result->error, result->calls_n > 0 ? result->id_text : NULL);
    else
        reply_object(r, result);
}

/* tools/call: an action goes the way of every call (the manager), a tool of the registry is called for the place that the arguments name. */
#include "api/mcp.h"

#include "base/log.h"
#include "core/action.h"
#include "core/course_permission.h"
#include "io/loop.h"
#include "workflows/tool_loop.h"

/* What a call came to: an answer, or a sentence that says why there is none. */
struct outcome {
    struct lt_error error;       /* LT_OK: */
    struct lt_str structured;    /* a JSON object, of an action; p NULL: none */
    struct lt_str text;
    const char *call_id;         /* the register's row; NULL: there is none */
};

/* ---- what people read ---- */

static struct lt_str sentence(struct lt_request *r, const struct lt_error *err)
{
    const char *detail = lt_problem_detail(r, err), *field = err->field;
    if (err->code == LT_EPOLICY)
        return lt_printf(r->arena, "%s It is shown, and accepted, in the AI features of the learning platform; a program reads and accepts it at "
                                   "/v1/policy with this key or token.", lt_code_text(err->code));
    if (strncmp(field, "/input/", 7) == 0)
        field += 6;
    if (err->code == LT_EINVALID_INPUT && field[0])
        return lt_printf(r->arena, "%s: %s", field[0] == '/' ? field + 1 : field, detail);
    if (err->retry_after_s > 0)
        return lt_printf(r->arena, "%s (in %d s)", detail, err->retry_after_s);
    return lt_str(detail);
}

static void write_outcome(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, const struct outcome *o)
{
    bool failed = o->error.code != LT_OK;
    lt_mcp_result(m, w);
    lt_jw_key(w, "content");
    lt_jw_arr(w);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "text");
    lt_jw_kstr(w, "text", failed ? sentence(mcp->r, &o->error) : o->text);
    lt_jw_end(w);
    lt_jw_end(w);
    if (!failed && o->structured.p && m->revision >= LT_MCP_2025_06_18) {
        lt_jw_key(w, "structuredContent");
        lt_jw_raw(w, o->structured);
    }
    lt_jw_kbool(w, "isError", failed);
    lt_mcp_result_meta(m, w);
    if (o->call_id)
        lt_jw_kstrz(w, "lectern/call", o->call_id);
    if (failed)
        lt_jw_kstrz(w, "lectern/code", lt_code_name(o->error.code));
    lt_jw_end(w);
    lt_mcp_result_end(w);
}

/* ---- the two kinds ---- */

static void call_action(const struct lt_mcp *mcp, const struct lt_mcp_message *m, const struct lt_mcp_use *use, struct lt_mcp_stream *stream,
                        struct outcome *ret)
{
    struct lt_request *r = mcp->r;
    struct lt_call_result *result = LT_NEW(r->arena, struct lt_call_result);
    struct lt_mcp_running *running = LT_NEW(r->arena, struct lt_mcp_running);
    struct lt_call_request *request = LT_NEW(r->arena, struct lt_call_request);
    *request = (struct lt_call_request){.arena = r->arena,
                                        .config = r->config,
                                        .caller = &r->caller,
                                        .place = use->place,
                                        .action = lt_str(use->action->name),
                                        .input = use->arguments,
                                        .id = lt_uuid_new(),
                                        .stream = stream != NULL};
    if (stream) {
        request->on_start = lt_mcp_stream_start;
        request->on_text = lt_mcp_stream_text;
        request->ctx = stream;
    }
    lt_mcp_running_add(mcp, m->rpc.id, request->id, running);
    lt_process_action(r->api->options.manager, request, result);
    lt_mcp_running_remove(r->api->mcp_calls, running);
    ret->error = result->error;
    ret->structured = ret->text = result->response;
    ret->call_id = result->id_text;
}

/* What a tool reads is of the token's own course, as everything is. */
static enum lt_code check_course(const struct lt_mcp *mcp, const struct lt_mcp_use *use, struct lt_error *err)
{
    struct lt_str only = mcp->r->caller.only_course;
    struct lt_str named = lt_json_str_or(lt_json_get(use->arguments, "course_id"), use->place.course_id);
    if (only.n == 0 || (lt_str_eq(only, named) && lt_str_eq(only, use->place.course_id)))
        return LT_OK;
    return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(only));
}

/* What a profile decides in a workflow a permission decides here. Without a course the tool says what is missing, if that is so. */
static enum lt_code check_permission(const struct lt_mcp *mcp, const struct lt_mcp_use *use, struct lt_error *err)
{
    struct lt_request *r = mcp->r;
    if (!use->tool->client_permission)
        return LT_OK;
    return lt_course_permitted(r->api->options.manager, r->arena, &r->caller, use->place.course_id, use->tool->client_permission, err);
}

static void call_tool(const struct lt_mcp *mcp, const struct lt_mcp_use *use, struct outcome *ret)
{
    struct lt_request *r = mcp->r;
    struct lt_tool_context context = {.tool = use->tool,
                                      .arena = r->arena,
                                      .manager = r->api->options.manager,
                                      .config = r->config,
                                      .caller = &r->caller,
                                      .course_id = use->place.course_id,
                                      .location_id = use->place.location_id,
                                      .ui_slot_selector_id = LT_STR(""),
                                      .placement = use->place.placement,
                                      .content = LT_STR(""),
                                      .deadline_ms = lt_loop_now(r->http->loop) + r->caller.site->tool_time_ms};
    ret->text = LT_STR("");
    if (check_course(mcp, use, &ret->error) == LT_OK && check_permission(mcp, use, &ret->error) == LT_OK &&
        lt_tool_call(&context, use->arguments, &ret->text, &ret->error) == LT_OK)
        ret->error = (struct lt_error){0};
}

/* stream: of an action; NULL: nothing is told before the end. */
static void call(const struct lt_mcp *mcp, const struct lt_mcp_message *m, const struct lt_mcp_use *use, struct lt_mcp_stream *stream,
                 struct outcome *ret)
{
    if (ret->error.code)
        return;
    if (atomic_load(&mcp->r->api->draining))
        lt_fail(&ret->error, LT_EOVERLOADED, "the daemon is stopping");
    else if (use->action)
        call_action(mcp, m, use, stream, ret);
    else
        call_tool(mcp, use, ret);
}

bool lt_mcp_call(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, struct lt_mcp_fault *ret)
{
    struct lt_mcp_use *use = LT_NEW(mcp->r->arena, struct lt_mcp_use);
    struct outcome *outcome = LT_NEW(mcp->r->arena, struct outcome);
    if (!lt_mcp_find(mcp, m, use, &outcome->error, ret))
        return false;
    call(mcp, m, use, NULL, outcome);
    write_outcome(mcp, m, w, outcome);
    return true;
}

static bool takes_events(struct lt_request *r)
{
    struct lt_str accept = lt_http_field(&r->http->head, "Accept", NULL), type = LT_STR("text/event-stream");
    return accept.p && memmem(accept.p, accept.n, type.p, type.n) != NULL;
}

static void reply(struct lt_request *r, int status, struct lt_json_reply *j, struct lt_mcp_stream *stream)
{
    if (!stream || !lt_mcp_stream_finish(stream, lt_buf_str(&j->buf))) {
        lt_json_end(r, status, j);
        return;
    }
    lt_buf_free(&j->buf);
}

/* An answer that is too long for one event, or one body, is none. */
static void write_checked(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_json_reply *j, struct outcome *o)
{
    write_outcome(mcp, m, lt_json_begin(j), o);
    if (!j->buf.failed)
        return;
    lt_buf_free(&j->buf);
    lt_fail(&o->error, LT_EUPSTREAM_INVALID, "the answer is too long for a message");
    write_outcome(mcp, m, lt_json_begin(j), o);
}

void lt_mcp_call_alone(const struct lt_mcp *mcp, const struct lt_mcp_message *m)
{
    struct lt_mcp_use *use = LT_NEW(mcp->r->arena, struct lt_mcp_use);
    struct outcome *outcome = LT_NEW(mcp->r->arena, struct outcome);
    struct lt_mcp_fault f = {0};
    struct lt_json_reply j;
    if (!lt_mcp_find(mcp, m, use, &outcome->error, &f)) {
        lt_mcp_write_fault(lt_json_begin(&j), &f);
        lt_json_end(mcp->r, f.status, &j);
        return;
    }
    struct lt_mcp_stream *stream = use->action && outcome->error.code == LT_OK && takes_events(mcp->r) ? lt_mcp_stream_new(mcp, m) : NULL;
    call(mcp, m, use, stream, outcome);
    write_checked(mcp, m, &j, outcome);
    reply(mcp->r, 200, &j, stream);
}

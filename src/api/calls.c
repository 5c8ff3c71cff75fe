/* /v1/actions/calls/{id}: state, stream and cancelling of calls that exist already. */
#include <stdio.h>

#include "api/answer.h"
#include "core/picture_file.h"

enum { EVENT_ID_MAX = 1 << 30 };

/* A token that is bound to a course does not read the register of all courses. */
static bool reads_register(struct lt_request *r)
{
    return r->caller.only_course.n == 0 && lt_permitted(&r->caller, "view_register", LT_STR_NULL);
}

/* A call is shown to who made it, to an LMS back end that names nobody, and to who may read the register. Others learn nothing. */
static bool may_see(struct lt_request *r, bool owner)
{
    bool back_end = r->caller.key && r->caller.key->role != LT_KEY_METRICS && r->caller.user_id.n == 0;
    return owner || back_end || reads_register(r);
}

/* Links are not kept: an answer that has pictures gets new ones. */
static void link_pictures(struct lt_request *r, struct lt_register_call *call, struct lt_str content)
{
    const struct lt_json *v = NULL;
    if (!lt_str_is(call->state, "completed") || !call->content_stored || lt_json_parse(r->arena, content, LT_JSON_STRICT, &v, NULL))
        return;
    struct lt_str kept = lt_json_str(lt_json_get(v, "draftfile"));
    if (kept.n > 0)
        call->response = lt_picture_response_again(r->arena, r->caller.site, kept, lt_now_ms());
}

static enum lt_code read_stored(struct lt_request *r, struct lt_uuid id, struct lt_register_call *call, struct lt_str *attempts,
                                struct lt_error *err)
{
    struct lt_str content;
    if (lt_register_show(r->api->options.store, r->arena, r->caller.site->id, id, call, attempts, &content, err))
        return err->code;
    if (!may_see(r, lt_str_eq(call->user_id, r->caller.user_id)))
        return lt_fail(err, LT_ENOT_FOUND, "no such call");
    link_pictures(r, call, content);
    return LT_OK;
}

void lt_get_call(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_register_call call;
    struct lt_str attempts;
    if (lt_param_uuid(r, &id, &err) || read_stored(r, id, &call, &attempts, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    lt_answer_write_stored(r, lt_json_begin(&j), &call, attempts);
    lt_json_end_for(r, 200, &j, call.user_id);
}

/* Idempotent: cancelling what has ended already is no error, the answer says which it was. */
void lt_delete_call(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_caller asker = r->caller;
    struct lt_register_call call;
    struct lt_str attempts, state = LT_STR("cancelling");
    if (reads_register(r))
        asker.user_id = LT_STR(""); /* an admin stops anybody's */
    asker.is_user = asker.user_id.n > 0; /* a key that names a user acts as that user */
    enum lt_code rc = lt_param_uuid(r, &id, &err);
    if (!rc)
        rc = lt_call_cancel(r->api->options.manager, id, &asker, &err);
    bool cancelled = !rc;
    if (rc == LT_ENOT_FOUND && lt_uuid_parse(r->params[0], &id)) {
        rc = read_stored(r, id, &call, &attempts, &err);
        state = call.state;
    }
    if (rc) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    char text[37];
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_uuid_format(id, text);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", text);
    lt_jw_kbool(w, "cancelled", cancelled);
    lt_jw_kstr(w, "state", state);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* Last-Event-ID: a number, 0 when absent. A replay counts on from it, so it must leave room. */
static enum lt_code last_event_id(struct lt_request *r, uint64_t *ret, struct lt_error *err)
{
    struct lt_str text = lt_http_field(&r->http->head, "Last-Event-ID", NULL);
    int64_t id = 0;
    if (text.n > 0 && (!lt_str_to_int64(text, &id) || id > EVENT_ID_MAX))
        return lt_fail(err, LT_EINVALID_INPUT, "Last-Event-ID must be the number of an event");
    *ret = (uint64_t)id;
    return LT_OK;
}

void lt_call_events_again(struct lt_request *r, struct lt_str id, const char *last, struct lt_str data, uint64_t after)
{
    static const struct lt_http_field fields[] = {{LT_STR("Cache-Control"), LT_STR("no-store")}, {LT_STR("X-Accel-Buffering"), LT_STR("no")}};
    struct lt_buf events;
    lt_buf_init(&events, 2 * LT_REPLY_MAX);
    if (after == 0)
        lt_sse_write(&events, "start", ++after, lt_printf(r->arena, "{\"id\":\"%.*s\"}", LT_FMT(id)));
    lt_sse_write(&events, last, after + 1, data);
    if (!lt_http_stream_begin(r->http, 200, "text/event-stream; charset=utf-8", fields, LT_COUNT(fields)) &&
        !lt_http_stream_write(r->http, events.p, events.n))
        lt_http_stream_end(r->http);
    lt_buf_free(&events);
}

bool lt_call_follow_here(struct lt_request *r, struct lt_uuid id)
{
    bool owner, running;
    struct lt_sse_log *log = lt_streams_find(r->api->streams, id, r->caller.site->id, r->caller.user_id, &owner, &running);
    if (!log)
        return false;
    enum lt_code rc = owner ? lt_sse_log_follow(log, r->http, 0) : LT_ENOT_FOUND;
    lt_sse_log_unref(log);
    return rc != LT_ENOT_FOUND;
}

/* As the register has it. Ids go on behind what the client has seen. */
static void replay(struct lt_request *r, const struct lt_register_call *call, struct lt_str attempts, uint64_t after)
{
    struct lt_buf data;
    struct lt_jw w;
    lt_buf_init(&data, LT_REPLY_MAX);
    lt_jw_init(&w, &data);
    bool completed = lt_str_is(call->state, "completed");
    if (completed) {
        lt_answer_write_stored(r, &w, call, attempts);
    } else {
        struct lt_error err;
        lt_answer_stored_error(call, &err);
        lt_problem_write(r, &w, &err, call->id);
    }
    lt_restore_for(r, &data, call->user_id);
    lt_call_events_again(r, lt_str(call->id), completed ? "done" : "error", lt_buf_str(&data), after);
    lt_buf_free(&data);
}

static void stream_from_register(struct lt_request *r, struct lt_uuid id, uint64_t after)
{
    struct lt_error err;
    struct lt_register_call call;
    struct lt_str attempts;
    enum lt_code rc = read_stored(r, id, &call, &attempts, &err);
    if (!rc && lt_str_is(call.state, "running"))
        rc = lt_fail(&err, LT_ECONFLICT, "the call runs, but not as a stream of this process");
    if (rc)
        lt_reply_problem(r, &err, NULL);
    else
        replay(r, &call, attempts, after);
}

void lt_get_call_stream(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    uint64_t after = 0;
    bool owner, running;
    if (lt_param_uuid(r, &id, &err) || last_event_id(r, &after, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_sse_log *log = lt_streams_find(r->api->streams, id, r->caller.site->id, r->caller.user_id, &owner, &running);
    if (!log || lt_sse_log_named(log)) { /* with a name it holds messages of another protocol */
        lt_sse_log_unref(log);
        stream_from_register(r, id, after);
        return;
    }
    enum lt_code rc = may_see(r, owner) ? lt_sse_log_follow(log, r->http, after) : lt_fail(&err, LT_ENOT_FOUND, "no such call");
    if (rc == LT_ENOT_FOUND && !may_see(r, owner)) {
        lt_reply_problem(r, &err, NULL);
    } else if (rc == LT_ENOT_FOUND && running) {
        lt_fail(&err, LT_ECONFLICT, "the events behind number %llu are not there, or no longer; the answer will be at /v1/actions/calls/{id}",
                (unsigned long long)after);
        lt_reply_problem(r, &err, NULL);
    } else if (rc == LT_ENOT_FOUND) {
        stream_from_register(r, id, after);
    }
    lt_sse_log_unref(log);
}

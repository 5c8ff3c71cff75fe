/* /v1/actions/calls/{id}: state, stream and cancelling of calls that exist already. */
#include <stdio.h>

#include "api/answer.h"
#include "api/peers.h"
#include "core/member.h"
#include "core/picture_file.h"

enum {
    EVENT_ID_MAX = 1 << 30,
    ELSEWHERE_FIRST_MS = 250, ELSEWHERE_LAST_MS = 2000, /* between two looks for the end of a call of another process */
    ELSEWHERE_MORE_MS = 60 * 1000,                      /* longer than a call may take: until a dead process's calls are recovered */
};

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

/* Another process runs it: it is told. Whether the caller may do that was looked at. */
static bool cancel_elsewhere(struct lt_request *r, struct lt_uuid id)
{
    struct lt_error err;
    struct lt_member owner;
    struct lt_store *store = r->api->options.store;
    const struct lt_member_message message = {LT_MEMBER_CANCEL, id, r->caller.site->id};
    return lt_member_of_call(store, r->arena, id, &owner, &err) == LT_OK && lt_member_tell(store, owner.id, &message, &err) == LT_OK;
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
        cancelled = !rc && lt_str_is(call.state, "running") && cancel_elsewhere(r, id);
        state = cancelled ? LT_STR("cancelling") : call.state;
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

enum lt_code lt_call_stream_begin(struct lt_request *r, bool *begun)
{
    static const struct lt_http_field fields[] = {{LT_STR("Cache-Control"), LT_STR("no-store")}, {LT_STR("X-Accel-Buffering"), LT_STR("no")}};
    if (*begun)
        return LT_OK;
    *begun = true;
    return lt_http_stream_begin(r->http, 200, "text/event-stream; charset=utf-8", fields, LT_COUNT(fields));
}

static void write_events(struct lt_request *r, struct lt_buf *events, bool *begun)
{
    if (!lt_call_stream_begin(r, begun) && !lt_http_stream_write(r->http, events->p, events->n))
        lt_http_stream_end(r->http);
    lt_buf_free(events);
}

void lt_call_events_again(struct lt_request *r, struct lt_str id, const char *last, struct lt_str data, uint64_t after)
{
    struct lt_buf events;
    bool begun = false;
    lt_buf_init(&events, 2 * LT_REPLY_MAX);
    if (after == 0)
        lt_sse_write(&events, "start", ++after, lt_printf(r->arena, "{\"id\":\"%.*s\"}", LT_FMT(id)));
    lt_sse_write(&events, last, after + 1, data);
    write_events(r, &events, &begun);
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

/* As the register has it: the data of the last event. */
static const char *last_event(struct lt_request *r, const struct lt_register_call *call, struct lt_str attempts, struct lt_buf *data)
{
    struct lt_jw w;
    lt_buf_init(data, LT_REPLY_MAX);
    lt_jw_init(&w, data);
    bool completed = lt_str_is(call->state, "completed");
    if (completed) {
        lt_answer_write_stored(r, &w, call, attempts);
    } else {
        struct lt_error err;
        lt_answer_stored_error(call, &err);
        lt_problem_write(r, &w, &err, call->id);
    }
    lt_restore_for(r, data, call->user_id);
    return completed ? "done" : "error";
}

/* Ids go on behind what the client has seen. */
static void replay(struct lt_request *r, const struct lt_register_call *call, struct lt_str attempts, uint64_t after)
{
    struct lt_buf data;
    const char *last = last_event(r, call, attempts, &data);
    lt_call_events_again(r, lt_str(call->id), last, lt_buf_str(&data), after);
    lt_buf_free(&data);
}

/* ---- calls of other processes ---- */

/*
 * What the register has of a call that its process did not bring to its end: who has seen nothing of it yet gets the text of its checkpoints. To others
 * it is not said again, for what of it they have nobody knows.
 */
static void replay_broken(struct lt_request *r, const struct lt_register_call *call, struct lt_str attempts, uint64_t after, bool *begun)
{
    struct lt_buf data, events, text;
    struct lt_jw w;
    const char *last = last_event(r, call, attempts, &data);
    lt_buf_init(&events, 4 * LT_REPLY_MAX);
    lt_buf_init(&text, LT_REPLY_MAX);
    if (after == 0)
        lt_sse_write(&events, "start", ++after, lt_printf(r->arena, "{\"id\":\"%s\"}", call->id));
    if (after == 1 && call->partial.n > 0 && !lt_str_is(call->state, "completed")) {
        lt_jw_init(&w, &text);
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "text", call->partial);
        lt_jw_end(&w);
        lt_restore_for(r, &text, call->user_id);
        lt_sse_write(&events, "delta", ++after, lt_buf_str(&text));
    }
    lt_sse_write(&events, last, after + 1, lt_buf_str(&data));
    write_events(r, &events, begun);
    lt_buf_free(&text);
    lt_buf_free(&data);
}

static void refuse_begun(struct lt_request *r, const struct lt_error *err, bool begun)
{
    if (begun)
        lt_http_stream_cut(r->http); /* the client sees that this is no end, and comes back */
    else
        lt_reply_problem(r, err, NULL);
}

/* Another process runs it: what that streams, as long as it can be reached; else the end that comes to the register, of its own or by who recovers it. */
static void stream_elsewhere(struct lt_request *r, struct lt_uuid id, struct lt_str user_id, uint64_t after)
{
    struct lt_error err;
    bool begun = false;
    uint64_t pause = ELSEWHERE_FIRST_MS, deadline = lt_loop_now(r->http->loop) + r->caller.site->call_timeout_ms + ELSEWHERE_MORE_MS;
    for (;;) {
        struct lt_register_call call;
        struct lt_str attempts;
        uint64_t before = after;
        if (lt_peer_follow(r, id, user_id, &after, &begun)) {
            lt_http_stream_end(r->http);
            return;
        }
        if (lt_fiber_cancelled() || lt_http_client_gone(r->http))
            return;
        if (read_stored(r, id, &call, &attempts, &err)) {
            refuse_begun(r, &err, begun);
            return;
        }
        if (!lt_str_is(call.state, "running")) {
            replay_broken(r, &call, attempts, after, &begun);
            return;
        }
        if (lt_loop_now(r->http->loop) >= deadline) {
            lt_fail(&err, LT_ETIMEOUT, "the process that runs the call cannot be reached, and its end has not come");
            refuse_begun(r, &err, begun);
            return;
        }
        pause = after > before ? ELSEWHERE_FIRST_MS : pause < ELSEWHERE_LAST_MS ? pause * 2 : pause;
        if (lt_fiber_sleep(pause) == LT_ECANCELLED)
            return;
    }
}

static void stream_from_register(struct lt_request *r, struct lt_uuid id, uint64_t after)
{
    struct lt_error err;
    struct lt_register_call call;
    struct lt_member owner;
    struct lt_str attempts;
    enum lt_code rc = read_stored(r, id, &call, &attempts, &err);
    bool running = !rc && lt_str_is(call.state, "running");
    if (running && !lt_peer_asks(r) && lt_member_of_call(r->api->options.store, r->arena, id, &owner, &err) == LT_OK) {
        stream_elsewhere(r, id, call.user_id, after);
        return;
    }
    if (running)
        rc = lt_fail(&err, LT_ECONFLICT, "the call runs, but not as a stream of this process");
    if (rc == LT_ENOT_FOUND) /* `start` may go out before the begin record is durable, text may not */
        lt_fail(&err, LT_ENOT_FOUND, "there is no such call; of one that was begun a moment ago the process was lost before anything of it was shown: ask again");
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

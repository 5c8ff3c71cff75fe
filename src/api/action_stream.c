/*
 * One streamed call. The request's fiber produces: it runs the manager and appends events to a log; the client follows the log from
 * callbacks, and may leave and come back. Who leaves for longer than the site's grace time ends the call.
 */
#include "api/action_stream.h"

#include "api/answer.h"

struct producer {
    struct lt_request *r;
    struct lt_sse_log *log;
    struct lt_fiber *fiber;
    struct lt_timer grace;
    struct lt_uuid id;
    bool started;      /* the id is known and the client follows */
    struct lt_buf buf; /* one event's data */
};

static uint32_t grace_ms(const struct producer *p)
{
    return p->r->caller.site->resume_grace_ms;
}

static void grace_over(void *arg)
{
    struct producer *p = arg;
    lt_fiber_cancel(p->fiber);
}

/* Producer's loop, outside fibers. */
static void followers_changed(void *arg, int followers)
{
    struct producer *p = arg;
    if (followers > 0) {
        lt_timer_cancel(&p->grace);
        return;
    }
    lt_call_checkpoint(p->r->api->options.manager, p->id);
    if (grace_ms(p) == 0)
        grace_over(p);
    else
        lt_timer_set(&p->grace, grace_ms(p));
}

static enum lt_code append(struct producer *p, enum lt_sse_type type)
{
    if (p->buf.failed)
        return LT_EUPSTREAM_INVALID; /* one piece larger than any answer may be */
    return lt_sse_log_append(p->log, type, lt_buf_str(&p->buf));
}

static struct lt_jw *event(struct producer *p, struct lt_jw *w)
{
    lt_buf_reset(&p->buf);
    lt_jw_init(w, &p->buf);
    return w;
}

/* The gates are passed. The start event carries only the id, so it may go before anything is durable. */
static void on_start(void *ctx, struct lt_uuid id)
{
    struct producer *p = ctx;
    char text[37];
    struct lt_jw w;
    p->id = id;
    p->log = lt_sse_log_new(p->r->http->loop);
    lt_streams_add(p->r->api->streams, id, p->r->caller.site->id, p->r->caller.user_id, p->log);
    lt_sse_log_on_followers(p->log, followers_changed, p);
    p->started = true;
    lt_sse_log_attach(p->log, p->r->http, 0);
    lt_uuid_format(id, text);
    lt_jw_obj(event(p, &w));
    lt_jw_kstrz(&w, "id", text);
    lt_jw_end(&w);
    append(p, LT_SSE_START);
}

static enum lt_code on_text(void *ctx, struct lt_str piece)
{
    struct producer *p = ctx;
    struct lt_jw w;
    lt_jw_obj(event(p, &w));
    lt_jw_kstr(&w, "text", piece);
    lt_jw_end(&w);
    return append(p, LT_SSE_DELTA);
}

/* The end record is durable by now: the last event may say how it ended. */
static void append_end(struct producer *p, const struct lt_call_result *result)
{
    struct lt_error error = result->error;
    struct lt_jw w;
    bool success = result->success;
    if (success) {
        lt_answer_write(p->r, event(p, &w), result);
        success = !p->buf.failed;
        if (!success)
            lt_fail(&error, LT_EUPSTREAM_INVALID, "the answer is too long for an event");
    }
    if (!success)
        lt_problem_write(p->r, event(p, &w), &error, result->id_text);
    lt_sse_log_finish(p->log, success ? LT_SSE_DONE : LT_SSE_ERROR, lt_buf_str(&p->buf));
    lt_buf_free(&p->buf);
}

/* Others may read the end while this client still takes it. */
static void leave(struct producer *p)
{
    lt_streams_ended(p->r->api->streams, p->id);
    lt_sse_log_flush(p->log, p->r->http);
    lt_sse_log_unref(p->log);
}

void lt_action_stream(struct lt_request *r, struct lt_call_request *request)
{
    struct producer *p = LT_NEW(r->arena, struct producer);
    struct lt_call_result *result = LT_NEW(r->arena, struct lt_call_result);
    p->r = r;
    p->fiber = lt_fiber_self();
    lt_buf_init(&p->buf, LT_REPLY_MAX);
    lt_timer_init(&p->grace, r->http->loop, grace_over, p);
    request->on_start = on_start;
    request->on_text = on_text;
    request->ctx = p;
    lt_process_action(r->api->options.manager, request, result);
    if (p->started) {
        lt_sse_log_on_followers(p->log, NULL, NULL);
        lt_timer_cancel(&p->grace);
        lt_fiber_cancel_reset(); /* a cancelled call still says how it ended */
        append_end(p, result);
        leave(p);
    } else {
        lt_reply_problem(r, &result->error, result->id_text);
    }
    lt_buf_free(&p->buf);
}

/*
 * One streamed answer. The request's fiber produces: it runs the manager and appends events to a log; the client follows the log from
 * callbacks, and may leave and come back. Who leaves for longer than the site's grace time ends the call.
 */
#include "api/event_stream.h"

#include "api/idempotency.h"
#include "workflows/approval.h"

enum {
    SILENCE_MS = 500,  /* after a message that waits for the stream's beginning */
    WAITING_MAX = 8,   /* messages that wait */
};

struct waiting {
    struct lt_str message;
    double fraction;
};

struct lt_event_stream {
    struct lt_request *r;
    struct lt_sse_log *log;
    struct lt_fiber *fiber;
    struct lt_timer grace;
    struct lt_uuid id;
    bool started;      /* the id is known and the client follows */
    struct lt_buf buf; /* one event's data */
    const struct lt_uuid *early_id; /* under which it may begin before anything is asked; NULL: it may not */
    struct lt_timer silence;
    struct waiting waiting[WAITING_MAX];
    int waiting_n;
};

static uint32_t grace_ms(const struct lt_event_stream *p)
{
    return p->r->caller.site->resume_grace_ms;
}

static void grace_over(void *arg)
{
    struct lt_event_stream *p = arg;
    lt_fiber_cancel_because(p->fiber, LT_CANCEL_CLIENT_LEFT);
}

/* Producer's loop, outside fibers. */
static void followers_changed(void *arg, int followers)
{
    struct lt_event_stream *p = arg;
    if (followers > 0) {
        lt_timer_cancel(&p->grace);
        return;
    }
    lt_call_checkpoint(p->r->api->options.manager, p->id);
    if (grace_ms(p) == 0 || p->r->trace)
        grace_over(p);
    else
        lt_timer_set(&p->grace, grace_ms(p));
}

static enum lt_code append(struct lt_event_stream *p, enum lt_sse_type type)
{
    if (p->buf.failed)
        return LT_EUPSTREAM_INVALID; /* one piece larger than any answer may be */
    return lt_sse_log_append(p->log, type, lt_buf_str(&p->buf));
}

static struct lt_jw *event(struct lt_event_stream *p, struct lt_jw *w)
{
    lt_buf_reset(&p->buf);
    lt_jw_init(w, &p->buf);
    return w;
}

static void tell_status(struct lt_event_stream *p, struct lt_str message, double fraction)
{
    struct lt_jw w;
    lt_jw_obj(event(p, &w));
    lt_jw_kstr(&w, "message", message);
    if (fraction >= 0) {
        lt_jw_key(&w, "fraction");
        lt_jw_double(&w, fraction);
    }
    lt_jw_end(&w);
    append(p, LT_SSE_STATUS); /* a client that left is seen at the next piece, or by the fiber's cancel */
}

/* The start event carries only the id, so it may go before anything is durable. Fiber or timer: a new log has room. */
void lt_event_stream_start(void *ctx, struct lt_uuid id)
{
    struct lt_event_stream *p = ctx;
    char text[37];
    struct lt_jw w;
    if (p->started)
        return;
    lt_timer_cancel(&p->silence);
    p->id = id;
    lt_idempotency_stream(p->r, id);
    p->log = lt_sse_log_new(p->r->http->loop);
    if (p->r->trace) /* its last event is for who asked alone: nobody else follows it, and nothing of it is kept */
        lt_sse_log_no_return(p->log);
    else
        lt_streams_add(p->r->api->streams, id, p->r->caller.site->id, p->r->caller.user_id, p->log);
    lt_sse_log_on_followers(p->log, followers_changed, p);
    p->started = true;
    lt_sse_log_attach(p->log, p->r->http, 0);
    lt_uuid_format(id, text);
    lt_jw_obj(event(p, &w));
    lt_jw_kstrz(&w, "id", text);
    lt_jw_end(&w);
    append(p, LT_SSE_START);
    for (int i = 0; i < p->waiting_n; i++)
        tell_status(p, p->waiting[i].message, p->waiting[i].fraction);
}

/*
 * What is refused before a model is asked should have the status of its code, so the stream does not begin with the first message. But
 * somebody who has waited for half a second is told what goes on, and a refusal is then the stream's last event.
 */
static void silence_over(void *arg)
{
    struct lt_event_stream *p = arg;
    lt_event_stream_start(p, *p->early_id);
}

static void keep_waiting(struct lt_event_stream *p, struct lt_str message, double fraction)
{
    if (p->waiting_n == WAITING_MAX || !p->early_id)
        return;
    p->waiting[p->waiting_n++] = (struct waiting){lt_str_copy(p->r->arena, message), fraction};
    if (p->waiting_n == 1)
        lt_timer_set(&p->silence, SILENCE_MS);
}

enum lt_code lt_event_stream_text(void *ctx, struct lt_str piece)
{
    struct lt_event_stream *p = ctx;
    struct lt_jw w;
    lt_jw_obj(event(p, &w));
    lt_jw_kstr(&w, "text", piece);
    lt_jw_end(&w);
    return append(p, LT_SSE_DELTA);
}

void lt_event_stream_progress(void *ctx, struct lt_str message, double fraction)
{
    struct lt_event_stream *p = ctx;
    if (p->started)
        tell_status(p, message, fraction);
    else
        keep_waiting(p, message, fraction);
}

void lt_event_stream_tool(void *ctx, const char *name, const char *state)
{
    struct lt_event_stream *p = ctx;
    struct lt_jw w;
    if (!p->started)
        return;
    lt_jw_obj(event(p, &w));
    lt_jw_kstrz(&w, "name", name);
    lt_jw_kstrz(&w, "state", state);
    lt_jw_end(&w);
    append(p, LT_SSE_TOOL);
}

void lt_event_stream_approval(void *ctx, const struct lt_approval *approval)
{
    struct lt_event_stream *p = ctx;
    struct lt_jw w;
    lt_approval_write(event(p, &w), approval);
    append(p, LT_SSE_APPROVAL); /* the run has asked a model, so the stream has begun */
}

struct lt_event_stream *lt_event_stream_new(struct lt_request *r)
{
    struct lt_event_stream *p = LT_NEW(r->arena, struct lt_event_stream);
    p->r = r;
    p->fiber = lt_fiber_self();
    lt_buf_init(&p->buf, LT_REPLY_MAX);
    lt_timer_init(&p->grace, r->http->loop, grace_over, p);
    lt_timer_init(&p->silence, r->http->loop, silence_over, p);
    return p;
}

void lt_event_stream_may_begin_early(struct lt_event_stream *p, const struct lt_uuid *id)
{
    p->early_id = id;
}

/* The end record is durable by now: the last event may say how it ended. Others may read it while this client still takes it. */
static void end(struct lt_event_stream *p, bool done)
{
    lt_sse_log_finish(p->log, done ? LT_SSE_DONE : LT_SSE_ERROR, lt_buf_str(&p->buf));
    lt_buf_free(&p->buf);
    lt_streams_ended(p->r->api->streams, p->id);
    lt_sse_log_flush(p->log, p->r->http);
    lt_sse_log_unref(p->log);
}

void lt_event_stream_finish(struct lt_event_stream *p, const struct lt_error *err, const char *id_text,
                            void (*write)(struct lt_request *r, struct lt_jw *w, const void *result), const void *result)
{
    struct lt_error why = *err;
    struct lt_jw w;
    lt_timer_cancel(&p->silence);
    if (!p->started) {
        lt_reply_problem(p->r, &why, id_text);
        lt_buf_free(&p->buf);
        return;
    }
    lt_sse_log_on_followers(p->log, NULL, NULL);
    lt_timer_cancel(&p->grace);
    lt_fiber_cancel_reset(); /* a cancelled call still says how it ended */
    if (why.code == LT_OK) {
        write(p->r, event(p, &w), result);
        if (p->buf.failed)
            lt_fail(&why, LT_EUPSTREAM_INVALID, "the answer is too long for an event");
    }
    if (why.code)
        lt_problem_write(p->r, event(p, &w), &why, id_text);
    lt_idempotency_last_event(p->r, why.code, lt_buf_str(&p->buf));
    end(p, why.code == LT_OK);
}

bool lt_event_stream_wanted(struct lt_request *r)
{
    const struct lt_json *stream = lt_json_get(r->body, "stream");
    if (stream)
        return lt_json_bool_or(stream, false);
    struct lt_str accept = lt_http_field(&r->http->head, "Accept", NULL), type = LT_STR("text/event-stream");
    return memmem(accept.p ? accept.p : "", accept.n, type.p, type.n) != NULL;
}

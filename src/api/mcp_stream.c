/*
 * A call whose answer goes out as events: notifications of progress, where the client has given a token, and the answer. What is told of an answer on
 * its way is how long it is, never what: that comes once, when it is whole. Up to 2025-11-25 a client that leaves may come back while the site's
 * grace lasts; from 2026-07-28 on who leaves has cancelled.
 */
#include "api/mcp.h"

enum {
    PROGRESS_MS = 500,  /* between notifications while text comes */
    SILENCE_MS = 10000, /* after which it is told that the call goes on: clients count their time from the last one */
};

struct lt_mcp_stream {
    struct lt_request *r;
    const struct lt_mcp_message *m;
    struct lt_sse_log *log;  /* NULL: it has not begun */
    struct lt_fiber *fiber;
    struct lt_timer grace, silence;
    struct lt_uuid id;
    uint64_t began_ms, told_ms;
    size_t characters;
    struct lt_buf buf;
};

static bool stands_alone(const struct lt_mcp_stream *s)
{
    return s->m->revision >= LT_MCP_FIRST_STATELESS;
}

static void grace_over(void *arg)
{
    struct lt_mcp_stream *s = arg;
    lt_fiber_cancel_because(s->fiber, LT_CANCEL_CLIENT_LEFT);
}

/* Request's loop, outside fibers. */
static void followers_changed(void *arg, int followers)
{
    struct lt_mcp_stream *s = arg;
    uint32_t grace_ms = stands_alone(s) ? 0 : s->r->caller.site->resume_grace_ms;
    if (followers > 0) {
        lt_timer_cancel(&s->grace);
        return;
    }
    lt_call_checkpoint(s->r->api->options.manager, s->id);
    if (grace_ms == 0)
        grace_over(s);
    else
        lt_timer_set(&s->grace, grace_ms);
}

/* Progress is the time that has passed: of the answer nobody knows how long it will be. What finds no room is left out. */
static void tell(struct lt_mcp_stream *s)
{
    struct lt_jw w;
    uint64_t now = lt_loop_now(s->r->http->loop);
    if (!s->m->token || (s->told_ms > 0 && now <= s->told_ms))
        return;
    s->told_ms = now;
    lt_timer_set(&s->silence, SILENCE_MS);
    lt_buf_reset(&s->buf);
    lt_jw_init(&w, &s->buf);
    lt_rpc_notification(&w, "notifications/progress");
    lt_jw_key(&w, "params");
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "progressToken", s->m->token);
    lt_jw_key(&w, "progress");
    lt_jw_double(&w, (double)(now - s->began_ms) / 1000.0);
    lt_jw_kstr(&w, "message",
               s->characters == 0 ? LT_STR("The AI service has been asked.")
                                  : lt_printf(s->r->arena, "The answer has %zu characters so far.", s->characters));
    lt_jw_end(&w);
    lt_jw_end(&w);
    lt_sse_log_try(s->log, LT_SSE_MESSAGE, lt_buf_str(&s->buf));
}

static void silence_over(void *arg)
{
    tell(arg);
}

struct lt_mcp_stream *lt_mcp_stream_new(const struct lt_mcp *mcp, const struct lt_mcp_message *m)
{
    struct lt_mcp_stream *s = LT_NEW(mcp->r->arena, struct lt_mcp_stream);
    s->r = mcp->r;
    s->m = m;
    s->fiber = lt_fiber_self();
    lt_buf_init(&s->buf, LT_REPLY_MAX);
    lt_timer_init(&s->grace, s->r->http->loop, grace_over, s);
    lt_timer_init(&s->silence, s->r->http->loop, silence_over, s);
    return s;
}

/* The gates are passed; nothing is durable yet, and nothing is shown. An empty event gives the client an id to come back with. */
void lt_mcp_stream_start(void *ctx, struct lt_uuid id)
{
    struct lt_mcp_stream *s = ctx;
    s->id = id;
    s->log = lt_sse_log_new(s->r->http->loop);
    s->began_ms = lt_loop_now(s->r->http->loop);
    if (stands_alone(s)) {
        lt_sse_log_no_return(s->log);
    } else {
        lt_sse_log_name(s->log, id);
        lt_streams_add(s->r->api->streams, id, s->r->caller.site->id, s->r->caller.user_id, s->log);
    }
    lt_sse_log_on_followers(s->log, followers_changed, s);
    lt_sse_log_attach(s->log, s->r->http, 0);
    if (s->m->revision == LT_MCP_2025_11_25) /* those before would take it for a message */
        lt_sse_log_append(s->log, LT_SSE_MESSAGE, LT_STR(""));
    tell(s);
}

static size_t count_characters(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

enum lt_code lt_mcp_stream_text(void *ctx, struct lt_str piece)
{
    struct lt_mcp_stream *s = ctx;
    bool first = s->characters == 0;
    s->characters += count_characters(piece);
    if (first || lt_loop_now(s->r->http->loop) >= s->told_ms + PROGRESS_MS)
        tell(s);
    return LT_OK;
}

bool lt_mcp_stream_finish(struct lt_mcp_stream *s, struct lt_str answer)
{
    bool began = s->log != NULL;
    lt_timer_cancel(&s->silence);
    lt_timer_cancel(&s->grace);
    lt_buf_free(&s->buf);
    if (!began)
        return false;
    lt_sse_log_on_followers(s->log, NULL, NULL);
    lt_timer_cancel(&s->grace);
    lt_fiber_cancel_reset(); /* a cancelled call still says how it ended */
    lt_sse_log_finish(s->log, LT_SSE_MESSAGE, answer);
    if (!stands_alone(s))
        lt_streams_ended(s->r->api->streams, s->id);
    lt_sse_log_flush(s->log, s->r->http);
    lt_sse_log_unref(s->log);
    return true;
}

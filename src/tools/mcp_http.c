/* MCP over Streamable HTTP: each message of ours is a POST; its answer is JSON or a stream of events, which can be gone on with when it breaks off. */
#include "io/http_client.h"
#include "io/sse.h"
#include "tools/mcp_session.h"

enum {
    FIELDS = LT_MCP_HEADERS_MAX + 6,
    RESUMES_MAX = 64,      /* of one stream */
    RETRY_MS = 1000,       /* before a broken stream is gone on with, when the server says nothing */
    RETRY_MAX_MS = 10000,
};

/* ---- one request of HTTP ---- */

static size_t fields_of(const struct mcp_session *s, struct lt_str last_id, bool body,
                        struct lt_http_field out[FIELDS])
{
    size_t n = 0;
    for (; n < s->server.headers_n; n++)
        out[n] = s->server.headers[n];
    out[n++] = (struct lt_http_field){LT_STR("Accept"), body ? LT_STR("application/json, text/event-stream") : LT_STR("text/event-stream")};
    if (body)
        out[n++] = (struct lt_http_field){LT_STR("Content-Type"), LT_STR("application/json")};
    if (s->hello.version)
        out[n++] = (struct lt_http_field){LT_STR("MCP-Protocol-Version"), lt_str(s->hello.version)};
    if (s->http_id[0])
        out[n++] = (struct lt_http_field){LT_STR("Mcp-Session-Id"), lt_str(s->http_id)};
    if (last_id.n > 0)
        out[n++] = (struct lt_http_field){LT_STR("Last-Event-ID"), last_id};
    return n;
}

static enum lt_code post(struct mcp_session *s, const char *method, struct lt_str body, struct lt_str last_id,
                         uint64_t deadline_ms, struct lt_http_reply **ret, struct lt_error *err)
{
    struct lt_http_field fields[FIELDS];
    uint64_t now = lt_loop_now(s->home->loop), left = deadline_ms > now ? deadline_ms - now : 1;
    uint32_t whole = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
    struct lt_http_call call = {.method = method,
                                .url = s->server.url,
                                .fields = fields,
                                .fields_n = fields_of(s, last_id, body.p != NULL, fields),
                                .body = body,
                                .tls = s->home->hub->tls,
                                .connect_ms = s->server.connect_ms,
                                .first_byte_ms = whole,
                                .idle_ms = whole,
                                .deadline_ms = deadline_ms,
                                .max_body = s->server.max_bytes};
    return lt_http_send(s->home->loop, &call, ret, err);
}

/* What a status says; the server's own words are not repeated. */
static enum lt_code refused(int status, bool in_session, struct lt_error *err)
{
    enum lt_code code = status >= 500   ? LT_EUPSTREAM_UNAVAILABLE
                        : status == 429 ? LT_EUPSTREAM_RATE_LIMITED
                        : status == 404 ? LT_EUPSTREAM_NOT_FOUND
                        : status >= 400 ? LT_EUPSTREAM_BAD_REQUEST
                                        : LT_EUPSTREAM_INVALID;
    if (in_session && (status == 404 || status == 400))
        code = LT_EAGAIN;
    if (status == 401 || status == 403)
        return lt_fail(err, LT_EUPSTREAM_UNAUTHORIZED, "the server does not let us in (status %d): check its headers", status);
    if (status >= 300 && status < 400)
        return lt_fail(err, code, "the server redirects (status %d), which is not followed: set the address that it leads to", status);
    return lt_fail(err, code, status == 404 || status == 405 ? "there is no MCP endpoint at the address (status %d)" : "the server answered with status %d",
                   status);
}

/* ---- its answer ---- */

static void send_reply(struct mcp_session *s, struct lt_str body)
{
    struct lt_http_reply *reply;
    struct lt_error ignored;
    if (post(s, "POST", body, LT_STR_NULL, lt_loop_now(s->home->loop) + MCP_ASIDE_MS, &reply, &ignored) == LT_OK)
        lt_http_reply_close(reply);
}

static enum lt_code take(struct mcp_exchange *x, struct lt_str text, struct lt_error *err)
{
    return mcp_take(x->session, x->arena, text, x->id, &x->server_requests, send_reply, &x->answer, &x->found, err);
}

/* Until the answer has come or the stream has ended: LT_OK. *cut: it broke off, which is an error too. */
static enum lt_code read_events(struct mcp_exchange *x, struct lt_http_reply *reply, struct lt_sse_parser *p, bool *cut, struct lt_error *err)
{
    struct lt_sse_event event;
    struct lt_str piece;
    while (!x->found) {
        int got;
        enum lt_code rc = lt_http_reply_read(reply, &piece, err);
        *cut = rc == LT_EUPSTREAM_INVALID || rc == LT_EUPSTREAM_UNAVAILABLE;
        if (rc || piece.n == 0)
            return rc;
        while (!x->found && (got = lt_sse_feed(p, &piece, &event)) != 0) {
            if (got < 0)
                return lt_fail(err, LT_EUPSTREAM_INVALID, "it sent an event of more than %zu bytes", x->session->server.max_bytes);
            if (event.data.n > 0 && take(x, lt_str_copy(x->arena, event.data), err)) /* without data it only tells its id */
                return err->code;
        }
    }
    return LT_OK;
}

static bool is_event_stream(const struct lt_http_head *head)
{
    struct lt_str type = lt_http_field(head, "content-type", NULL);
    return lt_str_eq_ci(lt_str_trim(lt_str_cut(&type, ';')), LT_STR("text/event-stream"));
}

static enum lt_code open_again(struct mcp_exchange *x, struct lt_str last_id, int64_t retry_ms, struct lt_http_reply **ret, struct lt_error *err)
{
    uint64_t now = lt_loop_now(x->session->home->loop), ms = retry_ms < 0 ? RETRY_MS : retry_ms < RETRY_MAX_MS ? (uint64_t)retry_ms : RETRY_MAX_MS;
    if (now + ms >= x->deadline_ms)
        return lt_fail(err, LT_EUPSTREAM_TIMEOUT, "the stream of its answer broke off, and there is no time to go on with it");
    if (lt_fiber_sleep(ms) == LT_ECANCELLED)
        return lt_fail(err, LT_ECANCELLED, "the caller left");
    if (post(x->session, "GET", LT_STR_NULL, last_id, x->deadline_ms, ret, err))
        return err->code;
    const struct lt_http_head *head = lt_http_reply_head(*ret);
    if (head->status == 200 && is_event_stream(head))
        return LT_OK;
    int status = head->status;
    lt_http_reply_close(*ret);
    *ret = NULL;
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the stream of its answer broke off, and cannot be gone on with (status %d)", status);
}

/* The whole stream, over as many connections as it takes. Takes the reply over. */
static enum lt_code read_stream(struct mcp_exchange *x, struct lt_http_reply *reply, struct lt_error *err)
{
    struct lt_sse_parser p;
    struct lt_str last_id = LT_STR_NULL;
    enum lt_code rc = LT_OK;
    bool cut = false;
    int64_t retry_ms = -1;
    for (int resumes = 0; rc == LT_OK && !x->found; resumes++) {
        lt_sse_parser_init(&p, x->session->server.max_bytes);
        lt_buf_put_str(&p.id, last_id);
        p.retry_ms = retry_ms;
        rc = read_events(x, reply, &p, &cut, err);
        lt_http_reply_finish(reply);
        last_id = lt_str_copy(x->arena, lt_buf_str(&p.id));
        retry_ms = p.retry_ms;
        lt_sse_parser_free(&p);
        if (x->found || (rc && !cut))
            break;
        if (last_id.n == 0 || resumes == RESUMES_MAX)
            return rc ? rc : lt_fail(err, LT_EUPSTREAM_INVALID, "the stream of its answer ended without the answer");
        rc = open_again(x, last_id, retry_ms, &reply, err);
    }
    return x->found ? LT_OK : rc;
}

/* Takes the reply over. */
static enum lt_code read_json(struct mcp_exchange *x, struct lt_http_reply *reply, struct lt_error *err)
{
    struct lt_str text;
    enum lt_code rc = lt_http_reply_read_all(reply, x->arena, &text, err);
    lt_http_reply_close(reply);
    if (rc || take(x, text, err))
        return err->code;
    return x->found ? LT_OK : lt_fail(err, LT_EUPSTREAM_INVALID, "its answer is none to the request");
}

/* Of the answer to `initialize`. Visible ASCII, as the specification has it; anything else is no id. */
static void keep_session_id(struct mcp_session *s, const struct lt_http_head *head)
{
    struct lt_str id = lt_http_field(head, "mcp-session-id", NULL);
    if (s->http_id[0] || id.n == 0 || id.n >= sizeof(s->http_id))
        return;
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] < 0x21 || id.p[i] > 0x7e)
            return;
    memcpy(s->http_id, id.p, id.n);
    s->http_id[id.n] = '\0';
}

enum lt_code mcp_http_exchange(struct mcp_exchange *x, struct lt_error *err)
{
    struct lt_http_reply *reply;
    struct mcp_session *s = x->session;
    bool in_session = s->http_id[0] != '\0', events, json;
    if (post(s, "POST", x->body, LT_STR_NULL, x->deadline_ms, &reply, err))
        return err->code;
    const struct lt_http_head *head = lt_http_reply_head(reply);
    struct lt_str type = lt_http_field(head, "content-type", NULL);
    int status = head->status;
    events = is_event_stream(head);
    json = lt_str_eq_ci(lt_str_trim(lt_str_cut(&type, ';')), LT_STR("application/json"));
    bool ok = status >= 200 && status < 300;
    if (ok && !s->hello.version)
        keep_session_id(s, head);
    if (ok && x->id == 0) {
        lt_http_reply_close(reply);
        return LT_OK;
    }
    if (ok && status == 200 && events)
        return read_stream(x, reply, err);
    if (ok && status == 200 && json)
        return read_json(x, reply, err);
    lt_http_reply_close(reply);
    return ok ? lt_fail(err, LT_EUPSTREAM_INVALID, "its answer is neither JSON nor a stream of events (status %d)", status)
              : refused(status, in_session, err);
}

void mcp_http_end(struct mcp_session *s)
{
    struct lt_http_reply *reply;
    struct lt_error ignored;
    if (!s->http_id[0])
        return;
    lt_fiber_shield();
    if (post(s, "DELETE", LT_STR_NULL, LT_STR_NULL, lt_loop_now(s->home->loop) + MCP_ASIDE_MS, &reply, &ignored) == LT_OK)
        lt_http_reply_close(reply);
    lt_fiber_unshield();
    s->http_id[0] = '\0';
}

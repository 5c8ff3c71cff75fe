/*
 * A connection's fiber, from the first byte of a request until none is there: TLS handshake, then per request its head, the
 * handler, what the handler left undone. Pipelined requests are served in order.
 */
#include "base/log.h"
#include "base/uuid.h"
#include "io/http_server_private.h"

enum {
    TLS_MS = 10000,
    LINGER_MS = 2000, /* a closed connection's input is read away so long, lest a reset overtakes the answer */
    LINGER_MAX = 4 * 1024 * 1024,
};

/* A request in an arena of its own. It has no head and no body yet. */
static struct lt_http_stream *request_new(struct lt_http_conn *c)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_http_request *req = lt_alloc(arena, sizeof(*req));
    struct lt_http_stream *st = lt_alloc(arena, sizeof(*st));
    *st = (struct lt_http_stream){.conn = c, .req = req, .body_done = true, .sent_before = c->sent};
    *req = (struct lt_http_request){
        .arena = arena, .loop = c->server->loop, .head = {.minor = 1, .content_length = -1}, .stream = st};
    lt_uuid_format(lt_uuid_new(), req->id);
    if (!c->peer[0])
        lt_conn_peer_name(c->io, c->peer);
    memcpy(req->peer, c->peer, sizeof(req->peer));
    return st;
}

static void tell_ended(struct lt_http_stream *st)
{
    struct lt_http_conn *c = st->conn;
    const struct lt_http_server_options *o = &c->server->options;
    if (o->ended)
        o->ended(st->req, c->sent - st->sent_before, c->why_known ? lt_http_closed_name(c->why) : NULL, o->ctx);
}

static void request_free(struct lt_http_stream *st)
{
    struct lt_http_conn *c = st->conn;
    c->stream = NULL;
    if (st->out.n > 0)
        lt_conn_on_writable(c->io, NULL, NULL);
    lt_buf_free(&st->out);
    lt_arena_free(st->req->arena);
    c->deadline_ms = LT_NEVER;
}

/* Closing with unread input makes the kernel send a reset, which can destroy the answer on its way. So: no more output, read,
 * close. */
static void linger(struct lt_http_conn *c)
{
    if (c->broken || c->gone || c->server->stopping)
        return;
    shutdown(lt_conn_fd(c->io), SHUT_WR);
    lt_http_conn_take_buffer(c);
    uint64_t deadline = lt_http_now(c) + LINGER_MS;
    for (size_t total = 0, n = 1; total < LINGER_MAX && n > 0; total += n)
        if (lt_conn_read(c->io, c->in->p, LT_HTTP_READ_SIZE, deadline, &n) != LT_OK)
            return;
}

/* The head could not be read: says why, then the connection ends. */
static void answer_bad_head(struct lt_http_conn *c, const struct lt_error *err)
{
    struct lt_http_stream *st = request_new(c);
    lt_http_respond_problem(st->req, err->code, err->detail);
    tell_ended(st);
    request_free(st);
    linger(c);
}

/* NULL when there is none, of which the client was told if it is there. Apart from serve_one(), whose frame stays for the whole call. */
__attribute__((noinline)) static struct lt_http_stream *read_request(struct lt_http_conn *c)
{
    struct lt_http_head head;
    struct lt_error err;
    size_t used;
    lt_fiber_set_name("http.head");
    lt_fiber_set_where(NULL, NULL);
    enum lt_code rc = lt_http_read_head(c, &head, &used, &err);
    if (rc != LT_OK) {
        lt_http_conn_ends(c, LT_HTTP_CLOSED_BAD_HEAD);
        if (rc != LT_ECANCELLED)
            answer_bad_head(c, &err);
        return NULL;
    }
    struct lt_http_stream *st = request_new(c);
    lt_http_keep_head(c, st->req, &head, used);
    c->served = true;
    st->left = head.content_length > 0 ? head.content_length : 0;
    st->body_done = !head.chunked && st->left == 0;
    return st;
}

static void call_handler(struct lt_http_stream *st)
{
    const struct lt_http_server_options *o = &st->conn->server->options;
    st->conn->stream = st;
    lt_http_conn_give_buffer_if_empty(st->conn);
    lt_fiber_set_name("http.handler");
    o->handler(st->req, o->ctx);
    lt_fiber_cancel_reset();
    st->hooked = false;
    st->on_writable = NULL;
}

/* What follows the handler: an answer if it gave none, the rest of the body. True when the connection can be used again. */
static bool finish_request(struct lt_http_stream *st, bool *ret_reset)
{
    struct lt_http_conn *c = st->conn;
    struct lt_http_request *req = st->req;
    if (!req->responded && !st->streaming && !c->gone && !c->server->stopping) {
        lt_log(LT_LOG_ERROR, "http.unanswered", LT_SS("path", req->head.path), LT_S("request_id", req->id));
        lt_http_respond_problem(req, LT_EINTERNAL, "the request was not answered");
    }
    *ret_reset = (st->streaming && !st->ended) || c->broken; /* a cut answer must not look like a whole one */
    if (*ret_reset || c->gone || c->server->stopping) {
        lt_http_conn_ends(c, c->server->stopping ? LT_HTTP_CLOSED_END : c->broken ? LT_HTTP_CLOSED_SLOW : LT_HTTP_CLOSED_CUT);
        return false;
    }
    if (lt_http_body_blocks(st)) {
        lt_http_conn_ends(c, LT_HTTP_CLOSED_BODY);
        linger(c);
        return false;
    }
    if (st->close) {
        lt_http_conn_ends(c, c->server->draining ? LT_HTTP_CLOSED_END : LT_HTTP_CLOSED_ANSWERED);
        if (c->at < c->n || (!st->body_done && st->left > 0))
            linger(c);
        return false;
    }
    if (st->body_done || lt_http_drain_body(st))
        return true;
    lt_http_conn_ends(c, LT_HTTP_CLOSED_BODY);
    return false;
}

/* True when another request may follow. */
static bool serve_one(struct lt_http_conn *c, bool *ret_reset)
{
    struct lt_http_stream *st = read_request(c);
    if (!st)
        return false;
    call_handler(st);
    bool again = finish_request(st, ret_reset);
    tell_ended(st);
    request_free(st);
    return again;
}

__attribute__((noinline)) static bool handshake(struct lt_http_conn *c)
{
    struct lt_error err;
    lt_fiber_set_name("http.tls");
    c->handshake = false;
    if (lt_conn_handshake(c->io, lt_http_now(c) + TLS_MS, &err) == LT_OK)
        return true;
    lt_http_conn_ends(c, LT_HTTP_CLOSED_TLS);
    return false;
}

void lt_http_serve(void *arg)
{
    struct lt_http_conn *c = arg;
    bool reset = false, again = !c->handshake || handshake(c);
    while (again) {
        again = serve_one(c, &reset) && !c->server->draining && !c->gone;
        if (again && c->at == c->n) {
            lt_http_conn_idle(c);
            return;
        }
    }
    if (c->server->draining)
        lt_http_conn_ends(c, LT_HTTP_CLOSED_END);
    lt_http_conn_close(c, reset);
}

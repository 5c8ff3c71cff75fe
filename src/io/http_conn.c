/*
 * A connection outside of requests: waiting for one, its buffer and deadline, its client leaving, closing. All of it runs in
 * callbacks or is called by the fiber; the fiber itself is in http_serve.c.
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/http_server_private.h"

enum { BUFFERS_KEPT = 64 /* spare ones */ };

/* ---- its buffer ---- */

void lt_http_conn_take_buffer(struct lt_http_conn *c)
{
    struct lt_http_server *s = c->server;
    if (c->in)
        return;
    c->in = s->spare;
    if (c->in) {
        s->spare = c->in->next;
        s->spare_n--;
    } else {
        c->in = malloc(sizeof(*c->in));
        if (!c->in)
            lt_out_of_memory(0);
    }
    c->at = c->n = 0;
}

static void give_buffer(struct lt_http_conn *c)
{
    struct lt_http_server *s = c->server;
    if (!c->in)
        return;
    if (s->spare_n < BUFFERS_KEPT) {
        c->in->next = s->spare;
        s->spare = c->in;
        s->spare_n++;
    } else {
        free(c->in);
    }
    c->in = NULL;
    c->at = c->n = 0;
}

void lt_http_conn_give_buffer_if_empty(struct lt_http_conn *c)
{
    if (c->at == c->n)
        give_buffer(c);
}

void lt_http_buffers_free(struct lt_http_server *s)
{
    while (s->spare) {
        struct lt_http_buffer *b = s->spare;
        s->spare = b->next;
        free(b);
    }
}

/* ---- its end ---- */

void lt_http_closed(const struct lt_http_server *s, enum lt_http_closed why, uint64_t sent)
{
    lt_log(LT_LOG_DEBUG, "http.closed", LT_S("reason", lt_http_closed_name(why)), LT_I("sent", sent));
    if (s->options.limits)
        lt_http_limits_closed(s->options.limits, why);
}

void lt_http_conn_close(struct lt_http_conn *c, bool reset)
{
    struct lt_http_server *s = c->server;
    *(c->prev ? &c->prev->next : &s->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    give_buffer(c);
    lt_conn_close(c->io, reset);
    lt_loop_free_later(s->loop, free, c);
    if (s->options.limits)
        lt_http_limits_leave(s->options.limits, c->guest);
    assert(c->why_known);
    lt_http_closed(s, c->why, c->sent);
    if (--s->connections == 0 && s->stopper)
        lt_fiber_wake(s->stopper);
}

/* The client left, or is as good as gone, while a fiber is busy with it. */
static void client_left(struct lt_http_conn *c)
{
    if (c->gone)
        return;
    c->gone = true;
    lt_http_conn_ends(c, c->broken ? LT_HTTP_CLOSED_SLOW : LT_HTTP_CLOSED_LEFT);
    struct lt_http_stream *st = c->stream;
    if (st && st->hooked) {
        if (st->on_gone)
            st->on_gone(st->on_gone_arg);
    } else if (c->fiber) {
        lt_fiber_cancel_because(c->fiber, c->broken ? LT_CANCEL_SLOW : LT_CANCEL_CLIENT_LEFT);
    }
}

void lt_http_conn_cut(struct lt_http_conn *c)
{
    c->broken = true;
    shutdown(lt_conn_fd(c->io), SHUT_RDWR);
    client_left(c);
}

static void on_peer_closed(void *arg)
{
    struct lt_http_conn *c = arg;
    if (c->fiber) {
        client_left(c);
        return;
    }
    lt_http_conn_ends(c, LT_HTTP_CLOSED_CLIENT);
    lt_http_conn_close(c, false);
}

void lt_http_on_client_gone(struct lt_http_request *req, void (*fn)(void *arg), void *arg)
{
    struct lt_http_stream *st = req->stream;
    st->hooked = true;
    st->on_gone = fn;
    st->on_gone_arg = arg;
}

bool lt_http_client_gone(const struct lt_http_request *req)
{
    return req->stream->conn->gone;
}

bool lt_http_stream_heard(const struct lt_http_request *req)
{
    return req->tap || !req->stream->conn->gone;
}

/* ---- its deadline ---- */

/* Nothing came for too long, or an overflow made no progress. */
static void on_deadline(void *arg)
{
    struct lt_http_conn *c = arg;
    c->armed_ms = LT_NEVER;
    if (c->deadline_ms > lt_http_now(c)) {
        if (c->deadline_ms != LT_NEVER)
            lt_http_conn_deadline(c, c->deadline_ms);
    } else if (!c->fiber) {
        lt_http_conn_ends(c, c->server->draining ? LT_HTTP_CLOSED_END : LT_HTTP_CLOSED_IDLE);
        lt_http_conn_close(c, false);
    } else if (c->broken || (c->stream && c->stream->out.n > 0)) {
        lt_http_conn_cut(c);
    }
}

void lt_http_conn_deadline(struct lt_http_conn *c, uint64_t at_ms)
{
    c->deadline_ms = at_ms;
    if (at_ms >= c->armed_ms)
        return;
    c->armed_ms = at_ms;
    lt_conn_on_deadline(c->io, at_ms, on_deadline, c);
}

/* ---- its beginning, and waiting for a request ---- */

static void on_first_byte(void *arg);

/* Reads the first bytes of a request. False when there are none: the client left, or TLS had only something of its own to say. */
static bool read_first(struct lt_http_conn *c)
{
    bool eof;
    lt_http_conn_take_buffer(c);
    ssize_t n = lt_conn_try_read(c->io, c->in->p, LT_HTTP_READ_SIZE, &eof);
    if (n > 0) {
        c->n = (uint32_t)n;
        return true;
    }
    if (n < 0 || eof) {
        lt_http_conn_ends(c, LT_HTTP_CLOSED_CLIENT);
        lt_http_conn_close(c, false);
    } else {
        give_buffer(c);
        lt_conn_on_readable(c->io, on_first_byte, c);
    }
    return false;
}

static void on_first_byte(void *arg)
{
    struct lt_http_conn *c = arg;
    if (!c->handshake && !read_first(c))
        return;
    c->deadline_ms = LT_NEVER;
    if (lt_fiber_start(c->server->loop, lt_http_serve, c, &c->fiber) == LT_OK)
        return;
    if (!c->handshake && !c->server->options.tls)
        lt_http_refuse_overloaded(c->server, lt_conn_fd(c->io), "too many requests");
    lt_http_conn_ends(c, LT_HTTP_CLOSED_BUSY);
    lt_http_conn_close(c, false);
}

void lt_http_conn_idle(struct lt_http_conn *c)
{
    c->fiber = NULL;
    give_buffer(c);
    lt_http_conn_deadline(c, lt_http_now(c) + c->server->options.idle_ms);
    lt_conn_on_readable(c->io, on_first_byte, c);
}

void lt_http_conn_new(struct lt_http_server *s, int fd, struct lt_http_guest *guest)
{
    struct lt_http_conn *c = calloc(1, sizeof(*c));
    if (!c)
        lt_out_of_memory(0);
    c->server = s;
    c->guest = guest;
    c->armed_ms = c->deadline_ms = LT_NEVER;
    c->handshake = s->options.tls != NULL;
    c->io = lt_conn_adopt(s->loop, fd, s->options.tls);
    if (!c->io) {
        if (s->options.limits)
            lt_http_limits_leave(s->options.limits, guest);
        close(fd);
        lt_http_closed(s, LT_HTTP_CLOSED_BUSY, 0);
        free(c);
        return;
    }
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->connections++;
    lt_conn_on_peer_closed(c->io, on_peer_closed, c);
    lt_http_conn_idle(c);
}

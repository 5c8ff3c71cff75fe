/*
 * Answers in pieces: chunks, or until the connection closes for HTTP/1.0. Either the handler's fiber writes and waits (write,
 * end), or callbacks write what goes without waiting (try_write); then `out` holds what the socket did not take.
 */
#include <stdio.h>

#include "io/http_server_private.h"
#include "io/loop_private.h"

enum {
    OUT_MAX = 512 * 1024, /* what try_write takes at once, framing included */
    CHUNK_LINE = 20,      /* 16 digits, CR, LF, NUL */
    CHUNK_FRAME = 22,     /* chunk line and the CR, LF behind the bytes */
};

enum lt_code lt_http_stream_begin(struct lt_http_request *req, int status, const char *content_type,
                                  const struct lt_http_field *fields, size_t fields_n)
{
    struct lt_http_stream *st = req->stream;
    if (req->responded || st->streaming)
        return LT_EINTERNAL;
    st->streaming = true;
    st->head = lt_http_make_head(st, status, content_type, fields, fields_n, -1);
    lt_buf_init(&st->out, OUT_MAX);
    lt_http_conn_give_buffer_if_empty(st->conn);
    if (req->tap)
        req->tap->begin(req->tap->ctx, status, content_type);
    return st->conn->gone && !req->tap ? LT_ECANCELLED : LT_OK;
}

void lt_http_stream_cut(struct lt_http_request *req)
{
    req->stream->must_close = true;
    lt_http_conn_ends(req->stream->conn, LT_HTTP_CLOSED_CUT);
    lt_http_conn_cut(req->stream->conn);
}

/* "1f4\r\n"; returns its length. */
static size_t chunk_line(char out[CHUNK_LINE], size_t n)
{
    return (size_t)snprintf(out, CHUNK_LINE, "%zx\r\n", n);
}

/* The head if it was not sent yet. What follows it is sent together with it. */
static struct lt_str take_head(struct lt_http_stream *st)
{
    struct lt_str head = st->head;
    st->head = LT_STR_NULL;
    st->req->responded = true;
    return head;
}

/* A piece as it is sent, with the head if that was not sent yet. Returns how many entries of iov it took. */
static int make_piece(struct lt_http_stream *st, struct lt_str bytes, char line[CHUNK_LINE], struct iovec iov[4])
{
    int count = 0;
    struct lt_str head = take_head(st);
    if (head.p)
        iov[count++] = lt_http_iov(head);
    if (st->chunked)
        iov[count++] = (struct iovec){line, chunk_line(line, bytes.n)};
    iov[count++] = lt_http_iov(bytes);
    if (st->chunked)
        iov[count++] = lt_http_iov(LT_STR("\r\n"));
    return count;
}

/* ---- from the fiber ---- */

/* What try_write left over goes first. */
static enum lt_code flush_out(struct lt_http_stream *st)
{
    if (st->out.n == 0)
        return LT_OK;
    struct lt_http_conn *c = st->conn;
    lt_conn_on_writable(c->io, NULL, NULL);
    c->deadline_ms = LT_NEVER;
    struct iovec iov = lt_http_iov(lt_buf_str(&st->out));
    enum lt_code rc = lt_http_write_all(c, &iov, 1);
    lt_buf_free(&st->out);
    return rc;
}

static enum lt_code write_piece(struct lt_http_stream *st, struct lt_str bytes)
{
    char line[CHUNK_LINE];
    struct iovec iov[4];
    enum lt_code rc = flush_out(st);
    return rc ? rc : lt_http_write_all(st->conn, iov, make_piece(st, bytes, line, iov));
}

enum lt_code lt_http_stream_write(struct lt_http_request *req, const void *p, size_t n)
{
    struct lt_http_stream *st = req->stream;
    if (!st->streaming || st->ended)
        return LT_EINTERNAL;
    if (lt_fiber_must_end())
        return LT_ECANCELLED;
    if (req->tap)
        req->tap->bytes(req->tap->ctx, (struct lt_str){p, n});
    enum lt_code rc = st->conn->gone ? LT_ECANCELLED : n == 0 || lt_http_is_head(st) ? LT_OK : write_piece(st, (struct lt_str){p, n});
    return req->tap ? LT_OK : rc;
}

enum lt_code lt_http_stream_end(struct lt_http_request *req)
{
    struct lt_http_stream *st = req->stream;
    if (!st->streaming || st->ended)
        return LT_EINTERNAL;
    if (req->tap)
        req->tap->end(req->tap->ctx);
    enum lt_code rc = flush_out(st);
    if (rc != LT_OK)
        return rc;
    struct iovec iov[2];
    int count = 0;
    struct lt_str head = take_head(st);
    if (head.p)
        iov[count++] = lt_http_iov(head);
    if (st->chunked && !lt_http_is_head(st))
        iov[count++] = lt_http_iov(LT_STR("0\r\n\r\n"));
    rc = count > 0 ? lt_http_write_all(st->conn, iov, count) : st->conn->gone ? LT_ECANCELLED : LT_OK;
    st->ended = rc == LT_OK;
    return rc;
}

/* ---- from callbacks ---- */

static void on_out_writable(void *arg);

/*
 * After a write of which the socket took n bytes: what is in `out` waits for it to be writable, with a deadline for each progress.
 * False when writing failed: that is told through the deadline, since a callback must not find its stream ended under it.
 */
static bool wait_writable(struct lt_http_stream *st, ssize_t n)
{
    struct lt_http_conn *c = st->conn;
    c->sent += n > 0 ? (uint64_t)n : 0;
    if (n < 0) {
        c->broken = true;
        lt_http_conn_deadline(c, lt_http_now(c));
        return false;
    }
    if (st->out.n > 0) {
        if (n > 0 || c->deadline_ms == LT_NEVER)
            lt_http_conn_deadline(c, lt_http_now(c) + c->server->options.write_ms);
        lt_conn_on_writable(c->io, on_out_writable, c);
    }
    return true;
}

/* Sends what the socket takes of `out`. */
static bool send_out(struct lt_http_stream *st)
{
    ssize_t n = lt_conn_try_write(st->conn->io, st->out.p, st->out.n);
    if (n > 0)
        lt_buf_consume(&st->out, (size_t)n);
    return wait_writable(st, n);
}

/* Sends what the socket takes of a piece straight from where it lies; only the rest is copied. */
static bool send_piece(struct lt_http_stream *st, struct iovec *iov, int count)
{
    ssize_t n = lt_conn_try_writev(st->conn->io, iov, count);
    size_t skip = n > 0 ? (size_t)n : 0;
    for (int i = 0; n >= 0 && i < count; i++) {
        size_t gone = skip < iov[i].iov_len ? skip : iov[i].iov_len;
        skip -= gone;
        if (gone < iov[i].iov_len)
            lt_buf_put(&st->out, (const char *)iov[i].iov_base + gone, iov[i].iov_len - gone);
    }
    return wait_writable(st, n);
}

static void on_out_writable(void *arg)
{
    struct lt_http_conn *c = arg;
    struct lt_http_stream *st = c->stream;
    if (!st || st->out.n == 0 || !send_out(st) || st->out.n > 0)
        return;
    lt_buf_free(&st->out); /* only a client that is slow just now costs one */
    c->deadline_ms = LT_NEVER;
    void (*fn)(void *) = st->on_writable;
    st->on_writable = NULL;
    if (fn)
        fn(st->on_writable_arg);
}

bool lt_http_stream_try_write(struct lt_http_request *req, const void *p, size_t n)
{
    struct lt_http_stream *st = req->stream;
    struct lt_http_conn *c = st->conn;
    if (c->gone || c->broken || !st->streaming || st->ended || st->out.n > 0)
        return false;
    if (n == 0 || lt_http_is_head(st))
        return true;
    if (n > OUT_MAX - CHUNK_FRAME - st->head.n)
        return false;
    char line[CHUNK_LINE];
    struct iovec iov[4];
    int count = make_piece(st, (struct lt_str){p, n}, line, iov);
    return send_piece(st, iov, count);
}

void lt_http_stream_on_writable(struct lt_http_request *req, void (*fn)(void *arg), void *arg)
{
    req->stream->on_writable = fn;
    req->stream->on_writable_arg = arg;
}

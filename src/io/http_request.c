/*
 * Reading a request: its head, its body, what is left of it. Bytes [at, n) of the connection's buffer came and were not used;
 * they are the rest of this request, or the next one.
 */
#include "io/http_server_private.h"

enum {
    BODY_RATE = 1024,      /* bytes a second at which a body must have come once body_ms are over */
    DRAIN_MAX = 64 * 1024, /* an announced body that nobody wanted is read away up to this size */
};

/* More bytes behind those that wait. The buffer has room: it is compacted first, and nobody lets it fill up. */
static enum lt_code fill(struct lt_http_conn *c, uint64_t deadline_ms, size_t *ret_n)
{
    lt_http_conn_take_buffer(c);
    if (c->at > 0) {
        memmove(c->in->p, c->in->p + c->at, c->n - c->at);
        c->n -= c->at;
        c->at = 0;
    }
    enum lt_code rc = lt_conn_read(c->io, c->in->p + c->n, LT_HTTP_READ_SIZE - c->n, deadline_ms, ret_n);
    if (rc != LT_OK)
        return rc;
    if (*ret_n == 0)
        return LT_ECANCELLED; /* end of data in the middle of a request */
    c->n += (uint32_t)*ret_n;
    return LT_OK;
}

/* ---- the head ---- */

/*
 * What has come is read again only when a line end was among the new bytes, so that a head sent byte by byte costs no more than
 * its number of lines.
 */
enum lt_code lt_http_read_head(struct lt_http_conn *c, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err)
{
    uint64_t deadline = lt_http_now(c) + c->server->options.head_ms;
    size_t fresh = c->n - c->at;
    bool first = true;
    ret->fields = c->server->fields;
    for (;;) {
        size_t have = c->n - c->at;
        if (have > 0 && (first || have == LT_HTTP_READ_SIZE || memchr(c->in->p + c->n - fresh, '\n', fresh))) {
            enum lt_code rc = lt_http1_read_request(c->in->p + c->at, have, ret, ret_used, err);
            if (rc != LT_EAGAIN)
                return rc;
            first = false;
        }
        enum lt_code rc = fill(c, deadline, &fresh);
        if (rc == LT_ETIMEOUT)
            return lt_fail(err, LT_EREQUEST_TIMEOUT, "the request head did not arrive in %u ms", c->server->options.head_ms);
        if (rc != LT_OK)
            return LT_ECANCELLED;
    }
}

static void shift(struct lt_str *s, const char *from, const char *to)
{
    if (s->p)
        s->p = to + (s->p - from);
}

void lt_http_keep_head(struct lt_http_conn *c, struct lt_http_request *req, const struct lt_http_head *head, size_t used)
{
    struct lt_http_head *h = &req->head;
    const char *bytes = c->in->p + c->at;
    char *copy = lt_alloc(req->arena, used);
    memcpy(copy, bytes, used);
    *h = *head;
    h->fields = lt_alloc(req->arena, head->fields_n * sizeof(h->fields[0]));
    memcpy(h->fields, head->fields, head->fields_n * sizeof(h->fields[0]));
    shift(&h->method, bytes, copy);
    shift(&h->path, bytes, copy);
    shift(&h->query, bytes, copy);
    shift(&h->host, bytes, copy);
    for (size_t i = 0; i < h->fields_n; i++) {
        shift(&h->fields[i].name, bytes, copy);
        shift(&h->fields[i].value, bytes, copy);
    }
    c->at += (uint32_t)used;
}

/* ---- the body ---- */

/* Takes what has come of an announced body out of the buffer: *ret_p lies there. */
static size_t take_come(struct lt_http_stream *st, const char **ret_p)
{
    struct lt_http_conn *c = st->conn;
    size_t n = c->n - c->at < (size_t)st->left ? c->n - c->at : (size_t)st->left;
    *ret_p = n > 0 ? c->in->p + c->at : NULL;
    c->at += (uint32_t)n;
    st->left -= (int64_t)n;
    return n;
}

static uint64_t body_deadline(const struct lt_http_stream *st, uint64_t got)
{
    return st->body_start_ms + st->conn->server->options.body_ms + got * 1000 / BODY_RATE;
}

/* Notes that the body is wanted, and asks for it when the client waits for that (RFC 9110 §10.1.1). */
static enum lt_code begin_body(struct lt_http_stream *st)
{
    struct lt_http_conn *c = st->conn;
    st->body_start_ms = lt_http_now(c);
    if (!st->req->head.expect_continue || c->at < c->n)
        return LT_OK;
    struct iovec iov = lt_http_iov(LT_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return lt_http_write_all(c, &iov, 1);
}

/* What has come already is copied, the rest is read straight to its place. */
static enum lt_code read_announced(struct lt_http_stream *st, struct lt_str *ret)
{
    size_t n = (size_t)st->left;
    char *out = lt_alloc(st->req->arena, n + 1);
    const char *come;
    size_t got = take_come(st, &come);
    if (got > 0)
        memcpy(out, come, got);
    while (st->left > 0) {
        size_t more;
        enum lt_code rc = lt_conn_read(st->conn->io, out + got, (size_t)st->left, body_deadline(st, got), &more);
        if (rc != LT_OK)
            return rc;
        if (more == 0)
            return LT_ECANCELLED;
        got += more;
        st->left -= (int64_t)more;
    }
    out[n] = '\0';
    *ret = (struct lt_str){out, n};
    return LT_OK;
}

static void free_buf(void *arg)
{
    lt_buf_free(arg);
}

static enum lt_code read_chunked(struct lt_http_stream *st, size_t max, struct lt_str *ret, struct lt_error *err)
{
    struct lt_http_conn *c = st->conn;
    struct lt_buf *out = LT_NEW(st->req->arena, struct lt_buf);
    lt_buf_init(out, max);
    lt_arena_on_free(st->req->arena, free_buf, out);
    while (!st->chunks.done) {
        struct lt_str piece;
        size_t n;
        enum lt_code rc = c->at < c->n ? LT_OK : fill(c, body_deadline(st, out->n), &n);
        if (rc == LT_OK)
            rc = lt_chunked_read(&st->chunks, c->in->p + c->at, c->n - c->at, &piece, &n, err);
        if (rc != LT_OK)
            return rc;
        c->at += (uint32_t)n;
        /* a whole size line says it already: the bytes of a chunk that is too large are not waited for */
        size_t have = out->n + piece.n;
        bool over = have > max || (st->chunks.line == 0 && st->chunks.left > max - have);
        if (over || !lt_buf_put_str(out, piece)) {
            st->must_close = true;
            return lt_fail(err, LT_ETOO_LARGE, "the body is larger than %zu bytes", max);
        }
    }
    if (out->n > 0)
        *ret = lt_buf_str(out);
    return LT_OK;
}

static enum lt_code body_failed(struct lt_http_stream *st, enum lt_code rc, struct lt_error *err)
{
    st->must_close = true;
    if (rc == LT_ETIMEOUT)
        return lt_fail(err, LT_EREQUEST_TIMEOUT, "the request body came slower than %d bytes a second", BODY_RATE);
    if (rc == LT_EBAD_HTTP)
        return rc;
    return lt_fail(err, LT_ECANCELLED, "the client left while its body was read");
}

/* What is wrong with reading a body before its first byte is waited for. */
static enum lt_code may_read(const struct lt_http_stream *st, size_t max, struct lt_error *err)
{
    if (st->body_start_ms > 0)
        return lt_fail(err, LT_EINTERNAL, "the body was read before");
    if (st->left > 0 && (uint64_t)st->left > max)
        return lt_fail(err, LT_ETOO_LARGE, "the body has %lld bytes, at most %zu are allowed", (long long)st->left, max);
    return LT_OK;
}

enum lt_code lt_http_read_body(struct lt_http_request *req, size_t max, struct lt_str *ret, struct lt_error *err)
{
    struct lt_http_stream *st = req->stream;
    *ret = LT_STR("");
    if (st->body_done)
        return LT_OK;
    if (may_read(st, max, err))
        return err->code;
    enum lt_code rc = begin_body(st);
    if (rc != LT_OK)
        return body_failed(st, rc, err);
    const char *before = lt_fiber_doing("reads the request");
    rc = req->head.chunked ? read_chunked(st, max, ret, err) : read_announced(st, ret);
    lt_fiber_doing(before);
    st->body_done = rc == LT_OK;
    lt_http_conn_give_buffer_if_empty(st->conn);
    return rc == LT_OK || rc == LT_ETOO_LARGE ? rc : body_failed(st, rc, err);
}

/* ---- the body, piece by piece ---- */

typedef enum lt_code (*take_fn)(void *ctx, struct lt_str piece, struct lt_error *err);

/* Waits until something of it is in the buffer. */
static enum lt_code some(struct lt_http_stream *st, uint64_t got)
{
    struct lt_http_conn *c = st->conn;
    size_t n;
    return c->at < c->n ? LT_OK : fill(c, body_deadline(st, got), &n);
}

static enum lt_code give_announced(struct lt_http_stream *st, take_fn take, void *ctx, enum lt_code *ret_taker, struct lt_error *err)
{
    enum lt_code rc;
    for (uint64_t got = 0; st->left > 0;) {
        struct lt_str piece;
        if ((rc = some(st, got)) != LT_OK)
            return rc;
        piece.n = take_come(st, &piece.p);
        got += piece.n;
        if ((*ret_taker = take(ctx, piece, err)) != LT_OK)
            return LT_OK;
    }
    return LT_OK;
}

static enum lt_code give_chunked(struct lt_http_stream *st, size_t max, take_fn take, void *ctx, enum lt_code *ret_taker, struct lt_error *err)
{
    struct lt_http_conn *c = st->conn;
    enum lt_code rc;
    for (size_t got = 0; !st->chunks.done;) {
        struct lt_str piece;
        size_t n;
        if ((rc = some(st, got)) != LT_OK || (rc = lt_chunked_read(&st->chunks, c->in->p + c->at, c->n - c->at, &piece, &n, err)) != LT_OK)
            return rc;
        c->at += (uint32_t)n;
        got += piece.n;
        if (got > max)
            *ret_taker = lt_fail(err, LT_ETOO_LARGE, "the body is larger than %zu bytes", max);
        else if (piece.n > 0)
            *ret_taker = take(ctx, piece, err);
        if (*ret_taker != LT_OK)
            return LT_OK;
    }
    return LT_OK;
}

enum lt_code lt_http_read_body_to(struct lt_http_request *req, size_t max, take_fn take, void *ctx, struct lt_error *err)
{
    struct lt_http_stream *st = req->stream;
    enum lt_code taker = LT_OK;
    if (st->body_done)
        return LT_OK;
    if (may_read(st, max, err))
        return err->code;
    enum lt_code rc = begin_body(st);
    if (rc == LT_OK)
        rc = req->head.chunked ? give_chunked(st, max, take, ctx, &taker, err) : give_announced(st, take, ctx, &taker, err);
    if (rc != LT_OK)
        return body_failed(st, rc, err);
    st->body_done = taker == LT_OK;
    st->must_close |= taker != LT_OK;
    lt_http_conn_give_buffer_if_empty(st->conn);
    return taker;
}

/* ---- what is left of it ---- */

bool lt_http_body_blocks(const struct lt_http_stream *st)
{
    if (st->must_close)
        return true;
    if (st->body_done)
        return false;
    const struct lt_http_head *h = &st->req->head;
    return h->chunked || st->left > DRAIN_MAX || (h->expect_continue && st->body_start_ms == 0);
}

bool lt_http_drain_body(struct lt_http_stream *st)
{
    struct lt_http_conn *c = st->conn;
    uint64_t got = 0;
    if (st->body_start_ms == 0)
        st->body_start_ms = lt_http_now(c);
    while (st->left > 0) {
        const char *unwanted;
        size_t n;
        if (c->at == c->n && fill(c, body_deadline(st, got), &n) != LT_OK)
            return false;
        got += take_come(st, &unwanted);
    }
    return true;
}

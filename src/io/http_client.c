/*
 * The HTTP client: a pool of idle connections per loop, sending a request, reading the answer. An answer under way (struct
 * lt_http_reply) owns its connection until it is closed. It has a buffer only while bytes are in it: who waits for the first byte or
 * for the next event, perhaps for minutes, holds none. Replies and buffers are reused.
 */
#include "io/http_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/memory.h"
#include "io/http_peer.h"
#include "io/outbound.h"
#include "io/upstream_closed.h"

enum {
    IDLE_MAX = 256,            /* connections kept per loop */
    IDLE_MS = 30000,           /* and how long */
    REST_MAX = 64,             /* what may come of a body behind its last event */
    REST_MS = 1000,            /* and how late */
    SWEEP_MS = 5000,
    REPLIES_KEPT = 64,
    BUFFERS_KEPT = 64,         /* those of BUF_FIRST */
    BUF_FIRST = 4096,          /* most answers and all live streams fit in this */
    BUF_MAX = LT_HTTP_HEAD_MAX + 16384,
    ROOM_MIN = 1024,
    CONNECT_MS = 10000,
    FIRST_BYTE_MS = 60000,
    BODY_IDLE_MS = 60000,
    MAX_BODY = 16 * 1024 * 1024,
    INTERIM_MAX = 8,           /* 1xx answers before the real one */
    KEY_SIZE = 300,            /* "https://host:port by proxy" */
};

struct upstream {
    struct pool *pool;
    struct upstream *prev, *next; /* among the idle or those that end: newest first */
    struct lt_conn *conn;
    struct lt_tls *tls;
    struct lt_chunked chunks;     /* while it ends: how far the body was read, */
    size_t rest;                  /* and how many bytes came of what nobody needs */
    uint64_t hash, idle_since_ms;
    char key[];
};

struct upstreams {
    struct upstream *newest, *oldest;
    int n;
};

struct pool {
    struct lt_loop *loop;
    struct upstreams idle;
    struct upstreams ending;      /* their answers were used, but the last bytes of them have not come */
    int busy;                     /* those that end among them */
    struct lt_timer sweep;
    struct lt_http_reply *spare;
    int spare_n;
    struct spare_buffer *buffers;
    int buffers_n;
    struct lt_http_field fields[LT_HTTP_FIELDS_MAX]; /* of a head that is being parsed */
};

struct spare_buffer {
    struct spare_buffer *next;
};

struct lt_http_reply {
    struct lt_http_reply *next; /* among the spare */
    struct pool *pool;
    struct upstream *up;
    struct lt_http_head head;   /* its bytes and fields lie in buf until the body is first read */
    enum lt_http_body body;
    char *buf;                  /* [at, n): bytes that came and were not used. NULL while none are needed */
    size_t cap, at, n;
    bool filled;                /* the last read took all the room: the next buffer is larger */
    int64_t left;
    struct lt_chunked chunks;
    bool done, dirty;           /* body at its end; connection must not be used again */
    enum lt_code failure;       /* what went wrong with the connection, LT_OK: nothing yet */
    bool peer;                  /* io/http_peer.h */
    uint64_t total, max_body, deadline_ms;
    uint32_t idle_ms;
    const char *key;            /* for errors: the target's, then the connection's */
};

struct target {
    struct lt_url url;
    char key[KEY_SIZE];
    uint64_t hash;
};

/* ---- the pool ---- */

static void enter(struct upstreams *list, struct upstream *up)
{
    up->prev = NULL;
    up->next = list->newest;
    *(up->next ? &up->next->prev : &list->oldest) = up;
    list->newest = up;
    list->n++;
}

static void leave(struct upstreams *list, struct upstream *up)
{
    *(up->prev ? &up->prev->next : &list->newest) = up->next;
    *(up->next ? &up->next->prev : &list->oldest) = up->prev;
    list->n--;
}

static void upstream_close(struct upstream *up, bool abort_, enum lt_upstream_closed why)
{
    lt_upstream_closed(up->key, why);
    lt_conn_close(up->conn, abort_);
    free(up);
}

static void drop_idle(struct upstream *up, enum lt_upstream_closed why)
{
    leave(&up->pool->idle, up);
    upstream_close(up, false, why);
}

/*
 * Whatever comes between two answers, the end of data included, makes a connection worthless or dangerous. What only TLS has to
 * say (a session ticket) is no data.
 */
static bool is_silent(struct upstream *up)
{
    char byte;
    bool eof;
    return lt_conn_try_read(up->conn, &byte, 1, &eof) == 0 && !eof;
}

static void on_idle_event(void *arg)
{
    struct upstream *up = arg;
    if (is_silent(up))
        lt_conn_on_readable(up->conn, on_idle_event, up);
    else
        drop_idle(up, LT_UPSTREAM_CLOSED_SERVICE);
}

static void on_sweep(void *arg)
{
    struct pool *p = arg;
    uint64_t now = lt_loop_now(p->loop);
    while (p->idle.oldest && now - p->idle.oldest->idle_since_ms >= IDLE_MS)
        drop_idle(p->idle.oldest, LT_UPSTREAM_CLOSED_IDLE);
    if (p->idle.n > 0)
        lt_timer_set(&p->sweep, SWEEP_MS);
}

static void drop_ending(struct upstream *up, enum lt_upstream_closed why)
{
    leave(&up->pool->ending, up);
    up->pool->busy--;
    upstream_close(up, true, why);
}

static void pool_free(void *arg)
{
    struct pool *p = arg;
    lt_timer_cancel(&p->sweep);
    while (p->idle.oldest)
        drop_idle(p->idle.oldest, LT_UPSTREAM_CLOSED_END);
    while (p->ending.oldest)
        drop_ending(p->ending.oldest, LT_UPSTREAM_CLOSED_END);
    while (p->spare) {
        struct lt_http_reply *r = p->spare;
        p->spare = r->next;
        free(r);
    }
    while (p->buffers) {
        struct spare_buffer *b = p->buffers;
        p->buffers = b->next;
        free(b);
    }
    free(p);
}

static struct pool *pool_of(struct lt_loop *loop)
{
    struct pool *p = lt_loop_slot(loop, LT_SLOT_HTTP_CLIENT);
    if (p)
        return p;
    p = calloc(1, sizeof(*p));
    if (!p)
        lt_out_of_memory(0);
    p->loop = loop;
    lt_timer_init(&p->sweep, loop, on_sweep, p);
    lt_loop_set_slot(loop, LT_SLOT_HTTP_CLIENT, p, pool_free);
    return p;
}

/* Asks the kernel once more: what came since the last turn of the loop must not be taken for the next answer. */
static struct upstream *pool_take(struct pool *p, const struct target *t, struct lt_tls *tls)
{
    for (struct upstream *up = p->idle.newest, *next; up; up = next) {
        next = up->next;
        if (up->hash != t->hash || up->tls != tls || strcmp(up->key, t->key) != 0)
            continue;
        if (lt_conn_peer_closed(up->conn) || !is_silent(up)) {
            drop_idle(up, LT_UPSTREAM_CLOSED_SERVICE);
            continue;
        }
        leave(&p->idle, up);
        lt_conn_on_readable(up->conn, NULL, NULL);
        return up;
    }
    return NULL;
}

static void pool_put(struct upstream *up)
{
    struct pool *p = up->pool;
    if (p->idle.n == IDLE_MAX)
        drop_idle(p->idle.oldest, LT_UPSTREAM_CLOSED_FULL);
    up->idle_since_ms = lt_loop_now(p->loop);
    enter(&p->idle, up);
    if (p->idle.n == 1)
        lt_timer_set(&p->sweep, SWEEP_MS);
    lt_conn_on_readable(up->conn, on_idle_event, up);
}

static enum lt_upstream_closed why_failed(enum lt_code rc)
{
    return rc == LT_ECANCELLED                                  ? LT_UPSTREAM_CLOSED_CANCELLED
           : rc == LT_ETIMEOUT || rc == LT_EUPSTREAM_TIMEOUT ? LT_UPSTREAM_CLOSED_LATE
                                                                 : LT_UPSTREAM_CLOSED_FAILED;
}

/* ---- the end of an answer that nobody waits for ---- */

/* Takes n bytes that came behind the last event. False: no answer ends so. */
static bool take_rest(struct upstream *up, const char *p, size_t n)
{
    struct lt_error why;
    struct lt_str piece;
    size_t at = 0, used;
    up->rest += n;
    while (at < n && !up->chunks.done) {
        if (lt_chunked_read(&up->chunks, p + at, n - at, &piece, &used, &why) != LT_OK)
            return false;
        at += used;
    }
    return at == n && (up->chunks.done || up->rest < REST_MAX);
}

static void on_rest(void *arg)
{
    struct upstream *up = arg;
    char bytes[REST_MAX];
    bool eof;
    ssize_t n = lt_conn_try_read(up->conn, bytes, REST_MAX - up->rest, &eof);
    if (n < 0 || eof || !take_rest(up, bytes, (size_t)n)) {
        drop_ending(up, LT_UPSTREAM_CLOSED_FAILED);
    } else if (!up->chunks.done) {
        lt_conn_on_readable(up->conn, on_rest, up);
    } else {
        leave(&up->pool->ending, up);
        up->pool->busy--;
        lt_conn_on_deadline(up->conn, LT_NEVER, NULL, NULL);
        pool_put(up);
    }
}

static void on_rest_late(void *arg)
{
    drop_ending(arg, LT_UPSTREAM_CLOSED_LATE);
}

/* The connection is as good as any other once the end of its body has come. Stays among the busy. */
static void pool_put_when_ended(struct upstream *up, const struct lt_chunked *chunks)
{
    struct pool *p = up->pool;
    if (p->ending.n == IDLE_MAX)
        drop_ending(p->ending.oldest, LT_UPSTREAM_CLOSED_FULL);
    up->chunks = *chunks;
    up->rest = 0;
    enter(&p->ending, up);
    lt_conn_on_deadline(up->conn, lt_loop_now(p->loop) + REST_MS, on_rest_late, up);
    lt_conn_on_readable(up->conn, on_rest, up);
}

void lt_http_client_counts(struct lt_loop *loop, int *ret_idle, int *ret_busy)
{
    const struct pool *p = lt_loop_slot(loop, LT_SLOT_HTTP_CLIENT);
    *ret_idle = p ? p->idle.n : 0;
    *ret_busy = p ? p->busy : 0;
}

/* ---- the URL ---- */

static char *put(char *p, struct lt_str s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

static enum lt_code parse_target(struct lt_str url, struct target *t, struct lt_error *err)
{
    enum lt_code rc = lt_url_parse(url, &t->url, err);
    if (rc != LT_OK)
        return rc;
    char digits[LT_DECIMAL_SIZE], *p = t->key;
    p = put(p, t->url.https ? LT_STR("https://") : LT_STR("http://"));
    p = put(p, lt_str(t->url.host));
    p = put(p, LT_STR(":"));
    p = put(p, lt_decimal(t->url.port, digits));
    p = put(p, lt_outbound_by_proxy(&t->url) ? LT_STR(" by proxy") : LT_STR(""));
    *p = '\0';
    t->hash = lt_hash64(LT_HASH64_START, t->key, (size_t)(p - t->key));
    return LT_OK;
}

/* ---- the request ---- */

static bool is_field(struct lt_str name, const char *lower)
{
    return lt_str_eq_ci(name, lt_str(lower));
}

static bool is_token(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
        if (!letter && !digit && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

static enum lt_code check_fields(const struct lt_http_call *call, struct lt_error *err)
{
    static const char *const ours[] = {"host", "content-length", "connection", "transfer-encoding"};
    if (!is_token(lt_str(call->method)))
        return lt_fail(err, LT_EINVALID_INPUT, "the method is not a token");
    for (size_t i = 0; i < call->fields_n; i++) {
        struct lt_str name = call->fields[i].name, value = call->fields[i].value;
        if (!is_token(name))
            return lt_fail(err, LT_EINVALID_INPUT, "a field name is not a token");
        for (size_t k = 0; k < value.n; k++)
            if (((uint8_t)value.p[k] < 0x20 && value.p[k] != '\t') || value.p[k] == 0x7f)
                return lt_fail(err, LT_EINVALID_INPUT, "field %.*s: its value holds a control byte", LT_FMT(name));
        for (size_t k = 0; k < LT_COUNT(ours); k++)
            if (is_field(name, ours[k]))
                return lt_fail(err, LT_EINVALID_INPUT, "field %s is set by the client", ours[k]);
    }
    return LT_OK;
}

static bool has_field(const struct lt_http_call *call, const char *lower)
{
    for (size_t i = 0; i < call->fields_n; i++)
        if (is_field(call->fields[i].name, lower))
            return true;
    return false;
}

static size_t head_size(const struct lt_http_call *call, const struct target *t)
{
    size_t n = strlen(call->method) + t->url.path.n + t->url.authority.n + 160;
    for (size_t i = 0; i < call->fields_n; i++)
        n += call->fields[i].name.n + call->fields[i].value.n + 4;
    return n;
}

static size_t write_head(char *out, const struct lt_http_call *call, const struct target *t)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    char *p = put(out, lt_str(call->method));
    *p++ = ' ';
    if (t->url.path.n == 0 || t->url.path.p[0] != '/')
        *p++ = '/';
    p = put(p, t->url.path);
    p = put(p, LT_STR(" HTTP/1.1\r\nHost: "));
    p = put(p, t->url.authority);
    if (!has_field(call, "user-agent"))
        p = put(p, LT_STR("\r\nUser-Agent: lectern/" LECTERN_VERSION));
    bool length = call->body.p != NULL;
    for (size_t i = 0; i < LT_COUNT(with_body); i++)
        length |= strcmp(call->method, with_body[i]) == 0;
    if (length) {
        char digits[LT_DECIMAL_SIZE];
        p = put(p, LT_STR("\r\nContent-Length: "));
        p = put(p, lt_decimal((int64_t)call->body.n, digits));
    }
    for (size_t i = 0; i < call->fields_n; i++) {
        p = put(p, LT_STR("\r\n"));
        p = put(p, call->fields[i].name);
        p = put(p, LT_STR(": "));
        p = put(p, call->fields[i].value);
    }
    return (size_t)(put(p, LT_STR("\r\n\r\n")) - out);
}

/* ---- the answer ---- */

static struct lt_http_reply *reply_new(struct pool *p)
{
    struct lt_http_reply *r = p->spare;
    if (r) {
        p->spare = r->next;
        p->spare_n--;
    } else {
        r = malloc(sizeof(*r));
        if (!r)
            lt_out_of_memory(0);
    }
    *r = (struct lt_http_reply){.pool = p};
    return r;
}

/* An empty buffer of at least `size` bytes. The reply has none. */
static void take_buffer(struct lt_http_reply *r, size_t size)
{
    struct pool *p = r->pool;
    struct spare_buffer *spare = p->buffers;
    r->cap = size > BUF_FIRST ? size : BUF_FIRST;
    if (r->cap == BUF_FIRST && spare) {
        p->buffers = spare->next;
        p->buffers_n--;
        r->buf = (char *)spare;
    } else if (!(r->buf = malloc(r->cap))) {
        lt_out_of_memory(r->cap);
    }
}

static void give_buffer(struct lt_http_reply *r)
{
    struct pool *p = r->pool;
    if (r->buf && r->cap == BUF_FIRST && p->buffers_n < BUFFERS_KEPT) {
        struct spare_buffer *spare = (struct spare_buffer *)r->buf;
        spare->next = p->buffers;
        p->buffers = spare;
        p->buffers_n++;
    } else {
        free(r->buf);
    }
    r->buf = NULL;
    r->cap = r->at = r->n = 0;
}

static void reply_free(struct lt_http_reply *r)
{
    struct pool *p = r->pool;
    give_buffer(r);
    if (p->spare_n == REPLIES_KEPT) {
        free(r);
        return;
    }
    r->next = p->spare;
    p->spare = r;
    p->spare_n++;
}

static void grow(struct lt_http_reply *r, size_t cap)
{
    size_t at = r->at, n = r->n;
    char *buf = malloc(cap);
    if (!buf)
        lt_out_of_memory(0);
    memcpy(buf, r->buf, n);
    give_buffer(r);
    r->buf = buf;
    r->cap = cap;
    r->at = at;
    r->n = n;
}

/*
 * Reads behind what waits; the buffer grows when the head leaves little room or the data comes in large runs. When nothing waits and
 * nothing has come there is none.
 */
static enum lt_code fill(struct lt_http_reply *r, uint64_t deadline_ms, size_t *ret_n)
{
    if (r->at == r->n) {
        r->at = r->n = 0;
        if (lt_conn_must_wait(r->up->conn))
            give_buffer(r);
    }
    enum lt_code rc = lt_conn_await(r->up->conn, deadline_ms);
    if (rc != LT_OK)
        return rc;
    if (!r->buf)
        take_buffer(r, BUF_FIRST);
    else if (r->cap < BUF_MAX && (r->filled || r->cap - r->n < ROOM_MIN))
        grow(r, r->cap * 2 < BUF_MAX ? r->cap * 2 : BUF_MAX);
    rc = lt_conn_read(r->up->conn, r->buf + r->n, r->cap - r->n, deadline_ms, ret_n);
    if (rc == LT_OK) {
        r->n += *ret_n;
        r->filled = r->n == r->cap;
    }
    return rc;
}

static uint64_t until(const struct lt_http_reply *r, uint32_t ms)
{
    uint64_t at = lt_loop_now(r->pool->loop) + ms;
    return at < r->deadline_ms ? at : r->deadline_ms;
}

/* How lt_conn's codes look from here; `phase` completes "host: timed out …". */
static enum lt_code failed(struct lt_http_reply *r, enum lt_code rc, const char *phase, struct lt_error *err)
{
    r->dirty = true;
    if (rc == LT_ECANCELLED)
        return lt_fail(err, LT_ECANCELLED, "%s: cancelled %s", r->key, phase);
    if (rc == LT_ETIMEOUT)
        return lt_fail(err, LT_EUPSTREAM_TIMEOUT, "%s: timed out %s", r->key, phase);
    return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "%s: the connection broke %s", r->key, phase);
}

/* Not inlined, like the others below that hold an error of their own: the frames of the functions that wait stay for minutes. */
__attribute__((noinline)) static enum lt_code connect_up(struct lt_http_reply *r, const struct target *t, const struct lt_http_call *call,
                               struct lt_tls *tls, struct lt_error *err)
{
    struct lt_conn *conn;
    struct lt_error why = {.code = LT_OK};
    uint32_t ms = call->connect_ms ? call->connect_ms : CONNECT_MS;
    enum lt_code rc = r->peer ? lt_conn_connect(r->pool->loop, t->url.host, t->url.port, tls, until(r, ms), &conn, &why)
                                 : lt_outbound_connect(r->pool->loop, &t->url, tls, until(r, ms), &conn, &why);
    if (rc == LT_ETIMEOUT || rc == LT_ECANCELLED)
        return failed(r, rc, "while connecting", err);
    if (rc != LT_OK)
        return lt_fail(err, rc, "%s: while connecting: %s", r->key, why.detail);
    size_t n = strlen(t->key) + 1;
    struct upstream *up = calloc(1, sizeof(*up) + n);
    if (!up)
        lt_out_of_memory(0);
    up->pool = r->pool;
    up->conn = conn;
    up->tls = tls;
    up->hash = t->hash;
    memcpy(up->key, t->key, n);
    r->up = up;
    return LT_OK;
}

/*
 * Puts the fields of a head behind all that came, where nothing is read to before the head is done with. False: there was no room, the
 * buffer has moved and the head is to be parsed again.
 */
static bool keep_fields(struct lt_http_reply *r)
{
    size_t size = r->head.fields_n * sizeof(struct lt_http_field), align = sizeof(struct lt_http_field);
    if (r->cap - r->n < size + align) {
        grow(r, r->n + size + align);
        return false;
    }
    struct lt_http_field *kept = (struct lt_http_field *)(r->buf + (r->cap - size) / align * align);
    memcpy(kept, r->head.fields, size);
    r->head.fields = kept;
    return true;
}

/* Parses what has come. Interim answers are taken out of the buffer, so that it always has room for a head behind them. */
__attribute__((noinline)) static enum lt_code parse_head(struct lt_http_reply *r, int *interim, struct lt_error *err)
{
    for (;;) {
        struct lt_error why;
        size_t used;
        r->head.fields = r->pool->fields;
        enum lt_code rc = lt_http1_read_response(r->buf, r->n, &r->head, &used, &why);
        if (rc == LT_EAGAIN)
            return rc;
        if (rc != LT_OK)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: the head of the answer: %s", r->key, why.detail);
        if (r->head.status >= 200) {
            r->at = used;
            if (keep_fields(r))
                return LT_OK;
            continue;
        }
        r->n -= used;
        memmove(r->buf, r->buf + used, r->n);
        if (r->head.status == 101 || ++*interim > INTERIM_MAX)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: status %d was not asked for", r->key, r->head.status);
    }
}

static enum lt_code begin_reply(struct lt_http_reply *r, bool head_request, struct lt_error *err)
{
    r->body = lt_http1_response_body(&r->head, head_request);
    r->done = r->body == LT_BODY_NONE;
    if (r->body == LT_BODY_LENGTH)
        r->left = r->head.content_length;
    if (r->left > 0 && (uint64_t)r->left > r->max_body)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: the answer has %lld bytes, at most %llu are read", r->key,
                       (long long)r->left, (unsigned long long)r->max_body);
    return LT_OK;
}

static enum lt_code read_head(struct lt_http_reply *r, const struct lt_http_call *call, bool *ret_silent, struct lt_error *err)
{
    uint64_t deadline = until(r, call->first_byte_ms ? call->first_byte_ms : FIRST_BYTE_MS);
    int interim = 0;
    *ret_silent = true;
    for (;;) {
        size_t n = 0;
        enum lt_code rc = fill(r, deadline, &n);
        if (rc == LT_ECANCELLED || rc == LT_ETIMEOUT) {
            *ret_silent = false;
            return failed(r, rc, r->n == 0 ? "waiting for the first byte" : "reading the head", err);
        }
        if (rc != LT_OK || n == 0) {
            if (*ret_silent)
                return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "%s: closed the connection without an answer", r->key);
            return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: the answer ends within its head", r->key);
        }
        if (*ret_silent) {
            deadline = until(r, r->idle_ms);
            if (call->times)
                call->times->first_byte_us = lt_mono_us();
        }
        *ret_silent = false;
        rc = parse_head(r, &interim, err);
        if (rc == LT_OK)
            return begin_reply(r, strcmp(call->method, "HEAD") == 0, err);
        if (rc != LT_EAGAIN)
            return rc;
    }
}

/*
 * One try on r->up. *ret_silent: the connection ended before any byte of an answer. When sending fails the answer is still looked
 * for: a server may refuse a body before it has read all of it.
 */
static enum lt_code exchange(struct lt_http_reply *r, const struct lt_http_call *call, const struct target *t, bool *ret_silent,
                             struct lt_error *err)
{
    take_buffer(r, head_size(call, t));
    struct iovec iov[2] = {{r->buf, write_head(r->buf, call, t)}, {(void *)(uintptr_t)call->body.p, call->body.n}};
    *ret_silent = false;
    enum lt_code rc = lt_conn_writev(r->up->conn, iov, call->body.n > 0 ? 2 : 1, until(r, r->idle_ms));
    give_buffer(r);
    if (rc == LT_ECANCELLED || rc == LT_ETIMEOUT)
        return failed(r, rc, "while sending", err);
    r->dirty = rc != LT_OK || r->peer;
    r->failure = rc;
    if (call->times)
        call->times->sent_us = lt_mono_us();
    return read_head(r, call, ret_silent, err);
}

static enum lt_code send_to(struct lt_http_reply *r, const struct lt_http_call *call, const struct target *t, struct lt_error *err)
{
    struct lt_tls *tls = t->url.https ? call->tls : NULL;
    for (bool fresh = false;; fresh = true) {
        bool silent;
        r->up = fresh || r->peer ? NULL : pool_take(r->pool, t, tls);
        bool reused = r->up != NULL;
        enum lt_code rc = reused ? LT_OK : connect_up(r, t, call, tls, err);
        if (rc != LT_OK)
            return rc;
        r->pool->busy++;
        if (call->times)
            *call->times = (struct lt_http_times){.connected_us = lt_mono_us(), .reused = reused};
        rc = exchange(r, call, t, &silent, err);
        if (rc == LT_OK) {
            r->key = r->up->key;
            return LT_OK;
        }
        r->pool->busy--;
        upstream_close(r->up, true, reused && silent ? LT_UPSTREAM_CLOSED_SERVICE : why_failed(rc));
        r->up = NULL;
        if (!reused || !silent)
            return rc;
        give_buffer(r);
    }
}

static enum lt_code send_out(struct lt_loop *loop, const struct lt_http_call *call, bool peer, struct lt_http_reply **ret, struct lt_error *err)
{
    struct target t;
    *ret = NULL;
    enum lt_code rc = parse_target(call->url, &t, err);
    if (rc == LT_OK)
        rc = check_fields(call, err);
    if (rc == LT_OK && t.url.https && !call->tls)
        rc = lt_fail(err, LT_EINVALID_INPUT, "URL: https needs a TLS context");
    if (rc != LT_OK)
        return rc;
    struct lt_http_reply *r = reply_new(pool_of(loop));
    r->deadline_ms = call->deadline_ms ? call->deadline_ms : LT_NEVER;
    r->idle_ms = call->idle_ms ? call->idle_ms : BODY_IDLE_MS;
    r->max_body = call->max_body ? call->max_body : MAX_BODY;
    r->key = t.key;
    r->peer = peer;
    const char *before = lt_fiber_doing("asks another server");
    rc = send_to(r, call, &t, err);
    lt_fiber_doing(before);
    if (rc == LT_OK)
        *ret = r;
    else
        reply_free(r);
    return rc;
}

enum lt_code lt_http_send(struct lt_loop *loop, const struct lt_http_call *call, struct lt_http_reply **ret, struct lt_error *err)
{
    return send_out(loop, call, false, ret, err);
}

enum lt_code lt_http_send_peer(struct lt_loop *loop, const struct lt_http_call *call, struct lt_http_reply **ret, struct lt_error *err)
{
    return send_out(loop, call, true, ret, err);
}

const struct lt_http_head *lt_http_reply_head(const struct lt_http_reply *reply)
{
    return &reply->head;
}

/* The next run of body bytes among those that have come; empty when more are needed. */
__attribute__((noinline)) static enum lt_code take_piece(struct lt_http_reply *r, struct lt_str *ret, struct lt_error *err)
{
    size_t have = r->n - r->at;
    *ret = (struct lt_str){r->buf + r->at, have};
    if (r->body == LT_BODY_LENGTH) {
        if (have > (uint64_t)r->left)
            ret->n = (size_t)r->left;
        r->left -= (int64_t)ret->n;
        r->at += ret->n;
        r->done = r->left == 0;
    } else if (r->body == LT_BODY_UNTIL_CLOSE) {
        r->at = r->n;
    } else {
        struct lt_error why;
        size_t used;
        if (lt_chunked_read(&r->chunks, r->buf + r->at, have, ret, &used, &why) != LT_OK)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: %s", r->key, why.detail);
        r->at += used;
        r->done = r->chunks.done;
    }
    r->total += ret->n;
    if (r->total > r->max_body)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: the answer has more than %llu bytes", r->key,
                       (unsigned long long)r->max_body);
    return LT_OK;
}

static enum lt_code more_body(struct lt_http_reply *r, struct lt_error *err)
{
    size_t n;
    const char *before = lt_fiber_doing("reads another server's answer");
    enum lt_code rc = fill(r, until(r, r->idle_ms), &n);
    lt_fiber_doing(before);
    if (rc == LT_ECANCELLED || rc == LT_ETIMEOUT)
        return failed(r, rc, "reading the body", err);
    if (rc != LT_OK || n == 0) {
        if (rc == LT_OK && r->body == LT_BODY_UNTIL_CLOSE) {
            r->done = true;
            return LT_OK;
        }
        return lt_fail(err, LT_EUPSTREAM_INVALID, "%s: the answer was cut off within its body", r->key);
    }
    return LT_OK;
}

enum lt_code lt_http_reply_read(struct lt_http_reply *reply, struct lt_str *ret_piece, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    *ret_piece = LT_STR_NULL;
    reply->head.reason = LT_STR_NULL;
    reply->head.fields_n = 0;
    while (rc == LT_OK && ret_piece->n == 0 && !reply->done) {
        if (reply->at == reply->n)
            rc = more_body(reply, err);
        if (rc == LT_OK && reply->at < reply->n)
            rc = take_piece(reply, ret_piece, err);
    }
    if (rc != LT_OK) {
        reply->dirty = true;
        reply->failure = rc;
        *ret_piece = LT_STR_NULL;
    }
    return rc;
}

/* The length is known, and was found to be allowed: the bytes go straight to their place. */
static enum lt_code read_known(struct lt_http_reply *r, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    char *out = lt_alloc(arena, (size_t)r->left + 1);
    struct lt_str piece;
    size_t n = 0;
    enum lt_code rc;
    while ((rc = lt_http_reply_read(r, &piece, err)) == LT_OK && piece.n > 0) {
        memcpy(out + n, piece.p, piece.n);
        n += piece.n;
    }
    out[n] = '\0';
    *ret = (struct lt_str){out, n};
    return rc;
}

static enum lt_code read_unknown(struct lt_http_reply *r, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf all;
    struct lt_str piece;
    enum lt_code rc;
    lt_buf_init(&all, (size_t)r->max_body + 1);
    while ((rc = lt_http_reply_read(r, &piece, err)) == LT_OK && piece.n > 0)
        lt_buf_put_str(&all, piece);
    if (rc == LT_OK)
        *ret = lt_str_copy(arena, lt_buf_str(&all));
    lt_buf_free(&all);
    return rc;
}

enum lt_code lt_http_reply_read_all(struct lt_http_reply *reply, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    return reply->body == LT_BODY_LENGTH ? read_known(reply, arena, ret, err) : read_unknown(reply, arena, ret, err);
}

/* A reader that stopped at its last event may have left the end of the body unread though it has come already. */
static void take_end(struct lt_http_reply *r)
{
    struct lt_str piece = {NULL, 0};
    while (!r->done && r->body == LT_BODY_CHUNKED && r->at < r->n && piece.n == 0)
        if (take_piece(r, &piece, NULL) != LT_OK)
            return;
}

static enum lt_upstream_closed why_closed(const struct lt_http_reply *r)
{
    if (r->failure)
        return why_failed(r->failure);
    if (r->peer)
        return LT_UPSTREAM_CLOSED_ONCE;
    if (r->done && r->at < r->n)
        return LT_UPSTREAM_CLOSED_SERVICE;
    return r->done || r->body == LT_BODY_UNTIL_CLOSE ? LT_UPSTREAM_CLOSED_TOLD : LT_UPSTREAM_CLOSED_UNREAD;
}

static void close_reply(struct lt_http_reply *r, bool finished)
{
    struct pool *p = r->pool;
    if (!r->dirty)
        take_end(r);
    bool good = !r->dirty && r->head.keep_alive && r->body != LT_BODY_UNTIL_CLOSE && r->at == r->n;
    if (good && !r->done && finished && r->body == LT_BODY_CHUNKED) {
        pool_put_when_ended(r->up, &r->chunks);
    } else {
        p->busy--;
        if (good && r->done)
            pool_put(r->up);
        else
            upstream_close(r->up, !r->done, why_closed(r));
    }
    reply_free(r);
}

void lt_http_reply_close(struct lt_http_reply *reply)
{
    if (reply)
        close_reply(reply, false);
}

void lt_http_reply_finish(struct lt_http_reply *reply)
{
    close_reply(reply, true);
}

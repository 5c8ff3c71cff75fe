/*
 * The HTTP server: accepting, the life of a connection, reading bodies, writing answers. One struct client per connection; it has
 * a fiber and a read buffer only while a request is under way. The state of that request (struct lt_http_stream) lies on the
 * fiber's stack.
 */
#include "io/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uuid.h"
#include "io/loop_private.h"
#include "text/json.h"

enum {
    MAX_CONNECTIONS = 10000,
    ACCEPT_BATCH = 64,             /* then other events have their turn */
    TLS_MS = 10000,
    HEAD_MS = 10000,
    BODY_MS = 10000,               /* after which a body must have come at BODY_RATE */
    BODY_RATE = 1024,              /* bytes a second */
    IDLE_MS = 60000,
    WRITE_MS = 30000,              /* for each WRITE_PIECE */
    WRITE_PIECE = 128 * 1024,
    DRAIN_MAX = 64 * 1024,         /* an announced body that nobody wanted is read away up to this size */
    LINGER_MS = 2000,              /* a closed connection's input is read away so long, lest a reset overtakes the answer */
    LINGER_MAX = 4 * 1024 * 1024,
    STOP_MS = 2000,                /* what cancelled requests have to end before their connections are cut */
    FRESH_MS = 1000,               /* a connection accepted just before a drain has so long to send its request */
    READ_SIZE = LT_HTTP_HEAD_MAX,
    BUFFERS_KEPT = 64,
    OUT_MAX = 512 * 1024,          /* of try_write's overflow */
    NOTSENT_LOWAT = 64 * 1024,     /* what the kernel queues unsent for one client, so that a slow one is noticed */
    PAUSE_MS = 100,                /* no accepting for so long when the system has no descriptors or memory */
};

struct buffer { /* READ_SIZE bytes; the link is used while it is spare */
    struct buffer *next;
    char p[READ_SIZE];
};

struct client {
    struct lt_http_server *server;
    struct lt_conn *conn;
    struct client *prev, *next;
    struct lt_fiber *fiber;        /* NULL while it waits for a request */
    struct lt_http_stream *stream; /* the request whose handler runs */
    struct buffer *in;             /* bytes [at, n) came and were not used */
    uint32_t at, n;
    uint64_t deadline_ms, armed_ms; /* the timer is moved lazily: it may fire early and be set again */
    bool handshake;                /* TLS is still to be set up */
    bool served;                   /* had a request */
    bool gone;                     /* the peer left */
    bool broken;                   /* writing failed */
    char peer[64];
};

struct lt_http_server {
    struct lt_loop *loop;
    struct lt_http_server_options options;
    struct event *listener;
    int fd, spare_fd, port;
    bool draining, stopping;
    int connections;
    struct client *clients;
    struct lt_fiber *stopper; /* waits until the last connection ended */
    struct buffer *spare;
    int spare_n;
    int64_t date_s;           /* the second that `common` was made for */
    char common[80];          /* "Server: …\r\nDate: …\r\n" */
    size_t common_n;
    struct lt_timer pause;
    uint64_t warned_ms;
};

/* A request under way. */
struct lt_http_stream {
    struct client *client;
    struct lt_http_request *req;
    int64_t left;             /* bytes of an announced body still to be read */
    uint64_t body_start_ms;   /* 0: not begun */
    struct lt_chunked chunks;
    bool body_done;
    bool must_close;          /* the body's framing cannot be trusted any more */
    bool close;               /* this answer says so, or ends by closing */
    bool streaming, chunked, ended;
    struct lt_str head;       /* noted by stream_begin, goes out with the first bytes; p NULL afterwards */
    struct lt_buf out;        /* try_write's overflow */
    bool hooked;              /* on_gone replaces the cancelling */
    void (*on_gone)(void *arg);
    void *on_gone_arg;
    void (*on_writable)(void *arg);
    void *on_writable_arg;
};

/* ---- ports of this process ---- */

/*
 * SO_REUSEPORT lets a second daemon of the same user share a port silently. Before the first listener of a port of this process
 * is made, a socket without that option is bound to it for a moment; that fails when another process listens there.
 */
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t ports[65536]; /* listeners of this process */

static bool port_is_free(const struct addrinfo *addr)
{
    int one = 1, fd = socket(addr->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    bool free_ = bind(fd, addr->ai_addr, addr->ai_addrlen) == 0 || errno != EADDRINUSE;
    close(fd);
    return free_;
}

static void count_port(int port, int change)
{
    pthread_mutex_lock(&ports_lock);
    ports[port] = (uint8_t)(ports[port] + change);
    pthread_mutex_unlock(&ports_lock);
}

static bool port_is_ours(int port)
{
    pthread_mutex_lock(&ports_lock);
    bool ours = port > 0 && ports[port] > 0;
    pthread_mutex_unlock(&ports_lock);
    return ours;
}

/* ---- buffers and timers of a connection ---- */

static void buffer_take(struct client *c)
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
            abort();
    }
    c->at = c->n = 0;
}

static void buffer_give(struct client *c)
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

/* A handler may take long: it holds no buffer in which nothing waits. */
static void buffer_give_if_empty(struct client *c)
{
    if (c->at == c->n)
        buffer_give(c);
}

static uint64_t now_of(const struct client *c)
{
    return lt_loop_now(c->server->loop);
}

static void on_deadline(void *arg);

static void set_deadline(struct client *c, uint64_t at)
{
    c->deadline_ms = at;
    if (at >= c->armed_ms)
        return;
    c->armed_ms = at;
    lt_conn_on_deadline(c->conn, at, on_deadline, c);
}

/* ---- the life of a connection ---- */

static void client_close(struct client *c, bool abort_)
{
    struct lt_http_server *s = c->server;
    *(c->prev ? &c->prev->next : &s->clients) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    buffer_give(c);
    lt_conn_close(c->conn, abort_);
    lt_loop_free_later(s->loop, free, c);
    if (--s->connections == 0 && s->stopper)
        lt_fiber_wake(s->stopper);
}

/* The client left, or is as good as gone. */
static void client_left(struct client *c)
{
    if (c->gone)
        return;
    c->gone = true;
    struct lt_http_stream *st = c->stream;
    if (st && st->hooked) {
        if (st->on_gone)
            st->on_gone(st->on_gone_arg);
    } else if (c->fiber) {
        lt_fiber_cancel(c->fiber);
    }
}

static void on_peer_closed(void *arg)
{
    struct client *c = arg;
    if (c->fiber)
        client_left(c);
    else
        client_close(c, false);
}

/* Nothing came for too long, or an overflow made no progress. */
static void on_deadline(void *arg)
{
    struct client *c = arg;
    c->armed_ms = LT_NEVER;
    if (c->deadline_ms > now_of(c)) {
        if (c->deadline_ms != LT_NEVER)
            set_deadline(c, c->deadline_ms);
    } else if (!c->fiber) {
        client_close(c, false);
    } else if (c->broken || (c->stream && c->stream->out.n > 0)) {
        c->broken = true;
        shutdown(lt_conn_fd(c->conn), SHUT_RDWR);
        client_left(c);
    }
}

static void client_main(void *arg);
static void on_first_byte(void *arg);
static void refuse_overloaded(struct lt_http_server *s, int fd);

/* Reads the first bytes of a request. False when there are none: the client left, or TLS had only something of its own to say. */
static bool read_first(struct client *c)
{
    bool eof;
    buffer_take(c);
    ssize_t n = lt_conn_try_read(c->conn, c->in->p, READ_SIZE, &eof);
    if (n > 0) {
        c->n = (uint32_t)n;
        return true;
    }
    if (n < 0 || eof) {
        client_close(c, false);
    } else {
        buffer_give(c);
        lt_conn_on_readable(c->conn, on_first_byte, c);
    }
    return false;
}

static void on_first_byte(void *arg)
{
    struct client *c = arg;
    if (!c->handshake && !read_first(c))
        return;
    c->deadline_ms = LT_NEVER;
    if (lt_fiber_start(c->server->loop, client_main, c, &c->fiber) == LT_OK)
        return;
    if (!c->handshake && !c->server->options.tls)
        refuse_overloaded(c->server, lt_conn_fd(c->conn));
    client_close(c, false);
}

static void go_idle(struct client *c, uint32_t ms)
{
    c->fiber = NULL;
    buffer_give(c);
    set_deadline(c, now_of(c) + ms);
    lt_conn_on_readable(c->conn, on_first_byte, c);
}

/* ---- writing ---- */

/*
 * All of the iovecs, at most WRITE_PIECE in one go, so that the deadline is one for progress and not for the whole. Shielded: a
 * request that was cancelled while its client is there (the call was deleted, say) can still say so, and no write is cut in the
 * middle.
 */
static enum lt_code send_all(struct client *c, struct iovec *iov, int count)
{
    lt_fiber_shield();
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    enum lt_code rc = c->broken || c->gone ? LT_ECANCELLED : LT_OK;
    while (rc == LT_OK && total > WRITE_PIECE) {
        struct iovec piece[8];
        int n = 0;
        for (size_t room = WRITE_PIECE; room > 0; n++) {
            size_t take = iov[0].iov_len < room ? iov[0].iov_len : room;
            piece[n] = (struct iovec){iov[0].iov_base, take};
            iov[0] = (struct iovec){(char *)iov[0].iov_base + take, iov[0].iov_len - take};
            room -= take;
            if (iov[0].iov_len == 0)
                iov++, count--;
        }
        total -= WRITE_PIECE;
        rc = lt_conn_writev(c->conn, piece, n, now_of(c) + c->server->options.write_ms);
    }
    if (rc == LT_OK && total > 0)
        rc = lt_conn_writev(c->conn, iov, count, now_of(c) + c->server->options.write_ms);
    lt_fiber_unshield();
    if (rc != LT_OK)
        c->broken = true;
    return rc;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return status < 300 ? "Success" : status < 400 ? "Redirection" : status < 500 ? "Client Error" : "Server Error";
    }
}

/* Server and Date lines (RFC 9110 §5.6.7, names that no locale changes), made once a second. */
static void refresh_common(struct lt_http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t second = lt_now_ms() / 1000;
    if (second == s->date_s)
        return;
    s->date_s = second;
    time_t t = (time_t)second;
    struct tm tm;
    gmtime_r(&t, &tm);
    int n =
        snprintf(s->common, sizeof(s->common), "Server: lectern\r\nDate: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    s->common_n = (size_t)n;
}

bool lt_http_field_safe(struct lt_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return true;
}

static char *put(char *p, struct lt_str s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

static char *put_number(char *p, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    return put(p, (struct lt_str){digits + at, sizeof(digits) - at});
}

static bool must_not_have_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* Would the rest of the request's body have to be read away, and is that too much? */
static bool body_blocks(const struct lt_http_stream *st)
{
    if (st->must_close)
        return true;
    if (st->body_done)
        return false;
    const struct lt_http_head *h = &st->req->head;
    return h->chunked || st->left > DRAIN_MAX || (h->expect_continue && st->body_start_ms == 0);
}

/* The head of an answer, in the request's arena. length < 0: the stream's framing. Notes in st whether the connection ends with
 * it. */
static struct lt_str make_head(struct lt_http_stream *st, int status, const char *type, const struct lt_http_field *fields,
                               size_t fields_n, int64_t length)
{
    struct lt_http_server *s = st->client->server;
    struct lt_http_request *req = st->req;
    size_t type_n = type ? strlen(type) : 0, size = 320 + sizeof(s->common) + type_n;
    for (size_t i = 0; i < fields_n; i++) {
        if (!lt_http_field_safe(fields[i].name) || !lt_http_field_safe(fields[i].value))
            abort(); /* splitting an answer is a hole, not a mishap */
        size += fields[i].name.n + fields[i].value.n + 4;
    }
    st->chunked = length < 0 && req->head.minor == 1;
    st->close = !req->head.keep_alive || s->draining || (length < 0 && !st->chunked) || body_blocks(st);
    refresh_common(s);
    char *start = lt_alloc(req->arena, size), *p = start;
    p = put(p, LT_STR("HTTP/1.1 "));
    p = put_number(p, (uint64_t)status);
    *p++ = ' ';
    p = put(p, lt_str(reason_of(status)));
    p = put(p, LT_STR("\r\n"));
    p = put(p, (struct lt_str){s->common, s->common_n});
    p = put(p, LT_STR("X-Request-Id: "));
    p = put(p, (struct lt_str){req->id, 36});
    if (type) {
        p = put(p, LT_STR("\r\nContent-Type: "));
        p = put(p, (struct lt_str){type, type_n});
    }
    if (st->chunked) {
        p = put(p, LT_STR("\r\nTransfer-Encoding: chunked"));
    } else if (length >= 0 && !must_not_have_body(status)) {
        p = put(p, LT_STR("\r\nContent-Length: "));
        p = put_number(p, (uint64_t)length);
    }
    if (st->close)
        p = put(p, LT_STR("\r\nConnection: close"));
    else if (req->head.minor == 0)
        p = put(p, LT_STR("\r\nConnection: keep-alive"));
    for (size_t i = 0; i < fields_n; i++) {
        p = put(p, LT_STR("\r\n"));
        p = put(p, fields[i].name);
        p = put(p, LT_STR(": "));
        p = put(p, fields[i].value);
    }
    p = put(p, LT_STR("\r\n\r\n"));
    return (struct lt_str){start, (size_t)(p - start)};
}

static bool is_head_request(const struct lt_http_stream *st)
{
    return lt_str_is(st->req->head.method, "HEAD");
}

static struct iovec iov_of(struct lt_str s)
{
    return (struct iovec){(void *)(uintptr_t)s.p, s.n};
}

enum lt_code lt_http_respond(struct lt_http_request *req, int status, const char *content_type,
                             const struct lt_http_field *fields, size_t fields_n, struct lt_str body)
{
    struct lt_http_stream *st = req->stream;
    if (req->responded || st->streaming)
        return LT_EINTERNAL;
    struct lt_str head = make_head(st, status, content_type, fields, fields_n, (int64_t)body.n);
    struct iovec iov[2] = {iov_of(head), iov_of(body)};
    bool with_body = body.n > 0 && !must_not_have_body(status) && !is_head_request(st);
    req->responded = true;
    return send_all(st->client, iov, with_body ? 2 : 1);
}

/* RFC 9457. For errors that are found before a handler has its say. */
static void respond_problem(struct lt_http_request *req, enum lt_code code, const char *detail)
{
    int status = lt_code_status(code);
    struct lt_buf body;
    lt_buf_init(&body, 4096);
    lt_buf_printf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":\"",
                  reason_of(status), status, lt_code_name(code));
    lt_json_escape(&body, lt_str(detail));
    lt_buf_printf(&body, "\",\"request_id\":\"%s\"}", req->id);
    lt_http_respond(req, status, "application/problem+json", NULL, 0, lt_buf_str(&body));
    lt_buf_free(&body);
}

/* ---- streamed answers ---- */

enum lt_code lt_http_stream_begin(struct lt_http_request *req, int status, const char *content_type,
                                  const struct lt_http_field *fields, size_t fields_n)
{
    struct lt_http_stream *st = req->stream;
    if (req->responded || st->streaming)
        return LT_EINTERNAL;
    st->streaming = true;
    st->head = make_head(st, status, content_type, fields, fields_n, -1);
    struct client *c = st->client;
    buffer_give_if_empty(c);
    return c->gone ? LT_ECANCELLED : LT_OK;
}

/* "1f4\r\n"; returns its length. */
static size_t chunk_line(char out[20], size_t n)
{
    return (size_t)snprintf(out, 20, "%zx\r\n", n);
}

/* What try_write left over goes first. */
static enum lt_code flush_out(struct lt_http_stream *st)
{
    if (st->out.n == 0)
        return LT_OK;
    struct client *c = st->client;
    lt_conn_on_writable(c->conn, NULL, NULL);
    c->deadline_ms = LT_NEVER;
    struct iovec iov = iov_of(lt_buf_str(&st->out));
    enum lt_code rc = send_all(c, &iov, 1);
    lt_buf_reset(&st->out);
    return rc;
}

enum lt_code lt_http_stream_write(struct lt_http_request *req, const void *p, size_t n)
{
    struct lt_http_stream *st = req->stream;
    if (!st->streaming || st->ended)
        return LT_EINTERNAL;
    if (st->client->gone || lt_fiber_must_end())
        return LT_ECANCELLED;
    if (n == 0 || is_head_request(st))
        return LT_OK;
    enum lt_code rc = flush_out(st);
    if (rc != LT_OK)
        return rc;
    char line[20];
    struct iovec iov[4];
    int count = 0;
    if (st->head.p)
        iov[count++] = iov_of(st->head);
    if (st->chunked)
        iov[count++] = (struct iovec){line, chunk_line(line, n)};
    iov[count++] = iov_of((struct lt_str){p, n});
    if (st->chunked)
        iov[count++] = iov_of(LT_STR("\r\n"));
    st->head = LT_STR_NULL;
    req->responded = true;
    return send_all(st->client, iov, count);
}

enum lt_code lt_http_stream_end(struct lt_http_request *req)
{
    struct lt_http_stream *st = req->stream;
    if (!st->streaming || st->ended)
        return LT_EINTERNAL;
    enum lt_code rc = flush_out(st);
    if (rc != LT_OK)
        return rc;
    struct iovec iov[2];
    int count = 0;
    if (st->head.p)
        iov[count++] = iov_of(st->head);
    if (st->chunked && !is_head_request(st))
        iov[count++] = iov_of(LT_STR("0\r\n\r\n"));
    st->head = LT_STR_NULL;
    req->responded = true;
    rc = count > 0 ? send_all(st->client, iov, count) : st->client->gone ? LT_ECANCELLED : LT_OK;
    st->ended = rc == LT_OK;
    return rc;
}

/* Writing failed outside the fiber: it is told through the deadline, since a callback must not find its stream ended under it. */
static void note_broken(struct client *c)
{
    c->broken = true;
    set_deadline(c, now_of(c));
}

static void on_out_writable(void *arg)
{
    struct client *c = arg;
    struct lt_http_stream *st = c->stream;
    if (!st || st->out.n == 0)
        return;
    ssize_t n = lt_conn_try_write(c->conn, st->out.p, st->out.n);
    if (n < 0) {
        note_broken(c);
        return;
    }
    lt_buf_consume(&st->out, (size_t)n);
    if (st->out.n > 0) {
        if (n > 0)
            set_deadline(c, now_of(c) + c->server->options.write_ms);
        lt_conn_on_writable(c->conn, on_out_writable, c);
        return;
    }
    c->deadline_ms = LT_NEVER;
    void (*fn)(void *) = st->on_writable;
    st->on_writable = NULL;
    if (fn)
        fn(st->on_writable_arg);
}

bool lt_http_stream_try_write(struct lt_http_request *req, const void *p, size_t n)
{
    struct lt_http_stream *st = req->stream;
    struct client *c = st->client;
    if (c->gone || c->broken || !st->streaming || st->ended || st->out.n > 0)
        return false;
    if (n == 0 || is_head_request(st))
        return true;
    if (!lt_buf_reserve(&st->out, st->head.n + n + 22)) {
        lt_buf_reset(&st->out);
        return false;
    }
    lt_buf_put_str(&st->out, st->head);
    st->head = LT_STR_NULL;
    if (st->chunked) {
        char line[20];
        lt_buf_put(&st->out, line, chunk_line(line, n));
    }
    lt_buf_put(&st->out, p, n);
    if (st->chunked)
        lt_buf_put(&st->out, "\r\n", 2);
    req->responded = true;
    ssize_t sent = lt_conn_try_write(c->conn, st->out.p, st->out.n);
    if (sent < 0) {
        note_broken(c);
        return false;
    }
    lt_buf_consume(&st->out, (size_t)sent);
    if (st->out.n > 0) {
        set_deadline(c, now_of(c) + c->server->options.write_ms);
        lt_conn_on_writable(c->conn, on_out_writable, c);
    }
    return true;
}

void lt_http_stream_on_writable(struct lt_http_request *req, void (*fn)(void *arg), void *arg)
{
    req->stream->on_writable = fn;
    req->stream->on_writable_arg = arg;
}

void lt_http_stream_cut(struct lt_http_request *req)
{
    struct client *c = req->stream->client;
    req->stream->must_close = true;
    c->broken = true;
    shutdown(lt_conn_fd(c->conn), SHUT_RDWR);
    client_left(c);
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
    return req->stream->client->gone;
}

/* ---- reading ---- */

/* More bytes behind those that wait. The buffer has room: it is compacted first, and nobody lets it fill up. */
static enum lt_code fill(struct client *c, uint64_t deadline_ms, size_t *ret_n)
{
    buffer_take(c);
    if (c->at > 0) {
        memmove(c->in->p, c->in->p + c->at, c->n - c->at);
        c->n -= c->at;
        c->at = 0;
    }
    enum lt_code rc = lt_conn_read(c->conn, c->in->p + c->n, READ_SIZE - c->n, deadline_ms, ret_n);
    if (rc != LT_OK)
        return rc;
    if (*ret_n == 0)
        return LT_ECANCELLED; /* end of data in the middle of a request */
    c->n += (uint32_t)*ret_n;
    return LT_OK;
}

/*
 * The head at the front of the buffer. What has come is read again only when a line end was among the new bytes, so that a head
 * sent byte by byte costs no more than its number of lines.
 */
static enum lt_code read_head(struct client *c, struct lt_http_head *head, size_t *ret_used, struct lt_error *err)
{
    uint64_t deadline = now_of(c) + c->server->options.head_ms;
    size_t fresh = c->n - c->at;
    bool first = true;
    for (;;) {
        size_t have = c->n - c->at;
        if (have > 0 && (first || have == READ_SIZE || memchr(c->in->p + c->n - fresh, '\n', fresh))) {
            enum lt_code rc = lt_http1_read_request(c->in->p + c->at, have, head, ret_used, err);
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

/* The head's bytes move into the arena: the buffer is needed for what follows. */
static void keep_head(struct lt_http_request *req, const char *bytes, size_t n)
{
    struct lt_http_head *h = &req->head;
    char *copy = lt_alloc(req->arena, n);
    memcpy(copy, bytes, n);
    shift(&h->method, bytes, copy);
    shift(&h->path, bytes, copy);
    shift(&h->query, bytes, copy);
    shift(&h->host, bytes, copy);
    for (size_t i = 0; i < h->fields_n; i++) {
        shift(&h->fields[i].name, bytes, copy);
        shift(&h->fields[i].value, bytes, copy);
    }
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

static uint64_t body_deadline(const struct lt_http_stream *st, uint64_t got)
{
    return st->body_start_ms + st->client->server->options.body_ms + got * 1000 / BODY_RATE;
}

/* Notes that the body is wanted, and asks for it when the client waits for that (RFC 9110 §10.1.1). */
static enum lt_code begin_body(struct lt_http_stream *st)
{
    struct client *c = st->client;
    st->body_start_ms = now_of(c);
    if (!st->req->head.expect_continue || c->at < c->n)
        return LT_OK;
    struct iovec iov = iov_of(LT_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return send_all(c, &iov, 1);
}

/* What has come already is copied, the rest is read straight to its place. */
static enum lt_code read_announced(struct lt_http_stream *st, char *out)
{
    struct client *c = st->client;
    size_t got = c->n - c->at < (size_t)st->left ? c->n - c->at : (size_t)st->left;
    if (got > 0)
        memcpy(out, c->in->p + c->at, got);
    c->at += (uint32_t)got;
    st->left -= (int64_t)got;
    while (st->left > 0) {
        size_t n;
        enum lt_code rc = lt_conn_read(c->conn, out + got, (size_t)st->left, body_deadline(st, got), &n);
        if (rc != LT_OK)
            return rc;
        if (n == 0)
            return LT_ECANCELLED;
        got += n;
        st->left -= (int64_t)n;
    }
    return LT_OK;
}

static enum lt_code read_chunked(struct lt_http_stream *st, struct lt_buf *out, struct lt_error *err)
{
    struct client *c = st->client;
    while (!st->chunks.done) {
        if (c->at == c->n) {
            size_t n;
            enum lt_code rc = fill(c, body_deadline(st, out->n), &n);
            if (rc != LT_OK)
                return rc;
        }
        struct lt_str piece;
        size_t used;
        enum lt_code rc = lt_chunked_read(&st->chunks, c->in->p + c->at, c->n - c->at, &piece, &used, err);
        if (rc != LT_OK)
            return rc;
        c->at += (uint32_t)used;
        if (!lt_buf_put_str(out, piece))
            return lt_fail(err, LT_ETOO_LARGE, "the body is larger than %zu bytes", out->max);
    }
    return LT_OK;
}

static void free_buf(void *arg)
{
    lt_buf_free(arg);
}

enum lt_code lt_http_read_body(struct lt_http_request *req, size_t max, struct lt_str *ret, struct lt_error *err)
{
    struct lt_http_stream *st = req->stream;
    *ret = LT_STR("");
    if (st->body_done)
        return LT_OK;
    if (st->body_start_ms > 0)
        return lt_fail(err, LT_EINTERNAL, "the body was read before");
    if (st->left > 0 && (uint64_t)st->left > max)
        return lt_fail(err, LT_ETOO_LARGE, "the body has %lld bytes, at most %zu are allowed", (long long)st->left, max);
    enum lt_code rc = begin_body(st);
    if (rc != LT_OK)
        return body_failed(st, rc, err);
    if (req->head.chunked) {
        struct lt_buf *out = LT_NEW(req->arena, struct lt_buf);
        lt_buf_init(out, max);
        lt_arena_on_free(req->arena, free_buf, out);
        rc = read_chunked(st, out, err);
        if (rc == LT_ETOO_LARGE)
            st->must_close = true;
        else if (rc == LT_OK && out->n > 0)
            *ret = lt_buf_str(out);
    } else {
        size_t n = (size_t)st->left;
        char *out = lt_alloc(req->arena, n + 1);
        rc = read_announced(st, out);
        out[rc == LT_OK ? n : 0] = '\0';
        if (rc == LT_OK)
            *ret = (struct lt_str){out, n};
    }
    st->body_done = rc == LT_OK;
    buffer_give_if_empty(st->client);
    return rc == LT_OK || rc == LT_ETOO_LARGE ? rc : body_failed(st, rc, err);
}

/* Reads away a small announced body that the handler did not want. */
static bool drain_body(struct lt_http_stream *st)
{
    struct client *c = st->client;
    uint64_t got = 0;
    if (st->body_start_ms == 0)
        st->body_start_ms = now_of(c);
    while (st->left > 0) {
        if (c->at == c->n) {
            size_t n;
            if (fill(c, body_deadline(st, got), &n) != LT_OK)
                return false;
        }
        size_t take = c->n - c->at < (size_t)st->left ? c->n - c->at : (size_t)st->left;
        c->at += (uint32_t)take;
        st->left -= (int64_t)take;
        got += take;
    }
    return true;
}

/* Closing with unread input makes the kernel send a reset, which can destroy the answer on its way. So: no more output, read,
 * close. */
static void linger(struct client *c)
{
    if (c->broken || c->gone || c->server->stopping)
        return;
    shutdown(lt_conn_fd(c->conn), SHUT_WR);
    buffer_take(c);
    uint64_t deadline = now_of(c) + LINGER_MS;
    for (size_t total = 0, n = 1; total < LINGER_MAX && n > 0; total += n)
        if (lt_conn_read(c->conn, c->in->p, READ_SIZE, deadline, &n) != LT_OK)
            return;
}

/* ---- one request after the other ---- */

static void request_init(struct client *c, struct lt_http_request *req, struct lt_http_stream *st)
{
    *st = (struct lt_http_stream){.client = c, .req = req};
    lt_buf_init(&st->out, OUT_MAX);
    req->arena = lt_arena_new();
    req->loop = c->server->loop;
    req->responded = false;
    req->stream = st;
    lt_uuid_format(lt_uuid_new(), req->id);
    if (!c->peer[0])
        lt_conn_peer_name(c->conn, c->peer);
    memcpy(req->peer, c->peer, sizeof(req->peer));
}

static void request_free(struct client *c, struct lt_http_request *req, struct lt_http_stream *st)
{
    c->stream = NULL;
    if (st->out.n > 0)
        lt_conn_on_writable(c->conn, NULL, NULL);
    lt_buf_free(&st->out);
    lt_arena_free(req->arena);
    c->deadline_ms = LT_NEVER;
}

/* The head could not be read: says why, then the connection ends. */
static void answer_bad_head(struct client *c, struct lt_http_request *req, const struct lt_error *err)
{
    struct lt_http_stream st;
    request_init(c, req, &st);
    req->head = (struct lt_http_head){.minor = 1, .content_length = -1};
    st.body_done = true;
    respond_problem(req, err->code, err->detail);
    request_free(c, req, &st);
    linger(c);
}

/* What follows the handler: an answer if it gave none, the rest of the body. True when the connection can be used again. */
static bool finish_request(struct lt_http_stream *st, bool *ret_abort)
{
    struct client *c = st->client;
    struct lt_http_request *req = st->req;
    if (!req->responded && !st->streaming && !c->gone && !c->server->stopping) {
        lt_log(LT_LOG_ERROR, "http.unanswered", LT_SS("path", req->head.path), LT_S("request_id", req->id));
        respond_problem(req, LT_EINTERNAL, "the request was not answered");
    }
    *ret_abort = (st->streaming && !st->ended) || c->broken; /* a cut answer must not look like a whole one */
    if (*ret_abort || c->gone || c->server->stopping)
        return false;
    if (body_blocks(st)) {
        linger(c);
        return false;
    }
    if (st->close) {
        if (c->at < c->n || (!st->body_done && st->left > 0))
            linger(c);
        return false;
    }
    return st->body_done || drain_body(st);
}

/* True when another request may follow. */
static bool serve_one(struct client *c, bool *ret_abort)
{
    struct lt_http_request req;
    struct lt_http_stream st;
    struct lt_error err;
    size_t used;
    lt_fiber_set_name("http.head");
    enum lt_code rc = read_head(c, &req.head, &used, &err);
    if (rc != LT_OK) {
        if (rc != LT_ECANCELLED)
            answer_bad_head(c, &req, &err);
        return false;
    }
    request_init(c, &req, &st);
    keep_head(&req, c->in->p + c->at, used);
    c->at += (uint32_t)used;
    c->served = true;
    st.left = req.head.content_length > 0 ? req.head.content_length : 0;
    st.body_done = !req.head.chunked && st.left == 0;
    c->stream = &st;
    buffer_give_if_empty(c);
    lt_fiber_set_name("http.handler");
    c->server->options.handler(&req, c->server->options.ctx);
    lt_fiber_cancel_reset();
    st.hooked = false;
    st.on_writable = NULL;
    bool again = finish_request(&st, ret_abort);
    request_free(c, &req, &st);
    return again;
}

static void client_main(void *arg)
{
    struct client *c = arg;
    struct lt_http_server *s = c->server;
    bool again = true, abort_ = false;
    if (c->handshake) {
        struct lt_error err;
        lt_fiber_set_name("http.tls");
        c->handshake = false;
        again = lt_conn_handshake(c->conn, now_of(c) + TLS_MS, &err) == LT_OK;
    }
    while (again) {
        again = serve_one(c, &abort_) && !s->draining && !c->gone;
        if (again && c->at == c->n) {
            go_idle(c, s->options.idle_ms);
            return;
        }
    }
    client_close(c, abort_);
}

/* ---- accepting ---- */

/* Said without reading the request: there is no room for anything more. */
static void refuse_overloaded(struct lt_http_server *s, int fd)
{
    static const char body[] =
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"overloaded\","
        "\"detail\":\"too many connections\",\"request_id\":\"%s\"}";
    char id[37], text[768], json[320];
    lt_uuid_format(lt_uuid_new(), id);
    int body_n = snprintf(json, sizeof(json), body, id);
    refresh_common(s);
    int n = snprintf(
        text, sizeof(text),
        "HTTP/1.1 503 Service Unavailable\r\n%.*sX-Request-Id: %s\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
        "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
        (int)s->common_n, s->common, id, body_n, json);
    if (send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
}

static void client_new(struct lt_http_server *s, int fd)
{
    if (s->connections >= s->options.max_connections) {
        if (!s->options.tls)
            refuse_overloaded(s, fd);
        close(fd);
        return;
    }
    struct client *c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    c->server = s;
    c->armed_ms = c->deadline_ms = LT_NEVER;
    c->handshake = s->options.tls != NULL;
    c->conn = lt_conn_adopt(s->loop, fd, s->options.tls);
    if (!c->conn) {
        close(fd);
        free(c);
        return;
    }
    c->next = s->clients;
    if (c->next)
        c->next->prev = c;
    s->clients = c;
    s->connections++;
    lt_conn_on_peer_closed(c->conn, on_peer_closed, c);
    go_idle(c, s->options.idle_ms);
}

static void on_pause_over(void *arg)
{
    struct lt_http_server *s = arg;
    if (s->listener)
        event_add(s->listener, NULL);
}

/*
 * No descriptor is left: the spare one is given up for a moment to take the connection off the queue and close it; else it would
 * stay there and wake us for ever. For other shortages accepting pauses. Returns true when accepting may go on.
 */
static bool accept_failed(struct lt_http_server *s, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    if (error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM)
        return true;
    uint64_t now = lt_loop_now(s->loop);
    if (now - s->warned_ms >= 1000) {
        s->warned_ms = now;
        lt_log(LT_LOG_WARN, "http.accept", LT_S("error", strerror(error)), LT_I("connections", s->connections));
    }
    if ((error == EMFILE || error == ENFILE) && s->spare_fd >= 0) {
        close(s->spare_fd);
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (s->spare_fd >= 0)
            return fd >= 0;
    }
    event_del(s->listener);
    lt_timer_set(&s->pause, PAUSE_MS);
    return false;
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
    struct lt_http_server *s = arg;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            client_new(s, fd);
        else if (!accept_failed(s, errno))
            return;
    }
}

static int port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t n = sizeof(addr);
    if (getsockname(fd, (struct sockaddr *)&addr, &n) != 0)
        return 0;
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

/* TCP_NODELAY and TCP_NOTSENT_LOWAT are inherited by accepted connections. */
static int listen_on(const struct addrinfo *addr)
{
    int one = 1, lowat = NOTSENT_LOWAT;
    int fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0 && bind(fd, addr->ai_addr, addr->ai_addrlen) == 0 &&
        listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum lt_code open_listener(struct lt_http_server *s, struct lt_error *err)
{
    const struct lt_http_server_options *o = &s->options;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE}, *addr;
    char port[16];
    snprintf(port, sizeof(port), "%d", o->port);
    if (o->port < 0 || o->port > 65535 || getaddrinfo(o->host, port, &hints, &addr) != 0)
        return lt_fail(err, LT_ECONFIG, "listen: %s port %d is not a numeric address with a port up to 65535", o->host, o->port);
    if (o->port > 0 && !port_is_ours(o->port) && !port_is_free(addr))
        errno = EADDRINUSE;
    else
        s->fd = listen_on(addr);
    freeaddrinfo(addr);
    if (s->fd < 0)
        return lt_fail(err, LT_ECONFIG, "listen: %s port %d: %s", o->host, o->port, strerror(errno));
    s->port = port_of(s->fd);
    count_port(s->port, 1);
    return LT_OK;
}

static void use_default(uint32_t *ms, uint32_t otherwise)
{
    if (*ms == 0)
        *ms = otherwise;
}

enum lt_code lt_http_server_start(struct lt_loop *loop, const struct lt_http_server_options *options, struct lt_http_server **ret,
                                  struct lt_error *err)
{
    struct lt_http_server *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->loop = loop;
    s->options = *options;
    s->fd = -1;
    if (s->options.max_connections <= 0)
        s->options.max_connections = MAX_CONNECTIONS;
    use_default(&s->options.head_ms, HEAD_MS);
    use_default(&s->options.body_ms, BODY_MS);
    use_default(&s->options.idle_ms, IDLE_MS);
    use_default(&s->options.write_ms, WRITE_MS);
    enum lt_code rc = open_listener(s, err);
    if (rc != LT_OK) {
        free(s);
        return rc;
    }
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    lt_timer_init(&s->pause, loop, on_pause_over, s);
    s->listener = event_new(lt_loop_base(loop), s->fd, EV_READ | EV_PERSIST, on_accept, s);
    if (!s->listener || event_add(s->listener, NULL) != 0)
        abort();
    *ret = s;
    return LT_OK;
}

int lt_http_server_port(const struct lt_http_server *server)
{
    return server->port;
}

int lt_http_server_connections(const struct lt_http_server *server)
{
    return server->connections;
}

static void close_listener(struct lt_http_server *s)
{
    if (!s->listener)
        return;
    lt_timer_cancel(&s->pause);
    event_free(s->listener);
    s->listener = NULL;
    close(s->fd);
    count_port(s->port, -1);
}

/* A request that arrived before the drain is still served: those in the accept queue and those not yet read. */
void lt_http_server_drain(struct lt_http_server *server)
{
    if (server->draining)
        return;
    on_accept(server->fd, EV_READ, server);
    server->draining = true;
    close_listener(server);
    for (struct client *c = server->clients, *next; c; c = next) {
        int waiting = 0;
        next = c->next;
        if (c->fiber || (ioctl(lt_conn_fd(c->conn), FIONREAD, &waiting) == 0 && waiting > 0))
            continue;
        if (c->served)
            client_close(c, false);
        else
            set_deadline(c, lt_loop_now(server->loop) + FRESH_MS);
    }
}

static void close_or_cancel_all(struct lt_http_server *s)
{
    for (struct client *c = s->clients, *next; c; c = next) {
        next = c->next;
        if (c->fiber)
            lt_fiber_cancel(c->fiber);
        else
            client_close(c, false);
    }
}

static void cut_all(struct lt_http_server *s)
{
    for (struct client *c = s->clients; c; c = c->next) {
        c->broken = true;
        shutdown(lt_conn_fd(c->conn), SHUT_RDWR);
        client_left(c);
    }
}

/* Cancelled requests may still write their last words; those that take too long over it lose their connection. */
static void wait_for_end(struct lt_http_server *s)
{
    uint64_t deadline = lt_loop_now(s->loop) + STOP_MS;
    s->stopper = lt_fiber_self();
    lt_fiber_shield();
    while (s->connections > 0) {
        if (lt_fiber_wait(deadline) == LT_ETIMEOUT) {
            cut_all(s);
            deadline = LT_NEVER;
        }
    }
    lt_fiber_unshield();
}

void lt_http_server_stop(struct lt_http_server *server)
{
    if (!server)
        return;
    server->draining = server->stopping = true;
    close_listener(server);
    close_or_cancel_all(server);
    if (lt_fiber_self())
        wait_for_end(server);
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    while (server->spare) {
        struct buffer *b = server->spare;
        server->spare = b->next;
        free(b);
    }
    free(server);
}

/* Writing answers: heads, whole answers in one write, problems. Answers in pieces are in http_stream.c. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/uuid.h"
#include "io/http_server_private.h"
#include "text/json.h"

enum {
    WRITE_PIECE = 128 * 1024, /* each has write_ms to go out */
    HEAD_ROOM = 320,          /* for all of a head but `common`, the content type and the fields: at most about 200 bytes */
    PROBLEM_MAX = 4096,
};

/* ---- bytes ---- */

/* Cuts the first WRITE_PIECE bytes off *iov. Returns how many entries of `piece` they took. */
static int cut_piece(struct iovec **iov, int *count, struct iovec piece[8])
{
    int n = 0;
    for (size_t room = WRITE_PIECE; room > 0; n++) {
        struct iovec *first = *iov;
        size_t take = first->iov_len < room ? first->iov_len : room;
        piece[n] = (struct iovec){first->iov_base, take};
        *first = (struct iovec){(char *)first->iov_base + take, first->iov_len - take};
        room -= take;
        if (first->iov_len == 0)
            ++*iov, --*count;
    }
    return n;
}

/* The client is as good as gone: who writes for it alone is cancelled, and learns why. */
static void write_failed(struct lt_http_conn *c, enum lt_code rc)
{
    c->broken = true;
    if ((rc == LT_EIO || rc == LT_ETIMEOUT) && c->fiber && c->fiber == lt_fiber_self() && !(c->stream && c->stream->hooked))
        lt_fiber_cancel_because(c->fiber, rc == LT_ETIMEOUT ? LT_CANCEL_SLOW : LT_CANCEL_CLIENT_LEFT);
}

/*
 * At most WRITE_PIECE in one go, so that the deadline is one for progress and not for the whole. Shielded: a request that was
 * cancelled while its client is there (the call was deleted, say) can still say so, and no write is cut in the middle.
 */
enum lt_code lt_http_write_all(struct lt_http_conn *c, struct iovec *iov, int count)
{
    uint32_t write_ms = c->server->options.write_ms;
    const char *before = lt_fiber_doing("answers the client");
    lt_fiber_shield();
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    enum lt_code rc = c->broken || c->gone ? LT_ECANCELLED : LT_OK;
    for (; rc == LT_OK && total > WRITE_PIECE; total -= WRITE_PIECE) {
        struct iovec piece[8];
        int n = cut_piece(&iov, &count, piece);
        rc = lt_conn_writev(c->io, piece, n, lt_http_now(c) + write_ms);
        c->sent += rc == LT_OK ? WRITE_PIECE : 0;
    }
    if (rc == LT_OK && total > 0)
        rc = lt_conn_writev(c->io, iov, count, lt_http_now(c) + write_ms);
    lt_fiber_unshield();
    lt_fiber_doing(before);
    if (rc == LT_OK)
        c->sent += total;
    else
        write_failed(c, rc);
    return rc == LT_EIO ? LT_ECANCELLED : rc; /* reset: the client has left */
}

/* ---- heads ---- */

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
static struct lt_str common_fields(struct lt_http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t second = lt_now_ms() / 1000;
    if (second != s->common_s) {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        int n = snprintf(s->common, sizeof(s->common), "Server: lectern\r\nDate: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                         days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                         tm.tm_sec);
        s->common_s = second;
        s->common_n = (size_t)n;
    }
    return (struct lt_str){s->common, s->common_n};
}

bool lt_http_field_safe(struct lt_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return true;
}

static size_t checked_size(const struct lt_http_field *fields, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        if (!lt_http_field_safe(fields[i].name) || !lt_http_field_safe(fields[i].value))
            abort(); /* splitting an answer is a hole, not a mishap */
        size += fields[i].name.n + fields[i].value.n + 4;
    }
    return size;
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

static char *put_status_line(char *p, int status)
{
    p = put(p, LT_STR("HTTP/1.1 "));
    p = put_number(p, (uint64_t)status);
    *p++ = ' ';
    p = put(p, lt_str(reason_of(status)));
    return put(p, LT_STR("\r\n"));
}

/* Where the body ends, and whether the connection goes on. */
static char *put_framing(char *p, const struct lt_http_stream *st, int status, int64_t length)
{
    if (st->chunked) {
        p = put(p, LT_STR("\r\nTransfer-Encoding: chunked"));
    } else if (length >= 0 && !must_not_have_body(status)) {
        p = put(p, LT_STR("\r\nContent-Length: "));
        p = put_number(p, (uint64_t)length);
    }
    if (st->close)
        return put(p, LT_STR("\r\nConnection: close"));
    if (st->req->head.minor == 0)
        return put(p, LT_STR("\r\nConnection: keep-alive"));
    return p;
}

static bool has_field(const struct lt_http_field *fields, size_t n, struct lt_str name)
{
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq_ci(fields[i].name, name))
            return true;
    return false;
}

/* Without those of which there is one of the same name in `other`. */
static char *put_fields(char *p, const struct lt_http_field *fields, size_t n, const struct lt_http_field *other, size_t other_n)
{
    for (size_t i = 0; i < n; i++) {
        if (has_field(other, other_n, fields[i].name))
            continue;
        p = put(p, LT_STR("\r\n"));
        p = put(p, fields[i].name);
        p = put(p, LT_STR(": "));
        p = put(p, fields[i].value);
    }
    return p;
}

struct lt_str lt_http_make_head(struct lt_http_stream *st, int status, const char *type, const struct lt_http_field *fields,
                                size_t fields_n, int64_t length)
{
    struct lt_http_server *s = st->conn->server;
    struct lt_http_request *req = st->req;
    req->status = status;
    st->chunked = length < 0 && req->head.minor == 1;
    st->close = !req->head.keep_alive || s->draining || (length < 0 && !st->chunked) || lt_http_body_blocks(st);
    size_t size = HEAD_ROOM + sizeof(s->common) + (type ? strlen(type) : 0) + checked_size(fields, fields_n) +
                  checked_size(req->always, req->always_n);
    char *start = lt_alloc(req->arena, size), *p = start;
    p = put_status_line(p, status);
    p = put(p, common_fields(s));
    p = put(p, LT_STR("X-Request-Id: "));
    p = put(p, lt_str(req->id));
    if (type) {
        p = put(p, LT_STR("\r\nContent-Type: "));
        p = put(p, lt_str(type));
    }
    p = put_framing(p, st, status, length);
    p = put_fields(p, fields, fields_n, NULL, 0);
    p = put_fields(p, req->always, req->always_n, fields, fields_n);
    p = put(p, LT_STR("\r\n\r\n"));
    return (struct lt_str){start, (size_t)(p - start)};
}

/* ---- answers ---- */

enum lt_code lt_http_respond(struct lt_http_request *req, int status, const char *content_type,
                             const struct lt_http_field *fields, size_t fields_n, struct lt_str body)
{
    struct lt_http_stream *st = req->stream;
    if (req->responded || st->streaming)
        return LT_EINTERNAL;
    struct lt_str head = lt_http_make_head(st, status, content_type, fields, fields_n, (int64_t)body.n);
    struct iovec iov[2] = {lt_http_iov(head), lt_http_iov(body)};
    bool with_body = body.n > 0 && !must_not_have_body(status) && !lt_http_is_head(st);
    req->responded = true;
    return lt_http_write_all(st->conn, iov, with_body ? 2 : 1);
}

void lt_http_respond_problem(struct lt_http_request *req, enum lt_code code, const char *detail)
{
    int status = lt_code_status(code);
    struct lt_buf body;
    lt_buf_init(&body, PROBLEM_MAX);
    lt_buf_printf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":\"",
                  reason_of(status), status, lt_code_name(code));
    lt_json_escape(&body, lt_str(detail));
    lt_buf_printf(&body, "\",\"request_id\":\"%s\"}", req->id);
    static const struct lt_http_field fields[] = {{LT_STR("Cache-Control"), LT_STR("no-store")},
                                                  {LT_STR("X-Content-Type-Options"), LT_STR("nosniff")},
                                                  {LT_STR("Referrer-Policy"), LT_STR("no-referrer")},
                                                  {LT_STR("Content-Security-Policy"), LT_STR("default-src 'none'; frame-ancestors 'none'")}};
    lt_http_respond(req, status, "application/problem+json", fields, LT_COUNT(fields), lt_buf_str(&body));
    lt_buf_free(&body);
}

void lt_http_refuse_overloaded(struct lt_http_server *s, int fd, const char *why)
{
    static const char format[] =
        "HTTP/1.1 503 Service Unavailable\r\n%.*sX-Request-Id: %s\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
        "Content-Length: %d\r\nConnection: close\r\n\r\n%s";
    static const char problem[] =
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"overloaded\","
        "\"detail\":\"%s\",\"request_id\":\"%s\"}";
    char id[37], body[320], text[768];
    lt_uuid_format(lt_uuid_new(), id);
    int body_n = snprintf(body, sizeof(body), problem, why, id);
    struct lt_str common = common_fields(s);
    int n = snprintf(text, sizeof(text), format, (int)common.n, common.p, id, body_n, body);
    if (send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
}

/*
 * HTTP/1.1 framing: heads, chunked bodies, query strings. Pure functions over the caller's bytes.
 * Fuzzed by tests/fuzz/fuzz_http1_request.c, tests/fuzz/fuzz_http1_response.c and tests/fuzz/fuzz_chunked.c.
 */
#include "io/http1.h"

#include <stddef.h>

#include "base/arena.h"

enum { TOKEN = 1, TARGET = 2, HOST = 4 }; /* classes of a byte: RFC 9110 §5.6.2, RFC 3986 without '#', uri-host with port */

#define T TOKEN
#define R TARGET
#define H HOST
static const uint8_t class_of[256] = {
    ['!'] = T | R | H, ['"'] = R, ['#'] = T, ['$'] = T | R | H, ['%'] = T | R | H, ['&'] = T | R | H, ['\''] = T | R | H,
    ['('] = R | H, [')'] = R | H, ['*'] = T | R | H, ['+'] = T | R | H, [','] = R | H, ['-'] = T | R | H, ['.'] = T | R | H,
    ['/'] = R, ['0' ... '9'] = T | R | H, [':'] = R | H, [';'] = R | H, ['<'] = R, ['='] = R | H, ['>'] = R, ['?'] = R, ['@'] = R,
    ['A' ... 'Z'] = T | R | H, ['['] = R | H, ['\\'] = R, [']'] = R | H, ['^'] = T | R, ['_'] = T | R | H, ['`'] = T | R,
    ['a' ... 'z'] = T | R | H, ['{'] = R, ['|'] = T | R, ['}'] = R, ['~'] = T | R | H,
};
#undef T
#undef R
#undef H

enum { METHOD_MAX = 32, EMPTY_LINES_MAX = 2, CONTENT_LENGTH_DIGITS = 18, CHUNK_DIGITS = 15 };

/* What was seen of the fields that decide the framing. */
struct seen {
    bool host, content_length, transfer_encoding, close, keep_alive;
    struct lt_str authority; /* of an absolute-form target */
};

struct reader {
    const char *at, *end;
    struct lt_http_head *head;
    struct lt_error *err;
    struct seen seen;
};

static bool is_class(char c, int cls)
{
    return class_of[(uint8_t)c] & cls;
}

static bool eq_ci(struct lt_str s, const char *lower, size_t n)
{
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower[i])
            return false;
    }
    return true;
}
#define EQ_CI(s, literal) eq_ci((s), (literal), sizeof(literal) - 1)

/*
 * The first byte of p..end that a field value cannot hold without a closer look: below 0x20 (HTAB included) or 0x7f.
 * Eight bytes at a time: the classic "has a byte less than" and "has a zero byte" tests, exact for the question "any?".
 */
static const char *skip_plain(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t del = w ^ (ones * 0x7f);
        if ((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & tops)
            break;
        p += 8;
    }
    while (p < end && (uint8_t)*p >= 0x20 && *p != 0x7f)
        p++;
    return p;
}

/* Takes CR LF. LT_EAGAIN at the end of the bytes; anything else in its place is refused. */
static enum lt_code take_crlf(struct reader *r, const char *what)
{
    if (r->at == r->end)
        return LT_EAGAIN;
    if (*r->at == '\n')
        return lt_fail(r->err, LT_EBAD_HTTP, "%s: a line ends in LF without CR", what);
    if (*r->at != '\r')
        return lt_fail(r->err, LT_EBAD_HTTP, "%s: byte 0x%02x is not allowed", what, (uint8_t)*r->at);
    if (r->at + 1 == r->end)
        return LT_EAGAIN;
    if (r->at[1] != '\n')
        return lt_fail(r->err, LT_EBAD_HTTP, "%s: CR without LF", what);
    r->at += 2;
    return LT_OK;
}

/* Takes "HTTP/1." and 0 or 1. */
static enum lt_code take_version(struct reader *r)
{
    static const char want[] = "HTTP/1.";
    size_t have = (size_t)(r->end - r->at), n = sizeof(want) - 1;
    if (memcmp(r->at, want, have < n ? have : n) != 0)
        return lt_fail(r->err, LT_EBAD_HTTP, "not HTTP/1.0 or HTTP/1.1");
    if (have < n + 1)
        return LT_EAGAIN;
    if (r->at[n] != '0' && r->at[n] != '1')
        return lt_fail(r->err, LT_EBAD_HTTP, "not HTTP/1.0 or HTTP/1.1");
    r->head->minor = r->at[n] - '0';
    r->at += n + 1;
    return LT_OK;
}

static enum lt_code take_method(struct reader *r)
{
    const char *p = r->at;
    while (p < r->end && is_class(*p, TOKEN))
        p++;
    if (p - r->at > METHOD_MAX)
        return lt_fail(r->err, LT_EBAD_HTTP, "method longer than %d bytes", METHOD_MAX);
    if (p == r->end)
        return LT_EAGAIN;
    if (*p != ' ' || p == r->at)
        return lt_fail(r->err, LT_EBAD_HTTP, "the request does not begin with a method and a space");
    r->head->method = (struct lt_str){r->at, (size_t)(p - r->at)};
    r->at = p + 1;
    return LT_OK;
}

/* Splits origin-form ("/path?query") or absolute-form ("http://host/path?query") into the head. */
static enum lt_code split_target(struct reader *r, struct lt_str target)
{
    if (target.n > 0 && target.p[0] != '/') {
        size_t scheme = target.n >= 7 && EQ_CI(((struct lt_str){target.p, 7}), "http://") ? 7
                        : target.n >= 8 && EQ_CI(((struct lt_str){target.p, 8}), "https://") ? 8
                                                                                            : 0;
        const char *slash = scheme ? memchr(target.p + scheme, '/', target.n - scheme) : NULL;
        if (!slash || slash == target.p + scheme)
            return lt_fail(r->err, LT_EBAD_HTTP,
                           "the target is neither a path nor an http:// or https:// address with host and path");
        r->seen.authority = (struct lt_str){target.p + scheme, (size_t)(slash - target.p) - scheme};
        target = (struct lt_str){slash, target.n - (size_t)(slash - target.p)};
    }
    if (target.n == 0)
        return lt_fail(r->err, LT_EBAD_HTTP, "the target is empty");
    const char *question = memchr(target.p, '?', target.n);
    r->head->path = target;
    if (question) {
        r->head->path.n = (size_t)(question - target.p);
        r->head->query = (struct lt_str){question + 1, target.n - r->head->path.n - 1};
    }
    return LT_OK;
}

static enum lt_code take_target(struct reader *r)
{
    const char *p = r->at;
    while (p < r->end && is_class(*p, TARGET))
        p++;
    struct lt_str target = {r->at, (size_t)(p - r->at)};
    if (target.n > LT_HTTP_URI_MAX)
        return lt_fail(r->err, LT_EURI_TOO_LONG, "the target is longer than %d bytes", LT_HTTP_URI_MAX);
    if (p == r->end)
        return LT_EAGAIN;
    if (*p == '#')
        return lt_fail(r->err, LT_EBAD_HTTP, "the target has a fragment");
    if (*p == '\r' || *p == '\n')
        return lt_fail(r->err, LT_EBAD_HTTP, "the request line has no HTTP version");
    if (*p != ' ')
        return lt_fail(r->err, LT_EBAD_HTTP, "the target holds byte 0x%02x", (uint8_t)*p);
    enum lt_code rc = split_target(r, target);
    r->at = p + 1;
    return rc;
}

static enum lt_code take_request_line(struct reader *r)
{
    for (int empty = 0; r->at < r->end && *r->at == '\r'; empty++) {
        if (empty == EMPTY_LINES_MAX)
            return lt_fail(r->err, LT_EBAD_HTTP, "more than %d empty lines before the request", EMPTY_LINES_MAX);
        enum lt_code rc = take_crlf(r, "before the request");
        if (rc != LT_OK)
            return rc;
    }
    enum lt_code rc = take_method(r);
    if (rc == LT_OK)
        rc = take_target(r);
    if (rc == LT_OK)
        rc = take_version(r);
    return rc == LT_OK ? take_crlf(r, "request line") : rc;
}

static enum lt_code take_status_line(struct reader *r)
{
    enum lt_code rc = take_version(r);
    if (rc != LT_OK)
        return rc;
    if (r->end - r->at < 4)
        return LT_EAGAIN;
    const char *p = r->at;
    if (p[0] != ' ' || p[1] < '1' || p[1] > '5' || p[2] < '0' || p[2] > '9' || p[3] < '0' || p[3] > '9')
        return lt_fail(r->err, LT_EBAD_HTTP, "the status is not a number from 100 to 599");
    r->head->status = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
    r->at = p + 4;
    if (r->at == r->end)
        return LT_EAGAIN;
    if (*r->at == ' ') { /* the space before an empty reason is forgotten by many servers; nothing depends on it */
        const char *reason = ++r->at;
        do
            r->at = skip_plain(r->at, r->end);
        while (r->at < r->end && *r->at == '\t' && r->at++);
        r->head->reason = (struct lt_str){reason, (size_t)(r->at - reason)};
    }
    return take_crlf(r, "status line");
}

/* Connection is a list of tokens (RFC 9110 §7.6.1); only two of them mean something to us. */
static void note_connection(struct seen *seen, struct lt_str value)
{
    while (value.n > 0) {
        struct lt_str option = lt_str_trim(lt_str_cut(&value, ','));
        if (EQ_CI(option, "close"))
            seen->close = true;
        else if (EQ_CI(option, "keep-alive"))
            seen->keep_alive = true;
    }
}

static enum lt_code note_content_length(struct reader *r, struct lt_str value)
{
    if (r->seen.content_length)
        return lt_fail(r->err, LT_EBAD_HTTP, "more than one Content-Length");
    if (value.n == 0 || value.n > CONTENT_LENGTH_DIGITS || !lt_str_to_int64(value, &r->head->content_length))
        return lt_fail(r->err, LT_EBAD_HTTP, "Content-Length is not a number of at most %d digits", CONTENT_LENGTH_DIGITS);
    r->seen.content_length = true;
    return LT_OK;
}

static enum lt_code note_transfer_encoding(struct reader *r, struct lt_str value)
{
    if (r->seen.transfer_encoding)
        return lt_fail(r->err, LT_EBAD_HTTP, "more than one Transfer-Encoding");
    if (!EQ_CI(value, "chunked"))
        return lt_fail(r->err, LT_EBAD_HTTP, "Transfer-Encoding other than chunked");
    r->seen.transfer_encoding = r->head->chunked = true;
    return LT_OK;
}

static enum lt_code note_host(struct reader *r, struct lt_str value)
{
    if (r->seen.host)
        return lt_fail(r->err, LT_EBAD_HTTP, "more than one Host");
    if (value.n == 0)
        return lt_fail(r->err, LT_EBAD_HTTP, "Host is empty");
    for (size_t i = 0; i < value.n; i++)
        if (!is_class(value.p[i], HOST))
            return lt_fail(r->err, LT_EBAD_HTTP, "Host holds byte 0x%02x", (uint8_t)value.p[i]);
    r->seen.host = true;
    r->head->host = value;
    return LT_OK;
}

/* The fields that decide about framing and connection; told apart by length first, so that others cost one switch. */
static enum lt_code note_field(struct reader *r, struct lt_str name, struct lt_str value, bool request)
{
    switch (name.n) {
    case 4:
        return request && EQ_CI(name, "host") ? note_host(r, value) : LT_OK;
    case 6:
        if (request && EQ_CI(name, "expect") && EQ_CI(value, "100-continue"))
            r->head->expect_continue = true;
        return LT_OK;
    case 10:
        if (EQ_CI(name, "connection"))
            note_connection(&r->seen, value);
        return LT_OK;
    case 14:
        return EQ_CI(name, "content-length") ? note_content_length(r, value) : LT_OK;
    case 17:
        return EQ_CI(name, "transfer-encoding") ? note_transfer_encoding(r, value) : LT_OK;
    default:
        return LT_OK;
    }
}

static enum lt_code take_field(struct reader *r, bool request)
{
    const char *name = r->at, *p = name;
    while (p < r->end && is_class(*p, TOKEN))
        p++;
    if (p == r->end)
        return LT_EAGAIN;
    if (*p == ' ' || *p == '\t')
        return lt_fail(r->err, LT_EBAD_HTTP,
                       p == name ? "a field is continued on a second line" : "space between a field name and its colon");
    if (*p != ':' || p == name)
        return lt_fail(r->err, LT_EBAD_HTTP, "a field name holds byte 0x%02x", (uint8_t)*p);
    struct lt_str field = {name, (size_t)(p - name)};
    for (p++; p < r->end && (*p == ' ' || *p == '\t'); p++)
        ;
    const char *value = p;
    do
        p = skip_plain(p, r->end);
    while (p < r->end && *p == '\t' && p++);
    r->at = p;
    enum lt_code rc = take_crlf(r, "field value");
    if (rc != LT_OK)
        return rc;
    while (p > value && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    if (r->head->fields_n == LT_HTTP_FIELDS_MAX)
        return lt_fail(r->err, LT_EHEAD_TOO_LARGE, "more than %d fields", LT_HTTP_FIELDS_MAX);
    struct lt_http_field *f = &r->head->fields[r->head->fields_n++];
    f->name = field;
    f->value = (struct lt_str){value, (size_t)(p - value)};
    return note_field(r, f->name, f->value, request);
}

static enum lt_code take_fields(struct reader *r, bool request)
{
    for (;;) {
        if (r->at == r->end)
            return LT_EAGAIN;
        if (*r->at == '\r')
            return take_crlf(r, "end of the head");
        enum lt_code rc = take_field(r, request);
        if (rc != LT_OK)
            return rc;
    }
}

/* What can only be said when all fields are known. */
static enum lt_code check_head(struct reader *r, bool request)
{
    struct lt_http_head *h = r->head;
    const struct seen *seen = &r->seen;
    if (seen->transfer_encoding && seen->content_length)
        return lt_fail(r->err, LT_EBAD_HTTP, "both Content-Length and Transfer-Encoding");
    if (seen->transfer_encoding && h->minor == 0)
        return lt_fail(r->err, LT_EBAD_HTTP, "Transfer-Encoding in HTTP/1.0");
    if (request && !seen->host && h->minor == 1)
        return lt_fail(r->err, LT_EBAD_HTTP, "Host is missing");
    if (seen->authority.p && seen->host && !lt_str_eq_ci(seen->authority, h->host))
        return lt_fail(r->err, LT_EBAD_HTTP, "Host is not the host of the target");
    if (h->minor == 0)
        h->expect_continue = false; /* RFC 9110 §10.1.1 */
    h->keep_alive = !seen->close && (h->minor == 1 || seen->keep_alive);
    return LT_OK;
}

static enum lt_code read_head(const char *p, size_t n, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err,
                              bool request)
{
    *ret = (struct lt_http_head){.content_length = -1, .fields = ret->fields};
    *ret_used = 0;
    bool full = n >= LT_HTTP_HEAD_MAX;
    struct reader r = {.at = p, .end = p + (full ? LT_HTTP_HEAD_MAX : n), .head = ret, .err = err};
    if (n == 0)
        return LT_EAGAIN;
    enum lt_code rc = request ? take_request_line(&r) : take_status_line(&r);
    if (rc == LT_OK)
        rc = take_fields(&r, request);
    if (rc == LT_EAGAIN && full)
        return lt_fail(err, LT_EHEAD_TOO_LARGE, "the head is larger than %d bytes", LT_HTTP_HEAD_MAX);
    if (rc == LT_OK)
        rc = check_head(&r, request);
    if (rc == LT_OK)
        *ret_used = (size_t)(r.at - p);
    return rc;
}

enum lt_code lt_http1_read_request(const char *p, size_t n, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err)
{
    return read_head(p, n, ret, ret_used, err, true);
}

enum lt_code lt_http1_read_response(const char *p, size_t n, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err)
{
    return read_head(p, n, ret, ret_used, err, false);
}

struct lt_str lt_http_field(const struct lt_http_head *head, const char *name, bool *ret_double)
{
    struct lt_str wanted = lt_str(name), found = LT_STR_NULL;
    bool twice = false;
    for (size_t i = 0; i < head->fields_n; i++) {
        if (head->fields[i].name.n != wanted.n || !lt_str_eq_ci(head->fields[i].name, wanted))
            continue;
        if (found.p)
            twice = true;
        else
            found = head->fields[i].value;
    }
    if (ret_double)
        *ret_double = twice;
    return found;
}

/* RFC 9112 §6.3. */
enum lt_http_body lt_http1_response_body(const struct lt_http_head *head, bool request_was_head)
{
    if (request_was_head || head->status < 200 || head->status == 204 || head->status == 304)
        return LT_BODY_NONE;
    if (head->chunked)
        return LT_BODY_CHUNKED;
    if (head->content_length >= 0)
        return head->content_length > 0 ? LT_BODY_LENGTH : LT_BODY_NONE;
    return LT_BODY_UNTIL_CLOSE;
}

/* ---- chunked bodies (RFC 9112 §7.1) ---- */

enum chunk_state {
    C_SIZE_FIRST, /* a first hex digit must come */
    C_SIZE,
    C_BWS,        /* white space behind the size: an extension must follow */
    C_EXT,
    C_SIZE_LF,
    C_DATA,
    C_DATA_CR,
    C_DATA_LF,
    C_TRAILER_FIRST,
    C_TRAILER_NAME,
    C_TRAILER_VALUE,
    C_TRAILER_LF,
    C_END_LF,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool value_byte(char c)
{
    return c == '\t' || ((uint8_t)c >= 0x20 && c != 0x7f);
}

/* One byte of framing. False when it does not belong there. */
static bool chunk_byte(struct lt_chunked *c, char b)
{
    int digit;
    switch ((enum chunk_state)c->state) {
    case C_SIZE_FIRST:
    case C_SIZE:
        digit = hex_digit(b);
        if (digit >= 0) {
            if (c->left >> (4 * (CHUNK_DIGITS - 1)))
                return false;
            c->left = c->left << 4 | (unsigned)digit;
            c->state = C_SIZE;
            return true;
        }
        if (c->state == C_SIZE_FIRST)
            return false;
        c->state = b == ';' ? C_EXT : b == '\r' ? C_SIZE_LF : C_BWS;
        return b == ';' || b == '\r' || b == ' ' || b == '\t';
    case C_BWS:
        if (b == ';')
            c->state = C_EXT;
        return b == ';' || b == ' ' || b == '\t';
    case C_EXT:
        if (b == '\r')
            c->state = C_SIZE_LF;
        return b == '\r' || value_byte(b);
    case C_SIZE_LF:
        c->state = c->left > 0 ? C_DATA : C_TRAILER_FIRST;
        c->line = 0;
        return b == '\n';
    case C_DATA_CR:
        c->state = C_DATA_LF;
        return b == '\r';
    case C_DATA_LF:
        c->state = C_SIZE_FIRST;
        c->line = 0;
        return b == '\n';
    case C_TRAILER_FIRST:
        c->state = b == '\r' ? C_END_LF : C_TRAILER_NAME;
        return b == '\r' || is_class(b, TOKEN);
    case C_TRAILER_NAME:
        if (b == ':')
            c->state = C_TRAILER_VALUE;
        return b == ':' || is_class(b, TOKEN);
    case C_TRAILER_VALUE:
        if (b == '\r')
            c->state = C_TRAILER_LF;
        return b == '\r' || value_byte(b);
    case C_TRAILER_LF:
        c->state = C_TRAILER_FIRST;
        return b == '\n';
    case C_END_LF:
        c->done = true;
        return b == '\n';
    case C_DATA:
        break;
    }
    return false;
}

enum lt_code lt_chunked_read(struct lt_chunked *c, const char *p, size_t n, struct lt_str *ret_piece, size_t *ret_used,
                             struct lt_error *err)
{
    size_t at = 0;
    *ret_piece = LT_STR_NULL;
    while (at < n && !c->done) {
        if (c->state == C_DATA) {
            size_t run = n - at < c->left ? n - at : (size_t)c->left;
            *ret_piece = (struct lt_str){p + at, run};
            c->left -= run;
            if (c->left == 0)
                c->state = C_DATA_CR;
            at += run;
            break;
        }
        bool trailer = c->state >= C_TRAILER_FIRST;
        if (++c->line > (trailer ? (size_t)LT_HTTP_HEAD_MAX : (size_t)LT_HTTP_CHUNK_LINE_MAX))
            return lt_fail(err, LT_EBAD_HTTP, "chunked body: %s",
                           trailer ? "trailers are too large" : "the size line is too long");
        if (!chunk_byte(c, p[at]))
            return lt_fail(err, LT_EBAD_HTTP, "chunked body: byte 0x%02x where the framing does not allow it", (uint8_t)p[at]);
        at++;
    }
    *ret_used = at;
    return LT_OK;
}

/* ---- percent-encoding and query strings ---- */

bool lt_percent_decode(struct lt_arena *arena, struct lt_str s, bool query, struct lt_str *ret)
{
    char *out = lt_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        if (c == '\0')
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    if (!lt_utf8_valid(out, n))
        return false;
    *ret = (struct lt_str){out, n};
    return true;
}

/* Is the still encoded name the wanted one? Only names that hold an escape are decoded. */
static bool name_is(struct lt_arena *arena, struct lt_str encoded, struct lt_str wanted)
{
    if (encoded.n < wanted.n)
        return false;
    bool plain = encoded.n == 0 || (!memchr(encoded.p, '%', encoded.n) && !memchr(encoded.p, '+', encoded.n));
    if (plain)
        return lt_str_eq(encoded, wanted);
    struct lt_str name;
    return lt_percent_decode(arena, encoded, true, &name) && lt_str_eq(name, wanted);
}

bool lt_query_get_at(struct lt_arena *arena, struct lt_str query, const char *name, int index, struct lt_str *ret)
{
    struct lt_str wanted = lt_str(name);
    while (query.n > 0) {
        struct lt_str value = lt_str_cut(&query, '&');
        if (value.n == 0)
            continue;
        struct lt_str key = lt_str_cut(&value, '=');
        if (name_is(arena, key, wanted) && index-- == 0)
            return lt_percent_decode(arena, value, true, ret);
    }
    return false;
}

bool lt_query_get(struct lt_arena *arena, struct lt_str query, const char *name, struct lt_str *ret)
{
    return lt_query_get_at(arena, query, name, 0, ret);
}

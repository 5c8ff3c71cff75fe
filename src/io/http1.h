/*
 * HTTP/1.1 framing, RFC 9112, both directions, no I/O, no allocation: the strict reading of DESIGN §6. Results point into the
 * caller's bytes. Refused: bare LF, bare CR, obs-fold, NUL and control bytes, space before the colon, both Content-Length and
 * Transfer-Encoding, more than one Content-Length (even equal), anything but digits in it, Transfer-Encoding other than exactly
 * "chunked" (and in HTTP/1.0), HTTP/0.9, versions other than 1.0 and 1.1, missing or double Host in 1.1, absolute-form targets other
 * than http(s)://host/…, fragments, Upgrade requests are read as ordinary ones.
 */
#pragma once
#include "base/error.h"

enum { LT_HTTP_FIELDS_MAX = 64, LT_HTTP_HEAD_MAX = 16384, LT_HTTP_URI_MAX = 8192, LT_HTTP_CHUNK_LINE_MAX = 256 };

struct lt_http_field {
    struct lt_str name, value; /* value without white space around it */
};

struct lt_http_head {
    /* request */
    struct lt_str method;  /* token, as sent */
    struct lt_str path;    /* still percent-encoded, begins with '/', without the query */
    struct lt_str query;   /* without '?', p NULL when there is none */
    struct lt_str host;    /* of the Host field */
    /* response */
    int status;            /* 100 to 599 */
    struct lt_str reason;
    /* both */
    int minor;             /* HTTP/1.minor */
    bool keep_alive;       /* the connection may be used again after this message */
    bool chunked;
    bool expect_continue;
    int64_t content_length; /* -1: not given */
    size_t fields_n;
    struct lt_http_field *fields; /* whoever has a head read gives room for LT_HTTP_FIELDS_MAX of them */
};

/*
 * Reads a head from p[0..n); ret->fields is set by the caller. LT_OK: *ret_used bytes belong to it (up to and with the empty line). LT_EAGAIN: more bytes needed.
 * Else LT_EBAD_HTTP, LT_EHEAD_TOO_LARGE or LT_EURI_TOO_LONG; the connection must then be closed after the answer.
 * Empty lines before a request line are skipped (at most 2, RFC 9112 §2.2).
 */
enum lt_code lt_http1_read_request(const char *p, size_t n, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err);
enum lt_code lt_http1_read_response(const char *p, size_t n, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err);
/* The value of a field, {NULL,0} when absent; *double_ (may be NULL) says that it came more than once. */
struct lt_str lt_http_field(const struct lt_http_head *head, const char *name, bool *ret_double);
/* How the body of a response ends: given the request's method. */
enum lt_http_body { LT_BODY_NONE, LT_BODY_LENGTH, LT_BODY_CHUNKED, LT_BODY_UNTIL_CLOSE };
enum lt_http_body lt_http1_response_body(const struct lt_http_head *head, bool request_was_head);

/* Chunked bodies, incremental. */
struct lt_chunked {
    int state;         /* 0 at the start */
    uint64_t left;     /* bytes of the present chunk still to come */
    size_t line;       /* bytes of the present size line or trailer so far */
    bool done;
};
/*
 * Takes bytes from p[0..n): *ret_piece is a run of body bytes inside p (may be empty), *ret_used how much was taken, and never
 * reaches behind the end of the body. Call again while bytes are left and !done. LT_OK or LT_EBAD_HTTP.
 */
enum lt_code lt_chunked_read(struct lt_chunked *c, const char *p, size_t n, struct lt_str *ret_piece, size_t *ret_used, struct lt_error *err);
/* %XX decoding of a path segment or query value ('+' is a space when `query`); false when malformed or not UTF-8 or with NUL. */
struct lt_arena;
bool lt_percent_decode(struct lt_arena *arena, struct lt_str s, bool query, struct lt_str *ret);
/* First value of `name` in a query string, decoded; false when absent or malformed. */
bool lt_query_get(struct lt_arena *arena, struct lt_str query, const char *name, struct lt_str *ret);
/* The `index`-th value of a repeated name. */
bool lt_query_get_at(struct lt_arena *arena, struct lt_str query, const char *name, int index, struct lt_str *ret);

/*
 * HTTP/1.1 client on fibers: one pool of kept-alive connections per loop, keyed by (scheme, host, port, by proxy or not). No
 * redirects, no cookies. Where it may connect to says outbound.h. A pooled connection on which anything arrives between answers is
 * closed. A request that fails on a reused connection before any byte of the answer is sent again once on a fresh one when its body
 * is in memory and nothing was processed (the server closed the idle connection: end of data with zero bytes received).
 */
#pragma once
#include "base/arena.h"
#include "io/conn.h"
#include "io/http1.h"

struct lt_http_reply; /* an answer under way; belongs to the calling fiber */

/* When it came to what, by lt_mono_us(); 0: it has not. Of the last try, when a connection turned out to be closed. */
struct lt_http_times {
    uint64_t connected_us, sent_us, first_byte_us;
    bool reused; /* the connection was there already: connected_us is when it was taken */
};

struct lt_http_call {
    const char *method;
    struct lt_str url;                  /* http:// or https://, with host; userinfo and fragment are refused */
    const struct lt_http_field *fields; /* extra; Host, Content-Length, Connection are ours */
    size_t fields_n;
    struct lt_str body;                 /* p NULL: no body */
    struct lt_tls *tls;                 /* client context for https */
    uint32_t connect_ms;                /* name, connect and TLS; 0 = 10,000 */
    uint32_t first_byte_ms;             /* from the end of sending to the first byte of the head; 0 = 60,000 */
    uint32_t idle_ms;                   /* between two reads of the body; 0 = 60,000 */
    uint64_t deadline_ms;               /* absolute, for the whole call; 0 = none */
    size_t max_body;                    /* bytes of the answer; 0 = 16 MiB */
    struct lt_http_times *times;        /* for who wants to know; else NULL */
};

/*
 * Sends and waits for the head of the answer (1xx are skipped). *ret must be closed with lt_http_reply_close().
 * Errors: LT_EUPSTREAM_UNAVAILABLE, LT_EUPSTREAM_TIMEOUT (detail says which phase), LT_EUPSTREAM_INVALID, LT_ECANCELLED, LT_EINVALID_INPUT (URL),
 * LT_EOUTBOUND_REFUSED, LT_EOVERLOADED (no descriptor is left).
 */
enum lt_code lt_http_send(struct lt_loop *loop, const struct lt_http_call *call, struct lt_http_reply **ret, struct lt_error *err);
/* Its fields and its reason are there until the body is first read. */
const struct lt_http_head *lt_http_reply_head(const struct lt_http_reply *reply);
/* The next run of body bytes, valid until the next call; n == 0 at the proper end. A cut body is LT_EUPSTREAM_INVALID. */
enum lt_code lt_http_reply_read(struct lt_http_reply *reply, struct lt_str *ret_piece, struct lt_error *err);
/* The whole rest of the body. */
enum lt_code lt_http_reply_read_all(struct lt_http_reply *reply, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err);
/* Back to the pool when the body was read to its end, else closed at once. NULL allowed. */
void lt_http_reply_close(struct lt_http_reply *reply);
/* The same when what was read says itself that it is all, as the last event of a stream does: the connection is not closed if only the
 * end of the body is missing. That is read behind the caller's back: 64 bytes at most, for a second. */
void lt_http_reply_finish(struct lt_http_reply *reply);
/* Idle and busy connections of the loop's pool (metrics, tests). */
void lt_http_client_counts(struct lt_loop *loop, int *ret_idle, int *ret_busy);

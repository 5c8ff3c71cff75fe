/*
 * How many connections a process takes, and how many of them from one client address: counted over the servers of all loops. An
 * address is one of IPv4, or a /64 of IPv6, which one user has to himself. This machine's own (127.0.0.1, ::1) and those of trusted
 * proxies are not counted apart, for many users come from there. Any thread; a lock is held for a look-up, once a connection.
 */
#pragma once
#include "io/address.h"

struct lt_http_limits;
struct lt_http_guest; /* a client address with its count */

struct lt_http_limits_options {
    int connections;                  /* of the process; 0 = no limit */
    int per_address;                  /* 0 = no limit */
    const struct lt_network *trusted; /* copied */
    size_t trusted_n;
};

struct lt_http_limits *lt_http_limits_new(const struct lt_http_limits_options *options);
/* After the last server. NULL allowed. */
void lt_http_limits_free(struct lt_http_limits *limits);

/* Why connections end. X(symbol, name in metrics and the access log) */
#define LT_HTTP_CLOSED(X)                                                                                                     \
    X(CLIENT, "client_closed")  /* between requests, or without one */                                                       \
    X(LEFT, "client_left")      /* while a request was under way */                                                          \
    X(ANSWERED, "answered")     /* the answer was the last one: asked for by the client, or as its framing needs */          \
    X(IDLE, "idle_timeout")     /* nothing came for too long */                                                              \
    X(BAD_HEAD, "bad_request")  /* its head could not be read, or did not come in time */                                    \
    X(BODY, "body_unread")      /* what is left of a body is too much or did not come */                                     \
    X(TLS, "tls_failed")        /* TLS could not be set up */                                                                \
    X(SLOW, "slow_client")      /* it did not take the answer, or writing failed */                                          \
    X(CUT, "cut")               /* an answer could not be brought to its end */                                              \
    X(BUSY, "overloaded")       /* no fiber was free */                                                                      \
    X(MANY, "too_many")         /* refused: the process had as many as it may */                                             \
    X(ADDRESS, "too_many_of_address") /* refused: the client's address had as many as it may */                              \
    X(DESCRIPTORS, "no_descriptor")   /* refused: none was left */                                                           \
    X(END, "shutdown")          /* the daemon ends */
enum lt_http_closed {
#define X(symbol, name) LT_HTTP_CLOSED_##symbol,
    LT_HTTP_CLOSED(X)
#undef X
        LT_HTTP_CLOSED_COUNT
};
const char *lt_http_closed_name(enum lt_http_closed reason);
/*
 * Counts a connection from `peer`. NULL: it is counted, and lt_http_limits_leave() must follow with *ret. Otherwise it is one too many,
 * the text says of what, and *ret_why why it is closed.
 */
const char *lt_http_limits_enter(struct lt_http_limits *limits, const struct sockaddr *peer, struct lt_http_guest **ret,
                                 enum lt_http_closed *ret_why);
void lt_http_limits_leave(struct lt_http_limits *limits, struct lt_http_guest *guest);
/* A connection was closed. Any thread, without a lock. */
void lt_http_limits_closed(struct lt_http_limits *limits, enum lt_http_closed reason);
uint64_t lt_http_limits_closed_count(struct lt_http_limits *limits, enum lt_http_closed reason);
/* For metrics. */
void lt_http_limits_counts(struct lt_http_limits *limits, uint64_t *ret_connections, uint64_t *ret_refused);

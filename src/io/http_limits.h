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

/*
 * Counts a connection from `peer`. NULL: it is counted, and lt_http_limits_leave() must follow with *ret. Otherwise it is one too many
 * and the text says of what.
 */
const char *lt_http_limits_enter(struct lt_http_limits *limits, const struct sockaddr *peer, struct lt_http_guest **ret);
void lt_http_limits_leave(struct lt_http_limits *limits, struct lt_http_guest *guest);
/* For metrics. */
void lt_http_limits_counts(struct lt_http_limits *limits, uint64_t *ret_connections, uint64_t *ret_refused);

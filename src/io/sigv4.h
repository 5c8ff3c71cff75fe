/*
 * AWS Signature Version 4: signing a request of a service, as pure functions: no I/O, no clock, no globals. Any thread. Facts: AWS's "Signature
 * Version 4 for API requests" (IAM User Guide: "Create a signed AWS API request") and its test suite. As for every service but S3, the path is
 * normalised (RFC 3986 §5.2.4, runs of slashes become one) and encoded once more than it is sent.
 */
#pragma once
#include "base/arena.h"
#include "io/http1.h"

enum { LT_SIGV4_FIELDS_MAX = 32, LT_SIGV4_DATE = 17 /* "20150830T123600Z" and a NUL */, LT_SIGV4_HASH = 65 /* 64 hex digits and a NUL */ };

/* Who signs. `token`: of a session; empty: none. */
struct lt_sigv4_key {
    struct lt_str id, secret, token;
};

/* What is signed. */
struct lt_sigv4_request {
    const char *method;
    struct lt_str path;                 /* as it is sent, without the query; empty is "/" */
    struct lt_str query;                /* as it is sent, without its '?'; may be empty */
    const struct lt_http_field *fields; /* to be signed: Host must be there; others of the request may be left out */
    size_t fields_n;                    /* at most LT_SIGV4_FIELDS_MAX */
    const char *body_hash;              /* lt_sigv4_hash() of the body, of "" without one */
    const char *region, *service;
    int64_t now_s;                      /* seconds since 1970 */
};

/* What comes of it, in the arena. To be sent: X-Amz-Date with `date`, X-Amz-Security-Token where there is a token, Authorization. */
struct lt_sigv4 {
    char date[LT_SIGV4_DATE];
    struct lt_str canonical; /* the canonical request; holds the session token */
    struct lt_str to_sign;
    struct lt_str authorization;
};

/* SHA-256 in lower-case hex: some milliseconds for each 10 MB. */
void lt_sigv4_hash(struct lt_str body, char out[LT_SIGV4_HASH]);
/* Signs; adds X-Amz-Date and X-Amz-Security-Token to what is signed. LT_EINVALID_INPUT: there are too many fields. */
enum lt_code lt_sigv4_sign(struct lt_arena *arena, const struct lt_sigv4_key *key, const struct lt_sigv4_request *request, struct lt_sigv4 *ret,
                           struct lt_error *err);

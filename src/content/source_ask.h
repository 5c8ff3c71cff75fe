/*
 * Asking a source over HTTP: signing in, deadlines, limits, and leaving it alone for a while after faults. No redirect is followed: a token is
 * for the configured address alone. Secrets go into Authorization fields and forms, never into addresses, logs or errors. Fiber.
 */
#pragma once
#include "content/source_cache.h"

enum {
    LT_SOURCE_BODY_MAX = 16 << 20,   /* bytes of an answer */
    LT_SOURCE_FAULTS = 3,            /* in a row, after which a source is left alone */
    LT_SOURCE_PAUSE_MS = 5000,       /* the first time; doubled each time */
    LT_SOURCE_PAUSE_MAX_MS = 60000,
    LT_SOURCE_RETRY_AFTER_MAX_S = 300, /* of what a source says of itself (429, 503) */
};

/*
 * The answer to q, from the cache or from the source. *ret->status is 200, 403 or 404. LT_EUPSTREAM_UNAVAILABLE (also while it is left alone),
 * LT_EUPSTREAM_TIMEOUT, LT_EUPSTREAM_INVALID (a redirect, no HTTP), LT_EUPSTREAM_UNAUTHORIZED (our own sign-in), LT_EUPSTREAM_RATE_LIMITED,
 * LT_EUPSTREAM_BAD_REQUEST, LT_ETOO_LARGE, LT_EOUTBOUND_REFUSED, LT_ECONFIG (the secret cannot be opened), LT_ECANCELLED.
 */
enum lt_code lt_source_ask(const struct lt_source_question *q, struct lt_source_answer *ret, struct lt_error *err);
/* What was answered cannot be read: counts as a fault of the source, and is not kept. */
void lt_source_unreadable(const struct lt_source_question *q);

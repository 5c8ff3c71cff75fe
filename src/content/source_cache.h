/*
 * What sources have answered, kept in a table of each loop: by source, its configuration, whose view it is, address and form. Who comes first
 * asks, others with the same question on this loop wait for that answer. An answer counts for the source's cache_s; then the source is asked
 * whether it still holds (If-None-Match, If-Modified-Since), and when it does not answer at all the old one stands in for stale_s more. A view
 * of one user is given to nobody else: the viewer is part of the key. Loop thread, fibers.
 */
#pragma once
#include "content/source.h"

enum {
    LT_SOURCE_CACHE_BYTES = 16 << 20, /* of a loop, keys and answers together */
    LT_SOURCE_CACHE_ENTRY = 4 << 20,  /* bytes of one answer that is kept; larger ones are asked for each time */
    LT_SOURCE_CACHE_SLOTS = 8192,
};

struct lt_source_question {
    struct lt_arena *arena;           /* for the answer */
    const struct lt_content_source *source;
    struct lt_tls *tls;
    struct lt_str viewer;             /* whose view it is: "" = it is the same for everybody */
    struct lt_str url;
    struct lt_str form;               /* to be sent as POST, without secrets; p NULL: GET */
    uint64_t deadline_ms;             /* of the loop's clock */
};

struct lt_source_answer {
    int status;                       /* 200, 403, 404; of a fresh question also 304 */
    struct lt_str body;               /* of 200 */
    struct lt_str etag, last_modified; /* "" = none */
    int64_t fresh_ms;                 /* how long it counts; < 0: as the source is set */
    bool stale;                       /* the source did not answer: this is what it said before */
};

/* Asks the source. kept: what it said before, for validators; NULL: nothing. Errors are not kept. */
typedef enum lt_code (*lt_source_send_fn)(const struct lt_source_question *q, const struct lt_source_answer *kept, struct lt_source_answer *ret,
                                          struct lt_error *err);

/* The errors of `send`; LT_ETIMEOUT (somebody else's question took too long), LT_ECANCELLED. *ret lies in q->arena. */
enum lt_code lt_source_cached(const struct lt_source_question *q, lt_source_send_fn send, struct lt_source_answer *ret, struct lt_error *err);
/* The answer to this question is not to be used any more. */
void lt_source_forget(const struct lt_source_question *q);
/* Of the calling loop (tests). */
void lt_source_cache_counts(size_t *ret_entries, size_t *ret_bytes);

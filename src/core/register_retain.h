/*
 * Retention: what a site wants kept no longer (register_keep_days, content_keep_days) is removed from the register in small transactions, so that the
 * chain still verifies. Beside the sealer, in the same process or another. Blocking: on a thread of its own, or outside loops.
 */
#pragma once
#include "store/store.h"

struct lt_register_retained {
    int64_t calls;    /* removed with all their records */
    int64_t contents; /* records whose content was removed */
    bool more;        /* the deadline came first */
};
/*
 * site_id: -1 for all. now: ms since 1970, by which ages are counted; deadline_ms: monotonic, LT_NEVER: none. What was removed before an error
 * counts.
 * LT_ESTORE, LT_ECONFIG (no master key), LT_ECONFLICT (somebody else has moved the chain: try again later; or its oldest part is not whole, and is
 * left as it is).
 */
enum lt_code lt_register_retain(struct lt_store *store, int64_t site_id, int64_t now, uint64_t deadline_ms, struct lt_register_retained *ret,
                                struct lt_error *err);

/*
 * What was used of limits: counters in memory, exact whoever asks. All that a call needs is reserved in one step, all or nothing, before it
 * is asked for; afterwards each reservation is settled to what it came to. The counters of a site stand under one lock for some
 * hundred nanoseconds. Any thread.
 *
 * Time is the wall clock's, and for a counter it never runs backwards. A counter's slot says which use belongs together: the window (fixed: the
 * first use's time; calendar: its beginning) or, of a sliding window, one of LT_LEDGER_SLICES parts of it. What is kept of the counters
 * (core/charge.h) is a sum for each slot, so that the order in which it is written does not matter.
 */
#pragma once
#include "core/limit.h"
#include "core/period.h"

enum { LT_LEDGER_SETTLED_MS = 1000 /* after which what stands in the way only because it is reserved may be settled */ };
enum { LT_LEDGER_SLICES = 32, LT_LEDGER_COUNTERS_MAX = 1 << 22 /* in memory at once */ };

struct lt_ledger;
struct lt_erased_users; /* core/erased_user.h */
struct lt_counter;

struct lt_ledger *lt_ledger_new(void);
void lt_ledger_free(struct lt_ledger *ledger);
/* Whose counters stand under another name. */
struct lt_erased_users *lt_ledger_erased(struct lt_ledger *ledger);
/* Counters are shared with other processes: whoever has calls uses the quota in the place of what is below but lt_ledger_look(). NULL: they are not. */
struct lt_quota;
void lt_ledger_share(struct lt_ledger *ledger, struct lt_quota *quota);
struct lt_quota *lt_ledger_quota(const struct lt_ledger *ledger);

/* What is asked of one limit. */
struct lt_ask {
    const struct lt_limit *limit;
    struct lt_str key;       /* lt_limit_key() */
    int64_t amount;          /* at least 0 */
    bool look;               /* only whether so much is left */
};

/* What is reserved of it. To be settled once; the counter stays until then. */
struct lt_hold {
    struct lt_counter *counter;
    int64_t limit_id, slot, ends_at; /* ms: what it counts in, and from when on that counts no more */
    int64_t amount;
    uint64_t epoch;          /* of a quota (core/quota.h) */
};

struct lt_denial {
    size_t at;               /* the first of the asks that cannot be had */
    int64_t used;            /* of its limit */
    int64_t retry_ms;        /* until it can be had; 0: never, it is more than the whole amount */
};

/*
 * Reserves every ask (at most LT_LIMITS_OF_CALL_MAX, of each limit one), or none: LT_OK with ret[0..n), which for a look is empty;
 * LT_ERATE_LIMITED with *denial; LT_EOVERLOADED when there are LT_LEDGER_COUNTERS_MAX. An ask for nothing is
 * always granted. A limit with when_spent `notice` is never in the way. zone: the site's. now: ms since 1970.
 */
enum lt_code lt_ledger_reserve(struct lt_ledger *ledger, int64_t site_id, struct lt_str zone, int64_t now, const struct lt_ask *asks, size_t n,
                               struct lt_hold *ret, struct lt_denial *denial);
/* How near to its amount the use of a limit has come for the first time since its window began. */
enum lt_mark { LT_MARK_NONE, LT_MARK_80, LT_MARK_100 };
/*
 * Makes of what is held the real amount (0: given back) and returns the difference to it. The hold is over. *ret_mark (may be NULL): what
 * the limit's use has come to by that. The window may have ended meanwhile: then nothing changes in the present one.
 */
int64_t lt_ledger_settle(struct lt_ledger *ledger, int64_t site_id, const struct lt_limit *limit, struct lt_hold *hold, int64_t real,
                         enum lt_mark *ret_mark);

struct lt_use {
    int64_t used;
    int64_t resets_at;       /* ms; of a sliding window when the oldest use counts no more; 0: nothing is used */
};
struct lt_use lt_ledger_look(struct lt_ledger *ledger, int64_t site_id, struct lt_str zone, int64_t now, const struct lt_limit *limit,
                             struct lt_str key);
/* Start-up: so much was used in that slot. Slots of one counter may come in any order; of those that are no slices the latest counts. */
void lt_ledger_load(struct lt_ledger *ledger, int64_t site_id, const struct lt_limit *limit, struct lt_str key, int64_t slot, int64_t ends_at,
                    int64_t used);
/* Forgets counters that count nothing any more and are not held. About once a minute. */
void lt_ledger_sweep(struct lt_ledger *ledger, int64_t now);
size_t lt_ledger_counters(struct lt_ledger *ledger);

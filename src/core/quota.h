/*
 * Limits that several processes on one PostgreSQL share. A counter's slot (core/ledger.h) is a row of usage_counter that counts all that processes
 * have taken of it; what a process has taken and not yet used is its quota, served from memory. A call that finds too little waits for one unit that
 * takes what it needs, of all its limits or of none; where a limit is large and much of it is left, some calls' need at once. So nobody exceeds a
 * limit, however many they are, and what others hold may refuse a call early for LT_QUOTA_IDLE_MS + LT_QUOTA_KEEP_MS at most, after a kill for
 * LT_QUOTA_LEASE_MS + LT_QUOTA_GRACE_MS.
 *
 * Quota may be used while the process's row is prolonged, by this machine's monotonic clock, counted from before it was asked for; it is given
 * to others only later by the database's. Slots come from the database's clock: its difference from this machine's is measured with each
 * prolonging. Fibers, or outside loops, where it says nothing else.
 */
#pragma once
#include "core/ledger.h"
#include "store/store.h"

enum {
    LT_QUOTA_PART = 64,          /* of an amount a process takes at most so much at once: a 64th */
    LT_QUOTA_NEAR = 16,          /* when no more than a 16th is left, calls take what they need and no more */
    LT_QUOTA_KEEP_MS = 500,      /* how often lt_quota_keep() is to be called */
    LT_QUOTA_IDLE_MS = 3000,     /* quota that nobody has used for so long is given back */
    LT_QUOTA_LEASE_MS = 10000,
    LT_QUOTA_GRACE_MS = 5000,
    LT_QUOTA_DENIED_MS = 500,    /* what was refused is refused from memory for so long */
};

struct lt_quota;

struct lt_quota *lt_quota_new(struct lt_store *store);
/* Gives back what is left. After the last call; outside loops. NULL allowed. */
void lt_quota_free(struct lt_quota *quota);

/* As lt_ledger_reserve(); LT_ESTORE (*err) when the database does not answer. Other errors are not in *err. */
enum lt_code lt_quota_reserve(struct lt_quota *quota, struct lt_str zone, const struct lt_ask *asks, size_t n, struct lt_hold *ret,
                              struct lt_denial *denial, struct lt_error *err);
/* As lt_ledger_settle(). Any thread. */
void lt_quota_settle(struct lt_quota *quota, const struct lt_limit *limit, struct lt_str key, struct lt_hold *hold, int64_t real,
                     enum lt_mark *ret_mark);
/*
 * Adds to a unit that so much more was used in the hold's slot; first: nothing of the hold was written before. The unit of a process that was
 * taken for dead meanwhile fails with LT_ECONFLICT when it is the first. Any thread.
 */
void lt_quota_record(struct lt_quota *quota, int64_t limit_id, struct lt_str key, const struct lt_hold *hold, int64_t amount, bool first,
                     struct lt_tx *tx);
/* As lt_ledger_look(): all processes together, without what they hold and have not used. */
enum lt_code lt_quota_look(struct lt_quota *quota, const struct lt_limit *limit, struct lt_str key, struct lt_use *ret, struct lt_error *err);
/* Every LT_QUOTA_KEEP_MS: prolongs, gives back, takes from the dead. One fiber. */
void lt_quota_keep(struct lt_quota *quota);

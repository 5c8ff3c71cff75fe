/* The database's side of quotas (core/quota.h): private to it. Fibers, or outside loops. */
#pragma once
#include "core/ledger.h"
#include "store/store.h"

struct lt_quota_slot {
    int64_t limit_id;
    struct lt_str key;
    int64_t slot, ends_at;
};

struct lt_quota_take {
    struct lt_quota_slot slot;
    int64_t amount, cap; /* cap: of all that counts; INT64_MAX: none */
    bool fixed;          /* only while no other window of the counter is open */
};

/* How far the database's clock is ahead of ours, ms; to half of what the answer took. */
enum lt_code lt_quota_measure(struct lt_store *store, int64_t *ret, struct lt_error *err);
/* The process's row: made; prolonged (LT_ECONFLICT: it was taken for dead); removed with what it held. */
enum lt_code lt_quota_enter(struct lt_store *store, const char *process, struct lt_error *err);
enum lt_code lt_quota_prolong(struct lt_store *store, const char *process, struct lt_error *err);
enum lt_code lt_quota_leave(struct lt_store *store, const char *process, struct lt_error *err);
/* Of processes that have not prolonged their rows: what they had not used is given back. */
enum lt_code lt_quota_recover(struct lt_store *store, struct lt_error *err);

/* All of them or none: LT_ECONFLICT. */
enum lt_code lt_quota_take(struct lt_store *store, const char *process, const struct lt_quota_take *takes, size_t n, int64_t now, struct lt_error *err);
enum lt_code lt_quota_give_back(struct lt_store *store, const char *process, const struct lt_quota_take *list, size_t n, struct lt_error *err);
/* Of what is taken so much more was used. */
void lt_quota_spend(struct lt_tx *tx, const char *process, const struct lt_quota_slot *slot, int64_t amount);
/* The same for a process that was taken for dead meanwhile. refuse: the unit is to fail. */
void lt_quota_spend_late(struct lt_tx *tx, const struct lt_quota_slot *slot, int64_t amount, bool refuse);

/* What counts of a counter at `now`, by slots. */
enum { LT_QUOTA_ROWS = 2 * LT_LEDGER_SLICES };
struct lt_quota_seen {
    int64_t used, unspent; /* with and of it what processes hold and have not used */
    size_t n;
    struct {
        int64_t slot, ends_at, used;
    } rows[LT_QUOTA_ROWS];
};
enum lt_code lt_quota_read(struct lt_store *store, int64_t limit_id, struct lt_str key, int64_t now, struct lt_quota_seen *ret, struct lt_error *err);

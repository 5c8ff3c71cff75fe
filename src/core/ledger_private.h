/* Shared by ledger.c, which has the tables and their locks, and ledger_window.c, which knows what still counts. All of it under the lock. */
#pragma once
#include "core/ledger.h"

enum { LT_LEDGER_RING = LT_LEDGER_SLICES + 1 /* the present slice, and the whole window before it */ };

#define LT_NO_SLOT INT64_MIN

struct lt_slice {
    int64_t slot, used;
};

struct lt_counter {
    struct lt_counter *next;
    uint64_t hash;
    int64_t site_id, limit_id;
    int64_t slot;      /* LT_NO_SLOT: no window has begun */
    int64_t ends_at;   /* of the slot; of slices of the latest */
    int64_t used;      /* in the window */
    int64_t reserved;  /* that is not settled yet, of tokens and money: it will hardly come to so much */
    unsigned held;
    bool calendar;
    enum lt_mark mark;
    struct lt_slice *ring; /* of a sliding window, else NULL */
    size_t key_n;
    char key[];
};

struct lt_periods { /* of a zone, as they were asked last */
    char zone[LT_ZONE_MAX];
    size_t zone_n;
    int64_t start[LT_PERIODS], end[LT_PERIODS];
};

/* Of a sliding window: where the slice of this slot is, or will be; and from when on it counts no more. */
struct lt_slice *lt_slice_of(const struct lt_counter *c, const struct lt_limit *limit, int64_t slot);
int64_t lt_slice_start(const struct lt_limit *limit, int64_t now);
int64_t lt_slice_ends(const struct lt_limit *limit, int64_t slot);
/* Nothing is used in the window that begins so. */
void lt_counter_begin(struct lt_counter *c, int64_t slot, int64_t ends_at);
/* The counter as it is at `now`. */
void lt_counter_advance(struct lt_periods *periods, struct lt_counter *c, const struct lt_limit *limit, struct lt_str zone, int64_t now);
/* Counts `amount` at `now`, in the slot that *ret names. */
void lt_counter_add(struct lt_counter *c, const struct lt_limit *limit, int64_t now, int64_t amount, struct lt_hold *ret);
/* ms until `amount` can be had; 0: never. */
int64_t lt_counter_retry_in(const struct lt_counter *c, const struct lt_limit *limit, int64_t now, int64_t amount);
/* The mark that its use has come to, if it was not told since the window began. */
enum lt_mark lt_counter_mark(struct lt_counter *c, const struct lt_limit *limit);

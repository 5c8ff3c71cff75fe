/* How many refusals of one user are recorded in a second; the others are counted. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/str.h"

enum { LT_REFUSAL_SLOTS = 1024 };

struct lt_refusals {
    pthread_mutex_t lock; /* refusals are off the hot path */
    struct {
        int64_t second;
        int count;
    } slots[LT_REFUSAL_SLOTS];
    _Atomic uint64_t dropped;
};

void lt_refusals_init(struct lt_refusals *r);
void lt_refusals_destroy(struct lt_refusals *r);
/* May this refusal be recorded? Any thread. Users are spread over the slots; those in one slot share its allowance. */
bool lt_refusals_admit(struct lt_refusals *r, int64_t site_id, struct lt_str user, int per_second);

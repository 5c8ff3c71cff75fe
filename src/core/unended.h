/*
 * Calls whose end could not be written while the store was down: their clients were told so, but the register has their begin. They are kept until
 * the store takes an end again. Any thread.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/uuid.h"

enum { LT_UNENDED_MAX = 4096 /* more are left to the next start, or to whoever finds this process gone */ };

struct lt_unended {
    pthread_mutex_t lock;
    _Atomic size_t n;
    atomic_bool overflowed;
    struct lt_uuid *ids; /* LT_UNENDED_MAX; made with the first */
};

void lt_unended_init(struct lt_unended *u);
void lt_unended_destroy(struct lt_unended *u);
/* Off the hot path. False, and nothing is kept, when there are LT_UNENDED_MAX. */
bool lt_unended_add(struct lt_unended *u, struct lt_uuid id);
/* All that came have been taken out. */
bool lt_unended_none(const struct lt_unended *u);
/* Takes one out; false when there is none, which costs one load. */
bool lt_unended_take(struct lt_unended *u, struct lt_uuid *ret);

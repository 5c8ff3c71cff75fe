/* The calls that run in this process, by id: for cancelling from any loop and for diagnostics. Sharded, so that a lock is never waited for. */
#pragma once
#include <pthread.h>

#include "core/caller.h"
#include "base/uuid.h"

enum { LT_CALL_SHARDS = 64, LT_CALL_BUCKETS = 128 };

struct lt_running { /* lives in the call's fiber while it is in the table */
    struct lt_running *next;
    struct lt_uuid id;
    int64_t site_id;
    struct lt_str user_id;
    struct lt_loop *loop;
    struct lt_fiber *fiber;
    void (*checkpoint)(struct lt_running *running); /* call's loop only */
};

struct lt_calls {
    struct {
        pthread_mutex_t lock;
        struct lt_running *buckets[LT_CALL_BUCKETS];
    } shards[LT_CALL_SHARDS];
};

void lt_calls_init(struct lt_calls *calls);
void lt_calls_destroy(struct lt_calls *calls);
void lt_calls_add(struct lt_calls *calls, struct lt_running *running);
void lt_calls_remove(struct lt_calls *calls, struct lt_running *running);
/* Any loop: site and user of a running call must fit (user "" = any user of the site). LT_ENOT_FOUND otherwise. */
enum lt_code lt_calls_cancel(struct lt_calls *calls, struct lt_uuid id, int64_t site_id, struct lt_str user_id, struct lt_error *err);
bool lt_calls_has(struct lt_calls *calls, struct lt_uuid id);
/* Call's loop: writes a checkpoint of a running call, if it is there. */
void lt_calls_checkpoint(struct lt_calls *calls, struct lt_uuid id);

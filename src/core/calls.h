/* The calls that run in this process, by id: for cancelling from any loop and for diagnostics. Sharded, so that a lock is never waited for. */
#pragma once
#include <pthread.h>

#include "core/caller.h"
#include "base/uuid.h"

enum { LT_CALL_SHARDS = 64, LT_CALL_BUCKETS = 128, LT_CALL_LOOPS_MAX = 256 };

struct lt_running { /* lives in the call's fiber while it is in the table */
    struct lt_running *next;
    struct lt_uuid id;
    int64_t site_id;
    struct lt_str user_id;
    struct lt_loop *loop;
    struct lt_fiber *fiber;     /* NULL: it has ended, and that is being written */
    bool stopped;               /* it was cancelled by an emergency stop; call's loop only */
    bool nudged;                /* what it waits for may have come, since whoever waits has cleared this; call's loop only */
    void (*checkpoint)(struct lt_running *running); /* call's loop only; NULL: there is nothing to write */
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
/* There is nothing to cancel any more; it is found until lt_calls_remove(), for only then the register says how it ended. Call's loop. */
void lt_calls_ended(struct lt_calls *calls, struct lt_running *running);
void lt_calls_remove(struct lt_calls *calls, struct lt_running *running);
/* Any loop: site and user of a running call must fit (user "" = any user of the site). LT_ENOT_FOUND otherwise. */
enum lt_code lt_calls_cancel(struct lt_calls *calls, struct lt_uuid id, int64_t site_id, struct lt_str user_id, struct lt_error *err);
/* Any loop: cancels all of a user that began before that time (ms), and says how many there are; those that are ending are among them. */
size_t lt_calls_cancel_all(struct lt_calls *calls, int64_t site_id, struct lt_str user_id, int64_t began_before);
/* Any thread: cancels what runs in the site (0: in all sites) and marks it as stopped. */
void lt_calls_stop(struct lt_calls *calls, int64_t site_id);
/* Any thread: cancels all that runs, for other processes have ended it in the register. */
void lt_calls_lost(struct lt_calls *calls);
/* Any loop: whoever waits in a run for something that is in the store looks again. Nothing happens when it does not run here. */
void lt_calls_nudge(struct lt_calls *calls, struct lt_uuid id);
/* How many of the site run; a run and its first call, which have one id, are one. Any thread. */
size_t lt_calls_count(struct lt_calls *calls, int64_t site_id);
bool lt_calls_has(struct lt_calls *calls, struct lt_uuid id);
/* Call's loop: writes a checkpoint of a running call, if it is there. */
void lt_calls_checkpoint(struct lt_calls *calls, struct lt_uuid id);

/* The table of running calls. */
#include "core/calls.h"

#include <stdlib.h>

#include "base/memory.h"
#include "core/register_hash.h"

void lt_calls_init(struct lt_calls *calls)
{
    memset(calls, 0, sizeof(*calls));
    for (size_t i = 0; i < LT_CALL_SHARDS; i++)
        pthread_mutex_init(&calls->shards[i].lock, NULL);
}

void lt_calls_destroy(struct lt_calls *calls)
{
    for (size_t i = 0; i < LT_CALL_SHARDS; i++)
        pthread_mutex_destroy(&calls->shards[i].lock);
}

/* The last bytes of a UUIDv7 are random. */
static size_t shard_of(struct lt_uuid id)
{
    return id.b[15] % LT_CALL_SHARDS;
}

static size_t bucket_of(struct lt_uuid id)
{
    return id.b[14] % LT_CALL_BUCKETS;
}

void lt_calls_add(struct lt_calls *calls, struct lt_running *r)
{
    size_t s = shard_of(r->id);
    struct lt_running **bucket = &calls->shards[s].buckets[bucket_of(r->id)];
    pthread_mutex_lock(&calls->shards[s].lock);
    r->next = *bucket;
    *bucket = r;
    pthread_mutex_unlock(&calls->shards[s].lock);
}

void lt_calls_ended(struct lt_calls *calls, struct lt_running *r)
{
    size_t s = shard_of(r->id);
    pthread_mutex_lock(&calls->shards[s].lock);
    r->fiber = NULL;
    r->checkpoint = NULL;
    pthread_mutex_unlock(&calls->shards[s].lock);
}

void lt_calls_remove(struct lt_calls *calls, struct lt_running *r)
{
    size_t s = shard_of(r->id);
    struct lt_running **at = &calls->shards[s].buckets[bucket_of(r->id)];
    pthread_mutex_lock(&calls->shards[s].lock);
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    pthread_mutex_unlock(&calls->shards[s].lock);
}

/* With the shard's lock held. */
static struct lt_running *find(struct lt_calls *calls, struct lt_uuid id)
{
    struct lt_running *r = calls->shards[shard_of(id)].buckets[bucket_of(id)];
    while (r && !lt_uuid_eq(r->id, id))
        r = r->next;
    return r;
}

struct message {
    struct lt_task task;
    struct lt_calls *calls;
    struct lt_uuid id;
    enum lt_cancel_reason why;
};

/* On the call's own loop: if the call is still there, its fiber is alive, for only this thread can end it. */
static void cancel_here(struct lt_task *task)
{
    struct message *c = (struct message *)task;
    pthread_mutex_t *lock = &c->calls->shards[shard_of(c->id)].lock;
    pthread_mutex_lock(lock);
    struct lt_running *r = find(c->calls, c->id);
    pthread_mutex_unlock(lock);
    if (r && r->fiber)
        lt_fiber_cancel_because(r->fiber, c->why);
    free(c);
}

static void post(struct lt_calls *calls, struct lt_loop *loop, struct lt_uuid id, enum lt_cancel_reason why, void (*fn)(struct lt_task *task))
{
    struct message *c = malloc(sizeof(*c));
    if (!c)
        lt_out_of_memory(0);
    *c = (struct message){.task = {.fn = fn}, .calls = calls, .id = id, .why = why};
    lt_loop_post(loop, &c->task);
}

enum lt_code lt_calls_cancel(struct lt_calls *calls, struct lt_uuid id, int64_t site_id, struct lt_str user_id, struct lt_error *err)
{
    pthread_mutex_t *lock = &calls->shards[shard_of(id)].lock;
    pthread_mutex_lock(lock);
    struct lt_running *r = find(calls, id);
    bool mine = r && r->site_id == site_id && (user_id.n == 0 || lt_str_eq(r->user_id, user_id));
    struct lt_loop *loop = mine ? r->loop : NULL;
    pthread_mutex_unlock(lock);
    if (!mine)
        return lt_fail(err, LT_ENOT_FOUND, "no such call is running");
    post(calls, loop, id, LT_CANCEL_ASKED, cancel_here);
    return LT_OK;
}

/* Posted under the lock: the loop runs as long as the call is in the table. */
size_t lt_calls_cancel_all(struct lt_calls *calls, int64_t site_id, struct lt_str user_id, int64_t began_before)
{
    size_t n = 0;
    for (size_t s = 0; s < LT_CALL_SHARDS; s++) {
        pthread_mutex_lock(&calls->shards[s].lock);
        for (size_t b = 0; b < LT_CALL_BUCKETS; b++)
            for (struct lt_running *r = calls->shards[s].buckets[b]; r; r = r->next) {
                if (r->site_id != site_id || !lt_str_eq(r->user_id, user_id) || lt_register_time(r->id) >= began_before)
                    continue;
                n++;
                if (r->fiber)
                    post(calls, r->loop, r->id, LT_CANCEL_ERASED, cancel_here);
            }
        pthread_mutex_unlock(&calls->shards[s].lock);
    }
    return n;
}

/* On the run's own loop. A run and its first call have one id; what does not wait for anything passes over it. */
static void nudge_here(struct lt_task *task)
{
    struct message *c = (struct message *)task;
    size_t s = shard_of(c->id);
    pthread_mutex_lock(&c->calls->shards[s].lock);
    for (struct lt_running *r = c->calls->shards[s].buckets[bucket_of(c->id)]; r; r = r->next)
        if (lt_uuid_eq(r->id, c->id) && r->fiber) {
            r->nudged = true;
            lt_fiber_wake(r->fiber);
        }
    pthread_mutex_unlock(&c->calls->shards[s].lock);
    free(c);
}

void lt_calls_nudge(struct lt_calls *calls, struct lt_uuid id)
{
    pthread_mutex_t *lock = &calls->shards[shard_of(id)].lock;
    pthread_mutex_lock(lock);
    struct lt_running *r = find(calls, id);
    if (r)
        post(calls, r->loop, id, LT_CANCEL_OTHER, nudge_here);
    pthread_mutex_unlock(lock);
}

struct stop {
    struct lt_task task;
    struct lt_calls *calls;
    int64_t site_id;
    enum lt_cancel_reason why;
};

static bool is_of(const struct lt_running *r, int64_t site_id)
{
    return r->fiber && (site_id == 0 || r->site_id == site_id);
}

/* On a loop: all that runs there. A run and its first call have one id, and both are marked. */
static void stop_here(struct lt_task *task)
{
    struct stop *stop = (struct stop *)task;
    struct lt_loop *loop = lt_loop_self();
    for (size_t s = 0; s < LT_CALL_SHARDS; s++) {
        pthread_mutex_lock(&stop->calls->shards[s].lock);
        for (size_t b = 0; b < LT_CALL_BUCKETS; b++)
            for (struct lt_running *r = stop->calls->shards[s].buckets[b]; r; r = r->next)
                if (r->loop == loop && is_of(r, stop->site_id)) {
                    r->stopped |= stop->why == LT_CANCEL_STOPPED;
                    lt_fiber_cancel_because(r->fiber, stop->why);
                }
        pthread_mutex_unlock(&stop->calls->shards[s].lock);
    }
    free(stop);
}

/* A loop that is in the list already is not added. False: there is no more room. */
static bool add_loop(struct lt_loop **list, size_t *n, struct lt_loop *loop)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == loop)
            return true;
    if (*n == LT_CALL_LOOPS_MAX)
        return false;
    list[(*n)++] = loop;
    return true;
}

static size_t loops_of(struct lt_calls *calls, int64_t site_id, struct lt_loop *list[LT_CALL_LOOPS_MAX])
{
    size_t n = 0;
    for (size_t s = 0; s < LT_CALL_SHARDS; s++) {
        pthread_mutex_lock(&calls->shards[s].lock);
        for (size_t b = 0; b < LT_CALL_BUCKETS; b++)
            for (struct lt_running *r = calls->shards[s].buckets[b]; r; r = r->next)
                if (is_of(r, site_id) && !add_loop(list, &n, r->loop))
                    abort(); /* a process has fewer loops */
        pthread_mutex_unlock(&calls->shards[s].lock);
    }
    return n;
}

static void stop_all(struct lt_calls *calls, int64_t site_id, enum lt_cancel_reason why)
{
    struct lt_loop *loops[LT_CALL_LOOPS_MAX];
    size_t n = loops_of(calls, site_id, loops);
    for (size_t i = 0; i < n; i++) {
        struct stop *stop = malloc(sizeof(*stop));
        if (!stop)
            lt_out_of_memory(0);
        *stop = (struct stop){.task = {.fn = stop_here}, .calls = calls, .site_id = site_id, .why = why};
        lt_loop_post(loops[i], &stop->task);
    }
}

void lt_calls_stop(struct lt_calls *calls, int64_t site_id)
{
    stop_all(calls, site_id, LT_CANCEL_STOPPED);
}

void lt_calls_lost(struct lt_calls *calls)
{
    stop_all(calls, 0, LT_CANCEL_LOST);
}

static bool seen_before(const struct lt_running *first, const struct lt_running *r)
{
    for (; first != r; first = first->next)
        if (lt_uuid_eq(first->id, r->id))
            return true;
    return false;
}

size_t lt_calls_count(struct lt_calls *calls, int64_t site_id)
{
    size_t n = 0;
    for (size_t s = 0; s < LT_CALL_SHARDS; s++) {
        pthread_mutex_lock(&calls->shards[s].lock);
        for (size_t b = 0; b < LT_CALL_BUCKETS; b++)
            for (struct lt_running *first = calls->shards[s].buckets[b], *r = first; r; r = r->next)
                n += r->site_id == site_id && !seen_before(first, r);
        pthread_mutex_unlock(&calls->shards[s].lock);
    }
    return n;
}

bool lt_calls_has(struct lt_calls *calls, struct lt_uuid id)
{
    pthread_mutex_t *lock = &calls->shards[shard_of(id)].lock;
    pthread_mutex_lock(lock);
    bool has = find(calls, id) != NULL;
    pthread_mutex_unlock(lock);
    return has;
}

void lt_calls_checkpoint(struct lt_calls *calls, struct lt_uuid id)
{
    pthread_mutex_t *lock = &calls->shards[shard_of(id)].lock;
    pthread_mutex_lock(lock);
    struct lt_running *r = find(calls, id);
    bool due = r && r->checkpoint && r->loop == lt_loop_self();
    pthread_mutex_unlock(lock);
    if (due)
        r->checkpoint(r);
}

/* The table of running calls. */
#include "core/calls.h"

#include <stdlib.h>

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

struct cancel {
    struct lt_task task;
    struct lt_calls *calls;
    struct lt_uuid id;
};

/* On the call's own loop: if the call is still there, its fiber is alive, for only this thread can end it. */
static void cancel_here(struct lt_task *task)
{
    struct cancel *c = (struct cancel *)task;
    pthread_mutex_t *lock = &c->calls->shards[shard_of(c->id)].lock;
    pthread_mutex_lock(lock);
    struct lt_running *r = find(c->calls, c->id);
    pthread_mutex_unlock(lock);
    if (r)
        lt_fiber_cancel(r->fiber);
    free(c);
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
    struct cancel *c = malloc(sizeof(*c));
    if (!c)
        abort();
    *c = (struct cancel){.task = {.fn = cancel_here}, .calls = calls, .id = id};
    lt_loop_post(loop, &c->task);
    return LT_OK;
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
    pthread_mutex_unlock(lock);
    if (r && r->loop == lt_loop_self())
        r->checkpoint(r);
}

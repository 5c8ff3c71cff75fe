/*
 * Live and just ended streams, by call id. An entry of a stream that has ended lies on the shelf, as its log does: what is kept for a
 * minute must not hold the pages of the heap in which thousands of streams lived.
 */
#include "api/streams.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

enum { SHARDS = 16, BUCKETS = 256, ENDED_PER_SHARD = LT_STREAMS_ENDED_MAX / SHARDS };

struct entry {
    struct entry *next;        /* in its bucket */
    struct entry *next_ended;  /* in the shard's queue, oldest first */
    struct lt_uuid id;
    int64_t site_id;
    struct lt_sse_log *log;
    size_t bytes;
    uint64_t ended_ms;         /* 0: runs */
    size_t user_n;
    char user[];
};

struct shard {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    struct entry *ended_first, *ended_last;
    size_t ended_bytes;
};

struct lt_streams {
    struct shard shards[SHARDS];
    struct lt_shelf *shelf;
    uint32_t kept_ms;
    atomic_int running;
    atomic_bool no_return;
};

/* The last bytes of a UUIDv7 are random. */
static struct shard *shard_of(struct lt_streams *s, struct lt_uuid id)
{
    return &s->shards[id.b[15] % SHARDS];
}

static struct entry **bucket_of(struct shard *shard, struct lt_uuid id)
{
    return &shard->buckets[id.b[14] % BUCKETS];
}

struct lt_streams *lt_streams_new(uint32_t kept_ms)
{
    struct lt_streams *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(0);
    s->shelf = lt_shelf_new();
    s->kept_ms = kept_ms > 0 ? kept_ms : LT_STREAM_KEPT_MS;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&s->shards[i].lock, NULL);
    return s;
}

static void entry_free(struct entry *e)
{
    lt_sse_log_unref(e->log);
    if (e->ended_ms)
        lt_shelf_drop(e);
    else
        free(e);
}

void lt_streams_free(struct lt_streams *s)
{
    if (!s)
        return;
    for (int i = 0; i < SHARDS; i++) {
        for (int b = 0; b < BUCKETS; b++)
            for (struct entry *e = s->shards[i].buckets[b], *next; e; e = next) {
                next = e->next;
                entry_free(e);
            }
        pthread_mutex_destroy(&s->shards[i].lock);
    }
    lt_shelf_free(s->shelf);
    free(s);
}

void lt_streams_add(struct lt_streams *s, struct lt_uuid id, int64_t site_id, struct lt_str user_id, struct lt_sse_log *log)
{
    struct entry *e = malloc(sizeof(*e) + user_id.n);
    if (!e)
        lt_out_of_memory(0);
    *e = (struct entry){.id = id, .site_id = site_id, .log = lt_sse_log_ref(log), .user_n = user_id.n};
    if (user_id.n > 0)
        memcpy(e->user, user_id.p, user_id.n);
    struct shard *shard = shard_of(s, id);
    pthread_mutex_lock(&shard->lock);
    struct entry **bucket = bucket_of(shard, id);
    e->next = *bucket;
    *bucket = e;
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_add(&s->running, 1);
    if (atomic_load(&s->no_return))
        lt_sse_log_no_return(log);
}

void lt_streams_no_return(struct lt_streams *s)
{
    atomic_store(&s->no_return, true);
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        for (int b = 0; b < BUCKETS; b++)
            for (struct entry *e = s->shards[i].buckets[b]; e; e = e->next)
                if (!e->ended_ms)
                    lt_sse_log_no_return(e->log);
        pthread_mutex_unlock(&s->shards[i].lock);
    }
}

static struct entry *find(struct shard *shard, struct lt_uuid id)
{
    for (struct entry *e = *bucket_of(shard, id); e; e = e->next)
        if (lt_uuid_eq(e->id, id))
            return e;
    return NULL;
}

/* Takes the oldest ended entry out of the shard. */
static struct entry *take_oldest(struct shard *shard)
{
    struct entry *e = shard->ended_first;
    shard->ended_first = e->next_ended;
    if (!shard->ended_first)
        shard->ended_last = NULL;
    shard->ended_bytes -= e->bytes;
    struct entry **at = bucket_of(shard, e->id);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    return e;
}

/* Unlinks what is too old or too much; returns it as a list, to be freed without the lock (a log's last reference may do work). */
static struct entry *take_expired(struct shard *shard, uint64_t now, uint32_t kept_ms)
{
    struct entry *list = NULL;
    while (shard->ended_first && (shard->ended_bytes > ENDED_PER_SHARD || shard->ended_first->ended_ms + kept_ms <= now)) {
        struct entry *e = take_oldest(shard);
        e->next = list;
        list = e;
    }
    return list;
}

static void free_list(struct entry *list)
{
    while (list) {
        struct entry *next = list->next;
        entry_free(list);
        list = next;
    }
}

/* What is kept of an entry that runs. */
static struct entry *keep(struct lt_streams *s, const struct entry *running)
{
    size_t n = sizeof(*running) + running->user_n;
    struct entry *e = lt_shelf_put(s->shelf, n);
    *e = (struct entry){.id = running->id, .site_id = running->site_id, .ended_ms = lt_mono_ms(), .user_n = running->user_n};
    memcpy(e->user, running->user, running->user_n);
    e->log = lt_sse_log_keep(running->log, s->shelf);
    e->bytes = n + lt_sse_log_size(e->log);
    return e;
}

/* Puts `e` in the place of the entry that ran, and at the end of the queue. */
static void replace(struct shard *shard, const struct entry *running, struct entry *e)
{
    struct entry **at = bucket_of(shard, e->id);
    while (*at != running)
        at = &(*at)->next;
    e->next = running->next;
    *at = e;
    shard->ended_bytes += e->bytes;
    if (shard->ended_last)
        shard->ended_last->next_ended = e;
    else
        shard->ended_first = e;
    shard->ended_last = e;
}

/* The copy is made without the lock: nobody else takes away or changes an entry that runs, but for its `next`. */
void lt_streams_ended(struct lt_streams *s, struct lt_uuid id)
{
    struct shard *shard = shard_of(s, id);
    pthread_mutex_lock(&shard->lock);
    struct entry *running = find(shard, id);
    pthread_mutex_unlock(&shard->lock);
    if (!running || running->ended_ms)
        return;
    struct entry *e = keep(s, running);
    pthread_mutex_lock(&shard->lock);
    replace(shard, running, e);
    struct entry *expired = take_expired(shard, e->ended_ms, s->kept_ms);
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_sub(&s->running, 1);
    entry_free(running);
    free_list(expired);
}

struct lt_sse_log *lt_streams_find(struct lt_streams *s, struct lt_uuid id, int64_t site_id, struct lt_str user_id, bool *ret_owner,
                                   bool *ret_running)
{
    struct shard *shard = shard_of(s, id);
    struct lt_sse_log *log = NULL;
    pthread_mutex_lock(&shard->lock);
    struct entry *e = find(shard, id);
    if (e && e->site_id == site_id && (!e->ended_ms || e->ended_ms + s->kept_ms > lt_mono_ms())) {
        log = lt_sse_log_ref(e->log);
        *ret_owner = lt_str_eq(user_id, (struct lt_str){e->user, e->user_n});
        *ret_running = e->ended_ms == 0;
    }
    pthread_mutex_unlock(&shard->lock);
    return log;
}

void lt_streams_sweep(struct lt_streams *s)
{
    uint64_t now = lt_mono_ms();
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        struct entry *expired = take_expired(&s->shards[i], now, s->kept_ms);
        pthread_mutex_unlock(&s->shards[i].lock);
        free_list(expired);
    }
}

/* Takes what has ended of a user out of the shard, as a list. */
static struct entry *take_of_user(struct shard *shard, int64_t site_id, struct lt_str user_id)
{
    struct entry *list = NULL, *last = NULL;
    for (struct entry **at = &shard->ended_first; *at;) {
        struct entry *e = *at;
        if (e->site_id != site_id || !lt_str_eq(user_id, (struct lt_str){e->user, e->user_n})) {
            last = e;
            at = &e->next_ended;
            continue;
        }
        *at = e->next_ended;
        shard->ended_bytes -= e->bytes;
        struct entry **in_bucket = bucket_of(shard, e->id);
        while (*in_bucket != e)
            in_bucket = &(*in_bucket)->next;
        *in_bucket = e->next;
        e->next = list;
        list = e;
    }
    shard->ended_last = last;
    return list;
}

void lt_streams_forget(struct lt_streams *s, int64_t site_id, struct lt_str user_id)
{
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        struct entry *list = take_of_user(&s->shards[i], site_id, user_id);
        pthread_mutex_unlock(&s->shards[i].lock);
        free_list(list);
    }
}

int lt_streams_running(struct lt_streams *s)
{
    return atomic_load(&s->running);
}

size_t lt_streams_running_of(struct lt_streams *s, int64_t site_id)
{
    size_t n = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        for (size_t b = 0; b < BUCKETS; b++)
            for (struct entry *e = s->shards[i].buckets[b]; e; e = e->next)
                n += e->site_id == site_id && e->ended_ms == 0;
        pthread_mutex_unlock(&s->shards[i].lock);
    }
    return n;
}

/*
 * Counters in hash tables, one for each of some shards; a site is in one of them, so that one lock makes all counters of a call one.
 */
#include "core/ledger_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/erased_user.h"
#include "core/quota.h"

enum { SHARDS = 32, BUCKETS_FIRST = 64 };

struct shard {
    pthread_mutex_t lock;
    struct lt_counter **buckets;
    size_t buckets_n, n;
    struct lt_periods periods;
} __attribute__((aligned(64)));

struct lt_ledger {
    struct shard shards[SHARDS];
    atomic_size_t n;
    struct lt_erased_users *erased;
    struct lt_quota *quota;
};

struct lt_ledger *lt_ledger_new(void)
{
    struct lt_ledger *l = aligned_alloc(64, sizeof(*l));
    if (!l)
        lt_out_of_memory(0);
    memset(l, 0, sizeof(*l));
    l->erased = lt_erased_users_new();
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &l->shards[i];
        pthread_mutex_init(&s->lock, NULL);
        s->buckets_n = BUCKETS_FIRST;
        s->buckets = calloc(s->buckets_n, sizeof(*s->buckets));
        if (!s->buckets)
            lt_out_of_memory(0);
    }
    return l;
}

static void counter_free(struct lt_counter *c)
{
    free(c->ring);
    free(c);
}

void lt_ledger_free(struct lt_ledger *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &l->shards[i];
        for (size_t b = 0; b < s->buckets_n; b++)
            for (struct lt_counter *c = s->buckets[b], *next; c; c = next) {
                next = c->next;
                counter_free(c);
            }
        free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    lt_erased_users_free(l->erased);
    free(l);
}

struct lt_erased_users *lt_ledger_erased(struct lt_ledger *l)
{
    return l->erased;
}

void lt_ledger_share(struct lt_ledger *l, struct lt_quota *quota)
{
    l->quota = quota;
}

struct lt_quota *lt_ledger_quota(const struct lt_ledger *l)
{
    return l->quota;
}

static struct shard *enter(struct lt_ledger *l, int64_t site_id)
{
    struct shard *s = &l->shards[(uint64_t)site_id % SHARDS];
    pthread_mutex_lock(&s->lock);
    return s;
}

static void leave(struct shard *s)
{
    pthread_mutex_unlock(&s->lock);
}

/* ---- the table ---- */

static uint64_t hash_of(int64_t limit_id, struct lt_str key)
{
    return lt_hash64(LT_HASH64_START ^ ((uint64_t)limit_id * UINT64_C(0x9E3779B97F4A7C15)), key.p, key.n);
}

static struct lt_counter *find(const struct shard *s, uint64_t hash, int64_t limit_id, struct lt_str key)
{
    struct lt_counter *c = s->buckets[hash & (s->buckets_n - 1)];
    while (c && !(c->hash == hash && c->limit_id == limit_id && lt_str_eq((struct lt_str){c->key, c->key_n}, key)))
        c = c->next;
    return c;
}

static void grow(struct shard *s)
{
    size_t n = s->buckets_n * 2;
    struct lt_counter **buckets = calloc(n, sizeof(*buckets));
    if (!buckets)
        return; /* longer chains */
    for (size_t b = 0; b < s->buckets_n; b++)
        for (struct lt_counter *c = s->buckets[b], *next; c; c = next) {
            next = c->next;
            c->next = buckets[c->hash & (n - 1)];
            buckets[c->hash & (n - 1)] = c;
        }
    free(s->buckets);
    s->buckets = buckets;
    s->buckets_n = n;
}

static struct lt_counter *counter_new(int64_t site_id, const struct lt_limit *limit, struct lt_str key, uint64_t hash)
{
    struct lt_counter *c = calloc(1, sizeof(*c) + key.n);
    if (!c || (limit->window == LT_WINDOW_SLIDING && !(c->ring = calloc(LT_LEDGER_RING, sizeof(*c->ring)))))
        lt_out_of_memory(0);
    c->hash = hash;
    c->site_id = site_id;
    c->limit_id = limit->id;
    c->slot = LT_NO_SLOT;
    c->calendar = limit->window >= LT_WINDOW_DAY;
    c->key_n = key.n;
    memcpy(c->key, key.p, key.n);
    for (size_t i = 0; c->ring && i < LT_LEDGER_RING; i++)
        c->ring[i].slot = LT_NO_SLOT;
    return c;
}

/* NULL: there are too many. */
static struct lt_counter *find_or_make(struct lt_ledger *l, struct shard *s, int64_t site_id, const struct lt_limit *limit, struct lt_str key)
{
    uint64_t hash = hash_of(limit->id, key);
    struct lt_counter *c = find(s, hash, limit->id, key);
    if (c)
        return c;
    if (atomic_fetch_add(&l->n, 1) >= LT_LEDGER_COUNTERS_MAX) {
        atomic_fetch_sub(&l->n, 1);
        return NULL;
    }
    if (++s->n > s->buckets_n)
        grow(s);
    c = counter_new(site_id, limit, key, hash);
    c->next = s->buckets[hash & (s->buckets_n - 1)];
    s->buckets[hash & (s->buckets_n - 1)] = c;
    return c;
}

/* ---- reserving and settling ---- */

/* The first of them that cannot be had; n when all can. */
static size_t first_denied(struct lt_counter *const *counters, const struct lt_ask *asks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (asks[i].limit->when_spent != LT_SPENT_NOTICE && asks[i].amount > 0 && asks[i].amount > asks[i].limit->amount - counters[i]->used)
            return i; /* nothing can be had also of what is overdrawn */
    return n;
}

static enum lt_code reserve(struct lt_ledger *l, struct shard *s, int64_t site_id, struct lt_str zone, int64_t now, const struct lt_ask *asks,
                            size_t n, struct lt_hold *ret, struct lt_denial *denial)
{
    struct lt_counter *counters[LT_LIMITS_OF_CALL_MAX];
    for (size_t i = 0; i < n; i++) {
        counters[i] = find_or_make(l, s, site_id, asks[i].limit, asks[i].key);
        if (!counters[i])
            return LT_EOVERLOADED;
        lt_counter_advance(&s->periods, counters[i], asks[i].limit, zone, now);
    }
    size_t denied = first_denied(counters, asks, n);
    if (denied < n) {
        const struct lt_limit *limit = asks[denied].limit;
        *denial = (struct lt_denial){denied, counters[denied]->used, lt_counter_retry_in(counters[denied], limit, now, asks[denied].amount)};
        return LT_ERATE_LIMITED;
    }
    for (size_t i = 0; i < n; i++) {
        ret[i] = (struct lt_hold){0};
        if (asks[i].look)
            continue;
        lt_counter_add(counters[i], asks[i].limit, now, asks[i].amount, &ret[i]);
        counters[i]->held++;
    }
    return LT_OK;
}

enum lt_code lt_ledger_reserve(struct lt_ledger *l, int64_t site_id, struct lt_str zone, int64_t now, const struct lt_ask *asks, size_t n,
                               struct lt_hold *ret, struct lt_denial *denial)
{
    if (n == 0)
        return LT_OK;
    if (n > LT_LIMITS_OF_CALL_MAX)
        return LT_EOVERLOADED;
    struct shard *s = enter(l, site_id);
    enum lt_code rc = reserve(l, s, site_id, zone, now, asks, n, ret, denial);
    leave(s);
    return rc;
}

int64_t lt_ledger_settle(struct lt_ledger *l, int64_t site_id, const struct lt_limit *limit, struct lt_hold *hold, int64_t real,
                         enum lt_mark *ret_mark)
{
    struct lt_counter *c = hold->counter;
    int64_t difference = real - hold->amount;
    if (ret_mark)
        *ret_mark = LT_MARK_NONE;
    if (!c)
        return 0;
    struct shard *s = enter(l, site_id);
    struct lt_slice *slice = c->ring ? lt_slice_of(c, limit, hold->slot) : NULL;
    if (slice ? slice->slot == hold->slot : c->slot == hold->slot) {
        c->used += difference;
        if (slice)
            slice->used += difference;
        if (limit->window == LT_WINDOW_FIXED && real == 0 && c->used == 0) /* what was given back has begun nothing */
            lt_counter_begin(c, LT_NO_SLOT, 0);
        else if (ret_mark)
            *ret_mark = lt_counter_mark(c, limit);
    }
    if (limit->unit != LT_LIMIT_REQUESTS)
        c->reserved -= hold->amount;
    c->held--;
    leave(s);
    *hold = (struct lt_hold){0};
    return difference;
}

/* ---- looking, loading, sweeping ---- */

struct lt_use lt_ledger_look(struct lt_ledger *l, int64_t site_id, struct lt_str zone, int64_t now, const struct lt_limit *limit,
                             struct lt_str key)
{
    struct lt_use use = {0};
    struct lt_error err;
    if (l->quota) {
        if (lt_quota_look(l->quota, limit, key, &use, &err))
            lt_log_error("limits.look", &err);
        return use;
    }
    struct shard *s = enter(l, site_id);
    struct lt_counter *c = find(s, hash_of(limit->id, key), limit->id, key);
    if (c) {
        lt_counter_advance(&s->periods, c, limit, zone, now);
        use.used = c->used;
        use.resets_at = c->slot == LT_NO_SLOT ? 0 : c->ends_at;
        for (size_t i = 0; c->ring && i < LT_LEDGER_RING; i++)
            if (c->ring[i].used > 0 && lt_slice_ends(limit, c->ring[i].slot) < use.resets_at)
                use.resets_at = lt_slice_ends(limit, c->ring[i].slot);
        if (c->used == 0)
            use.resets_at = 0;
    }
    leave(s);
    return use;
}

void lt_ledger_load(struct lt_ledger *l, int64_t site_id, const struct lt_limit *limit, struct lt_str key, int64_t slot, int64_t ends_at,
                    int64_t used)
{
    struct shard *s = enter(l, site_id);
    struct lt_counter *c = find_or_make(l, s, site_id, limit, key);
    if (c && c->ring && slot >= 0) {
        struct lt_slice *slice = lt_slice_of(c, limit, slot);
        if (slice->slot < slot) {
            c->used += used - slice->used;
            *slice = (struct lt_slice){slot, used};
        }
        if (c->slot < slot) {
            c->slot = slot;
            c->ends_at = ends_at;
        }
    } else if (c && !c->ring && c->slot < slot) {
        lt_counter_begin(c, slot, ends_at);
        c->used = used;
    }
    if (c) /* what was told before is not told again */
        lt_counter_mark(c, limit);
    leave(s);
}

/* Of one bucket. */
static void sweep(struct lt_ledger *l, struct shard *s, struct lt_counter **at, int64_t now)
{
    while (*at) {
        struct lt_counter *c = *at;
        bool unused = c->slot == LT_NO_SLOT || (c->calendar && c->used == 0); /* a day goes on also where nothing is used */
        if (c->held > 0 || (!unused && now < c->ends_at)) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        counter_free(c);
        s->n--;
        atomic_fetch_sub(&l->n, 1);
    }
}

/* The lock is given away every so many buckets: calls do not wait for a whole shard. */
void lt_ledger_sweep(struct lt_ledger *l, int64_t now)
{
    enum { AT_ONCE = 1024 };
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &l->shards[i];
        bool more = true;
        for (size_t b = 0; more;) {
            pthread_mutex_lock(&s->lock);
            for (size_t k = 0; k < AT_ONCE && b < s->buckets_n; k++, b++)
                sweep(l, s, &s->buckets[b], now);
            more = b < s->buckets_n;
            leave(s);
        }
    }
}

size_t lt_ledger_counters(struct lt_ledger *l)
{
    return atomic_load(&l->n);
}

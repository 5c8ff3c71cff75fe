/*
 * Failed attempts by address, as the generic cell rate algorithm has it: of each address only the time is kept at which all its failures
 * will be forgotten; a failure puts it off by a pause.
 */
#include "api/sign_in.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/secret.h"

enum { SHARDS = 64, BUCKETS = 32, WAYS = 8, /* 16,384 addresses, 512 KiB */ KNOWN = 16384 };

struct address {
    struct lt_ip ip;
    uint64_t clean_ms; /* monotonic; free when it is over */
    bool told;         /* that it is to wait */
};

struct lt_sign_ins {
    struct lt_sign_ins_options options;
    uint64_t seed; /* so that nobody can choose addresses or names that share a place */
    atomic_ulong failed, refused;
    pthread_mutex_t locks[SHARDS];
    struct address buckets[SHARDS][BUCKETS][WAYS]; /* away from the locks: memory is taken for those who failed alone */
    _Atomic uint64_t known[KNOWN]; /* 0: nobody */
};

struct lt_sign_ins *lt_sign_ins_new(const struct lt_sign_ins_options *options)
{
    struct lt_sign_ins *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(0);
    s->options = *options;
    lt_random(&s->seed, sizeof(s->seed));
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&s->locks[i], NULL);
    return s;
}

void lt_sign_ins_free(struct lt_sign_ins *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&s->locks[i]);
    free(s);
}

/* ---- addresses ---- */

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* One user has a /64 of IPv6 to himself. */
static struct lt_ip network_of(const struct lt_ip *ip)
{
    struct lt_ip network = *ip;
    if (!lt_ip_is_v4(ip))
        memset(network.b + 8, 0, 8);
    return network;
}

/* The address's bucket; its shard's lock is taken. */
static struct address *bucket_of(struct lt_sign_ins *s, const struct lt_ip *ip, pthread_mutex_t **ret_lock)
{
    uint64_t h = mix(lt_hash64(LT_HASH64_START ^ s->seed, ip->b, sizeof(ip->b)));
    *ret_lock = &s->locks[h % SHARDS];
    pthread_mutex_lock(*ret_lock);
    return s->buckets[h % SHARDS][h / SHARDS % BUCKETS];
}

/* NULL: nothing is held against it. */
static struct address *find(struct address *bucket, const struct lt_ip *ip, uint64_t now)
{
    for (size_t i = 0; i < WAYS; i++)
        if (bucket[i].clean_ms > now && memcmp(&bucket[i].ip, ip, sizeof(*ip)) == 0)
            return &bucket[i];
    return NULL;
}

/* Its place, or that of the one that is forgotten first. */
static struct address *find_or_take(struct address *bucket, const struct lt_ip *ip, uint64_t now)
{
    struct address *a = find(bucket, ip, now);
    if (a)
        return a;
    a = bucket;
    for (size_t i = 1; i < WAYS; i++)
        if (bucket[i].clean_ms < a->clean_ms)
            a = &bucket[i];
    *a = (struct address){.ip = *ip, .clean_ms = now};
    return a;
}

/* How long until it may fail once more. */
static uint64_t wait_ms(const struct lt_sign_ins *s, const struct address *a, uint64_t now)
{
    uint64_t room = (uint64_t)(s->options.failures - 1) * (uint64_t)s->options.pause_s * 1000;
    return a && a->clean_ms > now + room ? a->clean_ms - now - room : 0;
}

int lt_sign_ins_wait(struct lt_sign_ins *s, const struct lt_ip *ip, uint64_t now)
{
    pthread_mutex_t *lock;
    struct lt_ip network = network_of(ip);
    if (s->options.failures <= 0)
        return 0;
    struct address *bucket = bucket_of(s, &network, &lock);
    uint64_t ms = wait_ms(s, find(bucket, &network, now), now);
    pthread_mutex_unlock(lock);
    if (ms > 0)
        atomic_fetch_add_explicit(&s->refused, 1, memory_order_relaxed);
    return (int)((ms + 999) / 1000);
}

bool lt_sign_ins_failed(struct lt_sign_ins *s, const struct lt_ip *ip, uint64_t now)
{
    pthread_mutex_t *lock;
    struct lt_ip network = network_of(ip);
    uint64_t pause = (uint64_t)s->options.pause_s * 1000;
    atomic_fetch_add_explicit(&s->failed, 1, memory_order_relaxed);
    if (s->options.failures <= 0)
        return false;
    struct address *a = find_or_take(bucket_of(s, &network, &lock), &network, now);
    uint64_t most = now + (uint64_t)s->options.failures * pause; /* many may fail at once, on several loops */
    a->clean_ms = a->clean_ms + pause < most ? a->clean_ms + pause : most;
    bool news = !a->told && wait_ms(s, a, now) > 0;
    a->told |= news;
    pthread_mutex_unlock(lock);
    return news;
}

/* ---- who is known ---- */

static uint64_t add(uint64_t h, struct lt_str s)
{
    uint64_t n = s.n;
    return lt_hash64(lt_hash64(h, &n, sizeof(n)), s.p, s.n);
}

uint64_t lt_sign_ins_who(const struct lt_sign_ins *s, const struct lt_ip *ip, struct lt_str iss, struct lt_str aud, struct lt_str user)
{
    struct lt_ip network = network_of(ip);
    uint64_t h = lt_hash64(LT_HASH64_START ^ s->seed, network.b, sizeof(network.b));
    h = mix(add(add(add(h, iss), aud), user));
    return h ? h : 1;
}

void lt_sign_ins_keep(struct lt_sign_ins *s, uint64_t who)
{
    _Atomic uint64_t *at = &s->known[who % KNOWN];
    if (atomic_load_explicit(at, memory_order_relaxed) != who)
        atomic_store_explicit(at, who, memory_order_relaxed);
}

bool lt_sign_ins_known(const struct lt_sign_ins *s, uint64_t who)
{
    return atomic_load_explicit(&s->known[who % KNOWN], memory_order_relaxed) == who;
}

void lt_sign_ins_forget(struct lt_sign_ins *s, uint64_t who)
{
    atomic_compare_exchange_strong(&s->known[who % KNOWN], &who, 0);
}

void lt_sign_ins_counts(struct lt_sign_ins *s, uint64_t *ret_failed, uint64_t *ret_refused)
{
    *ret_failed = atomic_load(&s->failed);
    *ret_refused = atomic_load(&s->refused);
}

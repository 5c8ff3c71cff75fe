/* Connections of a process, and of each client address. */
#include "io/http_limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/secret.h"

enum { SHARDS = 64, BUCKETS = 64 };

struct lt_http_guest {
    struct lt_http_guest *next; /* in its bucket */
    struct lt_ip ip;
    int connections;            /* under the shard's lock; at 0 the entry goes */
};

struct shard {
    pthread_mutex_t lock;
    struct lt_http_guest *buckets[BUCKETS];
};

struct lt_http_limits {
    struct lt_http_limits_options options;
    atomic_int connections;
    atomic_ulong refused;
    atomic_ulong closed[LT_HTTP_CLOSED_COUNT];
    uint64_t seed; /* so that nobody can choose addresses that share a bucket */
    struct shard shards[SHARDS];
    struct lt_network trusted[];
};

struct lt_http_limits *lt_http_limits_new(const struct lt_http_limits_options *options)
{
    size_t trusted_size = options->trusted_n * sizeof(struct lt_network);
    struct lt_http_limits *l = calloc(1, sizeof(*l) + trusted_size);
    if (!l)
        lt_out_of_memory(0);
    l->options = *options;
    if (trusted_size > 0)
        memcpy(l->trusted, options->trusted, trusted_size);
    lt_random(&l->seed, sizeof(l->seed));
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&l->shards[i].lock, NULL);
    return l;
}

void lt_http_limits_free(struct lt_http_limits *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&l->shards[i].lock);
    free(l);
}

static bool exempt(const struct lt_http_limits *l, const struct lt_ip *ip)
{
    static const struct lt_ip here[] = {{{[10] = 0xff, 0xff, 127, 0, 0, 1}}, {{[15] = 1}}};
    if (memcmp(ip, &here[0], sizeof(*ip)) == 0 || memcmp(ip, &here[1], sizeof(*ip)) == 0)
        return true;
    for (size_t i = 0; i < l->options.trusted_n; i++)
        if (lt_network_has(&l->trusted[i], ip))
            return true;
    return false;
}

static uint64_t hash(const struct lt_http_limits *l, const struct lt_ip *ip)
{
    uint64_t h = lt_hash64(LT_HASH64_START ^ l->seed, ip->b, sizeof(ip->b));
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* Where the address's entry is, or would be; its shard is locked. */
static struct lt_http_guest **find(struct lt_http_limits *l, const struct lt_ip *ip, struct shard **ret_shard)
{
    uint64_t h = hash(l, ip);
    *ret_shard = &l->shards[h % SHARDS];
    struct lt_http_guest **at = &(*ret_shard)->buckets[h / SHARDS % BUCKETS];
    pthread_mutex_lock(&(*ret_shard)->lock);
    while (*at && memcmp(&(*at)->ip, ip, sizeof(*ip)) != 0)
        at = &(*at)->next;
    return at;
}

/* NULL when the address has as many as it may. */
static struct lt_http_guest *count_in(struct lt_http_limits *l, const struct lt_ip *ip)
{
    struct shard *shard;
    struct lt_http_guest **at = find(l, ip, &shard), *guest = *at;
    if (!guest) {
        guest = *at = calloc(1, sizeof(*guest));
        if (!guest)
            lt_out_of_memory(0);
        guest->ip = *ip;
    }
    if (guest->connections < l->options.per_address)
        guest->connections++;
    else
        guest = NULL;
    pthread_mutex_unlock(&shard->lock);
    return guest;
}

static void count_out(struct lt_http_limits *l, const struct lt_ip *ip)
{
    struct shard *shard;
    struct lt_http_guest **at = find(l, ip, &shard), *guest = *at;
    if (--guest->connections == 0) {
        *at = guest->next;
        free(guest);
    }
    pthread_mutex_unlock(&shard->lock);
}

/* One more of the process. False: it has as many as it may. */
static bool take_place(struct lt_http_limits *l)
{
    int n = atomic_load(&l->connections);
    do {
        if (l->options.connections > 0 && n >= l->options.connections)
            return false;
    } while (!atomic_compare_exchange_weak(&l->connections, &n, n + 1));
    return true;
}

const char *lt_http_limits_enter(struct lt_http_limits *l, const struct sockaddr *peer, struct lt_http_guest **ret,
                                 enum lt_http_closed *ret_why)
{
    struct lt_ip ip;
    *ret = NULL;
    *ret_why = LT_HTTP_CLOSED_MANY;
    if (!take_place(l)) {
        atomic_fetch_add(&l->refused, 1);
        return "too many connections";
    }
    if (l->options.per_address <= 0 || !lt_ip_of(peer, &ip) || exempt(l, &ip))
        return NULL;
    if (!lt_ip_is_v4(&ip))
        memset(ip.b + 8, 0, 8);
    *ret = count_in(l, &ip);
    if (*ret)
        return NULL;
    atomic_fetch_sub(&l->connections, 1);
    atomic_fetch_add(&l->refused, 1);
    *ret_why = LT_HTTP_CLOSED_ADDRESS;
    return "too many connections from this address";
}

void lt_http_limits_leave(struct lt_http_limits *l, struct lt_http_guest *guest)
{
    if (guest) {
        struct lt_ip ip = guest->ip;
        count_out(l, &ip);
    }
    atomic_fetch_sub(&l->connections, 1);
}

void lt_http_limits_counts(struct lt_http_limits *l, uint64_t *ret_connections, uint64_t *ret_refused)
{
    *ret_connections = (uint64_t)atomic_load(&l->connections);
    *ret_refused = atomic_load(&l->refused);
}

const char *lt_http_closed_name(enum lt_http_closed reason)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        LT_HTTP_CLOSED(X)
#undef X
    };
    return names[reason];
}

void lt_http_limits_closed(struct lt_http_limits *l, enum lt_http_closed reason)
{
    atomic_fetch_add_explicit(&l->closed[reason], 1, memory_order_relaxed);
}

uint64_t lt_http_limits_closed_count(struct lt_http_limits *l, enum lt_http_closed reason)
{
    return atomic_load_explicit(&l->closed[reason], memory_order_relaxed);
}

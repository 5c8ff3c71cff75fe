/* A hash table that only grows; without anybody in it a look costs one load. */
#include "core/erased_user.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"

enum { BUCKETS = 4096 };

struct erased {
    struct erased *next;
    int64_t site_id;
    char key[LT_ERASED_KEY];
};

struct lt_erased_users {
    pthread_mutex_t lock;
    atomic_size_t n;
    struct erased *buckets[BUCKETS];
};

struct lt_erased_users *lt_erased_users_new(void)
{
    struct lt_erased_users *u = calloc(1, sizeof(*u));
    if (!u)
        lt_out_of_memory(0);
    pthread_mutex_init(&u->lock, NULL);
    return u;
}

void lt_erased_users_free(struct lt_erased_users *u)
{
    for (size_t b = 0; u && b < BUCKETS; b++)
        for (struct erased *e = u->buckets[b], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    if (u)
        pthread_mutex_destroy(&u->lock);
    free(u);
}

/* Under the lock. */
static struct erased **find(struct lt_erased_users *u, int64_t site_id, const char *key)
{
    uint64_t hash = lt_hash64(LT_HASH64_START ^ (uint64_t)site_id, key, LT_ERASED_KEY);
    struct erased **at = &u->buckets[hash % BUCKETS];
    while (*at && !((*at)->site_id == site_id && memcmp((*at)->key, key, LT_ERASED_KEY) == 0))
        at = &(*at)->next;
    return at;
}

void lt_erased_add(struct lt_erased_users *u, int64_t site_id, struct lt_str key)
{
    if (key.n != LT_ERASED_KEY || atomic_load(&u->n) >= LT_ERASED_MAX)
        return;
    pthread_mutex_lock(&u->lock);
    struct erased **at = find(u, site_id, key.p);
    if (!*at && (*at = calloc(1, sizeof(**at)))) {
        (*at)->site_id = site_id;
        memcpy((*at)->key, key.p, LT_ERASED_KEY);
        atomic_fetch_add(&u->n, 1);
    }
    pthread_mutex_unlock(&u->lock);
}

void lt_erased_key(const struct lt_site *site, struct lt_str user_id, char ret[LT_ERASED_KEY + 1])
{
    uint8_t digest[32];
    lt_hmac_key_sign(&site->user_key, user_id.p, user_id.n, digest);
    ret[0] = LT_ERASED_MARK;
    lt_hex(digest, (LT_ERASED_KEY - 1) / 2, ret + 1);
}

struct lt_str lt_erased_name(struct lt_erased_users *u, struct lt_arena *arena, const struct lt_site *site, struct lt_str user_id)
{
    char key[LT_ERASED_KEY + 1];
    if (user_id.n == 0 || atomic_load_explicit(&u->n, memory_order_acquire) == 0)
        return user_id;
    lt_erased_key(site, user_id, key);
    pthread_mutex_lock(&u->lock);
    bool erased = *find(u, site->id, key) != NULL;
    pthread_mutex_unlock(&u->lock);
    return erased ? lt_str_copy(arena, (struct lt_str){key, LT_ERASED_KEY}) : user_id;
}

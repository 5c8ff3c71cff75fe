/* A list; the last one that came is the first that goes. */
#include "api/unkept.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

struct key {
    struct key *next;
    struct lt_arena *arena; /* it lies here */
    struct lt_key_id id;
    struct lt_str state, call_id;
};

struct lt_unkept {
    pthread_mutex_t lock;
    struct key *first;
    _Atomic size_t n;
};

struct lt_unkept *lt_unkept_new(void)
{
    struct lt_unkept *u = calloc(1, sizeof(*u));
    if (!u)
        lt_out_of_memory(0);
    pthread_mutex_init(&u->lock, NULL);
    return u;
}

static void put(struct lt_unkept *u, struct key *k)
{
    pthread_mutex_lock(&u->lock);
    k->next = u->first;
    u->first = k;
    atomic_fetch_add(&u->n, 1);
    pthread_mutex_unlock(&u->lock);
}

static struct key *take(struct lt_unkept *u)
{
    pthread_mutex_lock(&u->lock);
    struct key *k = u->first;
    if (k) {
        u->first = k->next;
        atomic_fetch_sub(&u->n, 1);
    }
    pthread_mutex_unlock(&u->lock);
    return k;
}

void lt_unkept_free(struct lt_unkept *u)
{
    for (struct key *k; (k = take(u));)
        lt_arena_free(k->arena);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

bool lt_unkept_add(struct lt_unkept *u, const struct lt_key_id *id, struct lt_str state, struct lt_str call_id)
{
    if (atomic_load(&u->n) >= LT_UNKEPT_MAX)
        return false;
    struct lt_arena *arena = lt_arena_new();
    struct key *k = LT_NEW(arena, struct key);
    *k = (struct key){.arena = arena,
                                .id = {id->site_id, lt_str_copy(arena, id->caller), lt_str_copy(arena, id->name)},
                                .state = lt_str_copy(arena, state),
                                .call_id = lt_str_copy(arena, call_id)};
    put(u, k);
    return true;
}

static enum lt_code write_one(const struct key *k, struct lt_store *store, struct lt_error *err)
{
    const struct lt_kept made = {.state = k->state, .form = LT_STR("whole"), .type = LT_STR(""), .fields = LT_STR(""), .body = LT_STR_NULL};
    return k->state.n > 0 ? lt_key_keep(store, &k->id, &made, err) : lt_key_settle(store, &k->id, k->call_id, err);
}

enum lt_code lt_unkept_write(struct lt_unkept *u, struct lt_store *store, struct lt_error *err)
{
    size_t written = 0;
    enum lt_code rc = LT_OK;
    if (atomic_load_explicit(&u->n, memory_order_relaxed) == 0)
        return LT_OK;
    for (struct key *k; rc == LT_OK && (k = take(u));) {
        rc = write_one(k, store, err);
        if (rc == LT_ESTORE) {
            put(u, k);
            break;
        }
        lt_arena_free(k->arena);
        written += rc == LT_OK;
    }
    if (written > 0)
        lt_log(LT_LOG_INFO, "idempotency.kept_late", LT_I("keys", written));
    return rc;
}

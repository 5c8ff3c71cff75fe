/* The last one that came is the first that goes: all of them wait for the same thing. */
#include "core/unended.h"

#include <stdlib.h>

#include "base/memory.h"

void lt_unended_init(struct lt_unended *u)
{
    *u = (struct lt_unended){0};
    pthread_mutex_init(&u->lock, NULL);
}

void lt_unended_destroy(struct lt_unended *u)
{
    pthread_mutex_destroy(&u->lock);
    free(u->ids);
}

bool lt_unended_add(struct lt_unended *u, struct lt_uuid id)
{
    pthread_mutex_lock(&u->lock);
    if (!u->ids && !(u->ids = malloc(LT_UNENDED_MAX * sizeof(*u->ids))))
        lt_out_of_memory(0);
    size_t n = atomic_load(&u->n);
    bool room = n < LT_UNENDED_MAX;
    if (room) {
        u->ids[n] = id;
        atomic_store(&u->n, n + 1);
    } else {
        atomic_store(&u->overflowed, true);
    }
    pthread_mutex_unlock(&u->lock);
    return room;
}

bool lt_unended_none(const struct lt_unended *u)
{
    return atomic_load(&u->n) == 0 && !atomic_load(&u->overflowed);
}

bool lt_unended_take(struct lt_unended *u, struct lt_uuid *ret)
{
    if (atomic_load_explicit(&u->n, memory_order_relaxed) == 0)
        return false;
    pthread_mutex_lock(&u->lock);
    size_t n = atomic_load(&u->n);
    if (n > 0) {
        *ret = u->ids[n - 1];
        atomic_store(&u->n, n - 1);
    }
    pthread_mutex_unlock(&u->lock);
    return n > 0;
}

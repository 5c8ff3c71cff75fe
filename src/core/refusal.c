/* A small table of counters per second. */
#include "core/refusal.h"

#include "base/clock.h"

void lt_refusals_init(struct lt_refusals *r)
{
    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
}

void lt_refusals_destroy(struct lt_refusals *r)
{
    pthread_mutex_destroy(&r->lock);
}

bool lt_refusals_admit(struct lt_refusals *r, int64_t site_id, struct lt_str user, int per_second)
{
    uint64_t who = lt_hash64(LT_HASH64_START ^ (uint64_t)site_id, user.p, user.n);
    int64_t second = lt_now_ms() / 1000;
    size_t slot = who % LT_REFUSAL_SLOTS;
    pthread_mutex_lock(&r->lock);
    if (r->slots[slot].second != second) {
        r->slots[slot].second = second;
        r->slots[slot].count = 0;
    }
    bool admitted = r->slots[slot].count++ < per_second;
    pthread_mutex_unlock(&r->lock);
    if (!admitted)
        atomic_fetch_add(&r->dropped, 1);
    return admitted;
}

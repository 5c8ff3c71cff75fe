/* Leases: given, used, given back. */
#include <stdio.h>

#include "base/log.h"
#include "plugin/service_private.h"

enum { TRIES = 8 }; /* while builds are replaced under our hands */

/* The first few names that a component asks for without declaring them are logged, once each. */
static enum lt_service_status undeclared(struct lt_component *c, struct lt_str service)
{
    uint64_t hash = lt_hash64(LT_HASH64_START, service.p, service.n) | 1;
    for (int i = 0; i < UNDECLARED_NOTED; i++) {
        uint_fast64_t none = 0;
        if (atomic_load_explicit(&c->undeclared[i], memory_order_relaxed) == hash)
            break;
        if (atomic_compare_exchange_strong(&c->undeclared[i], &none, hash)) {
            lt_log(LT_LOG_WARN, "service.undeclared", LT_SS("component", c->name), LT_SS("service", service),
                   LT_I("generation", (int64_t)atomic_load(&c->services->generation)));
            break;
        }
        if (none == hash)
            break;
    }
    return LT_SERVICE_UNDECLARED;
}

static struct lt_str copy(struct lt_lease *l, size_t *at, struct lt_str s)
{
    if (s.n > 0)
        memcpy(l->text + *at, s.p, s.n);
    struct lt_str kept = {l->text + *at, s.n};
    *at += s.n;
    return kept;
}

static bool fits(const struct lt_caller *caller, const struct lt_place *place)
{
    size_t n = caller->site->slug.n + caller->user_id.n;
    if (place)
        n += place->course_id.n + place->location_id.n + place->placement.n;
    return n <= sizeof(((struct lt_lease *)NULL)->text);
}

static void fill(struct lt_lease *l, const struct question *q, struct lt_build *b, struct slot *slot)
{
    static const struct lt_place nowhere;
    const struct lt_place *place = q->place ? q->place : &nowhere;
    size_t at = 0;
    l->build = b;
    l->slot = slot;
    l->instance = slot->instance;
    l->entry = &b->entry;
    l->roles = q->caller->roles;
    l->generation = atomic_load_explicit(&b->services->generation, memory_order_relaxed);
    l->site = copy(l, &at, q->site->slug);
    l->user_id = copy(l, &at, q->caller->user_id);
    l->course_id = copy(l, &at, place->course_id);
    l->location_id = copy(l, &at, place->location_id);
    l->placement = copy(l, &at, place->placement);
}

/* Under b->lock. */
static enum lt_service_status open_slot(struct lt_build *b, struct slot *slot)
{
    struct lt_error err = {0};
    enum lt_code rc = LT_OK;
    slot->instance = b->offer.ctx;
    if (b->offer.open)
        rc = b->offer.open(b->offer.ctx, slot->site, &slot->instance, &err);
    if (rc == LT_EAGAIN)
        return LT_SERVICE_BUSY;
    slot->opened = rc == LT_OK;
    if (slot->opened)
        return LT_SERVICE_OK;
    lt_build_fault(b, slot, err.detail[0] ? err.detail : lt_code_name(rc));
    lt_service_changed(b->services, b->name);
    return LT_SERVICE_FAULTED;
}

/* GONE: it was replaced or switched off since it was looked at. */
static enum lt_service_status take(const struct question *q, const struct lt_entry *e, struct lt_lease *ret)
{
    struct lt_build *b = lt_build_of(e);
    enum lt_service_status status = LT_SERVICE_GONE;
    pthread_mutex_lock(&b->lock);
    if (lt_build_state(b) == LT_SERVICE_ACTIVE && !atomic_load(&b->replaced)) {
        struct slot *slot = lt_build_slot(b, q->site->slug, true);
        status = !slot ? LT_SERVICE_NOMEM : slot->opened ? LT_SERVICE_OK : open_slot(b, slot);
        if (status == LT_SERVICE_OK) {
            atomic_fetch_add(&b->leases, 1);
            fill(ret, q, b, slot);
        }
    }
    pthread_mutex_unlock(&b->lock);
    return status;
}

/* One pass over the candidates; GONE: look again. */
static enum lt_service_status acquire_once(const struct question *q, uint64_t generation, struct lt_lease *ret)
{
    struct walk w;
    enum lt_service_status all = lt_service_gate(q);
    if (all)
        return all;
    lt_service_walk(&w, q->site, q->name->name);
    if (w.n == 0)
        atomic_store_explicit(&q->need->absent_at, generation, memory_order_release);
    for (const struct lt_entry *e; (e = lt_service_walk_next(&w));) {
        enum lt_service_status one = lt_service_check(q, e);
        if (one == LT_SERVICE_OK && lt_service_tied(q, e))
            return LT_SERVICE_AMBIGUOUS;
        if (one == LT_SERVICE_OK)
            one = take(q, e, ret);
        if (one == LT_SERVICE_OK || one == LT_SERVICE_GONE)
            return one;
        all = lt_service_worst(all, one);
    }
    return all == LT_SERVICE_OK ? LT_SERVICE_ABSENT : all;
}

enum lt_service_status lt_service_acquire(struct lt_component *c, struct lt_str service, const struct lt_caller *caller, const struct lt_place *place,
                                          struct lt_lease *ret)
{
    struct need *need = lt_component_need(c, service);
    ret->build = NULL;
    if (!need)
        return undeclared(c, service);
    if (!caller || !caller->site || !fits(caller, place))
        return LT_SERVICE_INVALID;
    struct question q = {.services = c->services, .name = need->name, .need = need, .site = caller->site, .caller = caller, .place = place};
    for (int i = 0; i < TRIES; i++) {
        uint64_t generation = atomic_load_explicit(&c->services->generation, memory_order_acquire);
        if (atomic_load_explicit(&need->absent_at, memory_order_acquire) == generation)
            return lt_service_gate(&q) ? LT_SERVICE_DISABLED : LT_SERVICE_ABSENT;
        enum lt_service_status status = acquire_once(&q, generation, ret);
        if (status != LT_SERVICE_GONE)
            return status;
    }
    return LT_SERVICE_BUSY;
}

enum lt_service_status lt_service_probe(struct lt_component *c, struct lt_str service, const struct lt_caller *caller, const struct lt_place *place)
{
    struct need *need = lt_component_need(c, service);
    const struct lt_entry *e;
    if (!need)
        return LT_SERVICE_UNDECLARED;
    if (!caller || !caller->site || !fits(caller, place))
        return LT_SERVICE_INVALID;
    struct question q = {.services = c->services, .name = need->name, .need = need, .site = caller->site, .caller = caller, .place = place};
    return lt_service_select(&q, &e);
}

enum lt_service_status lt_lease_enter(struct lt_lease *l)
{
    int64_t until = l->build ? atomic_load_explicit(&l->build->quarantined_until, memory_order_relaxed) : 0;
    if (!l->build || lt_build_state(l->build) == LT_SERVICE_INACTIVE || (until != 0 && until > lt_now_ms()))
        return LT_SERVICE_GONE;
    return LT_SERVICE_OK;
}

void lt_lease_leave(struct lt_lease *l, enum lt_service_status how, const char *why)
{
    struct lt_build *b = l->build;
    struct slot *slot = l->slot;
    bool fault = how == LT_SERVICE_FAULTED || how == LT_SERVICE_TIMEOUT;
    if (!fault && (how != LT_SERVICE_OK || !atomic_load_explicit(&b->troubled, memory_order_acquire)))
        return;
    pthread_mutex_lock(&b->lock);
    bool open_before = slot->faults >= FAULTS_MAX;
    if (fault)
        lt_build_fault(b, slot, why);
    else
        slot->faults = slot->openings = 0;
    bool open = slot->faults >= FAULTS_MAX;
    pthread_mutex_unlock(&b->lock);
    if (open != open_before)
        lt_service_changed(b->services, b->name);
}

const void *lt_lease_vtable(const struct lt_lease *l)
{
    return l->build->offer.vtable;
}

void *lt_lease_instance(const struct lt_lease *l)
{
    return l->instance;
}

void lt_service_release(struct lt_lease *l)
{
    struct lt_build *b = l->build;
    if (!b)
        return;
    l->build = NULL;
    pthread_mutex_lock(&b->lock);
    atomic_fetch_sub(&b->leases, 1);
    lt_build_settle_unlock(b);
}

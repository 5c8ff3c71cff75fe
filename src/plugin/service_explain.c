/* The same answer as a probe's, with all candidates and why each is or is not taken. */
#include <stdio.h>

#include "plugin/service_private.h"

static void add(struct lt_service_answer *a, struct lt_arena *arena, const struct lt_entry *e, enum lt_service_status status, const char *reason)
{
    a->candidates[a->candidates_n++] =
        (struct lt_service_candidate){e, status, lt_strz(arena, lt_str(status == LT_SERVICE_OK ? "can be taken" : reason))};
}

static bool is_there(const struct lt_service_answer *a, const struct lt_entry *e)
{
    for (size_t i = 0; i < a->candidates_n; i++)
        if (a->candidates[i].entry == e)
            return true;
    return false;
}

static void candidates(struct lt_service_answer *a, struct lt_arena *arena, const struct question *q)
{
    struct walk w;
    struct lt_error why = {0};
    struct question each = *q;
    each.why = &why;
    lt_service_walk(&w, q->site, q->name->name);
    a->candidates = LT_NEW_ARRAY(arena, struct lt_service_candidate, w.n + 1);
    struct walk all = w;
    for (const struct lt_entry *e; a->candidates_n < all.n && (e = lt_service_walk_next(&w));) {
        enum lt_service_status status = lt_service_check(&each, e);
        add(a, arena, e, status, why.detail);
    }
    for (size_t i = 0; i < all.n; i++) /* what nobody asks for here */
        if (!is_there(a, all.all[i]) && a->candidates_n < all.n)
            add(a, arena, all.all[i], LT_SERVICE_ABSENT,
                all.choice && !all.choice->any ? "the site has chosen others" : "rank 0: only when a site names it");
}

static int64_t retry_after(const struct question *q, const struct lt_service_answer *a)
{
    int64_t least = 0;
    for (size_t i = 0; i < a->candidates_n; i++) {
        struct lt_build *b = lt_build_of(a->candidates[i].entry);
        if (a->candidates[i].status != LT_SERVICE_FAULTED)
            continue;
        pthread_mutex_lock(&b->lock);
        struct slot *slot = q->site ? lt_build_slot(b, q->site->slug, false) : NULL;
        int64_t mono = slot ? (int64_t)slot->until_ms - (int64_t)lt_mono_ms() : 0, wall = atomic_load(&b->quarantined_until) - lt_now_ms();
        pthread_mutex_unlock(&b->lock);
        int64_t wait = mono > wall ? mono : wall;
        if (wait > 0 && (least == 0 || wait < least))
            least = wait;
    }
    return least;
}

static struct service_name *known(struct lt_services *s, struct lt_str service)
{
    pthread_mutex_lock(&s->lock);
    struct service_name *n = s->names;
    while (n && !lt_str_eq(n->name, service))
        n = n->next;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void lt_service_explain(struct lt_services *s, struct lt_component *c, struct lt_str service, const struct lt_caller *caller,
                        const struct lt_place *place, struct lt_arena *arena, struct lt_service_answer *ret)
{
    struct lt_error why = {0};
    struct need *need = c ? lt_component_need(c, service) : NULL;
    *ret = (struct lt_service_answer){.status = LT_SERVICE_INVALID, .reason = "not a valid name of a service"};
    if (!lt_registry_name_ok(service))
        return;
    struct service_name nobody = {.name = service}, *name = need ? need->name : known(s, service);
    struct question q = {.services = s, .name = name ? name : &nobody, .need = need, .site = caller ? caller->site : NULL, .caller = caller,
                         .place = place, .why = &why};
    candidates(ret, arena, &q);
    if (c && !need) {
        ret->status = LT_SERVICE_UNDECLARED;
        ret->reason = lt_printf(arena, "component '%s' neither needs nor wants it", lt_component_name(c)).p;
        return;
    }
    ret->strength = need ? need->r.strength : LT_STRENGTH_NONE;
    ret->status = lt_service_select(&q, &ret->granted);
    ret->reason = ret->status == LT_SERVICE_OK
                      ? lt_printf(arena, "%s %d.%d of %s", ret->granted->name, ret->granted->major, ret->granted->minor, ret->granted->plugin).p
                      : lt_strz(arena, lt_str(why.detail));
    ret->retry_after_ms = ret->status == LT_SERVICE_FAULTED ? retry_after(&q, ret) : 0;
}

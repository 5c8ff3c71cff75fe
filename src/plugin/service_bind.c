/* Which components may run: those whose needs are met by offers that are in use, and by plugins that may run themselves. */
#include <stdio.h>

#include "base/log.h"
#include "plugin/service_private.h"

/* Ready, but for the plugin that offers it. */
static bool ready(const struct need *need, const struct lt_entry *e)
{
    struct lt_build *b = lt_build_of(e);
    int64_t until = atomic_load(&b->quarantined_until);
    return lt_service_version_fits(need, e) && lt_build_state(b) == LT_SERVICE_ACTIVE && (until == 0 || until <= lt_now_ms());
}

static bool met(const struct need *need)
{
    size_t n;
    const struct lt_entry *const *all = lt_registry_candidates(LT_KIND_SERVICE, need->name->name, &n);
    for (size_t i = 0; i < n && !atomic_load(&need->name->host_null); i++) {
        struct lt_component *owner = atomic_load(&lt_build_of(all[i])->owner);
        if (ready(need, all[i]) && (!owner || owner->settled))
            return true;
    }
    return false;
}

static const struct need *unmet(const struct lt_component *c)
{
    const struct bound *b = lt_component_bound(c);
    for (size_t i = 0; i < b->n; i++)
        if (b->needs[i].r.strength == LT_STRENGTH_NEED && !met(&b->needs[i]))
            return &b->needs[i];
    return NULL;
}

/* The component on whose activity the unmet need waits; NULL: on none. */
static struct lt_component *waits_for(const struct need *need)
{
    size_t n;
    const struct lt_entry *const *all = lt_registry_candidates(LT_KIND_SERVICE, need->name->name, &n);
    for (size_t i = 0; i < n; i++) {
        struct lt_component *owner = atomic_load(&lt_build_of(all[i])->owner);
        if (ready(need, all[i]) && owner && !owner->settled)
            return owner;
    }
    return NULL;
}

/* "a needs sb of b needs sa of a"; false: c is in no circle. */
static bool say_circle(struct lt_component *c, char *out, size_t cap)
{
    size_t at = (size_t)snprintf(out, cap, "needs in a circle: %s", c->name.p);
    struct lt_component *here = c;
    for (int i = 0; i < 32; i++) {
        const struct need *need = unmet(here);
        here = need ? waits_for(need) : NULL;
        if (!here)
            return false;
        if (at < cap)
            at += (size_t)snprintf(out + at, cap - at, " needs %s of %s", need->r.service, here->name.p);
        if (here == c)
            return true;
    }
    return false;
}

static void say_why(struct lt_component *c)
{
    char window[160];
    struct lt_error why = {0};
    const struct lt_entry *e;
    const struct need *need = unmet(c);
    if (!need || say_circle(c, c->why, sizeof(c->why)))
        return;
    struct question q = {.services = c->services, .name = need->name, .need = (struct need *)(uintptr_t)need, .why = &why};
    enum lt_service_status status = lt_service_select(&q, &e);
    lt_service_window(need, window);
    snprintf(c->why, sizeof(c->why), "%s needs %s: %s (%.150s)", c->name.p, window, lt_service_status_name(status ? status : LT_SERVICE_ABSENT),
             why.detail);
}

static void mark_offers(struct lt_services *s, const struct lt_component *c)
{
    for (struct lt_build *b = s->builds; b; b = b->next)
        if (atomic_load(&b->owner) == c)
            lt_service_changed(s, b->name);
}

/* From nobody, whoever has what it needs may run; until none is added. Circles of needs stay out; the order does not matter. */
static void settle(struct lt_services *s)
{
    for (struct lt_component *c = s->components; c; c = c->next)
        c->settled = false;
    for (bool added = true; added;) {
        added = false;
        for (struct lt_component *c = s->components; c; c = c->next)
            if (c->resolved && !c->settled && !unmet(c))
                c->settled = added = true;
    }
}

/* Published one by one: nobody sees a component inactive that is active before and after. */
void lt_service_activate(struct lt_services *s)
{
    settle(s);
    for (struct lt_component *c = s->components; c; c = c->next) {
        if (c->resolved && !c->settled)
            say_why(c);
        if (atomic_exchange(&c->active, c->settled) == c->settled)
            continue;
        mark_offers(s, c);
        lt_log(c->settled ? LT_LOG_INFO : LT_LOG_WARN, c->settled ? "component.active" : "component.inactive", LT_SS("component", c->name),
               LT_S("why", c->settled ? "" : c->why), LT_I("generation", (int64_t)atomic_load(&s->generation)));
    }
}

bool lt_component_active(struct lt_component *c, const struct lt_site *site, char why[400])
{
    struct lt_error err = {0};
    const struct lt_entry *e;
    if (!atomic_load(&c->active)) {
        pthread_mutex_lock(&c->services->lock);
        if (why)
            memcpy(why, c->why, sizeof(c->why));
        pthread_mutex_unlock(&c->services->lock);
        return false;
    }
    const struct bound *b = lt_component_bound(c);
    for (size_t i = 0; site && i < b->n; i++) {
        struct need *need = &b->needs[i];
        struct question q = {.services = c->services, .name = need->name, .need = need, .site = site, .why = &err};
        enum lt_service_status status = need->r.strength == LT_STRENGTH_NEED ? lt_service_select(&q, &e) : LT_SERVICE_OK;
        if (status == LT_SERVICE_OK)
            continue;
        char window[160];
        lt_service_window(need, window);
        if (why)
            snprintf(why, 400, "%s needs %s: %s (%.150s)", c->name.p, window, lt_service_status_name(status), err.detail);
        return false;
    }
    return true;
}

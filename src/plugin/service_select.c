/* Which offer: what the site has chosen, then the registry's order; and why not the others. */
#include <stdio.h>

#include "plugin/service_private.h"

/* ---- in which order ---- */

static const struct lt_service_choice *choice_of(const struct lt_site *site, struct lt_str service)
{
    for (size_t i = 0; site && i < site->service_choices_n; i++)
        if (lt_str_eq(site->service_choices[i].service, service))
            return &site->service_choices[i];
    return NULL;
}

void lt_service_walk(struct walk *w, const struct lt_site *site, struct lt_str service)
{
    *w = (struct walk){.choice = choice_of(site, service)};
    w->all = lt_registry_candidates(LT_KIND_SERVICE, service, &w->n);
    w->rest = !w->choice;
}

static bool listed(const struct lt_service_choice *choice, const char *plugin)
{
    for (size_t i = 0; choice && i < choice->plugins_n; i++)
        if (lt_str_is(choice->plugins[i], plugin))
            return true;
    return false;
}

/* First those that the site has listed, as it has; then the others, if it has no list or the list ends in `any`. */
const struct lt_entry *lt_service_walk_next(struct walk *w)
{
    for (;; w->at = 0) {
        while (w->at < w->n) {
            const struct lt_entry *e = w->all[w->at++];
            if (w->rest ? e->rank > 0 && !listed(w->choice, e->plugin)
                        : w->listed < w->choice->plugins_n && lt_str_is(w->choice->plugins[w->listed], e->plugin))
                return e;
        }
        if (w->rest)
            return NULL;
        if (w->listed < w->choice->plugins_n)
            w->listed++;
        else if (w->choice->any)
            w->rest = true;
        else
            return NULL;
    }
}

/* ---- what each is worth ---- */

bool lt_service_version_fits(const struct need *need, const struct lt_entry *e)
{
    const struct lt_requirement *r = need ? &need->r : NULL;
    if (!r || (r->min_major == 0 && r->min_minor == 0 && r->max_major == 0))
        return true;
    if (e->major < r->min_major || e->major > r->max_major)
        return false;
    return e->major > r->min_major || e->minor >= r->min_minor;
}

void lt_service_window(const struct need *need, char out[160])
{
    const struct lt_requirement *r = &need->r;
    if (r->min_major == 0 && r->min_minor == 0 && r->max_major == 0)
        snprintf(out, 160, "%s", r->service);
    else
        snprintf(out, 160, "%s >= %d.%d < %d", r->service, r->min_major, r->min_minor, r->max_major + 1);
}

static enum lt_service_status say(const struct question *q, enum lt_service_status status, const char *text)
{
    lt_fail(q->why, LT_ENO_CONFIG, "%s", text);
    return status;
}

static enum lt_service_status check_state(const struct question *q, struct lt_build *b)
{
    switch (lt_build_state(b)) {
    case LT_SERVICE_STARTING:
        return say(q, LT_SERVICE_BUSY, "it is starting");
    case LT_SERVICE_DRAINING:
        return say(q, LT_SERVICE_DISABLED, "it is being taken out of use");
    case LT_SERVICE_INACTIVE:
        return say(q, LT_SERVICE_DISABLED, "it is switched off");
    default:
        return LT_SERVICE_OK;
    }
}

static enum lt_service_status check_health(const struct question *q, struct lt_build *b)
{
    enum lt_service_status status = LT_SERVICE_OK;
    int64_t until = atomic_load_explicit(&b->quarantined_until, memory_order_relaxed);
    if ((until == 0 || until <= lt_now_ms()) && !atomic_load_explicit(&b->troubled, memory_order_acquire))
        return LT_SERVICE_OK;
    pthread_mutex_lock(&b->lock);
    struct slot *slot = q->site ? lt_build_slot(b, q->site->slug, false) : NULL;
    if (until > lt_now_ms()) {
        status = LT_SERVICE_FAULTED;
        lt_fail(q->why, LT_ENO_CONFIG, "in quarantine: %s", b->quarantine_why);
    } else if (slot && slot->faults >= FAULTS_MAX && lt_mono_ms() < slot->until_ms) {
        status = LT_SERVICE_FAULTED;
        lt_fail(q->why, LT_ENO_CONFIG, "left alone after %d faults: %s", slot->faults, slot->why);
    }
    pthread_mutex_unlock(&b->lock);
    return status;
}

enum lt_service_status lt_service_check(const struct question *q, const struct lt_entry *e)
{
    struct lt_build *b = lt_build_of(e);
    struct lt_component *owner = atomic_load_explicit(&b->owner, memory_order_relaxed);
    enum lt_service_status status;
    if (!lt_service_version_fits(q->need, e)) {
        lt_fail(q->why, LT_ENO_CONFIG, "version %d.%d is not asked for", e->major, e->minor);
        return LT_SERVICE_VERSION;
    }
    if (owner && !atomic_load_explicit(&owner->active, memory_order_acquire))
        return say(q, LT_SERVICE_ABSENT, "its plugin lacks what it needs");
    if ((status = check_state(q, b)) || (status = check_health(q, b)))
        return status;
    if (q->caller && b->offer.permission && !lt_permitted(q->caller, b->offer.permission, q->place ? q->place->placement : LT_STR_NULL)) {
        lt_fail(q->why, LT_ENO_CONFIG, "no role of the caller has the permission '%s'", b->offer.permission);
        return LT_SERVICE_DENIED;
    }
    if (atomic_load_explicit(&b->leases, memory_order_relaxed) >= LT_SERVICE_LEASES_MAX)
        return say(q, LT_SERVICE_BUSY, "all its leases are taken");
    return LT_SERVICE_OK;
}

/* ---- the whole question ---- */

static enum lt_service_status gate_place(const struct question *q)
{
    char action[LT_SERVICE_NAME_MAX + 16];
    const struct lt_place *p = q->place;
    if (!q->site || !p || p->course_id.n == 0 || q->site->place_switches_n == 0)
        return LT_SERVICE_OK;
    snprintf(action, sizeof(action), "service:%.*s", LT_FMT(q->name->name));
    const struct lt_place_switch *off = lt_place_switched_off(q->site, p->course_id, p->location_id, lt_str(action));
    if (!off)
        return LT_SERVICE_OK;
    struct lt_str where = off->location_id.n ? off->location_id : off->course_id;
    lt_fail(q->why, LT_ENO_CONFIG, "%s switched off %s '%.*s'", off->action.n ? "it is" : "AI is", off->location_id.n ? "at" : "in course",
            LT_FMT(where));
    return LT_SERVICE_DISABLED;
}

enum lt_service_status lt_service_gate(const struct question *q)
{
    if (q->site && !q->site->enabled) {
        lt_fail(q->why, LT_ENO_CONFIG, "site '%.*s' is disabled", LT_FMT(q->site->slug));
        return LT_SERVICE_DISABLED;
    }
    if (atomic_load_explicit(&q->name->host_null, memory_order_acquire))
        return say(q, LT_SERVICE_DISABLED, "the host has switched it off");
    const struct lt_service_choice *choice = choice_of(q->site, q->name->name);
    if (choice && choice->plugins_n == 0 && !choice->any) {
        lt_fail(q->why, LT_ENO_CONFIG, "site '%.*s' has chosen none", LT_FMT(q->site->slug));
        return LT_SERVICE_DISABLED;
    }
    return gate_place(q);
}

enum lt_service_status lt_service_absent(const struct question *q)
{
    const struct lt_service_choice *choice = choice_of(q->site, q->name->name);
    char list[300] = "";
    size_t at = 0;
    if (!q->why || !choice || choice->any)
        return say(q, LT_SERVICE_ABSENT, "nobody provides it");
    for (size_t i = 0; i < choice->plugins_n && at < sizeof(list); i++)
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.*s", i ? ", " : "", LT_FMT(choice->plugins[i]));
    lt_fail(q->why, LT_ENO_CONFIG, "pinned to %s, which does not provide it", list);
    return LT_SERVICE_ABSENT;
}

/* The first that is not only of another version says it. */
enum lt_service_status lt_service_worst(enum lt_service_status all, enum lt_service_status one)
{
    return all == LT_SERVICE_OK || all == LT_SERVICE_VERSION ? one : all;
}

bool lt_service_tied(const struct question *q, const struct lt_entry *e)
{
    struct walk w;
    const struct lt_entry *other;
    if (!q->need || !q->need->r.strict || choice_of(q->site, q->name->name))
        return false;
    struct question quietly = *q;
    quietly.why = NULL;
    lt_service_walk(&w, q->site, q->name->name);
    while ((other = lt_service_walk_next(&w)))
        if (strcmp(other->plugin, e->plugin) != 0 && other->rank == e->rank && strcmp(e->plugin, "builtin") != 0 &&
            lt_service_check(&quietly, other) == LT_SERVICE_OK) {
            lt_fail(q->why, LT_ENO_CONFIG, "plugins '%s' and '%s' have the same rank", e->plugin, other->plugin);
            return true;
        }
    return false;
}

static void say_versions(const struct question *q)
{
    char list[300] = "";
    size_t at = 0, n;
    const struct lt_entry *const *all = lt_registry_candidates(LT_KIND_SERVICE, q->name->name, &n);
    for (size_t i = 0; i < n && at < sizeof(list); i++)
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%d.%d of %s", i ? ", " : "", all[i]->major, all[i]->minor, all[i]->plugin);
    lt_fail(q->why, LT_ENO_CONFIG, "there is %s", list);
}

enum lt_service_status lt_service_select(const struct question *q, const struct lt_entry **ret)
{
    struct walk w;
    struct lt_error first = {0}, *why = q->why;
    enum lt_service_status all = lt_service_gate(q);
    *ret = NULL;
    if (all)
        return all;
    lt_service_walk(&w, q->site, q->name->name);
    for (const struct lt_entry *e; (e = lt_service_walk_next(&w));) {
        enum lt_service_status one = lt_service_check(q, e);
        if (one == LT_SERVICE_OK && lt_service_tied(q, e))
            return LT_SERVICE_AMBIGUOUS;
        if (one == LT_SERVICE_OK) {
            *ret = e;
            return LT_SERVICE_OK;
        }
        bool says = why && lt_service_worst(all, one) != all;
        all = lt_service_worst(all, one);
        if (says)
            first = *why;
    }
    if (all == LT_SERVICE_OK)
        return lt_service_absent(q);
    if (why)
        *why = first;
    if (why && all == LT_SERVICE_VERSION)
        say_versions(q);
    return all;
}

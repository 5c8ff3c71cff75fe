/* What administrators and Studio ask: every scope with its reason, and every profile that can be reached. */
#include <stdlib.h>

#include "base/memory.h"
#include "io/worker.h"
#include "workflows/scope_private.h"

struct explain {
    struct lt_scope_set *set;
    struct lt_arena *arena;
    const struct lt_scope_site *site;
    const struct lt_scope_context *context;
    struct lt_scope_explanation *ret;
};

/* Why phase 1 leaves a scope out; LT_SCOPE_CHOSEN: it does not. */
static enum lt_scope_reason phase_1(const struct explain *e, const struct lt_scope *s)
{
    const struct lt_scope_context *x = e->context;
    bool no_slot = e->site->matching == LT_SLOT_WILDCARD && s->ui_slot_selector_id.n == 0;
    if (!s->enabled)
        return LT_SCOPE_DISABLED;
    if ((int)s->service_variant != x->service_variant)
        return LT_SCOPE_OTHER_SERVICE;
    if (s->course_id.n > 0 && !lt_str_eq(s->course_id, x->course_id))
        return LT_SCOPE_OTHER_COURSE;
    if (x->ui_slot_selector_id.n == 0)
        return LT_SCOPE_NO_SLOT;
    return no_slot || lt_str_eq(s->ui_slot_selector_id, x->ui_slot_selector_id) ? LT_SCOPE_CHOSEN : LT_SCOPE_OTHER_SLOT;
}

static void add(struct explain *e, const struct lt_scope *scope, enum lt_scope_reason reason)
{
    if (e->ret->considered_n < LT_SCOPE_EXPLAIN_MAX)
        e->ret->considered[e->ret->considered_n++] = (struct lt_scope_considered){scope, reason};
}

static int by_order(const void *a, const void *b)
{
    const struct lt_scope *x = *(const struct lt_scope *const *)a, *y = *(const struct lt_scope *const *)b;
    return lt_scope_before(x, y) ? -1 : 1;
}

/* Looks at the scopes themselves, not at the index. */
static void explain(void *arg)
{
    struct explain *e = arg;
    const struct lt_scope *scopes = e->set->scopes + e->site->first;
    const struct lt_scope **candidates = malloc(e->site->n * sizeof(struct lt_scope *));
    struct lt_scope_matcher matcher;
    size_t n = 0;
    if (!candidates)
        lt_out_of_memory(0);
    for (size_t i = 0; i < e->site->n; i++)
        if (phase_1(e, &scopes[i]) == LT_SCOPE_CHOSEN)
            candidates[n++] = &scopes[i];
    if (n > 1)
        qsort(candidates, n, sizeof(*candidates), by_order);
    lt_scope_matcher_init(&matcher, e->context->location_id);
    for (size_t i = 0; i < n; i++) {
        enum lt_scope_reason reason = lt_scope_matcher_try(&matcher, candidates[i]);
        if (reason == LT_SCOPE_CHOSEN && e->ret->chosen)
            reason = LT_SCOPE_LESS_SPECIFIC;
        else if (reason == LT_SCOPE_CHOSEN)
            e->ret->chosen = candidates[i];
        add(e, candidates[i], reason);
    }
    lt_scope_matcher_end(&matcher);
    free(candidates);
    for (size_t i = 0; i < e->site->n; i++) {
        enum lt_scope_reason reason = phase_1(e, &scopes[i]);
        if (reason != LT_SCOPE_CHOSEN)
            add(e, &scopes[i], reason);
    }
}

void lt_scope_explain(struct lt_scope_set *set, struct lt_arena *arena, const struct lt_scope_context *context, struct lt_scope_explanation *ret)
{
    struct explain e = {.set = set, .arena = arena, .site = lt_scope_site_of(set, context->site_id), .context = context, .ret = ret};
    *ret = (struct lt_scope_explanation){.total = e.site ? e.site->n : 0};
    if (!e.site)
        return;
    ret->considered = LT_NEW_ARRAY(arena, struct lt_scope_considered, ret->total < LT_SCOPE_EXPLAIN_MAX ? ret->total : LT_SCOPE_EXPLAIN_MAX);
    if (lt_work(explain, &e)) /* too many jobs wait: here, then */
        explain(&e);
}

/* ---- profiles of a context ---- */

struct match {
    const struct lt_scope *scope;
    uint32_t profile;          /* index in the list of profiles */
};

struct seen {                  /* profile id → index, open addressing */
    int64_t id;
    uint32_t index_1;          /* + 1; 0 = empty */
};

static size_t collect(struct lt_scope_walk *walk, const struct lt_scope_context *context, struct match *matches)
{
    struct lt_scope_matcher matcher;
    const struct lt_scope *scope;
    size_t n = 0;
    lt_scope_matcher_init(&matcher, context->location_id);
    while ((scope = lt_scope_walk_next(walk)))
        if (lt_scope_matcher_try(&matcher, scope) == LT_SCOPE_CHOSEN)
            matches[n++].scope = scope;
    lt_scope_matcher_end(&matcher);
    return n;
}

/* Gives each match its profile; returns how many profiles there are. */
static size_t number_profiles(struct match *matches, size_t n, struct lt_scope_profile *profiles)
{
    size_t mask = 15, count = 0;
    while (mask < 2 * n)
        mask = 2 * mask + 1;
    struct seen *seen = calloc(mask + 1, sizeof(*seen));
    if (!seen)
        lt_out_of_memory(0);
    for (size_t i = 0; i < n; i++) {
        int64_t id = matches[i].scope->profile_id;
        size_t at = (size_t)lt_scope_hash(0, &id, sizeof(id)) & mask;
        while (seen[at].index_1 && seen[at].id != id)
            at = (at + 1) & mask;
        if (!seen[at].index_1) {
            profiles[count].profile_id = id;
            seen[at] = (struct seen){id, (uint32_t)++count};
        }
        matches[i].profile = seen[at].index_1 - 1;
        profiles[matches[i].profile].matched_scopes_n++;
    }
    free(seen);
    return count;
}

void lt_scope_list_profiles(struct lt_scope_set *set, struct lt_arena *arena, const struct lt_scope_context *context,
                            struct lt_scope_profile **ret, size_t *ret_n)
{
    const struct lt_scope_site *site = lt_scope_site_of(set, context->site_id);
    struct lt_scope_walk walk;
    size_t room = 0;
    *ret = NULL;
    *ret_n = 0;
    if (!site)
        return;
    lt_scope_walk_init(&walk, set, site, context, true, context->ui_slot_selector_id.n == 0);
    for (int i = 0; i < walk.n; i++)
        room += (size_t)(walk.end[i] - walk.at[i]);
    struct match *matches = LT_NEW_ARRAY(arena, struct match, room);
    size_t n = collect(&walk, context, matches);
    struct lt_scope_profile *profiles = LT_NEW_ARRAY(arena, struct lt_scope_profile, n);
    const struct lt_scope **scopes = lt_alloc(arena, lt_array_size(sizeof(struct lt_scope *), n));
    size_t profiles_n = number_profiles(matches, n, profiles);
    for (size_t i = 0; i < profiles_n; i++) {
        profiles[i].matched_scopes = scopes;
        scopes += profiles[i].matched_scopes_n;
        profiles[i].matched_scopes_n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct lt_scope_profile *p = &profiles[matches[i].profile];
        p->matched_scopes[p->matched_scopes_n++] = matches[i].scope;
    }
    *ret = profiles;
    *ret_n = profiles_n;
}

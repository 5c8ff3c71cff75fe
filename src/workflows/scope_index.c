/*
 * The index of a scope set. Texts get numbers; enabled scopes lie in buckets by (site, variant, course, slot), and a second time by
 * (site, variant, course) for lists that ask for no slot. A look-up merges at most four short lists.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "base/secret.h"
#include "workflows/scope_private.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Folded 128-bit products of 16 bytes at a time, as wyhash does. */
uint64_t lt_scope_hash(uint64_t key, const void *p, size_t n)
{
    const char *at = p;
    uint64_t h = key ^ 0x9e3779b97f4a7c15u, a, b;
    for (size_t left = n; left > 0;) {
        size_t now = left < 16 ? left : 16;
        a = b = 0;
        memcpy(&a, at, now < 8 ? now : 8);
        if (now > 8)
            memcpy(&b, at + 8, now - 8);
        h = mix(a ^ 0xa0761d6478bd642fu ^ h, b ^ 0xe7037ed1a0b428dbu ^ key);
        at += now;
        left -= now;
    }
    return mix(h ^ n, 0x8ebc6af09c88c6e3u);
}

bool lt_scope_before(const struct lt_scope *a, const struct lt_scope *b)
{
    return a->specificity_index != b->specificity_index ? a->specificity_index > b->specificity_index : a->id < b->id;
}

static uint32_t mask_for(size_t n)
{
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    return (uint32_t)(slots - 1);
}

/* ---- texts ---- */

/* The slot of a text in the hash table: its own or the empty one where it belongs. */
static uint32_t *text_slot(const struct lt_scope_set *set, struct lt_str text)
{
    for (uint64_t i = lt_scope_hash(set->hash_key, text.p, text.n);; i++) {
        uint32_t *slot = &set->text_slots[i & set->text_mask];
        if (*slot == 0 || lt_str_eq(set->texts[*slot - 1], text))
            return slot;
    }
}

static uint32_t text_find(const struct lt_scope_set *set, struct lt_str text)
{
    return text.n == 0 ? 0 : *text_slot(set, text) - 1; /* none: 0 - 1 is LT_SCOPE_NO_TEXT */
}

static uint32_t text_add(struct lt_scope_set *set, struct lt_str *text)
{
    if (text->n == 0)
        return 0;
    uint32_t *slot = text_slot(set, *text);
    if (*slot == 0) {
        set->texts[set->texts_n] = *text;
        *slot = ++set->texts_n;
    }
    *text = set->texts[*slot - 1];
    return *slot - 1;
}

/* ---- buckets ---- */

static uint32_t *bucket_slot(const struct lt_scope_set *set, uint32_t site, uint8_t variant, uint32_t course, uint32_t slot)
{
    const uint32_t key[] = {site, variant, course, slot};
    for (uint64_t i = lt_scope_hash(set->hash_key, key, sizeof(key));; i++) {
        uint32_t *at = &set->bucket_slots[i & set->bucket_mask];
        const struct lt_scope_bucket *b = *at ? &set->buckets[*at - 1] : NULL;
        if (!b || (b->site == site && b->variant == variant && b->course == course && b->slot == slot))
            return at;
    }
}

static uint32_t bucket_add(struct lt_scope_set *set, uint32_t site, uint8_t variant, uint32_t course, uint32_t slot)
{
    uint32_t *at = bucket_slot(set, site, variant, course, slot);
    if (*at == 0) {
        set->buckets[set->buckets_n] = (struct lt_scope_bucket){.site = site, .variant = variant, .course = course, .slot = slot};
        *at = ++set->buckets_n;
    }
    return *at - 1;
}

/* What building needs to know of a scope. */
struct place {
    uint32_t exact, any_slot; /* its buckets */
};

static void assign_buckets(struct lt_scope_set *set, struct place *places)
{
    for (uint32_t s = 0; s < set->sites_n; s++)
        for (uint32_t i = set->sites[s].first; i < set->sites[s].first + set->sites[s].n; i++) {
            struct lt_scope *scope = &set->scopes[i];
            uint32_t course = text_add(set, &scope->course_id), slot = text_add(set, &scope->ui_slot_selector_id);
            if (!scope->enabled)
                continue;
            places[i].exact = bucket_add(set, s, (uint8_t)scope->service_variant, course, slot);
            places[i].any_slot = bucket_add(set, s, (uint8_t)scope->service_variant, course, LT_SCOPE_ANY_SLOT);
            set->buckets[places[i].exact].n++;
            set->buckets[places[i].any_slot].n++;
        }
}

static void put_in(struct lt_scope_set *set, struct lt_scope_bucket *b, uint32_t scope)
{
    set->order[b->first + b->n++] = scope;
}

/* Bucket after bucket, each from the most specific on; scopes of one specificity come by id, as they lie. */
static void fill_buckets(struct lt_scope_set *set, const struct place *places)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < set->buckets_n; i++) {
        set->buckets[i].first = first;
        first += set->buckets[i].n;
        set->buckets[i].n = 0;
    }
    set->order = lt_alloc(set->arena, lt_array_size(sizeof(uint32_t), first));
    for (int specificity = 7; specificity >= 0; specificity--)
        for (uint32_t i = 0; i < set->scopes_n; i++)
            if (set->scopes[i].enabled && set->scopes[i].specificity_index == specificity) {
                put_in(set, &set->buckets[places[i].exact], i);
                put_in(set, &set->buckets[places[i].any_slot], i);
            }
}

/* ---- patterns: one for each distinct text ---- */

static void share_patterns(struct lt_scope_set *set)
{
    struct lt_scope_patterns *all = lt_scope_patterns_new(set->arena);
    uint32_t mask = mask_for(set->scopes_n);
    struct lt_scope_pattern **slots = calloc((size_t)mask + 1, sizeof(struct lt_scope_pattern *));
    if (!slots)
        lt_out_of_memory(0);
    for (uint32_t i = 0; i < set->scopes_n; i++) {
        struct lt_scope *s = &set->scopes[i];
        s->pattern = NULL;
        if (s->location_regex.n == 0)
            continue;
        uint64_t at = lt_scope_hash(set->hash_key, s->location_regex.p, s->location_regex.n);
        while (slots[at & mask] && !lt_str_eq(slots[at & mask]->text, s->location_regex))
            at++;
        if (!slots[at & mask]) {
            slots[at & mask] = LT_NEW(set->arena, struct lt_scope_pattern);
            slots[at & mask]->text = s->location_regex;
            slots[at & mask]->all = all;
        }
        s->pattern = slots[at & mask];
    }
    free(slots);
}

/* ---- sites and profiles ---- */

static void cut_into_sites(struct lt_scope_set *set, struct lt_scope *scopes, size_t n, const struct lt_scope_site_settings *sites, size_t sites_n)
{
    size_t at = 0;
    set->scopes = scopes;
    set->sites = LT_NEW_ARRAY(set->arena, struct lt_scope_site, sites_n);
    for (size_t i = 0; i < sites_n; i++) {
        struct lt_scope_site *site = &set->sites[set->sites_n];
        while (at < n && scopes[at].site_id < sites[i].id)
            at++;
        *site = (struct lt_scope_site){.id = sites[i].id, .matching = sites[i].matching,
                                        .cache_entries = sites[i].cache_entries, .first = set->scopes_n};
        for (; at < n && scopes[at].site_id == sites[i].id; at++)
            scopes[set->scopes_n++] = scopes[at];
        site->n = set->scopes_n - site->first;
        if (site->n == 0)
            continue;
        site->cache = lt_scope_cache_new(site->cache_entries);
        set->sites_n++;
    }
}

static int by_profile(const void *a, const void *b)
{
    const struct lt_scope_by_profile *x = a, *y = b;
    if (x->profile_id != y->profile_id)
        return x->profile_id < y->profile_id ? -1 : 1;
    return x->scope < y->scope ? -1 : x->scope > y->scope;
}

static void sort_by_profile(struct lt_scope_set *set)
{
    set->by_profile = LT_NEW_ARRAY(set->arena, struct lt_scope_by_profile, set->scopes_n);
    for (uint32_t s = 0; s < set->sites_n; s++)
        for (uint32_t i = set->sites[s].first; i < set->sites[s].first + set->sites[s].n; i++)
            set->by_profile[i] = (struct lt_scope_by_profile){.profile_id = set->scopes[i].profile_id, .site = s, .scope = i};
    if (set->scopes_n > 1)
        qsort(set->by_profile, set->scopes_n, sizeof(struct lt_scope_by_profile), by_profile);
}

/* ---- the set ---- */

struct lt_scope_set *lt_scope_set_build(struct lt_arena *arena, struct lt_scope *scopes, size_t n, const struct lt_scope_site_settings *sites,
                                        size_t sites_n, uint64_t mark)
{
    struct lt_scope_set *set = LT_NEW(arena, struct lt_scope_set);
    set->references = 1;
    set->arena = arena;
    set->mark = mark;
    lt_random(&set->hash_key, sizeof(set->hash_key));
    cut_into_sites(set, scopes, n, sites, sites_n);
    for (uint32_t i = 0; i < set->scopes_n; i++)
        set->scopes[i].specificity_index =
            lt_scope_specificity(set->scopes[i].course_id, set->scopes[i].location_regex, set->scopes[i].ui_slot_selector_id);
    share_patterns(set);
    size_t room = 2 * (size_t)set->scopes_n + 1;
    set->texts = lt_alloc(arena, lt_array_size(sizeof(struct lt_str), room));
    set->texts[0] = LT_STR("");
    set->texts_n = 1;
    set->text_mask = mask_for(room);
    set->text_slots = LT_NEW_ARRAY(arena, uint32_t, (size_t)set->text_mask + 1);
    set->buckets = LT_NEW_ARRAY(arena, struct lt_scope_bucket, room);
    set->bucket_mask = mask_for(room);
    set->bucket_slots = LT_NEW_ARRAY(arena, uint32_t, (size_t)set->bucket_mask + 1);
    struct place *places = calloc((size_t)set->scopes_n + 1, sizeof(*places));
    if (!places)
        lt_out_of_memory(0);
    assign_buckets(set, places);
    fill_buckets(set, places);
    free(places);
    sort_by_profile(set);
    return set;
}

struct lt_scope_set *lt_scope_set_ref(struct lt_scope_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void lt_scope_set_unref(struct lt_scope_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < set->sites_n; i++)
        lt_scope_cache_free(set->sites[i].cache);
    lt_arena_free(set->arena);
}

struct lt_scope_site *lt_scope_site_of(const struct lt_scope_set *set, int64_t site_id)
{
    size_t low = 0, high = set ? set->sites_n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->sites[middle].id == site_id)
            return &set->sites[middle];
        if (set->sites[middle].id < site_id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct lt_scope *lt_scope_set_site(const struct lt_scope_set *set, int64_t site_id, size_t *ret_n)
{
    const struct lt_scope_site *site = lt_scope_site_of(set, site_id);
    *ret_n = site ? site->n : 0;
    return site ? set->scopes + site->first : NULL;
}

static int by_id(const void *key, const void *element)
{
    int64_t id = *(const int64_t *)key, other = ((const struct lt_scope *)element)->id;
    return id < other ? -1 : id > other;
}

const struct lt_scope *lt_scope_find(const struct lt_scope_set *set, int64_t site_id, int64_t id)
{
    size_t n;
    const struct lt_scope *scopes = lt_scope_set_site(set, site_id, &n);
    return n > 0 ? bsearch(&id, scopes, n, sizeof(struct lt_scope), by_id) : NULL;
}

const struct lt_scope *lt_scope_find_uuid(const struct lt_scope_set *set, int64_t site_id, struct lt_str uuid)
{
    size_t n;
    const struct lt_scope *scopes = lt_scope_set_site(set, site_id, &n);
    for (size_t i = 0; i < n && uuid.n > 0; i++)
        if (lt_str_eq_ci(scopes[i].uuid, uuid))
            return &scopes[i];
    return NULL;
}

size_t lt_scope_count_profile(const struct lt_scope_set *set, int64_t site_id, int64_t profile_id)
{
    size_t low = 0, high = set ? set->scopes_n : 0, n = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->by_profile[middle].profile_id < profile_id)
            low = middle + 1;
        else
            high = middle;
    }
    for (; set && low < set->scopes_n && set->by_profile[low].profile_id == profile_id; low++)
        n += set->sites[set->by_profile[low].site].id == site_id;
    return n;
}

/* ---- resolving ---- */

static void add_list(struct lt_scope_walk *walk, uint32_t site, int variant, uint32_t course, uint32_t slot)
{
    const struct lt_scope_set *set = walk->set;
    uint32_t at = *bucket_slot(set, site, (uint8_t)variant, course, slot);
    if (at == 0)
        return;
    const struct lt_scope_bucket *b = &set->buckets[at - 1];
    walk->at[walk->n] = set->order + b->first;
    walk->end[walk->n++] = set->order + b->first + b->n;
}

void lt_scope_walk_init(struct lt_scope_walk *walk, const struct lt_scope_set *set, const struct lt_scope_site *site,
                        const struct lt_scope_context *context, bool slot_less_too, bool any_slot)
{
    uint32_t at = (uint32_t)(site - set->sites);
    const uint32_t courses[2] = {text_find(set, context->course_id), 0};
    const uint32_t slots[2] = {any_slot ? LT_SCOPE_ANY_SLOT : text_find(set, context->ui_slot_selector_id), 0};
    walk->set = set;
    walk->n = 0;
    for (int variant = 0; variant < LT_SERVICE_VARIANTS; variant++)
        for (int c = courses[0] == 0; c < 2; c++) /* "" given: that of any course only */
            for (int s = 0; s < (slot_less_too && !any_slot ? 2 : 1); s++)
                if ((context->service_variant < 0 || context->service_variant == variant) && courses[c] != LT_SCOPE_NO_TEXT &&
                    slots[s] != LT_SCOPE_NO_TEXT)
                    add_list(walk, at, variant, courses[c], slots[s]);
}

const struct lt_scope *lt_scope_walk_next(struct lt_scope_walk *walk)
{
    const struct lt_scope *best = NULL;
    int from = 0;
    for (int i = 0; i < walk->n; i++) {
        const struct lt_scope *s = walk->at[i] < walk->end[i] ? &walk->set->scopes[*walk->at[i]] : NULL;
        if (s && (!best || lt_scope_before(s, best))) {
            best = s;
            from = i;
        }
    }
    if (best)
        walk->at[from]++;
    return best;
}

static const struct lt_scope *look_up(const struct lt_scope_set *set, const struct lt_scope_site *site, const struct lt_scope_context *context)
{
    struct lt_scope_walk walk;
    struct lt_scope_matcher matcher;
    const struct lt_scope *scope;
    lt_scope_walk_init(&walk, set, site, context, site->matching == LT_SLOT_WILDCARD, false);
    lt_scope_matcher_init(&matcher, context->location_id);
    while ((scope = lt_scope_walk_next(&walk)) && lt_scope_matcher_try(&matcher, scope) != LT_SCOPE_CHOSEN)
        ;
    lt_scope_matcher_end(&matcher);
    return scope;
}

/* The site; NULL when nothing can fit. */
static struct lt_scope_site *can_fit(struct lt_scope_set *set, const struct lt_scope_context *context)
{
    bool complete = context->ui_slot_selector_id.n > 0 && (unsigned)context->service_variant < LT_SERVICE_VARIANTS;
    return complete ? lt_scope_site_of(set, context->site_id) : NULL;
}

const struct lt_scope *lt_scope_resolve_uncached(struct lt_scope_set *set, const struct lt_scope_context *context)
{
    const struct lt_scope_site *site = can_fit(set, context);
    return site ? look_up(set, site, context) : NULL;
}

const struct lt_scope *lt_scope_resolve(struct lt_scope_set *set, const struct lt_scope_context *context)
{
    const struct lt_scope *scope = NULL;
    struct lt_scope_site *site = can_fit(set, context);
    if (!site || lt_scope_cache_get(site->cache, context, &scope))
        return scope;
    scope = look_up(set, site, context);
    lt_scope_cache_put(site->cache, context, scope);
    return scope;
}

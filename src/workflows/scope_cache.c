/* The results that a site keeps, the most recently used ones. */
#include <stdlib.h>

#include "base/lru.h"
#include "base/memory.h"
#include "workflows/scope_private.h"

struct entry {
    struct lt_lru_entry lru;
    const struct lt_scope *scope;  /* NULL: nothing fits */
    uint8_t variant;
    uint8_t course_n, location_n, slot_n;
    char text[];                   /* course, location, slot */
};

struct lt_scope_cache {
    pthread_mutex_t lock;
    size_t max;
    struct lt_lru lru;
};

struct lt_scope_cache *lt_scope_cache_new(size_t entries)
{
    if (entries == 0)
        return NULL;
    struct lt_scope_cache *c = calloc(1, sizeof(*c));
    if (!c)
        lt_out_of_memory(0);
    pthread_mutex_init(&c->lock, NULL);
    lt_lru_init(&c->lru, 2 * entries);
    c->max = entries;
    return c;
}

void lt_scope_cache_free(struct lt_scope_cache *c)
{
    if (!c)
        return;
    lt_lru_end(&c->lru);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* What does not fit is not kept. */
static bool fits(const struct lt_scope_context *x)
{
    return x->course_id.n <= LT_SCOPE_TEXT_MAX && x->location_id.n <= LT_SCOPE_TEXT_MAX && x->ui_slot_selector_id.n <= LT_SCOPE_TEXT_MAX;
}

static uint64_t hash_of(const struct lt_scope_cache *c, const struct lt_scope_context *x)
{
    uint64_t h = lt_scope_hash(c->lru.seed + (uint64_t)x->service_variant, x->course_id.p, x->course_id.n);
    h = lt_scope_hash(h, x->location_id.p, x->location_id.n);
    return lt_scope_hash(h, x->ui_slot_selector_id.p, x->ui_slot_selector_id.n);
}

static bool same(const struct entry *e, const struct lt_scope_context *x)
{
    if (e->variant != x->service_variant)
        return false;
    const char *location = e->text + e->course_n, *slot = location + e->location_n;
    return lt_str_eq((struct lt_str){e->text, e->course_n}, x->course_id) && lt_str_eq((struct lt_str){location, e->location_n}, x->location_id) &&
           lt_str_eq((struct lt_str){slot, e->slot_n}, x->ui_slot_selector_id);
}

static struct entry *find(struct lt_scope_cache *c, uint64_t hash, const struct lt_scope_context *x)
{
    struct entry *e = lt_lru_first(&c->lru, hash);
    while (e && !same(e, x))
        e = lt_lru_next(&e->lru);
    return e;
}

bool lt_scope_cache_get(struct lt_scope_cache *c, const struct lt_scope_context *x, const struct lt_scope **ret)
{
    if (!c || !fits(x))
        return false;
    uint64_t hash = hash_of(c, x);
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, hash, x);
    if (e) {
        *ret = e->scope;
        lt_lru_use(&c->lru, &e->lru);
    }
    pthread_mutex_unlock(&c->lock);
    lt_scope_count(e ? LT_SCOPE_HITS : LT_SCOPE_MISSES, 1);
    return e != NULL;
}

static struct entry *make(const struct lt_scope_context *x, const struct lt_scope *scope)
{
    size_t n = x->course_id.n + x->location_id.n + x->ui_slot_selector_id.n;
    struct entry *e = malloc(sizeof(*e) + n);
    if (!e)
        lt_out_of_memory(0);
    *e = (struct entry){.scope = scope,
                        .variant = (uint8_t)x->service_variant,
                        .course_n = (uint8_t)x->course_id.n,
                        .location_n = (uint8_t)x->location_id.n,
                        .slot_n = (uint8_t)x->ui_slot_selector_id.n};
    char *at = e->text;
    const struct lt_str parts[] = {x->course_id, x->location_id, x->ui_slot_selector_id};
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (parts[i].n > 0) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    return e;
}

/* Takes the least recently used one out; the caller frees it. */
static struct entry *drop_oldest(struct lt_scope_cache *c)
{
    struct entry *e = lt_lru_oldest(&c->lru);
    lt_lru_remove(&c->lru, &e->lru);
    return e;
}

void lt_scope_cache_put(struct lt_scope_cache *c, const struct lt_scope_context *x, const struct lt_scope *scope)
{
    if (!c || !fits(x))
        return;
    uint64_t hash = hash_of(c, x);
    struct entry *e = make(x, scope), *unused = NULL;
    pthread_mutex_lock(&c->lock);
    if (find(c, hash, x)) { /* another thread was faster, with the same result */
        unused = e;
    } else {
        if (c->lru.n == c->max)
            unused = drop_oldest(c);
        lt_lru_add(&c->lru, &e->lru, hash);
    }
    pthread_mutex_unlock(&c->lock);
    free(unused);
}

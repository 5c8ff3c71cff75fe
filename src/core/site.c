/* The configuration snapshot: references, the loops' pointers, look-ups. Building it is config_load.c. */
#include "core/site.h"

#include <stdlib.h>

struct lt_config *lt_config_ref(struct lt_config *c)
{
    atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

void lt_config_unref(struct lt_config *c)
{
    if (c && atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) == 1)
        lt_arena_free(c->arena);
}

static void slot_free(void *config)
{
    lt_config_unref(config);
}

struct lt_config *lt_config_current(void)
{
    return lt_loop_slot(lt_loop_self(), LT_SLOT_CORE);
}

struct publish {
    struct lt_task task;
    struct lt_config *config;
};

static void take_over(struct lt_task *task)
{
    struct publish *p = (struct publish *)task;
    struct lt_loop *loop = lt_loop_self();
    struct lt_config *old = lt_loop_slot(loop, LT_SLOT_CORE);
    lt_loop_set_slot(loop, LT_SLOT_CORE, p->config, slot_free);
    lt_config_unref(old);
    free(p);
}

void lt_config_publish(struct lt_loop *const *loops, size_t loops_n, struct lt_config *config)
{
    for (size_t i = 0; i < loops_n; i++) {
        struct publish *p = malloc(sizeof(*p));
        if (!p)
            abort();
        *p = (struct publish){.task = {.fn = take_over}, .config = lt_config_ref(config)};
        lt_loop_post(loops[i], &p->task);
    }
}

static int compare_str(struct lt_str a, struct lt_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

int lt_place_switch_compare(const void *left, const void *right)
{
    const struct lt_place_switch *a = left, *b = right;
    int c = compare_str(a->course_id, b->course_id);
    c = c ? c : compare_str(a->location_id, b->location_id);
    return c ? c : compare_str(a->action, b->action);
}

bool lt_instance_is(const struct lt_provider_instance *instance, struct lt_str name_or_id)
{
    int64_t id;
    return lt_str_eq(instance->name, name_or_id) || (lt_str_to_int64(name_or_id, &id) && id == instance->id);
}

const struct lt_provider_instance *lt_site_instance(const struct lt_site *site, struct lt_str name_or_id)
{
    for (size_t i = 0; i < site->instances_n; i++)
        if (lt_instance_is(site->instances[i], name_or_id))
            return site->instances[i];
    return NULL;
}

struct lt_site *lt_config_site(const struct lt_config *c, struct lt_str slug)
{
    for (size_t i = 0; i < c->sites_n; i++)
        if (lt_str_eq(c->sites[i].slug, slug))
            return &c->sites[i];
    return NULL;
}

const struct lt_site_key *lt_config_key(const struct lt_config *c, const uint8_t hash[32])
{
    size_t low = 0, high = c->keys_n;
    while (low < high) { /* the hash is one of a random secret: its order tells nothing about the key */
        size_t middle = low + (high - low) / 2;
        int order = memcmp(c->keys[middle].hash, hash, 32);
        if (order == 0)
            return &c->keys[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct lt_jwt_issuer *lt_config_issuer(const struct lt_config *c, struct lt_str iss, struct lt_str aud)
{
    for (size_t i = 0; i < c->issuers_n; i++)
        if (lt_str_eq(c->issuers[i].iss, iss) && lt_str_eq(c->issuers[i].aud, aud))
            return &c->issuers[i];
    return NULL;
}

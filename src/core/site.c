/* The configuration snapshot: references, the loops' pointers, look-ups. Building it is config_load.c. */
#include "core/site.h"

#include <stdlib.h>

#include "base/memory.h"

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
            lt_out_of_memory(0);
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

bool lt_switch_over(int64_t until_at)
{
    return until_at != 0 && lt_now_ms() >= until_at;
}

int lt_placement_switch_compare(const void *left, const void *right)
{
    const struct lt_placement_switch *a = left, *b = right;
    int c = compare_str(a->placement, b->placement);
    return c ? c : compare_str(a->action, b->action);
}

/* The rows of one course: they stand together. */
struct course_rows {
    const struct lt_place_switch *first;
    size_t n; /* with those of later courses */
    struct lt_str course;
};

static struct course_rows rows_of(const struct lt_site *site, struct lt_str course)
{
    struct lt_place_switch key = {.course_id = course, .location_id = LT_STR(""), .action = LT_STR("")};
    size_t low = 0, high = site->place_switches_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lt_place_switch_compare(&site->place_switches[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool any = low < site->place_switches_n && lt_str_eq(site->place_switches[low].course_id, course);
    return (struct course_rows){&site->place_switches[low], any ? site->place_switches_n - low : 0, course};
}

/* The row for exactly this place and action, if it counts now. */
static const struct lt_place_switch *row_at(const struct course_rows *rows, struct lt_str location, struct lt_str action)
{
    struct lt_place_switch key = {.course_id = rows->course, .location_id = location, .action = action};
    const struct lt_place_switch *s = bsearch(&key, rows->first, rows->n, sizeof(key), lt_place_switch_compare);
    return s && !lt_switch_over(s->until_at) ? s : NULL;
}

/* The row that switches the action off at one place: of all; else its own decides; else that of the others. */
static const struct lt_place_switch *off_at(const struct course_rows *rows, struct lt_str location, struct lt_str action)
{
    const struct lt_place_switch *s = row_at(rows, location, LT_STR(""));
    if (s && !s->enabled)
        return s;
    s = row_at(rows, location, action);
    if (!s && !lt_str_starts(action, LT_STR("service:")))
        s = row_at(rows, location, LT_STR(LT_SWITCH_OTHERS));
    return s && !s->enabled ? s : NULL;
}

const struct lt_place_switch *lt_place_switched_off(const struct lt_site *site, struct lt_str course, struct lt_str location, struct lt_str action)
{
    if (course.n == 0 || site->place_switches_n == 0)
        return NULL;
    struct course_rows rows = rows_of(site, course);
    const struct lt_place_switch *off = rows.n > 0 ? off_at(&rows, LT_STR(""), action) : NULL;
    return off || rows.n == 0 || location.n == 0 ? off : off_at(&rows, location, action);
}

const struct lt_placement_switch *lt_placement_switch_of(const struct lt_site *site, struct lt_str placement, struct lt_str action)
{
    struct lt_placement_switch key = {.placement = placement, .action = action};
    if (site->placement_switches_n == 0)
        return NULL;
    const struct lt_placement_switch *s =
        bsearch(&key, site->placement_switches, site->placement_switches_n, sizeof(key), lt_placement_switch_compare);
    return s && !lt_switch_over(s->until_at) ? s : NULL;
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

/* Eight bytes lead to the place; whether it is the key, the whole hash says, in the same time whatever it is. */
const struct lt_site_key *lt_config_key(const struct lt_config *c, const uint8_t hash[32])
{
    enum { INDEX = 8 };
    size_t low = 0, high = c->keys_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(c->keys[middle].hash, hash, INDEX) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < c->keys_n && memcmp(c->keys[low].hash, hash, INDEX) == 0; low++)
        if (lt_equal_ct(c->keys[low].hash, hash, 32))
            return &c->keys[low];
    return NULL;
}

const struct lt_jwt_issuer *lt_config_issuer(const struct lt_config *c, struct lt_str iss, struct lt_str aud)
{
    for (size_t i = 0; i < c->issuers_n; i++)
        if (lt_str_eq(c->issuers[i].iss, iss) && lt_str_eq(c->issuers[i].aud, aud))
            return &c->issuers[i];
    return NULL;
}

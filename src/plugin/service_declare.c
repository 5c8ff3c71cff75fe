/* Component manifests: what they say, merged in C3 order (M. Simionato, "The Python 2.3 Method Resolution Order"). */
#include <stdio.h>
#include <stdlib.h>

#include "plugin/service_private.h"

struct lt_component *lt_service_component_of(struct lt_services *s, struct lt_str name)
{
    struct lt_component *c = s->components;
    while (c && !lt_str_eq(c->name, name))
        c = c->next;
    return c;
}

static int by_service(const void *a, const void *b)
{
    return lt_str_compare(((const struct need *)a)->name->name, ((const struct need *)b)->name->name);
}

static struct need *find(struct need *list, size_t n, struct lt_str service)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = lt_str_compare(service, list[middle].name->name);
        if (order == 0)
            return &list[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct need *lt_component_need(const struct lt_component *c, struct lt_str service)
{
    const struct bound *b = lt_component_bound(c);
    return find(b->needs, b->n, service);
}

enum lt_strength lt_component_declares(const struct lt_component *c, struct lt_str service)
{
    const struct need *need = lt_component_need(c, service);
    return need ? need->r.strength : LT_STRENGTH_NONE;
}

enum lt_strength lt_component_declares_itself(const struct lt_component *c, struct lt_str service)
{
    pthread_mutex_lock(&c->services->lock);
    const struct need *need = find(c->own, c->own_n, service);
    enum lt_strength strength = need ? need->r.strength : LT_STRENGTH_NONE;
    pthread_mutex_unlock(&c->services->lock);
    return strength;
}

struct lt_str lt_component_service_at(const struct lt_component *c, size_t i)
{
    const struct bound *b = lt_component_bound(c);
    return i < b->n ? b->needs[i].name->name : LT_STR_NULL;
}

const char *lt_component_name(const struct lt_component *c)
{
    return c->name.p;
}

/* ---- checking ---- */

static enum lt_code check_requirement(const char *component, const struct lt_requirement *r, struct lt_error *err)
{
    if (!lt_registry_name_ok(lt_str(r->service)))
        return lt_fail(err, LT_ECONFIG, "component '%s': '%s' is not a valid name of a service", component, r->service ? r->service : "");
    if (r->strength != LT_STRENGTH_WANT && r->strength != LT_STRENGTH_NEED)
        return lt_fail(err, LT_ECONFIG, "component '%s': service '%s' is neither needed nor wanted", component, r->service);
    bool within = r->min_major >= 0 && r->min_minor >= 0 && r->min_major <= 9999 && r->min_minor <= 9999 && r->max_major <= 9999;
    if (!within || r->max_major < r->min_major)
        return lt_fail(err, LT_ECONFIG, "component '%s': service '%s': versions from %d.%d to %d are no window", component, r->service, r->min_major,
                       r->min_minor, r->max_major);
    return LT_OK;
}

static enum lt_code check_manifest(const struct lt_component_manifest *m, struct lt_error *err)
{
    size_t extends = 0;
    if (!lt_registry_name_ok(lt_str(m->name)))
        return lt_fail(err, LT_ECONFIG, "component '%s': not a valid name", m->name ? m->name : "");
    if (m->requires_n > LT_SERVICE_REQUIRES_MAX)
        return lt_fail(err, LT_ECONFIG, "component '%s': more than %d services", m->name, LT_SERVICE_REQUIRES_MAX);
    for (; m->extends && m->extends[extends]; extends++)
        if (extends == LT_SERVICE_EXTENDS_MAX || !lt_registry_name_ok(lt_str(m->extends[extends])))
            return lt_fail(err, LT_ECONFIG, "component '%s': extends more than %d, or what is no name", m->name, LT_SERVICE_EXTENDS_MAX);
    for (size_t i = 0; i < m->requires_n; i++)
        if (check_requirement(m->name, &m->requires[i], err))
            return err->code;
    return LT_OK;
}

/* ---- keeping ---- */

/* Of two for one service the later stays. */
static void put(struct need *list, size_t *n, struct service_name *name, const struct lt_requirement *r)
{
    size_t i = 0;
    while (i < *n && list[i].name != name)
        i++;
    list[i] = (struct need){.name = name, .r = *r};
    list[i].r.service = name->name.p;
    *n += i == *n;
}

static bool same_needs(const struct need *a, size_t a_n, const struct need *b, size_t b_n)
{
    bool same = a_n == b_n;
    for (size_t i = 0; same && i < a_n; i++) {
        const struct lt_requirement *r = &a[i].r, *o = &b[i].r;
        same = a[i].name == b[i].name && r->strength == o->strength && r->min_major == o->min_major && r->min_minor == o->min_minor &&
               r->max_major == o->max_major && r->strict == o->strict;
    }
    return same;
}

/* Kept in the arena, unless it says what it said before: who reads the same files again and again takes no memory. */
static void keep(struct lt_component *c, const struct lt_component_manifest *m)
{
    struct lt_services *s = c->services;
    struct need own[LT_SERVICE_REQUIRES_MAX];
    size_t own_n = 0, extends = 0;
    bool same = c->extends != NULL;
    for (size_t i = 0; i < m->requires_n; i++)
        put(own, &own_n, lt_service_name_of(s, lt_str(m->requires[i].service)), &m->requires[i]);
    qsort(own, own_n, sizeof(*own), by_service);
    for (; m->extends && m->extends[extends]; extends++)
        same = same && c->extends[extends] && strcmp(c->extends[extends], m->extends[extends]) == 0;
    if (!same || c->extends[extends]) {
        c->extends = LT_NEW_ARRAY(s->arena, const char *, extends + 1);
        for (size_t i = 0; i < extends; i++)
            c->extends[i] = lt_strz(s->arena, lt_str(m->extends[i]));
    }
    if (same_needs(own, own_n, c->own, c->own_n))
        return;
    c->own = LT_NEW_ARRAY(s->arena, struct need, own_n);
    for (size_t i = 0; i < own_n; i++)
        c->own[i] = own[i];
    c->own_n = own_n;
}

static struct lt_component *component_new(struct lt_services *s, const char *name)
{
    struct lt_component *c = LT_NEW(s->arena, struct lt_component);
    c->services = s;
    c->name = lt_str_copy(s->arena, lt_str(name));
    c->next = s->components;
    s->components = c;
    s->components_n++;
    snprintf(c->why, sizeof(c->why), "%s is not bound yet", name);
    return c;
}

static enum lt_code declare(struct lt_services *s, const struct lt_component_manifest *m, struct lt_error *err)
{
    struct lt_component *c = lt_service_component_of(s, lt_str(m->name));
    if (c && !c->stale && !c->gone)
        return lt_fail(err, LT_ECONFLICT, "component '%s' is declared already; its declarations are frozen", m->name);
    if (!c && s->components_n == LT_SERVICE_COMPONENTS_MAX)
        return lt_fail(err, LT_ECONFIG, "more than %d components", LT_SERVICE_COMPONENTS_MAX);
    if (!c)
        c = component_new(s, m->name);
    c->stale = c->gone = false;
    keep(c, m);
    for (struct lt_build *b = s->builds; b; b = b->next)
        if (strcmp(b->entry.plugin, m->name) == 0)
            atomic_store(&b->owner, c);
    return LT_OK;
}

enum lt_code lt_services_declare(struct lt_services *s, const struct lt_component_manifest *m, struct lt_error *err)
{
    struct lt_error ignored;
    err = err ? err : &ignored;
    if (check_manifest(m, err))
        return err->code;
    pthread_mutex_lock(&s->lock);
    enum lt_code rc = declare(s, m, err);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* ---- C3 ---- */

struct line {
    struct lt_component **p;
    size_t n;
};

static bool in_tail(const struct line *l, const struct lt_component *c)
{
    for (size_t i = 1; i < l->n; i++)
        if (l->p[i] == c)
            return true;
    return false;
}

/* The first head that is in no tail; NULL: there is none. */
static struct lt_component *good_head(const struct line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool good = lines[i].n > 0;
        for (size_t k = 0; good && k < n; k++)
            good = !in_tail(&lines[k], lines[i].p[0]);
        if (good)
            return lines[i].p[0];
    }
    return NULL;
}

/* False: the orders contradict each other. */
static bool merge(struct line *lines, size_t n, struct lt_component **out, size_t *ret_n)
{
    for (;;) {
        size_t left = 0;
        for (size_t i = 0; i < n; i++)
            left += lines[i].n;
        if (left == 0)
            return true;
        struct lt_component *head = good_head(lines, n);
        if (!head)
            return false;
        out[(*ret_n)++] = head;
        for (size_t i = 0; i < n; i++)
            if (lines[i].n > 0 && lines[i].p[0] == head) {
                lines[i].p++;
                lines[i].n--;
            }
    }
}

/* In the scratch arena. */
static struct bound merge_declarations(struct lt_arena *scratch, const struct lt_component *c)
{
    struct bound b = {0};
    size_t most = 0;
    for (size_t i = 0; i < c->order_n; i++)
        most += c->order[i]->own_n;
    b.needs = LT_NEW_ARRAY(scratch, struct need, most);
    for (size_t i = c->order_n; i-- > 0;) /* from the root, so that the more derived overwrites */
        for (size_t k = 0; k < c->order[i]->own_n; k++)
            put(b.needs, &b.n, c->order[i]->own[k].name, &c->order[i]->own[k].r);
    qsort(b.needs, b.n, sizeof(*b.needs), by_service);
    return b;
}

/* Depth is bounded by the components on the way: a circle comes to `depth` above their number. */
static bool linearise(struct lt_arena *scratch, struct lt_component *c, size_t depth)
{
    struct lt_services *s = c->services;
    struct lt_component *parents[LT_SERVICE_EXTENDS_MAX], **out;
    struct line lines[LT_SERVICE_EXTENDS_MAX + 1];
    size_t n = 0, out_n = 1;
    if (c->order)
        return true;
    for (; c->extends[n]; n++) {
        struct lt_component *parent = lt_service_component_of(s, lt_str(c->extends[n]));
        parents[n] = parent && !parent->gone ? parent : NULL;
        if (!parents[n] || depth > 64 || !linearise(scratch, parents[n], depth + 1)) {
            snprintf(c->why, sizeof(c->why), "%s extends '%s', which %s", c->name.p, c->extends[n],
                     !parents[n] ? "is not there" : depth > 64 ? "extends it in a circle" : "cannot be resolved");
            return false;
        }
        lines[n] = (struct line){parents[n]->order, parents[n]->order_n};
    }
    lines[n] = (struct line){parents, n};
    out = LT_NEW_ARRAY(scratch, struct lt_component *, s->components_n);
    out[0] = c;
    if (!merge(lines, n + 1, out, &out_n)) {
        snprintf(c->why, sizeof(c->why), "%s extends components in orders that contradict each other", c->name.p);
        return false;
    }
    c->order = out;
    c->order_n = out_n;
    return true;
}

/* ---- binding ---- */

static void forget(struct lt_component *c)
{
    c->gone = true;
    snprintf(c->why, sizeof(c->why), "%s is declared no more", c->name.p);
    for (struct lt_build *b = c->services->builds; b; b = b->next)
        if (atomic_load(&b->owner) == c)
            atomic_store(&b->owner, NULL);
}

/* What it says from now on; the old list stays for who reads it. */
static void publish(struct lt_component *c, struct bound now)
{
    struct lt_services *s = c->services;
    const struct bound *old = lt_component_bound(c);
    if (atomic_load(&c->bound) && same_needs(old->needs, old->n, now.needs, now.n))
        return;
    struct bound *b = LT_NEW(s->arena, struct bound);
    *b = (struct bound){LT_NEW_ARRAY(s->arena, struct need, now.n), now.n};
    for (size_t i = 0; i < now.n; i++)
        b->needs[i] = now.needs[i];
    for (size_t i = 0; i < old->n; i++)
        lt_service_changed(s, old->needs[i].name);
    atomic_store(&c->bound, b);
    for (size_t i = 0; i < b->n; i++)
        lt_service_changed(s, b->needs[i].name);
}

void lt_services_redeclare(struct lt_services *s)
{
    pthread_mutex_lock(&s->lock);
    for (struct lt_component *c = s->components; c; c = c->next)
        c->stale = !c->gone;
    pthread_mutex_unlock(&s->lock);
}

void lt_services_bind(struct lt_services *s)
{
    struct lt_arena *scratch = lt_arena_new();
    pthread_mutex_lock(&s->lock);
    for (struct lt_component *c = s->components; c; c = c->next) {
        if (c->stale)
            forget(c);
        c->stale = c->resolved = false;
        c->order = NULL;
    }
    for (struct lt_component *c = s->components; c; c = c->next)
        c->resolved = !c->gone && linearise(scratch, c, 0);
    for (struct lt_component *c = s->components; c; c = c->next)
        publish(c, c->resolved ? merge_declarations(scratch, c) : (struct bound){0});
    s->bound = true;
    lt_service_touch(s, NULL);
    pthread_mutex_unlock(&s->lock);
    lt_arena_free(scratch);
}

struct lt_component *lt_services_component(struct lt_services *s, struct lt_str name)
{
    pthread_mutex_lock(&s->lock);
    struct lt_component *c = lt_service_component_of(s, name);
    c = c && !c->gone ? c : NULL;
    pthread_mutex_unlock(&s->lock);
    return c;
}

struct lt_component *lt_services_component_at(struct lt_services *s, size_t i)
{
    pthread_mutex_lock(&s->lock);
    struct lt_component *c = s->components;
    for (; c && (c->gone || i-- > 0); c = c->next)
        ;
    pthread_mutex_unlock(&s->lock);
    return c;
}

/* Offers: what is provided, in which state, how it fares in each site. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "plugin/service_private.h"

static const char *keep(struct lt_arena *arena, const char *text)
{
    return lt_strz(arena, lt_str(text ? text : ""));
}

struct service_name *lt_service_name_of(struct lt_services *s, struct lt_str name)
{
    struct service_name *n = s->names;
    while (n && !lt_str_eq(n->name, name))
        n = n->next;
    if (!n) {
        n = LT_NEW(s->arena, struct service_name);
        n->name = lt_str_copy(s->arena, name);
        n->next = s->names;
        s->names = n;
    }
    return n;
}

void lt_service_changed(struct lt_services *s, struct service_name *name)
{
    uint64_t generation = atomic_fetch_add(&s->generation, 1) + 1;
    atomic_store(&name->changed_at, generation);
}

void lt_service_touch(struct lt_services *s, struct service_name *name)
{
    if (s->bound)
        lt_service_activate(s);
    if (name)
        lt_service_changed(s, name);
    else
        atomic_fetch_add(&s->generation, 1);
}

uint64_t lt_services_generation(struct lt_services *s)
{
    return atomic_load(&s->generation);
}

uint64_t lt_services_changed_at(struct lt_services *s, struct lt_str service)
{
    uint64_t at = 0;
    pthread_mutex_lock(&s->lock);
    for (struct service_name *n = s->names; n; n = n->next)
        if (lt_str_eq(n->name, service))
            at = atomic_load(&n->changed_at);
    pthread_mutex_unlock(&s->lock);
    return at;
}

struct lt_services *lt_services_new(void)
{
    struct lt_services *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(0);
    pthread_mutex_init(&s->lock, NULL);
    s->arena = lt_arena_new();
    atomic_store(&s->generation, (uint64_t)lt_now_ms());
    return s;
}

static void close_slots(struct lt_build *b)
{
    for (size_t i = 0; i < SLOT_BUCKETS; i++)
        for (struct slot *slot = b->slots[i]; slot; slot = slot->next)
            if (slot->opened) {
                slot->opened = false;
                if (b->offer.close)
                    b->offer.close(b->offer.ctx, slot->instance);
            }
}

static void build_free(struct lt_build *b)
{
    lt_registry_leave(&b->entry);
    close_slots(b);
    if (b->offer.retired && !atomic_load(&b->told))
        b->offer.retired(b->offer.ctx);
    pthread_mutex_destroy(&b->lock);
    lt_arena_free(b->arena);
    free(b);
}

void lt_services_free(struct lt_services *s)
{
    if (!s)
        return;
    for (struct lt_build *b = s->builds, *next; b; b = next) {
        next = b->next;
        build_free(b);
    }
    pthread_mutex_destroy(&s->lock);
    lt_arena_free(s->arena);
    free(s);
}

/* ---- offering ---- */

static enum lt_code check_offer(const struct lt_service_offer *o, struct lt_error *err)
{
    if (!lt_registry_name_ok(lt_str(o->name)))
        return lt_fail(err, LT_ECONFIG, "service '%s': not a valid name (lower-case letter, then letters, digits, _ . -, at most 63)",
                       o->name ? o->name : "");
    if (!lt_registry_name_ok(lt_str(o->plugin)))
        return lt_fail(err, LT_ECONFIG, "service '%s': '%s' is not a valid plugin id", o->name, o->plugin ? o->plugin : "");
    if (o->major < 0 || o->major > 9999 || o->minor < 0 || o->minor > 9999)
        return lt_fail(err, LT_ECONFIG, "service '%s' of plugin '%s': version %d.%d is not within 0.0 and 9999.9999", o->name, o->plugin, o->major,
                       o->minor);
    if (o->state != LT_SERVICE_STARTING && o->state != LT_SERVICE_ACTIVE)
        return lt_fail(err, LT_ECONFIG, "service '%s' of plugin '%s': begins neither starting nor active", o->name, o->plugin);
    return LT_OK;
}

static struct lt_build *build_new(struct lt_services *s, const struct lt_service_offer *o)
{
    struct lt_build *b = calloc(1, sizeof(*b));
    if (!b)
        lt_out_of_memory(0);
    b->services = s;
    b->arena = lt_arena_new();
    pthread_mutex_init(&b->lock, NULL);
    b->offer = *o;
    b->entry = (struct lt_entry){LT_KIND_SERVICE, keep(b->arena, o->name), keep(b->arena, o->title), keep(b->arena, o->description),
                                 keep(b->arena, o->plugin), o->major, o->minor, o->rank, b};
    b->offer.permission = o->permission ? keep(b->arena, o->permission) : NULL;
    atomic_store(&b->state, (int)o->state);
    return b;
}

static struct lt_build *live_build(struct lt_services *s, const struct lt_entry *e)
{
    struct lt_build *b = s->builds;
    while (b && (atomic_load(&b->replaced) || b->entry.major != e->major || strcmp(b->entry.name, e->name) != 0 || strcmp(b->entry.plugin, e->plugin) != 0))
        b = b->next;
    return b;
}

static enum lt_code offer(struct lt_services *s, const struct lt_service_offer *o, struct lt_build **ret_old, struct lt_error *err)
{
    if (s->builds_n >= LT_REGISTRY_JOINS)
        return lt_fail(err, LT_EOVERLOADED, "service '%s': %d were offered since the start; start again", o->name, LT_REGISTRY_JOINS);
    struct lt_build *b = build_new(s, o);
    *ret_old = live_build(s, &b->entry);
    b->name = lt_service_name_of(s, lt_str(b->entry.name));
    atomic_store(&b->owner, lt_service_component_of(s, lt_str(b->entry.plugin)));
    if (lt_registry_join(&b->entry, err)) { /* else readers see it from here on */
        b->offer.retired = NULL;            /* it never was in use */
        build_free(b);
        return err->code;
    }
    b->next = s->builds;
    s->builds = b;
    s->builds_n++;
    if (*ret_old)
        atomic_store(&(*ret_old)->replaced, true);
    lt_service_touch(s, b->name);
    return LT_OK;
}

enum lt_code lt_services_offer(struct lt_services *s, const struct lt_service_offer *o, struct lt_error *err)
{
    struct lt_build *old = NULL;
    struct lt_error ignored;
    err = err ? err : &ignored;
    if (check_offer(o, err))
        return err->code;
    pthread_mutex_lock(&s->lock);
    enum lt_code rc = offer(s, o, &old, err);
    pthread_mutex_unlock(&s->lock);
    if (!rc && old) {
        pthread_mutex_lock(&old->lock);
        lt_build_settle_unlock(old);
    }
    return rc;
}

/* ---- states ---- */

enum lt_service_state lt_build_state(const struct lt_build *b)
{
    enum lt_service_state state = (enum lt_service_state)atomic_load_explicit(&b->state, memory_order_acquire);
    if (state == LT_SERVICE_DRAINING && lt_mono_ms() >= atomic_load(&b->drain_until))
        return LT_SERVICE_INACTIVE;
    return state;
}

void lt_build_settle_unlock(struct lt_build *b)
{
    bool replaced = atomic_load(&b->replaced), last = false;
    int state = atomic_load(&b->state);
    if (atomic_load(&b->leases) == 0 && (replaced || state == LT_SERVICE_DRAINING || state == LT_SERVICE_INACTIVE)) {
        close_slots(b);
        last = replaced && !atomic_exchange(&b->told, true);
    }
    pthread_mutex_unlock(&b->lock);
    if (last && b->offer.retired)
        b->offer.retired(b->offer.ctx);
}

static bool meant(const struct lt_build *b, const char *plugin, const char *service)
{
    return strcmp(b->entry.plugin, plugin) == 0 && (!service || strcmp(b->entry.name, service) == 0);
}

/* Which offers are meant, and what becomes of them. */
struct change {
    const char *plugin, *service; /* service NULL: all of the plugin's */
    int major;                    /* -1: any */
    bool in_use;                  /* only those that are starting or active */
    enum lt_service_state state;
    uint64_t until;
};

static bool concerns(const struct change *c, const struct lt_build *b)
{
    if (atomic_load(&b->replaced) || !meant(b, c->plugin, c->service) || (c->major >= 0 && b->entry.major != c->major))
        return false;
    int state = atomic_load(&b->state);
    return !c->in_use || state == LT_SERVICE_STARTING || state == LT_SERVICE_ACTIVE;
}

static size_t move(struct lt_services *s, const struct change *c)
{
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (struct lt_build *b = s->builds; b; b = b->next) {
        if (!concerns(c, b))
            continue;
        pthread_mutex_lock(&b->lock);
        bool same = c->in_use && atomic_load(&b->state) == (int)c->state;
        atomic_store(&b->drain_until, c->until);
        atomic_store(&b->state, (int)c->state);
        lt_build_settle_unlock(b);
        if (!same)
            lt_service_touch(s, b->name);
        n++;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t lt_services_set_state(struct lt_services *s, const char *plugin, const char *service, enum lt_service_state state)
{
    return move(s, &(struct change){.plugin = plugin, .service = service, .major = -1, .state = state});
}

void lt_services_ready(struct lt_services *s, const char *plugin, bool up)
{
    move(s, &(struct change){.plugin = plugin, .major = -1, .in_use = true, .state = up ? LT_SERVICE_ACTIVE : LT_SERVICE_STARTING});
}

size_t lt_services_drain(struct lt_services *s, const char *plugin, const char *service, uint64_t deadline_ms)
{
    return lt_services_drain_major(s, plugin, service, -1, deadline_ms);
}

size_t lt_services_drain_major(struct lt_services *s, const char *plugin, const char *service, int major, uint64_t deadline_ms)
{
    return move(s, &(struct change){.plugin = plugin, .service = service, .major = major, .state = LT_SERVICE_DRAINING, .until = deadline_ms});
}

size_t lt_services_leases(struct lt_services *s, const char *plugin, const char *service)
{
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (struct lt_build *b = s->builds; b; b = b->next)
        if (meant(b, plugin, service))
            n += atomic_load(&b->leases);
    pthread_mutex_unlock(&s->lock);
    return n;
}

enum lt_code lt_services_host_null(struct lt_services *s, const char *service, bool null, struct lt_error *err)
{
    if (!lt_registry_name_ok(lt_str(service)))
        return lt_fail(err, LT_ECONFIG, "service '%s': not a valid name", service);
    pthread_mutex_lock(&s->lock);
    struct service_name *n = lt_service_name_of(s, lt_str(service));
    atomic_store(&n->host_null, null);
    lt_service_touch(s, n);
    pthread_mutex_unlock(&s->lock);
    return LT_OK;
}

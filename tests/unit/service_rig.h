/* A registry of services with two sites, and the shortest words for offering, declaring and asking. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "core/caller.h"
#include "plugin/service.h"
#include "text/json.h"

#define CHECK(x)                      \
    do {                              \
        if (!(x))                     \
            return #x;                \
    } while (0)

struct greeter { /* a vtable; `later` came with a newer version */
    uint32_t size;
    int (*hello)(void *instance);
    int (*later)(void *instance);
};

struct rig {
    struct lt_services *s;
    struct lt_arena *arena;
    struct lt_site t1, t2;
    struct lt_caller alice, bob; /* of t1 and of t2 */
    struct lt_place place;
    struct lt_lease lease;
    struct lt_error err;
    char why[400];
};

static inline void rig_open(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    lt_log_set_level(LT_LOG_ERROR);
    lt_registry_reset();
    lt_registry_seal();
    r->s = lt_services_new();
    r->arena = lt_arena_new();
    r->t1 = (struct lt_site){.id = 1, .slug = LT_STR("t1"), .enabled = true};
    r->t2 = (struct lt_site){.id = 2, .slug = LT_STR("t2"), .enabled = true};
    r->alice = (struct lt_caller){.site = &r->t1, .user_id = LT_STR("alice"), .roles = 1u << LT_ROLE_STUDENT};
    r->bob = (struct lt_caller){.site = &r->t2, .user_id = LT_STR("bob"), .roles = 1u << LT_ROLE_STUDENT};
    r->place = (struct lt_place){.course_id = LT_STR("course"), .location_id = LT_STR("unit")};
}

static inline void rig_close(struct rig *r)
{
    lt_service_release(&r->lease);
    lt_services_free(r->s);
    lt_registry_reset();
    lt_arena_free(r->arena);
}

static inline void rig_again(struct rig *r)
{
    rig_close(r);
    rig_open(r);
}

static inline enum lt_code give(struct rig *r, struct lt_service_offer o)
{
    o.state = o.state ? o.state : LT_SERVICE_ACTIVE;
    return lt_services_offer(r->s, &o, &r->err);
}
/* give(r, OFFER("ai", "plugin", 1, 0, 100)) */
#define OFFER(name_, plugin_, major_, minor_, rank_, ...) \
    ((struct lt_service_offer){.name = (name_), .plugin = (plugin_), .major = (major_), .minor = (minor_), .rank = (rank_), \
                               .state = LT_SERVICE_ACTIVE, __VA_ARGS__})

/* The manifest with ' for ". */
static inline enum lt_code declare(struct rig *r, const char *manifest)
{
    const struct lt_json *v;
    char *text = lt_strz(r->arena, lt_str(manifest));
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (lt_json_parse(r->arena, lt_str(text), LT_JSON_STRICT, &v, &r->err))
        return r->err.code;
    return lt_services_declare_json(r->s, r->arena, v, &r->err);
}

static inline struct lt_component *comp(struct rig *r, const char *name)
{
    return lt_services_component(r->s, lt_str(name));
}

/* Acquires into r->lease, after giving back what was there. */
static inline enum lt_service_status ask_as(struct rig *r, const struct lt_caller *caller, const char *component, const char *service)
{
    lt_service_release(&r->lease);
    return lt_service_acquire(comp(r, component), lt_str(service), caller, &r->place, &r->lease);
}

static inline enum lt_service_status ask(struct rig *r, const char *component, const char *service)
{
    return ask_as(r, &r->alice, component, service);
}

static inline enum lt_strength says(struct rig *r, const char *component, const char *service)
{
    return lt_component_declares(comp(r, component), lt_str(service));
}

/* Whose lease it is; "" without one. */
static inline bool from(const struct rig *r, const char *plugin)
{
    return r->lease.build && strcmp(r->lease.entry->plugin, plugin) == 0;
}

static inline void choose(struct rig *r, struct lt_site *site, const char *service, const char *const *plugins, size_t n, bool any)
{
    struct lt_service_choice *c = LT_NEW(r->arena, struct lt_service_choice);
    c->service = lt_str(service);
    c->plugins = LT_NEW_ARRAY(r->arena, struct lt_str, n);
    for (size_t i = 0; i < n; i++)
        c->plugins[i] = lt_str(plugins[i]);
    c->plugins_n = n;
    c->any = any;
    site->service_choices = c;
    site->service_choices_n = 1;
}

static inline struct lt_service_answer explained(struct rig *r, const char *component, const char *service)
{
    struct lt_service_answer a;
    lt_service_explain(r->s, component ? comp(r, component) : NULL, lt_str(service), &r->alice, &r->place, r->arena, &a);
    return a;
}

/* The cases that need plugins, in service_cases_plugin.c: NULL, or what does not hold. */
const char *case_r15(struct rig *r);
const char *case_r21(struct rig *r);
const char *case_r22(struct rig *r);
const char *case_r23(struct rig *r);

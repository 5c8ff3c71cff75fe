/*
 * Services: named capabilities that a component needs or wants (reference: xblock.md §1.6, §2.3, §4.1, §4.2).
 *
 * Providers offer, components declare, then lt_services_bind() resolves: the order of offers and declarations never matters. Every offer is
 * an entry of the one registry (core/registry.h). At run time a component acquires a lease for one site, user and place, calls through it
 * and releases it. A lease is a snapshot: nothing that happens to another lease or to the registry changes whom or what it is for.
 *
 * Threads: everything here may be called from any thread and from fibers; nothing here blocks on I/O. One lease is used by one thread at a time.
 * Memory: what is given in is copied, unless it says otherwise; code, vtables and ctx of a provider stay valid for the life of the process
 * (nothing is ever unloaded: a new build comes from a new path and takes the place of the old one).
 */
#pragma once
#include <stddef.h>

#include "core/caller.h"
#include "core/registry.h"
#include "text/json.h"

/* X(symbol, name in the API, what it says) */
#define LT_SERVICE_STATUSES(X)                                                      \
    X(OK, "ok", "can be used")                                                      \
    X(UNDECLARED, "undeclared", "the component neither needs nor wants it")         \
    X(ABSENT, "absent", "nobody provides it")                                       \
    X(DISABLED, "disabled", "switched off")                                         \
    X(DENIED, "denied", "not for this caller")                                      \
    X(AMBIGUOUS, "ambiguous", "several provide it, and the component is strict")    \
    X(VERSION, "version", "provided in other versions only")                        \
    X(FAULTED, "faulted", "left alone after faults")                                \
    X(BUSY, "busy", "starting, or all leases are taken")                            \
    X(GONE, "gone", "the lease is no longer good")                                  \
    X(TIMEOUT, "timeout", "did not answer in time")                                 \
    X(INVALID, "invalid", "the question is not valid")                              \
    X(NOMEM, "nomem", "no room for another instance")

enum lt_service_status {
#define X(symbol, name, text) LT_SERVICE_##symbol,
    LT_SERVICE_STATUSES(X)
#undef X
        LT_SERVICE_STATUS_COUNT
};
const char *lt_service_status_name(enum lt_service_status status);
const char *lt_service_status_text(enum lt_service_status status);

enum {
    LT_SERVICE_NAME_MAX = 63,      /* bytes; names are [a-z][a-z0-9_.-]{0,62}, compared byte by byte */
    LT_SERVICE_REQUIRES_MAX = 64,  /* in one manifest */
    LT_SERVICE_EXTENDS_MAX = 16,
    LT_SERVICE_COMPONENTS_MAX = 1024,
    LT_SERVICE_OFFERS_MAX = 1024,
    LT_SERVICE_INSTANCES_MAX = 4096, /* sites that one offer serves at once */
    LT_SERVICE_LEASES_MAX = 65536, /* of one offer at once */
    LT_SERVICE_CHOICE_MAX = 16,    /* plugins that a site lists for one service */
};

struct lt_services; /* all of a process */

/* ---- what providers say ---- */

enum lt_service_state {
    LT_SERVICE_STARTING,   /* declared, not ready: BUSY */
    LT_SERVICE_ACTIVE,
    LT_SERVICE_DRAINING,   /* no new leases; those that are out may go on until the deadline */
    LT_SERVICE_INACTIVE,   /* switched off: DISABLED; leases that are out are GONE */
};

struct lt_service_offer {
    const char *name, *title, *description;
    const char *plugin;      /* the plugin's id; "builtin": the host itself, which goes before plugins that the site has not named */
    int major, minor;        /* of the service's contract, each 0 to 9999 */
    int rank;                /* default 100; <= 0: only when a site names the plugin */
    const char *permission;  /* that a caller must have here, as for lt_permitted(); NULL: none */
    enum lt_service_state state; /* STARTING or ACTIVE */
    const void *vtable;      /* begins with its own size in bytes, a uint32_t; NULL for services that are only announced. Append-only */
    void *ctx;               /* for the functions below */
    /*
     * Makes the instance for one site, at its first lease; NULL: ctx is the instance of every site. Called on the acquiring thread, one call
     * at a time; must neither block nor call anything of this header. A failure counts as a fault, and the next candidate is asked.
     * LT_EAGAIN: not ready yet (BUSY, no fault).
     */
    enum lt_code (*open)(void *ctx, struct lt_str site, void **ret_instance, struct lt_error *err);
    /* Ends an instance. Any thread, after the last lease of a build that was taken out of use or replaced, or at lt_services_free(). May be NULL. */
    void (*close)(void *ctx, void *instance);
    /* Once, after all instances are closed: the build is out of use. Any thread. May be NULL. */
    void (*retired)(void *ctx);
};

/* One vtable of a service as the consumer sees it: does the provider's reach as far as this member, and is it there? (R7, R8) */
#define LT_SERVICE_HAS(type, vtable, member)                                                                               \
    ((vtable) != NULL && *(const uint32_t *)(const void *)(vtable) >= offsetof(type, member) + sizeof((vtable)->member) && \
     (vtable)->member != NULL)

/* Makes an empty one. The registry's entries of LT_KIND_SERVICE are its own; there is one in a process, tests make one after another. */
struct lt_services *lt_services_new(void);
/* After all threads that use it have ended. Leases that are still out must not be used any more. NULL is allowed. */
void lt_services_free(struct lt_services *s);

/*
 * Offers a service, before or after lt_services_bind(). One of the same name, plugin and major is replaced: new leases get the new build, old ones
 * finish on the old (R18). LT_ECONFIG: a name, plugin id or version that is not valid, or too many offers.
 */
enum lt_code lt_services_offer(struct lt_services *s, const struct lt_service_offer *offer, struct lt_error *err);
/* Moves all offers of the plugin (service NULL) or one of its services to ACTIVE or STARTING. How many were moved. */
size_t lt_services_set_state(struct lt_services *s, const char *plugin, const char *service, enum lt_service_state state);
/* A plugin has come up, or is to be started: its offers that are not taken out of use become ACTIVE or STARTING. */
void lt_services_ready(struct lt_services *s, const char *plugin, bool up);
/*
 * Takes it out of use: no new leases from now on (DISABLED), the old ones may finish until deadline_ms (monotonic), then they are GONE. Returns at
 * once; lt_services_leases() tells how many are out. lt_services_set_state(…, ACTIVE) puts it back.
 */
size_t lt_services_drain(struct lt_services *s, const char *plugin, const char *service, uint64_t deadline_ms);
/* The same of one major version: a newer build has it no more. */
size_t lt_services_drain_major(struct lt_services *s, const char *plugin, const char *service, int major, uint64_t deadline_ms);
/* Leases that are out, of all builds of the plugin (service NULL: of all its services). */
size_t lt_services_leases(struct lt_services *s, const char *plugin, const char *service);
/* Quarantined from outside until then (wall clock, ms; 0: no more): FAULTED for every site, nothing of it is started. */
void lt_services_quarantine(struct lt_services *s, const char *plugin, int64_t until_ms, const char *why);
/* The host says that there is no such service here: DISABLED whoever offers it (P3). false takes it back. LT_ECONFIG: not a name. */
enum lt_code lt_services_host_null(struct lt_services *s, const char *service, bool null, struct lt_error *err);

/* ---- what components say ---- */

enum lt_strength { LT_STRENGTH_NONE, LT_STRENGTH_WANT, LT_STRENGTH_NEED };

struct lt_requirement {
    const char *service;
    enum lt_strength strength;
    int min_major, min_minor, max_major; /* major within [min_major, max_major], in min_major minor ≥ min_minor; all 0: any version */
    bool strict;             /* equal candidates are AMBIGUOUS, not selected by plugin id */
};

struct lt_component_manifest {
    const char *name;        /* as of services */
    const char *const *extends; /* components, nearest first, NULL-terminated; may be NULL. Merged in C3 order, the more derived declaration wins */
    const struct lt_requirement *requires; /* in order: of two for one service the later wins */
    size_t requires_n;
};

struct lt_component;

/* Phase one. LT_ECONFIG: not valid; LT_ECONFLICT: there is one of that name, whose declarations are frozen (D10). */
enum lt_code lt_services_declare(struct lt_services *s, const struct lt_component_manifest *manifest, struct lt_error *err);
/*
 * The same from a manifest's JSON: {"component":"…", "extends":["…"], "needs":[{"service":"ai","min":"1.2","max_major":1,"strict":false}],
 * "wants":[…]}; an item may be just the name. A service in both is needed or wanted as the member says that comes last.
 * arena: for what is needed meanwhile. LT_EINVALID_INPUT with the field: the manifest is not right.
 */
enum lt_code lt_services_declare_json(struct lt_services *s, struct lt_arena *arena, const struct lt_json *manifest, struct lt_error *err);
/*
 * Phase two, after all that is known at start has been offered and declared, and again whenever it is wished: merges declarations, decides which
 * components are active. One whose need nobody can meet is inactive and lt_component_why() says so; that is no error of this function.
 */
void lt_services_bind(struct lt_services *s);
/*
 * All components are about to be declared anew: each may be, once, until lt_services_bind(), which forgets those that were not. Until then
 * everybody goes on with what was bound. Leases that are out stay good.
 */
void lt_services_redeclare(struct lt_services *s);
/* NULL: there is none. One that is not bound yet declares nothing. It stays valid until lt_services_free(). */
struct lt_component *lt_services_component(struct lt_services *s, struct lt_str name);
/* The i-th of those that are declared, in no order; NULL: no more. */
struct lt_component *lt_services_component_at(struct lt_services *s, size_t i);
const char *lt_component_name(const struct lt_component *c);
/* May it run in the site (NULL: anywhere)? No: `why` (400 bytes, may be NULL) names the service, the versions and the reason. */
bool lt_component_active(struct lt_component *c, const struct lt_site *site, char why[400]);
/* What it says of a service, in the end and by itself. */
enum lt_strength lt_component_declares(const struct lt_component *c, struct lt_str service);
enum lt_strength lt_component_declares_itself(const struct lt_component *c, struct lt_str service);
/* The i-th service that it needs or wants in the end, by name; {NULL, 0}: no more. */
struct lt_str lt_component_service_at(const struct lt_component *c, size_t i);

/* ---- leases ---- */

struct lt_build; /* private: the code behind an offer */

struct lt_lease {            /* the caller's memory; members are read only through the functions */
    struct lt_build *build;
    void *instance;
    void *slot;              /* of the site */
    const struct lt_entry *entry;
    uint64_t generation;     /* of the services when it was given */
    struct lt_str site, user_id, course_id, location_id, placement; /* in text */
    unsigned roles;
    char text[1024];
};

/*
 * Asks for a service for this caller at this place. OK: *ret is a lease, to be released. Never waits, never throws; for a want that is
 * absent it costs one lock-free look. INVALID: user and place together are longer than 1024 bytes.
 */
__attribute__((warn_unused_result)) enum lt_service_status lt_service_acquire(struct lt_component *c, struct lt_str service,
                                                                              const struct lt_caller *caller, const struct lt_place *place,
                                                                              struct lt_lease *ret);
/* What lt_service_acquire() would say now, without any effect: nothing is started, counted or recorded (R26). */
__attribute__((warn_unused_result)) enum lt_service_status lt_service_probe(struct lt_component *c, struct lt_str service,
                                                                            const struct lt_caller *caller, const struct lt_place *place);
/* Around each call through the lease. GONE: do not call, release it. OK: lt_lease_leave() must follow; nothing is closed before that. */
__attribute__((warn_unused_result)) enum lt_service_status lt_lease_enter(struct lt_lease *lease);
/* How the call went: OK; TIMEOUT or FAULTED count as faults of the provider for this site. */
void lt_lease_leave(struct lt_lease *lease, enum lt_service_status how, const char *why);
/* The vtable of the lease's build and the site's instance, for calls between enter and leave. */
const void *lt_lease_vtable(const struct lt_lease *lease);
void *lt_lease_instance(const struct lt_lease *lease);
/* Gives it back; once. A lease that is all zero is allowed. */
void lt_service_release(struct lt_lease *lease);

/* ---- explaining ---- */

struct lt_service_candidate {
    const struct lt_entry *entry;
    enum lt_service_status status; /* OK: it could be taken */
    const char *reason;            /* in the arena */
};

struct lt_service_answer {
    enum lt_service_status status;
    const struct lt_entry *granted; /* OK only */
    const char *reason;            /* in the arena; a sentence for administrators */
    enum lt_strength strength;
    struct lt_service_candidate *candidates; /* in the order in which they would be asked */
    size_t candidates_n;
    int64_t retry_after_ms;        /* FAULTED: until it is tried again; 0 else */
};

/* As lt_service_probe(), and says why. c NULL: the host itself asks, which has declared everything and takes any version. */
void lt_service_explain(struct lt_services *s, struct lt_component *c, struct lt_str service, const struct lt_caller *caller,
                        const struct lt_place *place, struct lt_arena *arena, struct lt_service_answer *ret);

/* Raised by each change of an offer, a state, a quarantine, a host null, a circuit. Begins at the time of day: it does not fall at a restart. */
uint64_t lt_services_generation(struct lt_services *s);
/* The generation in which the service's own answer last changed; 0: never heard of. */
uint64_t lt_services_changed_at(struct lt_services *s, struct lt_str service);

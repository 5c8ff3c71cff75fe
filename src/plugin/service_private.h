/* Shared by service_*.c only: what a struct lt_services is made of. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/clock.h"
#include "plugin/service.h"

enum {
    SLOT_BUCKETS = 64,
    FAULTS_MAX = 3,             /* in a row; then the provider is left alone */
    BACKOFF_FIRST_MS = 5000,    /* doubled by each opening without a success between */
    BACKOFF_MAX_MS = 15 * 60 * 1000,
    UNDECLARED_NOTED = 16,      /* names of one component that are logged, once each */
};

/* A service's name as it was first heard of; stays. */
struct service_name {
    struct service_name *next;
    struct lt_str name;
    atomic_bool host_null;
    atomic_uint_fast64_t changed_at;
};

/* A provider's instance and health in one site. */
struct slot {
    struct slot *next;
    struct lt_str site;
    bool opened;
    void *instance;
    int faults, openings;       /* in a row; circuits opened without a success between */
    uint64_t until_ms;          /* monotonic; left alone until then */
    char why[200];              /* of the last fault */
};

struct lt_build {
    struct lt_build *next;      /* of all that ever were */
    struct lt_services *services;
    struct lt_arena *arena;     /* texts and slots; under the lock */
    struct lt_entry entry;      /* its impl is this build */
    struct lt_service_offer offer;
    struct service_name *name;
    struct lt_component *_Atomic owner; /* the component of the plugin's name, or NULL */
    pthread_mutex_t lock;       /* for slots, and for the moment between a state and a lease */
    atomic_int state;           /* enum lt_service_state */
    atomic_bool replaced, told; /* by a newer build; retired() was called */
    atomic_bool troubled;       /* a slot has faults: only then are slots looked at before a lease */
    atomic_uint_fast64_t drain_until; /* monotonic ms */
    atomic_int_fast64_t quarantined_until; /* wall clock ms */
    char quarantine_why[200];
    atomic_size_t leases;
    struct slot *slots[SLOT_BUCKETS];
    size_t slots_n;
};

/* One merged or own declaration. */
struct need {
    struct service_name *name;
    struct lt_requirement r;    /* its service is name->name */
    atomic_uint_fast64_t absent_at; /* the generation in which nobody offered it; 0: not known */
};

/* What a component says in the end. Read without a lock; replaced as a whole. */
struct bound {
    struct need *needs;         /* sorted by service */
    size_t n;
};

struct lt_component {
    struct lt_services *services;
    struct lt_component *next;
    struct lt_str name;
    struct bound *_Atomic bound; /* NULL: not yet */
    atomic_bool active;
    /* ---- under services->lock ---- */
    const char **extends;       /* NULL-terminated */
    struct need *own;           /* sorted by service */
    size_t own_n;
    bool stale;                 /* was declared before lt_services_redeclare(), and not since */
    bool gone;                  /* nobody declares it any more */
    bool resolved;              /* all that it extends is there, in an order */
    struct lt_component **order; /* C3, itself first; while it is being bound */
    size_t order_n;
    bool settled;               /* active, as it is being decided; under services->lock */
    char why[400];              /* not active; under services->lock */
    atomic_uint_fast64_t undeclared[UNDECLARED_NOTED]; /* hashes of names that it asked for without declaring them */
};

struct lt_services {
    pthread_mutex_t lock;       /* for changes; never taken on the way of a lease */
    struct lt_arena *arena;
    atomic_uint_fast64_t generation;
    bool bound;
    struct service_name *names;
    struct lt_build *builds;
    size_t builds_n;
    struct lt_component *components;
    size_t components_n;
};

/* ---- all under services->lock ---- */
struct service_name *lt_service_name_of(struct lt_services *s, struct lt_str name); /* makes it */
struct lt_component *lt_service_component_of(struct lt_services *s, struct lt_str name); /* also one that is gone */
/* Something about the name (NULL: about components) has changed: decides again which components are active, raises the generation. */
void lt_service_touch(struct lt_services *s, struct service_name *name);
/* Decides again which components are active; what these offer is marked as changed. */
void lt_service_activate(struct lt_services *s);

/* Raises the generation for the name; without a lock. */
void lt_service_changed(struct lt_services *s, struct service_name *name);

/* ---- builds ---- */
static inline struct lt_build *lt_build_of(const struct lt_entry *entry)
{
    return (struct lt_build *)(uintptr_t)entry->impl;
}
/* Draining ends by time. Any thread. */
enum lt_service_state lt_build_state(const struct lt_build *b);
/* Under b->lock. NULL: no room, or make is false and there is none. */
struct slot *lt_build_slot(struct lt_build *b, struct lt_str site, bool make);
void lt_build_fault(struct lt_build *b, struct slot *slot, const char *why);
/* Closes what nobody uses any more; under b->lock, which it gives up. */
void lt_build_settle_unlock(struct lt_build *b);

/* ---- selecting ---- */
static inline const struct bound *lt_component_bound(const struct lt_component *c)
{
    static const struct bound nothing;
    const struct bound *b = atomic_load_explicit(&c->bound, memory_order_acquire);
    return b ? b : &nothing;
}
struct need *lt_component_need(const struct lt_component *c, struct lt_str service);

/* The offers of a service in the order in which they are asked in a site. */
struct walk {
    const struct lt_entry *const *all;
    size_t n, at;
    const struct lt_service_choice *choice; /* the site's, or NULL */
    size_t listed;              /* which of the choice's plugins */
    bool rest;                  /* those that are not listed */
};
void lt_service_walk(struct walk *w, const struct lt_site *site, struct lt_str service);
/* NULL: no more. */
const struct lt_entry *lt_service_walk_next(struct walk *w);

struct question {
    struct lt_services *services;
    struct service_name *name;
    struct need *need;          /* NULL: the host asks, for any version */
    const struct lt_site *site; /* NULL: in no site */
    const struct lt_caller *caller; /* NULL: nobody in particular; permissions are not asked */
    const struct lt_place *place;   /* NULL: nowhere in particular */
    struct lt_error *why;       /* NULL: nobody wants to know */
};
/* All that does not depend on who provides it. OK: go on to the candidates. */
enum lt_service_status lt_service_gate(const struct question *q);
/* May this one be taken? Without touching it. */
enum lt_service_status lt_service_check(const struct question *q, const struct lt_entry *e);
/* Has a strict component another candidate that is as good as e? */
bool lt_service_tied(const struct question *q, const struct lt_entry *e);
/* The first candidate that may be taken, or NULL and why not. */
enum lt_service_status lt_service_select(const struct question *q, const struct lt_entry **ret);
/* What it comes to when no candidate may be taken: `all` so far, with one more. */
enum lt_service_status lt_service_worst(enum lt_service_status all, enum lt_service_status one);
bool lt_service_version_fits(const struct need *need, const struct lt_entry *e);
/* "ai >= 1.2 < 2" or "ai". */
void lt_service_window(const struct need *need, char out[160]);
/* "pinned to a, b, any" or "nobody provides it". */
enum lt_service_status lt_service_absent(const struct question *q);

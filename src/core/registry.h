/*
 * The one registry: placements, actions, providers, orchestrators, processors, tools, connectors, services, all found by kind/name.
 * Filled at start (built-in entries, later plugins), then read without locks by every thread; changes replace the whole table. Several entries may
 * share a kind/name;
 * the answer is the same whatever the order they were added in: rank (highest first), then version, then plugin id (bytewise); of services
 * those of the host come first. What sites pin and prefer (DESIGN §2 rule 2) is applied to lt_registry_candidates() by plugin/service.h.
 */
#pragma once
#include "base/error.h"

enum lt_kind {
    LT_KIND_PLACEMENT,
    LT_KIND_ACTION,
    LT_KIND_PROVIDER,
    LT_KIND_ORCHESTRATOR,
    LT_KIND_PROCESSOR,
    LT_KIND_TOOL,
    LT_KIND_CONNECTOR,
    LT_KIND_SERVICE,
    LT_KIND_COUNT
};

struct lt_entry {
    enum lt_kind kind;
    const char *name;   /* [a-z][a-z0-9_.-]{0,62}; actions: verb_noun, singular */
    const char *title;
    const char *description;
    const char *plugin; /* "builtin" or the plugin's id */
    int major, minor;
    int rank;           /* default 100; <= 0: only when asked for by plugin */
    const void *impl;   /* struct lt_action, lt_provider, lt_placement, … by kind */
};

const char *lt_kind_name(enum lt_kind kind);
/* Adds an entry, which must stay valid; only before lt_registry_seal(), or behind lt_registry_open(). LT_ECONFIG: bad name, or the same kind,
 * name and plugin twice. */
enum lt_code lt_registry_add(const struct lt_entry *entry, struct lt_error *err);
/* What was added is seen from here on. Then it is read-only, but for lt_registry_join() and lt_registry_open(). */
void lt_registry_seal(void);
/*
 * A sealed one is to be changed: other changes wait, readers go on with what they had. Entries that are taken out must stay valid. One thread
 * does all until lt_registry_seal(), which shows the changes at once, and nothing of them before.
 */
void lt_registry_open(void);
/* Takes out all of a plugin but its services: the first `max` are in `out`. How many there are in all. */
size_t lt_registry_take_out(struct lt_str plugin, const struct lt_entry **out, size_t max);
/* Calls fn for each entry that is not seen yet; one for which it fails is taken out again. */
void lt_registry_each_new(enum lt_code (*fn)(void *ctx, const struct lt_entry *entry), void *ctx);
/*
 * Adds a service at any time; it takes the place of that of the same name, plugin and major. Both must stay valid: there may be readers of
 * the old one. Any thread. LT_ECONFIG: another kind, a bad name, no room. LT_EOVERLOADED: LT_REGISTRY_JOINS were made since the start.
 */
enum lt_code lt_registry_join(const struct lt_entry *entry, struct lt_error *err);
enum { LT_REGISTRY_JOINS = 4096 };
/* Takes out what has joined, when nobody reads any more what it is about. */
void lt_registry_leave(const struct lt_entry *entry);
/* [a-z][a-z0-9_.-]{0,62}: what kinds, services, components and plugins may be called. */
bool lt_registry_name_ok(struct lt_str name);
/* The selected entry, NULL when none. */
const struct lt_entry *lt_registry_find(enum lt_kind kind, struct lt_str name);
/* All entries of that name, in the order of selection, those with rank <= 0 last; valid until lt_registry_reset(). NULL and 0 when there is none. */
const struct lt_entry *const *lt_registry_candidates(enum lt_kind kind, struct lt_str name, size_t *ret_n);
/* The selected entry of every name of the kind, by name. An index below a count that was given stays good when there are fewer by now. */
size_t lt_registry_count(enum lt_kind kind);
const struct lt_entry *lt_registry_at(enum lt_kind kind, size_t i);
/* Tests: empties it. */
void lt_registry_reset(void);

/* A placement: the UI that offers AI. */
struct lt_placement {
    const char *const *actions; /* names it may offer, NULL-terminated */
};

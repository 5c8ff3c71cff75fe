/*
 * The one registry: placements, actions, providers, orchestrators, processors, tools, connectors, services, all found by kind/name.
 * Filled at start (built-in entries, later plugins), then read without locks by every thread. Several entries may share a kind/name;
 * the answer is the same whatever the order they were added in: rank (highest first), then version, then plugin id (bytewise).
 * Pins and preference lists (reference: DESIGN §2 rule 2) come with the plugin loader.
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
/* Adds an entry, which must stay valid; only before lt_registry_seal(). LT_ECONFIG: bad name, or the same kind, name and plugin twice. */
enum lt_code lt_registry_add(const struct lt_entry *entry, struct lt_error *err);
/* From here on it is read-only. */
void lt_registry_seal(void);
/* The selected entry, NULL when none. */
const struct lt_entry *lt_registry_find(enum lt_kind kind, struct lt_str name);
/* The selected entry of every name of the kind, by name. */
size_t lt_registry_count(enum lt_kind kind);
const struct lt_entry *lt_registry_at(enum lt_kind kind, size_t i);
/* Tests: empties it. */
void lt_registry_reset(void);

/* A placement: the UI that offers AI. */
struct lt_placement {
    const char *const *actions; /* names it may offer, NULL-terminated */
};

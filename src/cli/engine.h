/* The parts that every process of Lectern has: the filled registry, the store, the manager. Wiring only. */
#pragma once
#include "cli/settings.h"
#include "core/manager.h"

struct lt_engine {
    struct lt_store *store;
    struct lt_tls *tls; /* for upstreams */
    struct lt_manager *manager;
};

/* Built-in placements, actions, providers, tools, connectors and workflows; then the registry is sealed. Once a process. */
enum lt_code lt_engine_register(const struct lt_settings *settings, struct lt_error *err);
/* Configurations that are loaded from now on have templates, profiles and prompts. Once a process, before any is. */
struct lt_workflow_source *lt_engine_workflows(const struct lt_settings *settings);
/* Opens (or makes) the store and migrates it; read_only: for commands that only look. */
enum lt_code lt_engine_open_store(const struct lt_settings *settings, bool read_only, struct lt_store **ret, struct lt_error *err);
/*
 * Everything that running actions needs. recover: mark what an earlier process left unfinished (only who holds the lock of the data
 * directory may). On failure nothing stays open.
 */
enum lt_code lt_engine_open(const struct lt_settings *settings, bool recover, struct lt_engine *ret, struct lt_error *err);
/* After the loops have ended. */
void lt_engine_close(struct lt_engine *engine);

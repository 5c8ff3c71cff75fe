/* The parts that every process of Lectern has: the filled registry, the store, the manager. Wiring only. */
#pragma once
#include "cli/settings.h"
#include "core/manager.h"
#include "plugin/service.h"

struct lt_plugin_set;
struct lt_mcp_hub;

struct lt_engine {
    struct lt_store *store;
    struct lt_tls *tls; /* for upstreams */
    struct lt_manager *manager;
    struct lt_services *services; /* the host's are offered, components declared and bound */
};

/* Services as this process has them: the host's own, and the components of DATA/components/. After lt_engine_register(). */
enum lt_code lt_engine_services(const struct lt_settings *settings, struct lt_services **ret, struct lt_error *err);

/* The same with what plugins offer, need and want. will_start: lt_plugins_start() follows; else plugins count as up. */
void lt_engine_offer(struct lt_services *services, struct lt_plugin_set *plugins, bool will_start);

/*
 * Built-in placements, actions, providers, tools, connectors and workflows, and what the manifests in plugin_dirs add; then the registry is
 * sealed. Once a process. *ret_plugins: to be stopped at the end, behind the loops.
 */
enum lt_code lt_engine_register(const struct lt_settings *settings, struct lt_plugin_set **ret_plugins, struct lt_error *err);
/* The plugins of the settings; what is wrong with them is in the list. */
struct lt_plugin_set *lt_engine_plugins(const struct lt_settings *settings);
/* Configurations that are loaded from now on have templates, profiles and prompts. Once a process, before any is. */
struct lt_workflow_source *lt_engine_workflows(const struct lt_settings *settings);
/* Configurations that are loaded from now on have MCP servers; their commands are those of the setting mcp_commands. Once a process, before any is. */
enum lt_code lt_engine_mcp(const struct lt_settings *settings, struct lt_mcp_hub **ret, struct lt_error *err);
/* Opens (or makes) the store and migrates it; read_only: for commands that only look. */
enum lt_code lt_engine_open_store(const struct lt_settings *settings, bool read_only, struct lt_store **ret, struct lt_error *err);
enum lt_engine_use {
    LT_ENGINE_COMMAND, /* beside a daemon, perhaps */
    LT_ENGINE_DAEMON,  /* waits for a database server that is not there yet; recovers by itself, as a member of those on the database */
    LT_ENGINE_ALONE,   /* holds the lock of the data directory: marks what an earlier process left unfinished */
};
/* Everything that running actions needs. On failure nothing stays open. */
enum lt_code lt_engine_open(const struct lt_settings *settings, enum lt_engine_use use, struct lt_engine *ret, struct lt_error *err);
/* After the loops have ended. */
void lt_engine_close(struct lt_engine *engine);

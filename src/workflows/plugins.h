/* Orchestrators and processors of plugins: entries of the registry like the built-in ones (plugin/plugin.h has the other kinds). */
#pragma once
#include "plugin/plugin.h"
#include "workflows/orchestrator.h"

enum {
    LT_PLUGIN_RUN_MS = 600000,       /* that an orchestrator of a plugin may take */
    LT_PLUGIN_PROCESS_MS = 30000,    /* that a processor of a plugin may take */
    LT_PLUGIN_HISTORY_MAX = 200,     /* messages of a conversation that it asks a model with */
};

/* Each enters one thing of a manifest; everything in the arena. LT_ECONFIG. Start-up. */
enum lt_code lt_plugin_add_orchestrator(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);
enum lt_code lt_plugin_add_processor(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *entry, struct lt_error *err);

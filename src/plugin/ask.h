/*
 * What a plugin may ask the host while one of its functions runs: {"ask": "process_action" | "step" | "service_acquire" | "service_call" |
 * "service_release", …}. Steps are an orchestrator's. Services are asked for as the plugin's component, for the user and the place of the call.
 */
#pragma once
#include "plugin/child.h"

enum { LT_PLUGIN_LEASES_MAX = 16 /* of one call at once */ };

/* Of one call; all zero but for the first two before the first question. */
struct lt_plugin_asker {
    const struct lt_plugin_call *call;
    struct lt_component *component; /* NULL: the plugin has declared nothing */
    struct lt_lease *leases[LT_PLUGIN_LEASES_MAX]; /* in the call's arena; NULL: free */
};

/* Fiber. {"code", "detail", "answer"} in the call's arena, at most LT_PLUGIN_LINE_MAX bytes: an error is the plugin's to handle. */
struct lt_str lt_plugin_ask(struct lt_plugin_asker *asker, const struct lt_json *question);
/* Gives back what the plugin has not. */
void lt_plugin_asker_end(struct lt_plugin_asker *asker);

/*
 * What a tool is: a function that a model may call, by name and with arguments of a schema. Entries of the registry (kind tool). A tool gets the
 * place of the request that it serves and nothing else: it has no state of its own, so that two users never see each other's.
 */
#pragma once
#include "core/manager.h"

enum {
    LT_TOOL_ROUNDS_MAX = 10,           /* times that a model may ask for tools before it must answer */
    LT_TOOL_CALLS_MAX = 32,            /* calls of tools in one answer */
    LT_TOOL_RESULT_MAX = 64 * 1024,    /* bytes; what is longer is cut, and the model is told */
};

struct lt_tool;
struct lt_sources; /* content/sources.h */

/* The request that a tool is called for. */
struct lt_tool_context {
    const struct lt_tool *tool;        /* that is called */
    struct lt_arena *arena;
    struct lt_manager *manager;        /* for what asks the store or an LMS */
    struct lt_config *config;
    const struct lt_caller *caller;
    struct lt_str course_id, location_id, ui_slot_selector_id; /* "" = not given */
    struct lt_str placement;
    bool policy_by_lms;                /* as in struct lt_call_request */
    struct lt_str content;             /* text of the place that came with the request; "" = none */
    struct lt_sources *sources;        /* the run's passages, by number; NULL: it keeps none */
    uint64_t deadline_ms;              /* of the loop's clock: every wait ends by then; behind it the fiber is cancelled */
};

struct lt_tool {
    const char *name, *description;    /* the model reads both */
    const char *parameters;            /* JSON Schema text of the arguments, an object */
    bool for_clients;                  /* reads only, and needs no conversation: clients that bring a model of their own may call it (/mcp) */
    const char *client_permission;    /* that a client's caller needs in the course; NULL: none. In a workflow the profile says who has the tool */
    bool foreign;                      /* the schema is others': keywords of it that we do not know are annotations */
    bool asks;                         /* waits for the user's word, whatever the profile says of it */
    /* arguments: valid by the schema. The result is text for the model, in the context's arena; of a call that fails what it says of it, or "". Fiber. */
    enum lt_code (*call)(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err);
};

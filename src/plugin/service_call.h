/*
 * Services that are called with JSON: what a vtable of a plugin's service is, and the one way to call through a lease. The host's own `ai` and
 * `ai.workflows` are only announced: they are asked over HTTP.
 */
#pragma once
#include "plugin/service.h"

enum { LT_SERVICE_DEPTH_MAX = 4 /* services that call services */ };

/* One question to a service. Texts, caller and ctx live until the answer. */
struct lt_service_question {
    struct lt_arena *arena;          /* of the answer */
    struct lt_str method;
    const struct lt_json *arguments; /* an object */
    uint64_t deadline_ms;            /* of lt_mono_ms() */
    int depth;                       /* services that wait for the answer already */
    const struct lt_caller *caller;  /* for whom the service may ask others; the lease says whom it is for */
    struct lt_place place;
    /* Runs an action for the caller; NULL: it may not. *ret in the arena. Fiber. */
    enum lt_code (*process_action)(void *ctx, struct lt_arena *arena, struct lt_str action, const struct lt_json *input, struct lt_str *ret,
                                   struct lt_error *err);
    void *ctx;
};

struct lt_service_vtable {
    uint32_t size;
    /* *ret in the question's arena. Fiber. LT_EUNSUPPORTED: no such method. */
    enum lt_code (*call)(void *instance, const struct lt_lease *lease, const struct lt_service_question *question, const struct lt_json **ret,
                         struct lt_error *err);
};

/*
 * Fiber. Asks through the lease; how it went counts for the provider's health in the lease's site. LT_EUPSTREAM_UNAVAILABLE: the lease is gone,
 * or the provider is; LT_EUNSUPPORTED: the service cannot be called so; LT_EOVERLOADED: deeper than LT_SERVICE_DEPTH_MAX; LT_ETIMEOUT; else
 * what the service fails with.
 */
enum lt_code lt_lease_call(struct lt_lease *lease, const struct lt_service_question *question, const struct lt_json **ret, struct lt_error *err);

/*
 * What an action is: input and response schema, how it compiles to a neutral call, how it finishes, what it stores.
 * An action knows no vendor and no UI. One file per action in src/actions/. All functions are pure but for the arena; fiber or worker.
 */
#pragma once
#include "core/neutral.h"
#include "store/store.h"
#include "base/uuid.h"

struct lt_action;

struct lt_action_call {
    const struct lt_action *action;
    struct lt_arena *arena;
    struct lt_uuid id;
    const struct lt_json *input; /* valid against input_schema */
    struct lt_str instruction;   /* the instance's system instruction for this action, or the action's default */
    struct lt_str locale;        /* of the user, may be empty */
};

struct lt_action {
    const char *name, *title, *description;
    enum lt_neutral_kind kind;   /* of the call that compile() makes */
    const char *input_schema;    /* JSON Schema text, a literal */
    const char *response_schema;
    const char *instruction;     /* default system instruction */
    bool for_lms;                /* a back end's key may have it done about any user's work, whatever that user may do */
    const char *const *columns;  /* of ai_action_<name> besides call_id, NULL-terminated; all TEXT. The host creates the table. */
    /* Input → neutral call. LT_EINVALID_INPUT with a field when the input makes no sense beyond its schema. */
    enum lt_code (*compile)(const struct lt_action_call *call, struct lt_neutral_call *ret, struct lt_error *err);
    /* Result (text without <think>) → the response object, written as one JSON object. LT_EUPSTREAM_INVALID when it cannot be used. */
    enum lt_code (*finish)(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *response, struct lt_error *err);
    /* One value for each of `columns`, in order. */
    void (*store)(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_value *values);
};

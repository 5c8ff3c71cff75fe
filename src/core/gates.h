/* The gates of the manager: one table, in the order of DESIGN §3, each with its own error code. */
#pragma once
#include "core/manager.h"
#include "text/json_schema.h"

struct lt_action_state { /* what the manager keeps of each registered action */
    const struct lt_action *action;
    const struct lt_schema *input;
    const char *insert_sql; /* into ai_action_<name> */
    size_t columns_n;
};

struct lt_gate_subject {
    struct lt_manager *manager;
    struct lt_store *store;
    struct lt_arena *arena;
    const struct lt_caller *caller;
    struct lt_place place;
    struct lt_str action_name;
    const struct lt_action_state *action; /* set by the gate that finds it */
    const struct lt_json *input;
    struct lt_str provider;
    bool test;          /* of an instance, by an administrator */
    bool policy_by_lms; /* whoever asks vouches for it */
    bool without_input; /* only asks what is available */
    bool store_behind;  /* set by the gate that refuses for it: a record would add to what waits */
};

/* The first gate that refuses says why; LT_OK when all are open. Fiber (the policy gate may read). */
enum lt_code lt_gates_check(struct lt_gate_subject *subject, struct lt_error *err);
/* NULL when there is no such action. */
const struct lt_action_state *lt_manager_action(const struct lt_manager *manager, struct lt_str name);

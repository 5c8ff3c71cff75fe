/* The gates of the manager: one table, in the order of DESIGN §3, each with its own error code. */
#pragma once
#include "core/charge.h"
#include "core/manager.h"
#include "text/json_schema.h"

struct lt_action_state { /* what the manager keeps of each registered action; stays until its end */
    const struct lt_action_state *next;
    const struct lt_action *action;
    const struct lt_schema *input;
    const char *insert_sql; /* into ai_action_<name> */
    size_t columns_n;
};

enum { LT_GATES = 10 };

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
    unsigned course_roles; /* those of the caller in the course, once a gate has asked for them; 0: none has */
    struct lt_charge *charge; /* what the call holds of its limits from the last gate on; NULL: it is only looked at them */
    int64_t until_at;   /* ms, when what the refusing gate says ends of itself; 0: it did not say */
    int gate;           /* set by the check: the one that refuses; LT_GATES: none does */
    bool store_behind;  /* set by the gate that refuses for it: a record would add to what waits */
};

/* The first gate that refuses says why; LT_OK when all are open: what is in *charge then is to be closed. Fiber (the policy gate may read). */
enum lt_code lt_gates_check(struct lt_gate_subject *subject, struct lt_error *err);
/* "policy", for figures. LT_GATES: behind the gates, the room that the site has for calls. */
const char *lt_gate_name(int gate);
struct lt_stops *lt_manager_stops(struct lt_manager *manager);
struct lt_ledger *lt_manager_ledger(struct lt_manager *manager);
struct lt_store *lt_manager_store(struct lt_manager *manager);
/* NULL when there is no such action. */
const struct lt_action_state *lt_manager_action(const struct lt_manager *manager, struct lt_str name);

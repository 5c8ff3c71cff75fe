/* Who has accepted which version of the policy, when, and who has taken it back. For administrators. Fiber, or outside loops. */
#pragma once
#include "core/caller.h"

enum { LT_POLICY_REPORT_MAX = 10000 };

enum lt_policy_state { LT_POLICY_ANY, LT_POLICY_ACCEPTED, LT_POLICY_WITHDRAWN };
/* "accepted", "withdrawn"; "" or NULL is any. False: there is no such state. */
bool lt_policy_state_parse(struct lt_str name, enum lt_policy_state *ret);

struct lt_policy_filter {
    int64_t site_id;
    struct lt_str version, user_id; /* "" = all */
    enum lt_policy_state state;
    int64_t since;           /* ms: decided then or later; 0 = ever */
    int64_t before;          /* cursor; 0 = from the newest on */
    int limit;               /* 1 to LT_POLICY_REPORT_MAX */
};

struct lt_policy_decision {  /* the last one of a user about a version */
    int64_t id;              /* cursor */
    struct lt_str user_id, version, language, context; /* context: JSON text, or "" */
    bool accepted;           /* false: withdrawn */
    bool holds;              /* it is the user's last one and lets them pass now */
    int64_t accepted_at, withdrawn_at; /* ms, 0: not */
};

/* Newest first, in the arena. *ret_next: `before` of the next page, 0: that was all. */
enum lt_code lt_policy_report(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_policy_filter *filter,
                              struct lt_policy_decision **ret, size_t *ret_n, int64_t *ret_next, struct lt_error *err);

struct lt_policy_count {
    struct lt_str version;
    int64_t accepted, withdrawn; /* users whose last decision about it is that */
};
/* By version, in the arena; of the versions that somebody has decided about. */
enum lt_code lt_policy_counts(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_policy_count **ret, size_t *ret_n,
                              struct lt_error *err);
/* How many users' acceptance holds now. */
enum lt_code lt_policy_holders(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, int64_t *ret, struct lt_error *err);

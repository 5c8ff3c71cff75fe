/* The AI policy: what a user must accept first. Per user and version; a negative is never cached as truth. */
#pragma once
#include "core/caller.h"

struct lt_policy_status {
    bool accepted;
    struct lt_str version, text; /* the site's present policy */
    int64_t accepted_at;         /* ms, 0 when not */
};
/* Does the site ask its users here at all? Not without a policy, nor when the LMS asks them. */
bool lt_policy_asked(const struct lt_site *site);
/* Fiber. A positive answer may come from memory; a negative was read from the store just now. */
enum lt_code lt_policy_get(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_policy_status *ret, struct lt_error *err);
/* Durable when it returns; idempotent. version must be the present one (LT_ECONFLICT). context: JSON text or empty. */
enum lt_code lt_policy_accept(struct lt_store *store, const struct lt_caller *caller, struct lt_str version, struct lt_str context, struct lt_error *err);
enum lt_code lt_policy_withdraw(struct lt_store *store, const struct lt_caller *caller, struct lt_error *err);

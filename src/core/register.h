/* The register: the durable record of every attempt. Append-only; read by admins, reports and the API. */
#pragma once
#include "core/manager.h"

struct lt_register_call { /* as stored; strings in the arena of the query */
    char id[37];
    struct lt_str site, user_id, action, course_id, location_id, placement;
    struct lt_str state;  /* running, completed, failed, refused, cancelled, interrupted */
    struct lt_str code;   /* error name, "" when completed */
    struct lt_str detail;
    struct lt_str instance, plugin, model;
    struct lt_usage usage;
    int64_t cost;         /* millionths of the site's currency; -1: not known */
    int64_t created_at, completed_at;
    bool content_stored;    /* false: the site kept neither input nor answer of this call */
    struct lt_str partial;  /* checkpoints joined, when there is no answer */
    struct lt_str response; /* JSON object of the answer, "" when none */
    struct lt_str tools;    /* of one call shown whole: JSON array of the tools that the model asked for in it; else "" */
    struct lt_str approvals; /* of one call shown whole: JSON array of the tools that the user was asked about; else "" */
    struct lt_str guards;   /* of one call shown whole: JSON array of what guards have found; else "" */
    struct lt_str feedback; /* of one call shown whole: JSON object of what its user thinks of it, or null; else "" */
};
struct lt_register_filter {
    int64_t site_id;            /* 0 = all */
    struct lt_str user_id, action, state, course_id; /* "" = any */
    struct lt_str provider, model, placement, code;  /* provider: the name of an instance that was asked */
    int64_t since, until;       /* begun at or after, and before; ms, 0 = any */
    struct lt_str before_id;    /* cursor: older than this id; with `up` newer */
    bool up;                    /* oldest first */
    int limit;                  /* 1 to 1000 */
};
/* Newest first, or `up`. Fiber or outside loops. */
enum lt_code lt_register_list(struct lt_store *store, struct lt_arena *arena, const struct lt_register_filter *filter,
                              struct lt_register_call **ret, size_t *ret_n, struct lt_error *err);
/* One call with its tools, its attempts (as a JSON array text) and the columns of its action's table (as a JSON object text). LT_ENOT_FOUND. */
enum lt_code lt_register_show(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_uuid id, struct lt_register_call *ret,
                              struct lt_str *ret_attempts, struct lt_str *ret_content, struct lt_error *err);

/* Shared by workflow_set.c, profile*.c and prompt*.c only. */
#pragma once
#include <stdatomic.h>

#include "workflows/workflow_set.h"

struct lt_cached_effective;

struct lt_workflow_set {
    _Atomic int references;
    struct lt_arena *arena;
    struct lt_template_set *templates;
    struct lt_profile *profiles;           /* by site, then slug */
    struct lt_cached_effective **cached;   /* of each profile */
    size_t profiles_n;
    struct lt_prompt *prompts;             /* by site, then slug */
    size_t prompts_n;
};

/* LT_ENOT_FOUND with field /site. */
enum lt_code lt_workflow_find_site(struct lt_store *store, struct lt_str slug, int64_t *ret, struct lt_error *err);
/* Letters, digits, '_', '-', 1 to max of them. */
bool lt_workflow_slug_ok(struct lt_str s, size_t max);
/* RFC 3339 */
void lt_workflow_ktime(struct lt_jw *w, const char *key, int64_t ms);
/* Ids that a name may stand for: number (-1: none) and UUID ("": none, in the arena). */
void lt_workflow_name_ids(struct lt_arena *arena, struct lt_str name, int64_t *ret_number, struct lt_str *ret_uuid);

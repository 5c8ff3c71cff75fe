/* Shared by workflow_set.c, profile*.c and prompt*.c only. */
#pragma once
#include <stdatomic.h>

#include "workflows/workflow_set.h"

struct lt_cached_effective;

/* What profiles may name as provider. */
struct lt_instance_name {
    int64_t id, site_id;
    struct lt_str name;
};

struct lt_workflow_set {
    _Atomic int references;
    struct lt_arena *arena;
    struct lt_template_set *templates;
    struct lt_profile *profiles;           /* by site, then slug */
    const struct lt_profile **by_id;       /* the same */
    struct lt_cached_effective **cached;   /* of each profile */
    size_t profiles_n;
    struct lt_prompt *prompts;             /* by site, then slug */
    size_t prompts_n;
    struct lt_instance_name *instances;    /* by site */
    size_t instances_n;
};

/* As lt_workflow_set_load(), but not for a configuration: what lt_workflow_source_changed() sees as changed stays so. */
enum lt_code lt_workflow_set_peek(struct lt_workflow_source *source, struct lt_store *store, struct lt_workflow_set **ret, struct lt_error *err);
/* Which profiles of a site name a provider instance: asked before one goes (core/admin.h). source: the process's (provider_use.c). */
enum lt_code lt_workflow_instance_users(void *source, struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t id,
                                        struct lt_str name, struct lt_str *ret, struct lt_error *err);

/* ---- rows as they are about to be written; id 0: a new one. uuid: 36 characters, which the site has once ---- */
struct lt_profile_row {
    int64_t id, site_id, version;
    struct lt_str uuid, slug, description, base_filepath, content_patch; /* description.p == NULL: null */
};
struct lt_prompt_row {
    int64_t id, site_id, version;
    struct lt_str uuid, slug, body;
    int64_t created_at, updated_at; /* ms */
};
/*
 * Adds everything that is wrong: to `missing` what the profile names and the site does not have (template, prompt templates, provider
 * instances), to `problems` the rest; both may be one. A template that is missing is no problem when its path is an old one.
 */
void lt_profile_check(const struct lt_workflow_set *set, const struct lt_profile_row *row, bool new_base, struct lt_problems *missing,
                      struct lt_problems *problems);
void lt_prompt_check(const struct lt_prompt_row *row, struct lt_problems *problems);
/* The row, which was version - 1 before, and its version in the history. lt_admin_touch is the caller's. */
void lt_profile_tx_put(struct lt_tx *tx, const struct lt_profile_row *row, struct lt_str who);
void lt_prompt_tx_put(struct lt_tx *tx, const struct lt_prompt_row *row, struct lt_str who);

/* Letters, digits, '_', '-', 1 to max of them. */
bool lt_workflow_slug_ok(struct lt_str s, size_t max);
/* Ids that a name may stand for: number (-1: none) and UUID ("": none, in the arena). */
void lt_workflow_name_ids(struct lt_arena *arena, struct lt_str name, int64_t *ret_number, struct lt_str *ret_uuid);

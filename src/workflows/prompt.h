/* Prompt templates: texts that processors name by slug or id. They lie in the workflow set (workflow_set.h) with the profiles. */
#pragma once
#include "base/uuid.h"
#include "core/site.h"
#include "text/json.h"
#include "workflows/template.h"

enum {
    LT_PROMPT_SLUG_MAX = 100,
    LT_PROMPT_BODY_MAX = 100000, /* bytes */
    LT_PROMPTS_MAX = 100000,     /* read into a set */
    LT_PROMPT_USERS_SHOWN = 20,  /* profiles that are named */
    LT_VERSIONS_MAX = 1000,      /* of a prompt or a profile that are kept: the newest */
};

struct lt_prompt {
    int64_t id, site_id, version, created_at, updated_at; /* times in ms */
    struct lt_uuid uuid;
    struct lt_str slug, body;
};

struct lt_workflow_set;

/* 36 characters or 32 hexadecimal digits, any case. */
bool lt_uuid_parse_any(struct lt_str s, struct lt_uuid *ret);
/* The prompts of a site, by slug. */
const struct lt_prompt *lt_prompt_list(const struct lt_workflow_set *set, int64_t site_id, size_t *ret_n);
/* By UUID (dashes optional, any case) or slug. LT_ENOT_FOUND; LT_EMULTIPLE when it is the id of one and the slug of another. */
enum lt_code lt_prompt_find(const struct lt_workflow_set *set, int64_t site_id, struct lt_str slug_or_id, const struct lt_prompt **ret,
                            struct lt_error *err);
/* Has the text the form of a slug or an id? */
bool lt_prompt_is_name(struct lt_str text);
/* How many profiles of the site name the prompt in a processor. */
size_t lt_prompt_count_profiles(const struct lt_workflow_set *set, const struct lt_prompt *prompt);

/* ---- changing: one unit each, which raises the configuration generation. Fiber, or outside loops. `who`: for the history ---- */
/* Members: slug, body, and uuid for imports. LT_EINVALID_INPUT with everything that is wrong, LT_ECONFLICT. */
enum lt_code lt_prompt_add(struct lt_store *store, struct lt_str site, const struct lt_json *members, struct lt_str who, struct lt_error *err);
enum lt_code lt_prompt_change(struct lt_store *store, struct lt_str site, struct lt_str slug_or_id, const struct lt_json *patch, struct lt_str who,
                              struct lt_error *err);
/* LT_ECONFLICT when profiles of the set use it. */
enum lt_code lt_prompt_remove(struct lt_store *store, const struct lt_workflow_set *set, struct lt_str site, struct lt_str slug_or_id,
                              struct lt_error *err);
/* [{"version", "slug", "body", "changed_by", "changed_at"}, …], those before that version, the newest first, at most `limit`. */
enum lt_code lt_prompt_history(struct lt_store *store, const struct lt_prompt *prompt, int64_t before, int limit, struct lt_jw *w,
                               struct lt_error *err);
/* {"id", "slug", "body", "version", "created_at", "updated_at", "usage": {"profile_count", "profiles"}}; times RFC 3339. */
void lt_prompt_write(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_prompt *prompt);

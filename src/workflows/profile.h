/*
 * Profiles: a template and a merge patch over it (JSON5, RFC 7386), which together are a workflow's configuration. They lie in the
 * workflow set (workflow_set.h); reading one never fails: what is wrong with it stands in its problems, and running it is refused.
 */
#pragma once
#include "workflows/prompt.h"
#include "workflows/scope.h"

enum {
    LT_PROFILE_SLUG_MAX = 255,
    LT_PROFILE_DESCRIPTION_MAX = 10000, /* bytes */
    LT_PROFILE_PATCH_MAX = 1 << 18,     /* bytes */
    LT_PROFILES_MAX = 20000,            /* read into a set */
};

/* What template and patch make together. */
struct lt_effective {
    const struct lt_json *content_patch_dict; /* {} when the patch is blank, unreadable or no object */
    const struct lt_json *config;             /* NULL: the template is missing or unreadable */
    const struct lt_problems *problems;       /* all but prompt templates and provider instances that do not exist */
    const struct lt_json *empty;              /* {} */
};

struct lt_profile {
    int64_t id, site_id, version, created_at, updated_at; /* times in ms */
    struct lt_uuid uuid;
    struct lt_str slug;
    struct lt_str description;    /* p == NULL: null */
    struct lt_str base_filepath;
    struct lt_str content_patch;  /* as it was written */
    const struct lt_effective *effective;
};

/* Merges and checks. template NULL: there is none. The result points into template and text: they must live as long as the arena. */
void lt_effective_make(struct lt_arena *arena, const struct lt_template *base, struct lt_str content_patch, struct lt_effective *ret);

/* ---- reading ---- */
const struct lt_profile *lt_profile_list(const struct lt_workflow_set *set, int64_t site_id, size_t *ret_n); /* by slug */
/* By number, UUID or slug. LT_ENOT_FOUND, LT_EMULTIPLE. */
enum lt_code lt_profile_find(const struct lt_workflow_set *set, int64_t site_id, struct lt_str name, const struct lt_profile **ret,
                             struct lt_error *err);
const struct lt_profile *lt_profile_by_id(const struct lt_workflow_set *set, int64_t site_id, int64_t id); /* NULL: none */
/* config.actuator_config.UIComponents, "{}" when absent. */
const struct lt_json *lt_profile_ui_components(const struct lt_profile *profile);
/* {p == NULL} when absent. */
struct lt_str lt_profile_orchestrator_class(const struct lt_profile *profile);
/* "{}" when absent. */
const struct lt_json *lt_profile_processor_config(const struct lt_profile *profile);
/* Adds everything that is wrong with it now. */
void lt_profile_validate(const struct lt_workflow_set *set, const struct lt_profile *profile, struct lt_problems *problems);
/* Adds the prompt templates and provider instances that the processors of a configuration name and the site does not have. */
void lt_workflow_check_names(const struct lt_workflow_set *set, int64_t site_id, const struct lt_json *config, struct lt_problems *problems);
/* May it run? LT_EPROFILE_INVALID with everything that is wrong. */
enum lt_code lt_profile_ready(const struct lt_workflow_set *set, const struct lt_profile *profile, struct lt_error *err);

/* ---- showing ---- */
/* api_key, apikey, secret, password, token, authorization and names that end so behind '_' or '-'; any case. */
bool lt_secret_looking(struct lt_str key);
/* The value with "[REDACTED]" in place of what secret-looking members hold, at any depth. */
void lt_redact_write(struct lt_jw *w, const struct lt_json *v);
/* JSON5 text, the same done in it; the rest as it was written. A text that cannot be read is shown only without such names. */
struct lt_str lt_redact_text(struct lt_arena *arena, struct lt_str json5);
/*
 * {"id", "uuid", "slug", "description", "base_filepath", "content_patch", "version", "orchestrator_class", "effective_config", "valid",
 * "errors", "usage": {"scope_count"}, "created_at", "updated_at"}: redacted. A list leaves effective_config out. scopes NULL: none.
 */
void lt_profile_write(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_scope_set *scopes, const struct lt_profile *profile,
                      bool whole);
/* The same with "matched_scopes", the scopes that led to it; NULL: without. */
void lt_profile_write_matched(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_scope_set *scopes, const struct lt_profile *profile,
                              bool whole, const struct lt_scope_profile *matched);
/* {"scope_count", "session_count", "scopes": […]}: what goes with it when it is removed; at most 1,000 scopes. sessions: lt_session_count_profile(). */
void lt_profile_usage(struct lt_jw *w, const struct lt_scope_set *scopes, const struct lt_profile *profile, int64_t sessions);
/* [{"version", "slug", "description", "base_filepath", "content_patch", "changed_by", "changed_at"}, …], those before that version, the newest first. */
enum lt_code lt_profile_history(struct lt_store *store, const struct lt_profile *profile, int64_t before, int limit, struct lt_jw *w,
                                struct lt_error *err);
/*
 * {"from", "to", "changes": [{"op": add | remove | replace, "path": JSON Pointer, "from"?, "to"?}], "text_changed"}: what differs in the
 * members slug, description, base_filepath and, value by value, content_patch (as text where one cannot be read). text_changed: its text
 * differs, if only in comments. Values of secret-looking members are redacted. LT_ENOT_FOUND.
 */
enum lt_code lt_profile_diff(struct lt_store *store, const struct lt_profile *profile, int64_t from, int64_t to, struct lt_jw *w,
                             struct lt_error *err);

/* ---- changing: one unit each, which raises the configuration generation. Fiber, or outside loops. `who`: for the history ---- */
/*
 * Members: slug, description (text or null), base_filepath, content_patch (JSON5 text, or an object), and uuid for imports. Everything that is wrong is
 * added to problems (path = member), and LT_EINVALID_INPUT says it with the first one's field. A new base_filepath must name a template
 * that can be read; one that has gone since does not hinder other changes. LT_ECONFLICT when the slug exists or somebody else was
 * faster. The set is only read: templates and prompts.
 */
enum lt_code lt_profile_add(struct lt_store *store, const struct lt_workflow_set *set, struct lt_str site, const struct lt_json *members,
                            struct lt_str who, struct lt_problems *problems, struct lt_error *err);
enum lt_code lt_profile_change(struct lt_store *store, const struct lt_workflow_set *set, struct lt_str site, struct lt_str name,
                               const struct lt_json *patch, struct lt_str who, struct lt_problems *problems, struct lt_error *err);
/* With its scopes, its sessions and its history. */
enum lt_code lt_profile_remove(struct lt_store *store, struct lt_str site, struct lt_str name, struct lt_error *err);

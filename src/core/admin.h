/*
 * Changing configuration: what the CLI and the admin API share. Every function writes one unit (durable when it returns) and raises
 * the configuration generation, so that running daemons re-read it. Fiber, or outside loops. Bad input: LT_EINVALID_INPUT with the field.
 */
#pragma once
#include "core/site.h"
#include "text/json.h"

/* slug [a-z0-9][a-z0-9-]{0,62}. LT_ECONFLICT when it exists. */
enum lt_code lt_admin_site_add(struct lt_store *store, struct lt_str slug, struct lt_str name, struct lt_error *err);
/* Members of patch: name, enabled, policy_by_lms, resume_grace_ms, call_timeout_ms, refusals_per_second, store_content,
 * max_running_calls, max_context_messages, task_soft_limit_ms, task_hard_limit_ms, tasks_queued_per_user, tasks_queued_per_site,
 * task_kept_s, lms_roles_url, lms_roles_cache_ms, cors_origins, lms_hosts, cms_hosts,
 * openedx_policy, slot_matching, scope_cache_entries. */
enum lt_code lt_admin_site_set(struct lt_store *store, struct lt_str slug, const struct lt_json *patch, struct lt_error *err);
enum lt_code lt_admin_site_remove(struct lt_store *store, struct lt_str slug, struct lt_error *err); /* only when it has no calls */
/* A new key, shown once: "lk_" and 43 characters in ret (64 bytes). */
enum lt_code lt_admin_key_add(struct lt_store *store, struct lt_str site, enum lt_key_role role, struct lt_str name, bool choose_provider,
                              int64_t expires_at, char ret[64], struct lt_error *err);
enum lt_code lt_admin_key_revoke(struct lt_store *store, struct lt_str site, struct lt_str prefix, struct lt_error *err); /* LT_EMULTIPLE */
/* Who may make users' tokens. What is left out has n 0. */
struct lt_issuer_form {
    struct lt_str iss, aud;   /* the pair names the site */
    struct lt_str alg;        /* see io/jwt.h; left out: HS256 */
    /* one of these, as alg needs it */
    struct lt_str secret;     /* HS256: 16 to 1024 bytes */
    struct lt_str jwks;       /* the others: a key set as JSON, */
    struct lt_str public_key; /* or one key as PEM, */
    struct lt_str jwks_url;   /* or where a key set is read */
    struct lt_str user_claim; /* the claim that says who the user is; left out: "sub" */
};
/* Replaces what there was for the same (iss, aud). LT_ECONFLICT: another site has the pair. */
enum lt_code lt_admin_issuer_set(struct lt_store *store, struct lt_str site, const struct lt_issuer_form *form, struct lt_error *err);
enum lt_code lt_admin_issuer_remove(struct lt_store *store, struct lt_str site, struct lt_str iss, struct lt_str aud, struct lt_error *err);
/* config and actions as in struct lt_provider_instance (NULL = unchanged, for set). config is checked against the settings schema. */
enum lt_code lt_admin_provider_add(struct lt_store *store, struct lt_str site, struct lt_str name, struct lt_str plugin, bool enabled,
                                   const struct lt_json *config, const struct lt_json *actions, int64_t *ret_id, struct lt_error *err);
/* patch members: name, enabled, config (RFC 7386 merge; secrets kept when absent), actions (merged). */
enum lt_code lt_admin_provider_set(struct lt_store *store, struct lt_str site, struct lt_str name_or_id, const struct lt_json *patch, struct lt_error *err);
/* Removing, disabling and renaming are refused (LT_ECONFLICT, with the names) while somebody relies on the instance. */
enum lt_code lt_admin_provider_remove(struct lt_store *store, struct lt_str site, struct lt_str name_or_id, struct lt_error *err);
/* The given ones first, in this order; the others keep theirs behind them. */
enum lt_code lt_admin_provider_order(struct lt_store *store, struct lt_str site, const struct lt_str *names, size_t n, struct lt_error *err);
enum lt_code lt_admin_policy_set(struct lt_store *store, struct lt_str site, struct lt_str version, struct lt_str text, struct lt_error *err);
/* action "" = the whole placement / all actions; location "" = the whole course. on < 0 removes the row. */
enum lt_code lt_admin_placement_switch(struct lt_store *store, struct lt_str site, struct lt_str placement, struct lt_str action, int on, struct lt_error *err);
/* The placement itself (enabled: a boolean, or NULL = unchanged) and actions in it ({name: boolean}, or NULL), all or nothing. */
enum lt_code lt_admin_placement_set(struct lt_store *store, struct lt_str site, const struct lt_entry *placement, const struct lt_json *enabled,
                                    const struct lt_json *actions, struct lt_error *err);
enum lt_code lt_admin_place_switch(struct lt_store *store, struct lt_str site, struct lt_str course, struct lt_str location, struct lt_str action, int on, struct lt_error *err);
enum lt_code lt_admin_permission(struct lt_store *store, struct lt_str site, enum lt_role role, struct lt_str permission, int allowed, struct lt_error *err);
/*
 * Who relies on the instance by its name or id, in words ("profile 'tutor', profile 'cards'"); "" = nobody. In the arena. Asked before an
 * instance is removed, disabled or renamed. Start-up; NULL: nobody is asked.
 */
typedef enum lt_code (*lt_instance_users)(void *ctx, struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t id,
                                          struct lt_str name, struct lt_str *ret, struct lt_error *err);
void lt_admin_on_instance(lt_instance_users users, void *ctx);
/* Adds to a unit what makes running daemons read the configuration again. */
void lt_admin_touch(struct lt_tx *tx);

/*
 * Changing configuration: what the CLI and the admin API share. Every function writes one unit (durable when it returns) and raises
 * the configuration generation, so that running daemons re-read it. Fiber, or outside loops. Bad input: LT_EINVALID_INPUT with the field.
 */
#pragma once
#include "core/site.h"
#include "text/json.h"

/* A site's id by its slug. LT_ENOT_FOUND with field /site. */
enum lt_code lt_admin_find_site(struct lt_store *store, struct lt_str slug, int64_t *ret_id, struct lt_error *err);
/* slug [a-z0-9][a-z0-9-]{0,62}. LT_ECONFLICT when it exists. */
enum lt_code lt_admin_site_add(struct lt_store *store, struct lt_str slug, struct lt_str name, struct lt_error *err);
/* Members of patch: name, enabled, and settings (core/site_settings.h), of which null takes one back. */
enum lt_code lt_admin_site_set(struct lt_store *store, struct lt_str slug, const struct lt_json *patch, struct lt_error *err);
enum lt_code lt_admin_site_remove(struct lt_store *store, struct lt_str slug, struct lt_error *err); /* only when it has no calls */
/* A new key, shown once: "lk_" and 43 characters in ret (64 bytes). */
enum lt_code lt_admin_key_add(struct lt_store *store, struct lt_str site, enum lt_key_role role, struct lt_str name, bool choose_provider,
                              int64_t expires_at, char ret[64], struct lt_error *err);
/* A key without itself: that is known to nobody but whom it was given to. */
struct lt_key_view {
    int64_t id;
    struct lt_str prefix, name;
    enum lt_key_role role;
    bool choose_provider;
    int64_t created_at, expires_at, last_used_at; /* ms; 0 = never; the last one to the hour */
};
const char *lt_key_role_name(enum lt_key_role role);
int lt_key_role_parse(struct lt_str name); /* -1: there is no such role */
/* Those that are not revoked, by id; expired ones too. In the arena. */
enum lt_code lt_admin_key_list(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_key_view **ret, size_t *ret_n,
                               struct lt_error *err);
/* By prefix or id; not revoked. LT_ENOT_FOUND, LT_EMULTIPLE (two begin so: name it by id). Texts lie in the arena. */
enum lt_code lt_admin_key_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str which, struct lt_key_view *ret,
                               struct lt_error *err);
/* Notes that a key was used; written once an hour at most, and nobody waits for it. Any thread. */
void lt_admin_key_used(struct lt_store *store, const struct lt_site_key *key);
#define LT_KEY_OVERLAP_MAX_MS (INT64_C(90) * 86400000)
/*
 * A new key with the role, name, rights and length of life of the old one, shown once in ret; the old one ends after the overlap (at once
 * with 0), or sooner if it was to. LT_ECONFLICT: it has expired, or was revoked meanwhile. Else as lt_admin_key_find().
 */
enum lt_code lt_admin_key_rotate(struct lt_store *store, struct lt_str site, struct lt_str which, int64_t overlap_ms, char ret[64],
                                 struct lt_error *err);
enum lt_code lt_admin_key_revoke(struct lt_store *store, struct lt_str site, struct lt_str which, struct lt_error *err); /* the same */
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
/* The text in the site's language; as lt_policy_text_set() (core/policy_text.h). */
enum lt_code lt_admin_policy_set(struct lt_store *store, struct lt_str site, struct lt_str version, struct lt_str text, struct lt_error *err);
/*
 * Switches. action "" = the whole placement / all actions; location "" = the whole course. on < 0 removes the row. until_at: when it ends of
 * itself (ms, in the future; 0: never). Switches of the site that have ended are removed.
 */
enum lt_code lt_admin_placement_switch(struct lt_store *store, struct lt_str site, struct lt_str placement, struct lt_str action, int on,
                                       int64_t until_at, struct lt_error *err);
/* The placement itself (enabled: a boolean, or NULL = unchanged) and actions in it ({name: boolean}, or NULL), all or nothing. */
enum lt_code lt_admin_placement_set(struct lt_store *store, struct lt_str site, const struct lt_entry *placement, const struct lt_json *enabled,
                                    const struct lt_json *actions, int64_t until_at, struct lt_error *err);
/* What a switch of a place may be about: "" (all), "others", an action, or service:NAME (xblock.md §4.2; the service need not be there yet). */
bool lt_switchable(struct lt_str action);
enum lt_code lt_admin_place_switch(struct lt_store *store, struct lt_str site, struct lt_str course, struct lt_str location, struct lt_str action, int on,
                                   int64_t until_at, struct lt_error *err);
/* allowed < 0 removes the row. Who may do so is core/permission.h's. */
enum lt_code lt_admin_permission(struct lt_store *store, struct lt_str site, enum lt_role role, struct lt_str permission, int allowed, struct lt_error *err);
/*
 * Who relies on the instance by its name or id, in words ("profile 'tutor', profile 'cards'"); "" = nobody. In the arena. Asked before an
 * instance is removed, disabled or renamed. Start-up; NULL: nobody is asked.
 */
typedef enum lt_code (*lt_instance_users)(void *ctx, struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t id,
                                          struct lt_str name, struct lt_str *ret, struct lt_error *err);
void lt_admin_on_instance(lt_instance_users users, void *ctx);
/* Asks them. Fiber or outside loops. */
enum lt_code lt_admin_instance_used_by(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t id, struct lt_str name,
                                       struct lt_str *ret, struct lt_error *err);
/*
 * From now on what the running fiber changes is changed only while the configuration is the one of *generation: else LT_ECONFLICT, and nothing
 * has happened. NULL ends that; until then *generation must stay. Nobody else uses lt_fiber_own() meanwhile.
 */
void lt_admin_only_at(const int64_t *generation);
/* Adds to a unit what makes running daemons read the configuration again. */
void lt_admin_touch(struct lt_tx *tx);

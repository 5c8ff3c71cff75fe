/* Provider instances. */
#include "core/admin_private.h"
#include "core/sealed.h"
#include "text/merge_patch.h"

static enum lt_code check_config(struct lt_arena *arena, const struct lt_provider *provider, const struct lt_json *config, struct lt_error *err)
{
    if (lt_admin_check(arena, provider->settings_schema, config, err))
        return lt_error_under(err, "/config");
    return LT_OK;
}

/* What is stored as it is must not be given: it would be another secret's sealed text. */
static enum lt_code check_clear(const struct lt_provider *provider, const struct lt_json *given, struct lt_error *err)
{
    if (!lt_config_is_sealed(provider->settings_schema, given))
        return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, "/config", "a secret must be given in clear, not sealed");
}

static const char actions_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"enabled\":{\"type\":\"boolean\"},\"settings\":{\"type\":\"object\",\"properties\":{"
    "\"model\":{\"type\":\"string\",\"maxLength\":255},\"instruction\":{\"type\":\"string\",\"maxLength\":100000},"
    "\"extra\":{\"type\":\"object\"},\"models\":{\"type\":\"object\",\"maxProperties\":64,\"additionalProperties\":{\"type\":\"object\"}}}}}}}";

static enum lt_code check_actions(struct lt_arena *arena, const struct lt_json *actions, struct lt_error *err)
{
    if (lt_admin_check(arena, actions_schema, actions, err))
        return lt_error_under(err, "/actions");
    for (size_t i = 0; i < lt_json_len(actions); i++) {
        struct lt_str name = lt_json_key_at(actions, i);
        if (!lt_registry_find(LT_KIND_ACTION, name))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/actions", "there is no action '%.*s'", LT_FMT(name));
    }
    return LT_OK;
}

/* Instances are addressed by name or id, so no name may be another one's id. */
static enum lt_code check_name(struct lt_str name, struct lt_error *err)
{
    int64_t id;
    if (!lt_admin_text_ok(name, 100))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/name", "must be 1 to 100 bytes of UTF-8");
    if (lt_str_to_int64(name, &id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/name", "must not be a number alone: numbers are ids");
    return LT_OK;
}

/* Another instance of the site has the name. id: of the one that may have it, 0 = none. */
static enum lt_code check_name_free(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name, int64_t id,
                                    struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT 1 FROM provider_instance WHERE site_id = $1 AND name = $2 AND id <> $3", LT_INT(site_id),
                 LT_TEXT(name), LT_INT(id)))
        return err->code;
    if (r.rows > 0)
        return lt_fail_field(err, LT_ECONFLICT, "/name", "the site has a provider instance '%.*s' already", LT_FMT(name));
    return LT_OK;
}

static enum lt_code provider_named(struct lt_str plugin, const struct lt_provider **ret, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_PROVIDER, plugin);
    if (!entry)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/plugin", "there is no provider '%.*s'", LT_FMT(plugin));
    *ret = entry->impl;
    return LT_OK;
}

/*
 * The patched config as it is stored. A secret that cannot be opened is as good as none for the check; it stays stored as it is until the
 * patch sets or deletes it, so that it is there again when its master key is.
 */
static enum lt_code patch_config(const struct lt_keyring *ring, struct lt_arena *arena, const struct lt_provider *provider, int64_t site_id,
                                 struct lt_str stored, const struct lt_json *patch, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *config, *open;
    struct lt_error lost;
    if (check_clear(provider, patch, err) || lt_admin_parse(arena, stored, &config, err))
        return err->code;
    config = lt_merge_patch(arena, config, patch);
    lt_config_unseal(ring, arena, provider->settings_schema, site_id, config, &open, &lost);
    if (check_config(arena, provider, open, err))
        return err->code;
    *ret = lt_config_seal(ring, arena, provider->settings_schema, site_id, config);
    return LT_OK;
}

static enum lt_code provider_add(struct lt_store *store, struct lt_arena *arena, struct lt_str site, struct lt_str name, struct lt_str plugin,
                                 bool enabled, const struct lt_json *config, const struct lt_json *actions, int64_t *ret_id,
                                 struct lt_error *err)
{
    int64_t site_id = 0;
    const struct lt_provider *provider = NULL;
    if (lt_admin_find_site(store, site, &site_id, err) || provider_named(plugin, &provider, err))
        return err->code;
    if (check_name(name, err))
        return err->code;
    const struct lt_json *empty = NULL;
    lt_json_parse(arena, LT_STR("{}"), LT_JSON_STRICT, &empty, NULL);
    config = config ? config : empty;
    actions = actions ? actions : empty;
    if (check_clear(provider, config, err) || check_config(arena, provider, config, err) || check_actions(arena, actions, err))
        return err->code;
    struct lt_rows r;
    struct lt_keyring *ring;
    if (check_name_free(store, arena, site_id, name, 0, err) || lt_secrets_ring(store, true, &ring, err))
        return err->code;
    struct lt_str sealed = lt_config_seal(ring, arena, provider->settings_schema, site_id, config);
    lt_keyring_free(ring);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO provider_instance (site_id, name, plugin, enabled, position, config, actions, created_at) VALUES ($1, $2, $3, $4,"
          " (SELECT COALESCE(MAX(position), 0) + 1 FROM provider_instance WHERE site_id = $1), $5, $6, $7)",
          LT_INT(site_id), LT_TEXT(name), LT_TEXT(plugin), LT_INT(enabled), LT_TEXT(sealed),
          LT_TEXT(lt_json_text(arena, actions)), LT_INT(lt_now_ms()));
    if (lt_admin_commit(store, tx, err))
        return err->code;
    if (LT_QUERY(store, arena, &r, err, "SELECT id FROM provider_instance WHERE site_id = $1 AND name = $2", LT_INT(site_id), LT_TEXT(name)))
        return err->code;
    if (ret_id)
        *ret_id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    return LT_OK;
}

enum lt_code lt_admin_provider_add(struct lt_store *store, struct lt_str site, struct lt_str name, struct lt_str plugin, bool enabled,
                                   const struct lt_json *config, const struct lt_json *actions, int64_t *ret_id, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = provider_add(store, arena, site, name, plugin, enabled, config, actions, ret_id, err);
    lt_arena_free(arena);
    return rc;
}

/* The row of an instance by name or id: id, name, plugin, enabled, config, actions. */
static enum lt_code find_instance(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name_or_id,
                                  struct lt_rows *ret, struct lt_error *err)
{
    int64_t id = 0;
    lt_str_to_int64(name_or_id, &id);
    if (LT_QUERY(store, arena, ret, err,
                 "SELECT id, name, plugin, enabled, config, actions FROM provider_instance WHERE site_id = $1 AND (name = $2 OR id = $3)"
                 " ORDER BY name = $2 DESC LIMIT 1",
                 LT_INT(site_id), LT_TEXT(name_or_id), LT_INT(id)))
        return err->code;
    if (ret->rows == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/provider", "the site has no provider instance '%.*s'", LT_FMT(name_or_id));
    return LT_OK;
}

static struct {
    lt_instance_users fn;
    void *ctx;
} users;

void lt_admin_on_instance(lt_instance_users fn, void *ctx)
{
    users.fn = fn;
    users.ctx = ctx;
}

enum lt_code lt_admin_instance_used_by(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t id, struct lt_str name,
                                       struct lt_str *ret, struct lt_error *err)
{
    *ret = LT_STR("");
    return users.fn ? users.fn(users.ctx, store, arena, site_id, id, name, ret, err) : LT_OK;
}

/* Who relies on the instance has a veto against its going: says who. */
static enum lt_code check_unused(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_rows *instance, const char *what,
                                 struct lt_error *err)
{
    struct lt_str by, name = lt_rows_str(instance, 0, 1);
    if (lt_admin_instance_used_by(store, arena, site_id, lt_rows_int(instance, 0, 0), name, &by, err))
        return err->code;
    if (by.n == 0)
        return LT_OK;
    return lt_fail_field(err, LT_ECONFLICT, "/provider", "'%.*s' cannot be %s: it is used by %.*s", LT_FMT(name), what, LT_FMT(by));
}

static const char provider_patch_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},"
    "\"enabled\":{\"type\":\"boolean\"},\"config\":{\"type\":\"object\"},\"actions\":{\"type\":\"object\"}}}";

static enum lt_code provider_set(struct lt_store *store, struct lt_arena *arena, struct lt_str site, struct lt_str name_or_id,
                                 const struct lt_json *patch, struct lt_error *err)
{
    int64_t site_id = 0;
    struct lt_rows r;
    const struct lt_provider *provider = NULL;
    if (lt_admin_check(arena, provider_patch_schema, patch, err) || lt_admin_find_site(store, site, &site_id, err) ||
        find_instance(store, arena, site_id, name_or_id, &r, err) || provider_named(lt_rows_str(&r, 0, 2), &provider, err))
        return err->code;
    const struct lt_json *actions;
    struct lt_keyring *ring;
    struct lt_str sealed;
    if (lt_admin_parse(arena, lt_rows_str(&r, 0, 5), &actions, err) || lt_secrets_ring(store, true, &ring, err))
        return err->code;
    actions = lt_merge_patch(arena, actions, lt_json_get(patch, "actions"));
    enum lt_code rc = patch_config(ring, arena, provider, site_id, lt_rows_str(&r, 0, 4), lt_json_get(patch, "config"), &sealed, err);
    lt_keyring_free(ring);
    if (rc || check_actions(arena, actions, err))
        return err->code;
    bool off = lt_rows_int(&r, 0, 3) != 0 && !lt_json_bool_or(lt_json_get(patch, "enabled"), true);
    struct lt_str name = lt_json_str_or(lt_json_get(patch, "name"), lt_rows_str(&r, 0, 1));
    bool renamed = !lt_str_eq(name, lt_rows_str(&r, 0, 1));
    if ((off || renamed) && check_unused(store, arena, site_id, &r, off ? "disabled" : "renamed", err))
        return err->code;
    if (lt_json_get(patch, "name") && (check_name(name, err) || check_name_free(store, arena, site_id, name, lt_rows_int(&r, 0, 0), err)))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE provider_instance SET name = $1, enabled = $2, config = $3, actions = $4 WHERE id = $5", LT_TEXT(name),
          LT_INT(lt_json_bool_or(lt_json_get(patch, "enabled"), lt_rows_int(&r, 0, 3) != 0)), LT_TEXT(sealed),
          LT_TEXT(lt_json_text(arena, actions)), LT_INT(lt_rows_int(&r, 0, 0)));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_provider_set(struct lt_store *store, struct lt_str site, struct lt_str name_or_id, const struct lt_json *patch,
                                   struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = provider_set(store, arena, site, name_or_id, patch, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_provider_remove(struct lt_store *store, struct lt_str site, struct lt_str name_or_id, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = find_instance(store, arena, site_id, name_or_id, &r, err);
    if (rc == LT_OK)
        rc = check_unused(store, arena, site_id, &r, "removed", err);
    if (rc == LT_OK) {
        struct lt_tx *tx = lt_tx_new();
        struct lt_str id = lt_printf(arena, "%lld", (long long)lt_rows_int(&r, 0, 0));
        LT_TX(tx, "DELETE FROM usage_limit WHERE site_id = $1 AND subject = 'provider' AND subject_id = $2", LT_INT(site_id), LT_TEXT(id));
        LT_TX(tx, "DELETE FROM provider_instance WHERE id = $1", LT_INT(lt_rows_int(&r, 0, 0)));
        lt_tx_expect(tx, 1);
        rc = lt_admin_commit(store, tx, err);
    }
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_provider_order(struct lt_store *store, struct lt_str site, const struct lt_str *names, size_t n, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    struct lt_tx *tx = lt_tx_new();
    enum lt_code rc = LT_OK;
    int64_t *ids = LT_NEW_ARRAY(arena, int64_t, n + 1);
    /* The others keep their order behind: they are moved up by more than there are names. */
    LT_TX(tx, "UPDATE provider_instance SET position = position + 1000000 WHERE site_id = $1", LT_INT(site_id));
    for (size_t i = 0; rc == LT_OK && i < n; i++) {
        struct lt_rows r;
        rc = find_instance(store, arena, site_id, names[i], &r, err);
        if (rc == LT_OK)
            ids[i] = lt_rows_int(&r, 0, 0);
        for (size_t k = 0; rc == LT_OK && k < i; k++)
            if (ids[k] == ids[i])
                rc = lt_fail_field(err, LT_EINVALID_INPUT, "/ids", "a provider instance is named twice");
        if (rc == LT_OK) {
            LT_TX(tx, "UPDATE provider_instance SET position = $1 WHERE id = $2", LT_INT(i + 1), LT_INT(ids[i]));
            lt_tx_expect(tx, 1);
        }
    }
    if (rc == LT_OK) { /* numbers become small again, without ties */
        LT_TX(tx, "UPDATE provider_instance SET position = position - 1000000 + $1 WHERE site_id = $2 AND position >= 1000000", LT_INT(n),
              LT_INT(site_id));
        rc = lt_admin_commit(store, tx, err);
    } else {
        lt_tx_discard(tx);
    }
    lt_arena_free(arena);
    return rc;
}

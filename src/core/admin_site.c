/* Sites. */
#include "core/admin_private.h"

#include "base/secret.h"
#include "io/url.h"

static bool slug_ok(struct lt_str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
            return false;
    return true;
}

enum lt_code lt_admin_site_add(struct lt_store *store, struct lt_str slug, struct lt_str name, struct lt_error *err)
{
    if (!slug_ok(slug))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/slug", "must be 1 to 63 lower-case letters, digits and hyphens, not beginning with a hyphen");
    if (!lt_admin_text_ok(name, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/name", "must be 1 to 255 bytes of UTF-8");
    int64_t id = 0;
    enum lt_code rc = lt_admin_find_site(store, slug, &id, err);
    if (rc == LT_OK)
        return lt_fail_field(err, LT_ECONFLICT, "/slug", "site '%.*s' exists already", LT_FMT(slug));
    if (rc != LT_ENOT_FOUND)
        return rc;
    uint8_t secret[32];
    lt_random(secret, sizeof(secret));
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO site (slug, name, secret, created_at) VALUES ($1, $2, $3, $4)", LT_TEXT(slug), LT_TEXT(name),
          LT_BLOB(secret, sizeof(secret)), LT_INT(lt_now_ms()));
    lt_wipe(secret, sizeof(secret));
    return lt_admin_commit(store, tx, err);
}

#define HOST "(\\\\[[0-9A-Fa-f:.]+\\\\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?"
#define LIST_OF(pattern) \
    "{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"pattern\":\"^" pattern "$\"}}"

static const char site_settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"
    "\"enabled\":{\"type\":\"boolean\"},"
    "\"policy_by_lms\":{\"type\":\"boolean\"},"
    "\"resume_grace_ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":600000},"
    "\"call_timeout_ms\":{\"type\":\"integer\",\"minimum\":1000,\"maximum\":3600000},"
    "\"store_content\":{\"type\":\"boolean\"},"
    "\"refusals_per_second\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000},"
    "\"max_running_calls\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000},"
    "\"max_context_messages\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},"
    "\"task_soft_limit_ms\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":3600000},"
    "\"task_hard_limit_ms\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":3600000},"
    "\"tasks_queued_per_user\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100000},"
    "\"tasks_queued_per_site\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100000},"
    "\"task_kept_s\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":315360000},"
    "\"lms_roles_url\":{\"type\":\"string\",\"maxLength\":2048},"
    "\"lms_roles_cache_ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":3600000},"
    "\"slot_matching\":{\"enum\":[\"exact\",\"wildcard\"]},"
    "\"scope_cache_entries\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":65536},"
    "\"openedx_policy\":{\"enum\":[\"lms\",\"lectern\"]},"
    "\"cors_origins\":" LIST_OF("https?://" HOST) ","
    "\"lms_hosts\":" LIST_OF(HOST) ","
    "\"cms_hosts\":" LIST_OF(HOST) "}}";

/* patch without `name` and `enabled`, which have columns of their own. */
static struct lt_str without_columns(struct lt_arena *arena, const struct lt_json *patch)
{
    const struct lt_json *drop = NULL;
    lt_json_parse(arena, LT_STR("{\"name\":null,\"enabled\":null}"), LT_JSON_STRICT, &drop, NULL);
    return lt_admin_merge(arena, patch, drop);
}

static enum lt_code check_roles_url(struct lt_str url, struct lt_error *err)
{
    struct lt_url parts;
    if (url.n > 0 && lt_url_parse(url, &parts, err))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/lms_roles_url", "must be an http:// or https:// address without user name and fragment");
    return LT_OK;
}

static enum lt_code site_set(struct lt_store *store, struct lt_arena *arena, struct lt_str slug, const struct lt_json *patch, struct lt_error *err)
{
    if (lt_admin_check(arena, site_settings_schema, patch, err) || check_roles_url(lt_json_str(lt_json_get(patch, "lms_roles_url")), err))
        return err->code;
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT id, name, enabled, settings FROM site WHERE slug = $1", LT_TEXT(slug)))
        return err->code;
    if (r.rows == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/site", "there is no site '%.*s'", LT_FMT(slug));
    const struct lt_json *settings, *rest;
    if (lt_admin_parse(arena, lt_rows_str(&r, 0, 3), &settings, err) || lt_admin_parse(arena, without_columns(arena, patch), &rest, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE site SET name = $1, enabled = $2, settings = $3 WHERE id = $4",
          LT_TEXT(lt_json_str_or(lt_json_get(patch, "name"), lt_rows_str(&r, 0, 1))),
          LT_INT(lt_json_bool_or(lt_json_get(patch, "enabled"), lt_rows_int(&r, 0, 2) != 0)), LT_TEXT(lt_admin_merge(arena, settings, rest)),
          LT_INT(lt_rows_int(&r, 0, 0)));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_site_set(struct lt_store *store, struct lt_str slug, const struct lt_json *patch, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = site_set(store, arena, slug, patch, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_site_remove(struct lt_store *store, struct lt_str slug, struct lt_error *err)
{
    int64_t id = 0;
    if (lt_admin_find_site(store, slug, &id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT 1 FROM ai_call WHERE site_id = $1 LIMIT 1", LT_INT(id));
    size_t calls = rc == LT_OK ? r.rows : 0;
    lt_arena_free(arena);
    if (rc)
        return rc;
    if (calls > 0)
        return lt_fail(err, LT_ECONFLICT, "site '%.*s' has calls in the register; disable it instead", LT_FMT(slug));
    struct lt_tx *tx = lt_tx_new();
    static const char *const tables[] = {
        "DELETE FROM site_key WHERE site_id = $1",         "DELETE FROM jwt_issuer WHERE site_id = $1",
        "DELETE FROM provider_instance WHERE site_id = $1", "DELETE FROM role_permission WHERE site_id = $1",
        "DELETE FROM placement_switch WHERE site_id = $1", "DELETE FROM place_switch WHERE site_id = $1",
        "DELETE FROM policy_acceptance WHERE site_id = $1",
        "DELETE FROM workflow_task_input WHERE task_id IN (SELECT id FROM workflow_task WHERE site_id = $1)",
        "DELETE FROM workflow_task_result WHERE task_id IN (SELECT id FROM workflow_task WHERE site_id = $1)",
        "DELETE FROM workflow_task WHERE site_id = $1",
        "DELETE FROM workflow_submission WHERE session_id IN (SELECT id FROM workflow_session WHERE site_id = $1)",
        "DELETE FROM workflow_session WHERE site_id = $1", "DELETE FROM workflow_scope WHERE site_id = $1",
        "DELETE FROM workflow_profile_version WHERE profile_id IN (SELECT id FROM workflow_profile WHERE site_id = $1)",
        "DELETE FROM workflow_profile WHERE site_id = $1",
        "DELETE FROM workflow_prompt_version WHERE prompt_id IN (SELECT id FROM workflow_prompt WHERE site_id = $1)",
        "DELETE FROM workflow_prompt WHERE site_id = $1", "DELETE FROM course_role WHERE site_id = $1",
        "DELETE FROM site WHERE id = $1"};
    for (size_t i = 0; i < LT_COUNT(tables); i++)
        LT_TX(tx, tables[i], LT_INT(id));
    return lt_admin_commit(store, tx, err);
}

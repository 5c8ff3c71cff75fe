/* Sites. */
#include "core/admin_private.h"

#include "base/secret.h"
#include "core/guard.h"
#include "core/period.h"
#include "core/site_settings.h"
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

static const char columns_schema[] = "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"
                                     "\"enabled\":{\"type\":\"boolean\"}}}";

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

static enum lt_code check_zone(const struct lt_json *zone, struct lt_error *err)
{
    if (zone && !lt_zone_known(lt_json_str(zone)))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/time_zone", "must be a time zone such as Europe/Berlin");
    return LT_OK;
}

/* "any" only as the last, "none" only alone. */
static enum lt_code check_services(const struct lt_json *services, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(services); i++) {
        const struct lt_json *list = lt_json_at(services, i);
        for (size_t k = 0, n = lt_json_len(list); k < n; k++) {
            struct lt_str plugin = lt_json_str(lt_json_at(list, k));
            if ((lt_str_is(plugin, "any") && k + 1 < n) || (lt_str_is(plugin, "none") && n > 1))
                return lt_fail_field(err, LT_EINVALID_INPUT, "/services", "service '%.*s': `any` must be the last plugin, `none` the only one",
                                     LT_FMT(lt_json_key_at(services, i)));
        }
    }
    return LT_OK;
}

/* null takes a setting back: it must be one, and needs no more. */
static enum lt_code check_settings(struct lt_arena *arena, const struct lt_json *patch, struct lt_error *err)
{
    const struct lt_json *known = lt_site_settings_properties(arena), *given;
    for (size_t i = 0; i < lt_json_len(patch); i++)
        if (!lt_json_get_str(known, lt_json_key_at(patch, i)))
            return lt_fail_field(err, LT_EINVALID_INPUT, lt_printf(arena, "/%.*s", LT_FMT(lt_json_key_at(patch, i))).p, "is no setting of a site");
    if (lt_admin_parse(arena, lt_admin_merge(arena, NULL, patch), &given, err) || lt_admin_check(arena, lt_site_settings_schema, given, err) ||
        check_roles_url(lt_json_str(lt_json_get(given, "lms_roles_url")), err) || check_zone(lt_json_get(given, "time_zone"), err))
        return err->code;
    const struct lt_guard *guard;
    if (check_services(lt_json_get(given, "services"), err))
        return err->code;
    return lt_guard_compile(NULL, arena, 0, given, &guard, err);
}

static enum lt_code site_set(struct lt_store *store, struct lt_arena *arena, struct lt_str slug, const struct lt_json *patch, struct lt_error *err)
{
    const struct lt_json *settings, *rest;
    if (lt_admin_check(arena, columns_schema, patch, err) || lt_admin_parse(arena, without_columns(arena, patch), &rest, err) ||
        check_settings(arena, rest, err))
        return err->code;
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT id, name, enabled, settings FROM site WHERE slug = $1", LT_TEXT(slug)))
        return err->code;
    if (r.rows == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/site", "there is no site '%.*s'", LT_FMT(slug));
    if (lt_admin_parse(arena, lt_rows_str(&r, 0, 3), &settings, err))
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
    enum lt_code rc = LT_QUERY(store, arena, &r, err, /* whose calls were removed by age has its chain and its sums still */
                               "SELECT 1 WHERE EXISTS (SELECT 1 FROM ai_call WHERE site_id = $1)"
                               " OR EXISTS (SELECT 1 FROM register_head WHERE site_id = $1)", LT_INT(id));
    size_t calls = rc == LT_OK ? r.rows : 0;
    lt_arena_free(arena);
    if (rc)
        return rc;
    if (calls > 0)
        return lt_fail(err, LT_ECONFLICT, "site '%.*s' has calls in the register; disable it instead", LT_FMT(slug));
    struct lt_tx *tx = lt_tx_new();
    static const char *const tables[] = {
        "DELETE FROM console_session WHERE site_id = $1",
        "DELETE FROM site_key WHERE site_id = $1",         "DELETE FROM jwt_issuer WHERE site_id = $1",
        "DELETE FROM mcp_server WHERE site_id = $1",
        "DELETE FROM provider_instance WHERE site_id = $1", "DELETE FROM role_permission WHERE site_id = $1",
        "DELETE FROM placement_switch WHERE site_id = $1", "DELETE FROM place_switch WHERE site_id = $1",
        "DELETE FROM policy_acceptance WHERE site_id = $1", "DELETE FROM policy_text WHERE site_id = $1",
        "DELETE FROM emergency_stop WHERE site_id = $1",
        "DELETE FROM event_outbox WHERE site_id = $1", "DELETE FROM event_actor WHERE site_id = $1",
        "DELETE FROM event_delivery WHERE destination_id IN (SELECT id FROM event_destination WHERE site_id = $1)",
        "DELETE FROM event_destination WHERE site_id = $1",
        "DELETE FROM workflow_task_input WHERE task_id IN (SELECT id FROM workflow_task WHERE site_id = $1)",
        "DELETE FROM workflow_task_result WHERE task_id IN (SELECT id FROM workflow_task WHERE site_id = $1)",
        "DELETE FROM workflow_task_event WHERE task_id IN (SELECT id FROM workflow_task WHERE site_id = $1)",
        "DELETE FROM workflow_task WHERE site_id = $1",
        "DELETE FROM openai_response WHERE site_id = $1",
        "DELETE FROM idempotency_key WHERE site_id = $1",
        "DELETE FROM grading WHERE site_id = $1",
        "DELETE FROM usage_lease WHERE limit_id IN (SELECT id FROM usage_limit WHERE site_id = $1)",
        "DELETE FROM usage_counter WHERE limit_id IN (SELECT id FROM usage_limit WHERE site_id = $1)",
        "DELETE FROM usage_limit WHERE site_id = $1", "DELETE FROM usage_notice WHERE site_id = $1",
        "DELETE FROM model_price WHERE site_id = $1", "DELETE FROM content_source WHERE site_id = $1",
        "DELETE FROM workflow_submission WHERE session_id IN (SELECT id FROM workflow_session WHERE site_id = $1)",
        "DELETE FROM workflow_session WHERE site_id = $1", "DELETE FROM workflow_scope WHERE site_id = $1",
        "DELETE FROM workflow_profile_version WHERE profile_id IN (SELECT id FROM workflow_profile WHERE site_id = $1)",
        "DELETE FROM workflow_profile WHERE site_id = $1",
        "DELETE FROM workflow_prompt_version WHERE prompt_id IN (SELECT id FROM workflow_prompt WHERE site_id = $1)",
        "DELETE FROM workflow_prompt WHERE site_id = $1", "DELETE FROM course_role WHERE site_id = $1",
        "DELETE FROM course_block WHERE course IN (SELECT id FROM course WHERE site_id = $1)",
        "DELETE FROM course WHERE site_id = $1",
        "DELETE FROM site WHERE id = $1"};
    for (size_t i = 0; i < LT_COUNT(tables); i++)
        LT_TX(tx, tables[i], LT_INT(id));
    return lt_admin_commit(store, tx, err);
}

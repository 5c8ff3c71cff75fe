/* A site for a store that has none: what the operator would do with `lectern site add`, `provider add` and `policy set`. */
#include "core/admin.h"
#include "embed/embed.h"
#include "text/json_schema.h"

enum { SETUP_MAX = 1 << 20 };

static const char setup_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"site\"],\"properties\":{"
    "\"site\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"settings\":{\"type\":\"object\"},"
    "\"policy\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"version\",\"text\"],\"properties\":{"
    "\"version\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"}}},"
    "\"providers\":{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"name\",\"plugin\"],\"properties\":{\"name\":{\"type\":\"string\"},\"plugin\":{\"type\":\"string\"},"
    "\"enabled\":{\"type\":\"boolean\"},\"config\":{\"type\":\"object\"},\"actions\":{\"type\":\"object\"}}}}}}";

static enum lt_code parse(struct lt_arena *arena, const char *text, const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_schema *schema;
    size_t n = strnlen(text, SETUP_MAX + 1);
    if (n > SETUP_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "must be at most %d bytes", SETUP_MAX);
    if (lt_json_parse(arena, (struct lt_str){text, n}, LT_JSON_JSON5_FINITE, ret, err) ||
        lt_schema_compile_text(arena, setup_schema, &schema, err))
        return err->code;
    return lt_schema_check(schema, *ret, err);
}

static enum lt_code add_provider(struct lt_store *store, struct lt_str site, const struct lt_json *v, struct lt_error *err)
{
    int64_t id;
    return lt_admin_provider_add(store, site, lt_json_str(lt_json_get(v, "name")), lt_json_str(lt_json_get(v, "plugin")),
                                 lt_json_bool_or(lt_json_get(v, "enabled"), true), lt_json_get(v, "config"), lt_json_get(v, "actions"), &id, err);
}

static enum lt_code add_providers(struct lt_store *store, struct lt_arena *arena, struct lt_str site, const struct lt_json *list,
                                  struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (add_provider(store, site, lt_json_at(list, i), err))
            return lt_error_under(err, lt_printf(arena, "/providers/%zu", i).p);
    return LT_OK;
}

/* All that a new site has beside its name. */
static enum lt_code furnish(struct lt_store *store, struct lt_arena *arena, struct lt_str site, const struct lt_json *v, struct lt_error *err)
{
    const struct lt_json *settings = lt_json_get(v, "settings"), *policy = lt_json_get(v, "policy");
    if (settings && lt_admin_site_set(store, site, settings, err))
        return lt_error_under(err, "/settings");
    if (policy && lt_admin_policy_set(store, site, lt_json_str(lt_json_get(policy, "version")), lt_json_str(lt_json_get(policy, "text")), err))
        return lt_error_under(err, "/policy");
    return add_providers(store, arena, site, lt_json_get(v, "providers"), err);
}

/* A site that is half set up would be taken for a whole one the next time. */
static enum lt_code set_up(struct lt_store *store, struct lt_arena *arena, const struct lt_json *v, struct lt_error *err)
{
    struct lt_error ignored;
    struct lt_str site = lt_json_str(lt_json_get(v, "site"));
    enum lt_code rc = lt_admin_site_add(store, site, lt_json_str_or(lt_json_get(v, "name"), site), err);
    if (rc == LT_ECONFLICT)
        return LT_OK;
    if (rc && strcmp(err->field, "/slug") == 0)
        memcpy(err->field, "/site", sizeof("/site"));
    if (!rc && furnish(store, arena, site, v, err)) {
        rc = err->code;
        lt_admin_site_remove(store, site, &ignored);
    }
    return rc;
}

enum lt_code lt_embed_setup(struct lt_store *store, const char *text, struct lt_error *err)
{
    const struct lt_json *v;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = parse(arena, text, &v, err);
    if (!rc)
        rc = set_up(store, arena, v, err);
    lt_arena_free(arena);
    return rc ? lt_error_under(err, "/setup") : LT_OK;
}

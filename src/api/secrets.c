/* Leaves out what the settings schema marks as writeOnly. */
#include "api/secrets.h"

static bool secret(const struct lt_json *schema, struct lt_str member)
{
    return lt_json_bool_or(lt_json_get(lt_json_get_str(lt_json_get(schema, "properties"), member), "writeOnly"), false);
}

static void put(struct lt_jw *w, const struct lt_json *schema, const struct lt_json *value)
{
    if (!lt_json_is(value, LT_JSON_OBJECT)) {
        lt_jw_json(w, value);
        return;
    }
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(value); i++) {
        struct lt_str member = lt_json_key_at(value, i);
        if (secret(schema, member))
            continue;
        lt_jw_key_str(w, member);
        put(w, lt_json_get_str(lt_json_get(schema, "properties"), member), lt_json_at(value, i));
    }
    lt_jw_end(w);
}

void lt_config_without_secrets(struct lt_jw *w, const struct lt_provider_instance *p)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *schema = NULL;
    if (p->provider && !lt_json_parse(arena, lt_str(p->provider->settings_schema), LT_JSON_STRICT, &schema, NULL) &&
        lt_json_is(p->config, LT_JSON_OBJECT))
        put(w, schema, p->config);
    else
        lt_jw_raw(w, LT_STR("{}")); /* without the schema nobody knows what is secret */
    lt_arena_free(arena);
}

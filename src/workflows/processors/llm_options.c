/* `provider` and `options` of the step that asks a model, in whatever case the keys are written. */
#include "workflows/orchestrator.h"

/* Of an instance, and nothing that a profile may set. */
static const char *const not_ours[] = {"api_key", "api_base", "base_url", "api_version", "organization", "timeout", "provider", "stream", "tools",
                                       "tool_choice", "messages", "input", "functions", "mcp_configs"};

static bool is_not_ours(struct lt_str key)
{
    for (size_t i = 0; i < LT_COUNT(not_ours); i++)
        if (lt_str_eq(key, lt_str(not_ours[i])))
            return true;
    return false;
}

static struct lt_str small_letters(struct lt_arena *arena, struct lt_str s)
{
    char *p = lt_alloc(arena, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
    return (struct lt_str){p, s.n};
}

static enum lt_wish wish(const struct lt_json *v, enum lt_wish otherwise)
{
    return lt_json_is(v, LT_JSON_BOOL) ? (lt_json_bool_or(v, false) ? LT_WISH_YES : LT_WISH_NO) : otherwise;
}

/* "vendor/model" */
static enum lt_code read_model(const struct lt_json *v, struct lt_call_profile *ret, struct lt_str *ret_model, struct lt_error *err)
{
    struct lt_str model = lt_json_str(v), vendor = lt_str_cut(&model, '/');
    if (vendor.n == 0 || model.n == 0 || model.n > 255)
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.options.MODEL: must be \"vendor/model\"", lt_llm_processor.class_name);
    if (ret->provider.n == 0)
        ret->vendor = vendor;
    *ret_model = model;
    return LT_OK;
}

/* What every vendor is asked for by one name goes there, the rest goes as it is. */
static bool is_common(struct lt_str key)
{
    return lt_str_is(key, "temperature") || lt_str_is(key, "max_tokens");
}

static enum lt_code read_options(struct lt_arena *arena, const struct lt_json *options, struct lt_call_profile *ret, struct lt_str *ret_json,
                                 struct lt_error *err)
{
    struct lt_buf common, extra;
    struct lt_jw c, e;
    lt_buf_init(&common, 1 << 20);
    lt_buf_init(&extra, 1 << 19);
    lt_jw_init(&c, &common);
    lt_jw_init(&e, &extra);
    lt_jw_obj(&c);
    lt_jw_obj(&e);
    enum lt_code rc = LT_OK;
    for (size_t i = 0; i < lt_json_len(options) && rc == LT_OK; i++) {
        struct lt_str key = small_letters(arena, lt_json_key_at(options, i)), model;
        const struct lt_json *v = lt_json_at(options, i);
        bool is_model = lt_str_is(key, "model"), common_one = is_common(key);
        if (is_not_ours(key))
            continue;
        if (is_model && (rc = read_model(v, ret, &model, err)) == LT_OK)
            lt_jw_kstr(&c, "model", model);
        if (lt_str_is(key, "cache"))
            ret->cache = wish(v, ret->cache);
        if (is_model || lt_str_is(key, "cache"))
            continue;
        lt_jw_key_str(common_one ? &c : &e, key);
        lt_jw_json(common_one ? &c : &e, v);
    }
    lt_jw_end(&e);
    lt_jw_key(&c, "extra");
    lt_jw_raw(&c, lt_buf_str(&extra));
    lt_jw_end(&c);
    *ret_json = lt_str_copy(arena, lt_buf_str(&common));
    lt_buf_free(&extra);
    lt_buf_free(&common);
    return rc;
}

enum lt_code lt_llm_options_read(struct lt_arena *arena, const struct lt_json *settings, struct lt_call_profile *ret, struct lt_error *err)
{
    const struct lt_json *options = lt_json_get(settings, "options");
    struct lt_str provider = lt_json_str_or(lt_json_get(settings, "provider"), LT_STR("")), text;
    /* "default" is the first of the site's order that serves: what happens without a name. */
    *ret = (struct lt_call_profile){.provider = lt_str_is(provider, "default") ? LT_STR("") : provider, .vendor = LT_STR(""),
                                    .cache = wish(lt_json_get(settings, "cache"), LT_WISH_NONE)};
    if (lt_json_len(options) == 0)
        return LT_OK;
    if (read_options(arena, options, ret, &text, err))
        return err->code;
    return lt_json_parse(arena, text, LT_JSON_STRICT, &ret->settings, err);
}

/* Provider `openai_compatible`: any server that speaks OpenAI's chat completions or Responses API. What it cannot do is a setting. */
#include "providers/openai_family.h"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"endpoint\"],\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT("Base address of the API (https://host/v1), or the whole address of its chat completions. http:// only for "
                             "this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("If the server wants one.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none.") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For actions that name none.") ","
    LT_OPENAI_SETTING_IMAGE_MODEL("For actions that name none; without one no images are made.") ","
    LT_OPENAI_SETTING_API("chat") "," LT_OPENAI_SETTINGS "}}";

static const struct lt_openai_vendor vendor = {.wire = {.threads = true, .key_header = "authorization"}, .api = "chat"};

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    return lt_wire_configured(instance, &vendor.wire, why);
}

static const char *lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings)
{
    return lt_wire_lacks(instance, kind, settings, &vendor.wire);
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    return lt_openai_call(run, &vendor, err);
}

static bool keeps_threads(const struct lt_provider_instance *instance, const struct lt_json *settings)
{
    return lt_openai_keeps_threads(instance, settings, &vendor);
}

static enum lt_code models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    return lt_openai_models(run, &vendor, ret, ret_n, err);
}

static enum lt_code response(struct lt_provider_run *run, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err)
{
    if (lt_str_is(lt_json_str_or(lt_json_get(run->instance->config, "api"), LT_STR("chat")), "chat"))
        return lt_fail(err, LT_ENOT_FOUND, "chat completions keep no answers");
    return lt_openai_response(run, &vendor, response_id, ret, err);
}

static enum lt_code response_before(struct lt_provider_run *run, struct lt_str response_id, struct lt_str *ret, struct lt_error *err)
{
    return lt_openai_response_before(run, &vendor, response_id, ret, err);
}

static enum lt_code forget(struct lt_provider_run *run, struct lt_str response_id, struct lt_error *err)
{
    return lt_openai_forget(run, &vendor, response_id, err);
}

extern const struct lt_provider lt_provider_openai_compatible;
const struct lt_provider lt_provider_openai_compatible = {
    .name = "openai_compatible",
    .title = "OpenAI-compatible service",
    .description = "Any server that speaks OpenAI's API: LM Studio, Groq, OpenRouter, LocalAI, Azure's v1 API and others.",
    .settings_schema = settings_schema,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE,
    .configured = configured,
    .lacks = lacks,
    .call = call,
    .keeps_threads = keeps_threads,
    .models = models,
    .response = response,
    .response_before = response_before,
    .forget = forget,
};

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

static enum lt_code response(struct lt_provider_run *run, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err)
{
    if (lt_str_is(lt_json_str_or(lt_json_get(run->instance->config, "api"), LT_STR("chat")), "chat"))
        return lt_fail(err, LT_ENOT_FOUND, "chat completions keep no answers");
    return lt_openai_response(run, response_id, ret, err);
}

extern const struct lt_provider lt_provider_openai_compatible;
const struct lt_provider lt_provider_openai_compatible = {
    .name = "openai_compatible",
    .title = "OpenAI-compatible service",
    .description = "Any server that speaks OpenAI's API: LM Studio, Groq, OpenRouter, LocalAI, Azure's v1 API and others.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE,
    .configured = lt_openai_configured,
    .lacks = lt_openai_lacks,
    .call = lt_openai_call,
    .keeps_threads = lt_openai_keeps_threads,
    .models = lt_openai_models,
    .response = response,
    .response_before = lt_openai_response_before,
    .forget = lt_openai_forget,
};

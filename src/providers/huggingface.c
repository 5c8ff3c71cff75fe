/*
 * Provider `huggingface`: the router of Hugging Face's Inference Providers (its documentation: "Inference Providers", "Chat Completion"). One key
 * leads to many companies that run open models; which of them answers says the end of the model's name (MODEL:COMPANY, or a policy such
 * as MODEL:cheapest). The router takes chat completions only.
 */
#include "providers/openai_family.h"

#define DEFAULT_ENDPOINT "https://router.huggingface.co/v1"
#define QUIRKS                                                                                                                \
    "\"inference_provider\":{\"type\":\"string\",\"title\":\"Who runs the models\",\"maxLength\":64,"                         \
    "\"pattern\":\"^[a-z0-9-]*$\",\"description\":\"A company (groq, together, …) or fastest, cheapest, preferred; for "      \
    "models whose name does not say it (MODEL:COMPANY).\"},"                                                                  \
    LT_OPENAI_SETTING_STREAM_OPTIONS("\"default\":true,") "," LT_OPENAI_SETTING_SYSTEM_ROLE ","                               \
    LT_OPENAI_SETTING_RESPONSE_FORMAT("\"default\":\"json_schema\",") "," LT_OPENAI_SETTING_IMAGES("true") ","               \
    LT_OPENAI_SETTING_TOOLS

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT(DEFAULT_ENDPOINT, "Base address of the API, or the whole address of its chat completions. http:// "
                                                       "only for this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("A token that may call Inference Providers; needed for router.huggingface.co.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none, as in openai/gpt-oss-120b or openai/gpt-oss-120b:groq.") ","
    "\"bill_to\":{\"type\":\"string\",\"title\":\"Organization that pays\",\"maxLength\":200,\"pattern\":\"^[\\\\x20-\\\\x7e]*$\"},"
    LT_OPENAI_SETTINGS_OF(QUIRKS) "}}";

static const char *const unknown[] = {"user", "store", "metadata", "parallel_tool_calls", NULL};
static const struct lt_wire_setting_header headers[] = {{"X-HF-Bill-To", "bill_to"}, {NULL, NULL}};

static struct lt_str model(const struct lt_wire *w)
{
    struct lt_str provider = lt_str_trim(lt_json_str(lt_wire_quirk(w, "inference_provider")));
    if (provider.n == 0 || memchr(w->model.p, ':', w->model.n))
        return w->model;
    return lt_printf(w->run->arena, "%.*s:%.*s", LT_FMT(w->model), LT_FMT(provider));
}

static const struct lt_openai_vendor vendor = {
    .wire = {.endpoint = DEFAULT_ENDPOINT,
             .host = "router.huggingface.co",
             .key_header = "authorization",
             .headers = headers,
             .unknown = unknown},
    .model = model,
};

extern const struct lt_provider lt_provider_huggingface;
const struct lt_provider lt_provider_huggingface = {
    .name = "huggingface",
    .title = "Hugging Face",
    .description = "The router of Hugging Face's Inference Providers: open models, run by many companies.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION,
    .configured = lt_openai_configured,
    .call = lt_openai_call,
    .models = lt_openai_models,
};

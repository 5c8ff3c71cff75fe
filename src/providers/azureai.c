/*
 * Provider `azureai`: Azure OpenAI's data plane (Microsoft's "Azure OpenAI REST API reference" and the published specifications of its versions):
 * chat completions, embeddings and images of deployments. A deployment is what `model` names, here and for an action; it is part of
 * the address and not in the body. What a request may hold depends on the version of the API.
 */
#include "providers/openai_family.h"

#define DEFAULT_VERSION "2024-06-01"
#define QUIRKS                                                                                                                \
    LT_OPENAI_SETTING_IMAGE_FAMILY("Which model the deployment runs. Without it as its name says, else as dall-e-3.") ","     \
    LT_OPENAI_SETTING_MAX_TOKENS_FIELD("Without it max_tokens; models that think want max_completion_tokens (versions of 2024-09 on).") ","  \
    LT_OPENAI_SETTING_USER "," LT_OPENAI_SETTING_SYSTEM_ROLE ","                                                              \
    LT_OPENAI_SETTING_RESPONSE_FORMAT("") "," LT_OPENAI_SETTING_IMAGES("true") "," LT_OPENAI_SETTING_IMAGE_DETAIL ","         \
    LT_OPENAI_SETTING_TOOLS "," LT_OPENAI_SETTING_ENCODING_FORMAT

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"endpoint\"],\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT("Address of the resource, as in https://NAME.openai.azure.com. What stands behind /openai is not looked at.") ","
    LT_WIRE_SETTING_API_KEY("A key of the resource.") ","
    "\"api_version\":{\"type\":\"string\",\"title\":\"API version\",\"default\":\"" DEFAULT_VERSION "\","
    "\"pattern\":\"^([0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?)?$\"},"
    "\"model\":{\"type\":\"string\",\"title\":\"Deployment\",\"maxLength\":200,\"description\":\"For actions that name none as their model.\"},"
    "\"embedding_model\":{\"type\":\"string\",\"title\":\"Deployment for vectors\",\"maxLength\":200,"
    "\"description\":\"For actions that name none.\"},"
    "\"image_model\":{\"type\":\"string\",\"title\":\"Deployment that makes images\",\"maxLength\":200,"
    "\"description\":\"For actions that name none; without one no images are made.\"},"
    LT_OPENAI_SETTING_KEY_HEADER("api-key") "," LT_OPENAI_SETTINGS_OF(QUIRKS) "}}";

static struct lt_str version(const struct lt_json *config)
{
    struct lt_str set = lt_wire_str(config, "api_version");
    return set.n > 0 ? set : LT_STR(DEFAULT_VERSION);
}

static struct lt_str no_model(const struct lt_wire *w)
{
    return LT_STR_NULL;
}

/* RESOURCE/openai/deployments/DEPLOYMENT + tail, whichever part of it the endpoint has already. */
static struct lt_str url(const struct lt_wire *w, const char *tail, const char *query)
{
    struct lt_str base = w->endpoint.path;
    const char *known = memmem(base.p, base.n, "/openai/", 8);
    if (known)
        base.n = (size_t)(known - base.p);
    else if (lt_str_ends(base, LT_STR("/openai")))
        base.n -= strlen("/openai");
    return lt_printf(w->run->arena, "%.*s/openai/deployments/%.*s%s?api-version=%.*s%s%s", LT_FMT(base),
                     LT_FMT(lt_wire_escape(w->run->arena, w->model)), tail, LT_FMT(version(w->config)), query ? "&" : "", query ? query : "");
}

#define COMMON .model = no_model, .url = url, .image_family = "dall-e-3"

static const struct lt_openai_vendor since_2024_09 = {.wire = {.key_header = "api-key", .key_needed = true}, COMMON};

/* Versions before 2024-08 know no JSON schemas, those before 2024-09 no usage in streams: the first two kinds of requests they refuse. */
static const char *const unknown_older[] = {"stream_options", "parallel_tool_calls", NULL};
static const struct lt_openai_vendor before_2024_09 = {.wire = {.key_header = "api-key", .key_needed = true, .unknown = unknown_older}, COMMON};
static const struct lt_openai_vendor before_2024_08 = {.wire = {.key_header = "api-key", .key_needed = true, .unknown = unknown_older},
                                                       COMMON,
                                                       .response_format = "json_object"};

static bool is_before(struct lt_str version, const char *month)
{
    return strncmp(version.p, month, strlen(month)) < 0;
}

static const struct lt_openai_vendor *as_set(const struct lt_json *config)
{
    struct lt_str v = version(config);
    if (is_before(v, "2024-08"))
        return &before_2024_08;
    return is_before(v, "2024-09") ? &before_2024_09 : &since_2024_09;
}

static const struct lt_openai_vendor vendor = {.as_set = as_set};

extern const struct lt_provider lt_provider_azureai;
const struct lt_provider lt_provider_azureai = {
    .name = "azureai",
    .title = "Azure OpenAI",
    .description = "Deployments of Azure OpenAI: chat completions, embeddings, and images.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE,
    .configured = lt_openai_configured,
    .lacks = lt_openai_lacks,
    .call = lt_openai_call,
};

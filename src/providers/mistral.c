/*
 * Provider `mistral` (Mistral's API reference and its OpenAPI description: chat completions, embeddings, models). It refuses every member that it
 * does not know, calls the seed random_seed and the length of vectors output_dimension, takes ids of tool calls of nine letters and
 * digits only, and no tool without a schema of its arguments. Thoughts come as parts of the content and are read over.
 */
#include "base/secret.h"
#include "providers/openai_family.h"

#define DEFAULT_ENDPOINT "https://api.mistral.ai/v1"
#define DEFAULT_MODEL "mistral-small-latest"
#define DEFAULT_EMBEDDING_MODEL "mistral-embed"
#define QUIRKS                                                                                                                \
    "\"safe_prompt\":{\"type\":\"boolean\",\"title\":\"Mistral's safety prompt\","                                            \
    "\"description\":\"Puts the service's own words on harmful content before each conversation.\"},"                         \
    "\"reasoning_effort\":{\"type\":\"string\",\"title\":\"Effort of thinking\",\"enum\":[\"none\",\"high\"]},"               \
    "\"prompt_mode\":{\"type\":\"string\",\"title\":\"Prompt mode\",\"enum\":[\"reasoning\"],"                                \
    "\"description\":\"reasoning lets the older thinking models think.\"},"                                                   \
    LT_OPENAI_SETTING_RESPONSE_FORMAT("\"default\":\"json_schema\",") "," LT_OPENAI_SETTING_IMAGES("true") ","               \
    LT_OPENAI_SETTING_IMAGE_DETAIL "," LT_OPENAI_SETTING_TOOLS "," LT_OPENAI_SETTING_ENCODING_FORMAT

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT(DEFAULT_ENDPOINT, "Base address of the API, or the whole address of its chat completions. http:// "
                                                       "only for this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("Needed for api.mistral.ai.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none. Without it api.mistral.ai gets " DEFAULT_MODEL ".") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For actions that name none. Without it api.mistral.ai gets " DEFAULT_EMBEDDING_MODEL ".") ","
    LT_OPENAI_SETTINGS_OF(QUIRKS) "}}";

static const char *const unknown[] = {"user", "seed", "store", "metadata", "stream_options", "logprobs", "top_logprobs", "dimensions", NULL};
static const char *const settings[] = {"safe_prompt", "reasoning_effort", "prompt_mode", NULL};

enum { ID = 9 };

/* An id of another vendor's: always the same nine characters for it, so that a call and its result still belong together. */
static struct lt_str tool_id(struct lt_wire *w, struct lt_str id)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool good = id.n == ID;
    for (size_t i = 0; good && i < id.n; i++)
        good = memchr(alphabet, id.p[i], sizeof(alphabet) - 1) != NULL;
    if (good)
        return id;
    uint8_t hash[32];
    char *p = lt_alloc(w->run->arena, ID);
    lt_sha256(id.p, id.n, hash);
    for (size_t i = 0; i < ID; i++)
        p[i] = alphabet[hash[i] % (sizeof(alphabet) - 1)];
    return (struct lt_str){p, ID};
}

static const struct lt_openai_vendor vendor = {
    .wire = {.endpoint = DEFAULT_ENDPOINT,
             .host = "api.mistral.ai",
             .model = DEFAULT_MODEL,
             .embedding_model = DEFAULT_EMBEDDING_MODEL,
             .key_header = "authorization",
             .unknown = unknown},
    .seed = "random_seed",
    .dimensions = "output_dimension",
    .settings = settings,
    .tool_id = tool_id,
    .parameters_needed = true,
};

extern const struct lt_provider lt_provider_mistral;
const struct lt_provider lt_provider_mistral = {
    .name = "mistral",
    .title = "Mistral",
    .description = "Mistral's chat completions and embeddings.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING,
    .configured = lt_openai_configured,
    .call = lt_openai_call,
    .models = lt_openai_models,
};

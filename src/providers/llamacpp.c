/*
 * Provider `llamacpp`: llama.cpp's server (its README, "API Endpoints" and "OpenAI-compatible API Endpoints"), with the settings that it has beyond
 * OpenAI's API. A server has one model, so none needs to be named.
 */
#include "providers/openai_family.h"

#define NUMBER(name, title, least, most) \
    "\"" name "\":{\"type\":\"number\",\"title\":\"" title "\",\"minimum\":" least ",\"maximum\":" most "},"
#define WHOLE(name, title, least, most) \
    "\"" name "\":{\"type\":\"integer\",\"title\":\"" title "\",\"minimum\":" least ",\"maximum\":" most "},"
#define QUIRKS                                                                                                                \
    WHOLE("top_k", "Top k", "0", "1000000") NUMBER("min_p", "Min p", "0", "1") NUMBER("typical_p", "Typical p", "0", "1")    \
    NUMBER("repeat_penalty", "Repetition penalty", "0", "10")                                                                 \
    WHOLE("repeat_last_n", "Tokens that the penalty looks back", "-1", "1000000")                                             \
    "\"mirostat\":{\"type\":\"integer\",\"title\":\"Mirostat\",\"minimum\":0,\"maximum\":2,\"description\":\"0: off.\"},"     \
    NUMBER("mirostat_tau", "Mirostat's entropy (tau)", "0", "100") NUMBER("mirostat_eta", "Mirostat's rate (eta)", "0", "1")  \
    NUMBER("dry_multiplier", "DRY multiplier", "0", "100") NUMBER("dry_base", "DRY base", "1", "100")                         \
    WHOLE("dry_allowed_length", "DRY allowed length", "0", "1000000")                                                         \
    NUMBER("xtc_probability", "XTC probability", "0", "1") NUMBER("xtc_threshold", "XTC threshold", "0", "1")                 \
    "\"samplers\":{\"type\":\"array\",\"title\":\"Samplers, in their order\",\"maxItems\":32,"                                \
    "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}},"                                                      \
    "\"grammar\":{\"type\":\"string\",\"title\":\"Grammar (GBNF)\",\"maxLength\":20000,"                                      \
    "\"description\":\"Of every answer but those that have a form or tools already.\"},"                                      \
    "\"cache_prompt\":{\"type\":\"boolean\",\"title\":\"Reuse what was read before\"},"                                       \
    WHOLE("id_slot", "Slot", "-1", "10000") WHOLE("n_keep", "Tokens kept when the context is full", "-1", "10000000")        \
    WHOLE("t_max_predict_ms", "Longest time of writing (ms)", "0", "3600000")                                                 \
    "\"timings_per_token\":{\"type\":\"boolean\",\"title\":\"Counts with each piece\","                                       \
    "\"description\":\"So that an answer that breaks off has been counted.\"},"                                               \
    "\"reasoning_format\":{\"type\":\"string\",\"title\":\"Thoughts\",\"enum\":[\"auto\",\"none\",\"deepseek\",\"deepseek-legacy\"]},"  \
    "\"reasoning_effort\":{\"type\":\"string\",\"title\":\"Effort of thinking\",\"enum\":[\"none\",\"low\",\"medium\",\"high\"]},"  \
    "\"chat_template_kwargs\":{\"type\":\"object\",\"title\":\"For the chat template\",\"maxProperties\":64,"                 \
    "\"description\":\"As in {\\\"enable_thinking\\\": false}.\"},"                                                           \
    LT_OPENAI_SETTING_SCHEMA_AS("\"json_schema\"") "," LT_OPENAI_QUIRKS

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"endpoint\"],\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT("Base address of the API, as in http://127.0.0.1:8080/v1. http:// only for this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("If the server was started with one.") ","
    LT_WIRE_SETTING_MODEL("Only for a server that has several.") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("Only for a server that has several.") ","
    LT_OPENAI_SETTING_KEY_HEADER("authorization") "," LT_OPENAI_SETTINGS_OF(QUIRKS) "}}";

static const char *const settings[] = {"top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat", "mirostat_tau", "mirostat_eta",
                                       "dry_multiplier", "dry_base", "dry_allowed_length", "xtc_probability", "xtc_threshold", "samplers",
                                       "grammar", "cache_prompt", "id_slot", "n_keep", "t_max_predict_ms", "timings_per_token",
                                       "reasoning_format", "reasoning_effort", "chat_template_kwargs", NULL};
static const char *const unknown_formed[] = {"grammar", NULL};

/* The server refuses a grammar beside a form of its own making. */
static void chat(struct lt_wire *w)
{
    if (*lt_openai_format_sent(w) || lt_json_len(w->run->call->tools) > 0)
        w->unknown = unknown_formed;
}

static const struct lt_openai_vendor vendor = {
    .wire = {.model = "default", .embedding_model = "default", .key_header = "authorization"},
    .settings = settings,
    .chat = chat,
};

extern const struct lt_provider lt_provider_llamacpp;
const struct lt_provider lt_provider_llamacpp = {
    .name = "llamacpp",
    .title = "llama.cpp",
    .description = "llama.cpp's server: chat completions and embeddings, with its own settings for sampling, grammars and caching.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING,
    .configured = lt_openai_configured,
    .call = lt_openai_call,
    .models = lt_openai_models,
};

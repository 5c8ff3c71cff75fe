/*
 * Provider `vllm`: a vLLM server (its documentation: "OpenAI-Compatible Server", "Structured Outputs", "Reasoning Outputs"), with the settings that
 * it has beyond OpenAI's API.
 */
#include "providers/openai_family.h"

#define QUIRKS                                                                                                                \
    "\"top_k\":{\"type\":\"integer\",\"title\":\"Top k\",\"minimum\":-1,\"maximum\":1000000},"                                \
    "\"min_p\":{\"type\":\"number\",\"title\":\"Min p\",\"minimum\":0,\"maximum\":1},"                                        \
    "\"repetition_penalty\":{\"type\":\"number\",\"title\":\"Repetition penalty\",\"exclusiveMinimum\":0,\"maximum\":2,"      \
    "\"description\":\"Above 1 repetitions become rarer.\"},"                                                                 \
    "\"min_tokens\":{\"type\":\"integer\",\"title\":\"Fewest tokens of an answer\",\"minimum\":0,\"maximum\":1000000},"       \
    "\"stop_token_ids\":{\"type\":\"array\",\"title\":\"Tokens that end an answer\",\"maxItems\":100,"                        \
    "\"items\":{\"type\":\"integer\"}},"                                                                                      \
    "\"bad_words\":{\"type\":\"array\",\"title\":\"Words that never come\",\"maxItems\":1000,"                                \
    "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}},"                                                     \
    "\"truncate_prompt_tokens\":{\"type\":\"integer\",\"title\":\"Last tokens of a conversation that are read\","             \
    "\"minimum\":-1,\"maximum\":10000000},"                                                                                   \
    "\"reasoning_effort\":{\"type\":\"string\",\"title\":\"Effort of thinking\","                                             \
    "\"enum\":[\"none\",\"minimal\",\"low\",\"medium\",\"high\",\"xhigh\",\"max\"]},"                                         \
    "\"thinking_token_budget\":{\"type\":\"integer\",\"title\":\"Most tokens of thinking\",\"minimum\":0,\"maximum\":1000000},"  \
    "\"chat_template_kwargs\":{\"type\":\"object\",\"title\":\"For the chat template\",\"maxProperties\":64,"                 \
    "\"description\":\"As in {\\\"enable_thinking\\\": false}.\"},"                                                           \
    "\"priority\":{\"type\":\"integer\",\"title\":\"Priority\",\"description\":\"Lower goes first, where the server sorts so.\"},"  \
    LT_OPENAI_SETTING_SCHEMA_AS("\"structured_outputs\",\"guided_json\"") "," LT_OPENAI_QUIRKS

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"endpoint\"],\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT("Base address of the API, as in http://127.0.0.1:8000/v1. http:// only for this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("If the server was started with one.") ","
    LT_WIRE_SETTING_MODEL("The name that the server serves it under, for actions that name none.") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For actions that name none.") ","
    LT_OPENAI_SETTING_KEY_HEADER("authorization") "," LT_OPENAI_SETTINGS_OF(QUIRKS) "}}";

static const char *const settings[] = {"top_k", "min_p", "repetition_penalty", "min_tokens", "stop_token_ids", "bad_words",
                                       "truncate_prompt_tokens", "reasoning_effort", "thinking_token_budget", "chat_template_kwargs", "priority",
                                       NULL};

static const struct lt_openai_vendor vendor = {.wire = {.key_header = "authorization"}, .settings = settings};

extern const struct lt_provider lt_provider_vllm;
const struct lt_provider lt_provider_vllm = {
    .name = "vllm",
    .title = "vLLM",
    .description = "A vLLM server: chat completions and embeddings, with its own settings for sampling and thinking.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING,
    .configured = lt_openai_configured,
    .call = lt_openai_call,
    .models = lt_openai_models,
};

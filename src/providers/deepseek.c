/*
 * Provider `deepseek` (DeepSeek's API documentation: "Create Chat Completion", "Thinking Mode", "JSON Output", "Error Codes"). Its models think
 * unless told not to. While one thinks it takes no tool choice but auto and none, no probabilities, and wants its thoughts back with each
 * tool call that it has made; thoughts are not kept here, so conversations with tools are held without them. The thoughts come beside
 * the text (reasoning_content) and are read over, as they are of any vendor.
 */
#include "providers/openai_family.h"

#define DEFAULT_ENDPOINT "https://api.deepseek.com"
#define QUIRKS                                                                                                                \
    "\"thinking\":{\"type\":\"string\",\"title\":\"Thinking\",\"enum\":[\"enabled\",\"disabled\"],"                           \
    "\"description\":\"Without it as the model does. Conversations with tools are held without.\"},"                          \
    "\"reasoning_effort\":{\"type\":\"string\",\"title\":\"Effort of thinking\",\"enum\":[\"low\",\"high\",\"max\"]},"        \
    LT_OPENAI_SETTING_IMAGES("false") "," LT_OPENAI_SETTING_TOOLS

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT(DEFAULT_ENDPOINT, "Base address of the API, or the whole address of its chat completions. http:// "
                                                       "only for this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("Needed for api.deepseek.com.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none, such as deepseek-chat or deepseek-reasoner; what there is now tells the list of models.") ","
    LT_OPENAI_SETTINGS_OF(QUIRKS) "}}";

static const char *const unknown[] = {"user", "seed", "store", "metadata", "parallel_tool_calls", NULL};
static const char *const unknown_thinking[] = {"user", "seed", "store", "metadata", "parallel_tool_calls", "logprobs", "top_logprobs", NULL};

static bool has_tools(const struct lt_neutral_call *call)
{
    bool called = false;
    for (size_t i = 0; i < call->messages_n; i++)
        called |= call->messages[i].tool_calls != NULL;
    return called || lt_json_len(call->tools) > 0;
}

/* The models of before 2026 say by their name whether they think; those since then do unless told otherwise. */
static bool thinks_by_itself(struct lt_str model)
{
    return !lt_str_is(model, "deepseek-chat");
}

static void chat(struct lt_wire *w)
{
    struct lt_str wanted = has_tools(w->run->call) ? LT_STR("disabled") : lt_json_str(lt_wire_quirk(w, "thinking"));
    bool thinks = wanted.n > 0 ? lt_str_is(wanted, "enabled") : thinks_by_itself(w->model);
    if (wanted.n > 0 && lt_wire_open(w, "thinking")) {
        if (lt_wire_may(w, "type", false))
            lt_jw_kstr(&w->jw, "type", wanted);
        lt_wire_close(w);
    }
    if (thinks) {
        lt_wire_json(w, "reasoning_effort", lt_wire_quirk(w, "reasoning_effort"));
        w->unknown = unknown_thinking;
    }
    /* its name for the pseudonym */
    if (lt_wire_may(w, "user_id", false) && w->run->user_hash[0] != '\0')
        lt_jw_kstrz(&w->jw, "user_id", w->run->user_hash);
}

static const struct lt_openai_vendor vendor = {
    .wire = {.endpoint = DEFAULT_ENDPOINT, .host = "api.deepseek.com", .key_header = "authorization", .unknown = unknown},
    .response_format = "json_object",
    .no_images = true,
    .chat = chat,
};

extern const struct lt_provider lt_provider_deepseek;
const struct lt_provider lt_provider_deepseek = {
    .name = "deepseek",
    .title = "DeepSeek",
    .description = "DeepSeek's chat completions, with and without thinking.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION,
    .configured = lt_openai_configured,
    .call = lt_openai_call,
    .models = lt_openai_models,
};

/* Reading the answers of Ollama. Fuzzed by tests/fuzz/fuzz_ollama.c. */
#include "providers/ollama_answer.h"

#include <stdio.h>

/* {id?, function{name, arguments{}}}: each comes whole. The caller answers a call by its id, so that one without gets one here. */
static enum lt_code take_tool(struct lt_wire_answer *a, const struct lt_json *call, struct lt_error *err)
{
    const struct lt_json *function = lt_wire_get(call, "function"), *arguments = lt_wire_get(function, "arguments");
    if (!lt_json_is(function, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "tool call's function", function);
    if (arguments && !lt_json_is(arguments, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "tool call's arguments", arguments);
    struct lt_wire_tool *tool = lt_wire_tool(a, -1, err);
    if (!tool)
        return LT_EUPSTREAM_INVALID;
    char own[64];
    snprintf(own, sizeof(own), "%s_%zu", a->vendor ? (const char *)a->vendor : "call", a->tools_n);
    struct lt_str id = lt_json_str(lt_wire_get(call, "id"));
    return lt_wire_tool_add(tool, id.n > 0 ? id : lt_str(own), lt_json_str(lt_wire_get(function, "name")), arguments, err);
}

/* Of /api/chat; what the model thought (`thinking`) is no part of the answer. */
static enum lt_code take_message(struct lt_wire_answer *a, const struct lt_json *message, struct lt_error *err)
{
    const struct lt_json *content = lt_wire_get(message, "content"), *tools = lt_wire_get(message, "tool_calls");
    if (!lt_json_is(message, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "message", message);
    if (content && !lt_json_is(content, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "content", content);
    if (tools && !lt_json_is(tools, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "tool_calls", tools);
    a->begun = true;
    enum lt_code code = lt_wire_text(a, lt_json_str(content), err);
    for (size_t i = 0; !code && i < lt_json_len(tools); i++)
        code = take_tool(a, lt_json_at(tools, i), err);
    return code;
}

/* Of /api/generate. */
static enum lt_code take_response(struct lt_wire_answer *a, const struct lt_json *response, struct lt_error *err)
{
    if (!lt_json_is(response, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "response", response);
    a->begun = true;
    return lt_wire_text(a, lt_json_str(response), err);
}

static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *err)
{
    const struct lt_json *message = lt_wire_get(o, "message"), *response = lt_wire_get(o, "response"), *done = lt_wire_get(o, "done");
    enum lt_code code = LT_OK;
    if (done && !lt_json_is(done, LT_JSON_BOOL))
        return lt_wire_wrong_type(err, "done", done);
    lt_wire_keep(a, &a->model, lt_wire_get(o, "model"));
    if (message)
        code = take_message(a, message, err);
    if (!code && response)
        code = take_response(a, response, err);
    if (code || !lt_json_bool_or(done, false))
        return code;
    a->done = true;
    lt_wire_keep(a, &a->finish_reason, lt_wire_get(o, "done_reason"));
    a->usage.prompt_tokens = lt_wire_count(o, "prompt_eval_count"); /* left out when the whole prompt was in the cache */
    a->usage.completion_tokens = lt_wire_count(o, "eval_count");
    return LT_OK;
}

/* An answer in one piece is finished too. Ollama says "stop" also where the model stopped to call tools. */
static enum lt_code at_end(struct lt_wire_answer *a, struct lt_error *err)
{
    if (!a->streamed && a->begun && !a->done)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer ended in the middle");
    if (a->tools_n > 0 && lt_str_is(a->finish_reason, "stop"))
        a->finish_reason = LT_STR("tool_calls");
    return LT_OK;
}

/* Ollama has no codes, only words (server/routes.go). */
static const struct lt_wire_word phrases[] = {
    {"does not support", LT_EUNSUPPORTED}, /* tools, thinking, embeddings, … */
    {"missing data required for image input", LT_EUNSUPPORTED},
    {"input length exceeds", LT_ECONTEXT_WINDOW},
    {"exceeds maximum context", LT_ECONTEXT_WINDOW},
    {"prompt is too long", LT_ECONTEXT_WINDOW},
    {NULL, LT_OK},
};

const struct lt_wire_format lt_ollama_format = {
    .framing = LT_WIRE_LINES,
    .part = "message",
    .phrases = phrases,
    .object = take_object,
    .end = at_end,
};

/*
 * Reading Bedrock's answers: what Converse says, or the events messageStart, contentBlockStart, contentBlockDelta, contentBlockStop, messageStop,
 * metadata of ConverseStream, whose names come with the messages. Events and blocks of other kinds are passed over.
 * Fuzzed by tests/fuzz/fuzz_bedrock.c.
 */
#include "providers/bedrock.h"

/* ---- usage ---- */

static int64_t sum(int64_t a, int64_t b)
{
    int64_t n;
    return a < 0 || __builtin_add_overflow(a, b > 0 ? b : 0, &n) ? -1 : n;
}

/* inputTokens are those that the cache had no part in ("Prompt caching"). */
static void take_usage(struct lt_wire_answer *a, const struct lt_json *usage)
{
    int64_t read = lt_wire_count(usage, "cacheReadInputTokens");
    if (!usage)
        return;
    a->usage.prompt_tokens = sum(sum(lt_wire_count(usage, "inputTokens"), read), lt_wire_count(usage, "cacheWriteInputTokens"));
    a->usage.completion_tokens = lt_wire_count(usage, "outputTokens");
    a->usage.cached_tokens = read;
    if (a->usage.prompt_tokens < 0 || a->usage.completion_tokens < 0)
        a->usage.total_tokens = lt_wire_count(usage, "totalTokens");
}

/* ---- blocks ---- */

static enum lt_code take_text(struct lt_wire_answer *a, const struct lt_json *text, struct lt_error *err)
{
    if (!lt_json_is(text, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "text", text);
    return lt_wire_text(a, lt_json_str(text), err);
}

/* {toolUseId, name, input}: whole, or the start of one, whose input comes in pieces. index < 0: whole. */
static enum lt_code take_tool(struct lt_wire_answer *a, const struct lt_json *use, int64_t index, struct lt_error *err)
{
    if (!lt_json_is(use, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "toolUse", use);
    struct lt_wire_tool *tool = lt_wire_tool(a, index, err);
    if (!tool)
        return err->code;
    return lt_wire_tool_add(tool, lt_json_str(lt_wire_get(use, "toolUseId")), lt_json_str(lt_wire_get(use, "name")), lt_wire_get(use, "input"), err);
}

/* A call of one of AWS's own tools is none of ours. */
static bool is_ours(const struct lt_json *use)
{
    return use && !lt_str_is(lt_json_str(lt_wire_get(use, "type")), "server_tool_use");
}

/* Reasoning is no part of the answer; of text with citations the text is. */
static enum lt_code take_block(struct lt_wire_answer *a, const struct lt_json *block, struct lt_error *err)
{
    const struct lt_json *text = lt_wire_get(block, "text"), *use = lt_wire_get(block, "toolUse"),
                         *cited = lt_wire_get(lt_wire_get(block, "citationsContent"), "content");
    if (!lt_json_is(block, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "content block", block);
    if (text)
        return take_text(a, text, err);
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(cited); i++)
        code = lt_wire_text(a, lt_json_str(lt_wire_get(lt_json_at(cited, i), "text")), err);
    return !code && is_ours(use) ? take_tool(a, use, -1, err) : code;
}

static enum lt_code take_start(struct lt_wire_answer *a, const struct lt_json *o, struct lt_error *err)
{
    struct lt_bedrock_answer *own = a->vendor;
    const struct lt_json *use = lt_wire_get(lt_wire_get(o, "start"), "toolUse");
    int64_t index = lt_json_int64_or(lt_wire_get(o, "contentBlockIndex"), -1);
    if (index < 0)
        return lt_wire_wrong_type(err, "contentBlockIndex", lt_wire_get(o, "contentBlockIndex"));
    own->skipped = is_ours(use) ? own->skipped : index;
    return is_ours(use) ? take_tool(a, use, index, err) : LT_OK;
}

static enum lt_code take_delta(struct lt_wire_answer *a, const struct lt_json *o, struct lt_error *err)
{
    struct lt_bedrock_answer *own = a->vendor;
    const struct lt_json *delta = lt_wire_get(o, "delta"), *text = lt_wire_get(delta, "text"), *use = lt_wire_get(delta, "toolUse"),
                         *piece = lt_wire_get(use, "input");
    int64_t index = lt_json_int64_or(lt_wire_get(o, "contentBlockIndex"), -1);
    if (!lt_json_is(delta, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "delta", delta);
    if (text)
        return take_text(a, text, err);
    struct lt_wire_tool *tool = use ? lt_wire_tool_at(a, index) : NULL;
    if (!use || (!tool && index >= 0 && index == own->skipped))
        return LT_OK; /* reasoningContent, citation, image */
    if (!tool)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has arguments of a tool call that did not begin");
    if (!lt_json_is(piece, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "input", piece);
    return lt_wire_tool_text(tool, lt_json_str(piece), err);
}

/* ---- messages ---- */

static enum lt_code take_whole(struct lt_wire_answer *a, const struct lt_json *o, struct lt_error *err)
{
    const struct lt_json *output = lt_wire_get(o, "output"), *message = lt_wire_get(output, "message"), *content = lt_wire_get(message, "content");
    if (output && !lt_json_is(output, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "output", output);
    if (message && !lt_json_is(message, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "message", message);
    if (content && !lt_json_is(content, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "content", content);
    a->begun = message != NULL;
    lt_wire_keep(a, &a->finish_reason, lt_wire_get(o, "stopReason"));
    take_usage(a, lt_wire_get(o, "usage"));
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(content); i++)
        code = take_block(a, lt_json_at(content, i), err);
    return code;
}

/* messageStop says why it ended; metadata, with the usage, comes behind it and is the last. */
static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str event, struct lt_error *err)
{
    if (!a->streamed)
        return take_whole(a, o, err);
    a->begun = true;
    if (lt_str_is(event, "contentBlockStart"))
        return take_start(a, o, err);
    if (lt_str_is(event, "contentBlockDelta"))
        return take_delta(a, o, err);
    if (lt_str_is(event, "messageStop"))
        lt_wire_keep(a, &a->finish_reason, lt_wire_get(o, "stopReason"));
    if (lt_str_is(event, "metadata"))
        take_usage(a, lt_wire_get(o, "usage"));
    a->done = lt_str_is(event, "metadata") && a->finish_reason.n > 0;
    return LT_OK;
}

static enum lt_code at_end(struct lt_wire_answer *a, struct lt_error *err)
{
    if (a->text_n > 0 || a->tools_n > 0)
        return LT_OK;
    if (lt_str_is(a->finish_reason, "model_context_window_exceeded"))
        return lt_fail(err, LT_ECONTEXT_WINDOW, "the model's context window was full before it answered");
    if (lt_str_starts(a->finish_reason, LT_STR("malformed_")))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the model gave no answer (stopReason %.*s)", LT_FMT(a->finish_reason));
    return LT_OK;
}

/* A guardrail's own words stand in the place of the answer, as its owner wants it. */
static const struct lt_wire_reason reasons[] = {
    {"end_turn", "stop"},
    {"stop_sequence", "stop"},
    {"max_tokens", "length"},
    {"model_context_window_exceeded", "length"},
    {"tool_use", "tool_calls"},
    {"guardrail_intervened", "content_filter"},
    {"content_filtered", "content_filter"},
    {NULL, NULL},
};

/* Exceptions inside a stream (with a small letter, as members of it) and errors, which have no status. */
static const struct lt_wire_word words[] = {
    {"throttlingException", LT_EUPSTREAM_RATE_LIMITED},
    {"ThrottlingException", LT_EUPSTREAM_RATE_LIMITED},
    {"serviceUnavailableException", LT_EUPSTREAM_UNAVAILABLE},
    {"internalServerException", LT_EUPSTREAM_UNAVAILABLE},
    {"modelStreamErrorException", LT_EUPSTREAM_UNAVAILABLE},
    {"modelTimeoutException", LT_EUPSTREAM_TIMEOUT},
    {"validationException", LT_EUPSTREAM_BAD_REQUEST},
    {"accessDeniedException", LT_EUPSTREAM_UNAUTHORIZED},
    {NULL, LT_OK},
};

/* What a ValidationException (400) says; the models behind have words of their own. */
static const struct lt_wire_word phrases[] = {
    {"input is too long", LT_ECONTEXT_WINDOW},
    {"prompt is too long", LT_ECONTEXT_WINDOW},
    {"too many input tokens", LT_ECONTEXT_WINDOW},
    {"input tokens exceed", LT_ECONTEXT_WINDOW},
    {"exceeds the maximum number of tokens", LT_ECONTEXT_WINDOW},
    {"maximum context", LT_ECONTEXT_WINDOW},
    {"exceed context limit", LT_ECONTEXT_WINDOW},
    {"content filter", LT_ECONTENT_REFUSED},
    {"service quota", LT_EUPSTREAM_RATE_LIMITED},
    {"model identifier is invalid", LT_EUPSTREAM_NOT_FOUND},
    {NULL, LT_OK},
};

const struct lt_wire_format lt_bedrock_format = {
    .framing = LT_WIRE_AWS,
    .part = "output",
    .reason_ends = true,
    .reasons = reasons,
    .words = words,
    .phrases = phrases,
    .fingerprint_header = "x-amzn-requestid",
    .input_tokens_header = "x-amzn-bedrock-input-token-count",
    .object = take_object,
    .end = at_end,
};

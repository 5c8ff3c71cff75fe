/*
 * Reading Gemini's answers: a GenerateContentResponse, or one in each event of a stream, which has no end mark: the last one has a
 * finish reason (older models give STOP with every event: the latest one holds).
 * Fuzzed by tests/fuzz/fuzz_gemini.c.
 */
#include "providers/gemini.h"

#include <stdio.h>

/* {id?, name, args{}}: each comes whole. */
static enum lt_code take_call(struct lt_wire_answer *a, const struct lt_json *call, struct lt_error *err)
{
    const struct lt_json *args = lt_wire_get(call, "args");
    char own[64];
    if (!lt_json_is(call, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "functionCall", call);
    if (args && !lt_json_is(args, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "tool call's arguments", args);
    struct lt_wire_tool *tool = lt_wire_tool(a, -1, err);
    if (!tool)
        return err->code;
    snprintf(own, sizeof(own), "%s_%zu", a->vendor ? (const char *)a->vendor : "call", a->tools_n);
    struct lt_str id = lt_json_str(lt_wire_get(call, "id"));
    return lt_wire_tool_add(tool, id.n > 0 ? id : lt_str(own), lt_json_str(lt_wire_get(call, "name")), args, err);
}

/* Thoughts, images, code that the vendor ran and what came of it are no part of the answer. */
static enum lt_code take_part(struct lt_wire_answer *a, const struct lt_json *part, struct lt_error *err)
{
    const struct lt_json *text = lt_wire_get(part, "text"), *call = lt_wire_get(part, "functionCall");
    if (!lt_json_is(part, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "part", part);
    if (lt_json_bool_or(lt_wire_get(part, "thought"), false))
        return LT_OK;
    if (call)
        return take_call(a, call, err);
    if (text && !lt_json_is(text, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "text", text);
    return lt_wire_text(a, lt_json_str(text), err);
}

static void take_reason(struct lt_wire_answer *a, const struct lt_json *reason)
{
    struct lt_str word = lt_json_str(reason);
    if (word.n == 0 || lt_str_eq(word, a->finish_reason) || lt_str_is(word, "FINISH_REASON_UNSPECIFIED"))
        return;
    a->finish_reason = LT_STR_NULL;
    lt_wire_keep_str(a, &a->finish_reason, word);
}

static enum lt_code take_candidate(struct lt_wire_answer *a, const struct lt_json *candidate, struct lt_error *err)
{
    if (!lt_json_is(candidate, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "candidate", candidate);
    if (lt_json_int64_or(lt_wire_get(candidate, "index"), 0) != 0) /* one was asked for */
        return LT_OK;
    const struct lt_json *content = lt_wire_get(candidate, "content"), *parts = lt_wire_get(content, "parts");
    if (content && !lt_json_is(content, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "content", content);
    if (parts && !lt_json_is(parts, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "parts", parts);
    a->begun = true;
    take_reason(a, lt_wire_get(candidate, "finishReason"));
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(parts); i++)
        code = take_part(a, lt_json_at(parts, i), err);
    return code;
}

/* -1 counts as nothing beside a known one. */
static int64_t sum(int64_t a, int64_t b)
{
    int64_t n;
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return __builtin_add_overflow(a, b, &n) ? -1 : n;
}

static void take_count(int64_t *count, int64_t n)
{
    if (n >= 0)
        *count = n;
}

/* Sums up to here, in each event. Thinking is paid for as the answer is; what tools of the vendor brought, as the prompt. */
static void take_usage(struct lt_wire_answer *a, const struct lt_json *usage)
{
    int64_t prompt = lt_wire_count(usage, "promptTokenCount");
    take_count(&a->usage.prompt_tokens, prompt < 0 ? -1 : sum(prompt, lt_wire_count(usage, "toolUsePromptTokenCount")));
    take_count(&a->usage.completion_tokens, sum(lt_wire_count(usage, "candidatesTokenCount"), lt_wire_count(usage, "thoughtsTokenCount")));
    take_count(&a->usage.total_tokens, lt_wire_count(usage, "totalTokenCount"));
    take_count(&a->usage.cached_tokens, lt_wire_count(usage, "cachedContentTokenCount"));
}

/* The prompt was refused: then there are no candidates. */
static void take_feedback(struct lt_wire_answer *a, const struct lt_json *feedback)
{
    struct lt_str reason = lt_json_str(lt_wire_get(feedback, "blockReason")), words = lt_json_str(lt_wire_get(feedback, "blockReasonMessage"));
    if (reason.n == 0 || lt_str_is(reason, "BLOCKED_REASON_UNSPECIFIED") || a->refusal.n > 0)
        return;
    lt_wire_refusal(a, LT_STR("the prompt was blocked, "));
    lt_wire_refusal(a, reason);
    if (words.n > 0)
        lt_wire_refusal(a, LT_STR(": "));
    lt_wire_refusal(a, words);
}

static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str event, struct lt_error *err)
{
    const struct lt_json *candidates = lt_wire_get(o, "candidates");
    if (candidates && !lt_json_is(candidates, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "candidates", candidates);
    lt_wire_keep(a, &a->id, lt_wire_get(o, "responseId"));
    lt_wire_keep(a, &a->model, lt_wire_get(o, "modelVersion"));
    take_usage(a, lt_wire_get(o, "usageMetadata"));
    take_feedback(a, lt_wire_get(o, "promptFeedback"));
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(candidates); i++)
        code = take_candidate(a, lt_json_at(candidates, i), err);
    return code;
}

/* Filters' words are those of the table below; the rest tell of a model that went astray (MALFORMED_FUNCTION_CALL, …). */
static bool went_astray(const struct lt_wire_answer *a)
{
    if (a->finish_reason.n == 0 || lt_str_is(a->finish_reason, "tool_calls"))
        return false;
    for (const struct lt_wire_reason *r = a->format->reasons; r->theirs; r++)
        if (lt_str_is(a->finish_reason, r->theirs))
            return false;
    return true;
}

/* Zeroes are left out of the answers, so that an empty one has no candidatesTokenCount. */
static void complete_usage(struct lt_usage *u)
{
    if (u->completion_tokens < 0 && u->prompt_tokens >= 0 && u->total_tokens > u->prompt_tokens)
        u->completion_tokens = u->total_tokens - u->prompt_tokens;
    else if (u->completion_tokens < 0 && u->prompt_tokens >= 0) /* of an event before the answer's first word */
        u->total_tokens = -1;
}

static enum lt_code at_end(struct lt_wire_answer *a, struct lt_error *err)
{
    complete_usage(&a->usage);
    if (a->tools_n > 0 && lt_str_is(a->finish_reason, "STOP"))
        a->finish_reason = LT_STR("tool_calls");
    if (a->refusal.n == 0 && a->text_n == 0 && a->tools_n == 0 && went_astray(a))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the model gave no answer (finishReason %.*s)", LT_FMT(a->finish_reason));
    return LT_OK;
}

static const struct lt_wire_reason reasons[] = {
    {"STOP", "stop"},
    {"MAX_TOKENS", "length"},
    {"SAFETY", "content_filter"},
    {"RECITATION", "content_filter"},
    {"BLOCKLIST", "content_filter"},
    {"PROHIBITED_CONTENT", "content_filter"},
    {"SPII", "content_filter"},
    {"IMAGE_SAFETY", "content_filter"},
    {"IMAGE_PROHIBITED_CONTENT", "content_filter"},
    {"IMAGE_RECITATION", "content_filter"},
    {"LANGUAGE", "content_filter"},
    {NULL, NULL},
};

/* What an INVALID_ARGUMENT says. */
static const struct lt_wire_word phrases[] = {
    {"API key not valid", LT_EUPSTREAM_UNAUTHORIZED},
    {"API key expired", LT_EUPSTREAM_UNAUTHORIZED},
    {"exceeds the maximum number of tokens", LT_ECONTEXT_WINDOW},
    {"input token count", LT_ECONTEXT_WINDOW},
    {NULL, LT_OK},
};

const struct lt_wire_format lt_gemini_format = {
    .framing = LT_WIRE_EVENTS,
    .part = "candidates",
    .reason_ends = true,
    .reasons = reasons,
    .phrases = phrases,
    .object = take_object,
    .end = at_end,
};

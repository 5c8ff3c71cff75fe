/*
 * Reading Anthropic's answers: a message, or the events message_start, content_block_start, content_block_delta, content_block_stop,
 * message_delta, message_stop. Events and blocks of other types are passed over, as the vendor asks for ("Streaming messages").
 * Fuzzed by tests/fuzz/fuzz_anthropic.c.
 */
#include "providers/anthropic.h"

/* ---- usage ---- */

static void take_count(int64_t *count, const struct lt_json *usage, const char *key)
{
    int64_t n = lt_wire_count(usage, key);
    if (n >= 0)
        *count = n;
}

/* Counts in a stream are sums up to there: the latest one holds. What message_start says of the output is only its beginning. */
static void take_usage(struct lt_wire_answer *a, const struct lt_json *usage, bool output)
{
    struct lt_anthropic_answer *own = a->vendor;
    take_count(&own->input, usage, "input_tokens");
    take_count(&own->created, usage, "cache_creation_input_tokens");
    take_count(&own->read, usage, "cache_read_input_tokens");
    if (output)
        take_count(&own->output, usage, "output_tokens");
}

/* input_tokens are those that the cache had no part in. */
static int64_t prompt_tokens(const struct lt_anthropic_answer *own)
{
    int64_t n = own->input, created = own->created > 0 ? own->created : 0, read = own->read > 0 ? own->read : 0;
    if (n < 0 || __builtin_add_overflow(n, created, &n) || __builtin_add_overflow(n, read, &n))
        return -1;
    return n;
}

/* ---- blocks ---- */

/* A whole block, or the start of one. `index` < 0: whole. */
static enum lt_code take_block(struct lt_wire_answer *a, const struct lt_json *block, int64_t index, struct lt_error *err)
{
    struct lt_anthropic_answer *own = a->vendor;
    struct lt_str type = lt_json_str(lt_wire_get(block, "type"));
    const struct lt_json *text = lt_wire_get(block, "text"), *input = lt_wire_get(block, "input");
    if (!lt_json_is(block, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "content block", block);
    if (lt_str_is(type, "text")) {
        if (text && !lt_json_is(text, LT_JSON_STRING))
            return lt_wire_wrong_type(err, "text", text);
        return lt_wire_text(a, lt_json_str(text), err);
    }
    if (!lt_str_is(type, "tool_use")) {
        own->skipped = index;
        return LT_OK;
    }
    struct lt_wire_tool *tool = lt_wire_tool(a, index, err);
    if (!tool)
        return err->code;
    if (index >= 0 && lt_json_is(input, LT_JSON_OBJECT) && lt_json_len(input) == 0)
        input = NULL; /* it comes in pieces */
    return lt_wire_tool_add(tool, lt_json_str(lt_wire_get(block, "id")), lt_json_str(lt_wire_get(block, "name")), input, err);
}

static enum lt_code take_delta(struct lt_wire_answer *a, const struct lt_json *o, struct lt_error *err)
{
    struct lt_anthropic_answer *own = a->vendor;
    const struct lt_json *delta = lt_wire_get(o, "delta"), *text = lt_wire_get(delta, "text"), *piece = lt_wire_get(delta, "partial_json");
    struct lt_str type = lt_json_str(lt_wire_get(delta, "type"));
    if (!lt_json_is(delta, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "delta", delta);
    if (lt_str_is(type, "text_delta")) {
        if (!lt_json_is(text, LT_JSON_STRING))
            return lt_wire_wrong_type(err, "text", text);
        return lt_wire_text(a, lt_json_str(text), err);
    }
    if (!lt_str_is(type, "input_json_delta"))
        return LT_OK; /* thinking_delta, signature_delta, citations_delta */
    int64_t index = lt_json_int64_or(lt_wire_get(o, "index"), -1);
    struct lt_wire_tool *tool = lt_wire_tool_at(a, index);
    if (!tool && index >= 0 && index == own->skipped)
        return LT_OK;
    if (!tool)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has arguments of a tool call that did not begin");
    if (!lt_json_is(piece, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "partial_json", piece);
    return lt_wire_tool_text(tool, lt_json_str(piece), err);
}

/* ---- messages ---- */

/* Of a message or a message_delta's delta. */
static void take_stop(struct lt_wire_answer *a, const struct lt_json *from)
{
    lt_wire_keep(a, &a->finish_reason, lt_wire_get(from, "stop_reason"));
    lt_wire_refusal(a, lt_json_str(lt_wire_get(lt_wire_get(from, "stop_details"), "explanation")));
}

static enum lt_code take_message(struct lt_wire_answer *a, const struct lt_json *message, struct lt_error *err)
{
    const struct lt_json *content = lt_wire_get(message, "content");
    if (!lt_json_is(message, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "message", message);
    if (content && !lt_json_is(content, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "content", content);
    lt_wire_keep(a, &a->id, lt_wire_get(message, "id"));
    lt_wire_keep(a, &a->model, lt_wire_get(message, "model"));
    take_usage(a, lt_wire_get(message, "usage"), !a->streamed);
    take_stop(a, message);
    a->begun |= content != NULL || a->streamed;
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(content); i++)
        code = take_block(a, lt_json_at(content, i), -1, err);
    return code;
}

static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str event, struct lt_error *err)
{
    struct lt_str type = lt_json_str(lt_wire_get(o, "type"));
    if (!a->streamed)
        return take_message(a, o, err);
    if (lt_str_is(type, "message_start"))
        return take_message(a, lt_wire_get(o, "message"), err);
    if (lt_str_is(type, "content_block_start")) {
        int64_t index = lt_json_int64_or(lt_wire_get(o, "index"), -1);
        if (index < 0)
            return lt_wire_wrong_type(err, "index", lt_wire_get(o, "index"));
        a->begun = true;
        return take_block(a, lt_wire_get(o, "content_block"), index, err);
    }
    if (lt_str_is(type, "content_block_delta"))
        return take_delta(a, o, err);
    if (lt_str_is(type, "message_delta")) {
        take_usage(a, lt_wire_get(o, "usage"), true);
        take_stop(a, lt_wire_get(o, "delta"));
    }
    a->done = lt_str_is(type, "message_stop");
    return LT_OK;
}

/* A refusal may come in the middle of an answer: what came before it is no answer ("Streaming refusals"). */
static enum lt_code at_end(struct lt_wire_answer *a, struct lt_error *err)
{
    const struct lt_anthropic_answer *own = a->vendor;
    a->usage.prompt_tokens = prompt_tokens(own);
    a->usage.cached_tokens = own->read;
    a->usage.completion_tokens = own->output;
    if (lt_str_is(a->finish_reason, "refusal")) {
        struct lt_str why = lt_wire_presentable(a->arena, lt_buf_str(&a->refusal), a->secret);
        return lt_fail(err, LT_ECONTENT_REFUSED, "the model declined (stop_reason refusal)%s%.*s", why.n > 0 ? ": " : "", LT_FMT(why));
    }
    lt_buf_reset(&a->refusal);
    if (lt_str_is(a->finish_reason, "model_context_window_exceeded") && a->text_n == 0 && a->tools_n == 0)
        return lt_fail(err, LT_ECONTEXT_WINDOW, "the model's context window was full before it answered");
    return LT_OK;
}

/* pause_turn (the vendor's own tools took long) has no word of ours and stays. */
static const struct lt_wire_reason reasons[] = {
    {"end_turn", "stop"},
    {"stop_sequence", "stop"},
    {"max_tokens", "length"},
    {"model_context_window_exceeded", "length"},
    {"tool_use", "tool_calls"},
    {NULL, NULL},
};

/* What an invalid_request_error says. */
static const struct lt_wire_word phrases[] = {
    {"prompt is too long", LT_ECONTEXT_WINDOW},
    {"exceed context limit", LT_ECONTEXT_WINDOW},
    {"content filtering policy", LT_ECONTENT_REFUSED},
    {"credit balance is too low", LT_EUPSTREAM_RATE_LIMITED},
    {NULL, LT_OK},
};

const struct lt_wire_format lt_anthropic_format = {
    .framing = LT_WIRE_EVENTS,
    .part = "content",
    .reasons = reasons,
    .phrases = phrases,
    .object = take_object,
    .end = at_end,
};

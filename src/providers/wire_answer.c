/*
 * An answer while it comes: framing, what all vendors' answers have, and whether it is whole.
 * Fuzzed by tests/fuzz/fuzz_openai.c, tests/fuzz/fuzz_anthropic.c and tests/fuzz/fuzz_ollama.c.
 */
#include "providers/wire_answer.h"

#include <stdlib.h>

#include "base/memory.h"

enum { REFUSAL_MAX = 2000, SCRATCH_MAX = 256 * 1024 };

void lt_wire_answer_init(struct lt_wire_answer *a, const struct lt_wire_format *format, void *vendor, struct lt_arena *arena,
                         struct lt_str secret)
{
    *a = (struct lt_wire_answer){.arena = arena, .format = format, .vendor = vendor, .secret = secret, .usage = LT_USAGE_UNKNOWN};
    lt_buf_init(&a->text, LT_WIRE_TEXT_MAX);
    lt_buf_init(&a->refusal, REFUSAL_MAX);
    lt_buf_init(&a->logprobs, LT_WIRE_TEXT_MAX);
    lt_buf_init(&a->line, LT_WIRE_EVENT_MAX);
    lt_sse_parser_init(&a->sse, LT_WIRE_EVENT_MAX);
    lt_aws_stream_init(&a->aws, LT_WIRE_EVENT_MAX);
}

void lt_wire_answer_free(struct lt_wire_answer *a)
{
    for (size_t i = 0; i < a->tools_n; i++) {
        lt_buf_free(&a->tools[i].id);
        lt_buf_free(&a->tools[i].name);
        lt_buf_free(&a->tools[i].arguments);
    }
    free(a->tools);
    a->tools = NULL;
    a->tools_n = 0;
    lt_buf_free(&a->text);
    lt_buf_free(&a->refusal);
    lt_buf_free(&a->logprobs);
    lt_buf_free(&a->line);
    lt_sse_parser_free(&a->sse);
    lt_aws_stream_free(&a->aws);
}

/* ---- for the format's functions ---- */

enum lt_code lt_wire_wrong_type(struct lt_error *err, const char *what, const struct lt_json *v)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer's %s is of type %s", what, lt_json_type_name(v));
}

static enum lt_code too_large(struct lt_error *err, const char *what, size_t max)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "%s has more than %zu bytes", what, max);
}

const struct lt_json *lt_wire_get(const struct lt_json *v, const char *key)
{
    const struct lt_json *m = lt_json_get(v, key);
    return lt_json_is(m, LT_JSON_NULL) ? NULL : m;
}

void lt_wire_keep_str(struct lt_wire_answer *a, struct lt_str *word, struct lt_str s)
{
    if (word->n > 0 || s.n == 0)
        return;
    if (s.n > LT_WIRE_WORD_MAX)
        s.n = lt_utf8_whole(s.p, LT_WIRE_WORD_MAX);
    *word = lt_str_copy(a->arena, s);
}

void lt_wire_keep(struct lt_wire_answer *a, struct lt_str *word, const struct lt_json *v)
{
    lt_wire_keep_str(a, word, lt_json_str(v));
}

int64_t lt_wire_count(const struct lt_json *usage, const char *key)
{
    int64_t n = lt_json_int64_or(lt_json_get(usage, key), -1);
    return n < 0 ? -1 : n;
}

enum lt_code lt_wire_text(struct lt_wire_answer *a, struct lt_str s, struct lt_error *err)
{
    a->text_n += s.n;
    if (a->text_n > LT_WIRE_TEXT_MAX || !lt_buf_put_str(&a->text, s))
        return too_large(err, "the answer's text", LT_WIRE_TEXT_MAX);
    return LT_OK;
}

void lt_wire_refusal(struct lt_wire_answer *a, struct lt_str s)
{
    if (s.n > a->refusal.max - a->refusal.n) /* enough to tell why */
        s.n = lt_utf8_whole(s.p, a->refusal.max - a->refusal.n);
    lt_buf_put_str(&a->refusal, s);
}

void lt_wire_logprobs(struct lt_wire_answer *a, const struct lt_json *content)
{
    for (size_t i = 0; i < lt_json_len(content); i++) {
        if (!lt_json_is(lt_json_at(content, i), LT_JSON_OBJECT))
            continue;
        if (a->logprobs.n > 0)
            lt_buf_putc(&a->logprobs, ',');
        lt_json_write(&a->logprobs, lt_json_at(content, i));
    }
}

struct lt_wire_tool *lt_wire_tool_at(struct lt_wire_answer *a, int64_t index)
{
    for (size_t i = a->tools_n; index >= 0 && i > 0; i--)
        if (a->tools[i - 1].index == index)
            return &a->tools[i - 1];
    return NULL;
}

struct lt_wire_tool *lt_wire_tool(struct lt_wire_answer *a, int64_t index, struct lt_error *err)
{
    struct lt_wire_tool *known = lt_wire_tool_at(a, index);
    if (known)
        return known;
    if (a->tools_n == LT_WIRE_TOOLS_MAX) {
        lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has more than %d tool calls", LT_WIRE_TOOLS_MAX);
        return NULL;
    }
    if (!a->tools && !(a->tools = calloc(LT_WIRE_TOOLS_MAX, sizeof(*a->tools))))
        lt_out_of_memory(0);
    int64_t next = a->tools_n > 0 && a->tools[a->tools_n - 1].index < INT64_MAX ? a->tools[a->tools_n - 1].index + 1 : 0;
    struct lt_wire_tool *tool = &a->tools[a->tools_n++];
    tool->index = index >= 0 ? index : next;
    lt_buf_init(&tool->id, LT_WIRE_WORD_MAX);
    lt_buf_init(&tool->name, LT_WIRE_WORD_MAX);
    lt_buf_init(&tool->arguments, LT_WIRE_ARGUMENTS_MAX);
    return tool;
}

enum lt_code lt_wire_tool_text(struct lt_wire_tool *tool, struct lt_str piece, struct lt_error *err)
{
    lt_buf_put_str(&tool->arguments, piece);
    return tool->arguments.failed ? too_large(err, "a tool call's arguments", LT_WIRE_ARGUMENTS_MAX) : LT_OK;
}

enum lt_code lt_wire_tool_add(struct lt_wire_tool *tool, struct lt_str id, struct lt_str name, const struct lt_json *arguments,
                              struct lt_error *err)
{
    if (arguments && !lt_json_is(arguments, LT_JSON_STRING) && !lt_json_is(arguments, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "tool call's arguments", arguments);
    if (tool->id.n == 0)
        lt_buf_put_str(&tool->id, id);
    if (tool->name.n == 0)
        lt_buf_put_str(&tool->name, name);
    if (tool->id.failed || tool->name.failed)
        return too_large(err, "a tool call's id or name", LT_WIRE_WORD_MAX);
    if (lt_json_is(arguments, LT_JSON_OBJECT))
        lt_json_write(&tool->arguments, arguments);
    return lt_wire_tool_text(tool, lt_json_str(arguments), err);
}

/* ---- what comes ---- */

bool lt_wire_is_fault(const struct lt_json *o)
{
    return lt_wire_get(o, "error") || lt_str_is(lt_json_str(lt_json_get(o, "object")), "error") ||
           lt_str_is(lt_json_str(lt_json_get(o, "type")), "error");
}

static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *err)
{
    struct lt_wire_fault f = {0};
    if (lt_json_is(o, LT_JSON_ARRAY) && lt_wire_get(lt_json_at(o, 0), "error"))
        o = lt_json_at(o, 0);
    if (!lt_json_is(o, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not a JSON object but of type %s", lt_json_type_name(o));
    if (!lt_wire_is_fault(o))
        return a->format->object(a, o, type, err);
    lt_wire_read_fault(o, &f);
    return lt_wire_fail(a->format, a->arena, &f, LT_STR_NULL, a->secret, err);
}

enum lt_code lt_wire_answer_json(struct lt_wire_answer *a, struct lt_str body, struct lt_error *err)
{
    const struct lt_json *json = NULL;
    struct lt_error where;
    if (lt_json_parse(a->arena, body, LT_JSON_STRICT, &json, &where))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not JSON: %s", where.detail);
    return take_object(a, json, LT_STR(""), err);
}

/* One event, line or message of a stream; good until the next one is read. */
struct wire_event {
    struct lt_str type, data;
    bool fault;         /* the framing says that it is one */
    struct lt_str code; /* and which, if it does */
};

static enum lt_code take_fault(struct lt_wire_answer *a, const struct lt_json *json, const struct wire_event *e, struct lt_error *err)
{
    struct lt_wire_fault f = {.code = e->code};
    if (json)
        lt_wire_read_fault(json, &f);
    else
        f.message = e->data;
    return lt_wire_fail(a->format, a->arena, &f, LT_STR_NULL, a->secret, err);
}

static enum lt_code take_event(struct lt_wire_answer *a, struct lt_arena *scratch, struct wire_event *e, struct lt_error *err)
{
    const struct lt_json *json = NULL;
    struct lt_error where;
    e->data = lt_str_trim(e->data);
    if (e->data.n == 0 && !e->fault)
        return LT_OK;
    if (a->format->end_mark && lt_str_is(e->data, a->format->end_mark)) {
        a->done = true;
        return LT_OK;
    }
    enum lt_code code = lt_json_parse(scratch, e->data, LT_JSON_STRICT, &json, &where);
    if (e->fault)
        return take_fault(a, code ? NULL : json, e, err);
    if (code)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "an event of the stream is not JSON: %s", where.detail);
    return take_object(a, json, e->type, err);
}

/* The next line from *in, joined with what waits of it; 1, 0, -1 as lt_sse_feed(). *ret is valid until the next call. */
static int next_line(struct lt_wire_answer *a, struct lt_str *in, struct lt_str *ret)
{
    if (a->line.n > 0 && a->line.p[a->line.n - 1] == '\n')
        lt_buf_reset(&a->line);
    const char *end = memchr(in->p, '\n', in->n);
    size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
    if (!lt_buf_put(&a->line, in->p, n))
        return -1;
    in->p += n;
    in->n -= n;
    *ret = lt_buf_str(&a->line);
    return end ? 1 : 0;
}

/* A message says what it is: an event, an exception with its JSON, or an error in words. */
static int next_message(struct lt_wire_answer *a, struct lt_str *in, struct wire_event *ret)
{
    struct lt_aws_message m;
    int got = lt_aws_stream_feed(&a->aws, in, &m);
    if (got <= 0)
        return got;
    struct lt_str kind = lt_aws_header_str(&m, ":message-type");
    bool error = lt_str_is(kind, "error");
    ret->fault = error || lt_str_is(kind, "exception");
    ret->type = lt_aws_header_str(&m, ":event-type");
    ret->code = lt_aws_header_str(&m, error ? ":error-code" : ":exception-type");
    ret->data = error ? lt_aws_header_str(&m, ":error-message") : m.payload;
    return got;
}

static int next_event(struct lt_wire_answer *a, struct lt_str *in, struct wire_event *ret)
{
    *ret = (struct wire_event){.type = LT_STR("")};
    if (a->format->framing == LT_WIRE_AWS)
        return next_message(a, in, ret);
    if (a->format->framing == LT_WIRE_LINES)
        return in->n > 0 ? next_line(a, in, &ret->data) : 0;
    struct lt_sse_event event;
    int got = lt_sse_feed(&a->sse, in, &event);
    if (got > 0) {
        ret->type = event.type;
        ret->data = event.data;
        ret->fault = lt_str_is(event.type, "error");
    }
    return got;
}

static enum lt_code broken_event(const struct lt_wire_answer *a, struct lt_error *err)
{
    if (a->format->framing == LT_WIRE_AWS)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "a message of the stream %s", a->aws.fault);
    return too_large(err, "an event of the stream", LT_WIRE_EVENT_MAX);
}

/* The trees of the events live in an arena of their own, which is given back while the stream is silent. */
enum lt_code lt_wire_answer_feed(struct lt_wire_answer *a, struct lt_str piece, struct lt_error *err)
{
    struct lt_arena *scratch = NULL;
    struct wire_event event;
    enum lt_code code = LT_OK;
    int got = 0;
    a->streamed = true;
    while (!code && !a->done && (got = next_event(a, &piece, &event)) > 0) {
        if (scratch && lt_arena_used(scratch) > SCRATCH_MAX) {
            lt_arena_free(scratch);
            scratch = NULL;
        }
        if (!scratch)
            scratch = lt_arena_new();
        code = take_event(a, scratch, &event, err);
    }
    lt_arena_free(scratch);
    return !code && got < 0 ? broken_event(a, err) : code;
}

bool lt_wire_is_stream(const struct lt_wire_format *format, struct lt_str body)
{
    static const char *const starts[] = {"data:", "event:", "id:", "retry:", ":"};
    if (format->framing == LT_WIRE_AWS)
        return lt_aws_stream_begins(body);
    if (lt_str_starts(body, LT_STR("\xEF\xBB\xBF"))) {
        body.p += 3;
        body.n -= 3;
    }
    body = lt_str_trim(body);
    if (format->framing == LT_WIRE_LINES) { /* an object on the first line and another behind it */
        struct lt_str first = lt_str_trim(lt_str_cut(&body, '\n'));
        return lt_str_starts(first, LT_STR("{")) && lt_str_ends(first, LT_STR("}")) && lt_str_trim(body).n > 0;
    }
    for (size_t i = 0; i < LT_COUNT(starts); i++)
        if (lt_str_starts(body, lt_str(starts[i])))
            return true;
    return false;
}

/* ---- the end ---- */

/* Written as text and read again: a tree has no other way to come into being. */
static enum lt_code tool_calls(struct lt_wire_answer *a, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    *ret = NULL;
    if (a->tools_n == 0)
        return LT_OK;
    lt_buf_init(&out, 8 * LT_WIRE_STREAM_MAX); /* what came may grow when it is escaped */
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < a->tools_n; i++) {
        const struct lt_wire_tool *tool = &a->tools[i];
        if (tool->name.n == 0) {
            lt_buf_free(&out);
            return lt_fail(err, LT_EUPSTREAM_INVALID, "tool call %zu of the answer has no name", i);
        }
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "id", lt_buf_str(&tool->id));
        lt_jw_kstrz(&w, "type", "function");
        lt_jw_key(&w, "function");
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "name", lt_buf_str(&tool->name));
        lt_jw_kstr(&w, "arguments", tool->arguments.n > 0 ? lt_buf_str(&tool->arguments) : LT_STR("{}"));
        lt_jw_end(&w);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(a->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return lt_json_parse(a->arena, text, LT_JSON_STRICT, ret, err);
}

static struct lt_str finish_reason(const struct lt_wire_answer *a)
{
    for (const struct lt_wire_reason *r = a->format->reasons; r && r->theirs; r++)
        if (lt_str_is(a->finish_reason, r->theirs))
            return lt_str(r->ours);
    if (a->finish_reason.n > 0)
        return a->finish_reason;
    return a->tools_n > 0 ? LT_STR("tool_calls") : LT_STR("stop");
}

static enum lt_code check(struct lt_wire_answer *a, struct lt_error *err)
{
    const struct lt_wire_format *format = a->format;
    if (format->framing == LT_WIRE_LINES && a->streamed && !a->done && a->line.n > 0 && a->line.p[a->line.n - 1] != '\n') {
        enum lt_code code = lt_wire_answer_feed(a, LT_STR("\n"), err); /* the last line needs no end */
        if (code)
            return code;
    }
    if (format->end) {
        enum lt_code code = format->end(a, err);
        if (code)
            return code;
    }
    if (a->refusal.n > 0) {
        struct lt_str said = lt_wire_presentable(a->arena, lt_buf_str(&a->refusal), a->secret);
        return lt_fail(err, LT_ECONTENT_REFUSED, "the model refused: %.*s", LT_FMT(said));
    }
    if (a->streamed && !a->done && !(format->reason_ends && a->finish_reason.n > 0))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the stream ended in the middle of the answer");
    if (!a->begun)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no %s", format->part);
    if (a->text_n == 0 && a->tools_n == 0 && lt_str_is(finish_reason(a), "content_filter"))
        return lt_fail(err, LT_ECONTENT_REFUSED, "the AI service's filter withheld the answer (%.*s)", LT_FMT(a->finish_reason));
    return LT_OK;
}

/* They are an extra: without them the answer is whole. */
static const struct lt_json *logprobs(struct lt_wire_answer *a)
{
    const struct lt_json *list = NULL;
    if (a->logprobs.n > 0 && !a->logprobs.failed)
        lt_json_parse(a->arena, lt_printf(a->arena, "{\"content\":[%.*s]}", LT_FMT(lt_buf_str(&a->logprobs))), LT_JSON_STRICT, &list, NULL);
    return list;
}

enum lt_code lt_wire_answer_end(struct lt_wire_answer *a, struct lt_neutral_result *ret, struct lt_error *err)
{
    enum lt_code code = check(a, err);
    if (!code)
        code = tool_calls(a, &ret->tool_calls, err);
    struct lt_usage *u = &a->usage;
    if (u->total_tokens < 0 && u->prompt_tokens >= 0 && u->completion_tokens >= 0 &&
        u->prompt_tokens <= INT64_MAX - u->completion_tokens)
        u->total_tokens = u->prompt_tokens + u->completion_tokens;
    if (code == LT_ECONTENT_REFUSED && a->refusal.n > 0)
        ret->refusal = lt_wire_presentable(a->arena, lt_buf_str(&a->refusal), a->secret);
    ret->finish_reason = finish_reason(a);
    ret->response_id = a->id;
    ret->model = a->model;
    ret->fingerprint = a->fingerprint;
    ret->logprobs = logprobs(a);
    ret->usage = a->usage;
    return code;
}

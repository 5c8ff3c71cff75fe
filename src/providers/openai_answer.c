/* Reading the answers of OpenAI-compatible servers. */
#include "providers/openai_answer.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { REFUSAL_MAX = 2000, ARGUMENTS_MAX = 1024 * 1024, SCRATCH_MAX = 256 * 1024, MESSAGE_MAX = 2000, RETRY_AFTER_MAX = 86400 };

void lt_openai_answer_init(struct lt_openai_answer *a, struct lt_arena *arena, struct lt_str secret)
{
    *a = (struct lt_openai_answer){.arena = arena, .secret = secret, .usage = LT_USAGE_UNKNOWN};
    lt_buf_init(&a->text, LT_OPENAI_TEXT_MAX);
    lt_buf_init(&a->refusal, REFUSAL_MAX);
    lt_sse_parser_init(&a->sse, LT_OPENAI_EVENT_MAX);
}

void lt_openai_answer_free(struct lt_openai_answer *a)
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
    lt_sse_parser_free(&a->sse);
}

/* ---- errors ---- */

/* What the vendor says of a fault, wherever it says it. */
struct fault {
    int status; /* HTTP status, or the number in `code`; 0: unknown */
    struct lt_str code, type, message;
};

static void read_fault(const struct lt_json *body, struct fault *ret)
{
    const struct lt_json *error = lt_json_get(body, "error");
    if (lt_json_is(error, LT_JSON_STRING)) { /* {"error": "text"} */
        ret->message = lt_json_str(error);
        return;
    }
    if (!lt_json_is(error, LT_JSON_OBJECT)) /* {"object": "error", "message": …} */
        error = body;
    ret->code = lt_json_str(lt_json_get(error, "code"));
    ret->type = lt_json_str(lt_json_get(error, "type"));
    ret->message = lt_json_str(lt_json_get(error, "message"));
    if (!ret->message.p)
        ret->message = lt_json_str(lt_json_get(error, "detail"));
    int64_t number = lt_json_int64_or(lt_json_get(error, "code"), 0);
    if (ret->status == 0 && number >= 400 && number <= 599)
        ret->status = (int)number;
}

static bool contains_ci(struct lt_str s, const char *z)
{
    size_t n = strlen(z);
    for (size_t i = 0; i + n <= s.n; i++)
        if (strncasecmp(s.p + i, z, n) == 0)
            return true;
    return false;
}

/* The vendors' words for what only words tell. */
static enum lt_code code_of_word(struct lt_str word)
{
    static const struct {
        const char *word;
        enum lt_code code;
    } words[] = {
        {"context_length_exceeded", LT_ECONTEXT_WINDOW},
        {"context_window_exceeded", LT_ECONTEXT_WINDOW},
        {"model_context_window_exceeded", LT_ECONTEXT_WINDOW},
        {"exceed_context_size_error", LT_ECONTEXT_WINDOW},
        {"string_above_max_length", LT_ECONTEXT_WINDOW},
        {"content_filter", LT_ECONTENT_REFUSED},
        {"content_policy_violation", LT_ECONTENT_REFUSED},
        {"rate_limit_exceeded", LT_EUPSTREAM_RATE_LIMITED},
        {"rate_limit_error", LT_EUPSTREAM_RATE_LIMITED},
        {"insufficient_quota", LT_EUPSTREAM_RATE_LIMITED},
        {"invalid_api_key", LT_EUPSTREAM_UNAUTHORIZED},
        {"authentication_error", LT_EUPSTREAM_UNAUTHORIZED},
        {"permission_error", LT_EUPSTREAM_UNAUTHORIZED},
        {"model_not_found", LT_EUPSTREAM_NOT_FOUND},
        {"not_found_error", LT_EUPSTREAM_NOT_FOUND},
        {"invalid_request_error", LT_EUPSTREAM_BAD_REQUEST},
        {"timeout", LT_EUPSTREAM_TIMEOUT},
        {"timeout_error", LT_EUPSTREAM_TIMEOUT},
    };
    for (size_t i = 0; word.n > 0 && i < LT_COUNT(words); i++)
        if (lt_str_is(word, words[i].word))
            return words[i].code;
    return LT_OK;
}

static enum lt_code code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return LT_EUPSTREAM_UNAUTHORIZED;
    case 404:
    case 410: /* the model was withdrawn */
        return LT_EUPSTREAM_NOT_FOUND;
    case 408:
    case 504:
    case 524: /* a proxy's name for 504 */
        return LT_EUPSTREAM_TIMEOUT;
    case 413:
        return LT_ECONTEXT_WINDOW;
    case 402: /* the account's balance is used up */
    case 429:
        return LT_EUPSTREAM_RATE_LIMITED;
    default:
        if (status >= 400 && status <= 499)
            return LT_EUPSTREAM_BAD_REQUEST;
        return status >= 500 && status <= 599 ? LT_EUPSTREAM_UNAVAILABLE : LT_EUPSTREAM_INVALID;
    }
}

/* The status decides; words decide what a bare 400 hides, and everything where there is no status (errors inside a stream). */
static enum lt_code code_of_fault(const struct fault *f)
{
    bool bare = f->status == 400 || f->status == 413 || f->status == 422;
    enum lt_code word = code_of_word(f->code);
    if (!word)
        word = code_of_word(f->type);
    if (f->status != 0 && !bare)
        return code_of_status(f->status);
    if ((!word || word == LT_EUPSTREAM_BAD_REQUEST) && (contains_ci(f->message, "context length") ||
        contains_ci(f->message, "context window") || contains_ci(f->message, "context size")))
        return LT_ECONTEXT_WINDOW;
    if (word && (f->status == 0 || word == LT_ECONTEXT_WINDOW || word == LT_ECONTENT_REFUSED))
        return word;
    return f->status != 0 ? code_of_status(f->status) : LT_EUPSTREAM_UNAVAILABLE;
}

/* The vendor's words on one line, without the key, which some vendors repeat. Cut before use, so that no half of a key stays. */
static struct lt_str presentable(struct lt_arena *arena, struct lt_str s, struct lt_str secret)
{
    if (s.n > MESSAGE_MAX)
        s.n = lt_utf8_whole(s.p, MESSAGE_MAX);
    if (s.n == 0 || !lt_utf8_valid(s.p, s.n))
        return LT_STR_NULL;
    char *p = lt_alloc(arena, s.n + 3);
    size_t n = 0, i = 0;
    while (i < s.n) {
        if (secret.n >= 3 && s.n - i >= secret.n && memcmp(s.p + i, secret.p, secret.n) == 0) {
            memcpy(p + n, "***", 3);
            n += 3;
            i += secret.n;
        } else {
            unsigned char c = (unsigned char)s.p[i++];
            p[n++] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
        }
    }
    return lt_str_trim((struct lt_str){p, n});
}

static enum lt_code fail_with(struct lt_arena *arena, const struct fault *f, struct lt_str reason, struct lt_str secret,
                              struct lt_error *err)
{
    enum lt_code code = code_of_fault(f);
    struct lt_str message = presentable(arena, f->message, secret), phrase = presentable(arena, reason, secret);
    if (f->status >= 300 && f->status <= 399)
        lt_fail(err, code, "the AI service redirects (HTTP %d); set the endpoint to the address it moved to", f->status);
    else if (f->status >= 500 && phrase.n > 0)
        lt_fail(err, code, "%.*s%s%.*s", LT_FMT(phrase), message.n > 0 ? ": " : "", LT_FMT(message));
    else if (message.n > 0)
        lt_fail(err, code, "%.*s", LT_FMT(message));
    else if (f->status > 0)
        lt_fail(err, code, "HTTP %d%s%.*s", f->status, phrase.n > 0 ? " " : "", LT_FMT(phrase));
    else
        lt_fail(err, code, "the AI service reported an error without saying which");
    if (err)
        err->vendor_status = f->status;
    return code;
}

enum lt_code lt_openai_fault(struct lt_arena *arena, int status, struct lt_str reason, struct lt_str body, struct lt_str secret,
                             struct lt_error *err)
{
    struct fault f = {.status = status};
    const struct lt_json *json = NULL;
    if (body.n > 0 && lt_json_parse(arena, body, LT_JSON_STRICT, &json, NULL) == LT_OK)
        read_fault(json, &f);
    return fail_with(arena, &f, reason, secret, err);
}

int lt_openai_retry_after(struct lt_str value, int64_t now_s)
{
    int64_t seconds = 0;
    if (!lt_str_to_int64(value, &seconds)) {
        char date[64];
        struct tm tm = {0};
        if (value.n == 0 || value.n >= sizeof(date))
            return 0;
        memcpy(date, value.p, value.n);
        date[value.n] = '\0';
        const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        seconds = end && *end == '\0' ? (int64_t)timegm(&tm) - now_s : 0;
    }
    return seconds < 0 ? 0 : seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (int)seconds;
}

/* ---- the answer ---- */

static enum lt_code wrong_type(struct lt_error *err, const char *what, const struct lt_json *v)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer's %s is of type %s", what, lt_json_type_name(v));
}

static enum lt_code too_large(struct lt_error *err, const char *what, size_t max)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "%s has more than %zu bytes", what, max);
}

/* null counts as absent: servers write it for what they have nothing to say about. */
static const struct lt_json *get(const struct lt_json *v, const char *key)
{
    const struct lt_json *m = lt_json_get(v, key);
    return lt_json_is(m, LT_JSON_NULL) ? NULL : m;
}

/* Keeps the first value of a word that comes with every chunk. Other types than a string are no reason to lose an answer. */
static void keep(struct lt_openai_answer *a, struct lt_str *word, const struct lt_json *v)
{
    struct lt_str s = lt_json_str(v);
    if (word->n > 0 || s.n == 0)
        return;
    if (s.n > LT_OPENAI_WORD_MAX)
        s.n = lt_utf8_whole(s.p, LT_OPENAI_WORD_MAX);
    *word = lt_str_copy(a->arena, s);
}

static int64_t count(const struct lt_json *usage, const char *key)
{
    int64_t n = lt_json_int64_or(lt_json_get(usage, key), -1);
    return n < 0 ? -1 : n;
}

static void take_usage(struct lt_openai_answer *a, const struct lt_json *usage)
{
    if (!lt_json_is(usage, LT_JSON_OBJECT))
        return;
    struct lt_usage u = {count(usage, "prompt_tokens"), count(usage, "completion_tokens"), count(usage, "total_tokens")};
    if (u.total_tokens < 0 && u.prompt_tokens >= 0 && u.completion_tokens >= 0 &&
        u.prompt_tokens <= INT64_MAX - u.completion_tokens)
        u.total_tokens = u.prompt_tokens + u.completion_tokens;
    a->usage = u;
}

static enum lt_code take_text(struct lt_openai_answer *a, struct lt_str s, struct lt_error *err)
{
    a->text_n += s.n;
    if (a->text_n > LT_OPENAI_TEXT_MAX || !lt_buf_put_str(&a->text, s))
        return too_large(err, "the answer's text", LT_OPENAI_TEXT_MAX);
    return LT_OK;
}

/* Content is a string, or a list of parts of which those of type "text" are the answer (the others hold reasoning). */
static enum lt_code take_content(struct lt_openai_answer *a, const struct lt_json *content, struct lt_error *err)
{
    if (!content)
        return LT_OK;
    if (lt_json_is(content, LT_JSON_STRING))
        return take_text(a, lt_json_str(content), err);
    if (!lt_json_is(content, LT_JSON_ARRAY))
        return wrong_type(err, "content", content);
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        enum lt_code code = LT_OK;
        if (lt_str_is(lt_json_str(get(part, "type")), "text"))
            code = take_text(a, lt_json_str(get(part, "text")), err);
        if (code)
            return code;
    }
    return LT_OK;
}

static struct lt_openai_tool *new_tool(struct lt_openai_answer *a, int64_t index)
{
    if (a->tools_n == LT_OPENAI_TOOLS_MAX)
        return NULL;
    if (!a->tools && !(a->tools = calloc(LT_OPENAI_TOOLS_MAX, sizeof(*a->tools))))
        abort();
    struct lt_openai_tool *tool = &a->tools[a->tools_n++];
    tool->index = index;
    lt_buf_init(&tool->id, LT_OPENAI_WORD_MAX);
    lt_buf_init(&tool->name, LT_OPENAI_WORD_MAX);
    lt_buf_init(&tool->arguments, ARGUMENTS_MAX);
    return tool;
}

/*
 * Which call a piece belongs to: by `index`; servers that leave it out send a new id with each new call. In a whole answer each
 * element is a call of its own.
 */
static struct lt_openai_tool *tool_for(struct lt_openai_answer *a, const struct lt_json *piece, struct lt_str id)
{
    if (!a->streamed)
        return new_tool(a, (int64_t)a->tools_n);
    struct lt_openai_tool *last = a->tools_n > 0 ? &a->tools[a->tools_n - 1] : NULL;
    int64_t index = lt_json_int64_or(get(piece, "index"), -1);
    if (index < 0)
        return last && (id.n == 0 || lt_str_eq(lt_buf_str(&last->id), id)) ? last : new_tool(a, last ? last->index + 1 : 0);
    for (size_t i = a->tools_n; i > 0; i--)
        if (a->tools[i - 1].index == index)
            return &a->tools[i - 1];
    return new_tool(a, index);
}

static enum lt_code take_tool(struct lt_openai_answer *a, const struct lt_json *piece, struct lt_error *err)
{
    const struct lt_json *function = get(piece, "function"), *arguments = get(function, "arguments");
    if (!lt_json_is(piece, LT_JSON_OBJECT))
        return wrong_type(err, "tool call", piece);
    if (function && !lt_json_is(function, LT_JSON_OBJECT))
        return wrong_type(err, "tool call's function", function);
    if (arguments && !lt_json_is(arguments, LT_JSON_STRING) && !lt_json_is(arguments, LT_JSON_OBJECT))
        return wrong_type(err, "tool call's arguments", arguments);
    struct lt_str id = lt_json_str(get(piece, "id")), name = lt_json_str(get(function, "name"));
    struct lt_openai_tool *tool = tool_for(a, piece, id);
    if (!tool)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has more than %d tool calls", LT_OPENAI_TOOLS_MAX);
    if (tool->id.n == 0)
        lt_buf_put_str(&tool->id, id);
    if (tool->name.n == 0)
        lt_buf_put_str(&tool->name, name);
    if (lt_json_is(arguments, LT_JSON_OBJECT))
        lt_json_write(&tool->arguments, arguments);
    else if (arguments)
        lt_buf_put_str(&tool->arguments, lt_json_str(arguments));
    if (tool->id.failed || tool->name.failed)
        return too_large(err, "a tool call's id or name", LT_OPENAI_WORD_MAX);
    return tool->arguments.failed ? too_large(err, "a tool call's arguments", ARGUMENTS_MAX) : LT_OK;
}

/* A whole message or the next piece of one: they have the same members. */
static enum lt_code take_message(struct lt_openai_answer *a, const struct lt_json *message, struct lt_error *err)
{
    const struct lt_json *tools = get(message, "tool_calls");
    enum lt_code code = take_content(a, get(message, "content"), err);
    if (!code && tools && !lt_json_is(tools, LT_JSON_ARRAY))
        code = wrong_type(err, "tool_calls", tools);
    for (size_t i = 0; !code && i < lt_json_len(tools); i++)
        code = take_tool(a, lt_json_at(tools, i), err);
    struct lt_str refusal = lt_json_str(get(message, "refusal"));
    if (refusal.n > a->refusal.max - a->refusal.n) /* enough to tell why */
        refusal.n = lt_utf8_whole(refusal.p, a->refusal.max - a->refusal.n);
    lt_buf_put_str(&a->refusal, refusal);
    return code;
}

static enum lt_code take_choice(struct lt_openai_answer *a, const struct lt_json *choice, struct lt_error *err)
{
    if (!lt_json_is(choice, LT_JSON_OBJECT))
        return wrong_type(err, "choice", choice);
    if (lt_json_int64_or(get(choice, "index"), 0) != 0) /* one was asked for */
        return LT_OK;
    a->choice = true;
    keep(a, &a->finish_reason, get(choice, "finish_reason"));
    const char *member = a->streamed ? "delta" : "message";
    const struct lt_json *message = get(choice, member);
    if (lt_json_is(message, LT_JSON_OBJECT))
        return take_message(a, message, err);
    return message || !a->streamed ? wrong_type(err, member, message) : LT_OK;
}

/* A whole answer or one chunk of it. */
static enum lt_code take_object(struct lt_openai_answer *a, const struct lt_json *o, struct lt_error *err)
{
    if (!lt_json_is(o, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not a JSON object but of type %s", lt_json_type_name(o));
    if (get(o, "error") || lt_str_is(lt_json_str(get(o, "object")), "error")) {
        struct fault f = {0};
        read_fault(o, &f);
        return fail_with(a->arena, &f, LT_STR_NULL, a->secret, err);
    }
    keep(a, &a->id, get(o, "id"));
    keep(a, &a->model, get(o, "model"));
    keep(a, &a->fingerprint, get(o, "system_fingerprint"));
    take_usage(a, get(o, "usage"));
    const struct lt_json *choices = get(o, "choices");
    if (choices && !lt_json_is(choices, LT_JSON_ARRAY))
        return wrong_type(err, "choices", choices);
    for (size_t i = 0; i < lt_json_len(choices); i++) {
        enum lt_code code = take_choice(a, lt_json_at(choices, i), err);
        if (code)
            return code;
    }
    return LT_OK;
}

enum lt_code lt_openai_answer_json(struct lt_openai_answer *a, struct lt_str body, struct lt_error *err)
{
    const struct lt_json *json = NULL;
    struct lt_error where;
    if (lt_json_parse(a->arena, body, LT_JSON_STRICT, &json, &where))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not JSON: %s", where.detail);
    return take_object(a, json, err);
}

static enum lt_code take_event(struct lt_openai_answer *a, struct lt_arena *scratch, const struct lt_sse_event *event,
                               struct lt_error *err)
{
    struct lt_str data = lt_str_trim(event->data);
    const struct lt_json *json = NULL;
    struct lt_error where;
    if (data.n == 0)
        return LT_OK;
    if (lt_str_is(data, "[DONE]")) {
        a->done = true;
        return LT_OK;
    }
    bool fault = lt_str_is(event->type, "error");
    enum lt_code code = lt_json_parse(scratch, data, LT_JSON_STRICT, &json, &where);
    if (code && !fault)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "an event of the stream is not JSON: %s", where.detail);
    if (!fault)
        return take_object(a, json, err);
    struct fault f = {0};
    if (code)
        f.message = data;
    else
        read_fault(json, &f);
    return fail_with(a->arena, &f, LT_STR_NULL, a->secret, err);
}

/* The trees of the events live in an arena of their own, which is given back while the stream is silent. */
enum lt_code lt_openai_answer_feed(struct lt_openai_answer *a, struct lt_str piece, struct lt_error *err)
{
    struct lt_arena *scratch = NULL;
    struct lt_sse_event event;
    enum lt_code code = LT_OK;
    int got = 0;
    a->streamed = true;
    while (!code && !a->done && (got = lt_sse_feed(&a->sse, &piece, &event)) > 0) {
        if (scratch && lt_arena_used(scratch) > SCRATCH_MAX) {
            lt_arena_free(scratch);
            scratch = NULL;
        }
        if (!scratch)
            scratch = lt_arena_new();
        code = take_event(a, scratch, &event, err);
    }
    lt_arena_free(scratch);
    if (!code && got < 0)
        return too_large(err, "an event of the stream", LT_OPENAI_EVENT_MAX);
    return code;
}

bool lt_openai_is_stream(struct lt_str body)
{
    static const char *const starts[] = {"data:", "event:", "id:", "retry:", ":"};
    if (lt_str_starts(body, LT_STR("\xEF\xBB\xBF"))) {
        body.p += 3;
        body.n -= 3;
    }
    body = lt_str_trim(body);
    for (size_t i = 0; i < LT_COUNT(starts); i++)
        if (lt_str_starts(body, lt_str(starts[i])))
            return true;
    return false;
}

/* Written as text and read again: a tree has no other way to come into being. */
static enum lt_code tool_calls(struct lt_openai_answer *a, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    *ret = NULL;
    if (a->tools_n == 0)
        return LT_OK;
    lt_buf_init(&out, 8 * LT_OPENAI_STREAM_MAX); /* what came may grow when it is escaped */
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < a->tools_n; i++) {
        const struct lt_openai_tool *tool = &a->tools[i];
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
        lt_jw_kstr(&w, "arguments", lt_buf_str(&tool->arguments));
        lt_jw_end(&w);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(a->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return lt_json_parse(a->arena, text, LT_JSON_STRICT, ret, err);
}

enum lt_code lt_openai_answer_end(struct lt_openai_answer *a, struct lt_neutral_result *ret, struct lt_error *err)
{
    if (a->refusal.n > 0) {
        struct lt_str said = presentable(a->arena, lt_buf_str(&a->refusal), a->secret);
        return lt_fail(err, LT_ECONTENT_REFUSED, "the model refused: %.*s", LT_FMT(said));
    }
    if (a->streamed && !a->done && a->finish_reason.n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the stream ended in the middle of the answer");
    if (!a->choice)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no choices");
    enum lt_code code = tool_calls(a, &ret->tool_calls, err);
    ret->finish_reason = a->finish_reason;
    if (a->finish_reason.n == 0)
        ret->finish_reason = ret->tool_calls ? LT_STR("tool_calls") : LT_STR("stop");
    ret->response_id = a->id;
    ret->model = a->model;
    ret->fingerprint = a->fingerprint;
    ret->usage = a->usage;
    return code;
}

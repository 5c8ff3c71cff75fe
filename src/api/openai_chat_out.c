/*
 * A chat completion as an object, or as a stream of chunks (OpenAI's API reference, "The chat completion object", "The chat completion chunk
 * object"): the role, pieces of text, calls of tools, the reason of the end, with stream_options.include_usage a chunk of usage alone, [DONE].
 */
#include "api/openai.h"

#include <stdio.h>

static void put_id(char id[48], struct lt_uuid call)
{
    char text[37];
    lt_uuid_format(call, text);
    snprintf(id, 48, "chatcmpl-%s", text);
}

bool lt_openai_answered(const struct lt_door_result *result)
{
    return result->error.code == LT_OK || (result->error.code == LT_ECONTENT_REFUSED && result->refusal.n > 0);
}

const char *lt_openai_finish_reason(const struct lt_door_result *result)
{
    static const char *const known[] = {"length", "tool_calls", "content_filter"};
    if (lt_json_len(result->tool_calls) > 0)
        return "tool_calls";
    for (size_t i = 0; i < LT_COUNT(known); i++)
        if (lt_str_is(result->finish_reason, known[i]))
            return known[i];
    return "stop";
}

static void put_head(struct lt_jw *w, const char *id, const char *object, int64_t created, struct lt_str model, struct lt_str fingerprint)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    lt_jw_kstrz(w, "object", object);
    lt_jw_kint(w, "created", created);
    lt_jw_kstr(w, "model", model);
    lt_jw_kstr(w, "system_fingerprint", fingerprint);
    lt_jw_key(w, "choices");
    lt_jw_arr(w);
}

/* ---- one object ---- */

static void put_message(struct lt_jw *w, const struct lt_door_result *result)
{
    bool calls = lt_json_len(result->tool_calls) > 0;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "role", "assistant");
    lt_jw_key(w, "content");
    if ((calls && result->text.n == 0) || result->refusal.n > 0)
        lt_jw_null(w);
    else
        lt_jw_str(w, result->text);
    lt_jw_kstr_nonempty(w, "refusal", result->refusal);
    if (calls)
        lt_jw_kjson(w, "tool_calls", result->tool_calls);
    lt_jw_end(w);
}

void lt_openai_chat_write(struct lt_jw *w, const struct lt_door_result *result)
{
    char id[48];
    put_id(id, result->id);
    put_head(w, id, "chat.completion", result->created_at / 1000, result->model, result->fingerprint);
    lt_jw_obj(w);
    lt_jw_kint(w, "index", 0);
    lt_jw_key(w, "message");
    put_message(w, result);
    lt_jw_kjson(w, "logprobs", lt_json_get(result->response, "logprobs"));
    lt_jw_kstrz(w, "finish_reason", lt_openai_finish_reason(result));
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_key(w, "usage");
    lt_openai_write_usage(w, &result->usage, true);
    lt_jw_end(w);
}

/* ---- a stream ---- */

void lt_openai_chat_init(struct lt_openai_chat *c, struct lt_request *r, struct lt_str model, bool include_usage)
{
    *c = (struct lt_openai_chat){.r = r, .model = model, .include_usage = include_usage, .created = lt_now_ms() / 1000};
    c->fingerprint = lt_door_fingerprint(r);
    lt_buf_init(&c->buf, LT_REPLY_MAX);
}

void lt_openai_chat_start(void *ctx, struct lt_uuid id)
{
    struct lt_openai_chat *c = ctx;
    put_id(c->id, id);
}

/* The chunk up to its delta; usage is null in all chunks but the one that has it. */
static void open_chunk(struct lt_openai_chat *c, struct lt_jw *w)
{
    lt_buf_put_str(&c->buf, LT_STR("data: "));
    lt_jw_init(w, &c->buf);
    put_head(w, c->id, "chat.completion.chunk", c->created, c->model, c->fingerprint);
    lt_jw_obj(w);
    lt_jw_kint(w, "index", 0);
    lt_jw_key(w, "delta");
    lt_jw_obj(w);
}

static void close_chunk(struct lt_openai_chat *c, struct lt_jw *w, const struct lt_json *logprobs, const char *finish_reason)
{
    lt_jw_end(w);
    lt_jw_kjson(w, "logprobs", logprobs);
    lt_jw_key(w, "finish_reason");
    if (finish_reason)
        lt_jw_strz(w, finish_reason);
    else
        lt_jw_null(w);
    lt_jw_end(w);
    lt_jw_end(w);
    if (c->include_usage) {
        lt_jw_key(w, "usage");
        lt_jw_null(w);
    }
    lt_jw_end(w);
    lt_buf_put_str(&c->buf, LT_STR("\n\n"));
}

static enum lt_code send_events(struct lt_openai_chat *c)
{
    enum lt_code rc = c->buf.failed ? LT_EUPSTREAM_INVALID : lt_http_stream_write(c->r->http, c->buf.p, c->buf.n);
    lt_buf_reset(&c->buf);
    return rc;
}

/* The head, and with the first bytes behind it the role. */
static enum lt_code begin(struct lt_openai_chat *c)
{
    struct lt_http_field fields[LT_OPENAI_FIELDS_MAX];
    struct lt_jw w;
    if (c->begun)
        return LT_OK;
    c->begun = true;
    size_t n = lt_openai_fields(c->r, c->id[0] ? c->id + strlen("chatcmpl-") : NULL, fields);
    open_chunk(c, &w);
    lt_jw_kstrz(&w, "role", "assistant");
    lt_jw_kstrz(&w, "content", "");
    lt_jw_key(&w, "refusal");
    lt_jw_null(&w);
    close_chunk(c, &w, NULL, NULL);
    return lt_reply_stream(c->r, "text/event-stream; charset=utf-8", fields, n);
}

enum lt_code lt_openai_chat_text(void *ctx, struct lt_str piece)
{
    struct lt_openai_chat *c = ctx;
    struct lt_jw w;
    if (piece.n == 0)
        return LT_OK;
    enum lt_code rc = begin(c);
    if (rc)
        return rc;
    open_chunk(c, &w);
    lt_jw_kstr(&w, "content", piece);
    close_chunk(c, &w, NULL, NULL);
    return send_events(c);
}

/* As OpenAI does it: first who is called, with empty arguments, then the arguments. */
static void put_tool_call(struct lt_openai_chat *c, size_t i, const struct lt_json *call)
{
    const struct lt_json *function = lt_json_get(call, "function");
    struct lt_jw w;
    for (int part = 0; part < 2; part++) {
        open_chunk(c, &w);
        lt_jw_key(&w, "tool_calls");
        lt_jw_arr(&w);
        lt_jw_obj(&w);
        lt_jw_kint(&w, "index", (int64_t)i);
        if (part == 0) {
            lt_jw_kjson(&w, "id", lt_json_get(call, "id"));
            lt_jw_kstrz(&w, "type", "function");
        }
        lt_jw_key(&w, "function");
        lt_jw_obj(&w);
        if (part == 0)
            lt_jw_kjson(&w, "name", lt_json_get(function, "name"));
        lt_jw_kstr(&w, "arguments", part == 0 ? LT_STR("") : lt_json_str(lt_json_get(function, "arguments")));
        lt_jw_end(&w);
        lt_jw_end(&w);
        lt_jw_end(&w);
        close_chunk(c, &w, NULL, NULL);
    }
}

static void put_usage_chunk(struct lt_openai_chat *c, const struct lt_door_result *result)
{
    struct lt_jw w;
    lt_buf_put_str(&c->buf, LT_STR("data: "));
    lt_jw_init(&w, &c->buf);
    put_head(&w, c->id, "chat.completion.chunk", c->created, c->model, c->fingerprint);
    lt_jw_end(&w);
    lt_jw_key(&w, "usage");
    lt_openai_write_usage(&w, &result->usage, true);
    lt_jw_end(&w);
    lt_buf_put_str(&c->buf, LT_STR("\n\n"));
}

/* Probabilities come with the vendor's end: all of them in one chunk, which clients join as they do with several. */
static void put_end(struct lt_openai_chat *c, const struct lt_door_result *result)
{
    const struct lt_json *logprobs = lt_json_get(result->response, "logprobs");
    struct lt_jw w;
    if (result->refusal.n > 0) {
        open_chunk(c, &w);
        lt_jw_kstr(&w, "refusal", result->refusal);
        close_chunk(c, &w, NULL, NULL);
    }
    for (size_t i = 0; i < lt_json_len(result->tool_calls); i++)
        put_tool_call(c, i, lt_json_at(result->tool_calls, i));
    if (logprobs) {
        open_chunk(c, &w);
        close_chunk(c, &w, logprobs, NULL);
    }
    open_chunk(c, &w);
    close_chunk(c, &w, NULL, lt_openai_finish_reason(result));
    if (c->include_usage)
        put_usage_chunk(c, result);
    lt_buf_put_str(&c->buf, LT_STR("data: [DONE]\n\n"));
}

static void put_error(struct lt_openai_chat *c, const struct lt_error *err)
{
    struct lt_jw w;
    lt_buf_put_str(&c->buf, LT_STR("data: "));
    lt_jw_init(&w, &c->buf);
    lt_openai_write_error(c->r, &w, err);
    lt_buf_put_str(&c->buf, LT_STR("\n\n"));
}

void lt_openai_chat_end(struct lt_openai_chat *c, const struct lt_door_result *result)
{
    lt_fiber_cancel_reset(); /* a call that was cancelled still says so to a client that is there */
    bool answered = lt_openai_answered(result);
    if (!c->begun && !answered) {
        lt_reply_problem(c->r, &result->error, result->recorded ? result->id_text : NULL);
    } else {
        put_id(c->id, result->id);
        enum lt_code rc = begin(c);
        if (answered)
            put_end(c, result);
        else
            put_error(c, &result->error);
        if (rc == LT_OK && lt_http_stream_heard(c->r->http))
            send_events(c);
        lt_http_stream_end(c->r->http);
    }
    lt_buf_free(&c->buf);
}

/*
 * One answer as server-sent events (OpenAI's API reference, "Responses", "Streaming events"). The head goes out with the first piece of text, or with
 * the end: what goes wrong before that has an HTTP status, which clients can act on.
 */
#include "api/openai_responses.h"

enum { EVENT_MAX = LT_REPLY_MAX + (4 << 20) };

struct lt_response_events {
    struct lt_request *r;
    struct lt_stored_response response; /* as it begins */
    const struct lt_json *settings;
    struct lt_uuid call_id;
    struct lt_buf text;    /* what was shown */
    struct lt_buf data;    /* of one event */
    struct lt_buf out;     /* events as they are sent */
    struct lt_jw w;
    int64_t sequence;
    int64_t output_index;  /* of the next item */
    bool begun, message;   /* the head is on its way; the message was announced */
    enum lt_code failed;   /* the client could not be written to */
};

struct lt_response_events *lt_response_events_new(struct lt_request *r, const struct lt_stored_response *response, const struct lt_json *settings)
{
    struct lt_response_events *e = LT_NEW(r->arena, struct lt_response_events);
    *e = (struct lt_response_events){.r = r, .response = *response, .settings = settings, .call_id = response->call_id};
    lt_buf_init(&e->text, LT_RESPONSE_BYTES_MAX);
    lt_buf_init(&e->data, EVENT_MAX);
    lt_buf_init(&e->out, 2 * EVENT_MAX);
    return e;
}

void lt_response_events_drop(struct lt_response_events *e)
{
    lt_buf_free(&e->text);
    lt_buf_free(&e->data);
    lt_buf_free(&e->out);
}

void lt_response_events_call(struct lt_response_events *e, struct lt_uuid call_id)
{
    e->call_id = call_id;
}

bool lt_response_events_begun(const struct lt_response_events *e)
{
    return e->begun;
}

struct lt_str lt_response_events_text(const struct lt_response_events *e)
{
    return lt_buf_str(&e->text);
}

/* ---- writing events ---- */

/* Begins one: its members follow, then put(). */
static struct lt_jw *event(struct lt_response_events *e, const char *type)
{
    lt_buf_reset(&e->data);
    lt_jw_init(&e->w, &e->data);
    lt_jw_obj(&e->w);
    lt_jw_kstrz(&e->w, "type", type);
    lt_jw_kint(&e->w, "sequence_number", e->sequence++);
    return &e->w;
}

static void put(struct lt_response_events *e, const char *type)
{
    lt_jw_end(&e->w);
    if (e->data.failed)
        e->failed = LT_ETOO_LARGE;
    else
        lt_sse_write(&e->out, type, 0, lt_buf_str(&e->data));
}

static enum lt_code push(struct lt_response_events *e)
{
    if (e->failed == LT_OK && e->out.failed)
        e->failed = LT_ETOO_LARGE;
    if (e->failed == LT_OK && e->out.n > 0)
        e->failed = lt_http_stream_write(e->r->http, e->out.p, e->out.n);
    lt_buf_reset(&e->out);
    return e->failed;
}

static void put_response(struct lt_response_events *e, const char *type, const struct lt_stored_response *response)
{
    struct lt_jw *w = event(e, type);
    lt_jw_key(w, "response");
    lt_response_write(w, response, e->settings);
    put(e, type);
}

static void begin(struct lt_response_events *e)
{
    struct lt_http_field fields[LT_OPENAI_FIELDS_MAX];
    char call_id[37];
    if (e->begun)
        return;
    e->begun = true;
    lt_uuid_format(e->call_id, call_id);
    e->failed = lt_reply_stream(e->r, "text/event-stream", fields, lt_openai_fields(e->r, call_id, fields));
    put_response(e, "response.created", &e->response);
    put_response(e, "response.in_progress", &e->response);
}

/* ---- the message ---- */

static struct lt_item_place place_of(const struct lt_response_events *e)
{
    return (struct lt_item_place){.response = e->response.id, .output = true, .index = (unsigned)e->output_index};
}

static void put_place(struct lt_response_events *e, const char *prefix)
{
    char id[LT_ITEM_ID_SIZE];
    lt_item_id_format(prefix, place_of(e), id);
    lt_jw_kstrz(&e->w, "item_id", id);
    lt_jw_kint(&e->w, "output_index", e->output_index);
}

static void put_no_logprobs(struct lt_jw *w)
{
    lt_jw_key(w, "logprobs");
    lt_jw_arr(w);
    lt_jw_end(w);
}

static void put_message(struct lt_response_events *e, const char *type, struct lt_str text, const char *status)
{
    struct lt_jw *w = event(e, type);
    lt_jw_kint(w, "output_index", e->output_index);
    lt_jw_key(w, "item");
    lt_item_write_answer(w, place_of(e), text, status);
    put(e, type);
}

static void put_part(struct lt_response_events *e, const char *type, struct lt_str text)
{
    struct lt_jw *w = event(e, type);
    put_place(e, "msg");
    lt_jw_kint(w, "content_index", 0);
    lt_jw_key(w, "part");
    lt_item_write_part(w, text);
    put(e, type);
}

static void begin_message(struct lt_response_events *e)
{
    if (e->message)
        return;
    e->message = true;
    put_message(e, "response.output_item.added", LT_STR_NULL, "in_progress");
    put_part(e, "response.content_part.added", LT_STR(""));
}

static void put_text(struct lt_response_events *e, const char *type, const char *member, struct lt_str text)
{
    struct lt_jw *w = event(e, type);
    put_place(e, "msg");
    lt_jw_kint(w, "content_index", 0);
    lt_jw_kstr(w, member, text);
    put_no_logprobs(w);
    put(e, type);
}

enum lt_code lt_response_events_text_piece(struct lt_response_events *e, struct lt_str piece)
{
    if (piece.n == 0)
        return LT_OK;
    if (!lt_buf_put_str(&e->text, piece))
        return LT_EUPSTREAM_INVALID;
    begin(e);
    begin_message(e);
    put_text(e, "response.output_text.delta", "delta", piece);
    return push(e);
}

static void end_message(struct lt_response_events *e, const char *status)
{
    struct lt_str text = e->text.p ? lt_buf_str(&e->text) : LT_STR("");
    put_text(e, "response.output_text.done", "text", text);
    put_part(e, "response.content_part.done", text);
    put_message(e, "response.output_item.done", text, status);
    e->output_index++;
}

/* ---- a refusal ---- */

static void put_refusal_part(struct lt_response_events *e, const char *type, struct lt_str refusal)
{
    struct lt_jw *w = event(e, type);
    put_place(e, "msg");
    lt_jw_kint(w, "content_index", 0);
    lt_jw_key(w, "part");
    lt_item_write_refusal(w, refusal);
    put(e, type);
}

static void put_refusal_text(struct lt_response_events *e, const char *type, const char *member, struct lt_str refusal)
{
    struct lt_jw *w = event(e, type);
    put_place(e, "msg");
    lt_jw_kint(w, "content_index", 0);
    lt_jw_kstr(w, member, refusal);
    put(e, type);
}

static void put_refusal(struct lt_response_events *e, struct lt_str refusal)
{
    put_message(e, "response.output_item.added", LT_STR_NULL, "in_progress");
    put_refusal_part(e, "response.content_part.added", LT_STR(""));
    put_refusal_text(e, "response.refusal.delta", "delta", refusal);
    put_refusal_text(e, "response.refusal.done", "refusal", refusal);
    put_refusal_part(e, "response.content_part.done", refusal);
    struct lt_jw *w = event(e, "response.output_item.done");
    lt_jw_kint(w, "output_index", e->output_index);
    lt_jw_key(w, "item");
    lt_item_write_refused(w, place_of(e), refusal);
    put(e, "response.output_item.done");
    e->output_index++;
}

/* ---- function calls ---- */

static void put_call(struct lt_response_events *e, const char *type, const struct lt_json *call, struct lt_str arguments, const char *status)
{
    struct lt_jw *w = event(e, type);
    lt_jw_kint(w, "output_index", e->output_index);
    lt_jw_key(w, "item");
    lt_item_write_call(w, place_of(e), call, arguments, status);
    put(e, type);
}

static void put_arguments(struct lt_response_events *e, const char *type, const char *member, const struct lt_json *call, struct lt_str arguments)
{
    struct lt_jw *w = event(e, type);
    put_place(e, "fc");
    if (strcmp(member, "arguments") == 0)
        lt_jw_kjson(w, "name", lt_json_at_pointer(call, "/function/name"));
    lt_jw_kstr(w, member, arguments);
    put(e, type);
}

/* Services give a call's arguments whole, or they were put together before: one delta. */
static void put_whole_call(struct lt_response_events *e, const struct lt_json *call)
{
    struct lt_str arguments = lt_json_str_or(lt_json_at_pointer(call, "/function/arguments"), LT_STR(""));
    put_call(e, "response.output_item.added", call, LT_STR(""), "in_progress");
    put_arguments(e, "response.function_call_arguments.delta", "delta", call, arguments);
    put_arguments(e, "response.function_call_arguments.done", "arguments", call, arguments);
    put_call(e, "response.output_item.done", call, arguments, "completed");
    e->output_index++;
}

/* ---- the end ---- */

static void finish(struct lt_response_events *e)
{
    if (lt_http_stream_heard(e->r->http))
        push(e);
    lt_http_stream_end(e->r->http);
    lt_response_events_drop(e);
}

/* One that somebody cancelled is told as incomplete: there is no event of its own. */
static const char *last_event(struct lt_str status)
{
    return lt_str_is(status, "completed") ? "response.completed" : lt_str_is(status, "failed") ? "response.failed" : "response.incomplete";
}

void lt_response_events_end(struct lt_response_events *e, const struct lt_stored_response *response, const struct lt_door_result *result)
{
    begin(e);
    bool refused = result && result->refusal.n > 0 && !e->message;
    if (refused)
        put_refusal(e, result->refusal);
    if (result && !refused && lt_json_len(result->tool_calls) == 0)
        begin_message(e);
    if (result && e->message)
        end_message(e, lt_str_is(response->status, "completed") ? "completed" : "incomplete");
    for (size_t i = 0; result && i < lt_json_len(result->tool_calls); i++)
        put_whole_call(e, lt_json_at(result->tool_calls, i));
    put_response(e, last_event(response->status), response);
    finish(e);
}

void lt_response_events_fail(struct lt_response_events *e, const struct lt_error *err)
{
    begin(e);
    struct lt_jw *w = event(e, "error");
    lt_jw_kstrz(w, "code", lt_code_name(err->code));
    lt_jw_kstrz(w, "message", lt_problem_detail(e->r, err));
    lt_jw_key(w, "param");
    lt_jw_null(w);
    put(e, "error");
    finish(e);
}

/* A trace as JSON (docs/trace.md). */
#include <math.h>

#include "core/trace_private.h"

enum { WRITTEN_MAX = 8 * 1024 * 1024 /* every byte of LT_TRACE_MAX may need six */ };

struct writer {
    struct lt_jw *w;
    const struct lt_trace *trace;
    size_t all, part; /* bytes of text that may still be written: at all, and of this part */
};

static void part_begins(struct writer *o)
{
    o->part = o->all < LT_TRACE_PART_MAX ? o->all : LT_TRACE_PART_MAX;
}

static void use(struct writer *o, size_t n)
{
    o->part -= n;
    o->all -= n;
}

/* ---- masked values ---- */

static void put_text(struct writer *o, struct lt_str text)
{
    bool cut;
    struct lt_str shown = lt_mask_text(o->trace->mask, text, o->part, &cut);
    use(o, shown.n);
    lt_jw_str(o->w, cut ? lt_printf(o->trace->arena, "%.*s… (cut: %zu bytes in all)", LT_FMT(shown), text.n) : shown);
}

static void put_ktext(struct writer *o, const char *key, struct lt_str text)
{
    lt_jw_key(o->w, key);
    put_text(o, text);
}

static void put_tree(struct writer *o, const struct lt_json *v)
{
    bool cut, object = lt_json_is(v, LT_JSON_OBJECT);
    if (!object && !lt_json_is(v, LT_JSON_ARRAY)) {
        if (lt_json_is(v, LT_JSON_STRING))
            lt_jw_str(o->w, lt_mask_text(o->trace->mask, lt_json_str(v), LT_TRACE_PART_MAX, &cut));
        else
            lt_jw_json(o->w, v);
        return;
    }
    object ? lt_jw_obj(o->w) : lt_jw_arr(o->w);
    for (size_t i = 0; i < lt_json_len(v); i++) {
        if (object)
            lt_jw_key_str(o->w, lt_mask_text(o->trace->mask, lt_json_key_at(v, i), LT_TRACE_PART_MAX, &cut));
        put_tree(o, lt_json_at(v, i));
    }
    lt_jw_end(o->w);
}

/* As it is when there is room for it; else the beginning of its text. */
static void put_json(struct writer *o, const struct lt_json *v)
{
    struct lt_str text = lt_json_text(o->trace->arena, v);
    if (text.n > o->part) {
        put_text(o, text);
        return;
    }
    use(o, text.n);
    put_tree(o, v);
}

static void put_kjson(struct writer *o, const char *key, const struct lt_json *v)
{
    if (!v)
        return;
    lt_jw_key(o->w, key);
    put_json(o, v);
}

/* ---- the neutral call ---- */

static void put_images(struct writer *o, const struct lt_message *m)
{
    lt_jw_key(o->w, "images");
    lt_jw_arr(o->w);
    for (size_t i = 0; i < m->images_n; i++) {
        lt_jw_obj(o->w);
        lt_jw_kstr(o->w, "media_type", m->images[i].media_type);
        if (m->images[i].url.n > 0)
            put_ktext(o, "url", m->images[i].url);
        else
            lt_jw_kint(o->w, "base64_bytes", (int64_t)m->images[i].base64.n);
        lt_jw_end(o->w);
    }
    lt_jw_end(o->w);
}

static void put_messages(struct writer *o, const struct lt_neutral_call *call)
{
    lt_jw_key(o->w, "messages");
    lt_jw_arr(o->w);
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        lt_jw_obj(o->w);
        lt_jw_kstr(o->w, "role", m->role);
        put_ktext(o, "content", m->content);
        if (m->images_n > 0)
            put_images(o, m);
        put_kjson(o, "tool_calls", m->tool_calls);
        if (m->tool_call_id.n > 0)
            put_ktext(o, "tool_call_id", m->tool_call_id);
        lt_jw_end(o->w);
    }
    lt_jw_end(o->w);
}

static void put_double(struct lt_jw *w, const char *key, double value)
{
    if (isnan(value))
        return;
    lt_jw_key(w, key);
    lt_jw_double(w, value);
}

static void put_numbers(struct lt_jw *w, const struct lt_neutral_call *call)
{
    if (call->max_tokens > 0)
        lt_jw_kint(w, "max_tokens", call->max_tokens);
    put_double(w, "temperature", call->temperature);
    put_double(w, "top_p", call->top_p);
    if (call->seed >= 0)
        lt_jw_kint(w, "seed", call->seed);
    if (call->logprobs)
        lt_jw_kint(w, "top_logprobs", call->top_logprobs);
    if (call->cache != LT_WISH_NONE)
        lt_jw_kbool(w, "cache", call->cache == LT_WISH_YES);
}

static void put_completion(struct writer *o, const struct lt_neutral_call *call)
{
    put_messages(o, call);
    put_numbers(o->w, call);
    put_kjson(o, "parallel_tool_calls", call->parallel_tool_calls);
    put_kjson(o, "frequency_penalty", call->frequency_penalty);
    put_kjson(o, "presence_penalty", call->presence_penalty);
    put_kjson(o, "stop", call->stop);
    put_kjson(o, "tools", call->tools);
    put_kjson(o, "tool_choice", call->tool_choice);
    put_kjson(o, "response_format", call->response_format);
    put_kjson(o, "metadata", call->metadata);
    if (call->store)
        lt_jw_kbool(o->w, "store", true);
    if (call->previous_response_id.n > 0)
        put_ktext(o, "previous_response_id", call->previous_response_id);
}

static void put_embedding(struct writer *o, const struct lt_neutral_call *call)
{
    lt_jw_key(o->w, "texts");
    lt_jw_arr(o->w);
    for (size_t i = 0; i < call->texts_n; i++)
        put_text(o, call->texts[i]);
    lt_jw_end(o->w);
    if (call->dimensions > 0)
        lt_jw_kint(o->w, "dimensions", call->dimensions);
}

static void put_image(struct writer *o, const struct lt_image_wish *image)
{
    put_ktext(o, "prompt", image->prompt);
    lt_jw_kint(o->w, "count", image->count);
    lt_jw_kstrz(o->w, "quality", image->quality == LT_IMAGE_HD ? "hd" : "standard");
    lt_jw_kstrz(o->w, "aspect_ratio", image->aspect == LT_IMAGE_LANDSCAPE ? "landscape" : image->aspect == LT_IMAGE_PORTRAIT ? "portrait" : "square");
    lt_jw_kstrz(o->w, "style", image->style == LT_IMAGE_VIVID ? "vivid" : "natural");
}

/* What the provider was given: a neutral call, or where it serves the action itself, that one's input. */
static void put_call(struct writer *o, const struct lt_provider_run *run)
{
    part_begins(o);
    if (!run->call) {
        lt_jw_key(o->w, "native");
        lt_jw_obj(o->w);
        lt_jw_kstr(o->w, "action", run->action);
        put_kjson(o, "input", run->input);
        lt_jw_end(o->w);
        return;
    }
    bool embedding = run->call->kind == LT_NEUTRAL_EMBEDDING;
    lt_jw_key(o->w, "neutral");
    lt_jw_obj(o->w);
    lt_jw_kstrz(o->w, "kind", embedding ? "embedding" : run->call->kind == LT_NEUTRAL_IMAGE ? "image" : "completion");
    if (embedding)
        put_embedding(o, run->call);
    else if (run->call->kind == LT_NEUTRAL_IMAGE)
        put_image(o, &run->call->image);
    else
        put_completion(o, run->call);
    lt_jw_end(o->w);
}

/* ---- times ---- */

/* Milliseconds since `from`, with three digits behind the point; null when it has not come to it. */
static void put_since(struct lt_jw *w, const char *key, uint64_t from, uint64_t at)
{
    lt_jw_key(w, key);
    if (at == 0)
        lt_jw_null(w);
    else
        lt_jw_double(w, (double)(at > from ? at - from : 0) / 1000);
}

static void put_marks(struct lt_jw *w, const struct lt_trace_call *c)
{
    static const char *const names[LT_TRACE_MARKS] = {"gates_ms", "begin_queued_ms", "first_text_ms", "begin_awaited_ms", "asked_ms", "recorded_ms"};
    lt_jw_key(w, "timings");
    lt_jw_obj(w);
    for (int i = 0; i < LT_TRACE_MARKS; i++)
        put_since(w, names[i], c->began, c->marks[i]);
    lt_jw_end(w);
}

/* ---- requests ---- */

static void put_request(struct lt_jw *w, const struct lt_trace_request *q, uint64_t from)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "method", q->method);
    lt_jw_kstr(w, "url", q->url);
    lt_jw_key(w, "fields");
    lt_jw_arr(w);
    for (size_t i = 0; i < q->fields_n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", q->fields[i].name);
        lt_jw_kstr(w, "value", q->fields[i].value);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_kstr(w, "body", q->body.text);
    lt_jw_kint(w, "body_bytes", (int64_t)q->body.bytes);
    lt_jw_kbool(w, "body_cut", q->body.cut);
    lt_jw_key(w, "status");
    q->status ? lt_jw_int(w, q->status) : lt_jw_null(w);
    lt_jw_key(w, "timings");
    lt_jw_obj(w);
    lt_jw_kbool(w, "connection_reused", q->times.reused);
    put_since(w, "began_ms", from, q->began);
    put_since(w, "connected_ms", from, q->times.connected_us);
    put_since(w, "sent_ms", from, q->times.sent_us);
    put_since(w, "first_byte_ms", from, q->times.first_byte_us);
    put_since(w, "last_byte_ms", from, q->ended);
    lt_jw_end(w);
    lt_jw_end(w);
}

/* ---- attempts ---- */

static void put_tokens(struct lt_jw *w, const char *key, int64_t tokens)
{
    lt_jw_key(w, key);
    tokens < 0 ? lt_jw_null(w) : lt_jw_int(w, tokens);
}

static void put_usage(struct writer *o, const struct lt_attempt *a)
{
    struct lt_jw *w = o->w;
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    put_tokens(w, "prompt_tokens", a->usage.prompt_tokens);
    put_tokens(w, "completion_tokens", a->usage.completion_tokens);
    put_tokens(w, "total_tokens", a->usage.total_tokens);
    put_tokens(w, "cached_tokens", a->usage.cached_tokens);
    put_tokens(w, "reasoning_tokens", a->usage.reasoning_tokens);
    if (o->trace->with_cost && a->cost >= 0) {
        lt_jw_kint(w, "cost", a->cost);
        lt_jw_kstr(w, "currency", o->trace->site->currency);
    }
    lt_jw_end(w);
}

static void put_outcome(struct writer *o, const struct lt_trace_attempt *a)
{
    const struct lt_attempt *to = &a->came_to;
    if (!a->ended)
        return;
    part_begins(o);
    lt_jw_kbool(o->w, "success", to->success);
    lt_jw_kstrz(o->w, "code", lt_code_name(to->code));
    put_ktext(o, "detail", to->detail);
    if (to->vendor_status > 0)
        lt_jw_kint(o->w, "vendor_status", to->vendor_status);
    lt_jw_kint(o->w, "duration_ms", to->duration_ms);
    put_ktext(o, "model", to->model);
    put_usage(o, to);
}

static void put_attempt(struct writer *o, const struct lt_trace_attempt *a, uint64_t from)
{
    struct lt_jw *w = o->w;
    const struct lt_provider_instance *instance = a->run->instance;
    lt_jw_obj(w);
    lt_jw_key(w, "provider");
    lt_jw_obj(w);
    lt_jw_kint(w, "id", instance->id);
    lt_jw_kstr(w, "name", instance->name);
    lt_jw_kstr(w, "plugin", instance->plugin);
    lt_jw_end(w);
    put_since(w, "began_ms", from, a->began);
    put_outcome(o, a);
    part_begins(o);
    put_kjson(o, "settings", a->run->settings);
    put_call(o, a->run);
    lt_jw_key(w, "requests");
    lt_jw_arr(w);
    for (const struct lt_trace_request *q = a->first; q; q = q->next)
        put_request(w, q, from);
    lt_jw_end(w);
    lt_jw_kint(w, "requests_n", (int64_t)a->requests_n);
    lt_jw_end(w);
}

static void put_calls(struct writer *o)
{
    struct lt_jw *w = o->w;
    lt_jw_key(w, "calls");
    lt_jw_arr(w);
    for (const struct lt_trace_call *c = o->trace->first; c; c = c->next) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "id", c->id);
        lt_jw_kstr(w, "action", c->action);
        put_marks(w, c);
        lt_jw_key(w, "attempts");
        lt_jw_arr(w);
        for (const struct lt_trace_attempt *a = c->first; a; a = a->next)
            put_attempt(o, a, c->began);
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* In a buffer of its own: an answer that has no room for its trace is an answer all the same. */
void lt_trace_put(struct lt_jw *w, const struct lt_trace *trace)
{
    struct lt_buf text;
    struct lt_jw inner;
    if (!trace)
        return;
    struct writer o = {.w = &inner, .trace = trace, .all = trace->left};
    lt_buf_init(&text, WRITTEN_MAX);
    lt_jw_init(&inner, &text);
    lt_jw_obj(&inner);
    put_calls(&o);
    part_begins(&o);
    put_kjson(&o, "profile", trace->profile);
    lt_jw_end(&inner);
    bool fits = !text.failed && w->out->max - w->out->n > text.n + 1024;
    lt_jw_key(w, "trace");
    lt_jw_raw(w, fits ? lt_buf_str(&text) : LT_STR("{\"calls\":[],\"left_out\":true}"));
    lt_buf_free(&text);
}

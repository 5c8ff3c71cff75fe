/* Sending a request to a vendor and reading what comes back. */
#include "providers/wire.h"

#include "core/span.h"

/* A wait in milliseconds within its limits, 0 (the client's default) when not set. */
static uint32_t wait_ms(const struct lt_json *config, const char *key, int64_t max)
{
    int64_t ms = lt_json_int64_or(lt_json_get(config, key), 0);
    return (uint32_t)(ms <= 0 ? 0 : ms < 100 ? 100 : ms > max ? max : ms);
}

/* Only where the instance says so: whoever has the ids of many requests can tell which belong together. */
static size_t put_trace_context(const struct lt_wire *w, struct lt_http_field *fields)
{
    struct lt_str state;
    char *parent = lt_json_bool_or(lt_json_get(w->config, "trace_context"), false) ? lt_alloc(w->run->arena, LT_TRACEPARENT_SIZE) : NULL;
    if (!parent || !lt_span_fields(parent, &state))
        return 0;
    fields[0] = (struct lt_http_field){LT_STR("traceparent"), lt_str(parent)};
    fields[1] = (struct lt_http_field){LT_STR("tracestate"), state};
    return state.n > 0 ? 2 : 1;
}

static enum lt_code send_request(struct lt_wire *w, struct lt_str url, const char *accept, size_t max, struct lt_http_reply **ret,
                                 struct lt_error *err)
{
    struct lt_http_field fields[LT_COUNT(w->fields) + 4];
    size_t n = 0;
    bool body = w->body.n > 0;
    uint32_t first_byte_ms = wait_ms(w->config, "first_byte_ms", 600000);
    if (body)
        fields[n++] = (struct lt_http_field){LT_STR("Content-Type"), LT_STR(LT_WIRE_BODY_TYPE)};
    fields[n++] = (struct lt_http_field){LT_STR("Accept"), lt_str(accept)};
    for (size_t i = 0; i < w->fields_n; i++)
        fields[n++] = w->fields[i];
    n += put_trace_context(w, fields + n);
    struct lt_http_call call = {
        .method = w->method ? w->method : body ? "POST" : "GET",
        .url = url,
        .fields = fields,
        .fields_n = n,
        .body = body ? lt_buf_str(&w->body) : LT_STR_NULL,
        .tls = w->run->tls,
        .connect_ms = wait_ms(w->config, "connect_ms", 60000),
        .first_byte_ms = first_byte_ms > 0 ? first_byte_ms : w->first_byte_ms,
        .idle_ms = wait_ms(w->config, "idle_ms", 600000),
        .deadline_ms = w->run->deadline_ms,
        .max_body = max,
    };
    w->trace = lt_trace_request(w->run, &call);
    enum lt_code code = lt_http_send(w->run->loop, &call, ret, err);
    if (code)
        lt_trace_answered(w->trace, 0);
    if (code == LT_EINVALID_INPUT) { /* the address is the administrator's, not the caller's */
        lt_error_wrap(err, "endpoint");
        err->code = code = LT_ECONFIG;
    }
    return code;
}

/* Reads as much of an error's body as is worth reading; a body that breaks off is no news beside the status. */
static enum lt_code read_fault(struct lt_wire *w, const struct lt_wire_format *format, struct lt_http_reply *reply, struct lt_error *err)
{
    struct lt_arena *arena = w->run->arena;
    const struct lt_http_head *head = lt_http_reply_head(reply);
    int status = head->status, retry_after = lt_wire_retry_after(lt_http_field(head, "retry-after", NULL), lt_now_ms() / 1000);
    struct lt_str reason = lt_str_copy(arena, head->reason), piece;
    struct lt_buf body;
    lt_buf_init(&body, LT_WIRE_FAULT_MAX);
    enum lt_code code;
    do
        code = lt_http_reply_read(reply, &piece, err);
    while (!code && piece.n > 0 && lt_buf_put_str(&body, piece));
    if (code != LT_ECANCELLED) {
        code = lt_wire_fault(format, arena, status, reason, lt_str_copy(arena, lt_buf_str(&body)), w->secret, err);
        if (retry_after > 0)
            err->retry_after_s = retry_after;
    }
    lt_buf_free(&body);
    return code;
}

static bool is_good(const struct lt_http_reply *reply)
{
    int status = lt_http_reply_head(reply)->status;
    return status >= 200 && status <= 299;
}

/* The vendor's status beside an error that is the vendor's. */
static enum lt_code with_status(enum lt_code code, int status, struct lt_error *err)
{
    if (code >= LT_EUPSTREAM_BAD_REQUEST && code <= LT_EUPSTREAM_INVALID && err->vendor_status == 0)
        err->vendor_status = status;
    return code;
}

/* ---- an answer ---- */

/* Hands over what has come. Without a listener it stays where it is and becomes the result's text. */
static enum lt_code deliver(struct lt_provider_run *run, struct lt_wire_answer *a, struct lt_error *err)
{
    if (!run->on_text || a->text.n == 0)
        return LT_OK;
    enum lt_code code = run->on_text(run, lt_buf_str(&a->text), err);
    lt_buf_reset(&a->text);
    return code;
}

/* A stream, handed on as it comes, to its end mark: what a server does with the connection after that is not waited for. */
static enum lt_code read_stream(struct lt_provider_run *run, struct lt_http_reply *reply, struct lt_wire_answer *a, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    a->streamed = true;
    while (!code && !a->done) {
        struct lt_str piece;
        code = lt_http_reply_read(reply, &piece, err);
        if (code || piece.n == 0)
            return code;
        code = lt_wire_answer_feed(a, piece, err);
        if (!code)
            code = deliver(run, a, err);
    }
    return code;
}

/* A whole body. Its first bytes decide whether it is an object or (from servers that name no type) a stream. */
static enum lt_code read_whole(struct lt_provider_run *run, struct lt_http_reply *reply, struct lt_str type, struct lt_wire_answer *a,
                               struct lt_error *err)
{
    struct lt_str body;
    enum lt_code code = lt_http_reply_read_all(reply, run->arena, &body, err);
    if (code)
        return code;
    if (lt_wire_is_stream(a->format, body))
        return lt_wire_answer_feed(a, body, err);
    if (lt_str_trim(body).n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is empty");
    code = lt_wire_answer_json(a, body, err);
    if (code == LT_EUPSTREAM_INVALID && type.n > 0)
        lt_error_wrap(err, "Content-Type %.*s", (int)(type.n < 80 ? type.n : 80), type.p);
    return code;
}

static const char *stream_type(const struct lt_wire_format *format)
{
    static const char *const types[] = {
        [LT_WIRE_EVENTS] = "text/event-stream", [LT_WIRE_LINES] = "application/x-ndjson", [LT_WIRE_AWS] = "application/vnd.amazon.eventstream"};
    return types[format->framing];
}

static enum lt_code read_answer(struct lt_wire *w, const struct lt_wire_format *format, void *state, struct lt_http_reply *reply,
                                struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    struct lt_str type = lt_str_copy(run->arena, lt_http_field(lt_http_reply_head(reply), "content-type", NULL)), rest = type;
    bool stream = lt_str_eq_ci(lt_str_trim(lt_str_cut(&rest, ';')), lt_str(stream_type(format)));
    struct lt_wire_answer a;
    lt_wire_answer_init(&a, format, state, run->arena, w->secret);
    if (format->fingerprint_header)
        lt_wire_keep_str(&a, &a.fingerprint, lt_http_field(lt_http_reply_head(reply), format->fingerprint_header, NULL));
    enum lt_code code = stream ? read_stream(run, reply, &a, err) : read_whole(run, reply, type, &a, err);
    if (!code)
        code = lt_wire_answer_end(&a, &run->result, err);
    if (!code)
        code = deliver(run, &a, err);
    if (!code && a.text.n > 0)
        run->result.text = lt_str_copy(run->arena, lt_buf_str(&a.text));
    if (!code && run->result.model.n == 0)
        run->result.model = w->model;
    lt_wire_answer_free(&a);
    return code;
}

enum lt_code lt_wire_call(struct lt_wire *w, struct lt_str url, const struct lt_wire_format *format, void *vendor_state, struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    struct lt_http_reply *reply = NULL;
    run->result = (struct lt_neutral_result){.usage = LT_USAGE_UNKNOWN};
    enum lt_code code = send_request(w, url, run->stream ? stream_type(format) : "application/json",
                                     run->stream ? LT_WIRE_STREAM_MAX : LT_WIRE_TEXT_MAX, &reply, err);
    if (code)
        return code;
    lt_wire_done(w); /* an answer may take minutes */
    int status = lt_http_reply_head(reply)->status;
    code = is_good(reply) ? read_answer(w, format, vendor_state, reply, err) : read_fault(w, format, reply, err);
    lt_trace_answered(w->trace, status);
    if (code)
        lt_http_reply_close(reply);
    else
        lt_http_reply_finish(reply);
    return with_status(code, status, err);
}

/* ---- one JSON value ---- */

static enum lt_code read_json(struct lt_wire *w, struct lt_http_reply *reply, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_str body;
    struct lt_error where;
    enum lt_code code = lt_http_reply_read_all(reply, w->run->arena, &body, err);
    if (!code && lt_json_parse(w->run->arena, body, LT_JSON_STRICT, ret, &where))
        code = lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not JSON: %s", where.detail);
    return code;
}

static int64_t tokens_of(const struct lt_http_reply *reply, const char *header)
{
    int64_t n;
    return header && lt_str_to_int64(lt_http_field(lt_http_reply_head(reply), header, NULL), &n) && n >= 0 ? n : -1;
}

enum lt_code lt_wire_fetch(struct lt_wire *w, struct lt_str url, const struct lt_wire_format *format, size_t max,
                           const struct lt_json **ret, struct lt_error *err)
{
    struct lt_http_reply *reply = NULL;
    *ret = NULL;
    enum lt_code code = send_request(w, url, "application/json", max, &reply, err);
    if (code)
        return code;
    int status = lt_http_reply_head(reply)->status;
    w->input_tokens = tokens_of(reply, format->input_tokens_header);
    code = is_good(reply) ? read_json(w, reply, ret, err) : read_fault(w, format, reply, err);
    lt_trace_answered(w->trace, status);
    lt_http_reply_close(reply);
    if (!code && !format->error_in_answer && lt_wire_is_fault(*ret)) {
        struct lt_wire_fault f = {0};
        lt_wire_read_fault(*ret, &f);
        code = lt_wire_fail(format, w->run->arena, &f, LT_STR_NULL, w->secret, err);
    }
    return with_status(code, status, err);
}

void lt_wire_names(struct lt_arena *arena, const struct lt_json *list, const char *key, const char *skip, struct lt_str **ret, size_t *ret_n)
{
    size_t max = lt_json_len(list) < LT_WIRE_MODELS_MAX ? lt_json_len(list) : LT_WIRE_MODELS_MAX;
    struct lt_str front = lt_str(skip);
    *ret = LT_NEW_ARRAY(arena, struct lt_str, max);
    *ret_n = 0;
    for (size_t i = 0; i < lt_json_len(list) && *ret_n < max; i++) {
        const struct lt_json *item = lt_json_at(list, i);
        struct lt_str name = lt_json_str(key ? lt_json_get(item, key) : item);
        if (front.n > 0 && lt_str_starts(name, front))
            name = (struct lt_str){name.p + front.n, name.n - front.n};
        if (name.n > 0 && name.n <= LT_WIRE_WORD_MAX)
            (*ret)[(*ret_n)++] = lt_str_copy(arena, name);
    }
}

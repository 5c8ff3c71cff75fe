/*
 * Noting what a call comes to. What is in the request's arena anyway is only pointed at; the bytes of what is sent are gone afterwards, so they
 * are copied.
 */
#include "base/clock.h"
#include "core/trace_private.h"

struct lt_trace *lt_trace_new(struct lt_arena *arena, const struct lt_site *site, bool with_cost)
{
    struct lt_trace *t = LT_NEW(arena, struct lt_trace);
    *t = (struct lt_trace){.arena = arena, .mask = lt_mask_new(arena, site), .site = site, .with_cost = with_cost, .left = LT_TRACE_MAX};
    t->last = &t->first;
    return t;
}

void lt_trace_profile(struct lt_trace *trace, const struct lt_json *profile)
{
    if (trace)
        trace->profile = profile;
}

bool lt_trace_has_attempts(const struct lt_trace *trace)
{
    return trace && trace->attempts_n > 0;
}

/* ---- the manager's ---- */

struct lt_trace_call *lt_trace_call(struct lt_trace *trace, struct lt_uuid id, struct lt_str action)
{
    if (!trace)
        return NULL;
    struct lt_trace_call *c = LT_NEW(trace->arena, struct lt_trace_call);
    *c = (struct lt_trace_call){.trace = trace, .action = action, .began = lt_mono_us()};
    lt_uuid_format(id, c->id);
    c->last = &c->first;
    *trace->last = c;
    trace->last = &c->next;
    return c;
}

void lt_trace_note(struct lt_trace_call *call, enum lt_trace_mark mark)
{
    if (call->marks[mark] == 0)
        call->marks[mark] = lt_mono_us();
}

struct lt_trace_attempt *lt_trace_attempt(struct lt_trace_call *call, const struct lt_provider_run *run)
{
    if (!call)
        return NULL;
    struct lt_trace_attempt *a = LT_NEW(call->trace->arena, struct lt_trace_attempt);
    *a = (struct lt_trace_attempt){.trace = call->trace, .run = run, .began = lt_mono_us()};
    a->last = &a->first;
    *call->last = a;
    call->last = &a->next;
    call->trace->attempts_n++;
    return a;
}

void lt_trace_attempt_ended(struct lt_trace_attempt *attempt, const struct lt_attempt *came_to)
{
    if (!attempt)
        return;
    attempt->came_to = *came_to;
    attempt->ended = true;
}

/* ---- a provider's ---- */

/* "Bearer ***", so that one sees which scheme it is; a value that has none is masked as a whole. */
static struct lt_str masked_value(struct lt_arena *arena, struct lt_str value)
{
    struct lt_str rest = value, scheme = lt_str_cut(&rest, ' ');
    static const char *const schemes[] = {"Bearer", "Basic", "JWT"};
    for (size_t i = 0; rest.n > 0 && i < LT_COUNT(schemes); i++)
        if (lt_str_eq_ci(scheme, lt_str(schemes[i])))
            return lt_printf(arena, "%s %s", schemes[i], LT_MASKED);
    return LT_STR(LT_MASKED);
}

/* Every parameter whose name says so is masked, and every secret wherever it stands. */
static struct lt_str masked_url(struct lt_trace *t, struct lt_str url)
{
    struct lt_str query = url, path = lt_str_cut(&query, '?');
    struct lt_buf out;
    bool cut;
    lt_buf_init(&out, LT_TRACE_PART_MAX);
    lt_buf_put_str(&out, path);
    for (char sign = '?'; query.n > 0; sign = '&') {
        struct lt_str value = lt_str_cut(&query, '&'), name = lt_str_cut(&value, '=');
        bool secret = value.n > 0 && lt_mask_name(name);
        lt_buf_printf(&out, "%c%.*s%s%.*s", sign, LT_FMT(name), value.n > 0 ? "=" : "", LT_FMT(secret ? LT_STR(LT_MASKED) : value));
    }
    struct lt_str text = lt_mask_text(t->mask, lt_buf_str(&out), LT_TRACE_PART_MAX, &cut);
    lt_buf_free(&out);
    return text;
}

static void copy_fields(struct lt_trace *t, struct lt_trace_request *q, const struct lt_http_call *http)
{
    bool cut;
    q->fields = LT_NEW_ARRAY(t->arena, struct lt_trace_field, http->fields_n);
    for (size_t i = 0; i < http->fields_n; i++) {
        struct lt_str name = http->fields[i].name, value = http->fields[i].value;
        q->fields[i].name = lt_mask_text(t->mask, name, LT_TRACE_PART_MAX, &cut);
        q->fields[i].value = lt_mask_name(name) ? masked_value(t->arena, value) : lt_mask_text(t->mask, value, LT_TRACE_PART_MAX, &cut);
    }
    q->fields_n = http->fields_n;
}

struct lt_trace_request *lt_trace_request(struct lt_provider_run *run, struct lt_http_call *http)
{
    struct lt_trace_attempt *a = run->trace;
    if (!a || a->requests_n++ >= LT_TRACE_REQUESTS_MAX)
        return NULL;
    struct lt_trace *t = a->trace;
    struct lt_trace_request *q = LT_NEW(t->arena, struct lt_trace_request);
    *q = (struct lt_trace_request){.method = http->method, .began = lt_mono_us()};
    q->url = masked_url(t, http->url);
    copy_fields(t, q, http);
    q->body.bytes = http->body.n;
    q->body.text = lt_mask_text(t->mask, http->body, t->left < LT_TRACE_PART_MAX ? t->left : LT_TRACE_PART_MAX, &q->body.cut);
    t->left -= q->body.text.n;
    http->times = &q->times;
    *a->last = q;
    a->last = &q->next;
    return q;
}

void lt_trace_answered(struct lt_trace_request *request, int status)
{
    if (!request)
        return;
    request->status = status;
    request->ended = lt_mono_us();
}

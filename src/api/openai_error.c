/* Errors in the form of OpenAI's API. What goes wrong before a handler runs passes here too (problem.c). */
#include "api/openai.h"

enum { PARAM_MAX = 200 };

/* What is not listed has its own name and status. name NULL: null. */
static const struct {
    enum lt_code code;
    int status;
    const char *type, *name;
} forms[] = {
    {LT_EINVALID_INPUT, 400, "invalid_request_error", "invalid_value"},
    {LT_EINVALID_JSON, 400, "invalid_request_error", NULL},
    {LT_EUNAUTHENTICATED, 401, "invalid_request_error", "invalid_api_key"},
    {LT_EPERMISSION, 403, "invalid_request_error", "permission_denied"},
    {LT_EMETHOD, 405, "invalid_request_error", "method_not_supported"},
    {LT_ETOO_LARGE, 413, "invalid_request_error", "request_too_large"},
    {LT_ENO_CONFIG, 404, "invalid_request_error", "model_not_found"},
    {LT_EUNKNOWN_ACTION, 404, "invalid_request_error", "model_not_found"},
    {LT_ECONTEXT_WINDOW, 400, "invalid_request_error", "context_length_exceeded"},
    {LT_ECONTENT_REFUSED, 400, "invalid_request_error", "content_filter"},
    {LT_EINPUT_BLOCKED, 400, "invalid_request_error", "content_filter"},
    {LT_EANSWER_BLOCKED, 400, "invalid_request_error", "content_filter"},
    {LT_EUNSUPPORTED, 422, "invalid_request_error", "not_supported"},
    {LT_ERATE_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded"},
    {LT_EUPSTREAM_RATE_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded"},
    {LT_ESITE_BUSY, 429, "rate_limit_error", "rate_limit_exceeded"},
    {LT_EBUDGET, 429, "insufficient_quota", "insufficient_quota"},
    {LT_EOVERLOADED, 503, "server_error", "overloaded"},
    {LT_ENO_PROVIDER, 503, "server_error", "no_provider"},
    {LT_EUPSTREAM_UNAVAILABLE, 503, "server_error", "upstream_unavailable"},
    {LT_EUPSTREAM_TIMEOUT, 503, "server_error", "upstream_timeout"},
    {LT_ETIMEOUT, 503, "server_error", "timeout"},
    {LT_EUPSTREAM_BAD_REQUEST, 400, "invalid_request_error", "upstream_bad_request"},
    {LT_EUPSTREAM_UNAUTHORIZED, 500, "server_error", "upstream_unauthorized"},
    {LT_EUPSTREAM_NOT_FOUND, 500, "server_error", "upstream_not_found"},
    {LT_EUPSTREAM_INVALID, 500, "server_error", "upstream_invalid"},
    {LT_EOUTBOUND_REFUSED, 500, "server_error", "outbound_refused"},
    {LT_EIO, 503, "server_error", "io_error"},
    {LT_ECANCELLED, 500, "server_error", "cancelled"},
    {LT_ESTOPPED, 503, "server_error", "emergency_stopped"},
};

struct form {
    int status;
    const char *type, *name;
};

static struct form form_of(const struct lt_error *err)
{
    int status = lt_code_status(err->code);
    bool model = strcmp(err->field, "/model") == 0;
    if (model && (err->code == LT_ENOT_FOUND || err->code == LT_EUPSTREAM_NOT_FOUND))
        return (struct form){404, "invalid_request_error", "model_not_found"};
    if (err->code == LT_ENOT_FOUND && strcmp(err->field, "/previous_response_id") == 0)
        return (struct form){400, "invalid_request_error", "previous_response_not_found"};
    for (size_t i = 0; i < LT_COUNT(forms); i++)
        if (forms[i].code == err->code)
            return (struct form){forms[i].status, forms[i].type, forms[i].name};
    return (struct form){status, status >= 500 ? "server_error" : "invalid_request_error", lt_code_name(err->code)};
}

static bool is_index(struct lt_str s)
{
    int64_t n;
    return lt_str_to_int64(s, &n);
}

/* "/messages/0/content" → "messages[0].content", as OpenAI writes it; names of fields of the head stay. */
static struct lt_str param_of(struct lt_request *r, const struct lt_error *err)
{
    struct lt_str rest = lt_str(err->field), text;
    struct lt_buf buf;
    if (rest.n == 0 || rest.p[0] != '/')
        return rest;
    lt_buf_init(&buf, PARAM_MAX);
    lt_str_cut(&rest, '/');
    while (rest.n > 0) {
        struct lt_str part = lt_str_cut(&rest, '/');
        lt_buf_printf(&buf, is_index(part) ? "[%.*s]" : buf.n > 0 ? ".%.*s" : "%.*s", LT_FMT(part));
    }
    text = lt_str_copy(r->arena, lt_buf_str(&buf));
    lt_buf_free(&buf);
    return text;
}

static struct lt_str message_of(struct lt_request *r, const struct lt_error *err, struct lt_str param)
{
    const char *detail = lt_problem_detail(r, err);
    if (err->code == LT_EPOLICY && r->caller.site && r->caller.site->policy_text.n > 0)
        return lt_printf(r->arena, "%s %.*s", lt_code_text(err->code), LT_FMT(r->caller.site->policy_text));
    return err->code == LT_EINVALID_INPUT && param.n > 0 ? lt_printf(r->arena, "%.*s: %s", LT_FMT(param), detail) : lt_str(detail);
}

void lt_openai_write_error(struct lt_request *r, struct lt_jw *w, const struct lt_error *err)
{
    struct form form = form_of(err);
    struct lt_str param = param_of(r, err);
    lt_jw_obj(w);
    lt_jw_key(w, "error");
    lt_jw_obj(w);
    lt_jw_kstr(w, "message", message_of(r, err, param));
    lt_jw_kstrz(w, "type", form.type);
    lt_jw_kstr_nonempty(w, "param", param);
    lt_jw_kstr_nonempty(w, "code", lt_str(form.name));
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_openai_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id)
{
    struct lt_http_field extra[LT_OPENAI_FIELDS_MAX + LT_PROBLEM_FIELDS_MAX + 1];
    size_t n = lt_openai_fields(r, call_id, extra);
    struct form form = form_of(err);
    n += lt_problem_fields(r, err->code, "Bearer", err->retry_after_s, extra + n);
    if (form.status >= 500 && !lt_code_retryable(err->code)) /* clients take every such status for one that passes */
        extra[n++] = (struct lt_http_field){LT_STR("x-should-retry"), LT_STR("false")};
    struct lt_json_reply j;
    lt_openai_write_error(r, lt_json_begin(&j), err);
    lt_reply(r, form.status, "application/json", NULL, extra, n, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

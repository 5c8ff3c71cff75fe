/* Errors in the form that the Open edX UI knows. What goes wrong before a handler runs passes here too (problem.c). */
#include "api/openedx.h"

void lt_openedx_timestamp(struct lt_jw *w)
{
    lt_jw_ktime(w, "timestamp", lt_now_ms());
}

enum { RETRY_DEFAULT_S = 5 }; /* for a limit that does not say when it ends */

/* What is not listed keeps its own name and status. */
static const struct {
    enum lt_code code;
    int status;
    const char *name;
} forms[] = {
    {LT_EUPSTREAM_UNAUTHORIZED, 500, "invalid_api_key"},
    {LT_ENO_PROVIDER, 500, "llm_config_error"},
    {LT_ECONFIG, 500, "llm_config_error"},
    {LT_EPROFILE_INVALID, 500, "llm_config_error"},
    {LT_EOUTBOUND_REFUSED, 500, "llm_config_error"},
    {LT_EUPSTREAM_NOT_FOUND, 500, "llm_config_error"},
    {LT_EUPSTREAM_BAD_REQUEST, 500, "llm_config_error"},
    {LT_ERATE_LIMITED, 429, "rate_limit_exceeded"},
    {LT_EUPSTREAM_RATE_LIMITED, 429, "rate_limit_exceeded"},
    {LT_ESITE_BUSY, 429, "rate_limit_exceeded"},
    {LT_EBUDGET, 429, "rate_limit_exceeded"},
    {LT_ECONTEXT_WINDOW, 400, "context_window_exceeded"},
    {LT_EUPSTREAM_UNAVAILABLE, 503, "service_unavailable"},
    {LT_EUPSTREAM_TIMEOUT, 503, "service_unavailable"},
    {LT_EOVERLOADED, 503, "service_unavailable"},
    {LT_ESTORE, 503, "service_unavailable"},
    {LT_ETIMEOUT, 503, "service_unavailable"},
    {LT_EIO, 503, "service_unavailable"},
    {LT_ESTOPPED, 503, "service_unavailable"},
    {LT_EINVALID_INPUT, 400, "validation_error"},
    {LT_EPOLICY, 403, "validation_error"},
    {LT_EINPUT_BLOCKED, 422, "validation_error"},
    {LT_EINVALID_JSON, 400, "parse_error"},
    {LT_EUPSTREAM_INVALID, 500, "processor_error"},
    {LT_ECONTENT_REFUSED, 500, "processor_error"},
    {LT_EANSWER_BLOCKED, 500, "processor_error"},
    {LT_EUNSUPPORTED, 500, "processor_error"},
    {LT_ECANCELLED, 500, "processor_error"},
    {LT_EINTERRUPTED, 500, "processor_error"},
    {LT_EINTERNAL, 500, "internal_error"},
    {LT_EAGAIN, 500, "internal_error"},
};

const char *lt_openedx_code(enum lt_code code, int *ret_status)
{
    for (size_t i = 0; i < LT_COUNT(forms); i++)
        if (forms[i].code == code) {
            *ret_status = forms[i].status;
            return forms[i].name;
        }
    *ret_status = lt_code_status(code);
    return lt_code_name(code);
}

/* What a user reads is calm, except where it says what to mend in the request, or why AI is stopped; the policy is what has to be accepted. */
static struct lt_str message_of(struct lt_request *r, const struct lt_error *err)
{
    bool mend = err->code == LT_EINVALID_INPUT || err->code == LT_EINVALID_JSON || err->code == LT_EPERMISSION || err->code == LT_ESTOPPED;
    if (err->code == LT_EPOLICY && r->caller.site && r->caller.site->policy_text.n > 0)
        return r->caller.site->policy_text;
    if (!mend && (r->caller.is_user || !r->caller.site))
        return lt_str(lt_code_text(err->code));
    const char *detail = lt_problem_detail(r, err);
    if (err->code == LT_EINVALID_INPUT && err->field[0])
        return lt_printf(r->arena, "%s: %s", err->field[0] == '/' ? err->field + 1 : err->field, detail);
    return lt_str(detail);
}

static void write_error(struct lt_request *r, struct lt_jw *w, const struct lt_error *err, const char *name, int status)
{
    struct lt_str message = message_of(r, err);
    bool list = strcmp(name, "validation_error") == 0;
    lt_jw_obj(w);
    lt_jw_key(w, "error");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "code", name);
    lt_jw_key(w, "message");
    if (list)
        lt_jw_arr(w);
    lt_jw_str(w, message);
    if (list)
        lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_kstrz(w, "status", "error");
    if (status == 401 || status == 403)
        lt_jw_kstr(w, "detail", message);
    lt_openedx_timestamp(w);
    lt_jw_end(w);
}

void lt_openedx_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id)
{
    (void)call_id;
    struct lt_http_field extra[LT_PROBLEM_FIELDS_MAX];
    int status;
    const char *name = lt_openedx_code(err->code, &status);
    int retry_s = err->retry_after_s > 0 ? err->retry_after_s : status == 429 ? RETRY_DEFAULT_S : 0;
    size_t n = lt_problem_fields(r, err->code, "JWT", retry_s, extra);
    struct lt_json_reply j;
    write_error(r, lt_json_begin(&j), err, name, status);
    lt_reply(r, status, "application/json", NULL, extra, n, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

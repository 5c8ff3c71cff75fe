/*
 * Problem details, RFC 9457. What a learner reads is calm; what an admin or an LMS back end reads is the cause. Which of the two is
 * decided here and nowhere else.
 */
#include <stdio.h>

#include "api/openedx.h"
#include "base/log.h"

/* Faults of the vendor or of this installation: the details are no business of a learner. */
static bool internal(enum lt_code code)
{
    switch (code) {
    case LT_EUPSTREAM_BAD_REQUEST:
    case LT_EUPSTREAM_UNAUTHORIZED:
    case LT_EUPSTREAM_NOT_FOUND:
    case LT_EUPSTREAM_RATE_LIMITED:
    case LT_EUPSTREAM_TIMEOUT:
    case LT_EUPSTREAM_UNAVAILABLE:
    case LT_EUPSTREAM_INVALID:
    case LT_ECONTEXT_WINDOW:
    case LT_ECONTENT_REFUSED:
    case LT_ENO_PROVIDER:
    case LT_EUNSUPPORTED:
    case LT_ECANCELLED: /* says at which address of which vendor */
    case LT_EINTERRUPTED:
    case LT_ETIMEOUT:
    case LT_ESTORE:
    case LT_EIO:
    case LT_ECONFIG:
    case LT_EINTERNAL:
    case LT_EOUTBOUND_REFUSED:
    case LT_EPROFILE_INVALID:
        return true;
    default:
        return false;
    }
}

const char *lt_problem_detail(struct lt_request *r, const struct lt_error *err)
{
    bool calm = err->detail[0] == '\0' || ((r->caller.is_user || !r->caller.site) && internal(err->code));
    return calm ? lt_code_text(err->code) : err->detail;
}

void lt_problem_write(struct lt_request *r, struct lt_jw *w, const struct lt_error *err, const char *call_id)
{
    const char *name = lt_code_name(err->code);
    char type[64];
    snprintf(type, sizeof(type), "urn:lectern:problem:%s", name);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", type);
    lt_jw_kstrz(w, "title", lt_code_text(err->code));
    lt_jw_kint(w, "status", lt_code_status(err->code));
    lt_jw_kstrz(w, "detail", lt_problem_detail(r, err));
    lt_jw_kstrz(w, "code", name);
    lt_jw_kstrz(w, "request_id", r->http->id);
    if (err->field[0])
        lt_jw_kstrz(w, "field", err->field);
    if (err->retry_after_s > 0)
        lt_jw_kint(w, "retry_after", err->retry_after_s);
    if (call_id)
        lt_jw_kstrz(w, "id", call_id);
    lt_jw_end(w);
}

struct lt_str lt_route_methods(struct lt_request *r)
{
    struct lt_str list = LT_STR("");
    for (size_t i = 0; i < lt_routes_n; i++)
        if (strcmp(lt_routes[i].path, r->route->path) == 0)
            list = lt_printf(r->arena, "%.*s%s%s", LT_FMT(list), list.n ? ", " : "", lt_routes[i].method);
    return list;
}

void lt_reply_problem(struct lt_request *r, const struct lt_error *err, const char *call_id)
{
    struct lt_http_field extra[2];
    size_t n = 0;
    int status = lt_code_status(err->code);
    if (err->code == LT_EUNAUTHENTICATED)
        extra[n++] = (struct lt_http_field){LT_STR("WWW-Authenticate"), LT_STR("Bearer realm=\"lectern\"")};
    if (err->code == LT_EMETHOD && r->route)
        extra[n++] = (struct lt_http_field){LT_STR("Allow"), lt_route_methods(r)};
    if (err->retry_after_s > 0)
        extra[n++] = (struct lt_http_field){LT_STR("Retry-After"), lt_printf(r->arena, "%d", err->retry_after_s)};
    if (!call_id && (err->code == LT_EINTERNAL || err->code == LT_ESTORE || err->code == LT_ECONFIG)) /* the manager logs its own */
        lt_log_error("api.fault", err);
    if (lt_openedx_is_door(r)) {
        lt_openedx_reply_error(r, err);
        return;
    }
    struct lt_json_reply j;
    lt_problem_write(r, lt_json_begin(&j), err, call_id);
    lt_reply(r, status, "application/problem+json", NULL, extra, n, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

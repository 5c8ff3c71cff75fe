/*
 * Problem details, RFC 9457. What a learner reads is calm; what an admin or an LMS back end reads is the cause. Which of the two is
 * decided here and nowhere else.
 */
#include <stdio.h>

#include "api/door.h"
#include "api/etag.h"
#include "api/idempotency.h"
#include "base/log.h"
#include "core/admin_limit.h"
#include "core/trace.h"

/* Faults of the vendor or of this installation, and its budgets: the details are no business of a learner. */
static bool internal(enum lt_code code)
{
    switch (code) {
    case LT_EBUDGET: /* learners never see cost */
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

/* An LMS shows its users what a door for existing clients says: it knows no calm texts of its own. */
static bool for_user(struct lt_request *r)
{
    return r->caller.is_user || (r->caller.user_id.n > 0 && lt_door_of(r->http->head.path));
}

const char *lt_problem_detail(struct lt_request *r, const struct lt_error *err)
{
    bool calm = err->detail[0] == '\0' || ((for_user(r) || !r->caller.site) && internal(err->code));
    return calm ? lt_code_text(err->code) : err->detail;
}

/* Which limit it is; nothing to users where it is about money. */
static void put_limit(struct lt_request *r, struct lt_jw *w, const struct lt_error *err)
{
    const struct lt_limit *l = err->limit_id && r->caller.site ? lt_site_limit(r->caller.site, err->limit_id) : NULL;
    if (!l || (l->unit == LT_LIMIT_COST && for_user(r)))
        return;
    lt_jw_key(w, "limit");
    lt_jw_obj(w);
    lt_jw_kint(w, "id", l->id);
    lt_jw_kstrz(w, "subject", lt_limit_subject_name(l->subject));
    lt_jw_kbool(w, "per_user", l->per_user);
    lt_jw_kstr(w, "action", l->action);
    lt_jw_kstrz(w, "unit", lt_limit_unit_name(l->unit));
    lt_jw_kint(w, "amount", l->amount);
    lt_jw_kstrz(w, "window", lt_limit_window_name(l->window));
    lt_jw_end(w);
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
    put_limit(r, w, err);
    if (call_id)
        lt_jw_kstrz(w, "id", call_id);
    if (lt_trace_has_attempts(r->trace))
        lt_trace_put(w, r->trace);
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

size_t lt_problem_fields(struct lt_request *r, enum lt_code code, const char *scheme, int retry_s, struct lt_http_field *fields)
{
    size_t n = 0;
    if (code == LT_EUNAUTHENTICATED)
        fields[n++] = (struct lt_http_field){LT_STR("WWW-Authenticate"), lt_printf(r->arena, "%s realm=\"lectern\"", scheme)};
    if (code == LT_EMETHOD && r->route)
        fields[n++] = (struct lt_http_field){LT_STR("Allow"), lt_route_methods(r)};
    if (retry_s > 0)
        fields[n++] = (struct lt_http_field){LT_STR("Retry-After"), lt_printf(r->arena, "%d", retry_s)};
    return n;
}

void lt_reply_problem(struct lt_request *r, const struct lt_error *err, const char *call_id)
{
    const struct lt_door *door = lt_door_of(r->http->head.path);
    struct lt_http_field extra[LT_PROBLEM_FIELDS_MAX];
    int status = lt_code_status(err->code);
    if (lt_etag_again(r, err))
        return;
    r->refused = err->code;
    lt_idempotency_call(r, call_id);
    if (!call_id && (err->code == LT_EINTERNAL || err->code == LT_ESTORE || err->code == LT_ECONFIG)) /* the manager logs its own */
        lt_log_error("api.fault", err);
    if (door) {
        door->reply_error(r, err, call_id);
        return;
    }
    size_t n = lt_problem_fields(r, err->code, "Bearer", err->retry_after_s, extra);
    struct lt_json_reply j;
    lt_problem_write(r, lt_json_begin(&j), err, call_id);
    lt_reply(r, status, "application/problem+json", NULL, extra, n, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

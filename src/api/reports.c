/*
 * /v1/reports: sums over the register. Three views: of the site (view_usage_report), of a course (view_course_usage in it), of one's own calls
 * (view_own_usage). Who asks for a wider view than theirs is refused, never given a narrower one.
 */
#include "core/report.h"
#include "api/request.h"
#include "core/course_role.h"
#include "core/lms_roles.h"

enum view { VIEW_SITE, VIEW_COURSE, VIEW_OWN };
enum { AT_ONCE = 2, WAIT_MS = 30000, POLL_MS = 20 };

struct asking {
    struct lt_request *r;
    enum lt_report_kind kind;
    enum view view;
    struct lt_report_query query;
    int limit;
    int64_t after;
    bool csv;
};

/* ---- who may see what ---- */

static enum lt_code refuse(const char *permission, struct lt_error *err)
{
    return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission '%s' here", permission);
}

/* Course and view as they were asked for, or as the token says. */
static enum lt_code read_view(struct asking *a, struct lt_str *course, struct lt_error *err)
{
    static const char *const names[] = {"site", "course", "own"};
    struct lt_str view = lt_query(a->r, "view"), only = a->r->caller.only_course;
    if (course->n == 0 && !lt_str_is(view, "site"))
        *course = only;
    a->view = course->n > 0 ? VIEW_COURSE : VIEW_SITE;
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(view, names[i]))
            a->view = (enum view)i;
    if (view.n > 0 && !lt_str_is(view, names[a->view]))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/view", "must be site, course or own");
    if (a->view == VIEW_COURSE && course->n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/course_id", "the view of a course needs one");
    if (only.n > 0 && !lt_str_eq(only, *course))
        return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(only));
    return LT_OK;
}

/* The caller with the roles that they have there; "" = in the whole site. */
static enum lt_code caller_in(struct lt_request *r, struct lt_str course, struct lt_caller *ret, struct lt_error *err)
{
    *ret = r->caller;
    return lt_course_roles(r->api->options.manager, r->arena, &r->caller, course, &ret->roles, err);
}

/* Which of the site's users may be seen: of a course, as the LMS says. */
static enum lt_code limit_to_visible(struct asking *a, struct lt_error *err)
{
    size_t n;
    struct lt_lms_visible lists[2];
    struct lt_request *r = a->r;
    if (lt_course_visible(r->api->options.manager, r->arena, &r->caller, a->query.course_id, lists, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++) {
        struct lt_report_people *people = &a->query.visible[a->query.visible_n++];
        *people = (struct lt_report_people){LT_NEW_ARRAY(r->arena, struct lt_str, lists[i].n), lists[i].n};
        for (size_t u = 0; u < lists[i].n; u++)
            people->ids[u] = lists[i].users[u];
        lt_report_people_sort(people);
    }
    return LT_OK;
}

/* ?visible_user, as often as there are users: a back end asks for somebody who may see these. */
static enum lt_code limit_to_named(struct asking *a, struct lt_error *err)
{
    struct lt_str user, query = a->r->http->head.query;
    int n = 0;
    while (n <= LT_REPORT_PEOPLE_MAX && lt_query_get_at(a->r->arena, query, "visible_user", n, &user))
        n++;
    if (n == 0)
        return LT_OK;
    if (n > LT_REPORT_PEOPLE_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/visible_user", "at most %d users", LT_REPORT_PEOPLE_MAX);
    struct lt_report_people *people = &a->query.visible[a->query.visible_n++];
    *people = (struct lt_report_people){LT_NEW_ARRAY(a->r->arena, struct lt_str, n), (size_t)n};
    for (int i = 0; i < n; i++)
        lt_query_get_at(a->r->arena, query, "visible_user", i, &people->ids[i]);
    lt_report_people_sort(people);
    return LT_OK;
}

/* Usage alone, and nothing of who answered: that is the site's business. */
static enum lt_code check_own(struct asking *a, const struct lt_caller *caller, struct lt_error *err)
{
    struct lt_report_query *q = &a->query;
    if (!lt_permitted(caller, "view_own_usage", LT_STR_NULL))
        return refuse("view_own_usage", err);
    if (a->kind != LT_REPORT_USAGE)
        return lt_fail_field(err, LT_EPERMISSION, "/view", "of their own calls people see the usage, and what is left of it at /v1/quota");
    if (q->user.n > 0 && !lt_str_eq(q->user, caller->user_id))
        return lt_fail_field(err, LT_EPERMISSION, "/user", "the own view is of the caller's own calls");
    if (lt_report_groups(q, LT_REPORT_PROVIDER) || lt_report_groups(q, LT_REPORT_MODEL))
        return lt_fail_field(err, LT_EPERMISSION, "/group_by", "the own view does not tell providers and models apart");
    const char *field = q->provider.n > 0 ? "/provider" : q->model.n > 0 ? "/model" : NULL;
    if (field)
        return lt_fail_field(err, LT_EPERMISSION, field, "the own view does not tell providers and models apart");
    q->user = caller->user_id;
    return LT_OK;
}

static enum lt_code check_course(struct asking *a, const struct lt_caller *caller, bool whole_site, struct lt_error *err)
{
    if (whole_site)
        return LT_OK;
    if (!lt_permitted(caller, "view_course_usage", LT_STR_NULL))
        return refuse("view_course_usage", err);
    return limit_to_visible(a, err);
}

static enum lt_code check_view(struct asking *a, struct lt_error *err)
{
    struct lt_request *r = a->r;
    struct lt_caller of_site, caller;
    if (a->view == VIEW_OWN && lt_auth_need_user(r, err))
        return err->code;
    if (caller_in(r, LT_STR(""), &of_site, err) || caller_in(r, a->view == VIEW_SITE ? LT_STR("") : a->query.course_id, &caller, err))
        return err->code;
    if (a->view == VIEW_OWN)
        return check_own(a, &caller, err);
    if (a->kind == LT_REPORT_COST && !lt_permitted(&caller, "view_cost", LT_STR_NULL))
        return refuse("view_cost", err);
    bool whole_site = r->caller.only_course.n == 0 && lt_permitted(&of_site, "view_usage_report", LT_STR_NULL);
    if (a->view == VIEW_SITE && !whole_site)
        return refuse("view_usage_report", err);
    return a->view == VIEW_COURSE ? check_course(a, &caller, whole_site, err) : LT_OK;
}

/* ---- what is asked ---- */

static enum lt_code read_form(struct asking *a, struct lt_error *err)
{
    struct lt_str format = lt_query(a->r, "format"), accept = lt_http_field(&a->r->http->head, "Accept", NULL);
    a->csv = format.n > 0 ? lt_str_is(format, "csv") : lt_str_starts(accept, LT_STR("text/csv"));
    if (format.n > 0 && !a->csv && !lt_str_is(format, "json"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/format", "must be json or csv");
    if (lt_query_cursor(a->r, "after", &a->after, err))
        return err->code;
    return lt_query_limit(a->r, a->csv ? LT_REPORT_PAGE_MAX : LT_REPORT_PAGE, LT_REPORT_PAGE_MAX, &a->limit, err);
}

/* Without a word the own view is by action. */
static enum lt_code read_query(struct asking *a, struct lt_error *err)
{
    struct lt_request *r = a->r;
    struct lt_report_words words = {.group_by = lt_query(r, "group_by"),
                                    .since = lt_query(r, "since"),
                                    .until = lt_query(r, "until"),
                                    .course_id = lt_query(r, "course_id"),
                                    .provider = lt_query(r, "provider"),
                                    .model = lt_query(r, "model"),
                                    .action = lt_query(r, "action"),
                                    .user = lt_query(r, "user"), /* `user_id` says who asks */
                                    .state = lt_query(r, "state"),
                                    .of = lt_query(r, "of"),
                                    .sort = lt_query(r, "sort")};
    if (read_view(a, &words.course_id, err))
        return err->code;
    if (a->view == VIEW_OWN && words.group_by.n == 0)
        words.group_by = LT_STR("action");
    if (lt_report_read(a->kind, r->caller.site, &words, lt_now_ms(), &a->query, err) || read_form(a, err) || check_view(a, err))
        return err->code;
    return limit_to_named(a, err);
}

/* ---- making it ---- */

/* Reports take turns, so that workers are left for the rest; that of one user is short. */
static enum lt_code take_turn(struct lt_request *r, struct lt_error *err)
{
    uint64_t until = lt_mono_ms() + WAIT_MS;
    for (;;) {
        if (atomic_fetch_add(&r->api->reports, 1) < AT_ONCE)
            return LT_OK;
        atomic_fetch_sub(&r->api->reports, 1);
        if (lt_mono_ms() > until) {
            lt_fail(err, LT_EOVERLOADED, "other reports are being made");
            err->retry_after_s = 10;
            return err->code;
        }
        if (lt_fiber_sleep(POLL_MS) == LT_ECANCELLED)
            return lt_fail(err, LT_ECANCELLED, "nobody waits for the report");
    }
}

enum lt_code lt_request_report(struct lt_request *r, const struct lt_report_query *query, struct lt_report *ret, struct lt_error *err)
{
    bool turn = query->user.n == 0;
    if (turn && take_turn(r, err))
        return err->code;
    enum lt_code rc = lt_report_run(r->api->options.store, r->arena, query, ret, err);
    if (turn)
        atomic_fetch_sub(&r->api->reports, 1);
    return rc;
}

static void reply_csv(struct asking *a, const struct lt_report *report)
{
    struct lt_buf out;
    lt_buf_init(&out, LT_REPLY_MAX);
    lt_report_write_csv(&out, report, (size_t)a->after, (size_t)a->limit);
    if (out.failed) {
        struct lt_error err;
        lt_fail_field(&err, LT_EINVALID_INPUT, "/limit", "the table has more than %d bytes: ask for less", LT_REPLY_MAX);
        lt_reply_problem(a->r, &err, NULL);
    } else {
        lt_reply_file(a->r, "text/csv; charset=utf-8; header=present", lt_str(lt_report_kind_name(a->kind)), "report", ".csv", lt_buf_str(&out));
    }
    lt_buf_free(&out);
}

static void report(struct lt_request *r, enum lt_report_kind kind)
{
    struct lt_error err;
    struct lt_report made;
    struct asking *a = LT_NEW(r->arena, struct asking);
    a->r = r;
    a->kind = kind;
    if (read_query(a, &err) || lt_request_report(r, &a->query, &made, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (a->csv) {
        reply_csv(a, &made);
        return;
    }
    struct lt_json_reply j;
    lt_report_write_json(lt_json_begin(&j), &made, (size_t)a->after, (size_t)a->limit);
    lt_json_end(r, 200, &j);
}

void lt_get_report_usage(struct lt_request *r)
{
    report(r, LT_REPORT_USAGE);
}

void lt_get_report_cost(struct lt_request *r)
{
    report(r, LT_REPORT_COST);
}

void lt_get_report_errors(struct lt_request *r)
{
    report(r, LT_REPORT_ERRORS);
}

void lt_get_report_latency(struct lt_request *r)
{
    report(r, LT_REPORT_LATENCY);
}

void lt_get_report_feedback(struct lt_request *r)
{
    report(r, LT_REPORT_FEEDBACK);
}

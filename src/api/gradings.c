/*
 * /v1/gradings: what models made of submissions, and what people decide instead. For who may review gradings: of the site, or, with ?course_id,
 * of a course in which they have such a role. /v1/submissions/{id}/grading: the newest of a submission, for these, and for whose submission it is.
 */
#include "workflows/grading.h"
#include "api/request.h"
#include "core/course_role.h"

enum { LIST_DEFAULT = 50 };

/* All of the site, by the caller's own roles. */
static bool reviews_all(const struct lt_request *r)
{
    return r->caller.only_course.n == 0 && lt_permitted(&r->caller, "review_gradings", LT_STR_NULL);
}

/* Those of a course, by a role in it; "" is no course. */
static enum lt_code check_course(struct lt_request *r, struct lt_str course, struct lt_error *err)
{
    struct lt_caller in_course = r->caller;
    if (reviews_all(r))
        return LT_OK;
    bool named = course.n > 0 && r->caller.user_id.n > 0 && (r->caller.only_course.n == 0 || lt_str_eq(r->caller.only_course, course));
    if (named && lt_course_roles(r->api->options.manager, r->arena, &r->caller, course, &in_course.roles, err))
        return err->code;
    if (!named || !lt_permitted(&in_course, "review_gradings", LT_STR_NULL))
        return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission 'review_gradings' here");
    return LT_OK;
}

/* Who may not see it is told the same whether it is there or not. */
static enum lt_code find(struct lt_request *r, struct lt_grading *ret, struct lt_error *err)
{
    enum lt_code rc = lt_grading_find(r->api->options.store, r->arena, r->caller.site->id, r->params[0], ret, err);
    if (rc == LT_ENOT_FOUND || rc == LT_EMULTIPLE)
        return reviews_all(r) ? rc : check_course(r, LT_STR(""), err);
    return rc ? rc : check_course(r, ret->course_id, err);
}

static void reply(struct lt_request *r, const struct lt_grading *g)
{
    struct lt_json_reply j;
    lt_grading_write(lt_json_begin(&j), r->arena, g, true, true);
    lt_json_end(r, 200, &j);
}

void lt_get_grading(struct lt_request *r)
{
    struct lt_error err;
    struct lt_grading g;
    if (find(r, &g, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, &g);
}

/* ---- of one submission ---- */

static enum lt_code find_own(struct lt_request *r, struct lt_grading *ret, struct lt_error *err)
{
    struct lt_str course = r->caller.only_course.n > 0 ? r->caller.only_course : lt_query(r, "course_id");
    if (r->caller.user_id.n == 0)
        return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission 'review_gradings' here");
    return lt_grading_of_submission(r->api->options.store, r->arena, r->caller.site->id, r->params[0], course, r->caller.user_id, ret, err);
}

/* As staff, else as the learner: a grading that is another's is as one that is not there. */
static enum lt_code find_of_submission(struct lt_request *r, struct lt_grading *ret, bool *ret_staff, struct lt_error *err)
{
    enum lt_code rc = lt_grading_of_submission(r->api->options.store, r->arena, r->caller.site->id, r->params[0], lt_query(r, "course_id"),
                                               lt_query(r, "learner_id"), ret, err);
    *ret_staff = true;
    if (rc == LT_ENOT_FOUND && reviews_all(r))
        return rc;
    if (rc == LT_OK)
        rc = check_course(r, ret->course_id, err);
    if (rc == LT_OK || (rc != LT_ENOT_FOUND && rc != LT_EPERMISSION))
        return rc;
    *ret_staff = false;
    return find_own(r, ret, err);
}

void lt_get_submission_grading(struct lt_request *r)
{
    struct lt_error err;
    struct lt_grading g;
    struct lt_json_reply j;
    bool staff;
    if (find_of_submission(r, &g, &staff, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (staff)
        lt_grading_write(lt_json_begin(&j), r->arena, &g, true, true);
    else
        lt_grading_write_own(lt_json_begin(&j), r->arena, &g);
    lt_json_end(r, 200, &j);
}

/* ---- all of them ---- */

static bool state_known(struct lt_str state)
{
    static const char *const states[] = {"", "queue", "pending", "ok", "abstained", "rejected", "failed"};
    bool known = false;
    for (size_t i = 0; i < LT_COUNT(states); i++)
        known |= lt_str_is(state, states[i]);
    return known;
}

static enum lt_code read_filter(struct lt_request *r, struct lt_grading_filter *ret, struct lt_error *err)
{
    *ret = (struct lt_grading_filter){.site_id = r->caller.site->id, .state = lt_query(r, "state"), .course_id = lt_query(r, "course_id")};
    if (ret->course_id.n == 0)
        ret->course_id = r->caller.only_course;
    if (check_course(r, ret->course_id, err))
        return err->code;
    if (!state_known(ret->state))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/state", "must be queue, pending, ok, abstained, rejected or failed");
    if (lt_query_cursor(r, "before", &ret->before_id, err))
        return err->code;
    return lt_query_limit(r, LIST_DEFAULT, LT_GRADING_LIST_MAX, &ret->limit, err);
}

void lt_get_gradings(struct lt_request *r)
{
    struct lt_error err;
    struct lt_grading_filter filter;
    struct lt_grading *list;
    size_t n;
    if (read_filter(r, &filter, &err) || lt_grading_list(r->api->options.store, r->arena, &filter, &list, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "gradings");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_grading_write(w, r->arena, &list[i], true, true);
    lt_jw_end(w);
    lt_jw_next(w, n == (size_t)filter.limit, n > 0 ? list[n - 1].id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_put_grading_decision(struct lt_request *r)
{
    struct lt_error err;
    struct lt_grading g;
    struct lt_str who = r->caller.user_id.p ? r->caller.user_id : LT_STR("");
    int64_t seen_ms = lt_json_int64_or(lt_json_get(r->body, "staff_at"), -1);
    if (find(r, &g, &err) || lt_grading_override(r->api->options.store, r->caller.site, r->arena, &g, lt_json_get(r->body, "decision"), who, seen_ms, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    reply(r, &g);
}

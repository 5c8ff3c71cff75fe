/* /v1/roles: who is what in which course. */
#include <stdio.h>

#include "api/request.h"
#include "core/course_role.h"

enum { LIST_DEFAULT = 1000, PROBLEMS_MAX = 1000 /* named one by one; the rest is counted */ };

/* Nobody gives a role above their own; a token that is bound to a course gives in that course alone. */
static struct lt_role_giver giver(struct lt_request *r)
{
    return (struct lt_role_giver){.who = lt_request_who(r), .may_give = lt_roles_up_to(r->caller.roles), .only_course = r->caller.only_course};
}

static struct lt_course_role row_of(const struct lt_json *v)
{
    return (struct lt_course_role){.user_id = lt_json_str_or(lt_json_get(v, "user_id"), LT_STR("")),
                                   .course_id = lt_json_str_or(lt_json_get(v, "course_id"), LT_STR("")),
                                   .role = (enum lt_role)lt_role_parse(lt_json_str(lt_json_get(v, "role")))};
}

static void put_role(struct lt_jw *w, const struct lt_course_role *row)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", row->id);
    lt_jw_kstr(w, "user_id", row->user_id);
    lt_jw_kstr(w, "course_id", row->course_id);
    lt_jw_kstrz(w, "role", lt_role_name(row->role));
    lt_jw_ktime(w, "created_at", row->created_at);
    lt_jw_kstr(w, "created_by", row->created_by);
    lt_jw_end(w);
}

/* ---- reading ---- */

/* A token that is bound to a course sees that course alone. */
static enum lt_code read_filter(struct lt_request *r, struct lt_course_role_filter *ret, struct lt_error *err)
{
    struct lt_str course, only = r->caller.only_course;
    bool by_course = lt_query_get(r->arena, r->http->head.query, "course_id", &course);
    *ret = (struct lt_course_role_filter){.site_id = r->caller.site->id,
                                          .user_id = lt_query(r, "user"), /* `user_id` says who asks */
                                          .course_id = by_course ? course : only.n > 0 ? only : LT_STR_NULL};
    if (by_course && !course.p)
        ret->course_id = LT_STR("");
    if (only.n > 0 && !lt_str_eq(only, ret->course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(only));
    if (lt_query_cursor(r, "after", &ret->after, err))
        return err->code;
    return lt_query_limit(r, LIST_DEFAULT, LT_COURSE_ROLE_PAGE_MAX, &ret->limit, err);
}

void lt_get_roles(struct lt_request *r)
{
    struct lt_error err;
    struct lt_course_role_filter filter;
    struct lt_course_role *rows;
    size_t n;
    int64_t next;
    if (read_filter(r, &filter, &err) || lt_course_role_list(r->api->options.store, r->arena, &filter, &rows, &n, &next, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "roles");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        put_role(w, &rows[i]);
    lt_jw_end(w);
    lt_jw_next(w, next != 0, next);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_my_roles(struct lt_request *r)
{
    struct lt_error err;
    unsigned roles;
    struct lt_str course = lt_query(r, "course_id");
    if (course.n == 0)
        course = r->caller.only_course;
    if (lt_course_roles(r->api->options.manager, r->arena, &r->caller, course, &roles, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "course_id", course);
    lt_jw_key(w, "roles");
    lt_jw_arr(w);
    for (int role = 0; role < LT_ROLES; role++)
        if (roles & 1u << role)
            lt_jw_strz(w, lt_role_name((enum lt_role)role));
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- changing ---- */

/* The row as it is kept; LT_ENOT_FOUND. */
static enum lt_code find(struct lt_request *r, const struct lt_course_role *like, struct lt_course_role *ret, struct lt_error *err)
{
    struct lt_course_role *rows;
    struct lt_course_role_filter filter = {.site_id = r->caller.site->id, .user_id = like->user_id, .course_id = like->course_id, .limit = LT_ROLES};
    size_t n;
    int64_t next;
    if (lt_course_role_list(r->api->options.store, r->arena, &filter, &rows, &n, &next, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        if (rows[i].role == like->role) {
            *ret = rows[i];
            return LT_OK;
        }
    return lt_fail(err, LT_ENOT_FOUND, "the role was taken meanwhile");
}

void lt_put_role(struct lt_request *r)
{
    struct lt_error err;
    struct lt_role_giver by = giver(r);
    struct lt_course_role row = row_of(r->body), kept;
    if (lt_course_role_add(r->api->options.store, r->caller.site->id, &by, &row, &err) || find(r, &row, &kept, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    put_role(lt_json_begin(&j), &kept);
    lt_json_end(r, 200, &j);
}

/* {id} of the path; one that the caller must not see is not there. */
static enum lt_code find_id(struct lt_request *r, struct lt_course_role *ret, struct lt_error *err)
{
    struct lt_course_role *rows;
    struct lt_course_role_filter filter = {.site_id = r->caller.site->id, .limit = 1};
    struct lt_str only = r->caller.only_course;
    int64_t id, next;
    size_t n = 0;
    if (!lt_str_to_int64(r->params[0], &id) || id < 1)
        return lt_fail(err, LT_ENOT_FOUND, "there is no role '%.*s'", LT_FMT(r->params[0]));
    filter.after = id - 1;
    if (lt_course_role_list(r->api->options.store, r->arena, &filter, &rows, &n, &next, err))
        return err->code;
    if (n == 0 || rows[0].id != id || (only.n > 0 && !lt_str_eq(only, rows[0].course_id)))
        return lt_fail(err, LT_ENOT_FOUND, "there is no role '%.*s'", LT_FMT(r->params[0]));
    *ret = rows[0];
    return LT_OK;
}

void lt_delete_role(struct lt_request *r)
{
    struct lt_error err;
    struct lt_role_giver by = giver(r);
    struct lt_course_role row;
    if (find_id(r, &row, &err) || lt_course_role_remove(r->api->options.store, r->caller.site->id, &by, &row, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

/* ---- import ---- */

/* The problem, with `errors`: every row that is wrong. */
static void refuse_rows(struct lt_request *r, struct lt_str errors, size_t wrong, enum lt_code code)
{
    struct lt_error err;
    struct lt_json_reply j;
    lt_fail_field(&err, code, "/rows", "%zu row%s wrong; nothing was saved", wrong, wrong == 1 ? " is" : "s are");
    lt_problem_write(r, lt_json_begin(&j), &err, NULL);
    if (j.buf.n > 0)
        j.buf.n--; /* its closing brace comes behind one member more */
    lt_buf_printf(&j.buf, ",\"errors\":%.*s}", LT_FMT(errors));
    lt_reply(r, lt_code_status(code), "application/problem+json", NULL, NULL, 0, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

/* Fills rows; true when all may be kept, else the answer was sent. */
static bool read_rows(struct lt_request *r, const struct lt_role_giver *by, const struct lt_json *list, struct lt_course_role *rows)
{
    struct lt_error err;
    struct lt_json_reply j;
    size_t wrong = 0;
    enum lt_code code = LT_OK;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(list); i++) {
        rows[i] = row_of(lt_json_at(list, i));
        if (!lt_course_role_check(by, &rows[i], &err))
            continue;
        code = code == LT_EINVALID_INPUT ? code : err.code; /* a mistake in any row is the caller's to mend first */
        if (++wrong > PROBLEMS_MAX)
            continue;
        char field[128];
        snprintf(field, sizeof(field), "/rows/%zu%s", i, err.field);
        lt_jw_obj(w);
        lt_jw_kstrz(w, "field", field);
        lt_jw_kstrz(w, "detail", err.detail);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    if (wrong > 0)
        refuse_rows(r, lt_buf_str(&j.buf), wrong, code);
    lt_buf_free(&j.buf);
    return wrong == 0;
}

void lt_post_role_import(struct lt_request *r)
{
    struct lt_error err;
    struct lt_role_giver by = giver(r);
    const struct lt_json *list = lt_json_get(r->body, "rows");
    size_t n = lt_json_len(list);
    bool replace = lt_json_bool_or(lt_json_get(r->body, "replace"), false);
    struct lt_course_role *rows = LT_NEW_ARRAY(r->arena, struct lt_course_role, n);
    if (!read_rows(r, &by, list, rows))
        return;
    if (lt_course_role_import(r->api->options.store, r->caller.site->id, &by, rows, n, replace, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kint(w, "rows", (int64_t)n);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

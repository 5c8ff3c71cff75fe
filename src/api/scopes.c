/* /v1/scopes: where profiles apply. */
#include <stdio.h>

#include "api/request.h"
#include "workflows/opaque_key.h"
#include "workflows/scope.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 10000 };

static void release_set(void *set)
{
    lt_scope_set_unref(set);
}

enum lt_code lt_request_scopes(struct lt_request *r, bool fresh, struct lt_scope_set **ret, struct lt_error *err)
{
    if (lt_scopes_get(r->api->scopes, r->config->generation, fresh, ret, err))
        return err->code;
    lt_arena_on_free(r->arena, release_set, *ret);
    return LT_OK;
}

/* A token that is bound to a course sees and sets the scopes of that course alone. */
static enum lt_code check_course(struct lt_request *r, struct lt_str course, struct lt_error *err)
{
    struct lt_str only = r->caller.only_course;
    if (only.n > 0 && !lt_str_eq(only, course))
        return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(only));
    return LT_OK;
}

/* {id}: a number or a UUID. */
static const struct lt_scope *find(struct lt_request *r, struct lt_error *err)
{
    struct lt_scope_set *set;
    int64_t id, site = r->caller.site->id;
    const struct lt_scope *s;
    if (lt_request_scopes(r, true, &set, err))
        return NULL;
    s = lt_str_to_int64(r->params[0], &id) ? lt_scope_find(set, site, id) : lt_scope_find_uuid(set, site, r->params[0]);
    if (s && !check_course(r, s->course_id, err))
        return s;
    lt_fail(err, LT_ENOT_FOUND, "there is no scope '%.*s'", LT_FMT(r->params[0]));
    return NULL;
}

static void answer_one(struct lt_request *r, int status, const struct lt_scope *s)
{
    struct lt_json_reply j;
    lt_scope_write(lt_json_begin(&j), s);
    lt_json_end(r, status, &j);
}

void lt_get_scope(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_scope *s = find(r, &err);
    if (s)
        answer_one(r, 200, s);
    else
        lt_reply_problem(r, &err, NULL);
}

/* ---- list ---- */

static enum lt_code query_number(struct lt_request *r, const char *name, int64_t otherwise, int64_t *ret, struct lt_error *err)
{
    struct lt_str text = lt_query(r, name);
    char field[32];
    snprintf(field, sizeof(field), "/%s", name);
    *ret = otherwise;
    if (text.n > 0 && !lt_str_to_int64(text, ret))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a whole number");
    return LT_OK;
}

static void answer_list(struct lt_request *r, struct lt_scope_set *set, int64_t profile, int64_t after, int limit)
{
    size_t n;
    const struct lt_scope *scopes = lt_scope_set_site(set, r->caller.site->id, &n);
    struct lt_str course = lt_query(r, "course_id");
    struct lt_error err;
    int64_t last = 0;
    bool more = false;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "scopes");
    lt_jw_arr(w);
    for (size_t i = 0; i < n && !more; i++) {
        const struct lt_scope *s = &scopes[i];
        bool wanted = s->id > after && (profile < 0 || s->profile_id == profile) && (course.n == 0 || lt_str_eq(course, s->course_id));
        if (!wanted || check_course(r, s->course_id, &err))
            continue;
        more = limit == 0;
        if (more)
            break;
        lt_scope_write(w, s);
        last = s->id;
        limit--;
    }
    lt_jw_end(w);
    lt_jw_next(w, more, last);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_scopes(struct lt_request *r)
{
    struct lt_error err;
    struct lt_scope_set *set;
    int64_t profile, after;
    int limit;
    if (query_number(r, "profile_id", -1, &profile, &err) || lt_query_cursor(r, "after", &after, &err) ||
        lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &limit, &err) || lt_request_scopes(r, true, &set, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_list(r, set, profile, after, limit);
}

/* ---- changes ---- */

static void answer_changed(struct lt_request *r, int status, int64_t id)
{
    struct lt_error err;
    struct lt_scope_set *set;
    const struct lt_scope *s = NULL;
    if (!lt_request_reload(r, &err) && !lt_request_scopes(r, true, &set, &err)) {
        s = lt_scope_find(set, r->caller.site->id, id);
        lt_fail(&err, LT_ENOT_FOUND, "the scope was removed meanwhile");
    }
    if (s)
        answer_one(r, status, s);
    else
        lt_reply_problem(r, &err, NULL);
}

void lt_post_scope(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (check_course(r, lt_json_str_or(lt_json_get(r->body, "course_id"), LT_STR("")), &err) ||
        lt_scope_add(r->api->options.store, r->caller.site->slug, r->body, &id, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, 201, id);
}

void lt_patch_scope(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_scope *s = find(r, &err);
    const struct lt_json *course = lt_json_get(r->body, "course_id");
    if (!s || (course && check_course(r, lt_json_str_or(course, LT_STR("")), &err)) ||
        lt_scope_change(r->api->options.store, r->caller.site->slug, s->id, r->body, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, 200, s->id);
}

void lt_delete_scope(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_scope *s = find(r, &err);
    if (!s || lt_scope_remove(r->api->options.store, r->caller.site->slug, s->id, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

/* ---- resolve ---- */

static enum lt_code query_text(struct lt_request *r, const char *name, struct lt_str *ret, struct lt_error *err)
{
    char field[48];
    snprintf(field, sizeof(field), "/%s", name);
    *ret = lt_query(r, name);
    if (ret->n > LT_SCOPE_TEXT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be at most %d bytes, is %zu", LT_SCOPE_TEXT_MAX, ret->n);
    return LT_OK;
}

enum lt_code lt_request_scope_context(struct lt_request *r, int variant_otherwise, struct lt_scope_context *ret, struct lt_error *err)
{
    struct lt_str variant;
    *ret = (struct lt_scope_context){.site_id = r->caller.site->id, .service_variant = variant_otherwise};
    if (query_text(r, "course_id", &ret->course_id, err) || query_text(r, "location_id", &ret->location_id, err) ||
        query_text(r, "ui_slot_selector_id", &ret->ui_slot_selector_id, err) || query_text(r, "service_variant", &variant, err))
        return err->code;
    if (variant.n > 0 && (ret->service_variant = lt_service_variant_parse(variant)) < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/service_variant", "must be lms or cms");
    if (r->caller.only_course.n > 0 && ret->course_id.n == 0)
        ret->course_id = r->caller.only_course;
    return check_course(r, ret->course_id, err);
}

static enum lt_code put_profile(struct lt_request *r, struct lt_jw *w, const struct lt_scope *chosen, struct lt_error *err)
{
    struct lt_rows rows = {0};
    if (chosen && LT_QUERY(r->api->options.store, r->arena, &rows, err, "SELECT id, uuid, slug, description FROM workflow_profile WHERE id = $1",
                           LT_INT(chosen->profile_id)))
        return err->code;
    lt_jw_key(w, "profile");
    if (rows.rows == 0) {
        lt_jw_null(w);
        return LT_OK;
    }
    lt_jw_obj(w);
    lt_jw_kint(w, "id", lt_rows_int(&rows, 0, 0));
    lt_jw_kstr(w, "uuid", lt_rows_str(&rows, 0, 1));
    lt_jw_kstr(w, "slug", lt_rows_str(&rows, 0, 2));
    lt_jw_kstr(w, "description", lt_rows_str(&rows, 0, 3));
    lt_jw_end(w);
    return LT_OK;
}

void lt_get_scope_resolve(struct lt_request *r)
{
    struct lt_error err;
    struct lt_scope_set *set;
    struct lt_scope_context context;
    struct lt_scope_explanation why;
    if (lt_request_scope_context(r, LT_SERVICE_LMS, &context, &err) || lt_request_scopes(r, true, &set, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_scope_explain(set, r->arena, &context, &why);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "scope");
    if (why.chosen)
        lt_scope_write(w, why.chosen);
    else
        lt_jw_null(w);
    if (put_profile(r, w, why.chosen, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_jw_key(w, "considered");
    lt_scope_write_considered(w, &why);
    lt_jw_kint(w, "considered_total", (int64_t)why.total);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

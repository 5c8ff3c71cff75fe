/*
 * /v1/sessions: conversations and their turns. A user sees and removes their own; who may manage workflows, and a back end that names
 * nobody, all of the site. What is no talk, and what a service keeps, is for the former alone.
 */
#include "api/exports.h"
#include "workflows/thread.h"
#include "workflows/workflow_set.h"

enum { LIST_DEFAULT = 50, LIST_MAX = 1000 };

static bool manages(const struct lt_request *r)
{
    return lt_permitted(&r->caller, "manage_workflows", LT_STR_NULL);
}

static bool sees_all(const struct lt_request *r)
{
    return manages(r) || (r->caller.key && r->caller.user_id.n == 0);
}

/* {id}: a UUID or a number. What is another's is not there. */
static enum lt_code find(struct lt_request *r, struct lt_session *ret, struct lt_error *err)
{
    struct lt_str only = r->caller.only_course;
    if (lt_session_find(r->api->options.store, r->arena, r->caller.site->id, r->params[0], ret, err))
        return err->code;
    bool visible = sees_all(r) || lt_str_eq(ret->key.user_id, r->caller.user_id);
    if (!visible || (only.n > 0 && !lt_str_eq(only, ret->key.course_id)))
        return lt_fail(err, LT_ENOT_FOUND, "there is no session '%.*s'", (int)(r->params[0].n < 64 ? r->params[0].n : 64), r->params[0].p);
    return LT_OK;
}

static enum lt_code query_number(struct lt_request *r, const char *field, int64_t otherwise, int64_t *ret, struct lt_error *err)
{
    struct lt_str text = lt_query(r, field + 1);
    *ret = otherwise;
    if (text.n > 0 && !lt_str_to_int64(text, ret))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a whole number");
    return LT_OK;
}

/* ---- the list ---- */

/* By number, UUID or slug; one that does not exist has no sessions. */
static enum lt_code query_profile(struct lt_request *r, int64_t *ret, struct lt_error *err)
{
    const struct lt_profile *profile;
    struct lt_str name = lt_query(r, "profile_id");
    *ret = -1;
    if (name.n == 0)
        return LT_OK;
    enum lt_code rc = lt_profile_find(lt_workflows(r->config), r->caller.site->id, name, &profile, err);
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    *ret = rc ? 0 : profile->id;
    return LT_OK;
}

static enum lt_code read_filter(struct lt_request *r, struct lt_session_filter *ret, struct lt_error *err)
{
    struct lt_str user = lt_query(r, "user"); /* `user_id` says who asks */
    *ret = (struct lt_session_filter){.site_id = r->caller.site->id, .course_id = r->caller.only_course};
    ret->user_id = r->caller.is_user && sees_all(r) ? user : r->caller.user_id.n > 0 ? r->caller.user_id : user;
    if (query_profile(r, &ret->profile_id, err) || query_number(r, "/scope_id", -1, &ret->scope_id, err) ||
        lt_query_cursor(r, "before", &ret->before_id, err))
        return err->code;
    return lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &ret->limit, err);
}

void lt_get_sessions(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session_filter filter;
    struct lt_session *sessions;
    size_t n;
    if (read_filter(r, &filter, &err) || lt_session_list(r->api->options.store, r->arena, &filter, &sessions, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "sessions");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_session_write(w, &sessions[i], false);
    lt_jw_end(w);
    lt_jw_next(w, n == (size_t)filter.limit, n > 0 ? sessions[n - 1].id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- one ---- */

static void answer_session(struct lt_request *r, const struct lt_session *session)
{
    struct lt_json_reply j;
    lt_session_write(lt_json_begin(&j), session, manages(r));
    lt_json_end_for(r, 200, &j, session->key.user_id);
}

void lt_get_session(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session session;
    if (find(r, &session, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_session(r, &session);
}

void lt_delete_session(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session session;
    if (find(r, &session, &err) || lt_session_remove(r->api->options.store, &session, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

void lt_post_session_clear(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session session;
    if (find(r, &session, &err) || lt_session_clear(r->api->options.store, &session, &err) || find(r, &session, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_session(r, &session);
}

/* ---- what was saved in it ---- */

void lt_get_session_collection(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session session;
    struct lt_str name = lt_query(r, "format");
    int format = name.n > 0 ? lt_export_format_parse(name) : LT_EXPORT_JSON;
    if (format < 0) {
        lt_fail_field(&err, LT_EINVALID_INPUT, "/format", "must be " LT_EXPORT_FORMAT_NAMES);
        lt_reply_problem(r, &err, NULL);
    } else if (find(r, &session, &err)) {
        lt_reply_problem(r, &err, NULL);
    } else {
        lt_reply_session_export(r, &session, (enum lt_export_format)format);
    }
}

/* ---- its thread ---- */

static enum lt_code query_view(struct lt_request *r, enum lt_thread_view *ret, struct lt_error *err)
{
    struct lt_str name = lt_query(r, "view");
    int view = name.n > 0 ? lt_thread_view_parse(name) : LT_THREAD_LOCAL;
    if (view < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/view", "must be local, remote or combined");
    if (view != LT_THREAD_LOCAL && !manages(r))
        return lt_fail(err, LT_EPERMISSION, "what a service keeps is shown to those who have the permission 'manage_workflows'");
    *ret = (enum lt_thread_view)view;
    return LT_OK;
}

void lt_get_session_thread(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session session;
    enum lt_thread_view view = LT_THREAD_LOCAL;
    if (find(r, &session, &err) || query_view(r, &view, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_thread_request request = {.arena = r->arena,
                                        .store = r->api->options.store,
                                        .manager = r->api->options.manager,
                                        .caller = &r->caller,
                                        .session = &session,
                                        .everything = manages(r)};
    struct lt_json_reply j;
    if (lt_thread_write(&request, view, lt_json_begin(&j), &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_json_end_for(r, 200, &j, session.key.user_id);
}

/* ---- its talk, page by page ---- */

static int page_size(struct lt_request *r, const struct lt_session *session)
{
    const struct lt_profile *profile = lt_profile_by_id(lt_workflows(r->config), session->key.site_id, session->key.profile_id);
    return lt_session_page_size(profile ? lt_profile_processor_config(profile) : NULL, r->caller.site->max_context_messages);
}

void lt_get_session_messages(struct lt_request *r)
{
    struct lt_error err;
    struct lt_session session;
    struct lt_session_messages messages;
    int64_t shown;
    int limit;
    if (find(r, &session, &err) || query_number(r, "/shown", 0, &shown, &err) ||
        lt_query_limit(r, page_size(r, &session), LT_SESSION_PAGE_MAX, &limit, &err) ||
        lt_session_page(r->api->options.store, r->arena, &session, shown, limit, &messages, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    lt_session_write_page(lt_json_begin(&j), &messages, shown);
    lt_json_end_for(r, 200, &j, session.key.user_id);
}

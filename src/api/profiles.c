/* /v1/profiles: templates with their patches. */
#include <stdio.h>

#include "api/request.h"
#include "workflows/scope.h"
#include "workflows/session.h"
#include "workflows/workflow_set.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 10000, HISTORY_DEFAULT = 20, HISTORY_MAX = 100 };

static const struct lt_workflow_set *workflows(struct lt_request *r)
{
    return lt_workflows(r->config);
}

/* Who changes something, for the history: the user, or the key's first characters. */
struct lt_str lt_request_who(struct lt_request *r)
{
    if (r->caller.user_id.n > 0)
        return r->caller.user_id;
    return r->caller.key ? lt_printf(r->arena, "key %.*s", (int)sizeof(r->caller.key->prefix), r->caller.key->prefix) : LT_STR("unknown");
}

/* The scopes that there are now; NULL (with err) when they cannot be read. */
static struct lt_scope_set *scopes_of(struct lt_request *r, struct lt_error *err)
{
    struct lt_scope_set *set = NULL;
    return lt_request_scopes(r, false, &set, err) ? NULL : set;
}

static enum lt_code find(struct lt_request *r, const struct lt_profile **ret, struct lt_error *err)
{
    return lt_profile_find(workflows(r), lt_request_site(r)->id, r->params[0], ret, err);
}

static void answer_profile(struct lt_request *r, int status, const struct lt_profile *p)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct lt_scope_set *scopes = scopes_of(r, &err);
    if (!scopes) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_profile_write(lt_json_begin(&j), workflows(r), scopes, p, true);
    lt_json_end(r, status, &j);
}

/* Those that a scope leads to in the context, the most specific first. */
static size_t put_matched(struct lt_request *r, struct lt_jw *w, struct lt_scope_set *scopes, const struct lt_scope_context *context)
{
    struct lt_scope_profile *found;
    size_t n, shown = 0;
    lt_scope_list_profiles(scopes, r->arena, context, &found, &n);
    for (size_t i = 0; i < n; i++) {
        const struct lt_profile *p = lt_profile_by_id(workflows(r), context->site_id, found[i].profile_id);
        if (p) { /* a scope may be newer than the set */
            lt_profile_write_matched(w, workflows(r), scopes, p, false, &found[i]);
            shown++;
        }
    }
    return shown;
}

/* By slug, a page of them; *ret_next {NULL, 0}: these were the last. */
static size_t put_all(struct lt_request *r, struct lt_jw *w, struct lt_scope_set *scopes, struct lt_str after, int limit, struct lt_str *ret_next)
{
    size_t n, i = 0, shown = 0;
    const struct lt_profile *list = lt_profile_list(workflows(r), lt_request_site(r)->id, &n);
    while (i < n && after.n > 0 && lt_str_compare(list[i].slug, after) <= 0)
        i++;
    for (; i < n && shown < (size_t)limit; i++, shown++)
        lt_profile_write(w, workflows(r), scopes, &list[i], false);
    *ret_next = i < n ? list[i - 1].slug : LT_STR_NULL;
    return shown;
}

void lt_get_profiles(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct lt_scope_set *scopes;
    struct lt_scope_context context;
    struct lt_str after, next = LT_STR_NULL;
    int limit;
    if (lt_request_scope_context(r, -1, &context, &err) || lt_query_cursor_text(r, "after", &after, &err) ||
        lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &limit, &err) || !(scopes = scopes_of(r, &err))) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    bool all = lt_query(r, "course_id").n + lt_query(r, "location_id").n + lt_query(r, "ui_slot_selector_id").n == 0 && context.service_variant < 0;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "profiles");
    lt_jw_arr(w);
    size_t n = all ? put_all(r, w, scopes, after, limit, &next) : put_matched(r, w, scopes, &context);
    lt_jw_end(w);
    lt_jw_kint(w, "count", (int64_t)n);
    lt_jw_next_text(w, next.p, next);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_profile(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_profile *p;
    if (find(r, &p, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_profile(r, 200, p);
}

/* A refused save: the problem with `errors`, all that is wrong. */
static void refuse(struct lt_request *r, const struct lt_error *err, const struct lt_problems *problems)
{
    struct lt_json_reply j, problem;
    if (problems->n == 0) {
        lt_reply_problem(r, err, NULL);
        return;
    }
    lt_problem_write(r, lt_json_begin(&problem), err, NULL);
    struct lt_str text = lt_buf_str(&problem.buf);
    const struct lt_json *members = NULL;
    lt_json_parse(r->arena, lt_str_copy(r->arena, text), LT_JSON_STRICT, &members, NULL);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(members); i++) {
        lt_jw_key_str(w, lt_json_key_at(members, i));
        lt_jw_json(w, lt_json_at(members, i));
    }
    lt_jw_key(w, "errors");
    lt_problems_write(w, problems);
    lt_jw_end(w);
    lt_reply(r, lt_code_status(err->code), "application/problem+json", NULL, NULL, 0, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
    lt_buf_free(&problem.buf);
}

static struct lt_problems *new_problems(struct lt_request *r)
{
    struct lt_problems *problems = LT_NEW(r->arena, struct lt_problems);
    problems->arena = r->arena;
    return problems;
}

void lt_post_profile(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_profile *p;
    struct lt_problems *problems = new_problems(r);
    struct lt_str slug = lt_json_str(lt_json_get(r->body, "slug"));
    if (lt_profile_add(r->api->options.store, workflows(r), r->caller.site->slug, r->body, lt_request_who(r), problems, &err) ||
        lt_request_reload(r, &err) || lt_profile_find(workflows(r), lt_request_site(r)->id, slug, &p, &err))
        refuse(r, &err, problems);
    else
        answer_profile(r, 201, p);
}

void lt_patch_profile(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_profile *p;
    struct lt_problems *problems = new_problems(r);
    if (find(r, &p, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    int64_t id = p->id;
    if (lt_profile_change(r->api->options.store, workflows(r), r->caller.site->slug, r->params[0], r->body, lt_request_who(r), problems, &err) ||
        lt_request_reload(r, &err))
        refuse(r, &err, problems);
    else if ((p = lt_profile_by_id(workflows(r), lt_request_site(r)->id, id)))
        answer_profile(r, 200, p);
    else {
        lt_fail(&err, LT_ENOT_FOUND, "the profile was removed meanwhile");
        lt_reply_problem(r, &err, NULL);
    }
}

void lt_delete_profile(struct lt_request *r)
{
    struct lt_error err;
    if (lt_profile_remove(r->api->options.store, r->caller.site->slug, r->params[0], &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR(""));
}

void lt_post_profile_validate(struct lt_request *r)
{
    struct lt_error err;
    struct lt_effective effective;
    const struct lt_template *base = NULL;
    const struct lt_json *patch = lt_json_get(r->body, "content_patch");
    struct lt_str text = lt_json_is(patch, LT_JSON_OBJECT) ? lt_json_text(r->arena, patch) : lt_json_str_or(patch, LT_STR(""));
    struct lt_problems *problems = new_problems(r);
    if (lt_template_find(lt_workflow_templates(workflows(r)), lt_json_str(lt_json_get(r->body, "base_filepath")), &base, &err)) {
        base = NULL;
        lt_problem_add(problems, LT_STR("base_filepath"), "%s", err.detail);
    }
    lt_effective_make(r->arena, base, text, &effective);
    for (size_t i = 0; i < effective.problems->n; i++)
        lt_problem_add(problems, effective.problems->items[i].path, "%.*s", LT_FMT(effective.problems->items[i].text));
    lt_workflow_check_names(workflows(r), lt_request_site(r)->id, effective.config, problems);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kbool(w, "valid", problems->n == 0);
    lt_jw_key(w, "errors");
    lt_problems_write(w, problems);
    lt_jw_key(w, "effective_config");
    lt_redact_write(w, effective.config);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_profile_history(struct lt_request *r)
{
    struct lt_error err;
    int limit;
    int64_t before;
    const struct lt_profile *p;
    struct lt_json_reply j;
    if (find(r, &p, &err) || lt_query_limit(r, HISTORY_DEFAULT, HISTORY_MAX, &limit, &err) || lt_query_cursor(r, "before", &before, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "versions");
    if (before == 0 || before > p->version + 1)
        before = p->version + 1;
    if (lt_profile_history(r->api->options.store, p, before, limit, w, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_jw_next(w, before - limit > 1, before - limit); /* versions have no gaps */
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ?from and ?to: versions; by default the one before the present one, and the present one. */
void lt_get_profile_diff(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_profile *p;
    struct lt_json_reply j;
    struct lt_str from_text = lt_query(r, "from"), to_text = lt_query(r, "to");
    enum lt_code rc = find(r, &p, &err);
    int64_t to = rc ? 0 : p->version, from;
    if (!rc && to_text.n > 0 && !lt_str_to_int64(to_text, &to))
        rc = lt_fail_field(&err, LT_EINVALID_INPUT, "/to", "must be the number of a version");
    from = to - 1;
    if (!rc && from_text.n > 0 && !lt_str_to_int64(from_text, &from))
        rc = lt_fail_field(&err, LT_EINVALID_INPUT, "/from", "must be the number of a version");
    if (rc) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    if (!lt_profile_diff(r->api->options.store, p, from, to, w, &err)) {
        lt_json_end(r, 200, &j);
        return;
    }
    lt_buf_free(&j.buf);
    lt_reply_problem(r, &err, NULL);
}

void lt_get_profile_usage(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_profile *p;
    struct lt_json_reply j;
    struct lt_scope_set *scopes = NULL;
    int64_t sessions;
    if (find(r, &p, &err) || lt_session_count_profile(r->api->options.store, p->id, &sessions, &err) || !(scopes = scopes_of(r, &err))) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_profile_usage(lt_json_begin(&j), scopes, p, sessions);
    lt_json_end(r, 200, &j);
}

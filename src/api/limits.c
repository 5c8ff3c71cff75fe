/* /v1/limits: how much of what whom; /v1/quota: what the caller has left of it. */
#include <stdlib.h>

#include "api/request.h"
#include "core/admin_limit.h"
#include "core/charge.h"
#include "core/course_role.h"
#include "core/gates.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 10000, KEY_MAX = 600 };

static void put_members(struct lt_jw *w, const struct lt_limit *l)
{
    lt_jw_kint(w, "id", l->id);
    lt_jw_kstrz(w, "subject", lt_limit_subject_name(l->subject));
    lt_jw_kstr(w, "subject_id", l->subject_id);
    lt_jw_kbool(w, "per_user", l->per_user);
    lt_jw_kstr(w, "action", l->action);
    lt_jw_kstrz(w, "unit", lt_limit_unit_name(l->unit));
    lt_jw_kint(w, "amount", l->amount);
    lt_jw_kstrz(w, "window", lt_limit_window_name(l->window));
    lt_jw_key(w, "window_s");
    if (l->window_s > 0)
        lt_jw_int(w, l->window_s);
    else
        lt_jw_null(w);
    lt_jw_kstrz(w, "when_spent", lt_limit_spent_name(l->when_spent));
}

/* Is it one counter for all that the limit is about, and of which call? */
static bool one_counter(const struct lt_limit *l, struct lt_limit_call *call, int64_t *instance)
{
    *call = (struct lt_limit_call){.action = l->action};
    *instance = 0;
    if (l->subject == LT_LIMIT_COURSE)
        call->course_id = l->subject_id;
    if (l->subject == LT_LIMIT_USER)
        call->user_id = l->subject_id;
    if (l->subject == LT_LIMIT_PROVIDER)
        lt_str_to_int64(l->subject_id, instance);
    return (l->subject == LT_LIMIT_SITE || l->subject_id.n > 0) && (!l->per_user || l->subject == LT_LIMIT_USER);
}

/* What is used of it now; null where each user, course or instance has the amount for itself. */
static void put_use(struct lt_request *r, struct lt_jw *w, const struct lt_limit *l)
{
    char key[KEY_MAX];
    int64_t instance;
    struct lt_limit_call call;
    lt_jw_kstr(w, "currency", lt_request_site(r)->currency);
    if (!one_counter(l, &call, &instance)) {
        lt_jw_key(w, "used");
        lt_jw_null(w);
        lt_jw_key(w, "left");
        lt_jw_null(w);
        return;
    }
    struct lt_use use = lt_ledger_look(lt_manager_ledger(r->api->options.manager), r->caller.site->id, lt_request_site(r)->time_zone, lt_now_ms(), l,
                                       lt_limit_key(l, &call, instance, key, sizeof(key)));
    lt_jw_kint(w, "used", use.used);
    lt_jw_kint(w, "left", use.used < l->amount ? l->amount - use.used : 0);
    lt_jw_ktime(w, "resets_at", use.resets_at);
}

/* The ETag is that of the configuration alone: use changes with every call. */
static void set_etag(struct lt_request *r, const struct lt_limit *const *list, size_t n)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        put_members(w, list[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    r->etag_of = lt_str_copy(r->arena, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = (*(const struct lt_limit *const *)a)->id, y = (*(const struct lt_limit *const *)b)->id;
    return (x > y) - (x < y);
}

/* Of the present configuration. */
static const struct lt_limit **sorted(struct lt_request *r, size_t *ret_n)
{
    const struct lt_limit *all = lt_limit_index_all(lt_request_site(r)->limits, ret_n);
    const struct lt_limit **list = LT_NEW_ARRAY(r->arena, const struct lt_limit *, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++)
        list[i] = &all[i];
    qsort(list, *ret_n, sizeof(*list), by_id);
    return list;
}

void lt_get_limits(struct lt_request *r)
{
    struct lt_error err;
    int64_t after, last = 0;
    int limit;
    if (lt_query_cursor(r, "after", &after, &err) || lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &limit, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    size_t n, i = 0;
    const struct lt_limit **list = sorted(r, &n);
    struct lt_json_reply j;
    set_etag(r, list, n);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "limits");
    lt_jw_arr(w);
    while (i < n && list[i]->id <= after)
        i++;
    for (; i < n && limit > 0; i++, limit--) {
        lt_jw_obj(w);
        put_members(w, list[i]);
        put_use(r, w, list[i]);
        lt_jw_end(w);
        last = list[i]->id;
    }
    lt_jw_end(w);
    lt_jw_next(w, i < n, last);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static void put_one(struct lt_request *r, int status, int64_t id)
{
    struct lt_error err;
    const struct lt_limit *l = lt_site_limit(lt_request_site(r), id);
    if (!l) {
        lt_fail(&err, LT_ENOT_FOUND, "there is no limit %lld", (long long)id);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    set_etag(r, &l, 1);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    put_members(w, l);
    put_use(r, w, l);
    lt_jw_end(w);
    lt_json_end(r, status, &j);
}

static void answer_changed(struct lt_request *r, int status, int64_t id)
{
    struct lt_error err;
    if (lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        put_one(r, status, id);
}

void lt_post_limit(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    bool is_new;
    if (lt_admin_limit_set(r->api->options.store, lt_request_site(r), r->body, &id, &is_new, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, is_new ? 201 : 200, id);
}

static enum lt_code id_of(struct lt_request *r, int64_t *ret, struct lt_error *err)
{
    if (!lt_str_to_int64(r->params[0], ret) || *ret < 1)
        return lt_fail(err, LT_ENOT_FOUND, "there is no limit '%.*s'", LT_FMT(r->params[0]));
    return LT_OK;
}

void lt_get_limit(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (id_of(r, &id, &err))
        lt_reply_problem(r, &err, NULL);
    else
        put_one(r, 200, id);
}

void lt_patch_limit(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (id_of(r, &id, &err) || lt_admin_limit_change(r->api->options.store, lt_request_site(r), id, r->body, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, 200, id);
}

void lt_delete_limit(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (id_of(r, &id, &err) || lt_admin_limit_remove(r->api->options.store, lt_request_site(r), id, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

/* ---- what was told of budgets ---- */

void lt_get_limit_notices(struct lt_request *r)
{
    struct lt_error err;
    struct lt_limit_notice *list;
    int64_t before;
    int limit;
    size_t n;
    if (lt_query_cursor(r, "before", &before, &err) || lt_query_limit(r, 50, LT_LIMIT_NOTICES_PAGE_MAX, &limit, &err) ||
        lt_limit_notices(r->api->options.store, r->arena, r->caller.site->id, before, limit, &list, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "notices");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kint(w, "id", list[i].id);
        lt_jw_kint(w, "limit", list[i].limit_id);
        lt_jw_kstr(w, "of", list[i].of);
        lt_jw_kstr(w, "user_id", list[i].user_id);
        lt_jw_kint(w, "percent", list[i].percent);
        lt_jw_ktime(w, "created_at", list[i].created_at);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_next(w, n == (size_t)limit, n > 0 ? list[n - 1].id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- what is left ---- */

/* Users do not learn of which service a limit is. */
static void put_quota(struct lt_request *r, struct lt_jw *w, const struct lt_limit *l, const struct lt_limit_call *call, int64_t instance)
{
    char key[KEY_MAX];
    struct lt_str zone = r->caller.site->time_zone;
    struct lt_use use = lt_ledger_look(lt_manager_ledger(r->api->options.manager), r->caller.site->id, zone, lt_now_ms(), l,
                                       lt_limit_key(l, call, instance, key, sizeof(key)));
    lt_jw_obj(w);
    lt_jw_kint(w, "limit", l->id);
    lt_jw_kstrz(w, "subject", lt_limit_subject_name(l->subject));
    if (l->subject != LT_LIMIT_PROVIDER)
        lt_jw_kstr(w, "subject_id", l->subject == LT_LIMIT_COURSE && l->subject_id.n == 0 ? call->course_id : l->subject_id);
    else if (!r->caller.is_user)
        lt_jw_kint(w, "subject_id", instance);
    lt_jw_kbool(w, "per_user", l->per_user);
    lt_jw_kstr(w, "action", l->action);
    lt_jw_kstrz(w, "unit", lt_limit_unit_name(l->unit));
    lt_jw_kint(w, "amount", l->amount);
    lt_jw_kint(w, "used", use.used);
    lt_jw_kint(w, "left", use.used < l->amount ? l->amount - use.used : 0);
    lt_jw_kstrz(w, "window", lt_limit_window_name(l->window));
    lt_jw_ktime(w, "resets_at", use.resets_at);
    lt_jw_end(w);
}

void lt_request_put_site_quota(struct lt_request *r, struct lt_jw *w, const struct lt_limit *l)
{
    put_quota(r, w, l, &(struct lt_limit_call){.course_id = LT_STR(""), .user_id = LT_STR("")}, 0);
}

/* A limit of providers counts at each instance for itself. */
static void put_quotas(struct lt_request *r, struct lt_jw *w, const struct lt_limit *l, const struct lt_limit_call *call)
{
    int64_t of = 0;
    const struct lt_site *site = r->caller.site;
    if (l->subject != LT_LIMIT_PROVIDER) {
        put_quota(r, w, l, call, 0);
        return;
    }
    if (l->subject_id.n > 0 && !lt_str_to_int64(l->subject_id, &of))
        return;
    for (size_t i = 0; i < site->instances_n; i++)
        if (of == 0 || site->instances[i]->id == of)
            put_quota(r, w, l, call, site->instances[i]->id);
}

/* As the gate of limits takes the caller. */
static enum lt_code caller_in(struct lt_request *r, struct lt_str course, struct lt_caller *ret, struct lt_error *err)
{
    *ret = r->caller;
    if (!lt_limit_index_of_roles(ret->site->limits))
        return LT_OK;
    return lt_course_roles(r->api->options.manager, r->arena, &r->caller, course, &ret->roles, err);
}

void lt_get_quota(struct lt_request *r)
{
    size_t n;
    struct lt_error err;
    struct lt_caller caller;
    struct lt_str course = lt_query(r, "course_id").n > 0 ? lt_query(r, "course_id") : r->caller.only_course;
    if (caller_in(r, course, &caller, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_limit_call call = lt_charge_call(r->arena, lt_manager_ledger(r->api->options.manager), &caller, course, lt_query(r, "action"));
    bool cost = !r->caller.is_user && lt_permitted(&r->caller, "view_cost", LT_STR_NULL);
    const struct lt_limit *all = lt_limit_index_all(r->caller.site->limits, &n);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "limits");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        if (lt_limit_applies(&all[i], &call) && (cost || all[i].unit != LT_LIMIT_COST))
            put_quotas(r, w, &all[i], &call);
    lt_jw_end(w);
    lt_jw_kstr(w, "time_zone", r->caller.site->time_zone);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

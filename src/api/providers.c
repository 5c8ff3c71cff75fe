/* /v1/providers: configured uses of providers, in the order in which they are tried. Secrets go in and never come out. */
#include <stdio.h>

#include "api/request.h"
#include "api/secrets.h"
#include "core/admin.h"

enum { LIST_MAX = 1000 };

/* How the vendor has been of late, in this process. */
static void put_circuit(struct lt_jw *w, struct lt_breaker_view view)
{
    lt_jw_key(w, "circuit");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "state", lt_breaker_state_name(view.state));
    lt_jw_kint(w, "faults", view.faults);
    if (view.cause != LT_OK)
        lt_jw_kstrz(w, "cause", lt_code_name(view.cause));
    if (view.wait_ms > 0)
        lt_jw_kint(w, "retry_in_ms", (int64_t)view.wait_ms);
    lt_jw_end(w);
}

void lt_request_put_circuit(struct lt_request *r, struct lt_jw *w, const struct lt_provider_instance *p)
{
    put_circuit(w, lt_provider_circuit(r->api->options.manager, p));
}

/* manager NULL: without how the vendor has been. */
static void put_instance(struct lt_jw *w, struct lt_manager *manager, const struct lt_provider_instance *p)
{
    lt_jw_kint(w, "id", p->id);
    lt_jw_kstr(w, "name", p->name);
    lt_jw_kstr(w, "plugin", p->plugin);
    lt_jw_kbool(w, "enabled", p->enabled);
    lt_jw_kbool(w, "configured", p->configured);
    lt_jw_key(w, "reason");
    if (p->configured)
        lt_jw_null(w);
    else
        lt_jw_strz(w, p->not_configured);
    if (manager)
        put_circuit(w, lt_provider_circuit(manager, p));
    lt_jw_key(w, "config");
    lt_config_without_secrets(w, p);
    lt_jw_key(w, "actions");
    if (p->actions)
        lt_jw_json(w, p->actions);
    else
        lt_jw_raw(w, LT_STR("{}"));
}

void lt_get_provider_plugins(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "plugins");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_PROVIDER); i++) {
        const struct lt_entry *entry = lt_registry_at(LT_KIND_PROVIDER, i);
        const struct lt_provider *provider = entry->impl;
        lt_jw_obj(w);
        lt_jw_kstrz(w, "name", entry->name);
        lt_jw_kstrz(w, "title", entry->title);
        lt_jw_kstrz(w, "description", entry->description);
        lt_jw_key(w, "settings_schema");
        lt_jw_raw(w, lt_str(provider->settings_schema));
        lt_jw_key(w, "serves"); /* actions that it can do, natively or by translation */
        lt_jw_arr(w);
        for (size_t a = 0; a < lt_registry_count(LT_KIND_ACTION); a++) {
            bool native;
            const struct lt_action *action = lt_registry_at(LT_KIND_ACTION, a)->impl;
            if (lt_provider_serves(provider, lt_str(action->name), action->kind, &native))
                lt_jw_strz(w, action->name);
        }
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

const struct lt_provider_instance *lt_request_provider(struct lt_request *r, struct lt_str name_or_id, struct lt_error *err)
{
    const struct lt_site *site = lt_request_site(r);
    int64_t id;
    bool number = lt_str_to_int64(name_or_id, &id);
    for (size_t i = 0; i < site->instances_n; i++)
        if (lt_str_eq(site->instances[i]->name, name_or_id) || (number && site->instances[i]->id == id))
            return site->instances[i];
    lt_fail(err, LT_ENOT_FOUND, "there is no provider instance '%.*s'", LT_FMT(name_or_id));
    return NULL;
}

/* The ETag is that of the configuration: it tells of a changed secret, and nothing of how the vendor has been. */
static void set_etag(struct lt_request *r, struct lt_provider_instance *const *list, size_t n)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        put_instance(w, NULL, list[i]);
        lt_jw_kint(w, "mark", (int64_t)list[i]->config_mark);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    r->etag_of = lt_str_copy(r->arena, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

/* by: who relies on it, {NULL, 0} when that was not asked. */
static void answer_one(struct lt_request *r, int status, const struct lt_provider_instance *p, struct lt_str by)
{
    struct lt_json_reply j;
    set_etag(r, &(struct lt_provider_instance *){(struct lt_provider_instance *)p}, 1);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    put_instance(w, r->api->options.manager, p);
    if (by.p) {
        lt_jw_key(w, "used_by");
        if (by.n > 0)
            lt_jw_str(w, by);
        else
            lt_jw_null(w);
    }
    lt_jw_end(w);
    lt_json_end(r, status, &j);
}

/* From number `first` on. */
static void answer_list(struct lt_request *r, size_t first, int limit)
{
    const struct lt_site *site = lt_request_site(r);
    size_t i = first;
    struct lt_json_reply j;
    set_etag(r, site->instances, site->instances_n);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "providers");
    lt_jw_arr(w);
    for (; i < site->instances_n && limit > 0; i++, limit--) {
        lt_jw_obj(w);
        put_instance(w, r->api->options.manager, site->instances[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_next(w, i < site->instances_n, i > 0 ? site->instances[i - 1]->id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* For one action: every instance in order, eligible or with the reason why not. */
static void answer_candidates(struct lt_request *r, const struct lt_action *action, bool eligible_only)
{
    struct lt_candidate *candidates;
    size_t n = lt_provider_candidates(r->arena, lt_request_site(r), action, &candidates);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "action", action->name);
    lt_jw_key(w, "providers");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        if (eligible_only && candidates[i].reason)
            continue;
        lt_jw_obj(w);
        put_instance(w, r->api->options.manager, candidates[i].instance);
        lt_jw_kbool(w, "eligible", !candidates[i].reason);
        lt_jw_key(w, "excluded_because");
        if (candidates[i].reason)
            lt_jw_strz(w, candidates[i].reason);
        else
            lt_jw_null(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* They are in the order of the site, so the cursor has to be one of them. */
static enum lt_code read_page(struct lt_request *r, size_t *ret_first, int *ret_limit, struct lt_error *err)
{
    const struct lt_site *site = lt_request_site(r);
    int64_t after;
    *ret_first = 0;
    if (lt_query_limit(r, LIST_MAX, LIST_MAX, ret_limit, err) || lt_query_cursor(r, "after", &after, err))
        return err->code;
    if (after == 0)
        return LT_OK;
    for (size_t i = 0; i < site->instances_n && *ret_first == 0; i++)
        if (site->instances[i]->id == after)
            *ret_first = i + 1;
    return *ret_first > 0 ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/after", "there is no such provider instance any more");
}

void lt_get_providers(struct lt_request *r)
{
    struct lt_error err;
    size_t first;
    int limit;
    struct lt_str action = lt_query(r, "action"), enabled = lt_query(r, "enabled");
    if (read_page(r, &first, &limit, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (action.n == 0) {
        answer_list(r, first, limit);
        return;
    }
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, action);
    if (entry) {
        answer_candidates(r, entry->impl, lt_str_is(enabled, "true") || lt_str_is(enabled, "1"));
        return;
    }
    lt_fail_field(&err, LT_EUNKNOWN_ACTION, "/action", "there is no action '%.*s'", LT_FMT(action));
    lt_reply_problem(r, &err, NULL);
}

/* With who relies on it: it cannot go, be disabled or renamed before they let it. */
void lt_get_provider(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str by = LT_STR("");
    const struct lt_provider_instance *p = lt_request_provider(r, r->params[0], &err);
    if (!p || (!r->only_tag && lt_admin_instance_used_by(r->api->options.store, r->arena, r->caller.site->id, p->id, p->name, &by, &err)))
        lt_reply_problem(r, &err, NULL);
    else
        answer_one(r, 200, p, by);
}

/* What is in force now, after a change of it. */
static void answer_changed(struct lt_request *r, int status, struct lt_str name_or_id)
{
    struct lt_error err;
    const struct lt_provider_instance *p = NULL;
    if (!lt_request_reload(r, &err))
        p = lt_request_provider(r, name_or_id, &err);
    if (p)
        answer_one(r, status, p, LT_STR_NULL);
    else
        lt_reply_problem(r, &err, NULL);
}

void lt_post_provider(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (lt_admin_provider_add(r->api->options.store, r->caller.site->slug, lt_json_str(lt_json_get(r->body, "name")),
                              lt_json_str(lt_json_get(r->body, "plugin")), lt_json_bool_or(lt_json_get(r->body, "enabled"), true),
                              lt_json_get(r->body, "config"), lt_json_get(r->body, "actions"), &id, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    answer_changed(r, 201, lt_printf(r->arena, "%lld", (long long)id));
}

void lt_patch_provider(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_provider_instance *p = lt_request_provider(r, r->params[0], &err);
    struct lt_str id = p ? lt_printf(r->arena, "%lld", (long long)p->id) : LT_STR("");
    if (!p || lt_admin_provider_set(r->api->options.store, r->caller.site->slug, id, r->body, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_changed(r, 200, id);
}

void lt_delete_provider(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_provider_instance *p = lt_request_provider(r, r->params[0], &err);
    if (!p || lt_admin_provider_remove(r->api->options.store, r->caller.site->slug, lt_printf(r->arena, "%lld", (long long)p->id), &err) ||
        lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

void lt_put_provider_order(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_json *ids = lt_json_get(r->body, "ids");
    size_t n = lt_json_len(ids);
    struct lt_str *names = LT_NEW_ARRAY(r->arena, struct lt_str, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *id = lt_json_at(ids, i);
        names[i] = lt_json_is(id, LT_JSON_STRING) ? lt_json_str(id) : lt_json_number_text(id);
    }
    if (lt_admin_provider_order(r->api->options.store, r->caller.site->slug, names, n, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_list(r, 0, LIST_MAX);
}

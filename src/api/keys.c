/* /v1/keys: the site's keys. A key itself is in the answer that made it and nowhere else. */
#include "api/request.h"
#include "base/secret.h"
#include "core/admin.h"
#include "core/course_role.h"

enum { OVERLAP_DEFAULT_S = 86400, LIST_DEFAULT = 1000, LIST_MAX = 10000 };

/* Nobody makes, renews or ends a key that may do more than they. A back end's key may speak for any user, so it counts as an admin's. */
static enum lt_code check_rank(struct lt_request *r, enum lt_key_role role, bool choose_provider, struct lt_error *err)
{
    bool admin = lt_roles_up_to(r->caller.roles) & 1u << LT_ROLE_ADMIN;
    if (!admin && (role != LT_KEY_METRICS || !lt_permitted(&r->caller, "view_metrics", LT_STR_NULL)))
        return lt_fail_field(err, LT_EPERMISSION, "/role", "a %s key may do more than the caller", lt_key_role_name(role));
    if (choose_provider && !lt_permitted(&r->caller, "choose_provider", LT_STR_NULL))
        return lt_fail_field(err, LT_EPERMISSION, "/choose_provider", "the caller may not choose a provider");
    return LT_OK;
}

/* One that was found is named by its number: two may begin alike. */
static struct lt_str number_of(struct lt_request *r, const struct lt_key_view *key)
{
    return lt_printf(r->arena, "%lld", (long long)key->id);
}

/* ---- answering ---- */

static void put_members(struct lt_jw *w, const struct lt_key_view *key)
{
    lt_jw_kint(w, "id", key->id);
    lt_jw_kstr(w, "prefix", key->prefix);
    lt_jw_kstrz(w, "role", lt_key_role_name(key->role));
    lt_jw_kstr(w, "name", key->name);
    lt_jw_kbool(w, "choose_provider", key->choose_provider);
    lt_jw_ktime(w, "created_at", key->created_at);
    lt_jw_ktime(w, "expires_at", key->expires_at);
    lt_jw_ktime(w, "last_used_at", key->last_used_at);
}

/* A key that was just made, with itself; before: the one that it follows, or NULL. */
static void answer_new(struct lt_request *r, const char *text, const struct lt_key_view *before)
{
    struct lt_error err;
    struct lt_key_view key, old;
    struct lt_store *store = r->api->options.store;
    struct lt_str prefix = {text, 9};
    if (lt_request_reload(r, &err) || lt_admin_key_find(store, r->arena, r->caller.site->id, prefix, &key, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "key", text);
    put_members(w, &key);
    if (before && lt_admin_key_find(store, r->arena, r->caller.site->id, number_of(r, before), &old, &err) == LT_OK) {
        lt_jw_key(w, "rotated");
        lt_jw_obj(w);
        put_members(w, &old);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_json_end(r, 201, &j);
}

void lt_get_keys(struct lt_request *r)
{
    struct lt_error err;
    struct lt_key_view *keys;
    size_t n, i = 0;
    int64_t after, last = 0;
    int limit;
    if (lt_query_cursor(r, "after", &after, &err) || lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &limit, &err) ||
        lt_admin_key_list(r->api->options.store, r->arena, r->caller.site->id, &keys, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "keys");
    lt_jw_arr(w);
    while (i < n && keys[i].id <= after)
        i++;
    for (; i < n && limit > 0; i++, limit--) {
        lt_jw_obj(w);
        put_members(w, &keys[i]);
        lt_jw_end(w);
        last = keys[i].id;
    }
    lt_jw_end(w);
    lt_jw_next(w, i < n, last);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- changing ---- */

static enum lt_code make(struct lt_request *r, char text[64], struct lt_error *err)
{
    enum lt_key_role role = (enum lt_key_role)lt_key_role_parse(lt_json_str(lt_json_get(r->body, "role")));
    bool choose = lt_json_bool_or(lt_json_get(r->body, "choose_provider"), false);
    int64_t expires_at;
    if (lt_body_time(r, "expires_at", &expires_at, err) || check_rank(r, role, choose, err))
        return err->code;
    return lt_admin_key_add(r->api->options.store, r->caller.site->slug, role, lt_json_str(lt_json_get(r->body, "name")), choose, expires_at, text,
                            err);
}

void lt_post_key(struct lt_request *r)
{
    struct lt_error err;
    char text[64];
    if (make(r, text, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_new(r, text, NULL);
    lt_wipe(text, sizeof(text));
}

/* {id} of the path, a number or a prefix; one that the caller may not touch is refused. */
static enum lt_code find(struct lt_request *r, struct lt_key_view *ret, struct lt_error *err)
{
    if (lt_admin_key_find(r->api->options.store, r->arena, r->caller.site->id, r->params[0], ret, err))
        return err->code;
    return check_rank(r, ret->role, ret->choose_provider, err);
}

void lt_post_key_rotate(struct lt_request *r)
{
    struct lt_error err;
    struct lt_key_view old;
    char text[64];
    int64_t overlap_ms = lt_json_int64_or(lt_json_get(r->body, "overlap_s"), OVERLAP_DEFAULT_S) * 1000;
    if (find(r, &old, &err) || lt_admin_key_rotate(r->api->options.store, r->caller.site->slug, number_of(r, &old), overlap_ms, text, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_new(r, text, &old);
    lt_wipe(text, sizeof(text));
}

void lt_delete_key(struct lt_request *r)
{
    struct lt_error err;
    struct lt_key_view key;
    if (find(r, &key, &err) || lt_admin_key_revoke(r->api->options.store, r->caller.site->slug, number_of(r, &key), &err) ||
        lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

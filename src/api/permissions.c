/* /v1/permissions: what each role may do in the site, and what says so. */
#include "core/permission.h"
#include "api/request.h"
#include "core/admin.h"

static void put_cell(struct lt_jw *w, const struct lt_site *site, enum lt_role role, struct lt_str permission)
{
    struct lt_permission_cell cell = lt_permission_cell(site, role, permission);
    lt_jw_kstrz(w, "role", lt_role_name(role));
    lt_jw_kbool(w, "allowed", cell.allowed);
    lt_jw_kstrz(w, "by", cell.by_site ? "site" : "default");
    lt_jw_kstr(w, "of", cell.of);
}

static void put_roles(struct lt_jw *w, const struct lt_site *site, struct lt_str permission)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "permission", permission);
    lt_jw_key(w, "roles");
    lt_jw_arr(w);
    for (int role = 0; role < LT_ROLES; role++) {
        lt_jw_obj(w);
        put_cell(w, site, (enum lt_role)role, permission);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_get_permissions(struct lt_request *r)
{
    const struct lt_site *site = lt_request_site(r);
    struct lt_str *names;
    size_t n = lt_permission_names(r->arena, site, &names);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "permissions");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        put_roles(w, site, names[i]);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static enum lt_code set(struct lt_request *r, enum lt_role role, struct lt_str permission, struct lt_error *err)
{
    const struct lt_json *allowed = lt_json_get(r->body, "allowed");
    int value = lt_json_is(allowed, LT_JSON_BOOL) ? lt_json_bool_or(allowed, false) : -1;
    if (lt_permission_may_set(&r->caller, role, permission, err) ||
        lt_admin_permission(r->api->options.store, r->caller.site->slug, role, permission, value, err))
        return err->code;
    return lt_request_reload(r, err);
}

void lt_put_permission(struct lt_request *r)
{
    struct lt_error err;
    enum lt_role role = (enum lt_role)lt_role_parse(lt_json_str(lt_json_get(r->body, "role")));
    struct lt_str permission = lt_json_str(lt_json_get(r->body, "permission"));
    if (set(r, role, permission, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "permission", permission);
    put_cell(w, lt_request_site(r), role, permission);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

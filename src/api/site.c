/* /v1/site: the site's name and settings, with the schema that a form is made of. */
#include <stdio.h>

#include "api/request.h"
#include "core/admin.h"
#include "core/site_settings.h"

void lt_get_site(struct lt_request *r)
{
    const struct lt_site *site = lt_request_site(r);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "slug", site->slug);
    lt_jw_kstr(w, "name", site->name);
    lt_jw_kbool(w, "enabled", site->enabled);
    lt_jw_key(w, "settings");
    lt_jw_obj(w);
    lt_site_settings_put(w, r->arena, site);
    lt_jw_end(w);
    lt_jw_key(w, "set"); /* the others are as by default */
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(site->settings); i++)
        lt_jw_str(w, lt_json_key_at(site->settings, i));
    lt_jw_end(w);
    lt_jw_key(w, "settings_schema");
    lt_jw_raw(w, lt_str(lt_site_settings_schema));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* Name and settings in one object, as lt_admin_site_set() takes them. */
static enum lt_code flatten(struct lt_request *r, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *name = lt_json_get(r->body, "name"), *settings = lt_json_get(r->body, "settings");
    if (lt_json_get(settings, "name") || lt_json_get(settings, "enabled"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/settings", "name and enabled are no settings: they stand beside them");
    if (lt_json_get(r->body, "enabled") && !lt_json_bool_or(lt_json_get(r->body, "enabled"), true))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/enabled",
                             "a site that is off lets nobody in who could switch it on again: use `lectern site set`, or the emergency stop");
    lt_buf_init(&out, LT_BODY_SMALL * 2);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    if (name)
        lt_jw_kjson(&w, "name", name);
    for (size_t i = 0; i < lt_json_len(settings); i++) {
        lt_jw_key_str(&w, lt_json_key_at(settings, i));
        lt_jw_json(&w, lt_json_at(settings, i));
    }
    lt_jw_end(&w);
    enum lt_code rc = lt_json_parse(r->arena, lt_str_copy(r->arena, lt_buf_str(&out)), LT_JSON_STRICT, ret, err);
    lt_buf_free(&out);
    return rc;
}

/* Where the client has it. */
static void in_settings(struct lt_error *err)
{
    char field[sizeof(err->field)];
    if (err->field[0] == 0 || strcmp(err->field, "/name") == 0)
        return;
    if (snprintf(field, sizeof(field), "/settings%s", err->field) < (int)sizeof(field))
        memcpy(err->field, field, sizeof(field));
}

void lt_patch_site(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_json *patch;
    if (flatten(r, &patch, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    enum lt_code rc = lt_admin_site_set(r->api->options.store, r->caller.site->slug, patch, &err);
    if (rc == LT_EINVALID_INPUT)
        in_settings(&err);
    if (rc || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_get_site(r);
}

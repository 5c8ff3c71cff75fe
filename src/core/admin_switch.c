/* Switches, permissions. */
#include "core/admin_private.h"

#include "core/permission.h"
#include "core/placement.h"

/* A switch that is taken away has no end, and one that has passed is a mistake in the year or the zone. */
static enum lt_code check_until(int64_t until_at, int on, struct lt_error *err)
{
    if (until_at != 0 && on < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/until", "a switch that is taken away ends now");
    if (lt_switch_over(until_at))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/until", "this time has passed");
    return LT_OK;
}

/* Those that have ended go with the next change. */
static void remove_ended(struct lt_tx *tx, int64_t site_id)
{
    int64_t now = lt_now_ms();
    LT_TX(tx, "DELETE FROM placement_switch WHERE site_id = $1 AND until_at > 0 AND until_at <= $2", LT_INT(site_id), LT_INT(now));
    LT_TX(tx, "DELETE FROM place_switch WHERE site_id = $1 AND until_at > 0 AND until_at <= $2", LT_INT(site_id), LT_INT(now));
}

static void put_placement_switch(struct lt_tx *tx, int64_t site_id, struct lt_str placement, struct lt_str action, int on, int64_t until_at)
{
    struct lt_str what = action.p ? action : LT_STR("");
    LT_TX(tx, "DELETE FROM placement_switch WHERE site_id = $1 AND placement = $2 AND action = $3", LT_INT(site_id), LT_TEXT(placement),
          LT_TEXT(what));
    if (on >= 0)
        LT_TX(tx, "INSERT INTO placement_switch (site_id, placement, action, enabled, until_at) VALUES ($1, $2, $3, $4, $5)", LT_INT(site_id),
              LT_TEXT(placement), LT_TEXT(what), LT_INT(on), LT_INT(until_at));
}

enum lt_code lt_admin_placement_switch(struct lt_store *store, struct lt_str site, struct lt_str placement, struct lt_str action, int on,
                                       int64_t until_at, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (!lt_registry_find(LT_KIND_PLACEMENT, placement))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/placement", "there is no placement '%.*s'", LT_FMT(placement));
    if (action.n > 0 && !lt_registry_find(LT_KIND_ACTION, action))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/action", "there is no action '%.*s'", LT_FMT(action));
    if (check_until(until_at, on, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    remove_ended(tx, site_id);
    put_placement_switch(tx, site_id, placement, action, on, until_at);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_placement_set(struct lt_store *store, struct lt_str site, const struct lt_entry *placement, const struct lt_json *enabled,
                                    const struct lt_json *actions, int64_t until_at, struct lt_error *err)
{
    int64_t site_id = 0;
    struct lt_str name = lt_str(placement->name);
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(actions); i++) {
        struct lt_str action = lt_json_key_at(actions, i);
        if (!lt_placement_offers(placement->impl, action) || !lt_registry_find(LT_KIND_ACTION, action))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/actions", "placement '%s' does not offer '%.*s'", placement->name, LT_FMT(action));
    }
    if (until_at != 0 && !enabled && lt_json_len(actions) == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/until", "is for what is switched with it: give enabled or actions");
    if (check_until(until_at, 0, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    remove_ended(tx, site_id);
    if (enabled)
        put_placement_switch(tx, site_id, name, LT_STR(""), lt_json_bool_or(enabled, true), until_at);
    for (size_t i = 0; i < lt_json_len(actions); i++)
        put_placement_switch(tx, site_id, name, lt_json_key_at(actions, i), lt_json_bool_or(lt_json_at(actions, i), true), until_at);
    return lt_admin_commit(store, tx, err);
}

bool lt_switchable(struct lt_str action)
{
    struct lt_str service = LT_STR("service:");
    if (action.n == 0 || lt_str_is(action, LT_SWITCH_OTHERS) || lt_registry_find(LT_KIND_ACTION, action))
        return true;
    return lt_str_starts(action, service) && lt_registry_name_ok((struct lt_str){action.p + service.n, action.n - service.n});
}

enum lt_code lt_admin_place_switch(struct lt_store *store, struct lt_str site, struct lt_str course, struct lt_str location,
                                   struct lt_str action, int on, int64_t until_at, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (!lt_admin_text_ok(course, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/course_id", "must be 1 to 255 bytes of UTF-8");
    if (location.n > 0 && !lt_admin_text_ok(location, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/location_id", "must be at most 255 bytes of UTF-8");
    if (!lt_switchable(action))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/action", "there is no action '%.*s'", LT_FMT(action));
    if (check_until(until_at, on, err))
        return err->code;
    struct lt_str place = location.p ? location : LT_STR(""), what = action.p ? action : LT_STR("");
    struct lt_tx *tx = lt_tx_new();
    remove_ended(tx, site_id);
    LT_TX(tx, "DELETE FROM place_switch WHERE site_id = $1 AND course_id = $2 AND location_id = $3 AND action = $4", LT_INT(site_id),
          LT_TEXT(course), LT_TEXT(place), LT_TEXT(what));
    if (on >= 0)
        LT_TX(tx, "INSERT INTO place_switch (site_id, course_id, location_id, action, enabled, until_at) VALUES ($1, $2, $3, $4, $5, $6)",
              LT_INT(site_id), LT_TEXT(course), LT_TEXT(place), LT_TEXT(what), LT_INT(on), LT_INT(until_at));
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_permission(struct lt_store *store, struct lt_str site, enum lt_role role, struct lt_str permission, int allowed,
                                 struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (allowed >= 0 && !lt_permission_known(permission)) /* a row of something that is gone may still be taken away */
        return lt_fail_field(err, LT_EINVALID_INPUT, "/permission", "there is no permission '%.*s'", LT_FMT(permission));
    if (allowed == 0 && role == LT_ROLE_ADMIN && lt_str_is(permission, "manage_permissions"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/role", "admins keep manage_permissions: else nobody could give anything back");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM role_permission WHERE site_id = $1 AND role = $2 AND permission = $3", LT_INT(site_id),
          LT_TEXTZ(lt_role_name(role)), LT_TEXT(permission));
    if (allowed >= 0)
        LT_TX(tx, "INSERT INTO role_permission (site_id, role, permission, allowed) VALUES ($1, $2, $3, $4)", LT_INT(site_id),
              LT_TEXTZ(lt_role_name(role)), LT_TEXT(permission), LT_INT(allowed));
    return lt_admin_commit(store, tx, err);
}

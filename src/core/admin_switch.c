/* Policy text, switches, permissions. */
#include "core/admin_private.h"

#include "core/placement.h"

enum lt_code lt_admin_policy_set(struct lt_store *store, struct lt_str site, struct lt_str version, struct lt_str text, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (version.n > 64 || !lt_utf8_valid(version.p, version.n))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/version", "must be at most 64 bytes of UTF-8 (empty: no policy)");
    if (version.n > 0 && !lt_admin_text_ok(text, 100000))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/text", "must be 1 to 100000 bytes of UTF-8");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE site SET policy_version = $1, policy_text = $2 WHERE id = $3", LT_TEXT(version.p ? version : LT_STR("")),
          LT_TEXT(text.p ? text : LT_STR("")), LT_INT(site_id));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

static void put_placement_switch(struct lt_tx *tx, int64_t site_id, struct lt_str placement, struct lt_str action, int on)
{
    struct lt_str what = action.p ? action : LT_STR("");
    LT_TX(tx, "DELETE FROM placement_switch WHERE site_id = $1 AND placement = $2 AND action = $3", LT_INT(site_id), LT_TEXT(placement),
          LT_TEXT(what));
    if (on >= 0)
        LT_TX(tx, "INSERT INTO placement_switch (site_id, placement, action, enabled) VALUES ($1, $2, $3, $4)", LT_INT(site_id),
              LT_TEXT(placement), LT_TEXT(what), LT_INT(on));
}

enum lt_code lt_admin_placement_switch(struct lt_store *store, struct lt_str site, struct lt_str placement, struct lt_str action, int on,
                                       struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (!lt_registry_find(LT_KIND_PLACEMENT, placement))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/placement", "there is no placement '%.*s'", LT_FMT(placement));
    if (action.n > 0 && !lt_registry_find(LT_KIND_ACTION, action))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/action", "there is no action '%.*s'", LT_FMT(action));
    struct lt_tx *tx = lt_tx_new();
    put_placement_switch(tx, site_id, placement, action, on);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_placement_set(struct lt_store *store, struct lt_str site, const struct lt_entry *placement, const struct lt_json *enabled,
                                    const struct lt_json *actions, struct lt_error *err)
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
    struct lt_tx *tx = lt_tx_new();
    if (enabled)
        put_placement_switch(tx, site_id, name, LT_STR(""), lt_json_bool_or(enabled, true));
    for (size_t i = 0; i < lt_json_len(actions); i++)
        put_placement_switch(tx, site_id, name, lt_json_key_at(actions, i), lt_json_bool_or(lt_json_at(actions, i), true));
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_place_switch(struct lt_store *store, struct lt_str site, struct lt_str course, struct lt_str location,
                                   struct lt_str action, int on, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (!lt_admin_text_ok(course, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/course_id", "must be 1 to 255 bytes of UTF-8");
    if (location.n > 0 && !lt_admin_text_ok(location, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/location_id", "must be at most 255 bytes of UTF-8");
    if (action.n > 0 && !lt_registry_find(LT_KIND_ACTION, action))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/action", "there is no action '%.*s'", LT_FMT(action));
    struct lt_str place = location.p ? location : LT_STR(""), what = action.p ? action : LT_STR("");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM place_switch WHERE site_id = $1 AND course_id = $2 AND location_id = $3 AND action = $4", LT_INT(site_id),
          LT_TEXT(course), LT_TEXT(place), LT_TEXT(what));
    if (on >= 0)
        LT_TX(tx, "INSERT INTO place_switch (site_id, course_id, location_id, action, enabled) VALUES ($1, $2, $3, $4, $5)",
              LT_INT(site_id), LT_TEXT(course), LT_TEXT(place), LT_TEXT(what), LT_INT(on));
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_permission(struct lt_store *store, struct lt_str site, enum lt_role role, struct lt_str permission, int allowed,
                                 struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (!lt_admin_text_ok(permission, 128))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/permission", "must be 1 to 128 bytes of UTF-8");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM role_permission WHERE site_id = $1 AND role = $2 AND permission = $3", LT_INT(site_id),
          LT_TEXTZ(lt_role_name(role)), LT_TEXT(permission));
    if (allowed >= 0)
        LT_TX(tx, "INSERT INTO role_permission (site_id, role, permission, allowed) VALUES ($1, $2, $3, $4)", LT_INT(site_id),
              LT_TEXTZ(lt_role_name(role)), LT_TEXT(permission), LT_INT(allowed));
    return lt_admin_commit(store, tx, err);
}

/* Changing scopes. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "core/admin.h"
#include "workflows/opaque_key.h"
#include "workflows/scope_private.h"
#include "workflows/session.h"

/* All mistakes of one save: the first one's field, the texts of all. */
struct mistakes {
    struct lt_error all;
};

static void add_mistake(struct mistakes *m, const char *field, const char *text)
{
    size_t n = strlen(m->all.detail);
    if (m->all.code == LT_OK)
        lt_fail_field(&m->all, LT_EINVALID_INPUT, field, "%s: %s", field + 1, text);
    else
        snprintf(m->all.detail + n, sizeof(m->all.detail) - n, "; %s: %s", field + 1, text);
}

static enum lt_code result(const struct mistakes *m, struct lt_error *err)
{
    if (m->all.code && err)
        *err = m->all;
    return m->all.code;
}

static bool has_control(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static bool text_fits(struct mistakes *m, const char *field, struct lt_str s)
{
    if (s.n <= LT_SCOPE_TEXT_MAX && lt_utf8_valid(s.p, s.n) && !has_control(s))
        return true;
    add_mistake(m, field, "must be at most 255 bytes of UTF-8 without control characters");
    return false;
}

/* What looks like a key of Open edX must be one; other platforms' ids are taken as they are. */
static void check_members(struct mistakes *m, const struct lt_scope *s)
{
    struct lt_error why;
    if (text_fits(m, "/course_id", s->course_id) && lt_opaque_key_looks(s->course_id) && lt_course_key_parse(s->course_id, NULL, &why))
        add_mistake(m, "/course_id", why.detail);
    if (s->location_regex.n > 0 && s->course_id.n == 0)
        add_mistake(m, "/course_id", "Required when location_regex is set.");
    if (s->location_regex.n > 0 && lt_scope_pattern_check(s->location_regex, &why))
        add_mistake(m, "/location_regex", why.detail);
    text_fits(m, "/ui_slot_selector_id", s->ui_slot_selector_id);
    if ((unsigned)s->service_variant >= LT_SERVICE_VARIANTS)
        add_mistake(m, "/service_variant", "must be lms (LMS) or cms (CMS - Studio)");
}

enum lt_code lt_scope_check(const struct lt_scope *scope, struct lt_error *err)
{
    struct mistakes m = {0};
    check_members(&m, scope);
    return result(&m, err);
}

/* ---- members of a request over what is there ---- */

static struct lt_str text_member(struct mistakes *m, const struct lt_json *patch, const char *field, struct lt_str otherwise)
{
    const struct lt_json *v = lt_json_get(patch, field + 1);
    if (!v)
        return otherwise;
    if (lt_json_is(v, LT_JSON_STRING))
        return lt_json_str(v).p ? lt_json_str(v) : LT_STR("");
    if (!lt_json_is(v, LT_JSON_NULL))
        add_mistake(m, field, "must be text or null");
    return LT_STR("");
}

static void apply(struct mistakes *m, const struct lt_json *patch, struct lt_scope *s)
{
    static const char *const known[] = {"profile_id", "course_id", "location_regex", "ui_slot_selector_id", "service_variant", "enabled"};
    for (size_t i = 0; i < lt_json_len(patch); i++) {
        bool found = false;
        for (size_t k = 0; k < LT_COUNT(known); k++)
            found |= lt_str_is(lt_json_key_at(patch, i), known[k]);
        char field[96];
        snprintf(field, sizeof(field), "/%.*s", (int)(lt_json_key_at(patch, i).n < 64 ? lt_json_key_at(patch, i).n : 64),
                 lt_json_key_at(patch, i).p);
        if (!found)
            add_mistake(m, field, "a scope has no such member that can be set");
    }
    s->course_id = text_member(m, patch, "/course_id", s->course_id);
    s->location_regex = text_member(m, patch, "/location_regex", s->location_regex);
    s->ui_slot_selector_id = text_member(m, patch, "/ui_slot_selector_id", s->ui_slot_selector_id);
    const struct lt_json *variant = lt_json_get(patch, "service_variant"), *enabled = lt_json_get(patch, "enabled");
    if (variant)
        s->service_variant = (enum lt_service_variant)lt_service_variant_parse(lt_json_str(variant));
    if (enabled && !lt_json_is(enabled, LT_JSON_BOOL))
        add_mistake(m, "/enabled", "must be true or false");
    s->enabled = lt_json_bool_or(enabled, s->enabled);
}

/* ---- the store ---- */

/* profile_id by id or slug. */
static enum lt_code find_profile(struct lt_store *store, struct lt_arena *arena, struct mistakes *m, const struct lt_json *v, struct lt_scope *s,
                                 struct lt_error *err)
{
    struct lt_rows r;
    struct lt_str name = lt_json_str(v);
    int64_t id = -1;
    if (lt_json_is(v, LT_JSON_NUMBER))
        lt_json_int64(v, &id);
    else if (lt_json_is(v, LT_JSON_STRING))
        lt_str_to_int64(name, &id);
    if (LT_QUERY(store, arena, &r, err, "SELECT id FROM workflow_profile WHERE site_id = $1 AND (id = $2 OR slug = $3)", LT_INT(s->site_id),
                 LT_INT(id), LT_TEXT(name.p ? name : LT_STR(""))))
        return err->code;
    if (r.rows == 1)
        s->profile_id = lt_rows_int(&r, 0, 0);
    else
        add_mistake(m, "/profile_id", r.rows ? "more than one profile has that id or slug" : "there is no such profile");
    return LT_OK;
}

/* What tells lt_scope_set_load() that scopes have changed. */
static void touch(struct lt_tx *tx)
{
    lt_tx_add(tx, "UPDATE meta SET value = value + 1 WHERE name = 'scopes'", NULL, 0);
}

/* profile_uuid: for a profile_id that is not known yet (0). */
static void insert(struct lt_tx *tx, const struct lt_scope *s, struct lt_str profile_uuid)
{
    char uuid[37];
    lt_uuid_format(lt_uuid_new(), uuid);
    LT_TX(tx,
          "INSERT INTO workflow_scope (site_id, profile_id, service_variant, course_id, location_regex, ui_slot_selector_id, enabled, "
          "specificity_index, created_at, updated_at, uuid) VALUES ($1, "
          "COALESCE(NULLIF($2, 0), (SELECT id FROM workflow_profile WHERE site_id = $1 AND uuid = $3)), $4, $5, $6, $7, $8, $9, $10, $10, $11)",
          LT_INT(s->site_id), LT_INT(s->profile_id), LT_TEXT(profile_uuid), LT_TEXTZ(lt_service_variant_name(s->service_variant)),
          LT_TEXT(s->course_id), LT_TEXT(s->location_regex), LT_TEXT(s->ui_slot_selector_id), LT_INT(s->enabled),
          LT_INT(lt_scope_specificity(s->course_id, s->location_regex, s->ui_slot_selector_id)), LT_INT(lt_now_ms()),
          LT_TEXT(s->uuid.n ? s->uuid : lt_str(uuid)));
    touch(tx);
}

void lt_scope_tx_add(struct lt_tx *tx, const struct lt_scope *s)
{
    insert(tx, s, LT_STR(""));
}

void lt_scope_tx_put(struct lt_tx *tx, const struct lt_scope *s, struct lt_str profile_uuid)
{
    struct lt_scope unknown = *s;
    unknown.profile_id = 0;
    if (s->id == 0) {
        insert(tx, &unknown, profile_uuid);
        return;
    }
    LT_TX(tx,
          "UPDATE workflow_scope SET profile_id = (SELECT id FROM workflow_profile WHERE site_id = $1 AND uuid = $2), service_variant = $3, "
          "course_id = $4, location_regex = $5, ui_slot_selector_id = $6, enabled = $7, specificity_index = $8, "
          "updated_at = CASE WHEN updated_at < $9 THEN $9 ELSE updated_at + 1 END WHERE site_id = $1 AND id = $10",
          LT_INT(s->site_id), LT_TEXT(profile_uuid), LT_TEXTZ(lt_service_variant_name(s->service_variant)), LT_TEXT(s->course_id),
          LT_TEXT(s->location_regex), LT_TEXT(s->ui_slot_selector_id), LT_INT(s->enabled),
          LT_INT(lt_scope_specificity(s->course_id, s->location_regex, s->ui_slot_selector_id)), LT_INT(lt_now_ms()), LT_INT(s->id));
    lt_tx_expect(tx, 1);
    touch(tx);
}

void lt_scope_tx_profile_removed(struct lt_tx *tx, int64_t profile_id)
{
    LT_TX(tx, "DELETE FROM workflow_scope WHERE profile_id = $1", LT_INT(profile_id));
    touch(tx);
}

static enum lt_code find_site(struct lt_store *store, struct lt_arena *arena, struct lt_str slug, int64_t *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT id FROM site WHERE slug = $1", LT_TEXT(slug)))
        return err->code;
    if (r.rows == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/site", "there is no site '%.*s'", LT_FMT(slug));
    *ret = lt_rows_int(&r, 0, 0);
    return LT_OK;
}

static enum lt_code add(struct lt_store *store, struct lt_arena *arena, struct lt_str site, const struct lt_json *members, int64_t *ret_id,
                        struct lt_error *err)
{
    struct mistakes m = {0};
    struct lt_scope s = {.course_id = LT_STR(""), .location_regex = LT_STR(""), .ui_slot_selector_id = LT_STR(""), .enabled = true};
    struct lt_rows r;
    if (find_site(store, arena, site, &s.site_id, err) || find_profile(store, arena, &m, lt_json_get(members, "profile_id"), &s, err))
        return err->code;
    apply(&m, members, &s);
    check_members(&m, &s);
    if (result(&m, err))
        return m.all.code;
    struct lt_tx *tx = lt_tx_new();
    lt_scope_tx_add(tx, &s);
    lt_admin_touch(tx);
    if (lt_store_write(store, tx, err))
        return err->code;
    /* The newest one that has these values is ours, or one that is equal. */
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT MAX(id) FROM workflow_scope WHERE site_id = $1 AND profile_id = $2 AND course_id = $3 AND location_regex = $4 AND "
                 "ui_slot_selector_id = $5",
                 LT_INT(s.site_id), LT_INT(s.profile_id), LT_TEXT(s.course_id), LT_TEXT(s.location_regex), LT_TEXT(s.ui_slot_selector_id)))
        return err->code;
    *ret_id = r.rows ? lt_rows_int(&r, 0, 0) : 0;
    return LT_OK;
}

static enum lt_code change(struct lt_store *store, struct lt_arena *arena, struct lt_str site, int64_t id, const struct lt_json *patch,
                           struct lt_error *err)
{
    struct mistakes m = {0};
    struct lt_scope s = {.id = id};
    struct lt_rows r;
    if (find_site(store, arena, site, &s.site_id, err) ||
        LT_QUERY(store, arena, &r, err,
                 "SELECT profile_id, service_variant, course_id, location_regex, ui_slot_selector_id, enabled, updated_at FROM workflow_scope "
                 "WHERE site_id = $1 AND id = $2",
                 LT_INT(s.site_id), LT_INT(id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no scope %" PRId64, id);
    s.profile_id = lt_rows_int(&r, 0, 0);
    s.service_variant = (enum lt_service_variant)lt_service_variant_parse(lt_rows_str(&r, 0, 1));
    s.course_id = lt_rows_str(&r, 0, 2);
    s.location_regex = lt_rows_str(&r, 0, 3);
    s.ui_slot_selector_id = lt_rows_str(&r, 0, 4);
    s.enabled = lt_rows_int(&r, 0, 5) != 0;
    if (lt_json_get(patch, "profile_id") && find_profile(store, arena, &m, lt_json_get(patch, "profile_id"), &s, err))
        return err->code;
    apply(&m, patch, &s);
    check_members(&m, &s);
    if (result(&m, err))
        return m.all.code;
    int64_t before = lt_rows_int(&r, 0, 6), now = lt_now_ms();
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE workflow_scope SET profile_id = $1, service_variant = $2, course_id = $3, location_regex = $4, ui_slot_selector_id = $5, "
          "enabled = $6, specificity_index = $7, updated_at = $8 WHERE id = $9 AND updated_at = $10",
          LT_INT(s.profile_id), LT_TEXTZ(lt_service_variant_name(s.service_variant)), LT_TEXT(s.course_id), LT_TEXT(s.location_regex),
          LT_TEXT(s.ui_slot_selector_id), LT_INT(s.enabled), LT_INT(lt_scope_specificity(s.course_id, s.location_regex, s.ui_slot_selector_id)),
          LT_INT(now > before ? now : before + 1), LT_INT(id), LT_INT(before));
    lt_tx_expect(tx, 1);
    touch(tx);
    lt_admin_touch(tx);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_scope_add(struct lt_store *store, struct lt_str site, const struct lt_json *members, int64_t *ret_id, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = add(store, arena, site, members, ret_id, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_scope_change(struct lt_store *store, struct lt_str site, int64_t id, const struct lt_json *patch, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = change(store, arena, site, id, patch, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_scope_remove(struct lt_store *store, struct lt_str site, int64_t id, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    int64_t site_id = 0;
    enum lt_code rc = find_site(store, arena, site, &site_id, err);
    lt_arena_free(arena);
    if (rc)
        return rc;
    struct lt_tx *tx = lt_tx_new();
    lt_session_tx_scope_removed(tx, site_id, id);
    LT_TX(tx, "DELETE FROM workflow_scope WHERE site_id = $1 AND id = $2", LT_INT(site_id), LT_INT(id));
    lt_tx_expect(tx, 1);
    touch(tx);
    lt_admin_touch(tx);
    rc = lt_store_write(store, tx, err);
    return rc == LT_ECONFLICT ? lt_fail(err, LT_ENOT_FOUND, "there is no scope %" PRId64, id) : rc;
}

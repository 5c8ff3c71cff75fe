/* Changing profiles. Everything is checked before anything is written, and one unit writes it. */
#include <stdio.h>

#include "base/clock.h"
#include "core/admin.h"
#include "workflows/session.h"
#include "workflows/workflow_private.h"

struct save {
    struct lt_store *store;
    const struct lt_workflow_set *set;
    struct lt_arena *arena;
    struct lt_str site, who;
    struct lt_problems *problems; /* of the caller */
    struct lt_profile_row row;
    bool new_base;
    struct lt_error *err;
};

/* ---- members ---- */

static void text_member(struct save *s, const struct lt_json *patch, const char *name, struct lt_str *value)
{
    const struct lt_json *v = lt_json_get(patch, name);
    if (lt_json_is(v, LT_JSON_STRING))
        *value = lt_json_str(v).p ? lt_json_str(v) : LT_STR("");
    else if (v)
        lt_problem_add(s->problems, lt_str(name), "must be text, is %s", lt_json_type_name(v));
}

static void apply(struct save *s, const struct lt_json *patch, bool is_new)
{
    static const char *const known[] = {"slug", "description", "base_filepath", "content_patch", "uuid"};
    struct lt_profile_row *row = &s->row;
    for (size_t i = 0; i < lt_json_len(patch); i++) {
        bool found = false;
        for (size_t k = 0; k < LT_COUNT(known) - (is_new ? 0 : 1); k++)
            found |= lt_str_is(lt_json_key_at(patch, i), known[k]);
        if (!found)
            lt_problem_add(s->problems, lt_json_key_at(patch, i), "a profile has no such member that can be set");
    }
    struct lt_str base = row->base_filepath;
    text_member(s, patch, "slug", &row->slug);
    text_member(s, patch, "base_filepath", &row->base_filepath);
    s->new_base = is_new || !lt_str_eq(base, row->base_filepath);
    if (is_new)
        text_member(s, patch, "uuid", &row->uuid);
    if (lt_json_is(lt_json_get(patch, "description"), LT_JSON_NULL))
        row->description = LT_STR_NULL;
    else
        text_member(s, patch, "description", &row->description);
    if (lt_json_is(lt_json_get(patch, "content_patch"), LT_JSON_OBJECT))
        row->content_patch = lt_json_text(s->arena, lt_json_get(patch, "content_patch"));
    else
        text_member(s, patch, "content_patch", &row->content_patch);
}

/* ---- checks ---- */

static bool text_ok(struct lt_str s, size_t max)
{
    return s.n <= max && lt_utf8_valid(s.p, s.n) && (s.n == 0 || !memchr(s.p, '\0', s.n));
}

/* The text for "[REDACTED]" was never the value: what was shown comes back. */
static void check_no_redaction(const struct lt_json *v, struct lt_problems *problems)
{
    for (size_t i = 0; (lt_json_is(v, LT_JSON_OBJECT) || lt_json_is(v, LT_JSON_ARRAY)) && i < lt_json_len(v); i++) {
        const struct lt_json *item = lt_json_at(v, i);
        if (lt_json_is(v, LT_JSON_OBJECT) && lt_secret_looking(lt_json_key_at(v, i)) && lt_str_is(lt_json_str(item), "[REDACTED]"))
            lt_problem_add(problems, LT_STR("content_patch"),
                           "'%.*s' holds what is shown in place of a secret: send the value, or leave the patch out", (int)(lt_json_key_at(v, i).n < 64 ? lt_json_key_at(v, i).n : 64), lt_json_key_at(v, i).p);
        else
            check_no_redaction(item, problems);
    }
}

/* Problems of a configuration as those of its patch; not `whole`: only what is wrong with the patch itself. */
static void as_of_patch(const struct lt_problems *found, bool whole, struct lt_problems *problems)
{
    for (size_t i = 0; i < found->n; i++) {
        const struct lt_problem *p = &found->items[i];
        struct lt_str path = lt_str_is(p->path, "content_patch") ? LT_STR("") : p->path;
        if (whole || lt_str_is(p->path, "content_patch"))
            lt_problem_add(problems, LT_STR("content_patch"), "%.*s%s%.*s", LT_FMT(path), path.n ? ": " : "", LT_FMT(p->text));
    }
}

/* With a template: the whole. Without: what can be said of the patch alone. */
static void check_patch(const struct lt_workflow_set *set, const struct lt_profile_row *row, const struct lt_template *base,
                        struct lt_problems *missing, struct lt_problems *problems)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_effective effective;
    struct lt_problems *names = LT_NEW(arena, struct lt_problems);
    names->arena = arena;
    lt_effective_make(arena, base, row->content_patch, &effective);
    lt_workflow_check_names(set, row->site_id, effective.config, names);
    as_of_patch(effective.problems, base != NULL, problems);
    as_of_patch(names, true, missing);
    check_no_redaction(effective.content_patch_dict, problems);
    lt_arena_free(arena);
}

void lt_profile_check(const struct lt_workflow_set *set, const struct lt_profile_row *row, bool new_base, struct lt_problems *missing,
                      struct lt_problems *problems)
{
    struct lt_error why;
    struct lt_uuid id;
    const struct lt_template *base = NULL;
    if (!lt_workflow_slug_ok(row->slug, LT_PROFILE_SLUG_MAX))
        lt_problem_add(problems, LT_STR("slug"), "must be 1 to %d letters, digits, '_' or '-'", LT_PROFILE_SLUG_MAX);
    if (!lt_uuid_parse(row->uuid, &id))
        lt_problem_add(problems, LT_STR("uuid"), "must be a UUID");
    if (!text_ok(row->description, LT_PROFILE_DESCRIPTION_MAX))
        lt_problem_add(problems, LT_STR("description"), "must be at most %d bytes of UTF-8", LT_PROFILE_DESCRIPTION_MAX);
    if (lt_template_find(lt_workflow_templates(set), row->base_filepath, &base, &why)) {
        base = NULL;
        if (new_base)
            lt_problem_add(why.code == LT_ENOT_FOUND ? missing : problems, LT_STR("base_filepath"), "%s", why.detail);
    }
    if (!text_ok(row->content_patch, LT_PROFILE_PATCH_MAX))
        lt_problem_add(problems, LT_STR("content_patch"), "must be at most %d bytes of UTF-8", LT_PROFILE_PATCH_MAX);
    else
        check_patch(set, row, base, missing, problems);
}

static enum lt_code check_taken(struct save *s)
{
    struct lt_rows r;
    if (LT_QUERY(s->store, s->arena, &r, s->err, "SELECT slug FROM workflow_profile WHERE id <> $1 AND site_id = $2 AND (slug = $3 OR uuid = $4)",
                 LT_INT(s->row.id), LT_INT(s->row.site_id), LT_TEXT(s->row.slug), LT_TEXT(s->row.uuid)))
        return s->err->code;
    if (r.rows == 0)
        return LT_OK;
    const char *what = lt_str_eq(lt_rows_str(&r, 0, 0), s->row.slug) ? "slug" : "uuid";
    lt_problem_add(s->problems, lt_str(what), "there is a profile with this %s already", what);
    return LT_OK;
}

/* Everything that is wrong, in one answer. */
static enum lt_code check(struct save *s)
{
    char field[96];
    lt_profile_check(s->set, &s->row, s->new_base, s->problems, s->problems);
    bool only_taken = s->problems->n == 0;
    if (check_taken(s))
        return s->err->code;
    if (s->problems->n == 0)
        return LT_OK;
    struct lt_str path = s->problems->items[0].path;
    snprintf(field, sizeof(field), "/%.*s", (int)(path.n < 80 ? path.n : 80), path.p);
    return lt_problems_fail(s->problems, only_taken ? LT_ECONFLICT : LT_EINVALID_INPUT, field, s->err);
}

/* ---- the store ---- */

static struct lt_value nullable(struct lt_str s)
{
    return s.p ? LT_TEXT(s) : LT_NULL;
}

/* The row as it stands in the unit becomes a version; old ones beyond the limit go. */
static void keep_version(struct lt_tx *tx, const struct lt_profile_row *row, struct lt_str who)
{
    LT_TX(tx,
          "INSERT INTO workflow_profile_version (profile_id, version, slug, description, base_filepath, content_patch, changed_by, changed_at) "
          "SELECT id, version, slug, description, base_filepath, content_patch, $1, updated_at FROM workflow_profile "
          "WHERE site_id = $2 AND uuid = $3",
          LT_TEXT(who), LT_INT(row->site_id), LT_TEXT(row->uuid));
    lt_tx_expect(tx, 1);
    if (row->version > LT_VERSIONS_MAX)
        LT_TX(tx, "DELETE FROM workflow_profile_version WHERE profile_id = $1 AND version <= $2", LT_INT(row->id),
              LT_INT(row->version - LT_VERSIONS_MAX));
}

void lt_profile_tx_put(struct lt_tx *tx, const struct lt_profile_row *row, struct lt_str who)
{
    int64_t now = lt_now_ms();
    if (row->id == 0)
        LT_TX(tx,
              "INSERT INTO workflow_profile (site_id, uuid, slug, description, base_filepath, content_patch, version, created_at, updated_at) "
              "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
              LT_INT(row->site_id), LT_TEXT(row->uuid), LT_TEXT(row->slug), nullable(row->description), LT_TEXT(row->base_filepath),
              LT_TEXT(row->content_patch), LT_INT(row->version), LT_INT(now));
    else
        LT_TX(tx,
              "UPDATE workflow_profile SET slug = $1, description = $2, base_filepath = $3, content_patch = $4, version = $5, updated_at = $6 "
              "WHERE id = $7 AND version = $8",
              LT_TEXT(row->slug), nullable(row->description), LT_TEXT(row->base_filepath), LT_TEXT(row->content_patch), LT_INT(row->version),
              LT_INT(now), LT_INT(row->id), LT_INT(row->version - 1));
    lt_tx_expect(tx, 1);
    keep_version(tx, row, who);
}

static enum lt_code commit(struct save *s)
{
    struct lt_tx *tx = lt_tx_new();
    lt_profile_tx_put(tx, &s->row, s->who);
    lt_admin_touch(tx);
    return lt_store_write(s->store, tx, s->err);
}

static enum lt_code add(struct save *s, const struct lt_json *members)
{
    struct lt_profile_row *row = &s->row;
    char id[37];
    lt_uuid_format(lt_uuid_new(), id);
    *row = (struct lt_profile_row){.version = 1, .uuid = lt_str(id), .slug = LT_STR(""), .base_filepath = LT_STR(""), .content_patch = LT_STR("")};
    if (lt_admin_find_site(s->store, s->site, &row->site_id, s->err))
        return s->err->code;
    apply(s, members, true);
    if (check(s))
        return s->err->code;
    return commit(s);
}

static enum lt_code find_row(struct save *s, struct lt_str name)
{
    struct lt_rows r;
    struct lt_profile_row *row = &s->row;
    int64_t number;
    struct lt_str uuid;
    lt_workflow_name_ids(s->arena, name, &number, &uuid);
    if (lt_admin_find_site(s->store, s->site, &row->site_id, s->err) ||
        LT_QUERY(s->store, s->arena, &r, s->err,
                 "SELECT id, uuid, slug, description, base_filepath, content_patch, version FROM workflow_profile "
                 "WHERE site_id = $1 AND (id = $2 OR uuid = $3 OR slug = $4)",
                 LT_INT(row->site_id), LT_INT(number), LT_TEXT(uuid), LT_TEXT(name)))
        return s->err->code;
    if (r.rows == 0)
        return lt_fail(s->err, LT_ENOT_FOUND, "there is no profile '%.*s'", LT_FMT(name));
    if (r.rows > 1)
        return lt_fail(s->err, LT_EMULTIPLE, "'%.*s' is the id of one profile and the slug of another", LT_FMT(name));
    row->id = lt_rows_int(&r, 0, 0);
    row->uuid = lt_rows_str(&r, 0, 1);
    row->slug = lt_rows_str(&r, 0, 2);
    row->description = lt_rows_at(&r, 0, 3)->type == LT_V_NULL ? LT_STR_NULL : lt_rows_str(&r, 0, 3);
    row->base_filepath = lt_rows_str(&r, 0, 4);
    row->content_patch = lt_rows_str(&r, 0, 5);
    row->version = lt_rows_int(&r, 0, 6);
    return LT_OK;
}

static enum lt_code change(struct save *s, struct lt_str name, const struct lt_json *patch)
{
    struct lt_profile_row *row = &s->row;
    if (find_row(s, name))
        return s->err->code;
    apply(s, patch, false);
    if (check(s))
        return s->err->code;
    row->version++;
    return commit(s);
}

static enum lt_code remove_profile(struct save *s, struct lt_str name)
{
    if (find_row(s, name))
        return s->err->code;
    struct lt_tx *tx = lt_tx_new();
    lt_session_tx_profile_removed(tx, s->row.id);
    lt_scope_tx_profile_removed(tx, s->row.id);
    LT_TX(tx, "DELETE FROM workflow_profile_version WHERE profile_id = $1", LT_INT(s->row.id));
    LT_TX(tx, "DELETE FROM workflow_profile WHERE id = $1", LT_INT(s->row.id));
    lt_tx_expect(tx, 1);
    lt_admin_touch(tx);
    return lt_store_write(s->store, tx, s->err);
}

enum lt_code lt_profile_add(struct lt_store *store, const struct lt_workflow_set *set, struct lt_str site, const struct lt_json *members,
                            struct lt_str who, struct lt_problems *problems, struct lt_error *err)
{
    struct save s = {.store = store, .set = set, .arena = lt_arena_new(), .site = site, .who = who, .problems = problems, .err = err};
    enum lt_code rc = add(&s, members);
    lt_arena_free(s.arena);
    return rc;
}

enum lt_code lt_profile_change(struct lt_store *store, const struct lt_workflow_set *set, struct lt_str site, struct lt_str name,
                               const struct lt_json *patch, struct lt_str who, struct lt_problems *problems, struct lt_error *err)
{
    struct save s = {.store = store, .set = set, .arena = lt_arena_new(), .site = site, .who = who, .problems = problems, .err = err};
    enum lt_code rc = change(&s, name, patch);
    lt_arena_free(s.arena);
    return rc;
}

enum lt_code lt_profile_remove(struct lt_store *store, struct lt_str site, struct lt_str name, struct lt_error *err)
{
    struct save s = {.store = store, .arena = lt_arena_new(), .site = site, .err = err};
    enum lt_code rc = remove_profile(&s, name);
    lt_arena_free(s.arena);
    return rc;
}

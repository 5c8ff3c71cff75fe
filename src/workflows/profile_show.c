/* Profiles as they are shown: redacted; their use, their versions and what differs between two. */
#include <inttypes.h>
#include <stdio.h>

#include "workflows/workflow_private.h"

static size_t scope_count(const struct lt_scope_set *scopes, const struct lt_profile *p)
{
    return scopes ? lt_scope_count_profile(scopes, p->site_id, p->id) : 0;
}

static void put_matched(struct lt_jw *w, const struct lt_scope_profile *matched)
{
    lt_jw_key(w, "matched_scopes");
    lt_jw_arr(w);
    for (size_t i = 0; i < matched->matched_scopes_n; i++)
        lt_scope_write(w, matched->matched_scopes[i]);
    lt_jw_end(w);
}

void lt_profile_write_matched(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_scope_set *scopes, const struct lt_profile *p,
                              bool whole, const struct lt_scope_profile *matched)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_problems *problems = LT_NEW(arena, struct lt_problems);
    char uuid[37];
    problems->arena = arena;
    lt_profile_validate(set, p, problems);
    lt_uuid_format(p->uuid, uuid);
    lt_jw_obj(w);
    lt_jw_kint(w, "id", p->id);
    lt_jw_kstrz(w, "uuid", uuid);
    lt_jw_kstr(w, "slug", p->slug);
    lt_jw_kstr_or_null(w, "description", p->description);
    lt_jw_kstr(w, "base_filepath", p->base_filepath);
    lt_jw_kstr(w, "content_patch", lt_redact_text(arena, p->content_patch));
    lt_jw_kint(w, "version", p->version);
    lt_jw_kstr_or_null(w, "orchestrator_class", lt_profile_orchestrator_class(p));
    if (whole) {
        lt_jw_key(w, "effective_config");
        lt_redact_write(w, p->effective->config);
    }
    lt_jw_kbool(w, "valid", problems->n == 0);
    lt_jw_key(w, "errors");
    lt_problems_write(w, problems);
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kint(w, "scope_count", (int64_t)scope_count(scopes, p));
    lt_jw_end(w);
    lt_jw_ktime(w, "created_at", p->created_at);
    lt_jw_ktime(w, "updated_at", p->updated_at);
    if (matched)
        put_matched(w, matched);
    lt_jw_end(w);
    lt_arena_free(arena);
}

void lt_profile_write(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_scope_set *scopes, const struct lt_profile *p, bool whole)
{
    lt_profile_write_matched(w, set, scopes, p, whole, NULL);
}

void lt_profile_usage(struct lt_jw *w, const struct lt_scope_set *scopes, const struct lt_profile *p, int64_t sessions)
{
    enum { MAX = 1000 };
    size_t n = 0, shown = 0;
    const struct lt_scope *list = scopes ? lt_scope_set_site(scopes, p->site_id, &n) : NULL;
    lt_jw_obj(w);
    lt_jw_kint(w, "scope_count", (int64_t)scope_count(scopes, p));
    lt_jw_kint(w, "session_count", sessions);
    lt_jw_key(w, "scopes");
    lt_jw_arr(w);
    for (size_t i = 0; i < n && shown < MAX; i++)
        if (list[i].profile_id == p->id) {
            lt_scope_write(w, &list[i]);
            shown++;
        }
    lt_jw_end(w);
    lt_jw_end(w);
}

/* ---- versions ---- */

static void put_version(struct lt_jw *w, struct lt_arena *arena, const struct lt_rows *r, size_t i)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "version", lt_rows_int(r, i, 0));
    lt_jw_kstr(w, "slug", lt_rows_str(r, i, 1));
    lt_jw_kstr_or_null(w, "description", lt_rows_at(r, i, 2)->type == LT_V_NULL ? LT_STR_NULL : lt_rows_str(r, i, 2));
    lt_jw_kstr(w, "base_filepath", lt_rows_str(r, i, 3));
    lt_jw_kstr(w, "content_patch", lt_redact_text(arena, lt_rows_str(r, i, 4)));
    lt_jw_kstr(w, "changed_by", lt_rows_str(r, i, 5));
    lt_jw_ktime(w, "changed_at", lt_rows_int(r, i, 6));
    lt_jw_end(w);
}

enum lt_code lt_profile_history(struct lt_store *store, const struct lt_profile *p, int64_t before, int limit, struct lt_jw *w, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT version, slug, description, base_filepath, content_patch, changed_by, changed_at "
                               "FROM workflow_profile_version WHERE profile_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3",
                               LT_INT(p->id), LT_INT(before), LT_INT(limit));
    if (rc == LT_OK) {
        lt_jw_arr(w);
        for (size_t i = 0; i < r.rows; i++)
            put_version(w, arena, &r, i);
        lt_jw_end(w);
    }
    lt_arena_free(arena);
    return rc;
}

/* ---- what differs ---- */

struct diff {
    struct lt_jw *w;
    struct lt_buf path; /* JSON Pointer */
    bool secret;        /* below a secret-looking member */
};

static void put_side(struct diff *d, const char *key, const struct lt_json *v)
{
    if (!v)
        return;
    lt_jw_key(d->w, key);
    if (d->secret)
        lt_jw_strz(d->w, "[REDACTED]");
    else
        lt_redact_write(d->w, v);
}

static void put_change(struct diff *d, const struct lt_json *from, const struct lt_json *to)
{
    lt_jw_obj(d->w);
    lt_jw_kstrz(d->w, "op", !from ? "add" : !to ? "remove" : "replace");
    lt_jw_kstr(d->w, "path", lt_buf_str(&d->path));
    put_side(d, "from", from);
    put_side(d, "to", to);
    lt_jw_end(d->w);
}

static void compare(struct diff *d, const struct lt_json *from, const struct lt_json *to);

static void compare_member(struct diff *d, struct lt_str key, const struct lt_json *from, const struct lt_json *to)
{
    size_t n = d->path.n;
    bool secret = d->secret;
    d->secret |= lt_secret_looking(key);
    lt_buf_putc(&d->path, '/');
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '~' || key.p[i] == '/')
            lt_buf_put_str(&d->path, key.p[i] == '~' ? LT_STR("~0") : LT_STR("~1"));
        else
            lt_buf_putc(&d->path, key.p[i]);
    compare(d, from, to);
    d->path.n = n;
    d->secret = secret;
}

/* Objects member by member; everything else is one value, as it is for a merge patch. */
static void compare(struct diff *d, const struct lt_json *from, const struct lt_json *to)
{
    if (from && to && lt_json_equal(from, to))
        return;
    if (!lt_json_is(from, LT_JSON_OBJECT) || !lt_json_is(to, LT_JSON_OBJECT)) {
        put_change(d, from, to);
        return;
    }
    for (size_t i = 0; i < lt_json_len(from); i++)
        compare_member(d, lt_json_key_at(from, i), lt_json_at(from, i), lt_json_get_str(to, lt_json_key_at(from, i)));
    for (size_t i = 0; i < lt_json_len(to); i++)
        if (!lt_json_get_str(from, lt_json_key_at(to, i)))
            compare_member(d, lt_json_key_at(to, i), NULL, lt_json_at(to, i));
}

static const struct lt_json *text_value(struct lt_arena *arena, struct lt_str text, bool null)
{
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *v = NULL;
    lt_buf_init(&out, 8 << 20);
    lt_jw_init(&w, &out);
    if (null)
        lt_jw_null(&w);
    else
        lt_jw_str(&w, text);
    lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, &v, NULL);
    lt_buf_free(&out);
    return v;
}

/* The patch as a value; NULL when it cannot be read. */
static const struct lt_json *patch_value(struct lt_arena *arena, struct lt_str text)
{
    const struct lt_json *v = NULL;
    if (lt_str_trim(text).n == 0)
        text = LT_STR("{}");
    return lt_json_parse(arena, text, LT_JSON_JSON5, &v, NULL) ? NULL : v;
}

static void compare_versions(struct diff *d, struct lt_arena *arena, const struct lt_rows *r, size_t from, size_t to)
{
    static const struct {
        const char *name;
        size_t column;
    } members[] = {{"slug", 1}, {"description", 2}, {"base_filepath", 3}};
    for (size_t i = 0; i < LT_COUNT(members); i++) {
        size_t c = members[i].column;
        compare_member(d, lt_str(members[i].name), text_value(arena, lt_rows_str(r, from, c), lt_rows_at(r, from, c)->type == LT_V_NULL),
                       text_value(arena, lt_rows_str(r, to, c), lt_rows_at(r, to, c)->type == LT_V_NULL));
    }
    struct lt_str a = lt_rows_str(r, from, 4), b = lt_rows_str(r, to, 4);
    const struct lt_json *va = patch_value(arena, a), *vb = patch_value(arena, b);
    if (!va || !vb) {
        va = text_value(arena, lt_redact_text(arena, a), false);
        vb = text_value(arena, lt_redact_text(arena, b), false);
    }
    compare_member(d, LT_STR("content_patch"), va, vb);
}

enum lt_code lt_profile_diff(struct lt_store *store, const struct lt_profile *p, int64_t from, int64_t to, struct lt_jw *w, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT version, slug, description, base_filepath, content_patch FROM workflow_profile_version "
                               "WHERE profile_id = $1 AND version IN ($2, $3) ORDER BY version",
                               LT_INT(p->id), LT_INT(from), LT_INT(to));
    size_t expected = from == to ? 1 : 2;
    if (rc == LT_OK && r.rows != expected)
        rc = lt_fail(err, LT_ENOT_FOUND, "the profile has no version %" PRId64, r.rows == 1 && lt_rows_int(&r, 0, 0) == from ? to : from);
    if (rc == LT_OK) {
        size_t a = lt_rows_int(&r, 0, 0) == from ? 0 : 1, b = lt_rows_int(&r, 0, 0) == to ? 0 : 1;
        struct diff d = {.w = w};
        lt_buf_init(&d.path, 1 << 20);
        lt_jw_obj(w);
        lt_jw_kint(w, "from", from);
        lt_jw_kint(w, "to", to);
        lt_jw_key(w, "changes");
        lt_jw_arr(w);
        compare_versions(&d, arena, &r, a, b);
        lt_jw_end(w);
        lt_jw_kbool(w, "text_changed", !lt_str_eq(lt_rows_str(&r, a, 4), lt_rows_str(&r, b, 4)));
        lt_jw_end(w);
        lt_buf_free(&d.path);
    }
    lt_arena_free(arena);
    return rc;
}

/* Prompt templates. Fuzzed by tests/fuzz/fuzz_values.c. */
#include "workflows/prompt.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "core/admin.h"
#include "workflows/workflow_private.h"

bool lt_uuid_parse_any(struct lt_str s, struct lt_uuid *ret)
{
    char dashed[37];
    if (s.n != 32)
        return lt_uuid_parse(s, ret);
    if (memchr(s.p, '\0', s.n))
        return false;
    snprintf(dashed, sizeof(dashed), "%.8s-%.4s-%.4s-%.4s-%.12s", s.p, s.p + 8, s.p + 12, s.p + 16, s.p + 20);
    return lt_uuid_parse((struct lt_str){dashed, 36}, ret);
}

const struct lt_prompt *lt_prompt_list(const struct lt_workflow_set *set, int64_t site_id, size_t *ret_n)
{
    size_t first = 0, n = 0;
    while (set && first < set->prompts_n && set->prompts[first].site_id != site_id)
        first++;
    while (set && first + n < set->prompts_n && set->prompts[first + n].site_id == site_id)
        n++;
    *ret_n = n;
    return n > 0 ? &set->prompts[first] : NULL;
}

enum lt_code lt_prompt_find(const struct lt_workflow_set *set, int64_t site_id, struct lt_str name, const struct lt_prompt **ret,
                            struct lt_error *err)
{
    struct lt_uuid id;
    bool is_id = lt_uuid_parse_any(name, &id);
    size_t n, found = 0;
    const struct lt_prompt *list = lt_prompt_list(set, site_id, &n);
    for (size_t i = 0; i < n; i++)
        if ((is_id && lt_uuid_eq(list[i].uuid, id)) || lt_str_eq(list[i].slug, name)) {
            *ret = &list[i];
            found++;
        }
    if (found > 1)
        return lt_fail(err, LT_EMULTIPLE, "'%.*s' is the id of one prompt template and the slug of another", LT_FMT(name));
    return found == 1 ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "there is no prompt template '%.*s'", LT_FMT(name));
}

bool lt_prompt_is_name(struct lt_str text)
{
    struct lt_uuid id;
    return lt_uuid_parse_any(text, &id) || lt_workflow_slug_ok(text, LT_PROMPT_SLUG_MAX);
}

static bool names_prompt(const struct lt_profile *profile, const struct lt_workflow_set *set, const struct lt_prompt *prompt)
{
    const struct lt_json *processors = lt_profile_processor_config(profile);
    for (size_t i = 0; i < lt_json_len(processors); i++) {
        const struct lt_prompt *named;
        struct lt_str name = lt_json_str(lt_json_get(lt_json_at(processors, i), "prompt_template"));
        if (name.n > 0 && !lt_prompt_find(set, prompt->site_id, name, &named, NULL) && named->id == prompt->id)
            return true;
    }
    return false;
}

size_t lt_prompt_count_profiles(const struct lt_workflow_set *set, const struct lt_prompt *prompt)
{
    size_t n, used = 0;
    const struct lt_profile *profiles = lt_profile_list(set, prompt->site_id, &n);
    for (size_t i = 0; i < n; i++)
        used += names_prompt(&profiles[i], set, prompt);
    return used;
}

/* How many profiles name it, and the slugs of the first LT_PROMPT_USERS_SHOWN. */
static void put_usage(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_prompt *prompt)
{
    size_t n, used = 0;
    const struct lt_profile *profiles = lt_profile_list(set, prompt->site_id, &n);
    lt_jw_obj(w);
    lt_jw_key(w, "profiles");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        if (names_prompt(&profiles[i], set, prompt) && used++ < LT_PROMPT_USERS_SHOWN)
            lt_jw_str(w, profiles[i].slug);
    lt_jw_end(w);
    lt_jw_kint(w, "profile_count", (int64_t)used);
    lt_jw_end(w);
}

void lt_prompt_write(struct lt_jw *w, const struct lt_workflow_set *set, const struct lt_prompt *p)
{
    char id[37];
    lt_uuid_format(p->uuid, id);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    lt_jw_kstr(w, "slug", p->slug);
    lt_jw_kstr(w, "body", p->body);
    lt_jw_kint(w, "version", p->version);
    lt_jw_ktime(w, "created_at", p->created_at);
    lt_jw_ktime(w, "updated_at", p->updated_at);
    lt_jw_key(w, "usage");
    put_usage(w, set, p);
    lt_jw_end(w);
}

/* ---- changing ---- */

void lt_prompt_check(const struct lt_prompt_row *row, struct lt_problems *problems)
{
    struct lt_uuid id;
    if (!lt_workflow_slug_ok(row->slug, LT_PROMPT_SLUG_MAX))
        lt_problem_add(problems, LT_STR("slug"), "must be 1 to %d letters, digits, '_' or '-'", LT_PROMPT_SLUG_MAX);
    if (lt_str_trim(row->body).n == 0)
        lt_problem_add(problems, LT_STR("body"), "must not be blank");
    else if (row->body.n > LT_PROMPT_BODY_MAX || !lt_utf8_valid(row->body.p, row->body.n) || memchr(row->body.p, '\0', row->body.n))
        lt_problem_add(problems, LT_STR("body"), "must be at most %d bytes of UTF-8", LT_PROMPT_BODY_MAX);
    if (!lt_uuid_parse(row->uuid, &id))
        lt_problem_add(problems, LT_STR("uuid"), "must be a UUID");
}

static void text_member(const struct lt_json *patch, const char *name, struct lt_str *value, struct lt_problems *problems)
{
    const struct lt_json *v = lt_json_get(patch, name);
    if (lt_json_is(v, LT_JSON_STRING))
        *value = lt_json_str(v).p ? lt_json_str(v) : LT_STR("");
    else if (v)
        lt_problem_add(problems, lt_str(name), "must be text, is %s", lt_json_type_name(v));
}

static void apply(const struct lt_json *patch, struct lt_prompt_row *row, bool is_new, struct lt_problems *problems)
{
    for (size_t i = 0; i < lt_json_len(patch); i++) {
        struct lt_str key = lt_json_key_at(patch, i);
        if (!lt_str_is(key, "slug") && !lt_str_is(key, "body") && !(is_new && lt_str_is(key, "uuid")))
            lt_problem_add(problems, key, "This field cannot be changed.");
    }
    text_member(patch, "slug", &row->slug, problems);
    text_member(patch, "body", &row->body, problems);
    if (is_new)
        text_member(patch, "uuid", &row->uuid, problems);
}

static enum lt_code check_taken(struct lt_store *store, struct lt_arena *arena, const struct lt_prompt_row *row, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT slug FROM workflow_prompt WHERE id <> $1 AND site_id = $2 AND (slug = $3 OR uuid = $4)",
                 LT_INT(row->id), LT_INT(row->site_id), LT_TEXT(row->slug), LT_TEXT(row->uuid)))
        return err->code;
    if (r.rows == 0)
        return LT_OK;
    bool slug = lt_str_eq(lt_rows_str(&r, 0, 0), row->slug);
    return lt_fail_field(err, LT_ECONFLICT, slug ? "/slug" : "/uuid", "there is a prompt template with this %s already", slug ? "slug" : "uuid");
}

/* "/slug" of the first problem's path. */
static enum lt_code refuse(const struct lt_problems *problems, struct lt_error *err)
{
    char field[96];
    snprintf(field, sizeof(field), "/%.*s", (int)(problems->items[0].path.n < 80 ? problems->items[0].path.n : 80), problems->items[0].path.p);
    return lt_problems_fail(problems, LT_EINVALID_INPUT, field, err);
}

/* The row as it stands in the unit becomes a version; old ones beyond the limit go. */
static void keep_version(struct lt_tx *tx, const struct lt_prompt_row *row, struct lt_str who)
{
    LT_TX(tx,
          "INSERT INTO workflow_prompt_version (prompt_id, version, slug, body, changed_by, changed_at) "
          "SELECT id, version, slug, body, $1, updated_at FROM workflow_prompt WHERE site_id = $2 AND uuid = $3",
          LT_TEXT(who), LT_INT(row->site_id), LT_TEXT(row->uuid));
    lt_tx_expect(tx, 1);
    if (row->version > LT_VERSIONS_MAX)
        LT_TX(tx, "DELETE FROM workflow_prompt_version WHERE prompt_id = $1 AND version <= $2", LT_INT(row->id),
              LT_INT(row->version - LT_VERSIONS_MAX));
}

void lt_prompt_tx_put(struct lt_tx *tx, const struct lt_prompt_row *row, struct lt_str who)
{
    if (row->id == 0)
        LT_TX(tx, "INSERT INTO workflow_prompt (site_id, uuid, slug, body, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
              LT_INT(row->site_id), LT_TEXT(row->uuid), LT_TEXT(row->slug), LT_TEXT(row->body), LT_INT(row->version), LT_INT(row->created_at),
              LT_INT(row->updated_at));
    else
        LT_TX(tx, "UPDATE workflow_prompt SET slug = $1, body = $2, version = $3, updated_at = $4 WHERE id = $5 AND version = $6", LT_TEXT(row->slug),
              LT_TEXT(row->body), LT_INT(row->version), LT_INT(row->updated_at), LT_INT(row->id), LT_INT(row->version - 1));
    lt_tx_expect(tx, 1);
    keep_version(tx, row, who);
}

static enum lt_code commit(struct lt_store *store, const struct lt_prompt_row *row, struct lt_str who, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    lt_prompt_tx_put(tx, row, who);
    lt_admin_touch(tx);
    return lt_store_write(store, tx, err);
}

static enum lt_code add(struct lt_store *store, struct lt_arena *arena, struct lt_str site, const struct lt_json *members, struct lt_str who,
                        struct lt_error *err)
{
    struct lt_problems *problems = LT_NEW(arena, struct lt_problems);
    struct lt_prompt_row row = {.version = 1, .slug = LT_STR(""), .body = LT_STR(""), .created_at = lt_now_ms()};
    char id[37];
    problems->arena = arena;
    lt_uuid_format(lt_uuid_new(), id);
    row.uuid = lt_str(id);
    row.updated_at = row.created_at;
    if (lt_admin_find_site(store, site, &row.site_id, err))
        return err->code;
    apply(members, &row, true, problems);
    lt_prompt_check(&row, problems);
    if (problems->n > 0)
        return refuse(problems, err);
    if (check_taken(store, arena, &row, err))
        return err->code;
    return commit(store, &row, who, err);
}

static enum lt_code find_row(struct lt_store *store, struct lt_arena *arena, struct lt_str site, struct lt_str name, struct lt_prompt_row *row,
                             struct lt_error *err)
{
    struct lt_rows r;
    int64_t number;
    struct lt_str uuid;
    lt_workflow_name_ids(arena, name, &number, &uuid);
    if (lt_admin_find_site(store, site, &row->site_id, err) ||
        LT_QUERY(store, arena, &r, err, "SELECT id, uuid, slug, body, version FROM workflow_prompt WHERE site_id = $1 AND (uuid = $2 OR slug = $3)",
                 LT_INT(row->site_id), LT_TEXT(uuid), LT_TEXT(name)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no prompt template '%.*s'", LT_FMT(name));
    if (r.rows > 1)
        return lt_fail(err, LT_EMULTIPLE, "'%.*s' is the id of one prompt template and the slug of another", LT_FMT(name));
    row->id = lt_rows_int(&r, 0, 0);
    row->uuid = lt_rows_str(&r, 0, 1);
    row->slug = lt_rows_str(&r, 0, 2);
    row->body = lt_rows_str(&r, 0, 3);
    row->version = lt_rows_int(&r, 0, 4);
    return LT_OK;
}

static enum lt_code change(struct lt_store *store, struct lt_arena *arena, struct lt_str site, struct lt_str name, const struct lt_json *patch,
                           struct lt_str who, struct lt_error *err)
{
    struct lt_problems *problems = LT_NEW(arena, struct lt_problems);
    struct lt_prompt_row row;
    problems->arena = arena;
    if (find_row(store, arena, site, name, &row, err))
        return err->code;
    apply(patch, &row, false, problems);
    lt_prompt_check(&row, problems);
    if (problems->n > 0)
        return refuse(problems, err);
    if (check_taken(store, arena, &row, err))
        return err->code;
    row.version++;
    row.updated_at = lt_now_ms();
    return commit(store, &row, who, err);
}

static enum lt_code remove_prompt(struct lt_store *store, struct lt_arena *arena, const struct lt_workflow_set *set, struct lt_str site,
                                  struct lt_str name, struct lt_error *err)
{
    struct lt_prompt_row row;
    const struct lt_prompt *known;
    if (find_row(store, arena, site, name, &row, err))
        return err->code;
    size_t used = lt_prompt_find(set, row.site_id, row.uuid, &known, NULL) ? 0 : lt_prompt_count_profiles(set, known);
    if (used > 0)
        return lt_fail(err, LT_ECONFLICT, "%zu profile%s this prompt template", used, used == 1 ? " uses" : "s use");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM workflow_prompt_version WHERE prompt_id = $1", LT_INT(row.id));
    LT_TX(tx, "DELETE FROM workflow_prompt WHERE id = $1", LT_INT(row.id));
    lt_tx_expect(tx, 1);
    lt_admin_touch(tx);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_prompt_add(struct lt_store *store, struct lt_str site, const struct lt_json *members, struct lt_str who, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = add(store, arena, site, members, who, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_prompt_change(struct lt_store *store, struct lt_str site, struct lt_str name, const struct lt_json *patch, struct lt_str who,
                              struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = change(store, arena, site, name, patch, who, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_prompt_remove(struct lt_store *store, const struct lt_workflow_set *set, struct lt_str site, struct lt_str name,
                              struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = remove_prompt(store, arena, set, site, name, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_prompt_history(struct lt_store *store, const struct lt_prompt *prompt, int64_t before, int limit, struct lt_jw *w,
                               struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT version, slug, body, changed_by, changed_at FROM workflow_prompt_version WHERE prompt_id = $1 "
                               "AND version < $2 ORDER BY version DESC LIMIT $3",
                               LT_INT(prompt->id), LT_INT(before), LT_INT(limit));
    if (rc == LT_OK) {
        lt_jw_arr(w);
        for (size_t i = 0; i < r.rows; i++) {
            lt_jw_obj(w);
            lt_jw_kint(w, "version", lt_rows_int(&r, i, 0));
            lt_jw_kstr(w, "slug", lt_rows_str(&r, i, 1));
            lt_jw_kstr(w, "body", lt_rows_str(&r, i, 2));
            lt_jw_kstr(w, "changed_by", lt_rows_str(&r, i, 3));
            lt_jw_ktime(w, "changed_at", lt_rows_int(&r, i, 4));
            lt_jw_end(w);
        }
        lt_jw_end(w);
    }
    lt_arena_free(arena);
    return rc;
}

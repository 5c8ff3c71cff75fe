/* What all administrative changes share: one unit that also raises the generation, checks, merging. */
#include "core/admin_private.h"

#include "text/json_schema.h"

void lt_admin_only_at(const int64_t *generation)
{
    lt_fiber_set_own(generation);
}

void lt_admin_touch(struct lt_tx *tx)
{
    const int64_t *only_at = lt_fiber_own();
    lt_tx_hint(tx);
    if (!only_at) {
        lt_tx_add(tx, "UPDATE meta SET value = value + 1 WHERE name = 'generation'", NULL, 0);
        return;
    }
    LT_TX(tx, "UPDATE meta SET value = value + 1 WHERE name = 'generation' AND value = $1", LT_INT(*only_at));
    lt_tx_expect(tx, 1);
}

enum lt_code lt_admin_commit(struct lt_store *store, struct lt_tx *tx, struct lt_error *err)
{
    lt_admin_touch(tx);
    return lt_store_write(store, tx, err);
}

bool lt_admin_text_ok(struct lt_str s, size_t max)
{
    return s.n > 0 && s.n <= max && lt_utf8_valid(s.p, s.n) && !memchr(s.p, '\0', s.n);
}

enum lt_code lt_admin_find_site(struct lt_store *store, struct lt_str slug, int64_t *ret_id, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT id FROM site WHERE slug = $1", LT_TEXT(slug));
    if (rc == LT_OK && r.rows == 0)
        rc = lt_fail_field(err, LT_ENOT_FOUND, "/site", "there is no site '%.*s'", LT_FMT(slug));
    else if (rc == LT_OK)
        *ret_id = lt_rows_int(&r, 0, 0);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_check(struct lt_arena *arena, const char *schema_text, const struct lt_json *value, struct lt_error *err)
{
    const struct lt_schema *schema;
    if (lt_schema_compile_text(arena, schema_text, &schema, err))
        return err->code;
    return lt_schema_check(schema, value, err);
}

struct lt_str lt_admin_merge(struct lt_arena *arena, const struct lt_json *base, const struct lt_json *patch)
{
    struct lt_buf out;
    lt_buf_init(&out, 4 << 20);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    for (size_t i = 0; i < lt_json_len(base); i++)
        if (!lt_json_get_str(patch, lt_json_key_at(base, i))) {
            lt_jw_key_str(&w, lt_json_key_at(base, i));
            lt_jw_json(&w, lt_json_at(base, i));
        }
    for (size_t i = 0; i < lt_json_len(patch); i++)
        if (!lt_json_is(lt_json_at(patch, i), LT_JSON_NULL)) {
            lt_jw_key_str(&w, lt_json_key_at(patch, i));
            lt_jw_json(&w, lt_json_at(patch, i));
        }
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

enum lt_code lt_admin_parse(struct lt_arena *arena, struct lt_str text, const struct lt_json **ret, struct lt_error *err)
{
    if (lt_json_parse(arena, text, LT_JSON_STRICT, ret, err))
        return lt_error_wrap(err, "stored configuration");
    return LT_OK;
}

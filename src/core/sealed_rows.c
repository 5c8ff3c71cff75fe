/* Texts of users that are sealed: looking at all of them, and sealing them anew. */
#include "core/sealed_rows.h"

enum { VALUES_PAGE = 1000, ANSWERS_PAGE = 10, RESPONSES_PAGE = 1 /* of up to three times 10 MiB, and a query gives 64 */ };

struct lt_str lt_sealed_place_value(struct lt_arena *arena, int64_t site_id, struct lt_str user_id, struct lt_str placeholder)
{
    return lt_printf(arena, "guard value %lld %.*s %.*s", (long long)site_id, LT_FMT(placeholder), LT_FMT(user_id));
}

struct lt_str lt_sealed_place_response(struct lt_arena *arena, struct lt_uuid id, const char *column)
{
    char text[37];
    lt_uuid_format(id, text);
    return lt_printf(arena, "openai_response %s %s", text, column);
}

struct lt_str lt_sealed_place_answer(struct lt_arena *arena, int64_t site_id, struct lt_str caller, struct lt_str name)
{
    return lt_printf(arena, "idempotency key %lld %zu:%.*s %.*s", (long long)site_id, caller.n, LT_FMT(caller), LT_FMT(name));
}

/* One going through all of them, a page at a time: `arena` is of the page. */
struct rows {
    struct lt_store *store;
    const struct lt_keyring *ring;
    struct lt_secrets_view *view;        /* only looking; else NULL */
    size_t resealed, lost;
    struct lt_arena *arena;
    struct lt_tx *tx;
    struct lt_error *err;
};

/* True: *ret is to be written in the place of the text. */
static bool renewed(struct rows *x, struct lt_str text, struct lt_str place, struct lt_str *ret)
{
    struct lt_str plain;
    struct lt_error why;
    if (!lt_is_sealed(text) || (!x->view && lt_is_sealed_with_first(x->ring, text)))
        return false;
    if (x->view) {
        lt_secrets_count(x->view, x->ring, text);
        return false;
    }
    if (lt_unseal(x->ring, x->arena, text, place, &plain, &why)) {
        x->lost++;
        return false;
    }
    *ret = lt_seal(x->ring, x->arena, plain, place);
    x->resealed++;
    return true;
}

static void begin_page(struct rows *x)
{
    x->arena = lt_arena_new();
    x->tx = x->view ? NULL : lt_tx_new();
}

static enum lt_code end_page(struct rows *x, size_t before, enum lt_code rc)
{
    if (rc == LT_OK && x->resealed > before)
        rc = lt_store_write(x->store, x->tx, x->err);
    else if (x->tx)
        lt_tx_discard(x->tx);
    if (rc)
        x->resealed = before;
    lt_arena_free(x->arena);
    return rc;
}

/* ---- what placeholders stand for ---- */

struct value_key {
    struct lt_arena *arena;              /* of all pages */
    int64_t site_id;
    struct lt_str user, placeholder;
};

static enum lt_code values_page(struct rows *x, struct value_key *after, size_t *ret_n)
{
    struct lt_rows r;
    *ret_n = 0;
    if (LT_QUERY(x->store, x->arena, &r, x->err,
                 "SELECT site_id, user_id, placeholder, sealed FROM guard_value WHERE (site_id, user_id, placeholder) > ($1, $2, $3)"
                 " ORDER BY site_id, user_id, placeholder LIMIT $4",
                 LT_INT(after->site_id), LT_TEXT(after->user), LT_TEXT(after->placeholder), LT_INT(VALUES_PAGE)))
        return x->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        int64_t site = lt_rows_int(&r, i, 0);
        struct lt_str user = lt_rows_str(&r, i, 1), placeholder = lt_rows_str(&r, i, 2), old = lt_rows_str(&r, i, 3), text;
        if (renewed(x, old, lt_sealed_place_value(x->arena, site, user, placeholder), &text))
            LT_TX(x->tx, "UPDATE guard_value SET sealed = $1 WHERE site_id = $2 AND user_id = $3 AND placeholder = $4 AND sealed = $5", LT_TEXT(text),
                  LT_INT(site), LT_TEXT(user), LT_TEXT(placeholder), LT_TEXT(old));
    }
    *ret_n = r.rows;
    if (r.rows > 0)
        *after = (struct value_key){after->arena, lt_rows_int(&r, r.rows - 1, 0), lt_str_copy(after->arena, lt_rows_str(&r, r.rows - 1, 1)),
                                    lt_str_copy(after->arena, lt_rows_str(&r, r.rows - 1, 2))};
    return LT_OK;
}

static enum lt_code values(struct rows *x)
{
    struct value_key after = {lt_arena_new(), 0, LT_STR(""), LT_STR("")};
    enum lt_code rc = LT_OK;
    for (size_t n = VALUES_PAGE; rc == LT_OK && n == VALUES_PAGE;) {
        size_t before = x->resealed;
        begin_page(x);
        rc = end_page(x, before, values_page(x, &after, &n));
    }
    lt_arena_free(after.arena);
    return rc;
}

/* ---- answers of an Idempotency-Key ---- */

static enum lt_code answers_page(struct rows *x, int64_t *after, size_t *ret_n)
{
    struct lt_rows r;
    *ret_n = 0;
    if (LT_QUERY(x->store, x->arena, &r, x->err,
                 "SELECT id, site_id, caller, name, body FROM idempotency_key WHERE id > $1 AND body IS NOT NULL ORDER BY id LIMIT $2", LT_INT(*after),
                 LT_INT(ANSWERS_PAGE)))
        return x->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_str old = lt_rows_str(&r, i, 4), text;
        *after = lt_rows_int(&r, i, 0);
        if (renewed(x, old, lt_sealed_place_answer(x->arena, lt_rows_int(&r, i, 1), lt_rows_str(&r, i, 2), lt_rows_str(&r, i, 3)), &text))
            LT_TX(x->tx, "UPDATE idempotency_key SET body = $1 WHERE id = $2 AND body = $3", LT_BLOB(text.p, text.n), LT_INT(*after),
                  LT_BLOB(old.p, old.n));
    }
    *ret_n = r.rows;
    return LT_OK;
}

static enum lt_code answers(struct rows *x)
{
    int64_t after = 0;
    enum lt_code rc = LT_OK;
    for (size_t n = ANSWERS_PAGE; rc == LT_OK && n == ANSWERS_PAGE;) {
        size_t before = x->resealed;
        begin_page(x);
        rc = end_page(x, before, answers_page(x, &after, &n));
    }
    return rc;
}

/* ---- answers of the Responses API ---- */

static enum lt_code responses_page(struct rows *x, struct lt_uuid *after, size_t *ret_n)
{
    static const char *const columns[] = {"settings", "input", "output"};
    static const char *const updates[] = {"UPDATE openai_response SET settings = $1 WHERE id = $2 AND settings = $3",
                                          "UPDATE openai_response SET input = $1 WHERE id = $2 AND input = $3",
                                          "UPDATE openai_response SET output = $1 WHERE id = $2 AND output = $3"};
    struct lt_rows r;
    *ret_n = 0;
    if (LT_QUERY(x->store, x->arena, &r, x->err, "SELECT id, settings, input, output FROM openai_response WHERE id > $1 ORDER BY id LIMIT $2",
                 LT_BLOB(after->b, sizeof(after->b)), LT_INT(RESPONSES_PAGE)))
        return x->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        memcpy(after->b, lt_rows_str(&r, i, 0).p, sizeof(after->b));
        for (size_t k = 0; k < LT_COUNT(columns); k++) {
            struct lt_str old = lt_rows_str(&r, i, k + 1), text;
            if (renewed(x, old, lt_sealed_place_response(x->arena, *after, columns[k]), &text))
                LT_TX(x->tx, updates[k], LT_TEXT(text), LT_BLOB(after->b, sizeof(after->b)), LT_TEXT(old));
        }
    }
    *ret_n = r.rows;
    return LT_OK;
}

static enum lt_code responses(struct rows *x)
{
    struct lt_uuid after = {0};
    enum lt_code rc = LT_OK;
    for (size_t n = RESPONSES_PAGE; rc == LT_OK && n == RESPONSES_PAGE;) {
        size_t before = x->resealed;
        begin_page(x);
        rc = end_page(x, before, responses_page(x, &after, &n));
    }
    return rc;
}

/* ---- all ---- */

static enum lt_code all(struct rows *x)
{
    enum lt_code rc = values(x);
    if (rc == LT_OK)
        rc = answers(x);
    return rc ? rc : responses(x);
}

enum lt_code lt_sealed_rows_look(struct lt_store *store, const struct lt_keyring *ring, struct lt_secrets_view *view, struct lt_error *err)
{
    return all(&(struct rows){.store = store, .ring = ring, .view = view, .err = err});
}

enum lt_code lt_sealed_rows_reseal(struct lt_store *store, const struct lt_keyring *ring, size_t *resealed, size_t *lost, struct lt_error *err)
{
    struct rows x = {.store = store, .ring = ring, .err = err};
    enum lt_code rc = all(&x);
    *resealed += x.resealed;
    *lost += x.lost;
    return rc;
}

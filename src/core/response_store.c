/* Answers of the Responses API in the store. Each change is one unit. */
#include "core/response_store.h"

#include "base/clock.h"
#include "core/guard.h"
#include "core/sealed_rows.h"

enum { SWEEP_UNIT = 100, DAY_MS = 24 * 3600 * 1000 };

static int64_t kept_since(const struct lt_site *site, int64_t now_ms)
{
    return now_ms - (int64_t)site->response_keep_days * DAY_MS;
}

struct lt_response_owner lt_response_owner_of(const struct lt_caller *caller)
{
    return (struct lt_response_owner){.site_id = caller->site->id,
                                      .user_id = caller->user_id,
                                      .key_id = caller->key ? caller->key->id : 0,
                                      .since = kept_since(caller->site, lt_now_ms()),
                                      .site = caller->site};
}

/* Whose it is, and whether it is still kept: $1 to $4. */
#define OWNED "r.site_id = $1 AND (($2 <> '' AND r.user_id = $2) OR ($2 = '' AND $3 > 0 AND r.key_id = $3)) AND r.created_at >= $4"
#define OWNER_VALUES(o) LT_INT((o)->site_id), lt_value_text((o)->user_id), LT_INT((o)->key_id), LT_INT((o)->since)

static struct lt_value id_value(const struct lt_uuid *id)
{
    return LT_BLOB(id->b, 16);
}

static struct lt_uuid uuid_of(const struct lt_rows *r, size_t row, size_t column)
{
    struct lt_uuid id = {0};
    struct lt_str bytes = lt_rows_str(r, row, column);
    if (bytes.n == sizeof(id.b))
        memcpy(id.b, bytes.p, sizeof(id.b));
    return id;
}

static enum lt_code not_found(struct lt_error *err)
{
    return lt_fail(err, LT_ENOT_FOUND, "there is no such response");
}

/* ---- sealed texts, where personal data are not to lie in clear ---- */

static struct lt_value sealed(const struct lt_response_owner *o, struct lt_arena *arena, const struct lt_uuid *id, const char *column, struct lt_str text)
{
    return lt_value_text(lt_guard_seal(o->site, arena, text, lt_sealed_place_response(arena, *id, column)));
}

/* What cannot be opened any more is as if it were empty. */
static struct lt_str opened(struct lt_store *store, struct lt_arena *arena, const struct lt_uuid *id, const char *column, struct lt_str text,
                            struct lt_str otherwise)
{
    struct lt_str plain = lt_guard_open(store, arena, text, lt_sealed_place_response(arena, *id, column));
    return plain.p ? plain : otherwise;
}

/* ---- writing ---- */

static enum lt_code check_size(const char *field, struct lt_str items, struct lt_error *err)
{
    if (items.n > LT_RESPONSE_BYTES_MAX)
        return lt_fail_field(err, LT_ETOO_LARGE, field, "takes more than %d bytes as JSON", LT_RESPONSE_BYTES_MAX);
    return LT_OK;
}

enum lt_code lt_response_tx_add(struct lt_tx *tx, const struct lt_response_owner *o, const struct lt_stored_response *r, struct lt_error *err)
{
    if (check_size("/input", r->input, err) || check_size("/output", r->output, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    LT_TX(tx,
          "INSERT INTO openai_response (id, site_id, user_id, key_id, call_id, previous_id, status, reason, code, message, model, settings,"
          " input, output, input_tokens, output_tokens, cached_tokens, reasoning_tokens, bytes, created_at, completed_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
          id_value(&r->id), LT_INT(o->site_id), lt_value_text(o->user_id), LT_INT(o->key_id), id_value(&r->call_id),
          lt_uuid_is_null(r->previous_id) ? LT_NULL : id_value(&r->previous_id), lt_value_text(r->status), lt_value_text(r->reason),
          lt_value_text(r->code), lt_value_text(r->message), lt_value_text(r->model), sealed(o, arena, &r->id, "settings", r->settings),
          sealed(o, arena, &r->id, "input", r->input), sealed(o, arena, &r->id, "output", r->output),
          lt_value_known_int(r->usage.prompt_tokens), lt_value_known_int(r->usage.completion_tokens),
          lt_value_known_int(r->usage.cached_tokens), lt_value_known_int(r->usage.reasoning_tokens), LT_INT(r->input.n + r->output.n),
          LT_INT(r->created_at), LT_INT(r->completed_at));
    lt_arena_free(arena);
    return LT_OK;
}

enum lt_code lt_response_end(struct lt_store *store, const struct lt_response_owner *o, const struct lt_stored_response *r, struct lt_error *err)
{
    if (check_size("/output", r->output, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    struct lt_arena *arena = lt_arena_new();
    LT_TX(tx,
          "UPDATE openai_response SET status = $1, reason = $2, code = $3, message = $4, model = $5, output = $6, input_tokens = $7,"
          " output_tokens = $8, cached_tokens = $9, reasoning_tokens = $10, bytes = $11, completed_at = $12"
          " WHERE id = $13 AND status = 'in_progress'",
          lt_value_text(r->status), lt_value_text(r->reason), lt_value_text(r->code), lt_value_text(r->message), lt_value_text(r->model),
          sealed(o, arena, &r->id, "output", r->output), lt_value_known_int(r->usage.prompt_tokens), lt_value_known_int(r->usage.completion_tokens),
          lt_value_known_int(r->usage.cached_tokens), lt_value_known_int(r->usage.reasoning_tokens), LT_INT(r->input.n + r->output.n),
          LT_INT(r->completed_at), id_value(&r->id));
    lt_arena_free(arena);
    return lt_store_write(store, tx, err);
}

void lt_response_forget(struct lt_store *store, struct lt_uuid id)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM openai_response WHERE id = $1", id_value(&id));
    lt_store_post(store, tx);
}

enum lt_code lt_response_remove(struct lt_store *store, const struct lt_response_owner *owner, struct lt_uuid id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM openai_response AS r WHERE " OWNED " AND r.id = $5", OWNER_VALUES(owner), id_value(&id));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    return rc == LT_ECONFLICT ? not_found(err) : rc;
}

/* ---- reading ---- */

static void fill(struct lt_stored_response *s, const struct lt_rows *r)
{
    *s = (struct lt_stored_response){.id = uuid_of(r, 0, 0),
                                     .previous_id = uuid_of(r, 0, 1),
                                     .call_id = uuid_of(r, 0, 15),
                                     .status = lt_rows_str(r, 0, 2),
                                     .reason = lt_rows_str(r, 0, 3),
                                     .code = lt_rows_str(r, 0, 4),
                                     .message = lt_rows_str(r, 0, 5),
                                     .model = lt_rows_str(r, 0, 6),
                                     .by_key = lt_rows_int(r, 0, 17) != 0,
                                     .settings = lt_rows_str(r, 0, 7),
                                     .input = lt_rows_str(r, 0, 8),
                                     .output = lt_rows_str(r, 0, 9),
                                     .usage = LT_USAGE_UNKNOWN,
                                     .created_at = lt_rows_int(r, 0, 13),
                                     .completed_at = lt_rows_int(r, 0, 14)};
    s->usage.prompt_tokens = lt_rows_int_or(r, 0, 10, -1);
    s->usage.completion_tokens = lt_rows_int_or(r, 0, 11, -1);
    s->usage.cached_tokens = lt_rows_int_or(r, 0, 12, -1);
    s->usage.reasoning_tokens = lt_rows_int_or(r, 0, 16, -1);
}

enum lt_code lt_response_find(struct lt_store *store, struct lt_arena *arena, const struct lt_response_owner *owner, struct lt_uuid id,
                              struct lt_stored_response *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT r.id, r.previous_id, r.status, r.reason, r.code, r.message, r.model, r.settings, r.input, r.output, r.input_tokens,"
                 " r.output_tokens, r.cached_tokens, r.created_at, r.completed_at, r.call_id, r.reasoning_tokens,"
                 " r.key_id FROM openai_response r WHERE " OWNED " AND r.id = $5",
                 OWNER_VALUES(owner), id_value(&id)))
        return lt_error_wrap(err, "stored response");
    if (r.rows == 0)
        return not_found(err);
    fill(ret, &r);
    ret->settings = opened(store, arena, &id, "settings", ret->settings, LT_STR("{}"));
    ret->input = opened(store, arena, &id, "input", ret->input, LT_STR("[]"));
    ret->output = opened(store, arena, &id, "output", ret->output, LT_STR("[]"));
    return LT_OK;
}

/* Back from the answer asked for, adding up bytes; of what is beyond the limit nothing is read but that it is there. */
static const char thread_sql[] =
    "WITH RECURSIVE thread (id, previous_id, depth, total) AS ("
    " SELECT r.id, r.previous_id, 1, r.bytes FROM openai_response r WHERE " OWNED " AND r.id = $5"
    " UNION ALL"
    " SELECT r.id, r.previous_id, t.depth + 1, t.total + r.bytes FROM thread t JOIN openai_response r ON r.id = t.previous_id"
    " WHERE " OWNED " AND t.depth <= $6 AND t.total <= $7)"
    " SELECT t.id, t.previous_id, t.total, CASE WHEN t.depth <= $6 AND t.total <= $7 THEN r.input END,"
    " CASE WHEN t.depth <= $6 AND t.total <= $7 THEN r.output END FROM thread t JOIN openai_response r ON r.id = t.id ORDER BY t.depth";

enum lt_code lt_response_read_thread(struct lt_store *store, struct lt_arena *arena, const struct lt_response_owner *owner, struct lt_uuid id,
                                     struct lt_response_thread *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, thread_sql, OWNER_VALUES(owner), id_value(&id), LT_INT(LT_RESPONSE_THREAD_MAX),
                 LT_INT(LT_RESPONSE_THREAD_BYTES_MAX)))
        return lt_error_wrap(err, "stored thread");
    if (r.rows == 0)
        return not_found(err);
    size_t n = 0;
    while (n < r.rows && lt_rows_at(&r, n, 3)->type != LT_V_NULL)
        n++;
    bool begins = n > 0 && lt_rows_at(&r, n - 1, 1)->type == LT_V_NULL;
    *ret = (struct lt_response_thread){.turns = LT_NEW_ARRAY(arena, struct lt_response_turn, n),
                                       .n = n,
                                       .before = n < r.rows ? LT_RESPONSE_LONG : begins ? LT_RESPONSE_WHOLE : LT_RESPONSE_GONE};
    for (size_t i = 0; i < n; i++) {
        struct lt_uuid turn = uuid_of(&r, i, 0);
        ret->turns[n - 1 - i] = (struct lt_response_turn){turn, opened(store, arena, &turn, "input", lt_rows_str(&r, i, 3), LT_STR("[]")),
                                                          opened(store, arena, &turn, "output", lt_rows_str(&r, i, 4), LT_STR("[]"))};
    }
    return LT_OK;
}

/* ---- sweeping ---- */

static enum lt_code sweep_site(struct lt_store *store, const struct lt_site *site, int64_t now_ms, int max, size_t *ret_n, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    *ret_n = 0;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT id FROM openai_response WHERE site_id = $1 AND created_at < $2 ORDER BY created_at LIMIT $3",
                               LT_INT(site->id), LT_INT(kept_since(site, now_ms)), LT_INT(max));
    if (rc == LT_OK && r.rows > 0) {
        struct lt_tx *tx = lt_tx_new();
        for (size_t i = 0; i < r.rows; i++)
            LT_TX(tx, "DELETE FROM openai_response WHERE id = $1", *lt_rows_at(&r, i, 0));
        *ret_n = r.rows;
        rc = lt_store_write(store, tx, err);
    }
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_response_sweep(struct lt_store *store, const struct lt_config *config, int64_t now_ms, int max, bool *ret_more, struct lt_error *err)
{
    int left = max;
    enum lt_code rc = LT_OK;
    for (size_t i = 0; rc == LT_OK && i < config->sites_n && left > 0; i++) {
        size_t n = SWEEP_UNIT;
        while (rc == LT_OK && n == SWEEP_UNIT && left > 0) {
            rc = sweep_site(store, &config->sites[i], now_ms, SWEEP_UNIT, &n, err);
            left -= (int)n;
        }
    }
    *ret_more = left <= 0;
    return rc;
}

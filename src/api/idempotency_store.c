/* The table idempotency_key. */
#include "api/idempotency_store.h"

#include "core/member.h"

enum { SWEEP_MAX = 1000 };

#define WHERE_KEY(site, caller, name) " WHERE site_id = " site " AND caller = " caller " AND name = " name

/* As many as may be. */
static enum lt_code refuse_full(struct lt_error *err)
{
    lt_fail(err, LT_ERATE_LIMITED, "%d keys of this caller are kept, which is as many as may be", LT_KEYS_PER_CALLER);
    err->retry_after_s = 3600;
    return err->code;
}

/* Counting and adding are one statement, so that the limit holds however many come at once. */
enum lt_code lt_key_claim(struct lt_store *store, struct lt_arena *arena, const struct lt_key_id *id, const uint8_t hash[32], int64_t kept_s,
                          struct lt_error *err)
{
    int64_t now = lt_now_ms();
    struct lt_kept other;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM idempotency_key" WHERE_KEY("$1", "$2", "$3") " AND expires_at <= $4", LT_INT(id->site_id), LT_TEXT(id->caller),
          LT_TEXT(id->name), LT_INT(now));
    LT_TX(tx,
          "INSERT INTO idempotency_key (site_id, caller, name, request_hash, state, created_at, expires_at, process)"
          " SELECT $1, $2, $3, $4, 'running', $5, $6, CAST($7 AS BIGINT) FROM meta WHERE name = 'generation' AND"
          " (SELECT COUNT(*) FROM (SELECT 1 FROM idempotency_key WHERE site_id = $1 AND caller = $2 LIMIT $8) AS k) < $8",
          LT_INT(id->site_id), LT_TEXT(id->caller), LT_TEXT(id->name), LT_BLOB(hash, 32), LT_INT(now), LT_INT(now + kept_s * 1000),
          lt_store_process_value(store), LT_INT(LT_KEYS_PER_CALLER));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc != LT_ECONFLICT)
        return rc;
    rc = lt_key_find(store, arena, id, &other, err);
    if (rc == LT_ENOT_FOUND)
        return refuse_full(err);
    return rc ? rc : lt_fail(err, LT_ECONFLICT, "the key was used before");
}

enum lt_code lt_key_find(struct lt_store *store, struct lt_arena *arena, const struct lt_key_id *id, struct lt_kept *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT request_hash, state, call_id, form, status, type, fields, body FROM idempotency_key" WHERE_KEY("$1", "$2", "$3"),
                 LT_INT(id->site_id), LT_TEXT(id->caller), LT_TEXT(id->name)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no such key");
    *ret = (struct lt_kept){.state = lt_rows_str(&r, 0, 1),
                            .call_id = lt_rows_str(&r, 0, 2),
                            .form = lt_rows_str(&r, 0, 3),
                            .status = (int)lt_rows_int(&r, 0, 4),
                            .type = lt_rows_str(&r, 0, 5),
                            .fields = lt_rows_str(&r, 0, 6)};
    struct lt_str hash = lt_rows_str(&r, 0, 0);
    memcpy(ret->hash, hash.p, hash.n < sizeof(ret->hash) ? hash.n : sizeof(ret->hash));
    if (lt_rows_at(&r, 0, 7)->type != LT_V_NULL)
        ret->body = lt_rows_str(&r, 0, 7);
    return LT_OK;
}

enum lt_code lt_key_keep(struct lt_store *store, const struct lt_key_id *id, const struct lt_kept *a, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE idempotency_key SET state = $1, form = $2, status = $3, type = $4, fields = $5, body = $6" WHERE_KEY("$7", "$8", "$9")
          " AND state = 'running'",
          LT_TEXT(a->state), LT_TEXT(a->form), LT_INT(a->status), LT_TEXT(a->type), LT_TEXT(a->fields),
          a->body.p ? LT_BLOB(a->body.p, a->body.n) : LT_NULL, LT_INT(id->site_id), LT_TEXT(id->caller), LT_TEXT(id->name));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_key_release(struct lt_store *store, const struct lt_key_id *id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM idempotency_key" WHERE_KEY("$1", "$2", "$3") " AND state = 'running'", LT_INT(id->site_id), LT_TEXT(id->caller),
          LT_TEXT(id->name));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_key_settle(struct lt_store *store, const struct lt_key_id *id, struct lt_str call_id, struct lt_error *err)
{
    struct lt_uuid call;
    if (!lt_uuid_parse(call_id, &call))
        return lt_key_release(store, id, err);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE idempotency_key SET state = 'done', form = 'whole', call_id = $1" WHERE_KEY("$2", "$3", "$4") " AND state = 'running'"
          " AND EXISTS (SELECT 1 FROM ai_call_end e WHERE e.call_id = $5 AND e.state = 'completed')",
          LT_TEXT(call_id), LT_INT(id->site_id), LT_TEXT(id->caller), LT_TEXT(id->name), LT_BLOB(call.b, 16));
    LT_TX(tx, "DELETE FROM idempotency_key" WHERE_KEY("$1", "$2", "$3") " AND state = 'running'", LT_INT(id->site_id), LT_TEXT(id->caller),
          LT_TEXT(id->name));
    return lt_store_write(store, tx, err);
}

void lt_key_post_call(struct lt_store *store, const struct lt_key_id *id, const char *call_id)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE idempotency_key SET call_id = $1" WHERE_KEY("$2", "$3", "$4"), LT_TEXTZ(call_id), LT_INT(id->site_id), LT_TEXT(id->caller),
          LT_TEXT(id->name));
    lt_store_post(store, tx);
}

void lt_key_sweep(struct lt_store *store)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM idempotency_key WHERE id IN (SELECT id FROM idempotency_key WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
          LT_INT(lt_now_ms()), LT_INT(SWEEP_MAX));
    lt_store_post(store, tx);
}

#define RUNNING_OF(n) " WHERE state = 'running' AND " LT_MEMBER_SCOPE("idempotency_key", n)

enum lt_code lt_api_recover(struct lt_store *store, int64_t process, size_t *ret_n, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT COUNT(*) FROM idempotency_key" RUNNING_OF("$1"), LT_INT(process));
    *ret_n = rc ? 0 : (size_t)lt_rows_int(&r, 0, 0);
    lt_arena_free(arena);
    if (rc || *ret_n == 0)
        return rc;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE idempotency_key SET state = 'interrupted'" RUNNING_OF("$1"), LT_INT(process));
    return lt_store_write(store, tx, err);
}

/* The table console_session. */
#include "api/console.h"

enum lt_code lt_console_add(struct lt_store *store, const struct lt_site_key *key, const struct lt_console *session, struct lt_error *err)
{
    int64_t now = lt_now_ms();
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM console_session WHERE expires_at <= $1", LT_INT(now));
    /* the key may have been revoked since it was looked up */
    LT_TX(tx,
          "INSERT INTO console_session (site_id, key_id, hash, created_at, expires_at)"
          " SELECT $1, id, $2, $3, $4 FROM site_key WHERE id = $5 AND revoked_at = 0",
          LT_INT(key->site->id), LT_BLOB(session->hash, sizeof(session->hash)), LT_INT(now), LT_INT(session->expires_at), LT_INT(key->id));
    lt_tx_expect(tx, 1);
    LT_TX(tx,
          "DELETE FROM console_session WHERE key_id = $1"
          " AND id NOT IN (SELECT id FROM console_session WHERE key_id = $1 ORDER BY id DESC LIMIT $2)",
          LT_INT(key->id), LT_INT(LT_CONSOLE_SESSIONS_MAX));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_console_find(struct lt_store *store, struct lt_arena *arena, struct lt_console *session, uint8_t ret_key[32], struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT s.expires_at, k.hash FROM console_session s JOIN site_key k ON k.id = s.key_id"
                 " WHERE s.hash = $1 AND s.expires_at > $2 AND k.revoked_at = 0",
                 LT_BLOB(session->hash, sizeof(session->hash)), LT_INT(lt_now_ms())))
        return lt_error_wrap(err, "look for a session of the console");
    struct lt_str hash = r.rows == 1 ? lt_rows_str(&r, 0, 1) : LT_STR_NULL;
    if (hash.n != 32)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such session of the console");
    session->expires_at = lt_rows_int(&r, 0, 0);
    memcpy(ret_key, hash.p, hash.n);
    return LT_OK;
}

enum lt_code lt_console_remove(struct lt_store *store, const struct lt_console *session, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM console_session WHERE hash = $1", LT_BLOB(session->hash, sizeof(session->hash)));
    return lt_store_write(store, tx, err);
}

/* Emergency stops: setting, lifting, and who did so when. Nothing of the configuration changes, so nothing is to be read again for it. */
#include "core/admin_private.h"

#include "core/stop.h"

enum lt_code lt_stop_set(struct lt_store *store, int64_t site_id, struct lt_str reason, struct lt_str by, struct lt_error *err)
{
    struct lt_str why = lt_str_trim(reason);
    if (why.n > 0 && !lt_admin_text_ok(why, LT_STOP_REASON_MAX))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/reason", "must be at most %d bytes of UTF-8", LT_STOP_REASON_MAX);
    struct lt_tx *tx = lt_tx_new();
    struct lt_str text = why.n > 0 ? why : LT_STR("");
    int64_t now = lt_now_ms();
    LT_TX(tx, "UPDATE emergency_stop SET lifted_at = $1, lifted_by = $2 WHERE site_id = $3 AND lifted_at = 0 AND reason <> $4", LT_INT(now), LT_TEXT(by),
          LT_INT(site_id), LT_TEXT(text));
    LT_TX(tx,
          "INSERT INTO emergency_stop (site_id, reason, stopped_by, stopped_at) SELECT $1, $2, $3, $4"
          " WHERE NOT EXISTS (SELECT 1 FROM emergency_stop WHERE site_id = $1 AND lifted_at = 0)",
          LT_INT(site_id), LT_TEXT(text), LT_TEXT(by), LT_INT(now));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_stop_lift(struct lt_store *store, int64_t site_id, struct lt_str by, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE emergency_stop SET lifted_at = $1, lifted_by = $2 WHERE site_id = $3 AND lifted_at = 0", LT_INT(lt_now_ms()), LT_TEXT(by),
          LT_INT(site_id));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_stop_list(struct lt_store *store, struct lt_arena *arena, int64_t site_id, bool in_force, size_t max, struct lt_stop **ret, size_t *ret_n,
                          struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, arena,
                       "SELECT id, site_id, reason, stopped_by, stopped_at, lifted_by, lifted_at FROM emergency_stop"
                       " WHERE ($1 = 0 OR site_id IN (0, $1)) AND (lifted_at = 0 OR $2 = 0) ORDER BY id DESC",
                       (const struct lt_value[]){LT_INT(site_id), LT_INT(in_force)}, 2, max, &r, err))
        return lt_error_wrap(err, "emergency stops");
    *ret = LT_NEW_ARRAY(arena, struct lt_stop, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_stop){.id = lt_rows_int(&r, i, 0),
                                     .site_id = lt_rows_int(&r, i, 1),
                                     .reason = lt_rows_str(&r, i, 2),
                                     .by = lt_rows_str(&r, i, 3),
                                     .since = lt_rows_int(&r, i, 4),
                                     .lifted_by = lt_rows_str(&r, i, 5),
                                     .lifted_at = lt_rows_int(&r, i, 6)};
    return LT_OK;
}

/* Gradings that are not kept any more. */
#include "workflows/grading.h"

enum { SWEEP_UNIT = 100 };

static enum lt_code sweep_site(struct lt_store *store, const struct lt_site *site, int64_t now_ms, size_t *ret_n, struct lt_error *err)
{
    const int64_t day_ms = 24 * 3600 * 1000, before = now_ms - (int64_t)site->grading_keep_days * day_ms;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    *ret_n = 0;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT id FROM grading WHERE site_id = $1 AND created_at < $2 ORDER BY created_at LIMIT $3",
                               LT_INT(site->id), LT_INT(before), LT_INT(SWEEP_UNIT));
    if (rc == LT_OK && r.rows > 0) {
        struct lt_tx *tx = lt_tx_new();
        for (size_t i = 0; i < r.rows; i++)
            LT_TX(tx, "DELETE FROM grading WHERE id = $1", *lt_rows_at(&r, i, 0));
        *ret_n = r.rows;
        rc = lt_store_write(store, tx, err);
    }
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_grading_sweep(struct lt_store *store, const struct lt_config *config, int64_t now_ms, int max, bool *ret_more, struct lt_error *err)
{
    int left = max;
    enum lt_code rc = LT_OK;
    for (size_t i = 0; rc == LT_OK && i < config->sites_n && left > 0; i++) {
        size_t n = SWEEP_UNIT;
        while (rc == LT_OK && n == SWEEP_UNIT && left > 0) {
            rc = sweep_site(store, &config->sites[i], now_ms, &n, err);
            left -= (int)n;
        }
    }
    *ret_more = left <= 0;
    return rc;
}

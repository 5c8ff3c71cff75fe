/* The outbox as the store has it: leases, batches, outcomes. */
#include "base/clock.h"
#include "events/private.h"

enum { PAUSE_FIRST_MS = 1000, PAUSE_MAX_MS = 300 * 1000, ERROR_KEPT = 500 /* bytes */ };

enum lt_code lt_events_lease(struct lt_events *e, int64_t destination_id, struct lt_error *err)
{
    int64_t now = lt_now_ms();
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE event_delivery SET owner = $1, lease_until = $2 WHERE destination_id = $3 AND (owner = $1 OR lease_until < $4)",
          LT_TEXTZ(e->owner), LT_INT(now + LT_EVENTS_LEASE_MS), LT_INT(destination_id), LT_INT(now));
    lt_tx_expect(tx, 1);
    return lt_store_write(e->options.store, tx, err);
}

void lt_events_release(struct lt_events *e, int64_t destination_id)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE event_delivery SET lease_until = 0 WHERE destination_id = $1 AND owner = $2", LT_INT(destination_id), LT_TEXTZ(e->owner));
    lt_store_post(e->options.store, tx);
}

enum lt_code lt_events_due(struct lt_events *e, struct lt_arena *arena, int max, int64_t **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    int64_t now = lt_now_ms();
    if (LT_QUERY(e->options.store, arena, &r, err,
                 "SELECT v.destination_id FROM event_delivery v JOIN event_destination d ON d.id = v.destination_id WHERE d.enabled = 1"
                 " AND v.paused_until <= $1 AND (v.lease_until < $1 OR v.owner = $2)"
                 " AND EXISTS (SELECT 1 FROM event_outbox o WHERE o.destination_id = v.destination_id AND o.dead_at = 0)"
                 " ORDER BY v.last_at LIMIT $3",
                 LT_INT(now), LT_TEXTZ(e->owner), LT_INT(max)))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, int64_t, r.rows + 1);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = lt_rows_int(&r, i, 0);
    return LT_OK;
}

enum lt_code lt_events_batch(struct lt_events *e, struct lt_arena *arena, int64_t destination_id, struct lt_event_row **ret, size_t *ret_n,
                             struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(e->options.store, arena, &r, err,
                 "SELECT o.id, o.at_us, o.attempts, o.event_id, o.kind, o.subject, o.user_id, a.actor, o.data FROM event_outbox o"
                 " LEFT JOIN event_actor a ON a.site_id = o.site_id AND a.user_id = o.user_id"
                 " WHERE o.destination_id = $1 AND o.dead_at = 0 ORDER BY o.id LIMIT $2",
                 LT_INT(destination_id), LT_INT(LT_EVENTS_BATCH)))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, struct lt_event_row, r.rows + 1);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_event_row){.id = lt_rows_int(&r, i, 0),
                                          .at_us = lt_rows_int(&r, i, 1),
                                          .attempts = lt_rows_int(&r, i, 2),
                                          .event_id = lt_rows_str(&r, i, 3),
                                          .kind = lt_rows_str(&r, i, 4),
                                          .subject = lt_rows_str(&r, i, 5),
                                          .user_id = lt_rows_str(&r, i, 6),
                                          .actor = lt_rows_str(&r, i, 7),
                                          .data = lt_rows_str(&r, i, 8)};
    return LT_OK;
}

int64_t lt_events_pause(int64_t failures, uint32_t chance)
{
    int64_t whole = PAUSE_MAX_MS;
    if (failures < 1)
        failures = 1;
    if (failures < 10 && (int64_t)PAUSE_FIRST_MS << (failures - 1) < PAUSE_MAX_MS)
        whole = (int64_t)PAUSE_FIRST_MS << (failures - 1);
    return whole / 2 + chance % (uint32_t)(whole / 2 + 1);
}

static struct lt_str kept(struct lt_str text)
{
    return text.n > ERROR_KEPT ? (struct lt_str){text.p, lt_utf8_whole(text.p, ERROR_KEPT)} : text;
}

static void give_up(struct lt_events *e, struct lt_tx *tx, const struct lt_event_row *row, int64_t now, struct lt_str why)
{
    LT_TX(tx, "UPDATE event_outbox SET dead_at = $1, attempts = attempts + 1, reason = $2 WHERE id = $3", LT_INT(now), LT_TEXT(why), LT_INT(row->id));
    atomic_fetch_add(&e->stats.died, 1);
}

static void settle_row(struct lt_events *e, struct lt_tx *tx, const struct lt_event_row *row, enum lt_event_fate fate, int64_t now, struct lt_str why)
{
    if (fate == LT_EVENT_DELIVERED)
        LT_TX(tx, "DELETE FROM event_outbox WHERE id = $1", LT_INT(row->id));
    else if (fate == LT_EVENT_REFUSED || (fate == LT_EVENT_UNWANTED && row->attempts + 1 >= LT_EVENTS_ATTEMPTS_MAX))
        give_up(e, tx, row, now, why);
    else if (fate == LT_EVENT_UNWANTED)
        LT_TX(tx, "UPDATE event_outbox SET attempts = attempts + 1 WHERE id = $1", LT_INT(row->id));
}

/* The failures in a row so far. */
static enum lt_code failures_of(struct lt_events *e, int64_t destination_id, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(e->options.store, arena, &r, err, "SELECT failures FROM event_delivery WHERE destination_id = $1", LT_INT(destination_id));
    *ret = rc == LT_OK && r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    return rc;
}

static void pause_destination(struct lt_events *e, struct lt_tx *tx, int64_t destination_id, int64_t failures, int64_t now, const struct lt_event_sent *sent)
{
    uint32_t chance;
    lt_random(&chance, sizeof(chance));
    int64_t pause = lt_events_pause(failures, chance);
    if (pause < sent->retry_after_s * 1000)
        pause = sent->retry_after_s * 1000;
    LT_TX(tx, "UPDATE event_delivery SET failures = $1, paused_until = $2, last_error = $3, lease_until = 0, last_at = $4 WHERE destination_id = $5",
          LT_INT(failures), LT_INT(now + pause / e->options.pace), LT_TEXT(kept(lt_str(sent->error.detail))), LT_INT(now), LT_INT(destination_id));
}

enum lt_code lt_events_settle(struct lt_events *e, int64_t destination_id, const struct lt_event_row *rows, size_t n, const struct lt_event_sent *sent,
                              bool *ret_paused, struct lt_error *err)
{
    int64_t now = lt_now_ms(), delivered = 0, failures = 0;
    if (sent->trouble && failures_of(e, destination_id, &failures, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < n; i++) {
        settle_row(e, tx, &rows[i], sent->fates[i], now, kept(sent->reasons[i].p ? sent->reasons[i] : lt_str(sent->error.detail)));
        delivered += sent->fates[i] == LT_EVENT_DELIVERED;
    }
    if (sent->trouble)
        atomic_fetch_add(&e->stats.failed, 1);
    LT_TX(tx, "UPDATE event_delivery SET delivered = delivered + $1, lease_until = $2, failures = CASE WHEN $1 > 0 THEN 0 ELSE failures END, last_at = $3"
              " WHERE destination_id = $4 AND owner = $5",
          LT_INT(delivered), LT_INT(now + LT_EVENTS_LEASE_MS), LT_INT(now), LT_INT(destination_id), LT_TEXTZ(e->owner));
    lt_tx_expect(tx, 1); /* another process has taken it over: what was delivered may be delivered again there */
    *ret_paused = sent->trouble;
    if (sent->trouble)
        pause_destination(e, tx, destination_id, delivered > 0 ? 1 : failures + 1, now, sent);
    enum lt_code rc = lt_store_write(e->options.store, tx, err);
    if (rc == LT_OK)
        atomic_fetch_add(&e->stats.delivered, (uint64_t)delivered);
    return rc;
}

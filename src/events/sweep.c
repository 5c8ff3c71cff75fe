/* What must not wait for ever, and how much there is of it. */
#include "base/clock.h"
#include "base/log.h"
#include "events/private.h"

enum { UNIT = 1000 };

/* Beyond `max` of one destination the oldest go: waiting ones (dead 0) or given up. */
static enum lt_code cut(struct lt_events *e, int64_t destination_id, bool dead, int64_t have, int64_t max, struct lt_error *err)
{
    int64_t too_many = have > max ? have - max : 0;
    for (int64_t n; too_many > 0; too_many -= n) {
        n = too_many < UNIT ? too_many : UNIT;
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx,
              "DELETE FROM event_outbox WHERE id IN (SELECT id FROM event_outbox WHERE destination_id = $1 AND ((dead_at > 0 AND $2 = 1) OR"
              " (dead_at = 0 AND $2 = 0)) ORDER BY id LIMIT $3)",
              LT_INT(destination_id), LT_INT(dead), LT_INT(n));
        LT_TX(tx, "UPDATE event_delivery SET dropped = dropped + $1 WHERE destination_id = $2", LT_INT(n), LT_INT(destination_id));
        if (lt_store_write(e->options.store, tx, err))
            return err->code;
        atomic_fetch_add(&e->stats.dropped, (uint64_t)n);
        lt_log(LT_LOG_ERROR, "events.dropped", LT_I("destination", destination_id), LT_I("events", n), LT_S("why", dead ? "too many were given up" : "too many wait"));
    }
    return LT_OK;
}

static enum lt_code remove_old(struct lt_events *e, int64_t now, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    int64_t age = LT_EVENTS_MAX_AGE_MS / e->options.pace;
    LT_TX(tx,
          "UPDATE event_outbox SET dead_at = $1, reason = 'it was too old' WHERE id IN (SELECT id FROM event_outbox WHERE dead_at = 0 AND at_us < $2 LIMIT $3)",
          LT_INT(now), LT_INT((now - age) * 1000), LT_INT(UNIT));
    LT_TX(tx, "DELETE FROM event_outbox WHERE id IN (SELECT id FROM event_outbox WHERE dead_at > 0 AND dead_at < $1 LIMIT $2)", LT_INT(now - LT_EVENTS_DEAD_KEPT_MS),
          LT_INT(UNIT));
    return lt_store_write(e->options.store, tx, err);
}

/* Written by a process that had not yet seen that the destination is gone. */
static enum lt_code remove_orphans(struct lt_events *e, int64_t destination_id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM event_outbox WHERE destination_id = $1", LT_INT(destination_id));
    return lt_store_write(e->options.store, tx, err);
}

static enum lt_code count(struct lt_events *e, int64_t now, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    int64_t waiting = 0, dead = 0, oldest = now * 1000;
    enum lt_code rc = LT_QUERY(e->options.store, arena, &r, err,
                               "SELECT o.destination_id, SUM(CASE WHEN o.dead_at = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN o.dead_at > 0 THEN 1 ELSE 0 END),"
                               " MIN(CASE WHEN o.dead_at = 0 THEN o.at_us END), MAX(d.id) FROM event_outbox o"
                               " LEFT JOIN event_destination d ON d.id = o.destination_id GROUP BY o.destination_id");
    for (size_t i = 0; rc == LT_OK && i < r.rows; i++) {
        if (lt_rows_at(&r, i, 4)->type == LT_V_NULL) {
            rc = remove_orphans(e, lt_rows_int(&r, i, 0), err);
            continue;
        }
        waiting += lt_rows_int(&r, i, 1);
        dead += lt_rows_int(&r, i, 2);
        int64_t at = lt_rows_int_or(&r, i, 3, oldest);
        oldest = at < oldest ? at : oldest;
        rc = cut(e, lt_rows_int(&r, i, 0), false, lt_rows_int(&r, i, 1), LT_EVENTS_WAITING_MAX, err);
        if (rc == LT_OK)
            rc = cut(e, lt_rows_int(&r, i, 0), true, lt_rows_int(&r, i, 2), LT_EVENTS_DEAD_MAX, err);
    }
    if (rc == LT_OK) {
        atomic_store(&e->stats.waiting, (uint64_t)waiting);
        atomic_store(&e->stats.dead, (uint64_t)dead);
        atomic_store(&e->stats.oldest_s, (uint64_t)((now * 1000 - oldest) / 1000000));
    }
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_events_sweep(struct lt_events *e, struct lt_error *err)
{
    int64_t now = lt_now_ms();
    if (remove_old(e, now, err))
        return err->code;
    return count(e, now, err);
}

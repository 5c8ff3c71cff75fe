/* The list of what was given up, and how it goes at a destination. */
#include "base/clock.h"
#include "events/private.h"

enum lt_code lt_events_dead(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t destination_id, int64_t before, int limit,
                            struct lt_event_dead **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT o.id, o.destination_id, o.at_us, o.dead_at, o.attempts, d.name, o.event_id, o.kind, o.subject, o.user_id, o.data, o.reason"
                 " FROM event_outbox o JOIN event_destination d ON d.id = o.destination_id WHERE o.site_id = $1 AND o.dead_at > 0"
                 " AND (o.destination_id = $2 OR $2 = 0) AND (o.id < $3 OR $3 = 0) ORDER BY o.id DESC LIMIT $4",
                 LT_INT(site_id), LT_INT(destination_id), LT_INT(before), LT_INT(limit)))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, struct lt_event_dead, r.rows + 1);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_event_dead){.id = lt_rows_int(&r, i, 0),
                                           .destination_id = lt_rows_int(&r, i, 1),
                                           .at_us = lt_rows_int(&r, i, 2),
                                           .dead_at = lt_rows_int(&r, i, 3),
                                           .attempts = lt_rows_int(&r, i, 4),
                                           .destination = lt_rows_str(&r, i, 5),
                                           .event_id = lt_rows_str(&r, i, 6),
                                           .kind = lt_rows_str(&r, i, 7),
                                           .subject = lt_rows_str(&r, i, 8),
                                           .user_id = lt_rows_str(&r, i, 9),
                                           .data = lt_rows_str(&r, i, 10),
                                           .reason = lt_rows_str(&r, i, 11)};
    return LT_OK;
}

#define MINE "site_id = $1 AND dead_at > 0 AND (destination_id = $2 OR $2 = 0) AND (id = $3 OR $3 = 0)"
#define MINE_VALUES LT_INT(site_id), LT_INT(destination_id), LT_INT(id)

static enum lt_code count(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT COUNT(*) FROM event_outbox WHERE " MINE, MINE_VALUES);
    *ret = rc == LT_OK ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    if (rc == LT_OK && id > 0 && *ret == 0)
        rc = lt_fail(err, LT_ENOT_FOUND, "no event %lld was given up", (long long)id);
    return rc;
}

/* New rows at the end: one that is put back where it was would hold up what came after it. */
enum lt_code lt_events_retry(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret_n, struct lt_error *err)
{
    enum lt_code rc = count(store, site_id, destination_id, id, ret_n, err);
    if (rc || *ret_n == 0)
        return rc;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE event_delivery SET paused_until = 0 WHERE destination_id IN (SELECT destination_id FROM event_outbox WHERE " MINE ")", MINE_VALUES);
    LT_TX(tx,
          "INSERT INTO event_outbox (destination_id, site_id, user_id, event_id, kind, subject, at_us, data) SELECT destination_id, site_id, user_id,"
          " event_id, kind, subject, at_us, data FROM event_outbox WHERE " MINE " ORDER BY id", MINE_VALUES);
    LT_TX(tx, "DELETE FROM event_outbox WHERE " MINE, MINE_VALUES);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_events_drop(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret_n, struct lt_error *err)
{
    enum lt_code rc = count(store, site_id, destination_id, id, ret_n, err);
    if (rc || *ret_n == 0)
        return rc;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM event_outbox WHERE " MINE, MINE_VALUES);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_events_state(struct lt_store *store, struct lt_arena *arena, int64_t destination_id, struct lt_event_state *ret, struct lt_error *err)
{
    struct lt_rows v, o;
    *ret = (struct lt_event_state){.last_error = LT_STR("")};
    if (LT_QUERY(store, arena, &v, err, "SELECT delivered, dropped, failures, paused_until, last_at, last_error FROM event_delivery WHERE destination_id = $1",
                 LT_INT(destination_id)) ||
        LT_QUERY(store, arena, &o, err,
                 "SELECT SUM(CASE WHEN dead_at = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN dead_at > 0 THEN 1 ELSE 0 END), MIN(CASE WHEN dead_at = 0 THEN at_us END)"
                 " FROM event_outbox WHERE destination_id = $1",
                 LT_INT(destination_id)))
        return err->code;
    ret->waiting = lt_rows_int(&o, 0, 0);
    ret->dead = lt_rows_int(&o, 0, 1);
    ret->oldest_at = lt_rows_int(&o, 0, 2) / 1000;
    if (v.rows > 0) {
        ret->delivered = lt_rows_int(&v, 0, 0);
        ret->dropped = lt_rows_int(&v, 0, 1);
        ret->failures = lt_rows_int(&v, 0, 2);
        ret->paused_until = lt_rows_int(&v, 0, 3);
        ret->last_at = lt_rows_int(&v, 0, 4);
        ret->last_error = lt_rows_str(&v, 0, 5);
    }
    return LT_OK;
}

void lt_event_state_put(struct lt_jw *w, const struct lt_event_state *s)
{
    lt_jw_kint(w, "waiting", s->waiting);
    lt_jw_ktime(w, "oldest_at", s->oldest_at);
    lt_jw_kint(w, "delivered", s->delivered);
    lt_jw_kint(w, "dead", s->dead);
    lt_jw_kint(w, "dropped", s->dropped);
    lt_jw_kint(w, "failures", s->failures);
    lt_jw_ktime(w, "paused_until", s->failures > 0 ? s->paused_until : 0);
    lt_jw_kstr_nonempty(w, "last_error", s->failures > 0 ? s->last_error : LT_STR(""));
    lt_jw_ktime(w, "last_at", s->last_at);
}

void lt_event_dead_write(struct lt_jw *w, const struct lt_event_dead *d)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", d->id);
    lt_jw_kint(w, "destination_id", d->destination_id);
    lt_jw_kstr(w, "destination", d->destination);
    lt_jw_kstr(w, "event_id", d->event_id);
    lt_jw_kstr(w, "type", d->kind);
    lt_jw_kstr(w, "user_id", d->user_id);
    lt_jw_kint(w, "attempts", d->attempts);
    lt_jw_kstr(w, "reason", d->reason);
    lt_jw_ktime(w, "created_at", d->at_us / 1000);
    lt_jw_ktime(w, "given_up_at", d->dead_at);
    lt_jw_key(w, "data");
    lt_jw_raw(w, d->data);
    lt_jw_end(w);
}

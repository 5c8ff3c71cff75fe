/*
 * Statements of quotas. Whoever changes usage_counter does so under one advisory lock, until the commit: sums over slots are then what they will be
 * at the commit, and nothing waits in a circle. Calls' own units touch rows of their process alone.
 */
#include "core/quota_store.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/quota.h"
#include "core/sole.h"

enum { DEAD_MAX = 16 };
#define LOCK INT64_C(5494726962)

static struct lt_tx *locked(void)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "SELECT pg_advisory_xact_lock($1)", LT_INT(LOCK));
    return tx;
}

enum lt_code lt_quota_measure(struct lt_store *store, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    int64_t before = lt_now_ms();
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT " LT_DATABASE_NOW);
    *ret = rc || r.rows == 0 ? 0 : lt_rows_int(&r, 0, 0) - (before + lt_now_ms()) / 2;
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_quota_enter(struct lt_store *store, const char *process, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO usage_process (id, until) VALUES ($1, " LT_DATABASE_NOW " + $2)", LT_TEXTZ(process), LT_INT(LT_QUOTA_LEASE_MS));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_quota_prolong(struct lt_store *store, const char *process, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE usage_process SET until = " LT_DATABASE_NOW " + $1 WHERE id = $2", LT_INT(LT_QUOTA_LEASE_MS), LT_TEXTZ(process));
    lt_tx_expect(tx, 1);
    return lt_store_write(store, tx, err);
}

/* Its rows are locked first, so that what they say is the last word. */
static void give_all_back(struct lt_tx *tx, const char *process)
{
    LT_TX(tx, "UPDATE usage_lease SET taken = taken WHERE process = $1", LT_TEXTZ(process));
    LT_TX(tx,
          "UPDATE usage_counter SET used = used - (SELECT l.taken - l.spent FROM usage_lease l WHERE l.process = $1"
          " AND l.limit_id = usage_counter.limit_id AND l.counter_key = usage_counter.counter_key AND l.slot = usage_counter.slot)"
          " WHERE (limit_id, counter_key, slot) IN (SELECT limit_id, counter_key, slot FROM usage_lease WHERE process = $1)",
          LT_TEXTZ(process));
    LT_TX(tx, "DELETE FROM usage_lease WHERE process = $1", LT_TEXTZ(process));
    LT_TX(tx, "DELETE FROM usage_process WHERE id = $1", LT_TEXTZ(process));
}

enum lt_code lt_quota_leave(struct lt_store *store, const char *process, struct lt_error *err)
{
    struct lt_tx *tx = locked();
    give_all_back(tx, process);
    return lt_store_write(store, tx, err);
}

static enum lt_code recover_one(struct lt_store *store, const char *process, struct lt_error *err)
{
    struct lt_tx *tx = locked();
    LT_TX(tx, "UPDATE usage_process SET until = until WHERE id = $1 AND until + $2 < " LT_DATABASE_NOW, LT_TEXTZ(process), LT_INT(LT_QUOTA_GRACE_MS));
    lt_tx_expect(tx, 1);
    give_all_back(tx, process);
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc == LT_OK)
        lt_log(LT_LOG_WARN, "limits.recovered", LT_S("process", process));
    return rc == LT_ECONFLICT ? LT_OK : rc; /* another was faster, or it lives */
}

enum lt_code lt_quota_recover(struct lt_store *store, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    struct lt_value values[] = {LT_INT(LT_QUOTA_GRACE_MS)};
    enum lt_code rc = lt_store_query(store, arena, "SELECT id FROM usage_process WHERE until + $1 < " LT_DATABASE_NOW " ORDER BY id LIMIT 16", values, 1,
                                     DEAD_MAX, &r, err);
    for (size_t i = 0; !rc && i < r.rows; i++)
        rc = recover_one(store, lt_str_copy(arena, lt_rows_str(&r, i, 0)).p, err);
    lt_arena_free(arena);
    return rc;
}

static void add_taken(struct lt_tx *tx, const char *process, const struct lt_quota_slot *s, int64_t amount)
{
    LT_TX(tx,
          "INSERT INTO usage_lease (process, limit_id, counter_key, slot, ends_at, taken, spent) VALUES ($1, $2, $3, $4, $5, $6, 0)"
          " ON CONFLICT (process, limit_id, counter_key, slot) DO UPDATE SET taken = usage_lease.taken + excluded.taken",
          LT_TEXTZ(process), LT_INT(s->limit_id), LT_TEXT(s->key), LT_INT(s->slot), LT_INT(s->ends_at), LT_INT(amount));
}

enum lt_code lt_quota_take(struct lt_store *store, const char *process, const struct lt_quota_take *takes, size_t n, int64_t now, struct lt_error *err)
{
    struct lt_tx *tx = locked();
    for (size_t i = 0; i < n; i++) {
        const struct lt_quota_slot *s = &takes[i].slot;
        LT_TX(tx,
              "INSERT INTO usage_counter (limit_id, counter_key, slot, ends_at, used) SELECT $1, $2, $3, $4, $5"
              " WHERE $5 + COALESCE((SELECT SUM(used) FROM usage_counter WHERE limit_id = $1 AND counter_key = $2 AND ends_at > $6), 0) <= $7"
              " AND ($8 = 0 OR NOT EXISTS (SELECT 1 FROM usage_counter WHERE limit_id = $1 AND counter_key = $2 AND ends_at > $6 AND slot <> $3))"
              " ON CONFLICT (limit_id, counter_key, slot) DO UPDATE SET used = usage_counter.used + excluded.used",
              LT_INT(s->limit_id), LT_TEXT(s->key), LT_INT(s->slot), LT_INT(s->ends_at), LT_INT(takes[i].amount), LT_INT(now), LT_INT(takes[i].cap),
              LT_INT(takes[i].fixed));
        lt_tx_expect(tx, 1);
        add_taken(tx, process, s, takes[i].amount);
    }
    return lt_store_write(store, tx, err);
}

/* What is no lease of the process's any more was given back when its user was erased (privacy/inventory.c): no row with that name comes again. */
enum lt_code lt_quota_give_back(struct lt_store *store, const char *process, const struct lt_quota_take *list, size_t n, struct lt_error *err)
{
    struct lt_tx *tx = locked();
    for (size_t i = 0; i < n; i++) {
        const struct lt_quota_slot *s = &list[i].slot;
        LT_TX(tx,
              "UPDATE usage_counter SET used = used - $1 WHERE limit_id = $2 AND counter_key = $3 AND slot = $4"
              " AND EXISTS (SELECT 1 FROM usage_lease WHERE process = $5 AND limit_id = $2 AND counter_key = $3 AND slot = $4)",
              LT_INT(list[i].amount), LT_INT(s->limit_id), LT_TEXT(s->key), LT_INT(s->slot), LT_TEXTZ(process));
        LT_TX(tx, "UPDATE usage_lease SET taken = taken - $1 WHERE process = $2 AND limit_id = $3 AND counter_key = $4 AND slot = $5",
              LT_INT(list[i].amount), LT_TEXTZ(process), LT_INT(s->limit_id), LT_TEXT(s->key), LT_INT(s->slot));
        if (list[i].fixed) /* what was given back has begun nothing */
            LT_TX(tx,
                  "DELETE FROM usage_counter WHERE limit_id = $1 AND counter_key = $2 AND slot = $3 AND used = 0",
                  LT_INT(s->limit_id), LT_TEXT(s->key), LT_INT(s->slot));
    }
    return lt_store_write(store, tx, err);
}

/* The process's row is gone when it was taken for dead: then the foreign key makes the unit fail, without a count that all would wait for. */
void lt_quota_spend(struct lt_tx *tx, const char *process, const struct lt_quota_slot *s, int64_t amount)
{
    LT_TX(tx,
          "INSERT INTO usage_lease (process, limit_id, counter_key, slot, ends_at, taken, spent) VALUES ($1, $2, $3, $4, $5, 0, $6)"
          " ON CONFLICT (process, limit_id, counter_key, slot) DO UPDATE SET spent = usage_lease.spent + excluded.spent",
          LT_TEXTZ(process), LT_INT(s->limit_id), LT_TEXT(s->key), LT_INT(s->slot), LT_INT(s->ends_at), LT_INT(amount));
}

void lt_quota_spend_late(struct lt_tx *tx, const struct lt_quota_slot *s, int64_t amount, bool refuse)
{
    LT_TX(tx, "UPDATE usage_counter SET used = used + $1 WHERE limit_id = $2 AND counter_key = $3 AND slot = $4", LT_INT(amount), LT_INT(s->limit_id),
          LT_TEXT(s->key), LT_INT(s->slot));
    if (refuse)
        lt_tx_expect(tx, 2); /* never so many: what others may have taken since is not used after all */
}

enum lt_code lt_quota_read(struct lt_store *store, int64_t limit_id, struct lt_str key, int64_t now, struct lt_quota_seen *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    *ret = (struct lt_quota_seen){0};
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT c.slot, c.ends_at, c.used, CAST(COALESCE((SELECT SUM(l.taken - l.spent) FROM usage_lease l"
                               " WHERE l.limit_id = c.limit_id AND l.counter_key = c.counter_key AND l.slot = c.slot), 0) AS BIGINT)"
                               " FROM usage_counter c WHERE c.limit_id = $1 AND c.counter_key = $2 AND c.ends_at > $3 ORDER BY c.ends_at LIMIT 64",
                               LT_INT(limit_id), LT_TEXT(key), LT_INT(now));
    for (size_t i = 0; !rc && i < r.rows && i < LT_QUOTA_ROWS; i++) {
        ret->rows[i].slot = lt_rows_int(&r, i, 0);
        ret->rows[i].ends_at = lt_rows_int(&r, i, 1);
        ret->rows[i].used = lt_rows_int(&r, i, 2);
        ret->used += lt_rows_int(&r, i, 2);
        ret->unspent += lt_rows_int(&r, i, 3);
        ret->n = i + 1;
    }
    lt_arena_free(arena);
    return rc ? lt_error_wrap(err, "what was used of limits") : LT_OK;
}

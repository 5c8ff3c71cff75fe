/* Leases by name. */
#include "core/sole.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"

enum { LOOK_MS = 1000, RENEW_MS = LT_SOLE_MS / 3 };

void lt_sole_init(struct lt_sole *l, struct lt_store *store, const char *name)
{
    *l = (struct lt_sole){.store = store, .name = name, .held = !lt_store_is_postgres(store)};
    lt_uuid_format(lt_uuid_new(), l->owner);
}

/* Reading first: a unit that expects what is not so costs the units beside it a second pass. */
static enum lt_code is_free(struct lt_sole *l, bool *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(l->store, arena, &r, err, "SELECT 1 FROM lease WHERE name = $1 AND owner <> $2 AND until > " LT_DATABASE_NOW,
                               LT_TEXTZ(l->name), LT_TEXTZ(l->owner));
    *ret = !rc && r.rows == 0;
    lt_arena_free(arena);
    return rc;
}

static enum lt_code claim(struct lt_sole *l, bool *ret_held, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO lease (name, owner, until) VALUES ($1, $2, " LT_DATABASE_NOW " + $3) ON CONFLICT (name) DO UPDATE"
          " SET owner = excluded.owner, until = excluded.until WHERE lease.owner = excluded.owner OR lease.until <= " LT_DATABASE_NOW,
          LT_TEXTZ(l->name), LT_TEXTZ(l->owner), LT_INT(LT_SOLE_MS));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(l->store, tx, err);
    *ret_held = rc == LT_OK;
    return rc == LT_ECONFLICT ? LT_OK : rc; /* another was faster */
}

enum lt_code lt_sole_take(struct lt_sole *l, bool *ret_held, struct lt_error *err)
{
    uint64_t now = lt_mono_ms();
    bool free_now = false, held = false;
    *ret_held = l->held;
    if (!lt_store_is_postgres(l->store) || now < l->look_at)
        return LT_OK;
    enum lt_code rc = is_free(l, &free_now, err);
    if (!rc && free_now)
        rc = claim(l, &held, err);
    if (held != l->held)
        lt_log(LT_LOG_INFO, held ? "lease.held" : "lease.lost", LT_S("name", l->name));
    *ret_held = l->held = held;
    l->look_at = rc ? 0 : now + (held ? RENEW_MS : LOOK_MS);
    return rc ? lt_error_wrap(err, "lease '%s'", l->name) : LT_OK;
}

void lt_sole_expect(struct lt_sole *l, struct lt_tx *tx)
{
    if (!lt_store_is_postgres(l->store))
        return;
    l->look_at = 0; /* when the unit fails for it, the next look tells */
    LT_TX(tx, "UPDATE lease SET until = " LT_DATABASE_NOW " + $1 WHERE name = $2 AND owner = $3 AND until > " LT_DATABASE_NOW, LT_INT(LT_SOLE_MS),
          LT_TEXTZ(l->name), LT_TEXTZ(l->owner));
    lt_tx_expect(tx, 1);
}

void lt_sole_shut_out(struct lt_store *store, const char *name, struct lt_tx *tx)
{
    if (lt_store_is_postgres(store))
        LT_TX(tx, "UPDATE lease SET until = until WHERE name = $1", LT_TEXTZ(name));
}

void lt_sole_give_back(struct lt_sole *l)
{
    struct lt_error err;
    if (!l->held || !lt_store_is_postgres(l->store))
        return;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM lease WHERE name = $1 AND owner = $2", LT_TEXTZ(l->name), LT_TEXTZ(l->owner));
    if (lt_store_write(l->store, tx, &err))
        lt_log_error("lease.give_back", &err);
    l->held = false;
}

/* The table `master_key`. */
#include "core/master_key.h"

#include "base/clock.h"

static bool has(const struct lt_keyring *ring, struct lt_str name)
{
    for (size_t i = 0; i < lt_keyring_count(ring); i++)
        if (lt_str_is(name, lt_keyring_id(ring, i)))
            return true;
    return false;
}

static enum lt_code present(struct lt_store *store, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT name FROM master_key ORDER BY id DESC LIMIT 1");
    *ret = rc == LT_OK && r.rows > 0 ? lt_rows_str(&r, 0, 0) : LT_STR("");
    return rc;
}

/* *ret: the name of the present one, "" before the first daemon. */
static enum lt_code check(struct lt_store *store, const struct lt_keyring *ring, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    bool ours;
    if (present(store, arena, ret, err) || ret->n == 0 || has(ring, *ret))
        return err->code;
    return lt_fail(err, LT_ECONFIG,
                   "the secrets of this database are sealed with the key %.*s, which is not in %s (first there: %s); all processes on a database need the same"
                   " file of master keys",
                   LT_FMT(*ret), lt_store_master_key_file(store, &ours), lt_keyring_id(ring, 0));
}

enum lt_code lt_master_key_check(struct lt_store *store, const struct lt_keyring *ring, struct lt_error *err)
{
    struct lt_str name;
    if (!lt_store_is_postgres(store))
        return LT_OK;
    *err = (struct lt_error){0};
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = check(store, ring, arena, &name, err);
    lt_arena_free(arena);
    return rc ? lt_error_wrap(err, "master key") : LT_OK;
}

/* Looked at again behind the writing: two that start for the first time in one moment agree on one key, or one of them is refused. */
static enum lt_code use(struct lt_store *store, const struct lt_keyring *ring, struct lt_arena *arena, struct lt_error *err)
{
    struct lt_str name;
    if (check(store, ring, arena, &name, err) || lt_str_is(name, lt_keyring_id(ring, 0)))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO master_key (name, seen_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", LT_TEXTZ(lt_keyring_id(ring, 0)),
          LT_INT(lt_now_ms()));
    return lt_store_write(store, tx, err) ? err->code : check(store, ring, arena, &name, err);
}

enum lt_code lt_master_key_use(struct lt_store *store, struct lt_error *err)
{
    struct lt_keyring *ring;
    if (!lt_store_is_postgres(store))
        return LT_OK;
    if (lt_secrets_ring(store, false, &ring, err))
        return err->code;
    *err = (struct lt_error){0};
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = use(store, ring, arena, err);
    lt_arena_free(arena);
    lt_keyring_free(ring);
    return rc ? lt_error_wrap(err, "master key") : LT_OK;
}

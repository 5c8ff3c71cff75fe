/*
 * The AI policy. Acceptances are rows; a positive answer is kept in a table of each loop, so that the hot path neither reads the store
 * nor takes a lock. The table is emptied when the configuration changes, when it is full, and when anybody withdraws in this process.
 * A negative answer is never kept.
 */
#include "core/policy.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/admin.h"
#include "core/policy_cache.h"

enum { CACHE_SLOTS = 16384, CACHE_MAX = CACHE_SLOTS / 2 };

struct accepted {
    uint64_t hash;
    int64_t site_id;
    struct lt_str user_id, version;
};

struct cache {
    struct lt_arena *arena;
    struct accepted *slots;
    size_t used;
    int64_t generation; /* of the configuration it belongs to */
    unsigned withdrawals;
};

static _Atomic unsigned withdrawals;

static uint64_t hash(int64_t site_id, struct lt_str user, struct lt_str version)
{
    uint64_t h = lt_hash64(LT_HASH64_START ^ (uint64_t)site_id, user.p, user.n); /* ids come from the LMS, not from learners' free choice */
    return lt_hash64(h, version.p, version.n) | 1;                               /* 0 marks a free slot */
}

static void cache_free(void *p)
{
    struct cache *c = p;
    lt_arena_free(c->arena);
    free(c);
}

static void cache_empty(struct cache *c)
{
    lt_arena_free(c->arena);
    c->arena = lt_arena_new();
    c->slots = LT_NEW_ARRAY(c->arena, struct accepted, CACHE_SLOTS);
    c->used = 0;
}

/* The cache of this loop, valid for the present configuration; NULL outside loops. */
static struct cache *cache_here(void)
{
    struct lt_loop *loop = lt_loop_self();
    struct lt_config *config = loop ? lt_config_current() : NULL;
    if (!config)
        return NULL;
    struct cache *c = lt_loop_slot(loop, LT_SLOT_POLICY);
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c)
            abort();
        c->generation = -1;
        lt_loop_set_slot(loop, LT_SLOT_POLICY, c, cache_free);
    }
    unsigned now = atomic_load(&withdrawals);
    if (c->generation != config->generation || c->withdrawals != now || c->used > CACHE_MAX) {
        cache_empty(c);
        c->generation = config->generation;
        c->withdrawals = now;
    }
    return c;
}

static struct accepted *slot_for(struct cache *c, int64_t site_id, struct lt_str user, struct lt_str version)
{
    uint64_t h = hash(site_id, user, version);
    for (size_t i = h % CACHE_SLOTS;; i = (i + 1) % CACHE_SLOTS) {
        struct accepted *a = &c->slots[i];
        if (a->hash == 0)
            return a;
        if (a->hash == h && a->site_id == site_id && lt_str_eq(a->user_id, user) && lt_str_eq(a->version, version))
            return a;
    }
}

bool lt_policy_asked(const struct lt_site *site)
{
    return site->policy_version.n > 0 && !site->policy_by_lms;
}

bool lt_policy_known_accepted(const struct lt_caller *caller)
{
    struct cache *c = cache_here();
    return c && slot_for(c, caller->site->id, caller->user_id, caller->site->policy_version)->hash != 0;
}

static void remember(const struct lt_caller *caller)
{
    struct cache *c = cache_here();
    if (!c)
        return;
    struct lt_str version = caller->site->policy_version;
    struct accepted *a = slot_for(c, caller->site->id, caller->user_id, version);
    if (a->hash != 0)
        return;
    *a = (struct accepted){.hash = hash(caller->site->id, caller->user_id, version),
                           .site_id = caller->site->id,
                           .user_id = lt_str_copy(c->arena, caller->user_id),
                           .version = lt_str_copy(c->arena, version)};
    c->used++;
}

enum lt_code lt_policy_get(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_policy_status *ret,
                           struct lt_error *err)
{
    const struct lt_site *site = caller->site;
    *ret = (struct lt_policy_status){.version = site->policy_version, .text = site->policy_text};
    unsigned before = atomic_load(&withdrawals);
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT version, accepted, decided_at FROM policy_acceptance WHERE site_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT 1",
                 LT_INT(site->id), LT_TEXT(caller->user_id)))
        return lt_error_wrap(err, "policy of the user");
    if (r.rows == 0 || !lt_rows_int(&r, 0, 1) || !lt_str_eq(lt_rows_str(&r, 0, 0), site->policy_version))
        return LT_OK;
    ret->accepted = true;
    ret->accepted_at = lt_rows_int(&r, 0, 2);
    if (before == atomic_load(&withdrawals)) /* nobody withdrew while we read */
        remember(caller);
    return LT_OK;
}

enum lt_code lt_policy_accept(struct lt_store *store, const struct lt_caller *caller, struct lt_str version, struct lt_str context,
                              struct lt_error *err)
{
    if (caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user/id", "a user must be named to accept the policy");
    if (!lt_str_eq(version, caller->site->policy_version))
        return lt_fail_field(err, LT_ECONFLICT, "/version", "the policy in force is version '%.*s'", LT_FMT(caller->site->policy_version));
    struct lt_arena *arena = lt_arena_new();
    struct lt_policy_status status;
    enum lt_code rc = lt_policy_get(store, arena, caller, &status, err);
    lt_arena_free(arena);
    if (rc || status.accepted)
        return rc;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO policy_acceptance (site_id, user_id, version, accepted, context, decided_at) VALUES ($1, $2, $3, 1, $4, $5)",
          LT_INT(caller->site->id), LT_TEXT(caller->user_id), LT_TEXT(version), LT_TEXT(context.p ? context : LT_STR("")), LT_INT(lt_now_ms()));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_policy_withdraw(struct lt_store *store, const struct lt_caller *caller, struct lt_error *err)
{
    if (caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user/id", "a user must be named to withdraw from the policy");
    struct lt_arena *arena = lt_arena_new();
    struct lt_policy_status status;
    enum lt_code known = lt_policy_get(store, arena, caller, &status, err);
    lt_arena_free(arena);
    if (known || !status.accepted) /* nothing to take back: no row, and no configuration is read again for it */
        return known;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO policy_acceptance (site_id, user_id, version, accepted, decided_at) VALUES ($1, $2, $3, 0, $4)",
          LT_INT(caller->site->id), LT_TEXT(caller->user_id), LT_TEXT(caller->site->policy_version), LT_INT(lt_now_ms()));
    lt_admin_touch(tx); /* other processes empty their caches when they see the new generation */
    atomic_fetch_add(&withdrawals, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    atomic_fetch_add(&withdrawals, 1); /* again: a read may have run between the first and the write */
    return rc;
}

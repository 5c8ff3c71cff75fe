/*
 * The AI policy. Acceptances are rows; a positive answer is kept in a table of each loop, so that the hot path neither reads the store
 * nor takes a lock. The table is emptied when the configuration changes, when it is full, and when anybody withdraws in this process.
 * A negative answer is never kept.
 * Fuzzed by tests/fuzz/fuzz_policy.c.
 */
#include "core/policy.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "core/admin.h"
#include "core/outbox.h"
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
            lt_out_of_memory(0);
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

static bool all_digits(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

struct lt_str lt_policy_major(struct lt_str version)
{
    size_t v = version.n > 0 && (version.p[0] == 'v' || version.p[0] == 'V');
    struct lt_str rest = {version.p + v, version.n - v}, major = lt_str_cut(&rest, '.');
    if (!all_digits(major) || (version.n > 0 && version.p[version.n - 1] == '.'))
        return version;
    while (rest.n > 0)
        if (!all_digits(lt_str_cut(&rest, '.')))
            return version;
    while (major.n > 1 && major.p[0] == '0')
        major = (struct lt_str){major.p + 1, major.n - 1};
    return major;
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

/* Of a row version, accepted, decided_at, language. */
static void take_row(const struct lt_site *site, const struct lt_rows *r, size_t i, struct lt_policy_status *ret)
{
    struct lt_str version = lt_rows_str(r, i, 0);
    if (!lt_rows_int(r, i, 1) || site->policy_version.n == 0 || !lt_str_eq(lt_policy_major(version), lt_policy_major(site->policy_version)))
        return;
    ret->accepted = true;
    ret->accepted_version = version;
    ret->accepted_at = lt_rows_int(r, i, 2);
    ret->accepted_language = lt_rows_str(r, i, 3);
}

static struct lt_policy_status not_accepted(const struct lt_site *site)
{
    return (struct lt_policy_status){
        .version = site->policy_version, .text = site->policy_text, .accepted_version = LT_STR(""), .accepted_language = LT_STR("")};
}

enum lt_code lt_policy_get(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_policy_status *ret,
                           struct lt_error *err)
{
    const struct lt_site *site = caller->site;
    *ret = not_accepted(site);
    unsigned before = atomic_load(&withdrawals);
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT version, accepted, decided_at, language FROM policy_acceptance WHERE site_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT 1",
                 LT_INT(site->id), LT_TEXT(caller->user_id)))
        return lt_error_wrap(err, "policy of the user");
    if (r.rows > 0)
        take_row(site, &r, 0, ret);
    if (ret->accepted && atomic_load(&withdrawals) == before) /* else it may have been read before somebody withdrew */
        remember(caller);
    return LT_OK;
}

/* As many users as one statement asks for; what is missing at the end is asked for as nobody. */
#define MANY 50
#define TEN(a) "$" a "0,$" a "1,$" a "2,$" a "3,$" a "4,$" a "5,$" a "6,$" a "7,$" a "8,$" a "9"
static const char many_sql[] =
    "SELECT version, accepted, decided_at, language, user_id FROM policy_acceptance WHERE site_id = $1 AND id IN"
    " (SELECT MAX(id) FROM policy_acceptance WHERE site_id = $1 AND user_id IN ($2,$3,$4,$5,$6,$7,$8,$9," TEN("1") "," TEN("2") "," TEN("3") ","
    TEN("4") ",$50,$51) GROUP BY user_id)";

static enum lt_code get_some(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_str *users, size_t n,
                             struct lt_policy_status *ret, struct lt_error *err)
{
    struct lt_value values[MANY + 1] = {LT_INT(site->id)};
    struct lt_rows r;
    for (size_t i = 0; i < MANY; i++)
        values[i + 1] = i < n ? LT_TEXT(users[i]) : LT_TEXT(LT_STR(""));
    if (lt_store_query(store, arena, many_sql, values, MANY + 1, MANY, &r, err))
        return lt_error_wrap(err, "policy of users");
    for (size_t row = 0; row < r.rows; row++)
        for (size_t i = 0; i < n; i++)
            if (lt_str_eq(users[i], lt_rows_str(&r, row, 4)))
                take_row(site, &r, row, &ret[i]);
    return LT_OK;
}

enum lt_code lt_policy_get_many(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_str *users, size_t n,
                                struct lt_policy_status *ret, struct lt_error *err)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = not_accepted(site);
    for (size_t i = 0; i < n; i += MANY)
        if (get_some(store, arena, site, users + i, n - i < MANY ? n - i : MANY, ret + i, err))
            return err->code;
    return LT_OK;
}

/* Does what the user said last hold, of this version or (LT_STR_NULL) of whatever version? */
static enum lt_code has_accepted(struct lt_store *store, const struct lt_caller *caller, struct lt_str version, bool *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT accepted, version FROM policy_acceptance WHERE site_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT 1",
                               LT_INT(caller->site->id), LT_TEXT(caller->user_id));
    *ret = rc == LT_OK && r.rows > 0 && lt_rows_int(&r, 0, 0) && (!version.p || lt_str_eq(lt_rows_str(&r, 0, 1), version));
    lt_arena_free(arena);
    return rc;
}

static void add_event(struct lt_tx *tx, const struct lt_caller *caller, enum lt_event_kind kind, struct lt_str version)
{
    if (lt_event_wanted(caller->site, kind))
        lt_outbox_add(tx, &(struct lt_event){.kind = kind,
                                             .site = caller->site,
                                             .user_id = caller->user_id,
                                             .at = lt_now_ms(),
                                             .version = version,
                                             .usage = LT_USAGE_UNKNOWN,
                                             .cost = -1,
                                             .duration_ms = -1});
}

enum lt_code lt_policy_accept(struct lt_store *store, const struct lt_caller *caller, struct lt_str version, struct lt_str language, struct lt_str context,
                              struct lt_error *err)
{
    if (caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user/id", "a user must be named to accept the policy");
    if (!lt_str_eq(version, caller->site->policy_version))
        return lt_fail_field(err, LT_ECONFLICT, "/version", "the policy in force is version '%.*s'", LT_FMT(caller->site->policy_version));
    bool again = false;
    if (lt_event_wanted(caller->site, LT_EVENT_POLICY_ACCEPTED) && has_accepted(store, caller, version, &again, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO policy_acceptance (site_id, user_id, version, accepted, language, context, decided_at) SELECT $1, $2, $3, 1, $4, $5, $6"
          " WHERE NOT EXISTS (SELECT 1 FROM policy_acceptance WHERE accepted = 1 AND version = $3 AND id ="
          " (SELECT MAX(id) FROM policy_acceptance WHERE site_id = $1 AND user_id = $2))",
          LT_INT(caller->site->id), LT_TEXT(caller->user_id), LT_TEXT(version), LT_TEXT(language.p ? language : LT_STR("")),
          LT_TEXT(context.p ? context : LT_STR("")), LT_INT(lt_now_ms()));
    if (!again)
        add_event(tx, caller, LT_EVENT_POLICY_ACCEPTED, version);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_policy_withdraw(struct lt_store *store, const struct lt_caller *caller, struct lt_error *err)
{
    bool accepted;
    if (caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user/id", "a user must be named to withdraw from the policy");
    enum lt_code known = has_accepted(store, caller, LT_STR_NULL, &accepted, err);
    if (known || !accepted) /* nothing to take back: no row, and no configuration is read again for it */
        return known;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO policy_acceptance (site_id, user_id, version, accepted, language, decided_at)"
          " SELECT site_id, user_id, version, 0, language, $1 FROM policy_acceptance WHERE accepted = 1 AND id ="
          " (SELECT MAX(id) FROM policy_acceptance WHERE site_id = $2 AND user_id = $3)",
          LT_INT(lt_now_ms()), LT_INT(caller->site->id), LT_TEXT(caller->user_id));
    add_event(tx, caller, LT_EVENT_POLICY_WITHDRAWN, caller->site->policy_version);
    lt_admin_touch(tx); /* other processes empty their caches when they see the new generation */
    atomic_fetch_add(&withdrawals, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    atomic_fetch_add(&withdrawals, 1); /* again: a read may have run between the first and the write */
    return rc;
}

void lt_policy_forget(void)
{
    atomic_fetch_add(&withdrawals, 1);
}

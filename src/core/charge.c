/* A call's reservations: made, settled, written. */
#include "core/charge.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/erased_user.h"
#include "core/quota.h"

enum { KEY_REST = 32 /* bytes of a counter's key beside the course and the user */ };

struct lt_held {
    struct lt_held *next;
    const struct lt_limit *limit;
    struct lt_str key;
    struct lt_hold hold;        /* over when settled */
    int64_t slot, ends_at;
    int64_t amount, written;    /* as it stands, and as it was added to units */
    int64_t last;               /* of that, in the latest unit */
    bool of_try, settled;
    enum lt_mark mark;          /* not told yet */
};

/* ---- asking ---- */

struct asks {
    struct lt_ask list[LT_LIMITS_OF_CALL_MAX];
    size_t n;
};

static void add_ask(struct lt_charge *c, struct asks *asks, const struct lt_limit *limit, int64_t instance, int64_t amount, bool look)
{
    size_t cap = c->call.course_id.n + c->call.user_id.n + LT_ERASED_KEY + KEY_REST;
    if (asks->n < LT_LIMITS_OF_CALL_MAX)
        asks->list[asks->n++] = (struct lt_ask){limit, lt_limit_key(limit, &c->call, instance, lt_alloc(c->arena, cap), cap), amount, look};
}

/* Whoever may see amounts reads this; others a calm text (api/problem.c). */
static enum lt_code denied(struct lt_charge *c, const struct lt_ask *ask, const struct lt_denial *denial, struct lt_error *err)
{
    const struct lt_limit *limit = ask->limit;
    struct lt_str text = lt_limit_text(c->arena, limit);
    c->refused_by = limit;
    c->final = limit->subject != LT_LIMIT_PROVIDER && limit->when_spent == LT_SPENT_REFUSE;
    if (ask->amount > limit->amount && limit->amount > 0)
        lt_fail(err, limit->unit == LT_LIMIT_COST ? LT_EBUDGET : LT_ERATE_LIMITED, "the call may need %lld, which is more than all of %.*s",
                (long long)ask->amount, LT_FMT(text));
    else
        lt_fail(err, limit->unit == LT_LIMIT_COST ? LT_EBUDGET : LT_ERATE_LIMITED, "%s: %.*s; used: %lld",
                limit->per_user ? "this user has reached a limit" : "a limit for all is reached", LT_FMT(text), (long long)denial->used);
    err->retry_after_s = (int)((denial->retry_ms + 999) / 1000);
    err->limit_id = limit->id;
    return err->code;
}

static enum lt_code reserve(struct lt_charge *c, const struct asks *asks, bool of_try, struct lt_error *err)
{
    struct lt_hold holds[LT_LIMITS_OF_CALL_MAX];
    struct lt_denial denial;
    struct lt_quota *quota = lt_ledger_quota(c->ledger);
    enum lt_code rc = quota ? lt_quota_reserve(quota, c->site->time_zone, asks->list, asks->n, holds, &denial, err)
                            : lt_ledger_reserve(c->ledger, c->site->id, c->site->time_zone, lt_now_ms(), asks->list, asks->n, holds, &denial);
    if (rc == LT_EOVERLOADED)
        return lt_fail(err, rc, "there is no room for more counters of limits");
    if (rc && rc != LT_ERATE_LIMITED)
        return rc;
    if (rc)
        return denied(c, &asks->list[denial.at], &denial, err);
    for (size_t i = 0; i < asks->n; i++) {
        if (asks->list[i].look)
            continue;
        struct lt_held *h = LT_NEW(c->arena, struct lt_held);
        *h = (struct lt_held){c->list, asks->list[i].limit, asks->list[i].key, holds[i], holds[i].slot, holds[i].ends_at,
                              holds[i].amount, 0, 0, of_try, false, LT_MARK_NONE};
        c->list = h;
    }
    return LT_OK;
}

struct lt_limit_call lt_charge_call(struct lt_arena *arena, struct lt_ledger *ledger, const struct lt_caller *caller, struct lt_str course_id,
                                    struct lt_str action)
{
    struct lt_str *roles = LT_NEW_ARRAY(arena, struct lt_str, LT_ROLES);
    struct lt_limit_call call = {.course_id = course_id, .user_id = caller->user_id, .roles = roles, .action = action};
    call.user_key = lt_erased_name(lt_ledger_erased(ledger), arena, caller->site, caller->user_id);
    for (int role = 0; role < LT_ROLES; role++)
        if (caller->roles & 1u << role)
            roles[call.roles_n++] = lt_str(lt_role_name((enum lt_role)role));
    return call;
}

enum lt_code lt_charge_open(struct lt_charge *c, struct lt_arena *arena, struct lt_ledger *ledger, const struct lt_caller *caller,
                            const struct lt_place *place, struct lt_str action, bool look, struct lt_error *err)
{
    const struct lt_limit *matched[LT_LIMITS_OF_CALL_MAX];
    struct asks asks;
    asks.n = 0; /* the list is large and not to be cleared */
    *c = (struct lt_charge){.arena = arena, .ledger = ledger, .site = caller->site};
    if (!caller->site->limits)
        return LT_OK;
    c->call = lt_charge_call(arena, ledger, caller, place->course_id, action);
    size_t n = lt_limit_match(c->site->limits, &c->call, 0, matched);
    for (size_t i = 0; i < n; i++) {
        bool request = matched[i]->unit == LT_LIMIT_REQUESTS;
        if (request || matched[i]->when_spent == LT_SPENT_REFUSE)
            add_ask(c, &asks, matched[i], 0, 1, look || !request);
    }
    return reserve(c, &asks, false, err);
}

bool lt_charge_counts(const struct lt_charge *c, int64_t instance)
{
    const struct lt_limit *matched[LT_LIMITS_OF_CALL_MAX];
    if (!c->site || !c->site->limits)
        return false;
    for (int i = 0; i < 2; i++)
        for (size_t k = 0, n = lt_limit_match(c->site->limits, &c->call, i ? instance : 0, matched); k < n; k++)
            if (matched[k]->unit != LT_LIMIT_REQUESTS)
                return true;
    return false;
}

/* A budget cannot be kept with what has no price. */
static enum lt_code unpriced(struct lt_charge *c, const struct lt_limit *limit, const struct lt_estimate *most, struct lt_error *err)
{
    c->refused_by = limit;
    c->final = false;
    lt_fail(err, LT_EBUDGET, "%s'%.*s' at %.*s has no price, and there is a budget: %.*s", most->model.n ? "model " : "", LT_FMT(most->model),
            LT_FMT(most->instance), LT_FMT(lt_limit_text(c->arena, limit)));
    err->limit_id = limit->id;
    return err->code;
}

enum lt_code lt_charge_try(struct lt_charge *c, int64_t instance, const struct lt_estimate *most, struct lt_error *err)
{
    const struct lt_limit *matched[LT_LIMITS_OF_CALL_MAX];
    struct asks asks;
    asks.n = 0; /* the list is large and not to be cleared */
    if (!c->site || !c->site->limits)
        return LT_OK;
    for (int of_instance = 1; of_instance >= 0; of_instance--) { /* its own first: others can then still be asked */
        int64_t of = of_instance ? instance : 0;
        size_t n = lt_limit_match(c->site->limits, &c->call, of, matched);
        for (size_t i = 0; i < n; i++) {
            const struct lt_limit *l = matched[i];
            bool cost = l->unit == LT_LIMIT_COST;
            if (cost && most->cost < 0 && l->when_spent != LT_SPENT_NOTICE)
                return unpriced(c, l, most, err);
            if (l->unit == LT_LIMIT_TOKENS || (cost && most->cost >= 0))
                add_ask(c, &asks, l, of, cost ? most->cost : most->tokens, false);
            else if (l->unit == LT_LIMIT_REQUESTS && of_instance)
                add_ask(c, &asks, l, of, 1, false);
        }
    }
    return reserve(c, &asks, true, err);
}

/* ---- settling ---- */

static void settle(struct lt_charge *c, struct lt_held *h, int64_t real)
{
    enum lt_mark mark = LT_MARK_NONE;
    enum lt_mark *told = h->limit->unit == LT_LIMIT_COST ? &mark : NULL;
    struct lt_quota *quota = lt_ledger_quota(c->ledger);
    if (quota)
        lt_quota_settle(quota, h->limit, h->key, &h->hold, real, told);
    else
        lt_ledger_settle(c->ledger, c->site->id, h->limit, &h->hold, real, told);
    h->amount = real;
    h->settled = true;
    h->mark = mark;
}

void lt_charge_tried(struct lt_charge *c, bool asked, int64_t tokens, int64_t cost)
{
    for (struct lt_held *h = c->list; h; h = h->next)
        if (h->of_try && !h->settled) {
            int64_t real = h->limit->unit == LT_LIMIT_REQUESTS ? 1 : h->limit->unit == LT_LIMIT_TOKENS ? tokens : cost;
            settle(c, h, asked ? real : 0);
        }
}

void lt_charge_close(struct lt_charge *c, bool asked)
{
    for (struct lt_held *h = c->list; h; h = h->next)
        if (!h->settled)
            settle(c, h, asked ? h->amount : 0);
}

/* ---- writing ---- */

static void tell(struct lt_charge *c, struct lt_held *h, struct lt_tx *tx)
{
    int percent = h->mark == LT_MARK_100 ? 100 : 80;
    lt_log(LT_LOG_WARN, "budget.used", LT_SS("site", c->site->slug), LT_I("limit", h->limit->id), LT_I("percent", percent));
    LT_TX(tx,
          "INSERT INTO usage_notice (site_id, limit_id, counter_key, slot, percent, created_at) VALUES ($1, $2, $3, $4, $5, $6)"
          " ON CONFLICT (limit_id, counter_key, slot, percent) DO NOTHING",
          LT_INT(c->site->id), LT_INT(h->limit->id), LT_TEXT(h->key), LT_INT(h->slot), LT_INT(percent), LT_INT(lt_now_ms()));
    h->mark = LT_MARK_NONE;
}

bool lt_charge_unwritten(const struct lt_charge *c)
{
    const struct lt_held *h = c->list;
    while (h && h->amount == h->written && h->mark == LT_MARK_NONE)
        h = h->next;
    return h != NULL;
}

static void add_row(const struct lt_charge *c, struct lt_held *h, struct lt_tx *tx)
{
    struct lt_quota *quota = lt_ledger_quota(c->ledger);
    if (h->last != 0 && quota)
        lt_quota_record(quota, h->limit->id, h->key, &h->hold, h->last, h->last == h->written, tx);
    else if (h->last != 0)
        LT_TX(tx,
              "INSERT INTO usage_counter (limit_id, counter_key, slot, ends_at, used) VALUES ($1, $2, $3, $4, $5)"
              " ON CONFLICT (limit_id, counter_key, slot) DO UPDATE SET used = usage_counter.used + excluded.used",
              LT_INT(h->limit->id), LT_TEXT(h->key), LT_INT(h->slot), LT_INT(h->ends_at), LT_INT(h->last));
}

void lt_charge_record(struct lt_charge *c, struct lt_tx *tx)
{
    for (struct lt_held *h = c->list; h; h = h->next) {
        if (h->mark != LT_MARK_NONE)
            tell(c, h, tx);
        h->last = h->amount - h->written;
        h->written = h->amount;
        add_row(c, h, tx);
    }
}

void lt_charge_record_again(struct lt_charge *c, struct lt_tx *tx)
{
    for (struct lt_held *h = c->list; h; h = h->next)
        add_row(c, h, tx);
}

void lt_charge_record_whole(struct lt_charge *c, struct lt_tx *tx)
{
    for (struct lt_held *h = c->list; h; h = h->next) {
        h->last = h->written;
        add_row(c, h, tx);
    }
}

/* ---- start-up, tidying ---- */

enum { PAGE = 10000 };

/* What the ledger asks of a limit is in the row. */
static void load_row(struct lt_ledger *ledger, const struct lt_rows *r, size_t i)
{
    int window = lt_limit_window_parse(lt_rows_str(r, i, 6));
    if (window < 0)
        return;
    struct lt_limit limit = {.id = lt_rows_int(r, i, 0),
                             .window = (enum lt_limit_window)window,
                             .window_s = lt_rows_int(r, i, 7),
                             .amount = lt_rows_int(r, i, 8)};
    struct lt_str key = lt_rows_str(r, i, 1);
    if (key.n >= LT_ERASED_KEY && key.p[key.n - LT_ERASED_KEY] == LT_ERASED_MARK)
        lt_erased_add(lt_ledger_erased(ledger), lt_rows_int(r, i, 5), (struct lt_str){key.p + key.n - LT_ERASED_KEY, LT_ERASED_KEY});
    if (!lt_ledger_quota(ledger)) /* else it is asked for when it is needed */
        lt_ledger_load(ledger, lt_rows_int(r, i, 5), &limit, lt_rows_str(r, i, 1), lt_rows_int(r, i, 2), lt_rows_int(r, i, 3), lt_rows_int(r, i, 4));
}

/* One page of rows, and where it ended. *ret_n < PAGE: there are no more. */
static enum lt_code load_page(struct lt_store *store, struct lt_ledger *ledger, struct lt_arena *arena, struct lt_value after[3], size_t *ret_n,
                              struct lt_error *err)
{
    struct lt_rows r;
    struct lt_value values[] = {after[0], after[1], after[2], LT_INT(lt_now_ms())};
    if (lt_store_query(store, arena,
                       "SELECT c.limit_id, c.counter_key, c.slot, c.ends_at, c.used, l.site_id, l.period, l.period_s, l.amount"
                       " FROM usage_counter c JOIN usage_limit l ON l.id = c.limit_id WHERE (c.limit_id, c.counter_key, c.slot) > ($1, $2, $3)"
                       " AND c.ends_at > $4 AND c.used > 0 ORDER BY c.limit_id, c.counter_key, c.slot LIMIT 10000",
                       values, LT_COUNT(values), PAGE, &r, err))
        return err->code;
    for (size_t i = 0; i < r.rows; i++)
        load_row(ledger, &r, i);
    for (size_t k = 0; k < 3 && r.rows > 0; k++)
        after[k] = *lt_rows_at(&r, r.rows - 1, k);
    *ret_n = r.rows;
    return LT_OK;
}

enum lt_code lt_charge_load(struct lt_store *store, struct lt_ledger *ledger, struct lt_error *err)
{
    struct lt_arena *arenas[2] = {lt_arena_new(), lt_arena_new()}; /* the place where a page ended outlives it */
    struct lt_value after[3] = {LT_INT(0), LT_TEXT(LT_STR("")), LT_INT(INT64_MIN)};
    enum lt_code rc = LT_OK;
    size_t n = PAGE;
    for (int page = 0; rc == LT_OK && n == PAGE; page ^= 1) {
        lt_arena_free(arenas[page]);
        arenas[page] = lt_arena_new();
        rc = load_page(store, ledger, arenas[page], after, &n, err);
    }
    lt_arena_free(arenas[0]);
    lt_arena_free(arenas[1]);
    return rc ? lt_error_wrap(err, "reading what was used of limits") : LT_OK;
}

enum lt_code lt_charge_erased(struct lt_store *store, struct lt_ledger *ledger, int64_t site_id, struct lt_str key, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT c.limit_id, c.counter_key, c.slot, c.ends_at, c.used, l.site_id, l.period, l.period_s, l.amount"
                               " FROM usage_counter c JOIN usage_limit l ON l.id = c.limit_id WHERE l.site_id = $1"
                               " AND substr(c.counter_key, length(c.counter_key) - length($2) + 1) = $2 AND c.used > 0",
                               LT_INT(site_id), LT_TEXT(key));
    for (size_t i = 0; rc == LT_OK && i < r.rows; i++)
        load_row(ledger, &r, i);
    lt_arena_free(arena);
    return rc ? lt_error_wrap(err, "counters of a user who was erased") : LT_OK;
}

void lt_charge_sweep(struct lt_store *store, struct lt_ledger *ledger)
{
    enum { KEPT_MS = 3600 * 1000 }; /* units of calls that are still running come to their slot */
    struct lt_tx *tx = lt_tx_new();
    lt_ledger_sweep(ledger, lt_now_ms());
    LT_TX(tx, "DELETE FROM usage_lease WHERE ends_at < $1", LT_INT(lt_now_ms() - KEPT_MS));
    LT_TX(tx, "DELETE FROM usage_counter WHERE ends_at < $1", LT_INT(lt_now_ms() - KEPT_MS));
    lt_store_post(store, tx);
}

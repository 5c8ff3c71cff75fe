/* Quotas: what of limits this process may use without asking. */
#include "core/quota.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "core/ledger_private.h"
#include "core/quota_store.h"

enum { BUCKETS = 1 << 14, TRIES = 6, RENEW_MS = 3000, RECOVER_MS = 3000, WARM_MS = 2000, GIVE_BACK_MAX = 200, WAIT_MS = 5, WATCHED_MAX = 50 };

struct entry {
    struct entry *next;
    struct lt_quota_slot at;
    enum lt_limit_window window;
    int64_t amount;          /* of the limit: another one makes the rest worth nothing */
    int64_t free;            /* taken, and nobody's yet */
    int64_t batch;           /* taken at once the last time */
    int64_t seen;            /* of all processes, as far as is known */
    int taking;              /* calls that take of it now: what is read meanwhile may hold that, or not */
    uint64_t turns;          /* how often seen was changed: what was read before the last time is no news */
    bool known;              /* seen is of this slot, or was of the one before */
    uint64_t used_at, taken_at, denied_until; /* monotonic ms */
    int64_t spent, retry_ms; /* of the last denial: what calls had used, without what processes hold; when to come again */
    int64_t under_way;       /* reserved here by calls that have not ended: the database counts it as spent, and most of it comes back */
    int64_t returned;        /* by calls that ended until returned_at: their ends may not be written yet */
    uint64_t returned_at;    /* monotonic ms */
    enum lt_mark mark;
    bool marked;             /* marks are told: what others use is looked up now and then */
    char key[];
};

struct back { /* to be given back; below 0: to be taken in addition */
    struct back *next;
    struct lt_quota_slot at;
    bool fixed;
    int64_t amount;
    char key[];
};

struct lt_quota {
    struct lt_store *store;
    pthread_mutex_t lock;    /* for all below */
    struct entry *buckets[BUCKETS];
    size_t n;
    struct back *back;
    uint64_t epoch;          /* 0: not known to the database yet */
    char process[37];
    uint64_t valid_until;    /* monotonic ms */
    int64_t ahead_ms;        /* of the database's clock */
    bool renewing, doubtful; /* doubtful: what is taken in the epoch is not known for sure */
    /* the keeper's own */
    uint64_t renew_at, recover_at, watch_at;
};

struct lt_quota *lt_quota_new(struct lt_store *store)
{
    struct lt_quota *q = calloc(1, sizeof(*q));
    if (!q)
        lt_out_of_memory(0);
    q->store = store;
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

/* ---- the table, under the lock ---- */

static struct entry **find(struct lt_quota *q, int64_t limit_id, struct lt_str key)
{
    uint64_t hash = lt_hash64(LT_HASH64_START ^ ((uint64_t)limit_id * UINT64_C(0x9E3779B97F4A7C15)), key.p, key.n);
    struct entry **at = &q->buckets[hash % BUCKETS];
    while (*at && !((*at)->at.limit_id == limit_id && lt_str_eq((*at)->at.key, key)))
        at = &(*at)->next;
    return at;
}

static void give_back_later(struct lt_quota *q, const struct lt_quota_slot *at, bool fixed, int64_t amount)
{
    struct back *b = amount != 0 ? calloc(1, sizeof(*b) + at->key.n) : NULL;
    if (amount != 0 && !b)
        lt_out_of_memory(0);
    if (!b)
        return;
    b->at = *at;
    b->fixed = fixed;
    b->amount = amount;
    memcpy(b->key, at->key.p, at->key.n);
    b->at.key.p = b->key;
    b->next = q->back;
    q->back = b;
}

static void leave_slot(struct lt_quota *q, struct entry *e)
{
    give_back_later(q, &e->at, e->window == LT_WINDOW_FIXED, e->free);
    e->free = e->batch = e->seen = 0;
    e->turns++;
    e->known = false;
    e->denied_until = 0;
    e->mark = LT_MARK_NONE;
    e->at.slot = LT_NO_SLOT;
    e->at.ends_at = 0;
}

/* In the slot of `now`; of a fixed window that is not known to be open: none. */
static void advance(struct lt_quota *q, struct entry *e, const struct lt_limit *limit, struct lt_str zone, int64_t now)
{
    if (e->amount != limit->amount || (e->at.slot != LT_NO_SLOT && now >= e->at.ends_at))
        leave_slot(q, e);
    e->amount = limit->amount;
    if (limit->window == LT_WINDOW_SLIDING) {
        int64_t slot = lt_slice_start(limit, now);
        if (slot <= e->at.slot)
            return;
        int64_t seen = e->seen; /* the other slices count on */
        bool known = e->known;
        leave_slot(q, e);
        e->seen = seen;
        e->known = known;
        e->at.slot = slot;
        e->at.ends_at = lt_slice_ends(limit, slot);
    } else if (limit->window != LT_WINDOW_FIXED && e->at.slot == LT_NO_SLOT) {
        enum lt_period p = limit->window == LT_WINDOW_DAY ? LT_PERIOD_DAY : limit->window == LT_WINDOW_WEEK ? LT_PERIOD_WEEK : LT_PERIOD_MONTH;
        lt_period_of(zone, p, now, &e->at.slot, &e->at.ends_at);
    }
}

static struct entry *entry_of(struct lt_quota *q, const struct lt_ask *ask)
{
    struct entry **at = find(q, ask->limit->id, ask->key), *e = *at;
    if (e || q->n >= LT_LEDGER_COUNTERS_MAX)
        return e;
    e = calloc(1, sizeof(*e) + ask->key.n);
    if (!e)
        lt_out_of_memory(0);
    memcpy(e->key, ask->key.p, ask->key.n);
    e->at = (struct lt_quota_slot){.limit_id = ask->limit->id, .key = {e->key, ask->key.n}, .slot = LT_NO_SLOT};
    e->window = ask->limit->window;
    e->amount = ask->limit->amount;
    e->marked = ask->limit->unit == LT_LIMIT_COST;
    q->n++;
    return *at = e;
}

/* ---- being known ---- */

/* Begins anew: what was held is lost, and comes back to all when the old row is over. */
static void new_epoch(struct lt_quota *q, uint64_t valid_until)
{
    struct lt_uuid id = lt_uuid_new();
    pthread_mutex_lock(&q->lock);
    q->epoch++;
    lt_uuid_format(id, q->process);
    q->valid_until = valid_until;
    q->doubtful = false;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = q->buckets[i]; e; e = e->next) {
            e->free = 0;
            leave_slot(q, e);
        }
    for (struct back *b = q->back, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    q->back = NULL;
    pthread_mutex_unlock(&q->lock);
}

static enum lt_code prolong(struct lt_quota *q, struct lt_error *err)
{
    int64_t ahead;
    enum lt_code rc = lt_quota_measure(q->store, &ahead, err);
    uint64_t asked_at = lt_mono_ms();
    pthread_mutex_lock(&q->lock);
    bool anew = q->epoch == 0 || q->doubtful;
    pthread_mutex_unlock(&q->lock);
    if (!rc && !anew)
        rc = lt_quota_prolong(q->store, q->process, err);
    if (rc == LT_ECONFLICT || (!rc && anew)) {
        if (q->epoch > 0)
            lt_log(LT_LOG_WARN, "limits.lease_lost");
        new_epoch(q, 0);
        rc = lt_quota_enter(q->store, q->process, err);
    }
    if (rc)
        return lt_error_wrap(err, "limits that processes share");
    pthread_mutex_lock(&q->lock);
    q->valid_until = asked_at + LT_QUOTA_LEASE_MS;
    q->ahead_ms = ahead;
    pthread_mutex_unlock(&q->lock);
    return LT_OK;
}

/* One at a time; another waits for it. */
static enum lt_code renew(struct lt_quota *q, bool only_when_over, struct lt_error *err)
{
    for (;;) {
        pthread_mutex_lock(&q->lock);
        bool valid = lt_mono_ms() < q->valid_until, busy = q->renewing;
        q->renewing = q->renewing || !(only_when_over && valid);
        pthread_mutex_unlock(&q->lock);
        if (only_when_over && valid)
            return LT_OK;
        if (!busy)
            break;
        if (lt_fiber_sleep(WAIT_MS))
            return lt_fail(err, LT_ECANCELLED, "cancelled");
    }
    enum lt_code rc = prolong(q, err);
    pthread_mutex_lock(&q->lock);
    q->renewing = false;
    pthread_mutex_unlock(&q->lock);
    return rc;
}

/* ---- reserving ---- */

struct want {
    const struct lt_ask *ask;
    struct lt_quota_take take;
    int64_t own;             /* of the need, from what was free */
    int64_t spent;           /* by calls, when it was looked up */
    bool served, read;       /* nothing is to be taken; is to be looked up first */
    bool taking;             /* counts as such in its entry */
};

struct wants {
    struct want *list;
    size_t n;
    uint64_t epoch;
    int64_t now;             /* the database's clock */
    char process[37];
};

static bool without_end(const struct lt_limit *l)
{
    return l->when_spent == LT_SPENT_NOTICE;
}

/* What is free here counts as seen, and is there for who asks. */
static bool fits(const struct want *want, int64_t seen)
{
    int64_t need = want->ask->amount - want->own;
    return without_end(want->ask->limit) || need <= 0 || need <= want->ask->limit->amount - seen;
}

/* What is taken: the need, and of what is plentiful and asked for often more. */
static int64_t portion(struct entry *e, const struct want *want, uint64_t mono)
{
    const struct lt_ask *ask = want->ask;
    int64_t most = ask->limit->amount / LT_QUOTA_PART, need = ask->amount - want->own;
    bool warm = e->taken_at != 0 && mono - e->taken_at < WARM_MS, near_end = e->seen + most > ask->limit->amount - ask->limit->amount / LT_QUOTA_NEAR;
    e->batch = warm ? 2 * (e->batch > need ? e->batch : need) : need;
    e->batch = e->batch > most ? most : e->batch;
    return e->batch > need && !near_end && !ask->look ? e->batch : need;
}

/* From memory what is there; *ret_rest: how many are not. The rest of a denial that was just heard: refused at once (*ret_denied). */
static enum lt_code serve(struct lt_quota *q, struct lt_str zone, struct wants *w, size_t *ret_rest, struct want **ret_denied)
{
    uint64_t mono = lt_mono_ms();
    *ret_rest = 0;
    *ret_denied = NULL;
    for (size_t i = 0; i < w->n; i++) {
        struct want *want = &w->list[i];
        const struct lt_ask *ask = want->ask;
        struct entry *e = entry_of(q, ask);
        if (!e)
            return LT_EOVERLOADED;
        advance(q, e, ask->limit, zone, w->now);
        bool open = e->at.slot != LT_NO_SLOT;
        want->take = (struct lt_quota_take){.slot = e->at, .cap = without_end(ask->limit) ? INT64_MAX : ask->limit->amount,
                                            .fixed = ask->limit->window == LT_WINDOW_FIXED};
        want->take.slot.key = ask->key;
        e->used_at = mono;
        want->own = !open || ask->amount <= 0 ? 0 : ask->amount <= e->free ? ask->amount : e->free;
        if (!ask->look)
            e->free -= want->own;
        bool enough = ask->look ? ask->amount <= 0 || (open && e->known && fits(want, e->seen)) : want->own >= ask->amount;
        want->served = enough && (open || ask->look); /* else for nothing, but in a window that must be known */
        if (want->served)
            continue;
        if (mono < e->denied_until && !fits(want, e->seen)) {
            *ret_denied = want;
            return LT_ERATE_LIMITED;
        }
        want->read = ask->look || !open || !e->known || !fits(want, e->seen);
        want->take.amount = portion(e, want, mono);
        want->taking = !ask->look;
        e->taking += want->taking;
        e->turns++;
        ++*ret_rest;
    }
    return LT_OK;
}

/* What was free goes back. */
static void undo(struct lt_quota *q, struct wants *w, size_t n)
{
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < n && q->epoch == w->epoch; i++) {
        struct want *want = &w->list[i];
        struct entry *e = *find(q, want->ask->limit->id, want->ask->key);
        if (want->own <= 0 || want->ask->look)
            continue;
        if (e && e->at.slot == want->take.slot.slot)
            e->free += want->own;
        else
            give_back_later(q, &want->take.slot, want->take.fixed, want->own);
    }
    pthread_mutex_unlock(&q->lock);
}

static int64_t returned_lately(const struct entry *e, uint64_t mono)
{
    return mono - e->returned_at < LT_LEDGER_SETTLED_MS ? e->returned : 0;
}

/* What is spent of it now, for the database, and soon is not. e: NULL when it has gone. Under the lock. */
static int64_t coming_back(const struct entry *e)
{
    return e ? e->under_way + returned_lately(e, lt_mono_ms()) : 0;
}

/* soon: what comes back of what counts as spent. */
static int64_t retry_in(const struct lt_quota_seen *seen, const struct lt_ask *ask, int64_t now, int64_t soon)
{
    int64_t need = seen->used + ask->amount - ask->limit->amount, at = now;
    if (ask->amount > ask->limit->amount)
        return 0;
    for (size_t i = 0; i < seen->n && need > 0; i++) {
        need -= seen->rows[i].used;
        at = seen->rows[i].ends_at;
    }
    bool waits = ask->amount <= ask->limit->amount - (seen->used - seen->unspent - soon);
    return waits && at - now > LT_LEDGER_SETTLED_MS ? LT_LEDGER_SETTLED_MS : at - now;
}

/* The window that is open, or the one that the call would begin. What was free in another one is none in it. Under the lock. */
static void find_window(struct lt_quota *q, const struct wants *w, struct want *want, const struct lt_quota_seen *seen)
{
    struct lt_quota_slot *at = &want->take.slot;
    bool open = seen->n > 0;
    int64_t slot = open ? seen->rows[seen->n - 1].slot : w->now;
    if (want->own > 0 && slot != at->slot) {
        if (!want->ask->look && q->epoch == w->epoch)
            give_back_later(q, at, true, want->own);
        want->own = 0;
    }
    at->slot = slot;
    at->ends_at = open ? seen->rows[seen->n - 1].ends_at : w->now + want->ask->limit->window_s * 1000 + 1; /* as lt_counter_add() */
}

/* Looks up one counter: the slot of a fixed window, what is used of it. False: it cannot be had. */
static enum lt_code look_up(struct lt_quota *q, struct wants *w, struct want *want, bool *ret_fits, struct lt_denial *denial, struct lt_error *err)
{
    const struct lt_ask *ask = want->ask;
    struct lt_quota_seen seen;
    pthread_mutex_lock(&q->lock);
    struct entry *e = *find(q, ask->limit->id, ask->key);
    uint64_t turns = e ? e->turns : 0;
    pthread_mutex_unlock(&q->lock);
    if (lt_quota_read(q->store, ask->limit->id, ask->key, w->now, &seen, err))
        return err->code;
    pthread_mutex_lock(&q->lock);
    e = *find(q, ask->limit->id, ask->key);
    if (want->take.fixed)
        find_window(q, w, want, &seen);
    *ret_fits = fits(want, seen.used);
    want->spent = seen.used - seen.unspent;
    if (e && want->take.fixed && e->at.slot != LT_NO_SLOT && e->at.slot != want->take.slot.slot)
        leave_slot(q, e);
    if (!*ret_fits)
        *denial = (struct lt_denial){.used = want->spent, .retry_ms = retry_in(&seen, ask, w->now, coming_back(e))};
    if (e) {
        e->seen = e->turns == turns || seen.used > e->seen ? seen.used : e->seen; /* what was taken here meanwhile may be missing in it */
        e->known = true;
        if (!*ret_fits) {
            e->denied_until = lt_mono_ms() + LT_QUOTA_DENIED_MS;
            e->spent = denial->used;
            e->retry_ms = denial->retry_ms;
        }
        want->take.amount = portion(e, want, lt_mono_ms());
    }
    pthread_mutex_unlock(&q->lock);
    want->read = false;
    return LT_OK;
}

/* Those that are to be looked up. */
static enum lt_code look_up_all(struct lt_quota *q, struct wants *w, struct lt_denial *denial, struct lt_error *err)
{
    for (size_t i = 0; i < w->n; i++) {
        bool fit = true;
        struct want *want = &w->list[i];
        if (want->served || !want->read)
            continue;
        if (look_up(q, w, want, &fit, denial, err))
            return err->code;
        if (!fit) {
            denial->at = i;
            return LT_ERATE_LIMITED;
        }
    }
    return LT_OK;
}

/* Of what was taken the call has its need, the rest is free for the next. */
static void taken(struct lt_quota *q, struct wants *w)
{
    uint64_t mono = lt_mono_ms();
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < w->n && q->epoch == w->epoch; i++) {
        struct want *want = &w->list[i];
        struct entry *e = *find(q, want->ask->limit->id, want->ask->key);
        if (want->served || want->ask->look)
            continue;
        if (e && e->at.slot == LT_NO_SLOT && want->take.fixed) {
            e->at.slot = want->take.slot.slot;
            e->at.ends_at = want->take.slot.ends_at;
        }
        int64_t rest = want->take.amount - (want->ask->amount - want->own);
        if (e && e->at.slot == want->take.slot.slot) {
            e->free += rest;
            e->seen += want->take.amount;
            e->turns++;
            e->known = true;
            e->taken_at = mono;
        } else
            give_back_later(q, &want->take.slot, want->take.fixed, rest);
    }
    pthread_mutex_unlock(&q->lock);
}

/* The least that the call needs, after what was asked for could not be had. */
static void ask_for_less(struct wants *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->list[i].read = !w->list[i].served;
}

/* What was taken may be written, or not: then it is held by nobody's hand until the process's row is over. */
static void doubt(struct lt_quota *q, uint64_t epoch)
{
    pthread_mutex_lock(&q->lock);
    bool mine = q->epoch == epoch;
    if (mine) {
        q->valid_until = 0;
        q->doubtful = true;
    }
    pthread_mutex_unlock(&q->lock);
    if (mine)
        lt_log(LT_LOG_WARN, "limits.in_doubt");
}

/* Up to GIVE_BACK_MAX at a time; what could not be written waits for the next time. */
static void flush_back(struct lt_quota *q)
{
    struct lt_quota_take list[GIVE_BACK_MAX];
    struct lt_error err;
    size_t n = 0;
    char process[37];
    pthread_mutex_lock(&q->lock);
    struct back *some = q->back, *last = NULL;
    uint64_t epoch = q->epoch;
    memcpy(process, q->process, sizeof(process));
    for (struct back *b = some; b && n < GIVE_BACK_MAX; b = b->next, n++) {
        list[n] = (struct lt_quota_take){.slot = b->at, .amount = b->amount, .fixed = b->fixed};
        last = b;
    }
    if (last) {
        q->back = last->next;
        last->next = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    if (n == 0)
        return;
    enum lt_code rc = lt_quota_give_back(q->store, process, list, n, &err);
    if (rc)
        lt_log_error("limits.give_back", &err);
    pthread_mutex_lock(&q->lock);
    if (rc && q->epoch == epoch && rc != LT_ESTORE) {
        last->next = q->back;
        q->back = some;
        some = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    if (rc == LT_ESTORE)
        doubt(q, epoch);
    for (struct back *next; some; some = next) {
        next = some->next;
        free(some);
    }
}

/* Of these counters something waits to be given back, which would stand in the call's way. */
static bool waits_to_go_back(struct lt_quota *q, const struct wants *w)
{
    bool found = false;
    pthread_mutex_lock(&q->lock);
    for (const struct back *b = q->back; b && !found; b = b->next)
        for (size_t i = 0; i < w->n && !found; i++)
            found = w->list[i].ask->limit->id == b->at.limit_id && lt_str_eq(w->list[i].ask->key, b->at.key);
    pthread_mutex_unlock(&q->lock);
    return found;
}

static enum lt_code take_rest(struct lt_quota *q, struct wants *w, struct lt_denial *denial, struct lt_error *err)
{
    struct lt_quota_take takes[LT_LIMITS_OF_CALL_MAX];
    if (waits_to_go_back(q, w))
        flush_back(q);
    for (int tries = 0; tries < TRIES; tries++) {
        size_t n = 0;
        enum lt_code rc = look_up_all(q, w, denial, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < w->n; i++)
            if (!w->list[i].served && !w->list[i].ask->look) {
                takes[n] = w->list[i].take;
                if (tries > 0)
                    takes[n].amount = w->list[i].take.amount = w->list[i].ask->amount - w->list[i].own;
                n++;
            }
        rc = n > 0 ? lt_quota_take(q->store, w->process, takes, n, w->now, err) : LT_OK;
        if (rc == LT_OK)
            taken(q, w);
        if (rc == LT_ESTORE)
            doubt(q, w->epoch);
        if (rc != LT_ECONFLICT)
            return rc;
        ask_for_less(w); /* somebody was faster, or has begun a window */
    }
    size_t first = 0; /* of what had to be taken: there is one, or nothing could have conflicted */
    while (first + 1 < w->n && (w->list[first].served || w->list[first].ask->look))
        first++;
    *denial = (struct lt_denial){first, w->list[first].spent, LT_LEDGER_SETTLED_MS}; /* many are about the last of it */
    return LT_ERATE_LIMITED;
}

static void hold(struct lt_quota *q, struct wants *w, struct lt_hold *ret)
{
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < w->n; i++) {
        const struct want *want = &w->list[i];
        struct entry *e = *find(q, want->ask->limit->id, want->ask->key);
        if (e && !want->ask->look)
            e->under_way += want->ask->amount;
        ret[i] = want->ask->look ? (struct lt_hold){0}
                                 : (struct lt_hold){.limit_id = want->ask->limit->id,
                                                    .slot = want->take.slot.slot,
                                                    .ends_at = want->take.slot.ends_at,
                                                    .amount = want->ask->amount,
                                                    .epoch = w->epoch};
    }
    pthread_mutex_unlock(&q->lock);
}

static void end_taking(struct lt_quota *q, const struct wants *w)
{
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < w->n; i++) {
        struct entry *e = w->list[i].taking ? *find(q, w->list[i].ask->limit->id, w->list[i].ask->key) : NULL;
        if (e && e->taking > 0)
            e->taking--;
    }
    pthread_mutex_unlock(&q->lock);
}

enum lt_code lt_quota_reserve(struct lt_quota *q, struct lt_str zone, const struct lt_ask *asks, size_t n, struct lt_hold *ret,
                              struct lt_denial *denial, struct lt_error *err)
{
    struct want list[LT_LIMITS_OF_CALL_MAX], *denied;
    struct wants w = {.list = list, .n = n};
    size_t rest;
    if (n == 0)
        return LT_OK;
    if (n > LT_LIMITS_OF_CALL_MAX)
        return LT_EOVERLOADED;
    if (renew(q, true, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        list[i] = (struct want){.ask = &asks[i]};
    pthread_mutex_lock(&q->lock);
    w.epoch = q->epoch;
    w.now = lt_now_ms() + q->ahead_ms;
    memcpy(w.process, q->process, sizeof(w.process));
    enum lt_code rc = serve(q, zone, &w, &rest, &denied);
    if (denied) {
        struct entry *e = *find(q, denied->ask->limit->id, denied->ask->key);
        *denial = (struct lt_denial){(size_t)(denied - list), e->spent, e->retry_ms};
    }
    pthread_mutex_unlock(&q->lock);
    if (rc == LT_OK && rest > 0)
        rc = take_rest(q, &w, denial, err);
    if (rest > 0)
        end_taking(q, &w);
    if (rc)
        undo(q, &w, n);
    else
        hold(q, &w, ret);
    return rc;
}

/* ---- settling ---- */

static enum lt_mark mark_of(struct entry *e, const struct lt_limit *limit)
{
    int64_t used = e->seen - e->free;
    enum lt_mark now = used >= limit->amount ? LT_MARK_100 : used >= limit->amount - limit->amount / 5 ? LT_MARK_80 : LT_MARK_NONE;
    if (now <= e->mark)
        return LT_MARK_NONE;
    return e->mark = now;
}

/* Of an entry that was made anew meanwhile nothing is known to be under way. */
static void end_under_way(struct entry *e, int64_t held, int64_t real)
{
    uint64_t mono = lt_mono_ms();
    e->under_way = e->under_way > held ? e->under_way - held : 0;
    e->returned = held - real + returned_lately(e, mono);
    e->returned_at = mono;
}

void lt_quota_settle(struct lt_quota *q, const struct lt_limit *limit, struct lt_str key, struct lt_hold *h, int64_t real, enum lt_mark *ret_mark)
{
    pthread_mutex_lock(&q->lock);
    struct entry *e = *find(q, limit->id, key);
    if (e)
        end_under_way(e, h->amount, real);
    bool here = e && h->epoch == q->epoch && e->at.slot == h->slot && real <= h->amount;
    if (here)
        e->free += h->amount - real;
    else if (h->epoch == q->epoch)
        give_back_later(q, &(struct lt_quota_slot){limit->id, key, h->slot, h->ends_at}, limit->window == LT_WINDOW_FIXED, h->amount - real);
    if (e && ret_mark && e->at.slot == h->slot)
        *ret_mark = mark_of(e, limit);
    pthread_mutex_unlock(&q->lock);
}

void lt_quota_record(struct lt_quota *q, int64_t limit_id, struct lt_str key, const struct lt_hold *h, int64_t amount, bool first, struct lt_tx *tx)
{
    char process[37];
    pthread_mutex_lock(&q->lock);
    bool mine = h->epoch == q->epoch;
    memcpy(process, q->process, sizeof(process));
    pthread_mutex_unlock(&q->lock);
    struct lt_quota_slot slot = {limit_id, key, h->slot, h->ends_at};
    if (mine)
        lt_quota_spend(tx, process, &slot, amount);
    else
        lt_quota_spend_late(tx, &slot, amount, first);
}

enum lt_code lt_quota_look(struct lt_quota *q, const struct lt_limit *limit, struct lt_str key, struct lt_use *ret, struct lt_error *err)
{
    struct lt_quota_seen seen;
    pthread_mutex_lock(&q->lock);
    int64_t now = lt_now_ms() + q->ahead_ms;
    pthread_mutex_unlock(&q->lock);
    *ret = (struct lt_use){0};
    if (lt_quota_read(q->store, limit->id, key, now, &seen, err))
        return err->code;
    ret->used = seen.used - seen.unspent;
    for (size_t i = 0; i < seen.n && ret->resets_at == 0 && ret->used > 0; i++)
        if (seen.rows[i].used > 0)
            ret->resets_at = seen.rows[i].ends_at;
    return LT_OK;
}

/* ---- keeping ---- */

/* Quota that lies idle or whose slot is over, and counters that nobody needs. */
static void collect(struct lt_quota *q)
{
    uint64_t mono = lt_mono_ms();
    pthread_mutex_lock(&q->lock);
    int64_t now = lt_now_ms() + q->ahead_ms;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry **at = &q->buckets[i]; *at;) {
            struct entry *e = *at;
            bool idle = mono - e->used_at >= LT_QUOTA_IDLE_MS, over = now >= e->at.ends_at;
            if ((idle || over) && e->free > 0) {
                give_back_later(q, &e->at, e->window == LT_WINDOW_FIXED, e->free);
                e->seen -= e->free;
                e->turns++;
                e->free = 0;
                if (e->window == LT_WINDOW_FIXED) /* it may not have begun after all */
                    leave_slot(q, e);
            }
            if (!(idle && over)) {
                at = &e->next;
                continue;
            }
            *at = e->next;
            free(e);
            q->n--;
        }
    pthread_mutex_unlock(&q->lock);
}

static bool is_due(const uint64_t *at)
{
    return lt_mono_ms() >= *at;
}

/* Marks are of what all have used: of budgets that are in use here it is looked up. */
static void watch(struct lt_quota *q)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_quota_slot list[WATCHED_MAX];
    uint64_t turns[WATCHED_MAX];
    size_t n = 0;
    struct lt_error err;
    struct lt_quota_seen seen;
    pthread_mutex_lock(&q->lock);
    int64_t now = lt_now_ms() + q->ahead_ms;
    for (size_t i = 0; i < BUCKETS && n < WATCHED_MAX; i++)
        for (struct entry *e = q->buckets[i]; e && n < WATCHED_MAX; e = e->next)
            if (e->marked && e->taking == 0 && lt_mono_ms() - e->used_at < LT_QUOTA_IDLE_MS) {
                turns[n] = e->turns;
                list[n++] = (struct lt_quota_slot){e->at.limit_id, lt_str_copy(arena, e->at.key), 0, 0};
            }
    pthread_mutex_unlock(&q->lock);
    for (size_t i = 0; i < n && lt_quota_read(q->store, list[i].limit_id, list[i].key, now, &seen, &err) == LT_OK; i++) {
        pthread_mutex_lock(&q->lock);
        struct entry *e = *find(q, list[i].limit_id, list[i].key);
        if (e && e->turns == turns[i])
            e->seen = seen.used;
        pthread_mutex_unlock(&q->lock);
    }
    lt_arena_free(arena);
}

void lt_quota_keep(struct lt_quota *q)
{
    struct lt_error err;
    if (is_due(&q->renew_at)) {
        if (renew(q, false, &err))
            lt_log_error("limits.prolong", &err);
        else
            q->renew_at = lt_mono_ms() + RENEW_MS;
    }
    collect(q);
    flush_back(q);
    if (is_due(&q->watch_at)) {
        watch(q);
        q->watch_at = lt_mono_ms() + WARM_MS;
    }
    if (is_due(&q->recover_at)) {
        q->recover_at = lt_mono_ms() + RECOVER_MS;
        if (lt_quota_recover(q->store, &err))
            lt_log_error("limits.recover", &err);
    }
}

void lt_quota_free(struct lt_quota *q)
{
    struct lt_error err;
    if (!q)
        return;
    if (q->epoch > 0 && lt_quota_leave(q->store, q->process, &err))
        lt_log_error("limits.leave", &err);
    new_epoch(q, 0);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = q->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    pthread_mutex_destroy(&q->lock);
    free(q);
}

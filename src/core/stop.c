/*
 * The emergency stops in force. A stop is seen by a call either at its gate, or after it has entered the table of running calls: whoever reads the
 * stops walks that table after they are known, and a call looks again after it has entered. So none slips through between the two.
 */
#include "core/stop.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/manager.h"

enum { LOOK_MS = 200, STOPS_MAX = 10000, END_POLL_MS = 5 };

struct lt_stops {
    pthread_mutex_t lock;
    _Atomic size_t n;
    struct lt_arena *arena;  /* of list */
    struct lt_stop *list;    /* by site_id */
    uint64_t reads;          /* begun */
    uint64_t read;           /* the newest whose answer is in force: an older one that comes late must not win */
};

struct lt_stops *lt_stops_new(void)
{
    struct lt_stops *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(0);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void lt_stops_free(struct lt_stops *s)
{
    if (!s)
        return;
    lt_arena_free(s->arena);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- asking ---- */

static int by_site(const void *a, const void *b)
{
    int64_t x = ((const struct lt_stop *)a)->site_id, y = ((const struct lt_stop *)b)->site_id;
    return (x > y) - (x < y);
}

/* With the lock held. That of all sites goes before that of one. */
static const struct lt_stop *find(const struct lt_stops *s, int64_t site_id)
{
    struct lt_stop key = {.site_id = site_id};
    size_t n = atomic_load(&s->n);
    if (n == 0 || s->list[0].site_id == 0)
        return n > 0 ? &s->list[0] : NULL;
    return bsearch(&key, s->list, n, sizeof(key), by_site);
}

enum lt_code lt_stops_check(struct lt_stops *s, int64_t site_id, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    if (atomic_load(&s->n) == 0)
        return LT_OK;
    pthread_mutex_lock(&s->lock);
    const struct lt_stop *stop = find(s, site_id);
    if (stop)
        rc = lt_fail(err, LT_ESTOPPED, "%s%s%.*s", lt_code_text(LT_ESTOPPED), stop->reason.n > 0 ? " " : "", LT_FMT(stop->reason));
    pthread_mutex_unlock(&s->lock);
    return rc;
}

enum lt_code lt_stops_fail(struct lt_stops *s, int64_t site_id, struct lt_error *err)
{
    enum lt_code rc = lt_stops_check(s, site_id, err);
    return rc ? rc : lt_fail(err, LT_ESTOPPED, "%s", lt_code_text(LT_ESTOPPED));
}

/* ---- reading ---- */

static enum lt_code read_list(struct lt_store *store, struct lt_arena *arena, struct lt_stop **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, arena, "SELECT id, site_id, reason, stopped_by, stopped_at FROM emergency_stop WHERE lifted_at = 0 ORDER BY site_id", NULL,
                       0, STOPS_MAX, &r, err))
        return lt_error_wrap(err, "emergency stops");
    *ret = LT_NEW_ARRAY(arena, struct lt_stop, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_stop){.id = lt_rows_int(&r, i, 0),
                                     .site_id = lt_rows_int(&r, i, 1),
                                     .reason = lt_rows_str(&r, i, 2),
                                     .by = lt_rows_str(&r, i, 3),
                                     .since = lt_rows_int(&r, i, 4)};
    return LT_OK;
}

static bool same(const struct lt_stop *a, size_t a_n, const struct lt_stop *b, size_t b_n)
{
    bool equal = a_n == b_n;
    for (size_t i = 0; i < a_n && equal; i++)
        equal = a[i].id == b[i].id;
    return equal;
}

static void tell(const struct lt_stop *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lt_log(LT_LOG_WARN, "emergency.stopped", LT_I("site", list[i].site_id), LT_SS("by", list[i].by), LT_SS("reason", list[i].reason));
    if (n == 0)
        lt_log(LT_LOG_WARN, "emergency.lifted", LT_S("now", "no site is stopped"));
}

/* Takes the arena over. False: nothing has changed, or a later reading was faster. */
static bool put(struct lt_stops *s, uint64_t number, struct lt_arena *arena, struct lt_stop *list, size_t n)
{
    pthread_mutex_lock(&s->lock);
    bool newer = number > s->read;
    bool changed = newer && !same(s->list, atomic_load(&s->n), list, n);
    struct lt_arena *gone = arena;
    if (newer)
        s->read = number;
    if (changed) {
        gone = s->arena;
        s->arena = arena;
        s->list = list;
        atomic_store(&s->n, n);
        tell(list, n);
    }
    pthread_mutex_unlock(&s->lock);
    lt_arena_free(gone);
    return changed;
}

static void stop_running(struct lt_stops *s, struct lt_calls *calls)
{
    struct lt_arena *arena = lt_arena_new();
    pthread_mutex_lock(&s->lock);
    size_t n = atomic_load(&s->n);
    int64_t *sites = LT_NEW_ARRAY(arena, int64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        sites[i] = s->list[i].site_id;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        lt_calls_stop(calls, sites[i]);
    lt_arena_free(arena);
}

enum lt_code lt_stops_read(struct lt_stops *s, struct lt_store *store, struct lt_calls *calls, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_stop *list = NULL;
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    uint64_t number = ++s->reads;
    pthread_mutex_unlock(&s->lock);
    if (read_list(store, arena, &list, &n, err)) {
        lt_arena_free(arena);
        return err->code;
    }
    if (put(s, number, arena, list, n))
        stop_running(s, calls);
    return LT_OK;
}

/* ---- the watcher ---- */

static void watch_stops(void *arg)
{
    struct lt_stop_watch *w = arg;
    struct lt_error err;
    bool failing = false;
    lt_fiber_set_name("emergency stops");
    while (lt_fiber_sleep(LOOK_MS) != LT_ECANCELLED) {
        bool failed = lt_manager_look_at_stops(w->manager, &err) != LT_OK;
        if (failed && !failing && err.code != LT_ECANCELLED) /* once for a run of failures */
            lt_log_error("emergency.watch", &err);
        failing = failed;
    }
    w->fiber = NULL;
}

enum lt_code lt_stop_watch_start(struct lt_stop_watch *w, struct lt_manager *manager, struct lt_loop *loop)
{
    w->manager = manager;
    return lt_fiber_start(loop, watch_stops, w, &w->fiber);
}

void lt_stop_watch_end(struct lt_stop_watch *w)
{
    if (w->fiber)
        lt_fiber_cancel(w->fiber);
    lt_fiber_shield();
    while (w->fiber)
        lt_fiber_sleep(END_POLL_MS);
    lt_fiber_unshield();
}

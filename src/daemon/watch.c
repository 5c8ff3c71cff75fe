/*
 * What is looked at twice a second: changed configuration (by ourselves, whose API reloads at once, by `lectern …` commands, by other
 * daemons on the database), streams and stored responses kept too long, memory that a burst has left behind.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/picture_file.h"
#include "core/response_store.h"
#include "daemon/daemon.h"
#include "io/worker.h"
#include "workflows/grading.h"
#include "workflows/workflow_set.h"

enum {
    WATCH_MS = 500,
    TEMPLATES_EVERY = 1000 / WATCH_MS,
    MARK_EVERY = 60000 / WATCH_MS,
    SWEEP_EVERY = 600000 / WATCH_MS,
    SWEEP_MAX = 1000,                 /* at once; the rest at the next look */
    BURST = 256,                      /* so many fibers at once are one */
    BURST_OVER = 32,                  /* it is over when so few are left */
    START = 1000 / WATCH_MS           /* what the start has used is free by then */
};

/* Looks that go by before each time that something is given back: when a burst is over, when the store has come to rest, and when streams that were
 * kept for a minute are gone. */
static const int pauses[] = {0, 5000 / WATCH_MS, 85000 / WATCH_MS};

enum lt_code lt_daemon_reload(void *daemon, struct lt_config **ret, struct lt_error *err)
{
    struct lt_daemon *d = daemon;
    struct lt_config *config = NULL;
    if (lt_config_load(d->engine.store, &config, err))
        return lt_error_wrap(err, "configuration");
    pthread_mutex_lock(&d->publishing);
    if (config->generation >= d->generation) { /* two may load at once; the older one must not win */
        lt_config_publish(d->loop_list, d->loops_n, config);
        d->generation = config->generation;
    }
    pthread_mutex_unlock(&d->publishing);
    *ret = config;
    return LT_OK;
}

static enum lt_code look(struct lt_daemon *d, bool templates, struct lt_error *err)
{
    struct lt_config *config = NULL;
    bool changed = false;
    pthread_mutex_lock(&d->publishing);
    int64_t generation = d->generation;
    pthread_mutex_unlock(&d->publishing);
    if (lt_config_changed(d->engine.store, generation, &changed, err))
        return err->code;
    if (!changed && !(templates && lt_workflow_source_changed(d->workflows)))
        return LT_OK;
    if (lt_daemon_reload(d, &config, err))
        return err->code;
    lt_log(LT_LOG_INFO, "config.reload", LT_I("generation", config->generation));
    lt_config_unref(config);
    return LT_OK;
}

/* How busy we were, and whether something is to be given back for it. */
struct burst {
    int peak;      /* most fibers since the last time */
    size_t times;  /* that something was given back for it, of LT_COUNT(pauses) */
    int looks;     /* until the next time */
};

static void rest(void *store)
{
    lt_store_rest(store);
    lt_memory_give_back();
}

/*
 * Once after the start, and behind each burst. On a worker, but malloc locks a heap while it looks through it, tenths of a second after thousands of
 * streams: hence only when hardly anybody is there to wait for it.
 */
static void give_back(struct lt_daemon *d, struct burst *b)
{
    int now = lt_fiber_count();
    if (now > b->peak)
        b->peak = now;
    if (now > BURST_OVER)
        return;
    if (b->peak >= BURST)
        *b = (struct burst){.peak = now};
    if (b->times == LT_COUNT(pauses) || b->looks-- > 0)
        return;
    if (lt_work(rest, d->engine.store)) { /* busy: at the next look */
        b->looks = 0;
        return;
    }
    if (++b->times < LT_COUNT(pauses))
        b->looks = pauses[b->times];
}

/* Looks until the next time. */
static unsigned sweep(struct lt_daemon *d)
{
    struct lt_error err;
    bool more = false, more_gradings = false;
    struct lt_config *config = lt_config_ref(lt_config_current());
    if (lt_response_sweep(d->engine.store, config, lt_now_ms(), SWEEP_MAX, &more, &err))
        lt_log_error("response.sweep", &err);
    if (lt_grading_sweep(d->engine.store, config, lt_now_ms(), SWEEP_MAX, &more_gradings, &err))
        lt_log_error("grading.sweep", &err);
    lt_config_unref(config);
    return more || more_gradings ? 1 : SWEEP_EVERY;
}

static void remove_pictures(struct lt_daemon *d)
{
    struct lt_error err;
    for (bool more = true; more;)
        if (lt_picture_remove_due(d->engine.store, lt_manager_files_dir(d->engine.manager), lt_now_ms(), &more, &err)) {
            lt_log_error("image.sweep", &err);
            return;
        }
}

/* On loop 0. */
static void on_hint(struct lt_task *task)
{
    struct lt_daemon *d = (struct lt_daemon *)((char *)task - offsetof(struct lt_daemon, hint));
    atomic_store(&d->hint_posted, false);
    d->hinted = true;
    if (d->watcher)
        lt_fiber_wake(d->watcher);
}

/* On a thread of the store. */
static void post_hint(void *daemon)
{
    struct lt_daemon *d = daemon;
    if (!atomic_exchange(&d->hint_posted, true))
        lt_loop_post(d->loop_list[0], &d->hint);
}

enum lt_code lt_daemon_hints_start(struct lt_daemon *d, struct lt_error *err)
{
    d->hint.fn = on_hint;
    return lt_store_on_hint(d->engine.store, post_hint, d, err);
}

void lt_daemon_hints_stop(struct lt_daemon *d)
{
    lt_store_on_hint(d->engine.store, NULL, NULL, NULL);
}

/* Until the time has come (LT_ETIMEOUT), or a hint (LT_OK). LT_ECANCELLED. */
static enum lt_code wait_for_hint(struct lt_daemon *d, uint64_t until)
{
    enum lt_code code = LT_OK;
    while (!d->hinted && code == LT_OK)
        code = lt_fiber_wait_for(until, "time to pass");
    if (code == LT_OK)
        d->hinted = false;
    return code;
}

/* The wait between two looks, in which hints are followed. False when the watcher is to end. */
static bool wait_for_time(struct lt_daemon *d)
{
    struct lt_error err;
    enum lt_code code;
    uint64_t until = lt_loop_now(d->loop_list[0]) + WATCH_MS;
    while ((code = wait_for_hint(d, until)) == LT_OK)
        look(d, false, &err); /* what fails is told of by the look that comes anyway */
    return code != LT_ECANCELLED;
}

void lt_daemon_watch(void *daemon)
{
    struct lt_daemon *d = daemon;
    struct lt_error err;
    struct burst burst = {.times = LT_COUNT(pauses) - 1, .looks = START};
    bool failing = false;
    unsigned looks = 0, sweep_in = 1;
    lt_fiber_set_name("configuration watcher");
    while (wait_for_time(d)) {
        bool failed = look(d, looks % TEMPLATES_EVERY == 0, &err) != LT_OK;
        if (failed && !failing && lt_store_is_ready(d->engine.store)) /* once for a run of failures; of a database that is away the store tells */
            lt_log_error("config.watch", &err);
        failing = failed;
        if (!failed && lt_manager_end_left(d->engine.manager, &err) == LT_OK) /* else the next time */
            lt_api_keep_left(d->api);
        lt_api_tick(d->api);
        give_back(d, &burst);
        if (--sweep_in == 0)
            sweep_in = sweep(d);
        if (looks++ % MARK_EVERY == 0) {
            lt_manager_mark(d->engine.manager);
            remove_pictures(d);
        }
    }
    d->watcher = NULL;
}

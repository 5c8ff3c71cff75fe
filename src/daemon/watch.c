/*
 * What is looked at twice a second: changed configuration (by ourselves, whose API reloads at once, by `lectern …` commands, by other
 * daemons on the database), streams kept too long, memory that a burst has left behind.
 */
#include <malloc.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "io/worker.h"
#include "workflows/workflow_set.h"

enum {
    WATCH_MS = 500,
    TEMPLATES_EVERY = 1000 / WATCH_MS,
    MARK_EVERY = 60000 / WATCH_MS,
    BURST = 256,                      /* so many fibers at once are one */
    BURST_OVER = 32,                  /* it is over when so few are left */
    TRIM_AGAIN = 90000 / WATCH_MS     /* streams that were kept for a minute are gone by then */
};

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

struct generation {
    struct lt_store *store;
    int64_t value;
    enum lt_code rc;
    struct lt_error err;
};

static void read_generation(void *arg)
{
    struct generation *g = arg;
    g->rc = lt_store_generation(g->store, &g->value, &g->err);
}

static enum lt_code look(struct lt_daemon *d, bool templates, struct lt_error *err)
{
    struct generation g = {.store = d->engine.store};
    struct lt_config *config = NULL;
    if (lt_work(read_generation, &g))
        return LT_OK; /* busy: next time */
    if (g.rc) {
        *err = g.err;
        return g.rc;
    }
    pthread_mutex_lock(&d->publishing);
    bool changed = g.value != d->generation;
    pthread_mutex_unlock(&d->publishing);
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
    int peak;         /* most fibers since the last time */
    int again;        /* looks until the second time, 0: none is due */
};

/* Whole pages that nobody uses, wherever they lie in the heaps: of itself malloc gives back only what lies at their ends. */
static void trim(void *arg)
{
    malloc_trim(0);
}

/*
 * Once when a burst is over and once later. On a worker, but malloc locks a heap while it looks through it, tenths of a second after
 * thousands of streams: hence only when hardly anybody is there to wait for it.
 */
static void give_back(struct burst *b)
{
    int now = lt_fiber_count();
    if (now > b->peak)
        b->peak = now;
    bool over = b->peak >= BURST;
    if (now > BURST_OVER || (!over && (b->again == 0 || --b->again > 0)))
        return;
    if (lt_work(trim, NULL)) /* busy: next time */
        b->again += !over;
    else if (over)
        *b = (struct burst){.peak = now, .again = TRIM_AGAIN};
}

void lt_daemon_watch(void *daemon)
{
    struct lt_daemon *d = daemon;
    struct lt_error err;
    struct burst burst = {0};
    bool failing = false;
    unsigned looks = 0;
    lt_fiber_set_name("configuration watcher");
    while (lt_fiber_sleep(WATCH_MS) != LT_ECANCELLED) {
        bool failed = look(d, looks % TEMPLATES_EVERY == 0, &err) != LT_OK;
        if (failed && !failing) /* once for a run of failures */
            lt_log_error("config.watch", &err);
        failing = failed;
        lt_api_tick(d->api);
        give_back(&burst);
        if (looks++ % MARK_EVERY == 0)
            lt_manager_mark(d->engine.manager);
    }
    d->watcher = NULL;
}

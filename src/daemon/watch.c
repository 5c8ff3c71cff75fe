/* Noticing changed configuration: by ourselves (the API reloads at once), by `lectern …` commands, by other daemons on the database. */
#include "base/log.h"
#include "daemon/daemon.h"
#include "io/worker.h"

enum { WATCH_MS = 500, MARK_EVERY = 60000 / WATCH_MS };

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

static enum lt_code look(struct lt_daemon *d, struct lt_error *err)
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
    if (!changed)
        return LT_OK;
    if (lt_daemon_reload(d, &config, err))
        return err->code;
    lt_log(LT_LOG_INFO, "config.reload", LT_I("generation", config->generation));
    lt_config_unref(config);
    return LT_OK;
}

void lt_daemon_watch(void *daemon)
{
    struct lt_daemon *d = daemon;
    struct lt_error err;
    bool failing = false;
    unsigned looks = 0;
    lt_fiber_set_name("configuration watcher");
    while (lt_fiber_sleep(WATCH_MS) != LT_ECANCELLED) {
        bool failed = look(d, &err) != LT_OK;
        if (failed && !failing) /* once for a run of failures */
            lt_log_error("config.watch", &err);
        failing = failed;
        lt_api_tick(d->api);
        if (looks++ % MARK_EVERY == 0)
            lt_manager_mark(d->engine.manager);
    }
    d->watcher = NULL;
}

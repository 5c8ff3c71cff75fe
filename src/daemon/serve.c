/* Start, run, drain, stop. Steps are taken in order and taken back in reverse; each has one function. */
#include "daemon/serve.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "cli/data_dir.h"
#include "content/search_index.h"
#include "content/course_store.h"
#include "core/picture_file.h"
#include "daemon/confine.h"
#include "daemon/daemon.h"
#include "daemon/demo_site.h"
#include "daemon/supervisor.h"
#include "io/tls.h"
#include "io/worker.h"
#include "plugin/plugin.h"
#include "privacy/privacy.h"
#include "tools/mcp_hub.h"

enum { WORKERS = 4, SERVER_WORKERS = 8 /* who waits for a database server needs no processor */, DRAIN_POLL_MS = 20, SIGNAL_POLL_MS = 100, LOCK_POLL_MS = 20, CONNECTIONS = 20000 };

/* ---- a loop's thread ---- */

static void *loop_thread(void *arg)
{
    struct lt_daemon_loop *l = arg;
    struct lt_daemon *d = l->daemon;
    pthread_setname_np(pthread_self(), "loop");
    l->loop = lt_loop_new(l->index, &l->err);
    bool made = l->loop != NULL;
    sem_post(&d->step);
    if (!made)
        return NULL;
    lt_loop_run(l->loop);
    atomic_fetch_sub(&d->loops_running, 1);
    pthread_barrier_wait(&d->stopped);
    pthread_barrier_wait(&d->freeing);
    lt_loop_free(l->loop);
    lt_arena_thread_end();
    return NULL;
}

static void wait_step(struct lt_daemon *d)
{
    while (sem_wait(&d->step) != 0)
        ; /* EINTR */
}

static enum lt_code prepare_entry(void *daemon, const struct lt_entry *e, struct lt_error *err)
{
    struct lt_daemon *d = daemon;
    return e->kind == LT_KIND_ACTION ? lt_manager_prepare_action(d->engine.manager, e->impl, err) : LT_OK;
}

/* Providers and permissions of a configuration come from the registry. */
static void registry_changed(void *daemon)
{
    struct lt_error err;
    struct lt_config *config;
    if (lt_daemon_reload(daemon, &config, &err))
        lt_log_error("config.reload", &err);
    else
        lt_config_unref(config);
}

static void keep_plugins(void *daemon)
{
    struct lt_daemon *d = daemon;
    lt_plugins_keep(d->plugins, &(struct lt_plugins_keeper){.prepare = prepare_entry, .changed = registry_changed, .ctx = d});
    d->keeper = NULL;
}

static void export_spans(void *daemon)
{
    struct lt_daemon *d = daemon;
    lt_otlp_run(&d->otlp);
    d->exporter = NULL;
}

static void erase(void *daemon)
{
    struct lt_daemon *d = daemon;
    lt_privacy_worker(d->privacy);
    d->eraser = NULL;
}

/* While the events' fibers run, there is an API. */
static enum lt_code run_requested(void *daemon, struct lt_arena *arena, struct lt_config *config, const struct lt_site *site,
                                  const struct lt_bus_request *request, struct lt_uuid id, const uint8_t hash[32], struct lt_error *err)
{
    struct lt_daemon *d = daemon;
    return lt_api_bus_request(d->api, arena, config, site, request, id, hash, err);
}

static void tell(void *daemon)
{
    struct lt_daemon *d = daemon;
    lt_events_worker(d->events);
    d->teller = NULL;
}

static void erase_at_vendors(void *daemon)
{
    struct lt_daemon *d = daemon;
    lt_privacy_vendor_worker(d->privacy);
    d->vendor_eraser = NULL;
}

static void index_courses(void *daemon)
{
    struct lt_daemon *d = daemon;
    lt_indexer_run(d->indexer);
    d->indexing = NULL;
}

/* On the loop: listens. The first one finds the port. */
static void start_server(struct lt_task *task)
{
    struct lt_daemon_loop *l = (struct lt_daemon_loop *)task;
    struct lt_daemon *d = l->daemon;
    struct lt_http_server_options options = {
        .host = d->settings->host, .port = d->port, .listening = d->listening, .tls = d->tls, .handler = lt_api_handle, .ended = d->access_log.file ? lt_api_ended : NULL, .ctx = d->api, .limits = d->limits};
    l->err = (struct lt_error){0};
    if (!lt_http_server_start(l->loop, &options, &l->server, &l->err) && l->index == 0) {
        d->port = lt_http_server_port(l->server);
        lt_fiber_start(l->loop, lt_daemon_watch, d, &d->watcher);
        lt_fiber_start(l->loop, keep_plugins, d, &d->keeper);
        lt_fiber_start(l->loop, lt_daemon_keep_limits, d, &d->limits_keeper);
        lt_fiber_start(l->loop, erase, d, &d->eraser);
        lt_fiber_start(l->loop, tell, d, &d->teller);
        lt_fiber_start(l->loop, erase_at_vendors, d, &d->vendor_eraser);
        lt_fiber_start(l->loop, index_courses, d, &d->indexing);
        if (d->tracer)
            lt_fiber_start(l->loop, export_spans, d, &d->exporter);
        if (lt_daemon_members_start(d, l->loop))
            lt_fail(&l->err, LT_EOVERLOADED, "no fiber is free for the registry of processes");
        if (lt_stop_watch_start(&d->stops, d->engine.manager, l->loop))
            lt_fail(&l->err, LT_EOVERLOADED, "no fiber is free for the emergency stops");
        if (lt_task_queue_start(d->tasks, d->loop_list, d->loops_n))
            lt_fail(&l->err, LT_EOVERLOADED, "no fiber is free for the tasks");
    }
    sem_post(&d->step);
}

/* ---- stopping ---- */

/* Fiber: waits for what runs, cancels what is left, ends the loop. */
static void drain(void *arg)
{
    struct lt_daemon_loop *l = arg;
    struct lt_daemon *d = l->daemon;
    lt_fiber_set_name("drain");
    if (l->server) {
        lt_http_server_drain(l->server);
        while ((lt_http_server_connections(l->server) > 0 || lt_task_queue_busy(d->tasks, l->loop) > 0) &&
               lt_mono_ms() < atomic_load(&d->drain_deadline_ms))
            lt_fiber_sleep(DRAIN_POLL_MS);
        lt_task_queue_put_back(d->tasks, l->loop);
        lt_http_server_stop(l->server);
        while (lt_task_queue_busy(d->tasks, l->loop) > 0)
            lt_fiber_sleep(DRAIN_POLL_MS);
    }
    if (l->index == 0) {
        if (d->watcher)
            lt_fiber_cancel(d->watcher);
        if (d->keeper)
            lt_fiber_cancel(d->keeper);
        if (d->limits_keeper)
            lt_fiber_cancel(d->limits_keeper);
        if (d->eraser)
            lt_fiber_cancel(d->eraser);
        if (d->vendor_eraser)
            lt_fiber_cancel(d->vendor_eraser);
        if (d->teller)
            lt_fiber_cancel(d->teller);
        if (d->indexing)
            lt_fiber_cancel(d->indexing);
        lt_daemon_members_end(d);
        lt_stop_watch_end(&d->stops);
        while (d->watcher || d->keeper || d->limits_keeper || d->eraser || d->vendor_eraser || d->teller || d->indexing || lt_daemon_members_busy(d) || d->reloads > 0)
            lt_fiber_sleep(DRAIN_POLL_MS);
        if (d->exporter)
            lt_fiber_cancel(d->exporter);
        while (d->exporter)
            lt_fiber_sleep(DRAIN_POLL_MS);
    }
    lt_mcp_hub_end_loop(d->mcp);
    lt_loop_stop(l->loop);
}

static void start_drain(struct lt_task *task)
{
    struct lt_daemon_loop *l = (struct lt_daemon_loop *)task;
    if (lt_fiber_start(l->loop, drain, l, NULL))
        abort(); /* more fibers than there can be */
}

/* Signals that say "now", once the end has begun. */
static void urgent_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
}

/* On the loop: a successor may already take what comes to the socket that both have. */
static void retire(struct lt_task *task)
{
    struct lt_daemon_loop *l = (struct lt_daemon_loop *)task;
    lt_http_server_retire(l->server);
    sem_post(&l->daemon->step);
}

/*
 * Load balancers look at /readyz from time to time: until they have seen that it fails, they send requests, which are served as
 * ever. Returns false when a second signal came: the end is wanted now.
 */
static bool wait_for_balancers(struct lt_daemon *d)
{
    sigset_t signals;
    urgent_signals(&signals);
    lt_api_not_ready(d->api);
    lt_supervisor_tell("STOPPING=1");
    for (size_t i = 0; i < d->loops_n; i++) {
        d->loops[i].task.fn = retire;
        lt_loop_post(d->loops[i].loop, &d->loops[i].task);
        wait_step(d);
    }
    lt_daemon_members_draining(d);
    uint64_t until = lt_mono_ms() + (uint64_t)d->settings->drain_delay * 1000;
    for (uint64_t now; (now = lt_mono_ms()) < until;) {
        uint64_t ms = until - now;
        struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000L};
        if (sigtimedwait(&signals, NULL, &left) > 0)
            return false;
    }
    return true;
}

static void stop_loops(struct lt_daemon *d, uint64_t patience_ms)
{
    sigset_t signals;
    urgent_signals(&signals);
    if (d->api)
        lt_api_drain(d->api);
    lt_task_queue_stop(d->tasks);
    atomic_store(&d->drain_deadline_ms, lt_mono_ms() + patience_ms);
    for (size_t i = 0; i < d->loops_n; i++) {
        d->loops[i].task.fn = start_drain;
        lt_loop_post(d->loops[i].loop, &d->loops[i].task);
    }
    while (atomic_load(&d->loops_running) > 0)
        if (sigtimedwait(&signals, NULL, &(struct timespec){.tv_nsec = SIGNAL_POLL_MS * 1000000L}) > 0)
            atomic_store(&d->drain_deadline_ms, lt_mono_ms()); /* asked twice: now */
}

/* With every loop at rest the API goes, then the loops that its logs hang on. */
static void join_loops(struct lt_daemon *d)
{
    pthread_barrier_wait(&d->stopped);
    lt_api_free(d->api);
    d->api = NULL;
    pthread_barrier_wait(&d->freeing);
    for (size_t i = 0; i < d->loops_n; i++)
        pthread_join(d->loops[i].thread, NULL);
    pthread_barrier_destroy(&d->stopped);
    pthread_barrier_destroy(&d->freeing);
}

/* ---- starting ---- */

static enum lt_code start_threads(struct lt_daemon *d, size_t n, struct lt_error *err)
{
    pthread_barrier_init(&d->stopped, NULL, (unsigned)n + 1);
    pthread_barrier_init(&d->freeing, NULL, (unsigned)n + 1);
    for (size_t i = 0; i < n; i++) {
        struct lt_daemon_loop *l = &d->loops[i];
        *l = (struct lt_daemon_loop){.daemon = d, .index = (int)i};
        if (pthread_create(&l->thread, NULL, loop_thread, l) != 0)
            return lt_fail(err, LT_EOVERLOADED, "a thread for loop %zu cannot be made", i);
        wait_step(d);
        if (!l->loop) {
            pthread_join(l->thread, NULL);
            *err = l->err;
            return lt_error_wrap(err, "loop %zu", i);
        }
        d->loop_list[i] = l->loop;
        d->loops_n++;
        atomic_fetch_add(&d->loops_running, 1);
    }
    return LT_OK;
}

static enum lt_code start_servers(struct lt_daemon *d, struct lt_error *err)
{
    d->port = d->settings->port;
    for (size_t i = 0; i < d->loops_n; i++) {
        struct lt_daemon_loop *l = &d->loops[i];
        l->task.fn = start_server;
        lt_loop_post(l->loop, &l->task);
        wait_step(d);
        if (l->err.code) {
            *err = l->err;
            return lt_error_wrap(err, "listen %s", d->settings->listen);
        }
    }
    return LT_OK;
}

/* While the erasing fibers run, there is an API. */
static void forget_user(void *daemon, int64_t site_id, struct lt_str user_id)
{
    struct lt_daemon *d = daemon;
    lt_api_forget(d->api, site_id, user_id);
}

static enum lt_code start_api(struct lt_daemon *d, struct lt_error *err)
{
    d->privacy = lt_privacy_new(&(struct lt_privacy_options){.store = d->engine.store,
                                                                  .files_dir = lt_manager_files_dir(d->engine.manager), .manager = d->engine.manager, .forget = forget_user, .ctx = d});
    d->events = lt_events_new(&(struct lt_events_options){.store = d->engine.store, .tls = d->engine.tls, .pace = d->settings->events_pace,
                                                          .request = run_requested, .ctx = d});
    struct lt_api_options options = {.store = d->engine.store,
                                     .limits = d->limits,
                                     .tls = d->engine.tls,
                                     .proxies = d->settings->trusted,
                                     .proxies_n = d->settings->trusted_n,
                                     .https = d->tls != NULL,
                                     .sign_in_failures = (int)d->settings->sign_in_failures,
                                     .sign_in_pause_s = (int)d->settings->sign_in_pause,
                                     .manager = d->engine.manager,
                                     .tasks = d->tasks,
                                     .events = d->events,
                                     .privacy = d->privacy,
                                     .services = d->engine.services,
                                     .plugins = d->plugins,
                                     .access_log = d->access_log.file ? &d->access_log : NULL,
                                     .metrics_all_sites = d->settings->metrics_all_sites,
                                     .data_dir = d->settings->data,
                                     .loopback = lt_settings_loopback(d->settings),
                                     .demo = d->settings->demo,
                                     .reload = lt_daemon_reload,
                                     .ctx = d};
    lt_settings_share(d->settings, &options.share_dir, &options.widgets_dir);
    options.docs_dir = lt_settings_docs(d->settings, options.share_dir);
    if (d->settings->demo && !options.share_dir)
        lt_log(LT_LOG_WARN, "demo.no_course", LT_S("hint", "the directory with the demo course was not found; give it with --share"));
    return lt_api_new(&options, &d->api, err);
}

/* "http://127.0.0.1:8080", IPv6 in brackets. */
static const char *base_url(struct lt_daemon *d)
{
    bool v6 = strchr(d->settings->host, ':') != NULL;
    return lt_printf(d->settings->arena, "%s://%s%s%s:%d", d->tls ? "https" : "http", v6 ? "[" : "", d->settings->host, v6 ? "]" : "", d->port).p;
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A quarter of the descriptors is left for AI services, the database and what else needs one. */
static void make_limits(struct lt_daemon *d)
{
    const struct lt_settings *s = d->settings;
    struct rlimit files;
    int64_t connections = s->max_connections;
    if (connections == 0) {
        connections = CONNECTIONS;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 4 * 3 < CONNECTIONS)
            connections = (int64_t)(files.rlim_cur / 4 * 3);
    }
    d->limits = lt_http_limits_new(&(struct lt_http_limits_options){.connections = (int)connections,
                                                                    .per_address = (int)s->max_connections_per_address,
                                                                    .trusted = s->trusted,
                                                                    .trusted_n = s->trusted_n});
}

/* ---- running ---- */

static void reload_now(void *arg)
{
    struct lt_daemon *d = arg;
    struct lt_error err;
    struct lt_config *config;
    if (lt_daemon_reload(d, &config, &err))
        lt_log_error("config.reload", &err);
    else
        lt_config_unref(config);
    d->reloads--;
    lt_supervisor_tell("READY=1");
}

static void start_reload(struct lt_task *task)
{
    struct lt_daemon_loop *l = (struct lt_daemon_loop *)task;
    struct lt_error err;
    l->daemon->reloads++;
    if (lt_fiber_start(l->loop, reload_now, l->daemon, NULL)) {
        l->daemon->reloads--;
        lt_fail(&err, LT_EOVERLOADED, "no fiber is free to reload the configuration");
        lt_log_error("config.reload", &err);
    }
    sem_post(&l->daemon->step); /* the task may be used again */
}

static void wait_for_end(struct lt_daemon *d, const sigset_t *signals)
{
    for (;;) {
        int signal;
        if (sigwait(signals, &signal) != 0)
            continue;
        if (signal == SIGUSR1) {
            lt_daemon_show_fibers(d);
            continue;
        }
        if (signal != SIGHUP) {
            lt_log(LT_LOG_INFO, "daemon.drain", LT_S("signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
            return;
        }
        if (d->access_log.file)
            lt_line_file_reopen(d->access_log.file);
        lt_plugins_want_reload(d->plugins);
        lt_supervisor_tell_reloading();
        d->loops[0].task.fn = start_reload;
        lt_loop_post(d->loops[0].loop, &d->loops[0].task);
        wait_step(d);
    }
}

static enum lt_code announce(struct lt_daemon *d, const struct lt_demo *demo, struct lt_error *err)
{
    const char *url = base_url(d);
    if (d->settings->demo && lt_demo_write(d->settings, demo, url, err))
        return err->code;
    lt_store_brief(d->engine.store);
    lt_log(LT_LOG_INFO, "daemon.listen", LT_S("url", url), LT_I("threads", d->loops_n), LT_S("version", LECTERN_VERSION));
    printf("listening on %s\n", url);
    fflush(stdout);
    lt_supervisor_tell("READY=1");
    return LT_OK;
}

/* With the loops running: configuration, servers, and then until somebody ends it. */
static enum lt_code serve_loops(struct lt_daemon *d, const struct lt_demo *demo, const sigset_t *signals, struct lt_error *err)
{
    struct lt_config *config;
    if (lt_daemon_reload(d, &config, err))
        return err->code;
    lt_config_unref(config);
    if (start_servers(d, err) || lt_daemon_hints_start(d, err) || lt_daemon_members_advertise(d, base_url(d), err) || announce(d, demo, err))
        return err->code;
    wait_for_end(d, signals);
    return LT_OK;
}

static size_t count_loops(const struct lt_settings *s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return s->threads > 0 ? (size_t)s->threads : cores > 0 && cores < LT_THREADS_MAX ? (size_t)cores : 1;
}

static enum lt_code with_engine(struct lt_daemon *d, const sigset_t *signals, struct lt_error *err)
{
    const struct lt_settings *s = d->settings;
    struct lt_demo demo = {0};
    d->access_log = (struct lt_access_log){.format = strcmp(s->access_log_format, "json") == 0 ? LT_ACCESS_JSON : LT_ACCESS_COMBINED, .users = s->access_log_users};
    if (lt_daemon_trace(d, err))
        return err->code;
    if (s->access_log && lt_line_file_open(s->access_log, &d->access_log.file, err))
        return lt_error_wrap(err, "access_log");
    if (s->demo && lt_demo_prepare(d->engine.store, s, &demo, err))
        return err->code;
    if (s->tls_cert && lt_tls_server_new(s->tls_cert, s->tls_key, &d->tls, err))
        return err->code;
    d->tasks = lt_task_queue_new(&(struct lt_task_queue_options){
        .store = d->engine.store, .manager = d->engine.manager, .workers = (int)s->task_workers});
    if (start_api(d, err))
        return err->code;
    d->indexer = lt_indexer_new(d->engine.store, d->engine.manager);
    enum lt_code rc = start_threads(d, count_loops(s), err);
    if (rc) /* not enough threads for the barriers: end here, the system cleans up */
        return rc;
    rc = serve_loops(d, &demo, signals, err);
    bool patient = rc == LT_OK && wait_for_balancers(d);
    lt_daemon_hints_stop(d);
    stop_loops(d, patient ? (uint64_t)s->drain_limit * 1000 : 0);
    join_loops(d);
    return rc;
}

/* What imports that were broken off have left. */
static enum lt_code sweep_courses(struct lt_daemon *d, struct lt_error *err)
{
    size_t n;
    if (lt_course_sweep(d->engine.store, &n, err))
        return lt_error_wrap(err, "removing what unfinished imports left");
    if (n > 0)
        lt_log(LT_LOG_WARN, "courses.recovered", LT_I("courses", n));
    return LT_OK;
}

static enum lt_code with_lock(struct lt_daemon *d, int lock, const sigset_t *signals, struct lt_error *err)
{
    const char *database = d->settings->database;
    if (lt_workers_start(database && strncmp(database, "postgres", 8) == 0 ? SERVER_WORKERS : WORKERS, err))
        return err->code;
    if (lt_engine_open(d->settings, LT_ENGINE_DAEMON, &d->engine, err))
        return err->code;
    if (lt_daemon_members_join(d, lock, err) || sweep_courses(d, err)) {
        lt_engine_close(&d->engine);
        return err->code;
    }
    lt_engine_offer(d->engine.services, d->plugins, true);
    lt_mcp_hub_use_tls(d->mcp, d->engine.tls);
    lt_plugins_start(d->plugins);
    enum lt_code rc = lt_daemon_sealer_start(d, err);
    if (!rc)
        rc = with_engine(d, signals, err);
    lt_daemon_members_leave(d);
    lt_daemon_sealer_stop(d);
    lt_workers_stop();
    lt_api_free(d->api);
    lt_task_queue_free(d->tasks);
    lt_events_free(d->events);
    lt_privacy_free(d->privacy);
    lt_indexer_free(d->indexer);
    lt_tls_free(d->tls);
    lt_engine_close(&d->engine);
    lt_tracer_free(d->tracer);
    return rc;
}

/* A daemon that is about to end still has the data directory: waits for it as long as the settings say, or until a signal ends this one, too. */
static enum lt_code lock_data_dir(struct lt_daemon *d, int *ret, struct lt_error *err)
{
    sigset_t signals;
    urgent_signals(&signals);
    uint64_t until = lt_mono_ms() + (uint64_t)d->settings->start_wait * 1000;
    enum lt_code rc;
    bool told = false;
    while ((rc = lt_data_dir_lock(d->settings, ret, err)) == LT_ECONFLICT && lt_mono_ms() < until) {
        if (!told)
            lt_log(LT_LOG_INFO, "daemon.wait", LT_S("for", err->detail), LT_I("start_wait", d->settings->start_wait));
        told = true;
        if (sigtimedwait(&signals, NULL, &(struct timespec){.tv_nsec = LOCK_POLL_MS * 1000000L}) > 0)
            return lt_error_wrap(err, "ended while it waited");
    }
    return rc;
}

int lt_serve(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_daemon *d = calloc(1, sizeof(*d));
    sigset_t signals;
    int lock;
    if (!d)
        lt_out_of_memory(0);
    d->settings = &cli->settings;
    d->workflows = cli->workflows;
    d->plugins = cli->plugins;
    d->mcp = cli->mcp;
    sem_init(&d->step, 0, 0);
    pthread_mutex_init(&d->publishing, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before there are threads: they all inherit it */
    raise_file_limit();
    mallopt(M_ARENA_MAX, (int)count_loops(d->settings) + 1); /* of heaps: one for each thread holds much that is free, and is no faster */
    lt_confine(cli->settings.core_dumps);
    make_limits(d);
    enum lt_code rc = lt_supervisor_socket(&cli->settings, &d->listening, &err);
    if (!rc)
        rc = lock_data_dir(d, &lock, &err);
    if (!rc) {
        rc = with_lock(d, lock, &signals, &err);
        close(lock);
    }
    lt_line_file_close(d->access_log.file);
    lt_http_limits_free(d->limits);
    pthread_mutex_destroy(&d->publishing);
    sem_destroy(&d->step);
    free(d);
    return rc ? lt_cli_fail(cli, &err) : LT_EXIT_OK;
}

/*
 * Opening and closing. The handle's thread takes the steps in order and takes them back in reverse, as daemon/serve.c does; the caller waits
 * beside it for so long as it has said.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actions/builtin.h"
#include "base/log.h"
#include "cli/data_dir.h"
#include "core/placement.h"
#include "embed/embed.h"
#include "io/outbound.h"
#include "io/worker.h"
#include "providers/builtin.h"

#define FIRST_SIZE (offsetof(struct lectern_options, log_level) + sizeof(char *))

enum { WORKERS = 2, WATCH_MS = 500, MARK_EVERY = 60000 / WATCH_MS, DRAIN_POLL_MS = 20, OPEN_MS = 60000, CLOSE_MS = 30000 };

/* Registry, workers, rules of outbound connections and the sink of the log are the process's: so is the handle that uses them. */
static atomic_flag taken = ATOMIC_FLAG_INIT;
static bool registered; /* by who has taken it; the registry is filled once */

const char *lectern_version(void)
{
    return LECTERN_VERSION;
}

/* ---- what it is opened with ---- */

static enum lt_code keep_options(struct lectern *h, struct lt_error *err)
{
    const char **members[] = {&h->options.data_dir,       &h->options.setup,     &h->options.master_key_file, &h->options.tls_ca,
                              &h->options.outbound_allow, &h->options.log_level};
    _Static_assert(LT_COUNT(members) == LT_COUNT(h->texts), "one copy for each text");
    for (size_t i = 0; i < LT_COUNT(members); i++) {
        if (*members[i] && lt_embed_keep(lt_str(*members[i]), &h->texts[i], err))
            return err->code;
        *members[i] = h->texts[i].p;
    }
    return LT_OK;
}

static enum lt_code check_options(struct lectern *h, struct lt_error *err)
{
    struct lectern_options *o = &h->options;
    enum lt_log_level level;
    if (o->max_calls > LT_EMBED_CALLS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/max_calls", "must be at most %d", LT_EMBED_CALLS_MAX);
    if (o->beside_daemon && !o->data_dir)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/beside_daemon", "needs data_dir");
    if (o->data_dir && !o->data_dir[0])
        return lt_fail_field(err, LT_EINVALID_INPUT, "/data_dir", "must not be empty");
    if (o->log_level && !lt_log_level_parse(lt_str(o->log_level), &level))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/log_level", "must be debug, info, warn or error");
    if (lt_outbound_check_allow(o->outbound_allow, err))
        return lt_error_under(err, "/outbound_allow");
    o->max_calls = o->max_calls ? o->max_calls : LT_EMBED_CALLS;
    o->open_timeout_ms = o->open_timeout_ms ? o->open_timeout_ms : OPEN_MS;
    return LT_OK;
}

static void handle_free(struct lectern *h)
{
    for (size_t i = 0; i < LT_COUNT(h->texts); i++)
        free(h->texts[i].p);
    pthread_rwlock_destroy(&h->config_lock);
    pthread_rwlock_destroy(&h->log_lock);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static enum lt_code handle_new(const struct lectern_options *given, struct lectern **ret, struct lt_error *err)
{
    struct lectern *h = calloc(1, sizeof(*h));
    if (!h)
        return lt_fail(err, LT_EOVERLOADED, "out of memory");
    pthread_mutex_init(&h->lock, NULL);
    lt_embed_cond_init(&h->changed);
    pthread_rwlock_init(&h->config_lock, NULL);
    pthread_rwlock_init(&h->log_lock, NULL);
    if (lt_embed_read(given, "lectern_options", FIRST_SIZE, &h->options, sizeof(h->options), err) || keep_options(h, err) || check_options(h, err)) {
        handle_free(h);
        return err->code;
    }
    *ret = h;
    return LT_OK;
}

/* ---- the handle's thread: running ---- */

static void hand_on_line(void *ctx, struct lt_str line)
{
    struct lectern *h = ctx;
    pthread_rwlock_rdlock(&h->log_lock);
    if (h->options.log && !h->abandoned)
        h->options.log(h->options.log_ctx, line.p, line.n);
    pthread_rwlock_unlock(&h->log_lock);
}

/* Takes the reference over. */
static void set_config(struct lectern *h, struct lt_config *config)
{
    if (config)
        lt_config_publish(&h->loop, 1, config);
    pthread_rwlock_wrlock(&h->config_lock);
    struct lt_config *before = h->config;
    h->config = config;
    pthread_rwlock_unlock(&h->config_lock);
    lt_config_unref(before);
}

static enum lt_code look(struct lectern *h, struct lt_error *err)
{
    struct lt_config *config;
    bool changed;
    if (lt_config_changed(h->engine.store, lt_config_current()->generation, &changed, err))
        return err->code;
    if (!changed)
        return LT_OK;
    if (lt_config_load(h->engine.store, &config, err))
        return err->code;
    lt_log(LT_LOG_INFO, "config.reload", LT_I("generation", config->generation));
    set_config(h, config);
    return LT_OK;
}

/* Fiber: sees what `lectern …` commands and a daemon beside change. */
static void watch(void *arg)
{
    struct lectern *h = arg;
    struct lt_error err;
    bool failing = false;
    lt_fiber_set_name("configuration watcher");
    for (unsigned looks = 0; lt_fiber_sleep(WATCH_MS) != LT_ECANCELLED; looks++) {
        bool failed = look(h, &err) != LT_OK;
        if (failed && !failing) /* once for a run of failures */
            lt_log_error("config.watch", &err);
        failing = failed;
        if (looks % MARK_EVERY == 0)
            lt_manager_mark(h->engine.manager);
    }
    h->watcher = NULL;
}

/* Fiber: waits for what runs, cancels what is left, ends the loop. */
static void drain(void *arg)
{
    struct lectern *h = arg;
    uint64_t until = lt_mono_ms() + h->patience_ms;
    lt_fiber_set_name("drain");
    while (atomic_load(&h->jobs_n) > 0 && lt_mono_ms() < until)
        lt_fiber_sleep(DRAIN_POLL_MS);
    lt_jobs_end(h);
    while (atomic_load(&h->jobs_n) > 0)
        lt_fiber_sleep(DRAIN_POLL_MS);
    lt_stop_watch_end(&h->stops);
    lt_fiber_cancel(h->watcher);
    while (h->watcher)
        lt_fiber_sleep(DRAIN_POLL_MS);
    lt_loop_stop(h->loop);
}

static void start_drain(struct lt_task *task)
{
    struct lectern *h = (struct lectern *)((char *)task - offsetof(struct lectern, closer));
    if (lt_fiber_start(h->loop, drain, h, NULL))
        abort(); /* more fibers than there can be */
}

/* Was it given up before? Then nobody else looks at the handle any more. */
static bool set_state(struct lectern *h, enum lt_embed_state state, const struct lt_error *err)
{
    pthread_mutex_lock(&h->lock);
    h->state = state;
    h->err = *err;
    bool abandoned = h->abandoned;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return abandoned;
}

static enum lt_code with_loop(struct lectern *h, struct lt_config *config, struct lt_error *err)
{
    set_config(h, config);
    if (lt_fiber_start(h->loop, watch, h, &h->watcher) || lt_stop_watch_start(&h->stops, h->engine.manager, h->loop))
        return lt_fail(err, LT_EOVERLOADED, "no fiber is free");
    if (set_state(h, LT_EMBED_OPEN, &(struct lt_error){0})) {
        h->closer.fn = start_drain;
        lt_loop_post(h->loop, &h->closer);
    }
    lt_loop_run(h->loop);
    return LT_OK;
}

static enum lt_code with_engine(struct lectern *h, struct lt_error *err)
{
    struct lt_config *config;
    if ((h->options.setup && lt_embed_setup(h->engine.store, h->options.setup, err)) || lt_config_load(h->engine.store, &config, err))
        return err->code;
    h->loop = lt_loop_new(0, err);
    if (!h->loop) {
        lt_config_unref(config);
        return err->code;
    }
    enum lt_code rc = with_loop(h, config, err);
    lt_loop_free(h->loop);
    set_config(h, NULL);
    return rc;
}

static enum lt_code with_directory(struct lectern *h, struct lt_error *err)
{
    if (lt_workers_start(WORKERS, err))
        return err->code;
    enum lt_code rc = lt_engine_open(&h->settings, h->options.beside_daemon ? LT_ENGINE_COMMAND : LT_ENGINE_ALONE, &h->engine, err);
    if (!rc) {
        lt_store_brief(h->engine.store);
        rc = with_engine(h, err);
        lt_workers_stop();
        lt_engine_close(&h->engine);
        return rc;
    }
    lt_workers_stop();
    return rc;
}

/* ---- where the store is ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static enum lt_code in_own_directory(struct lectern *h, struct lt_error *err)
{
    const char *above = getenv("TMPDIR");
    char *path = lt_strz(h->arena, lt_printf(h->arena, "%s/lectern-embedded-XXXXXX", above && above[0] ? above : "/tmp"));
    if (!mkdtemp(path))
        return lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    h->settings.data = path;
    h->settings.sqlite_synchronous = "OFF"; /* it outlives nothing */
    enum lt_code rc = with_directory(h, err);
    if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        lt_log(LT_LOG_WARN, "embed.left", LT_S("directory", path), LT_S("why", strerror(errno)));
    return rc;
}

static enum lt_code in_directory(struct lectern *h, struct lt_error *err)
{
    int lock;
    if (h->options.beside_daemon)
        return with_directory(h, err);
    if (lt_data_dir_lock(&h->settings, &lock, err))
        return err->code;
    enum lt_code rc = with_directory(h, err);
    close(lock);
    return rc;
}

static enum lt_code register_once(struct lt_error *err)
{
    if (registered)
        return LT_OK;
    if (lt_placements_register(err) || lt_actions_register(err) || lt_providers_register(err))
        return err->code;
    lt_registry_seal();
    registered = true;
    return LT_OK;
}

static enum lt_code handle_run(struct lectern *h, struct lt_error *err)
{
    const struct lectern_options *o = &h->options;
    enum lt_log_level level = LT_LOG_INFO;
    h->settings = (struct lt_settings){.arena = h->arena,
                                       .data = o->data_dir,
                                       .master_key_file = o->master_key_file,
                                       .tls_ca = o->tls_ca,
                                       .sqlite_synchronous = "FULL",
                                       .max_running_calls = o->max_calls};
    if (o->log_level)
        lt_log_level_parse(lt_str(o->log_level), &level);
    lt_log_set_level(level);
    lt_log_set_sink(hand_on_line, h);
    struct lt_outbound_options outbound = {.allow = o->outbound_allow, .use_environment = true};
    enum lt_code rc = lt_outbound_setup(&outbound, err) || register_once(err) ? err->code
                      : o->data_dir                                           ? in_directory(h, err)
                                                                              : in_own_directory(h, err);
    lt_log_set_sink(NULL, NULL);
    return rc;
}

static void *handle_main(void *arg)
{
    struct lectern *h = arg;
    struct lt_error err = {0};
    h->arena = lt_arena_new();
    handle_run(h, &err);
    lt_arena_free(h->arena);
    lt_arena_thread_end();
    atomic_flag_clear(&taken);
    if (set_state(h, LT_EMBED_CLOSED, &err)) {
        pthread_detach(pthread_self());
        handle_free(h);
    }
    return NULL;
}

/* ---- the caller's threads ---- */

/* Until it is not as it was, or the time is over. The state then. */
static enum lt_embed_state await(struct lectern *h, enum lt_embed_state before, uint64_t ms)
{
    struct timespec until = lt_embed_until(ms);
    pthread_mutex_lock(&h->lock);
    while (h->state == before && pthread_cond_timedwait(&h->changed, &h->lock, &until) == 0)
        ;
    enum lt_embed_state state = h->state;
    if (state == LT_EMBED_OPENING) {
        pthread_rwlock_wrlock(&h->log_lock);
        h->abandoned = true;
        pthread_rwlock_unlock(&h->log_lock);
    }
    pthread_mutex_unlock(&h->lock);
    return state;
}

static enum lt_code start_thread(struct lectern *h, struct lt_error *err)
{
    if (atomic_flag_test_and_set(&taken))
        return lt_fail(err, LT_ECONFLICT, "a handle is open in this process: there can be one at a time");
    int rc = lt_thread_start(&h->thread, handle_main, h);
    if (rc == 0)
        return LT_OK;
    atomic_flag_clear(&taken);
    return lt_fail(err, LT_EOVERLOADED, "a thread cannot be made: %s", strerror(rc));
}

static enum lt_code handle_open(struct lectern *h, struct lt_error *err)
{
    if (start_thread(h, err)) {
        handle_free(h);
        return err->code;
    }
    switch (await(h, LT_EMBED_OPENING, h->options.open_timeout_ms)) {
    case LT_EMBED_OPEN:
        return LT_OK;
    case LT_EMBED_OPENING:
        return lt_fail(err, LT_ETIMEOUT, "it was not open in its time");
    default:
        pthread_join(h->thread, NULL);
        *err = h->err;
        handle_free(h);
        return err->code;
    }
}

int lectern_open(const struct lectern_options *options, struct lectern **ret, struct lectern_error *error)
{
    struct lt_error err = {0};
    struct lectern *h = NULL;
    *ret = NULL;
    lt_embed_report(NULL, error);
    if (handle_new(options, &h, &err) || handle_open(h, &err))
        return lt_embed_report(&err, error);
    *ret = h;
    return LECTERN_DONE;
}

int lectern_close(struct lectern *h, uint32_t patience_ms)
{
    if (!h)
        return LECTERN_DONE;
    if (lt_loop_self())
        return LECTERN_FAILED;
    if (!atomic_exchange(&h->closing, true)) {
        h->patience_ms = patience_ms;
        h->closer.fn = start_drain;
        lt_loop_post(h->loop, &h->closer);
    }
    if (await(h, LT_EMBED_OPEN, (uint64_t)patience_ms + CLOSE_MS) != LT_EMBED_CLOSED)
        return LECTERN_PENDING;
    pthread_join(h->thread, NULL);
    handle_free(h);
    return LECTERN_DONE;
}

/*
 * The sealer's thread: a few times a second what was committed to the register is chained. On a thread of its own, because it reads and hashes all
 * that is written: on a loop or a worker it would be in somebody's way.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/register_months.h"
#include "core/register_retain.h"
#include "core/register_seal.h"
#include "daemon/daemon.h"
#include "io/worker.h"

enum {
    EVERY_MS = 300, EVERY_POSTGRES_MS = 1000, /* a round asks a server some twenty times, however little there is */
    ROUND_MS = 2000, /* so long a round begins new units, so that the end waits for no backlog; what is left is chained by the next round, or start */
    RETAIN_EVERY_MS = 3600 * 1000, RETAIN_AT_ONCE_MS = 100,
};

struct lt_daemon_sealer {
    struct lt_register_sealer *sealer;
    struct lt_sole lease; /* of all processes on a database one seals and retains */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop;        /* under the mutex */
    struct lt_store *store;
    uint64_t retain_at; /* monotonic ms */
};

/* Those of the months to come, and away with those that have no rows any more. */
static void care_for_months(struct lt_daemon_sealer *s)
{
    struct lt_error err;
    struct lt_register_months done;
    if (lt_register_months(s->store, lt_now_ms(), lt_now_ms(), &done, &err))
        lt_log_error("register.months", &err);
    else if (done.made > 0 || done.dropped > 0)
        lt_log(LT_LOG_INFO, "register.months", LT_I("made", done.made), LT_I("dropped", done.dropped));
}

/* Once an hour, a little at each turn until all is done. */
static void retain(struct lt_daemon_sealer *s)
{
    struct lt_error err;
    struct lt_register_retained done;
    uint64_t now = lt_mono_ms();
    if (now < s->retain_at)
        return;
    if (lt_register_retain(s->store, -1, lt_now_ms(), now + RETAIN_AT_ONCE_MS, &done, &err))
        lt_log_error("register.retain", &err);
    if (done.calls > 0 || done.contents > 0)
        lt_log(LT_LOG_INFO, "register.retained", LT_I("calls", done.calls), LT_I("contents", done.contents));
    if (done.more)
        return;
    s->retain_at = now + RETAIN_EVERY_MS;
    care_for_months(s);
}

/* True when it is time to end. */
static bool wait_turn(struct lt_daemon_sealer *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int every = lt_store_is_postgres(s->store) ? EVERY_POSTGRES_MS : EVERY_MS;
    until.tv_sec += every / 1000;
    until.tv_nsec += every % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&s->mutex);
    while (!s->stop && pthread_cond_timedwait(&s->wake, &s->mutex, &until) != ETIMEDOUT)
        ;
    bool stop = s->stop;
    pthread_mutex_unlock(&s->mutex);
    return stop;
}

/* With one more round after the end was asked for: what the loops wrote last. */
static void *run(void *arg)
{
    struct lt_daemon_sealer *s = arg;
    pthread_setname_np(pthread_self(), "sealer");
    bool failing = false;
    for (bool stop = false; !stop;) {
        struct lt_error err;
        size_t n;
        bool held;
        stop = wait_turn(s);
        bool failed = lt_sole_take(&s->lease, &held, &err) != LT_OK;
        if (!failed && !held) {
            failing = false;
            continue;
        }
        failed = failed || lt_register_seal(s->sealer, lt_mono_ms() + ROUND_MS, &n, &err) != LT_OK;
        if (failed && !failing) /* once for a run of failures */
            lt_log_error("register.seal", &err);
        else if (failing && !failed)
            lt_log(LT_LOG_INFO, "register.sealing_again");
        failing = failed;
        if (!stop && !failed)
            retain(s);
    }
    lt_sole_give_back(&s->lease);
    lt_arena_thread_end();
    return NULL;
}

enum lt_code lt_daemon_sealer_start(struct lt_daemon *d, struct lt_error *err)
{
    struct lt_daemon_sealer *s = calloc(1, sizeof(*s));
    pthread_condattr_t monotonic;
    if (!s)
        lt_out_of_memory(0);
    s->sealer = lt_register_sealer_new(d->engine.store, lt_printf(d->settings->arena, "%s/register.head", d->settings->data).p);
    s->store = d->engine.store;
    lt_sole_init(&s->lease, s->store, LT_REGISTER_LEASE);
    lt_register_sealer_use(s->sealer, &s->lease);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (lt_thread_start(&s->thread, run, s) != 0) {
        lt_register_sealer_free(s->sealer);
        free(s);
        return lt_fail(err, LT_EOVERLOADED, "a thread for the register cannot be made");
    }
    d->sealer = s;
    return LT_OK;
}

void lt_daemon_sealer_stop(struct lt_daemon *d)
{
    struct lt_daemon_sealer *s = d->sealer;
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    lt_register_sealer_free(s->sealer);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->mutex);
    free(s);
    d->sealer = NULL;
}

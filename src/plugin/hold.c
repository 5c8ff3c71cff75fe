/* A row for each loop, and a thread that looks at them four times a second. */
#include "plugin/hold.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum { LOOPS_MAX = 256, LOOK_MS = 250 };

struct lt_holds {
    char plugin[64];
    pthread_t thread;
    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t ends;
    bool ending;
    struct hold {
        const char *function;   /* NULL: nothing of the plugin runs there */
        uint64_t since;         /* ms */
        bool told;
    } loops[LOOPS_MAX];
};

static void look(struct lt_holds *h)
{
    uint64_t now = lt_mono_ms();
    for (size_t i = 0; i < LOOPS_MAX; i++) {
        struct hold *hold = &h->loops[i];
        if (!hold->function || hold->told || now - hold->since < LT_HOLD_TOLD_MS)
            continue;
        hold->told = true;
        lt_log(LT_LOG_ERROR, "plugin.holds_loop", LT_S("plugin", h->plugin), LT_S("function", hold->function), LT_I("loop", i),
               LT_I("ms", now - hold->since));
    }
}

static void *watch(void *arg)
{
    struct lt_holds *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&h->ends, &h->lock, &until);
        look(h);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

struct lt_holds *lt_holds_new(const char *plugin, struct lt_error *err)
{
    struct lt_holds *h = calloc(1, sizeof(*h));
    pthread_condattr_t attr;
    sigset_t all, before;
    if (!h)
        lt_out_of_memory(0);
    snprintf(h->plugin, sizeof(h->plugin), "%s", plugin);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->ends, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&h->thread, NULL, watch, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return h;
    free(h);
    lt_fail(err, LT_EOVERLOADED, "no thread can be started that watches plugin '%s'", plugin);
    return NULL;
}

void lt_holds_free(struct lt_holds *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->ending = true;
    pthread_cond_signal(&h->ends);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->ends);
    free(h);
}

void lt_hold_begin(struct lt_holds *h, int loop, const char *function)
{
    pthread_mutex_lock(&h->lock);
    h->loops[loop % LOOPS_MAX] = (struct hold){.function = function, .since = lt_mono_ms()};
    pthread_mutex_unlock(&h->lock);
}

uint64_t lt_hold_end(struct lt_holds *h, int loop)
{
    pthread_mutex_lock(&h->lock);
    struct hold *hold = &h->loops[loop % LOOPS_MAX];
    uint64_t ms = lt_mono_ms() - hold->since;
    hold->function = NULL;
    pthread_mutex_unlock(&h->lock);
    return ms;
}

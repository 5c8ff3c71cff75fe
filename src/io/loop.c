#include "io/loop_private.h"

#include <errno.h>
#include <event2/dns.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"

struct freed {
    void (*free_fn)(void *p);
    void *p;
};

struct slot {
    void *value;
    void (*free_fn)(void *value);
};

struct lt_loop {
    struct event_base *base;
    struct evdns_base *dns;     /* NULL until first used */
    struct lt_fibers *fibers;
    struct event wake_event;    /* on wake_fd */
    uint64_t turn_ms;           /* the turn's time while tasks and fibers run; 0 while libevent has the thread */
    struct freed *freed;        /* what to free after this turn */
    size_t freed_n, freed_cap;
    struct slot slots[LT_SLOT_COUNT];
    int index;
    int wake_fd;
    atomic_bool stop;
    atomic_int outsiders;             /* other threads that are just now in post or stop */
    atomic_bool woken;                /* wake_fd was written since the loop last took the tasks */
    _Atomic(struct lt_task *) posted; /* newest first */
};

static _Thread_local struct lt_loop *self_loop;

/* Being edge-triggered, the eventfd is never read: each write is an edge, and the counter has room for 2^64 of them. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
}

static void wake(struct lt_loop *loop)
{
    const uint64_t one = 1;

    if (atomic_exchange(&loop->woken, true))
        return;
    while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* No locks (a base is used by its thread only), no cached time (callbacks may take long), and no environment variable may choose
 * a back end that cannot see a peer leave. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME | EVENT_BASE_FLAG_IGNORE_ENV);
    if (event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/* SSL_write has no MSG_NOSIGNAL. Of this thread alone: how the process takes signals is not a loop's to say. */
static void block_sigpipe(void)
{
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
}

struct lt_loop *lt_loop_new(int index, struct lt_error *err)
{
    struct lt_loop *loop = calloc(1, sizeof *loop);

    if (!loop)
        goto no_memory;
    block_sigpipe();
    loop->index = index;
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) {
        lt_fail(err, LT_EINTERNAL, "event loop %d: eventfd: %s", index, strerror(errno));
        goto fail;
    }
    loop->base = make_base();
    if (!loop->base) {
        lt_fail(err, LT_EINTERNAL, "event loop %d: libevent has no epoll with early close here", index);
        goto fail;
    }
    event_assign(&loop->wake_event, loop->base, loop->wake_fd, EV_READ | EV_ET | EV_PERSIST, on_wake, NULL);
    if (event_add(&loop->wake_event, NULL) != 0) {
        lt_fail(err, LT_EINTERNAL, "event loop %d: cannot watch its eventfd", index);
        goto fail;
    }
    loop->fibers = lt_fibers_new(loop);
    if (loop->fibers)
        return loop;
no_memory:
    lt_fail(err, LT_EINTERNAL, "event loop %d: out of memory", index);
fail:
    if (loop && loop->base)
        event_base_free(loop->base);
    if (loop && loop->wake_fd >= 0)
        close(loop->wake_fd);
    free(loop);
    return NULL;
}

/* The flag is cleared before the list is taken: a task pushed later wakes again, one pushed earlier is in the list. */
static void run_posted(struct lt_loop *loop)
{
    struct lt_task *newest, *oldest = NULL;

    atomic_store(&loop->woken, false);
    newest = atomic_exchange(&loop->posted, NULL);
    while (newest) {
        struct lt_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct lt_task *task = oldest;
        oldest = task->next;
        task->fn(task);
    }
}

/* A free function may hand over more. */
static void run_freed(struct lt_loop *loop)
{
    for (size_t i = 0; i < loop->freed_n; i++) {
        struct freed f = loop->freed[i];
        f.free_fn(f.p);
    }
    loop->freed_n = 0;
}

void lt_loop_run(struct lt_loop *loop)
{
    struct lt_loop *before = self_loop;

    self_loop = loop;
    while (!atomic_exchange(&loop->stop, false)) {
        bool busy = lt_fibers_ready(loop->fibers) || atomic_load(&loop->posted);

        event_base_loop(loop->base, EVLOOP_ONCE | (busy ? EVLOOP_NONBLOCK : 0));
        loop->turn_ms = lt_mono_ms();
        run_posted(loop);
        lt_fibers_run(loop->fibers);
        run_freed(loop);
        loop->turn_ms = 0;
    }
    self_loop = before;
}

/*
 * What another thread hands over may let the loop end and be freed before that thread has written to wake_fd: lt_loop_free()
 * waits until such threads have let go.
 */
static void hold(struct lt_loop *loop)
{
    atomic_fetch_add(&loop->outsiders, 1);
}

static void let_go(struct lt_loop *loop)
{
    atomic_fetch_sub(&loop->outsiders, 1);
}

static void await_outsiders(struct lt_loop *loop)
{
    while (atomic_load(&loop->outsiders))
        sched_yield();
}

void lt_loop_stop(struct lt_loop *loop)
{
    hold(loop);
    atomic_store(&loop->stop, true);
    wake(loop);
    let_go(loop);
}

/* Lookups that were given up still have an answer ("cancelled") to be called with, and evdns 2.1 touches its base for that: so
 * these callbacks come first. */
static void free_dns(struct lt_loop *loop)
{
    if (!loop->dns)
        return;
    event_base_loop(loop->base, EVLOOP_NONBLOCK);
    evdns_base_free(loop->dns, 1);
}

/* Upper layers first: they stand on the lower ones. */
static void free_slots(struct lt_loop *loop)
{
    for (int i = LT_SLOT_COUNT - 1; i >= 0; i--) {
        struct slot slot = loop->slots[i];
        loop->slots[i] = (struct slot){NULL, NULL};
        if (slot.value && slot.free_fn)
            slot.free_fn(slot.value);
    }
}

void lt_loop_free(struct lt_loop *loop)
{
    struct lt_loop *before = self_loop;

    if (!loop)
        return;
    self_loop = loop;
    await_outsiders(loop);
    run_posted(loop);
    free_slots(loop);
    free_dns(loop);
    run_posted(loop);
    run_freed(loop);
    lt_fibers_free(loop->fibers);
    event_del(&loop->wake_event);
    event_base_free(loop->base);
    close(loop->wake_fd);
    free(loop->freed);
    free(loop);
    self_loop = before == loop ? NULL : before;
}

struct lt_loop *lt_loop_self(void)
{
    return self_loop;
}

int lt_loop_index(const struct lt_loop *loop)
{
    return loop->index;
}

uint64_t lt_loop_now(const struct lt_loop *loop)
{
    return loop->turn_ms ? loop->turn_ms : lt_mono_ms();
}

struct event_base *lt_loop_base(struct lt_loop *loop)
{
    return loop->base;
}

struct lt_fibers *lt_loop_fibers(struct lt_loop *loop)
{
    return loop->fibers;
}

/*
 * A missing resolv.conf is no failure: the hosts file still answers, and other names fail when asked for. Case is not
 * randomised, since some forwarders answer in lower case; who an upstream is, TLS proves.
 */
struct evdns_base *lt_loop_dns(struct lt_loop *loop)
{
    if (loop->dns)
        return loop->dns;
    loop->dns = evdns_base_new(loop->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!loop->dns)
        return NULL;
    evdns_base_resolv_conf_parse(loop->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    evdns_base_set_option(loop->dns, "randomize-case:", "0");
    return loop->dns;
}

static void push(struct lt_loop *loop, struct lt_task *task)
{
    struct lt_task *newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);

    do {
        task->next = newest;
    } while (!atomic_compare_exchange_weak(&loop->posted, &newest, task));
}

void lt_loop_post(struct lt_loop *loop, struct lt_task *task)
{
    if (loop == self_loop) { /* looks before it sleeps */
        push(loop, task);
        return;
    }
    hold(loop);
    push(loop, task);
    wake(loop);
    let_go(loop);
}

void lt_loop_free_later(struct lt_loop *loop, void (*free_fn)(void *p), void *p)
{
    if (loop->freed_n == loop->freed_cap) {
        size_t cap = loop->freed_cap ? 2 * loop->freed_cap : 64;
        struct freed *more = reallocarray(loop->freed, cap, sizeof *more);
        if (!more)
            lt_out_of_memory(0);
        loop->freed = more;
        loop->freed_cap = cap;
    }
    loop->freed[loop->freed_n++] = (struct freed){free_fn, p};
}

void *lt_loop_slot(struct lt_loop *loop, enum lt_loop_slot slot)
{
    return loop->slots[slot].value;
}

void lt_loop_set_slot(struct lt_loop *loop, enum lt_loop_slot slot, void *value, void (*free_fn)(void *value))
{
    loop->slots[slot] = (struct slot){value, free_fn};
}

void *lt_loop_scratch(struct lt_loop *loop, enum lt_loop_slot slot, size_t n)
{
    if (!loop->slots[slot].value) {
        void *p = malloc(n);
        if (!p)
            lt_out_of_memory(n);
        lt_loop_set_slot(loop, slot, p, free);
    }
    return loop->slots[slot].value;
}

/* libevent's clock is the kernel's coarse one, up to a tick (4 ms) behind ours: a timer that comes early is set again. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct lt_timer *t = arg;
    uint64_t now = lt_mono_ms();

    if (now < t->due_ms)
        lt_timer_set(t, t->due_ms - now);
    else
        t->fn(t->arg);
}

void lt_timer_init(struct lt_timer *t, struct lt_loop *loop, void (*fn)(void *arg), void *arg)
{
    *t = (struct lt_timer){.loop = loop, .fn = fn, .arg = arg};
    event_assign(&t->ev, loop->base, -1, 0, on_timer, t);
}

void lt_timer_set(struct lt_timer *t, uint64_t ms)
{
    static const uint64_t max_ms = UINT64_C(1000) * 86400 * 365; /* keeps the sum inside libevent's timeval */
    struct timeval tv;

    if (ms > max_ms)
        ms = max_ms;
    t->due_ms = lt_mono_ms() + ms;
    tv.tv_sec = (time_t)(ms / 1000);
    tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    event_add(&t->ev, &tv);
}

void lt_timer_cancel(struct lt_timer *t)
{
    event_del(&t->ev);
}

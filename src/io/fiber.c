#include "io/loop_private.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/stack.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define FIBER_VALGRIND 1
#endif

#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
#define STACK_SIZE ((size_t)512 * 1024)
#else
#define STACK_SIZE ((size_t)256 * 1024)
#endif

enum {
    POOL_MAX = 256,       /* idle fibers kept per loop */
    TRIM_MS = 5000,       /* how often the pool gives half of what lay unused back to the system */
    PASSES_PER_TURN = 8,  /* chains of wakes between fibers that may run before events are looked at again */
    SILENCE_MS = 4000,    /* a fiber that lives on gives stack back in a wait of this length, and the next time in one that is */
    SILENCE_GROW = 4,     /* longer by this factor */
    SILENCE_MS_MAX = 64000,
};

/* Ages at which a waiting fiber gives back the stack below its frames: once it is set up, and once its answer has begun. */
static const uint16_t shrink_ages_ms[] = {250, 4000};

/* One end of a switch: a fiber, or the loop's own stack. */
struct side {
    struct lt_stack saved;
    const void *stack; /* lowest usable address */
    size_t stack_n;
    void *fake_stack;  /* ASan's, while switched out */
    void *tsan;        /* TSan's own fiber */
};

enum state { FIBER_IDLE, FIBER_READY, FIBER_RUNNING, FIBER_WAITING };

struct lt_fiber {
    struct side side;
    struct lt_fibers *home;
    struct lt_fiber *next_ready;
    struct lt_fiber *prev, *next; /* live list */
    void (*fn)(void *arg);
    void *arg;
    const char *name, *where[2], *doing, *waits_for; /* for diagnostics */
    const void *own;       /* see lt_fiber_own() */
    void *span;            /* see lt_fiber_span() */
    uint64_t deadline_ms;  /* of the present wait */
    uint64_t wait_start_ms;
    struct lt_timer timer; /* stays set across waits; see arm() */
    uint64_t timer_ms;     /* when it fires */
    uint64_t start_ms;
    uint32_t silence_ms;   /* see shrink_due() */
    uint8_t shrinks;       /* how often because of its age */
    bool shrunk;           /* in the present wait */
    enum state state;
    unsigned shield;
    bool timer_set;
    bool woken;            /* a wake that no wait has seen yet */
    bool timed_out;
    bool cancelled;
    enum lt_cancel_reason why; /* once it is cancelled */
    char *map;             /* guard page and stack */
    size_t map_n;
    unsigned valgrind_id;
};

/* A list with a tail, linked by next_ready. */
struct queue {
    struct lt_fiber *head, **tail;
};

struct lt_fibers {
    struct lt_loop *loop;
    struct side side;               /* the loop's own stack */
    struct queue ready;
    struct queue yielded;           /* ready in the next turn */
    struct lt_fiber *live;
    struct lt_fiber *pool[POOL_MAX]; /* a stack: the warmest on top */
    int pool_n;
    int pool_low;                   /* the fewest since the last trim */
    struct lt_timer trim;
    bool trim_set;
};

static atomic_int fiber_count;
static _Thread_local struct lt_fiber *running;

static void queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
}

static void queue_put(struct queue *q, struct lt_fiber *f)
{
    f->next_ready = NULL;
    *q->tail = f;
    q->tail = &f->next_ready;
}

static void queue_move(struct queue *to, struct queue *from)
{
    if (!from->head)
        return;
    *to->tail = from->head;
    to->tail = from->tail;
    queue_init(from);
}

static void make_ready(struct lt_fiber *f)
{
    f->state = FIBER_READY;
    queue_put(&f->home->ready, f);
}

#ifdef FIBER_ASAN
#define NO_FAKE_STACK __attribute__((no_sanitize_address))
#else
#define NO_FAKE_STACK
#endif

/* What the arriving side does: tells ASan that the switch is over and learns the bounds of the side that was left. */
NO_FAKE_STACK static inline void switch_arrived(struct side *to, struct side *left)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(to->fake_stack, &left->stack, &left->stack_n);
#endif
}

/*
 * The only place where stacks change. Switches are always between a loop's side and one of its fibers, so the side that comes
 * back here was left for `to`. `last`: nothing of from's frames is needed again, ASan drops its fake stack.
 */
NO_FAKE_STACK static void fiber_switch(struct side *from, struct side *to, bool last)
{
#ifdef FIBER_ASAN
    from->fake_stack = NULL;
    __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->stack, to->stack_n);
#endif
#ifdef FIBER_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    lt_stack_swap(&from->saved, &to->saved);
    switch_arrived(from, to);
}

/* The entry has no argument: it finds its fiber in `running`. A fiber never leaves this function: after fn it goes to the pool, and a
 * later start comes back here with a new fn. */
NO_FAKE_STACK static void fiber_entry(void)
{
    struct lt_fiber *f = running;

    switch_arrived(&f->side, &f->home->side);
    for (;;) {
        f->fn(f->arg);
        f->state = FIBER_IDLE;
        fiber_switch(&f->side, &f->home->side, true);
    }
}

/* Valgrind forgets slowly but must be told, or it takes a switch for a huge stack frame. */
static void annotate_new(struct lt_fiber *f)
{
#ifdef FIBER_TSAN
    f->side.tsan = __tsan_create_fiber(0);
#endif
#ifdef FIBER_VALGRIND
    f->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(f->side.stack, (const char *)f->side.stack + f->side.stack_n);
#endif
}

/* The memory may be mapped again by anyone: the shadow of dead frames must not stay. */
static void annotate_gone(struct lt_fiber *f)
{
#ifdef FIBER_ASAN
    __asan_unpoison_memory_region(f->side.stack, f->side.stack_n);
#endif
#ifdef FIBER_TSAN
    __tsan_destroy_fiber(f->side.tsan);
#endif
#ifdef FIBER_VALGRIND
    VALGRIND_STACK_DEREGISTER(f->valgrind_id);
#endif
}

/* A guard page below the stack turns an overflow into a fault at once. Pages are taken from the system when first touched. */
static bool map_stack(struct lt_fiber *f)
{
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    void *map;

    f->map_n = guard + STACK_SIZE;
    map = mmap(NULL, f->map_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return false;
    if (mprotect(map, guard, PROT_NONE) != 0) {
        munmap(map, f->map_n);
        return false;
    }
    f->map = map;
    f->side.stack = f->map + guard;
    f->side.stack_n = STACK_SIZE;
    return true;
}

static void on_timer(void *arg);

static struct lt_fiber *fiber_new(struct lt_fibers *home)
{
    struct lt_fiber *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    if (!map_stack(f)) {
        free(f);
        return NULL;
    }
    lt_stack_prepare(&f->side.saved, f->map + f->map_n - STACK_SIZE, STACK_SIZE, fiber_entry);
    f->home = home;
    lt_timer_init(&f->timer, home->loop, on_timer, f);
    annotate_new(f);
    return f;
}

static void fiber_free(struct lt_fiber *f)
{
    if (f->timer_set)
        lt_timer_cancel(&f->timer);
    annotate_gone(f);
    munmap(f->map, f->map_n);
    free(f);
}

static void trim_later(struct lt_fibers *fs)
{
    if (fs->trim_set)
        return;
    fs->trim_set = true;
    fs->pool_low = fs->pool_n;
    lt_timer_set(&fs->trim, TRIM_MS);
}

/* After a burst the pool shrinks by half of what nobody needed in the last interval; at rest the timer stops. */
static void on_trim(void *arg)
{
    struct lt_fibers *fs = arg;
    int drop = (fs->pool_low + 1) / 2;

    for (int i = 0; i < drop; i++)
        fiber_free(fs->pool[i]);
    fs->pool_n -= drop;
    memmove(fs->pool, fs->pool + drop, sizeof fs->pool[0] * (size_t)fs->pool_n);
    fs->trim_set = false;
    if (fs->pool_n)
        trim_later(fs);
}

static struct lt_fiber *pool_take(struct lt_fibers *fs)
{
    if (!fs->pool_n)
        return fiber_new(fs);
    fs->pool_n--;
    if (fs->pool_n < fs->pool_low)
        fs->pool_low = fs->pool_n;
    return fs->pool[fs->pool_n];
}

/* Called on the loop's stack, so that unmapping the fiber's is possible. */
static void fiber_ended(struct lt_fiber *f)
{
    struct lt_fibers *fs = f->home;

    if (f->prev)
        f->prev->next = f->next;
    else
        fs->live = f->next;
    if (f->next)
        f->next->prev = f->prev;
    atomic_fetch_sub(&fiber_count, 1);
    if (fs->pool_n == POOL_MAX) {
        fiber_free(f);
        return;
    }
    fs->pool[fs->pool_n++] = f;
    trim_later(fs);
}

struct lt_fibers *lt_fibers_new(struct lt_loop *loop)
{
    struct lt_fibers *fs = calloc(1, sizeof *fs);

    if (!fs)
        return NULL;
    fs->loop = loop;
    queue_init(&fs->ready);
    queue_init(&fs->yielded);
    lt_timer_init(&fs->trim, loop, on_trim, fs);
    return fs;
}

void lt_fibers_free(struct lt_fibers *fs)
{
    for (int i = 0; i < fs->pool_n; i++)
        fiber_free(fs->pool[i]);
    lt_timer_cancel(&fs->trim);
    free(fs);
}

bool lt_fibers_ready(const struct lt_fibers *fs)
{
    return fs->ready.head;
}

static void run_one(struct lt_fibers *fs, struct lt_fiber *f)
{
    f->state = FIBER_RUNNING;
    running = f;
    fiber_switch(&fs->side, &f->side, false);
    running = NULL;
    if (f->state == FIBER_IDLE)
        fiber_ended(f);
}

static void run_pass(struct lt_fibers *fs)
{
    struct queue pass;

    queue_init(&pass);
    queue_move(&pass, &fs->ready);
    while (pass.head) {
        struct lt_fiber *f = pass.head;
        pass.head = f->next_ready;
        run_one(fs, f);
    }
}

void lt_fibers_run(struct lt_fibers *fs)
{
#ifdef FIBER_TSAN
    fs->side.tsan = __tsan_get_current_fiber(); /* a loop may run on another thread than the one that made it */
#endif
    for (int i = 0; i < PASSES_PER_TURN && fs->ready.head; i++)
        run_pass(fs);
    queue_move(&fs->ready, &fs->yielded);
}

enum lt_code lt_fiber_start(struct lt_loop *loop, void (*fn)(void *arg), void *arg, struct lt_fiber **ret)
{
    struct lt_fibers *fs = lt_loop_fibers(loop);
    struct lt_fiber *f;

    if (ret)
        *ret = NULL;
    if (atomic_fetch_add(&fiber_count, 1) >= LT_FIBER_MAX || !(f = pool_take(fs))) {
        atomic_fetch_sub(&fiber_count, 1);
        return LT_EOVERLOADED;
    }
    f->fn = fn;
    f->arg = arg;
    f->name = "start";
    f->where[0] = f->where[1] = f->doing = f->waits_for = NULL;
    f->own = NULL;
    f->span = NULL;
    f->shield = 0;
    f->woken = f->timed_out = f->cancelled = false;
    f->wait_start_ms = lt_loop_now(loop);
    f->start_ms = f->wait_start_ms;
    f->silence_ms = SILENCE_MS;
    f->shrinks = 0;
    f->prev = NULL;
    f->next = fs->live;
    if (fs->live)
        fs->live->prev = f;
    fs->live = f;
    make_ready(f);
    if (ret)
        *ret = f;
    return LT_OK;
}

struct lt_fiber *lt_fiber_self(void)
{
    return running;
}

void lt_fiber_set_name(const char *name)
{
    running->name = name;
}

void lt_fiber_set_where(const char *what, const char *of)
{
    if (!running)
        return;
    running->where[0] = what;
    running->where[1] = of;
}

const char *lt_fiber_doing(const char *what)
{
    if (!running)
        return NULL;
    const char *before = running->doing;
    running->doing = what;
    return before;
}

/*
 * A timer once set is left alone when it fires no later than needed: a fiber that waits often with far deadlines costs one
 * timer operation per deadline that really comes near, not one per wait.
 */
static void arm(struct lt_fiber *f, uint64_t at_ms, uint64_t now)
{
    if (at_ms == LT_NEVER || (f->timer_set && f->timer_ms <= at_ms))
        return;
    lt_timer_set(&f->timer, at_ms > now ? at_ms - now : 0);
    f->timer_set = true;
    f->timer_ms = at_ms;
}

/*
 * When the present wait is to give stack back. What an event touches it needs again for the next one: to give that back pays only in a
 * long silence, and pays less each time that the silence was not the last.
 */
static uint64_t shrink_due(const struct lt_fiber *f)
{
    if (f->shrunk)
        return LT_NEVER;
    if (f->shrinks < sizeof shrink_ages_ms / sizeof shrink_ages_ms[0])
        return f->start_ms + shrink_ages_ms[f->shrinks];
    return f->wait_start_ms + f->silence_ms;
}

/* Setting a call up goes deeper than waiting for its answer: the pages below a waiting fiber's frames hold nothing, and go back to the
 * system. */
static void shrink(struct lt_fiber *f)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), low = (uintptr_t)f->side.stack;
    uintptr_t used = (uintptr_t)lt_stack_lowest(&f->side.saved) & ~(page - 1);

    if (used > low)
        madvise((void *)low, used - low, MADV_DONTNEED); /* where it fails the pages stay, which is no fault */
    f->shrunk = true;
    if (f->shrinks < sizeof shrink_ages_ms / sizeof shrink_ages_ms[0])
        f->shrinks++;
    else
        f->silence_ms = f->silence_ms < SILENCE_MS_MAX / SILENCE_GROW ? f->silence_ms * SILENCE_GROW : SILENCE_MS_MAX;
}

static void on_timer(void *arg)
{
    struct lt_fiber *f = arg;
    uint64_t now = lt_loop_now(f->home->loop), next = f->deadline_ms, due = shrink_due(f);

    f->timer_set = false;
    if (f->state != FIBER_WAITING)
        return;
    if (now >= due)
        shrink(f);
    else if (due < next)
        next = due;
    if (now < f->deadline_ms) {
        arm(f, next, now);
        return;
    }
    f->timed_out = true;
    make_ready(f);
}

bool lt_fiber_must_end(void)
{
    return running->cancelled && !running->shield;
}

enum lt_code lt_fiber_wait(uint64_t deadline_ms)
{
    struct lt_fiber *f = running;
    uint64_t now = lt_loop_now(f->home->loop), due;

    if (!lt_fiber_must_end() && !f->woken) {
        if (deadline_ms <= now)
            return LT_ETIMEOUT;
        f->deadline_ms = deadline_ms;
        f->wait_start_ms = now;
        f->timed_out = false;
        f->shrunk = false;
        due = shrink_due(f);
        arm(f, deadline_ms < due ? deadline_ms : due, now);
        f->state = FIBER_WAITING;
        fiber_switch(&f->side, &f->home->side, false);
    }
    if (lt_fiber_must_end())
        return LT_ECANCELLED;
    if (!f->woken && f->timed_out)
        return LT_ETIMEOUT;
    f->woken = false;
    return LT_OK;
}

enum lt_code lt_fiber_wait_for(uint64_t deadline_ms, const char *what)
{
    running->waits_for = what;
    enum lt_code code = lt_fiber_wait(deadline_ms);
    running->waits_for = NULL;
    return code;
}

void lt_fiber_wake(struct lt_fiber *f)
{
    f->woken = true;
    if (f->state == FIBER_WAITING)
        make_ready(f);
}

void lt_fiber_yield(void)
{
    struct lt_fiber *f = running;

    f->state = FIBER_READY;
    queue_put(&f->home->yielded, f);
    fiber_switch(&f->side, &f->home->side, false);
}

enum lt_code lt_fiber_sleep(uint64_t ms)
{
    uint64_t now = lt_loop_now(running->home->loop);
    uint64_t until = ms < LT_NEVER - now ? now + ms : LT_NEVER;
    enum lt_code code;

    do
        code = lt_fiber_wait_for(until, "time to pass");
    while (code == LT_OK);
    return code == LT_ETIMEOUT ? LT_OK : code;
}

static const char *const cancel_names[] = {
#define X(symbol, name) name,
    LT_CANCEL_REASONS(X)
#undef X
};

const char *lt_cancel_reason_name(enum lt_cancel_reason reason)
{
    return cancel_names[reason];
}

enum lt_cancel_reason lt_fiber_cancel_reason(void)
{
    return running && running->cancelled ? running->why : LT_CANCEL_OTHER;
}

void lt_fiber_cancel(struct lt_fiber *f)
{
    lt_fiber_cancel_because(f, LT_CANCEL_OTHER);
}

void lt_fiber_cancel_because(struct lt_fiber *f, enum lt_cancel_reason reason)
{
    if (f->cancelled)
        return;
    f->cancelled = true;
    f->why = reason;
    if (f->state == FIBER_WAITING && !f->shield)
        make_ready(f);
}

bool lt_fiber_cancelled(void)
{
    return running->cancelled;
}

void lt_fiber_cancel_reset(void)
{
    running->cancelled = false;
}

void lt_fiber_set_own(const void *p)
{
    if (running)
        running->own = p;
}

const void *lt_fiber_own(void)
{
    return running ? running->own : NULL;
}

void lt_fiber_set_span(void *span)
{
    if (running)
        running->span = span;
}

void *lt_fiber_span(void)
{
    return running ? running->span : NULL;
}

void lt_fiber_shield(void)
{
    running->shield++;
}

void lt_fiber_unshield(void)
{
    running->shield--;
}

int lt_fiber_count(void)
{
    return atomic_load(&fiber_count);
}

static struct lt_fiber_view view_of(const struct lt_fiber *f, uint64_t now)
{
    bool waits = f->state == FIBER_WAITING;
    return (struct lt_fiber_view){.name = f->name,
                                  .where = {f->where[0], f->where[1]},
                                  .doing = f->doing,
                                  .waits_for = waits ? f->waits_for : NULL,
                                  .age_ms = now > f->start_ms ? now - f->start_ms : 0,
                                  .waiting_ms = waits && now > f->wait_start_ms ? now - f->wait_start_ms : 0,
                                  .left_ms = !waits || f->deadline_ms == LT_NEVER ? -1 : f->deadline_ms > now ? (int64_t)(f->deadline_ms - now) : 0,
                                  .cancelled = f->cancelled};
}

void lt_fiber_each(struct lt_loop *loop, void (*f)(void *arg, const struct lt_fiber_view *view), void *arg)
{
    uint64_t now = lt_loop_now(loop);

    for (struct lt_fiber *it = lt_loop_fibers(loop)->live; it; it = it->next) {
        struct lt_fiber_view view = view_of(it, now);
        f(arg, &view);
    }
}

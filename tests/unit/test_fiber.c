/* Loops, fibers, workers. Runs under ASan, TSan (clang) and valgrind as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/stack.h"
#include "io/worker.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

/* -- a loop for a test ----------------------------------------------------------------------------------------------------- */

struct scene {
    struct lt_loop *loop;
    void (*fn)(struct lt_loop *loop);
};

static void scene_main(void *arg)
{
    struct scene *s = arg;

    s->fn(s->loop);
    lt_loop_stop(s->loop);
}

/* Runs fn on a fiber of a new loop; the loop ends with it, and no fiber may be left. */
static void play(void (*fn)(struct lt_loop *loop))
{
    struct lt_error err;
    struct scene s = {lt_loop_new(7, &err), fn};

    assert_non_null(s.loop);
    assert_int_equal(lt_fiber_start(s.loop, scene_main, &s, NULL), LT_OK);
    lt_loop_run(s.loop);
    assert_int_equal(lt_fiber_count(), 0);
    lt_loop_free(s.loop);
}

static struct lt_fiber *start(struct lt_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct lt_fiber *f;

    assert_int_equal(lt_fiber_start(loop, fn, arg, &f), LT_OK);
    return f;
}

/* Lets others run until only the calling fiber is left. */
static void join_all(void)
{
    while (lt_fiber_count() > 1)
        lt_fiber_sleep(1);
}

static unsigned seed;

static unsigned below(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

/* -- ten thousand fibers --------------------------------------------------------------------------------------------------- */

enum { CROWD_MAX = 10000 };

static struct member {
    struct lt_fiber *fiber;
    int id;
    bool go, intact;
} crowd[CROWD_MAX];
static int waiting_n, woken_order[CROWD_MAX], woken_n;

/* A few frames deep, each with bytes of its own, checked after the wait. */
static bool keep_and_wait(struct member *m, int depth)
{
    volatile unsigned char mine[200];
    bool ok;

    for (unsigned i = 0; i < sizeof mine; i++)
        mine[i] = (unsigned char)(m->id * 31 + depth * 7 + (int)i);
    if (depth) {
        ok = keep_and_wait(m, depth - 1);
    } else {
        waiting_n++;
        while (!m->go)
            lt_fiber_wait(LT_NEVER);
        ok = true;
    }
    for (unsigned i = 0; i < sizeof mine; i++)
        ok &= mine[i] == (unsigned char)(m->id * 31 + depth * 7 + (int)i);
    return ok;
}

static void crowd_member(void *arg)
{
    struct member *m = arg;

    m->intact = keep_and_wait(m, 3);
    woken_order[woken_n++] = m->id;
}

static void crowd_of(struct lt_loop *loop, int n)
{
    int order[CROWD_MAX];

    waiting_n = woken_n = 0;
    for (int i = 0; i < n; i++) {
        crowd[i] = (struct member){.id = i};
        order[i] = i;
        crowd[i].fiber = start(loop, crowd_member, &crowd[i]);
    }
    while (waiting_n < n)
        lt_fiber_yield();
    assert_int_equal(lt_fiber_count(), n + 1);
    for (int i = n - 1; i > 0; i--) {
        int j = (int)below((unsigned)i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (int i = 0; i < n; i++) {
        crowd[order[i]].go = true;
        lt_fiber_wake(crowd[order[i]].fiber);
    }
    join_all();
    for (int i = 0; i < n; i++) {
        assert_true(crowd[i].intact);
        assert_int_equal(woken_order[i], order[i]); /* first woken, first run */
    }
}

static void crowd_scene(struct lt_loop *loop)
{
    int n = RUNNING_ON_VALGRIND ? 300 : CROWD_MAX;

    crowd_of(loop, n);
    crowd_of(loop, n); /* again on pooled stacks */
}

static void test_ten_thousand_fibers_wait_at_once_and_keep_their_stacks(void **state)
{
    play(crowd_scene);
}

static void wait_for_cancel(void *arg)
{
    int *left = arg;

    while (lt_fiber_wait(LT_NEVER) != LT_ECANCELLED) {
    }
    (*left)--;
}

static void limit_scene(struct lt_loop *loop)
{
    static struct lt_fiber *all[LT_FIBER_MAX];
    struct lt_fiber *f;
    int left = LT_FIBER_MAX - 1;

    for (int i = 0; i < LT_FIBER_MAX - 1; i++)
        all[i] = start(loop, wait_for_cancel, &left);
    assert_int_equal(lt_fiber_start(loop, wait_for_cancel, &left, &f), LT_EOVERLOADED);
    assert_null(f);
    assert_int_equal(lt_fiber_count(), LT_FIBER_MAX);
    for (int i = 0; i < LT_FIBER_MAX - 1; i++)
        lt_fiber_cancel(all[i]);
    join_all();
    assert_int_equal(left, 0);
}

static void test_one_fiber_above_the_limit_is_refused(void **state)
{
    if (RUNNING_ON_VALGRIND || UNDER_TSAN)
        skip(); /* their own tables are smaller */
    play(limit_scene);
}

static int mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    int c, n = 0;

    assert_non_null(f);
    while ((c = getc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static void do_nothing(void *arg)
{
}

static void pool_scene(struct lt_loop *loop)
{
    int before = mappings();

    for (int i = 0; i < 2000; i++)
        start(loop, do_nothing, NULL);
    join_all();
    assert_in_range(mappings(), 0, (uintmax_t)before + 2 * 256 + 200);
}

static void test_a_burst_leaves_a_bounded_pool(void **state)
{
    play(pool_scene);
}

static void note_stack(void *arg)
{
    char here;

    *(volatile uintptr_t *)arg = (uintptr_t)&here;
}

static void reuse_scene(struct lt_loop *loop)
{
    uintptr_t first = 0, second = 0;

    start(loop, note_stack, &first);
    join_all();
    start(loop, note_stack, &second);
    join_all();
    assert_true(first != 0);
    assert_in_range(second > first ? second - first : first - second, 0, 4096);
}

static void test_a_stack_is_used_again(void **state)
{
    play(reuse_scene);
}

enum { DEEP = 64 * 1024, KEPT = 3 * 4096 };

struct diver {
    struct lt_fiber *fiber;
    char *deep;           /* lowest byte of what a call touched that is over */
    unsigned char want;   /* what the frame that stays holds */
    int dives;
    bool over;
};

__attribute__((noinline)) static void dive(struct diver *d)
{
    volatile char water[DEEP];

    for (size_t i = 0; i < DEEP; i += 512)
        water[i] = (char)(i + d->want);
    for (size_t i = 0; i < DEEP; i += 512)
        assert_int_equal(water[i], (char)(i + d->want));
    d->deep = (char *)(uintptr_t)&water[0];
    d->dives++;
}

/* How many of the pages from `deep` on, up to half of what was touched, take memory. */
static int pages_in_use(const struct diver *d)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)d->deep + page - 1) / page * page;
    unsigned char in[DEEP / 4096];
    size_t n = DEEP / 2 / page;
    int used = 0;

    assert_int_equal(mincore((void *)from, n * page, in), 0);
    for (size_t i = 0; i < n; i++)
        used += in[i] & 1;
    return used;
}

/* Goes deep and waits, again and again, while a frame of several pages stays. */
static void dive_and_wait(void *arg)
{
    struct diver *d = arg;
    volatile unsigned char kept[KEPT];

    for (size_t i = 0; i < KEPT; i++)
        kept[i] = (unsigned char)(i * 31 + d->want);
    while (!d->over) {
        dive(d);
        lt_fiber_wait(LT_NEVER);
        for (size_t i = 0; i < KEPT; i++)
            assert_int_equal(kept[i], (unsigned char)(i * 31 + d->want));
    }
}

static void shrink_scene(struct lt_loop *loop)
{
    struct diver divers[3] = {{.want = 1}, {.want = 2}, {.want = 3}};

    for (int i = 0; i < 3; i++)
        divers[i].fiber = start(loop, dive_and_wait, &divers[i]);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 3; i++) {
            struct diver *d = &divers[i];
            for (int ms = 0; ms < 30000 && (d->dives < round || pages_in_use(d) > 0); ms += 5)
                lt_fiber_sleep(5);
            assert_int_equal(d->dives, round);
            assert_int_equal(pages_in_use(d), 0);
        }
        for (int i = 0; i < 3; i++) { /* the frames that stay are looked at, and the pages come back */
            divers[i].over = round == 2;
            lt_fiber_wake(divers[i].fiber);
        }
    }
    join_all();
}

static void test_a_fiber_that_waits_long_gives_back_the_stack_below_its_frames(void **state)
{
#ifdef LT_STACK_UCONTEXT
    skip(); /* where its frames end is not known */
#endif
    play(shrink_scene);
}

static void quick_scene(struct lt_loop *loop)
{
    uint64_t took = 1000;

    for (int i = 0; i < 100 && took >= 200; i++) { /* a machine that is busy may make it old */
        struct diver d = {.want = 7};
        uint64_t began = lt_mono_ms();
        d.fiber = start(loop, dive_and_wait, &d);
        lt_fiber_sleep(5);
        int used = pages_in_use(&d);
        took = lt_mono_ms() - began;
        d.over = true;
        lt_fiber_wake(d.fiber);
        join_all();
        if (took < 200)
            assert_int_equal(used, DEEP / 2 / sysconf(_SC_PAGESIZE));
    }
    assert_in_range(took, 0, 199);
}

static void test_a_fiber_that_is_quick_keeps_its_stack(void **state)
{
    play(quick_scene);
}

/* Eight MiB, more than any fiber's stack. */
static int dig(int depth, const volatile char *above)
{
    volatile char mine[4096];

    mine[0] = (char)(above[0] + 1);
    return depth < 2048 ? dig(depth + 1, mine) + mine[0] : 0;
}

static void overflow(void *arg)
{
    dig(0, arg);
}

static void overflow_scene(struct lt_loop *loop)
{
    char first = 0;

    start(loop, overflow, &first);
    join_all();
}

static void test_a_stack_overflow_hits_the_guard_page(void **state)
{
    int status;
    pid_t pid;

    if (RUNNING_ON_VALGRIND)
        skip();
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fclose(stderr); /* a sanitizer's report of what is meant to happen */
        signal(SIGSEGV, SIG_DFL); /* cmocka's handler would go on */
        play(overflow_scene);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* -- waits ----------------------------------------------------------------------------------------------------------------- */

static void wake_first_scene(struct lt_loop *loop)
{
    uint64_t far = lt_loop_now(loop) + 60000, soon;

    lt_fiber_wake(lt_fiber_self());
    lt_fiber_wake(lt_fiber_self());
    assert_int_equal(lt_fiber_wait(far), LT_OK);
    soon = lt_loop_now(loop) + 5;
    assert_int_equal(lt_fiber_wait(soon), LT_ETIMEOUT); /* two wakes were one */
    assert_true(lt_mono_ms() >= soon);
}

static void test_a_wake_before_the_wait_is_kept_but_not_counted(void **state)
{
    play(wake_first_scene);
}

static void deadline_scene(struct lt_loop *loop)
{
    /* far and near in turn: the one timer of a fiber must serve both orders */
    static const uint64_t ms[] = {20, 5, 40, 1, 0, 30, 10, 3};

    for (size_t i = 0; i < LT_COUNT(ms); i++) {
        uint64_t until = lt_loop_now(loop) + ms[i];
        assert_int_equal(lt_fiber_wait(until), LT_ETIMEOUT);
        assert_true(lt_mono_ms() >= until);
    }
    assert_int_equal(lt_fiber_wait(0), LT_ETIMEOUT);
}

static void test_a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    play(deadline_scene);
}

static struct lt_fiber *sleeper;
static enum lt_code sleeper_got;
static bool sleeper_done;

static void wait_a_minute(void *arg)
{
    sleeper_got = lt_fiber_wait(lt_loop_now(arg) + 60000);
    sleeper_done = true;
}

/* A timer left from a short wait must not end a later long one. */
static void wait_short_then_long(void *arg)
{
    lt_fiber_wake(lt_fiber_self());
    lt_fiber_wait(lt_loop_now(arg) + 3);
    while (lt_fiber_wait(lt_loop_now(arg) + 4) != LT_ETIMEOUT) {
    }
    lt_fiber_wake(lt_fiber_self());
    lt_fiber_wait(lt_loop_now(arg) + 2);
    wait_a_minute(arg);
}

static void wake_scene(struct lt_loop *loop)
{
    void (*const fns[])(void *) = {wait_a_minute, wait_short_then_long};

    for (size_t i = 0; i < LT_COUNT(fns); i++) {
        sleeper_done = false;
        sleeper = start(loop, fns[i], loop);
        lt_fiber_sleep(20);
        assert_false(sleeper_done);
        lt_fiber_wake(sleeper);
        join_all();
        assert_true(sleeper_done);
        assert_int_equal(sleeper_got, LT_OK);
    }
}

static void test_a_wake_ends_a_long_wait(void **state)
{
    play(wake_scene);
}

static void sleep_scene(struct lt_loop *loop)
{
    uint64_t before = lt_mono_ms();

    lt_fiber_wake(lt_fiber_self());
    assert_int_equal(lt_fiber_sleep(15), LT_OK);
    assert_true(lt_mono_ms() >= before + 14);
}

static void test_a_sleep_is_not_cut_short_by_a_wake(void **state)
{
    play(sleep_scene);
}

/* -- cancel ---------------------------------------------------------------------------------------------------------------- */

static enum lt_code seen[8];
static int seen_n;

static void saw(enum lt_code code)
{
    seen[seen_n++] = code;
}

static void cancelled_waits(void *arg)
{
    struct lt_loop *loop = arg;

    saw(lt_fiber_wait(lt_loop_now(loop) + 60000)); /* cancelled while it waits */
    saw(lt_fiber_wait(LT_NEVER));                  /* still */
    saw(lt_fiber_sleep(60000));
    assert_true(lt_fiber_cancelled());
    lt_fiber_cancel_reset();
    assert_false(lt_fiber_cancelled());
    saw(lt_fiber_wait(lt_loop_now(loop) + 2));
}

static void cancel_scene(struct lt_loop *loop)
{
    static const enum lt_code expected[] = {LT_ECANCELLED, LT_ECANCELLED, LT_ECANCELLED, LT_ETIMEOUT};
    struct lt_fiber *f;

    seen_n = 0;
    f = start(loop, cancelled_waits, loop);
    lt_fiber_sleep(5);
    lt_fiber_cancel(f);
    lt_fiber_cancel(f);
    join_all();
    assert_int_equal(seen_n, LT_COUNT(expected));
    for (size_t i = 0; i < LT_COUNT(expected); i++)
        assert_int_equal(seen[i], expected[i]);

    seen_n = 0;
    f = start(loop, cancelled_waits, loop);
    lt_fiber_cancel(f); /* before its first step */
    join_all();
    assert_int_equal(seen_n, LT_COUNT(expected));
    assert_int_equal(seen[0], LT_ECANCELLED);
}

static void test_a_cancel_ends_every_wait_until_it_is_reset(void **state)
{
    play(cancel_scene);
}

static void shielded(void *arg)
{
    struct lt_loop *loop = arg;

    lt_fiber_shield();
    lt_fiber_shield();
    saw(lt_fiber_wait(lt_loop_now(loop) + 20)); /* the cancel comes here, unseen */
    saw(lt_fiber_cancelled() ? LT_OK : LT_EINTERNAL);
    lt_fiber_unshield();
    saw(lt_fiber_wait(lt_loop_now(loop) + 2)); /* counted: one shield is left */
    lt_fiber_unshield();
    saw(lt_fiber_wait(lt_loop_now(loop) + 60000));
}

static void shield_scene(struct lt_loop *loop)
{
    static const enum lt_code expected[] = {LT_ETIMEOUT, LT_OK, LT_ETIMEOUT, LT_ECANCELLED};
    struct lt_fiber *f;

    seen_n = 0;
    f = start(loop, shielded, loop);
    lt_fiber_sleep(2);
    lt_fiber_cancel(f);
    join_all();
    assert_int_equal(seen_n, LT_COUNT(expected));
    for (size_t i = 0; i < LT_COUNT(expected); i++)
        assert_int_equal(seen[i], expected[i]);
}

static void test_a_shield_hides_a_cancel_and_counts(void **state)
{
    play(shield_scene);
}

/* The next fiber of a pooled stack must not inherit the cancel, the shield or the name of the last. */
static void dirty(void *arg)
{
    lt_fiber_set_name("dirty");
    lt_fiber_shield();
    lt_fiber_cancel(lt_fiber_self());
    lt_fiber_wake(lt_fiber_self());
}

static void clean(void *arg)
{
    assert_false(lt_fiber_cancelled());
    saw(lt_fiber_wait(lt_loop_now(arg) + 2));
    lt_fiber_cancel(lt_fiber_self());
    saw(lt_fiber_wait(lt_loop_now(arg) + 2));
}

static void inherit_scene(struct lt_loop *loop)
{
    seen_n = 0;
    start(loop, dirty, NULL);
    join_all();
    start(loop, clean, loop);
    join_all();
    assert_int_equal(seen[0], LT_ETIMEOUT);
    assert_int_equal(seen[1], LT_ECANCELLED);
}

static void test_a_new_fiber_inherits_nothing_from_the_stack_s_last(void **state)
{
    play(inherit_scene);
}

/* -- fairness -------------------------------------------------------------------------------------------------------------- */

static bool rang;

static void ring(void *arg)
{
    rang = true;
}

static void yield_scene(struct lt_loop *loop)
{
    struct lt_timer t;

    rang = false;
    lt_timer_init(&t, loop, ring, NULL);
    lt_timer_set(&t, 3);
    while (!rang)
        lt_fiber_yield();
}

static void test_a_yielding_fiber_lets_timers_run(void **state)
{
    play(yield_scene);
}

static struct lt_fiber *ping_pong[2];

static void ping(void *arg)
{
    int me = *(int *)arg;

    while (!rang) {
        lt_fiber_wake(ping_pong[!me]);
        lt_fiber_wait(LT_NEVER);
    }
    lt_fiber_wake(ping_pong[!me]);
}

static void ping_pong_scene(struct lt_loop *loop)
{
    static int ids[] = {0, 1};
    struct lt_timer t;

    rang = false;
    lt_timer_init(&t, loop, ring, NULL);
    lt_timer_set(&t, 3);
    for (int i = 0; i < 2; i++)
        ping_pong[i] = start(loop, ping, &ids[i]);
    while (lt_fiber_count() > 2)
        lt_fiber_yield();
    if (lt_fiber_count() == 2) /* the first to end woke the other, which may wait */
        lt_fiber_sleep(1);
    join_all();
    assert_true(rang);
}

static void test_fibers_that_wake_each_other_for_ever_do_not_starve_events(void **state)
{
    play(ping_pong_scene);
}

/* -- diagnostics ----------------------------------------------------------------------------------------------------------- */

static void named_wait(void *arg)
{
    lt_fiber_set_name("waits for the bell");
    wait_for_cancel(arg);
}

static void find_named(void *arg, const struct lt_fiber_view *view)
{
    if (strcmp(view->name, "waits for the bell") == 0 && view->waiting_ms >= 4 && view->age_ms >= view->waiting_ms && view->left_ms == -1)
        ++*(int *)arg;
}

static void each_scene(struct lt_loop *loop)
{
    struct lt_fiber *f[3];
    int left = 3, found = 0;

    for (int i = 0; i < 3; i++)
        f[i] = start(loop, named_wait, &left);
    lt_fiber_sleep(6);
    lt_fiber_each(loop, find_named, &found);
    assert_int_equal(found, 3);
    lt_fiber_cancel(f[1]); /* one from the middle of the list */
    lt_fiber_sleep(6);
    found = 0;
    lt_fiber_each(loop, find_named, &found);
    assert_int_equal(found, 2);
    lt_fiber_cancel(f[0]);
    lt_fiber_cancel(f[2]);
    join_all();
}

static void test_live_fibers_are_listed_with_name_and_time(void **state)
{
    play(each_scene);
}

/* -- the loop -------------------------------------------------------------------------------------------------------------- */

static void free_flag(void *p)
{
    *(int *)p = 1;
}

static void free_later_scene(struct lt_loop *loop)
{
    static int freed;

    freed = 0;
    lt_loop_free_later(loop, free_flag, &freed);
    assert_int_equal(freed, 0);
    lt_fiber_yield();
    assert_int_equal(freed, 1);
}

static void test_objects_are_freed_after_the_turn(void **state)
{
    play(free_later_scene);
}

static void timer_scene(struct lt_loop *loop)
{
    struct lt_timer t;
    uint64_t set;

    rang = false;
    lt_timer_init(&t, loop, ring, NULL);
    lt_timer_set(&t, 5);
    lt_timer_cancel(&t);
    lt_fiber_sleep(15);
    assert_false(rang);
    lt_timer_set(&t, 60000);
    set = lt_mono_ms();
    lt_timer_set(&t, 5);
    while (!rang)
        lt_fiber_sleep(1);
    assert_true(lt_mono_ms() >= set + 5);
    assert_null(lt_loop_slot(loop, LT_SLOT_CORE));
    assert_int_equal(lt_loop_index(loop), 7);
    assert_ptr_equal(lt_loop_self(), loop);
}

static void test_a_timer_can_be_moved_and_taken_back(void **state)
{
    play(timer_scene);
}

static void test_slots_are_freed_with_the_loop(void **state)
{
    struct lt_error err;
    struct lt_loop *loop = lt_loop_new(0, &err);
    int a = 0, b = 0;

    assert_non_null(loop);
    assert_null(lt_loop_self());
    lt_loop_set_slot(loop, LT_SLOT_CORE, &a, free_flag);
    lt_loop_set_slot(loop, LT_SLOT_API, &b, free_flag);
    assert_ptr_equal(lt_loop_slot(loop, LT_SLOT_CORE), &a);
    lt_loop_set_slot(loop, LT_SLOT_API, NULL, NULL);
    lt_loop_free(loop);
    assert_int_equal(a, 1);
    assert_int_equal(b, 0);
}

enum { POSTERS = 4, POSTS = 5000 };

static struct poster {
    struct lt_loop *loop;
    pthread_t thread;
    struct parcel {
        struct lt_task task;
        struct poster *from;
        int number;
    } parcels[POSTS];
    int next; /* loop thread only */
    bool in_order;
} posters[POSTERS];
static int arrived_n;
static pthread_t loop_thread;
static struct lt_fiber *receiver;

static void on_parcel(struct lt_task *task)
{
    struct parcel *p = (struct parcel *)task;

    if (p->number != p->from->next++ || !pthread_equal(pthread_self(), loop_thread) || lt_fiber_self())
        p->from->in_order = false;
    if (++arrived_n == POSTERS * POSTS)
        lt_fiber_wake(receiver);
}

static void *poster_main(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < POSTS; i++) {
        p->parcels[i] = (struct parcel){{.fn = on_parcel}, p, i};
        lt_loop_post(p->loop, &p->parcels[i].task);
        if (i % 512 == 0)
            usleep(1000); /* so that the loop falls asleep in between */
    }
    return NULL;
}

static void post_scene(struct lt_loop *loop)
{
    arrived_n = 0;
    loop_thread = pthread_self();
    receiver = lt_fiber_self();
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].next = 0;
        posters[i].in_order = true;
        assert_int_equal(pthread_create(&posters[i].thread, NULL, poster_main, &posters[i]), 0);
    }
    while (arrived_n < POSTERS * POSTS)
        assert_int_equal(lt_fiber_wait(lt_loop_now(loop) + 60000), LT_OK);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        assert_true(posters[i].in_order);
    }
}

static void test_tasks_posted_by_many_threads_arrive_once_and_in_each_poster_s_order(void **state)
{
    play(post_scene);
}

static void *loop_main(void *arg)
{
    lt_loop_run(arg);
    return NULL;
}

static void count_down(void *arg)
{
    for (int i = 0; i < 20; i++)
        lt_fiber_yield();
    atomic_fetch_sub((atomic_int *)arg, 1);
}

struct starter {
    struct lt_task task;
    struct lt_loop *loop;
    atomic_int *left;
};

static void on_start(struct lt_task *task)
{
    struct starter *s = (struct starter *)task;

    for (int i = 0; i < 500; i++)
        assert_int_equal(lt_fiber_start(s->loop, count_down, s->left, NULL), LT_OK);
}

static void test_two_loops_run_side_by_side_and_are_stopped_from_outside(void **state)
{
    struct lt_error err;
    struct lt_loop *loops[2];
    struct starter starters[2];
    pthread_t threads[2];
    atomic_int left = 1000;

    for (int i = 0; i < 2; i++) {
        loops[i] = lt_loop_new(i, &err);
        assert_non_null(loops[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, loop_main, loops[i]), 0);
        starters[i] = (struct starter){{.fn = on_start}, loops[i], &left};
        lt_loop_post(loops[i], &starters[i].task);
    }
    while (atomic_load(&left) || lt_fiber_count())
        usleep(1000);
    for (int i = 0; i < 2; i++) {
        lt_loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
        lt_loop_free(loops[i]);
    }
}

/* -- workers --------------------------------------------------------------------------------------------------------------- */

struct sum {
    int n;
    long result;
    pthread_t where;
};

static void add_up(void *arg)
{
    struct sum *s = arg;

    s->where = pthread_self();
    for (int i = 1; i <= s->n; i++)
        s->result += i;
}

static int sums_left;

static void sum_on_worker(void *arg)
{
    struct sum s = {.n = (int)below(2000)};

    assert_int_equal(lt_work(add_up, &s), LT_OK);
    assert_int_equal(s.result, (long)s.n * (s.n + 1) / 2);
    assert_false(pthread_equal(s.where, pthread_self()));
    sums_left--;
}

static void workers_scene(struct lt_loop *loop)
{
    sums_left = 400;
    for (int i = 0; i < 400; i++)
        start(loop, sum_on_worker, NULL);
    join_all();
    assert_int_equal(sums_left, 0);
}

static void with_workers(int n, void (*scene)(struct lt_loop *loop))
{
    struct lt_error err;

    assert_int_equal(lt_workers_start(n, &err), LT_OK);
    play(scene);
    lt_workers_stop();
}

static void test_work_runs_on_another_thread_and_comes_back(void **state)
{
    with_workers(4, workers_scene);
}

static sem_t gate;

static void pass_gate(void *arg)
{
    while (sem_wait(&gate) != 0) {
    }
    *(bool *)arg = true;
}

static void work_cancelled(void *arg)
{
    bool passed = false;

    saw(lt_work(pass_gate, &passed));
    assert_true(passed);
    saw(lt_fiber_wait(LT_NEVER));
}

static void cancel_work_scene(struct lt_loop *loop)
{
    struct lt_fiber *f;

    seen_n = 0;
    sem_init(&gate, 0, 0);
    f = start(loop, work_cancelled, NULL);
    lt_fiber_sleep(2);
    lt_fiber_cancel(f);
    lt_fiber_sleep(5);
    assert_int_equal(seen_n, 0);
    sem_post(&gate);
    join_all();
    assert_int_equal(seen[0], LT_OK);
    assert_int_equal(seen[1], LT_ECANCELLED);
    sem_destroy(&gate);
}

static void test_work_is_not_cancelled_but_what_follows_is(void **state)
{
    with_workers(1, cancel_work_scene);
}

static int passed_n, refused_n;

static void pass_or_be_refused(void *arg)
{
    bool passed = false;
    enum lt_code code = lt_work(pass_gate, &passed);

    if (code == LT_EOVERLOADED)
        refused_n++;
    else if (code == LT_OK && passed)
        passed_n++;
}

static void overload_scene(struct lt_loop *loop)
{
    enum { QUEUE = 1024, MORE = 10 };

    passed_n = refused_n = 0;
    sem_init(&gate, 0, 0);
    start(loop, pass_or_be_refused, NULL);
    lt_fiber_sleep(50); /* the one worker has taken it, or it still stands in the queue */
    for (int i = 0; i < QUEUE + MORE; i++)
        start(loop, pass_or_be_refused, NULL);
    lt_fiber_sleep(5);
    assert_in_range(refused_n, MORE, MORE + 1);
    for (int i = 0; i < QUEUE + MORE + 1; i++)
        sem_post(&gate);
    join_all();
    assert_int_equal(passed_n + refused_n, QUEUE + MORE + 1);
    sem_destroy(&gate);
}

static void test_a_full_queue_refuses_work(void **state)
{
    with_workers(1, overload_scene);
}

static void test_work_outside_a_fiber_is_a_plain_call(void **state)
{
    struct sum s = {.n = 3};

    assert_int_equal(lt_work(add_up, &s), LT_OK);
    assert_int_equal(s.result, 6);
    assert_true(pthread_equal(s.where, pthread_self()));
}

static void test_a_wrong_number_of_workers_is_refused(void **state)
{
    static const int wrong[] = {-1, 0, 65};
    struct lt_error err;

    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        assert_int_equal(lt_workers_start(wrong[i], &err), LT_ECONFIG);
    assert_int_equal(lt_workers_start(1, &err), LT_OK);
    assert_int_equal(lt_workers_start(1, &err), LT_EINTERNAL);
    lt_workers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_thousand_fibers_wait_at_once_and_keep_their_stacks),
        cmocka_unit_test(test_one_fiber_above_the_limit_is_refused),
        cmocka_unit_test(test_a_burst_leaves_a_bounded_pool),
        cmocka_unit_test(test_a_stack_is_used_again),
        cmocka_unit_test(test_a_fiber_that_waits_long_gives_back_the_stack_below_its_frames),
        cmocka_unit_test(test_a_fiber_that_is_quick_keeps_its_stack),
        cmocka_unit_test(test_a_stack_overflow_hits_the_guard_page),
        cmocka_unit_test(test_a_wake_before_the_wait_is_kept_but_not_counted),
        cmocka_unit_test(test_a_wait_ends_at_its_deadline_and_not_before),
        cmocka_unit_test(test_a_wake_ends_a_long_wait),
        cmocka_unit_test(test_a_sleep_is_not_cut_short_by_a_wake),
        cmocka_unit_test(test_a_cancel_ends_every_wait_until_it_is_reset),
        cmocka_unit_test(test_a_shield_hides_a_cancel_and_counts),
        cmocka_unit_test(test_a_new_fiber_inherits_nothing_from_the_stack_s_last),
        cmocka_unit_test(test_a_yielding_fiber_lets_timers_run),
        cmocka_unit_test(test_fibers_that_wake_each_other_for_ever_do_not_starve_events),
        cmocka_unit_test(test_live_fibers_are_listed_with_name_and_time),
        cmocka_unit_test(test_objects_are_freed_after_the_turn),
        cmocka_unit_test(test_a_timer_can_be_moved_and_taken_back),
        cmocka_unit_test(test_slots_are_freed_with_the_loop),
        cmocka_unit_test(test_tasks_posted_by_many_threads_arrive_once_and_in_each_poster_s_order),
        cmocka_unit_test(test_two_loops_run_side_by_side_and_are_stopped_from_outside),
        cmocka_unit_test(test_work_runs_on_another_thread_and_comes_back),
        cmocka_unit_test(test_work_is_not_cancelled_but_what_follows_is),
        cmocka_unit_test(test_a_full_queue_refuses_work),
        cmocka_unit_test(test_work_outside_a_fiber_is_a_plain_call),
        cmocka_unit_test(test_a_wrong_number_of_workers_is_refused),
    };

    seed = (unsigned)lt_now_ms();
    print_message("seed %u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

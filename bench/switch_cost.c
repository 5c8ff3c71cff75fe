/* What changing fibers costs: the bare change of stacks, swapcontext for comparison, and a yield with its share of a loop's turn. */
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/clock.h"
#include "io/fiber.h"
#include "io/loop.h"
#include "io/stack.h"

enum { CHANGES = 2000000, STACK = 65536, ROUNDS = 5 };

#if defined(__x86_64__)
static const char platform[] = "x86-64";
#elif defined(__aarch64__)
static const char platform[] = "aarch64";
#else
static const char platform[] = "other (ucontext)";
#endif

static struct lt_stack main_stack, other_stack;
static ucontext_t main_context, other_context;

static void back_and_forth(void)
{
    for (;;)
        lt_stack_swap(&other_stack, &main_stack);
}

static void back_and_forth_context(void)
{
    for (;;)
        swapcontext(&other_context, &main_context);
}

static void there(void)
{
    lt_stack_swap(&main_stack, &other_stack);
}

static void there_context(void)
{
    swapcontext(&main_context, &other_context);
}

/* Nanoseconds for one change, the best of some rounds. `fn` makes two. */
static double best(void (*fn)(void))
{
    double ret = 1e9;
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t begin = lt_mono_us();
        for (int i = 0; i < CHANGES / 2; i++)
            fn();
        double ns = (double)(lt_mono_us() - begin) * 1000 / CHANGES;
        ret = ns < ret ? ns : ret;
    }
    return ret;
}

static int left, yields;
static struct lt_loop *loop;

static void yielding(void *arg)
{
    for (int i = 0; i < yields; i++)
        lt_fiber_yield();
    if (--left == 0)
        lt_loop_stop(loop);
}

static double yield_ns(int fibers)
{
    double ret = 1e9;
    for (int r = 0; r < ROUNDS; r++) {
        left = fibers;
        yields = CHANGES / 4 / fibers;
        for (int i = 0; i < fibers; i++)
            if (lt_fiber_start(loop, yielding, NULL, NULL))
                abort();
        uint64_t begin = lt_mono_us();
        lt_loop_run(loop);
        double ns = (double)(lt_mono_us() - begin) * 1000 / ((double)yields * fibers);
        ret = ns < ret ? ns : ret;
    }
    return ret;
}

int main(void)
{
    struct lt_error err;
    char *stack = aligned_alloc(4096, STACK), *context_stack = aligned_alloc(4096, STACK);
    loop = lt_loop_new(0, &err);
    if (!stack || !context_stack || !loop)
        abort();
    lt_stack_prepare(&other_stack, stack, STACK, back_and_forth);
    getcontext(&other_context);
    other_context.uc_stack.ss_sp = context_stack;
    other_context.uc_stack.ss_size = STACK;
    makecontext(&other_context, back_and_forth_context, 0);
    printf("{\"platform\":\"%s\",\"change_ns\":%.1f,\"swapcontext_ns\":%.1f,", platform, best(there), best(there_context));
    double alone = yield_ns(1), many = yield_ns(1000);
    printf("\"yield_alone_ns\":%.1f,\"yield_of_1000_ns\":%.1f}\n", alone, many);
    lt_loop_free(loop);
    free(stack);
    free(context_stack);
    return 0;
}

/* What counting a call costs its loop: nanoseconds for one call with one attempt, as core/process.c and core/attempt.c count them. */
#include <stdio.h>
#include <time.h>

#include "core/manager_private.h"

enum { ROUNDS = 2000000 };

/* Of this thread, so that a busy machine does not show. */
static double cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void count(void *arg)
{
    struct lt_loop *loop = lt_loop_self();
    struct lt_metrics *m = lt_metrics_new();
    struct lt_site site = {.slug = LT_STR("school")};
    struct lt_provider_instance instance = {.name = LT_STR("vendor")};
    struct lt_attempt attempt = {.instance = &instance, .success = true, .usage = {100, 50, 150, -1, -1}, .cost = 70};
    double began = cpu_ns();
    for (uint64_t i = 0; i < ROUNDS; i++) {
        lt_metrics_attempt(m, &site, "generate_text", &attempt, 900000 + i);
        lt_metrics_call(m, &(struct lt_metric_call){.site = &site, .action = "generate_text", .gate = -1, .duration_us = 950000 + i, .first_us = 200000 + i});
    }
    *(double *)arg = (cpu_ns() - began) / ROUNDS;
    lt_metrics_free(m);
    lt_loop_stop(loop);
}

int main(void)
{
    struct lt_error err;
    double ns = 0;
    struct lt_loop *loop = lt_loop_new(0, &err);
    if (!loop || lt_fiber_start(loop, count, &ns, NULL))
        return 1;
    lt_loop_run(loop);
    lt_loop_free(loop);
    printf("{\"call_ns\": %.1f}\n", ns);
    return 0;
}

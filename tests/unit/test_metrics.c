/* Counting calls: sums over loops, buckets, labels that are bounded. The scrape itself is in tests/system/test_metrics.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/manager_private.h"

struct sums {
    uint64_t calls, rows, other, first, in_bucket[LT_METRIC_BUCKETS];
};

static void add_call(void *ctx, const struct lt_metric_calls *row)
{
    struct sums *s = ctx;
    s->rows++;
    for (int code = 0; code < LT_CODE_COUNT; code++) {
        s->calls += row->ended[code];
        s->other += strcmp(row->site, LT_METRIC_OTHER) == 0 ? row->ended[code] : 0;
    }
    for (int i = 0; i < LT_METRIC_BUCKETS; i++)
        s->in_bucket[i] += row->duration.buckets[i];
}

static void count(struct lt_metrics *m, const char *site, const char *action, uint64_t us)
{
    struct lt_site of = {.slug = lt_str(site)};
    lt_metrics_call(m, &(struct lt_metric_call){.site = &of, .action = action, .gate = -1, .duration_us = us});
}

struct worker {
    struct lt_metrics *m;
    int index, sites, each;
    struct lt_loop *loop;
};


/* A fiber counts for its loop. */
static void count_all(void *arg)
{
    struct worker *w = arg;
    char site[16], action[16];
    for (int n = 0; n < w->each; n++)
        for (int i = 0; i < w->sites; i++) {
            snprintf(site, sizeof(site), "s%d", i);
            snprintf(action, sizeof(action), "a%d", i % 40);
            count(w->m, site, action, 1);
        }
    lt_loop_stop(w->loop);
}

static void *run_loop(void *arg)
{
    struct worker *w = arg;
    struct lt_error err;
    w->loop = lt_loop_new(w->index, &err);
    assert_non_null(w->loop);
    assert_int_equal(lt_fiber_start(w->loop, count_all, w, NULL), LT_OK);
    lt_loop_run(w->loop);
    lt_loop_free(w->loop);
    return NULL;
}

static void run(struct worker *list, int n)
{
    pthread_t threads[8];
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, run_loop, &list[i]);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* Many sites and actions at once on many loops: nothing is lost, and there are as many rows as may be. */
static void test_loops_are_added_up_and_labels_are_bounded(void **state)
{
    enum { LOOPS = 4, SITES = 200, EACH = 50 };
    struct lt_metrics *m = lt_metrics_new();
    struct worker list[LOOPS];
    struct sums sums = {0};
    for (int i = 0; i < LOOPS; i++)
        list[i] = (struct worker){.m = m, .index = i, .sites = SITES, .each = EACH};
    run(list, LOOPS);
    lt_metrics_each_call(m, NULL, add_call, &sums);
    assert_int_equal(sums.calls, LOOPS * SITES * EACH);
    assert_int_equal(sums.other, LOOPS * (SITES - LT_METRIC_SITES) * EACH);
    assert_true(sums.rows <= LT_METRIC_SITES + LT_METRIC_ACTIONS + 1);
    struct sums one = {0};
    lt_metrics_each_call(m, "s0", add_call, &one);
    assert_int_equal(one.calls, LOOPS * EACH);
    lt_metrics_free(m);
}

/* Pairs: more than LT_METRIC_CELLS become "other", whichever loop meets them. */
static void pairs(void *arg)
{
    struct worker *w = arg;
    char site[16], action[16];
    for (int i = 0; i < LT_METRIC_SITES; i++)
        for (int a = 0; a < LT_METRIC_ACTIONS; a++) {
            snprintf(site, sizeof(site), "s%d", i);
            snprintf(action, sizeof(action), "a%d", a);
            count(w->m, site, action, 1);
        }
    lt_loop_stop(w->loop);
}

static void *run_pairs(void *arg)
{
    struct worker *w = arg;
    struct lt_error err;
    w->loop = lt_loop_new(w->index, &err);
    lt_fiber_start(w->loop, pairs, w, NULL);
    lt_loop_run(w->loop);
    lt_loop_free(w->loop);
    return NULL;
}

static void test_pairs_are_bounded(void **state)
{
    struct lt_metrics *m = lt_metrics_new();
    struct worker w[2] = {{.m = m, .index = 0}, {.m = m, .index = 1}};
    struct sums sums = {0};
    for (int i = 0; i < 2; i++)
        run_pairs(&w[i]);
    lt_metrics_each_call(m, NULL, add_call, &sums);
    assert_int_equal(sums.calls, 2 * LT_METRIC_SITES * LT_METRIC_ACTIONS);
    assert_int_equal(sums.rows, LT_METRIC_CELLS + 1);
    assert_int_equal(sums.other, 2 * (LT_METRIC_SITES * LT_METRIC_ACTIONS - LT_METRIC_CELLS));
    lt_metrics_free(m);
}

/* A time lies in the first bucket whose bound is not below it. */
static void observe_all(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < LT_METRIC_BUCKETS - 1; i++) {
        count(w->m, "s", "a", (uint64_t)LT_METRIC_BUCKET_US << i);
        count(w->m, "s", "a", ((uint64_t)LT_METRIC_BUCKET_US << i) + 1);
    }
    count(w->m, "s", "a", 0);
    count(w->m, "s", "a", UINT64_C(1) << 50);
    lt_loop_stop(w->loop);
}

static void test_buckets_hold_what_is_not_above_their_bound(void **state)
{
    struct lt_error err;
    struct worker w = {.m = lt_metrics_new()};
    struct sums sums = {0};
    w.loop = lt_loop_new(0, &err);
    lt_fiber_start(w.loop, observe_all, &w, NULL);
    lt_loop_run(w.loop);
    lt_loop_free(w.loop);
    lt_metrics_each_call(w.m, NULL, add_call, &sums);
    for (int i = 0; i < LT_METRIC_BUCKETS; i++)
        assert_int_equal(sums.in_bucket[i], 2); /* its own bound and one more than the one below; 0 in the first, 2^50 in the last */
    lt_metrics_free(w.m);
}

/* What has no label of its own: "other" itself, nothing, and what is too long. */
static void odd_names(void *arg)
{
    struct worker *w = arg;
    char name[200];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    count(w->m, "other", "a", 1);
    count(w->m, "", "a", 1);
    count(w->m, name, "a", 1);
    count(w->m, "s", NULL, 1);
    lt_loop_stop(w->loop);
}

static void test_what_cannot_be_a_label_is_other(void **state)
{
    struct lt_error err;
    struct worker w = {.m = lt_metrics_new()};
    struct sums sums = {0};
    w.loop = lt_loop_new(0, &err);
    lt_fiber_start(w.loop, odd_names, &w, NULL);
    lt_loop_run(w.loop);
    lt_loop_free(w.loop);
    lt_metrics_each_call(w.m, NULL, add_call, &sums);
    assert_int_equal(sums.other, 3);
    assert_int_equal(sums.calls, 4);
    lt_metrics_free(w.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loops_are_added_up_and_labels_are_bounded),
        cmocka_unit_test(test_pairs_are_bounded),
        cmocka_unit_test(test_buckets_hold_what_is_not_above_their_bound),
        cmocka_unit_test(test_what_cannot_be_a_label_is_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

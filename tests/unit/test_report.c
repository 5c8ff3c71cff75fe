/* Reports: days by their names in any zone, what may be asked, exact percentiles, and the maxima. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/period.h"
#include "core/report_private.h"

#define HOUR INT64_C(3600000)

static int64_t at(const char *time)
{
    int64_t ms = 0;
    assert_true(lt_time_parse(lt_str(time), &ms));
    return ms;
}

/* ---- days ---- */

static void test_a_day_has_the_hours_that_it_has_in_its_zone(void **state)
{
    static const struct {
        const char *zone, *day, *start;
        int hours;
    } cases[] = {
        {"UTC", "2026-11-21", "2026-11-21T00:00:00Z", 24},
        {"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
        {"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
        {"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23},
        {"Asia/Kathmandu", "2026-11-21", "2026-11-20T18:15:00Z", 24},
        {"Pacific/Kiritimati", "2026-11-21", "2026-11-20T10:00:00Z", 24}, /* UTC+14 */
        {"Pacific/Pago_Pago", "2026-11-21", "2026-11-21T11:00:00Z", 24},  /* UTC-11 */
        {"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23},  /* there was no midnight */
        {"America/Sao_Paulo", "2018-11-03", "2018-11-03T03:00:00Z", 24},
        {"America/Sao_Paulo", "2018-11-05", "2018-11-05T02:00:00Z", 24},
        {"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25},     /* there are two midnights */
        {"America/Havana", "2026-10-31", "2026-10-31T04:00:00Z", 24},
        {"UTC", "2028-02-29", "2028-02-29T00:00:00Z", 24},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t start, end;
        char day[LT_DAY_TEXT];
        struct lt_str zone = lt_str(cases[i].zone);
        assert_true(lt_day_parse(zone, lt_str(cases[i].day), &start, &end));
        assert_int_equal(start, at(cases[i].start));
        assert_int_equal(end - start, cases[i].hours * HOUR);
        for (int64_t ms = start; ms < end; ms += HOUR / 2) {
            lt_day_format(zone, ms, day);
            assert_string_equal(day, cases[i].day);
        }
        lt_day_format(zone, start - 1, day);
        assert_string_not_equal(day, cases[i].day);
        lt_day_format(zone, end, day);
        assert_string_not_equal(day, cases[i].day);
    }
}

static void test_what_is_no_day_is_none(void **state)
{
    static const char *const bad[] = {"",           "2026",       "2026-11",     "2026-11-31", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1",
                                      "26-11-21",   "2026-11-21 ", "2026-11-21T", "2026/11/21", "20261121",   "-026-11-21", "2026-11-00",
                                      "9999999-01-01"};
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        int64_t start, end;
        if (lt_day_parse(LT_STR("UTC"), lt_str(bad[i]), &start, &end))
            fail_msg("'%s' is taken for a day", bad[i]);
    }
}

/* ---- what is asked ---- */

static const struct lt_site site = {.time_zone = {"Europe/Berlin", 13}, .currency = {"EUR", 3}};

static enum lt_code asked(enum lt_report_kind kind, struct lt_report_words words, struct lt_report_query *q, struct lt_error *err)
{
    return lt_report_read(kind, &site, &words, at("2026-11-21T12:00:00Z"), q, err);
}

static void test_words_become_a_query(void **state)
{
    struct lt_report_query q;
    struct lt_error err;
    assert_int_equal(asked(LT_REPORT_USAGE, (struct lt_report_words){0}, &q, &err), LT_OK);
    assert_int_equal(q.group_n, 3);
    assert_int_equal(q.until, at("2026-11-21T12:00:00.001Z"));
    assert_int_equal(q.until - q.since, 30 * 24 * HOUR);
    assert_true(q.sort == 0 && q.descending);
    struct lt_report_words a_day = {.group_by = LT_STR("day,user"), .since = LT_STR("2026-03-29"), .until = LT_STR("2026-03-29")};
    assert_int_equal(asked(LT_REPORT_COST, a_day, &q, &err), LT_OK);
    assert_int_equal(q.until - q.since, 23 * HOUR);
    assert_true(q.sort == -1 && !q.descending && lt_report_groups(&q, LT_REPORT_DAY) && !lt_report_groups(&q, LT_REPORT_STATE));
    assert_int_equal(asked(LT_REPORT_ERRORS, (struct lt_report_words){.group_by = LT_STR("none"), .sort = LT_STR("-last_seen")}, &q, &err), LT_OK);
    assert_true(q.group_n == 0 && q.calls && q.attempts && q.sort == LT_ERRORS_LAST_SEEN && q.descending);
    assert_int_equal(asked(LT_REPORT_LATENCY, (struct lt_report_words){.of = LT_STR("attempt"), .sort = LT_STR("model")}, &q, &err), LT_OK);
    assert_true(!q.calls && q.attempts && q.sort == -2 - LT_REPORT_MODEL && !q.descending);
}

static void test_what_cannot_be_meant_is_named(void **state)
{
    static const struct {
        enum lt_report_kind kind;
        struct lt_report_words words;
        const char *field;
    } cases[] = {
        {LT_REPORT_USAGE, {.group_by = LT_STR("king")}, "/group_by"},
        {LT_REPORT_USAGE, {.group_by = LT_STR(",user")}, "/group_by"},
        {LT_REPORT_USAGE, {.group_by = LT_STR("of")}, "/group_by"},
        {LT_REPORT_LATENCY, {.group_by = LT_STR("code")}, "/group_by"},
        {LT_REPORT_USAGE, {.group_by = LT_STR("day,day")}, "/group_by"},
        {LT_REPORT_USAGE, {.since = LT_STR("2027-01-01")}, "/since"},
        {LT_REPORT_USAGE, {.since = LT_STR("1969-12-31T00:00:00Z")}, "/since"},
        {LT_REPORT_USAGE, {.since = LT_STR("2025-01-01")}, "/since"},
        {LT_REPORT_USAGE, {.until = LT_STR("soon")}, "/until"},
        {LT_REPORT_USAGE, {.of = LT_STR("call")}, "/of"},
        {LT_REPORT_ERRORS, {.of = LT_STR("both")}, "/of"},
        {LT_REPORT_USAGE, {.sort = LT_STR("-")}, "/sort"},
        {LT_REPORT_USAGE, {.sort = LT_STR("cost")}, "/sort"},
        {LT_REPORT_USAGE, {.state = LT_STR("done")}, "/state"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_report_query q;
        struct lt_error err;
        assert_int_equal(asked(cases[i].kind, cases[i].words, &q, &err), LT_EINVALID_INPUT);
        assert_string_equal(err.field, cases[i].field);
    }
}

/* ---- sums ---- */

/* One row of a portion: user, duration, how often. */
static enum lt_code add(struct lt_report_sums *sums, const char *user, int64_t ms, int64_t n, struct lt_error *err)
{
    struct lt_value cells[] = {LT_TEXT(lt_str(user)), LT_INT(ms), LT_INT(n)};
    struct lt_rows r = {1, LT_COUNT(cells), cells};
    return lt_report_sums_add(sums, &r, LT_STR(""), err);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t nearest_rank(const int64_t *sorted, size_t n, double p)
{
    size_t rank = (size_t)(p * (double)n / 100);
    return sorted[((double)rank * 100 < p * (double)n ? rank + 1 : rank) - 1];
}

static void test_percentiles_are_those_of_all_values(void **state)
{
    enum { N = 1000 };
    static const struct { int at; double p; } ranks[] = {{LT_LATENCY_P50, 50}, {LT_LATENCY_P90, 90}, {LT_LATENCY_P95, 95}, {LT_LATENCY_P99, 99}};
    struct lt_report_query q = {.kind = LT_REPORT_LATENCY, .site = &site, .group = {LT_REPORT_USER}, .group_n = 1, .sort = -1};
    unsigned seed = 20261121;
    printf("seed %u\n", seed);
    for (size_t n = 1; n <= N; n = n < 8 ? n + 1 : n * 3) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_report_sums *sums = lt_report_sums_new(arena, &q);
        struct lt_report report;
        int64_t *values = LT_NEW_ARRAY(arena, int64_t, n);
        for (size_t i = 0; i < n; i++) {
            values[i] = rand_r(&seed) % (n % 2 ? 50 : 100000);
            assert_int_equal(add(sums, "u", values[i], 1, NULL), LT_OK);
            assert_int_equal(add(sums, "other", 1, 3, NULL), LT_OK);
        }
        qsort(values, n, sizeof(*values), by_value);
        lt_report_sums_finish(sums, &report);
        assert_int_equal(report.n, 2);
        assert_string_equal(report.rows[1]->keys[LT_REPORT_USER].p, "u");
        assert_int_equal(report.rows[1]->values[LT_LATENCY_COUNT], n);
        assert_int_equal(report.rows[1]->values[LT_LATENCY_MIN], values[0]);
        assert_int_equal(report.rows[1]->values[LT_LATENCY_MAX], values[n - 1]);
        for (size_t i = 0; i < LT_COUNT(ranks); i++)
            assert_int_equal(report.rows[1]->values[ranks[i].at], nearest_rank(values, n, ranks[i].p));
        assert_int_equal(report.total.values[LT_LATENCY_COUNT], 4 * n);
        lt_report_sums_free(sums);
        lt_arena_free(arena);
    }
}

static void test_rows_and_durations_have_a_maximum(void **state)
{
    struct lt_report_query q = {.kind = LT_REPORT_LATENCY, .site = &site, .group = {LT_REPORT_USER}, .group_n = 1, .sort = 0, .descending = true};
    struct lt_arena *arena = lt_arena_new();
    struct lt_report_sums *sums = lt_report_sums_new(arena, &q);
    struct lt_report report;
    struct lt_error err;
    char user[16];
    for (int i = 0; i < LT_REPORT_ROWS_MAX; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        assert_int_equal(add(sums, user, i, i + 1, &err), LT_OK);
    }
    assert_int_equal(add(sums, "one more", 1, 1, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/group_by");
    for (int i = LT_REPORT_ROWS_MAX; i < LT_REPORT_CELLS_MAX; i++)
        assert_int_equal(add(sums, "u0", i, 1, &err), LT_OK);
    assert_int_equal(add(sums, "u0", LT_REPORT_CELLS_MAX - 1, 1, &err), LT_OK); /* one that is there already */
    assert_int_equal(add(sums, "u0", LT_REPORT_CELLS_MAX, 1, &err), LT_EINVALID_INPUT);
    lt_report_sums_finish(sums, &report);
    assert_int_equal(report.n, LT_REPORT_ROWS_MAX);
    for (size_t i = 1; i < report.n; i++)
        assert_true(report.rows[i - 1]->values[0] >= report.rows[i]->values[0]);
    lt_report_sums_free(sums);
    lt_arena_free(arena);
}

static void test_only_who_may_be_seen_is_counted(void **state)
{
    struct lt_str some[] = {LT_STR("b"), LT_STR("a"), LT_STR("c")}, others[] = {LT_STR("c"), LT_STR("b")};
    struct lt_report_query q = {.kind = LT_REPORT_LATENCY, .site = &site, .sort = -1, .visible = {{some, 3}, {others, 2}}, .visible_n = 2};
    struct lt_arena *arena = lt_arena_new();
    struct lt_report_sums *sums = lt_report_sums_new(arena, &q);
    struct lt_report report;
    lt_report_people_sort(&q.visible[0]);
    lt_report_people_sort(&q.visible[1]);
    for (const char *user = "abcd"; *user; user++)
        assert_int_equal(add(sums, (char[]){*user, 0}, 5, 1, NULL), LT_OK);
    lt_report_sums_finish(sums, &report);
    assert_int_equal(report.n, 1);
    assert_int_equal(report.rows[0]->values[LT_LATENCY_COUNT], 2);
    assert_int_equal(report.total.values[LT_LATENCY_COUNT], 2);
    lt_report_sums_free(sums);
    lt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_has_the_hours_that_it_has_in_its_zone),
        cmocka_unit_test(test_what_is_no_day_is_none),
        cmocka_unit_test(test_words_become_a_query),
        cmocka_unit_test(test_what_cannot_be_meant_is_named),
        cmocka_unit_test(test_percentiles_are_those_of_all_values),
        cmocka_unit_test(test_rows_and_durations_have_a_maximum),
        cmocka_unit_test(test_only_who_may_be_seen_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SM-2 against the sequences that the thesis' rules give on paper, and against what must hold for every card. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "workflows/sm2.h"

static const struct lt_sm2 new_card = {.repetitions = 0, .interval = 0, .ease = LT_SM2_EASE_START};

static void intervals_and_ease_of_a_card_follow_the_rules_of_the_thesis(void **state)
{
    static const struct {
        int qualities[8], n;
        double interval, ease;
        int64_t repetitions;
    } table[] = {
        {{5}, 1, 1, 2.6, 1},
        {{4}, 1, 1, 2.5, 1},
        {{3}, 1, 1, 2.36, 1},
        {{4, 4}, 2, 6, 2.5, 2},
        {{4, 4, 4}, 3, 15, 2.5, 3},
        {{4, 4, 4, 4}, 4, 38, 2.5, 4},          /* 37.5, up */
        {{5, 5, 5}, 3, 17, 2.8, 3},             /* 6 × 2.7 = 16.2, up */
        {{5, 5, 5, 5}, 4, 48, 2.9, 4},          /* 17 × 2.8 = 47.6, up */
        {{3, 3, 3}, 3, 14, 2.08, 3},            /* 6 × 2.22 = 13.32, up */
        {{4, 4, 4, 2}, 4, 1, 2.5, 0},           /* forgotten: from the beginning, ease as it was */
        {{4, 4, 4, 0, 4, 4}, 6, 6, 2.5, 2},
        {{3, 1, 4, 5, 4}, 5, 15, 2.46, 3},      /* 6 × 2.46 = 14.76, up */
        {{3, 3, 3, 3, 3, 3, 3, 3}, 8, 271, 1.38, 8},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct lt_sm2 card = new_card;
        for (int k = 0; k < table[i].n; k++)
            card = lt_sm2_review(card, table[i].qualities[k]);
        if (card.interval != table[i].interval || fabs(card.ease - table[i].ease) > 1e-9 || card.repetitions != table[i].repetitions)
            fail_msg("row %zu: %g days, ease %g, %d repetitions", i, card.interval, card.ease, (int)card.repetitions);
    }
}

static void each_quality_changes_the_ease_by_its_own_step(void **state)
{
    static const double steps[] = {0, 0, 0, -0.14, 0, 0.1};
    for (int q = 0; q <= LT_SM2_QUALITY_MAX; q++)
        assert_true(fabs(lt_sm2_review(new_card, q).ease - (LT_SM2_EASE_START + steps[q])) < 1e-9);
}

static void what_is_whole_on_paper_is_not_rounded_up(void **state)
{
    for (int tenths = 13; tenths <= 40; tenths++)
        for (int days = 10; days <= 1000; days += 10)
            assert_true(lt_sm2_review((struct lt_sm2){2, days, tenths / 10.0}, 4).interval == days / 10 * tenths);
}

static void whatever_is_answered_every_value_stays_in_its_range(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int i = 0; i < 1000; i++) {
        struct lt_sm2 card = {rand_r(&seed) % 5 - 1, rand_r(&seed) % 50 - 10, (rand_r(&seed) % 60 - 10) / 10.0};
        for (int k = 0; k < 200; k++) {
            struct lt_sm2 before = card;
            int quality = rand_r(&seed) % 10 - 2;
            card = lt_sm2_review(before, quality);
            assert_true(card.interval >= 1 && card.interval <= LT_SM2_INTERVAL_MAX && card.interval == floor(card.interval));
            assert_true(card.ease >= LT_SM2_EASE_MIN);
            assert_true(quality < 3 ? card.repetitions == 0 && card.interval == 1 : card.repetitions >= 1);
            if (quality >= 3 && before.repetitions >= 2 && before.interval >= 1)
                assert_true(card.interval > before.interval || card.interval == LT_SM2_INTERVAL_MAX);
        }
    }
}

static void values_that_make_no_sense_are_brought_into_their_ranges(void **state)
{
    struct lt_sm2 card = lt_sm2_review((struct lt_sm2){-5, NAN, NAN}, 4);
    assert_true(card.repetitions == 1 && card.interval == 1 && card.ease == LT_SM2_EASE_MIN);
    card = lt_sm2_review((struct lt_sm2){INT64_MAX, INFINITY, INFINITY}, 5);
    assert_true(card.repetitions == LT_SM2_REPETITIONS_MAX && card.interval == LT_SM2_INTERVAL_MAX && isfinite(card.ease));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_and_ease_of_a_card_follow_the_rules_of_the_thesis),
        cmocka_unit_test(each_quality_changes_the_ease_by_its_own_step),
        cmocka_unit_test(what_is_whole_on_paper_is_not_rounded_up),
        cmocka_unit_test(whatever_is_answered_every_value_stays_in_its_range),
        cmocka_unit_test(values_that_make_no_sense_are_brought_into_their_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

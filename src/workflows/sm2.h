/*
 * When to see a card again: the algorithm SM-2 of P. A. Wozniak, "Optimization of learning", master's thesis, Poznań 1990, chapter 3.2
 * (super-memory.com/english/ol/sm2.htm). Pure; any thread.
 */
#pragma once
#include <stdint.h>

#define LT_SM2_EASE_START 2.5
#define LT_SM2_EASE_MIN 1.3
enum {
    LT_SM2_QUALITY_MAX = 5,          /* 5 perfect, 4 after hesitation, 3 with difficulty; 2, 1, 0 wrong */
    LT_SM2_QUALITY_PASSED = 3,       /* from here on it was remembered */
    LT_SM2_INTERVAL_MAX = 36500,     /* days: nobody waits longer */
    LT_SM2_REPETITIONS_MAX = 1000000, /* where counting ends */
};

struct lt_sm2 {
    int64_t repetitions;             /* times in a row that it was remembered */
    double interval;                 /* days from the last time to the next */
    double ease;                     /* the thesis calls it E-Factor */
};

/*
 * How the card stands after an answer of that quality (0 to LT_SM2_QUALITY_MAX; what is outside counts as the nearest). Remembered: 1 day, then
 * 6, then the last interval times the ease it had, rounded up; the ease changes by 0.1 − (5 − q)(0.08 + (5 − q) 0.02), and is never below
 * LT_SM2_EASE_MIN. Forgotten: from the beginning, the ease as it was. Values of `before` that make no sense are brought into their ranges.
 */
struct lt_sm2 lt_sm2_review(struct lt_sm2 before, int quality);

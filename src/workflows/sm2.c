#include "workflows/sm2.h"

#include <math.h>

/* NaN counts as min. */
static double within(double v, double min, double max)
{
    return v > min ? v < max ? v : max : min;
}

static double next_interval(const struct lt_sm2 *before)
{
    if (before->repetitions == 0)
        return 1;
    if (before->repetitions == 1)
        return 6;
    double exact = before->interval * before->ease;
    return within(ceil(exact - 1e-9), 1, LT_SM2_INTERVAL_MAX); /* 6 × 2.3 may be a little above what it is on paper */
}

struct lt_sm2 lt_sm2_review(struct lt_sm2 before, int quality)
{
    before.repetitions = before.repetitions < 0 ? 0 : before.repetitions;
    before.interval = within(before.interval, 1, LT_SM2_INTERVAL_MAX);
    before.ease = within(before.ease, LT_SM2_EASE_MIN, 1000);
    if (quality < LT_SM2_QUALITY_PASSED)
        return (struct lt_sm2){.repetitions = 0, .interval = 1, .ease = before.ease};
    int short_of = quality > LT_SM2_QUALITY_MAX ? 0 : LT_SM2_QUALITY_MAX - quality;
    struct lt_sm2 after = {.interval = next_interval(&before), .ease = before.ease + 0.1 - short_of * (0.08 + short_of * 0.02)};
    after.ease = within(after.ease, LT_SM2_EASE_MIN, 1000);
    after.repetitions = before.repetitions < LT_SM2_REPETITIONS_MAX ? before.repetitions + 1 : LT_SM2_REPETITIONS_MAX;
    return after;
}

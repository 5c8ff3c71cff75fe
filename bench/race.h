/*
 * Several ways to do the same, timed against one another: their turns alternate, so what else the machine does meets all of them, and each
 * figure is a median of turns. A turn takes at least LT_RACE_MS; how often the work is done in it is found out before. Time is this thread's
 * CPU time: what other programs of a shared machine take is not in it.
 */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LT_RACE_MS = 20, LT_RACE_TURNS_MAX = 51, LT_RACE_MAX = 8 };

struct lt_racer {
    const char *name;                 /* NULL: takes no part */
    size_t (*run)(void *ctx);         /* once; the answer depends on the work, so that nothing of it can be left out */
    void *ctx;
    long times;                       /* a turn */
    double us[LT_RACE_TURNS_MAX];     /* each time, by turn */
    double median;
};

/* What the work answered, where no compiler can overlook it. */
static volatile size_t lt_race_sink;

/* µs */
static inline double lt_race_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline double lt_race_turn(const struct lt_racer *r)
{
    double began = lt_race_clock();
    size_t sum = 0;
    for (long i = 0; i < r->times; i++)
        sum += r->run(r->ctx);
    lt_race_sink += sum;
    return lt_race_clock() - began;
}

static inline int lt_race_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sets us (sorted) and median of the n racers. */
static inline void lt_race(struct lt_racer *racers, size_t n, int turns)
{
    for (size_t i = 0; i < n; i++)
        for (racers[i].times = 1; racers[i].name && lt_race_turn(&racers[i]) < LT_RACE_MS * 1000; racers[i].times *= 2)
            ;
    for (int turn = 0; turn < turns; turn++)
        for (size_t i = 0; i < n; i++)
            if (racers[i].name)
                racers[i].us[turn] = lt_race_turn(&racers[i]) / (double)racers[i].times;
    for (size_t i = 0; i < n; i++) {
        qsort(racers[i].us, (size_t)turns, sizeof(double), lt_race_compare);
        racers[i].median = racers[i].us[turns / 2];
    }
}

/* The number of turns a program was told; ends it when that is none. */
static inline int lt_race_turns(const char *text)
{
    int turns = atoi(text);
    if (turns >= 1 && turns <= LT_RACE_TURNS_MAX)
        return turns;
    fprintf(stderr, "turns: 1 to %d\n", LT_RACE_TURNS_MAX);
    exit(2);
}

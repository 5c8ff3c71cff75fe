/*
 * How well two graders agree who give ranks 0 to k-1 to the same things. Quadratic weighted kappa: J. Cohen, "Weighted kappa", Psychological
 * Bulletin 70 (1968), with the square of the distance as weight. Any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct lt_agreement {
    size_t n;
    double exact, adjacent;            /* parts of n: the same rank; at most one apart. NAN when n is 0 */
    double kappa;                      /* 1 = always the same, 0 = as by chance; NAN when chance alone would agree always (or n is 0) */
};

/* a, b: n ranks each, all below k. */
struct lt_agreement lt_agreement_of(const size_t *a, const size_t *b, size_t n, size_t k);

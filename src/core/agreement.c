/* Agreement of two graders. */
#include "core/agreement.h"

#include <math.h>

static double square(size_t a, size_t b)
{
    double d = (double)a - (double)b;
    return d * d;
}

static size_t count(const size_t *ranks, size_t n, size_t rank)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += ranks[i] == rank;
    return found;
}

/* 1 − Σ w·observed / Σ w·expected; the weights' common divisor cancels out. */
static double kappa_of(const size_t *a, const size_t *b, size_t n, size_t k)
{
    double observed = 0, expected = 0;
    for (size_t i = 0; i < n; i++)
        observed += square(a[i], b[i]);
    for (size_t x = 0; x < k; x++)
        for (size_t y = 0; y < k; y++)
            expected += square(x, y) * (double)count(a, n, x) * (double)count(b, n, y) / (double)n;
    return expected > 0 ? 1 - observed / expected : (double)NAN;
}

struct lt_agreement lt_agreement_of(const size_t *a, const size_t *b, size_t n, size_t k)
{
    size_t exact = 0, adjacent = 0;
    if (n == 0)
        return (struct lt_agreement){0, (double)NAN, (double)NAN, (double)NAN};
    for (size_t i = 0; i < n; i++) {
        exact += a[i] == b[i];
        adjacent += square(a[i], b[i]) <= 1;
    }
    return (struct lt_agreement){n, (double)exact / (double)n, (double)adjacent / (double)n, kappa_of(a, b, n, k)};
}

/* Agreement of two graders, against values reckoned by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/uuid.h"
#include "core/agreement.h"

static void assert_near(double a, double b)
{
    if (fabs(a - b) > 1e-9)
        fail_msg("%.12f, expected %.12f", a, b);
}

static void the_figures_are_those_of_the_definition(void **state)
{
    static const struct {
        size_t a[4], b[4], n, k;
        double exact, adjacent, kappa;
    } cases[] = {
        {{0, 1, 2, 0}, {0, 1, 2, 0}, 4, 3, 1, 1, 1},
        {{0, 0, 1, 1}, {0, 1, 0, 1}, 4, 2, 0.5, 1, 0},
        {{0, 0, 1, 1}, {1, 1, 0, 0}, 4, 2, 0, 1, -1},
        /* observed 2; expected (2·1 + 2·2·4 + 1 + 2 + 4 + 1) / 4 = 26 / 4, over all pairs of a 0,0,1,2 and b 0,1,2,2 */
        {{0, 0, 1, 2}, {0, 1, 2, 2}, 4, 3, 0.5, 1, 1 - 2.0 / 6.5},
        {{0, 2, 0, 2}, {2, 2, 0, 2}, 4, 3, 0.75, 0.75, 0.5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lt_agreement a = lt_agreement_of(cases[i].a, cases[i].b, cases[i].n, cases[i].k);
        assert_near(a.exact, cases[i].exact);
        assert_near(a.adjacent, cases[i].adjacent);
        assert_near(a.kappa, cases[i].kappa);
    }
}

static void nothing_is_said_where_nothing_can_be(void **state)
{
    static const size_t same[] = {1, 1, 1};
    assert_true(isnan(lt_agreement_of(same, same, 0, 2).exact) && isnan(lt_agreement_of(same, same, 0, 2).kappa));
    assert_true(isnan(lt_agreement_of(same, same, 3, 2).kappa)); /* chance would agree as well */
    assert_near(lt_agreement_of(same, same, 3, 2).exact, 1);
}

static void it_does_not_matter_who_is_first_and_never_passes_one(void **state)
{
    unsigned seed = (unsigned)lt_uuid_new().b[15] + 1;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 500; round++) {
        size_t a[30], b[30], k = 2 + (size_t)rand() % 5, n = 1 + (size_t)rand() % 30;
        for (size_t i = 0; i < n; i++) {
            a[i] = (size_t)rand() % k;
            b[i] = (size_t)rand() % k;
        }
        struct lt_agreement x = lt_agreement_of(a, b, n, k), y = lt_agreement_of(b, a, n, k);
        assert_true(x.exact <= x.adjacent && x.adjacent <= 1);
        if (!isnan(x.kappa)) {
            assert_near(x.kappa, y.kappa);
            assert_true(x.kappa <= 1 + 1e-9 && x.kappa >= -1 - 1e-9);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_figures_are_those_of_the_definition),
        cmocka_unit_test(nothing_is_said_where_nothing_can_be),
        cmocka_unit_test(it_does_not_matter_who_is_first_and_never_passes_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How many calls run at once: counted exactly, whoever asks, refused at once when there are too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/admission.h"

static void test_the_process_has_room_for_so_many(void **state)
{
    struct lt_admission a;
    struct lt_error err;
    lt_admission_init(&a, 3);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(lt_admission_check(&a, &err), LT_OK);
            assert_int_equal(lt_admission_enter(&a, &err), LT_OK);
        }
        assert_int_equal(lt_admission_check(&a, &err), LT_EOVERLOADED);
        err = (struct lt_error){0};
        assert_int_equal(lt_admission_enter(&a, &err), LT_EOVERLOADED);
        assert_true(err.retry_after_s > 0);
        for (int i = 0; i < 3; i++)
            lt_admission_leave(&a);
    }
    assert_int_equal(atomic_load(&a.shed), 4);
    lt_admission_destroy(&a);
    lt_admission_init(&a, 0);
    assert_int_equal(a.max, LT_ADMISSION_DEFAULT);
    lt_admission_destroy(&a);
}

/* Sites 1 and 257 share a bucket; a limit of 0 is none; a limit that is lowered counts for the next call. */
static void test_each_site_has_its_own_room(void **state)
{
    struct lt_site sites[] = {{.id = 1, .max_running_calls = 2}, {.id = 1 + LT_ADMISSION_BUCKETS, .max_running_calls = 1}, {.id = 2}};
    struct lt_site_load *loads[100], *none;
    struct lt_admission a;
    struct lt_error err;
    lt_admission_init(&a, 0);
    assert_int_equal(lt_admission_enter_site(&a, &sites[0], &loads[0], &err), LT_OK);
    assert_int_equal(lt_admission_enter_site(&a, &sites[0], &loads[1], &err), LT_OK);
    assert_int_equal(lt_admission_enter_site(&a, &sites[0], &none, &err), LT_ESITE_BUSY);
    assert_true(err.retry_after_s > 0);
    assert_null(none);
    assert_int_equal(lt_admission_enter_site(&a, &sites[1], &loads[2], &err), LT_OK);
    assert_int_equal(lt_admission_enter_site(&a, &sites[1], &none, &err), LT_ESITE_BUSY);
    sites[0].max_running_calls = 1;
    lt_admission_leave_site(loads[1]);
    assert_int_equal(lt_admission_enter_site(&a, &sites[0], &none, &err), LT_ESITE_BUSY);
    lt_admission_leave_site(loads[0]);
    assert_int_equal(lt_admission_enter_site(&a, &sites[0], &loads[0], &err), LT_OK);
    for (int i = 3; i < 100; i++)
        assert_int_equal(lt_admission_enter_site(&a, &sites[2], &loads[i], &err), LT_OK);
    lt_admission_destroy(&a);
}

/* ---- many threads ---- */

enum { THREADS = 4, ROUNDS = 20000, SITES = 600 /* more than buckets */, ROOM = 2 };

static struct {
    struct lt_admission admission;
    struct lt_site sites[SITES];
    unsigned seed;
    atomic_int inside[SITES], wrong, admitted;
} crowd;

static void *call(void *arg)
{
    unsigned seed = crowd.seed + (unsigned)(uintptr_t)arg;
    struct lt_site_load *load;
    for (int i = 0; i < ROUNDS; i++) {
        int s = (int)(rand_r(&seed) % (i % 2 ? SITES : 3)); /* every other one at three sites, so that they are crowded */
        if (lt_admission_enter_site(&crowd.admission, &crowd.sites[s], &load, NULL))
            continue;
        atomic_fetch_add(&crowd.admitted, 1);
        if (atomic_fetch_add(&crowd.inside[s], 1) >= ROOM || load->site_id != crowd.sites[s].id)
            atomic_fetch_add(&crowd.wrong, 1);
        atomic_fetch_sub(&crowd.inside[s], 1);
        lt_admission_leave_site(load);
    }
    return NULL;
}

static void test_threads_never_exceed_a_site_s_room_and_give_all_of_it_back(void **state)
{
    pthread_t threads[THREADS];
    struct lt_site_load *load;
    crowd.seed = (unsigned)time(NULL);
    print_message("seed %u\n", crowd.seed);
    lt_admission_init(&crowd.admission, 0);
    for (int i = 0; i < SITES; i++)
        crowd.sites[i] = (struct lt_site){.id = i, .max_running_calls = ROOM};
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, call, (void *)i);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.wrong, 0);
    assert_true(crowd.admitted > 0);
    for (int i = 0; i < SITES; i++)
        for (int k = 0; k <= ROOM; k++)
            assert_int_equal(lt_admission_enter_site(&crowd.admission, &crowd.sites[i], &load, NULL), k < ROOM ? LT_OK : LT_ESITE_BUSY);
    lt_admission_destroy(&crowd.admission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_process_has_room_for_so_many),
        cmocka_unit_test(test_each_site_has_its_own_room),
        cmocka_unit_test(test_threads_never_exceed_a_site_s_room_and_give_all_of_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Connections of a process, counted together and by address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/http_limits.h"

static struct sockaddr_storage peer(const char *text)
{
    struct sockaddr_storage a = {0};
    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) == 1)
        a.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) == 1)
        a.ss_family = AF_INET6;
    return a;
}

static const char *enter(struct lt_http_limits *l, const char *from, struct lt_http_guest **ret)
{
    struct sockaddr_storage a = peer(from);
    enum lt_http_closed why;
    const char *said = lt_http_limits_enter(l, (struct sockaddr *)&a, ret, &why);
    if (said)
        assert_string_equal(lt_http_closed_name(why), strstr(said, "address") ? "too_many_of_address" : "too_many");
    return said;
}

static uint64_t connections(struct lt_http_limits *l)
{
    uint64_t n, refused;
    lt_http_limits_counts(l, &n, &refused);
    return n;
}

/* One row: connections from these addresses, in order; which of them are refused. */
static void test_who_is_counted_with_whom(void **state)
{
    static const struct {
        const char *from[5];
        bool refused[5];
    } table[] = {
        {{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, {0, 0, 1, 0}},
        {{"192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1"}, {0, 0, 1}},
        {{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3", "2001:db8:0:2::1"}, {0, 0, 1, 0}},
        {{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"}, {0}},
        {{"127.0.0.2", "127.0.0.2", "127.0.0.2"}, {0, 0, 1}},
        {{"::1", "::1", "::1", "::ffff:127.0.0.1"}, {0}},
        {{"10.1.0.0", "10.1.0.0", "10.1.0.0", "10.1.255.255"}, {0}},
        {{"10.2.0.0", "10.2.0.0", "10.2.0.0"}, {0, 0, 1}},
        {{"2001:db8:5::1", "2001:db8:5::1", "2001:db8:5::1"}, {0}},
    };
    struct lt_network trusted[2];
    size_t n;
    assert_int_equal(lt_networks_parse(LT_STR("10.1.0.0/16, 2001:db8:5::/48"), trusted, 2, &n, NULL), LT_OK);
    struct lt_http_limits *l = lt_http_limits_new(&(struct lt_http_limits_options){.per_address = 2, .trusted = trusted, .trusted_n = n});
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        struct lt_http_guest *guests[5];
        const char *why[5];
        for (int k = 0; k < 5 && table[i].from[k]; k++) {
            why[k] = enter(l, table[i].from[k], &guests[k]);
            if ((why[k] != NULL) != table[i].refused[k])
                fail_msg("row %zu, connection %d from %s: %s", i, k, table[i].from[k], why[k] ? why[k] : "taken");
            assert_true(!why[k] || strstr(why[k], "this address"));
        }
        for (int k = 0; k < 5 && table[i].from[k]; k++)
            if (!why[k])
                lt_http_limits_leave(l, guests[k]);
        assert_int_equal(connections(l), 0);
    }
    lt_http_limits_free(l);
}

static void test_the_process_has_a_limit_for_all(void **state)
{
    struct lt_http_limits *l = lt_http_limits_new(&(struct lt_http_limits_options){.connections = 3, .per_address = 2});
    struct lt_http_guest *g[3], *none;
    assert_null(enter(l, "127.0.0.1", &g[0]));
    assert_null(enter(l, "127.0.0.1", &g[1]));
    assert_null(enter(l, "192.0.2.1", &g[2]));
    assert_string_equal(enter(l, "127.0.0.1", &none), "too many connections");
    assert_string_equal(enter(l, "192.0.2.1", &none), "too many connections");
    assert_null(none);
    lt_http_limits_leave(l, g[0]);
    assert_null(enter(l, "192.0.2.1", &g[0]));
    lt_http_limits_leave(l, g[1]);
    assert_non_null(strstr(enter(l, "192.0.2.1", &none), "this address"));
    assert_int_equal(connections(l), 2); /* one that is refused for its address takes no place of the process */
    lt_http_limits_leave(l, g[0]);
    lt_http_limits_leave(l, g[2]);
    lt_http_limits_free(l);
}

/* ---- many threads ---- */

enum { THREADS = 4, ROUNDS = 20000, ADDRESSES = 7, HELD = 8, PER_ADDRESS = 5, CONNECTIONS = 20 };

static struct {
    struct lt_http_limits *limits;
    unsigned seed;
    atomic_int inside, inside_of[ADDRESSES], too_many;
} crowd;

static void *visit(void *arg)
{
    unsigned seed = crowd.seed + (unsigned)(uintptr_t)arg;
    struct lt_http_guest *guests[HELD];
    int from[HELD], n = 0;
    for (int i = 0; i < ROUNDS || n > 0; i++) {
        if (i < ROUNDS && n < HELD && rand_r(&seed) % 2) {
            char text[32];
            from[n] = (int)(rand_r(&seed) % ADDRESSES);
            snprintf(text, sizeof(text), "192.0.2.%d", from[n]);
            if (enter(crowd.limits, text, &guests[n]))
                continue;
            if (atomic_fetch_add(&crowd.inside, 1) >= CONNECTIONS || atomic_fetch_add(&crowd.inside_of[from[n]], 1) >= PER_ADDRESS)
                atomic_fetch_add(&crowd.too_many, 1);
            n++;
        } else if (n > 0) {
            n--;
            atomic_fetch_sub(&crowd.inside, 1);
            atomic_fetch_sub(&crowd.inside_of[from[n]], 1);
            lt_http_limits_leave(crowd.limits, guests[n]);
        }
    }
    return NULL;
}

static void test_threads_never_exceed_a_limit_and_leave_nothing_behind(void **state)
{
    pthread_t threads[THREADS];
    crowd.seed = (unsigned)time(NULL);
    print_message("seed %u\n", crowd.seed);
    crowd.limits = lt_http_limits_new(&(struct lt_http_limits_options){.connections = CONNECTIONS, .per_address = PER_ADDRESS});
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, visit, (void *)i);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.too_many, 0);
    assert_int_equal(connections(crowd.limits), 0);
    lt_http_limits_free(crowd.limits); /* addresses that are left in the table would be a leak */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_counted_with_whom),
        cmocka_unit_test(test_the_process_has_a_limit_for_all),
        cmocka_unit_test(test_threads_never_exceed_a_limit_and_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Failed attempts to sign in: which address may fail how often, who is known all the same, and that the table does not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/sign_in.h"

enum { NOW = 1000000, FAILURES = 20, PAUSE_S = 3 };

static struct lt_sign_ins *fresh(int failures)
{
    return lt_sign_ins_new(&(struct lt_sign_ins_options){failures, PAUSE_S});
}

static struct lt_ip ip_of(const char *text)
{
    struct lt_ip ip;
    assert_true(lt_ip_parse(lt_str(text), &ip));
    return ip;
}

static void fail_times(struct lt_sign_ins *s, const char *address, int times, uint64_t now)
{
    struct lt_ip ip = ip_of(address);
    for (int i = 0; i < times; i++)
        lt_sign_ins_failed(s, &ip, now);
}

static int wait_of(struct lt_sign_ins *s, const char *address, uint64_t now)
{
    struct lt_ip ip = ip_of(address);
    return lt_sign_ins_wait(s, &ip, now);
}

static void twenty_at_once_then_one_every_three_seconds(void **state)
{
    struct lt_sign_ins *s = fresh(FAILURES);
    struct lt_ip ip = ip_of("192.0.2.1");
    for (int i = 0; i < FAILURES; i++) {
        assert_int_equal(lt_sign_ins_wait(s, &ip, NOW), 0);
        assert_int_equal(lt_sign_ins_failed(s, &ip, NOW), i == FAILURES - 1); /* the log is told once */
    }
    uint64_t now = NOW;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(lt_sign_ins_wait(s, &ip, now), PAUSE_S);
        assert_int_equal(lt_sign_ins_wait(s, &ip, now + 1), PAUSE_S); /* of a part of a second the whole */
        assert_int_equal(lt_sign_ins_wait(s, &ip, now + 2001), 1);
        now += 3000;
        assert_int_equal(lt_sign_ins_wait(s, &ip, now), 0);
        assert_false(lt_sign_ins_failed(s, &ip, now));
    }
    assert_int_equal(lt_sign_ins_wait(s, &ip, now + FAILURES * 3000), 0);
    for (int i = 0; i < FAILURES; i++) /* all is forgotten: it begins anew */
        assert_int_equal(lt_sign_ins_failed(s, &ip, now + FAILURES * 3000), i == FAILURES - 1);
    lt_sign_ins_free(s);
}

/* However many fail at once on several loops, nobody is shut out for longer than all of them take. */
static void a_flood_is_over_when_the_pauses_are(void **state)
{
    struct lt_sign_ins *s = fresh(FAILURES);
    fail_times(s, "192.0.2.1", 100000, NOW);
    assert_int_equal(wait_of(s, "192.0.2.1", NOW), PAUSE_S);
    assert_int_equal(wait_of(s, "192.0.2.1", NOW + 3000), 0);
    lt_sign_ins_free(s);
}

static void what_is_one_address(void **state)
{
    static const struct {
        const char *failed, *asked;
        bool same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"2001:db8:1:2::1", "192.0.2.1", false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_sign_ins *s = fresh(FAILURES);
        fail_times(s, cases[i].failed, FAILURES, NOW);
        assert_int_equal(wait_of(s, cases[i].asked, NOW) > 0, cases[i].same);
        lt_sign_ins_free(s);
    }
}

static void with_0_there_is_no_limit(void **state)
{
    struct lt_sign_ins *s = fresh(0);
    uint64_t failed, refused;
    fail_times(s, "192.0.2.1", 1000, NOW);
    assert_int_equal(wait_of(s, "192.0.2.1", NOW), 0);
    lt_sign_ins_counts(s, &failed, &refused);
    assert_true(failed == 1000 && refused == 0);
    lt_sign_ins_free(s);
}

/* A million addresses fail: what is kept stays as large as it was, and whoever failed most lately is still held up. */
static void many_addresses_take_each_others_place(void **state)
{
    struct lt_sign_ins *s = fresh(1);
    char text[LT_IP_TEXT];
    for (int i = 0; i < 1000000; i++) {
        snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        fail_times(s, text, 1, NOW + (uint64_t)i / 1000);
        assert_int_equal(wait_of(s, text, NOW + (uint64_t)i / 1000), PAUSE_S);
    }
    lt_sign_ins_free(s);
}

static void whoever_signed_in_well_is_known_there_and_under_that_name_alone(void **state)
{
    struct lt_sign_ins *s = fresh(FAILURES);
    struct lt_ip here = ip_of("192.0.2.1"), there = ip_of("192.0.2.2");
    struct lt_str iss = LT_STR("lms"), aud = LT_STR("lectern"), anna = LT_STR("anna");
    uint64_t who = lt_sign_ins_who(s, &here, iss, aud, anna);
    assert_false(lt_sign_ins_known(s, who));
    lt_sign_ins_keep(s, who);
    assert_true(lt_sign_ins_known(s, who));
    const uint64_t others[] = {lt_sign_ins_who(s, &there, iss, aud, anna), lt_sign_ins_who(s, &here, aud, iss, anna),
                               lt_sign_ins_who(s, &here, iss, aud, LT_STR("ann")), lt_sign_ins_who(s, &here, LT_STR("lm"), LT_STR("slectern"), anna),
                               lt_sign_ins_who(s, &here, iss, LT_STR("lecterna"), LT_STR("nna"))};
    for (size_t i = 0; i < LT_COUNT(others); i++)
        assert_false(lt_sign_ins_known(s, others[i]));
    lt_sign_ins_forget(s, others[0]);
    assert_true(lt_sign_ins_known(s, who));
    lt_sign_ins_forget(s, who);
    assert_false(lt_sign_ins_known(s, who));
    lt_sign_ins_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_at_once_then_one_every_three_seconds),
        cmocka_unit_test(a_flood_is_over_when_the_pauses_are),
        cmocka_unit_test(what_is_one_address),
        cmocka_unit_test(with_0_there_is_no_limit),
        cmocka_unit_test(many_addresses_take_each_others_place),
        cmocka_unit_test(whoever_signed_in_well_is_known_there_and_under_that_name_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

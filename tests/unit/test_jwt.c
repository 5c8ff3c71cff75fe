/* Tokens: what is let in, and every known way to cheat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"
#include "io/jwt.h"

enum { NOW = 1800000000 };

static const struct lt_jwt_key key = {.alg = "HS256", .secret = {"0123456789abcdef0123456789abcdef", 32}};
static struct lt_arena *arena;

static int setup(void **state)
{
    arena = lt_arena_new();
    lt_clock_freeze(NOW * INT64_C(1000));
    return 0;
}

static int teardown(void **state)
{
    lt_clock_freeze(0);
    lt_arena_free(arena);
    return 0;
}

/* A token with any header and claims and a right HS256 signature over them. */
static struct lt_str forge(const char *header, const char *claims, struct lt_str secret)
{
    struct lt_str h = lt_base64url(arena, header, strlen(header)), c = lt_base64url(arena, claims, strlen(claims));
    struct lt_str body = lt_printf(arena, "%.*s.%.*s", LT_FMT(h), LT_FMT(c));
    uint8_t mac[32];
    lt_hmac_sha256(secret.p, secret.n, body.p, body.n, mac);
    struct lt_str s = lt_base64url(arena, mac, sizeof(mac));
    return lt_printf(arena, "%.*s.%.*s", LT_FMT(body), LT_FMT(s));
}

static enum lt_code verify(struct lt_str token, struct lt_error *err)
{
    const struct lt_json *claims;
    *err = (struct lt_error){.code = LT_OK};
    return lt_jwt_verify(arena, token, &key, &claims, err);
}

static void test_what_we_sign_we_verify(void **state)
{
    const struct lt_json *header, *claims;
    struct lt_error err;
    struct lt_str token;
    assert_int_equal(lt_jwt_sign(arena, LT_STR("{\"iss\":\"lms\",\"sub\":\"u1\",\"exp\":1800000060}"), &key, &token, &err),
                     LT_OK);
    assert_int_equal(lt_jwt_verify(arena, token, &key, &claims, &err), LT_OK);
    assert_true(lt_str_is(lt_json_str(lt_json_get(claims, "sub")), "u1"));
    assert_int_equal(lt_jwt_peek(arena, token, &header, &claims, &err), LT_OK);
    assert_true(lt_str_is(lt_json_str(lt_json_get(header, "alg")), "HS256"));
    assert_true(lt_str_is(lt_json_str(lt_json_get(claims, "iss")), "lms"));
    struct lt_jwt_key other = key;
    other.secret = LT_STR("another secret, also long enough");
    assert_int_equal(lt_jwt_verify(arena, token, &other, &claims, &err), LT_EUNAUTHENTICATED);
    assert_non_null(strstr(err.detail, "signature"));
}

/* RFC 7515 §A.1 is a token made by others. Its exp is of 2011. */
static void test_rfc_7515_example(void **state)
{
    static const uint8_t secret[] = {3,   35,  53, 75,  43,  15, 165, 188, 131, 126, 6,   101, 119, 123, 166, 143,
                                     90,  179, 40, 230, 240, 84, 201, 40,  169, 15,  132, 178, 210, 80,  46,  191,
                                     211, 251, 90, 146, 210, 6,  71,  239, 150, 138, 180, 195, 119, 98,  61,  34,
                                     61,  46,  33, 114, 5,   46, 79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
    struct lt_str token =
        LT_STR("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
               "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    struct lt_jwt_key rfc = {.alg = "HS256", .secret = {(const char *)secret, sizeof(secret)}};
    const struct lt_json *claims;
    struct lt_error err;
    lt_clock_freeze(INT64_C(1300819300) * 1000);
    assert_int_equal(lt_jwt_verify(arena, token, &rfc, &claims, &err), LT_OK);
    lt_clock_freeze(INT64_C(1300819500) * 1000);
    assert_int_equal(lt_jwt_verify(arena, token, &rfc, &claims, &err), LT_EUNAUTHENTICATED);
}

#define HS "{\"alg\":\"HS256\"}"
#define GOOD "{\"exp\":1800000060}"

static void test_attacks(void **state)
{
    static const struct {
        const char *header, *claims, *why; /* why NULL: let in */
    } cases[] = {
        {HS, GOOD, NULL},
        {"{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"1\"}", GOOD, NULL},
        {"{\"alg\":\"none\"}", GOOD, "alg"},
        {"{\"alg\":\"None\"}", GOOD, "alg"},
        {"{\"alg\":\"hs256\"}", GOOD, "alg"},
        {"{\"alg\":\"HS512\"}", GOOD, "alg"},
        {"{\"alg\":\"RS256\"}", GOOD, "alg"},
        {"{\"alg\":[\"HS256\"]}", GOOD, "alg"},
        {"{}", GOOD, "alg"},
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", GOOD, "crit"},
        {"{\"alg\":\"HS256\",\"crit\":null}", GOOD, "crit"},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", GOOD, "header is not valid JSON"},
        {"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", GOOD, "header is not valid JSON"},
        {"{\"alg\":\"HS256\"} x", GOOD, "header is not valid JSON"},
        {"[\"alg\"]", GOOD, "header is not an object"},
        {HS, "{\"exp\":1800000060,\"exp\":9}", "claims is not valid JSON"},
        {HS, "{\"exp\":01800000060}", "claims is not valid JSON"},
        {HS, "1800000060", "claims is not an object"},
        {HS, "{}", "exp is missing"},
        {HS, "{\"exp\":\"1800000060\"}", "exp is not a number"},
        {HS, "{\"exp\":null}", "exp is not a number"},
        {HS, "{\"exp\":true}", "exp is not a number"},
        {HS, "{\"exp\":1799999971}", NULL},          /* 29 s ago: within the leeway */
        {HS, "{\"exp\":1799999970}", "expired"},     /* 30 s ago */
        {HS, "{\"exp\":1799999970.5}", NULL},
        {HS, "{\"exp\":0}", "expired"},
        {HS, "{\"exp\":-1}", "expired"},
        {HS, "{\"exp\":1800000060,\"nbf\":1800000030}", NULL},
        {HS, "{\"exp\":1800000060,\"nbf\":1800000031}", "not yet valid"},
        {HS, "{\"exp\":1800000060,\"nbf\":\"1\"}", "nbf is not a number"},
        {HS, "{\"exp\":1800000060,\"iat\":1800000030}", NULL},
        {HS, "{\"exp\":1800000060,\"iat\":1800000031}", "issued in the future"},
        {HS, "{\"exp\":1800000060,\"iat\":{}}", "iat is not a number"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_error err;
        enum lt_code rc = verify(forge(cases[i].header, cases[i].claims, key.secret), &err);
        if (!cases[i].why && rc != LT_OK)
            fail_msg("case %zu: %s", i, err.detail);
        if (cases[i].why && (rc != LT_EUNAUTHENTICATED || !strstr(err.detail, cases[i].why)))
            fail_msg("case %zu: %s, \"%s\", want \"%s\"", i, lt_code_name(rc), err.detail, cases[i].why);
    }
}

static void test_malformed_tokens(void **state)
{
    struct lt_error err;
    struct lt_str good = forge(HS, GOOD, key.secret), unsigned_ = good;
    while (unsigned_.p[unsigned_.n - 1] != '.')
        unsigned_.n--;
    const struct lt_str cases[] = {
        LT_STR_NULL,
        LT_STR("abc"),
        LT_STR("a.b"),
        LT_STR(".."),
        LT_STR("a..b"),
        unsigned_,
        {good.p, unsigned_.n - 1},
        lt_printf(arena, "%.*s.x", LT_FMT(good)),
        lt_printf(arena, "%.*s=", LT_FMT(good)),
        lt_printf(arena, " %.*s", LT_FMT(good)),
        lt_printf(arena, "%.*s\n", LT_FMT(good)),
        {good.p, good.n - 1},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        if (verify(cases[i], &err) != LT_EUNAUTHENTICATED)
            fail_msg("case %zu let in", i);
}

/* Not one changed character is let in. */
static void test_tampering(void **state)
{
    struct lt_error err;
    struct lt_str good = forge(HS, GOOD, key.secret);
    char *bad = lt_strz(arena, good);
    for (size_t i = 0; i < good.n; i++) {
        char was = bad[i];
        if (was == '.')
            continue;
        for (const char *c = "AQgw9_-"; *c; c++) {
            if (*c == was)
                continue;
            bad[i] = *c;
            assert_int_equal(verify((struct lt_str){bad, good.n}, &err), LT_EUNAUTHENTICATED);
        }
        bad[i] = was;
    }
    assert_int_equal(verify((struct lt_str){bad, good.n}, &err), LT_OK);
}

static void test_the_size_limit(void **state)
{
    struct lt_error err;
    for (size_t pad = 5900; pad < 6200; pad++) {
        char *x = lt_alloc(arena, pad + 1);
        memset(x, 'x', pad);
        x[pad] = '\0';
        struct lt_str token = forge(HS, lt_printf(arena, "{\"exp\":1800000060,\"x\":\"%s\"}", x).p, key.secret);
        enum lt_code rc = verify(token, &err);
        if (rc != (token.n <= 8192 ? LT_OK : LT_EUNAUTHENTICATED))
            fail_msg("%zu bytes: %s", token.n, err.detail);
    }
}

static void test_unusable_keys(void **state)
{
    const struct lt_json *claims;
    struct lt_error err;
    struct lt_str token = forge(HS, GOOD, LT_STR("short"));
    struct lt_jwt_key weak = {.alg = "HS256", .secret = LT_STR("short")}, other = {.alg = "RS256", .secret = key.secret};
    assert_int_equal(lt_jwt_verify(arena, token, &weak, &claims, &err), LT_ECONFIG);
    assert_int_equal(lt_jwt_sign(arena, LT_STR(GOOD), &weak, &token, &err), LT_ECONFIG);
    assert_int_equal(lt_jwt_sign(arena, LT_STR(GOOD), &other, &token, &err), LT_ECONFIG);
    assert_int_equal(lt_jwt_verify(arena, forge("{\"alg\":\"RS256\"}", GOOD, key.secret), &other, &claims, &err), LT_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_we_sign_we_verify, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rfc_7515_example, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tampering, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_size_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unusable_keys, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

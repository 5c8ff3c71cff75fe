/* Tokens: what is let in, and every known way to cheat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

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

/* As a request's token is checked: what it says, its key and times, its signature. */
static enum lt_code verify_by(struct lt_arena *in, struct lt_str token, const struct lt_jwt_key *by, const struct lt_json **ret_claims,
                              struct lt_error *err)
{
    const struct lt_json *header;
    struct lt_str kid;
    if (lt_jwt_peek(in, token, &header, ret_claims, err) || lt_jwt_check(header, *ret_claims, by->alg, &kid, err))
        return err->code;
    return lt_jwt_check_signature(in, token, by, kid, err);
}

static enum lt_code verify(struct lt_str token, struct lt_error *err)
{
    const struct lt_json *claims;
    *err = (struct lt_error){.code = LT_OK};
    return verify_by(arena, token, &key, &claims, err);
}

static void test_what_we_sign_we_verify(void **state)
{
    const struct lt_json *header, *claims;
    struct lt_error err;
    struct lt_str token;
    assert_int_equal(lt_jwt_sign(arena, LT_STR("{\"iss\":\"lms\",\"sub\":\"u1\",\"exp\":1800000060}"), &key, &token, &err),
                     LT_OK);
    assert_int_equal(verify_by(arena, token, &key, &claims, &err), LT_OK);
    assert_true(lt_str_is(lt_json_str(lt_json_get(claims, "sub")), "u1"));
    assert_int_equal(lt_jwt_peek(arena, token, &header, &claims, &err), LT_OK);
    assert_true(lt_str_is(lt_json_str(lt_json_get(header, "alg")), "HS256"));
    assert_true(lt_str_is(lt_json_str(lt_json_get(claims, "iss")), "lms"));
    struct lt_jwt_key other = key;
    other.secret = LT_STR("another secret, also long enough");
    assert_int_equal(verify_by(arena, token, &other, &claims, &err), LT_EUNAUTHENTICATED);
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
    assert_int_equal(verify_by(arena, token, &rfc, &claims, &err), LT_OK);
    lt_clock_freeze(INT64_C(1300819500) * 1000);
    assert_int_equal(verify_by(arena, token, &rfc, &claims, &err), LT_EUNAUTHENTICATED);
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
        {HS, "{\"exp\":1e3}", "expired"},
        {HS, "{\"exp\":18e8}", NULL},
        {HS, "{\"exp\":253402300799}", NULL},      /* the end of the year 9999 */
        {HS, "{\"exp\":253402300800}", "exp is not a number"},
        {HS, "{\"exp\":1e308}", "exp is not a number"},
        {HS, "{\"exp\":1e999}", "claims is not valid JSON"},
        {HS, "{\"exp\":9999999999999999999999999999}", "exp is not a number"},
        {HS, "{\"exp\":NaN}", "claims is not valid JSON"},
        {HS, "{\"exp\":Infinity}", "claims is not valid JSON"},
        {HS, "{\"exp\":-1e308}", "expired"},
        {HS, "{\"exp\":[1800000060]}", "exp is not a number"},
        {HS, "{\"exp\":1800000060,\"sub\":\"\xff\"}", "claims is not valid JSON"},
        {HS, "{\"exp\":1800000060,\"sub\":\"\xc0\x80\"}", "claims is not valid JSON"},
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
    assert_int_equal(verify_by(arena, token, &weak, &claims, &err), LT_ECONFIG);
    assert_int_equal(lt_jwt_sign(arena, LT_STR(GOOD), &weak, &token, &err), LT_ECONFIG);
    assert_int_equal(lt_jwt_sign(arena, LT_STR(GOOD), &other, &token, &err), LT_ECONFIG);
    assert_int_equal(verify_by(arena, forge("{\"alg\":\"RS256\"}", GOOD, key.secret), &other, &claims, &err), LT_ECONFIG);
}

/* ---- public keys: made and used by OpenSSL here, so that none of it is ours or libcjose's ---- */

static EVP_PKEY *rsa, *rsa2, *ec, *ec2;

static int make_keys(void **state)
{
    rsa = EVP_RSA_gen(2048);
    rsa2 = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    ec2 = EVP_EC_gen("P-256");
    return rsa && rsa2 && ec && ec2 ? 0 : -1;
}

static int free_keys(void **state)
{
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa2);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec2);
    return 0;
}

static struct lt_str pem_of(EVP_PKEY *pkey)
{
    char *p;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    size_t n = (size_t)BIO_get_mem_data(bio, &p);
    struct lt_str text = lt_str_copy(arena, (struct lt_str){p, n});
    BIO_free(bio);
    return text;
}

/* A set of the keys; a NULL name is left out. */
static const struct lt_jwks *set_of(size_t n, EVP_PKEY *const *keys, const char *const *kids)
{
    struct lt_jwks *set = lt_zalloc(arena, sizeof(*set) + n * sizeof(set->keys[0]));
    for (size_t i = 0; i < n; i++) {
        const struct lt_jwks *one;
        struct lt_error err;
        assert_int_equal(lt_jwks_of_pem(arena, pem_of(keys[i]), &one, &err), LT_OK);
        set->keys[i] = one->keys[0];
        set->keys[i].kid = lt_str(kids[i]);
    }
    set->n = n;
    return set;
}

/* RFC 7518 §3.4: r and s, 32 bytes each. */
static struct lt_str raw_signature(const unsigned char *der, size_t n)
{
    unsigned char *raw = lt_alloc(arena, 64);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
    ECDSA_SIG_free(sig);
    return (struct lt_str){(const char *)raw, 64};
}

static struct lt_str signature_by(EVP_PKEY *pkey, const EVP_MD *md, struct lt_str body, bool der)
{
    size_t n = 1024;
    unsigned char *sig = lt_alloc(arena, n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, pkey), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &n, (const unsigned char *)body.p, body.n), 1);
    EVP_MD_CTX_free(ctx);
    return EVP_PKEY_is_a(pkey, "EC") && !der ? raw_signature(sig, n) : (struct lt_str){(const char *)sig, n};
}

static struct lt_str body_of(const char *header, const char *claims)
{
    struct lt_str h = lt_base64url(arena, header, strlen(header)), c = lt_base64url(arena, claims, strlen(claims));
    return lt_printf(arena, "%.*s.%.*s", LT_FMT(h), LT_FMT(c));
}

static struct lt_str with_signature(struct lt_str body, struct lt_str signature)
{
    struct lt_str s = lt_base64url(arena, signature.p, signature.n);
    return lt_printf(arena, "%.*s.%.*s", LT_FMT(body), LT_FMT(s));
}

static struct lt_str signed_token(const char *header, const char *claims, EVP_PKEY *pkey, const EVP_MD *md)
{
    struct lt_str body = body_of(header, claims);
    return with_signature(body, signature_by(pkey, md, body, false));
}

/* What an issuer allows, what a token has, and what comes of it. */
static void test_public_keys(void **state)
{
    const EVP_MD *s256 = EVP_sha256(), *s512 = EVP_sha512();
    const struct lt_jwks *one = set_of(1, &rsa, (const char *const[]){"one"}), *unnamed = set_of(1, &rsa, (const char *const[]){NULL}),
                         *several = set_of(4, (EVP_PKEY *const[]){rsa, rsa2, ec, ec2}, (const char *const[]){"r1", "r2", "e1", "e2"}),
                         *curve = set_of(1, &ec, (const char *const[]){"e1"});
    struct lt_jwks *bound = lt_alloc(arena, sizeof(*bound) + sizeof(bound->keys[0]));
    memcpy(bound, one, sizeof(*bound) + sizeof(bound->keys[0]));
    bound->keys[0].alg = LT_STR("RS512"); /* the key says what it is for */
    const struct {
        const char *alg;
        const struct lt_jwks *keys;
        const char *header;
        EVP_PKEY *by;
        const EVP_MD *md;
        const char *why; /* NULL: let in */
    } cases[] = {
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":\"one\"}", rsa, s256, NULL},
        {"RS256", one, "{\"alg\":\"RS256\"}", rsa, s256, NULL},
        {"RS512", one, "{\"alg\":\"RS512\",\"kid\":\"one\"}", rsa, s512, NULL},
        {"ES256", curve, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", ec, s256, NULL},
        {"RS256", unnamed, "{\"alg\":\"RS256\",\"kid\":\"anything\"}", rsa, s256, NULL},
        {"RS256", several, "{\"alg\":\"RS256\",\"kid\":\"r2\"}", rsa2, s256, NULL},
        {"RS256", several, "{\"alg\":\"RS256\"}", rsa2, s256, NULL},
        {"ES256", several, "{\"alg\":\"ES256\"}", ec2, s256, NULL},
        {"RS512", bound, "{\"alg\":\"RS512\"}", rsa, s512, NULL},
        /* another algorithm than the issuer's */
        {"RS256", one, "{\"alg\":\"RS512\"}", rsa, s512, "alg"},
        {"RS512", one, "{\"alg\":\"RS256\"}", rsa, s256, "alg"},
        {"RS256", several, "{\"alg\":\"ES256\"}", ec, s256, "alg"},
        {"ES256", several, "{\"alg\":\"RS256\"}", rsa, s256, "alg"},
        {"HS256", one, "{\"alg\":\"RS256\"}", rsa, s256, "alg"},
        {"RS256", one, "{\"alg\":\"none\"}", rsa, s256, "alg"},
        {"RS256", one, "{\"alg\":\"PS256\"}", rsa, s256, "alg"},
        {"none", one, "{\"alg\":\"none\"}", rsa, s256, "no public key"},
        {"RS256", bound, "{\"alg\":\"RS256\"}", rsa, s256, "kid names no key"},
        {"RS256", curve, "{\"alg\":\"RS256\"}", rsa, s256, "kid names no key"},
        /* another key */
        {"RS256", one, "{\"alg\":\"RS256\"}", rsa2, s256, "signature"},
        {"RS256", several, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", rsa2, s256, "signature"},
        {"ES256", several, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", ec2, s256, "signature"},
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":\"two\"}", rsa, s256, "kid names no key"},
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":\"\"}", rsa, s256, "kid names no key"},
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":\"ONE\"}", rsa, s256, "kid names no key"},
        {"RS256", several, "{\"alg\":\"RS256\",\"kid\":\"e1\"}", rsa, s256, "kid names no key"},
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":1}", rsa, s256, "kid must be a string"},
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":null}", rsa, s256, "kid must be a string"},
        /* another digest than the name says */
        {"RS256", one, "{\"alg\":\"RS256\"}", rsa, s512, "signature"},
        {"ES256", curve, "{\"alg\":\"ES256\"}", ec, s512, "signature"},
        /* the key within the token is nobody's */
        {"RS256", one, "{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\"},\"jku\":\"https://evil.example\"}", rsa2, s256, "signature"},
        {"RS256", one, "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", rsa, s256, "crit"},
        {"RS256", one, "{\"alg\":\"RS256\",\"kid\":\"one\",\"kid\":\"two\"}", rsa, s256, "header is not valid JSON"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_error err = {0};
        const struct lt_json *claims;
        struct lt_jwt_key with = {.alg = cases[i].alg, .secret = key.secret, .keys = cases[i].keys};
        enum lt_code rc = verify_by(arena, signed_token(cases[i].header, GOOD, cases[i].by, cases[i].md), &with, &claims, &err);
        if (!cases[i].why && rc != LT_OK)
            fail_msg("case %zu: %s", i, err.detail);
        if (cases[i].why && (rc == LT_OK || !strstr(err.detail, cases[i].why)))
            fail_msg("case %zu: %s, \"%s\", want \"%s\"", i, lt_code_name(rc), err.detail, cases[i].why);
    }
}

/* The public key taken as a shared secret, in each form in which it can be read. */
static void test_a_public_key_is_no_secret(void **state)
{
    const struct lt_jwks *set = set_of(1, &rsa, (const char *const[]){"one"});
    struct lt_jwt_key with = {.alg = "RS256", .keys = set};
    const struct lt_str forms[] = {pem_of(rsa), lt_str_trim(pem_of(rsa)), lt_jwks_text(arena, set), set->keys[0].a};
    for (size_t i = 0; i < LT_COUNT(forms); i++)
        for (int named = 0; named < 2; named++) {
            const struct lt_json *claims;
            struct lt_error err;
            struct lt_str token = forge(named ? "{\"alg\":\"RS256\",\"kid\":\"one\"}" : HS, GOOD, forms[i]);
            assert_int_equal(verify_by(arena, token, &with, &claims, &err), LT_EUNAUTHENTICATED);
        }
}

static void test_signatures_of_the_wrong_form(void **state)
{
    const struct lt_jwks *curve = set_of(1, &ec, (const char *const[]){NULL}), *modulus = set_of(1, &rsa, (const char *const[]){NULL});
    struct lt_str es = body_of("{\"alg\":\"ES256\"}", GOOD), rs = body_of("{\"alg\":\"RS256\"}", GOOD);
    static const char zeros[256];
    char ones[256];
    memset(ones, 0xff, sizeof(ones));
    struct lt_str good = signature_by(ec, EVP_sha256(), es, false), good_rsa = signature_by(rsa, EVP_sha256(), rs, false);
    char *half = lt_alloc(arena, 64);
    memcpy(half, good.p, 32);
    memset(half + 32, 0, 32);
    char *longer = lt_alloc(arena, 65);
    memcpy(longer, good.p, 64);
    longer[64] = 'x';
    const struct {
        struct lt_str body, signature;
        bool good;
    } cases[] = {
        {es, good, true},
        {rs, good_rsa, true},
        {es, signature_by(ec, EVP_sha256(), es, true), false}, /* DER */
        {es, {zeros, 64}, false},                              /* r = s = 0: CVE-2022-21449 was this */
        {es, {ones, 64}, false},
        {es, {half, 64}, false},
        {es, {good.p, 63}, false},
        {es, {good.p, 32}, false},
        {es, {longer, 65}, false},
        {rs, {zeros, 256}, false},
        {rs, {ones, 256}, false},
        {rs, {good_rsa.p, 255}, false},
        {rs, {good_rsa.p, 1}, false},
        {rs, good, false},
        {es, good_rsa, false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *claims;
        struct lt_error err = {0};
        bool ecdsa = cases[i].body.p == es.p;
        struct lt_jwt_key with = {.alg = ecdsa ? "ES256" : "RS256", .keys = ecdsa ? curve : modulus};
        enum lt_code rc = verify_by(arena, with_signature(cases[i].body, cases[i].signature), &with, &claims, &err);
        if (rc != (cases[i].good ? LT_OK : LT_EUNAUTHENTICATED))
            fail_msg("case %zu: %s %s", i, lt_code_name(rc), err.detail);
    }
}

/* Short r and s are padded: 500 signatures have about four of them. */
static void test_every_es256_signature_is_read(void **state)
{
    const struct lt_jwks *curve = set_of(1, &ec, (const char *const[]){NULL});
    struct lt_jwt_key with = {.alg = "ES256", .keys = curve};
    for (int i = 0; i < 500; i++) {
        const struct lt_json *claims;
        struct lt_error err = {0};
        if (verify_by(arena, signed_token("{\"alg\":\"ES256\"}", GOOD, ec, EVP_sha256()), &with, &claims, &err) != LT_OK)
            fail_msg("signature %d: %s", i, err.detail);
    }
}

/* At most 16 keys are tried with a token that names none. */
static void test_how_many_keys_are_tried(void **state)
{
    EVP_PKEY *keys[18];
    const char *kids[18] = {NULL};
    for (size_t at = 0; at < LT_COUNT(keys); at++) {
        for (size_t i = 0; i < LT_COUNT(keys); i++)
            keys[i] = i == at ? ec : ec2;
        const struct lt_json *claims;
        struct lt_error err;
        struct lt_jwt_key with = {.alg = "ES256", .keys = set_of(LT_COUNT(keys), keys, kids)};
        enum lt_code rc = verify_by(arena, signed_token("{\"alg\":\"ES256\"}", GOOD, ec, EVP_sha256()), &with, &claims, &err);
        assert_int_equal(rc, at < LT_JWKS_TRIED_MAX ? LT_OK : LT_EUNAUTHENTICATED);
    }
}

#define RFC_CLAIMS "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
/* The keys of RFC 7515, also used below. */
#define N256                                                                                                                \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" \
    "YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" \
    "Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA_KEY "\"kty\":\"RSA\",\"n\":\"" N256 "\",\"e\":\"AQAB\""
#define EC_KEY                                                                                                               \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                    \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define SET(keys) "{\"keys\":[" keys "]}"

/* RFC 7515 §A.2 and §A.3, with the keys as they stand there. */
static void test_rfc_7515_examples_with_public_keys(void **state)
{
    static const struct {
        const char *alg, *set, *token;
    } cases[] = {
        {"RS256",
         SET("{" RSA_KEY "}"),
         "eyJhbGciOiJSUzI1NiJ9." RFC_CLAIMS "."
         "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ"
         "jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt"
         "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
        {"ES256",
         SET("{" EC_KEY "}"),
         "eyJhbGciOiJFUzI1NiJ9." RFC_CLAIMS ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    };
    lt_clock_freeze(INT64_C(1300819300) * 1000);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *claims;
        struct lt_error err = {0};
        struct lt_jwt_key with = {.alg = cases[i].alg};
        assert_int_equal(lt_jwks_parse(arena, lt_str(cases[i].set), &with.keys, &err), LT_OK);
        if (verify_by(arena, lt_str(cases[i].token), &with, &claims, &err) != LT_OK)
            fail_msg("%s: %s", cases[i].alg, err.detail);
    }
}

/* ---- key sets ---- */

/* How many keys of a set are taken; -1: the set is refused. */
static void test_what_a_key_set_may_hold(void **state)
{
    static const struct {
        const char *text;
        int taken;
    } cases[] = {
        {SET("{" RSA_KEY "}"), 1},
        {SET("{" EC_KEY "}"), 1},
        {SET("{" RSA_KEY ",\"kid\":\"a\"},{" EC_KEY ",\"kid\":\"b\"}"), 2},
        {SET("{" RSA_KEY ",\"use\":\"sig\",\"alg\":\"RS256\",\"x5t\":\"whatever\"}"), 1},
        {SET("{" RSA_KEY ",\"key_ops\":[\"verify\"]}"), 1},
        {"{\"keys\":[{" RSA_KEY "}],\"more\":{}}", 1},
        /* left out, as RFC 7517 §5 has it; what is left counts */
        {SET("{" RSA_KEY "},{\"kty\":\"oct\",\"k\":\"AAAA\"}"), 1},
        {SET("{" RSA_KEY "},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"), 1},
        {SET("{" RSA_KEY "},{" RSA_KEY ",\"use\":\"enc\"}"), 1},
        {SET("{" RSA_KEY "},{" RSA_KEY ",\"key_ops\":[\"encrypt\"]}"), 1},
        {SET("{" RSA_KEY "},{" RSA_KEY ",\"key_ops\":[]}"), 1},
        {SET("{" RSA_KEY "},{" RSA_KEY ",\"kid\":7}"), 1},
        {SET("{" RSA_KEY "},{" RSA_KEY ",\"kid\":\"a\\nb\"}"), 1},
        {SET("{" RSA_KEY "},7,null,[],\"x\""), 1},
        {SET("{" EC_KEY "},{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}"), 1},
        /* nothing is left */
        {SET(""), -1},
        {SET("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), -1},
        {SET("{" RSA_KEY ",\"use\":\"enc\"}"), -1},
        {SET("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), -1},               /* 17 bits */
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 "\",\"e\":\"AQ\"}"), -1},             /* exponent 1 */
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 "\",\"e\":\"AAAAAQ\"}"), -1},         /* the same, with zeros before it */
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 "\",\"e\":\"AQAA\"}"), -1},           /* even */
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 "\",\"e\":\"" N256 "\"}"), -1},       /* costs too much */
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 "\"}"), -1},
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 "=\",\"e\":\"AQAB\"}"), -1},
        {SET("{\"kty\":\"RSA\",\"n\":\"" N256 N256 N256 N256 N256 "\",\"e\":\"AQAB\"}"), -1},
        {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}"), -1},
        /* no set at all */
        {"{" RSA_KEY "}", -1},
        {"{\"keys\":{}}", -1},
        {"{\"keys\":[{" RSA_KEY "}],\"keys\":[]}", -1},
        {SET("{" RSA_KEY ",\"kty\":\"EC\"}"), -1},
        {"[]", -1},
        {"", -1},
        /* nobody's but the issuer's */
        {SET("{" RSA_KEY "},{" RSA_KEY ",\"d\":\"AQAB\"}"), -1},
        {SET("{" EC_KEY ",\"d\":\"AQAB\"}"), -1},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_jwks *keys = NULL, *again;
        struct lt_error err = {0};
        enum lt_code rc = lt_jwks_parse(arena, lt_str(cases[i].text), &keys, &err);
        if (rc != (cases[i].taken < 0 ? LT_EINVALID_INPUT : LT_OK) || (rc == LT_OK && keys->n != (size_t)cases[i].taken))
            fail_msg("case %zu: %s, %s", i, lt_code_name(rc), err.detail);
        if (rc != LT_OK)
            continue;
        struct lt_str text = lt_jwks_text(arena, keys);
        assert_int_equal(lt_jwks_parse(arena, text, &again, &err), LT_OK);
        assert_true(lt_str_eq(text, lt_jwks_text(arena, again)));
    }
}

static void test_the_limits_of_a_key_set(void **state)
{
    for (int n = 63; n < 67; n++) {
        struct lt_buf b;
        const struct lt_jwks *keys;
        struct lt_error err;
        lt_buf_init(&b, LT_JWKS_TEXT_MAX);
        for (int i = 0; i < n; i++)
            lt_buf_printf(&b, "%s{" EC_KEY "}", i ? "," : "{\"keys\":[");
        lt_buf_put_str(&b, LT_STR("]}"));
        assert_int_equal(lt_jwks_parse(arena, lt_buf_str(&b), &keys, &err), n <= LT_JWKS_KEYS_MAX ? LT_OK : LT_EINVALID_INPUT);
        lt_buf_free(&b);
    }
    const struct lt_jwks *keys;
    struct lt_error err;
    for (size_t over = 0; over < 2; over++) {
        size_t n = LT_JWKS_TEXT_MAX + over;
        char *text = lt_alloc(arena, n);
        memset(text, ' ', n);
        memcpy(text, SET("{" EC_KEY "}"), sizeof(SET("{" EC_KEY "}")) - 1);
        assert_int_equal(lt_jwks_parse(arena, (struct lt_str){text, n}, &keys, &err), over ? LT_EINVALID_INPUT : LT_OK);
    }
}

/* A point that is not on the curve is a key of nobody's: tokens are refused, nothing breaks. */
static void test_a_point_off_the_curve(void **state)
{
    const struct lt_json *claims;
    struct lt_error err = {0};
    struct lt_jwt_key with = {.alg = "ES256"};
    assert_int_equal(lt_jwks_parse(arena,
                                   LT_STR(SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                              "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}")),
                                   &with.keys, &err),
                     LT_EINVALID_INPUT); /* spare bits: no base64url */
    assert_int_equal(lt_jwks_parse(arena,
                                   LT_STR(SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                              "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}")),
                                   &with.keys, &err),
                     LT_OK);
    assert_int_equal(verify_by(arena, signed_token("{\"alg\":\"ES256\"}", GOOD, ec, EVP_sha256()), &with, &claims, &err), LT_EUNAUTHENTICATED);
}

static void test_what_a_pem_file_may_hold(void **state)
{
    const struct lt_jwks *keys;
    struct lt_error err;
    EVP_PKEY *small = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384");
    struct lt_str pem = pem_of(rsa);
    assert_int_equal(lt_jwks_of_pem(arena, lt_printf(arena, "comment\n%.*sbehind it\n", LT_FMT(pem)), &keys, &err), LT_OK);
    assert_true(keys->n == 1 && keys->keys[0].type == LT_JWK_RSA && keys->keys[0].a.n == 256 && !keys->keys[0].kid.p);
    assert_int_equal(lt_jwks_of_pem(arena, pem_of(ec), &keys, &err), LT_OK);
    assert_true(keys->n == 1 && keys->keys[0].type == LT_JWK_P256);
    const struct lt_str bad[] = {pem_of(small), pem_of(p384), LT_STR(""), LT_STR("hello"), {pem.p, pem.n - 40},
                                 LT_STR("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")};
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        if (lt_jwks_of_pem(arena, bad[i], &keys, &err) != LT_EINVALID_INPUT)
            fail_msg("case %zu is taken", i);
    EVP_PKEY_free(small);
    EVP_PKEY_free(p384);
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
        cmocka_unit_test_setup_teardown(test_public_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_public_key_is_no_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signatures_of_the_wrong_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_es256_signature_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_how_many_keys_are_tried, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rfc_7515_examples_with_public_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_key_set_may_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_limits_of_a_key_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_point_off_the_curve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_pem_file_may_hold, setup, teardown),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

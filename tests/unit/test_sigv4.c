/* Signature Version 4: AWS's own vectors, requests as Bedrock's are, and what must not be in what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "io/sigv4.h"
#include "sigv4_vectors.h"

#define KEY_ID LT_STR("AKIDEXAMPLE")
#define SECRET LT_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

enum { FIELDS_MAX = 8, SUITE_TIME = 1440938160 /* 2015-08-30T12:36:00Z */, NOON = 1795348800 /* 2026-11-22T12:00:00Z */ };

static struct lt_arena *arena;
static struct lt_error err;

static int set_up(void **state)
{
    arena = lt_arena_new();
    err = (struct lt_error){0};
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

/* "Name:value", parted by \1. */
static size_t fields_of(const char *text, struct lt_http_field *ret)
{
    struct lt_str rest = lt_str(text);
    size_t n = 0;
    while (rest.n > 0) {
        struct lt_str value = lt_str_cut(&rest, '\1'), name = lt_str_cut(&value, ':');
        assert_true(n < FIELDS_MAX);
        ret[n++] = (struct lt_http_field){name, value};
    }
    return n;
}

static struct lt_sigv4 sign(const char *method, const char *url_path, const char *query, const char *fields, const char *body, const char *token,
                            const char *region, const char *service, int64_t now_s)
{
    struct lt_http_field list[FIELDS_MAX];
    char hash[LT_SIGV4_HASH];
    struct lt_sigv4 got;
    struct lt_sigv4_key key = {KEY_ID, SECRET, lt_str(token)};
    lt_sigv4_hash(lt_str(body), hash);
    struct lt_sigv4_request request = {.method = method, .path = lt_str(url_path), .query = lt_str(query), .fields = list,
                                       .fields_n = fields_of(fields, list), .body_hash = hash, .region = region, .service = service,
                                       .now_s = now_s};
    if (lt_sigv4_sign(arena, &key, &request, &got, &err))
        fail_msg("%s", err.detail);
    return got;
}

static void the_vectors_of_aws_hold(void **state)
{
    for (size_t i = 0; i < LT_COUNT(sigv4_vectors); i++) {
        const struct sigv4_vector *v = &sigv4_vectors[i];
        struct lt_sigv4 got = sign(v->method, v->path, v->query, v->fields, v->body, v->token, "us-east-1", "service", SUITE_TIME);
        if (!lt_str_is(got.canonical, v->canonical))
            fail_msg("%s: canonical request\n%.*s\nand not\n%s", v->name, LT_FMT(got.canonical), v->canonical);
        if (!lt_str_ends(got.to_sign, lt_str(v->canonical_hash)))
            fail_msg("%s: string to sign\n%.*s", v->name, LT_FMT(got.to_sign));
        if (!lt_str_ends(got.authorization, lt_str(v->signature)))
            fail_msg("%s: %.*s", v->name, LT_FMT(got.authorization));
        assert_string_equal(got.date, "20150830T123600Z");
    }
}

/* What AWS's own client (botocore 1.44.5, SigV4Auth) makes of the same requests: a model's name is encoded twice. */
static void requests_for_models_are_signed_as_awss_client_signs_them(void **state)
{
    static const struct {
        const char *method, *path, *query, *fields, *body, *token, *authorization;
    } cases[] = {
        {"POST", "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream", "",
         "Content-Type:application/json\1Host:bedrock-runtime.eu-central-1.amazonaws.com", "{\"messages\":[]}", "tok/en==",
         "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
         "Signature=24cf34eb4d1b0fadff0b37212af756d167d91c327e9bda2d89e762b012369538"},
        {"GET", "/foundation-models", "byOutputModality=TEXT", "Host:bedrock.eu-central-1.amazonaws.com", "", "",
         "SignedHeaders=host;x-amz-date, Signature=cc3883296d7fd59dfb684716ed6d36be6844b364f1d5edeb162b8ab8729875d4"},
        {"POST", "/p/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.x/invoke", "",
         "Content-Type:application/json\1Host:127.0.0.1:8000", "{}", "",
         "SignedHeaders=content-type;host;x-amz-date, Signature=badb8645bbf6022cc8bf2cde3e7ec363c54ac4e4da649b3a29646c9fa39a4b05"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_sigv4 got = sign(cases[i].method, cases[i].path, cases[i].query, cases[i].fields, cases[i].body, cases[i].token, "eu-central-1",
                                   "bedrock", NOON);
        struct lt_str expected = lt_printf(arena, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/bedrock/aws4_request, %s",
                                           cases[i].authorization);
        if (!lt_str_eq(got.authorization, expected))
            fail_msg("%zu: %.*s", i, LT_FMT(got.authorization));
    }
}

/* Every part of a request is signed: whatever is changed, the signature is another. */
static void nothing_can_be_changed_unseen(void **state)
{
    static const struct {
        const char *method, *path, *query, *fields, *body, *token, *region, *service;
        int64_t now_s;
    } cases[] = {
        {"POST", "/a", "b=c", "Host:h", "{}", "", "r", "s", NOON},   {"GET", "/a", "b=c", "Host:h", "{}", "", "r", "s", NOON},
        {"POST", "/A", "b=c", "Host:h", "{}", "", "r", "s", NOON},   {"POST", "/a/", "b=c", "Host:h", "{}", "", "r", "s", NOON},
        {"POST", "/a", "b=C", "Host:h", "{}", "", "r", "s", NOON},   {"POST", "/a", "b=c", "Host:i", "{}", "", "r", "s", NOON},
        {"POST", "/a", "b=c", "Host:h", "{ }", "", "r", "s", NOON},  {"POST", "/a", "b=c", "Host:h", "{}", "t", "r", "s", NOON},
        {"POST", "/a", "b=c", "Host:h", "{}", "", "r2", "s", NOON},  {"POST", "/a", "b=c", "Host:h", "{}", "", "r", "s2", NOON},
        {"POST", "/a", "b=c", "Host:h", "{}", "", "r", "s", NOON + 1}, {"POST", "/a", "b=c", "Host:h\1X:y", "{}", "", "r", "s", NOON},
    };
    struct lt_str seen[LT_COUNT(cases)];
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str all = sign(cases[i].method, cases[i].path, cases[i].query, cases[i].fields, cases[i].body, cases[i].token, cases[i].region,
                                 cases[i].service, cases[i].now_s).authorization;
        seen[i] = (struct lt_str){all.p + all.n - 64, 64};
        for (size_t k = 0; k < i; k++)
            if (lt_str_eq(seen[i], seen[k]))
                fail_msg("%zu is signed as %zu", i, k);
    }
}

/* The order of parameters and fields, the case of names and white space are no part of a request's meaning. */
static void what_means_the_same_is_signed_alike(void **state)
{
    static const char *const queries[] = {"a=1&b=2&b=3&c", "b=3&c=&a=1&b=2", "&%61=1&b=2&&b=3&c="};
    static const char *const fields[] = {"Host:h\1X-A:b c\1X-B:d", "x-b:d \1HOST: h\1X-A:  b \t c"};
    struct lt_str first = LT_STR_NULL;
    for (size_t i = 0; i < LT_COUNT(queries); i++)
        for (size_t k = 0; k < LT_COUNT(fields); k++) {
            struct lt_str got = sign("GET", "/x", queries[i], fields[k], "", "", "r", "s", NOON).authorization;
            if (first.n > 0 && !lt_str_eq(first, got))
                fail_msg("%s with %s: %.*s", queries[i], fields[k], LT_FMT(got));
            first = got;
        }
}

static void the_secret_is_in_nothing_that_comes_out(void **state)
{
    struct lt_sigv4 got = sign("POST", "/a", "", "Host:h", "{}", "token-1", "r", "s", NOON);
    struct lt_str parts[] = {got.canonical, got.to_sign, got.authorization};
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        assert_null(memmem(parts[i].p, parts[i].n, SECRET.p, SECRET.n));
        assert_true(i == 0 || !memmem(parts[i].p, parts[i].n, "token-1", 7));
    }
}

static void too_many_fields_are_refused(void **state)
{
    struct lt_http_field fields[LT_SIGV4_FIELDS_MAX + 1];
    struct lt_sigv4 got;
    char hash[LT_SIGV4_HASH];
    lt_sigv4_hash(LT_STR(""), hash);
    for (size_t i = 0; i < LT_COUNT(fields); i++)
        fields[i] = (struct lt_http_field){LT_STR("X-A"), LT_STR("b")};
    struct lt_sigv4_key key = {KEY_ID, SECRET, LT_STR_NULL};
    struct lt_sigv4_request request = {.method = "GET", .fields = fields, .fields_n = LT_SIGV4_FIELDS_MAX, .body_hash = hash, .region = "r",
                                       .service = "s", .now_s = NOON};
    assert_int_equal(lt_sigv4_sign(arena, &key, &request, &got, &err), LT_OK);
    request.fields_n++;
    assert_int_equal(lt_sigv4_sign(arena, &key, &request, &got, &err), LT_EINVALID_INPUT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_vectors_of_aws_hold),
        T(requests_for_models_are_signed_as_awss_client_signs_them),
        T(nothing_can_be_changed_unseen),
        T(what_means_the_same_is_signed_alike),
        T(the_secret_is_in_nothing_that_comes_out),
        T(too_many_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

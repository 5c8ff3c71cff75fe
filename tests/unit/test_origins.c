/* What a browser sends along: cookies, tokens against forged requests, and the host that was asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/cookies.h"
#include "api/request.h"
#include "base/secret.h"
#include "workflows/scope.h"

/* ---- cookies ---- */

static struct lt_http_head head_with(struct lt_http_field *fields, const char *name, const char *value)
{
    fields[0] = (struct lt_http_field){lt_str(name), lt_str(value)};
    return (struct lt_http_head){.fields = fields, .fields_n = 1};
}

static void a_cookie_is_read_as_the_rfc_writes_it(void **state)
{
    static const struct {
        const char *field, *value; /* value NULL: there is none; "!": refused */
    } cases[] = {
        {"a=1", "1"},
        {"x=9; a=1; y=8", "1"},
        {"x=9;a=1;y=8", "1"},
        {"a=", ""},
        {"a", ""},
        {"a=b=c", "b=c"},
        {"a=eyJ.h-_~", "eyJ.h-_~"},
        {"b=1", NULL},
        {"A=1", NULL},
        {"aa=1", NULL},
        {"b=a=1", NULL},
        {"", NULL},
        {"; ;;", NULL},
        {"a=1; a=1", "!"},
        {"a=1; b=2; a=3", "!"},
        {"a=1;a", "!"},
        {"a=\"1\"", "!"},
        {"a=1 2", "!"},
        {"a=1,2", "!"},
        {"a=1\\2", "!"},
        {"a=\xc3\xa4", "!"},
        {"a=\x7f", "!"},
        /* other cookies may hold what they like: Django's own writing of JSON is one */
        {"edx-user-info=\"{\\\"version\\\": 1\\054 \\\"username\\\": \\\"\xc3\xa4\\\"}\"; a=1", "1"},
        {"b=1; b=2; a=1", "1"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_http_field field;
        struct lt_http_head head = head_with(&field, "Cookie", cases[i].field);
        struct lt_str value;
        struct lt_error err = {0};
        print_message("%s\n", cases[i].field);
        bool refused = cases[i].value && strcmp(cases[i].value, "!") == 0;
        assert_int_equal(lt_cookie_get(&head, "a", &value, &err), refused ? LT_EINVALID_INPUT : LT_OK);
        if (refused)
            continue;
        assert_int_equal(value.p != NULL, cases[i].value != NULL);
        assert_true(!cases[i].value || lt_str_is(value, cases[i].value));
    }
}

static void two_cookie_fields_are_refused(void **state)
{
    struct lt_http_field fields[] = {{LT_STR("Cookie"), LT_STR("a=1")}, {LT_STR("cookie"), LT_STR("b=1")}};
    struct lt_http_head head = {.fields = fields, .fields_n = 2};
    struct lt_str value;
    struct lt_error err;
    assert_int_equal(lt_cookie_get(&head, "a", &value, &err), LT_EINVALID_INPUT);
    head.fields_n = 0;
    assert_int_equal(lt_cookie_get(&head, "a", &value, &err), LT_OK);
    assert_null(value.p);
}

/* ---- Django's token ---- */

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static void random_text(char *out, size_t n)
{
    lt_random(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[(unsigned char)out[i] % 62];
}

/* As Django masks: each character moved on by the mask's place. */
static void mask(const char *secret, char out[64])
{
    random_text(out, 32);
    for (int i = 0; i < 32; i++)
        out[32 + i] = alphabet[(strchr(alphabet, secret[i]) - alphabet + (strchr(alphabet, out[i]) - alphabet)) % 62];
}

static void a_masked_token_is_its_secret(void **state)
{
    for (int round = 0; round < 200; round++) {
        char secret[33] = {0}, other[33] = {0}, one[64], two[64], third[64];
        random_text(secret, 32);
        random_text(other, 32);
        mask(secret, one);
        mask(secret, two);
        mask(other, third);
        const struct lt_str same[] = {{secret, 32}, {one, 64}, {two, 64}};
        for (size_t i = 0; i < LT_COUNT(same); i++)
            for (size_t k = 0; k < LT_COUNT(same); k++)
                assert_true(lt_csrf_same(same[i], same[k]));
        for (size_t i = 0; i < LT_COUNT(same); i++) {
            assert_false(lt_csrf_same(same[i], (struct lt_str){other, 32}));
            assert_false(lt_csrf_same(same[i], (struct lt_str){third, 64}));
        }
        int at = round % 64;
        one[at] = alphabet[(strchr(alphabet, one[at]) - alphabet + 1) % 62];
        assert_false(lt_csrf_same((struct lt_str){secret, 32}, (struct lt_str){one, 64}));
    }
}

/* Each character of the secret is moved along Django's alphabet by the mask's place: "a" by none, "b" by one, the end goes on at "a". */
static void a_known_pair_matches(void **state)
{
    struct lt_str secret = LT_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345");
    assert_true(lt_csrf_same(secret, LT_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")));
    assert_true(lt_csrf_same(secret, LT_STR("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" "BCDEFGHIJKLMNOPQRSTUVWXYZ0123456")));
    assert_true(lt_csrf_same(LT_STR("99999999999999999999999999999999"),
                             LT_STR("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

static void what_is_no_token_matches_nothing(void **state)
{
    struct lt_str secret = LT_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345");
    const struct lt_str bad[] = {LT_STR_NULL, LT_STR(""), {secret.p, 31}, LT_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"),
                                 LT_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ01234-"),
                                 LT_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaABCDEFGHIJKLMNOPQRSTUVWXYZ01234")};
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        assert_false(lt_csrf_same(secret, bad[i]));
        assert_false(lt_csrf_same(bad[i], secret));
    }
    assert_false(lt_csrf_same(LT_STR(""), LT_STR("")));
}

/* ---- hosts ---- */

struct asked {
    struct lt_http_field fields[4];
    struct lt_http_request http;
    struct lt_network proxies[2];
    struct lt_api api;
    struct lt_request r;
};

/* A request for lectern.internal:8080 from an address; forwarded fields as given, NULL leaves one out. */
static struct lt_request *request(struct asked *a, const char *peer, bool https, const char *host, const char *proto)
{
    *a = (struct asked){0};
    struct lt_http_head *head = &a->http.head;
    head->fields = a->fields;
    head->host = LT_STR("lectern.internal:8080");
    if (host)
        a->fields[head->fields_n++] = (struct lt_http_field){LT_STR("X-Forwarded-Host"), lt_str(host)};
    if (proto)
        a->fields[head->fields_n++] = (struct lt_http_field){LT_STR("X-Forwarded-Proto"), lt_str(proto)};
    snprintf(a->http.peer, sizeof(a->http.peer), "%s", peer);
    assert_true(lt_network_parse(LT_STR("127.0.0.1"), &a->proxies[0]) && lt_network_parse(LT_STR("10.1.0.0/16"), &a->proxies[1]));
    a->api.options = (struct lt_api_options){.proxies = a->proxies, .proxies_n = 2, .https = https};
    a->r = (struct lt_request){.api = &a->api, .http = &a->http};
    return &a->r;
}

static void the_host_is_what_a_trusted_proxy_says(void **state)
{
    static const struct {
        const char *peer;
        bool https;
        const char *host, *proto, *is, *scheme;
    } cases[] = {
        {"127.0.0.1:40000", false, NULL, NULL, "lectern.internal:8080", "http"},
        {"127.0.0.1:40000", true, NULL, NULL, "lectern.internal:8080", "https"},
        {"127.0.0.1:40000", false, "lms.example", "https", "lms.example", "https"},
        {"[::ffff:127.0.0.1]:40000", false, "lms.example", "https", "lms.example", "https"},
        {"local", false, "lms.example", "https", "lectern.internal:8080", "http"},
        {"10.1.2.3:40000", false, "lms.example", "HTTPS", "lms.example", "https"},
        {"10.1.2.3:40000", true, "lms.example", "http", "lms.example", "http"},
        {"10.2.2.3:40000", false, "lms.example", "https", "lectern.internal:8080", "http"}, /* nobody whom we trust */
        {"[::1]:40000", false, "lms.example", "https", "lectern.internal:8080", "http"},
        {"127.0.0.1:40000", false, "evil.example, lms.example", "http, https", "lms.example", "https"}, /* the last one is the proxy's own */
        {"127.0.0.1:40000", false, "lms.example,", "https,", "lms.example", "https"},
        {"127.0.0.1:40000", false, "lms.example/path", "gopher", "lectern.internal:8080", "http"},
        {"127.0.0.1:40000", false, "a b", "", "lectern.internal:8080", "http"},
        {"127.0.0.1:40000", false, "", "https", "lectern.internal:8080", "https"},
        {"127.0.0.1:40000", false, "[::1]:8000", NULL, "[::1]:8000", "http"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct asked a;
        struct lt_request *r = request(&a, cases[i].peer, cases[i].https, cases[i].host, cases[i].proto);
        print_message("case %zu\n", i);
        assert_true(lt_str_is(lt_request_host(r), cases[i].is));
        assert_string_equal(lt_request_scheme(r), cases[i].scheme);
    }
}

static void the_last_of_two_fields_counts(void **state)
{
    struct asked a;
    struct lt_request *r = request(&a, "127.0.0.1:40000", false, "evil.example", NULL);
    a.fields[a.http.head.fields_n++] = (struct lt_http_field){LT_STR("x-forwarded-host"), LT_STR("lms.example")};
    assert_true(lt_str_is(lt_request_host(r), "lms.example"));
}

/* fields: X-Forwarded-For in one or two lines; is NULL: nobody is told, or it is this machine. */
static void the_client_is_the_last_that_is_no_proxy_of_ours(void **state)
{
    static const struct {
        const char *peer, *first, *second, *is;
    } cases[] = {
        {"192.0.2.1:40000", NULL, NULL, "192.0.2.1"},
        {"[2001:db8::1]:40000", NULL, NULL, "2001:db8::1"},
        {"[::ffff:192.0.2.1]:40000", NULL, NULL, "192.0.2.1"},
        {"192.0.2.1:40000", "203.0.113.1", NULL, "192.0.2.1"}, /* nobody whom we trust says so */
        {"127.0.0.1:40000", NULL, NULL, NULL},
        {"[::1]:40000", NULL, NULL, NULL}, /* this machine, though it is no proxy here */
        {"local", "203.0.113.1", NULL, NULL},
        {"127.0.0.1:40000", "203.0.113.1", NULL, "203.0.113.1"},
        {"127.0.0.1:40000", "9.9.9.9, 203.0.113.1", NULL, "203.0.113.1"},
        {"127.0.0.1:40000", "203.0.113.1, 10.1.2.3", NULL, "203.0.113.1"},
        {"127.0.0.1:40000", "203.0.113.1,10.1.2.3 , 127.0.0.1,", NULL, "203.0.113.1"},
        {"127.0.0.1:40000", "203.0.113.1, 10.2.2.3", NULL, "10.2.2.3"},
        {"127.0.0.1:40000", "203.0.113.1", "10.1.2.3", "203.0.113.1"},
        {"127.0.0.1:40000", "10.1.2.3", "203.0.113.1", "203.0.113.1"},
        {"127.0.0.1:40000", "10.1.2.3, 10.1.2.4", NULL, NULL},
        {"127.0.0.1:40000", "203.0.113.1:4711", NULL, "203.0.113.1"},
        {"127.0.0.1:40000", "[2001:db8::1]:4711", NULL, "2001:db8::1"},
        {"127.0.0.1:40000", "2001:db8::1", NULL, "2001:db8::1"},
        {"127.0.0.1:40000", "203.0.113.1, unknown", NULL, NULL},
        {"127.0.0.1:40000", "203.0.113.1, _hidden, 10.1.2.3", NULL, NULL},
        {"127.0.0.1:40000", "203.0.113.1, ::1", NULL, NULL},
        {"127.0.0.1:40000", "", NULL, NULL},
        {"127.0.0.1:40000", ",,,", ",", NULL},
        {"127.0.0.1:40000", "203.0.113.256", NULL, NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct asked a;
        struct lt_ip ip;
        char text[LT_IP_TEXT] = "";
        struct lt_request *r = request(&a, cases[i].peer, false, NULL, NULL);
        const char *const fields[] = {cases[i].first, cases[i].second};
        for (size_t f = 0; f < 2 && fields[f]; f++)
            a.fields[a.http.head.fields_n++] = (struct lt_http_field){LT_STR("X-Forwarded-For"), lt_str(fields[f])};
        r->arena = lt_arena_new();
        print_message("case %zu\n", i);
        assert_int_equal(lt_request_client(r, &ip), cases[i].is != NULL);
        if (cases[i].is) {
            lt_ip_format(&ip, text);
            assert_string_equal(text, cases[i].is);
        }
        lt_arena_free(r->arena);
    }
}

static void an_origin_is_ours_or_not(void **state)
{
    static const struct {
        const char *host, *proto, *origin;
        bool own;
    } cases[] = {
        {"lms.example", "https", "https://lms.example", true},
        {"lms.example", "https", "https://LMS.example", true},
        {"lms.example", "https", "https://lms.example:443", true},
        {"lms.example:443", "https", "https://lms.example", true},
        {"lms.example:8443", "https", "https://lms.example:8443", true},
        {"lms.example", "http", "http://lms.example:80", true},
        {"[::1]", "http", "http://[::1]:80", true},
        {"lms.example", "https", "http://lms.example", false},
        {"lms.example", "http", "https://lms.example", false},
        {"lms.example", "https", "https://lms.example:80", false},
        {"lms.example", "https", "https://lms.example:8443", false},
        {"lms.example", "https", "https://evil.example", false},
        {"lms.example", "https", "https://lms.example.evil.example", false},
        {"lms.example", "https", "https://xlms.example", false},
        {"lms.example", "https", "null", false},
        {"lms.example", "https", "https://", false},
        {"lms.example", "https", "", false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct asked a;
        struct lt_request *r = request(&a, "127.0.0.1:40000", false, cases[i].host, cases[i].proto);
        print_message("case %zu\n", i);
        assert_int_equal(lt_request_own_origin(r, lt_str(cases[i].origin)), cases[i].own);
    }
}

static void the_host_says_which_service_is_asked(void **state)
{
    struct lt_str lms[] = {LT_STR("lms.example"), LT_STR("both.example")},
                  cms[] = {LT_STR("Studio.example"), LT_STR("local:8001"), LT_STR("both.example"), LT_STR("plain.example:443")};
    struct lt_site site = {.lms_hosts = lms, .lms_hosts_n = 2, .cms_hosts = cms, .cms_hosts_n = 4}, bare = {0};
    static const struct {
        const char *host, *proto;
        bool cms;
    } cases[] = {
        {"lms.example", NULL, false},
        {"studio.example", NULL, true},
        {"STUDIO.EXAMPLE:18010", NULL, true}, /* an entry without a port is that host at any */
        {"local:8001", NULL, true},
        {"local:8000", NULL, false},
        {"local", NULL, false},
        {"plain.example", "https", true},
        {"plain.example", "http", false},
        {"both.example", NULL, false},
        {"elsewhere.example", NULL, false},
        {"xstudio.example", NULL, false},
        {"studio.example.evil", NULL, false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct asked a;
        struct lt_request *r = request(&a, "127.0.0.1:40000", false, cases[i].host, cases[i].proto);
        print_message("%s\n", cases[i].host);
        r->caller.site = &site;
        assert_int_equal(lt_request_variant(r), cases[i].cms ? LT_SERVICE_CMS : LT_SERVICE_LMS);
        r->caller.site = &bare;
        assert_int_equal(lt_request_variant(r), LT_SERVICE_LMS);
        r->caller.site = NULL;
        assert_int_equal(lt_request_variant(r), LT_SERVICE_LMS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_read_as_the_rfc_writes_it),
        cmocka_unit_test(two_cookie_fields_are_refused),
        cmocka_unit_test(a_masked_token_is_its_secret),
        cmocka_unit_test(a_known_pair_matches),
        cmocka_unit_test(what_is_no_token_matches_nothing),
        cmocka_unit_test(the_host_is_what_a_trusted_proxy_says),
        cmocka_unit_test(the_last_of_two_fields_counts),
        cmocka_unit_test(the_client_is_the_last_that_is_no_proxy_of_ours),
        cmocka_unit_test(an_origin_is_ours_or_not),
        cmocka_unit_test(the_host_says_which_service_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

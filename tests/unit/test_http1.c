/* HTTP/1.1 framing: what is taken, what is refused and why, split at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "io/http1.h"

#define H "Host: a\r\n"

static struct lt_http_field head_fields[LT_HTTP_FIELDS_MAX];
static struct lt_http_head head = {.fields = head_fields};
static size_t used;
static struct lt_error err;

static enum lt_code request(const char *text)
{
    return lt_http1_read_request(text, strlen(text), &head, &used, &err);
}

static enum lt_code response(const char *text)
{
    return lt_http1_read_response(text, strlen(text), &head, &used, &err);
}

static void assert_str(struct lt_str s, const char *want)
{
    if (!lt_str_is(s, want))
        fail_msg("got \"%.*s\", want \"%s\"", LT_FMT(s), want);
}

static void test_a_request_is_read(void **state)
{
    static const char text[] = "\r\nPOST /v1/actions/summarise?x=1&y HTTP/1.1\r\nHost: lms.example:8080\r\nContent-Length: 12\r\n"
                               "X-Empty:\r\nX-Tab: \t a\tb \t\r\nAccept: */*\r\nExpect: 100-Continue\r\n\r\nbody";
    assert_int_equal(request(text), LT_OK);
    assert_int_equal(used, strlen(text) - 4);
    assert_str(head.method, "POST");
    assert_str(head.path, "/v1/actions/summarise");
    assert_str(head.query, "x=1&y");
    assert_str(head.host, "lms.example:8080");
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.minor, 1);
    assert_true(head.keep_alive);
    assert_true(head.expect_continue);
    assert_false(head.chunked);
    assert_int_equal(head.fields_n, 6);
    assert_str(lt_http_field(&head, "x-empty", NULL), "");
    assert_str(lt_http_field(&head, "X-TAB", NULL), "a\tb");
    assert_null(lt_http_field(&head, "X-None", NULL).p);
}

static void test_what_is_optional(void **state)
{
    assert_int_equal(request("GET / HTTP/1.0\r\n\r\n"), LT_OK);
    assert_false(head.keep_alive);
    assert_null(head.query.p);
    assert_null(head.host.p);
    assert_int_equal(head.content_length, -1);
    assert_int_equal(request("GET /?  HTTP/1.1\r\n\r\n"), LT_EBAD_HTTP);
    assert_int_equal(request("GET /? HTTP/1.1\r\n" H "\r\n"), LT_OK);
    assert_non_null(head.query.p);
    assert_int_equal(head.query.n, 0);
    assert_int_equal(request("GET http://A:81/p?q HTTP/1.1\r\nHost: a:81\r\n\r\n"), LT_OK);
    assert_str(head.path, "/p");
    assert_str(head.query, "q");
    assert_int_equal(request("GET / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"), LT_OK);
    assert_true(head.chunked);
    bool twice;
    assert_int_equal(request("GET / HTTP/1.1\r\n" H "A: 1\r\na: 2\r\n\r\n"), LT_OK);
    assert_str(lt_http_field(&head, "A", &twice), "1");
    assert_true(twice);
}

static void test_keep_alive(void **state)
{
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", true},
        {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: x, CLOSE ,y\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n" H "Connection: keep-alive, close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n" H "\r\n", false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        assert_int_equal(request(cases[i].text), LT_OK);
        if (head.keep_alive != cases[i].keep)
            fail_msg("%s", cases[i].text);
    }
}

/* Request smuggling and other ways to be misunderstood. */
static const struct {
    const char *text, *why; /* part of the detail */
} refused[] = {
    {"GET / HTTP/1.1\nHost: a\n\n", "LF without CR"},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", "LF without CR"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", "byte 0x0a"},
    {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "CR without LF"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\rX", "CR without LF"},
    {"GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "continued"},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "continued"},
    {"GET / HTTP/1.1\r\n" H "X : a\r\n\r\n", "space between"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", "space between"},
    {"GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n", "space between"},
    {"GET / HTTP/1.1\r\n" H ": a\r\n\r\n", "field name"},
    {"GET / HTTP/1.1\r\n" H "a\r\n\r\n", "field name"},
    {"GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", "0x01"},
    {"GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", "0x7f"},
    {"GET / HTTP/1.1\r\n" H "X: aaaaaaaaaaaaaaaa\x7f" "bbbbbbbbbbbb\r\n\r\n", "0x7f"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "both"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", "more than one Content-Length"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\ncontent-length: 2\r\n\r\n", "more than one Content-Length"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", "not a number"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", "not a number"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", "not a number"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", "not a number"},
    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", "not a number"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 9999999999999999999\r\n\r\n", "not a number"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", "other than chunked"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", "other than chunked"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "other than chunked"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", "other than chunked"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "more than one Transfer"},
    {"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", "in HTTP/1.0"},
    {"GET /\r\n\r\n", "no HTTP version"},
    {"GET /x\nHost: a\nContent-Length: 5\n\n", "no HTTP version"},
    {"GET / HTTP/2.0\r\n\r\n", "not HTTP/1.0"},
    {"GET / HTTP/1.2\r\n" H "\r\n", "not HTTP/1.0"},
    {"GET / http/1.1\r\n" H "\r\n", "not HTTP/1.0"},
    {"GET / HTTP/1.10\r\n" H "\r\n", "request line"},
    {"GET / HTTP/1.1 \r\n" H "\r\n", "request line"},
    {"GET  / HTTP/1.1\r\n" H "\r\n", "target is empty"},
    {"GET /  HTTP/1.1\r\n" H "\r\n", "not HTTP/1.0"},
    {" GET / HTTP/1.1\r\n" H "\r\n", "method"},
    {"G(T / HTTP/1.1\r\n" H "\r\n", "method"},
    {"\x16\x03\x01\x02\r\n\r\n", "method"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH / HTTP/1.1\r\n" H "\r\n", "method longer"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "neither a path"},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "neither a path"},
    {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "neither a path"},
    {"GET ftp://a/ HTTP/1.1\r\n" H "\r\n", "neither a path"},
    {"GET http:/// HTTP/1.1\r\n" H "\r\n", "neither a path"},
    {"GET http://a HTTP/1.1\r\n" H "\r\n", "neither a path"},
    {"GET http://b/ HTTP/1.1\r\n" H "\r\n", "Host is not"},
    {"GET http://u@a/ HTTP/1.1\r\n" H "\r\n", "Host is not"},
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", "fragment"},
    {"GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", "0xc3"},
    {"GET /a\tb HTTP/1.1\r\n" H "\r\n", "0x09"},
    {"GET / HTTP/1.1\r\n\r\n", "Host is missing"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "more than one Host"},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "more than one Host"},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "Host is empty"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "Host holds"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host holds"},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "Host holds"},
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "empty lines"},
    {"\nGET / HTTP/1.1\r\n" H "\r\n", "method"},
};

static void test_refused_requests(void **state)
{
    for (size_t i = 0; i < LT_COUNT(refused); i++) {
        enum lt_code rc = request(refused[i].text);
        if (rc != LT_EBAD_HTTP || !strstr(err.detail, refused[i].why))
            fail_msg("case %zu, %s: %s, \"%s\"", i, refused[i].text, lt_code_name(rc), err.detail);
    }
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    assert_int_equal(lt_http1_read_request(nul, sizeof(nul) - 1, &head, &used, &err), LT_EBAD_HTTP);
}

/* A head is the same however it arrives: every proper prefix asks for more, or is refused when the whole is. */
static void test_prefixes(void **state)
{
    static const char good[] = "\r\nGET http://a/p?q HTTP/1.1\r\nHost: a\r\nX-Y: z \r\nConnection: close\r\n\r\n";
    for (size_t n = 0; n < sizeof(good) - 1; n++)
        if (lt_http1_read_request(good, n, &head, &used, &err) != LT_EAGAIN)
            fail_msg("at %zu of the good head: %s", n, err.detail);
    assert_int_equal(request(good), LT_OK);
    for (size_t i = 0; i < LT_COUNT(refused); i++) {
        size_t whole = strlen(refused[i].text), n = 0;
        enum lt_code rc = LT_EAGAIN;
        while (n <= whole && rc == LT_EAGAIN)
            rc = lt_http1_read_request(refused[i].text, n++, &head, &used, &err);
        assert_int_equal(rc, LT_EBAD_HTTP);
    }
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    for (size_t n = 0; n < sizeof(answer) - 1; n++)
        assert_int_equal(lt_http1_read_response(answer, n, &head, &used, &err), LT_EAGAIN);
    assert_int_equal(response(answer), LT_OK);
}

/* Fills `out` with a head whose target, number of fields and total size are as wanted. */
static size_t make_head(char *out, size_t target, int fields, size_t total)
{
    char *p = out;
    p += sprintf(p, "GET /");
    memset(p, 'x', target - 1);
    p += target - 1;
    p += sprintf(p, " HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < fields - 1; i++)
        p += sprintf(p, "F: v\r\n");
    size_t left = total > 0 ? total - (size_t)(p - out) - 7 : 0;
    p += sprintf(p, "P: ");
    memset(p, 'y', left);
    p += left;
    p += sprintf(p, "\r\n\r\n");
    return (size_t)(p - out);
}

static void test_limits_of_a_head(void **state)
{
    static char text[3 * LT_HTTP_HEAD_MAX];
    static const struct {
        size_t target;
        int fields;
        size_t total;
        enum lt_code code;
    } cases[] = {
        {LT_HTTP_URI_MAX, 2, 0, LT_OK},
        {LT_HTTP_URI_MAX + 1, 2, 0, LT_EURI_TOO_LONG},
        {2 * LT_HTTP_URI_MAX + 5, 2, 0, LT_EURI_TOO_LONG},
        {3, LT_HTTP_FIELDS_MAX, 0, LT_OK},
        {3, LT_HTTP_FIELDS_MAX + 1, 0, LT_EHEAD_TOO_LARGE},
        {3, 2, LT_HTTP_HEAD_MAX, LT_OK},
        {3, 2, LT_HTTP_HEAD_MAX + 1, LT_EHEAD_TOO_LARGE},
        {3, 2, 2 * LT_HTTP_HEAD_MAX, LT_EHEAD_TOO_LARGE},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        size_t n = make_head(text, cases[i].target, cases[i].fields, cases[i].total);
        enum lt_code rc = lt_http1_read_request(text, n, &head, &used, &err);
        if (rc != cases[i].code)
            fail_msg("case %zu: %s %s", i, lt_code_name(rc), err.detail);
        if (rc == LT_OK)
            assert_int_equal(used, n);
    }
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_int_equal(lt_http1_read_request(text, LT_HTTP_URI_MAX + 5, &head, &used, &err), LT_EURI_TOO_LONG);
}

static void test_responses(void **state)
{
    static const struct {
        const char *text;
        enum lt_code code;
        int status;
        const char *reason;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", LT_OK, 200, "OK"},
        {"HTTP/1.0 404 Not\tFound \xe4\r\n\r\n", LT_OK, 404, "Not\tFound \xe4"},
        {"HTTP/1.1 204 \r\n\r\n", LT_OK, 204, ""},
        {"HTTP/1.1 204\r\n\r\n", LT_OK, 204, ""},
        {"HTTP/1.1 99 x\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 600 x\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 2000 x\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 2x0 x\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1  200 x\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/2 200 x\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"ICY 200 OK\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 200 OK\n\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", LT_EBAD_HTTP, 0, NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code rc = response(cases[i].text);
        if (rc != cases[i].code)
            fail_msg("%s: %s", cases[i].text, lt_code_name(rc));
        if (rc == LT_OK) {
            assert_int_equal(head.status, cases[i].status);
            assert_str(head.reason, cases[i].reason);
        }
    }
}

static void test_how_a_response_body_ends(void **state)
{
    static const struct {
        const char *text;
        bool head_request;
        enum lt_http_body body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, LT_BODY_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, LT_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, LT_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, LT_BODY_CHUNKED},
        {"HTTP/1.1 200 OK\r\n\r\n", false, LT_BODY_UNTIL_CLOSE},
        {"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", false, LT_BODY_NONE},
        {"HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n", false, LT_BODY_NONE},
        {"HTTP/1.1 100 Go\r\n\r\n", false, LT_BODY_NONE},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        assert_int_equal(response(cases[i].text), LT_OK);
        assert_int_equal(lt_http1_response_body(&head, cases[i].head_request), cases[i].body);
    }
}

/* Decodes text[0..n), fed in two parts cut at `cut`, into out. Returns the code; *ret_used over both parts. */
static enum lt_code decode(const char *text, size_t n, size_t cut, char *out, size_t *ret_n, size_t *ret_used, bool *ret_done)
{
    struct lt_chunked c = {0};
    size_t parts[] = {cut, n - cut};
    *ret_n = *ret_used = 0;
    for (int part = 0; part < 2; part++) {
        const char *p = text + (part ? cut : 0);
        size_t left = parts[part];
        while (left > 0 && !c.done) {
            struct lt_str piece;
            size_t took;
            enum lt_code rc = lt_chunked_read(&c, p, left, &piece, &took, &err);
            if (rc != LT_OK)
                return rc;
            assert_true(took > 0 && took <= left);
            memcpy(out + *ret_n, piece.n > 0 ? piece.p : "", piece.n);
            *ret_n += piece.n;
            *ret_used += took;
            p += took, left -= took;
        }
    }
    *ret_done = c.done;
    return LT_OK;
}

static void test_chunked_bodies_split_at_every_byte(void **state)
{
    static const char text[] =
        "4\r\nWiki\r\n5 ;a=\"b\" ; c\r\npedia\r\n0e\r\n in \r\n\r\nchunks\r\n00\r\nTrailer: x\r\nB:\r\n\r\nGET /";
    static const char want[] = "Wikipedia in \r\n\r\nchunks";
    char out[sizeof(text)];
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        size_t n, took;
        bool done;
        assert_int_equal(decode(text, sizeof(text) - 1, cut, out, &n, &took, &done), LT_OK);
        assert_true(done);
        assert_int_equal(took, sizeof(text) - 1 - 5); /* not a byte of what follows */
        assert_int_equal(n, sizeof(want) - 1);
        assert_memory_equal(out, want, n);
    }
}

static void test_refused_chunks(void **state)
{
    static const char *const cases[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\na\r\n",
        " 1\r\na\r\n",
        "1 \r\na\r\n",
        "1\na\r\n",
        "1\r\r\na\r\n",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\rx",
        "1;a\nb\r\n",
        "1;a\rb",
        "1;\x01\r\n",
        "1000000000000000\r\n",
        "ffffffffffffffffff\r\n",
        "0\r\n x: y\r\n\r\n",
        "0\r\nx\r\n\r\n",
        "0\r\nx : y\r\n\r\n",
        "0\r\nx: y\n\r\n",
        "0\r\nx: \x01\r\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
    };
    char out[64];
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        size_t n, took;
        bool done = false;
        for (size_t cut = 0; cut <= strlen(cases[i]); cut++)
            if (decode(cases[i], strlen(cases[i]), cut, out, &n, &took, &done) != LT_EBAD_HTTP)
                fail_msg("case %zu: %s", i, cases[i]);
    }
}

static void test_limits_of_chunk_lines(void **state)
{
    static char text[LT_HTTP_HEAD_MAX + 64], out[64];
    size_t n, took;
    bool done;
    for (int over = 0; over < 2; over++) {
        size_t at = (size_t)sprintf(text, "0;");
        memset(text + at, 'x', LT_HTTP_CHUNK_LINE_MAX);
        at = (size_t)(LT_HTTP_CHUNK_LINE_MAX - 2 + over);
        memcpy(text + at, "\r\n\r\n", 4);
        assert_int_equal(decode(text, at + 4, 0, out, &n, &took, &done), over ? LT_EBAD_HTTP : LT_OK);
        at = (size_t)sprintf(text, "0\r\nX:");
        memset(text + at, 'x', LT_HTTP_HEAD_MAX);
        at = (size_t)(3 + LT_HTTP_HEAD_MAX - 4 + over);
        memcpy(text + at, "\r\n\r\n", 4);
        assert_int_equal(decode(text, at + 4, 0, out, &n, &took, &done), over ? LT_EBAD_HTTP : LT_OK);
    }
}

static void test_percent_decoding(void **state)
{
    static const struct {
        const char *in;
        bool query, good;
        const char *out;
    } cases[] = {
        {"a%20b%2Fc", false, true, "a b/c"}, {"a+b", false, true, "a+b"},  {"a+b", true, true, "a b"},
        {"%C3%A4", false, true, "\xc3\xa4"}, {"", false, true, ""},        {"%", false, false, NULL},
        {"%4", false, false, NULL},          {"%4g", false, false, NULL},  {"a%00", false, false, NULL},
        {"%FF", false, false, NULL},         {"%c3", true, false, NULL},   {"%41", false, true, "A"},
        {"%ED%A0%80", false, false, NULL},   {"%%41", false, false, NULL}, {"x%2", false, false, NULL},
    };
    struct lt_arena *arena = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str out;
        bool good = lt_percent_decode(arena, lt_str(cases[i].in), cases[i].query, &out);
        if (good != cases[i].good)
            fail_msg("%s", cases[i].in);
        if (good)
            assert_str(out, cases[i].out);
    }
    lt_arena_free(arena);
}

static void test_queries(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str query = LT_STR("a=1&&role=x&b&role=y%26&%72ole=z&bad=%zz&c=d=e&long=+"), v;
    assert_true(lt_query_get(arena, query, "a", &v));
    assert_str(v, "1");
    assert_true(lt_query_get(arena, query, "b", &v));
    assert_str(v, "");
    assert_true(lt_query_get(arena, query, "c", &v));
    assert_str(v, "d=e");
    assert_true(lt_query_get(arena, query, "long", &v));
    assert_str(v, " ");
    assert_false(lt_query_get(arena, query, "bad", &v));
    assert_false(lt_query_get(arena, query, "rol", &v));
    assert_false(lt_query_get(arena, LT_STR_NULL, "a", &v));
    static const char *const roles[] = {"x", "y&", "z"};
    for (int i = 0; i < 3; i++) {
        assert_true(lt_query_get_at(arena, query, "role", i, &v));
        assert_str(v, roles[i]);
    }
    assert_false(lt_query_get_at(arena, query, "role", 3, &v));
    lt_arena_free(arena);
}

/* Not an assertion: prints what a typical head costs. */
static void test_speed_is_printed(void **state)
{
    static const char text[] = "POST /v1/actions/generate_text HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1.0\r\n"
                               "Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: "
                               "390\r\nAuthorization: Bearer lk_0123456789\r\n\r\n";
    enum { ROUNDS = 100000 };
    uint64_t start = lt_mono_us();
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(lt_http1_read_request(text, sizeof(text) - 1, &head, &used, &err), LT_OK);
    print_message("head of %zu bytes: %.0f ns\n", sizeof(text) - 1, (double)(lt_mono_us() - start) * 1000 / ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_read),
        cmocka_unit_test(test_what_is_optional),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_limits_of_a_head),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_how_a_response_body_ends),
        cmocka_unit_test(test_chunked_bodies_split_at_every_byte),
        cmocka_unit_test(test_refused_chunks),
        cmocka_unit_test(test_limits_of_chunk_lines),
        cmocka_unit_test(test_percent_decoding),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_speed_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

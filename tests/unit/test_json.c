/* src/text/json: reading, navigating, comparing and writing. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/json.h"

static struct lt_arena *arena;

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

/* Parses a copy without a byte to spare, so that the sanitizer sees a read behind the end. */
static enum lt_code parse(struct lt_str text, int mode, const struct lt_json **ret, struct lt_error *err)
{
    char *exact = malloc(text.n ? text.n : 1);
    if (text.n)
        memcpy(exact, text.p, text.n);
    lt_arena_on_free(arena, free, exact);
    return lt_json_parse(arena, (struct lt_str){exact, text.n}, mode, ret, err);
}

static const struct lt_json *must(const char *text, int mode)
{
    const struct lt_json *v;
    struct lt_error err;
    if (parse(lt_str(text), mode, &v, &err))
        fail_msg("%s: %s", text, err.detail);
    return v;
}

static void refused(const char *text, int mode, const char *detail)
{
    const struct lt_json *v;
    struct lt_error err;
    if (parse(lt_str(text), mode, &v, &err) != LT_EINVALID_JSON)
        fail_msg("took %s", text);
    assert_null(v);
    assert_int_equal(err.code, LT_EINVALID_JSON);
    if (detail && strcmp(err.detail, detail) != 0)
        fail_msg("%s: said \"%s\", not \"%s\"", text, err.detail, detail);
}

static struct lt_str written(const struct lt_json *v)
{
    return lt_json_text(arena, v);
}

/* ---- what is read ---- */

static void values_have_their_types(void **state)
{
    static const struct {
        const char *text;
        enum lt_json_type type;
        const char *name;
    } cases[] = {
        {"null", LT_JSON_NULL, "null"},         {"true", LT_JSON_BOOL, "boolean"},   {" false ", LT_JSON_BOOL, "boolean"},
        {"1", LT_JSON_NUMBER, "integer"},       {"1.5", LT_JSON_NUMBER, "number"},   {"1.50e1", LT_JSON_NUMBER, "integer"},
        {"1e300", LT_JSON_NUMBER, "integer"},   {"\"\"", LT_JSON_STRING, "string"},  {"[]", LT_JSON_ARRAY, "array"},
        {"\t\r\n{}", LT_JSON_OBJECT, "object"}, {"-0.0", LT_JSON_NUMBER, "integer"}, {"1e-1", LT_JSON_NUMBER, "number"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *v = must(cases[i].text, LT_JSON_STRICT);
        assert_int_equal(lt_json_type(v), cases[i].type);
        assert_string_equal(lt_json_type_name(v), cases[i].name);
    }
    assert_string_equal(lt_json_type_name(NULL), "absent");
    assert_false(lt_json_is(NULL, LT_JSON_NULL));
}

static void strings_are_decoded(void **state)
{
    static const struct {
        const char *text;
        struct lt_str value;
    } cases[] = {
        {"\"\"", {"", 0}},
        {"\"plain and longer than eight bytes\"", {"plain and longer than eight bytes", 33}},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\\u00e9\\u20AC\\ud83d\\ude00\"", {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9}},
        {"\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9}},
        {"\"abcdefg\\nhijklmnopqrstuvwxyz\"", {"abcdefg\nhijklmnopqrstuvwxyz", 27}},
        {"\"\x7F\"", {"\x7F", 1}},
        {"\"\\uFFFF\\uFDD0\"", {"\xEF\xBF\xBF\xEF\xB7\x90", 6}},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_true(lt_str_eq(lt_json_str(must(cases[i].text, LT_JSON_STRICT)), cases[i].value));
}

/* Every single byte at every distance from the quotes: the eight-byte steps must see exactly what single steps see. */
static void strings_of_every_byte_and_length(void **state)
{
    for (int c = 0; c < 256; c++)
        for (size_t n = 1; n < 20; n++)
            for (size_t at = 0; at < n; at++) {
                char text[24] = "\"";
                const struct lt_json *v;
                memset(text + 1, 'x', n);
                text[1 + at] = (char)c;
                text[1 + n] = '"';
                bool ok = parse((struct lt_str){text, n + 2}, LT_JSON_STRICT, &v, NULL) == LT_OK;
                if (ok != (c >= 0x20 && c < 0x80 && c != '"' && c != '\\'))
                    fail_msg("byte 0x%02X at %zu of %zu", (unsigned)c, at, n);
            }
}

/* Sequences of two to four bytes, with every first and second byte: a string takes what lt_utf8_valid() takes. */
static void strings_are_utf8(void **state)
{
    static const unsigned char tails[] = {'x', 0x7F, 0x80, 0xBF, 0xC0};
    for (unsigned i = 0; i < 128 * 256 * 25; i++) {
        char text[6] = {
            '"', (char)(0x80 | i % 128), (char)(i / 128 % 256), (char)tails[i / 128 / 256 % 5], (char)tails[i / 128 / 256 / 5],
            '"'};
        const struct lt_json *v;
        if (memchr("\"\\", text[2], 2) || (unsigned char)text[2] < 0x20)
            continue;
        struct lt_arena *a = lt_arena_new();
        bool ok = lt_json_parse(a, (struct lt_str){text, 6}, LT_JSON_STRICT, &v, NULL) == LT_OK;
        lt_arena_free(a);
        if (ok != lt_utf8_valid(text + 1, 4))
            fail_msg("%02X %02X %02X %02X", text[1] & 0xFF, text[2] & 0xFF, text[3] & 0xFF, text[4] & 0xFF);
    }
}

static void numbers_keep_value_and_text(void **state)
{
    static const struct {
        const char *text;
        bool whole;
        int64_t i;
        double d;
    } cases[] = {
        {"0", true, 0, 0},
        {"-0", true, 0, -0.0},
        {"-1", true, -1, -1},
        {"9007199254740993", true, 9007199254740993, 9007199254740992},
        {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", true, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", false, 0, 9223372036854775808.0},
        {"-9223372036854775809", false, 0, -9223372036854775808.0},
        {"9223372036854775807.0", true, INT64_MAX, 9223372036854775807.0},
        {"9007199254740993.0", true, 9007199254740993, 9007199254740992},
        {"123456789012345678901234567890", false, 0, 123456789012345678901234567890.0},
        {"1.0", true, 1, 1},
        {"1e2", true, 100, 100},
        {"1E+2", true, 100, 100},
        {"12.5e1", true, 125, 125},
        {"1.5", false, 0, 1.5},
        {"100e-3", false, 0, 0.1},
        {"1000e-3", true, 1, 1},
        {"0.1", false, 0, 0.1},
        {"0e999999999999", true, 0, 0},
        {"1e-999999999999", false, 0, 0},
        {"1e22", false, 0, 1e22},
        {"1e23", false, 0, 1e23},
        {"8.41e21", false, 0, 8.41e21},
        {"5e-324", false, 0, 5e-324},
        {"2.2250738585072011e-308", false, 0, 2.2250738585072011e-308},
        {"1.7976931348623157e308", false, 0, 1.7976931348623157e308},
        {"0.30000000000000004", false, 0, 0.30000000000000004},
        {"1.00000000000000011102230246251565404236316680908203124", false, 0, 1.0},
        {"1.00000000000000011102230246251565404236316680908203126", false, 0, 1.0000000000000002},
        {"0.000000000000000000000000000000000000000001", false, 0, 1e-42},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *v = must(cases[i].text, LT_JSON_STRICT);
        int64_t whole = 0;
        double d = lt_json_double_or(v, NAN);
        if (lt_json_int64(v, &whole) != cases[i].whole || whole != cases[i].i)
            fail_msg("%s as an integer: %lld", cases[i].text, (long long)whole);
        if (memcmp(&d, &cases[i].d, sizeof(d)) != 0)
            fail_msg("%s as a double: %.17g", cases[i].text, d);
        assert_true(lt_str_is(lt_json_number_text(v), cases[i].text));
    }
}

/* Against the C library, on numbers of all lengths and sizes. */
static void doubles_are_exact(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 100000; round++) {
        char text[80];
        int n = 0;
        if (rand_r(&seed) % 2)
            text[n++] = '-';
        text[n++] = (char)('1' + rand_r(&seed) % 9);
        for (int k = rand_r(&seed) % 22; k > 0; k--)
            text[n++] = (char)('0' + rand_r(&seed) % 10);
        if (rand_r(&seed) % 4) {
            text[n++] = '.';
            for (int k = 1 + rand_r(&seed) % 22; k > 0; k--)
                text[n++] = (char)('0' + rand_r(&seed) % 10);
        }
        if (rand_r(&seed) % 2)
            n += snprintf(text + n, 10, "e%d", rand_r(&seed) % 2 ? rand_r(&seed) % 560 - 320 : rand_r(&seed) % 60 - 30);
        text[n] = '\0';
        const struct lt_json *v;
        double expected = strtod(text, NULL), d;
        if (isinf(expected))
            continue;
        assert_int_equal(lt_json_parse(arena, (struct lt_str){text, (size_t)n}, LT_JSON_STRICT, &v, NULL), LT_OK);
        d = lt_json_double_or(v, NAN);
        if (memcmp(&d, &expected, sizeof(d)) != 0)
            fail_msg("%s gives %.17g", text, d);
    }
}

static void members_are_found(void **state)
{
    for (int n = 0; n <= 300; n += n < 20 ? 1 : 40) {
        struct lt_buf b;
        lt_buf_init(&b, 10000);
        lt_buf_putc(&b, '{');
        for (int i = 0; i < n; i++)
            lt_buf_printf(&b, "%s\"key%d\":%d", i ? "," : "", i, i);
        lt_buf_putc(&b, '}');
        const struct lt_json *v;
        assert_int_equal(lt_json_parse(arena, lt_buf_str(&b), LT_JSON_STRICT, &v, NULL), LT_OK);
        assert_int_equal(lt_json_len(v), n);
        for (int i = 0; i < n; i++) {
            char key[16];
            snprintf(key, sizeof(key), "key%d", i);
            assert_int_equal(lt_json_int64_or(lt_json_get(v, key), -1), i);
            assert_true(lt_str_is(lt_json_key_at(v, (size_t)i), key));
            assert_ptr_equal(lt_json_at(v, (size_t)i), lt_json_get(v, key));
        }
        assert_null(lt_json_get(v, "key"));
        assert_null(lt_json_get(v, "other"));
        assert_null(lt_json_at(v, (size_t)n));
        lt_buf_free(&b);
    }
}

static void absent_values_answer_with_the_default(void **state)
{
    const struct lt_json *v = must("{\"s\":\"x\",\"n\":1,\"b\":false}", LT_JSON_STRICT), *none = lt_json_get(v, "none");
    assert_null(none);
    assert_null(lt_json_get(none, "x"));
    assert_null(lt_json_at(none, 0));
    assert_null(lt_json_at_pointer(none, "/x"));
    assert_int_equal(lt_json_len(none), 0);
    assert_null(lt_json_str(none).p);
    assert_true(lt_str_is(lt_json_str_or(none, LT_STR("d")), "d"));
    assert_true(lt_str_is(lt_json_str_or(lt_json_get(v, "n"), LT_STR("d")), "d"));
    assert_true(lt_json_bool_or(none, true));
    assert_false(lt_json_bool_or(lt_json_get(v, "b"), true));
    assert_int_equal(lt_json_int64_or(lt_json_get(v, "s"), 7), 7);
    assert_true(lt_json_double_or(none, 1.5) == 1.5);
    assert_null(lt_json_number_text(none).p);
    assert_null(lt_json_key_at(must("[1]", LT_JSON_STRICT), 0).p);
    assert_null(lt_json_get(must("[1]", LT_JSON_STRICT), "0"));
}

/* The examples of RFC 6901 §5, and what leads nowhere. */
static void pointers_lead_to_values(void **state)
{
    const struct lt_json *v =
        must("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,"
             "\" \":7,\"m~n\":8,\"deep\":{\"\":{\"x\":[[9]]}}}",
             LT_JSON_STRICT);
    static const struct {
        const char *pointer, *text;
    } cases[] = {
        {"/foo/0", "\"bar\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/deep//x/0/0", "9"},
        {"/foo/2", NULL},
        {"/foo/-", NULL},
        {"/foo/00", NULL},
        {"/foo/01", NULL},
        {"/foo/0/x", NULL},
        {"foo", NULL},
        {"/bar", NULL},
        {"/foo/", NULL},
        {"/m~2n", NULL},
        {"/m~", NULL},
        {"/a~1", NULL},
        {"/foo/99999999999999999999", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *at = lt_json_at_pointer(v, cases[i].pointer);
        if (!cases[i].text)
            assert_null(at);
        else
            assert_true(lt_str_is(written(at), cases[i].text));
    }
    assert_ptr_equal(lt_json_at_pointer(v, ""), v);
}

static void offsets_point_at_the_first_byte(void **state)
{
    static const char text[] = " { \"a\" : [ 1, \"x\" ] , \"b\":true}";
    const struct lt_json *v = must(text, LT_JSON_STRICT);
    assert_int_equal(lt_json_offset(v), 1);
    assert_int_equal(lt_json_offset(lt_json_get(v, "a")), strchr(text, '[') - text);
    assert_int_equal(lt_json_offset(lt_json_at_pointer(v, "/a/1")), strstr(text, "\"x\"") - text);
    assert_int_equal(lt_json_offset(lt_json_get(v, "b")), strstr(text, "true") - text);
}

/* ---- what is refused ---- */

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *detail;
    } cases[] = {
        {"", "line 1, column 1: expected a value, found the end of the text"},
        {" \n\n  ", "line 3, column 3: expected a value, found the end of the text"},
        {"01", "line 1, column 1: expected no 0 at the start of a longer number"},
        {"-01", "line 1, column 2: expected no 0 at the start of a longer number"},
        {"-", "line 1, column 2: expected a digit, found the end of the text"},
        {"+1", "line 1, column 1: expected a value, found +"},
        {".5", "line 1, column 1: expected a value, found ."},
        {"5.", "line 1, column 3: expected a digit, found the end of the text"},
        {"1.e5", "line 1, column 3: expected a digit, found e"},
        {"1e", "line 1, column 3: expected a digit of the exponent, found the end of the text"},
        {"1e+", "line 1, column 4: expected a digit of the exponent, found the end of the text"},
        {"1e400", "line 1, column 1: expected a number below 1.8e308"},
        {"-1e400", "line 1, column 1: expected a number below 1.8e308"},
        {"0x10", "line 1, column 2: expected the end of the text, found x"},
        {"NaN", "line 1, column 1: expected a value, found N"},
        {"Infinity", "line 1, column 1: expected a value, found I"},
        {"tru", "line 1, column 1: expected a value, found t"},
        {"nul", "line 1, column 1: expected a value, found n"},
        {"True", "line 1, column 1: expected a value, found T"},
        {"1 2", "line 1, column 3: expected the end of the text, found 2"},
        {"[1,]", "line 1, column 4: expected a value behind the comma, found ]"},
        {"[,1]", "line 1, column 2: expected a value, found ,"},
        {"[1 2]", "line 1, column 4: expected a comma or ], found 2"},
        {"[1", "line 1, column 3: expected a comma or ], found the end of the text"},
        {"[1}", "line 1, column 3: expected a comma or ], found }"},
        {"[", "line 1, column 2: expected a value, found the end of the text"},
        {"]", "line 1, column 1: expected a value, found ]"},
        {"{\"a\":1,}", "line 1, column 8: expected a key behind the comma, found }"},
        {"{\"a\" 1}", "line 1, column 6: expected a colon behind the key, found 1"},
        {"{\"a\":}", "line 1, column 6: expected a value, found }"},
        {"{a:1}", "line 1, column 2: expected a key in double quotes, found a"},
        {"{'a':1}", "line 1, column 2: expected a key in double quotes, found '"},
        {"{1:1}", "line 1, column 2: expected a key in double quotes, found 1"},
        {"{\"a\":1", "line 1, column 7: expected a comma or }, found the end of the text"},
        {"{", "line 1, column 2: expected a key in double quotes, found the end of the text"},
        {"'a'", "line 1, column 1: expected a value (strings stand in double quotes), found '"},
        {"// c\n1", "line 1, column 1: expected a value, found /"},
        {"[1, /* c */ 2]", "line 1, column 5: expected a value, found /"},
        {"\"abc", "line 1, column 5: expected \" to close the string that starts at byte 0, found the end of the text"},
        {"\"abc\\", "line 1, column 6: expected an escape, found the end of the text"},
        {"\"a\\\"", "line 1, column 5: expected \" to close the string that starts at byte 0, found the end of the text"},
        {"\"a\nb\"", "line 1, column 3: expected no control character in a string (U+000A must be written as an escape)"},
        {"\"\\x41\"",
         "line 1, column 2: expected an escape that JSON has: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four digits"},
        {"\"\\u12g4\"", "line 1, column 2: expected four hexadecimal digits behind \\u"},
        {"\"\\u12", "line 1, column 2: expected four hexadecimal digits behind \\u"},
        {"\"\\ud800\"", "line 1, column 2: expected a low surrogate (\\uDC00 to \\uDFFF) behind this high one"},
        {"\"\\ud800\\u0041\"", "line 1, column 2: expected a low surrogate (\\uDC00 to \\uDFFF) behind this high one"},
        {"\"x\\udc00\"", "line 1, column 3: expected a high surrogate before this low one"},
        {"\"\xFF\"", "line 1, column 2: expected UTF-8 in the string, found the byte 0xFF"},
        {"\"\xC3\xA9\xED\xA0\x80\"", "line 1, column 3: expected UTF-8 in the string, found the byte 0xED"},
        {"\"\\n\xC0\x80\"", "line 1, column 4: expected UTF-8 in the string, found the byte 0xC0"},
        {"\xFF", "line 1, column 1: expected a value, found the byte 0xFF, which is not UTF-8 here"},
        {"\xEF\xBB\xBF"
         "1",
         "line 1, column 1: expected a value, found a byte order mark"},
        {"\xC2\xA0"
         "1",
         "line 1, column 1: expected a value, found \xC2\xA0"},
        {"\v1", "line 1, column 1: expected a value, found U+000B"},
        {"[1,\r\n2,\r3,\n\"\xE2\x82\xAC\xE2\x82\xAC\" 4]", "line 4, column 6: expected a comma or ], found 4"},
        {"{\"a\":1,\n \"b\":2, \"a\":3}", "line 2, column 9: expected each key once, found \"a\" again"},
        {"{\"a\":1,\"\\u0061\":3}", "line 1, column 8: expected each key once, found \"a\" again"},
        {"{\"\":1,\"\":3}", "line 1, column 7: expected each key once, found \"\" again"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        refused(cases[i].text, LT_JSON_STRICT, cases[i].detail);
    struct lt_error err;
    const struct lt_json *v;
    assert_int_equal(parse((struct lt_str){"1\0", 2}, LT_JSON_STRICT, &v, &err), LT_EINVALID_JSON);
    assert_string_equal(err.detail, "line 1, column 2: expected the end of the text, found U+0000");
    assert_int_equal(lt_json_parse(arena, LT_STR_NULL, LT_JSON_STRICT, &v, NULL), LT_EINVALID_JSON);
}

static void duplicate_keys_are_found_in_objects_of_every_size(void **state)
{
    for (int n = 2; n < 40; n++)
        for (int again = 0; again < n - 1; again++) {
            struct lt_buf b;
            lt_buf_init(&b, 10000);
            for (int i = 0; i < n; i++)
                lt_buf_printf(&b, "%c\"k%d\":0", i ? ',' : '{', i == n - 1 ? again : i);
            lt_buf_putc(&b, '}');
            const struct lt_json *v;
            assert_int_equal(parse(lt_buf_str(&b), LT_JSON_STRICT, &v, NULL), LT_EINVALID_JSON);
            lt_buf_free(&b);
        }
}

/* 300,000 keys would take minutes if the search for duplicates were not linear. */
static void many_keys_are_no_burden(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 10 << 20);
    for (int i = 0; i < 300000; i++)
        lt_buf_printf(&b, "%c\"k%d\":0", i ? ',' : '{', i);
    lt_buf_putc(&b, '}');
    const struct lt_json *v;
    assert_int_equal(lt_json_parse(arena, lt_buf_str(&b), LT_JSON_STRICT, &v, NULL), LT_OK);
    assert_int_equal(lt_json_len(v), 300000);
    assert_non_null(lt_json_get(v, "k299999"));
    lt_buf_free(&b);
}

static void nesting_has_a_limit(void **state)
{
    static char text[2 * (LT_JSON_DEPTH + 1) + 1];
    for (int depth = LT_JSON_DEPTH; depth <= LT_JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        if (depth <= LT_JSON_DEPTH)
            assert_true(lt_str_is(written(must(text, LT_JSON_STRICT)), text));
        else
            refused(text, LT_JSON_STRICT, "line 1, column 129: expected at most 128 arrays and objects in one another");
    }
}

static void numbers_have_a_longest_text(void **state)
{
    char text[1003];
    memset(text, '7', sizeof(text));
    text[1] = '.';
    text[1000] = '\0';
    must(text, LT_JSON_STRICT);
    text[1000] = '7', text[1001] = '\0';
    refused(text, LT_JSON_STRICT, "line 1, column 1: expected a number of at most 1000 characters");
}

/* No prefix of a document and no change of one byte may crash, and each answer is either a tree or an error. */
static void damaged_documents_are_handled(void **state)
{
    static const char text[] =
        "{\"a\":[1,-2.5e+3,true,false,null],\"b\\u00e9\":{\"c\":\"\xE2\x82\xAC\\ud83d\\ude00\",'d':0x1F}, /*x*/ e:[+.5,],}//";
    for (int mode = LT_JSON_STRICT; mode <= LT_JSON_JSON5; mode++)
        for (size_t n = 0; n < sizeof(text); n++)
            for (int c = -1; c < 256; c++) {
                char copy[sizeof(text)];
                const struct lt_json *v;
                struct lt_error err = {0};
                size_t len = c < 0 ? n : sizeof(text) - 1;
                memcpy(copy, text, sizeof(text));
                if (c >= 0)
                    copy[n] = (char)c;
                enum lt_code code = parse((struct lt_str){copy, len}, mode, &v, &err);
                assert_true(code == LT_OK ? v != NULL
                                          : (v == NULL && err.detail[0] && lt_utf8_valid(err.detail, strlen(err.detail))));
            }
}

/* ---- JSON5 ---- */

static void json5_is_read(void **state)
{
    static const struct {
        const char *text, *as_json;
    } cases[] = {
        {"{a:1,$b:2,_c:3,'d':4,\"e\":5,}", "{\"a\":1,\"$b\":2,\"_c\":3,\"d\":4,\"e\":5}"},
        {"{null:1,true:2,NaN:3,Infinity:4}", "{\"null\":1,\"true\":2,\"NaN\":3,\"Infinity\":4}"},
        {"{\xC3\xBCr:1,\\u0061b\\u0063:2,a\xE2\x80\x8C:3,\xE2\x85\xA2:4}",
         "{\"\xC3\xBCr\":1,\"abc\":2,\"a\xE2\x80\x8C\":3,\"\xE2\x85\xA2\":4}"},
        {"{a1 /*c*/ : /*d*/ 1 // e\n}", "{\"a1\":1}"},
        {"[1,2,]", "[1,2]"},
        {"[]", "[]"},
        {"{}", "{}"},
        {"// c\n/* d\n * **/ 1 // e", "1"},
        {"1 //", "1"},
        {"/**/1/*/ */", "1"},
        {"\xEF\xBB\xBF\v\f\xC2\xA0\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\x83 1", "1"},
        {"//x\r1", "1"},
        {"//x\xE2\x80\xA8"
         "1",
         "1"},
        {"'it\\'s \"x\"'", "\"it's \\\"x\\\"\""},
        {"\"it's\"", "\"it's\""},
        {"'a\\\nb\\\r\nc\\\rd\\\xE2\x80\xA8"
         "e'",
         "\"abcde\""},
        {"'\\x41\\v\\0\\q\\'\\a\\\xC3\xA9'", "\"A\\u000b\\u0000q'a\xC3\xA9\""},
        {"'tab\there \xE2\x80\xA8'", "\"tab\\there \xE2\x80\xA8\""},
        {"'\\u00e9\\ud83d\\ude00'", "\"\xC3\xA9\xF0\x9F\x98\x80\""},
        {"+1", "1"},
        {"+1.5", "1.5"},
        {"-.5e1", "-0.5e1"},
        {".5", "0.5"},
        {"5.", "5"},
        {"5.e3", "5e3"},
        {"-5.", "-5"},
        {"+0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"},
        {"0x1F", "31"},
        {"-0XfF", "-255"},
        {"0x7FFFFFFFFFFFFFFF", "9223372036854775807"},
        {"0x0000000000000000000000001f", "31"},
        {"0x8000000000000000", "9223372036854775808"},
        {"-0x8000000000000000", "-9223372036854775808"},
        {"+0xFFFFFFFFFFFFFFFF", "18446744073709551615"},
        {"0x10000000000000000000000000000", "5192296858534827628530496329220096"},
        {"-0X0", "-0"},
        {"0x00", "0"},
        {"Infinity", "null"},
        {"-Infinity", "null"},
        {"+NaN", "null"},
        {"[1.0, 1e2]", "[1.0,1e2]"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str out = written(must(cases[i].text, LT_JSON_JSON5));
        if (!lt_str_is(out, cases[i].as_json))
            fail_msg("%s gives %.*s", cases[i].text, LT_FMT(out));
    }
    assert_true(lt_json_double_or(must("-Infinity", LT_JSON_JSON5), 0) == -INFINITY);
    assert_true(isnan(lt_json_double_or(must("NaN", LT_JSON_JSON5), 0)));
    assert_int_equal(lt_json_int64_or(must("-0x10", LT_JSON_JSON5), 0), -16);
    assert_int_equal(lt_json_int64_or(must("Infinity", LT_JSON_JSON5), 7), 7);
    assert_true(lt_str_is(lt_json_number_text(must("+0x10", LT_JSON_JSON5)), "+0x10"));
}

/* Every example of spec.json5.org, under the number of its section; what several examples say to be the same has one row each. */
static void examples_of_the_json5_specification(void **state)
{
    static const struct {
        const char *section, *text, *as_json;
    } cases[] = {
        {"1.2",
         "{\n  // comments\n  unquoted: 'and you can quote me on that',\n  singleQuotes: 'I can use \"double quotes\" here',\n"
         "  lineBreaks: \"Look, Mom! \\\nNo \\\\n's!\",\n  hexadecimal: 0xdecaf,\n  leadingDecimalPoint: .8675309, andTrailing: 8675309.,\n"
         "  positiveSign: +1,\n  trailingComma: 'in objects', andIn: ['arrays',],\n  \"backwardsCompatible\": \"with JSON\",\n}\n",
         "{\"unquoted\":\"and you can quote me on that\",\"singleQuotes\":\"I can use \\\"double quotes\\\" here\","
         "\"lineBreaks\":\"Look, Mom! No \\\\n's!\",\"hexadecimal\":912559,\"leadingDecimalPoint\":0.8675309,\"andTrailing\":8675309,"
         "\"positiveSign\":1,\"trailingComma\":\"in objects\",\"andIn\":[\"arrays\"],\"backwardsCompatible\":\"with JSON\"}"},
        {"3", "// An empty object\n{}", "{}"},
        {"3", "// An object with two properties and a trailing comma\n{\n    width: 1920,\n    height: 1080,\n}", "{\"width\":1920,\"height\":1080}"},
        {"3", "// Objects can be nested\n{\n    image: {\n        width: 1920,\n        height: 1080,\n        'aspect-ratio': '16:9',\n    }\n}",
         "{\"image\":{\"width\":1920,\"height\":1080,\"aspect-ratio\":\"16:9\"}}"},
        {"3", "// An array of objects\n[\n    { name: 'Joe', age: 27 },\n    { name: 'Jane', age: 32 },\n]",
         "[{\"name\":\"Joe\",\"age\":27},{\"name\":\"Jane\",\"age\":32}]"},
        {"4", "// An empty array\n[]", "[]"},
        {"4", "// An array with three elements and a trailing comma\n[\n    1,\n    true,\n    'three',\n]", "[1,true,\"three\"]"},
        {"4", "// Arrays can be nested\n[\n    [1, true, 'three'],\n    [4, \"five\", 0x6],\n]", "[[1,true,\"three\"],[4,\"five\",6]]"},
        {"5.1", "'\\x5C'", "\"\\\\\""},
        {"5.1", "'\\u005C'", "\"\\\\\""},
        {"5.1", "'\\uD83C\\uDFBC'", "\"\xF0\x9F\x8E\xBC\""},
        {"5.1", "'\\\\'", "\"\\\\\""},
        {"5.1, table 1", "'\\'\\\"\\\\\\b\\f\\n\\r\\t\\v\\0'", "\"'\\\"\\\\\\b\\f\\n\\r\\t\\u000b\\u0000\""},
        {"5.1, table 2", "'a\\\nb\\\rc\\\r\nd\\\xE2\x80\xA8" "e\\\xE2\x80\xA9" "f'", "\"abcdef\""},
        {"5.1", "'Lorem ipsum dolor sit amet, \\\nconsectetur adipiscing elit.'", "\"Lorem ipsum dolor sit amet, consectetur adipiscing elit.\""},
        {"5.1", "'Lorem ipsum dolor sit amet, consectetur adipiscing elit.'", "\"Lorem ipsum dolor sit amet, consectetur adipiscing elit.\""},
        {"5.1", "'\\A\\C\\/\\D\\C'", "\"AC/DC\""},
        {"5.1", "'AC/DC'", "\"AC/DC\""},
        {"5.2", "'\xE2\x80\xA8\xE2\x80\xA9'", "\"\xE2\x80\xA8\xE2\x80\xA9\""},
        {"6", "{\n    integer: 123,\n    withFractionPart: 123.456,\n    onlyFractionPart: .456,\n    withExponent: 123e-456,\n}",
         "{\"integer\":123,\"withFractionPart\":123.456,\"onlyFractionPart\":0.456,\"withExponent\":123e-456}"},
        {"6", "{\n    positiveHex: 0xdecaf,\n    negativeHex: -0xC0FFEE,\n}", "{\"positiveHex\":912559,\"negativeHex\":-12648430}"},
        {"6", "{\n    positiveInfinity: Infinity,\n    negativeInfinity: -Infinity,\n    notANumber: NaN,\n}",
         "{\"positiveInfinity\":null,\"negativeInfinity\":null,\"notANumber\":null}"},
        {"7", "// This is a single line comment.\n1", "1"},
        {"7", "/* This is a multi-\n   line comment. */\n1", "1"},
        {"8, table 3", "\t\n\v\f\r \xC2\xA0\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF\xE1\x9A\x80\xE2\x80\x80\xE2\x80\x81\xE2\x80\x82\xE2\x80\x83\xE2\x80\x84"
         "\xE2\x80\x85\xE2\x80\x86\xE2\x80\x87\xE2\x80\x88\xE2\x80\x89\xE2\x80\x8A\xE2\x80\xAF\xE2\x81\x9F\xE3\x80\x80" "1", "1"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str out = written(must(cases[i].text, LT_JSON_JSON5));
        if (!lt_str_is(out, cases[i].as_json))
            fail_msg("section %s: %s gives %.*s", cases[i].section, cases[i].text, LT_FMT(out));
    }
}

/* Where null would mean something else, what JSON cannot hold is refused; everything else is read as ever. */
static void what_json_cannot_hold_is_refused_where_asked(void **state)
{
    refused("{a: [1,\n  -Infinity]}", LT_JSON_JSON5_FINITE, "line 2, column 3: expected a number that JSON can hold, found Infinity");
    refused("NaN", LT_JSON_JSON5_FINITE, "line 1, column 1: expected a number that JSON can hold, found NaN");
    refused("0x1" "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            LT_JSON_JSON5, "line 1, column 1: expected a number below 1.8e308");
    assert_true(lt_str_is(written(must("{Infinity: .5, NaN: 0x10, s: 'Infinity',}", LT_JSON_JSON5_FINITE)),
                          "{\"Infinity\":0.5,\"NaN\":16,\"s\":\"Infinity\"}"));
}

static void large_hexadecimal_numbers_keep_every_digit(void **state)
{
    const struct lt_json *v = must("-0xFFFFFFFFFFFFFFFFF", LT_JSON_JSON5);
    assert_true(lt_json_equal(v, must("-295147905179352825855", LT_JSON_STRICT)));
    assert_true(lt_json_double_or(v, 0) == -295147905179352825855.0);
    int64_t i;
    assert_true(lt_json_int64(must("-0x8000000000000000", LT_JSON_JSON5), &i) && i == INT64_MIN);
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 2000; round++) { /* the digits in hexadecimal and, through strtod, the same double */
        char text[70] = "0x";
        size_t n = 2 + 1 + (size_t)rand_r(&seed) % 60;
        for (size_t k = 2; k < n; k++)
            text[k] = "0123456789abcdefABCDEF"[rand_r(&seed) % 22];
        text[n] = '\0';
        double d = lt_json_double_or(must(text, LT_JSON_JSON5), NAN), back = lt_json_double_or(must(lt_strz(arena, written(must(text,
            LT_JSON_JSON5))), LT_JSON_STRICT), NAN);
        if (d != strtod(text, NULL) || back != d)
            fail_msg("%s gives %.17g and is written as %.17g", text, d, back);
    }
}

/* The place, in lines as editors count them, and what ought to stand there. */
static void json5_errors_name_the_place(void **state)
{
    static const struct {
        const char *text, *detail;
    } cases[] = {
        {"{\n  // a comment\n  a: 1\n  b: 2\n}", "line 4, column 3: expected a comma or }, found b"},
        {"{a: 1,, b: 2}", "line 1, column 7: expected a key, found ,"},
        {"{'a' 1}", "line 1, column 6: expected a colon behind the key, found 1"},
        {"[1,,2]", "line 1, column 4: expected a value, found ,"},
        {"\r\n[1;2]", "line 2, column 3: expected a comma or ], found ;"},
        {"{\xC3\xA9\xC3\xA9: 'x' 'y'}", "line 1, column 10: expected a comma or }, found '"},
        {"'a\nb'", "line 1, column 3: expected no control character in a string (U+000A must be written as an escape)"},
        {"[0xZ]", "line 1, column 4: expected a hexadecimal digit, found Z"},
        {"'\\x4'", "line 1, column 2: expected two hexadecimal digits behind \\x"},
        {"'\\u00zz'", "line 1, column 2: expected four hexadecimal digits behind \\u"},
        {"'\\01'", "line 1, column 2: expected no digit behind \\0"},
        {"{a\\u002d: 1}", "line 1, column 3: expected a letter, found an escape of something else in a key without quotes"},
        {"[1] x", "line 1, column 5: expected the end of the text, found x"},
        {"1 /* never closed", "line 1, column 3: expected */ to close the comment that starts here"},
        {"{a: undefined}", "line 1, column 5: expected a value, found u"},
        {"+", "line 1, column 2: expected a digit, found the end of the text"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        refused(cases[i].text, LT_JSON_JSON5, cases[i].detail);
}

static void what_is_not_json5_is_refused(void **state)
{
    static const struct {
        const char *text, *detail;
    } cases[] = {
        {"[,]", NULL},
        {"[1,,2]", NULL},
        {"{,}", NULL},
        {"{a:1,,}", NULL},
        {"{a}", NULL},
        {"{1a:1}", NULL},
        {"{a-b:1}", NULL},
        {"{\\u002d:1}", NULL},
        {"{a\\u002d:1}", NULL},
        {"{a\\x41:1}", NULL},
        {"01", NULL},
        {"0x", NULL},
        {"0xg", NULL},
        {".", NULL},
        {"+", NULL},
        {"+-1", NULL},
        {"+ 1", NULL},
        {".e1", NULL},
        {"1e", NULL},
        {"Infinit", NULL},
        {"Infinityx", NULL},
        {"1a", NULL},
        {"abc", NULL},
        {"undefined", NULL},
        {"/* open", "line 1, column 1: expected */ to close the comment that starts here"},
        {"1 /", NULL},
        {"/1", NULL},
        {"# c\n1", NULL},
        {"'a\nb'", NULL},
        {"'a\rb'", NULL},
        {"'open", NULL},
        {"'\\", NULL},
        {"'\\1'", NULL},
        {"'\\01'", NULL},
        {"'\\x4'", NULL},
        {"'\\u004'", NULL},
        {"'\\ud800'", NULL},
        {"'\xFF'", NULL},
        {"'\\\xFF'", NULL},
        {"//\xFF\n1", NULL},
        {"{a:1,'a':2}", "line 1, column 6: expected each key once, found \"a\" again"},
        {"{a:1,\\u0061:2}", NULL},
        {"`a`", NULL},
        {"", NULL},
        {"//", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        refused(cases[i].text, LT_JSON_JSON5, cases[i].detail);
}

/* ---- equality ---- */

static void equality_is_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"100", "1e2", true},
        {"0.1", "1e-1", true},
        {"0.10", "0.1", true},
        {"0.00125", "125e-5", true},
        {"0", "-0.0", true},
        {"1.5e3", "1500", true},
        {"9007199254740993", "9007199254740993.0", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"9223372036854775808", "9223372036854775809", false}, /* the same double, not the same number */
        {"0.1", "0.1000000000000000055511151231257827", false},
        {"1e300", "1e300", true},
        {"1", "\"1\"", false},
        {"0", "false", false},
        {"null", "false", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"\"a\"", "\"b\"", false},
        {"\"a\"", "\"a\\u0000\"", false},
        {"[1,2]", "[1,2.0]", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,2]", false},
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{}", "[]", false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *a = must(cases[i].a, LT_JSON_STRICT), *b = must(cases[i].b, LT_JSON_STRICT);
        if (lt_json_equal(a, b) != cases[i].equal || lt_json_equal(b, a) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
    assert_true(lt_json_equal(NULL, NULL));
    assert_false(lt_json_equal(NULL, must("null", LT_JSON_STRICT)));
}

/* ---- writing ---- */

static void put_random_string(struct lt_jw *w, bool key, unsigned *seed)
{
    char text[64];
    size_t n = 0;
    for (int k = rand_r(seed) % 12; k > 0; k--) {
        static const uint32_t tops[] = {0x20, 0x80, 0x80, 0x800, 0xD800, 0x10000, 0x110000};
        uint32_t c = (uint32_t)rand_r(seed) % tops[rand_r(seed) % LT_COUNT(tops)];
        if (c >= 0xD800 && c <= 0xDFFF)
            c = '"';
        n += (size_t)lt_utf8_encode(c, text + n);
    }
    if (key) /* different from all others of its object */
        n += (size_t)snprintf(text + n, 12, "%x", (unsigned)rand_r(seed));
    if (key)
        lt_jw_key_str(w, (struct lt_str){text, n});
    else
        lt_jw_str(w, (struct lt_str){text, n});
}

static void put_random(struct lt_jw *w, int depth, unsigned *seed)
{
    int kind = rand_r(seed) % (depth > 0 ? 8 : 6);
    double d = (rand_r(seed) - RAND_MAX / 2) * pow(10, rand_r(seed) % 80 - 40);
    switch (kind) {
    case 0:
        lt_jw_null(w);
        break;
    case 1:
        lt_jw_bool(w, rand_r(seed) % 2);
        break;
    case 2:
        lt_jw_int(w, (int64_t)((uint64_t)rand_r(seed) << 33 ^ (uint64_t)rand_r(seed)));
        break;
    case 3:
        lt_jw_double(w, d);
        break;
    case 4:
    case 5:
        put_random_string(w, false, seed);
        break;
    default:
        if (kind == 6)
            lt_jw_arr(w);
        else
            lt_jw_obj(w);
        for (int k = rand_r(seed) % 14; k > 0; k--) {
            if (kind == 7)
                put_random_string(w, true, seed);
            put_random(w, depth - 1, seed);
        }
        lt_jw_end(w);
    }
}

/* Random documents: read, written and read again they are the same, byte by byte the second time, and JSON5 reads them alike. */
static void what_is_written_reads_back_the_same(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 3000; round++) {
        struct lt_arena *a = lt_arena_new();
        struct lt_buf b;
        struct lt_jw w;
        const struct lt_json *one, *two, *five;
        struct lt_error err;
        lt_buf_init(&b, 1 << 20);
        lt_jw_init(&w, &b);
        put_random(&w, 4, &seed);
        assert_false(b.failed);
        if (lt_json_parse(a, lt_buf_str(&b), LT_JSON_STRICT, &one, &err)) {
            if (!strstr(err.detail, "each key once")) /* two random keys may meet */
                fail_msg("%s: %.*s", err.detail, LT_FMT(lt_buf_str(&b)));
        } else {
            struct lt_str text = lt_json_text(a, one);
            assert_true(lt_str_eq(text, lt_buf_str(&b)));
            assert_int_equal(lt_json_parse(a, text, LT_JSON_STRICT, &two, &err), LT_OK);
            assert_true(lt_json_equal(one, two));
            assert_int_equal(lt_json_parse(a, text, LT_JSON_JSON5, &five, &err), LT_OK);
            assert_true(lt_json_equal(one, five));
        }
        lt_buf_free(&b);
        lt_arena_free(a);
    }
}

/* How far lt_utf8_valid(), another implementation, takes text[from..n), and no quote, backslash or control stands. */
static size_t plain_until(const char *text, size_t n, size_t from)
{
    while (from < n) {
        unsigned char c = (unsigned char)text[from];
        size_t len = 1;
        while (len < 4 && len < n - from && !lt_utf8_valid(text + from, len))
            len++;
        if (c < 0x20 || c == '"' || c == '\\' || !lt_utf8_valid(text + from, len))
            break;
        from += len;
    }
    return from;
}

/* Pieces whole and broken, at every distance from one another and from the end: read up to the first fault, written with U+FFFD for it. */
static void text_in_every_script_is_told_from_what_is_not_utf8(void **state)
{
    static const char *const pieces[] = {
        "a", " ", "plain text of more than sixteen", "\xC2\x80", "\xCE\xB1\xCE\xB2\xCE\xB3", "\xDF\xBF", "\xE0\xA0\x80", "\xE3\x81\x82\xE3\x81\x84",
        "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF3\xBF\xBF\xBF", "\xF4\x8F\xBF\xBF",
        /* broken */
        "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xE1\x80", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF1\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\x01"};
    enum { WHOLE = 14 };
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 30000; round++) {
        char text[512] = "\"", wanted[2048] = "\"";
        size_t n = 1, w = 1;
        int faults = rand_r(&seed) % 3;
        for (int k = rand_r(&seed) % 14; k > 0; k--)
            n += (size_t)snprintf(text + n, 40, "%s", pieces[rand_r(&seed) % WHOLE]);
        for (; faults > 0; faults--) {
            n += (size_t)snprintf(text + n, 40, "%s", pieces[WHOLE + rand_r(&seed) % (LT_COUNT(pieces) - WHOLE)]);
            n += (size_t)snprintf(text + n, 40, "%s", pieces[rand_r(&seed) % WHOLE]);
        }
        size_t plain = plain_until(text, n, 1), inside = n;
        text[n++] = '"';
        const struct lt_json *v;
        struct lt_error err = {0};
        enum lt_code code = parse((struct lt_str){text, n}, LT_JSON_STRICT, &v, &err);
        assert_int_equal(code, plain == inside ? LT_OK : LT_EINVALID_JSON);
        if (code) { /* the column counts code points: what is no continuation byte */
            size_t column = 1;
            char place[64];
            for (size_t i = 0; i < plain; i++)
                column += ((unsigned char)text[i] & 0xC0) != 0x80;
            snprintf(place, sizeof(place), "line 1, column %zu: ", column);
            assert_true(strncmp(err.detail, place, strlen(place)) == 0);
        } else {
            assert_true(lt_str_eq(lt_json_str(v), (struct lt_str){text + 1, inside - 1}));
        }
        for (size_t i = 1; i < inside;) {
            size_t stop = plain_until(text, inside, i);
            memcpy(wanted + w, text + i, stop - i);
            w += stop - i;
            if (stop < inside)
                w += (size_t)snprintf(wanted + w, 8, "%s", (unsigned char)text[stop] < 0x20 ? "\\u0001" : "\xEF\xBF\xBD");
            i = stop + 1;
        }
        wanted[w++] = '"';
        struct lt_buf b;
        struct lt_jw jw;
        char *exact = malloc(inside);
        memcpy(exact, text + 1, inside - 1);
        lt_buf_init(&b, 4096);
        lt_jw_init(&jw, &b);
        lt_jw_str(&jw, (struct lt_str){exact, inside - 1});
        assert_true(lt_str_eq(lt_buf_str(&b), (struct lt_str){wanted, w}));
        lt_buf_free(&b);
        free(exact);
    }
}

static void doubles_are_written_short_and_exact(void **state)
{
    static const struct {
        double d;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e21, "1e+21"},
                 {-1.5, "-1.5"},
                 {5e-324, "4.94065645841247e-324"},
                 {NAN, "null"},
                 {INFINITY, "null"},
                 {-INFINITY, "null"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_buf b;
        struct lt_jw w;
        lt_buf_init(&b, 64);
        lt_jw_init(&w, &b);
        lt_jw_double(&w, cases[i].d);
        if (!lt_str_is(lt_buf_str(&b), cases[i].text))
            fail_msg("%.17g is written as %.*s", cases[i].d, LT_FMT(lt_buf_str(&b)));
        lt_buf_free(&b);
    }
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int round = 0; round < 50000; round++) {
        uint64_t bits = (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed) << 11 ^ (uint64_t)rand_r(&seed);
        double d;
        memcpy(&d, &bits, sizeof(d));
        if (!isfinite(d))
            continue;
        struct lt_buf b;
        struct lt_jw w;
        const struct lt_json *v;
        lt_buf_init(&b, 64);
        lt_jw_init(&w, &b);
        lt_jw_double(&w, d);
        assert_int_equal(lt_json_parse(arena, lt_buf_str(&b), LT_JSON_STRICT, &v, NULL), LT_OK);
        double back = lt_json_double_or(v, NAN);
        if (memcmp(&back, &d, sizeof(d)) != 0)
            fail_msg("%.17g is written as %.*s", d, LT_FMT(lt_buf_str(&b)));
        lt_buf_free(&b);
    }
}

static void the_writer_places_commas(void **state)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 4096);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "s", LT_STR("a\"\\\x01\x7F\n"));
    lt_jw_kstrz(&w, "z", NULL);
    lt_jw_kint(&w, "i", INT64_MIN);
    lt_jw_kbool(&w, "b", true);
    lt_jw_kjson(&w, "j", must("[1.50,{\"x\":null}]", LT_JSON_STRICT));
    lt_jw_kjson(&w, "none", NULL);
    lt_jw_key_str(&w, LT_STR("k\n"));
    lt_jw_arr(&w);
    lt_jw_arr(&w);
    lt_jw_end(&w);
    lt_jw_obj(&w);
    lt_jw_end(&w);
    lt_jw_raw(&w, LT_STR("{\"raw\":1}"));
    lt_jw_null(&w);
    lt_jw_strz(&w, "\xC3\xA9\xFF\xE2\x82");
    lt_jw_end(&w);
    lt_jw_kbool(&w, "last", false);
    lt_jw_end(&w);
    assert_true(lt_str_is(lt_buf_str(&b), "{\"s\":\"a\\\"\\\\\\u0001\x7F\\n\",\"z\":\"\",\"i\":-9223372036854775808,\"b\":true,"
                                          "\"j\":[1.50,{\"x\":null}],\"none\":null,\"k\\n\":[[],{},{\"raw\":1},null,"
                                          "\"\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"],\"last\":false}"));
    lt_buf_free(&b);
}

static void nesting_of_the_writer_is_remembered(void **state)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 4096);
    lt_jw_init(&w, &b);
    for (int i = 0; i < LT_JSON_DEPTH; i++) {
        if (i % 3 == 0) {
            lt_jw_obj(&w);
            lt_jw_key(&w, "k");
        } else {
            lt_jw_arr(&w);
        }
        if (i == LT_JSON_DEPTH - 1)
            lt_jw_int(&w, 1);
    }
    for (int i = 0; i < LT_JSON_DEPTH; i++)
        lt_jw_end(&w);
    const struct lt_json *v;
    assert_int_equal(parse(lt_buf_str(&b), LT_JSON_STRICT, &v, NULL), LT_OK);
    lt_buf_free(&b);
}

static void value_without_key(struct lt_jw *w)
{
    lt_jw_obj(w);
    lt_jw_int(w, 1);
}

static void key_in_an_array(struct lt_jw *w)
{
    lt_jw_arr(w);
    lt_jw_key(w, "k");
}

static void two_values_at_the_top(struct lt_jw *w)
{
    lt_jw_int(w, 1);
    lt_jw_int(w, 2);
}

static void end_behind_a_key(struct lt_jw *w)
{
    lt_jw_obj(w);
    lt_jw_key(w, "k");
    lt_jw_end(w);
}

static void end_of_nothing(struct lt_jw *w)
{
    lt_jw_end(w);
}

static void too_deep(struct lt_jw *w)
{
    for (int i = 0; i <= LT_JSON_DEPTH; i++)
        lt_jw_arr(w);
}

static void misuse_of_the_writer_ends_the_process(void **state)
{
    void (*const misuses[])(struct lt_jw *) = {value_without_key, key_in_an_array, two_values_at_the_top,
                                               end_behind_a_key,  end_of_nothing,  too_deep};
    for (size_t i = 0; i < LT_COUNT(misuses); i++) {
        pid_t child = fork();
        if (child == 0) {
            struct lt_buf b;
            struct lt_jw w;
            close(STDERR_FILENO);
            signal(SIGABRT, SIG_DFL);
            lt_buf_init(&b, 4096);
            lt_jw_init(&w, &b);
            misuses[i](&w);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(values_have_their_types),
        TEST(strings_are_decoded),
        TEST(strings_of_every_byte_and_length),
        TEST(strings_are_utf8),
        TEST(numbers_keep_value_and_text),
        TEST(doubles_are_exact),
        TEST(members_are_found),
        TEST(absent_values_answer_with_the_default),
        TEST(pointers_lead_to_values),
        TEST(offsets_point_at_the_first_byte),
        TEST(what_is_not_json_is_refused_with_its_place),
        TEST(duplicate_keys_are_found_in_objects_of_every_size),
        TEST(many_keys_are_no_burden),
        TEST(nesting_has_a_limit),
        TEST(numbers_have_a_longest_text),
        TEST(damaged_documents_are_handled),
        TEST(json5_is_read),
        TEST(examples_of_the_json5_specification),
        TEST(what_json_cannot_hold_is_refused_where_asked),
        TEST(large_hexadecimal_numbers_keep_every_digit),
        TEST(json5_errors_name_the_place),
        TEST(what_is_not_json5_is_refused),
        TEST(equality_is_by_value),
        TEST(what_is_written_reads_back_the_same),
        TEST(text_in_every_script_is_told_from_what_is_not_utf8),
        TEST(doubles_are_written_short_and_exact),
        TEST(the_writer_places_commas),
        TEST(nesting_of_the_writer_is_remembered),
        TEST(misuse_of_the_writer_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

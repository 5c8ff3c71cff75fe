/* src/base: arenas, buffers, strings and UTF-8, errors, logs, clock, ids, secrets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/lru.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/shelf.h"
#include "base/uuid.h"

/* ---- arena ---- */

static char order[8];
static size_t ordered;

static void note(void *arg)
{
    order[ordered++] = *(const char *)arg;
}

static void cleanups_run_in_reverse_order(void **state)
{
    struct lt_arena *a = lt_arena_new();
    char *letters = lt_strz(a, LT_STR("abc")); /* the arena's own memory is still there when its cleanups run */
    ordered = 0;
    for (int i = 0; i < 3; i++)
        lt_arena_on_free(a, note, letters + i);
    lt_arena_free(a);
    assert_int_equal(ordered, 3);
    assert_memory_equal(order, "cba", 3);
    lt_arena_free(NULL);
}

static void allocations_are_aligned_and_apart(void **state)
{
    struct lt_arena *a = lt_arena_new();
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4000, 5000, 8192, 16384, 100000, 3};
    unsigned char *p[LT_COUNT(sizes)];
    for (size_t i = 0; i < LT_COUNT(sizes); i++) {
        p[i] = lt_alloc(a, sizes[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < LT_COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(p[i][k], i + 1);
    assert_true(lt_arena_used(a) >= 4000 + 5000 + 8192 + 16384 + 100000);
    lt_arena_free(a);
}

static void cleared_memory_is_zero_even_when_reused(void **state)
{
    for (int round = 0; round < 3; round++) {
        struct lt_arena *a = lt_arena_new();
        unsigned char *p = lt_zalloc(a, 3000);
        for (size_t i = 0; i < 3000; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAA, 3000);
        lt_arena_free(a);
    }
    lt_arena_thread_end();
}

static void copies_end_with_a_nul_that_is_not_counted(void **state)
{
    struct lt_arena *a = lt_arena_new();
    struct lt_str s = lt_str_copy(a, (struct lt_str){"a\0b", 3});
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b\0", 4);
    assert_string_equal(lt_strz(a, LT_STR_NULL), "");
    struct lt_str long_one = lt_printf(a, "%05000d", 7);
    assert_int_equal(long_one.n, 5000);
    assert_int_equal(long_one.p[5000], 0);
    lt_arena_free(a);
}

/* ---- shelf ---- */

static bool is_mapped(const void *p)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char in;
    return mincore((void *)((uintptr_t)p / page * page), page, &in) == 0 || errno != ENOMEM;
}

/* Small and large things, taken away oldest first, the last ones after the shelf itself. */
static void what_lies_on_a_shelf_stays_whole_and_goes_with_its_chunk(void **state)
{
    enum { THINGS = 3000, KEPT = 500, LARGE = 300000 };
    static struct {
        unsigned char *p;
        size_t n;
    } things[THINGS];
    unsigned seed = (unsigned)lt_now_ms();
    struct lt_shelf *shelf = lt_shelf_new();
    print_message("seed %u\n", seed);
    for (int i = 0; i < THINGS + KEPT; i++) {
        int old = i - KEPT;
        if (i < THINGS) {
            things[i].n = (size_t)(rand_r(&seed) % (i % 97 ? 5000 : LARGE));
            things[i].p = lt_shelf_put(shelf, things[i].n);
            assert_int_equal((uintptr_t)things[i].p % 16, 0);
            memset(things[i].p, i & 0xff, things[i].n);
        }
        if (i == THINGS)
            lt_shelf_free(shelf);
        if (old < 0)
            continue;
        for (size_t k = 0; k < things[old].n; k++)
            assert_int_equal(things[old].p[k], old & 0xff);
        lt_shelf_drop(things[old].p);
    }
    for (int i = 0; i < THINGS; i += 97)
        assert_false(is_mapped(things[i].p));
    lt_shelf_drop(NULL);
    lt_shelf_free(NULL);
}

/* ---- buffer ---- */

static void a_buffer_never_passes_its_maximum(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 10);
    assert_true(lt_buf_put(&b, "12345", 5));
    assert_true(lt_buf_put(&b, "67890", 5));
    assert_false(lt_buf_putc(&b, 'x'));
    assert_true(b.failed);
    assert_int_equal(b.n, 10);
    assert_true(b.cap <= 10);
    assert_false(lt_buf_put(&b, "", 0)); /* once failed, always failed */
    lt_buf_reset(&b);
    assert_true(lt_buf_putc(&b, 'x'));
    assert_false(lt_buf_reserve(&b, SIZE_MAX));
    assert_false(lt_buf_put_str(&b, LT_STR("y")));
    assert_int_equal(b.n, 1);
    lt_buf_free(&b);
    assert_true(lt_buf_putc(&b, 'z'));
    lt_buf_free(&b);
}

static void a_buffer_grows_and_consumes(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 100000);
    for (int i = 0; i < 5000; i++)
        assert_true(lt_buf_printf(&b, "%d,", i % 10));
    assert_int_equal(b.n, 10000);
    lt_buf_consume(&b, 9998);
    assert_true(lt_str_is(lt_buf_str(&b), "9,"));
    lt_buf_consume(&b, 2);
    assert_int_equal(b.n, 0);
    lt_buf_free(&b);
}

static void integers_are_written_whole(void **state)
{
    static const int64_t values[] = {0, 1, -1, 9, 10, -10, 1234567890123, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < LT_COUNT(values); i++) {
        struct lt_buf b;
        char expected[24];
        lt_buf_init(&b, 64);
        assert_true(lt_buf_put_int(&b, values[i]));
        snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
        assert_true(lt_str_is(lt_buf_str(&b), expected));
        lt_buf_free(&b);
    }
}

/* ---- strings ---- */

static void strings_compare_and_trim(void **state)
{
    assert_true(lt_str_eq_ci(LT_STR("Content-LENGTH"), LT_STR("content-length")));
    assert_false(lt_str_eq_ci(LT_STR("a["), LT_STR("A{"))); /* only letters fold */
    assert_true(lt_str_eq(LT_STR_NULL, LT_STR("")));
    assert_true(lt_str_starts(LT_STR("abc"), LT_STR("ab")) && lt_str_ends(LT_STR("abc"), LT_STR("bc")));
    assert_false(lt_str_starts(LT_STR("a"), LT_STR("ab")) || lt_str_ends(LT_STR("a"), LT_STR("ba")));
    assert_true(lt_str_is(lt_str_trim(LT_STR(" \t\r\n a b \n")), "a b"));
    assert_int_equal(lt_str_trim(LT_STR(" \n ")).n, 0);
}

static void cut_returns_the_pieces_in_turn(void **state)
{
    struct lt_str s = LT_STR("a,,b");
    assert_true(lt_str_is(lt_str_cut(&s, ','), "a"));
    assert_true(lt_str_is(lt_str_cut(&s, ','), ""));
    assert_true(lt_str_is(lt_str_cut(&s, ','), "b"));
    assert_null(s.p);
    assert_int_equal(lt_str_cut(&s, ',').n, 0);
}

/* Test vectors of FNV-1a's authors. */
static void hashes_are_those_of_fnv_1a_and_go_on_from_a_state(void **state)
{
    assert_true(lt_hash64(LT_HASH64_START, NULL, 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(lt_hash64(LT_HASH64_START, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(lt_hash64(LT_HASH64_START, "foobar", 6) == UINT64_C(0x85944171f73967e8));
    assert_true(lt_hash64(lt_hash64(LT_HASH64_START, "foo", 3), "bar", 3) == UINT64_C(0x85944171f73967e8));
}

static void decimal_numbers_parse_strictly(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
        {"99999999999999999999", false, 0},
        {"1.0", false, 0},
        {"\xD9\xA1", false, 0}, /* an Arabic digit is no digit here */
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t v = -1;
        assert_int_equal(lt_str_to_int64(lt_str(cases[i].text), &v), cases[i].ok);
        if (cases[i].ok)
            assert_int_equal(v, cases[i].value);
    }
}

/* Every code point there is, and every surrogate and overlong form there must not be. */
static void utf8_takes_exactly_the_scalar_values(void **state)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char out[4];
        int n = lt_utf8_encode(c, out);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        if (lt_utf8_valid(out, (size_t)n) == surrogate)
            fail_msg("U+%04X", c);
        if (!surrogate)
            for (int cut = 1; cut < n; cut++)
                if (lt_utf8_valid(out, (size_t)cut) || lt_utf8_whole(out, (size_t)cut) != 0)
                    fail_msg("U+%04X cut at %d", c, cut);
    }
}

static void broken_utf8_is_refused(void **state)
{
    static const char *const bad[] = {"\x80",         "\xC0\x80",          "\xC1\xBF",         "\xE0\x9F\xBF",
                                      "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",  "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                      "\xFF",         "\xE2\x82",          "\xE2\x28\xA1",     "\xC3(",
                                      "abcdefgh\x80", "abcdefghi\xF0\x9F", "\xC3\xA9\xC3"};
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        if (lt_utf8_valid(bad[i], strlen(bad[i])))
            fail_msg("case %zu", i);
    assert_true(lt_utf8_valid("", 0));
    assert_true(lt_utf8_valid("plain ASCII, then h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80 and more ASCII", 49));
}

static void a_cut_never_leaves_half_a_character(void **state)
{
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t n = 0; n < LT_COUNT(whole); n++)
        assert_int_equal(lt_utf8_whole(text, n), whole[n]);
}

/* ---- errors ---- */

static void every_error_has_a_name_a_status_and_a_text(void **state)
{
    for (int i = 0; i < LT_CODE_COUNT; i++) {
        assert_true(strlen(lt_code_name(i)) > 1);
        assert_true(lt_code_status(i) >= 200 && lt_code_status(i) < 600);
        size_t n = strlen(lt_code_text(i));
        assert_true(n > 0 && lt_code_text(i)[n - 1] == '.');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(lt_code_name(i), lt_code_name(k));
    }
    assert_int_equal(lt_code_status(LT_OK), 200);
    assert_string_equal(lt_code_name(LT_EPOLICY), "policy_not_accepted");
    assert_int_equal(lt_code_status(LT_ERATE_LIMITED), 429);
    assert_true(lt_code_retryable(LT_ERATE_LIMITED));
    assert_string_equal(lt_code_name((enum lt_code)9999), "internal_error");
    for (int i = 0; i < LT_CODE_COUNT; i++)
        assert_int_equal(lt_code_parse(lt_str(lt_code_name(i)), LT_CODE_COUNT), i);
    assert_int_equal(lt_code_parse(LT_STR("unknown"), LT_EIO), LT_EIO);
    assert_int_equal(lt_code_parse(LT_STR_NULL, LT_EIO), LT_EIO);
}

static void an_error_of_a_part_is_one_of_the_whole(void **state)
{
    struct lt_error err;
    lt_fail_field(&err, LT_EINVALID_INPUT, "/prompt", "is required");
    assert_int_equal(lt_error_under(&err, "/input"), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/input/prompt");
    lt_fail_field(&err, LT_EINVALID_INPUT, "", "must be an object");
    lt_error_under(&err, "/config");
    assert_string_equal(err.field, "/config");
    char deep[sizeof(err.field)];
    memset(deep, 'x', sizeof(deep) - 1);
    deep[0] = '/';
    deep[sizeof(deep) - 1] = '\0';
    lt_fail_field(&err, LT_EINVALID_INPUT, deep, "too deep");
    lt_error_under(&err, "/input"); /* what does not fit is cut, never run over */
    assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
    assert_memory_equal(err.field, "/input/xxx", 10);
}

static void errors_keep_field_detail_and_context(void **state)
{
    struct lt_error err;
    assert_int_equal(lt_fail_field(&err, LT_EINVALID_INPUT, "/input/text", "must be a string"), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/input/text");
    assert_int_equal(lt_error_wrap(&err, "action %s", "x"), LT_EINVALID_INPUT);
    assert_string_equal(err.detail, "action x: must be a string");
    assert_int_equal(lt_fail(&err, LT_EIO, "read: %s", err.detail), LT_EIO); /* its own detail may be an argument */
    assert_string_equal(err.detail, "read: action x: must be a string");
    assert_string_equal(err.field, "");
    assert_int_equal(lt_fail(NULL, LT_EIO, "nobody listens"), LT_EIO);
}

static void long_details_are_cut_between_characters(void **state)
{
    struct lt_error err;
    char text[1000];
    for (size_t i = 0; i + 2 < sizeof(text); i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[999] = '\0';
    lt_fail_field(&err, LT_EIO, text, "%s", text);
    assert_true(strlen(err.detail) > 390 && lt_utf8_valid(err.detail, strlen(err.detail)));
    assert_true(strlen(err.field) > 90 && lt_utf8_valid(err.field, strlen(err.field)));
    lt_error_wrap(&err, "while %s", "reading");
    assert_true(strlen(err.detail) > 390 && lt_utf8_valid(err.detail, strlen(err.detail)));
    assert_memory_equal(err.detail, "while reading: ", 15);
}

/* ---- logs ---- */

static void secrets_do_not_reach_a_log_line(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"key lk_abcdef1234567890 used", "key lk_abcdef********** used"},
        {"sk-proj-abcdefgh", "sk-*************"},
        {"Authorization: Bearer abcdefghij", "Authorization: Bearer **********"},
        {"authorization: bearer abcdefghij", "authorization: bearer **********"},
        {"Bearer  abcdefghij", "Bearer  **********"},
        {"Basic dXNlcjpwYXNz", "Basic ************"},
        {"JWT eyJhbGciOi.eyJzdWIi.c2ln", "JWT ************************"},
        {"token=eyJhbGciOi.eyJzdWIi.c2ln", "token=eyJ*********************"},
        {"https://x/?key=sk-12345678&a=b", "https://x/?key=sk-********&a=b"},
        {"\"lk_abcdef1234\"", "\"lk_abcdef****\""},
        {"line\nsk-abcdefgh", "line\nsk-********"},
        {"lk_short", "lk_short"},
        {"the task-management tool", "the task-management tool"},
        {"", ""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char text[100];
        snprintf(text, sizeof(text), "%s", cases[i].in);
        lt_log_redact(text, strlen(text));
        assert_string_equal(text, cases[i].out);
    }
}

/* What `write` logs, caught in a pipe. */
static size_t logged(void (*write_it)(void), char *out, size_t cap)
{
    int fds[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    write_it();
    dup2(before, STDERR_FILENO);
    close(before);
    close(fds[1]);
    ssize_t n = 0, got;
    while ((got = read(fds[0], out + n, cap - 1 - (size_t)n)) > 0)
        n += got;
    close(fds[0]);
    out[n] = '\0';
    return (size_t)n;
}

static void log_a_line(void)
{
    lt_log(LT_LOG_DEBUG, "not.shown");
    lt_log(LT_LOG_INFO, "http.listen", LT_S("url", "a\"b\n\tsk-abcdefgh"), LT_I("threads", -2),
           LT_SS("raw", ((struct lt_str){"\xFFx", 2})));
}

static char huge[10000];

static void log_a_long_line(void)
{
    memset(huge, '\n', sizeof(huge) - 1);
    lt_log(LT_LOG_WARN, "long.line", LT_S("one", "1"), LT_S("two", huge), LT_S("three", "3"));
}

static void log_an_error(void)
{
    struct lt_error err;
    lt_fail_field(&err, LT_EIO, "/a", "read failed");
    lt_log_error("conn.broken", &err);
}

static void a_log_line_is_one_json_object(void **state)
{
    static char line[20000];
    lt_clock_freeze(1795231445678);
    logged(log_a_line, line, sizeof(line));
    assert_string_equal(
        line, "{\"ts\":\"2026-11-21T03:24:05.678Z\",\"level\":\"info\",\"event\":\"http.listen\",\"url\":\"a\\\"b\\u000a"
              "\\u0009sk-********\",\"threads\":-2,\"raw\":\"?x\"}\n");
    size_t n = logged(log_a_long_line, line, sizeof(line));
    assert_true(n <= 8192);
    assert_string_equal(
        line, "{\"ts\":\"2026-11-21T03:24:05.678Z\",\"level\":\"warn\",\"event\":\"long.line\",\"one\":\"1\",\"cut\":true}\n");
    logged(log_an_error, line, sizeof(line));
    assert_non_null(strstr(line, "\"code\":\"io_error\",\"detail\":\"read failed\",\"field\":\"/a\",\"vendor_status\":0}\n"));
    lt_clock_freeze(0);
}

static void log_levels_have_names(void **state)
{
    enum lt_log_level level;
    assert_true(lt_log_level_parse(LT_STR("warn"), &level));
    assert_int_equal(level, LT_LOG_WARN);
    assert_false(lt_log_level_parse(LT_STR("WARN "), &level));
}

/* ---- clock ---- */

static void times_are_written_and_read(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1795231445678, "2026-11-21T03:24:05.678Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {-62167219200000, "0000-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        char out[25];
        int64_t ms;
        lt_time_format(cases[i].ms, out);
        assert_string_equal(out, cases[i].text);
        assert_true(lt_time_parse(lt_str(out), &ms));
        assert_int_equal(ms, cases[i].ms);
    }
    char out[25];
    lt_time_format(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    lt_time_format(INT64_MIN, out);
    assert_string_equal(out, "0000-01-01T00:00:00.000Z");
}

static void times_with_offsets_and_fractions(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},      {"1970-01-01t00:00:00z", 0},     {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0}, {"1970-01-01T00:00:00.5Z", 500}, {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T00:00:60Z", 60000},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t ms = -1;
        assert_true(lt_time_parse(lt_str(cases[i].text), &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970- 1- 1T00:00:00Z",
        "1970-01-01T+1:00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00+00:0",
        "1970-01-01T00:00:00 00:00",
    };
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        int64_t ms;
        if (lt_time_parse(lt_str(bad[i]), &ms))
            fail_msg("took \"%s\"", bad[i]);
    }
    int64_t ms;
    assert_false(lt_time_parse((struct lt_str){"1970-01-01T00:00:00\0Z", 21}, &ms));
}

static void the_clock_can_be_frozen(void **state)
{
    lt_clock_freeze(12345);
    assert_int_equal(lt_now_ms(), 12345);
    lt_clock_freeze(0);
    assert_true(lt_now_ms() > 1700000000000);
    uint64_t before = lt_mono_us();
    assert_true(lt_mono_us() >= before);
}

/* ---- ids ---- */

static void ids_sort_by_the_time_they_were_made(void **state)
{
    struct lt_uuid before = lt_uuid_new();
    for (int i = 0; i < 20000; i++) {
        struct lt_uuid id = lt_uuid_new();
        assert_true(memcmp(before.b, id.b, 16) < 0);
        assert_int_equal(id.b[6] >> 4, 7);
        assert_int_equal(id.b[8] >> 6, 2);
        before = id;
    }
    /* far more of them than the counter holds, and a clock that stands still, then goes back */
    int64_t now = lt_now_ms() + 1000;
    for (int step = 0; step < 3; step++) {
        lt_clock_freeze(now - step * 500);
        for (int i = 0; i < 6000; i++) {
            struct lt_uuid id = lt_uuid_new();
            assert_true(memcmp(before.b, id.b, 16) < 0);
            before = id;
        }
    }
    lt_clock_freeze(0);
}

static void ids_hold_the_time(void **state)
{
    int64_t far = lt_now_ms() + 3600000; /* ahead of all ids made so far */
    lt_clock_freeze(far);
    struct lt_uuid id = lt_uuid_new();
    lt_clock_freeze(0);
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    assert_int_equal(ms, far);
}

static void ids_are_written_and_read(void **state)
{
    char text[37];
    struct lt_uuid id, back;
    assert_true(lt_uuid_parse(LT_STR("017F22E2-79B0-7CC3-98c4-dc0c0c07398f"), &id));
    lt_uuid_format(id, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    for (int i = 0; i < 100; i++) {
        id = lt_uuid_new();
        lt_uuid_format(id, text);
        assert_true(lt_uuid_parse(lt_str(text), &back) && lt_uuid_eq(id, back));
        assert_false(lt_uuid_is_null(id));
    }
    static const char *const bad[] = {"",
                                      "017f22e279b07cc398c4dc0c0c07398f",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                                      "017f22e2+79b0-7cc3-98c4-dc0c0c07398f",
                                      "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0"};
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        assert_false(lt_uuid_parse(lt_str(bad[i]), &back));
}

/* ---- secrets ---- */

static void assert_hex(const uint8_t *p, size_t n, const char *expected)
{
    char out[129];
    lt_hex(p, n, out);
    assert_string_equal(out, expected);
}

static void sha256_of_known_texts(void **state)
{
    uint8_t out[32];
    lt_sha256("", 0, out); /* FIPS 180-4 examples */
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    lt_sha256("abc", 3, out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test cases 1 to 4, 6 and 7. */
static void hmac_of_known_texts(void **state)
{
    uint8_t key[131], data[50], out[32];
    memset(key, 0x0b, 20);
    lt_hmac_sha256(key, 20, "Hi There", 8, out);
    assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    lt_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, 50);
    lt_hmac_sha256(key, 20, data, 50, out);
    assert_hex(out, 32, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (int i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, 50);
    lt_hmac_sha256(key, 25, data, 50, out);
    assert_hex(out, 32, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    memset(key, 0xaa, sizeof(key));
    static const char six[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    lt_hmac_sha256(key, 131, six, strlen(six), out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    static const char seven[] = "This is a test using a larger than block-size key and a larger than block-size data. "
                                "The key needs to be hashed before being used by the HMAC algorithm.";
    lt_hmac_sha256(key, 131, seven, strlen(seven), out);
    assert_hex(out, 32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    lt_hmac_sha256(NULL, 0, "", 0, out);
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hex_reads_back(void **state)
{
    uint8_t out[3];
    assert_true(lt_unhex(LT_STR("00fFa9"), out, 3));
    assert_hex(out, 3, "00ffa9");
    assert_false(lt_unhex(LT_STR("00ff"), out, 3));
    assert_false(lt_unhex(LT_STR("00ffg9"), out, 3));
    assert_false(lt_unhex(LT_STR("00ff 9"), out, 3));
}

static void base64url_reads_back(void **state)
{
    struct lt_arena *a = lt_arena_new();
    /* RFC 4648 §10 without padding, and the two characters of §5 */
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xBF", "-_-_"}};
    for (size_t i = 0; i < LT_COUNT(pairs); i++) {
        struct lt_str back;
        assert_true(lt_str_is(lt_base64url(a, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]));
        assert_true(lt_base64url_decode(a, lt_str(pairs[i][1]), &back));
        assert_true(lt_str_is(back, pairs[i][0]));
    }
    for (size_t n = 0; n < 200; n++) {
        uint8_t bytes[200];
        struct lt_str back;
        lt_random(bytes, n);
        assert_true(lt_base64url_decode(a, lt_base64url(a, bytes, n), &back));
        assert_int_equal(back.n, n);
        assert_memory_equal(back.p, bytes, n);
    }
    static const char *const bad[] = {"Z", "Zg==", "Zm9v+", "Zm9/", "Zh", "Zm9=", "Zm 9", "Zm9vY"};
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        struct lt_str back;
        assert_false(lt_base64url_decode(a, lt_str(bad[i]), &back));
    }
    struct lt_str back;
    assert_false(lt_base64url_decode(a, (struct lt_str){"Zm\0v", 4}, &back));
    lt_arena_free(a);
}

static void comparison_and_wiping(void **state)
{
    char secret[] = "hunter2";
    assert_true(lt_equal_ct(secret, "hunter2", 7));
    assert_false(lt_equal_ct(secret, "hunter3", 7));
    assert_true(lt_equal_ct(secret, "x", 0));
    lt_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++)
        assert_int_equal(secret[i], 0);
    uint8_t a[32] = {0}, b[32] = {0};
    lt_random(a, 32);
    lt_random(b, 32);
    assert_memory_not_equal(a, b, 32);
}

/* ---- the most recently used ---- */

enum { LRU_KEYS = 40, LRU_STEPS = 20000 };

struct used_entry {
    struct lt_lru_entry lru;
    int key;
};

/* Few hashes for many keys, so that chains are long. */
static uint64_t hash_of_key(int key)
{
    return (uint64_t)(key % 7) * 16;
}

static struct used_entry *find_used(const struct lt_lru *lru, int key)
{
    struct used_entry *e = lt_lru_first(lru, hash_of_key(key));
    while (e && e->key != key)
        e = lt_lru_next(&e->lru);
    return e;
}

static void test_lru_keeps_the_order_of_use(void **state)
{
    (void)state;
    int order_of[LRU_KEYS], n = 0; /* the least recently used first */
    unsigned seed = (unsigned)lt_mono_us();
    struct lt_lru lru;
    print_message("seed %u\n", seed);
    lt_lru_init(&lru, 1);
    for (int step = 0; step < LRU_STEPS; step++) {
        int key = rand_r(&seed) % LRU_KEYS, at = 0;
        struct used_entry *e = find_used(&lru, key);
        while (at < n && order_of[at] != key)
            at++;
        assert_true((e != NULL) == (at < n));
        if (e && rand_r(&seed) % 3 == 0) {
            lt_lru_remove(&lru, &e->lru);
            free(e);
            memmove(order_of + at, order_of + at + 1, (size_t)(--n - at) * sizeof(int));
            continue;
        }
        if (e) {
            lt_lru_use(&lru, &e->lru);
            memmove(order_of + at, order_of + at + 1, (size_t)(--n - at) * sizeof(int));
        } else {
            e = calloc(1, sizeof(*e));
            e->key = key;
            lt_lru_add(&lru, &e->lru, hash_of_key(key));
        }
        order_of[n++] = key;
        e = lt_lru_oldest(&lru);
        for (int i = 0; i < n; i++, e = lt_lru_newer(&lru, &e->lru))
            assert_int_equal(e->key, order_of[i]);
        assert_null(e);
        assert_int_equal(lru.n, n);
    }
    lt_lru_end(&lru);
}

/* ---- memory ---- */

/* Pages of files, of the program and its libraries nearly all. */
static long pages_of_files(void)
{
    long all, resident, shared;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld %ld", &all, &resident, &shared), 3);
    fclose(f);
    return shared;
}

static void pages_of_the_program_are_let_go_and_come_back(void **state)
{
    struct lt_uuid id = lt_uuid_new();
    char text[37];
    long before = pages_of_files();
    lt_memory_give_back();
    long after = pages_of_files();
    if (after >= before)
        fail_msg("%ld pages before, %ld after", before, after);
    lt_uuid_format(id, text);
    assert_int_equal(strlen(text), 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lru_keeps_the_order_of_use),
        cmocka_unit_test(cleanups_run_in_reverse_order),
        cmocka_unit_test(allocations_are_aligned_and_apart),
        cmocka_unit_test(cleared_memory_is_zero_even_when_reused),
        cmocka_unit_test(copies_end_with_a_nul_that_is_not_counted),
        cmocka_unit_test(what_lies_on_a_shelf_stays_whole_and_goes_with_its_chunk),
        cmocka_unit_test(a_buffer_never_passes_its_maximum),
        cmocka_unit_test(a_buffer_grows_and_consumes),
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(strings_compare_and_trim),
        cmocka_unit_test(cut_returns_the_pieces_in_turn),
        cmocka_unit_test(hashes_are_those_of_fnv_1a_and_go_on_from_a_state),
        cmocka_unit_test(decimal_numbers_parse_strictly),
        cmocka_unit_test(utf8_takes_exactly_the_scalar_values),
        cmocka_unit_test(broken_utf8_is_refused),
        cmocka_unit_test(a_cut_never_leaves_half_a_character),
        cmocka_unit_test(every_error_has_a_name_a_status_and_a_text),
        cmocka_unit_test(an_error_of_a_part_is_one_of_the_whole),
        cmocka_unit_test(errors_keep_field_detail_and_context),
        cmocka_unit_test(long_details_are_cut_between_characters),
        cmocka_unit_test(secrets_do_not_reach_a_log_line),
        cmocka_unit_test(a_log_line_is_one_json_object),
        cmocka_unit_test(log_levels_have_names),
        cmocka_unit_test(times_are_written_and_read),
        cmocka_unit_test(times_with_offsets_and_fractions),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(the_clock_can_be_frozen),
        cmocka_unit_test(ids_sort_by_the_time_they_were_made),
        cmocka_unit_test(ids_hold_the_time),
        cmocka_unit_test(ids_are_written_and_read),
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(hmac_of_known_texts),
        cmocka_unit_test(hex_reads_back),
        cmocka_unit_test(base64url_reads_back),
        cmocka_unit_test(comparison_and_wiping),
        cmocka_unit_test(pages_of_the_program_are_let_go_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

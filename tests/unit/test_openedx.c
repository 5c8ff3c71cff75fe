/* The Open edX door: its names for what went wrong, and texts that look like the mark of an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/door.h"
#include "api/openedx.h"

/* ---- paths ---- */

static void the_door_is_its_prefix_and_nothing_that_begins_alike(void **state)
{
    static const struct {
        const char *path;
        bool door;
    } cases[] = {{"/openedx-ai-extensions/v1", true},        {"/openedx-ai-extensions/v1/", true},   {"/openedx-ai-extensions/v1/x/y", true},
                 {"/openedx-ai-extensions/v10", false},      {"/openedx-ai-extensions/", false},     {"/v1/openedx-ai-extensions/v1/", false},
                 {"/openedx-ai-extensions/v1x/", false},     {"/", false},                           {"/OPENEDX-AI-EXTENSIONS/v1/", false}};
    (void)state;
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_int_equal(lt_door_of(lt_str(cases[i].path)) != NULL, cases[i].door);
}

/* ---- errors ---- */

static void each_code_has_the_doors_name_and_status(void **state)
{
    static const struct {
        const char *name;
        int status;
        enum lt_code codes[8]; /* LT_OK ends */
    } rows[] = {
        {"invalid_api_key", 500, {LT_EUPSTREAM_UNAUTHORIZED}},
        {"llm_config_error", 500,
         {LT_ENO_PROVIDER, LT_ECONFIG, LT_EPROFILE_INVALID, LT_EOUTBOUND_REFUSED, LT_EUPSTREAM_NOT_FOUND, LT_EUPSTREAM_BAD_REQUEST}},
        {"rate_limit_exceeded", 429, {LT_ERATE_LIMITED, LT_EUPSTREAM_RATE_LIMITED, LT_ESITE_BUSY}},
        {"context_window_exceeded", 400, {LT_ECONTEXT_WINDOW}},
        {"service_unavailable", 503, {LT_EUPSTREAM_UNAVAILABLE, LT_EUPSTREAM_TIMEOUT, LT_EOVERLOADED, LT_ESTORE, LT_ETIMEOUT, LT_EIO}},
        {"validation_error", 400, {LT_EINVALID_INPUT}},
        {"validation_error", 403, {LT_EPOLICY}},
        {"parse_error", 400, {LT_EINVALID_JSON}},
        {"processor_error", 500, {LT_EUPSTREAM_INVALID, LT_ECONTENT_REFUSED, LT_EUNSUPPORTED, LT_ECANCELLED, LT_EINTERRUPTED}},
        {"internal_error", 500, {LT_EINTERNAL, LT_EAGAIN}},
        {"unknown_action", 404, {LT_EUNKNOWN_ACTION}},
        {"no_config", 404, {LT_ENO_CONFIG}},
        {"not_found", 404, {LT_ENOT_FOUND}},
        {"unauthenticated", 401, {LT_EUNAUTHENTICATED}},
        {"permission_denied", 403, {LT_EPERMISSION}},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        for (size_t k = 0; k < LT_COUNT(rows[i].codes) && rows[i].codes[k]; k++) {
            int status;
            assert_string_equal(lt_openedx_code(rows[i].codes[k], &status), rows[i].name);
            assert_int_equal(status, rows[i].status);
        }
}

static void every_fault_has_a_status_that_the_ui_takes_for_a_fault(void **state)
{
    (void)state;
    for (int code = LT_OK + 1; code < LT_CODE_COUNT; code++) {
        int status;
        const char *name = lt_openedx_code((enum lt_code)code, &status);
        if (!name[0] || strncmp(name, "upstream", 8) == 0)
            fail_msg("code %d is called '%s'", code, name);
        assert_in_range(status, 400, 503);
    }
}

/* ---- texts that hold the mark ---- */

static const char mark[] = "||{\"error_in_stream\":";
static const char joiner[] = "\xe2\x81\xa0";

/* A text of pieces of the mark and other characters: whole marks are frequent. */
static size_t random_text(char *out, size_t max, unsigned *seed)
{
    static const char *const parts[] = {mark, mark, "|", "||", "||{", "||{\"error_in_stream\"", ":", "{", "\"", "a", " ", "\xc3\xa4",
                                        "error_in_stream"};
    size_t n = 0;
    for (int k = rand_r(seed) % 12; k >= 0; k--) {
        const char *part = parts[(size_t)rand_r(seed) % LT_COUNT(parts)];
        size_t take = rand_r(seed) % 4 ? strlen(part) : (size_t)rand_r(seed) % (strlen(part) + 1);
        if (n + take > max)
            break;
        memcpy(out + n, part, take);
        n += take;
    }
    return n;
}

static size_t count(const char *p, size_t n, const char *what)
{
    size_t found = 0, length = strlen(what);
    for (const char *at = memmem(p, n, what, length); at; at = memmem(at + length, n - (size_t)(at + length - p), what, length))
        found++;
    return found;
}

static void without_joiners(struct lt_str text, struct lt_buf *out)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.n - i >= 3 && memcmp(text.p + i, joiner, 3) == 0)
            i += 2;
        else
            lt_buf_putc(out, text.p[i]);
}

/* However a text is cut: no mark is left, nothing is lost, and only whole marks are touched. */
static void no_text_holds_the_mark_when_it_is_shown(void **state)
{
    const char *given = getenv("LECTERN_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)lt_mono_us();
    char text[512];
    (void)state;
    print_message("LECTERN_TEST_SEED=%u\n", seed);
    for (int round = 0; round < 20000; round++) {
        size_t n = random_text(text, sizeof(text), &seed), seen = 0, marks = count(text, n, mark);
        struct lt_buf out, plain;
        lt_buf_init(&out, 4096);
        lt_buf_init(&plain, 4096);
        for (size_t at = 0, take; at < n; at += take) {
            take = 1 + (size_t)rand_r(&seed) % (n - at);
            lt_openedx_text_guard(&out, &seen, (struct lt_str){text + at, take});
        }
        without_joiners(lt_buf_str(&out), &plain);
        bool same = plain.n == n && (n == 0 || memcmp(plain.p, text, n) == 0);
        size_t left = n ? count(out.p, out.n, mark) : 0, joiners = n ? count(out.p, out.n, joiner) : 0;
        if (!same || left != 0 || joiners != marks)
            fail_msg("seed %u, round %d: '%.*s' became '%.*s'", seed, round, (int)n, text, (int)out.n, out.p);
        lt_buf_free(&out);
        lt_buf_free(&plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_door_is_its_prefix_and_nothing_that_begins_alike),
        cmocka_unit_test(each_code_has_the_doors_name_and_status),
        cmocka_unit_test(every_fault_has_a_status_that_the_ui_takes_for_a_fault),
        cmocka_unit_test(no_text_holds_the_mark_when_it_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* src/text/language_tag: which tags are taken, and what their languages are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/language_tag.h"

static const struct {
    const char *given, *tag, *name; /* tag NULL: refused */
} cases[] = {
    {"es", "es", "Spanish"},
    {"ES", "es", "Spanish"},
    {"pt-BR", "pt-BR", "Portuguese (Brazil)"},
    {"pt_br", "pt-BR", "Portuguese (Brazil)"}, /* as Moodle writes it */
    {"zh-hant", "zh-Hant", "Chinese (Traditional)"},
    {"zh-Hant-TW", "zh-Hant-TW", "Chinese (Traditional, Taiwan)"},
    {"es-419", "es-419", "Spanish (Latin America)"},
    {"sr-Latn", "sr-Latn", "Serbian (Latin)"},
    {"ca-valencia", "ca-valencia", "Catalan (Valencian)"},
    {"nb", "nb", "Norwegian Bokm\xC3\xA5l"},
    {"i-klingon", "tlh", "Klingon"}, /* grandfathered: section 2.2.8 */
    {"en-u-ca-buddhist", "en", "English"},
    {"en-x-ignore-all", "en", "English"}, /* words of a caller's own do not get through */
    {"ayc", "ayc", "ayc"}, /* Southern Aymara, ISO 639-3: without a name in CLDR */
    {"english", NULL, NULL},
    {"xx", NULL, NULL},
    {"und", NULL, NULL},
    {"mul", NULL, NULL},
    {"mis", NULL, NULL},
    {"zxx", NULL, NULL},
    {"root", NULL, NULL},
    {"x-foo", NULL, NULL},
    {"", NULL, NULL},
    {"e", NULL, NULL},
    {"12", NULL, NULL},
    {"en-", NULL, NULL},
    {"-en", NULL, NULL},
    {"en--US", NULL, NULL},
    {"en US", NULL, NULL},
    {"en\nUS", NULL, NULL},
    {"Espa\xC3\xB1ol", NULL, NULL},
    {"en-abcdefghi", NULL, NULL},
    {"de-DE-1901-1996-aaaaa-bbbbb-ccccc-dddd", NULL, NULL}, /* above 35 bytes */
};

static void tags_are_read_or_refused(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_language_tag tag;
        struct lt_error err = {0};
        enum lt_code code = lt_language_tag_read(arena, lt_str(cases[i].given), &tag, &err);
        if (code != (cases[i].tag ? LT_OK : LT_EINVALID_INPUT))
            fail_msg("'%s': %s %s", cases[i].given, lt_code_name(code), err.detail);
        if (code)
            assert_true(err.detail[0] != '\0' && err.field[0] == '\0');
        else if (!lt_str_is(tag.tag, cases[i].tag) || !lt_str_is(tag.name, cases[i].name))
            fail_msg("'%s': '%.*s', '%.*s'", cases[i].given, LT_FMT(tag.tag), LT_FMT(tag.name));
    }
    lt_arena_free(arena);
}

/* Whatever the bytes: what is taken is a short tag that is taken again as the same. */
static void any_bytes_are_read_or_refused(void **state)
{
    static const char letters[] = "abcdeEfnrstuxz019--__ \n\0\xC3";
    unsigned seed = (unsigned)time(NULL);
    size_t taken = 0;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 20000; round++) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_language_tag tag, again;
        char given[40];
        size_t n = (size_t)rand_r(&seed) % (round % 2 ? 6 : sizeof(given));
        for (size_t i = 0; i < n; i++)
            given[i] = letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
        if (lt_language_tag_read(arena, (struct lt_str){given, n}, &tag, NULL) == LT_OK) {
            taken++;
            assert_true(tag.tag.n >= 2 && tag.name.n >= 2 && tag.name.n < 600 && lt_utf8_valid(tag.name.p, tag.name.n));
            assert_int_equal(lt_language_tag_read(arena, tag.tag, &again, NULL), LT_OK);
            assert_true(lt_str_eq(tag.tag, again.tag) && lt_str_eq(tag.name, again.name));
        }
        lt_arena_free(arena);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_read_or_refused),
        cmocka_unit_test(any_bytes_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

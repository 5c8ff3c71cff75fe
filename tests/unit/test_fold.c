/* Text without regard to case: what folds to what, what is part of what, and that no bytes are too strange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/fold.h"

static const char *fold(const char *text, size_t n)
{
    static char out[256];
    struct lt_buf b;
    char *copy = malloc(n ? n : 1); /* of its own, so that a byte too far is seen */
    memcpy(copy, text, n);
    lt_buf_init(&b, sizeof(out) - 1);
    lt_fold(&b, (struct lt_str){copy, n});
    free(copy);
    assert_false(b.failed);
    if (b.n > 0)
        memcpy(out, b.p, b.n);
    out[b.n] = '\0';
    lt_buf_free(&b);
    return out;
}

static void a_letter_has_one_form(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""}, {"aZ 9_%", "az 9_%"}, {"ÉÖŻ", "éöż"}, {"ΑΣς", "ασσ"}, {"ЖЁ", "жё"}, {"ẞ", "ß"}, {"Ⅷ", "ⅷ"},
                                           {"日本 😀", "日本 😀"}, {"\xC3", "\xC3"}, {"\xED\xA0\x80Q", "\xED\xA0\x80q"}, {"Å", "å"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_string_equal(fold(cases[i][0], strlen(cases[i][0])), cases[i][1]);
}

static void a_text_is_part_whatever_its_case(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
        bool is;
    } cases[] = {{"", "", true},          {"abc", "", true},       {"", "a", false},       {"ABC", "bc", true},      {"abc", "bcd", false}, {"aab", "ab", true},
                 {"50%", "%", true},      {"50", "%", false},      {"a_b", "_b", true},    {"axb", "a_b", false},    {"Élan", "é", true},   {"elan", "é", false},
                 {"STRAẞE", "straß", true}, {"\xC3\xA9", "\xA9", false}, {"x\xFFY", "\xFFy", true}, {"a\\b", "\\", true}};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_int_equal(lt_fold_contains(lt_str(cases[i].text), lt_str(cases[i].part)), cases[i].is);
}

/* Whatever the bytes: a text contains each of its beginnings and its whole, folded. */
static void every_text_contains_itself(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        char text[32];
        size_t n = (size_t)(rand() % 32);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(rand() % 3 ? rand() % 128 : rand());
        const char *folded = fold(text, n);
        if (memchr(text, '\0', n))
            continue;
        assert_true(lt_fold_contains((struct lt_str){text, n}, lt_str(folded)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_has_one_form),
        cmocka_unit_test(a_text_is_part_whatever_its_case),
        cmocka_unit_test(every_text_contains_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

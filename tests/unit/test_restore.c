/* Placeholders and what they stand for, in one piece and in any number of them (guard/restore.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "guard/restore.h"

enum { SPLITS = 100000 };

static const struct {
    const char *placeholder, *value;
} known[] = {{"[EMAIL_ABCDEF]", "anna@example.org"}, {"[PHONE_234567]", "+49 30 123456"}, {"[NAME_AAAAAA]", "Ana Mar\xC3\xAD" "a"}, {"[ID_BBBBBB]", ""},
             {"[IP_CCCCCC]", "[EMAIL_ABCDEF]"}}; /* what stands for something is not looked at again */

static struct lt_str value_of(void *ctx, struct lt_str placeholder)
{
    (void)ctx;
    for (size_t i = 0; i < LT_COUNT(known); i++)
        if (lt_str_is(placeholder, known[i].placeholder))
            return lt_str(known[i].value);
    return LT_STR_NULL;
}

static struct lt_str whole(struct lt_buf *out, struct lt_str text)
{
    lt_buf_reset(out);
    assert_true(lt_restore(text, value_of, NULL, out));
    return lt_buf_str(out);
}

static void placeholders_become_what_they_stand_for_and_nothing_else_changes(void **state)
{
    static const struct {
        const char *text, *is;
    } rows[] = {
        {"", ""},
        {"no brackets", "no brackets"},
        {"[EMAIL_ABCDEF]", "anna@example.org"},
        {"to [EMAIL_ABCDEF], not [EMAIL_ZZZZZZ].", "to anna@example.org, not [EMAIL_ZZZZZZ]."},
        {"[[EMAIL_ABCDEF]](x)", "[anna@example.org](x)"},
        {"[EMAIL_[EMAIL_ABCDEF]", "[EMAIL_anna@example.org"},
        {"[EMAIL\\_ABCDEF]", "anna@example.org"},
        {"[EMAIL\\\\_ABCDEF]", "anna@example.org"},
        {"[EMAIL\\\\\\_ABCDEF]", "[EMAIL\\\\\\_ABCDEF]"},
        {"[email_ABCDEF] [EMAIL_ABCDE] [EMAIL_ABCDEFG] [EMAIL_ABCDE1] [EMAILS_ABCDEF] [EMAIL-ABCDEF]",
         "[email_ABCDEF] [EMAIL_ABCDE] [EMAIL_ABCDEFG] [EMAIL_ABCDE1] [EMAILS_ABCDEF] [EMAIL-ABCDEF]"},
        {"[ID_BBBBBB][IP_CCCCCC]", "[EMAIL_ABCDEF]"},
        {"x[EMAIL_ABCDE", "x[EMAIL_ABCDE"},
    };
    struct lt_buf out;
    (void)state;
    lt_buf_init(&out, 4096);
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_str is = whole(&out, lt_str(rows[i].text));
        assert_int_equal(is.n, strlen(rows[i].is));
        assert_memory_equal(is.n ? is.p : "", rows[i].is, is.n);
    }
    lt_buf_free(&out);
}

static uint64_t seed;

static uint32_t chance(uint32_t below)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

/* Made of what is near to a placeholder: wholes, beginnings, ends, and single bytes. */
static struct lt_str some_text(char *p, size_t max)
{
    static const char *const parts[] = {"[EMAIL_ABCDEF]", "[PHONE_234567]", "[NAME_AAAAAA]", "[IP_CCCCCC]", "[EMAIL_", "[E", "[", "]", "_", "\\", "EMAIL", "ABCDEF",
                                        "[EMAIL\\_ABCDEF]", "[EMAIL_ABCDEFG]", "[ID_", "[I", " plain text ", "\xC3\xA9", "\n", "[[", "[PHONE_23456"};
    size_t n = 0;
    for (uint32_t k = chance(24); k > 0; k--) {
        struct lt_str part = lt_str(parts[chance(LT_COUNT(parts))]);
        if (chance(4) == 0)
            part.n = part.n > 1 ? 1 + chance((uint32_t)part.n) : part.n;
        if (n + part.n > max)
            break;
        memcpy(p + n, part.p, part.n);
        n += part.n;
    }
    return (struct lt_str){p, n};
}

static void split(struct lt_str text, struct lt_buf *out)
{
    struct lt_guard_stream s = {0};
    size_t at = 0;
    lt_buf_reset(out);
    while (at < text.n) {
        size_t n = chance(3) ? 1 + chance(5) : chance(40);
        n = n < text.n - at ? n : text.n - at;
        char *copy = malloc(n + 1); /* of its own, so that a byte too far is seen */
        memcpy(copy, text.p + at, n);
        assert_true(lt_restore_piece(&s, (struct lt_str){copy, n}, at + n == text.n && chance(2), value_of, NULL, out));
        assert_true(s.n <= LT_PLACEHOLDER_MAX);
        free(copy);
        at += n;
    }
    assert_true(lt_restore_piece(&s, LT_STR(""), true, value_of, NULL, out));
    assert_int_equal(s.n, 0);
}

static void whatever_the_pieces_the_sum_is_what_the_whole_gives(void **state)
{
    const char *given = getenv("SEED");
    struct lt_buf one, many;
    char text[512];
    (void)state;
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u | 1;
    printf("SEED=%llu, %d splits\n", (unsigned long long)seed, SPLITS);
    lt_buf_init(&one, 65536);
    lt_buf_init(&many, 65536);
    for (int i = 0; i < SPLITS; i++) {
        struct lt_str t = some_text(text, sizeof(text));
        whole(&one, t);
        split(t, &many);
        assert_int_equal(one.n, many.n);
        assert_memory_equal(one.n ? one.p : "", many.n ? many.p : "", one.n);
    }
    lt_buf_free(&one);
    lt_buf_free(&many);
}

static void what_cannot_be_a_placeholder_is_not_held_back(void **state)
{
    struct lt_guard_stream s = {0};
    struct lt_buf out;
    (void)state;
    lt_buf_init(&out, 256);
    assert_true(lt_restore_piece(&s, LT_STR("see [1], [E"), false, value_of, NULL, &out));
    assert_true(lt_str_is(lt_buf_str(&out), "see [1], "));
    assert_true(lt_restore_piece(&s, LT_STR("x]"), false, value_of, NULL, &out));
    assert_true(lt_str_is(lt_buf_str(&out), "see [1], [Ex]"));
    lt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders_become_what_they_stand_for_and_nothing_else_changes),
        cmocka_unit_test(whatever_the_pieces_the_sum_is_what_the_whole_gives),
        cmocka_unit_test(what_cannot_be_a_placeholder_is_not_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

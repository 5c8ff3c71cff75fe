/* src/text/think: reasoning blocks are cut out, of a whole text and of a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/think.h"

static const struct {
    const char *in, *out;
} cases[] = {
    {"<think>x</think>\n answer", "answer"},
    {"answer", "answer"},
    {"  answer\n", "answer"},
    {"", ""},
    {" \n\t", ""},
    {"<THINK>x</Think>answer", "answer"},
    {"<think>a\nb\r\nc</think>answer", "answer"},
    {"<think>a</think>one<think>b</think> two", "onetwo"},
    {"<think>a</think>\n\n<think>b</think>\n\nanswer", "answer"},
    {"one <think>a</think> two", "one two"},
    {"one <think>a</think> \n", "one"},
    {"<think></think>x", "x"},
    {"<think>only</think>", ""},
    {"<think>never closed", "<think>never closed"},
    {"a <think>never closed \n", "a <think>never closed"},
    {"<think>a</think> b <think>open", "b <think>open"},
    {"a</think>b", "a</think>b"},
    {"<think>a<think>b</think>c</think>d", "c</think>d"},
    {"<thi<think>a</think>nk>b</think>c", "<think>b</think>c"}, /* the result is not looked at again */
    {"<think >a</think>b", "<think >a</think>b"},
    {"<<think>a</think>b", "<b"},
    {"<th<think>a</<</think></think>b", "<th</think>b"},
    {"1 < 2 and <thinking>", "1 < 2 and <thinking>"},
    {"a <", "a <"},
    {"a <think", "a <think"},
    {"a <think>b</think", "a <think>b</think"},
    {"\v\fa\v<think>\f</think>\v\fb\v", "a\vb"},
    {"\xC2\xA0<think>\xC3\xA9</think>\xC2\xA0"
     "a",
     "\xC2\xA0\xC2\xA0"
     "a"}, /* a no-break space is text */
};

static void blocks_are_cut_out(void **state)
{
    struct lt_arena *a = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str out = lt_think_strip(a, lt_str(cases[i].in));
        if (!lt_str_is(out, cases[i].out))
            fail_msg("\"%s\" gives \"%.*s\"", cases[i].in, LT_FMT(out));
    }
    lt_arena_free(a);
}

static void null_stays_null(void **state)
{
    struct lt_arena *a = lt_arena_new();
    assert_null(lt_think_strip(a, LT_STR_NULL).p);
    assert_non_null(lt_think_strip(a, LT_STR("<think>x</think>")).p);
    lt_arena_free(a);
}

/* Feeds text cut at random places (or byte by byte) and compares with the whole; each step may only show what the end keeps. */
static void assert_streams(struct lt_arena *a, struct lt_str text, unsigned *seed)
{
    struct lt_str whole = lt_think_strip(a, text);
    struct lt_think t;
    struct lt_buf out;
    lt_think_init(&t, 4096);
    lt_buf_init(&out, 4096);
    unsigned longest = seed ? 1 + (unsigned)rand_r(seed) % 20 : 1;
    for (size_t at = 0; at < text.n;) {
        size_t n = longest == 1 ? 1 : (size_t)rand_r(seed) % (longest + 1);
        n = n < text.n - at ? n : text.n - at;
        assert_true(lt_think_feed(&t, (struct lt_str){text.p + at, n}, &out));
        at += n;
        if (!lt_str_starts(whole, lt_buf_str(&out)))
            fail_msg("\"%.*s\" showed too much: \"%.*s\"", LT_FMT(text), LT_FMT(lt_buf_str(&out)));
    }
    assert_true(lt_think_end(&t, &out));
    if (!lt_str_eq(lt_buf_str(&out), whole))
        fail_msg("\"%.*s\" in pieces gives \"%.*s\", whole \"%.*s\"", LT_FMT(text), LT_FMT(lt_buf_str(&out)), LT_FMT(whole));
    lt_think_free(&t);
    lt_buf_free(&out);
}

static void the_cases_stream_byte_by_byte(void **state)
{
    struct lt_arena *a = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_streams(a, lt_str(cases[i].in), NULL);
    lt_arena_free(a);
}

static void any_pieces_show_the_same_as_the_whole(void **state)
{
    static const char *const parts[] = {"<think>", "</think>", "<THINK>",  "</Think>", "<",  "/",       "th",
                                        "think>",  "</thi",    "nk>",      " ",        "\n", "\t \r\n", "a",
                                        "word",    "<b>",      "\xC3\xA9", "  ",       ">",  "<think"};
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    for (int round = 0; round < 40000; round++) {
        struct lt_arena *a = lt_arena_new();
        char text[300];
        size_t n = 0;
        for (unsigned k = (unsigned)rand_r(&seed) % 25; k > 0; k--) {
            const char *part = parts[(unsigned)rand_r(&seed) % LT_COUNT(parts)];
            memcpy(text + n, part, strlen(part));
            n += strlen(part);
        }
        assert_streams(a, (struct lt_str){text, n}, &seed);
        lt_arena_free(a);
    }
}

static void text_is_shown_as_early_as_it_may_be(void **state)
{
    struct lt_think t;
    struct lt_buf out;
    lt_think_init(&t, 100);
    lt_buf_init(&out, 100);
    static const struct {
        const char *piece, *shown;
    } steps[] = {{" \n", ""},
                 {"one", "one"},
                 {" ", "one"},
                 {"two <", "one two"},
                 {"b", "one two <b"},
                 {"> <thin", "one two <b>"},
                 {"k>secret", "one two <b>"},
                 {"</think> ", "one two <b>"},
                 {"x\n", "one two <b> x"}};
    for (size_t i = 0; i < LT_COUNT(steps); i++) {
        assert_true(lt_think_feed(&t, lt_str(steps[i].piece), &out));
        assert_true(lt_str_is(lt_buf_str(&out), steps[i].shown));
    }
    assert_true(lt_think_end(&t, &out));
    assert_true(lt_str_is(lt_buf_str(&out), "one two <b> x"));
    lt_think_free(&t);
    lt_buf_free(&out);
}

static void what_is_held_back_is_bounded(void **state)
{
    struct lt_think t;
    struct lt_buf out;
    char filler[64];
    memset(filler, 'x', sizeof(filler));
    lt_think_init(&t, 100);
    lt_buf_init(&out, 100000);
    for (int i = 0; i < 1000; i++) /* plain text is not held */
        assert_true(lt_think_feed(&t, (struct lt_str){filler, 64}, &out));
    assert_int_equal(out.n, 64000);
    assert_true(lt_think_feed(&t, LT_STR("<think>"), &out));
    assert_true(lt_think_feed(&t, (struct lt_str){filler, 64}, &out));
    assert_false(lt_think_feed(&t, (struct lt_str){filler, 64}, &out));
    assert_false(lt_think_feed(&t, LT_STR("</think>after"), &out)); /* stays refused */
    assert_false(lt_think_end(&t, &out));
    assert_int_equal(out.n, 64000);
    lt_think_free(&t);
    lt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_cut_out),
        cmocka_unit_test(null_stays_null),
        cmocka_unit_test(the_cases_stream_byte_by_byte),
        cmocka_unit_test(any_pieces_show_the_same_as_the_whole),
        cmocka_unit_test(text_is_shown_as_early_as_it_may_be),
        cmocka_unit_test(what_is_held_back_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

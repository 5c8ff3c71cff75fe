/* src/text/merge_patch: RFC 7386, its examples, and what holds for any two values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/merge_patch.h"

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

static const struct lt_json *value(struct lt_str text)
{
    const struct lt_json *v;
    struct lt_error err;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, &err))
        fail_msg("%.*s: %s", LT_FMT(text), err.detail);
    return v;
}

static void patched_is(const char *target, const char *patch, const char *result)
{
    const struct lt_json *v = lt_merge_patch(arena, target ? value(lt_str(target)) : NULL, patch ? value(lt_str(patch)) : NULL);
    struct lt_str text = v ? lt_json_text(arena, v) : LT_STR("absent");
    if (!lt_str_is(text, result))
        fail_msg("%s with %s gives %.*s", target ? target : "nothing", patch ? patch : "nothing", LT_FMT(text));
}

struct example {
    const char *target, *patch, *result;
};

static void examples_of_rfc_7386_appendix_a(void **state)
{
    static const struct example examples[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < LT_COUNT(examples); i++)
        patched_is(examples[i].target, examples[i].patch, examples[i].result);
}

static void example_of_rfc_7386_section_3(void **state)
{
    patched_is("{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},\"tags\":[\"example\",\"sample\"],"
               "\"content\":\"This will be unchanged\"}",
               "{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":null},\"tags\":[\"example\"]}",
               "{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":[\"example\"],\"content\":\"This will be unchanged\","
               "\"phoneNumber\":\"+01-123-456-7890\"}");
}

static void what_is_absent_counts_as_nothing(void **state)
{
    static const struct example examples[] = {
        {NULL, "{\"a\":null,\"b\":{\"c\":null,\"d\":1}}", "{\"b\":{\"d\":1}}"},
        {NULL, "3", "3"},
        {"{\"a\":null}", NULL, "{\"a\":null}"},
        {NULL, NULL, "absent"},
        {"{\"a\":1}", "{\"a\":{\"x\":null}}", "{\"a\":{}}"},           /* what was no object counts as an empty one */
        {"{\"a\":1}", "{\"a\":[null,{\"x\":null}]}", "{\"a\":[null,{\"x\":null}]}"}, /* in arrays null is a value */
    };
    for (size_t i = 0; i < LT_COUNT(examples); i++)
        patched_is(examples[i].target, examples[i].patch, examples[i].result);
}

/* Values with few different keys, so that target and patch meet, and now and then with many. */
static void put_random(struct lt_jw *w, int depth, unsigned *seed)
{
    int kind = rand_r(seed) % (depth > 0 ? 8 : 4);
    if (kind < 2) {
        lt_jw_null(w);
    } else if (kind < 4) {
        lt_jw_int(w, rand_r(seed) % 3);
    } else if (kind == 4) {
        lt_jw_arr(w);
        for (int k = rand_r(seed) % 3; k > 0; k--)
            put_random(w, depth - 1, seed);
        lt_jw_end(w);
    } else {
        unsigned keys = rand_r(seed) % 8 ? 5 : 40;
        lt_jw_obj(w);
        for (unsigned k = 0; k < keys; k++)
            if (rand_r(seed) % 2) {
                char key[8];
                snprintf(key, sizeof(key), "k%u", k);
                lt_jw_key(w, key);
                put_random(w, depth - 1, seed);
            }
        lt_jw_end(w);
    }
}

static const struct lt_json *random_value(unsigned *seed)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 16 << 20);
    lt_jw_init(&w, &b);
    put_random(&w, 4, seed);
    const struct lt_json *v = value(lt_str_copy(arena, lt_buf_str(&b)));
    lt_buf_free(&b);
    return v;
}

/* The rule as RFC 7386 §2 states it, for one place: what stands at `key` afterwards. */
static void assert_member(const struct lt_json *target, const struct lt_json *patch, const struct lt_json *result, struct lt_str key);

static void assert_merged(const struct lt_json *target, const struct lt_json *patch, const struct lt_json *result)
{
    if (!lt_json_is(patch, LT_JSON_OBJECT)) {
        assert_true(lt_json_equal(result, patch));
        return;
    }
    assert_true(lt_json_is(result, LT_JSON_OBJECT));
    for (size_t i = 0; i < lt_json_len(patch); i++)
        assert_member(target, patch, result, lt_json_key_at(patch, i));
    for (size_t i = 0; lt_json_is(target, LT_JSON_OBJECT) && i < lt_json_len(target); i++)
        assert_member(target, patch, result, lt_json_key_at(target, i));
    for (size_t i = 0; i < lt_json_len(result); i++) {
        struct lt_str key = lt_json_key_at(result, i);
        assert_true(lt_json_get_str(target, key) || lt_json_get_str(patch, key));
        assert_ptr_equal(lt_json_get_str(result, key), lt_json_at(result, i));
    }
}

static void assert_member(const struct lt_json *target, const struct lt_json *patch, const struct lt_json *result, struct lt_str key)
{
    const struct lt_json *before = lt_json_get_str(target, key), *change = lt_json_get_str(patch, key), *after = lt_json_get_str(result, key);
    if (lt_json_is(change, LT_JSON_NULL))
        assert_null(after);
    else if (!change)
        assert_true(lt_json_equal(after, before));
    else
        assert_merged(before, change, after);
}

static bool has_null_member(const struct lt_json *v)
{
    bool has = false;
    for (size_t i = 0; lt_json_is(v, LT_JSON_OBJECT) && i < lt_json_len(v) && !has; i++)
        has = lt_json_is(lt_json_at(v, i), LT_JSON_NULL) || has_null_member(lt_json_at(v, i));
    return has;
}

static void any_two_values(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    const struct lt_json *nothing = value(LT_STR("{}"));
    for (int round = 0; round < 3000; round++) {
        const struct lt_json *target = random_value(&seed), *patch = random_value(&seed);
        struct lt_str target_text = lt_json_text(arena, target), patch_text = lt_json_text(arena, patch);
        const struct lt_json *once = lt_merge_patch(arena, target, patch);
        assert_merged(target, patch, once);
        assert_true(lt_json_equal(lt_merge_patch(arena, once, patch), once)); /* the second time changes nothing */
        assert_false(has_null_member(lt_merge_patch(arena, nothing, patch)));
        if (lt_json_is(target, LT_JSON_OBJECT))
            assert_true(lt_json_equal(lt_merge_patch(arena, target, nothing), target));
        /* The trees that went in are as they were, and the one that came out can be written and read. */
        assert_true(lt_str_eq(lt_json_text(arena, target), target_text) && lt_str_eq(lt_json_text(arena, patch), patch_text));
        assert_true(lt_json_equal(value(lt_json_text(arena, once)), once));
        if (round % 100 == 99) {
            lt_arena_free(arena);
            arena = lt_arena_new();
            nothing = value(LT_STR("{}"));
        }
    }
}

static void the_deepest_values_are_merged(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 10000);
    for (int i = 0; i < LT_JSON_DEPTH; i++)
        lt_buf_put_str(&b, LT_STR("{\"k\":"));
    lt_buf_put_str(&b, LT_STR("1"));
    for (int i = 0; i < LT_JSON_DEPTH; i++)
        lt_buf_putc(&b, '}');
    const struct lt_json *v = value(lt_buf_str(&b));
    assert_true(lt_json_equal(lt_merge_patch(arena, v, v), v));
    assert_true(lt_json_equal(lt_merge_patch(arena, NULL, v), v));
    lt_buf_free(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(examples_of_rfc_7386_appendix_a), TEST(example_of_rfc_7386_section_3), TEST(what_is_absent_counts_as_nothing),
        TEST(any_two_values),                  TEST(the_deepest_values_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

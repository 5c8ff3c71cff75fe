/* Secrets of provider instances in text that is shown (core/mask.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/mask.h"

static struct lt_arena *arena;
static struct lt_site site;

static int set_up(void **state)
{
    (void)state;
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lt_arena_free(arena);
    return 0;
}

static void check(const struct lt_mask *mask, const char *text, size_t max, const char *shown, bool cut)
{
    bool was_cut;
    struct lt_str s = lt_mask_text(mask, lt_str(text), max, &was_cut);
    assert_string_equal(lt_strz(arena, s), shown);
    assert_int_equal(was_cut, cut);
}

static void every_form_of_a_secret_is_masked(void **state)
{
    (void)state;
    struct lt_mask *mask = lt_mask_new(arena, &site);
    lt_mask_add(mask, LT_STR("  a\"b/c+ "));
    check(mask, "x a\"b/c+ y", 100, "x *** y", false);
    check(mask, "{\"k\":\"a\\\"b/c+\"}", 100, "{\"k\":\"***\"}", false);
    check(mask, "?k=a%22b%2Fc%2B&n=1", 100, "?k=***&n=1", false);
    check(mask, "a\"b/c+a\"b/c+", 100, "******", false);
    check(mask, "a\"b/c", 100, "a\"b/c", false);
    check(mask, "", 100, "", false);
}

static void the_longest_of_two_is_masked(void **state)
{
    (void)state;
    struct lt_mask *mask = lt_mask_new(arena, &site);
    lt_mask_add(mask, LT_STR("key"));
    lt_mask_add(mask, LT_STR("key-and-more"));
    lt_mask_add(mask, LT_STR(""));
    check(mask, "key-and-more key-and-mor", 100, "*** ***-and-mor", false);
}

static void a_cut_shows_no_part_of_a_secret_and_no_half_character(void **state)
{
    (void)state;
    struct lt_mask *mask = lt_mask_new(arena, &site);
    lt_mask_add(mask, LT_STR("secret"));
    for (size_t max = 0; max < 20; max++) {
        bool cut;
        struct lt_str s = lt_mask_text(mask, LT_STR("ab\xC3\xA9 secret \xC3\xA9 secret!"), max, &cut);
        assert_true(s.n <= max);
        assert_true(lt_utf8_valid(s.p, s.n));
        assert_null(memmem(s.p, s.n, "s", 1));
        assert_int_equal(cut, max < 16);
    }
    check(mask, "secret", 3, "***", false);
    check(mask, "secret", 2, "", true);
}

static void what_the_schema_marks_is_secret_at_any_depth(void **state)
{
    (void)state;
    static const struct lt_provider provider = {
        .settings_schema = "{\"properties\":{\"model\":{},\"key\":{\"writeOnly\":true},\"more\":{\"properties\":{\"list\":{\"writeOnly\":true}}}}}"};
    struct lt_provider_instance known = {.provider = &provider}, gone = {0}, *instances[] = {&known, &gone};
    struct lt_site with = {.instances = instances, .instances_n = 2};
    lt_json_parse(arena, LT_STR("{\"model\":\"m1\",\"key\":\"k1\",\"more\":{\"list\":[\"k2\",{\"x\":\"k3\"}],\"other\":\"o1\"}}"), LT_JSON_STRICT,
                  &known.config, NULL);
    lt_json_parse(arena, LT_STR("{\"anything\":\"k4\"}"), LT_JSON_STRICT, &gone.config, NULL);
    check(lt_mask_new(arena, &with), "m1 k1 k2 k3 o1 k4", 100, "m1 *** *** *** o1 ***", false);
}

static void names_that_speak_of_secrets(void **state)
{
    (void)state;
    static const char *const yes[] = {"Authorization", "Proxy-Authorization", "x-api-key", "X-Goog-Api-Key", "Cookie", "access_token", "X-Amz-Signature"};
    static const char *const no[] = {"Content-Type", "Accept", "anthropic-version", "alt", ""};
    for (size_t i = 0; i < LT_COUNT(yes); i++)
        assert_true(lt_mask_name(lt_str(yes[i])));
    for (size_t i = 0; i < LT_COUNT(no); i++)
        assert_false(lt_mask_name(lt_str(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_form_of_a_secret_is_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_of_two_is_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_shows_no_part_of_a_secret_and_no_half_character, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_schema_marks_is_secret_at_any_depth, set_up, tear_down),
        cmocka_unit_test(names_that_speak_of_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

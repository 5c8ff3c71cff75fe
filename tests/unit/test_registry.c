/* The registry: names, selection, independence of the order of loading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/placement.h"
#include "core/registry.h"

static int reset(void **state)
{
    lt_registry_reset();
    return 0;
}

static void names_of_actions_are_verb_noun_singular(void **state)
{
    static const struct {
        const char *name;
        enum lt_code expected;
    } rows[] = {
        {"summarise_text", LT_OK},          {"generate_image", LT_OK},      {"grade_class", LT_OK},
        {"summarise", LT_ECONFIG},          {"_text", LT_ECONFIG},          {"summarise_", LT_ECONFIG},
        {"generate_images", LT_ECONFIG},    {"Generate_text", LT_ECONFIG},  {"generate-text_x", LT_ECONFIG},
        {"generate text", LT_ECONFIG},      {"", LT_ECONFIG},               {"1generate_text", LT_ECONFIG},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_entry entry = {LT_KIND_ACTION, rows[i].name, "", "", "builtin", 1, 0, 100, NULL};
        struct lt_error err;
        if (lt_registry_add(&entry, &err) != rows[i].expected)
            fail_msg("'%s' gave the wrong answer", rows[i].name);
        lt_registry_reset();
    }
}

static void the_same_kind_name_and_plugin_is_refused(void **state)
{
    struct lt_entry a = {LT_KIND_TOOL, "dice", "", "", "p", 1, 0, 100, NULL}, b = a;
    struct lt_error err;
    assert_int_equal(lt_registry_add(&a, &err), LT_OK);
    assert_int_equal(lt_registry_add(&b, &err), LT_ECONFIG);
}

static void nothing_is_added_after_the_seal(void **state)
{
    struct lt_entry a = {LT_KIND_TOOL, "dice", "", "", "p", 1, 0, 100, NULL};
    struct lt_error err;
    lt_registry_seal();
    assert_int_equal(lt_registry_add(&a, &err), LT_ECONFIG);
}

/* R9, R13: rank, then version, then plugin id; the same answer in every order of loading. */
static void selection_does_not_depend_on_the_order_of_loading(void **state)
{
    static const struct lt_entry entries[] = {
        {LT_KIND_SERVICE, "ai", "", "", "low", 9, 9, 50, NULL},   {LT_KIND_SERVICE, "ai", "", "", "old", 1, 4, 100, NULL},
        {LT_KIND_SERVICE, "ai", "", "", "b", 2, 0, 100, NULL},    {LT_KIND_SERVICE, "ai", "", "", "a", 2, 0, 100, NULL},
        {LT_KIND_SERVICE, "ai", "", "", "off", 9, 9, 0, NULL},    {LT_KIND_SERVICE, "zz", "", "", "x", 1, 0, 0, NULL},
    };
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 200; round++) {
        size_t order[LT_COUNT(entries)];
        for (size_t i = 0; i < LT_COUNT(order); i++)
            order[i] = i;
        for (size_t i = LT_COUNT(order) - 1; i > 0; i--) {
            size_t k = (size_t)rand() % (i + 1), other = order[i];
            order[i] = order[k];
            order[k] = other;
        }
        struct lt_error err;
        for (size_t i = 0; i < LT_COUNT(order); i++)
            assert_int_equal(lt_registry_add(&entries[order[i]], &err), LT_OK);
        lt_registry_seal();
        assert_string_equal(lt_registry_find(LT_KIND_SERVICE, LT_STR("ai"))->plugin, "a");
        assert_null(lt_registry_find(LT_KIND_SERVICE, LT_STR("zz"))); /* rank 0: only when asked for by plugin */
        assert_int_equal(lt_registry_count(LT_KIND_SERVICE), 1);
        lt_registry_reset();
    }
}

static void names_are_found_exactly(void **state)
{
    struct lt_error err;
    assert_int_equal(lt_placements_register(&err), LT_OK);
    lt_registry_seal();
    assert_int_equal(lt_registry_count(LT_KIND_PLACEMENT), 6);
    assert_non_null(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("course_assist")));
    assert_null(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("course_assis")));
    assert_null(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("course_assistx")));
    assert_null(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("")));
    assert_null(lt_registry_find(LT_KIND_ACTION, LT_STR("course_assist")));
}

static enum lt_code not_dice(void *ctx, const struct lt_entry *e)
{
    (*(int *)ctx)++;
    return strcmp(e->name, "dice") == 0 ? LT_ECONFIG : LT_OK;
}

static void changes_are_seen_at_once_and_what_was_found_stays_good(void **state)
{
    static const struct lt_entry old = {LT_KIND_TOOL, "coin", "", "", "p", 1, 0, 100, NULL}, other = {LT_KIND_TOOL, "card", "", "", "q", 1, 0, 100, NULL},
                                 service = {LT_KIND_SERVICE, "luck", "", "", "p", 1, 0, 100, NULL}, new = {LT_KIND_TOOL, "coin", "", "", "p", 2, 0, 100, NULL},
                                 refused = {LT_KIND_TOOL, "dice", "", "", "p", 2, 0, 100, NULL};
    const struct lt_entry *out[4];
    struct lt_error err;
    int asked = 0;
    lt_registry_add(&old, &err);
    lt_registry_add(&other, &err);
    lt_registry_add(&service, &err);
    lt_registry_seal();
    const struct lt_entry *found = lt_registry_find(LT_KIND_TOOL, LT_STR("coin"));
    lt_registry_open();
    assert_int_equal(lt_registry_take_out(LT_STR("p"), out, 4), 1); /* not its services */
    assert_ptr_equal(out[0], &old);
    assert_ptr_equal(lt_registry_find(LT_KIND_TOOL, LT_STR("coin")), found); /* nothing is seen yet */
    assert_int_equal(lt_registry_add(&new, &err), LT_OK);
    assert_int_equal(lt_registry_add(&refused, &err), LT_OK);
    lt_registry_each_new(not_dice, &asked);
    lt_registry_seal();
    assert_int_equal(asked, 2);
    assert_ptr_equal(lt_registry_find(LT_KIND_TOOL, LT_STR("coin")), &new);
    assert_null(lt_registry_find(LT_KIND_TOOL, LT_STR("dice")));
    assert_ptr_equal(lt_registry_find(LT_KIND_SERVICE, LT_STR("luck")), &service);
    size_t counted = lt_registry_count(LT_KIND_TOOL);
    lt_registry_open();
    assert_int_equal(lt_registry_take_out(LT_STR("p"), out, 0), 1);
    lt_registry_seal();
    assert_int_equal(lt_registry_count(LT_KIND_TOOL), counted - 1);
    assert_non_null(lt_registry_at(LT_KIND_TOOL, counted - 1)); /* who counted before may go on */
    assert_int_equal(lt_registry_add(&new, &err), LT_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names_of_actions_are_verb_noun_singular, reset),
        cmocka_unit_test_setup(the_same_kind_name_and_plugin_is_refused, reset),
        cmocka_unit_test_setup(nothing_is_added_after_the_seal, reset),
        cmocka_unit_test_setup(selection_does_not_depend_on_the_order_of_loading, reset),
        cmocka_unit_test_setup(names_are_found_exactly, reset),
        cmocka_unit_test_setup(changes_are_seen_at_once_and_what_was_found_stays_good, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Reference cases about inside functions, restated for Lectern's names: what the registry holds, what a vendor's status comes to.
 * tests/system/test_moodle_cases.py has the others and prints where each one is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "actions/builtin.h"
#include "core/admin.h"
#include "core/manager.h"
#include "core/placement.h"
#include "providers/builtin.h"
#include "providers/wire_answer.h"

/* ---- a site whose registry has the built-in actions and providers, and the placements that a test wants ---- */

static struct school {
    char dir[32];
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_config *config;
    struct lt_caller caller;
    struct lt_error err; /* of the last step, or why the last action asked about is not available */
} school;

#define OK(call)                                                                                                             \
    do {                                                                                                                     \
        if ((call) != LT_OK)                                                                                                 \
            fail_msg("%s: %s: %s", #call, lt_code_name(school.err.code), school.err.detail);                                 \
    } while (0)

static void open_school(const struct lt_entry *const *placements, size_t n, bool with_instance)
{
    struct school *s = &school;
    lt_registry_reset();
    for (size_t i = 0; i < n; i++)
        OK(lt_registry_add(placements[i], &s->err));
    OK(lt_actions_register(&s->err));
    OK(lt_providers_register(&s->err));
    lt_registry_seal();
    snprintf(s->dir, sizeof(s->dir), "/tmp/lectern-cases-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    OK(lt_store_open(&(struct lt_store_options){.data_dir = s->dir}, &s->store, &s->err));
    s->manager = lt_manager_new(&(struct lt_manager_options){.store = s->store});
    OK(lt_manager_prepare(s->manager, true, &s->err));
    OK(lt_admin_site_add(s->store, LT_STR("s"), LT_STR("Site"), &s->err));
    if (with_instance)
        OK(lt_admin_provider_add(s->store, LT_STR("s"), LT_STR("summary"), LT_STR("extract"), true, NULL, NULL, NULL, &s->err));
    OK(lt_config_load(s->store, &s->config, &s->err));
    s->caller = (struct lt_caller){
        .site = lt_config_site(s->config, LT_STR("s")), .user_id = LT_STR("u1"), .locale = LT_STR(""), .roles = 1u << LT_ROLE_ADMIN};
}

static void close_school(void)
{
    char command[128];
    lt_config_unref(school.config);
    lt_manager_free(school.manager);
    lt_store_close(school.store);
    snprintf(command, sizeof(command), "rm -rf %s", school.dir);
    assert_int_equal(system(command), 0);
    lt_registry_reset();
}

static bool available(const char *action, const char *course, const char *placement)
{
    struct lt_place place = {lt_str(course), LT_STR(""), lt_str(placement)};
    school.err = (struct lt_error){0};
    return lt_action_available(school.manager, school.config, &school.caller, &place, lt_str(action), &school.err);
}

static const char *action_at(size_t i)
{
    return lt_registry_at(LT_KIND_ACTION, i)->name;
}

/* The entry of a built-in placement, as placement.c has it. */
static const struct lt_entry *built_in(const char *name)
{
    lt_registry_reset();
    OK(lt_placements_register(&school.err));
    lt_registry_seal();
    const struct lt_entry *entry = lt_registry_find(LT_KIND_PLACEMENT, lt_str(name));
    assert_non_null(entry);
    return entry;
}

/* ---- the manager ---- */

static void case_1_a_placement_that_offers_nothing_has_no_action(void **state)
{
    static const char *const nothing[] = {NULL};
    static const struct lt_placement impl = {nothing};
    static const struct lt_entry bare = {LT_KIND_PLACEMENT, "bare", "Bare", "", "test", 1, 0, 100, &impl};
    const struct lt_entry *placements[] = {&bare};
    open_school(placements, 1, true);
    assert_true(available("summarise_text", "", "")); /* it is the placement that has none */
    for (size_t i = 0; i < lt_registry_count(LT_KIND_ACTION); i++) {
        assert_false(available(action_at(i), "", "bare"));
        assert_int_equal(school.err.code, LT_EPLACEMENT_DISABLED);
    }
    close_school();
}

/* No class name is made of a component's name: an entry is found by its kind and its name, and by nothing else. */
static void case_2_an_entry_is_found_by_its_kind_and_name(void **state)
{
    static const struct lt_entry entries[] = {{LT_KIND_PROVIDER, "fooai", "", "", "p", 1, 0, 100, NULL},
                                              {LT_KIND_PLACEMENT, "x", "", "", "p", 1, 0, 100, NULL},
                                              {LT_KIND_PLACEMENT, "fooai", "", "", "p", 1, 0, 100, NULL}};
    struct lt_error err;
    lt_registry_reset();
    for (size_t i = 0; i < LT_COUNT(entries); i++)
        assert_int_equal(lt_registry_add(&entries[i], &err), LT_OK);
    lt_registry_seal();
    assert_ptr_equal(lt_registry_find(LT_KIND_PROVIDER, LT_STR("fooai")), &entries[0]);
    assert_ptr_equal(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("x")), &entries[1]);
    assert_ptr_equal(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("fooai")), &entries[2]);
    assert_null(lt_registry_find(LT_KIND_PROVIDER, LT_STR("x")));
    for (int kind = 0; kind < LT_KIND_COUNT; kind++)
        assert_null(lt_registry_find((enum lt_kind)kind, LT_STR("bar")));
    lt_registry_reset();
}

/* What is not installed is no disabled placement but none: who names it is told which field is wrong. */
static void case_5_a_placement_that_is_not_installed_is_absent_and_the_others_stay(void **state)
{
    const struct lt_entry *placements[] = {built_in("editor")};
    open_school(placements, 1, false);
    assert_int_equal(lt_registry_count(LT_KIND_PLACEMENT), 1);
    assert_null(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("course_assist")));
    assert_false(available("summarise_text", "c1", "course_assist"));
    assert_int_equal(school.err.code, LT_EINVALID_INPUT);
    assert_string_equal(school.err.field, "/context/placement");
    assert_non_null(lt_registry_find(LT_KIND_PLACEMENT, LT_STR("editor")));
    for (size_t i = 0; i < lt_registry_count(LT_KIND_ACTION); i++) { /* no context is looked at, and nobody serves */
        assert_false(available(action_at(i), "", ""));
        assert_int_equal(school.err.code, LT_ENO_PROVIDER);
    }
    assert_false(available("generate_text", "", "editor"));
    assert_int_equal(school.err.code, LT_ENO_PROVIDER);
    close_school();
}

static void case_7_without_the_editor_a_course_has_course_assist_only(void **state)
{
    const struct lt_entry *placements[] = {built_in("course_assist")};
    open_school(placements, 1, true);
    assert_true(available("summarise_text", "c1", "course_assist"));
    assert_false(available("generate_text", "c1", "editor"));
    assert_int_equal(school.err.code, LT_EINVALID_INPUT);
    close_school();
}

/* ---- errors ---- */

/* A number that is no status is a fault of the vendor's like another: there is nothing to throw, so the next instance is asked. */
static void case_34_every_status_of_a_vendor_comes_to_a_code(void **state)
{
    static const struct {
        int status;
        enum lt_code code;
    } cases[] = {
        {501, LT_EUPSTREAM_UNAVAILABLE}, {505, LT_EUPSTREAM_UNAVAILABLE}, {599, LT_EUPSTREAM_UNAVAILABLE}, {429, LT_EUPSTREAM_RATE_LIMITED},
        {400, LT_EUPSTREAM_BAD_REQUEST}, {418, LT_EUPSTREAM_BAD_REQUEST}, {-1, LT_EUPSTREAM_INVALID},      {600, LT_EUPSTREAM_INVALID},
        {0, LT_EUPSTREAM_UNAVAILABLE},
    };
    struct lt_arena *arena = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_error err = {0};
        enum lt_code code = lt_wire_fault(NULL, arena, cases[i].status, LT_STR(""), LT_STR(""), LT_STR_NULL, &err);
        if (code != cases[i].code || err.code != code || err.vendor_status != cases[i].status || err.detail[0] == '\0')
            fail_msg("%d: %s: %s", cases[i].status, lt_code_name(code), err.detail);
    }
    lt_arena_free(arena);
    assert_int_equal(lt_code_status(LT_ERATE_LIMITED), 429); /* our own limit and a vendor's are two codes of one status */
    assert_int_equal(lt_code_status(LT_EUPSTREAM_RATE_LIMITED), 429);
    assert_string_equal(lt_code_name((enum lt_code)-1), "internal_error");
}

static void case_34_no_failure_is_without_a_status_and_a_text(void **state)
{
    for (int i = LT_OK + 1; i < LT_CODE_COUNT; i++) {
        enum lt_code code = (enum lt_code)i;
        if (lt_code_status(code) < 400 || lt_code_status(code) > 599 || lt_code_text(code)[0] == '\0')
            fail_msg("%s: %d", lt_code_name(code), lt_code_status(code));
        for (int k = LT_OK; k < i; k++)
            assert_string_not_equal(lt_code_name(code), lt_code_name((enum lt_code)k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_1_a_placement_that_offers_nothing_has_no_action),
        cmocka_unit_test(case_2_an_entry_is_found_by_its_kind_and_name),
        cmocka_unit_test(case_5_a_placement_that_is_not_installed_is_absent_and_the_others_stay),
        cmocka_unit_test(case_7_without_the_editor_a_course_has_course_assist_only),
        cmocka_unit_test(case_34_every_status_of_a_vendor_comes_to_a_code),
        cmocka_unit_test(case_34_no_failure_is_without_a_status_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

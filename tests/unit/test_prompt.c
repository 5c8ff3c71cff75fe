/* Prompt templates. Reference: openedx-ai-extensions.md §1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workflow_rig.h"

static enum lt_code add(struct rig *r, const char *members)
{
    enum lt_code rc = lt_prompt_add(r->store, LT_STR("one"), rig_json(r, members), LT_STR("ann"), &r->err);
    rig_load(r);
    return rc;
}

static const struct lt_prompt *find(struct rig *r, const char *name)
{
    const struct lt_prompt *p = NULL;
    rig_ok(r, lt_prompt_find(r->set, r->site_id, lt_str(name), &p, &r->err));
    return p;
}

static void a_prompt_is_found_by_slug_and_by_uuid_in_any_case_with_dashes_or_without(void **state)
{
    struct rig *r = *state;
    rig_ok(r, add(r, "{slug: 'calm', body: 'Be calm.', uuid: '0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001'}"));
    static const char *const names[] = {"calm", "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001", "0190AAAA-BBBB-7CCC-8DDD-EEEEFFFF0001",
                                        "0190aaaabbbb7ccc8dddeeeeffff0001", "0190AAAAbbbb7CCC8dddeeeeffff0001"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        assert_true(lt_str_is(find(r, names[i])->body, "Be calm."));
}

static void a_lookup_answers_not_found_or_multiple_found(void **state)
{
    struct rig *r = *state;
    const struct lt_prompt *p;
    rig_ok(r, add(r, "{slug: 'a', body: 'A', uuid: '0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001'}"));
    rig_ok(r, add(r, "{slug: '0190aaaabbbb7ccc8dddeeeeffff0001', body: 'B'}"));
    assert_int_equal(lt_prompt_find(r->set, r->site_id, LT_STR("none"), &p, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_prompt_find(r->set, 99, LT_STR("a"), &p, &r->err), LT_ENOT_FOUND);
    assert_int_equal(lt_prompt_find(r->set, r->site_id, LT_STR("0190aaaabbbb7ccc8dddeeeeffff0001"), &p, &r->err), LT_EMULTIPLE);
    assert_int_equal(lt_prompt_change(r->store, LT_STR("one"), LT_STR("0190aaaabbbb7ccc8dddeeeeffff0001"), rig_json(r, "{body: 'C'}"), LT_STR("x"), &r->err),
                     LT_EMULTIPLE);
}

static void a_refused_prompt_names_every_field_and_nothing_is_saved(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *members, *field, *words[3];
    } rows[] = {
        {"{slug: 'a b', body: ' \\n'}", "/slug", {"slug: must be", "body: must not be blank"}},
        {"{slug: 'ok', body: 5}", "/body", {"body: must be text, is integer"}},
        {"{slug: 'ok', body: 'x', id: 3}", "/id", {"This field cannot be changed."}},
        {"{slug: 'ok', body: 'x', uuid: 'y'}", "/uuid", {"uuid: must be a UUID"}},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        assert_int_equal(add(r, rows[i].members), LT_EINVALID_INPUT);
        assert_string_equal(r->err.field, rows[i].field);
        for (size_t k = 0; k < 3 && rows[i].words[k]; k++)
            if (!strstr(r->err.detail, rows[i].words[k]))
                fail_msg("%s: %s", rows[i].members, r->err.detail);
    }
    size_t n;
    lt_prompt_list(r->set, r->site_id, &n);
    assert_int_equal(n, 0);
}

static void a_slug_is_unique_and_at_most_100_long(void **state)
{
    struct rig *r = *state;
    char slug[102], members[160];
    memset(slug, 'x', 101);
    slug[101] = '\0';
    snprintf(members, sizeof(members), "{slug: '%s', body: 'b'}", slug);
    assert_int_equal(add(r, members), LT_EINVALID_INPUT);
    snprintf(members, sizeof(members), "{slug: '%s', body: 'b'}", slug + 1);
    rig_ok(r, add(r, members));
    assert_int_equal(add(r, members), LT_ECONFLICT);
    assert_string_equal(r->err.field, "/slug");
}

static void every_change_is_a_version_with_who_and_when(void **state)
{
    struct rig *r = *state;
    const struct lt_json *history;
    rig_ok(r, add(r, "{slug: 'a', body: 'one'}"));
    rig_ok(r, lt_prompt_change(r->store, LT_STR("one"), LT_STR("a"), rig_json(r, "{body: 'two'}"), LT_STR("bob"), &r->err));
    rig_load(r);
    assert_int_equal(find(r, "a")->version, 2);
    RIG_WRITTEN(r, history, rig_ok(r, lt_prompt_history(r->store, find(r, "a"), INT64_MAX, 10, w, &r->err)));
    assert_int_equal(lt_json_len(history), 2);
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/0/changed_by")), "bob"));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/1/changed_by")), "ann"));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/1/body")), "one"));
    assert_int_equal(lt_json_str(lt_json_at_pointer(history, "/0/changed_at")).n, 24);
}

static void a_prompt_tells_how_many_profiles_use_it_and_is_not_removed_while_one_does(void **state)
{
    struct rig *r = *state;
    const struct lt_json *shown;
    struct lt_problems *problems = LT_NEW(r->arena, struct lt_problems);
    problems->arena = r->arena;
    rig_ok(r, add(r, "{slug: 'a', body: 'one'}"));
    rig_ok(r, lt_profile_add(r->store, r->set, LT_STR("one"),
                             rig_json(r, "{slug: 'p', base_filepath: 'whole.json', content_patch: {processor_config: {P: {prompt_template: 'a'}}}}"),
                             LT_STR("ann"), problems, &r->err));
    rig_load(r);
    RIG_WRITTEN(r, shown, lt_prompt_write(w, r->set, find(r, "a")));
    assert_int_equal(lt_json_int64_or(lt_json_at_pointer(shown, "/usage/profile_count"), -1), 1);
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(shown, "/usage/profiles/0")), "p"));
    assert_int_equal(lt_prompt_remove(r->store, r->set, LT_STR("one"), LT_STR("a"), &r->err), LT_ECONFLICT);
    rig_ok(r, lt_profile_remove(r->store, LT_STR("one"), LT_STR("p"), &r->err));
    rig_load(r);
    rig_ok(r, lt_prompt_remove(r->store, r->set, LT_STR("one"), LT_STR("a"), &r->err));
    assert_int_equal(lt_prompt_remove(r->store, r->set, LT_STR("one"), LT_STR("a"), &r->err), LT_ENOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_prompt_is_found_by_slug_and_by_uuid_in_any_case_with_dashes_or_without),
        T(a_lookup_answers_not_found_or_multiple_found),
        T(a_refused_prompt_names_every_field_and_nothing_is_saved),
        T(a_slug_is_unique_and_at_most_100_long),
        T(every_change_is_a_version_with_who_and_when),
        T(a_prompt_tells_how_many_profiles_use_it_and_is_not_removed_while_one_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

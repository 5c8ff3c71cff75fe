/* Profiles. Reference: openedx-ai-extensions.md §§1, 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workflow_rig.h"
#include "workflows/workflow_private.h"

static struct lt_problems *fresh(struct rig *r)
{
    r->problems = LT_NEW(r->arena, struct lt_problems);
    r->problems->arena = r->arena;
    return r->problems;
}

static enum lt_code add(struct rig *r, const char *members)
{
    enum lt_code rc = lt_profile_add(r->store, r->set, LT_STR("one"), rig_json(r, members), LT_STR("ann"), fresh(r), &r->err);
    rig_load(r);
    return rc;
}

static enum lt_code change(struct rig *r, const char *name, const char *patch)
{
    enum lt_code rc = lt_profile_change(r->store, r->set, LT_STR("one"), lt_str(name), rig_json(r, patch), LT_STR("bob"), fresh(r), &r->err);
    rig_load(r);
    return rc;
}

static const struct lt_profile *find(struct rig *r, const char *name)
{
    const struct lt_profile *p = NULL;
    rig_ok(r, lt_profile_find(r->set, r->site_id, lt_str(name), &p, &r->err));
    return p;
}

/* Past all checks, as an older program or a hand may have left it. */
static void break_patch(struct rig *r, const char *text)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_profile SET content_patch = $1, version = version + 1", LT_TEXTZ(text));
    rig_ok(r, lt_store_write(r->store, tx, &r->err));
    rig_load(r);
}

static void the_effective_configuration_is_the_template_merged_with_the_patch_and_null_deletes(void **state)
{
    struct rig *r = *state;
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json', content_patch: '{processor_config: {P: {a: null, c: 3}}, /* why */ extra: [1]}'}"));
    const struct lt_json *config = find(r, "p")->effective->config;
    assert_null(lt_json_at_pointer(config, "/processor_config/P/a"));
    assert_int_equal(lt_json_int64_or(lt_json_at_pointer(config, "/processor_config/P/b"), 0), 2);
    assert_int_equal(lt_json_int64_or(lt_json_at_pointer(config, "/processor_config/P/c"), 0), 3);
    assert_int_equal(lt_json_int64_or(lt_json_at_pointer(config, "/extra/0"), 0), 1);
    rig_ok(r, lt_profile_ready(r->set, find(r, "p"), &r->err));
}

static void the_patch_is_kept_as_it_was_written_and_may_be_empty(void **state)
{
    struct rig *r = *state;
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json', content_patch: '// mine\\n{a:1,}'}"));
    rig_ok(r, add(r, "{slug: 'q', base_filepath: 'whole.json', content_patch: ''}"));
    assert_true(lt_str_is(find(r, "p")->content_patch, "// mine\n{a:1,}"));
    assert_int_equal(lt_json_len(find(r, "q")->effective->content_patch_dict), 0);
    assert_null(find(r, "q")->description.p);
}

static void ui_components_orchestrator_class_and_processor_config_come_from_the_effective_configuration(void **state)
{
    struct rig *r = *state;
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json', content_patch: {orchestrator_class: 'X'}}"));
    const struct lt_profile *p = find(r, "p");
    assert_int_equal(lt_json_int64_or(lt_json_at_pointer(lt_profile_ui_components(p), "/request/x"), 0), 1);
    assert_true(lt_str_is(lt_profile_orchestrator_class(p), "X"));
    assert_int_equal(lt_json_len(lt_profile_processor_config(p)), 1);
    break_patch(r, "{orchestrator_class: null, processor_config: null, actuator_config: null}");
    p = find(r, "p");
    assert_true(lt_json_is(lt_profile_ui_components(p), LT_JSON_OBJECT));
    assert_int_equal(lt_json_len(lt_profile_ui_components(p)), 0);
    assert_null(lt_profile_orchestrator_class(p).p);
    assert_true(lt_json_is(lt_profile_processor_config(p), LT_JSON_OBJECT));
}

static void reading_never_throws_an_unreadable_patch_gives_an_empty_one_with_errors_and_running_is_refused(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *patch, *word;
    } rows[] = {{"{\n a: }", "line 2, column 5"}, {"[1]", "must be an object, is array"}, {"7", "must be an object"}, {"{a: NaN}", "line 1"}};
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json'}"));
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        const struct lt_json *shown;
        break_patch(r, rows[i].patch);
        const struct lt_profile *p = find(r, "p");
        assert_true(lt_json_is(p->effective->content_patch_dict, LT_JSON_OBJECT));
        assert_int_equal(lt_json_len(p->effective->content_patch_dict), 0);
        assert_true(lt_str_is(lt_profile_orchestrator_class(p), "MockResponse"));
        assert_int_equal(lt_profile_ready(r->set, p, &r->err), LT_EPROFILE_INVALID);
        if (!strstr(r->err.detail, rows[i].word))
            fail_msg("%s: %s", rows[i].patch, r->err.detail);
        RIG_WRITTEN(r, shown, lt_profile_write(w, r->set, NULL, p, true));
        assert_false(lt_json_bool_or(lt_json_get(shown, "valid"), true));
        assert_int_equal(lt_json_len(lt_json_get(shown, "errors")), 1);
    }
    assert_string_equal(lt_code_name(LT_EPROFILE_INVALID), "profile_invalid");
}

static void the_effective_configuration_is_cached_until_patch_or_template_changes(void **state)
{
    struct rig *r = *state;
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json'}"));
    rig_ok(r, add(r, "{slug: 'q', base_filepath: 'other.json'}") == LT_EINVALID_INPUT ? LT_OK : LT_EINTERNAL);
    const struct lt_effective *first = find(r, "p")->effective;
    rig_load(r);
    assert_ptr_equal(find(r, "p")->effective, first);
    assert_false(lt_workflow_source_changed(r->source));
    rig_ok(r, change(r, "p", "{content_patch: {orchestrator_class: 'Y'}}"));
    assert_true(lt_str_is(lt_profile_orchestrator_class(find(r, "p")), "Y"));
    rig_put(r, "whole.json", "{schema_version: '1.0', orchestrator_class: 'Z', new: true, processor_config: {P: {}}, "
                             "actuator_config: {UIComponents: {request: {}, response: {}}}}");
    assert_true(lt_workflow_source_changed(r->source));
    rig_load(r);
    assert_true(lt_json_bool_or(lt_json_get(find(r, "p")->effective->config, "new"), false));
    assert_true(lt_str_is(lt_profile_orchestrator_class(find(r, "p")), "Y"));
}

static void a_refused_save_names_every_field_and_reason_and_nothing_is_saved(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *members, *field, *words[4];
    } rows[] = {
        {"{slug: 'a b', base_filepath: '../x', content_patch: '{a'}", "/slug", {"slug: must be", "base_filepath: template path: must not contain '..'", "content_patch: line 1"}},
        {"{base_filepath: 'none.json', slug: 'a', description: 4, content_patch: 7}", "/description",
         {"description: must be text", "base_filepath: there is no template", "content_patch: must be text"}},
        {"{slug: 'a', base_filepath: 'whole.json', content_patch: {schema_version: 2, orchestrator_class: null, processor_config: {P: 3}}}", "/content_patch",
         {"schema_version: ", "content_patch: root: 'orchestrator_class' is required", "content_patch: processor_config.P: must be an object"}},
        {"{slug: 'a', base_filepath: 'whole.json', content_patch: {processor_config: {P: {prompt_template: 'gone'}}}}", "/content_patch",
         {"content_patch: processor_config.P.prompt_template: PromptTemplate 'gone' does not exist"}},
        {"{slug: 'a', base_filepath: 'whole.json', content_patch: {processor_config: {P: {provider: 'openai'}}}}", "/content_patch",
         {"content_patch: processor_config.P.provider: the site has no provider instance 'openai'"}},
        {"{slug: 'a', base_filepath: 'whole.json', content_patch: {processor_config: {P: {provider: 3}}}}", "/content_patch",
         {"content_patch: processor_config.P.provider: must be the name of a provider instance, is integer"}},
        {"{slug: 'a', base_filepath: 'whole.json', content_patch: {k: {api_key: '[REDACTED]'}}}", "/content_patch", {"send the value"}},
        {"{slug: 'a', base_filepath: 'whole.json', id: 3}", "/id", {"no such member"}},
    };
    size_t n;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        assert_int_equal(add(r, rows[i].members), LT_EINVALID_INPUT);
        assert_string_equal(r->err.field, rows[i].field);
        for (size_t k = 0; k < 4 && rows[i].words[k]; k++)
            if (!strstr(r->err.detail, rows[i].words[k]))
                fail_msg("%s: %s", rows[i].members, r->err.detail);
        lt_profile_list(r->set, r->site_id, &n);
        assert_int_equal(n, 0);
    }
}

static void if_the_template_has_gone_other_changes_are_still_saved_and_the_config_is_null(void **state)
{
    struct rig *r = *state;
    char file[256];
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json'}"));
    snprintf(file, sizeof(file), "%s/templates/whole.json", r->dir);
    assert_int_equal(unlink(file), 0);
    rig_load(r);
    assert_int_equal(lt_profile_ready(r->set, find(r, "p"), &r->err), LT_EPROFILE_INVALID);
    assert_non_null(strstr(r->err.detail, "config is null (base template missing or failed to load)"));
    rig_ok(r, change(r, "p", "{description: 'later'}"));
    assert_int_equal(change(r, "p", "{content_patch: '{'}"), LT_EINVALID_INPUT);
    assert_null(find(r, "p")->effective->config);
}

static void a_slug_is_unique_in_its_site_and_has_1_to_255_characters(void **state)
{
    struct rig *r = *state;
    char slug[257], members[320];
    memset(slug, 'x', 256);
    slug[256] = '\0';
    snprintf(members, sizeof(members), "{slug: '%s', base_filepath: 'whole.json'}", slug);
    assert_int_equal(add(r, members), LT_EINVALID_INPUT);
    snprintf(members, sizeof(members), "{slug: '%s', base_filepath: 'whole.json'}", slug + 1);
    rig_ok(r, add(r, members));
    assert_int_equal(add(r, members), LT_ECONFLICT);
    assert_string_equal(r->err.field, "/slug");
    assert_int_equal(add(r, "{slug: '', base_filepath: 'whole.json'}"), LT_EINVALID_INPUT);
    rig_ok(r, lt_admin_site_add(r->store, LT_STR("two"), LT_STR("Two"), &r->err));
    rig_ok(r, lt_profile_add(r->store, r->set, LT_STR("two"), rig_json(r, members), LT_STR("ann"), fresh(r), &r->err));
}

static void a_profile_is_found_by_number_uuid_or_slug_and_a_doubtful_name_is_multiple_found(void **state)
{
    struct rig *r = *state;
    const struct lt_profile *p;
    char uuid[37];
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json'}"));
    lt_uuid_format(find(r, "p")->uuid, uuid);
    assert_ptr_equal(find(r, uuid), find(r, "p"));
    assert_ptr_equal(find(r, "1"), find(r, "p"));
    assert_int_equal(lt_profile_find(r->set, r->site_id, LT_STR("x"), &p, &r->err), LT_ENOT_FOUND);
    rig_ok(r, add(r, "{slug: '1', base_filepath: 'whole.json'}"));
    assert_int_equal(lt_profile_find(r->set, r->site_id, LT_STR("1"), &p, &r->err), LT_EMULTIPLE);
    assert_int_equal(change(r, "1", "{description: 'x'}"), LT_EMULTIPLE);
}

static void history_tells_who_and_when_and_a_diff_what_changed(void **state)
{
    struct rig *r = *state;
    const struct lt_json *history, *diff;
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json', content_patch: '{a: {b: 1, c: 2, api_key: \\'one\\'}}'}"));
    rig_ok(r, change(r, "p", "{slug: 'p2', description: 'd', content_patch: '{a: {b: 1, c: 3, api_key: \\'two\\'}, \\'x/y\\': true}'}"));
    rig_ok(r, change(r, "p2", "{content_patch: '/* only words */ {a: {b: 1, c: 3, api_key: \\'two\\'}, \\'x/y\\': true}'}"));
    RIG_WRITTEN(r, history, rig_ok(r, lt_profile_history(r->store, find(r, "p2"), INT64_MAX, 10, w, &r->err)));
    assert_int_equal(lt_json_len(history), 3);
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/0/changed_by")), "bob"));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/2/changed_by")), "ann"));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/2/content_patch")), "{a: {b: 1, c: 2, api_key: \"[REDACTED]\"}}"));
    RIG_WRITTEN(r, diff, rig_ok(r, lt_profile_diff(r->store, find(r, "p2"), 1, 2, w, &r->err)));
    assert_true(lt_json_equal(lt_json_get(diff, "changes"),
                              rig_json(r, "[{op: 'replace', path: '/slug', from: 'p', to: 'p2'}, {op: 'replace', path: '/description', from: null, to: 'd'},"
                                          "{op: 'replace', path: '/content_patch/a/c', from: 2, to: 3},"
                                          "{op: 'replace', path: '/content_patch/a/api_key', from: '[REDACTED]', to: '[REDACTED]'},"
                                          "{op: 'add', path: '/content_patch/x~1y', to: true}]")));
    RIG_WRITTEN(r, diff, rig_ok(r, lt_profile_diff(r->store, find(r, "p2"), 2, 3, w, &r->err)));
    assert_int_equal(lt_json_len(lt_json_get(diff, "changes")), 0);
    assert_true(lt_json_bool_or(lt_json_get(diff, "text_changed"), false));
    RIG_WRITTEN(r, diff, { assert_int_equal(lt_profile_diff(r->store, find(r, "p2"), 2, 9, w, &r->err), LT_ENOT_FOUND); lt_jw_null(w); });
    assert_non_null(strstr(r->err.detail, "version 9"));
}

static void secret_looking_members_are_redacted_at_any_depth_in_any_case(void **state)
{
    struct rig *r = *state;
    const struct lt_json *shown;
    const struct lt_json *v = rig_json(r, "{a: [{API_Key: 'x', n: 1}], Password: {deep: 'x'}, client_secret: 5, max_tokens: 9, tokens: 'ok', token: null}");
    RIG_WRITTEN(r, shown, lt_redact_write(w, v));
    assert_true(lt_json_equal(shown, rig_json(r, "{a: [{API_Key: '[REDACTED]', n: 1}], Password: '[REDACTED]', client_secret: '[REDACTED]',"
                                                 "max_tokens: 9, tokens: 'ok', token: '[REDACTED]'}")));
}

static void the_text_of_a_patch_is_redacted_and_otherwise_shown_as_written(void **state)
{
    struct rig *r = *state;
    static const char *const rows[][2] = {
        {"// c\n{a: 1,}", "// c\n{a: 1,}"},
        {"{token: 'a\\'b}', x: 1}", "{token: \"[REDACTED]\", x: 1}"},
        {"{a: {secret: {p: ['}', \"]\"], /* } */ q: 1}}, b: 2} // end", "{a: {secret: \"[REDACTED]\"}, b: 2} // end"},
        {"{api_key:12/* n */, password:true}", "{api_key:\"[REDACTED]\"/* n */, password:\"[REDACTED]\"}"},
        {"{token: 'x'", "[REDACTED]"},
        {"{a: ", "{a: "},
        {"", ""},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_str shown = lt_redact_text(r->arena, lt_str(rows[i][0]));
        if (!lt_str_is(shown, rows[i][1]))
            fail_msg("%s: %.*s", rows[i][0], LT_FMT(shown));
    }
}

static void removing_a_profile_removes_its_scopes_and_usage_counts_them(void **state)
{
    struct rig *r = *state;
    int64_t id;
    struct lt_scope_set *scopes;
    const struct lt_json *usage;
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json'}"));
    rig_ok(r, lt_scope_add(r->store, LT_STR("one"), rig_json(r, "{profile_id: 'p', ui_slot_selector_id: 's'}"), &id, &r->err));
    rig_ok(r, lt_scope_set_load(r->store, NULL, &scopes, &r->err));
    RIG_WRITTEN(r, usage, lt_profile_usage(w, scopes, find(r, "p"), 3));
    assert_int_equal(lt_json_int64_or(lt_json_get(usage, "scope_count"), 0), 1);
    assert_int_equal(lt_json_int64_or(lt_json_get(usage, "session_count"), 0), 3);
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(usage, "/scopes/0/ui_slot_selector_id")), "s"));
    lt_scope_set_unref(scopes);
    rig_ok(r, lt_profile_remove(r->store, LT_STR("one"), LT_STR("p"), &r->err));
    rig_ok(r, lt_scope_set_load(r->store, NULL, &scopes, &r->err));
    size_t n;
    lt_scope_set_site(scopes, r->site_id, &n);
    assert_int_equal(n, 0);
    lt_scope_set_unref(scopes);
}

/* An instance of the site; provider plugins are not linked here. */
static void put_instance(struct rig *r, const char *name)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO provider_instance (site_id, name, plugin, position, created_at) VALUES (1, $1, 'x', 1, 1)", LT_TEXTZ(name));
    rig_ok(r, lt_store_write(r->store, tx, &r->err));
    rig_load(r);
}

static const char *users_of(struct rig *r, const char *name)
{
    struct lt_rows rows;
    struct lt_str by;
    rig_ok(r, LT_QUERY(r->store, r->arena, &rows, &r->err, "SELECT id FROM provider_instance WHERE name = $1", LT_TEXTZ(name)));
    rig_ok(r, lt_workflow_instance_users(r->source, r->store, r->arena, 1, lt_rows_int(&rows, 0, 0), lt_str(name), &by, &r->err));
    return lt_strz(r->arena, by);
}

static void a_provider_that_a_profile_names_must_be_an_instance_and_without_it_the_profile_is_not_ready(void **state)
{
    struct rig *r = *state;
    put_instance(r, "openai");
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json', content_patch: {processor_config: {P: {provider: 'openai'}}}}"));
    rig_ok(r, add(r, "{slug: 'q', base_filepath: 'whole.json', content_patch: {processor_config: {P: {provider: '1'}}}}")); /* by id */
    rig_ok(r, add(r, "{slug: 'd', base_filepath: 'whole.json', content_patch: {processor_config: {P: {provider: 'default'}}}}"));
    rig_ok(r, lt_profile_ready(r->set, find(r, "p"), &r->err));
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE provider_instance SET name = $1", LT_TEXTZ("other"));
    rig_ok(r, lt_store_write(r->store, tx, &r->err));
    rig_load(r);
    assert_int_equal(lt_profile_ready(r->set, find(r, "p"), &r->err), LT_EPROFILE_INVALID);
    assert_non_null(strstr(r->err.detail, "processor_config.P.provider: the site has no provider instance 'openai'"));
    rig_ok(r, lt_profile_ready(r->set, find(r, "q"), &r->err));
    rig_ok(r, lt_profile_ready(r->set, find(r, "d"), &r->err));
}

static void who_uses_an_instance_follows_patches_and_templates(void **state)
{
    struct rig *r = *state;
    put_instance(r, "openai");
    assert_string_equal(users_of(r, "openai"), "");
    rig_ok(r, add(r, "{slug: 'p', base_filepath: 'whole.json'}"));
    rig_ok(r, add(r, "{slug: 'd', base_filepath: 'whole.json', content_patch: {processor_config: {P: {provider: 'default'}}}}"));
    assert_string_equal(users_of(r, "openai"), "");
    rig_ok(r, change(r, "p", "{content_patch: {processor_config: {P: {provider: 'openai'}}}}"));
    assert_string_equal(users_of(r, "openai"), "profile 'p'");
    rig_put(r, "whole.json", "{schema_version: '1.0', orchestrator_class: 'M', processor_config: {Q: {provider: '1'}}, "
                             "actuator_config: {UIComponents: {request: {}, response: {}}}}");
    assert_string_equal(users_of(r, "openai"), "profile 'd', profile 'p'"); /* without a word to anybody: the file is looked at */
    assert_true(lt_workflow_source_changed(r->source)); /* and whoever reloads sees the change still */
    rig_ok(r, lt_profile_remove(r->store, LT_STR("one"), LT_STR("p"), &r->err));
    assert_string_equal(users_of(r, "openai"), "profile 'd'");
    for (int i = 0; i < 6; i++) {
        char members[64];
        snprintf(members, sizeof(members), "{slug: 'x%d', base_filepath: 'whole.json'}", i);
        rig_ok(r, add(r, members));
    }
    assert_string_equal(users_of(r, "openai"), "profile 'd', profile 'x0', profile 'x1', profile 'x2', profile 'x3' and others");
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_effective_configuration_is_the_template_merged_with_the_patch_and_null_deletes),
        T(the_patch_is_kept_as_it_was_written_and_may_be_empty),
        T(ui_components_orchestrator_class_and_processor_config_come_from_the_effective_configuration),
        T(reading_never_throws_an_unreadable_patch_gives_an_empty_one_with_errors_and_running_is_refused),
        T(the_effective_configuration_is_cached_until_patch_or_template_changes),
        T(a_refused_save_names_every_field_and_reason_and_nothing_is_saved),
        T(if_the_template_has_gone_other_changes_are_still_saved_and_the_config_is_null),
        T(a_slug_is_unique_in_its_site_and_has_1_to_255_characters),
        T(a_profile_is_found_by_number_uuid_or_slug_and_a_doubtful_name_is_multiple_found),
        T(history_tells_who_and_when_and_a_diff_what_changed),
        T(secret_looking_members_are_redacted_at_any_depth_in_any_case),
        T(the_text_of_a_patch_is_redacted_and_otherwise_shown_as_written),
        T(a_provider_that_a_profile_names_must_be_an_instance_and_without_it_the_profile_is_not_ready),
        T(who_uses_an_instance_follows_patches_and_templates),
        T(removing_a_profile_removes_its_scopes_and_usage_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

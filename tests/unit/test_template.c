/* Templates: discovery, path safety, reading again, and the rules of a configuration. Reference: openedx-ai-extensions.md §2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "workflows/template.h"

struct world {
    char dir[64], one[128], two[128];
    struct lt_arena *arena;
};

static void put(const char *dir, const char *path, const char *text)
{
    char file[512];
    snprintf(file, sizeof(file), "%s/%s", dir, path);
    for (char *p = file + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(file, 0700);
            *p = '/';
        }
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    strcpy(w->dir, "/tmp/lectern-template-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->one, sizeof(w->one), "%s/one", w->dir);
    snprintf(w->two, sizeof(w->two), "%s/two", w->dir);
    mkdir(w->one, 0700);
    mkdir(w->two, 0700);
    w->arena = lt_arena_new();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    lt_arena_free(w->arena);
    free(w);
    return 0;
}

static struct lt_template_set *load(struct world *w, struct lt_template_set *previous)
{
    const char *dirs[] = {w->one, w->two};
    return lt_template_set_load(dirs, 2, previous);
}

static void discover_finds_all_files_below_the_directories_sorted_by_dotted_name(void **state)
{
    struct world *w = *state;
    put(w->one, "zebra.json", "{}");
    put(w->one, "base/deep/summary.json5", "{}");
    put(w->two, "base/chat.json", "{}");
    put(w->two, "notes.txt", "no template");
    put(w->two, ".hidden.json", "{}");
    struct lt_template_set *set = load(w, NULL);
    static const char *const expected[][2] = {{"base/chat.json", "base.chat"}, {"base/deep/summary.json5", "base.deep.summary"}, {"zebra.json", "zebra"}};
    assert_int_equal(lt_template_count(set), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(lt_str_is(lt_template_at(set, i)->path, expected[i][0]));
        assert_true(lt_str_is(lt_template_at(set, i)->name, expected[i][1]));
    }
    lt_template_set_unref(set);
}

static void missing_directories_are_skipped(void **state)
{
    struct world *w = *state;
    char gone[200];
    snprintf(gone, sizeof(gone), "%s/gone", w->dir);
    put(w->two, "a.json", "{}");
    const char *dirs[] = {gone, w->two};
    struct lt_template_set *set = lt_template_set_load(dirs, 2, NULL);
    assert_int_equal(lt_template_count(set), 1);
    lt_template_set_unref(set);
}

static void the_first_directory_that_has_a_template_wins(void **state)
{
    struct world *w = *state;
    const struct lt_template *t;
    put(w->one, "a.json", "{n: 1}");
    put(w->two, "a.json", "{n: 2}");
    struct lt_template_set *set = load(w, NULL);
    assert_int_equal(lt_template_find(set, LT_STR("a.json"), &t, NULL), LT_OK);
    assert_int_equal(lt_json_int64_or(lt_json_get(t->json, "n"), 0), 1);
    lt_template_set_unref(set);
}

static void templates_are_json5(void **state)
{
    struct world *w = *state;
    const struct lt_template *t;
    put(w->one, "a.json", "// comment\n{a: 'b', /* more */ list: [1, 2,],}\n");
    struct lt_template_set *set = load(w, NULL);
    assert_int_equal(lt_template_find(set, LT_STR("a.json"), &t, NULL), LT_OK);
    assert_true(lt_str_is(lt_json_str(lt_json_get(t->json, "a")), "b"));
    lt_template_set_unref(set);
}

static void a_template_path_is_unsafe_when_empty_absolute_missing_a_directory_or_with_two_dots(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *path, *word;
        enum lt_code code;
    } rows[] = {
        {"", "empty", LT_EINVALID_INPUT},           {"../one/a.json", "'..'", LT_EINVALID_INPUT},  {"x/../a.json", "'..'", LT_EINVALID_INPUT},
        {"a..json", "'..'", LT_EINVALID_INPUT},     {"/etc/passwd", "relative", LT_EINVALID_INPUT}, {"./a.json", "'.'", LT_EINVALID_INPUT},
        {"x//a.json", "empty parts", LT_EINVALID_INPUT}, {"none.json", "no template", LT_ENOT_FOUND},  {"x", "directory", LT_ENOT_FOUND},
        {"\xff.json", "UTF-8", LT_EINVALID_INPUT},
    };
    put(w->one, "a.json", "{}");
    put(w->one, "x/a.json", "{}");
    struct lt_template_set *set = load(w, NULL);
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        const struct lt_template *t;
        struct lt_error err;
        enum lt_code rc = lt_template_find(set, lt_str(rows[i].path), &t, &err);
        if (rc != rows[i].code || !strstr(err.detail, rows[i].word))
            fail_msg("'%s': %s, %s", rows[i].path, lt_code_name(rc), rc ? err.detail : "");
    }
    lt_template_set_unref(set);
}

static void expect_unusable(struct lt_template_set *set, const char *path, const char *word)
{
    const struct lt_template *t;
    struct lt_error err;
    assert_int_equal(lt_template_find(set, lt_str(path), &t, &err), LT_ECONFIG);
    if (!strstr(err.detail, word) || !strstr(err.detail, path))
        fail_msg("%s: %s", path, err.detail);
}

static void a_link_that_leads_out_of_its_directory_is_refused_and_one_that_stays_inside_is_not(void **state)
{
    struct world *w = *state;
    char target[256], link[256];
    const struct lt_template *t;
    put(w->dir, "outside.json", "{}");
    put(w->one, "real.json", "{}");
    snprintf(target, sizeof(target), "%s/outside.json", w->dir);
    snprintf(link, sizeof(link), "%s/out.json", w->one);
    assert_int_equal(symlink(target, link), 0);
    snprintf(link, sizeof(link), "%s/in.json", w->one);
    assert_int_equal(symlink("real.json", link), 0);
    snprintf(link, sizeof(link), "%s/nowhere.json", w->one);
    assert_int_equal(symlink("gone", link), 0);
    snprintf(link, sizeof(link), "%s/folder", w->one);
    assert_int_equal(symlink(w->dir, link), 0); /* not followed at all */
    struct lt_template_set *set = load(w, NULL);
    expect_unusable(set, "out.json", "leads out");
    expect_unusable(set, "nowhere.json", "cannot be read");
    assert_int_equal(lt_template_find(set, LT_STR("in.json"), &t, NULL), LT_OK);
    assert_int_equal(lt_template_count(set), 4);
    lt_template_set_unref(set);
}

static void what_cannot_be_read_is_listed_with_its_reason(void **state)
{
    struct world *w = *state;
    char big[256];
    put(w->one, "bad.json", "{\n  a: }\n");
    put(w->one, "nan.json", "{a: NaN}");
    put(w->one, "big.json", "{}");
    snprintf(big, sizeof(big), "%s/big.json", w->one);
    assert_int_equal(truncate(big, LT_TEMPLATE_FILE_MAX + 1), 0);
    snprintf(big, sizeof(big), "%s/pipe.json", w->one);
    assert_int_equal(mkfifo(big, 0600), 0);
    struct lt_template_set *set = load(w, NULL);
    expect_unusable(set, "bad.json", "line 2, column 6");
    expect_unusable(set, "nan.json", "line 1");
    expect_unusable(set, "big.json", "larger than");
    expect_unusable(set, "pipe.json", "regular");
    lt_template_set_unref(set);
}

static void a_changed_file_is_read_again_and_the_others_are_shared(void **state)
{
    struct world *w = *state;
    const struct lt_template *a, *b, *a2, *b2;
    put(w->one, "a.json", "{n: 1}");
    put(w->one, "b.json", "{n: 1}");
    struct lt_template_set *first = load(w, NULL), *same = load(w, first);
    assert_ptr_equal(first, same);
    lt_template_set_unref(same);
    put(w->one, "a.json", "{n: 22}");
    struct lt_template_set *second = load(w, first);
    assert_ptr_not_equal(first, second);
    assert_int_equal(lt_template_find(first, LT_STR("a.json"), &a, NULL) | lt_template_find(first, LT_STR("b.json"), &b, NULL), LT_OK);
    assert_int_equal(lt_template_find(second, LT_STR("a.json"), &a2, NULL) | lt_template_find(second, LT_STR("b.json"), &b2, NULL), LT_OK);
    assert_ptr_equal(b, b2);
    assert_int_equal(lt_json_int64_or(lt_json_get(a->json, "n"), 0), 1); /* who has the old one keeps it */
    assert_int_equal(lt_json_int64_or(lt_json_get(a2->json, "n"), 0), 22);
    char file[256];
    snprintf(file, sizeof(file), "%s/b.json", w->one);
    assert_int_equal(unlink(file), 0);
    struct lt_template_set *third = load(w, second);
    assert_int_equal(lt_template_count(third), 1);
    lt_template_set_unref(first);
    lt_template_set_unref(second);
    lt_template_set_unref(third);
}

/* ---- the rules ---- */

static void check_text(struct world *w, const char *text, const char *const *expected)
{
    const struct lt_json *v = NULL;
    struct lt_problems *problems = LT_NEW(w->arena, struct lt_problems);
    struct lt_buf out;
    struct lt_jw jw;
    problems->arena = w->arena;
    if (text)
        assert_int_equal(lt_json_parse(w->arena, lt_str(text), LT_JSON_JSON5, &v, NULL), LT_OK);
    lt_workflow_check(v, problems);
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&jw, &out);
    lt_problems_write(&jw, problems);
    lt_buf_putc(&out, '\0');
    for (; *expected; expected++)
        if (!strstr(out.p, *expected))
            fail_msg("%s\nlacks '%s'", out.p, *expected);
    if (!expected[0] && problems->n > 0 && strcmp(expected[-1], "[]") == 0)
        fail_msg("%s", out.p);
    lt_buf_free(&out);
}

static void every_rule_of_a_configuration_has_its_message(void **state)
{
    static const struct {
        const char *text, *expected[6];
    } rows[] = {
        {"{schema_version: '1.0', orchestrator_class: 'a.B_1', processor_config: {P: {}}, actuator_config: {UIComponents: {request: {}, response: {}}},"
         " more: 1}",
         {"[]"}},
        {NULL, {"[\"config is null (base template missing or failed to load)\"]"}},
        {"[1]", {"[\"config must be an object/dict, got array\"]"}},
        {"{}", {"root: 'schema_version' is required", "root: 'orchestrator_class'", "root: 'processor_config'", "root: 'actuator_config'"}},
        {"{schema_version: '2.0', orchestrator_class: '', processor_config: {}, actuator_config: {}}",
         {"\"schema_version: ", "\"orchestrator_class: must", "\"processor_config: must", "actuator_config: 'UIComponents' is required"}},
        {"{schema_version: '1.0', orchestrator_class: 'a b', processor_config: {'x.y': 1, Q: {prompt_template: 3}}, actuator_config: {UIComponents: {request: 1}}}",
         {"orchestrator_class: may hold letters", "processor_config.x.y: must be an object, is integer", "processor_config.Q.prompt_template: must be",
          "actuator_config.UIComponents: 'response' is required", "actuator_config.UIComponents.request: "}},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        check_text(*state, rows[i].text, rows[i].expected);
}

static void all_templates_that_are_shipped_are_whole(void **state)
{
    struct world *w = *state;
    const char *dirs[] = {getenv("LECTERN_TEMPLATES") ? getenv("LECTERN_TEMPLATES") : "share/templates"};
    static const char *const names[] = {"base/summary", "base/custom_prompt", "base/chat", "base/chat_with_tools", "base/question_builder",
                                        "base/flash_cards", "base/grading", "base/grading_draft", "base/blank", "mock/mock", "mock/mock_streaming"};
    struct lt_template_set *set = lt_template_set_load(dirs, 1, NULL);
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        const struct lt_template *t;
        char path[64];
        snprintf(path, sizeof(path), "%s.json5", names[i]);
        assert_int_equal(lt_template_find(set, lt_str(path), &t, NULL), LT_OK);
    }
    for (size_t i = 0; i < lt_template_count(set); i++) {
        struct lt_problems *problems = LT_NEW(w->arena, struct lt_problems);
        problems->arena = w->arena;
        lt_workflow_check(lt_template_at(set, i)->json, problems);
        if (problems->n > 0)
            fail_msg("%s: %.*s: %.*s", lt_template_at(set, i)->path.p, LT_FMT(problems->items[0].path), LT_FMT(problems->items[0].text));
    }
    lt_template_set_unref(set);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(discover_finds_all_files_below_the_directories_sorted_by_dotted_name),
        T(missing_directories_are_skipped),
        T(the_first_directory_that_has_a_template_wins),
        T(templates_are_json5),
        T(a_template_path_is_unsafe_when_empty_absolute_missing_a_directory_or_with_two_dots),
        T(a_link_that_leads_out_of_its_directory_is_refused_and_one_that_stays_inside_is_not),
        T(what_cannot_be_read_is_listed_with_its_reason),
        T(a_changed_file_is_read_again_and_the_others_are_shared),
        T(every_rule_of_a_configuration_has_its_message),
        T(all_templates_that_are_shipped_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

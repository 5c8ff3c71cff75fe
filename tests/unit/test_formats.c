/* Questions: what can be read of them, and how each type is written. That others read the same is for formats.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "workflows/formats/formats.h"

static struct lt_arena *arena;
static struct lt_error err;

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

#define TWO "[{\"text\":\"Yes\",\"is_correct\":true,\"feedback\":\"Right\"},{\"text\":\"No\",\"is_correct\":false,\"feedback\":\"\"}]"
#define BOTH "[{\"text\":\"Yes\",\"is_correct\":true},{\"text\":\"No\",\"is_correct\":true}]"

static const struct lt_json *json_of(const char *text)
{
    const struct lt_json *v = NULL;
    if (lt_json_parse(arena, lt_str(text), LT_JSON_STRICT, &v, &err))
        fail_msg("%s in %s", err.detail, text);
    return v;
}

/* A question of that type with these members more. */
static const struct lt_json *question(const char *type, const char *more)
{
    struct lt_str text = lt_printf(arena, "{\"display_name\":\"Rain\",\"question_html\":\"Does it rain?\",\"problem_type\":\"%s\"%s}", type, more);
    return json_of(lt_strz(arena, text));
}

/* ---- reading ---- */

static const struct {
    const char *statement, *type, *more, *field;
} refusals[] = {
    {"a type that there is not", "essayresponse", "", "/problem_type"},
    {"no choices", "multiplechoiceresponse", "", "/choices"},
    {"one choice", "multiplechoiceresponse", ",\"choices\":[{\"text\":\"a\",\"is_correct\":true}]", "/choices"},
    {"choices that are no list", "multiplechoiceresponse", ",\"choices\":{}", "/choices"},
    {"two right ones of which one can be chosen", "multiplechoiceresponse", ",\"choices\":" BOTH, "/choices"},
    {"the same in a list", "optionresponse", ",\"choices\":" BOTH, "/choices"},
    {"none that is right", "choiceresponse", ",\"choices\":[{\"text\":\"a\",\"is_correct\":false},{\"text\":\"b\",\"is_correct\":false}]",
     "/choices"},
    {"two that say the same", "choiceresponse", ",\"choices\":[{\"text\":\"a b\",\"is_correct\":true},{\"text\":\" a  b\\n\",\"is_correct\":false}]",
     "/choices"},
    {"a choice without text", "choiceresponse", ",\"choices\":[{\"text\":\" \\u0001\",\"is_correct\":true}]", "/choices/0/text"},
    {"NUL in a choice", "choiceresponse", ",\"choices\":[{\"text\":\"a\\u0000b\",\"is_correct\":true}]", "/choices/0/text"},
    {"NUL in a hint", "stringresponse", ",\"answer_value\":\"a\",\"demand_hints\":[\"a\",\"\\u0000\"]", "/demand_hints/1"},
    {"NUL in an answer", "stringresponse", ",\"answer_value\":\"\\u0000\"", "/answer_value"},
    {"a choice that may be right", "choiceresponse", ",\"choices\":[{\"text\":\"a\",\"is_correct\":\"true\"}]", "/choices/0/is_correct"},
    {"feedback that is no text", "choiceresponse", ",\"choices\":[{\"text\":\"a\",\"is_correct\":true,\"feedback\":1}]", "/choices/0/feedback"},
    {"a number with choices", "numericalresponse", ",\"choices\":" TWO ",\"answer_value\":\"1\"", "/choices"},
    {"no number", "numericalresponse", "", "/answer_value"},
    {"words for a number", "numericalresponse", ",\"answer_value\":\"one\"", "/answer_value"},
    {"a number that no double holds", "numericalresponse", ",\"answer_value\":\"1e999\"", "/answer_value"},
    {"a number and more", "numericalresponse", ",\"answer_value\":\"1 m\"", "/answer_value"},
    {"half a number", "numericalresponse", ",\"answer_value\":\"1.\"", "/answer_value"},
    {"infinity", "numericalresponse", ",\"answer_value\":\"inf\"", "/answer_value"},
    {"a tolerance below nothing", "numericalresponse", ",\"answer_value\":\"1\",\"tolerance\":\"-1\"", "/tolerance"},
    {"a tolerance that is a word", "numericalresponse", ",\"answer_value\":\"1\",\"tolerance\":\"5%%\"", "/tolerance"},
    {"no phrase", "stringresponse", ",\"answer_value\":\"  \"", "/answer_value"},
    {"hints that are no list", "stringresponse", ",\"answer_value\":\"a\",\"demand_hints\":\"b\"", "/demand_hints"},
    {"a hint that is no text", "stringresponse", ",\"answer_value\":\"a\",\"demand_hints\":[\"a\",2]", "/demand_hints/1"},
    {"an explanation that is no text", "stringresponse", ",\"answer_value\":\"a\",\"explanation\":[]", "/explanation"},
};

static void what_cannot_be_asked_is_refused(void **state)
{
    for (size_t i = 0; i < LT_COUNT(refusals); i++) {
        struct lt_question p;
        enum lt_code code = lt_question_read(arena, question(refusals[i].type, refusals[i].more), &p, &err);
        if (code != LT_EINVALID_INPUT || strcmp(err.field, refusals[i].field) != 0)
            fail_msg("%s: code %d, field %s", refusals[i].statement, code, err.field);
    }
    struct lt_question p;
    assert_int_equal(lt_question_read(arena, NULL, &p, &err), LT_EINVALID_INPUT);
    assert_int_equal(lt_question_read(arena, json_of("[]"), &p, &err), LT_EINVALID_INPUT);
    assert_int_equal(lt_question_read(arena, json_of("{\"problem_type\":\"stringresponse\",\"question_html\":\"a\",\"answer_value\":\"a\"}"), &p,
                                     &err),
                     LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/display_name");
}

static void a_question_that_shows_nothing_is_not_written(void **state)
{
    struct lt_question p;
    struct lt_str text;
    const struct lt_json *json =
        json_of("{\"display_name\":\"a\",\"question_html\":\"<script>x</script>\",\"problem_type\":\"stringresponse\",\"answer_value\":\"a\"}");
    assert_int_equal(lt_question_read(arena, json, &p, &err), LT_OK);
    assert_int_equal(lt_question_olx(arena, &p, &text, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/question_html");
    assert_int_equal(lt_question_qti(arena, &p, "a", &text, &err), LT_EINVALID_INPUT);
    assert_int_equal(lt_questions_moodle_xml(arena, &p, 1, LT_STR(""), &text, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/0/question_html");
}

static const struct {
    const char *answer, *tolerance, *kept;
    double number, off;
    bool percent;
} numbers[] = {
    {"1", "", "1", 1, 0, false},
    {"+1.50", "0.01", "1.50", 1.5, 0.01, false},
    {"-2e-3", "5%", "-2e-3", -0.002, 5, true},
    {" 007 ", "0", "007", 7, 0, false},
};

static void numbers_are_kept_as_written(void **state)
{
    for (size_t i = 0; i < LT_COUNT(numbers); i++) {
        struct lt_question p;
        struct lt_str more = lt_printf(arena, ",\"answer_value\":\"%s\",\"tolerance\":\"%s\"", numbers[i].answer, numbers[i].tolerance);
        assert_int_equal(lt_question_read(arena, question("numericalresponse", lt_strz(arena, more)), &p, &err), LT_OK);
        assert_true(lt_str_is(p.answer, numbers[i].kept));
        assert_true(p.number == numbers[i].number && p.tolerance == numbers[i].off && p.tolerance_percent == numbers[i].percent);
    }
}

/* ---- Open edX, letter by letter ---- */

static const struct {
    const char *type, *more, *olx;
} problems[] = {
    {"multiplechoiceresponse", ",\"choices\":" TWO ",\"explanation\":\"One.\\n\\nTwo.\",\"demand_hints\":[\"Look.\",\" \",\"Feel.\"]",
     "<problem display_name=\"Rain\"><multiplechoiceresponse><label>Does it rain?</label><choicegroup type=\"MultipleChoice\">"
     "<choice correct=\"true\">Yes<choicehint>Right</choicehint></choice><choice correct=\"false\">No</choice></choicegroup></multiplechoiceresponse>"
     "<solution><div class=\"detailed-solution\"><p>One.</p><p>Two.</p></div></solution>"
     "<demandhint><hint>Look.</hint><hint>Feel.</hint></demandhint></problem>"},
    {"choiceresponse", ",\"choices\":" TWO,
     "<problem display_name=\"Rain\"><choiceresponse><label>Does it rain?</label><checkboxgroup>"
     "<choice correct=\"true\">Yes<choicehint selected=\"true\">Right</choicehint></choice><choice correct=\"false\">No</choice></checkboxgroup>"
     "</choiceresponse></problem>"},
    {"optionresponse", ",\"choices\":" TWO,
     "<problem display_name=\"Rain\"><optionresponse><label>Does it rain?</label><optioninput>"
     "<option correct=\"True\">Yes<optionhint>Right</optionhint></option>"
     "<option correct=\"False\">No</option></optioninput></optionresponse></problem>"},
    {"optionresponse", ",\"choices\":[{\"text\":\"it's\",\"is_correct\":true},{\"text\":\"a\\nb\",\"is_correct\":false}]",
     "<problem display_name=\"Rain\"><optionresponse><label>Does it rain?</label><optioninput>"
     "<option correct=\"True\">it’s</option><option correct=\"False\">a b</option></optioninput></optionresponse></problem>"},
    {"optionresponse", ",\"choices\":[{\"text\":\"\\\\(x\\\\)\",\"is_correct\":true},{\"text\":\"it's\",\"is_correct\":false}]",
     "<problem display_name=\"Rain\"><multiplechoiceresponse><label>Does it rain?</label><choicegroup type=\"MultipleChoice\">"
     "<choice correct=\"true\">\\(x\\)</choice><choice correct=\"false\">it's</choice></choicegroup></multiplechoiceresponse></problem>"},
    {"numericalresponse", ",\"answer_value\":\"+9.81\",\"tolerance\":\"1%\"",
     "<problem display_name=\"Rain\"><numericalresponse answer=\"9.81\">"
     "<label>Does it rain?</label><responseparam type=\"tolerance\" default=\"1%\"/>"
     "<formulaequationinput/></numericalresponse></problem>"},
    {"stringresponse", ",\"answer_value\":\"a \\\"b\\\" <c>\"",
     "<problem display_name=\"Rain\"><stringresponse answer=\"a &quot;b&quot; &lt;c&gt;\" type=\"ci\">"
     "<label>Does it rain?</label><textline size=\"20\"/>"
     "</stringresponse></problem>"},
    {"stringresponse", ",\"answer_value\":\"a\",\"question_html\":\"<p>One</p><p>Two</p>\"",
     "<problem display_name=\"Rain\"><stringresponse answer=\"a\" type=\"ci\"><p>One</p><p>Two</p><label>Rain</label><textline size=\"20\"/>"
     "</stringresponse></problem>"},
};

static void each_type_as_open_edx_has_it(void **state)
{
    for (size_t i = 0; i < LT_COUNT(problems); i++) {
        struct lt_question p;
        struct lt_str olx;
        bool own = strstr(problems[i].more, "question_html") != NULL;
        struct lt_str text = lt_printf(arena, "{\"display_name\":\"Rain\",\"problem_type\":\"%s\"%s%s}", problems[i].type,
                                       own ? "" : ",\"question_html\":\"Does it rain?\"", problems[i].more);
        if (lt_question_read(arena, json_of(lt_strz(arena, text)), &p, &err) || lt_question_olx(arena, &p, &olx, &err))
            fail_msg("%s: %s %s", problems[i].more, err.field, err.detail);
        assert_string_equal(lt_strz(arena, olx), problems[i].olx);
    }
}

/* ---- packages ---- */

static void a_package_lists_its_items(void **state)
{
    struct lt_question p[2];
    struct lt_format_file *files;
    size_t n;
    assert_int_equal(lt_question_read(arena, question("stringresponse", ",\"answer_value\":\"a\""), &p[0], &err), LT_OK);
    p[1] = p[0];
    assert_int_equal(lt_questions_qti_package(arena, p, 2, &files, &n, &err), LT_OK);
    assert_int_equal(n, 3);
    assert_true(lt_str_is(files[0].path, "imsmanifest.xml"));
    assert_true(lt_str_is(files[1].path, "items/item-1.xml"));
    assert_true(lt_str_is(files[2].path, "items/item-2.xml"));
    assert_int_equal(lt_questions_qti_package(arena, p, 0, &files, &n, &err), LT_OK);
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_asked_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_question_that_shows_nothing_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_kept_as_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_type_as_open_edx_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_package_lists_its_items, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

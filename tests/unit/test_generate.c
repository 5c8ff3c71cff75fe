/* generate_question and generate_flashcard: what is asked, and which answers pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "actions/builtin.h"
#include "core/action.h"
#include "core/registry.h"

static struct lt_arena *arena;
static struct lt_error err;

static int set_up(void **state)
{
    arena = lt_arena_new();
    lt_registry_reset();
    enum lt_code code = lt_actions_register(&err);
    lt_registry_seal();
    return code;
}

static int tear_down(void **state)
{
    lt_registry_reset();
    lt_arena_free(arena);
    return 0;
}

static const struct lt_action *action(const char *name)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, lt_str(name));
    assert_non_null(entry);
    return entry->impl;
}

static const struct lt_json *json(struct lt_str text)
{
    const struct lt_json *v = NULL;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, &err))
        fail_msg("%s in %.*s", err.detail, LT_FMT(text));
    return v;
}

/* The neutral call that an input makes; the input must fit its schema. */
static struct lt_neutral_call compiled(const char *name, const char *input)
{
    const struct lt_schema *schema;
    struct lt_neutral_call ret = {0};
    struct lt_action_call call = {.arena = arena, .input = json(lt_str(input)), .instruction = lt_str(action(name)->instruction)};
    assert_int_equal(lt_schema_compile_text(arena, action(name)->input_schema, &schema, &err), LT_OK);
    if (lt_schema_check(schema, call.input, &err) || action(name)->compile(&call, &ret, &err))
        fail_msg("%s %s: %s", name, err.field, err.detail);
    return ret;
}

static bool passes(const struct lt_neutral_call *call, struct lt_str answer)
{
    return lt_schema_check(call->answer_schema, json(answer), &err) == LT_OK;
}

/* Does the form that is sent to the vendor allow it? */
static bool form_allows(const struct lt_neutral_call *call, struct lt_str answer)
{
    const struct lt_schema *form;
    const struct lt_json *sent = lt_json_at_pointer(call->response_format, "/json_schema/schema");
    assert_int_equal(lt_schema_compile(arena, sent, &form, &err), LT_OK);
    return lt_schema_check(form, json(answer), &err) == LT_OK;
}

static bool holds(struct lt_str s, const char *z)
{
    return memmem(s.p, s.n, z, strlen(z)) != NULL;
}

static struct lt_str last_message(const struct lt_neutral_call *call)
{
    return call->messages[call->messages_n - 1].content;
}

/* ---- questions ---- */

static struct lt_str problem(const char *type, const char *choices, const char *answer, const char *tolerance)
{
    return lt_printf(arena,
                     "{\"collection_name\":\"Water\",\"problems\":[{\"display_name\":\"Rain\",\"question_html\":\"Why does it rain?\",\"problem_type\":\"%s\","
                     "\"choices\":%s,\"answer_value\":\"%s\",\"tolerance\":\"%s\",\"explanation\":\"So.\",\"demand_hints\":[]}]}",
                     type, choices, answer, tolerance);
}

#define CHOICE(text, right) "{\"text\":\"" text "\",\"is_correct\":" right ",\"feedback\":\"\"}"
#define ONE_RIGHT "[" CHOICE("a", "true") "," CHOICE("b", "false") "]"
#define TWO_RIGHT "[" CHOICE("a", "true") "," CHOICE("b", "true") "]"
#define NONE_RIGHT "[" CHOICE("a", "false") "," CHOICE("b", "false") "]"
#define ONE_OPTION "[" CHOICE("a", "true") "]"

static void a_question_passes_only_when_it_can_be_marked(void **state)
{
    static const struct {
        const char *type, *choices, *answer, *tolerance;
        bool good;
    } cases[] = {
        {"multiplechoiceresponse", ONE_RIGHT, "", "", true},
        {"multiplechoiceresponse", TWO_RIGHT, "", "", false},
        {"multiplechoiceresponse", NONE_RIGHT, "", "", false},
        {"multiplechoiceresponse", ONE_OPTION, "", "", false},
        {"optionresponse", ONE_RIGHT, "", "", true},
        {"optionresponse", TWO_RIGHT, "", "", false},
        {"choiceresponse", TWO_RIGHT, "", "", true},
        {"choiceresponse", ONE_RIGHT, "", "", true},
        {"choiceresponse", NONE_RIGHT, "", "", false},
        {"choiceresponse", "[]", "", "", false},
        {"numericalresponse", "[]", "-25.3", "5%", true},
        {"numericalresponse", "[]", "1e6", "", true},
        {"numericalresponse", "[]", "about 5", "", false},
        {"numericalresponse", "[]", "", "", false},
        {"numericalresponse", "[]", "5", "much", false},
        {"numericalresponse", ONE_RIGHT, "5", "", false},
        {"stringresponse", "[]", "Paris", "", true},
        {"stringresponse", "[]", "", "", false},
    };
    struct lt_neutral_call call = compiled("generate_question", "{\"text\":\"Water rises.\"}");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str answer = problem(cases[i].type, cases[i].choices, cases[i].answer, cases[i].tolerance);
        if (passes(&call, answer) != cases[i].good)
            fail_msg("case %zu, %s: %s", i, cases[i].type, cases[i].good ? err.detail : "taken although it cannot be marked");
        assert_true(form_allows(&call, answer)); /* it is the check that makes the difference */
    }
    assert_false(form_allows(&call, problem("essay", "[]", "", "")));
}

static void as_many_questions_as_were_asked_for_and_at_least_one(void **state)
{
    struct lt_neutral_call two = compiled("generate_question", "{\"text\":\"Water rises.\",\"count\":2}");
    static const char one[] = "{\"display_name\":\"d\",\"question_html\":\"q\",\"problem_type\":\"stringresponse\",\"choices\":[],\"answer_value\":\"a\","
                              "\"tolerance\":\"\",\"explanation\":\"\",\"demand_hints\":[]}";
    assert_false(passes(&two, LT_STR("{\"collection_name\":\"c\",\"problems\":[]}")));
    assert_true(passes(&two, lt_printf(arena, "{\"collection_name\":\"c\",\"problems\":[%s]}", one)));
    assert_true(passes(&two, lt_printf(arena, "{\"collection_name\":\"c\",\"problems\":[%s,%s]}", one, one)));
    assert_false(passes(&two, lt_printf(arena, "{\"collection_name\":\"c\",\"problems\":[%s,%s,%s]}", one, one, one)));
    struct lt_neutral_call revised = compiled("generate_question", "{\"text\":\"Water rises.\",\"count\":9,\"revise\":{\"question_html\":\"Old?\"}}");
    assert_false(passes(&revised, lt_printf(arena, "{\"collection_name\":\"c\",\"problems\":[%s,%s]}", one, one)));
}

static void only_the_types_that_were_asked_for(void **state)
{
    struct lt_neutral_call call = compiled("generate_question", "{\"text\":\"Water rises.\",\"problem_types\":[\"stringresponse\"]}");
    assert_true(passes(&call, problem("stringresponse", "[]", "sea", "")));
    assert_false(passes(&call, problem("multiplechoiceresponse", ONE_RIGHT, "", "")));
    assert_false(form_allows(&call, problem("multiplechoiceresponse", ONE_RIGHT, "", "")));
}

static void what_others_wrote_is_marked_off_in_the_prompt(void **state)
{
    struct lt_neutral_call call = compiled("generate_question", "{\"text\":\"TEXT\",\"existing\":[\"EXISTING\"],\"revise\":{\"question_html\":\"OLD\"},"
                                                                "\"instruction\":\"WISH\",\"difficulty\":\"hard\"}");
    struct lt_str prompt = last_message(&call);
    assert_true(holds(prompt, "\nTEXT\n</text-") && holds(prompt, "\"OLD\"}\n</text-") && holds(prompt, "WISH") && holds(prompt, "hard"));
    assert_string_equal(call.messages[0].role.p, "system");
    call = compiled("generate_flashcard", "{\"text\":\"TEXT\",\"existing\":[{\"id\":\"card-1\",\"question\":\"KNOWN\"}]}");
    assert_true(holds(last_message(&call), "\"KNOWN\"}]\n</text-"));
}

/* ---- cards ---- */

static void cards_have_an_id_a_question_and_an_answer(void **state)
{
    static const struct {
        const char *cards;
        bool good;
    } cases[] = {
        {"[{\"id\":\"card-1\",\"question\":\"Q\",\"answer\":\"A\"}]", true},
        {"[]", false},
        {"[{\"id\":\"card-1\",\"question\":\"\",\"answer\":\"A\"}]", false},
        {"[{\"id\":\"card-1\",\"question\":\"Q\",\"answer\":\"\"}]", false},
        {"[{\"question\":\"Q\",\"answer\":\"A\"}]", false},
        {"[{\"id\":\"1\",\"question\":\"Q\",\"answer\":\"A\"},{\"id\":\"2\",\"question\":\"Q\",\"answer\":\"A\"},{\"id\":\"3\",\"question\":\"Q\",\"answer\":\"A\"}]",
         false}, /* two were asked for */
    };
    struct lt_neutral_call call = compiled("generate_flashcard", "{\"text\":\"Water rises.\",\"count\":2}");
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        if (passes(&call, lt_printf(arena, "{\"cards\":%s}", cases[i].cards)) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].cards);
}

static void the_answer_becomes_the_response(void **state)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_action_call call = {.arena = arena, .input = json(LT_STR("{\"text\":\"t\"}"))};
    struct lt_neutral_result good = {.text = LT_STR("{\"cards\": []}")}, empty = {.text = LT_STR("  ")}, list = {.text = LT_STR("[]")};
    lt_buf_init(&out, 1000);
    lt_jw_init(&w, &out);
    assert_int_equal(action("generate_flashcard")->finish(&call, &good, &w, &err), LT_OK);
    assert_true(lt_str_is(lt_buf_str(&out), "{\"cards\":[]}"));
    assert_int_equal(action("generate_flashcard")->finish(&call, &empty, &w, &err), LT_EUPSTREAM_INVALID);
    assert_int_equal(action("generate_flashcard")->finish(&call, &list, &w, &err), LT_EUPSTREAM_INVALID);
    lt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_passes_only_when_it_can_be_marked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_questions_as_were_asked_for_and_at_least_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_types_that_were_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_wrote_is_marked_off_in_the_prompt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cards_have_an_id_a_question_and_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_answer_becomes_the_response, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

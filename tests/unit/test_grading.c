/* Rubrics, their hashes at ORA2, quotations, and grade_response: what is asked and what of an answer is believed. Cases by their ids of reference/xblock.md §3.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actions/builtin.h"
#include "core/action.h"
#include "core/registry.h"
#include "core/rubric_ora2.h"
#include "guard/quote.h"

static struct lt_arena *arena;
static struct lt_error err;

static int set_up(void **state)
{
    arena = lt_arena_new();
    err = (struct lt_error){0};
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

static const struct lt_json *json(struct lt_str text)
{
    const struct lt_json *v = NULL;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, &err))
        fail_msg("%s in %.*s", err.detail, LT_FMT(text));
    return v;
}

static void assert_text(struct lt_str s, const char *z)
{
    if (!lt_str_is(s, z))
        fail_msg("expected \"%s\", got \"%.*s\"", z, LT_FMT(s));
}

static bool holds(struct lt_str s, const char *z)
{
    return memmem(s.p, s.n, z, strlen(z)) != NULL;
}

/* ---- ORA2 ---- */

static struct lt_str ora2(const char *name, const char *more)
{
    return lt_printf(arena,
                     "{\"prompts\":[{\"description\":\"Create a plan to deliver ora2!\"}],\"criteria\":[{\"order_num\":0,\"name\":\"%s\","
                     "\"prompt\":\"Is the deadline realistic?\",\"options\":[{\"order_num\":0,\"points\":0,\"name\":\"No\",\"explanation\":\"We need more "
                     "time!\"},{\"order_num\":1,\"points\":2,\"name\":\"Yes\",\"explanation\":\"We got this.\"}]}]%s}",
                     name, more);
}

static void rubrics_of_ora2_have_the_hashes_that_ora2_gives_them(void **state)
{
    static const struct {
        const char *name, *more, *content, *structure;
    } cases[] = {
        {"realistic", "", "45b6fc4e37f6eb90b5f4fd5e891e557af3d7795c", "29ecd7e39f12e352a2081250dc0db599f224a901"},
        {"realistic", ",\"id\":7,\"content_hash\":\"x\"", "45b6fc4e37f6eb90b5f4fd5e891e557af3d7795c", "29ecd7e39f12e352a2081250dc0db599f224a901"},
        {"r\xc3\xa9""aliste \xf0\x9f\x8e\x93", "", "91dfced294e249fd555ab4674aaf1387f917d780", "fa7af83858c00e3b6ac6bffa1279c93845ab36ae"},
        {"r\\u00e9aliste \\ud83c\\udf93", "", "91dfced294e249fd555ab4674aaf1387f917d780", "fa7af83858c00e3b6ac6bffa1279c93845ab36ae"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_ora2_hashes hashes;
        const struct lt_json *rubric;
        assert_int_equal(lt_rubric_from_ora2(arena, json(ora2(cases[i].name, cases[i].more)), &rubric, &hashes, &err), LT_OK);
        assert_string_equal(hashes.content, cases[i].content);
        assert_string_equal(hashes.structure, cases[i].structure);
        assert_text(lt_json_str(lt_json_get(rubric, "content_hash")), cases[i].content);
        assert_text(lt_json_str(lt_json_at_pointer(rubric, "/criteria/0/options/1/id")), "o1");
        assert_int_equal(lt_json_int64_or(lt_json_at_pointer(rubric, "/criteria/0/options/1/points"), -1), 2);
    }
}

static void rubrics_that_ora2_would_refuse_are_refused_with_their_field(void **state)
{
    static const struct {
        const char *criteria, *field;
    } cases[] = {
        {"[]", "/criteria"},
        {"[{\"name\":\"a\",\"options\":[]}]", "/criteria/0/feedback"},
        {"[{\"name\":\"a\",\"options\":[],\"feedback\":\"optional\"}]", "/criteria/0/feedback"},
        {"[{\"name\":\"a\",\"options\":[{\"name\":\"x\",\"points\":-1}]}]", "/criteria/0/options/0/points"},
        {"[{\"name\":\"a\",\"options\":[{\"name\":\"x\",\"points\":1.5}]}]", "/criteria/0/options/0/points"},
        {"[{\"name\":\"a\",\"options\":[{\"name\":\"x\",\"points\":1},{\"name\":\"x\",\"points\":2}]}]", "/criteria/0/options/1/name"},
        {"[{\"name\":\"a\",\"options\":[],\"feedback\":\"required\"}]", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_ora2_hashes hashes;
        const struct lt_json *rubric;
        enum lt_code rc = lt_rubric_from_ora2(arena, json(lt_printf(arena, "{\"criteria\":%s}", cases[i].criteria)), &rubric, &hashes, &err);
        assert_int_equal(rc, cases[i].field ? LT_EINVALID_INPUT : LT_OK);
        if (cases[i].field)
            assert_string_equal(err.field, cases[i].field);
    }
}

/* ---- G4: quotations ---- */

static void G4_a_quotation_is_found_as_models_quote_and_only_where_it_stands(void **state)
{
    static const struct {
        const char *text, *quote;
        int start, end;                /* -1: not found */
    } cases[] = {
        {"Rain falls from clouds.", "falls from", 5, 15},
        {"Rain  falls\n\tfrom clouds.", "falls from", 6, 17},
        {"Rain falls from clouds.", " Rain\nfalls ", 0, 10},
        {"R\xc3\xa9""gen f\xc3\xa4llt \xe2\x80\x9enicht\xe2\x80\x9d.", "f\xc3\xa4llt", 6, 11},
        {"It\xe2\x80\x99s \xe2\x80\x9cwet\xe2\x80\x9d \xe2\x80\x94 very\xe2\x80\xa6", "It's \"wet\" - very...", 0, 18},
        {"wa\xe2\x80\x8bter\xc2\xad drops", "water drops", 0, 13},
        {"a\xc2\xa0""b\xe3\x80\x80""c d e", "a b c d", 0, 7},
        {"Rain falls.", "Snow falls.", -1, 0},
        {"Rain falls.", "rain falls", -1, 0},
        {"Rain falls.", "", -1, 0},
        {"Rain falls.", " \n", -1, 0},
        {"Rain falls.", "Rai", -1, 0}, /* so little stands anywhere */
        {"Yes", "Yes", 0, 3},          /* but here it is all there is */
        {"", "x", -1, 0},
        {"\xe2\x80\x8b", "\xe2\x80\x8b", -1, 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_quotable text;
        size_t start = 0, end = 0;
        lt_quotable_make(arena, lt_str(cases[i].text), &text);
        bool found = lt_quotable_find(arena, &text, lt_str(cases[i].quote), &start, &end);
        if (found != (cases[i].start >= 0) || (found && ((int)start != cases[i].start || (int)end != cases[i].end)))
            fail_msg("case %zu: %s at %zu to %zu", i, found ? "found" : "not found", start, end);
    }
}

/* Whatever stretch of a random text is quoted, with its white space changed, is found, at places that hold the same letters. */
static void G4_each_stretch_of_a_text_is_found_in_it(void **state)
{
    static const char *const pieces[] = {"a", "b", "\xc3\xa9", " ", "\n", "\xe2\x80\x8b", "\xe2\x80\x99", "\xf0\x9f\x8e\x93", "\xe3\x80\x80", "\xe2\x80\xa6"};
    unsigned seed = (unsigned)lt_uuid_new().b[15] + 1;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 300; round++) {
        char text[400];
        size_t at[101], n = 0, count = 20 + (size_t)rand() % 80, start, end;
        for (size_t i = 0; i < count; i++) {
            const char *p = pieces[(size_t)rand() % LT_COUNT(pieces)];
            at[i] = n;
            memcpy(text + n, p, strlen(p));
            n += strlen(p);
        }
        at[count] = n;
        size_t from = (size_t)rand() % count, to = from + 1 + (size_t)rand() % (count - from);
        struct lt_str quote = {text + at[from], at[to] - at[from]};
        struct lt_quotable whole, part;
        lt_quotable_make(arena, (struct lt_str){text, n}, &whole);
        lt_quotable_make(arena, quote, &part);
        size_t seen = 0;
        for (size_t i = 0; i < part.folded.n; i++)
            seen += ((uint8_t)part.folded.p[i] & 0xC0) != 0x80;
        bool found = lt_quotable_find(arena, &whole, quote, &start, &end);
        if (seen >= LT_QUOTE_MIN) {
            assert_true(found);
            assert_true(start < end && end <= whole.characters && start < to);
        }
    }
}

static void what_nobody_sees_is_not_asked(void **state)
{
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"plain text\nwith lines\tand tabs", "plain text\nwith lines\tand tabs"},
        {"a\xf3\xa0\x81\xa7\xf3\xa0\x81\xa9""b", "ab"},        /* tags */
        {"a\xe2\x80\xae""b\xe2\x80\xac", "ab"},                 /* turned round */
        {"a\xe2\x80\x8b\xe2\x81\xa0\xef\xbb\xbf""b", "ab"},    /* zero width */
        {"a\xf3\xa0\x84\x80""b", "ab"},                         /* variation selector 17 */
        {"a\x1b[2Jb", "a[2Jb"},
        {"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"}, /* Persian needs its joiners */
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_text(lt_guard_visible(arena, lt_str(cases[i].text)), cases[i].seen);
    assert_true(lt_guard_blank(arena, LT_STR(" \n\xe2\x80\x8b\xe3\x80\x80\xc2\xad")));
    assert_false(lt_guard_blank(arena, LT_STR(" . ")));
}

/* ---- the action ---- */

static const struct lt_action *action(void)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, LT_STR("grade_response"));
    assert_non_null(entry);
    return entry->impl;
}

#define OPTION(id, name, points) "{\"id\":\"" id "\",\"name\":\"" name "\",\"points\":" points ",\"explanation\":\"It is " name ".\"}"
#define IDEAS "{\"id\":\"ideas\",\"name\":\"Ideas\",\"prompt\":\"Is there a thought?\",\"options\":[" OPTION("i0", "Poor", "0") "," OPTION("i1", "Fair", "3") "," OPTION("i2", "Good", "5") "]}"
#define STYLE "{\"id\":\"style\",\"name\":\"Style\",\"feedback\":\"disabled\",\"options\":[" OPTION("s1", "Plain", "1") "," OPTION("s2", "Vivid", "2") "]}"
#define REMARK "{\"id\":\"remark\",\"name\":\"Remark\",\"feedback\":\"required\",\"options\":[]}"
#define INPUT(criteria) "{\"task\":{\"prompts\":[{\"id\":\"p0\",\"text\":\"Why does it rain?\"}],\"language\":\"en\"},\"rubric\":{\"criteria\":[" criteria "]}," \
    "\"submission\":{\"parts\":[{\"prompt\":\"p0\",\"text\":\"Rain falls from clouds because drops grow heavy.\"}],\"attachments\":[{\"name\":\"notes.txt\",\"text\":\"Drops merge.\"}]}}"

static struct lt_action_call call_of(const char *input)
{
    const struct lt_schema *schema;
    struct lt_action_call call = {.arena = arena, .input = json(lt_str(input)), .instruction = lt_str(action()->instruction)};
    assert_int_equal(lt_schema_compile_text(arena, action()->input_schema, &schema, &err), LT_OK);
    if (lt_schema_check(schema, call.input, &err))
        fail_msg("%s: %s", err.field, err.detail);
    return call;
}

static struct lt_neutral_call compiled(const char *input)
{
    struct lt_action_call call = call_of(input);
    struct lt_neutral_call ret = {0};
    if (action()->compile(&call, &ret, &err))
        fail_msg("%s: %s", err.field, err.detail);
    return ret;
}

static const struct lt_json *finished(const char *input, struct lt_str answer)
{
    struct lt_action_call call = call_of(input);
    struct lt_neutral_result result = {.text = answer};
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&w, &out);
    if (action()->finish(&call, &result, &w, &err))
        fail_msg("%s", err.detail);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return json(text);
}

/* In the order of the model: c0 Ideas, c1 Remark, c2 Style. */
#define SAID(evidence, option, style) "{\"criteria\":{\"c0\":{\"evidence\":[" evidence "],\"rationale\":\"r\",\"option\":\"" option "\",\"feedback\":\"f\"}," \
    "\"c1\":{\"evidence\":[],\"rationale\":\"r\",\"feedback\":\"Nice.\"},\"c2\":{\"evidence\":[\"grow heavy\"],\"rationale\":\"r\",\"option\":\"" style "\"}}," \
    "\"overall_feedback\":\"Well <b>done</b>.\",\"abstain\":{\"needed\":false,\"reason\":\"none\"}}"
#define ALL INPUT(IDEAS "," STYLE "," REMARK)

static void the_form_is_made_for_the_rubric_of_positions_alone_with_evidence_before_the_verdict(void **state)
{
    struct lt_neutral_call call = compiled(ALL);
    struct lt_str form = lt_json_text(arena, lt_json_at_pointer(call.response_format, "/json_schema/schema"));
    assert_false(holds(form, "Ideas") || holds(form, "ideas") || holds(form, "Poor"));
    assert_text(lt_json_text(arena, lt_json_at_pointer(call.response_format, "/json_schema/schema/properties/criteria/properties/c0/required")),
                "[\"evidence\",\"rationale\",\"option\",\"feedback\"]");
    assert_text(lt_json_text(arena, lt_json_at_pointer(call.response_format, "/json_schema/schema/properties/criteria/properties/c1/required")),
                "[\"evidence\",\"rationale\",\"feedback\"]");
    assert_text(lt_json_text(arena, lt_json_at_pointer(call.response_format, "/json_schema/schema/properties/criteria/properties/c2/required")),
                "[\"evidence\",\"rationale\",\"option\"]");
    assert_true(lt_json_bool_or(lt_json_at_pointer(call.response_format, "/json_schema/strict"), false));
}

static void G2_an_answer_that_is_not_whole_does_not_fit(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"criteria\":{},\"overall_feedback\":\"\",\"abstain\":{\"needed\":false,\"reason\":\"none\"}}",
        SAID("", "o3", "o0"),
        SAID("", "i2", "o0"),
        SAID("", "o0", "o2"),
    };
    struct lt_neutral_call call = compiled(ALL);
    assert_int_equal(lt_schema_check(call.answer_schema, json(LT_STR(SAID("", "o0", "o0"))), &err), LT_OK);
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        assert_int_equal(lt_schema_check(call.answer_schema, json(lt_str(wrong[i])), &err), LT_EINVALID_INPUT);
}

static void G1_points_are_reckoned_from_the_rubric_in_its_own_order(void **state)
{
    const struct lt_json *r = finished(ALL, LT_STR(SAID("\"falls  from clouds\",\"never said\"", "o1", "o1")));
    assert_text(lt_json_str(lt_json_get(r, "status")), "ok");
    assert_int_equal(lt_json_int64_or(lt_json_get(r, "points_earned"), -1), 5);
    assert_int_equal(lt_json_int64_or(lt_json_get(r, "points_possible"), -1), 7);
    assert_text(lt_json_str(lt_json_at_pointer(r, "/criteria/0/option_id")), "i1");
    assert_text(lt_json_str(lt_json_at_pointer(r, "/criteria/1/option_id")), "s2");
    assert_text(lt_json_str(lt_json_at_pointer(r, "/criteria/1/feedback")), "");
    assert_int_equal(lt_json_type(lt_json_at_pointer(r, "/criteria/2/option_id")), LT_JSON_NULL);
    assert_text(lt_json_text(arena, lt_json_at_pointer(r, "/criteria/0/evidence")), "[{\"part\":0,\"start\":5,\"end\":22}]"); /* G4 */
    assert_text(lt_json_str(lt_json_get(r, "overall_feedback")), "Well < b>done< /b>."); /* G7 */
}

static void G4_a_verdict_above_the_least_that_nothing_proves_is_none(void **state)
{
    static const struct {
        const char *answer, *status, *reason;
    } cases[] = {
        {SAID("\"never said\"", "o2", "o0"), "abstained", "no_evidence"},
        {SAID("", "o1", "o0"), "abstained", "no_evidence"},
        {SAID("", "o0", "o0"), "ok", "none"}, /* the least needs no proof */
        {SAID("\"Drops merge.\"", "o2", "o0"), "ok", "none"}, /* of the attachment */
        {SAID("\"notes.txt\"", "o2", "o0"), "abstained", "no_evidence"}, /* a name is no text */
        {SAID("\"Why does it rain?\"", "o2", "o0"), "abstained", "no_evidence"}, /* the task is not the submission */
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *r = finished(ALL, lt_str(cases[i].answer));
        assert_text(lt_json_str(lt_json_get(r, "status")), cases[i].status);
        assert_text(lt_json_str(lt_json_get(r, "reason")), cases[i].reason);
        bool ok = lt_str_is(lt_json_str(lt_json_get(r, "status")), "ok");
        assert_true((lt_json_get(r, "points_earned") != NULL) == ok && (lt_json_get(r, "criteria") != NULL) == ok);
        assert_int_equal(lt_json_len(lt_json_get(r, "unsupported")), ok ? 0 : 1);
    }
}

static void G3_who_abstains_gives_no_points(void **state)
{
    const struct lt_json *r = finished(
        INPUT(IDEAS), LT_STR("{\"criteria\":{\"c0\":{\"evidence\":[\"falls from clouds\"],\"rationale\":\"\",\"option\":\"o2\",\"feedback\":\"\"}},"
                             "\"overall_feedback\":\"x\",\"abstain\":{\"needed\":true,\"reason\":\"off_topic\"}}"));
    assert_text(lt_json_str(lt_json_get(r, "status")), "abstained");
    assert_text(lt_json_str(lt_json_get(r, "reason")), "off_topic");
    assert_null(lt_json_get(r, "points_earned"));
    assert_null(lt_json_get(r, "criteria"));
}

static void G7_feedback_is_cut_between_characters_and_no_markup(void **state)
{
    static const char input[] = "{\"rubric\":{\"criteria\":[" IDEAS "]},\"submission\":{\"parts\":[{\"text\":\"Rain falls.\"}]},\"limits\":{\"max_feedback_chars\":5}}";
    static const struct {
        const char *said, *shown;
    } cases[] = {
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"},
        {"\xf0\x9f\x8e\x93\xf0\x9f\x8e\x93", "\xf0\x9f\x8e\x93\xf0\x9f\x8e\x93"},
        {"<b>", "< b>"},
        {"abcd<b", "abcd"},
        {"a < b", "a < b"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str answer = lt_printf(arena,
                                         "{\"criteria\":{\"c0\":{\"evidence\":[],\"rationale\":\"\",\"option\":\"o0\",\"feedback\":\"%s\"}},"
                                         "\"overall_feedback\":\"\",\"abstain\":{\"needed\":false,\"reason\":\"none\"}}",
                                         cases[i].said);
        assert_text(lt_json_str(lt_json_at_pointer(finished(input, answer), "/criteria/0/feedback")), cases[i].shown);
    }
}

static void G8_an_empty_submission_is_not_asked_about(void **state)
{
    struct lt_action_call call = call_of("{\"rubric\":{\"criteria\":[" IDEAS "]},\"submission\":{\"parts\":[{\"text\":\" \\n\\u200b\"}],\"attachments\":[{\"text\":\"\"}]}}");
    struct lt_neutral_call ret = {0};
    assert_int_equal(action()->compile(&call, &ret, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/submission");
}

static void G9_the_same_rubric_in_another_order_is_the_same_question_and_gives_the_same_choice(void **state)
{
    static const char turned[] = INPUT(REMARK ",{\"id\":\"style\",\"name\":\"Style\",\"feedback\":\"disabled\",\"options\":[" OPTION("s2", "Vivid", "2") "," OPTION(
        "s1", "Plain", "1") "]}," IDEAS);
    struct lt_neutral_call a = compiled(ALL), b = compiled(turned);
    assert_true(lt_str_eq(a.messages[1].content, b.messages[1].content));
    assert_true(lt_json_equal(a.response_format, b.response_format));
    const struct lt_json *r = finished(turned, LT_STR(SAID("\"falls from clouds\"", "o2", "o1")));
    assert_text(lt_json_str(lt_json_at_pointer(r, "/criteria/0/id")), "remark");
    assert_text(lt_json_str(lt_json_at_pointer(r, "/criteria/1/option_id")), "s2");
    assert_text(lt_json_str(lt_json_at_pointer(r, "/criteria/2/option_id")), "i2");
    assert_int_equal(lt_json_int64_or(lt_json_get(r, "points_earned"), -1), 7);
}

static void a_rubric_that_makes_no_sense_is_refused_with_its_field(void **state)
{
    static const struct {
        const char *criteria, *field;
    } cases[] = {
        {IDEAS "," IDEAS, "/rubric/criteria/1/id"},
        {"{\"id\":\"a\",\"name\":\"A\",\"options\":[" OPTION("x", "X", "1") "," OPTION("x", "Y", "2") "]}", "/rubric/criteria/0/options/1/id"},
        {"{\"id\":\"a\",\"name\":\"A\",\"feedback\":\"disabled\",\"options\":[]}", "/rubric/criteria/0/feedback"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str input = lt_printf(arena, "{\"rubric\":{\"criteria\":[%s]},\"submission\":{\"parts\":[{\"text\":\"a\"}]}}", cases[i].criteria);
        struct lt_action_call call = call_of(input.p);
        struct lt_neutral_call ret = {0};
        assert_int_equal(action()->compile(&call, &ret, &err), LT_EINVALID_INPUT);
        assert_string_equal(err.field, cases[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rubrics_of_ora2_have_the_hashes_that_ora2_gives_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rubrics_that_ora2_would_refuse_are_refused_with_their_field, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G4_a_quotation_is_found_as_models_quote_and_only_where_it_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G4_each_stretch_of_a_text_is_found_in_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_sees_is_not_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_form_is_made_for_the_rubric_of_positions_alone_with_evidence_before_the_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G2_an_answer_that_is_not_whole_does_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G1_points_are_reckoned_from_the_rubric_in_its_own_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G4_a_verdict_above_the_least_that_nothing_proves_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G3_who_abstains_gives_no_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G7_feedback_is_cut_between_characters_and_no_markup, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G8_an_empty_submission_is_not_asked_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(G9_the_same_rubric_in_another_order_is_the_same_question_and_gives_the_same_choice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rubric_that_makes_no_sense_is_refused_with_its_field, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

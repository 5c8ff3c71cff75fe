/* Questions in both spellings of their names. Fuzzed by tests/fuzz/fuzz_question.c. */
#include "workflows/question_input.h"

#include "workflows/input.h"

enum { WRITTEN_MAX = 8 << 20 /* bytes of JSON */ };

static const char *const members[] = {"display_name", "question_html", "problem_type", "answer_value", "tolerance", "explanation", "demand_hints"};
static const char *const choice_members[] = {"text", "is_correct", "feedback"};

static void put_members(struct lt_jw *w, const struct lt_json *object, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lt_input_get(object, names[i]))
            lt_jw_kjson(w, names[i], lt_input_get(object, names[i]));
}

void lt_question_put(struct lt_jw *w, const struct lt_json *question)
{
    const struct lt_json *choices = lt_input_get(question, "choices");
    lt_jw_obj(w);
    put_members(w, question, members, LT_COUNT(members));
    if (choices && !lt_json_is(choices, LT_JSON_ARRAY))
        lt_jw_kjson(w, "choices", choices);
    if (lt_json_is(choices, LT_JSON_ARRAY)) {
        lt_jw_key(w, "choices");
        lt_jw_arr(w);
        for (size_t i = 0; i < lt_json_len(choices); i++) {
            lt_jw_obj(w);
            put_members(w, lt_json_at(choices, i), choice_members, LT_COUNT(choice_members));
            lt_jw_end(w);
        }
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

enum lt_code lt_question_input(struct lt_arena *arena, const struct lt_json *question, struct lt_question *ret, struct lt_error *err)
{
    const struct lt_json *plain;
    struct lt_buf out;
    struct lt_jw w;
    if (!lt_json_is(question, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "a question is an object, this is %s", lt_json_type_name(question));
    lt_buf_init(&out, WRITTEN_MAX);
    lt_jw_init(&w, &out);
    lt_question_put(&w, question);
    if (lt_input_tree(arena, &out, &plain, err))
        return err->code;
    return lt_question_read(arena, plain, ret, err);
}

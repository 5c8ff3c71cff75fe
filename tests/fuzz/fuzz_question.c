/*
 * Questions as clients and models give them: what is taken can be written in every format, and each is well-formed; flash cards; rubrics, ours and
 * Open edX's. The input is JSON.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "content/xml.h"
#include "core/rubric_ora2.h"
#include "workflows/card.h"
#include "text/json_schema.h"
#include "workflows/formats/formats.h"
#include "workflows/question_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reason that names a field, or one of the outgoing text's size. */
static bool reasoned(enum lt_code rc, const struct lt_error *err)
{
    return (rc == LT_EINVALID_INPUT || rc == LT_ETOO_LARGE) && err->detail[0];
}

static void check_file(struct lt_arena *arena, enum lt_code rc, struct lt_str text, const struct lt_error *err)
{
    struct lt_xml_node *root;
    struct lt_error why;
    if (rc == LT_OK)
        assert(lt_utf8_valid(text.p, text.n) && lt_xml_read(arena, text, &root, &why) == LT_OK);
    else
        assert(reasoned(rc, err));
}

static void check_question(struct lt_arena *arena, const struct lt_json *json)
{
    struct lt_question q;
    struct lt_error err;
    struct lt_str text;
    enum lt_code rc = lt_question_input(arena, json, &q, &err);
    if (rc) {
        assert(reasoned(rc, &err));
        return;
    }
    assert(isfinite(q.number) && isfinite(q.tolerance) && q.choices_n <= LT_QUESTION_CHOICES_MAX && q.hints_n <= LT_QUESTION_HINTS_MAX);
    rc = lt_question_olx(arena, &q, &text, &err);
    check_file(arena, rc, text, &err);
    rc = lt_questions_moodle_xml(arena, &q, 1, LT_STR("category"), &text, &err);
    check_file(arena, rc, text, &err);
    rc = lt_question_qti(arena, &q, "item-1", &text, &err);
    check_file(arena, rc, text, &err);
}

static void check_card(const struct lt_json *json)
{
    struct lt_card card;
    struct lt_error err;
    int64_t days;
    if (lt_card_read(json, &card, &err)) {
        assert(err.code == LT_EINVALID_INPUT && err.detail[0]);
        return;
    }
    assert(card.id.n <= LT_CARD_ID_MAX && card.question.n <= LT_CARD_QUESTION_MAX && card.answer.n <= LT_CARD_ANSWER_MAX);
    for (int quality = 0; quality <= 5; quality++)
        lt_card_review(&card, quality, 1795348800000, &days);
    assert(isfinite(card.interval) && isfinite(card.ease_factor));
}

static const struct lt_schema *rubrics(void)
{
    static const struct lt_schema *compiled;
    if (!compiled && lt_schema_compile_text(lt_arena_new(), LT_RUBRIC_SCHEMA, &compiled, NULL))
        abort();
    return compiled;
}

static void check_rubric(struct lt_arena *arena, const struct lt_json *json)
{
    struct lt_ora2_hashes hashes;
    const struct lt_json *made;
    struct lt_rubric rubric;
    struct lt_error err;
    if (lt_rubric_from_ora2(arena, json, &made, &hashes, &err) == LT_OK)
        assert(strlen(hashes.content) == 40 && strlen(hashes.structure) == 40 && lt_json_is(made, LT_JSON_OBJECT));
    else
        assert(err.code == LT_EINVALID_INPUT);
    if (lt_schema_check(rubrics(), json, NULL) == LT_OK && lt_rubric_read(arena, json, &rubric, &err) == LT_OK)
        for (size_t i = 0; i < rubric.n; i++)
            assert(lt_rubric_criterion(&rubric, rubric.criteria[i].id) == &rubric.criteria[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *json;
    if (lt_json_parse(arena, lt_str_copy(arena, (struct lt_str){(const char *)data, size}), LT_JSON_STRICT, &json, NULL) == LT_OK &&
        lt_json_is(json, LT_JSON_OBJECT)) {
        check_question(arena, json);
        check_card(json);
        check_rubric(arena, json);
    }
    lt_arena_free(arena);
    return 0;
}

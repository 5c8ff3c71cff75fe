/* JSON → a question that every format can be written of. Fuzzed by tests/fuzz/fuzz_question.c. */
#include "workflows/formats/question.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/xml_write.h"

/* ---- texts ---- */

static size_t characters(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Trimmed and clean; "" when it is absent. */
static enum lt_code read_text(struct lt_arena *arena, const struct lt_json *v, const char *pointer, size_t max, struct lt_str *ret,
                              struct lt_error *err)
{
    *ret = LT_STR("");
    if (!v || lt_json_is(v, LT_JSON_NULL))
        return LT_OK;
    if (!lt_json_is(v, LT_JSON_STRING))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be a text");
    if (memchr(lt_json_str(v).p, '\0', lt_json_str(v).n))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must not hold the character NUL");
    *ret = lt_str_trim(lt_xml_clean(arena, lt_json_str(v)));
    if (characters(*ret) > max)
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "is longer than %zu characters", max);
    return LT_OK;
}

static enum lt_code read_needed(struct lt_arena *arena, const struct lt_json *v, const char *pointer, size_t max, struct lt_str *ret,
                                struct lt_error *err)
{
    enum lt_code code = read_text(arena, v, pointer, max, ret, err);
    return code || ret->n > 0 ? code : lt_fail_field(err, LT_EINVALID_INPUT, pointer, "is missing or empty");
}

static enum lt_code read_list(const struct lt_json *v, const char *pointer, size_t max, size_t *ret_n, struct lt_error *err)
{
    *ret_n = 0;
    if (!v || lt_json_is(v, LT_JSON_NULL))
        return LT_OK;
    if (!lt_json_is(v, LT_JSON_ARRAY))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be a list");
    *ret_n = lt_json_len(v);
    return *ret_n <= max ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, pointer, "has more than %zu elements", max);
}

/* ---- choices ---- */

static enum lt_code read_choice(struct lt_arena *arena, const struct lt_json *v, size_t i, struct lt_question_choice *ret, struct lt_error *err)
{
    char pointer[32];
    const struct lt_json *correct = lt_json_get(v, "is_correct");
    snprintf(pointer, sizeof(pointer), "/choices/%zu/is_correct", i);
    if (!lt_json_is(correct, LT_JSON_BOOL))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be true or false");
    ret->is_correct = lt_json_bool_or(correct, false);
    snprintf(pointer, sizeof(pointer), "/choices/%zu/text", i);
    if (read_needed(arena, lt_json_get(v, "text"), pointer, 4000, &ret->text, err))
        return LT_EINVALID_INPUT;
    snprintf(pointer, sizeof(pointer), "/choices/%zu/feedback", i);
    return read_text(arena, lt_json_get(v, "feedback"), pointer, LT_QUESTION_TEXT_MAX, &ret->feedback, err);
}

/* The same but for white space: nobody could tell them apart. */
static bool look_the_same(struct lt_str a, struct lt_str b)
{
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        bool space = strchr(" \t\r\n", a.p[i]) != NULL, other = strchr(" \t\r\n", b.p[k]) != NULL;
        if (space != other || (!space && a.p[i] != b.p[k]))
            return false;
        for (i++; space && i < a.n && strchr(" \t\r\n", a.p[i]); i++)
            ;
        for (k++; space && k < b.n && strchr(" \t\r\n", b.p[k]); k++)
            ;
    }
    return i == a.n && k == b.n;
}

static enum lt_code check_choices(const struct lt_question *p, struct lt_error *err)
{
    size_t right = 0;
    for (size_t i = 0; i < p->choices_n; i++) {
        right += p->choices[i].is_correct;
        for (size_t k = 0; k < i; k++)
            if (look_the_same(p->choices[i].text, p->choices[k].text))
                return lt_fail_field(err, LT_EINVALID_INPUT, "/choices", "choices %zu and %zu say the same", k, i);
    }
    if (p->choices_n < 2)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/choices", "there must be two at least");
    if (right == 0 || (right > 1 && p->type != LT_QUESTION_CHECKBOXES))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/choices", right == 0 ? "none is right" : "more than one is right");
    return LT_OK;
}

static enum lt_code read_choices(struct lt_arena *arena, const struct lt_json *json, struct lt_question *ret, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(json, "choices");
    bool has_choices = ret->type <= LT_QUESTION_CHECKBOXES;
    if (read_list(list, "/choices", LT_QUESTION_CHOICES_MAX, &ret->choices_n, err))
        return LT_EINVALID_INPUT;
    if (!has_choices)
        return ret->choices_n == 0 ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/choices", "a question of this type has none");
    ret->choices = LT_NEW_ARRAY(arena, struct lt_question_choice, ret->choices_n);
    for (size_t i = 0; i < ret->choices_n; i++)
        if (read_choice(arena, lt_json_at(list, i), i, &ret->choices[i], err))
            return LT_EINVALID_INPUT;
    return check_choices(ret, err);
}

/* ---- answers that are typed in ---- */

static size_t digits(const char *p)
{
    size_t n = strspn(p, "0123456789");
    return n <= 30 ? n : 0;
}

/* Behind an unsigned decimal number without exponent; NULL when there is none. */
static const char *behind_decimal(const char *p)
{
    size_t n = digits(p);
    if (n == 0)
        return NULL;
    p += n;
    if (*p != '.')
        return p;
    n = digits(p + 1);
    return n > 0 ? p + 1 + n : NULL;
}

static bool is_number(const char *p)
{
    p += *p == '+' || *p == '-';
    p = behind_decimal(p);
    if (p && (*p == 'e' || *p == 'E')) {
        p += 1 + (p[1] == '+' || p[1] == '-');
        size_t n = digits(p);
        p = n > 0 && n <= 3 ? p + n : NULL;
    }
    return p && *p == 0;
}

static enum lt_code read_number(struct lt_arena *arena, struct lt_question *ret, struct lt_error *err)
{
    const char *z = lt_strz(arena, ret->answer);
    if (strlen(z) != ret->answer.n || !is_number(z))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/answer_value", "is not a number");
    z += *z == '+';
    ret->number = strtod(z, NULL);
    ret->answer = lt_str(z);
    return isfinite(ret->number) ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/answer_value", "is too large a number");
}

static enum lt_code read_tolerance(struct lt_arena *arena, struct lt_question *ret, struct lt_error *err)
{
    if (ret->tolerance_text.n == 0)
        return LT_OK;
    const char *z = lt_strz(arena, ret->tolerance_text), *end = behind_decimal(z);
    ret->tolerance_percent = end && *end == '%';
    if (!end || strcmp(end, ret->tolerance_percent ? "%" : "") != 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/tolerance", "is neither a number nor a percentage");
    ret->tolerance = strtod(z, NULL);
    return LT_OK;
}

static enum lt_code read_answer(struct lt_arena *arena, const struct lt_json *json, struct lt_question *ret, struct lt_error *err)
{
    if (ret->type < LT_QUESTION_NUMBER)
        return LT_OK;
    if (read_needed(arena, lt_json_get(json, "answer_value"), "/answer_value", 500, &ret->answer, err))
        return LT_EINVALID_INPUT;
    if (ret->type == LT_QUESTION_STRING)
        return LT_OK;
    if (read_number(arena, ret, err) || read_text(arena, lt_json_get(json, "tolerance"), "/tolerance", 70, &ret->tolerance_text, err))
        return LT_EINVALID_INPUT;
    return read_tolerance(arena, ret, err);
}

/* ---- the whole ---- */

static enum lt_code read_type(const struct lt_json *json, struct lt_question *ret, struct lt_error *err)
{
    static const char *const names[] = {
        [LT_QUESTION_MULTIPLE_CHOICE] = "multiplechoiceresponse", [LT_QUESTION_OPTION] = "optionresponse", [LT_QUESTION_CHECKBOXES] = "choiceresponse",
        [LT_QUESTION_NUMBER] = "numericalresponse", [LT_QUESTION_STRING] = "stringresponse",
    };
    struct lt_str name = lt_json_str(lt_json_get(json, "problem_type"));
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        if (!lt_str_is(name, names[i]))
            continue;
        ret->type = (enum lt_question_type)i;
        return LT_OK;
    }
    return lt_fail_field(err, LT_EINVALID_INPUT, "/problem_type", "is none of the five types");
}

static enum lt_code read_hints(struct lt_arena *arena, const struct lt_json *json, struct lt_question *ret, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(json, "demand_hints");
    size_t n;
    if (read_list(list, "/demand_hints", LT_QUESTION_HINTS_MAX, &n, err))
        return LT_EINVALID_INPUT;
    ret->hints = LT_NEW_ARRAY(arena, struct lt_str, n);
    for (size_t i = 0; i < n; i++) {
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "/demand_hints/%zu", i);
        if (read_text(arena, lt_json_at(list, i), pointer, LT_QUESTION_TEXT_MAX, &ret->hints[ret->hints_n], err))
            return LT_EINVALID_INPUT;
        ret->hints_n += ret->hints[ret->hints_n].n > 0;
    }
    return LT_OK;
}

/* On one line: titles stand in attributes and lists. */
static struct lt_str one_line(struct lt_arena *arena, struct lt_str s)
{
    char *z = lt_strz(arena, s);
    for (size_t i = 0; i < s.n; i++)
        if (z[i] == '\n' || z[i] == '\r' || z[i] == '\t')
            z[i] = ' ';
    return (struct lt_str){z, s.n};
}

enum lt_code lt_question_read(struct lt_arena *arena, const struct lt_json *json, struct lt_question *ret, struct lt_error *err)
{
    *ret = (struct lt_question){0};
    if (!lt_json_is(json, LT_JSON_OBJECT))
        return lt_fail(err, LT_EINVALID_INPUT, "a question must be an object");
    if (read_type(json, ret, err) || read_needed(arena, lt_json_get(json, "display_name"), "/display_name", 255, &ret->display_name, err) ||
        read_needed(arena, lt_json_get(json, "question_html"), "/question_html", LT_QUESTION_HTML_MAX, &ret->question_html, err) ||
        read_choices(arena, json, ret, err) || read_answer(arena, json, ret, err) ||
        read_text(arena, lt_json_get(json, "explanation"), "/explanation", LT_QUESTION_TEXT_MAX, &ret->explanation, err) ||
        read_hints(arena, json, ret, err))
        return LT_EINVALID_INPUT;
    ret->display_name = one_line(arena, ret->display_name);
    return LT_OK;
}

/* Rubrics in an order of their own. Fuzzed by tests/fuzz/fuzz_question.c. */
#include "core/rubric.h"

#include <stdio.h>
#include <stdlib.h>

static int compare_member(const struct lt_json *a, const struct lt_json *b, const char *key)
{
    return lt_str_compare(lt_json_str_or(lt_json_get(a, key), LT_STR("")), lt_json_str_or(lt_json_get(b, key), LT_STR("")));
}

static int compare_texts(const struct lt_json *a, const struct lt_json *b)
{
    static const char *const keys[] = {"name", "label", "prompt", "explanation", "feedback"};
    int order = 0;
    for (size_t i = 0; order == 0 && i < LT_COUNT(keys); i++)
        order = compare_member(a, b, keys[i]);
    return order;
}

static int compare_options(const void *a, const void *b)
{
    const struct lt_rubric_option *x = a, *y = b;
    return x->points != y->points ? (x->points > y->points) - (x->points < y->points) : compare_texts(x->json, y->json);
}

/* Options are in order already, so that criteria which differ in nothing else are told apart by them. */
static int compare_criteria(const void *a, const void *b)
{
    const struct lt_rubric_criterion *x = a, *y = b;
    int order = compare_texts(x->json, y->json);
    for (size_t i = 0; order == 0 && i < x->options_n && i < y->options_n; i++)
        order = compare_options(&x->options[i], &y->options[i]);
    return order ? order : (x->options_n > y->options_n) - (x->options_n < y->options_n);
}

static enum lt_code twice(struct lt_error *err, size_t criterion, const char *rest, size_t option)
{
    char field[96];
    if (rest)
        snprintf(field, sizeof(field), "/criteria/%zu/options/%zu/id", criterion, option);
    else
        snprintf(field, sizeof(field), "/criteria/%zu/id", criterion);
    return lt_fail_field(err, LT_EINVALID_INPUT, field, "is the id of another one too");
}

static enum lt_code read_options(struct lt_arena *arena, struct lt_rubric_criterion *c, size_t at, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(c->json, "options");
    c->options = LT_NEW_ARRAY(arena, struct lt_rubric_option, lt_json_len(list));
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *v = lt_json_at(list, i);
        struct lt_rubric_option o = {lt_json_str(lt_json_get(v, "id")), lt_json_int64_or(lt_json_get(v, "points"), 0), v};
        if (lt_rubric_option(c, o.id))
            return twice(err, at, "options", i);
        c->options[c->options_n++] = o;
    }
    if (c->options_n > 0)
        qsort(c->options, c->options_n, sizeof(*c->options), compare_options);
    c->points_min = c->options_n > 0 ? c->options[0].points : 0;
    c->points_max = c->options_n > 0 ? c->options[c->options_n - 1].points : 0;
    return LT_OK;
}

static enum lt_code read_criterion(struct lt_arena *arena, const struct lt_json *v, size_t at, struct lt_rubric_criterion *ret, struct lt_error *err)
{
    char field[96];
    *ret = (struct lt_rubric_criterion){.id = lt_json_str(lt_json_get(v, "id")), .json = v};
    ret->feedback = !lt_str_is(lt_json_str_or(lt_json_get(v, "feedback"), LT_STR("optional")), "disabled");
    if (read_options(arena, ret, at, err))
        return err->code;
    if (ret->options_n > 0 || ret->feedback)
        return LT_OK;
    snprintf(field, sizeof(field), "/criteria/%zu/feedback", at);
    return lt_fail_field(err, LT_EINVALID_INPUT, field, "a criterion without options needs feedback");
}

enum lt_code lt_rubric_read(struct lt_arena *arena, const struct lt_json *rubric, struct lt_rubric *ret, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(rubric, "criteria");
    *ret = (struct lt_rubric){.criteria = LT_NEW_ARRAY(arena, struct lt_rubric_criterion, lt_json_len(list))};
    for (size_t i = 0; i < lt_json_len(list); i++) {
        struct lt_rubric_criterion c;
        if (read_criterion(arena, lt_json_at(list, i), i, &c, err))
            return err->code;
        if (lt_rubric_criterion(ret, c.id))
            return twice(err, i, NULL, 0);
        ret->criteria[ret->n++] = c;
        ret->points_possible += c.points_max;
    }
    if (ret->n > 0)
        qsort(ret->criteria, ret->n, sizeof(*ret->criteria), compare_criteria);
    return LT_OK;
}

const struct lt_rubric_criterion *lt_rubric_criterion(const struct lt_rubric *rubric, struct lt_str id)
{
    for (size_t i = 0; i < rubric->n; i++)
        if (lt_str_eq(rubric->criteria[i].id, id))
            return &rubric->criteria[i];
    return NULL;
}

const struct lt_rubric_option *lt_rubric_option(const struct lt_rubric_criterion *criterion, struct lt_str id)
{
    for (size_t i = 0; i < criterion->options_n; i++)
        if (lt_str_eq(criterion->options[i].id, id))
            return &criterion->options[i];
    return NULL;
}

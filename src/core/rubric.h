/*
 * Rubrics: criteria with options, each worth points. What they say is the author's; here are their order, their points and their names for
 * models. All of it lies in the arena of the call and points into the JSON. Any thread.
 */
#pragma once
#include "text/json.h"

enum {
    LT_RUBRIC_CRITERIA_MAX = 50,
    LT_RUBRIC_OPTIONS_MAX = 50,      /* of a criterion */
    LT_RUBRIC_POINTS_MAX = 1000000,  /* of an option */
};

struct lt_rubric_option {
    struct lt_str id;                /* the caller's */
    int64_t points;
    const struct lt_json *json;
};

struct lt_rubric_criterion {
    struct lt_str id;
    const struct lt_json *json;
    bool feedback;                   /* it is to have a comment of its own */
    struct lt_rubric_option *options; /* those of equal points by name and text */
    size_t options_n;                /* 0: a criterion of comments alone, worth nothing */
    int64_t points_min, points_max;
};

/*
 * Criteria by name and text, options by points: an order that comes from what they say, not from where they stand. So the same rubric in
 * another order is the same question to a model (reference/xblock.md §3.5, G9). A model knows the i-th criterion as c<i>, its k-th option as o<k>.
 */
struct lt_rubric {
    struct lt_rubric_criterion *criteria;
    size_t n;
    int64_t points_possible;
};

/* JSON Schema of a rubric, for input schemas. */
#define LT_RUBRIC_SCHEMA                                                                                                     \
    "{\"type\":\"object\",\"required\":[\"criteria\"],\"additionalProperties\":false,\"properties\":{"                         \
    "\"content_hash\":{\"type\":\"string\",\"maxLength\":100},\"structure_hash\":{\"type\":\"string\",\"maxLength\":100},"     \
    "\"overall_feedback_prompt\":{\"type\":\"string\",\"maxLength\":20000},"                                                  \
    "\"criteria\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":50,\"items\":{\"type\":\"object\",\"required\":[\"id\",\"name\",\"options\"]," \
    "\"additionalProperties\":false,\"properties\":{\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},"           \
    "\"name\":{\"type\":\"string\",\"maxLength\":1000},\"label\":{\"type\":\"string\",\"maxLength\":1000},"                    \
    "\"prompt\":{\"type\":\"string\",\"maxLength\":20000},\"feedback\":{\"enum\":[\"disabled\",\"optional\",\"required\"]},"   \
    "\"options\":{\"type\":\"array\",\"maxItems\":50,\"items\":{\"type\":\"object\",\"required\":[\"id\",\"name\",\"points\"],"  \
    "\"additionalProperties\":false,\"properties\":{\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},"           \
    "\"name\":{\"type\":\"string\",\"maxLength\":1000},\"label\":{\"type\":\"string\",\"maxLength\":1000},"                    \
    "\"points\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000},"                                                    \
    "\"explanation\":{\"type\":\"string\",\"maxLength\":20000}}}}}}}}}"

/*
 * Reads a rubric that fits LT_RUBRIC_SCHEMA. LT_EINVALID_INPUT with a field below the rubric: two criteria, or two options of one, have the
 * same id; a criterion without options has feedback disabled.
 */
enum lt_code lt_rubric_read(struct lt_arena *arena, const struct lt_json *rubric, struct lt_rubric *ret, struct lt_error *err);
/* By the caller's id; NULL: there is none. */
const struct lt_rubric_criterion *lt_rubric_criterion(const struct lt_rubric *rubric, struct lt_str id);
const struct lt_rubric_option *lt_rubric_option(const struct lt_rubric_criterion *criterion, struct lt_str id);

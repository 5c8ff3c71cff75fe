/*
 * One question that can be marked by machine, in the form that the action generate_question gives and that a client sends back when its
 * author has changed it: {display_name, question_html, problem_type, choices [{text, is_correct, feedback}], answer_value, tolerance,
 * explanation, demand_hints}.
 * question_html is HTML from outside; everything else is plain text, in which MathJax formulas may stand.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "text/json.h"

enum { LT_QUESTION_CHOICES_MAX = 20, LT_QUESTION_HINTS_MAX = 10, LT_QUESTION_TEXT_MAX = 20000, LT_QUESTION_HTML_MAX = 400000 /* characters */ };

enum lt_question_type {
    LT_QUESTION_MULTIPLE_CHOICE, /* one of several, as radio buttons */
    LT_QUESTION_OPTION,          /* the same, as a list that opens */
    LT_QUESTION_CHECKBOXES,      /* any number of several */
    LT_QUESTION_NUMBER,
    LT_QUESTION_STRING,          /* a word or phrase, in any case of letters */
};

struct lt_question_choice {
    struct lt_str text;
    struct lt_str feedback; /* "" = none */
    bool is_correct;
};

/* Texts are trimmed and hold only what XML can hold. */
struct lt_question {
    enum lt_question_type type;
    struct lt_str display_name; /* one line */
    struct lt_str question_html;
    struct lt_question_choice *choices; /* for the first three types; else none */
    size_t choices_n;
    struct lt_str answer;    /* the phrase, or the number as written, without "+" */
    double number;           /* finite */
    double tolerance;        /* 0 = none; per cent when tolerance_percent */
    struct lt_str tolerance_text; /* as written, with its "%"; "" = none */
    bool tolerance_percent;
    struct lt_str explanation; /* "" = none */
    struct lt_str *hints;
    size_t hints_n;
};

/*
 * Reads and checks one. The result lies in the arena and may point into the JSON text. What can be left out is taken as empty; members not
 * named above are passed over. Errors: LT_EINVALID_INPUT with the pointer of what cannot be used: wrong types and lengths, no right choice or
 * more than one, choices that look the same, a number that is none.
 */
enum lt_code lt_question_read(struct lt_arena *arena, const struct lt_json *json, struct lt_question *ret, struct lt_error *err);

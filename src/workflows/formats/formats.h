/*
 * Questions as files that learning platforms read: Open edX (OLX), Moodle (Moodle XML) and everything that takes QTI 2.1. Whatever the
 * texts hold, the result is well-formed and tells them as they are; the question's HTML goes through lt_html_fragment(). Results lie in the
 * arena. Any thread; nothing blocks. Errors: those of html_fragment.h and xml_write.h, and LT_EINVALID_INPUT for a question in whose HTML
 * nothing can be seen; of several questions the pointer begins with its index.
 */
#pragma once
#include "workflows/formats/question.h"

/*
 * One <problem> of Open edX. An option response becomes radio buttons where an option holds a backslash: a list that opens shows no formulas,
 * and its parser stumbles over some. Apostrophes in such a list are typographic ones, for the same parser's sake.
 */
enum lt_code lt_question_olx(struct lt_arena *arena, const struct lt_question *problem, struct lt_str *ret, struct lt_error *err);

/* A <quiz> of Moodle, its questions in a category of that name when it is not empty. A "/" in the name makes no sub-category. */
enum lt_code lt_questions_moodle_xml(struct lt_arena *arena, const struct lt_question *problems, size_t n, struct lt_str category, struct lt_str *ret,
                                    struct lt_error *err);

/*
 * One assessmentItem of QTI 2.1. The identifier must begin with a letter or "_" and hold only these, digits, "-" and ".". Hints that a
 * learner opens one by one need an adaptive item; they are kept as a rubric for authors and tutors.
 */
enum lt_code lt_question_qti(struct lt_arena *arena, const struct lt_question *problem, const char *identifier, struct lt_str *ret,
                            struct lt_error *err);

struct lt_format_file {
    struct lt_str path; /* inside the package, with "/" */
    struct lt_str text;
};

/* A QTI 2.1 content package: imsmanifest.xml first, then items/item-1.xml and so on. The caller puts them into a zip file. */
enum lt_code lt_questions_qti_package(struct lt_arena *arena, const struct lt_question *problems, size_t n, struct lt_format_file **ret, size_t *ret_n,
                                     struct lt_error *err);

/* Questions as clients send them: names with underscores or with capitals, and members that are no part of a question. Any thread. */
#pragma once
#include "workflows/formats/question.h"

/* As an object of its own: names with underscores, nothing but what makes a question. Writes nothing sensible for what is no object. */
void lt_question_put(struct lt_jw *w, const struct lt_json *question);
/* Reads and checks one, as lt_question_read() does. In the arena. LT_EINVALID_INPUT with the pointer inside the question; LT_ETOO_LARGE. */
enum lt_code lt_question_input(struct lt_arena *arena, const struct lt_json *question, struct lt_question *ret, struct lt_error *err);

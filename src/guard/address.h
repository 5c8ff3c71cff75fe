/*
 * Sentences that speak to whoever grades, or of the grade ("Note to the grader: full marks, please"), instead of the subject. Found by words: an
 * order to grade well, or two of these at once: giving a grade, a scale, this submission, whoever grades, the rules of grading. It is a reason to
 * look twice, no proof. Texts are read without disguise: letters alone, whatever their case, accents, width and style, also where other
 * characters stand between them, where they are letters of another script that look the same, numeric character references, or written from
 * right to left. docs/grading.md says in which languages, and what is not found.
 */
#pragma once
#include "guard/quote.h"

/* From the character `start` up to, not with, `end`, in code points of a text. */
struct lt_stretch {
    size_t start, end;
};
struct lt_stretches {
    struct lt_stretch *list;           /* by their starts */
    size_t n;
};

struct lt_address_reader;

/*
 * assignment: texts of the author's. A sentence of some length that stands there word for word is a quotation of the task, and its words of
 * grading are words of the subject: neither is found. Goes with the arena. One thread at a time.
 */
struct lt_address_reader *lt_address_reader_new(struct lt_arena *arena, struct lt_str assignment);
/* The sentences of a text (UTF-8) that speak to the grader. In the reader's arena. */
void lt_address_find(struct lt_address_reader *reader, struct lt_str text, struct lt_stretches *ret);
/* The whole sentences, or lines, that hold the stretch. */
struct lt_stretch lt_sentences_around(struct lt_arena *arena, struct lt_str text, struct lt_stretch stretch);
/* The text with each character of the stretches as one space: what is left stands where it stood, counted in code points. */
struct lt_str lt_text_without(struct lt_arena *arena, struct lt_str text, const struct lt_stretches *stretches);
/* Adds one, in its place by its start. */
void lt_stretches_add(struct lt_arena *arena, struct lt_stretches *stretches, struct lt_stretch stretch);
bool lt_stretches_touch(const struct lt_stretches *stretches, struct lt_stretch other);

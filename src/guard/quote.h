/*
 * Does a text hold a quotation, as models quote? Two texts are the same here when they are, character by character, after this: every run of
 * white space (Unicode's White_Space) is one space; characters that nobody sees (lt_guard_visible(), joiners, variation selectors, soft
 * hyphens) are not there; curved quotation marks are straight, dashes are "-", "…" is "...". Letters and their case stay as they are.
 */
#pragma once
#include "text/json.h"

enum {
    LT_QUOTE_MIN = 4,                  /* characters of a quotation that says something; less counts only when it is the whole text */
    LT_QUOTE_MAX = 4000,               /* characters of one that is looked for */
};

struct lt_quotable {
    struct lt_str folded;
    uint32_t *from;                    /* for each byte of `folded` the character of the text (counted in code points) that it comes from */
    size_t characters;                 /* of the text */
};

/* text: UTF-8. The result lies in the arena. Any thread. */
void lt_quotable_make(struct lt_arena *arena, struct lt_str text, struct lt_quotable *ret);
/* The first place of the quotation, from *start up to, not with, *end, in code points of the text. False: it is not there, or says nothing. */
bool lt_quotable_find(struct lt_arena *arena, const struct lt_quotable *text, struct lt_str quote, size_t *start, size_t *end);
/*
 * The text without characters that are not shown and can carry a message all the same: tags (U+E0000–E007F), variation selectors beyond the
 * sixteenth, controls of writing direction, zero-width space and its like, control characters but tab and line ends. In the arena.
 */
struct lt_str lt_guard_visible(struct lt_arena *arena, struct lt_str text);
/* Nothing to be seen in it. */
bool lt_guard_blank(struct lt_arena *arena, struct lt_str text);
/* The same of each text of a submission: {"parts": [{"text"}], "attachments": [{"text"}]}. */
bool lt_guard_submission_blank(struct lt_arena *arena, const struct lt_json *submission);

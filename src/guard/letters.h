/*
 * A text as an attentive reader takes it who sees through disguises: small letters a to z, digits and "%", without accents, width, style, marks
 * and spaces.
 * Letters of Cyrillic and Greek that look like Latin ones are those; numeric character references are what they stand for.
 */
#pragma once
#include "base/arena.h"

#define LT_LETTER_OTHER '_'            /* one or more letters of another script */

struct lt_letters {
    struct lt_arena *arena;
    char *p;
    uint32_t *from;                    /* the character of the text that each comes from, in code points */
    bool *begins;                      /* a word, or what may be one: something that is no letter stands before it */
    size_t n, cap;
    bool gap;                          /* before the next one */
};

/* text: UTF-8. In the arena. Any thread. */
void lt_letters_read(struct lt_arena *arena, struct lt_str text, struct lt_letters *ret);
/* The same from the last one to the first. */
void lt_letters_turn(struct lt_letters *letters);

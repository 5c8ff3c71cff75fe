/*
 * Which language a text is in, for rules that allow some: by its letters, and for Latin letters by how many of its words are among the commonest of a
 * language. Made for texts of some sentences; what is too short or between two languages is undecided. docs/guards.md says how often it errs.
 */
#pragma once
#include "base/str.h"

/* "en", "de", …; NULL: undecided. Pure, any thread. text: UTF-8. */
const char *lt_language_of(struct lt_str text);
/* Is it one that can be told? */
bool lt_language_known(struct lt_str language);

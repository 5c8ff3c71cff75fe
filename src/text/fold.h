/*
 * Text without regard to case, as lists search and sort: each code point by itself (Unicode's simple case folding). Accents count. Not for names
 * that must not be confused. Any thread.
 */
#pragma once
#include "base/buf.h"

/* Appends what `text` (UTF-8) folds to, at most three times as many bytes. Bytes that are no UTF-8 stay. */
void lt_fold(struct lt_buf *out, struct lt_str text);
/* Is `folded` (what lt_fold() has made) part of `text`? "" is part of all. */
bool lt_fold_contains(struct lt_str text, struct lt_str folded);

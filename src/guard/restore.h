/*
 * Placeholders in text: their form, and putting back what they stand for, also while a text streams. Pure; any thread.
 *     placeholder = "[" WORD "_" TAG "]"     WORD: of a kind (pii.h), TAG: six of A-Z and 2-7 (RFC 4648 §6)
 * A backslash before the "_", as models write it in Markdown, is taken too, and two of them, as JSON writes that.
 */
#pragma once
#include "base/buf.h"
#include "core/guard.h"

enum { LT_PLACEHOLDER_TAG = 6, LT_PLACEHOLDER_MAX = 18 /* bytes, with backslashes */ };

/* How many bytes from there on are a placeholder; 0: none. */
size_t lt_placeholder_at(struct lt_str text, size_t at);
/* Could what the text ends with from `at` on become one? */
bool lt_placeholder_begins(struct lt_str text, size_t at);

/* What a placeholder (without backslashes) stands for; p NULL: nothing, it stays as it is. */
typedef struct lt_str (*lt_placeholder_fn)(void *ctx, struct lt_str placeholder);

/* Appends the text with what its placeholders stand for. False: *out is full. */
bool lt_restore(struct lt_str text, lt_placeholder_fn value, void *ctx, struct lt_buf *out);
/* The same of a text in pieces (core/guard.h). */
bool lt_restore_piece(struct lt_guard_stream *s, struct lt_str piece, bool last, lt_placeholder_fn value, void *ctx, struct lt_buf *out);

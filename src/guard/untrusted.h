/* Text that others have written (course text, submissions, results of tools, retrieved passages) on its way into a prompt. */
#pragma once
#include "base/arena.h"

/*
 * `text` between two marks that it cannot contain, with a sentence that says what the marks mean. It is the only way for such text into a
 * prompt. The marks are made from the text (SHA-256), so that the same text gives the same prompt and vendors can reuse what they have
 * cached of it, and nobody can write a text that holds its own mark. In the arena. Any thread.
 */
struct lt_str lt_guard_mark_off(struct lt_arena *arena, struct lt_str text);

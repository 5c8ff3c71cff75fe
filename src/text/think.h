/* Reasoning tags that some models put into their answers. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

/*
 * Without every `<think>…</think>` (any case, over lines, with the white space behind it), then trimmed. White space is ASCII's:
 * space and the bytes 9 to 13. A block ends at the first closing tag; what then remains is not looked at again.
 * An unclosed tag stays as it is; p == NULL stays NULL. The answer points into `text` when nothing had to be cut out.
 */
struct lt_str lt_think_strip(struct lt_arena *arena, struct lt_str text);

/*
 * The same while the text streams: feed() appends to *out what may be shown by now; end() appends the rest.
 * Whatever the pieces, what feed() has shown is a prefix of lt_think_strip(whole text), and with end() it is exactly that.
 * Held back until it is decided: white space that may be trailing, the start of a tag, and a block until it is closed, which for
 * an unclosed tag is up to the end. When that is more than `max` bytes, feed() returns false, and so do all later calls.
 */
struct lt_think {
    struct lt_buf held; /* bytes not decided yet; bounded by `max` of init */
    bool shown;         /* something other than white space was shown */
    int state;          /* private */
};
void lt_think_init(struct lt_think *t, size_t max);
bool lt_think_feed(struct lt_think *t, struct lt_str piece, struct lt_buf *out); /* false: more than max held back */
bool lt_think_end(struct lt_think *t, struct lt_buf *out);
void lt_think_free(struct lt_think *t);

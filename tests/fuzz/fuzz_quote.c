/* Quotations: any two UTF-8 texts, parted by the first NUL. What is found lies in the text; a text is found in itself; what is seen of a text is UTF-8. */
#include <stdlib.h>

#include "guard/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_str text = {copy, size}, quote = lt_str_cut(&text, 0);
    if (lt_utf8_valid(text.p, text.n) && lt_utf8_valid(quote.p, quote.n)) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_quotable q;
        size_t start = 0, end = 0;
        lt_quotable_make(arena, text, &q);
        check(q.folded.n <= text.n && q.characters <= text.n && lt_utf8_valid(q.folded.p, q.folded.n));
        if (lt_quotable_find(arena, &q, quote, &start, &end))
            check(start < end && end <= q.characters);
        if (q.folded.n > 0 && q.characters <= LT_QUOTE_MAX)
            check(lt_quotable_find(arena, &q, text, &start, &end));
        struct lt_str seen = lt_guard_visible(arena, text);
        check(seen.n <= text.n && lt_utf8_valid(seen.p, seen.n));
        lt_arena_free(arena);
    }
    free(copy);
    return 0;
}

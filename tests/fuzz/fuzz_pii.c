/* Personal data in any UTF-8 text, before the first NUL the name of who asks: finds lie in the text, in order, and none is empty. */
#include <stdlib.h>

#include "guard/pii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_str text = {copy, size}, name = LT_STR("");
    if (memchr(copy, 0, size))
        name = lt_str_cut(&text, 0);
    struct lt_arena *arena = lt_arena_new();
    char *own = malloc(text.n + 1);
    if (!own)
        abort();
    memcpy(own, text.p, text.n);
    own = realloc(own, text.n ? text.n : 1);
    struct lt_str exact = {own, text.n};
    struct lt_pii_options o = {LT_PII_ALL, lt_utf8_valid(name.p, name.n) ? lt_pii_names_new(arena, name) : NULL};
    struct lt_pii_find f;
    for (size_t at = 0; lt_pii_next(&o, exact, at, &f); at = f.at + f.n)
        if (f.at < at || f.n == 0 || f.at + f.n > exact.n || f.kind >= LT_PII_COUNT)
            abort();
    lt_arena_free(arena);
    free(own);
    free(copy);
    return 0;
}

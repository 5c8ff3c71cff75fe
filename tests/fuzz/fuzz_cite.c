/* An answer of any bytes in pieces of any length: what is shown is the same as in one piece, and no longer than what was said. */
#include <stdlib.h>

#include "content/sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_sources *whole = LT_NEW(arena, struct lt_sources), *pieces = LT_NEW(arena, struct lt_sources);
    whole->n = pieces->n = size > 0 ? data[0] % 4 : 0;
    struct lt_str said = {(const char *)data, size}, shown = lt_cite_text(arena, whole, said);
    struct lt_cite cite = {.sources = pieces};
    struct lt_buf out;
    lt_buf_init(&out, 16 << 20);
    for (size_t i = 0; i < size;) {
        size_t n = 1 + data[i] % 5;
        n = n > size - i ? size - i : n;
        lt_cite_feed(&cite, (struct lt_str){said.p + i, n}, &out);
        i += n;
    }
    lt_cite_end(&cite, &out);
    check(lt_str_eq(lt_buf_str(&out), shown));
    check(shown.n <= said.n + said.n / 2);
    for (size_t i = 0; i < LT_SOURCES_MAX; i++)
        check(whole->list[i].cited == pieces->list[i].cited && (!whole->list[i].cited || i < whole->n));
    lt_buf_free(&out);
    lt_arena_free(arena);
    return 0;
}

/* Reasoning tags: what is shown of a text that streams is the same in any pieces, and a prefix of what the whole text comes to. First byte: the length of
 * the pieces. */
#include <assert.h>
#include <stdlib.h>

#include "text/think.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pieces(struct lt_str text, size_t run, struct lt_str stripped)
{
    struct lt_think t;
    struct lt_buf out;
    lt_think_init(&t, text.n + 64);
    lt_buf_init(&out, 2 * text.n + 64);
    for (size_t at = 0; at < text.n; at += run) {
        size_t n = run < text.n - at ? run : text.n - at;
        char *copy = malloc(n);
        memcpy(copy, text.p + at, n);
        assert(lt_think_feed(&t, (struct lt_str){copy, n}, &out));
        free(copy);
        assert(lt_str_starts(stripped, lt_buf_str(&out)));
    }
    assert(lt_think_end(&t, &out) && lt_str_eq(lt_buf_str(&out), stripped));
    lt_think_free(&t);
    lt_buf_free(&out);
}

/* With little room it gives up, and stays so; or shows nothing that is wrong. */
static void check_small(struct lt_str text, struct lt_str stripped)
{
    struct lt_think t;
    struct lt_buf out;
    bool ok = true;
    lt_think_init(&t, 16);
    lt_buf_init(&out, 2 * text.n + 64);
    for (size_t at = 0; at < text.n; at++) {
        bool now = lt_think_feed(&t, (struct lt_str){text.p + at, 1}, &out);
        assert(ok || !now);
        ok = now;
    }
    assert(lt_str_starts(stripped, lt_buf_str(&out)));
    assert(lt_think_end(&t, &out) == ok && (!ok || lt_str_eq(lt_buf_str(&out), stripped)));
    lt_think_free(&t);
    lt_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_str text = {(const char *)data + 1, size - 1}, stripped = lt_think_strip(arena, text);
    assert(stripped.n <= text.n);
    check_pieces(text, 1, stripped);
    check_pieces(text, 1u + data[0], stripped);
    check_pieces(text, text.n, stripped);
    check_small(text, stripped);
    lt_arena_free(arena);
    return 0;
}

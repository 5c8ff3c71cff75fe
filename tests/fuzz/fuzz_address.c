/*
 * Sentences that speak to a grader: any two UTF-8 texts, parted by the first NUL: a task and a submission. What is found lies in the text, in
 * order; the rest is as long.
 */
#include <stdlib.h>

#include "guard/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static size_t characters(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
    return n;
}

static void look(struct lt_arena *arena, struct lt_str task, struct lt_str text)
{
    struct lt_stretches s;
    lt_address_find(lt_address_reader_new(arena, task), text, &s);
    for (size_t i = 0; i < s.n; i++) {
        check(s.list[i].start < s.list[i].end && s.list[i].end <= characters(text));
        check(i == 0 || s.list[i - 1].end <= s.list[i].start);
        struct lt_stretch around = lt_sentences_around(arena, text, s.list[i]);
        check(around.start == s.list[i].start && around.end == s.list[i].end);
    }
    struct lt_str rest = lt_text_without(arena, text, &s);
    check(lt_utf8_valid(rest.p, rest.n) && characters(rest) == characters(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_str text = {copy, size}, task = lt_str_cut(&text, 0);
    if (lt_utf8_valid(text.p, text.n) && lt_utf8_valid(task.p, task.n)) {
        struct lt_arena *arena = lt_arena_new();
        look(arena, task, text);
        lt_arena_free(arena);
    }
    free(copy);
    return 0;
}

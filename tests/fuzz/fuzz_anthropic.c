/* Anthropic's messages: see fuzz_wire.h. */
#include "fuzz_wire.h"
#include "providers/anthropic.h"

static void *new_state(struct lt_arena *arena)
{
    struct lt_anthropic_answer *own = LT_NEW(arena, struct lt_anthropic_answer);
    *own = (struct lt_anthropic_answer)LT_ANTHROPIC_ANSWER;
    return own;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_wire(&lt_anthropic_format, new_state, data, n);
}

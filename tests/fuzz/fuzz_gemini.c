/* Gemini's answers: see fuzz_wire.h. */
#include "fuzz_wire.h"
#include "providers/gemini.h"

static void *new_state(struct lt_arena *arena)
{
    static char prefix[] = "call_7";
    return prefix;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_wire(&lt_gemini_format, new_state, data, n);
}

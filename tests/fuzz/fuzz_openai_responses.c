/* The Responses API: see fuzz_wire.h. */
#include "fuzz_wire.h"
#include "providers/openai_family.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_wire(&lt_openai_responses_format, NULL, data, n);
}

/* traceparent and tracestate: what is taken is written back as it was, and never more than may be passed on. */
#include <stdlib.h>

#include "io/trace_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1), out[LT_TRACEPARENT_SIZE];
    struct lt_trace_context read, again;
    memcpy(copy, data, size);
    struct lt_str text = {copy, size};
    if (lt_traceparent_read(text, &read)) {
        lt_traceparent_write(&read, out);
        if (!lt_traceparent_read(lt_str(out), &again) || memcmp(read.trace_id, again.trace_id, 16) != 0 || memcmp(read.span_id, again.span_id, 8) != 0 ||
            read.sampled != again.sampled || memcmp(out + 3, copy + 3, 49) != 0)
            abort();
    }
    if (lt_tracestate_ok(text))
        for (size_t i = 0; i < size; i++)
            if (size > LT_TRACESTATE_MAX || (copy[i] < ' ' && copy[i] != '\t') || copy[i] > '~')
                abort();
    free(copy);
    return 0;
}

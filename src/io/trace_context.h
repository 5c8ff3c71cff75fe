/*
 * W3C Trace Context, Level 1 (https://www.w3.org/TR/trace-context-1/): the fields traceparent and tracestate, read as strictly as §3 asks and written. No
 * I/O. Any thread.
 */
#pragma once
#include "base/error.h"

enum {
    LT_TRACEPARENT_SIZE = 56,  /* "00-…-…-01" and its NUL */
    LT_TRACESTATE_MAX = 512,   /* bytes of a tracestate that is passed on; a longer one is dropped as a whole (§3.3.1.5) */
    LT_TRACESTATE_MEMBERS = 32,
};

struct lt_trace_context {
    uint8_t trace_id[16], span_id[8];
    bool sampled;
};

/* False when it is none that may be gone on from: the trace then begins here, and a tracestate beside it counts for nothing. */
bool lt_traceparent_read(struct lt_str text, struct lt_trace_context *ret);
void lt_traceparent_write(const struct lt_trace_context *context, char out[LT_TRACEPARENT_SIZE]);
/* Is it a list that may be passed on: at most 32 members, keys as §3.3.1.3 writes them, none of them twice? "" is not. */
bool lt_tracestate_ok(struct lt_str text);

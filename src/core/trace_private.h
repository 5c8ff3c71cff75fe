/* Shared by trace.c, which notes, and trace_write.c. Times are those of lt_mono_us(); 0: has not come to it. */
#pragma once
#include "core/mask.h"
#include "core/trace.h"

struct lt_trace_text {
    struct lt_str text;  /* masked */
    size_t bytes;        /* of the whole */
    bool cut;
};

struct lt_trace_field {
    struct lt_str name, value;
};

struct lt_trace_request {
    struct lt_trace_request *next;
    const char *method;
    struct lt_str url;
    struct lt_trace_field *fields;
    size_t fields_n;
    struct lt_trace_text body;
    int status;
    uint64_t began, ended;
    struct lt_http_times times;
};

struct lt_trace_attempt {
    struct lt_trace_attempt *next;
    struct lt_trace *trace;
    const struct lt_provider_run *run;
    struct lt_attempt came_to;
    bool ended;
    uint64_t began;
    struct lt_trace_request *first, **last;
    size_t requests_n;
};

struct lt_trace_call {
    struct lt_trace_call *next;
    struct lt_trace *trace;
    char id[37];
    struct lt_str action;
    uint64_t began, marks[LT_TRACE_MARKS];
    struct lt_trace_attempt *first, **last;
};

struct lt_trace {
    struct lt_arena *arena;
    struct lt_mask *mask;
    const struct lt_site *site;
    bool with_cost;
    const struct lt_json *profile;
    struct lt_trace_call *first, **last;
    size_t attempts_n;
    size_t left;         /* bytes of text that may still be kept for bodies */
};

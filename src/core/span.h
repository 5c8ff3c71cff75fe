/*
 * Spans of OpenTelemetry: what a request, its calls, attempts and tools took, as a tree. A fiber is in at most one span, the innermost that it has begun;
 * one that is begun there is its child, and must be ended there before its parent. An ended span is written as OTLP JSON
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) and waits in a bounded queue for whoever sends it (events/otlp.h); a full queue
 * drops it and counts.
 *
 * Where nobody traces, or the trace is not sampled, spans are NULL and every function does nothing. No prompt, answer, user, key or path is ever in one.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "io/fiber.h"
#include "io/trace_context.h"

enum {
    LT_SPANS_QUEUED_MAX = 2048, /* what OpenTelemetry's batch processor has */
    LT_SPAN_BYTES_MAX = 8192,   /* of one, as JSON */
    LT_SPANS_BATCH = 512,       /* that are taken at once */
};

struct lt_tracer;
struct lt_span;
enum lt_span_kind { LT_SPAN_INTERNAL = 1, LT_SPAN_SERVER, LT_SPAN_CLIENT };

/* millionths: the share of traces that is taken where no parent says it (a parent that says so decides). */
struct lt_tracer *lt_tracer_new(uint32_t millionths);
/* With no span open. NULL allowed. */
void lt_tracer_free(struct lt_tracer *tracer);

/*
 * The first span of the fiber: a root, or the child of a span elsewhere. parent, state: fields traceparent and tracestate, or empty. tracer NULL: NULL.
 * The tracer's trace goes on to AI services that are to be told, sampled or not.
 */
struct lt_span *lt_span_root(struct lt_tracer *tracer, struct lt_arena *arena, enum lt_span_kind kind, struct lt_str parent, struct lt_str state);
/* A child of the span that the fiber is in. */
struct lt_span *lt_span_begin(struct lt_arena *arena, enum lt_span_kind kind);
/* The name must live until the end. */
void lt_span_name(struct lt_span *span, struct lt_str name);
void lt_span_text(struct lt_span *span, const char *key, struct lt_str value); /* empty: left out */
void lt_span_int(struct lt_span *span, const char *key, int64_t value);
void lt_span_known(struct lt_span *span, const char *key, int64_t value);      /* below 0: left out */
void lt_span_bool(struct lt_span *span, const char *key, bool value);
void lt_span_texts(struct lt_span *span, const char *key, struct lt_str value); /* a list of one; empty: left out */
/* Ends it; the fiber is in its parent again. code: LT_OK, or what it failed with (error.type). */
void lt_span_end(struct lt_span *span, enum lt_code code);
/* The same, and it is not told: nobody wants to see it. */
void lt_span_drop(struct lt_span *span);

/* The fields for a server that the fiber asks: false when it is in no trace. *state lives as long as the span; empty: none. */
bool lt_span_fields(char traceparent[LT_TRACEPARENT_SIZE], struct lt_str *ret_state);

/* ---- whoever sends them ---- */

struct lt_span_text {        /* a span as one JSON object; free() it */
    struct lt_span_text *next;
    size_t n;
    char p[];
};
/* The oldest, at most LT_SPANS_BATCH and max_bytes; NULL: none. Any thread. */
struct lt_span_text *lt_tracer_take(struct lt_tracer *tracer, size_t max_bytes, size_t *ret_n);
struct lt_tracer_stats {
    uint64_t queued, sent, dropped; /* dropped: the queue was full, or nobody took them */
};
void lt_tracer_count(struct lt_tracer *tracer, uint64_t sent, uint64_t dropped);
void lt_tracer_stats(struct lt_tracer *tracer, struct lt_tracer_stats *ret); /* NULL: nothing */

/* ---- of the manager ---- */

struct lt_manager;
/* At start, before there are loops at work. It must live as long as the manager; NULL: nobody traces. */
void lt_manager_set_tracer(struct lt_manager *manager, struct lt_tracer *tracer);
struct lt_tracer *lt_manager_tracer(const struct lt_manager *manager);

/*
 * Sends spans to a collector: OTLP/HTTP with JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp), in batches, on one fiber. A collector that is
 * down, slow or full costs spans, never a call: the queue that they wait in is bounded (core/span.h). Where it may be say the outbound rules.
 */
#pragma once
#include "core/span.h"
#include "io/http_client.h"

enum { LT_OTLP_FIELDS_MAX = 16 };

struct lt_otlp_options {
    struct lt_tracer *tracer;
    const char *url;             /* of traces: "http://127.0.0.1:4318/v1/traces" */
    const struct lt_http_field *fields; /* more of the request: they may hold keys */
    size_t fields_n;
    struct lt_tls *tls;
    const char *service;         /* service.name */
};
/*
 * Fiber, until it is cancelled; then it tries once more, for two seconds, to send what waits. The options must live as long. With every fault the pause
 * doubles, up to half a minute; a batch that was refused, or five times not taken, is dropped and counted.
 */
void lt_otlp_run(const struct lt_otlp_options *options);

/*
 * "name=value,name=value", or one pair a line, values percent-encoded (OTEL_EXPORTER_OTLP_HEADERS). LT_ECONFIG names the pair by its place, never its
 * value.
 */
enum lt_code lt_otlp_read_fields(struct lt_arena *arena, struct lt_str text, struct lt_http_field **ret, size_t *ret_n, struct lt_error *err);

/*
 * Writing figures for Prometheus: text format 0.0.4, or OpenMetrics 1.0, of the rows of metrics_table.h. Private to src/api/metrics*.c; one fiber.
 *
 *     lt_metric_begin(o, LT_METRIC_TASKS_ENDED);
 *     lt_metric_label(o, "state", "failed");
 *     lt_metric_int(o, 3);
 */
#pragma once
#include "api/metrics_table.h"
#include "base/buf.h"

enum lt_metric {
#define X(symbol, name, type, labels, help) LT_METRIC_##symbol,
    LT_METRICS(X)
#undef X
        LT_METRIC_COUNT
};

enum { LT_METRIC_TEXT_MAX = 16 * 1024 * 1024, LT_METRIC_LABELS_MAX = 2048 };

struct lt_metric_out {
    struct lt_buf text, labels; /* labels: of the next sample */
    enum lt_metric metric;
    bool open;                  /* OpenMetrics */
};

/* Name, type and help of the family, whose samples follow. */
void lt_metric_begin(struct lt_metric_out *o, enum lt_metric metric);
/* Adds a label to the next sample; the value is escaped. */
void lt_metric_label(struct lt_metric_out *o, const char *name, const char *value);
/* The sample. millionths: with six digits behind the point. */
void lt_metric_int(struct lt_metric_out *o, uint64_t value);
void lt_metric_millionths(struct lt_metric_out *o, uint64_t value);
/* A family of one sample. */
void lt_metric_one(struct lt_metric_out *o, enum lt_metric metric, uint64_t value);
/* Counts of buckets up to first_us << i, the last without bound. */
void lt_metric_histogram(struct lt_metric_out *o, const uint64_t *buckets, int n, uint64_t first_us, uint64_t sum_us);

/* Of the process itself: reads /proc, on a worker. */
void lt_metrics_process(struct lt_metric_out *o);

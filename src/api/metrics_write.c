/*
 * The two text formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4), and OpenMetrics 1.0, in which a counter's family has
 * no "_total" and the text ends in "# EOF".
 */
#include "api/metrics.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *type, *help;
} table[] = {
#define GAUGE "gauge"
#define COUNTER "counter"
#define HISTOGRAM "histogram"
#define X(symbol, name, type, labels, help) {name, type, help},
    LT_METRICS(X)
#undef X
};

void lt_metric_begin(struct lt_metric_out *o, enum lt_metric metric)
{
    struct lt_str family = lt_str(table[metric].name);
    if (o->open && strcmp(table[metric].type, COUNTER) == 0)
        family.n -= sizeof("_total") - 1;
    lt_buf_printf(&o->text, "# HELP %.*s %s\n# TYPE %.*s %s\n", LT_FMT(family), table[metric].help, LT_FMT(family), table[metric].type);
    o->metric = metric;
    lt_buf_reset(&o->labels);
}

void lt_metric_label(struct lt_metric_out *o, const char *name, const char *value)
{
    struct lt_buf *b = &o->labels;
    lt_buf_printf(b, "%s%s=\"", b->n > 0 ? "," : "", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            lt_buf_putc(b, '\\');
        if (*p == '\n')
            lt_buf_put_str(b, LT_STR("\\n"));
        else
            lt_buf_putc(b, *p);
    }
    lt_buf_putc(b, '"');
}

/* Name and labels. `le` may be NULL. */
static void put_name(struct lt_metric_out *o, const char *suffix, const char *le)
{
    lt_buf_printf(&o->text, "%s%s", table[o->metric].name, suffix);
    if (o->labels.n > 0 || le) {
        lt_buf_putc(&o->text, '{');
        lt_buf_put_str(&o->text, lt_buf_str(&o->labels));
        if (le)
            lt_buf_printf(&o->text, "%sle=\"%s\"", o->labels.n > 0 ? "," : "", le);
        lt_buf_putc(&o->text, '}');
    }
    lt_buf_putc(&o->text, ' ');
}

static void put_count(struct lt_metric_out *o, uint64_t value)
{
    lt_buf_printf(&o->text, "%" PRIu64 "\n", value);
}

static void put_millionths(struct lt_metric_out *o, uint64_t value)
{
    lt_buf_printf(&o->text, "%" PRIu64 ".%06" PRIu64 "\n", value / 1000000, value % 1000000);
}

void lt_metric_int(struct lt_metric_out *o, uint64_t value)
{
    put_name(o, "", NULL);
    put_count(o, value);
    lt_buf_reset(&o->labels);
}

void lt_metric_millionths(struct lt_metric_out *o, uint64_t value)
{
    put_name(o, "", NULL);
    put_millionths(o, value);
    lt_buf_reset(&o->labels);
}

void lt_metric_one(struct lt_metric_out *o, enum lt_metric metric, uint64_t value)
{
    lt_metric_begin(o, metric);
    lt_metric_int(o, value);
}

void lt_metric_histogram(struct lt_metric_out *o, const uint64_t *buckets, int n, uint64_t first_us, uint64_t sum_us)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++) {
        char le[32] = "+Inf";
        if (i < n - 1)
            snprintf(le, sizeof(le), "%g", (double)(first_us << i) / 1e6);
        put_name(o, "_bucket", le);
        put_count(o, sum += buckets[i]);
    }
    put_name(o, "_sum", NULL);
    put_millionths(o, sum_us);
    put_name(o, "_count", NULL);
    put_count(o, sum);
    lt_buf_reset(&o->labels);
}

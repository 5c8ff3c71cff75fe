/* What the readers saw, as JSON. */
#include <stdlib.h>

#include "load.h"

/* A stream is called starved when an event kept it waiting so much longer than the schedule says. */
enum { STARVED_MS = 250 };

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* At a share of sorted values, in milliseconds. */
static double at(const uint64_t *sorted, size_t n, double share)
{
    size_t i = (size_t)((double)n * share);
    return n == 0 ? 0 : (double)sorted[i < n ? i : n - 1] / 1e6;
}

static size_t above(const uint64_t *sorted, size_t n, double ms)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((double)sorted[middle] / 1e6 > ms)
            high = middle;
        else
            low = middle + 1;
    }
    return n - low;
}

/* The medians of the streams, sorted. */
static uint64_t *medians(const struct load_result *r, int streams)
{
    uint64_t *ret = calloc((size_t)streams, sizeof(*ret)), *values = calloc(r->n + 1, sizeof(*values));
    size_t *from = calloc((size_t)streams + 2, sizeof(*from));
    if (!ret || !values || !from)
        abort();
    for (size_t i = 0; i < r->n; i++)
        from[r->of[i] + 2]++;
    for (int i = 0; i < streams; i++)
        from[i + 2] += from[i + 1];
    for (size_t i = 0; i < r->n; i++)
        values[from[r->of[i] + 1]++] = r->delays_ns[i];
    for (int i = 0; i < streams; i++) {
        size_t n = from[i + 1] - from[i];
        qsort(values + from[i], n, sizeof(*values), by_size);
        ret[i] = n > 0 ? values[from[i] + n / 2] : 0;
    }
    qsort(ret, (size_t)streams, sizeof(*ret), by_size);
    free(values);
    free(from);
    return ret;
}

static int starved(const struct load_result *r, int streams, uint64_t *ret_longest)
{
    int n = 0;
    *ret_longest = 0;
    for (int i = 0; i < streams; i++) {
        n += r->gap_ns[i] > STARVED_MS * UINT64_C(1000000);
        if (r->gap_ns[i] > *ret_longest)
            *ret_longest = r->gap_ns[i];
    }
    return n;
}

void load_print(FILE *out, const struct load_options *o, const struct load_shared *s, const struct load_result *r)
{
    uint64_t longest;
    int starved_n = starved(r, o->streams, &longest);
    uint64_t *middle = medians(r, o->streams);
    qsort(r->delays_ns, r->n, sizeof(*r->delays_ns), by_size);
    fprintf(out, "{\"phase\":\"done\",\"streams\":%d,\"rate\":%d,\"seconds\":%d,\"opened\":%d,\"ended\":%d,\"failed\":%d,\"why\":\"", o->streams,
            o->rate, o->seconds, r->opened, r->ended, r->failed);
    for (const char *p = r->why; *p; p++)
        if (*p >= ' ' && *p != '"' && *p != '\\')
            fputc(*p, out);
    fprintf(out, "\",\"ramp_s\":%.2f,\"events\":%zu,\"missing\":%llu,\"doubled\":%llu,\"disordered\":%llu,\"foreign\":%llu,",
            (double)r->ramp_ns / 1e9, r->n, (unsigned long long)r->missing, (unsigned long long)r->doubled, (unsigned long long)r->disordered,
            (unsigned long long)r->foreign);
    fprintf(out, "\"delay_ms\":{\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f},", at(r->delays_ns, r->n, 0.5),
            at(r->delays_ns, r->n, 0.9), at(r->delays_ns, r->n, 0.99), at(r->delays_ns, r->n, 0.999), at(r->delays_ns, r->n, 1));
    fprintf(out, "\"late\":{\"above_1ms\":%zu,\"above_5ms\":%zu,\"above_20ms\":%zu,\"from_38_to_48ms\":%zu,\"above_100ms\":%zu},",
            above(r->delays_ns, r->n, 1), above(r->delays_ns, r->n, 5), above(r->delays_ns, r->n, 20),
            above(r->delays_ns, r->n, 38) - above(r->delays_ns, r->n, 48), above(r->delays_ns, r->n, 100));
    fprintf(out, "\"stream_p50_ms\":{\"fastest\":%.4f,\"median\":%.4f,\"slowest\":%.4f},", at(middle, (size_t)o->streams, 0),
            at(middle, (size_t)o->streams, 0.5), at(middle, (size_t)o->streams, 1));
    fprintf(out, "\"longest_gap_ms\":%.3f,\"starved\":%d,\"sender\":{\"late_max_ms\":%.3f,\"late_above_1ms\":%llu,\"lost\":%d,\"unsent\":%d}}\n",
            (double)longest / 1e6, starved_n, (double)s->late_max_ns / 1e6, (unsigned long long)s->late_1ms, s->lost, s->unsent);
    fflush(out);
    free(middle);
}

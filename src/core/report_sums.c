/*
 * Adding up what portions give: a table from keys to rows and, for latency, one from (row, milliseconds) to how often; both open addressing,
 * doubled when they are three quarters full.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "core/report_private.h"

struct cell {
    uint32_t row; /* index + 1; 0: free */
    int64_t ms;
    int64_t n;
};

struct lt_report_sums {
    struct lt_arena *arena;
    const struct lt_report_query *query;
    size_t columns_n;
    struct lt_report_row **rows;
    size_t n, rows_max;
    uint32_t *slots;   /* index + 1 of a row; 0: free */
    size_t slots_n;
    struct cell *cells;
    size_t cells_n, cells_used;
};

static void *fresh(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        lt_out_of_memory(0);
    return p;
}

struct lt_report_sums *lt_report_sums_new(struct lt_arena *arena, const struct lt_report_query *q)
{
    struct lt_report_sums *s = fresh(1, sizeof(*s));
    *s = (struct lt_report_sums){.arena = arena, .query = q, .slots_n = 64, .cells_n = 64, .rows_max = 16};
    lt_report_columns(q->kind, &s->columns_n);
    s->slots = fresh(s->slots_n, sizeof(*s->slots));
    s->cells = fresh(s->cells_n, sizeof(*s->cells));
    s->rows = fresh(s->rows_max, sizeof(struct lt_report_row *));
    return s;
}

void lt_report_sums_free(struct lt_report_sums *s)
{
    free(s->slots);
    free(s->cells);
    free((void *)s->rows);
    free(s);
}

/* ---- rows ---- */

static uint64_t hash_keys(const struct lt_str keys[LT_REPORT_KEYS])
{
    uint64_t h = LT_HASH64_START;
    for (size_t i = 0; i < LT_REPORT_KEYS; i++) {
        h = lt_hash64(h, &keys[i].n, sizeof(keys[i].n));
        h = lt_hash64(h, keys[i].n ? keys[i].p : "", keys[i].n);
    }
    return h;
}

static bool same_keys(const struct lt_str a[LT_REPORT_KEYS], const struct lt_str b[LT_REPORT_KEYS])
{
    for (size_t i = 0; i < LT_REPORT_KEYS; i++)
        if (!lt_str_eq(a[i], b[i]))
            return false;
    return true;
}

/* Index of the slot that holds these keys or is free for them. */
static size_t slot_of(const struct lt_report_sums *s, const struct lt_str keys[LT_REPORT_KEYS])
{
    size_t i = hash_keys(keys) & (s->slots_n - 1);
    while (s->slots[i] && !same_keys(s->rows[s->slots[i] - 1]->keys, keys))
        i = (i + 1) & (s->slots_n - 1);
    return i;
}

static void grow_slots(struct lt_report_sums *s)
{
    free(s->slots);
    s->slots_n *= 2;
    s->slots = fresh(s->slots_n, sizeof(*s->slots));
    for (size_t i = 0; i < s->n; i++)
        s->slots[slot_of(s, s->rows[i]->keys)] = (uint32_t)i + 1;
}

static void grow_rows(struct lt_report_sums *s)
{
    s->rows_max *= 2;
    s->rows = (struct lt_report_row **)realloc((void *)s->rows, s->rows_max * sizeof(struct lt_report_row *));
    if (!s->rows)
        lt_out_of_memory(0);
}

/* Index of the row of these keys, made when there is none; ROWS_MAX when there are too many. */
static size_t row_of(struct lt_report_sums *s, const struct lt_str keys[LT_REPORT_KEYS])
{
    size_t slot = slot_of(s, keys);
    if (s->slots[slot])
        return s->slots[slot] - 1;
    if (s->n == LT_REPORT_ROWS_MAX)
        return s->n;
    if (s->n == s->rows_max)
        grow_rows(s);
    struct lt_report_row *row = LT_NEW(s->arena, struct lt_report_row);
    row->query = s->query;
    for (size_t i = 0; i < LT_REPORT_KEYS; i++)
        row->keys[i] = lt_str_copy(s->arena, keys[i]);
    s->rows[s->n] = row;
    s->slots[slot] = (uint32_t)++s->n;
    if (s->n > s->slots_n / 4 * 3)
        grow_slots(s);
    return s->n - 1;
}

/* ---- durations ---- */

static struct cell *cell_of(const struct lt_report_sums *s, uint32_t row, int64_t ms)
{
    uint64_t key[2] = {row, (uint64_t)ms};
    size_t i = lt_hash64(LT_HASH64_START, key, sizeof(key)) & (s->cells_n - 1);
    while (s->cells[i].row && (s->cells[i].row != row || s->cells[i].ms != ms))
        i = (i + 1) & (s->cells_n - 1);
    return &s->cells[i];
}

static void grow_cells(struct lt_report_sums *s)
{
    struct cell *old = s->cells;
    size_t n = s->cells_n;
    s->cells_n *= 2;
    s->cells = fresh(s->cells_n, sizeof(*s->cells));
    for (size_t i = 0; i < n; i++)
        if (old[i].row)
            *cell_of(s, old[i].row, old[i].ms) = old[i];
    free(old);
}

static enum lt_code add_duration(struct lt_report_sums *s, size_t row, int64_t ms, int64_t n, struct lt_error *err)
{
    ms = ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : ms; /* the clock was set */
    struct cell *c = cell_of(s, (uint32_t)row + 1, ms);
    if (!c->row && s->cells_used++ == LT_REPORT_CELLS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/group_by",
                             "there are more than %d different durations: group by less, or choose a shorter period", LT_REPORT_CELLS_MAX);
    c->row = (uint32_t)row + 1;
    c->ms = ms;
    c->n += n;
    if (s->cells_used > s->cells_n / 4 * 3)
        grow_cells(s);
    return LT_OK;
}

/* ---- adding ---- */

static int compare_ids(const void *a, const void *b)
{
    return lt_str_compare(*(const struct lt_str *)a, *(const struct lt_str *)b);
}

static bool visible(const struct lt_report_query *q, struct lt_str user)
{
    for (size_t i = 0; i < q->visible_n; i++)
        if (q->visible[i].n == 0 || !bsearch(&user, q->visible[i].ids, q->visible[i].n, sizeof(user), compare_ids))
            return false;
    return true;
}

/* A sum that leaves int64 stays at its greatest. */
static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void add_error(struct lt_report_row *row, int64_t count, int64_t last_seen, struct lt_str id)
{
    row->values[LT_ERRORS_COUNT] = plus(row->values[LT_ERRORS_COUNT], count);
    if (last_seen > row->values[LT_ERRORS_LAST_SEEN])
        row->values[LT_ERRORS_LAST_SEEN] = last_seen;
    if (id.n == sizeof(row->example.b) && memcmp(id.p, row->example.b, id.n) > 0)
        memcpy(row->example.b, id.p, id.n);
}

static enum lt_code add_values(struct lt_report_sums *s, size_t index, const struct lt_rows *r, size_t i, size_t column, struct lt_error *err)
{
    struct lt_report_row *row = s->rows[index];
    if (s->query->kind == LT_REPORT_LATENCY)
        return add_duration(s, index, lt_rows_int(r, i, column), lt_rows_int(r, i, column + 1), err);
    if (s->query->kind == LT_REPORT_ERRORS)
        add_error(row, lt_rows_int(r, i, column), lt_rows_int(r, i, column + 1), lt_rows_str(r, i, column + 2));
    else
        for (size_t v = 0; v < s->columns_n; v++)
            row->values[v] = plus(row->values[v], lt_rows_int(r, i, column + v));
    return LT_OK;
}

enum lt_code lt_report_sums_add(struct lt_report_sums *s, const struct lt_rows *r, struct lt_str day, struct lt_error *err)
{
    enum lt_report_key order[LT_REPORT_KEYS];
    size_t n = lt_report_sql_keys(s->query, order);
    bool hide_user = !lt_report_groups(s->query, LT_REPORT_USER);
    for (size_t i = 0; i < r->rows; i++) {
        struct lt_str keys[LT_REPORT_KEYS] = {0};
        for (size_t k = 0; k < n; k++)
            keys[order[k]] = lt_rows_str(r, i, k);
        keys[LT_REPORT_DAY] = day;
        if (!visible(s->query, keys[LT_REPORT_USER]))
            continue;
        if (hide_user)
            keys[LT_REPORT_USER] = LT_STR_NULL;
        size_t row = row_of(s, keys);
        if (row == LT_REPORT_ROWS_MAX)
            return lt_fail_field(err, LT_EINVALID_INPUT, "/group_by", "the report has more than %d rows: group by less, or choose a shorter period",
                                 LT_REPORT_ROWS_MAX);
        if (add_values(s, row, r, i, n, err))
            return err->code;
    }
    return LT_OK;
}

/* ---- percentiles ---- */

static int by_row(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    return x->row != y->row ? (x->row > y->row) - (x->row < y->row) : (x->ms > y->ms) - (x->ms < y->ms);
}

static int by_ms(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

/* Of cells in the order of ms: nearest rank, the least value that at least p % are not above. */
static void percentiles(const struct cell *cells, size_t n, int64_t values[])
{
    static const struct { int at, p; } ranks[] = {{LT_LATENCY_P50, 50}, {LT_LATENCY_P90, 90}, {LT_LATENCY_P95, 95}, {LT_LATENCY_P99, 99}};
    int64_t count = 0, sum = 0, seen = 0;
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        count += cells[i].n;
        sum = plus(sum, cells[i].ms * cells[i].n);
    }
    values[LT_LATENCY_COUNT] = count;
    for (int v = LT_LATENCY_MIN; v <= LT_LATENCY_MAX; v++)
        values[v] = -1;
    if (count == 0)
        return;
    values[LT_LATENCY_MIN] = cells[0].ms;
    values[LT_LATENCY_MAX] = cells[n - 1].ms;
    values[LT_LATENCY_MEAN] = (sum + count / 2) / count;
    for (size_t i = 0; i < n; i++) {
        seen += cells[i].n;
        for (; next < LT_COUNT(ranks) && seen >= (count * ranks[next].p + 99) / 100; next++)
            values[ranks[next].at] = cells[i].ms;
    }
}

static void finish_latency(struct lt_report_sums *s, struct lt_report_row *total)
{
    size_t n = 0;
    for (size_t i = 0; i < s->cells_n; i++)
        if (s->cells[i].row)
            s->cells[n++] = s->cells[i];
    qsort(s->cells, n, sizeof(*s->cells), by_row);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && s->cells[end].row == s->cells[i].row; end++)
            ;
        percentiles(s->cells + i, end - i, s->rows[s->cells[i].row - 1]->values);
    }
    qsort(s->cells, n, sizeof(*s->cells), by_ms);
    percentiles(s->cells, n, total->values);
}

static void add_up(const struct lt_report_sums *s, struct lt_report_row *total)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct lt_report_row *row = s->rows[i];
        if (s->query->kind == LT_REPORT_ERRORS)
            add_error(total, row->values[LT_ERRORS_COUNT], row->values[LT_ERRORS_LAST_SEEN], (struct lt_str){(const char *)row->example.b, 16});
        else
            for (size_t v = 0; v < s->columns_n; v++)
                total->values[v] = plus(total->values[v], row->values[v]);
    }
}

/* ---- order ---- */

static int compare_keys(const struct lt_report_row *a, const struct lt_report_row *b)
{
    for (size_t i = 0; i < a->query->group_n; i++) {
        int order = lt_str_compare(a->keys[a->query->group[i]], b->keys[a->query->group[i]]);
        if (order)
            return order;
    }
    return 0;
}

static int compare_rows(const void *x, const void *y)
{
    const struct lt_report_row *a = *(const struct lt_report_row *const *)x, *b = *(const struct lt_report_row *const *)y;
    const struct lt_report_query *q = a->query;
    int order = 0;
    if (q->sort >= 0 && q->kind == LT_REPORT_ERRORS && q->sort == LT_ERRORS_EXAMPLE)
        order = memcmp(a->example.b, b->example.b, sizeof(a->example.b));
    else if (q->sort >= 0)
        order = (a->values[q->sort] > b->values[q->sort]) - (a->values[q->sort] < b->values[q->sort]);
    else if (q->sort <= -2)
        order = lt_str_compare(a->keys[-2 - q->sort], b->keys[-2 - q->sort]);
    return order ? (q->descending ? -order : order) : compare_keys(a, b);
}

void lt_report_sums_finish(struct lt_report_sums *s, struct lt_report *ret)
{
    static const struct lt_str none[LT_REPORT_KEYS];
    if (s->query->group_n == 0) /* one row, also of nothing */
        row_of(s, none);
    ret->total = (struct lt_report_row){.query = s->query};
    if (s->query->kind == LT_REPORT_LATENCY) {
        if (s->n > 0)
            percentiles(NULL, 0, s->rows[0]->values);
        finish_latency(s, &ret->total);
    } else {
        add_up(s, &ret->total);
    }
    qsort((void *)s->rows, s->n, sizeof(struct lt_report_row *), compare_rows);
    ret->query = s->query;
    ret->n = s->n;
    ret->rows = LT_NEW_ARRAY(s->arena, struct lt_report_row *, s->n);
    if (s->n > 0)
        memcpy((void *)ret->rows, (const void *)s->rows, s->n * sizeof(struct lt_report_row *));
}

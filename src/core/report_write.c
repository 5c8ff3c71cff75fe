/* Reports as JSON and as tables for spreadsheets: the same members in the same order. */
#include "base/clock.h"
#include "core/report.h"
#include "text/csv.h"
#include "text/json.h"

static void put_key(struct lt_jw *w, const struct lt_report_row *row, enum lt_report_key key)
{
    int64_t status;
    if (key != LT_REPORT_VENDOR_STATUS)
        lt_jw_kstr(w, lt_report_key_name(key), row->keys[key]);
    else
        lt_jw_kcount(w, lt_report_key_name(key), lt_str_to_int64(row->keys[key], &status) ? status : -1);
}

static void put_example(struct lt_jw *w, const char *key, struct lt_uuid id)
{
    char text[37];
    lt_uuid_format(id, text);
    lt_jw_key(w, key);
    if (lt_uuid_is_null(id))
        lt_jw_null(w);
    else
        lt_jw_strz(w, text);
}

static void put_values(struct lt_jw *w, const struct lt_report_row *row)
{
    size_t n;
    const struct lt_report_column *columns = lt_report_columns(row->query->kind, &n);
    if (row->query->kind == LT_REPORT_COST)
        lt_jw_kstr(w, "currency", row->query->site->currency);
    for (size_t i = 0; i < n; i++) {
        if (columns[i].type == LT_REPORT_NUMBER)
            lt_jw_kcount(w, columns[i].name, row->values[i]);
        else if (columns[i].type == LT_REPORT_TIME)
            lt_jw_ktime(w, columns[i].name, row->values[i]);
        else
            put_example(w, columns[i].name, row->example);
    }
}

static void put_row(struct lt_jw *w, const struct lt_report_row *row)
{
    lt_jw_obj(w);
    for (size_t i = 0; i < row->query->group_n; i++)
        put_key(w, row, row->query->group[i]);
    put_values(w, row);
    lt_jw_end(w);
}

void lt_report_write_json(struct lt_jw *w, const struct lt_report *report, size_t first, size_t limit)
{
    const struct lt_report_query *q = report->query;
    size_t end = first < report->n ? report->n - first > limit ? first + limit : report->n : first;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "report", lt_report_kind_name(q->kind));
    lt_jw_ktime(w, "since", q->since);
    lt_jw_ktime(w, "until", q->until);
    lt_jw_kstr(w, "time_zone", q->site->time_zone);
    lt_jw_key(w, "group_by");
    lt_jw_arr(w);
    for (size_t i = 0; i < q->group_n; i++)
        lt_jw_strz(w, lt_report_key_name(q->group[i]));
    lt_jw_end(w);
    lt_jw_key(w, "rows");
    lt_jw_arr(w);
    for (size_t i = first; i < end; i++)
        put_row(w, report->rows[i]);
    lt_jw_end(w);
    lt_jw_key(w, "total");
    lt_jw_obj(w);
    put_values(w, &report->total);
    lt_jw_end(w);
    lt_jw_kcount(w, "summarised_calls", report->summarised);
    lt_jw_kint(w, "rows_total", (int64_t)report->n);
    lt_jw_kcount(w, "next", end < report->n ? (int64_t)end : -1);
    lt_jw_end(w);
}

/* ---- CSV ---- */

static void csv_time(struct lt_csv_row *line, int64_t ms)
{
    char text[25] = "";
    if (ms > 0)
        lt_time_format(ms, text);
    lt_csv_text(line, lt_str(text));
}

static void csv_example(struct lt_csv_row *line, struct lt_uuid id)
{
    char text[37];
    lt_uuid_format(id, text);
    lt_csv_text(line, lt_uuid_is_null(id) ? LT_STR("") : lt_str(text));
}

static void csv_names(struct lt_buf *out, const struct lt_report_query *q)
{
    size_t n;
    const struct lt_report_column *columns = lt_report_columns(q->kind, &n);
    struct lt_csv_row line = lt_csv_row(out);
    for (size_t i = 0; i < q->group_n; i++)
        lt_csv_text(&line, lt_str(lt_report_key_name(q->group[i])));
    if (q->kind == LT_REPORT_COST)
        lt_csv_text(&line, LT_STR("currency"));
    for (size_t i = 0; i < n; i++)
        lt_csv_text(&line, lt_str(columns[i].name));
    lt_csv_row_end(&line);
}

static void csv_row(struct lt_buf *out, const struct lt_report_row *row)
{
    size_t n;
    const struct lt_report_query *q = row->query;
    const struct lt_report_column *columns = lt_report_columns(q->kind, &n);
    struct lt_csv_row line = lt_csv_row(out);
    for (size_t i = 0; i < q->group_n; i++)
        lt_csv_text(&line, row->keys[q->group[i]]);
    if (q->kind == LT_REPORT_COST)
        lt_csv_text(&line, q->site->currency);
    for (size_t i = 0; i < n; i++) {
        if (columns[i].type == LT_REPORT_NUMBER)
            lt_csv_known_int(&line, row->values[i]);
        else if (columns[i].type == LT_REPORT_TIME)
            csv_time(&line, row->values[i]);
        else
            csv_example(&line, row->example);
    }
    lt_csv_row_end(&line);
}

void lt_report_write_csv(struct lt_buf *out, const struct lt_report *report, size_t first, size_t limit)
{
    csv_names(out, report->query);
    for (size_t i = first; i < report->n && i - first < limit; i++)
        csv_row(out, report->rows[i]);
}

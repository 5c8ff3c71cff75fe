/* Private to the reports: the SQL of a portion, and the tables that its rows are added up in. */
#pragma once
#include "core/report.h"

/* Ids (UUIDv7) and times of a portion: from `first` until before `behind`; calls begun from since until before until. */
struct lt_report_part {
    struct lt_uuid first, behind;
    int64_t since, until;
    struct lt_str day; /* "" when the report does not tell days apart */
};

/* A statement being put together; parameters are numbered as they come. */
struct lt_report_sql {
    struct lt_buf text;
    struct lt_value values[24];
    size_t n;
};
/* Where the portion ends that begins with part->first: at most one id. */
void lt_report_sql_bound(struct lt_report_sql *sql, const struct lt_report_query *q, const struct lt_report_part *part);
/* The sums of a portion; attempts: of attempts, not of calls; postgres: for that store. Columns: keys in the order of lt_report_sql_keys(), then values. */
void lt_report_sql_sums(struct lt_report_sql *sql, const struct lt_report_query *q, const struct lt_report_part *part, bool attempts, bool postgres);
/* Can summaries of removed calls, which are by day and know no users, be counted in? */
bool lt_report_keeps(const struct lt_report_query *q);
/* The summaries of one day, with the columns of lt_report_sql_sums(); and of all days from first to last: calls, the first day, the last one. */
void lt_report_sql_kept(struct lt_report_sql *sql, const struct lt_report_query *q, struct lt_str day);
void lt_report_sql_kept_range(struct lt_report_sql *sql, const struct lt_report_query *q, struct lt_str first, struct lt_str last);
/* The keys that the statement gives: those of the query without the day, and the user where it matters who it is. */
size_t lt_report_sql_keys(const struct lt_report_query *q, enum lt_report_key ret[LT_REPORT_KEYS]);

struct lt_report_sums;
struct lt_report_sums *lt_report_sums_new(struct lt_arena *arena, const struct lt_report_query *q);
void lt_report_sums_free(struct lt_report_sums *sums);
/* Adds the rows of one lt_report_sql_sums(). LT_EINVALID_INPUT. */
enum lt_code lt_report_sums_add(struct lt_report_sums *sums, const struct lt_rows *rows, struct lt_str day, struct lt_error *err);
/* Percentiles, total, order. Long, so on a worker. */
void lt_report_sums_finish(struct lt_report_sums *sums, struct lt_report *ret);

/* Indices of struct lt_report_row.values. */
enum { LT_ERRORS_COUNT, LT_ERRORS_LAST_SEEN, LT_ERRORS_EXAMPLE };
enum { LT_LATENCY_COUNT, LT_LATENCY_MIN, LT_LATENCY_MEAN, LT_LATENCY_P50, LT_LATENCY_P90, LT_LATENCY_P95, LT_LATENCY_P99, LT_LATENCY_MAX };

/* GET /v1/reports/guards: what rules and the guard of personal data have found, or would have blocked, by day, rule and action. */
#include "api/request.h"
#include "core/guard_report.h"

void lt_get_report_guards(struct lt_request *r)
{
    struct lt_error err;
    struct lt_guard_sum *rows;
    size_t n;
    int64_t since, until;
    struct lt_str format = lt_query(r, "format");
    if (lt_query_time(r, "since", &since, &err) || lt_query_time(r, "until", &until, &err) ||
        lt_guard_report(r->api->options.store, r->arena, r->caller.site->id, since, until, &rows, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    if (!lt_str_is(format, "csv")) {
        lt_guard_report_write_json(w, rows, n);
        lt_json_end(r, 200, &j);
        return;
    }
    lt_guard_report_write_csv(&j.buf, rows, n);
    lt_reply_file(r, "text/csv; charset=utf-8; header=present", LT_STR("guards"), "report", ".csv", lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
}

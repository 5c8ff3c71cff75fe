/* Reading guard_verdict. */
#include "core/guard_report.h"

#include "base/clock.h"
#include "text/csv.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static void put_call(struct lt_jw *w, const struct lt_rows *r, size_t i)
{
    struct lt_str id = lt_rows_str(r, i, 6);
    struct lt_uuid uuid;
    char text[37] = "";
    if (id.n == sizeof(uuid.b)) {
        memcpy(uuid.b, id.p, sizeof(uuid.b));
        lt_uuid_format(uuid, text);
    }
    lt_jw_kstr_nonempty(w, "checked_by", lt_str(text));
}

enum lt_code lt_guard_verdicts_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call, struct lt_str *ret, struct lt_error *err)
{
    static const char *const names[] = {"guard", "rule", "stage", "mode", "verdict"};
    struct lt_rows r;
    struct lt_buf out;
    struct lt_jw w;
    if (LT_QUERY(store, arena, &r, err, "SELECT guard, rule, stage, mode, verdict, counts, checked_by FROM guard_verdict WHERE call_id = $1 ORDER BY n",
                 LT_BLOB(call.b, 16)))
        return err->code;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < r.rows; i++) {
        lt_jw_obj(&w);
        for (size_t k = 0; k < LT_COUNT(names); k++)
            lt_jw_kstr(&w, names[k], lt_rows_str(&r, i, k));
        lt_jw_key(&w, "counts");
        lt_jw_raw(&w, lt_rows_str(&r, i, 5));
        put_call(&w, &r, i);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    *ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

static struct lt_str day_text(struct lt_arena *arena, int64_t day)
{
    char text[25];
    lt_time_format(day * DAY_MS, text);
    return lt_str_copy(arena, (struct lt_str){text, 10});
}

enum lt_code lt_guard_report(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t since, int64_t until, struct lt_guard_sum **ret,
                             size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT created_at / 86400000 AS day, guard, rule, stage, action, mode, verdict, COUNT(*) FROM guard_verdict"
                 " WHERE site_id = $1 AND created_at >= $2 AND ($3 = 0 OR created_at < $3)"
                 " GROUP BY created_at / 86400000, guard, rule, stage, action, mode, verdict ORDER BY 1 DESC, 2, 3, 4, 5, 6, 7 LIMIT $4",
                 LT_INT(site_id), LT_INT(since), LT_INT(until), LT_INT(LT_GUARD_REPORT_MAX)))
        return lt_error_wrap(err, "guard report");
    *ret_n = r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_guard_sum, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_guard_sum){.day = day_text(arena, lt_rows_int(&r, i, 0)),
                                          .guard = lt_rows_str(&r, i, 1),
                                          .rule = lt_rows_str(&r, i, 2),
                                          .stage = lt_rows_str(&r, i, 3),
                                          .action = lt_rows_str(&r, i, 4),
                                          .mode = lt_rows_str(&r, i, 5),
                                          .verdict = lt_rows_str(&r, i, 6),
                                          .calls = lt_rows_int(&r, i, 7)};
    return LT_OK;
}

void lt_guard_report_write_json(struct lt_jw *w, const struct lt_guard_sum *rows, size_t n)
{
    lt_jw_obj(w);
    lt_jw_key(w, "rows");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "day", rows[i].day);
        lt_jw_kstr(w, "guard", rows[i].guard);
        lt_jw_kstr(w, "rule", rows[i].rule);
        lt_jw_kstr(w, "stage", rows[i].stage);
        lt_jw_kstr(w, "action", rows[i].action);
        lt_jw_kstr(w, "mode", rows[i].mode);
        lt_jw_kstr(w, "verdict", rows[i].verdict);
        lt_jw_kint(w, "calls", rows[i].calls);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_guard_report_write_csv(struct lt_buf *out, const struct lt_guard_sum *rows, size_t n)
{
    lt_buf_put_str(out, LT_STR("day,guard,rule,stage,action,mode,verdict,calls\r\n"));
    for (size_t i = 0; i < n; i++) {
        struct lt_csv_row row = lt_csv_row(out);
        lt_csv_text(&row, rows[i].day);
        lt_csv_text(&row, rows[i].guard);
        lt_csv_text(&row, rows[i].rule);
        lt_csv_text(&row, rows[i].stage);
        lt_csv_text(&row, rows[i].action);
        lt_csv_text(&row, rows[i].mode);
        lt_csv_text(&row, rows[i].verdict);
        lt_csv_int(&row, rows[i].calls);
        lt_csv_row_end(&row);
    }
}

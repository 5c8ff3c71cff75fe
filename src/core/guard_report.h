/* What guards have found: of one call, and summed up by rule, day and action. Never a text. Fiber, or outside loops. */
#pragma once
#include "base/uuid.h"
#include "store/store.h"
#include "text/json.h"

enum { LT_GUARD_REPORT_MAX = 10000 /* rows */ };

/* The verdicts of a call as a JSON array, in the arena. */
enum lt_code lt_guard_verdicts_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call, struct lt_str *ret, struct lt_error *err);

struct lt_guard_sum {
    struct lt_str day, guard, rule, stage, action, mode, verdict; /* day: YYYY-MM-DD, in UTC */
    int64_t calls;
};
/* since, until: ms, 0: ever. Newest day first, at most LT_GUARD_REPORT_MAX. */
enum lt_code lt_guard_report(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t since, int64_t until, struct lt_guard_sum **ret,
                             size_t *ret_n, struct lt_error *err);
/* {"rows": [{"day", "guard", "rule", "stage", "action", "mode", "verdict", "calls"}]} */
void lt_guard_report_write_json(struct lt_jw *w, const struct lt_guard_sum *rows, size_t n);
void lt_guard_report_write_csv(struct lt_buf *out, const struct lt_guard_sum *rows, size_t n);

/* Sums of removed calls. */
#include "core/register_summary.h"

#include "base/clock.h"
#include "core/period.h"

static struct lt_str day_of(struct lt_arena *arena, struct lt_str zone, int64_t at)
{
    char text[LT_DAY_TEXT];
    lt_day_format(zone, at, text);
    return lt_str_copy(arena, lt_str(text));
}

enum lt_code lt_register_summarise(struct lt_store *store, struct lt_arena *arena, struct lt_tx *tx, struct lt_str zone, struct lt_uuid call_id,
                                   struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT b.site_id, b.created_at, b.action, a.instance, e.model, b.course_id, COALESCE(e.state, 'running'), e.prompt_tokens,"
                 " e.completion_tokens, e.total_tokens, e.cost FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id"
                 " LEFT JOIN ai_call_attempt a ON a.call_id = b.id AND a.success = 1 WHERE b.id = $1",
                 LT_BLOB(call_id.b, 16)))
        return err->code;
    if (r.rows == 0)
        return LT_OK;
    LT_TX(tx,
          "INSERT INTO register_summary (site_id, day, action, provider, model, course_id, state, calls, prompt_tokens, completion_tokens,"
          " total_tokens,"
          " cost, unpriced) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12)"
          " ON CONFLICT (site_id, day, action, provider, model, course_id, state) DO UPDATE SET calls = register_summary.calls + 1,"
          " prompt_tokens = register_summary.prompt_tokens + excluded.prompt_tokens,"
          " completion_tokens = register_summary.completion_tokens + excluded.completion_tokens,"
          " total_tokens = register_summary.total_tokens + excluded.total_tokens, cost = register_summary.cost + excluded.cost,"
          " unpriced = register_summary.unpriced + excluded.unpriced",
          LT_INT(lt_rows_int(&r, 0, 0)), LT_TEXT(day_of(arena, zone, lt_rows_int(&r, 0, 1))), LT_TEXT(lt_rows_str(&r, 0, 2)),
          LT_TEXT(lt_rows_str(&r, 0, 3)), LT_TEXT(lt_rows_str(&r, 0, 4)), LT_TEXT(lt_rows_str(&r, 0, 5)), LT_TEXT(lt_rows_str(&r, 0, 6)),
          LT_INT(lt_rows_int(&r, 0, 7)), LT_INT(lt_rows_int(&r, 0, 8)), LT_INT(lt_rows_int(&r, 0, 9)), LT_INT(lt_rows_int(&r, 0, 10)),
          LT_INT(lt_rows_at(&r, 0, 10)->type == LT_V_NULL));
    return LT_OK;
}

/* A user's calls in the register, by the index that reports have of them too. */
#include "privacy/private.h"

enum {
    PAGE = 1000,                  /* calls */
    LONGEST_MS = 2 * 3600 * 1000, /* no call lasts as long: one without an end by then has none to come */
};

enum lt_code lt_privacy_calls(struct lt_store *store, struct lt_arena *arena, const struct lt_privacy_words *w, bool to_erase,
                              struct lt_uuid *after, struct lt_str **ret, size_t *ret_n, bool *ret_end, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, arena,
                       "SELECT b.id FROM ai_call b WHERE b.site_id = $1 AND b.user_id = $2 AND b.id > $3 AND b.created_at <= $4"
                       " AND ($5 = 0 OR ((b.created_at < $6 OR EXISTS (SELECT 1 FROM ai_call_end e WHERE e.call_id = b.id))"
                       " AND NOT EXISTS (SELECT 1 FROM register_erasure x WHERE x.call_id = b.id))) ORDER BY b.id LIMIT $7",
                       (const struct lt_value[]){LT_INT(w->site_id), LT_TEXT(w->user_id), LT_BLOB(after->b, 16), LT_INT(w->cut), LT_INT(to_erase),
                                                 LT_INT(w->cut - LONGEST_MS), LT_INT(PAGE)},
                       7, PAGE, &r, err))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, struct lt_str, r.rows + 1);
    *ret_n = r.rows;
    *ret_end = r.rows < PAGE;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = lt_rows_str(&r, i, 0);
    if (r.rows > 0 && (*ret)[r.rows - 1].n == sizeof(after->b))
        memcpy(after->b, (*ret)[r.rows - 1].p, sizeof(after->b));
    return LT_OK;
}

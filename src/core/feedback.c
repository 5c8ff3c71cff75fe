/* Ratings of calls by whoever made them. */
#include "core/feedback.h"

#include "base/clock.h"
#include "text/json.h"

enum { BATCH = 16 /* calls in one query */ };

#define COLUMNS "f.rating, f.reason, f.comment, f.created_at, f.changed_at"

static void fill(struct lt_feedback *f, const struct lt_rows *r, size_t i)
{
    f->rating = lt_rows_str(r, i, 0);
    f->reason = lt_rows_str(r, i, 1);
    f->comment = lt_rows_str(r, i, 2);
    f->created_at = lt_rows_int(r, i, 3);
    f->changed_at = lt_rows_int(r, i, 4);
}

/* The caller's own call: what was said of it, and how it ended ("" = it runs). */
static enum lt_code find(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid id, struct lt_feedback *ret,
                         struct lt_str *ret_state, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT " COLUMNS ", b.user_id, b.content_stored, COALESCE(e.state, '') FROM ai_call b"
                 " LEFT JOIN ai_call_feedback f ON f.call_id = b.id LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE b.id = $1 AND b.site_id = $2",
                 LT_BLOB(id.b, 16), LT_INT(caller->site->id)))
        return lt_error_wrap(err, "feedback");
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no such call");
    if (caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user", "a rating is one user's: name the user");
    if (!lt_str_eq(lt_rows_str(&r, 0, 5), caller->user_id))
        return lt_fail(err, LT_ENOT_FOUND, "no such call");
    *ret = (struct lt_feedback){.comments = lt_rows_int(&r, 0, 6) != 0};
    fill(ret, &r, 0);
    *ret_state = lt_rows_str(&r, 0, 7);
    return LT_OK;
}

enum lt_code lt_feedback_get(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid call_id,
                             struct lt_feedback *ret, struct lt_error *err)
{
    struct lt_str state;
    return find(store, arena, caller, call_id, ret, &state, err);
}

/* What was broken off may have shown something. */
static bool has_answer(struct lt_str state)
{
    return lt_str_is(state, "completed") || lt_str_is(state, "cancelled") || lt_str_is(state, "interrupted");
}

static enum lt_code check(const struct lt_feedback *known, struct lt_str state, const struct lt_feedback *f, struct lt_error *err)
{
    if (!has_answer(state))
        return lt_fail(err, LT_ECONFLICT, state.n > 0 ? "the call has no answer" : "the call has not ended");
    if (f->reason.n > 0 && !lt_str_is(f->rating, "down"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/reason", "goes with the rating 'down' alone");
    if (f->comment.n > 0 && !known->comments)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/comment", "is not kept: the site keeps no content of this call");
    return LT_OK;
}

/* A call that was erased since it was looked at is nobody's: then nothing is changed. */
enum lt_code lt_feedback_put(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid call_id,
                             const struct lt_feedback *f, struct lt_error *err)
{
    struct lt_feedback known;
    struct lt_str state;
    if (find(store, arena, caller, call_id, &known, &state, err) || check(&known, state, f, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO ai_call_feedback (call_id, site_id, user_id, rating, reason, comment, created_at, changed_at)"
          " SELECT b.id, b.site_id, b.user_id, $1, $2, $3, $4, $4 FROM ai_call b WHERE b.id = $5 AND b.site_id = $6 AND b.user_id = $7"
          " ON CONFLICT (call_id) DO UPDATE SET rating = excluded.rating, reason = excluded.reason, comment = excluded.comment,"
          " changed_at = excluded.changed_at",
          LT_TEXT(f->rating), lt_value_text(f->reason), lt_value_text(f->comment), LT_INT(lt_now_ms()), LT_BLOB(call_id.b, 16),
          LT_INT(caller->site->id), LT_TEXT(caller->user_id));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    return rc == LT_ECONFLICT ? lt_fail(err, LT_ENOT_FOUND, "no such call") : rc;
}

enum lt_code lt_feedback_remove(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid call_id,
                                struct lt_error *err)
{
    struct lt_feedback known;
    struct lt_str state;
    if (find(store, arena, caller, call_id, &known, &state, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM ai_call_feedback WHERE call_id = $1 AND site_id = $2 AND user_id = $3", LT_BLOB(call_id.b, 16), LT_INT(caller->site->id),
          LT_TEXT(caller->user_id));
    return lt_store_write(store, tx, err);
}

/* Rows of at most BATCH calls; the places that are left over are null, which is no call. */
static enum lt_code read_batch(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, const struct lt_uuid *ids, size_t n,
                               struct lt_rows *ret, struct lt_error *err)
{
    struct lt_value values[2 + BATCH] = {LT_INT(caller->site->id), LT_TEXT(caller->user_id)};
    for (size_t i = 0; i < BATCH; i++)
        values[2 + i] = i < n ? LT_BLOB(ids[i].b, 16) : LT_NULL;
    return lt_store_query(store, arena,
                          "SELECT call_id, rating FROM ai_call_feedback WHERE site_id = $1 AND user_id = $2 AND call_id IN"
                          " ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
                          values, LT_COUNT(values), BATCH, ret, err);
}

enum lt_code lt_feedback_ratings(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, const struct lt_uuid *ids, size_t n,
                                 struct lt_str *ret, struct lt_error *err)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = LT_STR("");
    for (size_t from = 0; from < n; from += BATCH) {
        struct lt_rows r;
        size_t some = n - from < BATCH ? n - from : BATCH;
        if (read_batch(store, arena, caller, ids + from, some, &r, err))
            return lt_error_wrap(err, "feedback");
        for (size_t row = 0; row < r.rows; row++)
            for (size_t i = from; i < from + some; i++)
                if (lt_str_eq(lt_rows_str(&r, row, 0), (struct lt_str){(const char *)ids[i].b, 16}))
                    ret[i] = lt_rows_str(&r, row, 1);
    }
    return LT_OK;
}

void lt_feedback_write(struct lt_jw *w, const struct lt_feedback *f)
{
    lt_jw_kstr_nonempty(w, "rating", f->rating);
    lt_jw_kstr_nonempty(w, "reason", f->reason);
    lt_jw_kstr(w, "comment", f->comment);
    lt_jw_ktime(w, "created_at", f->created_at);
    lt_jw_ktime(w, "changed_at", f->changed_at);
}

enum lt_code lt_feedback_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call_id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_feedback f = {0};
    struct lt_buf out;
    struct lt_jw w;
    if (LT_QUERY(store, arena, &r, err, "SELECT " COLUMNS " FROM ai_call_feedback f WHERE f.call_id = $1", LT_BLOB(call_id.b, 16)))
        return err->code;
    *ret = LT_STR("null");
    if (r.rows == 0)
        return LT_OK;
    fill(&f, &r, 0);
    lt_buf_init(&out, 1 << 16);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_feedback_write(&w, &f);
    lt_jw_end(&w);
    *ret = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

void lt_feedback_tx_age(struct lt_tx *tx, int64_t site_id, int64_t before)
{
    struct lt_uuid id = lt_uuid_first_at(before);
    LT_TX(tx, "UPDATE ai_call_feedback SET comment = '' WHERE site_id = $1 AND call_id < $2 AND comment <> ''", LT_INT(site_id), LT_BLOB(id.b, 16));
}

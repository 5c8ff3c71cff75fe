/*
 * Ending what a process that is gone left open. There may be a million such calls, and many more that have ended: they are looked at in portions of ids,
 * so that no query takes long and memory stays bounded, and some hundred are ended in one transaction.
 */
#include "core/record.h"

#include "base/log.h"
#include "core/member.h"
#include "core/outbox.h"

enum {
    PORTION = 5000,                /* calls that are looked at together */
    UNIT_CALLS = 250,              /* ended in one transaction */
    UNIT_TEXT_MAX = 4 << 20,       /* bytes of partial text in it, but for the last call's */
    PARTIAL_MAX = 64 << 20,
};

static const char gone[] = "the process ended before the call did";

struct open_call {
    struct lt_uuid id;
    bool checkpoints; /* there are some */
    bool followed;    /* somebody is told of the site's events */
};

static enum lt_code read_partial(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, struct lt_buf *ret, struct lt_error *err)
{
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT text FROM ai_call_checkpoint WHERE call_id = $1 ORDER BY n", LT_BLOB(id.b, 16));
    for (size_t i = 0; rc == LT_OK && i < r.rows; i++)
        lt_buf_put_str(ret, lt_rows_str(&r, i, 0));
    return rc;
}

/* Adds the end of a call to the unit; *text grows by the bytes of its partial text. */
static enum lt_code add_end(struct lt_store *store, struct lt_tx *tx, const struct open_call *call, const char *because, size_t *text, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf partial;
    struct lt_error why;
    enum lt_code rc = LT_OK;
    lt_buf_init(&partial, PARTIAL_MAX);
    lt_fail(&why, LT_EINTERRUPTED, "%s", because);
    if (call->checkpoints)
        rc = read_partial(store, arena, call->id, &partial, err);
    if (rc == LT_OK) {
        lt_record_end(tx, call->id,
                      &(struct lt_record_end){.state = "interrupted",
                                              .error = &why,
                                              .partial = lt_buf_str(&partial),
                                              .with_content = true, /* of a call without content there are no checkpoints */
                                              .usage = LT_USAGE_UNKNOWN,
                                              .cost = -1,
                                              .at = lt_now_ms()});
        *text += partial.n;
        if (call->followed)
            rc = lt_outbox_interrupted(store, tx, call->id, lt_now_ms(), err);
    }
    lt_buf_free(&partial);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_record_interrupt(struct lt_store *store, struct lt_uuid id, const char *because, size_t *n, struct lt_error *err)
{
    size_t text = 0;
    struct lt_tx *tx = lt_tx_new();
    enum lt_code rc = add_end(store, tx, &(struct open_call){id, true, true}, because, &text, err);
    if (rc) {
        lt_tx_discard(tx);
        return rc;
    }
    rc = lt_store_write(store, tx, err);
    *n += rc == LT_OK;
    return rc == LT_ECONFLICT ? LT_OK : rc;
}

enum lt_code lt_record_marked(struct lt_store *store, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT value FROM meta WHERE name = 'register_mark'");
    *ret = rc == LT_OK && r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    return rc;
}

void lt_record_mark(struct lt_store *store, int64_t all_ended_before)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO meta (name, value) VALUES ('register_mark', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
          LT_INT(all_ended_before));
    lt_store_post(store, tx);
}

/* Ends as many of these as fit one unit, and returns how many that were. One of them that ended by itself meanwhile fails all: then one by one. */
static size_t end_some(struct lt_store *store, const struct open_call *calls, size_t n, size_t *ended, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    size_t some = 0, text = 0;
    err->code = LT_OK;
    while (some < n && some < UNIT_CALLS && text < UNIT_TEXT_MAX) {
        if (add_end(store, tx, &calls[some++], gone, &text, err)) {
            lt_tx_discard(tx);
            return some;
        }
    }
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc == LT_OK) {
        *ended += some;
        return some;
    }
    if (rc == LT_ECONFLICT)
        rc = LT_OK;
    else if (rc != LT_ETOO_LARGE)
        return some;
    err->code = LT_OK;
    for (size_t i = 0; rc == LT_OK && i < some; i++)
        rc = lt_record_interrupt(store, calls[i].id, gone, ended, err);
    err->code = rc;
    return some;
}

/* The id behind this portion; false when it is the last. */
static enum lt_code portion_end(struct lt_store *store, struct lt_uuid from, struct lt_uuid *ret, bool *ret_more, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT id FROM ai_call WHERE id >= $1 ORDER BY id LIMIT 1 OFFSET $2", LT_BLOB(from.b, 16), LT_INT(PORTION));
    *ret_more = rc == LT_OK && r.rows > 0;
    memset(ret->b, 0xff, sizeof(ret->b));
    if (*ret_more)
        memcpy(ret->b, lt_rows_str(&r, 0, 0).p, sizeof(ret->b));
    lt_arena_free(arena);
    return rc;
}

static enum lt_code end_portion(struct lt_store *store, int64_t process, struct lt_uuid from, struct lt_uuid behind, size_t *n, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT b.id, CASE WHEN EXISTS (SELECT 1 FROM ai_call_checkpoint c WHERE c.call_id = b.id) THEN 1 ELSE 0 END,"
                               " CASE WHEN EXISTS (SELECT 1 FROM event_destination d WHERE d.site_id = b.site_id) THEN 1 ELSE 0 END"
                               " FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id"
                               " WHERE b.id >= $1 AND b.id < $2 AND e.call_id IS NULL AND " LT_MEMBER_SCOPE("b", "$3"),
                               LT_BLOB(from.b, 16), LT_BLOB(behind.b, 16), LT_INT(process));
    struct open_call *calls = LT_NEW_ARRAY(arena, struct open_call, rc == LT_OK ? r.rows + 1 : 1);
    for (size_t i = 0; rc == LT_OK && i < r.rows; i++) {
        memcpy(calls[i].id.b, lt_rows_str(&r, i, 0).p, sizeof(calls[i].id.b));
        calls[i].checkpoints = lt_rows_int(&r, i, 1) != 0;
        calls[i].followed = lt_rows_int(&r, i, 2) != 0;
    }
    for (size_t i = 0; rc == LT_OK && i < r.rows;) {
        i += end_some(store, calls + i, r.rows - i, n, err);
        rc = err->code;
    }
    lt_arena_free(arena);
    return rc;
}

static enum lt_code recover_from(struct lt_store *store, int64_t process, struct lt_uuid from, size_t *n, struct lt_error *err)
{
    for (bool more = true; more;) {
        struct lt_uuid behind;
        if (portion_end(store, from, &behind, &more, err) || end_portion(store, process, from, behind, n, err))
            return err->code;
        from = behind;
    }
    return LT_OK;
}

enum lt_code lt_record_recover(struct lt_store *store, int64_t process, size_t *ret_n, struct lt_error *err)
{
    *ret_n = 0;
    int64_t mark;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE tool_approval SET state = 'interrupted', decided_at = $1 WHERE state = 'pending' AND " LT_MEMBER_SCOPE("tool_approval", "$2"),
          LT_INT(lt_now_ms()), LT_INT(process));
    if (lt_record_marked(store, &mark, err)) {
        lt_tx_discard(tx);
        return err->code;
    }
    if (lt_store_write(store, tx, err))
        return err->code;
    return recover_from(store, process, lt_uuid_first_at(mark), ret_n, err);
}

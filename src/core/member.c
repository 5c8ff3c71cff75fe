/* The rows of the table `process`. */
#include "core/member.h"

#include "base/clock.h"

enum lt_code lt_member_now(struct lt_store *store, int64_t *ret, struct lt_error *err)
{
    *ret = lt_now_ms();
    if (!lt_store_is_postgres(store))
        return LT_OK;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)");
    if (rc == LT_OK)
        *ret = lt_rows_int(&r, 0, 0);
    lt_arena_free(arena);
    return rc;
}

static enum lt_code number_of(struct lt_store *store, const char *token, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT id FROM process WHERE token = $1", LT_TEXTZ(token));
    if (rc == LT_OK && r.rows == 0)
        rc = lt_fail(err, LT_ESTORE, "the row of this process has gone");
    *ret = rc == LT_OK ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_member_join(struct lt_store *store, const struct lt_member *self, struct lt_error *err)
{
    char token[37];
    int64_t now, id;
    lt_uuid_format(lt_uuid_new(), token);
    if (lt_member_now(store, &now, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO process (token, home, host, pid, version, schema_version, advertised, started_at, seen_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
          LT_TEXTZ(token), lt_value_text(self->home), lt_value_text(self->host), LT_INT(self->pid), lt_value_text(self->version),
          LT_INT(lt_store_schema_newest()), lt_value_text(self->advertised), LT_INT(now), LT_INT(now));
    if (lt_store_write(store, tx, err) || number_of(store, token, &id, err))
        return err->code;
    lt_store_set_process(store, id);
    return LT_OK;
}

/* The time is read first: one that is paused in between is seen as it was before the pause. */
enum lt_code lt_member_beat(struct lt_store *store, bool draining, struct lt_error *err)
{
    int64_t now;
    if (lt_member_now(store, &now, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE process SET seen_at = $1, draining = $2 WHERE id = $3 AND dead_at = 0", LT_INT(now), LT_INT(draining),
          LT_INT(lt_store_process(store)));
    lt_tx_expect(tx, 1);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_member_advertise(struct lt_store *store, struct lt_str url, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE process SET advertised = $1 WHERE id = $2", lt_value_text(url), LT_INT(lt_store_process(store)));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_member_leave(struct lt_store *store, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM process WHERE id = $1 AND dead_at = 0", LT_INT(lt_store_process(store)));
    LT_TX(tx, "DELETE FROM process_message WHERE process = $1", LT_INT(lt_store_process(store)));
    return lt_store_write(store, tx, err);
}

/* ---- reading ---- */

#define COLUMNS                                                                                                              \
    "id, home, host, pid, version, schema_version, advertised, started_at, seen_at, draining, dead_at, claimed_by, recovered_at"

static struct lt_member row(const struct lt_rows *r, size_t i)
{
    return (struct lt_member){.id = lt_rows_int(r, i, 0),
                              .home = lt_rows_str(r, i, 1),
                              .host = lt_rows_str(r, i, 2),
                              .pid = lt_rows_int(r, i, 3),
                              .version = lt_rows_str(r, i, 4),
                              .schema = lt_rows_int(r, i, 5),
                              .advertised = lt_rows_str(r, i, 6),
                              .started_at = lt_rows_int(r, i, 7),
                              .seen_at = lt_rows_int(r, i, 8),
                              .draining = lt_rows_int(r, i, 9) != 0,
                              .dead_at = lt_rows_int(r, i, 10),
                              .claimed_by = lt_rows_int(r, i, 11),
                              .recovered_at = lt_rows_int(r, i, 12)};
}

enum lt_code lt_member_list(struct lt_store *store, struct lt_arena *arena, struct lt_member **ret, size_t *ret_n, int64_t *ret_now,
                            struct lt_error *err)
{
    struct lt_rows r;
    *ret_n = 0;
    if ((ret_now && lt_member_now(store, ret_now, err)) ||
        LT_QUERY(store, arena, &r, err, "SELECT " COLUMNS " FROM process ORDER BY id LIMIT $1", LT_INT(LT_MEMBERS_MAX)))
        return err->code;
    *ret_n = r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_member, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = row(&r, i);
    return LT_OK;
}

enum lt_code lt_member_find(struct lt_store *store, struct lt_arena *arena, int64_t id, struct lt_member *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT " COLUMNS " FROM process WHERE id = $1", LT_INT(id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no such process");
    *ret = row(&r, 0);
    return LT_OK;
}

/* Of others than `but`; 0: of all. */
static enum lt_code count(struct lt_store *store, int64_t but, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT COUNT(*) FROM process WHERE dead_at = 0 AND id <> $1", LT_INT(but));
    *ret = rc == LT_OK ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_member_count(struct lt_store *store, int64_t *ret, struct lt_error *err)
{
    return count(store, 0, ret, err);
}

enum lt_code lt_member_alone(struct lt_store *store, bool *ret, struct lt_error *err)
{
    int64_t others = 0;
    enum lt_code rc = lt_store_is_postgres(store) ? count(store, lt_store_process(store), &others, err) : LT_OK;
    *ret = rc == LT_OK && others == 0;
    return rc;
}

/* ---- the dead ---- */

enum lt_code lt_member_claim(struct lt_store *store, const struct lt_member *m, struct lt_error *err)
{
    int64_t now;
    if (lt_member_now(store, &now, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE process SET dead_at = CASE dead_at WHEN 0 THEN $1 ELSE dead_at END, claimed_by = $2"
          " WHERE id = $3 AND seen_at = $4 AND dead_at = $5 AND claimed_by = $6 AND recovered_at = 0",
          LT_INT(now), LT_INT(lt_store_process(store)), LT_INT(m->id), LT_INT(m->seen_at), LT_INT(m->dead_at), LT_INT(m->claimed_by));
    lt_tx_expect(tx, 1);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_member_recovered(struct lt_store *store, int64_t id, struct lt_error *err)
{
    int64_t now;
    if (lt_member_now(store, &now, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE process SET recovered_at = $1 WHERE id = $2 AND claimed_by = $3", LT_INT(now), LT_INT(id), LT_INT(lt_store_process(store)));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_member_drop(struct lt_store *store, int64_t id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM process WHERE id = $1 AND recovered_at > 0", LT_INT(id));
    LT_TX(tx, "DELETE FROM process_message WHERE process = $1", LT_INT(id));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_member_drop_others(struct lt_store *store, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM process WHERE id <> $1", LT_INT(lt_store_process(store)));
    return lt_store_write(store, tx, err);
}

/* ---- messages ---- */

static const char *const asks[] = {[LT_MEMBER_CANCEL] = "cancel", [LT_MEMBER_NUDGE] = "nudge"};

enum lt_code lt_member_of_call(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call_id, struct lt_member *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT b.process FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE b.id = $1 AND e.call_id IS NULL",
                 LT_BLOB(call_id.b, 16)))
        return err->code;
    int64_t id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    if (id == 0 || id == lt_store_process(store))
        return lt_fail(err, LT_ENOT_FOUND, "no other process runs the call");
    return lt_member_find(store, arena, id, ret, err);
}

enum lt_code lt_member_tell(struct lt_store *store, int64_t process, const struct lt_member_message *m, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO process_message (process, kind, call_id, site_id, created_at) VALUES ($1, $2, $3, $4, $5)", LT_INT(process),
          LT_TEXTZ(asks[m->ask]), LT_BLOB(m->call_id.b, 16), LT_INT(m->site_id), LT_INT(lt_now_ms()));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_member_messages(struct lt_store *store, struct lt_arena *arena, struct lt_member_message **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    *ret_n = 0;
    if (LT_QUERY(store, arena, &r, err, "SELECT id, kind, call_id, site_id FROM process_message WHERE process = $1 ORDER BY id LIMIT $2",
                 LT_INT(lt_store_process(store)), LT_INT(LT_MEMBER_MESSAGES_MAX)))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, struct lt_member_message, r.rows);
    if (r.rows == 0)
        return LT_OK;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_member_message *m = &(*ret)[(*ret_n)++];
        struct lt_str id = lt_rows_str(&r, i, 2);
        *m = (struct lt_member_message){.ask = lt_str_is(lt_rows_str(&r, i, 1), "cancel") ? LT_MEMBER_CANCEL : LT_MEMBER_NUDGE,
                                        .site_id = lt_rows_int(&r, i, 3)};
        memcpy(m->call_id.b, id.p, id.n < 16 ? id.n : 16);
    }
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM process_message WHERE process = $1 AND id <= $2", LT_INT(lt_store_process(store)), LT_INT(lt_rows_int(&r, r.rows - 1, 0)));
    return lt_store_write(store, tx, err);
}

/* Sessions in the store: finding, making, adding turns, clearing, removing. */
#include "workflows/session.h"

#include <inttypes.h>

#include "base/clock.h"
#include "core/vendor_deletion.h"
#include "text/merge_patch.h"
#include "workflows/workflow_private.h"

enum { USER_MAX = 255, LIST_MAX = 1000, MERGE_TRIES = 10 };

#define COLUMNS                                                                                                              \
    "SELECT s.id, s.uuid, s.site_id, s.user_id, s.scope_id, s.profile_id, s.course_id, s.location_id, s.thread, s.remote_response_id," \
    " s.remote_instance_id, s.metadata, s.created_at, s.updated_at,"                                                         \
    " (SELECT COUNT(*) FROM workflow_submission t WHERE t.session_id = s.id AND t.thread = s.thread),"                       \
    " (SELECT COUNT(*) FROM workflow_submission t WHERE t.session_id = s.id) FROM workflow_session s"

static void fill(struct lt_session *s, const struct lt_rows *r, size_t i)
{
    *s = (struct lt_session){.id = lt_rows_int(r, i, 0),
                             .uuid_text = lt_rows_str(r, i, 1),
                             .key = {.site_id = lt_rows_int(r, i, 2),
                                     .user_id = lt_rows_str(r, i, 3),
                                     .scope_id = lt_rows_int(r, i, 4),
                                     .profile_id = lt_rows_int(r, i, 5),
                                     .course_id = lt_rows_str(r, i, 6),
                                     .location_id = lt_rows_str(r, i, 7)},
                             .thread = lt_rows_int(r, i, 8),
                             .remote_response_id = lt_rows_str(r, i, 9),
                             .remote_instance_id = lt_rows_int(r, i, 10),
                             .metadata = lt_rows_str(r, i, 11),
                             .created_at = lt_rows_int(r, i, 12),
                             .updated_at = lt_rows_int(r, i, 13),
                             .turns = lt_rows_int(r, i, 14)};
    s->turns_cleared = lt_rows_int(r, i, 15) - s->turns;
    lt_uuid_parse(s->uuid_text, &s->uuid);
}

/* ---- finding and making ---- */

static enum lt_code check_key(const struct lt_session_key *key, struct lt_error *err)
{
    const struct {
        const char *field;
        struct lt_str text;
        size_t min, max;
    } parts[] = {{"/user_id", key->user_id, 1, USER_MAX},
                 {"/course_id", key->course_id, 0, LT_SESSION_PLACE_MAX},
                 {"/location_id", key->location_id, 0, LT_SESSION_PLACE_MAX}};
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (parts[i].text.n < parts[i].min || parts[i].text.n > parts[i].max)
            return lt_fail_field(err, LT_EINVALID_INPUT, parts[i].field, "a session needs %zu to %zu bytes here, has %zu", parts[i].min,
                                 parts[i].max, parts[i].text.n);
    return LT_OK;
}

enum lt_code lt_session_lookup(struct lt_store *store, struct lt_arena *arena, const struct lt_session_key *key, struct lt_session *ret,
                               struct lt_error *err)
{
    struct lt_rows r;
    if (check_key(key, err) ||
        LT_QUERY(store, arena, &r, err,
                 COLUMNS " WHERE s.site_id = $1 AND s.user_id = $2 AND s.scope_id = $3 AND s.profile_id = $4 AND s.course_id = $5 AND"
                         " s.location_id = $6",
                 LT_INT(key->site_id), LT_TEXT(key->user_id), LT_INT(key->scope_id), LT_INT(key->profile_id), LT_TEXT(key->course_id),
                 LT_TEXT(key->location_id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such session");
    fill(ret, &r, 0);
    return LT_OK;
}

/* Whoever comes second changes nothing and finds the row of the first. A scope that was removed meanwhile gets no sessions. */
static enum lt_code make(struct lt_store *store, const struct lt_session_key *key, struct lt_error *err)
{
    int64_t now = lt_now_ms();
    char uuid[37];
    lt_uuid_format(lt_uuid_new(), uuid);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO workflow_session (uuid, site_id, user_id, scope_id, profile_id, course_id, location_id, created_at, updated_at)"
          " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM meta WHERE name = 'generation' AND"
          " ($4 = 0 OR EXISTS (SELECT 1 FROM workflow_scope WHERE id = $4 AND site_id = $2))"
          " ON CONFLICT (site_id, user_id, scope_id, profile_id, course_id, location_id) DO NOTHING",
          LT_TEXTZ(uuid), LT_INT(key->site_id), LT_TEXT(key->user_id), LT_INT(key->scope_id), LT_INT(key->profile_id), LT_TEXT(key->course_id),
          LT_TEXT(key->location_id), LT_INT(now), LT_INT(now));
    enum lt_code rc = lt_store_write(store, tx, err);
    return rc == LT_ECONFLICT ? lt_fail(err, LT_ENOT_FOUND, "profile or site of the session have gone") : rc;
}

enum lt_code lt_session_open(struct lt_store *store, struct lt_arena *arena, const struct lt_session_key *key, struct lt_session *ret,
                             struct lt_error *err)
{
    enum lt_code rc = lt_session_lookup(store, arena, key, ret, err);
    if (rc != LT_ENOT_FOUND)
        return rc;
    if (make(store, key, err))
        return err->code;
    rc = lt_session_lookup(store, arena, key, ret, err);
    return rc == LT_ENOT_FOUND ? lt_fail(err, LT_ENOT_FOUND, "the scope of the session has gone") : rc;
}

enum lt_code lt_session_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name, struct lt_session *ret,
                             struct lt_error *err)
{
    struct lt_rows r;
    int64_t number;
    struct lt_str uuid;
    lt_workflow_name_ids(arena, name, &number, &uuid);
    if (LT_QUERY(store, arena, &r, err, COLUMNS " WHERE s.site_id = $1 AND (s.id = $2 OR s.uuid = $3)", LT_INT(site_id), LT_INT(number),
                 LT_TEXT(uuid)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no session '%.*s'", (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    fill(ret, &r, 0);
    return LT_OK;
}

/* One text for each index that can lead: an OR with "any" would read all sessions of the site. */
#define LIST(user, profile, scope)                                                                                           \
    COLUMNS " WHERE s.site_id = $1 AND " user " AND " profile " AND " scope " AND (s.course_id = $5 OR $5 = '') AND (s.id < $6 OR $6 = 0)" \
            " ORDER BY s.id DESC LIMIT $7"
#define ANY_USER "(s.user_id = $2 OR $2 = '')"
#define ANY_PROFILE "(s.profile_id = $3 OR $3 = -1)"
#define ANY_SCOPE "(s.scope_id = $4 OR $4 = -1)"

enum lt_code lt_session_list(struct lt_store *store, struct lt_arena *arena, const struct lt_session_filter *f, struct lt_session **ret,
                             size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    int limit = f->limit < 1 ? 50 : f->limit > LIST_MAX ? LIST_MAX : f->limit;
    const char *sql = f->user_id.n > 0    ? LIST("s.user_id = $2", ANY_PROFILE, ANY_SCOPE)
                      : f->scope_id >= 0   ? LIST(ANY_USER, ANY_PROFILE, "s.scope_id = $4")
                      : f->profile_id >= 0 ? LIST(ANY_USER, "s.profile_id = $3", ANY_SCOPE)
                                           : LIST(ANY_USER, ANY_PROFILE, ANY_SCOPE);
    if (LT_QUERY(store, arena, &r, err, sql, LT_INT(f->site_id), lt_value_text(f->user_id), LT_INT(f->profile_id),
                 LT_INT(f->scope_id), lt_value_text(f->course_id), LT_INT(f->before_id), LT_INT(limit)))
        return lt_error_wrap(err, "sessions");
    *ret = LT_NEW_ARRAY(arena, struct lt_session, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        fill(&(*ret)[i], &r, i);
    return LT_OK;
}

enum lt_code lt_session_count_profile(struct lt_store *store, int64_t profile_id, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT COUNT(*) FROM workflow_session WHERE profile_id = $1", LT_INT(profile_id));
    if (rc == LT_OK)
        *ret = lt_rows_int(&r, 0, 0);
    lt_arena_free(arena);
    return rc;
}

/* ---- turns ---- */

static enum lt_code write_turn(const struct lt_turn *turn, struct lt_buf *out, struct lt_error *err)
{
    struct lt_jw w;
    lt_jw_init(&w, out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < turn->messages_n; i++) {
        const struct lt_turn_message *m = &turn->messages[i];
        char time[25];
        lt_time_format(m->timestamp, time);
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "role", m->role);
        if (m->content)
            lt_jw_kjson(&w, "content", m->content);
        else
            lt_jw_kstr(&w, "content", m->text.p ? m->text : LT_STR(""));
        lt_jw_kstrz(&w, "timestamp", time);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    if (turn->messages_n > LT_TURN_MESSAGES_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "a turn has at most %d messages", LT_TURN_MESSAGES_MAX);
    if (out->failed)
        return lt_fail(err, LT_ETOO_LARGE, "a turn has at most %d bytes", LT_TURN_BYTES_MAX);
    return LT_OK;
}

static enum lt_code add_submission(struct lt_tx *tx, const struct lt_session *session, const struct lt_turn *turn, struct lt_uuid id,
                                   struct lt_error *err)
{
    struct lt_buf messages;
    char uuid[37], call[37] = "";
    lt_buf_init(&messages, LT_TURN_BYTES_MAX);
    enum lt_code rc = write_turn(turn, &messages, err);
    lt_uuid_format(id, uuid);
    if (!lt_uuid_is_null(turn->call_id))
        lt_uuid_format(turn->call_id, call);
    if (rc == LT_OK) {
        LT_TX(tx,
              "INSERT INTO workflow_submission (uuid, session_id, thread, position, call_id, state, messages, created_at)"
              " SELECT $1, id, $2, (SELECT COALESCE(MAX(t.position), 0) + 1 FROM workflow_submission t WHERE t.session_id = $3 AND t.thread = $2),"
              " $4, $5, $6, $7 FROM workflow_session WHERE id = $3",
              LT_TEXTZ(uuid), LT_INT(session->thread), LT_INT(session->id), LT_TEXTZ(call), LT_TEXTZ(turn->interrupted ? "interrupted" : "completed"),
              LT_TEXT(lt_buf_str(&messages)), LT_INT(lt_now_ms()));
        lt_tx_expect(tx, 1);
    }
    lt_buf_free(&messages);
    return rc;
}

/* Writes the unit with what belongs to it. */
static enum lt_code write_with(struct lt_store *store, struct lt_tx *tx, const struct lt_session_with *with, struct lt_error *err)
{
    if (!with || with->add(with->ctx, tx))
        return lt_store_write(store, tx, err);
    lt_tx_discard(tx);
    return lt_fail(err, LT_ECANCELLED, "nothing is to be stored of this");
}

static enum lt_code gone(struct lt_error *err, enum lt_code rc)
{
    return rc == LT_ECONFLICT ? lt_fail(err, LT_ENOT_FOUND, "the session was removed meanwhile") : rc;
}

enum lt_code lt_session_add_turn(struct lt_store *store, const struct lt_session *session, const struct lt_turn *turn, struct lt_uuid *ret,
                                 struct lt_error *err)
{
    static const struct lt_uuid none;
    struct lt_uuid id = turn->store_content ? lt_uuid_new() : none;
    struct lt_str remote = turn->remote_response_id.p ? turn->remote_response_id : LT_STR("");
    bool kept = turn->store_content && remote.n > 0 && remote.n <= LT_SESSION_REMOTE_ID_MAX;
    if (ret)
        *ret = id;
    struct lt_tx *tx = lt_tx_new();
    if (turn->store_content && add_submission(tx, session, turn, id, err)) {
        lt_tx_discard(tx);
        return err->code;
    }
    lt_vendor_forget_elsewhere(tx, session->id, session->thread, kept ? turn->remote_instance_id : 0);
    LT_TX(tx,
          "UPDATE workflow_session SET remote_response_id = CASE WHEN remote_response_id = $1 THEN $2 ELSE '' END,"
          " remote_instance_id = CASE WHEN remote_response_id = $1 THEN $3 ELSE 0 END, updated_at = $4 WHERE id = $5 AND thread = $6",
          LT_TEXT(session->remote_response_id), LT_TEXT(kept ? remote : LT_STR("")), LT_INT(kept ? turn->remote_instance_id : 0), LT_INT(lt_now_ms()),
          LT_INT(session->id), LT_INT(session->thread));
    return gone(err, write_with(store, tx, turn->with, err));
}

/* ---- changing the whole ---- */

/* How the metadata are to change: always the same, or as `ask` says. */
struct change {
    const struct lt_json *patch;         /* NULL: ask() */
    lt_session_change_fn ask;
    void *ctx;
    const struct lt_session_with *with;
    int64_t thread;                      /* the only one that is meant; -1: whichever it is */
};

static enum lt_code change_once(struct lt_store *store, struct lt_arena *arena, int64_t id, const struct change *change, struct lt_error *err)
{
    struct lt_rows r;
    const struct lt_json *before, *patch = change->patch;
    if (LT_QUERY(store, arena, &r, err, "SELECT metadata, thread FROM workflow_session WHERE id = $1", LT_INT(id)))
        return err->code;
    if (r.rows == 0 || (change->thread >= 0 && lt_rows_int(&r, 0, 1) != change->thread))
        return lt_fail(err, LT_ENOT_FOUND, "the session was %s meanwhile", r.rows == 0 ? "removed" : "cleared");
    if (lt_json_parse(arena, lt_rows_str(&r, 0, 0), LT_JSON_STRICT, &before, err))
        return lt_error_wrap(err, "metadata of the session");
    if (!patch && change->ask(change->ctx, arena, before, &patch, err))
        return err->code;
    struct lt_str after = lt_json_text(arena, lt_merge_patch(arena, before, patch));
    if (after.n > LT_SESSION_METADATA_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the metadata of a session have at most %d bytes", LT_SESSION_METADATA_MAX);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_session SET metadata = $1, updated_at = $2 WHERE id = $3 AND metadata = $4 AND thread = $5", LT_TEXT(after),
          LT_INT(lt_now_ms()), LT_INT(id), LT_TEXT(lt_rows_str(&r, 0, 0)), LT_INT(lt_rows_int(&r, 0, 1)));
    lt_tx_expect(tx, 1);
    return write_with(store, tx, change->with, err);
}

static enum lt_code change_metadata(struct lt_store *store, int64_t id, const struct change *change, struct lt_error *err)
{
    enum lt_code rc = LT_ECONFLICT;
    for (int i = 0; i < MERGE_TRIES && rc == LT_ECONFLICT; i++) { /* a conflict: somebody else was faster, or it is gone */
        struct lt_arena *arena = lt_arena_new();
        rc = change_once(store, arena, id, change, err);
        lt_arena_free(arena);
    }
    return rc;
}

enum lt_code lt_session_merge_metadata(struct lt_store *store, const struct lt_session *session, const struct lt_json *patch, struct lt_error *err)
{
    if (!lt_json_is(patch, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/metadata", "must be an object, is %s", lt_json_type_name(patch));
    return change_metadata(store, session->id, &(struct change){.patch = patch, .thread = -1}, err);
}

enum lt_code lt_session_change_metadata(struct lt_store *store, const struct lt_session *session, lt_session_change_fn change, void *ctx,
                                        const struct lt_session_with *with, struct lt_error *err)
{
    return change_metadata(store, session->id, &(struct change){.ask = change, .ctx = ctx, .with = with, .thread = session->thread}, err);
}

enum lt_code lt_session_clear(struct lt_store *store, const struct lt_session *session, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    lt_vendor_forget_session(tx, session->id);
    LT_TX(tx,
          "UPDATE workflow_session SET thread = thread + 1, remote_response_id = '', remote_instance_id = 0, metadata = '{}', updated_at = $1"
          " WHERE id = $2",
          LT_INT(lt_now_ms()), LT_INT(session->id));
    lt_tx_expect(tx, 1);
    return gone(err, lt_store_write(store, tx, err));
}

enum lt_code lt_session_remove(struct lt_store *store, const struct lt_session *session, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    lt_vendor_forget_session(tx, session->id);
    LT_TX(tx, "DELETE FROM workflow_submission WHERE session_id = $1", LT_INT(session->id));
    LT_TX(tx, "DELETE FROM workflow_session WHERE id = $1", LT_INT(session->id));
    lt_tx_expect(tx, 1);
    return gone(err, lt_store_write(store, tx, err));
}

void lt_session_tx_profile_removed(struct lt_tx *tx, int64_t profile_id)
{
    lt_vendor_forget_profile(tx, profile_id);
    LT_TX(tx, "DELETE FROM workflow_submission WHERE session_id IN (SELECT id FROM workflow_session WHERE profile_id = $1)", LT_INT(profile_id));
    LT_TX(tx, "DELETE FROM workflow_session WHERE profile_id = $1", LT_INT(profile_id));
}

void lt_session_tx_scope_removed(struct lt_tx *tx, int64_t site_id, int64_t scope_id)
{
    lt_vendor_forget_scope(tx, site_id, scope_id);
    LT_TX(tx, "DELETE FROM workflow_submission WHERE session_id IN (SELECT id FROM workflow_session WHERE scope_id = $1 AND site_id = $2)",
          LT_INT(scope_id), LT_INT(site_id));
    LT_TX(tx, "DELETE FROM workflow_session WHERE scope_id = $1 AND site_id = $2", LT_INT(scope_id), LT_INT(site_id));
}

/* Gradings in the store. Each change is one unit. */
#include "workflows/grading.h"

#include <stdio.h>

#include "base/clock.h"
#include "text/json_schema.h"
#include "workflows/input.h"

enum { RESULT_MAX = 8 << 20 };

static struct lt_value text(struct lt_str s)
{
    return LT_TEXT(s.p ? s : LT_STR(""));
}

static struct lt_value id_value(const struct lt_uuid *id)
{
    return lt_uuid_is_null(*id) ? LT_NULL : LT_BLOB(id->b, 16);
}

/* ---- reading ---- */

#define COLUMNS                                                                                                              \
    "SELECT id, uuid, site_id, grade_key, submission_id, submission_hash, user_id, course_id, location_id, profile_id, profile_version, mode,"  \
    " rubric, state, reason, result, call_id, claim, claimed_at, staff_result, staff_user, staff_at, created_at, completed_at FROM grading "

static struct lt_uuid uuid_at(const struct lt_rows *r, size_t row, size_t column)
{
    struct lt_uuid id = {0};
    struct lt_str bytes = lt_rows_str(r, row, column);
    if (bytes.n == sizeof(id.b))
        memcpy(id.b, bytes.p, sizeof(id.b));
    return id;
}

static void fill(struct lt_grading *g, const struct lt_rows *r, size_t row)
{
    *g = (struct lt_grading){.id = lt_rows_int(r, row, 0),
                             .uuid = uuid_at(r, row, 1),
                             .site_id = lt_rows_int(r, row, 2),
                             .key = lt_rows_str(r, row, 3),
                             .submission_id = lt_rows_str(r, row, 4),
                             .submission_hash = lt_rows_str(r, row, 5),
                             .user_id = lt_rows_str(r, row, 6),
                             .course_id = lt_rows_str(r, row, 7),
                             .location_id = lt_rows_str(r, row, 8),
                             .profile_id = lt_rows_int(r, row, 9),
                             .profile_version = lt_rows_int(r, row, 10),
                             .mode = lt_rows_str(r, row, 11),
                             .rubric = lt_rows_str(r, row, 12),
                             .state = lt_rows_str(r, row, 13),
                             .reason = lt_rows_str(r, row, 14),
                             .result = lt_rows_str(r, row, 15),
                             .call_id = uuid_at(r, row, 16),
                             .claim = uuid_at(r, row, 17),
                             .claimed_at = lt_rows_int(r, row, 18),
                             .staff_result = lt_rows_str(r, row, 19),
                             .staff_user = lt_rows_str(r, row, 20),
                             .staff_at = lt_rows_int(r, row, 21),
                             .created_at = lt_rows_int(r, row, 22),
                             .completed_at = lt_rows_int(r, row, 23)};
    lt_uuid_format(g->uuid, g->uuid_text);
}

static enum lt_code take_one(const struct lt_rows *r, struct lt_grading *ret, struct lt_error *err)
{
    if (r->rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such grading");
    fill(ret, r, 0);
    return LT_OK;
}

enum lt_code lt_grading_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name, struct lt_grading *ret,
                             struct lt_error *err)
{
    struct lt_rows r;
    struct lt_uuid id = {0};
    int64_t number = 0;
    lt_uuid_parse(name, &id);
    lt_str_to_int64(name, &number);
    if (LT_QUERY(store, arena, &r, err,
                 COLUMNS "WHERE site_id = $1 AND id IN (SELECT id FROM grading WHERE uuid = $2 UNION SELECT id FROM grading WHERE id = $3"
                         " UNION SELECT MAX(id) FROM grading WHERE site_id = $1 AND submission_id = $4)",
                 LT_INT(site_id), LT_BLOB(id.b, 16), LT_INT(number), text(name)))
        return lt_error_wrap(err, "grading");
    if (r.rows > 1)
        return lt_fail(err, LT_EMULTIPLE, "'%.*s' names one grading and the submission of another; use the id", LT_FMT(name));
    return take_one(&r, ret, err);
}

struct lt_str lt_grading_own_name(struct lt_arena *arena, struct lt_str user_id, struct lt_str submission_id)
{
    return lt_printf(arena, "%.*s/%.*s", LT_FMT(user_id), LT_FMT(submission_id));
}

enum lt_code lt_grading_of_submission(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str submission_id,
                                      struct lt_str course_id, struct lt_str user_id, struct lt_grading *ret, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_str own = user_id.n > 0 ? lt_grading_own_name(arena, user_id, submission_id) : submission_id;
    if (LT_QUERY(store, arena, &r, err,
                 COLUMNS "WHERE site_id = $1 AND submission_id IN ($2, $3) AND ($4 = '' OR course_id = $4) AND ($5 = '' OR user_id = $5)"
                         " ORDER BY id DESC LIMIT 1",
                 LT_INT(site_id), text(submission_id), text(own), text(course_id), text(user_id)))
        return lt_error_wrap(err, "grading");
    return take_one(&r, ret, err);
}

/* One text for each index that can lead. */
#define LIST(course, state) \
    COLUMNS "WHERE site_id = $1 AND ($2 = 0 OR id < $2) AND " course " AND " state " ORDER BY id DESC LIMIT $5"
#define ANY_COURSE "($3 = '' OR course_id = $3)"
#define ANY_STATE "($4 = '' OR state = $4)"
#define QUEUE "$4 <> '' AND state IN ('abstained', 'rejected', 'failed') AND staff_at = 0"

enum lt_code lt_grading_list(struct lt_store *store, struct lt_arena *arena, const struct lt_grading_filter *f, struct lt_grading **ret, size_t *ret_n,
                             struct lt_error *err)
{
    struct lt_rows r;
    const struct lt_value values[] = {LT_INT(f->site_id), LT_INT(f->before_id), text(f->course_id), text(f->state), LT_INT(f->limit)};
    const char *sql = lt_str_is(f->state, "queue") ? LIST(ANY_COURSE, QUEUE)
                      : f->course_id.n > 0         ? LIST("course_id = $3", ANY_STATE)
                                                   : LIST(ANY_COURSE, ANY_STATE);
    if (lt_store_query(store, arena, sql, values, LT_COUNT(values), LT_GRADING_LIST_MAX, &r, err))
        return lt_error_wrap(err, "gradings");
    *ret = LT_NEW_ARRAY(arena, struct lt_grading, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        fill(&(*ret)[i], &r, i);
    return LT_OK;
}

/* ---- a verdict ---- */

struct lt_str lt_grading_rubric(struct lt_arena *arena, const struct lt_json *rubric, bool with_names)
{
    const struct lt_json *criteria = lt_json_get(rubric, "criteria");
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, RESULT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "criteria");
    lt_jw_arr(&w);
    for (size_t i = 0; i < lt_json_len(criteria); i++) {
        const struct lt_json *c = lt_json_at(criteria, i), *options = lt_json_get(c, "options");
        lt_jw_obj(&w);
        lt_jw_kjson(&w, "id", lt_json_get(c, "id"));
        lt_jw_kstr(&w, "name", with_names ? lt_json_str_or(lt_json_get(c, "name"), LT_STR("")) : LT_STR(""));
        lt_jw_key(&w, "options");
        lt_jw_arr(&w);
        for (size_t k = 0; k < lt_json_len(options); k++) {
            const struct lt_json *o = lt_json_at(options, k);
            lt_jw_obj(&w);
            lt_jw_kjson(&w, "id", lt_json_get(o, "id"));
            lt_jw_kstr(&w, "name", with_names ? lt_json_str_or(lt_json_get(o, "name"), LT_STR("")) : LT_STR(""));
            lt_jw_kjson(&w, "points", lt_json_get(o, "points"));
            lt_jw_end(&w);
        }
        lt_jw_end(&w);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_jw_end(&w);
    struct lt_str copy = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return copy;
}

static enum lt_code insert(struct lt_store *store, const struct lt_grading *g, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO grading (uuid, site_id, grade_key, submission_id, submission_hash, user_id, course_id, location_id, profile_id,"
          " profile_version, mode, rubric, state, claim, claimed_at, created_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending', $13, $14, $14) ON CONFLICT (site_id, grade_key) DO NOTHING",
          id_value(&g->uuid), LT_INT(g->site_id), text(g->key), text(g->submission_id), text(g->submission_hash), text(g->user_id),
          text(g->course_id), text(g->location_id), LT_INT(g->profile_id), LT_INT(g->profile_version), text(g->mode), text(g->rubric),
          id_value(&g->claim), LT_INT(g->claimed_at));
    lt_tx_expect(tx, 1);
    return lt_store_write(store, tx, err);
}

static enum lt_code take_over(struct lt_store *store, struct lt_grading *g, struct lt_uuid claim, int64_t now_ms, bool *ret_mine, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE grading SET claim = $1, claimed_at = $2 WHERE id = $3 AND state = 'pending' AND claim = $4", id_value(&claim), LT_INT(now_ms),
          LT_INT(g->id), id_value(&g->claim));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    *ret_mine = rc == LT_OK;
    if (rc == LT_OK)
        g->claim = claim;
    return rc == LT_ECONFLICT ? LT_OK : rc;
}

enum lt_code lt_grading_claim(struct lt_store *store, struct lt_arena *arena, struct lt_grading *g, int64_t lease_ms, bool *ret_mine, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_grading own = *g;
    own.uuid = lt_uuid_new();
    own.claim = lt_uuid_new();
    own.claimed_at = lt_now_ms();
    *ret_mine = false;
    enum lt_code rc = insert(store, &own, err);
    if (rc && rc != LT_ECONFLICT)
        return rc;
    if (LT_QUERY(store, arena, &r, err, COLUMNS "WHERE site_id = $1 AND grade_key = $2", LT_INT(g->site_id), text(g->key)) || take_one(&r, g, err))
        return lt_error_wrap(err, "grading");
    if (!lt_str_eq(g->submission_hash, own.submission_hash) || !lt_str_eq(g->user_id, own.user_id))
        return lt_fail(err, LT_EKEY_REUSED, "this submission was graded before with another text, or for another user");
    *ret_mine = rc == LT_OK;
    if (rc == LT_OK || !lt_str_is(g->state, "pending") || own.claimed_at - g->claimed_at < lease_ms)
        return LT_OK;
    return take_over(store, g, own.claim, own.claimed_at, ret_mine, err);
}

void lt_grading_complete(struct lt_tx *tx, const struct lt_grading *g)
{
    LT_TX(tx,
          "UPDATE grading SET state = $1, reason = $2, result = $3, call_id = $4, completed_at = $5"
          " WHERE id = $6 AND state = 'pending' AND claim = $7",
          text(g->state), text(g->reason), text(g->result), id_value(&g->call_id), LT_INT(g->completed_at), LT_INT(g->id), id_value(&g->claim));
    lt_tx_expect(tx, 1);
}

void lt_grading_release(struct lt_store *store, const struct lt_grading *g)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM grading WHERE id = $1 AND state = 'pending' AND claim = $2 AND staff_at = 0", LT_INT(g->id), id_value(&g->claim));
    LT_TX(tx, "UPDATE grading SET claimed_at = 0 WHERE id = $1 AND state = 'pending' AND claim = $2", LT_INT(g->id), id_value(&g->claim));
    lt_store_post(store, tx);
}

/* ---- people ---- */

static const char decision_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"selected\"],\"properties\":{"
    "\"selected\":{\"type\":\"object\",\"maxProperties\":50,\"additionalProperties\":{\"type\":\"string\",\"maxLength\":100}},"
    "\"feedback\":{\"type\":\"object\",\"maxProperties\":50,\"additionalProperties\":{\"type\":\"string\",\"maxLength\":102400}},"
    "\"overall_feedback\":{\"type\":\"string\",\"maxLength\":102400}}}";

static enum lt_code check_names(const struct lt_rubric *rubric, const struct lt_json *decision, struct lt_error *err)
{
    static const char *const members[] = {"selected", "feedback"};
    for (size_t m = 0; m < LT_COUNT(members); m++) {
        const struct lt_json *object = lt_json_get(decision, members[m]);
        for (size_t i = 0; i < lt_json_len(object); i++)
            if (!lt_rubric_criterion(rubric, lt_json_key_at(object, i)))
                return lt_fail_field(err, LT_EINVALID_INPUT, m == 0 ? "/selected" : "/feedback", "the rubric has no criterion '%.*s'",
                                     LT_FMT(lt_json_key_at(object, i)));
    }
    return LT_OK;
}

static enum lt_code put_choice(struct lt_jw *w, const struct lt_rubric_criterion *c, const struct lt_json *decision, int64_t *points, struct lt_error *err)
{
    struct lt_str name = lt_json_str(lt_json_get_str(lt_json_get(decision, "selected"), c->id));
    const struct lt_rubric_option *o = lt_rubric_option(c, name);
    if (!o && (c->options_n > 0 || name.n > 0))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/selected", "criterion '%.*s' needs one of its options", LT_FMT(c->id));
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", c->id);
    lt_jw_key(w, "option_id");
    if (o)
        lt_jw_str(w, o->id);
    else
        lt_jw_null(w);
    lt_jw_kint(w, "points", o ? o->points : 0);
    lt_jw_kstr(w, "feedback", lt_json_str_or(lt_json_get_str(lt_json_get(decision, "feedback"), c->id), LT_STR("")));
    lt_jw_end(w);
    *points += o ? o->points : 0;
    return LT_OK;
}

static enum lt_code put_decision(struct lt_jw *w, const struct lt_json *list, const struct lt_rubric *rubric, const struct lt_json *decision,
                                 struct lt_error *err)
{
    int64_t points = 0;
    lt_jw_obj(w);
    lt_jw_key(w, "criteria");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (put_choice(w, lt_rubric_criterion(rubric, lt_json_str(lt_json_get(lt_json_at(list, i), "id"))), decision, &points, err))
            return err->code;
    lt_jw_end(w);
    lt_jw_kstr(w, "overall_feedback", lt_json_str_or(lt_json_get(decision, "overall_feedback"), LT_STR("")));
    lt_jw_kint(w, "points_earned", points);
    lt_jw_kint(w, "points_possible", rubric->points_possible);
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code make_decision(struct lt_arena *arena, const struct lt_grading *g, const struct lt_json *decision, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *json;
    const struct lt_schema *schema;
    struct lt_rubric rubric;
    struct lt_buf out;
    struct lt_jw w;
    if (lt_schema_compile_text(arena, decision_schema, &schema, err) || lt_schema_check(schema, decision, err) ||
        lt_json_parse(arena, g->rubric, LT_JSON_STRICT, &json, err) || lt_rubric_read(arena, json, &rubric, err) ||
        check_names(&rubric, decision, err))
        return err->code;
    lt_buf_init(&out, RESULT_MAX);
    lt_jw_init(&w, &out);
    enum lt_code rc = put_decision(&w, lt_json_get(json, "criteria"), &rubric, decision, err);
    if (rc == LT_OK)
        *ret = lt_str_copy(arena, lt_buf_str(&out));
    if (rc == LT_OK && out.failed)
        rc = lt_fail(err, LT_ETOO_LARGE, "the decision takes more than %d bytes", RESULT_MAX);
    lt_buf_free(&out);
    return rc;
}

void lt_grading_tell(struct lt_tx *tx, const struct lt_site *site, const struct lt_grading *g, enum lt_event_kind kind)
{
    if (!lt_event_wanted(site, kind))
        return;
    char state[16];
    snprintf(state, sizeof(state), "%.*s", LT_FMT(g->state));
    lt_outbox_add(tx, &(struct lt_event){.kind = kind,
                                         .site = site,
                                         .user_id = g->user_id,
                                         .subject = lt_str(g->uuid_text),
                                         .at = kind == LT_EVENT_GRADING_DECIDED ? g->staff_at : g->completed_at,
                                         .course_id = g->course_id,
                                         .location_id = g->location_id,
                                         .state = state,
                                         .usage = LT_USAGE_UNKNOWN,
                                         .cost = -1,
                                         .duration_ms = -1});
}

enum lt_code lt_grading_override(struct lt_store *store, const struct lt_site *site, struct lt_arena *arena, struct lt_grading *g,
                                 const struct lt_json *decision, struct lt_str who,
                                 int64_t seen_ms, struct lt_error *err)
{
    int64_t now_ms = lt_now_ms(), before_ms = g->staff_at;
    if (seen_ms >= 0 && seen_ms != before_ms)
        return lt_fail(err, LT_ECONFLICT, "somebody has decided since");
    if (make_decision(arena, g, decision, &g->staff_result, err))
        return err->code;
    g->staff_user = who;
    g->staff_at = now_ms > before_ms ? now_ms : before_ms + 1;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE grading SET staff_result = $1, staff_user = $2, staff_at = $3 WHERE id = $4 AND ($5 < 0 OR staff_at = $5)", text(g->staff_result),
          text(who), LT_INT(g->staff_at), LT_INT(g->id), LT_INT(seen_ms));
    lt_tx_expect(tx, 1);
    lt_grading_tell(tx, site, g, LT_EVENT_GRADING_DECIDED);
    enum lt_code rc = lt_store_write(store, tx, err);
    return rc == LT_ECONFLICT ? lt_fail(err, LT_ECONFLICT, "somebody has decided since") : rc;
}

/* Tasks in the store: asking, finding, claiming, ending, putting back, sweeping. Each change is one unit. */
#include "workflows/task_event.h"
#include "workflows/task_private.h"

#include "base/clock.h"
#include "core/member.h"

enum { ADD_TRIES = 3, CANCEL_TRIES = 5, SWEEP_UNIT = 100, ROLES_TEXT_MAX = 128, SITE_LOCK = 1818717035 /* any number of our own */ };

static const char *const state_names[LT_TASK_STATES] = {"queued", "running", "completed", "failed", "timeout", "cancelled"};

const char *lt_task_state_name(enum lt_task_state state)
{
    return state_names[state];
}

int lt_task_state_parse(struct lt_str name)
{
    for (int i = 0; i < LT_TASK_STATES; i++)
        if (lt_str_is(name, state_names[i]))
            return i;
    return -1;
}

/* ---- reading ---- */

#define COLUMNS                                                                                                              \
    "t.id, t.uuid, t.site_id, t.user_id, t.profile_id, t.profile_slug, t.scope_id, t.course_id, t.location_id, t.action, t.state, t.attempt," \
    " t.tries, t.cancel_asked, t.message, t.fraction, t.run_id, t.code, t.detail, t.created_at, t.started_at, t.completed_at"
enum { COLUMNS_N = 22 };

static void fill(struct lt_workflow_task *t, const struct lt_rows *r, size_t i)
{
    int state = lt_task_state_parse(lt_rows_str(r, i, 10));
    struct lt_str code = lt_rows_str(r, i, 17), detail = lt_rows_str(r, i, 18);
    *t = (struct lt_workflow_task){.id = lt_rows_int(r, i, 0),
                                   .uuid_text = lt_rows_str(r, i, 1),
                                   .site_id = lt_rows_int(r, i, 2),
                                   .user_id = lt_rows_str(r, i, 3),
                                   .profile_id = lt_rows_int(r, i, 4),
                                   .profile_slug = lt_rows_str(r, i, 5),
                                   .scope_id = lt_rows_int(r, i, 6),
                                   .course_id = lt_rows_str(r, i, 7),
                                   .location_id = lt_rows_str(r, i, 8),
                                   .action = lt_rows_str(r, i, 9),
                                   .state = state < 0 ? LT_TASK_FAILED : (enum lt_task_state)state,
                                   .attempt = lt_rows_int(r, i, 11),
                                   .tries = lt_rows_int(r, i, 12),
                                   .cancel_asked = lt_rows_int(r, i, 13) != 0,
                                   .message = lt_rows_str(r, i, 14),
                                   .fraction = lt_rows_double_or(r, i, 15, -1),
                                   .run_id = lt_rows_str(r, i, 16),
                                   .created_at = lt_rows_int(r, i, 19),
                                   .started_at = lt_rows_int(r, i, 20),
                                   .completed_at = lt_rows_int(r, i, 21)};
    lt_uuid_parse(t->uuid_text, &t->uuid);
    if (code.n > 0)
        lt_fail(&t->error, lt_code_parse(code, LT_EINTERNAL), "%.*s", LT_FMT(detail));
}

enum lt_code lt_task_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str uuid, struct lt_workflow_task *ret,
                          struct lt_error *err)
{
    struct lt_rows r;
    struct lt_uuid id;
    char canonical[37];
    if (!lt_uuid_parse(uuid, &id))
        return lt_fail(err, LT_ENOT_FOUND, "there is no such task");
    lt_uuid_format(id, canonical);
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT " COLUMNS ", r.body FROM workflow_task t LEFT JOIN workflow_task_result r ON r.task_id = t.id"
                 " WHERE t.uuid = $1 AND t.site_id = $2",
                 LT_TEXTZ(canonical), LT_INT(site_id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such task");
    fill(ret, &r, 0);
    if (lt_rows_at(&r, 0, COLUMNS_N)->type != LT_V_NULL)
        ret->result = lt_rows_str(&r, 0, COLUMNS_N);
    return LT_OK;
}

/* One text for each index that can lead: an OR with "any" would read all tasks of the site. */
#define LIST(user) \
    "SELECT " COLUMNS " FROM workflow_task t WHERE t.site_id = $1 AND " user " AND (t.course_id = $3 OR $3 = '') AND (t.state = $4 OR $4 = '')" \
    " AND (t.id < $5 OR $5 = 0) ORDER BY t.id DESC LIMIT $6"

enum lt_code lt_task_list(struct lt_store *store, struct lt_arena *arena, const struct lt_task_filter *f, struct lt_workflow_task **ret,
                          size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    const struct lt_value values[] = {LT_INT(f->site_id),
                                      lt_value_text(f->user_id),
                                      lt_value_text(f->course_id),
                                      LT_TEXTZ(f->state < 0 ? "" : state_names[f->state]),
                                      LT_INT(f->before_id),
                                      LT_INT(f->limit)};
    const char *sql = f->user_id.n > 0 ? LIST("t.user_id = $2") : LIST("$2 = ''");
    if (lt_store_query(store, arena, sql, values, LT_COUNT(values), LT_TASK_LIST_MAX, &r, err))
        return err->code;
    *ret_n = r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_workflow_task, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        fill(&(*ret)[i], &r, i);
    return LT_OK;
}

/* ---- asking ---- */

/* "student,teacher": names, because the numbers of roles are the program's own. */
static struct lt_str roles_text(unsigned roles, char out[ROLES_TEXT_MAX])
{
    size_t n = 0;
    for (int i = 0; i < LT_ROLES; i++)
        if (roles & 1u << i) {
            struct lt_str name = lt_str(lt_role_name((enum lt_role)i));
            if (n > 0)
                out[n++] = ',';
            memcpy(out + n, name.p, name.n);
            n += name.n;
        }
    return (struct lt_str){out, n};
}

static unsigned roles_of(struct lt_str list)
{
    unsigned roles = 0;
    while (list.n > 0) {
        int role = lt_role_parse(lt_str_cut(&list, ','));
        roles |= role >= 0 ? 1u << role : 0;
    }
    return roles;
}

/*
 * Counting and adding are one statement: two that come at once cannot both be the last that may wait. Of PostgreSQL they may come from two
 * processes, so the site's are parted by a lock until the unit is committed.
 */
static struct lt_tx *tx_add(const struct lt_workflow_request *q, const char *uuid, struct lt_str key, const uint8_t hash[32], struct lt_str input)
{
    const struct lt_caller *c = q->caller;
    int64_t now = lt_now_ms();
    char roles[ROLES_TEXT_MAX];
    struct lt_tx *tx = lt_tx_new();
    if (lt_store_is_postgres(q->store))
        LT_TX(tx, "SELECT pg_advisory_xact_lock($1)", LT_INT((int64_t)SITE_LOCK << 32 | (c->site->id & 0xffffffff)));
    LT_TX(tx,
          "INSERT INTO workflow_task (uuid, site_id, user_id, roles, locale, only_course, is_user, key_id, policy_by_lms, profile_id, profile_slug,"
          " scope_id, course_id, location_id, ui_slot_selector_id, placement, action, idempotency_key, request_hash, no_store, state, not_before, created_at)"
          " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 'queued', $21, $22"
          " FROM meta WHERE name = 'generation' AND"
          " ($3 = '' OR (SELECT COUNT(*) FROM workflow_task WHERE state = 'queued' AND site_id = $2 AND user_id = $3) < $23) AND"
          " (SELECT COUNT(*) FROM workflow_task WHERE state = 'queued' AND site_id = $2) < $24",
          LT_TEXTZ(uuid), LT_INT(c->site->id), lt_value_text(c->user_id), LT_TEXT(roles_text(c->roles, roles)), lt_value_text(c->locale),
          lt_value_text(c->only_course), LT_INT(c->is_user), LT_INT(c->key ? c->key->id : 0), LT_INT(q->policy_by_lms), LT_INT(q->profile->id),
          lt_value_text(q->profile->slug), LT_INT(q->scope ? q->scope->id : 0), lt_value_text(q->course_id), lt_value_text(q->location_id),
          lt_value_text(q->ui_slot_selector_id), lt_value_text(q->placement), lt_value_text(q->action), lt_value_text(key), LT_BLOB(hash, 32),
          LT_INT(q->no_store), LT_INT(now), LT_INT(now), LT_INT(c->site->tasks_queued_per_user), LT_INT(c->site->tasks_queued_per_site));
    lt_tx_expect(tx, 1);
    LT_TX(tx, "INSERT INTO workflow_task_input (task_id, user_input, content, prompt) SELECT id, $1, $2, $3 FROM workflow_task WHERE uuid = $4",
          input.p ? LT_TEXT(input) : LT_NULL, lt_value_text(q->content), lt_value_text(q->prompt), LT_TEXTZ(uuid));
    lt_tx_expect(tx, 1);
    lt_task_tx_added(tx, uuid);
    return tx;
}

/* Somebody used the key before: LT_OK with the task, LT_ECONFLICT when it was for something else, LT_ENOT_FOUND. */
static enum lt_code find_key(const struct lt_workflow_request *q, struct lt_str key, const uint8_t hash[32], struct lt_workflow_task *ret,
                             struct lt_error *err)
{
    struct lt_rows r;
    int64_t site = q->caller->site->id;
    if (key.n == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no key");
    if (LT_QUERY(q->store, q->arena, &r, err,
                 "SELECT uuid, request_hash FROM workflow_task WHERE site_id = $1 AND user_id = $2 AND idempotency_key = $3 AND"
                 " idempotency_key <> ''",
                 LT_INT(site), lt_value_text(q->caller->user_id), LT_TEXT(key)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no such key");
    if (!lt_str_eq(lt_rows_str(&r, 0, 1), (struct lt_str){(const char *)hash, 32}))
        return lt_fail(err, LT_EKEY_REUSED, "this Idempotency-Key came before with another request");
    return lt_task_find(q->store, q->arena, site, lt_rows_str(&r, 0, 0), ret, err);
}

/* LT_OK when there is room (again). */
static enum lt_code check_room(const struct lt_workflow_request *q, struct lt_error *err)
{
    const struct lt_site *site = q->caller->site;
    struct lt_rows r;
    if (LT_QUERY(q->store, q->arena, &r, err,
                 "SELECT COUNT(*), COALESCE(SUM(CASE user_id WHEN $1 THEN 1 ELSE 0 END), 0) FROM workflow_task"
                 " WHERE state = 'queued' AND site_id = $2",
                 lt_value_text(q->caller->user_id), LT_INT(site->id)))
        return err->code;
    enum lt_code rc = LT_OK;
    if (q->caller->user_id.n > 0 && lt_rows_int(&r, 0, 1) >= site->tasks_queued_per_user)
        rc = lt_fail(err, LT_ERATE_LIMITED, "%d tasks of this user wait already, which is as many as may", site->tasks_queued_per_user);
    else if (lt_rows_int(&r, 0, 0) >= site->tasks_queued_per_site)
        rc = lt_fail(err, LT_ESITE_BUSY, "%d tasks of this site wait already, which is as many as may", site->tasks_queued_per_site);
    if (rc)
        err->retry_after_s = 10;
    return rc;
}

static enum lt_code check_size(const struct lt_workflow_request *q, struct lt_str *ret_input, struct lt_error *err)
{
    *ret_input = q->user_input ? lt_json_text(q->arena, q->user_input) : LT_STR_NULL;
    size_t n = ret_input->n + q->content.n + q->prompt.n;
    if (n > LT_TASK_INPUT_MAX)
        return lt_fail_field(err, LT_ETOO_LARGE, "/user_input", "input, content and prompt of a task have at most %d bytes together, these have %zu",
                             LT_TASK_INPUT_MAX, n);
    return LT_OK;
}

enum lt_code lt_task_add(const struct lt_workflow_request *q, struct lt_str key, const uint8_t hash[32], struct lt_workflow_task *ret,
                         struct lt_error *err)
{
    struct lt_str input;
    char uuid[37];
    struct lt_workflow_request veiled;
    struct lt_guard_talk *talk;
    if (lt_workflow_veil(q, &veiled, &talk, err) || lt_guard_blocked(talk, err)) /* it is kept until the task has ended */
        return err->code;
    q = &veiled;
    if (check_size(q, &input, err))
        return err->code;
    lt_uuid_format(lt_uuid_new(), uuid);
    for (int i = 0; i < ADD_TRIES; i++) {
        enum lt_code rc = lt_store_write(q->store, tx_add(q, uuid, key, hash, input), err);
        if (rc == LT_OK)
            return lt_task_find(q->store, q->arena, q->caller->site->id, lt_str(uuid), ret, err);
        if (rc != LT_ECONFLICT)
            return rc;
        rc = find_key(q, key, hash, ret, err);
        ret->again = rc == LT_OK;
        if (rc != LT_ENOT_FOUND)
            return rc;
        if (check_room(q, err))
            return err->code;
    }
    lt_fail(err, LT_ESITE_BUSY, "too many tasks come at once");
    err->retry_after_s = 1;
    return err->code;
}

/* ---- cancelling ---- */

#define DROP_INPUT "DELETE FROM workflow_task_input WHERE task_id = $1 AND EXISTS (SELECT 1 FROM workflow_task WHERE id = $1 AND completed_at > 0)"

static enum lt_code cancel_queued(struct lt_store *store, int64_t id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE workflow_task SET state = 'cancelled', code = 'cancelled', detail = '', cancel_asked = 1, completed_at = $1"
          " WHERE id = $2 AND state = 'queued'",
          LT_INT(lt_now_ms()), LT_INT(id));
    lt_tx_expect(tx, 1);
    LT_TX(tx, DROP_INPUT, LT_INT(id));
    return lt_store_write(store, tx, err);
}

static enum lt_code mark_running(struct lt_store *store, int64_t id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_task SET cancel_asked = 1 WHERE id = $1 AND state = 'running'", LT_INT(id));
    lt_tx_expect(tx, 1);
    return lt_store_write(store, tx, err);
}

static enum lt_code state_now(struct lt_store *store, int64_t id, enum lt_task_state *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT state FROM workflow_task WHERE id = $1", LT_INT(id));
    if (rc == LT_OK && r.rows == 0)
        rc = lt_fail(err, LT_ENOT_FOUND, "there is no such task");
    if (rc == LT_OK)
        *ret = (enum lt_task_state)lt_task_state_parse(lt_rows_str(&r, 0, 0));
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_task_cancel(struct lt_store *store, const struct lt_workflow_task *task, enum lt_task_state *ret, struct lt_error *err)
{
    for (int i = 0; i < CANCEL_TRIES; i++) { /* it may go from waiting to running and back meanwhile */
        *ret = LT_TASK_CANCELLED;
        enum lt_code rc = cancel_queued(store, task->id, err);
        if (rc == LT_ECONFLICT) {
            *ret = LT_TASK_RUNNING;
            rc = mark_running(store, task->id, err);
        }
        if (rc != LT_ECONFLICT)
            return rc;
        if (state_now(store, task->id, ret, err))
            return err->code;
        if (lt_task_ended(*ret))
            return LT_OK;
    }
    return lt_fail(err, LT_ECONFLICT, "the task changes too fast to be cancelled");
}

/* ---- claiming ---- */

/*
 * Whose turn it is: a user's second task stands behind the first ones of all others of the site, a site's behind those of all other sites,
 * and whoever has tasks running already stands back by so many places.
 */
#define WAITING                                                                                                              \
    "(SELECT q.id, q.attempt, q.not_before, COALESCE(s.n, 0) + ROW_NUMBER() OVER"                                           \
    " (PARTITION BY q.site_id ORDER BY q.turn, q.not_before, q.id) AS turn FROM"                                             \
    " (SELECT t.id, t.attempt, t.not_before, t.site_id, COALESCE(u.n, 0) + ROW_NUMBER() OVER"                                \
    " (PARTITION BY t.site_id, t.user_id ORDER BY t.not_before, t.id) AS turn FROM workflow_task t LEFT JOIN"                \
    " (SELECT site_id, user_id, COUNT(*) AS n FROM workflow_task WHERE state = 'running' GROUP BY site_id, user_id) u"       \
    " ON u.site_id = t.site_id AND u.user_id = t.user_id WHERE t.state = 'queued' AND t.not_before <= $1) q LEFT JOIN"       \
    " (SELECT site_id, COUNT(*) AS n FROM workflow_task WHERE state = 'running' GROUP BY site_id) s ON s.site_id = q.site_id) w"
static const char waiting_sql[] = "SELECT w.id, w.attempt FROM " WAITING " ORDER BY w.turn, w.not_before, w.id LIMIT $2";

enum lt_code lt_task_waiting(struct lt_store *store, struct lt_arena *arena, int64_t now_ms, int max, struct lt_task_ref **ret, size_t *ret_n,
                             struct lt_error *err)
{
    struct lt_rows r;
    const struct lt_value values[] = {LT_INT(now_ms), LT_INT(max)};
    if (lt_store_query(store, arena, waiting_sql, values, LT_COUNT(values), (size_t)max, &r, err))
        return err->code;
    *ret_n = r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_task_ref, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_task_ref){lt_rows_int(&r, i, 0), lt_rows_int(&r, i, 1)};
    return LT_OK;
}

enum lt_code lt_task_claim(struct lt_store *store, struct lt_task_ref *ref, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE workflow_task SET state = 'running', attempt = attempt + 1, message = '', fraction = NULL,"
          " started_at = CASE started_at WHEN 0 THEN $1 ELSE started_at END, process = $2"
          " WHERE id = $3 AND state = 'queued' AND attempt = $4",
          LT_INT(lt_now_ms()), lt_store_process_value(store), LT_INT(ref->id), LT_INT(ref->attempt));
    lt_tx_expect(tx, 1);
    lt_task_tx_state(tx, ref->id);
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc == LT_OK)
        ref->attempt++;
    return rc;
}

/*
 * PostgreSQL only: what another process is claiming is passed over and not waited for. The list is an array, so that it is made once.
 */
static const char claim_sql[] =
    "UPDATE workflow_task SET state = 'running', attempt = attempt + 1, message = '', fraction = NULL,"
    " started_at = CASE started_at WHEN 0 THEN $1 ELSE started_at END, process = $2, claim = $3 WHERE state = 'queued' AND id = ANY(ARRAY("
    "SELECT t.id FROM workflow_task t JOIN " WAITING " ON w.id = t.id WHERE t.state = 'queued' ORDER BY w.turn, w.not_before, w.id LIMIT $4"
    " FOR UPDATE OF t SKIP LOCKED))";

enum lt_code lt_task_claim_some(struct lt_store *store, const char *claim, int64_t now_ms, int max, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, claim_sql, LT_INT(now_ms), lt_store_process_value(store), LT_TEXTZ(claim), LT_INT(max));
    lt_task_tx_claimed(tx, claim);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_task_claimed(struct lt_store *store, struct lt_arena *arena, const char *claim, struct lt_task_ref **ret, size_t *ret_n,
                             struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT id, attempt FROM workflow_task WHERE state = 'running' AND claim = $1", LT_TEXTZ(claim)))
        return err->code;
    *ret_n = r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_task_ref, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_task_ref){lt_rows_int(&r, i, 0), lt_rows_int(&r, i, 1)};
    return LT_OK;
}

void lt_task_post_back(struct lt_store *store, const struct lt_task_ref *ref, int64_t not_before)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_task SET state = 'queued', not_before = $1 WHERE id = $2 AND state = 'running' AND attempt = $3", LT_INT(not_before),
          LT_INT(ref->id), LT_INT(ref->attempt));
    lt_task_tx_state(tx, ref->id);
    lt_store_post(store, tx);
}

enum lt_code lt_task_load(struct lt_store *store, struct lt_arena *arena, int64_t id, struct lt_task_order *ret, struct lt_error *err)
{
    struct lt_rows r;
    enum { OWN = COLUMNS_N };
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT " COLUMNS ", t.roles, t.locale, t.only_course, t.is_user, t.key_id, t.policy_by_lms, t.ui_slot_selector_id, t.placement,"
                 " i.user_input, i.content, (SELECT MAX(e.number) FROM workflow_task_event e WHERE e.task_id = t.id), i.prompt, t.no_store"
                 " FROM workflow_task t JOIN workflow_task_input i ON i.task_id = t.id WHERE t.id = $1",
                 LT_INT(id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "the task, or its input, has gone");
    *ret = (struct lt_task_order){.key_id = lt_rows_int(&r, 0, OWN + 4),
                                  .policy_by_lms = lt_rows_int(&r, 0, OWN + 5) != 0,
                                  .ui_slot_selector_id = lt_rows_str(&r, 0, OWN + 6),
                                  .placement = lt_rows_str(&r, 0, OWN + 7),
                                  .content = lt_rows_str(&r, 0, OWN + 9),
                                  .events = lt_rows_int(&r, 0, OWN + 10),
                                  .prompt = lt_rows_str(&r, 0, OWN + 11),
                                  .no_store = lt_rows_int(&r, 0, OWN + 12) != 0};
    fill(&ret->task, &r, 0);
    ret->caller = (struct lt_caller){.user_id = ret->task.user_id,
                                     .roles = roles_of(lt_rows_str(&r, 0, OWN)),
                                     .locale = lt_rows_str(&r, 0, OWN + 1),
                                     .only_course = lt_rows_str(&r, 0, OWN + 2),
                                     .is_user = lt_rows_int(&r, 0, OWN + 3) != 0};
    if (lt_rows_at(&r, 0, OWN + 8)->type == LT_V_NULL)
        return LT_OK;
    return lt_json_parse(arena, lt_rows_str(&r, 0, OWN + 8), LT_JSON_STRICT, &ret->user_input, err);
}

/* ---- how far it is, and its end ---- */

void lt_task_post_progress(struct lt_store *store, const struct lt_task_ref *ref, const struct lt_progress *p)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_task SET message = $1, fraction = $2 WHERE id = $3 AND state = 'running' AND attempt = $4", LT_TEXTZ(p->message),
          lt_value_known_double(p->fraction), LT_INT(ref->id), LT_INT(ref->attempt));
    lt_task_tx_progress(tx, ref, p);
    lt_store_post(store, tx);
}

/* The statement that only the attempt which has the task can bring about. */
static void tx_end(struct lt_tx *tx, const struct lt_task_ref *ref, const struct lt_task_end *e)
{
    const char *code = e->error->code == LT_OK ? "" : lt_code_name(e->error->code), *detail = e->store_content ? e->error->detail : "";
    if (e->state == LT_TASK_QUEUED)
        LT_TX(tx,
              "UPDATE workflow_task SET state = CASE cancel_asked WHEN 1 THEN 'cancelled' ELSE 'queued' END,"
              " code = CASE cancel_asked WHEN 1 THEN 'cancelled' ELSE $1 END, detail = $2,"
              " completed_at = CASE cancel_asked WHEN 1 THEN $3 ELSE 0 END, not_before = $4, tries = tries + $5, message = $6, fraction = $7,"
              " run_id = $8 WHERE id = $9 AND state = 'running' AND attempt = $10",
              LT_TEXTZ(code), LT_TEXTZ(detail), LT_INT(lt_now_ms()), LT_INT(e->not_before), LT_INT(e->failed_try), LT_TEXTZ(e->progress->message),
              lt_value_known_double(e->progress->fraction), lt_value_text(e->run_id), LT_INT(ref->id), LT_INT(ref->attempt));
    else
        LT_TX(tx,
              "UPDATE workflow_task SET state = $1, code = $2, detail = $3, completed_at = $4, tries = tries + $5, message = $6, fraction = $7,"
              " run_id = $8 WHERE id = $9 AND state = 'running' AND attempt = $10",
              LT_TEXTZ(state_names[e->state]), LT_TEXTZ(code), LT_TEXTZ(detail), LT_INT(lt_now_ms()), LT_INT(e->failed_try),
              LT_TEXTZ(e->progress->message), lt_value_known_double(e->progress->fraction), lt_value_text(e->run_id), LT_INT(ref->id),
              LT_INT(ref->attempt));
}

void lt_task_tx_finish(struct lt_tx *tx, const struct lt_task_ref *ref, const struct lt_task_end *end)
{
    tx_end(tx, ref, end);
    lt_tx_expect(tx, 1);
    if (end->state == LT_TASK_COMPLETED) {
        LT_TX(tx, "INSERT INTO workflow_task_result (task_id, body, created_at) VALUES ($1, $2, $3)", LT_INT(ref->id), LT_TEXT(end->result),
              LT_INT(lt_now_ms()));
        lt_tx_expect(tx, 1);
    }
    lt_task_tx_state(tx, ref->id);
    LT_TX(tx, DROP_INPUT, LT_INT(ref->id));
}

enum lt_code lt_task_finish(struct lt_store *store, const struct lt_task_ref *ref, const struct lt_task_end *end, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    lt_task_tx_finish(tx, ref, end);
    return lt_store_write(store, tx, err);
}

void lt_task_post_finish(struct lt_store *store, const struct lt_task_ref *ref, const struct lt_task_end *end)
{
    struct lt_tx *tx = lt_tx_new();
    tx_end(tx, ref, end);
    LT_TX(tx, DROP_INPUT, LT_INT(ref->id));
    lt_store_post(store, tx);
}

enum lt_code lt_task_look(struct lt_store *store, struct lt_arena *arena, int max, int64_t **ret_cancel, size_t *ret_n, int64_t *ret_queued,
                          struct lt_error *err)
{
    struct lt_rows r, queued;
    if (LT_QUERY(store, arena, &r, err, "SELECT id FROM workflow_task WHERE state = 'running' AND cancel_asked = 1 AND COALESCE(process, 0) = $1 LIMIT $2",
                 LT_INT(lt_store_process(store)), LT_INT(max)) ||
        LT_QUERY(store, arena, &queued, err, "SELECT COUNT(*) FROM workflow_task WHERE state = 'queued'"))
        return err->code;
    *ret_n = r.rows;
    *ret_cancel = LT_NEW_ARRAY(arena, int64_t, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret_cancel)[i] = lt_rows_int(&r, i, 0);
    *ret_queued = lt_rows_int(&queued, 0, 0);
    return LT_OK;
}

/* ---- start-up and sweeping ---- */

#define RUNNING_OF(n) " WHERE state = 'running' AND " LT_MEMBER_SCOPE("workflow_task", n)

static enum lt_code count_running(struct lt_store *store, int64_t process, size_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT COUNT(*) FROM workflow_task" RUNNING_OF("$1"), LT_INT(process));
    *ret = rc == LT_OK ? (size_t)lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_task_recover(struct lt_store *store, int64_t process, size_t *ret_n, struct lt_error *err)
{
    int64_t now = lt_now_ms();
    if (count_running(store, process, ret_n, err))
        return err->code;
    if (*ret_n == 0)
        return LT_OK;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_task SET state = 'cancelled', code = 'cancelled', completed_at = $1" RUNNING_OF("$2") " AND cancel_asked = 1",
          LT_INT(now), LT_INT(process));
    LT_TX(tx,
          "UPDATE workflow_task SET state = 'failed', code = 'interrupted', detail = 'the process ended before the task did, time and again',"
          " tries = tries + 1, completed_at = $1" RUNNING_OF("$2") " AND tries + 1 >= $3",
          LT_INT(now), LT_INT(process), LT_INT(LT_TASK_TRIES_MAX));
    lt_task_tx_all_queued(tx, process);
    LT_TX(tx, "UPDATE workflow_task SET state = 'queued', tries = tries + 1, not_before = $1" RUNNING_OF("$2"), LT_INT(now), LT_INT(process));
    LT_TX(tx, "DELETE FROM workflow_task_input WHERE EXISTS (SELECT 1 FROM workflow_task t WHERE t.id = task_id AND t.completed_at > $1)", LT_INT(0));
    return lt_store_write(store, tx, err);
}

static enum lt_code sweep_ended(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, int64_t now_ms, int max, size_t *ret_n,
                                struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT id FROM workflow_task WHERE site_id = $1 AND completed_at > 0 AND completed_at < $2 ORDER BY completed_at LIMIT $3",
                 LT_INT(site->id), LT_INT(now_ms - site->task_kept_s * 1000), LT_INT(max)))
        return err->code;
    *ret_n = r.rows;
    if (r.rows == 0)
        return LT_OK;
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_value id = LT_INT(lt_rows_int(&r, i, 0));
        LT_TX(tx, "DELETE FROM workflow_task_input WHERE task_id = $1", id);
        LT_TX(tx, "DELETE FROM workflow_task_result WHERE task_id = $1", id);
        lt_task_tx_forget(tx, id.i);
        LT_TX(tx, "DELETE FROM workflow_task WHERE id = $1", id);
    }
    return lt_store_write(store, tx, err);
}

/* Results of a site that keeps no content. */
static enum lt_code sweep_results(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, int64_t now_ms, int max, size_t *ret_n,
                                  struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT r.task_id FROM workflow_task t JOIN workflow_task_result r ON r.task_id = t.id WHERE t.site_id = $1 AND"
                 " t.completed_at > 0 AND t.completed_at < $2 LIMIT $3",
                 LT_INT(site->id), LT_INT(now_ms - LT_TASK_BRIEF_MS), LT_INT(max)))
        return err->code;
    *ret_n = r.rows;
    if (r.rows == 0)
        return LT_OK;
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < r.rows; i++)
        LT_TX(tx, "DELETE FROM workflow_task_result WHERE task_id = $1", LT_INT(lt_rows_int(&r, i, 0)));
    return lt_store_write(store, tx, err);
}

enum lt_code lt_task_sweep(struct lt_store *store, const struct lt_config *config, int64_t now_ms, int max, bool *ret_more, struct lt_error *err)
{
    int unit = max < SWEEP_UNIT ? max : SWEEP_UNIT, left = max;
    enum lt_code rc = LT_OK;
    *ret_more = false;
    for (size_t i = 0; rc == LT_OK && i < config->sites_n && left > 0; i++) {
        const struct lt_site *site = &config->sites[i];
        size_t n = (size_t)unit;
        while (rc == LT_OK && n == (size_t)unit && left > 0) {
            struct lt_arena *arena = lt_arena_new();
            size_t results = 0;
            rc = sweep_ended(store, arena, site, now_ms, unit, &n, err);
            if (rc == LT_OK && !site->store_content)
                rc = sweep_results(store, arena, site, now_ms, unit, &results, err);
            n = n > results ? n : results;
            left -= (int)n;
            lt_arena_free(arena);
        }
    }
    *ret_more = left <= 0;
    return rc;
}

/* ---- what becomes of an attempt ---- */

static int64_t backoff_ms(int64_t tries, int retry_after_s)
{
    int64_t ms = LT_TASK_BACKOFF_MS;
    for (int64_t i = 0; i < tries && ms < LT_TASK_BACKOFF_MAX_MS; i++)
        ms *= 4;
    if ((int64_t)retry_after_s * 1000 > ms)
        ms = (int64_t)retry_after_s * 1000;
    return ms < LT_TASK_BACKOFF_MAX_MS ? ms : LT_TASK_BACKOFF_MAX_MS;
}

void lt_task_decide(enum lt_task_break broken, const struct lt_error *error, bool kept, int64_t tries, int64_t now_ms, struct lt_task_end *ret,
                    struct lt_error *ret_why)
{
    *ret_why = *error;
    ret->error = ret_why;
    ret->failed_try = false;
    ret->not_before = now_ms;
    if (error->code == LT_OK) { /* what is there is kept, even if somebody wanted it to end in the last moment */
        ret->state = LT_TASK_COMPLETED;
    } else if (broken == LT_TASK_TOO_LONG) {
        ret->state = LT_TASK_TIMEOUT;
        lt_fail(ret_why, LT_ETIMEOUT, "the task took longer than a task may");
    } else if (broken == LT_TASK_STOPPING) {
        ret->state = LT_TASK_QUEUED;
    } else if (error->code == LT_ESTOPPED) { /* whoever asked may ask again when the stop is lifted */
        ret->state = LT_TASK_CANCELLED;
    } else if (broken == LT_TASK_ASKED || error->code == LT_ECANCELLED) {
        ret->state = LT_TASK_CANCELLED;
        lt_fail(ret_why, LT_ECANCELLED, "cancelled");
    } else {
        ret->failed_try = lt_code_retryable(error->code) && !kept;
        ret->state = ret->failed_try && tries + 1 < LT_TASK_TRIES_MAX ? LT_TASK_QUEUED : LT_TASK_FAILED;
        ret->not_before = now_ms + backoff_ms(tries, error->retry_after_s);
    }
}

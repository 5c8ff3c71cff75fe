/* Events of tasks in the store. Numbers are given by the statement that adds, inside the unit that changes the task. */
#include "workflows/task_event.h"

#include "core/member.h"

#define NEXT "COALESCE((SELECT MAX(e.number) FROM workflow_task_event e WHERE e.task_id = t.id), 0) + 1"
#define ADD "INSERT INTO workflow_task_event (task_id, number, kind, state, text, fraction) SELECT t.id, " NEXT ", "

/* ---- adding ---- */

void lt_task_tx_added(struct lt_tx *tx, const char *uuid)
{
    LT_TX(tx, ADD "'status', t.state, '', NULL FROM workflow_task t WHERE t.uuid = $1", LT_TEXTZ(uuid));
}

void lt_task_tx_state(struct lt_tx *tx, int64_t task_id)
{
    LT_TX(tx, ADD "'status', t.state, '', NULL FROM workflow_task t WHERE t.id = $1 AND t.completed_at = 0", LT_INT(task_id));
}

void lt_task_tx_claimed(struct lt_tx *tx, const char *claim)
{
    LT_TX(tx, ADD "'status', t.state, '', NULL FROM workflow_task t WHERE t.state = 'running' AND t.claim = $1", LT_TEXTZ(claim));
}

void lt_task_tx_all_queued(struct lt_tx *tx, int64_t process)
{
    LT_TX(tx, ADD "'status', 'queued', '', NULL FROM workflow_task t WHERE t.state = $1 AND " LT_MEMBER_SCOPE("t", "$2"), LT_TEXTZ("running"),
          LT_INT(process));
}

#define OF_ATTEMPT " FROM workflow_task t WHERE t.id = $3 AND t.state = 'running' AND t.attempt = $4 AND " NEXT " <= $5"

void lt_task_tx_progress(struct lt_tx *tx, const struct lt_task_ref *ref, const struct lt_progress *p)
{
    LT_TX(tx, ADD "'status', 'running', $1, $2" OF_ATTEMPT, LT_TEXTZ(p->message), lt_value_known_double(p->fraction), LT_INT(ref->id),
          LT_INT(ref->attempt), LT_INT(LT_TASK_EVENTS_MAX));
}

void lt_task_post_tool(struct lt_store *store, const struct lt_task_ref *ref, const char *name, const char *state)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, ADD "'tool', $1, $2, NULL" OF_ATTEMPT, LT_TEXTZ(state), LT_TEXTZ(name), LT_INT(ref->id), LT_INT(ref->attempt),
          LT_INT(LT_TASK_EVENTS_MAX));
    lt_store_post(store, tx);
}

void lt_task_tx_forget(struct lt_tx *tx, int64_t task_id)
{
    LT_TX(tx, "DELETE FROM workflow_task_event WHERE task_id = $1", LT_INT(task_id));
}

/* ---- reading ---- */

enum lt_code lt_task_events(struct lt_store *store, struct lt_arena *arena, int64_t task_id, int64_t after, int max, struct lt_task_event **ret,
                            size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT number, kind, state, text, fraction FROM workflow_task_event WHERE task_id = $1 AND number > $2 ORDER BY number LIMIT $3",
                 LT_INT(task_id), LT_INT(after), LT_INT(max)))
        return err->code;
    *ret = LT_NEW_ARRAY(arena, struct lt_task_event, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++) {
        (*ret)[i] = (struct lt_task_event){.number = lt_rows_int(&r, i, 0),
                                           .is_tool = lt_str_is(lt_rows_str(&r, i, 1), "tool"),
                                           .state = lt_rows_str(&r, i, 2),
                                           .text = lt_rows_str(&r, i, 3),
                                           .fraction = lt_rows_double_or(&r, i, 4, -1)};
    }
    return LT_OK;
}

enum lt_code lt_task_last_event(struct lt_store *store, int64_t task_id, int64_t *ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT COALESCE(MAX(number), 0) FROM workflow_task_event WHERE task_id = $1", LT_INT(task_id));
    if (rc == LT_OK)
        *ret = lt_rows_int(&r, 0, 0);
    lt_arena_free(arena);
    return rc;
}

/* A task as JSON, for the API and the command line. */
#include "workflows/task.h"
#include "workflows/workflow_private.h"

/* What was said last before the end would sound as if it went on. */
static void put_progress(struct lt_jw *w, const struct lt_workflow_task *t)
{
    bool completed = t->state == LT_TASK_COMPLETED;
    double fraction = completed ? 1 : t->fraction;
    lt_jw_key(w, "progress");
    lt_jw_obj(w);
    lt_jw_kstr(w, "message", completed ? LT_STR("Done.") : t->message);
    if (fraction >= 0) {
        lt_jw_key(w, "fraction");
        lt_jw_double(w, fraction);
    }
    lt_jw_end(w);
}

static void put_error(struct lt_jw *w, const struct lt_workflow_task *t, const char *detail)
{
    lt_jw_key(w, "error");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "code", lt_code_name(t->error.code));
    lt_jw_kstrz(w, "title", lt_code_text(t->error.code));
    lt_jw_kstrz(w, "detail", detail);
    lt_jw_end(w);
}

void lt_task_write(struct lt_jw *w, const struct lt_workflow_task *t, const char *detail)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", t->uuid_text);
    lt_jw_kint(w, "number", t->id);
    lt_jw_kstrz(w, "state", lt_task_state_name(t->state));
    put_progress(w, t);
    lt_jw_kstr(w, "user_id", t->user_id);
    lt_jw_kstr(w, "profile", t->profile_slug);
    lt_jw_key(w, "scope_id");
    if (t->scope_id > 0)
        lt_jw_int(w, t->scope_id);
    else
        lt_jw_null(w);
    lt_jw_kstr_nonempty(w, "course_id", t->course_id);
    lt_jw_kstr_nonempty(w, "location_id", t->location_id);
    lt_jw_kstr(w, "action", t->action);
    lt_jw_kint(w, "attempt", t->attempt);
    lt_jw_ktime(w, "created_at", t->created_at);
    lt_jw_ktime(w, "started_at", t->started_at);
    lt_jw_ktime(w, "completed_at", t->completed_at);
    if (t->result.p) {
        lt_jw_key(w, "result");
        lt_jw_raw(w, t->result);
    }
    if (t->error.code && lt_task_ended(t->state))
        put_error(w, t, detail);
    lt_jw_end(w);
}

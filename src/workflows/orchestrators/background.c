/* run_async and get_run_status: what a session asked for in the background, for clients that come back and ask. */
#include "base/secret.h"
#include "workflows/orchestrator.h"
#include "workflows/session.h"
#include "workflows/task_queue.h"

#define MEMBER "task_id" /* of the session's metadata */

static enum lt_code session_key(const struct lt_workflow_run *run, struct lt_session_key *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    if (q->caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user", "what runs in the background is one user's: name the user");
    *ret = (struct lt_session_key){.site_id = q->caller->site->id,
                                   .user_id = q->caller->user_id,
                                   .scope_id = q->scope ? q->scope->id : 0,
                                   .profile_id = q->profile->id,
                                   .course_id = q->course_id,
                                   .location_id = run->orchestrator->session_per_course ? LT_STR("") : q->location_id};
    return LT_OK;
}

static void answer_processing(struct lt_jw *w, const struct lt_workflow_task *task, struct lt_str message)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "status", "processing");
    lt_jw_kstr(w, "task_id", task->uuid_text);
    lt_jw_kstr(w, "message", message.n > 0 ? message : LT_STR("It is being worked on."));
    lt_jw_end(w);
}

static enum lt_code remember(struct lt_workflow_run *run, const struct lt_session *session, const struct lt_workflow_task *task, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    const struct lt_json *patch;
    if (lt_json_parse(q->arena, lt_printf(q->arena, "{\"" MEMBER "\":\"%.*s\"}", LT_FMT(task->uuid_text)), LT_JSON_STRICT, &patch, err))
        return err->code;
    return lt_session_merge_metadata(q->store, session, patch, err);
}

enum lt_code lt_background_run(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_workflow_request request = *run->request;
    struct lt_session_key key;
    struct lt_session session;
    struct lt_workflow_task task;
    static const uint8_t no_hash[32];
    request.action = LT_STR("run");
    if (session_key(run, &key, err) || lt_workflow_runnable(&request, err) || lt_session_open(request.store, request.arena, &key, &session, err) ||
        lt_task_add(&request, LT_STR(""), no_hash, &task, err) || remember(run, &session, &task, err))
        return err->code;
    lt_task_queue_wake(request.tasks);
    run->result->session_id = session.id;
    run->result->session_uuid = session.uuid;
    lt_run_start(run);
    answer_processing(response, &task, LT_STR(""));
    return LT_OK;
}

/* ---- how it is ---- */

/* The session's task; LT_ENOT_FOUND: there is none, or it is no longer kept. */
static enum lt_code latest(struct lt_workflow_run *run, struct lt_workflow_task *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_session_key key;
    struct lt_session session;
    const struct lt_json *metadata;
    if (session_key(run, &key, err) || lt_session_lookup(q->store, q->arena, &key, &session, err))
        return err->code;
    run->result->session_id = session.id;
    run->result->session_uuid = session.uuid;
    if (lt_json_parse(q->arena, session.metadata, LT_JSON_STRICT, &metadata, err))
        return err->code;
    return lt_task_find(q->store, q->arena, key.site_id, lt_json_str_or(lt_json_get(metadata, MEMBER), LT_STR("")), ret, err);
}

static void answer_status(struct lt_jw *w, const char *status, const char *error)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "status", status);
    if (error)
        lt_jw_kstrz(w, "error", error);
    lt_jw_end(w);
}

/* What `run` answered: the member of the task's result. */
static enum lt_code answer_result(struct lt_workflow_run *run, struct lt_jw *w, const struct lt_workflow_task *task, struct lt_error *err)
{
    const struct lt_json *result;
    if (!task->result.p) {
        answer_status(w, "idle", NULL);
        return LT_OK;
    }
    if (lt_json_parse(run->request->arena, task->result, LT_JSON_STRICT, &result, err))
        return err->code;
    lt_jw_json(w, lt_json_get(result, "response"));
    return LT_OK;
}

enum lt_code lt_background_status(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_workflow_task task;
    struct lt_progress now;
    enum lt_code rc = latest(run, &task, err);
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    lt_run_start(run);
    if (rc) {
        answer_status(response, "idle", NULL);
        return LT_OK;
    }
    if (task.state == LT_TASK_COMPLETED)
        return answer_result(run, response, &task, err);
    if (lt_task_ended(task.state))
        answer_status(response, task.state == LT_TASK_TIMEOUT ? "timeout" : "error", lt_code_text(task.error.code));
    else
        answer_processing(response, &task,
                          lt_task_queue_progress(run->request->tasks, task.id, &now) ? lt_str(now.message) : task.message);
    return LT_OK;
}

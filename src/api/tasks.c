/*
 * /v1/tasks: workflows that run in the background. A user sees their own; who may manage workflows, and a back end that names nobody, all of
 * the site. What is another's is not there.
 */
#include "api/tasks.h"

#include "api/idempotency.h"
#include "workflows/task_event.h"
#include "workflows/task_queue.h"

enum {
    LIST_DEFAULT = 50,
    LOOK_MS = 250,                     /* how often a follower asks whether there is news of a task that this process runs */
    LOOK_STORED_MS = 1000,             /* and how often it looks at one that waits, or that another process runs */
    LOOK_MAX = 200,                    /* events at once */
    COMMENT_MS = 15 * 1000,
    FOLLOW_MAX_MS = 3600 * 1000,       /* then the client has to come again */
};

static struct lt_task_queue *queue_of(const struct lt_request *r)
{
    return r->api->options.tasks;
}

static bool sees_all(const struct lt_request *r)
{
    return lt_permitted(&r->caller, "manage_workflows", LT_STR_NULL) || (r->caller.key && r->caller.user_id.n == 0);
}

static enum lt_code find_in(struct lt_request *r, struct lt_arena *arena, struct lt_workflow_task *ret, struct lt_error *err)
{
    struct lt_str only = r->caller.only_course;
    if (lt_task_find(r->api->options.store, arena, r->caller.site->id, r->params[0], ret, err))
        return err->code;
    bool visible = sees_all(r) || lt_str_eq(ret->user_id, r->caller.user_id);
    if (!visible || (only.n > 0 && !lt_str_eq(only, ret->course_id)))
        return lt_fail(err, LT_ENOT_FOUND, "there is no such task");
    return LT_OK;
}

/* The store is up to half a second behind. */
static void newest_progress(struct lt_request *r, struct lt_workflow_task *task)
{
    struct lt_progress *now = LT_NEW(r->arena, struct lt_progress);
    if (task->state != LT_TASK_RUNNING || !lt_task_queue_progress(queue_of(r), task->id, now))
        return;
    task->message = lt_str(now->message);
    task->fraction = now->fraction;
}

/* ---- asking ---- */

static void reply_accepted(struct lt_request *r, const struct lt_workflow_task *task)
{
    struct lt_buf body;
    struct lt_jw w;
    lt_buf_init(&body, 1024);
    lt_jw_init(&w, &body);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "task_id", task->uuid_text);
    lt_jw_kstrz(&w, "state", lt_task_state_name(task->state));
    lt_jw_end(&w);
    const struct lt_http_field fields[] = {{LT_STR("Location"), lt_printf(r->arena, "/v1/tasks/%.*s", LT_FMT(task->uuid_text))},
                                           {LT_STR("Idempotent-Replayed"), LT_STR("true")}};
    lt_reply(r, 202, "application/json", NULL, fields, task->again ? 2 : 1, lt_buf_str(&body));
    lt_buf_free(&body);
}

void lt_reply_task(struct lt_request *r, const struct lt_workflow_request *q)
{
    struct lt_error err;
    struct lt_workflow_task task;
    struct lt_str key;
    uint8_t hash[32];
    lt_idempotency_hash(r, hash);
    if (lt_idempotency_key(r, &key, &err) || lt_workflow_runnable(q, &err) || lt_task_add(q, key, hash, &task, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_task_queue_wake(queue_of(r));
    reply_accepted(r, &task);
}

/* ---- looking ---- */

void lt_get_task(struct lt_request *r)
{
    struct lt_error err;
    struct lt_workflow_task task;
    if (find_in(r, r->arena, &task, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    newest_progress(r, &task);
    lt_task_write(lt_json_begin(&j), &task, lt_problem_detail(r, &task.error));
    lt_json_end_for(r, 200, &j, task.user_id);
}

static enum lt_code read_filter(struct lt_request *r, struct lt_task_filter *ret, struct lt_error *err)
{
    struct lt_str user = lt_query(r, "user"), state = lt_query(r, "state"); /* `user_id` says who asks */
    *ret = (struct lt_task_filter){.site_id = r->caller.site->id, .course_id = r->caller.only_course, .state = -1};
    ret->user_id = r->caller.is_user && sees_all(r) ? user : r->caller.user_id.n > 0 ? r->caller.user_id : user;
    if (state.n > 0 && (ret->state = lt_task_state_parse(state)) < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/state", "must be queued, running, completed, failed, timeout or cancelled");
    if (lt_query_cursor(r, "before", &ret->before_id, err))
        return err->code;
    return lt_query_limit(r, LIST_DEFAULT, LT_TASK_LIST_MAX, &ret->limit, err);
}

void lt_get_tasks(struct lt_request *r)
{
    struct lt_error err;
    struct lt_task_filter filter;
    struct lt_workflow_task *tasks;
    size_t n;
    if (read_filter(r, &filter, &err) || lt_task_list(r->api->options.store, r->arena, &filter, &tasks, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "tasks");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        newest_progress(r, &tasks[i]);
        lt_task_write(w, &tasks[i], lt_problem_detail(r, &tasks[i].error));
    }
    lt_jw_end(w);
    lt_jw_next(w, n == (size_t)filter.limit, n > 0 ? tasks[n - 1].id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* Idempotent: cancelling what has ended already is no error, the answer says which it was. */
void lt_delete_task(struct lt_request *r)
{
    struct lt_error err;
    struct lt_workflow_task task;
    enum lt_task_state state = LT_TASK_FAILED;
    if (find_in(r, r->arena, &task, &err) || lt_task_cancel(r->api->options.store, &task, &state, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (state == LT_TASK_RUNNING)
        lt_task_queue_cancel(queue_of(r), task.id);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", task.uuid_text);
    lt_jw_kbool(w, "cancelled", !lt_task_ended(task.state) && (state == LT_TASK_RUNNING || state == LT_TASK_CANCELLED));
    lt_jw_kstrz(w, "state", state == LT_TASK_RUNNING ? "cancelling" : lt_task_state_name(state));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- following ---- */

struct follow {
    struct lt_request *r;
    int64_t id;                        /* number of the task */
    int64_t after;                     /* number of the event that the client has seen last */
    struct lt_buf out, data;           /* frames to send; one event's data */
    uint64_t quiet_since_ms;
};

static void put_event(struct follow *f, const char *type, int64_t number)
{
    if (!f->data.failed)
        lt_sse_write(&f->out, type, (uint64_t)number, lt_buf_str(&f->data));
    lt_buf_reset(&f->data);
    f->after = number;
}

static void tell(struct follow *f, const struct lt_task_event *e)
{
    struct lt_jw w;
    lt_jw_init(&w, &f->data);
    lt_jw_obj(&w);
    if (e->is_tool)
        lt_jw_kstr(&w, "name", e->text);
    lt_jw_kstr(&w, "state", e->state);
    if (!e->is_tool)
        lt_jw_kstr(&w, "message", e->text);
    if (e->fraction >= 0) {
        lt_jw_key(&w, "fraction");
        lt_jw_double(&w, e->fraction);
    }
    lt_jw_end(&w);
    put_event(f, e->is_tool ? "tool" : "status", e->number);
}

/* Its number is the next one, because nothing comes behind it. */
static void tell_end(struct follow *f, const struct lt_workflow_task *task)
{
    struct lt_jw w;
    bool completed = task->state == LT_TASK_COMPLETED;
    lt_jw_init(&w, &f->data);
    if (completed)
        lt_task_write(&w, task, "");
    else
        lt_problem_write(f->r, &w, &task->error, task->uuid_text.p);
    lt_restore_for(f->r, &f->data, task->user_id);
    put_event(f, completed ? "done" : "error", f->after + 1);
}

/* What is new in the store. The task is looked at first: when it had ended then, no event comes later. *ret_over: that was its last one,
 * or nobody will work on it here any more. */
static enum lt_code look(struct follow *f, bool *ret_over, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_workflow_task task;
    struct lt_task_event *events;
    size_t n = 0;
    enum lt_code rc = find_in(f->r, arena, &task, err);
    if (rc == LT_OK)
        rc = lt_task_events(f->r->api->options.store, arena, f->id, f->after, LOOK_MAX, &events, &n, err);
    for (size_t i = 0; rc == LT_OK && i < n; i++)
        tell(f, &events[i]);
    bool ended = rc == LT_OK && n < LOOK_MAX && lt_task_ended(task.state);
    if (ended)
        tell_end(f, &task);
    if (rc == LT_OK)
        *ret_over = ended || (task.state == LT_TASK_QUEUED && atomic_load(&f->r->api->draining));
    lt_arena_free(arena);
    return rc;
}

/* What has changed since the last look, and a comment after 15 s in which nothing has. */
static enum lt_code send_news(struct follow *f, uint64_t now_ms)
{
    enum lt_code rc = LT_OK;
    if (f->out.failed)
        return LT_EUPSTREAM_INVALID;
    if (f->out.n == 0 && now_ms - f->quiet_since_ms >= COMMENT_MS)
        lt_buf_put_str(&f->out, LT_STR(":\n\n"));
    if (f->out.n > 0) {
        rc = lt_http_stream_write(f->r->http, f->out.p, f->out.n);
        f->quiet_since_ms = now_ms;
    }
    lt_buf_reset(&f->out);
    return rc;
}

/* Until the task has ended, the client has left or an hour is over. A store that cannot be read now is asked again. */
static void follow(struct follow *f)
{
    struct lt_loop *loop = f->r->http->loop;
    struct lt_error err;
    bool over = false, was_here = true;
    uint64_t end_ms = lt_loop_now(loop) + FOLLOW_MAX_MS, look_ms = 0;
    f->quiet_since_ms = lt_loop_now(loop);
    while (!over && lt_loop_now(loop) < end_ms) {
        struct lt_progress now;
        uint64_t now_ms = lt_loop_now(loop);
        bool here = lt_task_queue_progress(queue_of(f->r), f->id, &now);
        if (here ? now.events > f->after : was_here || now_ms >= look_ms) {
            over = look(f, &over, &err) == LT_ENOT_FOUND || over;
            look_ms = now_ms + LOOK_STORED_MS;
        }
        was_here = here;
        if (send_news(f, now_ms) || (!over && lt_fiber_sleep(LOOK_MS) == LT_ECANCELLED))
            return;
    }
    lt_http_stream_end(f->r->http);
}

/* Last-Event-ID, 0 when absent. *ret_all: the client has seen the end already. */
static enum lt_code read_after(struct lt_request *r, const struct lt_workflow_task *task, int64_t *ret, bool *ret_all, struct lt_error *err)
{
    struct lt_str text = lt_http_field(&r->http->head, "Last-Event-ID", NULL);
    int64_t last;
    *ret = 0;
    *ret_all = false;
    if (text.n == 0)
        return LT_OK;
    if (!lt_str_to_int64(text, ret))
        return lt_fail(err, LT_EINVALID_INPUT, "Last-Event-ID must be the number of an event");
    if (lt_task_last_event(r->api->options.store, task->id, &last, err))
        return err->code;
    *ret_all = lt_task_ended(task->state) && *ret == last + 1;
    if (*ret > last && !*ret_all)
        return lt_fail(err, LT_EINVALID_INPUT, "Last-Event-ID: there has been no event of that number");
    return LT_OK;
}

void lt_get_task_events(struct lt_request *r)
{
    static const struct lt_http_field fields[] = {{LT_STR("Cache-Control"), LT_STR("no-store")},
                                                  {LT_STR("X-Accel-Buffering"), LT_STR("no")}};
    struct lt_error err;
    struct lt_workflow_task task;
    bool seen_all;
    struct follow *f = LT_NEW(r->arena, struct follow);
    f->r = r;
    if (find_in(r, r->arena, &task, &err) || read_after(r, &task, &f->after, &seen_all, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (seen_all) { /* at which browsers stop coming back (HTML Living Standard §9.2.3) */
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
        return;
    }
    f->id = task.id;
    lt_buf_init(&f->out, LT_REPLY_MAX + 4096);
    lt_buf_init(&f->data, LT_REPLY_MAX);
    if (!lt_http_stream_begin(r->http, 200, "text/event-stream; charset=utf-8", fields, LT_COUNT(fields)))
        follow(f);
    lt_buf_free(&f->out);
    lt_buf_free(&f->data);
}

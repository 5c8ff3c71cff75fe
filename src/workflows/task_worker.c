/*
 * One attempt: claim, load, run with the configuration of now, store how it came out. The limits of time are timers of the attempt's loop: at
 * the soft one the fiber is cancelled, so that what was received is stored; at the hard one the task ends without it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "core/span.h"
#include "workflows/task_event.h"
#include "workflows/task_private.h"

enum { FINISH_TRIES_STOPPING = 5, FINISH_PAUSE_MS = 2000 };

/* ---- how far it is ---- */

static struct lt_progress progress_now(struct lt_task_job *job)
{
    pthread_mutex_lock(&job->queue->lock);
    struct lt_progress now = job->progress;
    pthread_mutex_unlock(&job->queue->lock);
    return now;
}

static void set_events(struct lt_task_job *job, int64_t events)
{
    pthread_mutex_lock(&job->queue->lock);
    job->progress.events = events;
    pthread_mutex_unlock(&job->queue->lock);
}

/* One more was posted. The store may not have it yet: whoever looks there in vain looks again. */
static void count_event(struct lt_task_job *job)
{
    int64_t events = progress_now(job).events;
    if (events < LT_TASK_EVENTS_MAX)
        set_events(job, events + 1);
}

/* Fiber or timer. */
static void write_progress(void *arg)
{
    struct lt_task_job *job = arg;
    struct lt_progress now = progress_now(job);
    job->unwritten = false;
    job->written_ms = lt_loop_now(job->loop);
    lt_task_post_progress(job->queue->store, &job->ref, &now);
    count_event(job);
}

static void on_progress(void *ctx, struct lt_str message, double fraction)
{
    struct lt_task_job *job = ctx;
    size_t n = message.n <= LT_PROGRESS_MAX ? message.n : lt_utf8_whole(message.p, LT_PROGRESS_MAX);
    pthread_mutex_lock(&job->queue->lock);
    if (n > 0)
        memcpy(job->progress.message, message.p, n);
    job->progress.message[n] = '\0';
    job->progress.fraction = fraction;
    pthread_mutex_unlock(&job->queue->lock);
    uint64_t since = lt_loop_now(job->loop) - job->written_ms;
    if (job->written_ms == 0 || since >= LT_TASK_PROGRESS_MS) {
        lt_timer_cancel(&job->later);
        write_progress(job);
    } else if (!job->unwritten) { /* within half a second only the last word is kept */
        job->unwritten = true;
        lt_timer_set(&job->later, LT_TASK_PROGRESS_MS - since);
    }
}

/* What was said before comes before it. */
static void write_now(struct lt_task_job *job)
{
    lt_timer_cancel(&job->later);
    if (job->unwritten)
        write_progress(job);
}

static void on_tool(void *ctx, const char *name, const char *state)
{
    struct lt_task_job *job = ctx;
    write_now(job);
    lt_task_post_tool(job->queue->store, &job->ref, name, state);
    count_event(job);
}

/* Nobody reads along: it makes the step ask for pieces, so that what has come can be stored when the attempt is broken off. */
static enum lt_code on_text(void *ctx, struct lt_str piece)
{
    (void)ctx;
    (void)piece;
    return LT_OK;
}

/* ---- what is stored ---- */

static enum lt_code write_result(struct lt_buf *out, const struct lt_workflow_request *q, const struct lt_workflow_result *result,
                                 struct lt_error *err)
{
    struct lt_jw w;
    lt_jw_init(&w, out);
    lt_workflow_write_result(&w, q, result);
    return out->failed ? lt_fail(err, LT_EUPSTREAM_INVALID, "the result is longer than %d bytes", LT_TASK_RESULT_MAX) : LT_OK;
}

/*
 * What the run stores and the task's end are one unit: otherwise a crash between them would have the attempt made again, and all of that stored
 * twice. What is to be made again anyway stores nothing.
 */
static bool on_keep(void *ctx, struct lt_tx *tx, const struct lt_workflow_result *result, const struct lt_error *error)
{
    struct lt_task_job *job = ctx;
    struct lt_error own = *error, why;
    struct lt_buf body;
    struct lt_progress last = progress_now(job);
    lt_buf_init(&body, LT_TASK_RESULT_MAX);
    if (own.code == LT_OK)
        write_result(&body, job->request, result, &own);
    struct lt_task_end end = {
        .store_content = job->store_content, .run_id = lt_str(result->id_text), .result = lt_buf_str(&body), .progress = &last};
    lt_task_decide(job->broken, &own, true, job->tries, lt_now_ms(), &end, &why);
    job->with_kept = end.state != LT_TASK_QUEUED;
    job->kept_state = end.state;
    if (job->with_kept)
        lt_task_tx_finish(tx, &job->ref, &end);
    lt_buf_free(&body);
    return job->with_kept;
}

/* ---- limits ---- */

void lt_task_job_break(struct lt_task_job *job, enum lt_task_break why)
{
    static const enum lt_cancel_reason reasons[] = {
        [LT_TASK_GOES_ON] = LT_CANCEL_OTHER, [LT_TASK_ASKED] = LT_CANCEL_ASKED, [LT_TASK_TOO_LONG] = LT_CANCEL_TIME, [LT_TASK_STOPPING] = LT_CANCEL_END};
    if (job->broken == LT_TASK_GOES_ON)
        job->broken = why;
    lt_fiber_cancel_because(job->fiber, reasons[why]);
}

static void at_soft_limit(void *arg)
{
    lt_task_job_break(arg, LT_TASK_TOO_LONG);
}

/* The fiber should have ended long ago. Whatever it waits for, the task is over; what it may still bring is not stored. */
static void at_hard_limit(void *arg)
{
    struct lt_task_job *job = arg;
    struct lt_error error, why;
    struct lt_progress last = progress_now(job);
    struct lt_task_end end = {.store_content = job->store_content, .progress = &last};
    lt_fail(&error, LT_ETIMEOUT, "hard limit");
    lt_task_decide(LT_TASK_TOO_LONG, &error, true, 0, lt_now_ms(), &end, &why);
    lt_task_post_finish(job->queue->store, &job->ref, &end);
    count_event(job); /* so that those who follow look, although the attempt is still here */
    lt_task_count(job->queue, LT_TASK_TIMEOUT);
    lt_log(LT_LOG_ERROR, "task.stuck", LT_I("task", job->ref.id));
    job->given_up = true;
}

static void arm(struct lt_task_job *job, const struct lt_site *site)
{
    lt_timer_init(&job->soft, job->loop, at_soft_limit, job);
    lt_timer_init(&job->hard, job->loop, at_hard_limit, job);
    lt_timer_init(&job->later, job->loop, write_progress, job);
    lt_timer_set(&job->soft, site->task_soft_limit_ms);
    lt_timer_set(&job->hard, site->task_hard_limit_ms);
}

static void disarm(struct lt_task_job *job)
{
    lt_timer_cancel(&job->soft);
    lt_timer_cancel(&job->hard);
    lt_timer_cancel(&job->later);
}

/* ---- what it needs ---- */

/* The site and the key as they are now. A key that was revoked meanwhile gives nothing any more. */
static enum lt_code find_caller(struct lt_task_order *o, const struct lt_config *config, struct lt_error *err)
{
    for (size_t i = 0; i < config->sites_n; i++)
        if (config->sites[i].id == o->task.site_id)
            o->caller.site = &config->sites[i];
    if (!o->caller.site)
        return lt_fail(err, LT_ENOT_FOUND, "the site has gone");
    for (size_t i = 0; i < config->keys_n; i++)
        if (config->keys[i].id == o->key_id && config->keys[i].site == o->caller.site)
            o->caller.key = &config->keys[i];
    return LT_OK;
}

/* The scope that led to the profile must still be there: whoever took it away has taken away the task's right to run. */
static enum lt_code find_scope(struct lt_store *store, struct lt_arena *arena, const struct lt_task_order *o, const struct lt_scope **ret,
                               struct lt_error *err)
{
    struct lt_rows r;
    *ret = NULL;
    if (o->task.scope_id == 0)
        return LT_OK;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT uuid, course_id, ui_slot_selector_id, service_variant, specificity_index FROM workflow_scope"
                 " WHERE id = $1 AND site_id = $2 AND profile_id = $3 AND enabled = 1",
                 LT_INT(o->task.scope_id), LT_INT(o->task.site_id), LT_INT(o->task.profile_id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENO_CONFIG, "the scope that led to the profile has gone");
    struct lt_scope *scope = LT_NEW(arena, struct lt_scope);
    *scope = (struct lt_scope){.id = o->task.scope_id,
                               .site_id = o->task.site_id,
                               .profile_id = o->task.profile_id,
                               .uuid = lt_rows_str(&r, 0, 0),
                               .course_id = lt_rows_str(&r, 0, 1),
                               .location_regex = LT_STR(""),
                               .ui_slot_selector_id = lt_rows_str(&r, 0, 2),
                               .service_variant = (enum lt_service_variant)lt_service_variant_parse(lt_rows_str(&r, 0, 3)),
                               .enabled = true,
                               .specificity_index = (int)lt_rows_int(&r, 0, 4)};
    *ret = scope;
    return LT_OK;
}

static enum lt_code prepare(struct lt_task_job *job, struct lt_arena *arena, struct lt_config *config, struct lt_task_order *o,
                            struct lt_workflow_request *q, struct lt_error *err)
{
    struct lt_store *store = job->queue->store;
    const struct lt_scope *scope;
    if (lt_task_load(store, arena, job->ref.id, o, err) || find_caller(o, config, err) || find_scope(store, arena, o, &scope, err))
        return err->code;
    const struct lt_profile *profile = lt_profile_by_id(lt_workflows(config), o->task.site_id, o->task.profile_id);
    if (!profile)
        return lt_fail(err, LT_ENOT_FOUND, "the profile '%.*s' has gone", LT_FMT(o->task.profile_slug));
    *q = (struct lt_workflow_request){.arena = arena,
                                      .store = store,
                                      .manager = job->queue->manager,
                                      .tasks = job->queue,
                                      .config = config,
                                      .caller = &o->caller,
                                      .profile = profile,
                                      .scope = scope,
                                      .course_id = o->task.course_id,
                                      .location_id = o->task.location_id,
                                      .ui_slot_selector_id = o->ui_slot_selector_id,
                                      .placement = o->placement,
                                      .content = o->content,
                                      .prompt = o->prompt,
                                      .action = o->task.action,
                                      .user_input = o->user_input,
                                      .policy_by_lms = o->policy_by_lms,
                                      .no_store = o->no_store,
                                      .stream = lt_workflow_streams(profile, o->task.action),
                                      .veiled = true,
                                      .on_text = on_text,
                                      .on_progress = on_progress,
                                      .on_keep = on_keep,
                                      .on_tool = on_tool,
                                      .ctx = job};
    return LT_OK;
}

/* ---- the attempt ---- */

/*
 * A store that cannot write just now is asked again, for as long as it takes: without it no other task could run here. Who is to stop gives up; then
 * the task stays "running", and is made again when this process is found gone.
 */
static void finish(struct lt_task_job *job, const struct lt_task_end *end)
{
    struct lt_error err;
    enum lt_code rc = LT_ESTORE;
    lt_fiber_shield();
    for (int i = 0, last = 0; last < FINISH_TRIES_STOPPING && (rc == LT_ESTORE || rc == LT_EOVERLOADED); i++) {
        last += atomic_load(&job->queue->stopping);
        if (i > 0)
            lt_fiber_sleep(FINISH_PAUSE_MS);
        rc = lt_task_finish(job->queue->store, &job->ref, end, &err);
    }
    lt_fiber_unshield();
    if (rc == LT_OK)
        lt_task_count(job->queue, end->state);
    else if (rc == LT_ECONFLICT && job->with_kept && !job->given_up) /* it ended with what it has stored */
        lt_task_count(job->queue, job->kept_state);
    else if (rc != LT_ECONFLICT || !job->given_up)
        lt_log_error("task.finish", &err);
}

static void attempt(struct lt_task_job *job, struct lt_arena *arena, struct lt_config *config)
{
    struct lt_task_order *order = LT_NEW(arena, struct lt_task_order);
    struct lt_workflow_request *request = LT_NEW(arena, struct lt_workflow_request);
    struct lt_workflow_result *result = LT_NEW(arena, struct lt_workflow_result);
    struct lt_error error = {0}, why;
    struct lt_buf body;
    lt_buf_init(&body, LT_TASK_RESULT_MAX);
    if (prepare(job, arena, config, order, request, &error) == LT_OK) {
        job->store_content = order->caller.site->store_content;
        job->request = request;
        job->tries = order->task.tries;
        set_events(job, order->events);
        arm(job, order->caller.site);
        lt_workflow_execute(request, result);
        write_now(job);
        disarm(job);
        error = result->error;
        if (error.code == LT_OK)
            write_result(&body, request, result, &error);
    }
    lt_fiber_cancel_reset();
    struct lt_progress last = progress_now(job);
    struct lt_task_end end = {.store_content = order->caller.site && order->caller.site->store_content,
                              .run_id = lt_str(result->id_text),
                              .result = lt_buf_str(&body),
                              .progress = &last};
    lt_task_decide(job->broken, &error, result->kept, order->task.tries, lt_now_ms(), &end, &why);
    finish(job, &end);
    lt_buf_free(&body);
}

void lt_task_job_run(void *arg)
{
    struct lt_task_job *job = arg;
    struct lt_error err;
    struct lt_arena *arena = lt_arena_new();
    struct lt_config *config = lt_config_ref(lt_config_current());
    lt_fiber_set_name("task");
    lt_fiber_set_where("task", NULL);
    struct lt_span *span = lt_span_root(lt_manager_tracer(job->queue->manager), arena, LT_SPAN_INTERNAL, LT_STR_NULL, LT_STR_NULL);
    lt_span_name(span, LT_STR("task"));
    enum lt_code rc = job->claimed ? LT_OK : lt_task_claim(job->queue->store, &job->ref, &err);
    if (rc == LT_OK)
        attempt(job, arena, config);
    else if (rc != LT_ECONFLICT) /* somebody else has it, or it was cancelled */
        lt_log_error("task.claim", &err);
    if (rc)
        lt_span_drop(span);
    else
        lt_span_end(span, LT_OK);
    lt_config_unref(config);
    lt_arena_free(arena);
    lt_task_job_done(job);
}

/* Slots, the fiber that fills them, and what other threads may ask of them. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "workflows/task_private.h"

enum { LOOK_MS = 1000, SWEEP_MS = 60 * 1000, SWEEP_AGAIN_MS = LOOK_MS, SWEEP_MAX = 1000 /* tasks at once */ };

static void start_job(struct lt_task *task);
static void wake_dispatcher(struct lt_task *task);

struct lt_task_queue *lt_task_queue_new(const struct lt_task_queue_options *options)
{
    struct lt_task_queue *q = calloc(1, sizeof(*q));
    if (!q)
        lt_out_of_memory(0);
    q->store = options->store;
    q->manager = options->manager;
    q->workers = options->workers;
    q->jobs = calloc((size_t)options->workers + 1, sizeof(*q->jobs));
    if (!q->jobs)
        lt_out_of_memory(0);
    q->wake.fn = wake_dispatcher;
    pthread_mutex_init(&q->lock, NULL);
    for (int i = 0; i < q->workers; i++) {
        q->jobs[i].queue = q;
        q->jobs[i].start.fn = start_job;
    }
    return q;
}

void lt_task_queue_free(struct lt_task_queue *q)
{
    if (!q)
        return;
    pthread_mutex_destroy(&q->lock);
    free(q->jobs);
    free(q->loops);
    free(q);
}

/* ---- slots ---- */

/* With the lock. */
static struct lt_task_job *find(struct lt_task_queue *q, int64_t id)
{
    for (int i = 0; i < q->workers; i++)
        if (q->jobs[i].used && q->jobs[i].ref.id == id)
            return &q->jobs[i];
    return NULL;
}

/* A free slot for a task that has none yet; NULL otherwise. */
static struct lt_task_job *take(struct lt_task_queue *q, const struct lt_task_ref *ref, bool claimed)
{
    struct lt_task_job *job = NULL;
    pthread_mutex_lock(&q->lock);
    bool here = find(q, ref->id) != NULL;
    for (int i = 0; i < q->workers && !here && !job; i++)
        if (!q->jobs[i].used)
            job = &q->jobs[i];
    if (job) {
        job->used = true;
        job->ref = *ref;
        job->claimed = claimed;
        job->loop = q->loops[q->next_loop++ % q->loops_n];
        job->fiber = NULL;
        job->progress = (struct lt_progress){.fraction = -1};
        atomic_fetch_add(&q->running, 1);
    }
    pthread_mutex_unlock(&q->lock);
    return job;
}

void lt_task_job_done(struct lt_task_job *job)
{
    struct lt_task_queue *q = job->queue;
    pthread_mutex_lock(&q->lock);
    job->used = false;
    job->fiber = NULL;
    atomic_fetch_sub(&q->running, 1);
    pthread_mutex_unlock(&q->lock);
    if (!atomic_load(&q->stopping)) /* else nobody looks for more, and the dispatcher's loop may be gone before this one */
        lt_task_queue_wake(q);
}

void lt_task_count(struct lt_task_queue *q, enum lt_task_state state)
{
    atomic_fetch_add(&q->ended[state], 1);
}

/* Loop's thread. */
static void start_job(struct lt_task *task)
{
    struct lt_task_job *job = (struct lt_task_job *)((char *)task - offsetof(struct lt_task_job, start));
    struct lt_fiber *fiber = NULL;
    job->broken = LT_TASK_GOES_ON;
    job->given_up = job->unwritten = job->with_kept = false;
    job->written_ms = 0;
    if (atomic_load(&job->queue->stopping) || lt_fiber_start(job->loop, lt_task_job_run, job, &fiber)) {
        if (job->claimed)
            lt_task_post_back(job->queue->store, &job->ref, lt_now_ms());
        lt_task_job_done(job); /* it waits in the store as before */
        return;
    }
    pthread_mutex_lock(&job->queue->lock);
    job->fiber = fiber;
    pthread_mutex_unlock(&job->queue->lock);
}

/* ---- the dispatcher ---- */

static enum lt_code cancel_marked(struct lt_task_queue *q, struct lt_arena *arena, struct lt_error *err)
{
    int64_t *ids, queued;
    size_t n;
    if (lt_task_look(q->store, arena, q->workers, &ids, &n, &queued, err))
        return err->code;
    atomic_store(&q->queued, (uint64_t)queued);
    for (size_t i = 0; i < n; i++)
        lt_task_queue_cancel(q, ids[i]);
    return LT_OK;
}

/* A claim that stands although it could not be read then, since the database had gone in between, is read first: else nobody would run it. */
static enum lt_code claim(struct lt_task_queue *q, struct lt_arena *arena, int max, struct lt_task_ref **ret, size_t *ret_n, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    if (q->claim[0] == '\0') {
        char name[sizeof(q->claim)];
        lt_uuid_format(lt_uuid_new(), name);
        rc = lt_task_claim_some(q->store, name, lt_now_ms(), max, err);
        if (rc == LT_OK)
            memcpy(q->claim, name, sizeof(name));
    }
    if (rc == LT_OK)
        rc = lt_task_claimed(q->store, arena, q->claim, ret, ret_n, err);
    if (rc == LT_OK)
        q->claim[0] = '\0';
    return rc;
}

static enum lt_code begin_waiting(struct lt_task_queue *q, struct lt_arena *arena, struct lt_error *err)
{
    struct lt_task_ref *refs;
    size_t n;
    uint64_t running = atomic_load(&q->running);
    /* together: others look for the same ones */
    bool claimed = lt_store_is_postgres(q->store) && (atomic_load(&q->queued) > 0 || q->claim[0] != '\0');
    if (running >= (uint64_t)q->workers || (lt_store_is_postgres(q->store) && !claimed))
        return LT_OK;
    if (claimed ? claim(q, arena, q->workers - (int)running, &refs, &n, err)
                : lt_task_waiting(q->store, arena, lt_now_ms(), q->workers, &refs, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++) {
        struct lt_task_job *job = take(q, &refs[i], claimed);
        if (job)
            lt_loop_post(job->loop, &job->start);
        else if (claimed) /* an attempt at it that was given up is still here */
            lt_task_post_back(q->store, &refs[i], lt_now_ms() + LT_TASK_BACKOFF_MS);
    }
    return LT_OK;
}

static enum lt_code look(struct lt_task_queue *q, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = cancel_marked(q, arena, err);
    if (rc == LT_OK && !atomic_load(&q->stopping))
        rc = begin_waiting(q, arena, err);
    lt_arena_free(arena);
    return rc;
}

static enum lt_code sweep(struct lt_task_queue *q, uint64_t *next_ms, struct lt_error *err)
{
    bool more = false;
    struct lt_config *config = lt_config_ref(lt_config_current());
    enum lt_code rc = lt_task_sweep(q->store, config, lt_now_ms(), SWEEP_MAX, &more, err);
    lt_config_unref(config);
    *next_ms = lt_mono_ms() + (more ? SWEEP_AGAIN_MS : SWEEP_MS);
    return rc;
}

static void dispatch(void *arg)
{
    struct lt_task_queue *q = arg;
    struct lt_error err;
    uint64_t sweep_ms = 0;
    bool failing = false;
    lt_fiber_set_name("task dispatcher");
    while (!atomic_load(&q->stopping)) {
        bool failed = look(q, &err) != LT_OK;
        if (!failed && lt_mono_ms() >= sweep_ms)
            failed = sweep(q, &sweep_ms, &err) != LT_OK;
        if (failed && !failing) /* once for a run of failures */
            lt_log_error("task.dispatch", &err);
        failing = failed;
        if (lt_fiber_wait_for(lt_loop_now(q->loops[0]) + LOOK_MS, "tasks") == LT_ECANCELLED)
            break;
    }
    q->dispatcher = NULL;
    atomic_store(&q->dispatching, false);
}

enum lt_code lt_task_queue_start(struct lt_task_queue *q, struct lt_loop *const *loops, size_t n)
{
    q->loops = calloc(n, sizeof(*q->loops));
    if (!q->loops)
        lt_out_of_memory(0);
    memcpy(q->loops, loops, n * sizeof(*loops));
    q->loops_n = n;
    atomic_store(&q->dispatching, true);
    enum lt_code rc = lt_fiber_start(loops[0], dispatch, q, &q->dispatcher);
    if (rc)
        atomic_store(&q->dispatching, false);
    atomic_store(&q->started, rc == LT_OK);
    return rc;
}

/* On the first loop. */
static void wake_dispatcher(struct lt_task *task)
{
    struct lt_task_queue *q = (struct lt_task_queue *)((char *)task - offsetof(struct lt_task_queue, wake));
    atomic_store(&q->woken, false);
    if (q->dispatcher)
        lt_fiber_wake(q->dispatcher);
}

void lt_task_queue_wake(struct lt_task_queue *q)
{
    if (q && atomic_load(&q->started) && !atomic_exchange(&q->woken, true))
        lt_loop_post(q->loops[0], &q->wake);
}

/* ---- breaking off ---- */

struct breaking {
    struct lt_task task;
    struct lt_task_queue *queue;
    int64_t id;
    enum lt_task_break why;
};

/* On the attempt's own loop: if it is still there, its fiber is alive, for only this thread can end it. */
static void break_here(struct lt_task *task)
{
    struct breaking *b = (struct breaking *)task;
    pthread_mutex_lock(&b->queue->lock);
    struct lt_task_job *job = find(b->queue, b->id);
    bool here = job && job->loop == lt_loop_self() && job->fiber;
    pthread_mutex_unlock(&b->queue->lock);
    if (here)
        lt_task_job_break(job, b->why);
    free(b);
}

static void post_break(struct lt_task_queue *q, struct lt_loop *loop, int64_t id, enum lt_task_break why)
{
    struct breaking *b = malloc(sizeof(*b));
    if (!b)
        lt_out_of_memory(0);
    *b = (struct breaking){.task = {.fn = break_here}, .queue = q, .id = id, .why = why};
    lt_loop_post(loop, &b->task);
}

bool lt_task_queue_cancel(struct lt_task_queue *q, int64_t id)
{
    if (!q)
        return false;
    pthread_mutex_lock(&q->lock);
    struct lt_task_job *job = find(q, id);
    struct lt_loop *loop = job ? job->loop : NULL;
    pthread_mutex_unlock(&q->lock);
    if (loop)
        post_break(q, loop, id, LT_TASK_ASKED);
    return loop != NULL;
}

void lt_task_queue_lost(struct lt_task_queue *q)
{
    for (int i = 0; q && i < q->workers; i++) {
        struct lt_task_job *job = &q->jobs[i];
        pthread_mutex_lock(&q->lock);
        struct lt_loop *loop = job->used ? job->loop : NULL;
        int64_t id = job->ref.id;
        pthread_mutex_unlock(&q->lock);
        if (loop)
            post_break(q, loop, id, LT_TASK_STOPPING);
    }
}

bool lt_task_queue_progress(struct lt_task_queue *q, int64_t id, struct lt_progress *ret)
{
    if (!q)
        return false;
    pthread_mutex_lock(&q->lock);
    struct lt_task_job *job = find(q, id);
    if (job)
        *ret = job->progress;
    pthread_mutex_unlock(&q->lock);
    return job != NULL;
}

/* ---- the end ---- */

void lt_task_queue_stop(struct lt_task_queue *q)
{
    if (!q)
        return;
    atomic_store(&q->stopping, true);
    lt_task_queue_wake(q);
}

void lt_task_queue_put_back(struct lt_task_queue *q, struct lt_loop *loop)
{
    for (int i = 0; q && i < q->workers; i++) {
        struct lt_task_job *job = &q->jobs[i];
        pthread_mutex_lock(&q->lock);
        bool here = job->used && job->loop == loop && job->fiber;
        pthread_mutex_unlock(&q->lock);
        if (here)
            lt_task_job_break(job, LT_TASK_STOPPING);
    }
}

int lt_task_queue_busy(struct lt_task_queue *q, const struct lt_loop *loop)
{
    int n = 0;
    if (!q || !atomic_load(&q->started))
        return 0;
    pthread_mutex_lock(&q->lock);
    for (int i = 0; i < q->workers; i++)
        n += q->jobs[i].used && q->jobs[i].loop == loop;
    pthread_mutex_unlock(&q->lock);
    return n + (loop == q->loops[0] && atomic_load(&q->dispatching));
}

void lt_task_queue_stats(struct lt_task_queue *q, struct lt_task_queue_stats *ret)
{
    *ret = (struct lt_task_queue_stats){0};
    if (!q)
        return;
    ret->queued = atomic_load(&q->queued);
    ret->running = atomic_load(&q->running);
    for (int i = 0; i < LT_TASK_STATES; i++)
        ret->ended[i] = atomic_load(&q->ended[i]);
}

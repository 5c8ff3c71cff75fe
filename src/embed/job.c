/*
 * Jobs: what callers hand to the handle's thread. Posting never waits. A job runs on a fiber; its end is told under its lock, behind which nobody
 * posts anything more about it, so the loop is there for all that is posted.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "embed/embed.h"

enum {
    PIECES_MAX = 64 * 1024,            /* that wait for the caller; a single longer piece waits alone */
    PIECES_LIMIT = 16 * 1024 * 1024,   /* more than an answer may have */
    TIMEOUT_MS = 300000,
};

enum lt_code lt_embed_may_wait(struct lt_error *err)
{
    return lt_loop_self() ? lt_fail(err, LT_ECONFLICT, "the handle's own thread must not wait") : LT_OK;
}

void lt_job_init(struct lectern_job *job, struct lectern *handle, uint32_t timeout_ms)
{
    memset(job, 0, sizeof(*job));
    atomic_init(&job->references, 1);
    job->handle = handle;
    job->loop = handle->loop;
    job->deadline_ms = lt_mono_ms() + (timeout_ms == 0 ? TIMEOUT_MS : timeout_ms);
    pthread_mutex_init(&job->lock, NULL);
    lt_embed_cond_init(&job->changed);
    lt_buf_init(&job->pieces, PIECES_LIMIT);
}

static struct lectern_job *ref(struct lectern_job *job)
{
    atomic_fetch_add(&job->references, 1);
    return job;
}

void lt_job_unref(struct lectern_job *job)
{
    if (atomic_fetch_sub(&job->references, 1) > 1)
        return;
    lectern_answer_free(job->answer);
    lt_buf_free(&job->pieces);
    pthread_cond_destroy(&job->changed);
    pthread_mutex_destroy(&job->lock);
    job->free(job);
}

void lectern_job_free(struct lectern_job *job)
{
    if (job)
        lt_job_unref(job);
}

/* ---- on the handle's thread ---- */

static void link_in(struct lectern_job *job)
{
    struct lectern *h = job->handle;
    job->at = &h->jobs;
    job->next = h->jobs;
    if (job->next)
        job->next->at = &job->next;
    h->jobs = job;
}

static void unlink_from(struct lectern_job *job)
{
    *job->at = job->next;
    if (job->next)
        job->next->at = job->at;
}

/* Takes the loop's reference and the answer over. */
static void finish(struct lectern_job *job, struct lectern_answer *answer)
{
    struct lectern *h = job->handle;
    pthread_mutex_lock(&job->lock);
    job->done = true;
    job->answer = answer;
    pthread_cond_broadcast(&job->changed);
    pthread_mutex_unlock(&job->lock);
    if (job->on_end)
        job->on_end(job->ctx, job);
    atomic_fetch_sub(&h->jobs_n, 1);
    lt_job_unref(job);
}

void lt_job_fail(struct lectern_job *job, struct lt_error *err, struct lectern_answer *answer)
{
    if (err->code == LT_ECANCELLED && job->late)
        lt_fail(err, LT_ETIMEOUT, "it did not end in its time");
    lt_embed_report(err, &answer->error);
}

static void fail(struct lectern_job *job, enum lt_code code, const char *why)
{
    struct lt_error err;
    lt_fail(&err, code, "%s", why);
    struct lectern_answer *answer = lt_answer_new();
    if (!answer)
        lt_out_of_memory(0);
    lt_job_fail(job, &err, answer);
    finish(job, answer);
}

static void on_deadline(void *arg)
{
    struct lectern_job *job = arg;
    job->late = true;
    lt_fiber_cancel_because(job->fiber, LT_CANCEL_TIME);
}

static void run(void *arg)
{
    struct lectern_job *job = arg;
    struct lectern_answer *answer = lt_answer_new();
    struct lt_arena *arena = lt_arena_new();
    if (!answer)
        lt_out_of_memory(0);
    lt_fiber_set_name("embedded call");
    job->body(job, arena, answer);
    lt_arena_free(arena);
    lt_timer_cancel(&job->timer);
    unlink_from(job);
    job->fiber = NULL;
    finish(job, answer);
}

static void start(struct lt_task *task)
{
    struct lectern_job *job = (struct lectern_job *)((char *)task - offsetof(struct lectern_job, starter));
    uint64_t now = lt_mono_ms();
    if (job->handle->ended) {
        fail(job, LT_ECANCELLED, "the handle was closed");
        return;
    }
    if (lt_fiber_start(job->loop, run, job, &job->fiber)) {
        fail(job, LT_EOVERLOADED, "no fiber is free");
        return;
    }
    link_in(job);
    lt_timer_init(&job->timer, job->loop, on_deadline, job);
    lt_timer_set(&job->timer, job->deadline_ms > now ? job->deadline_ms - now : 0);
}

static void cancel(struct lt_task *task)
{
    struct lectern_job *job = (struct lectern_job *)((char *)task - offsetof(struct lectern_job, canceller));
    if (job->fiber)
        lt_fiber_cancel_because(job->fiber, LT_CANCEL_ASKED);
    lt_job_unref(job);
}

static void wake(struct lt_task *task)
{
    struct lectern_job *job = (struct lectern_job *)((char *)task - offsetof(struct lectern_job, waker));
    pthread_mutex_lock(&job->lock);
    job->wake_posted = false;
    pthread_mutex_unlock(&job->lock);
    if (job->fiber)
        lt_fiber_wake(job->fiber);
    lt_job_unref(job);
}

void lt_jobs_end(struct lectern *h)
{
    h->ended = true;
    for (struct lectern_job *job = h->jobs; job; job = job->next)
        lt_fiber_cancel_because(job->fiber, LT_CANCEL_END);
}

/* Until the caller has taken what there is. */
static enum lt_code await_room(struct lectern_job *job, size_t n)
{
    enum lt_code rc = LT_OK;
    while (rc == LT_OK && job->pieces.n > 0 && job->pieces.n + n > PIECES_MAX) {
        job->stalled = true;
        pthread_mutex_unlock(&job->lock);
        rc = lt_fiber_wait(LT_NEVER);
        pthread_mutex_lock(&job->lock);
    }
    job->stalled = false;
    return rc;
}

enum lt_code lt_job_piece(void *ctx, struct lt_str piece)
{
    struct lectern_job *job = ctx;
    if (!job->by_caller)
        return job->on_piece(job->ctx, piece.p, piece.n) ? LT_ECANCELLED : LT_OK;
    pthread_mutex_lock(&job->lock);
    enum lt_code rc = await_room(job, piece.n);
    if (rc == LT_OK && !lt_buf_put_str(&job->pieces, piece))
        rc = LT_ETOO_LARGE;
    pthread_cond_broadcast(&job->changed);
    pthread_mutex_unlock(&job->lock);
    return rc;
}

/* ---- on any thread ---- */

enum lt_code lt_job_post(struct lectern_job *job, struct lt_error *err)
{
    struct lectern *h = job->handle;
    unsigned max = h->options.max_calls;
    if (atomic_load(&h->closing))
        return lt_fail(err, LT_ECONFLICT, "the handle is being closed");
    if (atomic_fetch_add(&h->jobs_n, 1) >= max) {
        atomic_fetch_sub(&h->jobs_n, 1);
        return lt_fail(err, LT_EOVERLOADED, "%u calls run at once, which is the most that may", max);
    }
    job->starter.fn = start;
    lt_loop_post(job->loop, &ref(job)->starter);
    return LT_OK;
}

/* With the lock, of a job that is not done. */
static void post_wake(struct lectern_job *job)
{
    if (job->wake_posted)
        return;
    job->wake_posted = true;
    job->waker.fn = wake;
    lt_loop_post(job->loop, &ref(job)->waker);
}

void lectern_cancel(struct lectern_job *job)
{
    pthread_mutex_lock(&job->lock);
    if (!job->done && !job->cancel_posted) {
        job->cancel_posted = true;
        job->canceller.fn = cancel;
        lt_loop_post(job->loop, &ref(job)->canceller);
    }
    pthread_mutex_unlock(&job->lock);
}

/* Gives what has come to the caller; with the lock, which is let go meanwhile. */
static void hand_on(struct lectern_job *job, struct lt_buf *taken, bool *ended)
{
    struct lt_buf full = job->pieces;
    job->pieces = *taken;
    *taken = full;
    if (job->stalled)
        post_wake(job);
    pthread_mutex_unlock(&job->lock);
    if (!*ended && job->on_piece(job->ctx, taken->p, taken->n)) {
        *ended = true;
        lectern_cancel(job);
    }
    lt_buf_reset(taken);
    pthread_mutex_lock(&job->lock);
}

bool lt_job_attend(struct lectern_job *job)
{
    struct lt_buf taken;
    bool ended = false;
    uint64_t now = lt_mono_ms(), left = job->deadline_ms > now ? job->deadline_ms - now : 0;
    struct timespec until = lt_embed_until(left + LT_EMBED_GRACE_MS);
    lt_buf_init(&taken, PIECES_LIMIT);
    pthread_mutex_lock(&job->lock);
    for (int rc = 0; rc != ETIMEDOUT && (!job->done || job->pieces.n > 0);) {
        if (job->pieces.n > 0)
            hand_on(job, &taken, &ended);
        else
            rc = pthread_cond_timedwait(&job->changed, &job->lock, &until);
    }
    bool done = job->done;
    pthread_mutex_unlock(&job->lock);
    lt_buf_free(&taken);
    return done;
}

/* With the lock. */
static int give(struct lectern_job *job, struct lectern_answer **ret)
{
    if (!job->done)
        return LECTERN_PENDING;
    if (ret)
        *ret = lt_answer_ref(job->answer);
    return job->answer->error.code[0] ? LECTERN_FAILED : LECTERN_DONE;
}

int lectern_wait(struct lectern_job *job, uint32_t timeout_ms, struct lectern_answer **ret)
{
    struct timespec until = lt_embed_until(lt_loop_self() ? 0 : timeout_ms);
    if (ret)
        *ret = NULL;
    pthread_mutex_lock(&job->lock);
    while (!job->done && pthread_cond_timedwait(&job->changed, &job->lock, &until) == 0)
        ;
    int rc = give(job, ret);
    pthread_mutex_unlock(&job->lock);
    return rc;
}

/* What the answer says, as far as the caller knows errors. */
static int report(struct lectern_job *job, struct lectern_error *error)
{
    struct lectern_answer *answer;
    int rc = lectern_wait(job, 0, &answer);
    if (error && error->size >= sizeof(error->size)) {
        size_t size = error->size;
        memcpy(error, &answer->error, size < sizeof(*error) ? size : sizeof(*error));
        error->size = size;
    }
    lectern_answer_free(answer);
    return rc;
}

int lt_job_settle(struct lectern_job *job, struct lectern_error *error)
{
    struct lt_error err = {0};
    if (!lt_job_post(job, &err) && !lt_job_attend(job))
        lt_fail(&err, LT_ETIMEOUT, "what it writes is not written yet");
    int rc = err.code ? lt_embed_report(&err, error) : report(job, error);
    lt_job_unref(job);
    return rc;
}

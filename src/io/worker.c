#include "io/worker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/arena.h"

enum { THREADS_MAX = 64, QUEUE_MAX = 1024 };

/* Lives on the waiting fiber's stack. task must be first. */
struct job {
    struct lt_task task;
    struct job *next;
    struct lt_loop *loop;
    struct lt_fiber *fiber;
    void (*fn)(void *arg);
    void *arg;
    bool done; /* loop thread only */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *head, **tail;
    int queued;
    int threads_n; /* changes only while no loop runs */
    bool stopping;
    pthread_t threads[THREADS_MAX];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .tail = &pool.head};

static void on_done(struct lt_task *task)
{
    struct job *job = (struct job *)task;

    job->done = true;
    lt_fiber_wake(job->fiber);
}

/* The next job; NULL when the pool stops and nothing is left. */
static struct job *take(void)
{
    struct job *job;

    pthread_mutex_lock(&pool.lock);
    while (!pool.head && !pool.stopping)
        pthread_cond_wait(&pool.more, &pool.lock);
    job = pool.head;
    if (job) {
        pool.head = job->next;
        pool.queued--;
        if (!pool.head)
            pool.tail = &pool.head;
    }
    pthread_mutex_unlock(&pool.lock);
    return job;
}

static void *worker_main(void *arg)
{
    struct job *job;

    while ((job = take())) {
        job->fn(job->arg);
        lt_loop_post(job->loop, &job->task);
    }
    lt_arena_thread_end();
    return NULL;
}

int lt_thread_start(pthread_t *ret, void *(*fn)(void *arg), void *arg)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(ret, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum lt_code lt_workers_start(int n, struct lt_error *err)
{
    if (n < 1 || n > THREADS_MAX)
        return lt_fail(err, LT_ECONFIG, "worker threads: %d is not between 1 and %d", n, THREADS_MAX);
    if (pool.threads_n)
        return lt_fail(err, LT_EINTERNAL, "worker threads run already");
    pool.stopping = false;
    for (int i = 0; i < n; i++) {
        int rc = lt_thread_start(&pool.threads[i], worker_main, NULL);
        if (rc) {
            lt_workers_stop();
            return lt_fail(err, LT_EINTERNAL, "worker thread %d of %d: %s", i + 1, n, strerror(rc));
        }
        pool.threads_n = i + 1;
    }
    return LT_OK;
}

void lt_workers_stop(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.stopping = true;
    pthread_cond_broadcast(&pool.more);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < pool.threads_n; i++)
        pthread_join(pool.threads[i], NULL);
    pool.threads_n = 0;
}

static bool put(struct job *job)
{
    bool room;

    pthread_mutex_lock(&pool.lock);
    room = pool.queued < QUEUE_MAX;
    if (room) {
        *pool.tail = job;
        pool.tail = &job->next;
        pool.queued++;
        pthread_cond_signal(&pool.more);
    }
    pthread_mutex_unlock(&pool.lock);
    return room;
}

/* Not cancellable, since the job and perhaps its argument are on this stack: a cancel is seen by the next wait. */
enum lt_code lt_work(void (*fn)(void *arg), void *arg)
{
    struct job job = {.task.fn = on_done, .loop = lt_loop_self(), .fiber = lt_fiber_self(), .fn = fn, .arg = arg};

    if (!job.fiber || !pool.threads_n) {
        fn(arg);
        return LT_OK;
    }
    if (!put(&job))
        return LT_EOVERLOADED;
    lt_fiber_shield();
    while (!job.done)
        lt_fiber_wait_for(LT_NEVER, "a worker");
    lt_fiber_unshield();
    return LT_OK;
}

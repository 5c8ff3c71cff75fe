/* Shared by task.c, task_queue.c and task_worker.c only. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "workflows/task_queue.h"

enum { LT_TASK_PROGRESS_MS = 500 /* between two writes of how far a task is */ };

/* One attempt, in a slot of the queue. */
struct lt_task_job {
    struct lt_task start;              /* posts it to its loop */
    struct lt_task_queue *queue;
    bool used;                         /* under the queue's lock, as the next four */
    struct lt_task_ref ref;
    struct lt_loop *loop;
    struct lt_fiber *fiber;            /* NULL before it begins */
    struct lt_progress progress;
    bool claimed;                      /* before it was begun */
    /* its loop only */
    enum lt_task_break broken;
    bool given_up;                     /* the hard limit has ended the task without it */
    bool store_content;                /* of the site */
    bool with_kept;                    /* the unit that stores something of the run has the task's end, too */
    enum lt_task_state kept_state;     /* which end that is */
    const struct lt_workflow_request *request; /* from here on NULL before it runs */
    int64_t tries;                     /* that failed before */
    bool unwritten;                    /* progress that the store does not have yet */
    uint64_t written_ms;               /* when it was written last (lt_loop_now) */
    struct lt_timer soft, hard, later; /* later: writes progress */
};

struct lt_task_queue {
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_loop **loops;
    size_t loops_n;
    size_t next_loop;                  /* dispatcher only */
    struct lt_fiber *dispatcher;       /* first loop only */
    char claim[37];                    /* dispatcher only: what was claimed under this name has not been read yet; "": all has */
    struct lt_task wake;
    atomic_bool woken, started, stopping, dispatching;
    _Atomic uint64_t queued, running, ended[LT_TASK_STATES];
    pthread_mutex_t lock;              /* of the slots */
    struct lt_task_job *jobs;
    int workers;
};

/* Of PostgreSQL: under a new name, at most max of those are claimed that lt_task_waiting() names and nobody else is claiming. */
enum lt_code lt_task_claim_some(struct lt_store *store, const char *claim, int64_t now_ms, int max, struct lt_error *err);
/* Which of them still are. The refs have the attempts that they are. In the arena. */
enum lt_code lt_task_claimed(struct lt_store *store, struct lt_arena *arena, const char *claim, struct lt_task_ref **ret, size_t *ret_n,
                             struct lt_error *err);
/* Puts back what was claimed and cannot be begun, without waiting. Any thread. */
void lt_task_post_back(struct lt_store *store, const struct lt_task_ref *ref, int64_t not_before);

/* Makes the attempt and frees the slot. Fiber of job->loop. */
void lt_task_job_run(void *job);
/* Breaks it off. Loop's thread. */
void lt_task_job_break(struct lt_task_job *job, enum lt_task_break why);
/* The slot is free again (task_queue.c). */
void lt_task_job_done(struct lt_task_job *job);
/* Counts how an attempt came out. */
void lt_task_count(struct lt_task_queue *queue, enum lt_task_state state);

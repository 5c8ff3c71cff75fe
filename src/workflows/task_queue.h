/*
 * Who runs the tasks of this process: one fiber that looks for work (on the first loop, when it is woken and once a second) and a bounded
 * number of attempts, each a fiber with an arena of its own, spread over the loops.
 */
#pragma once
#include "workflows/task.h"

struct lt_task_queue;

struct lt_task_queue_options {
    struct lt_store *store;
    struct lt_manager *manager;
    int workers;                       /* attempts at once; 0: none, ended tasks are swept all the same */
};
struct lt_task_queue *lt_task_queue_new(const struct lt_task_queue_options *options);
/* After the loops have ended; NULL allowed. */
void lt_task_queue_free(struct lt_task_queue *queue);
/* Begins to work. The loops live until nothing is busy on them any more. On the first loop's thread. LT_EOVERLOADED. */
enum lt_code lt_task_queue_start(struct lt_task_queue *queue, struct lt_loop *const *loops, size_t n);

/* Something was queued. Any thread; NULL allowed. */
void lt_task_queue_wake(struct lt_task_queue *queue);
/* Breaks off an attempt that this process makes; true when there is one. Any thread; NULL allowed. */
bool lt_task_queue_cancel(struct lt_task_queue *queue, int64_t id);
/* This process was taken for dead, and others have taken over what it runs: breaks off all of it. Any thread; NULL allowed. */
void lt_task_queue_lost(struct lt_task_queue *queue);
/* How far a task is that this process runs; false when it runs none of that id. Any thread; NULL allowed. */
bool lt_task_queue_progress(struct lt_task_queue *queue, int64_t id, struct lt_progress *ret);

/* From now on nothing is begun. Any thread; NULL allowed. */
void lt_task_queue_stop(struct lt_task_queue *queue);
/* After that: breaks off what runs on this loop and puts it back. Loop's thread; NULL allowed. */
void lt_task_queue_put_back(struct lt_task_queue *queue, struct lt_loop *loop);
/* Fibers of the queue on that loop. Any thread; NULL allowed. */
int lt_task_queue_busy(struct lt_task_queue *queue, const struct lt_loop *loop);

struct lt_task_queue_stats {
    uint64_t queued;                   /* in the store, at the last look */
    uint64_t running;                  /* in this process */
    uint64_t ended[LT_TASK_STATES];    /* since the start, by state; of LT_TASK_QUEUED: attempts that are to be made again */
};
void lt_task_queue_stats(struct lt_task_queue *queue, struct lt_task_queue_stats *ret); /* any thread; NULL allowed */

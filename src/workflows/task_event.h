/*
 * What happens to a task, for those who follow it: its states, how far it is, the tools that its model calls. Events are numbered from 1
 * without a gap and kept as long as the task is, so that whoever comes back, to this process or to another one, goes on behind the last
 * number they have seen. Only the attempt that has the task adds to them, and nothing comes behind its end. Shared by task*.c and api/tasks.c.
 */
#pragma once
#include "workflows/task.h"

enum { LT_TASK_EVENTS_MAX = 1000 /* of a task; what comes later is not told, states are all the same */ };

struct lt_task_event {
    int64_t number;
    bool is_tool;                      /* else it is a state with a message */
    struct lt_str state;               /* queued, running; of a tool: running, done, failed */
    struct lt_str text;                /* the message, "" = none; the tool's name */
    double fraction;                   /* below 0: not known */
};

/* Those behind `after`, at most max of them, in order. In the arena. Fiber, or outside loops. */
enum lt_code lt_task_events(struct lt_store *store, struct lt_arena *arena, int64_t task_id, int64_t after, int max, struct lt_task_event **ret,
                            size_t *ret_n, struct lt_error *err);
/* The number of the last event; 0 = none. */
enum lt_code lt_task_last_event(struct lt_store *store, int64_t task_id, int64_t *ret, struct lt_error *err);

/* Writes without waiting; when the attempt is not the task's any more, nothing happens. Any thread. state: "running", "done", "failed". */
void lt_task_post_tool(struct lt_store *store, const struct lt_task_ref *ref, const char *name, const char *state);

/* ---- parts of units ---- */
/* The first event of a task that this unit adds. */
void lt_task_tx_added(struct lt_tx *tx, const char *uuid);
/* The state that the task has now, when it has not ended. */
void lt_task_tx_state(struct lt_tx *tx, int64_t task_id);
/* The same of all that a batch has claimed. */
void lt_task_tx_claimed(struct lt_tx *tx, const char *claim);
/* What runs in that process (core/member.h) will be queued again by the next statement. */
void lt_task_tx_all_queued(struct lt_tx *tx, int64_t process);
void lt_task_tx_progress(struct lt_tx *tx, const struct lt_task_ref *ref, const struct lt_progress *progress);
void lt_task_tx_forget(struct lt_tx *tx, int64_t task_id);

/* Shared by inside*.c only. A call is a job of two: the fiber that waits for it and does what the plugin asks for, and who runs the function. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "io/fiber.h"
#include "plugin/ask.h"
#include "plugin/crash.h"
#include "plugin/hold.h"
#include "plugin/inside.h"
#include "plugin/library.h"

struct lt_inside {
    struct lt_library library;
    struct lt_crash_note note;
    char id[64];
    atomic_bool blocking;       /* on threads */
    atomic_int held;            /* times that a function held a loop too long */
    atomic_int threads;         /* that run, also those that nobody waits for */
    struct lt_holds *holds;     /* not blocking: who holds which loop */
};

enum lt_job_state { RUNNING, ASKS, GIVES_PIECE, DONE };

struct lt_job {
    struct lt_task task;        /* first: wakes the fiber */
    atomic_int refs;            /* the fiber, the thread, a posted task */
    struct lt_inside *inside;
    struct lt_loop *loop;
    struct lt_fiber *fiber;     /* NULL: it has left; loop thread only */
    const struct lt_plugin_call *call; /* the fiber's; the thread reads its own copy */
    struct lt_plugin_asker asker; /* the fiber's */
    struct lt_library_user user;
    struct lt_library_call own; /* what the function gets, in `arena` */
    struct lt_arena *arena;     /* of whoever runs the function */
    char function[160];         /* "tool/dice.call()" */
    struct lt_error broken;     /* what a piece could not be taken for; code LT_OK: nothing */
    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t answered;
    enum lt_job_state state;
    bool posted, left, resumed;
    struct lt_str asked;        /* the question, or the piece; the thread's */
    struct lt_str given;        /* the answer, copied to the thread's arena while it waits */
    int32_t given_rc;
    enum lt_code rc;
    struct lt_str answer;
    struct lt_error err;
};

/* Makes the fiber look again. Under the job's lock, any thread. */
void lt_inside_wake(struct lt_job *job);
/* What functions say for the log. ctx: the job. Any thread. */
void lt_inside_log(void *ctx, enum lt_log_level level, struct lt_str text);
/* The fiber's: answers a question of plugin/ask.h, takes a piece. Codes of the border; *ret, one object, in the call's arena. */
int32_t lt_inside_ask(struct lt_job *job, struct lt_str question, struct lt_str *ret);
int32_t lt_inside_piece(struct lt_job *job, struct lt_str piece);
/* For who runs the function: the object that answers its question, in the arena, and its code. rc: how the asking went. */
enum lt_code lt_inside_answer(struct lt_arena *arena, int32_t rc, struct lt_str answer, const struct lt_json **ret);
/* Frees it with the last one. */
void lt_inside_job_unref(struct lt_job *job);

/* The two ways to run it; job->answer is what it answers. Fiber. */
enum lt_code lt_inside_on_thread(struct lt_job *job, struct lt_error *err);
enum lt_code lt_inside_on_fiber(struct lt_job *job, struct lt_error *err);

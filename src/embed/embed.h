/*
 * Private to src/embed/: what lies behind include/lectern/lectern.h.
 *
 * A handle has one thread, which opens everything, runs one loop and closes everything again: whatever takes memory from a thread's own pools
 * (arenas) happens there. Callers hand jobs over by lt_loop_post() and wait on the job, never on the thread.
 */
#pragma once
#include <lectern/lectern.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "cli/engine.h"
#include "core/caller.h"
#include "core/stop.h"
#include "io/fiber.h"

enum {
    LT_EMBED_CALLS = 1000, /* that run at once, unless the options say otherwise */
    LT_EMBED_CALLS_MAX = 24000,
    LT_EMBED_GRACE_MS = 10000, /* that the end of a cancelled call may take to become durable */
};

/* The texts of options and requests, copied: what the caller gave may go while they are still needed. */
struct lt_embed_text {
    char *p; /* NULL: not given */
    size_t n;
};

enum lt_embed_state { LT_EMBED_OPENING, LT_EMBED_OPEN, LT_EMBED_CLOSED };

struct lectern {
    /* since lectern_open(), never changed */
    struct lectern_options options; /* its texts are those of `texts` */
    struct lt_embed_text texts[6];
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;         /* state; by the monotonic clock */
    enum lt_embed_state state;      /* lock */
    struct lt_error err;            /* lock: why it is CLOSED without having been OPEN */
    bool abandoned;                 /* lock, and log_lock to write: nobody waits for it to open any more, its thread frees it */
    pthread_rwlock_t log_lock;      /* held while options.log is called, which ends when the handle is abandoned */

    pthread_rwlock_t config_lock;
    struct lt_config *config;       /* config_lock: for threads that have no loop; written and let go by the handle's */
    atomic_bool closing;            /* nothing new is begun */
    atomic_uint jobs_n;             /* begun and not ended */
    uint64_t patience_ms;           /* of lectern_close() */
    struct lt_task closer;

    /* the handle's thread only */
    struct lt_arena *arena;
    struct lt_settings settings;
    struct lt_engine engine;
    struct lt_loop *loop;           /* set before it is OPEN, then read by all */
    struct lt_fiber *watcher;
    struct lt_stop_watch stops;
    struct lectern_job *jobs;       /* whose fiber runs, newest first */
    bool ended;                     /* what comes now is cancelled */
};

/* ---- texts and errors (error.c) ---- */
/* A copy with a NUL behind it. LT_EOVERLOADED: no memory. */
enum lt_code lt_embed_keep(struct lt_str s, struct lt_embed_text *ret, struct lt_error *err);
/* A copy of a text that ends with NUL, NULL as "". LT_EINVALID_INPUT with the field: missing though needed, too long, no UTF-8. */
enum lt_code lt_embed_keep_text(const char *p, const char *field, size_t max, bool needed, struct lt_embed_text *ret, struct lt_error *err);
/*
 * Reads a struct whose first member is its size as its caller knows it: what the caller does not know is 0. LT_EINVALID_INPUT: it is shorter
 * than the first form was. LT_EUNSUPPORTED: the caller wants what only a newer library has.
 */
enum lt_code lt_embed_read(const void *given, const char *name, size_t first_size, void *ret, size_t size, struct lt_error *err);
/* Fills as much as the caller knows. ret may be NULL; err NULL: nothing went wrong. Returns LECTERN_FAILED, LECTERN_DONE without err. */
int lt_embed_report(const struct lt_error *err, struct lectern_error *ret);
/* The monotonic time `ms` from now, for pthread_cond_timedwait(). */
struct timespec lt_embed_until(uint64_t ms);
/* A condition variable that goes by it. */
void lt_embed_cond_init(pthread_cond_t *cond);

/* ---- setting up (setup.c) ---- */
/* Makes the site of lectern_options.setup unless there is one of that name. Handle's thread, before its loop. LT_EINVALID_INPUT with the field. */
enum lt_code lt_embed_setup(struct lt_store *store, const char *text, struct lt_error *err);

/* ---- jobs (job.c) ---- */
/*
 * Something that runs on a fiber of the handle while the caller waits or goes on. One reference is the caller's, one the loop's until it has ended,
 * one each task's that was posted.
 */
struct lectern_job {
    atomic_int references;
    struct lectern *handle;        /* good until it is done */
    struct lt_loop *loop;          /* the same */
    void (*body)(struct lectern_job *job, struct lt_arena *arena, struct lectern_answer *ret); /* fiber */
    void (*free)(struct lectern_job *job); /* the struct that it lies in */
    uint64_t deadline_ms;          /* lt_mono_ms() scale */
    bool by_caller;                /* pieces wait for the thread that waits for the end */
    int (*on_piece)(void *ctx, const char *p, size_t n);
    void (*on_end)(void *ctx, struct lectern_job *job);
    void *ctx;

    pthread_mutex_t lock;
    pthread_cond_t changed;        /* a piece, or the end; by the monotonic clock */
    bool done;                     /* lock */
    struct lectern_answer *answer; /* lock: one reference, when done */
    struct lt_buf pieces;          /* lock: of a stream by_caller, not taken yet */
    bool stalled;                  /* lock: the fiber waits for room in pieces */
    bool cancel_posted, wake_posted; /* lock */
    struct lt_task starter, canceller, waker;

    /* the handle's thread only */
    struct lt_fiber *fiber;        /* NULL: does not run */
    struct lectern_job *next, **at; /* of handle->jobs */
    struct lt_timer timer;
    bool late;                     /* its deadline cancelled it */
};

/* Clears and fills what every job has. timeout_ms as of struct lectern_request. */
void lt_job_init(struct lectern_job *job, struct lectern *handle, uint32_t timeout_ms);
/* Begins it; from here on the loop has a reference too. LT_EOVERLOADED, LT_ECONFLICT (closing): it was not begun. */
enum lt_code lt_job_post(struct lectern_job *job, struct lt_error *err);
/* Waits for its end, handing on pieces meanwhile. False: it has not ended when the deadline and the grace behind it were over. Not on a loop. */
bool lt_job_attend(struct lectern_job *job);
void lt_job_unref(struct lectern_job *job);
/* Begins it, waits for its end, tells it, and lets go of it. */
int lt_job_settle(struct lectern_job *job, struct lectern_error *error);
/* Makes the answer a failure; what its deadline has cancelled is "timeout". Its fiber. */
void lt_job_fail(struct lectern_job *job, struct lt_error *err, struct lectern_answer *answer);
/* Cancels all that run, and what comes. Handle's thread. */
void lt_jobs_end(struct lectern *handle);
/* A piece for on_piece, as lt_call_request.on_text. */
enum lt_code lt_job_piece(void *job, struct lt_str piece);
/* LT_ECONFLICT on a thread that must not wait. */
enum lt_code lt_embed_may_wait(struct lt_error *err);

/* ---- services (service.c) ---- */
enum lt_embed_scope { LT_SCOPE_SITE, LT_SCOPE_USER, LT_SCOPE_ROLES, LT_SCOPE_COURSE, LT_SCOPE_LOCATION, LT_SCOPE_PLACEMENT, LT_SCOPE_TEXTS };
struct lectern_lease {
    struct lt_lease lease;
    struct lt_embed_text texts[LT_SCOPE_TEXTS]; /* of the scope, as they were given */
};

/* ---- answers (answer.c) ---- */
struct lectern_answer {
    atomic_int references;
    struct lectern_error error;
    char id[37];
    struct lt_embed_text response, text, provider, model;
    int64_t prompt_tokens, completion_tokens;
};
/* One that says that nothing has happened; NULL: no memory. */
struct lectern_answer *lt_answer_new(void);
struct lectern_answer *lt_answer_ref(struct lectern_answer *answer);

/* ---- who asks, and where (request.c) ---- */
/* Roles parted by spaces; "": student. LT_EINVALID_INPUT names one that there is not. */
enum lt_code lt_embed_roles(struct lt_str list, unsigned *ret, struct lt_error *err);
/* The site of that slug, or the only one. LT_ENOT_FOUND, LT_EMULTIPLE with the field /site. */
enum lt_code lt_embed_site(const struct lt_config *config, struct lt_str slug, struct lt_site **ret, struct lt_error *err);

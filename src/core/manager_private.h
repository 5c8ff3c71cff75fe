/*
 * The manager's own parts: what they share. manager.c makes it and says what is available, process.c takes a call from its begin to its
 * end, attempt.c asks the instances, listener.c hands the answer on as it comes.
 */
#pragma once
#include "core/admission.h"
#include "core/answer_cache.h"
#include "core/breaker.h"
#include "core/calls.h"
#include "core/charge.h"
#include "core/gates.h"
#include "core/guard.h"
#include "core/lms_roles.h"
#include "core/metrics.h"
#include "core/refusal.h"
#include "core/span.h"
#include "core/stop.h"
#include "core/unended.h"
#include "core/unended.h"
#include "core/trace.h"
#include "text/think.h"

enum { LT_ANSWER_MAX = 4 << 20 /* bytes of an answer */ };

struct lt_manager {
    struct lt_store *store;
    struct lt_tls *tls;
    const char *recordings_dir, *files_dir;
    struct lt_arena *arena; /* compiled schemas, SQL texts */
    const struct lt_action_state *_Atomic actions;
    struct lt_calls calls;
    _Atomic int64_t lost_at;   /* ms; this process was taken for dead, and what it ran was broken off; 0: never */
    struct lt_refusals refusals;
    struct lt_unended unended;
    struct lt_stops *stops;
    struct lt_breakers breakers;
    struct lt_admission admission;
    struct lt_ledger *ledger;
    struct lt_lms_roles_stats lms_roles;
    struct lt_metrics *metrics;
    atomic_ulong cache_hits, cache_misses; /* of the response cache */
    struct lt_tracer *tracer;  /* NULL: nobody traces */
};

/* What the present attempt may come to. */
struct lt_expense {
    const struct lt_price *price; /* of the model that is asked for; NULL: none */
    int64_t input_tokens;         /* of what is sent, at most; 0: nobody counts */
};

/* One call: lies in the request's arena and belongs to its fiber. */
struct lt_process {
    struct lt_manager *manager;
    const struct lt_call_request *request;
    struct lt_call_result *result;
    const struct lt_action_state *action;
    struct lt_site_load *site_load; /* counts it while it runs */
    struct lt_charge charge;   /* what it holds of its limits */
    struct lt_expense expense;
    size_t files_n;            /* pictures that may lie on disk, numbered from 1 */
    int gate;                  /* that refused it; LT_GATES: none did */
    uint64_t began_us, first_us; /* first_us: when the first piece of an answer came; 0: none has */
    bool asked;                /* a provider was: it counts as a request */
    bool ours;                 /* the fault is this machine's: nobody else is asked */
    struct lt_running running; /* first use: from begin to end in the table */
    struct lt_commit begin;
    bool begun;                /* the begin record is durable */
    int64_t begun_by;          /* number of the process among those on its database; 0: there are no others */
    struct lt_buf raw;         /* the present attempt's answer as the vendor gives it, where it is not shown as it comes */
    struct lt_buf shown;       /* what on_text was given */
    struct lt_buf clean;       /* a piece on its way from raw to shown */
    struct lt_think think;
    size_t checkpointed;       /* bytes of shown that are in checkpoints */
    int checkpoints;
    bool checkpoint_armed;
    struct lt_timer timer;
    const struct lt_json *input;   /* of the request, with placeholders where the guard has put them */
    struct lt_guard_watch *watch;  /* NULL: nothing of this call is guarded */
    struct lt_guard_stream restoring;
    struct lt_buf restored;        /* a piece on its way from shown to the listener */
    bool guarded;              /* the answer is shown only when rules have seen all of it */
    bool hold;                 /* the answer is to be JSON: it is checked before it is shown */
    struct lt_str misfit;      /* an answer that was not in the form asked for, and why: the next try is to mend it */
    char misfit_why[512];
    bool thread_sent;          /* the present attempt goes on from what the vendor keeps */
    bool thread_lost;          /* the vendor does not know it any more */
    const struct lt_neutral_result *answer; /* of the attempt that succeeded */
    struct lt_action_call action_call;
    struct lt_trace_call *trace; /* NULL: it is not traced */
    struct lt_answer_cache_use cache;
    char user_hash[65];        /* what vendors get in the place of the user's id */
};


/* ---- attempt.c ---- */

/* Asks the eligible instances in order until one answers; fills the result's attempts and, on success, its response. Fiber. */
enum lt_code lt_process_ask(struct lt_process *c, struct lt_error *err);

/* ---- answer_cache.c ---- */

/*
 * The compiled call may have been answered before: fills the run's result, as a provider does. Only where the profile of the call has settings with
 * `response_cache`. Fiber.
 */
bool lt_process_cached(struct lt_process *c, struct lt_provider_run *run);
/* Into the unit of the end, when the content of a call goes there: keeps its answer, or notes where that came from. */
void lt_process_record_cache(const struct lt_process *c, struct lt_tx *tx);

/* ---- expense.c ---- */

/* Where limits of tokens or money count, the vendor is always told how long the answer may be. */
void lt_process_bound_answer(const struct lt_process *c, const struct lt_provider_run *run, struct lt_neutral_call *call);
/* Reserves what the attempt may need at most. LT_ERATE_LIMITED, LT_EBUDGET: it must not be made. */
enum lt_code lt_process_afford(struct lt_process *c, const struct lt_provider_run *run, struct lt_error *err);
/* The attempt has ended with rc, asked: after the provider was. Settles what was reserved, and returns what it cost (-1: not known). */
int64_t lt_process_spent(struct lt_process *c, const struct lt_provider_run *run, bool asked, enum lt_code rc);

/* ---- made_image.c ---- */

/* Takes the pictures of the result to disk and fills result.pictures. LT_EUPSTREAM_INVALID: one of them is none that is taken. Fiber. */
enum lt_code lt_process_take_images(struct lt_process *c, struct lt_provider_run *run, struct lt_error *err);
/* Their rows, into the unit of the end, and rows of what could not be dropped, by which it is removed later. */
void lt_process_record_images(struct lt_process *c, struct lt_tx *tx);
/* The unit of the end was not written: all of the call's files are to go. */
void lt_process_leave_images(struct lt_process *c, struct lt_tx *tx);
/* Of a call that failed no picture stays, nor of attempts before the one that succeeded. Fiber. */
void lt_process_drop_images(struct lt_process *c);

/* ---- kept_thread.c ---- */

/* Of the instances to be asked, does this one keep the thread that the request goes on? */
bool lt_process_keeps_thread(const struct lt_process *c, const struct lt_provider_instance *instance);
/* Makes the compiled call one that goes on from what the instance keeps, or asks it to keep the answer; elsewhere nothing changes. */
void lt_process_use_thread(struct lt_process *c, const struct lt_provider_run *run, struct lt_neutral_call *call);

/* ---- listener.c ---- */

/* Is the answer shown as it comes? */
static inline bool lt_process_shows(const struct lt_process *c)
{
    return c->request->on_text && !c->hold && !c->guarded;
}
/* Is what it shows to be restored? */
static inline bool lt_process_restores(const struct lt_process *c)
{
    return c->watch && c->watch->restores;
}
/* The provider's on_text: keeps the piece and shows what of it may be shown. */
enum lt_code lt_process_on_text(struct lt_provider_run *run, struct lt_str piece, struct lt_error *err);
/* The provider has ended with `text`, which was checked: shows what of it was held back. */
enum lt_code lt_process_show_rest(struct lt_process *c, struct lt_str text, struct lt_error *err);
/* Writes a checkpoint of what was shown and is in none yet. */
void lt_process_checkpoint(struct lt_process *c);
/* lt_timer's: a checkpoint is due. */
void lt_process_checkpoint_due(void *process);

/*
 * Tasks: workflows that run in the background. One row each in the store; nothing of a task is only in memory but the progress of the
 * last half second. Each is delivered at least once: an attempt that a crash or a stop broke off is made again. Its end is stored once: only
 * the attempt that claimed the task last can end it.
 *
 *     queued ──claim──▶ running ──▶ completed | failed | timeout | cancelled
 *        ▲                 │
 *        └─────────────────┘ a fault that may be tried again, a stop, a crash
 *
 * A task cannot wait without its input: that lies in the store until the task has ended, also where a site keeps no content (store_content:
 * false). Such a site's results, which somebody has yet to fetch, are kept for LT_TASK_BRIEF_MS at most, and error details not at all.
 *
 * Everything here: fiber, or outside loops. Results lie in the arena of the call.
 */
#pragma once
#include "workflows/run.h"

enum {
    LT_TASK_TRIES_MAX = 3,              /* attempts that fail in a way that may be tried again */
    LT_TASK_INPUT_MAX = 2 << 20,        /* bytes of input (as JSON), content and prompt together */
    LT_TASK_RESULT_MAX = LT_WORKFLOW_RESPONSE_MAX + (64 << 10), /* bytes of JSON */
    LT_TASK_KEY_MAX = 255,              /* bytes of an idempotency key */
    LT_TASK_BACKOFF_MS = 2000,          /* before the second attempt; four times that before the next */
    LT_TASK_BACKOFF_MAX_MS = 60 * 1000, /* also when a service asks for more */
    LT_TASK_BRIEF_MS = 3600 * 1000,
    LT_TASK_LIST_MAX = 1000,
};

enum lt_task_state { LT_TASK_QUEUED, LT_TASK_RUNNING, LT_TASK_COMPLETED, LT_TASK_FAILED, LT_TASK_TIMEOUT, LT_TASK_CANCELLED, LT_TASK_STATES };
const char *lt_task_state_name(enum lt_task_state state);
/* -1 when there is none of that name. */
int lt_task_state_parse(struct lt_str name);
static inline bool lt_task_ended(enum lt_task_state state)
{
    return state > LT_TASK_RUNNING;
}

struct lt_progress {
    char message[LT_PROGRESS_MAX + 1]; /* "" = none */
    double fraction;                   /* 0 to 1; below 0: not known */
    int64_t events;                    /* number of the last event (task_event.h); 0: not known */
};

struct lt_workflow_task {
    int64_t id;
    struct lt_uuid uuid;
    struct lt_str uuid_text;
    int64_t site_id;
    struct lt_str user_id;             /* "" = a key asked and named nobody */
    int64_t profile_id, scope_id;      /* scope 0: none */
    struct lt_str profile_slug, course_id, location_id, action;
    enum lt_task_state state;
    int64_t attempt, tries;
    bool cancel_asked;
    struct lt_str message;             /* "" = none */
    double fraction;                   /* below 0: not known */
    struct lt_str run_id;              /* "" = it has not run */
    struct lt_error error;             /* LT_OK: none */
    int64_t created_at, started_at, completed_at; /* ms; 0: not yet */
    bool again;                        /* lt_task_add() found it: it was asked for before with the same key */
    struct lt_str result;              /* JSON, as lt_workflow_write_result() writes it; p NULL: none, or not kept any more */
};

/* ---- asking (task.c) ---- */

/*
 * Queues the run of q (config, caller, place, profile, action, input); durable when it returns. key: the same key of the same user with the
 * same hash gives the task that there is already; "" = none. LT_EKEY_REUSED: the key came with something else. LT_ETOO_LARGE.
 * LT_ERATE_LIMITED: as many of the user's tasks wait as may; LT_ESITE_BUSY: of the site's. Whether it can run is the caller's to check.
 */
enum lt_code lt_task_add(const struct lt_workflow_request *q, struct lt_str key, const uint8_t hash[32], struct lt_workflow_task *ret,
                         struct lt_error *err);
/* By UUID, with its result. LT_ENOT_FOUND, also when it is another site's. */
enum lt_code lt_task_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str uuid, struct lt_workflow_task *ret,
                          struct lt_error *err);

struct lt_task_filter {
    int64_t site_id;
    struct lt_str user_id, course_id;  /* "" = any */
    int state;                         /* enum lt_task_state; -1 = any */
    int64_t before_id;                 /* cursor: older than this one; 0 = from the newest on */
    int limit;                         /* 1 to LT_TASK_LIST_MAX */
};
/* Newest first, without results. */
enum lt_code lt_task_list(struct lt_store *store, struct lt_arena *arena, const struct lt_task_filter *filter, struct lt_workflow_task **ret,
                          size_t *ret_n, struct lt_error *err);
/*
 * One that waits is cancelled at once. One that runs is marked: whoever runs it has to be told (task_queue.h), or sees it within a second.
 * *ret: what its state is now; one that had ended stays as it was.
 */
enum lt_code lt_task_cancel(struct lt_store *store, const struct lt_workflow_task *task, enum lt_task_state *ret, struct lt_error *err);

/* ---- running (task.c) ---- */

struct lt_task_ref {
    int64_t id, attempt;               /* attempt: before the claim */
};
/*
 * Those that may be claimed now, at most max: of sites, and in them of users, that have the fewest running first, the oldest first. In the
 * arena.
 */
enum lt_code lt_task_waiting(struct lt_store *store, struct lt_arena *arena, int64_t now_ms, int max, struct lt_task_ref **ret, size_t *ret_n,
                             struct lt_error *err);
/* queued → running. LT_ECONFLICT: somebody else was first. *ref then has the attempt that it is. */
enum lt_code lt_task_claim(struct lt_store *store, struct lt_task_ref *ref, struct lt_error *err);

/* What a claimed task needs to run: filled are caller (all but key and site), ids, texts and input. */
struct lt_task_order {
    struct lt_workflow_task task;
    struct lt_caller caller;
    int64_t key_id;
    bool policy_by_lms;
    bool no_store;
    struct lt_str ui_slot_selector_id, placement, content, prompt;
    const struct lt_json *user_input;  /* NULL: none */
    int64_t events;                    /* number of the last event so far */
};
enum lt_code lt_task_load(struct lt_store *store, struct lt_arena *arena, int64_t id, struct lt_task_order *ret, struct lt_error *err);

/* How an attempt came out. */
struct lt_task_end {
    enum lt_task_state state;          /* LT_TASK_QUEUED: it is to be made again */
    int64_t not_before;                /* ms; of one that is queued again */
    bool failed_try;                   /* the attempt counts as one of LT_TASK_TRIES_MAX */
    bool store_content;                /* of the site: keeps the error's detail */
    const struct lt_error *error;      /* LT_OK: completed */
    struct lt_str run_id, result;      /* result: JSON of a completed one */
    const struct lt_progress *progress; /* the last */
};
/*
 * Stores it in one unit and drops the input of what has ended. LT_ECONFLICT: this attempt is not the task's any more, nothing is stored. What
 * is to be made again, and was cancelled meanwhile, is cancelled.
 */
enum lt_code lt_task_finish(struct lt_store *store, const struct lt_task_ref *ref, const struct lt_task_end *end, struct lt_error *err);
/* The same as statements of a larger unit, which fails with LT_ECONFLICT when this attempt is not the task's any more. */
void lt_task_tx_finish(struct lt_tx *tx, const struct lt_task_ref *ref, const struct lt_task_end *end);
/* The same without waiting, and without a result; when the attempt is not the task's any more, nothing happens. Any thread. */
void lt_task_post_finish(struct lt_store *store, const struct lt_task_ref *ref, const struct lt_task_end *end);
/* Writes how far it is, as an event too, without waiting. Any thread. */
void lt_task_post_progress(struct lt_store *store, const struct lt_task_ref *ref, const struct lt_progress *progress);
/* Ids of running tasks whose cancel was asked for, at most max, and how many are queued. In the arena. */
enum lt_code lt_task_look(struct lt_store *store, struct lt_arena *arena, int max, int64_t **ret_cancel, size_t *ret_n, int64_t *ret_queued,
                          struct lt_error *err);

/* What ran in a process that is gone (or LT_MEMBER_ANY, LT_MEMBER_NONE: core/member.h) is queued again, as a failed try. *ret_n: how many. */
enum lt_code lt_task_recover(struct lt_store *store, int64_t process, size_t *ret_n, struct lt_error *err);
/* Removes what ended longer ago than its site keeps it, in small units, at most max of them. *ret_more: there is more to remove. */
enum lt_code lt_task_sweep(struct lt_store *store, const struct lt_config *config, int64_t now_ms, int max, bool *ret_more, struct lt_error *err);

/* ---- pure ---- */
/* Why an attempt was broken off, when it was. */
enum lt_task_break { LT_TASK_GOES_ON, LT_TASK_ASKED, LT_TASK_TOO_LONG, LT_TASK_STOPPING };
/*
 * What becomes of a task whose attempt came out with error. kept: something of it was stored, so it is not repeated. Fills state, not_before
 * and failed_try of *ret, and *ret_why with what is told of it.
 */
void lt_task_decide(enum lt_task_break broken, const struct lt_error *error, bool kept, int64_t tries, int64_t now_ms, struct lt_task_end *ret,
                    struct lt_error *ret_why);

/* ---- showing (task_show.c) ---- */
/*
 * {"id", "number", "state", "progress": {"message", "fraction"?}, "user_id", "profile", "scope_id", "course_id", "location_id", "action", "attempt",
 * "created_at", "started_at", "completed_at", "result"?, "error"?: {"code", "title", "detail"}}; detail: what the reader may know of the error.
 */
void lt_task_write(struct lt_jw *w, const struct lt_workflow_task *task, const char *detail);

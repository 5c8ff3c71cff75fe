/*
 * The manager: the only way to AI (DESIGN §2 rule 1). process_action() walks the gates, records the begin, tries the eligible provider
 * instances in order, hands on the answer as it comes, and records attempts and end before it returns.
 */
#pragma once
#include "base/uuid.h"
#include "core/action.h"
#include "core/breaker.h"
#include "core/caller.h"

struct lt_manager;
struct lt_trace; /* core/trace.h */
struct lt_guard_talk; /* core/guard.h */

struct lt_manager_options {
    struct lt_store *store;
    struct lt_tls *tls;      /* for upstreams */
    const char *recordings_dir; /* for the provider `replay`, valid as long as the manager; NULL: none */
    const char *files_dir;   /* for pictures, the same; NULL: none can be made */
    int max_running_calls;   /* 0: what the number of fibers allows */
};
struct lt_manager *lt_manager_new(const struct lt_manager_options *options);
void lt_manager_free(struct lt_manager *manager);
/* Creates ai_action_<name> tables that are missing, marks calls that an earlier process left unfinished as interrupted (recover; where other processes
 * live on the database, nothing is), and reads what was used of limits. Start-up. */
enum lt_code lt_manager_prepare(struct lt_manager *manager, bool recover, struct lt_error *err);
/*
 * Calls of a process that is gone (or LT_MEMBER_ANY, LT_MEMBER_NONE: core/member.h) are interrupted. With own_files, by who holds the lock of the data
 * directory before any call runs: pictures that were not recorded are removed from it. Fiber, or outside loops.
 */
enum lt_code lt_manager_recover(struct lt_manager *manager, int64_t process, bool own_files, struct lt_error *err);
/* Calls whose end could not be written become `interrupted` once the store writes again. About once a second by a daemon; one load when there is none. Fiber. */
enum lt_code lt_manager_end_left(struct lt_manager *manager, struct lt_error *err);
/* This process was taken for dead, and others have recovered what runs here: it is broken off. Any thread. */
void lt_manager_lost(struct lt_manager *manager);
/* The same as preparing, for an action that comes to the registry later, before anybody can find it there. Nothing happens for one that is known. Blocking; one
 * thread at a time. LT_ECONFIG: its schema or its columns are not right. */
struct lt_action;
enum lt_code lt_manager_prepare_action(struct lt_manager *manager, const struct lt_action *action, struct lt_error *err);

/* To be called about once a minute by a daemon: bounds what a later start has to look through for unfinished calls, and forgets what was used of
 * limits whose windows are over. Any thread. */
void lt_manager_mark(struct lt_manager *manager);

struct lt_attempt {
    const struct lt_provider_instance *instance;
    bool success;
    enum lt_code code;
    int vendor_status;
    uint32_t duration_ms;
    struct lt_str model, detail;
    struct lt_usage usage;
    int64_t cost;            /* millionths of the site's currency, at the price of that moment; -1: not known */
};

/*
 * A conversation that the vendor may keep. The input has all of it that is known here, so that every instance can answer. An instance that keeps
 * threads is asked to keep this answer; the one that has kept the thread so far is asked first, and gets the instructions and what is new alone.
 * When the vendor does not know the thread any more, the same call is made once more with everything. A site that stores no content has nothing
 * kept by others either.
 */
struct lt_call_thread {
    int64_t instance_id;       /* that keeps it; 0: nobody yet */
    struct lt_str response_id; /* of its last answer; "" = none */
    size_t new_n;              /* so many messages at the end of the input are not in it */
};

/* What a workflow's profile says of a call. An administrator has written it: the caller needs no permission to choose. */
struct lt_call_profile {
    struct lt_str provider;  /* an instance's name or id; "" = whichever serves */
    struct lt_str vendor;    /* only instances of this plugin or name; "" = of any */
    bool own_form;           /* the input is of the action's own form: the action's instruction stays */
    const struct lt_json *settings; /* over those of the action at the instance: model, temperature, …; NULL: none */
    const struct lt_call_thread *thread; /* of a conversation; NULL: it is none, and nothing is to be kept */
    struct lt_str slug;      /* of the profile, for rules that are for some; "" = none */
    enum lt_wish cache;      /* is the prompt worth keeping at the vendor for the next call? */
};

struct lt_call_request {
    struct lt_arena *arena;
    struct lt_config *config;
    const struct lt_caller *caller;
    struct lt_place place;
    struct lt_str action;
    const struct lt_json *input;
    struct lt_uuid id;       /* that the call is to have; all zero: a new one */
    struct lt_str provider;  /* an instance's name or id, when the caller chooses; else empty */
    const struct lt_call_profile *profile; /* of a workflow, whose input holds all instructions, unless it says own_form: the action's own are left out; else NULL */
    bool policy_by_lms;      /* whoever asks vouches that the LMS has asked the user */
    bool stream;
    struct lt_trace *trace;  /* notes what the call is compiled to; NULL: nobody wants to see it */
    /*
     * Of a run: what it has replaced so far. The answer then stays as it is kept, with placeholders, in response and to on_text alike, and whoever
     * asks restores it. NULL: the call has one of its own and restores its answer by itself.
     */
    struct lt_guard_talk *talk;
    struct lt_uuid checks;   /* of the call whose text this one judges: no rule looks at it, so that there is no loop; all zero: none */
    bool test;               /* an administrator tries the instance `provider`: whether or not it is enabled or left alone, without policy */
    /*
     * The listener; all may be NULL. on_start: the id is known and the gates are passed (nothing durable yet, show nothing but the id).
     * on_text: called only after the begin record is durable; a piece of the answer with <think> taken out; non-zero ends the call.
     */
    void (*on_start)(void *ctx, struct lt_uuid id);
    enum lt_code (*on_text)(void *ctx, struct lt_str piece);
    void (*on_status)(void *ctx, struct lt_str message); /* what the user waits for meanwhile */
    void *ctx;
};

struct lt_call_result {
    struct lt_uuid id;
    char id_text[37];
    const struct lt_action *action; /* NULL when unknown */
    bool success;
    bool reached_provider;          /* false: refused at a gate */
    struct lt_error error;          /* when !success */
    struct lt_str response;         /* JSON object text, "{}" when failed */
    struct lt_str partial;          /* text shown before a failure */
    const struct lt_provider_instance *instance; /* that answered, or NULL */
    struct lt_str model;
    struct lt_str fingerprint;      /* of the vendor's set-up; empty: not told */
    struct lt_str response_id;      /* under which the instance keeps the thread that ends with this answer; "" = it keeps none */
    struct lt_str refusal;          /* the model's own words when it refused; else empty */
    struct lt_usage usage;
    int64_t cost;                   /* of all attempts, as in struct lt_attempt; -1: of one of them it is not known */
    struct lt_attempt *attempts;
    size_t attempts_n;
    int64_t created_at, completed_at; /* ms */
};

/*
 * Fiber. Returns ret->error.code (LT_OK on success); *ret is filled in every case, and when it returns the end record is durable (or the error
 * is LT_ESTORE). A cancelled fiber ends in LT_ECANCELLED with its partial text recorded.
 */
enum lt_code lt_process_action(struct lt_manager *manager, const struct lt_call_request *request, struct lt_call_result *ret);

/* The gates alone, without a record: is the action available to the caller here? The first gate that is closed says why not. Fiber. */
struct lt_availability {
    bool available;
    struct lt_error why;     /* when not */
    int64_t until_at;        /* ms, when that ends of itself (a switch, a limit's window); 0: not known */
};
struct lt_availability lt_action_availability(struct lt_manager *manager, const struct lt_caller *caller, const struct lt_place *place, struct lt_str action);
/* The same without when: *ret_error says why not. */
bool lt_action_available(struct lt_manager *manager, struct lt_config *config, const struct lt_caller *caller, const struct lt_place *place,
                         struct lt_str action, struct lt_error *ret_error);
/* The eligible instances of a site for an action, in order, with the reason (NULL = eligible) for those that are not. */
struct lt_candidate {
    const struct lt_provider_instance *instance;
    const char *reason;
    bool only_off;           /* nothing but a switch is in its way */
};
size_t lt_provider_candidates(struct lt_arena *arena, const struct lt_site *site, const struct lt_action *action, struct lt_candidate **ret);
/* The state of an instance's circuit in this process, for administrators and metrics. Any thread. */
struct lt_breaker_view lt_provider_circuit(struct lt_manager *manager, const struct lt_provider_instance *instance);

/* ---- calls that are running in this process ---- */
enum lt_code lt_call_cancel(struct lt_manager *manager, struct lt_uuid id, const struct lt_caller *caller, struct lt_error *err); /* any loop */
/* Cancels what runs of a user and began before that time (ms); how many there are that have not ended yet. Any thread. */
size_t lt_calls_cancel_user(struct lt_manager *manager, int64_t site_id, struct lt_str user_id, int64_t began_before);
bool lt_call_running(struct lt_manager *manager, struct lt_uuid id);
/* What a run waits for in the store may have come. Any loop. */
void lt_call_nudge(struct lt_manager *manager, struct lt_uuid id);
struct lt_running; /* core/calls.h */
/*
 * What runs on this fiber has that id, which may be its first call's: lt_call_cancel() finds it also while it asks nobody. *running lives
 * until lt_run_leave(), which comes before the fiber's end.
 */
void lt_run_enter(struct lt_manager *manager, struct lt_uuid id, const struct lt_caller *caller, struct lt_running *running);
void lt_run_leave(struct lt_manager *manager, struct lt_running *running);
/* Was it cancelled by an emergency stop (core/stop.h), or by lt_manager_lost()? LT_ESTOPPED, LT_EINTERRUPTED then, with what to say; else LT_OK. Its fiber. */
enum lt_code lt_run_stopped(struct lt_manager *manager, const struct lt_running *running, struct lt_error *err);
/* Reads the emergency stops: to be called five times a second (struct lt_stop_watch), and after this process has changed one. Fiber or start-up. */
enum lt_code lt_manager_look_at_stops(struct lt_manager *manager, struct lt_error *err);
/* Those that hold room, from their admission until their end is durable. */
int lt_calls_running(struct lt_manager *manager);
/* Those of one site, as far as they can be cancelled. Any thread. */
size_t lt_calls_running_of(struct lt_manager *manager, int64_t site_id);
/* LT_EOVERLOADED when as many calls run as may: one more would be refused. Any thread. */
enum lt_code lt_calls_check_room(struct lt_manager *manager, struct lt_error *err);
/* Calls that were refused because too many ran, since the start. */
uint64_t lt_calls_shed(struct lt_manager *manager);
/* Writes a checkpoint of what was shown so far, now: the client has left. Fiber or callback of the call's loop. */
void lt_call_checkpoint(struct lt_manager *manager, struct lt_uuid id);

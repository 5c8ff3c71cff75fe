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

struct lt_manager_options {
    struct lt_store *store;
    struct lt_tls *tls;      /* for upstreams */
    const char *recordings_dir; /* for the provider `replay`, valid as long as the manager; NULL: none */
    int max_running_calls;   /* 0: what the number of fibers allows */
};
struct lt_manager *lt_manager_new(const struct lt_manager_options *options);
void lt_manager_free(struct lt_manager *manager);
/* Creates ai_action_<name> tables that are missing, and marks calls that an earlier process left unfinished as interrupted. Start-up. */
enum lt_code lt_manager_prepare(struct lt_manager *manager, bool recover, struct lt_error *err);

/* To be called about once a minute by a daemon: bounds what a later start has to look through for unfinished calls. Any thread. */
void lt_manager_mark(struct lt_manager *manager);

struct lt_attempt {
    const struct lt_provider_instance *instance;
    bool success;
    enum lt_code code;
    int vendor_status;
    uint32_t duration_ms;
    struct lt_str model, detail;
    struct lt_usage usage;
};

/* What a workflow's profile says of a call. An administrator has written it: the caller needs no permission to choose. */
struct lt_call_profile {
    struct lt_str provider;  /* an instance's name or id; "" = whichever serves */
    struct lt_str vendor;    /* only instances of this plugin or name; "" = of any */
    bool own_form;           /* the input is of the action's own form: the action's instruction stays */
    const struct lt_json *settings; /* over those of the action at the instance: model, temperature, …; NULL: none */
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
    bool test;               /* an administrator tries the instance `provider`: whether or not it is enabled or left alone, without policy */
    /*
     * The listener; all may be NULL. on_start: the id is known and the gates are passed (nothing durable yet, show nothing but the id).
     * on_text: called only after the begin record is durable; a piece of the answer with <think> taken out; non-zero ends the call.
     */
    void (*on_start)(void *ctx, struct lt_uuid id);
    enum lt_code (*on_text)(void *ctx, struct lt_str piece);
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
    struct lt_usage usage;
    struct lt_attempt *attempts;
    size_t attempts_n;
    int64_t created_at, completed_at; /* ms */
};

/*
 * Fiber. Returns ret->error.code (LT_OK on success); *ret is filled in every case, and when it returns the end record is durable (or the error
 * is LT_ESTORE). A cancelled fiber ends in LT_ECANCELLED with its partial text recorded.
 */
enum lt_code lt_process_action(struct lt_manager *manager, const struct lt_call_request *request, struct lt_call_result *ret);

/* The gates alone, without a record: is the action available to the caller here? *ret_error says why not. For GET /v1/actions. */
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
bool lt_call_running(struct lt_manager *manager, struct lt_uuid id);
/* Those that hold room, from their admission until their end is durable. */
int lt_calls_running(struct lt_manager *manager);
/* LT_EOVERLOADED when as many calls run as may: one more would be refused. Any thread. */
enum lt_code lt_calls_check_room(struct lt_manager *manager, struct lt_error *err);
/* Calls that were refused because too many ran, since the start. */
uint64_t lt_calls_shed(struct lt_manager *manager);
/* Writes a checkpoint of what was shown so far, now: the client has left. Fiber or callback of the call's loop. */
void lt_call_checkpoint(struct lt_manager *manager, struct lt_uuid id);

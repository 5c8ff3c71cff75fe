/*
 * Running a workflow: the one path of every door. A profile names an orchestrator; the orchestrator runs one of the actions it declares,
 * step by step on the request's fiber; each step that asks a model goes through the manager.
 */
#pragma once
#include "core/guard.h"
#include "workflows/workflow_set.h"

struct lt_task_queue; /* workflows/task_queue.h */

enum {
    LT_PROGRESS_MAX = 500,             /* bytes of a progress message */
    LT_WORKFLOW_CONTENT_MAX = 1 << 20, /* bytes of inline content */
    LT_WORKFLOW_PROMPT_MAX = 100000,   /* bytes of a prompt */
    LT_WORKFLOW_CALLS_MAX = 64,        /* of the manager in one run */
    LT_WORKFLOW_RESPONSE_MAX = 12 << 20, /* bytes of what an orchestrator answers */
};

struct lt_workflow_result;
struct lt_approval; /* workflows/approval.h */

struct lt_workflow_request {
    struct lt_arena *arena;
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_task_queue *tasks;       /* told of tasks that the run starts; NULL: they begin when somebody looks */
    struct lt_config *config;          /* kept by the caller until the run has ended */
    const struct lt_caller *caller;
    const struct lt_profile *profile;
    const struct lt_scope *scope;      /* that led to the profile; NULL: the profile was named */
    struct lt_str course_id, location_id, ui_slot_selector_id, placement; /* "" = not given */
    struct lt_str content;             /* text of the place, which the placement sends along; "" = none */
    struct lt_str action;              /* what is asked of the orchestrator: "run", … */
    const struct lt_json *user_input;  /* any value; NULL = none */
    struct lt_str prompt;              /* in place of the profile's: slug or id of a prompt template, or an author's own text; "" = none */
    bool stream;                       /* the answer is asked for as it comes */
    bool sources_as_text;              /* the door gives text alone: what an answer cites is listed under it */
    struct lt_trace *trace;            /* notes what its calls are compiled to; NULL: nobody wants to see it */
    bool policy_by_lms;                /* whoever asks vouches that the LMS has asked the user */
    bool veiled;                       /* the answer is to be kept: it is not restored (core/guard.h) */
    bool no_store;                     /* nothing is to come from the response cache, or go there */
    /*
     * The listener; all may be NULL. on_start: the run has begun (nothing durable yet, show nothing but the id); when the first thing it
     * does is refused at a gate, it is not called. on_text: a piece of an answer that is text, after the begin record of its call is
     * durable; non-zero ends the run. on_progress: how far it is, as lt_run_progress() says, also before on_start. on_tool: a tool that the
     * model calls is running, done, failed or refused.
     */
    void (*on_start)(void *ctx, struct lt_uuid id);
    enum lt_code (*on_text)(void *ctx, struct lt_str piece);
    void (*on_progress)(void *ctx, struct lt_str message, double fraction);
    void (*on_tool)(void *ctx, const char *name, const char *state);
    /* The user is to be asked whether a tool may run (state pending), or has been. NULL: nobody can be asked, and such a tool is refused. */
    void (*on_approval)(void *ctx, const struct lt_approval *approval);
    /*
     * Something of the run is about to be stored, and the run has nothing else to do: adds to the unit what is to be stored with it or not at
     * all. error: LT_OK, and result->response is what the run answers; else what it was broken off with. False: nothing is to be stored, because
     * the run will be made again. May be asked several times, each time with a new unit.
     */
    bool (*on_keep)(void *ctx, struct lt_tx *tx, const struct lt_workflow_result *result, const struct lt_error *error);
    void *ctx;
};

struct lt_workflow_result {
    struct lt_uuid id;                 /* of the run; its first call at the manager has the same */
    char id_text[37];
    struct lt_error error;             /* LT_OK: it ended well */
    struct lt_str response;            /* JSON object: what the orchestrator answers, {"response", "status", …}; "{}" when it failed */
    /* Of the course text (core/connector.h): blocks that did not fit, and the first of their ids; it is of a while ago; bytes of inline text cut off. */
    size_t left_out_n;
    const struct lt_str *left_out;
    bool content_stale;
    size_t inline_cut;
    bool kept;                         /* an orchestrator has stored something of this run: it is not to be repeated by itself */
    bool cached;                       /* a call of it was answered from the response cache */
    bool text;                         /* the answer is text, and on_text (when there is one) was given all of it */
    struct lt_usage usage;             /* of all calls together; -1 where one of them is not known */
    int64_t cost;                      /* the same, in millionths of the site's currency */
    size_t calls_n;
    struct lt_uuid calls[LT_WORKFLOW_CALLS_MAX];
    int64_t session_id;                /* 0: it keeps no thread */
    struct lt_uuid session_uuid;
    int64_t created_at, completed_at;  /* ms */
};

/* The scope that decides in a context, and its profile. LT_ENO_CONFIG when there is none. Borrowed from the sets. Any thread. */
enum lt_code lt_workflow_resolve(const struct lt_workflow_set *set, struct lt_scope_set *scopes, const struct lt_scope_context *context,
                                 const struct lt_scope **ret_scope, const struct lt_profile **ret_profile, struct lt_error *err);

/* Does the profile ask that this action's answer be sent as text, piece by piece? False for what cannot run. */
bool lt_workflow_streams(const struct lt_profile *profile, struct lt_str action);

/*
 * What the request's prompt says: the body of the template that it names, when it has the form of a slug or an id; else the author's own text, which the
 * profile must allow (`allow_prompt: true`). It is for site keys, whose LMS vouches for its authors, and for who may manage_workflows. "" when there is
 * none. LT_EPERMISSION, LT_ENOT_FOUND, LT_EMULTIPLE, LT_EINVALID_INPUT, all with /prompt. Any thread.
 */
enum lt_code lt_workflow_prompt(const struct lt_workflow_request *request, struct lt_str *ret, struct lt_error *err);

/* What can be said before it runs: LT_EPROFILE_INVALID, LT_EUNKNOWN_ACTION, LT_ESITE_DISABLED, LT_EPERMISSION, and of its prompt. Any thread. */
enum lt_code lt_workflow_runnable(const struct lt_workflow_request *request, struct lt_error *err);

/*
 * A copy of the request whose texts have placeholders, as far as the site wants them, and what was replaced (NULL: nothing is). Fiber.
 * LT_ETOO_LARGE.
 */
enum lt_code lt_workflow_veil(const struct lt_workflow_request *request, struct lt_workflow_request *ret, struct lt_guard_talk **ret_talk,
                              struct lt_error *err);

/*
 * Fiber. Returns ret->error.code; *ret is filled in every case. LT_EPROFILE_INVALID, LT_EUNKNOWN_ACTION (the orchestrator does not declare it),
 * LT_ESITE_DISABLED, and what the steps fail with. A cancelled fiber ends in LT_ECANCELLED with what its calls had recorded.
 */
enum lt_code lt_workflow_execute(const struct lt_workflow_request *request, struct lt_workflow_result *ret);

/*
 * {"id", "profile", "scope_id", "session_id", "action", "success", "response", "calls", "usage", "created_at", "completed_at"} of a run that
 * ended well; with its trace, when the request has one.
 */
void lt_workflow_write_result(struct lt_jw *w, const struct lt_workflow_request *request, const struct lt_workflow_result *result);

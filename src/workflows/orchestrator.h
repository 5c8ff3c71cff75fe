/*
 * What an orchestrator and a processor are. Both are entries of the registry under their class name in small letters, one file each in
 * orchestrators/ and processors/. An orchestrator knows no door and no vendor: it runs steps and writes one JSON object.
 */
#pragma once
#include "core/outbox.h"
#include "content/sources.h"
#include "workflows/run.h"

/* One execution: lies in the request's arena and belongs to its fiber. */
struct lt_workflow_run {
    const struct lt_workflow_request *request;
    struct lt_workflow_result *result;
    const struct lt_json *processors;  /* processor_config of the profile */
    const struct lt_json *input;       /* user_input */
    const struct lt_orchestrator *orchestrator;
    struct lt_guard_talk *talk;        /* what was replaced by placeholders; NULL: nothing is */
    struct lt_guard_stream restoring;  /* the answer on its way to on_text */
    bool started;                      /* on_start was called */
    enum lt_event_kind event;          /* what other systems are told when it has ended well: workflow.completed, unless the orchestrator says otherwise */
    bool told;                         /* that is in a unit already */
    struct lt_running *running;        /* in the table of what runs (core/calls.h); NULL without a manager */
    struct lt_buf *out;                /* what the orchestrator has written of its answer */
    struct lt_str plain_content;       /* of the content step: course text as prose, for actions that take a text; "" = none */
    struct lt_sources *sources;        /* passages that were found for the run; NULL: it searches nothing */
    struct lt_cite cite;               /* of the call whose answer is being shown */
};

/* Runs one action and writes the answer as one JSON object. Fiber. */
typedef enum lt_code (*lt_orchestrator_fn)(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err);

struct lt_orchestrator_action {
    const char *name;                  /* NULL ends the list; whatever is not in it cannot be asked for */
    lt_orchestrator_fn execute;
};

struct lt_orchestrator {
    const char *class_name;            /* as profiles write it */
    const struct lt_orchestrator_action *actions;
    bool session_per_course;           /* its session is the course's, whatever the location */
    bool always_streams;               /* its answer is text in pieces, whatever the processors say */
    bool asks_no_model;                /* a run of it counts as one all the same */
};

/* A step. Profiles set it up in processor_config under its class name or the other one. */
struct lt_processor {
    const char *class_name, *other_name;
    /*
     * Works over the content of the place, for profiles that have its class name in processor_config: `text` ("" = there is none) becomes *ret, in
     * the request's arena. NULL: orchestrators run the step by themselves. Fiber.
     */
    enum lt_code (*process)(const struct lt_processor *self, struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str text,
                            struct lt_str *ret, struct lt_error *err);
};

/* NULL when there is none of that class name. */
const struct lt_orchestrator *lt_orchestrator_find(struct lt_str class_name);
/* NULL when there is none of that class name. */
const struct lt_processor *lt_processor_find(struct lt_str class_name);
/* A step's member of processor_config; NULL when it has none. */
const struct lt_json *lt_processor_settings(const struct lt_json *processor_config, const struct lt_processor *processor);
/* Adds the built-in orchestrators and processors to the registry. Start-up. */
enum lt_code lt_workflows_register(struct lt_error *err);

/* ---- what orchestrators do (run.c) ---- */

/* The settings of a step in processor_config; "{}" when absent. */
const struct lt_json *lt_run_settings(const struct lt_workflow_run *run, const struct lt_processor *processor);
/* The run has begun: for what asks no model. Once. */
void lt_run_start(struct lt_workflow_run *run);
/* Hands on a piece of an answer that is text, when somebody listens. LT_ECANCELLED and the like: the listener ended the run. */
enum lt_code lt_run_text(struct lt_workflow_run *run, struct lt_str piece, struct lt_error *err);
/* How far the run is, in words for the user (at most LT_PROGRESS_MAX bytes are shown); fraction 0 to 1, below 0: not known. */
void lt_run_progress(struct lt_workflow_run *run, const char *message, double fraction);

/* Forgets what was written of the answer, so that another can be written. */
void lt_run_answer_again(struct lt_workflow_run *run, struct lt_jw *response);
/*
 * For the unit in which an orchestrator stores what has come of the run, as the last thing that it does, once its answer is written (error LT_OK)
 * or the run was broken off (error says by what). False: the unit is to be discarded.
 */
bool lt_run_keep(struct lt_workflow_run *run, struct lt_tx *tx, const struct lt_error *error);

/* ---- in the background (orchestrators/background.c) ---- */
/*
 * Actions for orchestrators that keep a session, to be declared as {"run_async", lt_background_run} and
 * {"get_run_status", lt_background_status}. The first starts a task of the action `run` with the request's input and answers {"status":
 * "processing", "task_id", "message"}; the session's metadata keep its id, so that clearing the session forgets it. The second answers what
 * `run` answered when that task has completed; {"status": "processing", "task_id", "message"} before; {"status": "error" or "timeout",
 * "error"} when it failed; {"status": "idle"} when there is none.
 */
enum lt_code lt_background_run(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err);
enum lt_code lt_background_status(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err);

/* ---- citations (citations.c) ---- */
/* From now on the run's answers are looked through for markers. Again: nothing happens. */
void lt_run_search(struct lt_workflow_run *run);
/* An answer of a model, as it is shown: markers that name no passage are out. */
struct lt_str lt_run_cited(struct lt_workflow_run *run, struct lt_str text);
/*
 * At the end of the answer: for doors whose answers are text alone (sources_as_text of the request), the list of what was cited is added to *text,
 * and handed on to who listens.
 */
enum lt_code lt_run_cite_end(struct lt_workflow_run *run, struct lt_str *text, struct lt_error *err);
/* The member `citations` of an answer; nothing when the run searches nothing. */
void lt_run_write_citations(const struct lt_workflow_run *run, struct lt_jw *response);

/* ---- asking a model (run.c) ---- */
struct lt_run_call {
    const char *action;                /* of the manager: "continue_conversation" */
    const struct lt_json *input;
    const struct lt_call_profile *profile; /* which instance and model */
    bool show;                         /* the answer's pieces are the run's, when they are asked for */
};
/* process_action() for the run's caller and place. *ret is filled in every case; the usage is added to the run's. */
enum lt_code lt_run_ask(struct lt_workflow_run *run, const struct lt_run_call *call, struct lt_call_result *ret, struct lt_error *err);

/* ---- steps ---- */

extern const struct lt_processor lt_content_processor, lt_llm_processor, lt_educator_processor, lt_library_processor;

/*
 * processors/content.c: the content of the place, "" for no_context, worked over by the profile's processors in their order. LT_EINVALID_INPUT when
 * it needs what the request does not give.
 */
enum lt_code lt_content_process(struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err);

/* processors/llm.c */
struct lt_llm_question {
    struct lt_str content;             /* "" = none */
    const struct lt_message *history;  /* between the system messages and the user's text */
    size_t history_n;
    struct lt_str text;                /* the user's; "" = none */
    const struct lt_call_thread *thread; /* of a conversation that the vendor may keep, up to the user's text; NULL: it keeps none */
    bool single;                       /* of no conversation: summarize_content without a prompt may be the action summarise_text */
};
/*
 * What the user has written: user_input, or its member that is text. "" when there is none. Its member `submission` is what somebody else has
 * written, a learner's answer that a teacher has graded: it goes to the model by itself, marked off as the content is.
 */
struct lt_str lt_llm_user_text(const struct lt_workflow_run *run);
/*
 * System prompt, content as a second system message, history, the user's text: asks, and gives the answer's text. *ret is filled when the
 * manager was asked (ret->id_text is "" otherwise): a call that failed or was cancelled says in `partial` what was received.
 */
enum lt_code lt_llm_process(struct lt_workflow_run *run, const struct lt_llm_question *question, struct lt_call_result *ret, struct lt_str *ret_text,
                            struct lt_error *err);
/* The prompt that the step's settings name or bring, its placeholders not yet filled; "" when there is none. LT_ENOT_FOUND. */
enum lt_code lt_llm_own_prompt(const struct lt_workflow_run *run, const struct lt_processor *processor, struct lt_str *ret, struct lt_error *err);
/* The same; but the request's prompt, when it has one, stands in its place. */
enum lt_code lt_llm_prompt(const struct lt_workflow_run *run, const struct lt_processor *processor, struct lt_str *ret, struct lt_error *err);
/* {{NAME}} becomes the input's member `name`; what has no such member stays as it is. One pass: what was put in is not looked at again. */
struct lt_str lt_llm_fill(const struct lt_workflow_run *run, struct lt_str prompt, bool *ret_filled);
/* processors/llm_options.c: `provider`, `options` and `cache` of the step. LT_EPROFILE_INVALID. In the arena. */
enum lt_code lt_llm_options_read(struct lt_arena *arena, const struct lt_json *settings, struct lt_call_profile *ret, struct lt_error *err);
/*
 * processors/response_cache.c: `response_cache` of the step goes into profile->settings, unless the run wants nothing of it (no_store). For steps
 * without tools. LT_EPROFILE_INVALID.
 */
enum lt_code lt_llm_response_cache(const struct lt_workflow_run *run, const struct lt_json *settings, struct lt_call_profile *profile,
                                   struct lt_error *err);

/* processors/generate.c */
/* What it is to be about: the content of the place, else what the user wrote. LT_EINVALID_INPUT when there is neither. */
enum lt_code lt_generate_text(struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err);
struct lt_generation {
    const struct lt_processor *processor; /* whose provider, options and prompt count */
    const char *const *functions;      /* that a profile may name there, NULL-terminated; the first when it names none */
    const char *action;                /* of the manager */
    const struct lt_json *input;
    bool adds_prompt;                  /* the request's prompt is in the input: it does not stand in place of the step's */
    struct lt_call_result *call;       /* is filled when the manager was asked; NULL: nobody wants to know */
};
/* Asks for objects; *ret is the action's response. LT_EPROFILE_INVALID, and what the manager fails with. */
enum lt_code lt_generate(struct lt_workflow_run *run, const struct lt_generation *generation, const struct lt_json **ret, struct lt_error *err);

/* What orchestrators that keep their work in the session's metadata have in common: questions, cards. Fiber; results lie in the run's arena. */
#pragma once
#include "workflows/orchestrator.h"
#include "workflows/session.h"

struct lt_kept {
    struct lt_workflow_run *run;
    struct lt_session_key key;
    struct lt_session session;           /* id 0: there is none yet; one is made when there is something to keep */
    const struct lt_json *metadata;      /* as they were at lt_kept_open(); an empty object when there is no session */
};

/* `what` is one user's, as a complaint says it: "flash cards are". LT_EINVALID_INPUT when the run has no user. */
enum lt_code lt_kept_open(struct lt_workflow_run *run, const char *what, struct lt_kept *ret, struct lt_error *err);
struct lt_kept_change {
    lt_session_change_fn change;         /* as of lt_session_change_metadata() */
    /* Writes what the run answers, after `change`; kept: it is being stored. */
    void (*answer)(void *ctx, bool kept, struct lt_jw *response);
    void *ctx;                           /* of both */
};
/*
 * Changes the metadata and answers: what a run stores is stored together with its end, when it is a task's. Durable when it returns, and not
 * broken off by a cancel. Nothing is kept when the site keeps no content or when the session was cleared or removed since it was opened; `change`
 * is then asked with nothing there, so that what it makes can be answered.
 */
enum lt_code lt_kept_change(struct lt_kept *kept, const struct lt_kept_change *change, struct lt_jw *response, struct lt_error *err);
/* The action clear_session: {"response": "", "status": "session_cleared"}. */
enum lt_code lt_kept_clear(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err);

/*
 * Calls of tools that wait for the user's word. The row of the store decides, whoever comes first:
 *
 *     (asked) ──▶ pending ──▶ approved     the user allows it: the tool runs
 *                    ├──────▶ refused      the user does not: the model is told
 *                    ├──────▶ expired      nobody said anything in time: as refused
 *                    ├──────▶ cancelled    the run was stopped, or its client left for good
 *                    └──────▶ interrupted  this process was killed; written by the next one
 *
 * `pending` is durable before the user is asked, and the decision before the tool runs. Each arrow is one UPDATE that must change one row, so a
 * word that comes too late changes nothing. Only the stream of a run can ask: elsewhere (answers in one piece, tasks, the other doors) the tool is
 * refused. docs/tools.md
 */
#pragma once
#include "core/tool.h"
#include "workflows/orchestrator.h"

enum { LT_APPROVAL_ARGUMENTS_MAX = 16 * 1024 /* bytes: what cannot be shown whole is not asked for */ };

/* `tool_approval` of a step: which tools wait. */
struct lt_approval_rule {
    bool all;
    const struct lt_json *names; /* NULL: none */
};

/* Of the settings of a step; absent: none waits. LT_EPROFILE_INVALID, also for a name that is no tool's: neither of the registry nor of those offered. */
enum lt_code lt_approval_rule_read(const struct lt_json *settings, const struct lt_tool *const *tools, size_t n, struct lt_approval_rule *ret,
                                   struct lt_error *err);
bool lt_approval_needed(const struct lt_approval_rule *rule, const char *tool);
/* What the member must be, for whoever checks a profile; NULL: it is right. */
const char *lt_approval_rule_wrong(const struct lt_json *rule);

/* As it is shown and answered. */
struct lt_approval {
    struct lt_uuid id, run_id;
    struct lt_str tool, arguments;       /* arguments: of a pending one; else "" */
    struct lt_str state;
    int64_t expires_at, decided_at;      /* ms; 0: not decided */
};
/* {"id", "tool", "state", and when pending "arguments" (a text) and "expires_at", else "decided_at"} */
void lt_approval_write(struct lt_jw *w, const struct lt_approval *approval);

/*
 * Asks the user of the run and waits, at most the site's tool_approval_ms. call_id: the call in which the model asked. LT_OK: it may run;
 * LT_EPERMISSION, LT_ETIMEOUT, LT_EUNSUPPORTED (nobody can be asked), LT_ETOO_LARGE: the model is to be told; LT_ECANCELLED, LT_ESTORE. Fiber of
 * the run.
 */
enum lt_code lt_approval_ask(struct lt_workflow_run *run, struct lt_uuid call_id, const char *tool, struct lt_str arguments, struct lt_error *err);

/*
 * The user's word; durable when it returns. The same word again changes nothing. LT_ENOT_FOUND when it is none of the caller's own, LT_ECONFLICT when
 * it was decided otherwise. Any fiber.
 */
enum lt_code lt_approval_decide(struct lt_store *store, struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                struct lt_uuid run_id, struct lt_uuid id, bool approve, struct lt_approval *ret, struct lt_error *err);

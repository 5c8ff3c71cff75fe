/* The step that grades (GradingProcessor): mode, a verdict of a model, a second look. Fiber. */
#pragma once
#include "workflows/grading.h"
#include "workflows/orchestrator.h"

extern const struct lt_processor lt_grading_processor;

/* The name of a mode as profiles write it. */
const char *lt_grading_mode_name(enum lt_grading_mode mode);
/* `mode` of the step's settings; without one feedback_only. LT_EPROFILE_INVALID. */
enum lt_code lt_grading_mode(const struct lt_workflow_run *run, enum lt_grading_mode *ret, struct lt_error *err);
/*
 * A request (members task, rubric, examples, submission, limits) as the input of the action grade_response, checked against its schema; a rubric
 * of ORA2's form (without ids) is brought into ours. prompt: the author's instruction, "" = none. LT_EINVALID_INPUT with the field.
 */
enum lt_code lt_grading_input(struct lt_arena *arena, const struct lt_json *request, struct lt_str prompt, const struct lt_json **ret,
                              struct lt_error *err);

struct lt_verdict {
    const struct lt_json *response;    /* of grade_response */
    const struct lt_call_result *call; /* that gave it */
    struct lt_str set_aside;           /* JSON array of places that were not to count; "" = none */
};
/*
 * Asks; when the verdict is not proved, once more about what was not, and that answer counts. When places of the submission speak to the grader, or
 * all full marks rest on one sentence, once more without these: that answer counts if it gives as many points, else nobody's does. deadline_ms of
 * the request's limits (0: none) ends it with LT_ETIMEOUT. Else what the manager fails with.
 */
enum lt_code lt_grading_ask(struct lt_workflow_run *run, const struct lt_json *input, int64_t deadline_ms, struct lt_verdict *ret, struct lt_error *err);

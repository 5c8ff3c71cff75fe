/* DirectLLMResponse: the content of the place and what the user wrote go to a model once; nothing is kept but the register. */
#include "workflows/orchestrator.h"

static enum lt_code run_once(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_llm_question question = {.text = lt_llm_user_text(run), .single = true};
    struct lt_call_result *call = LT_NEW(run->request->arena, struct lt_call_result);
    struct lt_str text;
    if (lt_content_process(run, &question.content, err) || lt_llm_process(run, &question, call, &text, err))
        return err->code;
    lt_jw_obj(response);
    lt_jw_kstr(response, "response", text);
    lt_jw_kstrz(response, "status", "completed");
    lt_run_write_citations(run, response);
    lt_jw_end(response);
    return LT_OK;
}

static const struct lt_orchestrator_action actions[] = {{"run", run_once}, {NULL, NULL}};
extern const struct lt_orchestrator lt_direct_llm_response;
const struct lt_orchestrator lt_direct_llm_response = {.class_name = "DirectLLMResponse", .actions = actions};

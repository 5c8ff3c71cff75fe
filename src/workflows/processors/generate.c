/* The step that asks for objects instead of text: questions, cards. What comes back has the form that the action promises. */
#include "text/merge_patch.h"
#include "workflows/input.h"
#include "workflows/orchestrator.h"

enum { INSTRUCTION_MAX = 1 << 20 /* bytes, as JSON */ };

const struct lt_processor lt_educator_processor = {"EducatorAssistantProcessor", "LLMProcessor"};

enum lt_code lt_generate_text(struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str content;
    if (lt_content_process(run, &content, err))
        return err->code;
    *ret = run->plain_content.n > 0 ? run->plain_content : content;
    if (lt_str_trim(*ret).n == 0)
        *ret = lt_llm_user_text(run);
    if (lt_str_trim(*ret).n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/context/content", "the workflow needs a text, and there is none");
    return LT_OK;
}

static enum lt_code check_function(const struct lt_json *settings, const struct lt_generation *g, struct lt_error *err)
{
    struct lt_str name = lt_str_trim(lt_json_str(lt_json_get(settings, "function")));
    if (name.n == 0)
        return LT_OK;
    for (const char *const *known = g->functions; *known; known++)
        if (lt_str_is(name, *known))
            return LT_OK;
    return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.function: '%.*s' is not what this workflow does; it does %s",
                   g->processor->class_name, LT_FMT(name), g->functions[0]);
}

/* The request's prompt, or the profile's own, stands in place of the action's instruction. */
static enum lt_code with_prompt(struct lt_workflow_run *run, const struct lt_generation *g, struct lt_call_profile *profile, struct lt_error *err)
{
    struct lt_arena *arena = run->request->arena;
    const struct lt_json *patch;
    struct lt_str prompt;
    struct lt_buf out;
    struct lt_jw w;
    bool filled;
    if (g->adds_prompt ? lt_llm_own_prompt(run, g->processor, &prompt, err) : lt_llm_prompt(run, g->processor, &prompt, err))
        return err->code;
    if (prompt.n == 0)
        return LT_OK;
    lt_buf_init(&out, INSTRUCTION_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "instruction", lt_llm_fill(run, prompt, &filled));
    lt_jw_end(&w);
    if (lt_input_tree(arena, &out, &patch, err))
        return lt_error_wrap(err, "the prompt");
    profile->settings = lt_merge_patch(arena, profile->settings, patch);
    return LT_OK;
}

/* A run without tools that its author counts on would answer from nothing: better none. */
static enum lt_code check_mcp(const struct lt_json *settings, const struct lt_generation *g, struct lt_error *err)
{
    if (lt_json_len(lt_json_get(settings, "mcp_configs")) == 0)
        return LT_OK;
    return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.mcp_configs: this step calls no tools; take the member out", g->processor->class_name);
}

enum lt_code lt_generate(struct lt_workflow_run *run, const struct lt_generation *g, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_arena *arena = run->request->arena;
    const struct lt_json *settings = lt_run_settings(run, g->processor);
    struct lt_call_profile *profile = LT_NEW(arena, struct lt_call_profile);
    struct lt_call_result *result = g->call ? g->call : LT_NEW(arena, struct lt_call_result);
    struct lt_run_call call = {.action = g->action, .input = g->input, .profile = profile};
    if (check_function(settings, g, err) || check_mcp(settings, g, err) || lt_llm_options_read(arena, settings, profile, err) || with_prompt(run, g, profile, err) ||
        lt_llm_response_cache(run, settings, profile, err))
        return err->code;
    profile->own_form = true;
    if (lt_run_ask(run, &call, result, err))
        return err->code;
    return lt_json_parse(arena, result->response, LT_JSON_STRICT, ret, err);
}

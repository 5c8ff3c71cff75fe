/* `response_cache` of a step that asks a model: may its answer be given again? It goes to the manager among the call's settings. */
#include "core/answer_cache.h"
#include "text/merge_patch.h"
#include "workflows/input.h"
#include "workflows/orchestrator.h"

enum lt_code lt_llm_response_cache(const struct lt_workflow_run *run, const struct lt_json *settings, struct lt_call_profile *profile,
                                   struct lt_error *err)
{
    struct lt_arena *arena = run->request->arena;
    const struct lt_json *rule = lt_json_get(settings, "response_cache"), *patch = NULL;
    const char *wrong = lt_answer_cache_rule_wrong(rule);
    struct lt_buf out;
    struct lt_jw w;
    if (!rule || lt_json_is(rule, LT_JSON_NULL) || run->request->no_store)
        return LT_OK;
    if (wrong)
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config: response_cache: %s", wrong);
    lt_buf_init(&out, 4096);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "response_cache");
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "ttl_s", lt_json_get(rule, "ttl_s"));
    lt_jw_kstr(&w, "scope", lt_json_str_or(lt_json_get(rule, "scope"), LT_STR("user")));
    lt_jw_kint(&w, "profile", run->request->profile->id);
    lt_jw_kint(&w, "version", run->request->profile->version);
    lt_jw_end(&w);
    lt_jw_end(&w);
    if (lt_input_tree(arena, &out, &patch, err))
        return err->code;
    profile->settings = lt_merge_patch(arena, profile->settings, patch);
    return LT_OK;
}

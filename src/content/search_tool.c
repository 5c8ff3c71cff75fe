/* search_course: passages of the course that the conversation is about, for a model that looks for itself. */
#include "content/search_tool.h"

#include "content/sources.h"
#include "core/gates.h"

static enum lt_code search_course(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    struct lt_search_result found;
    struct lt_sources *sources = context->sources ? context->sources : LT_NEW(context->arena, struct lt_sources);
    const struct lt_search search = {.arena = context->arena,
                                     .store = lt_manager_store(context->manager),
                                     .manager = context->manager,
                                     .config = context->config,
                                     .caller = context->caller,
                                     .course_id = context->course_id,
                                     .location_id = LT_STR(""),
                                     .placement = context->placement,
                                     .policy_by_lms = context->policy_by_lms,
                                     .text = lt_json_str_or(lt_json_get(arguments, "query"), LT_STR("")),
                                     .limit = (int)lt_json_int64_or(lt_json_get(arguments, "top_k"), LT_SEARCH_HITS)};
    if (lt_search_course(&search, &found, err))
        return err->code;
    *ret = lt_sources_text(context->arena, sources, context->course_id, &found, 0);
    return LT_OK;
}

const struct lt_tool lt_tool_search_course = {
    .name = LT_SEARCH_TOOL,
    .description = "Searches the course that the conversation is about and gives numbered passages of it. Cite what is taken from one by its number in "
                   "square brackets, like [1].",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"query\"],\"properties\":{"
                  "\"query\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000,\"description\":\"A question, or words, in the language of the course.\"},"
                  "\"top_k\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20,\"description\":\"How many passages; 5 without it.\"}}}",
    .call = search_course,
};

/* search_course: passages of the course that the conversation is about, for a model that looks for itself. */
#include "content/search_tool.h"

#include "content/sources.h"
#include "core/gates.h"

enum { RESULT_MAX = 512 * 1024 };

/* "location": only in the place of the request. */
static enum lt_code read_place(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret_location,
                               struct lt_error *err)
{
    bool here = lt_str_is(lt_json_str(lt_json_get(arguments, "search_in")), "location");
    *ret_location = here ? context->location_id : LT_STR("");
    if (context->course_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/course_id", "must name the course that is searched");
    return here && ret_location->n == 0 ? lt_fail_field(err, LT_EINVALID_INPUT, "/search_in", "there is no location to search in") : LT_OK;
}

/* Who keeps no passages is told what each number stands for, in the form that an answer's `citations` have. */
static struct lt_str with_list(struct lt_arena *arena, struct lt_str text, struct lt_sources *sources)
{
    struct lt_buf out;
    struct lt_jw w;
    if (sources->n == 0)
        return text;
    for (size_t i = 0; i < sources->n; i++)
        sources->list[i].cited = true;
    lt_buf_init(&out, RESULT_MAX);
    lt_buf_put_str(&out, text);
    lt_buf_put_str(&out, LT_STR("\n\nPassages: "));
    lt_jw_init(&w, &out);
    lt_sources_write(&w, sources);
    struct lt_str ret = out.failed ? text : lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

static enum lt_code search_course(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    struct lt_search_result found;
    struct lt_str location;
    struct lt_sources *sources = context->sources ? context->sources : LT_NEW(context->arena, struct lt_sources);
    if (read_place(context, arguments, &location, err))
        return err->code;
    const struct lt_search search = {.arena = context->arena,
                                     .store = lt_manager_store(context->manager),
                                     .manager = context->manager,
                                     .config = context->config,
                                     .caller = context->caller,
                                     .course_id = context->course_id,
                                     .location_id = location,
                                     .placement = context->placement,
                                     .policy_by_lms = context->policy_by_lms,
                                     .text = lt_json_str_or(lt_json_get(arguments, "query"), LT_STR("")),
                                     .limit = (int)lt_json_int64_or(lt_json_get(arguments, "top_k"), LT_SEARCH_HITS)};
    if (lt_search_course(&search, &found, err))
        return err->code;
    *ret = lt_sources_text(context->arena, sources, context->course_id, &found, 0);
    if (!context->sources)
        *ret = with_list(context->arena, *ret, sources);
    return LT_OK;
}

const struct lt_tool lt_tool_search_course = {
    .name = LT_SEARCH_TOOL,
    .description = "Searches the course that this is about and gives numbered passages of it. Cite what is taken from one by its number in "
                   "square brackets, like [1].",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"query\"],\"properties\":{"
                  "\"query\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000,\"description\":\"A question, or words, in the language of the course.\"},"
                  "\"top_k\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20,\"description\":\"How many passages; 5 without it.\"},"
                  "\"search_in\":{\"type\":\"string\",\"enum\":[\"course\",\"location\"],\"description\":\"location: only the unit or activity that this is "
                  "about. Without it: the course.\"}}}",
    .for_clients = true,
    .client_permission = "search_course",
    .call = search_course,
};

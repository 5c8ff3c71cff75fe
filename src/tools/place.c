/* Tools about the place that a request comes from. */
#include "base/buf.h"
#include "core/tool.h"

static enum lt_code get_context(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    (void)arguments;
    (void)err;
    lt_buf_init(&out, LT_TOOL_RESULT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "course_id", context->course_id);
    lt_jw_kstr(&w, "location_id", context->location_id);
    lt_jw_kstr(&w, "ui_slot_selector_id", context->ui_slot_selector_id);
    lt_jw_end(&w);
    *ret = lt_str_copy(context->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return LT_OK;
}

extern const struct lt_tool lt_tool_get_context;
const struct lt_tool lt_tool_get_context = {
    .name = "get_context",
    .description = "Says which course and which place in it the conversation is about.",
    .parameters = "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
    .call = get_context,
};

/* Of the request's own place alone, until a connector knows others. */
static enum lt_code get_location_content(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret,
                                         struct lt_error *err)
{
    struct lt_str location = lt_json_str_or(lt_json_get(arguments, "location_id"), LT_STR(""));
    if (location.n > 0 && !lt_str_eq(location, context->location_id))
        return lt_fail(err, LT_ENOT_FOUND, "only the text of the present place can be read here");
    if (context->content.n == 0)
        return lt_fail(err, LT_ENOT_FOUND, "the text of this place is not known");
    *ret = context->content;
    return LT_OK;
}

extern const struct lt_tool lt_tool_get_location_content;
const struct lt_tool lt_tool_get_location_content = {
    .name = "get_location_content",
    .description = "Gives the text of the place in the course that the conversation is about.",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                  "\"location_id\":{\"type\":\"string\",\"maxLength\":255,\"description\":\"Without it: the present place.\"}}}",
    .call = get_location_content,
};

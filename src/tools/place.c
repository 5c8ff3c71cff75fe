/*
 * Tools about the place that a request comes from. Today's checks of what they may read: other places only in the request's own course, and
 * what is hidden there is the connector's to know; course_info of other courses only for whoever sets up workflows or has a role there.
 */
#include "base/buf.h"
#include "core/connector.h"
#include "core/course_role.h"
#include "core/tool.h"

static struct lt_content_query query_of(const struct lt_tool_context *context, const struct lt_json *arguments)
{
    return (struct lt_content_query){.arena = context->arena,
                                     .manager = context->manager,
                                     .caller = context->caller,
                                     .course_id = context->course_id,
                                     .location_id = lt_json_str_or(lt_json_get(arguments, "location_id"), context->location_id),
                                     .deadline_ms = context->deadline_ms};
}

/* ---- get_context ---- */

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

/* ---- get_location_content ---- */

/* What came with the request is the text of its own unit, and goes before what a connector knows of it. */
static enum lt_code get_location_content(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret,
                                         struct lt_error *err)
{
    struct lt_content_query query = query_of(context, arguments);
    struct lt_content content;
    int mode = lt_content_mode_parse(lt_json_str(lt_json_get(arguments, "retrieval_mode")));
    query.mode = mode < 0 ? LT_CONTENT_UNIT : (enum lt_content_mode)mode;
    bool sent_along = context->content.n > 0 && lt_str_eq(query.location_id, context->location_id);
    if (sent_along && query.mode == LT_CONTENT_UNIT) {
        *ret = context->content;
        return LT_OK;
    }
    enum lt_code rc = lt_content_location(&query, &content, err);
    if (rc == LT_ENOT_FOUND && sent_along) {
        *ret = context->content;
        return LT_OK;
    }
    return rc ? rc : lt_content_json(context->arena, &content, ret, err);
}

extern const struct lt_tool lt_tool_get_location_content;
const struct lt_tool lt_tool_get_location_content = {
    .name = "get_location_content",
    .description = "Gives the text of a place in the course that the conversation is about.",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                  "\"location_id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"description\":\"Without it: the present place.\"},"
                  "\"retrieval_mode\":{\"type\":\"string\",\"enum\":[\"unit\",\"up_to_current_unit\",\"sequence\"],\"description\":"
                  "\"The unit alone, its sequence up to it, or its whole sequence; without it: unit.\"}}}",
    .call = get_location_content,
};

/* ---- get_location_link ---- */

static enum lt_code get_location_link(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret,
                                      struct lt_error *err)
{
    struct lt_content_query query = query_of(context, arguments);
    return lt_content_link(&query, ret, err);
}

extern const struct lt_tool lt_tool_get_location_link;
const struct lt_tool lt_tool_get_location_link = {
    .name = "get_location_link",
    .description = "Gives the address of a place in the course that the conversation is about.",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                  "\"location_id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"description\":\"Without it: the present place.\"}}}",
    .call = get_location_link,
};

/* ---- get_course_info ---- */

/* The roles of the token hold everywhere on the site, so they say nothing of a course: the table and the LMS must. */
static enum lt_code check_course(const struct lt_tool_context *context, struct lt_str course_id, struct lt_error *err)
{
    if (lt_str_eq(course_id, context->course_id) || lt_permitted(context->caller, "manage_workflows", LT_STR_NULL))
        return LT_OK;
    struct lt_caller without_roles = *context->caller;
    unsigned roles;
    without_roles.roles = 0;
    if (lt_course_roles(context->manager, context->arena, &without_roles, course_id, &roles, err))
        return err->code;
    return roles ? LT_OK : lt_fail_field(err, LT_EPERMISSION, "/course_id", "the user has no role in that course");
}

static enum lt_code get_course_info(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret,
                                    struct lt_error *err)
{
    struct lt_content_query query = query_of(context, NULL);
    struct lt_course_info info;
    query.course_id = lt_json_str_or(lt_json_get(arguments, "course_id"), context->course_id);
    if (check_course(context, query.course_id, err) || lt_course_fields_parse(lt_json_get(arguments, "fields"), &query.fields, err) ||
        lt_content_course(&query, &info, err))
        return err->code;
    return lt_course_info_json(context->arena, &info, query.fields, ret, err);
}

extern const struct lt_tool lt_tool_get_course_info;
const struct lt_tool lt_tool_get_course_info = {
    .name = "get_course_info",
    .description = "Gives what a course says about itself: title, descriptions, syllabus, duration and, when asked for, its outline.",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                  "\"course_id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"description\":\"Without it: the present course.\"},"
                  "\"fields\":{\"type\":\"array\",\"maxItems\":8,\"items\":{\"type\":\"string\",\"enum\":[\"title\",\"subtitle\","
                  "\"short_description\",\"description\",\"overview\",\"syllabus\",\"duration\",\"outline\"]},\"description\":"
                  "\"Without it: all but the outline.\"}}}",
    .for_clients = true,
    .call = get_course_info,
};

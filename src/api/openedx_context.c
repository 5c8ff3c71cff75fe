/* Where a request of the Open edX door comes from, what leads there, and who is staff there. */
#include "api/openedx.h"
#include "core/course_role.h"
#include "workflows/opaque_key.h"

/* The course or library that a block is in; "" when its key does not say. */
static struct lt_str course_of(struct lt_arena *arena, struct lt_str location)
{
    struct lt_opaque_key key;
    if (location.n == 0 || lt_usage_key_parse(location, &key, NULL) || key.org.n == 0 || key.course.n == 0)
        return LT_STR("");
    if (key.kind == LT_OPAQUE_LIBRARY_USAGE)
        return lt_printf(arena, lt_str_starts(location, LT_STR("lb:")) ? "lib:%.*s:%.*s" : "library-v1:%.*s+%.*s", LT_FMT(key.org),
                         LT_FMT(key.course));
    if (key.run.n == 0) /* i4x:// names no run */
        return LT_STR("");
    return lt_printf(arena, "course-v1:%.*s+%.*s+%.*s", LT_FMT(key.org), LT_FMT(key.course), LT_FMT(key.run));
}

static enum lt_code parse(struct lt_request *r, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_str text = lt_query(r, "context");
    *ret = NULL;
    if (text.n == 0 || lt_json_parse(r->arena, text, LT_JSON_STRICT, ret, err) == LT_OK)
        return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, "/context", "not JSON: %s", err->detail);
}

enum lt_code lt_openedx_context(struct lt_request *r, struct lt_scope_context *ret, struct lt_error *err)
{
    const struct lt_json *object;
    struct lt_opaque_context place;
    if (parse(r, &object, err))
        return err->code;
    if (lt_opaque_context_read(object, true, &place, err))
        return lt_error_under(err, "/context");
    *ret = (struct lt_scope_context){.site_id = r->caller.site->id,
                                     .service_variant = place.service_variant,
                                     .course_id = place.course_id,
                                     .location_id = place.location_id,
                                     .ui_slot_selector_id = place.ui_slot_selector_id};
    if (ret->course_id.n == 0)
        ret->course_id = course_of(r->arena, place.location_id);
    if (ret->course_id.n == 0)
        ret->course_id = r->caller.only_course;
    return LT_OK;
}

enum lt_code lt_openedx_resolve(struct lt_request *r, struct lt_scope_context *context, const struct lt_scope **ret_scope,
                                const struct lt_profile **ret_profile, struct lt_error *err)
{
    struct lt_scope_set *scopes;
    context->service_variant = lt_request_variant(r);
    /* The roles that the platform's tokens may name are not ours: whoever has signed in there is a learner, and in courses what they say. */
    if (r->caller.is_user && r->caller.roles == 0)
        r->caller.roles = 1u << LT_ROLE_STUDENT;
    if (lt_request_scopes(r, false, &scopes, err))
        return err->code;
    return lt_workflow_resolve(lt_workflows(r->config), scopes, context, ret_scope, ret_profile, err);
}

enum lt_code lt_openedx_check_staff(struct lt_request *r, struct lt_str course_id, struct lt_error *err)
{
    static const unsigned staff = 1u << LT_ROLE_TEACHER | 1u << LT_ROLE_EDITINGTEACHER | 1u << LT_ROLE_MANAGER | 1u << LT_ROLE_ADMIN;
    struct lt_str only = r->caller.only_course;
    unsigned roles = 0;
    if (only.n > 0 && !lt_str_eq(only, course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/context", "the token is for course '%.*s'", LT_FMT(only));
    if (lt_course_roles(r->api->options.manager, r->arena, &r->caller, course_id, &roles, err))
        return err->code;
    return roles & staff ? LT_OK : lt_fail(err, LT_EPERMISSION, "the caller is staff neither of the course nor of the site");
}

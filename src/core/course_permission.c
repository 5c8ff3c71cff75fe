/* Permissions in a course. See course_permission.h. */
#include "core/course_permission.h"

#include "core/course_role.h"

enum lt_code lt_course_permitted(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                                 const char *permission, struct lt_error *err)
{
    struct lt_caller there = *caller;
    if (caller->only_course.n > 0 && !lt_str_eq(caller->only_course, course_id))
        return lt_fail(err, LT_EPERMISSION, "the token is for another course");
    if (lt_permitted(caller, permission, LT_STR_NULL))
        return LT_OK;
    if (caller->user_id.n > 0 && lt_course_roles(manager, arena, caller, course_id, &there.roles, err))
        return err->code;
    return lt_permitted(&there, permission, LT_STR_NULL)
               ? LT_OK
               : lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission '%s' here", permission);
}

/* May the caller do something in a course: by the roles of token or key, of the site's table, and of the LMS. */
#pragma once
#include "core/caller.h"
#include "core/manager.h"

/*
 * LT_EPERMISSION: the token is for another course, or no role that the caller has on the site or in the course has the permission. Whether there is
 * such a course is not looked at. Fiber. LT_ESTORE; LT_ECANCELLED.
 */
enum lt_code lt_course_permitted(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                                 const char *permission, struct lt_error *err);

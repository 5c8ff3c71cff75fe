/*
 * What an LMS answers about a user's roles: any bytes. Never more than the roles an LMS can give, and none without an answer; nobody is seen
 * without one.
 */
#include <stdlib.h>

#include "core/lms_roles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned given = 1u << LT_ROLE_STUDENT | 1u << LT_ROLE_TEACHER | 1u << LT_ROLE_EDITINGTEACHER | 1u << LT_ROLE_MANAGER;
    struct lt_arena *arena = lt_arena_new();
    struct lt_error err;
    unsigned roles = ~0u;
    enum lt_code rc = lt_lms_roles_read(arena, (struct lt_str){(const char *)data, size}, LT_STR("c"), &roles, &err);
    if ((roles & ~given) || (rc && (roles || rc != LT_EUPSTREAM_INVALID)))
        abort();
    struct lt_lms_visible visible;
    rc = lt_lms_visible_read(arena, (struct lt_str){(const char *)data, size}, &visible, &err);
    if ((rc && (visible.all || visible.n || rc != LT_EUPSTREAM_INVALID)) || visible.n > LT_LMS_VISIBLE_MAX || (visible.all && visible.n))
        abort();
    lt_arena_free(arena);
    return 0;
}

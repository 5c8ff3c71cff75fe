/*
 * Who is what in which course: a site's table of course roles (CLI, API, CSV), and what the LMS itself says (lms_roles.h). Changes hold
 * at once: the table is read each time, it is no part of the configuration snapshot.
 */
#pragma once
#include "core/caller.h"
#include "core/manager.h"

struct lt_lms_roles_stats;

enum {
    LT_COURSE_ROLE_TEXT_MAX = 255,     /* bytes of a user's id and of a course's */
    LT_COURSE_ROLE_IMPORT_MAX = 50000, /* rows in one import */
    LT_COURSE_ROLE_PAGE_MAX = 10000,   /* rows in one answer of a list */
};

struct lt_course_role {
    int64_t id;              /* in the order in which they were added */
    struct lt_str user_id;
    struct lt_str course_id; /* "" = the whole site */
    enum lt_role role;       /* never LT_ROLE_SERVICE: that is what a key is */
    int64_t created_at;      /* ms */
    struct lt_str created_by;
};

/*
 * The roles that the caller has in a course, as bits of enum lt_role: those of the token or of the key's `user`, those of the table for
 * the whole site and for the course, and those that the LMS says (for users' tokens, when the site has `lms_roles_url`). course_id "":
 * those of the token and the site's rows. An LMS that cannot be asked adds nothing. A token that is bound to another course has its own
 * roles alone. Fiber. LT_ESTORE; LT_ECANCELLED.
 */
enum lt_code lt_course_roles(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                             unsigned *ret_roles, struct lt_error *err);

/*
 * Whom the caller may see of the course, for reports: those whom the token's claim `visible_users` and the LMS both name (lms_roles.h). ret: two lists at
 * most, *ret_n of them; each narrows. Fiber. What lt_lms_visible() gives.
 */
struct lt_lms_visible;
enum lt_code lt_course_visible(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                               struct lt_lms_visible *ret, size_t *ret_n, struct lt_error *err);

/* What the process has counted while it asked LMSs (lms_roles.h). Any thread. */
const struct lt_lms_roles_stats *lt_course_role_stats(const struct lt_manager *manager);

/* Who changes the table, and how far. */
struct lt_role_giver {
    struct lt_str who;         /* for created_by */
    unsigned may_give;         /* bits: roles that they may give and take, as lt_roles_up_to() says */
    struct lt_str only_course; /* "" = any, and the whole site */
};
/* All roles that do not rank above the highest of these: nobody gives what he has not. A back end's key, which may speak for any user, gives all. */
unsigned lt_roles_up_to(unsigned roles);

/* Is the row one that may be kept, and that the giver may set? LT_EINVALID_INPUT or LT_EPERMISSION with the field (/user_id, /course_id, /role). */
enum lt_code lt_course_role_check(const struct lt_role_giver *giver, const struct lt_course_role *row, struct lt_error *err);
/* Gives the role (user_id, course_id and role of row); one that is there already stays as it is. Fiber, or outside loops; durable when it returns. */
enum lt_code lt_course_role_add(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *row,
                                struct lt_error *err);
/* Takes it. LT_ENOT_FOUND. */
enum lt_code lt_course_role_remove(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *row,
                                   struct lt_error *err);
/*
 * Gives all of rows (each passes lt_course_role_check) in one unit: all or nothing. replace: what is not among them and the giver may take
 * is gone afterwards; what is there already keeps its id, date and giver.
 */
enum lt_code lt_course_role_import(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *rows,
                                   size_t n, bool replace, struct lt_error *err);

struct lt_course_role_filter {
    int64_t site_id;
    struct lt_str user_id;   /* "" = any */
    struct lt_str course_id; /* p NULL = any; "" = rows for the whole site */
    int64_t after;           /* only ids above */
    int limit;               /* 1 to LT_COURSE_ROLE_PAGE_MAX */
};
/* By id. Rows lie in the arena. *ret_next: for `after` of the next page, 0 when this was the last. */
enum lt_code lt_course_role_list(struct lt_store *store, struct lt_arena *arena, const struct lt_course_role_filter *filter,
                                 struct lt_course_role **ret, size_t *ret_n, int64_t *ret_next, struct lt_error *err);

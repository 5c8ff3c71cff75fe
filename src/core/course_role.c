/* The table of course roles, and what a caller is in a course. */
#include "core/course_role.h"

#include "base/secret.h"
#include "core/lms_roles.h"
#include "core/manager_private.h"

/* At most LT_COURSE_ROLE_TEXT_MAX bytes of UTF-8 without control characters; "" too. */
static bool text_ok(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return s.n <= LT_COURSE_ROLE_TEXT_MAX && lt_utf8_valid(s.p, s.n);
}

/* ---- reading ---- */

static enum lt_code table_roles(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                                unsigned *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT role FROM course_role WHERE site_id = $1 AND user_id = $2 AND (course_id = '' OR course_id = $3)",
                 LT_INT(caller->site->id), LT_TEXT(caller->user_id), LT_TEXT(course_id)))
        return lt_error_wrap(err, "course roles of the user");
    for (size_t i = 0; i < r.rows; i++) {
        int role = lt_role_parse(lt_rows_str(&r, i, 0));
        if (role >= 0 && role != LT_ROLE_SERVICE)
            *ret |= 1u << role;
    }
    return LT_OK;
}

enum lt_code lt_course_roles(struct lt_manager *m, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                             unsigned *ret_roles, struct lt_error *err)
{
    struct lt_str only = caller->only_course;
    *ret_roles = caller->roles;
    course_id = course_id.p ? course_id : LT_STR("");
    if (caller->user_id.n == 0 || !text_ok(course_id) || (only.n > 0 && !lt_str_eq(only, course_id)))
        return LT_OK;
    unsigned of_lms = 0;
    if (table_roles(m->store, arena, caller, course_id, ret_roles, err) || lt_lms_roles(&m->lms_roles, m->tls, caller, course_id, &of_lms, err))
        return err->code;
    *ret_roles |= of_lms;
    return LT_OK;
}

enum lt_code lt_course_visible(struct lt_manager *m, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                               struct lt_lms_visible *ret, size_t *ret_n, struct lt_error *err)
{
    *ret_n = 0;
    if (lt_lms_visible_of(arena, caller->visible_users, &ret[0], err))
        return err->code;
    *ret_n += !ret[0].all;
    if (lt_lms_visible(&m->lms_roles, m->tls, arena, caller, course_id, &ret[*ret_n], err))
        return err->code;
    *ret_n += !ret[*ret_n].all;
    return LT_OK;
}

const struct lt_lms_roles_stats *lt_course_role_stats(const struct lt_manager *m)
{
    return &m->lms_roles;
}

enum lt_code lt_course_role_list(struct lt_store *store, struct lt_arena *arena, const struct lt_course_role_filter *f,
                                 struct lt_course_role **ret, size_t *ret_n, int64_t *ret_next, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_str none = LT_STR("");
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT id, user_id, course_id, role, created_at, created_by FROM course_role WHERE site_id = $1 AND id > $2"
                 " AND ($3 = '' OR user_id = $3) AND ($4 = 1 OR course_id = $5) ORDER BY id LIMIT $6",
                 LT_INT(f->site_id), LT_INT(f->after), LT_TEXT(f->user_id.p ? f->user_id : none), LT_INT(f->course_id.p == NULL),
                 LT_TEXT(f->course_id.p ? f->course_id : none), LT_INT(f->limit)))
        return lt_error_wrap(err, "list of course roles");
    *ret = LT_NEW_ARRAY(arena, struct lt_course_role, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_course_role){.id = lt_rows_int(&r, i, 0),
                                            .user_id = lt_rows_str(&r, i, 1),
                                            .course_id = lt_rows_str(&r, i, 2),
                                            .role = (enum lt_role)lt_role_parse(lt_rows_str(&r, i, 3)),
                                            .created_at = lt_rows_int(&r, i, 4),
                                            .created_by = lt_rows_str(&r, i, 5)};
    *ret_next = r.rows > 0 && r.rows == (size_t)f->limit ? (*ret)[r.rows - 1].id : 0;
    return LT_OK;
}

/* ---- changing ---- */

unsigned lt_roles_up_to(unsigned roles)
{
    const unsigned all = (2u << LT_ROLE_ADMIN) - 1;
    if (roles & ~all) /* LT_ROLE_SERVICE */
        return all;
    unsigned up_to = 0;
    while (roles & ~up_to) /* enum lt_role is in the order of rank */
        up_to = up_to << 1 | 1;
    return up_to;
}

enum lt_code lt_course_role_check(const struct lt_role_giver *giver, const struct lt_course_role *row, struct lt_error *err)
{
    if (row->user_id.n == 0 || !text_ok(row->user_id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_id", "must be 1 to %d bytes of UTF-8 without control characters",
                             LT_COURSE_ROLE_TEXT_MAX);
    if (!text_ok(row->course_id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/course_id", "must be at most %d bytes of UTF-8 without control characters",
                             LT_COURSE_ROLE_TEXT_MAX);
    if ((unsigned)row->role > LT_ROLE_ADMIN)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/role", "must be student, teacher, editingteacher, manager or admin");
    if (!(giver->may_give & 1u << row->role))
        return lt_fail_field(err, LT_EPERMISSION, "/role", "nobody gives or takes a role above their own: '%s'", lt_role_name(row->role));
    if (giver->only_course.n > 0 && !lt_str_eq(giver->only_course, row->course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(giver->only_course));
    return LT_OK;
}

/* What is not marked as seen by this import, and the giver may take. */
static void take_unseen(struct lt_tx *tx, int64_t site_id, const struct lt_role_giver *giver, int64_t seen)
{
    struct lt_str only = giver->only_course.p ? giver->only_course : LT_STR("");
    for (int role = 0; role <= LT_ROLE_ADMIN; role++)
        if (giver->may_give & 1u << role)
            LT_TX(tx, "DELETE FROM course_role WHERE site_id = $1 AND role = $2 AND seen <> $3 AND ($4 = '' OR course_id = $4)",
                  LT_INT(site_id), LT_TEXTZ(lt_role_name((enum lt_role)role)), LT_INT(seen), LT_TEXT(only));
}

enum lt_code lt_course_role_import(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *rows,
                                   size_t n, bool replace, struct lt_error *err)
{
    if (n > LT_COURSE_ROLE_IMPORT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/rows", "at most %d rows at once", LT_COURSE_ROLE_IMPORT_MAX);
    for (size_t i = 0; i < n; i++)
        if (lt_course_role_check(giver, &rows[i], err))
            return err->code;
    int64_t seen;
    lt_random(&seen, sizeof(seen));
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < n; i++)
        LT_TX(tx, "INSERT INTO course_role (site_id, user_id, course_id, role, created_at, created_by, seen) VALUES ($1, $2, $3, $4, $5, $6, $7)"
                  " ON CONFLICT (site_id, user_id, course_id, role) DO UPDATE SET seen = excluded.seen",
              LT_INT(site_id), LT_TEXT(rows[i].user_id), LT_TEXT(rows[i].course_id.p ? rows[i].course_id : LT_STR("")),
              LT_TEXTZ(lt_role_name(rows[i].role)), LT_INT(lt_now_ms()), LT_TEXT(giver->who), LT_INT(seen));
    if (replace)
        take_unseen(tx, site_id, giver, seen);
    return lt_store_write(store, tx, err);
}

enum lt_code lt_course_role_add(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *row,
                                struct lt_error *err)
{
    return lt_course_role_import(store, site_id, giver, row, 1, false, err);
}

enum lt_code lt_course_role_remove(struct lt_store *store, int64_t site_id, const struct lt_role_giver *giver, const struct lt_course_role *row,
                                   struct lt_error *err)
{
    if (lt_course_role_check(giver, row, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM course_role WHERE site_id = $1 AND user_id = $2 AND course_id = $3 AND role = $4", LT_INT(site_id),
          LT_TEXT(row->user_id), LT_TEXT(row->course_id.p ? row->course_id : LT_STR("")), LT_TEXTZ(lt_role_name(row->role)));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc == LT_ECONFLICT)
        return lt_fail(err, LT_ENOT_FOUND, "'%.*s' has no such role there", LT_FMT(row->user_id));
    return rc;
}

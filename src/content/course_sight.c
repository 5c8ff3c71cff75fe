/* The rule of who sees what. See course_sight.h. */
#include "content/course_sight.h"

#include "base/clock.h"
#include "core/course_role.h"

enum lt_code lt_sight_of(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                         struct lt_sight *ret, struct lt_error *err)
{
    struct lt_caller in_course = *caller;
    *ret = (struct lt_sight){.now_ms = lt_now_ms()};
    if (caller->only_course.n > 0 && !lt_str_eq(caller->only_course, course_id))
        return lt_fail(err, LT_ENOT_FOUND, "the token is for another course");
    if (lt_course_roles(manager, arena, caller, course_id, &in_course.roles, err))
        return err->code;
    ret->sees_all = lt_permitted(&in_course, "view_hidden_content", LT_STR_NULL);
    return LT_OK;
}

bool lt_sight_sees(const struct lt_sight *sight, bool hidden, int64_t from, int64_t until, struct lt_str groups)
{
    if (sight->sees_all)
        return true;
    return !hidden && groups.n == 0 && (from == 0 || sight->now_ms >= from) && (until == 0 || sight->now_ms < until);
}

enum lt_code lt_stored_course_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str course_id,
                                   struct lt_stored_course *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT id, revision, course_id, title, language FROM course WHERE site_id = $1 AND course_id = $2",
                 LT_INT(site_id), lt_value_text(course_id)))
        return err->code;
    if (r.rows == 0 || lt_rows_int(&r, 0, 1) == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no such course is stored here");
    *ret = (struct lt_stored_course){.id = lt_rows_int(&r, 0, 0), .revision = lt_rows_int(&r, 0, 1), .course_id = lt_rows_str(&r, 0, 2),
                                     .title = lt_rows_str(&r, 0, 3), .language = lt_rows_str(&r, 0, 4)};
    return LT_OK;
}

/* Parents stand before what lies in them, so one pass does. */
static enum lt_code read_spot(struct lt_course_map *map, const struct lt_rows *r, size_t i, const struct lt_sight *sight, struct lt_error *err)
{
    struct lt_course_spot *spot = &map->spots[i];
    int64_t parent = lt_rows_int(r, i, 1);
    if (lt_rows_int(r, i, 0) != (int64_t)i || parent >= (int64_t)i || parent < -1)
        return lt_fail(err, LT_EINTERNAL, "row %zu of the course is out of order", i);
    struct lt_str kind = lt_rows_str(r, i, 2);
    const struct lt_course_spot *above = parent < 0 ? NULL : &map->spots[parent];
    *spot = (struct lt_course_spot){.parent = parent, .block_id = lt_rows_str(r, i, 3), .name = lt_rows_str(r, i, 4), .url = lt_rows_str(r, i, 5),
                                    .sha256 = lt_rows_str(r, i, 6), .is_block = lt_str_is(kind, "block")};
    spot->unit = lt_str_is(kind, "unit") ? (int64_t)i : above ? above->unit : -1;
    spot->visible = (!above || above->visible) &&
                    lt_sight_sees(sight, lt_rows_int(r, i, 7) != 0, lt_rows_int(r, i, 8), lt_rows_int(r, i, 9), lt_rows_str(r, i, 10));
    return LT_OK;
}

enum lt_code lt_course_map_load(struct lt_store *store, struct lt_arena *arena, const struct lt_stored_course *course, const struct lt_sight *sight,
                                struct lt_course_map *ret, struct lt_error *err)
{
    struct lt_rows r;
    const struct lt_value values[] = {LT_INT(course->id), LT_INT(course->revision)};
    if (lt_store_query(store, arena,
                       "SELECT position, parent, kind, block_id, display_name, url, sha256, hidden, visible_from, visible_until, groups "
                       "FROM course_block WHERE course = $1 AND revision = $2 ORDER BY position",
                       values, 2, LT_COURSE_MAP_MAX + 1, &r, err))
        return err->code;
    if (r.rows > LT_COURSE_MAP_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the course has more than %d parts", LT_COURSE_MAP_MAX);
    *ret = (struct lt_course_map){LT_NEW_ARRAY(arena, struct lt_course_spot, r.rows), r.rows};
    for (size_t i = 0; i < r.rows; i++)
        if (read_spot(ret, &r, i, sight, err))
            return err->code;
    return LT_OK;
}

bool lt_course_map_in(const struct lt_course_map *map, int64_t inner, int64_t outer)
{
    while (inner >= 0 && inner != outer)
        inner = map->spots[inner].parent;
    return inner == outer;
}

int64_t lt_course_map_find(const struct lt_course_map *map, struct lt_str block_id)
{
    for (size_t i = 0; i < map->n; i++)
        if (map->spots[i].visible && lt_str_eq(map->spots[i].block_id, block_id))
            return (int64_t)i;
    return -1;
}

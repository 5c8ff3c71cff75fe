/*
 * Who sees what of an imported course: one rule for all who give out its text (connector, search). What is hidden, is not shown yet or any more,
 * or is for some groups alone hides all that lies in it, too. Who has `view_hidden_content` sees everything. In which groups of the LMS a learner is, Lectern
 * does not know: what is for groups is shown to nobody else.
 */
#pragma once
#include "core/connector.h"

/* For whom. */
struct lt_sight {
    bool sees_all;
    int64_t now_ms;
};

/*
 * By the permission `view_hidden_content` of the caller's roles in the course (core/course_role.h): those who teach, and who runs the site. LT_ENOT_FOUND
 * for a token of another course. Fiber.
 */
enum lt_code lt_sight_of(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, struct lt_str course_id,
                         struct lt_sight *ret, struct lt_error *err);

/* One row of course_block: what it says of itself alone. */
bool lt_sight_sees(const struct lt_sight *sight, bool hidden, int64_t from, int64_t until, struct lt_str groups);

/* A course of the store, as learners see it now. */
struct lt_stored_course {
    int64_t id, revision;
    struct lt_str course_id, title, language;
};
/* LT_ENOT_FOUND: the site has none of that name, or its first import has not ended. */
enum lt_code lt_stored_course_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str course_id,
                                   struct lt_stored_course *ret, struct lt_error *err);

enum { LT_COURSE_MAP_MAX = 100000 };   /* rows of a course that are looked at; LT_ETOO_LARGE above */

struct lt_course_spot {
    struct lt_str block_id, name, url, sha256;
    int64_t parent;                    /* index; -1: the course */
    int64_t unit;                      /* index of the unit that it lies in or is; -1: in none */
    bool is_block;
    bool visible;                      /* with all that it lies in */
};
/* All rows of a revision without their texts; the index is the position. */
struct lt_course_map {
    struct lt_course_spot *spots;
    size_t n;
};
enum lt_code lt_course_map_load(struct lt_store *store, struct lt_arena *arena, const struct lt_stored_course *course, const struct lt_sight *sight,
                                struct lt_course_map *ret, struct lt_error *err);
/* Is the spot `inner`, or does it lie in it? */
bool lt_course_map_in(const struct lt_course_map *map, int64_t inner, int64_t outer);
/* Its index, -1 when there is none of that name or it is not to be seen. */
int64_t lt_course_map_find(const struct lt_course_map *map, struct lt_str block_id);

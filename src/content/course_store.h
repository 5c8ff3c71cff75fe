/*
 * Imported courses in the store (tables course, course_block). An import is seen whole or not at all: its rows bear a revision of their own, and the course
 * is moved to it when all are there. What was left by one that broke off is removed at the next start, or by the next import of the course.
 *
 * For others who keep something about courses (an index): `revision` of a course changes with each import, and never goes back; rows whose block_id
 * and sha256 are as before have not changed. lt_course_list() is cheap enough to be asked now and then. A course that is not listed any more is gone.
 */
#pragma once
#include "content/course_tree.h"
#include "core/site.h"
#include "store/store.h"

enum { LT_COURSE_PAGE_MAX = 1000, LT_COURSE_LEASE_MS = 10000 /* an import that writes nothing for so long has died */ };

struct lt_course_row {
    int64_t id;                /* of the row: course_block.course */
    struct lt_str course_id, title, language, format;
    struct lt_str about, warnings; /* JSON */
    struct lt_str sha256;      /* of the file */
    int64_t revision, blocks;  /* blocks: rows */
    int64_t imported_at;       /* ms */
};

/* What an import has changed; blocks are rows of any kind. */
struct lt_course_saved {
    int64_t id, revision;
    int64_t blocks, added, changed, unchanged, removed;
};

/*
 * Writes the tree as a new revision of its course, in units of about 1 MiB, and moves the course to it. Fiber, or outside loops; not cancelled in
 * between. LT_ECONFLICT: another import of it is under way; LT_ESTORE, LT_EOVERLOADED.
 */
enum lt_code lt_course_save(struct lt_store *store, int64_t site_id, const struct lt_course_tree *tree, const char *sha256, struct lt_course_saved *ret,
                            struct lt_error *err);
/* Those of the site behind `after` ("": from the first), by course_id; *ret_more: there are others. Rows in the arena. Fiber, or outside loops. */
enum lt_code lt_course_list(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str after, int limit, struct lt_course_row **ret,
                            size_t *ret_n, bool *ret_more, struct lt_error *err);
/* LT_ENOT_FOUND. */
enum lt_code lt_course_get(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str course_id, struct lt_course_row *ret,
                           struct lt_error *err);
/* LT_ENOT_FOUND, LT_ECONFLICT: it is being imported. */
enum lt_code lt_course_remove(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str course_id, struct lt_error *err);
/* Removes what imports and removals left that died. Start-up, or fiber. *ret_n: courses that had any. */
enum lt_code lt_course_sweep(struct lt_store *store, size_t *ret_n, struct lt_error *err);

/* ---- writing ---- */
/* Members of the present object: what a course is. */
void lt_course_put(struct lt_jw *w, const struct lt_course_row *row);
/* Members of the present object: what an import has done, with its warnings. */
void lt_course_put_saved(struct lt_jw *w, const struct lt_course_saved *saved);

/* Of one revision, its outline: chapters, sequences, units (blocks too when `all`), as an array of the present object named "outline". */
enum lt_code lt_course_put_outline(struct lt_store *store, struct lt_arena *arena, const struct lt_course_row *row, bool all, struct lt_jw *w,
                                   struct lt_error *err);

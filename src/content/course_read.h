/* From a file to a tree: which format it is, what of it is needed, what the operator says of it. */
#pragma once
#include "content/archive.h"
#include "content/course_tree.h"

enum { LT_COURSE_READ_MS = 120000 }; /* for all of it; what takes longer is refused */
#define LT_COURSE_FILE_MAX (INT64_C(1) << 30) /* bytes of a package */

struct lt_course_read {
    struct lt_arena *arena;          /* for the tree; it may be used by the worker that reads */
    struct lt_archive_source source;
    struct lt_str course_id, title;  /* instead of what the package says; "": what it says */
    struct lt_course_tree *tree;     /* the result, in the arena */
    char sha256[65];                 /* of the package */
};

/*
 * Blocking: worker; at most about 200 MiB of memory. LT_EINVALID_INPUT: what is wrong, with the name of the file inside; LT_ETOO_LARGE, LT_ETIMEOUT, LT_EIO.
 */
enum lt_code lt_course_read(struct lt_course_read *r, struct lt_error *err);
/* The same on a worker while the calling fiber gives way. LT_EOVERLOADED too. */
enum lt_code lt_course_read_work(struct lt_course_read *r, struct lt_error *err);

/*
 * What Open edX answers, read: the course blocks API (/api/courses/v1 and v2/blocks/), the courses API (/api/courses/v1/courses/ID), Studio's
 * olx-export/v1 and libraries/v2. No I/O. What is not of the documented form is LT_EUPSTREAM_INVALID, without a word of the answer. Any thread; on a
 * worker, because answers have megabytes.
 */
#pragma once
#include "core/connector.h"

enum {
    LT_EDX_BLOCKS_MAX = 50000,  /* in one answer */
    LT_EDX_DEPTH_MAX = 50,      /* of children in children; what is deeper is left out */
};

/* An answer of the blocks API, as this user may see the course. */
struct lt_edx_tree {
    struct lt_str root;
    const struct lt_json *blocks; /* by id */
};
enum lt_code lt_edx_tree_read(struct lt_arena *arena, struct lt_str body, struct lt_edx_tree *ret, struct lt_error *err);
/* The sequence in which the location lies, or that it is; "" = none. */
struct lt_str lt_edx_sequence_of(const struct lt_edx_tree *tree, struct lt_str location);
/*
 * The root as content. LT_CONTENT_UNIT: it is one unit, and what lies below it its blocks; else it is a sequence, whose children are units, up to the
 * one in which `upto` lies when the mode says so. A block whose text the answer does not have has text.p == NULL. LT_ENOT_FOUND: the location is not
 * in it.
 */
enum lt_code lt_edx_content(struct lt_arena *arena, const struct lt_edx_tree *tree, enum lt_content_mode mode, struct lt_str location,
                            struct lt_content *ret, struct lt_error *err);
/* Chapters, sequences and units below the root. */
void lt_edx_outline(struct lt_arena *arena, const struct lt_edx_tree *tree, struct lt_course_info *ret);
/* The block's lms_web_url; "" = none. */
struct lt_str lt_edx_link(const struct lt_edx_tree *tree, struct lt_str location);

/* The texts of the courses API's answer. */
enum lt_code lt_edx_course_read(struct lt_arena *arena, struct lt_str body, struct lt_course_info *ret, struct lt_error *err);
/* The block of this id in an answer of olx-export/v1 ({"blocks": {ID: {"olx"}}}), or the one of libraries/v2 ({"olx"}; id ""), into *block. */
enum lt_code lt_edx_olx_read(struct lt_arena *arena, struct lt_str body, struct lt_str id, struct lt_content_block *block, struct lt_error *err);
/* A library's title and description. */
enum lt_code lt_edx_library_read(struct lt_arena *arena, struct lt_str body, struct lt_course_info *ret, struct lt_error *err);
/* One page of a library's blocks, behind those that are there (room for `max` in all); *ret_more: there is another page. */
enum lt_code lt_edx_library_blocks_read(struct lt_arena *arena, struct lt_str body, size_t max, struct lt_course_info *ret, bool *ret_more,
                                        struct lt_error *err);
/* Name and category of a library's block. */
enum lt_code lt_edx_library_block_read(struct lt_arena *arena, struct lt_str body, struct lt_content_block *ret, struct lt_error *err);

/*
 * The formats of course packages. Each has a test of names (is it this format?), a choice of the files that it needs, and a reader that makes a tree of
 * them. Readers are pure: an archive in memory in, a tree out. They set title, language, about and nodes, and the course's id unless the operator gave one.
 *
 * Reader errors name the file inside: LT_EINVALID_INPUT, LT_EPERMISSION (declares entities), LT_ETOO_LARGE, LT_ETIMEOUT. A damaged file of one block is left out
 * with a warning, a damaged file of the structure is an error. Blocking: worker.
 */
#pragma once
#include "content/archive.h"
#include "content/course_tree.h"
#include "content/xml.h"

struct lt_course_format {
    const char *name;
    bool (*is)(const struct lt_archive *names, struct lt_str *ret_root); /* root: the folder that everything lies in, with "/" behind it, or "" */
    bool (*wants)(struct lt_str name);                                   /* below the root */
    enum lt_code (*read)(const struct lt_archive *archive, struct lt_str root, struct lt_course_tree *tree, struct lt_error *err);
};
extern const struct lt_course_format lt_olx, lt_common_cartridge, lt_moodle_backup;

/* ---- for them ---- */
/* A file below the root; NULL: there is none that was kept. */
const struct lt_archive_file *lt_course_file(const struct lt_archive *archive, struct lt_str root, struct lt_str name);
/* The file as XML, its tree in arena. LT_ENOT_FOUND; lt_xml_read()'s errors with the name before. */
enum lt_code lt_course_xml(struct lt_arena *arena, const struct lt_archive *archive, struct lt_str root, struct lt_str name, struct lt_xml_node **ret,
                           struct lt_error *err);
/* The same for a file of one block: what is missing or not well-formed is NULL with a warning. */
enum lt_code lt_course_leaf(struct lt_course_tree *tree, struct lt_arena *arena, const struct lt_archive *archive, struct lt_str root, struct lt_str name,
                            struct lt_xml_node **ret, struct lt_error *err);
bool lt_course_ends(struct lt_str name, const char *const *endings, size_t n); /* without regard to case */

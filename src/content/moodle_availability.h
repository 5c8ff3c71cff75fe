/* Moodle's conditions of access (availability/classes/tree.php), as far as they can be decided here. */
#pragma once
#include "content/formats.h"

/* Names of groups by id. */
struct lt_moodle_group {
    struct lt_str id, name;
};
/*
 * Limits the node by the JSON text ("": no condition): dates, and groups by name. What else there is, and conditions that are joined in another way than
 * "all of them", cannot be decided here: the node is hidden from learners then, with a warning.
 */
void lt_moodle_availability(struct lt_course_tree *tree, struct lt_str file, struct lt_str json, const struct lt_moodle_group *groups, size_t groups_n,
                            struct lt_course_node *node);

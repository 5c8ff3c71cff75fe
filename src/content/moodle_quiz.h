/* Questions of a Moodle backup: those that a quiz names, with what is right apart. */
#pragma once
#include "content/formats.h"

struct lt_moodle_questions; /* all of questions.xml, by id and by entry of the question bank */

/* Of questions.xml, which may be NULL; in the arena, and points into the document. */
struct lt_moodle_questions *lt_moodle_questions_new(struct lt_arena *arena, const struct lt_xml_node *document);
/*
 * Adds a block for each question of the quiz below its unit. Questions that are drawn by chance are left out with a warning. LT_ETOO_LARGE, LT_ETIMEOUT.
 */
enum lt_code lt_moodle_quiz(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *quiz, const struct lt_moodle_questions *questions,
                            struct lt_course_node *unit, struct lt_error *err);
/* HTML of a backup: addresses of its own files are their names. The text as lt_course_html() gives it. */
struct lt_str lt_moodle_html(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *parent, const char *path);
/* The text of an element; "" for Moodle's null. */
struct lt_str lt_moodle_string(struct lt_course_tree *tree, const struct lt_xml_node *parent, const char *path);

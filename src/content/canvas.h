/*
 * What Canvas writes into a Common Cartridge beside the specification (instructure/canvas-lms, "cccv1p0.xsd"): who sees what. course_settings/module_meta.xml
 * speaks of modules and their items, assignment_settings.xml, assessment_meta.xml and <topicMeta> of one assignment, quiz or discussion, a <meta> of one page.
 * The manifest itself says nothing of it: without these a draft would look like all else. Pure; nothing is kept.
 */
#pragma once
#include "content/course_tree.h"
#include "content/xml.h"

/* Limits the node by what the element says: <module>, <item>, <assignment>, <quiz>, <topicMeta>. What cannot be read hides, with a warning. */
void lt_canvas_limit(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *element, struct lt_course_node *node);
/* Is it the root of a file that lt_canvas_limit() reads? */
bool lt_canvas_is_settings(const struct lt_xml_node *root);
/* Does the head of the page say that it is not published? */
bool lt_canvas_is_draft(struct lt_str html);

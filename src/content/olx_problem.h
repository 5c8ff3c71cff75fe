/* <problem> of OLX: what is asked, and apart from it what is right and why. */
#pragma once
#include "content/formats.h"

/* Sets text and answers of the block. `file`: for warnings. */
void lt_olx_problem(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *problem, struct lt_course_node *block);

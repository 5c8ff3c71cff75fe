/* Questions of IMS QTI 1.2.1 as Common Cartridge profiles it ("QTI 1.2.1 in Common Cartridge"): assessments and question banks. */
#pragma once
#include "content/formats.h"

/*
 * Adds a block for each item of the document below the unit, named CATEGORY of the blocks. hidden: learners do not see them (a bank). `id`: that of the
 * resource; items get "id#ident". LT_ETOO_LARGE, LT_ETIMEOUT.
 */
enum lt_code lt_qti_add(struct lt_course_tree *tree, struct lt_str file, const struct lt_xml_node *document, struct lt_course_node *unit, struct lt_str id,
                        bool hidden, struct lt_error *err);

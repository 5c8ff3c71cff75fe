/* The built-in placements: course_assist, editor, chat, grading, author, openedx_widget. */
#pragma once
#include "core/registry.h"

enum lt_code lt_placements_register(struct lt_error *err);
/* May the placement offer this action? What is switched off there counts too. */
bool lt_placement_offers(const struct lt_placement *placement, struct lt_str action);

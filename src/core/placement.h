/* The built-in placements: course_assist, editor, chat, grading, author. */
#pragma once
#include "core/registry.h"

enum lt_code lt_placements_register(struct lt_error *err);

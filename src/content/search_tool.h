/* The tool that searches the course; an entry of the registry (builtin.c). */
#pragma once
#include "core/tool.h"

#define LT_SEARCH_TOOL "search_course"

extern const struct lt_tool lt_tool_search_course;

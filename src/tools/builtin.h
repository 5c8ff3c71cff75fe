/* The built-in tools. */
#pragma once
#include "base/error.h"

/* Adds them (LT_KIND_TOOL); once, at start, before lt_registry_seal(). The error is lt_registry_add()'s. */
enum lt_code lt_tools_register(struct lt_error *err);

/* The built-in actions as entries of the registry. */
#pragma once
#include "base/error.h"

/* Adds them (LT_KIND_ACTION); once, at start, before lt_registry_seal(). The error is lt_registry_add()'s. */
enum lt_code lt_actions_register(struct lt_error *err);

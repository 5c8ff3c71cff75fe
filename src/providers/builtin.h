/* The built-in providers as entries of the registry. */
#pragma once
#include "base/error.h"

/* Adds them (LT_KIND_PROVIDER); once, at start, before lt_registry_seal(). The error is lt_registry_add()'s. */
enum lt_code lt_providers_register(struct lt_error *err);

/* The built-in content connectors, and the tool that searches courses. */
#pragma once
#include "base/error.h"

/*
 * Adds them (LT_KIND_CONNECTOR, LT_KIND_TOOL); once, at start, before lt_registry_seal(). share_dir: where demo/ lies, valid as long as the process; NULL:
 * there is no demo course. The error is lt_registry_add()'s.
 */
enum lt_code lt_content_register(const char *share_dir, struct lt_error *err);

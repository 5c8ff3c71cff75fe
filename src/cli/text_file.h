/* Whole small files, for settings, secrets and policy texts. Blocking: start-up and command line. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

/* path "-" is standard input. LT_ECONFIG with the path and the reason; more than max bytes is an error. err may be NULL. */
enum lt_code lt_text_file(struct lt_arena *arena, const char *path, size_t max, struct lt_str *ret, struct lt_error *err);

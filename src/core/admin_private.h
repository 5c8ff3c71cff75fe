/* Shared by admin*.c only. */
#pragma once
#include "core/admin.h"

/* Raises the generation and writes the unit. */
enum lt_code lt_admin_commit(struct lt_store *store, struct lt_tx *tx, struct lt_error *err);
/* 1 to max bytes of UTF-8 without NUL. */
bool lt_admin_text_ok(struct lt_str s, size_t max);
/* Checks a value against a schema's text. */
enum lt_code lt_admin_check(struct lt_arena *arena, const char *schema_text, const struct lt_json *value, struct lt_error *err);
/* One level of RFC 7386: members of patch over those of base, null removes. Either may be NULL. JSON text in the arena. */
struct lt_str lt_admin_merge(struct lt_arena *arena, const struct lt_json *base, const struct lt_json *patch);
/* JSON of a column that we wrote. */
enum lt_code lt_admin_parse(struct lt_arena *arena, struct lt_str text, const struct lt_json **ret, struct lt_error *err);

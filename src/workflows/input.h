/*
 * Members of what a client sends. Clients of Open edX write names as num_cards or as numCards; both are the same name. Trees that are made
 * here lie in the arena of the call. Any thread.
 */
#pragma once
#include "base/arena.h"
#include "text/json.h"

enum { LT_INPUT_NAME_MAX = 40 }; /* bytes of a name */

/* The member `name` (written with underscores) of an object, in either spelling; null counts as absent. NULL: there is none. */
const struct lt_json *lt_input_get(const struct lt_json *object, const char *name);
/* Its text without white space at both ends, at most max bytes; "" when absent. LT_EINVALID_INPUT with /name when it is something else. */
enum lt_code lt_input_text(const struct lt_json *object, const char *name, size_t max, struct lt_str *ret, struct lt_error *err);
/* A whole number from min to max; `otherwise` when absent. LT_EINVALID_INPUT with /name. */
enum lt_code lt_input_int(const struct lt_json *object, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *ret,
                          struct lt_error *err);
/* What a writer has written as a tree; frees `out`. LT_ETOO_LARGE when it went over its maximum. */
enum lt_code lt_input_tree(struct lt_arena *arena, struct lt_buf *out, const struct lt_json **ret, struct lt_error *err);

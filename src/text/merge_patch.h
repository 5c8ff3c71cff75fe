/* JSON Merge Patch, RFC 7386. Any thread. */
#pragma once
#include "text/json.h"

/*
 * What `target` becomes by `patch`: members of the patch replace or add, null removes, objects are merged in one another, everything else
 * (arrays, too) is replaced as a whole. Members keep the target's order, new ones come behind it. Cannot fail: the result is no deeper than the
 * deeper of the two (so at most LT_JSON_DEPTH) and has no more values than both together.
 *
 * target == NULL: nothing is there yet. patch == NULL: nothing is asked for, the answer is `target`. The result lies in the arena and points
 * into both trees, so both (and their texts) must live as long; lt_json_offset() of its values means nothing.
 */
const struct lt_json *lt_merge_patch(struct lt_arena *arena, const struct lt_json *target, const struct lt_json *patch);

/*
 * Rubrics of ORA2 (openedx/edx-ora2): {"prompts": […], "criteria": [{"order_num", "name", "label", "prompt", "feedback", "options": [{"order_num",
 * "points", "name", "label", "explanation"}]}]}. They are known by two hashes, over the text that Python's json.dumps(…, sort_keys=True) writes
 * (reference/xblock.md §3.2). Any thread.
 */
#pragma once
#include "core/rubric.h"

struct lt_ora2_hashes {
    char content[41], structure[41]; /* SHA-1, hexadecimal */
};

/*
 * The rubric as one of ours: ids c0, c1, … and o0, o1, … by their place, both hashes. *ret lies in the arena. LT_EINVALID_INPUT with the field:
 * no criterion, options of one name in a criterion, points that are no whole number from 0 on, an option-less criterion without required feedback.
 */
enum lt_code lt_rubric_from_ora2(struct lt_arena *arena, const struct lt_json *ora2, const struct lt_json **ret, struct lt_ora2_hashes *ret_hashes,
                                 struct lt_error *err);

/*
 * Questions in the making, as a session keeps them: "question_slots", a list of {"versions": [question with its OLX, …], "selected": index},
 * with "left_out": true where the author does not want one. What is made lies in the arena it was asked for. Fiber.
 */
#pragma once
#include "workflows/orchestrators/kept.h"

enum {
    LT_SLOT_VERSIONS_MAX = 20,         /* of a question; then the oldest goes */
    LT_SLOTS_WRITTEN_MAX = 8 << 20,    /* bytes of JSON made of them */
};
#define LT_SLOTS_WHOSE "questions in the making are"

/* Slots of one version each. */
void lt_slots_put_new(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *problems);

/* NULL when there is none of that index. */
const struct lt_json *lt_slot_at(const struct lt_json *metadata, int64_t index);
/* Its version that counts; NULL when there is no such slot. */
const struct lt_json *lt_slot_selected(const struct lt_json *slot);
bool lt_slot_left_out(const struct lt_json *slot);

struct lt_slot_change {
    const struct lt_json *problem;     /* another version, which then counts; NULL: */
    int64_t selected;                  /* the one that counts */
    bool left_out;
};
/* *ret: {"question", "history", "selected"} and "left_out" where it is: the slot after the change, as clients are told it. */
enum lt_code lt_slot_change(struct lt_arena *arena, const struct lt_json *slot, const struct lt_slot_change *change, const struct lt_json **ret,
                            struct lt_error *err);
/* *ret: a patch of the metadata with the changed slot in the place of that index. */
enum lt_code lt_slots_with(struct lt_arena *arena, const struct lt_json *metadata, int64_t index, const struct lt_json *changed,
                           const struct lt_json **ret, struct lt_error *err);
/* {"response": changed, "status": "completed"} */
void lt_slot_answer(struct lt_jw *response, const struct lt_json *changed);

/*
 * The action change_question: an author's own version of one question (`question`, with the version it was made of as `based_on`), which version
 * counts (`selected`), whether it is left out (`left_out`). LT_ECONFLICT when another version than `based_on` counts by now: nothing is written over
 * that its author has not seen.
 */
enum lt_code lt_slot_change_run(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err);

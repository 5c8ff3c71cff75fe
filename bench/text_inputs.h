/* The texts that are read and written: made up, always the same, of the kinds that Lectern meets. */
#pragma once
#include "workflows/template.h"

enum { LT_TEXT_INPUTS = 6 };

struct lt_text_input {
    const char *name;  /* of its file, too */
    const char *title;
    struct lt_str text;
};

/* Strict JSON. The texts lie in the arena. */
void lt_text_inputs(struct lt_arena *arena, struct lt_text_input ret[LT_TEXT_INPUTS]);
/* All templates of the set as one JSON5 array, comments and all, so often that it has at least `bytes`. */
struct lt_str lt_text_templates(struct lt_arena *arena, const struct lt_template_set *set, size_t bytes);
/* A request to an action; the number makes them differ. */
void lt_text_request(struct lt_jw *w, int i);
/* The schema of such requests. */
extern const char lt_text_request_schema[];

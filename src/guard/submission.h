/* A submission's texts as a grader is to take them: which places of them speak to whoever grades (guard/address.h), and the rest without these. */
#pragma once
#include "guard/address.h"

struct lt_submission_text {
    const char *kind;                  /* "part" or "attachment" */
    size_t index;                      /* in its list */
    struct lt_str text;
    struct lt_stretches aside;
    bool name_aside;                   /* an attachment's name speaks so */
};
struct lt_submission {
    struct lt_submission_text *texts;  /* parts, then attachments */
    size_t n;
};

/* input: of grade_response, valid against its schema; its task and rubric are the assignment. In the arena. Any thread. */
void lt_submission_read(struct lt_arena *arena, const struct lt_json *input, struct lt_submission *ret);
/* The sentences that hold a place; the place itself when there is no such text. */
struct lt_stretch lt_submission_sentences(struct lt_arena *arena, const struct lt_submission *s, struct lt_str kind, size_t index,
                                          struct lt_stretch place);
/* Sets aside a place, too. One that is not there changes nothing. */
void lt_submission_set_aside(struct lt_arena *arena, struct lt_submission *s, struct lt_str kind, size_t index, struct lt_stretch place);
bool lt_submission_has_aside(const struct lt_submission *s);
/* The submission (JSON) without what is set aside, which is spaces: what is left stands where it stood. */
void lt_submission_write_rest(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *submission, const struct lt_submission *s);
/* [{"part" or "attachment": index, "start", "end"}, …]; a name as {"attachment": index, "name": true}. */
void lt_submission_write_aside(struct lt_jw *w, const struct lt_submission *s);

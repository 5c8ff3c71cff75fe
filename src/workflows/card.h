/* A flash card as a session keeps it and clients read it: what it asks and when it comes again. Any thread. */
#pragma once
#include "workflows/sm2.h"
#include "base/arena.h"
#include "text/json.h"

enum {
    LT_CARD_ID_MAX = 400,              /* bytes */
    LT_CARD_QUESTION_MAX = 16000,
    LT_CARD_ANSWER_MAX = 32000,
};

struct lt_card {
    struct lt_str id, question, answer; /* question and answer are plain text */
    int64_t next_review_time;          /* ms since 1970; 0: at once */
    double interval;                   /* minutes, as the study widget of Open edX counts */
    double ease_factor;
    int64_t repetitions;
    int64_t last_reviewed_at;          /* ms since 1970; -1: never */
};

/* As no one has seen it: due at once. */
struct lt_card lt_card_new(struct lt_str id, struct lt_str question, struct lt_str answer);
/*
 * Reads a card in either spelling of its names; what it does not say of its repetition is that of a new one. Texts point into the tree.
 * LT_EINVALID_INPUT with the pointer of what cannot be used.
 */
enum lt_code lt_card_read(const struct lt_json *json, struct lt_card *ret, struct lt_error *err);
/* {"id", "question", "answer", "nextReviewTime", "interval", "easeFactor", "repetitions", "lastReviewedAt"} */
void lt_card_write(struct lt_jw *w, const struct lt_card *card);
/* The card after it was answered now (ms) with that quality, by SM-2. *ret_days: until it comes again. */
void lt_card_review(struct lt_card *card, int quality, int64_t now, int64_t *ret_days);

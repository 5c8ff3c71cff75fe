/*
 * What users think of answers: one rating for each call, by whoever made it, changed and taken back as they like. It goes with the call and is no
 * part of the register's chain, for it is not a record of what happened. Everything here: fiber, or outside loops.
 */
#pragma once
#include "base/uuid.h"
#include "core/caller.h"
#include "store/store.h"

enum { LT_FEEDBACK_COMMENT_MAX = 2000 /* characters */ };
/* The values of `rating` and `reason`, as a JSON Schema has them. */
#define LT_FEEDBACK_RATINGS "\"up\",\"down\""
#define LT_FEEDBACK_REASONS "\"wrong\",\"off_topic\",\"unclear\",\"too_long\",\"harmful\",\"other\""

struct lt_feedback {
    struct lt_str rating;        /* up, down; "" = none */
    struct lt_str reason;        /* "" = none */
    struct lt_str comment;
    int64_t created_at, changed_at; /* ms */
    bool comments;               /* whether the call may have a comment: false where its content is not kept */
};

/* Of the caller's own call; LT_ENOT_FOUND when it is another's, of another site, or none. */
enum lt_code lt_feedback_get(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid call_id,
                             struct lt_feedback *ret, struct lt_error *err);
/*
 * Sets rating, reason and comment in place of what was there; durable when it returns. LT_ENOT_FOUND as above, LT_ECONFLICT when the call has no
 * answer (it runs, or was refused, or failed), LT_EINVALID_INPUT with the field: a reason for what is good, or a comment where none is kept.
 */
enum lt_code lt_feedback_put(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid call_id,
                             const struct lt_feedback *feedback, struct lt_error *err);
/* Takes it back, as if it had not been. LT_ENOT_FOUND as above. */
enum lt_code lt_feedback_remove(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_uuid call_id,
                                struct lt_error *err);
/* The caller's ratings of n calls: ret[i] is "" where there is none. In the arena. */
enum lt_code lt_feedback_ratings(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, const struct lt_uuid *call_ids,
                                 size_t n, struct lt_str *ret, struct lt_error *err);
/* JSON object {"rating", "reason", "comment", "created_at", "changed_at"} of whosever call; "null" when it has none. */
enum lt_code lt_feedback_json(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call_id, struct lt_str *ret, struct lt_error *err);
/* Adds the statement that removes comments of calls whose ids were made before that time (ms). */
void lt_feedback_tx_age(struct lt_tx *tx, int64_t site_id, int64_t before);

struct lt_jw;
/* The members of a rating: rating and reason (null when none), comment, created_at and changed_at. */
void lt_feedback_write(struct lt_jw *w, const struct lt_feedback *feedback);

/*
 * Gradings in the store: what a model made of a submission, and what people have decided instead. One row for a submission, a rubric and a
 * version of a profile: who asks again is given what is there. A row is claimed before a model is asked, and only its claim completes it,
 * once. What staff decide stands beside the model's result and always wins, whichever comes first.
 *
 * Fiber, or outside loops. Results lie in the arena of the call.
 */
#pragma once
#include "core/outbox.h"
#include "core/rubric.h"
#include "workflows/run.h"

enum {
    LT_GRADING_LIST_MAX = 1000,
    LT_GRADING_SUBMISSION_ID_MAX = 400, /* bytes */
    LT_GRADING_LEARNER_ID_MAX = 255,
};

enum lt_grading_mode { LT_GRADING_FEEDBACK_ONLY, LT_GRADING_ADVISORY, LT_GRADING_SCORING };

struct lt_grading {
    int64_t id;
    struct lt_uuid uuid;
    char uuid_text[37];
    int64_t site_id;
    struct lt_str key, submission_id, submission_hash;
    struct lt_str user_id, course_id, location_id;
    int64_t profile_id, profile_version;
    struct lt_str mode;
    struct lt_str rubric;              /* JSON: lt_grading_rubric() */
    struct lt_str state;               /* pending, ok, abstained, rejected, failed */
    struct lt_str reason;
    struct lt_str result;              /* JSON object: criteria, overall_feedback, points_earned, points_possible, parts, schema_hash, usage, model */
    struct lt_uuid call_id;            /* all zero: no model was asked */
    struct lt_uuid claim;
    int64_t claimed_at;                /* ms, as below */
    struct lt_str staff_result, staff_user; /* "" = nobody has decided */
    int64_t staff_at, created_at, completed_at;
};

/* What of a rubric is kept: ids and points, and names where with_names. */
struct lt_str lt_grading_rubric(struct lt_arena *arena, const struct lt_json *rubric, bool with_names);

/*
 * Makes the row of *g (its key, ids, mode, rubric) in state pending with a claim of its own, or reads the one that is there. *ret_mine: the
 * claim is the caller's, and a verdict is to be made. A claim of `lease_ms` and more ago is taken over; with lease_ms 0, any.
 * LT_EKEY_REUSED: the row that is there is of another submission, or another user's.
 */
enum lt_code lt_grading_claim(struct lt_store *store, struct lt_arena *arena, struct lt_grading *g, int64_t lease_ms, bool *ret_mine, struct lt_error *err);
/* Adds to a unit: state, reason, result and call of *g. The unit fails with LT_ECONFLICT when the claim is not the caller's any more. */
void lt_grading_complete(struct lt_tx *tx, const struct lt_grading *g);
/* Adds to a unit what other systems of the site are told of it, when they want to know. */
void lt_grading_tell(struct lt_tx *tx, const struct lt_site *site, const struct lt_grading *g, enum lt_event_kind kind);
/* Nothing came of it: the row goes, so that it can be asked for anew, unless staff have decided. Does not wait. */
void lt_grading_release(struct lt_store *store, const struct lt_grading *g);

struct lt_grading_filter {
    int64_t site_id;
    struct lt_str state;               /* "" = any; "queue": those that a person has to look at */
    struct lt_str course_id;           /* "" = any */
    int64_t before_id;                 /* 0 = the newest */
    int limit;
};
/* Newest first. */
enum lt_code lt_grading_list(struct lt_store *store, struct lt_arena *arena, const struct lt_grading_filter *filter, struct lt_grading **ret, size_t *ret_n,
                             struct lt_error *err);
/* By UUID, number or the LMS's name of the submission (the newest of it). LT_ENOT_FOUND; LT_EMULTIPLE when it is two of these. */
enum lt_code lt_grading_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str name, struct lt_grading *ret,
                             struct lt_error *err);
/*
 * The newest of a submission by the LMS's name for it, in the course and of the user's where these are not "". What learners had graded themselves
 * is found by their own name for it when `user_id` is theirs. LT_ENOT_FOUND.
 */
enum lt_code lt_grading_of_submission(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str submission_id,
                                      struct lt_str course_id, struct lt_str user_id, struct lt_grading *ret, struct lt_error *err);
/* The name by which what a learner has graded themselves is kept: what learners call so is not what the LMS calls so. */
struct lt_str lt_grading_own_name(struct lt_arena *arena, struct lt_str user_id, struct lt_str submission_id);
/*
 * What a person decides: {"selected": {criterion: option}, "feedback": {criterion: text}?, "overall_feedback"?}. Each criterion with options
 * must have one, points come from the rubric. May be done again. seen_ms: staff_at of what they have seen, and LT_ECONFLICT when somebody has
 * decided since; -1: whatever there is. LT_EINVALID_INPUT with the field; *g is as it is then.
 */
enum lt_code lt_grading_override(struct lt_store *store, const struct lt_site *site, struct lt_arena *arena, struct lt_grading *g,
                                 const struct lt_json *decision, struct lt_str who,
                                 int64_t seen_ms, struct lt_error *err);

/* Removes up to `max` gradings that are not kept any more (the site's grading_keep_days). *ret_more: there may be others. */
enum lt_code lt_grading_sweep(struct lt_store *store, const struct lt_config *config, int64_t now_ms, int max, bool *ret_more, struct lt_error *err);

/*
 * Writes it: {"id", "number", "status", "reason", "mode", "source": model | staff, criteria, …}. with_score: also options and points of what is
 * no score (mode advisory). full: with key, submission and user, the rubric and both results, for staff.
 */
void lt_grading_write(struct lt_jw *w, struct lt_arena *arena, const struct lt_grading *g, bool with_score, bool full);
/*
 * Writes it for whose submission it is: without what is no score, without the model and what a submission is searched for, with the rubric's names,
 * and its options where there is a score.
 */
void lt_grading_write_own(struct lt_jw *w, struct lt_arena *arena, const struct lt_grading *g);

-- What users think of answers: one rating of a call, by whoever made it (core/feedback.c). Goes with the call.
CREATE TABLE ai_call_feedback (
    call_id {blob} NOT NULL PRIMARY KEY, -- ai_call.id
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    rating TEXT NOT NULL, -- up, down
    reason TEXT NOT NULL DEFAULT '', -- one of a short list, of down alone
    comment TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
) {clustered};
CREATE INDEX ai_call_feedback_comment ON ai_call_feedback (site_id, call_id) WHERE comment <> '';

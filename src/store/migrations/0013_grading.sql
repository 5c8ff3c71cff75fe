-- Gradings of submissions, one per submission, rubric and version of the profile (workflows/grading.c).
CREATE TABLE grading (
    id {serial},
    uuid {blob} NOT NULL UNIQUE,
    site_id BIGINT NOT NULL REFERENCES site(id),
    grade_key TEXT NOT NULL, -- SHA-256 of what makes it the same grading
    submission_id TEXT NOT NULL, -- as the LMS calls it
    submission_hash TEXT NOT NULL,
    user_id TEXT NOT NULL, -- whose submission it is, or who asked
    course_id TEXT NOT NULL,
    location_id TEXT NOT NULL,
    profile_id BIGINT NOT NULL,
    profile_version BIGINT NOT NULL,
    mode TEXT NOT NULL, -- feedback_only, advisory, scoring
    rubric TEXT NOT NULL, -- JSON: ids, names and points
    state TEXT NOT NULL, -- pending, ok, abstained, rejected, failed
    reason TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '{}', -- JSON object
    call_id {blob}, -- ai_call.id of the verdict; null: no model was asked
    claim {blob} NOT NULL, -- of whoever works on it: only they may complete it
    claimed_at BIGINT NOT NULL,
    staff_result TEXT NOT NULL DEFAULT '', -- JSON object; it stands in place of the result
    staff_user TEXT NOT NULL DEFAULT '',
    staff_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    completed_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX grading_key ON grading (site_id, grade_key);
CREATE INDEX grading_site ON grading (site_id, id);
CREATE INDEX grading_course ON grading (site_id, course_id, id);
CREATE INDEX grading_submission ON grading (site_id, submission_id);
CREATE INDEX grading_age ON grading (site_id, created_at);
CREATE INDEX grading_queue ON grading (site_id, id) WHERE state IN ('abstained', 'rejected', 'failed') AND staff_at = 0;

-- An author's instruction that came with the task.
ALTER TABLE workflow_task_input ADD COLUMN prompt TEXT NOT NULL DEFAULT '';

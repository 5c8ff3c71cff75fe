-- Exports and erasures of what is kept of a user (privacy/): who asked, when, and what came of it. Rows stay; they name the user only while an
-- erasure is under way.
CREATE TABLE privacy_job (
    id {serial},
    uuid TEXT NOT NULL UNIQUE,
    site_id BIGINT NOT NULL,
    kind TEXT NOT NULL, -- export, erase
    user_id TEXT NOT NULL, -- of an erasure that is under way, else ''
    user_hash TEXT NOT NULL, -- what vendors get in the place of the user's id
    pseudonym TEXT NOT NULL, -- that the register has in its place from now on; '' = an export
    asked_by TEXT NOT NULL, -- a user, 'key ' and its first characters, 'cli'; 'self' = the user
    state TEXT NOT NULL, -- running, scrubbing (all is deleted, the files are still to be cleaned), done, failed
    code TEXT NOT NULL DEFAULT '', -- of the error, while it is tried again, and when it failed
    calls BIGINT NOT NULL DEFAULT 0,
    records BIGINT NOT NULL DEFAULT 0, -- other rows
    created_at BIGINT NOT NULL,
    completed_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX privacy_job_open ON privacy_job (id) WHERE completed_at = 0;
CREATE UNIQUE INDEX privacy_job_one ON privacy_job (site_id, user_id) WHERE user_id <> '';

-- Answers that a vendor keeps for a thread that is gone here: to be deleted there too, each with those before it.
CREATE TABLE privacy_vendor_deletion (
    id {serial},
    site_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL, -- privacy_job.id; 0: a conversation was cleared or removed
    instance_id BIGINT NOT NULL,
    response_id TEXT NOT NULL,
    depth BIGINT NOT NULL DEFAULT 0, -- steps from the answer with which it began
    state TEXT NOT NULL, -- waiting, deleted, failed
    tries BIGINT NOT NULL DEFAULT 0,
    code TEXT NOT NULL DEFAULT '', -- of the last error
    not_before BIGINT NOT NULL,
    give_up_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    completed_at BIGINT NOT NULL DEFAULT 0,
    UNIQUE (instance_id, response_id)
);
CREATE INDEX privacy_vendor_deletion_due ON privacy_vendor_deletion (not_before) WHERE state = 'waiting';
CREATE INDEX privacy_vendor_deletion_job ON privacy_vendor_deletion (job_id);

-- For finding what is a user's.
CREATE INDEX openai_response_user ON openai_response (site_id, user_id);
CREATE INDEX grading_user ON grading (site_id, user_id, id);

-- Workflows that run in the background (workflows/task.c). Whoever asked is kept as far as running in their name needs it: no token, no key.
CREATE TABLE workflow_task (
    id {serial},
    uuid TEXT NOT NULL UNIQUE,
    site_id BIGINT NOT NULL REFERENCES site(id),
    user_id TEXT NOT NULL,
    roles TEXT NOT NULL, -- names, parted by commas
    locale TEXT NOT NULL,
    only_course TEXT NOT NULL, -- of a token that is bound to one course
    is_user BIGINT NOT NULL,
    key_id BIGINT NOT NULL, -- the site key that asked, 0: none
    policy_by_lms BIGINT NOT NULL,
    profile_id BIGINT NOT NULL,
    profile_slug TEXT NOT NULL, -- when it was asked for
    scope_id BIGINT NOT NULL, -- 0: the profile was named, no scope led to it
    course_id TEXT NOT NULL,
    location_id TEXT NOT NULL,
    ui_slot_selector_id TEXT NOT NULL,
    placement TEXT NOT NULL,
    action TEXT NOT NULL,
    idempotency_key TEXT NOT NULL, -- '': none
    request_hash {blob} NOT NULL, -- SHA-256 of what was asked
    state TEXT NOT NULL, -- queued, running, completed, failed, timeout, cancelled
    attempt BIGINT NOT NULL DEFAULT 0, -- raised by each claim: only who claimed it last may end it
    tries BIGINT NOT NULL DEFAULT 0, -- attempts that failed in a way that may be tried again
    cancel_asked BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL, -- while it is queued
    message TEXT NOT NULL DEFAULT '',
    fraction DOUBLE PRECISION, -- null: not known
    run_id TEXT NOT NULL DEFAULT '', -- of the last attempt, and of its first call in the register
    code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    started_at BIGINT NOT NULL DEFAULT 0, -- of the first attempt
    completed_at BIGINT NOT NULL DEFAULT 0 -- 0: has not ended
);
CREATE UNIQUE INDEX workflow_task_key ON workflow_task (site_id, user_id, idempotency_key) WHERE idempotency_key <> '';
CREATE INDEX workflow_task_state ON workflow_task (state, site_id, user_id);
CREATE INDEX workflow_task_user ON workflow_task (site_id, user_id, id);
CREATE INDEX workflow_task_site ON workflow_task (site_id, id);
CREATE INDEX workflow_task_ended ON workflow_task (site_id, completed_at);

-- What it works on; goes with the task's end.
CREATE TABLE workflow_task_input (
    task_id BIGINT PRIMARY KEY,
    user_input TEXT, -- JSON; null: none
    content TEXT NOT NULL
);

-- What a run in the foreground would have answered (JSON). There is one only of a completed task.
CREATE TABLE workflow_task_result (
    task_id BIGINT PRIMARY KEY,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

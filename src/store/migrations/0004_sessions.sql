-- A user's conversation with a profile at one place, and its turns. Rows go with their profile, their scope and their site (workflows/session.c).
CREATE TABLE workflow_session (
    id {serial},
    uuid TEXT NOT NULL UNIQUE,
    site_id BIGINT NOT NULL REFERENCES site(id),
    user_id TEXT NOT NULL,
    scope_id BIGINT NOT NULL, -- 0: the profile was named, no scope led to it
    profile_id BIGINT NOT NULL REFERENCES workflow_profile(id),
    course_id TEXT NOT NULL DEFAULT '',
    location_id TEXT NOT NULL DEFAULT '',
    thread BIGINT NOT NULL DEFAULT 1, -- the present one; clearing begins the next
    remote_response_id TEXT NOT NULL DEFAULT '', -- the last answer that the service keeps of this thread
    remote_instance_id BIGINT NOT NULL DEFAULT 0,
    metadata TEXT NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (site_id, user_id, scope_id, profile_id, course_id, location_id)
);
CREATE INDEX workflow_session_site ON workflow_session (site_id, id);
CREATE INDEX workflow_session_profile ON workflow_session (profile_id, id);
CREATE INDEX workflow_session_scope ON workflow_session (scope_id, id);

-- Turns are added and removed with their session; none is ever changed.
CREATE TABLE workflow_submission (
    id {serial},
    uuid TEXT NOT NULL UNIQUE,
    session_id BIGINT NOT NULL REFERENCES workflow_session(id),
    thread BIGINT NOT NULL,
    position BIGINT NOT NULL, -- in the thread, from 1
    call_id TEXT NOT NULL DEFAULT '', -- of the register
    state TEXT NOT NULL, -- completed, interrupted
    messages TEXT NOT NULL, -- JSON: [{"role", "content", "timestamp"}]
    created_at BIGINT NOT NULL,
    UNIQUE (session_id, thread, position)
);

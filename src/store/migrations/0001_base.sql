-- Words in braces differ by back end: {serial} a key that counts up, {blob} bytes, {clustered} rows stored in key order.
-- Times are milliseconds since 1970-01-01 UTC. Booleans are 0 and 1.

CREATE TABLE meta (name TEXT PRIMARY KEY, value BIGINT NOT NULL) {clustered};
INSERT INTO meta (name, value) VALUES ('generation', 1);

CREATE TABLE site (
    id {serial},
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    enabled BIGINT NOT NULL DEFAULT 1,
    secret {blob} NOT NULL,
    settings TEXT NOT NULL DEFAULT '{}',
    policy_version TEXT NOT NULL DEFAULT '',
    policy_text TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL
);

CREATE TABLE site_key (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    hash {blob} NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    choose_provider BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE jwt_issuer (
    site_id BIGINT NOT NULL REFERENCES site(id),
    iss TEXT NOT NULL,
    aud TEXT NOT NULL,
    alg TEXT NOT NULL,
    secret TEXT NOT NULL,
    PRIMARY KEY (iss, aud)
) {clustered};

CREATE TABLE provider_instance (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    name TEXT NOT NULL,
    plugin TEXT NOT NULL,
    enabled BIGINT NOT NULL DEFAULT 1,
    position BIGINT NOT NULL,
    config TEXT NOT NULL DEFAULT '{}',
    actions TEXT NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    UNIQUE (site_id, name)
);

CREATE TABLE role_permission (
    site_id BIGINT NOT NULL REFERENCES site(id),
    role TEXT NOT NULL,
    permission TEXT NOT NULL,
    allowed BIGINT NOT NULL,
    PRIMARY KEY (site_id, role, permission)
) {clustered};

CREATE TABLE placement_switch (
    site_id BIGINT NOT NULL REFERENCES site(id),
    placement TEXT NOT NULL,
    action TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    PRIMARY KEY (site_id, placement, action)
) {clustered};

CREATE TABLE place_switch (
    site_id BIGINT NOT NULL REFERENCES site(id),
    course_id TEXT NOT NULL,
    location_id TEXT NOT NULL,
    action TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    PRIMARY KEY (site_id, course_id, location_id, action)
) {clustered};

-- One row a decision; the newest of (site, user) counts.
CREATE TABLE policy_acceptance (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    user_id TEXT NOT NULL,
    version TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    context TEXT NOT NULL DEFAULT '',
    decided_at BIGINT NOT NULL
);
CREATE INDEX policy_acceptance_user ON policy_acceptance (site_id, user_id, id);

-- The register. Begin, attempts, checkpoints and end are only ever added. Ids are UUIDv7: they sort by time.
CREATE TABLE ai_call (
    id {blob} PRIMARY KEY,
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    action TEXT NOT NULL,
    course_id TEXT NOT NULL,
    location_id TEXT NOT NULL,
    placement TEXT NOT NULL,
    content_stored BIGINT NOT NULL DEFAULT 1, -- 0: the site keeps neither inputs nor answers; no row of ai_action_*, no checkpoints, no details
    created_at BIGINT NOT NULL
) {clustered};

CREATE TABLE ai_call_attempt (
    call_id {blob} NOT NULL,
    n BIGINT NOT NULL,
    instance_id BIGINT NOT NULL,
    instance TEXT NOT NULL,
    plugin TEXT NOT NULL,
    model TEXT NOT NULL,
    success BIGINT NOT NULL,
    code TEXT NOT NULL,
    vendor_status BIGINT NOT NULL,
    detail TEXT NOT NULL,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    duration_ms BIGINT NOT NULL,
    PRIMARY KEY (call_id, n)
) {clustered};

CREATE TABLE ai_call_checkpoint (
    call_id {blob} NOT NULL,
    n BIGINT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (call_id, n)
) {clustered};

CREATE TABLE ai_call_end (
    call_id {blob} PRIMARY KEY,
    state TEXT NOT NULL, -- completed, failed, refused, cancelled, interrupted
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    instance_id BIGINT NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT '',
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    total_tokens BIGINT,
    partial TEXT NOT NULL DEFAULT '', -- what was shown of an answer that did not complete
    completed_at BIGINT NOT NULL
) {clustered};

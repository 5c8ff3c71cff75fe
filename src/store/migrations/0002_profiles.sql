-- Workflow profiles: a template on disk, changed by a merge patch. Every save adds a version and never changes an earlier one.
CREATE TABLE workflow_profile (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    uuid TEXT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT,
    base_filepath TEXT NOT NULL,
    content_patch TEXT NOT NULL DEFAULT '', -- JSON5 as it was written
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (site_id, slug),
    UNIQUE (site_id, uuid)
);

CREATE TABLE workflow_profile_version (
    profile_id BIGINT NOT NULL REFERENCES workflow_profile(id),
    version BIGINT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT,
    base_filepath TEXT NOT NULL,
    content_patch TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (profile_id, version)
) {clustered};

CREATE TABLE workflow_prompt (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    uuid TEXT NOT NULL,
    slug TEXT NOT NULL,
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (site_id, slug),
    UNIQUE (site_id, uuid)
);

CREATE TABLE workflow_prompt_version (
    prompt_id BIGINT NOT NULL REFERENCES workflow_prompt(id),
    version BIGINT NOT NULL,
    slug TEXT NOT NULL,
    body TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (prompt_id, version)
) {clustered};

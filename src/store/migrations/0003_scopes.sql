-- Where a profile applies. "" stands for any course, any location, no slot. Rows go with their profile and their site (workflows/scope_admin.c).
CREATE TABLE workflow_scope (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    uuid TEXT NOT NULL,
    profile_id BIGINT NOT NULL REFERENCES workflow_profile(id),
    service_variant TEXT NOT NULL DEFAULT 'lms',
    course_id TEXT NOT NULL DEFAULT '',
    location_regex TEXT NOT NULL DEFAULT '',
    ui_slot_selector_id TEXT NOT NULL DEFAULT '',
    enabled BIGINT NOT NULL DEFAULT 1,
    specificity_index BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (site_id, uuid)
);
CREATE INDEX workflow_scope_profile ON workflow_scope (profile_id);
CREATE INDEX workflow_scope_site ON workflow_scope (site_id, id);

-- Raised by every change of a scope, so that an unchanged index is kept when other configuration changes.
INSERT INTO meta (name, value) VALUES ('scopes', 1);

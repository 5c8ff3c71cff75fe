-- When a switch ends of itself (ms; 0: never). From then on it counts as if it were not there.
ALTER TABLE place_switch ADD COLUMN until_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE placement_switch ADD COLUMN until_at BIGINT NOT NULL DEFAULT 0;

-- Who has stopped all AI of a site, when and why, and who has let it go on. Rows stay.
CREATE TABLE emergency_stop (
    id {serial},
    site_id BIGINT NOT NULL, -- 0: of all sites
    reason TEXT NOT NULL,
    stopped_by TEXT NOT NULL,
    stopped_at BIGINT NOT NULL,
    lifted_by TEXT NOT NULL DEFAULT '',
    lifted_at BIGINT NOT NULL DEFAULT 0 -- 0: it is in force
);
CREATE UNIQUE INDEX emergency_stop_in_force ON emergency_stop (site_id) WHERE lifted_at = 0;

-- What users accept: a text for each version and language. A text is never changed: it is what somebody has accepted.
CREATE TABLE policy_text (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    version TEXT NOT NULL,
    language TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE UNIQUE INDEX policy_text_same ON policy_text (site_id, version, language);
INSERT INTO policy_text (site_id, version, language, text, created_at, created_by)
    SELECT id, policy_version, 'en', policy_text, created_at, '' FROM site WHERE policy_version <> '';
ALTER TABLE site DROP COLUMN policy_text;
ALTER TABLE policy_acceptance ADD COLUMN language TEXT NOT NULL DEFAULT ''; -- in which it was read
CREATE INDEX policy_acceptance_version ON policy_acceptance (site_id, user_id, version, id);

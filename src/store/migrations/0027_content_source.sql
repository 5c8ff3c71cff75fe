-- Where a site's course text is asked for over the network (content/source.h): an LMS with its address and what we sign in with.
CREATE TABLE content_source (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL, -- openedx, moodle
    enabled BIGINT NOT NULL,
    base_url TEXT NOT NULL, -- without '/' at its end
    client_id TEXT NOT NULL, -- of OAuth 2.0; '' where the secret alone is enough
    secret TEXT NOT NULL, -- sealed to the place (core/sealed.h); '' = none
    options TEXT NOT NULL, -- JSON object
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (site_id, name)
);

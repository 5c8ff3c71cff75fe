-- Who is signed in to the console (api/console_store.c). Made of a key, and gone with it.
CREATE TABLE console_session (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    key_id BIGINT NOT NULL REFERENCES site_key(id),
    hash {blob} NOT NULL UNIQUE, -- SHA-256 of the 32 random bytes that the browser's cookie holds
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX console_session_key ON console_session (key_id, id);

-- Keys of idempotency and what was answered (api/idempotency_store.c). A row is claimed before a call begins and goes when it expires.
CREATE TABLE idempotency_key (
    id {serial},
    site_id BIGINT NOT NULL,
    caller TEXT NOT NULL, -- 'user', or 'key' and the number of a site key; a blank; the user's id, '' when the key named nobody
    name TEXT NOT NULL, -- the key
    request_hash {blob} NOT NULL, -- SHA-256 of what was asked
    state TEXT NOT NULL, -- running, done, interrupted
    call_id TEXT NOT NULL DEFAULT '', -- of a streamed call, in the register
    form TEXT NOT NULL DEFAULT '', -- whole; events: body is the data of the last; stream
    status BIGINT NOT NULL DEFAULT 0,
    type TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL DEFAULT '', -- of the head: lines "Name: value"
    body {blob}, -- null: not kept
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX idempotency_key_name ON idempotency_key (site_id, caller, name);
CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at);

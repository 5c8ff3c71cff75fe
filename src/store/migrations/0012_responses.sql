-- Answers of the Responses API, kept for the user or key that asked, so that a client may read them and go on from them (core/response_store.c).
CREATE TABLE openai_response (
    id {blob} PRIMARY KEY,
    site_id BIGINT NOT NULL REFERENCES site(id),
    user_id TEXT NOT NULL, -- '': the key named nobody
    key_id BIGINT NOT NULL, -- the site key that asked; 0: a user's token did
    call_id {blob} NOT NULL, -- ai_call.id; the same as id, but where a workflow has asked
    previous_id {blob}, -- the answer that this one goes on from; null: it begins a thread
    status TEXT NOT NULL, -- in_progress, completed, incomplete, failed, cancelled
    reason TEXT NOT NULL DEFAULT '', -- of an incomplete one
    code TEXT NOT NULL DEFAULT '', -- of a failed one, with what its client was told
    message TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL, -- as the client is told
    settings TEXT NOT NULL, -- JSON object: the members of the request that the answer repeats
    input TEXT NOT NULL, -- JSON array of items: what this turn added
    output TEXT NOT NULL, -- JSON array of items
    input_tokens BIGINT, -- null: unknown, as in the three below
    output_tokens BIGINT,
    cached_tokens BIGINT,
    reasoning_tokens BIGINT,
    bytes BIGINT NOT NULL, -- of input and output
    created_at BIGINT NOT NULL,
    completed_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX openai_response_site ON openai_response (site_id, created_at);

-- Answers kept for calls that are the same to the letter (core/answer_cache.h), and which calls were answered so.
CREATE TABLE answer_cache (
    cache_key {blob} NOT NULL PRIMARY KEY, -- SHA-256 over site, scope, action, instance, model, the neutral call, guards, profile
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL, -- whose call was answered first
    call_id {blob} NOT NULL, -- ai_call.id of that call
    answer TEXT NOT NULL,
    model TEXT NOT NULL,
    cost BIGINT, -- of that call; null: not known
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX answer_cache_site ON answer_cache (site_id, created_at);
CREATE INDEX answer_cache_user ON answer_cache (site_id, user_id);
CREATE INDEX answer_cache_call ON answer_cache (call_id);

CREATE TABLE answer_cache_hit (
    call_id {blob} NOT NULL PRIMARY KEY, -- ai_call.id of the call that was answered from the cache
    site_id BIGINT NOT NULL,
    source_call_id {blob} NOT NULL, -- of the call whose answer it was
    saved_cost BIGINT -- null: not known
) {clustered};

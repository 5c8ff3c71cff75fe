-- Calls of tools that waited for the user's word, and what was said (workflows/approval.c). A row is written before anybody is asked, and decided once.
CREATE TABLE tool_approval (
    id {blob} NOT NULL PRIMARY KEY,
    run_id {blob} NOT NULL, -- of the run that waits: that of its first call
    call_id {blob} NOT NULL, -- ai_call.id of the call in which the model asked for the tool
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL, -- as the user was shown them; '' where the site keeps no content
    state TEXT NOT NULL, -- pending, approved, refused, expired, cancelled, interrupted
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT NOT NULL DEFAULT 0
) {clustered};
CREATE INDEX tool_approval_call ON tool_approval (call_id);
CREATE INDEX tool_approval_pending ON tool_approval (id) WHERE state = 'pending';

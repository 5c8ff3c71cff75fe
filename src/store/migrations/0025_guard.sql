-- What stands behind the placeholders of a user's texts (src/guard/talk.c): sealed with the master key, to this very place. Goes with the user.
CREATE TABLE guard_value (
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    placeholder TEXT NOT NULL, -- such as [EMAIL_K7QD2M]
    sealed TEXT NOT NULL,
    used_at BIGINT NOT NULL, -- ms
    PRIMARY KEY (site_id, user_id, placeholder)
) {clustered};
CREATE INDEX guard_value_used_at ON guard_value (site_id, used_at);

-- What guards have found in calls (src/guard/watch.c). Never a text.
CREATE TABLE guard_verdict (
    call_id {blob} NOT NULL, -- ai_call.id
    n INTEGER NOT NULL, -- from 1 on
    site_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    guard TEXT NOT NULL, -- pii, length, pattern, language, moderation
    rule TEXT NOT NULL, -- its name in the settings; "" of pii
    stage TEXT NOT NULL, -- input, output
    mode TEXT NOT NULL, -- annotate, redact, dry_run, block
    verdict TEXT NOT NULL, -- found, replaced, blocked, would_block, undecided
    counts TEXT NOT NULL, -- JSON object: how many of which kind
    checked_by {blob}, -- ai_call.id of the call that judged, or null
    created_at BIGINT NOT NULL, -- ms
    PRIMARY KEY (call_id, n)
) {clustered};
CREATE INDEX guard_verdict_site ON guard_verdict (site_id, created_at);

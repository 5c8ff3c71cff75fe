-- How much of what whom (core/limit.h). Amounts of money are millionths of the site's currency.
CREATE TABLE usage_limit (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    subject TEXT NOT NULL, -- site, course, role, user, provider
    subject_id TEXT NOT NULL, -- course, role, user, provider_instance.id; '' = each of them has the amount for itself
    per_user BIGINT NOT NULL, -- 1: each user of it has the amount for themselves
    action TEXT NOT NULL, -- '' = all of them together
    unit TEXT NOT NULL, -- requests, tokens, cost
    amount BIGINT NOT NULL,
    period TEXT NOT NULL, -- fixed, sliding, day, week, month
    period_s BIGINT NOT NULL, -- seconds of fixed and sliding, else 0
    when_spent TEXT NOT NULL, -- refuse, fallback, notice
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX usage_limit_same ON usage_limit (site_id, subject, subject_id, action, per_user, unit, period, period_s);

-- What was used of it, a sum for each slot of each counter (core/ledger.h): only ever added to, so that the order does not matter.
CREATE TABLE usage_counter (
    limit_id BIGINT NOT NULL,
    counter_key TEXT NOT NULL,
    slot BIGINT NOT NULL,
    ends_at BIGINT NOT NULL, -- from then on it counts no more
    used BIGINT NOT NULL,
    PRIMARY KEY (limit_id, counter_key, slot)
) {clustered};
CREATE INDEX usage_counter_end ON usage_counter (ends_at);

-- That a budget was used to 80 and to 100 %, once each in a slot.
CREATE TABLE usage_notice (
    id {serial},
    site_id BIGINT NOT NULL,
    limit_id BIGINT NOT NULL,
    counter_key TEXT NOT NULL,
    slot BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (limit_id, counter_key, slot, percent)
);
CREATE INDEX usage_notice_site ON usage_notice (site_id, id);

-- What a million tokens cost, and a request, in millionths of the currency: from valid_from until the next price of the same name or valid_to.
CREATE TABLE model_price (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site(id),
    provider TEXT NOT NULL, -- name of an instance or a plugin; '' = any
    model TEXT NOT NULL, -- '' = any
    input BIGINT NOT NULL,
    cached_input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    request BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT NOT NULL DEFAULT 0, -- 0: no end
    created_at BIGINT NOT NULL,
    UNIQUE (site_id, provider, model, valid_from)
);

-- Frozen when the call was made; null: its price was not known, which is not the same as free.
ALTER TABLE ai_call_attempt ADD COLUMN cost BIGINT;
ALTER TABLE ai_call_end ADD COLUMN cost BIGINT;

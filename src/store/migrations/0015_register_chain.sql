-- The chain of the register, one for each site (docs/register.md has its format). Records are there for good once they are committed; what was not
-- chained yet is named here, in the transaction that writes the record.
CREATE TABLE register_pending (
    call_id {blob} NOT NULL,
    kind BIGINT NOT NULL, -- 1 begin, 2 end, 3 tools
    PRIMARY KEY (call_id, kind)
) {clustered};

-- That user and content of a call were erased, written in the transaction that erases them, which also makes its salts null.
CREATE TABLE register_erasure (
    call_id {blob} PRIMARY KEY,
    site_id BIGINT NOT NULL,
    erased_at BIGINT NOT NULL,
    sealed BIGINT NOT NULL DEFAULT 0 -- 1: it is in the chain
) {clustered};
CREATE INDEX register_erasure_open ON register_erasure (call_id) WHERE sealed = 0;

CREATE TABLE register_seal (
    site_id BIGINT NOT NULL,
    seq BIGINT NOT NULL, -- from 1, without a gap
    kind BIGINT NOT NULL, -- 1 begin, 2 end, 3 tools, 4 erased, 5 aged, 6 break
    call_id {blob}, -- null for 5 and 6
    through BIGINT, -- 4: which kinds the content hash is of, a bit for each; 5: content of entries up to this one is removed; 6: see core/register_seal.h
    meta_hash {blob} NOT NULL,
    content_hash {blob} NOT NULL,
    salt {blob}, -- of the content hash; null: the content was erased, or removed by age
    hash {blob} NOT NULL,
    PRIMARY KEY (site_id, seq)
) {clustered};
CREATE UNIQUE INDEX register_seal_call ON register_seal (call_id, kind);

-- The last entry of each chain, signed; the same is in DATA/register.head. Who changes a chain raises the version: two at once cannot fork it.
CREATE TABLE register_head (
    site_id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    calls BIGINT NOT NULL, -- begins among the entries so far
    hash {blob} NOT NULL,
    at BIGINT NOT NULL,
    key_id TEXT NOT NULL, -- of the master key
    mac {blob} NOT NULL,
    version BIGINT NOT NULL
) {clustered};

-- Where a chain begins when its oldest part was removed by age: the last entry that is gone.
CREATE TABLE register_anchor (
    site_id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    calls BIGINT NOT NULL, -- that were removed so far
    hash {blob} NOT NULL,
    at BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    mac {blob} NOT NULL
) {clustered};

-- What is kept of calls that were removed by age: nothing of users. Sums are of what is known.
CREATE TABLE register_summary (
    site_id BIGINT NOT NULL,
    day TEXT NOT NULL, -- YYYY-MM-DD in the site's time zone
    action TEXT NOT NULL,
    provider TEXT NOT NULL, -- name of the instance that answered, '' = none
    model TEXT NOT NULL,
    course_id TEXT NOT NULL,
    state TEXT NOT NULL,
    calls BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    total_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    unpriced BIGINT NOT NULL, -- calls whose cost is not known
    PRIMARY KEY (site_id, day, action, provider, model, course_id, state)
) {clustered};

INSERT INTO register_pending (call_id, kind) SELECT id, 1 FROM ai_call;
INSERT INTO register_pending (call_id, kind) SELECT call_id, 2 FROM ai_call_end;
INSERT INTO register_pending (call_id, kind) SELECT DISTINCT call_id, 3 FROM tool_call;

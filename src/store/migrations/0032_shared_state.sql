-- What several processes on one PostgreSQL agree on. On SQLite these tables stay empty.

-- What one process at a time may do (core/sole.h). Times are the database's own, in ms since 1970.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL, -- a number that the process drew at its start
    until BIGINT NOT NULL
) {clustered};

-- Where files lie that hold the ends of chains (core/register_head.h): a directory that was here once and has lost its file says so.
CREATE TABLE register_place (
    place TEXT PRIMARY KEY, -- host:directory
    seen_at BIGINT NOT NULL
) {clustered};

-- Processes that hold parts of limits (core/quota.h); until by the database's clock.
CREATE TABLE usage_process (
    id TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);

-- What a process has taken of a counter's slot, and how much of that its calls have come to. usage_counter.used counts all that is taken.
CREATE TABLE usage_lease (
    process TEXT NOT NULL REFERENCES usage_process(id),
    limit_id BIGINT NOT NULL,
    counter_key TEXT NOT NULL,
    slot BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    PRIMARY KEY (process, limit_id, counter_key, slot)
) {clustered};
CREATE INDEX usage_lease_counter ON usage_lease (limit_id, counter_key);
CREATE INDEX usage_lease_end ON usage_lease (ends_at);

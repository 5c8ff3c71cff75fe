-- The processes on this database (core/member.h): one row for each `lectern serve`, written at its start, refreshed while it lives, gone when it
-- ends in order. Columns `process` say whose work something open is; null: of a program that is none of them.
CREATE TABLE process (
    id {serial},
    token TEXT NOT NULL UNIQUE, -- made by the process, which finds its number by it
    home TEXT NOT NULL, -- kernel, device and inode of the data directory's lock: whoever holds it knows that others with the same are gone
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    version TEXT NOT NULL,
    schema_version BIGINT NOT NULL,
    advertised TEXT NOT NULL DEFAULT '', -- URL at which other processes reach it; '': none
    started_at BIGINT NOT NULL, -- by the database's clock, as all times here
    seen_at BIGINT NOT NULL,
    draining BIGINT NOT NULL DEFAULT 0,
    dead_at BIGINT NOT NULL DEFAULT 0, -- 0: it lives as far as anybody knows. Set once: a process that finds it set takes a new row
    claimed_by BIGINT NOT NULL DEFAULT 0, -- process that recovers what was its
    recovered_at BIGINT NOT NULL DEFAULT 0
);

ALTER TABLE ai_call ADD COLUMN process BIGINT;
ALTER TABLE workflow_task ADD COLUMN process BIGINT;
ALTER TABLE idempotency_key ADD COLUMN process BIGINT;
ALTER TABLE tool_approval ADD COLUMN process BIGINT;
CREATE INDEX idempotency_key_running ON idempotency_key (process) WHERE state = 'running';

-- Made by the process that claims a batch of tasks, which finds them by it.
ALTER TABLE workflow_task ADD COLUMN claim TEXT;

-- What one process asks of another about a call that runs there; read every second, and dropped by who reads it.
CREATE TABLE process_message (
    id {serial},
    process BIGINT NOT NULL, -- to whom
    kind TEXT NOT NULL, -- cancel, nudge: look again at what the call waits for
    call_id {blob} NOT NULL,
    site_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX process_message_process ON process_message (process, id);

-- Which master keys (by what they are called) secrets were sealed with, the newest last: a process without it is refused (core/master_key.h).
CREATE TABLE master_key (
    id {serial},
    name TEXT NOT NULL UNIQUE,
    seen_at BIGINT NOT NULL
);

-- Receivers of events; the config is {"<kind>": {…}}, its secrets sealed. events: names, each between blanks.
CREATE TABLE event_destination (
    id {serial},
    site_id BIGINT NOT NULL REFERENCES site (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    events TEXT NOT NULL,
    config TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (site_id, name)
);
-- What a destination is delivered by, and how that goes. Changes with every delivery, so it is no configuration.
CREATE TABLE event_delivery (
    destination_id BIGINT PRIMARY KEY,
    owner TEXT NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    paused_until BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    delivered BIGINT NOT NULL DEFAULT 0,
    dropped BIGINT NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    last_at BIGINT NOT NULL DEFAULT 0
);
-- Who a user is to receivers, and the microsecond of the last event that tells of them.
CREATE TABLE event_actor (
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    last_us BIGINT NOT NULL,
    PRIMARY KEY (site_id, user_id)
) {clustered};
-- An event for a destination: waiting (dead_at 0), or given up.
CREATE TABLE event_outbox (
    id {serial},
    destination_id BIGINT NOT NULL,
    site_id BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    data TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    dead_at BIGINT NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX event_outbox_destination ON event_outbox (destination_id, dead_at, id);
CREATE INDEX event_outbox_user ON event_outbox (site_id, user_id);
CREATE INDEX event_outbox_age ON event_outbox (dead_at, at_us);

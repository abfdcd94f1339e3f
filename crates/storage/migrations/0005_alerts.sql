-- Monitors that were made through the API. Times are nanoseconds since the Unix epoch, UTC.
CREATE TABLE monitors (
    id          TEXT   NOT NULL PRIMARY KEY,
    version     BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    body        TEXT   NOT NULL
);

-- What each monitor knows between two evaluations.
CREATE TABLE monitor_states (
    monitor TEXT NOT NULL PRIMARY KEY,
    body    TEXT NOT NULL
);

-- `body` belongs to the evaluation, the acknowledgement to people: neither overwrites the other.
CREATE TABLE alerts (
    id              TEXT   NOT NULL PRIMARY KEY,
    monitor         TEXT   NOT NULL,
    is_open         BIGINT NOT NULL,
    began_at        BIGINT NOT NULL,
    changed_at      BIGINT NOT NULL,
    body            TEXT   NOT NULL,
    acknowledgement TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX alerts_by_change ON alerts (is_open, changed_at);
CREATE INDEX alerts_by_monitor ON alerts (monitor, began_at);

-- What happened to an alert. `id` makes writing it twice the same as writing it once.
CREATE TABLE alert_events (
    id    TEXT   NOT NULL PRIMARY KEY,
    alert TEXT   NOT NULL,
    at    BIGINT NOT NULL,
    body  TEXT   NOT NULL
);
CREATE INDEX alert_events_by_alert ON alert_events (alert, at);

-- Messages to people. `id` is the key by which a receiver knows a message that it had before.
CREATE TABLE outbox (
    id         TEXT   NOT NULL PRIMARY KEY,
    channel    TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    due_at     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    outcome    TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX outbox_by_state ON outbox (state, created_at);

CREATE TABLE mutes (
    id      TEXT   NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL,
    body    TEXT   NOT NULL
);

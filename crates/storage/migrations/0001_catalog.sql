-- Times are nanoseconds since the Unix epoch, UTC.
CREATE TABLE segments (
    id           TEXT    NOT NULL PRIMARY KEY,
    table_name   TEXT    NOT NULL,
    path         TEXT    NOT NULL,
    bytes        BIGINT  NOT NULL,
    row_count    BIGINT  NOT NULL,
    time_min     BIGINT  NOT NULL,
    time_max     BIGINT  NOT NULL,
    partition    TEXT    NOT NULL,
    window_start BIGINT  NOT NULL,
    created_at   BIGINT  NOT NULL
);

CREATE TABLE checkpoints (
    source      TEXT   NOT NULL,
    origin      TEXT   NOT NULL,
    reread_from BIGINT NOT NULL,
    position    TEXT   NOT NULL,
    PRIMARY KEY (source, origin)
);

-- One row per origin and flush. `ids`: 24 bytes each, the id and then its event time,
-- both little-endian. A row may go when `time_max` lies before the origin's `reread_from`.
CREATE TABLE event_ids (
    source   TEXT   NOT NULL,
    origin   TEXT   NOT NULL,
    time_max BIGINT NOT NULL,
    ids      BLOB   NOT NULL
);
CREATE INDEX event_ids_by_origin ON event_ids (source, origin, time_max);

CREATE TABLE idempotency_keys (
    key     TEXT   NOT NULL PRIMARY KEY,
    stored  BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (seen_at);

-- The last frame of the WAL whose rows are in segments.
CREATE TABLE wal_position (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    frame BIGINT  NOT NULL
);
INSERT INTO wal_position (id, frame) VALUES (1, 0);

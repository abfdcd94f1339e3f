-- What was changed of sources while a node ran. `config` is what was sent to add one, with its
-- secrets; empty for one of the configuration file, of which only the pause is kept.
CREATE TABLE sources (
    name       TEXT   NOT NULL PRIMARY KEY,
    config     TEXT   NOT NULL,
    is_paused  BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

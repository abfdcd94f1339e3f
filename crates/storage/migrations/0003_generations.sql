-- How often rows were rewritten: 0 by a flush, 1 in a growing window, 2 in one that had ended.
ALTER TABLE segments ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

-- When a segment was replaced by others or dropped; null while its rows count. Its files stay
-- for a while, for searches that began before.
ALTER TABLE segments ADD COLUMN retired_at BIGINT;

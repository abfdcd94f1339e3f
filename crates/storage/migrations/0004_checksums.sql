-- Checksums of the blocks of the file with the rows: the size of a block (4 bytes), then the
-- CRC-32C of each block (4 bytes each), little-endian. Null if an earlier version wrote the file:
-- it is read unchecked.
ALTER TABLE segments ADD COLUMN checksums BLOB;

-- The size of the text index in bytes; 0 if there is none, null if an earlier version wrote it.
ALTER TABLE segments ADD COLUMN index_bytes BIGINT;

//! Every limit that is not a setting, with the unit last in its name. Errors that a limit
//! causes name it.

/// Longest message kept in one piece, in bytes; longer ones are cut into linked parts.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Largest request body of a receiver after decompression, in bytes (128 MiB).
pub const REQUEST_BYTES_MAX: usize = 128 << 20;
/// Longest query text, in characters (Sumo Logic's own limit).
pub const QUERY_CHARS_MAX: usize = 15_000;
/// Deepest nesting that is followed in JSON.
pub const JSON_DEPTH_MAX: usize = 128;
/// Messages that one search keeps for paging, newest first.
pub const SEARCH_MESSAGES_MAX: usize = 100_000;
/// Records (aggregate rows) that one search keeps for paging.
pub const SEARCH_RECORDS_MAX: usize = 100_000;
/// Messages or records in one page of a search's results (Sumo Logic's own limit).
pub const PAGE_ROWS_MAX: usize = 10_000;
/// Columns that `transpose` may make (Sumo Logic's own limit).
pub const TRANSPOSE_COLUMNS_MAX: usize = 300;
/// Searches that may run or be kept at once.
pub const SEARCHES_MAX: usize = 200;

//! Every limit that is not a setting, with the unit last in its name. Errors that a limit
//! causes name it.

/// Longest message kept in one piece, in bytes; longer ones are cut into linked parts.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Largest request body of a receiver after decompression, in bytes (128 MiB).
pub const REQUEST_BYTES_MAX: usize = 128 << 20;
/// Largest answer of a cloud's API that is read, in bytes (256 MiB): a full page of Google's
/// largest log entries.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Longest query text, in characters (Sumo Logic's own limit).
pub const QUERY_CHARS_MAX: usize = 15_000;
/// Stages of one query: plans nest by stages; whoever walks them needs stack for each, and the
/// engine looks at what is below a stage again for each stage above it.
pub const QUERY_STAGES_MAX: usize = 150;
/// Conditions in a row, of a scope or joined by `and` or `or`: for the same reason.
pub const QUERY_CONDITIONS_MAX: usize = 1_000;
/// Stack of a thread that plans and answers queries (8 MiB): whoever walks a plan goes as deep as
/// the plan; only what is used takes memory.
pub const THREAD_STACK_BYTES: usize = 8 << 20;
/// Pipelines that stand inside one another (`[subquery: …]`, `join`, `filter`).
pub const QUERY_NESTED_MAX: usize = 10;
/// `json auto` stages of one query: a name behind them may come from each.
pub const QUERY_JSON_AUTO_MAX: usize = 20;
/// Parentheses and `CASE` of SQL inside one another: its parser tries ways, and from 50 levels of
/// its own on it tries more than there is time for.
pub const SQL_NESTED_MAX: usize = 32;
/// How often one query may read its events: each `join` reads what is before it twice, and each
/// `compare` once more for each of its ranges.
pub const QUERY_READS_MAX: usize = 32;
/// Mistakes of one query that are told.
pub const QUERY_MISTAKES_MAX: usize = 100;
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
/// Different values of a field that a facet counts.
pub const FACET_VALUES_MAX: usize = 10_000;
/// Longest value that a facet counts on its own, in bytes.
pub const FACET_VALUE_BYTES_MAX: usize = 1_000;
/// Fields in one request for facets.
pub const FACET_FIELDS_MAX: usize = 20;
/// Filters beside the text of a query.
pub const FILTERS_MAX: usize = 50;
/// Rows that an operator may need at once (`transpose`, `accum`, `join` …).
pub const STAGE_ROWS_MAX: usize = 1_000_000;
/// Bytes that an operator may need at once (512 MiB).
pub const STAGE_BYTES_MAX: usize = 512 << 20;
/// Fields that `logexplain` compares.
pub const LOGEXPLAIN_FIELDS_MAX: usize = 10;
/// Rows that a subquery may hand to its query (Sumo Logic's own limit).
pub const SUBQUERY_ROWS_MAX: usize = 10_000;
/// Rows that `fillmissing` may add (Sumo Logic's own limit).
pub const FILLMISSING_ROWS_MAX: usize = 10_000;
/// Earlier time ranges that one `compare` may look at (Sumo Logic's own limit).
pub const COMPARE_SHIFTS_MAX: usize = 7;
/// Rows that the window of `smooth`, `rollingstd`, `backshift` and `outlier` may span (Sumo Logic's own limit).
pub const WINDOW_ROWS_MAX: usize = 1_000;
/// Points that `predict` may add (Sumo Logic's own limit).
pub const FORECAST_POINTS_MAX: usize = 100;
/// Largest file of a lookup table, in bytes (Sumo Logic's own limit).
pub const LOOKUP_BYTES_MAX: u64 = 100 << 20;
/// Searches that may run or be kept at once.
pub const SEARCHES_MAX: usize = 200;
/// Longest line of a metrics request, in bytes.
pub const METRIC_LINE_BYTES_MAX: usize = 64 << 10;
/// Samples in one metrics request.
pub const REQUEST_SAMPLES_MAX: usize = 1_000_000;
/// Rows of one metrics query (Sumo Logic allows six).
pub const METRICS_ROWS_MAX: usize = 26;
/// Points that one series of a metrics query may have; longer ranges get longer time buckets.
pub const METRICS_POINTS_PER_SERIES_MAX: usize = 10_000;
/// Points of all series that one row of a metrics query may select.
pub const METRICS_POINTS_MAX: usize = 5_000_000;
/// Series that joining rows of a metrics query may make.
pub const METRICS_SERIES_MAX: usize = 20_000;
/// Groups that one monitor may have (Sumo Logic's own limit).
pub const MONITOR_GROUPS_MAX: usize = 1_000;
/// Fields by which one monitor may group (Sumo Logic's own limit).
pub const MONITOR_GROUP_FIELDS_MAX: usize = 10;
/// Evaluations that "k of n" may look back at.
pub const MONITOR_EVALUATIONS_MAX: usize = 60;
/// Windows of a monitor that may lie between a window and its evaluation for late data.
pub const MONITOR_WINDOWS_MAX: u32 = 120;

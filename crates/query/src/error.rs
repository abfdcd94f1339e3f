//! Why a query or search cannot be answered.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use model::limits::{
    METRICS_POINTS_MAX, METRICS_ROWS_MAX, METRICS_SERIES_MAX, STAGE_BYTES_MAX, STAGE_ROWS_MAX,
};

use crate::Diagnostic;

/// Part of what the engine says when the disk for spilling is full, too: it comes as an error of I/O.
const SPILL_LIMIT: &str = "max_temp_directory_size";

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is not a valid query. The user's mistake; every one found is listed.
    #[error("query is not valid: {}", summary(.0))]
    Invalid(Vec<Diagnostic>),
    /// There is nothing between start and end. The user's mistake.
    #[error("time range is empty: its end must be after its start")]
    EmptyRange,
    /// The node has as many searches as it may.
    #[error("{max} searches are running or kept; cancel one or try again in a moment")]
    TooManySearches {
        /// How many there may be.
        max: usize,
    },
    /// No search has this id, or it was cancelled or forgotten.
    #[error("no search has the id `{0}`")]
    UnknownSearch(String),
    /// Records were asked of a search that finds messages.
    #[error("the search has no records, because its query does not aggregate")]
    NoRecords,
    /// A metrics query has too many rows. The user's mistake.
    #[error("a metrics query has at most {METRICS_ROWS_MAX} rows (METRICS_ROWS_MAX)")]
    TooManyRows,
    /// A row of a metrics query selects too much. The user's mistake.
    #[error(
        "a row selects more than {METRICS_POINTS_MAX} points (METRICS_POINTS_MAX); select fewer \
         series, a shorter range, or `quantize` to longer buckets"
    )]
    TooManyPoints,
    /// Joining rows makes too many series. The user's mistake.
    #[error(
        "joining rows makes more than {METRICS_SERIES_MAX} series (METRICS_SERIES_MAX); say with \
         `along` which dimensions must be equal"
    )]
    TooManySeries,
    /// An operator needs more rows at once than a stage may hold. The user's mistake.
    #[error(
        "an operator that needs all rows at once gets more than {STAGE_ROWS_MAX} rows \
         (STAGE_ROWS_MAX); search a shorter range, filter or aggregate before it"
    )]
    TooManyStageRows,
    /// An operator needs more bytes at once than a stage may hold. The user's mistake.
    #[error(
        "an operator that needs all rows at once gets more than {STAGE_BYTES_MAX} bytes \
         (STAGE_BYTES_MAX); search a shorter range, keep fewer fields or aggregate before it"
    )]
    TooManyStageBytes,
    /// An operator cannot work on the rows it got. The user's mistake.
    #[error("{0}")]
    Step(String),
    /// The engine failed.
    #[error("query failed")]
    Engine(#[from] DataFusionError),
}

impl QueryError {
    /// What a user is told; of the engine's errors the cause.
    pub(crate) fn told(&self) -> String {
        let QueryError::Engine(error) = self else {
            return self.to_string();
        };
        let cause = error.find_root();
        let is_too_much = match cause {
            DataFusionError::ResourcesExhausted(_) => true,
            other => other.to_string().contains(SPILL_LIMIT),
        };
        if is_too_much {
            tracing::warn!(%cause, "a query needs more than queries may use");
            return "the query needs more memory than queries may use together; search a shorter \
                    range, filter more, or group by fields with fewer values"
                .to_owned();
        }
        error.strip_backtrace()
    }
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        QueryError::Engine(error.into())
    }
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, QueryError>;

fn summary(diagnostics: &[Diagnostic]) -> String {
    match diagnostics {
        [] => "unknown reason".to_owned(),
        [one] => one.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    }
}

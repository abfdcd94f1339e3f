//! Why a query or search cannot be answered.

use crate::Diagnostic;

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
    /// The engine failed.
    #[error("query failed")]
    Engine(#[from] datafusion::error::DataFusionError),
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

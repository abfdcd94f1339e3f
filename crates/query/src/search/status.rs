//! What a running search tells about itself.

use std::sync::Arc;

use crate::search::histogram::Bucket;
use crate::{ResultField, ResultKind};

/// Where a search stands; the names are Sumo Logic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchState {
    /// Waits for its turn.
    NotStarted,
    /// Runs.
    Gathering,
    /// Has everything; errors, if any, are in [`SearchStatus::errors`].
    Done,
    /// Was cancelled or forgotten.
    Cancelled,
}

impl SearchState {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            SearchState::NotStarted => "NOT STARTED",
            SearchState::Gathering => "GATHERING RESULTS",
            SearchState::Done => "DONE GATHERING RESULTS",
            SearchState::Cancelled => "CANCELLED",
        }
    }

    /// Whether nothing more will come.
    pub const fn is_final(self) -> bool {
        matches!(self, SearchState::Done | SearchState::Cancelled)
    }
}

/// How far a search is and what it has found. All counts only grow.
#[derive(Clone, Debug)]
pub struct SearchStatus {
    /// Where it stands.
    pub state: SearchState,
    /// Whether it finds messages or records.
    pub kind: ResultKind,
    /// The text that runs: the query's, with the filters in it.
    pub query: Arc<str>,
    /// Events that match, also those that are not kept for paging.
    pub message_count: u64,
    /// Messages that can be paged now.
    pub messages_kept: u64,
    /// Records that can be paged now.
    pub record_count: u64,
    /// Matches over time, earliest first, empty buckets too.
    pub histogram: Arc<Vec<Bucket>>,
    /// What went wrong.
    pub errors: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Events read.
    pub rows_scanned: u64,
    /// Bytes read, as stored.
    pub bytes_scanned: u64,
    /// Bytes stored in the range.
    pub bytes_total: u64,
    /// Time since the start, until the end, in milliseconds.
    pub elapsed_ms: u64,
    /// Why not everything found is kept.
    pub limited: Option<String>,
    /// The columns of the result.
    pub fields: Arc<[ResultField]>,
}

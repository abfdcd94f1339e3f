//! An invocation as the platform measures it, without what it logged.

use model::Timestamp;

/// One invocation of the fleet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The function, by its place in the list.
    pub(crate) function: usize,
    /// When it arrived: the moment that its metrics bear.
    pub(crate) arrival: Timestamp,
    /// When it was over.
    pub(crate) end: Timestamp,
    /// How long its handler ran, in milliseconds.
    pub(crate) duration_ms: f64,
    /// Whether it failed, for whatever reason.
    pub(crate) is_error: bool,
}

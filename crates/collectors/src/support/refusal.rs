//! What a cloud said no with, and what to do about it.

use std::time::Duration;

/// A refused call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too many requests for the quota.
    Throttled {
        text: String,
        /// How long the cloud asks to wait, if it does.
        wait: Option<Duration>,
    },
    /// The page token is not valid any more.
    BadToken(String),
    /// The thing that was asked for is gone.
    Missing(String),
    /// Anything else: the network, credentials, permissions, a fault of the cloud.
    Other(String),
}

impl Refusal {
    pub(crate) fn text(&self) -> &str {
        match self {
            Refusal::Throttled { text, .. }
            | Refusal::BadToken(text)
            | Refusal::Missing(text)
            | Refusal::Other(text) => text,
        }
    }
}

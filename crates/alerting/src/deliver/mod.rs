//! Sends what channels have written, again and again until it is received or given up.
//!
//! The outbox is in the catalog: a message is in it since the evaluation that made it, and leaves
//! it when the receiver has answered. A crash in between sends it once more, under the same key.

mod guard;
mod http;
mod outbox;
pub(crate) mod smtp;
pub(crate) mod topic;

use std::time::Duration;

pub(crate) use http::Client;
pub(crate) use outbox::Outbox;

/// What an attempt to send came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it; its answer.
    Sent(String),
    /// It may work later; why it did not, and when the receiver wants to be asked again.
    Failed(String, Option<Duration>),
    /// It will never work; why.
    Refused(String),
}

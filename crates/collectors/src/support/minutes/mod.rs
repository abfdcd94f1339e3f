//! Reads metrics, which clouds correct for a while after their time: only periods that are over,
//! each again and again until it is final. A sample replaces an equal one (series, time and
//! statistic), so that what is read twice is there once, as it was told last.
//!
//! A [`Meter`] is what differs between clouds: how a page of the samples in a span is fetched.
//! `cursor` (pure) says which span is next, `follow` reads it, and `changes` (pure) leaves out
//! what was told before.

mod changes;
mod cursor;
pub(crate) mod follow;

use std::future::Future;
use std::time::Duration;

use model::{Sample, Timestamp};

use super::dead_letters::DeadLetter;
use super::refusal::Refusal;
use super::start::Start;
use super::token_bucket::TokenBucket;

pub(crate) use cursor::Span;

/// One thing whose metrics are read in spans of time, such as a namespace of CloudWatch.
pub(crate) trait Meter: Send + Sync {
    /// Its identity: checkpoints are kept by it.
    fn key(&self) -> &str;

    /// What people call it.
    fn name(&self) -> &str;

    /// The calls that it may make, shared with others of the same quota.
    fn budget(&self) -> &TokenBucket;

    /// Looks which series there are, if that must be asked for; what was measured from
    /// `unread_from` on is still to be read. Returns whether some series were not known before:
    /// their samples may be older than what is read otherwise.
    fn look(
        &mut self,
        _unread_from: Timestamp,
    ) -> impl Future<Output = Result<bool, Refusal>> + Send {
        async { Ok(false) }
    }

    /// Fetches one page of the samples in `span`; with a token, the page behind the one that gave
    /// it.
    fn page(
        &self,
        span: Span,
        token: Option<String>,
    ) -> impl Future<Output = Result<Samples, Refusal>> + Send;
}

/// One page of samples.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Samples {
    pub(crate) samples: Vec<Sample>,
    /// Asks for the page behind; without one this is the last. A page may be empty and not last.
    pub(crate) next_token: Option<String>,
    /// Series that could not be understood; the others are there.
    pub(crate) unreadable: Vec<DeadLetter>,
    /// What the cloud could not tell, if samples are missing: what is there is handed over, and
    /// the span is read again.
    pub(crate) missing: Option<String>,
}

/// How a meter is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The length of the periods that its samples are about.
    pub(crate) period: Duration,
    /// How long after its end a period is read first.
    pub(crate) delay: Duration,
    /// How long after that it is read again, because it may be corrected.
    pub(crate) correction: Duration,
    /// How far back series may reach that were found just now.
    pub(crate) discovery: Duration,
    /// How far back a meter is read that is new to the source.
    pub(crate) start: Start,
    /// How long the cloud keeps samples of this period.
    pub(crate) kept: Duration,
}

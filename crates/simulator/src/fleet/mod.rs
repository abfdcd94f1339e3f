//! A synthetic fleet of twenty functions: an endless, deterministic sequence of log events in the
//! order of time, with cold starts, time-outs, kills, failures and one bad deployment.
//!
//! The same configuration gives the same events, byte by byte. Nothing here reads the clock: who
//! wants the fleet to live in real time asks for the events up to now ([`Fleet::next_until`]).

mod apps;
mod calls;
mod failures;
mod functions;
mod hosts;
mod invocation;
mod lanes;
mod measured;
mod messages;
mod moment;
mod ndjson;
mod platform;
mod sandbox;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use model::{Level, Timestamp};

pub(crate) use self::apps::{APPS, App, AppCall, AppCalls, Logging, RecordForm, Trigger};
pub(crate) use self::calls::{Call, Calls, Ending, Line};
pub(crate) use self::functions::{AZURE_FUNCTIONS, GOOGLE_FUNCTIONS};
pub use self::functions::{FUNCTIONS, Function, LogStyle, Runtime};
pub(crate) use self::hosts::Host;
use self::lanes::Lanes;
pub(crate) use self::measured::Measured;
pub use self::ndjson::{Ndjson, write_ndjson};
pub(crate) use self::platform::request_id;

/// How the fleet behaves.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Decides every number; another seed gives another fleet of the same kind.
    pub seed: u64,
    /// When the first invocations arrive.
    pub start: Timestamp,
    /// Log events per second, about.
    pub events_per_second: f64,
    /// After this moment nothing is invoked any more.
    pub end: Option<Timestamp>,
    /// When the bad version of `checkout-api` goes live and when it is rolled back.
    pub bad_deployment: Option<(Timestamp, Timestamp)>,
}

/// One log event of the fleet.
#[derive(Clone, Debug)]
pub struct FleetEvent {
    /// When it was logged, with millisecond precision.
    pub event_time: Timestamp,
    /// The function that it belongs to, by its place in [`FUNCTIONS`].
    pub function: usize,
    /// The log stream of the sandbox.
    pub stream: Arc<str>,
    /// The level, where the event has one; the platform's events have none.
    pub level: Option<Level>,
    /// The text, with the line end that the platform leaves on it.
    pub message: String,
}

impl FleetEvent {
    /// The function that it belongs to.
    pub fn function(&self) -> &'static Function {
        &FUNCTIONS[self.function]
    }
}

/// The fleet at work. As an iterator it never ends, unless the configuration has an end.
#[derive(Debug)]
pub struct Fleet {
    config: FleetConfig,
    lanes: Lanes,
    pending: BinaryHeap<Reverse<Pending>>,
    sequence: u64,
    scratch: Vec<FleetEvent>,
    /// The invocations that nobody has taken yet, if somebody is going to.
    measured: Option<Vec<Measured>>,
}

impl Fleet {
    /// Returns the fleet before its first invocation.
    pub fn new(config: FleetConfig) -> Fleet {
        Fleet {
            lanes: Lanes::new(&FUNCTIONS, &config),
            config,
            pending: BinaryHeap::new(),
            sequence: 0,
            scratch: Vec::new(),
            measured: None,
        }
    }

    /// The same fleet, which keeps what its invocations were like for [`Fleet::take_measured`].
    pub(crate) fn measuring(config: FleetConfig) -> Fleet {
        Fleet {
            measured: Some(Vec::new()),
            ..Fleet::new(config)
        }
    }

    /// The invocations that have arrived since this was called last, in that order.
    pub(crate) fn take_measured(&mut self) -> Vec<Measured> {
        self.measured
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Returns the next event that is logged at `until` or earlier.
    pub fn next_until(&mut self, until: Timestamp) -> Option<FleetEvent> {
        let limit_ms = until.millis() as f64;
        while let Some((lane, arrival_ms)) = self.lanes.next() {
            let is_after_pending = self
                .pending
                .peek()
                .is_some_and(|next| (next.0.0.event_time.millis() as f64) < arrival_ms.floor());
            if arrival_ms > limit_ms || is_after_pending {
                break;
            }
            self.invoke(lane);
        }
        let next = self.pending.peek()?;
        if next.0.0.event_time > until {
            return None;
        }
        self.pending.pop().map(|Reverse(Pending(event, _))| event)
    }

    fn invoke(&mut self, index: usize) {
        let (arrival, lane) = self.lanes.arrive(index);
        let is_bad = self
            .config
            .bad_deployment
            .is_some_and(|(begin, end)| begin <= arrival && arrival < end);
        let measured = invocation::run(
            invocation::Arrival {
                function: index,
                moment: arrival,
                is_bad_deployment: is_bad,
            },
            &mut lane.sandboxes,
            &mut lane.random,
            &mut self.scratch,
        );
        if let Some(all) = &mut self.measured {
            all.push(measured);
        }
        for event in self.scratch.drain(..) {
            self.sequence += 1;
            self.pending.push(Reverse(Pending(event, self.sequence)));
        }
    }
}

impl Iterator for Fleet {
    type Item = FleetEvent;

    fn next(&mut self) -> Option<FleetEvent> {
        self.next_until(Timestamp::MAX)
    }
}

/// An event that waits for its turn; events of one millisecond keep the order they were made in.
#[derive(Debug)]
struct Pending(FleetEvent, u64);

impl Pending {
    fn key(&self) -> (Timestamp, u64) {
        (self.0.event_time, self.1)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests;

//! Invocations as such, without the form that one cloud's log gives them: what the simulated Google
//! and Azure are fed with.

use std::sync::Arc;

use model::{Level, Timestamp};

use super::functions::Function;
use super::lanes::Lanes;
use super::platform::{Invocation, Outcome};
use super::{FleetConfig, failures, invocation, messages};
use crate::random::{Random, mix_text};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It returned.
    Ok,
    /// It raised an error.
    Failed,
    /// It ran into its time limit.
    TimedOut,
    /// Its process was killed for its use of memory.
    OutOfMemory,
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Call {
    /// The function, by its place in its list.
    pub(crate) function: usize,
    /// The instance that ran it: 32 hexadecimal digits.
    pub(crate) instance: String,
    /// In the form of a UUID.
    pub(crate) request_id: String,
    pub(crate) arrival: Timestamp,
    /// When its handler began: after the cold start.
    pub(crate) begin: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) ending: Ending,
    /// The memory that it used, in MB.
    pub(crate) used_mb: u32,
    /// What it wrote, in the order of time.
    pub(crate) lines: Vec<Line>,
}

/// Something that a function wrote.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) time: Timestamp,
    pub(crate) level: Level,
    pub(crate) text: String,
    /// Whether it is the stack trace of the error that ended the call.
    pub(crate) is_stack: bool,
}

/// The calls of a list of functions, in the order in which they arrive; the same configuration
/// gives the same calls.
#[derive(Debug)]
pub(crate) struct Calls {
    functions: &'static [Function],
    lanes: Lanes,
}

impl Calls {
    /// The calls of `functions`, which together write about as many events as `config` says.
    pub(crate) fn new(functions: &'static [Function], config: &FleetConfig) -> Calls {
        Calls {
            functions,
            lanes: Lanes::new(functions, config),
        }
    }

    /// The next call that arrives at `until` or earlier.
    pub(crate) fn next_until(&mut self, until: Timestamp) -> Option<Call> {
        let (index, arrival_ms) = self.lanes.next()?;
        if arrival_ms > until.millis() as f64 {
            return None;
        }
        let function = &self.functions[index];
        let (arrival, lane) = self.lanes.arrive(index);
        let random = &mut lane.random;
        let place = lane.sandboxes.take(function.version, arrival, random);
        let invocation = invocation::begin(function, (arrival, false), &place, random);
        let init_ms = if place.is_cold {
            invocation.init_ms
        } else {
            0.0
        };
        let begin = arrival.saturating_add_millis(init_ms.ceil() as i64);
        let instance = instance(&place.stream);
        let call = Call::of(&invocation, index, (arrival, begin), instance, random);
        lane.sandboxes
            .give_back(&place, call.end, invocation.used_mb, invocation.died());
        Some(call)
    }
}

impl Call {
    /// The call that goes as `invocation` says, with what its function writes meanwhile.
    pub(super) fn of(
        invocation: &Invocation,
        index: usize,
        (arrival, begin): (Timestamp, Timestamp),
        instance: String,
        random: &mut Random,
    ) -> Call {
        let function = invocation.function;
        let end = begin.saturating_add_millis(invocation.duration_ms.ceil() as i64);
        let mut lines = Vec::new();
        let (least, most) = function.messages;
        let count = least + random.below(u64::from(most - least) + 1) as u32;
        let mut time = begin;
        for nth in 0..count {
            let share = (f64::from(nth) + random.unit()) / f64::from(count + 1);
            let after_ms = (invocation.duration_ms * share) as i64;
            time = begin.saturating_add_millis(after_ms).max(time);
            let (level, text) = messages::plain(function, random);
            lines.push(Line {
                time,
                level,
                text,
                is_stack: false,
            });
        }
        let ending = match invocation.outcome {
            Outcome::Ok => Ending::Ok,
            Outcome::Failed | Outcome::BadVersion => Ending::Failed,
            Outcome::TimedOut => Ending::TimedOut,
            Outcome::OutOfMemory => Ending::OutOfMemory,
        };
        if ending == Ending::Failed {
            lines.push(Line {
                time: end,
                level: Level::Error,
                text: failures::stack(invocation, random),
                is_stack: true,
            });
        }
        Call {
            function: index,
            instance,
            request_id: invocation.request_id.clone(),
            arrival,
            begin,
            end,
            ending,
            used_mb: invocation.used_mb,
            lines,
        }
    }
}

/// The sandbox at the end of its log stream's name.
fn instance(stream: &Arc<str>) -> String {
    match stream.split_once(']') {
        Some((_, instance)) => instance.to_owned(),
        None => format!("{:032x}", mix_text(0, stream)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::GOOGLE_FUNCTIONS;
    use super::*;

    #[test]
    fn calls_come_in_the_order_of_their_arrival_and_are_the_same_every_time() {
        let start = Timestamp::from_millis(1_795_442_400_000);
        let calls = || {
            let config = FleetConfig {
                seed: 1,
                start,
                events_per_second: 100.0,
                end: Some(start.saturating_add_millis(120_000)),
                bad_deployment: None,
            };
            let mut calls = Calls::new(&GOOGLE_FUNCTIONS, &config);
            let mut all = Vec::new();
            while let Some(call) = calls.next_until(Timestamp::MAX) {
                all.push(call);
            }
            all
        };
        let (left, right) = (calls(), calls());
        assert!(left.len() > 1_000, "{}", left.len());
        assert!(left.is_sorted_by_key(|call| call.arrival));
        let ids = |calls: &[Call]| -> Vec<String> {
            calls.iter().map(|call| call.request_id.clone()).collect()
        };
        assert_eq!(ids(&left), ids(&right));
        for call in &left {
            assert_eq!(call.instance.len(), 32);
            assert!(call.lines.is_sorted_by_key(|line| line.time));
            let has_stack = call.lines.iter().any(|line| line.is_stack);
            assert_eq!(has_stack, call.ending == Ending::Failed);
        }
    }
}

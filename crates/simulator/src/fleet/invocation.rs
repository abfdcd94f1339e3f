//! One invocation from its arrival to its report, as the events that it leaves in the log.

use std::sync::Arc;

use model::{Level, Timestamp};

use super::functions::{CHECKOUT, FUNCTIONS, Function, LogStyle};
use super::platform::{Invocation, Outcome, request_id, trace_id};
use super::sandbox::{Place, Sandboxes};
use super::{FleetEvent, Measured, failures, messages};
use crate::random::Random;

/// How many invocations fail, run into their limit, are killed.
const FAILED: f64 = 0.02;
const TIMED_OUT: f64 = 0.0025;
const OUT_OF_MEMORY: f64 = 0.000_6;
/// How many of the bad version's invocations fail: the share of guest carts.
const GUEST_CARTS: f64 = 0.118;

/// An invocation that is about to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The function, by its place in the list.
    pub(crate) function: usize,
    /// When it arrives.
    pub(crate) moment: Timestamp,
    /// Whether the bad version is live at that moment.
    pub(crate) is_bad_deployment: bool,
}

/// Runs one invocation and appends its events, in the order of time, to `out`; returns what it was
/// like.
pub(crate) fn run(
    arrival: Arrival,
    sandboxes: &mut Sandboxes,
    random: &mut Random,
    out: &mut Vec<FleetEvent>,
) -> Measured {
    let function = &FUNCTIONS[arrival.function];
    let is_bad = arrival.is_bad_deployment && function.name == CHECKOUT;
    let version = function.version + u32::from(is_bad);
    let place = sandboxes.take(version, arrival.moment, random);
    let mut invocation = begin(function, (arrival.moment, is_bad), &place, random);
    invocation.version = version;
    invocation.is_traced = arrival.function.is_multiple_of(4);
    let end = Recorder {
        arrival,
        place: &place,
        out,
    }
    .record(&invocation, random);
    sandboxes.give_back(&place, end, invocation.used_mb, invocation.died());
    Measured {
        function: arrival.function,
        arrival: arrival.moment,
        end,
        duration_ms: invocation.duration_ms,
        is_error: invocation.outcome != Outcome::Ok,
    }
}

/// Draws how an invocation will go.
pub(super) fn begin(
    function: &'static Function,
    (moment, is_bad): (Timestamp, bool),
    place: &Place,
    random: &mut Random,
) -> Invocation {
    let outcome = match random.unit() {
        x if x < TIMED_OUT => Outcome::TimedOut,
        x if x < TIMED_OUT + OUT_OF_MEMORY => Outcome::OutOfMemory,
        x if x < TIMED_OUT + OUT_OF_MEMORY + FAILED => Outcome::Failed,
        _ if is_bad && random.chance(GUEST_CARTS) => Outcome::BadVersion,
        _ => Outcome::Ok,
    };
    Invocation {
        function,
        version: function.version,
        request_id: request_id(random),
        trace_id: trace_id(moment, random),
        is_traced: false,
        is_cold: place.is_cold,
        init_ms: random.duration(function.init_ms, function.init_ms * 1.7),
        duration_ms: duration_ms(function, outcome, random),
        used_mb: used_mb(function, outcome, place.used_mb, random),
        outcome,
    }
}

fn duration_ms(function: &Function, outcome: Outcome, random: &mut Random) -> f64 {
    let drawn = random.duration(function.median_ms, function.p95_ms);
    match outcome {
        Outcome::TimedOut => function.timeout_ms + random.unit() * 8.0,
        Outcome::BadVersion => (drawn * 0.35).max(2.0),
        _ => drawn.clamp(0.8, function.timeout_ms * 0.98),
    }
}

fn used_mb(function: &Function, outcome: Outcome, before: u32, random: &mut Random) -> u32 {
    if outcome == Outcome::OutOfMemory {
        return function.memory_mb;
    }
    let usual = f64::from(function.used_mb) * (0.9 + 0.2 * random.unit());
    (usual as u32).clamp(before, function.memory_mb - 1)
}

/// Writes the events of one invocation.
struct Recorder<'a> {
    arrival: Arrival,
    place: &'a Place,
    out: &'a mut Vec<FleetEvent>,
}

impl Recorder<'_> {
    /// Writes all events and returns the moment of the last.
    fn record(mut self, invocation: &Invocation, random: &mut Random) -> Timestamp {
        let arrived = self.arrival.moment;
        let is_json = invocation.function.style == LogStyle::Json;
        let mut begin = arrived;
        if invocation.is_cold {
            let text = match is_json {
                true => invocation.init_start_record(arrived),
                false => invocation.init_start_line(),
            };
            self.push(arrived, None, text);
            begin = arrived.saturating_add_millis(invocation.init_ms.ceil() as i64);
        }
        let text = match is_json {
            true => invocation.start_record(begin),
            false => invocation.start_line(),
        };
        self.push(begin, None, text);
        let end = begin.saturating_add_millis(invocation.duration_ms.ceil() as i64);
        self.push_messages(invocation, (begin, end), random);
        self.push_end(invocation, end);
        end
    }

    fn push_messages(
        &mut self,
        invocation: &Invocation,
        (begin, end): (Timestamp, Timestamp),
        random: &mut Random,
    ) {
        let (least, most) = invocation.function.messages;
        let count = least + random.below(u64::from(most - least) + 1) as u32;
        // A failure comes after some of the messages; whatever would have followed is not said.
        let said = match invocation.outcome {
            Outcome::Ok => count,
            _ => count.div_ceil(2),
        };
        let mut moment = begin;
        for nth in 0..said {
            let share = (f64::from(nth) + random.unit()) / f64::from(count + 1);
            let after_ms = (invocation.duration_ms * share) as i64;
            moment = begin.saturating_add_millis(after_ms).max(moment);
            let (level, text) = messages::message(invocation, moment, random);
            self.push(moment, Some(level), text);
        }
        match invocation.outcome {
            Outcome::BadVersion => {
                let text = "checkout failed for a guest cart, customer is undefined";
                let text = messages::in_style(invocation, end, (Level::Error, text), None);
                self.push(end, Some(Level::Error), text);
                self.push_failure(invocation, end, random);
            }
            Outcome::Failed => self.push_failure(invocation, end, random),
            Outcome::OutOfMemory if invocation.function.style != LogStyle::Json => {
                self.push(end, Some(Level::Error), invocation.killed_line());
            }
            _ => {}
        }
    }

    fn push_failure(&mut self, invocation: &Invocation, moment: Timestamp, random: &mut Random) {
        let text = failures::failure(invocation, moment, random);
        self.push(moment, Some(Level::Error), text);
    }

    fn push_end(&mut self, invocation: &Invocation, end: Timestamp) {
        if invocation.function.style == LogStyle::Json {
            return self.push(end, None, invocation.report_record(end));
        }
        self.push(end, None, invocation.end_line());
        self.push(end, None, invocation.report_line());
        // The platform says it last, after the report and in the same millisecond.
        if invocation.outcome == Outcome::TimedOut {
            let text = invocation.timed_out_line(end);
            self.push(end, Some(Level::Error), text);
        }
    }

    fn push(&mut self, event_time: Timestamp, level: Option<Level>, message: String) {
        self.out.push(FleetEvent {
            event_time,
            function: self.arrival.function,
            stream: Arc::clone(&self.place.stream),
            level,
            message,
        });
    }
}

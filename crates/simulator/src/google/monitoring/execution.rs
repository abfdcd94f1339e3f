//! What metrics know of a call.

use model::Timestamp;

use crate::fleet::{Call, Ending, Function};

/// A call of a function, as far as metrics tell of it.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) function: &'static Function,
    pub(crate) is_first_generation: bool,
    ending: Ending,
    /// The instance that it ran on; a request that was refused had none.
    pub(crate) instance: Option<String>,
    pub(crate) duration_ms: f64,
    /// From its arrival on, so with the cold start.
    pub(crate) latency_ms: f64,
    pub(crate) used_mb: u32,
}

impl Execution {
    /// The call as it went, or how it would have gone had it not been refused.
    pub(crate) fn of(
        call: &Call,
        function: &'static Function,
        (is_first_generation, is_refused): (bool, bool),
    ) -> Self {
        let ms = |from: Timestamp, to: Timestamp| (to.millis() - from.millis()) as f64;
        Execution {
            function,
            is_first_generation,
            ending: call.ending,
            instance: (!is_refused).then(|| call.instance.clone()),
            duration_ms: ms(call.begin, call.end),
            latency_ms: match is_refused {
                true => 0.0,
                false => ms(call.arrival, call.end),
            },
            used_mb: call.used_mb,
        }
    }

    /// Whether an instance ran it.
    pub(crate) fn has_run(&self) -> bool {
        self.instance.is_some()
    }

    /// The label `status` of functions.
    pub(crate) fn status(&self) -> &'static str {
        match self.ending {
            Ending::Ok => "ok",
            Ending::Failed => "crash",
            Ending::TimedOut => "timeout",
            Ending::OutOfMemory => "out of memory",
        }
    }

    /// What the request was answered with.
    pub(crate) fn code(&self) -> u16 {
        match self.ending {
            _ if !self.has_run() => 429,
            Ending::Ok => 200,
            Ending::Failed | Ending::OutOfMemory => 500,
            Ending::TimedOut => 504,
        }
    }
}

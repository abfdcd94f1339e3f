//! What metrics know of an execution.

use crate::fleet::{App, AppCall, Ending, Trigger};

/// An execution of a function, as far as the metrics of its app tell of it.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) app: &'static App,
    pub(super) duration_ms: f64,
    pub(super) used_mb: u32,
    /// What its request was answered with, if one called it.
    pub(super) code: Option<u16>,
}

impl Execution {
    pub(crate) fn of(one: &AppCall) -> Self {
        let call = &one.call;
        let code = match call.ending {
            Ending::Ok => 200,
            Ending::Failed | Ending::OutOfMemory => 500,
            Ending::TimedOut => 504,
        };
        Execution {
            app: one.app,
            duration_ms: (call.end.millis() - call.begin.millis()) as f64,
            used_mb: call.used_mb,
            code: (one.trigger == Trigger::Http).then_some(code),
        }
    }
}

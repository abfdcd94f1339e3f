//! What the platform itself logs: `INIT_START`, `START`, `END`, `REPORT`, time-outs and kills, as
//! text lines or as JSON records.

use std::fmt::Write as _;

use model::Timestamp;

use super::functions::Function;
use super::moment::Moment;
use crate::random::{Random, mix, mix_text};

/// How an invocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returns.
    Ok,
    /// The function raises an error that nothing handles.
    Failed,
    /// The function of the bad version raises its error.
    BadVersion,
    /// It runs into its time limit.
    TimedOut,
    /// Its process is killed, because it wants more memory than it may have.
    OutOfMemory,
}

/// One invocation, as far as it is known before it runs.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) function: &'static Function,
    pub(crate) version: u32,
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    pub(crate) is_traced: bool,
    pub(crate) is_cold: bool,
    pub(crate) init_ms: f64,
    pub(crate) duration_ms: f64,
    pub(crate) used_mb: u32,
    pub(crate) outcome: Outcome,
}

impl Invocation {
    /// Whether its process ends with it.
    pub(crate) fn died(&self) -> bool {
        matches!(self.outcome, Outcome::TimedOut | Outcome::OutOfMemory)
    }

    fn billed_ms(&self) -> u64 {
        let init_ms = if self.is_cold { self.init_ms } else { 0.0 };
        (self.duration_ms + init_ms).ceil() as u64
    }

    /// The part of the report that says how the invocation ended, where the platform says it.
    fn error_type(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::OutOfMemory => Some("Runtime.OutOfMemory"),
            _ => None,
        }
    }

    pub(crate) fn init_start_line(&self) -> String {
        let version = self.function.runtime.version();
        let seed = mix_text(0, version);
        let mut arn = String::with_capacity(64);
        for part in 0..4 {
            write_hex(&mut arn, mix(seed, part));
        }
        format!(
            "INIT_START Runtime Version: {version}\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:{arn}\n"
        )
    }

    pub(crate) fn start_line(&self) -> String {
        format!(
            "START RequestId: {} Version: {}\n",
            self.request_id, self.version
        )
    }

    pub(crate) fn end_line(&self) -> String {
        format!("END RequestId: {}\n", self.request_id)
    }

    pub(crate) fn report_line(&self) -> String {
        let mut line = String::with_capacity(192);
        self.write_report(&mut line)
            .expect("writing to a string cannot fail");
        line
    }

    fn write_report(&self, line: &mut String) -> std::fmt::Result {
        write!(
            line,
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            self.duration_ms,
            self.billed_ms(),
            self.function.memory_mb,
            self.used_mb
        )?;
        if self.is_cold {
            write!(line, "Init Duration: {:.2} ms\t", self.init_ms)?;
        }
        match (self.outcome, self.error_type()) {
            (Outcome::TimedOut, _) => line.push_str("Status: timeout"),
            (_, Some(error_type)) => write!(line, "Status: error\tError Type: {error_type}")?,
            _ => {}
        }
        line.push('\n');
        if self.is_traced {
            let segment = mix_text(1, &self.trace_id);
            let trace = &self.trace_id;
            writeln!(
                line,
                "XRAY TraceId: {trace}\tSegmentId: {segment:016x}\tSampled: true\t"
            )?;
        }
        Ok(())
    }

    pub(crate) fn timed_out_line(&self, moment: Timestamp) -> String {
        format!(
            "{} {} Task timed out after {:.2} seconds\n\n",
            Moment(moment),
            self.request_id,
            self.function.timeout_ms / 1_000.0
        )
    }

    pub(crate) fn killed_line(&self) -> String {
        format!(
            "RequestId: {} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
            self.request_id
        )
    }

    pub(crate) fn init_start_record(&self, moment: Timestamp) -> String {
        format!(
            concat!(
                r#"{{"time":"{}","type":"platform.initStart","record":{{"initializationType":"on-demand","phase":"init","#,
                r#""runtimeVersion":"{}","functionName":"{}","functionVersion":"{}","instanceId":"{}","instanceMaxMemory":{}}}}}"#
            ),
            Moment(moment),
            self.function.runtime.version(),
            self.function.name,
            self.version,
            self.trace_id,
            u64::from(self.function.memory_mb) * 1_048_576
        )
    }

    pub(crate) fn start_record(&self, moment: Timestamp) -> String {
        format!(
            r#"{{"time":"{}","type":"platform.start","record":{{"requestId":"{}","version":"{}"{}}}}}"#,
            Moment(moment),
            self.request_id,
            self.version,
            self.tracing()
        )
    }

    pub(crate) fn report_record(&self, moment: Timestamp) -> String {
        let (status, error_type) = match self.outcome {
            Outcome::Ok => ("success", None),
            Outcome::Failed | Outcome::BadVersion => ("error", Some("Function.Unknown")),
            Outcome::TimedOut => ("timeout", Some("Sandbox.Timedout")),
            Outcome::OutOfMemory => ("failure", self.error_type()),
        };
        let error_type = error_type.map_or_else(String::new, |e| format!(r#","errorType":"{e}""#));
        let init = match self.is_cold {
            true => format!(r#","initDurationMs":{:.2}"#, self.init_ms),
            false => String::new(),
        };
        format!(
            concat!(
                r#"{{"time":"{}","type":"platform.report","record":{{"requestId":"{}","metrics":{{"durationMs":{:.3},"#,
                r#""billedDurationMs":{},"memorySizeMB":{},"maxMemoryUsedMB":{}{}}},"status":"{}"{}{}}}}}"#
            ),
            Moment(moment),
            self.request_id,
            self.duration_ms,
            self.billed_ms(),
            self.function.memory_mb,
            self.used_mb,
            init,
            status,
            error_type,
            self.tracing()
        )
    }

    fn tracing(&self) -> String {
        if !self.is_traced {
            return String::new();
        }
        format!(
            r#","tracing":{{"spanId":"{:016x}","type":"X-Amzn-Trace-Id","value":"Root={};Sampled=1"}}"#,
            mix_text(1, &self.trace_id),
            self.trace_id
        )
    }
}

/// A request id in the form of a random UUID.
pub(crate) fn request_id(random: &mut Random) -> String {
    let mut hex = String::with_capacity(32);
    write_hex(&mut hex, random.bits());
    write_hex(&mut hex, random.bits());
    let variant = ['8', '9', 'a', 'b'];
    let mut id = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(match at {
            12 => '4',
            16 => variant[digit as usize % 4],
            _ => digit,
        });
    }
    id
}

/// A trace id for an invocation at `moment`.
pub(crate) fn trace_id(moment: Timestamp, random: &mut Random) -> String {
    let mut id = format!("1-{:08x}-", moment.millis() / 1_000);
    write_hex(&mut id, random.bits());
    id.push_str(&format!("{:08x}", random.bits() >> 32));
    id
}

fn write_hex(out: &mut String, value: u64) {
    write!(out, "{value:016x}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::super::functions::FUNCTIONS;
    use super::*;

    fn invocation(outcome: Outcome) -> Invocation {
        Invocation {
            function: &FUNCTIONS[4],
            version: 42,
            request_id: "0a1b".to_owned(),
            trace_id: "1-5d83c0ad-00".to_owned(),
            is_traced: false,
            is_cold: true,
            init_ms: 310.5,
            duration_ms: 148.25,
            used_mb: 312,
            outcome,
        }
    }

    #[test]
    fn a_report_has_the_fields_in_the_order_of_the_platform() {
        assert_eq!(
            invocation(Outcome::Ok).report_line(),
            "REPORT RequestId: 0a1b\tDuration: 148.25 ms\tBilled Duration: 459 ms\tMemory Size: 1024 MB\t\
             Max Memory Used: 312 MB\tInit Duration: 310.50 ms\t\n"
        );
        let killed = invocation(Outcome::OutOfMemory).report_line();
        assert!(killed.ends_with("\tStatus: error\tError Type: Runtime.OutOfMemory\n"));
    }

    #[test]
    fn records_are_json() {
        let mut invocation = invocation(Outcome::TimedOut);
        invocation.is_traced = true;
        let moment = Timestamp::from_millis(1_795_444_803_007);
        for text in [
            invocation.init_start_record(moment),
            invocation.start_record(moment),
            invocation.report_record(moment),
        ] {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(value["type"].as_str().unwrap().starts_with("platform."));
        }
    }

    #[test]
    fn request_ids_look_like_version_4_uuids() {
        let id = request_id(&mut Random::new(3));
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
    }
}

//! Evidence in the lines of AWS Lambda: START, REPORT, time-outs, exits, errors, and the platform's
//! JSON records.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use model::{InvocationEvidence, InvocationStatus, LogEvent, Provider, Timestamp};
use sonic_rs::{JsonValueTrait, Value};

use crate::normalise::{platform_request_id, request_id_at};

/// The type of a platform's record stands within so many bytes of its line.
const PLATFORM_BYTES_MAX: usize = 160;
static PLATFORM: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"platform."));
static ERROR_TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"errorType\""));
static VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Version: "));

const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";

/// Returns what the line tells about an invocation, if it tells anything.
pub(super) fn evidence(event: &LogEvent, text: &str) -> Option<InvocationEvidence> {
    let mut evidence = match text.as_bytes().first()? {
        b'S' => start(text, event.event_time)?,
        b'R' if text.starts_with("REPORT ") => report(text)?,
        b'R' => exited(text)?,
        b'0'..=b'9' => after_time(text)?,
        b'{' => json(text)?,
        _ => return None,
    };
    evidence.provider = derived_provider(event);
    Some(evidence)
}

/// Only Lambda writes the lines that are recognised here.
fn derived_provider(event: &LogEvent) -> Option<Provider> {
    event.function.as_ref().map(|_| Provider::Aws)
}

fn of(request_id: &str) -> InvocationEvidence {
    InvocationEvidence {
        request_id: request_id.to_owned(),
        ..InvocationEvidence::default()
    }
}

/// `START RequestId: <id> Version: <version>`
fn start(text: &str, time: Option<Timestamp>) -> Option<InvocationEvidence> {
    let rest = text.strip_prefix("START ")?;
    let mut evidence = of(platform_request_id(text)?);
    evidence.start = time;
    let version = VERSION.find(rest.as_bytes());
    evidence.version = version
        .and_then(|place| rest.get(place + VERSION.needle().len()..))
        .and_then(|version| version.split_ascii_whitespace().next())
        .map(Arc::from);
    Some(evidence)
}

/// `REPORT RequestId: <id>\tDuration: 3.01 ms\t…`: pairs of key and value, in any order.
fn report(text: &str) -> Option<InvocationEvidence> {
    let mut evidence = of(platform_request_id(text)?);
    let mut status = InvocationStatus::Ok;
    for part in text.split(['\t', '\n']) {
        let Some((key, value)) = key_and_value(part) else {
            continue;
        };
        let number = || {
            value
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok())
        };
        match key.trim() {
            "Duration" => evidence.duration_ms = number(),
            "Billed Duration" => evidence.billed_ms = number(),
            "Init Duration" => evidence.init_ms = number(),
            "Restore Duration" => evidence.init_ms = evidence.init_ms.or_else(number),
            "Memory Size" => evidence.memory_size_mb = number(),
            "Max Memory Used" => evidence.memory_used_mb = number(),
            "Status" => status = status.max(parse_status(value.trim())),
            "Error Type" => evidence.error_type = Some(value.trim().to_owned()),
            "XRAY TraceId" => evidence.trace_id = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    evidence.status = Some(refine(status, evidence.error_type.as_deref()));
    Some(evidence)
}

/// What stands before and behind the first colon that a blank follows.
fn key_and_value(part: &str) -> Option<(&str, &str)> {
    let bytes = part.as_bytes();
    let mut colons = memchr::memchr_iter(b':', bytes);
    let colon = colons.find(|colon| bytes.get(colon + 1) == Some(&b' '))?;
    Some((part.get(..colon)?, part.get(colon + 2..)?))
}

/// `RequestId: <id> Error: Runtime exited with error: signal: killed\nRuntime.ExitError`
fn exited(text: &str) -> Option<InvocationEvidence> {
    let mut evidence = of(platform_request_id(text)?);
    let (_, error) = text.split_once(" Error: ")?;
    let (message, kind) = error.split_once('\n').unwrap_or((error, ""));
    evidence.error_message = Some(message.trim().to_owned());
    evidence.error_type = Some(kind.trim().to_owned()).filter(|kind| !kind.is_empty());
    let is_killed = message.contains("signal: killed");
    let status = if is_killed {
        InvocationStatus::OutOfMemory
    } else {
        InvocationStatus::Error
    };
    evidence.status = Some(refine(status, evidence.error_type.as_deref()));
    Some(evidence)
}

/// `<time> <id> Task timed out after 3.00 seconds`, and the error that Node's runtime logs:
/// `<time>\t<id>\tERROR\tInvoke Error \t{…}`.
fn after_time(text: &str) -> Option<InvocationEvidence> {
    let (_, length) = model::iso8601(text.as_bytes())?;
    let id = request_id_at(text, length + 1)?;
    let rest = text.get(length + 1 + id.len()..)?.trim_start();
    let mut evidence = of(id);
    if rest.starts_with("Task timed out after") {
        evidence.status = Some(InvocationStatus::Timeout);
        evidence.error_type = Some("Sandbox.Timedout".to_owned());
        evidence.error_message = Some(rest.to_owned());
        return Some(evidence);
    }
    let error = rest.strip_prefix("ERROR\tInvoke Error")?.trim_start();
    evidence.status = Some(InvocationStatus::Error);
    if model::is_shallow_json(error.as_bytes())
        && let Ok(value) = sonic_rs::from_str::<Value>(error)
    {
        add_error(&mut evidence, &value);
    }
    Some(evidence)
}

/// The platform's records and the errors that runtimes log as JSON.
fn json(text: &str) -> Option<InvocationEvidence> {
    let bytes = text.as_bytes();
    let head = bytes.get(..PLATFORM_BYTES_MAX).unwrap_or(bytes);
    if PLATFORM.find(head).is_none() && ERROR_TYPE.find(bytes).is_none() {
        return None;
    }
    if !model::is_shallow_json(text.as_bytes()) {
        return None;
    }
    let value: Value = sonic_rs::from_str(text).ok()?;
    if let Some(kind) = value.get("type").as_str()
        && let Some(kind) = kind.strip_prefix("platform.")
    {
        return platform(kind, &value);
    }
    let id = value.get("requestId").or_else(|| value.get("AWSRequestId"));
    let mut evidence = of(id.as_str()?);
    evidence.status = Some(InvocationStatus::Error);
    add_error(&mut evidence, &value);
    Some(evidence)
}

fn platform(kind: &str, value: &Value) -> Option<InvocationEvidence> {
    let record = value.get("record").filter(|record| record.is_object())?;
    let mut evidence = of(record.get("requestId").as_str()?);
    let time = value.get("time");
    let time = time
        .as_str()
        .and_then(|text| model::iso8601(text.as_bytes()));
    evidence.trace_id = record
        .get("tracing")
        .and_then(|tracing| tracing.get("value"))
        .as_str()
        .map(trace_root);
    match kind {
        "start" => {
            evidence.start = time.map(|(time, _)| time);
            evidence.version = record.get("version").as_str().map(Arc::from);
        }
        "runtimeDone" | "report" => {
            let metrics = record.get("metrics");
            let number = |name: &str| metrics.and_then(|metrics| metrics.get(name)).as_f64();
            evidence.duration_ms = number("durationMs");
            evidence.billed_ms = number("billedDurationMs");
            evidence.init_ms = number("initDurationMs").or_else(|| number("restoreDurationMs"));
            evidence.memory_size_mb = number("memorySizeMB");
            evidence.memory_used_mb = number("maxMemoryUsedMB");
            evidence.error_type = record.get("errorType").as_str().map(str::to_owned);
            let status = record.get("status").as_str().map(parse_status);
            evidence.status = status.map(|status| refine(status, evidence.error_type.as_deref()));
        }
        _ => return None,
    }
    Some(evidence)
}

fn add_error(evidence: &mut InvocationEvidence, value: &Value) {
    evidence.error_type = value.get("errorType").as_str().map(str::to_owned);
    evidence.error_message = value.get("errorMessage").as_str().map(str::to_owned);
}

/// `Root=1-…;Parent=…` → `1-…`
fn trace_root(value: &str) -> String {
    let root = value
        .split(';')
        .find_map(|part| part.strip_prefix("Root="))
        .unwrap_or(value);
    root.to_owned()
}

fn parse_status(text: &str) -> InvocationStatus {
    match text {
        "success" => InvocationStatus::Ok,
        "timeout" => InvocationStatus::Timeout,
        _ => InvocationStatus::Error,
    }
}

fn refine(status: InvocationStatus, error_type: Option<&str>) -> InvocationStatus {
    match error_type {
        Some(OUT_OF_MEMORY) => status.max(InvocationStatus::OutOfMemory),
        Some("Sandbox.Timedout") => status.max(InvocationStatus::Timeout),
        Some(_) => status.max(InvocationStatus::Error),
        None => status,
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence;
    use super::*;

    const ID: &str = "459921b5-681c-4a96-beb0-81e0aa586026";

    fn of_text(text: &str) -> Option<InvocationEvidence> {
        evidence(&LogEvent {
            message: text.to_owned(),
            event_time: Some(Timestamp::from_millis(7)),
            function: Some(Arc::from("f")),
            ..LogEvent::default()
        })
    }

    fn report_of(rest: &str) -> InvocationEvidence {
        of_text(&format!("REPORT RequestId: {ID}\t{rest}")).unwrap()
    }

    #[test]
    fn reports_in_all_their_forms() {
        let warm = report_of(
            "Duration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n",
        );
        assert_eq!(warm.request_id, ID);
        assert_eq!(warm.duration_ms, Some(3.01));
        assert_eq!(warm.billed_ms, Some(4.0));
        assert_eq!(warm.memory_size_mb, Some(128.0));
        assert_eq!(warm.memory_used_mb, Some(36.0));
        assert_eq!(warm.init_ms, None);
        assert_eq!(warm.status, Some(InvocationStatus::Ok));
        let cold = report_of(
            "Init Duration: 110.10 ms\tDuration: 1 ms\t\nXRAY TraceId: 1-5d83c0ad-x\tSegmentId: 3\tSampled: true\t\n",
        );
        assert_eq!(cold.init_ms, Some(110.1));
        assert_eq!(cold.trace_id.as_deref(), Some("1-5d83c0ad-x"));
        let restored = report_of(
            "Duration: 1 ms\tRestore Duration: 398.97 ms\tBilled Restore Duration: 182 ms\t\n",
        );
        assert_eq!(restored.init_ms, Some(398.97));
        let killed = report_of("Duration: 1 ms\tStatus: error\tError Type: Runtime.OutOfMemory");
        assert_eq!(killed.status, Some(InvocationStatus::OutOfMemory));
        assert_eq!(
            report_of("Status: timeout").status,
            Some(InvocationStatus::Timeout)
        );
        let exited = report_of("Status: error\tError Type: Runtime.ExitError");
        assert_eq!(exited.status, Some(InvocationStatus::Error));
        assert_eq!(exited.error_type.as_deref(), Some("Runtime.ExitError"));
    }

    #[test]
    fn start_time_out_and_exit() {
        let start = of_text(&format!("START RequestId: {ID} Version: $LATEST\n")).unwrap();
        assert_eq!(start.start, Some(Timestamp::from_millis(7)));
        assert_eq!(start.version.as_deref(), Some("$LATEST"));
        assert_eq!(start.provider, Some(Provider::Aws));
        let late = of_text(&format!(
            "2020-06-09T15:02:26.150Z {ID} Task timed out after 3.00 seconds\n\n"
        ))
        .unwrap();
        assert_eq!(late.status, Some(InvocationStatus::Timeout));
        assert_eq!(
            late.error_message.as_deref(),
            Some("Task timed out after 3.00 seconds")
        );
        let killed = of_text(&format!(
            "RequestId: {ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
        ))
        .unwrap();
        assert_eq!(killed.status, Some(InvocationStatus::OutOfMemory));
        let exit = of_text(&format!(
            "RequestId: {ID} Error: Runtime exited without providing a reason\nRuntime.ExitError\n"
        ))
        .unwrap();
        assert_eq!(exit.status, Some(InvocationStatus::Error));
        let node = of_text(&format!("2020-06-09T15:02:26.150Z\t{ID}\tERROR\tInvoke Error \t{{\"errorType\":\"TypeError\",\"errorMessage\":\"no\"}}")).unwrap();
        assert_eq!(node.error_type.as_deref(), Some("TypeError"));
        assert_eq!(node.status, Some(InvocationStatus::Error));
    }

    #[test]
    fn records_of_the_platform() {
        let report = of_text(&format!(r#"{{"time":"2022-10-21T14:05:05.766Z","type":"platform.report","record":{{"requestId":"{ID}","metrics":{{"durationMs":2599.4,"billedDurationMs":2600,"memorySizeMB":128,"maxMemoryUsedMB":94,"initDurationMs":549.04}},"tracing":{{"value":"Root=1-6352a70e-1e2c;Parent=3"}},"status":"success"}}}}"#)).unwrap();
        assert_eq!(report.billed_ms, Some(2600.0));
        assert_eq!(report.init_ms, Some(549.04));
        assert_eq!(report.trace_id.as_deref(), Some("1-6352a70e-1e2c"));
        assert_eq!(report.status, Some(InvocationStatus::Ok));
        let start = of_text(&format!(r#"{{"time":"1970-01-01T00:00:01Z","type":"platform.start","record":{{"requestId":"{ID}","version":"3"}}}}"#)).unwrap();
        assert_eq!(start.start, Some(Timestamp::from_millis(1_000)));
        let bare = of_text(&format!(r#"{{"type":"platform.report","record":{{"requestId":"{ID}","status":"success","metrics":{{"durationMs":1.148}}}}}}"#)).unwrap();
        assert_eq!(bare.billed_ms, None);
        let error = of_text(&format!(
            r#"{{"level":"ERROR","requestId":"{ID}","errorType":"KeyError","errorMessage":"x"}}"#
        ))
        .unwrap();
        assert_eq!(error.error_type.as_deref(), Some("KeyError"));
    }

    #[test]
    fn other_lines_tell_nothing() {
        for text in [
            "",
            "hello",
            "REPORT of the year",
            "{\"a\":1}",
            "START",
            "INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout",
            "2020-06-09T15:02:26.150Z\tundefined\tERROR\tUncaught",
            "{\"errorType\":",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }
}

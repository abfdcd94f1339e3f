//! Evidence in the log of Azure Functions: what the host says when an invocation begins and ends,
//! and the rows of its log tables.

use model::{InvocationEvidence, InvocationStatus, LogEvent, Timestamp};
use sonic_rs::{JsonValueTrait, Value};

use super::field;

/// Returns what the event tells about an invocation, if it tells anything.
pub(super) fn evidence(event: &LogEvent, text: &str) -> Option<InvocationEvidence> {
    if let Some(rest) = text.strip_prefix("Executing ") {
        let mut evidence = named(rest)?;
        evidence.start = event.event_time;
        return Some(evidence);
    }
    if let Some(rest) = text.strip_prefix("Executed ") {
        let mut evidence = executed(rest, event.event_time)?;
        if evidence.status == Some(InvocationStatus::Error) {
            add_exception(&mut evidence, event);
        }
        return Some(evidence);
    }
    if let Some(rest) = text.strip_prefix("Timeout value of ") {
        return timed_out(rest);
    }
    row(text)
}

/// `00:05:00 exceeded by function 'Functions.hello' (Id: '<id>'). Initiating cancellation.`, with or
/// without quotes; what is not cancelled goes on.
fn timed_out(rest: &str) -> Option<InvocationEvidence> {
    let (_, rest) = rest.rsplit_once("(Id: ")?;
    let (id, rest) = rest.split_once(')')?;
    let id = id.trim_matches('\'');
    let is_cancelled = id.len() == 36 && rest.contains("Initiating cancellation");
    is_cancelled.then(|| InvocationEvidence {
        request_id: id.to_owned(),
        status: Some(InvocationStatus::Timeout),
        ..InvocationEvidence::default()
    })
}

/// What the record of a failure says besides its message.
fn add_exception(evidence: &mut InvocationEvidence, event: &LogEvent) {
    let exception = ["exceptionType", "exceptionMessage", "exceptionDetails"];
    let [kind, message, details] = exception.map(|name| field(event, name));
    let status = [kind, message, details].into_iter().flatten().map(failure);
    evidence.status = evidence.status.max(status.max());
    evidence.error_type = kind.map(str::to_owned);
    evidence.error_message = message.map(str::to_owned);
}

/// `'Functions.hello' (Reason='…', Id=<id>)`; older hosts write no quotes.
fn named(rest: &str) -> Option<InvocationEvidence> {
    let (_, id) = rest.rsplit_once("Id=")?;
    let id = id.split([',', ')']).next()?.trim();
    (id.len() == 36).then(|| InvocationEvidence {
        request_id: id.to_owned(),
        ..InvocationEvidence::default()
    })
}

/// `'Functions.hello' (Failed, Id=<id>, Duration=16ms)`
fn executed(rest: &str, time: Option<Timestamp>) -> Option<InvocationEvidence> {
    let mut evidence = named(rest)?;
    let (_, details) = rest.split_once('(')?;
    let word = details.split(',').next()?.trim();
    evidence.status = Some(match word {
        "Succeeded" => InvocationStatus::Ok,
        "Failed" => InvocationStatus::Error,
        _ => return None,
    });
    let duration = details.split_once("Duration=");
    evidence.duration_ms = duration
        .and_then(|(_, rest)| rest.split_once("ms"))
        .and_then(|(number, _)| number.parse().ok());
    if let (Some(time), Some(duration_ms)) = (time, evidence.duration_ms) {
        evidence.start = Some(time.saturating_add_nanos(-(duration_ms * 1e6) as i64));
    }
    Some(evidence)
}

/// A row of a host's log table, as JSON.
fn row(text: &str) -> Option<InvocationEvidence> {
    if !text.starts_with(r#"{"FunctionInstanceId":"#) || !model::is_shallow_json(text.as_bytes()) {
        return None;
    }
    let row: Value = sonic_rs::from_str(text).ok()?;
    let time = |name: &str| {
        let value = row.get(name);
        let time = value
            .as_str()
            .and_then(|text| model::iso8601(text.as_bytes()));
        time.map(|(time, _)| time)
    };
    let (start, end) = (time("StartTime"), time("EndTime"));
    let error = row.get("ErrorDetails");
    let error = error.as_str().filter(|error| !error.is_empty());
    let status = match (end, error) {
        (_, Some(error)) => failure(error),
        (Some(_), None) => InvocationStatus::Ok,
        // The host went away before it could say how it ended.
        (None, None) => InvocationStatus::Error,
    };
    let milliseconds =
        |start: Timestamp, end: Timestamp| (end.nanos() - start.nanos()) as f64 / 1e6;
    Some(InvocationEvidence {
        request_id: row.get("FunctionInstanceId").as_str()?.to_owned(),
        start,
        duration_ms: start.zip(end).map(|(start, end)| milliseconds(start, end)),
        status: Some(status),
        error_message: error.map(str::to_owned),
        ..InvocationEvidence::default()
    })
}

/// The host tells time-outs and lack of memory in its words only.
fn failure(error: &str) -> InvocationStatus {
    if error.contains("Timeout value of") || error.contains("FunctionTimeoutException") {
        InvocationStatus::Timeout
    } else if error.contains("OutOfMemoryException") {
        InvocationStatus::OutOfMemory
    } else {
        InvocationStatus::Error
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Provider;

    use super::*;

    const ID: &str = "459921b5-681c-4a96-beb0-81e0aa586026";
    const TIME: Timestamp = Timestamp::from_millis(1_763_909_520_000);

    fn of(text: &str) -> Option<InvocationEvidence> {
        super::super::evidence(&LogEvent {
            message: text.to_owned(),
            event_time: Some(TIME),
            provider: Some(Provider::Azure),
            function: Some(Arc::from("hello")),
            ..LogEvent::default()
        })
    }

    #[test]
    fn lines_of_old_and_new_hosts() {
        for name in ["'Functions.hello'", "Functions.hello"] {
            let begun = of(&format!("Executing {name} (Reason='Timer (x)', Id={ID})")).unwrap();
            assert_eq!((begun.start, begun.status), (Some(TIME), None));
            assert_eq!(begun.request_id, ID);
            let ended = of(&format!("Executed {name} (Failed, Id={ID}, Duration=16ms)")).unwrap();
            assert_eq!(ended.status, Some(InvocationStatus::Error));
            assert_eq!(ended.duration_ms, Some(16.0));
            assert_eq!(ended.start, Some(TIME.saturating_add_millis(-16)));
        }
        let ok = of(&format!(
            "Executed 'Functions.hello' (Succeeded, Id={ID}, Duration=7ms)"
        ));
        assert_eq!(ok.unwrap().status, Some(InvocationStatus::Ok));
    }

    #[test]
    fn failures_tell_their_exceptions_and_time_outs_are_told_before() {
        let failed = |name: &str, value: &str| {
            super::super::evidence(&LogEvent {
                message: format!("Executed 'Functions.hello' (Failed, Id={ID}, Duration=16ms)"),
                provider: Some(Provider::Azure),
                fields: vec![(name.to_owned(), value.to_owned())],
                ..LogEvent::default()
            })
            .unwrap()
        };
        let odd = failed("exceptionType", "System.InvalidOperationException");
        assert_eq!(odd.status, Some(InvocationStatus::Error));
        assert_eq!(
            odd.error_type.as_deref(),
            Some("System.InvalidOperationException")
        );
        let late = failed(
            "exceptionDetails",
            "Microsoft.Azure.WebJobs.Host.FunctionTimeoutException : x",
        );
        assert_eq!(late.status, Some(InvocationStatus::Timeout));
        let full = failed("exceptionMessage", "OutOfMemoryException");
        assert_eq!(full.status, Some(InvocationStatus::OutOfMemory));
        let line = format!(
            "Timeout value of 00:05:00 exceeded by function 'Functions.hello' (Id: '{ID}')."
        );
        let late = of(&format!("{line} Initiating cancellation.")).unwrap();
        let bare = line.replace('\'', "");
        assert_eq!(
            of(&format!("{bare} Initiating cancellation.")).unwrap(),
            late
        );
        assert_eq!(late.status, Some(InvocationStatus::Timeout));
        assert_eq!(late.request_id, ID);
        assert_eq!(
            of(&format!(
                "{line} Function will not be cancelled while debugging."
            )),
            None
        );
    }

    #[test]
    fn rows_of_the_tables() {
        let row = |more: &str| {
            let text = format!(
                r#"{{"FunctionInstanceId":"{ID}","StartTime":"2025-11-23T14:52:00.0000000Z"{more}}}"#
            );
            of(&text).unwrap()
        };
        let ok = row(r#","EndTime":"2025-11-23T14:52:01.5000000Z""#);
        assert_eq!(ok.status, Some(InvocationStatus::Ok));
        assert_eq!((ok.start, ok.duration_ms), (Some(TIME), Some(1_500.0)));
        assert_eq!(row("").status, Some(InvocationStatus::Error));
        let late =
            row(r#","ErrorDetails":"Timeout value of 00:05:00 exceeded by function: hello""#);
        assert_eq!(late.status, Some(InvocationStatus::Timeout));
        let full = row(r#","ErrorDetails":"System.OutOfMemoryException: x""#);
        assert_eq!(full.status, Some(InvocationStatus::OutOfMemory));
    }

    #[test]
    fn other_lines_tell_nothing() {
        for text in [
            "",
            "Executed",
            "Executed 'f' (Aborted, Id=x)",
            "Executing 'f'",
            "{\"FunctionInstanceId\":7}",
            "{\"FunctionInstanceId\":",
            "REPORT RequestId: 459921b5-681c-4a96-beb0-81e0aa586026",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}

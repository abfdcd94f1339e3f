//! Evidence in the log of Google Cloud: what the platform says about executions of the first
//! generation, and the request entries of the second.

use model::{InvocationEvidence, InvocationStatus, LogEvent, Timestamp};
use sonic_rs::{JsonValueTrait, Value};

use super::field;

/// The log in which requests of the second generation stand.
const REQUESTS: &str = "run.googleapis.com/requests";

/// Returns what the entry tells about an invocation, if it tells anything.
pub(super) fn evidence(event: &LogEvent, text: &str) -> Option<InvocationEvidence> {
    let request_id = event.request_id.as_deref().filter(|id| !id.is_empty())?;
    let mut evidence = if let Some(rest) = text.strip_prefix("Function execution ") {
        execution(rest, event.event_time)?
    } else if event.metadata.name == REQUESTS && text.starts_with(r#"{"httpRequest":"#) {
        request(event, text)?
    } else {
        return None;
    };
    request_id.clone_into(&mut evidence.request_id);
    evidence.trace_id = field(event, "trace_id").map(str::to_owned);
    Some(evidence)
}

/// `started`, and `took 12 ms, finished with status: 'timeout'` or `… status code: 200`.
fn execution(rest: &str, time: Option<Timestamp>) -> Option<InvocationEvidence> {
    if rest.starts_with("started") {
        return Some(InvocationEvidence {
            start: time,
            ..InvocationEvidence::default()
        });
    }
    let (duration, end) = rest.strip_prefix("took ")?.split_once(" ms")?;
    let duration_ms: f64 = duration.trim().parse().ok()?;
    let (_, end) = end.split_once("finished with status")?;
    let (kind, value) = end.split_once(':')?;
    let value = value.trim().trim_matches('\'').trim_end_matches('.');
    let status = match kind.trim() {
        "code" => of_code(value.parse().ok()?, true),
        _ => of_word(value),
    };
    let is_failed = status != InvocationStatus::Ok;
    Some(InvocationEvidence {
        start: time.map(|time| time.saturating_add_nanos(-(duration_ms * 1e6) as i64)),
        duration_ms: Some(duration_ms),
        status: Some(status),
        error_type: is_failed.then(|| value.to_owned()),
        ..InvocationEvidence::default()
    })
}

/// An entry bears the time at which its request began.
fn request(event: &LogEvent, text: &str) -> Option<InvocationEvidence> {
    if !model::is_shallow_json(text.as_bytes()) {
        return None;
    }
    let value: Value = sonic_rs::from_str(text).ok()?;
    let request = value.get("httpRequest").filter(|part| part.is_object())?;
    let code = request.get("status").as_u64()?;
    let latency = request.get("latency");
    let seconds: Option<f64> = latency
        .as_str()
        .and_then(|text| text.strip_suffix('s'))
        .and_then(|seconds| seconds.parse().ok());
    let status = of_code(code, event.instance.is_some());
    let is_failed = status != InvocationStatus::Ok;
    Some(InvocationEvidence {
        start: event.event_time,
        duration_ms: seconds.map(|seconds| seconds * 1e3),
        status: Some(status),
        error_type: is_failed.then(|| code.to_string()),
        ..InvocationEvidence::default()
    })
}

/// What a response code says. Refusals without an instance are the platform's: it found none to
/// run the request.
fn of_code(code: u64, has_instance: bool) -> InvocationStatus {
    match code {
        408 | 504 => InvocationStatus::Timeout,
        429 | 503 if !has_instance => InvocationStatus::Throttled,
        500.. => InvocationStatus::Error,
        _ => InvocationStatus::Ok,
    }
}

/// What the platform's own words say.
fn of_word(word: &str) -> InvocationStatus {
    match word {
        "ok" => InvocationStatus::Ok,
        "timeout" | "load timeout" => InvocationStatus::Timeout,
        "out of memory" => InvocationStatus::OutOfMemory,
        "out of quota" => InvocationStatus::Throttled,
        _ => InvocationStatus::Error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Provider, SourceMetadata};

    use super::*;

    const TIME: Timestamp = Timestamp::from_millis(1_763_909_520_000);

    fn of(log: &str, instance: Option<&str>, text: &str) -> Option<InvocationEvidence> {
        super::super::evidence(&LogEvent {
            message: text.to_owned(),
            event_time: Some(TIME),
            provider: Some(Provider::Gcp),
            function: Some(Arc::from("f")),
            instance: instance.map(Arc::from),
            request_id: Some("e1".to_owned()),
            fields: vec![("trace_id".to_owned(), "t1".to_owned())],
            metadata: Arc::new(SourceMetadata {
                name: log.to_owned(),
                ..SourceMetadata::default()
            }),
            ..LogEvent::default()
        })
    }

    #[test]
    fn executions_of_the_first_generation() {
        let log = "cloudfunctions.googleapis.com/cloud-functions";
        let status = |end: &str| {
            let text = format!("Function execution took 250 ms, finished with status{end}");
            of(log, None, &text).unwrap().status.unwrap()
        };
        assert_eq!(status(": 'ok'"), InvocationStatus::Ok);
        assert_eq!(status(": ok"), InvocationStatus::Ok);
        assert_eq!(status(": 'crash'"), InvocationStatus::Error);
        assert_eq!(status(": 'timeout'"), InvocationStatus::Timeout);
        assert_eq!(status(": 'out of memory'"), InvocationStatus::OutOfMemory);
        assert_eq!(status(": 'out of quota'"), InvocationStatus::Throttled);
        assert_eq!(status(" code: 200"), InvocationStatus::Ok);
        assert_eq!(status(" code: 404"), InvocationStatus::Ok);
        assert_eq!(status(" code: 500"), InvocationStatus::Error);
        assert_eq!(status(" code: 408"), InvocationStatus::Timeout);
        let took = of(
            log,
            None,
            "Function execution took 250 ms, finished with status: 'crash'",
        );
        let took = took.unwrap();
        assert_eq!(took.duration_ms, Some(250.0));
        assert_eq!(took.start, Some(TIME.saturating_add_millis(-250)));
        assert_eq!(took.request_id, "e1");
        assert_eq!(took.trace_id.as_deref(), Some("t1"));
        assert_eq!(took.error_type.as_deref(), Some("crash"));
        let started = of(log, None, "Function execution started").unwrap();
        assert_eq!((started.start, started.status), (Some(TIME), None));
    }

    #[test]
    fn requests_of_the_second_generation() {
        let with = |code: u64, instance| {
            let text = format!(r#"{{"httpRequest":{{"status":{code},"latency":"1.071604090s"}}}}"#);
            of(REQUESTS, instance, &text).unwrap()
        };
        let status = |code, instance| with(code, instance).status.unwrap();
        assert_eq!(status(204, Some("i")), InvocationStatus::Ok);
        assert_eq!(status(429, Some("i")), InvocationStatus::Ok);
        assert_eq!(status(429, None), InvocationStatus::Throttled);
        assert_eq!(status(503, None), InvocationStatus::Throttled);
        assert_eq!(status(503, Some("i")), InvocationStatus::Error);
        assert_eq!(status(504, Some("i")), InvocationStatus::Timeout);
        let ok = with(200, Some("i"));
        assert!((ok.duration_ms.unwrap() - 1_071.604_09).abs() < 1e-6);
        assert_eq!((ok.start, ok.error_type), (Some(TIME), None));
    }

    #[test]
    fn other_entries_tell_nothing() {
        for (log, text) in [
            (
                "run.googleapis.com/stdout",
                r#"{"httpRequest":{"status":500}}"#,
            ),
            (REQUESTS, r#"{"httpRequest":{"status":"many"}}"#),
            (REQUESTS, r#"{"httpRequest":"#),
            (
                REQUESTS,
                "Function execution took long, finished with status: 'ok'",
            ),
            (REQUESTS, "REPORT RequestId: x"),
        ] {
            assert_eq!(of(log, None, text), None, "{text}");
        }
    }
}

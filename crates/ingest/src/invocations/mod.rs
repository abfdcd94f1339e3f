//! Derives evidence about invocations from single events: the lines in which each cloud's platform
//! tells how an invocation went. `docs/invocations.md` says what becomes which status.

mod azure;
mod google;
mod lambda;

use model::{InvocationEvidence, LogEvent, Provider};

/// Returns what `event` tells about an invocation, if it tells anything. The event has been
/// normalised.
pub(crate) fn evidence(event: &LogEvent) -> Option<InvocationEvidence> {
    let text = event.message.trim();
    let mut evidence = match event.provider {
        Some(Provider::Gcp) => google::evidence(event, text)?,
        Some(Provider::Azure) => azure::evidence(event, text)?,
        Some(Provider::Aws) | None => lambda::evidence(event, text)?,
    };
    evidence.provider = event.provider.or(evidence.provider);
    evidence.account.clone_from(&event.account);
    evidence.region.clone_from(&event.region);
    evidence.function.clone_from(&event.function);
    evidence.instance.clone_from(&event.instance);
    if evidence.version.is_none() {
        evidence.version.clone_from(&event.version);
    }
    evidence.event_time = event.event_time;
    Some(evidence)
}

/// The value of a field of the event.
fn field<'a>(event: &'a LogEvent, name: &str) -> Option<&'a str> {
    let field = event.fields.iter().find(|(other, _)| other == name)?;
    Some(field.1.as_str())
}

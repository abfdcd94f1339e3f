//! What an answer must be like, whatever was asked.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::prelude::SessionContext;
use ingest::{Ingest, IngestConfig};
use jiff::tz::TimeZone;
use model::{EventBatch, EventSink as _, LogEvent, ManualClock, TimeRange, Timestamp};
use query::{Diagnostic, Engine, EngineConfig, Language, QueryContext, QueryError};
use storage::{Store, StoreConfig};
use tokio::runtime::Runtime;

use crate::Failure;

const START_MS: i64 = 1_763_906_400_000;
const HOUR_MS: i64 = 3_600_000;

/// Something of everything that is parsed, text beyond ASCII, and an empty message.
const MESSAGES: &[&str] = &[
    "{\"level\":\"ERROR\",\"ms\":12.5,\"a\":{\"b\":[1,{\"c\":\"x\"}]},\"n\":null,\"items\":[{\"id\":7}]}",
    "[INFO] {\"a\": \"{\\\"b\\\": 5}\", \"k k\": true}",
    "REPORT RequestId: 8f5a2c1e-1111-4222-8333-444455556666\tDuration: 102.25 ms\tBilled Duration: 103 ms",
    "id=5 user=anna status=503 path=/a/b?c=d ip=203.0.113.7 x=\"a b\", y='z'",
    "<a><b c=\"d\">e</b></a>",
    "2025-11-23 14:00:00,123 ERROR caf\u{e9} \u{1f980} failed: timeout",
    "a,b,\"c,d\",,5",
    "",
];

/// What a worker thinks of answers.
pub(crate) enum Judge {
    /// Reads and plans over an empty table, as an editor asks for it.
    Reading(Language),
    /// Plans, optimizes and runs over a few events in a store.
    Running(Box<Node>),
}

/// A store with a few events, and the session that asks it.
pub(crate) struct Node {
    runtime: Runtime,
    session: SessionContext,
    context: QueryContext,
    _folder: tempfile::TempDir,
}

impl Judge {
    /// A judge that runs what can be planned; tasks stay on the stack of the thread that asks.
    pub(crate) fn running(stack_bytes: usize) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .thread_stack_size(stack_bytes)
            .enable_all()
            .build()?;
        let folder = tempfile::tempdir()?;
        let range = TimeRange::new(
            Timestamp::from_millis(START_MS),
            Timestamp::from_millis(START_MS + HOUR_MS),
        );
        let session = runtime.block_on(session(folder.path(), range))?;
        let context = QueryContext {
            range,
            now: range.end,
            time_zone: TimeZone::UTC,
            auto_parse: false,
        };
        Ok(Judge::Running(Box::new(Node {
            runtime,
            session,
            context,
            _folder: folder,
        })))
    }

    /// What is wrong with the answer to `text`; panics are caught elsewhere.
    pub(crate) fn judge(&self, text: &str) -> Option<String> {
        match self {
            Judge::Reading(language) => all_stand_in(text, &query::check(text, *language)),
            Judge::Running(node) => node.judge(text),
        }
    }
}

async fn session(folder: &std::path::Path, range: TimeRange) -> Result<SessionContext, Failure> {
    let clock = Arc::new(ManualClock::at(range.end));
    let store = Store::open(StoreConfig::at(folder), clock).await?;
    let ingest = Ingest::start(store.clone(), IngestConfig::default()).await?;
    let events = MESSAGES.iter().zip(0..).map(|(message, place)| LogEvent {
        event_time: Some(Timestamp::from_millis(START_MS + place * 300_000)),
        message: (*message).to_owned(),
        ..LogEvent::default()
    });
    let batch = EventBatch {
        events: events.collect(),
        ..EventBatch::default()
    };
    ingest.append(batch).await?;
    ingest.close().await;
    Ok(Engine::new(store, &EngineConfig::default())?.session(range)?)
}

impl Node {
    fn judge(&self, text: &str) -> Option<String> {
        let planned = match query::plan(text, &self.context, &self.session) {
            Ok(planned) => planned,
            Err(found) => return all_stand_in(text, &found),
        };
        match self.runtime.block_on(planned.execute(&self.session)) {
            Ok(_) | Err(QueryError::Invalid(_)) => None,
            // What was planned must be possible; what it does to the rows may fail in words.
            Err(QueryError::Engine(error)) => {
                let message = error.strip_backtrace();
                is_our_fault(&message).then(|| format!("cannot run: {message}"))
            }
            Err(error) => {
                let message = error.to_string();
                message.contains("failed inside").then_some(message)
            }
        }
    }
}

/// Whether the engine says that the plan made no sense to it.
fn is_our_fault(message: &str) -> bool {
    [
        "Internal error",
        "likely caused by a bug",
        "Schema error",
        "Error during planning",
        "This feature is not implemented",
        "panicked",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Mistakes must lie in the text, between its characters, and say something.
fn all_stand_in(text: &str, found: &[Diagnostic]) -> Option<String> {
    let wrong = found.iter().find(|found| {
        let (start, end) = (found.span.start, found.span.end);
        let is_place = start <= end && text.is_char_boundary(start) && text.is_char_boundary(end);
        !is_place || found.message.is_empty()
    })?;
    Some(format!("wrong span {:?}: {}", wrong.span, wrong.message))
}

/// The last panic of any thread.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Notes panics instead of printing them.
pub(crate) fn note_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or_default();
        let told = format!("panicked at {place}: {message}");
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }));
}

/// What panicked since the last call.
pub(crate) fn panicked() -> Option<String> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).take()
}

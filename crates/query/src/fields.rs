//! Which fields events have: looked up in a sample, for completion and the field list.

use std::collections::BTreeMap;

use datafusion::prelude::{SessionContext, col};
use futures::future::BoxFuture;
use model::TimeRange;
use serde::Serialize;
use serde_json::Value;

use crate::{Engine, Result, search};

/// Events that are looked at.
const SAMPLE_ROWS: usize = 2_000;
/// The sample comes from this end of the range if there is anything, in milliseconds.
const RECENT_MS: i64 = 900_000;
/// Examples per field.
const EXAMPLES_MAX: usize = 5;
/// Longer values are no good examples, in characters.
const EXAMPLE_CHARS_MAX: usize = 100;
/// Fields listed at most.
const FIELDS_MAX: usize = 500;

/// A field and some of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldInfo {
    /// The name as it is written in a query.
    pub name: String,
    /// `string`, or `number` if every example is one.
    #[serde(rename = "type")]
    pub field_type: &'static str,
    /// Different values that were seen.
    pub examples: Vec<String>,
}

impl Engine {
    /// Returns the fields of a sample of the newest events inside `range`: columns, further
    /// fields, and the keys of messages that are JSON objects.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn fields(&self, range: TimeRange) -> BoxFuture<'_, Result<Vec<FieldInfo>>> {
        Box::pin(async move {
            let newest = self.store().newest_event_time().unwrap_or(range.end);
            let end = range.end.min(newest.saturating_add_nanos(1));
            let start = range.start.max(end.saturating_add_millis(-RECENT_MS));
            let mut seen = BTreeMap::new();
            for part in [TimeRange::new(start, end), range] {
                sample(&self.session(part)?, &mut seen).await?;
                if !seen.is_empty() {
                    break;
                }
            }
            let fields = seen.into_iter().take(FIELDS_MAX).map(|(name, examples)| {
                let is_number = |value: &String| value.parse::<f64>().is_ok();
                let all_numbers = !examples.is_empty() && examples.iter().all(is_number);
                FieldInfo {
                    name,
                    field_type: if all_numbers { "number" } else { "string" },
                    examples,
                }
            });
            Ok(fields.collect())
        })
    }
}

async fn sample(session: &SessionContext, seen: &mut BTreeMap<String, Vec<String>>) -> Result<()> {
    let frame = session.table("events").await?;
    let columns = storage::events_schema();
    let columns = columns.fields().iter().map(|field| col(field.name()));
    let batches = frame
        .select(columns.collect::<Vec<_>>())?
        .limit(0, Some(SAMPLE_ROWS))?
        .collect()
        .await?;
    for row in search::message_rows(&batches, SAMPLE_ROWS) {
        for (name, value) in &row {
            note(seen, name, value);
            if &**name == "_raw"
                && let Ok(Value::Object(keys)) = serde_json::from_str(value)
            {
                for (key, value) in keys {
                    match value {
                        Value::String(text) => note(seen, &key, &text),
                        Value::Null => note(seen, &key, ""),
                        other => note(seen, &key, &other.to_string()),
                    }
                }
            }
        }
    }
    Ok(())
}

fn note(seen: &mut BTreeMap<String, Vec<String>>, name: &str, value: &str) {
    if !seen.contains_key(name) {
        seen.insert(name.to_owned(), Vec::new());
    }
    let Some(examples) = seen.get_mut(name) else {
        return;
    };
    let is_good = !value.is_empty() && value.chars().count() <= EXAMPLE_CHARS_MAX;
    if is_good && examples.len() < EXAMPLES_MAX && !examples.iter().any(|known| known == value) {
        examples.push(value.to_owned());
    }
}

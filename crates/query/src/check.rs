//! Checks a query without running it: reads and plans it over an empty table.

use std::sync::{Arc, LazyLock};

use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use futures::FutureExt as _;
use model::{TimeRange, Timestamp};

use crate::plan::{QueryContext, plan_filling_parameters};
use crate::search::Language;
use crate::syntax::{Diagnostic, Severity};

const DAY_MS: i64 = 86_400_000;

/// Returns what is wrong with `text`; `{{parameters}}` are filled by position.
pub fn check(text: &str, language: Language) -> Vec<Diagnostic> {
    let session = match SESSION.as_ref() {
        Ok(session) => session,
        Err(message) => return vec![Diagnostic::error(0..0, message.as_str())],
    };
    match language {
        Language::Log => {
            let end = Timestamp::from_millis(DAY_MS);
            let context = QueryContext {
                range: TimeRange::new(Timestamp::from_millis(0), end),
                now: end,
                time_zone: jiff::tz::TimeZone::UTC,
                auto_parse: false,
            };
            plan_filling_parameters(text, &context, session)
                .err()
                .unwrap_or_default()
        }
        Language::Metrics => crate::metrics::check(text),
        Language::Sql => match sql::plan(text, &session.state()).now_or_never() {
            Some(Err(error)) => vec![Diagnostic {
                severity: Severity::Error,
                ..Diagnostic::error(0..text.len(), error.strip_backtrace())
            }],
            _ => Vec::new(),
        },
    }
}

/// Queries are planned over it and never run, so one does for all.
static SESSION: LazyLock<Result<SessionContext, String>> =
    LazyLock::new(|| empty_session().map_err(|error| error.strip_backtrace()));

fn empty_session() -> datafusion::error::Result<SessionContext> {
    let session = SessionContext::new();
    for (name, schema) in [
        ("events", storage::events_schema()),
        ("invocations", storage::invocations_schema()),
        ("samples", storage::samples_schema()),
    ] {
        let table = MemTable::try_new(schema, vec![Vec::new()])?;
        session.register_table(name, Arc::new(table))?;
    }
    crate::functions::register_functions(&session);
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_need_no_value() {
        assert_eq!(
            check(
                "account={{account}} | timeslice {{width}} | where level matches \"{{level}}\" | limit {{n}}",
                Language::Log
            ),
            []
        );
        assert_eq!(check("SELECT count(*) FROM events", Language::Sql), []);
        assert_eq!(check("SELECT nothing FROM nowhere", Language::Sql).len(), 1);
    }
}

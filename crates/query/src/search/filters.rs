//! Filters beside the text of a query: put into the text where they mean what a user expects.
//!
//! In the pipe language that is after the last stage that still works on single events, so that fields which
//! the query parses can be filtered and what it counts is already filtered. In SQL it is the table `events`.

use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use super::Language;
use super::windows::is_rowwise;
use crate::plan::{QueryContext, plan_filling_parameters};
use crate::syntax::pipeline;
use crate::{Diagnostic, QueryError, Result, ResultKind};

/// Columns of `events` whose name in the pipe language is another.
const RENAMED: [(&str, &str); 3] = [
    ("_messagetime", "event_time"),
    ("_receipttime", "receipt_time"),
    ("_raw", "message"),
];

/// A condition on one field. Several values of one field are alternatives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The field's name.
    pub field: String,
    /// The value it has.
    pub value: String,
    /// Whether events with this value are left out instead.
    #[serde(default)]
    pub negated: bool,
}

/// Returns the text of a query that is filtered.
///
/// # Errors
/// [`QueryError::Invalid`] if SQL is filtered by something that is no column.
pub(crate) fn filtered(
    text: &str,
    language: Language,
    filters: &[Filter],
    context: &QueryContext,
    session: &SessionContext,
) -> Result<String> {
    if filters.is_empty() {
        return Ok(text.to_owned());
    }
    match language {
        Language::Sql => filtered_sql(text, filters),
        Language::Log | Language::Metrics => {
            let (before, after) = text.split_at(rowwise_end(text, context, session));
            let condition = condition(filters, &PIPE);
            Ok(staged(before, &format!("where {condition}"), after))
        }
    }
}

/// Puts a stage between two parts of a query.
pub(super) fn staged(before: &str, stage: &str, after: &str) -> String {
    let before = match before.trim() {
        "" => "*",
        text => text,
    };
    let after = after.trim();
    let line = if after.is_empty() { "" } else { "\n" };
    format!("{before}\n| {stage}{line}{after}")
}

/// Where the first stage begins, or the text ends.
pub(super) fn scope_end(text: &str) -> usize {
    pipeline::cut(text).scope.end.min(text.len())
}

/// Where the stages end that work on single events: what follows groups, sorts, limits or is wrong.
pub(super) fn rowwise_end(text: &str, context: &QueryContext, session: &SessionContext) -> usize {
    let pieces = pipeline::cut(text);
    let ends = pieces.stages.iter().map(|stage| stage.end).rev();
    let is_single = |end: &usize| {
        let prefix = text.get(..*end).unwrap_or_default();
        plan_filling_parameters(prefix, context, session).is_ok_and(|planned| {
            planned.kind == ResultKind::Messages
                && !planned.is_sorted
                && !planned.has_later_stages()
                && is_rowwise(&planned.plan)
        })
    };
    ends.into_iter()
        .find(is_single)
        .unwrap_or(pieces.scope.end)
        .min(text.len())
}

/// How a language writes a condition.
struct Style {
    name: fn(&str) -> String,
    value: fn(&str) -> String,
    is_null: fn(&str) -> String,
    differs: &'static str,
}

const PIPE: Style = Style {
    name: |name| format!("%{}", pipe_text(name)),
    value: pipe_text,
    is_null: |name| format!("isNull({name})"),
    differs: "!=",
};

const SQL: Style = Style {
    name: |name| format!("\"{}\"", name.replace('"', "\"\"")),
    value: |value| format!("'{}'", value.replace('\'', "''")),
    is_null: |name| format!("{name} IS NULL"),
    differs: "<>",
};

fn pipe_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// One condition of all filters. Who leaves a value out does not mean the events that have none.
fn condition(filters: &[Filter], style: &Style) -> String {
    let mut parts = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        let name = (style.name)(&filter.field);
        if filter.negated {
            let (null, differs) = ((style.is_null)(&name), style.differs);
            let value = (style.value)(&filter.value);
            parts.push(format!("({null} or {name} {differs} {value})"));
            continue;
        }
        let is_same =
            |other: &&Filter| !other.negated && other.field.eq_ignore_ascii_case(&filter.field);
        if filters.iter().take(index).any(|other| is_same(&other)) {
            continue;
        }
        let alternatives: Vec<String> = filters
            .iter()
            .filter(is_same)
            .map(|other| format!("{name} = {}", (style.value)(&other.value)))
            .collect();
        parts.push(format!("({})", alternatives.join(" or ")));
    }
    parts.join(" and ")
}

/// Puts a narrower `events` in front of the table's own.
fn filtered_sql(text: &str, filters: &[Filter]) -> Result<String> {
    let schema = storage::events_schema();
    let mut known = Vec::new();
    for filter in filters {
        let renamed = RENAMED
            .iter()
            .find(|(name, _)| filter.field.eq_ignore_ascii_case(name));
        let name = renamed.map_or(filter.field.as_str(), |(_, column)| column);
        let column = schema
            .fields()
            .iter()
            .find(|column| column.name().eq_ignore_ascii_case(name));
        let Some(column) = column else {
            let message = format!(
                "the filter on `{}` cannot be applied: `events` has no such column",
                filter.field
            );
            return Err(QueryError::Invalid(vec![Diagnostic::error(0..0, message)]));
        };
        known.push(Filter {
            field: column.name().clone(),
            ..filter.clone()
        });
    }
    let narrow = format!(
        "events AS (SELECT * FROM events WHERE {})",
        condition(&known, &SQL)
    );
    let text = text.trim_start();
    let head = text.get(..5).unwrap_or_default();
    let rest = text.get(5..).unwrap_or_default();
    Ok(if head.trim_end().eq_ignore_ascii_case("with") {
        format!("WITH {narrow}, {}", rest.trim_start())
    } else {
        format!("WITH {narrow}\n{text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(field: &str, value: &str, negated: bool) -> Filter {
        Filter {
            field: field.into(),
            value: value.into(),
            negated,
        }
    }

    #[test]
    fn values_of_one_field_are_alternatives() {
        let filters = [
            filter("level", "ERROR", false),
            filter("version", "v\"42", true),
            filter("Level", "WARN", false),
        ];
        assert_eq!(
            condition(&filters, &PIPE),
            r#"(%"level" = "ERROR" or %"level" = "WARN") and (isNull(%"version") or %"version" != "v\"42")"#
        );
    }

    #[test]
    fn sql_reads_a_narrower_table() {
        let one = [filter("function", "it's", false)];
        assert_eq!(
            filtered_sql("SELECT 1 FROM events", &one).unwrap(),
            "WITH events AS (SELECT * FROM events WHERE (\"function\" = 'it''s'))\nSELECT 1 FROM events"
        );
        assert_eq!(
            filtered_sql("with x as (select 1) select * from x", &one).unwrap(),
            "WITH events AS (SELECT * FROM events WHERE (\"function\" = 'it''s')), x as (select 1) select * from x"
        );
        assert!(filtered_sql("SELECT 1", &[filter("customer.type", "x", false)]).is_err());
    }

    #[test]
    fn a_stage_goes_between() {
        assert_eq!(staged(" ", "where x", "| count"), "*\n| where x\n| count");
        assert_eq!(staged("error ", "where x", ""), "error\n| where x");
    }
}

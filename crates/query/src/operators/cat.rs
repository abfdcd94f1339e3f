//! `cat`: the rows of a lookup table, in place of events.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::TableReference;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::lookups::{Found, LookupTables, TABLE};
use crate::plan::pipeline::Pipeline;
use crate::plan::planner::Planner;
use crate::plan::stage::Table;
use crate::plan::{FieldType, ResultField};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "cat",
        kind: UnitKind::Operator,
        syntax: "cat path://\"<table>\" | …",
        summary: "Shows the rows of a lookup table. Stands at the beginning of a query, where it takes the place of words and fields.",
        examples: &["cat path://\"/shared/owners\" | where team = \"payments\""],
    },
    |tokens: &mut Tokens, _: &mut Planner<'_>| -> Parsed<()> {
        let message = "`cat` stands at the beginning of a query";
        Err(Diagnostic::error(tokens.whole(), message).expecting("`cat path://\"<table>\" | …`"))
    },
);

/// The ways in which the name of a table begins after `cat`; anything else is a word that is looked for.
const BEGINNINGS: [&str; 2] = ["path://", "shared/"];

/// The table that a query begins with, if its scope says `cat`.
pub(crate) fn table_of(scope: &str) -> Option<&str> {
    let (word, name) = scope.trim().split_once(char::is_whitespace)?;
    let name = name.trim();
    let is_name = BEGINNINGS
        .iter()
        .any(|beginning| name.starts_with(beginning));
    // A name with blanks stands in quotes.
    let is_one = name.contains('"') || !name.contains(char::is_whitespace);
    (word.eq_ignore_ascii_case("cat") && is_name && is_one).then_some(name)
}

/// A planner over the rows of the table `name`.
pub(crate) fn planner<'a>(
    name: &str,
    pipeline: &'a Pipeline,
    session: &'a SessionContext,
) -> Result<Planner<'a>, String> {
    let config = session.copied_config();
    let tables = config.get_extension::<LookupTables>();
    let opened = tables
        .as_ref()
        .map(|tables| tables.open(&name.replace('"', "")));
    let rows = match opened.transpose()? {
        Some(Found::Table(table)) => match table.rows() {
            Some(rows) => Some(rows.clone()),
            None => return Err(format!("the rows of `{name}` cannot be listed")),
        },
        Some(Found::NotSetUp { warning }) => return Err(warning),
        // A query that is only checked may name any table.
        None => None,
    };
    let is_known = rows.is_some();
    let mut columns: Vec<(ResultField, ArrayRef)> = Vec::new();
    if let Some(rows) = &rows {
        for (field, values) in rows.schema().fields().iter().zip(rows.columns()) {
            let values = cast(values, &DataType::Utf8View).map_err(|error| error.to_string())?;
            columns.push((
                ResultField::measure(field.name(), FieldType::String),
                values,
            ));
        }
    }
    let length = rows.map_or(0, |rows| rows.num_rows());
    let table = Table::records(columns, length).map_err(|error| error.to_string())?;
    let mut planner =
        Planner::over(&table, pipeline, session).map_err(|error| error.to_string())?;
    planner.plan = named_scan(&table, name).map_err(|error| error.to_string())?;
    planner.is_open = !is_known;
    Ok(planner)
}

/// The rows under the name by which SQL knows them.
fn named_scan(table: &Table, name: &str) -> Result<LogicalPlan, DataFusionError> {
    let rows = MemTable::try_new(table.rows.schema(), vec![vec![table.rows.clone()]])?;
    let name = format!("{TABLE} {}", name.replace('"', ""));
    LogicalPlanBuilder::scan(
        TableReference::bare(name),
        provider_as_source(Arc::new(rows)),
        None,
    )?
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_table_follows() {
        assert_eq!(
            table_of(" cat path://\"/Library/a b\" "),
            Some("path://\"/Library/a b\"")
        );
        assert_eq!(table_of("CAT shared/a"), Some("shared/a"));
        assert_eq!(table_of("cat dog"), None);
        assert_eq!(table_of("cat /etc/passwd"), None);
        assert_eq!(table_of("cat shared/a and b"), None);
        assert_eq!(table_of("category=path://a"), None);
    }
}

//! `save`: writes the rows into a lookup table.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use storage::LookupWrite;

use super::Entry;
use super::lookup::table_name;
use crate::descriptor::{Descriptor, UnitKind};
use crate::lookups::LookupTables;
use crate::plan::planner::{Planner, Typed, column};
use crate::plan::stage::{Gathered, Input, Running, Step, Table};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::{QueryError, Result};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "save",
        kind: UnitKind::Operator,
        syntax: "save [append] <table>",
        summary: "Writes the rows into a lookup table, in place of those that it has; with `append` they are added, and a row with the same key is replaced. Stands at the end.",
        examples: &[
            "* | count by function | save path://\"/shared/calls\"",
            "error | first(region) as region by function | save append shared/failed",
        ],
    },
    apply,
);

#[derive(Debug)]
struct Save {
    table: String,
    mode: LookupWrite,
    columns: Vec<String>,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    let mode = match tokens.word("append") {
        true => LookupWrite::Merge,
        false => LookupWrite::Replace,
    };
    let (table, place) = table_name(tokens, planner)?;
    if storage::lookup_place(&table).is_none() || is_given(&table) {
        let message = format!("`{table}` is no table that can be written");
        return Err(
            Diagnostic::error(place, message).expecting("a name such as `shared/functions`")
        );
    }
    if planner.stage + 1 != planner.pipeline.stages.len() || planner.pipeline.is_subquery {
        return Err(Diagnostic::error(at, "`save` stands at the end of a query"));
    }
    if planner.fields.is_empty() && !planner.is_open {
        let message = "there is nothing to save: no stage has made a field";
        return Err(Diagnostic::error(at, message).expecting("`fields` and their names before it"));
    }
    let fields = planner.fields.iter();
    let values = fields
        .map(|field| Typed::new(column(&field.column), field.field_type).text())
        .collect();
    let columns = planner.fields.iter().map(|field| field.name.clone());
    let step = Save {
        table,
        mode,
        columns: columns.collect(),
    };
    planner.end_stage(values, step);
    Ok(())
}

/// Whether the table comes from elsewhere.
fn is_given(table: &str) -> bool {
    table.contains("://") && !table.starts_with("path://")
}

impl Step for Save {
    fn gather<'a>(&'a self, input: &'a Input, running: &'a Running<'a>) -> Gathered<'a> {
        Box::pin(async move {
            let config = running.session.copied_config();
            let Some(tables) = config.get_extension::<LookupTables>() else {
                return Ok(Vec::new());
            };
            let columns = self.columns.iter();
            let columns: Vec<Field> = columns
                .map(|name| Field::new(name, DataType::Utf8, true))
                .collect();
            let values = input.arguments.iter();
            let values: Vec<ArrayRef> = values
                .map(|values| cast(values, &DataType::Utf8))
                .collect::<std::result::Result<_, _>>()?;
            let rows = RecordBatch::try_new(Arc::new(Schema::new(columns)), values)?;
            let (lookups, table, mode) = (tables.lookups().clone(), self.table.clone(), self.mode);
            let written = tokio::task::spawn_blocking(move || lookups.write(&table, &rows, mode));
            match written.await {
                Ok(Ok(_)) => Ok(Vec::new()),
                Ok(Err(error)) => Err(QueryError::Step(error.to_string())),
                Err(error) => Err(QueryError::Step(format!("`save` failed inside: {error}"))),
            }
        })
    }

    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        Ok(input.table)
    }
}

//! `logreduce`: finds the patterns of which messages are made, and counts them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringViewArray, UInt32Array};
use datafusion::arrow::compute::take;

use super::{Entry, patterns};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::expression;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "logreduce",
        kind: UnitKind::Operator,
        syntax: "logreduce [(<field>) | field=<field>] [by <field>, …]",
        summary: "Finds the patterns of which messages are made, with `*` for what differs, and counts how often each occurs.",
        examples: &[
            "error | logreduce",
            "* | timeslice 1h | logreduce by _timeslice",
        ],
    },
    apply,
)
.or(&["summarize"]);

#[derive(Debug)]
struct LogReduce {
    keys: Vec<(String, FieldType)>,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    let mut value = None;
    if tokens.symbol("(") {
        value = Some(expression::parse(tokens)?);
        tokens.expect_symbol(")")?;
    }
    let field = tokens.field_option()?;
    let names: Vec<Name> = match tokens.word("by") {
        true => tokens.names()?,
        false => Vec::new(),
    };
    let text = match (value, field) {
        (Some(value), _) => planner.lower(&value),
        (None, Some(name)) => planner.resolve(&name.text, &name.span),
        (None, None) if planner.kind == ResultKind::Messages => planner.resolve("_raw", &at),
        _ => {
            return Err(
                Diagnostic::error(at, "there are no messages after the aggregation")
                    .expecting("`logreduce(<field>)`"),
            );
        }
    };
    let mut arguments = vec![text.text()];
    let mut keys = Vec::new();
    for name in names {
        let key = planner.resolve(&name.text, &name.span);
        keys.push((name.text, key.field_type));
        arguments.push(key.expr);
    }
    planner.end_stage(arguments, LogReduce { keys });
    Ok(())
}

impl Step for LogReduce {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let texts = input.texts(0)?;
        let groups = input.groups(1)?;
        let mut mined = patterns::Patterns::default();
        // How often each pattern occurs in each group.
        let mut counts: HashMap<(usize, usize), i64> = HashMap::new();
        for (row, group) in groups.of_row.iter().enumerate() {
            if texts.is_valid(row) {
                let pattern = mined.add(texts.value(row));
                *counts.entry((*group, pattern)).or_default() += 1;
            }
        }
        let mut found: Vec<((usize, usize), i64)> = counts.into_iter().collect();
        found.sort_by_key(|((group, pattern), count)| (-count, *group, *pattern));
        let rows: UInt32Array = found
            .iter()
            .map(|((group, _), _)| groups.rows[*group][0])
            .collect();
        let mut made: Vec<(ResultField, ArrayRef)> = Vec::new();
        for ((name, field_type), key) in self.keys.iter().zip(&input.arguments[1..]) {
            let key = take(key, &rows, None)?;
            made.push((ResultField::key(name, *field_type), key));
        }
        let ids = found.iter().map(|((_, pattern), _)| mined.id(*pattern));
        let ids = Arc::new(StringViewArray::from_iter_values(ids));
        made.push((ResultField::key("_cluster_id", FieldType::String), ids));
        let signatures = found
            .iter()
            .map(|((_, pattern), _)| mined.signature(*pattern));
        let signatures = Arc::new(StringViewArray::from_iter_values(signatures));
        made.push((
            ResultField::key("_signature", FieldType::String),
            signatures,
        ));
        let counts: Int64Array = found.iter().map(|(_, count)| *count).collect();
        made.push((
            ResultField::measure("_count", FieldType::Long),
            Arc::new(counts),
        ));
        let mut table = Table::records(made, found.len())?;
        table.warnings = input.table.warnings;
        if mined.is_full() {
            table.warnings.push(format!(
                "there are more than {} patterns; rare ones are counted as one",
                patterns::PATTERNS_MAX
            ));
        }
        Ok(table)
    }
}

//! `filter`: keeps the rows whose field is in the result of another pipeline over the same rows.

use std::collections::HashSet;

use datafusion::arrow::array::Array;

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::pipeline::Pipeline;
use crate::plan::planner::Planner;
use crate::plan::stage::{Gathered, Input, Running, Step, Table, texts};
use crate::syntax::pipeline::cut_inner;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::{QueryError, Result};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "filter",
        kind: UnitKind::Operator,
        syntax: "filter <field> in (<pipeline>)",
        summary: "Keeps the rows whose field has a value that the pipeline, asked of the same rows, lets through.",
        examples: &[
            "* | timeslice 5m | count by _timeslice, function | filter function in (sum(_count) by function | topk(5, _sum))",
        ],
    },
    apply,
);

#[derive(Debug)]
struct Filter {
    name: String,
    pipeline: Pipeline,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let name = tokens.name()?;
    if !tokens.word("in") {
        return Err(tokens.unexpected("`in` and a pipeline in parentheses"));
    }
    let inside = tokens.parentheses()?;
    let value = planner.resolve(&name.text, &name.span).text();
    let stages = cut_inner(&planner.pipeline.text, inside, false);
    let pipeline = planner.pipeline.inner(stages);
    let mut fork = planner.fork(&name.span)?;
    fork.pipeline = &pipeline;
    if let Err(found) = pipeline.plan_stages(fork, 0) {
        planner.diagnostics.extend(found);
    }
    let step = Filter {
        name: name.text,
        pipeline,
    };
    planner.end_stage(vec![value], step);
    Ok(())
}

impl Step for Filter {
    fn gather<'a>(&'a self, input: &'a Input, running: &'a Running<'a>) -> Gathered<'a> {
        Box::pin(async move {
            let planner = Planner::over(&input.table, &self.pipeline, running.session)?;
            let planned = self
                .pipeline
                .plan_stages(planner, 0)
                .map_err(QueryError::Invalid)?;
            let output = Box::pin(planned.execute(&running.in_order())).await?;
            Ok(vec![Table::of_output(output)?])
        })
    }

    fn apply(&self, input: Input, gathered: Vec<Table>) -> Result<Table> {
        let mut known: HashSet<Option<String>> = HashSet::new();
        for table in &gathered {
            let values = table.named(&self.name).map(texts).transpose()?;
            for value in values.iter().flat_map(|values| values.iter()) {
                known.insert(value.map(str::to_owned));
            }
        }
        let values = input.texts(0)?;
        let is_known = |row: &u32| {
            let value = values
                .is_valid(*row as usize)
                .then(|| values.value(*row as usize).to_owned());
            known.contains(&value)
        };
        let kept = (0..values.len() as u32).filter(is_known).collect();
        input.table.take(kept)
    }
}

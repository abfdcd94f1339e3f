//! `logcompare`: the patterns of messages, now and at another time.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringViewArray};

use super::patterns::Patterns;
use super::{Entry, sequence};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{Gathered, Input, Running, Step, Table, texts};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "logcompare",
        kind: UnitKind::Operator,
        syntax: "logcompare timeshift <duration>",
        summary: "Finds the patterns of messages as `logreduce` does, and counts them now and earlier; what changed most stands first.",
        examples: &["error | logcompare timeshift 24h"],
    },
    apply,
);

#[derive(Debug)]
struct LogCompare {
    distance_ms: i64,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Records {
        return Err(
            Diagnostic::error(at, "there are no messages after the aggregation")
                .expecting("`logcompare` before it"),
        );
    }
    if !tokens.word("timeshift") {
        return Err(tokens.unexpected("`timeshift` and a duration such as `24h`"));
    }
    // Both directions mean "earlier".
    tokens.symbol("-");
    let step = LogCompare {
        distance_ms: sequence::duration_ms(tokens)?,
    };
    let text = planner.resolve("_raw", &at).text();
    planner.end_stage(vec![text], step);
    Ok(())
}

impl Step for LogCompare {
    fn gather<'a>(&'a self, _: &'a Input, running: &'a Running<'a>) -> Gathered<'a> {
        Box::pin(async move { Ok(vec![running.earlier(self.distance_ms).await?]) })
    }

    fn apply(&self, input: Input, gathered: Vec<Table>) -> Result<Table> {
        let mut mined = Patterns::default();
        let mut counts: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
        let now = input.texts(0)?;
        for text in now.iter().flatten() {
            counts.entry(mined.add(text)).or_default().0 += 1;
        }
        for table in &gathered {
            let earlier = table
                .rows
                .column_by_name("message")
                .map(texts)
                .transpose()?;
            for text in earlier.iter().flat_map(|texts| texts.iter().flatten()) {
                counts.entry(mined.add(text)).or_default().1 += 1;
            }
        }
        let mut found: Vec<(usize, i64, i64)> = counts
            .into_iter()
            .map(|(pattern, (now, before))| (pattern, now, before))
            .collect();
        found.sort_by_key(|(pattern, now, before)| (-(now - before).abs(), *pattern));
        #[allow(clippy::cast_precision_loss, reason = "a percentage")]
        let changes = found.iter().map(|(_, now, before)| {
            (*before > 0).then(|| 100.0 * (now - before) as f64 / *before as f64)
        });
        let changes: Float64Array = changes.collect();
        let text = |of: &dyn Fn(usize) -> String| {
            let texts = found.iter().map(|(pattern, _, _)| of(*pattern));
            Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef
        };
        let whole = |of: fn(&(usize, i64, i64)) -> i64| {
            Arc::new(found.iter().map(of).collect::<Int64Array>()) as ArrayRef
        };
        let columns = vec![
            (
                ResultField::key("_cluster_id", FieldType::String),
                text(&|pattern| mined.id(pattern)),
            ),
            (
                ResultField::key("_signature", FieldType::String),
                text(&|pattern| mined.signature(pattern)),
            ),
            (
                ResultField::measure("_count", FieldType::Long),
                whole(|row| row.1),
            ),
            (
                ResultField::measure("_count_before", FieldType::Long),
                whole(|row| row.2),
            ),
            (
                ResultField::measure("_deltapercentage", FieldType::Double),
                Arc::new(changes) as ArrayRef,
            ),
        ];
        let mut table = Table::records(columns, found.len())?;
        table.warnings = input.table.warnings;
        Ok(table)
    }
}

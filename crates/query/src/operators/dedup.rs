//! `dedup`: of rows that are alike, keeps the first.

use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt as _, lit};

use super::{Entry, sequence};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::plan::{ResultKind, planner::column};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "dedup",
        kind: UnitKind::Operator,
        syntax: "dedup [consecutive] [<n>] [by <field>, …]",
        summary: "Of rows with the same values keeps the first, or the first n; of events the newest.",
        examples: &[
            "* | dedup by function",
            "* | count by function, level | sort by _count | dedup 2 by level",
        ],
    },
    apply,
);

/// The column that counts rows that are alike.
const PLACE: &str = "(place)";

#[derive(Debug)]
struct Dedup {
    rows: usize,
    /// Whether only rows that follow each other count as alike.
    is_consecutive: bool,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let is_consecutive = tokens.word("consecutive");
    let at = tokens.span();
    let rows = match tokens.peek() {
        Some(TokenKind::Number { .. }) => tokens.count()?,
        _ => 1,
    };
    if rows == 0 {
        return Err(Diagnostic::error(at, "`dedup` keeps at least one row"));
    }
    let is_named = tokens.word("by") || !tokens.is_done();
    let keys = if is_named {
        sequence::keys(tokens, planner)?
    } else if planner.kind == ResultKind::Messages {
        vec![column("message")]
    } else {
        planner
            .fields
            .iter()
            .map(|field| column(&field.column))
            .collect()
    };
    let is_stream = planner.kind == ResultKind::Messages && !planner.is_sorted && !is_consecutive;
    if is_stream {
        return keep_newest(planner, keys, rows).map_err(|message| Diagnostic::error(at, message));
    }
    let step = Dedup {
        rows,
        is_consecutive,
    };
    planner.end_stage(keys, step);
    Ok(())
}

/// Events that nobody has put in order need not be collected.
fn keep_newest(
    planner: &mut Planner<'_>,
    keys: Vec<Expr>,
    rows: usize,
) -> std::result::Result<(), String> {
    let place = row_number()
        .partition_by(keys)
        .order_by(vec![column("event_time").sort(false, false)])
        .build()
        .map_err(|error| error.strip_backtrace())?;
    planner.rank(place, PLACE)?;
    planner.filter(column(PLACE).lt_eq(lit(rows as u64)));
    planner.assign(Vec::new());
    Ok(())
}

impl Step for Dedup {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let groups = input.groups(0)?;
        let mut counts = vec![0_usize; groups.rows.len()];
        let mut before = None;
        let mut kept = Vec::new();
        for (row, group) in groups.of_row.iter().enumerate() {
            if self.is_consecutive && before != Some(*group) {
                counts[*group] = 0;
            }
            counts[*group] += 1;
            before = Some(*group);
            if counts[*group] <= self.rows {
                kept.push(row as u32);
            }
        }
        input.table.take(kept)
    }
}

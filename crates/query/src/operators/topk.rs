//! `topk`: the best rows of each group, with their rank.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{ExprFunctionExt as _, cast, lit};

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, column};
use crate::syntax::Diagnostic;
use crate::syntax::expression;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "topk",
        kind: UnitKind::Operator,
        syntax: "topk(<n>, <field>, …) [by <field>, …]",
        summary: "Keeps the n rows with the largest values, in each group if there are any, and adds their `_rank`.",
        examples: &["* | count by function, level | topk(3, _count) by level"],
    },
    apply,
);

const RANK: &str = "_rank";
/// The column that counts, before it has a name in the query.
const PLACE: &str = "(place)";

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    tokens.expect_symbol("(")?;
    let rows = tokens.count()?;
    let mut order = Vec::new();
    while tokens.symbol(",") {
        let value = expression::parse(tokens)?;
        order.push(planner.lower(&value).expr.sort(false, false));
    }
    tokens.expect_symbol(")")?;
    if order.is_empty() {
        return Err(Diagnostic::error(at, "`topk` needs a field to rank by")
            .expecting("for example `topk(10, _count)`"));
    }
    let names = match tokens.word("by") {
        true => tokens.names()?,
        false => Vec::new(),
    };
    let order = planner.by_columns(order, false);
    let keys: Vec<_> = names
        .iter()
        .map(|name| planner.resolve(&name.text, &name.span).expr)
        .collect();
    let rank = match order.is_empty() {
        true => row_number().partition_by(keys.clone()),
        false => row_number().order_by(order).partition_by(keys.clone()),
    };
    let rank = rank.build();
    let rank = rank.map_err(|error| Diagnostic::error(at.clone(), error.strip_backtrace()))?;
    let ranked = planner.rank(rank, PLACE);
    ranked.map_err(|message| Diagnostic::error(at.clone(), message))?;
    planner.filter(column(PLACE).lt_eq(lit(rows as u64)));
    let rank = Typed::new(cast(column(PLACE), DataType::Int64), FieldType::Long);
    let name = Name {
        text: RANK.to_owned(),
        span: at,
    };
    planner.assign(vec![(name, rank)]);
    let ranks = column(RANK).sort(true, false);
    let keys = keys.into_iter().map(|key| key.sort(true, false));
    planner.sort(keys.chain([ranks]).collect());
    Ok(())
}

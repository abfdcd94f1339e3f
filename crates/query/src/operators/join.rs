//! `join`: brings together what two pipelines make of the same rows.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType};
use datafusion::functions::math::abs;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::{Planner, column};
use crate::plan::relation::check_reads;
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::pipeline::cut_inner;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "join",
        kind: UnitKind::Operator,
        syntax: "join (<pipeline>) as <name>, (<pipeline>) as <name> on <name>.<field> = <name>.<field> [and …] [timewindow <duration>]",
        summary: "Brings together the rows of two pipelines with equal fields; they are called `<name>_<field>` afterwards.",
        examples: &[
            "* | join (parse \"login *\" as user) as a, (parse \"logout *\" as user) as b on a.user = b.user",
        ],
    },
    apply,
);

/// One of the two pipelines.
struct Side<'a> {
    name: Name,
    planner: Planner<'a>,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let left = side(tokens, planner)?;
    tokens.expect_symbol(",")?;
    let right = side(tokens, planner)?;
    if left.name.text.eq_ignore_ascii_case(&right.name.text) {
        let message = format!("both sides are called `{}`", left.name.text);
        return Err(Diagnostic::error(right.name.span, message).expecting("two names"));
    }
    if !tokens.word("on") {
        return Err(tokens.unexpected("`on` and the fields that must be equal"));
    }
    let mut sides = [left, right];
    let mut keys = Vec::new();
    loop {
        keys.push(equality(tokens, &mut sides)?);
        if !(tokens.word("and") || tokens.symbol(",") || tokens.symbol("&&")) {
            break;
        }
    }
    let at = tokens.span();
    let window_ms = tokens
        .word("timewindow")
        .then(|| sequence::duration_ms(tokens));
    let window_ms = window_ms.transpose()?;
    let are_events = sides
        .iter()
        .all(|side| side.planner.kind == ResultKind::Messages);
    if window_ms.is_some() && !are_events {
        return Err(Diagnostic::error(
            at,
            "`timewindow` needs events on both sides",
        ));
    }
    let [mut left, mut right] = sides;
    planner.diagnostics.append(&mut left.planner.diagnostics);
    planner.diagnostics.append(&mut right.planner.diagnostics);
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = keys.into_iter().unzip();
    let (left_plan, mut fields) = left.finish(left_keys, window_ms.is_some(), planner);
    let (right_plan, right_fields) = right.finish(right_keys, window_ms.is_some(), planner);
    check_reads(&left_plan, &right_plan)
        .map_err(|problem| Diagnostic::error(at.clone(), problem))?;
    fields.extend(right_fields);
    planner.is_open |= left.planner.is_open || right.planner.is_open;
    connect(
        planner,
        left_plan,
        right_plan,
        (&left.name, &right.name),
        window_ms,
    );
    planner.replace_fields(fields);
    Ok(())
}

/// Reads and plans `(<pipeline>) as <name>`.
fn side<'a>(tokens: &mut Tokens, planner: &mut Planner<'a>) -> Parsed<Side<'a>> {
    let inside = tokens.parentheses()?;
    let Some(name) = tokens.alias()? else {
        return Err(tokens.unexpected("`as` and a name for this side"));
    };
    let mut fork = planner.fork(&inside)?;
    for range in cut_inner(&planner.pipeline.text, inside, false) {
        planner.pipeline.apply(&mut fork, planner.stage, &range);
        if fork.has_ended() {
            let message = "an operator that needs all rows cannot stand inside `join`";
            return Err(Diagnostic::error(range, message));
        }
    }
    planner.take_subqueries(&fork);
    Ok(Side {
        name,
        planner: fork,
    })
}

/// `a.x = b.y`, in either order: the key of the left side and of the right one.
fn equality(tokens: &mut Tokens, sides: &mut [Side<'_>; 2]) -> Parsed<(Expr, Expr)> {
    let (first, first_key) = key(tokens, sides)?;
    if !(tokens.symbol("=") || tokens.symbol("==")) {
        return Err(tokens.unexpected("`=`"));
    }
    let at = tokens.span();
    let (second, second_key) = key(tokens, sides)?;
    match (first, second) {
        (0, 1) => Ok((first_key, second_key)),
        (1, 0) => Ok((second_key, first_key)),
        _ => Err(Diagnostic::error(
            at,
            "a field of the other side must stand here",
        )),
    }
}

/// `a.x`: which side it is about, and the field as text.
fn key(tokens: &mut Tokens, sides: &mut [Side<'_>; 2]) -> Parsed<(usize, Expr)> {
    let name = tokens.name()?;
    for (place, side) in sides.iter_mut().enumerate() {
        let prefix = format!("{}.", side.name.text);
        let matches = name.text.get(..prefix.len());
        if matches.is_some_and(|start| start.eq_ignore_ascii_case(&prefix)) {
            let field = name.text.get(prefix.len()..).unwrap_or_default();
            let value = side.planner.resolve(field, &name.span).text();
            return Ok((place, cast(value, DataType::Utf8View)));
        }
    }
    let [left, right] = sides;
    let expected = format!(
        "`{}.<field>` or `{}.<field>`",
        left.name.text, right.name.text
    );
    Err(Diagnostic::error(name.span, "it is not said whose field this is").expecting(expected))
}

impl Side<'_> {
    /// The plan of this side, with its fields under their new names, then its keys and its time.
    fn finish(
        &self,
        keys: Vec<Expr>,
        has_time: bool,
        planner: &mut Planner<'_>,
    ) -> (LogicalPlan, Vec<ResultField>) {
        let side = &self.name.text;
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for field in &self.planner.fields {
            let name = format!("{side}_{}", field.name);
            columns.push(column(&field.column).alias(&name));
            fields.push(ResultField {
                column: name.clone(),
                name,
                ..field.clone()
            });
        }
        let name = format!("{side}__messagetime");
        let is_taken = fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(&name));
        if self.planner.kind == ResultKind::Messages && !is_taken {
            let nanos = cast(column("event_time"), DataType::Int64);
            columns.push((nanos / lit(1_000_000_i64)).alias(&name));
            fields.push(ResultField::measure(&name, FieldType::Long));
        }
        let keys = keys.into_iter().enumerate();
        columns.extend(keys.map(|(place, key)| key.alias(key_name(side, place))));
        if has_time {
            let time = cast(column("event_time"), DataType::Int64);
            columns.push(time.alias(time_name(side)));
        }
        let plan = LogicalPlanBuilder::from(self.planner.plan.clone());
        let plan = plan.project(columns).and_then(LogicalPlanBuilder::build);
        let plan = plan.unwrap_or_else(|error| {
            let message = format!("cannot plan this side: {}", error.strip_backtrace());
            planner
                .diagnostics
                .push(Diagnostic::error(self.name.span.clone(), message));
            self.planner.plan.clone()
        });
        (plan, fields)
    }
}

fn key_name(side: &str, place: usize) -> String {
    format!("({side} key {place})")
}

fn time_name(side: &str) -> String {
    format!("({side} time)")
}

fn connect(
    planner: &mut Planner<'_>,
    left: LogicalPlan,
    right: LogicalPlan,
    (left_name, right_name): (&Name, &Name),
    window_ms: Option<i64>,
) {
    let names = |plan: &LogicalPlan, side: &Name| -> Vec<Column> {
        (0..)
            .map(|place| key_name(&side.text, place))
            .take_while(|name| plan.schema().has_column_with_unqualified_name(name))
            .map(Column::from_name)
            .collect()
    };
    let keys = (names(&left, left_name), names(&right, right_name));
    let near = window_ms.map(|window_ms| {
        let time = |side: &Name| column(&time_name(&side.text));
        let distance = abs().call(vec![time(left_name) - time(right_name)]);
        distance.lt_eq(lit(window_ms.saturating_mul(1_000_000)))
    });
    planner.build(|_| LogicalPlanBuilder::from(left).join(right, JoinType::Inner, keys, near));
}

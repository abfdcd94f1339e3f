//! `timeslice`: puts each event into a time bucket.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "timeslice",
        kind: UnitKind::Operator,
        syntax: "timeslice [<duration> | <n> buckets] [as <field>]",
        summary: "Puts each event into a time bucket.",
        examples: &["* | timeslice 5m | count by _timeslice"],
    },
    apply,
)
.followed_by(&["as"]);

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{cast, lit};
use model::TimeRange;

use crate::functions::time::slice::{DAY_MS, WEEK_MS, slice};
use crate::plan::planner::{Typed, column};
use crate::plan::{FieldType, ResultField};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::{TokenKind, unit_factor};
use crate::syntax::tokens::Name;

const WIDTHS_MS: [i64; 16] = [
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
];

/// Where the slice of a row ends, if rows have slices. It is not a field of its own, for it would be a
/// column of every table.
pub(crate) fn end_of_slice(planner: &Planner<'_>) -> Option<Typed> {
    let width = planner.slice_ms?;
    let is_slice = |field: &&ResultField| field.name.eq_ignore_ascii_case("_timeslice");
    let start = column(&planner.fields.iter().find(is_slice)?.column);
    let start = cast(start, DataType::Int64);
    let end = if width < DAY_MS {
        start + lit(width)
    } else {
        // The day on which the clocks change is not as long as others: look from the middle of the next.
        let TimeRange { start: from, end } = planner.context.range;
        let range = TimeRange::new(from, end.saturating_add_millis(2 * WEEK_MS));
        let next = start + lit(width + width / 2);
        slice(next, width, &planner.context.time_zone, range)
    };
    Some(Typed::new(end, FieldType::Long))
}

/// `5 buckets` of a range, or `1 h` with a blank before the unit.
#[allow(clippy::cast_possible_truncation, reason = "a count or a duration")]
fn counted(tokens: &mut Tokens, value: f64, length_ms: i64) -> Option<i64> {
    if tokens.word("buckets") || tokens.word("bucket") {
        let wanted = length_ms / value as i64;
        let fitting = WIDTHS_MS.into_iter().find(|width| *width >= wanted);
        return Some(fitting.unwrap_or(WEEK_MS));
    }
    let Some(TokenKind::Word(unit)) = tokens.peek() else {
        return None;
    };
    let (factor, is_time) = unit_factor(unit)?;
    if is_time {
        tokens.next();
    }
    is_time.then_some((value * factor) as i64)
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    tokens.word("by");
    let range = planner.context.range;
    let length = (range.nanos() / 1_000_000).max(1);
    let span = tokens.span();
    let width = match tokens.peek().cloned() {
        Some(TokenKind::Number {
            value,
            is_time: true,
            ..
        }) if value >= 1.0 => {
            tokens.next();
            #[allow(
                clippy::cast_possible_truncation,
                reason = "a duration in milliseconds"
            )]
            let width = value as i64;
            width
        }
        Some(TokenKind::Number {
            value,
            is_time: false,
            ..
        }) if value >= 1.0 => {
            tokens.next();
            counted(tokens, value, length).ok_or_else(|| {
                Diagnostic::error(span.clone(), "a duration needs a unit")
                    .expecting("a duration such as `5m`, or `buckets`")
            })?
        }
        Some(TokenKind::Parameter(_)) => {
            tokens.next();
            60_000
        }
        None | Some(TokenKind::Word(_)) => length,
        _ => return Err(tokens.unexpected("a duration such as `5m`")),
    };
    planner.slice_ms = Some(width);
    let name = tokens.alias()?.unwrap_or(Name {
        text: "_timeslice".to_owned(),
        span,
    });
    let moment = planner.stored_moment(&name.span);
    let slice = slice(moment, width, &planner.context.time_zone, range);
    planner.assign(vec![(name, Typed::new(slice, FieldType::Long))]);
    Ok(())
}

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

use datafusion::logical_expr::{Expr, lit};
use jiff::tz::TimeZone;
use model::TimeRange;

use crate::functions::kernels::{Run, call};
use crate::plan::planner::Typed;
use crate::plan::{FieldType, QueryContext};
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

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;
/// 1970 began on a Thursday, weeks begin on Monday.
const MONDAY_MS: i64 = 4 * DAY_MS;

/// `timeslice(ms, width, shift, from, shift, …)`: the start of the bucket. The shifts are the zone's
/// distances from UTC, each but the first with the moment from which it counts.
const SLICE: Run = Run::Whole(|row| {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds are whole")]
    let mut numbers = row.iter().map(|number| number.map(|number| number as i64));
    let (millis, width, first) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let rest: Vec<i64> = numbers.flatten().collect();
    let shift_at = |millis: i64| {
        let later = rest.chunks_exact(2).rev().find(|pair| pair[0] <= millis);
        later.map_or(first, |pair| pair[1])
    };
    let shift = shift_at(millis);
    let phase = if width % WEEK_MS == 0 { MONDAY_MS } else { 0 };
    let local = (millis + shift - phase).div_euclid(width) * width + phase;
    // Within a day on which the clocks change, the bucket began by the other time.
    let start = local - shift;
    let start = if width >= DAY_MS {
        local - shift_at(start)
    } else {
        start
    };
    Some(start)
});

/// The shifts of a zone inside a range, as arguments of [`SLICE`].
fn shifts(zone: &TimeZone, range: TimeRange) -> Vec<Expr> {
    let moment = |millis| jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    let shift = |at: jiff::Timestamp| i64::from(zone.to_offset(at).seconds()) * 1_000;
    // A bucket may begin before the range does.
    let start = moment(range.start.millis().saturating_sub(WEEK_MS));
    let end = moment(range.end.millis());
    let mut arguments = vec![lit(shift(start))];
    for change in zone
        .following(start)
        .take_while(|change| change.timestamp() <= end)
    {
        let from = change.timestamp();
        arguments.extend([lit(from.as_millisecond()), lit(shift(from))]);
        if arguments.len() > CHANGES_MAX {
            break;
        }
    }
    arguments
}

/// Changes of the clocks in one range that are looked at: fifty years.
const CHANGES_MAX: usize = 200;

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

/// Where the slice begins in which a moment lies, in milliseconds.
pub(super) fn start_of_slice(context: &QueryContext, width_ms: i64, moment_ms: i64) -> i64 {
    let moment = jiff::Timestamp::from_millisecond(moment_ms).unwrap_or_default();
    let shift = i64::from(context.time_zone.to_offset(moment).seconds()) * 1_000;
    let phase = if width_ms % WEEK_MS == 0 {
        MONDAY_MS
    } else {
        0
    };
    (moment_ms + shift - phase).div_euclid(width_ms) * width_ms + phase - shift
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
    let moment = planner.resolve("_messagetime", &name.span).expr;
    let mut arguments = vec![moment, lit(width)];
    arguments.extend(shifts(&planner.context.time_zone, range));
    let slice = call("timeslice", SLICE, arguments);
    planner.assign(vec![(name, Typed::new(slice, FieldType::Long))]);
    Ok(())
}

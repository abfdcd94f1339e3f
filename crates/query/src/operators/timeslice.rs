//! `timeslice`: puts each event into a time bucket.

use crate::descriptor::{Descriptor, UnitKind};
use crate::operators::Entry;
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "timeslice",
        kind: UnitKind::Operator,
        syntax: "timeslice [<duration> | <n> buckets] [as <field>]",
        summary: "Puts each event into a time bucket.",
        examples: &["* | timeslice 5m | count by _timeslice"],
    },
    apply,
};

use datafusion::logical_expr::lit;

use crate::functions::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::Typed;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
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

/// `timeslice(ms, width, shift)`: the start of the bucket; `shift` is the zone's distance from UTC.
const SLICE: Run = Run::Whole(|row| {
    let [Some(millis), Some(width), Some(shift)] = row else {
        return None;
    };
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds are whole")]
    Some((((millis + shift) / width).floor() * width - shift) as i64)
});

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
            if !(tokens.word("buckets") || tokens.word("bucket")) {
                return Err(Diagnostic::error(span, "a duration needs a unit")
                    .expecting("a duration such as `5m`, or `buckets`"));
            }
            #[allow(clippy::cast_possible_truncation, reason = "a count of buckets")]
            let wanted = length / value as i64;
            WIDTHS_MS
                .into_iter()
                .find(|width| *width >= wanted)
                .unwrap_or(604_800_000)
        }
        Some(TokenKind::Parameter(_)) => {
            tokens.next();
            60_000
        }
        None | Some(TokenKind::Word(_)) => length,
        _ => return Err(tokens.unexpected("a duration such as `5m`")),
    };
    let name = tokens.alias()?.unwrap_or(Name {
        text: "_timeslice".to_owned(),
        span,
    });
    let start = jiff::Timestamp::from_millisecond(range.start.millis()).unwrap_or_default();
    let shift = i64::from(planner.context.time_zone.to_offset(start).seconds()) * 1000;
    let moment = planner.resolve("_messagetime", &name.span).expr;
    let slice = call("timeslice", SLICE, vec![moment, lit(width), lit(shift)]);
    planner.assign(vec![(name, Typed::new(slice, FieldType::Long))]);
    Ok(())
}

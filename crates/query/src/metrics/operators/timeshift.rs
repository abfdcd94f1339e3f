//! `timeshift`: shows what was so long ago. Dashboards write `1d` and `-1d` for the same, so the sign does
//! not matter.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::SeriesSet;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "timeshift",
        kind: UnitKind::Operator,
        syntax: "timeshift <duration>",
        summary: "Shows what was so long ago; the sign does not matter.",
        examples: &["metric=Errors | sum | timeshift 1d"],
    },
    read,
};

#[derive(Debug)]
struct Timeshift {
    shift_ms: i64,
}

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let _is_negative = tokens.symbol("-") || tokens.symbol("+");
    let shift_ms = duration_ms(&mut tokens)?;
    tokens.finish()?;
    Ok(Box::new(Timeshift { shift_ms }))
}

impl Operator for Timeshift {
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        input.grid.start_ms = input.grid.start_ms.saturating_add(self.shift_ms);
        input
    }

    fn shift_ms(&self) -> i64 {
        self.shift_ms
    }
}

/// A duration such as `5m`, in milliseconds, at least one. A parameter without a value is one
/// minute.
pub(super) fn duration_ms(tokens: &mut Tokens) -> Parsed<i64> {
    match tokens.peek() {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a duration in milliseconds; saturates"
        )]
        Some(TokenKind::Number {
            value,
            is_time: true,
            ..
        }) if *value >= 1.0 => {
            let millis = *value as i64;
            tokens.next();
            Ok(millis)
        }
        Some(TokenKind::Parameter(_)) => {
            tokens.next();
            Ok(60_000)
        }
        _ => Err(tokens.unexpected("a duration such as `5m`")),
    }
}

//! `<expression> as <field>`: gives a name to a value.

use crate::plan::planner::Planner;
use crate::syntax::expression::{self, Kind};
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// Reads and plans the stage.
pub(super) fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let value = expression::parse(tokens)?;
    let name = match tokens.alias()? {
        Some(name) => name,
        None => target(&value).ok_or_else(|| tokens.unexpected("`as` and a field name"))?,
    };
    tokens.finish()?;
    let value = planner.lower(&value);
    planner.assign(vec![(name, value)]);
    Ok(())
}

/// A function of a field without a name changes the field in place, also inside other functions:
/// `formatDate(toLong(start))` changes `start`.
fn target(value: &expression::Expression) -> Option<Name> {
    let Kind::Call(_, arguments) = &value.kind else {
        return None;
    };
    let argument = arguments.first()?;
    match &argument.kind {
        Kind::Field(name) => Some(Name {
            text: name.clone(),
            span: argument.span.clone(),
        }),
        _ => target(argument),
    }
}

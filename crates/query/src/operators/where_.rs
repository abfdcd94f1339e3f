//! `where`: keeps the rows for which a condition is true.

use super::{Entry, INFIX};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "where",
        kind: UnitKind::Operator,
        syntax: "where <condition>",
        summary: "Keeps the rows for which a condition is true; null counts as not true.",
        examples: &["* | where level = \"ERROR\""],
    },
    apply,
)
.followed_by(&INFIX);

use datafusion::logical_expr::Expr;

use crate::functions::json::path::MAY_HOLD;
use crate::functions::kernels::call;
use crate::functions::text::CONTAINS;
use crate::plan::planner::text_literal;
use crate::plan::traces::Origin;
use crate::syntax::expression::{self, Expression, Kind, Operation};

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let condition = expression::parse(tokens)?;
    let mut implied = Vec::new();
    imply(planner, &condition, &mut implied);
    for implied in implied {
        planner.filter(implied);
    }
    let condition = planner.lower(&condition).condition();
    planner.filter(condition);
    Ok(())
}

/// What a condition on parsed fields says about the text that they were parsed from: a field that is
/// `ERROR` was taken from a text that holds `ERROR`. Such a condition is cheap, sinks below the
/// parsing, and the scan can answer it from its index.
fn imply(planner: &Planner<'_>, condition: &Expression, implied: &mut Vec<Expr>) {
    let (field, literal) = match &condition.kind {
        Kind::Binary(Operation::And, left, right) => {
            imply(planner, left, implied);
            imply(planner, right, implied);
            return;
        }
        Kind::Binary(Operation::Equal, left, right) => match (&left.kind, &right.kind) {
            (Kind::Field(field), Kind::Text(text)) | (Kind::Text(text), Kind::Field(field)) => {
                (field, text.as_str())
            }
            _ => return,
        },
        Kind::Binary(Operation::Matches, left, right) => match (&left.kind, &right.kind) {
            (Kind::Field(field), Kind::Text(glob)) => {
                let pieces = glob.split('*');
                (
                    field,
                    pieces.max_by_key(|piece| piece.len()).unwrap_or_default(),
                )
            }
            _ => return,
        },
        Kind::Call(name, arguments) if name == "contains" => match arguments.as_slice() {
            [text, part] => match (&text.kind, &part.kind) {
                (Kind::Field(field), Kind::Text(part)) => (field, part.as_str()),
                _ => return,
            },
            _ => return,
        },
        _ => return,
    };
    if literal.is_empty() {
        return;
    }
    if let Some((origin, source)) = planner.origin(field) {
        let arguments = vec![source, text_literal(literal)];
        implied.push(match origin {
            Origin::AsWritten => call("text_contains", CONTAINS, arguments),
            Origin::Json => call("json_may_hold", MAY_HOLD, arguments),
        });
    }
}

//! The scope of a query becomes a condition on events.

use datafusion::logical_expr::{Expr, lit, not};

use super::planner::{Planner, Typed, column, text_literal};
use super::{FieldType, lower};
use crate::functions::kernels::call;
use crate::functions::text_search;
use crate::syntax::scope::Scope;

/// Lowers the scope to a condition.
pub(super) fn condition(planner: &mut Planner<'_>, scope: &Scope) -> Expr {
    match scope {
        Scope::All => lit(true),
        Scope::Text(phrase) => {
            let pattern = text_literal(&text_search::phrase_pattern(phrase));
            call(
                "text_match",
                text_search::MATCH,
                vec![pattern, column("message")],
            )
        }
        Scope::Field {
            name,
            span,
            value,
            is_negated,
        } => {
            let field = planner.resolve(name, span).text();
            let found = if value == "*" {
                field
                    .clone()
                    .is_not_null()
                    .and(field.not_eq(text_literal("")))
            } else {
                let pattern = text_literal(&text_search::value_pattern(value));
                let matched = call("text_match", text_search::MATCH, vec![pattern, field]);
                datafusion::prelude::coalesce(vec![matched, lit(false)])
            };
            if *is_negated { not(found) } else { found }
        }
        Scope::Compare {
            name,
            span,
            operation,
            value,
        } => {
            let field = planner.resolve(name, span);
            let value = match value.parse() {
                Ok(number) => lower::number(number),
                Err(_) => Typed::new(text_literal(value), FieldType::String),
            };
            let found = lower::compare(*operation, &field, &value);
            datafusion::prelude::coalesce(vec![found, lit(false)])
        }
        Scope::Subquery(span) => planner.subquery(span, true),
        Scope::Not(inner) => not(condition(planner, inner)),
        Scope::And(parts) => joined(planner, parts, Expr::and),
        Scope::Or(parts) => joined(planner, parts, Expr::or),
    }
}

/// Joins the conditions of `parts` to a shallow tree: whoever walks it must not run out of stack.
fn joined(planner: &mut Planner<'_>, parts: &[Scope], join: fn(Expr, Expr) -> Expr) -> Expr {
    match parts {
        [] => lit(true),
        [one] => condition(planner, one),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            let left = joined(planner, left, join);
            join(left, joined(planner, right, join))
        }
    }
}

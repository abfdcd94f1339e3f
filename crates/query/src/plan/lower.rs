//! Expressions of the query language become expressions of DataFusion.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, cast, lit, not};

use super::FieldType;
use super::planner::{Planner, Typed, null_text, text_literal};
use crate::functions::casts;
use crate::functions::java_pattern::translate;
use crate::functions::kernels::call;
use crate::functions::matcher::Matcher;
use crate::functions::text_search;
use crate::syntax::Diagnostic;
use crate::syntax::expression::{Expression, Kind, Operation};

impl Planner<'_> {
    /// Lowers an expression; mistakes are reported and stand as null.
    pub(crate) fn lower(&mut self, expression: &Expression) -> Typed {
        match &expression.kind {
            Kind::Number(value) => number(*value),
            Kind::Text(text) => Typed::new(text_literal(text), FieldType::String),
            Kind::Boolean(value) => Typed::new(lit(*value), FieldType::Boolean),
            Kind::Null => null_text(),
            Kind::Field(name) => self.resolve(name, &expression.span),
            Kind::Pattern(_) => {
                self.report(
                    expression,
                    "a pattern can only stand after `matches` or in `replace`",
                );
                null_text()
            }
            Kind::Not(inner) => Typed::new(not(self.lower(inner).condition()), FieldType::Boolean),
            Kind::Negative(inner) => match &inner.kind {
                Kind::Number(value) => number(-value),
                // Not `Expr::Negative`: DataFusion 55 refuses its own plan for an order by one over a
                // key of a grouping (SanityCheckPlan).
                _ => Typed::new(lit(0.0) - self.lower(inner).number(), FieldType::Double),
            },
            Kind::In {
                value,
                options,
                is_negated,
            } => self.lower_in(value, options, *is_negated),
            Kind::Binary(operation, left, right) => self.lower_binary(*operation, left, right),
            Kind::Subquery => {
                Typed::new(self.subquery(&expression.span, false), FieldType::Boolean)
            }
            Kind::Call(name, arguments) if name == "lookupcontains" => {
                crate::operators::lookup::contains(self, arguments, &expression.span)
            }
            Kind::Call(name, arguments) => {
                crate::functions::lower(self, name, arguments, &expression.span)
            }
        }
    }

    pub(crate) fn report(&mut self, at: &Expression, message: impl Into<String>) {
        self.diagnostics
            .push(Diagnostic::error(at.span.clone(), message));
    }

    fn lower_in(&mut self, value: &Expression, options: &[Expression], is_negated: bool) -> Typed {
        let value = self.lower(value);
        for option in options {
            self.warn_of_bare_word(option);
        }
        let options: Vec<Typed> = options.iter().map(|option| self.lower(option)).collect();
        let expr = if value.is_number() {
            value
                .number()
                .in_list(options.iter().map(Typed::number).collect(), is_negated)
        } else {
            value
                .text()
                .in_list(options.iter().map(Typed::text).collect(), is_negated)
        };
        Typed::new(expr, FieldType::Boolean)
    }

    fn lower_binary(
        &mut self,
        operation: Operation,
        left: &Expression,
        right: &Expression,
    ) -> Typed {
        if operation == Operation::Matches {
            return self.lower_matches(left, right);
        }
        let (a, b) = (self.lower(left), self.lower(right));
        let expr = match operation {
            Operation::Or => a.condition().or(b.condition()),
            Operation::And => a.condition().and(b.condition()),
            Operation::Add
            | Operation::Subtract
            | Operation::Multiply
            | Operation::Divide
            | Operation::Remainder => {
                return arithmetic(operation, &a, &b);
            }
            _ => {
                self.warn_of_bare_word(right);
                compare(operation, &a, &b)
            }
        };
        Typed::new(expr, FieldType::Boolean)
    }

    /// `level = error` compares two fields, and mostly a text was meant.
    fn warn_of_bare_word(&mut self, value: &Expression) {
        let Kind::Field(name) = &value.kind else {
            return;
        };
        let is_guess = self.context.auto_parse || name.starts_with("{{");
        if !is_guess && self.is_unheard_of(name) {
            self.warn(format!(
                "`{name}` is read as a field, and no stage before has made one; if the text is \
                 meant, write \"{name}\""
            ));
        }
    }

    fn lower_matches(&mut self, left: &Expression, right: &Expression) -> Typed {
        let text = self.lower(left).text();
        let expr = match &right.kind {
            Kind::Pattern(pattern) => {
                let pattern = translate(pattern);
                if let Err(problem) = Matcher::compile(&pattern) {
                    self.report(right, format!("the pattern cannot be read: {problem}"));
                }
                call(
                    "text_match",
                    text_search::MATCH,
                    vec![text_literal(&pattern), text],
                )
            }
            _ => {
                let glob = self.lower(right).text();
                call("glob_match", text_search::GLOB, vec![text, glob])
            }
        };
        Typed::new(expr, FieldType::Boolean)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the value is whole and small"
)]
pub(crate) fn number(value: f64) -> Typed {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Typed::new(lit(value as i64), FieldType::Long)
    } else {
        Typed::new(lit(value), FieldType::Double)
    }
}

fn arithmetic(operation: Operation, a: &Typed, b: &Typed) -> Typed {
    let whole = |typed: &Typed| matches!(typed.field_type, FieldType::Long | FieldType::Int);
    if whole(a)
        && whole(b)
        && matches!(
            operation,
            Operation::Add | Operation::Subtract | Operation::Multiply
        )
    {
        let (a, b) = (
            cast(a.expr.clone(), DataType::Int64),
            cast(b.expr.clone(), DataType::Int64),
        );
        let expr = match operation {
            Operation::Add => a + b,
            Operation::Subtract => a - b,
            _ => a * b,
        };
        return Typed::new(expr, FieldType::Long);
    }
    let (a, b) = (a.number(), b.number());
    let expr = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        _ => a % b,
    };
    Typed::new(expr, FieldType::Double)
}

pub(super) fn compare(operation: Operation, a: &Typed, b: &Typed) -> Expr {
    let apply = |a: Expr, b: Expr| match operation {
        Operation::Equal => a.eq(b),
        Operation::Differ => a.not_eq(b),
        Operation::Less => a.lt(b),
        Operation::LessOrEqual => a.lt_eq(b),
        Operation::Greater => a.gt(b),
        _ => a.gt_eq(b),
    };
    if a.field_type == FieldType::Boolean || b.field_type == FieldType::Boolean {
        return apply(a.condition(), b.condition());
    }
    if a.is_number() || b.is_number() {
        return apply(a.number(), b.number());
    }
    let is_constant = |typed: &Typed| matches!(typed.expr, Expr::Literal(..));
    if matches!(operation, Operation::Equal | Operation::Differ) || is_constant(a) || is_constant(b)
    {
        return apply(a.text(), b.text());
    }
    let order = call("value_order", casts::ORDER, vec![a.text(), b.text()]);
    apply(order, lit(0_i64))
}

//! Formulas: what `eval`, `where`, `topk` and joins compute, number by number.

use std::ops::Range;

use crate::metrics::reducer::{PERCENTILE, REDUCERS, Reducer};
use crate::syntax::Diagnostic;
use crate::syntax::expression::{Expression, Kind, Operation};
use crate::syntax::tokens::Parsed;

/// What a point is called in a formula.
const VALUE: &str = "_value";
/// The length of a bucket in milliseconds.
const GRANULARITY: &str = "_granularity";

/// A function of numbers.
struct Function {
    name: &'static str,
    arguments: usize,
    call: fn(&[f64]) -> f64,
}

const FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        arguments: 1,
        call: |of| of[0].abs(),
    },
    Function {
        name: "ceil",
        arguments: 1,
        call: |of| of[0].ceil(),
    },
    Function {
        name: "cos",
        arguments: 1,
        call: |of| of[0].cos(),
    },
    Function {
        name: "exp",
        arguments: 1,
        call: |of| of[0].exp(),
    },
    Function {
        name: "floor",
        arguments: 1,
        call: |of| of[0].floor(),
    },
    Function {
        name: "log",
        arguments: 1,
        call: |of| of[0].ln(),
    },
    Function {
        name: "log10",
        arguments: 1,
        call: |of| of[0].log10(),
    },
    Function {
        name: "max",
        arguments: 2,
        call: |of| either(of, f64::max),
    },
    Function {
        name: "min",
        arguments: 2,
        call: |of| either(of, f64::min),
    },
    Function {
        name: "pow",
        arguments: 2,
        call: |of| of[0].powf(of[1]),
    },
    Function {
        name: "round",
        arguments: 1,
        call: |of| of[0].round(),
    },
    Function {
        name: "sin",
        arguments: 1,
        call: |of| of[0].sin(),
    },
    Function {
        name: "sqrt",
        arguments: 1,
        call: |of| of[0].sqrt(),
    },
    Function {
        name: "tan",
        arguments: 1,
        call: |of| of[0].tan(),
    },
];

/// Where one number is missing, so is the result.
fn either(of: &[f64], choose: fn(f64, f64) -> f64) -> f64 {
    if of[0].is_nan() || of[1].is_nan() {
        f64::NAN
    } else {
        choose(of[0], of[1])
    }
}

/// What may stand in a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Points (`_value`) and what series reduce to (`avg`).
    PointsAndReducers,
    /// Only what series reduce to.
    Reducers,
    /// Other rows: `#A`.
    Rows,
}

/// A formula, ready to compute. True is 1, false is 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Formula {
    Number(f64),
    /// The point.
    Value,
    /// The length of a bucket, in milliseconds.
    Granularity,
    /// What the whole series reduces to.
    Reduced(Reducer),
    /// The point of the row with this number.
    Row(usize),
    Not(Box<Formula>),
    Negative(Box<Formula>),
    Binary(Operation, Box<Formula>, Box<Formula>),
    Call(usize, Vec<Formula>),
}

impl Formula {
    /// Computes the formula; `known` gives the numbers behind names.
    pub(crate) fn compute(&self, known: &impl Fn(&Formula) -> f64) -> f64 {
        match self {
            Formula::Number(number) => *number,
            Formula::Value | Formula::Granularity | Formula::Reduced(_) | Formula::Row(_) => {
                known(self)
            }
            Formula::Not(inner) => f64::from(u8::from(inner.compute(known) == 0.0)),
            Formula::Negative(inner) => -inner.compute(known),
            Formula::Binary(operation, a, b) => {
                apply(*operation, a.compute(known), b.compute(known))
            }
            Formula::Call(function, arguments) => {
                let numbers: Vec<f64> = arguments.iter().map(|part| part.compute(known)).collect();
                (FUNCTIONS[*function].call)(&numbers)
            }
        }
    }

    /// Every part, this one first.
    pub(crate) fn parts(&self) -> Vec<&Formula> {
        let mut parts = vec![self];
        match self {
            Formula::Not(inner) | Formula::Negative(inner) => parts.extend(inner.parts()),
            Formula::Binary(_, a, b) => {
                parts.extend(a.parts());
                parts.extend(b.parts());
            }
            Formula::Call(_, arguments) => {
                parts.extend(arguments.iter().flat_map(Formula::parts));
            }
            _ => {}
        }
        parts
    }

    /// Whether the formula asks for single points.
    pub(crate) fn has_points(&self) -> bool {
        self.parts().contains(&&Formula::Value)
    }

    /// The formula with a series' reducers computed.
    pub(crate) fn bound(&self, points: &[f64], step_ms: i64) -> Formula {
        match self {
            Formula::Reduced(reducer) => {
                let mut present: Vec<f64> = points
                    .iter()
                    .copied()
                    .filter(|point| !point.is_nan())
                    .collect();
                Formula::Number(reducer.reduce(&mut present))
            }
            Formula::Granularity => Formula::Number(step_ms as f64),
            Formula::Not(inner) => Formula::Not(Box::new(inner.bound(points, step_ms))),
            Formula::Negative(inner) => Formula::Negative(Box::new(inner.bound(points, step_ms))),
            Formula::Binary(operation, a, b) => Formula::Binary(
                *operation,
                Box::new(a.bound(points, step_ms)),
                Box::new(b.bound(points, step_ms)),
            ),
            Formula::Call(function, arguments) => Formula::Call(
                *function,
                arguments
                    .iter()
                    .map(|part| part.bound(points, step_ms))
                    .collect(),
            ),
            other => other.clone(),
        }
    }
}

fn apply(operation: Operation, a: f64, b: f64) -> f64 {
    let truth = |is_true: bool| f64::from(u8::from(is_true));
    match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => finite(a / b),
        Operation::Remainder => finite(a % b),
        Operation::Or => truth(a == 1.0 || b == 1.0),
        Operation::And => truth(a == 1.0 && b == 1.0),
        Operation::Equal => truth(a == b),
        Operation::Differ => truth(a != b && !a.is_nan() && !b.is_nan()),
        Operation::Less => truth(a < b),
        Operation::LessOrEqual => truth(a <= b),
        Operation::Greater => truth(a > b),
        Operation::GreaterOrEqual => truth(a >= b),
        // Text cannot be compared with a number; reading a formula refuses it.
        _ => f64::NAN,
    }
}

/// A division by zero has no result.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { f64::NAN }
}

/// Makes a formula of an expression; `rows` collects the rows that it names, with their places.
pub(crate) fn read(
    expression: &Expression,
    allowed: Allowed,
    rows: &mut Vec<(String, Range<usize>)>,
) -> Parsed<Formula> {
    let mut inner = |part: &Expression| read(part, allowed, rows).map(Box::new);
    Ok(match &expression.kind {
        Kind::Number(number) => Formula::Number(*number),
        Kind::Boolean(is_true) => Formula::Number(f64::from(u8::from(*is_true))),
        Kind::Not(part) => Formula::Not(inner(part)?),
        Kind::Negative(part) => Formula::Negative(inner(part)?),
        Kind::Binary(operation, a, b) if *operation != Operation::Matches => {
            Formula::Binary(*operation, inner(a)?, inner(b)?)
        }
        Kind::Field(name) => field(name, &expression.span, allowed, rows)?,
        Kind::Call(name, arguments) => call(name, arguments, &expression.span, allowed, rows)?,
        _ => {
            return Err(Diagnostic::error(
                expression.span.clone(),
                "only numbers can be computed with here",
            ));
        }
    })
}

fn field(
    name: &str,
    span: &Range<usize>,
    allowed: Allowed,
    rows: &mut Vec<(String, Range<usize>)>,
) -> Parsed<Formula> {
    let error = |message: String| Diagnostic::error(span.clone(), message);
    if let Some(row) = name.strip_prefix('#') {
        if allowed != Allowed::Rows {
            return Err(error(format!(
                "the row `{name}` can only be named at the beginning of a row"
            )));
        }
        let row = row.to_uppercase();
        let place = rows.iter().position(|(known, _)| *known == row);
        let place = place.unwrap_or_else(|| {
            rows.push((row, span.clone()));
            rows.len() - 1
        });
        return Ok(Formula::Row(place));
    }
    if name.eq_ignore_ascii_case(GRANULARITY) {
        return Ok(Formula::Granularity);
    }
    if allowed == Allowed::Rows {
        return Err(error(format!("`{name}` is no row")).expecting("a row, such as `#A`"));
    }
    if name.eq_ignore_ascii_case(VALUE) {
        if allowed == Allowed::Reducers {
            let message = format!("`{VALUE}` is a single point; series are ranked as a whole");
            return Err(error(message).expecting("a reducer, such as `avg`"));
        }
        return Ok(Formula::Value);
    }
    if name.eq_ignore_ascii_case(PERCENTILE) {
        return Err(error(format!("`{PERCENTILE}` needs a percentage")).expecting("`pct(95)`"));
    }
    Reducer::named(name).map(Formula::Reduced).ok_or_else(|| {
        let names = REDUCERS.iter().map(|(name, _, _)| *name);
        error(format!(
            "`{name}` is neither a number nor `{VALUE}` nor a reducer"
        ))
        .suggesting(name, names.chain([VALUE, GRANULARITY, PERCENTILE]))
    })
}

fn call(
    name: &str,
    arguments: &[Expression],
    span: &Range<usize>,
    allowed: Allowed,
    rows: &mut Vec<(String, Range<usize>)>,
) -> Parsed<Formula> {
    let error = |message: String| Diagnostic::error(span.clone(), message);
    if name == PERCENTILE && allowed != Allowed::Rows {
        return percentage(arguments, span).map(|of| Formula::Reduced(Reducer::Percentile(of)));
    }
    let place = FUNCTIONS.iter().position(|function| function.name == name);
    let Some(place) = place else {
        return Err(error(format!("there is no function `{name}`"))
            .suggesting(name, FUNCTIONS.iter().map(|function| function.name)));
    };
    let wanted = FUNCTIONS[place].arguments;
    if arguments.len() != wanted {
        let given = arguments.len();
        return Err(error(format!(
            "`{name}` takes {wanted} numbers and not {given}"
        )));
    }
    let arguments = arguments.iter().map(|part| read(part, allowed, rows));
    Ok(Formula::Call(place, arguments.collect::<Parsed<_>>()?))
}

/// The argument of `pct`.
pub(crate) fn percentage(arguments: &[Expression], span: &Range<usize>) -> Parsed<f64> {
    match arguments {
        [
            Expression {
                kind: Kind::Number(percent),
                ..
            },
        ] if (0.0..=100.0).contains(percent) => Ok(*percent),
        _ => Err(
            Diagnostic::error(span.clone(), "a percentile is between 0 and 100")
                .expecting("`pct(95)`"),
        ),
    }
}

//! From the conditions of a plan to what an index must be asked.
//!
//! A condition is a row's own affair, so it is enough to know which rows can make it true. What
//! is not understood promises nothing; what is understood must follow from the meaning of the
//! functions in `functions/`.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TryCast};
use storage::Literal;

use super::need::{ColumnTest, Need, Origin};
use super::pattern;
use crate::functions::text_search::glob_pattern;

/// Columns of text whose words are indexed.
const TEXT_COLUMNS: [&str; 2] = ["message", "fields"];

/// Returns what a row of events must hold for all `conditions` to be true.
pub(super) fn need<'a>(conditions: impl Iterator<Item = &'a Expr>, state: &dyn Session) -> Need {
    let reader = Conditions { state };
    Need::all(
        conditions
            .map(|condition| reader.truth(condition))
            .collect(),
    )
}

struct Conditions<'a> {
    state: &'a dyn Session,
}

impl Conditions<'_> {
    /// What must hold for `condition` to be true.
    fn truth(&self, condition: &Expr) -> Need {
        match condition {
            Expr::Alias(alias) => return self.truth(&alias.expr),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::And => {
                return Need::all(vec![self.truth(left), self.truth(right)]);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::Or => {
                return Need::any(vec![self.truth(left), self.truth(right)]);
            }
            Expr::Literal(value, _) => {
                let is_true = matches!(value, ScalarValue::Boolean(Some(true)));
                return if is_true { Need::Anything } else { Need::Never };
            }
            _ => {}
        }
        if let Some(test) = self.column_test(condition) {
            return Need::Column(test);
        }
        match condition {
            Expr::IsTrue(inner) => self.truth(inner),
            Expr::IsNotNull(inner) => not_null(inner),
            Expr::BinaryExpr(binary) => comparison(binary),
            Expr::Between(between) if !between.negated => not_null(&between.expr),
            Expr::InList(list) if !list.negated => {
                let options = list.list.iter().map(|option| equals(&list.expr, option));
                Need::all(vec![not_null(&list.expr), Need::any(options.collect())])
            }
            Expr::Like(like) if !like.negated => match text_of(&like.pattern) {
                Some(glob) if like.escape_char.is_none() && !glob.contains('\\') => {
                    let parts = glob.split(['%', '_']);
                    let needs = parts.map(|part| holds(&like.expr, part, false));
                    Need::all(needs.collect())
                }
                _ => Need::Anything,
            },
            Expr::ScalarFunction(call) => self.call(call),
            _ => Need::Anything,
        }
    }

    fn call(&self, call: &ScalarFunction) -> Need {
        match (call.name(), call.args.as_slice()) {
            ("text_match", [pattern, text]) => match text_of(pattern) {
                Some(pattern) => matches(text, pattern),
                None => Need::Anything,
            },
            ("glob_match", [text, glob]) => match text_of(glob) {
                Some(glob) => matches(text, &glob_pattern(glob, false)),
                None => Need::Anything,
            },
            ("text_contains", [text, part]) => match text_of(part) {
                Some(part) => holds(text, part, false),
                None => Need::Anything,
            },
            // Its text may also be written with escapes, which the index knows.
            ("json_may_hold", [text, part]) => match text_of(part) {
                Some(part) => within_from(text, Origin::Json, &|origin| {
                    Need::literal(Literal::new(part, false, false), origin)
                }),
                None => Need::Anything,
            },
            ("part", [extraction, index]) => extracted(extraction, index),
            ("coalesce", options) => {
                Need::any(options.iter().map(|option| self.truth(option)).collect())
            }
            _ => Need::Anything,
        }
    }

    /// A condition on nothing but one column whose values may be indexed can be tried on each
    /// of the values, whatever it is.
    fn column_test(&self, condition: &Expr) -> Option<ColumnTest> {
        let columns: HashSet<&Column> = condition.column_refs();
        let column = columns.iter().next()?.name.clone();
        let is_indexed = storage::EVENT_TEXT_COLUMNS.contains(&column.as_str());
        if columns.len() != 1
            || !is_indexed
            || TEXT_COLUMNS.contains(&column.as_str())
            || condition.is_volatile()
        {
            return None;
        }
        let alone = condition.clone().transform(|expr| {
            Ok(match expr {
                Expr::Column(column) => {
                    Transformed::yes(Expr::Column(Column::from_name(column.name)))
                }
                other => Transformed::no(other),
            })
        });
        let alone = alone.ok()?.data;
        let field = Field::new(&column, DataType::Utf8View, true);
        let schema = DFSchema::try_from(Schema::new(vec![field])).ok()?;
        let test = self.state.create_physical_expr(alone, &schema).ok()?;
        Some(ColumnTest {
            test,
            only_value: only_value(condition),
            shown: condition.to_string(),
            column,
        })
    }
}

/// The value that a condition on one column demands, folded, if it demands one.
fn only_value(condition: &Expr) -> Option<String> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::Eq => {
            let sides = [(left, right), (right, left)];
            sides
                .into_iter()
                .find_map(|(column, value)| match column.as_ref() {
                    Expr::Column(_) => text_of(value).map(storage::fold),
                    _ => None,
                })
        }
        Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
            ("text_match", [pattern, Expr::Column(_)]) => pattern::only_text(text_of(pattern)?),
            ("coalesce", [first, Expr::Literal(ScalarValue::Boolean(Some(false)), _)]) => {
                only_value(first)
            }
            _ => None,
        },
        _ => None,
    }
}

/// What must hold for a comparison to be true: both sides are there, and equal ones are alike.
fn comparison(binary: &BinaryExpr) -> Need {
    match binary.op {
        Operator::Eq => Need::all(vec![
            equals(&binary.left, &binary.right),
            equals(&binary.right, &binary.left),
        ]),
        Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
            Need::all(vec![not_null(&binary.left), not_null(&binary.right)])
        }
        _ => Need::Anything,
    }
}

fn equals(text: &Expr, value: &Expr) -> Need {
    match text_of(value) {
        Some(value) => Need::all(vec![not_null(text), holds(text, value, true)]),
        None => not_null(text),
    }
}

/// What must hold for `expr` to be anything but null.
fn not_null(expr: &Expr) -> Need {
    match expr {
        Expr::Alias(alias) => not_null(&alias.expr),
        Expr::Cast(cast) => not_null(&cast.expr),
        Expr::TryCast(TryCast { expr, .. }) | Expr::Negative(expr) => not_null(expr),
        Expr::Literal(value, _) if value.is_null() => Need::Never,
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.is_numerical_operators() => {
            Need::all(vec![not_null(left), not_null(right)])
        }
        Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
            ("to_number", [text]) => not_null(text),
            ("part", [extraction, index]) => extracted(extraction, index),
            ("json_path" | "json_auto" | "field_named", _) => within(expr, &|_| Need::Anything),
            ("coalesce", options) => Need::any(options.iter().map(not_null).collect()),
            _ => Need::Anything,
        },
        _ => Need::Anything,
    }
}

/// What must hold for `pattern` to match in the text `expr`.
fn matches(expr: &Expr, pattern: &str) -> Need {
    within(expr, &|origin| pattern::need(pattern, origin))
}

/// What must hold for the text `expr` to hold `part`, or to be it.
fn holds(expr: &Expr, part: &str, is_all: bool) -> Need {
    within(expr, &|origin| {
        let is_all = is_all && origin == Origin::Whole;
        Need::literal(Literal::new(part, is_all, is_all), origin)
    })
}

/// What must hold for the text `expr` to be there and to satisfy `need`, which is told where
/// the text comes from.
fn within(expr: &Expr, need: &dyn Fn(Origin) -> Need) -> Need {
    within_from(expr, Origin::Whole, need)
}

/// As [`within`], where the text stands in `expr` as `origin` tells.
fn within_from(expr: &Expr, origin: Origin, need: &dyn Fn(Origin) -> Need) -> Need {
    match expr {
        Expr::Alias(alias) => within_from(&alias.expr, origin, need),
        Expr::Column(column) if TEXT_COLUMNS.contains(&column.name.as_str()) => need(origin),
        Expr::Literal(value, _) if value.is_null() => Need::Never,
        Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
            ("coalesce", options) => {
                let options = options
                    .iter()
                    .map(|option| within_from(option, origin, need));
                Need::any(options.collect())
            }
            ("part", [extraction, index]) => {
                let (kind, text) = match extraction {
                    Expr::ScalarFunction(call) => (call.name(), call.args.first()),
                    _ => return Need::Anything,
                };
                let part = match (kind, origin) {
                    ("json_fields", _) | (_, Origin::Json) => Origin::Json,
                    ("parse_anchors" | "parse_patterns", _) => Origin::Part,
                    _ => return Need::Anything,
                };
                let held = text.map_or(Need::Anything, |text| within_from(text, part, need));
                Need::all(vec![extracted(extraction, index), held])
            }
            ("json_path" | "json_auto" | "field_named", [text, path]) => {
                let path = text_of(path).unwrap_or_default();
                // The automatic names have `_` where keys have blanks.
                let is_own = call.name() != "json_auto" || !path.contains('_');
                let path = if is_own { path } else { "" };
                let held = within_from(text, Origin::Json, need);
                Need::all(vec![has_keys(text, path), held])
            }
            _ => Need::Anything,
        },
        _ => Need::Anything,
    }
}

/// What must hold for a part of an extraction to be anything but null, or for the extraction to
/// succeed, which is the part behind the last.
fn extracted(extraction: &Expr, index: &Expr) -> Need {
    let Expr::ScalarFunction(call) = extraction else {
        return Need::Anything;
    };
    let Some((text, constants)) = call.args.split_first() else {
        return Need::Anything;
    };
    let constants: Option<Vec<&str>> = constants.iter().map(text_of).collect();
    let constants = constants.unwrap_or_default();
    match call.name() {
        "parse_anchors" => {
            let literals = constants.iter().flat_map(|anchors| anchors.split('*'));
            Need::all(
                literals
                    .map(|literal| holds(text, literal, false))
                    .collect(),
            )
        }
        "parse_patterns" if !constants.is_empty() => {
            let options = constants.iter().map(|pattern| matches(text, pattern));
            Need::any(options.collect())
        }
        "json_fields" => {
            let index = match index {
                Expr::Literal(ScalarValue::Int64(Some(index)), _) => usize::try_from(*index).ok(),
                _ => None,
            };
            match index.map(|index| constants.get(index)) {
                Some(Some(path)) => has_keys(text, path),
                Some(None) => {
                    Need::all(constants.iter().map(|path| has_keys(text, path)).collect())
                }
                None => Need::Anything,
            }
        }
        _ => Need::Anything,
    }
}

/// What must hold for JSON in `text` to have all keys of a path.
fn has_keys(text: &Expr, path: &str) -> Need {
    let keys = keys(path).into_iter();
    let needs = keys.map(|key| {
        within_from(text, Origin::Json, &|origin| {
            Need::literal(Literal::new(key, true, true), origin)
        })
    });
    Need::all(needs.collect())
}

/// The keys that a path of JSON names, all of which must be there; none if it is not a plain
/// path.
fn keys(path: &str) -> Vec<&str> {
    let inner = path
        .strip_prefix("['")
        .and_then(|rest| rest.strip_suffix("']"));
    let keys: Vec<&str> = match inner {
        Some(key) => vec![key],
        None => path.split('.').collect(),
    };
    let is_plain = |key: &&str| {
        let mut characters = key.chars();
        let begins = |first: char| first.is_ascii_alphabetic() || first == '_';
        characters.next().is_some_and(begins)
            && characters.all(|rest| rest.is_ascii_alphanumeric() || rest == '_')
    };
    if keys.iter().all(is_plain) {
        keys
    } else {
        Vec::new()
    }
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

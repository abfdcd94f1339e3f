//! Conditions about whole words of a message, which an index can answer to the row.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use storage::{Rows, TextIndex, Word};

use super::pattern;

/// The column whose words indexes know by row.
const MESSAGE: &str = "message";

/// Words that a message must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    One(Word),
    All(Vec<Words>),
    Any(Vec<Words>),
}

impl Words {
    /// Returns the words that `condition` is about; `None` if it is about anything else.
    pub(super) fn of(condition: &Expr) -> Option<Words> {
        match condition {
            Expr::Alias(alias) => Words::of(&alias.expr),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let parts = || Some(vec![Words::of(left)?, Words::of(right)?]);
                match op {
                    Operator::And => parts().map(Words::All),
                    Operator::Or => parts().map(Words::Any),
                    _ => None,
                }
            }
            Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
                ("text_match", [Expr::Literal(pattern, _), Expr::Column(column)])
                    if column.name == MESSAGE =>
                {
                    only_word(pattern).map(Words::One)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the rows whose messages satisfy this: these and no others; `None` if `index`
    /// cannot tell.
    pub(super) fn rows(&self, index: &TextIndex) -> Option<Rows> {
        match self {
            Words::One(word) => index.rows_with(word),
            Words::All(parts) => joined(parts, index, Rows::keep),
            Words::Any(parts) => joined(parts, index, Rows::add),
        }
    }
}

fn joined(parts: &[Words], index: &TextIndex, join: fn(&mut Rows, &Rows)) -> Option<Rows> {
    let (first, rest) = parts.split_first()?;
    let mut rows = first.rows(index)?;
    for part in rest {
        join(&mut rows, &part.rows(index)?);
    }
    Some(rows)
}

fn only_word(pattern: &ScalarValue) -> Option<Word> {
    pattern::only_word(pattern.try_as_str().flatten()?)
}

/// The same condition with columns that are called as in the table.
pub(super) fn unqualified(condition: Expr) -> datafusion::common::Result<Expr> {
    let moved = condition.transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    });
    Ok(moved?.data)
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::lit;
    use datafusion::prelude::col;

    use super::*;
    use crate::functions::kernels::call;
    use crate::functions::text_search::{MATCH, phrase_pattern};

    fn holds(phrase: &str, column: &str) -> Expr {
        let pattern = lit(ScalarValue::Utf8View(Some(phrase_pattern(phrase))));
        call("text_match", MATCH, vec![pattern, col(column)])
    }

    #[test]
    fn only_whole_words_of_the_message_are_answered() {
        let is_answered = |condition: Expr| Words::of(&condition).is_some();
        let (error, warn) = (holds("ERROR", MESSAGE), holds("warn", MESSAGE));
        assert!(is_answered(error.clone()));
        assert!(is_answered(
            error.clone().and(warn.clone().or(error.clone()))
        ));
        for phrase in [
            "task timed",
            "err*",
            "*or",
            "abc123",
            "500",
            "a-b",
            "\u{e9}",
        ] {
            assert!(!is_answered(holds(phrase, MESSAGE)), "{phrase}");
        }
        assert!(!is_answered(holds("error", "level")));
        assert!(!is_answered(datafusion::logical_expr::not(error.clone())));
        assert!(!is_answered(error.or(col("level").is_null())));
        assert!(!is_answered(warn.eq(lit(true))));
    }
}

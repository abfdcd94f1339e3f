//! What SQL means: DataFusion's planner of SQL, compiled once.
//!
//! The compiler makes the code of an `async fn` in every crate that awaits it, and behind this one
//! stand the grammar and the planner of SQL: a quarter of all the code that `query` would be, and
//! again that of its tests.

use datafusion::common::{Result, plan_err};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures::future::BoxFuture;
use model::limits::SQL_NESTED_MAX;

/// Whether parentheses and `CASE` stand deeper inside one another than is read.
pub fn is_nested_too_deeply(text: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize() else {
        return false;
    };
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token {
            Token::LParen => depth += 1,
            Token::Word(word) if word.keyword == Keyword::CASE => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if word.keyword == Keyword::END => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest > SQL_NESTED_MAX
}

/// Plans a query that only reads, over the tables of `state`.
///
/// # Errors
/// The text is no SQL, names what is not there, or would change something.
pub fn plan<'a>(text: &'a str, state: &'a SessionState) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        if is_nested_too_deeply(text) {
            return plan_err!(
                "the SQL nests deeper than {SQL_NESTED_MAX} parentheses and cases (SQL_NESTED_MAX); \
                 a part of it can stand in a `WITH`"
            );
        }
        let plan = state.create_logical_plan(text).await?;
        let reads_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        reads_only.verify_plan(&plan)?;
        Ok(plan)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_outside_of_texts() {
        let nested = |levels: usize| {
            let (open, close) = ("CASE abs(", ") WHEN 1 THEN 2 END");
            format!("SELECT {}1{}", open.repeat(levels), close.repeat(levels))
        };
        assert!(!is_nested_too_deeply(&nested(SQL_NESTED_MAX / 2)));
        assert!(is_nested_too_deeply(&nested(SQL_NESTED_MAX / 2 + 1)));
        let text = format!(
            "SELECT '{}', (1), (2) -- {}",
            "(".repeat(99),
            "(".repeat(99)
        );
        assert!(!is_nested_too_deeply(&text));
    }
}

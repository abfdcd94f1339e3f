//! What SQL means: DataFusion's planner of SQL, compiled once.
//!
//! The compiler makes the code of an `async fn` in every crate that awaits it, and behind this one
//! stand the grammar and the planner of SQL: a quarter of all the code that `query` would be, and
//! again that of its tests.

use datafusion::common::Result;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use futures::future::BoxFuture;

/// Plans a query that only reads, over the tables of `state`.
///
/// # Errors
/// The text is no SQL, names what is not there, or would change something.
pub fn plan<'a>(text: &'a str, state: &'a SessionState) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        let plan = state.create_logical_plan(text).await?;
        let reads_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        reads_only.verify_plan(&plan)?;
        Ok(plan)
    })
}

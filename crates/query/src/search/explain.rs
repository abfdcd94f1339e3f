//! How a query would be run: what is read of each segment and why, and the physical plan.

use std::any::Any;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::physical_plan::displayable;
use futures::future::BoxFuture;
use serde::Serialize;
use storage::PAGE_ROWS;

use super::prepare::{Prepared, prepare};
use super::{SearchRequest, Searches};
use crate::scan::{Choice, Decision, SegmentsTable};
use crate::{Language, Result, SqlText};

/// How a query would be run now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// One entry per scan of stored rows.
    pub scans: Vec<ScanExplanation>,
    /// DataFusion's physical plan, one node a line.
    pub plan: String,
}

/// What one scan would read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanExplanation {
    /// The table.
    pub table: String,
    /// What the text indexes are asked; `|` marks the known end of a word.
    pub asked: String,
    /// The segments whose times may lie inside the range, newest first.
    pub segments: Vec<SegmentExplanation>,
    /// Rows in memory, all of which are read.
    pub memory_rows: usize,
}

/// What would be read of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentExplanation {
    /// The segment.
    pub id: String,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Pages of 2,048 rows.
    pub pages: usize,
    /// How many of them are read; statistics of the columns may spare some of these too.
    pub pages_read: usize,
    /// Why so many.
    pub why: String,
}

impl Searches {
    /// Plans a query and says how it would be run, without running it.
    ///
    /// # Errors
    /// As [`Searches::start`], if the query is not valid.
    pub fn explain<'a>(&'a self, request: &'a SearchRequest) -> BoxFuture<'a, Result<Explanation>> {
        Box::pin(async move {
            let prepared = prepare(self.engine(), request).await?;
            explain(&prepared).await
        })
    }

    /// Plans a query and says it in SQL, as far as SQL has words for it.
    ///
    /// # Errors
    /// As [`Searches::start`], if the query is not valid.
    pub fn sql<'a>(&'a self, request: &'a SearchRequest) -> BoxFuture<'a, Result<SqlText>> {
        Box::pin(async move {
            let prepared = prepare(self.engine(), request).await?;
            Ok(match request.language {
                Language::Sql => SqlText {
                    sql: request.query.clone(),
                    is_whole: true,
                    notes: Vec::new(),
                },
                _ => prepared.planned.sql(),
            })
        })
    }
}

async fn explain(prepared: &Prepared) -> Result<Explanation> {
    let state = prepared.session.context.state();
    let optimized = state.optimize(&prepared.planned.plan)?;
    let mut scans = Vec::new();
    optimized.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            scans.extend(explain_scan(scan, &state)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let physical = state.create_physical_plan(&prepared.planned.plan).await?;
    let plan = displayable(physical.as_ref()).indent(false).to_string();
    Ok(Explanation { scans, plan })
}

fn explain_scan(
    scan: &TableScan,
    state: &SessionState,
) -> datafusion::error::Result<Option<ScanExplanation>> {
    let provider = source_as_provider(&scan.source)?;
    let table: &dyn Any = provider.as_ref();
    let Some(table) = table.downcast_ref::<SegmentsTable>() else {
        return Ok(None);
    };
    let (asked, choices) = table.choices(state, &scan.filters)?;
    let segments = choices
        .into_iter()
        .map(|(segment, Choice { decision, why })| {
            let pages = usize::try_from(segment.rows)
                .unwrap_or(0)
                .div_ceil(PAGE_ROWS);
            SegmentExplanation {
                id: segment.id.clone(),
                rows: segment.rows,
                bytes: segment.bytes,
                pages,
                pages_read: match decision {
                    Decision::Nothing => 0,
                    Decision::Some(kept) => kept.count(),
                    Decision::Rows(rows) => rows.page_count(),
                    Decision::Without(_) | Decision::Everything => pages,
                },
                why,
            }
        });
    Ok(Some(ScanExplanation {
        table: scan.table_name.table().to_owned(),
        asked,
        segments: segments.collect(),
        memory_rows: table.memory_rows(),
    }))
}

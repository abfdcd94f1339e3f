//! The tables of a session, made when a query names them: most name one.

use std::sync::Arc;

use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::functions_aggregate::expr_fn::{last_value, max, min};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, lit, when};
use futures::future::BoxFuture;
use model::{InvocationStatus, TimeRange, Timestamp};
use storage::Table;

use super::Engine;
use crate::scan::SegmentsTable;

/// Evidence of one invocation lies at most this far from its last piece: a Lambda function may
/// run 15 minutes, and reports come late.
const EVIDENCE_SPREAD_MS: i64 = 20 * 60 * 1000;
/// What belongs to one invocation.
const INVOCATION_KEY: [&str; 5] = ["provider", "account", "region", "function", "request_id"];
/// What makes two rows the same sample.
const SAMPLE_KEY: [&str; 4] = ["metric", "dimensions", "statistic", "event_time"];

/// `events`, `invocations` and `samples` of one time range.
pub(super) struct StoredTables {
    engine: Engine,
    range: TimeRange,
    events: Arc<SegmentsTable>,
}

impl StoredTables {
    /// Returns the tables of `range`; `events` are given.
    pub(super) fn new(engine: Engine, range: TimeRange, events: SegmentsTable) -> Self {
        StoredTables {
            engine,
            range,
            events: Arc::new(events),
        }
    }
}

impl std::fmt::Debug for StoredTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredTables")
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl SchemaProvider for StoredTables {
    fn table_names(&self) -> Vec<String> {
        Table::ALL.map(|table| table.name().to_owned()).to_vec()
    }

    // Written out: as an `async fn` under the bounds of `async_trait` it costs the compiler ten
    // seconds to see that a plan may go to another thread.
    fn table<'a, 'name, 'made>(
        &'a self,
        name: &'name str,
    ) -> BoxFuture<'made, Result<Option<Arc<dyn TableProvider>>>>
    where
        'a: 'made,
        'name: 'made,
    {
        Box::pin(self.made(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        Table::parse(name).is_some()
    }
}

impl StoredTables {
    async fn made(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(match Table::parse(name) {
            Some(Table::Events) => Some(Arc::clone(&self.events) as _),
            Some(Table::Invocations) => Some(Arc::new(self.invocations().await?)),
            Some(Table::Samples) => Some(Arc::new(self.samples()?)),
            None => None,
        })
    }

    /// The evidence, merged field by field where an invocation has several rows of it.
    async fn invocations(&self) -> Result<ViewTable> {
        let wide = TimeRange::new(
            self.range.start.saturating_add_millis(-EVIDENCE_SPREAD_MS),
            self.range.end.saturating_add_millis(EVIDENCE_SPREAD_MS),
        );
        let columns: Vec<Expr> = storage::invocations_schema()
            .fields()
            .iter()
            .filter(|field| field.name() != "status_rank")
            .map(|field| match field.name().as_str() {
                "status" => status_of_rank(),
                name => Ok(col(name)),
            })
            .collect::<Result<_>>()?;
        let evidence = self.engine.evidence(wide);
        let merged = |evidence: SegmentsTable| {
            rows(evidence)?
                .aggregate(INVOCATION_KEY.map(col).to_vec(), merges())?
                .filter(inside(self.range))?
                .project(columns.clone())
        };
        let company = self.engine.companies.of(evidence.snapshot()).await?;
        let plan = match company {
            Some(company) => {
                let alone = evidence.alone(Arc::clone(&company), self.range);
                let alone = rows(alone)?.project(columns.clone())?;
                if company.len() == 0 && evidence.memory_rows() == 0 {
                    alone
                } else {
                    let others = merged(evidence.in_company(company))?;
                    alone.union(others.build()?)?
                }
            }
            None => merged(evidence)?,
        };
        Ok(ViewTable::new(plan.build()?, None))
    }

    /// Of equal samples the one that was received last.
    fn samples(&self) -> Result<ViewTable> {
        let latest = |column: &str| {
            last_value(col(column), vec![col("receipt_time").sort(true, false)]).alias(column)
        };
        let schema = storage::samples_schema();
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let others = names().filter(|name| !SAMPLE_KEY.contains(name));
        let plan = rows(self.engine.samples(self.range))?
            .aggregate(
                SAMPLE_KEY.map(col).to_vec(),
                others.map(latest).collect::<Vec<_>>(),
            )?
            .project(names().map(col).collect::<Vec<_>>())?
            .build()?;
        Ok(ViewTable::new(plan, None))
    }
}

/// All rows of a table.
fn rows(table: SegmentsTable) -> Result<LogicalPlanBuilder> {
    LogicalPlanBuilder::scan("evidence", provider_as_source(Arc::new(table)), None)
}

/// The largest value wins, the earliest for `start`; the order of evidence does not matter.
fn merges() -> Vec<Expr> {
    storage::invocations_schema()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| !INVOCATION_KEY.contains(name) && *name != "status")
        .map(|name| match name {
            "start" => min(col(name)).alias(name),
            _ => max(col(name)).alias(name),
        })
        .collect()
}

fn inside(range: TimeRange) -> Expr {
    let moment = |at: Timestamp| {
        lit(ScalarValue::TimestampNanosecond(
            Some(at.nanos()),
            Some("UTC".into()),
        ))
    };
    col("event_time")
        .gt_eq(moment(range.start))
        .and(col("event_time").lt(moment(range.end)))
}

fn status_of_rank() -> Result<Expr> {
    let is = |rank: usize| col("status_rank").eq(lit(rank as i8));
    let name = |rank: usize| {
        lit(ScalarValue::Utf8View(Some(
            InvocationStatus::ALL[rank].name().to_owned(),
        )))
    };
    let mut cases = when(is(0), name(0));
    for rank in 1..InvocationStatus::ALL.len() {
        cases = cases.when(is(rank), name(rank));
    }
    Ok(cases.end()?.alias("status"))
}

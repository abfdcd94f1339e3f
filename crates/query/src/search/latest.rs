//! Where the newest rows of a search begin, so that the text of the others need not be read.
//!
//! Only so many messages are kept. If a search's conditions look at no text, its rows are first
//! counted by their times alone; then what is kept is read, and of each page only what is new
//! enough.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Sort as SortKey;
use datafusion::logical_expr::{Expr, FetchType, LogicalPlan, SkipType, TableScan};
use model::Timestamp;

use super::windows::is_rowwise;

/// Columns whose text is long.
const TEXT_COLUMNS: [&str; 2] = ["message", "fields"];
/// Times are cut back when so many more than wanted have come.
const SPARE_TIMES: usize = 65_536;

/// The times of the newest rows of a stream.
#[derive(Debug)]
pub(super) struct Latest {
    times: Vec<i64>,
    rows_max: usize,
    was_cut: bool,
}

impl Latest {
    /// Keeps the times of `rows_max` rows.
    pub(super) fn new(rows_max: usize) -> Self {
        Latest {
            times: Vec::new(),
            rows_max,
            was_cut: false,
        }
    }

    /// Takes the rows of a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let times = batch.column_by_name("event_time");
        if let Some(times) = times.and_then(|times| times.as_primitive_opt()) {
            let times: &arrow::array::PrimitiveArray<TimestampNanosecondType> = times;
            self.times.extend_from_slice(times.values());
        }
        if self.times.len() > self.rows_max * 2 + SPARE_TIMES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.times.len() > self.rows_max {
            self.was_cut = true;
            let after = self.rows_max;
            self.times.select_nth_unstable_by(after, |a, b| b.cmp(a));
            self.times.truncate(after);
        }
    }

    /// Returns the time of the oldest row that is kept; `None` if all are.
    pub(super) fn finish(mut self) -> Option<Timestamp> {
        self.cut();
        let oldest = self.times.iter().min().copied();
        oldest.filter(|_| self.was_cut).map(Timestamp::from_nanos)
    }
}

/// Whether the rows of `plan` can be found without reading text.
pub(super) fn reads_no_text(plan: &LogicalPlan, state: &SessionState) -> Result<bool> {
    let mut reads_text = false;
    // Most searches are for words: that is seen without optimising.
    plan.apply(|node| {
        if let LogicalPlan::Filter(filter) = node {
            let columns = filter.predicate.column_refs();
            let is_text = |column: &&Column| TEXT_COLUMNS.contains(&column.name.as_str());
            reads_text |= columns.iter().any(is_text);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if reads_text {
        return Ok(false);
    }
    state.optimize(plan)?.apply(|node| {
        if let LogicalPlan::TableScan(TableScan {
            projected_schema, ..
        }) = node
        {
            let has = |name: &&str| projected_schema.has_column_with_unqualified_name(name);
            reads_text |= TEXT_COLUMNS.iter().any(has);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(!reads_text)
}

/// How many rows `plan` wants, if they are the newest of another plan, each of whose rows depends
/// on one event alone.
pub(super) fn newest_rows(plan: &LogicalPlan) -> Option<usize> {
    let LogicalPlan::Limit(limit) = plan else {
        return None;
    };
    let LogicalPlan::Sort(sort) = limit.input.as_ref() else {
        return None;
    };
    let is_newest_first = match sort.expr.as_slice() {
        [
            SortKey {
                expr: Expr::Column(column),
                asc: false,
                ..
            },
        ] => column.name == "event_time",
        _ => false,
    };
    let rows = match (limit.get_skip_type().ok()?, limit.get_fetch_type().ok()?) {
        (SkipType::Literal(0), FetchType::Literal(Some(rows))) => rows,
        _ => return None,
    };
    (is_newest_first && is_rowwise(&sort.input)).then_some(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::TimestampNanosecondArray;

    use super::*;

    fn batch(times: &[i64]) -> RecordBatch {
        let times = TimestampNanosecondArray::from(times.to_vec());
        RecordBatch::try_from_iter([("event_time", Arc::new(times) as _)]).unwrap()
    }

    #[test]
    fn the_oldest_row_that_is_kept_is_found() {
        let mut latest = Latest::new(3);
        latest.add(&batch(&[5, 1, 9]));
        latest.add(&batch(&[7, 2, 9]));
        assert_eq!(latest.finish(), Some(Timestamp::from_nanos(7)));
    }

    #[test]
    fn if_all_rows_are_kept_there_is_no_limit() {
        let mut latest = Latest::new(3);
        latest.add(&batch(&[5, 1, 9]));
        assert_eq!(latest.finish(), None);
    }
}

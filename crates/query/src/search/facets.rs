//! Facets: which values a field has among the events that a query finds, and how often.
//!
//! The counts of a field ignore the filters on itself, so that a value that was switched off can still be seen.
//! Fields with the same remaining filters are counted in one pass over the events, of which only these
//! fields are read.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::logical_expr::LogicalPlanBuilder;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use model::limits::{FACET_VALUE_BYTES_MAX, FACET_VALUES_MAX};
use serde::Serialize;

use super::filters::{Filter, filtered, rowwise_end, staged};
use super::{Language, SearchRequest, Searches};
use crate::plan::planner::column;
use crate::plan::{QueryContext, plan, rows_of};
use crate::scan::TimeColumn;
use crate::{QueryError, Result};

/// Bars of a number's distribution.
const BARS: usize = 28;

/// Which fields to count.
#[derive(Clone, Debug)]
pub struct FacetsRequest {
    /// The search whose events are counted.
    pub search: SearchRequest,
    /// The fields.
    pub fields: Vec<String>,
    /// Values listed per field, most frequent first.
    pub values_max: usize,
}

/// The values of one field.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facet {
    /// The field's name, as it was asked.
    pub field: String,
    /// Events looked at.
    pub total: u64,
    /// Events without a value.
    pub missing: u64,
    /// Different values.
    pub distinct: usize,
    /// Whether there were more different values than are counted; those that came first are counted exactly.
    pub is_capped: bool,
    /// The most frequent values.
    pub values: Vec<FacetValue>,
    /// How the values are spread, if all are numbers.
    pub numbers: Option<Numbers>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    /// The value as text.
    pub value: String,
    /// How many events have it.
    pub count: u64,
}

/// How numbers are spread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbers {
    /// The smallest.
    pub min: f64,
    /// Half of the events have at most this.
    pub p50: f64,
    /// 95 of 100 events have at most this.
    pub p95: f64,
    /// The largest.
    pub max: f64,
    /// Events in equal parts of the way from the smallest to the largest.
    pub bars: Vec<u64>,
}

impl Searches {
    /// Counts the values of fields among the events of a search: of those that reach its first stage that
    /// groups, sorts or limits.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with every mistake in the text; if the store cannot be read.
    pub fn facets<'a>(&'a self, request: &'a FacetsRequest) -> BoxFuture<'a, Result<Vec<Facet>>> {
        Box::pin(async move {
            let mut passes: Vec<(Vec<Filter>, Vec<&str>)> = Vec::new();
            for field in &request.fields {
                let others: Vec<Filter> = request
                    .search
                    .filters
                    .iter()
                    .filter(|filter| !filter.field.eq_ignore_ascii_case(field))
                    .cloned()
                    .collect();
                match passes.iter_mut().find(|(filters, _)| *filters == others) {
                    Some((_, fields)) => fields.push(field),
                    None => passes.push((others, vec![field])),
                }
            }
            let mut found = Vec::with_capacity(request.fields.len());
            for (filters, fields) in &passes {
                let counters = self.count_values(&request.search, filters, fields).await?;
                let facets = counters.into_iter().zip(fields);
                found.extend(
                    facets.map(|(counter, field)| counter.finish(field, request.values_max)),
                );
            }
            found.sort_by_key(|facet| request.fields.iter().position(|name| *name == facet.field));
            Ok(found)
        })
    }

    async fn count_values(
        &self,
        search: &SearchRequest,
        filters: &[Filter],
        fields: &[&str],
    ) -> Result<Vec<Counter>> {
        let _turn = self.0.turns.acquire().await.ok();
        let time = match search.by_receipt_time {
            true => TimeColumn::Receipt,
            false => TimeColumn::Event,
        };
        let session = self.0.engine.open(search.range, time)?;
        let context = QueryContext {
            range: search.range,
            now: self.0.engine.store().clock().now(),
            time_zone: search.time_zone.clone(),
            auto_parse: search.auto_parse,
        };
        // SQL may ask anything; its facets are those of the table it most likely reads.
        let text = match search.language {
            Language::Sql => "*",
            Language::Log | Language::Metrics => search.query.as_str(),
        };
        let events = text
            .split_at(rowwise_end(text, &context, &session.context))
            .0;
        let events = filtered(events, Language::Log, filters, &context, &session.context)?;
        let names: Vec<String> = fields.iter().map(|name| quoted(name)).collect();
        let text = staged(&events, &format!("fields {}", names.join(", ")), "");
        let planned = plan(&text, &context, &session.context).map_err(QueryError::Invalid)?;
        let columns: Vec<String> = fields
            .iter()
            .filter_map(|name| {
                let field = planned.fields.iter();
                let mut same = field.filter(|field| field.name.eq_ignore_ascii_case(name));
                same.next().map(|field| field.column.clone())
            })
            .collect();
        let events = planned.first_stage(&session.context).await?;
        let only = LogicalPlanBuilder::from(events)
            .project(columns.iter().map(|name| column(name)))?
            .build()?;
        let mut stream = rows_of(only, &session.context).await?;
        let mut counters: Vec<Counter> = fields.iter().map(|_| Counter::default()).collect();
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            for (counter, name) in counters.iter_mut().zip(&columns) {
                counter.add(&batch, name)?;
            }
        }
        Ok(counters)
    }
}

fn quoted(name: &str) -> String {
    format!("%\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Counts the values of one field, up to a limit of different ones.
#[derive(Debug, Default)]
struct Counter {
    total: u64,
    missing: u64,
    is_capped: bool,
    counts: HashMap<String, u64>,
}

impl Counter {
    fn add(&mut self, batch: &RecordBatch, name: &str) -> Result<()> {
        self.total += batch.num_rows() as u64;
        let Some(array) = batch.column_by_name(name) else {
            self.missing += batch.num_rows() as u64;
            return Ok(());
        };
        let texts =
            cast(array, &DataType::Utf8View).map_err(datafusion::error::DataFusionError::from)?;
        let texts = texts.as_string_view();
        self.missing += texts.null_count() as u64;
        // Neighbours are often equal: they are looked up once.
        let mut run: Option<(&str, u64)> = None;
        for text in texts.iter().flatten() {
            match &mut run {
                Some((value, length)) if *value == text => *length += 1,
                _ => {
                    self.note(run.take());
                    run = Some((text, 1));
                }
            }
        }
        self.note(run);
        Ok(())
    }

    fn note(&mut self, run: Option<(&str, u64)>) {
        let Some((value, count)) = run else { return };
        if value.is_empty() {
            self.missing += count;
        } else if let Some(known) = self.counts.get_mut(value) {
            *known += count;
        } else if self.counts.len() < FACET_VALUES_MAX && value.len() <= FACET_VALUE_BYTES_MAX {
            self.counts.insert(value.to_owned(), count);
        } else {
            self.is_capped = true;
        }
    }

    fn finish(self, field: &str, values_max: usize) -> Facet {
        let numbers = numbers(&self.counts);
        let distinct = self.counts.len();
        let mut values: Vec<FacetValue> = self
            .counts
            .into_iter()
            .map(|(value, count)| FacetValue { value, count })
            .collect();
        values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        values.truncate(values_max);
        Facet {
            field: field.to_owned(),
            total: self.total,
            missing: self.missing,
            distinct,
            is_capped: self.is_capped,
            values,
            numbers,
        }
    }
}

/// How the values are spread; `None` unless every one is a number.
fn numbers(counts: &HashMap<String, u64>) -> Option<Numbers> {
    let mut sorted = Vec::with_capacity(counts.len());
    for (value, count) in counts {
        let number = value
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())?;
        sorted.push((number, *count));
    }
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (min, max) = (sorted.first()?.0, sorted.last()?.0);
    let total: u64 = sorted.iter().map(|(_, count)| count).sum();
    let percentile = |part: f64| {
        let wanted = (total as f64 * part).ceil() as u64;
        let mut seen = 0;
        let reached = sorted.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(max, |(number, _)| *number)
    };
    let mut bars = vec![0; BARS];
    for (number, count) in &sorted {
        let part = if max > min {
            (number - min) / (max - min)
        } else {
            0.0
        };
        let place = ((part * BARS as f64) as usize).min(BARS - 1);
        if let Some(bar) = bars.get_mut(place) {
            *bar += count;
        }
    }
    Some(Numbers {
        min,
        p50: percentile(0.5),
        p95: percentile(0.95),
        max,
        bars,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringViewArray};

    use super::*;

    fn counter(values: &[Option<&str>]) -> Counter {
        let array: ArrayRef = Arc::new(StringViewArray::from(values.to_vec()));
        let batch = RecordBatch::try_from_iter([("f", array)]).unwrap();
        let mut counter = Counter::default();
        counter.add(&batch, "f").unwrap();
        counter
    }

    #[test]
    fn the_most_frequent_value_stands_first() {
        let facet = counter(&[Some("b"), Some("a"), None, Some("b"), Some("")]).finish("f", 1);
        assert_eq!((facet.total, facet.missing, facet.distinct), (5, 2, 2));
        let value = "b".to_owned();
        assert_eq!(facet.values, [FacetValue { value, count: 2 }]);
        assert_eq!(facet.numbers, None);
    }

    #[test]
    fn numbers_have_percentiles() {
        let texts: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
        let values: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let facet = counter(&values).finish("f", 3);
        let numbers = facet.numbers.unwrap();
        assert_eq!(
            (numbers.min, numbers.p50, numbers.p95, numbers.max),
            (1.0, 50.0, 95.0, 100.0)
        );
        assert_eq!(numbers.bars.iter().sum::<u64>(), 100);
    }

    #[test]
    fn too_many_values_are_said_to_be() {
        let texts: Vec<String> = (0..FACET_VALUES_MAX + 5)
            .map(|number| format!("v{number}"))
            .collect();
        let values: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let facet = counter(&values).finish("f", 3);
        assert!(facet.is_capped);
        assert_eq!(facet.distinct, FACET_VALUES_MAX);
    }
}

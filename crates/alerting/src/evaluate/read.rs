//! Reads an answer: which groups there are, and each one's value.

use content::{Monitor, Reduction};
use query::MetricsSeries;

use super::Rows;
use crate::state::{Answer, Labels};
use crate::{AlertingError, Result};

/// The name of the count that is added to a query which does not aggregate.
const COUNT: &str = "_count";

/// Returns the value of each group.
pub(crate) fn answer(monitor: &Monitor, rows: &Rows) -> Result<Answer> {
    let mut answer = Answer::default();
    match rows {
        Rows::Series(all) => {
            for series in all {
                let value = reduce(monitor.reduce, &series.values);
                note(
                    monitor,
                    &mut answer,
                    labels_of_series(monitor, series),
                    value,
                );
            }
        }
        Rows::Table { count, page } => match &monitor.value {
            None if monitor.group_by.is_empty() => {
                answer.values.insert(Labels::new(), *count as f64);
            }
            None => {
                let is_counted = page
                    .fields
                    .iter()
                    .any(|field| field.name.eq_ignore_ascii_case(COUNT));
                for row in &page.rows {
                    let labels = labels(monitor, row);
                    let value = match (is_counted, find(row, COUNT)) {
                        (true, Some(text)) => text.parse().unwrap_or(f64::NAN),
                        _ => answer.values.get(&labels).copied().unwrap_or(0.0) + 1.0,
                    };
                    answer.values.insert(labels, value);
                }
            }
            Some(name) => {
                let is_known = page
                    .fields
                    .iter()
                    .any(|field| field.name.eq_ignore_ascii_case(name))
                    || page.rows.iter().any(|row| find(row, name).is_some());
                if !is_known && !page.rows.is_empty() {
                    return Err(unknown(monitor, name, page));
                }
                for row in &page.rows {
                    let value = find(row, name).and_then(|text| text.trim().parse().ok());
                    note(
                        monitor,
                        &mut answer,
                        labels(monitor, row),
                        value.unwrap_or(f64::NAN),
                    );
                }
            }
        },
    }
    Ok(answer)
}

fn unknown(monitor: &Monitor, name: &str, page: &query::Page) -> AlertingError {
    let names: Vec<&str> = page
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let likely = content::likely(name, names.iter().copied());
    let likely = likely.map_or_else(
        || format!("it gives {}", names.join(", ")),
        |likely| format!("did you mean `{likely}`?"),
    );
    AlertingError::Failed(format!(
        "the query of `{}` gives no field `{name}`; {likely}",
        monitor.name
    ))
}

/// Of several rows of one group the worst counts.
fn note(monitor: &Monitor, answer: &mut Answer, labels: Labels, value: f64) {
    let is_upward = monitor.is_upward();
    answer
        .values
        .entry(labels)
        .and_modify(|known| {
            let is_worse = if is_upward {
                value > *known
            } else {
                value < *known
            };
            if is_worse || known.is_nan() {
                *known = value;
            }
        })
        .or_insert(value);
}

fn find<'a>(row: &'a query::Row, name: &str) -> Option<&'a str> {
    let found = row
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

fn labels(monitor: &Monitor, row: &query::Row) -> Labels {
    let fields = monitor.group_by.iter();
    fields
        .map(|name| (name.clone(), find(row, name).unwrap_or_default().to_owned()))
        .collect()
}

fn labels_of_series(monitor: &Monitor, series: &MetricsSeries) -> Labels {
    let value = |name: &str| {
        let all = series.dimensions.iter();
        let mut all = all.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        all.next()
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    monitor
        .group_by
        .iter()
        .map(|name| (name.clone(), value(name)))
        .collect()
}

fn reduce(reduction: Reduction, values: &[f64]) -> f64 {
    let count = values.len() as f64;
    match reduction {
        Reduction::Avg => values.iter().sum::<f64>() / count,
        Reduction::Sum => values.iter().sum(),
        Reduction::Min => values.iter().copied().fold(f64::NAN, f64::min),
        Reduction::Max => values.iter().copied().fold(f64::NAN, f64::max),
        Reduction::Last => values.last().copied().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_one_value() {
        let values = [1.0, 5.0, 3.0];
        let all = [
            Reduction::Avg,
            Reduction::Sum,
            Reduction::Min,
            Reduction::Max,
            Reduction::Last,
        ];
        assert_eq!(
            all.map(|reduction| reduce(reduction, &values)),
            [3.0, 9.0, 1.0, 5.0, 3.0]
        );
        assert!(reduce(Reduction::Avg, &[]).is_nan());
    }
}

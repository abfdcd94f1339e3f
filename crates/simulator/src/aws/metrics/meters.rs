//! What the fleet's invocations add up to, by function and minute.
//!
//! An invocation counts for the minute in which it arrived, as soon as it is over and a delay has
//! passed, so that the latest minutes are incomplete; some are counted late, so that older minutes
//! are corrected, too.

use std::collections::BTreeMap;

use crate::config::Nuisances;
use crate::fleet::{FUNCTIONS, Measured};
use crate::random::mix;

pub(super) const MINUTE_MS: i64 = 60_000;
/// AWS may count an invocation so late.
const LATE_MS_MAX: u64 = 14 * 60_000;
/// One invocation of so many was refused once before, because too many ran.
const THROTTLED_ONE_IN: u64 = 400;
/// The functions that read a stream.
const READERS: [&str; 2] = ["loyalty-points", "search-indexer"];

/// The metrics of a function.
pub(super) const METRICS: [&str; 6] = [
    "ConcurrentExecutions",
    "Duration",
    "Errors",
    "Invocations",
    "IteratorAge",
    "Throttles",
];

/// What the metrics of each function add up to: their names with sums.
pub(crate) type MetricSums = BTreeMap<&'static str, BTreeMap<&'static str, f64>>;

/// One invocation.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// When it is counted.
    known_ms: i64,
    duration_ms: f64,
    is_error: bool,
    was_throttled: bool,
    /// How many ran at its arrival, with it.
    concurrent: u32,
    iterator_age_ms: f64,
}

impl Point {
    fn value(&self, metric: &str) -> f64 {
        let count = |happened| f64::from(u8::from(happened));
        match metric {
            "ConcurrentExecutions" => f64::from(self.concurrent),
            "Duration" => self.duration_ms,
            "Errors" => count(self.is_error),
            "Throttles" => count(self.was_throttled),
            "IteratorAge" => self.iterator_age_ms,
            _ => 1.0,
        }
    }
}

/// The invocations of a function.
#[derive(Debug, Default)]
struct Meter {
    /// By the start of their minute, in milliseconds.
    minutes: BTreeMap<i64, Vec<Point>>,
    /// When those end that were running at the last arrival.
    running: Vec<i64>,
}

/// The invocations of all functions, in the order of the list.
#[derive(Debug)]
pub(crate) struct Meters {
    meters: Vec<Meter>,
    nuisances: Nuisances,
}

impl Meters {
    pub(crate) fn new(nuisances: Nuisances) -> Meters {
        Meters {
            meters: FUNCTIONS.iter().map(|_| Meter::default()).collect(),
            nuisances,
        }
    }

    /// Counts invocations, in the order of their arrival.
    pub(crate) fn add(&mut self, invocations: Vec<Measured>) {
        for measured in invocations {
            let (arrival_ms, end_ms) = (measured.arrival.millis(), measured.end.millis());
            let dice = mix(arrival_ms as u64, measured.function as u64);
            let known_ms = end_ms + self.delay_ms(dice);
            let meter = &mut self.meters[measured.function];
            meter.running.retain(|running| *running > arrival_ms);
            meter.running.push(end_ms);
            let minute_ms = arrival_ms - arrival_ms.rem_euclid(MINUTE_MS);
            meter.minutes.entry(minute_ms).or_default().push(Point {
                known_ms,
                duration_ms: measured.duration_ms,
                is_error: measured.is_error,
                was_throttled: mix(dice, 3).is_multiple_of(THROTTLED_ONE_IN),
                concurrent: meter.running.len() as u32,
                iterator_age_ms: measured.duration_ms + (mix(dice, 4) % 4_000) as f64,
            });
        }
    }

    fn delay_ms(&self, dice: u64) -> i64 {
        let delay_ms = u64::from(self.nuisances.metric_delay_ms);
        let mut all = delay_ms / 2 + mix(dice, 1) % (delay_ms + 1);
        let late_per_million = (self.nuisances.late_metrics * 1e6) as u64;
        if mix(dice, 2) % 1_000_000 < late_per_million {
            all += mix(dice, 5) % LATE_MS_MAX;
        }
        all as i64
    }

    /// How many pages come in part.
    pub(super) fn partial(&self) -> f64 {
        self.nuisances.partial_metrics
    }

    /// Forgets the minutes before.
    pub(crate) fn retain(&mut self, before_ms: i64) {
        for meter in &mut self.meters {
            meter.minutes = meter.minutes.split_off(&before_ms);
        }
    }

    /// What the metrics of invocations that arrived before `until_ms` add up to, counted or not.
    pub(crate) fn sums(&self, until_ms: i64) -> MetricSums {
        let of = |meter: &Meter| -> BTreeMap<&'static str, f64> {
            let points = || {
                meter
                    .minutes
                    .range(..until_ms)
                    .flat_map(|(_, points)| points)
            };
            let sum = |name: &str| -> f64 { points().map(|point| point.value(name)).sum() };
            METRICS.iter().map(|name| (*name, sum(name))).collect()
        };
        let functions = FUNCTIONS.iter().zip(&self.meters);
        functions
            .map(|(function, meter)| (function.name, of(meter)))
            .collect()
    }

    /// The functions that have the metric, and got a value for it from `since_ms` on that is
    /// counted at `now_ms`.
    pub(super) fn functions<'a>(
        &'a self,
        metric: &'a str,
        since_ms: i64,
        now_ms: i64,
    ) -> impl Iterator<Item = &'static str> + 'a {
        let has_values = move |meter: &Meter| {
            let mut points = meter
                .minutes
                .range(since_ms..)
                .flat_map(|(_, points)| points);
            points.any(|point| point.known_ms <= now_ms)
        };
        let functions = FUNCTIONS.iter().zip(&self.meters);
        let having = functions.filter(move |(function, meter)| {
            has_metric(function.name, metric) && has_values(meter)
        });
        having.map(|(function, _)| function.name)
    }

    /// A metric's values in `start_ms..end_ms` that are counted at `now_ms`, by period; without a
    /// function those of all functions.
    pub(super) fn values(
        &self,
        metric: &str,
        function: Option<&str>,
        (start_ms, end_ms, period_ms): (i64, i64, i64),
        now_ms: i64,
    ) -> BTreeMap<i64, Vec<f64>> {
        let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        let functions = FUNCTIONS.iter().zip(&self.meters);
        let asked = functions.filter(|(known, _)| {
            function.is_none_or(|name| name == known.name) && has_metric(known.name, metric)
        });
        for (_, meter) in asked {
            let minutes = meter.minutes.range(start_ms..end_ms.max(start_ms));
            for (minute_ms, points) in minutes {
                let counted = points.iter().filter(|point| point.known_ms <= now_ms);
                let mut values = counted.map(|point| point.value(metric)).peekable();
                if values.peek().is_some() {
                    let period = minute_ms - minute_ms.rem_euclid(period_ms);
                    periods.entry(period).or_default().extend(values);
                }
            }
        }
        periods
    }
}

fn has_metric(function: &str, metric: &str) -> bool {
    METRICS.contains(&metric) && (metric != "IteratorAge" || READERS.contains(&function))
}

/// A statistic of values, by CloudWatch's name; `None` if there is none of this name.
pub(super) fn statistic(name: &str, values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    let (sum, count) = (values.iter().sum::<f64>(), values.len() as f64);
    Some(match name {
        "Sum" => sum,
        "Average" => sum / count,
        "SampleCount" => count,
        "Minimum" => first,
        "Maximum" => last,
        _ => {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            let rank = (percent / 100.0 * count).ceil().max(1.0) as usize;
            *values.get(rank - 1)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_values() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        let mut of = |name| statistic(name, &mut values);
        assert_eq!(of("Sum"), Some(10.0));
        assert_eq!(of("Average"), Some(2.5));
        assert_eq!(of("SampleCount"), Some(4.0));
        assert_eq!(of("Minimum"), Some(1.0));
        assert_eq!(of("Maximum"), Some(4.0));
        assert_eq!(of("p50"), Some(2.0));
        assert_eq!(of("p99"), Some(4.0));
        assert_eq!(of("p101"), None);
        assert_eq!(of("Median"), None);
        assert_eq!(statistic("Sum", &mut []), None);
    }
}

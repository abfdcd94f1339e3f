//! Statistics of Google's histograms. Pure.
//!
//! <https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#Distribution>

use serde::Deserialize;

use super::decode::Number;
use crate::otlp::Distribution;

/// Percentiles that are estimated: their statistic and the share below.
const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

/// A histogram as Google gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Histogram {
    count: Option<Number>,
    mean: Option<Number>,
    range: Option<Range>,
    bucket_options: Option<Bounds>,
    /// The first is below all bounds, the last above; zeros at the end are left out.
    bucket_counts: Vec<Number>,
}

#[derive(Debug, Deserialize)]
struct Range {
    min: Number,
    max: Number,
}

/// Where buckets end.
#[derive(Debug, Deserialize)]
enum Bounds {
    #[serde(rename = "linearBuckets", rename_all = "camelCase")]
    Linear {
        num_finite_buckets: u32,
        width: f64,
        #[serde(default)]
        offset: f64,
    },
    #[serde(rename = "exponentialBuckets", rename_all = "camelCase")]
    Exponential {
        num_finite_buckets: u32,
        growth_factor: f64,
        scale: f64,
    },
    #[serde(rename = "explicitBuckets", rename_all = "camelCase")]
    Explicit { bounds: Vec<f64> },
}

impl Bounds {
    /// How many bounds there are.
    fn count(&self) -> usize {
        match self {
            Bounds::Linear {
                num_finite_buckets, ..
            }
            | Bounds::Exponential {
                num_finite_buckets, ..
            } => *num_finite_buckets as usize + 1,
            Bounds::Explicit { bounds } => bounds.len(),
        }
    }

    /// The bound of this place, which must be one.
    fn bound(&self, place: usize) -> f64 {
        match self {
            Bounds::Linear { width, offset, .. } => offset + width * place as f64,
            Bounds::Exponential {
                growth_factor,
                scale,
                ..
            } => scale * growth_factor.powf(place as f64),
            Bounds::Explicit { bounds } => bounds[place],
        }
    }
}

impl Histogram {
    /// Its statistics: how many values, their sum and average, the least and the greatest where
    /// they are told, and percentiles as far as there are buckets.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn statistics(&self) -> Result<Vec<(&'static str, f64)>, String> {
        let number = |number: &Option<Number>| number.as_ref().map_or(Ok(0.0), Number::value);
        let (count, mean) = (number(&self.count)?, number(&self.mean)?);
        if count < 0.0 {
            return Err(format!("has a histogram of {count} values"));
        }
        let mut statistics = vec![("samplecount", count), ("sum", count * mean)];
        if count == 0.0 {
            return Ok(statistics);
        }
        statistics.push(("average", mean));
        let mut distribution = self.distribution()?;
        if let Some(Range { min, max }) = &self.range {
            let (min, max) = (min.value()?, max.value()?);
            statistics.extend([("minimum", min), ("maximum", max)]);
            distribution = distribution.within(Some(min), Some(max));
        }
        for (statistic, share) in PERCENTILES {
            let value = distribution.quantile(share);
            statistics.extend(value.map(|value| (statistic, value)));
        }
        Ok(statistics)
    }

    fn distribution(&self) -> Result<Distribution, String> {
        let Some(bounds) = &self.bucket_options else {
            return Distribution::explicit(&[], &[]);
        };
        let told = self.bucket_counts.len();
        if told > bounds.count() + 1 {
            return Err(format!(
                "has {told} buckets and {} bounds; there is at most one bucket more than bounds",
                bounds.count()
            ));
        }
        let mut counts = Vec::with_capacity(told + 1);
        for count in &self.bucket_counts {
            let count = count.value()?;
            if count < 0.0 {
                return Err(format!("has a bucket of {count} values"));
            }
            counts.push(count as u64);
        }
        // What is behind the buckets that are told is empty, and needs no bounds.
        let used: Vec<f64> = (0..told.min(bounds.count()))
            .map(|place| bounds.bound(place))
            .collect();
        counts.resize(used.len() + 1, 0);
        Distribution::explicit(&counts, &used)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn statistics(histogram: Value) -> Result<Vec<(&'static str, f64)>, String> {
        let histogram: Histogram =
            serde_json::from_value(histogram).map_err(|error| error.to_string())?;
        histogram.statistics()
    }

    fn percentile(options: &Value, counts: &[u32], statistic: &str) -> f64 {
        let counts: Vec<String> = counts.iter().map(u32::to_string).collect();
        let histogram = json!({
            "count": "100", "mean": 7.5, "bucketOptions": options, "bucketCounts": counts,
        });
        let statistics = statistics(histogram).unwrap();
        let found = statistics.iter().find(|(name, _)| *name == statistic);
        found.unwrap().1
    }

    #[test]
    fn percentiles_come_out_of_all_kinds_of_buckets() {
        let linear = json!({"linearBuckets": {"numFiniteBuckets": 4, "width": 10, "offset": 5}});
        // Fifty below 5, fifty from 15 up to 25; what is behind is left out.
        assert_eq!(percentile(&linear, &[50, 0, 50], "p50"), 5.0);
        assert_eq!(percentile(&linear, &[0, 0, 100], "p50"), 20.0);
        // Above all bounds nothing is known but the last bound.
        assert_eq!(percentile(&linear, &[0, 0, 0, 0, 0, 100], "p99"), 45.0);
        let exponential = json!({"exponentialBuckets":
            {"numFiniteBuckets": 3, "growthFactor": 2, "scale": 100}});
        // From 200 up to 400.
        assert_eq!(percentile(&exponential, &[0, 0, 100], "p95"), 390.0);
        let explicit = json!({"explicitBuckets": {"bounds": [0, 1, 3]}});
        assert_eq!(percentile(&explicit, &[0, 0, 100], "p50"), 2.0);
    }

    #[test]
    fn sums_and_the_range_are_told_also_without_buckets() {
        let range = json!({"count": "4", "mean": 2.5, "range": {"min": 1, "max": "7"}});
        assert_eq!(
            statistics(range).unwrap(),
            [
                ("samplecount", 4.0),
                ("sum", 10.0),
                ("average", 2.5),
                ("minimum", 1.0),
                ("maximum", 7.0)
            ]
        );
        let empty = statistics(json!({})).unwrap();
        assert_eq!(empty, [("samplecount", 0.0), ("sum", 0.0)]);
    }

    #[test]
    fn histograms_that_cannot_be_are_refused() {
        let linear = |numbers: u32, width: f64| {
            json!({"linearBuckets":
                {"numFiniteBuckets": numbers, "width": width, "offset": 0}})
        };
        for (options, counts) in [
            (linear(1, 1.0), json!(["1", "1", "1", "1"])),
            (linear(4, 0.0), json!(["1", "1", "1"])),
            (linear(4, 1.0), json!(["-1"])),
            (linear(4, 1.0), json!(["many"])),
            (
                json!({"explicitBuckets": {"bounds": [2, 1]}}),
                json!(["0", "0", "1"]),
            ),
            (json!({"cubicBuckets": {}}), json!(["1"])),
        ] {
            let histogram = json!({
                "count": "3", "mean": 1, "bucketOptions": options, "bucketCounts": counts,
            });
            assert!(statistics(histogram.clone()).is_err(), "{histogram}");
        }
        // As many buckets as are said would not fit in memory; they are not made.
        let many = json!({
            "count": "1", "bucketOptions": linear(u32::MAX, 1.0), "bucketCounts": ["0", "1"],
        });
        assert!(statistics(many).is_ok());
    }
}

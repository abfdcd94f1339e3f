//! Estimates percentiles from the buckets of a histogram. Pure.

use super::messages::{Buckets, ExponentialPoint};

/// Scales that the data model knows
/// (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>: senders
/// are held to these).
const SCALES: std::ops::RangeInclusive<i32> = -10..=20;

/// So many values lay between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    lower: f64,
    upper: f64,
    count: f64,
}

/// How often values lay where, in ascending order.
#[derive(Debug, PartialEq)]
pub(crate) struct Distribution {
    buckets: Vec<Bucket>,
    min: Option<f64>,
    max: Option<f64>,
}

impl Distribution {
    /// Buckets between `bounds`, with one below and one above them all.
    pub(crate) fn explicit(counts: &[u64], bounds: &[f64]) -> Result<Self, String> {
        if !counts.is_empty() && counts.len() != bounds.len() + 1 {
            return Err(format!(
                "has {} buckets and {} bounds; there is one bucket more than bounds",
                counts.len(),
                bounds.len()
            ));
        }
        let is_ascending = bounds.is_sorted_by(|a, b| a < b);
        if !is_ascending || bounds.iter().any(|bound| !bound.is_finite()) {
            return Err("has bounds that do not ascend".to_owned());
        }
        // Nothing is known of where the outermost buckets end: values are held to be at the
        // bound, and below the first bound to be positive.
        let first = bounds.first().copied().unwrap_or(0.0);
        let last = bounds.last().copied().unwrap_or(0.0);
        let lowers = [first.min(0.0)].into_iter().chain(bounds.iter().copied());
        let uppers = bounds.iter().copied().chain([last]);
        let buckets = counts.iter().zip(lowers).zip(uppers);
        Ok(Distribution {
            buckets: buckets
                .map(|((count, lower), upper)| Bucket {
                    lower,
                    upper,
                    count: *count as f64,
                })
                .collect(),
            min: None,
            max: None,
        })
    }

    /// The same, where the least and the greatest value are known.
    pub(crate) fn within(mut self, min: Option<f64>, max: Option<f64>) -> Self {
        let is_range = min.is_none_or(|min| max.is_none_or(|max| min <= max));
        if is_range {
            (self.min, self.max) = (min, max);
        }
        if let (Some(last), Some(max)) = (self.buckets.last_mut(), self.max) {
            last.upper = last.upper.max(max);
        }
        self
    }

    /// The value below which this share of all values lies, as if those of one bucket lay evenly
    /// in it; `None` if there is none.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let total: f64 = self.buckets.iter().map(|bucket| bucket.count).sum();
        if total <= 0.0 {
            return None;
        }
        let rank = share * total;
        let mut before = 0.0;
        let mut value = None;
        for bucket in self.buckets.iter().filter(|bucket| bucket.count > 0.0) {
            let part = ((rank - before) / bucket.count).clamp(0.0, 1.0);
            value = Some(bucket.lower + (bucket.upper - bucket.lower) * part);
            before += bucket.count;
            if before >= rank {
                break;
            }
        }
        let value = value?;
        let value = self.min.map_or(value, |min| value.max(min));
        Some(self.max.map_or(value, |max| value.min(max)))
    }
}

/// The buckets of an exponential histogram: those below zero, the one around it, those above.
pub(super) fn exponential(point: &ExponentialPoint) -> Result<Distribution, String> {
    if !SCALES.contains(&point.scale) {
        return Err(format!(
            "has the scale {}; scales go from {} to {}",
            point.scale,
            SCALES.start(),
            SCALES.end()
        ));
    }
    let bounds = |buckets: &Option<Buckets>| -> Vec<Bucket> {
        let side = buckets.iter();
        let side = side.flat_map(
            |Buckets {
                 offset,
                 bucket_counts,
             }| {
                let indexes = i64::from(*offset)..;
                indexes.zip(bucket_counts).map(|(index, count)| Bucket {
                    lower: bound(index, point.scale),
                    upper: bound(index + 1, point.scale),
                    count: *count as f64,
                })
            },
        );
        side.collect()
    };
    let negative = bounds(&point.negative).into_iter().rev();
    let mut buckets: Vec<Bucket> = negative
        .map(|bucket| Bucket {
            lower: -bucket.upper,
            upper: -bucket.lower,
            count: bucket.count,
        })
        .collect();
    let threshold = if point.zero_threshold.is_finite() {
        point.zero_threshold.abs()
    } else {
        0.0
    };
    buckets.push(Bucket {
        lower: if buckets.is_empty() { 0.0 } else { -threshold },
        upper: threshold,
        count: point.zero_count as f64,
    });
    buckets.extend(bounds(&point.positive));
    Ok(Distribution {
        buckets,
        min: None,
        max: None,
    })
}

/// 2^(index · 2^-scale), held to what a number can be.
fn bound(index: i64, scale: i32) -> f64 {
    let exponent = index as f64 * f64::from(-scale).exp2();
    exponent.exp2().min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explicit(counts: &[u64], bounds: &[f64]) -> Distribution {
        Distribution::explicit(counts, bounds).unwrap()
    }

    #[test]
    fn percentiles_lie_evenly_in_their_bucket() {
        let distribution = explicit(&[10, 80, 10], &[100.0, 200.0]);
        assert_eq!(distribution.quantile(0.05), Some(50.0));
        assert_eq!(distribution.quantile(0.5), Some(150.0));
        assert_eq!(distribution.quantile(0.99), Some(200.0));
        let known = distribution.within(Some(90.0), Some(400.0));
        assert_eq!(known.quantile(0.05), Some(90.0));
        assert_eq!(known.quantile(0.95), Some(300.0));
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(explicit(&[], &[]).quantile(0.5), None);
        assert_eq!(explicit(&[0, 0], &[1.0]).quantile(0.5), None);
    }

    #[test]
    fn buckets_that_cannot_be_are_refused() {
        for (counts, bounds) in [
            (&[1, 2][..], &[][..]),
            (&[1, 2, 3], &[2.0, 1.0]),
            (&[1, 2], &[f64::NAN]),
            (&[1, 2, 3], &[1.0, 1.0]),
        ] {
            assert!(
                Distribution::explicit(counts, bounds).is_err(),
                "{bounds:?}"
            );
        }
    }

    #[test]
    fn exponential_buckets_are_powers() {
        let mut point = ExponentialPoint {
            scale: 0,
            zero_count: 2,
            positive: Some(Buckets {
                offset: 1,
                bucket_counts: vec![4, 4],
            }),
            negative: Some(Buckets {
                offset: 0,
                bucket_counts: vec![2],
            }),
            ..ExponentialPoint::default()
        };
        // Two in (-2, -1], two around zero, four in (2, 4], four in (4, 8].
        let distribution = exponential(&point).unwrap();
        assert_eq!(distribution.quantile(0.0), Some(-2.0));
        assert_eq!(distribution.quantile(0.5), Some(3.0));
        assert_eq!(distribution.quantile(1.0), Some(8.0));
        point.scale = 21;
        assert!(exponential(&point).is_err());
        point.scale = -10;
        assert_eq!(exponential(&point).unwrap().quantile(1.0), Some(f64::MAX));
    }
}

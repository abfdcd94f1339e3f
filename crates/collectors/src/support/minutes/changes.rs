//! Leaves out samples that were told before and have not changed since. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Sample, Series, Timestamp};

type Told = HashMap<(Arc<Series>, Option<Arc<str>>), f64>;

/// The samples that were handed over and may still be corrected, by time.
#[derive(Debug, Default)]
pub(super) struct Changes {
    told: BTreeMap<Timestamp, Told>,
}

impl Changes {
    /// Keeps what is new, or not as it was told.
    pub(super) fn keep_changed(&self, samples: &mut Vec<Sample>) {
        samples.retain(|sample| {
            let told = sample.time.and_then(|time| {
                let key = (Arc::clone(&sample.series), sample.statistic.clone());
                self.told.get(&time)?.get(&key)
            });
            told != Some(&sample.value)
        });
    }

    /// Notes what was handed over.
    pub(super) fn note(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if let Some(time) = sample.time {
                let told = self.told.entry(time).or_default();
                told.insert((sample.series, sample.statistic), sample.value);
            }
        }
    }

    /// Forgets what is older: it will not be read again.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        self.told = self.told.split_off(&time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(minute: i64, statistic: &str, value: f64) -> Sample {
        Sample {
            series: Arc::new(Series {
                metric: "Invocations".to_owned(),
                ..Series::default()
            }),
            time: Some(Timestamp::from_millis(minute * 60_000)),
            statistic: Some(statistic.into()),
            value,
        }
    }

    #[test]
    fn only_what_changed_is_told_again() {
        let mut changes = Changes::default();
        changes.note(vec![sample(1, "sum", 3.0), sample(2, "sum", 4.0)]);
        let mut read = vec![
            sample(1, "sum", 3.0),
            sample(2, "sum", 5.0),
            sample(2, "average", 4.0),
            sample(3, "sum", 3.0),
        ];
        changes.keep_changed(&mut read);
        assert_eq!(
            read,
            [
                sample(2, "sum", 5.0),
                sample(2, "average", 4.0),
                sample(3, "sum", 3.0)
            ]
        );
        changes.note(read);
        changes.forget_before(Timestamp::from_millis(2 * 60_000));
        let mut read = vec![sample(1, "sum", 3.0), sample(2, "sum", 5.0)];
        changes.keep_changed(&mut read);
        assert_eq!(read, [sample(1, "sum", 3.0)]);
    }
}

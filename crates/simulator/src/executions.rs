//! What the metrics of clouds are counted from: executions, by the minute in which they ended.
//! Some are counted late, so that a minute that was told already is corrected.

use std::collections::BTreeMap;

use model::Timestamp;

use crate::config::Nuisances;
use crate::random::Random;

pub(crate) const MINUTE_MS: i64 = 60_000;

/// All executions of a cloud, by the minutes since the epoch.
#[derive(Debug)]
pub(crate) struct Executions<E> {
    minutes: BTreeMap<i64, Vec<Counted<E>>>,
    random: Random,
    late_fraction: f64,
    late_ms_max: u64,
}

/// An execution, and from when on it is counted.
#[derive(Debug)]
struct Counted<E> {
    execution: E,
    from: Timestamp,
}

impl<E> Executions<E> {
    pub(crate) fn new(seed: u64, nuisances: &Nuisances) -> Self {
        Executions {
            minutes: BTreeMap::new(),
            random: Random::new(seed),
            late_fraction: nuisances.counted_late,
            late_ms_max: u64::from(nuisances.counted_late_ms_max),
        }
    }

    /// Notes one that ends at `end`.
    pub(crate) fn note(&mut self, end: Timestamp, execution: E) {
        let minute = end.millis().div_euclid(MINUTE_MS);
        let late_ms = match self.random.chance(self.late_fraction) {
            true => self.random.below(self.late_ms_max + 1) as i64,
            false => 0,
        };
        let from = Timestamp::from_millis((minute + 1) * MINUTE_MS + late_ms);
        let counted = Counted { execution, from };
        self.minutes.entry(minute).or_default().push(counted);
    }

    /// The minutes that begin at `start` or later and end at `end` or earlier, with what is counted
    /// of each at `now`.
    pub(crate) fn minutes(
        &self,
        (start, end): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Vec<&E>)> {
        let first = start
            .millis()
            .saturating_add(MINUTE_MS - 1)
            .div_euclid(MINUTE_MS);
        let behind = end.millis().div_euclid(MINUTE_MS);
        let minutes = self.minutes.range(first..behind.max(first));
        minutes.map(move |(minute, all)| {
            let counted = all.iter().filter(|one| one.from <= now);
            let begin = Timestamp::from_millis(minute * MINUTE_MS);
            (begin, counted.map(|one| &one.execution).collect())
        })
    }

    /// Forgets the minutes that began before.
    pub(crate) fn retain(&mut self, oldest: Timestamp) {
        let minute = oldest.millis().div_euclid(MINUTE_MS);
        self.minutes = self.minutes.split_off(&minute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);

    fn after(ms: i64) -> Timestamp {
        START.saturating_add_millis(ms)
    }

    #[test]
    fn a_minute_is_told_when_it_is_over_and_corrected_by_what_is_counted_late() {
        let nuisances = Nuisances {
            counted_late: 0.5,
            counted_late_ms_max: 300_000,
            ..Nuisances::none()
        };
        let mut executions = Executions::new(1, &nuisances);
        for number in 0..1_000 {
            executions.note(after(number * 60), number);
        }
        executions.note(after(60_000), 1_000);
        let count = |now| {
            let minutes = executions.minutes((START, after(60_000)), now);
            minutes.map(|(_, all)| all.len()).sum::<usize>()
        };
        assert_eq!(count(after(59_999)), 0);
        let first = count(after(60_000));
        assert!((400..600).contains(&first), "{first}");
        assert!(count(after(200_000)) > first);
        assert_eq!(count(after(360_000)), 1_000);
        // A minute that is not whole in the range is none of it.
        let narrow = executions.minutes((after(1), after(119_999)), Timestamp::MAX);
        assert_eq!(narrow.count(), 0);
    }
}

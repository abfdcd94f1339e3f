//! Ingest budgets: how much a source may send in a day. What is beyond is dropped, and said.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::{LogEvent, Timestamp, size};
use serde::{Deserialize, Serialize};

use crate::metrics;
use crate::route::fits;

const DAY_NANOS: i64 = 24 * 3_600 * 1_000_000_000;

/// The budget of one source, or of all whose names a pattern fits together. Days are those of
/// UTC; what was sent before a restart of the node is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The source's name; `*` stands for any text.
    pub source: String,
    /// Bytes of messages in a day.
    #[serde(with = "size")]
    pub bytes_per_day: u64,
}

impl Budget {
    pub(super) fn validate(&self) -> Result<(), String> {
        match self.source.is_empty() {
            true => Err("an ingest budget needs the name of its source".to_owned()),
            false => Ok(()),
        }
    }
}

/// What the budgets' sources have sent today.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    budgets: Vec<Budget>,
    days: Mutex<HashMap<usize, Day>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Day {
    number: i64,
    bytes: u64,
    dropped_events: u64,
    dropped_bytes: u64,
}

impl Budgets {
    pub(crate) fn new(budgets: Vec<Budget>) -> Self {
        Budgets {
            budgets,
            days: Mutex::default(),
        }
    }

    /// Keeps what the budgets allow at `now`.
    pub(crate) fn apply(&self, events: &mut Vec<LogEvent>, now: Timestamp) {
        if self.budgets.is_empty() {
            return;
        }
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        events.retain(|event| {
            let source = event.metadata.source.as_str();
            let mut budgets = self.budgets.iter().enumerate();
            let Some((index, budget)) = budgets.find(|(_, budget)| fits(&budget.source, source))
            else {
                return true;
            };
            let day = days.entry(index).or_default();
            day.begin(now.nanos().div_euclid(DAY_NANOS), budget);
            day.takes(event.message.len() as u64, budget)
        });
    }
}

impl Day {
    /// Begins a new day if there is one, and says what the last has dropped.
    fn begin(&mut self, number: i64, budget: &Budget) {
        if self.number == number {
            return;
        }
        if self.dropped_events > 0 {
            tracing::warn!(
                source = budget.source,
                events = self.dropped_events,
                bytes = self.dropped_bytes,
                "dropped what was beyond the source's budget of the last day"
            );
        }
        *self = Day {
            number,
            ..Day::default()
        };
    }

    fn takes(&mut self, bytes: u64, budget: &Budget) -> bool {
        if self.bytes + bytes <= budget.bytes_per_day {
            self.bytes += bytes;
            return true;
        }
        if self.dropped_events == 0 {
            tracing::warn!(
                source = budget.source,
                bytes_per_day = budget.bytes_per_day,
                "the source's budget of the day is spent; events are dropped until midnight UTC"
            );
        }
        self.dropped_events += 1;
        self.dropped_bytes += bytes;
        metrics::over_budget(&budget.source, bytes);
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::SourceMetadata;

    use super::*;

    fn events(source: &str, count: usize) -> Vec<LogEvent> {
        let metadata = Arc::new(SourceMetadata {
            source: source.to_owned(),
            ..SourceMetadata::default()
        });
        let event = LogEvent {
            message: "0123456789".to_owned(),
            metadata,
            ..LogEvent::default()
        };
        vec![event; count]
    }

    fn taken(budgets: &Budgets, source: &str, count: usize, day: i64) -> usize {
        let mut events = events(source, count);
        budgets.apply(&mut events, Timestamp::from_nanos(day * DAY_NANOS + 1));
        events.len()
    }

    #[test]
    fn a_source_gets_what_its_budget_allows_each_day() {
        let budgets = Budgets::new(vec![Budget {
            source: "noisy*".to_owned(),
            bytes_per_day: 35,
        }]);
        assert_eq!(taken(&budgets, "noisy-1", 2, 1), 2);
        assert_eq!(taken(&budgets, "quiet", 100, 1), 100);
        assert_eq!(taken(&budgets, "noisy-2", 5, 1), 1);
        assert_eq!(taken(&budgets, "noisy-1", 1, 1), 0);
        assert_eq!(taken(&budgets, "noisy-1", 9, 2), 3);
    }
}

//! Puts the fleet's events into the log groups as time goes on: in batches a second long, with the
//! delays that acceptance and indexing take, and some of them late.

use std::sync::Arc;

use model::Timestamp;

use super::store::{Event, EventKey, Group, Store};
use crate::config::Nuisances;
use crate::fleet::{FUNCTIONS, Fleet, FleetConfig, FleetEvent, Measured};
use crate::random::{mix, mix_text};

/// Late events are at least so late.
const LATE_MS_MIN: u64 = 10_000;

/// The fleet and its way into the store.
#[derive(Debug)]
pub(crate) struct Feed {
    fleet: Fleet,
    /// The log group of each function.
    groups: Vec<String>,
    nuisances: Nuisances,
    seed: u64,
}

impl Feed {
    /// Creates the fleet's log groups in `store`; they are as old as the fleet.
    pub(crate) fn new(config: FleetConfig, nuisances: Nuisances, store: &mut Store) -> Feed {
        let groups: Vec<String> = FUNCTIONS.iter().map(|f| f.log_group()).collect();
        if config.events_per_second > 0.0 {
            for name in &groups {
                // A group of this name cannot be there yet: the store is new.
                store
                    .create_group(name, config.start.millis(), true)
                    .unwrap_or_default();
            }
        }
        Feed {
            seed: config.seed,
            fleet: Fleet::measuring(config),
            groups,
            nuisances,
        }
    }

    /// Appends everything that the fleet has logged until `now_ms`.
    pub(crate) fn advance(&mut self, now_ms: i64, store: &mut Store) {
        while let Some(event) = self.fleet.next_until(Timestamp::from_millis(now_ms)) {
            if let Some(group) = store.groups.get_mut(&self.groups[event.function]) {
                self.append(event, group);
            }
        }
    }

    /// What the invocations were like that have arrived since this was called last.
    pub(crate) fn take_measured(&mut self) -> Vec<Measured> {
        self.fleet.take_measured()
    }

    fn append(&self, event: FleetEvent, group: &mut Group) {
        let exact_ms = event.event_time.millis();
        let grain_ms = i64::from(self.nuisances.time_grain_ms.max(1));
        let time_ms = exact_ms - exact_ms.rem_euclid(grain_ms);
        let second = exact_ms.div_euclid(1_000);
        let stream = group.stream_mut(&event.stream, exact_ms);
        if stream.batch.0 != second {
            stream.batch = (second, 0);
        }
        let index = stream.batch.1;
        stream.batch.1 += 1;

        let request = mix(mix_text(self.seed, &event.stream), second as u64);
        let dice = mix(request, u64::from(index));
        let mut ingestion_ms = (second + 1) * 1_000 + (request % 400) as i64;
        if fraction(dice) < self.nuisances.late_fraction {
            let span = u64::from(self.nuisances.late_ms_max).saturating_sub(LATE_MS_MIN);
            ingestion_ms += (LATE_MS_MIN + mix(dice, 1) % (span + 1)) as i64;
        }
        let delay_ms = u64::from(self.nuisances.ingestion_delay_ms);
        let visible_ms = ingestion_ms + (delay_ms / 2 + mix(request, 2) % (delay_ms + 1)) as i64;
        let key = EventKey {
            time_ms,
            ingestion_ms,
            request,
            index,
        };
        group.append(
            key,
            Event {
                stream: Arc::clone(&event.stream),
                message: event.message,
                visible_ms,
            },
        );
    }
}

fn fraction(dice: u64) -> f64 {
    (dice >> 11) as f64 / (1u64 << 53) as f64
}

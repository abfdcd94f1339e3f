//! When which function is invoked: one lane for each, with random waiting times.

use model::Timestamp;

use super::FleetConfig;
use super::functions::Function;
use super::sandbox::Sandboxes;
use crate::random::{Random, mix_text};

/// What one function carries from invocation to invocation.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) random: Random,
    pub(super) sandboxes: Sandboxes,
    /// When its next invocation arrives, in milliseconds.
    arrival_ms: f64,
    /// The mean time between two invocations, in milliseconds.
    interval_ms: f64,
}

/// The lanes of a list of functions, in its order.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// After this moment nothing is invoked, in milliseconds.
    end_ms: f64,
}

impl Lanes {
    /// Lanes of functions that together write as many events as `config` says.
    pub(super) fn new(functions: &[Function], config: &FleetConfig) -> Lanes {
        let weight: f64 = functions.iter().map(|f| f.weight).sum();
        let events: f64 = functions
            .iter()
            .map(|f| f.weight * f.events_per_invocation())
            .sum();
        let invocations_per_second = config.events_per_second * weight / events;
        let lanes = functions.iter().map(|function| {
            let mut random = Random::new(mix_text(config.seed, function.name));
            let share = function.weight / weight;
            let interval_ms = match invocations_per_second > 0.0 {
                true => 1_000.0 / (invocations_per_second * share),
                false => f64::INFINITY,
            };
            Lane {
                arrival_ms: config.start.millis() as f64 + random.waiting(interval_ms),
                interval_ms,
                sandboxes: Sandboxes::default(),
                random,
            }
        });
        Lanes {
            lanes: lanes.collect(),
            end_ms: config.end.map_or(f64::INFINITY, |end| end.millis() as f64),
        }
    }

    /// The function whose invocation arrives next, and when, in milliseconds.
    pub(super) fn next(&self) -> Option<(usize, f64)> {
        let arrivals = self.lanes.iter().map(|lane| lane.arrival_ms).enumerate();
        arrivals
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .filter(|(_, arrival_ms)| arrival_ms.is_finite() && *arrival_ms < self.end_ms)
    }

    /// Lets the function's invocation arrive, and draws when the one after does.
    pub(super) fn arrive(&mut self, index: usize) -> (Timestamp, &mut Lane) {
        let lane = &mut self.lanes[index];
        let arrival = Timestamp::from_millis(lane.arrival_ms as i64);
        // Traffic swells and ebbs a little, in waves of half an hour.
        let phase = lane.arrival_ms / 1_800_000.0 * std::f64::consts::TAU;
        let swell = 1.0 + 0.15 * phase.sin();
        lane.arrival_ms += lane.random.waiting(lane.interval_ms / swell);
        (arrival, lane)
    }
}

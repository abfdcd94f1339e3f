//! Hosts: the instances on which all functions of an app run, several executions at a time.

use std::sync::Arc;

use model::Timestamp;

use super::platform::request_id;
use crate::random::{Random, mix_text};

/// How many executions a host takes at the same time before the app gets another.
const EXECUTIONS_MAX: usize = 4;
/// How long an idle host is kept.
const IDLE_MS: i64 = 5 * 60_000;
/// How old a host gets at most: the platform moves apps about.
const AGE_MS: i64 = 50 * 60_000;

/// One instance of the host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// In the form of a UUID; a host that starts anew has another.
    pub(crate) instance: String,
    /// The instance of the plan: 32 hexadecimal digits.
    pub(crate) role: String,
    pub(crate) process: u64,
    /// When it began to start, and when it could take executions.
    pub(crate) born: Timestamp,
    pub(crate) ready: Timestamp,
}

/// What an execution gets to run on.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) host: Arc<Host>,
    /// Whether the host was started for it.
    pub(super) is_first: bool,
}

/// The hosts of one app.
#[derive(Debug)]
pub(super) struct Hosts {
    running: Vec<Running>,
    random: Random,
}

/// A host, and when its executions end.
#[derive(Debug)]
struct Running {
    host: Arc<Host>,
    ends: Vec<Timestamp>,
    last_end: Timestamp,
}

impl Hosts {
    /// An app that has no host yet.
    pub(super) fn new(seed: u64, app: &str) -> Self {
        Hosts {
            running: Vec::new(),
            random: Random::new(mix_text(seed, app)),
        }
    }

    /// Finds the host for an execution that arrives at `moment`: the fullest that has room, or a
    /// new one, which takes about `start_ms` to start.
    pub(super) fn take(&mut self, moment: Timestamp, start_ms: f64) -> Seat {
        self.running.retain_mut(|running| {
            running.ends.retain(|end| *end > moment);
            let is_idle = running.last_end.saturating_add_millis(IDLE_MS) <= moment;
            let is_old = running.host.born.saturating_add_millis(AGE_MS) <= moment;
            !running.ends.is_empty() || !(is_idle || is_old)
        });
        let with_room = self
            .running
            .iter()
            .filter(|running| running.ends.len() < EXECUTIONS_MAX)
            .filter(|running| running.host.born.saturating_add_millis(AGE_MS) > moment);
        if let Some(running) = with_room.max_by_key(|running| running.ends.len()) {
            return Seat {
                host: Arc::clone(&running.host),
                is_first: false,
            };
        }
        let host = Arc::new(self.start(moment, start_ms));
        self.running.push(Running {
            host: Arc::clone(&host),
            ends: Vec::new(),
            last_end: host.ready,
        });
        Seat {
            host,
            is_first: true,
        }
    }

    /// Notes that an execution on `host` lasts until `end`; a host that `died` is not used again.
    pub(super) fn occupy(&mut self, host: &Host, end: Timestamp, died: bool) {
        self.running
            .retain(|running| !(died && *running.host == *host));
        if let Some(running) = self.running.iter_mut().find(|one| *one.host == *host) {
            running.ends.push(end);
            running.last_end = running.last_end.max(end);
        }
    }

    fn start(&mut self, born: Timestamp, start_ms: f64) -> Host {
        let random = &mut self.random;
        let took_ms = random.duration(start_ms, start_ms * 1.7).ceil();
        Host {
            instance: request_id(random),
            role: format!("{:016X}{:016X}", random.bits(), random.bits()),
            process: 24 + random.below(9_000),
            born,
            ready: born.saturating_add_millis(took_ms as i64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);

    fn after(seconds: i64) -> Timestamp {
        START.saturating_add_millis(seconds * 1_000)
    }

    #[test]
    fn a_host_takes_several_executions_before_there_is_another() {
        let mut hosts = Hosts::new(1, "shop");
        let first = hosts.take(START, 900.0);
        assert!(first.is_first && first.host.ready > first.host.born);
        hosts.occupy(&first.host, after(20), false);
        for _ in 1..EXECUTIONS_MAX {
            let seat = hosts.take(after(1), 900.0);
            assert!(!seat.is_first && seat.host == first.host);
            hosts.occupy(&seat.host, after(10), false);
        }
        let second = hosts.take(after(2), 900.0);
        assert!(second.is_first && second.host.instance != first.host.instance);
        assert!(!hosts.take(after(11), 900.0).is_first);
    }

    #[test]
    fn idle_old_and_dead_hosts_are_not_used_again() {
        let mut hosts = Hosts::new(1, "shop");
        let dead = hosts.take(START, 900.0).host;
        hosts.occupy(&dead, after(5), true);
        let idle = hosts.take(after(6), 900.0);
        assert!(idle.is_first);
        hosts.occupy(&idle.host, after(7), false);
        let late = hosts.take(after(7 + IDLE_MS / 1_000), 900.0);
        assert!(late.is_first);
        for minute in 0..120 {
            let seat = hosts.take(after(400 + minute * 60), 900.0);
            hosts.occupy(&seat.host, after(401 + minute * 60), false);
            assert!(seat.host.born.saturating_add_millis(AGE_MS) > after(400 + minute * 60));
        }
    }
}

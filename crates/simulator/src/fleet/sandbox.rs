//! Sandboxes: the instances that a function's invocations share, each with its own log stream.

use std::fmt::Write as _;
use std::sync::Arc;

use model::Timestamp;

use super::moment::day;
use crate::random::Random;

/// How long an idle sandbox is kept.
const IDLE_MS: i64 = 6 * 60_000;
/// How old a sandbox gets at most.
const AGE_MS: i64 = 75 * 60_000;

/// One instance of a function.
#[derive(Debug)]
struct Sandbox {
    stream: Arc<str>,
    version: u32,
    born: Timestamp,
    free_at: Timestamp,
    needs_init: bool,
    used_mb: u32,
}

/// What an invocation gets to run in.
#[derive(Debug)]
pub(crate) struct Place {
    /// The log stream.
    pub(crate) stream: Arc<str>,
    /// Whether the runtime has to be initialised first.
    pub(crate) is_cold: bool,
    /// The most memory that the sandbox has used so far, in MB.
    pub(crate) used_mb: u32,
    /// Which one it is among those that there are.
    pub(super) index: usize,
}

/// The sandboxes of one function.
#[derive(Debug, Default)]
pub(crate) struct Sandboxes(Vec<Sandbox>);

impl Sandboxes {
    /// Finds the sandbox for an invocation of `version` that arrives at `moment`: the free one
    /// that was used last, or a new one.
    pub(crate) fn take(&mut self, version: u32, moment: Timestamp, random: &mut Random) -> Place {
        self.0.retain(|sandbox| {
            sandbox.free_at > moment
                || (sandbox.version == version
                    && sandbox.free_at.saturating_add_millis(IDLE_MS) > moment
                    && sandbox.born.saturating_add_millis(AGE_MS) > moment)
        });
        let free = (0..self.0.len())
            .filter(|&at| self.0[at].free_at <= moment && self.0[at].version == version)
            .max_by_key(|&at| self.0[at].free_at);
        let index = free.unwrap_or_else(|| {
            self.0.push(Sandbox {
                stream: stream_name(version, moment, random),
                version,
                born: moment,
                free_at: moment,
                needs_init: true,
                used_mb: 0,
            });
            self.0.len() - 1
        });
        let sandbox = &self.0[index];
        Place {
            stream: Arc::clone(&sandbox.stream),
            is_cold: sandbox.needs_init,
            used_mb: sandbox.used_mb,
            index,
        }
    }

    /// Notes that the invocation in `place` ended at `moment`; a sandbox whose process died starts
    /// anew with the next invocation.
    pub(crate) fn give_back(&mut self, place: &Place, moment: Timestamp, used_mb: u32, died: bool) {
        let sandbox = &mut self.0[place.index];
        sandbox.free_at = moment.saturating_add_millis(1);
        sandbox.needs_init = died;
        sandbox.used_mb = if died { 0 } else { used_mb };
    }
}

fn stream_name(version: u32, moment: Timestamp, random: &mut Random) -> Arc<str> {
    let mut name = day(moment);
    write!(
        name,
        "/[{version}]{:016x}{:016x}",
        random.bits(),
        random.bits()
    )
    .expect("writing to a string cannot fail");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_sandbox_is_used_again_and_a_busy_one_is_not() {
        let (mut sandboxes, mut random) = (Sandboxes::default(), Random::new(1));
        let start = Timestamp::from_millis(1_795_444_803_007);
        let first = sandboxes.take(41, start, &mut random);
        assert!(first.is_cold);
        assert!(first.stream.starts_with("2026/11/23/[41]"));
        sandboxes.give_back(&first, start.saturating_add_millis(100), 90, false);

        let busy = sandboxes.take(41, start.saturating_add_millis(50), &mut random);
        assert!(busy.is_cold && busy.stream != first.stream);
        let again = sandboxes.take(41, start.saturating_add_millis(200), &mut random);
        assert!(!again.is_cold);
        let newer = sandboxes.take(42, start.saturating_add_millis(300), &mut random);
        assert!(newer.is_cold);
    }
}

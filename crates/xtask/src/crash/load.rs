//! Sends events from several threads until the node is gone, and remembers what was answered.

use std::fmt::Write;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow};

use super::node::Node;
use super::random::Random;

const SENDERS: u64 = 3;
const BATCH_EVENTS_MAX: u64 = 60;
const HOUR_MS: u64 = 3_600_000;
/// Events are spread over so many hours, so that most windows have ended and are merged.
const HOURS: u64 = 4;
/// Old events, which retention drops, are so old.
const OLD_MS: u64 = 10 * 24 * HOUR_MS;
/// One batch in so many is of old events.
const OLD_EVERY: u64 = 6;

/// A batch that was sent.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Its name, unique in the run; events carry it.
    pub(super) name: String,
    pub(super) events: u64,
    pub(super) is_acknowledged: bool,
    /// Whether retention may drop it at any time.
    pub(super) is_old: bool,
}

/// Threads that send.
#[derive(Debug)]
pub(super) struct Load {
    round: u64,
    senders: Vec<JoinHandle<Result<Vec<Batch>>>>,
}

impl Load {
    pub(super) fn start(node: &Arc<Node>, round: u64, random: &mut Random) -> Load {
        let senders = (0..SENDERS).map(|sender| {
            let node = Arc::clone(node);
            let random = Random::new(random.next());
            thread::spawn(move || send(&node, round, sender, random))
        });
        Load {
            round,
            senders: senders.collect(),
        }
    }

    /// Waits for the senders, which end when the node is gone; returns the round and what was sent.
    pub(super) fn end(self) -> Result<(u64, Vec<Batch>)> {
        let mut batches = Vec::new();
        for sender in self.senders {
            let sent = sender.join().map_err(|_| anyhow!("a sender panicked"))?;
            batches.extend(sent?);
        }
        Ok((self.round, batches))
    }
}

fn send(node: &Node, round: u64, sender: u64, mut random: Random) -> Result<Vec<Batch>> {
    let now_ms = node.now_ms();
    let mut batches = Vec::new();
    for number in 0.. {
        let mut batch = Batch {
            name: format!("{round}-{sender}-{number}"),
            events: random.between(1, BATCH_EVENTS_MAX),
            is_acknowledged: false,
            is_old: random.below(OLD_EVERY) == 0,
        };
        let age_ms = if batch.is_old { OLD_MS } else { 0 };
        let first_ms = now_ms - age_ms - random.below(HOURS * HOUR_MS);
        let body = body(&batch, round, first_ms)?;
        match node.push(body.as_bytes()) {
            Ok(200) => batch.is_acknowledged = true,
            // Refused: nothing of it may be there, which is checked as for any other.
            Ok(429 | 503) => {}
            Ok(status) => return Err(anyhow!("a batch was answered with {status}")),
            Err(_) => {
                batches.push(batch);
                return Ok(batches);
            }
        }
        batches.push(batch);
    }
    Ok(batches)
}

fn body(batch: &Batch, round: u64, first_ms: u64) -> Result<String> {
    let age = if batch.is_old { "old" } else { "new" };
    let mut body = String::new();
    for event in 0..batch.events {
        writeln!(
            body,
            "{{\"_time\":{},\"function\":\"{age}\",\"level\":\"INFO\",\"message\":\"round{round} batch={} event={event} end\"}}",
            first_ms + event,
            batch.name,
        )?;
    }
    Ok(body)
}

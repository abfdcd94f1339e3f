//! What must be there, and whether it is.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};

use super::load::Batch;
use super::node::{Node, Row};

/// Everything that was ever sent, as far as it is known what must have become of it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// New events that must be there, by batch.
    certain: HashMap<String, u64>,
    /// The last round and its batches, not checked yet.
    last: Option<(u64, Vec<Batch>)>,
    sent: u64,
    acknowledged: u64,
    events: u64,
    under_way: u64,
    under_way_and_there: u64,
}

impl Truth {
    /// Takes what a round has sent.
    pub(super) fn remember(&mut self, round: (u64, Vec<Batch>)) {
        self.sent += round.1.len() as u64;
        for batch in round.1.iter().filter(|batch| batch.is_acknowledged) {
            self.acknowledged += 1;
            self.events += batch.events;
        }
        self.last = Some(round);
    }

    /// Checks the batches of the last round; afterwards it is known which of those that were
    /// under way are there.
    pub(super) fn check_last(&mut self, node: &Node) -> Result<()> {
        let Some((round, batches)) = self.last.take() else {
            return Ok(());
        };
        let found = node.batches(&format!("round{round}"))?;
        for batch in &batches {
            let there = found.get(&batch.name);
            let is_there = there.is_some();
            if let Some(there) = there
                && !is_whole(there, batch.events)
            {
                bail!(
                    "batch {} of {} events came back as {there:?}",
                    batch.name,
                    batch.events
                );
            }
            if batch.is_old {
                continue;
            }
            if batch.is_acknowledged && !is_there {
                bail!("batch {} was acknowledged and is lost", batch.name);
            }
            if !batch.is_acknowledged {
                self.under_way += 1;
                self.under_way_and_there += u64::from(is_there);
            }
            if is_there {
                self.certain.insert(batch.name.clone(), batch.events);
            }
        }
        let sent: std::collections::HashSet<&str> =
            batches.iter().map(|batch| batch.name.as_str()).collect();
        if let Some(unknown) = found.keys().find(|name| !sent.contains(name.as_str())) {
            bail!("batch {unknown} is there and was never sent");
        }
        Ok(())
    }

    /// Checks everything that must be there.
    pub(super) fn check_all(&self, node: &Node) -> Result<()> {
        let found = node.batches("function=new").context("everything")?;
        for (name, events) in &self.certain {
            match found.get(name) {
                Some(there) if is_whole(there, *events) => {}
                Some(there) => bail!("batch {name} of {events} events is now {there:?}"),
                None => bail!("batch {name} was there and is lost"),
            }
        }
        if let Some(unknown) = found.keys().find(|name| !self.certain.contains_key(*name)) {
            bail!("batch {unknown} is there and must not be");
        }
        Ok(())
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn under_way(&self) -> u64 {
        self.under_way
    }

    pub(super) fn under_way_and_there(&self) -> u64 {
        self.under_way_and_there
    }
}

/// Whether each of a batch's events is there once: as many rows as events, from the first to
/// the last, and the sum that only their numbers give.
fn is_whole(there: &Row, events: u64) -> bool {
    there.count == events && there.last == events - 1 && there.sum == events * (events - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_whole_only_with_each_event_once() {
        let row = |count, last, sum| Row { count, last, sum };
        assert!(is_whole(&row(3, 2, 3), 3));
        assert!(!is_whole(&row(2, 2, 2), 3));
        assert!(!is_whole(&row(3, 2, 4), 3));
        assert!(!is_whole(&row(6, 2, 6), 3));
    }
}

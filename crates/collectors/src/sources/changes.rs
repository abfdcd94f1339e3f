//! Sources are added, changed, paused and removed while the node runs. Every change is checked,
//! then kept, then made, one after the other.

use std::collections::HashMap;

use futures::future::BoxFuture;
use tokio::sync::MutexGuard;

use super::Sources;
use super::check::{check, names, pullers};
use super::entry::{Entry, SourceDetails};
use super::sent::{self, Sent};
use crate::aws_cloudwatch_logs;
use crate::error::{CollectorsError, Result};
use crate::registry::SourceConfig;

/// Sources of one node.
const SOURCES_MAX: usize = 1_000;

impl Sources {
    /// Every source with its configuration, in the order of [`Sources::status`].
    pub fn all(&self) -> Vec<SourceDetails> {
        let now = self.clock.now();
        let entries = self.read();
        entries.iter().map(|entry| entry.details(now)).collect()
    }

    /// One source with its configuration.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn one(&self, name: &str) -> Result<SourceDetails> {
        let (entries, now) = (self.read(), self.clock.now());
        let place = place(&entries, name)?;
        Ok(entries[place].details(now))
    }

    /// Adds a source and starts it.
    ///
    /// # Errors
    /// If it cannot work, its name or token is taken, or it cannot be kept; nothing has changed
    /// then.
    pub fn create(&self, sent: Sent) -> BoxFuture<'_, Result<SourceDetails>> {
        Box::pin(async move {
            let _changing = self.begin().await?;
            let sent = sent::completed(sent, None)?;
            let config = sent::parse(&sent)?;
            if self.read().iter().any(|entry| entry.name == config.name()) {
                return Err(CollectorsError::NameTwice(config.name().to_owned()));
            }
            if self.read().len() >= SOURCES_MAX {
                return Err(CollectorsError::TooMany {
                    what: "sources",
                    limit: "SOURCES_MAX",
                    max: SOURCES_MAX,
                });
            }
            self.check_with(&config)?;
            let mut entry = Entry::sent(config, sent);
            self.keep(&entry).await?;
            self.launch(&mut entry, &self.pullers());
            let name = entry.name.clone();
            note("added", &entry);
            self.write().push(entry);
            self.one(&name)
        })
    }

    /// Changes a source: it is stopped and started anew. It stays paused if it was.
    ///
    /// # Errors
    /// If it comes from the configuration file, cannot work as it shall be, or cannot be kept;
    /// nothing has changed then.
    pub fn replace<'a>(
        &'a self,
        name: &'a str,
        sent: Sent,
    ) -> BoxFuture<'a, Result<SourceDetails>> {
        Box::pin(async move {
            let _changing = self.begin().await?;
            let (before, is_paused) = {
                let entries = self.read();
                let entry = &entries[changeable(&entries, name)?];
                (entry.sent.clone(), entry.is_paused)
            };
            let sent = sent::completed(sent, before.as_ref())?;
            let config = sent::parse(&sent)?;
            if config.name() != name {
                return Err(CollectorsError::Renamed(name.to_owned()));
            }
            self.check_with(&config)?;
            let mut entry = Entry::sent(config, sent);
            entry.is_paused = is_paused;
            self.keep(&entry).await?;
            self.exchange(entry).await;
            self.one(name)
        })
    }

    /// Stops a source and forgets its configuration. How far it has read is remembered: one that
    /// is added under its name goes on from there.
    ///
    /// # Errors
    /// If it comes from the configuration file, another source names it, or the change cannot be
    /// kept; nothing has changed then.
    pub fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let _changing = self.begin().await?;
            let place = {
                let entries = self.read();
                let place = changeable(&entries, name)?;
                let configs = entries.iter().filter_map(|entry| entry.config.as_ref());
                let mut naming = configs.filter(|config| names(config, name));
                if entries[place].config.is_some()
                    && let Some(naming) = naming.next()
                {
                    return Err(CollectorsError::Needed {
                        name: name.to_owned(),
                        by: naming.name().to_owned(),
                    });
                }
                place
            };
            self.book
                .remove(name)
                .await
                .map_err(CollectorsError::Book)?;
            let removed = self.write().remove(place);
            note("removed", &removed);
            stop(&removed).await;
            self.keep_twin(name).await
        })
    }

    /// Pauses a source: it stops asking the cloud, or asks its senders to wait.
    ///
    /// # Errors
    /// If there is none of this name or the change cannot be kept; nothing has changed then.
    pub fn pause<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SourceDetails>> {
        Box::pin(self.set_paused(name, true))
    }

    /// Lets a paused source go on.
    ///
    /// # Errors
    /// If there is none of this name or the change cannot be kept; nothing has changed then.
    pub fn resume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SourceDetails>> {
        Box::pin(self.set_paused(name, false))
    }

    async fn set_paused(&self, name: &str, is_paused: bool) -> Result<SourceDetails> {
        let _changing = self.begin().await?;
        let (place, mut kept, was_paused) = {
            let entries = self.read();
            let place = place(&entries, name)?;
            (place, entries[place].kept(), entries[place].is_paused)
        };
        if was_paused != is_paused {
            kept.is_paused = is_paused;
            self.book.put(&kept).await.map_err(CollectorsError::Book)?;
            let ending = {
                let mut entries = self.write();
                let entry = &mut entries[place];
                entry.is_paused = is_paused;
                entry.monitor.set_paused(is_paused);
                note(if is_paused { "paused" } else { "resumed" }, entry);
                entry.is_pulled().then(|| {
                    entry.stop.cancel();
                    entry.tasks.close();
                    entry.tasks.clone()
                })
            };
            if let Some(ending) = ending {
                ending.wait().await;
                let pullers = self.pullers();
                self.launch(&mut self.write()[place], &pullers);
            }
        }
        self.one(name)
    }

    /// Puts a source in the place of the one of its name, and starts those anew that name it.
    async fn exchange(&self, mut entry: Entry) {
        let name = entry.name.clone();
        note("changed", &entry);
        let ending = {
            let entries = self.read();
            let old = entries.iter().find(|old| is_sent(old, &name));
            old.filter(|old| old.is_pulled()).map(|old| {
                old.stop.cancel();
                old.tasks.close();
                old.tasks.clone()
            })
        };
        // Two of one source at a time would read the same events.
        if let Some(ending) = ending {
            ending.wait().await;
        }
        let mut entries = self.write();
        let Some(place) = entries.iter().position(|old| is_sent(old, &name)) else {
            return;
        };
        let configs = entries.iter().filter(|old| !is_sent(old, &name));
        let configs = configs
            .chain([&entry])
            .filter_map(|entry| entry.config.as_ref());
        let pullers = pullers(configs);
        self.launch(&mut entry, &pullers);
        let old = std::mem::replace(&mut entries[place], entry);
        // Its senders find the new one already.
        old.stop.cancel();
        for other in entries.iter_mut() {
            if other
                .config
                .as_ref()
                .is_some_and(|config| names(config, &name))
            {
                let before = other.stop.clone();
                self.launch(other, &pullers);
                before.cancel();
            }
        }
    }

    /// Waits for its turn.
    async fn begin(&self) -> Result<MutexGuard<'_, ()>> {
        let turn = self.changing.lock().await;
        match self.closing.is_cancelled() {
            true => Err(CollectorsError::Closing),
            false => Ok(turn),
        }
    }

    /// Checks a source together with all others, in the place of the one of its name.
    pub(super) fn check_with(&self, config: &SourceConfig) -> Result<()> {
        let entries = self.read();
        let others = entries.iter().filter_map(|entry| entry.config.as_ref());
        let others = others.filter(|other| other.name() != config.name());
        check(others.chain([config]))
    }

    pub(super) fn pullers(&self) -> HashMap<String, aws_cloudwatch_logs::Config> {
        let entries = self.read();
        pullers(entries.iter().filter_map(|entry| entry.config.as_ref()))
    }

    async fn keep(&self, entry: &Entry) -> Result<()> {
        let kept = self.book.put(&entry.kept()).await;
        kept.map_err(CollectorsError::Book)
    }

    /// A removed source may have had the name of one of the file, whose pause is kept under it.
    async fn keep_twin(&self, name: &str) -> Result<()> {
        let kept = {
            let entries = self.read();
            let twin = entries.iter().find(|entry| entry.name == name);
            twin.filter(|twin| twin.is_paused).map(Entry::kept)
        };
        match kept {
            None => Ok(()),
            Some(kept) => self.book.put(&kept).await.map_err(CollectorsError::Book),
        }
    }
}

/// Ends what a source does, and waits until nothing of it is left.
async fn stop(entry: &Entry) {
    entry.stop.cancel();
    entry.tasks.close();
    entry.tasks.wait().await;
}

fn is_sent(entry: &Entry, name: &str) -> bool {
    entry.name == name && !entry.is_fixed()
}

fn place(entries: &[Entry], name: &str) -> Result<usize> {
    let place = entries.iter().position(|entry| entry.name == name);
    place.ok_or_else(|| CollectorsError::Unknown(name.to_owned()))
}

/// The place of a source that does not come from the configuration file.
fn changeable(entries: &[Entry], name: &str) -> Result<usize> {
    let found = entries.iter().position(|entry| is_sent(entry, name));
    match (found, place(entries, name)) {
        (Some(place), _) => Ok(place),
        (None, Ok(_)) => Err(CollectorsError::InFile(name.to_owned())),
        (None, Err(unknown)) => Err(unknown),
    }
}

/// Says in the log who is where now; settings could have secrets.
fn note(change: &str, entry: &Entry) {
    let collector = entry.monitor.collector();
    tracing::info!(source = entry.name, collector, change, "source changed");
}

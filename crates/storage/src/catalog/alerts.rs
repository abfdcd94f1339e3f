//! The catalog's rows about monitors and alerts. What an evaluation changes, the states and the
//! messages to people, becomes durable in one transaction: a crash neither loses a message nor
//! sends it twice under two names.
//!
//! Bodies are JSON that this room does not look into.

use futures::future::BoxFuture;
use model::Timestamp;

use super::Catalog;
use super::database::{Row, Transaction, Value};
use super::outbox::{self, Message};
use crate::{Result, StorageError};

/// A monitor that was made through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMonitor {
    /// Its name for ever.
    pub id: String,
    /// Grows with every change, from 1.
    pub version: u64,
    /// When it was changed.
    pub modified_at: Timestamp,
    /// What it is.
    pub body: String,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its name for ever.
    pub id: String,
    /// The monitor's id.
    pub monitor: String,
    /// Whether it is not over.
    pub is_open: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// The rest.
    pub body: String,
    /// Who has seen it; empty if nobody has said so. Only [`Catalog::acknowledge`] writes it.
    pub acknowledgement: String,
}

/// Something that happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEvent {
    /// The same event always has the same id.
    pub id: String,
    /// The alert's id.
    pub alert: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub body: String,
}

/// What evaluations change, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// The new states, by monitor.
    pub states: Vec<(String, String)>,
    /// Alerts that began or changed.
    pub alerts: Vec<AlertRow>,
    /// What happened to them; known events are left as they are.
    pub events: Vec<AlertEvent>,
    /// Messages to be sent; known messages are left as they are.
    pub messages: Vec<Message>,
}

/// A mute: while it lasts, people are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MuteRow {
    /// Its name.
    pub id: String,
    /// When it ends.
    pub ends_at: Timestamp,
    /// The rest.
    pub body: String,
}

impl Catalog {
    /// Makes what evaluations change durable, all or nothing.
    ///
    /// # Errors
    /// If the catalog cannot be written; nothing has changed then.
    pub fn record_evaluation<'a>(&'a self, evaluated: &'a Evaluated) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("record an evaluation");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            write(&mut transaction, evaluated).await.map_err(failed())?;
            transaction.commit().await.map_err(failed())
        })
    }

    /// Returns the states of all monitors, by monitor.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn monitor_states(&self) -> BoxFuture<'_, Result<Vec<(String, String)>>> {
        Box::pin(async move {
            let sql = "SELECT monitor, body FROM monitor_states ORDER BY monitor";
            let rows = self
                .read("read the states of monitors", sql, Vec::new())
                .await?;
            rows.iter()
                .map(|row| Ok((row.text("monitor")?, row.text("body")?)))
                .collect()
        })
    }

    /// Returns the monitors that were made through the API.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn saved_monitors(&self) -> BoxFuture<'_, Result<Vec<SavedMonitor>>> {
        Box::pin(async move {
            let sql = "SELECT id, version, modified_at, body FROM monitors ORDER BY id";
            let rows = self.read("read monitors", sql, Vec::new()).await?;
            let monitor = |row: &Row| {
                Ok(SavedMonitor {
                    id: row.text("id")?,
                    version: row.count("version")?,
                    modified_at: row.time("modified_at")?,
                    body: row.text("body")?,
                })
            };
            rows.iter().map(monitor).collect()
        })
    }

    /// Saves a monitor that is new (version 1), or the next version of one. Returns whether it
    /// was, which it is not if somebody else was faster.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn save_monitor<'a>(&'a self, monitor: &'a SavedMonitor) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let values: Vec<Value> = vec![
                monitor.id.as_str().into(),
                monitor.version.into(),
                monitor.modified_at.into(),
                monitor.body.as_str().into(),
            ];
            let sql = if monitor.version == 1 {
                "INSERT INTO monitors (id, version, modified_at, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO NOTHING"
            } else {
                "UPDATE monitors SET version = $2, modified_at = $3, body = $4
             WHERE id = $1 AND version = $2 - 1"
            };
            Ok(self.change("save a monitor", sql, values).await? > 0)
        })
    }

    /// Removes a monitor and its state; says whether there was one.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn delete_monitor<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("delete a monitor");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            let deleted = transaction
                .execute("DELETE FROM monitors WHERE id = $1", vec![id.into()])
                .await
                .map_err(failed())?;
            transaction
                .execute(
                    "DELETE FROM monitor_states WHERE monitor = $1",
                    vec![id.into()],
                )
                .await
                .map_err(failed())?;
            transaction.commit().await.map_err(failed())?;
            Ok(deleted > 0)
        })
    }

    /// Returns the open alerts and those that changed at `since` or later, the newest change
    /// first, at most `limit`.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn alerts(&self, since: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<AlertRow>>> {
        Box::pin(async move {
            let sql =
            "SELECT id, monitor, is_open, began_at, changed_at, body, acknowledgement FROM alerts
             WHERE is_open = 1 OR changed_at >= $1
             ORDER BY is_open DESC, changed_at DESC, id LIMIT $2";
            let values = vec![since.into(), (limit as u64).into()];
            let rows = self.read("read alerts", sql, values).await?;
            rows.iter().map(alert).collect()
        })
    }

    /// Returns one alert.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn alert<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<AlertRow>>> {
        Box::pin(async move {
            let sql = "SELECT id, monitor, is_open, began_at, changed_at, body, acknowledgement FROM alerts WHERE id = $1";
            let rows = self.read("read an alert", sql, vec![id.into()]).await?;
            rows.first().map(alert).transpose()
        })
    }

    /// Returns the alerts of a monitor that began at `since` or later, the newest first.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn alerts_of<'a>(
        &'a self,
        monitor: &'a str,
        since: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<AlertRow>>> {
        Box::pin(async move {
            let sql =
            "SELECT id, monitor, is_open, began_at, changed_at, body, acknowledgement FROM alerts
             WHERE monitor = $1 AND began_at >= $2 ORDER BY began_at DESC, id LIMIT $3";
            let values = vec![monitor.into(), since.into(), (limit as u64).into()];
            let rows = self.read("read alerts", sql, values).await?;
            rows.iter().map(alert).collect()
        })
    }

    /// Returns what happened to an alert, the earliest first.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn alert_events<'a>(&'a self, alert: &'a str) -> BoxFuture<'a, Result<Vec<AlertEvent>>> {
        Box::pin(async move {
            let sql =
                "SELECT id, alert, at, body FROM alert_events WHERE alert = $1 ORDER BY at, id";
            let rows = self
                .read("read events of an alert", sql, vec![alert.into()])
                .await?;
            let event = |row: &Row| {
                Ok(AlertEvent {
                    id: row.text("id")?,
                    alert: row.text("alert")?,
                    at: row.time("at")?,
                    body: row.text("body")?,
                })
            };
            rows.iter().map(event).collect()
        })
    }

    /// Notes who has seen an alert, and that it happened; says whether there is such an alert.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn acknowledge<'a>(
        &'a self,
        acknowledgement: &'a str,
        event: &'a AlertEvent,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("acknowledge an alert");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            let values = vec![event.alert.as_str().into(), acknowledgement.into()];
            let sql = "UPDATE alerts SET acknowledgement = $2 WHERE id = $1";
            let changed = transaction.execute(sql, values).await.map_err(failed())?;
            if changed > 0 {
                insert_event(&mut transaction, event)
                    .await
                    .map_err(failed())?;
            }
            transaction.commit().await.map_err(failed())?;
            Ok(changed > 0)
        })
    }

    /// Forgets alerts that ended before `before`, with all that happened to them, and messages
    /// made before that do not wait any more. Returns how many alerts.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn forget_alerts(&self, before: Timestamp) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("forget old alerts");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            for sql in [
                "DELETE FROM alert_events WHERE alert IN
             (SELECT id FROM alerts WHERE is_open = 0 AND changed_at < $1)",
                "DELETE FROM outbox WHERE state <> 'waiting' AND created_at < $1",
                "DELETE FROM mutes WHERE ends_at < $1",
            ] {
                transaction
                    .execute(sql, vec![before.into()])
                    .await
                    .map_err(failed())?;
            }
            let sql = "DELETE FROM alerts WHERE is_open = 0 AND changed_at < $1";
            let forgotten = transaction
                .execute(sql, vec![before.into()])
                .await
                .map_err(failed())?;
            transaction.commit().await.map_err(failed())?;
            Ok(forgotten)
        })
    }

    /// Returns the mutes that end after `now`.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn mutes(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<MuteRow>>> {
        Box::pin(async move {
            let sql = "SELECT id, ends_at, body FROM mutes WHERE ends_at > $1 ORDER BY ends_at, id";
            let rows = self.read("read mutes", sql, vec![now.into()]).await?;
            let mute = |row: &Row| {
                Ok(MuteRow {
                    id: row.text("id")?,
                    ends_at: row.time("ends_at")?,
                    body: row.text("body")?,
                })
            };
            rows.iter().map(mute).collect()
        })
    }

    /// Saves a mute, or changes the one of that id.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn save_mute<'a>(&'a self, mute: &'a MuteRow) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let values: Vec<Value> = vec![
                mute.id.as_str().into(),
                mute.ends_at.into(),
                mute.body.as_str().into(),
            ];
            let sql = "INSERT INTO mutes (id, ends_at, body) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, body = excluded.body";
            self.change("save a mute", sql, values).await.map(drop)
        })
    }

    pub(super) async fn read(
        &self,
        action: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let rows = self.database.fetch(sql, values).await;
        rows.map_err(StorageError::catalog(action))
    }

    pub(super) async fn change(
        &self,
        action: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64> {
        let failed = || StorageError::catalog(action);
        let mut transaction = self.database.begin().await.map_err(failed())?;
        let changed = transaction.execute(sql, values).await.map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        Ok(changed)
    }
}

async fn write(transaction: &mut Transaction, evaluated: &Evaluated) -> Result<(), sqlx::Error> {
    for (monitor, body) in &evaluated.states {
        let sql = "INSERT INTO monitor_states (monitor, body) VALUES ($1, $2)
             ON CONFLICT (monitor) DO UPDATE SET body = excluded.body";
        let values = vec![monitor.as_str().into(), body.as_str().into()];
        transaction.execute(sql, values).await?;
    }
    for alert in &evaluated.alerts {
        let sql = "INSERT INTO alerts (id, monitor, is_open, began_at, changed_at, body)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET is_open = excluded.is_open,
                 changed_at = excluded.changed_at, body = excluded.body";
        let values: Vec<Value> = vec![
            alert.id.as_str().into(),
            alert.monitor.as_str().into(),
            i64::from(alert.is_open).into(),
            alert.began_at.into(),
            alert.changed_at.into(),
            alert.body.as_str().into(),
        ];
        transaction.execute(sql, values).await?;
    }
    for event in &evaluated.events {
        insert_event(transaction, event).await?;
    }
    for message in &evaluated.messages {
        outbox::insert(transaction, message).await?;
    }
    Ok(())
}

pub(super) async fn insert_event(
    transaction: &mut Transaction,
    event: &AlertEvent,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO alert_events (id, alert, at, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING";
    let values: Vec<Value> = vec![
        event.id.as_str().into(),
        event.alert.as_str().into(),
        event.at.into(),
        event.body.as_str().into(),
    ];
    transaction.execute(sql, values).await.map(drop)
}

fn alert(row: &Row) -> Result<AlertRow> {
    Ok(AlertRow {
        id: row.text("id")?,
        monitor: row.text("monitor")?,
        is_open: row.integer("is_open")? != 0,
        began_at: row.time("began_at")?,
        changed_at: row.time("changed_at")?,
        body: row.text("body")?,
        acknowledgement: row.text("acknowledgement")?,
    })
}
